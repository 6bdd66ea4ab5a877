//! Each stage of a 1:N call alone, in this process, on one thread.

use std::num::NonZeroUsize;
use std::path::Path;

use aicp_gallery::{Entry, Gallery, Query};
use aicp_measure::{Random, Timing, repeat};
use aicp_vision::{Embedding, FaceModels, ModelPaths, Picture, PoolSize, Purpose, Vision};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use crate::Outcome;
use crate::photo::Photo;
use crate::server::recognition_body;

const DIMENSIONS: usize = 512;
const GALLERIES: [usize; 2] = [10_000, 100_000];
/// Templates that are made at a time while a gallery is filled.
const BATCH: usize = 1000;

/// The stages in the order of a call.
pub fn measure(models: &Path, photo: &Photo, iterations: u32) -> Outcome<Vec<Timing>> {
    let mut timings = vec![parse(&photo.jpeg, iterations)?];
    let (seen, probe) = see(models, photo.jpeg.clone(), iterations)?;
    timings.extend(seen);
    for size in GALLERIES {
        timings.push(search(size, &probe, iterations)?);
    }
    Ok(timings)
}

/// No less than what the dialect does to a body: JSON to a tree (the dialect keeps only fields), base64 to bytes.
fn parse(jpeg: &[u8], iterations: u32) -> Outcome<Timing> {
    let body = recognition_body(jpeg);
    repeat("parse JSON + base64", iterations, || {
        let value: Value = serde_json::from_slice(&body)?;
        let text = value.get("image").and_then(Value::as_str).ok_or("no picture in the body")?;
        std::hint::black_box(BASE64.decode(text)?);
        Ok(())
    })
}

/// Decoding and the networks, on a pool of one worker. Also gives the face's embedding.
fn see(models: &Path, jpeg: Vec<u8>, iterations: u32) -> Outcome<(Vec<Timing>, Embedding)> {
    let one = NonZeroUsize::MIN;
    let paths = ModelPaths { folder: models.to_owned(), runtime: None };
    let vision = Vision::start(&paths, PoolSize { workers: one, queue: one })?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(vision.run(move |models| Ok(on_worker(models, &jpeg, iterations))))?
}

fn on_worker(models: &mut FaceModels, jpeg: &[u8], iterations: u32) -> Outcome<(Vec<Timing>, Embedding)> {
    let picture = Picture::decode(jpeg)?;
    let faces = models.detect(&picture)?;
    let [face] = faces.as_slice() else {
        return Err(format!("the detector finds {} faces in the photograph instead of one", faces.len()).into());
    };
    let probe = models.embed(&picture, face, Purpose::Probe)?;
    let timings = vec![
        repeat("decode", iterations, || Picture::decode(jpeg).map(drop))?,
        repeat("detect", iterations, || models.detect(&picture).map(drop))?,
        repeat("landmarks + align + embed", iterations, || models.embed(&picture, face, Purpose::Probe).map(drop))?,
        repeat("decode to embedding", iterations, || {
            let picture = Picture::decode(jpeg)?;
            let faces = models.detect(&picture)?;
            faces.first().map_or(Ok(()), |face| models.embed(&picture, face, Purpose::Probe).map(drop))
        })?,
    ];
    Ok((timings, probe))
}

/// The most similar of many random templates.
fn search(size: usize, probe: &Embedding, iterations: u32) -> Outcome<Timing> {
    let gallery = Gallery::new(DIMENSIONS);
    let mut random = Random(size as u64);
    for first in (0..size).step_by(BATCH) {
        let templates = (first..size.min(first + BATCH)).filter_map(|row| {
            let id = row as i64;
            let numbers = (0..DIMENSIONS).map(|_| random.number()).collect();
            Some((Entry { person: id, face: id }, Embedding::new(numbers)?.into_vec()))
        });
        gallery.extend(templates)?;
    }
    if gallery.len() != size {
        return Err(format!("{} templates instead of {size} in the gallery", gallery.len()).into());
    }
    let query = Query { top_n: 1, above: f32::NEG_INFINITY, filter: None };
    repeat(&format!("search {size}, top 1"), iterations, || {
        std::hint::black_box(gallery.search(probe.as_slice(), &query)?);
        Ok(())
    })
}
