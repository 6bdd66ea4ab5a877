//! What requests carry: path, query, JSON, and pictures in their three forms.

use std::fmt::Display;

use aicp_platform::{Caller, Platform};
use aicp_requests::base64_text;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, Multipart, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use utoipa::ToSchema;

use crate::problem::{Problem, Result};

/// Field of a form with the only picture of a request; its name in JSON is `image`.
pub(crate) const FILE: &str = "file";
/// Maximum number of pictures in a request.
const MAX_PICTURES: usize = 20;

/// Caller of the request, who may make it.
pub(crate) struct Who(pub Caller);

impl<S: Send + Sync> FromRequestParts<S> for Who {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        parts.extensions.get::<Caller>().cloned().map(Self).ok_or_else(Problem::internal)
    }
}

/// What the interface passes to its handlers.
pub(crate) struct Extension<T>(pub T);

impl<S: Send + Sync, T: Clone + Send + Sync + 'static> FromRequestParts<S> for Extension<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        parts.extensions.get::<T>().cloned().map(Self).ok_or_else(Problem::internal)
    }
}

/// Maximum length of a picture in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MaxPicture(pub usize);

/// Ids in the path, as texts.
pub(crate) struct Ids<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Ids<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let read: std::result::Result<Path<T>, PathRejection> = Path::from_request_parts(parts, state).await;
        read.map(|Path(ids)| Self(ids)).map_err(|_| Problem::no_path())
    }
}

/// Parameters of the query.
pub(crate) struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let text = parts.uri.query().unwrap_or_default();
        let fields = serde_html_form::Deserializer::from_bytes(text.as_bytes());
        serde_path_to_error::deserialize(fields).map(Self).map_err(|e| fault(&e))
    }
}

/// JSON body.
pub(crate) struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        if !is_json(request.headers()) {
            return Err(Problem::wrong_media_type("the body must be application/json"));
        }
        json(&bytes_of(request, state).await?).map(Self)
    }
}

/// Fields of a request with pictures: JSON, or a form of which each file is a picture.
pub(crate) struct Form<T> {
    pub fields: T,
    /// Files of the form: name of the field, and content.
    files: Vec<(String, Bytes)>,
    max_picture: usize,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Form<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let max_picture = request.extensions().get::<MaxPicture>().map_or(0, |most| most.0);
        if is_json(request.headers()) {
            let fields = json(&bytes_of(request, state).await?)?;
            return Ok(Self { fields, files: Vec::new(), max_picture });
        }
        if !is_of_type(request.headers(), "multipart/form-data") {
            return Err(Problem::wrong_media_type("the body must be application/json or multipart/form-data"));
        }
        let unreadable = |_| Problem::bad_request("bodyNotReadable", "the form can't be read");
        let mut parts = Multipart::from_request(request, state).await.map_err(unreadable_form)?;
        let (mut files, mut texts) = (Vec::new(), Vec::new());
        while let Some(part) = parts.next_field().await.map_err(unreadable)? {
            let name = part.name().unwrap_or_default().to_owned();
            let is_file = part.file_name().is_some();
            let content = part.bytes().await.map_err(unreadable)?;
            if is_file {
                if files.len() == MAX_PICTURES {
                    return Err(Problem::too_large("the form has too many files"));
                }
                files.push((name, content));
            } else {
                let text = String::from_utf8(content.into()).map_err(|_| Problem::field(&*name, "must be UTF-8"))?;
                texts.push((name, text));
            }
        }
        let text = serde_html_form::to_string(&texts).map_err(|_| Problem::internal())?;
        let fields = serde_html_form::Deserializer::from_bytes(text.as_bytes());
        let fields = serde_path_to_error::deserialize(fields).map_err(|e| fault(&e))?;
        Ok(Self { fields, files, max_picture })
    }
}

/// A picture in JSON: its bytes, or where they are.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Image {
    /// The picture in base64.
    pub image: Option<String>,
    /// Address of the picture. Only public addresses are fetched.
    #[schema(example = "https://example.com/ada.jpg")]
    pub image_url: Option<String>,
}

/// A picture as base64, and the address of one. The first counts.
pub(crate) type ImageSource<'a> = (&'a Option<String>, &'a Option<String>);

