//! Access: signatures, replays, grants, quotas and the call log.

use std::time::Duration;

use aicp_types::{Clock, SystemClock};
use jiff::{SignedDuration, Timestamp};
use md5::{Digest, Md5};
use serde_json::{Value, json};

use super::{Jd, assert_fault, assert_gateway, assert_system, assert_v1_fault, inner};
use crate::fixture::{Server, Setup, TOKEN};
use crate::http::{Answer, send};
use crate::pictures::{base64, jpeg, portrait};
use crate::statistics::read_calls;

const LIST: &str = "getFaceGroupList";
const DENIED: &str = "ACCESS_ERROR";

/// Sends an unsigned call.
#[track_caller]
fn bare(server: &Server, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
    send(server.addresses()[0], method, target, headers, b"").expect("an answer")
}

fn now() -> Timestamp {
    SystemClock.now().timestamp()
}

#[test]
fn paths_and_methods_come_before_signatures() {
    let server = Server::auto();
    let nothing = "no route and no API found with those values";
    for (method, target) in [
        ("POST", "/jdai/"),
        ("POST", "/jdai/nothing"),
        ("POST", "/jdai/GetFaceGroupList"),
        ("POST", "/jdai/getFaceGroupList/"),
        ("POST", "/jdai/getFaceGroupList%20"),
        ("POST", "/jdai/%67etFaceGroupList"),
        ("GET", "/jdai/faceCreate"),
        ("GET", "/jdai/faceSearchV1"),
        ("PUT", "/jdai/getFaceGroupList"),
        ("DELETE", "/jdai/faceDelete"),
    ] {
        assert_gateway(&bare(&server, method, target, &[]), 404, "NOT_FOUND", nothing);
    }
    // Request ids are unique.
    let id = |answer: Answer| answer.header("x-jdcloud-request-id").map(str::to_owned);
    assert_ne!(id(bare(&server, "GET", "/jdai/x", &[])), id(bare(&server, "GET", "/jdai/x", &[])));

    let long = "x".repeat(8192);
    let answer = bare(&server, "POST", &format!("/jdai/getFaceGroupList?a={long}"), &[]);
    assert_gateway(&answer, 414, "HTTP_URI_TOO_LONG", "URI too long");

    let jd = Jd::new(&server);
    for api in [LIST, "faceGroupCreate", "faceGroupDelete", "faceDelete"] {
        let nonce = format!("get {api}");
        let answer = jd.send("GET", api, "groupName=g1&outerId=o", b"", &now(), &[("x-jdcloud-nonce", &nonce)]);
        assert_eq!((answer.status, &answer.json()["code"]), (200, &json!("10000")), "{api}");
    }
}

#[test]
fn who_does_not_sign_rightly_is_told_why() {
    let server = Server::auto();
    let jd = Jd::new(&server);
    let target = format!("/jdai/{LIST}");
    let date = now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let scope = format!("{}/{}/r/s/jdcloud2_request", jd.access_key, &date[..8]);
    let scheme = "JDCLOUD2-HMAC-SHA256";
    let zeros = "0".repeat(64);
    let cases = [
        (vec![], "lack of header authorization"),
        (vec![("authorization", "Bearer x".to_owned())], "lack of credential in the header authorization"),
        (vec![("authorization", format!("{scheme} Credential={scope}"))], "lack of header signedHeaders"),
        (
            vec![("authorization", format!("{scheme} Credential={scope}, SignedHeaders=host, Signature={zeros}"))],
            "lack of header x-jdcloud-date",
        ),
        (
            vec![
                (
                    "authorization",
                    format!("{scheme} Credential=nobody/{}/r/s/jdcloud2_request, SignedHeaders=host", &date[..8]),
                ),
                ("x-jdcloud-date", date.clone()),
            ],
            "Invalid accessKey",
        ),
        (
            vec![
                ("authorization", format!("{scheme} Credential={scope}, SignedHeaders=host")),
                ("x-jdcloud-date", date.clone()),
            ],
            "Invalid authentication credentials",
        ),
        (
            vec![
                ("authorization", format!("{scheme} Credential={scope}, SignedHeaders=host, Signature={zeros}")),
                ("x-jdcloud-date", date.clone()),
            ],
            "sign result is not same",
        ),
    ];
    for (headers, message) in cases {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_gateway(&bare(&server, "POST", &target, &headers), 401, DENIED, message);
    }
    // Neither the AICP token nor a key of another interface is valid here.
    let token = bare(&server, "POST", &target, &[("token", TOKEN)]);
    assert_gateway(&token, 401, DENIED, "lack of header authorization");
    let ali = server.key("shop", &json!({"kind": "alibaba"}));
    let text = |name: &str| ali[name].as_str().expect("a text").to_owned();
    let foreign = Jd { access_key: text("accessKeyId"), secret_key: text("accessKeySecret"), ..jd.clone() };
    assert_gateway(&foreign.call(LIST, "", ""), 401, DENIED, "Invalid accessKey");
    let wrong = Jd { secret_key: jd.secret_key.replace(|c: char| c.is_ascii_alphanumeric(), "x"), ..jd.clone() };
    assert_gateway(&wrong.call(LIST, "", ""), 401, DENIED, "sign result is not same");

    for minutes in [-6, 6] {
        let at = now() + SignedDuration::from_mins(minutes);
        assert_gateway(&jd.send("POST", LIST, "", b"", &at, &[]), 401, DENIED, "Invalid authentication credentials");
    }
    for minutes in [-4, 4] {
        let at = now() + SignedDuration::from_mins(minutes);
        assert_eq!(jd.send("POST", LIST, "", b"", &at, &[]).json()["code"], "10000");
    }
    server.stop();
    let kept = server.kept();
    kept.assert_without(jd.secret_key.as_bytes());
}

