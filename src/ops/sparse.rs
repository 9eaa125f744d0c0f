//! Products with a constant sparse matrix.

use ndarray::{Array2, ArrayView2, s};

use super::Weights;

/// Rows of a batch that go through the matrix together.
const LANES: usize = 8;

/// The non-zero entries of a matrix, row by row.
#[derive(Debug)]
pub(super) struct Sparse {
    columns: usize,
    /// where each row's entries begin, and the end of the last
    starts: Vec<usize>,
    /// column and value
    entries: Vec<(u32, f32)>,
}

impl Sparse {
    /// Of a row-major matrix with `columns` columns; `None` if more than a
    /// fraction `1 / scarcity` of its entries is not zero.
    pub fn new(data: &[f32], columns: usize, scarcity: usize) -> Option<Sparse> {
        let count = data.iter().filter(|w| **w != 0.0).count();
        if columns == 0 || count.saturating_mul(scarcity) > data.len() {
            return None;
        }
        u32::try_from(columns).ok()?;
        let mut entries = Vec::with_capacity(count);
        let mut starts = vec![0];
        for row in data.chunks_exact(columns) {
            let filled = row.iter().enumerate().filter(|(_, w)| **w != 0.0);
            entries.extend(filled.map(|(i, &w)| (i as u32, w)));
            starts.push(entries.len());
        }
        Some(Sparse {
            columns,
            starts,
            entries,
        })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// Column and value of the entries of row `o`.
    pub fn row(&self, o: usize) -> &[(u32, f32)] {
        &self.entries[self.starts[o]..self.starts[o + 1]]
    }

    /// The most entries in any row.
    pub fn longest(&self) -> usize {
        let lengths = self.starts.windows(2).map(|w| w[1] - w[0]);
        lengths.max().unwrap_or(0)
    }

    /// The transposed matrix.
    pub fn transposed(&self) -> Sparse {
        let mut starts = vec![0; self.columns + 1];
        for &(i, _) in &self.entries {
            starts[i as usize + 1] += 1;
        }
        for i in 0..self.columns {
            starts[i + 1] += starts[i];
        }
        let mut next = starts.clone();
        let mut entries = vec![(0, 0.0); self.entries.len()];
        for o in 0..self.rows() {
            for &(i, w) in self.row(o) {
                entries[next[i as usize]] = (o as u32, w);
                next[i as usize] += 1;
            }
        }
        Sparse {
            columns: self.rows(),
            starts,
            entries,
        }
    }

    /// `x Mᵀ`, shape (batch, rows): every element is one plain sum over the
    /// entries of a row.
    pub fn product(&self, x: ArrayView2<'_, f64>, weights: Weights) -> Array2<f64> {
        let (batch, n) = x.dim();
        assert_eq!(n, self.columns, "inner extents of a matrix product");
        let mut y = Array2::zeros((batch, self.rows()));
        // Element i of every lane side by side.
        let mut tile = vec![[0.0; LANES]; n];
        for first in (0..batch).step_by(LANES) {
            let count = LANES.min(batch - first);
            for (lane, row) in x
                .slice(s![first..first + count, ..])
                .rows()
                .into_iter()
                .enumerate()
            {
                tile.iter_mut().zip(row).for_each(|(t, &v)| t[lane] = v);
            }
            for o in 0..self.rows() {
                let mut sum = [0.0; LANES];
                for &(i, w) in self.row(o) {
                    let w = weights.of(w);
                    let values = &tile[i as usize];
                    sum.iter_mut().zip(values).for_each(|(s, v)| *s += w * v);
                }
                for (lane, sum) in sum.iter().enumerate().take(count) {
                    y[[first + lane, o]] = *sum;
                }
            }
        }
        y
    }
}
