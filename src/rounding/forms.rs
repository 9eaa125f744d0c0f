//! Linear functionals `Σ a_i x_i` with binary64 coefficients: their value at a
//! point with its error, and their least value over a box.
//!
//! All sums may be reordered: the bounds hold for every order
//! ([`Precision::gamma`]).

use ndarray::{Array2, ArrayView2};

use super::eft::sub_dn;
use super::model::short_up;
use super::simd::{self, Isa};
use super::{Boxes, Precision, SumBound};

pub use super::simd::RowLines;

const B: Precision = Precision::BINARY64;

/// `Σ_{i<n} f(i)` in eight interleaved partial sums, so that the additions of
/// one row do not wait for each other.
#[inline]
pub fn sum_rn(n: usize, f: impl Fn(usize) -> f64) -> f64 {
    let mut lanes = [0.0f64; 8];
    let whole = n / 8 * 8;
    for i in (0..whole).step_by(8) {
        for (k, lane) in lanes.iter_mut().enumerate() {
            *lane += f(i + k);
        }
    }
    let tail: f64 = (whole..n).map(&f).sum();
    let [a, b, c, d, e, g, h, i] = lanes;
    ((a + e) + (b + g)) + ((c + h) + (d + i)) + tail
}

/// An upper bound of `Σ |a_i| w_i`, `w_i >= 0`; infinite or NaN if it overflows.
pub fn weighted_up(a: &[f64], w: &[f64]) -> f64 {
    weigh(a, w, w).1
}

/// `(v, size)`: the rounded sum `v` of `a_i x_i`, within `γ_n Σ|a_i x_i| + n η`
/// of the exact one, and an upper bound of `Σ |a_i| w_i`, `w_i >= 0`.
///
/// # Panics
/// If lengths differ.
pub fn weigh(a: &[f64], x: &[f64], w: &[f64]) -> (f64, f64) {
    let (v, size) = simd::weigh(Isa::detect(), a, x, w);
    (v, SumBound::new(a.len()).up(size))
}

/// `(v, e)` with `|v - Σ a_i x_i| <= e`.
pub fn dot_rn(a: &[f64], x: &[f64]) -> (f64, f64) {
    let n = a.len();
    let v = sum_rn(n, |i| a[i] * x[i]);
    let size = SumBound::new(n).up(sum_rn(n, |i| (a[i] * x[i]).abs()));
    (v, short_up(B.gamma(n) * size + n as f64 * B.eta))
}

/// `v - e` rounded down; `-∞` unless both are finite, because an overflow of
/// `v` proves nothing.
pub fn below(v: f64, e: f64) -> f64 {
    if v.is_finite() && e.is_finite() {
        sub_dn(v, e)
    } else {
        f64::NEG_INFINITY
    }
}

/// For each row `a` a lower bound of `Σ a_i x_i` over the box of sample `s`.
///
/// **Rounding.** With midpoint `c` and radius `r` the functional is at least
/// `fl(a·c) - Σ |a_i| (r_i + γ_n |c_i|) - n η`.
pub fn least_over_box(rows: ArrayView2<'_, f64>, boxes: &Boxes, s: usize) -> Vec<f64> {
    let (mid, rad) = boxes.mid_rad();
    let n = mid.ncols();
    let c = mid.row(s).to_vec();
    let gamma = B.gamma(n);
    let spread: Vec<f64> = (0..n)
        .map(|i| short_up(rad[[s, i]] + gamma * c[i].abs()))
        .collect();
    contiguous(rows)
        .rows()
        .into_iter()
        .map(|row| {
            let row = row
                .to_slice()
                .expect("a standard layout has contiguous rows");
            let (v, size) = weigh(row, &c, &spread);
            below(v, short_up(size + n as f64 * B.eta))
        })
        .collect()
}

/// Boxes prepared for [`least`](LeastOver::least): midpoints and inflated radii.
#[derive(Clone, Debug)]
pub struct LeastOver {
    mid: Array2<f64>,
    spread: Array2<f64>,
}

impl LeastOver {
    /// Of boxes of shape (batch, n).
    pub fn new(boxes: &Boxes) -> LeastOver {
        let (mid, mut spread) = boxes.mid_rad();
        let gamma = B.gamma(mid.ncols());
        ndarray::Zip::from(&mut spread)
            .and(&mid)
            .for_each(|r, c| *r = short_up(*r + gamma * c.abs()));
        LeastOver { mid, spread }
    }

