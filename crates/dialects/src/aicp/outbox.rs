//! Section 11: engine writes that wait for their engine.

use std::borrow::Cow;
use std::collections::BTreeSet;

use aicp_platform::{OutboxEntry, OutboxFilter};
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Deserializer, Serialize};

use super::envelope::{Answer, Failure};
use super::fields::Fields;
use super::operations::{Call, our_failure};
use super::{literals, times};
use crate::shanghai;

/// Records on a page, by default and at most: each carries a picture.
const PAGE_SIZE: u64 = 100;

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

/// The only thing of a record that counts is its id: what is to be done, and where, is what was stored.
#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow, deserialize_with = "text_or_number")]
    id: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resume<'a> {
    #[serde(borrow)]
    asynchrony_data_list: Option<Vec<Record<'a>>>,
}

fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'de, str>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum TextOrNumber<'a> {
        #[serde(borrow)]
        Text(Cow<'a, str>),
        Number(i64),
    }
    Ok(match TextOrNumber::deserialize(deserializer)? {
        TextOrNumber::Text(text) => text,
        TextOrNumber::Number(number) => Cow::Owned(number.to_string()),
    })
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
        let items = entries.into_iter().map(|entry| self.item(entry)).collect::<Result<_, _>>()?;
        Answer::ok(&Page { total, total_page: total.div_ceil(size), items })
    }

    fn item(&self, OutboxEntry { row, picture }: OutboxEntry) -> Result<Item, Failure> {
        let person_id = row.person_id.map(|id| id.to_string()).unwrap_or_default();
        let data_image_address = if row.picture_key.is_some() {
            let day = shanghai::local(row.created_ms).strftime("%Y%m%d").to_string();
            format!("{}/highAvailability/picture/{day}/{person_id}.jpg", self.options.data_dir)
        } else {
            String::new()
        };
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
            data_person_id: person_id,
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

    /// 11.2.
    pub async fn resume(&self, body: &[u8]) -> Result<Answer, Failure> {
        let failed = || Failure::message(literals::NOT_RESUMED);
        let resume: Resume<'_> = match serde_json::from_slice(body) {
            Ok(resume) => resume,
            // It is JSON, but not a list of records.
            Err(e) if e.is_data() => return Err(failed()),
            Err(_) => return Err(Failure::status(StatusCode::BAD_REQUEST, literals::MALFORMED)),
        };
        let records = resume.asynchrony_data_list.filter(|records| !records.is_empty());
        let records = records.ok_or_else(failed)?;
        let ids: Option<BTreeSet<i64>> = records.iter().map(|record| record.id.parse().ok()).collect();
        let resumed = self.platform.resume(self.app, ids.ok_or_else(failed)?).await.map_err(|e| {
            tracing::error!(error = %e, "records can't be resumed");
            failed()
        })?;
        if resumed { Answer::null(literals::RESUMED) } else { Err(failed()) }
    }
}
