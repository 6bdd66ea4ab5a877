//! Kills at random moments: the server must come back with everything that it acknowledged, and nothing partial.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::fate::Fate;
use crate::fixture::{Server, Setup, incoming, objects, wait_until};
use crate::http::{Api, connect, fetch, read_answer};
use crate::pictures::{base64, jpeg, portrait, with_comment};
use crate::random::Random;

const ROUNDS: usize = 8;
const CLIENTS: usize = 3;
/// Enrolments of a client between two removals.
const REMOVE_EVERY: usize = 3;
/// Acknowledgements after which the kill may come, at a random moment.
const LEAST_A_ROUND: usize = CLIENTS * REMOVE_EVERY;
/// Maximum size of a library, so that it fits in one answer.
const MOST_IN_A_LIBRARY: usize = 100;

/// A picture that was sent.
struct Sent {
    group: String,
    bytes: Vec<u8>,
    fate: Fate,
}

/// Enrols people and sometimes removes one, until the server is gone.
fn client(api: &Api, group: &str, picture: &[u8], acknowledged: &AtomicUsize) -> Vec<Sent> {
    let mut all: Vec<Sent> = Vec::new();
    while all.len() < MOST_IN_A_LIBRARY {
        let bytes = with_comment(picture, &format!("{group} {}", all.len()));
        let request = json!({"groupId": group, "image": base64(&bytes)});
        all.push(Sent { group: group.to_owned(), bytes, fate: Fate::Asked });
        let Ok(answer) = api.try_post("/aicp/face/add", &request) else { break };
        let last = all.len() - 1;
        all[last].fate = Fate::Enrolled(answer.data_text("personNo"));
        acknowledged.fetch_add(1, Ordering::Relaxed);
        if all.len().is_multiple_of(REMOVE_EVERY) {
            let victim = last - 1;
            let Fate::Enrolled(number) = all[victim].fate.clone() else { continue };
            all[victim].fate = Fate::MaybeRemoved;
            let request = json!({"groupId": group, "userId": number});
            let Ok(answer) = api.try_post("/aicp/face/remove", &request) else { break };
            answer.data();
            all[victim].fate = Fate::Removed;
        }
    }
    all
}

/// Returns the people of a library by personNo, with their pictures.
fn listed(api: &Api, group: &str, probe: &str) -> BTreeMap<String, Vec<u8>> {
    let data = api.post("/aicp/face/recognition", &json!({"groupId": group, "image": probe})).data();
    let hits = data["records"].as_array().expect("a list of hits");
    hits.iter()
        .map(|hit| {
            let url = hit["url"].as_str().expect("a link");
            let (status, media_type, bytes) = fetch(url);
            assert_eq!((status, media_type.as_str()), (200, "image/jpeg"), "{url}");
            (hit["personNo"].as_str().expect("a personNo").to_owned(), bytes)
        })
        .collect()
}

