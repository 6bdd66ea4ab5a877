//! Cloudwalk (云从) over the REST interface of its private server, as used by its public clients.
//!
//! Every call is a form-urlencoded POST with `app_id` and `app_secret` if configured. Every answer is JSON with
//! `result`, 0 for success or else an error code, and a message in `info`. A library is a group. A face carries our
//! person number as its tag, by which it is found again. Older servers keep the face id that the caller chose, newer
//! ones return their own: the returned one is the ref.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::try_join;
use serde_json::Value;

use aicp_settings::Secret;
use aicp_vision::{SeenFace, Similarity};
use async_trait::async_trait;
use bytes::Bytes;

use crate::engine::{
    Assessment, Candidate, ClaimLookup, FaceCandidates, LibraryRef, RemoteEngine, RemoteFace, Target, Write,
};
use crate::ranked::{MergedFaces, best, by_area};
use crate::remote::{self, Body, Object, Remote, RetryPolicy, missing_key};
use crate::{CloudwalkSettings, Error, Result};

const GROUP_CREATE: &str = "face/clustering/group/create";
const GROUP_DELETE: &str = "face/clustering/group/delete";
const GROUP_QUERY: &str = "face/clustering/group/query";
const FACE_CREATE: &str = "face/clustering/face/create";
const FACE_DELETE: &str = "face/clustering/face/delete";
const FACE_QUERY: &str = "face/clustering/face/query";
const IDENTIFY: &str = "face/recog/group/identify";
const IDENTIFY_MANY: &str = "face/recog/group/identify/ext1";
const COMPARE: &str = "face/tool/compare";
const DETECT: &str = "face/tool/detect";
const QUALITY: &str = "face/tool/quality";
const FEATURE: &str = "face/tool/feature";

/// `result` of a successful answer.
const SUCCESS_CODE: &str = "0";
/// Maximum length of a tag in bytes.
const MAX_TAG: usize = 128;
/// Similarity from which two pictures count as the same.
const SAME_PICTURE_SIMILARITY: Similarity = 0.98;
/// Hits requested first when searching for a face left by a lost answer.
const INITIAL_TOP_N: usize = 10;
/// Upper limit of the hits requested in that search.
const MAX_TOP_N: usize = 640;

/// A Cloudwalk engine.
pub struct Cloudwalk {
    settings: CloudwalkSettings,
    remote: Remote,
}

/// Whether an object exists at the vendor.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    Yes,
    No,
    Unknown,
}

impl Cloudwalk {
    /// Creates an engine with these settings. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Settings`] if they are not valid.
    pub fn new(settings: CloudwalkSettings) -> Result<Self> {
        let remote = Remote::new(settings.url.as_deref().unwrap_or_default(), settings.remote.clone(), is_answer)?;
        Ok(Self { settings, remote })
    }

