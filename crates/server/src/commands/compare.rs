//! `aicp compare`

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::Path;

use aicp_vision::{Effort, Purpose, RECOGNISABLE, Recognised, Vision, similarity_of_cosine};
use serde::Serialize;

use super::{on_picture, start_vision};
use crate::config::Config;
use crate::{Error, Result};

#[derive(Serialize)]
struct Comparison {
    cosine: f32,
    similarity: f32,
    threshold: f32,
    same_person: bool,
    /// Recognisability of the less recognisable face, 0..1.
    recognisability: f32,
}

/// Compares the largest faces of two pictures.
pub(crate) fn run(config: &Config, a: &Path, b: &Path, json: bool) -> Result<()> {
    let vision = start_vision(config, Some(NonZeroUsize::MIN))?;
    let (a, b) = (recognise(&vision, a)?, recognise(&vision, b)?);
    let cosine = a.embedding.cosine(&b.embedding);
    let recognisability = a.recognisability.min(b.recognisability);
    // Faces that are not recognisable can't be compared.
    let is_recognisable = recognisability >= RECOGNISABLE;
    let similarity = if is_recognisable { similarity_of_cosine(cosine) } else { 0.0 };
    let threshold = config.recognition.threshold;
    let same_person = similarity > threshold;
    let comparison = Comparison { cosine, similarity, threshold, same_person, recognisability };
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string(&comparison).map_err(std::io::Error::from)?)?;
    } else {
        let verdict = match (comparison.same_person, is_recognisable) {
            (true, _) => "the same person",
            (false, true) => "not the same person",
            (false, false) => "one of the faces is not recognisable",
        };
        writeln!(out, "{verdict}: similarity {similarity:.4} (threshold {threshold}), cosine {cosine:.4}")?;
    }
    Ok(())
}

fn recognise(vision: &Vision, path: &Path) -> Result<Recognised> {
    let found =
        on_picture(vision, path, |models, picture| models.recognise_largest(&picture, Purpose::Probe, Effort::Full))?;
    found.ok_or_else(|| Error::NoFace(path.to_owned()))
}