#[test]
fn a_request_with_a_signed_nonce_is_taken_once() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let data_dir = temp.path().join("data");
    let server = Setup::new(&["auto"]).data_dir(&data_dir).start();
    let jd = Jd::new(&server);
    let at = now();
    let nonce = [("x-jdcloud-nonce", "n")];
    let again = |jd: &Jd, headers: &[(&str, &str)]| jd.send("POST", LIST, "", b"", &at, headers);
    assert_eq!(again(&jd, &nonce).json()["code"], "10000");
    assert_gateway(&again(&jd, &nonce), 403, "APIGW_NONCE_CONFLICT", "重复访问");
    assert_gateway(&again(&jd, &nonce), 403, "APIGW_NONCE_CONFLICT", "重复访问");
    // Another nonce, key or body makes another request.
    assert_eq!(again(&jd, &[("x-jdcloud-nonce", "m")]).json()["code"], "10000");
    assert_eq!(jd.send("POST", LIST, "", b"{}", &at, &nonce).json()["code"], "10000");
    let other = Jd::new(&server);
    assert_eq!(again(&other, &nonce).json()["code"], "10000");
    // Requests without a signed nonce may be repeated, and so may those of a key that allows replays.
    for _ in 0..2 {
        assert_eq!(again(&jd, &[]).json()["code"], "10000");
    }
    let free = Jd::of_app(&server, "shop", &json!({"allowReplay": true}));
    for _ in 0..2 {
        assert_eq!(again(&free, &nonce).json()["code"], "10000");
    }
    // Used nonces survive a restart; requests with a wrong signature are not remembered.
    server.stop();
    let server = Setup::new(&["auto"]).data_dir(&data_dir).start();
    // The signed `Host` has the old port; the request goes to the new one.
    let host = jd.address.to_string();
    let date = at.strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut headers = vec![("host", host.as_str()), ("x-jdcloud-date", date.as_str()), nonce[0]];
    let authorization = jd.authorization("POST", LIST, "", b"", &date, &headers);
    headers.push(("authorization", &authorization));
    let repeated = send(server.addresses()[0], "POST", &format!("/jdai/{LIST}"), &headers, b"").expect("an answer");
    assert_gateway(&repeated, 403, "APIGW_NONCE_CONFLICT", "重复访问");
}

