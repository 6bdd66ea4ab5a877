//! Grouping of the unknown faces of a recognition log: which of them show the same person.
//!
//! Each face joins the group whose centre, the mean of its probes, is most similar, or begins one of its own; then groups
//! whose centres are similar enough become one. Probes are biometric data of strangers, so they stay in memory: each run
//! begins anew.

use aicp_store::{JobItem, JobItemState, JobRow, Recognition, RecognitionFilter, run_blocking};
use futures_util::{StreamExt, pin_mut};

use super::import::{PAUSE_WHEN_BUSY, code_of};
use super::runner::{End, Running};
use super::{ItemDetail, Job, Task};
use crate::{BUILTIN, Caller, Error, Examination, Library, Missing, Platform, Result, Similarity, Threshold};

/// Maximum number of faces, the latest first. Their probes take 2 KB each.
const MAX_FACES: usize = 50_000;
/// Entries that are read at a time.
const BATCH: u64 = 256;
/// Items that are written at a time.
const ITEM_BATCH: usize = 500;
/// Pictures in progress per processor.
const PICTURES_PER_WORKER: usize = 2;
/// Faces between two notes of the progress.
const PROGRESS_FACES: usize = 64;

impl Platform {
    /// Creates a job that sorts the unknown faces in the recognition log of a library into groups, each of one person by a
    /// threshold, which is by default that of the library.
    ///
    /// # Errors
    /// [`Limit::Jobs`](crate::Limit::Jobs).
    pub async fn group_unknown_faces(&self, caller: &Caller, library: &Library, threshold: Threshold) -> Result<Job> {
        let threshold = match threshold {
            Threshold::AtLeast(similarity) => similarity,
            Threshold::OwnOr(similarity) => library.threshold.unwrap_or(similarity),
            // The log has the faces of this process's recognition, whatever the engine of the library.
            Threshold::Default => self.library_threshold(library.clone())?.threshold,
        };
        self.create_job(caller, library, Task::Grouping { threshold }, self.inner.settings.load().jobs.max_open).await
    }
}

