//! Exports and copies of libraries, and groups of unknown faces.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use serde_json::{Value, json};

use super::jobs::files_of_jobs;
use super::{Rest, assert_problem, text};
use crate::fixture::{Server, Setup, wait_until};
use crate::pictures::{biden, obama, obama2, with_comment};

const WITHOUT_TEMPLATES: [&str; 5] = ["C10000000001", "C10000000002", "C10000000003", "C10000000006", "C10000000008"];
const TEMPLATES: &str = "C10000000009";

impl Rest {
    /// Exports a library; returns the job, which is done.
    fn export(&self, library: &str, content: &Value) -> Value {
        self.finished_job(&format!("/libraries/{library}/exports"), content)
    }

    fn download(&self, job: &Value) -> Vec<u8> {
        let answer = self.get(&format!("/jobs/{}/file", text(&job["id"])));
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/zip")));
        assert_eq!(job["file"]["bytes"], answer.body.len());
        answer.body
    }
}

fn entries(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(archive)).expect("a zip archive");
    let mut entries = BTreeMap::new();
    for at in 0..archive.len() {
        let mut entry = archive.by_index(at).expect("an entry");
        let name = entry.name().expect("UTF-8").into_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("its checksum is right");
        assert!(entries.insert(name, content).is_none(), "names differ");
    }
    entries
}

/// Returns the lines of the people, by name.
fn people(entries: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Value> {
    let lines = std::str::from_utf8(&entries["people.jsonl"]).expect("UTF-8").lines();
    let people = lines.map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"));
    people.map(|person| (text(&person["name"]), person)).collect()
}

#[test]
fn an_export_has_everything_and_can_be_imported() {
    let server = Server::auto();
    let rest = Rest::admin(&server).app("shop", &WITHOUT_TEMPLATES);
    let library = rest.library("staff");
    let tagged =
        [("name", "Ada, \"Countess\""), ("externalId", "17"), ("tags", "north, by \"n\""), ("remark", "two\nlines")];
    let ada = rest.person(&library, &tagged, &obama());
    let path = format!("/libraries/{library}/people/{}/faces", text(&ada["id"]));
    assert_eq!(rest.form("POST", &path, &[], &[("file", &obama2())]).status, 201);
    rest.person(&library, &[("name", "乔")], &biden());

    let job = rest.export(&library, &json!({}));
    assert_eq!((&job["kind"], &job["total"], &job["done"]), (&json!("export"), &json!(2), &json!(2)), "{job}");
    assert!(text(&job["file"]["expiresAt"]) > text(&job["endedAt"]));
    let archive = rest.download(&job);
    let entries = entries(&archive);
    let known = people(&entries);
    let exported = &known["Ada, \"Countess\""];
    for key in ["externalId", "name", "tags", "remark", "createdAt"] {
        assert_eq!(exported[key], ada[key], "{key}");
    }
    assert_eq!((&exported["personId"], exported["faces"][0]["template"].is_null()), (&ada["id"], true));
    let faces = exported["faces"].as_array().expect("faces");
    assert_eq!(faces.len(), 2);
    for (face, picture) in faces.iter().zip([obama(), obama2()]) {
        assert_eq!(entries[&text(&face["picture"])], picture, "the pictures are as they were enrolled");
    }
    let about: Value = serde_json::from_slice(&entries["export.json"]).expect("JSON");
    assert_eq!((&about["format"], &about["version"]), (&json!("aicp-export"), &json!(1)));
    assert_eq!(
        (&about["people"], &about["faces"], &about["library"]["groupId"]),
        (&json!(2), &json!(3), &json!("staff"))
    );

    // Another library gets the same people.
    let other = rest.library("again");
    let import = rest.import(&other, &archive);
    let done = rest.wait_for_job(&import, "done");
    assert_eq!((&done["total"], &done["done"], &done["failed"]), (&json!(3), &json!(3), &json!(0)), "{done}");
    let data = |library: &str| -> BTreeMap<String, Value> {
        let people = rest.people(library).into_iter().map(|person| {
            let shown = json!([person["tags"], person["remark"], person["externalId"]]);
            (text(&person["name"]), shown)
        });
        people.collect()
    };
    let mut expected = data(&library);
    let joe = text(&known["乔"]["personId"]);
    expected.insert("乔".to_owned(), json!([[], null, joe]));
    assert_eq!(data(&other), expected, "who had no id of the app keeps the one of ours as one");
}

#[test]
fn a_download_can_go_on_where_it_broke_off_and_is_logged() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let library = admin.library("staff");
    admin.person(&library, &[("name", "Ada")], &obama());
    let job = admin.export(&library, &json!({}));
    let archive = admin.download(&job);
    let path = format!("/jobs/{}/file", text(&job["id"]));
    let range = |range: &str| admin.send("GET", &path, &[("Range", range)], b"");
    let (half, all) = (archive.len() / 2, archive.len());
    let rest = range(&format!("bytes={half}-"));
    assert_eq!((rest.status, &rest.body[..]), (206, &archive[half..]));
    assert_eq!(rest.header("content-range"), Some(format!("bytes {half}-{}/{all}", all - 1).as_str()));
    for ignored in [format!("bytes={all}-"), "bytes=0-1".to_owned(), "bytes=-1".to_owned(), "pages=1-".to_owned()] {
        assert_eq!((range(&ignored).status, range(&ignored).body == archive), (200, true), "{ignored}");
    }
    let acts = admin.get("/audit?action=job.download").json();
    assert_eq!(acts["items"].as_array().map(Vec::len), Some(9), "all but the one that went on: {acts}");
}

