//! Operations: which one a request means, and who may call it. Both are read from the OpenAPI document.

use std::collections::BTreeMap;

use aicp_platform::{Area, Caller, Error, Refusal};
use axum::http::Method;
use utoipa::openapi::path::Operation as Described;
use utoipa::openapi::{HttpMethod, OpenApi, RefOr};

use crate::problem::{Problem, Result};

/// Scope of operations that only an administrator may call.
pub(crate) const ADMINISTRATOR: &str = "administrator";
/// Scope of operations that every caller may call who sees events.
pub(crate) const EVENTS: &str = "events";

/// Operation by which a session that a face alone opened may end itself.
const SIGN_OUT: &str = "signOut";
/// Operation that searches although its method is GET.
const SEARCH_BY_GET: &str = "listSimilarPeople";
/// Media type of bodies with pictures.
const FORM: &str = "multipart/form-data";
/// Media type of archives.
pub(crate) const ARCHIVE: &str = "application/zip";

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everybody, without a token.
    Public,
    /// Every holder of a token.
    Token,
    /// Apps that were granted an area, and administrators.
    Area(Area),
    /// Apps that were granted an area with events, and administrators.
    Events,
    /// Administrators.
    Administrator,
}

impl Access {
    fn of(operation: &Described) -> Option<Self> {
        let Some(requirements) = &operation.security else { return Some(Self::Public) };
        let scopes = requirements.first().and_then(|requirement| serde_json::to_value(requirement).ok())?;
        let scopes: Vec<&str> =
            scopes.as_object()?.values().next()?.as_array()?.iter().filter_map(|s| s.as_str()).collect();
        match scopes[..] {
            [] => Some(Self::Token),
            [ADMINISTRATOR] => Some(Self::Administrator),
            [EVENTS] => Some(Self::Events),
            [area] => Area::named(area).map(Self::Area),
            _ => None,
        }
    }

    /// Checks that a caller may call an operation with this access. A viewer may call what is safe, which changes nothing,
    /// and what every holder of a token may.
    ///
    /// # Errors
    /// The caller may not.
    pub fn check(self, caller: &Caller, is_safe: bool) -> Result<()> {
        match self {
            Self::Public | Self::Token => Ok(()),
            Self::Area(_) | Self::Events if caller.is_viewer() && !is_safe => Err(Problem::viewer()),
            Self::Area(area) => caller.require_area(area).map_err(Problem::from),
            Self::Events if caller.event_kinds().is_empty() => Err(Problem::not_granted()),
            Self::Events => Ok(()),
            Self::Administrator if caller.is_administrator() => Ok(()),
            Self::Administrator => Err(Problem::forbidden()),
        }
    }
}

/// Whether an operation creates something: it is answered by 201.
pub(crate) fn creates(operation: &Described) -> bool {
    operation.responses.responses.contains_key("201")
}

/// An operation of the interface.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    /// Name, such as `listLibraries`.
    pub id: String,
    /// Short description.
    pub summary: String,
    /// Path with the names of its parameters.
    pub path: String,
    pub access: Access,
    /// Whether the method tells that it changes nothing.
    pub is_safe: bool,
    /// Whether the body may hold pictures.
    pub takes_pictures: bool,
    /// Whether the body is an archive, which is received into a file.
    pub takes_archive: bool,
    /// Whether it creates something, so that it must not be done twice.
    pub creates: bool,
    /// Whether the call is in the call log: what an app is granted is.
    pub is_logged: bool,
    /// Whether it only shows something. A search does more, whatever its method.
    pub is_read: bool,
}

impl Operation {
    /// Checks that a caller may call the operation. A session that a face alone opened may not do what every other holder of
    /// a token may do for themselves.
    ///
    /// # Errors
    /// As [`Access::check`]; [`Refusal::PasswordWanted`].
    pub fn check(&self, caller: &Caller) -> Result<()> {
        if caller.is_by_face() && self.access == Access::Token && !self.is_safe && self.id != SIGN_OUT {
            return Err(Error::from(Refusal::PasswordWanted).into());
        }
        self.access.check(caller, self.is_safe)
    }
}

/// The operations by path and method.
pub(crate) struct Operations {
    paths: matchit::Router<Methods>,
}

struct Methods {
    /// Value of the header `Allow`.
    allowed: String,
    operations: BTreeMap<String, Operation>,
}

/// Why a request means no operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoOperation<'a> {
    NoPath,
    /// The path has these methods.
    WrongMethod(&'a str),
}

impl Operations {
    /// Reads the operations of a document. Paths that can't be routed, and operations whose access can't be read, are left
    /// out; a test shows that there are none.
    pub fn of(document: &OpenApi) -> Self {
        let mut paths = matchit::Router::new();
        for (path, item) in &document.paths.paths {
            let mut operations = BTreeMap::new();
            let methods = [
                (HttpMethod::Get, &item.get),
                (HttpMethod::Post, &item.post),
                (HttpMethod::Put, &item.put),
                (HttpMethod::Patch, &item.patch),
                (HttpMethod::Delete, &item.delete),
            ];
            for (method, described) in methods {
                let Some(described) = described else { continue };
                let Some(access) = Access::of(described) else { continue };
                let name = match method {
                    HttpMethod::Get => "GET",
                    HttpMethod::Post => "POST",
                    HttpMethod::Put => "PUT",
                    HttpMethod::Patch => "PATCH",
                    _ => "DELETE",
                };
                let takes = |media_type| match &described.request_body {
                    Some(RefOr::T(body)) => body.content.contains_key(media_type),
                    Some(RefOr::Ref(_)) | None => false,
                };
                let operation = Operation {
                    id: described.operation_id.clone().unwrap_or_default(),
                    summary: described.summary.clone().unwrap_or_default(),
                    path: path.clone(),
                    access,
                    is_safe: matches!(name, "GET" | "HEAD"),
                    takes_pictures: takes(FORM),
                    takes_archive: takes(ARCHIVE),
                    creates: creates(described),
                    is_read: name == "GET" && described.operation_id.as_deref() != Some(SEARCH_BY_GET),
                    is_logged: matches!(access, Access::Area(area) if area != Area::Statistics),
                };
                operations.insert(name.to_owned(), operation);
            }
            let mut allowed: Vec<&str> = operations.keys().map(String::as_str).collect();
            if allowed.contains(&"GET") {
                allowed.push("HEAD");
            }
            let allowed = allowed.join(", ");
            // A path that conflicts with another would make a router of axum panic, in every test.
            let _ = paths.insert(path.clone(), Methods { allowed, operations });
        }
        Self { paths }
    }

    /// Returns the operation of a request. `HEAD` counts as `GET`.
    ///
    /// # Errors
    /// [`NoOperation`].
    pub fn find(&self, method: &Method, path: &str) -> Result<&Operation, NoOperation<'_>> {
        let found = self.paths.at(path).map_err(|_| NoOperation::NoPath)?.value;
        let name = if method == Method::HEAD { "GET" } else { method.as_str() };
        found.operations.get(name).ok_or(NoOperation::WrongMethod(&found.allowed))
    }
}
