//! Access to section 9: tokens, capabilities and apps.

use serde_json::{Value, json};

use super::{ALL_OF_IT, FAR, FaceApi, assert_failure, grant, image, other, with};
use crate::fixture::{Server, Setup, TOKEN};

const INVALID: (u32, &str) = (110, "Access token invalid or no longer valid");
const EXPIRED: (u32, &str) = (111, "Access token expired");
const NO_PERMISSION: (u32, &str) = (6, "no permission to access data");

/// All paths, each with a body that it accepts.
fn calls() -> Vec<(&'static str, Value)> {
    let mut calls: Vec<_> = [
        "v3/group/add",
        "v3/group/delete",
        "v3/group/list",
        "v3/user/copy",
        "v3/user/get",
        "v3/user/list",
        "v3/user/delete",
        "facehub/statapp",
        "facehub/statgroup",
        "v3/app/list",
        "v3/face/add",
        "v3/face/addNoDetect",
        "v3/face/update",
        "v3/face/list",
        "v3/face/delete",
        "v3/face/detect",
        "v3/face/identify",
        "v3/face/search",
        "v3/face/midentify",
        "v3/face/multi-search",
    ]
    .map(|path| (path, json!({})))
    .into();
    calls.push(("v3/face/match", json!([image(&other()), image(&other())])));
    calls.push(("v3/face/liveness", json!([image(&other())])));
    calls
}

#[test]
fn no_call_goes_without_a_token_by_default() {
    let server = Server::auto();
    let anonymous = FaceApi(server.anonymous(0));
    let expired = FaceApi(server.anonymous(0).with_token(&grant(&server, "late", "2020-11-11 00:00:00", ALL_OF_IT)));
    let unknown = FaceApi(server.anonymous(0).with_token("DU/mHOzoR4it4ljQFugDcA=="));
    let empty = FaceApi(server.anonymous(0).with_token(""));
    for (path, body) in calls() {
        for (api, (code, words)) in [(&anonymous, INVALID), (&empty, INVALID), (&unknown, INVALID), (&expired, EXPIRED)]
        {
            api.fails(path, &body, code, words);
        }
    }
}