    /// A lower bound of `Σ a_i x_i` over box `s`, as [`least_over_box`].
    pub fn least(&self, a: &[f64], s: usize) -> f64 {
        let (c, r) = (self.mid.row(s), self.spread.row(s));
        let (c, r) = (contiguous_slice(&c), contiguous_slice(&r));
        let (v, size) = weigh(a, c, r);
        below(v, short_up(size + a.len() as f64 * B.eta))
    }
}

fn contiguous_slice<'b>(row: &'b ndarray::ArrayView1<'_, f64>) -> &'b [f64] {
    row.as_slice().expect("standard layout has contiguous rows")
}

/// Replaces `λ_i` by `fl(λ_i s_i)`, `s` the slope of the lower line where
/// `λ_i >= 0` and of the upper one where `λ_i < 0`, and returns `(v, e)` with
/// `|v - Σ λ_i t_i| + Σ |fl(λ_i s_i) - λ_i s_i| x_i <= e`, `t` the intercepts of
/// the same lines and `x >= 0` magnitudes with sum at most `x_sum`. A zero takes
/// no part, so that an unbounded line does not spoil the sum.
pub fn relax_row(row: &mut [f64], lines: RowLines<'_>, x: &[f64], x_sum: f64) -> (f64, f64) {
    let n = row.len();
    let (value, size, spread) = simd::relax(Isa::detect(), row, lines, x);
    let sum = SumBound::new(n);
    let dot = B.gamma(n) * sum.up(size) + n as f64 * B.eta;
    let scaled = B.unit_roundoff * sum.up(spread) + B.eta * x_sum;
    (value, short_up(dot + scaled))
}

/// The same elements with contiguous rows.
pub fn contiguous(rows: ArrayView2<'_, f64>) -> Array2<f64> {
    rows.as_standard_layout().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rounding::Interval;
    use proptest::prelude::*;
    use rug::Rational;

    fn exact(x: f64) -> Rational {
        Rational::from_f64(x).unwrap()
    }

    proptest! {
        #[test]
        fn functionals_are_bounded(terms in prop::collection::vec(
            (prop_oneof![-2.0..2.0f64, -1e-300..1e-300f64, -1e200..1e200f64],
             prop_oneof![-2.0..2.0f64, -1e-20..1e-20f64], 0.0..1.0f64), 0..40), corner in any::<u64>()) {
            let n = terms.len();
            let a: Vec<f64> = terms.iter().map(|t| t.0).collect();
            let x: Vec<f64> = terms.iter().map(|t| t.1).collect();
            let (v, e) = dot_rn(&a, &x);
            let value: Rational = (0..n).map(|i| exact(a[i]) * exact(x[i])).sum();
            prop_assert!((exact(v) - value).abs() <= exact(e));
            let size: Rational = (0..n).map(|i| exact(a[i].abs()) * exact(x[i].abs())).sum();
            let magnitudes: Vec<f64> = x.iter().map(|x| x.abs()).collect();
            prop_assert!(size <= exact(weighted_up(&a, &magnitudes)));

            let boxes = Boxes::from_shape_fn((1, n), |_, i| Interval::new(x[i], x[i] + terms[i].2).unwrap());
            let rows = Array2::from_shape_vec((1, n), a.clone()).unwrap();
            let least = least_over_box(rows.view(), &boxes, 0)[0];
            let at: Rational = (0..n)
                .map(|i| exact(a[i]) * exact(if corner >> i & 1 == 0 { boxes.lo()[[0, i]] } else { boxes.hi()[[0, i]] }))
                .sum();
            prop_assert!(exact(least) <= at);
        }
    }

    #[test]
    fn overflow_proves_nothing() {
        let boxes = Boxes::from_shape_fn((1, 2), |_, _| Interval::point(1e300));
        let rows = Array2::from_elem((1, 2), 1e300);
        assert_eq!(least_over_box(rows.view(), &boxes, 0), [f64::NEG_INFINITY]);
        assert_eq!(below(f64::INFINITY, 1.0), f64::NEG_INFINITY);
        assert_eq!(below(1.0, f64::NAN), f64::NEG_INFINITY);
    }
}
