//! Benchmark of a large import: its throughput over the capacity of the workers, and what kills do to it.
//!
//! The workers alone, without store and HTTP, do what they do in an enrolment: decode, detect, examine, embed. They
//! alternate with the import of the same pictures by the real server, whose job is paused meanwhile, so that a
//! disturbance of the machine affects both. A second import is not paused, but killed twice.

mod archive;
mod check;
mod pictures;

use std::fs::File;
use std::io::Write;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use aicp_measure::{Answer, Connection, Machine, Server, cpu_seconds};
use aicp_vision::{Biometrics, Examination, ModelPaths, Photo, PoolSize, Priority, Request as Wanted, Terms, Vision};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{Cli, Outcome};
use archive::{Archive, Entry, MAX_FILES};
use pictures::{NOT_RECOGNISABLE, Portraits};

/// Pictures in progress per worker in the measurement of the capacity, so that no worker waits for one.
const PICTURES_PER_WORKER: usize = 4;
/// Interval at which the progress is read.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// Time without progress after which a paused job has nothing under way.
const SETTLE_TIME: Duration = Duration::from_secs(1);
/// Interval at which the progress is printed.
const PRINT_INTERVAL: Duration = Duration::from_secs(5);
/// Duration without progress after which the import counts as stuck.
const MAX_STANDSTILL: Duration = Duration::from_secs(60);
/// Parts of the import after which the server is killed, of this many.
const KILLS: [u64; 2] = [1, 2];
const PARTS: u64 = 3;

/// Rounds in which the import and the workers alone alternate.
const ROUNDS: usize = 10;
/// Files that the workers alone process in a round, at most.
const FILES_OF_ROUND: usize = 300;

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Request {
    /// Files of the archive
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(10..=MAX_FILES))]
    pictures: u64,
    /// One of so many can't be enrolled
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u64).range(2..))]
    reject_every: u64,
    /// Width of a picture in pixels
    #[arg(long, value_name = "N", default_value_t = 480, value_parser = clap::value_parser!(u16).range(112..=4000))]
    width: u16,
    /// Height of a picture in pixels
    #[arg(long, value_name = "N", default_value_t = 640, value_parser = clap::value_parser!(u16).range(112..=4000))]
    height: u16,
    /// Leave out the import that is killed
    #[arg(long)]
    no_kills: bool,
    /// Where the numbers go, as JSON
    #[arg(long, value_name = "FILE", default_value = "bench/results/import.json")]
    out: PathBuf,
}

#[derive(Serialize)]
struct Report {
    machine: Machine,
    workers: usize,
    files: usize,
    people: usize,
    rejects: usize,
    /// Number of real people of whom the pictures are made.
    faces_of_samples: usize,
    width: u16,
    height: u16,
    archive_bytes: u64,
    /// The workers alone, in all rounds.
    capacity: Rate,
    /// The import, in all rounds.
    import: Rate,
    upload_s: f64,
    peak_memory_bytes: u64,
    /// Files per second of the import over those of the workers alone, in each round.
    rounds: Vec<f64>,
    /// Median of the rounds.
    of_capacity: f64,
    /// Processor time of a file with the workers alone over that of the import: what `of_capacity` would be if the import
    /// never left a core idle.
    of_capacity_by_processor_time: f64,
    killed: Option<Killed>,
}

/// How fast files were processed.
#[derive(Serialize)]
struct Rate {
    files: u64,
    seconds: f64,
    files_per_second: f64,
    /// Processor time of all threads.
    processor_ms_per_file: f64,
}

/// A stretch of work.
#[derive(Default)]
struct Work {
    files: u64,
    seconds: f64,
    processor_s: f64,
}

impl Work {
    fn add(&mut self, other: &Self) {
        self.files += other.files;
        self.seconds += other.seconds;
        self.processor_s += other.processor_s;
    }

    fn files_per_second(&self) -> f64 {
        self.files as f64 / self.seconds
    }

    fn rate(&self) -> Rate {
        Rate {
            files: self.files,
            seconds: self.seconds,
            files_per_second: self.files_per_second(),
            processor_ms_per_file: self.processor_s / self.files as f64 * 1000.0,
        }
    }
}

#[derive(Serialize)]
struct Killed {
    /// Files that were reported when the server was killed, each time.
    killed_at: Vec<u64>,
    /// Time until the server listened again.
    restart_s: Vec<f64>,
    /// Pictures that were enrolled but not yet reported when the server was killed; they were not enrolled again.
    known_after_kills: usize,
}