fn key(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Compares the server and the disk with the clients' knowledge.
fn check(server: &Server, sent: &[Sent], probe: &str) {
    let api = server.admin(0);
    assert_eq!(incoming(server.data_dir()), 0, "nothing is left on its way");
    let mut found = BTreeSet::new();
    let groups: BTreeSet<&str> = sent.iter().map(|s| s.group.as_str()).collect();
    for group in groups {
        let people = listed(&api, group, probe);
        assert!(people.len() <= MOST_IN_A_LIBRARY);
        let ours: Vec<&Sent> = sent.iter().filter(|s| s.group == group).collect();
        for (number, bytes) in &people {
            let known = ours.iter().find(|s| s.bytes == *bytes).expect("the picture is one that was sent");
            match &known.fate {
                Fate::Enrolled(answered) => assert_eq!(answered, number),
                Fate::Asked | Fate::MaybeRemoved => {}
                Fate::Removed => panic!("{number} was removed"),
            }
            assert!(found.insert(key(bytes)), "one person a picture");
        }
        for known in ours {
            let Fate::Enrolled(number) = &known.fate else { continue };
            assert_eq!(people.get(number), Some(&known.bytes), "{number} is recognised, with the picture sent");
            let asked = json!({"groupId": group, "userId": number});
            let url = api.post("/aicp/face/query", &asked).data_text("faceDBURL");
            assert!(fetch(&url).2 == known.bytes, "{url}");
        }
    }
    // The sweep that deletes the pictures of interrupted writes goes on after the start.
    wait_until("a picture is on disk if and only if its person is there", || {
        let on_disk = objects(server.data_dir()).into_iter().map(|(name, bytes)| {
            assert_eq!(name, key(&bytes), "a picture is what its name says");
            name
        });
        on_disk.collect::<BTreeSet<String>>() == found
    });
}

fn setup(data_dir: &Path) -> Setup {
    Setup::new(&["auto"]).env("AICP_RECOGNITION__TOP_N", "100").data_dir(data_dir)
}

#[test]
fn kill_9_loses_nothing_that_was_acknowledged() {
    let mut random = Random::new();
    let temp = tempfile::tempdir().expect("a temp dir");
    let picture = jpeg(&image::imageops::resize(&portrait(), 200, 250, image::imageops::FilterType::Triangle));
    let probe = base64(&picture);
    let mut sent: Vec<Sent> = Vec::new();
    let acknowledged = AtomicUsize::new(0);
    for round in 0..ROUNDS {
        let server = setup(temp.path()).start();
        check(&server, &sent, &probe);
        let groups: Vec<String> = (0..CLIENTS).map(|client| format!("{round}-{client}")).collect();
        for group in &groups {
            server.admin(0).post("/aicp/face/addBase", &json!({"groupId": group, "dbName": group})).data();
        }
        let before = acknowledged.load(Ordering::Relaxed);
        let moment = Duration::from_millis(random.below(800));
        thread::scope(|scope| {
            let clients: Vec<_> = groups
                .iter()
                .map(|group| {
                    let (api, picture, acknowledged) = (server.admin(0), &picture, &acknowledged);
                    scope.spawn(move || client(&api, group, picture, acknowledged))
                })
                .collect();
            let enough = before + LEAST_A_ROUND;
            wait_until("some are enrolled", || acknowledged.load(Ordering::Relaxed) >= enough);
            // The sleep makes the moment random; it waits for nothing.
            thread::sleep(moment);
            server.kill();
            for client in clients {
                sent.extend(client.join().expect("no client failed"));
            }
        });
        // The server is also killed while it starts.
        let starting = setup(temp.path()).start_unready();
        thread::sleep(Duration::from_millis(random.below(400)));
        starting.kill();
    }
    let server = setup(temp.path()).start();
    check(&server, &sent, &probe);
    let count = |wanted: fn(&Fate) -> bool| sent.iter().filter(|s| wanted(&s.fate)).count();
    let enrolled = count(|fate| matches!(fate, Fate::Enrolled(_)));
    let removed = count(|fate| *fate == Fate::Removed);
    eprintln!(
        "{} sent, {enrolled} enrolled, {removed} removed, {} unanswered",
        sent.len(),
        count(|fate| matches!(fate, Fate::Asked | Fate::MaybeRemoved)),
    );
    assert!(enrolled >= ROUNDS && removed > 0, "the kills had something to destroy");
}

/// Starts an enrolment up to the point where the server waits for its body.
fn begun_enrolment(api: &Api, body: &str) -> std::net::TcpStream {
    let mut stream = connect(api.address).expect("it listens");
    let head = "POST /aicp/face/add HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n";
    write!(stream, "{head}Expect: 100-continue\r\nContent-Length: {}\r\n\r\n", body.len()).expect("it is sent");
    let expected = b"HTTP/1.1 100 Continue\r\n\r\n";
    let mut interim = vec![0; expected.len()];
    stream.read_exact(&mut interim).expect("it asks for the body");
    assert_eq!(interim, expected);
    stream
}

#[test]
fn sigterm_lets_calls_under_way_finish() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let server = setup(temp.path()).start();
    let api = server.anonymous(0);
    let bodies: Vec<(Vec<u8>, String)> = (0..4)
        .map(|n| {
            let picture = with_comment(&jpeg(&portrait()), &format!("{n}"));
            let body = json!({"groupId": "g", "image": base64(&picture)}).to_string();
            (picture, body)
        })
        .collect();
    let mut streams: Vec<_> = bodies.iter().map(|(_, body)| begun_enrolment(&api, body)).collect();
    let idle = connect(api.address).expect("it listens");
    server.terminate();
    wait_until("it is stopping", || server.has_logged("\"stopping\""));
    let mut people = Vec::new();
    for (stream, (_, body)) in streams.iter_mut().zip(&bodies) {
        stream.write_all(body.as_bytes()).expect("it still listens to us");
    }
    for stream in streams {
        let answer = read_answer(stream, "POST").expect("a whole answer");
        people.push(answer.data_text("personID"));
    }
    assert_eq!(server.wait().code(), Some(0));
    assert!(connect(api.address).is_err(), "nobody listens any more");
    drop(idle);

    let server = setup(temp.path()).start();
    for (person, (picture, _)) in people.iter().zip(&bodies) {
        let request = json!({"groupId": "g", "userId": person});
        let url = server.anonymous(0).post("/aicp/face/query", &request).data_text("faceDBURL");
        assert!(fetch(&url).2 == *picture, "{url}");
    }
    assert_eq!((objects(temp.path()).len(), incoming(temp.path())), (bodies.len(), 0));
}

#[test]
fn a_start_that_is_broken_off_does_no_harm() {
    let temp = tempfile::tempdir().expect("a temp dir");
    for milliseconds in [0, 1, 3, 10, 30, 60, 100, 150, 200] {
        let server = setup(temp.path()).start_unready();
        thread::sleep(Duration::from_millis(milliseconds));
        server.kill();
    }
    let server = setup(temp.path()).start();
    let request = json!({"groupId": "g", "image": base64(&jpeg(&portrait()))});
    server.anonymous(0).post("/aicp/face/add", &request).data();
}
