//! Axes along which embeddings have most of their energy.
//!
//! The embeddings of one model do not fill their dimensions: a few directions hold nearly all of their length. Rotated to
//! those directions, the first numbers of a template tell nearly all of a cosine, and the length of the others bounds the
//! rest: by the Cauchy-Schwarz inequality the product of two remainders is at most the product of their lengths.

use nalgebra::{DMatrix, DVectorView, SymmetricEigen};

/// Maximum deviation of the axes from orthonormality: of any number of `A Aᵀ - I`, times the dimensions.
const MAX_DEVIATION: f64 = 5e-5;

/// Reason why numbers are no axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AxesError {
    /// The matrix is not square, or empty.
    #[error("{numbers} numbers are no square matrix of {dimensions} dimensions")]
    NotSquare {
        /// Dimensions expected.
        dimensions: usize,
        /// Numbers given.
        numbers: usize,
    },
    /// Some numbers are not finite, or the axes are not orthonormal.
    #[error("the matrix has no orthonormal axes")]
    NotOrthonormal,
}

/// Orthonormal axes of a vector space, those with the most energy first.
pub struct Axes {
    dimensions: usize,
    /// One axis per row.
    matrix: DMatrix<f32>,
}

impl Axes {
    /// Returns the axes of what a linear layer makes of uncorrelated inputs: the left singular vectors of its weights.
    /// `weights` has one row per output, as ONNX stores the weights of a fully connected layer.
    ///
    /// # Errors
    /// [`AxesError`] if the weights are not square, or not finite.
    pub fn of_weights(dimensions: usize, weights: &[f32]) -> Result<Self, AxesError> {
        let weights = square(dimensions, weights)?.map(f64::from);
        Self::of_second_moment(&weights * weights.transpose())
    }

    /// Returns the axes of vectors: the eigenvectors of their second moment. `vectors` are whole vectors, one after the
    /// other.
    ///
    /// # Errors
    /// [`AxesError`] if the numbers are no whole vectors, or not finite.
    pub fn of_vectors(dimensions: usize, vectors: &[f32]) -> Result<Self, AxesError> {
        if dimensions == 0 || !vectors.len().is_multiple_of(dimensions) {
            return Err(AxesError::NotSquare { dimensions, numbers: vectors.len() });
        }
        let columns = DMatrix::from_column_slice(dimensions, vectors.len() / dimensions, vectors).map(f64::from);
        Self::of_second_moment(&columns * columns.transpose())
    }

    fn of_second_moment(moment: DMatrix<f64>) -> Result<Self, AxesError> {
        let dimensions = moment.nrows();
        if moment.iter().any(|number| !number.is_finite()) {
            return Err(AxesError::NotOrthonormal);
        }
        let eigen = SymmetricEigen::new(moment);
        let mut order: Vec<usize> = (0..dimensions).collect();
        order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]).then(a.cmp(&b)));
        let matrix =
            DMatrix::from_fn(dimensions, dimensions, |row, column| eigen.eigenvectors[(column, order[row])] as f32);
        Self::orthonormal(dimensions, matrix)
    }

    fn orthonormal(dimensions: usize, matrix: DMatrix<f32>) -> Result<Self, AxesError> {
        let exact = matrix.map(f64::from);
        let deviation = &exact * exact.transpose() - DMatrix::identity(dimensions, dimensions);
        // Written so that a number that is none fails, too.
        let is_orthonormal = deviation.iter().all(|number| number.abs() * dimensions as f64 <= MAX_DEVIATION);
        if is_orthonormal { Ok(Self { dimensions, matrix }) } else { Err(AxesError::NotOrthonormal) }
    }

    /// Returns the number of dimensions of a vector.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Returns the axes, one after the other, each of [`Axes::dimensions`] numbers.
    pub fn rows(&self) -> Vec<f32> {
        self.matrix.transpose().as_slice().to_vec()
    }

    /// Returns the first axes, for [`Axes::rotate`].
    pub(crate) fn first(&self, count: usize) -> DMatrix<f32> {
        self.matrix.rows(0, count).into_owned()
    }
}

/// Returns the coordinates of a vector along axes.
pub(crate) fn rotated(axes: &DMatrix<f32>, vector: &[f32]) -> Vec<f32> {
    (axes * DVectorView::from_slice(vector, vector.len())).as_slice().to_vec()
}

/// Returns the coordinates of vectors, each a column, along axes; faster than one by one.
pub(crate) fn all_rotated(axes: &DMatrix<f32>, vectors: &[&[f32]]) -> DMatrix<f32> {
    let mut columns = DMatrix::zeros(axes.ncols(), vectors.len());
    for (mut column, vector) in columns.column_iter_mut().zip(vectors) {
        column.copy_from_slice(vector);
    }
    axes * columns
}

fn square(dimensions: usize, rows: &[f32]) -> Result<DMatrix<f32>, AxesError> {
    if dimensions == 0 || rows.len() != dimensions * dimensions {
        return Err(AxesError::NotSquare { dimensions, numbers: rows.len() });
    }
    Ok(DMatrix::from_row_slice(dimensions, dimensions, rows))
}
