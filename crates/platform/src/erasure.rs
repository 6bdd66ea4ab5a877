//! Erasure of a person from all libraries of an app.

use aicp_store::Act;
use aicp_types::PublicId;

use crate::audit::state;
use crate::background::run_detached;
use crate::caller::APP_PREFIX;
use crate::user_ids::{people_of_app_known_as, user_id_of};
use crate::{Caller, Missing, Person, Platform, Result};

/// By what a person is named who is erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErasureKey {
    /// The public id of the person in one of the libraries.
    PublicId(PublicId),
    /// The app's own id of the person.
    ExternalId(String),
}

/// What was erased.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Erasure {
    /// Number of libraries that had the person.
    pub libraries: usize,
    /// Number of people removed.
    pub people: usize,
    /// Number of faces removed, with their pictures and templates.
    pub faces: usize,
}

impl Platform {
    /// Removes a person from all libraries of the app: everybody who is known by the same user id, with faces, templates,
    /// pictures and tags. Also forgets the answers that are kept for repeated requests of the app, for they may show the
    /// person, the items of jobs that are about the person, and the exports of these libraries. Those of the built-in engine go in one transaction; a vendor's engine is told when it can be reached.
    ///
    /// # Errors
    /// [`Missing::Person`].
    pub async fn erase_person(&self, caller: &Caller, key: ErasureKey) -> Result<Erasure> {
        let (platform, caller) = (self.clone(), caller.clone());
        run_detached(async move { platform.erase_attached(&caller, key).await }).await
    }

    async fn erase_attached(&self, caller: &Caller, key: ErasureKey) -> Result<Erasure> {
        let mut rows = self.inner.store.rows().await?;
        let app_id = caller.app_id();
        let user_id = match key {
            ErasureKey::ExternalId(user_id) => user_id,
            ErasureKey::PublicId(public_id) => {
                let keys = aicp_store::PersonKeys { public_id: Some(public_id), ..aicp_store::PersonKeys::default() };
                let person = rows.people_of_app_with_keys(app_id, keys).await?.pop().ok_or(Missing::Person)?;
                user_id_of(person.external_id.as_deref(), person.public_id)
            }
        };
        let people = people_of_app_known_as(&mut rows, app_id, &user_id).await?;
        let mut erased = Erasure::default();
        let mut by_backend: Vec<(&dyn crate::backend::LibraryBackend, Vec<Person>)> = Vec::new();
        let mut libraries = std::collections::HashSet::new();
        let public_ids: Vec<PublicId> = people.iter().map(|person| person.public_id).collect();
        for person in people {
            let Some(library) = rows.library_by_id(person.library_id).await? else { continue };
            let backend = self.backend_of(caller, &library)?;
            libraries.insert(library.id);
            match by_backend.iter_mut().find(|(known, _)| known.name() == backend.name()) {
                Some((_, people)) => people.push(person),
                None => by_backend.push((backend, vec![person])),
            }
        }
        drop(rows);
        if by_backend.is_empty() {
            return Err(Missing::Person.into());
        }
        // Forgotten and logged first: after a crash in between, the person is there to be erased again.
        self.withdraw_exports(app_id).await?;
        self.forget_person(caller, &user_id, &public_ids).await?;
        for (backend, people) in by_backend {
            let (number, faces) = backend.remove_people(&people).await?;
            erased.people += number;
            erased.faces += faces;
        }
        // One may have been begun meanwhile.
        self.withdraw_exports(app_id).await?;
        erased.libraries = libraries.len();
        if erased.people == 0 { Err(Missing::Person.into()) } else { Ok(erased) }
    }

    /// Forgets what is kept about people besides their rows, and logs the act: answers to repeated requests, items of jobs
    /// that are about them, and items that wait and would enrol them.
    async fn forget_person(&self, caller: &Caller, user_id: &str, people: &[PublicId]) -> Result<()> {
        let mut rows = self.inner.store.rows().await?;
        let items = rows.job_items_with(&crate::jobs::details_of(people)).await?;
        let waiting = rows.waiting_job_items_with(caller.app_id(), &crate::jobs::input_of(user_id)).await?;
        drop(rows);
        let (owner, now) = (Caller::name_of_app(caller.app_id()), self.now());
        let act = caller.act(now, "person.erase", "a person");
        let act = Act { after: state(&serde_json::json!({ "people": people.len() })), ..act };
        let forget = self.inner.store.write_always(move |tx| {
            Box::pin(async move {
                // Operators may have been told of the person, too.
                tx.forget_answers(&owner, APP_PREFIX).await?;
                for (job, number) in waiting {
                    crate::jobs::refuse_item(tx, job, number, now).await?;
                    tx.forget_job_item(job, number).await?;
                }
                for (job, number) in items {
                    tx.forget_job_item(job, number).await?;
                }
                tx.append_act(act).await.map_err(crate::Error::from)
            })
        });
        forget.await
    }
}