/// What is known of a face of the log.
enum Seen {
    Probe(Vec<f32>),
    Refused(&'static str, String),
    /// The entry was deleted meanwhile.
    Gone,
}

/// Runs a grouping.
pub(super) async fn run(running: Running, job: JobRow, threshold: Similarity) -> Result<End> {
    let library = running.library(&job).await?;
    running.begin_anew().await?;
    let mut entries = unknown(&running, &library).await?;
    // The first face of a person begins the group.
    entries.reverse();
    let total = entries.len() as u64;
    running.update(move |job| job.total = Some(total)).await?;
    let at_once = PICTURES_PER_WORKER * std::thread::available_parallelism().map_or(1, usize::from);
    let (mut groups, mut faces, mut refused) = (Groups::new(threshold), Vec::new(), Vec::new());
    let mut done = 0;
    {
        let seen = entries.into_iter().map(|entry| {
            let running = running.clone();
            async move { (look(running, &entry).await, entry.id.get()) }
        });
        let seen = futures_util::stream::iter(seen).buffered(at_once);
        pin_mut!(seen);
        while let Some((seen, recognition)) = seen.next().await {
            match seen? {
                _ if running.is_stopped() => return Ok(End::Stopped),
                Seen::Probe(probe) => {
                    faces.push(recognition);
                    groups = run_blocking(move || {
                        groups.add(probe);
                        Ok(groups)
                    })
                    .await?;
                }
                Seen::Refused(code, reason) => refused.push((recognition, code, reason)),
                Seen::Gone => {}
            }
            done += 1;
            if done % PROGRESS_FACES == 0 {
                // Those that can't be done are counted with their items.
                let looked_at = (done - refused.len()) as u64;
                running.update(move |job| job.done = looked_at).await?;
            }
        }
    }
    let groups = run_blocking(move || Ok(groups.finished())).await?;
    let mut items: Vec<JobItem> = Vec::new();
    for (number, group) in groups.iter().enumerate() {
        let code = if group.len() > 1 { "grouped" } else { "single" };
        for (face, similarity) in group {
            let detail = ItemDetail {
                recognition: faces.get(*face).copied(),
                group: Some(number as u64 + 1),
                similarity: Some(*similarity),
                ..ItemDetail::default()
            };
            items.push(item(items.len(), JobItemState::Done, code, detail));
        }
    }
    for (recognition, code, reason) in refused {
        let detail = ItemDetail { recognition: Some(recognition), reason: Some(reason), ..ItemDetail::default() };
        items.push(item(items.len(), JobItemState::Failed, code, detail));
    }
    let total = items.len() as u64;
    running.update(move |job| (job.done, job.total) = (0, Some(total))).await?;
    while !items.is_empty() {
        let rest = items.split_off(items.len().min(ITEM_BATCH));
        let done = items.iter().filter(|item| item.state == JobItemState::Done).count() as u64;
        running.advance(items, done, None).await?;
        items = rest;
    }
    Ok(End::Complete)
}

/// Returns the unknown faces of the log, the latest first.
async fn unknown(running: &Running, library: &Library) -> Result<Vec<Recognition>> {
    let filter = RecognitionFilter { is_known: Some(false), ..RecognitionFilter::default() };
    let (mut entries, mut before) = (Vec::new(), None);
    loop {
        let mut rows = running.platform.inner.store.rows().await?;
        let batch = rows.recognitions_before(library.id, filter, before, BATCH).await?;
        let Some(last) = batch.last().filter(|_| entries.len() < MAX_FACES) else { break };
        before = Some(last.id);
        entries.extend(batch);
    }
    entries.truncate(MAX_FACES);
    Ok(entries)
}

async fn look(mut running: Running, entry: &Recognition) -> Result<Seen> {
    let picture = match running.platform.recognition_picture(entry).await {
        Ok(picture) => picture,
        Err(Error::Missing(Missing::Picture)) => return Ok(Seen::Gone),
        Err(e) => return Err(e),
    };
    loop {
        running.caller.note_engine(BUILTIN);
        let photo = running.platform.photo(&running.caller, picture.clone());
        let looked = running.platform.inner.builtin.examine_with_templates(photo, 1, Examination::default()).await;
        match looked.map(|faces| faces.into_iter().next()).map_err(Error::from) {
            Ok(Some((face, probe))) if face.is_recognisable => return Ok(Seen::Probe(probe)),
            Ok(Some(_)) => return Ok(Seen::Refused("notRecognisable", "the face is not recognisable".to_owned())),
            Ok(None) => return Ok(Seen::Refused("noFace", "the picture shows no face".to_owned())),
            Err(Error::Busy) if running.is_stopped() => return Ok(Seen::Gone),
            Err(Error::Busy) => running.pause(PAUSE_WHEN_BUSY).await,
            Err(e) => match code_of(&e) {
                Some(code) => return Ok(Seen::Refused(code, e.to_string())),
                None => return Err(e),
            },
        }
    }
}

fn item(count: usize, state: JobItemState, code: &str, detail: ItemDetail) -> JobItem {
    JobItem {
        number: count as i64 + 1,
        name: detail.recognition.unwrap_or_default().to_string(),
        state,
        input: None,
        code: Some(code.to_owned()),
        detail: serde_json::to_string(&detail).ok(),
    }
}

/// Groups of probes.
struct Groups {
    threshold: Similarity,
    groups: Vec<Group>,
    probes: Vec<Vec<f32>>,
}

struct Group {
    /// Numbers of the probes.
    members: Vec<usize>,
    /// Sum of the probes.
    sum: Vec<f32>,
    /// The sum at length 1.
    centre: Vec<f32>,
}

impl Group {
    fn take(&mut self, members: &[usize], sum: &[f32]) {
        self.members.extend(members);
        self.sum.iter_mut().zip(sum).for_each(|(sum, part)| *sum += part);
        let length = dot(&self.sum, &self.sum).sqrt();
        // A sum of probes that are similar is never of length 0; if it were, nothing would be similar to it.
        self.centre = self.sum.iter().map(|part| part / length).collect();
    }
}

impl Groups {
    fn new(threshold: Similarity) -> Self {
        Self { threshold, groups: Vec::new(), probes: Vec::new() }
    }

