//! `aicp import`

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aicp_platform::{Imported, Library, Platform, Profile};
use futures_util::StreamExt;
use futures_util::stream;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::{async_runtime, open_platform, start_vision};
use crate::config::Config;
use crate::{Error, Result, data_dir};

/// Pictures under way per worker: one in work, one waiting.
const DEPTH: usize = 2;

/// A picture to enrol and the person it shows.
struct Item {
    person: String,
    path: PathBuf,
}

/// A picture that was not enrolled.
#[derive(Debug, Serialize)]
struct Reject {
    path: PathBuf,
    reason: String,
}

#[derive(Debug, Default, Serialize)]
struct Summary {
    people: usize,
    faces: usize,
    known: usize,
    rejects: Vec<Reject>,
}

/// Enrols a folder of one folder per person. Run again, it goes on where it was stopped.
pub(crate) fn run(config: &Config, dir: &Path, app: &str, library: &str, json: bool) -> Result<()> {
    let (items, mut rejects) = list(dir)?;
    let runtime = async_runtime()?;
    // The import paces itself; a short queue set for the server must not make it "busy".
    let mut config = config.clone();
    config.vision.queue = 0;
    let config = &config;
    let vision = start_vision(config, None)?;
    let summary = runtime.block_on(async {
        let token = data_dir::admin_token(config)?.token;
        let platform = open_platform(config, vision, token).await?;
        let app = platform.app_for_operator(app).await?;
        let library = platform.open_library(&app, library).await?;
        let summary = enrol_all(&platform, &library, items).await;
        platform.close().await?;
        Ok::<_, Error>(summary)
    })?;
    rejects.extend(summary.rejects);
    report(&Summary { rejects, ..summary }, json)
}

async fn enrol_all(platform: &Platform, library: &Library, items: Vec<Item>) -> Summary {
    let progress = ProgressBar::new(items.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {per_sec} {eta} {msg}") {
        progress.set_style(style);
    }
    progress.enable_steady_tick(Duration::from_millis(200));
    let depth = DEPTH * std::thread::available_parallelism().map_or(1, usize::from);
    let mut outcomes = stream::iter(items)
        .map(|item| async move {
            let outcome = enrol_one(platform, library, &item).await;
            (item, outcome)
        })
        .buffer_unordered(depth);
    let mut summary = Summary::default();
    while let Some((item, outcome)) = outcomes.next().await {
        match outcome {
            Ok(Imported::NewPerson) => {
                summary.people += 1;
                summary.faces += 1;
            }
            Ok(Imported::NewFace) => summary.faces += 1,
            Ok(Imported::Known) => summary.known += 1,
            Err(e) => summary.rejects.push(Reject { path: item.path, reason: e.to_string() }),
        }
        progress.set_message(format!("{} rejected", summary.rejects.len()));
        progress.inc(1);
    }
    progress.finish_and_clear();
    summary
}

async fn enrol_one(platform: &Platform, library: &Library, item: &Item) -> Result<Imported> {
    let bytes = std::fs::read(&item.path).map_err(Error::io(&item.path))?;
    let profile = Profile { name: Some(item.person.clone()), ..Profile::default() };
    Ok(platform.import(library, &item.person, profile, bytes.into()).await?)
}

/// The pictures of a folder of folders, in the order of their names; what stands where no picture should is a reject.
fn list(dir: &Path) -> Result<(Vec<Item>, Vec<Reject>)> {
    let (mut items, mut rejects) = (Vec::new(), Vec::new());
    for folder in entries(dir)? {
        if !folder.is_dir() {
            let reason = "not in a person's folder".to_owned();
            rejects.push(Reject { path: folder, reason });
            continue;
        }
        let Some(person) = folder.file_name().and_then(|name| name.to_str()) else {
            let reason = "the folder's name is not UTF-8".to_owned();
            rejects.push(Reject { path: folder, reason });
            continue;
        };
        for path in entries(&folder)? {
            if path.is_dir() {
                rejects.push(Reject { path, reason: "a folder within a person's folder".to_owned() });
            } else {
                items.push(Item { person: person.to_owned(), path });
            }
        }
    }
    Ok((items, rejects))
}

/// What is in a folder, by name, without hidden files.
fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = std::fs::read_dir(dir)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>())
        .map_err(Error::io(dir))?;
    let is_hidden = |path: &PathBuf| path.file_name().is_some_and(|n| n.as_encoded_bytes().starts_with(b"."));
    paths.retain(|path| !is_hidden(path));
    paths.sort();
    Ok(paths)
}

fn report(summary: &Summary, json: bool) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(summary).map_err(std::io::Error::from)?)?;
        return Ok(());
    }
    for reject in &summary.rejects {
        writeln!(out, "rejected {}: {}", reject.path.display(), reject.reason)?;
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
