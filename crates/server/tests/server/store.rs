//! A full disk, and a store with damaged or missing parts: each fault is reported.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::fixture::{Ran, Server, Setup, aicp, objects, wait_until};
use crate::http::{Answer, Api};
use crate::pictures::{base64, biden, obama, obama2};

fn ready(server: &Server) -> Answer {
    server.anonymous(0).send("GET", "/readyz", &[], b"")
}

fn enrol(api: &Api, picture: &[u8]) -> Value {
    api.post("/aicp/face/add", &json!({"groupId": "g", "image": base64(picture)})).json()
}

fn remove(api: &Api, person: &str) -> Value {
    api.post("/aicp/face/remove", &json!({"groupId": "g", "userId": person})).json()
}

fn found(api: &Api, picture: &[u8]) -> Value {
    api.post("/aicp/face/recognition", &json!({"groupId": "g", "image": base64(picture)})).data()["faceFlag"].clone()
}

/// Fills the disk completely.
fn fill(path: &Path) {
    let mut file = File::options().append(true).create(true).open(path).expect("opens");
    for size in [1 << 16, 1 << 10, 1] {
        while file.write_all(&vec![7; size]).is_ok() {}
    }
}

#[test]
fn a_full_disk_is_told_and_removals_make_room() {
    let server = Setup::new(&["auto"]).on_disk_of_mib(24).start();
    let api = server.anonymous(0);
    let person = enrol(&api, &obama())["data"]["personID"].as_str().expect("an id").to_owned();
    let (filler, reserve) = (server.disk().join("filler"), server.disk().join("reserve"));
    assert_eq!(fs::metadata(&reserve).expect("laid by").len(), 4 << 20);

    // With less than the reserve free, writes are refused although a row would still fit.
    fill(&filler);
    let file = File::options().write(true).open(&filler).expect("opens");
    file.set_len(file.metadata().expect("there").len() - (2 << 20)).expect("cut");
    drop(file);
    wait_until("the disk is said to be full", || ready(&server).status == 503);
    assert!(ready(&server).text().starts_with("store: the disk is full, "), "{}", ready(&server).text());
    let verbose = server.anonymous(0).send("GET", "/readyz?verbose=1", &[], b"");
    let reason = verbose.json()["store"].as_str().map(str::to_owned);
    assert_eq!((verbose.status, &verbose.json()["ready"]), (503, &json!(false)));
    assert!(reason.is_some_and(|reason| reason.starts_with("the disk is full, ")), "{}", verbose.text());
    fill(&filler);
    assert_eq!(enrol(&api, &biden())["flag"], json!(false));
    assert_eq!(remove(&api, &person)["flag"], json!(true));
    assert!(!reserve.exists(), "it was given up");
    assert_eq!(enrol(&api, &biden())["flag"], json!(false), "not for anything new");
    assert_eq!(ready(&server).status, 503);

    fs::remove_file(&filler).expect("removed");
    wait_until("the server is ready again", || ready(&server).status == 200);
    assert_eq!(enrol(&api, &biden())["flag"], json!(true));
    assert!(reserve.exists());
    assert_eq!((found(&api, &obama2()), found(&api, &biden())), (json!("N"), json!("Y")));
}

#[test]
fn a_database_that_is_taken_away_is_told() {
    let server = Server::auto();
    enrol(&server.anonymous(0), &obama());
    let (database, elsewhere) = (server.data_dir().join("aicp.db"), server.data_dir().join("elsewhere"));
    fs::rename(&database, &elsewhere).expect("moved");
    wait_until("it is told", || ready(&server).status == 503);
    assert_eq!(ready(&server).text(), "store: the database file was moved, removed, replaced or cut short\n");
    fs::copy(&elsewhere, &database).expect("copied");
    assert_eq!(ready(&server).status, 503, "a copy is another file");
    fs::rename(&elsewhere, &database).expect("moved");
    wait_until("the server is ready again", || ready(&server).status == 200);
}

