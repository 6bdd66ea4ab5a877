//! People as members of a group, with one face each and addressed by person number; and uses of pictures whose largest
//! face must first be accepted by a predicate.

use aicp_backends::{Engine, Similarity};
use aicp_store::Page;
use bytes::Bytes;

use crate::background::run_detached;
use crate::engines::library_ref;
use crate::error::or_missing;
use crate::names::people_known_as;
use crate::people::{EnrolledPerson, NewUser};
use crate::recognition::CANDIDATES_PER_PERSON;
use crate::{
    Caller, Error, Examination, ExaminedFace, Existing, Face, FacePredicate, Library, Match, Missing, Person, Platform,
    Refusal, Result, Threshold,
};

/// A person to enrol as a member of a group.
#[derive(Debug, Clone)]
pub struct NewMember {
    /// The caller's own id, if there is one.
    pub user_id: Option<String>,
    /// The picture; its largest face counts.
    pub picture: Bytes,
    /// Limit of people in the library, including this one.
    pub at_most: u64,
}

impl Platform {
    /// Enrols the largest face of a picture as a new person of a library; enrols nobody if `accepts` rejects the face.
    ///
    /// # Errors
    /// As [`Platform::enrol`]; [`Existing::Person`] if a person of the library has this id;
    /// [`crate::Limit::People`].
    pub async fn enrol_member(
        &self,
        caller: &Caller,
        library: &Library,
        member: NewMember,
        wanted: Examination,
        accepts: FacePredicate,
    ) -> Result<(ExaminedFace, Option<EnrolledPerson>)> {
        let (platform, caller, library) = (self.clone(), caller.clone(), library.clone());
        run_detached(async move {
            let NewMember { user_id, picture, at_most } = member;
            let _same_user = match &user_id {
                Some(user_id) => {
                    let turn = platform.lock_user_name(library.id, user_id).await;
                    if platform.has_member(&library, user_id).await? {
                        return Err(Error::Exists(Existing::Person));
                    }
                    Some(turn)
                }
                None => None,
            };
            let at_most = Some(at_most);
            let new = NewUser { user_id, at_most, ..NewUser::default() };
            if let Engine::Builtin(builtin) = platform.engine_of(&caller, &library)? {
                let (face, added) =
                    builtin.enrol_examined(platform.photo(&caller, picture.clone()), wanted, accepts).await?;
                let Some(added) = added else { return Ok((face, None)) };
                let person = platform.new_person(new)?;
                return Ok((face, Some(platform.store_person(&library, person, at_most, added, picture).await?)));
            }
            let face = platform.largest_face(&caller, picture.clone(), wanted).await?;
            let enrolled =
                if accepts(&face) { Some(platform.add_person(&caller, &library, new, picture).await?) } else { None };
            Ok((face, enrolled))
        })
        .await
    }

    /// As [`Platform::identify`] in one library, and returns the examination of the face. Does not search if `accepts`
    /// rejects the face.
    ///
    /// # Errors
    /// As [`Platform::identify`].
    pub async fn identify_member(
        &self,
        caller: &Caller,
        library: &Library,
        picture: Bytes,
        top_n: usize,
        wanted: Examination,
        accepts: FacePredicate,
    ) -> Result<(ExaminedFace, Vec<Match>)> {
        let engine = self.engine_of(caller, library)?;
        if let Engine::Builtin(builtin) = engine {
            let picture = self.photo(caller, picture);
            // A person takes one place per face.
            let (face, found) = builtin
                .identify_examined(library.id, picture.clone(), top_n * CANDIDATES_PER_PERSON, wanted, accepts)
                .await?;
            let libraries = [library_ref(library)];
            let threshold = self.threshold_of(engine, &libraries, Threshold::Default);
            let found = found.into_iter().map(|candidate| (candidate, threshold)).collect();
            let mut matches = self.matches(&picture, vec![found], top_n, Threshold::Default).await?;
            return Ok((face, matches.pop().unwrap_or_default()));
        }
        let face = self.largest_face(caller, picture.clone(), wanted).await?;
        if !accepts(&face) {
            return Ok((face, Vec::new()));
        }
        let found = self.identify_in(caller, std::slice::from_ref(library), picture, top_n, Threshold::Default).await?;
        Ok((face, found.matches))
    }

