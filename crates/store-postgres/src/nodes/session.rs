//! The session that is the lease of a node.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use aicp_store::NodeLock;
use aicp_store::sql::{DatabaseError, Kind, Result};
use aicp_types::Sequence;
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use super::{ANSWERING, LOCKS, Membership, NUMBERS};
use crate::connection::{Failure, Lease, in_time};
use crate::pool::Pool;

/// Interval of the heartbeats. Each asks for the last change, too.
const HEARTBEAT: Duration = Duration::from_millis(200);
/// Wait for the answer of the database, after which the session is given up.
const ANSWER: Duration = Duration::from_secs(2);
/// Pause before another session is tried.
const RETRY: Duration = Duration::from_millis(200);
/// Time during which another session may have the number of this node, before this node gives up: the server may not know yet that the old
/// session is dead.
const NUMBER_WAIT: Duration = Duration::from_secs(20);
/// Interval at which it is seen whether other nodes have written down what they have in buffers.
const FLUSH_POLL: Duration = Duration::from_millis(3);
/// Interval at which it is seen whether the locks of a lost session are dropped.
const DRAIN: Duration = Duration::from_millis(5);
/// Settings of the session. The server ends it if the node is silent, dead or cut off.
const SETTINGS: &str = "SET idle_session_timeout = '3s'; SET statement_timeout = '2s'; SET synchronous_commit = off;
    SET tcp_keepalives_idle = 1; SET tcp_keepalives_interval = 1; SET tcp_keepalives_count = 2; SET tcp_user_timeout = '3s';
    SET client_min_messages = 'warning'; LISTEN aicp";
/// Wait for a write of another node that is under way.
const LONGEST_WRITE: Duration = Duration::from_mins(11);
/// Nodes have numbers below this.
const MAX_NODES: u16 = 1024;

/// A session that lives, as far as is known.
pub(super) struct Live {
    client: Arc<Client>,
    /// Process of the server.
    pub process: i32,
    heartbeat: Statement,
    behind: Statement,
    /// Counts the other nodes that have not written down what they had in buffers when they were asked.
    unflushed: String,
}

/// Notifications of a session; ends with it.
pub(super) type Notices = mpsc::Receiver<String>;

/// Reads the last sequence of a moment after which every writer knows this node: behind all transactions that have the lock of the writers.
pub(super) async fn last_sequence(pool: &Pool, lease: Lease) -> Result<i64> {
    let mut connection = pool.get().await?;
    connection.wait_for(LONGEST_WRITE, lease);
    // Statements that are sent together are a transaction, which ends by itself even if nobody waits any more.
    let found = connection
        .numbers(
            "SET LOCAL statement_timeout = '10min'; SELECT pg_advisory_xact_lock(1634296688);
             SELECT COALESCE(MAX(sequence), 0) FROM change",
        )
        .await?;
    found.first().copied().ok_or_else(|| DatabaseError::decode("a number was asked for"))
}

impl Live {
    /// Opens a session with the lowest number that is free.
    pub async fn first(pool: &Pool) -> Result<(Self, u16, Notices)> {
        let (live, notices) = Self::connect(pool).await?;
        for number in 0..MAX_NODES {
            if live.has_taken(NUMBERS, number).await? {
                return Ok((live, number, notices));
            }
        }
        Err(DatabaseError::new(Kind::Unavailable, "all numbers of nodes are taken"))
    }

    async fn connect(pool: &Pool) -> Result<(Self, Notices)> {
        let (client, notices) = pool.session().await?;
        answered(client.batch_execute(SETTINGS)).await?;
        let process: i32 = answered(client.query_one("SELECT pg_backend_pid()", &[])).await?.get(0);
        let heartbeat = format!(
            "SELECT COALESCE((SELECT MAX(sequence) FROM change), 0), COALESCE((SELECT MAX(id) FROM event), 0),
                COUNT(*) FILTER (WHERE classid = {ANSWERING} AND pid <> {process})
             FROM pg_locks WHERE {LOCKS}"
        );
        let behind = format!(
            "SELECT pid, COALESCE(node.applied, -1)
             FROM pg_locks LEFT JOIN node ON node.number = objid::BIGINT AND node.session = pid
             WHERE {LOCKS} AND classid = {ANSWERING} AND pid <> {process}"
        );
        let heartbeat = answered(client.prepare(&heartbeat)).await?;
        let behind = answered(client.prepare(&behind)).await?;
        let unflushed = format!(
            "SELECT COUNT(*) FROM pg_locks JOIN node ON node.number = objid::BIGINT AND node.session = pid
             WHERE {LOCKS} AND classid = {ANSWERING} AND pid <> {process} AND node.flushed < $1"
        );
        Ok((Self { client: Arc::new(client), process, heartbeat, behind, unflushed }, notices))
    }

    /// Takes the lock of a number.
    async fn has_taken(&self, key: i32, number: u16) -> Result<bool> {
        let row = self.row("SELECT pg_try_advisory_lock($1, $2)", &[&key, &i32::from(number)]).await?;
        Ok(row.get(0))
    }

