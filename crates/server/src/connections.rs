//! Limits on open connections: in all, and per address. At the limit a new connection replaces the one that has shown the least: no
//! whole head yet, or no call with credentials.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use aicp_dialects::Standing;
use tokio::sync::Notify;

/// The log says at most this often that connections were closed or turned away.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(60);

/// The open connections of all listeners. Clones share them.
#[derive(Clone)]
pub(crate) struct Connections(Arc<Shared>);

struct Shared {
    most: usize,
    most_of_an_address: usize,
    /// Proxies, whose connections are many people's.
    exempt: Vec<IpAddr>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    times: Times,
    next: u64,
    /// The oldest first.
    open: BTreeMap<u64, Open>,
    of_address: HashMap<IpAddr, usize>,
    /// Requests under way that trusted proxies pass on, by who sent them.
    passed_on: HashMap<IpAddr, usize>,
    /// Since the last warning.
    closed: usize,
    turned_away: usize,
    warned: Option<Instant>,
}

struct Open {
    address: IpAddr,
    shown: Shown,
    close: Arc<Notify>,
}

/// Ages of a connection, counted from the first time that its task ran: what waits for a worker had no time to show anything.
#[derive(Clone, Copy, Default)]
struct Times {
    /// Never closed to make room before this age: a round trip of the client, and a head, fit in.
    protected: Duration,
    /// Closed before this age only if all are younger.
    to_show: Duration,
}

const TIMES: Times = Times { protected: Duration::from_millis(250), to_show: Duration::from_secs(2) };

impl Open {
    /// Connections younger than `Times::to_show` come last and are equal.
    fn rank(&self, now: Instant, times: Times) -> Rank {
        let Some(rank) = self.shown.rank() else { return Rank::Protected };
        match self.shown.begun.get().map(|begun| now.saturating_duration_since(*begun)) {
            None => Rank::TooYoung,
            Some(age) if age < times.protected => Rank::TooYoung,
            Some(age) if age < times.to_show => Rank::At(JUST_BEGUN),
            Some(_) => Rank::At(rank),
        }
    }
}

/// Whether a connection can be closed to make room.
enum Rank {
    /// The lowest first.
    At(u8),
    TooYoung,
    Protected,
}

/// After the ranks of those that had `Times::to_show`.
const JUST_BEGUN: u8 = 3;

/// What a connection has shown so far. Clones share it.
#[derive(Clone, Default)]
struct Shown {
    /// The first time that its task ran.
    begun: Arc<OnceLock<Instant>>,
    has_asked: Arc<AtomicBool>,
    under_way: Arc<AtomicUsize>,
    standing: Standing,
}

impl Shown {
    /// How soon it is closed to make room: the lower the sooner; nothing while a call is being answered that came in whole, or if
    /// a caller with credentials uses it.
    fn rank(&self) -> Option<u8> {
        let is_under_way = self.under_way.load(Ordering::Relaxed) > 0;
        match (is_under_way, self.has_asked.load(Ordering::Relaxed)) {
            _ if self.standing.is_known() => None,
            (false, false) => Some(0),
            (false, true) => Some(1),
            (true, _) => self.standing.awaits_body().then_some(2),
        }
    }
}

impl Connections {
    /// At most so many in all, and of one address unless it is exempt.
    pub fn new(most: usize, most_of_an_address: usize, exempt: Vec<IpAddr>) -> Self {
        Self::with_times(TIMES, most, most_of_an_address, exempt)
    }

    fn with_times(times: Times, most: usize, most_of_an_address: usize, exempt: Vec<IpAddr>) -> Self {
        let state = Mutex::new(State { times, ..State::default() });
        Self(Arc::new(Shared { most, most_of_an_address, exempt, state }))
    }