#[test]
fn templates_are_exported_for_those_who_may_have_them() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let rest = admin.app("shop", &WITHOUT_TEMPLATES);
    let library = rest.library("staff");
    let ada = rest.person(&library, &[("name", "Ada")], &obama());
    let path = format!("/libraries/{library}/exports");
    let wanted = json!({"templates": true, "pictures": false});
    assert_problem(&rest.json("POST", &path, &wanted), 403, "forbidden");
    let job = admin.export(&library, &wanted);
    let entries = entries(&admin.download(&job));
    assert_eq!(entries.keys().collect::<Vec<_>>(), ["export.json", "people.jsonl"]);
    let exported = &people(&entries)["Ada"]["faces"][0];
    let face = format!("/libraries/{library}/people/{}/faces/{}", text(&ada["id"]), text(&exported["faceId"]));
    let template = admin.get(&format!("{face}/template")).json();
    assert_eq!(exported["template"]["vector"], template["vector"], "{template}");
    assert_problem(&rest.get(&format!("/jobs/{}/file", text(&job["id"]))), 403, "forbidden");
    let allowed = admin.app("other", &[&WITHOUT_TEMPLATES[..], &[TEMPLATES]].concat());
    assert_problem(&allowed.get(&format!("/jobs/{}/file", text(&job["id"]))), 404, "jobNotFound");
}

#[test]
fn the_exports_of_an_app_go_when_a_person_of_it_is_erased() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let shop = admin.app("shop", &WITHOUT_TEMPLATES);
    let (library, other, of_shop) = (admin.library("staff"), admin.library("guests"), shop.library("guests"));
    let ada = admin.person(&library, &[("name", "Ada"), ("externalId", "17")], &obama());
    shop.person(&of_shop, &[("name", "Joe")], &biden());
    let (of_ada, of_joe) = (admin.export(&library, &json!({})), shop.export(&of_shop, &json!({})));
    assert_eq!(files_of_jobs(server.data_dir()).len(), 2);
    // The archive has her, although she is in another library by now.
    let path = format!("/libraries/{library}/people/{}/move", text(&ada["id"]));
    assert_eq!(admin.json("POST", &path, &json!({"libraryId": other})).status, 200);
    let erased = admin.json("POST", "/erasures", &json!({"externalId": "17"}));
    assert_eq!(erased.status, 200, "{}", erased.text());
    let id = text(&of_ada["id"]);
    assert_problem(&admin.get(&format!("/jobs/{id}/file")), 404, "fileNotFound");
    let job = admin.job(&id);
    assert_eq!((&job["state"], &job["file"]), (&json!("done"), &Value::Null), "{job}");
    assert_eq!(files_of_jobs(server.data_dir()), [format!("export-{}.zip", text(&of_joe["id"]))]);
    assert_eq!(admin.delete(&format!("/jobs/{}", text(&of_joe["id"]))).status, 204);
    assert_eq!(files_of_jobs(server.data_dir()), [""; 0], "a job that is deleted takes its file with it");
}

#[test]
fn an_export_that_was_killed_is_written_anew() {
    let data_dir = tempfile::tempdir().expect("a temp dir");
    let start = || Setup::new(&["auto"]).data_dir(data_dir.path()).start();
    let mut server = start();
    let library = Rest::admin(&server).library("staff");
    for number in 0..20 {
        let name = number.to_string();
        Rest::admin(&server).person(&library, &[("name", &name)], &with_comment(&obama(), &name));
    }
    for _ in 0..3 {
        let answer = Rest::admin(&server).json("POST", &format!("/libraries/{library}/exports"), &json!({}));
        let id = text(&answer.json()["id"]);
        server.kill();
        server = start();
        let admin = Rest::admin(&server);
        let job = admin.wait_for_job(&id, "done");
        assert_eq!((&job["total"], &job["done"]), (&json!(20), &json!(20)), "{job}");
        assert_eq!(people(&entries(&admin.download(&job))).len(), 20);
    }
    assert!(files_of_jobs(server.data_dir()).iter().all(|name| name.ends_with(".zip")), "nothing half-written stays");
}

