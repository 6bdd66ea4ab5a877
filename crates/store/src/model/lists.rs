//! Filters of lists. The default of each admits everything.

use aicp_types::{PersonId, UnixMillis};

/// State of an app's grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantState {
    /// It holds at this time.
    Active(UnixMillis),
    /// It expired before this time.
    Expired(UnixMillis),
    /// It was revoked.
    Revoked,
    /// There never was one.
    None,
}

/// Filter of apps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AppFilter<'a> {
    /// Only the app with this id.
    pub app_id: Option<&'a str>,
    /// Only apps whose id contains this, ASCII letters in any case.
    pub id_part: Option<&'a str>,
    /// Only apps that were granted this capability.
    pub capability: Option<&'a str>,
    /// Only apps whose grant is in this state.
    pub state: Option<GrantState>,
}

/// Filter of libraries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LibraryFilter<'a> {
    /// Only libraries of this app.
    pub app_id: Option<&'a str>,
    /// Only libraries with this external id.
    pub external_id: Option<&'a str>,
    /// Only libraries whose name contains this, ASCII letters in any case.
    pub name_part: Option<&'a str>,
}

/// Filter of the people of a library.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PersonFilter<'a> {
    /// Only the person with this external id.
    pub external_id: Option<&'a str>,
    /// Only people whose name contains this, ASCII letters in any case.
    pub name_part: Option<&'a str>,
    /// Only people with this customer number.
    pub customer_number: Option<&'a str>,
    /// Only people created at this time or later.
    pub from: Option<UnixMillis>,
    /// Only people created before this time.
    pub to: Option<UnixMillis>,
    /// Only people changed at this time or later.
    pub updated_from: Option<UnixMillis>,
    /// Only people changed before this time.
    pub updated_to: Option<UnixMillis>,
    /// Only people with all these tags.
    pub tags: &'a [String],
    /// Only people of whom this is told somewhere.
    pub text: Option<PersonText<'a>>,
}

/// A text that is looked for in the name, the external id and the tags of people, ASCII letters in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PersonText<'a> {
    /// Part of the name or the external id.
    pub part: &'a str,
    /// Part of a tag, normalised as tags are; `None`: no tag can have it.
    pub tag_part: Option<&'a str>,
}

/// Order of a list by creation, and the id of the row after which it begins; `None`: the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdOrder<I> {
    /// The oldest first.
    Oldest(Option<I>),
    /// The newest first.
    Newest(Option<I>),
}

impl<I> Default for IdOrder<I> {
    fn default() -> Self {
        Self::Oldest(None)
    }
}

/// Order of people, and the person after whom a list begins; `None`: the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonOrder<'a> {
    /// By creation.
    Oldest(Option<PersonId>),
    /// By creation, the newest first.
    Newest(Option<PersonId>),
    /// By name in the order of code points, equal ones by creation. People without a name count as named by an empty text.
    Name(Option<(&'a str, PersonId)>),
}

impl Default for PersonOrder<'_> {
    fn default() -> Self {
        Self::Oldest(None)
    }
}
