//! Who is it, is it the same person, is the picture good: nothing here changes anything.

use bytes::Bytes;
use std::collections::HashMap;

use aicp_engines::{Assessment, Candidate, DetectedFace, Similarity};

use crate::apps::App;
use crate::{Error, Face, Library, MAX_TOP_N, Person, Platform, Result};

/// Libraries of one app that a search over all of them looks at.
const MAX_LIBRARIES: i64 = 100_000;

/// A person found.
#[derive(Debug, Clone)]
pub struct Match {
    /// The person.
    pub person: Person,
    /// Their best matching face.
    pub face: Face,
    /// How alike, 0..1, above the threshold.
    pub similarity: Similarity,
}

/// The answer of a 1:N search.
#[derive(Debug, Clone)]
pub struct Identification {
    /// The people above the threshold, most similar first, equal ones by face.
    pub matches: Vec<Match>,
    /// The similarity of the most similar person of the library, above the threshold or not.
    pub best: Option<Similarity>,
}

/// One face of a picture and who it is.
#[derive(Debug, Clone)]
pub struct FaceMatches {
    /// The face in the picture.
    pub face: DetectedFace,
    /// The people above the threshold, most similar first.
    pub matches: Vec<Match>,
}

impl Platform {
    /// Who of a library is the largest face of a picture (1:N)? At most `top_n` people.
    ///
    /// # Errors
    /// [`crate::Error::NoLibrary`], [`crate::Error::BadPicture`], [`crate::Error::NoFace`], [`crate::Error::Busy`].
    pub async fn identify(&self, app: &App, group_id: &str, picture: Bytes, top_n: usize) -> Result<Identification> {
        let library = self.library_for(app, group_id, &picture).await?;
        let top_n = top_n.clamp(1, MAX_TOP_N);
        let candidates = self.inner.engine.identify(vec![library.id], picture, top_n).await?;
        let best = candidates.first().map(|c| c.similarity);
        let mut matches = self.matches(vec![candidates]).await?;
        Ok(Identification { matches: matches.pop().unwrap_or_default(), best })
    }

    /// Who of a library, or of all libraries of the app, is each face of a picture (M:N)? The largest face first.
    ///
    /// # Errors
    /// As [`Platform::identify`].
    pub async fn identify_many(
        &self,
        app: &App,
        group_id: Option<&str>,
        picture: Bytes,
        top_n: usize,
    ) -> Result<Vec<FaceMatches>> {
        let libraries = match group_id {
            Some(group_id) => vec![self.library_for(app, group_id, &picture).await?.id],
            None => {
                let all = self.inner.store.libraries(app.id(), 0, MAX_LIBRARIES).await?;
                all.into_iter().map(|library| library.id).collect()
            }
        };
        let top_n = top_n.clamp(1, MAX_TOP_N);
        let found = self.inner.engine.identify_many(libraries, picture, top_n).await?;
        let (faces, candidates): (Vec<_>, Vec<_>) = found.into_iter().map(|f| (f.face, f.candidates)).unzip();
        let matches = self.matches(candidates).await?;
        Ok(faces.into_iter().zip(matches).map(|(face, matches)| FaceMatches { face, matches }).collect())
    }

    /// How alike are the largest faces of two pictures (1:1), 0..1?
    ///
    /// # Errors
    /// [`crate::Error::BadPicture`], [`crate::Error::NoFace`], [`crate::Error::Busy`].
    pub async fn compare(&self, a: Bytes, b: Bytes) -> Result<Similarity> {
        Ok(self.inner.engine.compare(a, b).await?)
    }

    /// Whether a similarity means one person.
    pub fn is_match(&self, similarity: Similarity) -> bool {
        similarity > self.inner.settings.threshold
    }

    /// Where are the faces of a picture? The largest first; none is no error.
    ///
    /// # Errors
    /// [`crate::Error::BadPicture`], [`crate::Error::Busy`].
    pub async fn detect(&self, picture: Bytes) -> Result<Vec<DetectedFace>> {
        Ok(self.inner.engine.detect(picture).await?)
    }

    /// How fit for recognition is the largest face of a picture?
    ///
    /// # Errors
    /// [`crate::Error::BadPicture`], [`crate::Error::NoFace`], [`crate::Error::Busy`].
    pub async fn assess(&self, picture: Bytes) -> Result<Assessment> {
        Ok(self.inner.engine.assess(picture).await?)
    }

    /// Whether a quality score is good enough.
    pub fn is_good(&self, score: f32) -> bool {
        score >= self.inner.settings.quality_threshold
    }

    /// The library to search with a picture. Of a bad picture and an unknown library the picture is the one to name.
    async fn library_for(&self, app: &App, group_id: &str, picture: &Bytes) -> Result<Library> {
        match self.library(app, group_id).await {
            Err(Error::NoLibrary) => {
                self.inner.engine.require_face(picture.clone()).await?;
                Err(Error::NoLibrary)
            }
            found => found,
        }
    }

    /// The rows behind the candidates above the threshold, most similar first, equal ones in the order of enrolment.
    /// Somebody removed since the search is left out.
    async fn matches(&self, found: Vec<Vec<Candidate>>) -> Result<Vec<Vec<Match>>> {
        let wanted: Vec<Vec<Candidate>> = found
            .into_iter()
            .map(|candidates| candidates.into_iter().filter(|c| self.is_match(c.similarity)).collect())
            .collect();
        let ids: Vec<i64> = wanted.iter().flatten().map(|c| c.face).collect();
        if ids.is_empty() {
            return Ok(wanted.iter().map(|_| Vec::new()).collect());
        }
        let rows = self.inner.store.people_with_faces(&ids).await?;
        let rows: HashMap<i64, (Face, Person)> = rows.into_iter().map(|row| (row.0.id, row)).collect();
        let found = wanted.into_iter().map(|candidates| {
            let mut matches: Vec<Match> = candidates
                .into_iter()
                .filter_map(|c| {
                    let (face, person) = rows.get(&c.face)?.clone();
                    Some(Match { person, face, similarity: c.similarity })
                })
                .collect();
            matches
                .sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then(a.face.created_ns.cmp(&b.face.created_ns)));
            matches
        });
        Ok(found.collect())
    }
}
