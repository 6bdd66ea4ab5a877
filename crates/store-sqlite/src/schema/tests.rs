//! Migration of a database of an earlier version, whose columns had other names.

use std::path::Path;

use aicp_store::{BlobKey, Error, NewFace, OutboxFilter, Page, PersonKeys, PictureName};
use aicp_types::{FaceId, FileId, LibraryId, OutboxId, PersonId, PublicId, SystemClock};
use std::sync::Arc;

use crate::connection::Local;
use crate::schema;

/// Last version of the schema whose columns were named after the interfaces.
const LAST_BEFORE_RENAME: i64 = 10;
const PUBLIC_ID: PublicId = PublicId::new(2_126_723_381_473_574_912);

/// A row of each table whose columns were renamed.
const ROWS: &str = "
    INSERT INTO app (app_id, created) VALUES ('app', 1);
    INSERT INTO library (id, app_id, group_id, db_name, db_desc, person_db_lib, engine, created)
        VALUES (3, 'app', 'shop', 'Shop', 'of shoes', '0123456789abcdef0123456789abcdef', 'koala', 2);
    INSERT INTO person (id, library_id, person_id, person_no, ext_user_id, user_info, name, id_iccid, cust_id, created)
        VALUES (5, 3, 2126723381473574912, 'fedcba9876543210fedcba9876543210', 'u1', 'a note', 'Ada', '11010', 'c7', 4);
    INSERT INTO face (id, person_id, created, file_id, picture_key, box_x, box_y, box_w, box_h, confidence, quality)
        VALUES (9, 5, 4000000, 2126723381473574913, 'aa', 1, 2, 3, 4, 0.5, 0.25), (12, 5, 5000000, 2126723381473574914, 'bb', 1, 2,
            3, 4, 0.5, NULL);
    INSERT INTO template (face_id, algorithm, provider, version, vector, md5) VALUES (9, 'a', 'p', '1', x'0000803f', 'cc');
    DELETE FROM face WHERE id = 12;
    INSERT INTO user_group (id, library_id, name, modified) VALUES (2, 3, 'gang', 1);
    INSERT INTO user_group_member (group_id, person_id) VALUES (2, 5);
    INSERT INTO outbox (id, library_id, app_id, engine, action, person_db_lib, person_id, person_no, engine_url,
            operate_type, created, listed, last_error)
        VALUES (7, 3, 'app', 'koala', 'add_face', '0123456789abcdef0123456789abcdef', 2126723381473574912,
            'fedcba9876543210fedcba9876543210', 'http://127.0.0.1:9', 'business/add', 6, 1, 'down');
    INSERT INTO console_user (username, password_hash, telephone, mail, dept_id, person_id, created)
        VALUES ('joe', 'x', '1', 'a@b', '12', 5, 8);
    UPDATE last_ids SET max_person_id = 2126723381473574912";

/// Creates a database as that version left it.
fn create_old_database(path: &Path) {
    let connection = Local::new(rusqlite::Connection::open(path).expect("opens"));
    schema::migrate(&connection, LAST_BEFORE_RENAME).expect("migrates");
    // That version counted migrations in a table.
    let versions = (1..=LAST_BEFORE_RENAME).map(|version| format!("({version}, TRUE)")).collect::<Vec<_>>().join(", ");
    let counted = format!(
        "PRAGMA user_version = 0;
         CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, success BOOLEAN NOT NULL);
         INSERT INTO _sqlx_migrations VALUES {versions}; {ROWS}"
    );
    connection.raw().execute_batch(&counted).expect("inserted");
    connection.close().expect("closed");
}

