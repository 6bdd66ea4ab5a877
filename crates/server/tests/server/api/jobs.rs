//! Jobs, and imports above all.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use image::imageops::FilterType;
use serde_json::{Value, json};

use super::zip::{Entry, zip, zip_of};
use super::{Rest, assert_problem, text};
use crate::fixture::{Server, Setup, objects, wait_until};
use crate::gate::dark;
use crate::http::Answer;
use crate::pictures::{biden, jpeg, no_face, obama, obama2, portrait, with_comment};

pub const ALL: [&str; 5] = ["C10000000001", "C10000000002", "C10000000003", "C10000000006", "C10000000008"];

impl Rest {
    fn upload(&self, library: &str, archive: &[u8]) -> Answer {
        let path = format!("/libraries/{library}/imports");
        self.send("POST", &path, &[("Content-Type", "application/zip")], archive)
    }

    pub fn import(&self, library: &str, archive: &[u8]) -> String {
        let answer = self.upload(library, archive);
        assert_eq!(answer.status, 201, "{}", answer.text());
        let id = text(&answer.json()["id"]);
        assert_eq!(answer.header("location"), Some(format!("/api/v1/jobs/{id}").as_str()));
        id
    }

    pub fn job(&self, id: &str) -> Value {
        let answer = self.get(&format!("/jobs/{id}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    pub fn wait_for_job(&self, id: &str, state: &str) -> Value {
        wait_until("the job has the state", || self.job(id)["state"] == state);
        self.job(id)
    }

    /// Creates a job and returns it once it is done.
    pub fn finished_job(&self, path: &str, body: &Value) -> Value {
        let answer = self.json("POST", path, body);
        assert_eq!(answer.status, 201, "{}", answer.text());
        self.wait_for_job(&text(&answer.json()["id"]), "done")
    }

    /// Imports files and returns the job, which is done.
    pub fn finished_import(&self, library: &str, files: &[(&str, &[u8])]) -> String {
        let id = self.import(library, &zip_of(files));
        self.wait_for_job(&id, "done");
        id
    }

    /// Returns all items of a job, by small pages.
    pub fn items(&self, id: &str) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("/jobs/{id}/items?limit=7{cursor}")).json();
            items.extend(page["items"].as_array().expect("a page").iter().cloned());
            let Some(next) = page["next"].as_str() else { return items };
            cursor = format!("&cursor={next}");
        }
    }

    /// Returns what became of each item.
    fn codes(&self, id: &str) -> BTreeMap<String, String> {
        self.items(id).iter().map(|item| (text(&item["name"]), text(&item["code"]))).collect()
    }

    pub fn people(&self, library: &str) -> Vec<Value> {
        let page = self.get(&format!("/libraries/{library}/people?limit=1000")).json();
        page["items"].as_array().expect("a page").clone()
    }

    fn faces(&self, library: &str) -> u64 {
        self.get(&format!("/libraries/{library}/statistics")).json()["faces"].as_u64().expect("a number")
    }
}

fn app(server: &Server, id: &str) -> Rest {
    Rest::new(server, &server.grant(id, &ALL))
}

/// Returns small pictures of one person that differ in their bytes.
fn many(count: usize) -> Vec<(String, Vec<u8>)> {
    let small = jpeg(&image::imageops::resize(&portrait(), 200, 200, FilterType::Triangle));
    (0..count).map(|n| (format!("p{}/{n}.jpg", n % 20), with_comment(&small, &n.to_string()))).collect()
}

fn zip_of_many(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    zip_of(&files.iter().map(|(name, content)| (name.as_str(), &content[..])).collect::<Vec<_>>())
}

/// Returns the files in the folder of the jobs.
pub fn files_of_jobs(data_dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(data_dir.join("jobs")).into_iter().flatten();
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect()
}

