//! Webhooks: deliveries to a real receiver.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Rest, assert_problem, text};
use crate::fixture::{Server, Setup, wait_until};
use crate::pictures::{obama, with_comment};

/// Time after which a wait for a delivery fails the test.
const DEADLINE: Duration = Duration::from_secs(90);

/// What the receiver does with a request.
#[derive(Clone)]
enum Reply {
    Status(u16),
    Redirect(String),
    /// Takes the request and never answers.
    Hang,
}

/// A request that the receiver got.
#[derive(Debug, Clone)]
struct Got {
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    fn event(&self) -> Value {
        serde_json::from_str(&self.body).expect("the body is JSON")
    }

    /// Verifies the signature as the documentation says.
    fn assert_signed(&self, secret: &str) {
        let signature = self.header("x-aicp-signature");
        let (time, signed) = signature.split_once(",v1=").expect("two parts");
        let time = time.strip_prefix("t=").expect("a time");
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
        mac.update(format!("{time}.{}", self.body).as_bytes());
        assert_eq!(hex::encode(mac.finalize().into_bytes()), signed);
        assert_eq!(self.header("x-aicp-event-id"), text(&self.event()["id"]));
        assert_eq!(self.header("x-aicp-event"), text(&self.event()["kind"]));
        assert_eq!(self.header("content-type"), "application/json");
    }
}

#[derive(Default)]
struct Shared {
    replies: Mutex<VecDeque<Reply>>,
    got: Mutex<Vec<Got>>,
    arrived: Condvar,
}

/// An HTTP server that records what it gets. It gives the replies in turn, then 204.
struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Receiver {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::<Shared>::default();
        let served = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&served);
                thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { address, shared }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn then(&self, replies: impl IntoIterator<Item = Reply>) {
        self.shared.replies.lock().expect("not poisoned").extend(replies);
    }

    /// Waits for this many requests in total, and returns them.
    fn wait(&self, count: usize) -> Vec<Got> {
        let got = self.shared.got.lock().expect("not poisoned");
        let (got, timeout) =
            self.shared.arrived.wait_timeout_while(got, DEADLINE, |got| got.len() < count).expect("not poisoned");
        assert!(!timeout.timed_out(), "{} of {count} requests: {got:?}", got.len());
        got.clone()
    }

    fn count(&self) -> usize {
        self.shared.got.lock().expect("not poisoned").len()
    }
}

fn serve(stream: TcpStream, shared: &Shared) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    assert!(line.starts_with("POST "), "{line}");
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length")?.1.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let reply = shared.replies.lock().expect("not poisoned").pop_front().unwrap_or(Reply::Status(204));
    {
        let mut got = shared.got.lock().expect("not poisoned");
        got.push(Got { path, headers, body: String::from_utf8(body).expect("UTF-8") });
        shared.arrived.notify_all();
    }
    let mut stream = reader.into_inner();
    let answer = match reply {
        Reply::Status(status) => format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n"),
        Reply::Redirect(target) => format!("HTTP/1.1 307 X\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n"),
        Reply::Hang => {
            // Ends when the client gives up.
            let _ = stream.read(&mut [0]);
            return None;
        }
    };
    stream.write_all(answer.as_bytes()).ok()
}

fn setup() -> Setup {
    Setup::new(&["auto"])
        .env("AICP_WEBHOOKS__ALLOW_PRIVATE", "true")
        .env("AICP_WEBHOOKS__RETRY_S", "1")
        .env("AICP_WEBHOOKS__TIMEOUT_S", "1")
}

/// Creates a webhook; returns its path and secret.
fn create(rest: &Rest, body: &Value) -> (String, String) {
    let answer = rest.json("POST", "/webhooks", body);
    assert_eq!(answer.status, 201, "{}", answer.text());
    let webhook = answer.json();
    (format!("/webhooks/{}", text(&webhook["id"])), text(&webhook["secret"]))
}

fn deliveries(rest: &Rest, webhook: &str) -> Vec<Value> {
    let page = rest.get(&format!("{webhook}/deliveries")).json();
    page["items"].as_array().expect("items").clone()
}

fn delivered(rest: &Rest, webhook: &str) -> usize {
    deliveries(rest, webhook).iter().filter(|delivery| delivery["state"] == "delivered").count()
}