impl<T> Form<T> {
    /// Returns the picture of a field: the file with this name, the base64 text, or what is at the address. `None` if the
    /// request has none of them.
    pub async fn picture(
        &self,
        platform: &Platform,
        caller: &Caller,
        name: &str,
        source: ImageSource<'_>,
    ) -> Result<Option<Bytes>> {
        if let Some((_, content)) = self.files.iter().find(|(known, _)| known == name) {
            return self.checked(name, content.clone()).map(Some);
        }
        let name = if name == FILE { "image" } else { name };
        self.resolve(platform, caller, name, source).await
    }

    /// Returns all pictures of the request, with the names of their fields: every file, the one of `image`, and the `images`.
    pub async fn pictures(
        &self,
        platform: &Platform,
        caller: &Caller,
        source: ImageSource<'_>,
        images: &[Image],
    ) -> Result<Vec<Bytes>> {
        if images.len() > MAX_PICTURES {
            return Err(Problem::field("images", format!("must be at most {MAX_PICTURES}")));
        }
        let mut pictures = Vec::new();
        for (name, content) in &self.files {
            pictures.push(self.checked(name, content.clone())?);
        }
        pictures.extend(self.resolve(platform, caller, "image", source).await?);
        for (index, image) in images.iter().enumerate() {
            let name = format!("images[{index}]");
            let picture = self.resolve(platform, caller, &name, (&image.image, &image.image_url)).await?;
            pictures.push(picture.ok_or_else(|| Problem::field(name, "must have image or imageUrl"))?);
        }
        Ok(pictures)
    }

    async fn resolve(
        &self,
        platform: &Platform,
        caller: &Caller,
        name: &str,
        source: ImageSource<'_>,
    ) -> Result<Option<Bytes>> {
        match source {
            (Some(text), _) => {
                let decoded = base64_text::decode(&base64_text::cleaned(text));
                self.checked(name, decoded.ok_or_else(|| Problem::field(name, "must be base64"))?).map(Some)
            }
            (None, Some(address)) => {
                let fetched = platform.fetch_picture(caller, address).await?;
                self.checked(name, fetched).map(Some)
            }
            (None, None) => Ok(None),
        }
    }

    fn checked(&self, name: &str, content: Bytes) -> Result<Bytes> {
        if content.is_empty() {
            return Err(Problem::field(name, "must not be empty"));
        }
        if content.len() > self.max_picture {
            return Err(Problem::too_large("a picture is too large"));
        }
        Ok(content)
    }
}

/// Returns the picture of a request that must have one.
pub(crate) fn required(picture: Option<Bytes>, name: &str) -> Result<Bytes> {
    picture.ok_or_else(|| Problem::field(name, "must be a picture: a file, base64 or an address"))
}

/// Whether a body is JSON; so is one whose type is not told, or told as `curl -d` does by default.
fn is_json(headers: &HeaderMap) -> bool {
    !headers.contains_key(header::CONTENT_TYPE)
        || is_of_type(headers, "application/json")
        || is_of_type(headers, "application/x-www-form-urlencoded")
}

fn is_of_type(headers: &HeaderMap, wanted: &str) -> bool {
    let sent = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    sent.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case(wanted))
}

async fn bytes_of<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes> {
    Bytes::from_request(request, state).await.map_err(|_| Problem::bad_request("bodyBroken", "the body broke off"))
}

fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    // What is read into fields by their names could be read from an array, too, by their order.
    if bytes.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
        return Err(Problem::bad_request("bodyNotReadable", "the body must be a JSON object"));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|e| match e.inner().classify() {
        Category::Data => fault(&e),
        Category::Io | Category::Syntax | Category::Eof => {
            Problem::bad_request("bodyNotReadable", format!("the body is not JSON: {}", e.inner()))
        }
    })?;
    reader.end().map_err(|_| Problem::bad_request("bodyNotReadable", "the body has more than one JSON value"))?;
    Ok(value)
}

fn fault<E: Display>(e: &serde_path_to_error::Error<E>) -> Problem {
    let path = e.path().to_string();
    if path == "." {
        Problem::bad_request("bodyNotReadable", format!("the request can't be read: {}", e.inner()))
    } else {
        Problem::field(path, e.inner().to_string())
    }
}

fn unreadable_form(_: impl Sized) -> Problem {
    Problem::bad_request("bodyNotReadable", "the form can't be read")
}
