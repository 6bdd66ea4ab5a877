//! A library as a directory of users, each added and changed as a unit and listed with all faces.

use std::collections::HashMap;
use std::sync::Arc;

use aicp_backends::Engine;
use aicp_store::{Page, md5_hex, picture_key};
use aicp_types::{LibraryId, PublicId};
use bytes::Bytes;

use crate::background::run_detached;
use crate::names::people_known_as;
use crate::people::{MissingLibrary, NewUser, change_person, replace_faces};
use crate::versioned::{Version, Versioned};
use crate::{
    Caller, DirectoryEntry, DirectoryFilter, Error, Existing, Library, Limit, Missing, Person, PersonChanges, Platform,
    Profile, Result,
};

/// Maximum number of pictures of a user if the settings set no limit: each answer about a user lists them all.
const MAX_PICTURES: usize = 100;

/// A user to add.
#[derive(Debug, Clone)]
pub struct NewDirectoryUser {
    /// Id of the library; created if it does not exist.
    pub library: String,
    /// The caller's own id, unique in the library.
    pub user_id: String,
    /// The user's name.
    pub name: Option<String>,
    /// Free text.
    pub info: Option<String>,
    /// The picture; its largest face counts.
    pub picture: Bytes,
}

/// Returns the user id that callers see: the caller's own id or, without one, the public id in decimal.
pub fn user_id_of(external_id: Option<&str>, public_id: PublicId) -> String {
    external_id.map_or_else(|| public_id.to_string(), str::to_owned)
}

impl Platform {
    /// Adds a user with a first picture.
    ///
    /// # Errors
    /// [`Existing::Person`], and as [`Platform::enrol`].
    pub async fn add_user(&self, caller: &Caller, user: NewDirectoryUser) -> Result<Person> {
        let (platform, caller) = (self.clone(), caller.clone());
        run_detached(async move {
            let NewDirectoryUser { library, user_id, name, info, picture } = user;
            let library = platform.library_to_enrol_into(&caller, &library, &picture, MissingLibrary::Create).await?;
            let _same_user = platform.lock_user_name(library.id, &user_id).await;
            if !people_known_as(&mut platform.inner.store.rows().await?, library.id, &user_id).await?.is_empty() {
                return Err(Error::Exists(Existing::Person));
            }
            let profile = Profile { name, ..Profile::default() };
            let new = NewUser { user_id: Some(user_id), info, profile, ..NewUser::default() };
            Ok(platform.add_person(&caller, &library, new, picture).await?.person)
        })
        .await
    }

    /// Returns the user of a library with this public id.
    ///
    /// # Errors
    /// [`Missing::Person`].
    pub async fn user_by_public_id(&self, library: &Library, public_id: PublicId) -> Result<Person> {
        self.inner.store.rows().await?.person_with_id(library.id, public_id).await?.ok_or(Missing::Person.into())
    }

    /// Returns the user of a library by the user id that callers see, as [`user_id_of`] defines it.
    ///
    /// # Errors
    /// [`Missing::Person`].
    pub async fn user_by_id(&self, library: &Library, user_id: &str) -> Result<Person> {
        let mut named = people_known_as(&mut self.inner.store.rows().await?, library.id, user_id).await?;
        // A caller's own id takes precedence over an equal public id.
        let given = named.iter().position(|person| person.external_id.is_some()).unwrap_or(0);
        if named.is_empty() { Err(Error::Missing(Missing::Person)) } else { Ok(named.swap_remove(given)) }
    }

    /// Changes a user. A given picture replaces all pictures of the user by its largest face. All or nothing.
    ///
    /// # Errors
    /// [`Missing::Person`]; [`Existing::Person`] if another user of the library has the id; as [`Platform::enrol`]
    /// about the picture.
    pub async fn update_user(
        &self,
        caller: &Caller,
        library: &Library,
        person: &Person,
        changes: PersonChanges,
        picture: Option<Bytes>,
    ) -> Result<()> {
        let (platform, caller, library, person) = (self.clone(), caller.clone(), library.clone(), person.clone());
        run_detached(async move {
            let _same_person = platform.lock_person(&person).await;
            platform.change_user(&caller, &library, &person, changes, picture).await
        })
        .await
    }

