//! Reports of `aicp bench`. The measured speed is not tested.

use std::fs;

use serde_json::{Value, json};

use crate::fixture::{Ran, aicp, workspace};
use crate::pictures::no_face;

fn number(report: &Value, key: &str) -> f64 {
    let value = key.split('.').fold(report, |value, key| &value[key]);
    value.as_f64().unwrap_or_else(|| panic!("no number {key} in {report}"))
}

fn samples(name: &str) -> String {
    workspace().join("samples").join(name).to_str().expect("UTF-8").to_owned()
}

#[test]
fn a_gallery_is_measured_and_exact() {
    let arguments = "bench gallery --people 2000 --threads 2 --probes 50 --batch 8 --writing-seconds 1 --json
        --large-library-faces 500 --export";
    let temp = tempfile::tempdir().expect("a temp dir");
    let report = Ran::successful(aicp(arguments.split_whitespace()).arg(temp.path())).json();
    for (key, value) in [("people", 2000.0), ("dimensions", 512.0), ("threads", 2.0), ("probes", 50.0)] {
        assert_eq!(number(&report, key), value, "{key}");
    }
    for part in ["", "exactness.mates.", "exactness.strangers."] {
        for key in ["recall_at_1", "recall_at_5"] {
            assert_eq!(number(&report, &format!("{part}{key}")), 1.0, "{report}");
        }
    }
    assert_eq!((&report["rotated"], &report["templates"]["kind"]), (&json!(true), &json!("Faces")), "{report}");
    assert_eq!(number(&report, "exactness.probes"), 50.0);
    assert!(number(&report, "exactness.largest_score_error") < 1e-4);
    for key in [
        "search.p50_ms",
        "search.p99_ms",
        "search_by_threads.one_at_a_time.p50_ms",
        "batch.probes_per_second",
        "bytes_scanned",
        "read_bandwidth_bytes_per_s",
        "scan_fraction_of_bandwidth",
        "load_s",
        "insert_us",
        "remove_us",
        "writing.idle.p99_ms",
        "writing.search.p99_ms",
        "writing.writes_per_second",
    ] {
        assert!(number(&report, key) > 0.0, "{key} in {report}");
    }
    assert!(report["memory_bytes"].is_u64() && report["machine"]["cpu"].is_string(), "{report}");
    let length = |name: &str| fs::metadata(temp.path().join(name)).expect("it was written").len();
    assert_eq!(length("templates.f32"), 2000 * 512 * 4);
    assert_eq!(length("probes.f32"), 50 * 512 * 4);
    assert_eq!(length("nearest.i32"), 50 * 5 * 4);
}

#[test]
fn a_gallery_needs_neither_pictures_nor_models() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let mut command = aicp("bench gallery --random --people 300 --probes 7 --writes-per-second 0 --json".split(' '));
    let report = Ran::successful(command.current_dir(temp.path()).env("AICP_MODELS_DIR", temp.path())).json();
    assert_eq!((&report["rotated"], &report["templates"]["kind"]), (&json!(false), &json!("Random")));
    assert_eq!(number(&report, "recall_at_5"), 1.0);
    assert_eq!(report["writing"], Value::Null);
    let table =
        Ran::successful(&mut aicp("bench gallery --people 300 --probes 7 --writing-seconds 1".split(' '))).stdout;
    for words in ["300 templates of 512 numbers", "recall@1 1.000000", "one by one, 1 thread", "writes/s"] {
        assert!(table.contains(words), "{words}: {table}");
    }
}

#[test]
fn what_makes_no_sense_is_wrong_usage() {
    for arguments in ["--people 0", "--threads 0", "--probes x", "--batch 0"] {
        let ran = Ran::of(aicp(["bench", "gallery"]).args(arguments.split(' ')));
        assert_eq!(ran.code, Some(2), "{arguments}: {}", ran.stderr);
    }
    let ran = Ran::of(&mut aicp("bench gallery --people 10 --probes 1 --export /proc/x".split(' ')));
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    assert!(ran.stderr.contains("/proc/x"), "{}", ran.stderr);
}

#[test]
fn a_picture_is_measured_stage_by_stage() {
    let picture = samples("people/obama/obama.jpg");
    let measure = || aicp(["bench", "vision", "--picture", &picture, "--iterations", "3"]);
    let report = Ran::successful(measure().arg("--json")).json();
    for (key, value) in [("picture.width", 910.0), ("picture.height", 1137.0), ("picture.faces", 1.0)] {
        assert_eq!(number(&report, key), value, "{key}");
    }
    let bare: f64 = report["bare_models"].as_array().expect("a list").iter().map(|m| number(m, "p50_ms")).sum();
    assert!((number(&report, "bare_models_p50_ms") - bare).abs() < 1e-9);
    let ratio = number(&report, "whole.p50_ms") / bare;
    assert!((number(&report, "ratio_whole_to_bare_models") - ratio).abs() < 1e-9);
    for stage in report["stages"].as_array().expect("a list") {
        assert!(number(stage, "p50_ms") > 0.0 && number(stage, "calls") == 3.0, "{stage}");
    }
    assert!(report["runtime"]["name"].is_string() || report["runtime"].is_string(), "{report}");
    let table = Ran::successful(&mut measure()).stdout;
    for words in ["910x1137", "decode", "bare networks", "whole / bare"] {
        assert!(table.contains(words), "{words}: {table}");
    }
}

#[test]
fn a_picture_without_a_face_can_not_be_measured() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let path = temp.path().join("x.jpg");
    fs::write(&path, no_face()).expect("written");
    for path in [path.as_path(), temp.path(), std::path::Path::new("/nonexistent/x.jpg")] {
        let ran = Ran::of(aicp(["bench", "vision", "--json", "--picture"]).arg(path));
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{}", path.display());
        assert!(ran.stderr.contains(path.to_str().expect("UTF-8")), "{}", ran.stderr);
    }
}
