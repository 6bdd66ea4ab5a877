//! Identification: the faces of a picture are searched for in libraries.

use std::collections::{HashMap, HashSet};

use aicp_types::LibraryId;
use bytes::Bytes;

use aicp_backends::{Candidate, CandidateKey, LibraryRef, Photo, Priority, SeenFace, Similarity, Terms};
use aicp_store::{Page, picture_key};

use crate::backend::{FaceCheck, LibraryBackend};
use crate::caller::Caller;
use crate::engines::library_ref;
use crate::settings::MAX_TOP_N;
use crate::thresholds::Searched;
use crate::{Among, Error, ExaminedFace, Face, Library, Missing, Person, Platform, Result, Threshold};

/// Maximum number of libraries in a search over all libraries of an app.
pub(crate) const MAX_LIBRARIES: u64 = 100_000;
/// Minimum intersection over union of two face boxes for two engines to have detected the same face.
const MIN_SAME_FACE_OVERLAP: f32 = 0.4;
/// Factor by which an engine is asked for more candidates than people are wanted: a person takes one place per face.
pub(crate) const CANDIDATES_PER_PERSON: usize = 4;

/// A matching person.
#[derive(Debug, Clone)]
pub struct Match {
    /// The person.
    pub person: Person,
    /// The person's most similar face.
    pub face: Face,
    /// Similarity, 0..1.
    pub similarity: Similarity,
}

/// Result of a 1:N search.
#[derive(Debug, Clone)]
pub struct Identification {
    /// People above the threshold, most similar first, equal ones in the order of enrolment.
    pub matches: Vec<Match>,
    /// Similarity of the most similar person of the library, even below the threshold.
    pub best: Option<Similarity>,
}

/// A face of a picture and the people that it matches.
#[derive(Debug, Clone)]
pub struct FaceMatches {
    /// The face in the picture.
    pub face: SeenFace,
    /// People above the threshold, most similar first.
    pub matches: Vec<Match>,
    /// The next best people, whatever their similarity, if they were asked for.
    pub next_best: Vec<Match>,
}

/// Similarity from which a match is checked for being the very file of the probe; such a match gets similarity 1. Its
/// cosine is below 1, because the template is made of the face and its mirror image, the probe of the face alone.
const MIN_SAME_FILE_SIMILARITY: Similarity = 0.80;

/// A backend with those of the requested libraries that belong to it.
type BackendLibraries<'a> = (&'a dyn LibraryBackend, Vec<LibraryRef>);

impl Platform {
    /// Identifies the largest face of a picture in a library (1:N). Returns at most `top_n` people, by default as many as
    /// the library or the settings say.
    ///
    /// # Errors
    /// [`crate::Missing::Library`], [`crate::BadInput::Picture`], [`crate::Refusal::NoFace`], [`crate::Error::Busy`],
    /// [`Error::Unavailable`].
    pub async fn identify(
        &self,
        caller: &Caller,
        library: &str,
        picture: Bytes,
        top_n: Option<usize>,
    ) -> Result<Identification> {
        let libraries = [self.library_for(caller, library, &picture).await?];
        let top_n = top_n.unwrap_or_else(|| self.usual_top_n(&libraries));
        self.identify_in(caller, &libraries, picture, top_n, Threshold::Default).await
    }

    /// As [`Platform::identify`] in one library, and returns the examination of the face. Does not search if `check`
    /// rejects the face.
    ///
    /// # Errors
    /// As [`Platform::identify`].
    pub async fn identify_checked(
        &self,
        caller: &Caller,
        library: &Library,
        picture: Bytes,
        top_n: usize,
        check: FaceCheck,
    ) -> Result<(ExaminedFace, Vec<Match>)> {
        let backend = self.backend_of(caller, library)?;
        let photo = self.photo(caller, picture);
        let searched = Searched::of(std::slice::from_ref(library));
        let found_in = library_ref(library);
        // A person takes one place per face.
        let places = top_n * CANDIDATES_PER_PERSON;
        let (face, found) = backend.identify_checked(&found_in, photo.clone(), places, check).await?;
        let threshold = self.threshold_of(backend, &[found_in], Threshold::Default, &searched);
        let found = found.into_iter().map(|candidate| (candidate, threshold)).collect();
        let mut matches = self.matches(&photo, vec![found], top_n, Threshold::Default, &searched).await?;
        let matches = matches.pop().unwrap_or_default();
        let is_searched = (check.accepts)(&face);
        if is_searched {
            self.note_recognition(caller, std::slice::from_ref(library), &photo, &[(Some(face.face), &matches)]);
        }
        Ok((face, matches))
    }

