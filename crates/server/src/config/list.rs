//! The list of all settings: as a commented TOML file, and as the table of docs/settings.md.

use std::fmt::Write;

use aicp_settings::{Section, Setting};
use figment::Figment;
use figment::providers::Serialized;
use figment::value::{Dict, Value};

use super::Config;
use crate::{Error, Result};

/// Maximum length of a comment line in the TOML file, in characters.
const LINE_CHARS: usize = 100;

/// Returns a settings file that names every setting with its documentation, range and default.
///
/// # Errors
/// [`Error::Config`] if a default can't be serialized.
pub fn default_file() -> Result<String> {
    let mut file = String::new();
    let mut section = "";
    let list = Config::list();
    let defaults = values(&Config::default())?;
    for setting in &list {
        let (its_section, name) = setting.name.rsplit_once('.').unwrap_or(("", &setting.name));
        if its_section != section {
            section = its_section;
            let _ = write!(file, "\n[{section}]\n");
        }
        let mut about = setting.doc.clone();
        if let Some(wanted) = &setting.wanted {
            let _ = write!(about, " Must be {wanted}.");
        }
        if setting.applies_at_once {
            about.push_str(" May change while the server runs.");
        }
        for line in wrapped(&about) {
            let _ = writeln!(file, "# {line}");
        }
        let _ = match value_of(setting, &defaults) {
            Some(value) => writeln!(file, "{name} = {}", toml(value)),
            None => writeln!(file, "# {name} is unset."),
        };
    }
    Ok(file)
}

/// Returns the table of all settings in Markdown.
///
/// # Errors
/// [`Error::Config`] if a default can't be serialized.
pub fn markdown_table() -> Result<String> {
    let mut table = "| Setting | Default | Must be | Changes | Meaning |\n|---|---|---|---|---|\n".to_owned();
    let defaults = values(&Config::default())?;
    for setting in &Config::list() {
        let default = match value_of(setting, &defaults) {
            // Too long for a column.
            Some(Value::Dict(_, entries)) if !entries.is_empty() => "`aicp config default`".to_owned(),
            Some(value) => format!("`{}`", toml(value)),
            None => "unset".to_owned(),
        };
        let wanted = setting.wanted.as_deref().unwrap_or_default();
        let doc = linked(&setting.doc).replace('|', "\\|");
        let changes = if setting.applies_at_once { "at once" } else { "restart" };
        let _ = writeln!(table, "| `{}` | {default} | {wanted} | {changes} | {doc} |", setting.name);
    }
    Ok(table)
}

/// Serializes settings, with secrets masked.
pub(super) fn values(config: &Config) -> Result<Dict> {
    Figment::from(Serialized::defaults(config)).extract().map_err(|e| Error::Config(e.to_string()))
}

/// Returns the value of a setting among those of all; `None`: it is unset.
pub(super) fn value_of<'a>(setting: &Setting, defaults: &'a Dict) -> Option<&'a Value> {
    let mut names = setting.name.split('.');
    let first = defaults.get(names.next()?)?;
    let value = names.try_fold(first, |value, name| value.as_dict()?.get(name))?;
    Some(value).filter(|value| !matches!(value, Value::Empty(..)))
}

/// Formats a value in TOML, on one line.
fn toml(value: &Value) -> String {
    match value {
        Value::Dict(_, entries) => {
            let entries: Vec<_> =
                entries.iter().map(|(name, value)| format!("{} = {}", quoted(name), toml(value))).collect();
            if entries.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", entries.join(", ")) }
        }
        Value::Array(_, items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        // Numbers, booleans and texts are written as in JSON.
        value => serde_json::to_string(value).unwrap_or_default(),
    }
}

/// Quotes a key, unless it may stand bare.
fn quoted(key: &str) -> String {
    let is_bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if is_bare { key.to_owned() } else { serde_json::to_string(key).unwrap_or_default() }
}

/// Breaks a text into lines.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= LINE_CHARS => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Makes links of the pages that a text names, for a page beside them.
fn linked(text: &str) -> String {
    let mut parts = text.split("docs/");
    let mut linked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let _ = match part.split_once(".md") {
            Some((page, rest)) => write!(linked, "[{page}.md]({page}.md){rest}"),
            None => write!(linked, "docs/{part}"),
        };
    }
    linked
}
