//! `aicp backup`, `aicp restore`, `aicp backup-verify`

use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aicp_backup::{ObjectId, PassPhrase, Place, Repository, Run};
use aicp_blobs::{BlobKey, Blobs, LocalBlobs, SHARDS, read_all};
use aicp_platform::MasterKeys;
use aicp_store_sqlite::{DATABASE, Moment, OBJECTS};
use aicp_types::{Clock, SystemClock};
use bytes::Bytes;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use serde::Serialize;

use super::about::BUILD;
use super::async_runtime;
use crate::config::Config;
use crate::database::require_sqlite;
use crate::{Error, Result, data_dir};

/// Pictures that may be missing from the backup when the moment is fixed: they are copied while deletions wait.
const FEW_PICTURES: usize = 64;
/// How often new pictures are looked for before that.
const MAX_PASSES: usize = 5;
/// Beginning of the name of the folder that a backup makes in the data folder.
const STAGING: &str = "backup-";
/// Name of the copy of the keys in that folder, which no file of a job has.
const KEYS: &str = "master keys";

/// Takes a backup of the data folder, which a server may have open.
pub(crate) fn take(config: &Config, to: &str, keep: Option<usize>, json: bool) -> Result<()> {
    require_sqlite(config)?;
    data_dir::check_parts(config, false)?;
    let created = now();
    let report = async_runtime()?.block_on(async {
        let phrase = pass_phrase(config)?;
        let place = Place::open(to, &config.backup)?;
        let repository = Repository::open_or_create(place, phrase.as_ref()).await?;
        let mut run = repository.begin(created, OBJECTS).await?;
        let bar = progress("backup");
        match fill(&mut run, config, &bar).await {
            Ok(()) => {
                bar.set_message("verify");
                bar.set_length(0);
                bar.set_position(0);
                let report = run.finish(keep, || bar.inc(1)).await?;
                bar.finish_and_clear();
                Ok::<_, Error>(report)
            }
            Err(error) => {
                run.abandon().await;
                Err(error)
            }
        }
    })?;
    print(&report, json, |out| {
        let snapshot = &report.snapshot;
        writeln!(out, "snapshot {snapshot}: {} pictures, {} bytes in all", report.pictures, report.bytes)?;
        writeln!(out, "{} objects of {} bytes were new, and are verified", report.new_objects, report.new_bytes)?;
        report.deleted_snapshots.iter().try_for_each(|old| writeln!(out, "deleted snapshot {old}"))?;
        if report.deleted_objects > 0 {
            writeln!(out, "deleted {} objects that no snapshot needs", report.deleted_objects)?;
        }
        report.damaged_snapshots.iter().try_for_each(|id| writeln!(out, "WRONG    snapshot {id} can't be read"))?;
        report.missing.iter().try_for_each(|(key, fault)| writeln!(out, "WRONG    picture {key}: {fault}"))
    })?;
    match report.missing.len() + report.damaged_snapshots.len() {
        0 => {
            data_dir::note_backup(config, created);
            Ok(())
        }
        wrong => Err(Error::IncompleteBackup(wrong)),
    }
}

/// Writes pictures, database and keys.
async fn fill(run: &mut Run<'_>, config: &Config, bar: &ProgressBar) -> Result<()> {
    let objects = config.objects_folder();
    let blobs = LocalBlobs::open_to_read(&objects);
    bar.set_message("pictures");
    for _ in 0..MAX_PASSES {
        let found = listed(&blobs).await?;
        let lacking = run.lacking(&found);
        bar.set_length(found.len() as u64);
        if lacking.len() <= FEW_PICTURES {
            break;
        }
        add_pictures(run, &blobs, lacking, bar).await?;
    }
    let staging = Staging::open(config)?;
    // A file of a job is there before its row and until after its end, so these are all that the moment knows.
    staging.link_job_files()?;
    // From here to the end of the copy of the last pictures, deletions wait: what the rows of the moment refer to stays.
    let hold = LocalBlobs::hold(&objects).map_err(stored)?;
    let keys = data_dir::key_file(config);
    let keys_before = std::fs::read_to_string(&keys).unwrap_or_default();
    let moment = Moment::begin(&config.data_dir).map_err(stored)?;
    staging.keep_keys(&keys, &keys_before)?;
    staging.link_job_files()?;
    let pictures = moment.pictures().map_err(stored)?;
    let pictures: Vec<ObjectId> = pictures.iter().filter_map(|key| key.as_str().parse().ok()).collect();
    bar.set_position(0);
    bar.set_length(pictures.len() as u64);
    add_pictures(run, &blobs, pictures.clone(), bar).await?;
    drop(hold);
    run.keep_pictures(&pictures);
    bar.set_message("database");
    bar.set_length(100);
    let copy = staging.folder.join(DATABASE);
    moment.copy(&copy, |share| bar.set_position((share * 100.0) as u64)).map_err(stored)?;
    run.note("program", format!("aicp {} ({})", BUILD.version, BUILD.commit));
    run.note("schema", moment.schema().map_err(stored)?);
    run.note("change", moment.sequence().map_err(stored)?);
    drop(moment);
    run.add_file(DATABASE, &copy).await?;
    staging.add_job_files(run).await?;
    let keys = staging.folder.join(KEYS);
    for (name, path) in [
        (data_dir::key_file(config), keys),
        (data_dir::token_file(config), data_dir::token_file(config)),
        (data_dir::earlier_tokens_file(config), data_dir::earlier_tokens_file(config)),
    ] {
        // They may be set in the environment instead.
        if let (Some(name), true) = (name.file_name().and_then(|name| name.to_str()), path.exists()) {
            run.add_file(name, &path).await?;
        }
    }
    Ok(())
}