    async fn row(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Row> {
        answered(self.client.query_one(sql, parameters)).await
    }

    /// Takes a lock for as long as what is returned lives; `None` if another node has it.
    pub async fn try_lock(self: &Arc<Self>, key: i64) -> Result<Option<NodeLock>> {
        let (live, (tell, answer)) = (Arc::clone(self), oneshot::channel());
        // Not dropped with this future: the server may give the lock after it, and nobody would give it back.
        tokio::spawn(async move {
            let _ = tell.send(live.lock_if_free(key).await);
        });
        let lost = || DatabaseError::new(Kind::Unavailable, "the database did not answer in time");
        let answered = tokio::time::timeout(ANSWER, answer).await.map_err(|_| lost())?;
        answered.map_err(|_| lost())?
    }

    /// As [`try_lock`](Self::try_lock), however long the answer takes.
    async fn lock_if_free(self: &Arc<Self>, key: i64) -> Result<Option<NodeLock>> {
        let answer = self.client.query_one("SELECT pg_try_advisory_lock($1)", &[&key]).await;
        let row = answer.map_err(|error| Failure::from(error).error)?;
        if !row.get::<_, bool>(0) {
            return Ok(None);
        }
        let (live, runtime) = (Arc::clone(self), tokio::runtime::Handle::current());
        Ok(Some(NodeLock::new(move || {
            runtime.spawn(async move {
                // If this fails, the session is lost, and the lock with it.
                let _ = live.row("SELECT pg_advisory_unlock($1)", &[&key]).await;
            });
        })))
    }

    /// Wakes the other nodes.
    pub async fn notify(&self) -> Result<()> {
        answered(self.client.batch_execute("NOTIFY aicp")).await
    }

    /// Returns what the other nodes that answer have all followed; `i64::MAX` if there is none.
    pub async fn followed_by_others(&self) -> Result<i64> {
        Ok(self.others().await?.into_iter().map(|(_, applied)| applied).min().unwrap_or(i64::MAX))
    }

    /// Asks the other nodes to write down what they have in buffers, and waits until they have.
    pub async fn flush_others(&self) -> Result<()> {
        let ask = "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::BIGINT AS asked";
        let asked: i64 = self.row(ask, &[]).await?.get(0);
        self.row("SELECT pg_notify('aicp', $1)", &[&asked.to_string()]).await?;
        loop {
            let row = self.row(&self.unflushed, &[&asked]).await?;
            if row.get::<_, i64>(0) == 0 {
                return Ok(());
            }
            tokio::time::sleep(FLUSH_POLL).await;
        }
    }

    async fn others(&self) -> Result<Vec<(i32, i64)>> {
        let rows = answered(self.client.query(&self.behind, &[])).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// Ends the sessions of the nodes that have not followed a change; returns their number.
    pub async fn expel_those_behind(&self, sequence: Sequence) -> Result<usize> {
        let sequence = i64::try_from(sequence.get()).unwrap_or(i64::MAX);
        let mut expelled = 0;
        for (process, applied) in self.others().await? {
            if applied < sequence && self.row("SELECT pg_terminate_backend($1)", &[&process]).await?.get(0) {
                expelled += 1;
            }
        }
        Ok(expelled)
    }

    async fn report(&self, number: u16, applied: i64) -> Result<()> {
        let (number, session) = (i64::from(number), i64::from(self.process));
        let parameters: [&(dyn ToSql + Sync); 3] = [&number, &session, &applied];
        let report = "INSERT INTO node (number, session, applied) VALUES ($1, $2, $3)
            ON CONFLICT (number) DO UPDATE SET session = excluded.session, applied = excluded.applied";
        answered(self.client.execute(report, &parameters)).await.map(drop)
    }
}

/// Waits for the answer of the database.
async fn answered<T>(answer: impl Future<Output = std::result::Result<T, tokio_postgres::Error>>) -> Result<T> {
    in_time(ANSWER, answer).await.map_err(|failure| failure.error)
}

/// Keeps a session as long as the node lives: looks after the one that there is, and opens another when it is lost.
pub(super) async fn keep(membership: Weak<Membership>, first: Notices) {
    let mut notices = Some(first);
    loop {
        if let Some(notices) = notices.take() {
            let outcome = look_after(&membership, notices).await;
            let Some(membership) = membership.upgrade() else { return };
            if let Err(error) = outcome {
                tracing::warn!(%error, "the lease of this node was lost");
            }
            membership.heard.send_replace(None);
            let lost = membership.slot().take();
            membership.losses.send_modify(|losses| *losses += 1);
            metrics::counter!("aicp_node_leases_lost_total").increment(1);
            membership.pool.forget_idle();
            membership.of_writer.forget_idle();
            // Nothing that was begun under the old lease may write under a new one.
            while lost.as_ref().is_some_and(|lost| Arc::strong_count(lost) > 1) {
                tokio::time::sleep(DRAIN).await;
            }
        }
        tokio::time::sleep(RETRY).await;
        let Some(membership) = membership.upgrade() else { return };
        match another(&membership).await {
            Ok((live, its_notices)) => {
                *membership.slot() = Some(Arc::new(live));
                notices = Some(its_notices);
            }
            Err(error) => tracing::warn!(%error, "this node has no lease"),
        }
    }
}

/// Opens another session with the number of this node.
async fn another(membership: &Membership) -> Result<(Live, Notices)> {
    let (live, notices) = Live::connect(&membership.pool).await?;
    let begun = Instant::now();
    while !live.has_taken(NUMBERS, number_of(membership)).await? {
        if begun.elapsed() > NUMBER_WAIT {
            tracing::error!("another node has the number of this one: it has to start anew");
            (membership.told)();
            return Err(DatabaseError::new(Kind::Unavailable, "another node has the number of this one"));
        }
        tokio::time::sleep(RETRY).await;
    }
    Ok((live, notices))
}

fn number_of(membership: &Membership) -> u16 {
    membership.number.get()
}

/// Sends heartbeats and reports until the session fails, or the node ends.
async fn look_after(membership: &Weak<Membership>, mut notices: Notices) -> Result<()> {
    let (mut answers, mut reported) = (false, None);
    loop {
        let Some(node) = membership.upgrade() else { return Ok(()) };
        let Some(live) = node.slot().clone() else { return Ok(()) };
        if node.gives_up.swap(false, Ordering::AcqRel) {
            return Err(DatabaseError::new(Kind::Unavailable, "given up"));
        }
        let applied = node.feed.applied();
        if answers && reported != Some(applied) {
            live.report(node.number.get(), applied).await?;
            reported = Some(applied);
        }
        let begun = Instant::now();
        let row = answered(live.client.query_one(&live.heartbeat, &[])).await?;
        let (last, event, others): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
        if last < applied {
            tracing::error!(last, applied, "the database is an earlier one than this node knows: it has to start anew");
            (node.told)();
            return Err(DatabaseError::new(Kind::Unavailable, "the database is an earlier one"));
        }
        // Fewer are only seen under the lock of the writers: an answer may come late.
        node.meet(others);
        node.others.fetch_max(usize::try_from(others).unwrap_or_default(), Ordering::AcqRel);
        node.feed.tell_last(last);
        node.feed.tell_last_event(event);
        if answers {
            node.heard.send_replace(Some(begun));
        } else if *node.joined.borrow() {
            // Before anybody waits for it.
            follow_up_to(&node, &live, last).await?;
            // From now on, writers wait for this node. Those before have committed.
            if !live.has_taken(ANSWERING, node.number.get()).await? {
                return Err(DatabaseError::new(Kind::Unavailable, "another session answers for this node"));
            }
            live.report(node.number.get(), node.feed.applied()).await?;
            let last = beside_heartbeats(&live, last_sequence(&node.pool, Lease::now(node.losses.subscribe()))).await?;
            follow_up_to(&node, &live, last).await?;
            answers = true;
            continue;
        }
        if node.feed.applied() != applied {
            continue;
        }
        drop(live);
        tokio::select! {
            notice = notices.recv() => {
                let Some(notice) = notice else {
                    return Err(DatabaseError::new(Kind::Unavailable, "the session has ended"));
                };
                // One heartbeat serves all that have come.
                let more = std::iter::from_fn(|| notices.try_recv().ok());
                let asked: Option<i64> = std::iter::once(notice).chain(more).filter_map(|asked| asked.parse().ok()).max();
                if let Some(asked) = asked {
                    tokio::spawn(flush(Arc::clone(&node), asked));
                }
            }
            () = node.report.notified() => {}
            () = node.feed.has_applied() => {}
            () = tokio::time::sleep(HEARTBEAT) => {}
        }
    }
}

/// Writes down what this node has in buffers, and reports that to whoever asked for it at a time.
async fn flush(node: Arc<Membership>, asked: i64) {
    if let Some(flush) = node.flush.get() {
        flush().await;
    }
    let Ok(live) = node.live() else { return };
    let (number, session) = (i64::from(node.number.get()), i64::from(live.process));
    let report = "UPDATE node SET flushed = GREATEST(flushed, $3) WHERE number = $1 AND session = $2";
    let parameters: [&(dyn ToSql + Sync); 3] = [&number, &session, &asked];
    if let Err(error) = answered(live.client.execute(report, &parameters)).await {
        tracing::warn!(%error, "this node can't report that it has written down what it had in buffers");
    }
}

/// Waits until the node has followed a change, and reports how far it is.
async fn follow_up_to(node: &Membership, live: &Live, last: i64) -> Result<()> {
    node.feed.tell_last(last);
    while node.feed.applied() < last {
        // Reports are no silence.
        let _ = tokio::time::timeout(HEARTBEAT, node.feed.wait_for_number(last)).await;
        live.report(node.number.get(), node.feed.applied()).await?;
    }
    Ok(())
}

/// Waits for something that may take long, without silence on the session.
pub(super) async fn beside_heartbeats<T>(live: &Live, work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(HEARTBEAT) => drop(answered(live.client.batch_execute("SELECT 1")).await?),
        }
    }
}
