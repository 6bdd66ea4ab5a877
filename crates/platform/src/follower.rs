//! What follows the committed changes: the index, keys and grants in memory, and the caches.

mod backlog;

use std::sync::Arc;
use std::time::Duration;

use aicp_backends::{Builtin, IndexChange, IndexedFace, is_recognisable_enough};
use aicp_store::{AddedFace, Algorithm, Change, NewTemplate, Observer};
use aicp_types::{FaceId, PersonId, Sequence};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, Notify};

use crate::apps::Tokens;
use crate::background::drive;
use crate::downloads::Fetchers;
use crate::events::EventLog;
use crate::gallery_files::GalleryFiles;
use crate::keys::Keys;
use crate::libraries::LibraryCache;
use crate::live_settings::LiveSettings;
use crate::operators::OperatorDirectory;
use crate::people::DirectoryCache;
use crate::quotas::Quotas;
use crate::secrets::Vault;
use crate::social::FriendGroupCache;
pub(crate) use backlog::{Backlog, Progress};

/// Interval between two attempts at changes that did not reach the index.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Applies committed changes, in commit order and before the caller gets its answer: the next call finds an acknowledged
/// person, and none accepts a revoked key.
pub(crate) struct Follower {
    pub engine: Builtin,
    /// What the index of the engine has yet to apply.
    pub backlog: Arc<Mutex<Backlog>>,
    /// Algorithm of the engine's templates.
    pub algorithm: Algorithm,
    pub vault: Vault,
    pub keys: Arc<Keys>,
    pub tokens: Arc<Tokens>,
    pub operators: Arc<OperatorDirectory>,
    pub quotas: Arc<Quotas>,
    pub libraries: Arc<LibraryCache>,
    pub directory: Arc<DirectoryCache>,
    pub friend_groups: Arc<FriendGroupCache>,
    pub events: EventLog,
    pub settings: LiveSettings,
    pub fetchers: Arc<Fetchers>,
    pub gallery_files: Arc<GalleryFiles>,
    /// Told when a library was changed: its recognitions may be logged now, or not any more.
    pub libraries_changed: Arc<Notify>,
}

impl Observer for Follower {
    fn committed(&self, sequence: Sequence, changes: &[Change]) {
        changes.iter().for_each(|change| self.apply(change));
        let for_index: Vec<IndexChange> = changes.iter().filter_map(|change| self.index_change(change)).collect();
        let is_new_failure = drive(async {
            let mut backlog = self.backlog.lock().await;
            let was_behind = backlog.is_behind();
            changes.iter().for_each(|change| self.gallery_files.follow(change));
            backlog.add(sequence, for_index);
            !backlog.catch_up(&self.engine).await && !was_behind
        });
        // Without a runtime, it is tried again with the next change.
        if is_new_failure && let Ok(runtime) = Handle::try_current() {
            runtime.spawn(catch_up(Arc::clone(&self.backlog), self.engine.clone()));
        }
    }

    fn recorded_events(&self) {
        self.events.notify();
    }
}

/// Tries again until the index has applied all changes.
async fn catch_up(backlog: Arc<Mutex<Backlog>>, engine: Builtin) {
    loop {
        tokio::time::sleep(RETRY_INTERVAL).await;
        if backlog.lock().await.catch_up(&engine).await {
            tracing::info!("the index has applied the changes that it had not");
            return;
        }
    }
}

impl Follower {
    /// Applies a change to keys, grants and caches.
    fn apply(&self, change: &Change) {
        match change {
            Change::KeyChanged { key } => self.keys.apply(key, &self.vault),
            Change::GrantChanged { app_id, grant } => self.tokens.apply(app_id, grant.as_deref()),
            Change::OperatorChanged { operator_id, operator } => {
                self.operators.apply_operator(*operator_id, operator.as_ref());
            }
            Change::OperatorTokenChanged { token_id, token } => self.operators.apply_token(*token_id, token.as_ref()),
            Change::QuotaChanged { quota } => self.quotas.apply(quota),
            Change::SettingChanged { name, setting, .. } => {
                self.settings.apply(name, setting.as_ref());
                self.fetchers.follow(&self.settings.load());
            }
            Change::FriendGroupsChanged { app_id, user_id: Some(user_id), .. } => {
                self.friend_groups.invalidate(app_id, user_id);
            }
            Change::FriendGroupsChanged { user_id: None, .. } => self.friend_groups.invalidate_all(),
            Change::PersonChanged { library_id, public_id } => self.directory.invalidate(*library_id, *public_id),
            Change::LibraryChanged { app_id, library_id } => {
                self.libraries.invalidate_names(app_id, *library_id);
                self.libraries_changed.notify_one();
            }
            Change::LibraryRemoved { library_id } => {
                self.directory.invalidate_all();
                self.libraries.invalidate_library(*library_id);
            }
            // The modification time of the library changes.
            Change::FaceAdded { library_id, .. }
            | Change::FacesAdded { library_id, .. }
            | Change::FacesRemoved { library_id, .. } => self.libraries.invalidate_library(*library_id),
            Change::FaceJudged { .. } => {}
        }
    }

    /// Returns the recognisability from which a face is in the index.
    fn least_recognisability(&self) -> f32 {
        self.settings.load().recognition.loosest_gate().least()
    }

    /// Returns the face for the index, if it has a template of the engine's algorithm and was not judged unrecognisable.
    /// Copied templates may come from another algorithm, and copied and imported ones passed no gate.
    fn indexed(&self, person: PersonId, face: FaceId, template: Option<&NewTemplate>) -> Option<IndexedFace> {
        let template = template.filter(|template| template.algorithm == self.algorithm)?;
        if template.recognisability.is_some_and(|judged| !is_recognisable_enough(judged, self.least_recognisability()))
        {
            return None;
        }
        Some(IndexedFace { person, face, template: template.vector.clone() })
    }

    /// Returns the change of the index, if there is one.
    fn index_change(&self, change: &Change) -> Option<IndexChange> {
        match change {
            Change::FaceAdded { library_id, person_id, face_id, template } => {
                let face = self.indexed(*person_id, *face_id, template.as_deref())?;
                Some(IndexChange::FacesAdded { library: *library_id, faces: vec![face] })
            }
            Change::FacesAdded { library_id, faces } => {
                let faces = faces.iter().filter_map(|AddedFace { person_id, face_id, template }| {
                    self.indexed(*person_id, *face_id, template.as_deref())
                });
                Some(IndexChange::FacesAdded { library: *library_id, faces: faces.collect() })
            }
            Change::FacesRemoved { library_id, face_ids } => {
                Some(IndexChange::FacesRemoved { library: *library_id, faces: face_ids.clone() })
            }
            Change::FaceJudged { library_id, face_id, recognisability } => {
                let is_recognisable = is_recognisable_enough(*recognisability, self.least_recognisability());
                (!is_recognisable).then(|| IndexChange::FacesRemoved { library: *library_id, faces: vec![*face_id] })
            }
            Change::LibraryRemoved { library_id } => Some(IndexChange::LibraryRemoved { library: *library_id }),
            Change::PersonChanged { .. }
            | Change::LibraryChanged { .. }
            | Change::GrantChanged { .. }
            | Change::QuotaChanged { .. }
            | Change::SettingChanged { .. }
            | Change::KeyChanged { .. }
            | Change::OperatorChanged { .. }
            | Change::OperatorTokenChanged { .. }
            | Change::FriendGroupsChanged { .. } => None,
        }
    }
}
