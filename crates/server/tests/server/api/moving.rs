//! Libraries that are exported and imported by commands, and data folders that are backed up and restored: answers are those
//! of before.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{Rest, text};
use crate::fixture::{Ran, Server, Setup, TOKEN, aicp, objects, wait_until};
use crate::pictures::{biden, obama, obama2, with_comment};

fn export(data_dir: &Path, library: &str, to: &Path) -> Command {
    let mut command = aicp(["export", "--library", library, "--data-dir"]);
    command.arg(data_dir).arg(to).env("AICP_ADMIN_TOKEN", TOKEN);
    command
}

fn import(data_dir: &Path, from: &Path) -> Command {
    let mut command = aicp(["import", "--json", "--data-dir"]);
    command.arg(data_dir).arg(from).env("AICP_ADMIN_TOKEN", TOKEN);
    command
}

fn counts(report: &Value) -> [u64; 3] {
    ["people", "faces", "known"].map(|key| report[key].as_u64().unwrap_or_else(|| panic!("no {key} in {report}")))
}

fn reasons(report: &Value) -> Vec<String> {
    let rejects = report["rejects"].as_array().expect("a list").iter();
    rejects.map(|reject| reject["reason"].as_str().expect("a text").to_owned()).collect()
}

impl Rest {
    /// Returns the id of the administrator's library of this group id.
    fn library_named(&self, group: &str) -> Option<String> {
        let found = self.get(&format!("/libraries?appId=admin&groupId={group}")).json();
        found["items"][0]["id"].as_str().map(str::to_owned)
    }

    /// Asks everything that a library answers, without the id of the library.
    pub fn everything(&self, library: &str) -> String {
        let people = self.get(&format!("/libraries/{library}/people?limit=100")).json();
        let mut all = vec![self.get(&format!("/libraries/{library}")).json(), people.clone()];
        for own in ["id", "createdAt", "updatedAt"] {
            all[0][own] = Value::Null;
        }
        for person in people["items"].as_array().expect("a list") {
            let path = format!("/libraries/{library}/people/{}", text(&person["id"]));
            all.push(self.get(&path).json());
        }
        for picture in [obama(), obama2(), biden()] {
            let asked = [("threshold", "0.01"), ("top", "10")];
            let path = format!("/libraries/{library}/identify");
            let answer = self.form("POST", &path, &asked, &[("file", &picture)]);
            assert_eq!(answer.status, 200, "{}", answer.text());
            all.push(answer.json());
        }
        let text = serde_json::to_string_pretty(&all).expect("JSON");
        text.replace(&format!("\"libraryId\": \"{library}\""), "\"libraryId\": \"L\"")
            .replace(&format!("/libraries/{library}/"), "/libraries/L/")
    }

    fn wipe(&self, library: &str) {
        assert!(self.delete(&format!("/libraries/{library}")).status < 300);
        wait_until("the library is gone", || self.get(&format!("/libraries/{library}")).status == 404);
    }
}

/// A server with a library of two people, of whom one has two faces, tags and all texts, and one has no user id.
pub fn with_people(server: &Server) -> (Rest, String) {
    let rest = Rest::admin(server);
    let new = json!({"name": "Staff, first floor", "groupId": "staff", "description": "d"});
    let library = text(&rest.json("POST", "/libraries", &new).json()["id"]);
    let set = json!({"threshold": 0.7, "topN": 3});
    assert_eq!(rest.json("PATCH", &format!("/libraries/{library}"), &set).status, 200);
    let fields = [("name", "Ada"), ("externalId", "17"), ("tags", "north, by \"n\""), ("remark", "two\nlines")];
    let ada = rest.person(&library, &fields, &obama());
    let path = format!("/libraries/{library}/people/{}/faces", text(&ada["id"]));
    assert_eq!(rest.form("POST", &path, &[], &[("file", &obama2())]).status, 201);
    rest.person(&library, &[("name", "乔")], &biden());
    (rest, library)
}

