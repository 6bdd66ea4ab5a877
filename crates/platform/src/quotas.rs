//! Limits of apps: calls per second and per day, libraries, people.
//!
//! Calls are counted in memory, whatever token or key of the app they come with. The count of the day is written to disk as
//! that of the keys is. The limits of libraries and people are checked in the transaction that adds one.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use aicp_store::{Act, AppQuota, KeyUsage, Quota, Store, Tx};
use aicp_types::LibraryId;
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota as Rate, RateLimiter};
use jiff::ToSpan;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::audit::state;
use crate::error::or_missing;
use crate::keys::{Usage, locked};
use crate::nodes::weight;
use crate::{ADMIN_APP, BadInput, Caller, Error, Limit, Missing, Platform, QuotaError, Result};

/// Interval between writes of the counts: the most that a power cut can lose.
const FLUSH_EVERY: Duration = Duration::from_millis(500);
const SECOND: Duration = Duration::from_secs(1);

type Limiter = RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>;

/// Returns the state of a quota that the audit log shows.
fn audited(quota: &Quota) -> Option<String> {
    state(&serde_json::json!({
        "callsPerSecond": quota.calls_per_second,
        "callsPerDay": quota.calls_per_day,
        "maxLibraries": quota.max_libraries,
        "maxPeople": quota.max_people,
    }))
}

/// Time within which calls are limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// A second.
    Second,
    /// A day in the zone of the statistics.
    Day,
}

/// State of one limit of calls, after a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitState {
    /// Time within which calls are limited.
    pub window: Window,
    /// Maximum number of calls.
    pub allowed: u64,
    /// Number of calls left.
    pub left: u64,
    /// Time until more calls are allowed.
    pub reset: Duration,
}

/// A call was refused, because its app has made too many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaExceeded {
    /// Limit that is reached.
    pub limit: QuotaError,
    /// Time after which a call may succeed.
    pub retry_after: Duration,
    /// States of the limits.
    pub limits: Vec<LimitState>,
}

/// What an app uses of its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaUsage {
    /// Calls today, if they are limited.
    pub calls_today: Option<u64>,
    /// Libraries.
    pub libraries: u64,
    /// People in all libraries.
    pub people: u64,
}

/// Limits of all apps that have some, with the calls that were made.
#[derive(Default)]
pub(crate) struct Quotas {
    by_app: RwLock<HashMap<String, Arc<ActiveQuota>>>,
    stop: Arc<Notify>,
    flusher: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

struct ActiveQuota {
    quota: Quota,
    rate: Option<Limiter>,
    /// Shared by all limits that the app has had, so that a call under way counts for the new ones too.
    usage: Arc<Mutex<Usage>>,
}

/// Outcome of counting a call: the limit that refuses it and the time after which a call may succeed, and the states of the
/// limits.
type Counted = (Result<(), (QuotaError, Duration)>, Vec<LimitState>);

impl ActiveQuota {
    /// Counts a call on a day. One that a limit refuses does not count for the day. `nodes`: how many share the limit per second, and count the calls of a day elsewhere.
    fn count(&self, today: i64, nodes: Option<u32>, until_tomorrow: impl Fn() -> Duration) -> Counted {
        let mut states = Vec::new();
        if let (Some(rate), Some(allowed)) = (&self.rate, self.quota.calls_per_second) {
            let weight = weight(nodes.unwrap_or(1), allowed);
            let allowed = u64::from(allowed);
            let state = |left| LimitState { window: Window::Second, allowed, left, reset: SECOND };
            match rate.check_n(weight) {
                Ok(Ok(snapshot)) => states.push(state((snapshot.remaining_burst_capacity() / weight).into())),
                refused => {
                    states.push(state(0));
                    states.extend(self.day(today, &until_tomorrow));
                    let now = DefaultClock::default().now();
                    let wait = refused.ok().and_then(Result::err).map_or(SECOND, |refused| refused.wait_time_from(now));
                    return (Err((QuotaError::Second, wait)), states);
                }
            }
        }
        let Some(allowed) = self.quota.calls_per_day else { return (Ok(()), states) };
        if nodes.is_some() {
            states.extend(self.day(today, until_tomorrow));
            return (Ok(()), states);
        }
        let mut usage = locked(&self.usage);
        let is_allowed = usage.calls_left(allowed, today) > 0;
        if is_allowed {
            usage.add_call(today);
        }
        let (left, reset) = (usage.calls_left(allowed, today), until_tomorrow());
        states.push(LimitState { window: Window::Day, allowed, left, reset });
        (if is_allowed { Ok(()) } else { Err((QuotaError::Day, reset)) }, states)
    }

