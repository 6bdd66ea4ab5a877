//! Limits on open connections, in total and per address. At the limit a new connection evicts the one that has proven
//! the least: no complete head yet, or no authenticated call.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use aicp_requests::ConnectionState;
use tokio::sync::Notify;

use crate::limits::{ConnectionLimits, Limits};
use crate::proxies::Proxies;

/// Minimum interval between warnings about closed and rejected connections.
const WARNING_INTERVAL: Duration = Duration::from_secs(60);

/// Open connections of all listeners. Clones share the state.
#[derive(Clone)]
pub(crate) struct Connections(Arc<Shared>);

struct Shared {
    limits: ConnectionLimits,
    /// Trusted proxies, which have no limit per address because they serve many clients.
    exempt: Proxies,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    times: AgeLimits,
    next: u64,
    /// Open connections by id, oldest first.
    open: BTreeMap<u64, Open>,
    of_address: HashMap<IpAddr, usize>,
    /// Requests in progress from trusted proxies, by client.
    forwarded_requests: HashMap<IpAddr, usize>,
    /// Connections closed since the last warning.
    closed: usize,
    /// Connections and requests rejected since the last warning.
    turned_away: usize,
    warned: Option<Instant>,
}

struct Open {
    address: IpAddr,
    shown: Activity,
    close: Arc<Notify>,
}

/// Age limits of connections. The age starts when the task first runs; earlier, no request could be processed.
#[derive(Clone, Copy, Default)]
struct AgeLimits {
    /// Age up to which a connection is never evicted. It allows a round trip and a head.
    protected: Duration,
    /// Age up to which all connections rank alike, behind the older ones.
    grace_period: Duration,
}

const TIMES: AgeLimits = AgeLimits { protected: Duration::from_millis(250), grace_period: Duration::from_secs(2) };

impl Open {
    /// Returns the eviction rank. Connections younger than `AgeLimits::grace_period` come last, with equal ranks.
    fn rank(&self, now: Instant, times: AgeLimits) -> Rank {
        let Some(rank) = self.shown.rank() else { return Rank::Protected };
        match self.shown.begun.get().map(|begun| now.saturating_duration_since(*begun)) {
            None => Rank::TooYoung,
            Some(age) if age < times.protected => Rank::TooYoung,
            Some(age) if age < times.grace_period => Rank::At(YOUNG_RANK),
            Some(_) => Rank::At(rank),
        }
    }
}

/// Eviction order of a connection.
enum Rank {
    /// Can be evicted; the lowest rank goes first.
    At(u8),
    TooYoung,
    Protected,
}

/// Rank of connections younger than `AgeLimits::grace_period`, behind the ranks of older ones.
const YOUNG_RANK: u8 = 3;

/// Observed behaviour of a connection. Clones share it.
#[derive(Clone, Default)]
struct Activity {
    /// First time that the connection's task ran.
    begun: Arc<OnceLock<Instant>>,
    has_asked: Arc<AtomicBool>,
    under_way: Arc<AtomicUsize>,
    standing: ConnectionState,
}

impl Activity {
    /// Returns the eviction rank by behaviour; the lowest goes first. `None`: the connection is protected, because it
    /// answers a complete call or was used with valid credentials.
    fn rank(&self) -> Option<u8> {
        let is_under_way = self.under_way.load(Ordering::Relaxed) > 0;
        match (is_under_way, self.has_asked.load(Ordering::Relaxed)) {
            _ if self.standing.is_authenticated() => None,
            (false, false) => Some(0),
            (false, true) => Some(1),
            (true, _) => self.standing.awaits_body().then_some(2),
        }
    }
}

impl Connections {
    /// Creates the limits: in total, and per address unless it is exempt.
    pub fn new(limits: ConnectionLimits, exempt: Proxies) -> Self {
        Self::with_times(TIMES, limits, exempt)
    }

    fn with_times(times: AgeLimits, limits: ConnectionLimits, exempt: Proxies) -> Self {
        let state = Mutex::new(State { times, ..State::default() });
        Self(Arc::new(Shared { limits, exempt, state }))
    }

    /// Returns the limits in force now.
    pub fn limits(&self) -> Limits {
        self.0.limits.load()
    }

    /// Returns the number of open connections.
    pub fn open(&self) -> usize {
        self.0.lock().open.len()
    }

