//! The contract, and the page that shows it.

use crate::fixture::{Server, workspace};
use crate::http::send;

#[test]
fn the_served_contract_is_the_committed_one() {
    let server = Server::auto();
    let answer = send(server.addresses()[0], "GET", "/api/v1/openapi.json", &[], b"").expect("an answer");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let committed = std::fs::read_to_string(workspace().join("docs/openapi.json")).expect("docs/openapi.json");
    let committed: serde_json::Value = serde_json::from_str(&committed).expect("JSON");
    assert!(answer.json() == committed, "docs/openapi.json is out of date: run `make openapi`");
    assert_eq!(committed["openapi"], "3.1.0");
}

#[test]
fn the_page_is_complete_without_another_server() {
    let server = Server::auto();
    let get = |path: &str| send(server.addresses()[0], "GET", path, &[], b"").expect("an answer");
    assert_eq!((get("/api/docs").status, get("/api/docs").header("location")), (308, Some("/api/docs/")));
    let page = get("/api/docs/");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html")));
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
    assert!(page.header("content-security-policy").is_some_and(|policy| policy.starts_with("default-src 'self';")));
    let html = page.text();
    assert!(!html.contains("http:") && !html.contains("https:"), "{html}");
    let links =
        html.split('"').filter(|part| part.starts_with("./") || part.ends_with(".css") || part.ends_with(".js"));
    let files: Vec<&str> = links.collect();
    assert!(files.len() >= 3, "{html}");
    for file in files {
        let file = file.trim_start_matches("./");
        assert_eq!(get(&format!("/api/docs/{file}")).status, 200, "{file}");
    }
    assert!(get("/api/docs/swagger-initializer.js").text().contains("/api/v1/openapi.json"));
    assert_eq!(get("/api/docs/nothing").status, 404);
    assert_eq!(get("/api/docs/../v1/apps").status, 404);
    let answer = send(server.addresses()[0], "POST", "/api/docs/", &[], b"").expect("an answer");
    assert_eq!(answer.status, 405);
}
