//! People by the caller's own ids, with several faces each: the users of face-api.

use std::collections::HashSet;

use aicp_backends::Engine;
use aicp_store::{CopiedFace, NewPerson, Page, PersonChanges, Tx, picture_key};
use aicp_types::{LibraryId, PersonId};
use bytes::Bytes;
use tokio::sync::OwnedMutexGuard;

use crate::background::run_detached;
use crate::error::or_missing;
use crate::locks::Digest;
use crate::names::{people_known_as, people_of_app_known_as};
use crate::people::{self, EnrolledPerson, MissingLibrary, NewUser};
use crate::recognition::{Match, Threshold};
use crate::{Caller, Error, Existing, Face, Gates, Library, Limit, Missing, Person, Platform, Result};

/// Length of a face token in hex digits.
const TOKEN_DIGITS: usize = 32;
/// Maximum number of pictures that a 1:1 comparison sends to remote engines, the newest first.
const MAX_COMPARED_PICTURES: usize = 20;

/// A face to add to a user.
#[derive(Debug, Clone)]
pub struct UserFace {
    /// Id of the library.
    pub library: String,
    /// The caller's id of the user.
    pub user_id: String,
    /// New free text of the user, if any.
    pub info: Option<String>,
    /// The picture; its largest face counts.
    pub picture: Bytes,
    /// Controls that the picture must pass.
    pub gates: Gates,
}

/// What happens to the existing faces of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExistingFaces {
    /// They are kept.
    Keep,
    /// They are removed.
    Replace,
}

/// What happens if the user does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingUser {
    /// Refuse with [`Missing::Person`], or with [`Missing::Library`] if the library does not exist.
    Refuse,
    /// Create the user and, if needed, the library.
    Create,
}

/// Returns the token of an enrolled face; it depends on the picture alone.
pub fn face_token(face: &Face) -> String {
    face.picture_key.chars().take(TOKEN_DIGITS).collect()
}

/// Returns the token of a face of a picture, enrolled or not. Index 0 is the largest face, which an enrolment takes.
pub fn token_of_face(picture: &[u8], index: usize) -> String {
    let mut key = picture_key(picture);
    if index > 0 {
        key = picture_key(format!("{key}:{index}").as_bytes());
    }
    key.truncate(TOKEN_DIGITS);
    key
}

impl Platform {
    /// Adds a face to a user.
    ///
    /// # Errors
    /// As [`Platform::enrol`] and [`Platform::require`]; [`Missing::Person`]; [`Existing::Face`] if the library has
    /// this picture already; [`Limit::Faces`] at the limit of faces.
    pub async fn add_user_face(
        &self,
        caller: &Caller,
        face: UserFace,
        old: ExistingFaces,
        missing: MissingUser,
    ) -> Result<EnrolledPerson> {
        let (platform, caller) = (self.clone(), caller.clone());
        run_detached(async move { platform.put_user_face(&caller, face, old, missing).await }).await
    }

    async fn put_user_face(
        &self,
        caller: &Caller,
        face: UserFace,
        old: ExistingFaces,
        missing: MissingUser,
    ) -> Result<EnrolledPerson> {
        let UserFace { library, user_id, info, picture, gates } = face;
        self.require(caller, gates, &picture).await?;
        let library = match missing {
            MissingUser::Create => {
                self.library_to_enrol_into(caller, &library, &picture, MissingLibrary::Create).await?
            }
            MissingUser::Refuse => self.library(caller, &library).await?,
        };
        let store = &self.inner.store;
        let token = token_of_face(&picture, 0);
        // Serialises calls with one picture or for one user: the second must see the face of the first.
        let _same_picture = self.inner.identity_locks.lock(Digest::of(&(library.id, &token))).await;
        let _same_user = self.lock_user_name(library.id, &user_id).await;
        let known = people_known_as(&mut store.rows().await?, library.id, &user_id).await?.into_iter().next();
        if known.is_none() && missing == MissingUser::Refuse {
            return Err(Error::Missing(Missing::Person));
        }
        let _same_person = match &known {
            Some(person) => Some(self.lock_person(person).await),
            None => None,
        };
        let is_own = match &known {
            Some(person) => store.rows().await?.face_of_person_by_token(person.id, &token).await?.is_some(),
            None => false,
        };
        let may_stay = is_own && old == ExistingFaces::Replace;
        if !may_stay && store.rows().await?.has_picture_in_library(library.id, &token).await? {
            return Err(Error::Exists(Existing::Face));
        }
        let Some(person) = known else {
            let new = NewUser { user_id: Some(user_id), info, ..NewUser::default() };
            return self.add_person(caller, &library, new, picture).await;
        };
        let enrolled = match old {
            ExistingFaces::Keep => {
                let limit = self.inner.settings.max_faces_a_user;
                if limit > 0 && store.rows().await?.faces_of(person.id).await?.len() >= limit {
                    return Err(Error::Full(Limit::Faces));
                }
                let enrolled = self.add_face(caller, &library, person, picture).await?;
                self.set_info(&enrolled.person, info).await?;
                enrolled
            }
            ExistingFaces::Replace => self.replace_faces(caller, &library, person, info, picture).await?,
        };
        Ok(enrolled)
    }