    /// Admits a connection; at the limit it evicts another one.
    ///
    /// # Errors
    /// See [`AdmissionError`].
    pub fn admit(&self, address: IpAddr) -> Result<Connection, AdmissionError> {
        let address = address.to_canonical();
        let (shared, limits) = (&self.0, self.limits());
        let mut state = shared.lock();
        let of_address = state.of_address.get(&address).copied().unwrap_or_default();
        let is_counted = !shared.exempt.trusts(address);
        let room = if is_counted && of_address >= limits.max_per_address {
            state.evict_one(|open| open.address == address)
        } else if state.open.len() >= limits.most {
            state.evict_one(|_| true)
        } else {
            Ok(())
        };
        if matches!(room, Err(AdmissionError::AllProtected)) {
            state.turned_away += 1;
        }
        state.warn();
        room?;
        let id = state.next;
        state.next += 1;
        let open = Open { address, shown: Activity::default(), close: Arc::default() };
        let (shown, close) = (open.shown.clone(), Arc::clone(&open.close));
        state.open.insert(id, open);
        *state.of_address.entry(address).or_default() += 1;
        drop(state);
        Ok(Connection { id, shown, close, connections: self.clone() })
    }

    /// Counts a request that a proxy forwards for a client; returns `None` if the client has too many in progress.
    pub fn admit_forwarded(&self, client: IpAddr) -> Option<ForwardedRequest> {
        let mut state = self.0.lock();
        let under_way = state.forwarded_requests.entry(client).or_default();
        if *under_way >= self.limits().max_per_address {
            state.turned_away += 1;
            state.warn();
            return None;
        }
        *under_way += 1;
        Some(ForwardedRequest { client, connections: self.clone() })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reason why a connection is not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AdmissionError {
    /// Limit reached, but some connections are too young to be evicted: room may become free soon.
    NotYet,
    /// Limit reached, and every connection is answering a call or belongs to an authenticated caller.
    AllProtected,
}

impl State {
    /// Closes the connection of the lowest rank, the oldest of equals.
    fn evict_one(&mut self, may_go: impl Fn(&Open) -> bool) -> Result<(), AdmissionError> {
        let (now, times) = (Instant::now(), self.times);
        let mut least = None;
        let mut reason = AdmissionError::AllProtected;
        for (id, open) in self.open.iter().filter(|(_, open)| may_go(open)) {
            match open.rank(now, times) {
                // Ids rise, so the first connection of a rank is the oldest.
                Rank::At(rank) if least.is_none_or(|(lowest, _)| rank < lowest) => least = Some((rank, *id)),
                Rank::At(_) | Rank::Protected => {}
                Rank::TooYoung => reason = AdmissionError::NotYet,
            }
        }
        let (_, id) = least.ok_or(reason)?;
        if let Some(open) = self.remove(id) {
            open.close.notify_one();
        }
        self.closed += 1;
        Ok(())
    }

    fn remove(&mut self, id: u64) -> Option<Open> {
        let open = self.open.remove(&id)?;
        take_one(&mut self.of_address, open.address);
        Some(open)
    }

    fn warn(&mut self) {
        let is_time = self.warned.is_none_or(|warned| warned.elapsed() >= WARNING_INTERVAL);
        if is_time && self.closed + self.turned_away > 0 {
            let State { closed, turned_away, .. } = *self;
            let open = self.open.len();
            tracing::warn!(closed, turned_away, open, "too many connections: those that showed the least make room");
            (self.closed, self.turned_away, self.warned) = (0, 0, Some(Instant::now()));
        }
    }
}

fn take_one(counts: &mut HashMap<IpAddr, usize>, address: IpAddr) {
    if let Some(count) = counts.get_mut(&address) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&address);
        }
    }
}

/// Admitted connection; it frees its place on drop.
pub(crate) struct Connection {
    id: u64,
    shown: Activity,
    close: Arc<Notify>,
    connections: Connections,
}

impl Connection {
    /// Waits until the connection is evicted.
    pub fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        let close = Arc::clone(&self.close);
        async move { close.notified().await }
    }

    /// Starts the age of the connection. Its task calls this when it first runs.
    pub fn has_begun(&self) {
        self.shown.begun.get_or_init(Instant::now);
    }

    /// Returns the recorder of this connection's requests.
    pub fn activity_recorder(&self) -> ActivityRecorder {
        ActivityRecorder(self.shown.clone())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.connections.0.lock().remove(self.id);
    }
}

/// Recorder of the requests of a connection.
#[derive(Clone)]
pub(crate) struct ActivityRecorder(Activity);

impl ActivityRecorder {
    /// Records a complete head. Its call is in progress until the guard is dropped.
    pub fn begin(&self) -> CallGuard {
        self.0.has_asked.store(true, Ordering::Relaxed);
        self.0.under_way.fetch_add(1, Ordering::Relaxed);
        CallGuard(self.0.clone())
    }
}

/// Guard of a call in progress.
pub(crate) struct CallGuard(Activity);

impl CallGuard {
    /// Returns the standing, in which the authentication records its success.
    pub fn standing(&self) -> ConnectionState {
        self.0.standing.clone()
    }
}

