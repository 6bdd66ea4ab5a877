//! `aicp compare`

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::Path;

use aicp_engines::similarity_of_cosine;
use aicp_vision::{Embedding, Purpose, Vision};
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
}

/// Compares the largest faces of two pictures.
pub(crate) fn run(config: &Config, a: &Path, b: &Path, json: bool) -> Result<()> {
    let vision = start_vision(config, Some(NonZeroUsize::MIN))?;
    let cosine = embed(&vision, a)?.cosine(&embed(&vision, b)?);
    let similarity = similarity_of_cosine(cosine);
    let threshold = config.recognition.threshold;
    let comparison = Comparison { cosine, similarity, threshold, same_person: similarity > threshold };
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string(&comparison).map_err(std::io::Error::from)?)?;
    } else {
        let verdict = if comparison.same_person { "the same person" } else { "not the same person" };
        writeln!(out, "{verdict}: similarity {similarity:.4} (threshold {threshold}), cosine {cosine:.4}")?;
    }
    Ok(())
}

fn embed(vision: &Vision, path: &Path) -> Result<Embedding> {
    let found = on_picture(vision, path, |models, picture| match models.detect_largest(&picture)? {
        Some(face) => models.embed(&picture, &face, Purpose::Probe).map(Some),
        None => Ok(None),
    })?;
    found.ok_or_else(|| Error::NoFace(path.to_owned()))
}
