//! The boundary locus in the variable `x = r + 1/r`.
//!
//! On `y' = μ y` with `z = h μ`, a root `r` of `ρ − z σ` is on the unit circle exactly where
//! `z = ρ(r)/σ(r)`, `r = e^{iθ}`. With `x = r + 1/r = 2 cos θ` there are real polynomials with
//!
//! `ρ(r) σ(1/r) + ρ(1/r) σ(r) = M(x)`, `ρ(r) σ(1/r) − ρ(1/r) σ(r) = (r − 1/r) N(x)`,
//! `2 σ(r) σ(1/r) = D(x)`,
//!
//! so `z = (M + 2 i sin θ N)/D` with `D ≥ 0`: `Re z = M/D` and `(Im z)² = (4 − x²) N²/D²`.

use super::circle::trace_polynomial;
use crate::exact::{Poly, Rational};

/// The polynomials `M`, `N`, `D` of the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locus {
    /// Twice the even part.
    pub m: Poly,
    /// The odd part over `r − 1/r`.
    pub n: Poly,
    /// `2 |σ|²` on the circle.
    pub d: Poly,
}

impl Locus {
    /// For `ρ` of degree `k` and `σ` of degree at most `k`.
    pub fn new(rho: &Poly, sigma: &Poly) -> Self {
        let k = rho.degree().unwrap_or(0);
        // r^k ρ(r) σ(1/r) and its mirror image; both have degree at most 2k.
        let forward = rho * &reflect(sigma, k);
        let mirror = reflect(&forward, 2 * k);
        let odd = &forward - &mirror;
        let slope = Poly::from_integers(&[-1, 0, 1]);
        let n = if odd.is_zero() {
            Poly::zero()
        } else {
            let quotient = odd.exact_div(&slope);
            laurent(&quotient.expect("r = ±1 are roots of an odd part"), k - 1)
        };
        Self {
            m: laurent(&(&forward + &mirror), k),
            n,
            d: laurent(&(sigma * &reflect(sigma, k)).scaled(&Rational::from(2)), k),
        }
    }

    /// `M` without the roots it shares with `D`: where both vanish, so does `σ`, `ρ` does not, and
    /// there is no finite `z`.
    pub fn finite(&self, p: &Poly) -> Poly {
        let both = self.m.gcd(&self.d);
        let mut p = p.clone();
        loop {
            let shared = p.gcd(&both);
            if shared.is_constant() {
                return p;
            }
            p = p.exact_div(&shared).expect("a gcd divides");
        }
    }
}

/// `r^n p(1/r)`.
pub(super) fn reflect(p: &Poly, n: usize) -> Poly {
    Poly::new((0..=n).rev().map(|j| p.coeff(j)).collect())
}

/// `q` with `p(r) = r^half q(r + 1/r)` for `p` that equals its own mirror image of length `2 half`.
fn laurent(p: &Poly, half: usize) -> Poly {
    // Outer zeros come in pairs; the middle stays the middle.
    let (zeros, inner) = p.strip_zero_roots();
    let Some(lead) = inner.leading().cloned() else {
        return Poly::zero();
    };
    debug_assert_eq!(inner.degree(), Some(2 * (half - zeros)));
    trace_polynomial(&inner).scaled(&lead)
}
