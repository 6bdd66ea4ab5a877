//! Import: enrols the pictures of an archive or a folder.

mod restore;

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aicp_store::{JobItem, JobItemState, JobRow, run_blocking};
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::listing::{Links, ListError, Listed, Picture, Source, check_archive, list_archive, list_folder};
use super::runner::{End, FinishedItem, Running};
use super::zip::{Limits, Refused, read_entry, too_large};
use super::{ItemDetail, Job, Task, Upload};
use crate::background::run_detached;
use crate::{
    BadInput, Caller, EnrolOptions, Enrolment, Error, Format, KnownPerson, Library, Limit, PersonData, Platform,
    Profile, Refusal, Result, SamePicture, Tags,
};

/// Maximum size of a picture in bytes. The largest bitmap that can be decoded has twice as many, photographs have a tenth.
const MAX_FILE: u64 = 64 << 20;
/// Bytes by which the format of a file is detected.
const FORMAT_PREFIX_BYTES: u64 = 4096;
/// Pictures in progress per processor. All but one are being read or written, so that a slow disk idles no worker.
const PICTURES_PER_WORKER: usize = 8;
/// Memory of the pictures in progress, in MiB.
const MAX_IN_PROGRESS_MIB: usize = 256;
/// Items that are written or read at a time.
const BATCH: usize = 500;
/// Finished items that are recorded in one transaction, and the longest time that one waits for others. Recording each by
/// itself would cost a commit more per picture. What a kill leaves unrecorded is found enrolled by the next run.
const RECORD_BATCH: usize = 64;
const RECORD_INTERVAL: Duration = Duration::from_millis(250);
/// Pause when every worker is busy: calls take precedence.
pub(super) const PAUSE_WHEN_BUSY: Duration = Duration::from_millis(100);
/// Attempts at a picture while the engine of the library does not answer, and the pause between two.
const ATTEMPTS: u32 = 5;
const PAUSE_WHEN_UNAVAILABLE: Duration = Duration::from_secs(5);

/// What is imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImportSource {
    /// An uploaded archive, by the name of its file.
    Archive {
        /// Name of the file in the folder of the jobs.
        file: String,
    },
    /// A folder of this machine.
    Folder {
        /// Bytes of the path in hex.
        path: String,
        /// Whether symbolic links are followed.
        follows_links: bool,
    },
}

impl ImportSource {
    pub(super) fn archive(&self) -> Option<&str> {
        match self {
            Self::Archive { file } => Some(file),
            Self::Folder { .. } => None,
        }
    }
}

impl Platform {
    fn limits(&self) -> Limits {
        let settings = &self.inner.settings.load().jobs;
        Limits { entries: settings.max_files, unpacked: (settings.max_unpacked_mib as u64) << 20, file: MAX_FILE }
    }

    /// Creates a job that enrols the pictures of an archive: a folder per person, whose name is the person's name and external
    /// id, or `manifest.csv`.
    ///
    /// # Errors
    /// [`BadInput::Import`] if it is no zip archive or beyond the limits; [`Limit::Jobs`];
    /// [`Missing::Engine`](crate::Missing::Engine).
    pub async fn import_archive(&self, caller: &Caller, library: &Library, upload: Upload) -> Result<Job> {
        self.backend_of(caller, library)?;
        let (path, limits) = (upload.path().to_owned(), self.limits());
        // What is wrong with the whole is told at once.
        run_blocking(move || Ok(check_archive(&path, limits))).await?.map_err(of_listing)?;
        let (platform, caller, library) = (self.clone(), caller.clone(), library.clone());
        // An archive without a job would stay until the next start.
        run_detached(async move {
            let file = upload.keep().await?;
            let task = Task::Import(ImportSource::Archive { file: file.clone() });
            let most = platform.inner.settings.load().jobs.max_open;
            let created = platform.create_job(&caller, &library, task, most).await;
            // If it is in doubt whether there is a job, a sweep decides.
            if created.as_ref().is_err_and(|e| !e.is_in_doubt()) {
                platform.inner.jobs.folder.discard_named(&file).await;
            }
            created
        })
        .await
    }