    /// Encodes the form of a call: the common fields, then these.
    fn form(&self, fields: &[(&str, &str)]) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        let (id, secret) = (self.settings.app_id.as_deref(), self.settings.app_secret.as_ref().map(Secret::reveal));
        for (name, value) in [("app_id", id), ("app_secret", secret)] {
            if let Some(value) = value {
                form.append_pair(name, value);
            }
        }
        form.extend_pairs(fields).finish()
    }

    async fn call(&self, path: &str, fields: &[(&str, &str)], repeat: RetryPolicy) -> Result<Object> {
        let body = Body { content_type: "application/x-www-form-urlencoded", bytes: self.form(fields).into() };
        let answer = self.remote.post(path, body, repeat).await?;
        let code = remote::text(answer.get("result")).unwrap_or_default();
        if code == SUCCESS_CODE {
            return Ok(answer);
        }
        let text = self.redact_secret(remote::log_text(answer.get("info")));
        Err(if remote::is_one_of(&code, &self.settings.remote.bad_picture_codes) {
            Error::BadPicture(text)
        } else if remote::is_one_of(&code, &self.settings.remote.library_missing_codes) {
            Error::LibraryMissing
        } else {
            Error::Rejected { code, text }
        })
    }

    /// Redacts the secret, in case the vendor's message repeats the request.
    fn redact_secret(&self, text: String) -> String {
        match self.settings.app_secret.as_ref().map(Secret::reveal) {
            Some(secret) if !secret.is_empty() => text.replace(secret, "***"),
            _ => text,
        }
    }

    async fn has_group(&self, library: &LibraryRef) -> Result<Presence> {
        let fields = [("type", "queryByGroupId"), ("groupId", library.engine_id.as_str())];
        self.has(GROUP_QUERY, &fields, "groupId", &library.engine_id).await
    }

    async fn has_face(&self, library: &LibraryRef, face: &str) -> Result<Presence> {
        let fields = [("type", "queryByFaceId"), ("groupId", library.engine_id.as_str()), ("faceId", face)];
        self.has(FACE_QUERY, &fields, "faceId", face).await
    }

    /// Returns whether a query lists the requested object.
    async fn has(&self, path: &str, fields: &[(&str, &str)], key: &str, wanted: &str) -> Result<Presence> {
        let answer = match self.call(path, fields, RetryPolicy::Safe).await {
            Ok(answer) => answer,
            // The query was not answered: report the error instead of `Unknown`.
            Err(e @ (Error::Unavailable { .. } | Error::Refused { .. } | Error::Busy)) => return Err(e),
            Err(_) => return Ok(Presence::Unknown),
        };
        Ok(match answer.get("rows") {
            Some(Value::Array(rows)) => {
                let has = rows.iter().any(|row| remote::text(row.get(key)).as_deref() == Some(wanted));
                if has { Presence::Yes } else { Presence::No }
            }
            _ => Presence::Unknown,
        })
    }

    /// Searches a group; returns the hits with the tags of the faces.
    async fn search(
        &self,
        library: &LibraryRef,
        picture: &str,
        top_n: usize,
    ) -> Result<Vec<(Candidate, Option<String>)>> {
        let top_n = top_n.to_string();
        let fields = [("groupId", library.engine_id.as_str()), ("topN", &top_n), ("img", picture)];
        let answer = self.call(IDENTIFY, &fields, RetryPolicy::Safe).await?;
        let hits = remote::list(answer.get("faces")).iter().map(|face| {
            let hit = hit(library, face)?.ok_or_else(|| missing_key("faceId"))?;
            Ok((hit, remote::text(face.get("tag"))))
        });
        hits.collect()
    }

    /// Searches a group for every face of a picture; returns boxes and hits. A face without a hit may be listed with
    /// its box alone.
    async fn search_many(
        &self,
        library: &LibraryRef,
        picture: &str,
    ) -> Result<Vec<(aicp_vision::Rect, Option<Candidate>)>> {
        let fields = [("groupId", library.engine_id.as_str()), ("img", picture)];
        let answer = self.call(IDENTIFY_MANY, &fields, RetryPolicy::Safe).await?;
        let hits = remote::list(answer.get("faces")).iter().map(|face| {
            let area = remote::area(face).ok_or_else(|| missing_key("a box"))?;
            Ok((area, hit(library, face)?))
        });
        hits.collect()
    }

    async fn boxes(&self, picture: &str) -> Result<Vec<SeenFace>> {
        let answer = self.call(DETECT, &[("img", picture)], RetryPolicy::Safe).await?;
        let faces = remote::list(answer.get("faces")).iter().map(|face| {
            let area = remote::area(face).ok_or_else(|| missing_key("a box"))?;
            Ok(SeenFace { area, ..SeenFace::default() })
        });
        Ok(by_area(faces.collect::<Result<_>>()?))
    }
}

fn is_answer(answer: &Object) -> bool {
    remote::text(answer.get("result")).is_some()
}

/// Parses a hit; `None` if it names no face.
fn hit(library: &LibraryRef, face: &Value) -> Result<Option<Candidate>> {
    let Some(engine_ref) = remote::reference(face.get("faceId")) else { return Ok(None) };
    let similarity = score(face.get("score"))?;
    Ok(Some(Candidate { library: library.row, engine_ref, similarity }))
}