    pub(crate) async fn replace_faces(
        &self,
        caller: &Caller,
        library: &Library,
        person: Person,
        info: Option<String>,
        picture: Bytes,
    ) -> Result<EnrolledPerson> {
        let store = &self.inner.store;
        let engine = self.engine_of(caller, library)?;
        match engine {
            Engine::Builtin(builtin) => {
                let added = builtin.enrol(self.photo(caller, picture.clone())).await?;
                let rotation = added.face.map_or(0.0, |seen| seen.rotation);
                let (id, face, now) = (person.id, self.new_face(added), self.now());
                let replaced = store.write_with_picture(picture, move |tx, picture| {
                    Box::pin(async move {
                        let face = people::replace_faces(tx, id, face, picture, now).await?;
                        if info.is_some() {
                            let changes = PersonChanges { info, ..PersonChanges::default() };
                            people::change_person(tx, id, changes, now).await?;
                        }
                        Ok::<_, Error>(face)
                    })
                });
                Ok(EnrolledPerson { person, face: replaced.await?, rotation })
            }
            Engine::Remote(_) => {
                let before = store.rows().await?.faces_of(person.id).await?;
                let enrolled = self.add_face(caller, library, person, picture).await?;
                for face in before {
                    match self.drop_face(caller, library, &face).await {
                        Ok(()) | Err(Error::Missing(Missing::Face)) => {}
                        Err(e) => return Err(e),
                    }
                }
                self.set_info(&enrolled.person, info).await?;
                Ok(enrolled)
            }
        }
    }

    /// Sets the free text of a person, if one is given.
    async fn set_info(&self, person: &Person, info: Option<String>) -> Result<()> {
        if info.is_none() {
            return Ok(());
        }
        let (id, now) = (person.id, self.now());
        let changes = PersonChanges { info, ..PersonChanges::default() };
        self.inner.store.write(move |tx| Box::pin(people::change_person(tx, id, changes, now))).await
    }

    /// Returns the faces of a user, the oldest first.
    ///
    /// # Errors
    /// [`Missing::Library`], [`Missing::Person`].
    pub async fn user_faces(&self, caller: &Caller, library: &str, user_id: &str) -> Result<Vec<Face>> {
        let (_, person) = self.user_of(caller, library, user_id).await?;
        let mut faces = self.inner.store.rows().await?.faces_of(person.id).await?;
        faces.reverse();
        Ok(faces)
    }

    /// Removes a face from a user. Removes the user with the last face.
    ///
    /// # Errors
    /// [`Missing::Library`], [`Missing::Person`], [`Missing::Face`].
    pub async fn remove_user_face(&self, caller: &Caller, library: &str, user_id: &str, token: &str) -> Result<()> {
        let (library, person) = self.user_of(caller, library, user_id).await?;
        // Concurrent removals of the last two faces must not leave a user without faces.
        let _same_person = self.lock_person(&person).await;
        let store = &self.inner.store;
        let face = store.rows().await?.face_of_person_by_token(person.id, token).await?.ok_or(Missing::Face)?;
        if store.rows().await?.faces_of(person.id).await?.len() > 1 {
            self.drop_face(caller, &library, &face).await
        } else {
            self.drop_person(caller, &library, &person).await
        }
    }

    /// Removes a user from a library or, if none is named, from all libraries of the app.
    ///
    /// # Errors
    /// [`Missing::Library`], [`Missing::Person`].
    pub async fn remove_user(&self, caller: &Caller, library: Option<&str>, user_id: &str) -> Result<()> {
        let users = self.users_named(caller, library, user_id).await?;
        self.drop_users(caller, users).await
    }

