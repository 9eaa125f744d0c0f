//! Operator norms of affine layers.

use std::collections::HashMap;
use std::sync::Arc;

use ndarray::{Array2, Axis};

use super::matrix::ceiling;
use super::spectral::{ORDER_LIMIT, collatz_up, lambda_max_up, spectral_norm_up};
use super::symbol::convolution_norm_up;
use crate::graph::{Graph, Op};
use crate::ops::{LinearKernel, LinearMap, Weights};
use crate::rounding::eft::{add_up, mul_up, sqrt_up};
use crate::rounding::{Precision, SumBound};
use crate::verify::{Norm, Proved};

/// Elements of a matrix that is made dense for its Gram matrix.
const DENSE_LIMIT: usize = 1 << 22;

/// Multiply-adds of a sparse Gram matrix.
const GRAM_WORK_LIMIT: f64 = 4e9;

/// An upper bound of `‖A‖_p = sup ‖A x‖_p / ‖x‖_p` for the linear part of `map`,
/// over every matrix its [uncertainty](LinearMap::uncertainty) allows.
///
/// - `l1`: the largest column sum of `|A|`; `linf`: the largest row sum.
/// - `l2`: the smallest of the Frobenius norm, Collatz's quotient for
///   `|A|ᵀ|A|`, the root of a proved bound of `λ_max` of the Gram matrix of the
///   shorter side (up to order 1024), and for convolutions the largest norm
///   of the symbol on a torus. Where no two rows (or no two columns) overlap
///   the Gram matrix is diagonal and its largest entry is the answer.
///
/// **Semantics and evidence.** Coefficients read as exact reals; proved. `+∞` if
/// a sum overflows.
///
/// References: Rump, BIT 46 (2006); Collatz (1942); Sedghi, Gupta, Long (2019).
pub fn operator_norm(map: &dyn LinearMap, norm: Norm) -> Proved<f64> {
    let uncertain = add_up(1.0, map.uncertainty());
    let value = match norm {
        Norm::Linf => mul_up(absolute_sum(map, Side::Rows), uncertain),
        Norm::L1 => mul_up(absolute_sum(map, Side::Columns), uncertain),
        Norm::L2 => spectral(map),
    };
    Proved::new(ceiling(value))
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Rows,
    Columns,
}

/// The largest row (column) sum of the map, rounded up.
fn absolute_sum(map: &dyn LinearMap, side: Side) -> f64 {
    let (terms, sums) = match side {
        Side::Rows => {
            let ones = Array2::ones((1, map.input().len()));
            (map.chain(), map.apply(ones.view(), Weights::Absolute))
        }
        Side::Columns => {
            let ones = Array2::ones((1, map.output().len()));
            (
                map.adjoint_chain(),
                map.adjoint(ones.view(), Weights::Absolute),
            )
        }
    };
    let sum = SumBound::new(terms);
    // A sum of one coefficient is exact, and 0 is a sum of zeros.
    let up = |s: f64| if terms <= 1 || s == 0.0 { s } else { sum.up(s) };
    sums.iter().fold(0.0, |a, &s| a.max(ceiling(up(s))))
}

/// What one pass over the rows tells.
struct Profile {
    /// most entries in a row, in a column
    fill: [usize; 2],
    /// largest sum of squares of a row, of a column, rounded up
    squares: [f64; 2],
    /// sum of all squares, rounded up
    total: f64,
    /// Σ (entries of a row)², Σ (entries of a column)²
    work: [f64; 2],
}

fn profile(map: &dyn LinearMap) -> Profile {
    let (m, n) = (map.output().len(), map.input().len());
    let mut column = vec![(0usize, 0.0f64); n];
    let mut fill = [0usize; 2];
    let mut squares = [0.0f64; 2];
    let mut work = [0.0f64; 2];
    let (mut total, mut entries) = (0.0f64, 0usize);
    // Squares of binary32 numbers are exact, so a single one needs no bound and
    // a sum of 0 has no other terms.
    let up = |count: usize, s: f64| {
        if count <= 1 || s == 0.0 {
            s
        } else {
            ceiling(SumBound::new(count).up(s))
        }
    };
    for o in 0..m {
        let (mut count, mut row) = (0usize, 0.0f64);
        map.row(o, &mut |i, w| {
            let w = f64::from(w);
            count += 1;
            row += w * w;
            column[i].0 += 1;
            column[i].1 += w * w;
        });
        fill[0] = fill[0].max(count);
        squares[0] = squares[0].max(up(count, row));
        work[0] += (count as f64).powi(2);
        total += row;
        entries += count;
    }
    for (count, sum) in column {
        fill[1] = fill[1].max(count);
        squares[1] = squares[1].max(up(count, sum));
        work[1] += (count as f64).powi(2);
    }
    Profile {
        fill,
        squares,
        total: up(entries, total),
        work,
    }
}

