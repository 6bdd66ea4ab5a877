//! Field parsing of section 9; each field has an error code of its own.

use aicp_platform::{Control, Gates, Match, Page, Threshold};

use super::super::answers::percent;
use super::super::codes::{self, Code};
use super::super::failure::Failure;
use super::super::fields::Fields;

/// Maximum length of group and user ids in bytes.
const MAX_ID: usize = 48;
/// Maximum length of the free text about a user in bytes.
const MAX_USER_INFO: usize = 256;
/// Default number of rows in a list.
const PAGE: u64 = 100;
/// Maximum number of rows in a list.
const MAX_PAGE: u64 = 1000;
/// Group id that stands for every group.
const ALL: &str = "@ALL";

/// Values accepted in `face_field`. Attributes that no model here computes are left out of the answer.
const FACE_FIELDS: [&str; 17] = [
    "age",
    "beauty",
    "expression",
    "face_shape",
    "gender",
    "glasses",
    "landmark",
    "landmark72",
    "landmark150",
    "quality",
    "eye_status",
    "emotion",
    "face_type",
    "mask",
    "spoofing",
    "liveness",
    "angle",
];

/// Requested attributes that are available here.
#[derive(Default)]
pub(super) struct Wanted {
    pub landmark: bool,
    pub quality: bool,
    pub liveness: bool,
}

pub(super) fn missing(name: &str) -> Failure {
    let (code, message) = codes::missing(name);
    Failure::code_with_message(code, message)
}

/// Whether a text is an id: 1 to [`MAX_ID`] letters, digits and underscores.
pub(super) fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_ID && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Whether a text may be an app id. The operator chooses these, so the check is loose.
pub(super) fn is_app_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= 128 && !text.chars().any(char::is_control)
}

pub(super) fn text(fields: &Fields<'_>, name: &str, wrong: Code) -> Result<Option<String>, Failure> {
    fields.text(&[name]).map_err(|_| Failure::code(wrong))
}

/// Whether a field holds a value that is not blank. Does not decode images.
pub(super) fn has_text(fields: &Fields<'_>, name: &str) -> bool {
    !fields.is_blank(name)
}

pub(super) fn required(fields: &Fields<'_>, name: &str, wrong: Code) -> Result<String, Failure> {
    let text = text(fields, name, wrong)?.filter(|text| !text.trim().is_empty());
    text.ok_or_else(|| missing(name))
}

pub(super) fn group_id(fields: &Fields<'_>, name: &str) -> Result<String, Failure> {
    let id = required(fields, name, codes::GROUP_ID)?;
    if is_id(&id) { Ok(id) } else { Err(Failure::code(codes::GROUP_ID)) }
}

pub(super) fn group_or_all(fields: &Fields<'_>) -> Result<Option<String>, Failure> {
    if required(fields, "group_id", codes::GROUP_ID)? == ALL {
        Ok(None)
    } else {
        group_id(fields, "group_id").map(Some)
    }
}

pub(super) fn user_id(fields: &Fields<'_>) -> Result<String, Failure> {
    let id = required(fields, "user_id", codes::USER_ID)?;
    if is_id(&id) { Ok(id) } else { Err(Failure::code(codes::USER_ID)) }
}

pub(super) fn user_info(fields: &Fields<'_>) -> Result<Option<String>, Failure> {
    let info = text(fields, "user_info", codes::USER_INFO)?;
    match &info {
        Some(info) if info.len() > MAX_USER_INFO => Err(Failure::code(codes::USER_INFO)),
        _ => Ok(info),
    }
}

/// Returns the distinct items of an array or a comma-separated text, without blank ones.
pub(super) fn list(
    fields: &Fields<'_>,
    name: &'static str,
    wrong: Code,
    is_right: fn(&str) -> bool,
) -> Result<Vec<String>, Failure> {
    let texts = fields.texts(&[name]).map_err(|_| Failure::code(wrong))?;
    let mut items: Vec<String> = Vec::new();
    for item in texts.iter().flat_map(|text| text.split(',')).map(str::trim).filter(|item| !item.is_empty()) {
        if !is_right(item) {
            return Err(Failure::code(wrong));
        }
        if !items.iter().any(|known| known == item) {
            items.push(item.to_owned());
        }
    }
    Ok(items)
}

/// Parses `start` and `length`.
pub(super) fn page(fields: &Fields<'_>) -> Result<Page, Failure> {
    let number = |name: &'static str, default: u64, most: u64, wrong: Code| {
        let number = fields.integer(&[name]).map_err(|_| Failure::code(wrong))?;
        number.map_or(Ok(default), |n| u64::try_from(n).ok().filter(|n| *n <= most).ok_or_else(|| Failure::code(wrong)))
    };
    let offset = number("start", 0, u64::MAX, codes::START)?;
    Ok(Page { offset, limit: number("length", PAGE, MAX_PAGE, codes::LENGTH)? })
}

