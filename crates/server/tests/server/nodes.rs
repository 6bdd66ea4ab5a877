//! Nodes of one database: what one of them has written, the others have, too.

use std::ffi::OsStr;
use std::fs;
use std::io::{Cursor, Read};
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::api::zip::zip_of;
use crate::api::{Rest, text};
use crate::fixture::{Ran, Server, Shared, aicp, wait_until, workspace};
use crate::http::send;
use crate::pictures::{biden, obama, obama2, with_comment};

/// Returns the names in a folder; none if it is missing.
fn names(folder: PathBuf) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect()
}

/// Enrols the sample people; returns the ids by name.
fn enrol_samples(rest: &Rest, library: &str) -> Vec<(String, String)> {
    let folders = fs::read_dir(workspace().join("samples/people")).expect("the samples are there");
    let pictures = folders.flat_map(|folder| fs::read_dir(folder.expect("an entry").path()).expect("a folder"));
    let mut enrolled = Vec::new();
    for picture in pictures.map(|entry| entry.expect("an entry").path()) {
        let name = picture.file_name().and_then(|name| name.to_str()).expect("UTF-8").to_owned();
        let file = fs::read(&picture).expect("a file");
        let path = format!("/libraries/{library}/people");
        let answer = rest.form("POST", &path, &[("name", &name)], &[("file", &file)]);
        if answer.status == 201 {
            enrolled.push((name, text(&answer.json()["id"])));
        }
    }
    enrolled
}

