//! Lost connections, several hosts, and nodes that want the same database.

use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use aicp_blobs::{BlobKey, Blobs, MemoryBlobs};
use aicp_store::{Change, Error as StoreError, Observer, OutboxRow, Store, TABLES};
use aicp_store_postgres::{Address, Options, Postgres, peek_at_settings};
use aicp_store_tests::fixture::{APP, bytes, face_with, new_library, new_outbox_row, new_person};
use aicp_store_tests::handle::Handle;
use aicp_types::{Sequence, SystemClock, UnixMillis};
use futures_util::FutureExt;
use tokio::sync::oneshot;

use crate::Empty;

fn options(url: &str) -> Options {
    let address = url.parse().expect("an address");
    Options { address, connections: 4, authorities: None, told: Arc::new(|| {}), waits_for_nodes: true }
}

async fn open(options: &Options) -> Handle {
    open_with(options, Arc::new(MemoryBlobs::default())).await
}

async fn open_with(options: &Options, blobs: Arc<MemoryBlobs>) -> Handle {
    let database = Postgres::open(options).await.expect("opened");
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(SystemClock);
    let store = Store::open(Arc::new(database), blobs, folder.path(), clock).await;
    Handle(store.expect("opened"))
}

/// Hears changes, and may be held up.
#[derive(Default)]
struct Ear {
    heard: Mutex<Vec<Change>>,
    /// Held by who holds it up.
    gate: Mutex<()>,
}

impl Ear {
    fn heard(&self) -> Vec<Change> {
        self.heard.lock().expect("no panic").clone()
    }
}

impl Observer for Ear {
    fn committed(&self, _: Sequence, changes: &[Change]) {
        let _open = self.gate.lock().expect("no panic");
        self.heard.lock().expect("no panic").extend_from_slice(changes);
    }
}

/// A node that answers, and what it hears.
async fn join(options: &Options) -> (Handle, Arc<Ear>) {
    join_with(options, Arc::new(MemoryBlobs::default())).await
}

