//! Conversion of rows into plain data, and back.

use crate::sql::{self, DatabaseError, FromRow, Row, Value};
use crate::{
    ConsoleUser, Counts, Face, LastIds, Library, LibraryCounts, LoggedCall, OutboxAction, OutboxRow, Page, Person,
    Profile,
};

/// Rows per statement: enough that the cost per statement is negligible, few enough that the statement of every length
/// can be cached.
pub(super) const ROWS_PER_STATEMENT: usize = 128;

impl FromRow for Library {
    fn from_row(row: &Row) -> sql::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            app_id: row.try_get("app_id")?,
            external_id: row.try_get("external_id")?,
            name: row.try_get("name")?,
            description: row.try_get("description")?,
            engine_key: row.try_get("engine_key")?,
            engine: row.try_get("engine")?,
            created_at: row.try_get("created")?,
            updated_at: row.try_get("updated")?,
            threshold: row.try_get("threshold")?,
            top_n: row.try_get("top_n")?,
            slot: row.try_get("slot")?,
            hidden: row.try_get("hidden")?,
        })
    }
}

impl FromRow for Person {
    fn from_row(row: &Row) -> sql::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            library_id: row.try_get("library_id")?,
            public_id: row.try_get("public_id")?,
            number: row.try_get("number")?,
            external_id: row.try_get("external_id")?,
            info: row.try_get("info")?,
            profile: Profile::from_row(row)?,
            created_at: row.try_get("created")?,
            updated_at: row.try_get("updated")?,
        })
    }
}

impl FromRow for Profile {
    fn from_row(row: &Row) -> sql::Result<Self> {
        Ok(Self {
            name: row.try_get("name")?,
            sex: row.try_get("sex")?,
            birthday: row.try_get("birthday")?,
            document_number: row.try_get("document_number")?,
            customer_number: row.try_get("customer_number")?,
            company: row.try_get("company")?,
            duty: row.try_get("duty")?,
            province: row.try_get("province")?,
            kind: row.try_get("kind")?,
            remark: row.try_get("remark")?,
            source_url: row.try_get("source_url")?,
        })
    }
}

impl FromRow for Face {
    fn from_row(row: &Row) -> sql::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            person_id: row.try_get("person_id")?,
            file_id: row.try_get("file_id")?,
            picture_key: row.try_get("picture_key")?,
            bounding_box: [row.try_get("box_x")?, row.try_get("box_y")?, row.try_get("box_w")?, row.try_get("box_h")?],
            confidence: row.try_get("confidence")?,
            quality: row.try_get("quality")?,
            engine_ref: row.try_get("engine_ref")?,
            pending: row.try_get("pending")?,
        })
    }
}

impl FromRow for Counts {
    fn from_row(row: &Row) -> sql::Result<Self> {
        Ok(Self { libraries: row.try_get("libraries")?, people: row.try_get("people")?, faces: row.try_get("faces")? })
    }
}

impl FromRow for LibraryCounts {
    fn from_row(row: &Row) -> sql::Result<Self> {
        Ok(Self { users: row.try_get("users")?, faces: row.try_get("faces")? })
    }
}

impl FromRow for OutboxRow {
    fn from_row(row: &Row) -> sql::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            library_id: row.try_get("library_id")?,
            app_id: row.try_get("app_id")?,
            engine: row.try_get("engine")?,
            action: action_from_name(row.try_get("action")?)?,
            engine_key: row.try_get("engine_key")?,
            public_id: row.try_get("public_id")?,
            number: row.try_get("number")?,
            face_id: row.try_get("face_id")?,
            engine_ref: row.try_get("engine_ref")?,
            picture_key: row.try_get("picture_key")?,
            made_person: row.try_get("made_person")?,
            endpoint: row.try_get("endpoint")?,
            operation: row.try_get("operation")?,
            created_at: row.try_get("created")?,
            in_doubt: row.try_get("in_doubt")?,
            was_in_doubt: row.try_get("was_in_doubt")?,
            listed: row.try_get("listed")?,
            rejected: row.try_get("rejected")?,
            attempts: row.try_get("attempts")?,
            last_error: row.try_get("last_error")?,
            solved_at: row.try_get("solved")?,
            solved_by: row.try_get("solved_by")?,
            dropped: row.try_get("dropped")?,
        })
    }
}

