//! `aicp bench gallery`: speed, exactness and memory use of the search in a library of any size.

mod exactness;
mod export;
mod libraries;
mod report;
mod subject;

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use self::exactness::check_exactness;
use self::export::export;
use self::libraries::search_many_libraries;
use self::report::{Batch, Report, TemplateSource, Writing};
use self::subject::Subject;
use crate::bandwidth::ReadBuffer;
use crate::exact;
use crate::machine::{Machine, Threads, resident_bytes};
use crate::templates::{DIMENSIONS, Kind, Templates};
use crate::timing::Timing;
use crate::{Error, Result};

/// People requested in every search.
const TOP_N: usize = 5;
/// Rows generated at a time.
const BLOCK: usize = 16_384;
/// Rounds that alternate searches and memory reads, so that a disturbance of the machine affects both.
const ROUNDS: usize = 10;
/// Memory passes per round, of which the best counts.
const PASSES: usize = 2;
/// Maximum size of the read buffer in bytes: larger than the caches, but still available beside a large gallery.
const MAX_BUFFER_BYTES: usize = 1 << 30;
/// Rows inserted and removed one by one to measure the time of a change.
const CHANGES: usize = 1000;
/// Time limit of the batch searches.
const BATCHES_TIME_LIMIT: Duration = Duration::from_secs(3);
/// Maximum number of batch searches.
const MAX_BATCHES: usize = 200;
/// Maximum number of probes for the timings; exactness uses all.
const MAX_TIMED_PROBES: usize = 2000;

/// What to measure.
#[derive(Debug, Args)]
pub struct Request {
    /// People in the library, a template each
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = at_least_one)]
    pub people: usize,
    /// Threads that search [default: one a core]
    #[arg(long, value_name = "T")]
    pub threads: Option<Threads>,
    /// Probes to look for
    #[arg(long, value_name = "Q", default_value_t = 1000, value_parser = at_least_one)]
    pub probes: usize,
    /// Probes that are looked for together
    #[arg(long, value_name = "B", default_value_t = 64, value_parser = at_least_one)]
    pub batch: usize,
    /// What all templates and probes are made from
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Probes that are compared with every template in single precision, to see whether what was found is right
    /// [default: all]
    #[arg(long, value_name = "M")]
    pub verify: Option<usize>,
    /// Insertions and removals in a second while it is searched; 0 for none
    #[arg(long, value_name = "W", default_value_t = 1000)]
    pub writes_per_second: u32,
    /// Seconds that it is searched while it is written, and as long while it is not
    #[arg(long, value_name = "S", default_value_t = 10)]
    pub writing_seconds: u32,
    /// Take random directions, which embeddings of faces are not, for templates
    #[arg(long)]
    pub random: bool,
    /// Templates from which rotated heads are stored in memory instead of whole templates; 0: never
    #[arg(long, value_name = "N", default_value_t = 16_384)]
    pub large_library_faces: usize,
    /// Then search this many libraries of 100 people each in one call; 0 for none
    #[arg(long, value_name = "L", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=100_000))]
    pub libraries: u32,
    /// Write templates, probes and the nearest templates of each into this folder, for other programs
    #[arg(long, value_name = "DIR")]
    pub export: Option<PathBuf>,
    /// Then search as lines of standard input say, for a comparison in turns with another program
    #[arg(long, hide = true)]
    pub in_turns: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

fn at_least_one(text: &str) -> std::result::Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(e) => Err(format!("{e}")),
    }
}