#[test]
fn md5_signatures_are_taken_from_keys_that_allow_them() {
    let server = Server::auto();
    let jd = Jd::of_app(&server, "shop", &json!({"allowMd5": true}));
    let strict = Jd::new(&server);
    let now = || Duration::from_millis(SystemClock.now().get().unsigned_abs());
    let signed = |jd: &Jd, at: Duration| {
        let time = at.as_millis();
        let sign = hex::encode(Md5::digest(format!("{}{time}", jd.secret_key)));
        format!("appkey={}&timestamp={time}&sign={sign}", jd.access_key)
    };
    let call = |api: &str, query: &str, body: &str| {
        send(server.addresses()[0], "POST", &format!("/jdai/{api}?{query}"), &[], body.as_bytes()).expect("an answer")
    };
    let good = signed(&jd, now());
    assert_eq!(call("faceGroupCreate", &format!("{good}&groupName=g1"), "").json()["status"], 0);
    // The MD5 signature covers neither path nor body, and may be repeated.
    let form = format!("imageBase64={}", base64(&jpeg(&portrait())));
    assert!(inner(&call("faceCreate", &format!("{good}&groupName=g1&outerId=o"), &form))["faceId"].is_string());

    let (key, time) = (&jd.access_key, now().as_millis());
    let old = signed(&jd, now() - Duration::from_secs(360));
    let early = signed(&jd, now() + Duration::from_secs(360));
    for (query, code, message) in [
        ("sign=x&timestamp=x".to_owned(), "10004", "URL上appkey参数不能为空"),
        (format!("appkey={key}&sign=x"), "10041", "URL上timestamp参数不能为空"),
        (format!("appkey={key}&secretkey={}", jd.secret_key), "10041", "URL上timestamp参数不能为空"),
        (format!("appkey={key}&timestamp=x"), "10042", "URL上sign参数不能为空"),
        (format!("appkey={key}&timestamp=x&sign=x"), "10046", "timestamp参数格式错误"),
        (old, "10045", "timestamp参数无效，请检查timestamp距离当前时间是否超过5分钟"),
        (early, "10045", "timestamp参数无效，请检查timestamp距离当前时间是否超过5分钟"),
        (signed(&strict, now()), "10001", "错误的请求appkey"),
        (format!("appkey=nobody&timestamp={time}&sign=x"), "10001", "错误的请求appkey"),
        (format!("appkey={key}&timestamp={time}&sign=x"), "10047", "请求签名sign无效，请检查签名信息"),
    ] {
        let answer = call(LIST, &query, "");
        assert_system(&answer, code, message);
        assert!(answer.json()["status"].is_u64(), "face search has a status beside the code");
        let plain = call("face_compare", &query, "");
        assert_system(&plain, code, message);
        assert_eq!(plain.json().get("status"), None);
    }
    // The header takes precedence over the query.
    let with_header =
        send(server.addresses()[0], "POST", &format!("/jdai/{LIST}?{good}"), &[("authorization", "x")], b"");
    let message = "lack of credential in the header authorization";
    assert_gateway(&with_header.expect("an answer"), 401, DENIED, message);
    server.stop();
    server.kept().assert_without(jd.secret_key.as_bytes());
}

#[test]
fn quotas_count_down_and_are_said() {
    let server = Server::auto();
    let jd = Jd::of_app(&server, "shop", &json!({"callsPerDay": 3}));
    for left in [2, 1] {
        let body = jd.call(LIST, "", "").json();
        assert_eq!(
            (&body["remain"], &body["remainTimes"], &body["remainSeconds"]),
            (&json!(left), &json!(left), &json!(-1))
        );
    }
    // Failed calls count; calls with a wrong signature do not.
    let wrong = Jd { secret_key: "x".to_owned(), ..jd.clone() };
    assert_gateway(&wrong.call(LIST, "", ""), 401, DENIED, "sign result is not same");
    let failed = jd.call(LIST, "start=x", "");
    assert_fault(&failed, 400, "start and length must be int");
    assert_eq!(failed.json()["remain"], 0);
    let full = jd.call(LIST, "", "");
    assert_system(&full, "10040", "超过每天限量，请明天继续");
    full.assert(
        200,
        r#"{"code":"10040","status":10040,"charge":false,"remain":0,"remainTimes":0,"remainSeconds":-1,"msg":"超过每天限量，请明天继续"}"#,
    );

    let slow = Jd::of_app(&server, "shop", &json!({"callsPerSecond": 1}));
    let codes: Vec<Value> = (0..20).map(|_| slow.call(LIST, "", "").json()["code"].take()).collect();
    assert_eq!(codes[0], "10000");
    assert!(codes.contains(&json!("10043")), "{codes:?}");
}

