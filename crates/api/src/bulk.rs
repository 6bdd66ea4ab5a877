//! Changes of many people at once.

use aicp_platform::{Caller, Error, Library, Limit, Missing, Person, PersonFilter, PersonKey, PersonOrder, Platform};
use aicp_types::{PersonId, PublicId};
use axum::extract::State;
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::input::{Ids, Json, Who};
use crate::libraries::find as find_library;
use crate::pages;
use crate::person_data::{self, PersonUpdate};
use crate::problem::{Problem, Result};
use crate::tags;

/// Maximum number of people of a request.
const MAX_PEOPLE: usize = 1000;
/// People who are changed at a time. Their writes share commits.
const CONCURRENT_CHANGES: usize = 32;

pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new().routes(routes!(bulk_update_people)).routes(routes!(bulk_delete_people))
}

/// What became of many people.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct BulkOutcome {
    /// What became of each person, in the order of the ids, or of the creation of the people with the tags.
    items: Vec<PersonOutcome>,
    /// Cursor of the next people with the tags; `null` if there are none.
    next: Option<String>,
}

/// What became of a person.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PersonOutcome {
    /// Id of the person.
    id: String,
    /// Why nothing was done; `null` if it was.
    problem: Option<Problem>,
}

/// Which people.
struct Selection<'a> {
    ids: Option<&'a [String]>,
    tags: Option<&'a [String]>,
    cursor: Option<&'a str>,
}

/// A person of a request: as found, or why not.
type Selected = (String, Result<Person>);

impl Selection<'_> {
    /// Checks the selection before anything is looked up.
    fn check(&self) -> Result<()> {
        match (self.ids, self.tags) {
            (Some(ids), None) if !(1..=MAX_PEOPLE).contains(&ids.len()) => {
                Err(Problem::field("ids", format!("must be 1 to {MAX_PEOPLE} ids of people")))
            }
            (Some(_), None) if self.cursor.is_some() => Err(Problem::field("cursor", "must be left out with ids")),
            (Some(_), None) => Ok(()),
            (None, Some([])) => Err(Problem::field("tags", "must not be empty")),
            (None, Some(_)) => Ok(()),
            _ => Err(Problem::field("ids", "either ids or tags must be sent")),
        }
    }

    /// Returns the people, and the cursor of the next ones.
    async fn people(
        &self,
        platform: &Platform,
        caller: &Caller,
        library: &Library,
    ) -> Result<(Vec<Selected>, Option<String>)> {
        if let Some(ids) = self.ids {
            let mut selected = Vec::with_capacity(ids.len());
            for id in ids {
                let found = match PublicId::parse(id) {
                    Some(id) => platform.find(caller, library, PersonKey::PublicId(id)).await,
                    None => Err(Missing::Person.into()),
                };
                selected.push((id.clone(), found.map_err(Problem::from)));
            }
            return Ok((selected, None));
        }
        let tags = person_data::tags("tags", self.tags.unwrap_or_default())?;
        let after = pages::after(self.cursor)?.map(PersonId::new);
        let filter = PersonFilter { tags: tags.as_slice(), ..PersonFilter::default() };
        let limit = MAX_PEOPLE as u64;
        let mut rows = platform.list_people(caller, library, filter, PersonOrder::Oldest(after), limit + 1).await?;
        let next = pages::cut(&mut rows, limit).map(|last| pages::cursor(last.id.get()));
        Ok((rows.into_iter().map(|person| (person.public_id.to_string(), Ok(person))).collect(), next))
    }
}

/// Does something with each person, several at a time, and tells what became of each.
async fn for_each<F>(selected: Vec<Selected>, act: impl Fn(Person) -> F) -> Vec<PersonOutcome>
where
    F: Future<Output = Result<()>> + Send,
{
    let mut outcomes = Vec::with_capacity(selected.len());
    for (id, found) in selected {
        let done = found.map(&act);
        outcomes.push(async move {
            let problem = match done {
                Ok(done) => done.await.err(),
                Err(problem) => Some(problem),
            };
            PersonOutcome { id, problem }
        });
    }
    stream::iter(outcomes).buffered(CONCURRENT_CHANGES).collect().await
}

