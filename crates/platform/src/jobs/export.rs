//! Export: writes the people of a library into a zip archive that an import reads.
//!
//! The archive has `export.json`, which says what it is, `people.jsonl` with a person per line, `manifest.csv` with a row per
//! picture, and the pictures. Each run writes it anew: who was read before a pause may be gone by its end.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aicp_store::{JobFilter, JobRow, JobState, PersonFilter, PersonOrder, Store, Tx, at, run_blocking};
use aicp_types::{JobId, LibraryId, PersonId, UnixMillis};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::manifest::MANIFEST;
use super::runner::{End, Running};
use super::uploads::{create_folder, export_name, publish};
use super::{Job, JobKind, Task, progress};
use crate::user_ids::user_id_of;
use crate::{
    Algorithm, Area, Caller, Error, Face, Format, Library, Limit, Missing, NewTemplate, Person, Platform, Refusal,
    Result,
};

/// Name of the entry that tells what the archive is.
pub(super) const ABOUT: &str = "export.json";
/// Name of the entry with the people.
pub(super) const PEOPLE: &str = "people.jsonl";
/// Name and version of the format.
const FORMAT: &str = "aicp-export";
const VERSION: u32 = 1;
/// Extension of a file that is not complete.
const PART: &str = "part";
/// People that are read at a time.
const BATCH: u64 = 32;
/// Parts that wait to be written.
const MAX_WAITING: usize = 4;
/// Bytes between two looks at the free space.
const SPACE_INTERVAL_BYTES: u64 = 16 << 20;
const HOUR: Duration = Duration::from_hours(1);
/// What spreadsheets know UTF-8 by.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What an export has besides the data of the people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportContent {
    /// The pictures.
    pub pictures: bool,
    /// The templates.
    pub templates: bool,
}

/// The file of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportFile {
    /// Size in bytes.
    pub bytes: u64,
    /// When it is deleted.
    pub expires_at: UnixMillis,
}

/// What is noted of a complete export.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Written {
    bytes: u64,
}

impl Platform {
    /// Creates a job that writes the people of a library into a zip archive, which is kept for a set time.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] if templates are wanted by a caller without the area [`Area::Templates`]; [`Limit::Jobs`].
    pub async fn export_library(&self, caller: &Caller, library: &Library, content: ExportContent) -> Result<Job> {
        require_content(caller, content)?;
        self.create_job(caller, library, Task::Export(content), self.inner.settings.jobs.max_open).await
    }

    /// Opens the archive of an export from a position in bytes; returns it with its size. The act is logged, once for each
    /// time that the archive is read from the start.
    ///
    /// # Errors
    /// [`Missing::Job`]; [`Missing::File`] if the job is no export, or its archive is not there yet or no longer;
    /// [`Refusal::Forbidden`] if it has templates and the caller lacks the area [`Area::Templates`].
    pub async fn open_export(&self, caller: &Caller, id: JobId, from: u64) -> Result<(File, u64)> {
        let job = self.job_row(caller, id).await?;
        let Ok(Task::Export(content)) = serde_json::from_str(&job.input) else { return Err(Missing::File.into()) };
        require_content(caller, content)?;
        self.export_file(&job).ok_or(Missing::File)?;
        let path = self.inner.jobs.folder.path_of(&export_name(id));
        let opened = run_blocking(move || match File::open(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => {
                let mut file = opened.map_err(at(&path))?;
                let bytes = file.metadata().map_err(at(&path))?.len();
                file.seek(SeekFrom::Start(from)).map_err(at(&path))?;
                Ok(Some((file, bytes)))
            }
        });
        let opened = opened.await?.ok_or(Missing::File)?;
        if from == 0 {
            let act = caller.act(self.now(), "job.download", format!("job {id}"));
            let act = aicp_store::Act { app_id: Some(job.app_id), ..act };
            let log = self.inner.store.write_always(move |tx| Box::pin(async move { Ok(tx.append_act(act).await?) }));
            log.await.map_err(|e: Error| e)?;
        }
        Ok(opened)
    }

