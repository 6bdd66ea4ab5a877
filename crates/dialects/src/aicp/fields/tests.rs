use super::*;
use base64::Engine;
use proptest::prelude::*;

fn fields(json: &str) -> Fields<'_> {
    Input::parse(json.as_bytes()).expect("JSON").object().expect("object")
}

#[test]
fn numbers_and_texts_stand_for_each_other() {
    let f = fields(r#"{"a":5,"b":"7","c":" 8 ","d":1.0,"e":"x","f":[1],"g":1.5,"h":"","i":null}"#);
    assert_eq!(f.text(&["a"]), Ok(Some("5".into())));
    assert_eq!(f.integer(&["a"]), Ok(Some(5)));
    assert_eq!(f.integer(&["b"]), Ok(Some(7)));
    assert_eq!(f.integer(&["c"]), Ok(Some(8)));
    assert_eq!(f.integer(&["d"]), Ok(Some(1)));
    assert_eq!(f.integer(&["e"]), Err(Failure::message("e格式错误")));
    assert_eq!(f.text(&["f"]), Err(Failure::message("f格式错误")));
    assert_eq!(f.integer(&["g"]), Err(Failure::message("g格式错误")));
    assert_eq!(f.integer(&["h"]), Ok(None));
    assert_eq!(f.integer(&["i"]), Ok(None));
    assert_eq!(f.required_text(&["h"]), Err(Failure::message("h不能为空")));
    assert_eq!(f.required_text(&["missing"]), Err(Failure::message("missing不能为空")));
}

#[test]
fn the_manuals_name_wins_over_an_alias_and_the_last_of_a_repeated_key() {
    let f = fields(r#"{"cust_name":"alias","name":"own","idIccid":"1","idIccid":"2","custId":null,"cust_id":"3"}"#);
    assert_eq!(f.text(&["name", "cust_name"]), Ok(Some("own".into())));
    assert_eq!(f.text(&["idIccid", "id_iccid"]), Ok(Some("2".into())));
    assert_eq!(f.text(&["custId", "cust_id"]), Ok(Some("3".into())));
}

#[test]
fn base64_is_read_with_prefix_spaces_and_without_padding() {
    for text in ["aGVsbG8=", "aGVsbG8", " aGVs\\nbG8= ", "data:image/png;base64,aGVsbG8="] {
        let json = format!(r#"{{"image":"{text}"}}"#);
        let f = fields(&json);
        assert_eq!(f.picture("image"), Ok(Bytes::from_static(b"hello")), "{text}");
    }
    for text in [r#""""#, r#"" ""#, r#""***""#, "5", "null", r#""data:image/png;base64,""#] {
        let json = format!(r#"{{"image":{text}}}"#);
        let f = fields(&json);
        assert_eq!(f.picture("image"), Err(PictureError::Unusable), "{text}");
    }
}

#[test]
fn the_size_limit_counts_base64_without_spaces() {
    let at_limit = "A".repeat(MAX_BASE64);
    let json = format!(r#"{{"image":" {at_limit}\n"}}"#);
    assert!(fields(&json).picture("image").is_ok());
    let json = format!(r#"{{"image":"{at_limit}A"}}"#);
    assert_eq!(fields(&json).picture("image"), Err(PictureError::TooLarge));
}

#[test]
fn long_texts_and_numbers_that_lose_digits_are_refused() {
    let at_limit = "字".repeat(MAX_TEXT / 3);
    let json = format!(r#"{{"a":"{at_limit}","b":"{at_limit}字","c":119020199000123456789,"d":18446744073709551615}}"#);
    let f = fields(&json);
    assert_eq!(f.text(&["a"]), Ok(Some(at_limit)));
    assert_eq!(f.text(&["b"]), Err(Failure::message("b格式错误")));
    assert_eq!(f.text(&["c"]), Err(Failure::message("c格式错误")));
    assert_eq!(f.text(&["d"]), Ok(Some("18446744073709551615".into())));
    assert!(!format!("{f:?}").contains('字'));
}

#[test]
fn arrays_keep_their_first_items_and_their_length() {
    let json = format!(r#"[{{"image":"aGk="}},5{}]"#, ",{}".repeat(20));
    let input = Input::parse(json.as_bytes()).expect("JSON");
    let Input::Array { items, count } = input else { panic!("an array") };
    assert_eq!((items.len(), count), (MAX_ITEMS, 22));
    let first = items[0].as_ref().expect("an object");
    assert_eq!(first.picture("image"), Ok(Bytes::from_static(b"hi")));
    assert_eq!(items[1], None);
}

#[test]
fn lists_of_texts_are_read_and_others_refused() {
    let many = vec!["1"; 5000].join(",");
    let json = format!(r#"{{"a":["x",7,null,"y,z"],"b":"x","c":[["x"]],"d":[{{}}],"e":[true],"f":[{many}],"g":[]}}"#);
    let f = fields(&json);
    assert_eq!(f.texts(&["a"]), Ok(vec!["x".into(), "7".into(), "y,z".into()]));
    assert_eq!(f.texts(&["b"]), Ok(vec!["x".into()]));
    assert_eq!(f.texts(&["f"]).map(|texts| texts.len()), Ok(MAX_LIST));
    assert_eq!((f.texts(&["g"]), f.texts(&["missing"])), (Ok(vec![]), Ok(vec![])));
    for name in ["c", "d", "e"] {
        assert!(f.texts(&[name]).is_err(), "{name}");
    }
    assert!(f.text(&["a"]).is_err());
}

#[test]
fn a_body_of_many_fields_keeps_a_bounded_number() {
    let many: Vec<String> = (0..5000).map(|i| format!(r#""k{i}":{i}"#)).collect();
    let json = format!("{{{},\"k0\":\"last\"}}", many.join(","));
    let f = fields(&json);
    assert_eq!(f.0.len(), MAX_FIELDS);
    assert_eq!(f.text(&["k0"]), Ok(Some("last".into())));
}

#[test]
fn what_is_no_object_or_array_is_malformed() {
    for body in ["", " ", "5", "\"x\"", "null", "{", "{\"a\":\"\\ud800\"}"] {
        assert_eq!(Input::parse(body.as_bytes()), Err(malformed()), "{body}");
    }
    assert_eq!(Input::parse(b"{\"a\":\"\xff\"}"), Err(malformed()));
    let deep = format!("{}{}", "[".repeat(4000), "]".repeat(4000));
    assert_eq!(Input::parse(deep.as_bytes()), Err(malformed()));
}

/// Reads a field from a full JSON tree, as reference.
fn naive_text(tree: &serde_json::Value, name: &str) -> Result<Option<String>, ()> {
    use serde_json::Value;
    match tree.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(_) => Err(()),
    }
}

fn json_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        (-1e9f64..1e9).prop_map(Into::into),
        "[a-z\"\\\\/\u{0}-\u{1f}字 ]{0,12}".prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            proptest::collection::hash_map("[a-d]{1,2}", inner, 0..4)
                .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn fields_read_as_off_a_full_tree(tree in proptest::collection::hash_map("[a-d]", json_value(), 0..5)) {
        let tree = serde_json::Value::Object(tree.into_iter().collect());
        let json = tree.to_string();
        let f = fields(&json);
        for name in ["a", "b", "c", "d"] {
            prop_assert_eq!(f.text(&[name]).map_err(drop), naive_text(&tree, name), "{} of {}", name, json);
        }
    }

    #[test]
    fn no_bytes_make_parsing_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = Input::parse(&bytes);
    }

    #[test]
    fn base64_comes_back_however_it_is_wrapped(
        bytes in proptest::collection::vec(any::<u8>(), 1..200), width in 1usize..80, prefix in any::<bool>(), pad in any::<bool>(),
    ) {
        let mut text = base64::engine::general_purpose::STANDARD.encode(&bytes);
        if !pad {
            text = text.trim_end_matches('=').to_owned();
        }
        let lines: Vec<String> =
            text.as_bytes().chunks(width).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        let prefix = if prefix { "data:image/png;base64," } else { "" };
        let json = serde_json::json!({ "image": format!("{prefix}{}", lines.join("\r\n")) }).to_string();
        prop_assert_eq!(fields(&json).picture("image"), Ok(Bytes::from(bytes)));
    }
}
