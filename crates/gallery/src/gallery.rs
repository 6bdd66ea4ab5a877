//! Gallery of one library.

mod change;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use aicp_types::FaceId;
use arc_swap::ArcSwap;

use crate::codes::Probe;
use crate::form::{Form, Rotation};
use crate::kernel::{Kernel, Pack, TILE, Test};
use crate::ranking::{Findings, Found};
use crate::segment::{Rows, SEGMENT_ROWS};
use crate::{Entry, Error, Hit, Query, Result};
use change::{Change, Writer};

/// Templates of a bulk insertion that become visible together.
const INSERT_BATCH_ROWS: usize = 1024;
/// Rows scanned per acquisition of the lock, so that writers don't wait for long.
const ROWS_PER_LOCK: usize = 1024;
/// Rows scanned per acquisition of the lock while a probe has no floor.
const FIRST_ROWS_PER_LOCK: usize = 4 * TILE;
/// Rows that may be moved into gaps, per removed face.
const MOVES_PER_REMOVAL: usize = 2;

/// Searches until the last faces that have disappeared since are just left out.
const MAX_TRIES: usize = 4;

/// Run of rows behind a lock.
pub(crate) struct Segment {
    pub form: Form,
    rows: RwLock<Rows>,
}

impl Segment {
    pub fn new(form: &Form, rows: Rows) -> Arc<Self> {
        Arc::new(Self { form: form.clone(), rows: RwLock::new(rows) })
    }

