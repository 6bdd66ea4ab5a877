//! `aicp check --repair`: a damaged data folder answers as before.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::Rest;
use super::moving::with_people;
use crate::fixture::{Ran, Setup, TOKEN, aicp};

fn check(data_dir: &Path, extra: &[&str]) -> Command {
    let mut command = aicp(["check", "--json", "--data-dir"]);
    command.arg(data_dir).args(extra).env("AICP_ADMIN_TOKEN", TOKEN);
    command
}

fn edit(data_dir: &Path, statements: &str) {
    let database = rusqlite::Connection::open(data_dir.join("aicp.db")).expect("the database");
    database.execute_batch(&format!("PRAGMA foreign_keys = OFF; {statements}")).expect("an edit");
}

fn lines(report: &Value, name: &str) -> Vec<String> {
    report[name].as_array().expect("a list").iter().map(|line| line.as_str().expect("a text").to_owned()).collect()
}

#[test]
fn what_is_damaged_is_repaired_and_answers_are_those_of_before() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let (data_dir, backup) = (temp.path().join("data"), temp.path().join("backup"));
    let server = Setup::new(&["auto"]).data_dir(&data_dir).start();
    let (rest, library) = with_people(&server);
    let before = rest.everything(&library);
    server.stop();
    Ran::successful(aicp(["backup", "--data-dir"]).arg(&data_dir).arg(&backup));
    assert_eq!(Ran::successful(&mut check(&data_dir, &[])).json()["findings"], json!([]));
    assert_eq!(Ran::successful(&mut check(&data_dir, &["--repair"])).json()["repaired"], json!([]));

    let mut pictures: Vec<_> = fs::read_dir(data_dir.join("objects")).expect("listed").flatten().collect();
    pictures.retain(|entry| entry.file_name().len() == 2);
    let mut pictures: Vec<_> =
        pictures.iter().flat_map(|shard| fs::read_dir(shard.path()).expect("listed").flatten()).collect();
    pictures.sort_by_key(fs::DirEntry::path);
    assert_eq!(pictures.len(), 3);
    fs::remove_file(pictures[0].path()).expect("removed");
    fs::write(pictures[1].path(), "?").expect("damaged");
    let orphan = data_dir.join("objects/00").join("0".repeat(62));
    fs::write(&orphan, "nobody's").expect("written");
    edit(
        &data_dir,
        "DELETE FROM template WHERE face_id = 1;
         UPDATE template SET version = '0' WHERE face_id = 2;
         UPDATE template SET vector = zeroblob(2048), md5 = NULL WHERE face_id = 3;
         INSERT INTO face (person_id, file_id, picture_key, box_x, box_y, box_w, box_h, confidence)
            VALUES (77, 1, '0000000000000000000000000000000000000000000000000000000000000000', 0, 0, 1, 1, 1);
         DELETE FROM change WHERE sequence = (SELECT MAX(sequence) - 1 FROM change);
         UPDATE sqlite_sequence SET seq = 0 WHERE name = 'person';",
    );
    let found = Ran::of(&mut check(&data_dir, &[]));
    assert_eq!(found.code, Some(1));
    let found = lines(&found.json(), "findings").join("\n");
    for finding in [
        "refers to no person",
        "template of face 1 in library 1: it is not there",
        "1 templates of library 1 are of fr_feature faceplugin 0, which is not today's algorithm",
        "template of face 3",
        "its bytes are not those that were stored",
        "it is not there",
        "the next row of person could get an id that was used",
        "changes are missing behind change",
    ] {
        assert!(found.contains(finding), "{finding} is not in {found}");
    }

    // Without a backup, two pictures stay lost, and with them what can only be computed from them.
    let report = Ran::of(&mut check(&data_dir, &["--repair"]));
    assert_eq!(report.code, Some(1), "{}", report.stderr);
    let left = lines(&report.json(), "findings");
    assert!(left.iter().all(|finding| finding.contains("picture") || finding.contains("template")), "{left:?}");
    assert_eq!(left.iter().filter(|finding| finding.starts_with("picture")).count(), 2, "{left:?}");
    let aside = fs::read_dir(data_dir.join("set-aside")).expect("made").flatten().next().expect("a folder").path();
    assert_eq!(fs::read(aside.join("objects/00").join("0".repeat(62))).expect("kept"), b"nobody's");
    assert!(!orphan.exists());

    // With a backup, nothing is.
    let report = Ran::successful(&mut check(&data_dir, &["--repair", "--from", backup.to_str().expect("UTF-8")]));
    let repaired = lines(&report.json(), "repaired").join("\n");
    assert_eq!(repaired.matches("from the backup").count(), 2, "{repaired}");
    assert!(repaired.contains("templates anew"), "{repaired}");
    assert_eq!(report.json()["findings"], json!([]));
    let server = Setup::new(&["auto"]).data_dir(&data_dir).start();
    assert_eq!(Rest::admin(&server).everything(&library), before);
    // A further person gets an id behind those that were used, which the check below would find otherwise.
    Rest::admin(&server).person(&library, &[("name", "new")], &crate::pictures::biden());
    server.stop();
    assert_eq!(Ran::successful(&mut check(&data_dir, &[])).json()["findings"], json!([]));
}

#[test]
fn damaged_pages_are_left_to_a_backup_and_an_open_folder_is_refused() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let data_dir = temp.path().join("data");
    let server = Setup::new(&["auto"]).data_dir(&data_dir).start();
    with_people(&server);
    let ran = Ran::of(&mut check(&data_dir, &["--repair"]));
    assert!(ran.code == Some(1) && ran.stderr.contains("use"), "{}", ran.stderr);
    server.stop();
    let file = data_dir.join("aicp.db");
    let mut bytes = fs::read(&file).expect("read");
    // Wherever its tables are.
    let middle = bytes.len() / 2;
    bytes[middle..middle + middle / 2].fill(0xff);
    fs::write(&file, &bytes).expect("written");
    let ran = Ran::of(&mut check(&data_dir, &["--repair"]));
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert_eq!(fs::read(&file).expect("read"), bytes, "it is as it was");
}
