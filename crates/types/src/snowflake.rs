//! Ids that increase with time and are unique across nodes without coordination.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::UnixMillis;

/// Epoch of snowflakes (2010-11-04), in milliseconds since the Unix epoch: late enough for 19 digits today, early
/// enough for 63 bits until 2080.
const EPOCH: i64 = 1_288_834_974_657;
const SEQUENCE_BITS: u32 = 12;
const NODE_BITS: u32 = 10;
const MILLISECOND_BITS: u32 = 41;
/// Highest value of `Snowflakes::last`.
const MAX_LAST: i64 = (1 << (MILLISECOND_BITS + SEQUENCE_BITS)) - 1;
/// Bits below the milliseconds.
const LOW_BITS: u32 = NODE_BITS + SEQUENCE_BITS;

/// An id of 63 bits: 41 bits of milliseconds, 10 of the node, 12 of a running number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Snowflake(i64);

impl Snowflake {
    /// Creates the snowflake with this number.
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// Returns the number.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// Returns the time of creation.
    pub const fn created(self) -> UnixMillis {
        UnixMillis::new((self.0 >> LOW_BITS) + EPOCH)
    }

    /// Returns node and running number, which distinguish the snowflakes of one millisecond: 0 to 4,194,303.
    pub const fn within_millisecond(self) -> i64 {
        self.0 & ((1 << LOW_BITS) - 1)
    }

    /// Composes a snowflake from [`created`](Self::created) and [`within_millisecond`](Self::within_millisecond).
    /// `None` if they are out of range.
    pub fn from_parts(created: UnixMillis, within_millisecond: i64) -> Option<Self> {
        let millis = created.get().checked_sub(EPOCH)?;
        let id = Self(millis.checked_mul(1 << LOW_BITS)?.checked_add(within_millisecond)?);
        (id.created() == created).then_some(id)
    }
}

/// Number of a process among those that share a database: 0 to 1023.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Node(u16);

impl Node {
    /// Creates the node with this number. `None` from 1024 on.
    pub const fn new(number: u16) -> Option<Self> {
        if number < 1 << NODE_BITS { Some(Self(number)) } else { None }
    }

    /// Returns the number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

/// Generator of the snowflakes of one node. Each is greater than all before, even if the clock is set back.
#[derive(Debug)]
pub struct Snowflakes {
    node: Node,
    /// Last snowflake without the node: milliseconds since `EPOCH`, and the running number in the low bits.
    last: AtomicI64,
}

impl Snowflakes {
    /// Creates a generator that starts at the current time.
    pub const fn new(node: Node) -> Self {
        Self { node, last: AtomicI64::new(0) }
    }

    /// Makes all later snowflakes greater than `id`.
    pub fn continue_after(&self, id: Snowflake) {
        // Rounds up to the next millisecond, which is greater for every node.
        let next_millisecond = ((id.get() >> LOW_BITS) + 1) << SEQUENCE_BITS;
        self.last.fetch_max((next_millisecond - 1).min(MAX_LAST), Ordering::Relaxed);
    }

    /// Returns the next snowflake. Its time runs ahead of `now` after more than 4,096 snowflakes in a millisecond, or
    /// if the clock was set back.
    pub fn next(&self, now: UnixMillis) -> Snowflake {
        // A clock beyond the range is wrong: ids then go on from the last.
        let floor = now.get().saturating_sub(EPOCH);
        let floor = if (0..1 << MILLISECOND_BITS).contains(&floor) { floor << SEQUENCE_BITS } else { 0 };
        let step = |last: i64| last.saturating_add(1).max(floor).min(MAX_LAST);
        let next = match self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(step(last))) {
            Ok(before) | Err(before) => step(before),
        };
        let (millis, number) = (next >> SEQUENCE_BITS, next & ((1 << SEQUENCE_BITS) - 1));
        Snowflake((millis << LOW_BITS) | (i64::from(self.node.0) << SEQUENCE_BITS) | number)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const NOW: UnixMillis = UnixMillis::new(1_795_000_000_000);

    #[test]
    fn they_grow_and_are_unique_across_threads_and_nodes() {
        let nodes = [0, 1, 1023].map(|number| Snowflakes::new(Node::new(number).expect("a node")));
        let all: Vec<Vec<Snowflake>> = std::thread::scope(|scope| {
            let workers = nodes.iter().flat_map(|ids| [ids, ids]);
            let workers: Vec<_> =
                workers.map(|ids| scope.spawn(|| (0..5000).map(|_| ids.next(NOW)).collect())).collect();
            workers.into_iter().map(|worker| worker.join().expect("no panic")).collect()
        });
        assert!(all.iter().all(|of_thread| of_thread.is_sorted_by(|a, b| a < b)));
        let flat = all.concat();
        assert_eq!(flat.iter().collect::<HashSet<_>>().len(), flat.len());
        assert!(flat.iter().all(|id| id.get().to_string().len() == 19));
    }

    #[test]
    fn a_clock_set_back_repeats_nothing() {
        let ids = Snowflakes::new(Node::default());
        let before = ids.next(NOW);
        assert_eq!(before.created(), NOW);
        assert!(ids.next(UnixMillis::new(NOW.get() - 86_400_000)) > before);
        let others = Snowflake::from_parts(UnixMillis::new(NOW.get() + 5), 1023 << SEQUENCE_BITS).expect("in range");
        ids.continue_after(others);
        assert!(ids.next(NOW) > others);
        assert_eq!(ids.next(UnixMillis::new(NOW.get() + 7)).created().get(), NOW.get() + 7, "the clock has caught up");
    }

    #[test]
    fn a_clock_beyond_the_range_makes_no_negative_ids() {
        let ids = Snowflakes::new(Node::default());
        let before = ids.next(NOW);
        let mad = ids.next(UnixMillis::new(4_000_000_000_000));
        assert!(mad > before && mad.created() == NOW, "{mad:?}");
        assert!(ids.next(UnixMillis::new(i64::MAX)).get() > 0);
        assert_eq!(ids.next(UnixMillis::new(NOW.get() + 5)).created().get(), NOW.get() + 5);
        ids.continue_after(Snowflake::new(i64::MAX));
        assert!(ids.next(NOW).get() > 0);
    }

    #[test]
    fn parts_and_snowflakes_name_each_other() {
        let id = Snowflakes::new(Node::new(3).expect("a node")).next(NOW);
        assert_eq!(Snowflake::from_parts(id.created(), id.within_millisecond()), Some(id));
        for (millis, within) in [(NOW.get(), -1), (NOW.get(), 1 << LOW_BITS), (i64::MAX, 0), (i64::MIN, 0)] {
            assert_eq!(Snowflake::from_parts(UnixMillis::new(millis), within), None);
        }
        assert_eq!(Node::new(1024), None);
    }
}