#[test]
fn calls_without_a_token_act_for_the_legacy_app_if_so_set() {
    let server = Setup::new(&["auto"]).env("AICP_FACE_API__ANONYMOUS", "true").start();
    let anonymous = FaceApi(server.anonymous(0));
    anonymous.done("v3/group/add", &json!({"group_id": "g"}));
    anonymous.bare("facehub/statapp", &json!({}), r#"{"legacy":{"group_num":1}}"#);
    anonymous.golden("v3/app/list", &json!({}), r#"{"app_id_list":["legacy"]}"#);
    anonymous.add("g", "u", &other());
    // A token that was sent is checked; a wrong one is refused.
    let app = FaceApi::of_app(&server, "app");
    app.golden("v3/group/list", &json!({}), r#"{"group_id_list":[]}"#);
    let unknown = FaceApi(server.anonymous(0).with_token("nobody's"));
    unknown.fails("v3/group/list", &json!({}), INVALID.0, INVALID.1);
    anonymous.fails("v3/group/list", &json!({"appid": "app"}), NO_PERMISSION.0, NO_PERMISSION.1);
    // Pages of other sites may not call without a token.
    let headers = [("Origin", "http://example.org"), ("Content-Type", "application/json")];
    let answer = anonymous.0.send("POST", "/face-api/v3/group/list", &headers, b"{}");
    assert_failure(&answer, 200, INVALID.0, INVALID.1);
}

#[test]
fn capabilities_open_groups_or_all() {
    let server = Server::auto();
    let of = |app_id: &str, capability: &str| {
        FaceApi(server.anonymous(0).with_token(&grant(&server, app_id, FAR, capability)))
    };
    let (groups, all, none) =
        (of("groups", "C10000000001"), of("all", ALL_OF_IT), of("none", "C10000000002,C10000000003"));
    for (path, body) in calls() {
        let is_group_call = !path.contains("/face/") && !path.contains("/app/");
        for (api, is_open) in [(&groups, is_group_call), (&all, true), (&none, false)] {
            let answer = api.call(path, &body);
            // Permitted calls may fail for a missing field, but not for the permission.
            let is_refused = answer.text().starts_with(r#"{"error_code":6,"#);
            assert_eq!(is_refused, !is_open, "{path}: {}", answer.text());
            if is_refused {
                assert_failure(&answer, 200, NO_PERMISSION.0, NO_PERMISSION.1);
            }
        }
    }
}

#[test]
fn the_app_named_must_be_the_tokens() {
    let server = Server::auto();
    let api = FaceApi::of_app(&server, "app");
    FaceApi::of_app(&server, "else");
    let groups = json!({"group_id": "g"});
    api.done("v3/group/add?appid=app", &groups);
    api.done("v3/group/delete", &with(groups.clone(), json!({"appid": "app"})));
    api.done("v3/group/add?appid=", &with(groups.clone(), json!({"appid": ""})));
    for appid in ["else", "nobody", "admin", "APP"] {
        let (in_query, in_body) = (format!("v3/group/list?appid={appid}"), json!({"appid": appid}));
        api.fails(&in_query, &json!({}), NO_PERMISSION.0, NO_PERMISSION.1);
        api.fails("v3/group/list", &in_body, NO_PERMISSION.0, NO_PERMISSION.1);
        api.fails("v3/group/list?appid=app", &in_body, NO_PERMISSION.0, NO_PERMISSION.1);
        let pictures = json!([with(image(&other()), in_body), image(&other())]);
        api.fails("v3/face/match", &pictures, NO_PERMISSION.0, NO_PERMISSION.1);
        let in_query = format!("v3/face/liveness?appid={appid}");
        api.fails(&in_query, &json!([image(&other())]), NO_PERMISSION.0, NO_PERMISSION.1);
    }
    api.fails("v3/group/list", &json!({"appid": ["app"]}), 222_014, "param[app_id] format error");
}

#[test]
fn a_token_may_come_in_the_query_too() {
    let server = Server::auto();
    let token = grant(&server, "app", FAR, ALL_OF_IT);
    let encoded = token.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let anonymous = FaceApi(server.anonymous(0));
    anonymous.golden(&format!("v3/app/list?access_token={encoded}"), &json!({}), r#"{"app_id_list":["app"]}"#);
    anonymous.fails("v3/app/list?access_token=nobodys", &json!({}), INVALID.0, INVALID.1);
    // The header takes precedence.
    let admin = FaceApi(server.anonymous(0).with_token(TOKEN));
    let everybody = r#"{"app_id_list":["admin","legacy","app"]}"#;
    admin.golden(&format!("v3/app/list?access_token={encoded}"), &json!({}), everybody);
}

#[test]
fn the_sdks_exchange_an_apps_keys_for_its_token() {
    let server = Server::auto();
    let token = grant(&server, "app", FAR, ALL_OF_IT);
    let late = grant(&server, "late", "2020-11-11 00:00:00", ALL_OF_IT);
    let encoded = |token: &str| token.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let form = |id: &str, token: &str| {
        format!("grant_type=client_credentials&client_id={id}&client_secret={}", encoded(token))
    };
    let api = server.anonymous(0);
    let given = format!(r#"{{"access_token":"{token}","expires_in":2592000,"scope":"public brain_all_scope"}}"#);
    let path = "/oauth/2.0/token";
    for method in ["GET", "POST"] {
        api.send(method, &format!("{path}?{}", form("app", &token)), &[], b"").assert(200, &given);
    }
    let posted = [("Content-Type", "application/x-www-form-urlencoded")];
    api.send("POST", path, &posted, form("app", &token).as_bytes()).assert(200, &given);

    let refused = |error: &str, words: &str| format!(r#"{{"error":"{error}","error_description":"{words}"}}"#);
    for (query, body) in [
        (form("app", "nobody's"), refused("invalid_client", "Client authentication failed")),
        (form("app", ""), refused("invalid_client", "Client authentication failed")),
        (form("else", &token), refused("invalid_client", "unknown client id")),
        (form("late", &late), refused("invalid_client", "Client authentication expired")),
        (
            form("app", &token).replace("client_credentials", "password"),
            refused("unsupported_grant_type", "grant_type must be client_credentials"),
        ),
    ] {
        api.send("GET", &format!("{path}?{query}"), &[], b"").assert(401, &body);
    }
}