/// Changes of many people.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"tags": ["visitor"], "addTags": ["former"], "removeTags": ["visitor"]}))]
struct BulkUpdate {
    /// Ids of the people.
    #[schema(min_items = 1, max_items = 1000)]
    ids: Option<Vec<String>>,
    /// Tags instead of ids: the people with all of them, 1000 at a time.
    #[schema(max_items = 50)]
    tags: Option<Vec<String>>,
    /// `next` of the answer before, for the next people with the tags.
    cursor: Option<String>,
    /// Changes of each person.
    change: Option<PersonUpdate>,
    /// Tags to add.
    #[serde(default)]
    #[schema(max_items = 50)]
    add_tags: Vec<String>,
    /// Tags to remove.
    #[serde(default)]
    #[schema(max_items = 50)]
    remove_tags: Vec<String>,
}

/// Change many people
///
/// Named by their ids, or by tags. Each is changed as a whole or not at all, as `items` tells. Repeat with `next` as `cursor`
/// until it is `null`.
#[utoipa::path(post, path = "/libraries/{library}/people/bulk-update", tag = tags::PEOPLE, security(("token" = ["people"])),
    params(("library" = String, Path, description = "Id of the library")),
    request_body = BulkUpdate,
    responses((status = OK, description = "What became of each", body = BulkOutcome)))]
async fn bulk_update_people(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(library): Ids<String>,
    Json(update): Json<BulkUpdate>,
) -> Result<axum::Json<BulkOutcome>> {
    let BulkUpdate { ids, tags, cursor, change, add_tags, remove_tags } = update;
    let selection = Selection { ids: ids.as_deref(), tags: tags.as_deref(), cursor: cursor.as_deref() };
    selection.check()?;
    let add = person_data::tags("addTags", &add_tags)?;
    let remove = person_data::tags("removeTags", &remove_tags)?;
    let change = change.map(PersonUpdate::checked).transpose()?;
    let (acting, library) = find_library(&platform, &caller, &library).await?;
    let (selected, next) = selection.people(&platform, &acting, &library).await?;
    let change_one = |person: Person| {
        let (platform, acting, library) = (platform.clone(), acting.clone(), library.clone());
        let (change, add, remove) = (change.clone(), add.clone(), remove.clone());
        async move {
            let changed = platform.update_person(&acting, &library, &person, move |person, tags| {
                if let Some(change) = change {
                    change.apply(person, tags);
                }
                // Too many tags: nothing is changed.
                let Ok(all) = tags.without(&remove).with(&add) else { return false };
                *tags = all;
                true
            });
            changed.await?.map(drop).ok_or_else(|| Error::from(Limit::Tags).into())
        }
    };
    Ok(axum::Json(BulkOutcome { items: for_each(selected, change_one).await, next }))
}

/// Which people to delete.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"tags": ["former"]}))]
struct BulkDeletion {
    /// Ids of the people.
    #[schema(min_items = 1, max_items = 1000)]
    ids: Option<Vec<String>>,
    /// Tags instead of ids: the people with all of them, 1000 at a time.
    #[schema(max_items = 50)]
    tags: Option<Vec<String>>,
    /// `next` of the answer before, for the next people with the tags.
    cursor: Option<String>,
}

/// Delete many people
///
/// Named by their ids, or by tags, with all faces and pictures. Each is deleted as a whole or not at all, as `items` tells.
/// Repeat with `next` as `cursor` until it is `null`.
#[utoipa::path(post, path = "/libraries/{library}/people/bulk-delete", tag = tags::PEOPLE, security(("token" = ["people"])),
    params(("library" = String, Path, description = "Id of the library")),
    request_body = BulkDeletion,
    responses((status = OK, description = "What became of each", body = BulkOutcome)))]
async fn bulk_delete_people(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(library): Ids<String>,
    Json(deletion): Json<BulkDeletion>,
) -> Result<axum::Json<BulkOutcome>> {
    let BulkDeletion { ids, tags, cursor } = deletion;
    let selection = Selection { ids: ids.as_deref(), tags: tags.as_deref(), cursor: cursor.as_deref() };
    selection.check()?;
    let (acting, library) = find_library(&platform, &caller, &library).await?;
    let (selected, next) = selection.people(&platform, &acting, &library).await?;
    let delete = |person: Person| {
        let (platform, acting, library) = (platform.clone(), acting.clone(), library.clone());
        async move { Ok(platform.remove_person(&acting, &library, &person).await?) }
    };
    Ok(axum::Json(BulkOutcome { items: for_each(selected, delete).await, next }))
}
