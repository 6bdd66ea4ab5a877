//! A disk that is full, and a store of which something is damaged or gone: nothing of it stays unsaid.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::fixture::{Ran, Server, Setup, wait_until};
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

/// Writes until nothing more can be written.
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

    // With less than the reserve free nothing is promised any more, though a row could still be written.
    fill(&filler);
    let file = File::options().write(true).open(&filler).expect("opens");
    file.set_len(file.metadata().expect("there").len() - (2 << 20)).expect("cut");
    drop(file);
    wait_until("the disk is said to be full", || ready(&server).status == 503);
    assert!(ready(&server).text().starts_with("store: the disk is full, "), "{}", ready(&server).text());
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
    assert_eq!(ready(&server).text(), "store: the database file was moved, removed or replaced\n");
    fs::copy(&elsewhere, &database).expect("copied");
    assert_eq!(ready(&server).status, 503, "a copy is another file");
    fs::rename(&elsewhere, &database).expect("moved");
    wait_until("the server is ready again", || ready(&server).status == 200);
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
    for gone in [&database, &key] {
        for is_empty in [false, true] {
            fs::rename(gone, &aside).expect("moved");
            if is_empty {
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

/// What becomes of the bytes of a template.
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