/// A truncated database file, as with a bad sector: calls may fail, but the process must not end.
#[test]
fn a_database_that_is_cut_short_under_the_server_ends_no_process() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let data = temp.path().join("data");
    let server = Setup::new(&["auto"]).data_dir(&data).start();
    enrol(&server.anonymous(0), &obama());
    // The write-ahead log is merged into the file.
    server.stop();
    let server = Setup::new(&["auto"]).data_dir(&data).start();
    let api = server.anonymous(0);
    let database = File::options().write(true).open(data.join("aicp.db")).expect("opens");
    database.set_len(8192).expect("cut");
    for person in 0..20 {
        api.post("/aicp/face/query", &json!({"groupId": "g", "userId": person.to_string()}));
        api.post("/aicp/face/queryBase", &json!({"groupId": "g"}));
    }
    assert_eq!(server.anonymous(0).send("GET", "/healthz", &[], b"").status, 200);
    wait_until("it is told", || ready(&server).text().contains("cut short"));
}

#[test]
fn a_start_without_a_part_of_the_data_is_refused() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let data = temp.path().join("data");
    let setup = || Setup::new(&["auto"]).data_dir(&data);
    let server = setup().start();
    enrol(&server.anonymous(0), &obama());
    server.stop();
    let (database, key, aside) = (data.join("aicp.db"), data.join("secret.key"), data.join("aside"));
    let objects = data.join("objects");
    for gone in [&database, &key, &objects] {
        for is_empty in [false, true] {
            fs::rename(gone, &aside).expect("moved");
            if is_empty && gone != &objects {
                File::create(gone).expect("made");
            }
            let ran = Ran::of(&mut setup().command(&data));
            assert_eq!(ran.code, Some(1), "{}", ran.stderr);
            assert!(ran.stderr.contains(&gone.display().to_string()) && ran.stderr.contains("--new"), "{}", ran.stderr);
            fs::rename(&aside, gone).expect("back");
        }
    }
    let server = setup().start();
    assert_eq!(found(&server.anonymous(0), &obama2()), json!("Y"), "nothing was lost by the refusals");
    server.stop();

    fs::remove_file(&database).expect("removed");
    let server = setup().arg("--new").start();
    let asked = json!({"groupId": "g", "image": base64(&obama2())});
    assert_eq!(server.anonymous(0).post("/aicp/face/recognition", &asked).message(), "人脸库[g]不存在");
}

/// Modification of a template's bytes.
type Damage = fn(&[u8]) -> Vec<u8>;