    fn day(&self, today: i64, until_tomorrow: impl Fn() -> Duration) -> Option<LimitState> {
        let allowed = self.quota.calls_per_day?;
        let left = locked(&self.usage).calls_left(allowed, today);
        Some(LimitState { window: Window::Day, allowed, left, reset: until_tomorrow() })
    }
}

impl Quotas {
    /// Reads the limits from the store.
    pub async fn load(store: &Store) -> Result<Self> {
        let quotas = Self::default();
        store.rows().await?.quotas().await?.iter().for_each(|quota| quotas.apply(quota));
        Ok(quotas)
    }

    /// Takes over the limits that an app has now. The calls that it has made are kept.
    pub fn apply(&self, row: &AppQuota) {
        let mut by_app = self.by_app.write().unwrap_or_else(PoisonError::into_inner);
        let known = by_app.get(&row.app_id);
        let usage =
            known.map_or_else(|| Arc::new(Mutex::new(Usage::from(row.usage))), |known| Arc::clone(&known.usage));
        let per_second = row.quota.calls_per_second.and_then(NonZeroU32::new);
        let rate = per_second.map(|calls| RateLimiter::direct(Rate::per_second(calls)).with_middleware());
        by_app.insert(row.app_id.clone(), Arc::new(ActiveQuota { quota: row.quota, rate, usage }));
    }

    fn find(&self, app_id: &str) -> Option<Arc<ActiveQuota>> {
        self.by_app.read().unwrap_or_else(PoisonError::into_inner).get(app_id).cloned()
    }

    /// Returns the limits of an app.
    pub fn of(&self, app_id: &str) -> Quota {
        self.find(app_id).map(|known| known.quota).unwrap_or_default()
    }

    /// Counts a call of an app on a day.
    pub fn count(&self, app_id: &str, today: i64, nodes: Option<u32>) -> Result<(), QuotaError> {
        let Some(quota) = self.find(app_id) else { return Ok(()) };
        quota.count(today, nodes, || Duration::ZERO).0.map_err(|(limit, _)| limit)
    }

    /// Returns the number of calls that an app has left on a day; `None`: unlimited.
    pub fn calls_left(&self, app_id: &str, today: i64) -> Option<u64> {
        self.find(app_id)?.day(today, || Duration::ZERO).map(|state| state.left)
    }

    /// Writes new counts to disk. What can't be written is kept for the next time.
    async fn flush(&self, store: &Store) {
        let usage: Vec<(String, KeyUsage)> = {
            let by_app = self.by_app.read().unwrap_or_else(PoisonError::into_inner);
            let unsaved = by_app.iter().map(|(app_id, quota)| (app_id.clone(), locked(&quota.usage).take_unsaved()));
            unsaved.filter_map(|(app_id, calls)| Some((app_id, calls?))).collect()
        };
        if usage.is_empty() {
            return;
        }
        let added = usage.clone();
        let stored: aicp_store::Result<_> =
            store.write(move |tx| Box::pin(async move { tx.add_app_usage(added).await })).await;
        let change = |app_id: &str, change: &dyn Fn(&mut Usage)| {
            self.find(app_id).iter().for_each(|quota| change(&mut locked(&quota.usage)));
        };
        match stored {
            Ok(totals) => totals.iter().for_each(|(app_id, total)| change(app_id, &|usage| usage.learn(*total))),
            Err(e) => {
                tracing::error!(error = %e, "the calls of apps can't be noted");
                usage.iter().for_each(|(app_id, calls)| change(app_id, &|usage| usage.put_back(*calls)));
            }
        }
    }

    /// Starts the task that writes the counts.
    pub async fn start(self: &Arc<Self>, store: Store) {
        let quotas = Arc::clone(self);
        let task = tokio::spawn(async move {
            loop {
                let is_stopped = timeout(FLUSH_EVERY, quotas.stop.notified()).await.is_ok();
                quotas.flush(&store).await;
                if is_stopped {
                    return;
                }
            }
        });
        *self.flusher.lock().await = Some(task);
    }

    /// Writes the counts once more and ends the task.
    pub async fn close(&self) {
        if let Some(task) = self.flusher.lock().await.take() {
            self.stop.notify_one();
            let _ = task.await;
        }
    }
}

impl Platform {
    /// Counts a call of a token's holder against the limits of the app. Calls of administrators are not limited. For calls
    /// with a key there is [`Platform::count_call`].
    ///
    /// # Errors
    /// [`QuotaExceeded`].
    pub fn count_call_of(&self, caller: &Caller) -> Result<Vec<LimitState>, QuotaExceeded> {
        if caller.is_administrator() {
            return Ok(Vec::new());
        }
        let Some(quota) = self.inner.quotas.find(caller.app_id()) else { return Ok(Vec::new()) };
        let nodes = self.is_among_nodes().then(|| self.answering_nodes());
        let (allowed, limits) = quota.count(self.day_number(), nodes, || self.until_tomorrow());
        match allowed {
            Ok(()) => Ok(limits),
            Err((limit, retry_after)) => Err(QuotaExceeded { limit, retry_after, limits }),
        }
    }