impl Drop for CallGuard {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Guard of a forwarded request in progress.
pub(crate) struct ForwardedRequest {
    client: IpAddr,
    connections: Connections,
}

impl Drop for ForwardedRequest {
    fn drop(&mut self) {
        take_one(&mut self.connections.0.lock().forwarded_requests, self.client);
    }
}

#[cfg(test)]
mod tests {
    use crate::proxies::tests::named;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    fn limits(most: usize, max_per_address: usize) -> ConnectionLimits {
        Limits { most, max_per_address, idle: Duration::ZERO }.into()
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn admit(connections: &Connections, last: u8) -> Result<Connection, AdmissionError> {
        connections.admit(address(last)).inspect(Connection::has_begun)
    }

    fn is_closed(connection: &Connection) -> bool {
        pin!(connection.closed()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn whoever_has_shown_the_least_makes_room_the_oldest_first() {
        let connections = Connections::with_times(AgeLimits::default(), limits(4, 4), Proxies::default());
        let admit = |last| admit(&connections, last);
        let [valid, asked, first, second] = [1, 1, 2, 3].map(|last| admit(last).expect("room"));
        drop(asked.activity_recorder().begin());
        let call = valid.activity_recorder().begin();
        call.standing().set_authenticated();
        drop(call);
        let third = admit(4).expect("room is made");
        assert!(is_closed(&first) && !is_closed(&second), "the oldest without a head");
        let fourth = admit(4).expect("room is made");
        let busy = [third.activity_recorder().begin(), fourth.activity_recorder().begin()];
        assert!(is_closed(&second));
        let fifth = admit(4).expect("room is made");
        assert!(is_closed(&asked), "after those without a head");
        drop(fifth.activity_recorder().begin());
        let sixth = admit(4).expect("room is made");
        assert!(is_closed(&fifth));
        let _call = sixth.activity_recorder().begin();
        assert_eq!(
            admit(5).err(),
            Some(AdmissionError::AllProtected),
            "calls are under way, and one has had a valid one"
        );
        assert!(!is_closed(&valid) && !is_closed(&third));
        drop(busy);
        assert!(admit(5).is_ok());
        assert!(!is_closed(&valid));
    }

    #[test]
    fn those_that_have_just_begun_are_alike() {
        let times = AgeLimits { protected: Duration::ZERO, ..TIMES };
        let connections = Connections::with_times(times, limits(3, 3), Proxies::default());
        let first = admit(&connections, 1).expect("room");
        drop(first.activity_recorder().begin());
        let [second, third] = [2, 3].map(|last| admit(&connections, last).expect("room"));
        let _fourth = admit(&connections, 4).expect("room is made");
        assert!(is_closed(&first) && !is_closed(&second) && !is_closed(&third), "the oldest, whatever it has shown");
    }

    #[test]
    fn nobody_makes_room_before_the_task_ran_and_the_head_had_time_to_come() {
        let connections = Connections::with_times(AgeLimits::default(), limits(2, 2), Proxies::default());
        let waiting = [1, 1].map(|last| connections.admit(address(last)).expect("room"));
        assert_eq!(admit(&connections, 1).err(), Some(AdmissionError::NotYet), "the tasks have not run");
        waiting[1].has_begun();
        assert!(admit(&connections, 1).is_ok(), "the second had its time");
        assert!(!is_closed(&waiting[0]) && is_closed(&waiting[1]));

        let times = AgeLimits { protected: Duration::from_secs(3600), ..AgeLimits::default() };
        let connections = Connections::with_times(times, limits(1, 1), Proxies::default());
        let young = admit(&connections, 1).expect("room");
        assert_eq!(admit(&connections, 1).err(), Some(AdmissionError::NotYet));
        assert!(!is_closed(&young));
        let _call = young.activity_recorder().begin();
        assert_eq!(admit(&connections, 1).err(), Some(AdmissionError::AllProtected));
    }

    #[test]
    fn an_address_takes_no_more_than_its_part() {
        let connections =
            Connections::with_times(AgeLimits::default(), limits(100, 2), named(&[&address(9).to_string()]));
        let first = admit(&connections, 1).expect("room");
        let second =
            connections.admit(IpAddr::from([0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0201])).expect("the same address");
        let other = admit(&connections, 2).expect("room");
        let third = admit(&connections, 1).expect("room is made");
        assert!(is_closed(&first) && !is_closed(&second) && !is_closed(&other));
        let _calls = [second.activity_recorder().begin(), third.activity_recorder().begin()];
        assert!(admit(&connections, 1).is_err());
        let proxied: Vec<_> = (0..10).map(|_| admit(&connections, 9).expect("exempt")).collect();
        assert!(!proxied.iter().any(is_closed));
        drop(second);
        assert!(admit(&connections, 1).is_ok(), "there is room again");

        let forwarded_requests = [connections.admit_forwarded(address(3)), connections.admit_forwarded(address(3))];
        assert!(forwarded_requests.iter().all(Option::is_some));
        assert!(connections.admit_forwarded(address(3)).is_none());
        assert!(connections.admit_forwarded(address(4)).is_some());
        drop(forwarded_requests);
        assert!(connections.admit_forwarded(address(3)).is_some());
    }
}
