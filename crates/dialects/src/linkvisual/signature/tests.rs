//! Signatures of requests recorded from the vendor's SDKs, and of generated requests.

use axum::http::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

const SECRET: &str = "testsecret";
const OLD_SDK: &str = "IsolationId=ZheJiangHZ&UserIdList.1=u1&UserIdList.2=u2&Version=2018-01-20\
    &Action=QueryFaceUserBatch&Format=JSON&RegionId=cn-shanghai&Timestamp=2026-11-21T23%3A17%3A06Z\
    &SignatureMethod=HMAC-SHA1&SignatureType=&SignatureVersion=1.0\
    &SignatureNonce=89b18a857959a4559f0bc5e42fedb9e2&AccessKeyId=testid&Signature=QXbIk5zdkpWSTsOw%2BkEEXP%2FFxMY%3D";
const POP_CORE: &str = "AccessKeyId=testid&Action=QueryFaceUserBatch&Format=JSON&IsolationId=ZheJiangHZ\
    &SignatureMethod=HMAC-SHA1&SignatureNonce=51e7325b0331fd53c78ece8ef0e6ba67&SignatureVersion=1.0\
    &Timestamp=2026-11-21T23%3A22%3A30Z&UserIdList.1=%5B%22u1%22%2C%22u2%22%5D&Version=2018-01-20\
    &Signature=qH99kgAxSR5JuqVSnWuPXyPHrgw%3D";
const NEW_SDK: &str = "CustomUserId=1234567890&FacePicUrl=https%3A%2F%2Fexample.com%2Fa+b.jpeg\
    &IsolationId=ZheJiangHZ&Name=%E5%BC%A0%E4%B8%89%2A~&Params=%7B%22key1%22%3A%22v+1%22%7D";
const EMPTY_BODY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const SIGNED_HEADERS: &str = "accept;host;user-agent;x-acs-action;x-acs-content-sha256;x-acs-credentials-provider;\
    x-acs-date;x-acs-signature-nonce;x-acs-version";

/// A request to verify.
#[derive(Clone)]
struct Request {
    method: &'static str,
    query: String,
    headers: HeaderMap,
    form: Option<Vec<u8>>,
    body: Vec<u8>,
}

impl Request {
    fn v1(method: &'static str, query: &str) -> Self {
        Self { method, query: query.to_owned(), headers: HeaderMap::new(), form: None, body: Vec::new() }
    }

    /// Request recorded from the new SDK.
    fn v3() -> Self {
        let authorization = format!(
            "ACS3-HMAC-SHA256 Credential=testid,SignedHeaders={SIGNED_HEADERS},\
             Signature=8caf29a92382ccce109be7a702e7269a977efd6f1291f15b0676264de6c08d91"
        );
        let mut request = Self::v1("POST", NEW_SDK);
        for (name, value) in [
            ("host", "127.0.0.1:18765"),
            ("x-acs-version", "2018-01-20"),
            ("x-acs-action", "AddFaceUser"),
            ("user-agent", "AlibabaCloud (Linux; x86_64) Python/3.11.7 Core/0.4.3 TeaDSL/2"),
            ("x-acs-date", "2026-11-21T23:16:56Z"),
            ("x-acs-signature-nonce", "f49aeb215841115ee38130b4c012b896"),
            ("accept", "application/json"),
            ("x-acs-content-sha256", EMPTY_BODY),
            ("x-acs-credentials-provider", "static_ak"),
            ("authorization", &authorization),
            ("content-length", "0"),
        ] {
            request.set(name, value);
        }
        request
    }