async fn join_with(options: &Options, blobs: Arc<MemoryBlobs>) -> (Handle, Arc<Ear>) {
    let (node, ear) = (open_with(options, blobs).await, Arc::<Ear>::default());
    node.observe(Arc::clone(&ear) as Arc<dyn Observer>);
    node.nodes().expect("nodes").join().await.expect("joined");
    (node, ear)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_is_answered_once_every_node_has_followed_it() {
    let empty = Empty::on_newest();
    let options = options(&empty.0.url());
    let (one, heard_by_one) = join(&options).await;
    let (two, heard_by_two) = join(&options).await;
    assert_eq!((one.node().get(), two.node().get()), (0, 1));
    one.ensure_app(APP, UnixMillis::new(1)).await.expect("written");
    for round in 0..20 {
        let writer = if round % 2 == 0 { &one } else { &two };
        let library = writer.insert_library(new_library(&format!("library {round}"))).await.expect("written");
        let told = Change::LibraryChanged { app_id: APP.into(), library_id: library.id };
        assert_eq!(heard_by_one.heard().last(), Some(&told), "round {round}");
        assert_eq!(heard_by_two.heard().last(), Some(&told), "round {round}");
    }
    assert_eq!(heard_by_one.heard().len(), 20, "each once");
    assert_eq!(heard_by_one.heard(), heard_by_two.heard());

    // A template comes with its face.
    let library = one.library(APP, "library 0").await.expect("read").expect("there");
    let enrolled = two.enrol(library.id, new_person(), face_with(&[0.25, -0.5], "1"), bytes("picture")).await;
    let face = enrolled.expect("written").1.id;
    let of_face = heard_by_one.heard().into_iter().find_map(|change| match change {
        Change::FacesAdded { faces, .. } => faces.into_iter().find(|added| added.face_id == face),
        _ => None,
    });
    let template = of_face.and_then(|added| added.template);
    assert_eq!(template.map(|template| template.vector.clone()), Some(vec![0.25, -0.5]));
    one.close().await.expect("closed");
    two.ensure_app("alone", UnixMillis::new(1)).await.expect("nobody to wait for");
    two.close().await.expect("closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_is_put_again_while_another_node_deletes_it_is_not_lost() {
    let empty = Empty::on_newest();
    let (options, blobs) = (options(&empty.0.url()), Arc::<MemoryBlobs>::default());
    let (one, _) = join_with(&options, Arc::clone(&blobs)).await;
    let (two, _) = join_with(&options, Arc::clone(&blobs)).await;
    one.ensure_app(APP, UnixMillis::new(1)).await.expect("written");
    let library = one.insert_library(new_library("a")).await.expect("written");
    let enrol = async |node: &Handle| {
        let enrolled = node.enrol(library.id, new_person(), face_with(&[1.0], "1"), bytes("picture")).await;
        enrolled.expect("written").0
    };
    let is_there = async || blobs.get(&BlobKey::of(&bytes("picture"))).await.is_ok();
    let mut person = enrol(&one).await;
    for round in 0..30 {
        let (remover, enroller) = if round % 2 == 0 { (&one, &two) } else { (&two, &one) };
        let (removed, enrolled) = tokio::join!(remover.remove_person(person.id), enrol(enroller));
        removed.expect("removed");
        person = enrolled;
        assert!(is_there().await, "round {round}");
    }
    two.remove_person(person.id).await.expect("removed");
    assert!(!is_there().await, "nobody has it");
    one.close().await.expect("closed");
    two.close().await.expect("closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_another_node_has_removed_is_deleted() {
    let (empty, folder) = (Empty::on_newest(), tempfile::tempdir().expect("a folder"));
    let (options, blobs) = (options(&empty.0.url()), Arc::<MemoryBlobs>::default());
    let database = Arc::new(Postgres::open(&options).await.expect("opened"));
    let blobs_of_one: Arc<dyn Blobs> = Arc::<MemoryBlobs>::clone(&blobs);
    let one = Store::open(database, blobs_of_one, folder.path(), Arc::new(SystemClock)).await;
    let one = Handle(one.expect("opened"));
    let two = open_with(&options, blobs).await;
    one.ensure_app(APP, UnixMillis::new(1)).await.expect("written");
    let library = one.insert_library(new_library("a")).await.expect("written");
    let mut rows = Vec::new();
    for name in ["20200628/1.jpg", "20200628/2.jpg"] {
        let enrolled = one.enrol(library.id, new_person(), face_with(&[1.0], "1"), bytes(name)).await;
        let (person, face) = enrolled.expect("written");
        let row = OutboxRow { listed: true, ..new_outbox_row(&library, &person, &face) };
        let inserted = row.clone();
        one.0.write(move |tx| Box::pin(async move { tx.insert_outbox(inserted).await })).await.expect("written");
        let link = one.0.outbox_picture_file(row.id, &face.picture_key, name.to_owned()).await.expect("written");
        rows.push((row, link.expect("a file")));
    }
    let (gone, kept) = (&rows[0], &rows[1]);
    let solved = OutboxRow { solved_at: Some(UnixMillis::new(7)), ..gone.0.clone() };
    two.update_outbox_and_release_picture(solved).await.expect("written");
    one.0.sweep().await.expect("swept");
    assert!(!gone.1.exists() && kept.1.exists());
    one.close().await.expect("closed");
    two.close().await.expect("closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_does_not_follow_loses_its_lease_until_it_does() {
    let empty = Empty::on_newest();
    let options = options(&empty.0.url());
    let (one, _) = join(&options).await;
    let (two, ear) = join(&options).await;
    one.ensure_app(APP, UnixMillis::new(1)).await.expect("written");
    let nodes = two.nodes().expect("nodes");
    let mut losses = nodes.losses();
    {
        let slow = Arc::clone(&ear);
        let (locked, is_locked) = oneshot::channel();
        let (open, is_open) = mpsc::channel::<()>();
        let holder = thread::spawn(move || {
            let _held = slow.gate.lock().expect("no panic");
            locked.send(()).expect("waited for");
            is_open.recv().ok();
        });
        is_locked.await.expect("held");
        one.insert_library(new_library("a")).await.expect("answered without the other");
        losses.changed().await.expect("a node");
        assert!(nodes.admit().await.is_err(), "it must not answer");
        assert!(two.insert_library(new_library("b")).await.is_err(), "nor write");
        drop(open);
        holder.join().expect("no panic");
    }
    loop {
        if nodes.admit().await.is_ok() {
            break;
        }
    }
    assert_eq!(ear.heard().len(), 1, "it has followed");
    let library = two.insert_library(new_library("b")).await.expect("written");
    assert_eq!(ear.heard().last(), Some(&Change::LibraryChanged { app_id: APP.into(), library_id: library.id }));
    one.close().await.expect("closed");
    two.close().await.expect("closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_is_held_by_one_node_and_goes_with_its_lease() {
    let empty = Empty::on_newest();
    let options = options(&empty.0.url());
    let (one, two) = (open(&options).await, open(&options).await);
    let (of_one, of_two) = (one.nodes().expect("nodes"), two.nodes().expect("nodes"));
    let held = of_one.try_lock(7).await.expect("asked").expect("free");
    assert!(of_two.try_lock(7).await.expect("asked").is_none());
    let other = of_two.try_lock(8).await.expect("asked").expect("free");
    drop(held);
    let again = of_two.lock(7).await.expect("waited for");

    // Whoever loses the lease does not write before all that it held is dropped.
    let mut losses = of_two.losses();
    empty.0.run(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = 0 AND objid = 8 AND objsubid = 1",
    );
    losses.changed().await.expect("a node");
    drop(of_one.lock(7).await.expect("it is free"));
    for _ in 0..20 {
        let refused = two.ensure_app(APP, UnixMillis::new(1)).await.expect_err("no lease");
        assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");
    }
    drop((other, again));
    while two.ensure_app(APP, UnixMillis::new(1)).await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(two.node().get(), 1, "the number stays");
    one.close().await.expect("closed");
    two.close().await.expect("closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_connections_are_replaced() {
    let empty = Empty::on_newest();
    let store = open(&options(&empty.0.url())).await;
    store.ensure_app(APP, UnixMillis::new(1)).await.expect("written");
    for round in 0..5 {
        empty.0.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
        let name = format!("library {round}");
        // A call or two find a connection that is no more; nothing is written then.
        let written = loop {
            match store.insert_library(new_library(&name)).await {
                Ok(library) => break library,
                Err(StoreError::Unavailable(_)) => {}
                Err(error) => panic!("{error}"),
            }
        };
        let read = loop {
            match store.library_by_id(written.id).await {
                Ok(library) => break library.expect("it is there"),
                Err(StoreError::Unavailable(_)) => {}
                Err(error) => panic!("{error}"),
            }
        };
        assert_eq!(read.external_id, name);
    }
    assert_eq!(store.library_count(APP).await.expect("read"), 5, "none was written twice");
    // The lock of the node, too: the check fails until it is taken again.
    while store.ping().await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    store.close().await.expect("closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_hosts_one_that_answers_is_used() {
    let empty = Empty::on_newest();
    let url = empty.0.url();
    let (user, rest) = url.split_once('@').expect("a user");
    // Nobody listens on port 9 of loopback.
    let store = open(&options(&format!("{user}@127.0.0.1:9,{rest}"))).await;
    store.ensure_app(APP, UnixMillis::new(1)).await.expect("written");
    store.close().await.expect("closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_accepts_connections_and_hangs_hides_no_other() {
    let empty = Empty::on_newest();
    let url = empty.0.url();
    let (user, rest) = url.split_once('@').expect("a user");
    // Nobody answers who connects: the kernel accepts.
    let hangs = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let port = hangs.local_addr().expect("an address").port();
    let store = open(&options(&format!("{user}@127.0.0.1:{port},{rest}"))).await;
    store.ensure_app(APP, UnixMillis::new(1)).await.expect("written");
    store.close().await.expect("closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_nobody_waits_for_any_more_is_given_back() {
    let empty = Empty::on_newest();
    let options = options(&empty.0.url());
    let (one, two) = (open(&options).await, open(&options).await);
    let (of_one, of_two) = (one.nodes().expect("nodes"), two.nodes().expect("nodes"));
    for _ in 0..20 {
        let asked = of_one.try_lock(7);
        // It has asked the database, and does not hear the answer.
        assert!(asked.now_or_never().is_none());
    }
    drop(of_two.lock(7).await.expect("it is free"));
    one.close().await.expect("closed");
    two.close().await.expect("closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_do_not_keep_the_writer_waiting() {
    let empty = Empty::on_newest();
    let options = options(&empty.0.url());
    let store = open(&options).await;
    let mut held = Vec::new();
    for _ in 0..options.connections {
        held.push(store.rows().await.expect("a connection"));
    }
    store.ensure_app(APP, UnixMillis::new(1)).await.expect("written");
    drop(held);
    store.close().await.expect("closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_knows_more_than_the_database_starts_anew() {
    let empty = Empty::on_newest();
    let told = Arc::new(tokio::sync::Notify::new());
    let tell = Arc::clone(&told);
    let options = Options { told: Arc::new(move || tell.notify_one()), ..options(&empty.0.url()) };
    let (node, _) = join(&options).await;
    node.ensure_app(APP, UnixMillis::new(1)).await.expect("written");
    for name in ["a", "b"] {
        node.insert_library(new_library(name)).await.expect("written");
    }
    // As a standby that lacks the last change.
    empty.0.run("DELETE FROM change WHERE sequence = (SELECT MAX(sequence) FROM change)");
    told.notified().await;
    node.close().await.expect("closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_reached_or_is_no_address_is_told_without_the_password() {
    let unreachable = options("postgres://somebody:passphrase@127.0.0.1:9/aicp");
    let told = Postgres::open(&unreachable).await.map(drop).expect_err("nobody listens").to_string();
    assert!(told.contains("unavailable") && !told.contains("passphrase"), "{told}");
    assert!(!format!("{:?}", unreachable.address).contains("passphrase"));
    for url in
        ["", "mysql://somebody:passphrase@host/db", "postgres://somebody:passphrase@host:port/db", "postgres:///db"]
    {
        let told = url.parse::<Address>().map(drop).expect_err(url).to_string();
        assert!(!told.contains("passphrase"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_peeked_at_without_making_tables() {
    let empty = Empty::on_newest();
    let options = options(&empty.0.url());
    assert_eq!(peek_at_settings(&options).await.expect("read"), []);
    assert_eq!(peek_at_settings(&options).await.expect("read"), [], "nothing was made");
    open(&options).await.close().await.expect("closed");
    assert_eq!(peek_at_settings(&options).await.expect("read"), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_are_those_of_sqlite() {
    let empty = Empty::on_newest();
    open(&options(&empty.0.url())).await.close().await.expect("closed");
    let tables: Vec<&str> =
        TABLES.iter().map(|(table, _)| *table).chain(["gallery_file", "node", "schema_version"]).collect();
    let names: Vec<String> = tables.iter().map(|table| format!("'{table}'")).collect();
    // Fails unless the names are exactly those.
    empty.0.run(&format!(
        "DO $$ BEGIN
             ASSERT (SELECT ARRAY_AGG(table_name::text ORDER BY table_name::text COLLATE \"C\") FROM information_schema.tables
                     WHERE table_schema = current_schema())
                  = (SELECT ARRAY_AGG(name ORDER BY name COLLATE \"C\") FROM unnest(ARRAY[{}]) AS listed (name));
         END $$",
        names.join(", ")
    ));
}