    /// Creates a job that enrols the pictures of a folder of this machine, which has a folder per person. A local command
    /// may name any folder, and one with an export is restored: ids and templates are those of the export. For others it must be below a root that the settings allow, and symbolic links are
    /// refused.
    ///
    /// # Errors
    /// [`BadInput::Import`] if it is no folder, or not allowed; as [`Platform::import_archive`].
    pub async fn import_folder(&self, caller: &Caller, library: &Library, folder: PathBuf) -> Result<Job> {
        let is_free = caller.is_local();
        let caller = &caller.acting_for(&library.app_id)?;
        self.backend_of(caller, library)?;
        let roots = self.inner.settings.load().jobs.import_roots.clone();
        let found = run_blocking(move || Ok(allowed_folder(&folder, is_free, &roots))).await?;
        // Why it is refused would tell what is on the disk.
        let path = found.ok_or_else(|| BadInput::Import("the folder is not one below jobs.import_roots".to_owned()))?;
        let path = hex::encode(path.as_os_str().as_encoded_bytes());
        let source = ImportSource::Folder { path, follows_links: is_free };
        // A local command has no one to wait for, and each import that was killed leaves a job.
        let most = if is_free { u64::MAX } else { self.inner.settings.load().jobs.max_open };
        self.create_job(caller, library, Task::Import(source), most).await
    }
}

/// Returns the real path of a folder that may be imported.
fn allowed_folder(folder: &Path, is_free: bool, roots: &[PathBuf]) -> Option<PathBuf> {
    if is_free {
        return std::path::absolute(folder).ok().filter(|path| path.is_dir());
    }
    let path = folder.canonicalize().ok().filter(|path| path.is_dir())?;
    let is_below = |root: &PathBuf| root.canonicalize().is_ok_and(|root| path.starts_with(root));
    (folder.is_absolute() && roots.iter().any(is_below)).then_some(path)
}

fn of_listing(e: ListError) -> Error {
    if e.is_of_input() {
        return BadInput::Import(e.to_string()).into();
    }
    let io = io::Error::other(e.to_string());
    aicp_store::at("import")(io).into()
}

fn path_of(hex_path: &str) -> PathBuf {
    // It was written here.
    OsString::from_vec(hex::decode(hex_path).unwrap_or_default()).into()
}

/// Where the pictures are read from.
enum Place {
    Archive(PathBuf),
    Folder { path: PathBuf, links: Links },
}

/// Runs an import.
pub(super) async fn run(mut running: Running, job: JobRow, source: ImportSource) -> Result<End> {
    let library = running.library(&job).await?;
    let place = match source {
        ImportSource::Archive { file } => {
            let fetch = |platform: Platform| {
                let file = file.clone();
                async move { platform.inner.jobs.folder.fetch(&file).await }
            };
            let fetched = running.transferred(fetch).await?;
            let Some(path) = fetched else { return Ok(End::Stopped) };
            Place::Archive(path)
        }
        ImportSource::Folder { path, follows_links } => {
            let links = if follows_links { Links::Follow } else { Links::Refuse };
            Place::Folder { path: path_of(&path), links }
        }
    };
    if let Place::Folder { path, links: Links::Follow } = &place
        && let Some(about) = restore::find(path).await?
    {
        return restore::run(running, job, library, path.clone(), about).await;
    }
    let place = Arc::new(place);
    if job.total.is_none() && !list(&running, &place).await? {
        return Ok(End::Stopped);
    }
    let depth = PICTURES_PER_WORKER * std::thread::available_parallelism().map_or(1, usize::from);
    let memory = Arc::new(Semaphore::new(MAX_IN_PROGRESS_MIB));
    let mut under_way = JoinSet::new();
    let (mut waiting, mut after, mut is_last) = (Vec::new().into_iter(), 0, false);
    let (mut finished, mut record_at) = (Vec::new(), None);
    let ended = loop {
        while under_way.len() < depth && !running.is_stopped() {
            let Some(item) = waiting.next() else {
                if is_last {
                    break;
                }
                let mut rows = running.platform.inner.store.rows().await?;
                let items = rows.job_items_after(job.id, Some(JobItemState::Waiting), after, BATCH as u64).await?;
                is_last = items.len() < BATCH;
                after = items.last().map_or(after, |last| last.number);
                waiting = items.into_iter();
                continue;
            };
            let (running, library) = (running.clone(), library.clone());
            let (place, memory) = (Arc::clone(&place), Arc::clone(&memory));
            under_way.spawn(async move { enrol(running, library, &place, &memory, item).await });
        }
        let due = *record_at.get_or_insert_with(|| Instant::now() + RECORD_INTERVAL);
        match timeout_at(due, under_way.join_next()).await {
            Ok(Some(Ok(Ok(item)))) => finished.extend(item),
            // What affects one picture is recorded; anything else, such as a full disk, would affect all.
            Ok(Some(Ok(Err(e)))) => break Err(e),
            Ok(Some(Err(e))) => break Err(aicp_store::at("import")(io::Error::other(e)).into()),
            Ok(None) if running.is_stopped() => break Ok(End::Stopped),
            Ok(None) => break Ok(End::Complete),
            Err(_) => {}
        }
        if finished.len() >= RECORD_BATCH || Instant::now() >= due {
            record_at = None;
            if let Err(e) = running.finish(std::mem::take(&mut finished)).await {
                break Err(e);
            }
        }
    };
    // After an error, too: those under way may be enrolled.
    while let Some(joined) = under_way.join_next().await {
        finished.extend(joined.ok().and_then(Result::ok).flatten());
    }
    let recorded = running.finish(finished).await;
    let end = ended?;
    recorded.map(|()| end)
}

