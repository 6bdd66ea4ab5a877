//! Forms in which a gallery stores its rows.
//!
//! A small gallery stores whole templates. A large one, of a model whose embeddings have their energy in few directions,
//! stores of each template its coordinates along the strongest axes, in 8 bits: the head, which every search reads, and
//! the middle, which it reads for the rows that the head does not rule out. The head has one number more, the length of all
//! that is behind it: its product with that of the probe is an upper bound of what the rest adds to the cosine. So the scan
//! needs no other test, and a search stays exact. Only the best few are compared in full, with the templates that a
//! [`TemplateSource`] returns.

use std::sync::{Arc, LazyLock};

use aicp_types::FaceId;
use nalgebra::DMatrix;

use crate::axes::{Axes, all_rotated, rotated};
use crate::codes::{Codes, Probe, RotatedProbe, length_bound, padded};
use crate::kernel::QUAD;
use crate::{Error, Result};

/// Upper bound of the error that rotation in single precision adds to a cosine, per length of template and probe: 512
/// roundings for each of at most 512 coordinates, in the worst case.
pub(crate) const ROTATION_ERROR: f32 = 1e-3;
/// Greatest mean share of a template's energy behind its head.
const MAX_TAIL_ENERGY: f64 = 0.04;
/// Greatest mean share of a template's energy behind its middle.
const MAX_REST_ENERGY: f64 = 0.001;
/// Numbers of a head are a multiple of this.
const HEAD_STEP: usize = 16;

/// Templates by face, to compare the best few of a large gallery in full.
pub trait TemplateSource: Send + Sync {
    /// Returns the templates of these faces, in their order; `None` for a face that is gone.
    ///
    /// # Errors
    /// [`Error::Source`] if they can't be read.
    fn read(&self, faces: &[FaceId]) -> Result<Vec<Option<Vec<f32>>>>;
}

/// What a large gallery needs to store heads instead of whole templates.
#[derive(Clone)]
pub struct Rotation {
    /// Axes of the model's embeddings. They are computed when the first gallery is large; `None` if there are none.
    pub axes: Arc<LazyAxes>,
    /// Full templates of the rows.
    pub source: Arc<dyn TemplateSource>,
    /// Rows from which a gallery is large.
    pub min_rows: usize,
}

/// Axes that are computed on first use.
pub type LazyAxes = LazyLock<Option<Axes>, Box<dyn FnOnce() -> Option<Axes> + Send>>;

/// Form of the rows of a gallery.
#[derive(Clone)]
pub(crate) enum Form {
    /// Whole templates, as they are.
    Whole,
    /// Heads and middles of rotated templates.
    Rotated(Arc<RotatedForm>),
}

/// Axes and lengths of rotated rows.
pub(crate) struct RotatedForm {
    /// Axes of head and middle, one per row.
    axes: DMatrix<f32>,
    /// Coordinates in the head, without the length of the tail.
    head: usize,
    pub source: Arc<dyn TemplateSource>,
}

/// A template as a row stores it.
pub(crate) enum RowCodes {
    Whole(Codes),
    Rotated(RotatedCodes),
}

/// A rotated template.
pub(crate) struct RotatedCodes {
    pub head: Codes,
    pub middle: Codes,
    /// Upper bound of the length of what neither head nor middle have.
    pub rest: f32,
}

impl Form {
    /// Returns the numbers of a row that every search reads.
    pub fn scanned(&self, dimensions: usize) -> usize {
        match self {
            Self::Whole => dimensions,
            Self::Rotated(form) => form.numbers().0,
        }
    }

    /// Returns the numbers of a row's middle; `None` if rows are whole.
    pub fn middle(&self) -> Option<usize> {
        match self {
            Self::Whole => None,
            Self::Rotated(form) => Some(form.numbers().1),
        }
    }

    /// Returns whether rows of both forms are alike.
    pub fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Whole, Self::Whole) => true,
            (Self::Rotated(one), Self::Rotated(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }

    /// Quantises templates; the result ends before the first one without a finite length.
    pub fn codes(&self, vectors: &[&[f32]]) -> Vec<RowCodes> {
        match self {
            Self::Whole => vectors.iter().map_while(|vector| Some(RowCodes::Whole(Codes::of(vector)?))).collect(),
            Self::Rotated(form) => {
                let coordinates = all_rotated(&form.axes, vectors);
                let pairs = vectors.iter().zip(coordinates.column_iter());
                let codes = pairs.map_while(|(vector, coordinates)| form.codes(vector, coordinates.as_slice()));
                codes.map(RowCodes::Rotated).collect()
            }
        }
    }

    /// Quantises a vector as a probe; `None` if it has no finite length.
    pub fn probe(&self, vector: &[f32]) -> Option<Probe> {
        match self {
            Self::Whole => Probe::of(vector),
            Self::Rotated(form) => form.probe(vector),
        }
    }
}

