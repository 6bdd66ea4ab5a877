//! Section 11: the outbox of engine writes.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use aicp_platform::{OutboxEntry, OutboxFilter};
use aicp_types::OutboxId;
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Number;

use super::call::{Call, our_failure};
use super::envelope::Answer;
use super::failure::Failure;
use super::fields::Fields;
use super::{literals, times};
use crate::lenient::{Lenient, Reader, Text};
use crate::shanghai;
use aicp_requests::trouble;

/// Default and maximum number of records on a page; each carries a picture.
const PAGE_SIZE: u64 = 100;
/// Maximum length of an id in bytes.
const MAX_ID: usize = 20;
/// Maximum number of records to resume in one call: many pages.
const MAX_RECORDS: usize = 100_000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    total: u64,
    total_page: u64,
    items: Vec<Item>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    id: String,
    data_group_id: String,
    data_person_id: String,
    data_image_address: String,
    create_time: String,
    operate_type: String,
    engine_url: String,
    solve_time: Option<String>,
    issolved: u8,
    solve_man_code: Option<String>,
    json_param: String,
    asynchrony_data_list: (),
}

/// Payload for the engine.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonParam<'a> {
    person_lib_id: &'a str,
    base_ls: String,
}

/// Ids of a list of records; `None` if the list is empty, too long or contains an invalid record. Reads only the id of
/// a record: operation and endpoint come from the database. Memory is bounded by the ids.
#[derive(Default)]
struct Records(Option<BTreeSet<OutboxId>>);

/// Reads the id of a record; `None` if it is invalid. The last of repeated keys wins.
struct RecordId;

/// Reads an id, as a number or as its text.
struct Id;

impl<'de> Deserialize<'de> for Records {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Lenient(Self(None)).deserialize(deserializer)
    }
}

impl<'de> Reader<'de> for Records {
    type Value = Self;

    fn other(self) -> Self {
        self
    }

    fn list<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self, A::Error> {
        let mut ids = Some(BTreeSet::new());
        while let Some(id) = list.next_element_seed(Lenient(RecordId))? {
            ids = ids.filter(|ids| ids.len() < MAX_RECORDS).zip(id).map(|(mut ids, id)| {
                ids.insert(OutboxId::new(id));
                ids
            });
        }
        Ok(Self(ids.filter(|ids| !ids.is_empty())))
    }
}

impl<'de> Reader<'de> for RecordId {
    type Value = Option<i64>;

    fn other(self) -> Option<i64> {
        None
    }

    fn object<A: MapAccess<'de>>(self, mut object: A) -> Result<Option<i64>, A::Error> {
        let mut id = None;
        while let Some(key) = object.next_key::<Cow<'_, str>>()? {
            match key.as_ref() {
                "id" => id = object.next_value_seed(Lenient(Id))?,
                _ => drop(object.next_value::<IgnoredAny>()?),
            }
        }
        Ok(id)
    }
}

impl<'de> Reader<'de> for Id {
    type Value = Option<i64>;

    fn other(self) -> Option<i64> {
        None
    }

    fn number(self, number: Number) -> Option<i64> {
        number.as_i64()
    }

    fn text(self, text: Text<'de, '_>) -> Option<i64> {
        Some(text.get()).filter(|text| text.len() <= MAX_ID).and_then(|text| text.parse().ok())
    }
}

/// Body of 11.2.
struct Wanted(Records);

impl<'de> Deserialize<'de> for Wanted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Body;

        impl<'de> Visitor<'de> for Body {
            type Value = Wanted;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Wanted, A::Error> {
                let mut records = Records::default();
                while let Some(key) = object.next_key::<Cow<'_, str>>()? {
                    match key.as_ref() {
                        "asynchronyDataList" => records = object.next_value()?,
                        _ => drop(object.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(Wanted(records))
            }
        }

        deserializer.deserialize_map(Body)
    }
}

/// Parses the ids in `asynchronyDataList`; `None` if the list is not valid. Fails if the body is not a JSON object.
pub(super) fn ids_of(body: &[u8]) -> Result<Option<BTreeSet<OutboxId>>, Failure> {
    let Wanted(Records(ids)) =
        serde_json::from_slice(body).map_err(|_| Failure::status(StatusCode::BAD_REQUEST, literals::MALFORMED))?;
    Ok(ids)
}

