//! The backend of this process: templates in the store, searches in the index that follows it.

use std::collections::HashSet;
use std::sync::Arc;

use aicp_backends::{Assessment, Builtin, Candidate, EnrolledFace, FaceCandidates, LibraryRef, Photo, SeenFace};
use aicp_store::{Act, CopiedFace, NewPerson};
use aicp_types::{LibraryId, PersonId};
use async_trait::async_trait;
use bytes::Bytes;

use super::{AddedFace, FaceCheck, LibraryBackend, Scale};
use crate::error::or_missing;
use crate::libraries::{LibraryToCreate, create_library, log_deletion};
use crate::people::transactions;
use crate::shared::Shared;
use crate::{BUILTIN, ExaminedFace, Face, Library, Missing, Person, PersonChanges, Result, Similarity};

/// The backend of this process.
pub(crate) struct Local {
    builtin: Builtin,
    shared: Arc<Shared>,
}

impl Local {
    pub fn new(builtin: Builtin, shared: Arc<Shared>) -> Self {
        Self { builtin, shared }
    }

    async fn store_person(
        &self,
        library_id: LibraryId,
        person: NewPerson,
        at_most: Option<u64>,
        added: EnrolledFace,
        picture: Bytes,
    ) -> Result<(Person, AddedFace)> {
        let rotation = rotation_of(&added);
        let face = self.shared.new_face(added);
        let enrolled = self.shared.store.write_with_picture(picture, move |tx, picture| {
            Box::pin(transactions::enrol(tx, library_id, person, at_most, face, picture))
        });
        let (person, face) = enrolled.await?;
        Ok((person, AddedFace { face, rotation }))
    }
}

#[async_trait]
impl LibraryBackend for Local {
    fn name(&self) -> &str {
        BUILTIN
    }

    fn scale(&self, libraries: &[LibraryId]) -> Scale {
        Scale::Ours { faces: self.builtin.faces(libraries) }
    }

    async fn create_library(&self, library: LibraryToCreate) -> Result<Library> {
        self.shared.store.write(move |tx| Box::pin(create_library(tx, library))).await
    }

    async fn delete_library(&self, library_id: LibraryId, act: Act) -> Result<()> {
        let now = self.shared.now();
        let delete = self.shared.store.remove(move |tx| {
            Box::pin(async move {
                log_deletion(tx, library_id, act).await?;
                tx.delete_library(library_id, now).await.map_err(or_missing(Missing::Library))
            })
        });
        delete.await
    }

    async fn enrol(
        &self,
        library_id: LibraryId,
        person: NewPerson,
        at_most: Option<u64>,
        photo: Photo,
    ) -> Result<(Person, AddedFace)> {
        let picture = photo.bytes.clone();
        let template = self.builtin.enrol(photo).await?;
        self.store_person(library_id, person, at_most, template, picture).await
    }

    async fn enrol_into_new(
        &self,
        library: LibraryToCreate,
        person: NewPerson,
        at_most: Option<u64>,
        photo: Photo,
    ) -> Result<Option<(Person, AddedFace)>> {
        let picture = photo.bytes.clone();
        let added = self.builtin.enrol(photo).await?;
        let rotation = rotation_of(&added);
        let face = self.shared.new_face(added);
        let enrolled = self.shared.store.write_with_picture(picture, move |tx, picture| {
            Box::pin(async move {
                let library = create_library(tx, library).await?;
                transactions::enrol(tx, library.id, person, at_most, face, picture).await
            })
        });
        let (person, face) = enrolled.await?;
        Ok(Some((person, AddedFace { face, rotation })))
    }

    async fn enrol_checked(
        &self,
        library_id: LibraryId,
        person: NewPerson,
        at_most: Option<u64>,
        photo: Photo,
        FaceCheck { wanted, accepts }: FaceCheck,
    ) -> Result<(ExaminedFace, Option<(Person, AddedFace)>)> {
        let picture = photo.bytes.clone();
        let (examined, template) = self.builtin.enrol_examined(photo, wanted, accepts).await?;
        let added = match template {
            Some(template) => Some(self.store_person(library_id, person, at_most, template, picture).await?),
            None => None,
        };
        Ok((examined, added))
    }

    async fn add_face(&self, person: &Person, changes: PersonChanges, photo: Photo) -> Result<AddedFace> {
        let picture = photo.bytes.clone();
        let added = self.builtin.enrol(photo).await?;
        let rotation = rotation_of(&added);
        let (id, face, now) = (person.id, self.shared.new_face(added), self.shared.now());
        let add = self.shared.store.write_with_picture(picture, move |tx, picture| {
            Box::pin(transactions::add_face(tx, id, changes, face, picture, now))
        });
        Ok(AddedFace { face: add.await?, rotation })
    }