/// Makes the archive, measures the capacity and the import, and kills a second import.
pub fn run(cli: &Cli, request: &Request) -> Outcome<()> {
    let machine = Machine::here()?;
    let folder = tempfile::tempdir()?;
    let workers = thread::available_parallelism()?;
    let queue = workers.saturating_mul(NonZeroUsize::MIN.saturating_add(100));
    let models = ModelPaths { folder: cli.models.clone(), runtime: None };
    let start = || Vision::start(&models, PoolSize { workers, queue });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut log = std::io::stderr();

    // Workers of their own: after a caller's picture, those of the measurement would keep one free for callers.
    let portraits = runtime.block_on(Portraits::cut(&start()?, &cli.samples, request.width, request.height))?;
    let mut made = Archive::make(folder.path(), &portraits, request.pictures, request.reject_every, workers)?;
    writeln!(log, "{} files, {} MiB", made.entries.len(), made.bytes >> 20)?;

    let vision = start()?;
    let Measured { import, capacity, rounds, upload_s, peak_memory_bytes } =
        alternate(cli, folder.path(), &mut made, |archive, files| {
            runtime.block_on(work_alone(&vision, archive, files, workers))
        })?;
    let killed = if request.no_kills { None } else { Some(killed(cli, folder.path(), &made)?) };

    let (import, capacity) = (import.rate(), capacity.rate());
    let report = Report {
        workers: workers.get(),
        files: made.entries.len(),
        people: made.people().len(),
        rejects: made.rejects(),
        faces_of_samples: portraits.people(),
        width: request.width,
        height: request.height,
        archive_bytes: made.bytes,
        upload_s,
        peak_memory_bytes,
        of_capacity: median(&rounds),
        of_capacity_by_processor_time: capacity.processor_ms_per_file / import.processor_ms_per_file,
        rounds,
        capacity,
        machine,
        import,
        killed,
    };
    std::fs::write(&request.out, serde_json::to_string_pretty(&report)? + "\n")?;
    print(&report, &mut std::io::stdout().lock())
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => sorted[odd / 2],
        even => f64::midpoint(sorted[even / 2 - 1], sorted[even / 2]),
    }
}

/// Outcome of a file if the workers alone process it: its index, and the code with which it is refused.
type Judged = (usize, Option<&'static str>);

/// Lets the workers alone do what they do in an enrolment of each of these files.
async fn work_alone(
    vision: &Vision,
    archive: &Archive,
    files: Range<usize>,
    workers: NonZeroUsize,
) -> Outcome<(Work, Vec<Judged>)> {
    // As a job of the platform.
    let terms = Terms { priority: Priority::Own, ..Terms::default() };
    let wanted = Wanted::ENROLMENT.examined(Examination::QUALITY);
    // The archive's checksum is not theirs to check.
    let files: Vec<(usize, &Entry)> =
        files.map(|index| (index, &archive.entries[index])).filter(|(_, entry)| !entry.has_wrong_checksum).collect();
    let looks = files.iter().map(|(index, entry)| async move {
        let bytes = archive.read(entry)?.into();
        let refused = match vision.look(Photo { bytes, terms }, wanted).await {
            Ok(look) => match look.faces.first().map(|face| face.check_enrolment(terms)) {
                None => Some("noFace"),
                Some(Err(_)) => Some(NOT_RECOGNISABLE),
                Some(Ok(())) => None,
            },
            Err(e) if e.is_bad_picture() => Some("pictureNotReadable"),
            Err(e) => return Err(format!("{}: {e}", entry.name).into()),
        };
        Outcome::Ok((*index, refused))
    });
    let (begun, processor) = (Instant::now(), cpu_seconds(std::process::id())?);
    let concurrent = workers.get() * PICTURES_PER_WORKER;
    let judged: Vec<Judged> = stream::iter(looks).buffer_unordered(concurrent).try_collect().await?;
    let seconds = begun.elapsed().as_secs_f64();
    let processor_s = cpu_seconds(std::process::id())? - processor;
    Ok((Work { files: files.len() as u64, seconds, processor_s }, judged))
}

/// A job of a running server.
struct Running {
    connection: Connection,
    token: String,
    library: String,
    job: String,
}

impl Running {
    /// Connects to another process that serves the same data.
    fn reconnect(&mut self, server: &Server) -> Outcome<()> {
        self.connection = Connection::open(server.address)?;
        Ok(())
    }

    fn job(&mut self) -> Outcome<Value> {
        let path = format!("/api/v1/jobs/{}", self.job);
        self.get(&path)
    }

    /// Pauses or resumes the job.
    fn act(&mut self, action: &str) -> Outcome<()> {
        let path = format!("/api/v1/jobs/{}/{action}", self.job);
        let request = [head("POST", &path, &self.token, "application/json", 2), b"{}".to_vec()].concat();
        json_of(&path, &self.connection.call(&request)?, 200).map(drop)
    }

    /// Waits until nothing is under way. Returns the number of files that the job reports.
    fn settled(&mut self) -> Outcome<u64> {
        let mut seen = reported(&self.job()?);
        loop {
            thread::sleep(SETTLE_TIME);
            let now = reported(&self.job()?);
            if now == seen {
                return Ok(now);
            }
            seen = now;
        }
    }

    fn get(&mut self, path: &str) -> Outcome<Value> {
        let head = head("GET", path, &self.token, "application/json", 0);
        json_of(path, &self.connection.call(&head)?, 200)
    }
}

fn head(method: &str, path: &str, token: &str, content_type: &str, length: u64) -> Vec<u8> {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: {content_type}\r\n\
         Content-Length: {length}\r\n\r\n"
    )
    .into_bytes()
}

