//! Checks before an action: signature, time, nonce, grant and rate.

use aicp_types::{Clock, SystemClock};
use serde_json::json;

use super::{APP, Client, ISOLATION, assert_refused, nonce, server, setup, written};
use crate::fixture::{Server, TOKEN};
use crate::http::{Answer, send};

const LIST: &str = "QueryFaceAllUserGroup";
const FIRST: (&str, &str) = ("PageNo", "1");

/// Returns the time that is this many seconds from now, as callers write it.
fn off(seconds: i64) -> String {
    let now = SystemClock.now().seconds().unsigned_abs();
    written(now.checked_add_signed(seconds).expect("a moment"))
}

#[test]
fn calls_come_in_every_way_that_sdks_send_them() {
    let server = server();
    let client = Client::new(&server, APP);
    let is_fine = |answer: &Answer| answer.status == 200 && answer.json()["Success"] == true;
    // Parameters in the query, with GET and POST; in a form; in both.
    assert!(is_fine(&client.get(&client.signed("GET", LIST, &[FIRST]))));
    let in_query = super::joined(&client.signed("POST", LIST, &[FIRST]));
    assert!(is_fine(&client.api.send("POST", &format!("/?{in_query}"), &[], b"")));
    assert!(is_fine(&client.post(&client.signed("POST", LIST, &[FIRST]))));
    let split = super::joined(&client.signed("POST", LIST, &[FIRST, ("Name", "张 三*~+")]));
    let (query, form) = split.split_once("&Version").expect("it is there");
    let headers = [("Content-Type", "Application/X-WWW-Form-Urlencoded;charset=UTF-8")];
    let answer = client.api.send("POST", &format!("/?{query}"), &headers, format!("Version{form}").as_bytes());
    assert!(is_fine(&answer), "{}", answer.text());
    // A body that is not a form has no parameters. The path may be empty but for the slash.
    let ignored = client.api.send(
        "POST",
        &format!("/?{}", super::joined(&client.signed("POST", LIST, &[FIRST]))),
        &[("Content-Type", "application/json")],
        b"{\"PageNo\":\"x\"}",
    );
    assert!(is_fine(&ignored), "{}", ignored.text());
    // Unknown parameters are signed but ignored; `HMAC-SHA1` is accepted in any case.
    assert!(is_fine(
        &client.ask(LIST, &[FIRST, ("ApiProduct", "Linkvisual"), ("SignatureType", ""), ("RegionId", "x")])
    ));
    assert!(is_fine(&client.ask(LIST, &[FIRST, ("SignatureMethod", "hmac-sha1")])));
    // Version 3: parameters in the query or in a form. The response is JSON unless XML is requested.
    let isolation = ("IsolationId", ISOLATION.to_owned());
    let page = ("PageNo", "1".to_owned());
    assert!(is_fine(&client.ask_v3(LIST, &vec![isolation.clone(), page.clone()], "")));
    assert!(is_fine(&client.ask_v3(LIST, &vec![isolation.clone()], "PageNo=1")));
    let xml = client.ask_v3(LIST, &vec![isolation, page, ("Format", "XML".to_owned())], "");
    assert_eq!((xml.status, xml.header("content-type")), (200, Some("text/xml;charset=utf-8")));
    // Requests without a mark of this interface are not answered by it.
    for (method, target) in
        [("GET", "/"), ("GET", "/?lang=zh&action=x"), ("HEAD", "/?Action=x"), ("GET", "/index.html?Action=x")]
    {
        let answer = client.api.send(method, target, &[], b"");
        assert!(!answer.header("content-type").unwrap_or_default().contains("xml"), "{method} {target}");
    }
}

