//! Koala (考拉悠然) over its REST interface.
//!
//! The vendor publishes no manual. One call is known: `POST business/api/v1/repository/personDb` with
//! `{personLibId, baseLs}`. The paths of all others are settings. Their requests and answers are inferred from what the
//! AICP manual passes through, not specified by the vendor:
//!
//! | Call | Sent | `data` of the answer |
//! |---|---|---|
//! | add | `personLibId, baseLs` | `personNo`, or `faceId` as `koala-<personNo>-` |
//! | create library | `personLibId, name, desc` | |
//! | delete library | `personLibId` | |
//! | remove | `personLibId, personNo` | |
//! | search | `personLibId, baseLs, topN` | `records: [{score 0..100, personNo, faceId}]` |
//! | search many | `personLibId, baseLs, topN` | `records: [[hit, ..], ..]`, one list per face by area descending |
//! | compare | `baseLsA, baseLsB` | `score` 0..100 |
//! | detect | `baseLs` | `records: [[{x, y, width, height}, ..]]`, or the boxes as `rect: {x, y, w, h}` |
//! | quality | `baseLs` | `qualities`: five grades 0..2; `score` 0..1; `feature` in base64 |
//!
//! Everything is JSON; `baseLs` is base64 without a header. An answer is `{status, message, data}` with `status` 200
//! for success. The health call is a GET; any success status will do. A person has one face here, so `personNo` is the
//! ref of the face.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::{OptionFuture, try_join};
use serde_json::{Value, json};

use aicp_vision::{Grade, SeenFace, Similarity};
use async_trait::async_trait;
use bytes::Bytes;

use crate::engine::{
    Assessment, Candidate, ClaimLookup, FaceCandidates, LibraryRef, RemoteEngine, RemoteFace, Target, Write,
};
use crate::ranked::{MergedFaces, best, by_area};
use crate::remote::{self, Body, Object, Remote, RetryPolicy, missing_key};
use crate::{Error, KoalaPaths, KoalaSettings, Result};

/// Path of the one known call.
const ADD: &str = "business/api/v1/repository/personDb";
/// `status` of a successful answer.
const SUCCESS_CODE: &str = "200";
/// Similarity from which two pictures count as the same.
const SAME_PICTURE_SIMILARITY: Similarity = 0.98;
/// Hits requested first when searching for a face left by a lost answer.
const INITIAL_TOP_N: usize = 10;
/// Upper limit of the hits requested in that search.
const MAX_TOP_N: usize = 640;

/// A Koala engine.
pub struct Koala {
    settings: KoalaSettings,
    remote: Remote,
}

impl Koala {
    /// Creates an engine with these settings. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Settings`] if they are not valid.
    pub fn new(settings: KoalaSettings) -> Result<Self> {
        let remote = Remote::new(settings.url.as_deref().unwrap_or_default(), settings.remote.clone(), is_answer)?;
        let KoalaPaths {
            create_library,
            delete_library,
            remove,
            search,
            search_many,
            compare,
            detect,
            quality,
            health,
        } = &settings.paths;
        for path in [create_library, delete_library, remove, search, search_many, compare, detect, quality, health] {
            if path.starts_with('/') {
                return Err(Error::Settings(format!("path {path:?} must not begin with a slash")));
            }
            remote.address(path)?;
        }
        Ok(Self { settings, remote })
    }

    /// Posts a call and returns `data`; `what` names the call in errors.
    async fn call(&self, what: &'static str, path: &str, body: &Value, repeat: RetryPolicy) -> Result<Value> {
        if path.is_empty() {
            return Err(Error::Unsupported(what));
        }
        let body = Body { content_type: "application/json", bytes: body.to_string().into() };
        let mut answer = self.remote.post(path, body, repeat).await?;
        let code = remote::text(answer.get("status")).unwrap_or_default();
        if code == SUCCESS_CODE {
            return Ok(answer.remove("data").unwrap_or_default());
        }
        let text = remote::log_text(answer.get("message"));
        Err(if remote::is_one_of(&code, &self.settings.remote.bad_picture_codes) {
            Error::BadPicture(text)
        } else if remote::is_one_of(&code, &self.settings.remote.library_missing_codes) {
            Error::LibraryMissing
        } else {
            Error::Rejected { code, text }
        })
    }

