//! Calls from pages of other origins.

use super::{Rest, assert_problem};
use crate::fixture::{Ran, Server, Setup, aicp};
use crate::http::{Answer, send};

const OURS: &str = "https://example.com";

fn preflight(server: &Server, path: &str, origin: &str) -> Answer {
    let headers = [
        ("Origin", origin),
        ("Access-Control-Request-Method", "PATCH"),
        ("Access-Control-Request-Headers", "authorization,content-type"),
    ];
    send(server.addresses()[0], "OPTIONS", path, &headers, b"").expect("an answer")
}

#[test]
fn no_page_of_another_origin_may_call_unless_it_is_configured() {
    let server = Server::auto();
    let answer = preflight(&server, "/api/v1/libraries", OURS);
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (401, None));
    let answer = Rest::admin(&server).send("GET", "/libraries", &[("Origin", OURS)], b"");
    assert_eq!((answer.status, answer.header("access-control-allow-origin"), answer.header("vary")), (200, None, None));
}

#[test]
fn configured_origins_may_call_and_no_others() {
    let server = Setup::new(&["auto"]).env("AICP_API__CORS_ORIGINS", format!("{OURS},http://localhost:3000")).start();
    let admin = Rest::admin(&server);
    for origin in [OURS, "http://localhost:3000"] {
        let asked = preflight(&server, "/api/v1/libraries/1/people", origin);
        assert_eq!((asked.status, asked.header("access-control-allow-origin")), (204, Some(origin)));
        assert!(asked.header("access-control-allow-methods").expect("methods").contains("PATCH"));
        let headers = asked.header("access-control-allow-headers").expect("headers").to_ascii_lowercase();
        for header in ["authorization", "content-type", "idempotency-key", "if-match"] {
            assert!(headers.split(", ").any(|known| known == header), "{header}");
        }
        let answer = admin.send("GET", "/libraries", &[("Origin", origin)], b"");
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some(origin)));
        assert!(answer.header("access-control-expose-headers").expect("headers").contains("ETag"));
        // Errors can be read too.
        let refused = Rest::new(&server, "wrong").send("GET", "/libraries", &[("Origin", origin)], b"");
        assert_problem(&refused, 401, "tokenUnknown");
        assert_eq!(refused.header("access-control-allow-origin"), Some(origin));
        for answer in [asked, answer, refused] {
            assert_eq!(answer.header("vary"), Some("Origin"), "a cache must keep them apart");
            assert_eq!(answer.header("access-control-allow-credentials"), None);
        }
    }
    for other in [
        "https://example.com.evil.example",
        "http://example.com",
        "https://example.com:8443",
        "https://EXAMPLE.com",
        "https://x.example.com",
        "null",
        "*",
        "",
    ] {
        let asked = preflight(&server, "/api/v1/libraries", other);
        assert_eq!((asked.status, asked.header("access-control-allow-origin")), (401, None), "{other}");
        let answer = admin.send("GET", "/libraries", &[("Origin", other)], b"");
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, None), "{other}");
        assert_eq!(answer.header("vary"), Some("Origin"));
    }
    // Two origins are none.
    let twice = admin.send("GET", "/libraries", &[("Origin", OURS), ("Origin", OURS)], b"");
    assert_eq!(twice.header("access-control-allow-origin"), None);
    // The vendors' interfaces are not opened.
    let manual = preflight(&server, "/aicp/face/add", OURS);
    assert_eq!(manual.header("access-control-allow-origin"), None);
}

#[test]
fn what_is_no_origin_is_refused_at_the_start() {
    for wrong in ["*", "https://example.com/", "example.com", "https://*.example.com"] {
        let ran = Ran::of(aicp(["config", "check"]).env("AICP_API__CORS_ORIGINS", wrong));
        assert_ne!(ran.code, Some(0), "{wrong}");
        assert!(ran.stderr.contains("is no origin"), "{wrong}: {}", ran.stderr);
    }
}