    /// Admits a connection, at the limit in place of one that has shown less.
    ///
    /// # Errors
    /// See [`NoRoom`].
    pub fn admit(&self, address: IpAddr) -> Result<Connection, NoRoom> {
        let address = address.to_canonical();
        let shared = &self.0;
        let mut state = shared.lock();
        let of_address = state.of_address.get(&address).copied().unwrap_or_default();
        let is_counted = !shared.exempt.contains(&address);
        let room = if is_counted && of_address >= shared.most_of_an_address {
            state.close_one(|open| open.address == address)
        } else if state.open.len() >= shared.most {
            state.close_one(|_| true)
        } else {
            Ok(())
        };
        if matches!(room, Err(NoRoom::AllProtected)) {
            state.turned_away += 1;
        }
        state.warn();
        room?;
        let id = state.next;
        state.next += 1;
        let open = Open { address, shown: Shown::default(), close: Arc::default() };
        let (shown, close) = (open.shown.clone(), Arc::clone(&open.close));
        state.open.insert(id, open);
        *state.of_address.entry(address).or_default() += 1;
        drop(state);
        Ok(Connection { id, shown, close, connections: self.clone() })
    }

    /// Counts a request that a proxy passes on for a client; `None` if that has too many under way.
    pub fn pass_on(&self, client: IpAddr) -> Option<PassedOn> {
        let mut state = self.0.lock();
        let under_way = state.passed_on.entry(client).or_default();
        if *under_way >= self.0.most_of_an_address {
            state.turned_away += 1;
            state.warn();
            return None;
        }
        *under_way += 1;
        Some(PassedOn { client, connections: self.clone() })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a connection is not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoRoom {
    /// The limit is reached, and some open connections are too young to be closed: room may be made soon.
    NotYet,
    /// The limit is reached, and every open connection answers a call or belongs to a known caller.
    AllProtected,
}

impl State {
    /// Closes the connection that has shown the least, the oldest of those.
    fn close_one(&mut self, may_go: impl Fn(&Open) -> bool) -> Result<(), NoRoom> {
        let (now, times) = (Instant::now(), self.times);
        let mut least = None;
        let mut reason = NoRoom::AllProtected;
        for (id, open) in self.open.iter().filter(|(_, open)| may_go(open)) {
            match open.rank(now, times) {
                // Ids rise: the first of a rank is its oldest.
                Rank::At(rank) if least.is_none_or(|(lowest, _)| rank < lowest) => least = Some((rank, *id)),
                Rank::At(_) | Rank::Protected => {}
                Rank::TooYoung => reason = NoRoom::NotYet,
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
        let is_time = self.warned.is_none_or(|warned| warned.elapsed() >= BETWEEN_WARNINGS);
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

/// An open connection; dropped, it makes room.
pub(crate) struct Connection {
    id: u64,
    shown: Shown,
    close: Arc<Notify>,
    connections: Connections,
}

impl Connection {
    /// Returns when it has to make room for another.
    pub fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        let close = Arc::clone(&self.close);
        async move { close.notified().await }
    }

    /// Starts its age; its task says so when it runs first.
    pub fn has_begun(&self) {
        self.shown.begun.get_or_init(Instant::now);
    }

    /// Who says, for each of its requests, that the head is in.
    pub fn asker(&self) -> Asker {
        Asker(self.shown.clone())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.connections.0.lock().remove(self.id);
    }
}

/// Says what a connection shows.
#[derive(Clone)]
pub(crate) struct Asker(Shown);

impl Asker {
    /// A whole head is in; its call is under way until the guard is dropped.
    pub fn begin(&self) -> Asked {
        self.0.has_asked.store(true, Ordering::Relaxed);
        self.0.under_way.fetch_add(1, Ordering::Relaxed);
        Asked(self.0.clone())
    }
}

/// A call under way.
pub(crate) struct Asked(Shown);

impl Asked {
    /// What whoever checks credentials says so to.
    pub fn standing(&self) -> Standing {
        self.0.standing.clone()
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A request under way that a proxy passed on.
pub(crate) struct PassedOn {
    client: IpAddr,
    connections: Connections,
}

impl Drop for PassedOn {
    fn drop(&mut self) {
        take_one(&mut self.connections.0.lock().passed_on, self.client);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn admit(connections: &Connections, last: u8) -> Result<Connection, NoRoom> {
        connections.admit(address(last)).inspect(Connection::has_begun)
    }

    fn is_closed(connection: &Connection) -> bool {
        pin!(connection.closed()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn whoever_has_shown_the_least_makes_room_the_oldest_first() {
        let connections = Connections::with_times(Times::default(), 4, 4, Vec::new());
        let admit = |last| admit(&connections, last);
        let [valid, asked, first, second] = [1, 1, 2, 3].map(|last| admit(last).expect("room"));
        drop(asked.asker().begin());
        let call = valid.asker().begin();
        call.standing().is_known_now();
        drop(call);
        let third = admit(4).expect("room is made");
        assert!(is_closed(&first) && !is_closed(&second), "the oldest without a head");
        let fourth = admit(4).expect("room is made");
        let busy = [third.asker().begin(), fourth.asker().begin()];
        assert!(is_closed(&second));
        let fifth = admit(4).expect("room is made");
        assert!(is_closed(&asked), "after those without a head");
        drop(fifth.asker().begin());
        let sixth = admit(4).expect("room is made");
        assert!(is_closed(&fifth));
        let _call = sixth.asker().begin();
        assert_eq!(admit(5).err(), Some(NoRoom::AllProtected), "calls are under way, and one has had a valid one");
        assert!(!is_closed(&valid) && !is_closed(&third));
        drop(busy);
        assert!(admit(5).is_ok());
        assert!(!is_closed(&valid));
    }

    #[test]
    fn those_that_have_just_begun_are_alike() {
        let times = Times { protected: Duration::ZERO, ..TIMES };
        let connections = Connections::with_times(times, 3, 3, Vec::new());
        let first = admit(&connections, 1).expect("room");
        drop(first.asker().begin());
        let [second, third] = [2, 3].map(|last| admit(&connections, last).expect("room"));
        let _fourth = admit(&connections, 4).expect("room is made");
        assert!(is_closed(&first) && !is_closed(&second) && !is_closed(&third), "the oldest, whatever it has shown");
    }

    #[test]
    fn nobody_makes_room_before_the_task_ran_and_the_head_had_time_to_come() {
        let connections = Connections::with_times(Times::default(), 2, 2, Vec::new());
        let waiting = [1, 1].map(|last| connections.admit(address(last)).expect("room"));
        assert_eq!(admit(&connections, 1).err(), Some(NoRoom::NotYet), "the tasks have not run");
        waiting[1].has_begun();
        assert!(admit(&connections, 1).is_ok(), "the second had its time");
        assert!(!is_closed(&waiting[0]) && is_closed(&waiting[1]));

        let times = Times { protected: Duration::from_secs(3600), ..Times::default() };
        let connections = Connections::with_times(times, 1, 1, Vec::new());
        let young = admit(&connections, 1).expect("room");
        assert_eq!(admit(&connections, 1).err(), Some(NoRoom::NotYet));
        assert!(!is_closed(&young));
        let _call = young.asker().begin();
        assert_eq!(admit(&connections, 1).err(), Some(NoRoom::AllProtected));
    }

    #[test]
    fn an_address_takes_no_more_than_its_part() {
        let connections = Connections::with_times(Times::default(), 100, 2, vec![address(9)]);
        let first = admit(&connections, 1).expect("room");
        let second =
            connections.admit(IpAddr::from([0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0201])).expect("the same address");
        let other = admit(&connections, 2).expect("room");
        let third = admit(&connections, 1).expect("room is made");
        assert!(is_closed(&first) && !is_closed(&second) && !is_closed(&other));
        let _calls = [second.asker().begin(), third.asker().begin()];
        assert!(admit(&connections, 1).is_err());
        let proxied: Vec<_> = (0..10).map(|_| admit(&connections, 9).expect("exempt")).collect();
        assert!(!proxied.iter().any(is_closed));
        drop(second);
        assert!(admit(&connections, 1).is_ok(), "there is room again");

        let passed_on = [connections.pass_on(address(3)), connections.pass_on(address(3))];
        assert!(passed_on.iter().all(Option::is_some));
        assert!(connections.pass_on(address(3)).is_none());
        assert!(connections.pass_on(address(4)).is_some());
        drop(passed_on);
        assert!(connections.pass_on(address(3)).is_some());
    }
}