    /// Counts a call that [`Platform::count_call_of`] has admitted against the limit per day, where there are nodes: once for all of them. Returns the
    /// state of that limit, if there is one.
    ///
    /// # Errors
    /// [`QuotaExceeded`]; [`Error::Busy`] if that can't be found out.
    pub async fn count_among_nodes(&self, caller: &Caller) -> Result<Result<Option<LimitState>, QuotaExceeded>> {
        if caller.is_administrator() || !self.is_among_nodes() {
            return Ok(Ok(None));
        }
        let counted = self.count_call_of_app_among_nodes(caller.app_id()).await?;
        let today = self.day_number();
        let state =
            self.inner.quotas.find(caller.app_id()).and_then(|quota| quota.day(today, || self.until_tomorrow()));
        Ok(match counted {
            Ok(()) => Ok(state),
            Err(limit) => {
                let limits = state.map(|state| LimitState { left: 0, ..state }).into_iter().collect();
                Err(QuotaExceeded { limit, retry_after: self.until_tomorrow(), limits })
            }
        })
    }

    pub(crate) async fn count_call_of_app_among_nodes(&self, app_id: &str) -> Result<Result<(), QuotaError>> {
        let Some(quota) = self.inner.quotas.find(app_id) else { return Ok(Ok(())) };
        let Some(allowed) = quota.quota.calls_per_day else { return Ok(Ok(())) };
        match self.inner.store.rows().await?.claim_app_call(app_id, self.day_number(), allowed).await? {
            Some(used) => locked(&quota.usage).learn(used),
            None => return Ok(Err(QuotaError::Day)),
        }
        Ok(Ok(()))
    }

    /// Returns the limits of an app and what it uses of them.
    ///
    /// # Errors
    /// [`Missing::App`], also for an app that the caller does not see.
    pub async fn quota(&self, caller: &Caller, app_id: &str) -> Result<(Quota, QuotaUsage)> {
        caller.require_app(app_id).map_err(|_| Missing::App)?;
        let mut rows = self.inner.store.rows().await?;
        if !rows.app_ids().await?.iter().any(|known| known == app_id) {
            return Err(Missing::App.into());
        }
        let (libraries, people) = (rows.library_count(app_id).await?, rows.people_of_app(app_id).await?);
        let quota = self.inner.quotas.of(app_id);
        let left = self.inner.quotas.calls_left(app_id, self.day_number());
        let calls_today = quota.calls_per_day.zip(left).map(|(allowed, left)| allowed.saturating_sub(left));
        Ok((quota, QuotaUsage { calls_today, libraries, people }))
    }

    /// Replaces the limits of an app, effective at once. Libraries and people over a new limit stay.
    ///
    /// # Errors
    /// [`crate::Refusal::Forbidden`]; [`Missing::App`]; [`BadInput::AppId`] for the app of the administrator.
    pub async fn set_quota(&self, caller: &Caller, app_id: &str, quota: Quota) -> Result<()> {
        caller.require_administration()?;
        if app_id == ADMIN_APP {
            return Err(BadInput::AppId.into());
        }
        let id = app_id.to_owned();
        let store = &self.inner.store;
        let act = caller.act(self.now(), "app.quota", format!("app {app_id}"));
        let set = store.write_always(move |tx| {
            Box::pin(async move {
                let known = tx.quotas().await?.into_iter().find(|known| known.app_id == id);
                let before = known.and_then(|known| audited(&known.quota));
                tx.set_quota(&id, quota).await?;
                tx.append_act(Act { before, after: audited(&quota), ..act }).await
            })
        });
        set.await.map_err(or_missing(Missing::App))
    }

    /// Returns the maximum number of libraries of an app.
    pub(crate) fn max_libraries_of(&self, app_id: &str) -> Option<u64> {
        self.inner.quotas.of(app_id).max_libraries
    }

    /// Returns the time until the next day in the zone of the statistics begins, at least a second.
    fn until_tomorrow(&self) -> Duration {
        let tomorrow = self.today().saturating_add(1.day()).at(0, 0, 0, 0);
        self.moment(tomorrow).map_or(SECOND, |midnight| midnight.since(self.now())).max(SECOND)
    }
}

/// Checks that the app that owns a library may have as many people as it has now.
///
/// # Errors
/// [`Limit::People`].
pub(crate) async fn require_people_within_quota(tx: &mut Tx, library_id: LibraryId) -> Result<()> {
    let Some(allowed) = tx.max_people_of_owner(library_id).await? else { return Ok(()) };
    if tx.people_of_owner(library_id, allowed.saturating_add(1)).await? > allowed {
        return Err(Error::Full(Limit::People));
    }
    Ok(())
}