#[test]
fn the_quota_of_an_app_holds_for_all_its_keys() {
    let server = Server::auto();
    let (one, two) = (Jd::of_app(&server, "shop", &json!({})), Jd::of_app(&server, "shop", &json!({"callsPerDay": 2})));
    crate::api::quotas::set(&server, "shop", &json!({"callsPerDay": 4}));
    assert_eq!(one.call(LIST, "", "").json()["remain"], 3);
    assert_eq!(two.call(LIST, "", "").json()["remain"], 1, "the key has fewer left");
    assert_eq!(two.call(LIST, "", "").json()["remain"], 0);
    // What the key refuses does not count for the app.
    assert_system(&two.call(LIST, "", ""), "10040", "超过每天限量，请明天继续");
    assert_eq!(one.call(LIST, "", "").json()["remain"], 0);
    assert_system(&one.call(LIST, "", ""), "10040", "超过每天限量，请明天继续");
    crate::api::quotas::set(&server, "shop", &json!({"callsPerSecond": 1}));
    let codes: Vec<Value> = (0..20).map(|_| one.call(LIST, "", "").json()["code"].take()).collect();
    assert_eq!(codes[0], "10000");
    assert!(codes.contains(&json!("10043")), "{codes:?}");
}

#[test]
fn what_an_app_was_not_granted_is_refused() {
    let server = Server::auto();
    server.grant("groups", &["C10000000001"]);
    let jd = Jd::of_app(&server, "groups", &json!({}));
    jd.create_group("g1");
    let picture = jpeg(&portrait());
    jd.create_face("g1", "a", &picture);
    let form = format!("imageBase64={}", base64(&picture));
    for api in ["faceSearch", "face_compare", "faceCompareV1", "facePropV1", "face_AntiSpoof", "faceSearchV1"] {
        assert_system(&jd.call(api, "groupName=g1", &form), "10048", "无接口权限，请下单购买");
    }
    server.grant("search", &["C10000000002"]);
    let jd = Jd::of_app(&server, "search", &json!({}));
    for api in [LIST, "faceGroupCreate", "faceGroupDelete", "faceCreate", "faceDelete", "groupFetchV1", "faceFetchV1"] {
        assert_system(&jd.call(api, "groupName=g1&outerId=a", ""), "10048", "无接口权限，请下单购买");
    }
    assert_fault_of_search(&jd.call("faceSearch", "", ""));

    // An expired grant, a deleted grant, and a revoked key.
    let past = json!({"appId": "late", "dueTime": "2020-01-01 00:00:00", "capabilityIdArray": ["C10000000001"]});
    server.admin(0).post("/authorize/grantAuthorize", &past).data();
    let disabled = |jd: &Jd| assert_system(&jd.call(LIST, "", ""), "10050", "用户已被禁用");
    disabled(&Jd::of_app(&server, "late", &json!({})));
    let jd = Jd::of_app(&server, "groups", &json!({}));
    assert_eq!(jd.groups().len(), 1);
    let bearer = format!("Bearer {TOKEN}");
    let target = format!("/api/v1/apps/groups/keys/{}", jd.access_key);
    let revoked = send(server.addresses()[0], "DELETE", &target, &[("Authorization", &bearer)], b"");
    assert_eq!(revoked.expect("an answer").status, 204);
    disabled(&jd);
    let jd = Jd::of_app(&server, "groups", &json!({}));
    server.admin(0).post("/authorize/deleteAuthorizedUser", &json!({"appId": "groups"})).data();
    disabled(&jd);
}

#[track_caller]
fn assert_fault_of_search(answer: &Answer) {
    assert_eq!(answer.json()["result"]["message"], "groupId or groupName is null");
}

#[test]
fn calls_are_logged_once_their_app_is_known() {
    let server = Server::auto();
    let jd = Jd::of_app(&server, "shop", &json!({"callsPerDay": 4}));
    jd.create_group("g1");
    jd.create_face("g1", "a", &jpeg(&portrait()));
    assert_fault(&jd.call("faceGroupDelete", "groupName=g1&outerId=b", ""), 13320, "outerId not found");
    assert_eq!(jd.call("faceCompareV1", "", "x").json()["result"]["code"], 31);
    assert_eq!(jd.call(LIST, "", "").json()["code"], "10040");
    let wrong = Jd { secret_key: "x".to_owned(), ..jd.clone() };
    assert_eq!((wrong.call(LIST, "", "").status, bare(&server, "GET", "/jdai/x", &[]).status), (401, 404));
    server.stop();
    let calls = read_calls(server.data_dir());
    let told: Vec<_> = calls
        .iter()
        .filter(|call| call.url.starts_with("/jdai/"))
        .map(|call| (call.method.as_str(), call.label.as_str(), call.source.as_str(), call.ok, call.code))
        .collect();
    let mut expected = vec![
        ("faceGroupCreate", "创建分组", "京东云(内置)", true, Some(0)),
        ("faceCreate", "添加人脸", "京东云(内置)", true, Some(0)),
        ("faceDelete", "删除人脸", "京东云(内置)", false, Some(13320)),
        ("faceCompareV1", "人脸对比", "京东云(内置)", false, Some(31)),
        (LIST, "分组列表", "京东云(内置)", false, Some(10040)),
    ];
    let mut told = told;
    told.sort();
    expected.sort();
    assert_eq!(told, expected);
    assert!(calls.iter().all(|call| call.app_id == "shop" && call.ip.as_deref() == Some("127.0.0.1")));
}