    async fn search(&self, library: &LibraryRef, picture: &str, top_n: usize) -> Result<Vec<Candidate>> {
        let body = json!({"personLibId": library.engine_id, "baseLs": picture, "topN": top_n});
        let data = self.call("search", &self.settings.paths.search, &body, RetryPolicy::Safe).await?;
        hits(library, remote::list(data.get("records")))
    }

    async fn search_many(&self, library: &LibraryRef, picture: &str, top_n: usize) -> Result<Vec<Found>> {
        let body = json!({"personLibId": library.engine_id, "baseLs": picture, "topN": top_n});
        let data = self.call("search many", &self.settings.paths.search_many, &body, RetryPolicy::Safe).await?;
        let faces = remote::list(data.get("records")).iter().map(|face| {
            let records = remote::list(Some(face));
            Ok(Found { area: records.iter().find_map(remote::area), candidates: hits(library, records)? })
        });
        faces.collect()
    }

    async fn boxes(&self, picture: &str) -> Result<Vec<SeenFace>> {
        let data =
            self.call("detect", &self.settings.paths.detect, &json!({"baseLs": picture}), RetryPolicy::Safe).await?;
        let records = data.get("records").ok_or_else(|| missing_key("records"))?;
        let faces = remote::list(Some(records)).iter().flat_map(|record| match record {
            Value::Array(faces) => faces.iter().collect(),
            face => vec![face],
        });
        let faces = faces.map(|face| {
            let area = remote::area(face).ok_or_else(|| missing_key("a box"))?;
            Ok(SeenFace { area, ..SeenFace::default() })
        });
        Ok(by_area(faces.collect::<Result<_>>()?))
    }
}

/// Hits of one face of a picture.
struct Found {
    area: Option<aicp_vision::Rect>,
    candidates: Vec<Candidate>,
}

/// Returns whether this is Koala's answer, not that of the underlying framework, whose errors also have a `status`.
fn is_answer(answer: &Object) -> bool {
    remote::text(answer.get("status")).is_some() && !(answer.contains_key("timestamp") && answer.contains_key("error"))
}

fn hits(library: &LibraryRef, records: &[Value]) -> Result<Vec<Candidate>> {
    let hits = records.iter().map(|record| {
        let engine_ref = person_no(record).ok_or_else(|| missing_key("personNo"))?;
        let score = remote::number(record.get("score")).ok_or_else(|| missing_key("score"))?;
        Ok(Candidate { library: library.row, engine_ref, similarity: similarity(score) })
    });
    hits.collect()
}

/// Returns `personNo`, or extracts it from `faceId`.
fn person_no(record: &Value) -> Option<String> {
    remote::reference(record.get("personNo")).or_else(|| {
        let face_id = remote::reference(record.get("faceId"))?;
        let inner = face_id.strip_prefix("koala-")?.strip_suffix('-')?;
        (!inner.is_empty() && inner.bytes().all(|b| b.is_ascii_hexdigit())).then(|| inner.to_owned())
    })
}

/// Converts a score 0..100.
fn similarity(score: f32) -> Similarity {
    (score / 100.0).clamp(0.0, 1.0)
}

/// Parses five grades; `None` if they are not valid.
fn grades(value: Option<&Value>) -> Option<[Grade; 5]> {
    let grades: Vec<Grade> = remote::list(value)
        .iter()
        .map(|grade| match remote::number(Some(grade)) {
            Some(0.0) => Some(Grade::Good),
            Some(1.0) => Some(Grade::Fair),
            Some(2.0) => Some(Grade::Poor),
            _ => None,
        })
        .collect::<Option<_>>()?;
    grades.try_into().ok()
}