/// Each request has one fault more than the next; the first fault is reported.
#[test]
fn what_is_wrong_is_told_in_order() {
    let server = server();
    let client = Client::new(&server, APP);
    let stranger = Client { id: "NOBODYNOBODY".to_owned(), ..client.clone() };
    let wrong = Client { secret: "wrong".to_owned(), ..client.clone() };
    let (late, early) = (off(-32 * 60), off(32 * 60));
    let long = "n".repeat(200);
    type Case<'a> = (&'a Client, &'a str, &'a str, Vec<(&'a str, &'a str)>, u16, &'a str);
    let cases: [Case<'_>; 20] = [
        (&stranger, "PUT", "", vec![("Version", "")], 400, "MissingAction"),
        (&stranger, "PUT", "Nothing", vec![("Version", "")], 400, "MissingVersion"),
        (&stranger, "PUT", "Nothing", vec![("AccessKeyId", "")], 400, "MissingAccessKeyId"),
        (&stranger, "PUT", "Nothing", vec![("SignatureMethod", ""), ("Timestamp", "")], 400, "MissingSignatureMethod"),
        (&stranger, "PUT", "Nothing", vec![("SignatureVersion", "")], 400, "MissingSignatureVersion"),
        (&stranger, "PUT", "Nothing", vec![("SignatureNonce", ""), ("Timestamp", "")], 400, "MissingSignatureNonce"),
        (&stranger, "PUT", "Nothing", vec![("Timestamp", "")], 400, "MissingTimestamp"),
        (&stranger, "PUT", "Nothing", vec![("Version", "2017-01-01")], 400, "InvalidVersion"),
        (&stranger, "PUT", "Nothing", vec![], 404, "InvalidAction.NotFound"),
        (&stranger, "PUT", "queryfaceuser", vec![], 404, "InvalidAction.NotFound"),
        (&stranger, "PUT", LIST, vec![("Timestamp", "x")], 400, "UnsupportedHTTPMethod"),
        (&stranger, "POST", LIST, vec![("Timestamp", "x")], 404, "InvalidAccessKeyId.NotFound"),
        (
            &wrong,
            "POST",
            LIST,
            vec![("Timestamp", "yesterday"), ("SignatureMethod", "x")],
            400,
            "InvalidTimeStamp.Format",
        ),
        (&wrong, "POST", LIST, vec![("Timestamp", &late), ("SignatureMethod", "x")], 400, "InvalidTimeStamp.Expired"),
        (&wrong, "POST", LIST, vec![("Timestamp", &early), ("SignatureMethod", "x")], 400, "InvalidTimeStamp.Expired"),
        (&wrong, "POST", LIST, vec![("SignatureMethod", "HMAC-SHA256")], 400, "InvalidSignatureMethod"),
        (&wrong, "POST", LIST, vec![("SignatureVersion", "2.0")], 400, "InvalidSignatureVersion"),
        (&wrong, "POST", LIST, vec![("PageNo", "0")], 400, "SignatureDoesNotMatch"),
        (&client, "POST", LIST, vec![("SignatureNonce", &long)], 400, "InvalidSignatureNonce"),
        (&client, "POST", LIST, vec![("PageNo", "0")], 400, "InvalidPageNo"),
    ];
    for (who, method, action, given, status, code) in cases {
        let query = super::joined(&who.signed(method, action, &given));
        assert_refused(&who.api.send(method, &format!("/?{query}"), &[], b""), status, code);
    }
    let signed = client.signed("POST", LIST, &[("SecurityToken", "x")]);
    assert_refused(&client.post(&signed), 400, "InvalidSecurityToken.Malformed");
    let unsigned = client.unsigned(LIST, &[]);
    assert_refused(&client.post(&unsigned), 400, "MissingSignature");
    assert_eq!(client.ask(LIST, &[FIRST]).status, 200);

    // An unsupported format is reported in XML.
    let answer = client.ask(LIST, &[("Format", "YAML")]);
    assert!(answer.text().contains("<Error>") && answer.text().contains("<Code>InvalidParameter.Format</Code>"));
    // Requests without a mark of the interface.
    for (method, code) in
        [("PUT", "UnsupportedHTTPMethod"), ("DELETE", "UnsupportedHTTPMethod"), ("POST", "MissingAction")]
    {
        let answer = client.api.send(method, "/", &[], b"");
        assert_eq!((answer.status, answer.header("content-type")), (400, Some("text/xml;charset=utf-8")));
        assert!(answer.text().contains(&format!("<Code>{code}</Code>")), "{}", answer.text());
    }
    // Faults of version 3 signatures.
    let broken = [("Authorization", "ACS3-HMAC-SHA256 nonsense")];
    assert_refused(&client.api.send("GET", "/", &broken, b""), 400, "IncompleteSignature");
    assert_refused(&wrong.ask_v3(LIST, &vec![], ""), 400, "SignatureDoesNotMatch");
    assert_refused(&client.ask_v3("Nothing", &vec![], ""), 404, "InvalidAction.NotFound");
    assert_refused(&client.ask_v3(LIST, &vec![], ""), 400, "MissingIsolationId");
}

