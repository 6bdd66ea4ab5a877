//! Benchmark of the clouds' calls as the data grows: the same calls at several sizes, compared with `/healthz` of the
//! same server.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use aicp_measure::{Answer, Connection, Load, Machine, Server, Timing, post};
use aicp_store::{CopiedFace, Error, NewPerson, Page, Profile};
use aicp_types::{Clock, Node, Snowflakes, SystemClock};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::{StreamExt, stream};
use serde::Serialize;
use serde_json::{Value, json};

use crate::signing;
use crate::{Cli, Outcome};

/// Library of the people.
const LIBRARY: &str = "lobby";
/// App that owns the library.
const APP: &str = "admin";
/// Number of friends of each account.
const FRIENDS_PER_ACCOUNT: usize = 100;
/// Number of groups of each account's friends.
const GROUPS_PER_ACCOUNT: usize = 4;
/// Ids in one `QueryFaceUserBatch`.
const BATCH: usize = 50;
/// Number of concurrent copies.
const MAX_CONCURRENT_COPIES: usize = 512;
/// Number of users and accounts that are queried, spread evenly over all of them.
const MAX_QUERIED: usize = 2000;
/// Settings that disable the rate limits.
const NO_RATE_LIMITS: [(&str, &str); 2] =
    [("AICP_LINKVISUAL__CALLS_PER_SECOND", "10000000"), ("AICP_TENCENT_IM__CALLS_PER_SECOND", "10000000")];

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Request {
    /// Friends, and people of the library; ascending
    #[arg(long, value_name = "N,N", value_delimiter = ',', default_value = "1000,100000,1000000")]
    rows: Vec<usize>,
    /// Connections at the same time
    #[arg(long, value_name = "N", default_value_t = 4)]
    clients: usize,
    /// Calls that each client makes
    #[arg(long, value_name = "N", default_value_t = 5000)]
    calls: usize,
    /// Where the numbers go, as JSON
    #[arg(long, value_name = "FILE", default_value = "bench/results/dialects.json")]
    out: PathBuf,
}

#[derive(Serialize)]
struct Report {
    machine: Machine,
    sizes: Vec<Size>,
    /// Median time at the largest size divided by that at the smallest.
    growth: Vec<Growth>,
}

#[derive(Serialize)]
struct Size {
    rows: usize,
    fill_s: f64,
    start_to_listening_s: f64,
    database_bytes: u64,
    healthz: Load,
    calls: Vec<Call>,
}

#[derive(Serialize)]
struct Call {
    #[serde(flatten)]
    load: Load,
    answer_bytes: usize,
    /// Calls per second divided by those of `/healthz`.
    of_healthz: f64,
}

#[derive(Serialize)]
struct Growth {
    name: String,
    p50_ratio: f64,
}

/// Keys for the three clouds' interfaces.
struct Keys {
    jd: (String, String),
    alibaba: (String, String),
    sdkappid: u64,
    usersig: String,
}

/// Fills a data folder in steps and measures at each.
pub fn run(cli: &Cli, request: &Request) -> Outcome<()> {
    let machine = Machine::here()?;
    let data = tempfile::tempdir()?;
    let keys = prepare(cli, data.path())?;
    let mut sizes = Vec::new();
    for &rows in &request.rows {
        sizes.push(measure(cli, request, data.path(), &keys, rows)?);
    }
    let growth = growth(&sizes);
    let report = Report { machine, sizes, growth };
    std::fs::write(&request.out, serde_json::to_string_pretty(&report)? + "\n")?;
    print(&report, &mut std::io::stdout().lock())
}