/// The 2-norm, all routes.
fn spectral(map: &dyn LinearMap) -> f64 {
    let p = profile(map);
    let uncertainty = map.uncertainty();
    for side in [0, 1] {
        if p.fill[side] <= 1 {
            // Rows with one entry: AᵀA is diagonal, its entries the columns' squares.
            return mul_up(sqrt_up(p.squares[1 - side]), add_up(1.0, uncertainty));
        }
    }
    if p.total == 0.0 {
        return 0.0;
    }
    let coarse = collatz(map).min(sqrt_up(p.total));
    let mut best = coarse;
    let (m, n) = (map.output().len(), map.input().len());
    if m.min(n) <= ORDER_LIMIT {
        let fine = if m * n <= DENSE_LIMIT {
            spectral_norm_up(dense(map).view())
        } else {
            sparse_gram(map, &p)
        };
        best = best.min(fine.unwrap_or(f64::INFINITY));
    } else {
        let ones = |_: usize| 1.0f32;
        let symbol = match map.kernel() {
            // The adjoint has the norm of the convolution.
            LinearKernel::Conv2d {
                weight, geometry, ..
            }
            | LinearKernel::ConvTranspose {
                weight, geometry, ..
            } => convolution_norm_up(geometry, &|k| weight.data()[k]),
            LinearKernel::SumPool { geometry } => convolution_norm_up(geometry, &ones),
            _ => None,
        };
        best = best.min(symbol.unwrap_or(f64::INFINITY));
    }
    // ‖A'‖ <= ‖A‖ + ‖ |A' - A| ‖ <= ‖A‖ + uncertainty ‖ |A| ‖
    ceiling(add_up(best, mul_up(uncertainty, coarse)))
}

/// Collatz's quotient for `|A|ᵀ|A|`; its first step is `sqrt(‖A‖₁ ‖A‖_∞)` at most.
fn collatz(map: &dyn LinearMap) -> f64 {
    let (rows, columns) = (
        SumBound::new(map.chain()),
        SumBound::new(map.adjoint_chain()),
    );
    collatz_up(map.input().len(), |x| {
        let x = x.clone().insert_axis(Axis(0));
        let y = map.apply(x.view(), Weights::Absolute).mapv(|v| rows.up(v));
        let z = map
            .adjoint(y.view(), Weights::Absolute)
            .mapv(|v| columns.up(v));
        z.index_axis_move(Axis(0), 0)
    })
}

/// The matrix, exact.
pub(super) fn dense(map: &dyn LinearMap) -> Array2<f64> {
    let mut a = Array2::zeros((map.output().len(), map.input().len()));
    for o in 0..map.output().len() {
        map.row(o, &mut |i, w| a[[o, i]] = f64::from(w));
    }
    a
}

/// The root of a bound of `λ_max` of the shorter side's Gram matrix, summed as
/// outer products of sparse lines; `None` if that is too much work.
///
/// **Rounding.** Products of binary32 numbers are exact, so an entry summed from
/// `t` of them is within `γ_t |A|ᵀ|A|`, and `‖ |A|ᵀ|A| ‖_∞ <= ‖A‖₁ ‖A‖_∞`.
fn sparse_gram(map: &dyn LinearMap, p: &Profile) -> Option<f64> {
    let (m, n) = (map.output().len(), map.input().len());
    // Gram over columns is summed over rows and the other way round.
    let over = usize::from(m < n);
    if p.work[over] > GRAM_WORK_LIMIT {
        return None;
    }
    let mut lines: Vec<Vec<(usize, f64)>> = vec![Vec::new(); m.max(n)];
    for o in 0..m {
        map.row(o, &mut |i, w| {
            let (line, at) = if over == 0 { (o, i) } else { (i, o) };
            lines[line].push((at, f64::from(w)));
        });
    }
    let order = m.min(n);
    let mut gram = Array2::<f64>::zeros((order, order));
    for line in &lines {
        for &(i, a) in line {
            let mut row = gram.row_mut(i);
            for &(j, b) in line {
                row[j] += a * b;
            }
        }
    }
    let sums = mul_up(
        absolute_sum(map, Side::Rows),
        absolute_sum(map, Side::Columns),
    );
    let error = mul_up(Precision::BINARY64.gamma(p.fill[1 - over]), sums);
    Some(sqrt_up(ceiling(add_up(lambda_max_up(&gram), error))))
}

/// Operator norms by map, computed once; a key is an allocation.
pub(super) struct NormCache {
    norm: Norm,
    known: HashMap<*const (), f64>,
    /// keeps every key's allocation alive
    held: Vec<Arc<dyn LinearMap>>,
}

impl NormCache {
    pub(super) fn new(norm: Norm) -> NormCache {
        NormCache {
            norm,
            known: HashMap::new(),
            held: Vec::new(),
        }
    }

    /// The norm of interest.
    pub(super) fn norm(&self) -> Norm {
        self.norm
    }

    /// The operator norm of `map`.
    pub(super) fn of(&mut self, map: &Arc<dyn LinearMap>) -> f64 {
        let key = Arc::as_ptr(map).cast::<()>();
        if let Some(&known) = self.known.get(&key) {
            return known;
        }
        let value = operator_norm(&**map, self.norm).into_inner();
        self.known.insert(key, value);
        self.held.push(map.clone());
        value
    }

    /// The norms of every linear node of `graph`, by node.
    pub(super) fn of_graph(&mut self, graph: &Graph) -> Vec<f64> {
        graph
            .nodes()
            .iter()
            .map(|node| match &node.op {
                Op::Linear(map) => self.of(map),
                _ => f64::NAN,
            })
            .collect()
    }
}
