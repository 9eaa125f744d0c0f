//! Kernels on one row of cotangents: several sums in one walk over it.
//!
//! Slices must have equal lengths.

use super::{Isa, Kind};

/// Partial sums per result.
const LANES: usize = 8;

/// `fl(a b + c)`, with one rounding or with two.
#[inline(always)]
fn multiply_add<const FUSED: bool>(a: f64, b: f64, c: f64) -> f64 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

#[inline(always)]
fn total(lanes: [f64; LANES]) -> f64 {
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + e) + (b + f)) + ((c + g) + (d + h))
}

/// `(Σ a_i x_i, Σ |a_i| w_i)`: a product passes through at most as many
/// roundings as there are terms.
///
/// # Panics
/// If lengths differ.
pub(in crate::rounding) fn weigh(isa: Isa, a: &[f64], x: &[f64], w: &[f64]) -> (f64, f64) {
    assert!(a.len() == x.len() && a.len() == w.len(), "lengths differ");
    match isa.0 {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the machine has AVX2 and FMA, or there would be no such `Isa`.
        Kind::Avx2 | Kind::Avx512 => unsafe { weigh_avx2(a, x, w) },
        Kind::Portable => weigh_body::<false>(a, x, w),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn weigh_avx2(a: &[f64], x: &[f64], w: &[f64]) -> (f64, f64) {
    weigh_body::<true>(a, x, w)
}

#[inline(always)]
fn weigh_body<const FUSED: bool>(a: &[f64], x: &[f64], w: &[f64]) -> (f64, f64) {
    let (mut value, mut size) = ([0.0; LANES], [0.0; LANES]);
    let ((a, a_rest), (x, x_rest)) = (a.as_chunks::<LANES>(), x.as_chunks::<LANES>());
    let (w, w_rest) = w.as_chunks::<LANES>();
    for ((a, x), w) in a.iter().zip(x).zip(w) {
        for k in 0..LANES {
            value[k] = multiply_add::<FUSED>(a[k], x[k], value[k]);
            size[k] = multiply_add::<FUSED>(a[k].abs(), w[k], size[k]);
        }
    }
    for (k, a) in a_rest.iter().enumerate() {
        value[k] = multiply_add::<FUSED>(*a, x_rest[k], value[k]);
        size[k] = multiply_add::<FUSED>(a.abs(), w_rest[k], size[k]);
    }
    (total(value), total(size))
}

/// The lines of one row: slopes and intercepts below and above.
#[derive(Clone, Copy, Debug)]
pub struct RowLines<'a> {
    /// slopes and intercepts of the lines below
    pub lower: (&'a [f64], &'a [f64]),
    /// of the lines above
    pub upper: (&'a [f64], &'a [f64]),
}

/// With `s`, `t` the slope and intercept of the lower line where `a_i >= 0` or
/// NaN, of the upper one where `a_i < 0`: replaces `a_i` by `fl(a_i s)` and
/// returns `(Σ a_i t, Σ |a_i t|, Σ |fl(a_i s)| x_i)`. The terms of the first two
/// sums are rounded products; an intercept under a zero is read as zero.
///
/// # Panics
/// If lengths differ.
pub(in crate::rounding) fn relax(
    isa: Isa,
    row: &mut [f64],
    lines: RowLines<'_>,
    x: &[f64],
) -> (f64, f64, f64) {
    let n = row.len();
    let ((ls, lt), (us, ut)) = (lines.lower, lines.upper);
    assert!(
        [ls, lt, us, ut, x].iter().all(|s| s.len() == n),
        "lengths differ"
    );
    match isa.0 {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the machine has AVX2 and FMA, or there would be no such `Isa`.
        Kind::Avx2 | Kind::Avx512 => unsafe { relax_avx2(row, lines, x) },
        Kind::Portable => relax_portable(row, lines, x),
    }
}

/// The vector form: the sign chooses lines by blending, four elements at a time
/// and two chains of sums; the rest is left to the portable form.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn relax_avx2(row: &mut [f64], lines: RowLines<'_>, x: &[f64]) -> (f64, f64, f64) {
    use std::arch::x86_64::*;
    const STEP: usize = 4;
    let ((ls, lt), (us, ut)) = (lines.lower, lines.upper);
    let whole = row.len() / (2 * STEP) * (2 * STEP);
    let zero = _mm256_setzero_pd();
    let sign = _mm256_set1_pd(-0.0);
    let mut sums = [[zero; 3]; 2];
    for i in (0..whole).step_by(2 * STEP) {
        for (half, [value, size, spread]) in sums.iter_mut().enumerate() {
            let i = i + half * STEP;
            // SAFETY: all slices have the row's length, and `i + STEP <= whole`.
            let load = |s: &[f64]| unsafe { _mm256_loadu_pd(s.as_ptr().add(i)) };
            let a = load(row);
            let negative = _mm256_cmp_pd::<_CMP_LT_OQ>(a, zero);
            let s = _mm256_blendv_pd(load(ls), load(us), negative);
            let t = _mm256_blendv_pd(load(lt), load(ut), negative);
            // NaN is not equal to zero.
            let t = _mm256_and_pd(t, _mm256_cmp_pd::<_CMP_NEQ_UQ>(a, zero));
            let (at, y) = (_mm256_mul_pd(a, t), _mm256_mul_pd(a, s));
            *value = _mm256_add_pd(*value, at);
            *size = _mm256_add_pd(*size, _mm256_andnot_pd(sign, at));
            *spread = _mm256_fmadd_pd(_mm256_andnot_pd(sign, y), load(x), *spread);
            // SAFETY: as above.
            unsafe { _mm256_storeu_pd(row.as_mut_ptr().add(i), y) };
        }
    }
    let (_, rest) = row.split_at_mut(whole);
    let lines = RowLines {
        lower: (&ls[whole..], &lt[whole..]),
        upper: (&us[whole..], &ut[whole..]),
    };
    let rest = relax_portable(rest, lines, &x[whole..]);
    let total = |j: usize| {
        let mut lanes = [0.0; STEP];
        // SAFETY: `lanes` holds four numbers.
        unsafe { _mm256_storeu_pd(lanes.as_mut_ptr(), _mm256_add_pd(sums[0][j], sums[1][j])) };
        (lanes[0] + lanes[2]) + (lanes[1] + lanes[3])
    };
    (total(0) + rest.0, total(1) + rest.1, total(2) + rest.2)
}

