//! Batches in which a job, the commit or the transaction fails.

use std::sync::Arc;

use aicp_store::{Effects, Error, Job, Writer};
use tokio::sync::oneshot;

use super::*;
use aicp_types::{OutboxId, UnixMillis};
use tokio::task::JoinHandle;

fn in_memory() -> Local {
    Local::new(rusqlite::Connection::open_in_memory().expect("in-memory database"))
}

/// Returns a writer whose first batch waits for the sender, so that all jobs queued meanwhile share the second.
async fn held_up_writer() -> (Arc<Writer>, oneshot::Sender<()>, JoinHandle<Result<Effects>>) {
    let connection = in_memory();
    let schema = "PRAGMA foreign_keys = ON;
        CREATE TABLE parent (id INTEGER PRIMARY KEY);
        CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);";
    connection.raw().execute_batch(schema).expect("schema");
    let writer = Writer::start(Writing::new(connection)).expect("a thread");
    let writer = Arc::new(writer);
    let (begin, begun) = oneshot::channel::<()>();
    let (release, released) = oneshot::channel::<()>();
    let first = tokio::spawn({
        let writer = Arc::clone(&writer);
        async move {
            let wait: Job = Box::new(move |_| {
                Box::pin(async move {
                    begin.send(()).ok();
                    released.await.is_ok()
                })
            });
            writer.run(wait).await
        }
    });
    begun.await.expect("the first job begins");
    (writer, release, first)
}

/// Queues a job of one statement; returns whether the statement succeeded.
fn queue(writer: &Arc<Writer>, statement: &'static str) -> JoinHandle<Result<bool>> {
    let writer = Arc::clone(writer);
    tokio::spawn(async move {
        let (tell, mut told) = oneshot::channel();
        let job: Job = Box::new(move |tx| {
            Box::pin(async move {
                let is_done = tx.execute(statement).await.is_ok();
                tell.send(is_done).ok();
                is_done
            })
        });
        writer.run(job).await?;
        Ok(told.try_recv().expect("the job has run"))
    })
}

async fn parents(writer: &Writer) -> i64 {
    let (tell, mut told) = oneshot::channel();
    let job: Job = Box::new(move |tx| {
        Box::pin(async move {
            let count = tx.fetch_one(sql::query_scalar("SELECT COUNT(*) FROM parent")).await;
            tell.send(count.expect("count")).ok();
            true
        })
    });
    writer.run(job).await.expect("run");
    told.try_recv().expect("the job has run")
}

/// Runs a good job, `spoiler` and another good job in one batch, and returns their outcomes.
async fn batch_with(spoiler: &'static str) -> (Arc<Writer>, Vec<Result<bool>>) {
    let (writer, release, first) = held_up_writer().await;
    let mut queued = Vec::new();
    for sql in ["INSERT INTO parent (id) VALUES (1)", spoiler, "INSERT INTO parent (id) VALUES (2)"] {
        queued.push(queue(&writer, sql));
        tokio::task::yield_now().await;
    }
    release.send(()).expect("the first job waits");
    first.await.expect("join").expect("first job");
    let mut outcomes = Vec::new();
    for job in queued {
        outcomes.push(job.await.expect("join"));
    }
    (writer, outcomes)
}

#[tokio::test]
async fn a_failing_job_does_not_hurt_its_neighbours() {
    let (writer, outcomes) = batch_with("INSERT INTO parent (id) VALUES (1)").await;
    assert!(matches!(outcomes[..], [Ok(true), Ok(false), Ok(true)]), "{outcomes:?}");
    assert_eq!(parents(&writer).await, 2);
}

#[tokio::test]
async fn a_failing_commit_fails_the_batch_and_not_the_writer() {
    let spoiler = "INSERT INTO child (id, parent) VALUES (1, 99)";
    let (writer, outcomes) = batch_with(spoiler).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(Error::RolledBack(_)))), "{outcomes:?}");
    assert_eq!(parents(&writer).await, 0);
    queue(&writer, "INSERT INTO parent (id) VALUES (3)").await.expect("join").expect("the writer goes on");
    assert_eq!(parents(&writer).await, 1);
}

#[tokio::test]
async fn a_transaction_lost_midway_fails_the_batch_and_not_the_writer() {
    // SQLite does the same when the disk is full.
    let (writer, outcomes) = batch_with("ROLLBACK").await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(Error::RolledBack(_)))), "{outcomes:?}");
    assert_eq!(parents(&writer).await, 0);
    queue(&writer, "INSERT INTO parent (id) VALUES (3)").await.expect("join").expect("the writer goes on");
}

#[tokio::test]
async fn closing_finishes_the_queue_and_refuses_what_comes_later() {
    let (writer, release, first) = held_up_writer().await;
    let queued = queue(&writer, "INSERT INTO parent (id) VALUES (1)");
    tokio::task::yield_now().await;
    release.send(()).expect("the first job waits");
    writer.close().await.expect("close");
    first.await.expect("join").expect("first job");
    queued.await.expect("join").expect("queued job");
    let late = queue(&writer, "INSERT INTO parent (id) VALUES (2)").await.expect("join");
    assert!(matches!(late, Err(Error::Closed)), "{late:?}");
    writer.close().await.expect("close again");
}

#[tokio::test]
async fn effects_of_a_job_that_is_not_completed_are_not_those_of_the_next() {
    let connection = in_memory();
    let before = "CREATE TABLE outbox (id INTEGER PRIMARY KEY, picture_key TEXT, solved INTEGER);
        CREATE TABLE face (picture_key TEXT);
        CREATE TABLE parent (id INTEGER PRIMARY KEY);
        CREATE TABLE removed_picture (picture_key TEXT);
        INSERT INTO outbox (id, picture_key) VALUES (1, 'p');";
    // Without the table of faces, a job that removes pictures can't be completed.
    for script in [before, include_str!("../../migrations/sqlite/0013_tombstones.sql"), "DROP TABLE face"] {
        connection.raw().execute_batch(script).expect("schema");
    }
    let writer = Writer::start(Writing::new(connection)).expect("a thread");
    let removal: Job =
        Box::new(|tx| Box::pin(async move { tx.delete_outbox(OutboxId::new(1), UnixMillis::new(1)).await.is_ok() }));
    let removed = writer.run(removal).await;
    assert!(matches!(removed, Err(Error::RolledBack(_))), "{removed:?}");
    let next: Job = Box::new(|tx| Box::pin(async move { tx.execute("DELETE FROM parent").await.is_ok() }));
    writer.run(next).await.expect("it has nothing to do with the removal");
}