impl Call<'_> {
    /// Answers 11.1.
    pub async fn outbox(&self, fields: Fields<'_>) -> Result<Answer, Failure> {
        let solved = match fields.text(&["issolved"])?.as_deref().map(str::trim) {
            None | Some("") => None,
            Some("0") => Some(false),
            Some("1") => Some(true),
            Some(_) => return Err(Failure::message(literals::wrong_format("issolved"))),
        };
        let (from, to) = times::range(&fields, shanghai::moment)?;
        let page = self.page(&fields, PAGE_SIZE, PAGE_SIZE)?;
        let filter = OutboxFilter { solved, from, to, ..OutboxFilter::default() };
        let (total, entries) = self.platform.outbox(self.caller, filter, page).await.map_err(|e| our_failure(&e))?;
        let mut items = Vec::with_capacity(entries.len());
        for entry in entries {
            let address = self.picture_address(&entry).await?;
            items.push(item(entry, address)?);
        }
        Answer::ok(&Page { total, total_page: total.div_ceil(page.limit), items })
    }

    /// Returns the path of a record's picture on this machine; empty if it has none. The file is named by the person
    /// id, and also by the record id if the person existed before.
    async fn picture_address(&self, entry: &OutboxEntry) -> Result<String, Failure> {
        let row = &entry.row;
        let Some(person_id) = row.public_id else { return Ok(String::new()) };
        let day = shanghai::local(row.created_at).strftime("%Y%m%d");
        let name = if row.made_person {
            format!("{day}/{person_id}.jpg")
        } else {
            format!("{day}/{person_id}_{}.jpg", row.id)
        };
        let path = self.platform.outbox_file(self.caller, entry, name).await.map_err(|e| our_failure(&e))?;
        Ok(path.map(|path| path.display().to_string()).unwrap_or_default())
    }

    /// Answers 11.2.
    pub async fn resume(&self, body: Bytes) -> Result<Answer, Failure> {
        let failed = || Failure::message(literals::NOT_RESUMED);
        // Parsing a page with pictures takes long, so it must not block the async worker.
        let ids =
            tokio::task::spawn_blocking(move || ids_of(&body)).await.map_err(|_| failed())??.ok_or_else(failed)?;
        let resumed = self.platform.resume(self.caller, ids).await.map_err(|e| {
            trouble::log(&e);
            failed()
        })?;
        if resumed { Answer::null(literals::RESUMED) } else { Err(failed()) }
    }
}

fn item(OutboxEntry { row, picture }: OutboxEntry, data_image_address: String) -> Result<Item, Failure> {
    let param = JsonParam {
        person_lib_id: &row.engine_key,
        base_ls: picture.map(|bytes| BASE64.encode(bytes)).unwrap_or_default(),
    };
    let json_param = serde_json::to_string(&param).map_err(|e| {
        trouble::log_unwritable(&e);
        Failure::message(literals::SERVER_ERROR)
    })?;
    Ok(Item {
        id: row.id.to_string(),
        data_group_id: row.engine_key,
        data_person_id: row.public_id.map(|id| id.to_string()).unwrap_or_default(),
        data_image_address,
        create_time: shanghai::text(row.created_at),
        operate_type: row.operation,
        engine_url: row.endpoint,
        solve_time: row.solved_at.map(shanghai::text),
        issolved: u8::from(row.solved_at.is_some()),
        solve_man_code: row.solved_by,
        json_param,
        asynchrony_data_list: (),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_ids_of_records_are_read() {
        let ids = |body: &str| {
            ids_of(body.as_bytes()).map(|ids| ids.map(|ids| ids.into_iter().map(OutboxId::get).collect::<Vec<_>>()))
        };
        let record = r#"{"id":"7","engineUrl":"http://example.org/","jsonParam":"{}","x":[{"id":1}]}"#;
        assert_eq!(ids(&format!(r#"{{"asynchronyDataList":[{record},{{"id":5}}],"id":3}}"#)), Ok(Some(vec![5, 7])));
        assert_eq!(ids(r#"{"asynchronyDataList":[{"id":"1","id":"2"}]}"#), Ok(Some(vec![2])));
        assert_eq!(ids(r#"{"asynchronyDataList":5,"asynchronyDataList":[{"id":"2"}]}"#), Ok(Some(vec![2])));
        for body in [
            "{}",
            r#"{"asynchronyDataList":[]}"#,
            r#"{"asynchronyDataList":null}"#,
            r#"{"asynchronyDataList":["7"]}"#,
            r#"{"asynchronyDataList":[["7"]]}"#,
            r#"{"asynchronyDataList":[{"id":"x"}]}"#,
            r#"{"asynchronyDataList":[{"id":"7"},{}]}"#,
        ] {
            assert_eq!(ids(body), Ok(None), "{body}");
        }
        for body in ["", "5", "[]", r#"[[{"id":"1"}]]"#, r#"{"asynchronyDataList":["#, &"[".repeat(500)] {
            assert!(ids(body).is_err(), "{body}");
        }
    }
}
