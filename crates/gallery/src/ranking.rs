//! Top-N list of people, each with their best face.

use std::cmp::Ordering;

use crate::Hit;
use aicp_types::FaceId;

pub(crate) struct Ranking {
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

    pub fn into_hits(self) -> Vec<Hit> {
        self.hits
    }
}

/// Orders higher cosines first, equal ones by face id.
fn order(cosine: f32, face: FaceId, other_cosine: f32, other_face: FaceId) -> Ordering {
    other_cosine.total_cmp(&cosine).then(face.cmp(&other_face))
}
