use super::*;
use proptest::prelude::*;

/// Returns a text parameter as a call reads it.
fn seen(query: &str, body: &str, name: &str) -> Result<Option<String>, Unreadable> {
    let body = unquoted(body.as_bytes());
    Params::of(RawQuery::of(query), body.as_deref()).text(name)
}

fn some(text: &str) -> Result<Option<String>, Unreadable> {
    Ok(Some(text.to_owned()))
}

#[test]
fn a_body_is_what_it_looks_like() {
    for body in [
        "a=1",
        "{\"a\":1}",
        "{\"a\":\"1\"}",
        "\"a=1\"",
        " \r\n{ \"a\" : \"1\" }\n",
        r#""{\"a\":\"1\"}""#,
        "b&a=1",
        " a=1 ",
        "\u{feff}{\"a\":1}",
        "a=1&b=x\r\ny\0",
    ] {
        assert_eq!(seen("", body, "a"), some("1"), "{body}");
    }
    for body in [
        "",
        " \n",
        "null",
        "{}",
        "\"\"",
        "\"null\"",
        "\"{}\"",
        "\u{feff}",
        "\u{feff}{}",
        "5",
        "a",
        "a=",
        "b=1",
        "{\"a\":null}",
        "{\"a\":\"\"}",
    ] {
        assert_eq!(seen("", body, "a"), Ok(None), "{body}");
    }
    for body in [
        "{",
        "{\"a\":1",
        "\"a=1",
        "{\"a\":1}x",
        "{\"a\":\"\\ud800\"}",
        "{a:1}",
        "[]",
        "[{\"a\":1}]",
        "\"[{\\\"a\\\":1}]\"",
        "\"\\\"a=1\\\"\"",
        "a=1&\0b=2",
        "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--",
    ] {
        assert_broken(body.as_bytes());
    }
    // Bodies that are not UTF-8: GBK, UTF-16, a picture.
    for body in [&b"{\"a\":\"\xd5\xc5\"}"[..], b"\"a=\xd5\xc5\"", b"\xff\xfe{\0\"\0a\0", b"\xff\xd8\xff\xe0\0"] {
        assert_broken(body);
    }
}

#[track_caller]
fn assert_broken(body: &[u8]) {
    let unquoted = unquoted(body);
    let params = Params::of(RawQuery::of(""), unquoted.as_deref());
    let is_broken = params.is_broken() && !params.is_json() && !params.has("a");
    assert!(is_broken, "{}", String::from_utf8_lossy(body));
}

#[test]
fn what_is_json_is_told_from_forms() {
    for (body, is_json) in
        [("", true), ("null", true), ("{}", true), ("{\"a\":[1]}", true), ("\"{\\\"a\\\":1}\"", true)]
            .into_iter()
            .chain([("a=1", false), ("[]", false), ("\"a=1\"", false), ("{", false), ("5", false)])
    {
        let unquoted = unquoted(body.as_bytes());
        assert_eq!(Params::of(RawQuery::of(""), unquoted.as_deref()).is_json(), is_json, "{body}");
    }
}

#[test]
fn raw_base64_survives_a_form_and_escapes_are_undone() {
    let cases = [
        ("imageBase64=AA+/==", "AA+/=="),
        ("imageBase64=AA%2B%2F%3D%3D", "AA+/=="),
        ("\"imageBase64=AA+/==\"", "AA+/=="),
        ("{\"imageBase64\":\"AA+\\/==\"}", "AA+/=="),
        ("%69mageBase64=%E5%BC%A0", "张"),
        ("imageBase64=100%&x=y", "100%"),
        ("imageBase64=%zz%4", "%zz%4"),
    ];
    for (body, value) in cases {
        assert_eq!(seen("", body, "imageBase64"), some(value), "{body}");
    }
    // A plus in a query is a space.
    assert_eq!(seen("a=x+y%2Bz", "", "a"), some("x y+z"));
    assert_eq!(seen("a=%E5%BC%A0%E4%B8%89", "", "a"), some("张三"));
}

#[test]
fn the_query_wins_then_the_first_that_is_not_empty() {
    assert_eq!(seen("a=q", "a=b", "a"), some("q"));
    assert_eq!(seen("a=", "a=b", "a"), some("b"));
    assert_eq!(seen("a", "{\"a\":\"b\"}", "a"), some("b"));
    assert_eq!(seen("a=&a=1&a=2", "", "a"), some("1"));
    assert_eq!(seen("", "a=&a=1&a=2", "a"), some("1"));
    assert_eq!(seen("", "{\"a\":null,\"a\":\"\",\"a\":1,\"a\":2}", "a"), some("1"));
}

#[test]
fn what_is_empty_is_there_all_the_same() {
    let has = |query: &str, body: &str| {
        let body = unquoted(body.as_bytes());
        Params::of(RawQuery::of(query), body.as_deref()).has("a")
    };
    for (query, body) in [
        ("a", ""),
        ("a=", ""),
        ("b=1&%61=", "{}"),
        ("", "a"),
        ("", "b=1&a="),
        ("", "%61"),
        ("", "\"a=\""),
        ("", "{\"a\":null}"),
        ("", "{\"a\":\"\"}"),
        ("", "{\"\\u0061\":[]}"),
        ("", "\"{\\\"a\\\":null}\""),
    ] {
        assert!(has(query, body), "{query} {body}");
    }
    for (query, body) in [("", ""), ("A=1&b=a", "aa=1&=a"), ("", "{\"b\":{\"a\":1}}"), ("ab", "null")] {
        assert!(!has(query, body), "{query} {body}");
    }
}