    async fn change_user(
        &self,
        caller: &Caller,
        library: &Library,
        person: &Person,
        changes: PersonChanges,
        picture: Option<Bytes>,
    ) -> Result<()> {
        let store = &self.inner.store;
        let engine = self.engine_of(caller, library)?;
        let Some(picture) = picture else {
            let (id, now) = (person.id, self.now());
            return store.write(move |tx| Box::pin(change_person(tx, id, changes, now))).await;
        };
        let remote = match engine {
            Engine::Builtin(builtin) => {
                let added = builtin.enrol(self.photo(caller, picture.clone())).await?;
                let (id, face, now) = (person.id, self.new_face(added), self.now());
                return store
                    .write_with_picture(picture, move |tx, picture| {
                        Box::pin(async move {
                            change_person(tx, id, changes, now).await?;
                            replace_faces(tx, id, face, picture, now).await.map(drop)
                        })
                    })
                    .await;
            }
            Engine::Remote(remote) => remote,
        };
        // The engine is not part of the transaction, so it gets the new face first: it may refuse it.
        if let Some(user_id) = &changes.external_id {
            let named = people_known_as(&mut store.rows().await?, library.id, user_id).await?;
            if named.iter().any(|other| other.id != person.id) {
                return Err(Error::Exists(Existing::Person));
            }
        }
        let key = picture_key(&picture);
        let known = store.rows().await?.faces_of(person.id).await?.into_iter().find(|face| face.picture_key == key);
        let is_new = known.is_none();
        let kept = match known {
            Some(face) => face,
            None => self.add_face(caller, library, person.clone(), picture).await?.face,
        };
        let updated = self.update_remotely(remote.clone(), person, changes, kept.id).await;
        if updated.is_err() && is_new {
            self.drop_face(caller, library, &kept).await?;
        }
        updated
    }

    /// Adds a picture to a user and returns the MD5 of the picture in lower-case hex. Does nothing if the user has the
    /// picture already.
    ///
    /// # Errors
    /// [`Missing::Person`]; [`Limit::Faces`] at the limit of pictures; as [`Platform::enrol`] about the picture.
    pub async fn add_user_picture(
        &self,
        caller: &Caller,
        library: &Library,
        person: &Person,
        picture: Bytes,
    ) -> Result<String> {
        let (platform, caller, library, person) = (self.clone(), caller.clone(), library.clone(), person.clone());
        run_detached(async move {
            let md5 = md5_hex(&picture);
            let _same_person = platform.lock_person(&person).await;
            let store = &platform.inner.store;
            if !store.rows().await?.has_picture(person.id, &picture_key(&picture)).await? {
                let limit = Some(platform.inner.settings.max_faces_a_user).filter(|limit| *limit > 0);
                if store.rows().await?.faces_of(person.id).await?.len() >= limit.unwrap_or(MAX_PICTURES) {
                    return Err(Error::Full(Limit::Faces));
                }
                platform.add_face(&caller, &library, person, picture).await?;
            }
            Ok(md5)
        })
        .await
    }

    /// Removes a picture, named by its MD5, from a user. The user remains even without pictures.
    ///
    /// # Errors
    /// [`Missing::Face`].
    pub async fn remove_user_picture(
        &self,
        caller: &Caller,
        library: &Library,
        person: &Person,
        md5: &str,
    ) -> Result<()> {
        let (platform, caller, library, person) = (self.clone(), caller.clone(), library.clone(), person.clone());
        let md5 = md5.to_owned();
        run_detached(async move {
            let _same_person = platform.lock_person(&person).await;
            let ids = platform.inner.store.rows().await?.faces_with_md5(person.id, &md5).await?;
            if ids.is_empty() {
                return Err(Error::Missing(Missing::Face));
            }
            for id in ids {
                let face = platform.inner.store.rows().await?.face(id).await?;
                if let Some(face) = face {
                    platform.drop_face(&caller, &library, &face).await?;
                }
            }
            Ok(())
        })
        .await
    }

