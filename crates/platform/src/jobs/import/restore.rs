//! Restores an export (docs/export-format.md): people with their ids, faces with their pictures and templates. Nothing is
//! computed anew, so answers are those of before.
//!
//! An id that somebody else has is replaced by a new one. Faces without a template of today's algorithm, those of a library of
//! a vendor's engine, and those of a person who is known by the user id are enrolled from their pictures.

mod lines;

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use aicp_backends::BUILTIN;
use aicp_store::{BulkPerson, JobItem, JobItemState, JobRow, Kept, NewFace, NewPerson, Store, run_blocking};
use aicp_types::{FaceId, FileId, PublicId, UnixMillis};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};

use self::lines::{Lines, count_lines};
use super::super::export::{ABOUT, About, FaceLine, PEOPLE, PersonLine};
use super::super::runner::{End, Running};
use super::super::zip::Refused;
use super::{ItemDetail, MAX_FILE, Outcome, enrol_picture};
use crate::random::random_hex32;
use crate::settings::MAX_TOP_N;
use crate::user_ids::people_known_as;
use crate::{BadInput, Error, Format, Library, NewTemplate, PersonData, Result, Tags};

/// People that are restored at a time. Their transactions are written together.
const AT_ONCE: usize = 16;
/// Row ids of faces that an import keeps are below this, so that the next ones never run out, and JavaScript can count them.
const MAX_FACE_ID: i64 = 1 << 53;
/// Tolerated deviation of a template's length from 1.
const LENGTH_TOLERANCE: f32 = 1e-3;

/// How far a restore is.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Position {
    /// Lines that are done.
    line: u64,
    /// Number of the last item.
    number: i64,
}

/// What became of each picture of a person, by its name.
type Outcomes = Vec<(String, Outcome)>;

fn wrong(name: &str, reason: impl std::fmt::Display) -> Error {
    BadInput::Import(format!("{name}: {reason}")).into()
}

fn failed(name: String, Refused { code, reason }: Refused) -> (String, Outcome) {
    (name, (JobItemState::Failed, code, ItemDetail::of_reason(reason)))
}

fn done(name: String, code: &'static str, person: PublicId) -> (String, Outcome) {
    (name, (JobItemState::Done, code, ItemDetail { person: Some(person.get()), ..ItemDetail::default() }))
}

/// Returns what the export in a folder says about itself; `None` if there is none.
///
/// # Errors
/// [`BadInput::Import`] if it is malformed, or of a later version.
pub(super) async fn find(folder: &Path) -> Result<Option<About>> {
    let path = folder.join(ABOUT);
    let read = run_blocking(move || match std::fs::read(&path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        read => Ok(Some(read.map_err(aicp_store::at(&path))?)),
    });
    let Some(bytes) = read.await? else { return Ok(None) };
    About::parse(&bytes).map(Some).map_err(|reason| wrong(ABOUT, reason))
}

/// Runs a restore. Who was restored before a crash is known by the ids.
pub(super) async fn run(running: Running, job: JobRow, library: Library, folder: PathBuf, about: About) -> Result<End> {
    let mut at: Position = Running::position(&job);
    let path = folder.join(PEOPLE);
    if job.total.is_none() {
        let path = path.clone();
        let people = run_blocking(move || count_lines(&path).map_err(aicp_store::at(path))).await?;
        if people != about.people {
            return Err(wrong(PEOPLE, format!("{people} people instead of {}: it is not complete", about.people)));
        }
        adopt(&running, &library, &about).await?;
        running.update(move |job| job.total = Some(people)).await?;
    }
    let mut lines = run_blocking(move || Lines::open(&path, at.line).map_err(aicp_store::at(path))).await?;
    while !running.is_stopped() {
        let (batch, rest) = run_blocking(move || {
            let batch = lines.batch().map_err(aicp_store::at(PEOPLE))?;
            Ok((batch, lines))
        })
        .await?;
        lines = rest;
        if batch.is_empty() {
            return Ok(End::Complete);
        }
        let count = batch.len() as u64;
        let prepare = batch.into_iter().zip(at.line + 1..).map(|(line, number)| {
            let restoring = Restoring { running: running.clone(), library: &library, folder: &folder };
            restoring.person(line, format!("{PEOPLE}:{number}"))
        });
        let prepared: Vec<_> = futures_util::stream::iter(prepare).buffered(AT_ONCE).try_collect().await?;
        let (mut items, mut done) = (Vec::new(), 0);
        for outcomes in write(&running, &library, prepared).await? {
            let Some(outcomes) = outcomes else { return Ok(End::Stopped) };
            // Failed items are counted by themselves.
            done += u64::from(outcomes.iter().all(|(_, (state, ..))| *state != JobItemState::Failed));
            for (name, (state, code, detail)) in outcomes {
                at.number += 1;
                let (code, detail) = (Some(code.to_owned()), serde_json::to_string(&detail).ok());
                items.push(JobItem { number: at.number, name, state, input: None, code, detail });
            }
        }
        at.line += count;
        running.advance(items, done, serde_json::to_string(&at).ok()).await?;
    }
    Ok(End::Stopped)
}

