//! Limits of apps.

use std::collections::BTreeMap;
use std::thread;

use serde_json::{Value, json};

use super::{Rest, assert_problem, text};
use crate::fixture::{Server, Setup};
use crate::http::coded;
use crate::pictures::{base64, biden, obama};

const ALL: [&str; 5] = ["C10000000001", "C10000000002", "C10000000003", "C10000000006", "C10000000008"];

/// Sets the limits of an app.
#[track_caller]
pub(crate) fn set(server: &Server, app: &str, limits: &Value) -> Value {
    let set = Rest::admin(server).json("PUT", &format!("/apps/{app}/quota"), limits);
    assert_eq!(set.status, 200, "{}", set.text());
    set.json()
}

#[test]
fn parallel_calls_are_admitted_as_often_as_the_day_allows_and_the_count_survives_restarts() {
    let data = tempfile::tempdir().expect("a temp dir");
    let start = || Setup::new(&["auto"]).data_dir(data.path()).start();
    let server = start();
    let token = server.grant("shop", &ALL);
    set(&server, "shop", &json!({"callsPerDay": 25}));
    let statuses: Vec<u16> = thread::scope(|scope| {
        let callers: Vec<_> = (0..8)
            .map(|_| {
                let call = |_| Rest::new(&server, &token).get("/libraries").status;
                scope.spawn(move || (0..10).map(call).collect::<Vec<_>>())
            })
            .collect();
        callers.into_iter().flat_map(|caller| caller.join().expect("no panic")).collect()
    });
    let mut counts = BTreeMap::new();
    statuses.iter().for_each(|status| *counts.entry(*status).or_insert(0) += 1);
    assert_eq!(counts, BTreeMap::from([(200, 25), (429, 55)]));

    let refused = Rest::new(&server, &token).get("/libraries");
    assert_problem(&refused, 429, "tooManyCalls");
    assert_eq!(refused.header("ratelimit-policy"), Some("\"day\";q=25;w=86400"));
    let limit = refused.header("ratelimit").expect("a header").to_owned();
    let reset = limit.strip_prefix("\"day\";r=0;t=").expect("nothing is left").parse::<u64>().expect("seconds");
    let retry_after = refused.header("retry-after").expect("a header").parse::<u64>().expect("seconds");
    assert!((1..=86_400).contains(&reset) && retry_after.abs_diff(reset) <= 1, "{reset} {retry_after}");

    // A greater limit admits the rest of it, also after a clean stop.
    let shown = set(&server, "shop", &json!({"callsPerDay": 27, "maxPeople": null}));
    assert_eq!(shown["limits"]["callsPerDay"], 27);
    assert_eq!(shown["used"]["callsToday"], 25);
    server.stop();
    let server = start();
    let app = Rest::new(&server, &token);
    assert_eq!(app.get("/apps/shop/quota").json()["used"]["callsToday"], 26, "this call counts too");
    let last = app.get("/libraries");
    assert_eq!(last.status, 200);
    assert!(last.header("ratelimit").expect("a header").starts_with("\"day\";r=0;t="), "{last:?}");
    assert_problem(&app.get("/libraries"), 429, "tooManyCalls");
    // No limit, no header.
    set(&server, "shop", &json!({}));
    let free = app.get("/libraries");
    assert_eq!((free.status, free.header("ratelimit"), free.header("ratelimit-policy")), (200, None, None));
}

#[test]
fn calls_per_second_are_limited_for_all_tokens_and_keys_of_an_app_but_for_nobody_else() {
    let server = Server::auto();
    let token = server.grant("shop", &ALL);
    set(&server, "shop", &json!({"callsPerSecond": 3, "callsPerDay": 1000}));
    let app = Rest::new(&server, &token);
    let answers: Vec<_> = (0..200).map(|_| app.get("/libraries")).collect();
    assert_eq!(answers[0].header("ratelimit-policy"), Some("\"second\";q=3;w=1, \"day\";q=1000;w=86400"));
    assert!(answers[0].header("ratelimit").expect("a header").starts_with("\"second\";r=2;t=1, \"day\";r=999;t="));
    let refused = answers.iter().find(|answer| answer.status != 200).expect("200 calls take more than a second allows");
    assert_problem(refused, 429, "tooManyCalls");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(refused.header("ratelimit").expect("a header").starts_with("\"second\";r=0;t=1, \"day\";r="));
    let admitted = answers.iter().filter(|answer| answer.status == 200).count();
    let used = Rest::admin(&server).get("/apps/shop/quota").json()["used"]["callsToday"].clone();
    assert_eq!(used, admitted, "a call that the second refuses does not count for the day");

    let other = Rest::new(&server, &server.grant("other", &ALL));
    assert!((0..50).all(|_| other.get("/libraries").status == 200));
    set(&server, "shop", &json!({"callsPerDay": 0}));
    assert_problem(&app.get("/libraries"), 429, "tooManyCalls");
    assert!((0..50).all(|_| Rest::admin(&server).get("/apps").status == 200), "the administrator is not limited");
    // What is refused for another reason does not count.
    set(&server, "shop", &json!({"callsPerDay": 1}));
    assert_problem(&app.get("/apps"), 403, "forbidden");
    assert_problem(&app.get("/nothing"), 404, "pathNotFound");
}

