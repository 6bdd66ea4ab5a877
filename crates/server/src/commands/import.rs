//! `aicp import`

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aicp_platform::{
    BadInput, Caller, EnrolOptions, Enrolled, Enrolment, Format, KnownPerson, Library, PersonData, Platform, Profile,
    Refusal, SamePicture,
};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tokio::task::JoinSet;
use unicode_normalization::UnicodeNormalization;

use super::{async_runtime, open_platform, start_vision};
use crate::config::Config;
use crate::{Error, Result, data_dir};

/// Pictures in progress per worker. All but one are being read or written, so that a slow disk does not idle a worker.
const PICTURES_PER_WORKER: usize = 8;

/// Bytes that are read to detect the format of a file.
const FORMAT_PREFIX_BYTES: u64 = 4096;
/// Maximum size of a file in bytes. The largest bitmap that can be decoded has twice as many, photographs have a tenth.
const MAX_FILE: u64 = 64 << 20;

/// The pictures of one person.
struct Pictures {
    /// Folder name: the person's name and external id.
    name: String,
    paths: Vec<PathBuf>,
}

/// A picture that was not enrolled.
#[derive(Debug, Serialize)]
struct Reject {
    /// Path as text; replacement characters stand for bytes that are not UTF-8.
    path: String,
    reason: String,
}

impl Reject {
    fn new(path: &Path, reason: impl Into<String>) -> Self {
        Self { path: path.to_string_lossy().into_owned(), reason: reason.into() }
    }
}

#[derive(Debug, Default, Serialize)]
struct Summary {
    people: usize,
    faces: usize,
    known: usize,
    rejects: Vec<Reject>,
}

/// Enrols a folder that has a folder of pictures per person. A repeated run continues where the last one stopped.
pub(crate) fn run(config: &Config, dir: &Path, caller: &str, library: &str, json: bool) -> Result<()> {
    let (people, mut rejects) = list(dir)?;
    let runtime = async_runtime()?;
    // The import limits its own concurrency; a short queue configured for the server must not make it fail as busy.
    let mut config = config.clone();
    config.vision.queue = 0;
    let config = &config;
    let vision = start_vision(config, None)?;
    let mut outcome = runtime.block_on(async {
        let token = data_dir::admin_token(config)?.token;
        data_dir::check_parts(config, false)?;
        let platform = open_platform(config, vision, &token, false).await?;
        let caller = platform.operator_for(caller).await?;
        let library = platform.open_library(&caller, library).await?;
        let target = Target { platform: platform.clone(), caller, library };
        let outcome = enrol_all(target, people).await;
        platform.close().await?;
        Ok::<_, Error>(outcome)
    })?;
    rejects.append(&mut outcome.summary.rejects);
    outcome.summary.rejects = rejects;
    report(&outcome.summary, json)?;
    outcome.failure.map_or(Ok(()), Err)
}

/// Library that an import writes to.
struct Target {
    platform: Platform,
    caller: Caller,
    library: Library,
}

/// Result of an import.
struct Outcome {
    summary: Summary,
    /// Error that ended the import early.
    failure: Option<Error>,
}

/// Enrols the pictures, several at once.
async fn enrol_all(target: Target, people: Vec<Pictures>) -> Outcome {
    let pictures = people.iter().map(|person| person.paths.len() as u64).sum();
    let progress = ProgressBar::new(pictures);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {per_sec} {eta} {msg}") {
        progress.set_style(style);
    }
    progress.enable_steady_tick(Duration::from_millis(200));
    let depth = PICTURES_PER_WORKER * std::thread::available_parallelism().map_or(1, usize::from);
    let target = Arc::new(target);
    let mut waiting = people.into_iter().flat_map(|Pictures { name, paths }| {
        let name: Arc<str> = name.into();
        paths.into_iter().map(move |path| (Arc::clone(&name), path))
    });
    let mut under_way = JoinSet::new();
    let mut summary = Summary::default();
    let mut failure = None;
    loop {
        while under_way.len() < depth
            && let Some((person, path)) = waiting.next()
        {
            let target = Arc::clone(&target);
            under_way.spawn(async move {
                let outcome = enrol_picture(&target, &person, &path).await;
                (path, outcome)
            });
        }
        match under_way.join_next().await {
            Some(Ok((_, Ok(enrolled)))) => {
                summary.people += usize::from(enrolled.is_new_person);
                summary.faces += usize::from(enrolled.is_new_face);
                summary.known += usize::from(!enrolled.is_new_face);
            }
            Some(Ok((path, Err(e)))) if is_about_the_picture(&e) => {
                summary.rejects.push(Reject::new(&path, e.to_string()));
            }
            // Other errors, such as a full disk, would affect every further picture.
            Some(Ok((_, Err(e)))) => {
                failure = Some(e);
                break;
            }
            Some(Err(e)) => {
                failure = Some(Error::Runtime(std::io::Error::other(e)));
                break;
            }
            None => break,
        }
        progress.set_message(format!("{} rejected", summary.rejects.len()));
        progress.inc(1);
    }
    progress.finish_and_clear();
    summary.rejects.sort_by(|a, b| a.path.cmp(&b.path));
    Outcome { summary, failure }
}

