//! Who is it, is it the same person, is the picture good: nothing here changes anything.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use aicp_types::LibraryId;
use bytes::Bytes;

use aicp_engines::{
    Assessment, Caller, Candidate, Engine, FaceKey, Grade, LibraryRef, Photo, SeenFace, Similarity, Terms,
};
use aicp_store::{Page, picture_key};

use crate::apps::App;
use crate::engines::library_ref;
use crate::{Error, Face, Library, MAX_TOP_N, Person, Platform, Result};

/// Libraries of one app that a search over all of them looks at.
pub(crate) const MAX_LIBRARIES: u64 = 100_000;
/// Two engines see the same face if their boxes overlap by this much of what both cover.
const SAME_FACE: f32 = 0.4;
/// People with several faces take several places of an engine's answer, so it is asked for more than wanted.
pub(crate) const FACES_A_PERSON: usize = 4;

/// A person found.
#[derive(Debug, Clone)]
pub struct Match {
    /// The person.
    pub person: Person,
    /// Their best matching face.
    pub face: Face,
    /// How alike, 0..1.
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
    pub face: SeenFace,
    /// The people above the threshold, most similar first.
    pub matches: Vec<Match>,
}

/// A probe that is the very file of an enrolled face is told to be so, from this similarity on. The template is made of the
/// face and its mirror image, the probe of the face alone, so that their cosine is not quite 1.
const SAME_FILE: Similarity = 0.80;

/// An engine and those of some libraries that are its own.
type LibrariesOfEngine = (Arc<dyn Engine>, Vec<LibraryRef>);

/// Least similarity of a match.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Threshold {
    /// More than the threshold of the library's engine or, if that has none, of the settings.
    Default,
    /// As similar as this, or more.
    AtLeast(Similarity),
}

impl Platform {
    /// Who of a library is the largest face of a picture (1:N)? At most `top_n` people.
    ///
    /// # Errors
    /// [`crate::Error::NoLibrary`], [`crate::Error::BadPicture`], [`crate::Error::NoFace`], [`crate::Error::Busy`],
    /// [`crate::Error::EngineUnavailable`].
    pub async fn identify(&self, app: &App, library: &str, picture: Bytes, top_n: usize) -> Result<Identification> {
        let library = self.library_for(app, library, &picture).await?;
        self.identify_in(app, &[library], picture, top_n, Threshold::Default).await
    }

    /// As [`Platform::identify`], in several libraries at once.
    ///
    /// # Errors
    /// As [`Platform::identify`].
    pub async fn identify_in(
        &self,
        app: &App,
        libraries: &[Library],
        picture: Bytes,
        top_n: usize,
        threshold: Threshold,
    ) -> Result<Identification> {
        let top_n = top_n.clamp(1, MAX_TOP_N);
        let picture = self.photo(app, picture);
        let mut found = Vec::new();
        for (engine, libraries) in self.by_engine(app, libraries)? {
            let candidates = engine.identify(&libraries, picture.clone(), top_n * FACES_A_PERSON).await?;
            let of_engine = self.threshold_of(&engine, &libraries, threshold);
            found.extend(candidates.into_iter().map(|candidate| (candidate, of_engine)));
        }
        let best = found.iter().map(|(c, _)| c.similarity).max_by(f32::total_cmp);
        let mut matches = self.matches(&picture, vec![found], top_n, threshold).await?;
        Ok(Identification { matches: matches.pop().unwrap_or_default(), best })
    }

    /// Who of a library, or of all libraries of the app, is each face of a picture (M:N)? The largest face first.
    ///
    /// # Errors
    /// As [`Platform::identify`].
    pub async fn identify_many(
        &self,
        app: &App,
        library: Option<&str>,
        picture: Bytes,
        top_n: usize,
    ) -> Result<Vec<FaceMatches>> {
        let libraries = match library {
            Some(library) => vec![self.library_for(app, library, &picture).await?],
            None => self.inner.store.libraries(app.id(), Page::first(MAX_LIBRARIES)).await?,
        };
        self.identify_many_in(app, &libraries, picture, top_n, Threshold::Default).await
    }

