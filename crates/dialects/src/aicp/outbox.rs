//! Section 11: engine writes that wait for their engine.

use std::collections::BTreeSet;
use std::fmt;

use aicp_platform::{OutboxEntry, OutboxFilter};
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::envelope::{Answer, Failure};
use super::fields::Fields;
use super::operations::{Call, our_failure};
use super::{literals, times};
use crate::shanghai;

/// Records on a page, by default and at most: each carries a picture.
const PAGE_SIZE: u64 = 100;
/// Ids have at most this many digits.
const MAX_ID: usize = 20;

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

/// What the engine is sent.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonParam<'a> {
    person_lib_id: &'a str,
    base_ls: String,
}

/// A JSON value as far as 11.2 reads it. Of a record only the id counts: what is to be done, and where, is what was stored.
/// Of a repeated key the last value counts.
enum Node {
    Id(String),
    List(Vec<Node>),
    Object { id: Option<Box<Node>>, records: Option<Box<Node>> },
    Other,
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Id(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(Node::Id(number.to_string()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(if text.len() <= MAX_ID { Node::Id(text.to_owned()) } else { Node::Other })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let (mut id, mut records) = (None, None);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "id" => id = Some(Box::new(map.next_value()?)),
                "asynchronyDataList" => records = Some(Box::new(map.next_value()?)),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Node::Object { id, records })
    }
}

/// The ids in `asynchronyDataList`, of which there must be some; nothing if any of it is not as it should be. An error
/// if the body is no JSON object at all.
fn ids_of(body: &[u8]) -> Result<Option<BTreeSet<i64>>, Failure> {
    let malformed = || Failure::status(StatusCode::BAD_REQUEST, literals::MALFORMED);
    let Ok(Node::Object { records, .. }) = serde_json::from_slice(body) else { return Err(malformed()) };
    let Some(Node::List(records)) = records.map(|records| *records) else { return Ok(None) };
    let ids = records.into_iter().map(|record| match record {
        Node::Object { id: Some(id), .. } => match *id {
            Node::Id(id) => id.parse().ok(),
            _ => None,
        },
        _ => None,
    });
    Ok(ids.collect::<Option<BTreeSet<i64>>>().filter(|ids| !ids.is_empty()))
}

impl Call<'_> {
    /// 11.1.
    pub async fn outbox(&self, fields: Fields<'_>) -> Result<Answer, Failure> {
        let solved = match fields.text(&["issolved"])?.as_deref().map(str::trim) {
            None | Some("") => None,
            Some("0") => Some(false),
            Some("1") => Some(true),
            Some(_) => return Err(Failure::message(literals::wrong_format("issolved"))),
        };
        let (from_ms, to_ms) = times::range(&fields, shanghai::moment)?;
        let (page, size) = self.page(&fields, PAGE_SIZE, PAGE_SIZE)?;
        let filter = OutboxFilter { solved, from_ms, to_ms };
        let offset = (page - 1).saturating_mul(size);
        let (total, entries) = self.platform.outbox(filter, offset, size).await.map_err(|e| our_failure(&e))?;
        let mut items = Vec::with_capacity(entries.len());
        for entry in entries {
            let address = self.picture_address(&entry).await?;
            items.push(item(entry, address)?);
        }
        Answer::ok(&Page { total, total_page: total.div_ceil(size), items })
    }

    /// Where the picture of a record lies on this machine; nothing if it has none. It is named by its person; a further
    /// picture of a person known before, by the record too.
    async fn picture_address(&self, entry: &OutboxEntry) -> Result<String, Failure> {
        let row = &entry.row;
        let Some(person_id) = row.person_id else { return Ok(String::new()) };
        let day = shanghai::local(row.created_ms).strftime("%Y%m%d");
        let name = if row.made_person {
            format!("{day}/{person_id}.jpg")
        } else {
            format!("{day}/{person_id}_{}.jpg", row.id)
        };
        let path = self.platform.outbox_file(entry, name).await.map_err(|e| our_failure(&e))?;
        Ok(path.map(|path| path.display().to_string()).unwrap_or_default())
    }

    /// 11.2.
    pub async fn resume(&self, body: &[u8]) -> Result<Answer, Failure> {
        let failed = || Failure::message(literals::NOT_RESUMED);
        let ids = ids_of(body)?.ok_or_else(failed)?;
        let resumed = self.platform.resume(self.app, ids).await.map_err(|e| {
            tracing::error!(error = %e, "records can't be resumed");
            failed()
        })?;
        if resumed { Answer::null(literals::RESUMED) } else { Err(failed()) }
    }
}

fn item(OutboxEntry { row, picture }: OutboxEntry, data_image_address: String) -> Result<Item, Failure> {
    let param = JsonParam {
        person_lib_id: &row.person_db_lib,
        base_ls: picture.map(|bytes| BASE64.encode(bytes)).unwrap_or_default(),
    };
    let json_param = serde_json::to_string(&param).map_err(|e| {
        tracing::error!(error = %e, "a record can't be written");
        Failure::message(literals::SERVER_ERROR)
    })?;
    Ok(Item {
        id: row.id.to_string(),
        data_group_id: row.person_db_lib,
        data_person_id: row.person_id.map(|id| id.to_string()).unwrap_or_default(),
        data_image_address,
        create_time: shanghai::text(row.created_ms),
        operate_type: row.operate_type,
        engine_url: row.engine_url,
        solve_time: row.solved_ms.map(shanghai::text),
        issolved: u8::from(row.solved_ms.is_some()),
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
        let ids = |body: &str| ids_of(body.as_bytes()).map(|ids| ids.map(Vec::from_iter));
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