#[test]
fn a_library_is_copied_with_its_people() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let rest = admin.app("shop", &WITHOUT_TEMPLATES);
    let library = rest.library("staff");
    rest.json("PATCH", &format!("/libraries/{library}"), &json!({"threshold": 0.75, "topN": 3}));
    let ada = rest.person(&library, &[("name", "Ada"), ("externalId", "17"), ("tags", "north")], &obama());
    rest.person(&library, &[("name", "Joe")], &biden());
    let path = format!("/libraries/{library}/copies");
    let job = rest.finished_job(&path, &json!({"name": "staff of the north", "groupId": "north"}));
    assert_eq!((&job["kind"], &job["total"], &job["done"]), (&json!("libraryCopy"), &json!(2), &json!(2)), "{job}");
    let copy = text(&job["libraryId"]);
    let shown = rest.get(&format!("/libraries/{copy}")).json();
    assert_eq!((&shown["groupId"], &shown["threshold"], &shown["topN"]), (&json!("north"), &json!(0.75), &json!(3)));
    let found = rest.form("POST", &format!("/libraries/{copy}/identify"), &[], &[("file", &obama2())]).json();
    let id = text(&found["faces"][0]["matches"][0]["person"]["id"]);
    let person = rest.get(&format!("/libraries/{copy}/people/{id}")).json();
    assert_eq!((&person["externalId"], &person["tags"]), (&json!("17"), &json!(["north"])), "{found}");
    assert_ne!(person["id"], ada["id"]);
    // The copy lives on without the original.
    assert_eq!(rest.delete(&format!("/libraries/{library}")).status, 204);
    assert_eq!(rest.people(&copy).len(), 2);
    let picture = format!("/libraries/{copy}/people/{id}/faces/{}/picture", text(&person["faces"][0]["id"]));
    assert_eq!(rest.get(&picture).body, obama());
    let again = rest.json("POST", &format!("/libraries/{copy}/copies"), &json!({"name": "north"}));
    assert_problem(&again, 409, "libraryExists");
}

#[test]
fn who_may_not_see_people_can_copy_none() {
    let config = tempfile::NamedTempFile::new().expect("a temp file");
    std::fs::write(config.path(), "[authorization.capabilities]\nmaker = [\"libraries\"]\n").expect("written");
    let server = Setup::new(&["auto"]).env("AICP_CONFIG", config.path().to_str().expect("UTF-8")).start();
    let rest = Rest::admin(&server).app("shop", &["maker"]);
    let library = rest.library("staff");
    let copy = rest.json("POST", &format!("/libraries/{library}/copies"), &json!({"name": "x"}));
    assert_problem(&copy, 403, "forbidden");
    assert_eq!(rest.get("/libraries").json()["items"].as_array().map(Vec::len), Some(1), "no library was made");
}

#[test]
fn unknown_faces_are_grouped_by_person() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let library = admin.library("staff");
    let path = format!("/libraries/{library}/groupings");
    let none = admin.finished_job(&path, &json!({}));
    assert_eq!((&none["total"], &none["done"]), (&json!(0), &json!(0)), "{none}");
    admin.json("PATCH", &format!("/libraries/{library}/recognition-log"), &json!({"enabled": true}));
    let pictures = [obama(), biden(), obama2(), with_comment(&obama(), "again")];
    for (number, picture) in pictures.iter().enumerate() {
        admin.form("POST", &format!("/libraries/{library}/identify"), &[], &[("file", picture)]);
        let log = format!("/libraries/{library}/recognitions");
        wait_until("it is logged", || admin.get(&log).json()["items"].as_array().map(Vec::len) == Some(number + 1));
    }
    let log = admin.get(&format!("/libraries/{library}/recognitions")).json();
    // The latest comes first.
    let logged: Vec<String> =
        log["items"].as_array().expect("items").iter().rev().map(|entry| text(&entry["id"])).collect();
    for terms in [json!({}), json!({"fmr": 1e-4}), json!({"threshold": 0.7})] {
        let job = admin.finished_job(&path, &terms);
        assert_eq!((&job["kind"], &job["total"], &job["done"]), (&json!("grouping"), &json!(4), &json!(4)), "{job}");
        let items = admin.items(&text(&job["id"]));
        let groups: Vec<(&str, u64, &str)> = items
            .iter()
            .map(|item| {
                let field = |name: &str| item[name].as_str().expect("a text");
                (field("recognitionId"), item["group"].as_u64().expect("a number"), field("code"))
            })
            .collect();
        let expected = [
            (logged[0].as_str(), 1, "grouped"),
            (&logged[2], 1, "grouped"),
            (&logged[3], 1, "grouped"),
            (&logged[1], 2, "single"),
        ];
        assert_eq!(groups, expected, "{terms}");
        assert!(items.iter().all(|item| item["similarity"].as_f64() > Some(0.7)), "{items:?}");
    }
    let report = admin.get(&format!("/jobs/{}/report", text(&none["id"])));
    assert!(report.text().starts_with("number,name,state,code,"), "{}", report.text());
    assert_problem(&admin.json("POST", &path, &json!({"fmr": 0.1, "threshold": 0.5})), 400, "badField");
}