    /// Returns the file of an export, as long as it is kept.
    pub(super) fn export_file(&self, job: &JobRow) -> Option<ExportFile> {
        let expires_at = self.export_expiry(job)?;
        let Written { bytes } = serde_json::from_str(job.position.as_deref()?).ok()?;
        Some(ExportFile { bytes, expires_at })
    }

    /// Returns when the file of an export is deleted; `None` if there is none.
    pub(super) fn export_expiry(&self, job: &JobRow) -> Option<UnixMillis> {
        if job.kind != JobKind::Export.name() || job.state != JobState::Done || job.position.is_none() {
            return None;
        }
        let expires_at = job.ended_at?.saturating_add(HOUR * self.inner.settings.jobs.export_hours);
        (self.now() < expires_at).then_some(expires_at)
    }

    /// Deletes the exports of libraries from which a person was erased. One that is being written ends; it can be resumed.
    pub(crate) async fn withdraw_exports(&self, libraries: &[LibraryId]) -> Result<()> {
        let (libraries, now) = (libraries.to_vec(), self.now());
        let withdraw = self.inner.store.write_always(move |tx| Box::pin(withdraw(tx, libraries, now)));
        for job in withdraw.await? {
            if !self.inner.jobs.stop(job) {
                self.discard_files(job).await;
            }
        }
        Ok(())
    }
}

/// Forgets the archives of exports; returns whose files have to go.
async fn withdraw(tx: &mut Tx, libraries: Vec<LibraryId>, now: UnixMillis) -> Result<Vec<JobId>> {
    let mut withdrawn = Vec::new();
    for library in libraries {
        let filter =
            JobFilter { library_id: Some(library), kind: Some(JobKind::Export.name()), ..JobFilter::default() };
        for job in tx.jobs_after(filter, None, u64::MAX).await? {
            let is_complete = job.state == JobState::Done && job.position.is_some();
            if !is_complete && !matches!(job.state, JobState::Running | JobState::Paused) {
                continue;
            }
            withdrawn.push(job.id);
            let withdraw = |job: &mut JobRow| {
                job.position = None;
                job.error = Some("a person was erased meanwhile".to_owned());
                if !is_complete {
                    (job.state, job.ended_at) = (JobState::Failed, Some(now));
                }
                Ok(())
            };
            progress::update(tx, job.id, now, withdraw).await?;
        }
    }
    Ok(withdrawn)
}

fn require_content(caller: &Caller, content: ExportContent) -> Result<()> {
    if content.templates && caller.require_area(Area::Templates).is_err() {
        return Err(Refusal::Forbidden.into());
    }
    Ok(())
}

/// What the archive says about itself.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct About {
    format: &'static str,
    version: u32,
    created_at: String,
    library: AboutLibrary,
    has_pictures: bool,
    has_templates: bool,
    people: u64,
    faces: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AboutLibrary {
    group_id: String,
    name: String,
    description: Option<String>,
    threshold: Option<f32>,
    top_n: Option<i64>,
}