#[test]
fn a_library_that_is_exported_wiped_and_imported_answers_as_before() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let server = Server::auto();
    let (rest, library) = with_people(&server);
    let before = rest.everything(&library);
    let [folder, archive] = ["export", "export.zip"].map(|name| temp.path().join(name));
    Ran::successful(&mut export(server.data_dir(), "staff", &folder));
    Ran::successful(&mut export(server.data_dir(), "staff", &archive));
    assert_eq!(&fs::read(&archive).expect("written")[..2], b"PK");
    assert!(Ran::of(&mut export(server.data_dir(), "staff", &folder)).stderr.contains("exists"));
    assert_eq!(Ran::of(&mut export(server.data_dir(), "nobody", &temp.path().join("x"))).code, Some(1));
    rest.wipe(&library);

    // The export names its library. Nothing is computed anew: a second import knows everybody by their ids.
    assert_eq!(counts(&Ran::successful(&mut import(server.data_dir(), &folder)).json()), [2, 3, 0]);
    let library = rest.library_named("staff").expect("it is there again");
    assert_eq!(rest.everything(&library), before);
    assert_eq!(counts(&Ran::successful(&mut import(server.data_dir(), &folder)).json()), [0, 0, 3]);

    // Without a server, into another data folder, under another name.
    let other = temp.path().join("other");
    let ran = Ran::successful(import(&other, &folder).args(["--library", "copy"]));
    assert_eq!(counts(&ran.json()), [2, 3, 0]);
    let again = temp.path().join("again");
    Ran::successful(&mut export(&other, "copy", &again));
    let lines = |folder: &Path| fs::read_to_string(folder.join("people.jsonl")).expect("written");
    assert_eq!(lines(&again), lines(&folder));
    let moved = Setup::new(&["auto"]).data_dir(&other).start();
    let rest = Rest::admin(&moved);
    let copy = rest.library_named("copy").expect("it is there");
    assert_eq!(rest.everything(&copy).replace("\"copy\"", "\"staff\""), before);
}

#[test]
fn an_import_of_an_export_keeps_to_what_is_whole_and_free() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let server = Server::auto();
    let (rest, library) = with_people(&server);
    let folder = temp.path().join("export");
    Ran::successful(&mut export(server.data_dir(), "staff", &folder));
    let people = folder.join("people.jsonl");
    let whole = fs::read_to_string(&people).expect("written");

    // Beside the original, both get ids of their own.
    let beside = Ran::successful(import(server.data_dir(), &folder).args(["--library", "beside"])).json();
    assert_eq!(counts(&beside), [2, 3, 0]);
    let ids = |library: &str| -> Vec<String> {
        let people = rest.get(&format!("/libraries/{library}/people?limit=100")).json();
        people["items"].as_array().expect("a list").iter().map(|person| text(&person["id"])).collect()
    };
    let other = ids(&rest.library_named("beside").expect("it is there"));
    assert!(ids(&library).iter().all(|id| !other.contains(id)), "{other:?}");

    let lines: Vec<Value> = whole.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let write = |lines: &[Value]| fs::write(&people, lines.iter().map(|line| format!("{line}\n")).collect::<String>());
    let tried = |lines: &[Value], library: &str| {
        write(lines).expect("written");
        Ran::of(import(server.data_dir(), &folder).args(["--library", library]))
    };
    // A line is missing.
    let ran = tried(&lines[..1], "short");
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("1 people instead of 2"), "{}", ran.stderr);

    // Templates that can't be searched are computed anew; what is no person, or leads out, is refused.
    let mut changed = lines.clone();
    changed[0]["faces"][0]["template"]["version"] = json!("9");
    changed[1]["faces"][0]["picture"] = json!("../export/people.jsonl");
    let report = tried(&changed, "changed").json();
    assert_eq!((counts(&report), reasons(&report)), ([1, 2, 0], vec!["the path leads out of the export".to_owned()]));
    let mut changed = lines.clone();
    let vector = text(&changed[0]["faces"][0]["template"]["vector"]);
    changed[0]["faces"][0]["template"]["vector"] = json!(vector[..vector.len() - 8]);
    changed[0]["personId"] = json!("9223372036854775807");
    changed[0]["faces"][0]["faceId"] = json!("9223372036854775807");
    changed[1]["name"] = json!(7);
    let report = tried(&changed, "more").json();
    assert_eq!(counts(&report), [1, 2, 0]);
    assert!(reasons(&report)[0].contains("invalid type"), "{report}");
    rest.person(&library, &[("name", "after")], &with_comment(&biden(), "1"));

    // The same person twice, and a picture that is another.
    let mut twice = lines.clone();
    twice[1]["externalId"] = twice[0]["externalId"].clone();
    let report = tried(&twice, "twice").json();
    assert_eq!(reasons(&report).len(), 1, "{report}");
    let picture = folder.join(text(&lines[1]["faces"][0]["picture"]));
    let bytes = fs::read(&picture).expect("written");
    fs::write(&picture, [&bytes[..], b"x"].concat()).expect("written");
    let report = tried(&lines, "damaged").json();
    assert_eq!((counts(&report), reasons(&report).len()), ([1, 2, 0], 1));
    fs::write(folder.join("export.json"), r#"{"format":"aicp-export","version":2}"#).expect("written");
    assert_eq!(tried(&lines, "newer").code, Some(1));
    server.assert_running();
}

