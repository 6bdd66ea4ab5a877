//! The OpenAPI document, the routes that it describes, and the page that shows it.

use std::sync::{Arc, LazyLock};

use aicp_platform::Platform;
use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use utoipa::PartialSchema;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::Tag;
use utoipa::openapi::{ComponentsBuilder, ContentBuilder, Info, OpenApi, Paths, Ref, RefOr, ResponseBuilder, Server};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::Config;

use crate::access::creates;
use crate::problem::{FieldFault, Problem};
use crate::tags::TAGS;
use crate::{
    BASE, DOCS, about, accounts, apps, audit, bulk, engines, erasures, events, exports, faces, identification,
    job_items, jobs, libraries, library_tags, moves, operator_faces, operators, outbox, overview, people, people_list,
    recognition, recognition_log, secrets, session, setting_changes, statistics, system, webhooks,
};

/// Name of the security scheme in the document.
pub(crate) const TOKEN: &str = "token";
/// Name of the security scheme of sessions.
const SESSION: &str = "session";

const DESCRIPTION: &str = "Everything that the platform can do. Ids are texts, times are RFC 3339 in UTC. Lists are pages: \
     `next` of a page is the `cursor` of the next one. Errors are problem details (RFC 9457); `code` tells programs what \
     went wrong. A picture is a file of a form, base64 in JSON, or an address.";

/// What the page may load: its own files, and pictures that are part of its style sheet.
const POLICY: &str =
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

/// The handlers by path below [`BASE`], and the document that describes them.
pub(crate) static ROUTES: LazyLock<(Router<Platform>, OpenApi)> = LazyLock::new(|| {
    let info = Info::builder().title("AICP").version(env!("CARGO_PKG_VERSION")).description(Some(DESCRIPTION)).build();
    let routes = OpenApiRouter::with_openapi(OpenApi::new(info, Paths::new()))
        .merge(libraries::routes())
        .merge(library_tags::routes())
        .merge(people::routes())
        .merge(people_list::routes())
        .merge(bulk::routes())
        .merge(moves::routes())
        .merge(erasures::routes())
        .merge(faces::routes())
        .merge(recognition::routes())
        .merge(identification::routes())
        .merge(recognition_log::routes())
        .merge(apps::routes())
        .merge(operators::routes())
        .merge(operator_faces::routes())
        .merge(session::routes())
        .merge(audit::routes())
        .merge(statistics::routes())
        .merge(engines::routes())
        .merge(outbox::routes())
        .merge(jobs::routes())
        .merge(exports::routes())
        .merge(job_items::routes())
        .merge(accounts::routes())
        .merge(events::routes())
        .merge(webhooks::routes())
        .merge(system::routes())
        .merge(overview::routes())
        .merge(setting_changes::routes())
        .merge(secrets::routes())
        .merge(about::routes());
    let (router, mut document) = routes.split_for_parts();
    complete(&mut document);
    // The life of a request has bounded the body.
    (router.layer(DefaultBodyLimit::disable()), document)
});

/// Returns the OpenAPI document.
pub fn openapi() -> &'static OpenApi {
    &ROUTES.1
}

/// Adds what all operations have in common.
fn complete(document: &mut OpenApi) {
    document.tags = Some(TAGS.map(|(name, text)| Tag::builder().name(name).description(Some(text)).build()).to_vec());
    document.servers = Some(vec![Server::new(BASE)]);
    let scheme = SecurityScheme::Http(Http::builder().scheme(HttpAuthScheme::Bearer).build());
    let common = ComponentsBuilder::new()
        .schema_from::<Problem>()
        .schema_from::<FieldFault>()
        .security_scheme(TOKEN, scheme)
        .security_scheme(SESSION, SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(session::COOKIE))))
        .build();
    let components = document.components.get_or_insert_default();
    components.schemas.extend(common.schemas);
    components.security_schemes.extend(common.security_schemes);
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            if creates(operation) {
                let description = "Name of the request, chosen by the client. A repeat within a day is not done again and \
                     gets the same answer.";
                let key = ParameterBuilder::new()
                    .name("Idempotency-Key")
                    .parameter_in(ParameterIn::Header)
                    .description(Some(description))
                    .schema(Some(String::schema()))
                    .build();
                operation.parameters.get_or_insert_default().push(RefOr::T(key));
            }
            if let Some(security) = &mut operation.security {
                security.push(SecurityRequirement::new::<_, _, String>(SESSION, []));
            }
            operation.operation_id = operation.operation_id.take().map(|id| camel_case(&id));
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
            let problem = ResponseBuilder::new().description("Error").content("application/problem+json", content);
            operation.responses.responses.insert("default".to_owned(), RefOr::T(problem.build()));
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut utoipa::openapi::path::Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete].into_iter().flatten()
}

/// Converts a name of Rust to one of JSON.
fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |text, word| {
        let (head, tail) = word.split_at(word.len().min(1));
        text + &head.to_ascii_uppercase() + tail
    })
}

/// Returns a file of the page that shows the document, at [`DOCS`]; `None` for any other path.
pub(crate) fn page(method: &Method, path: &str) -> Option<Response> {
    let file = path.strip_prefix(DOCS)?;
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Some(plain(StatusCode::METHOD_NOT_ALLOWED));
    }
    // The files of the page have relative addresses.
    if file.is_empty() {
        let mut response = plain(StatusCode::PERMANENT_REDIRECT);
        response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/api/docs/"));
        return Some(response);
    }
    let config = Arc::new(Config::new(["/api/v1/openapi.json"]).persist_authorization(false).try_it_out_enabled(true));
    let found = utoipa_swagger_ui::serve(file.trim_start_matches('/'), config);
    let Ok(Some(file)) = found else { return Some(plain(StatusCode::NOT_FOUND)) };
    let mut response = Response::new(Body::from(file.bytes.into_owned()));
    let headers = response.headers_mut();
    let content_type = HeaderValue::from_str(&file.content_type);
    headers.insert(header::CONTENT_TYPE, content_type.unwrap_or(HeaderValue::from_static("application/octet-stream")));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    if file.gzpipped {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Some(response)
}

fn plain(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Operations;
    use std::collections::BTreeSet;

    #[test]
    fn every_operation_has_a_name_a_summary_and_an_access() {
        let known = Operations::of(openapi());
        let mut document = openapi().clone();
        let mut names = BTreeSet::new();
        for (path, item) in &mut document.paths.paths {
            for (method, described) in [
                (Method::GET, &item.get),
                (Method::POST, &item.post),
                (Method::PUT, &item.put),
                (Method::PATCH, &item.patch),
                (Method::DELETE, &item.delete),
            ] {
                let Some(described) = described else { continue };
                let id = described.operation_id.clone().unwrap_or_default();
                assert!(described.summary.as_ref().is_some_and(|summary| !summary.is_empty()), "{path} {id}");
                assert_eq!(known.find(&method, path).map(|operation| &operation.id), Ok(&id), "{method} {path}");
                assert!(names.insert(id.clone()), "{id} is there once");
            }
        }
        assert!(names.contains("identifyInLibrary"), "{names:?}");
    }

    #[test]
    fn names_are_written_as_in_json() {
        assert_eq!(camel_case("list_libraries"), "listLibraries");
        assert_eq!(camel_case("get"), "get");
    }
}