/// Writes the items. Returns false if it was stopped; the next run begins anew.
async fn list(running: &Running, place: &Arc<Place>) -> Result<bool> {
    let platform = &running.platform;
    running.begin_anew().await?;
    let (sender, mut listed) = mpsc::channel::<Vec<Listed>>(2);
    let (place, limits) = (Arc::clone(place), platform.limits());
    let listing = tokio::task::spawn_blocking(move || {
        let mut batch = Vec::new();
        let sink = |item: Listed| {
            batch.push(item);
            if batch.len() < BATCH {
                return Ok(());
            }
            sender.blocking_send(std::mem::take(&mut batch)).map_err(|_| ListError::Stopped)
        };
        match &*place {
            Place::Archive(path) => list_archive(path, limits, sink),
            // Whoever runs the command sets the limits.
            Place::Folder { path, links: Links::Follow } => list_folder(path, Links::Follow, u64::MAX, sink),
            Place::Folder { path, links: Links::Refuse } => list_folder(path, Links::Refuse, limits.entries, sink),
        }?;
        sender.blocking_send(batch).map_err(|_| ListError::Stopped)
    });
    let mut number = 0;
    while let Some(batch) = listed.recv().await {
        if running.is_stopped() {
            return Ok(false);
        }
        let items = batch.into_iter().map(|listed| {
            number += 1;
            item(number, listed)
        });
        running.advance(items.collect(), 0, None).await?;
    }
    match listing.await {
        Ok(listed) => listed.map_err(of_listing)?,
        Err(e) => return Err(aicp_store::at("import")(io::Error::other(e)).into()),
    }
    running.update(move |job| job.total = u64::try_from(number).ok()).await?;
    Ok(true)
}

fn item(number: i64, (name, picture): Listed) -> JobItem {
    let new = JobItem { number, name, state: JobItemState::Waiting, input: None, code: None, detail: None };
    match picture {
        Ok(picture) => JobItem { input: serde_json::to_string(&picture).ok(), ..new },
        Err(Refused { code, reason }) => {
            let detail = serde_json::to_string(&ItemDetail::of_reason(reason)).ok();
            JobItem { state: JobItemState::Failed, code: Some(code.to_owned()), detail, ..new }
        }
    }
}

/// Enrols a picture. Returns what became of it; `None` if the job must stop before.
async fn enrol(
    mut running: Running,
    library: Library,
    place: &Arc<Place>,
    memory: &Arc<Semaphore>,
    item: JobItem,
) -> Result<Option<FinishedItem>> {
    let number = item.number;
    let fail = |code, reason: String| {
        Ok(Some(FinishedItem { number, state: JobItemState::Failed, code, detail: ItemDetail::of_reason(reason) }))
    };
    let picture: Option<Picture> = item.input.as_deref().and_then(|input| serde_json::from_str(input).ok());
    let Some(Picture { person, source }) = picture else {
        return fail("failed", "another program wrote the item".to_owned());
    };
    let expected = if let Source::Entry(place) = &source { place.size() } else { MAX_FILE / 8 };
    let shares = expected.div_ceil(1 << 20).clamp(1, MAX_IN_PROGRESS_MIB as u64) as u32;
    let _share = memory.acquire_many(shares).await;
    let read = {
        let (place, source) = (Arc::clone(place), source.clone());
        // An inner error is one of the picture alone.
        run_blocking(move || Ok(read_picture(&place, &source))).await?
    };
    let bytes = match read {
        Ok(Ok(bytes)) => bytes::Bytes::from(bytes),
        Ok(Err(Refused { code, reason })) => return fail(code, reason),
        // The archive is ours.
        Err(e) if matches!(**place, Place::Archive(_)) => return Err(aicp_store::at("import")(e).into()),
        Err(e) => return fail("fileNotReadable", e.to_string()),
    };
    let person = PersonData {
        user_id: person.external_id,
        info: person.info,
        profile: Profile {
            name: person.name,
            customer_number: person.customer_number,
            document_number: person.document_number,
            company: person.company,
            duty: person.duty,
            province: person.province,
            remark: person.remark,
            ..Profile::default()
        },
        // The listing has checked them.
        tags: Tags::new(&person.tags).unwrap_or_default(),
    };
    let outcome = enrol_picture(&mut running, &library, person, bytes).await?;
    Ok(outcome.map(|(state, code, detail)| FinishedItem { number, state, code, detail }))
}

