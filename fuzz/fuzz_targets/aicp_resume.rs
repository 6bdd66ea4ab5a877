//! The ids of records to resume (11.2), which are parsed from a stream, compared with a naive reader of the whole body.
#![no_main]

use std::collections::BTreeSet;

use aicp_dialects::fuzzing::aicp::ids;
use aicp_fuzz::naive_json;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let streamed = ids(bytes);
    match naive_json(bytes) {
        Some(Ok(Value::Object(body))) => assert_eq!(streamed, Ok(naive(body.get("asynchronyDataList")))),
        Some(Ok(_)) => assert_eq!(streamed, Err(())),
        // Skipped values need not be valid in every detail, such as numbers out of range.
        Some(Err(_)) | None => {}
    }
});

fn naive(list: Option<&Value>) -> Option<BTreeSet<i64>> {
    let ids = list?.as_array()?.iter().map(|record| match record.as_object()?.get("id")? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) if text.len() <= 20 => text.parse().ok(),
        _ => None,
    });
    ids.collect::<Option<BTreeSet<i64>>>().filter(|ids| !ids.is_empty())
}
