//! Fields of a span as JSON.

use std::cell::RefCell;
use std::fmt::{self, Display, Write};

use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FormatFields, FormattedFields};

/// Bytes reserved for the fields that are added to a span.
const FURTHER_FIELDS: usize = 128;

thread_local! {
    /// Buffer for the fields of a new span.
    static NEW: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Keeps the fields of a span as the text of a JSON object, and appends further ones. The formatter of
/// `tracing-subscriber` parses the object and writes it again for each further field, which took a tenth of the time of
/// a short call.
pub(super) struct JsonSpanFields;

impl<'w> FormatFields<'w> for JsonSpanFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        NEW.with_borrow_mut(|text| {
            text.clear();
            text.push('{');
            fields.record(&mut Members(text));
            text.push('}');
            writer.write_str(text)
        })
    }

    fn add_fields(&self, current: &'w mut FormattedFields<Self>, fields: &Record<'_>) -> fmt::Result {
        let text = &mut current.fields;
        text.pop();
        text.reserve(FURTHER_FIELDS);
        fields.record(&mut Members(text));
        text.push('}');
        Ok(())
    }
}

/// Members of a JSON object whose text is not closed yet.
struct Members<'t>(&'t mut String);

impl Members<'_> {
    /// Begins a member. The name of a field is a Rust path, which needs no escapes.
    fn name(&mut self, field: &Field) {
        let separator = if self.0.len() > 1 { ",\"" } else { "\"" };
        self.0.push_str(separator);
        self.0.push_str(field.name());
        self.0.push_str("\":");
    }

    fn add(&mut self, field: &Field, value: impl Display) {
        self.name(field);
        // Writing into a text can't fail.
        let _ = write!(self.0, "{value}");
    }
}

impl Visit for Members<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.name(field);
        if value.bytes().any(|byte| byte < b' ' || matches!(byte, b'"' | b'\\')) {
            self.0.push_str(&serde_json::Value::from(value).to_string());
        } else {
            self.0.push('"');
            self.0.push_str(value);
            self.0.push('"');
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}