/// What became of a picture: the state of its item, the code, and the detail.
type Outcome = (JobItemState, &'static str, ItemDetail);

/// Enrols a picture, again and again while the workers or the engine are busy. Returns what became of it; `None` if the job
/// must stop before.
async fn enrol_picture(
    running: &mut Running,
    library: &Library,
    person: PersonData,
    bytes: bytes::Bytes,
) -> Result<Option<Outcome>> {
    let mut attempts = 0;
    loop {
        let enrolment = Enrolment {
            library: library.into(),
            person: person.clone(),
            picture: bytes.clone(),
            // What was enrolled before a crash is not enrolled again.
            options: EnrolOptions {
                known_person: KnownPerson::AddFace,
                same_picture: SamePicture::KeepOfPerson,
                ..EnrolOptions::default()
            },
        };
        match running.platform.enrol(&running.caller, enrolment).await {
            Ok(enrolled) => {
                let code = match (enrolled.is_new_person, enrolled.is_new_face) {
                    (true, _) => "newPerson",
                    (false, true) => "newFace",
                    (false, false) => "known",
                };
                let detail = ItemDetail {
                    person: Some(enrolled.person.public_id.get()),
                    face: Some(enrolled.face.id.get()),
                    ..ItemDetail::default()
                };
                return Ok(Some((JobItemState::Done, code, detail)));
            }
            // The item stays as it is, for the next run.
            Err(Error::Busy | Error::Unavailable(_)) if running.is_stopped() => return Ok(None),
            Err(Error::Busy) => running.pause(PAUSE_WHEN_BUSY).await,
            Err(Error::Unavailable(_)) if attempts < ATTEMPTS => {
                attempts += 1;
                running.pause(PAUSE_WHEN_UNAVAILABLE).await;
            }
            Err(e) => match code_of(&e) {
                Some(code) => return Ok(Some((JobItemState::Failed, code, ItemDetail::of_reason(e.to_string())))),
                None => return Err(e),
            },
        }
    }
}

/// Returns the code of an error that concerns only the picture or the person, so that the import can continue.
pub(super) fn code_of(e: &Error) -> Option<&'static str> {
    match e {
        Error::BadInput(BadInput::Picture(_)) => Some("pictureNotReadable"),
        Error::Refused(Refusal::NoFace) => Some("noFace"),
        Error::Refused(Refusal::NotRecognisable(_)) => Some("notRecognisable"),
        Error::Refused(Refusal::Engine { .. }) => Some("engineRefused"),
        Error::Full(Limit::Faces) => Some("tooManyFaces"),
        Error::Full(Limit::People) => Some("tooManyPeople"),
        _ => None,
    }
}

/// Reads a picture; of a file that is none, only the first bytes, which suffice for the error that names its format.
fn read_picture(place: &Place, source: &Source) -> io::Result<Result<Vec<u8>, Refused>> {
    match (place, source) {
        (Place::Archive(path), Source::Entry(entry)) => read_entry(path, *entry, |head| Format::of(head).is_some()),
        (Place::Folder { path, links }, Source::File(file)) => read_file(path, *links, &path_of(file)),
        _ => Ok(Err(Refused::new("failed", "the item is not one of this job"))),
    }
}

fn read_file(folder: &Path, links: Links, file: &Path) -> io::Result<Result<Vec<u8>, Refused>> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true);
    if links == Links::Refuse {
        // The last part of the path is not followed when it is opened; the others are looked at again.
        options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32 | rustix::fs::OFlags::NONBLOCK.bits() as i32);
        if !file.parent().and_then(|parent| parent.canonicalize().ok()).is_some_and(|real| real.starts_with(folder)) {
            return Ok(Err(Refused::new("symbolicLink", "a symbolic link")));
        }
    }
    // Opening a pipe or a device may block forever.
    if !std::fs::metadata(file)?.is_file() {
        return Ok(Err(Refused::new("fileNotReadable", "not a regular file")));
    }
    let mut opened = options.open(file)?;
    let found = opened.metadata()?;
    if !found.is_file() {
        return Ok(Err(Refused::new("fileNotReadable", "not a regular file")));
    }
    if found.len() > MAX_FILE {
        return Ok(Err(too_large(MAX_FILE)));
    }
    let mut bytes = Vec::new();
    (&mut opened).take(FORMAT_PREFIX_BYTES).read_to_end(&mut bytes)?;
    if Format::of(&bytes).is_some() {
        // The limit also covers a file that grows meanwhile.
        opened.take(MAX_FILE).read_to_end(&mut bytes)?;
    }
    Ok(Ok(bytes))
}
