//! `aicp export`

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use aicp_platform::{ExportContent, archive_of_export};
use aicp_types::JobId;
use serde_json::json;
use zip::ZipArchive;

use super::app::{Server, escaped};
use super::import::{bar, ended, show, text};
use super::{async_runtime, open_platform, start_vision};
use crate::config::{Config, Live};
use crate::{Error, Result, data_dir, database};

/// Writes a library into a folder, or into a zip archive if the name ends like one, by a job: of the server that has the data
/// folder open, or of this process. `aicp import` restores it.
pub(crate) fn run(live: &Arc<Live>, to: &Path, app: &str, library: &str, templates: bool) -> Result<()> {
    let config = live.base();
    if std::fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_some()) || to.is_file() {
        return Err(Error::Io { path: to.to_owned(), source: io::ErrorKind::AlreadyExists.into() });
    }
    match Server::running(config) {
        Some(server) => on_server(config, &server, to, app, library, templates),
        None => here(live, to, app, library, templates),
    }
}

fn here(live: &Arc<Live>, to: &Path, app: &str, library: &str, templates: bool) -> Result<()> {
    let config = live.base();
    let runtime = async_runtime()?;
    data_dir::check_parts(config, false)?;
    let vision = start_vision(config, None)?;
    runtime.block_on(async {
        let token = data_dir::admin_token(config)?;
        let platform = open_platform(live, vision, &token, false).await?;
        let export = async {
            let caller = platform.local_caller_for(app).await?;
            let library = platform.library(&caller, library).await?;
            let job = platform.export_library(&caller, &library, ExportContent { pictures: true, templates }).await?;
            // A server that is started after this process was killed leaves it alone, unless somebody resumes it.
            platform.pause_job(&caller, job.id).await?;
            platform.complete_job(job.id).await?;
            let written = take(config, job.id, to).await;
            platform.delete_job(&caller, job.id).await?;
            written
        };
        let outcome = export.await;
        platform.close().await?;
        outcome
    })
}

fn on_server(config: &Config, server: &Server, to: &Path, app: &str, library: &str, templates: bool) -> Result<()> {
    let known = server.call("GET", &format!("/libraries?appId={}&groupId={}", escaped(app), escaped(library)), None)?;
    let missing = || Error::Server(format!("app {app} has no library {library}"));
    let library = known["items"][0]["id"].as_str().ok_or_else(missing)?;
    let new = json!({"pictures": true, "templates": templates});
    let job = text(&server.call("POST", &format!("/libraries/{library}/exports"), Some(new))?["id"])?;
    let id = JobId::parse(&job).ok_or_else(|| Error::Server("the server answers something else".to_owned()))?;
    let path = format!("/jobs/{id}");
    let progress = bar();
    let last = ended(server, &path, |total, done, failed| show(&progress, total, done, failed))?;
    progress.finish_and_clear();
    let written = match last["state"].as_str() {
        Some("done") => async_runtime()?.block_on(take(config, id, to)),
        _ => Err(Error::Server(last["error"].as_str().unwrap_or("the export did not end").to_owned())),
    };
    server.call("DELETE", &path, None)?;
    written
}

/// Takes the archive of a job out of the data folder, or from where nodes share files.
async fn take(config: &Config, job: JobId, to: &Path) -> Result<()> {
    let beside = |end: &str| {
        let mut path = to.as_os_str().to_owned();
        path.push(format!(".{end}-{}", std::process::id()));
        PathBuf::from(path)
    };
    let Some(shared) = database::shared_blobs(config).await? else {
        return take_file(&archive_of_export(&config.data_dir, job), &beside("part"), to);
    };
    let archive = beside("archive");
    let fetched = aicp_platform::fetch_shared_export(&*shared, job, &archive).await;
    let taken = fetched.map_err(Error::from).and_then(|()| take_file(&archive, &beside("part"), to));
    // The first error is returned.
    let _ = std::fs::remove_file(&archive);
    taken
}

/// Writes what is in an archive, first under another name.
fn take_file(archive: &Path, part: &Path, to: &Path) -> Result<()> {
    let is_zip = to.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip"));
    let written = if is_zip { copy(archive, part) } else { unpack(archive, part) };
    let moved = written.and_then(|()| std::fs::rename(part, to).map_err(Error::io(to)));
    if moved.is_err() {
        // The first error is returned.
        let _ = if is_zip { std::fs::remove_file(part) } else { std::fs::remove_dir_all(part) };
    }
    moved
}

fn copy(archive: &Path, to: &Path) -> Result<()> {
    let mut file = File::open(archive).map_err(Error::io(archive))?;
    let mut copy = create(to).map_err(Error::io(to))?;
    io::copy(&mut file, &mut copy).and_then(|_| copy.sync_all()).map_err(Error::io(to))
}

fn unpack(archive: &Path, to: &Path) -> Result<()> {
    let file = File::open(archive).map_err(Error::io(archive))?;
    let wrong = |e: zip::result::ZipError| Error::io(archive)(e.into());
    let mut zip = ZipArchive::new(io::BufReader::new(file)).map_err(wrong)?;
    create_folder(to)?;
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).map_err(wrong)?;
        let name = PathBuf::from(entry.name().map_err(wrong)?.as_ref());
        if !name.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(Error::io(archive)(io::ErrorKind::InvalidData.into()));
        }
        let path = to.join(name);
        create_folder(path.parent().unwrap_or(to))?;
        let written = create(&path).and_then(|mut file| {
            io::copy(&mut entry, &mut file)?;
            file.flush()
        });
        written.map_err(Error::io(&path))?;
    }
    Ok(())
}

fn create_folder(path: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Error::io(path))
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}
