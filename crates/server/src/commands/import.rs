//! `aicp import`

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use aicp_platform::{Caller, Item, Job, Platform};
use aicp_types::JobId;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::{Value, json};

use super::app::{Server, escaped};
use super::{async_runtime, open_platform, start_vision};
use crate::config::Live;
use crate::{Error, Result, data_dir};

/// Interval between two looks at the progress.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// Items that are read at a time.
const BATCH: u64 = 1000;

/// A picture that was not enrolled.
#[derive(Debug, Serialize)]
struct Reject {
    /// Path as text; replacement characters stand for bytes that are not UTF-8.
    path: String,
    reason: String,
}

#[derive(Debug, Default, Serialize)]
struct Summary {
    people: usize,
    faces: usize,
    known: usize,
    rejects: Vec<Reject>,
}

impl Summary {
    /// Counts an item.
    fn add(&mut self, dir: &Path, name: &str, code: &str, reason: Option<String>) {
        match code {
            "newPerson" => (self.people, self.faces) = (self.people + 1, self.faces + 1),
            "newPersonWithoutFace" => self.people += 1,
            "newFace" => self.faces += 1,
            "known" => self.known += 1,
            _ => self.rejects.push(Reject {
                path: dir.join(name).to_string_lossy().into_owned(),
                reason: reason.unwrap_or_default(),
            }),
        }
    }
}

/// Enrols a folder that has a folder of pictures per person, or restores an export, as a job: of the server that has the data
/// folder open, or of this process. A repeated run continues where the last one stopped.
pub(crate) fn run(live: &Arc<Live>, dir: &Path, caller: &str, library: Option<&str>, json: bool) -> Result<()> {
    std::fs::read_dir(dir).map_err(Error::io(dir))?;
    let exported = exported_library(dir);
    let library = library.or(exported.as_deref()).ok_or(Error::NoLibrary)?;
    let config = live.base();
    let (summary, failure) = match Server::running(config) {
        Some(server) => on_server(&server, dir, caller, library)?,
        None => here(live, dir, caller, library)?,
    };
    report(&summary, json)?;
    failure.map_or(Ok(()), Err)
}

/// Returns the id of the library whose export a folder has.
fn exported_library(dir: &Path) -> Option<String> {
    let about: Value = serde_json::from_slice(&std::fs::read(dir.join("export.json")).ok()?).ok()?;
    about["library"]["groupId"].as_str().map(str::to_owned)
}

/// Runs the import in this process. Returns what was done, and the error that ended it early.
fn here(live: &Arc<Live>, dir: &Path, caller: &str, library: &str) -> Result<(Summary, Option<Error>)> {
    let runtime = async_runtime()?;
    // The import limits its own concurrency; a short queue configured for the server must not slow it down.
    let mut config = live.base().clone();
    config.vision.queue = 0;
    let config = &config;
    let vision = start_vision(config, None)?;
    runtime.block_on(async {
        let token = data_dir::admin_token(config)?;
        data_dir::check_parts(config, false)?;
        let platform = open_platform(live, vision, &token, false).await?;
        let caller = platform.local_caller_for(caller).await?;
        let library = platform.open_library(&caller, library).await?;
        let job = platform.import_folder(&caller, &library, dir.to_owned()).await?;
        // A server that is started after this process was killed leaves it alone, unless somebody resumes it.
        platform.pause_job(&caller, job.id).await?;
        let outcome = complete(&platform, &caller, job.id, dir).await;
        platform.close().await?;
        outcome
    })
}

