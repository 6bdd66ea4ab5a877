//! The manifest of an import: a CSV file with a row per picture.

use std::borrow::Cow;

use csv::{ReaderBuilder, StringRecord};
use encoding_rs::GBK;

use super::listing::{ListError, PersonRow};
use super::zip::Refused;

/// Name of the file.
pub(crate) const MANIFEST: &str = "manifest.csv";

/// What separates the tags of a person, also as Chinese keyboards write it.
const TAG_SEPARATORS: [char; 4] = [';', '；', ',', '，'];

/// A row of the manifest.
pub(crate) struct Row {
    /// Path of the picture in the archive.
    pub file: String,
    /// Whom it shows, or why the row is refused.
    pub person: Result<PersonRow, Refused>,
}

/// Reads the rows and passes each to `see`.
///
/// # Errors
/// [`ListError::Manifest`], [`ListError::TooManyFiles`], and those of `see`.
pub(crate) fn read(
    bytes: &[u8],
    most: u64,
    mut see: impl FnMut(Row) -> Result<(), ListError>,
) -> Result<(), ListError> {
    let wrong = |reason: String| ListError::Manifest(reason);
    let text = decode(bytes).ok_or_else(|| wrong("it is neither UTF-8 nor GBK".to_owned()))?;
    let mut reader = ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let head = reader.headers().map_err(|e| wrong(e.to_string()))?.clone();
    let columns: Vec<Option<Column>> = head.iter().map(Column::named).collect();
    if !columns.contains(&Some(Column::File)) {
        return Err(wrong("it has no column file".to_owned()));
    }
    let mut record = StringRecord::new();
    let mut count = 0;
    while reader.read_record(&mut record).map_err(|e| wrong(e.to_string()))? {
        count += 1;
        if count > most {
            return Err(ListError::TooManyFiles(most));
        }
        let (mut file, mut person) = (String::new(), PersonRow::default());
        for (column, value) in columns.iter().zip(&record) {
            if value.is_empty() {
                continue;
            }
            let value = value.to_owned();
            let field = match column {
                Some(Column::File) => {
                    file = value;
                    continue;
                }
                Some(Column::Tags) => {
                    person.tags = split_tags(&value);
                    continue;
                }
                None => continue,
                Some(Column::ExternalId) => &mut person.external_id,
                Some(Column::Name) => &mut person.name,
                Some(Column::CustomerNumber) => &mut person.customer_number,
                Some(Column::DocumentNumber) => &mut person.document_number,
                Some(Column::Company) => &mut person.company,
                Some(Column::Duty) => &mut person.duty,
                Some(Column::Province) => &mut person.province,
                Some(Column::Remark) => &mut person.remark,
                Some(Column::Info) => &mut person.info,
            };
            *field = Some(value);
        }
        see(Row { file, person: person.checked() })?;
    }
    Ok(())
}

/// Splits the tags of a cell. A tag in double quotes may contain separators, and a doubled quote for one.
fn split_tags(cell: &str) -> Vec<String> {
    let (mut tags, mut tag, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut letters = cell.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if is_quoted && letters.next_if_eq(&'"').is_some() => tag.push('"'),
            '"' if is_quoted || tag.trim().is_empty() => is_quoted = !is_quoted,
            separator if !is_quoted && TAG_SEPARATORS.contains(&separator) => tags.push(std::mem::take(&mut tag)),
            letter => tag.push(letter),
        }
    }
    tags.push(tag);
    tags.retain(|tag| !tag.trim().is_empty());
    tags
}

/// Writes tags into a cell, so that [`read`] finds the same.
pub(super) fn join_tags(tags: &[String]) -> String {
    let needs_quotes = |tag: &String| tag.contains('"') || tag.contains(TAG_SEPARATORS);
    let quoted = tags
        .iter()
        .map(|tag| if needs_quotes(tag) { format!("\"{}\"", tag.replace('"', "\"\"")) } else { tag.clone() });
    quoted.collect::<Vec<_>>().join(";")
}

/// A column that is read. Others are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    File,
    Name,
    ExternalId,
    CustomerNumber,
    DocumentNumber,
    Company,
    Duty,
    Province,
    Remark,
    Info,
    Tags,
}

impl Column {
    /// Returns the column of a heading; case, spaces and signs don't matter: `external id`, `externalId`, `EXTERNAL_ID`.
    fn named(heading: &str) -> Option<Self> {
        let letters: String = heading.chars().filter(char::is_ascii_alphanumeric).collect();
        Some(match letters.to_ascii_lowercase().as_str() {
            "file" => Self::File,
            "name" => Self::Name,
            "externalid" => Self::ExternalId,
            "customernumber" => Self::CustomerNumber,
            "documentnumber" => Self::DocumentNumber,
            "company" => Self::Company,
            "duty" => Self::Duty,
            "province" => Self::Province,
            "remark" => Self::Remark,
            "info" => Self::Info,
            "tags" => Self::Tags,
            _ => return None,
        })
    }
}

/// Reads a text as UTF-8 with or without a mark or, if it is not that, as GBK, as Excel writes it in China.
fn decode(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(Cow::Borrowed(text)),
        Err(_) => GBK.decode_without_bom_handling_and_without_replacement(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn tags_are_read_as_they_were_written(tags in prop::collection::vec("[a\";,； ]{0,5}[ab][\";,，]{0,3}", 0..5)) {
            // Tags have no white space around them.
            let tags: Vec<String> = tags.iter().map(|tag| tag.trim().to_owned()).collect();
            prop_assert_eq!(split_tags(&join_tags(&tags)), tags);
        }
    }

    #[test]
    fn tags_are_separated_as_people_write_them() {
        for (cell, tags) in [
            ("a;b", &["a", "b"][..]),
            ("a；b，c,d", &["a", "b", "c", "d"]),
            ("\"a, b\";c", &["a, b", "c"]),
            ("6\" tall;b", &["6\" tall", "b"]),
            (";;", &[]),
            ("\"open; b", &["open; b"]),
        ] {
            assert_eq!(split_tags(cell), tags, "{cell}");
        }
    }
}