#[test]
fn numbers_and_texts_stand_for_each_other() {
    let integer = |body: &str| {
        let body = unquoted(body.as_bytes());
        Params::of(RawQuery::of(""), body.as_deref()).integer("a")
    };
    for (body, number) in [
        ("a=5", 5),
        ("{\"a\":5}", 5),
        ("{\"a\":\"5\"}", 5),
        ("a=-5", -5),
        ("{\"a\":-5}", -5),
        ("a=007", 7),
        ("a=-0", 0),
        ("a=2147483647", i32::MAX),
        ("a=-2147483648", i32::MIN),
    ] {
        assert_eq!(integer(body), Ok(Some(number)), "{body}");
    }
    assert_eq!(integer("a="), Ok(None));
    for body in [
        "a=x",
        "a=+5",
        "a= 5",
        "a=5.0",
        "a=-",
        "a=--5",
        "a=2147483648",
        "a=-2147483649",
        "a=99999999999999999999",
        "{\"a\":5.0}",
        "{\"a\":1e1}",
        "{\"a\":true}",
        "{\"a\":[5]}",
        "{\"a\":{}}",
        "{\"a\":2147483648}",
        "a=%FF",
        "a=٥",
    ] {
        assert_eq!(integer(body), Err(Unreadable), "{body}");
    }
    for (body, boolean) in [("{\"a\":true}", true), ("{\"a\":\"False\"}", false), ("a=true", true)] {
        let unquoted = unquoted(body.as_bytes());
        assert_eq!(Params::of(RawQuery::of(""), unquoted.as_deref()).boolean("a"), Ok(Some(boolean)), "{body}");
    }
    for body in ["{\"a\":1}", "a=1", "a=yes", "{\"a\":[]}"] {
        let unquoted = unquoted(body.as_bytes());
        assert_eq!(Params::of(RawQuery::of(""), unquoted.as_deref()).boolean("a"), Err(Unreadable), "{body}");
    }
}

#[test]
fn texts_have_bounds() {
    let long = "字".repeat(MAX_TEXT / 3);
    assert_eq!(seen("", &format!("a={long}"), "a"), some(&long));
    assert_eq!(seen("", &format!("a={long}字"), "a"), Err(Unreadable));
    for body in ["{\"a\":[1]}", "{\"a\":{\"b\":1}}", "{\"a\":true}", "{\"a\":1.5}", "a=%ff%fe"] {
        assert_eq!(seen("", body, "a"), Err(Unreadable), "{body}");
    }
    let many: Vec<String> = (0..MAX_FIELDS).map(|n| format!("\"k{n}\":1")).collect();
    assert_broken(format!("{{{},\"a\":1}}", many.join(",")).as_bytes());
    let form: Vec<String> = (0..MAX_FIELDS).map(|n| format!("k{n}=1")).collect();
    assert_broken(format!("{}&a=1", form.join("&")).as_bytes());
    assert_eq!(seen("", &format!("{}&a=&a=1&k1=2", form[1..].join("&")), "a"), some("1"));
    assert_eq!(seen("", &format!("{{{},\"a\":1}}", many[1..].join(",")), "a"), some("1"));
}

/// Reads a parameter with another parser, as reference.
fn naive(query: &str, name: &str) -> Option<String> {
    form_urlencoded::parse(query.as_bytes())
        .find(|(key, value)| key == name && !value.is_empty())
        .map(|(_, value)| value.into_owned())
}

proptest! {
    #[test]
    fn queries_read_as_a_form_parser_reads_them(query in "[ab=&+%0-9a-f张]{0,24}") {
        let expected = naive(&query, "a");
        // The other parser replaces invalid UTF-8.
        prop_assume!(expected.as_ref().is_none_or(|text| !text.contains('\u{fffd}')) && !query.contains("%f"));
        prop_assume!(!query.contains("%8") && !query.contains("%9") && !query.contains("%a") && !query.contains("%b"));
        prop_assume!(!query.contains("%c") && !query.contains("%d") && !query.contains("%e"));
        prop_assert_eq!(seen(&query, "", "a"), Ok(expected));
    }

    #[test]
    fn forms_read_as_a_form_parser_reads_them_but_for_the_plus(form in "(a|b|=|&|[+]|%61|%4|%zz){0,12}") {
        let expected = naive(&form.replace('+', "%2B"), "a");
        let body = unquoted(form.as_bytes());
        let params = Params::of(RawQuery::of(""), body.as_deref());
        prop_assert_eq!(params.text("a"), Ok(expected));
        let is_there = form_urlencoded::parse(form.replace('+', "%2B").as_bytes()).any(|(key, _)| key == "a");
        prop_assert_eq!(params.has("a"), is_there);
    }

    #[test]
    fn a_text_comes_back_however_it_is_sent(text in "[^\u{0}]{1,40}") {
        let escaped: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let in_query = format!("a={escaped}");
        prop_assert_eq!(seen(&in_query, "", "a"), some(&text));
        let json = serde_json::json!({ "a": &text }).to_string();
        prop_assert_eq!(seen("", &json, "a"), some(&text));
        let quoted = serde_json::to_string(&json).expect("serialises");
        prop_assert_eq!(seen("", &quoted, "a"), some(&text));
    }

    #[test]
    fn no_bytes_make_it_panic(query in ".{0,40}", body in proptest::collection::vec(any::<u8>(), 0..64)) {
        let body = unquoted(&body);
        let params = Params::of(RawQuery::of(&query), body.as_deref());
        let _ = (params.text("a"), params.integer("a"), params.boolean("a"), params.long_text("a").is_ok());
    }
}