/// Enrols one real person to be copied, and creates the keys.
fn prepare(cli: &Cli, data: &Path) -> Outcome<Keys> {
    let server = Server::start_with(&cli.aicp, &cli.models, data, &[])?;
    let token = std::fs::read_to_string(data.join("admin-token"))?;
    let mut connection = Connection::open(server.address)?;
    let picture = std::fs::read(cli.samples.join("people/obama/obama.jpg"))?;
    for (path, body) in [
        ("/aicp/face/addBase", json!({ "groupId": LIBRARY, "dbName": LIBRARY })),
        ("/aicp/face/add", json!({ "groupId": LIBRARY, "name": "Barack", "image": BASE64.encode(picture) })),
    ] {
        let answer = connection.call(&post(path, token.trim(), body.to_string().as_bytes()))?.body;
        if serde_json::from_slice::<Value>(&answer)?["flag"] != true {
            return Err(format!("{path}: {}", String::from_utf8_lossy(&answer)).into());
        }
    }
    let mut key = |kind: &str| -> Outcome<Value> {
        let body = json!({ "kind": kind }).to_string();
        let request = format!(
            "POST /api/v1/apps/{APP}/keys HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n{body}",
            token.trim(),
            body.len()
        );
        let Answer { status, body: answer, .. } = connection.call(request.as_bytes())?;
        if status == 201 { Ok(serde_json::from_slice(&answer)?) } else { Err(format!("no key: {status}").into()) }
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (jd, alibaba, im) = (key("jdcloud")?, key("alibaba")?, key("tencent-im")?);
    let sdkappid = im["sdkappid"].as_u64().ok_or("no sdkappid")?;
    let keys = Keys {
        jd: (text(&jd["accessKey"]), text(&jd["secretKey"])),
        alibaba: (text(&alibaba["accessKeyId"]), text(&alibaba["accessKeySecret"])),
        usersig: signing::usersig(sdkappid, &text(&im["key"]))?,
        sdkappid,
    };
    server.stop()?;
    Ok(keys)
}

fn measure(cli: &Cli, request: &Request, data: &Path, keys: &Keys, rows: usize) -> Outcome<Size> {
    let begun = Instant::now();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(copy_people(data, rows))?;
    let starting = Instant::now();
    let server = Server::start_with(&cli.aicp, &cli.models, data, &NO_RATE_LIMITS)?;
    let start_to_listening_s = starting.elapsed().as_secs_f64();
    let accounts = (rows / FRIENDS_PER_ACCOUNT).max(1);
    import_friends(server.address, keys, accounts)?;
    let fill_s = begun.elapsed().as_secs_f64();

    let total = request.clients * request.calls;
    let users = user_ids(server.address, keys, rows)?;
    let healthz: Vec<Vec<u8>> = vec![b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()];
    let (healthz, _) =
        run_clients("healthz", server.address, request.clients, total, &healthz, |body| body == b"ok\n")?;

    let mut calls = Vec::new();
    let mut ask = |name: &str, requests: Vec<Vec<u8>>, begins: &'static [u8]| -> Outcome<()> {
        let is_right = |body: &[u8]| body.starts_with(begins) && body.len() > 100;
        let (load, answer_bytes) = run_clients(name, server.address, request.clients, total, &requests, is_right)?;
        let of_healthz = load.timing.calls_per_second / healthz.timing.calls_per_second;
        calls.push(Call { load, answer_bytes, of_healthz });
        Ok(())
    };
    let accounts_asked = (0..MAX_QUERIED).map(|i| account(i * accounts.div_ceil(MAX_QUERIED).max(1) % accounts));
    let group_get = accounts_asked.clone().map(|from| json!({ "From_Account": from, "LastSequence": 0 }).to_string());
    let im = |body: String| signing::tencent_im(keys.sdkappid, &keys.usersig, "sns/group_get", &body);
    ask("group_get", group_get.map(im).collect(), b"{\"ResultItem\":[{")?;
    let with_friends = accounts_asked.map(|from| {
        json!({ "From_Account": from, "LastSequence": 0, "NeedFriend": "Need_Friend_Type_Yes" }).to_string()
    });
    ask("group_get with 100 friends", with_friends.map(im).collect(), b"{\"ResultItem\":[{")?;
    // Each call needs a nonce of its own.
    let (id, secret) = &keys.alibaba;
    let batches = (0..total).map(|call| {
        let parameters =
            (0..BATCH).map(|i| (format!("UserIdList.{}", i + 1), users[(call * 7 + i * 13) % users.len()].clone()));
        let mut parameters: Vec<(String, String)> = parameters.collect();
        parameters.push(("IsolationId".to_owned(), LIBRARY.to_owned()));
        signing::linkvisual(id, secret, rows + call, "QueryFaceUserBatch", &parameters)
    });
    ask("QueryFaceUserBatch, 50 ids", batches.collect::<Outcome<_>>()?, b"{\"RequestId\":")?;
    let (id, secret) = &keys.jd;
    let lists =
        (0..total).map(|call| signing::jdcloud(id, secret, rows + call, "/jdai/getFaceGroupList", "length=5&start=0"));
    ask("getFaceGroupList", lists.collect::<Outcome<_>>()?, b"{\"code\":\"10000\",\"status\":0,")?;
    server.stop()?;
    let database_bytes = std::fs::metadata(data.join("aicp.db"))?.len();
    Ok(Size { rows, fill_s, start_to_listening_s, database_bytes, healthz, calls })
}