#[test]
fn an_archive_is_imported_and_every_reject_named() {
    let server = Server::auto();
    let rest = app(&server, "shop");
    let library = rest.library("staff");
    let gbk = encode_gbk_folder();
    let archive = zip(&[
        Entry { packs: true, ..Entry::new("Ada/1.jpg", &obama()) },
        Entry::new("Ada/2.jpg", &obama2()),
        Entry::new("Ada/again.jpg", &obama()),
        Entry::new("Joe\\1.jpg", &biden()),
        Entry::new("Joe/dark.jpg", &dark(&biden())),
        Entry::new("Joe/nobody.jpg", &no_face()),
        Entry::new("Joe/notes.txt", b"not a picture"),
        Entry::new([&gbk[..], b"/1.jpg"].concat(), &with_comment(&obama(), "gbk")),
        Entry::new("stray.jpg", &obama()),
        Entry::new("Joe/deep/1.jpg", &biden()),
        Entry::new("Joe/", b""),
        Entry::new("Joe/.hidden", b"not looked at"),
        Entry::new("__MACOSX/Joe/._1.jpg", b"not looked at"),
    ]);
    let id = rest.import(&library, &archive);
    let job = rest.wait_for_job(&id, "done");
    assert_eq!((&job["total"], &job["done"], &job["failed"]), (&json!(10), &json!(5), &json!(5)), "{job}");
    assert_eq!((&job["kind"], &job["libraryId"], &job["appId"]), (&json!("import"), &json!(library), &json!("shop")));
    assert!(job["startedAt"].is_string() && job["endedAt"].is_string());
    let codes = rest.codes(&id);
    for (name, code) in [
        ("Joe/dark.jpg", "notRecognisable"),
        ("Joe/nobody.jpg", "noFace"),
        ("Joe/notes.txt", "pictureNotReadable"),
        ("stray.jpg", "notInFolder"),
        ("Joe/deep/1.jpg", "folderInFolder"),
        ("Joe\\1.jpg", "newPerson"),
        ("张三/1.jpg", "newPerson"),
    ] {
        assert_eq!(codes[name], code, "{name}");
    }
    // Two of the three are equal; which comes first is open.
    let mut of_ada = ["Ada/1.jpg", "Ada/2.jpg", "Ada/again.jpg"].map(|name| codes[name].as_str());
    of_ada.sort_unstable();
    assert_eq!(of_ada, ["known", "newFace", "newPerson"]);
    for item in rest.items(&id) {
        let failed = item["state"] == "failed";
        assert_eq!(item["reason"].as_str().is_some_and(|reason| !reason.is_empty()), failed, "{item}");
        assert_eq!(item["personId"].is_string() && item["faceId"].is_string(), !failed, "{item}");
    }
    let mut names: Vec<String> = rest.people(&library).iter().map(|person| text(&person["externalId"])).collect();
    names.sort();
    assert_eq!(names, ["Ada", "Joe", "张三"]);
    assert_eq!(rest.faces(&library), 4);
    wait_until("the archive is deleted", || files_of_jobs(server.data_dir()).is_empty());

    let report = rest.get(&format!("/jobs/{id}/report?state=failed"));
    assert_eq!(report.header("content-type"), Some("text/csv; charset=utf-8"));
    let lines: Vec<&str> = report.text().lines().collect();
    assert_eq!(
        (lines.len(), lines[0]),
        (6, "number,name,state,code,reason,personId,faceId,otherPersonId,otherFaceId,similarity,recognitionId,group")
    );
    assert!(lines.iter().any(|line| line.contains(",stray.jpg,failed,notInFolder,not in a person's folder,,,,,")));

    // The same once more changes nothing.
    let again = rest.import(&library, &archive);
    rest.wait_for_job(&again, "done");
    let codes = rest.codes(&again);
    assert_eq!(codes.values().filter(|code| *code == "known").count(), 5, "{codes:?}");
    assert_eq!(rest.faces(&library), 4);

    let listed = rest.get("/jobs?kind=import&state=done&limit=1").json();
    assert_eq!((&listed["items"][0]["id"], listed["next"].is_string()), (&json!(id), true));
    assert_eq!(rest.get("/jobs?state=failed").json()["items"], json!([]));
    assert_eq!(rest.get("/jobs?kind=nothing").json()["items"], json!([]));
    assert_eq!(rest.delete(&format!("/jobs/{id}")).status, 204);
    assert_problem(&rest.get(&format!("/jobs/{id}")), 404, "jobNotFound");
}