    /// As [`Platform::identify`], in several libraries at once.
    ///
    /// # Errors
    /// As [`Platform::identify`].
    pub async fn identify_in(
        &self,
        caller: &Caller,
        libraries: &[Library],
        picture: Bytes,
        top_n: usize,
        threshold: Threshold,
    ) -> Result<Identification> {
        let found = self.search_in(caller, libraries, picture.clone(), top_n, threshold).await?;
        self.note_recognition(caller, libraries, &self.photo(caller, picture), &[(None, &found.matches)]);
        Ok(found)
    }

    /// As [`Platform::identify_in`], for a picture of somebody who is enrolled: it is no event.
    ///
    /// # Errors
    /// As [`Platform::identify`].
    pub async fn search_in(
        &self,
        caller: &Caller,
        libraries: &[Library],
        picture: Bytes,
        top_n: usize,
        threshold: Threshold,
    ) -> Result<Identification> {
        let top_n = top_n.clamp(1, MAX_TOP_N);
        let picture = self.photo(caller, picture);
        let searched = Searched::of(libraries);
        let mut found = Vec::new();
        for (backend, libraries) in self.group_by_backend(caller, libraries)? {
            let candidates = backend.identify(&libraries, picture.clone(), top_n * CANDIDATES_PER_PERSON).await?;
            let of_engine = self.threshold_of(backend, &libraries, threshold, &searched);
            found.extend(candidates.into_iter().map(|candidate| (candidate, of_engine)));
        }
        let best = found.iter().map(|(c, _)| c.similarity).max_by(f32::total_cmp);
        let mut matches = self.matches(&picture, vec![found], top_n, threshold, &searched).await?;
        Ok(Identification { matches: matches.pop().unwrap_or_default(), best })
    }

    /// Identifies every face of a picture in a library or in all libraries of the app (M:N). Returns the largest face
    /// first.
    ///
    /// # Errors
    /// As [`Platform::identify`].
    pub async fn identify_many(
        &self,
        caller: &Caller,
        library: Option<&str>,
        picture: Bytes,
        top_n: Option<usize>,
    ) -> Result<Vec<FaceMatches>> {
        let libraries = match library {
            Some(library) => vec![self.library_for(caller, library, &picture).await?],
            None => self.inner.store.rows().await?.libraries(caller.app_id(), Page::first(MAX_LIBRARIES)).await?,
        };
        let top_n = top_n.unwrap_or_else(|| self.usual_top_n(&libraries));
        self.identify_many_in(caller, &libraries, picture, top_n, Threshold::Default).await
    }

    /// As [`Platform::identify_many`], in some libraries.
    ///
    /// # Errors
    /// As [`Platform::identify`].
    pub async fn identify_many_in(
        &self,
        caller: &Caller,
        libraries: &[Library],
        picture: Bytes,
        top_n: usize,
        threshold: Threshold,
    ) -> Result<Vec<FaceMatches>> {
        let faces =
            self.identify_explained(caller, libraries, &Among::default(), picture.clone(), top_n, threshold, 0).await?;
        self.note_faces(caller, libraries, picture, &faces);
        Ok(faces)
    }