/// Fills the library up to `rows` people: copies of the first person with picture and template.
async fn copy_people(data: &Path, rows: usize) -> Outcome<()> {
    let store = aicp_store_sqlite::open(data, Arc::new(SystemClock)).await?;
    let mut read = store.rows().await?;
    let library = read.library(APP, LIBRARY).await?.ok_or("no library")?;
    let first = read.people(library.id, Page::first(1)).await?.pop().ok_or("nobody")?;
    let face = read.faces_of(first.id).await?.pop().ok_or("no face")?;
    let there = usize::try_from(read.library_counts(library.id).await?.users)?;
    let now = SystemClock.now();
    let ids = Snowflakes::new(Node::default());
    if let Some(last) = read.last_ids().await?.file {
        ids.continue_after(last.into());
    }
    drop(read);
    let copies = (there..rows).map(|number| {
        let new = NewPerson {
            public_id: ids.next(now).into(),
            number: format!("{number:032x}"),
            external_id: Some(custom_id(number)),
            info: Some(r#"{"key1":"value1", "key2":"value2"}"#.to_owned()),
            profile: Profile { name: Some(format!("Tony {number}")), ..Profile::default() },
            tags: Vec::new(),
            created_at: now,
        };
        let copied = CopiedFace { face_id: face.id, file_id: ids.next(now).into() };
        let store = &store;
        let (from, to) = (first.id, library.id);
        store.write::<(), Error, _>(move |tx| {
            Box::pin(async move {
                let person = tx.insert_person(to, new).await?;
                tx.copy_faces(from, person.id, vec![copied]).await
            })
        })
    });
    let mut copying = stream::iter(copies).buffer_unordered(MAX_CONCURRENT_COPIES);
    while let Some(copied) = copying.next().await {
        copied?;
    }
    drop(copying);
    store.close().await?;
    Ok(())
}

fn custom_id(number: usize) -> String {
    format!("U{number}")
}

fn account(number: usize) -> String {
    format!("account{number}")
}

/// Gives each account friends among the others, in groups.
fn import_friends(server: SocketAddr, keys: &Keys, accounts: usize) -> Outcome<()> {
    let mut connection = Connection::open(server)?;
    let mut must = |command: &str, body: &Value| -> Outcome<()> {
        let request = signing::tencent_im(keys.sdkappid, &keys.usersig, command, &body.to_string());
        let answer = connection.call(&request)?.body;
        let is_ok = serde_json::from_slice::<Value>(&answer)?["ErrorCode"] == 0;
        if is_ok { Ok(()) } else { Err(format!("{command}: {}", String::from_utf8_lossy(&answer)).into()) }
    };
    let everybody: Vec<usize> = (0..accounts.max(FRIENDS_PER_ACCOUNT + 1)).collect();
    for some in everybody.chunks(100) {
        let ids: Vec<String> = some.iter().copied().map(account).collect();
        must("im_open_login_svc/multiaccount_import", &json!({ "Accounts": ids }))?;
    }
    for number in 0..accounts {
        let friends = (1..=FRIENDS_PER_ACCOUNT).map(|step| {
            json!({
                "To_Account": account((number + step) % everybody.len()),
                "AddSource": "AddSource_Type_Bench",
                "Remark": format!("friend {step}"),
                "GroupName": [format!("group{}", step % GROUPS_PER_ACCOUNT)],
            })
        });
        let body = json!({ "From_Account": account(number), "AddFriendItem": friends.collect::<Vec<_>>() });
        must("sns/friend_import", &body)?;
    }
    Ok(())
}

/// Returns the LinkVisual ids of people spread over the library.
fn user_ids(server: SocketAddr, keys: &Keys, rows: usize) -> Outcome<Vec<String>> {
    let (id, secret) = &keys.alibaba;
    let mut connection = Connection::open(server)?;
    let stride = rows.div_ceil(MAX_QUERIED).max(1);
    let mut ids = Vec::new();
    for number in (1..rows).step_by(stride) {
        let parameters =
            [("IsolationId".to_owned(), LIBRARY.to_owned()), ("CustomUserId".to_owned(), custom_id(number))];
        let action = "QueryFaceUserIdByCustomUserId";
        let request = signing::linkvisual(id, secret, 100_000_000 + rows + number, action, &parameters)?;
        let answer = connection.call(&request)?.body;
        let answer: Value = serde_json::from_slice(&answer)?;
        let user = answer["Data"]["UserId"].as_str().ok_or_else(|| format!("{action}: {answer}"))?;
        ids.push(user.to_owned());
    }
    Ok(ids)
}

/// Lets concurrent clients send these requests in rotation until `total` are sent. Returns the load and the size of an
/// answer.
fn run_clients(
    name: &str,
    server: SocketAddr,
    clients: usize,
    total: usize,
    requests: &[Vec<u8>],
    is_right: impl Fn(&[u8]) -> bool + Sync,
) -> Outcome<(Load, usize)> {
    let start = Barrier::new(clients + 1);
    let client = |index: usize| -> Outcome<(Vec<Duration>, usize, usize)> {
        let connection = Connection::open(server);
        start.wait();
        let mut connection = connection?;
        let (mut each, mut errors, mut bytes) = (Vec::with_capacity(total / clients), 0, 0);
        for call in (index..total).step_by(clients) {
            let request = &requests[call % requests.len()];
            let begun = Instant::now();
            let Answer { status, body: answer, .. } = connection.call(request)?;
            each.push(begun.elapsed());
            if status != 200 || !is_right(&answer) {
                if errors == 0 {
                    let shown = String::from_utf8_lossy(&answer[..answer.len().min(300)]).into_owned();
                    writeln!(std::io::stderr(), "wrong answer: {status} {shown}")?;
                }
                errors += 1;
            }
            bytes = answer.len();
        }
        Ok((each, errors, bytes))
    };
    let (outcomes, elapsed) = thread::scope(|scope| {
        let client = &client;
        let clients: Vec<_> = (0..clients).map(|index| scope.spawn(move || client(index))).collect();
        start.wait();
        let begun = Instant::now();
        let outcomes: Vec<_> = clients.into_iter().map(thread::ScopedJoinHandle::join).collect();
        (outcomes, begun.elapsed())
    });
    let (mut each, mut errors, mut bytes) = (Vec::new(), 0, 0);
    for outcome in outcomes {
        let (times, failed, size) = outcome.map_err(|_| "a client panicked")??;
        each.extend(times);
        errors += failed;
        bytes = size;
    }
    if errors > 0 {
        return Err(format!("{name}: {errors} wrong answers").into());
    }
    Ok((Load { clients, errors, timing: Timing::new(name, each, elapsed) }, bytes))
}

fn growth(sizes: &[Size]) -> Vec<Growth> {
    let (Some(first), Some(last)) = (sizes.first(), sizes.last()) else { return Vec::new() };
    let pairs = first.calls.iter().zip(&last.calls);
    pairs
        .map(|(small, large)| Growth {
            name: large.load.timing.name.clone(),
            p50_ratio: large.load.timing.p50_ms / small.load.timing.p50_ms,
        })
        .collect()
}

fn print(report: &Report, out: &mut impl Write) -> Outcome<()> {
    for size in &report.sizes {
        let healthz = &size.healthz.timing;
        writeln!(
            out,
            "{} rows: filled in {:.0} s, listening after {:.1} s, database {} MiB; healthz {:.0} calls/s",
            size.rows,
            size.fill_s,
            size.start_to_listening_s,
            size.database_bytes >> 20,
            healthz.calls_per_second
        )?;
        for call in &size.calls {
            let timing = &call.load.timing;
            writeln!(
                out,
                "  {:<28} p50 {:>7.3} ms  p99 {:>7.3} ms  {:>8.0} calls/s  {:.2} of healthz  {} bytes",
                timing.name, timing.p50_ms, timing.p99_ms, timing.calls_per_second, call.of_healthz, call.answer_bytes
            )?;
        }
    }
    for growth in &report.growth {
        writeln!(
            out,
            "{:<30} p50 at the largest size over that at the smallest: {:.2}",
            growth.name, growth.p50_ratio
        )?;
    }
    Ok(())
}
