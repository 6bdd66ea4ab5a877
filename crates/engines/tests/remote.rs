//! Remote engines that misbehave.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aicp_engines::{
    BoxError, Candidate, ClaimLookup, Cloudwalk, CloudwalkSettings, Error, Koala, KoalaPaths, KoalaSettings,
    LibraryRef, RemoteEngine, RemoteSettings, Write,
};
use aicp_types::LibraryId;
use async_trait::async_trait;
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const SECRET: &str = "hush-hush";
const TAG: &str = "0123456789abcdef0123456789abcdef";

/// Reaction of the fake engine to a request.
#[derive(Clone)]
enum Then {
    /// Sends these bytes and closes.
    Send(Vec<u8>),
    /// Closes the connection.
    Close,
    /// Never answers.
    Hang,
}

type Script = Box<dyn Fn(usize, &str, &str) -> Then + Send + Sync>;

/// Fake engine, scripted by the number of the request, its path and its body.
struct Fake {
    url: String,
    calls: Arc<AtomicUsize>,
    bodies: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    async fn start(script: impl Fn(usize, &str, &str) -> Then + Send + Sync + 'static) -> Self {
        let script: Arc<Script> = Arc::new(Box::new(script));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("an answer");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let (calls, bodies) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let fake = Self { url, calls: Arc::clone(&calls), bodies: Arc::clone(&bodies) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, calls, bodies) = (Arc::clone(&script), Arc::clone(&calls), Arc::clone(&bodies));
                tokio::spawn(serve(stream, script, calls, bodies));
            }
        });
        fake
    }

    async fn saying(answer: Vec<u8>) -> Self {
        Self::start(move |_, _, _| Then::Send(answer.clone())).await
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn cloudwalk(&self) -> Cloudwalk {
        Cloudwalk::new(cloudwalk(&self.url)).expect("sound settings")
    }

    fn koala(&self) -> Koala {
        Koala::new(koala(&self.url)).expect("sound settings")
    }
}

async fn serve(mut stream: TcpStream, script: Arc<Script>, calls: Arc<AtomicUsize>, bodies: Arc<Mutex<Vec<String>>>) {
    let Some((path, body)) = request(&mut stream).await else { return };
    let number = calls.fetch_add(1, Ordering::SeqCst);
    let then = script(number, &path, &body);
    bodies.lock().expect("nobody panicked").push(body);
    match then {
        Then::Send(answer) => {
            let _ = stream.write_all(&answer).await;
            let _ = stream.shutdown().await;
        }
        Then::Close => {}
        Then::Hang => std::future::pending().await,
    }
}

