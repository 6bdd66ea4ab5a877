//! The backend of a vendor's engine: the engine stores the faces, writes to it pass through the outbox.

use std::collections::HashSet;
use std::sync::Arc;

use aicp_backends::{
    Assessment, Builtin, Candidate, CandidateKey, FaceCandidates, LibraryRef, Photo, RemoteEngine, SeenFace,
};
use aicp_store::{Act, NewPerson, picture_key};
use aicp_types::{LibraryId, PersonId};
use async_trait::async_trait;

use super::{AddedFace, FaceCheck, LibraryBackend, Scale, not_offered};
use crate::error::or_missing;
use crate::libraries::LibraryToCreate;
use crate::outbox::Outbox;
use crate::people::transactions;
use crate::user_ids::people_known_as;
use crate::{
    Error, ExaminedFace, Existing, Face, Internal, Library, Missing, Person, PersonChanges, Refusal, Result, Similarity,
};

/// Maximum number of pictures that a 1:1 comparison sends to the engine, the newest first.
const MAX_COMPARED_PICTURES: usize = 20;

/// The backend of a vendor's engine.
pub(crate) struct Remote {
    engine: Arc<dyn RemoteEngine>,
    outbox: Arc<Outbox>,
    /// Examines faces: the vendors' engines can't.
    examiner: Builtin,
}

impl Remote {
    pub fn new(engine: Arc<dyn RemoteEngine>, outbox: Arc<Outbox>, examiner: Builtin) -> Self {
        Self { engine, outbox, examiner }
    }

    async fn largest_face(&self, photo: Photo, check: FaceCheck) -> Result<ExaminedFace> {
        let faces = self.examiner.examine(photo, 1, check.wanted).await?;
        faces.into_iter().next().ok_or(Refusal::NoFace.into())
    }

    async fn faces_of(&self, person: &Person) -> Result<Vec<Face>> {
        Ok(self.outbox.store().rows().await?.faces_of(person.id).await?)
    }
}

#[async_trait]
impl LibraryBackend for Remote {
    fn name(&self) -> &str {
        self.engine.name()
    }

    fn scale(&self, _: &[LibraryId]) -> Scale {
        Scale::Vendor { threshold: self.engine.threshold() }
    }

    async fn create_library(&self, library: LibraryToCreate) -> Result<Library> {
        self.outbox.create_library(self.engine.clone(), library).await
    }

    async fn delete_library(&self, library_id: LibraryId, act: Act) -> Result<()> {
        self.outbox.delete_library(self.engine.clone(), library_id, act).await
    }

    async fn enrol(
        &self,
        library_id: LibraryId,
        person: NewPerson,
        at_most: Option<u64>,
        photo: Photo,
    ) -> Result<(Person, AddedFace)> {
        let (person, face) = self.outbox.enrol(self.engine.clone(), library_id, person, at_most, photo.bytes).await?;
        Ok((person, AddedFace { face, rotation: 0.0 }))
    }

    async fn enrol_into_new(
        &self,
        library: LibraryToCreate,
        _: NewPerson,
        _: Option<u64>,
        _: Photo,
    ) -> Result<Option<(Person, AddedFace)>> {
        self.create_library(library).await.map(|_| None)
    }

    async fn enrol_checked(
        &self,
        library_id: LibraryId,
        person: NewPerson,
        at_most: Option<u64>,
        photo: Photo,
        check: FaceCheck,
    ) -> Result<(ExaminedFace, Option<(Person, AddedFace)>)> {
        let face = self.largest_face(photo.clone(), check).await?;
        let added = match (check.accepts)(&face) {
            true => Some(self.enrol(library_id, person, at_most, photo).await?),
            false => None,
        };
        Ok((face, added))
    }

    async fn add_face(&self, person: &Person, changes: PersonChanges, photo: Photo) -> Result<AddedFace> {
        let face = self.outbox.add_face(self.engine.clone(), person, photo.bytes).await?;
        // The engine is not part of a transaction, so it gets the face first: it may refuse it.
        if changes != PersonChanges::default() {
            let (id, at) = (person.id, self.outbox.now());
            self.outbox.store().write(move |tx| Box::pin(transactions::change(tx, id, changes, at))).await?;
        }
        Ok(AddedFace { face, rotation: 0.0 })
    }

    async fn replace(&self, person: &Person, changes: PersonChanges, photo: Photo) -> Result<AddedFace> {
        // The engine is not part of the transaction, so it gets the new face first: it may refuse it.
        if let Some(user_id) = &changes.external_id {
            let mut rows = self.outbox.store().rows().await?;
            let named = people_known_as(&mut rows, person.library_id, user_id).await?;
            if named.iter().any(|other| other.id != person.id) {
                return Err(Existing::Person.into());
            }
        }
        let key = picture_key(&photo.bytes);
        let known = self.faces_of(person).await?.into_iter().find(|face| face.picture_key == key);
        let is_new = known.is_none();
        let kept = match known {
            Some(face) => face,
            None => self.add_face(person, PersonChanges::default(), photo).await?.face,
        };
        let updated = self.outbox.keep_one_face(self.engine.clone(), person, changes, kept.id).await;
        if let Err(e) = updated {
            if is_new {
                self.remove_face(person.library_id, &kept).await?;
            }
            return Err(e);
        }
        Ok(AddedFace { face: kept, rotation: 0.0 })
    }