/// A name in GBK: 张三.
fn encode_gbk_folder() -> Vec<u8> {
    vec![0xd5, 0xc5, 0xc8, 0xfd]
}

#[test]
fn a_manifest_names_the_people() {
    let server = Server::auto();
    let rest = app(&server, "shop");
    let library = rest.library("staff");
    let manifest = "\u{feff}File,Name,External ID,customer_number,tags,Company\r\n\
        pictures/a.jpg,Ada Lovelace,A-17,C1,x,\"Analytical, Ltd\"\r\n\
        b.jpg,Joe,,,,\r\n\
        missing.jpg,Nobody,,,,\r\n\
        ../c.jpg,Nobody,,,,\r\n\
        c.jpg,,,,,\r\n";
    // A folder around everything does not count.
    let archive = zip_of(&[
        ("faces/manifest.csv", manifest.as_bytes()),
        ("faces/pictures/a.jpg", &obama()),
        ("faces/b.jpg", &biden()),
        ("faces/c.jpg", &biden()),
        ("faces/d.jpg", &biden()),
    ]);
    let id = rest.import(&library, &archive);
    let job = rest.wait_for_job(&id, "done");
    assert_eq!((&job["total"], &job["done"]), (&json!(6), &json!(2)), "{job}");
    let expected = [
        ("../c.jpg", "fileMissing"),
        ("b.jpg", "newPerson"),
        ("c.jpg", "personRefused"),
        ("d.jpg", "notInManifest"),
        ("missing.jpg", "fileMissing"),
        ("pictures/a.jpg", "newPerson"),
    ];
    let expected: BTreeMap<String, String> =
        expected.into_iter().map(|(name, code)| (name.to_owned(), code.to_owned())).collect();
    assert_eq!(rest.codes(&id), expected);
    let people = rest.people(&library);
    let ada = people.iter().find(|person| person["externalId"] == "A-17").expect("Ada");
    assert_eq!((&ada["name"], &ada["customerNumber"]), (&json!("Ada Lovelace"), &json!("C1")));
    assert_eq!(ada["company"], "Analytical, Ltd");
    assert!(people.iter().any(|person| person["externalId"] == "Joe" && person["name"] == "Joe"));
}

