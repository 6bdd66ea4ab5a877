//! Sections as a crate declares them.

use aicp_settings::{Seconds, Secret, Section, Wrong, at_least, if_set, list, settings, when, within};
use serde_json::json;

settings! {
    /// A nested section.
    pub struct Inner {
        /// Maximum number.
        ///
        /// Details that no list shows.
        #[applies(at_once)]
        most: u32 = 5 => within(1..=10),
        /// Share, with a text
        /// of two lines.
        share: Option<f64> = None => if_set(when("above 0", |share| *share > 0.0)),
    }
    check |inner| match inner.share {
        Some(share) if share > f64::from(inner.most) => Err(Wrong::new("share", "at most `most`")),
        _ => Ok(()),
    };
}
settings! {
    /// A section.
    pub struct Outer {
        /// Names.
        #[serde(deserialize_with = "list")]
        #[applies(at_once)]
        names: Vec<String> = Vec::new(),
        /// Password.
        secret: Option<Secret> = None,
        /// Pause.
        pause_s: Seconds = Seconds::new(3) => at_least(Seconds::new(1)),
        /// The nested section.
        inner: Inner,
    }
}

fn read(value: serde_json::Value) -> Result<Outer, serde_json::Error> {
    serde_json::from_value(value)
}

#[test]
fn a_section_lists_its_settings_in_order() {
    let list = Outer::list();
    let shown: Vec<_> = list.iter().map(|s| (s.name.as_str(), s.doc.as_str(), s.wanted.as_deref())).collect();
    assert_eq!(
        shown,
        [
            ("names", "Names.", None),
            ("secret", "Password.", None),
            ("pause_s", "Pause.", Some("1 or more")),
            ("inner.most", "Maximum number.", Some("in 1..=10")),
            ("inner.share", "Share, with a text of two lines.", Some("above 0")),
        ]
    );
}

#[test]
fn a_setting_tells_whether_it_may_change_while_the_program_runs() {
    let list = Outer::list();
    let at_once: Vec<_> = list.iter().filter(|s| s.applies_at_once).map(|s| s.name.as_str()).collect();
    assert_eq!(at_once, ["names", "inner.most"]);
}

#[test]
fn the_first_wrong_setting_is_named() {
    assert!(Outer::default().check().is_ok());
    for (value, message) in [
        (json!({"pause_s": 0}), "pause_s must be 1 or more"),
        (json!({"inner": {"most": 11}}), "inner.most must be in 1..=10"),
        (json!({"inner": {"share": 0.0}}), "inner.share must be above 0"),
        (json!({"inner": {"share": 9.0}}), "inner.share must be at most `most`"),
    ] {
        let wrong = read(value).expect("readable").check().expect_err("out of range");
        assert_eq!(wrong.to_string(), message);
    }
}

#[test]
fn unknown_names_are_refused_and_missing_ones_have_defaults() {
    assert!(read(json!({"inner": {"least": 1}})).expect_err("unknown").to_string().contains("least"));
    let read = read(json!({"inner": {"share": 0.5}})).expect("readable");
    assert_eq!((read.inner.most, read.inner.share, read.pause_s.duration().as_secs()), (5, Some(0.5), 3));
}

#[test]
fn lists_are_texts_numbers_or_one_text() {
    for names in [json!(["8.7", "9"]), json!([8.7, 9]), json!("8.7, 9,"), json!(["8.7,9"])] {
        assert_eq!(read(json!({"names": names})).expect("readable").names, ["8.7", "9"]);
    }
    assert!(read(json!({"names": ""})).expect("readable").names.is_empty());
}

#[test]
fn secrets_are_masked() {
    let read = read(json!({"secret": 123_456})).expect("readable");
    assert_eq!(read.secret.as_ref().map(Secret::reveal), Some("123456"));
    assert!(!format!("{read:?}").contains("123456"));
    assert!(!serde_json::to_string(&read).expect("writable").contains("123456"));
}
