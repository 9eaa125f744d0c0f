//! Arrays of intervals and their two linear steps, computed with plain
//! round-to-nearest matrix products.
//!
//! Machine-checked: `midrad_affine` and `inflate` in `proofs/Midrad.v`.

use ndarray::{Array2, ArrayView2, Zip};
use rug::Rational;

use super::model::short_up;
use super::{Interval, Precision, SumBound};

const U: f64 = Precision::BINARY64.unit_roundoff;
const ETA: f64 = Precision::BINARY64.eta;

/// One box per sample: `lo <= x <= hi` elementwise, shapes (batch, n). No end
/// is NaN and `lo <= hi`, checked wherever one is made; what fails widens to
/// the whole line.
#[derive(Clone, Debug, PartialEq)]
pub struct Boxes {
    lo: Array2<f64>,
    hi: Array2<f64>,
}

impl Boxes {
    /// The boxes `[lo, hi]`; an element with a NaN or `lo > hi` becomes the whole line.
    ///
    /// # Panics
    /// If the shapes differ.
    pub fn new(mut lo: Array2<f64>, mut hi: Array2<f64>) -> Boxes {
        Zip::from(&mut lo).and(&mut hi).for_each(|l, h| {
            let i = Interval::or_entire(*l, *h);
            (*l, *h) = (i.lo(), i.hi());
        });
        Boxes { lo, hi }
    }

    /// One interval per element.
    pub fn from_shape_fn(
        (batch, n): (usize, usize),
        mut f: impl FnMut(usize, usize) -> Interval,
    ) -> Boxes {
        let mut lo = Array2::zeros((batch, n));
        let hi = Array2::from_shape_fn((batch, n), |(s, i)| {
            let x = f(s, i);
            lo[[s, i]] = x.lo();
            x.hi()
        });
        Boxes { lo, hi }
    }

    /// Lower ends, (batch, n).
    pub fn lo(&self) -> &Array2<f64> {
        &self.lo
    }

    /// Upper ends, (batch, n).
    pub fn hi(&self) -> &Array2<f64> {
        &self.hi
    }

    /// (batch, n)
    pub fn dim(&self) -> (usize, usize) {
        self.lo.dim()
    }

    /// The interval of element `i` of sample `s`.
    #[inline]
    pub fn at(&self, s: usize, i: usize) -> Interval {
        Interval::or_entire(self.lo[[s, i]], self.hi[[s, i]])
    }

    /// The largest `|x|` per element of sample `s`.
    pub fn magnitudes(&self, s: usize) -> Vec<f64> {
        let rows = self.lo.row(s).into_iter().zip(self.hi.row(s));
        rows.map(|(l, h)| l.abs().max(h.abs())).collect()
    }

    /// `f` applied to every element.
    pub fn map(&self, f: impl Fn(Interval) -> Interval) -> Boxes {
        let (mut lo, mut hi) = (self.lo.clone(), self.hi.clone());
        Zip::from(&mut lo).and(&mut hi).for_each(|l, h| {
            let y = f(Interval::or_entire(*l, *h));
            (*l, *h) = (y.lo(), y.hi());
        });
        Boxes { lo, hi }
    }

    /// Midpoints and upper bounds of the distance from them.
    pub(super) fn mid_rad(&self) -> (Array2<f64>, Array2<f64>) {
        let mid = Zip::from(&self.lo)
            .and(&self.hi)
            .map_collect(|&l, &h| 0.5 * l + 0.5 * h);
        let rad = Zip::from(&self.lo)
            .and(&self.hi)
            .and(&mid)
            .map_collect(|&l, &h, &c| {
                if l == c && h == c {
                    0.0
                } else {
                    short_up((h - c).max(c - l))
                }
            });
        (mid, rad)
    }