#[test]
fn bombs_and_paths_that_lead_out_are_refused_with_their_reasons() {
    let server = Setup::new(&["auto"])
        .env("AICP_JOBS__MAX_FILES", "20")
        .env("AICP_JOBS__MAX_UNPACKED_MIB", "200")
        .env("AICP_JOBS__MAX_UPLOAD_MIB", "16")
        .start();
    let rest = app(&server, "shop");
    let library = rest.library("staff");
    let zeros = vec![0; 8 << 20];
    let archive = zip(&[
        Entry::new("../../Ada/1.jpg", &obama()),
        Entry::new("Ada/../../../1.jpg", &obama()),
        Entry::new("/Ada/1.jpg", &obama()),
        Entry::new("C:\\Ada\\1.jpg", &obama()),
        Entry::new("Ada/\u{1}.jpg", &obama()),
        Entry { mode: 0o120_777, ..Entry::new("Ada/link.jpg", b"/etc/passwd") },
        Entry { packs: true, ..Entry::new("Ada/bomb.jpg", &zeros) },
        Entry { flags: 1, ..Entry::new("Ada/secret.jpg", &obama()) },
        Entry { method: Some(14), ..Entry::new("Ada/lzma.jpg", &obama()) },
        Entry { told_size: Some(65 << 20), packs: true, ..Entry::new("Ada/large.jpg", &obama()) },
        Entry { told_size: Some(100), packs: true, ..Entry::new("Ada/longer.jpg", &obama()) },
        Entry { told_crc: Some(1), ..Entry::new("Ada/crc.jpg", &obama()) },
        Entry { flags: 1 << 11, ..Entry::new(b"Ada/\xff.jpg", &obama()) },
        Entry::new(format!("{}/1.jpg", "long".repeat(40)), &obama()),
        Entry::new("Ada/good.jpg", &obama()),
    ]);
    let id = rest.import(&library, &archive);
    let job = rest.wait_for_job(&id, "done");
    assert_eq!((&job["done"], &job["failed"]), (&json!(1), &json!(14)), "{job}");
    let found: Vec<String> = rest.items(&id).iter().map(|item| text(&item["code"])).collect();
    let expected = [
        "pathRefused",
        "pathRefused",
        "pathRefused",
        "pathRefused",
        "pathRefused",
        "symbolicLink",
        "ratioTooHigh",
        "encrypted",
        "methodNotSupported",
        "tooLarge",
        "damaged",
        "damaged",
        "nameRefused",
        "personRefused",
        "newPerson",
    ];
    assert_eq!(found, expected);
    assert_eq!(objects(server.data_dir()).len(), 1, "nothing else was stored");

    let refused = |archive: &[u8], status, code, reason: &str| {
        let answer = rest.upload(&library, archive);
        assert_problem(&answer, status, code);
        assert!(answer.text().contains(reason), "{}", answer.text());
    };
    let files: Vec<Entry> = (0..21).map(|n| Entry::new(format!("a/{n}.jpg"), b"x")).collect();
    refused(&zip(&files), 400, "importRefused", "more than 20 entries");
    let files: Vec<Entry> =
        (0..4).map(|n| Entry { told_size: Some(60 << 20), ..Entry::new(format!("a/{n}.jpg"), b"x") }).collect();
    refused(&zip(&files), 400, "importRefused", "unpacks to more than");
    refused(b"", 400, "importRefused", "too short");
    refused(&obama(), 400, "importRefused", "does not end as a zip archive");
    let whole = zip_of(&[("a/1.jpg", &obama())]);
    refused(&whole[..whole.len() - 30], 400, "importRefused", "not readable");
    refused(&whole[10..], 400, "importRefused", "not readable");
    refused(&vec![7; (16 << 20) + 1], 413, "tooLarge", "too large");
    // The end record says more than there is.
    let mut lying = zip_of(&[("a/1.jpg", &obama())]);
    let count = lying.len() - 12;
    lying[count] = 9;
    refused(&lying, 400, "importRefused", "not readable");
    let answer = rest.json("POST", &format!("/libraries/{library}/imports"), &json!({}));
    assert_problem(&answer, 415, "mediaTypeNotSupported");
    wait_until("nothing is left of what was refused", || files_of_jobs(server.data_dir()).is_empty());
}