/// Reads the path and body of a request.
async fn request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length = head.lines().find_map(|l| l.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
            if bytes.len() >= end + 4 + length {
                let path = head.split(' ').nth(1)?.to_owned();
                return Some((path, String::from_utf8_lossy(&bytes[end + 4..]).into_owned()));
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

fn http(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len()).into_bytes()
}

fn ok(body: &str) -> Then {
    Then::Send(http("200 OK", body))
}

fn remote() -> RemoteSettings {
    RemoteSettings { breaker_failures: 100, ..RemoteSettings::default() }
}

fn cloudwalk(url: &str) -> CloudwalkSettings {
    CloudwalkSettings {
        remote: remote(),
        app_id: Some("app".to_owned()),
        app_secret: Some(SECRET.to_owned().into()),
        ..CloudwalkSettings::new(url)
    }
}

fn koala(url: &str) -> KoalaSettings {
    let path = |name: &str| format!("api/{name}");
    let paths = KoalaPaths {
        create_library: path("create"),
        delete_library: path("delete"),
        remove: path("remove"),
        search: path("search"),
        search_many: path("many"),
        compare: path("compare"),
        detect: path("detect"),
        quality: path("quality"),
        health: path("health"),
    };
    let remote = RemoteSettings {
        library_missing_codes: vec![404],
        library_exists_codes: vec![409],
        face_missing_codes: vec![405],
        ..remote()
    };
    KoalaSettings { remote, paths, ..KoalaSettings::new(url) }
}

fn library(row: i64) -> LibraryRef {
    LibraryRef {
        row: LibraryId::new(row),
        engine_id: format!("{row:032x}"),
        name: "staff".to_owned(),
        description: None,
    }
}

fn picture() -> Bytes {
    Bytes::from_static(b"picture")
}

/// Returns library and reference of a candidate.
fn key(candidate: &Candidate) -> (i64, &str) {
    (candidate.library.get(), &candidate.engine_ref)
}

/// Claims these refs.
struct Known(Vec<String>);

#[async_trait]
impl ClaimLookup for Known {
    async fn claimed(&self, engine_refs: &[String]) -> Result<HashSet<String>, BoxError> {
        Ok(engine_refs.iter().filter(|r| self.0.contains(r)).cloned().collect())
    }
}

/// Returns whether an error leaves the call in doubt; panics if it is neither unavailability nor a refusal.
fn doubt<T>(result: Result<T, Error>) -> bool {
    match result {
        Err(Error::Unavailable { in_doubt, reason }) => {
            for hidden in [SECRET, "cGljdHVyZQ", "127.0.0.1", "http://"] {
                assert!(!reason.contains(hidden), "{reason}");
            }
            in_doubt
        }
        Err(Error::Refused { .. }) => false,
        Err(e) => panic!("{e}"),
        Ok(_) => panic!("an answer"),
    }
}

/// Adds, compares and removes with both vendors at an engine that reacts like this; checks whether they are in doubt.
async fn both_fail(then: Then, in_doubt: bool) {
    let fake = Fake::start(move |_, _, _| then.clone()).await;
    for engine in [Box::new(fake.cloudwalk()) as Box<dyn RemoteEngine>, Box::new(fake.koala())] {
        let before = fake.calls();
        assert_eq!(doubt(engine.add_face(&library(1), TAG, picture()).await), in_doubt, "{}", engine.name());
        if in_doubt {
            assert_eq!(fake.calls() - before, 1, "an addition in doubt is not repeated");
        }
        let before = fake.calls();
        assert_eq!(doubt(engine.compare(picture(), picture()).await), in_doubt, "{}", engine.name());
        assert_eq!(fake.calls() - before, 3, "reads are repeated");
        let before = fake.calls();
        assert_eq!(doubt(engine.remove_face(&library(1), "ref").await), in_doubt, "{}", engine.name());
        assert_eq!(fake.calls() - before, 3, "removals are repeated");
    }
}

#[tokio::test]
async fn answers_of_something_else_leave_doubt_but_for_refusals() {
    both_fail(Then::Send(http("500 Oops", "<html>")), true).await;
    both_fail(Then::Send(http("502 Bad Gateway", "")), true).await;
    let spring = r#"{"timestamp":"2020","status":500,"error":"Internal Server Error","path":"/x"}"#;
    both_fail(Then::Send(http("500 Oops", spring)), true).await;
    both_fail(Then::Send(http("408 Request Timeout", "")), true).await;
}

#[tokio::test]
async fn a_refusal_by_status_is_an_answer() {
    let fake = Fake::start(move |_, _, _| Then::Send(http("404 Not Found", "<html>"))).await;
    for engine in [Box::new(fake.cloudwalk()) as Box<dyn RemoteEngine>, Box::new(fake.koala())] {
        // More often than needed to open the circuit breaker.
        for _ in 0..10 {
            let before = fake.calls();
            assert!(!doubt(engine.add_face(&library(1), TAG, picture()).await), "{}", engine.name());
            assert!(!doubt(engine.compare(picture(), picture()).await), "{}", engine.name());
            assert_eq!(fake.calls() - before, 2, "asked again it would say the same");
        }
    }
}

#[tokio::test]
async fn broken_answers_leave_doubt() {
    let bodies = ["", "{", "[]", "null", "{}", "\u{1}", &"[".repeat(100_000)];
    let mut answers: Vec<Then> = bodies.into_iter().map(ok).collect();
    answers.push(Then::Close);
    answers.push(Then::Send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"result\":0".to_vec()));
    answers.push(Then::Send(b"nonsense\r\n\r\n".to_vec()));
    futures_util::future::join_all(answers.into_iter().map(|answer| both_fail(answer, true))).await;
}

