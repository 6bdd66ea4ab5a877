//! Tests of the simulator as a process.

use std::path::Path;
use std::process::Stdio;

use aicp_engine_simulator::Vendor;
use tempfile::tempdir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::support::*;

struct Process {
    child: Child,
    url: String,
}

impl Process {
    async fn start(speak: &str, folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_aicp-engine-simulator"))
            .args(["--listen", "127.0.0.1:0", "--workers", "1", "--speak", speak, "--data-dir"])
            .arg(folder)
            .arg("--models-dir")
            .arg(root().join("models"))
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("there");
        let mut lines = BufReader::new(child.stdout.take().expect("there")).lines();
        let line = lines.next_line().await.expect("an answer").expect("something");
        let url = format!("http://{}/", line.strip_prefix("listening on ").expect("there"));
        Self { child, url }
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let folder = tempdir().expect("a folder");
    let mut process = Process::start("koala", folder.path()).await;
    let client = engine(Vendor::Koala, &process.url);
    let (one, two) = (library(1), library(2));
    client.create_library(&one).await.expect("an answer");
    client.create_library(&two).await.expect("an answer");
    let kept = client.add_face(&one, &tag(1), obama()).await.expect("an answer").engine_ref;
    let gone = client.add_face(&one, &tag(2), biden()).await.expect("an answer").engine_ref;
    client.remove_face(&one, &gone).await.expect("an answer");
    client.delete_library(&two).await.expect("an answer");
    let faces: serde_json::Value = get(&process.url, "simulator/faces").await;
    process.child.kill().await.expect("an answer");
    // An incomplete write, as a kill leaves it.
    let journal = folder.path().join("journal.jsonl");
    let mut bytes = std::fs::read(&journal).expect("a file");
    bytes.extend_from_slice(b"{\"op\":\"add\",\"libr");
    std::fs::write(&journal, bytes).expect("a file");

    let mut process = Process::start("koala", folder.path()).await;
    assert_eq!(get::<serde_json::Value>(&process.url, "simulator/faces").await, faces);
    let client = engine(Vendor::Koala, &process.url);
    let found =
        client.identify(std::slice::from_ref(&one), picture("people/obama/obama2.jpg"), 9).await.expect("an answer");
    assert_eq!(found.iter().map(|c| &c.engine_ref).collect::<Vec<_>>(), [&kept]);
    let again = client.add_face(&one, &tag(2), biden()).await.expect("an answer").engine_ref;
    let found = client.identify(&[one], biden(), 1).await.expect("an answer");
    assert_eq!(found[0].engine_ref, again);

    let id = process.child.id().expect("there").to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().await.expect("an answer").success());
    assert!(process.child.wait().await.expect("an answer").success(), "a clean end");
}

#[tokio::test]
async fn a_folder_is_for_one() {
    let folder = tempdir().expect("a folder");
    let _first = Process::start("cloudwalk", folder.path()).await;
    let second = Command::new(env!("CARGO_BIN_EXE_aicp-engine-simulator"))
        .args(["--listen", "127.0.0.1:0", "--workers", "1", "--speak", "cloudwalk", "--data-dir"])
        .arg(folder.path())
        .arg("--models-dir")
        .arg(root().join("models"))
        .output()
        .await
        .expect("there");
    assert!(!second.status.success());
    assert!(String::from_utf8_lossy(&second.stderr).contains("in use by another simulator"));
}