/// A line of the people. Ids are strings; times are RFC 3339.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PersonLine<'a> {
    person_id: String,
    person_no: &'a str,
    external_id: Option<&'a str>,
    name: Option<&'a str>,
    sex: Option<i64>,
    birthday: Option<i64>,
    document_number: Option<&'a str>,
    customer_number: Option<&'a str>,
    company: Option<&'a str>,
    duty: Option<&'a str>,
    province: Option<&'a str>,
    kind: Option<i64>,
    remark: Option<&'a str>,
    source_url: Option<&'a str>,
    info: Option<&'a str>,
    tags: &'a [String],
    created_at: String,
    updated_at: String,
    faces: Vec<FaceLine>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FaceLine {
    face_id: String,
    file_id: String,
    /// Name of the entry.
    picture: Option<String>,
    /// SHA-256 of the picture in hex.
    picture_sha256: String,
    bounding_box: [f32; 4],
    confidence: f32,
    quality: Option<f32>,
    template: Option<TemplateLine>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TemplateLine {
    algorithm: String,
    provider: String,
    version: String,
    /// Little-endian 32-bit floats in base64.
    vector: String,
    recognisability: Option<f32>,
}

impl From<NewTemplate> for TemplateLine {
    fn from(NewTemplate { algorithm, vector, recognisability }: NewTemplate) -> Self {
        let Algorithm { name, provider, version } = algorithm;
        let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
        Self { algorithm: name, provider, version, vector: STANDARD.encode(bytes), recognisability }
    }
}

/// What the writer gets.
enum Part {
    /// A picture: the name of its entry and its bytes.
    Picture(String, Bytes),
    /// A person: the line, and the rows of the manifest.
    Person(Vec<u8>, Vec<[String; COLUMNS.len()]>),
    End(Box<About>),
}

const COLUMNS: [&str; 11] = [
    "file",
    "name",
    "externalId",
    "customerNumber",
    "documentNumber",
    "company",
    "duty",
    "province",
    "remark",
    "info",
    "tags",
];

/// Runs an export.
pub(super) async fn run(running: Running, job: JobRow, content: ExportContent) -> Result<End> {
    let library = running.library(&job).await?;
    let platform = &running.platform;
    running.begin_anew().await?;
    running.count_people(&library).await?;
    let (parts, waiting) = mpsc::channel(MAX_WAITING);
    let most = (platform.inner.settings.jobs.max_unpacked_mib as u64) << 20;
    let writer = Writer {
        path: platform.inner.jobs.folder.path_of(&export_name(running.id)),
        store: platform.inner.store.clone(),
        most,
    };
    let writing = tokio::task::spawn_blocking(move || writer.write(waiting));
    let mut about = About {
        format: FORMAT,
        version: VERSION,
        created_at: rfc3339(platform.now()),
        library: AboutLibrary {
            group_id: library.external_id.clone(),
            name: library.name.clone(),
            description: library.description.clone(),
            threshold: library.threshold,
            top_n: library.top_n,
        },
        has_pictures: content.pictures,
        has_templates: content.templates,
        people: 0,
        faces: 0,
    };
    let sent = send_people(&running, &library, content, &mut about, &parts).await;
    let is_complete = match sent {
        Ok(true) => parts.send(Part::End(Box::new(about))).await.is_ok(),
        Ok(false) => false,
        // The writer deletes what it has written.
        Err(e) => return Err(e),
    };
    drop(parts);
    match writing.await {
        Ok(Ok(Some(bytes))) if is_complete => {
            let written = serde_json::to_string(&Written { bytes }).ok();
            running.advance(Vec::new(), 0, written).await?;
            Ok(End::Complete)
        }
        Ok(Ok(_)) => Ok(End::Stopped),
        Ok(Err(e)) => Err(e),
        Err(e) => Err(at("export")(io::Error::other(e)).into()),
    }
}

/// Passes the people to the writer. Returns false if the job or the writer was stopped.
async fn send_people(
    running: &Running,
    library: &Library,
    content: ExportContent,
    about: &mut About,
    parts: &mpsc::Sender<Part>,
) -> Result<bool> {
    let platform = &running.platform;
    let mut after = PersonId::new(0);
    loop {
        if running.is_stopped() {
            return Ok(false);
        }
        let mut rows = platform.inner.store.rows().await?;
        let people =
            rows.people_after(library.id, PersonFilter::default(), PersonOrder::Oldest(Some(after)), BATCH).await?;
        let Some(last) = people.last() else { return Ok(true) };
        after = last.id;
        let ids: Vec<PersonId> = people.iter().map(|person| person.id).collect();
        let mut tags = rows.tags_of(&ids).await?;
        drop(rows);
        for person in &people {
            let tags = tags.remove(&person.id).unwrap_or_default();
            let mut faces = platform.inner.store.rows().await?.faces_of(person.id).await?;
            faces.reverse();
            let (mut lines, mut manifest) = (Vec::new(), Vec::new());
            for face in faces {
                let mut line = face_line(platform, &face, content).await?;
                if content.pictures {
                    let picture = match platform.picture_of_face(&face).await {
                        Ok(picture) => picture,
                        // It was removed meanwhile.
                        Err(Error::Missing(_)) => continue,
                        Err(e) => return Err(e),
                    };
                    let name = picture_name(person, &face, &picture);
                    line.picture = Some(name.clone());
                    manifest.push(manifest_row(&name, person, &tags));
                    if parts.send(Part::Picture(name, picture)).await.is_err() {
                        return Ok(false);
                    }
                }
                lines.push(line);
            }
            (about.people, about.faces) = (about.people + 1, about.faces + lines.len() as u64);
            let mut line = serde_json::to_vec(&person_line(person, &tags, lines)).map_err(of_json)?;
            line.push(b'\n');
            if parts.send(Part::Person(line, manifest)).await.is_err() {
                return Ok(false);
            }
        }
        running.advance(Vec::new(), people.len() as u64, None).await?;
    }
}

fn of_json(e: serde_json::Error) -> Error {
    at("export")(e.into()).into()
}

async fn face_line(platform: &Platform, face: &Face, content: ExportContent) -> Result<FaceLine> {
    let template = match content.templates {
        true => platform.inner.store.rows().await?.template_of(face.id).await?.map(TemplateLine::from),
        false => None,
    };
    Ok(FaceLine {
        face_id: face.id.to_string(),
        file_id: face.file_id.to_string(),
        picture: None,
        picture_sha256: face.picture_key.clone(),
        bounding_box: face.bounding_box,
        confidence: face.confidence,
        quality: face.quality,
        template,
    })
}

/// Returns the name of the entry of a picture. It is made of numbers alone: names of people are no paths.
fn picture_name(person: &Person, face: &Face, picture: &[u8]) -> String {
    let extension = Format::of(picture).map_or("bin", Format::extension);
    format!("pictures/{}/{}.{extension}", person.public_id, face.id)
}

fn person_line<'a>(person: &'a Person, tags: &'a [String], faces: Vec<FaceLine>) -> PersonLine<'a> {
    let profile = &person.profile;
    PersonLine {
        person_id: person.public_id.to_string(),
        person_no: &person.number,
        external_id: person.external_id.as_deref(),
        name: profile.name.as_deref(),
        sex: profile.sex,
        birthday: profile.birthday,
        document_number: profile.document_number.as_deref(),
        customer_number: profile.customer_number.as_deref(),
        company: profile.company.as_deref(),
        duty: profile.duty.as_deref(),
        province: profile.province.as_deref(),
        kind: profile.kind,
        remark: profile.remark.as_deref(),
        source_url: profile.source_url.as_deref(),
        info: person.info.as_deref(),
        tags,
        created_at: rfc3339(person.created_at),
        updated_at: rfc3339(person.updated_at),
        faces,
    }
}

fn manifest_row(file: &str, person: &Person, tags: &[String]) -> [String; COLUMNS.len()] {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let profile = &person.profile;
    [
        file.to_owned(),
        text(&profile.name),
        user_id_of(person.external_id.as_deref(), person.public_id),
        text(&profile.customer_number),
        text(&profile.document_number),
        text(&profile.company),
        text(&profile.duty),
        text(&profile.province),
        text(&profile.remark),
        text(&person.info),
        tags.join(";"),
    ]
}

fn rfc3339(time: UnixMillis) -> String {
    jiff::Timestamp::from_millisecond(time.get()).map_or_else(|_| String::new(), |time| time.to_string())
}

/// Writes the archive, on a thread of its own.
struct Writer {
    path: PathBuf,
    store: Store,
    /// Maximum size in bytes.
    most: u64,
}

/// A file that is deleted unless it becomes the archive.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Writer {
    /// Writes what it is given. Returns the size in bytes, or `None` if the end did not come: then nothing is left.
    fn write(self, mut parts: mpsc::Receiver<Part>) -> Result<Option<u64>> {
        let folder = self.path.parent().unwrap_or(&self.path);
        create_folder(folder)?;
        let part = Unfinished(self.path.with_extension(PART));
        let of_file = |e: io::Error| Error::from(at(&part.0)(e));
        let file = create(&part.0).map_err(of_file)?;
        let mut archive = ZipWriter::new(BufWriter::new(file));
        let (mut people, mut manifest) = (spool(&part.0, "people")?, spool(&part.0, "manifest")?);
        manifest.write_all(BYTE_ORDER_MARK).map_err(of_file)?;
        let mut manifest = csv::Writer::from_writer(manifest);
        let of_csv = |e: csv::Error| of_file(io::Error::other(e));
        manifest.write_record(COLUMNS).map_err(of_csv)?;
        let (mut written, mut looked_at) = (0, 0);
        let about = loop {
            let size = match parts.blocking_recv() {
                Some(Part::Picture(name, picture)) => {
                    begin(&mut archive, &name)?;
                    archive.write_all(&picture).map_err(of_file)?;
                    picture.len()
                }
                Some(Part::Person(line, rows)) => {
                    people.write_all(&line).map_err(of_file)?;
                    let mut size = line.len();
                    for row in rows {
                        size += row.iter().map(String::len).sum::<usize>();
                        manifest.write_record(row).map_err(of_csv)?;
                    }
                    size
                }
                Some(Part::End(about)) => break about,
                None => return Ok(None),
            };
            written += size as u64;
            if written > self.most {
                return Err(Limit::ExportSize.into());
            }
            if written - looked_at > SPACE_INTERVAL_BYTES {
                looked_at = written;
                self.store.require_space()?;
            }
        };
        begin(&mut archive, PEOPLE)?;
        append(&mut archive, people).map_err(of_file)?;
        if about.has_pictures {
            begin(&mut archive, MANIFEST)?;
            let manifest = manifest.into_inner().map_err(|e| of_file(io::Error::other(e.to_string())))?;
            append(&mut archive, manifest).map_err(of_file)?;
        }
        begin(&mut archive, ABOUT)?;
        archive.write_all(&serde_json::to_vec_pretty(&about).map_err(of_json)?).map_err(of_file)?;
        let file = archive.finish().map_err(of_zip)?.into_inner().map_err(|e| of_file(e.into_error()))?;
        let bytes = file.metadata().map_err(of_file)?.len();
        publish(&file, &part.0, &self.path)?;
        Ok(Some(bytes))
    }
}

fn of_zip(e: zip::result::ZipError) -> Error {
    at("export")(e.into()).into()
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// Creates a file without a name, for what becomes one entry at the end.
fn spool(beside: &Path, name: &str) -> Result<BufWriter<File>> {
    let path = beside.with_extension(name);
    let file = create(&path).and_then(|file| std::fs::remove_file(&path).map(|()| file));
    Ok(BufWriter::new(file.map_err(at(&path))?))
}

/// Begins an entry. Pictures are packed already.
fn begin(archive: &mut ZipWriter<BufWriter<File>>, name: &str) -> Result<()> {
    let options = SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .large_file(true)
        .unix_permissions(0o600);
    archive.start_file(name, options).map_err(of_zip)
}

fn append(archive: &mut ZipWriter<BufWriter<File>>, spooled: BufWriter<File>) -> io::Result<()> {
    let mut file = spooled.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.rewind()?;
    let mut chunk = vec![0; 1 << 16];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(()),
            count => archive.write_all(&chunk[..count])?,
        }
    }
}