#[test]
fn a_job_is_paused_resumed_and_cancelled() {
    let server = Setup::new(&["auto"]).env("AICP_JOBS__CONCURRENT", "1").start();
    let rest = app(&server, "shop");
    let library = rest.library("staff");
    let files = many(300);
    let id = rest.import(&library, &zip_of_many(&files));
    let waiting = rest.import(&library, &zip_of(&[("Joe/1.jpg", &biden())]));
    wait_until("some are done", || rest.job(&id)["done"].as_u64() > Some(5));
    assert_eq!(rest.job(&waiting)["state"], "queued", "one job runs at a time");
    let action = |id: &str, action: &str| rest.json("POST", &format!("/jobs/{id}/{action}"), &json!({}));
    assert_eq!(action(&id, "pause").json()["state"], "paused");
    // The other one has its turn once what was under way is done.
    rest.wait_for_job(&waiting, "done");
    let paused = rest.job(&id);
    assert_eq!((&paused["state"], &paused["total"]), (&json!("paused"), &json!(300)));
    assert!(paused["done"].as_u64() < Some(300), "{paused}");
    assert_eq!(rest.faces(&library), paused["done"].as_u64().expect("a number") + 1, "all under way are counted");
    assert_eq!(action(&id, "pause").json()["state"], "paused", "it stays so");
    assert_problem(&rest.delete(&format!("/jobs/{id}")), 409, "jobStateConflict");
    assert_eq!(files_of_jobs(server.data_dir()).len(), 1);
    // A paused job stays paused.
    server.stop();
    let server = Setup::new(&["auto"]).data_dir(server.data_dir()).start();
    let rest = app_again(&server, &rest);
    assert_eq!(rest.job(&id)["state"], "paused");
    let action = |id: &str, action: &str| rest.json("POST", &format!("/jobs/{id}/{action}"), &json!({}));
    assert!(["queued", "running"].contains(&action(&id, "resume").json()["state"].as_str().expect("a text")));
    let done = rest.wait_for_job(&id, "done");
    assert_eq!((&done["done"], &done["failed"]), (&json!(300), &json!(0)));
    assert_eq!((rest.faces(&library), rest.people(&library).len()), (301, 21));
    for wanted in ["pause", "resume", "cancel"] {
        assert_problem(&action(&id, wanted), 409, "jobStateConflict");
    }

    let other = rest.library("other");
    let id = rest.import(&other, &zip_of_many(&files));
    wait_until("some are done", || rest.job(&id)["done"].as_u64() > Some(5));
    assert_eq!(action(&id, "cancel").json()["state"], "cancelled");
    wait_until("the archive is deleted", || files_of_jobs(server.data_dir()).is_empty());
    let cancelled = rest.job(&id);
    assert!(cancelled["done"].as_u64() < Some(300), "{cancelled}");
    assert_eq!(rest.faces(&other), cancelled["done"].as_u64().expect("a number"), "what is done stays");
    assert_problem(&action(&id, "resume"), 409, "jobStateConflict");
    wait_until("it can be deleted", || rest.delete(&format!("/jobs/{id}")).status == 204);
}

/// Returns a client of another server process with the same token.
fn app_again(server: &Server, rest: &Rest) -> Rest {
    Rest { address: server.addresses()[0], token: rest.token.clone() }
}

#[test]
fn a_killed_import_goes_on_and_enrols_each_picture_once() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let start = || Setup::new(&["auto"]).data_dir(temp.path()).start();
    let mut files = many(240);
    files.push(("p0/broken.jpg".to_owned(), b"broken".to_vec()));
    let mut server = start();
    let mut rest = app(&server, "shop");
    let library = rest.library("staff");
    let id = rest.import(&library, &zip_of_many(&files));
    // An upload that is broken off leaves nothing.
    let unfinished = unfinished_upload(&rest, &library);
    let mut seen = 0;
    for part in 1..=3u64 {
        wait_until("more are done", || rest.job(&id)["done"].as_u64() >= Some(part * 50));
        server.kill();
        server = start();
        rest = app_again(&server, &rest);
        let job = rest.job(&id);
        let done = job["done"].as_u64().expect("a number");
        assert!(done >= seen && ["running", "done"].contains(&job["state"].as_str().expect("a text")), "{job}");
        seen = done;
    }
    drop(unfinished);
    let done = rest.wait_for_job(&id, "done");
    assert_eq!((&done["total"], &done["done"], &done["failed"]), (&json!(241), &json!(240), &json!(1)), "{done}");
    assert_eq!((rest.faces(&library), rest.people(&library).len()), (240, 20), "each picture is enrolled once");
    let items = rest.items(&id);
    let numbers: Vec<u64> = items.iter().map(|item| item["number"].as_u64().expect("a number")).collect();
    assert_eq!(numbers, (1..=241).collect::<Vec<_>>(), "each item is reported once");
    assert!(items.iter().all(|item| item["code"].is_string()));
    wait_until("the archive is deleted", || files_of_jobs(temp.path()).is_empty());
}