impl FromRow for ConsoleUser {
    fn from_row(row: &Row) -> sql::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            username: row.try_get("username")?,
            password_hash: row.try_get("password_hash")?,
            telephone: row.try_get("telephone")?,
            mail: row.try_get("mail")?,
            department: row.try_get("department")?,
            person_id: row.try_get("person_id")?,
            created_at: row.try_get("created")?,
        })
    }
}

impl FromRow for LoggedCall {
    fn from_row(row: &Row) -> sql::Result<Self> {
        Ok(Self {
            trace_id: row.try_get("trace_id")?,
            app_id: row.try_get("app_id")?,
            method: row.try_get("method")?,
            label: row.try_get("label")?,
            source: row.try_get("source")?,
            engine: row.try_get("engine")?,
            url: row.try_get("url")?,
            time: row.try_get("time")?,
            ip: row.try_get("ip")?,
            cost_ms: row.try_get("cost_ms")?,
            ok: row.try_get::<i64, _>("result")? == 0,
            code: row.try_get("code")?,
            message: row.try_get("message")?,
        })
    }
}

impl FromRow for LastIds {
    fn from_row(row: &Row) -> sql::Result<Self> {
        Ok(Self {
            person: row.try_get("person")?,
            file: row.try_get("file")?,
            outbox: row.try_get("outbox")?,
            call: row.try_get("call")?,
        })
    }
}

impl Page {
    /// Returns the number of rows skipped, saturated to SQL's integer.
    pub(crate) fn offset(self) -> i64 {
        saturating_i64(self.offset)
    }

    /// Returns the maximum number of rows, saturated to SQL's integer.
    pub(crate) fn limit(self) -> i64 {
        saturating_i64(self.limit)
    }
}

/// Converts a count into SQL's integer, saturating.
pub(super) fn saturating_i64(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Returns the name of an action in the table.
pub(super) fn action_name(action: OutboxAction) -> &'static str {
    match action {
        OutboxAction::AddFace => "add_face",
        OutboxAction::RemoveFace => "remove_face",
        OutboxAction::CreateLibrary => "create_library",
        OutboxAction::DeleteLibrary => "delete_library",
        OutboxAction::UndoAdd => "undo_add",
    }
}

fn action_from_name(name: &str) -> sql::Result<OutboxAction> {
    let all = [
        OutboxAction::AddFace,
        OutboxAction::RemoveFace,
        OutboxAction::CreateLibrary,
        OutboxAction::DeleteLibrary,
        OutboxAction::UndoAdd,
    ];
    let named = all.into_iter().find(|&action| action_name(action) == name);
    named.ok_or_else(|| DatabaseError::decode(format!("{name} is no action of the outbox")))
}

pub(super) fn blob_from_vector(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Reads a template as it is stored: little-endian 32-bit floats.
///
/// # Errors
/// The length is no multiple of 4 bytes.
pub fn vector_from_blob(blob: &[u8]) -> sql::Result<Vec<f32>> {
    let (values, rest) = blob.as_chunks();
    if !rest.is_empty() {
        return Err(DatabaseError::decode("a template's length is no multiple of 4 bytes"));
    }
    Ok(values.iter().map(|&value| f32::from_le_bytes(value)).collect())
}

/// Returns a list of numbers or ids as one parameter, for `json_each`.
pub(super) fn numbers<T: Into<Value>>(items: impl IntoIterator<Item = T>) -> Value {
    let number = |item: T| if let Value::Integer(number) = item.into() { Some(number) } else { None };
    Value::Integers(items.into_iter().filter_map(number).collect())
}

/// Returns a list of texts as one parameter, for `json_each`.
pub(super) fn texts<T: AsRef<str>>(items: &[T]) -> Value {
    Value::Texts(items.iter().map(|item| item.as_ref().to_owned()).collect())
}

/// Encodes a JSON array of numbers.
pub(super) fn json_array<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    format!("[{}]", items.join(","))
}

/// Encodes a JSON array of strings.
pub(super) fn json_strings<T: AsRef<str>>(items: &[T]) -> String {
    json_array(items.iter().map(|item| serde_json::Value::from(item.as_ref())))
}
