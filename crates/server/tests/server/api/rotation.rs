//! Rotation of the secret key and of the admin token: through a running server, in its data folder, and with a stop at each step.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::operators::{self, Browser};
use super::{Rest, assert_problem, text};
use crate::fixture::{Ran, Server, Setup, TOKEN, aicp, wait_until};
use crate::http::send;
use crate::pictures::{base64, obama};

const ALL: [&str; 1] = ["C10000000001"];

fn command(data_dir: &Path, args: &[&str]) -> Command {
    let mut command = aicp(args);
    command.arg("--data-dir").arg(data_dir);
    command
}

#[track_caller]
fn run(data_dir: &Path, args: &[&str]) -> String {
    Ran::successful(&mut command(data_dir, args)).stdout
}

#[track_caller]
fn refused(data_dir: &Path, args: &[&str], reason: &str) {
    let ran = Ran::of(&mut command(data_dir, args));
    assert_eq!(ran.code, Some(1), "{args:?}: {}", ran.stdout);
    assert!(ran.stderr.contains(reason), "{args:?}: {}", ran.stderr);
}

/// Returns the numbers of secrets that are sealed with each key, the current one first, and with none.
#[track_caller]
fn sealed(data_dir: &Path) -> (Vec<u64>, u64) {
    let keys = Ran::successful(&mut command(data_dir, &["key", "list", "--json"])).json();
    let count = |key: &Value| key["sealed"].as_u64().expect("a number");
    (
        keys["items"].as_array().expect("items").iter().map(count).collect(),
        count(&json!({"sealed": keys["unreadable"]})),
    )
}

fn keys_in(data_dir: &Path) -> Vec<String> {
    fs::read_to_string(data_dir.join("secret.key")).expect("a file").lines().map(str::to_owned).collect()
}

fn job(rest: &Rest, id: &str) -> Value {
    rest.get(&format!("/jobs/{id}")).json()
}

#[track_caller]
fn wait_for_job(rest: &Rest, id: &str) -> Value {
    wait_until("the job has ended", || !matches!(text(&job(rest, id)["state"]).as_str(), "queued" | "running"));
    job(rest, id)
}

/// Everything that depends on the key: an app's token and key, a webhook, a kept answer, and links to a picture.
struct Secrets {
    token: String,
    links: Vec<String>,
    answer: Vec<u8>,
}

impl Secrets {
    fn make(server: &Server) -> Self {
        let token = server.grant("shop", &ALL);
        server.key("shop", &json!({"kind": "jdcloud"}));
        let admin = Rest::admin(server);
        let webhook = admin.json("POST", "/webhooks", &json!({"url": "https://webhook.invalid/"}));
        assert_eq!(webhook.status, 201, "{}", webhook.text());
        let answer = Self::kept_answer(server).body;
        let api = server.admin(0);
        api.post("/aicp/face/addBase", &json!({"groupId": "g", "dbName": "g"})).data();
        let picture = json!({"groupId": "g", "image": base64(&obama())});
        let added = api.post("/aicp/face/add", &picture).data();
        Self { token, answer, links: vec![text(&added["url"]), Self::link(server)] }
    }

