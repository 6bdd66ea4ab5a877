//! Kills of server and engine at random moments, with injected faults. Acknowledged writes must be applied at the
//! engine exactly once, and both must agree on the people.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use image::RgbImage;
use serde_json::{Value, json};

use crate::engine::{Engine, Vendor, key};
use crate::fate::Fate;
use crate::fixture::{Server, Setup, TOKEN, objects, wait_until};
use crate::http::{Api, fetch};
use crate::pictures::{base64, jpeg, other_portrait, portrait, with_comment};
use crate::random::Random;

const GROUPS: [&str; 3] = ["g0", "g1", "g2"];
const GETALL: &str = "/asynchrony/getall";
const RESUME: &str = "/asynchrony/resumedata";

/// Workload and faults of a run.
struct Plan {
    vendor: Vendor,
    /// Whether waiting writes are replayed automatically, or only by an operator.
    auto_replay: bool,
    clients: usize,
    /// Enrolments per client; removals add a third of that.
    enrolments: usize,
    kills: usize,
}

/// A picture that was sent.
struct Sent {
    group: &'static str,
    bytes: Vec<u8>,
    fate: Fate,
}

/// State that server and clients share: the server's address while it runs, and the progress of the clients.
#[derive(Default)]
struct Scene {
    address: Mutex<Option<SocketAddr>>,
    calls: AtomicUsize,
    allowed: AtomicUsize,
    clients_left: AtomicUsize,
}

impl Scene {
    fn come_to(&self, address: Option<SocketAddr>) {
        *self.address.lock().expect("no panic while locked") = address;
    }

    /// Counts a client's call and waits until it is allowed.
    fn take_turn(&self) {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        wait_until("the clients may go on", || call < self.allowed.load(Ordering::Relaxed));
    }

    /// Posts to the server once it runs; returns `None` without an answer.
    fn try_post(&self, path: &str, body: &Value) -> Option<Value> {
        let mut address = None;
        wait_until("the server runs", || {
            address = *self.address.lock().expect("no panic while locked");
            address.is_some()
        });
        let api = Api::new(address.expect("it runs")).with_token(TOKEN);
        let answer = api.try_post(path, body).ok();
        answer.map(|answer| {
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            answer.json()
        })
    }
}

/// Counts a client as finished on drop.
struct Leaving<'a>(&'a AtomicUsize);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Enrols people and sometimes removes one of them.
fn client(scene: &Scene, plan: &Plan, number: usize, faces: &[Vec<u8>], mut random: Random) -> Vec<Sent> {
    let _leaving = Leaving(&scene.clients_left);
    let mut all: Vec<Sent> = Vec::new();
    for n in 0..plan.enrolments {
        let group = GROUPS[random.index(GROUPS.len())];
        let bytes = with_comment(&faces[random.index(faces.len())], &format!("{number} {n}"));
        let request = json!({"groupId": group, "image": base64(&bytes)});
        scene.take_turn();
        let answer = scene.try_post("/aicp/face/add", &request);
        let fate = answer.map_or(Fate::Asked, |answer| {
            assert_eq!(answer["flag"], true, "{answer}");
            Fate::Enrolled(answer["data"]["personNo"].as_str().expect("a personNo").to_owned())
        });
        all.push(Sent { group, bytes, fate });
        if random.index(3) == 0 {
            let victim = random.index(all.len());
            let Fate::Enrolled(person) = all[victim].fate.clone() else { continue };
            let request = json!({"groupId": all[victim].group, "userId": person});
            scene.take_turn();
            all[victim].fate = scene.try_post("/aicp/face/remove", &request).map_or(Fate::MaybeRemoved, |answer| {
                assert_eq!(answer["flag"], true, "{answer}");
                Fate::Removed
            });
        }
    }
    all
}

/// Replays the waiting writes as an operator, as far as possible.
fn operator(scene: &Scene) {
    if let Some(listed) = scene.try_post(GETALL, &json!({"issolved": "0"})) {
        scene.try_post(RESUME, &json!({"asynchronyDataList": listed["data"]["items"]}));
    }
}

/// Waits until no writes wait; without automatic replay an operator replays them.
fn drain_outbox(server: &Server, scene: &Scene, auto_replay: bool) {
    wait_until("nothing waits", || {
        if !auto_replay {
            operator(scene);
        }
        server.admin(0).post(GETALL, &json!({"issolved": "0"})).data()["total"] == 0
    });
}

