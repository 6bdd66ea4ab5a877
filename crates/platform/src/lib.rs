//! Every use case, as plain async functions: libraries, people, recognition, pictures, apps.
//!
//! The rules are here: who may do what, what is unique, in which order things are written. A use case takes the
//! [`App`] that asks and answers with rows of the store and similarities of the engine. No HTTP status and no field
//! name of any wire protocol is known here.

mod apps;
mod error;
mod ids;
mod libraries;
mod people;
mod pictures;
mod recognition;
mod secrets;

use std::path::Path;
use std::sync::Arc;

pub use aicp_engines::{Assessment, DetectedFace, Format, Grade, Quality, Similarity};
pub use aicp_store::{Counts, Face, Library, Person, Profile};
pub use apps::{App, TokenError};
pub use error::{Error, Result};
pub use people::{EnrolledPerson, Imported, MissingLibrary};
pub use pictures::StoredPicture;
pub use recognition::{FaceMatches, Identification, Match};
pub use secrets::{MasterKey, new_token};

use aicp_engines::{Builtin, TemplateRow};
use aicp_store::{Algorithm, Change, Observer, Store};
use apps::Tokens;
use ids::Ids;
use secrets::Signer;

/// The largest number of people that one recognition answers.
pub const MAX_TOP_N: usize = 100;
/// App that the admin token acts for. Nobody else can have this name.
pub const ADMIN_APP: &str = "admin";
/// Templates handed to the engine at once at start.
const LOAD_BATCH: usize = 8192;

/// What can be set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Two faces are one person if their similarity is above this, 0..1.
    pub threshold: Similarity,
    /// How many people a recognition answers at most, 1..=[`MAX_TOP_N`].
    pub top_n: usize,
    /// A picture is good enough if its quality score is at least this, 0..1.
    pub quality_threshold: f32,
    /// App that calls without a token act for, if they are allowed at all.
    pub anonymous_app: Option<String>,
}

/// The use cases. Clones share everything.
#[derive(Clone)]
pub struct Platform {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    engine: Builtin,
    ids: Ids,
    signer: Signer,
    tokens: Tokens,
    settings: Settings,
}

impl Platform {
    /// Opens the data folder, makes every stored face findable and is then ready. Of the admin token only the hash is
    /// kept.
    ///
    /// # Errors
    /// [`Error::Store`] if the folder can't be opened or another process has it open.
    pub async fn open(
        data_dir: &Path,
        engine: Builtin,
        key: &MasterKey,
        admin_token: &str,
        settings: Settings,
    ) -> Result<Self> {
        let feed: Arc<dyn Observer> = Arc::new(GalleryFeed(engine.clone()));
        let store = Store::open(data_dir, Some(feed)).await?;
        let now_ms = ids::now_ms();
        for app in [Some(ADMIN_APP), settings.anonymous_app.as_deref()].into_iter().flatten() {
            store.ensure_app(app, now_ms).await?;
        }
        let last = store.last_ids().await?;
        let inner = Inner {
            ids: Ids::after(last.max_person_id.max(last.max_file_id), last.max_created_ns),
            signer: Signer::new(key),
            tokens: Tokens::new(admin_token),
            store,
            engine,
            settings,
        };
        inner.load_templates().await?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// What was set.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// How much is stored.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn counts(&self) -> Result<Counts> {
        Ok(self.inner.store.counts().await?)
    }

    /// Whether the store answers reads and its writer is alive.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn ping(&self) -> Result<()> {
        Ok(self.inner.store.ping().await?)
    }

    /// Finishes the writes under way and closes the store.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn close(&self) -> Result<()> {
        Ok(self.inner.store.close().await?)
    }
}

impl Inner {
    async fn load_templates(&self) -> Result<()> {
        let algorithm = self.algorithm();
        let mut batch = Vec::with_capacity(LOAD_BATCH);
        let mut outcome = Ok(());
        let engine = &self.engine;
        let loaded = self
            .store
            .for_each_template(&algorithm, |row| {
                batch.push(TemplateRow {
                    library: row.library_id,
                    person: row.person_row_id,
                    face: row.face_id,
                    vector: row.vector,
                });
                if batch.len() == LOAD_BATCH && outcome.is_ok() {
                    outcome = engine.admit_all(std::mem::take(&mut batch));
                }
            })
            .await?;
        outcome?;
        engine.admit_all(batch)?;
        tracing::info!(templates = loaded, algorithm = algorithm.name, "galleries are loaded");
        let stored = self.store.counts().await?.faces;
        if loaded < stored {
            let missing = stored - loaded;
            tracing::warn!(missing, "faces of another algorithm or without a template can't be found");
        }
        Ok(())
    }

    fn algorithm(&self) -> Algorithm {
        let engine = self.engine.algorithm();
        Algorithm { name: engine.name.clone(), provider: engine.provider.clone(), version: engine.version.clone() }
    }
}

/// Brings committed changes to the engine's galleries, in the order of the commits and before the caller is answered:
/// an acknowledged person is found by the next call.
struct GalleryFeed(Builtin);

impl Observer for GalleryFeed {
    fn committed(&self, change: &Change) {
        match change {
            Change::FaceAdded { library_id, person_row_id, face_id, template } => {
                if let Some(template) = template
                    && let Err(e) = self.0.admit(*library_id, *person_row_id, *face_id, &template.vector)
                {
                    tracing::error!(face = face_id, error = %e, "a stored face can't be found");
                }
            }
            Change::FacesRemoved { library_id, face_ids } => self.0.forget(*library_id, face_ids),
            Change::LibraryRemoved { library_id } => self.0.forget_library(*library_id),
        }
    }
}