    fn set(&mut self, name: &str, value: &str) {
        let name: HeaderName = name.parse().expect("a name");
        self.headers.insert(name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    fn replace(&self, from: &str, to: &str) -> Self {
        assert!(self.query.contains(from), "{from}");
        Self { query: self.query.replace(from, to), ..self.clone() }
    }

    /// Replaces part of `Authorization`.
    fn authorized(&self, from: &str, to: &str) -> Self {
        let value = self.headers["authorization"].to_str().expect("text");
        assert!(value.contains(from), "{from}");
        self.clone().with("authorization", &value.replace(from, to))
    }

    fn check(&self, now: &str, secret: &str) -> Result<(), Failure> {
        let (params, read) = Params::read(&self.query, self.form.as_deref());
        read?;
        let claim = Claim::read(&self.headers, &params)?;
        claim.check_time(now.parse().expect("a moment"))?;
        let parts = Parts { method: self.method, headers: &self.headers, params: &params, body: &self.body };
        claim.verify(&parts, secret)
    }
}

fn code(outcome: &Result<(), Failure>) -> &str {
    match outcome {
        Ok(()) => "ok",
        Err(Failure::Gateway { code, .. }) => code,
        Err(Failure::Business { message, .. }) => message,
    }
}

/// Recorded requests, each with its time of signing.
fn vectors() -> [(Request, &'static str); 3] {
    [
        (Request::v1("POST", OLD_SDK), "2026-11-21T23:17:06Z"),
        (Request::v1("GET", POP_CORE), "2026-11-21T23:22:30Z"),
        (Request::v3(), "2026-11-21T23:16:56Z"),
    ]
}

#[test]
fn what_sdks_signed_is_taken() {
    for (request, now) in vectors() {
        assert_eq!(request.check(now, SECRET), Ok(()), "{}", request.query);
    }
    // The parameters in a form, all or some of them.
    let (whole, now) = (POP_CORE.as_bytes().to_vec(), "2026-11-21T23:22:30Z");
    let form = Request { query: String::new(), form: Some(whole), ..Request::v1("GET", "") };
    assert_eq!(form.check(now, SECRET), Ok(()));
    let (query, rest) = OLD_SDK.split_once("&Version").expect("it is there");
    let split = Request { form: Some(format!("Version{rest}").into_bytes()), ..Request::v1("POST", query) };
    assert_eq!(split.check("2026-11-21T23:17:06Z", SECRET), Ok(()));
    // Other spellings of the same values.
    let spelled = Request::v3().replace("a+b.jpeg", "a%20b.jpeg").replace("%2A~", "*%7e");
    assert_eq!(spelled.check("2026-11-21T23:16:56Z", SECRET), Ok(()));
    let method = Request::v1("POST", &OLD_SDK.replace("ZheJiangHZ", "ZheJiang%48Z"));
    assert_eq!(method.check("2026-11-21T23:17:06Z", SECRET), Ok(()));
}

#[test]
fn the_documented_texts_are_signed() {
    let (params, _) = Params::read(OLD_SDK, None);
    assert_eq!(
        string_to_sign_v1("POST", &params),
        "POST&%2F&AccessKeyId%3Dtestid%26Action%3DQueryFaceUserBatch%26Format%3DJSON%26IsolationId%3DZheJiangHZ\
         %26RegionId%3Dcn-shanghai%26SignatureMethod%3DHMAC-SHA1%26SignatureNonce%3D89b18a857959a4559f0bc5e42fedb9e2\
         %26SignatureType%3D%26SignatureVersion%3D1.0%26Timestamp%3D2026-11-21T23%253A17%253A06Z\
         %26UserIdList.1%3Du1%26UserIdList.2%3Du2%26Version%3D2018-01-20"
    );
    let request = Request::v3();
    let (params, _) = Params::read(&request.query, None);
    let parts = Parts { method: "POST", headers: &request.headers, params: &params, body: b"" };
    let canonical = canonical_request(&parts, SIGNED_HEADERS, |_| true).expect("it is complete");
    assert_eq!(
        hex::encode(Sha256::digest(canonical)),
        "33d1e630d635aed24892840ccdfd8fea3043c4b18512b068d663513cb167cf2e"
    );
}

#[test]
fn what_was_changed_is_refused() {
    for (request, now) in vectors() {
        let other_method = Request { method: if request.method == "GET" { "POST" } else { "GET" }, ..request.clone() };
        let changes = [
            ("another method", other_method),
            ("one value", request.replace("ZheJiangHZ", "ZheJiangHz")),
            ("an additional parameter", request.replace("IsolationId", "X=1&IsolationId")),
            ("an additional empty parameter", request.replace("IsolationId", "X=&IsolationId")),
            ("a parameter less", request.replace("IsolationId=ZheJiangHZ", "")),
        ];
        for (what, changed) in changes {
            assert_eq!(code(&changed.check(now, SECRET)), "SignatureDoesNotMatch", "{what}: {}", request.query);
        }
        assert_eq!(code(&request.check(now, "wrong")), "SignatureDoesNotMatch", "{}", request.query);
        assert_eq!(code(&request.check(now, "")), "SignatureDoesNotMatch", "{}", request.query);
    }
    let now = "2026-11-21T23:17:06Z";
    let old = Request::v1("POST", OLD_SDK);
    for (from, to, expected) in [
        ("HMAC-SHA1", "hmac-sha1", "SignatureDoesNotMatch"),
        ("HMAC-SHA1", "HMAC-SHA256", "InvalidSignatureMethod"),
        ("SignatureVersion=1.0", "SignatureVersion=2.0", "InvalidSignatureVersion"),
        ("FxMY%3D", "", "SignatureDoesNotMatch"),
        ("Signature=Q", "Signature=*", "SignatureDoesNotMatch"),
        ("SignatureType=&", "", "SignatureDoesNotMatch"),
    ] {
        assert_eq!(code(&old.replace(from, to).check(now, SECRET)), expected, "{from} {to}");
    }
}

#[test]
fn the_message_ends_with_the_text_that_sdks_compare() {
    let outcome = Request::v1("POST", OLD_SDK).check("2026-11-21T23:17:06Z", "wrong");
    let Err(Failure::Gateway { message, .. }) = outcome else { panic!("it is refused") };
    let (params, _) = Params::read(OLD_SDK, None);
    let halves: Vec<&str> = message.splitn(2, ':').collect();
    assert_eq!(
        halves,
        [
            "Specified signature is not matched with our calculation. server string to sign is",
            &string_to_sign_v1("POST", &params)
        ]
    );
}

#[test]
fn the_public_parameters_are_missed_in_order() {
    let order = [
        "Action",
        "Version",
        "AccessKeyId",
        "Signature",
        "SignatureMethod",
        "SignatureVersion",
        "SignatureNonce",
        "Timestamp",
    ];
    let mut sent = String::new();
    for name in order {
        let missing = format!("Missing{name}");
        assert_eq!(code(&Request::v1("GET", &sent).check("2026-11-21T23:17:06Z", SECRET)), missing);
        let empty = format!("{sent}&{name}=");
        assert_eq!(code(&Request::v1("GET", &empty).check("2026-11-21T23:17:06Z", SECRET)), missing);
        sent += &format!("&{name}=x");
    }
    let now = "2026-11-21T23:16:56Z";
    for (header, expected) in [
        ("x-acs-action", "MissingAction"),
        ("x-acs-version", "MissingVersion"),
        ("x-acs-signature-nonce", "MissingSignatureNonce"),
        ("x-acs-date", "MissingTimestamp"),
        ("x-acs-content-sha256", "IncompleteSignature"),
        ("host", "IncompleteSignature"),
        ("user-agent", "IncompleteSignature"),
    ] {
        assert_eq!(code(&Request::v3().without(header).check(now, SECRET)), expected, "{header}");
    }
}

#[test]
fn version_3_covers_what_it_must() {
    let now = "2026-11-21T23:16:56Z";
    for name in REQUIRED_SIGNED_HEADERS {
        let listed = if name == "x-acs-version" { format!(";{name}") } else { format!("{name};") };
        assert_eq!(code(&Request::v3().authorized(&listed, "").check(now, SECRET)), "IncompleteSignature", "{name}");
    }
    for (from, to, expected) in [
        ("ACS3-HMAC-SHA256 ", "ACS3-HMAC-SM3 ", "IncompleteSignature"),
        ("ACS3-HMAC-SHA256 ", "ACS3-HMAC-SHA256", "IncompleteSignature"),
        ("Credential=testid,", "", "IncompleteSignature"),
        ("Credential=testid", "Credential", "IncompleteSignature"),
        ("Credential=testid", "Credential=", "MissingAccessKeyId"),
        ("Credential=testid", "Credential=testid,Credential=testid", "IncompleteSignature"),
        ("Credential=testid", "Else=1,Credential=testid", "IncompleteSignature"),
        ("8caf29a92382ccce109be7a702e7269a977efd6f1291f15b0676264de6c08d91", "", "MissingSignature"),
        ("8caf29", "zzaf29", "SignatureDoesNotMatch"),
        ("8caf29", "8caf28", "SignatureDoesNotMatch"),
        ("accept;host", "Accept;HOST", "ok"),
        ("accept;host", "host;accept", "ok"),
        ("Credential=testid,SignedHeaders", "Credential=testid, SignedHeaders", "ok"),
        ("accept;", "accept;content-length;", "SignatureDoesNotMatch"),
        ("accept;", "accept;sent-by-nobody;", "IncompleteSignature"),
        ("accept;", "accept;;", "IncompleteSignature"),
        ("accept;", "accept;not a name;", "IncompleteSignature"),
    ] {
        assert_eq!(code(&Request::v3().authorized(from, to).check(now, SECRET)), expected, "{from} -> {to}");
    }
    // Changed values of signed headers.
    for (name, value) in [("host", "127.0.0.1"), ("user-agent", "x"), ("x-acs-action", "DeleteFaceUser")] {
        assert_eq!(code(&Request::v3().with(name, value).check(now, SECRET)), "SignatureDoesNotMatch", "{name}");
    }
    let mut twice = Request::v3();
    twice.headers.append("x-acs-action", HeaderValue::from_static("DeleteFaceUser"));
    assert_eq!(code(&twice.check(now, SECRET)), "IncompleteSignature");
    // A changed body.
    let with_body = Request { body: b"a=1".to_vec(), ..Request::v3() };
    assert_eq!(code(&with_body.check(now, SECRET)), "SignatureDoesNotMatch");
    // Headers that are not signed may be added.
    assert_eq!(code(&Request::v3().with("x-forwarded-for", "192.0.2.1").check(now, SECRET)), "ok");
}

#[test]
fn requests_of_another_time_are_refused() {
    let [old, _, new] = vectors();
    for (request, times) in [
        (old.0, ["2026-11-21T22:46:06Z", "2026-11-21T23:48:06Z", "2026-11-21T22:46:05Z", "2026-11-21T23:48:07Z"]),
        (new.0, ["2026-11-21T23:01:56Z", "2026-11-21T23:31:56Z", "2026-11-21T23:01:55Z", "2026-11-21T23:31:57Z"]),
    ] {
        let [earliest, latest, too_early, too_late] = times;
        for now in [earliest, latest] {
            assert_eq!(request.check(now, SECRET), Ok(()), "{now}");
        }
        for now in [too_early, too_late] {
            assert_eq!(code(&request.check(now, SECRET)), "InvalidTimeStamp.Expired", "{now}");
        }
    }
    for time in [
        "2026-11-21T23:17:06",
        "2026-11-21 23:17:06Z",
        "2026-11-21T23:17:06.0Z",
        "2026-11-21T23:17:06z",
        "x",
        "2026-13-21T23:17:06Z",
        "2026-11-21T24:17:06Z",
        "20261121T231706Z0000",
        "２026-11-21T23:17Z",
    ] {
        assert_eq!(parsed(time), None, "{time}");
    }
}

#[test]
fn nonces_are_short() {
    let nonce = "n".repeat(MAX_NONCE + 1);
    let unsigned = OLD_SDK.split("&Signature=").next().expect("a part");
    let query = unsigned.replace("89b18a857959a4559f0bc5e42fedb9e2", &nonce);
    let signed = signed_v1("POST", &query);
    assert_eq!(code(&Request::v1("POST", &signed).check("2026-11-21T23:17:06Z", SECRET)), "InvalidSignatureNonce");
}

/// Appends the signature to a query.
fn signed_v1(method: &str, query: &str) -> String {
    let (params, _) = Params::read(query, None);
    let mut mac = Hmac::<Sha1>::new_from_slice(format!("{SECRET}&").as_bytes()).expect("any length");
    mac.update(string_to_sign_v1(method, &params).as_bytes());
    let signature = BASE64.encode(mac.finalize().into_bytes());
    format!("{query}&Signature={}", encoded(&signature))
}

/// Percent-encodes byte by byte, as the interface's documentation describes.
fn naive_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || "-_.~".contains(char::from(byte)) {
            encoded.push(char::from(byte));
        } else {
            encoded += &format!("%{byte:02X}");
        }
    }
    encoded
}

fn naive_string_to_sign(method: &str, mut pairs: Vec<(String, String)>) -> String {
    pairs.retain(|(name, _)| name != "Signature");
    pairs.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}={}", naive_encoded(name), naive_encoded(value))).collect();
    [method, "%2F", &naive_encoded(&pairs.join("&"))].join("&")
}