    /// As [`Platform::identify_many_in`] among some people, and returns for each face the `next` best of them after the
    /// matches. The caller [notes](Platform::note_faces) the faces that count.
    ///
    /// # Errors
    /// As [`Platform::identify`]; an error that [is not offered](Error::is_not_offered) by the engine of a library.
    #[allow(clippy::too_many_arguments, reason = "a search has that many terms")]
    pub async fn identify_explained(
        &self,
        caller: &Caller,
        libraries: &[Library],
        among: &Among,
        picture: Bytes,
        top_n: usize,
        threshold: Threshold,
        next: usize,
    ) -> Result<Vec<FaceMatches>> {
        let top_n = top_n.clamp(1, MAX_TOP_N);
        let places = (top_n + next) * CANDIDATES_PER_PERSON;
        let mut faces: Vec<SeenFace> = Vec::new();
        let mut found: Vec<Vec<(Candidate, Option<Similarity>)>> = Vec::new();
        let picture = self.photo(caller, picture);
        let searched = Searched::of(libraries);
        let admitted = self.admitted(caller, libraries, among).await?;
        let mut by_backend = self.group_by_backend(caller, libraries)?;
        if by_backend.is_empty() {
            // No search is possible, but the faces are returned.
            by_backend.push((self.default_backend(caller), Vec::new()));
        }
        for (backend, libraries) in by_backend {
            let of_engine = self.threshold_of(backend, &libraries, threshold, &searched);
            let people = admitted.as_ref().map(|admitted| admitted.people.clone());
            for seen in backend.identify_many(&libraries, people, picture.clone(), places).await? {
                let candidates = seen.candidates.into_iter().map(|candidate| (candidate, of_engine));
                match faces.iter().position(|known| known.area.overlap(&seen.face.area) > MIN_SAME_FACE_OVERLAP) {
                    Some(same) if !libraries.is_empty() => found[same].extend(candidates),
                    _ => {
                        faces.push(seen.face);
                        found.push(candidates.collect());
                    }
                }
            }
        }
        let all = match next {
            0 => vec![Vec::new(); faces.len()],
            next => self.matches(&picture, found.clone(), top_n + next, Threshold::AtLeast(0.0), &searched).await?,
        };
        let matches = self.matches(&picture, found, top_n, threshold, &searched).await?;
        let explained = faces.into_iter().zip(matches).zip(all).map(|((face, matches), mut next_best)| {
            next_best.retain(|other| !matches.iter().any(|known| known.person.id == other.person.id));
            next_best.truncate(next);
            FaceMatches { face, matches, next_best }
        });
        let mut faces: Vec<FaceMatches> = explained.collect();
        faces.sort_by(|a, b| b.face.area.area().total_cmp(&a.face.area.area()));
        Ok(faces)
    }

    /// Records in the log of events, and in recognition logs, which faces of a picture were identified. Never waits.
    pub fn note_faces(&self, caller: &Caller, libraries: &[Library], picture: Bytes, faces: &[FaceMatches]) {
        if !libraries.is_empty() {
            let faces: Vec<_> = faces.iter().map(|face| (Some(face.face), face.matches.as_slice())).collect();
            self.note_recognition(caller, libraries, &self.photo(caller, picture), &faces);
        }
    }

    /// Records who was found where. Never waits.
    fn note_recognition(
        &self,
        caller: &Caller,
        libraries: &[Library],
        picture: &Photo,
        faces: &[(Option<SeenFace>, &[Match])],
    ) {
        self.inner.recognition_log.push(libraries, picture, faces);
        self.inner.events.push_recognition(caller, libraries, faces.iter().map(|(_, matches)| *matches));
    }

    /// Combines a picture with the terms of an app: callers without credentials have lower priority and get fewer
    /// detector passes; the minimum recognisability is a setting of each app.
    pub(crate) fn photo(&self, caller: &Caller, bytes: Bytes) -> Photo {
        let priority = match caller {
            caller if caller.is_job() => Priority::Own,
            caller if caller.is_anonymous() => Priority::Unknown,
            _ => Priority::Known,
        };
        Photo {
            bytes,
            terms: Terms {
                priority,
                least_recognisability: self.inner.settings.load().recognition.gate_of(caller.app_id()).least(),
            },
        }
    }

    /// Returns a library for an operation on a picture. If the library is unknown and the picture bad, reports the
    /// picture.
    pub(crate) async fn library_for(&self, caller: &Caller, library: &str, picture: &Bytes) -> Result<Library> {
        match self.library(caller, library).await {
            Err(Error::Missing(Missing::Library)) => {
                self.default_backend(caller).require_face(self.photo(caller, picture.clone())).await?;
                Err(Missing::Library.into())
            }
            found => found,
        }
    }

