//! Exact comparison of answers with variable ids, numbers and signatures.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::civil::DateTime;

/// Compares a text with a template, in which `<name>` stands for a variable value; returns these values.
///
/// `<id>` 19 digits, `<hex>` 32 lower-case hex digits, `<unit>` and `<score>` a decimal number in 0..1 and 0..100,
/// `<int>` a whole number, `<number>` any number without an exponent, `<base64>` base64, `<sig>` a signature, `<day>` 8
/// digits, `<2>` 2 digits, `<millis>` 13 digits, `<seconds>` 10 digits, `<utc>` a time as Spring writes it, `<time>`
/// `yyyy-MM-dd HH:mm:ss`. Everything else must be equal, byte for byte.
#[track_caller]
pub fn assert_matches(text: &str, template: &str) -> Vec<String> {
    match matches(text, template) {
        Ok(values) => values,
        Err(at) => panic!("differs at {at:?}\n   have {text}\nexpected {template}"),
    }
}

fn matches(mut text: &str, mut template: &str) -> Result<Vec<String>, String> {
    let mut values = Vec::new();
    while let Some(at) = template.find('<') {
        let (literal, rest) = template.split_at(at);
        let (name, after) = rest[1..].split_once('>').ok_or("a template with an open <")?;
        text = text.strip_prefix(literal).ok_or(text)?;
        let (value, remaining) = text.split_at(span(name, text));
        if !is_value(name, value) {
            return Err(format!("<{name}> is {value:?}"));
        }
        values.push(value.to_owned());
        (text, template) = (remaining, after);
    }
    if text == template { Ok(values) } else { Err(text.to_owned()) }
}

/// Returns the number of bytes at the start of a text that can belong to a value.
fn span(name: &str, text: &str) -> usize {
    let belongs = |c: char| match name {
        "hex" => c.is_ascii_hexdigit(),
        "unit" | "score" => c.is_ascii_digit() || ".-+eE".contains(c),
        "number" => c.is_ascii_digit() || ".-".contains(c),
        "base64" => c.is_ascii_alphanumeric() || "+/=".contains(c),
        "sig" => c.is_ascii_alphanumeric() || "-_".contains(c),
        "utc" | "time" => c.is_ascii_digit() || "-:.+T ".contains(c),
        _ => c.is_ascii_digit(),
    };
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

fn is_value(name: &str, value: &str) -> bool {
    match name {
        "id" => value.len() == 19 && !value.starts_with('0'),
        "hex" => value.len() == 32 && !value.chars().any(|c| c.is_ascii_uppercase()),
        "unit" => is_decimal(value, 1.0),
        "score" => is_decimal(value, 100.0),
        "int" => value == "0" || (!value.is_empty() && !value.starts_with('0')),
        "number" => serde_json::from_str::<serde_json::Number>(value).is_ok(),
        "base64" => !value.is_empty() && STANDARD.decode(value).is_ok(),
        "sig" => value.len() >= 16,
        "day" => value.len() == 8,
        "2" => value.len() == 2,
        "millis" => value.len() == 13,
        "utc" => value.len() == 28 && DateTime::strptime("%Y-%m-%dT%H:%M:%S%.f+0000", value).is_ok(),
        "time" => value.len() == 19 && DateTime::strptime("%Y-%m-%d %H:%M:%S", value).is_ok(),
        "seconds" => value.len() == 10,
        _ => false,
    }
}

/// Returns whether a text is the shortest form of an `f32` up to `most`, with a decimal point and no exponent.
fn is_decimal(text: &str, most: f32) -> bool {
    let Ok(value) = text.parse::<f32>() else { return false };
    let mut shortest = value.to_string();
    if !shortest.contains('.') {
        shortest.push_str(".0");
    }
    text == shortest && (0.0..=most).contains(&value)
}

#[test]
fn templates_tell_right_from_wrong() {
    let template = r#"{"id":"<id>","s":<unit>,"n":<int>}"#;
    assert_eq!(
        assert_matches(r#"{"id":"7825208425084637184","s":0.5,"n":0}"#, template),
        ["7825208425084637184", "0.5", "0"]
    );
    for wrong in [
        r#"{"id":"782520842508463718","s":0.5,"n":0}"#,
        r#"{"id":7825208425084637184,"s":0.5,"n":0}"#,
        r#"{"id":"7825208425084637184","s":0.50,"n":0}"#,
        r#"{"id":"7825208425084637184","s":1,"n":0}"#,
        r#"{"id":"7825208425084637184","s":1.5,"n":0}"#,
        r#"{"id":"7825208425084637184","s":0.5,"n":00}"#,
        r#"{"id":"7825208425084637184","s":0.5,"n":0} "#,
        r#"{"id":"7825208425084637184", "s":0.5,"n":0}"#,
        r#"{"s":0.5,"id":"7825208425084637184","n":0}"#,
    ] {
        assert!(matches(wrong, template).is_err(), "{wrong}");
    }
}
