//! `aicp config set`, `unset`, `history` and `undo`: through a running server, and in its data folder.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::api::Rest;
use crate::fixture::{Ran, Setup, aicp};

fn config(data_dir: &Path, args: &[&str]) -> Command {
    let mut command = aicp(["config", "--data-dir"]);
    command.arg(data_dir).args(args);
    command
}

#[track_caller]
fn run(data_dir: &Path, args: &[&str]) -> String {
    Ran::successful(&mut config(data_dir, args)).stdout
}

#[track_caller]
fn refused(data_dir: &Path, args: &[&str], reason: &str) {
    let ran = Ran::of(&mut config(data_dir, args));
    assert_eq!(ran.code, Some(1), "{args:?}: {}", ran.stdout);
    assert!(ran.stderr.contains(reason), "{args:?}: {}", ran.stderr);
}

/// Changes settings, and looks at what is told of it.
fn changes_settings(data_dir: &Path) {
    run(data_dir, &["set", "recognition.threshold", "0.9", "--reason", "a trial"]);
    run(data_dir, &["set", "recognition.app_gates", r#"{kiosk = "on"}"#, "--reason", "the kiosk"]);
    run(data_dir, &["set", "log.level", "aicp_requests=debug,info", "--reason", "a look"]);
    refused(data_dir, &["set", "recognition.threshold", "2", "--reason", "x"], "must be in 0..1");
    refused(data_dir, &["set", "recognition.nonsense", "2", "--reason", "x"], "no such setting");
    refused(data_dir, &["set", "data_dir", "x", "--reason", "x"], "with a restart only");
    refused(data_dir, &["unset", "recognition.top_n", "--reason", "x"], "no such value in the database");
    refused(data_dir, &["undo", "99"], "no such change of a setting");
    let differing = run(data_dir, &["diff"]);
    for line in [
        "recognition.threshold = 0.9  # database",
        "recognition.app_gates.kiosk = \"on\"  # database",
        "log.level = \"aicp_requests=debug,info\"  # database",
    ] {
        assert!(differing.lines().any(|shown| shown == line), "{differing}");
    }
    let shown = run(data_dir, &["show"]);
    assert!(shown.contains("recognition.top_n = 1  # default"), "{shown}");
    run(data_dir, &["unset", "log.level", "--reason", "seen"]);
    run(data_dir, &["undo", "2", "--reason", "another kiosk"]);
    refused(data_dir, &["undo", "2"], "was changed again since, by change 5");
    let history: Value = serde_json::from_str(&run(data_dir, &["history", "--json"])).expect("JSON");
    let told: Vec<_> = history.as_array().expect("a list").iter().collect();
    let ids: Vec<_> = told.iter().map(|change| change["id"].as_str().expect("a number")).collect();
    assert_eq!(ids, ["5", "4", "3", "2", "1"]);
    assert_eq!((&told[0]["undoes"], &told[0]["reason"]), (&json!("2"), &json!("another kiosk")));
    assert!(told.iter().all(|change| change["actor"] == "command-line"), "{history}");
    let of_one = run(data_dir, &["history", "--setting", "log.level", "--limit", "1"]);
    assert!(of_one.starts_with("4\t") && of_one.ends_with("\tcommand-line\tseen\n"), "{of_one}");
    assert!(of_one.contains("\tlog.level\t\"aicp_requests=debug,info\" -> (base)\t"), "{of_one}");
}

#[test]
fn settings_change_through_the_server_and_at_once() {
    let server = Setup::new(&["auto"]).start();
    changes_settings(server.data_dir());
    let shown = Rest::admin(&server).get("/settings/recognition.threshold").json();
    assert_eq!((&shown["value"], &shown["source"]), (&json!(0.9), &json!("database")));
}

#[test]
fn settings_change_in_the_data_folder_and_count_at_the_start() {
    let temp = tempfile::tempdir().expect("a temp dir");
    changes_settings(temp.path());
    let server = Setup::new(&["auto"]).data_dir(temp.path()).start();
    let admin = Rest::admin(&server);
    let shown = admin.get("/settings/recognition.threshold").json();
    assert_eq!((&shown["value"], &shown["source"]), (&json!(0.9), &json!("database")));
    let acts = admin.get("/audit?action=setting.set").json();
    assert_eq!(acts["items"][2]["actor"], "command-line", "{acts}");
    assert_eq!(acts["items"][2]["after"]["reason"], "a trial", "{acts}");
}

#[test]
fn what_is_shown_without_a_server_leaves_the_folder_as_it_is() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let data_dir = temp.path().join("none");
    assert!(run(&data_dir, &["show"]).contains("recognition.threshold = 0.8  # default"));
    assert!(!data_dir.exists());
    run(&data_dir, &["set", "recognition.threshold", "0.9", "--reason", "a trial"]);
    let mut fixed = config(&data_dir, &["diff"]);
    let shown = Ran::successful(fixed.env("AICP_SETTINGS__FIXED", "recognition.*")).stdout;
    assert!(shown.contains("# recognition.threshold of the database is ignored: it is fixed"), "{shown}");
    let mut misspelt = config(&data_dir, &["check"]);
    let ran = Ran::of(misspelt.env("AICP_SETTINGS__FIXED", "recognition.treshold"));
    assert_eq!(ran.code, Some(2), "{}", ran.stdout);
    assert!(ran.stderr.contains("there is no recognition.treshold"), "{}", ran.stderr);
}
