//! Where SQLite and its pictures are: `--database sqlite:FILE` and `--objects DIR`.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::api::Rest;
use crate::fixture::{Ran, Server, Setup, TOKEN, aicp};
use crate::pictures::obama;

/// Builds a command on a data folder with the pictures elsewhere.
fn apart(words: &[&str], data_dir: &Path, objects: &Path) -> Command {
    let mut command = aicp(words);
    command.arg("--data-dir").arg(data_dir).arg("--objects").arg(objects).env("AICP_ADMIN_TOKEN", TOKEN);
    command
}

fn start(data_dir: &Path, objects: &Path) -> Server {
    Setup::new(&["auto"]).data_dir(data_dir).env("AICP_OBJECTS__URL", objects.to_str().expect("UTF-8")).start()
}

fn pictures(objects: &Path) -> usize {
    let shards = std::fs::read_dir(objects).expect("listed").flatten().filter(|entry| entry.file_name().len() == 2);
    shards.flat_map(|shard| std::fs::read_dir(shard.path()).expect("listed")).count()
}

#[test]
fn pictures_may_be_apart_from_the_data_folder() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let [data_dir, objects, backup, restored] =
        ["data", "pictures", "backup", "restored"].map(|name| temp.path().join(name));
    let server = start(&data_dir, &objects);
    let rest = Rest::admin(&server);
    let library = rest.library("staff");
    let ada = rest.person(&library, &[("name", "Ada")], &obama());
    assert!(pictures(&objects) == 1 && !data_dir.join("objects").exists());

    let in_use =
        Ran::of(apart(&["serve", "--new"], &temp.path().join("other"), &objects).args(["--listen", "127.0.0.1:0"]));
    assert!(in_use.code == Some(1) && in_use.stderr.contains("in use"), "{}", in_use.stderr);
    Ran::successful(apart(&["backup"], &data_dir, &objects).arg(&backup));
    server.stop();

    let check = |words: &[&str]| Ran::of(&mut apart(words, &data_dir, &objects)).json();
    assert_eq!(check(&["check", "--json"])["findings"], json!([]));
    assert_eq!(check(&["check", "--json"])["pictures"], 1);
    let lost = std::fs::read_dir(&objects).expect("listed").flatten().find_map(|shard| {
        std::fs::read_dir(shard.path()).ok()?.flatten().map(|entry| entry.path()).find(|_| shard.file_name().len() == 2)
    });
    std::fs::write(lost.expect("a picture"), "damaged").expect("written");
    let backup = backup.to_str().expect("UTF-8").to_owned();
    assert_eq!(check(&["check", "--repair", "--from", &backup, "--json"])["findings"], json!([]));
    let server = start(&data_dir, &objects);
    let path = format!("/libraries/{library}/people/{}", ada["id"].as_str().expect("an id"));
    assert_eq!(Rest::admin(&server).delete(&path).status, 204);
    assert_eq!(pictures(&objects), 0);
    server.stop();

    let refused = Ran::of(apart(&["restore", &backup], &restored, &objects).env("AICP_ADMIN_TOKEN", TOKEN));
    assert!(refused.code == Some(1) && refused.stderr.contains("objects.url"), "{}", refused.stderr);
    Ran::successful(aicp(["restore", &backup, "--data-dir"]).arg(&restored));
    let server = Setup::new(&["auto"]).data_dir(&restored).start();
    let found: Value = Rest::admin(&server).get(&path).json();
    assert_eq!(found["name"], "Ada");
}

#[test]
fn sqlite_is_the_database_of_the_data_folder_alone() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let data_dir = temp.path().join("data");
    let file = data_dir.join("aicp.db");
    let url = format!("sqlite:{}", file.display());
    let server = Setup::new(&["auto"]).data_dir(&data_dir).env("AICP_DATABASE__URL", url).start();
    Rest::admin(&server).library("staff");
    server.stop();
    assert!(file.exists());

    let other = format!("sqlite:{}", temp.path().join("other.db").display());
    let config = |arguments: &[&str]| Ran::of(aicp(["config", "check", "--data-dir"]).arg(&data_dir).args(arguments));
    let refused = config(&["--database", &other]);
    assert!(refused.code != Some(0) && refused.stderr.contains("--data-dir"), "{}", refused.stderr);
    let refused = config(&["--objects", "s3://pictures"]);
    assert!(refused.code != Some(0) && refused.stderr.contains("objects"), "{}", refused.stderr);

    let (from, to) = (format!("sqlite:{}", file.display()), format!("sqlite:{}", temp.path().join("copy").display()));
    Ran::successful(&mut aicp(["store", "copy", &from, &to]));
    assert!(temp.path().join("copy/aicp.db").exists());
    let refused = Ran::of(&mut aicp(["store", "copy", &other, &to]));
    assert!(refused.code == Some(1) && refused.stderr.contains("aicp.db"), "{}", refused.stderr);
}