/// Pictures of two people, two of each. The engine can't distinguish files of the same picture.
fn faces() -> Vec<Vec<u8>> {
    let small = |picture: RgbImage, brighter: i32| {
        let picture = image::imageops::resize(&picture, 160, 200, image::imageops::FilterType::Triangle);
        jpeg(&image::imageops::brighten(&picture, brighter))
    };
    vec![small(portrait(), 0), small(portrait(), 10), small(other_portrait(), 0), small(other_portrait(), 10)]
}

fn setup(engine: &Engine, auto_replay: bool, data_dir: &Path) -> Setup {
    engine
        .known_to(Setup::new(&["auto"]))
        .env("AICP_ENGINES__DEFAULT", engine.vendor.name())
        .env("AICP_OUTBOX__AUTO_REPLAY", auto_replay.to_string())
        .env("AICP_OUTBOX__INTERVAL_S", "1")
        .env("AICP_RECOGNITION__TOP_N", "100")
        .env("AICP_VISION__WORKERS", "1")
        .data_dir(data_dir)
}

/// Random faults of a running engine: none, few or many.
fn faults(random: &mut Random) -> Value {
    let most = [0, 3, 10][random.index(3)];
    let mut share = || random.below(most + 1) as f64 / 100.0;
    json!({"dropBefore": share(), "dropAfter": 2.0 * share(), "status500": share(), "seed": random.below(1 << 32)})
}

fn run(plan: &Plan) {
    let mut random = Random::new();
    let temp = tempfile::tempdir().expect("a temp dir");
    let engine = Engine::start(plan.vendor);
    let start = || setup(&engine, plan.auto_replay, temp.path()).start();
    let mut server = start();
    let libraries = GROUPS.map(|group| {
        let request = json!({"groupId": group, "dbName": group});
        server.admin(0).post("/aicp/face/addBase", &request).data_text("personDbLib")
    });
    let faces = faces();
    let scene = Scene::default();
    scene.clients_left.store(plan.clients, Ordering::Relaxed);
    scene.come_to(Some(server.addresses()[0]));
    engine.faults(&faults(&mut random));

    let mut sent: Vec<Sent> = thread::scope(|scope| {
        let clients: Vec<_> = (0..plan.clients)
            .map(|number| {
                let (scene, faces, random) = (&scene, &faces, random.fork());
                scope.spawn(move || client(scene, plan, number, faces, random))
            })
            .collect();
        for _ in 0..plan.kills {
            // The kill comes amid the next `more` calls.
            let more = plan.clients * plan.enrolments / plan.kills;
            let from = scene.allowed.fetch_add(more, Ordering::Relaxed);
            let enough = from + random.index(more);
            wait_until("the clients go on", || {
                scene.calls.load(Ordering::Relaxed) >= enough || scene.clients_left.load(Ordering::Relaxed) == 0
            });
            // The sleep makes the moment random; it waits for nothing.
            thread::sleep(Duration::from_millis(random.below(100)));
            let (kill_engine, kill_server) = [(true, false), (false, true), (true, true)][random.index(3)];
            let engine_first = random.index(2) == 0;
            if kill_engine && engine_first {
                engine.kill();
            }
            if kill_server {
                scene.come_to(None);
                server.kill();
            }
            if kill_engine && !engine_first {
                engine.kill();
            }
            thread::sleep(Duration::from_millis(random.below(150)));
            if kill_engine && engine_first {
                engine.restart();
            }
            if kill_server {
                server = start();
                scene.come_to(Some(server.addresses()[0]));
            }
            if kill_engine && !engine_first {
                engine.restart();
            }
            engine.faults(&faults(&mut random));
            // The next round starts with waiting writes, with a replay in progress, or with none.
            match random.index(3) {
                0 => {}
                1 => drop(scope.spawn(|| operator(&scene))),
                _ => drain_outbox(&server, &scene, plan.auto_replay),
            }
        }
        scene.allowed.store(usize::MAX, Ordering::Relaxed);
        clients.into_iter().flat_map(|client| client.join().expect("no client failed")).collect()
    });

    engine.faults(&json!({}));
    let waited = server.admin(0).post(GETALL, &json!({})).data();
    drain_outbox(&server, &scene, plan.auto_replay);
    let count = |wanted: fn(&Fate) -> bool| sent.iter().filter(|s| wanted(&s.fate)).count();
    let [enrolled, removed, unanswered] = [
        count(|fate| matches!(fate, Fate::Enrolled(_))),
        count(|fate| *fate == Fate::Removed),
        count(|fate| matches!(fate, Fate::Asked | Fate::MaybeRemoved)),
    ];
    eprintln!(
        "{} sent, {enrolled} enrolled, {removed} removed, {unanswered} unanswered, {} waited",
        sent.len(),
        waited["total"]
    );
    assert!(enrolled > 0 && removed > 0 && waited["total"] != 0, "there was something to go wrong");
    check(&server, &engine, &libraries, &sent, &faces);

    // Faces are removed by their own names: removing every second one keeps the others.
    for known in sent.iter_mut().step_by(2) {
        let Fate::Enrolled(person) = &known.fate else { continue };
        let request = json!({"groupId": known.group, "userId": person});
        server.admin(0).post("/aicp/face/remove", &request).data();
        known.fate = Fate::Removed;
    }
    check(&server, &engine, &libraries, &sent, &faces);
}

