//! Verified 2-norms: an eigenvalue is guessed by Lanczos iteration and then
//! proved by a factorisation; the guess decides tightness, never truth.
//!
//! For any square `L`, `L Lᵀ` is positive semidefinite. So if
//! `s I - M = L Lᵀ + E` with `M` symmetric, then `λ_max(M) <= s + ‖E‖_∞`. `L` is
//! the floating Cholesky factor, `E` is bounded afterwards from the computed
//! product, so nothing depends on how the factorisation rounded or whether it
//! was stable.
//!
//! References: Rump, *Verification of positive definiteness*, BIT 46 (2006),
//! whose a-priori error term is replaced here by the computed residual;
//! Collatz (1942) and Wielandt (1950) for non-negative matrices.

use nalgebra::DMatrix;
use ndarray::{Array1, Array2, ArrayView2, Axis, s};

use super::matrix::{MidRad, ceiling};
use crate::rounding::eft::{add_up, div_up, mul_up, sqrt_up};
use crate::rounding::{Interval, Precision, SumBound, matmul};

/// Largest order of a symmetric matrix that is factorised.
pub(super) const ORDER_LIMIT: usize = 1024;

/// Lanczos steps behind the guess; 40 give three digits on random matrices of
/// order 1000, and the search for `s` recovers the rest.
const LANCZOS: usize = 40;

/// Guess of the largest eigenvalue: LAPACK's where it is linked and the order
/// is moderate, else by Lanczos.
fn estimate_lambda_max(m: &Array2<f64>) -> f64 {
    #[cfg(feature = "lapack")]
    if m.nrows() <= LAPACK_LIMIT {
        use ndarray_linalg::{EigValsh, UPLO};
        if let Ok(values) = m.eigvalsh(UPLO::Lower) {
            return values.fold(f64::NEG_INFINITY, |a, &v| a.max(v));
        }
    }
    lanczos(m)
}

/// Largest order for which all eigenvalues cost no more than one factorisation
/// and its residual.
#[cfg(feature = "lapack")]
const LAPACK_LIMIT: usize = 256;

/// Lanczos without reorthogonalisation.
fn lanczos(m: &Array2<f64>) -> f64 {
    let n = m.nrows();
    // Any start that is not an eigenvector will do.
    let mut v = Array1::from_shape_fn(n, |i| ((i * 7919 + 31) % 101) as f64 - 37.5);
    v /= v.dot(&v).sqrt();
    let mut last = Array1::<f64>::zeros(n);
    let (mut diagonal, mut off) = (Vec::new(), Vec::new());
    let mut beta = 0.0;
    for _ in 0..n.min(LANCZOS) {
        let mut w = m.dot(&v);
        w.scaled_add(-beta, &last);
        let alpha = w.dot(&v);
        w.scaled_add(-alpha, &v);
        diagonal.push(alpha);
        beta = w.dot(&w).sqrt();
        if !beta.is_finite() || beta <= 1e-14 * alpha.abs() || beta == 0.0 {
            break;
        }
        off.push(beta);
        last = std::mem::replace(&mut v, w / beta);
    }
    let k = diagonal.len();
    if diagonal.iter().any(|a| !a.is_finite()) {
        return f64::NAN;
    }
    let t = DMatrix::from_fn(k, k, |i, j| match i.abs_diff(j) {
        0 => diagonal[i],
        1 => off[i.min(j)],
        _ => 0.0,
    });
    t.symmetric_eigenvalues().max()
}

/// The lower Cholesky factor of `s I - M` in plain arithmetic, or `None` at
/// the first pivot that is not positive.
fn cholesky(m: &Array2<f64>, shift: f64) -> Option<Array2<f64>> {
    let n = m.nrows();
    let mut l = Array2::<f64>::zeros((n, n));
    for i in 0..n {
        for j in 0..=i {
            let dot = l.slice(s![i, ..j]).dot(&l.slice(s![j, ..j]));
            if i == j {
                let pivot = shift - m[[i, i]] - dot;
                if !(pivot > 0.0 && pivot.is_finite()) {
                    return None;
                }
                l[[i, i]] = pivot.sqrt();
            } else {
                l[[i, j]] = (-m[[i, j]] - dot) / l[[j, j]];
            }
        }
    }
    Some(l)
}

/// `s + ‖s I - M - L Lᵀ‖_∞`, rounded up.
///
/// **Rounding.** The computed `P = fl(L Lᵀ)` is within `γ_n |L||L|ᵀ + n η` of
/// the exact product elementwise; `s I - M - P` is enclosed by intervals.
fn certified(m: &Array2<f64>, shift: f64, l: &Array2<f64>) -> f64 {
    let n = m.nrows();
    let p = matmul(l.view(), l.t());
    let sum = SumBound::new(n);
    let magnitude = l.mapv(f64::abs);
    let columns = magnitude.sum_axis(Axis(0)).mapv(|c| sum.up(c));
    let products = magnitude.dot(&columns).mapv(|t| sum.up(t));
    let gamma = Precision::BINARY64.gamma(n);
    let underflow = mul_up(n as f64 * n as f64, Precision::BINARY64.eta);
    let mut worst = 0.0f64;
    for i in 0..n {
        let mut total = 0.0;
        for j in 0..n {
            let mut e = Interval::point(m[[i.max(j), i.min(j)]]) + Interval::point(p[[i, j]]);
            if i == j {
                e = e - Interval::point(shift);
            }
            total += e.mag();
        }
        let row = add_up(sum.up(total), mul_up(gamma, products[i]));
        worst = worst.max(ceiling(add_up(row, underflow)));
    }
    ceiling(add_up(shift, worst))
}