/// Parses a number of 1 to `most`.
pub(super) fn count(
    fields: &Fields<'_>,
    name: &'static str,
    default: usize,
    most: usize,
    wrong: Code,
) -> Result<usize, Failure> {
    let number = fields.integer(&[name]).map_err(|_| Failure::code(wrong))?;
    number.map_or(Ok(default), |n| {
        usize::try_from(n).ok().filter(|n| (1..=most).contains(n)).ok_or_else(|| Failure::code(wrong))
    })
}

/// Parses `match_threshold`, 0..100.
pub(super) fn threshold(fields: &Fields<'_>, default: f32) -> Result<f32, Failure> {
    let Some(text) = text(fields, "match_threshold", codes::INVALID_PARAMETER)?.filter(|t| !t.trim().is_empty()) else {
        return Ok(default);
    };
    let number = text.trim().parse::<f32>().ok().filter(|n| (0.0..=100.0).contains(n));
    number.ok_or_else(|| Failure::code(codes::INVALID_PARAMETER))
}

/// Converts a score threshold, 0..100, to a similarity threshold low enough that rounding excludes no match.
pub(super) fn similarity_threshold(threshold: f32) -> Threshold {
    Threshold::AtLeast((threshold / 100.0).next_down())
}

/// Returns the similarity threshold of a search: without `match_threshold`, that of each library, and `default`, 0..100, for
/// libraries that have none.
pub(super) fn search_threshold(fields: &Fields<'_>, default: f32) -> Result<Threshold, Failure> {
    let named = similarity_threshold(threshold(fields, default)?);
    Ok(match named {
        Threshold::AtLeast(least) if !has_text(fields, "match_threshold") => Threshold::OwnOr(least),
        named => named,
    })
}

/// Removes matches whose answered score is below `threshold`.
pub(super) fn retain_above(threshold: f32, matches: &mut Vec<Match>) {
    matches.retain(|found| percent(found.similarity) >= threshold);
}

pub(super) fn action(fields: &Fields<'_>) -> Result<Option<String>, Failure> {
    Ok(text(fields, "action_type", codes::INVALID_PARAMETER)?.filter(|action| !action.is_empty()))
}

pub(super) fn gates(fields: &Fields<'_>) -> Result<Gates, Failure> {
    Ok(Gates {
        quality: control(fields, "quality_control", codes::QUALITY_CONTROL)?,
        liveness: control(fields, "liveness_control", codes::LIVENESS_CONTROL)?,
    })
}

pub(super) fn control(fields: &Fields<'_>, name: &'static str, wrong: Code) -> Result<Control, Failure> {
    match text(fields, name, wrong)?.as_deref() {
        None | Some("" | "NONE") => Ok(Control::None),
        Some("LOW") => Ok(Control::Low),
        Some("NORMAL") => Ok(Control::Normal),
        Some("HIGH") => Ok(Control::High),
        Some(_) => Err(Failure::code(wrong)),
    }
}

pub(super) fn face_type(fields: &Fields<'_>) -> Result<(), Failure> {
    match text(fields, "face_type", codes::FACE_TYPE)?.as_deref() {
        None | Some("" | "LIVE" | "IDCARD" | "WATERMARK" | "CERT") => Ok(()),
        Some(_) => Err(Failure::code(codes::FACE_TYPE)),
    }
}

pub(super) fn wanted(fields: &Fields<'_>) -> Result<Wanted, Failure> {
    let names = list(fields, "face_field", codes::FACE_FIELD, |name| FACE_FIELDS.contains(&name))?;
    let wants = |name: &str| names.iter().any(|wanted| wanted == name);
    Ok(Wanted {
        landmark: wants("landmark"),
        quality: wants("quality"),
        liveness: wants("liveness") || wants("spoofing"),
    })
}

/// Parses the fields in every way that calls do.
#[cfg(fuzzing)]
pub(in crate::aicp) fn read_all(fields: &Fields<'_>) {
    let _ = (wanted(fields), gates(fields), face_type(fields), user_info(fields), action(fields), page(fields));
    let _ = (group_or_all(fields), user_id(fields), threshold(fields, 80.0).map(similarity_threshold));
    let _ = (list(fields, "group_id_list", codes::GROUP_ID_LIST, is_id), has_text(fields, "image"));
    let _ = count(fields, "max_face_num", 1, 10, codes::MAX_FACES);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_score_that_comes_back_as_a_threshold_is_reached(similarity in 0.0f32..=1.0) {
            let Threshold::AtLeast(least) = similarity_threshold(percent(similarity)) else { panic!("a bar of its own") };
            prop_assert!(similarity >= least);
        }
    }
}
