//! Traces of calls, as a collector of OpenTelemetry gets them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::json;

use crate::fixture::{Server, Setup, TOKEN, wait_until};
use crate::http::send;
use crate::pictures::{base64, obama};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// Collector that takes every batch.
struct Collector {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let requests = Arc::<Mutex<Vec<ExportTraceServiceRequest>>>::default();
        let taken = Arc::clone(&requests);
        // The thread ends with the process.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let taken = Arc::clone(&taken);
                thread::spawn(move || while take(&stream, &taken).is_some() {});
            }
        });
        Self { address, requests }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn spans(&self) -> Vec<Span> {
        let requests = self.requests.lock().expect("no panic");
        let scopes = requests.iter().flat_map(|request| &request.resource_spans).flat_map(|spans| &spans.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }

    /// Waits for the span of a call, which ends after its stages; returns it and its stages.
    fn trace_of(&self, id: &str) -> (Span, Vec<Span>) {
        let id = Some(&Value::StringValue(id.to_owned()));
        let is_it = |span: &Span| value(&span.attributes, "aicp.request_id").as_ref() == id;
        wait_until("the span is there", || self.spans().iter().any(is_it));
        let call = self.spans().into_iter().find(is_it).expect("found");
        let mut stages = self.spans();
        stages.retain(|span| span.parent_span_id == call.span_id);
        (call, stages)
    }
}

/// Takes a request and answers it; `None` at the end of the connection.
fn take(mut stream: &TcpStream, taken: &Mutex<Vec<ExportTraceServiceRequest>>) -> Option<()> {
    let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
    let (head, length) = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(bytes.drain(..end + 4).collect()).expect("text").to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1)?.split("\r\n").next()?.parse().expect("a length");
            break (head, length);
        }
        let read = stream.read(&mut part).ok().filter(|read| *read > 0)?;
        bytes.extend(&part[..read]);
    };
    while bytes.len() < length {
        let read = stream.read(&mut part).ok().filter(|read| *read > 0)?;
        bytes.extend(&part[..read]);
    }
    assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
    assert!(head.contains("content-type: application/x-protobuf\r\n"), "{head}");
    taken.lock().expect("no panic").push(ExportTraceServiceRequest::decode(&bytes[..]).expect("the message"));
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n").ok()
}

fn value(attributes: &[KeyValue], name: &str) -> Option<Value> {
    attributes.iter().find(|attribute| attribute.key == name)?.value.clone()?.value
}

fn text(span: &Span, name: &str) -> Option<String> {
    match value(&span.attributes, name)? {
        Value::StringValue(text) => Some(text),
        Value::IntValue(number) => Some(number.to_string()),
        other => panic!("{other:?}"),
    }
}

fn names(stages: &[Span]) -> Vec<&str> {
    let mut names: Vec<&str> = stages.iter().map(|stage| stage.name.as_str()).collect();
    names.sort_unstable();
    names
}

fn call(server: &Server, path: &str, body: &serde_json::Value, id: &str, traceparent: &str) {
    let headers = [("token", TOKEN), ("X-Request-Id", id), ("traceparent", traceparent)];
    let answer = send(server.addresses()[0], "POST", path, &headers, body.to_string().as_bytes());
    answer.expect("an answer").data();
}

#[test]
fn a_recognition_is_a_span_in_the_callers_trace_with_its_stages() {
    let collector = Collector::start();
    let server = Setup::new(&["auto"])
        .env("AICP_TRACING__OTLP_ENDPOINT", collector.url())
        .env("AICP_TRACING__SERVICE_NAME", "the-faces")
        .start();
    let traceparent = format!("00-{TRACE}-{PARENT}-01");
    let (group, picture) = (json!({"groupId": "the-group", "dbName": "g"}), base64(&obama()));
    let with_picture = json!({"groupId": "the-group", "image": picture});
    call(&server, "/aicp/face/addBase", &group, "made", "");
    call(&server, "/aicp/face/add", &with_picture, "added", "");
    call(&server, "/aicp/face/recognition", &with_picture, "unwanted", &format!("00-{TRACE}-{PARENT}-00"));
    call(&server, "/aicp/face/recognition", &with_picture, "searched", &traceparent);
    send(server.addresses()[0], "BREW", "/nothing", &[("X-Request-Id", "none")], b"").expect("an answer");

    let (searched, stages) = collector.trace_of("searched");
    assert_eq!((hex::encode(&searched.trace_id), hex::encode(&searched.parent_span_id)), (TRACE.into(), PARENT.into()));
    assert_eq!((searched.name.as_str(), searched.kind), ("/aicp/face/recognition", 2), "a server");
    for (name, expected) in [
        ("aicp.dialect", "aicp"),
        ("aicp.operation", "/aicp/face/recognition"),
        ("aicp.engine", "builtin"),
        ("aicp.result", "success"),
        ("http.route", "/aicp/face/recognition"),
        ("http.request.method", "POST"),
        ("http.response.status_code", "200"),
        ("network.protocol.version", "1.1"),
    ] {
        assert_eq!(text(&searched, name).as_deref(), Some(expected), "{name}");
    }
    assert_eq!(names(&stages), ["gallery.search", "recognition.wait", "recognition.work"]);
    for stage in &stages {
        assert_eq!(stage.trace_id, searched.trace_id);
        assert!(stage.start_time_unix_nano <= stage.end_time_unix_nano, "{stage:?}");
    }

    let (added, stages) = collector.trace_of("added");
    assert_eq!(added.parent_span_id, b"", "a trace of its own");
    assert_ne!(added.trace_id, searched.trace_id);
    assert!(stages.iter().any(|stage| stage.name == "store.write"), "{:?}", names(&stages));
    assert!(stages.iter().any(|stage| stage.name == "store.pictures"), "{:?}", names(&stages));
    let (none, _) = collector.trace_of("none");
    assert_eq!((none.name.as_str(), text(&none, "http.request.method").as_deref()), ("aicp", Some("_OTHER")));
    assert_eq!(text(&none, "http.response.status_code").as_deref(), Some("404"));

    // A stop sends what waits.
    call(&server, "/aicp/face/recognition", &with_picture, "last", &traceparent);
    server.stop();
    collector.trace_of("last");
    let spans = collector.spans();
    assert!(spans.iter().all(|span| text(span, "aicp.request_id").as_deref() != Some("unwanted")));
    // No app, library, person or path of a client's making.
    let told = format!("{spans:?}");
    for word in ["the-group", "admin", "nothing", TOKEN] {
        assert!(!told.contains(word), "{word}");
    }
    let requests = collector.requests.lock().expect("no panic");
    let resource = requests[0].resource_spans[0].resource.as_ref().expect("a resource");
    assert_eq!(value(&resource.attributes, "service.name"), Some(Value::StringValue("the-faces".to_owned())));
}

#[test]
fn a_collector_that_is_down_costs_spans_and_no_calls() {
    let server = Setup::new(&["auto"]).env("AICP_TRACING__OTLP_ENDPOINT", "http://127.0.0.1:9/v1/traces").start();
    let metric = |name: &str| {
        let answer = send(server.addresses()[0], "GET", "/metrics", &[], b"").expect("an answer");
        let line = answer.text().lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
        line.unwrap_or_else(|| panic!("{name} is told"))
    };
    call(&server, "/aicp/face/detect", &json!({"image": base64(&obama())}), "detected", "");
    wait_until("the spans are dropped", || metric("aicp_trace_spans_dropped_total") >= 3.0);
    assert_eq!(metric("aicp_trace_spans_sent_total"), 0.0);
    assert!(server.has_logged("the collector takes no traces"));
}