    /// `[mid - rad, mid + rad]` rounded outward; the whole line unless both are
    /// finite (an overflow anywhere in a product stays infinite or becomes NaN).
    pub(crate) fn around(mut mid: Array2<f64>, mut rad: Array2<f64>) -> Boxes {
        Zip::from(&mut mid).and(&mut rad).for_each(|c, r| {
            // fl(c - r') <= c - r if r' - r >= u (|c| + r').
            let r_up = short_up(*r + 4.0 * U * c.abs());
            if c.is_finite() && r_up.is_finite() {
                (*c, *r) = (*c - r_up, *c + r_up);
            } else {
                (*c, *r) = (f64::NEG_INFINITY, f64::INFINITY);
            }
        });
        Boxes { lo: mid, hi: rad }
    }

    /// `{A x + b}`: `signed` computes `A x` and `absolute` `|A| x` for each row
    /// of a (batch, n) array, in binary64 round-to-nearest, any summation
    /// order, with or without fused multiply-add. A row of `A` has at most
    /// `terms` non-zero entries, each known up to a relative `uncertainty`.
    ///
    /// **Rounding.** With midpoint `c`, radius `r`, `k = terms`,
    /// `m = fl(A c)`: `|m - A c| <= γ_k |A||c| + k η` (see [`Precision::gamma`]),
    /// so every `A' x + b`, `|A' - A| <= d |A|`, lies within
    /// `|A| (r + γ_k |c| + d (|c| + r)) + k η + u |fl(m + b)|` of `fl(m + b)`.
    /// The product with `|A|` is bounded above by [`SumBound`].
    ///
    /// References: Rump, *Fast and parallel interval arithmetic*, BIT 39 (1999).
    pub fn affine(
        &self,
        signed: impl FnOnce(ArrayView2<'_, f64>) -> Array2<f64>,
        absolute: impl FnOnce(ArrayView2<'_, f64>) -> Array2<f64>,
        bias: impl Fn(usize) -> f64,
        terms: usize,
        uncertainty: f64,
    ) -> Boxes {
        let (c, r) = self.mid_rad();
        let mut mid = signed(c.view());
        let gamma = Precision::BINARY64.gamma(terms);
        let spread = Zip::from(&c).and(&r).map_collect(|&c, &r| {
            let c = c.abs();
            short_up(r + gamma * c + uncertainty * (c + r))
        });
        let mut rad = absolute(spread.view());
        let sum = SumBound::new(terms);
        let underflow = terms as f64 * ETA;
        for (mut mid, mut rad) in mid.rows_mut().into_iter().zip(rad.rows_mut()) {
            for (o, (m, r)) in mid.iter_mut().zip(rad.iter_mut()).enumerate() {
                let b = bias(o);
                if b != 0.0 {
                    *m += b;
                }
                *r = short_up(sum.up(*r) + underflow + U * m.abs());
            }
        }
        Boxes::around(mid, rad)
    }

    /// `{f(x)}` for an index map `f` (every output one input element or zero),
    /// which rounds nothing: `f` is applied to both ends.
    pub fn select(&self, f: impl Fn(ArrayView2<'_, f64>) -> Array2<f64>) -> Boxes {
        Boxes::new(f(self.lo.view()), f(self.hi.view()))
    }

    /// `{Σ c_k x_k}` with exact coefficients.
    ///
    /// **Rounding.** As [`affine`](Boxes::affine) with one row; a coefficient
    /// that is not a double is replaced by a neighbour at relative distance at
    /// most `2 u` and absolute distance `η`; one beyond the doubles widens to the
    /// whole line.
    ///
    /// # Panics
    /// If there is no operand, or shapes differ.
    pub fn combine(coefficients: &[Rational], xs: &[&Boxes]) -> Boxes {
        let k = coefficients.len();
        let gamma = Precision::BINARY64.gamma(k);
        let mut mid = Array2::zeros(xs[0].dim());
        let mut rad = Array2::zeros(xs[0].dim());
        for (coefficient, x) in coefficients.iter().zip(xs) {
            let enclosure = Interval::from_rational(coefficient);
            let a = enclosure.lo();
            let (relative, absolute) = if enclosure.is_point() {
                (0.0, 0.0)
            } else if enclosure.is_bounded() {
                (2.0 * U, ETA)
            } else {
                (f64::INFINITY, 0.0)
            };
            let (c, r) = x.mid_rad();
            Zip::from(&mut mid)
                .and(&mut rad)
                .and(&c)
                .and(&r)
                .for_each(|m, e, &c, &r| {
                    *m += a * c;
                    let spread = short_up(r + (gamma + relative) * c.abs() + relative * r);
                    *e += a.abs() * spread + absolute * (c.abs() + r);
                });
        }
        let sum = SumBound::new(2 * k);
        let underflow = k as f64 * ETA;
        rad.mapv_inplace(|e| short_up(sum.up(e) + underflow));
        Boxes::around(mid, rad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number() -> impl Strategy<Value = f64> {
        prop_oneof![
            4 => -2.0..2.0f64,
            1 => Just(0.0),
            1 => (0u64..50).prop_map(f64::from_bits),
            1 => -1e200..1e200f64,
            1 => Just(f64::MAX),
        ]
    }

    fn rational(x: f64) -> Rational {
        Rational::from_f64(x).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1500))]
        #[test]
        fn affine_and_combine_contain_the_corners(
            ends in prop::collection::vec((number(), number()), 1..6),
            weights in prop::collection::vec(prop_oneof![-2f32..2f32, Just(0f32), Just(1e-40f32), Just(1e38f32)], 12),
            bias in prop::collection::vec(-1f32..1f32, 2),
            corner in any::<u8>(),
            uncertainty in prop_oneof![Just(0.0), Just(1e-6)],
        ) {
            let n = ends.len();
            let x = Boxes::from_shape_fn((1, n), |_, i| {
                let (a, b) = ends[i];
                Interval::new(a.min(b), a.max(b)).unwrap()
            });
            let a = Array2::from_shape_fn((2, n), |(o, i)| f64::from(weights[o * 6 + i]));
            let abs = a.mapv(f64::abs);
            let y = x.affine(|v| v.dot(&a.t()), |v| v.dot(&abs.t()), |o| f64::from(bias[o]), n, uncertainty);
            let at: Vec<Rational> = (0..n)
                .map(|i| rational(if corner >> i & 1 == 0 { x.lo()[[0, i]] } else { x.hi()[[0, i]] }))
                .collect();
            for o in 0..2 {
                for sign in [-1, 0, 1] {
                    let factor = Rational::from(1) + rational(uncertainty) * sign;
                    let exact: Rational = (0..n).map(|i| rational(a[[o, i]]) * &at[i] * &factor).sum();
                    let exact = exact + rational(f64::from(bias[o]));
                    prop_assert!(y.at(0, o).contains_rational(&exact));
                }
            }
            let thirds: Vec<Rational> = (0..n).map(|k| Rational::from((k as i64 - 2, 3u64))).collect();
            let parts: Vec<Boxes> = (0..n).map(|i| Boxes::from_shape_fn((1, 1), |_, _| x.at(0, i))).collect();
            let y = Boxes::combine(&thirds, &parts.iter().collect::<Vec<_>>());
            let exact: Rational = thirds.iter().zip(&at).map(|(c, x)| Rational::from(c * x)).sum();
            prop_assert!(y.at(0, 0).contains_rational(&exact));
        }
    }

    #[test]
    fn overflow_and_nan_widen() {
        let x = Boxes::new(
            Array2::from_elem((1, 2), 1e300),
            Array2::from_elem((1, 2), 1e300),
        );
        let a = Array2::from_shape_vec((1, 2), vec![1e300, -1e300]).unwrap();
        let y = x.affine(
            |v| v.dot(&a.t()),
            |v| v.dot(&a.mapv(f64::abs).t()),
            |_| 0.0,
            2,
            0.0,
        );
        assert_eq!(y.at(0, 0), Interval::ENTIRE);
        let x = Boxes::new(
            Array2::from_elem((1, 1), f64::NAN),
            Array2::from_elem((1, 1), 1.0),
        );
        assert_eq!(x.at(0, 0), Interval::ENTIRE);
    }
}