#[test]
fn more_than_a_body_may_have_is_refused() {
    let server = Server::auto();
    let jd = Jd::new(&server);
    let length = ((100_usize << 20) + 1).to_string();
    let host = jd.address.to_string();
    let date = now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut headers = vec![("host", host.as_str()), ("x-jdcloud-date", date.as_str())];
    let authorization = jd.authorization("POST", LIST, "", b"", &date, &headers);
    // The client sends no body before the response, which is a refusal.
    headers.extend([
        ("authorization", authorization.as_str()),
        ("content-length", &length),
        ("expect", "100-continue"),
    ]);
    let answer = send(jd.address, "POST", &format!("/jdai/{LIST}"), &headers, b"").expect("an answer");
    assert_gateway(&answer, 413, "HTTP_REQUEST_ENTITY_TOO_LARGE", "Payload too large");
}

#[test]
fn what_no_call_could_use_takes_no_memory_and_is_refused_by_the_call() {
    // All bodies together may take 16 MiB.
    let server = Setup::new(&["auto"]).env("AICP_HTTP__BODY_MEMORY_MIB", "16").start();
    let jd = Jd::new(&server);
    jd.create_group("g1");
    let before = jd.groups();
    let heavy = format!("imageBase64={}", "A".repeat(20 << 20));
    let wrong = Jd { secret_key: "x".to_owned(), ..jd.clone() };
    assert_gateway(&wrong.call("faceCreate", "", &heavy), 401, DENIED, "sign result is not same");
    for (api, status, message) in [
        ("faceCreate", 13111, "image quality is bad"),
        ("face_compare", 13005, "图像超过尺寸"),
        ("faceGroupDelete", 12003, "解析参数错误"),
        (LIST, 12003, "解析参数错误"),
    ] {
        assert_fault(&jd.call(api, "groupName=g1&outerId=a", &heavy), status, message);
    }
    let json = format!(r#"{{"imgBase64":"{}"}}"#, &heavy[12..]);
    assert_v1_fault(&jd.call("facePropV1", "", &json), 5, "Base64IsTooLarge");
    assert_v1_fault(&jd.call("groupDeleteV1", "groupId=x", &json), 31, "RequestBodyIsNotJson");
    assert_system(&jd.call("mask_detect", "", &heavy), "10048", "无接口权限，请下单购买");

    // Names, ids and pages are limited to 64 KiB.
    let padded = |length: usize| format!("groupName=g1{}", " ".repeat(length - 12));
    let deletes = |body: String| jd.call("faceGroupDelete", "", &body);
    assert_fault(&deletes(padded((64 << 10) + 1)), 12003, "解析参数错误");
    assert_eq!(jd.groups(), before);
    assert_eq!(deletes(padded(64 << 10)).json()["status"], 0);
    assert_eq!(jd.groups(), Vec::<Value>::new());
}

#[test]
fn md5_signatures_are_checked_before_any_body_is_read() {
    let server = Server::auto();
    let jd = Jd::of_app(&server, "shop", &json!({"allowMd5": true}));
    let time = now().as_millisecond();
    let right = hex::encode(Md5::digest(format!("{}{time}", jd.secret_key)));
    let length = ((100_usize << 20) + 1).to_string();
    // The client sends no body before the response.
    let headers = [("content-length", length.as_str()), ("expect", "100-continue")];
    let call = |sign: &str| {
        let target = format!("/jdai/{LIST}?appkey={}&timestamp={time}&sign={sign}", jd.access_key);
        send(jd.address, "POST", &target, &headers, b"").expect("an answer")
    };
    assert_system(&call("x"), "10047", "请求签名sign无效，请检查签名信息");
    assert_gateway(&call(&right), 413, "HTTP_REQUEST_ENTITY_TOO_LARGE", "Payload too large");
}