    /// As [`Platform::identify_many`], in some libraries.
    ///
    /// # Errors
    /// As [`Platform::identify`].
    pub async fn identify_many_in(
        &self,
        app: &App,
        libraries: &[Library],
        picture: Bytes,
        top_n: usize,
        threshold: Threshold,
    ) -> Result<Vec<FaceMatches>> {
        let top_n = top_n.clamp(1, MAX_TOP_N);
        let mut faces: Vec<SeenFace> = Vec::new();
        let mut found: Vec<Vec<(Candidate, Option<Similarity>)>> = Vec::new();
        let picture = self.photo(app, picture);
        let mut by_engine = self.by_engine(app, libraries)?;
        if by_engine.is_empty() {
            // Nobody can be found, but the faces are there all the same.
            by_engine.push((Arc::clone(self.default_engine(app)), Vec::new()));
        }
        for (engine, libraries) in by_engine {
            let of_engine = self.threshold_of(&engine, &libraries, threshold);
            for seen in engine.identify_many(&libraries, picture.clone(), top_n * FACES_A_PERSON).await? {
                let candidates = seen.candidates.into_iter().map(|candidate| (candidate, of_engine));
                match faces.iter().position(|known| known.area.overlap(&seen.face.area) > SAME_FACE) {
                    Some(same) if !libraries.is_empty() => found[same].extend(candidates),
                    _ => {
                        faces.push(seen.face);
                        found.push(candidates.collect());
                    }
                }
            }
        }
        let matches = self.matches(&picture, found, top_n, threshold).await?;
        let mut faces: Vec<FaceMatches> =
            faces.into_iter().zip(matches).map(|(face, matches)| FaceMatches { face, matches }).collect();
        faces.sort_by(|a, b| b.face.area.area().total_cmp(&a.face.area.area()));
        Ok(faces)
    }

    /// How alike are the largest faces of two pictures (1:1), 0..1?
    ///
    /// # Errors
    /// [`crate::Error::BadPicture`], [`crate::Error::NoFace`], [`crate::Error::Busy`],
    /// [`crate::Error::EngineUnavailable`].
    pub async fn compare(&self, app: &App, a: Bytes, b: Bytes) -> Result<Similarity> {
        Ok(self.default_engine(app).compare(self.photo(app, a), self.photo(app, b)).await?)
    }

    /// Whether a similarity found by [`Platform::compare`] means one person.
    pub fn is_match(&self, similarity: Similarity) -> bool {
        self.reaches(similarity, self.inner.engines.default().threshold(), Threshold::Default)
    }

    /// Where are the faces of a picture? The largest first; none is no error.
    ///
    /// # Errors
    /// [`crate::Error::BadPicture`], [`crate::Error::Busy`], [`crate::Error::EngineUnavailable`].
    pub async fn detect(&self, app: &App, picture: Bytes) -> Result<Vec<SeenFace>> {
        Ok(self.default_engine(app).detect(self.photo(app, picture)).await?)
    }

    /// How fit for recognition is the largest face of a picture? Grades that the engine does not give are the built-in
    /// engine's.
    ///
    /// # Errors
    /// [`crate::Error::BadPicture`], [`crate::Error::NoFace`], [`crate::Error::Busy`],
    /// [`crate::Error::EngineUnavailable`].
    pub async fn assess(&self, app: &App, picture: Bytes) -> Result<Assessment> {
        let picture = self.photo(app, picture);
        let mut assessed = self.default_engine(app).assess(picture.clone()).await?;
        if assessed.grades.is_none() {
            let builtin: &dyn Engine = self.inner.engines.builtin();
            let ours = builtin.assess(picture).await?;
            (assessed.grades, assessed.is_recognisable) = (ours.grades, ours.is_recognisable);
        }
        Ok(assessed)
    }

    /// Whether a face is good enough: its score is, no grade is the worst one, and it is recognisable.
    pub fn is_good(&self, score: f32, grades: Option<[Grade; 5]>, is_recognisable: bool) -> bool {
        let is_poor = grades.is_some_and(|grades| grades.contains(&Grade::Poor));
        score >= self.inner.settings.quality_threshold && !is_poor && is_recognisable
    }

    /// A picture on the terms of an app: a caller without credentials waits behind others and gets fewer looks at it, and how recognisable a face
    /// must be can be set for each app.
    pub(crate) fn photo(&self, app: &App, bytes: Bytes) -> Photo {
        let caller = if app.is_anonymous() { Caller::Unknown } else { Caller::Known };
        Photo { bytes, terms: Terms { caller, least_recognisability: self.inner.settings.gate_of(app.id()).least() } }
    }

