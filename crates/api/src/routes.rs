//! Routes: method and path to operation.

use std::borrow::Cow;
use std::str::Utf8Error;

use axum::http::Method;
use percent_encoding::percent_decode_str;

/// Operation of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    ListApps,
    ListKeys,
    MakeKey,
    RevokeKey,
    ListLibraries,
}

impl Operation {
    /// Name for the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::ListApps => "listApps",
            Self::ListKeys => "listKeys",
            Self::MakeKey => "makeKey",
            Self::RevokeKey => "revokeKey",
            Self::ListLibraries => "listLibraries",
        }
    }
}

/// Operation and the ids in its path, as sent; empty where the path has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route<'a> {
    pub operation: Operation,
    app_id: &'a str,
    key_id: &'a str,
}

/// Operation and the ids in its path, decoded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Call<'a> {
    pub operation: Operation,
    pub app_id: Cow<'a, str>,
    pub key_id: Cow<'a, str>,
}

impl<'a> Route<'a> {
    /// Decodes the ids.
    ///
    /// # Errors
    /// One of them is not UTF-8.
    pub fn call(&self) -> Result<Call<'a>, Utf8Error> {
        let decoded = |id: &'a str| percent_decode_str(id).decode_utf8();
        Ok(Call { operation: self.operation, app_id: decoded(self.app_id)?, key_id: decoded(self.key_id)? })
    }
}

/// Reason why a request has no route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoRoute {
    NoPath,
    /// The path knows these methods only.
    WrongMethod(&'static str),
}

/// Finds the operation for a method and a path as sent. `HEAD` counts as `GET`.
///
/// # Errors
/// [`NoRoute`].
pub(crate) fn find<'a>(method: &Method, path: &'a str) -> Result<Route<'a>, NoRoute> {
    let segments: Vec<&str> = path.split('/').collect();
    let ["", "api", "v1", segments @ ..] = &segments[..] else { return Err(NoRoute::NoPath) };
    let is_get = matches!(*method, Method::GET | Method::HEAD);
    let (operation, allowed) = match *segments {
        ["apps"] => (is_get.then_some(Operation::ListApps), "GET,HEAD"),
        ["apps", _, "keys"] if is_get => (Some(Operation::ListKeys), ""),
        ["apps", _, "keys"] => ((method == Method::POST).then_some(Operation::MakeKey), "GET,HEAD,POST"),
        ["apps", _, "keys", id] if !id.is_empty() => {
            ((method == Method::DELETE).then_some(Operation::RevokeKey), "DELETE")
        }
        ["apps", _, "libraries"] => (is_get.then_some(Operation::ListLibraries), "GET,HEAD"),
        _ => return Err(NoRoute::NoPath),
    };
    let id = |number: usize| segments.get(number).copied().unwrap_or_default();
    let operation = operation.ok_or(NoRoute::WrongMethod(allowed))?;
    Ok(Route { operation, app_id: id(1), key_id: id(3) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_and_paths_have_one_operation_each() {
        let found = |method: &Method, path: &str| {
            let route = find(method, path)?;
            let ids = route.call().map(|call| (call.app_id.into_owned(), call.key_id.into_owned()));
            Ok((route.operation, ids.map_err(drop)))
        };
        let ids = |app_id: &str, key_id: &str| Ok((app_id.to_owned(), key_id.to_owned()));
        for (method, path, operation, expected) in [
            (Method::GET, "/api/v1/apps", Operation::ListApps, ids("", "")),
            (Method::HEAD, "/api/v1/apps/a/keys", Operation::ListKeys, ids("a", "")),
            (Method::POST, "/api/v1/apps/a%2Fb+c/keys", Operation::MakeKey, ids("a/b+c", "")),
            (Method::POST, "/api/v1/apps//keys", Operation::MakeKey, ids("", "")),
            (Method::DELETE, "/api/v1/apps/a/keys/%31", Operation::RevokeKey, ids("a", "1")),
            (Method::DELETE, "/api/v1/apps/a/keys/%FF", Operation::RevokeKey, Err(())),
            (Method::GET, "/api/v1/apps/a/libraries", Operation::ListLibraries, ids("a", "")),
        ] {
            assert_eq!(found(&method, path), Ok((operation, expected)), "{method} {path}");
        }
        for (method, path, allowed) in [
            (Method::POST, "/api/v1/apps", "GET,HEAD"),
            (Method::PUT, "/api/v1/apps/a/keys", "GET,HEAD,POST"),
            (Method::GET, "/api/v1/apps/a/keys/1", "DELETE"),
        ] {
            assert_eq!(found(&method, path), Err(NoRoute::WrongMethod(allowed)), "{method} {path}");
        }
        for path in ["", "/", "/apps/", "//apps", "/Apps", "/apps/a", "/apps/a/keys/", "/apps/a/keys/1/", "/%61pps"] {
            let path = format!("/api/v1{path}");
            assert_eq!(found(&Method::GET, &path), Err(NoRoute::NoPath), "{path}");
        }
    }
}
