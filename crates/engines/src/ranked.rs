//! Ranking of vendors' answers.

use aicp_vision::{Rect, SeenFace};

use crate::engine::{Candidate, FaceCandidates};
use crate::{Error, Result};

/// Least overlap of two boxes of the same face.
const SAME_FACE: f32 = 0.5;

/// Returns the best candidates, most similar first.
pub(crate) fn best(mut candidates: Vec<Candidate>, top_n: usize) -> Vec<Candidate> {
    candidates.sort_by(|a, b| b.similarity.total_cmp(&a.similarity));
    candidates.truncate(top_n);
    candidates
}

/// Sorts faces by area, the largest first.
pub(crate) fn by_area(mut faces: Vec<SeenFace>) -> Vec<SeenFace> {
    faces.sort_by(|a, b| b.area.area().total_cmp(&a.area.area()));
    faces
}

/// Faces of one picture, merged from several answers.
pub(crate) struct MergedFaces(Vec<FaceCandidates>);

impl MergedFaces {
    /// Starts with these faces.
    pub fn new(faces: Vec<SeenFace>) -> Self {
        Self(faces.into_iter().map(|face| FaceCandidates { face, candidates: Vec::new() }).collect())
    }

    /// Returns the candidates of the face in this box; adds the face if there is none yet.
    pub fn at(&mut self, area: Rect) -> &mut Vec<Candidate> {
        let overlaps = self.0.iter().enumerate().map(|(place, face)| (place, face.face.area.overlap(&area)));
        let nearest = overlaps.filter(|&(_, overlap)| overlap > SAME_FACE).max_by(|a, b| a.1.total_cmp(&b.1));
        let place = nearest.map_or(self.0.len(), |(place, _)| place);
        if place == self.0.len() {
            let face = SeenFace { area, ..SeenFace::default() };
            self.0.push(FaceCandidates { face, candidates: Vec::new() });
        }
        &mut self.0[place].candidates
    }

    /// Returns the candidates of the n-th face, counted from 0; adds missing faces up to it.
    pub fn nth(&mut self, place: usize) -> &mut Vec<Candidate> {
        while self.0.len() <= place {
            self.0.push(FaceCandidates { face: SeenFace::default(), candidates: Vec::new() });
        }
        &mut self.0[place].candidates
    }

    /// Returns the faces, the largest first, each with its best candidates.
    ///
    /// # Errors
    /// [`Error::NoFace`] if there is none.
    pub fn ranked(self, top_n: usize) -> Result<Vec<FaceCandidates>> {
        let mut faces = self.0;
        for face in &mut faces {
            face.candidates = best(std::mem::take(&mut face.candidates), top_n);
        }
        faces.sort_by(|a, b| b.face.area.area().total_cmp(&a.face.area.area()));
        if faces.is_empty() { Err(Error::NoFace) } else { Ok(faces) }
    }
}

#[cfg(test)]
mod tests {
    use aicp_types::LibraryId;

    use super::*;

    fn candidate(row: i64, similarity: f32) -> Candidate {
        Candidate { library: LibraryId::new(1), engine_ref: row.to_string(), similarity }
    }

    fn square(x: f32, side: f32) -> Rect {
        Rect { x, y: 0.0, width: side, height: side }
    }

    #[test]
    fn hits_meet_at_their_face() {
        let mut crowd = MergedFaces::new(vec![SeenFace { area: square(100.0, 10.0), ..SeenFace::default() }]);
        crowd.at(square(0.0, 50.0)).push(candidate(1, 0.5));
        crowd.at(square(1.0, 50.0)).push(candidate(2, 0.9));
        crowd.at(square(2.0, 50.0)).push(candidate(3, 0.7));
        let faces = crowd.ranked(2).expect("there");
        assert_eq!(faces[0].candidates, [candidate(2, 0.9), candidate(3, 0.7)]);
        assert!(faces[1].candidates.is_empty() && faces.len() == 2);
        assert!(matches!(MergedFaces::new(Vec::new()).ranked(1), Err(Error::NoFace)));
    }
}
