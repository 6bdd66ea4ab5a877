//! Checks before a command is started.

use std::io::Write;

use serde_json::{Value, json};

use super::{Im, LOGIN, SNS, assert_body, assert_fails, assert_fails_elsewhere, now, user_sig};
use crate::fixture::{Server, Setup, TOKEN};
use crate::http::{connect, read_answer, send};

const GROUP_GET: &str = "/v4/sns/group_get";

#[test]
fn addresses_and_methods_are_looked_at_first() {
    let server = Server::auto();
    let im = Im::of_app(&server, "shop");
    let address = server.addresses()[0];
    let query = &im.query;
    for (method, target, body, code) in [
        ("POST", "/v4".to_owned(), "{}", 60002),
        ("POST", "/v4/".to_owned(), "{}", 60002),
        ("POST", format!("/v4/sns?{query}"), "{}", 60002),
        ("POST", format!("/v4//group_get?{query}"), "{}", 60002),
        ("POST", format!("/v4/sns/?{query}"), "{}", 60002),
        ("POST", format!("/v4/sns/group_get/?{query}"), "{}", 60002),
        ("POST", format!("/v4/sns/group_get/x?{query}"), "{}", 60002),
        ("GET", format!("{GROUP_GET}?{query}"), "", 60002),
        ("PUT", format!("{GROUP_GET}?{query}"), "{}", 60002),
        ("DELETE", format!("{GROUP_GET}?{query}"), "", 60002),
        ("BREW", format!("{GROUP_GET}?{query}"), "{}", 60002),
        ("GET", "/v4/sns/nothing".to_owned(), "", 60002),
        ("POST", "/v4/sns/nothing".to_owned(), "{}", 60009),
        ("POST", format!("/v4/sns/Group_Get?{query}"), "{}", 60009),
        ("POST", format!("/v4/SNS/group_get?{query}"), "{}", 60009),
        ("POST", format!("/v4/sns/account_check?{query}"), "{}", 60009),
        ("POST", format!("/v4/sns/group%5Fget?{query}"), "{}", 60009),
        ("POST", "/v4/im_open_login_svc/nothing".to_owned(), "", 60009),
    ] {
        let answer = send(address, method, &target, &[], body.as_bytes()).expect("an answer");
        let check = if target.starts_with("/v4/sns/") { assert_fails } else { assert_fails_elsewhere };
        check(&answer, code);
    }
    let unparsable = send(address, "POST", "/v4", &[], b"").expect("an answer");
    assert_body(&unparsable, r#"{"ActionStatus":"FAIL","ErrorCode":60002,"ErrorInfo":"HTTP parse Error"}"#);
    let head = send(address, "HEAD", GROUP_GET, &[], b"").expect("an answer");
    assert_eq!((head.status, head.body.len()), (200, 0));

    for target in [GROUP_GET, "/v4", "/v4/x"] {
        let answer = send(address, "OPTIONS", target, &[("Origin", "http://example.org")], b"").expect("an answer");
        assert_eq!((answer.status, answer.body.len()), (204, 0));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert_eq!(answer.header("access-control-allow-methods"), Some("POST"));
        assert_eq!(answer.header("access-control-allow-headers"), Some("X-Requested-With"));
    }
}

#[test]
fn parameters_and_usersigs_have_their_codes() {
    let server = Server::auto();
    let (im, other) = (Im::of_app(&server, "shop"), Im::of_app(&server, "shop"));
    im.import(&["ada"]);
    let (id, sig) = (im.sdkappid, user_sig(im.sdkappid, &im.key, "administrator", now(), 3600));
    let signed = |identifier: &str, time, expire| user_sig(id, &im.key, identifier, time, expire);
    let expired = signed("administrator", now() - 100, 99);
    let ahead = signed("administrator", now() + 3600, 3600);
    let forged = user_sig(id, &other.key, "administrator", now(), 3600);
    let end_user = signed("ada", now(), 3600);
    let second = signed("admin", now(), 3600);
    let escaped = sig.replace('*', "%2A").replace('-', "%2D").replace('_', "%5F");
    let (cut, unknown) = (&sig[..sig.len() - 20], 1_400_000_000_u64 + u64::from(id == 1_400_000_000));
    let other_id = other.sdkappid;
    for (query, code) in [
        (format!("identifier=administrator&usersig={sig}"), 60012),
        (format!("sdkappid=&identifier=administrator&usersig={sig}"), 60012),
        (format!("SDKAppID={id}&identifier=administrator&usersig={sig}"), 60012),
        ("sdkappid=x".to_owned(), 60006),
        (format!("sdkappid=-{id}"), 60006),
        (format!("sdkappid=%2B{id}"), 60006),
        (format!("sdkappid={id}.0"), 60006),
        ("sdkappid=99999999999999999999999".to_owned(), 60006),
        (format!("sdkappid={unknown}&identifier=administrator&usersig={sig}"), 60006),
        (format!("sdkappid={id}&usersig={sig}"), 60004),
        (format!("sdkappid={id}&identifier=&usersig={sig}"), 60004),
        (format!("sdkappid={id}&identifier=administrator"), 60004),
        (format!("sdkappid={id}&identifier=administrator&usersig="), 70002),
        (format!("sdkappid={id}&identifier=administrator&usersig=xxx"), 70003),
        (format!("sdkappid={id}&identifier=administrator&usersig={cut}"), 70003),
        (format!("sdkappid={id}&identifier=administrator&usersig={}", "A".repeat(3000)), 70003),
        (format!("sdkappid={id}&identifier=administrator&usersig={ahead}"), 70003),
        (format!("sdkappid={other_id}&identifier=administrator&usersig={sig}"), 70014),
        (format!("sdkappid={id}&identifier=admin&usersig={sig}"), 70013),
        (format!("sdkappid={id}&identifier=administrator&usersig={forged}"), 70009),
        (format!("sdkappid={id}&identifier=administrator&usersig={expired}"), 70001),
        (format!("sdkappid={id}&identifier=ada&usersig={end_user}"), 30004),
        // From here on only the body is missing.
        (format!("sdkappid={id}&identifier=administrator&usersig={sig}"), 60003),
        (format!("usersig={sig}&random=&identifier=administrator&sdkappid=0{id}&apn=1&apn=2"), 60003),
        (format!("sdkappid={id}&sdkappid=1&identifier=administrator&identifier=x&usersig={sig}&usersig="), 60003),
        (format!("sdkappid={id}&identifier=%61dministrator&usersig={escaped}"), 60003),
        (format!("sdkappid={id}&identifier=admin&usersig={second}&contenttype=xml"), 60003),
    ] {
        for path in [GROUP_GET, "/v4/im_open_login_svc/account_check"] {
            let target = format!("{path}?{query}");
            let answer = send(server.addresses()[0], "POST", &target, &[], b"").expect("an answer");
            match (path, code) {
                (GROUP_GET, code) => assert_fails(&answer, code),
                (_, 30004) => assert_fails_elsewhere(&answer, 60010),
                (_, code) => assert_fails_elsewhere(&answer, code),
            }
        }
    }
}

#[test]
fn only_keys_for_it_and_apps_that_may_do_it_open_it() {
    let server = Server::auto();
    let jd = server.key("shop", &json!({"kind": "jdcloud"}));
    let body = json!({"From_Account": "ada"});
    let free = Im::of_app(&server, "free");
    free.import(&["ada"]);
    free.ok("group_get", &body);
    let jd = jd["accessKey"].as_str().expect("a text");
    let target = format!("{GROUP_GET}?sdkappid={jd}&identifier=administrator&usersig=x");
    assert_fails(&send(server.addresses()[0], "POST", &target, &[], b"{}").expect("an answer"), 60006);

    let granted = Im::of_app(&server, "granted");
    server.grant("granted", &["C10000000008"]);
    granted.import(&["ada"]);
    granted.ok("group_get", &body);
    let elsewhere = Im::of_app(&server, "elsewhere");
    server.grant("elsewhere", &["C10000000002"]);
    assert_fails(&elsewhere.sns("group_get", &body), 60017);
    let ended = Im::of_app(&server, "ended");
    let grant = json!({"appId": "ended", "dueTime": "2020-01-01 00:00:00", "capabilityIdArray": ["C10000000008"]});
    server.admin(0).post("/authorize/grantAuthorize", &grant).data();
    assert_fails(&ended.sns("group_get", &body), 60016);
    let forged =
        Im { query: granted.query.replace(&granted.sdkappid.to_string(), &ended.sdkappid.to_string()), ..ended };
    assert_fails(&forged.sns("group_get", &body), 70014);

    server.admin(0).post("/authorize/deleteAuthorizedUser", &json!({"appId": "granted"})).data();
    assert_fails(&granted.sns("group_get", &body), 70020);
    let bearer = format!("Bearer {TOKEN}");
    let target = format!("/api/v1/apps/free/keys/{}", free.sdkappid);
    let revoked = send(server.addresses()[0], "DELETE", &target, &[("Authorization", &bearer)], b"");
    assert_eq!(revoked.expect("an answer").status, 204);
    assert_fails(&free.sns("group_get", &body), 70016);
}

#[test]
fn bodies_are_read_whatever_they_are_declared_as() {
    let server = Server::auto();
    let im = Im::of_app(&server, "shop");
    im.import(&["ada"]);
    let empty =
        r#"{"ResultItem":[],"CurrentSequence":0,"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"","ErrorDisplay":""}"#;
    let body = br#"{"From_Account":"ada"}"#;
    let target = format!("{GROUP_GET}?{}", im.query);
    for media_type in ["application/json", "text/plain", "application/x-www-form-urlencoded", "nonsense"] {
        assert_body(&im.api.send("POST", &target, &[("Content-Type", media_type)], body), empty);
    }
    let length = body.len().to_string();
    assert_body(&im.api.send("GET", &target, &[("Content-Length", &length)], body), empty);
    // A chunked body.
    let mut stream = connect(server.addresses()[0]).expect("a connection");
    let head = format!("GET {target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("it is sent");
    stream.write_all(format!("{:x}\r\n", body.len()).as_bytes()).expect("it is sent");
    stream.write_all(&[body, &b"\r\n0\r\n\r\n"[..]].concat()).expect("it is sent");
    assert_body(&read_answer(stream, "GET").expect("an answer"), empty);
    for same in [
        r#"{"From_Account":"bob","From_Account":"ada"}"#,
        r#" {"From_Account":"\u0061da","X":[{}],"LastSequence":null,"NeedFriend":"","GroupName":null} "#,
        r#"{"From_Account":"ada","GroupName":[],"LastSequence":0,"NeedFriend":"Need_Friend_Type_No"}"#,
        r#"{"From_Account":"ada","GroupName":""}"#,
        &format!(r#"{{"From_Account":"ada","X":[{}]}}"#, vec![r#"{"":0}"#; 500_000].join(",")),
    ] {
        assert_body(&im.post(GROUP_GET, same.as_bytes()), empty);
    }

    let deep = format!("{}{}", "[".repeat(1 << 20), "]".repeat(1 << 20));
    let deep_unknown = format!(r#"{{"From_Account":"ada","X":{deep}}}"#);
    let deep_known = format!(r#"{{"From_Account":"ada","GroupName":{deep}}}"#);
    for body in [
        &b""[..],
        b"{",
        b"{}x",
        b"\xff",
        b"{\"From_Account\":\"\xc3\"}",
        b"{\"a\":\"\\ud800\"}",
        deep.as_bytes(),
        deep_unknown.as_bytes(),
        deep_known.as_bytes(),
    ] {
        assert_fails(&im.post(GROUP_GET, body), 60003);
    }
    // More values than any call needs.
    let many = vec!["{}"; 500_000].join(",");
    let many = format!(r#"{{"From_Account":"ada","To_Account":[{many}],"CheckItem":[]}}"#);
    assert_fails(&im.post("/v4/sns/friend_delete", many.as_bytes()), 30001);
    assert_fails_elsewhere(&im.post("/v4/im_open_login_svc/account_check", many.as_bytes()), 70402);
    assert_fails(&im.post("/v4/sns/friend_delete", many.trim_end_matches('}').as_bytes()), 60003);
    let names: Vec<String> = (0..1000).map(|n| format!("{n}{}", "x".repeat(1000))).collect();
    let codes = im.codes("friend_delete", &json!({"From_Account": "ada", "To_Account": names}));
    assert_eq!(codes, [30003; 1000], "a body of a megabyte");
    let large = format!(r#"{{"From_Account":"ada"{}}}"#, " ".repeat((4 << 20) - 22));
    assert_eq!(large.len(), 4 << 20);
    assert_body(&im.post(GROUP_GET, large.as_bytes()), empty);
    let too_large = im.post(GROUP_GET, format!("{large} ").as_bytes());
    assert_fails(&too_large, 60008);
    let words = "service timeout or request format error,please check and try again";
    assert_eq!(too_large.json()["ErrorInfo"], words);
}

#[test]
fn shapes_have_their_codes() {
    let server = Server::auto();
    let im = Im::of_app(&server, "shop");
    im.import(&["ada", "bob"]);
    let many = |count: usize| (0..count).map(|n| format!("user{n}")).collect::<Vec<_>>();
    let items = |count: usize| many(count).iter().map(|n| json!({"To_Account": n})).collect::<Vec<_>>();
    let ids = |count: usize| many(count).iter().map(|n| json!({"UserID": n})).collect::<Vec<_>>();
    let list = json!(["Tag_SNS_IM_Remark"]);
    let from = |mut body: Value| {
        body["From_Account"] = json!("ada");
        body
    };
    for (command, body, code) in [
        ("group_get", json!([]), 30001),
        ("group_get", json!("x"), 30001),
        ("group_get", json!({}), 30001),
        ("group_get", json!({"From_Account": null}), 30001),
        ("group_get", json!({"From_Account": ""}), 30001),
        ("group_get", json!({"From_Account": 1}), 60015),
        ("group_get", json!({"From_Account": ["ada"]}), 60015),
        ("group_get", json!({"From_Account": "nobody"}), 30003),
        ("group_get", json!({"From_Account": "ADA"}), 30003),
        ("group_get", from(json!({"LastSequence": -1})), 30001),
        ("group_get", from(json!({"LastSequence": 1.5})), 30001),
        ("group_get", from(json!({"LastSequence": "1"})), 30001),
        ("group_get", from(json!({"GroupName": "x"})), 30001),
        ("group_get", from(json!({"GroupName": [1]})), 30001),
        ("group_get", from(json!({"GroupName": many(33)})), 30001),
        ("group_get", from(json!({"NeedFriend": true})), 30001),
        ("group_add", from(json!({})), 30001),
        ("group_add", from(json!({"GroupName": []})), 30001),
        ("group_add", from(json!({"GroupName": "x"})), 30001),
        ("group_add", from(json!({"GroupName": [""]})), 30001),
        ("group_add", from(json!({"GroupName": ["x".repeat(31)]})), 30001),
        ("group_add", from(json!({"GroupName": ["一二三四五六七八九十一"]})), 30001),
        ("group_add", from(json!({"GroupName": many(33)})), 30001),
        ("group_add", from(json!({"GroupName": ["x"], "To_Account": many(1001)})), 30001),
        ("group_add", from(json!({"GroupName": ["x"], "To_Account": "bob"})), 30001),
        ("group_add", from(json!({"GroupName": ["x"], "To_Account": [1]})), 60015),
        ("group_add", json!({"From_Account": "nobody", "GroupName": ["x"]}), 30003),
        ("group_delete", from(json!({})), 30001),
        ("group_delete", from(json!({"GroupName": many(33)})), 30001),
        ("group_delete", json!({"From_Account": "nobody", "GroupName": ["x"]}), 30003),
        ("friend_add", from(json!({})), 30001),
        ("friend_add", from(json!({"AddFriendItem": {"To_Account": "bob"}})), 30001),
        ("friend_add", from(json!({"AddFriendItem": ["bob"]})), 30001),
        ("friend_add", from(json!({"AddFriendItem": [{}]})), 30001),
        ("friend_add", from(json!({"AddFriendItem": [{"To_Account": 1}]})), 60015),
        ("friend_add", from(json!({"AddFriendItem": items(1001)})), 30001),
        ("friend_add", from(json!({"AddFriendItem": items(1), "AddType": "x"})), 30001),
        ("friend_add", from(json!({"AddFriendItem": items(1), "ForceAddFlags": 2})), 30001),
        ("friend_add", from(json!({"AddFriendItem": [{"To_Account": "bob", "Remark": 1}]})), 30001),
        ("friend_add", json!({"From_Account": "nobody", "AddFriendItem": items(1)}), 30003),
        ("friend_import", from(json!({"AddFriendItem": [{"To_Account": "bob", "AddTime": 1.5}]})), 30001),
        ("friend_import", from(json!({"AddFriendItem": [{"To_Account": "bob", "AddTime": -1}]})), 30001),
        ("friend_import", from(json!({"AddFriendItem": [{"To_Account": "bob", "CustomItem": "x"}]})), 30001),
        ("friend_import", from(json!({"AddFriendItem": [{"To_Account": "bob", "CustomItem": [{"Value": 1}]}]})), 30001),
        ("friend_import", json!({"From_Account": "nobody", "AddFriendItem": items(1)}), 30003),
        ("friend_update", from(json!({"UpdateItem": items(1)})), 30001),
        ("friend_update", from(json!({"UpdateItem": [{"To_Account": "bob", "SnsItem": [{"Value": "x"}]}]})), 30001),
        ("friend_delete", from(json!({})), 30001),
        ("friend_delete", from(json!({"To_Account": [{}]})), 60015),
        ("friend_delete", from(json!({"To_Account": many(1001)})), 30001),
        ("friend_delete", from(json!({"To_Account": ["bob"], "DeleteType": "Add_Type_Both"})), 30001),
        ("friend_delete", json!({"From_Account": "nobody", "To_Account": ["bob"]}), 30003),
        ("friend_delete_all", from(json!({"DeleteType": 1})), 30001),
        ("friend_delete_all", json!({"From_Account": "nobody"}), 30003),
        ("friend_check", from(json!({"To_Account": ["bob"]})), 30001),
        ("friend_check", from(json!({"To_Account": ["bob"], "CheckType": "CheckResult_Type_None"})), 30001),
        ("friend_check", from(json!({"To_Account": [null], "CheckType": "CheckResult_Type_Both"})), 60015),
        ("friend_get", from(json!({})), 30001),
        ("friend_get", from(json!({"StartIndex": 1.0})), 30001),
        ("friend_get", from(json!({"StartIndex": 0, "StandardSequence": "0"})), 30001),
        ("friend_get", json!({"From_Account": "nobody", "StartIndex": 0}), 30003),
        ("friend_get_list", from(json!({"To_Account": ["bob"]})), 30001),
        ("friend_get_list", from(json!({"To_Account": ["bob"], "TagList": []})), 30001),
        ("friend_get_list", from(json!({"To_Account": ["bob"], "TagList": [1]})), 30001),
        ("friend_get_list", from(json!({"To_Account": many(1001), "TagList": list})), 30001),
        ("friend_get_list", json!({"From_Account": "nobody", "To_Account": ["bob"], "TagList": list}), 30003),
        ("account_import", json!([]), 70402),
        ("account_import", json!({}), 70402),
        ("account_import", json!({"UserID": ""}), 70402),
        ("account_import", json!({"UserID": 1}), 60015),
        ("account_import", json!({"UserID": "x".repeat(33)}), 70402),
        ("account_import", json!({"UserID": "张三"}), 70402),
        ("account_import", json!({"UserID": "a\nb"}), 70402),
        ("account_import", json!({"UserID": "x", "Nick": 1}), 70402),
        ("account_import", json!({"UserID": "x", "Nick": "x".repeat(501)}), 40601),
        ("account_import", json!({"UserID": "x", "FaceUrl": "x".repeat(501)}), 40601),
        ("multiaccount_import", json!({}), 70402),
        ("multiaccount_import", json!({"Accounts": []}), 70402),
        ("multiaccount_import", json!({"Accounts": "x"}), 70402),
        ("multiaccount_import", json!({"Accounts": [1]}), 60015),
        ("multiaccount_import", json!({"Accounts": many(101)}), 70402),
        ("multiaccount_import", json!({"AccountList": ids(101)}), 70402),
        ("multiaccount_import", json!({"AccountList": ["x"]}), 70402),
        ("multiaccount_import", json!({"AccountList": [{}]}), 70402),
        ("multiaccount_import", json!({"AccountList": [{"UserID": 1}]}), 60015),
        ("account_delete", json!({"DeleteItem": ids(101)}), 70402),
        ("account_delete", json!({"DeleteItem": [{}]}), 70402),
        ("account_delete", json!({"DeleteItem": [{"UserID": 1}]}), 60015),
        ("account_check", json!({"CheckItem": ids(101)}), 70402),
        ("account_check", json!({"CheckItem": {"UserID": "x"}}), 70402),
        ("account_check", json!({"CheckItem": [{"UserID": []}]}), 60015),
    ] {
        let is_login = command.contains("account");
        let service = if is_login { LOGIN } else { SNS };
        let answer = im.post(&format!("{service}{command}"), body.to_string().as_bytes());
        eprintln!("{command} {}", &body.to_string().chars().take(100).collect::<String>());
        if is_login { assert_fails_elsewhere(&answer, code) } else { assert_fails(&answer, code) }
    }
    let decode = im.sns("friend_add", &from(json!({"AddFriendItem": {}})));
    let failure = r#"{"ActionStatus":"FAIL","ErrorCode":30001,"ErrorInfo":"SNS_DECODE_ERR","ErrorDisplay":""}"#;
    assert_body(&decode, failure);
    assert_eq!(im.ok("friend_get", &from(json!({"StartIndex": 0})))["FriendNum"], 0, "nothing was done");
}

#[test]
fn calls_are_counted_by_command_and_by_key() {
    let server = Setup::new(&["auto"]).env("AICP_TENCENT_IM__CALLS_PER_SECOND", "2").start();
    let im = Im::of_app(&server, "shop");
    let until_refused = |call: &dyn Fn() -> crate::http::Answer| {
        let refused = (0..1000).map(|_| call()).find(|answer| answer.json()["ErrorCode"] == 60007);
        refused.expect("one of many is too many")
    };
    assert_fails(&until_refused(&|| im.sns("friend_get", &json!({"From_Account": "ada", "StartIndex": 0}))), 60007);
    assert_fails_elsewhere(
        &until_refused(&|| im.login("account_check", &json!({"CheckItem": [{"UserID": "ada"}]}))),
        60007,
    );
    assert_fails(&im.sns("group_get", &json!({"From_Account": "ada"})), 30003);

    let key = server.key("other", &json!({"kind": "tencent-im", "callsPerDay": 1}));
    let sdkappid = key["sdkappid"].as_u64().expect("a number");
    let few = Im { sdkappid, key: key["key"].as_str().expect("a text").to_owned(), ..im };
    let few = Im { query: few.signed("admin"), ..few };
    few.import(&["ada"]);
    assert_fails(&few.sns("group_get", &json!({"From_Account": "ada"})), 60011);
    let third = Im::of_app(&server, "third");
    crate::api::quotas::set(&server, "third", &json!({"callsPerDay": 0}));
    assert_fails(&third.sns("group_get", &json!({"From_Account": "ada"})), 60011);
    drop(server);

    let server = Server::auto();
    let key = server.key("shop", &json!({"kind": "tencent-im", "callsPerSecond": 1}));
    let sdkappid = key["sdkappid"].as_u64().expect("a number");
    let slow = Im { api: server.anonymous(0), sdkappid, key: key["key"].as_str().expect("a text").to_owned(), ..few };
    let slow = Im { query: slow.signed("admin"), ..slow };
    let body = json!({"From_Account": "ada"});
    assert_fails(&slow.sns("group_get", &body), 30003);
    let refused = (0..1000).map(|_| slow.sns("group_get", &body)).find(|answer| answer.json()["ErrorCode"] != 30003);
    assert_fails(&refused.expect("one of many is too many"), 60011);
    Im::of_app(&server, "shop").import(&["ada"]);
}

#[test]
fn too_many_forged_usersigs_are_told_so_and_shut_nobody_out() {
    let server = Server::auto();
    let im = Im::of_app(&server, "shop");
    im.import(&["ada"]);
    let body = json!({"From_Account": "ada"});
    let forged = user_sig(im.sdkappid, "x", "administrator", now(), 3600);
    let forged = Im { query: im.with_sig("administrator", &forged), ..im.clone() };
    let mut refusals: Vec<u64> =
        (0..61).map(|_| forged.sns("group_get", &body).json()["ErrorCode"].as_u64().expect("a code")).collect();
    assert_eq!(refusals.pop(), Some(70050));
    assert_eq!(refusals, [70009; 60]);
    // A valid caller at the same address, as behind a proxy.
    im.ok("group_get", &body);
    let expired = user_sig(im.sdkappid, &im.key, "administrator", now() - 100, 99);
    let expired = Im { query: im.with_sig("administrator", &expired), ..im.clone() };
    assert_fails(&expired.sns("group_get", &body), 70001);
    assert_fails(&forged.sns("group_get", &body), 70050);
    let second = user_sig(im.sdkappid, "x", "admin", now(), 3600);
    let second = Im { query: im.with_sig("admin", &second), ..im };
    assert_fails(&second.sns("group_get", &body), 70009);
}

#[test]
fn calls_leave_records_without_secrets() {
    let server = Server::auto();
    let im = Im::of_app(&server, "shop");
    im.import(&["ada"]);
    im.ok("group_get", &json!({"From_Account": "ada"}));
    assert_fails(&im.sns("group_get", &json!({"From_Account": "nobody"})), 30003);
    assert_fails(&Im { query: "sdkappid=1".to_owned(), ..im.clone() }.sns("group_get", &json!({})), 60006);
    let sig =
        im.query.split("usersig=").nth(1).and_then(|rest| rest.split('&').next()).expect("it is there").to_owned();
    server.stop();
    let kept = server.kept();
    for text in ["拉取分组", "批量导入账号", "即时通信", GROUP_GET, "Err_SNS_GroupGet_Account_Not_Exist"]
    {
        assert!(kept.has(text.as_bytes()), "{text}");
    }
    kept.assert_without(im.key.as_bytes());
    kept.assert_without(sig.as_bytes());
}