/// Runs the measurement and writes the results to `out`.
///
/// # Errors
/// [`Error`] if pictures cannot be read, or memory or threads are not available.
pub fn run(request: &Request, out: &mut impl Write) -> Result<()> {
    let machine = Machine::here()?;
    let threads = request.threads.map_or_else(thread::available_parallelism, Ok)?;
    let kind = if request.random { Kind::Random } else { Kind::Faces };
    let templates = Templates::new(request.seed, request.people, kind);
    let probes: Vec<Vec<f32>> = (0..request.probes).map(|number| templates.probe(number)).collect();

    let subject = Subject::new(threads, templates, request.large_library_faces)?;
    let filled = fill(&subject, &templates, threads)?;
    let timed = &probes[..probes.len().min(MAX_TIMED_PROBES)];
    let alone = search_and_read(&subject, timed, threads)?;
    let together = search_by_threads(&subject, timed, threads, alone.search.p50_ms)?;
    let batch = search_batches(&subject, timed, request.batch, alone.search.p50_ms)?;
    let (insert_us, remove_us) = change(&subject, &templates)?;
    let writing = search_while_written(&subject, &templates, timed, request)?;

    let libraries = match request.libraries {
        0 => None,
        libraries => Some(search_many_libraries(libraries as usize, &templates, timed, threads)?),
    };

    let verified = request.verify.unwrap_or(probes.len()).min(probes.len());
    let begun = Instant::now();
    let nearest = exact::nearest(&templates, &probes[..verified], threads)?;
    let exactness = check_exactness(&subject, &templates, &probes[..verified], &nearest, begun.elapsed())?;
    if let Some(folder) = &request.export {
        export(folder, &templates, &probes, &nearest, threads)?;
    }
    let report = Report {
        machine,
        people: request.people,
        dimensions: DIMENSIONS,
        threads: threads.get(),
        probes: request.probes,
        templates: TemplateSource { seed: request.seed, kind: templates.kind() },
        rotated: subject.is_rotated(),
        kernel: subject.kernel().to_owned(),
        load_s: filled.load_s,
        memory_bytes: filled.memory_bytes,
        bytes_per_template: filled.memory_bytes as f64 / request.people as f64,
        bytes_scanned: subject.bytes_scanned(),
        read_bandwidth_bytes_per_s: alone.bandwidth,
        read_bandwidth_all_threads_bytes_per_s: alone.bandwidth_all_threads,
        scan_bytes_per_s: subject.bytes_scanned() as f64 / alone.search.p50_ms * 1000.0,
        scan_fraction_of_bandwidth: alone.fraction,
        search: alone.search,
        search_by_threads: together,
        batch,
        recall: exactness.all,
        exactness,
        insert_us,
        remove_us,
        writing,
        libraries,
    };
    report.write(request.json, out)?;
    if request.in_turns {
        out.flush()?;
        answer_commands(&subject, timed, std::io::stdin().lock(), out)?;
    }
    Ok(())
}

struct Filled {
    load_s: f64,
    memory_bytes: u64,
}

/// Inserts all rows; the time to generate them is not counted.
fn fill(subject: &Subject, templates: &Templates, threads: Threads) -> Result<Filled> {
    let mut rows = vec![1.0; BLOCK.min(templates.people()) * DIMENSIONS];
    // Builds the table of the normal distribution before memory is measured.
    templates.rows(0, &mut rows, threads);
    let before = resident_bytes()?;
    let mut loading = Duration::ZERO;
    for first in (0..templates.people()).step_by(BLOCK) {
        let rows = &mut rows[..BLOCK.min(templates.people() - first) * DIMENSIONS];
        templates.rows(first, rows, threads);
        let begun = Instant::now();
        subject.extend(first, rows)?;
        loading += begun.elapsed();
    }
    if subject.len() != templates.people() {
        return Err(Error::Request(format!("{} templates instead of {}", subject.len(), templates.people())));
    }
    let memory_bytes = resident_bytes()?.saturating_sub(before);
    Ok(Filled { load_s: loading.as_secs_f64(), memory_bytes })
}

struct SingleSearches {
    search: Timing,
    bandwidth: f64,
    bandwidth_all_threads: f64,
    /// Median over the rounds of the round's scan rate (at its median search) divided by its bandwidth.
    fraction: f64,
}

/// Searches one by one on this thread, alternating with reads of as much memory as a search reads.
fn search_and_read(subject: &Subject, probes: &[Vec<f32>], threads: Threads) -> Result<SingleSearches> {
    let buffer = ReadBuffer::new(subject.bytes_scanned().min(MAX_BUFFER_BYTES))?;
    for probe in probes.iter().take(5) {
        subject.search(probe, TOP_N)?;
    }
    let (mut times, mut fractions) = (Vec::new(), Vec::new());
    let (mut one, mut all) = (Vec::new(), 0.0f64);
    for probes in probes.chunks(probes.len().div_ceil(ROUNDS)) {
        let bandwidth = buffer.read(Threads::MIN, PASSES)?;
        one.push(bandwidth);
        all = all.max(buffer.read(threads, 1)?);
        let mut round = Vec::with_capacity(probes.len());
        for probe in probes {
            let begun = Instant::now();
            std::hint::black_box(subject.search(probe, TOP_N)?);
            round.push(begun.elapsed());
        }
        times.extend_from_slice(&round);
        round.sort_unstable();
        let median = round[round.len() / 2].as_secs_f64();
        fractions.push(subject.bytes_scanned() as f64 / median / bandwidth);
    }
    let elapsed = times.iter().sum();
    Ok(SingleSearches {
        search: Timing::new("search", times, elapsed),
        bandwidth: one.iter().copied().fold(0.0, f64::max),
        bandwidth_all_threads: all,
        fraction: median(fractions),
    })
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(0.0)
}