#[async_trait]
impl RemoteEngine for Koala {
    fn name(&self) -> &str {
        "koala"
    }

    fn threshold(&self) -> Option<Similarity> {
        self.settings.remote.threshold
    }

    fn target(&self, write: Write) -> Option<Target> {
        let paths = &self.settings.paths;
        let path = match write {
            Write::AddFace => ADD,
            Write::RemoveFace => &paths.remove,
            Write::CreateLibrary if paths.create_library.is_empty() => return None,
            Write::CreateLibrary => &paths.create_library,
            Write::DeleteLibrary if paths.delete_library.is_empty() => return None,
            Write::DeleteLibrary => &paths.delete_library,
        };
        Some(Target { url: self.remote.base().to_owned(), operation: path.to_owned() })
    }

    async fn create_library(&self, library: &LibraryRef) -> Result<()> {
        let path = &self.settings.paths.create_library;
        if path.is_empty() {
            return Ok(());
        }
        let body = json!({"personLibId": library.engine_id, "name": library.name, "desc": library.description});
        match self.call("create library", path, &body, RetryPolicy::Safe).await {
            Err(Error::Rejected { code, .. })
                if remote::is_one_of(&code, &self.settings.remote.library_exists_codes) =>
            {
                Ok(())
            }
            other => other.map(drop),
        }
    }

    async fn delete_library(&self, library: &LibraryRef) -> Result<()> {
        let path = &self.settings.paths.delete_library;
        if path.is_empty() {
            return Ok(());
        }
        match self.call("delete library", path, &json!({"personLibId": library.engine_id}), RetryPolicy::Safe).await {
            Err(Error::LibraryMissing) => Ok(()),
            other => other.map(drop),
        }
    }

    async fn add_face(&self, library: &LibraryRef, _: &str, picture: Bytes) -> Result<RemoteFace> {
        let body = json!({"personLibId": library.engine_id, "baseLs": STANDARD.encode(picture)});
        let data = self.call("add", ADD, &body, RetryPolicy::Never).await?;
        let engine_ref = person_no(&data).ok_or_else(|| missing_key("personNo"))?;
        let face = remote::area(&data).map(|area| SeenFace { area, ..SeenFace::default() });
        Ok(RemoteFace { engine_ref, seen: face })
    }

    async fn find_added(
        &self,
        library: &LibraryRef,
        _: &str,
        picture: Bytes,
        claimed: &dyn ClaimLookup,
    ) -> Result<Option<RemoteFace>> {
        let picture = STANDARD.encode(picture);
        let mut top_n = INITIAL_TOP_N;
        loop {
            let hits = match self.search(library, &picture, top_n).await {
                // If the picture cannot be decoded or the library is missing, the face cannot have been added.
                Err(Error::BadPicture(_) | Error::LibraryMissing) => return Ok(None),
                hits => best(hits?, top_n),
            };
            let same = hits.iter().take_while(|hit| hit.similarity >= SAME_PICTURE_SIMILARITY);
            let same: Vec<String> = same.map(|hit| hit.engine_ref.clone()).collect();
            let known = claimed.claimed(&same).await.map_err(Error::Claims)?;
            let all_the_same = same.len() == top_n;
            if let Some(found) = same.into_iter().find(|engine_ref| !known.contains(engine_ref)) {
                return Ok(Some(RemoteFace { engine_ref: found, seen: None }));
            }
            if !all_the_same || top_n >= MAX_TOP_N {
                return Ok(None);
            }
            top_n *= 2;
        }
    }

    async fn remove_face(&self, library: &LibraryRef, engine_ref: &str) -> Result<()> {
        let body = json!({"personLibId": library.engine_id, "personNo": engine_ref});
        match self.call("remove", &self.settings.paths.remove, &body, RetryPolicy::Safe).await {
            Err(Error::LibraryMissing) => Ok(()),
            Err(Error::Rejected { code, .. }) if remote::is_one_of(&code, &self.settings.remote.face_missing_codes) => {
                Ok(())
            }
            other => other.map(drop),
        }
    }