    fn reaches(&self, similarity: Similarity, engine: Option<Similarity>, threshold: Threshold) -> bool {
        match threshold {
            Threshold::Default => similarity > engine.unwrap_or(self.inner.settings.threshold),
            Threshold::AtLeast(least) => similarity >= least,
        }
    }

    /// The library to work on with a picture. Of a bad picture and an unknown library the picture is the one to name.
    pub(crate) async fn library_for(&self, app: &App, library: &str, picture: &Bytes) -> Result<Library> {
        match self.library(app, library).await {
            Err(Error::NoLibrary) => {
                match self.default_engine(app).require_face(self.photo(app, picture.clone())).await.map_err(Error::from)
                {
                    // An engine that can't be asked has nothing against the picture.
                    Ok(()) | Err(Error::EngineUnavailable(_) | Error::Engine(aicp_engines::Error::Unsupported(_))) => {
                        Err(Error::NoLibrary)
                    }
                    Err(e) => Err(e),
                }
            }
            found => found,
        }
    }

    /// Libraries by their engines, in the order in which the engines first come.
    fn by_engine(&self, app: &App, libraries: &[Library]) -> Result<Vec<LibrariesOfEngine>> {
        let mut engines: Vec<LibrariesOfEngine> = Vec::new();
        for library in libraries {
            let engine = self.engine_of(app, library)?;
            match engines.iter_mut().find(|(known, _)| known.name() == engine.name()) {
                Some((_, of_it)) => of_it.push(library_ref(library)),
                None => engines.push((Arc::clone(engine), vec![library_ref(library)])),
            }
        }
        Ok(engines)
    }

    /// The rows behind the candidates that reach the threshold, each person once, most similar first, equal ones in the order
    /// of enrolment. Somebody removed since the search, or whom only the engine knows, is left out.
    ///
    /// A face that was enrolled from the very file that is searched with has a similarity of 1.
    pub(crate) async fn matches(
        &self,
        picture: &Photo,
        found: Vec<Vec<(Candidate, Option<Similarity>)>>,
        top_n: usize,
        threshold: Threshold,
    ) -> Result<Vec<Vec<Match>>> {
        let wanted: Vec<Vec<Candidate>> = found
            .into_iter()
            .map(|candidates| {
                let reaching =
                    candidates.into_iter().filter(|(c, engine)| self.reaches(c.similarity, *engine, threshold));
                reaching.map(|(candidate, _)| candidate).collect()
            })
            .collect();
        let rows = self.rows_of(wanted.iter().flatten().map(|candidate| &candidate.face)).await?;
        let is_close = wanted.iter().flatten().any(|candidate| candidate.similarity >= SAME_FILE);
        let key = is_close.then(|| picture_key(&picture.bytes));
        let found = wanted.into_iter().map(|candidates| {
            let mut matches: Vec<Match> = candidates
                .into_iter()
                .filter_map(|c| {
                    let (face, person) = rows.get(&c.face)?.clone();
                    let is_same_file = c.similarity >= SAME_FILE && key.as_ref() == Some(&face.picture_key);
                    let similarity = if is_same_file { 1.0 } else { c.similarity };
                    Some(Match { person, face, similarity })
                })
                .collect();
            matches.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then(a.face.file_id.cmp(&b.face.file_id)));
            let mut seen = HashSet::new();
            matches.retain(|found| seen.insert(found.person.id));
            matches.truncate(top_n);
            matches
        });
        Ok(found.collect())
    }

    async fn rows_of<'a>(&self, keys: impl Iterator<Item = &'a FaceKey>) -> Result<HashMap<FaceKey, (Face, Person)>> {
        let mut here = Vec::new();
        let mut elsewhere: HashMap<LibraryId, Vec<String>> = HashMap::new();
        for key in keys {
            match key {
                FaceKey::Row(face) => here.push(*face),
                FaceKey::Ref { library, engine_ref } => elsewhere.entry(*library).or_default().push(engine_ref.clone()),
            }
        }
        let mut rows = HashMap::new();
        if !here.is_empty() {
            let found = self.inner.store.people_with_faces(&here).await?;
            rows.extend(found.into_iter().map(|row| (FaceKey::Row(row.0.id), row)));
        }
        for (library, engine_refs) in elsewhere {
            let found = self.inner.store.faces_by_engine_ref(library, &engine_refs).await?;
            rows.extend(found.into_iter().filter_map(|row| {
                let engine_ref = row.0.engine_ref.clone()?;
                Some((FaceKey::Ref { library, engine_ref }, row))
            }));
        }
        Ok(rows)
    }
}