    async fn remove_person(&self, person: &Person) -> Result<()> {
        self.outbox.remove_person(self.engine.clone(), person).await
    }

    async fn remove_people(&self, people: &[Person]) -> Result<(usize, usize)> {
        let mut removed = (0, 0);
        for person in people {
            let faces = self.faces_of(person).await?.len();
            match self.remove_person(person).await {
                Ok(()) => removed = (removed.0 + 1, removed.1 + faces),
                Err(Error::Missing(Missing::Person)) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(removed)
    }

    async fn remove_face(&self, library_id: LibraryId, face: &Face) -> Result<()> {
        self.outbox.remove_face(self.engine.clone(), library_id, face.id).await
    }

    async fn copy_person(&self, _: PersonId, _: &[Face], _: LibraryId, _: NewPerson) -> Result<bool> {
        Ok(false)
    }

    async fn move_person(&self, _: &Person, _: LibraryId) -> Result<Person> {
        Err(not_offered("moving a person"))
    }

    async fn merge_people(&self, _: &Person, _: &Person, _: Option<usize>) -> Result<Person> {
        Err(not_offered("merging people"))
    }

    async fn identify(&self, libraries: &[LibraryRef], photo: Photo, top_n: usize) -> Result<Vec<Candidate>> {
        let found = self.engine.identify(libraries, photo.bytes, top_n).await?;
        Ok(found.into_iter().map(Candidate::from).collect())
    }

    async fn identify_checked(
        &self,
        library: &LibraryRef,
        photo: Photo,
        top_n: usize,
        check: FaceCheck,
    ) -> Result<(ExaminedFace, Vec<Candidate>)> {
        let face = self.largest_face(photo.clone(), check).await?;
        let found = if (check.accepts)(&face) {
            self.identify(std::slice::from_ref(library), photo, top_n).await?
        } else {
            Vec::new()
        };
        Ok((face, found))
    }

    async fn identify_many(
        &self,
        libraries: &[LibraryRef],
        people: Option<HashSet<PersonId>>,
        photo: Photo,
        top_n: usize,
    ) -> Result<Vec<FaceCandidates>> {
        if people.is_some() {
            // The engine ranks everybody: the best few need not contain any of them.
            return Err(not_offered("a search among some people"));
        }
        let found = self.engine.identify_many(libraries, photo.bytes, top_n).await?;
        Ok(found.into_iter().map(FaceCandidates::from).collect())
    }

    async fn compare_with_people(&self, people: &[Person], photo: Photo) -> Result<Vec<Candidate>> {
        let mut found = Vec::new();
        let mut left = MAX_COMPARED_PICTURES;
        for person in people {
            let mut best: Option<Candidate> = None;
            for face in self.faces_of(person).await?.into_iter().take(left) {
                left -= 1;
                let enrolled =
                    self.outbox.store().picture(&face.picture_key).await.map_err(or_missing(Missing::Face))?;
                let similarity = self.engine.compare(photo.bytes.clone(), enrolled).await?;
                if best.as_ref().is_none_or(|best| similarity > best.similarity) {
                    best = Some(Candidate { face: CandidateKey::Row(face.id), similarity });
                }
            }
            found.extend(best);
        }
        Ok(found)
    }

    async fn compare(&self, a: Photo, b: Photo) -> Result<Similarity> {
        Ok(self.engine.compare(a.bytes, b.bytes).await?)
    }

    async fn compare_checked(
        &self,
        a: Photo,
        b: Photo,
        check: FaceCheck,
    ) -> Result<([ExaminedFace; 2], Option<Similarity>)> {
        let face_a = self.largest_face(a.clone(), check).await?;
        let both = [face_a, self.largest_face(b.clone(), check).await?];
        if !both.iter().all(check.accepts) {
            return Ok((both, None));
        }
        let similarity = self.compare(a, b).await?;
        Ok((both, Some(similarity)))
    }

    async fn detect(&self, photo: Photo) -> Result<Vec<SeenFace>> {
        Ok(self.engine.detect(photo.bytes).await?)
    }

    /// If the engine gives no grades, those of the built-in engine count.
    async fn assess(&self, photo: Photo) -> Result<Assessment> {
        let assessed = self.engine.assess(photo.bytes.clone()).await?;
        let (score, feature) = (assessed.score, assessed.feature);
        if let Some(grades) = assessed.grades {
            return Ok(Assessment { score, grades: Some(grades), is_recognisable: None, feature });
        }
        let ours = self.examiner.assess(photo).await?;
        Ok(Assessment { score, grades: ours.grades, is_recognisable: ours.is_recognisable, feature })
    }

    async fn require_face(&self, photo: Photo) -> Result<()> {
        use aicp_backends::Error::Remote as RemoteFailure;
        use aicp_backends::RemoteError::Unsupported;
        match self.engine.require_face(photo.bytes).await.map_err(Error::from) {
            Err(Error::Unavailable(_) | Error::Internal(Internal::Engine(RemoteFailure(Unsupported(_))))) => Ok(()),
            checked => checked,
        }
    }
}