#[test]
fn a_damaged_template_is_set_aside_and_named() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let data = temp.path().join("data");
    let setup = || Setup::new(&["auto"]).data_dir(&data);
    let damages: [(&str, Damage); 6] = [
        ("an exponent bit", |blob| {
            let mut blob = blob.to_vec();
            blob[3] ^= 0x40;
            blob
        }),
        ("no number", |blob| [&f32::NAN.to_le_bytes(), &blob[4..]].concat()),
        ("zeros", |blob| vec![0; blob.len()]),
        ("half", |blob| blob[..blob.len() / 2].to_vec()),
        ("no whole numbers", |blob| blob[..blob.len() - 1].to_vec()),
        ("nothing", |_| Vec::new()),
    ];
    let server = setup().start();
    enrol(&server.anonymous(0), &obama());
    enrol(&server.anonymous(0), &biden());
    server.stop();
    let open = || Connection::open(data.join("aicp.db")).expect("database");
    let select = "SELECT vector FROM template WHERE face_id = 1";
    let whole: Vec<u8> = open().query_row(select, [], |row| row.get(0)).expect("a template");
    for (what, damage) in damages {
        open().execute("UPDATE template SET vector = ?1 WHERE face_id = 1", [damage(&whole)]).expect("damaged");
        let server = setup().start();
        let api = server.anonymous(0);
        assert_eq!((found(&api, &obama2()), found(&api, &biden())), (json!("N"), json!("Y")), "{what}");
        let log = server.log();
        let named = log.lines().find(|line| line.contains("the template of a face is damaged"));
        assert!(named.is_some_and(|line| line.contains(r#""face":1"#)), "{what}: {log}");
        server.stop();
    }
}

/// Returns the findings of `aicp check`.
fn findings(data: &Path) -> Vec<String> {
    let ran = Ran::of(aicp(["check", "--json", "--data-dir"]).arg(data));
    let told: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {}{}", ran.stdout, ran.stderr));
    let findings: Vec<String> = serde_json::from_value(told["findings"].clone()).expect("texts");
    assert_eq!(ran.code, Some(i32::from(!findings.is_empty())), "{}", ran.stderr);
    findings
}

#[test]
fn check_finds_whatever_is_not_as_it_was_stored() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let data = temp.path().join("data");
    let server = Setup::new(&["auto"]).data_dir(&data).start();
    for picture in [obama(), biden(), obama2()] {
        enrol(&server.anonymous(0), &picture);
    }
    let ran = Ran::of(aicp(["check", "--data-dir"]).arg(&data));
    assert!(ran.code == Some(1) && ran.stderr.contains("in use"), "{}", ran.stderr);
    server.stop();
    assert_eq!(findings(&data), Vec::<String>::new());
    let ran = Ran::of(aicp(["check", "--data-dir"]).arg(&data));
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "3 templates and 3 pictures read\n"));

    let pictures = objects(&data);
    let path = |n: usize| data.join("objects").join(&pictures[n].0[..2]).join(&pictures[n].0[2..]);
    fs::remove_file(path(0)).expect("removed");
    fs::write(path(1), b"other bytes").expect("written");
    fs::write(data.join("objects/00").join("what is this"), b"?").expect("written");
    let open = || Connection::open(data.join("aicp.db")).expect("database");
    open().execute("UPDATE template SET vector = zeroblob(2048) WHERE face_id = 1", []).expect("damaged");
    let turned = "UPDATE template SET vector = (SELECT vector FROM template WHERE face_id = 3) WHERE face_id = 2";
    open().execute(turned, []).expect("damaged");
    open().execute_batch("PRAGMA foreign_keys = OFF; UPDATE face SET person_id = 77 WHERE id = 3").expect("damaged");
    let found = findings(&data);
    for (what, count) in [
        ("row 3 of face refers to no person", 1),
        ("template of face 1 in library 1: its length is not 1", 1),
        ("template of face 2 in library 1: it is not the one whose digest was stored", 1),
        (&format!("picture {} of face ", pictures[0].0), 1),
        (": it is not there", 1),
        (&format!("picture {} of face ", pictures[1].0), 1),
        (": its bytes are not those that were stored", 1),
        ("what is this: nothing refers to it", 1),
    ] {
        assert_eq!(found.iter().filter(|found| found.contains(what)).count(), count, "{what}: {found:#?}");
    }
    assert_eq!(found.len(), 6, "{found:#?}");

    open().execute("DELETE FROM template WHERE face_id = 1", []).expect("deleted");
    assert!(findings(&data).contains(&"template of face 1 in library 1: it is not there".to_owned()));

    // A damaged page of the database.
    let mut bytes = fs::read(data.join("aicp.db")).expect("read");
    let middle = bytes.len() / 2 / 8192 * 8192;
    bytes[middle..middle + 8192].fill(0);
    fs::write(data.join("aicp.db"), bytes).expect("written");
    assert!(findings(&data).iter().any(|found| found.starts_with("database: ")));

    // The start error names the file and the check command, wherever the damage lies.
    for size in [8192, 65_536] {
        File::options().write(true).open(data.join("aicp.db")).expect("opens").set_len(size).expect("cut");
        let ran = Ran::of(&mut Setup::new(&["auto"]).command(&data));
        let named = format!("{}: ", data.join("aicp.db").display());
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        assert!(ran.stderr.contains(&named) && ran.stderr.contains("`aicp check`"), "{size}: {}", ran.stderr);
    }
}