impl RotatedForm {
    /// Chooses the lengths of head and middle for templates like these; `None` if they fill so many dimensions that the
    /// form does not pay.
    pub fn choose(rotation: &Rotation, sample: &[Vec<f32>]) -> Option<Self> {
        let axes = LazyLock::force(&rotation.axes).as_ref()?;
        let dimensions = axes.dimensions();
        if sample.iter().any(|vector| vector.len() != dimensions) {
            return None;
        }
        let vectors: Vec<&[f32]> = sample.iter().map(Vec::as_slice).collect();
        let coordinates = all_rotated(&axes.first(dimensions), &vectors);
        let whole = coordinates.norm_squared();
        // Mean share of the energy from each coordinate on.
        let mut behind: Vec<f64> = coordinates.row_iter().map(|row| f64::from(row.norm_squared() / whole)).collect();
        for at in (1..dimensions).rev() {
            behind[at - 1] += behind[at];
        }
        let behind = |from: usize| behind.get(from).copied().unwrap_or(0.0);
        let step = HEAD_STEP.min(QUAD * (dimensions / (4 * QUAD)).max(1));
        let head = (step..=dimensions / 2).step_by(step).map(|numbers| numbers - 1);
        let head = head.into_iter().find(|&head| behind(head) <= MAX_TAIL_ENERGY)?;
        let kept = (head..dimensions).step_by(QUAD).find(|&kept| behind(kept) <= MAX_REST_ENERGY)?;
        let kept = kept.clamp(head + QUAD, 3 * dimensions / 4);
        Some(Self { axes: axes.first(kept), head, source: Arc::clone(&rotation.source) })
    }

    /// Returns the form with these axes, one after the other, and this many coordinates in a head and in both; `None` if
    /// there are not so many.
    pub fn of_axes(dimensions: usize, [head, kept]: [usize; 2], axes: &[f32], rotation: &Rotation) -> Option<Self> {
        let fits = 0 < head && head < kept && kept <= dimensions && kept.checked_mul(dimensions) == Some(axes.len());
        let axes = fits.then(|| DMatrix::from_row_slice(kept, dimensions, axes))?;
        Some(Self { axes, head, source: Arc::clone(&rotation.source) })
    }

    /// Returns the axes, one after the other.
    pub fn axis_rows(&self) -> Vec<f32> {
        self.axes.transpose().as_slice().to_vec()
    }

    /// Returns the numbers of a head and of a middle.
    pub fn numbers(&self) -> (usize, usize) {
        (self.head + 1, self.axes.nrows() - self.head)
    }

    fn codes(&self, vector: &[f32], coordinates: &[f32]) -> Option<RotatedCodes> {
        let Parts { head, middle, rest } = self.parts(vector, coordinates)?;
        Some(RotatedCodes { head: Codes::of(&head)?, middle: Codes::of(&middle)?, rest })
    }

    fn probe(&self, vector: &[f32]) -> Option<Probe> {
        let Parts { mut head, middle, rest } = self.parts(vector, &rotated(&self.axes, vector))?;
        let scanned = Probe::of(&head)?;
        let whole = length_bound(vector);
        // The length of the tail is no coordinate.
        head.truncate(self.head);
        let lengths = [length_bound(&head), length_bound(&middle), rest, whole];
        let rotated = RotatedProbe { head: padded(&head), middle: padded(&middle), lengths };
        let left_out = scanned.left_out + ROTATION_ERROR * whole;
        Some(Probe { numbers: padded(vector), left_out, rotated: Some(rotated), ..scanned })
    }

    /// Splits a vector, given its coordinates along the axes; `None` if it has no finite length.
    fn parts(&self, vector: &[f32], coordinates: &[f32]) -> Option<Parts> {
        let energy = |numbers: &[f32]| numbers.iter().map(|&number| f64::from(number).powi(2)).sum::<f64>();
        let whole = energy(vector);
        if !(whole.sqrt() as f32).is_finite() {
            return None;
        }
        let (head, middle) = coordinates.split_at(self.head);
        // The difference has no more digits than the rotation.
        let rest = (whole - energy(coordinates)).max(0.0) + f64::from(ROTATION_ERROR) * whole;
        let tail = length_over(energy(middle) + rest);
        let mut head = head.to_vec();
        head.push(tail);
        Some(Parts { head, middle: middle.to_vec(), rest: length_over(rest) })
    }
}

/// A rotated vector.
struct Parts {
    /// Coordinates along the first axes, then an upper bound of the length of all others.
    head: Vec<f32>,
    middle: Vec<f32>,
    /// Upper bound of the length of what neither head nor middle have.
    rest: f32,
}

/// Returns the least number above the square root.
fn length_over(energy: f64) -> f32 {
    (energy.sqrt() as f32).next_up()
}

/// Reads the templates of faces in full and quantises them for [`crate::codes::dot`].
pub(crate) fn full(source: &dyn TemplateSource, faces: &[FaceId], dimensions: usize) -> Result<Vec<Option<Codes>>> {
    let read = source.read(faces)?;
    if read.len() != faces.len() {
        return Err(Error::Source(format!("{} templates of {} faces", read.len(), faces.len())));
    }
    let codes = read.into_iter().map(|template| match template {
        Some(vector) if vector.len() == dimensions => Codes::of(&vector).map(Some).ok_or(Error::NotFinite),
        Some(vector) => Err(Error::Dimensions { expected: dimensions, found: vector.len() }),
        None => Ok(None),
    });
    codes.collect()
}
