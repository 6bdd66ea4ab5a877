//! The galleries at the start: every stored template.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aicp_backends::{DamagedFace, IndexedFace, TemplateRow};
use aicp_store::TemplateRow as StoredTemplate;

use crate::background::drive;
use crate::{Inner, Result};

impl Inner {
    /// Loads the templates of all libraries.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub(crate) async fn load_templates(&self) -> Result<()> {
        let algorithm = &self.shared.algorithm;
        let engine = self.builtin.clone();
        let restored = self.gallery_files.restore(&self.store, &engine, algorithm).await?;
        let least = self.settings.load().recognition.loosest_gate().least();
        let left_out = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&left_out);
        let admit = move |rows: Vec<StoredTemplate>| {
            let left_out = drive(engine.load(rows.into_iter().map(template_row).collect(), least))?;
            counted.fetch_add(left_out.not_recognisable, Ordering::Relaxed);
            left_out.damaged.into_iter().for_each(warn_of_damage);
            Ok::<_, aicp_backends::Error>(())
        };
        let read = self.store.read_templates(algorithm, &restored, admit).await??;
        let left_out = left_out.load(Ordering::Relaxed);
        if left_out > 0 {
            tracing::warn!(faces = left_out, "enrolled faces that are not recognisable match nobody");
        }
        tracing::info!(
            templates = read.templates,
            restored = restored.len(),
            algorithm = algorithm.name,
            "galleries are loaded"
        );
        if read.others > 0 {
            tracing::warn!(
                missing = read.others,
                "faces of another algorithm or without a template can't be found; `aicp check` names those without"
            );
        }
        Ok(())
    }
}

pub(crate) fn warn_of_damage(damaged: DamagedFace) {
    tracing::warn!(
        library = damaged.library.get(),
        face = damaged.face.get(),
        "the template of a face is damaged: the face matches nobody until it is enrolled anew"
    );
}

pub(crate) fn template_row(stored: StoredTemplate) -> TemplateRow {
    TemplateRow {
        library: stored.library_id,
        face: IndexedFace { person: stored.person_id, face: stored.face_id, template: stored.vector },
        recognisability: stored.recognisability,
    }
}