#[tokio::test]
async fn an_answer_without_what_it_must_have_leaves_doubt() {
    let fake = Fake::saying(http("200 OK", r#"{"result":0,"status":200,"data":{}}"#)).await;
    assert!(doubt(fake.koala().add_face(&library(1), TAG, picture()).await));
    assert!(doubt(fake.koala().compare(picture(), picture()).await));
    assert!(doubt(fake.koala().assess(picture()).await));
    assert!(doubt(fake.cloudwalk().compare(picture(), picture()).await));
    assert!(doubt(fake.cloudwalk().assess(picture()).await));
}

#[tokio::test]
async fn huge_answers_are_not_read() {
    let mut huge = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"result\":0,\"x\":\"".to_vec();
    huge.resize(20 << 20, b'x');
    let fake = Fake::saying(huge).await;
    assert!(doubt(fake.cloudwalk().compare(picture(), picture()).await));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let other = Fake::saying(http("200 OK", r#"{"result":0,"score":1}"#)).await;
    for status in ["301 Moved", "302 Found", "307 Temporary Redirect"] {
        let answer = format!(
            "HTTP/1.1 {status}\r\nlocation: {}\r\ncontent-length: 12\r\nconnection: close\r\n\r\n{{\"result\":0}}",
            other.url
        );
        both_fail(Then::Send(answer.into_bytes()), true).await;
    }
    assert_eq!(other.calls(), 0);
}

#[tokio::test]
async fn an_engine_that_is_down_leaves_no_doubt() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("an answer");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    drop(listener);
    for engine in [
        Box::new(Cloudwalk::new(cloudwalk(&url)).expect("sound settings")) as Box<dyn RemoteEngine>,
        Box::new(Koala::new(koala(&url)).expect("sound settings")),
    ] {
        assert!(!doubt(engine.add_face(&library(1), TAG, picture()).await));
        assert!(!doubt(engine.create_library(&library(1)).await));
        assert!(!doubt(engine.identify(&[library(1)], picture(), 1).await));
        assert!(!doubt(engine.health().await));
    }
}

#[tokio::test]
async fn an_engine_that_never_answers_leaves_doubt() {
    let fake = Fake::start(|_, _, _| Then::Hang).await;
    let mut settings = cloudwalk(&fake.url);
    settings.remote.timeout_ms = 100.into();
    let engine = Cloudwalk::new(settings).expect("sound settings");
    assert!(doubt(engine.add_face(&library(1), TAG, picture()).await));
    assert_eq!(fake.calls(), 1);
    assert!(doubt(engine.compare(picture(), picture()).await));
    assert_eq!(fake.calls(), 4);
}

#[tokio::test]
async fn one_call_more_than_there_are_places_waits_and_is_refused() {
    let fake = Fake::start(|_, _, _| Then::Hang).await;
    let mut settings = cloudwalk(&fake.url);
    settings.remote.concurrency = 1;
    settings.remote.retries = 0;
    settings.remote.timeout_ms = 200.into();
    let engine = Cloudwalk::new(settings).expect("sound settings");
    // Both timeouts are equal: the call without a slot gives up no later than the slot becomes free.
    let calls = [(); 3].map(|()| engine.compare(picture(), picture()));
    let results = futures_util::future::join_all(calls).await;
    assert!(results.iter().any(|r| matches!(r, Err(Error::Busy))), "{results:?}");
    assert!(results.iter().all(|r| r.is_err()));
    assert!(fake.calls() < 3);
}

#[tokio::test]
async fn a_read_is_well_in_the_end() {
    let fake = Fake::start(|n, _, _| if n < 2 { Then::Close } else { ok(r#"{"result":0,"score":"0.75"}"#) }).await;
    assert_eq!(fake.cloudwalk().compare(picture(), picture()).await.expect("an answer"), 0.75);
    assert_eq!(fake.calls(), 3);
}

#[tokio::test]
async fn the_breaker_opens_and_closes() {
    let fake = Fake::start(|n, _, _| if n < 5 { Then::Close } else { ok(r#"{"result":0,"score":1}"#) }).await;
    let mut settings = cloudwalk(&fake.url);
    settings.remote.breaker_failures = 5;
    settings.remote.breaker_pause_ms = 3_600_000.into();
    let engine = Cloudwalk::new(settings.clone()).expect("sound settings");
    assert!(doubt(engine.compare(picture(), picture()).await));
    assert!(doubt(engine.compare(picture(), picture()).await));
    assert_eq!(fake.calls(), 5, "it opened amid the repetitions");
    for _ in 0..3 {
        match engine.add_face(&library(1), TAG, picture()).await {
            Err(Error::Unavailable { in_doubt: false, reason }) => assert_eq!(reason, "circuit open"),
            _ => panic!("it is open"),
        }
    }
    assert_eq!(fake.calls(), 5);

    let fake = Fake::start(|n, _, _| if n < 5 { Then::Close } else { ok(r#"{"result":0,"score":1}"#) }).await;
    let settings = CloudwalkSettings {
        url: Some(fake.url.clone()),
        remote: RemoteSettings { breaker_pause_ms: 0.into(), retries: 0, ..settings.remote.clone() },
        ..settings
    };
    let engine = Cloudwalk::new(settings).expect("sound settings");
    for _ in 0..5 {
        assert!(doubt(engine.compare(picture(), picture()).await));
    }
    for _ in 0..3 {
        assert_eq!(engine.compare(picture(), picture()).await.expect("an answer"), 1.0);
    }
}

#[tokio::test]
async fn refusals_are_told_apart_and_tell_no_secret() {
    let fake = Fake::start(|_, _, _| {
        ok(r#"{"result":7,"info":"app_secret=hush-hush\nis wrong","status":"7","message":"no"}"#)
    })
    .await;
    let (cloudwalk_, koala_) = (fake.cloudwalk(), fake.koala());
    match cloudwalk_.compare(picture(), picture()).await {
        Err(Error::Rejected { code, text }) => {
            assert_eq!((code.as_str(), text.as_str()), ("7", "app_secret=*** is wrong"));
        }
        _ => panic!("refused"),
    }
    assert!(
        matches!(koala_.add_face(&library(1), TAG, picture()).await, Err(Error::Rejected { code, .. }) if code == "7")
    );
    assert_eq!(fake.calls(), 2, "what is refused is not repeated");

    let fake =
        Fake::start(|_, _, _| ok(r#"{"result":80018,"info":"no face","status":80018,"message":"no face"}"#)).await;
    for engine in [Box::new(fake.cloudwalk()) as Box<dyn RemoteEngine>, Box::new(fake.koala())] {
        assert!(matches!(engine.add_face(&library(1), TAG, picture()).await, Err(Error::BadPicture(_))));
        let found = engine.find_added(&library(1), TAG, picture(), &Known(Vec::new())).await.expect("an answer");
        assert!(found.is_none(), "what is refused was not added");
    }
    // A vendor's own answer counts, whatever the HTTP status.
    let fake = Fake::start(|_, _, _| Then::Send(http("500 Oops", r#"{"result":9,"status":404}"#))).await;
    assert!(matches!(fake.cloudwalk().detect(picture()).await, Err(Error::Rejected { code, .. }) if code == "9"));
    assert!(matches!(fake.koala().identify(&[library(1)], picture(), 1).await, Err(Error::LibraryMissing)));
}

#[tokio::test]
async fn secrets_travel_in_the_body_alone() {
    let fake = Fake::start(|_, path, body| {
        assert!(!path.contains(SECRET) && body.starts_with("app_id=app&app_secret=hush-hush&"));
        ok(r#"{"result":0,"faceId":"f"}"#)
    })
    .await;
    let added = fake.cloudwalk().add_face(&library(1), TAG, Bytes::from_static(b"\xfb\xff")).await.expect("an answer");
    assert_eq!(added.engine_ref, "f");
    // Base64 has characters that a form must escape.
    assert!(
        fake.bodies.lock().expect("nobody panicked")[0].ends_with(&format!("faceId={TAG}&tag={TAG}&img=%2B%2F8%3D"))
    );
}

#[tokio::test]
async fn what_is_there_or_gone_already_is_fine() {
    let fake = Fake::start(|_, path, _| match path {
        "/api/create" => ok(r#"{"status":409}"#),
        "/api/delete" => ok(r#"{"status":404}"#),
        _ => ok(r#"{"status":405}"#),
    })
    .await;
    let engine = fake.koala();
    engine.create_library(&library(1)).await.expect("an answer");
    engine.delete_library(&library(1)).await.expect("an answer");
    engine.remove_face(&library(1), "ref").await.expect("an answer");
    // No Cloudwalk code is configured, so the vendor is queried.
    for (rows, create, remove) in [("[{\"groupId\":1,\"faceId\":\"ref\"}]", true, false), ("[]", false, true)] {
        let fake = Fake::start(move |_, path, _| {
            if path.ends_with("/query") {
                ok(&format!(r#"{{"result":0,"rows":{rows}}}"#))
            } else {
                ok(r#"{"result":1}"#)
            }
        })
        .await;
        let one = LibraryRef { engine_id: "1".to_owned(), ..library(1) };
        assert_eq!(fake.cloudwalk().create_library(&one).await.is_ok(), create);
        assert_eq!(fake.cloudwalk().delete_library(&one).await.is_ok(), remove);
        assert_eq!(fake.cloudwalk().remove_face(&one, "ref").await.is_ok(), remove);
    }
}

#[tokio::test]
async fn koala_without_paths_does_what_it_can() {
    let fake = Fake::saying(http("200 OK", r#"{"status":200,"data":{"faceId":"koala-0f-"}}"#)).await;
    let engine = Koala::new(KoalaSettings::new(fake.url.trim_end_matches('/'))).expect("there");
    engine.create_library(&library(1)).await.expect("an answer");
    engine.delete_library(&library(1)).await.expect("an answer");
    assert!(engine.target(Write::CreateLibrary).is_none() && engine.target(Write::DeleteLibrary).is_none());
    let target = engine.target(Write::AddFace).expect("there");
    assert_eq!((target.url, target.operation.as_str()), (fake.url.clone(), "business/api/v1/repository/personDb"));
    assert_eq!(fake.calls(), 0);
    let added = engine.add_face(&library(1), TAG, picture()).await.expect("an answer");
    assert_eq!(added.engine_ref, "0f");
    assert!(matches!(engine.identify(&[library(1)], picture(), 1).await, Err(Error::Unsupported("search"))));
    assert!(matches!(engine.health().await, Err(Error::Unsupported("health"))));
    assert!(matches!(engine.require_face(picture()).await, Err(Error::Unsupported("quality"))));
    assert_eq!(engine.threshold(), None);
    let mut settings = KoalaSettings::new("http://example.com/");
    settings.paths.search = "/search".to_owned();
    assert!(matches!(Koala::new(settings), Err(Error::Settings(_))));
}

#[tokio::test]
async fn hits_of_all_libraries_are_ranked_together() {
    let fake = Fake::start(|_, path, body| {
        let first = body.contains(&library(1).engine_id);
        match path {
            "/api/search" if first => ok(r#"{"status":200,"data":{"records":[{"score":90,"personNo":"a"},{"score":"70","personNo":"b"}]}}"#),
            "/api/search" => ok(r#"{"status":200,"data":{"records":[{"score":80.5,"faceId":"koala-c0-"}]}}"#),
            "/api/detect" => ok(r#"{"status":200,"data":{"records":[[{"x":50,"y":0,"width":10,"height":10},{"x":0,"y":0,"width":30,"height":30}]]}}"#),
            "/api/many" if first => ok(r#"{"status":200,"data":{"records":[[{"score":90,"personNo":"a"}],[]]}}"#),
            "/api/many" => ok(r#"{"status":200,"data":{"records":[[{"score":95,"personNo":"c"}],[{"score":60,"personNo":"d"}]]}}"#),
            _ => Then::Close,
        }
    })
    .await;
    let engine = fake.koala();
    let libraries = [library(1), library(2)];
    let found = engine.identify(&libraries, picture(), 2).await.expect("an answer");
    assert_eq!(found.iter().map(key).collect::<Vec<_>>(), [(1, "a"), (2, "c0")]);
    assert_eq!(found[1].similarity, 0.805);
    let faces = engine.identify_many(&libraries, picture(), 2).await.expect("an answer");
    let keys: Vec<Vec<_>> = faces.iter().map(|f| f.candidates.iter().map(key).collect()).collect();
    assert_eq!(keys, [vec![(2, "c"), (1, "a")], vec![(2, "d")]]);
    assert_eq!(faces[0].face.area.width, 30.0, "the box of the larger face");
}

#[tokio::test]
async fn hits_with_boxes_find_their_faces() {
    let small = r#"{"score":60,"personNo":"s","rect":{"x":50,"y":0,"w":10,"h":10}}"#;
    let large = r#"{"score":90,"personNo":"l","x":0,"y":0,"width":30,"height":30}"#;
    let records = format!(r#"{{"status":200,"data":{{"records":[[],[{small}],[{large}]]}}}}"#);
    let fake = Fake::start(move |_, _, _| ok(&records)).await;
    let mut settings = koala(&fake.url);
    settings.paths.detect = String::new();
    let engine = Koala::new(settings).expect("sound settings");
    let faces = engine.identify_many(&[library(1), library(2)], picture(), 1).await.expect("an answer");
    let keys: Vec<_> = faces.iter().map(|f| key(&f.candidates[0])).collect();
    assert_eq!(keys, [(1, "l"), (1, "s")]);

    // Only the detector reports faces without a hit.
    let fake = Fake::start(|_, path, _| match path {
        "/face/tool/detect" => {
            ok(r#"{"result":0,"faces":[{"x":0,"y":0,"width":9,"height":9},{"x":20,"y":0,"width":40,"height":40}]}"#)
        }
        _ => ok(r#"{"result":0,"faces":[{"faceId":"f","score":0.9,"x":0,"y":0,"width":9,"height":8}]}"#),
    })
    .await;
    let faces = fake.cloudwalk().identify_many(&[library(1)], picture(), 5).await.expect("an answer");
    assert!(faces.len() == 2 && faces[0].candidates.is_empty());
    assert_eq!(key(&faces[1].candidates[0]), (1, "f"));
}

#[tokio::test]
async fn koala_looks_wider_while_all_are_known() {
    // 25 faces of the same picture, all but the last known here.
    let fake = Fake::start(|_, _, body| {
        let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
        let top = body["topN"].as_u64().expect("there").min(25);
        let records: Vec<_> =
            (0..top).map(|i| serde_json::json!({"score": 100, "personNo": format!("p{i}")})).collect();
        ok(&serde_json::json!({"status": 200, "data": {"records": records}}).to_string())
    })
    .await;
    let known = |n| Known((0..n).map(|i| format!("p{i}")).collect());
    let find =
        async |known: &Known| fake.koala().find_added(&library(1), TAG, picture(), known).await.expect("an answer");
    assert_eq!(find(&known(24)).await.expect("found").engine_ref, "p24");
    assert_eq!(fake.calls(), 3);
    assert!(find(&known(25)).await.is_none());
    assert_eq!(find(&known(0)).await.expect("found").engine_ref, "p0");
}

#[tokio::test]
async fn koala_takes_no_other_face_for_the_lost_one() {
    let fake =
        Fake::saying(http("200 OK", r#"{"status":200,"data":{"records":[{"score":97.9,"personNo":"a"}]}}"#)).await;
    let found = fake.koala().find_added(&library(1), TAG, picture(), &Known(Vec::new())).await.expect("an answer");
    assert!(found.is_none());
}

#[tokio::test]
async fn cloudwalk_finds_the_lost_face_by_its_tag() {
    let fake = Fake::start(|_, path, body| match path {
        "/face/clustering/face/query" => ok(r#"{"result":3,"info":"no"}"#),
        _ => {
            let top: usize =
                body.split("topN=").nth(1).expect("there").split('&').next().expect("there").parse().expect("there");
            let faces: Vec<_> = (0..top.min(15))
                .map(|i| serde_json::json!({"faceId": i, "score": 0.999, "tag": if i == 12 { TAG } else { "other" }}))
                .collect();
            ok(&serde_json::json!({"result": 0, "faces": faces}).to_string())
        }
    })
    .await;
    let find =
        async |known: &Known| fake.cloudwalk().find_added(&library(1), TAG, picture(), known).await.expect("an answer");
    assert_eq!(find(&Known(Vec::new())).await.expect("found").engine_ref, "12");
    assert!(find(&Known(vec!["12".to_owned()])).await.is_none());
}
