//! Access to private functions for the fuzz targets.

use std::collections::BTreeSet;

use axum::http::{HeaderMap, Uri};
use bytes::Bytes;

use super::face_api::read_all;
use super::fields::{Fields, Input};
use super::origin::is_of_other_site;
use super::{form_as_json, outbox, pages, routes, times};
use crate::links::Site;
use crate::query::Query;
use crate::{links, shanghai};

/// Parsed views of a field; `Err` where the field is rejected.
#[derive(Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of Fields")]
pub struct Seen {
    pub is_there: bool,
    pub text: Result<Option<String>, ()>,
    pub texts: Result<Vec<String>, ()>,
    pub integer: Result<Option<i64>, ()>,
}

/// Parsed body.
#[derive(Debug, PartialEq, Eq)]
pub enum Shape {
    /// JSON object, with the fields of the given names.
    Object(Vec<Seen>),
    /// JSON array, with the number of its items.
    List(usize),
}

/// Parses a JSON body.
pub fn body(body: &[u8], names: &[&str]) -> Option<Shape> {
    Some(match Input::parse(body).ok()? {
        Input::Object(fields) => {
            let _ = times::range(&fields, shanghai::moment);
            read_all(&fields);
            Shape::Object(names.iter().map(|name| seen(&fields, name)).collect())
        }
        Input::Array { count, .. } => Shape::List(count),
    })
}

fn seen(fields: &Fields<'_>, name: &str) -> Seen {
    let _ = (fields.is_blank(name), fields.picture(name), fields.required_text(&[name]));
    Seen {
        is_there: fields.has(name),
        text: fields.text(&[name]).map_err(drop),
        texts: fields.texts(&[name]).map_err(drop),
        integer: fields.integer(&[name]).map_err(drop),
    }
}

/// Converts a form to JSON.
pub fn form(body: &[u8]) -> Vec<u8> {
    form_as_json(Bytes::copy_from_slice(body)).to_vec()
}

/// Parses the ids in a body of 11.2; an error if it is not a JSON object.
#[allow(clippy::result_unit_err, reason = "why does not matter here")]
pub fn ids(body: &[u8]) -> Result<Option<BTreeSet<i64>>, ()> {
    let ids = outbox::ids_of(body).map_err(drop)?;
    Ok(ids.map(|ids| ids.into_iter().map(|id| id.get()).collect()))
}

/// Normalises a path and looks it up.
pub fn path(raw: &str) -> Option<String> {
    let path = routes::normalise(raw)?;
    let _ = (routes::find(&path), links::file_of_path(&path));
    Some(path)
}

/// Parses the file id in a path that names the moment of an enrolment.
pub fn moment(path: &str) -> Option<i64> {
    links::file_of_moment_path(path).map(|file_id| file_id.get())
}

/// Returns a query parameter as text and as token.
pub fn parameter(uri: &Uri, name: &str) -> (Option<String>, Option<String>) {
    let query = Query::of(uri);
    (query.get(name).map(str::to_owned), query.token(name))
}

/// Whether a page that sends these headers may act without a token.
pub fn is_our_page(headers: &HeaderMap, site: &Site) -> bool {
    !is_of_other_site(headers, site)
}

/// Returns the session token in the cookies.
pub fn cookie(headers: &HeaderMap) -> Option<String> {
    pages::session_token(headers)
}