async fn enrol_picture(target: &Target, person: &str, path: &Path) -> Result<Enrolled> {
    let file = path.to_owned();
    let bytes = tokio::task::spawn_blocking(move || read_picture(&file).map_err(Error::io(&file)))
        .await
        .map_err(|e| Error::Runtime(std::io::Error::other(e)))??;
    let profile = Profile { name: Some(person.to_owned()), ..Profile::default() };
    let Target { platform, caller, library } = target;
    // A repeated import enrols what is missing.
    let options = EnrolOptions {
        known_person: KnownPerson::AddFace,
        same_picture: SamePicture::KeepOfPerson,
        ..EnrolOptions::default()
    };
    let person = PersonData { user_id: Some(person.to_owned()), profile, ..PersonData::default() };
    let enrolment = Enrolment { library: library.into(), person, picture: bytes.into(), options };
    Ok(platform.enrol(caller, enrolment).await?)
}

/// Reads a file if it is regular, within the size limit and starts like a picture.
fn read_picture(file: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::{Error, Read};
    // Opening a pipe or a device may block forever.
    if !std::fs::metadata(file)?.is_file() {
        return Err(Error::other("not a regular file"));
    }
    let mut opened = std::fs::File::open(file)?;
    if opened.metadata()?.len() > MAX_FILE {
        return Err(Error::other("larger than 64 MiB"));
    }
    let mut bytes = Vec::new();
    (&mut opened).take(FORMAT_PREFIX_BYTES).read_to_end(&mut bytes)?;
    if Format::of(&bytes).is_none() {
        // The first bytes suffice for the error that names the format.
        return Ok(bytes);
    }
    // The limit also covers a file that grows meanwhile.
    opened.take(MAX_FILE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Returns whether an error concerns only the picture, so that the import can continue.
fn is_about_the_picture(e: &Error) -> bool {
    use aicp_platform::Error as Platform;
    matches!(
        e,
        Error::Io { .. }
            | Error::Platform(
                Platform::BadInput(BadInput::Picture(_))
                    | Platform::Refused(Refusal::NoFace)
                    | Platform::Refused(Refusal::NotRecognisable(_))
            )
    )
}

/// Lists the people of a folder, sorted by name. Misplaced files and folders are rejected.
fn list(dir: &Path) -> Result<(Vec<Pictures>, Vec<Reject>)> {
    let (mut people, mut rejects) = (Vec::new(), Vec::new());
    for folder in entries(dir)? {
        if !folder.is_dir() {
            rejects.push(Reject::new(&folder, "not in a person's folder"));
            continue;
        }
        let Some(name) = folder.file_name().and_then(|name| name.to_str()) else {
            rejects.push(Reject::new(&folder, "the folder's name is not UTF-8"));
            continue;
        };
        // Some systems decompose accents; NFC makes the names equal.
        let name: String = name.nfc().collect();
        let (folders, paths): (Vec<_>, Vec<_>) = entries(&folder)?.into_iter().partition(|path| path.is_dir());
        for path in folders {
            rejects.push(Reject::new(&path, "a folder within a person's folder"));
        }
        people.push(Pictures { name, paths });
    }
    Ok((people, rejects))
}

/// Lists the entries of a folder, sorted by name, without hidden ones.
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
