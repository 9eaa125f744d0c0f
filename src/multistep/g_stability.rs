//! The G-norm of a one-leg method.
//!
//! The one-leg twin of a method is G-stable (contractive in `‖Y‖_G² = Σ g_ij ⟨y_i, y_j⟩` for every
//! dissipative `f`) when for a symmetric positive definite `G`
//!
//! `½(ρ(ζ)σ(ω) + ρ(ω)σ(ζ)) = (ζω − 1) Σ g_ij ζ^i ω^j + a(ζ) a(ω)`
//!
//! with a real polynomial `a`. Dahlquist: an irreducible method is G-stable exactly where it is
//! A-stable. On the circle the left side is `M(x)/2` (see [`super::locus`]), so `a(ζ)a(1/ζ) = M/2`.
//! Where `M = c (2 − x)^m (2 + x)^j` the product `a(ζ)a(ω) = (c/2)(1−ζ)^m(1+ζ)^j(1−ω)^m(1+ω)^j` is
//! rational, and so is `G`; all usual A-stable methods are of this form. Otherwise `a` is
//! irrational and no matrix is given.
//!
//! # References
//!
//! G. Dahlquist, *G-stability is equivalent to A-stability*, BIT 18, 1978; C. Baiocchi,
//! M. Crouzeix, Appl. Numer. Math. 5, 1989; Hairer, Wanner II, section V.6.

use super::sector::{Sector, sector};
use super::{LinearMultistep, locus::Locus};
use crate::exact::{Poly, Rational};

/// What is known of the matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GStability {
    /// Not A-stable, so there is none.
    No,
    /// `G`, row by row, `k × k`; positive definite, checked exactly.
    Matrix(Vec<Vec<Rational>>),
    /// Reducible: the equivalence does not speak of it.
    Reducible,
    /// A-stable, so there is one, but it is irrational.
    Irrational,
}

/// The matrix, or `None` where A-stability is not decided (second order, too many steps).
///
/// # Examples
///
/// ```
/// use dahlquist::multistep::{by_name, g_stability::{g_stability, GStability}};
/// use dahlquist::exact::Rational;
/// // BDF2 in the scaling alpha_2 = 3/2 has the matrix [[1/4, −1/2], [−1/2, 5/4]].
/// let Some(GStability::Matrix(g)) = g_stability(&by_name("bdf2").expect("known")) else { panic!() };
/// assert_eq!(Rational::from(&g[1][1] / &g[0][0]), 5);
/// assert_eq!(Rational::from(&g[0][1] / &g[0][0]), -2);
/// ```
pub fn g_stability(method: &LinearMultistep) -> Option<GStability> {
    let angle = sector(method)?;
    Some(of_sector(method, &angle))
}

/// As [`g_stability`], with the sector known.
pub fn of_sector(method: &LinearMultistep, angle: &Sector) -> GStability {
    if *angle != Sector::HalfPlane {
        return GStability::No;
    }
    let (rho, sigma) = (method.rho(), method.sigma());
    if !rho.gcd(&sigma).is_constant() {
        return GStability::Reducible;
    }
    let Some(a) = square(&Locus::new(&rho, &sigma).m) else {
        return GStability::Irrational;
    };
    let k = method.steps();
    let half = Rational::from((1, 2));
    // Coefficients of ζ^i ω^j of the left side less a(ζ)a(ω).
    let left = |i: usize, j: usize| {
        let sum = rho.coeff(i) * sigma.coeff(j) + rho.coeff(j) * sigma.coeff(i);
        sum * &half - a.0.coeff(i) * a.0.coeff(j) * &a.1
    };
    // g_{i−1,j−1} − g_ij = left_ij
    let mut g = vec![vec![Rational::new(); k]; k];
    for i in 0..k {
        for j in 0..k {
            let before = if i > 0 && j > 0 {
                g[i - 1][j - 1].clone()
            } else {
                Rational::new()
            };
            g[i][j] = before - left(i, j);
        }
    }
    // The last row and column close the identity.
    let closes = (0..=k).all(|i| {
        let at = |i: usize, j: usize| match (i.checked_sub(1), j.checked_sub(1)) {
            (Some(i), Some(j)) => g[i][j].clone(),
            _ => Rational::new(),
        };
        at(i, k) == left(i, k)
    });
    if closes && positive_definite(&g) {
        GStability::Matrix(g)
    } else {
        GStability::Irrational
    }
}

/// `p` and `c` with `c p(ζ) p(1/ζ) = M(ζ + 1/ζ)/2`, where `M = c' (2 − x)^m (2 + x)^j`.
fn square(m: &Poly) -> Option<(Poly, Rational)> {
    let mut rest = m.clone();
    let mut p = Poly::one();
    // 2 ∓ x = (1 ∓ ζ)(1 ∓ 1/ζ)
    for sign in [-1, 1] {
        let factor = Poly::from_integers(&[2, sign]);
        while let Some(quotient) = rest.exact_div(&factor).filter(|_| !rest.is_zero()) {
            rest = quotient;
            p = &p * &Poly::from_integers(&[1, sign]);
        }
    }
    (rest.is_constant()).then(|| (p, rest.coeff(0) / 2))
}

/// Exact `LDLᵀ` with positive pivots.
fn positive_definite(g: &[Vec<Rational>]) -> bool {
    let mut a = g.to_vec();
    let n = a.len();
    for i in 0..n {
        if a[i][i] <= 0 {
            return false;
        }
        for r in i + 1..n {
            let factor = Rational::from(&a[r][i] / &a[i][i]);
            let (above, below) = a.split_at_mut(r);
            for (x, y) in below[0].iter_mut().zip(&above[i]).skip(i) {
                *x -= Rational::from(&factor * y);
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::multistep::by_name;

    #[test]
    fn who_has_a_matrix() {
        for name in ["bdf1", "bdf2", "am1"] {
            let found = g_stability(&by_name(name).expect(name));
            assert!(
                matches!(found, Some(GStability::Matrix(_))),
                "{name}: {found:?}"
            );
        }
        for name in ["bdf3", "ab2", "leapfrog"] {
            assert_eq!(
                g_stability(&by_name(name).expect(name)),
                Some(GStability::No),
                "{name}"
            );
        }
    }
}