#[test]
fn the_manuals_dialects_say_it_in_their_own_words() {
    let server = Server::auto();
    let token = server.grant("shop", &ALL);
    let api = server.anonymous(0).with_token(&token);
    let ask = || api.post("/aicp/face/couple", &json!({"imageA": "", "imageB": ""}));
    let ask_in_section_9 = || api.post("/rest/2.0/face/v3/faceset/group/getlist", &json!({}));
    set(&server, "shop", &json!({"callsPerDay": 0}));
    let refused = ask();
    refused.assert(429, &coded("今日调用次数已达上限"));
    assert!(refused.header("retry-after").is_some_and(|seconds| seconds.parse::<u64>().is_ok_and(|n| n > 0)));
    let refused = ask_in_section_9();
    assert_eq!((refused.status, &refused.json()["error_code"]), (200, &json!(17)), "{}", refused.text());
    assert_eq!(refused.json()["error_msg"], "Open api daily request limit reached");

    set(&server, "shop", &json!({"callsPerSecond": 1}));
    let refused = (0..1000).map(|_| ask()).find(|answer| answer.status == 429).expect("one of many is too many");
    refused.assert(429, &coded("调用过于频繁"));
    let refused = (0..1000).map(|_| ask_in_section_9()).find(|answer| answer.json()["error_code"] == 18);
    assert_eq!(refused.expect("one of many is too many").json()["error_msg"], "Open api qps request limit reached");
}

#[test]
fn libraries_and_people_are_limited_whatever_adds_them() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let token = server.grant("shop", &ALL);
    let app = Rest::new(&server, &token);
    let (first, second) = (app.library("first"), app.library("second"));
    set(&server, "shop", &json!({"maxLibraries": 2, "maxPeople": 2}));
    assert_problem(&app.json("POST", "/libraries", &json!({"name": "third"})), 409, "tooManyLibraries");
    // Section 9 creates the library of an enrolment.
    let manual = server.anonymous(0).with_token(&token);
    let enrolment = json!({"group_id": "third", "user_id": "x", "image": base64(&obama()), "image_type": "BASE64"});
    let enrol_into_third =
        || manual.post("/rest/2.0/face/v3/faceset/user/add", &enrolment).json()["error_code"].clone();
    assert_ne!(enrol_into_third(), 0);

    let enrol = |library: &str, picture: &[u8]| {
        app.form("POST", &format!("/libraries/{library}/people"), &[], &[("file", picture)])
    };
    let ada = text(&app.person(&first, &[("name", "Ada")], &obama())["id"]);
    app.person(&second, &[], &biden());
    assert_problem(&enrol(&first, &biden()), 409, "tooManyPeople");
    assert_problem(&enrol(&second, &obama()), 409, "tooManyPeople");
    let copy = json!({"libraryId": second});
    assert_problem(&app.json("POST", &format!("/libraries/{first}/people/{ada}/copy"), &copy), 409, "tooManyPeople");
    let shown = app.get("/apps/shop/quota").json();
    assert_eq!(shown["used"], json!({"callsToday": null, "libraries": 2, "people": 2}), "nothing was left behind");
    assert_eq!(shown["limits"]["callsPerDay"], Value::Null);

    // Faces of those who are there are not limited, and who goes makes room.
    let faces = app.form("POST", &format!("/libraries/{first}/people/{ada}/faces"), &[], &[("file", &biden())]);
    assert_eq!(faces.status, 201, "{}", faces.text());
    assert_eq!(app.delete(&format!("/libraries/{first}/people/{ada}")).status, 204);
    assert_eq!(enrol(&second, &obama()).status, 201);
    // Other apps have room of their own.
    let other = admin.library("of the administrator");
    admin.person(&other, &[], &obama());

    // A library and its first person are one write.
    set(&server, "shop", &json!({"maxPeople": 2}));
    assert_ne!(enrol_into_third(), 0);
    assert_eq!(app.get("/apps/shop/quota").json()["used"]["libraries"], 2);
    set(&server, "shop", &json!({"maxPeople": 3}));
    assert_eq!(enrol_into_third(), 0);
    assert_eq!(app.get("/apps/shop/quota").json()["used"]["libraries"], 3);
}

#[test]
fn quotas_are_the_administrators_to_set_and_each_apps_own_to_see() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let app = admin.app("shop", &[]);
    let unlimited = json!({"callsPerSecond": null, "callsPerDay": null, "maxLibraries": null, "maxPeople": null});
    assert_eq!(app.get("/apps/shop/quota").json()["limits"], unlimited);
    let limits = json!({"callsPerSecond": 4_294_967_295_u32, "callsPerDay": 9, "maxLibraries": 0, "maxPeople": 7});
    assert_eq!(set(&server, "shop", &limits)["limits"], limits);
    assert_eq!(admin.get("/apps/shop/quota").json()["limits"], limits);
    assert_problem(&app.get("/apps/legacy/quota"), 404, "appNotFound");
    assert_problem(&admin.get("/apps/nobody/quota"), 404, "appNotFound");
    assert_problem(&admin.json("PUT", "/apps/nobody/quota", &json!({})), 404, "appNotFound");
    assert_problem(&admin.json("PUT", "/apps/admin/quota", &json!({})), 400, "appIdNotValid");
    for wrong in [
        json!({"callsPerSecond": 0}),
        json!({"callsPerSecond": 4_294_967_296_u64}),
        json!({"callsPerDay": -1}),
        json!({"maxPeople": 0.5}),
        json!({"calls": 1}),
    ] {
        assert_problem(&admin.json("PUT", "/apps/shop/quota", &wrong), 400, "badField");
    }
    assert_eq!(admin.get("/apps/shop/quota").json()["limits"], limits, "a refused change changes nothing");
    // Calls without a token count for their app.
    set(&server, "legacy", &json!({"callsPerDay": 0}));
    let refused = server.anonymous(0).post("/aicp/face/couple", &json!({"imageA": "", "imageB": ""}));
    assert_eq!(refused.status, 429, "{}", refused.text());
}
