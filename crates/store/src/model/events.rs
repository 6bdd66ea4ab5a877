//! Events.

use aicp_types::{EventId, FaceId, LibraryId, PublicId, UnixMillis};
use serde::{Deserialize, Serialize};

/// An event of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Id; later events have greater ones.
    pub id: EventId,
    /// When it happened.
    pub time: UnixMillis,
    /// App that it concerns; `None` if it concerns no app alone.
    pub app_id: Option<String>,
    /// Library that it concerns, which may be gone.
    pub library_id: Option<LibraryId>,
    /// What happened.
    pub data: EventData,
}

/// An event to record.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// When it happened.
    pub time: UnixMillis,
    /// App that it concerns; without one, the app of the library.
    pub app_id: Option<String>,
    /// Library that it concerns.
    pub library_id: Option<LibraryId>,
    /// What happened.
    pub data: EventData,
}

/// What happened: ids and numbers, so that the log keeps nothing of a person who is deleted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventData {
    /// A face was stored, with or without a new person.
    FaceEnrolled {
        /// The person.
        person: PublicId,
        /// The face.
        face: FaceId,
    },
    /// Faces of a person were removed; the person stays.
    FacesRemoved {
        /// The person.
        person: PublicId,
        /// The faces; at least one.
        faces: Vec<FaceId>,
    },
    /// A person was removed with all faces.
    PersonRemoved {
        /// The person.
        person: PublicId,
    },
    /// A library was removed with all its people and faces.
    LibraryRemoved,
    /// Faces of a picture were searched for.
    Recognition {
        /// The faces of the picture; of those who match nobody, only their number counts.
        faces: Vec<RecognisedFace>,
    },
    /// An engine was found reachable, or not.
    EngineHealth {
        /// Name of the engine.
        engine: String,
        /// Whether it answers.
        is_up: bool,
    },
    /// A job changed.
    Job {
        /// Id of the job.
        job: String,
        /// State of the job.
        state: String,
        /// Number of items that are done or have failed.
        done: u64,
        /// Number of all items, once it is known.
        total: Option<u64>,
    },
    /// A caller wants to see whether events arrive.
    Test,
}

/// A face of [`EventData::Recognition`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RecognisedFace {
    /// People whom it matches, the most similar first.
    pub matches: Vec<RecognisedPerson>,
}

/// A person whom a face matches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecognisedPerson {
    /// The person.
    pub person: PublicId,
    /// The person's most similar face.
    pub face: FaceId,
    /// Similarity, 0..1.
    pub similarity: f32,
}

/// Kind of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// [`EventData::FaceEnrolled`].
    FaceEnrolled,
    /// [`EventData::FacesRemoved`].
    FacesRemoved,
    /// [`EventData::PersonRemoved`].
    PersonRemoved,
    /// [`EventData::LibraryRemoved`].
    LibraryRemoved,
    /// [`EventData::Recognition`].
    Recognition,
    /// [`EventData::EngineHealth`].
    EngineHealth,
    /// [`EventData::Job`].
    Job,
    /// [`EventData::Test`].
    Test,
}

impl EventKind {
    /// All kinds with their names in the database.
    pub const ALL: [(Self, &'static str); 8] = [
        (Self::FaceEnrolled, "face_enrolled"),
        (Self::FacesRemoved, "faces_removed"),
        (Self::PersonRemoved, "person_removed"),
        (Self::LibraryRemoved, "library_removed"),
        (Self::Recognition, "recognition"),
        (Self::EngineHealth, "engine_health"),
        (Self::Job, "job"),
        (Self::Test, "test"),
    ];

    /// Returns the name in the database.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    /// Returns the kind with this name in the database.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }
}

impl EventData {
    /// Returns the kind.
    pub fn kind(&self) -> EventKind {
        match self {
            Self::FaceEnrolled { .. } => EventKind::FaceEnrolled,
            Self::FacesRemoved { .. } => EventKind::FacesRemoved,
            Self::PersonRemoved { .. } => EventKind::PersonRemoved,
            Self::LibraryRemoved => EventKind::LibraryRemoved,
            Self::Recognition { .. } => EventKind::Recognition,
            Self::EngineHealth { .. } => EventKind::EngineHealth,
            Self::Job { .. } => EventKind::Job,
            Self::Test => EventKind::Test,
        }
    }
}

/// Filter of events. The default admits everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only events of this app.
    pub app_id: Option<String>,
    /// Only events of these kinds; `None`: all.
    pub kinds: Option<Vec<EventKind>>,
    /// Only events of this library.
    pub library_id: Option<LibraryId>,
    /// Only events at this time or later.
    pub from: Option<UnixMillis>,
    /// Only events before this time.
    pub to: Option<UnixMillis>,
}