/// Writes people in their order, all at once if none of them conflicts with another. Returns what became of each.
async fn write(running: &Running, library: &Library, prepared: Vec<Prepared>) -> Result<Vec<Option<Outcomes>>> {
    let store = &running.platform.inner.store;
    let all = prepared.iter().filter_map(|person| match person {
        Prepared::Insert(insertion) => Some(insertion.as_ref().clone()),
        Prepared::Done(_) => None,
    });
    let all = all.reduce(Insertion::join);
    let is_written = match all {
        Some(all) => is_new(all.write(store, library).await)?,
        None => true,
    };
    let mut outcomes = Vec::with_capacity(prepared.len());
    for person in prepared {
        outcomes.push(match person {
            Prepared::Done(outcomes) => outcomes,
            Prepared::Insert(insertion) => {
                let of_person = insertion.outcomes.clone();
                if is_written || is_new(insertion.write(store, library).await)? {
                    Some(of_person)
                } else {
                    let refused = || Refused::new("personExists", "somebody else has an id of this person");
                    Some(of_person.into_iter().map(|(name, _)| failed(name, refused())).collect())
                }
            }
        });
    }
    Ok(outcomes)
}

/// Whether people were written. Otherwise ids of theirs are taken, or repeated.
fn is_new(written: aicp_store::Result<()>) -> Result<bool> {
    match written {
        Ok(()) => Ok(true),
        Err(e) if e.is_duplicate() => Ok(false),
        Err(e) => Err(e.into()),
    }
}

/// A person of a line.
enum Prepared {
    /// Nothing is left to write; `None`: the job must stop before.
    Done(Option<Outcomes>),
    Insert(Box<Insertion>),
}

/// People to insert.
#[derive(Clone)]
struct Insertion {
    people: Vec<BulkPerson>,
    kept: Kept,
    pictures: Vec<Bytes>,
    outcomes: Outcomes,
}

impl Insertion {
    fn join(mut self, other: Self) -> Self {
        let shift = self.pictures.len();
        self.people.extend(other.people.into_iter().map(|person| BulkPerson {
            faces: person.faces.into_iter().map(|(face, picture)| (face, picture + shift)).collect(),
            ..person
        }));
        self.kept.faces.extend(other.kept.faces);
        self.kept.updated.extend(other.kept.updated);
        self.pictures.extend(other.pictures);
        self
    }

    async fn write(self, store: &Store, library: &Library) -> aicp_store::Result<()> {
        store.restore_people(library.id, self.people, self.kept, self.pictures).await.map(drop)
    }
}

/// Gives an empty library the name, the description and the thresholds of the export.
async fn adopt(running: &Running, library: &Library, about: &About) -> Result<()> {
    if running.platform.inner.store.rows().await?.person_count(library.id).await? > 0 {
        return Ok(());
    }
    let about = &about.library;
    let (name, description) = (about.name.clone(), about.description.clone());
    let threshold = about.threshold.filter(|threshold| (0.0..=1.0).contains(threshold));
    let top_n = about.top_n.filter(|top_n| (1..=MAX_TOP_N as i64).contains(top_n));
    let set = move |library: &mut Library| {
        (library.name, library.description, library.threshold, library.top_n) = (name, description, threshold, top_n);
        true
    };
    running.platform.update_library(&running.caller, library, set).await.map(drop)
}