async fn complete(platform: &Platform, caller: &Caller, id: JobId, dir: &Path) -> Result<(Summary, Option<Error>)> {
    let progress = bar();
    let look = async {
        loop {
            let Job { total, done, failed, .. } = platform.job(caller, id).await?;
            show(&progress, total, done, failed);
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    };
    let ended = tokio::select! {
        ended = platform.complete_job(id) => ended,
        looked = look => looked,
    };
    progress.finish_and_clear();
    let (mut summary, mut after) = (Summary::default(), 0);
    loop {
        let items = platform.job_items(caller, id, None, after, BATCH).await?;
        let Some(last) = items.last() else { break };
        after = last.number;
        for Item { name, code, detail, .. } in items {
            // Without a code it still waits.
            let Some(code) = code else { continue };
            summary.add(dir, &name, &code, detail.reason);
        }
    }
    if ended.is_ok() {
        platform.delete_job(caller, id).await?;
    }
    Ok((summary, ended.err().map(Error::from)))
}

/// Lets a server run the import. Returns what was done, and the error that ended it early.
fn on_server(server: &Server, dir: &Path, app: &str, library: &str) -> Result<(Summary, Option<Error>)> {
    let dir = std::path::absolute(dir).map_err(Error::io(dir))?;
    let folder = dir.to_str().ok_or_else(|| Error::Server("the path of the folder is not UTF-8".to_owned()))?;
    let known = server.call("GET", &format!("/libraries?appId={}&groupId={}", escaped(app), escaped(library)), None)?;
    let id = match known["items"][0]["id"].as_str() {
        Some(id) => id.to_owned(),
        None => {
            let new = json!({"name": library, "appId": app});
            text(&server.call("POST", "/libraries", Some(new))?["id"])?
        }
    };
    let new = json!({ "folder": folder });
    let job = server.call("POST", &format!("/libraries/{id}/folder-imports"), Some(new))?;
    let path = format!("/jobs/{}", text(&job["id"])?);
    let progress = bar();
    let ended = ended(server, &path, |total, done, failed| show(&progress, total, done, failed))?;
    progress.finish_and_clear();
    let mut summary = Summary::default();
    let mut cursor = String::new();
    loop {
        let page = server.call("GET", &format!("{path}/items?limit={BATCH}{cursor}"), None)?;
        for item in page["items"].as_array().into_iter().flatten().filter(|item| item["code"].is_string()) {
            let field = |name: &str| item[name].as_str().unwrap_or_default();
            summary.add(&dir, field("name"), field("code"), item["reason"].as_str().map(str::to_owned));
        }
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={}", escaped(next));
    }
    let failure = match ended["state"].as_str() {
        Some("done") => None,
        Some("failed") => Some(ended["error"].as_str().unwrap_or("it failed").to_owned()),
        state => Some(format!("the job of the import is {}", state.unwrap_or("unknown"))),
    };
    Ok((summary, failure.map(Error::Server)))
}

/// Waits until a job of a server ends, and returns it.
pub(super) fn ended(server: &Server, path: &str, look: impl Fn(Option<u64>, u64, u64)) -> Result<Value> {
    loop {
        let job = server.call("GET", path, None)?;
        let number = |name: &str| job[name].as_u64();
        look(number("total"), number("done").unwrap_or(0), number("failed").unwrap_or(0));
        if matches!(job["state"].as_str(), Some("done" | "failed" | "cancelled" | "paused")) {
            return Ok(job);
        }
        thread::sleep(LOOK_INTERVAL);
    }
}

pub(super) fn text(value: &Value) -> Result<String> {
    value.as_str().map(str::to_owned).ok_or_else(|| Error::Server("the server answers something else".to_owned()))
}

pub(super) fn bar() -> ProgressBar {
    let progress = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {per_sec} {eta} {msg}") {
        progress.set_style(style);
    }
    progress.enable_steady_tick(LOOK_INTERVAL);
    progress
}

pub(super) fn show(progress: &ProgressBar, total: Option<u64>, done: u64, failed: u64) {
    progress.set_length(total.unwrap_or(0));
    progress.set_position(done + failed);
    progress.set_message(format!("{failed} rejected"));
}

fn report(summary: &Summary, json: bool) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(summary).map_err(std::io::Error::from)?)?;
        return Ok(());
    }
    for reject in &summary.rejects {
        writeln!(out, "rejected {}: {}", reject.path, reject.reason)?;
    }
    writeln!(
        out,
        "{} new people, {} new faces, {} known before, {} rejected",
        summary.people,
        summary.faces,
        summary.known,
        summary.rejects.len()
    )?;
    Ok(())
}