    /// Adds a probe, a unit vector.
    fn add(&mut self, probe: Vec<f32>) {
        let number = self.probes.len();
        match nearest(&self.groups, &probe) {
            Some((at, similarity)) if similarity >= self.threshold => self.groups[at].take(&[number], &probe),
            _ => self.groups.push(Group { members: vec![number], sum: probe.clone(), centre: probe.clone() }),
        }
        self.probes.push(probe);
    }

    /// Returns the members of each group with their similarity to its centre, the largest group first.
    fn finished(mut self) -> Vec<Vec<(usize, Similarity)>> {
        let by_size = |groups: &mut Vec<Group>| {
            groups.sort_by_key(|group| (usize::MAX - group.members.len(), group.members.first().copied()));
        };
        by_size(&mut self.groups);
        let mut groups: Vec<Group> = Vec::new();
        for group in self.groups {
            match nearest(&groups, &group.centre) {
                Some((at, similarity)) if similarity >= self.threshold => groups[at].take(&group.members, &group.sum),
                _ => groups.push(group),
            }
        }
        for group in &mut groups {
            group.members.sort_unstable();
        }
        by_size(&mut groups);
        let members = |group: &Group| {
            let similarity = |number: &usize| (*number, similarity(&group.centre, &self.probes[*number]));
            group.members.iter().map(similarity).collect()
        };
        groups.iter().map(members).collect()
    }
}

/// Returns the group whose centre is most similar.
fn nearest(groups: &[Group], probe: &[f32]) -> Option<(usize, Similarity)> {
    let cosines = groups.iter().map(|group| dot(&group.centre, probe)).enumerate();
    let (at, _) = cosines.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?;
    Some((at, similarity(&groups[at].centre, probe)))
}

fn similarity(a: &[f32], b: &[f32]) -> Similarity {
    aicp_backends::similarity_of_cosine(dot(a, b))
}

/// Sums in lanes, so that the compiler can use vector instructions.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0.0f32; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a.zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unit(numbers: &[f32]) -> Vec<f32> {
        let length = dot(numbers, numbers).sqrt();
        numbers.iter().map(|number| number / length).collect()
    }

    fn grouped(threshold: Similarity, probes: &[Vec<f32>]) -> Vec<Vec<usize>> {
        let mut groups = Groups::new(threshold);
        probes.iter().for_each(|probe| groups.add(probe.clone()));
        groups.finished().into_iter().map(|group| group.into_iter().map(|(number, _)| number).collect()).collect()
    }

    proptest! {
        /// People are directions at right angles; each probe is one of them, a little off.
        #[test]
        fn probes_of_one_person_are_one_group_in_any_order(
            seen in prop::collection::vec((0..6usize, -0.1f32..0.1, 0..6usize), 1..40)
        ) {
            let probe = |&(person, by, towards): &(usize, f32, usize)| {
                let mut numbers = [0.0; 20];
                numbers[person] = 1.0;
                numbers[6 + towards] += by;
                unit(&numbers)
            };
            let probes: Vec<_> = seen.iter().map(probe).collect();
            let mut expected: Vec<Vec<usize>> = (0..6)
                .map(|person| (0..seen.len()).filter(|at| seen[*at].0 == person).collect())
                .filter(|group: &Vec<usize>| !group.is_empty())
                .collect();
            expected.sort_by_key(|group| (usize::MAX - group.len(), group[0]));
            prop_assert_eq!(grouped(0.9, &probes), expected);
        }

        #[test]
        fn a_dot_product_is_the_sum_of_products(pairs in prop::collection::vec((-1.0f32..1.0, -1.0f32..1.0), 0..70)) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            let naive: f32 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
            prop_assert!((dot(&a, &b) - naive).abs() < 1e-4);
        }
    }

    #[test]
    fn groups_that_drifted_together_become_one() {
        let at = |degrees: f32| vec![degrees.to_radians().cos(), degrees.to_radians().sin()];
        let threshold = aicp_backends::similarity_of_cosine(25f32.to_radians().cos());
        assert_eq!(grouped(threshold, &[at(0.0), at(30.0)]), [[0], [1]]);
        // The centres are at 7 and 26.5 degrees in the end.
        assert_eq!(grouped(threshold, &[at(0.0), at(30.0), at(14.0), at(23.0)]), [[0, 1, 2, 3]]);
    }
}
