//! Top-N list of people, each with their best face.

use std::cmp::Ordering;

use aicp_types::FaceId;

use crate::codes::{Probe, dot};
use crate::form::{TemplateSource, full};
use crate::kernel::QUAD;
use crate::segment::Score;
use crate::{Entry, Hit, Result};

/// Templates read at a time to compare them in full.
const MIN_READ: usize = 8;
const MAX_READ: usize = 256;
/// Faces on a shortlist before those that can't be ranked any more are removed from it.
const LONG_SHORTLIST: usize = 1024;

/// What a search has found so far.
pub(crate) struct Findings {
    /// People by the least that their cosines can be.
    ranking: Ranking,
    /// Faces whose cosines are not known exactly, with the most that these can be.
    shortlist: Vec<(f32, Entry)>,
    /// Length of the shortlist at which it is shortened.
    limit: usize,
}

/// People found, the best first.
pub(crate) struct Found {
    pub hits: Vec<Hit>,
    /// Faces that might be among them, but disappeared. Others may be in their places.
    pub gone: Vec<FaceId>,
}

impl Findings {
    pub fn new(top_n: usize, above: f32) -> Self {
        Self { ranking: Ranking::new(top_n, above), shortlist: Vec::new(), limit: LONG_SHORTLIST }
    }

    /// Returns the cosine below which no face can be ranked.
    pub fn floor(&self) -> f32 {
        self.ranking.floor()
    }

    /// Adds a face if it may be ranked.
    pub fn offer(&mut self, entry: Entry, score: Score) {
        let least = match score {
            Score::Exact(cosine) => cosine,
            Score::Between { most, .. } if self.ranking.top_n == 0 || most < self.ranking.floor() => return,
            Score::Between { least, most } => {
                self.shortlist.push((most, entry));
                least
            }
        };
        if self.ranking.admits(least, entry.face) {
            self.ranking.offer(Hit { entry, cosine: least });
        }
        if self.shortlist.len() >= self.limit {
            let floor = self.ranking.floor();
            self.shortlist.retain(|(most, _)| *most >= floor);
            self.limit = LONG_SHORTLIST.max(self.shortlist.len() * 2);
        }
    }

    /// Returns the people found, if the cosines of all faces are known.
    pub fn into_found(self) -> Found {
        Found { hits: self.ranking.hits, gone: Vec::new() }
    }

    /// Compares the faces of the shortlist in full.
    pub fn verified(mut self, probe: &Probe, dimensions: usize, source: &dyn TemplateSource) -> Result<Found> {
        self.shortlist.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.face.cmp(&b.1.face)));
        let mut ranking = Ranking::new(self.ranking.top_n, self.ranking.above);
        let mut gone = Vec::new();
        for some in self.shortlist.chunks(ranking.top_n.clamp(MIN_READ, MAX_READ)) {
            let floor = ranking.floor();
            if some.first().is_none_or(|(most, _)| *most < floor) {
                break;
            }
            let faces: Vec<FaceId> = some.iter().map(|(_, entry)| entry.face).collect();
            for (template, (_, entry)) in full(source, &faces, dimensions)?.into_iter().zip(some) {
                let Some(codes) = template else {
                    gone.push(entry.face);
                    continue;
                };
                let upper = codes.coarse.as_chunks::<QUAD>().0.iter().map(|quad| &quad[..]);
                let cosine = dot(upper, &codes.fine, codes.scale, probe);
                if ranking.admits(cosine, entry.face) {
                    ranking.offer(Hit { entry: *entry, cosine });
                }
            }
        }
        Ok(Found { hits: ranking.hits, gone })
    }
}

struct Ranking {
    top_n: usize,
    above: f32,
    /// Best first.
    hits: Vec<Hit>,
}

impl Ranking {
    pub fn new(top_n: usize, above: f32) -> Self {
        Self { top_n, above, hits: Vec::with_capacity(top_n.min(1024) + 1) }
    }

    /// Returns whether a face with this cosine would be ranked.
    pub fn admits(&self, cosine: f32, face: FaceId) -> bool {
        cosine > self.above
            && match self.hits.last() {
                Some(worst) if self.hits.len() >= self.top_n => {
                    order(cosine, face, worst.cosine, worst.entry.face) == Ordering::Less
                }
                _ => self.top_n > 0,
            }
    }

    /// Inserts an admitted face at its rank. A better face replaces that of the same person; a worse one is dropped.
    pub fn offer(&mut self, hit: Hit) {
        let before = |other: &Hit| order(hit.cosine, hit.entry.face, other.cosine, other.entry.face) == Ordering::Less;
        if let Some(known) = self.hits.iter().position(|other| other.entry.person == hit.entry.person) {
            if !before(&self.hits[known]) {
                return;
            }
            self.hits.remove(known);
        }
        let place = self.hits.partition_point(|other| !before(other));
        self.hits.insert(place, hit);
        self.hits.truncate(self.top_n);
    }

    /// Returns the cosine below which no face can be ranked.
    pub fn floor(&self) -> f32 {
        match self.hits.last() {
            Some(worst) if self.hits.len() >= self.top_n => self.above.max(worst.cosine),
            _ => self.above,
        }
    }
}

/// Orders higher cosines first, equal ones by face id.
fn order(cosine: f32, face: FaceId, other_cosine: f32, other_face: FaceId) -> Ordering {
    other_cosine.total_cmp(&cosine).then(face.cmp(&other_face))
}