    /// Returns the number of people that a search in these libraries finds, if the request names none.
    fn usual_top_n(&self, libraries: &[Library]) -> usize {
        self.own_top_n(libraries).unwrap_or(self.inner.settings.load().recognition.top_n)
    }

    /// Groups libraries by backend, in the order in which the backends first occur.
    pub(crate) fn group_by_backend(&self, caller: &Caller, libraries: &[Library]) -> Result<Vec<BackendLibraries<'_>>> {
        let mut groups: Vec<BackendLibraries<'_>> = Vec::new();
        for library in libraries {
            let backend = self.backend_of(caller, library)?;
            match groups.iter_mut().find(|(known, _)| known.name() == backend.name()) {
                Some((_, of_it)) => of_it.push(library_ref(library)),
                None => groups.push((backend, vec![library_ref(library)])),
            }
        }
        Ok(groups)
    }

    /// Loads the faces and people of the candidates that reach the threshold: each person once, most similar first,
    /// equal ones in the order of enrolment. Leaves out people removed since the search and faces known only to the
    /// engine.
    ///
    /// A face enrolled from exactly the probe's file gets similarity 1.
    pub(crate) async fn matches(
        &self,
        picture: &Photo,
        found: Vec<Vec<(Candidate, Option<Similarity>)>>,
        top_n: usize,
        threshold: Threshold,
        searched: &Searched,
    ) -> Result<Vec<Vec<Match>>> {
        // The rows tell the library of a candidate: until then, the least threshold of a library counts.
        let may_reach = |similarity, engine| {
            self.meets_threshold(similarity, threshold, None, engine)
                || searched.least().is_some_and(|own| self.meets_threshold(similarity, threshold, Some(own), engine))
        };
        let wanted: Vec<Vec<(Candidate, Option<Similarity>)>> = found
            .into_iter()
            .map(|candidates| candidates.into_iter().filter(|(c, engine)| may_reach(c.similarity, *engine)).collect())
            .collect();
        let rows = self.load_rows(wanted.iter().flatten().map(|(candidate, _)| &candidate.face)).await?;
        let is_close = wanted.iter().flatten().any(|(candidate, _)| candidate.similarity >= MIN_SAME_FILE_SIMILARITY);
        let key = is_close.then(|| picture_key(&picture.bytes));
        let found = wanted.into_iter().map(|candidates| {
            let mut matches: Vec<Match> = candidates
                .into_iter()
                .filter_map(|(c, engine)| {
                    let (face, person) = rows.get(&c.face)?.clone();
                    // The person may have moved to another library since the search.
                    let own = searched.threshold(person.library_id);
                    if !searched.contains(person.library_id)
                        || !self.meets_threshold(c.similarity, threshold, own, engine)
                    {
                        return None;
                    }
                    let is_same_file =
                        c.similarity >= MIN_SAME_FILE_SIMILARITY && key.as_ref() == Some(&face.picture_key);
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

    async fn load_rows<'a>(
        &self,
        keys: impl Iterator<Item = &'a CandidateKey>,
    ) -> Result<HashMap<CandidateKey, (Face, Person)>> {
        let mut here = Vec::new();
        let mut elsewhere: HashMap<LibraryId, Vec<String>> = HashMap::new();
        for key in keys {
            match key {
                CandidateKey::Row(face) => here.push(*face),
                CandidateKey::Ref { library, engine_ref } => {
                    elsewhere.entry(*library).or_default().push(engine_ref.clone())
                }
            }
        }
        let mut rows = HashMap::new();
        if !here.is_empty() {
            let found = self.inner.store.rows().await?.people_with_faces(&here).await?;
            rows.extend(found.into_iter().map(|row| (CandidateKey::Row(row.0.id), row)));
        }
        for (library, engine_refs) in elsewhere {
            let found = self.inner.store.rows().await?.faces_by_engine_ref(library, &engine_refs).await?;
            rows.extend(found.into_iter().filter_map(|row| {
                let engine_ref = row.0.engine_ref.clone()?;
                Some((CandidateKey::Ref { library, engine_ref }, row))
            }));
        }
        Ok(rows)
    }
}
