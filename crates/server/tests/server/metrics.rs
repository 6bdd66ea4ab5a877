//! What the metrics tell, and whom.

use std::collections::BTreeMap;

use serde_json::json;

use crate::fixture::{Ran, Server, Setup, TOKEN, aicp, wait_until, workspace};
use crate::http::{Answer, send};
use crate::pictures::{base64, biden, no_face, obama};

fn ask(server: &Server, headers: &[(&str, &str)]) -> Answer {
    send(server.addresses()[0], "GET", "/metrics", headers, b"").expect("an answer")
}

/// Returns the values by name and labels, as they are printed.
fn values(server: &Server) -> BTreeMap<String, f64> {
    let answer = ask(server, &[]);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/plain; version=0.0.4; charset=utf-8")));
    let text = answer.text().to_owned();
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let values = lines.map(|line| {
        let (name, value) = line.rsplit_once(' ').expect("a name and a value");
        (name.to_owned(), value.parse().expect("a number"))
    });
    values.collect()
}

#[test]
fn calls_are_counted_by_interface_operation_engine_and_result() {
    let server = Server::auto();
    let shop = server.grant("the-shop", &["C10000000001", "C10000000002"]);
    let api = server.admin(0);
    api.post("/aicp/face/addBase", &json!({"groupId": "the-group", "dbName": "g"})).data();
    for picture in [obama(), biden()] {
        api.post("/aicp/face/add", &json!({"groupId": "the-group", "image": base64(&picture)})).data();
    }
    let search =
        |picture: &[u8]| api.post("/aicp/face/recognition", &json!({"groupId": "the-group", "image": base64(picture)}));
    for _ in 0..3 {
        search(&obama()).data();
    }
    search(&no_face());
    send(server.addresses()[0], "GET", "/api/v1/libraries", &[("Authorization", &format!("Bearer {shop}"))], b"")
        .expect("an answer");
    send(server.addresses()[0], "GET", "/api/v1/libraries/9", &[("Authorization", &format!("Bearer {shop}"))], b"")
        .expect("an answer");
    send(server.addresses()[0], "GET", "/some/unknown-path", &[], b"").expect("an answer");

    let known = values(&server);
    let count = |labels: &str| known.get(&format!("aicp_calls_total{{{labels}}}")).copied();
    let of = |operation: &str, engine: &str, result: &str| {
        let dialect = if operation.starts_with('/') { "aicp" } else { "api" };
        count(&format!(r#"dialect="{dialect}",operation="{operation}",engine="{engine}",result="{result}""#))
    };
    assert_eq!(of("/aicp/face/recognition", "builtin", "success"), Some(3.0), "{known:#?}");
    assert_eq!(of("/aicp/face/add", "builtin", "success"), Some(2.0), "{known:#?}");
    assert_eq!(of("listLibraries", "", "success"), Some(1.0), "{known:#?}");
    assert_eq!(of("getLibrary", "", "404"), Some(1.0), "{known:#?}");
    let failed = known.iter().filter(|(name, _)| {
        name.contains(r#"operation="/aicp/face/recognition""#) && name.starts_with("aicp_calls_total")
    });
    assert_eq!(failed.map(|(_, value)| value).sum::<f64>(), 4.0, "also the one that failed");
    let timed = r#"aicp_call_seconds_count{dialect="aicp",operation="/aicp/face/recognition"}"#;
    assert_eq!(known.get(timed), Some(&4.0));
    for (name, value) in [
        ("aicp_gallery_faces", 2.0),
        ("aicp_ready", 1.0),
        ("aicp_recognition_waiting", 0.0),
        ("aicp_jobs_running", 0.0),
        ("aicp_nodes", 1.0),
        ("aicp_changes_behind", 0.0),
        ("aicp_changes_behind_seconds", 0.0),
    ] {
        assert_eq!(known.get(name), Some(&value), "{name}");
    }
    for name in [
        "aicp_recognition_work_seconds_count",
        "aicp_search_seconds_count",
        "aicp_store_writes_total",
        "aicp_memory_bytes",
        "aicp_open_files",
        "aicp_max_open_files",
        "aicp_database_bytes",
        "aicp_disk_free_bytes",
        "aicp_connections_open",
        r#"aicp_cache_hits_total{cache="libraries"}"#,
        r#"aicp_cache_misses_total{cache="libraries"}"#,
    ] {
        assert!(known.get(name).is_some_and(|value| *value > 0.0), "{name}: {:?}", known.get(name));
    }
    assert!(known.keys().any(|name| name.starts_with("aicp_build_info{") && name.contains(env!("CARGO_PKG_VERSION"))));
    // Names are ours, and no label tells of a person, an app, a library or a path that somebody made up.
    for name in known.keys() {
        assert!(name.starts_with("aicp_"), "{name}");
        assert!(
            !["the-shop", "the-group", "unknown-path", "127.0.0.1"].iter().any(|word| name.contains(word)),
            "{name}"
        );
    }
    let text = ask(&server, &[]).text().to_owned();
    for name in known.keys().map(|name| name.split('{').next().expect("a name")) {
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        assert!(text.contains(&format!("# HELP {family} ")), "{family} is explained");
    }
}

#[test]
fn who_is_not_on_this_machine_needs_the_token_of_an_administrator() {
    let server = Server::auto();
    let shop = server.grant("shop", &["C10000000001"]);
    assert_eq!(ask(&server, &[]).status, 200);
    let forwarded = ("X-Forwarded-For", "127.0.0.1");
    assert_eq!(ask(&server, &[forwarded]).status, 401, "a proxy passes it on");
    for (name, value, status) in [
        ("token", TOKEN, 200),
        ("token", shop.as_str(), 401),
        ("token", "wrong", 401),
        ("Authorization", &format!("Bearer {TOKEN}"), 200),
        ("Authorization", &format!("Bearer {shop}"), 401),
        ("Authorization", TOKEN, 401),
    ] {
        assert_eq!(ask(&server, &[forwarded, (name, value)]).status, status, "{name}: {value}");
    }
    let posted = send(server.addresses()[0], "POST", "/metrics", &[], b"").expect("an answer");
    assert_eq!((posted.status, posted.header("allow")), (405, Some("GET, HEAD")));
    let behind = Setup::new(&["auto"]).env("AICP_HTTP__TRUSTED_PROXIES", r#"["127.0.0.1"]"#).start();
    assert_eq!(ask(&behind, &[]).status, 401);
    assert_eq!(ask(&behind, &[("token", TOKEN)]).status, 200);
}

#[test]
fn a_listener_of_its_own_has_metrics_and_health_alone() {
    let server = Setup::new(&["auto", "metrics"]).start();
    let ask = |listener: usize, target: &str| {
        let headers = [("X-Forwarded-For", "192.0.2.1"), ("token", TOKEN)];
        let headers = if listener == 0 { &headers[..1] } else { &headers };
        send(server.addresses()[listener], "GET", target, headers, b"").expect("an answer")
    };
    assert_eq!(ask(0, "/metrics").status, 401);
    let told = ask(1, "/metrics");
    assert_eq!(told.status, 200);
    assert!(told.text().contains("\naicp_ready 1\n"), "{}", told.text());
    assert_eq!((ask(1, "/healthz").status, ask(1, "/readyz").status), (200, 200));
    for target in ["/", "/api/v1/libraries", "/api/docs", "/aicp/face/detect", "/pages/login.html", "/jdai/x", "/v4/x"]
    {
        assert_eq!(ask(1, target).status, 404, "{target}");
        assert!(ask(1, target).text().starts_with("this listener has /metrics"), "{target}");
    }
}

#[test]
fn writes_that_wait_for_an_engine_show() {
    let server = Setup::new(&["auto"])
        .env("AICP_ENGINES__CLOUDWALK__URL", "http://127.0.0.1:9/")
        .env("AICP_OUTBOX__INTERVAL_S", "1")
        .start();
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let made =
        send(server.addresses()[0], "POST", "/api/v1/libraries", &headers, br#"{"name": "r", "engine": "cloudwalk"}"#);
    let made = made.expect("an answer").json();
    let body = json!({"image": base64(&obama())}).to_string();
    let path = format!("/api/v1/libraries/{}/people", made["id"].as_str().expect("an id"));
    send(server.addresses()[0], "POST", &path, &headers, body.as_bytes()).expect("an answer");
    let of_engine = |name: &str| values(&server).get(&format!(r#"{name}{{engine="cloudwalk"}}"#)).copied();
    wait_until("the engine is known to be down", || of_engine("aicp_engine_up") == Some(0.0));
    assert!(of_engine("aicp_outbox_waiting") > Some(0.0));
    wait_until("the oldest write ages", || of_engine("aicp_outbox_age_seconds") > Some(0.0));

    // Every metric that an alert or a dashboard looks at is there from the start, or with the first picture, search and backup.
    assert_eq!(values(&server).get("aicp_backup_age_seconds"), None);
    let temp = tempfile::tempdir().expect("a temp dir");
    Ran::successful(aicp(["backup", "--data-dir"]).arg(server.data_dir()).arg(temp.path().join("backup")));
    server.admin(0).post("/aicp/face/detect", &json!({"image": base64(&obama())})).data();
    server.admin(0).post("/aicp/face/addBase", &json!({"groupId": "g", "dbName": "g"})).data();
    server.admin(0).post("/aicp/face/recognition", &json!({"groupId": "g", "image": base64(&obama())})).data();
    let read = |path: &str| std::fs::read_to_string(workspace().join(path)).expect("a file");
    let files = read("deploy/prometheus/alerts.yml") + &read("deploy/grafana/aicp.json");
    let known = values(&server);
    let words = files.lines().filter(|line| line.contains("expr")).flat_map(|line| {
        line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| word.starts_with("aicp_"))
    });
    let words: Vec<&str> = words.collect();
    assert!(words.len() >= 30, "{words:?}");
    for word in words {
        assert!(known.keys().any(|name| name.split('{').next() == Some(word)), "{word}: {known:#?}");
    }
}
