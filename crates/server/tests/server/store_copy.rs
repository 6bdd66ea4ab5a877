//! A database is moved from SQLite to PostgreSQL and back.

use std::fs;
use std::path::Path;
use std::process::Command;

use aicp_store_tests::postgres::{SERVERS, TestDatabase};
use serde_json::json;

use crate::api::Rest;
use crate::fixture::{Ran, Server, Setup, aicp, workspace};

fn copy(from: &str, to: &str) -> Ran {
    Ran::of(&mut aicp(["store", "copy", from, to]))
}

fn sqlite(folder: &Path) -> String {
    format!("sqlite:{}", folder.display())
}

fn on(data_dir: &Path) -> Setup {
    Setup::new(&["auto"]).env("AICP_VISION__RUNTIME", "auto").data_dir(data_dir)
}

fn picture(name: &str) -> Vec<u8> {
    fs::read(workspace().join("samples/people").join(name)).expect("a sample")
}

fn enrol(server: &Server, library: &str, name: &str, file: &str) {
    let path = format!("/libraries/{library}/people");
    let answer = Rest::admin(server).form("POST", &path, &[("name", name)], &[("file", &picture(file))]);
    assert_eq!(answer.status, 201, "{}", answer.text());
}

/// Returns the name of the person most like the largest face.
fn found(server: &Server, library: &str, file: &str) -> Option<String> {
    let path = format!("/libraries/{library}/identify");
    let answer = Rest::admin(server).form("POST", &path, &[], &[("file", &picture(file))]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["faces"][0]["matches"][0]["person"]["name"].as_str().map(str::to_owned)
}

#[test]
fn a_database_is_copied_to_postgresql_and_back_with_all_that_is_in_it() {
    let servers = std::env::var(SERVERS).expect("run this by `make test`, or below tools/with_postgres.py");
    let database =
        TestDatabase::create(servers.split(' ').next().expect("one at least"), &format!("copy_{}", std::process::id()));
    let folder = tempfile::tempdir().expect("a temp dir");
    let [first, node, last] = ["first", "node", "last"].map(|name| folder.path().join(name));

    let server = on(&first).start();
    let library = Rest::admin(&server).library("all");
    enrol(&server, &library, "Barack", "obama/obama.jpg");
    let token = server.grant("shop", &["C10000000001"]);
    let gone = Rest::admin(&server).library("gone");
    assert_eq!(Rest::admin(&server).delete(&format!("/libraries/{gone}")).status, 204);
    assert!(copy(&sqlite(&first), &database.url()).stderr.contains("in use"), "a server has it open");
    server.stop();

    let copied = copy(&sqlite(&first), &database.url());
    assert_eq!(copied.code, Some(0), "{}", copied.stderr);
    assert!(copied.stdout.contains("rows are copied and the same"), "{}", copied.stdout);
    assert!(copied.stderr.contains("copying person: 1\n") && copied.stderr.contains("comparing template: 1\n"));
    let again = copy(&sqlite(&first), &database.url());
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("copy into an empty database"), "{}", again.stderr);

    let key = fs::read_to_string(first.join("secret.key")).expect("a key");
    let server = on(&node)
        .env("AICP_DATABASE__URL", database.url())
        .env("AICP_OBJECTS__URL", first.join("objects").display().to_string())
        .env("AICP_SECRET_KEY", key.trim())
        .start();
    assert_eq!(found(&server, &library, "obama/obama3.jpg").as_deref(), Some("Barack"));
    let shop = server.anonymous(0).with_token(&token);
    shop.post("/aicp/face/queryBaseAll", &json!({})).data();
    let later = Rest::admin(&server).library("later");
    assert!(later.parse::<u64>().expect("a number") > gone.parse().expect("a number"), "ids are not reused");
    enrol(&server, &library, "Joe", "biden/biden.jpg");
    let refused = copy(&database.url(), &sqlite(&last));
    assert!(refused.code == Some(1) && refused.stderr.contains("in use"), "{}", refused.stderr);
    server.stop();

    let copied = copy(&database.url(), &sqlite(&last));
    assert_eq!(copied.code, Some(0), "{}", copied.stderr);
    fs::copy(first.join("secret.key"), last.join("secret.key")).expect("copied");
    let pictures = Command::new("cp").arg("-r").arg(first.join("objects")).arg(&last).status().expect("cp runs");
    assert!(pictures.success());
    let server = on(&last).start();
    for (file, name) in [("obama/obama3.jpg", "Barack"), ("biden/biden.jpg", "Joe")] {
        assert_eq!(found(&server, &library, file).as_deref(), Some(name));
    }
    server.anonymous(0).with_token(&token).post("/aicp/face/queryBaseAll", &json!({})).data();
    assert!(Rest::admin(&server).library("last").parse::<u64>().expect("a number") > later.parse().expect("a number"));
    let checked = Ran::of(aicp(["check", "--data-dir"]).arg(&last));
    assert!(checked.code == Some(1) && checked.stderr.contains("in use"), "{}", checked.stderr);
    server.stop();
    let checked = Ran::of(aicp(["check", "--data-dir"]).arg(&last));
    assert_eq!(checked.code, Some(0), "{}{}", checked.stdout, checked.stderr);
}

#[test]
fn names_of_no_database_are_refused() {
    for (from, to) in [
        ("nothing", "sqlite:/tmp/x"),
        ("sqlite:/nowhere/at/all", "sqlite:/tmp/x"),
        ("postgres", "sqlite:/tmp/x"),
        ("mysql://a:secret@b/c", "postgres"),
    ] {
        let refused = copy(from, to);
        assert_eq!(refused.code, Some(1), "{from}");
        assert!(!refused.stderr.contains("secret"), "{}", refused.stderr);
    }
}
