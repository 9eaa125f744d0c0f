//! Proved bounds of the largest norm among interval matrices.
//!
//! `‖A‖_∞` is a maximum of row sums and needs no search. For `‖A‖₂` a value `t` is proposed by power
//! iteration in binary64; `‖A‖₂ ≤ t` holds if `‖A‖_F ≤ t`, or if the interval Cholesky factorisation
//! of `t² I − AᵀA` has positive pivots, which shows every symmetric matrix in the enclosure to be
//! positive definite. `‖A x‖/‖x‖` at the proposed `x` is the lower bound.

use rug::Float;
use rug::float::Round;

use crate::exact::{MpInterval, Rational};

/// Rows of intervals.
pub type Matrix = Vec<Vec<MpInterval>>;

/// A matrix norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatrixNorm {
    /// The Euclidean one.
    L2,
    /// The largest absolute row sum: the largest modulus over the history.
    Linf,
}

const BITS: u32 = 128;
/// What the proposed value is enlarged by before it is proved, and after a failure.
const SLACK: (f64, f64) = (1.0005, 1.001);
const ATTEMPTS: usize = 200;

/// The largest norm of the matrices seen so far, from both sides.
#[derive(Debug, Clone)]
pub struct Bounds {
    norm: MatrixNorm,
    lower: Float,
    upper: Float,
}

impl Bounds {
    /// No matrix seen yet.
    pub fn new(norm: MatrixNorm) -> Self {
        Self {
            norm,
            lower: Float::new(BITS),
            upper: Float::new(BITS),
        }
    }

    /// Both bounds; `None` where one is not finite.
    pub fn finish(self) -> Option<(Float, Float)> {
        (self.lower.is_finite() && self.upper.is_finite()).then_some((self.lower, self.upper))
    }

    /// Takes a matrix into both bounds; `None` where its norm cannot be bounded.
    #[must_use]
    pub fn include(&mut self, a: &Matrix) -> Option<()> {
        match self.norm {
            MatrixNorm::Linf => {
                let (lower, upper) = row_sums(a);
                self.raise(lower, upper);
            }
            MatrixNorm::L2 => {
                if frobenius_up(a) <= self.upper {
                    return Some(());
                }
                let (size, x) = propose(a);
                if !size.is_finite() {
                    return None;
                }
                let mut t = Float::with_val(BITS, size * SLACK.0).max(&self.upper.clone());
                let mut left = ATTEMPTS;
                while !at_most(a, &t)? {
                    t *= SLACK.1;
                    left = left.checked_sub(1)?;
                }
                // The last matrix needs no better lower bound than the largest proposal.
                let lower = if Float::with_val(64, size) > self.lower {
                    attained(a, &x)
                } else {
                    Float::new(BITS)
                };
                self.raise(lower, t);
            }
        }
        Some(())
    }

    /// Takes a matrix that powers approach into the lower bound only.
    #[must_use]
    pub fn include_limit(&mut self, a: &Matrix) -> Option<()> {
        let lower = match self.norm {
            MatrixNorm::Linf => row_sums(a).0,
            MatrixNorm::L2 => {
                let (size, x) = propose(a);
                if size.is_finite() {
                    attained(a, &x)
                } else {
                    Float::new(BITS)
                }
            }
        };
        if lower > self.lower {
            self.lower = lower;
        }
        Some(())
    }

    fn raise(&mut self, lower: Float, upper: Float) {
        if lower > self.lower {
            self.lower = lower;
        }
        if upper > self.upper {
            self.upper = upper;
        }
    }
}

fn zero() -> MpInterval {
    MpInterval::from_rational(BITS, &Rational::new()).expect("a precision within limits")
}

/// `|x|` from below and above.
fn modulus(x: &MpInterval) -> (Float, Float) {
    let (lo, hi) = (x.lo().clone(), x.hi().clone());
    if lo >= 0 {
        (lo, hi)
    } else if hi <= 0 {
        (-hi, -lo)
    } else {
        (Float::new(BITS), hi.max(&(-lo)))
    }
}