/// Lists all pictures of the data folder.
async fn listed(blobs: &LocalBlobs) -> Result<Vec<ObjectId>> {
    let mut found = Vec::new();
    for shard in 0..SHARDS {
        let keys = blobs.list(u8::try_from(shard).unwrap_or_default()).await.map_err(stored)?;
        found.extend(keys.iter().filter_map(|key| key.as_str().parse::<ObjectId>().ok()));
    }
    Ok(found)
}

async fn add_pictures(run: &mut Run<'_>, blobs: &LocalBlobs, ids: Vec<ObjectId>, bar: &ProgressBar) -> Result<()> {
    let read = async |id: ObjectId| -> Result<Bytes, String> {
        let key = BlobKey::parse(&id.to_string()).ok_or_else(|| "it has no name".to_owned())?;
        read_all(blobs, &key).await.map_err(|e| e.to_string())
    };
    Ok(run.add_pictures(ids, read, || bar.inc(1)).await?)
}

/// Folder in the data folder for what must not change while it is written to the backup. It is deleted on drop.
struct Staging {
    folder: PathBuf,
    /// Files of jobs: their place in the data folder.
    job_files: PathBuf,
}

impl Staging {
    fn open(config: &Config) -> Result<Self> {
        // A backup that was killed leaves its folder.
        for entry in std::fs::read_dir(&config.data_dir).map_err(Error::io(&config.data_dir))?.flatten() {
            let name = entry.file_name();
            let process = name.to_str().and_then(|name| name.strip_prefix(STAGING));
            if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
                std::fs::remove_dir_all(entry.path()).map_err(Error::io(entry.path()))?;
            }
        }
        let folder = config.data_dir.join(format!("{STAGING}{}", std::process::id()));
        let job_files = config.platform().jobs_folder;
        DirBuilder::new().mode(0o700).create(&folder).map_err(Error::io(&folder))?;
        Ok(Self { folder, job_files })
    }

    /// Gives the complete files of jobs a second name, so that they stay when their jobs end.
    fn link_job_files(&self) -> Result<()> {
        for entry in std::fs::read_dir(&self.job_files).into_iter().flatten().flatten() {
            let (path, link) = (entry.path(), self.folder.join(entry.file_name()));
            if path.extension().is_none_or(|extension| extension == "part") {
                continue;
            }
            match std::fs::hard_link(&path, &link) {
                Err(e) if !matches!(e.kind(), ErrorKind::AlreadyExists | ErrorKind::NotFound) => {
                    return Err(Error::io(path)(e));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Keeps the keys as of a moment: those before it, and those after it. One may be added or forgotten meanwhile.
    fn keep_keys(&self, file: &Path, before: &str) -> Result<()> {
        let after = match std::fs::read_to_string(file) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
            read => read.map_err(Error::io(file))?,
        };
        let text = match (MasterKeys::parse(&after), MasterKeys::parse(before)) {
            (Some(after), Some(before)) => format!("{}\n", after.with_others(&before).to_lines()),
            _ => after,
        };
        let path = self.folder.join(KEYS);
        let mut copy =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(Error::io(&path))?;
        copy.write_all(text.as_bytes()).map_err(Error::io(&path))
    }

    /// Adds the linked files of jobs.
    async fn add_job_files(&self, run: &mut Run<'_>) -> Result<()> {
        let folder = self.job_files.file_name().unwrap_or_default();
        for entry in std::fs::read_dir(&self.folder).map_err(Error::io(&self.folder))?.flatten() {
            let name = Path::new(folder).join(entry.file_name());
            if let (Some(name), false) = (name.to_str(), [DATABASE, KEYS].iter().any(|ours| entry.file_name() == *ours))
            {
                run.add_file(name, &entry.path()).await?;
            }
        }
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Restores a snapshot into a new data folder.
pub(crate) fn restore(config: &Config, from: &str, snapshot: Option<&str>, json: bool) -> Result<()> {
    require_sqlite(config)?;
    if config.objects.url.is_some() {
        let reason =
            "objects.url: pictures are restored into the data folder; unset it, and move its objects folder afterwards";
        return Err(Error::Config(reason.to_owned()));
    }
    let restored = async_runtime()?.block_on(async {
        let repository = open(config, from).await?;
        let id = repository.find(snapshot).await?;
        let bar = progress("restore");
        let restored = repository.restore(&id, &config.data_dir, || bar.inc(1)).await?;
        bar.finish_and_clear();
        Ok::<_, Error>(restored)
    })?;
    print(&restored, json, |out| {
        writeln!(out, "{}: as it was at {}", config.data_dir.display(), restored.created)?;
        writeln!(out, "{} files, {} pictures, {} bytes", restored.files, restored.pictures, restored.bytes)?;
        match restored.missing {
            0 => Ok(()),
            missing => writeln!(out, "{missing} pictures were lost before this snapshot: `aicp check` names them"),
        }
    })
}

/// Reads and verifies a backup.
pub(crate) fn verify(config: &Config, from: &str, snapshot: Option<&str>, json: bool) -> Result<()> {
    let verified = async_runtime()?.block_on(async {
        let repository = open(config, from).await?;
        let bar = progress("verify");
        let verified = repository.verify(snapshot, || bar.inc(1)).await?;
        bar.finish_and_clear();
        Ok::<_, Error>(verified)
    })?;
    print(&verified, json, |out| {
        verified.faults.iter().try_for_each(|found| writeln!(out, "WRONG    {}: {}", found.snapshot, found.fault))?;
        verified.snapshots.iter().try_for_each(|id| writeln!(out, "snapshot {id}"))?;
        writeln!(out, "{} objects of {} bytes read", verified.objects, verified.bytes)?;
        match verified.unused {
            0 => Ok(()),
            unused => writeln!(out, "{unused} objects are of a backup that was broken off; the next one deletes them"),
        }
    })?;
    match verified.faults.len() {
        0 => Ok(()),
        faults => Err(Error::DamagedBackup(faults)),
    }
}

/// Opens an existing backup.
pub(super) async fn open(config: &Config, from: &str) -> Result<Repository> {
    let phrase = pass_phrase(config)?;
    if !from.contains("://") && !Path::new(from).is_dir() {
        // Else it would be created.
        return Err(aicp_backup::Error::NoBackup.into());
    }
    Ok(Repository::open(Place::open(from, &config.backup)?, phrase.as_ref()).await?)
}

/// Returns the pass phrase of the settings.
fn pass_phrase(config: &Config) -> Result<Option<PassPhrase>> {
    let wrong = || Error::Config("the pass phrase of backups is empty".to_owned());
    if let Some(path) = &config.backup.passphrase_file {
        let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
        let line = text.lines().next().unwrap_or_default();
        return PassPhrase::new(line).map(Some).ok_or_else(wrong);
    }
    config.backup.passphrase.as_ref().map(|phrase| PassPhrase::new(phrase.reveal()).ok_or_else(wrong)).transpose()
}

/// An error of pictures or database.
pub(super) fn stored(error: impl Into<aicp_store::Error>) -> Error {
    aicp_platform::Error::from(error.into()).into()
}

/// The moment, in whole milliseconds.
pub(super) fn now() -> Timestamp {
    Timestamp::from_millisecond(SystemClock.now().get()).unwrap_or_default()
}

/// A progress bar; nothing is drawn unless stderr is a terminal.
fn progress(what: &'static str) -> ProgressBar {
    let bar = ProgressBar::no_length().with_message(what);
    let style = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len} {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// Prints a result as JSON or as text.
fn print(result: &impl Serialize, json: bool, text: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        let told = serde_json::to_string_pretty(result).map_err(std::io::Error::other)?;
        return Ok(writeln!(out, "{told}")?);
    }
    Ok(text(&mut out)?)
}