#[tokio::test]
async fn rows_of_before_are_found_under_the_names_of_today() {
    let temp = tempfile::tempdir().expect("a temp dir");
    create_old_database(&temp.path().join("aicp.db"));
    let store = crate::open(temp.path(), Arc::new(SystemClock)).await.expect("opens");

    let mut rows = store.rows().await.expect("reads");
    let library = rows.library("app", "shop").await.expect("read").expect("there");
    assert_eq!((library.id, library.external_id.as_str(), library.name.as_str()), (LibraryId::new(3), "shop", "Shop"));
    assert_eq!(library.description.as_deref(), Some("of shoes"));
    assert_eq!(library.engine_key, "0123456789abcdef0123456789abcdef");

    let keys = PersonKeys { external_id: Some("u1"), ..PersonKeys::default() };
    let person = rows.people_with_keys(library.id, keys).await.expect("read").swap_remove(0);
    assert_eq!((person.id, person.public_id), (PersonId::new(5), PUBLIC_ID));
    assert_eq!(person.number, "fedcba9876543210fedcba9876543210");
    assert_eq!((person.external_id.as_deref(), person.info.as_deref()), (Some("u1"), Some("a note")));
    assert_eq!(person.profile.name.as_deref(), Some("Ada"));
    assert_eq!(person.profile.document_number.as_deref(), Some("11010"));
    assert_eq!(person.profile.customer_number.as_deref(), Some("c7"));
    assert_eq!(rows.last_ids().await.expect("read").person, Some(PUBLIC_ID));

    let faces = rows.faces_of(person.id).await.expect("read");
    let [face] = &faces[..] else { panic!("{faces:?}") };
    assert_eq!(
        (face.id, face.file_id.get(), face.bounding_box),
        (FaceId::new(9), PUBLIC_ID.get() + 1, [1.0, 2.0, 3.0, 4.0])
    );
    assert_eq!((face.picture_key.as_str(), face.quality), ("aa", Some(0.25)));
    let entries = rows.directory_entries(library.id, &[PUBLIC_ID]).await.expect("read");
    assert_eq!(entries[0].1.faces[0].template.as_ref().map(|template| template.md5.as_str()), Some("cc"));
    let (_, groups) = rows.groups_of_person(person.id, Page::first(9)).await.expect("read");
    assert_eq!(groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), ["gang"]);
    let new = NewFace {
        file_id: FileId::new(1),
        bounding_box: [0.0; 4],
        confidence: 1.0,
        quality: None,
        template: None,
        engine_ref: None,
    };
    let picture = PictureName::of(b"p");
    let new = store.write::<_, Error, _>(move |tx| {
        Box::pin(async move { tx.insert_face(PersonId::new(5), new, picture, false).await })
    });
    let new = new.await.expect("added");
    assert!(new.id > FaceId::new(12), "ids of removed faces are not used again");

    let (_, listed) = rows.outbox_page(OutboxFilter::default(), Page::first(10)).await.expect("read");
    let [row] = &listed[..] else { panic!("one row") };
    assert_eq!((row.id, row.public_id), (OutboxId::new(7), Some(PUBLIC_ID)));
    assert_eq!((row.endpoint.as_str(), row.operation.as_str()), ("http://127.0.0.1:9", "business/add"));
    assert_eq!(row.engine_key, "0123456789abcdef0123456789abcdef");

    let user = rows.user_by_name("joe").await.expect("read").expect("there");
    assert_eq!((user.department.as_str(), user.person_id), ("12", Some(PersonId::new(5))));
    drop(rows);
    store.close().await.expect("closed");
    let database = rusqlite::Connection::open(temp.path().join("aicp.db")).expect("opens");
    let mut check = database.prepare("PRAGMA foreign_key_check").expect("prepared");
    assert!(check.query([]).expect("checked").next().expect("read").is_none(), "every reference holds");
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_refused_and_left_alone() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let open = async || crate::open(temp.path(), Arc::new(SystemClock)).await;
    open().await.expect("opens").close().await.expect("closes");
    let database = rusqlite::Connection::open(temp.path().join("aicp.db")).expect("opens");
    database.pragma_update(None, "user_version", 99).expect("set");
    let refused = open().await.map(drop);
    let last = schema::VERSIONS.len() as i64;
    assert!(matches!(refused, Err(Error::NewerSchema { found: 99, known }) if known == last), "{refused:?}");
    let version: i64 = database.query_row("PRAGMA user_version", [], |row| row.get(0)).expect("read");
    assert_eq!(version, 99);
}

