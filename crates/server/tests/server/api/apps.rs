//! Apps: their grants, their tokens, and the list of them.

use serde_json::{Value, json};

use super::{Rest, assert_problem, text};
use crate::fixture::Server;

const LIBRARIES: &str = "C10000000001";
const RECOGNITION: &str = "C10000000002";

/// Creates an app with a grant until a time, and returns its token.
fn create(admin: &Rest, app: &str, due_at: &str, capabilities: &[&str]) -> String {
    let made = admin.json("POST", "/apps", &json!({"appId": app, "dueAt": due_at, "capabilities": capabilities}));
    assert_eq!(made.status, 201, "{}", made.text());
    text(&made.json()["token"])
}

#[test]
fn a_grant_is_exactly_what_it_was_set_to() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let app = Rest::new(&server, &create(&admin, "shop", "2099-01-01T00:00:00Z", &[LIBRARIES, RECOGNITION]));
    assert_eq!(app.get("/libraries").status, 200);
    let set = |change: &Value| admin.json("PATCH", "/apps/shop", change);

    let taken = set(&json!({"capabilities": [RECOGNITION]}));
    assert_eq!((taken.status, &taken.json()["capabilities"]), (200, &json!([RECOGNITION])), "{}", taken.text());
    assert_eq!(taken.json()["dueAt"], "2099-01-01T00:00:00Z", "what is not sent stays");
    assert_problem(&app.get("/libraries"), 403, "notGranted");
    // The manual's dialect only adds.
    let extension = json!({"appId": "shop", "dueTime": "2098-01-01 00:00:00", "capabilityIdArray": [LIBRARIES]});
    server.admin(0).post("/authorize/updateAuthorize", &extension).data();
    assert_eq!(app.get("/libraries").status, 200);
    assert_eq!(admin.get("/apps/shop").json()["capabilities"], json!([RECOGNITION, LIBRARIES]));

    assert_eq!(set(&json!({"dueAt": "2020-01-01T00:00:00+08:00"})).json()["state"], "expired");
    assert_problem(&app.get("/libraries"), 401, "tokenExpired");
    assert_eq!(set(&json!({"capabilities": [], "dueAt": "2099-01-01T00:00:00Z"})).json()["capabilities"], json!([]));
    assert_problem(&app.get("/libraries"), 403, "notGranted");
    assert_eq!(app.get("/apps/shop/quota").status, 200, "the token is still good");

    assert_problem(&set(&json!({"capabilities": ["C99"]})), 404, "capabilityNotFound");
    assert_problem(&set(&json!({"dueAt": "tomorrow"})), 400, "badField");
    assert_problem(&set(&json!({"remove": []})), 400, "badField");
    assert_problem(&admin.json("PATCH", "/apps/nobody", &json!({})), 404, "appNotFound");
    assert_problem(&admin.json("PATCH", "/apps/legacy", &json!({})), 404, "appNotFound");
}

#[test]
fn a_new_token_ends_the_old_one_at_once_also_after_a_restart() {
    let data = tempfile::tempdir().expect("a temp dir");
    let start = || crate::fixture::Setup::new(&["auto"]).data_dir(data.path()).start();
    let server = start();
    let admin = Rest::admin(&server);
    let old = create(&admin, "shop", "2099-01-01T00:00:00Z", &[LIBRARIES]);
    let replaced = admin.send("POST", "/apps/shop/token", &[("Idempotency-Key", "k1")], b"");
    assert_eq!((replaced.status, &replaced.json()["appId"]), (201, &json!("shop")), "{}", replaced.text());
    let new = text(&replaced.json()["token"]);
    assert_ne!(new, old);
    let check = |server: &Server| {
        assert_problem(&Rest::new(server, &old).get("/libraries"), 401, "tokenUnknown");
        assert_eq!(Rest::new(server, &new).get("/libraries").status, 200);
    };
    check(&server);
    let again = admin.send("POST", "/apps/shop/token", &[("Idempotency-Key", "k1")], b"");
    assert_eq!((again.header("idempotency-replayed"), text(&again.json()["token"])), (Some("true"), new.clone()));
    check(&server);
    server.kept().assert_without(new.as_bytes());
    server.stop();
    let server = start();
    check(&server);
    // The grant goes on as it was.
    let shown = Rest::admin(&server).get("/apps/shop").json();
    assert_eq!((&shown["state"], &shown["capabilities"]), (&json!("active"), &json!([LIBRARIES])));
    assert_eq!(Rest::admin(&server).delete("/apps/shop").status, 204);
    assert_problem(&Rest::admin(&server).json("POST", "/apps/shop/token", &json!({})), 404, "appNotFound");
}

#[test]
fn apps_are_listed_page_by_page_and_by_filter() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    create(&admin, "shop-1", "2099-01-01T00:00:00Z", &[LIBRARIES, RECOGNITION]);
    create(&admin, "shop-2", "2020-01-01T00:00:00Z", &[RECOGNITION]);
    create(&admin, "Shop_3", "2099-01-01T00:00:00Z", &[]);
    create(&admin, "gone", "2099-01-01T00:00:00Z", &[LIBRARIES]);
    assert_eq!(admin.delete("/apps/gone").status, 204);
    let all = |query: &str| {
        let mut ids = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = admin.get(&format!("/apps?limit=2{query}{cursor}"));
            assert_eq!(page.status, 200, "{}", page.text());
            let page = page.json();
            ids.extend(page["items"].as_array().expect("items").iter().map(|app| text(&app["appId"])));
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return ids,
            }
        }
    };
    assert_eq!(all(""), ["admin", "legacy", "shop-1", "shop-2", "Shop_3", "gone"]);
    for (query, expected) in [
        ("&id=SHOP", &["shop-1", "shop-2", "Shop_3"][..]),
        ("&id=p_", &["Shop_3"]),
        ("&id=%25", &[]),
        ("&state=active", &["shop-1", "Shop_3"]),
        ("&state=expired", &["shop-2"]),
        ("&state=revoked", &["gone"]),
        ("&state=none", &["admin", "legacy"]),
        ("&capability=C10000000002", &["shop-1", "shop-2"]),
        ("&capability=C10000000002&state=active", &["shop-1"]),
        ("&capability=C10000000001&id=gone", &[]),
    ] {
        assert_eq!(all(query), expected, "{query}");
    }
    for query in ["state=all", "cursor=x", "limit=0", "app=1"] {
        assert_problem(&admin.get(&format!("/apps?{query}")), 400, "badField");
    }
}