#[test]
fn odd_requests_are_refused() {
    let server = server();
    let client = Client::new(&server, APP);
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let signed = super::joined(&client.signed("POST", LIST, &[FIRST]));
    let post = |body: &[u8]| client.api.send("POST", "/?Format=JSON", &form, body);
    let once = signed.replace("&Format=JSON", "");
    for (body, code) in [
        (format!("{once}&PageNo=1"), "InvalidPageNo"),
        (format!("{once}&Format=JSON"), "InvalidFormat"),
        (format!("{once}&%3Cb%3E=1&%3Cb%3E=1"), "InvalidParameter"),
        (format!("{once}&Name=%ff%fe"), "InvalidName"),
    ] {
        assert_refused(&post(body.as_bytes()), 400, code);
    }
    assert_refused(&post(b"Name=\xff"), 400, "InvalidName");
    assert_refused(&post(&vec![b'a'; (1 << 20) + 1]), 413, "RequestBodyTooLarge");
    assert_refused(&post(&vec![b'a'; 1 << 20]), 400, "MissingAction");
    for isolation in ["not-good", "中文", "a b", "<b>", "a'--", &"a".repeat(129)] {
        client.refused(400, "InvalidIsolationId", LIST, &[FIRST, ("IsolationId", isolation)]);
    }
    client.refused(400, "MissingIsolationId", LIST, &[FIRST, ("IsolationId", "")]);
    // A `Host` with XML special characters is escaped.
    let pairs = super::joined(&client.signed("GET", LIST, &[("PageNo", "0"), ("Format", "XML")]));
    let answer = client.api.send("GET", &format!("/?{pairs}"), &[("Host", "a&b")], b"");
    assert!(answer.text().contains("<HostId>a&amp;b</HostId>"), "{}", answer.text());
}

#[test]
fn a_call_that_is_refused_for_its_number_keeps_no_nonce() {
    let server = setup().env("AICP_LINKVISUAL__CALLS_PER_SECOND", "1").start();
    let client = Client::new(&server, APP);
    assert_eq!(client.ask(LIST, &[FIRST]).status, 200);
    let again = nonce();
    for _ in 0..3 {
        let answer = client.ask(LIST, &[FIRST, ("SignatureNonce", &again)]);
        if answer.status == 200 {
            // A second has passed since the limit was reached.
            return;
        }
        assert_refused(&answer, 400, "Throttling.User");
    }
}

#[test]
fn a_nonce_is_good_once_and_over_restarts() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let data_dir = temp.path().join("data");
    let server = setup().data_dir(&data_dir).start();
    let client = Client::new(&server, APP);
    let lenient = Client::with_key(&server, &server.key(APP, &json!({"kind": "alibaba", "allowReplay": true})));
    let request = client.signed("POST", LIST, &[FIRST]);
    assert_eq!(client.post(&request).status, 200);
    assert_refused(&client.post(&request), 400, "SignatureNonceUsed");
    let used = request.iter().find(|(name, _)| *name == "SignatureNonce").map(|(_, nonce)| nonce.clone());
    let used = used.expect("a nonce");
    client.refused(400, "SignatureNonceUsed", LIST, &[FIRST, ("SignatureNonce", &used)]);
    assert_eq!(lenient.ask(LIST, &[FIRST, ("SignatureNonce", &used)]).status, 200, "another key's nonces are its own");
    assert_eq!(lenient.ask(LIST, &[FIRST, ("SignatureNonce", &used)]).status, 200, "this key may repeat itself");
    // A request with a wrong signature does not consume its nonce.
    let fresh = nonce();
    let wrong = Client { secret: "wrong".to_owned(), ..client.clone() };
    assert_refused(&wrong.ask(LIST, &[FIRST, ("SignatureNonce", &fresh)]), 400, "SignatureDoesNotMatch");
    assert_eq!(client.ask(LIST, &[FIRST, ("SignatureNonce", &fresh)]).status, 200);
    server.stop();
    let server = setup().data_dir(&data_dir).start();
    let client = Client { api: server.anonymous(0), ..client.clone() };
    assert_refused(&client.post(&request), 400, "SignatureNonceUsed");
    assert_eq!(client.ask(LIST, &[FIRST]).status, 200, "the key outlives the server");
}

