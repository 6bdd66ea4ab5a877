//! One search in many small libraries.

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use aicp_gallery::{Gallery, Scanner, SearchAll};
use serde::Serialize;

use super::subject::entry;
use super::{BLOCK, TOP_N};
use crate::machine::Threads;
use crate::templates::{DIMENSIONS, Templates};
use crate::timing::Timing;
use crate::{Error, Result};

/// People in each of the libraries.
const PEOPLE: usize = 100;
/// Time limit of the searches.
const TIME_LIMIT: Duration = Duration::from_secs(3);

/// Searches of all libraries in one call, by all threads.
#[derive(Debug, Serialize)]
pub struct ManyLibraries {
    pub libraries: usize,
    pub people_each: usize,
    #[serde(flatten)]
    pub timing: Timing,
    /// Bytes that one search reads, apart from the rows that are compared in full.
    pub bytes_scanned: usize,
    /// Bytes read per second, at the median.
    pub scan_bytes_per_s: f64,
}

/// Fills libraries with the first rows, and searches all of them for each probe.
pub fn search_many_libraries(
    libraries: usize,
    templates: &Templates,
    probes: &[Vec<f32>],
    threads: Threads,
) -> Result<ManyLibraries> {
    let mut galleries = Vec::with_capacity(libraries);
    let mut rows = vec![0.0; BLOCK / PEOPLE * PEOPLE * DIMENSIONS];
    while galleries.len() < libraries {
        let first = galleries.len() * PEOPLE;
        templates.rows(first, &mut rows, threads);
        for (number, rows) in rows.chunks_exact(PEOPLE * DIMENSIONS).take(libraries - galleries.len()).enumerate() {
            let gallery = Gallery::new(DIMENSIONS);
            let numbered = rows.chunks_exact(DIMENSIONS).enumerate();
            gallery.extend(numbered.map(|(row, vector)| (entry(first + number * PEOPLE + row), vector)))?;
            galleries.push(Arc::new(gallery));
        }
    }
    let bytes_scanned: usize = galleries.iter().map(|gallery| gallery.bytes_scanned()).sum();
    let scanner = Scanner::start(threads)?;
    let begun = Instant::now();
    let mut times = Vec::new();
    for probe in probes.iter().cycle() {
        let (sender, answer) = mpsc::channel();
        let search = SearchAll { probes: vec![probe.clone()], top_n: TOP_N, above: f32::NEG_INFINITY, filter: None };
        let searching = Instant::now();
        // The receiver waits for the answer.
        scanner.search_all(galleries.clone(), search, move |found| drop(sender.send(found)))?;
        let found = answer.recv().map_err(|_| Error::Request("a search was not answered".to_owned()))??;
        times.push(searching.elapsed());
        std::hint::black_box(found);
        if begun.elapsed() > TIME_LIMIT {
            break;
        }
    }
    let elapsed = times.iter().sum();
    let timing = Timing::new("many libraries", times, elapsed);
    let scan_bytes_per_s = bytes_scanned as f64 / timing.p50_ms * 1000.0;
    Ok(ManyLibraries { libraries, people_each: PEOPLE, timing, bytes_scanned, scan_bytes_per_s })
}
