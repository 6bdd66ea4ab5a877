//! Data folder filled with people.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aicp_store::{Algorithm, BulkPerson, Bytes, NewFace, NewLibrary, NewPerson, NewTemplate, Profile, Store};
use aicp_types::{Clock, Node, PersonId, Snowflakes, SystemClock, UnixMillis};
use aicp_vision::{Effort, ModelPaths, Picture, PoolSize, Purpose, Vision};
use nalgebra::DMatrix;

use crate::machine::Threads;
use crate::random::Random;
use crate::{Error, Result};

/// App that the admin token acts for.
const APP: &str = "admin";
/// Library of that app.
pub(super) const LIBRARY: &str = "benchmark";
/// People stored per transaction.
const PEOPLE_PER_TRANSACTION: usize = 4096;
const SEED: u64 = 5;

/// Template of the picture's face, and the weights that make embeddings.
struct Face {
    algorithm: Algorithm,
    vector: Vec<f32>,
    /// Weights of the last layer, one row per output; the identity for a network without one.
    weights: DMatrix<f32>,
}

/// Fills a new data folder with this many people. One has the face of the picture, the others are what the last layer of
/// the network makes of random numbers, so that their energy is along the same axes as that of faces. All share the
/// picture, which is stored once.
///
/// # Errors
/// [`Error`] if the picture shows no face, or the folder can't be filled.
pub fn fill(folder: &Path, people: usize, picture: &[u8], models: &ModelPaths) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let face = embed_largest_face(picture, models).await?;
        let store = aicp_store_sqlite::open(folder, Arc::new(SystemClock)).await?;
        let filled = add(&store, people, picture, &face).await;
        store.close().await?;
        filled
    })
}

async fn embed_largest_face(picture: &[u8], models: &ModelPaths) -> Result<Face> {
    let vision = Vision::start(models, PoolSize { workers: Threads::MIN, queue: Threads::MIN })?;
    let picture = picture.to_vec();
    let found = vision.run(move |models| {
        let picture = Picture::decode(&picture)?;
        match models.detect_largest(&picture, Effort::Full)? {
            Some(face) => Ok(Some(models.embed(&picture, &face, Purpose::Enrolment)?.embedding)),
            None => Ok(None),
        }
    });
    let vector = found.await?.ok_or_else(|| Error::Request("the picture shows no face".to_owned()))?.into_vec();
    let aicp_vision::Algorithm { name, provider, version } = vision.algorithm().clone();
    let dimensions = vector.len();
    let weights = match vision.embedder_weights() {
        Some(weights) => DMatrix::from_row_slice(dimensions, dimensions, &weights),
        None => DMatrix::identity(dimensions, dimensions),
    };
    Ok(Face { algorithm: Algorithm { name, provider, version }, vector, weights })
}

async fn add(store: &Store, people: usize, picture: &[u8], face: &Face) -> Result<()> {
    // Older than any that the server will make.
    let now = SystemClock.now().saturating_sub(Duration::from_hours(1));
    let ids = Snowflakes::new(Node::default());
    let library = NewLibrary {
        app_id: APP.to_owned(),
        external_id: LIBRARY.to_owned(),
        name: LIBRARY.to_owned(),
        description: None,
        engine_key: format!("{:032x}", 1),
        engine: "builtin".to_owned(),
        created_at: now,
        slot: Some(1),
        hidden: false,
    };
    let made = store.write(move |tx| {
        Box::pin(async move {
            tx.ensure_app(APP, now).await?;
            tx.insert_library(library).await
        })
    });
    let library = made.await.map_err(Error::Store)?.id;
    let picture = Bytes::copy_from_slice(picture);
    let mut random = Random(SEED);
    let mut under_way = None;
    for first in (0..people).step_by(PEOPLE_PER_TRANSACTION) {
        let numbers = first..people.min(first + PEOPLE_PER_TRANSACTION);
        let vectors = directions(numbers.len(), &face.weights, &mut random);
        let people = numbers.zip(vectors.column_iter());
        let together = people.map(|(number, vector)| {
            let vector = if number == 0 { &face.vector } else { vector.as_slice() };
            person(number, vector.to_vec(), now, &ids, &face.algorithm, &mut random)
        });
        let together: Vec<_> = together.collect();
        // While these are stored, the next ones are generated.
        let (store, pictures) = (store.clone(), vec![picture.clone()]);
        let next = tokio::spawn(async move { store.add_people(library, together, pictures).await });
        finish(under_way.replace(next)).await?;
    }
    finish(under_way).await
}

async fn finish(adding: Option<tokio::task::JoinHandle<aicp_store::Result<Vec<PersonId>>>>) -> Result<()> {
    if let Some(adding) = adding {
        adding.await.map_err(std::io::Error::other)??;
    }
    Ok(())
}

/// Generates a person. The ids are smaller than any that the server will assign.
fn person(
    number: usize,
    vector: Vec<f32>,
    now: UnixMillis,
    ids: &Snowflakes,
    algorithm: &Algorithm,
    random: &mut Random,
) -> BulkPerson {
    let face = NewFace {
        file_id: ids.next(now).into(),
        bounding_box: [0.0; 4],
        confidence: 1.0,
        quality: None,
        template: Some(NewTemplate { algorithm: algorithm.clone(), vector, recognisability: Some(1.0) }),
        engine_ref: None,
    };
    let person = NewPerson {
        public_id: ids.next(now).into(),
        // The random prefix spreads the numbers over the index, as with real ones.
        number: format!("{:016x}{number:016x}", random.bits()),
        external_id: Some(format!("user-{number}")),
        info: None,
        profile: Profile { name: Some(format!("Person {number}")), ..Profile::default() },
        tags: Vec::new(),
        created_at: now,
    };
    BulkPerson { person, faces: vec![(face, 0)] }
}

/// Returns unit vectors, each a column: what the weights make of random directions.
fn directions(count: usize, weights: &DMatrix<f32>, random: &mut Random) -> DMatrix<f32> {
    // The sum of a few uniform numbers is close enough to normal that no direction is preferred.
    let noise = DMatrix::from_fn(weights.ncols(), count, |_, _| random.number() + random.number() + random.number());
    let mut vectors = weights * noise;
    vectors.column_iter_mut().for_each(|mut vector| {
        let length = vector.norm().max(f32::MIN_POSITIVE);
        vector /= length;
    });
    vectors
}