    pub fn read(&self) -> RwLockReadGuard<'_, Rows> {
        self.rows.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Rows> {
        self.rows.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Segments of a gallery, of one form, all full but the last.
pub(crate) type Segments = Arc<Vec<Arc<Segment>>>;

/// Templates of one library, for exact search.
///
/// A template takes 3 bytes per dimension plus about 80 bytes; in a large gallery with a rotation that pays, one byte per
/// coordinate kept, so about 280 bytes. A search sees the gallery as it was when the search
/// began. Searches and writers lock a few thousand rows at a time, for well under a millisecond. The cost of insertion
/// and removal does not depend on the size.
pub struct Gallery {
    dimensions: usize,
    kernel: Kernel,
    rotation: Option<Rotation>,
    segments: ArcSwap<Vec<Arc<Segment>>>,
    /// Version that new searches see.
    version: AtomicU64,
    live: AtomicUsize,
    /// Number of running searches by the version they began with.
    searching: Mutex<BTreeMap<u64, usize>>,
    /// Serialises the writers.
    writer: Mutex<Writer>,
}

impl Gallery {
    /// Creates an empty gallery for unit vectors of this many dimensions.
    pub fn new(dimensions: usize) -> Self {
        Self::with_kernel(dimensions, Kernel::best())
    }

    /// Creates an empty gallery that searches with this kernel, or with the portable one if the processor cannot run
    /// it.
    pub fn with_kernel(dimensions: usize, kernel: Kernel) -> Self {
        Self {
            dimensions,
            kernel,
            rotation: None,
            segments: ArcSwap::default(),
            version: AtomicU64::new(0),
            live: AtomicUsize::new(0),
            searching: Mutex::default(),
            writer: Mutex::new(Writer {
                form: Form::Whole,
                judge_at: usize::MAX,
                row_of_face: HashMap::new(),
                rows: 0,
                removed: VecDeque::new(),
                free: BTreeSet::new(),
            }),
        }
    }

    /// Lets the gallery store rotated heads once it is large, if that pays for its templates. The gallery must be empty.
    pub fn with_rotation(mut self, rotation: Rotation) -> Self {
        self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).judge_at = rotation.min_rows;
        self.rotation = Some(rotation);
        self
    }

    /// Returns a gallery of these segments of one form, all full but the last; `None` if a face has two rows.
    pub(crate) fn of_segments(
        dimensions: usize,
        rotation: Rotation,
        form: Form,
        segments: Vec<Arc<Segment>>,
    ) -> Option<Self> {
        let mut gallery = Self::new(dimensions).with_rotation(rotation);
        let writer = gallery.writer.get_mut().unwrap_or_else(PoisonError::into_inner);
        writer.form = form;
        writer.row_of_face.reserve(segments.len() * SEGMENT_ROWS);
        for segment in &segments {
            let rows = segment.read();
            for row in 0..rows.len() {
                let life = rows.life(row);
                if life.is_visible_at(0) {
                    if writer.row_of_face.insert(life.entry.face, writer.rows).is_some() {
                        return None;
                    }
                } else {
                    writer.free.insert(writer.rows);
                }
                writer.rows += 1;
            }
        }
        *gallery.live.get_mut() = writer.row_of_face.len();
        gallery.segments.store(Arc::new(segments));
        Some(gallery)
    }

    /// Returns whether its rows are rotated heads.
    pub fn is_rotated(&self) -> bool {
        matches!(form_of(&self.segments.load()), Form::Rotated(_))
    }

    /// Returns the number of dimensions of a vector.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Returns the kernel that it searches with.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Inserts a template, replacing that of the same face.
    ///
    /// # Errors
    /// [`Error::Dimensions`] or [`Error::NotFinite`] if the vector does not fit.
    pub fn insert(&self, entry: Entry, vector: &[f32]) -> Result<()> {
        self.extend(std::iter::once((entry, vector)))
    }

    /// Inserts many templates; searches see them in batches of about a thousand.
    ///
    /// # Errors
    /// [`Error::Dimensions`] or [`Error::NotFinite`] at the first vector that does not fit; those before it are
    /// inserted.
    pub fn extend<V: AsRef<[f32]>>(&self, templates: impl IntoIterator<Item = (Entry, V)>) -> Result<()> {
        let mut templates = templates.into_iter();
        loop {
            let mut outcome = Ok(());
            let mut batch: Vec<(Entry, V)> = Vec::new();
            for (entry, vector) in templates.by_ref().take(INSERT_BATCH_ROWS) {
                if let Err(e) = self.check(vector.as_ref()) {
                    outcome = Err(e);
                    break;
                }
                batch.push((entry, vector));
            }
            let is_last = batch.len() < INSERT_BATCH_ROWS;
            let vectors: Vec<&[f32]> = batch.iter().map(|(_, vector)| vector.as_ref()).collect();
            // The slow part, rotation and quantisation, runs without the writer lock.
            let form = self.writer().form.clone();
            let mut codes = form.codes(&vectors);
            if codes.len() < vectors.len() {
                outcome = Err(Error::NotFinite);
            }
            if !codes.is_empty() {
                self.change(|change| {
                    if !change.writer.form.is(&form) {
                        codes = change.writer.form.codes(&vectors);
                    }
                    batch.iter().zip(&codes).for_each(|((entry, _), codes)| change.insert_row(*entry, codes));
                    change.rotate_if_large();
                });
            }
            if is_last || outcome.is_err() {
                return outcome;
            }
        }
    }

    fn check(&self, vector: &[f32]) -> Result<()> {
        if vector.len() == self.dimensions {
            Ok(())
        } else {
            Err(Error::Dimensions { expected: self.dimensions, found: vector.len() })
        }
    }

    /// Removes faces; searches see all of them disappear at once. Unknown faces are ignored.
    pub fn remove(&self, faces: &[FaceId]) {
        self.change(|change| {
            faces.iter().for_each(|&face| change.remove_row(face));
            change.compact(faces.len().saturating_mul(MOVES_PER_REMOVAL));
        });
    }

    /// Returns the number of templates.
    pub fn len(&self) -> usize {
        self.live.load(Ordering::Acquire)
    }

    /// Returns whether it has no templates.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the bytes that a search for one probe reads, apart from the rows that are compared in full.
    pub fn bytes_scanned(&self) -> usize {
        self.segments.load().iter().map(|segment| segment.read().bytes_scanned()).sum()
    }

    /// Returns the number of rows that a search scans, including those of removed templates.
    pub(crate) fn rows(&self) -> usize {
        let segments = self.segments.load();
        segments.last().map_or(0, |last| (segments.len() - 1) * SEGMENT_ROWS + last.read().len())
    }

    /// Returns the people most like the probe (a unit vector), best first; equal cosines are ordered by face id. Each
    /// person occurs once, with the best of their faces. The search is exact and runs on the calling thread.
    ///
    /// # Errors
    /// [`Error::Dimensions`] or [`Error::NotFinite`] if the probe does not fit.
    pub fn search(&self, probe: &[f32], query: &Query<'_>) -> Result<Vec<Hit>> {
        Ok(self.search_many(&[probe], query)?.pop().unwrap_or_default())
    }

    /// Searches as [`Gallery::search`] for several probes in one pass over memory; returns one answer per probe, in
    /// order.
    ///
    /// # Errors
    /// As [`Gallery::search`]; no search is made then.
    pub fn search_many(&self, probes: &[&[f32]], query: &Query<'_>) -> Result<Vec<Vec<Hit>>> {
        self.search_without(probes, query, HashSet::new())
    }

    /// Searches as [`Gallery::search_many`], but finds none of these faces.
    pub(crate) fn search_without(
        &self,
        probes: &[&[f32]],
        query: &Query<'_>,
        mut without: HashSet<FaceId>,
    ) -> Result<Vec<Vec<Hit>>> {
        let mut all: Vec<Vec<Hit>> = vec![Vec::new(); probes.len()];
        let mut open: Vec<usize> = (0..probes.len()).collect();
        for _ in 0..MAX_TRIES {
            let some: Vec<&[f32]> = open.iter().map(|&probe| probes[probe]).collect();
            let others =
                |entry: &Entry| !without.contains(&entry.face) && query.filter.is_none_or(|passes| passes(entry));
            let filter = if without.is_empty() { query.filter } else { Some(&others as _) };
            let found = self.search_once(&some, &Query { filter, ..*query })?;
            let mut again = Vec::new();
            for (&probe, Found { hits, gone }) in open.iter().zip(found) {
                all[probe] = hits;
                if !gone.is_empty() {
                    again.push((probe, gone));
                }
            }
            if again.is_empty() {
                break;
            }
            // The gallery has yet to remove them.
            open = again.iter().map(|(probe, _)| *probe).collect();
            without.extend(again.into_iter().flat_map(|(_, gone)| gone));
        }
        Ok(all)
    }

    fn search_once(&self, probes: &[&[f32]], query: &Query<'_>) -> Result<Vec<Found>> {
        let view = self.view();
        let form = view.form();
        let probes: Vec<Probe> = probes.iter().map(|vector| self.probe(&form, vector)).collect::<Result<_>>()?;
        let pack = Pack::new(&probes.iter().map(|probe| probe.codes.as_slice()).collect::<Vec<_>>());
        let findings: Vec<RefCell<Findings>> =
            probes.iter().map(|_| RefCell::new(Findings::new(query.top_n, query.above))).collect();
        let by_number: Vec<&Probe> = probes.iter().collect();
        let floor = |probe: usize| findings[probe].borrow().floor();
        let mut scratch = Scratch::default();
        for segment in view.segments.iter() {
            compare_rows(segment, self.kernel, &pack, &by_number, floor, &mut scratch, |rows, probe, row| {
                let mut findings = findings[probe].borrow_mut();
                offer_row(rows, row, by_number[probe], view.version, query.filter, &mut findings);
            });
        }
        let found = findings.into_iter().zip(&probes);
        found.map(|(findings, probe)| self.finish(&form, probe, findings.into_inner())).collect()
    }

    /// Returns the people found by a search of rows of this form.
    pub(crate) fn finish(&self, form: &Form, probe: &Probe, findings: Findings) -> Result<Found> {
        match form {
            Form::Whole => Ok(findings.into_found()),
            Form::Rotated(form) => findings.verified(probe, self.dimensions, form.source.as_ref()),
        }
    }

    /// Quantises a vector as a probe for rows of this form.
    pub(crate) fn probe(&self, form: &Form, vector: &[f32]) -> Result<Probe> {
        self.check(vector)?;
        form.probe(vector).ok_or(Error::NotFinite)
    }

    /// Returns a snapshot of the gallery as it is now.
    pub(crate) fn view(&self) -> View<'_> {
        let (version, segments) = self.begin_with_segments();
        View { gallery: self, version, segments }
    }

