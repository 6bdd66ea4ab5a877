//! The best people seen so far, each once.

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

    /// Whether a face of this cosine could still take a place.
    pub fn admits(&self, cosine: f32, face: FaceId) -> bool {
        cosine > self.above
            && match self.hits.last() {
                Some(worst) if self.hits.len() >= self.top_n => {
                    order(cosine, face, worst.cosine, worst.entry.face) == Ordering::Less
                }
                _ => self.top_n > 0,
            }
    }

    /// Puts an admitted face in its place: in that of the same person if it is better, else as a new one.
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

    /// No face of a lower cosine can take a place.
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

/// Higher cosines first, equal ones by face id.
fn order(cosine: f32, face: FaceId, other_cosine: f32, other_face: FaceId) -> Ordering {
    other_cosine.total_cmp(&cosine).then(face.cmp(&other_face))
}
