//! Generated templates: any row of a library of any size is computed from a seed, so nothing is stored.
//!
//! By default rows have the spectrum of real embeddings: a Gaussian vector with the energies that were measured along the
//! principal axes, turned by an orthogonal matrix, so that no axis is a single number. They can also be random directions,
//! which no embeddings of faces are. Every other probe is a row plus noise of the same kind; the others are strangers.

use std::f64::consts::PI;
use std::sync::OnceLock;
use std::thread;

use crate::machine::Threads;
use crate::random::Random;
use crate::spectrum::ENERGIES;

/// Dimensions of a template.
pub const DIMENSIONS: usize = 512;
/// Range of the cosine of a probe to its row, uniformly distributed.
pub const COSINE_TO_ROW: [f32; 2] = [0.5, 0.9];
/// Steps of the table of the normal distribution.
const STEPS: usize = 1 << 16;
/// Mask that makes the random numbers of probes differ from those of rows.
const PROBES: u64 = 0x70_726f_6265;

/// Origin of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A row of the library.
    Row(usize),
    /// Not a row of the library.
    Stranger,
}

/// Distribution of generated templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum Kind {
    /// As embeddings of faces: most of the energy is along few axes.
    Faces,
    /// Random directions.
    Random,
}

/// A generated library and its probes.
#[derive(Debug, Clone, Copy)]
pub struct Templates {
    seed: u64,
    people: usize,
    kind: Kind,
}

impl Templates {
    /// Creates a library of this many people, with one template each.
    pub fn new(seed: u64, people: usize, kind: Kind) -> Self {
        Self { seed, people, kind }
    }

    /// Returns the number of rows.
    pub fn people(&self) -> usize {
        self.people
    }

    /// Returns the distribution of the templates.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Writes a row: a unit vector of [`DIMENSIONS`].
    pub fn row(&self, row: usize, out: &mut [f32]) {
        self.direction(&mut self.random_of(row as u64), out);
    }

    /// Fills `out` with the rows from `first` on, with this many threads.
    pub fn rows(&self, first: usize, out: &mut [f32], threads: Threads) {
        let share = (out.len() / DIMENSIONS).div_ceil(threads.get()).max(1);
        let fill = |first: usize, out: &mut [f32]| {
            out.chunks_exact_mut(DIMENSIONS).enumerate().for_each(|(offset, out)| self.row(first + offset, out));
        };
        thread::scope(|scope| {
            for (number, out) in out.chunks_mut(share * DIMENSIONS).enumerate() {
                scope.spawn(move || fill(first + number * share, out));
            }
        });
    }

    /// Returns the origin of a probe; every other one is a stranger.
    pub fn origin(&self, probe: usize) -> Origin {
        if probe.is_multiple_of(2) && self.people > 0 {
            let mut random = self.random_of_probe(probe);
            Origin::Row((random.bits() % self.people as u64) as usize)
        } else {
            Origin::Stranger
        }
    }

    /// Generates a probe, a unit vector.
    pub fn probe(&self, probe: usize) -> Vec<f32> {
        let mut random = self.random_of_probe(probe);
        let mut out = vec![0.0; DIMENSIONS];
        match self.origin(probe) {
            Origin::Row(row) => {
                let mut of = vec![0.0; DIMENSIONS];
                self.row(row, &mut of);
                random.bits();
                let cosine = between(&mut random, COSINE_TO_ROW);
                self.with_cosine(&mut random, &of, cosine, &mut out);
            }
            Origin::Stranger => self.direction(&mut random, &mut out),
        }
        out
    }

    fn random_of(&self, number: u64) -> Random {
        // The first output of one generator seeds another, so that neighbouring numbers are uncorrelated.
        Random(Random(self.seed ^ number.rotate_left(32)).bits())
    }

    fn random_of_probe(&self, probe: usize) -> Random {
        Random(self.random_of(probe as u64).bits() ^ PROBES)
    }

    /// Writes a unit vector.
    fn direction(&self, random: &mut Random, out: &mut [f32]) {
        self.noise(random, out);
        scale_to_one(out);
    }

