//! Reports of `aicp bench service`. The measured speed is not tested.

use std::fs;

use serde_json::Value;

use crate::fixture::{Ran, aicp, workspace};
use crate::pictures::no_face;

fn number(report: &Value, key: &str) -> f64 {
    report[key].as_f64().unwrap_or_else(|| panic!("no number {key} in {report}"))
}

#[test]
fn a_server_is_filled_started_called_and_ended() {
    let picture = workspace().join("samples/people/obama/obama.jpg");
    let arguments = "bench service --people 5000 --clients 1,3 --seconds 1 --json --picture";
    let temp = tempfile::tempdir().expect("a temp dir");
    let report = Ran::successful(aicp(arguments.split(' ')).arg(picture).env("TMPDIR", temp.path())).json();
    assert_eq!(number(&report, "people"), 5000.0);
    for key in [
        "fill_s",
        "filled_per_s",
        "database_bytes",
        "start_s",
        "binary_bytes",
        "idle_memory_bytes",
        "peak_memory_bytes",
    ] {
        assert!(number(&report, key) > 0.0, "{key} in {report}");
    }
    let loads = report["loads"].as_array().expect("a list");
    let clients: Vec<f64> = loads.iter().map(|load| number(load, "clients")).collect();
    assert_eq!(clients, [1.0, 3.0]);
    for load in loads.iter().chain([&report["overload"]]) {
        assert_eq!(number(load, "errors"), 0.0, "{report}");
        assert!(number(load, "calls") > 0.0 && number(load, "calls_per_second") > 0.0, "{report}");
        assert!(number(load, "p50_ms") <= number(load, "p99_ms"), "{report}");
    }
    assert!(loads.iter().all(|load| number(load, "busy") == 0.0), "so few are never too many: {report}");
    assert!(report["machine"]["cpu"].is_string(), "{report}");
    // The runtime of the models may leave a file.
    let mut left = fs::read_dir(temp.path()).expect("a folder").map(|entry| entry.expect("an entry"));
    assert!(!left.any(|entry| entry.path().is_dir()), "the data folder is gone");
}

#[test]
fn a_server_is_not_measured_without_a_face_to_look_for() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let picture = temp.path().join("faceless.jpg");
    fs::write(&picture, no_face()).expect("written");
    for (picture, told) in [(picture, "no face"), (temp.path().join("absent.jpg"), "absent.jpg")] {
        let ran = Ran::of(aicp(["bench", "service", "--people", "1", "--seconds", "1", "--picture"]).arg(picture));
        assert_eq!(ran.code, Some(1));
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
    }
    assert_eq!(Ran::of(&mut aicp(["bench", "service", "--people", "0"])).code, Some(2));
}