/// A face with its picture, by the name of the picture in the export.
struct ReadFace {
    name: String,
    id: Option<FaceId>,
    file: Option<FileId>,
    picture: Bytes,
    line: FaceLine,
    /// The template, if it can be searched.
    template: Option<NewTemplate>,
}

/// Ids of a person in an export, as far as they are possible ones.
struct Ids {
    person: Option<PublicId>,
    number: Option<String>,
}

impl Ids {
    fn of(line: &PersonLine, now: UnixMillis) -> Self {
        let is_number = line.person_no.len() == 32
            && line.person_no.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        Self {
            // Ids of the future would hold up those that are made from now on.
            person: PublicId::parse(&line.person_id).filter(|id| id.get() > 0 && id.created() <= now),
            number: is_number.then(|| line.person_no.clone()),
        }
    }
}

struct Restoring<'a> {
    running: Running,
    library: &'a Library,
    folder: &'a Path,
}

impl Restoring<'_> {
    /// Reads the person of a line, which has this name.
    async fn person(mut self, line: Vec<u8>, name: String) -> Result<Prepared> {
        let refuse = |reason: String| {
            Ok(Prepared::Done(Some(vec![failed(name.clone(), Refused::new("personRefused", reason))])))
        };
        let mut line: PersonLine = match serde_json::from_slice(&line) {
            Ok(line) => line,
            Err(e) => return refuse(e.to_string()),
        };
        let tags = match Tags::new(&line.tags) {
            Ok(tags) => tags,
            Err(e) => return refuse(format!("tags {e}")),
        };
        let (mut faces, mut outcomes) = (Vec::new(), Vec::new());
        for (face, position) in std::mem::take(&mut line.faces).into_iter().zip(1..) {
            let name = face.picture.clone().unwrap_or_else(|| format!("{name}:{position}"));
            match self.read(face, name.clone()).await? {
                Ok(face) => faces.push(face),
                Err(refused) => outcomes.push(failed(name, refused)),
            }
        }
        if faces.is_empty() && !outcomes.is_empty() {
            // Nobody can be recognised by faces that can't be read.
            return Ok(Prepared::Done(Some(outcomes)));
        }
        let platform = self.running.platform.clone();
        let now = platform.now();
        let (ids, created_at) = (Ids::of(&line, now), moment(&line.created_at, now));
        let updated_at = moment(&line.updated_at, now);
        let (user_id, info) = (line.external_id.take(), line.info.take());
        let person = PersonData { user_id, info, profile: line.take_profile(), tags };
        let mut rows = platform.inner.store.rows().await?;
        let of_faces: Vec<_> = faces.iter().filter_map(|face| face.id.zip(face.file)).collect();
        let taken = rows.taken_ids(ids.person, ids.number.as_deref(), &of_faces).await?;
        if let (Some(library), Some(person)) = (taken.person, ids.person)
            && library == self.library.id
        {
            outcomes.extend(faces.into_iter().map(|face| done(face.name, "known", person)));
            return Ok(Prepared::Done(Some(outcomes)));
        }
        let is_known = match &person.user_id {
            Some(user_id) => !people_known_as(&mut rows, self.library.id, user_id).await?.is_empty(),
            None => false,
        };
        drop(rows);
        if is_known || self.library.engine != BUILTIN || faces.iter().any(|face| face.template.is_none()) {
            return self.enrol(person, faces, outcomes).await.map(Prepared::Done);
        }
        let shared = &platform.inner.shared;
        let mut new = NewPerson { created_at, ..shared.new_person(person)? };
        new.public_id = ids.person.filter(|_| taken.person.is_none()).unwrap_or(new.public_id);
        new.number = ids.number.filter(|_| !taken.number).unwrap_or(new.number);
        let mut kept = Kept { updated: HashMap::from([(new.public_id, updated_at)]), ..Kept::default() };
        let (mut rows, mut pictures) = (Vec::new(), Vec::new());
        if faces.is_empty() {
            outcomes.push(done(name, "newPersonWithoutFace", new.public_id));
        }
        for ReadFace { name, id, file, picture, line, template } in faces {
            let file = file.filter(|file| !taken.files.contains(file));
            let file_id = file.unwrap_or_else(|| shared.ids.file());
            if let Some(id) = id.filter(|id| !taken.faces.contains(id)) {
                kept.faces.insert(file_id, id);
            }
            let FaceLine { bounding_box, confidence, quality, .. } = line;
            let face = NewFace { file_id, bounding_box, confidence, quality, template, engine_ref: None };
            let code = if rows.is_empty() { "newPerson" } else { "newFace" };
            outcomes.push(done(name, code, new.public_id));
            rows.push((face, pictures.len()));
            pictures.push(picture);
        }
        let people = vec![BulkPerson { person: new, faces: rows }];
        Ok(Prepared::Insert(Box::new(Insertion { people, kept, pictures, outcomes })))
    }

    /// Enrols the pictures anew.
    async fn enrol(
        &mut self,
        mut person: PersonData,
        faces: Vec<ReadFace>,
        mut outcomes: Outcomes,
    ) -> Result<Option<Outcomes>> {
        if person.user_id.is_none() && faces.len() > 1 {
            // Without one, each further picture would become a further person.
            person.user_id = Some(random_hex32()?);
        }
        for face in faces {
            match enrol_picture(&mut self.running, self.library, person.clone(), face.picture).await? {
                Some(outcome) => outcomes.push((face.name, outcome)),
                None => return Ok(None),
            }
        }
        Ok(Some(outcomes))
    }

    /// Reads and verifies the picture and the template of a face. The inner error concerns this face alone.
    async fn read(&self, mut line: FaceLine, name: String) -> Result<Result<ReadFace, Refused>> {
        let refuse = |code, reason: &str| Ok(Err(Refused::new(code, reason)));
        let Some(path) = line.picture.as_ref().map(PathBuf::from) else {
            return refuse("fileMissing", "the export has no pictures");
        };
        if !path.components().all(|part| matches!(part, Component::Normal(_))) {
            return refuse("pathRefused", "the path leads out of the export");
        }
        let path = self.folder.join(path);
        let read = run_blocking(move || {
            let is_picture = std::fs::metadata(&path).is_ok_and(|found| found.is_file() && found.len() <= MAX_FILE);
            Ok(if is_picture { std::fs::read(&path).ok() } else { None })
        });
        let Some(picture) = read.await?.map(Bytes::from) else {
            return refuse("fileNotReadable", "no file of the size of a picture");
        };
        if aicp_store::picture_key(&picture) != line.picture_sha256 || Format::of(&picture).is_none() {
            return refuse("pictureDamaged", "the picture is not the one that was exported");
        }
        let FaceLine { bounding_box, confidence, quality, .. } = &line;
        if !bounding_box.iter().chain([confidence]).chain(quality).all(|number| number.is_finite()) {
            return refuse("faceRefused", "a number of the face is not finite");
        }
        let platform = &self.running.platform;
        let is_searchable = |template: &NewTemplate| {
            let length = template.vector.iter().map(|number| number * number).sum::<f32>().sqrt();
            template.algorithm == *platform.algorithm()
                && template.vector.len() == platform.inner.builtin.dimensions()
                && (length - 1.0).abs() <= LENGTH_TOLERANCE
        };
        let template = line.template.take().and_then(|template| template.read()).filter(is_searchable);
        let now = platform.now();
        let id = FaceId::parse(&line.face_id).filter(|id| (1..MAX_FACE_ID).contains(&id.get()));
        let file = FileId::parse(&line.file_id).filter(|id| id.get() > 0 && id.created() <= now);
        Ok(Ok(ReadFace { name, id, file, picture, line, template }))
    }
}

/// Parses when somebody was enrolled or changed, which is not in the future.
fn moment(text: &str, now: UnixMillis) -> UnixMillis {
    let parsed = text.parse::<jiff::Timestamp>().map(|time| UnixMillis::new(time.as_millisecond()));
    parsed.ok().filter(|time| *time <= now).unwrap_or(now)
}