    /// Writes a unit vector at this cosine to another: that vector plus the orthogonal part of noise.
    fn with_cosine(&self, random: &mut Random, to: &[f32], cosine: f32, out: &mut [f32]) {
        self.noise(random, out);
        let along = dot(out, to);
        let across = (dot(out, out) - along * along).max(f32::MIN_POSITIVE).sqrt();
        let noise = (1.0 - cosine * cosine).sqrt() / across;
        let base = cosine - noise * along;
        for (number, to) in out.iter_mut().zip(to) {
            *number = base * to + noise * *number;
        }
        scale_to_one(out);
    }

    /// Writes a Gaussian vector of the distribution.
    fn noise(&self, random: &mut Random, out: &mut [f32]) {
        gaussian(random, out);
        if self.kind == Kind::Faces {
            for (number, size) in out.iter_mut().zip(sizes()) {
                *number *= size;
            }
            turn(out);
        }
    }
}

/// Returns the size of a template along each axis before [`turn`]; every other one is negative, so that the axes have no
/// pattern in common with the turn.
fn sizes() -> &'static [f32; DIMENSIONS] {
    static SIZES: OnceLock<[f32; DIMENSIONS]> = OnceLock::new();
    SIZES.get_or_init(|| std::array::from_fn(|axis| ENERGIES[axis].sqrt() * if axis % 2 == 0 { 1.0 } else { -1.0 }))
}

/// Turns a vector by an orthogonal matrix, the Walsh-Hadamard transform, up to its length.
fn turn(vector: &mut [f32]) {
    let mut width = 1;
    while width < vector.len() {
        for pair in vector.chunks_exact_mut(2 * width) {
            let (low, high) = pair.split_at_mut(width);
            for (low, high) in low.iter_mut().zip(high) {
                (*low, *high) = (*low + *high, *low - *high);
            }
        }
        width *= 2;
    }
}

fn between(random: &mut Random, [low, high]: [f32; 2]) -> f32 {
    low + (high - low) * (random.number() + 1.0) / 2.0
}

fn scale_to_one(vector: &mut [f32]) {
    let scale = dot(vector, vector).max(f32::MIN_POSITIVE).sqrt().recip();
    vector.iter_mut().for_each(|number| *number *= scale);
}

/// Writes normally distributed numbers, quantised to steps of probability 1/65536: four from each 64 random bits.
fn gaussian(random: &mut Random, out: &mut [f32]) {
    let table = normal_table();
    for four in out.chunks_mut(4) {
        let bits = random.bits().to_le_bytes();
        let (pairs, _) = bits.as_chunks::<2>();
        for (number, pair) in four.iter_mut().zip(pairs) {
            *number = table[usize::from(u16::from_le_bytes(*pair))];
        }
    }
}

/// Returns the quantiles of the normal distribution at the middle of each step.
fn normal_table() -> &'static [f32; STEPS] {
    static TABLE: OnceLock<Box<[f32; STEPS]>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = Box::new([0.0; STEPS]);
        // Newton's method, starting from the previous quantile; the middle is at 0.
        let (mut x, mut below) = (0.0f64, 0.5f64);
        for step in STEPS / 2..STEPS {
            let wanted = (step as f64 + 0.5) / STEPS as f64;
            let (from, from_below) = (x, below);
            for _ in 0..4 {
                below = from_below + area(from, x);
                x += (wanted - below) / density(x);
            }
            below = from_below + area(from, x);
            table[step] = x as f32;
            table[STEPS - 1 - step] = -x as f32;
        }
        table
    })
}

fn density(x: f64) -> f64 {
    (-x * x / 2.0).exp() / (2.0 * PI).sqrt()
}

/// Returns the probability between two close numbers (Simpson's rule, four steps).
fn area(from: f64, to: f64) -> f64 {
    let at = |quarter: f64| density(from + (to - from) * quarter / 4.0);
    (to - from) / 12.0 * (at(0.0) + 4.0 * at(1.0) + 2.0 * at(2.0) + 4.0 * at(3.0) + at(4.0))
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0f32; LANES];
    for (x, y) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f32>() + rest
}
