//! Scan for people of a library who may be the same person.

use std::collections::HashMap;

use aicp_backends::{CandidateKey, Error as EngineError, RemoteError, Similarity, is_recognisable_enough};
use aicp_store::{JobItem, JobItemState, JobRow, PersonFilter, PersonOrder};
use aicp_types::{FaceId, PersonId};
use serde::{Deserialize, Serialize};

use super::runner::{End, Running};
use super::{ItemDetail, Job, Task};
use crate::{BUILTIN, Caller, Face, Library, Person, Platform, Result, Threshold};

/// People whose faces are searched for at a time.
const BATCH: u64 = 32;
/// Maximum number of similar people that are looked at for each face.
const MAX_SIMILAR: usize = 100;
/// Code of a pair.
const SIMILAR: &str = "similar";

/// How far a scan is.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Position {
    /// Last person who was searched for.
    person: i64,
    /// Number of the last item.
    number: i64,
}

/// Two faces of different people.
struct Pair {
    similarity: Similarity,
    own: FaceId,
    other: (Face, Person),
}

impl Platform {
    /// Creates a job that reports the pairs of people in a library whose most similar faces reach a threshold, by default that
    /// of the library.
    ///
    /// # Errors
    /// The engine's error if it keeps the templates to itself; [`Limit::Jobs`](crate::Limit::Jobs).
    pub async fn scan_for_duplicates(&self, caller: &Caller, library: &Library, threshold: Threshold) -> Result<Job> {
        if self.backend_of(caller, library)?.name() != BUILTIN {
            return Err(EngineError::from(RemoteError::Unsupported("duplicates")).into());
        }
        let threshold = match threshold {
            Threshold::AtLeast(similarity) => similarity,
            Threshold::OwnOr(similarity) => library.threshold.unwrap_or(similarity),
            Threshold::Default => self.library_threshold(library.clone())?.threshold,
        };
        let most = self.inner.settings.load().jobs.max_open;
        self.create_job(caller, library, Task::Duplicates { threshold }, most).await
    }
}

/// Runs a scan. Each pair is found by the person who was enrolled first.
pub(super) async fn run(running: Running, job: JobRow, threshold: Similarity) -> Result<End> {
    let library = running.library(&job).await?;
    let mut at: Position = Running::position(&job);
    running.count_people(&library).await?;
    while !running.is_stopped() {
        let mut rows = running.platform.inner.store.rows().await?;
        let order = PersonOrder::Oldest(Some(PersonId::new(at.person)));
        let people = rows.people_after(library.id, PersonFilter::default(), order, BATCH).await?;
        drop(rows);
        let Some(last) = people.last() else { return Ok(End::Complete) };
        at.person = last.id.get();
        let mut items = Vec::new();
        for (person, pair) in pairs(&running, &library, &people, threshold).await? {
            at.number += 1;
            items.push(item(at.number, &person, &pair));
        }
        running.advance(items, people.len() as u64, serde_json::to_string(&at).ok()).await?;
    }
    Ok(End::Stopped)
}

/// Finds who is similar to these people and was enrolled after them, the most similar first.
async fn pairs(
    running: &Running,
    library: &Library,
    people: &[Person],
    threshold: Similarity,
) -> Result<Vec<(Person, Pair)>> {
    let platform = &running.platform;
    let (Some(first), Some(last)) = (people.first(), people.last()) else { return Ok(Vec::new()) };
    let algorithm = &platform.inner.shared.algorithm;
    let mut rows = platform.inner.store.rows().await?;
    let mut templates = rows.templates_of_people(library.id, algorithm, first.id, last.id).await?;
    drop(rows);
    // Nobody finds a face that is not recognisable.
    let least = platform.inner.settings.load().recognition.gate_of(running.caller.app_id()).least();
    templates.retain(|row| row.recognisability.is_none_or(|r| is_recognisable_enough(r, least)));
    let probes = templates.iter_mut().map(|row| std::mem::take(&mut row.vector)).collect();
    let found = platform.inner.builtin.search_templates(library.id, probes, MAX_SIMILAR).await?;
    let mut best: HashMap<(PersonId, FaceId), (Similarity, FaceId)> = HashMap::new();
    for (row, candidates) in templates.iter().zip(found) {
        for candidate in candidates.into_iter().filter(|candidate| candidate.similarity >= threshold) {
            let CandidateKey::Row(face) = candidate.face else { continue };
            let known = best.entry((row.person_id, face)).or_insert((candidate.similarity, row.face_id));
            if candidate.similarity > known.0 {
                *known = (candidate.similarity, row.face_id);
            }
        }
    }
    let faces: Vec<FaceId> = best.keys().map(|(_, face)| *face).collect();
    let others = platform.inner.store.rows().await?.people_with_faces(&faces).await?;
    let others: HashMap<FaceId, (Face, Person)> =
        others.into_iter().map(|(face, person)| (face.id, (face, person))).collect();
    let mut by_pair: HashMap<(PersonId, PersonId), Pair> = HashMap::new();
    for ((person, face), (similarity, own)) in best {
        let Some(other) = others.get(&face).filter(|(_, other)| other.id > person) else { continue };
        let key = (person, other.1.id);
        if by_pair.get(&key).is_none_or(|known| known.similarity < similarity) {
            by_pair.insert(key, Pair { similarity, own, other: other.clone() });
        }
    }
    let mut pairs: Vec<((PersonId, PersonId), Pair)> = by_pair.into_iter().collect();
    pairs.sort_by(|(a, one), (b, two)| a.0.cmp(&b.0).then(two.similarity.total_cmp(&one.similarity)).then(a.cmp(b)));
    let person = |id: PersonId| people.iter().find(|person| person.id == id).cloned();
    Ok(pairs.into_iter().filter_map(|((id, _), pair)| Some((person(id)?, pair))).collect())
}

fn item(number: i64, person: &Person, pair: &Pair) -> JobItem {
    let Pair { similarity, own, other: (other_face, other) } = pair;
    let name = |person: &Person| {
        let name = person.profile.name.as_ref().or(person.external_id.as_ref());
        name.cloned().unwrap_or_else(|| person.public_id.to_string())
    };
    let detail = ItemDetail {
        person: Some(person.public_id.get()),
        face: Some(own.get()),
        other_person: Some(other.public_id.get()),
        other_face: Some(other_face.id.get()),
        similarity: Some(*similarity),
        ..ItemDetail::default()
    };
    JobItem {
        number,
        name: format!("{} / {}", name(person), name(other)),
        state: JobItemState::Done,
        input: None,
        code: Some(SIMILAR.to_owned()),
        detail: serde_json::to_string(&detail).ok(),
    }
}
