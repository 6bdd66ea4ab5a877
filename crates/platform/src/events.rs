//! The log of events, and who follows it.
//!
//! Events of changes are recorded by the transactions of the changes. All others, such as recognitions, go into a bounded
//! buffer and never wait. One task writes the buffer at most [`MAX_FLUSH_DELAY`] after an event arrived: a power cut loses
//! no more than that, a clean stop loses nothing. When the buffer is full, further events are dropped and counted.

mod buffer;
mod kinds;
mod streams;

use aicp_store::{Event, EventFilter, Rows};
use aicp_types::EventId;

use crate::{Caller, Missing, Platform, Result};

pub(crate) use buffer::EventLog;
pub use streams::{EventStream, Woken};

/// Events of a range of ids.
#[derive(Debug, Clone, PartialEq)]
pub struct EventBatch {
    /// The events, in order.
    pub events: Vec<Event>,
    /// Up to this id, all events are in the batch or not wanted.
    pub position: EventId,
    /// Whether events after the requested id are gone, because they were kept long enough.
    pub has_gap: bool,
}

impl Platform {
    /// Returns the id of the last event; 0 before the first.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn last_event(&self) -> Result<EventId> {
        Ok(self.inner.store.rows().await?.last_event().await?)
    }

    /// Returns an event that the caller sees.
    ///
    /// # Errors
    /// [`Missing::Event`], also for an event that was deleted by age.
    pub async fn event(&self, caller: &Caller, id: EventId) -> Result<Event> {
        let event = self.inner.store.rows().await?.event(id).await?;
        let is_seen = |event: &Event| {
            let is_of_app = caller.sees_all_apps() || event.app_id.as_deref() == Some(caller.app_id());
            is_of_app && caller.event_kinds().contains(&event.data.kind())
        };
        event.filter(is_seen).ok_or(Missing::Event.into())
    }

    /// Returns the newest events between two ids that the caller sees and the filter admits, at most `limit`, the newest
    /// first. `before` `None`: from the last one on.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn events_before(
        &self,
        caller: &Caller,
        filter: EventFilter,
        after: EventId,
        before: Option<EventId>,
        limit: u64,
    ) -> Result<Vec<Event>> {
        let up_to = before.map_or(EventId::new(i64::MAX), |before| EventId::new(before.get().saturating_sub(1)));
        let filter = seen_by(caller, filter);
        Ok(self.inner.store.rows().await?.events_after(&filter, after, up_to, true, limit).await?)
    }

    /// Returns the events after an id that the caller sees and the filter admits, at most `limit`.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn events_after(
        &self,
        caller: &Caller,
        filter: EventFilter,
        after: EventId,
        limit: u64,
    ) -> Result<EventBatch> {
        let filter = seen_by(caller, filter);
        // One state: what is deleted meanwhile must show as a gap.
        let mut rows = self.inner.store.snapshot().await?;
        batch_after(&mut rows, &filter, after, limit).await
    }
}

/// Returns a filter with what a caller sees of it.
fn seen_by(caller: &Caller, filter: EventFilter) -> EventFilter {
    let mut kinds = caller.event_kinds();
    if let Some(wanted) = filter.kinds {
        kinds.retain(|kind| wanted.contains(kind));
    }
    let app_id = match filter.app_id {
        app_id if caller.sees_all_apps() => app_id,
        Some(other) if other != caller.app_id() => {
            kinds.clear();
            Some(other)
        }
        _ => Some(caller.app_id().to_owned()),
    };
    EventFilter { kinds: Some(kinds), app_id, ..filter }
}

/// Reads the events of a filter after an id.
pub(crate) async fn batch_after(
    rows: &mut Rows<'_>,
    filter: &EventFilter,
    after: EventId,
    limit: u64,
) -> Result<EventBatch> {
    // Read first, so that an event that comes meanwhile is in the next batch.
    let last = rows.last_event().await?;
    let first = rows.first_event().await?;
    // Ids beyond the last event come from another database, or from this one before it was restored.
    let has_gap = after > last || first.is_some_and(|first| first.get() > after.get().saturating_add(1));
    if after >= last {
        return Ok(EventBatch { events: Vec::new(), position: last, has_gap });
    }
    let events = rows.events_after(filter, after, last, false, limit).await?;
    let is_full = events.len() as u64 >= limit;
    let position = events.last().map(|event| event.id).filter(|_| is_full).unwrap_or(last);
    Ok(EventBatch { events, position, has_gap })
}