/// Compares the engine with the clients' knowledge and with the server's answers.
fn check(server: &Server, engine: &Engine, libraries: &[String], sent: &[Sent], faces: &[Vec<u8>]) {
    let api = server.admin(0);
    let mut everywhere = BTreeSet::new();
    for (group, library) in GROUPS.iter().zip(libraries) {
        let there = engine.pictures(library).expect("the library is there");
        let once: BTreeSet<String> = there.iter().cloned().collect();
        assert_eq!(once.len(), there.len(), "{group}: nobody is there twice");
        let ours: Vec<(String, &Sent)> =
            sent.iter().filter(|s| s.group == *group).map(|s| (key(&s.bytes), s)).collect();
        for picture in &there {
            assert!(ours.iter().any(|(key, _)| key == picture), "{group}: {picture} was sent");
        }
        for (key, known) in &ours {
            match &known.fate {
                Fate::Enrolled(person) => {
                    assert!(once.contains(key), "{group}: {person} is at the engine");
                    let request = json!({"groupId": group, "userId": person});
                    let url = api.post("/aicp/face/query", &request).data_text("faceDBURL");
                    assert!(fetch(&url).2 == known.bytes, "{group}: {person} has the picture sent");
                }
                Fate::Removed => assert!(!once.contains(key), "{group}: who was removed is gone"),
                Fate::Asked | Fate::MaybeRemoved => {}
            }
        }
        assert_eq!(pictures_of_users(&api, group), there, "{group}: people here and faces there");
        // Everybody is found, and nobody else.
        let mut found = BTreeSet::new();
        for face in faces {
            let request = json!({"groupId": group, "image": base64(face)});
            let data = api.post("/aicp/face/recognition", &request).data();
            let hits = data["records"].as_array().expect("a list of hits").iter();
            found.extend(hits.map(|hit| key(&fetch(hit["url"].as_str().expect("a link")).2)));
        }
        assert_eq!(found, once, "{group}: who is found");
        everywhere.extend(there);
    }
    let on_disk: BTreeSet<String> = objects(server.data_dir()).into_iter().map(|(name, _)| name).collect();
    assert_eq!(on_disk, everywhere, "pictures are kept of those who are there, and of nobody else");
}

/// Returns the sorted picture keys of all users in a library of the server.
fn pictures_of_users(api: &Api, group: &str) -> Vec<String> {
    let answer = api.post("/face-api/v3/user/list", &json!({"group_id": group, "length": 1000})).json();
    let users = answer["result"]["user_id_list"].as_array().expect("a list of users");
    let mut keys: Vec<String> = users
        .iter()
        .map(|user| {
            let request = json!({"groupId": group, "userId": user["userId"]});
            key(&fetch(&api.post("/aicp/face/query", &request).data_text("faceDBURL")).2)
        })
        .collect();
    keys.sort();
    keys
}

#[test]
fn koala_has_what_was_acknowledged() {
    run(&Plan { vendor: Vendor::Koala, auto_replay: true, clients: 4, enrolments: 70, kills: 12 });
}

#[test]
fn cloudwalk_that_keeps_our_ids_has_what_was_acknowledged() {
    run(&Plan { vendor: Vendor::Cloudwalk, auto_replay: true, clients: 3, enrolments: 40, kills: 5 });
}

#[test]
fn cloudwalk_with_ids_of_its_own_has_what_was_acknowledged() {
    run(&Plan { vendor: Vendor::NewCloudwalk, auto_replay: false, clients: 3, enrolments: 40, kills: 5 });
}