/// Searches with all threads: one probe at a time, then with two probes per thread in flight.
fn search_by_threads(
    subject: &Subject,
    probes: &[Vec<f32>],
    threads: Threads,
    alone_ms: f64,
) -> Result<report::ByThreads> {
    let one_at_a_time = search_in_flight("one at a time, all threads", subject, probes, 1)?;
    let in_flight = 2 * threads.get();
    let many = search_in_flight(&format!("{in_flight} at a time, all threads"), subject, probes, in_flight)?;
    Ok(report::ByThreads { times_one_thread: alone_ms / one_at_a_time.p50_ms, one_at_a_time, in_flight, many })
}

/// Passes probes to the search threads, keeping this many in flight.
fn search_in_flight(name: &str, subject: &Subject, probes: &[Vec<f32>], in_flight: usize) -> Result<Timing> {
    let asked: Vec<&Vec<f32>> = probes.iter().cycle().take(probes.len().max(2 * in_flight)).collect();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let client = || -> Result<Vec<Duration>> {
        let (sender, answers) = mpsc::channel();
        let mut times = Vec::new();
        while let Some(probe) = asked.get(next.fetch_add(1, Ordering::Relaxed)) {
            let begun = Instant::now();
            subject.begin(Vec::clone(probe), TOP_N, sender.clone())?;
            let found = answers.recv().map_err(|_| Error::Request("a search was not answered".to_owned()))??;
            times.push(begun.elapsed());
            std::hint::black_box(found);
        }
        Ok(times)
    };
    let begun = Instant::now();
    let outcomes: Vec<_> = thread::scope(|scope| {
        let clients: Vec<_> = (0..in_flight).map(|_| scope.spawn(client)).collect();
        clients.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    let elapsed = begun.elapsed();
    let mut times = Vec::new();
    for outcome in outcomes {
        times.extend(outcome.map_err(|_| Error::Request("a client ended early".to_owned()))??);
    }
    Ok(Timing::new(name, times, elapsed))
}

/// Searches batches of probes on this thread.
fn search_batches(subject: &Subject, probes: &[Vec<f32>], size: usize, alone_ms: f64) -> Result<Batch> {
    let mut times = Vec::new();
    let begun = Instant::now();
    let mut probes = probes.iter().map(Vec::as_slice).cycle();
    while times.len() < 5 || (begun.elapsed() < BATCHES_TIME_LIMIT && times.len() < MAX_BATCHES) {
        let together: Vec<&[f32]> = probes.by_ref().take(size).collect();
        let begun = Instant::now();
        std::hint::black_box(subject.search_many(&together, TOP_N)?);
        times.push(begun.elapsed());
    }
    let elapsed = times.iter().sum();
    let timing = Timing::new("batch", times, elapsed);
    let probes_per_second = size as f64 / timing.p50_ms * 1000.0;
    Ok(Batch { size, timing, probes_per_second, times_one_by_one: probes_per_second * alone_ms / 1000.0 })
}

/// Returns the median time of an insertion and of a removal, in microseconds, at this size.
fn change(subject: &Subject, templates: &Templates) -> Result<(f64, f64)> {
    let (mut inserting, mut removing) = (Vec::with_capacity(CHANGES), Vec::with_capacity(CHANGES));
    let mut vector = vec![0.0; DIMENSIONS];
    for number in 0..CHANGES {
        templates.row(templates.people() + number, &mut vector);
        let begun = Instant::now();
        subject.insert(templates.people() + number, &vector)?;
        inserting.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    for number in 0..CHANGES {
        let begun = Instant::now();
        subject.remove(templates.people() + number);
        removing.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    Ok((median(inserting), median(removing)))
}

/// Searches on this thread, alternately with and without a concurrent writer.
fn search_while_written(
    subject: &Subject,
    templates: &Templates,
    probes: &[Vec<f32>],
    request: &Request,
) -> Result<Option<Writing>> {
    let Request { writes_per_second, writing_seconds, .. } = *request;
    if writes_per_second == 0 {
        return Ok(None);
    }
    let rounds = ROUNDS as u32 / 2;
    let time = Duration::from_secs(writing_seconds.into()) / rounds;
    let (mut idle, mut written, mut writes) = (Vec::new(), Vec::new(), 0);
    let mut probes = probes.iter().cycle();
    let mut phase = |times: &mut Vec<Duration>| -> Result<Duration> {
        let begun = Instant::now();
        // At least one search, however long it takes.
        for probe in probes.by_ref() {
            let searching = Instant::now();
            std::hint::black_box(subject.search(probe, TOP_N)?);
            times.push(searching.elapsed());
            if begun.elapsed() >= time {
                break;
            }
        }
        Ok(begun.elapsed())
    };
    let mut written_for = Duration::ZERO;
    for _ in 0..rounds {
        phase(&mut idle)?;
        let stop = AtomicBool::new(false);
        writes += thread::scope(|scope| -> Result<usize> {
            let writer = scope.spawn(|| write(subject, templates, writes_per_second, &stop));
            let searched = phase(&mut written);
            // Stops the writer even after an error; otherwise it would run for ever.
            stop.store(true, Ordering::Relaxed);
            let writes = writer.join().map_err(|_| Error::Request("the writing thread ended early".to_owned()))??;
            written_for += searched?;
            Ok(writes)
        })?;
    }
    let timing = |name: &str, times: Vec<Duration>| {
        let elapsed = times.iter().sum();
        Timing::new(name, times, elapsed)
    };
    let (idle, search) = (timing("idle", idle), timing("while written", written));
    Ok(Some(Writing {
        writes_per_second: writes as f64 / written_for.as_secs_f64(),
        p99_ratio: search.p99_ms / idle.p99_ms,
        p50_ratio: search.p50_ms / idle.p50_ms,
        idle,
        search,
    }))
}

/// Alternately removes and inserts a row, evenly spread over time; returns the number of writes.
fn write(subject: &Subject, templates: &Templates, writes_per_second: u32, stop: &AtomicBool) -> Result<usize> {
    let mut vector = vec![0.0; DIMENSIONS];
    let begun = Instant::now();
    let mut writes = 0;
    while !stop.load(Ordering::Relaxed) {
        let due = begun + Duration::from_secs(1) / writes_per_second * writes as u32;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        // Removes a pseudo-random row of the library; the next write inserts it again.
        let row = writes / 2 * 7919 % templates.people();
        if writes % 2 == 0 {
            subject.remove(row);
        } else {
            templates.row(row, &mut vector);
            subject.insert(row, &vector)?;
        }
        writes += 1;
    }
    if writes % 2 == 1 {
        let row = writes / 2 * 7919 % templates.people();
        templates.row(row, &mut vector);
        subject.insert(row, &vector)?;
    }
    Ok(writes)
}

/// Answers each line `alone N` or `together N B` with a line of JSON: the times, in milliseconds, of N searches for one
/// probe or for B probes at once.
fn answer_commands(
    subject: &Subject,
    probes: &[Vec<f32>],
    orders: impl std::io::Read,
    out: &mut impl Write,
) -> Result<()> {
    let mut probes = probes.iter().map(Vec::as_slice).cycle();
    for line in BufReader::new(orders).lines() {
        let line = line?;
        let mut words = line.split_whitespace();
        let (order, mut number) = (words.next(), || words.next().and_then(|word| word.parse::<usize>().ok()));
        let times = number().unwrap_or(1);
        let size = if order == Some("together") { number().unwrap_or(1) } else { 1 };
        let mut each_ms = Vec::with_capacity(times);
        for _ in 0..times {
            let together: Vec<&[f32]> = probes.by_ref().take(size).collect();
            let begun = Instant::now();
            std::hint::black_box(subject.search_many(&together, TOP_N)?);
            each_ms.push(begun.elapsed().as_secs_f64() * 1000.0);
        }
        writeln!(out, "{}", serde_json::to_string(&each_ms)?)?;
        out.flush()?;
    }
    Ok(())
}
