//! Batches in which a job, the commit or the transaction fails.

use super::*;
use aicp_types::{LibraryId, SystemClock};
use tokio::task::JoinHandle;

fn in_memory() -> Local {
    Local::new(rusqlite::Connection::open_in_memory().expect("in-memory database"))
}

/// Returns a writer whose first batch waits for the sender, so that all jobs queued meanwhile share the second.
async fn held_up_writer() -> (Arc<Writer>, oneshot::Sender<()>, JoinHandle<Result<()>>) {
    let connection = in_memory();
    let schema = "PRAGMA foreign_keys = ON;
        CREATE TABLE parent (id INTEGER PRIMARY KEY);
        CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);";
    connection.raw().execute_batch(schema).expect("schema");
    let writer = Writer::start(connection, Arc::new(SystemClock), None, Arc::default()).expect("a thread");
    let writer = Arc::new(writer);
    let (begin, begun) = oneshot::channel::<()>();
    let (release, released) = oneshot::channel::<()>();
    let first = tokio::spawn({
        let writer = Arc::clone(&writer);
        async move {
            let wait = writer.run(|_| {
                Box::pin(async move {
                    begin.send(()).ok();
                    released.await.ok();
                    Ok(())
                })
            });
            wait.await
        }
    });
    begun.await.expect("the first job begins");
    (writer, release, first)
}

fn queue(writer: &Arc<Writer>, sql: &'static str) -> JoinHandle<Result<()>> {
    let writer = Arc::clone(writer);
    tokio::spawn(async move { writer.run(move |tx| Box::pin(async move { Ok(tx.execute(sql).await?) })).await })
}

async fn parents(writer: &Writer) -> i64 {
    let count = writer.run(|tx| {
        Box::pin(async { Ok(sql::query_scalar("SELECT COUNT(*) FROM parent").fetch_one(&mut tx.connection).await?) })
    });
    count.await.expect("count")
}

/// Runs a good job, `spoiler` and another good job in one batch, and returns their outcomes.
async fn batch_with(spoiler: &'static str) -> (Arc<Writer>, Vec<Result<()>>) {
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
    assert!(matches!(outcomes[..], [Ok(()), Err(Error::Database(_)), Ok(())]), "{outcomes:?}");
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

/// Records the removed libraries.
#[derive(Default)]
struct Log(std::sync::Mutex<Vec<i64>>);

impl Observer for Log {
    fn committed(&self, change: &Change) {
        if let Change::LibraryRemoved { library_id } = change {
            self.0.lock().expect("not poisoned").push((*library_id).get());
        }
    }
}

#[tokio::test]
async fn changes_of_a_failed_job_are_not_announced() {
    let log = Arc::new(Log::default());
    let writer =
        Writer::start(in_memory(), Arc::new(SystemClock), Some(log.clone()), Arc::default()).expect("a thread");
    for library_id in 1..=3 {
        let announce = writer.run(move |tx| {
            Box::pin(async move {
                tx.changes.push(Change::LibraryRemoved { library_id: LibraryId::new(library_id) });
                if library_id == 2 { Err(Error::NotFound) } else { Ok(()) }
            })
        });
        assert_eq!(announce.await.is_ok(), library_id != 2);
    }
    assert_eq!(*log.0.lock().expect("not poisoned"), [1, 3]);
}