    async fn replace(&self, person: &Person, changes: PersonChanges, photo: Photo) -> Result<AddedFace> {
        let picture = photo.bytes.clone();
        let added = self.builtin.enrol(photo).await?;
        let rotation = rotation_of(&added);
        let (id, face, now) = (person.id, self.shared.new_face(added), self.shared.now());
        let replace = self.shared.store.write_with_picture(picture, move |tx, picture| {
            Box::pin(transactions::replace_faces(tx, id, changes, face, picture, now))
        });
        Ok(AddedFace { face: replace.await?, rotation })
    }

    async fn remove_person(&self, person: &Person) -> Result<()> {
        let (id, library_id, now) = (person.id, person.library_id, self.shared.now());
        let remove = self.shared.store.remove(move |tx| Box::pin(transactions::remove(tx, library_id, id, now)));
        remove.await
    }

    async fn remove_people(&self, people: &[Person]) -> Result<(usize, usize)> {
        let (people, now) = (people.to_vec(), self.shared.now());
        self.shared.store.remove(move |tx| Box::pin(transactions::remove_people(tx, people, now))).await
    }

    async fn remove_face(&self, _: LibraryId, face: &Face) -> Result<()> {
        let (id, now) = (face.id, self.shared.now());
        let remove = self.shared.store.remove(move |tx| Box::pin(async move { tx.remove_face(id, now).await }));
        remove.await.map_err(or_missing(Missing::Face))
    }

    async fn copy_person(&self, from: PersonId, faces: &[Face], to: LibraryId, new: NewPerson) -> Result<bool> {
        let copies =
            faces.iter().map(|face| CopiedFace { face_id: face.id, file_id: self.shared.ids.file() }).collect();
        let copy = self.shared.store.write(move |tx| Box::pin(transactions::copy(tx, from, to, new, copies)));
        copy.await.map(|()| true)
    }

    async fn move_person(&self, person: &Person, to: LibraryId) -> Result<Person> {
        let (person, now) = (person.clone(), self.shared.now());
        self.shared.store.write(move |tx| Box::pin(transactions::move_person(tx, person, to, now))).await
    }

    async fn merge_people(&self, person: &Person, other: &Person, max_faces: Option<usize>) -> Result<Person> {
        let (person, other, now) = (person.clone(), other.clone(), self.shared.now());
        self.shared.store.write(move |tx| Box::pin(transactions::merge(tx, person, other, max_faces, now))).await
    }

    async fn identify(&self, libraries: &[LibraryRef], photo: Photo, top_n: usize) -> Result<Vec<Candidate>> {
        Ok(self.builtin.identify(&rows(libraries), photo, top_n).await?)
    }

    async fn identify_checked(
        &self,
        library: &LibraryRef,
        photo: Photo,
        top_n: usize,
        FaceCheck { wanted, accepts }: FaceCheck,
    ) -> Result<(ExaminedFace, Vec<Candidate>)> {
        Ok(self.builtin.identify_examined(library.row, photo, top_n, wanted, accepts).await?)
    }

    async fn identify_many(
        &self,
        libraries: &[LibraryRef],
        people: Option<HashSet<PersonId>>,
        photo: Photo,
        top_n: usize,
    ) -> Result<Vec<FaceCandidates>> {
        Ok(self.builtin.identify_many(&rows(libraries), people, photo, top_n).await?)
    }

    /// The picture is embedded once, whatever the number of faces.
    async fn compare_with_people(&self, people: &[Person], photo: Photo) -> Result<Vec<Candidate>> {
        let libraries: Vec<LibraryId> = people.iter().map(|person| person.library_id).collect();
        let people: HashSet<PersonId> = people.iter().map(|person| person.id).collect();
        let top_n = people.len();
        Ok(self.builtin.identify_among(&libraries, people, photo, top_n).await?)
    }

    async fn compare(&self, a: Photo, b: Photo) -> Result<Similarity> {
        Ok(self.builtin.compare(a, b).await?)
    }

    async fn compare_checked(
        &self,
        a: Photo,
        b: Photo,
        FaceCheck { wanted, accepts }: FaceCheck,
    ) -> Result<([ExaminedFace; 2], Option<Similarity>)> {
        Ok(self.builtin.compare_examined(a, b, wanted, accepts).await?)
    }

    async fn detect(&self, photo: Photo) -> Result<Vec<SeenFace>> {
        Ok(self.builtin.detect(photo).await?)
    }

    async fn assess(&self, photo: Photo) -> Result<Assessment> {
        Ok(self.builtin.assess(photo).await?)
    }

    async fn require_face(&self, photo: Photo) -> Result<()> {
        Ok(self.builtin.require_face(photo).await?)
    }
}

fn rotation_of(added: &EnrolledFace) -> f32 {
    added.face.map_or(0.0, |seen| seen.rotation)
}

fn rows(libraries: &[LibraryRef]) -> Vec<LibraryId> {
    libraries.iter().map(|library| library.row).collect()
}
