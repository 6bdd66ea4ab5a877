//! Which path is which operation, and in which dialect it is answered.

use axum::http::HeaderMap;
use percent_encoding::percent_decode_str;

use super::Listener;
use super::envelope::Shape;

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Enrol,
    Recognise,
    Compare,
    Remove,
    Query,
    Quality,
    AddLibrary,
    DeleteLibrary,
    ListLibraries,
    Detect,
    RecogniseMany,
}

/// Where in the manual a path stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    /// Section 2 alone.
    Old,
    /// Sections 3 and 7: listener and token decide.
    Shared,
    /// Section 7 alone.
    Micro,
}

/// A dialect of the face interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Section 2.
    Old,
    /// Section 3.
    New,
    /// Section 7.
    Micro,
}

impl Dialect {
    pub fn shape(self) -> Shape {
        match self {
            Self::New => Shape::Plain,
            Self::Old | Self::Micro => Shape::WithResultCode,
        }
    }

    pub fn allows_anonymous(self) -> bool {
        self != Self::Micro
    }
}

/// A kind of picture link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ImageLink {
    /// `/face/getimage?app_id=..&app_secret=..&groupId=..&faceId=..` (3.5, 7.8).
    Face,
    /// `/group1/default/<yyyymmdd>/<HH>/<mm>/<n>/<epochMillis>` (7.4, 7.5, 7.11): the normalised path.
    Moment(String),
    /// `/person/<yyyymmdd>/<id>.png` (2.2, 3.2): the normalised path.
    File(String),
}

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Operation {
        operation: Operation,
        section: Section,
    },
    Image(ImageLink),
    /// Nothing; with the shape of the answer that says so.
    Unknown(Shape),
}

const OPERATIONS: [(&str, Operation, Section); 14] = [
    ("/interactiveability/face/faceentry", Operation::Enrol, Section::Old),
    ("/interactiveability/face/FaceRecognition", Operation::Recognise, Section::Old),
    ("/interactiveability/face/personwitnessratio", Operation::Compare, Section::Old),
    ("/aicp/face/add", Operation::Enrol, Section::Shared),
    ("/aicp/face/recognition", Operation::Recognise, Section::Shared),
    ("/aicp/face/couple", Operation::Compare, Section::Shared),
    ("/aicp/face/remove", Operation::Remove, Section::Shared),
    ("/aicp/face/query", Operation::Query, Section::Shared),
    ("/aicp/face/quality", Operation::Quality, Section::Shared),
    ("/aicp/face/addBase", Operation::AddLibrary, Section::Micro),
    ("/aicp/face/deleteBase", Operation::DeleteLibrary, Section::Micro),
    ("/aicp/face/queryBaseAll", Operation::ListLibraries, Section::Micro),
    ("/aicp/face/detect", Operation::Detect, Section::Micro),
    ("/aicp/face/recognitionmn", Operation::RecogniseMany, Section::Micro),
];

/// The path as it is looked up: percent-decoded, without trailing spaces and one trailing slash. `None` if it is not
/// UTF-8.
pub(super) fn normalise(raw: &str) -> Option<String> {
    let decoded = percent_decode_str(raw).decode_utf8().ok()?;
    let trimmed = decoded.trim_end_matches(' ');
    Some(trimmed.strip_suffix('/').unwrap_or(trimmed).to_owned())
}

/// Looks a normalised path up: exactly, then in any case.
pub(super) fn find(path: &str) -> Route {
    let exact = OPERATIONS.iter().find(|(known, ..)| *known == path);
    let found = exact.or_else(|| OPERATIONS.iter().find(|(known, ..)| known.eq_ignore_ascii_case(path)));
    if let Some(&(_, operation, section)) = found {
        return Route::Operation { operation, section };
    }
    let lower = path.to_ascii_lowercase();
    if lower == "/face/getimage" {
        return Route::Image(ImageLink::Face);
    }
    if lower.starts_with("/group1/default/") {
        return Route::Image(ImageLink::Moment(lower));
    }
    if lower.starts_with("/person/") {
        return Route::Image(ImageLink::File(lower));
    }
    Route::Unknown(match lower.split('/').nth(1).unwrap_or_default() {
        "aicp" | "interactiveability" | "method" | "authorize" | "user" | "asynchrony" => Shape::WithResultCode,
        "face-api" => Shape::FaceApi,
        _ => Shape::Plain,
    })
}

/// The dialect of an operation on a listener.
pub(super) fn dialect(section: Section, listener: Listener, headers: &HeaderMap) -> Dialect {
    match (section, listener) {
        (Section::Old, _) => Dialect::Old,
        (Section::Micro, _) | (Section::Shared, Listener::Micro) => Dialect::Micro,
        (Section::Shared, Listener::Legacy) => Dialect::New,
        (Section::Shared, Listener::Auto) if headers.contains_key("token") => Dialect::Micro,
        (Section::Shared, Listener::Auto) => Dialect::New,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_trimmed_and_found_in_any_case() {
        for raw in [
            "/aicp/face/recognition%20",
            "/aicp/face/recognition/",
            "/AICP/Face/RECOGNITION",
            "/aicp/face/recogn%69tion",
        ] {
            let path = normalise(raw).expect("UTF-8");
            assert_eq!(
                find(&path),
                Route::Operation { operation: Operation::Recognise, section: Section::Shared },
                "{raw}"
            );
        }
        let curl = normalise("/InteractiveAbility/face/FaceEntry").expect("UTF-8");
        assert_eq!(find(&curl), Route::Operation { operation: Operation::Enrol, section: Section::Old });
    }

    #[test]
    fn unknown_paths_keep_the_shape_of_their_family() {
        assert_eq!(find("/aicp/face/nothing"), Route::Unknown(Shape::WithResultCode));
        assert_eq!(find("/authorize/saveOrUpdateAuthorize"), Route::Unknown(Shape::WithResultCode));
        assert_eq!(find("/face-api/v3/nothing"), Route::Unknown(Shape::FaceApi));
        assert_eq!(find("/nothing"), Route::Unknown(Shape::Plain));
        assert_eq!(find(""), Route::Unknown(Shape::Plain));
        assert_eq!(normalise("/%ff"), None);
    }
}