#[test]
fn events_are_delivered_in_order_signed_and_again_after_failures() {
    let server = setup().start();
    let admin = Rest::admin(&server);
    let receiver = Receiver::start();
    let elsewhere = Receiver::start();
    let library = admin.library("staff");
    let (webhook, secret) = create(&admin, &json!({"url": receiver.url("/hook?a=b"), "kinds": ["faceEnrolled"]}));
    receiver.then([
        Reply::Status(500),
        Reply::Redirect(elsewhere.url("/private")),
        Reply::Hang,
        Reply::Status(200),
        Reply::Status(404),
    ]);
    let people: Vec<Value> =
        ["a", "b", "c"].map(|name| admin.person(&library, &[], &with_comment(&obama(), name))["id"].clone()).to_vec();
    // The kind is not wanted.
    admin.form("POST", &format!("/libraries/{library}/identify"), &[], &[("file", &obama())]);
    let got = receiver.wait(6);
    for request in &got {
        request.assert_signed(&secret);
        assert_eq!(request.path, "/hook?a=b");
    }
    let order: Vec<Value> = got.iter().map(|request| request.event()["data"]["personId"].clone()).collect();
    let [a, b, c] = &people[..] else { panic!("three") };
    assert_eq!(order, [a, a, a, a, b, b].map(Clone::clone));
    assert_eq!(receiver.wait(7)[6].event()["data"]["personId"], *c);
    assert_eq!(elsewhere.count(), 0, "a redirect is not followed");

    wait_until("all are delivered", || delivered(&admin, &webhook) == 3);
    let log = deliveries(&admin, &webhook);
    let attempts = log[2]["attempts"].as_array().expect("attempts");
    let statuses: Vec<&Value> = attempts.iter().map(|attempt| &attempt["status"]).collect();
    assert_eq!(statuses, [&json!(500), &json!(307), &Value::Null, &json!(200)]);
    assert!(attempts[..3].iter().all(|attempt| attempt["error"].is_string()) && attempts[3]["error"].is_null());
    assert!(attempts[2]["durationMs"].as_i64().is_some_and(|duration| duration >= 900), "{attempts:?}");
    let seen = admin.get(&webhook).json();
    assert_eq!((&seen["failures"], &seen["enabled"]), (&json!(0), &json!(true)));
    assert_eq!(seen["lastEventId"], log[0]["eventId"]);

    // One delivery again, all from an event on again, and a test.
    let replayed = admin.json("POST", &format!("{webhook}/deliveries/{}/replay", text(&log[1]["id"])), &json!({}));
    assert_eq!((replayed.status, &replayed.json()["isReplay"]), (201, &json!(true)));
    assert_eq!(receiver.wait(8)[7].event()["data"]["personId"], *b);
    let from = text(&log[1]["eventId"]);
    assert_eq!(admin.json("POST", &format!("{webhook}/replay"), &json!({"fromEventId": from})).status, 200);
    let got = receiver.wait(10);
    assert_eq!([8, 9].map(|i: usize| got[i].event()["data"]["personId"].clone()), [b.clone(), c.clone()]);
    assert_eq!(admin.json("POST", &format!("{webhook}/test"), &json!({})).status, 201);
    let test = &receiver.wait(11)[10];
    test.assert_signed(&secret);
    assert_eq!(test.header("x-aicp-event"), "test");
    assert_problem(
        &admin.json("POST", &format!("{webhook}/replay"), &json!({"fromEventId": "99999"})),
        404,
        "eventNotFound",
    );
    assert_problem(
        &admin.json("POST", &format!("{webhook}/deliveries/99/replay"), &json!({})),
        404,
        "deliveryNotFound",
    );

    // The secret is sealed, and shown once.
    assert!(admin.get(&webhook).json()["secret"].is_null());
    server.kept().assert_without(secret.as_bytes());
    assert_eq!(admin.delete(&webhook).status, 204);
    assert_problem(&admin.get(&webhook), 404, "webhookNotFound");
}

#[test]
fn a_slow_target_holds_up_no_other_and_a_failing_one_is_disabled() {
    let server = setup().env("AICP_WEBHOOKS__GIVE_UP_AFTER_S", "1").env("AICP_WEBHOOKS__MAX_FAILURES", "2").start();
    let admin = Rest::admin(&server);
    let (slow, quick) = (Receiver::start(), Receiver::start());
    let library = admin.library("staff");
    let kinds = json!(["faceEnrolled"]);
    let (failing, _) = create(&admin, &json!({"url": slow.url("/"), "kinds": kinds}));
    create(&admin, &json!({"url": quick.url("/"), "kinds": kinds}));
    slow.then(vec![Reply::Hang; 100]);
    for name in ["a", "b", "c"] {
        admin.person(&library, &[], &with_comment(&obama(), name));
    }
    quick.wait(3);
    wait_until("it is disabled", || admin.get(&failing).json()["enabled"] == false);
    let seen = admin.get(&failing);
    assert_eq!(
        (&seen.json()["failures"], &seen.json()["disabledBy"]),
        (&json!(2), &json!("too many deliveries failed"))
    );
    let states: Vec<Value> = deliveries(&admin, &failing).iter().map(|delivery| delivery["state"].clone()).collect();
    assert_eq!(states, ["failed", "failed"]);

    // A change needs the revision that was seen; enabled again, it goes on with the third event.
    let tag = seen.header("etag").expect("a tag").to_owned();
    let update = |tag: &str, body: Value| {
        let headers = [("If-Match", tag), ("Content-Type", "application/json")];
        admin.send("PATCH", &failing, &headers, body.to_string().as_bytes())
    };
    assert_problem(&update("\"other\"", json!({"enabled": true})), 412, "changedMeanwhile");
    let enabled = update(&tag, json!({"enabled": true, "url": quick.url("/again"), "description": "mine"}));
    assert_eq!(enabled.status, 200, "{}", enabled.text());
    assert_eq!((&enabled.json()["failures"], &enabled.json()["disabledBy"]), (&json!(0), &Value::Null));
    let got = quick.wait(4);
    assert_eq!((got[3].path.as_str(), got[3].event()["id"].clone()), ("/again", got[2].event()["id"].clone()));

    // A target that says that it is gone is disabled at once.
    quick.then([Reply::Status(410)]);
    update("*", json!({"url": quick.url("/gone")}));
    assert_eq!(admin.json("POST", &format!("{failing}/test"), &json!({})).status, 201);
    wait_until("it is disabled", || admin.get(&failing).json()["enabled"] == false);
}