/// Begins an upload and returns its connection.
fn unfinished_upload(rest: &Rest, library: &str) -> std::net::TcpStream {
    use std::io::Write;
    let mut stream = crate::http::connect(rest.address).expect("it listens");
    let head = format!(
        "POST /api/v1/libraries/{library}/imports HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/zip\r\nContent-Length: 1000000\r\n\r\n",
        rest.token
    );
    stream.write_all(head.as_bytes()).expect("sent");
    stream.write_all(&[7; 1000]).expect("sent");
    stream
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing() {
    let server = Server::auto();
    let rest = app(&server, "shop");
    let library = rest.library("staff");
    let stream = unfinished_upload(&rest, &library);
    wait_until("the upload has begun", || !files_of_jobs(server.data_dir()).is_empty());
    drop(stream);
    wait_until("nothing is left", || files_of_jobs(server.data_dir()).is_empty());
    assert_eq!(rest.get("/jobs").json()["items"], json!([]));
}

#[test]
fn a_repeated_upload_with_a_key_is_one_job() {
    let server = Server::auto();
    let rest = app(&server, "shop");
    let library = rest.library("staff");
    let path = format!("/libraries/{library}/imports");
    let send = |archive: &[u8]| {
        let headers = [("Content-Type", "application/zip"), ("Idempotency-Key", "monday")];
        rest.send("POST", &path, &headers, archive)
    };
    let archive = zip_of(&[("Ada/1.jpg", &obama())]);
    let first = send(&archive);
    assert_eq!(first.status, 201, "{}", first.text());
    let again = send(&archive);
    assert_eq!((again.status, &again.body), (201, &first.body));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_problem(&send(&zip_of(&[("Ada/2.jpg", &obama())])), 422, "idempotencyKeyReused");
    assert_eq!(rest.get("/jobs").json()["items"].as_array().map(Vec::len), Some(1));
    rest.wait_for_job(&text(&first.json()["id"]), "done");
    wait_until("the archives are deleted", || files_of_jobs(server.data_dir()).is_empty());
}

#[test]
fn an_app_sees_its_own_jobs_alone() {
    let server = Server::auto();
    let (shop, other, admin) = (app(&server, "shop"), app(&server, "other"), Rest::admin(&server));
    let library = shop.library("staff");
    let id = shop.finished_import(&library, &[("Ada/1.jpg", &obama())]);
    assert_eq!(other.get("/jobs").json()["items"], json!([]));
    assert_eq!(admin.get("/jobs").json()["items"][0]["id"], json!(id));
    assert_problem(&other.upload(&library, &zip_of(&[])), 404, "libraryNotFound");
    for path in ["", "/items", "/report"] {
        assert_problem(&other.get(&format!("/jobs/{id}{path}")), 404, "jobNotFound");
        assert_eq!(admin.get(&format!("/jobs/{id}{path}")).status, 200);
    }
    for action in ["pause", "resume", "cancel"] {
        let answer = other.json("POST", &format!("/jobs/{id}/{action}"), &json!({}));
        assert_problem(&answer, 404, "jobNotFound");
    }
    assert_problem(&other.delete(&format!("/jobs/{id}")), 404, "jobNotFound");
    // The administrator's import into the app's library is a job of the app.
    let by_admin = admin.finished_import(&library, &[("Joe/1.jpg", &biden())]);
    assert_eq!(shop.job(&by_admin)["appId"], "shop");
}

#[test]
fn a_folder_is_imported_from_below_a_root_alone() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let (root, outside) = (temp.path().join("root"), temp.path().join("outside"));
    for (path, picture) in [
        (root.join("staff/Ada/1.jpg"), obama()),
        (root.join("staff/Ada/notes.txt"), b"not a picture".to_vec()),
        (outside.join("Joe/1.jpg"), biden()),
    ] {
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, picture).expect("written");
    }
    std::os::unix::fs::symlink(outside.join("Joe/1.jpg"), root.join("staff/Ada/link.jpg")).expect("linked");
    std::os::unix::fs::symlink(outside.join("Joe"), root.join("staff/Joe")).expect("linked");
    std::os::unix::fs::symlink(&outside, root.join("away")).expect("linked");
    let server = Setup::new(&["auto"]).env("AICP_JOBS__IMPORT_ROOTS", root.to_str().expect("UTF-8")).start();
    let rest = app(&server, "shop");
    let library = rest.library("staff");
    let ask = |folder: &Path| {
        let folder = folder.to_str().expect("UTF-8");
        rest.json("POST", &format!("/libraries/{library}/folder-imports"), &json!({ "folder": folder }))
    };
    for folder in [&outside, &root.join("away"), &root.join("staff/../../outside"), &root.join("none"), Path::new("/")]
    {
        assert_problem(&ask(folder), 400, "importRefused");
    }
    let answer = ask(&root.join("staff"));
    assert_eq!(answer.status, 201, "{}", answer.text());
    let id = text(&answer.json()["id"]);
    rest.wait_for_job(&id, "done");
    let expected = [
        ("Ada/1.jpg", "newPerson"),
        ("Ada/link.jpg", "symbolicLink"),
        ("Ada/notes.txt", "pictureNotReadable"),
        ("Joe", "symbolicLink"),
    ];
    let expected: BTreeMap<String, String> =
        expected.into_iter().map(|(name, code)| (name.to_owned(), code.to_owned())).collect();
    assert_eq!(rest.codes(&id), expected);
    drop(server);

    let server = Server::auto();
    let rest = app(&server, "shop");
    let library = rest.library("staff");
    let folder = root.join("staff");
    let body = json!({"folder": folder.to_str().expect("UTF-8")});
    let answer = rest.json("POST", &format!("/libraries/{library}/folder-imports"), &body);
    assert_problem(&answer, 400, "importRefused");
}