    fn kept_answer(server: &Server) -> crate::http::Answer {
        let headers = [("Idempotency-Key", "one"), ("Content-Type", "application/json")];
        Rest::admin(server).send("POST", "/libraries", &headers, br#"{"name": "staff"}"#)
    }

    /// A link that is signed now.
    fn link(server: &Server) -> String {
        let probe = json!({"groupId": "g", "image": base64(&obama())});
        text(&server.admin(0).post("/aicp/face/recognition", &probe).data()["records"][0]["url"])
    }

    fn statuses(&self, server: &Server) -> Vec<u16> {
        let target = |url: &str| format!("/{}", url.splitn(4, '/').nth(3).expect("an absolute link"));
        let get = |url: &String| send(server.addresses()[0], "GET", &target(url), &[], b"").expect("an answer").status;
        self.links.iter().map(get).collect()
    }

    /// Checks that everything sealed still opens.
    #[track_caller]
    fn assert_open(&self, server: &Server) {
        let update = json!({"appId": "shop", "dueTime": "2099-12-31 00:00:00", "capabilityIdArray": ALL});
        assert_eq!(server.admin(0).post("/authorize/updateAuthorize", &update).data_text("token"), self.token);
        let again = Self::kept_answer(server);
        assert_eq!((again.header("idempotency-replayed"), &again.body), (Some("true"), &self.answer));
        assert!(!server.has_logged("a key can't be used"));
    }
}

#[test]
fn the_secret_key_is_rotated_while_the_server_runs() {
    let data_dir = tempfile::tempdir().expect("a temp dir");
    let server = Setup::new(&["auto"]).data_dir(data_dir.path()).start();
    let (admin, data) = (Rest::admin(&server), data_dir.path());
    let secrets = Secrets::make(&server);
    let first = keys_in(data);
    assert_eq!((first.len(), sealed(data)), (1, (vec![4], 0)));

    let made = Ran::successful(&mut command(data, &["key", "rotate", "--json"])).json();
    let done = wait_for_job(&admin, &text(&made["jobId"]));
    assert_eq!((&done["kind"], &done["state"]), (&json!("resealing"), &json!("done")), "{done}");
    assert_eq!((&done["total"], &done["done"], &done["failed"]), (&json!(4), &json!(4), &json!(0)), "{done}");
    let both = keys_in(data);
    assert_eq!((both.len(), &both[1], sealed(data)), (2, &first[0], (vec![4, 0], 0)));
    let mode = fs::metadata(data.join("secret.key")).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    secrets.assert_open(&server);
    let new_link = Secrets::link(&server);
    assert!(secrets.statuses(&server).iter().all(|status| *status == 200) && !secrets.links.contains(&new_link));

    refused(data, &["key", "forget"], "links to pictures that the earlier keys signed");
    let forgotten = run(data, &["key", "forget", "--break-links"]);
    assert!(forgotten.contains("is forgotten"), "{forgotten}");
    assert_eq!((keys_in(data), sealed(data)), (both[..1].to_vec(), (vec![4], 0)));
    assert!(run(data, &["key", "forget"]).contains("there are no earlier keys"));
    assert_eq!(secrets.statuses(&server), [404, 404]);
    let secrets = Secrets { links: vec![new_link], ..secrets };
    secrets.assert_open(&server);

    let log = admin.get("/audit?action=secretKey.").json();
    let acts = log["items"].as_array().expect("items");
    let acts: Vec<_> = acts.iter().map(|act| (text(&act["actor"]), text(&act["action"]))).collect();
    let of = |action: &str| ("command-line".to_owned(), action.to_owned());
    assert_eq!(acts, [of("secretKey.forget"), of("secretKey.rotate")]);
    server.stop();
    let kept = server.log() + &log.to_string();
    assert!(both.iter().all(|key| !kept.contains(key)), "keys are not logged");

    let server = Setup::new(&["auto"]).data_dir(data).start();
    secrets.assert_open(&server);
    assert_eq!(secrets.statuses(&server), [200]);
}

#[test]
fn a_rotation_survives_a_stop_at_each_step() {
    let data_dir = tempfile::tempdir().expect("a temp dir");
    let data = data_dir.path();
    let start = || Setup::new(&["auto"]).data_dir(data).start();
    let server = start();
    let secrets = Secrets::make(&server);
    server.kill();

    // The job is there, and the file is not: the key was never in force.
    let first = fs::read(data.join("secret.key")).expect("a file");
    let lost = Ran::successful(&mut command(data, &["key", "rotate", "--json"])).json();
    fs::write(data.join("secret.key"), &first).expect("written");
    let server = start();
    let ended = wait_for_job(&Rest::admin(&server), &text(&lost["jobId"]));
    assert_eq!(ended["state"], "failed");
    assert!(text(&ended["error"]).contains("is not the current one"), "{ended}");
    secrets.assert_open(&server);
    server.kill();

    // The file is there, and the job has not begun. A file that was being written does no harm.
    fs::write(data.join("secret.key.new"), "half").expect("written");
    let told = run(data, &["key", "rotate"]);
    assert!(told.contains("the next start of the server begins it"), "{told}");
    assert_eq!(sealed(data), (vec![0, 4], 0));
    refused(data, &["key", "forget", "--break-links"], "4 secrets are sealed with the earlier keys");
    let server = start();
    let admin = Rest::admin(&server);
    wait_until("all is sealed with the new key", || sealed(data) == (vec![4, 0], 0));
    assert_eq!(secrets.statuses(&server), [200, 200]);
    secrets.assert_open(&server);

    // A file that somebody else changed stays as it is, and so does the key.
    let file = fs::read_to_string(data.join("secret.key")).expect("a file");
    fs::write(data.join("secret.key"), format!("{file}{}\n", "c".repeat(64))).expect("written");
    assert_problem(&admin.json("POST", "/secret-keys", &json!({})), 500, "failed");
    fs::write(data.join("secret.key"), file).expect("written");
    assert_eq!(admin.get("/audit?action=secretKey.").json()["items"][0]["action"], "secretKey.rotateFailed");
    assert_eq!(admin.get("/jobs?kind=resealing&state=failed").json()["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(sealed(data), (vec![4, 0], 0));

    // A second rotation before the first key is forgotten.
    let made = admin.json("POST", "/secret-keys", &json!({}));
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(wait_for_job(&admin, &text(&made.json()["jobId"]))["state"], "done");
    assert_eq!(sealed(data), (vec![4, 0, 0], 0));
    server.kill();
    assert_eq!(secrets.statuses(&start()), [200, 200]);
    assert!(run(data, &["key", "forget", "--break-links"]).matches("is forgotten").count() == 2);
    secrets.assert_open(&start());
}

#[test]
fn the_job_is_paused_and_goes_on_after_a_kill() {
    const ROWS: i64 = 40_000;
    let data_dir = tempfile::tempdir().expect("a temp dir");
    let data = data_dir.path();
    let server = Setup::new(&["auto"]).data_dir(data).start();
    let secrets = Secrets::make(&server);
    // Many secrets that no key opens: they are counted, and stay as they are.
    let database = rusqlite::Connection::open(data.join("aicp.db")).expect("the database");
    let rows = format!(
        "PRAGMA busy_timeout = 5000;
         INSERT INTO idempotency_key (owner, key, request, answer, created)
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
         SELECT 'z', i, x'00', randomblob(60), 4102444800000 FROM n"
    );
    database.execute_batch(&rows).expect("rows");
    let admin = Rest::admin(&server);
    let id = text(&admin.json("POST", "/secret-keys", &json!({})).json()["jobId"]);
    let viewer = {
        operators::create(&admin, "ada", "operator", None);
        Browser::sign_in(&server, &operators::credentials("ada"))
    };
    assert_problem(&viewer.json("POST", &format!("/jobs/{id}/pause"), &json!({})), 403, "forbidden");
    assert_eq!(admin.json("POST", &format!("/jobs/{id}/pause"), &json!({})).json()["state"], "paused");
    let done = || job(&admin, &id)["done"].as_u64().unwrap_or(0) + job(&admin, &id)["failed"].as_u64().unwrap_or(0);
    wait_until("it stands still", || {
        let before = done();
        std::thread::sleep(std::time::Duration::from_millis(200));
        done() == before
    });
    let (before, all) = (done(), 4 + ROWS.unsigned_abs());
    assert!(before < all, "{before}");
    server.kill();

    let server = Setup::new(&["auto"]).data_dir(data).start();
    let admin = Rest::admin(&server);
    assert_eq!(job(&admin, &id)["state"], "paused");
    admin.json("POST", &format!("/jobs/{id}/resume"), &json!({}));
    server.kill();
    let server = Setup::new(&["auto"]).data_dir(data).start();
    let admin = Rest::admin(&server);
    let ended = wait_for_job(&admin, &id);
    let numbers = ["total", "done", "failed"].map(|name| ended[name].as_u64());
    assert_eq!(numbers, [Some(all), Some(4), Some(all - 4)], "{ended}");
    assert_eq!(sealed(data), (vec![4, 0], all - 4));
    secrets.assert_open(&server);
    assert!(run(data, &["key", "list"]).contains("are sealed with none of these keys"));
}

#[test]
fn keys_of_the_environment_win_over_the_file() {
    let data_dir = tempfile::tempdir().expect("a temp dir");
    let data = data_dir.path();
    let [old, new] = ["1", "a"].map(|digit| digit.repeat(64));
    let start = |keys: &str| Setup::new(&["auto"]).data_dir(data).env("AICP_SECRET_KEY", keys).start();
    let server = start(&old);
    let secrets = Secrets::make(&server);
    assert!(!data.join("secret.key").exists(), "no key is made that nobody uses");
    assert_problem(&Rest::admin(&server).json("POST", "/secret-keys", &json!({})), 409, "secretSet");
    server.stop();

    let server = start(&format!("{new}, {old}"));
    let admin = Rest::admin(&server);
    secrets.assert_open(&server);
    let shown = admin.get("/secret-keys").json();
    assert_eq!((&shown["items"][1]["sealed"], &shown["unreadable"]), (&json!(4), &json!(0)), "{shown}");
    assert!(text(&shown["setting"]).contains("AICP_SECRET_KEY"));
    let with = |args: &[&str]| {
        let mut command = command(data, args);
        command.env("AICP_SECRET_KEY", format!("{new} {old}"));
        command
    };
    let told = Ran::of(&mut with(&["key", "rotate"]));
    assert!(told.code == Some(1) && told.stderr.contains("in front of those of the variable"), "{}", told.stderr);
    Ran::successful(&mut with(&["key", "reseal"]));
    wait_until("all is sealed with the new key", || admin.get("/secret-keys").json()["items"][0]["sealed"] == json!(4));
    assert_problem(&admin.delete("/secret-keys?breakLinks=true"), 409, "secretSet");
    let settings = admin.get("/settings").text().to_owned() + &Ran::successful(&mut with(&["config", "show"])).stdout;
    assert!(!settings.contains(&new) && !settings.contains(&old) && settings.contains("secret_key = \"***\""));
    server.stop();

    let server = start(&new);
    secrets.assert_open(&server);
    assert_eq!(secrets.statuses(&server), [404, 404], "the key that signed the links is gone");
    server.stop();
    let wrong = Ran::of(command(data, &["config", "check"]).env("AICP_SECRET_KEY", &new[1..]));
    assert!(wrong.stderr.contains("64 hex digits") && !wrong.stderr.contains(&new[1..]), "{}", wrong.stderr);
}

#[test]
fn a_backup_has_all_keys_and_an_older_one_its_own() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let data = temp.path().join("data");
    let server = Setup::new(&["auto"]).data_dir(&data).start();
    let secrets = Secrets::make(&server);
    let [older, newer] = ["older", "newer"].map(|name| temp.path().join(name));
    let back_up = |to: &Path| drop(Ran::successful(command(&data, &["backup"]).arg(to)));
    back_up(&older);
    let id = text(&Rest::admin(&server).json("POST", "/secret-keys", &json!({})).json()["jobId"]);
    wait_for_job(&Rest::admin(&server), &id);
    back_up(&newer);
    run(&data, &["key", "forget", "--break-links"]);
    server.stop();
    for (backup, keys) in [(&older, 1), (&newer, 2)] {
        let restored = backup.with_extension("restored");
        Ran::successful(command(&restored, &["restore"]).arg(backup));
        assert_eq!(keys_in(&restored).len(), keys);
        let mode = fs::metadata(restored.join("secret.key")).expect("a file").permissions().mode();
        assert_eq!(mode & 0o77, 0);
        let server = Setup::new(&["auto"]).data_dir(&restored).start();
        secrets.assert_open(&server);
        assert_eq!(secrets.statuses(&server), [200, 200]);
    }
}

#[test]
fn the_admin_token_is_rotated_and_the_old_one_ends_later_or_at_once() {
    let data_dir = tempfile::tempdir().expect("a temp dir");
    let data = data_dir.path();
    let start = || Setup::new(&["auto"]).data_dir(data).env("AICP_ADMIN_TOKEN", "").start();
    let server = start();
    let in_file = || fs::read_to_string(data.join("admin-token")).expect("a file").trim().to_owned();
    let status = |server: &Server, token: &str| Rest::new(server, token).get("/apps").status;
    let first = in_file();
    let admin = Rest::new(&server, &first);
    operators::create(&admin, "ada", "admin", None);
    let ada = Browser::sign_in(&server, &operators::credentials("ada"));
    assert_problem(&ada.json("POST", "/admin-token", &json!({})), 403, "forbidden");
    assert_problem(&admin.json("POST", "/admin-token", &json!({"earlierHours": 721})), 400, "badField");
    let session = Browser::sign_in(&server, &json!({"adminToken": first}));

    let made = Ran::successful(&mut command(data, &["token", "rotate", "--json"])).json();
    let second = text(&made["token"]);
    assert!(second == in_file() && second != first && made["earlierValidUntil"].is_string());
    assert_eq!((status(&server, &first), status(&server, &second)), (200, 200));
    assert_eq!((session.get("/session").status, ada.get("/session").status), (200, 200));
    let old = fs::read_to_string(data.join("admin-token.old")).expect("a file");
    assert!(!old.contains(&first) && old.lines().count() == 1, "a hash is stored");

    // In the folder, and after a restart.
    server.stop();
    let told = run(data, &["token", "rotate", "--keep-hours", "1"]);
    let third = in_file();
    assert!(told.contains(&format!("admin token: {third}")) && told.contains("is valid until"), "{told}");
    let server = start();
    assert_eq!([&first, &second, &third].map(|token| status(&server, token)), [200; 3]);
    // One that has ended is not admitted.
    server.stop();
    let path = data.join("admin-token.old");
    let lines = fs::read_to_string(&path).expect("a file");
    let ended: String = lines.lines().map(|line| format!("{} 1\n", &line[..64])).collect();
    fs::write(&path, ended).expect("written");
    let server = start();
    assert_eq!([&first, &second, &third].map(|token| status(&server, token)), [401, 401, 200]);

    let session = Browser::sign_in(&server, &json!({"adminToken": third}));
    let ada = Browser::sign_in(&server, &operators::credentials("ada"));
    let made = Ran::successful(&mut command(data, &["token", "rotate", "--now", "--json"])).json();
    let fourth = text(&made["token"]);
    assert!(made["earlierValidUntil"].is_null() && !path.exists());
    assert_eq!((status(&server, &third), status(&server, &fourth)), (401, 200));
    assert_eq!((session.get("/session").status, ada.get("/session").status), (401, 200));
    let log = Rest::new(&server, &fourth).get("/audit?action=adminToken.rotate").json();
    assert_eq!(log["items"].as_array().map(Vec::len), Some(3));
    assert_eq!(log["items"][0]["actor"], "command-line");
    server.stop();
    let kept = server.log() + &log.to_string();
    assert!([&first, &second, &third, &fourth].iter().all(|token| !kept.contains(token.as_str())));

    let mut with_token = command(data, &["token", "rotate"]);
    let refused = Ran::of(with_token.env("AICP_ADMIN_TOKEN", TOKEN));
    assert!(refused.code == Some(1) && refused.stderr.contains("AICP_ADMIN_TOKEN"), "{}", refused.stderr);
}