#[test]
fn a_backup_of_a_running_server_is_restored_to_the_same_answers() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let server = Server::auto();
    let (rest, library) = with_people(&server);
    let secret = rest.json("POST", "/apps/shop/keys", &json!({"kind": "jdcloud"})).json();
    let before = rest.everything(&library);
    let [backup, restored] = ["backup", "restored"].map(|name| temp.path().join(name));
    let take = |extra: &[&str]| {
        let mut command = aicp(["backup", "--json", "--data-dir"]);
        command.arg(server.data_dir()).arg(&backup).args(extra);
        command
    };
    let first = Ran::successful(&mut take(&[])).json();
    assert_eq!((&first["pictures"], &first["missing"]), (&json!(3), &json!({})));
    let second = Ran::successful(&mut take(&["--keep", "1"])).json();
    assert!(second["newBytes"].as_u64() < first["newBytes"].as_u64(), "{first} {second}");
    let left: Vec<_> = fs::read_dir(server.data_dir()).expect("a folder").flatten().map(|e| e.file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with("backup-")), "{left:?}");

    Ran::successful(aicp(["backup-verify"]).arg(&backup));
    let restore = |to: &Path| {
        let mut command = aicp(["restore", "--data-dir"]);
        command.arg(to).arg(&backup);
        command
    };
    Ran::successful(&mut restore(&restored));
    assert!(Ran::of(&mut restore(&restored)).stderr.contains("not empty"));
    assert_eq!(objects(&restored), objects(server.data_dir()));
    assert_eq!(fs::read(restored.join("secret.key")).ok(), fs::read(server.data_dir().join("secret.key")).ok());
    let again = Setup::new(&["auto"]).data_dir(&restored).start();
    let rest = Rest::admin(&again);
    assert_eq!(rest.everything(&library), before);
    let keys = rest.get("/apps/shop/keys").json();
    assert_eq!(keys["keys"][0]["id"], secret["accessKey"], "{keys}");
    again.stop();
    Ran::successful(aicp(["check", "--data-dir"]).arg(&restored));

    // Nothing is made where no backup is.
    let nowhere = temp.path().join("nowhere");
    for command in ["restore", "backup-verify"] {
        let ran = Ran::of(aicp([command, "--data-dir"]).arg(temp.path().join("target")).arg(&nowhere));
        assert!(ran.code == Some(1) && ran.stderr.contains("there is no backup"), "{}", ran.stderr);
    }
    assert!(!nowhere.exists() && !temp.path().join("target").exists());
}