fn row_sums(a: &Matrix) -> (Float, Float) {
    let (mut least, mut most) = (Float::new(BITS), Float::new(BITS));
    for row in a {
        let (mut low, mut high) = (Float::new(BITS), Float::new(BITS));
        for (lo, hi) in row.iter().map(modulus) {
            low = Float::with_val_round(BITS, &low + &lo, Round::Down).0;
            high = Float::with_val_round(BITS, &high + &hi, Round::Up).0;
        }
        least = least.max(&low);
        most = most.max(&high);
    }
    (least, most)
}

fn frobenius_up(a: &Matrix) -> Float {
    let sum = a.iter().flatten().fold(zero(), |s, x| s.add(&x.square()));
    Float::with_val_round(BITS, sum.hi().sqrt_ref(), Round::Up).0
}

/// The 2-norm and a vector that nearly attains it, in binary64.
fn propose(a: &Matrix) -> (f64, Vec<f64>) {
    let m: Vec<Vec<f64>> = a
        .iter()
        .map(|row| row.iter().map(MpInterval::lo_f64).collect())
        .collect();
    let n = m.first().map_or(0, Vec::len);
    let mut x: Vec<f64> = (0..n).map(|i| 1.0 + 0.37 * i as f64).collect();
    let mut size = 0.0;
    for _ in 0..300 {
        let y: Vec<f64> = m
            .iter()
            .map(|row| row.iter().zip(&x).map(|(a, b)| a * b).sum())
            .collect();
        let mut z = vec![0.0; n];
        for (row, y) in m.iter().zip(&y) {
            for (z, a) in z.iter_mut().zip(row) {
                *z += a * y;
            }
        }
        let norm = z.iter().map(|z| z * z).sum::<f64>().sqrt();
        if norm == 0.0 || !norm.is_finite() {
            break;
        }
        let next = norm.sqrt();
        x = z.into_iter().map(|z| z / norm).collect();
        if (next - size).abs() <= 1e-9 * next {
            size = next;
            break;
        }
        size = next;
    }
    (size, x)
}

/// A lower bound of `‖A x‖/‖x‖`.
fn attained(a: &Matrix, x: &[f64]) -> Float {
    let exact: Option<Vec<MpInterval>> = x
        .iter()
        .map(|&x| MpInterval::from_f64(BITS, x).ok())
        .collect();
    let Some(x) = exact else {
        return Float::new(BITS);
    };
    let square = |list: &[MpInterval]| list.iter().fold(zero(), |s, x| s.add(&x.square()));
    let image: Vec<MpInterval> = a
        .iter()
        .map(|row| {
            row.iter()
                .zip(&x)
                .fold(zero(), |s, (a, x)| s.add(&x.mul(a)))
        })
        .collect();
    let ratio = square(&image).div(&square(&x));
    let root = ratio.and_then(|q| q.sqrt());
    root.map_or_else(|_| Float::new(BITS), |r| r.lo().clone())
}

/// Whether `‖A‖₂ ≤ t` is proved; `None` where an enclosure is unbounded.
pub(super) fn at_most(a: &Matrix, t: &Float) -> Option<bool> {
    let n = a.first().map_or(0, Vec::len);
    let t = MpInterval::from_float(t).ok()?;
    let mut gram: Matrix = Vec::with_capacity(n);
    for i in 0..n {
        let row = (0..n).map(|j| {
            if j < i {
                return zero();
            }
            let product = a.iter().fold(zero(), |s, row| s.sub(&row[i].mul(&row[j])));
            if i == j {
                product.add(&t.square())
            } else {
                product
            }
        });
        gram.push(row.collect());
    }
    Some(positive_definite(gram))
}

/// Whether every symmetric matrix in the enclosure (upper triangle) is proved positive definite.
pub(super) fn positive_definite(mut g: Matrix) -> bool {
    let n = g.len();
    for i in 0..n {
        if *g[i][i].lo() <= 0 {
            return false;
        }
        for r in i + 1..n {
            let Ok(factor) = g[i][r].div(&g[i][i]) else {
                return false;
            };
            let (above, below) = g.split_at_mut(r);
            for (x, y) in below[0].iter_mut().zip(&above[i]).skip(r) {
                *x = x.sub(&factor.mul(y));
            }
        }
    }
    true
}