fn json_of(path: &str, answer: &Answer, status: u16) -> Outcome<Value> {
    if answer.status != status {
        return Err(format!("{path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body)).into());
    }
    Ok(serde_json::from_slice(&answer.body)?)
}

fn start(cli: &Cli, data: &Path) -> Outcome<Server> {
    Ok(Server::start_with(&cli.aicp, &cli.models, data, &[])?)
}

/// Creates a library and uploads the archive.
fn upload(server: &Server, data: &Path, archive: &Archive) -> Outcome<Running> {
    let token = std::fs::read_to_string(data.join("admin-token"))?.trim().to_owned();
    let mut connection = Connection::open(server.address)?;
    let (path, body) = ("/api/v1/libraries", json!({ "name": "import" }).to_string());
    let request = [head("POST", path, &token, "application/json", body.len() as u64), body.into_bytes()].concat();
    let library = id_of(&json_of(path, &connection.call(&request)?, 201)?)?;
    let path = format!("/api/v1/libraries/{library}/imports");
    let head = head("POST", &path, &token, "application/zip", archive.bytes);
    let answer = connection.upload(&head, &mut File::open(&archive.path)?)?;
    let job = id_of(&json_of(&path, &answer, 201)?)?;
    Ok(Running { connection, token, library, job })
}

fn id_of(value: &Value) -> Outcome<String> {
    Ok(value["id"].as_str().ok_or_else(|| format!("no id: {value}"))?.to_owned())
}

/// Number of files that a job reports.
fn reported(job: &Value) -> u64 {
    job["done"].as_u64().unwrap_or(0) + job["failed"].as_u64().unwrap_or(0)
}

/// Follows the progress and prints it, until the job has ended or reports so many files. Returns the job.
fn follow(running: &mut Running, until: u64) -> Outcome<Value> {
    let (mut last, mut moved) = (running.job()?, Instant::now());
    let (mut printed, mut printed_at) = (reported(&last), Instant::now());
    loop {
        let seen = reported(&last);
        if last["state"] == "done" || seen >= until {
            return Ok(last);
        }
        if !["queued", "running"].contains(&last["state"].as_str().unwrap_or_default()) {
            return Err(format!("the job does not run: {last}").into());
        }
        if moved.elapsed() > MAX_STANDSTILL {
            return Err(format!("the job stands still: {last}").into());
        }
        if printed_at.elapsed() >= PRINT_INTERVAL {
            let rate = (seen - printed) as f64 / printed_at.elapsed().as_secs_f64();
            writeln!(
                std::io::stderr(),
                "  {} of {}: {} done, {} failed, {rate:.1} files/s",
                seen,
                last["total"],
                last["done"],
                last["failed"]
            )?;
            (printed, printed_at) = (seen, Instant::now());
        }
        thread::sleep(LOOK_INTERVAL);
        let now = running.job()?;
        if reported(&now) < seen {
            return Err(format!("the progress went back from {seen}: {now}").into());
        }
        if reported(&now) > seen || now["total"] != last["total"] {
            moved = Instant::now();
        }
        last = now;
    }
}

/// What the rounds have measured.
struct Measured {
    import: Work,
    capacity: Work,
    rounds: Vec<f64>,
    upload_s: f64,
    peak_memory_bytes: u64,
}

/// Imports the archive in rounds, between which the job is paused and `alone` processes some of the files of the round.
fn alternate(
    cli: &Cli,
    folder: &Path,
    archive: &mut Archive,
    alone: impl Fn(&Archive, Range<usize>) -> Outcome<(Work, Vec<Judged>)>,
) -> Outcome<Measured> {
    let data = folder.join("data");
    let server = start(cli, &data)?;
    let begun = Instant::now();
    let mut running = upload(&server, &data, archive)?;
    let upload_s = begun.elapsed().as_secs_f64();
    let files = archive.entries.len();
    let (mut import, mut capacity) = (Work::default(), Work::default());
    let (mut rounds, mut judged) = (Vec::new(), Vec::new());
    // The first round includes the listing, each the time until the workers are busy again.
    let mut seen = 0;
    for round in 1..=ROUNDS {
        let (begun, processor) = (Instant::now(), cpu_seconds(server.process())?);
        if round > 1 {
            running.act("resume")?;
        }
        // The last round includes the end of the job.
        let until = if round == ROUNDS { u64::MAX } else { (files * round / ROUNDS) as u64 };
        let job = follow(&mut running, until)?;
        let seconds = begun.elapsed().as_secs_f64();
        let processor_s = cpu_seconds(server.process())? - processor;
        let imported = Work { files: reported(&job) - seen, seconds, processor_s };
        if job["state"] != "done" {
            running.act("pause")?;
        }
        // What was under way counts in no round.
        seen = running.settled()?;
        let first = files * (round - 1) / ROUNDS;
        let (worked, more) = alone(archive, first..(first + FILES_OF_ROUND).min(files * round / ROUNDS))?;
        judged.extend(more);
        rounds.push(imported.files_per_second() / worked.files_per_second());
        import.add(&imported);
        capacity.add(&worked);
        writeln!(
            std::io::stderr(),
            "{seen} of {files}: import {:.1} files/s, workers alone {:.1}",
            imported.files_per_second(),
            worked.files_per_second()
        )?;
    }
    let job = running.job()?;
    check::adopt_unrecognisable(&mut running, archive)?;
    check::import(&mut running, &job, archive)?;
    for (index, refused) in judged {
        let entry = &archive.entries[index];
        if entry.refused != refused {
            return Err(format!("{}: {:?}, by the workers alone {refused:?}", entry.name, entry.refused).into());
        }
    }
    let peak_memory_bytes = server.peak_memory_bytes()?;
    server.stop()?;
    std::fs::remove_dir_all(&data)?;
    Ok(Measured { import, capacity, rounds, upload_s, peak_memory_bytes })
}

/// Imports the archive and kills the server in between.
fn killed(cli: &Cli, folder: &Path, archive: &Archive) -> Outcome<Killed> {
    let data = folder.join("data-killed");
    let mut server = start(cli, &data)?;
    let mut running = upload(&server, &data, archive)?;
    let (mut killed_at, mut restart_s) = (Vec::new(), Vec::new());
    let files = archive.entries.len() as u64;
    for part in KILLS {
        let job = follow(&mut running, files * part / PARTS)?;
        let seen = reported(&job);
        if job["state"] == "done" {
            return Err("the import ended before the server could be killed: ask for more pictures".into());
        }
        // By SIGKILL.
        drop(server);
        let begun = Instant::now();
        server = start(cli, &data)?;
        restart_s.push(begun.elapsed().as_secs_f64());
        running.reconnect(&server)?;
        let job = running.job()?;
        if reported(&job) < seen {
            return Err(format!("{seen} files were reported before the kill: {job}").into());
        }
        writeln!(std::io::stderr(), "  killed at {seen} files, goes on at {}", reported(&job))?;
        killed_at.push(seen);
    }
    let job = follow(&mut running, u64::MAX)?;
    let known_after_kills = check::import(&mut running, &job, archive)?;
    server.stop()?;
    std::fs::remove_dir_all(&data)?;
    Ok(Killed { killed_at, restart_s, known_after_kills })
}

fn print(report: &Report, out: &mut impl Write) -> Outcome<()> {
    let Report { files, people, rejects, width, height, workers, .. } = report;
    writeln!(out, "{}", report.machine.line())?;
    writeln!(
        out,
        "{files} files of {width}x{height}, {people} people, {rejects} rejects, {} MiB; {workers} workers",
        report.archive_bytes >> 20
    )?;
    for (name, rate) in [("workers alone", &report.capacity), ("import", &report.import)] {
        let Rate { files, seconds, files_per_second, processor_ms_per_file } = rate;
        writeln!(
            out,
            "{name:<14} {files:>7} files {seconds:>7.1} s {files_per_second:>8.1} files/s {processor_ms_per_file:>7.2} ms of \
             processor time a file"
        )?;
    }
    writeln!(
        out,
        "import over workers alone: {:.3} (by processor time {:.3}); upload {:.1} s; peak memory {} MiB",
        report.of_capacity,
        report.of_capacity_by_processor_time,
        report.upload_s,
        report.peak_memory_bytes >> 20
    )?;
    writeln!(out, "every person, face and reject as expected, none twice")?;
    if let Some(Killed { killed_at, restart_s, known_after_kills }) = &report.killed {
        writeln!(
            out,
            "killed at {killed_at:?} files, listening again after {restart_s:.1?} s: the same; {known_after_kills} pictures were \
             enrolled but not yet reported"
        )?;
    }
    Ok(())
}