/// Pairs with distinct names and arbitrary values.
fn pairs() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = "[A-Za-z.0-9é *~+]{1,6}|Signature|UserIdList\\.[0-9]{1,2}";
    let value = "[A-Za-z0-9 *~+&=%/:张é\u{1f600}\"'<>\n-]{0,8}";
    proptest::collection::btree_map(name, value, 0..8).prop_map(|pairs| pairs.into_iter().rev().collect())
}

proptest! {
    #[test]
    fn canonicalisation_agrees_with_the_naive_one(pairs in pairs(), split in 0usize..8, plus in any::<bool>()) {
        let written = |(name, value): &(String, String)| {
            let text = format!("{}={}", naive_encoded(name), naive_encoded(value));
            // Clients encode spaces and asterisks in two ways.
            if plus { text.replace("%20", "+").replace("%2A", "*") } else { text }
        };
        let (query, form) = pairs.split_at(split.min(pairs.len()));
        let joined = |pairs: &[(String, String)]| pairs.iter().map(written).collect::<Vec<_>>().join("&");
        let (params, read) = Params::read(&joined(query), Some(joined(form).as_bytes()));
        prop_assert_eq!(read, Ok(()));
        prop_assert_eq!(string_to_sign_v1("POST", &params), naive_string_to_sign("POST", pairs.clone()));

        let mut query = query.to_vec();
        query.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
        let naive: Vec<String> = query.iter().map(|(n, v)| format!("{}={}", naive_encoded(n), naive_encoded(v))).collect();
        prop_assert_eq!(super::joined(params.of_query()), naive.join("&"));
    }

    /// Any text in `Authorization` results in an error, never in a panic.
    #[test]
    fn any_authorization_is_answered(value in "(ACS3-HMAC-SHA256 )?[A-Za-z=,; -]{0,60}") {
        let outcome = Request::v3().with("authorization", &value).check("2026-11-21T23:16:56Z", SECRET);
        prop_assert!(outcome.is_err());
    }
}