/// An upper bound of `λ_max(M)` by Gershgorin's discs.
fn gershgorin_up(m: &Array2<f64>) -> f64 {
    let n = m.nrows();
    let sum = SumBound::new(n);
    let mut worst = f64::NEG_INFINITY;
    for i in 0..n {
        let off: f64 = (0..n)
            .filter(|&j| j != i)
            .map(|j| m[[i.max(j), i.min(j)]].abs())
            .sum();
        let off = if off == 0.0 { 0.0 } else { sum.up(off) };
        worst = worst.max(ceiling(add_up(m[[i, i]], off)));
    }
    worst
}

/// An upper bound (proved) of the largest eigenvalue of the symmetric matrix
/// with the lower triangle of `m`; `+∞` if an entry is not finite. Above
/// [`ORDER_LIMIT`] only Gershgorin's discs are used.
pub(super) fn lambda_max_up(m: &Array2<f64>) -> f64 {
    let n = m.nrows();
    if n == 0 || m.iter().any(|v| !v.is_finite()) {
        return if n == 0 { 0.0 } else { f64::INFINITY };
    }
    let discs = gershgorin_up(m);
    let scale = m.iter().fold(0.0f64, |a, v| a.max(v.abs()));
    if n > ORDER_LIMIT || scale == 0.0 {
        return discs;
    }
    let guess = estimate_lambda_max(m);
    if !guess.is_finite() {
        return discs;
    }
    // The gap between guess and eigenvalue is unknown: grow it until the
    // factorisation exists, then halve its logarithm twice.
    let scale = scale.max(guess.abs());
    let mut gap = 1e-12 * n as f64;
    let mut found = None;
    while found.is_none() && gap < 64.0 && guess + scale * gap < discs {
        found = cholesky(m, guess + scale * gap).map(|l| (gap, l));
        gap *= 16.0;
    }
    let Some((mut good, mut l)) = found else {
        return discs;
    };
    let mut bad = good / 16.0;
    if good > 1e-9 {
        for _ in 0..3 {
            let middle = (good * bad).sqrt();
            match cholesky(m, guess + scale * middle) {
                Some(better) => (good, l) = (middle, better),
                None => bad = middle,
            }
        }
    }
    certified(m, guess + scale * good, &l).min(discs)
}

/// An upper bound of `‖M‖₂` through the Gram matrix of the shorter side, or
/// `None` if that side is longer than [`ORDER_LIMIT`].
///
/// **Rounding.** The computed Gram matrix of `M` (k terms per entry) is within
/// `γ_k |M||M|ᵀ + k η` of the exact one, whose 2-norm is at most its largest row sum.
pub(super) fn spectral_norm_up(m: ArrayView2<'_, f64>) -> Option<f64> {
    let m = if m.nrows() <= m.ncols() {
        m
    } else {
        m.reversed_axes()
    };
    let (n, k) = m.dim();
    if n > ORDER_LIMIT {
        return None;
    }
    if n == 0 {
        return Some(0.0);
    }
    let gram = matmul(m, m.t());
    let magnitude = m.mapv(f64::abs);
    let columns = magnitude.sum_axis(Axis(0)).mapv(|c| SumBound::new(n).up(c));
    let rows = magnitude.dot(&columns).mapv(|t| SumBound::new(k).up(t));
    let largest = rows.iter().fold(0.0f64, |a, &r| a.max(ceiling(r)));
    let error = add_up(
        mul_up(Precision::BINARY64.gamma(k), largest),
        mul_up(n as f64 * k as f64, Precision::BINARY64.eta),
    );
    Some(sqrt_up(ceiling(add_up(lambda_max_up(&gram), error))))
}

/// An upper bound of `‖N‖₂` for a non-negative matrix: for every `x > 0`,
/// `λ_max(Nᵀ N) <= max_i (Nᵀ N x)_i / x_i`. `normal` returns upper bounds of
/// `Nᵀ N x`; a few power steps choose `x`.
pub(super) fn collatz_up(n: usize, normal: impl Fn(&Array1<f64>) -> Array1<f64>) -> f64 {
    let mut x = Array1::from_elem(n, 1.0);
    let mut best = f64::INFINITY;
    for _ in 0..12 {
        let y = normal(&x);
        let ratio = y
            .iter()
            .zip(&x)
            .fold(0.0f64, |a, (&y, &x)| a.max(ceiling(div_up(y, x))));
        best = best.min(ratio);
        let largest = y.iter().fold(0.0f64, |a, &v| a.max(ceiling(v)));
        if !(largest > 0.0 && largest.is_finite()) {
            break;
        }
        // A floor keeps x positive where Nᵀ N has a zero row.
        x = y.mapv(|v| (v / largest).max(1e-6));
    }
    sqrt_up(best)
}

