//! The simulator as a process.

use std::path::Path;
use std::process::Stdio;

use aicp_engine_simulator::Speak;
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
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap().unwrap();
        let url = format!("http://{}/", line.strip_prefix("listening on ").unwrap());
        Self { child, url }
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let folder = tempdir().unwrap();
    let mut process = Process::start("koala", folder.path()).await;
    let client = engine(Speak::Koala, &process.url);
    let (one, two) = (library(1), library(2));
    client.create_library(&one).await.unwrap();
    client.create_library(&two).await.unwrap();
    let kept = client.add_face(&one, &tag(1), obama()).await.unwrap().engine_ref.unwrap();
    let gone = client.add_face(&one, &tag(2), biden()).await.unwrap().engine_ref.unwrap();
    client.remove_face(&one, &gone).await.unwrap();
    client.delete_library(&two).await.unwrap();
    let faces: serde_json::Value = get(&process.url, "simulator/faces").await;
    process.child.kill().await.unwrap();
    // A write that the kill tore.
    let journal = folder.path().join("journal.jsonl");
    let mut bytes = std::fs::read(&journal).unwrap();
    bytes.extend_from_slice(b"{\"op\":\"add\",\"libr");
    std::fs::write(&journal, bytes).unwrap();

    let mut process = Process::start("koala", folder.path()).await;
    assert_eq!(get::<serde_json::Value>(&process.url, "simulator/faces").await, faces);
    let client = engine(Speak::Koala, &process.url);
    let found = client.identify(std::slice::from_ref(&one), picture("people/obama/obama2.jpg"), 9).await.unwrap();
    assert_eq!(found.iter().map(|c| c.face.engine_ref().unwrap()).collect::<Vec<_>>(), [&kept]);
    let again = client.add_face(&one, &tag(2), biden()).await.unwrap().engine_ref.unwrap();
    let found = client.identify(&[one], biden(), 1).await.unwrap();
    assert_eq!(found[0].face.engine_ref(), Some(again.as_str()));

    let id = process.child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
    assert!(process.child.wait().await.unwrap().success(), "a clean end");
}

#[tokio::test]
async fn a_folder_is_for_one() {
    let folder = tempdir().unwrap();
    let _first = Process::start("cloudwalk", folder.path()).await;
    let second = Command::new(env!("CARGO_BIN_EXE_aicp-engine-simulator"))
        .args(["--listen", "127.0.0.1:0", "--workers", "1", "--speak", "cloudwalk", "--data-dir"])
        .arg(folder.path())
        .arg("--models-dir")
        .arg(root().join("models"))
        .output()
        .await
        .unwrap();
    assert!(!second.status.success());
    assert!(String::from_utf8_lossy(&second.stderr).contains("in use by another simulator"));
}