    /// Removes people. [`Missing::Person`] if none of them exists.
    pub(crate) async fn drop_users(&self, caller: &Caller, users: Vec<(Library, Person)>) -> Result<()> {
        let mut removed = false;
        for (library, person) in users {
            match self.drop_person(caller, &library, &person).await {
                Ok(()) => removed = true,
                Err(Error::Missing(Missing::Person)) => {}
                Err(e) => return Err(e),
            }
        }
        if removed { Ok(()) } else { Err(Error::Missing(Missing::Person)) }
    }

    /// Returns a user with the library or, if none is named, the users of this id in all libraries of the app; at least
    /// one.
    ///
    /// # Errors
    /// [`Missing::Library`], [`Missing::Person`].
    pub async fn users_named(
        &self,
        caller: &Caller,
        library: Option<&str>,
        user_id: &str,
    ) -> Result<Vec<(Library, Person)>> {
        let store = &self.inner.store;
        let mut users = Vec::new();
        match library {
            Some(library) => {
                let library = self.library(caller, library).await?;
                let people = people_known_as(&mut store.rows().await?, library.id, user_id).await?;
                users.extend(people.into_iter().map(|person| (library.clone(), person)));
            }
            None => {
                let mut rows = store.rows().await?;
                for person in people_of_app_known_as(&mut rows, caller.app_id(), user_id).await? {
                    if let Some(library) = rows.library_by_id(person.library_id).await? {
                        users.push((library, person));
                    }
                }
            }
        }
        if let Some((library, _)) = users.first() {
            self.engine_of(caller, library)?;
        }
        if users.is_empty() { Err(Error::Missing(Missing::Person)) } else { Ok(users) }
    }

    /// Returns a page of the users of a library in order of creation.
    ///
    /// # Errors
    /// [`Missing::Library`].
    pub async fn users(&self, caller: &Caller, library: &str, page: Page) -> Result<Vec<Person>> {
        let library = self.library(caller, library).await?;
        self.members(caller, &library, page).await
    }

    /// Copies a user with all faces into another library; the original remains.
    ///
    /// # Errors
    /// [`Missing::Person`], [`Existing::Person`], [`Missing::Face`]; the errors of the target's engine if it is
    /// a different one.
    pub async fn copy_user(&self, caller: &Caller, from: &Library, to: &Library, user_id: &str) -> Result<()> {
        let (platform, caller, from, to) = (self.clone(), caller.clone(), from.clone(), to.clone());
        let user_id = user_id.to_owned();
        run_detached(async move { platform.copy_user_to(&caller, &from, &to, &user_id).await }).await
    }

    async fn copy_user_to(&self, caller: &Caller, from: &Library, to: &Library, user_id: &str) -> Result<()> {
        let store = &self.inner.store;
        let person = people_known_as(&mut store.rows().await?, from.id, user_id)
            .await?
            .into_iter()
            .next()
            .ok_or(Missing::Person)?;
        let _same_user = self.lock_user_name(to.id, user_id).await;
        if !people_known_as(&mut store.rows().await?, to.id, user_id).await?.is_empty() {
            return Err(Error::Exists(Existing::Person));
        }
        let new = NewUser {
            user_id: Some(user_id.to_owned()),
            info: person.info.clone(),
            profile: person.profile.clone(),
            at_most: None,
        };
        let mut faces = store.rows().await?.faces_of(person.id).await?;
        faces.reverse();
        let keeps_templates = matches!(self.engine_of(caller, from)?, Engine::Builtin(_));
        if keeps_templates && from.engine == to.engine {
            let copies = faces.iter().map(|face| CopiedFace { face_id: face.id, file_id: self.inner.ids.file() });
            let (from, to, new, copies) = (person.id, to.id, self.new_person(new)?, copies.collect());
            return store.write(move |tx| Box::pin(copy_person(tx, from, to, new, copies))).await;
        }
        // A different engine needs the pictures.
        let mut copy: Option<Person> = None;
        for face in faces {
            let picture = store.picture(&face.picture_key).await.map_err(or_missing(Missing::Face))?;
            let added = match copy.clone() {
                None => self.add_person(caller, to, new.clone(), picture).await,
                Some(person) => self.add_face(caller, to, person, picture).await,
            };
            match (added, &copy) {
                (Ok(enrolled), _) => copy = Some(enrolled.person),
                (Err(e), None) => return Err(e),
                (Err(e), Some(person)) => {
                    self.drop_person(caller, to, person).await?;
                    return Err(e);
                }
            }
        }
        // A person without faces can't be enrolled at another engine.
        copy.map(drop).ok_or(Missing::Face.into())
    }