    async fn identify(&self, libraries: &[LibraryRef], picture: Bytes, top_n: usize) -> Result<Vec<Candidate>> {
        let picture = STANDARD.encode(picture);
        let hits = self
            .remote
            .in_batches(libraries.iter().map(|library| self.search(library, &picture, top_n)).collect())
            .await?;
        Ok(best(hits.into_iter().flatten().collect(), top_n))
    }

    async fn identify_many(
        &self,
        libraries: &[LibraryRef],
        picture: Bytes,
        top_n: usize,
    ) -> Result<Vec<FaceCandidates>> {
        let picture = STANDARD.encode(picture);
        let searches = self
            .remote
            .in_batches(libraries.iter().map(|library| self.search_many(library, &picture, top_n)).collect());
        let boxes = (!self.settings.paths.detect.is_empty()).then(|| self.boxes(&picture));
        let boxes = async { OptionFuture::from(boxes).await.transpose() };
        let (found, boxes) = try_join(searches, boxes).await?;
        let faces = found.iter().map(Vec::len).max().unwrap_or_default();
        // Without boxes in the hits, only the order identifies the faces: valid if both calls saw the same number.
        let in_order = found.iter().flatten().all(|found| found.area.is_none());
        let boxes = boxes.filter(|boxes| !in_order || faces == 0 || boxes.len() == faces);
        let mut crowd =
            MergedFaces::new(boxes.unwrap_or_else(|| vec![SeenFace::default(); if in_order { faces } else { 0 }]));
        for (place, found) in found.into_iter().flat_map(|found| found.into_iter().enumerate()) {
            match found.area {
                Some(area) => crowd.at(area).extend(found.candidates),
                // Where hits have boxes, a face without a hit has none; the detector reports it.
                None if found.candidates.is_empty() && !in_order => {}
                None => crowd.nth(place).extend(found.candidates),
            }
        }
        crowd.ranked(top_n)
    }

    async fn compare(&self, a: Bytes, b: Bytes) -> Result<Similarity> {
        let body = json!({"baseLsA": STANDARD.encode(a), "baseLsB": STANDARD.encode(b)});
        let data = self.call("compare", &self.settings.paths.compare, &body, RetryPolicy::Safe).await?;
        remote::number(data.get("score")).map(similarity).ok_or_else(|| missing_key("score"))
    }

    async fn detect(&self, picture: Bytes) -> Result<Vec<SeenFace>> {
        self.boxes(&STANDARD.encode(picture)).await
    }

    /// Without a `score`, the score is the mean of the five grades: 1, 0.5 or 0 each.
    async fn assess(&self, picture: Bytes) -> Result<Assessment> {
        let body = json!({"baseLs": STANDARD.encode(picture)});
        let data = self.call("quality", &self.settings.paths.quality, &body, RetryPolicy::Safe).await?;
        let grades = grades(data.get("qualities"));
        let of_grades =
            |grades: [Grade; 5]| grades.iter().map(|&grade| 1.0 - 0.5 * f32::from(grade as u8)).sum::<f32>() / 5.0;
        let score =
            remote::number(data.get("score")).or(grades.map(of_grades)).ok_or_else(|| missing_key("qualities"))?;
        let feature = remote::text(data.get("feature")).unwrap_or_default();
        let feature = STANDARD.decode(feature).map_err(|_| missing_key("a feature in base64"))?;
        Ok(Assessment { score: score.clamp(0.0, 1.0), grades, feature })
    }

    async fn require_face(&self, picture: Bytes) -> Result<()> {
        if self.settings.paths.detect.is_empty() {
            return self.assess(picture).await.map(drop);
        }
        if self.detect(picture).await?.is_empty() { Err(Error::NoFace) } else { Ok(()) }
    }

    async fn health(&self) -> Result<()> {
        match self.settings.paths.health.as_str() {
            "" => Err(Error::Unsupported("health")),
            path => self.remote.probe(path).await,
        }
    }
}