/// Parses a score, 0..1.
fn score(value: Option<&Value>) -> Result<f32> {
    remote::number(value).map(|score| score.clamp(0.0, 1.0)).ok_or_else(|| missing_key("score"))
}

/// Truncates a text to the length of a tag.
fn truncate_tag(name: &str) -> &str {
    &name[..name.floor_char_boundary(MAX_TAG)]
}

#[async_trait]
impl RemoteEngine for Cloudwalk {
    fn name(&self) -> &str {
        "cloudwalk"
    }

    fn threshold(&self) -> Option<Similarity> {
        self.settings.remote.threshold
    }

    fn target(&self, write: Write) -> Option<Target> {
        let path = match write {
            Write::AddFace => FACE_CREATE,
            Write::RemoveFace => FACE_DELETE,
            Write::CreateLibrary => GROUP_CREATE,
            Write::DeleteLibrary => GROUP_DELETE,
        };
        Some(Target { url: self.remote.base().to_owned(), operation: path.to_owned() })
    }

    async fn create_library(&self, library: &LibraryRef) -> Result<()> {
        let fields = [("groupId", library.engine_id.as_str()), ("tag", truncate_tag(&library.name))];
        match self.call(GROUP_CREATE, &fields, RetryPolicy::Safe).await {
            Err(Error::Rejected { code, .. })
                if remote::is_one_of(&code, &self.settings.remote.library_exists_codes) =>
            {
                Ok(())
            }
            // The vendor may use a code that is not configured.
            Err(e @ Error::Rejected { .. }) => {
                if self.has_group(library).await? == Presence::Yes {
                    Ok(())
                } else {
                    Err(e)
                }
            }
            other => other.map(drop),
        }
    }

    async fn delete_library(&self, library: &LibraryRef) -> Result<()> {
        match self.call(GROUP_DELETE, &[("groupId", &library.engine_id)], RetryPolicy::Safe).await {
            Err(Error::LibraryMissing) => Ok(()),
            Err(e @ Error::Rejected { .. }) => {
                if self.has_group(library).await? == Presence::No {
                    Ok(())
                } else {
                    Err(e)
                }
            }
            other => other.map(drop),
        }
    }

    async fn add_face(&self, library: &LibraryRef, tag: &str, picture: Bytes) -> Result<RemoteFace> {
        let picture = STANDARD.encode(picture);
        let fields = [("groupId", library.engine_id.as_str()), ("faceId", tag), ("tag", tag), ("img", &picture)];
        let answer = self.call(FACE_CREATE, &fields, RetryPolicy::Never).await?;
        let engine_ref = remote::reference(answer.get("faceId")).unwrap_or_else(|| tag.to_owned());
        Ok(RemoteFace { engine_ref, seen: None })
    }

    async fn find_added(
        &self,
        library: &LibraryRef,
        tag: &str,
        picture: Bytes,
        claimed: &dyn ClaimLookup,
    ) -> Result<Option<RemoteFace>> {
        let found = |engine_ref| Ok(Some(RemoteFace { engine_ref, seen: None }));
        if self.has_face(library, tag).await? == Presence::Yes {
            let tag = tag.to_owned();
            if !claimed.claimed(std::slice::from_ref(&tag)).await.map_err(Error::Claims)?.contains(&tag) {
                return found(tag);
            }
        }
        let picture = STANDARD.encode(picture);
        let mut top_n = INITIAL_TOP_N;
        loop {
            let hits = match self.search(library, &picture, top_n).await {
                // If the picture cannot be decoded or the library is missing, the face cannot have been added.
                Err(Error::BadPicture(_) | Error::LibraryMissing) => return Ok(None),
                hits => hits?,
            };
            let ours = hits.iter().filter(|(_, answered)| answered.as_deref() == Some(tag));
            let ours: Vec<String> = ours.map(|(hit, _)| hit.engine_ref.clone()).collect();
            if !ours.is_empty() {
                let known = claimed.claimed(&ours).await.map_err(Error::Claims)?;
                if let Some(engine_ref) = ours.into_iter().find(|engine_ref| !known.contains(engine_ref)) {
                    return found(engine_ref);
                }
            }
            let all_the_same =
                hits.len() >= top_n && hits.iter().all(|(hit, _)| hit.similarity >= SAME_PICTURE_SIMILARITY);
            if !all_the_same || top_n >= MAX_TOP_N {
                return Ok(None);
            }
            top_n *= 2;
        }
    }