/// An upper bound of `‖M‖₂` over all matrices of an enclosure: the smaller of
/// `‖mid‖₂ + ‖rad‖₂` and what the magnitudes give.
pub(super) fn enclosure_norm_up(m: &MidRad) -> f64 {
    let magnitude = m.magnitudes();
    let coarse = nonnegative_norm_up(&magnitude);
    let Some(mid) = spectral_norm_up(m.mid.view()) else {
        return coarse;
    };
    let rad = if m.rad.iter().all(|&r| r == 0.0) {
        0.0
    } else {
        nonnegative_norm_up(&m.rad)
    };
    ceiling(add_up(mid, rad)).min(coarse)
}

/// An upper bound of `‖N‖₂`, `N >= 0` elementwise: Collatz's quotient, or
/// `sqrt(‖N‖₁ ‖N‖_∞)`, or the Frobenius norm.
pub(super) fn nonnegative_norm_up(n: &Array2<f64>) -> f64 {
    let (rows, columns) = n.dim();
    let (over_columns, over_rows) = (SumBound::new(columns), SumBound::new(rows));
    if n.is_empty() {
        return 0.0;
    }
    let collatz = collatz_up(columns, |x| {
        let y = n.dot(x).mapv(|v| over_columns.up(v));
        n.t().dot(&y).mapv(|v| over_rows.up(v))
    });
    let squares: f64 = n.iter().map(|v| v * v).sum();
    let frobenius = sqrt_up(ceiling(SumBound::new(n.len()).up(squares)));
    // One step of Collatz with x = 1 is at most ‖N‖₁ ‖N‖_∞, so that bound is included.
    collatz.min(frobenius)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::random::uniform;
    use ndarray::array;
    use rug::Rational;

    #[test]
    fn known_spectra() {
        // eigenvalues 1, 3
        let m = array![[2.0, 1.0], [1.0, 2.0]];
        let up = lambda_max_up(&m);
        assert!((3.0..3.0 + 1e-9).contains(&up), "{up}");
        // eigenvalues -3, -1: a negative bound
        let up = lambda_max_up(&(-&m));
        assert!((-1.0..-1.0 + 1e-9).contains(&up), "{up}");
        assert_eq!(lambda_max_up(&Array2::zeros((3, 3))), 0.0);
        assert_eq!(lambda_max_up(&array![[f64::NAN]]), f64::INFINITY);
        assert_eq!(lambda_max_up(&array![[f64::INFINITY]]), f64::INFINITY);
        // path graph of order 9: 2 cos(π / 10)
        let path = Array2::from_shape_fn((9, 9), |(i, j)| f64::from(u8::from(i.abs_diff(j) == 1)));
        let exact = rug::Float::with_val(120, rug::float::Constant::Pi) / 10u32;
        let exact = exact.cos() * 2u32;
        let up = lambda_max_up(&path);
        assert!(up >= exact && up < 1.9021131);
    }

    /// `tr(M^{2^k})^{1/2^k}` bounds λ_max from both sides up to `n^{1/2^k}`: an
    /// exact oracle in rationals for small integer matrices.
    #[test]
    fn never_below_the_exact_power_trace() {
        for seed in 0..60u32 {
            let n = 2 + (seed % 5) as usize;
            let a = Array2::from_shape_fn((n, n + 1), |(i, j)| {
                (f64::from(uniform(seed, i as u32, 0, j as u32)) * 17.0).floor() - 8.0
            });
            let exact = |v: f64| Rational::from_f64(v).unwrap();
            let mut g: Vec<Vec<Rational>> = (0..n)
                .map(|i| {
                    (0..n)
                        .map(|j| (0..=n).map(|k| exact(a[[i, k]]) * exact(a[[j, k]])).sum())
                        .collect()
                })
                .collect();
            for _ in 0..7 {
                g = (0..n)
                    .map(|i| {
                        (0..n)
                            .map(|j| (0..n).map(|k| Rational::from(&g[i][k] * &g[k][j])).sum())
                            .collect()
                    })
                    .collect();
            }
            // g = G^128, so λ^128 >= tr / n and ‖A‖₂^256 <= tr
            let trace: Rational = (0..n).map(|i| g[i][i].clone()).sum();
            let up = spectral_norm_up(a.view()).unwrap();
            let power = (0..8).fold(exact(up), |p, _| p.square());
            assert!(power * Rational::from(n as u64) >= trace, "seed {seed}");
            let tight = (0..8).fold(exact(up * 0.999), |p, _| p.square());
            assert!(tight <= trace, "seed {seed}: {up} is loose");
        }
    }
}