#[test]
fn jobs_that_have_not_ended_are_limited() {
    let server = Setup::new(&["auto"]).env("AICP_JOBS__CONCURRENT", "1").env("AICP_JOBS__MAX_OPEN", "2").start();
    let rest = app(&server, "shop");
    let library = rest.library("staff");
    let long = zip_of_many(&many(300));
    let first = rest.import(&library, &long);
    rest.import(&library, &long);
    assert_problem(&rest.upload(&library, &long), 409, "tooManyJobs");
    assert_eq!(files_of_jobs(server.data_dir()).len(), 2);
    let cancelled = rest.json("POST", &format!("/jobs/{first}/cancel"), &json!({}));
    assert_eq!(cancelled.status, 200);
    rest.import(&library, &zip_of(&[("Ada/1.jpg", &obama())]));
}

#[test]
fn a_large_library_is_out_of_sight_at_once_and_deleted_by_a_job() {
    let server = Server::auto();
    let rest = app(&server, "shop");
    let (library, other) = (rest.library("staff"), rest.library("small"));
    rest.person(&library, &[("name", "Ada")], &obama());
    rest.person(&other, &[("name", "Ada")], &obama2());
    server.stop();
    let database = rusqlite::Connection::open(server.data_dir().join("aicp.db")).expect("opens");
    let insert = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
        INSERT INTO person (library_id, public_id, number, external_id, created, updated)
        SELECT ?1, i, printf('%032x', i), 'p' || i, 1, 1 FROM n";
    assert_eq!(database.execute(insert, [&library]).expect("inserted"), 1500);
    drop(database);

    let server = Setup::new(&["auto"]).data_dir(server.data_dir()).start();
    let rest = app_again(&server, &rest);
    let deleted = rest.delete(&format!("/libraries/{library}"));
    assert_eq!(deleted.status, 202, "{}", deleted.text());
    let job = deleted.json();
    let id = text(&job["id"]);
    assert_eq!((&job["kind"], &job["total"]), (&json!("libraryDeletion"), &json!(1501)));
    assert_problem(&rest.get(&format!("/libraries/{library}")), 404, "libraryNotFound");
    assert_problem(&rest.delete(&format!("/libraries/{library}")), 404, "libraryNotFound");
    let again = rest.library("staff");
    assert_ne!(again, library, "the name is free at once");
    let cancelled = rest.json("POST", &format!("/jobs/{id}/cancel"), &json!({}));
    assert_problem(&cancelled, 409, "jobStateConflict");
    // Killed in the middle or not, all people go.
    server.kill();
    let server = Setup::new(&["auto"]).data_dir(server.data_dir()).start();
    let rest = app_again(&server, &rest);
    let done = rest.wait_for_job(&id, "done");
    assert_eq!((&done["total"], &done["done"], &done["failed"]), (&json!(1501), &json!(1501), &json!(0)), "{done}");
    assert_eq!(rest.delete(&format!("/libraries/{again}")).status, 204, "a small one goes at once");
    assert_eq!(objects(server.data_dir()).len(), 1, "its pictures are gone, and no other");
    let database = rusqlite::Connection::open(server.data_dir().join("aicp.db")).expect("opens");
    let count: i64 = database.query_row("SELECT count(*) FROM person", [], |row| row.get(0)).expect("a number");
    assert_eq!(count, 1);
}