    /// Compares the largest face of a picture with one user of some libraries (1:1). Returns the user's most similar
    /// face in each library; leaves out libraries without the user.
    ///
    /// # Errors
    /// [`Missing::Person`] if none of the libraries has the user; as [`Platform::compare`].
    pub async fn compare_with_user(
        &self,
        caller: &Caller,
        libraries: &[Library],
        user_id: &str,
        picture: Bytes,
    ) -> Result<Vec<Match>> {
        let store = &self.inner.store;
        let mut found: Vec<Match> = Vec::new();
        // The built-in engine embeds the picture once, whatever the number of faces.
        let mut here = Vec::new();
        let mut people = HashSet::new();
        let mut comparisons_left = MAX_COMPARED_PICTURES;
        let photo = self.photo(caller, picture);
        for library in libraries {
            let engine = self.engine_of(caller, library)?;
            let known = people_known_as(&mut store.rows().await?, library.id, user_id).await?;
            for person in known {
                if matches!(engine, Engine::Builtin(_)) {
                    here.push(library.id);
                    people.insert(person.id);
                    continue;
                }
                let mut best: Option<Match> = None;
                let faces = store.rows().await?.faces_of(person.id).await?;
                for face in faces.into_iter().take(comparisons_left) {
                    comparisons_left -= 1;
                    let enrolled = store.picture(&face.picture_key).await.map_err(or_missing(Missing::Face))?;
                    let similarity = engine.compare(photo.clone(), photo.with(enrolled)).await?;
                    if best.as_ref().is_none_or(|best| similarity > best.similarity) {
                        best = Some(Match { person: person.clone(), face, similarity });
                    }
                }
                found.extend(best);
            }
        }
        if !people.is_empty() {
            let top_n = people.len();
            let candidates = self.inner.engines.builtin().identify_among(&here, people, photo.clone(), top_n).await?;
            let candidates = candidates.into_iter().map(|candidate| (candidate, None)).collect();
            let mut matches = self.matches(&photo, vec![candidates], top_n, Threshold::AtLeast(0.0)).await?;
            found.append(&mut matches.pop().unwrap_or_default());
        }
        found.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then(a.person.id.cmp(&b.person.id)));
        if found.is_empty() { Err(Error::Missing(Missing::Person)) } else { Ok(found) }
    }

    /// Returns the picture of an enrolled face of the app by its token.
    ///
    /// # Errors
    /// [`Missing::Face`].
    pub async fn picture_by_token(&self, caller: &Caller, token: &str) -> Result<Bytes> {
        let face = self.inner.store.rows().await?.face_by_token(caller.app_id(), token).await?.ok_or(Missing::Face)?;
        self.inner.store.picture(&face.picture_key).await.map_err(or_missing(Missing::Face))
    }

    /// Locks a user name of a library, for the creation of the user. If the [lock of the person](Self::lock_person) is
    /// needed too, take it second.
    pub(crate) async fn lock_user_name(&self, library_id: LibraryId, user_id: &str) -> OwnedMutexGuard<()> {
        self.inner.identity_locks.lock(Digest::of(&(library_id, user_id, "user"))).await
    }

    /// Locks a person for changes; does not depend on the user name, which may change.
    pub(crate) async fn lock_person(&self, person: &Person) -> OwnedMutexGuard<()> {
        self.inner.person_locks.lock(person.id).await
    }

    async fn user_of(&self, caller: &Caller, library: &str, user_id: &str) -> Result<(Library, Person)> {
        let mut users = self.users_named(caller, Some(library), user_id).await?;
        Ok(users.swap_remove(0))
    }
}

/// Copies a person with some faces into a library.
async fn copy_person(tx: &mut Tx, from: PersonId, to: LibraryId, new: NewPerson, faces: Vec<CopiedFace>) -> Result<()> {
    let person = tx.insert_person(to, new).await.map_err(|e| match e {
        aicp_store::Error::Exists => Error::Exists(Existing::Person),
        other => or_missing(Missing::Person)(other),
    })?;
    tx.copy_faces(from, person.id, faces).await.map_err(or_missing(Missing::Person))
}
