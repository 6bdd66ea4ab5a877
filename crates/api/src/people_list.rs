//! Lists of people, by filters and in an order.

use aicp_platform::{PersonFilter, PersonOrder, PersonText, Platform, Tags};
use aicp_types::{PersonId, UnixMillis};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::input::{Ids, Query, Who};
use crate::libraries::{check_text, find as find_library};
use crate::pages::{self, Page};
use crate::people::ShownPerson;
use crate::person_data;
use crate::problem::Result;
use crate::tags;
use crate::times::moment;

/// Maximum length of a text to look for, in characters.
const MAX_TEXT: usize = 256;
/// People up to which they are counted.
const MAX_COUNT: u64 = 10_000;

pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new().routes(routes!(list_people)).routes(routes!(count_people))
}

/// Order of a list of people.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum PersonSort {
    /// By creation.
    #[default]
    Oldest,
    /// By creation, the newest first.
    Newest,
    /// By name in the order of code points, those without a name first.
    Name,
}

/// Marks of the cursors of the orders.
const BY_NEWEST: u8 = b'd';
const BY_NAME: u8 = b'n';

/// Which people to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PersonQuery {
    /// Only people whose name, external id or a tag contains this.
    #[param(max_length = 256)]
    text: Option<String>,
    /// Only the person with this id of the app.
    external_id: Option<String>,
    /// Only people whose name contains this.
    name: Option<String>,
    /// Only people with this customer number.
    customer_number: Option<String>,
    /// Only people created at this time or later.
    #[param(format = DateTime)]
    created_from: Option<String>,
    /// Only people created before this time.
    #[param(format = DateTime)]
    created_to: Option<String>,
    /// Only people changed at this time or later; a face that comes or goes is a change.
    #[param(format = DateTime)]
    updated_from: Option<String>,
    /// Only people changed before this time.
    #[param(format = DateTime)]
    updated_to: Option<String>,
    /// Only people with this tag; several may be sent, of which people must have all.
    #[serde(default)]
    #[param(required = false)]
    tag: Vec<String>,
    /// Order of the list.
    #[serde(default)]
    #[param(inline, required = false)]
    sort: PersonSort,
    /// Number of people of a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Which people to count.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct CountQuery {
    /// Only people whose name, external id or a tag contains this.
    #[param(max_length = 256)]
    text: Option<String>,
    /// Only the person with this id of the app.
    external_id: Option<String>,
    /// Only people whose name contains this.
    name: Option<String>,
    /// Only people with this customer number.
    customer_number: Option<String>,
    /// Only people created at this time or later.
    #[param(format = DateTime)]
    created_from: Option<String>,
    /// Only people created before this time.
    #[param(format = DateTime)]
    created_to: Option<String>,
    /// Only people changed at this time or later; a face that comes or goes is a change.
    #[param(format = DateTime)]
    updated_from: Option<String>,
    /// Only people changed before this time.
    #[param(format = DateTime)]
    updated_to: Option<String>,
    /// Only people with this tag; several may be sent, of which people must have all.
    #[serde(default)]
    #[param(required = false)]
    tag: Vec<String>,
}

impl PersonQuery {
    fn conditions(self) -> CountQuery {
        let Self {
            text,
            external_id,
            name,
            customer_number,
            created_from,
            created_to,
            updated_from,
            updated_to,
            tag,
            ..
        } = self;
        CountQuery { text, external_id, name, customer_number, created_from, created_to, updated_from, updated_to, tag }
    }
}

/// What a request wants to know of people, checked.
struct Conditions {
    query: CountQuery,
    tags: Tags,
    tag_part: Option<Tags>,
    times: [Option<UnixMillis>; 4],
}

impl Conditions {
    fn of(query: CountQuery) -> Result<Self> {
        check_text("text", query.text.as_deref(), 1..=MAX_TEXT)?;
        Ok(Self {
            tags: person_data::tags("tag", &query.tag)?,
            // What can't be a tag is part of none.
            tag_part: query.text.as_ref().and_then(|text| Tags::new([text]).ok()),
            times: [
                moment("createdFrom", query.created_from.as_deref())?,
                moment("createdTo", query.created_to.as_deref())?,
                moment("updatedFrom", query.updated_from.as_deref())?,
                moment("updatedTo", query.updated_to.as_deref())?,
            ],
            query,
        })
    }

