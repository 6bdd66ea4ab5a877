//! Events: the stream and the log.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use serde_json::{Value, json};

use super::{Rest, assert_problem, text};
use crate::engine::{Engine, Vendor};
use crate::fixture::{Server, Setup, TOKEN, wait_until};
use crate::http::connect;
use crate::pictures::{biden, obama, obama2, with_comment};

/// A client that follows the events.
pub struct Follower {
    reader: BufReader<TcpStream>,
    pub status: u16,
    /// Id of the last event, as a browser keeps it.
    pub last_id: String,
}

impl Follower {
    pub fn new(address: SocketAddr, token: &str, query: &str, last_id: Option<&str>) -> Self {
        let mut stream = connect(address).expect("it listens");
        let resume = last_id.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let head = format!(
            "GET /api/v1/events{query} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nAccept: text/event-stream\r\n{resume}\r\n"
        );
        stream.write_all(head.as_bytes()).expect("sent");
        let mut follower = Self { reader: BufReader::new(stream), status: 0, last_id: String::new() };
        let first = follower.line().expect("a status");
        follower.status = first.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let mut is_stream = false;
        loop {
            let line = follower.line().expect("a head").to_ascii_lowercase();
            is_stream |= line.starts_with("content-type: text/event-stream");
            if line.is_empty() {
                break;
            }
        }
        assert_eq!(is_stream, follower.status == 200);
        if is_stream {
            assert_eq!(follower.block().map(|block| block["id"].is_string()), Some(true), "the position comes first");
        }
        follower
    }

