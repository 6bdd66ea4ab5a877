//! Which events a caller sees.

use aicp_store::EventKind;

use crate::{Area, Caller};

impl Caller {
    /// Returns the kinds of events that the caller sees, of its own app or, as an administrator, of all apps. None: the
    /// caller was granted nothing that makes events.
    pub fn event_kinds(&self) -> Vec<EventKind> {
        let has = |area| self.require_area(area).is_ok();
        let has_any = [Area::People, Area::Recognition, Area::Libraries].into_iter().any(has);
        let is_seen = |kind: &EventKind| match kind {
            EventKind::FaceEnrolled | EventKind::FacesRemoved | EventKind::PersonRemoved => has(Area::People),
            EventKind::LibraryRemoved => has(Area::Libraries),
            EventKind::Recognition => has(Area::Recognition),
            EventKind::EngineHealth => self.is_administrator(),
            EventKind::Job | EventKind::Test => has_any,
        };
        EventKind::ALL.iter().map(|(kind, _)| *kind).filter(is_seen).collect()
    }
}