#[test]
fn an_event_is_delivered_even_if_the_server_is_killed_before() {
    let data_dir = tempfile::tempdir().expect("a temp dir");
    // The attempt lasts until the server is killed.
    let server = setup().env("AICP_WEBHOOKS__TIMEOUT_S", "60").data_dir(data_dir.path()).start();
    let admin = Rest::admin(&server);
    let receiver = Receiver::start();
    let library = admin.library("staff");
    let (webhook, secret) = create(&admin, &json!({"url": receiver.url("/"), "kinds": ["faceEnrolled"]}));
    // The receiver has the first event, and has not answered.
    receiver.then([Reply::Hang]);
    let first = admin.person(&library, &[], &with_comment(&obama(), "first"))["id"].clone();
    receiver.wait(1);
    let second = admin.person(&library, &[], &with_comment(&obama(), "second"))["id"].clone();
    server.kill();
    let server = setup().data_dir(data_dir.path()).start();
    let got = receiver.wait(3);
    assert_eq!([1, 2].map(|i: usize| got[i].event()["data"]["personId"].clone()), [first, second]);
    got.iter().for_each(|request| request.assert_signed(&secret));
    assert_eq!(got[0].header("x-aicp-event-id"), got[1].header("x-aicp-event-id"), "by which a repeat is recognised");
    let admin = Rest::admin(&server);
    wait_until("all are delivered", || delivered(&admin, &webhook) == 2);
}

#[test]
fn targets_are_public_and_webhooks_of_other_apps_are_not_there() {
    let server = Server::auto();
    let receiver = Receiver::start();
    let shop_token = server.grant("shop", &["C10000000001"]);
    let (shop, other) =
        (Rest::new(&server, &shop_token), Rest::new(&server, &server.grant("other", &["C10000000001"])));
    let admin = Rest::admin(&server);
    let make = |url: &str| shop.json("POST", "/webhooks", &json!({"url": url}));
    for url in [
        receiver.url("/"),
        "http://[::1]/".to_owned(),
        "http://169.254.169.254/latest".to_owned(),
        "ftp://example.com/".to_owned(),
        "http://user@example.com/".to_owned(),
        "example.com".to_owned(),
    ] {
        assert_problem(&make(&url), 400, "targetNotValid");
    }
    // A name can only be judged when it is used.
    let (webhook, _) = create(&shop, &json!({"url": format!("http://localhost:{}/", receiver.address.port())}));
    let library = shop.library("staff");
    shop.person(&library, &[], &obama());
    wait_until("it was attempted", || !deliveries(&shop, &webhook).is_empty());
    let log = deliveries(&shop, &webhook);
    assert_eq!(log[0]["attempts"][0]["error"], "the address is not public");
    assert_eq!(receiver.count(), 0);

    for path in [webhook.clone(), format!("{webhook}/deliveries")] {
        assert_problem(&other.get(&path), 404, "webhookNotFound");
        assert_eq!(admin.get(&path).status, 200);
    }
    assert_problem(&other.json("PATCH", &webhook, &json!({"enabled": false})), 404, "webhookNotFound");
    assert_problem(&other.json("POST", &format!("{webhook}/test"), &json!({})), 404, "webhookNotFound");
    assert_problem(&other.delete(&webhook), 404, "webhookNotFound");
    assert_eq!(other.get("/webhooks").json()["items"], json!([]));
    assert_eq!(other.get("/webhooks?appId=shop").json()["items"], json!([]));
    assert_eq!(admin.get("/webhooks?appId=shop").json()["items"].as_array().map(Vec::len), Some(1));
    let foreign = json!({"url": "https://example.com/", "libraryId": library});
    assert_problem(&other.json("POST", "/webhooks", &foreign), 404, "libraryNotFound");
    assert_problem(
        &other.json("POST", "/webhooks", &json!({"url": "https://example.com/", "appId": "shop"})),
        404,
        "appNotFound",
    );
    for number in 1..20 {
        create(&shop, &json!({"url": format!("https://example.com/{number}"), "kinds": ["job"]}));
    }
    assert_problem(&make("https://example.com/"), 409, "tooManyWebhooks");
}