#[tokio::test]
async fn pictures_that_the_version_of_before_had_yet_to_delete_are_deleted() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let used = |name: &str| BlobKey::of(name.as_bytes()).to_string();
    let connection = Local::new(rusqlite::Connection::open(temp.path().join("aicp.db")).expect("opens"));
    schema::migrate(&connection, 12).expect("migrates");
    let rows = format!(
        "INSERT INTO app (app_id, created) VALUES ('app', 1);
         INSERT INTO library (id, app_id, external_id, name, engine_key, engine, created, updated)
             VALUES (3, 'app', 'shop', 'Shop', '0123456789abcdef0123456789abcdef', 'koala', 2, 2);
         INSERT INTO person (id, library_id, public_id, number, created, updated)
             VALUES (5, 3, 7, 'fedcba9876543210fedcba9876543210', 4, 4);
         INSERT INTO face (person_id, file_id, picture_key, box_x, box_y, box_w, box_h, confidence)
             VALUES (5, 8, '{face}', 1, 2, 3, 4, 0.5);
         INSERT INTO outbox (id, library_id, app_id, engine, action, engine_key, picture_key, endpoint, operation, created)
             VALUES (9, 3, 'app', 'koala', 'add_face', '0', '{waiting}', '', '', 6);
         INSERT INTO removed_picture (picture_key) VALUES ('{face}'), ('{waiting}'), ('{gone}'), ('{gone}')",
        face = used("face"),
        waiting = used("waiting"),
        gone = used("gone")
    );
    connection.raw().execute_batch(&rows).expect("inserted");
    connection.close().expect("closed");
    let objects = temp.path().join("objects");
    for name in ["face", "waiting", "gone"] {
        let key = used(name);
        let (shard, rest) = key.split_at(2);
        std::fs::create_dir_all(objects.join(shard)).expect("a folder");
        std::fs::write(objects.join(shard).join(rest), name).expect("a picture");
    }
    let store = crate::open(temp.path(), Arc::new(SystemClock)).await.expect("opens");
    for (name, is_there) in [("face", true), ("waiting", true), ("gone", false)] {
        assert_eq!(store.picture(&used(name)).await.is_ok(), is_there, "{name}");
    }
    store.close().await.expect("closed");
}

#[tokio::test]
async fn calls_of_before_get_their_engine_and_the_buckets_of_their_durations() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let path = temp.path().join("aicp.db");
    let connection = Local::new(rusqlite::Connection::open(&path).expect("opens"));
    schema::migrate(&connection, 19).expect("migrates");
    let kinds =
        [("人脸识别(内置)", Some("builtin")), ("x(云从)", Some("cloudwalk")), ("x(other)", Some("other")), ("x", None)];
    for (id, (source, _)) in kinds.iter().enumerate() {
        let kind = format!("INSERT INTO call_kind VALUES ({id}, 'app', 'm', 'l', '{source}', '/')");
        connection.raw().execute_batch(&kind).expect("inserted");
    }
    let durations = [-1, 0, 1, 31, 32, 33, 34, 63, 64, 67, 68, 1000, 123_456, (1 << 31) - 1, 1 << 31, 1 << 40];
    for (id, ms) in durations.iter().enumerate() {
        let call = format!(
            "INSERT INTO call_log (kind_id, time, trace_id, cost_ms, result) VALUES (1, 900001, {id}, {ms}, 0)"
        );
        connection.raw().execute_batch(&call).expect("inserted");
    }
    connection.raw().execute_batch("INSERT INTO statistics_zone VALUES (1, 'UTC')").expect("inserted");
    connection.close().expect("closed");
    crate::open(temp.path(), Arc::new(SystemClock)).await.expect("opens").close().await.expect("closed");

    let database = rusqlite::Connection::open(path).expect("opens");
    for (id, (_, engine)) in kinds.iter().enumerate() {
        let found: Option<String> = database
            .query_row("SELECT engine FROM call_kind WHERE id = ?1", [id as i64], |row| row.get(0))
            .expect("read");
        assert_eq!(found.as_deref(), *engine);
    }
    let mut expected = std::collections::BTreeMap::new();
    for ms in durations {
        // Sixteen buckets for each power of two from 32 up.
        let ms = i64::clamp(ms, 0, (1 << 31) - 1);
        let shift = (0..).find(|shift| ms >> shift < 32).expect("a power");
        *expected.entry((1, shift * 16 + (ms >> shift))).or_insert(0) += 1;
    }
    let mut rows = database.prepare("SELECT quarter, bucket, count FROM call_quarter_duration").expect("prepared");
    let found = rows.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?))).expect("read");
    let found: std::collections::BTreeMap<(i64, i64), i64> = found.collect::<rusqlite::Result<_>>().expect("read");
    assert_eq!(found, expected);
    let zones: i64 = database.query_row("SELECT COUNT(*) FROM statistics_zone", [], |row| row.get(0)).expect("read");
    assert_eq!(zones, 0, "the days are computed anew");
}

#[test]
fn a_copy_has_every_table_but_that_of_the_files_of_galleries() {
    let connection = Local::new(rusqlite::Connection::open_in_memory().expect("a database"));
    schema::migrate(&connection, schema::VERSIONS.len() as i64).expect("migrated");
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    let mut tables = connection.raw().prepare(tables).expect("a statement");
    let tables = tables.query_map([], |row| row.get::<_, String>(0)).expect("read");
    let tables: Vec<String> = tables.map(|name| name.expect("a name")).collect();
    let mut copied: Vec<&str> = aicp_store::TABLES.iter().map(|(table, _)| *table).chain(["gallery_file"]).collect();
    copied.sort_unstable();
    assert_eq!(tables, copied);
}