    pub fn admin(server: &Server) -> Self {
        Self::new(server.addresses()[0], TOKEN, "", None)
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        assert_eq!(read, line.len());
        Some(line.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// Reads up to the next empty line: the fields, and `comment`; `None` at the end. Lines of chunks are left out.
    fn block(&mut self) -> Option<Value> {
        let mut fields = json!({});
        let mut is_begun = false;
        loop {
            let line = self.line()?;
            if let Some((name, value)) = line.split_once(':') {
                is_begun = true;
                let name = if name.is_empty() { "comment" } else { name };
                fields[name] = value.strip_prefix(' ').unwrap_or(value).into();
                if name == "id" {
                    self.last_id = text(&fields["id"]);
                }
            } else if line.is_empty() && is_begun {
                return Some(fields);
            } else if line == "0" {
                return None;
            }
        }
    }

    /// Reads the next event: its kind and data.
    pub fn next(&mut self) -> Option<(String, Value)> {
        loop {
            let block = self.block()?;
            if let Some(data) = block["data"].as_str() {
                let data: Value = serde_json::from_str(data).expect("data is JSON");
                if block["event"] != "lost" {
                    assert_eq!((&block["id"], &block["event"]), (&data["id"], &data["kind"]));
                }
                return Some((text(&block["event"]), data));
            }
        }
    }

    pub fn expect(&mut self, kind: &str) -> Value {
        let (found, event) = self.next().expect("the stream goes on");
        assert_eq!(found, kind, "{event}");
        event
    }
}

#[test]
fn what_happens_is_told_as_it_happens() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let (library, mut follower) = (admin.library("staff"), Follower::admin(&server));
    let person = admin.person(&library, &[("name", "Ada Lovelace")], &obama());
    let event = follower.expect("faceEnrolled");
    let face = &person["faces"][0]["id"];
    assert_eq!(event["data"], json!({"personId": person["id"], "faceIds": [face]}));
    assert_eq!((&event["appId"], &event["libraryId"]), (&json!("admin"), &json!(library)));

    let identify = format!("/libraries/{library}/identify");
    admin.form("POST", &identify, &[], &[("file", &obama2())]);
    let event = follower.expect("recognition");
    let found = &event["data"]["faces"][0]["matches"][0];
    assert_eq!((&found["personId"], &found["faceId"]), (&person["id"], face));
    assert!(found["similarity"].as_f64().is_some_and(|similarity| similarity > 0.8), "{event}");
    admin.form("POST", &identify, &[], &[("file", &biden())]);
    assert_eq!(follower.expect("recognition")["data"], json!({"faces": [{"matches": []}]}));
    // Another interface.
    let request = json!({"groupId": "staff", "image": crate::pictures::base64(&obama2())});
    server.admin(0).post("/aicp/face/recognition", &request).data();
    assert_eq!(follower.expect("recognition")["data"]["faces"][0]["matches"][0]["personId"], person["id"]);

    let of_person = format!("/libraries/{library}/people/{}", text(&person["id"]));
    let second = admin.form("POST", &format!("{of_person}/faces"), &[], &[("file", &obama2())]).json();
    assert_eq!(follower.expect("faceEnrolled")["data"]["personId"], person["id"]);
    assert_eq!(admin.delete(&format!("{of_person}/faces/{}", text(&second["id"]))).status, 204);
    let event = follower.expect("facesRemoved");
    assert_eq!(event["data"], json!({"personId": person["id"], "faceIds": [second["id"]]}));
    assert_eq!(admin.get(&format!("{of_person}/similar")).status, 200, "which is no recognition");
    assert_eq!(admin.delete(&of_person).status, 204);
    assert_eq!(follower.expect("personRemoved")["data"], json!({"personId": person["id"]}));
    assert_eq!(admin.delete(&format!("/libraries/{library}")).status, 204);
    let last = follower.expect("libraryRemoved");

    // The log has the same, and nothing of a person but ids.
    let log = admin.get("/events/log").json();
    let kinds: Vec<String> = log["items"].as_array().expect("items").iter().map(|event| text(&event["kind"])).collect();
    let expected = [
        "faceEnrolled",
        "recognition",
        "recognition",
        "recognition",
        "faceEnrolled",
        "facesRemoved",
        "personRemoved",
        "libraryRemoved",
    ];
    assert_eq!(kinds, expected);
    assert!(!log.to_string().contains("Lovelace"));
    assert_eq!(log["items"][7], last);
    let first = admin.get("/events/log?limit=3&kind=recognition&kind=faceEnrolled").json();
    assert_eq!(first["items"].as_array().map(Vec::len), Some(3));
    let next = text(&first["next"]);
    let rest = admin.get(&format!("/events/log?limit=3&kind=recognition&kind=faceEnrolled&cursor={next}")).json();
    assert_eq!((rest["items"].as_array().map(Vec::len), &rest["next"]), (Some(2), &Value::Null));
    let id = text(&last["id"]);
    assert_eq!(admin.get(&format!("/events/log?after={id}")).json()["items"], json!([]));
    let other = admin.get("/events/log?libraryId=9999").json();
    assert_eq!(other["items"], json!([]));
    for wrong in ["after=x", "after=-1", "libraryId=x", "kind=nothing", "from=then", "limit=0", "cursor=x", "unknown=1"]
    {
        assert_problem(&admin.get(&format!("/events/log?{wrong}")), 400, "badField");
    }
}

#[test]
fn a_client_that_comes_back_misses_nothing_and_gets_nothing_twice() {
    let server = Setup::new(&["auto"]).env("AICP_EVENTS__HEARTBEAT_S", "1").start();
    let admin = Rest::admin(&server);
    let library = admin.library("staff");
    const PEOPLE: usize = 24;
    let address = server.addresses()[0];
    let mut follower = Follower::admin(&server);
    let (picture, begin) = (obama(), follower.last_id.clone());
    let mut seen: Vec<(String, String)> = Vec::new();
    let people: Vec<String> = thread::scope(|scope| {
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                let (admin, library, picture) = (Rest::admin(&server), &library, &picture);
                scope.spawn(move || {
                    (0..PEOPLE / 2)
                        .map(|number| {
                            let picture = with_comment(picture, &format!("{writer} {number}"));
                            text(&admin.person(library, &[], &picture)["id"])
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        while seen.len() < PEOPLE {
            let event = follower.expect("faceEnrolled");
            seen.push((text(&event["id"]), text(&event["data"]["personId"])));
            if seen.len().is_multiple_of(5) {
                // The connection is closed in the middle, with events that were sent and not read.
                let last = follower.last_id.clone();
                follower = match seen.len() % 2 {
                    0 => Follower::new(address, TOKEN, "", Some(&last)),
                    _ => Follower::new(address, TOKEN, &format!("?lastEventId={last}"), None),
                };
            }
        }
        writers.into_iter().flat_map(|writer| writer.join().expect("no writer failed")).collect()
    });
    let by_person: BTreeMap<&String, &String> = seen.iter().map(|(id, person)| (person, id)).collect();
    assert_eq!(by_person.len(), PEOPLE, "nobody comes twice");
    assert!(people.iter().all(|person| by_person.contains_key(person)), "nobody is missing");
    let ids: Vec<u64> = seen.iter().map(|(id, _)| id.parse().expect("a number")).collect();
    assert!(ids.is_sorted(), "{ids:?}");
    // While nothing happens, there are signs of life, which tell the position.
    let alive = follower.block().expect("the stream goes on");
    assert_eq!((&alive["comment"], &alive["id"]), (&json!("alive"), &json!(follower.last_id)));

    // The events outlive the process, also if it is killed.
    server.kill();
    assert_eq!(follower.next(), None);
    let server = Setup::new(&["auto"]).data_dir(server.data_dir()).start();
    let mut again = Follower::new(server.addresses()[0], TOKEN, "", Some(&begin));
    for (id, person) in &seen {
        let event = again.expect("faceEnrolled");
        assert_eq!((&text(&event["id"]), &text(&event["data"]["personId"])), (id, person));
    }
    // The end of the server ends the streams.
    server.terminate();
    assert_eq!(again.next(), None);
    assert!(server.wait().success());
}

#[test]
fn an_app_sees_its_own_events_of_the_kinds_that_it_was_granted() {
    let server = Server::auto();
    let address = server.addresses()[0];
    let shop_token = server.grant("shop", &["C10000000001", "C10000000002"]);
    let other_token = server.grant("other", &["C10000000002"]);
    let shop = Rest::new(&server, &shop_token);
    let mut of_shop = Follower::new(address, &shop_token, "", None);
    let mut of_other = Follower::new(address, &other_token, "", None);
    let (staff, guests) = (shop.library("staff"), shop.library("guests"));
    let mut of_guests = Follower::new(address, &shop_token, &format!("?libraryId={guests}&kind=personRemoved"), None);
    for library in [&staff, &guests] {
        let person = shop.person(library, &[], &obama());
        assert_eq!(shop.delete(&format!("/libraries/{library}/people/{}", text(&person["id"]))).status, 204);
    }
    for library in [&staff, &guests] {
        assert_eq!(of_shop.expect("faceEnrolled")["libraryId"], json!(library));
        assert_eq!(of_shop.expect("personRemoved")["libraryId"], json!(library));
    }
    assert_eq!(of_guests.expect("personRemoved")["libraryId"], json!(guests));
    // The other app may recognise, but can't see who others enrolled.
    let other = Rest::new(&server, &other_token);
    assert_eq!(other.get("/events/log").json()["items"], json!([]));
    assert_eq!(other.get("/events/log?appId=shop").json()["items"], json!([]));
    assert_eq!(shop.get("/events/log?kind=engineHealth").json()["items"], json!([]));
    let body = crate::pictures::base64(&obama());
    let groups = server.anonymous(0).with_token(&other_token);
    groups.post("/aicp/face/recognition", &json!({"groupId": "none", "image": body}));
    let admin = Rest::admin(&server);
    assert_eq!(admin.get("/events/log?appId=shop").json()["items"].as_array().map(Vec::len), Some(4));
    let poor = server.grant("poor", &["C10000000004"]);
    assert_problem(&Rest::new(&server, &poor).get("/events/log"), 403, "notGranted");
    assert_eq!(Follower::new(address, &poor, "", None).status, 403);
    assert_eq!(Follower::new(address, TOKEN, "", Some("x")).status, 400);

    // A token that is taken away ends its streams, and no others.
    assert_eq!(admin.delete("/apps/shop").status, 204);
    assert_eq!(of_shop.next(), None);
    assert_eq!(of_guests.next(), None);
    assert_eq!(admin.delete("/apps/other").status, 204);
    assert_eq!(of_other.next(), None, "it saw nothing");
}

#[test]
fn streams_are_bounded_and_live_longer_than_an_idle_connection() {
    let server = Setup::new(&["auto"])
        .env("AICP_EVENTS__MAX_STREAMS", "3")
        .env("AICP_EVENTS__MAX_STREAMS_PER_APP", "2")
        .env("AICP_EVENTS__HEARTBEAT_S", "2")
        .env("AICP_HTTP__IDLE_SECONDS", "1")
        .start();
    let address = server.addresses()[0];
    let shop = server.grant("shop", &["C10000000001"]);
    let mut first = Follower::admin(&server);
    let second = Follower::admin(&server);
    assert_eq!(Follower::admin(&server).status, 503, "the app has its part");
    let third = Follower::new(address, &shop, "", None);
    assert_eq!((third.status, Follower::new(address, &shop, "", None).status), (200, 503), "all are taken");
    // The idle time of a connection has passed before the second sign of life.
    for _ in 0..2 {
        assert_eq!(first.block().expect("the stream goes on")["comment"], "alive");
    }
    drop((second, third));
    wait_until("the places are free", || Follower::new(address, &shop, "", None).status == 200);
    // A client that reads nothing holds a place until it is closed, and holds up nobody.
    let admin = Rest::admin(&server);
    let library = admin.library("staff");
    admin.person(&library, &[], &obama());
    first.expect("faceEnrolled");
}

#[test]
fn events_that_were_deleted_are_told_as_lost() {
    let data_dir = tempfile::tempdir().expect("a temp dir");
    let server = Setup::new(&["auto"]).data_dir(data_dir.path()).start();
    let admin = Rest::admin(&server);
    let library = admin.library("staff");
    let begin = Follower::admin(&server).last_id;
    for number in 0..4 {
        admin.person(&library, &[], &with_comment(&obama(), &number.to_string()));
    }
    server.stop();
    let server = Setup::new(&["auto"]).data_dir(data_dir.path()).env("AICP_EVENTS__MAX_EVENTS", "2").start();
    let admin = Rest::admin(&server);
    wait_until("the oldest are deleted", || {
        admin.get("/events/log").json()["items"].as_array().is_some_and(|items| items.len() == 2)
    });
    let mut follower = Follower::new(server.addresses()[0], TOKEN, "", Some(&begin));
    follower.expect("lost");
    follower.expect("faceEnrolled");
    follower.expect("faceEnrolled");
}

#[test]
fn administrators_see_how_engines_are() {
    let engine = Engine::start(Vendor::Koala);
    let setup = Setup::new(&["auto"]).env("AICP_OUTBOX__INTERVAL_S", "1");
    let server = engine.known_to(setup).start();
    let admin = Rest::admin(&server);
    let is_up = |up: bool| {
        let engines = admin.get("/engines").json();
        engines["items"].as_array().is_some_and(|all| all.iter().any(|one| one["name"] == "koala" && one["isUp"] == up))
    };
    wait_until("it was looked at", || is_up(true));
    let mut follower = Follower::admin(&server);
    engine.kill();
    let event = follower.expect("engineHealth");
    assert_eq!(event["data"], json!({"engine": "koala", "isUp": false}));
    assert_eq!((&event["appId"], &event["libraryId"]), (&Value::Null, &Value::Null));
    engine.restart();
    assert_eq!(follower.expect("engineHealth")["data"]["isUp"], true);
    let shop = Rest::new(&server, &server.grant("shop", &["C10000000001", "C10000000002"]));
    assert_eq!(shop.get("/events/log").json()["items"], json!([]));
}