/// Returns the names of who is found, most similar first.
fn found(server: &Server, library: &str, picture: &[u8]) -> Vec<String> {
    let path = format!("/libraries/{library}/identify");
    let answer = Rest::admin(server).form("POST", &path, &[("threshold", "0.0"), ("top", "60")], &[("file", picture)]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let matches = answer.json()["faces"][0]["matches"].as_array().cloned().expect("a list");
    matches.iter().map(|hit| text(&hit["person"]["name"])).collect()
}

#[test]
fn a_node_that_joins_takes_the_file_of_a_large_library_and_no_removed_face() {
    let shared = Shared::new();
    let node = |name| shared.node(name).env("AICP_SEARCH__LARGE_LIBRARY_FACES", "2");
    let files = || names(shared.objects().join("files/galleries"));
    let first = node("first").start();
    let rest = Rest::admin(&first);
    let library = rest.library("all");
    let people = enrol_samples(&rest, &library);
    assert!(people.len() > 3);
    let expected = found(&first, &library, &obama());
    assert_eq!(expected.len(), people.len());
    // Written soon after the start of a node, and read by another with an empty data folder.
    first.kill();
    let first = node("first").start();
    wait_until("the file is written", || shared.holds("SELECT COUNT(*) = 1 FROM gallery_file"));
    assert_eq!(files().len(), 1);
    let second = node("second").start();
    assert!(second.has_logged("\"restored\":1"), "{}", second.log());
    assert_eq!(
        (names(shared.data_dir("second").join("galleries")), found(&second, &library, &obama())),
        (files(), expected)
    );

    // With a removal, no node has it any more, and the shared one is deleted by whoever comes first.
    let (gone, id) = &people[0];
    assert_eq!(Rest::admin(&second).delete(&format!("/libraries/{library}/people/{id}")).status, 204);
    for name in ["first", "second"] {
        assert_eq!(names(shared.data_dir(name).join("galleries")), Vec::<String>::new(), "{name}");
    }
    wait_until("the shared file is deleted", || files().is_empty());
    let third = node("third").start();
    assert!(third.has_logged("\"restored\":0"), "{}", third.log());
    let left = found(&third, &library, &obama());
    assert_eq!((left.len(), left.contains(gone)), (people.len() - 1, false));
    drop(first);
}

#[test]
fn jobs_run_on_any_node_and_their_archives_are_read_on_any() {
    let shared = Shared::new();
    let node = |name| shared.node(name).start();
    let first = node("first");
    let of_first = Rest::admin(&first);
    let library = of_first.library("staff");
    // The node that has received the archive ends before the job does.
    let pictures: Vec<(String, Vec<u8>)> =
        (0..20).map(|n| (format!("Ada/{n}.jpg"), with_comment(&obama(), &n.to_string()))).collect();
    let mut files: Vec<(&str, &[u8])> = pictures.iter().map(|(name, picture)| (name.as_str(), &picture[..])).collect();
    let joe = biden();
    files.push(("Joe/1.jpg", &joe));
    let job = of_first.import(&library, &zip_of(&files));
    assert_eq!(of_first.json("POST", &format!("/jobs/{job}/pause"), &json!({})).status, 200, "before it has ended");
    first.kill();
    let second = node("second");
    let of_second = Rest::admin(&second);
    assert_eq!(of_second.json("POST", &format!("/jobs/{job}/resume"), &json!({})).status, 200);
    let done = of_second.wait_for_job(&job, "done");
    assert_eq!(done["total"], json!(21), "{done}");
    let people: Vec<Value> = of_second.people(&library);
    assert_eq!(people.len(), 2);
    let jobs = || names(shared.objects().join("files/jobs"));
    wait_until("the archive is deleted", || jobs().is_empty());

    // An export is read at the other node, whole and in part, and is gone once a person is erased.
    let export = of_second.finished_job(&format!("/libraries/{library}/exports"), &json!({}));
    let path = format!("/jobs/{}/file", text(&export["id"]));
    let first = node("first");
    let of_first = Rest::admin(&first);
    let whole = of_first.get(&path);
    assert_eq!(whole.status, 200);
    let part = of_first.send("GET", &path, &[("Range", "bytes=100-")], &[]);
    assert_eq!((part.status, &part.body[..]), (206, &whole.body[100..]));
    assert!(of_second.get(&path).body == whole.body);
    for name in ["first", "second"] {
        assert_eq!(names(shared.data_dir(name).join("jobs")), Vec::<String>::new(), "{name} keeps no copy");
    }
    let erased = people.iter().find(|person| person["name"] == "Ada").expect("she is there");
    assert_eq!(of_first.json("POST", "/erasures", &json!({"personId": erased["id"]})).status, 200);
    assert_eq!(of_second.get(&path).status, 404);
    wait_until("the export is deleted", || jobs().is_empty());
}

#[test]
fn an_export_that_another_node_withdraws_is_not_kept() {
    let shared = Shared::new();
    let (first, second) = (shared.node("first").start(), shared.node("second").start());
    let (of_first, of_second) = (Rest::admin(&first), Rest::admin(&second));
    let library = of_first.library("staff");
    let path = format!("/libraries/{library}/people");
    let mut jobs = Vec::new();
    // Somewhere among these, a person is erased while an export is under way on either node.
    for round in 0..6 {
        let id = format!("person {round}");
        let fields = [("name", "p"), ("externalId", id.as_str())];
        let enrolled = of_first.form("POST", &path, &fields, &[("file", &obama())]);
        assert_eq!(enrolled.status, 201, "{}", enrolled.text());
        let export = of_first.json("POST", &format!("/libraries/{library}/exports"), &json!({}));
        jobs.push(text(&export.json()["id"]));
        if round % 2 == 1 {
            wait_until("the export has begun", || of_second.job(&jobs[round])["state"] != "queued");
        }
        assert_eq!(of_second.json("POST", "/erasures", &json!({"externalId": id})).status, 200);
    }
    for job in &jobs {
        wait_until("the export has ended", || {
            ["done", "failed"].contains(&of_second.job(job)["state"].as_str().expect("a state"))
        });
        let file = of_first.get(&format!("/jobs/{job}/file"));
        let names = if file.status == 200 { unzipped(&file.body) } else { String::new() };
        assert!(!names.contains("person"), "{job}: {names}");
    }
    wait_until("what was withdrawn is deleted", || {
        let kept = jobs.iter().filter(|job| of_first.get(&format!("/jobs/{job}/file")).status == 200).count();
        names(shared.objects().join("files/jobs")).len() == kept
    });
}

/// Returns the people that an archive of an export has.
fn unzipped(archive: &[u8]) -> String {
    let mut archive = zip::ZipArchive::new(Cursor::new(archive)).expect("an archive");
    let mut people = archive.by_name("people.jsonl").expect("people");
    let mut text = String::new();
    people.read_to_string(&mut text).expect("UTF-8");
    text
}

#[test]
fn the_command_takes_an_export_from_where_nodes_share_files() {
    let shared = Shared::new();
    let server = shared.node("first").start();
    let rest = Rest::admin(&server);
    let library = rest.library("staff");
    let path = format!("/libraries/{library}/people");
    assert_eq!(rest.form("POST", &path, &[("name", "Ada")], &[("file", &obama())]).status, 201);
    let export = |to: &str| {
        let mut command = shared.node("first").command(&shared.data_dir("first"));
        let environment: Vec<_> =
            command.get_envs().map(|(name, value)| (name.to_owned(), value.map(OsStr::to_owned))).collect();
        command = aicp(["export", "--app", "admin", "--library", "staff"]);
        command.arg("--data-dir").arg(shared.data_dir("first")).arg(shared.data_dir(to));
        for (name, value) in environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        Ran::successful(&mut command);
        fs::read_to_string(shared.data_dir(to).join("people.jsonl")).expect("it is written")
    };
    let running = export("running");
    server.stop();
    assert_eq!((running.contains("Ada"), export("stopped")), (true, running));
    assert_eq!(names(shared.objects().join("files/jobs")), Vec::<String>::new());
}

#[test]
fn answers_name_the_last_change_that_they_made_also_with_a_key() {
    let shared = Shared::new();
    let (first, second) = (shared.node("first").start(), shared.node("second").start());
    let mut last = 0;
    for (server, name, headers) in [
        (&first, "a", &[][..]),
        (&second, "b", &[("Idempotency-Key", "one")][..]),
        (&first, "c", &[("Idempotency-Key", "two")][..]),
    ] {
        let mut all = vec![("Content-Type", "application/json")];
        all.extend_from_slice(headers);
        let body = json!({"name": name}).to_string();
        let answer = Rest::admin(server).send("POST", "/libraries", &all, body.as_bytes());
        assert_eq!(answer.status, 201, "{}", answer.text());
        let sequence = answer.header("x-aicp-sequence").and_then(|value| value.parse::<u64>().ok());
        let sequence = sequence.expect("it has made a change");
        assert!(sequence > last, "{sequence}");
        last = sequence;
    }
    let named = last.to_string();
    let read = |name: &str| Rest::admin(&second).send("GET", "/libraries", &[("X-AICP-Sequence", name)], &[]);
    assert_eq!(read(&named).status, 200);
    assert_eq!(read("0").header("x-aicp-sequence"), None, "a read makes none");
}

#[test]
fn metrics_tell_how_many_nodes_answer_and_how_long_writes_wait() {
    let shared = Shared::new();
    let (first, second) = (shared.node("first").start(), shared.node("second").start());
    Rest::admin(&first).library("staff");
    let metrics = send(first.addresses()[0], "GET", "/metrics", &[], b"").expect("an answer").text().to_owned();
    let value = |name: &str| {
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse::<f64>().ok())
    };
    assert_eq!(value("aicp_nodes"), Some(2.0), "{metrics}");
    assert!(value("aicp_nodes_wait_seconds_count") > Some(0.0), "{metrics}");
    drop(second);
}

#[test]
fn a_picture_enrolled_at_one_node_is_read_at_all() {
    let shared = Shared::new();
    let (first, second) = (shared.node("first").start(), shared.node("second").start());
    let library = Rest::admin(&first).library("staff");
    let path = format!("/libraries/{library}/people");
    for (server, picture) in [(&first, obama()), (&second, biden()), (&first, obama2())] {
        let person = Rest::admin(server).form("POST", &path, &[("name", "p")], &[("file", &picture)]).json();
        let face = text(&person["faces"][0]["id"]);
        for reader in [&first, &second] {
            let picture_path = format!("{path}/{}/faces/{face}/picture", text(&person["id"]));
            assert!(Rest::admin(reader).get(&picture_path).body == picture);
        }
    }
}