fn own_api(server: &Server, method: &str, path: &str) -> u16 {
    let bearer = format!("Bearer {TOKEN}");
    let target = format!("/api/v1{path}");
    send(server.addresses()[0], method, &target, &[("Authorization", &bearer)], b"").expect("an answer").status
}

#[test]
fn a_key_opens_what_its_app_may_and_no_more() {
    let server = server();
    let client = Client::new(&server, APP);
    client.ok(LIST, &[FIRST]);
    assert_eq!(own_api(&server, "DELETE", &format!("/apps/{APP}/keys/{}", client.id)), 204);
    client.refused(400, "InvalidAccessKeyId.Inactive", LIST, &[FIRST]);
    // Keys of other interfaces are unknown here.
    let jd = server.key(APP, &json!({"kind": "jdcloud"}));
    let text = |name: &str| jd[name].as_str().expect("a text").to_owned();
    let foreign = Client { id: text("accessKey"), secret: text("secretKey"), ..client.clone() };
    foreign.refused(404, "InvalidAccessKeyId.NotFound", LIST, &[FIRST]);

    server.grant("seer", &["C10000000002"]);
    let seer = Client::new(&server, "seer");
    seer.refused(403, "Forbidden.RAM", LIST, &[]);
    seer.refused(403, "Forbidden.RAM", "DetectUserFaceByUrl", &[]);
    server.grant("detector", &["C10000000005"]);
    Client::new(&server, "detector").refused(400, "MissingFacePicUrl", "DetectUserFaceByUrl", &[]);
    let grant = json!({"appId": "gone", "dueTime": "2020-01-01 00:00:00", "capabilityIdArray": ["C10000000001"]});
    server.admin(0).post("/authorize/grantAuthorize", &grant).data();
    Client::new(&server, "gone").refused(400, "InvalidAccessKeyId.Inactive", LIST, &[FIRST]);
}

#[test]
fn too_many_calls_of_one_action_are_refused() {
    let server = setup().env("AICP_LINKVISUAL__CALLS_PER_SECOND", "1").start();
    let client = Client::new(&server, APP);
    let mut refused = None;
    // Even on a slow machine, two of these calls fall into one second.
    for _ in 0..200 {
        let answer = client.ask(LIST, &[FIRST]);
        if answer.status != 200 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("one is too many");
    assert_refused(&refused, 400, "Throttling.User");
    assert_eq!(refused.header("x-acs-retry-after"), Some("1000"));
    assert_eq!(client.ask("QueryFaceAllDeviceGroup", &[FIRST]).status, 200, "another action has its own");
    assert_eq!(Client::new(&server, "another").ask(LIST, &[FIRST]).status, 200, "and so has another app");
    let limited = Client::with_key(&server, &server.key("few", &json!({"kind": "alibaba", "callsPerDay": 1})));
    assert_eq!(limited.ask(LIST, &[FIRST]).status, 200);
    limited.refused(400, "Throttling.User", "QueryFaceAllDeviceGroup", &[FIRST]);
    crate::api::quotas::set(&server, "another", &json!({"callsPerDay": 0}));
    Client::new(&server, "another").refused(400, "Throttling.User", LIST, &[FIRST]);
}

#[test]
fn calls_are_in_the_statistics() {
    let server = server();
    let client = Client::new(&server, APP);
    client.ok(LIST, &[FIRST]);
    client.fails("466", "face user not exist", "QueryFaceUser", &[("UserId", super::NOBODY)]);
    client.refused(400, "MissingUserId", "QueryFaceUser", &[]);
    let wrong = Client { secret: "wrong".to_owned(), ..client.clone() };
    assert_refused(&wrong.ask("DeleteFaceUser", &[]), 400, "SignatureDoesNotMatch");
    let range = json!({"timeBefore": &off(-86_400 * 2)[..10], "timeAfter": &off(86_400 * 2)[..10]});
    let calls = server.admin(0).post("/method/call/all", &range).data().to_string();
    for (part, times) in
        [(LIST, 1), ("查询全部用户组", 1), ("\"QueryFaceUser\"", 2), ("查询人脸用户", 2), ("LinkVisual(内置)", 3)]
    {
        assert_eq!(calls.matches(part).count(), times, "{part}: {calls}");
    }
    assert!(!calls.contains("DeleteFaceUser"), "who did not sign it is not known: {calls}");
}