    fn filter(&self) -> PersonFilter<'_> {
        let [from, to, updated_from, updated_to] = self.times;
        let tag_part = self.tag_part.as_ref().and_then(|tags| tags.as_slice().first());
        PersonFilter {
            external_id: self.query.external_id.as_deref(),
            name_part: self.query.name.as_deref(),
            customer_number: self.query.customer_number.as_deref(),
            from,
            to,
            updated_from,
            updated_to,
            tags: self.tags.as_slice(),
            text: self.query.text.as_deref().map(|part| PersonText { part, tag_part: tag_part.map(String::as_str) }),
        }
    }
}

/// List people
///
/// In the order of creation, unless `sort` says otherwise. Who is renamed while a list by name is read may be missing in it or
/// appear twice.
#[utoipa::path(get, path = "/libraries/{library}/people", tag = tags::PEOPLE, security(("token" = ["people"])),
    params(("library" = String, Path, description = "Id of the library"), PersonQuery),
    responses((status = OK, description = "A page", body = Page<ShownPerson>)))]
async fn list_people(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(library): Ids<String>,
    Query(query): Query<PersonQuery>,
) -> Result<axum::Json<Page<ShownPerson>>> {
    let limit = pages::limit(query.limit)?;
    let cursor = query.cursor.as_deref();
    let (mut oldest, mut other) = (None, None);
    match query.sort {
        PersonSort::Oldest => oldest = pages::after(cursor)?.map(PersonId::new),
        PersonSort::Newest => other = pages::text_after(BY_NEWEST, cursor)?,
        PersonSort::Name => other = pages::text_after(BY_NAME, cursor)?,
    }
    let other = other.as_ref().map(|(name, id)| (name.as_str(), PersonId::new(*id)));
    let order = match query.sort {
        PersonSort::Oldest => PersonOrder::Oldest(oldest),
        PersonSort::Newest => PersonOrder::Newest(other.map(|(_, id)| id)),
        PersonSort::Name => PersonOrder::Name(other),
    };
    let sort = query.sort;
    let conditions = Conditions::of(query.conditions())?;
    let (acting, library) = find_library(&platform, &caller, &library).await?;
    let mut rows = platform.list_people(&acting, &library, conditions.filter(), order, limit + 1).await?;
    let next = pages::cut(&mut rows, limit).map(|last| match sort {
        PersonSort::Oldest => pages::cursor(last.id.get()),
        PersonSort::Newest => pages::text_cursor(BY_NEWEST, "", last.id.get()),
        PersonSort::Name => {
            pages::text_cursor(BY_NAME, last.profile.name.as_deref().unwrap_or_default(), last.id.get())
        }
    });
    let (mut tags, newest) = (platform.tags_of(&rows).await?, platform.newest_faces(&rows).await?);
    let shown = rows.into_iter().map(|person| {
        let (tags, newest) = (tags.remove(&person.id).unwrap_or_default(), newest.get(&person.id).copied());
        ShownPerson::in_list(person, tags, newest)
    });
    Ok(axum::Json(Page { items: shown.collect(), next }))
}

/// Number of people.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PersonCount {
    /// Number of people, at most 10,000.
    people: u64,
    /// Whether there are more.
    is_more: bool,
}

/// Count people
///
/// Up to 10,000.
#[utoipa::path(get, path = "/libraries/{library}/people/count", tag = tags::PEOPLE, security(("token" = ["people"])),
    params(("library" = String, Path, description = "Id of the library"), CountQuery),
    responses((status = OK, description = "The number", body = PersonCount)))]
async fn count_people(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(library): Ids<String>,
    Query(query): Query<CountQuery>,
) -> Result<axum::Json<PersonCount>> {
    let conditions = Conditions::of(query)?;
    let (acting, library) = find_library(&platform, &caller, &library).await?;
    let found = platform.count_people(&acting, &library, conditions.filter(), MAX_COUNT + 1).await?;
    Ok(axum::Json(PersonCount { people: found.min(MAX_COUNT), is_more: found > MAX_COUNT }))
}