    /// Removes a user with all their pictures.
    ///
    /// # Errors
    /// [`Missing::Person`].
    pub async fn remove_directory_user(&self, caller: &Caller, library: &Library, person: &Person) -> Result<()> {
        self.drop_person(caller, library, person).await
    }

    /// Returns the users with these public ids and all their faces, in this order. Ids without a user are left out.
    ///
    /// # Errors
    /// [`Missing::Engine`], [`crate::Internal::Store`].
    pub async fn directory_entries(
        &self,
        caller: &Caller,
        library: &Library,
        public_ids: &[PublicId],
    ) -> Result<Vec<DirectoryEntry>> {
        self.engine_of(caller, library)?;
        let places: HashMap<PublicId, usize> = public_ids.iter().enumerate().map(|(place, id)| (*id, place)).collect();
        let cache = &self.inner.directory;
        let (mut known, missing, read_at) = cache.0.get_all(places.keys().map(|id| (library.id, *id)));
        if !missing.is_empty() {
            let missing: Vec<PublicId> = missing.into_iter().map(|(_, id)| id).collect();
            let read = self.inner.store.rows().await?.directory_entries(library.id, &missing).await?;
            for (_, entry) in read {
                let entry = Arc::new(entry);
                cache.insert(library.id, &entry, read_at);
                known.push(entry);
            }
        }
        known.sort_by_key(|entry| places.get(&entry.public_id).copied());
        Ok(known.iter().map(|entry| DirectoryEntry::clone(entry)).collect())
    }

    /// Returns the number of matching users of a library and a page of them with all their faces, in the order of
    /// addition. A filter requires a scan of the whole library: one scan per app and a few overall run at a time,
    /// others wait.
    ///
    /// # Errors
    /// [`Missing::Engine`], [`crate::Internal::Store`]; [`Error::Busy`] if the wait for a scan times out.
    pub async fn directory_page(
        &self,
        caller: &Caller,
        library: &Library,
        filter: DirectoryFilter<'_>,
        page: Page,
    ) -> Result<(u64, Vec<DirectoryEntry>)> {
        self.engine_of(caller, library)?;
        let (platform, app_id, library_id) = (self.clone(), caller.app_id().to_owned(), library.id);
        let DirectoryFilter { name_part, info } = filter;
        let (name_part, info) = (name_part.map(str::to_owned), info.map(str::to_owned));
        // A scan continues after its caller has gone, and holds its permit until it ends.
        run_detached(async move {
            let filter = DirectoryFilter { name_part: name_part.as_deref(), info: info.as_deref() };
            let _turn = match filter {
                DirectoryFilter { name_part: None, info: None } => None,
                _ => Some(platform.inner.scans.acquire(&app_id).await?),
            };
            Ok(platform.inner.store.snapshot().await?.directory_page(library_id, filter, page).await?)
        })
        .await
    }
}

/// Upper bound of the cache's estimated size in bytes.
const MAX_CACHE_BYTES: usize = 96 << 20;

/// Caches the entries of directories: building one takes several queries, and the same people are requested repeatedly.
pub(crate) struct DirectoryCache(Versioned<(LibraryId, PublicId), Arc<DirectoryEntry>>);

impl Default for DirectoryCache {
    fn default() -> Self {
        Self(Versioned::new(MAX_CACHE_BYTES))
    }
}

impl DirectoryCache {
    fn insert(&self, library_id: LibraryId, entry: &Arc<DirectoryEntry>, read_at: Version) {
        let texts = [&entry.external_id, &entry.name, &entry.info];
        let texts: usize = texts.into_iter().flatten().map(String::capacity).sum();
        // Estimates of what an entry and a face take, with the map.
        let bytes = 384 + texts + entry.faces.len() * 320;
        self.0.insert((library_id, entry.public_id), Arc::clone(entry), bytes, read_at);
    }

    /// Invalidates the entry of a person of a library.
    pub fn invalidate(&self, library_id: LibraryId, public_id: PublicId) {
        self.0.invalidate(&(library_id, public_id));
    }

    /// Invalidates all entries.
    pub fn invalidate_all(&self) {
        self.0.invalidate_all();
    }
}