    /// Registers a search and returns the version it sees, with the segments, until [`Gallery::end`].
    pub(crate) fn begin_with_segments(&self) -> (u64, Segments) {
        (self.begin(), self.segments.load_full())
    }

    /// Registers a search and returns the version it sees.
    fn begin(&self) -> u64 {
        let mut searching = self.searching();
        // Read under the lock, so that no writer finds the version unused before it is registered.
        let version = self.version.load(Ordering::Acquire);
        *searching.entry(version).or_default() += 1;
        version
    }

    /// Registers another search of a version that is searched already, and returns the version.
    pub(crate) fn begin_at(&self, version: u64) -> u64 {
        *self.searching().entry(version).or_default() += 1;
        version
    }

    /// Unregisters a search that began with this version.
    pub(crate) fn end(&self, version: u64) {
        let mut searching = self.searching();
        if let Some(count) = searching.get_mut(&version) {
            *count -= 1;
            if *count == 0 {
                searching.remove(&version);
            }
        }
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn searching(&self) -> MutexGuard<'_, BTreeMap<u64, usize>> {
        self.searching.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets `make` change rows, then publishes the changes as a new version.
    fn change(&self, make: impl FnOnce(&mut Change<'_>)) {
        let mut writer = self.writer();
        let now = self.version.load(Ordering::Acquire);
        let oldest = self.searching().first_key_value().map_or(now, |(&oldest, _)| oldest);
        let segments = self.segments.load_full();
        let mut change = Change { gallery: self, writer: &mut writer, segments, version: now + 1 };
        change.reclaim(oldest);
        make(&mut change);
        self.live.store(change.writer.row_of_face.len(), Ordering::Release);
        self.version.store(now + 1, Ordering::Release);
    }
}

/// Buffers of a search, reused from segment to segment.
#[derive(Default)]
pub(crate) struct Scratch {
    floors: Vec<f32>,
    tests: Vec<Test>,
    candidates: Vec<(usize, usize)>,
}

/// Compares the rows of a segment with packed probes: calls `look(rows, probe, row)` for each pair whose cosine may
/// reach the probe's floor.
pub(crate) fn compare_rows(
    segment: &Segment,
    kernel: Kernel,
    pack: &Pack,
    probes: &[&Probe],
    floor: impl Fn(usize) -> f32,
    scratch: &mut Scratch,
    mut look: impl FnMut(&Rows, usize, usize),
) {
    let Scratch { floors, tests, candidates } = scratch;
    let (mut from, mut step) = (0, FIRST_ROWS_PER_LOCK);
    loop {
        floors.clear();
        floors.extend((0..probes.len()).map(&floor));
        // Without a floor every row is compared in full, so the first steps are short.
        step = if floors.contains(&f32::NEG_INFINITY) { FIRST_ROWS_PER_LOCK } else { (step * 2).min(ROWS_PER_LOCK) };
        let rows = segment.read();
        if from >= rows.len() {
            return;
        }
        candidates.clear();
        let tested = probes.iter().copied().zip(floors.iter().copied());
        rows.scan(kernel, from..from + step, pack, tested, tests, |probe, row| candidates.push((probe, row)));
        for &(probe, row) in candidates.iter() {
            look(&rows, probe, row);
        }
        from += step;
    }
}

/// Offers a row to the findings of a search if the search sees it and it passes the filter.
pub(crate) fn offer_row(
    rows: &Rows,
    row: usize,
    probe: &Probe,
    version: u64,
    filter: Option<&(dyn Fn(&Entry) -> bool + Sync)>,
    findings: &mut Findings,
) {
    let life = rows.life(row);
    if !life.is_visible_at(version) || !filter.is_none_or(|passes| passes(&life.entry)) {
        return;
    }
    findings.offer(life.entry, rows.score(probe, row));
}

/// Snapshot of a gallery; its rows are not reused until it is dropped.
pub(crate) struct View<'a> {
    gallery: &'a Gallery,
    pub version: u64,
    pub segments: Segments,
}

impl View<'_> {
    /// Returns the form of the rows.
    pub fn form(&self) -> Form {
        form_of(&self.segments)
    }
}

/// Returns the form of the rows of segments.
pub(crate) fn form_of(segments: &[Arc<Segment>]) -> Form {
    segments.first().map_or(Form::Whole, |segment| segment.form.clone())
}

impl Drop for View<'_> {
    fn drop(&mut self) {
        self.gallery.end(self.version);
    }
}

#[cfg(test)]
mod tests;