    async fn remove_face(&self, library: &LibraryRef, engine_ref: &str) -> Result<()> {
        let fields = [("groupId", library.engine_id.as_str()), ("faceId", engine_ref)];
        match self.call(FACE_DELETE, &fields, RetryPolicy::Safe).await {
            Err(Error::LibraryMissing) => Ok(()),
            Err(Error::Rejected { code, .. }) if remote::is_one_of(&code, &self.settings.remote.face_missing_codes) => {
                Ok(())
            }
            Err(e @ Error::Rejected { .. }) => {
                if self.has_face(library, engine_ref).await? == Presence::No {
                    Ok(())
                } else {
                    Err(e)
                }
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
        Ok(best(hits.into_iter().flatten().map(|(hit, _)| hit).collect(), top_n))
    }

    /// Hits identify faces only by their boxes, so the detector is called as well: it also reports faces without a hit.
    async fn identify_many(
        &self,
        libraries: &[LibraryRef],
        picture: Bytes,
        top_n: usize,
    ) -> Result<Vec<FaceCandidates>> {
        let picture = STANDARD.encode(picture);
        let searches =
            self.remote.in_batches(libraries.iter().map(|library| self.search_many(library, &picture)).collect());
        let (found, boxes) = try_join(searches, self.boxes(&picture)).await?;
        let mut crowd = MergedFaces::new(boxes);
        for (area, hit) in found.into_iter().flatten() {
            crowd.at(area).extend(hit);
        }
        crowd.ranked(top_n)
    }

    async fn compare(&self, a: Bytes, b: Bytes) -> Result<Similarity> {
        let (a, b) = (STANDARD.encode(a), STANDARD.encode(b));
        let answer = self.call(COMPARE, &[("imgA", &a), ("imgB", &b)], RetryPolicy::Safe).await?;
        score(answer.get("score"))
    }

    async fn detect(&self, picture: Bytes) -> Result<Vec<SeenFace>> {
        self.boxes(&STANDARD.encode(picture)).await
    }

    /// The score may be in the answer itself or in its first face.
    async fn assess(&self, picture: Bytes) -> Result<Assessment> {
        let picture = STANDARD.encode(picture);
        let fields = [("img", picture.as_str())];
        let (quality, feature) =
            try_join(self.call(QUALITY, &fields, RetryPolicy::Safe), self.call(FEATURE, &fields, RetryPolicy::Safe))
                .await?;
        let key = self.settings.quality_key.as_str();
        let in_face = || remote::list(quality.get("faces")).first()?.get(key);
        let score = score(quality.get(key).or_else(in_face))?;
        let feature = remote::text(feature.get("feature")).and_then(|text| STANDARD.decode(text).ok());
        Ok(Assessment { score, grades: None, feature: feature.ok_or_else(|| missing_key("feature"))? })
    }

    async fn require_face(&self, picture: Bytes) -> Result<()> {
        if self.detect(picture).await?.is_empty() { Err(Error::NoFace) } else { Ok(()) }
    }

    async fn health(&self) -> Result<()> {
        let fields = [("type", "queryByPage"), ("pageNumber", "1"), ("pageSize", "1"), ("faceCount", "0")];
        self.call(GROUP_QUERY, &fields, RetryPolicy::Safe).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_cut_between_characters() {
        assert_eq!(truncate_tag("short"), "short");
        let cut = truncate_tag(&"考".repeat(50)).len();
        assert_eq!(cut, 126);
    }

    #[test]
    fn settings_keep_their_secret() {
        let mut settings = CloudwalkSettings::new("http://example.com/");
        settings.app_secret = Some("hush".to_owned().into());
        assert!(!format!("{settings:?}").contains("hush"));
    }
}
