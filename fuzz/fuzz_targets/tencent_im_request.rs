//! Tencent IM: bodies, from which unknown fields are dropped, compared with a naive reader; paths and numbers.
#![no_main]

use aicp_dialects::fuzzing::tencent_im::{body, is_known, number, path};
use aicp_fuzz::naive_json;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fuzz_target!(|bytes: &[u8]| {
    let read = body(bytes);
    // An input of this size never exceeds the maximum number of values.
    if let Some(naive) = naive_json(bytes) {
        assert_eq!(read, naive.ok().map(pruned));
    }
    if let Ok(text) = str::from_utf8(bytes) {
        path(text);
        assert_eq!(number(text).is_some(), text.parse::<u64>().is_ok() && !text.starts_with('+'));
    }
});

/// Removes the fields that the server drops; a value that no command uses becomes `true`.
fn pruned(json: Value) -> Value {
    match json {
        Value::Bool(_) => json!(true),
        Value::Number(number) if number.is_f64() => json!(true),
        Value::Array(list) => list.into_iter().map(pruned).collect(),
        Value::Object(fields) => {
            fields.into_iter().filter(|(name, _)| is_known(name)).map(|(name, value)| (name, pruned(value))).collect()
        }
        other => other,
    }
}