fn relax_portable(row: &mut [f64], lines: RowLines<'_>, x: &[f64]) -> (f64, f64, f64) {
    const STEP: usize = 4;
    let n = row.len();
    let ((ls, lt), (us, ut)) = (lines.lower, lines.upper);
    let (ls, lt, us, ut, x) = (&ls[..n], &lt[..n], &us[..n], &ut[..n], &x[..n]);
    let mut sums = [[0.0; STEP]; 3];
    let mut one = |k: usize, i: usize| {
        let a = row[i];
        let (s, t) = if a < 0.0 {
            (us[i], ut[i])
        } else {
            (ls[i], lt[i])
        };
        let t = if a == 0.0 { 0.0 } else { t };
        let (at, y) = (a * t, a * s);
        sums[0][k] += at;
        sums[1][k] += at.abs();
        sums[2][k] += y.abs() * x[i];
        row[i] = y;
    };
    let whole = n / STEP * STEP;
    for i in (0..whole).step_by(STEP) {
        for k in 0..STEP {
            one(k, i + k);
        }
    }
    for i in whole..n {
        one(0, i);
    }
    let [value, size, spread] = sums.map(|[a, b, c, d]| (a + b) + (c + d));
    (value, size, spread)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rounding::{Precision, SumBound};
    use proptest::prelude::*;
    use rug::Rational;

    fn exact(x: f64) -> Rational {
        Rational::from_f64(x).unwrap()
    }

    fn number() -> impl Strategy<Value = f64> {
        prop_oneof![
            4 => -2.0..2.0f64,
            1 => Just(0.0),
            1 => Just(-0.0),
            1 => -1e-300..1e-300f64,
            1 => -1e90..1e90f64,
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn sums_are_within_gamma(terms in prop::collection::vec(prop::array::uniform6(number()), 0..50)) {
            const B: Precision = Precision::BINARY64;
            let n = terms.len();
            let column = |j: usize| -> Vec<f64> { terms.iter().map(|t| t[j]).collect() };
            let [a, ls, lt, us, ut] = [0, 1, 2, 3, 4].map(column);
            let x: Vec<f64> = column(5).iter().map(|v| v.abs()).collect();
            let (gamma, eta) = (exact(B.gamma(n)), exact(B.eta));
            let up = |s: f64| exact(SumBound::new(n).up(s));
            for isa in Isa::all() {
                let (v, size) = weigh(isa, &a, &ls, &x);
                let sum: Rational = (0..n).map(|i| exact(a[i]) * exact(ls[i])).sum();
                let terms: Rational = (0..n).map(|i| (exact(a[i]) * exact(ls[i])).abs()).sum();
                prop_assert!((exact(v) - sum).abs() <= gamma.clone() * terms + eta.clone() * n as u64);
                let weighted: Rational = (0..n).map(|i| exact(a[i]).abs() * exact(x[i])).sum();
                prop_assert!(weighted <= up(size));

                let mut row = a.clone();
                let lines = RowLines { lower: (&ls, &lt), upper: (&us, &ut) };
                let (v, size, spread) = relax(isa, &mut row, lines, &x);
                let (mut sum, mut terms, mut moved) = (Rational::new(), Rational::new(), Rational::new());
                for i in 0..n {
                    let (s, t) = if a[i] < 0.0 { (us[i], ut[i]) } else { (ls[i], lt[i]) };
                    prop_assert_eq!(row[i], a[i] * s);
                    let at = exact(a[i]) * exact(t);
                    terms += at.clone().abs();
                    sum += at;
                    moved += exact(row[i]).abs() * exact(x[i]);
                }
                prop_assert!((exact(v) - sum).abs() <= gamma.clone() * &terms + eta.clone() * n as u64);
                prop_assert!(terms <= up(size));
                prop_assert!(moved <= up(spread));
            }
        }
    }

    #[test]
    fn what_is_not_finite_stays_so_and_zeros_hide_only_intercepts() {
        for isa in Isa::all() {
            for n in [1, 8, 19] {
                let (zero, one) = (vec![0.0; n], vec![1.0; n]);
                let open = vec![f64::INFINITY; n];
                let lines = RowLines {
                    lower: (&one, &open),
                    upper: (&one, &open),
                };
                let mut row = zero.clone();
                assert_eq!(relax(isa, &mut row, lines, &one), (0.0, 0.0, 0.0));
                let lines = RowLines {
                    lower: (&one, &zero),
                    upper: (&one, &zero),
                };
                for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                    let mut row = one.clone();
                    row[n - 1] = bad;
                    assert!(!weigh(isa, &row, &one, &one).0.is_finite());
                    assert!(!weigh(isa, &one, &row, &one).0.is_finite());
                    assert!(!weigh(isa, &row, &zero, &one).1.is_finite());
                    let (v, ..) = relax(isa, &mut row, lines, &one);
                    assert!(v.is_nan() && !row[n - 1].is_finite());
                }
            }
        }
    }
}