#[test]
fn a_scan_reports_people_who_are_there_twice() {
    let server = Server::auto();
    let rest = app(&server, "shop");
    let library = rest.library("staff");
    let ada = rest.person(&library, &[("name", "Ada")], &obama());
    rest.person(&library, &[("name", "Joe")], &biden());
    let twin = rest.person(&library, &[("name", "Lovelace")], &obama2());
    let scan = |terms: &Value| {
        let job = rest.finished_job(&format!("/libraries/{library}/duplicate-scans"), terms);
        assert_eq!((&job["kind"], &job["total"], &job["done"]), (&json!("duplicateScan"), &json!(3), &json!(3)));
        rest.items(&text(&job["id"]))
    };
    for terms in [json!({}), json!({"fmr": 1e-4}), json!({"threshold": 0.7})] {
        let items = scan(&terms);
        let [pair] = &items[..] else { panic!("{items:?}") };
        assert_eq!(
            (&pair["code"], &pair["personId"], &pair["otherPersonId"]),
            (&json!("similar"), &ada["id"], &twin["id"])
        );
        assert_eq!(pair["name"], "Ada / Lovelace");
        assert_eq!((&pair["faceId"], &pair["otherFaceId"]), (&ada["faces"][0]["id"], &twin["faces"][0]["id"]));
        assert!(pair["similarity"].as_f64() > Some(0.7), "{pair}");
    }
    assert_eq!(scan(&json!({"threshold": 1})), [Value::Null; 0]);
    assert_eq!(scan(&json!({"threshold": 0})).len(), 3, "all pairs, each once");
    let wrong =
        rest.json("POST", &format!("/libraries/{library}/duplicate-scans"), &json!({"fmr": 1, "threshold": 0.5}));
    assert_problem(&wrong, 400, "badField");
}

#[test]
fn a_job_tells_of_its_state_and_progress_by_events_and_its_makers_acts_are_logged() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let library = admin.library("staff");
    let job = admin.finished_import(&library, &[("Ada/1.jpg", &obama()), ("Nobody/1.jpg", &no_face())]);
    assert_eq!(admin.json("POST", &format!("/jobs/{job}/cancel"), &json!({})).status, 409);
    let log = admin.get("/events/log?kind=job").json();
    let events = log["items"].as_array().expect("items");
    assert!(events.iter().all(|event| event["data"]["jobId"] == job && event["libraryId"] == library), "{log}");
    let states: Vec<&str> = events.iter().filter_map(|event| event["data"]["state"].as_str()).collect();
    assert_eq!((states.first(), states.last()), (Some(&"queued"), Some(&"done")), "{log}");
    let last = &events[events.len() - 1]["data"];
    assert_eq!((&last["done"], &last["total"]), (&json!(2), &json!(2)));
    // One step of progress after each item.
    assert!(states.iter().filter(|state| **state == "running").count() >= 2, "{log}");

    let acts = admin.get(&format!("/audit?target=job%20{job}")).json();
    let acts: Vec<&str> =
        acts["items"].as_array().expect("items").iter().filter_map(|act| act["action"].as_str()).collect();
    assert_eq!(acts, ["job.create"], "what is refused is not logged");
}
