//! Whole calls to the real server.

use std::net::SocketAddr;
use std::path::Path;
use std::thread;

use aicp_measure::{Connection, Load, Server, load, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;
use serde_json::{Value, json};

use crate::Outcome;

const RECOGNITION: &str = "/aicp/face/recognition";
const LIBRARY: &str = "people";
/// A call that carries a picture and does not look at it.
const QUERY: &str = "/aicp/face/query";
const PEOPLE: [&str; 4] = ["obama/obama.jpg", "obama/obama2.jpg", "obama/obama3.jpg", "biden/biden.jpg"];

/// What the server did.
#[derive(Debug, Serialize)]
pub struct Served {
    /// Calls that do not look at the picture that they carry: HTTP, JSON, a query.
    pub without_vision: Load,
    /// 1:N calls of one client.
    pub one_client: Load,
    /// 1:N calls of one client a core.
    pub client_a_core: Load,
    /// The most memory that the server held, in MiB.
    pub peak_memory_mib: f64,
}

/// The body of a 1:N call; for a query, it names somebody too.
pub fn recognition_body(jpeg: &[u8]) -> Vec<u8> {
    json!({ "groupId": LIBRARY, "userId": "nobody", "image": BASE64.encode(jpeg) }).to_string().into_bytes()
}

/// Starts a server, enrols some people, calls it and ends it.
pub fn measure(aicp: &Path, models: &Path, samples: &Path, jpeg: &[u8], calls: u32) -> Outcome<Served> {
    let data = tempfile::tempdir()?;
    let server = Server::start(aicp, models, data.path())?;
    let token = std::fs::read_to_string(data.path().join("admin-token"))?;
    let token = token.trim();
    enrol(server.address, token, samples)?;

    let recognition = post(RECOGNITION, token, &recognition_body(jpeg));
    let without_vision = post(QUERY, token, &recognition_body(jpeg));
    let is_hit = |answer: &Value| answer["data"]["records"].as_array().is_some_and(|hits| hits.len() == 1);
    let is_refusal = |answer: &Value| answer["flag"] == false;
    let cores = thread::available_parallelism()?.get();
    let without_vision = load("call without vision", server.address, &without_vision, 1, calls, is_refusal)?;
    let one_client = load("call, 1 client", server.address, &recognition, 1, calls, is_hit)?;
    let name = format!("call, {cores} clients");
    let client_a_core = load(&name, server.address, &recognition, cores, calls, is_hit)?;
    let peak_memory_mib = server.peak_memory_bytes()? as f64 / f64::from(1 << 20);
    server.stop()?;
    for load in [&without_vision, &one_client, &client_a_core] {
        if load.errors > 0 {
            return Err(format!("{}: {} of {} calls failed", load.timing.name, load.errors, load.timing.calls).into());
        }
    }
    Ok(Served { without_vision, one_client, client_a_core, peak_memory_mib })
}

fn enrol(server: SocketAddr, token: &str, samples: &Path) -> Outcome<()> {
    let mut connection = Connection::open(server)?;
    let mut must = |path: &str, body: &Value| -> Outcome<()> {
        let answer = connection.call(&post(path, token, body.to_string().as_bytes()))?;
        if answer.status != 200 || serde_json::from_slice::<Value>(&answer.body)?["flag"] != true {
            return Err(format!("{path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body)).into());
        }
        Ok(())
    };
    must("/aicp/face/addBase", &json!({ "groupId": LIBRARY, "dbName": LIBRARY }))?;
    for picture in PEOPLE {
        let file = std::fs::read(samples.join("people").join(picture))?;
        let body = json!({ "groupId": LIBRARY, "name": picture, "image": BASE64.encode(file) });
        must("/aicp/face/add", &body)?;
    }
    Ok(())
}