    /// As [`Platform::compare`], and returns the examinations of both faces. Does not compare them if `accepts` rejects
    /// one.
    ///
    /// # Errors
    /// As [`Platform::compare`].
    pub async fn compare_examined(
        &self,
        caller: &Caller,
        a: Bytes,
        b: Bytes,
        wanted: Examination,
        accepts: FacePredicate,
    ) -> Result<([ExaminedFace; 2], Option<Similarity>)> {
        let engine = self.default_engine(caller);
        if let Engine::Builtin(builtin) = engine {
            let (a, b) = (self.photo(caller, a), self.photo(caller, b));
            return Ok(builtin.compare_examined(a, b, wanted, accepts).await?);
        }
        let face_a = self.largest_face(caller, a.clone(), wanted).await?;
        let both = [face_a, self.largest_face(caller, b.clone(), wanted).await?];
        if !both.iter().all(accepts) {
            return Ok((both, None));
        }
        let similarity = Some(engine.compare(self.photo(caller, a), self.photo(caller, b)).await?);
        Ok((both, similarity))
    }

    /// Examines the largest face of a picture with the built-in engine.
    async fn largest_face(&self, caller: &Caller, picture: Bytes, wanted: Examination) -> Result<ExaminedFace> {
        let faces = self.inner.engines.builtin().examine(self.photo(caller, picture), 1, wanted).await?;
        faces.into_iter().next().ok_or(Refusal::NoFace.into())
    }

    /// Whether a person of a library has this user id: the caller's own id or, without one, the public id.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn has_member(&self, library: &Library, user_id: &str) -> Result<bool> {
        Ok(!people_known_as(&mut self.inner.store.rows().await?, library.id, user_id).await?.is_empty())
    }

    /// Returns a person of the app, with the library, by the person number or a prefix of it, in lower-case hex digits.
    ///
    /// # Errors
    /// [`Missing::Person`].
    pub async fn member_by_number(&self, caller: &Caller, digits: &str) -> Result<(Library, Person)> {
        let store = &self.inner.store;
        let mut rows = store.rows().await?;
        let person = rows.person_by_number_prefix(caller.app_id(), digits).await?.ok_or(Missing::Person)?;
        let library = rows.library_by_id(person.library_id).await?.ok_or(Missing::Person)?;
        Ok((library, person))
    }

    /// Returns a page of the people of a library in order of creation.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn members(&self, caller: &Caller, library: &Library, page: Page) -> Result<Vec<Person>> {
        self.engine_of(caller, library)?;
        Ok(self.inner.store.rows().await?.people(library.id, page).await?)
    }

    /// Removes the people of a library with this user id: the caller's own id or, without one, the public id.
    ///
    /// # Errors
    /// [`Missing::Person`].
    pub async fn remove_members(&self, caller: &Caller, library: &Library, user_id: &str) -> Result<()> {
        let people = people_known_as(&mut self.inner.store.rows().await?, library.id, user_id).await?;
        self.drop_users(caller, people.into_iter().map(|person| (library.clone(), person)).collect()).await
    }

    /// Removes a person with all faces and pictures. On return searches no longer find the person.
    ///
    /// # Errors
    /// [`Missing::Person`].
    pub async fn remove_member(&self, caller: &Caller, library: &Library, person: &Person) -> Result<()> {
        self.drop_person(caller, library, person).await
    }

    /// Replaces all faces of a person by the largest face of a picture.
    ///
    /// # Errors
    /// As [`Platform::enrol`]; [`Missing::Person`].
    pub async fn replace_member_face(
        &self,
        caller: &Caller,
        library: &Library,
        person: Person,
        picture: Bytes,
    ) -> Result<EnrolledPerson> {
        let (platform, caller, library) = (self.clone(), caller.clone(), library.clone());
        run_detached(async move {
            let _same_person = platform.lock_person(&person).await;
            platform.replace_faces(&caller, &library, person, None, picture).await
        })
        .await
    }

    /// Returns the newest face of a person, if there is one.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn newest_face(&self, person: &Person) -> Result<Option<Face>> {
        Ok(self.inner.store.rows().await?.faces_of(person.id).await?.into_iter().next())
    }

    /// Returns the picture of a face.
    ///
    /// # Errors
    /// [`Missing::Face`].
    pub async fn picture_of_face(&self, face: &Face) -> Result<Bytes> {
        self.inner.store.picture(&face.picture_key).await.map_err(or_missing(Missing::Face))
    }
}
