//! Where the roots of a square-free polynomial lie relative to the unit circle, exactly.
//!
//! Let `f` be square-free over ℚ with `f(0) ≠ 0` and `f*(r) = r^n f(1/r)`. Then `g = gcd(f, f*)`
//! holds exactly the roots `r` of `f` for which `1/r` is also a root: those on the circle (there
//! `1/r` is the conjugate) and the reciprocal pairs off it. The rest `h = f/g` has neither.
//!
//! - **g**: take out the factors `r − 1`, `r + 1`. What is left is self-reciprocal of even degree
//!   `2m` and equals `r^m q(r + 1/r)`. Its roots on the circle correspond two to one to the roots of
//!   `q` in `(−2, 2)`, counted by Sturm; the others are reciprocal pairs, half in and half out.
//! - **h**: substitute `r = (1 + w)/(1 − w)`, which maps the disc to the left half-plane. Along the
//!   imaginary axis the argument grows by `π (n_left − n_right)`, which is a Cauchy index and is
//!   computed by a signed remainder sequence (Routh–Hurwitz in its form without special cases).
//!   The Schur–Cohn chain of `h` gives a second, independent decision whether all roots are inside.
//!
//! # References
//!
//! Basu, Pollack, Roy 2006, section 9.1 (Cauchy index, Hurwitz); I. Schur, *Über Potenzreihen, die
//! im Innern des Einheitskreises beschränkt sind*, J. reine angew. Math. 147, 1917; A. Cohn, Math. Z.
//! 14, 1922; M. Marden, *Geometry of Polynomials*, 1966, chapter X.

use crate::exact::sturm::{Chain, cauchy_index};
use crate::exact::{MpInterval, Poly, Rational};
use std::cmp::Ordering;

/// A square-free polynomial split by its position relative to the unit circle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CircleSplit {
    /// Whether 1 is a root.
    pub one: bool,
    /// Whether −1 is a root.
    pub minus_one: bool,
    /// The polynomial `q` in `x = r + 1/r`, monic: one root per reciprocal pair of roots `r ≠ ±1`.
    pub trace: Poly,
    /// Distinct roots of `trace` in `(−2, 2)`: conjugate pairs on the circle.
    pub trace_in: usize,
    /// The factor `h` without reciprocal pairs, monic.
    pub rest: Poly,
    /// Roots of `rest` inside the circle; the others are outside.
    pub rest_inside: usize,
}

impl CircleSplit {
    /// Splits a square-free polynomial that does not vanish at 0.
    pub fn new(f: &Poly) -> Self {
        let mut paired = f.gcd(&f.reversed());
        let rest = f.exact_div(&paired).map_or_else(Poly::one, |h| h.monic());
        let mut take = |root: i64| match paired.exact_div(&Poly::linear(&Rational::from(root))) {
            Some(quotient) => {
                paired = quotient;
                true
            }
            None => false,
        };
        let (one, minus_one) = (take(1), take(-1));
        let trace = trace_polynomial(&paired);
        let two = Rational::from(2);
        // ±2 are not roots: they would be double roots ±1 of a square-free polynomial.
        let inside = Chain::sturm(&trace).difference(Some(&Rational::from(-2)), Some(&two));
        let trace_in = usize::try_from(inside).unwrap_or(0);
        let rest_inside = roots_inside(&rest);
        Self {
            one,
            minus_one,
            trace,
            trace_in,
            rest,
            rest_inside,
        }
    }

    /// Reciprocal pairs off the circle, counted as one inside and one outside each.
    pub fn pairs_off(&self) -> usize {
        self.trace.degree().unwrap_or(0) - self.trace_in
    }

    /// Distinct roots on the circle.
    pub fn on(&self) -> usize {
        usize::from(self.one) + usize::from(self.minus_one) + 2 * self.trace_in
    }

    /// Distinct roots on the circle other than 1.
    pub fn on_other_than_one(&self) -> usize {
        self.on() - usize::from(self.one)
    }

    /// Distinct roots inside.
    pub fn inside(&self) -> usize {
        self.rest_inside + self.pairs_off()
    }

    /// Distinct roots outside.
    pub fn outside(&self) -> usize {
        self.rest.degree().unwrap_or(0) - self.rest_inside + self.pairs_off()
    }

    /// `r^m q(r + 1/r)`: the roots that come in pairs `r, 1/r` with `r ≠ ±1`, monic.
    pub fn off_axis(&self) -> Poly {
        from_trace(&self.trace)
    }

    /// The factor that holds the roots on the circle and the reciprocal pairs, monic:
    /// `(r − 1)^one (r + 1)^minus_one r^m q(r + 1/r)`.
    pub fn paired(&self) -> Poly {
        let mut product = self.off_axis();
        if self.one {
            product = &product * &Poly::from_integers(&[-1, 1]);
        }
        if self.minus_one {
            product = &product * &Poly::from_integers(&[1, 1]);
        }
        product
    }
}

/// `q` with `p(r) = r^m q(r + 1/r)`, monic, for a palindromic `p` of degree `2m`.
pub(super) fn trace_polynomial(p: &Poly) -> Poly {
    let mut rest = p.monic();
    let m = rest.degree().unwrap_or(0) / 2;
    let step = Poly::from_integers(&[1, 0, 1]);
    let mut q = vec![Rational::new(); m + 1];
    // r^m (r + 1/r)^j = r^(m−j) (r² + 1)^j: peel from the top.
    for j in (0..=m).rev() {
        let c = rest.coeff(m + j);
        let term = shifted(&step.pow(j), m - j).scaled(&c);
        rest = &rest - &term;
        q[j] = c;
    }
    Poly::new(q)
}

/// `r^m q(r + 1/r)`, `m` the degree of `q`.
fn from_trace(q: &Poly) -> Poly {
    let m = q.degree().unwrap_or(0);
    let step = Poly::from_integers(&[1, 0, 1]);
    q.coeffs()
        .iter()
        .enumerate()
        .fold(Poly::zero(), |sum, (j, c)| {
            &sum + &shifted(&step.pow(j), m - j).scaled(c)
        })
}

fn shifted(p: &Poly, by: usize) -> Poly {
    let mut coeffs = vec![Rational::new(); by];
    coeffs.extend_from_slice(p.coeffs());
    Poly::new(coeffs)
}

/// How many roots of `h` lie inside the unit circle, with multiplicity. `h` must be coprime to its
/// reversed polynomial (so it has no root on the circle and no reciprocal pair).
pub fn roots_inside(h: &Poly) -> usize {
    let Some(n) = h.degree().filter(|&n| n > 0) else {
        return 0;
    };
    // Enclosures decide almost always, in quadratic time; the index always, in cubic time with
    // coefficients of quadratic size.
    let tries = [128, 512, 2048, 8192];
    if let Some(inside) = tries.into_iter().find_map(|bits| enclosed_count(h, bits)) {
        return inside;
    }
    let cayley = to_half_plane(h);
    // P(iω) = U(ω) + i V(ω).
    let part = |parity: usize| {
        let sign = |j: usize| if (j / 2).is_multiple_of(2) { 1 } else { -1 };
        let coeffs = cayley.coeffs().iter().enumerate();
        Poly::new(
            coeffs
                .map(|(j, c)| {
                    if j % 2 == parity {
                        Rational::from(c * sign(j))
                    } else {
                        Rational::new()
                    }
                })
                .collect(),
        )
    };
    let (u, v) = (part(0), part(1));
    // n_left − n_right: arg P grows through the poles of V/U (jumps down) or of U/V (jumps up);
    // the fraction that vanishes at infinity is the one without a contribution there.
    let difference = if n % 2 == 0 {
        -cauchy_index(&v, &u)
    } else {
        cauchy_index(&u, &v)
    };
    usize::try_from((n as isize + difference) / 2).unwrap_or(0)
}

/// The same count by the Schur–Cohn recursion in interval arithmetic; `None` where a comparison is
/// not decided at this precision. On the circle `|h| = |h*|`, so with `|c_0| < |c_n|` Rouché gives
/// `h − (c_0/c_n) h*` the same count, one of its roots being 0; with `|c_0| > |c_n|` the polynomial
/// `h − (c_n/c_0) h*` of lower formal degree has the same count.
fn enclosed_count(h: &Poly, bits: u32) -> Option<usize> {
    let coefficients = h.coeffs().iter();
    let mut p = coefficients
        .map(|c| MpInterval::from_rational(bits, c).ok())
        .collect::<Option<Vec<_>>>()?;
    let mut inside = 0;
    while p.len() > 1 {
        let n = p.len() - 1;
        let order = compare_moduli(&p[0], &p[n])?;
        p = if order == Ordering::Less {
            inside += 1;
            let k = p[0].div(&p[n]).ok()?;
            (0..n)
                .map(|j| p[j + 1].sub(&k.mul(&p[n - 1 - j])))
                .collect()
        } else {
            let k = p[n].div(&p[0]).ok()?;
            (0..n).map(|j| p[j].sub(&k.mul(&p[n - j]))).collect()
        };
    }
    Some(inside)
}

/// Compares `|x|` and `|y|` where that is decided and they differ.
fn compare_moduli(x: &MpInterval, y: &MpInterval) -> Option<Ordering> {
    let (a, b) = (x.square(), y.square());
    if a.hi() < b.lo() {
        Some(Ordering::Less)
    } else if a.lo() > b.hi() {
        Some(Ordering::Greater)
    } else {
        None
    }
}

/// `(1 − w)^n h((1 + w)/(1 − w))`.
fn to_half_plane(h: &Poly) -> Poly {
    let n = h.degree().unwrap_or(0);
    let (plus, minus) = (Poly::from_integers(&[1, 1]), Poly::from_integers(&[1, -1]));
    // Homogeneous Horner: value = value·(1 + w) + c (1 − w)^(n − j).
    let mut value = Poly::zero();
    let mut power = Poly::one();
    for j in (0..=n).rev() {
        value = &(&value * &plus) + &power.scaled(&h.coeff(j));
        power = &power * &minus;
    }
    value
}

/// The Schur–Cohn chain of a polynomial: the numbers `(c_0, c_n)` of each reduced polynomial, each
/// scaled to coprime integers, up to and including the first with `|c_0| ≥ |c_n|`.
///
/// The reduction is `p ↦ (c_n p(r) − c_0 p*(r)) / r`. All roots lie strictly inside exactly when
/// every member has `|c_0| < |c_n|`, and then the chain has as many members as the degree.
pub fn schur_cohn_chain(p: &Poly) -> Vec<(Rational, Rational)> {
    let mut chain = Vec::new();
    let mut p = Poly::from_big(&p.primitive_integers());
    while let Some(n) = p.degree().filter(|&n| n > 0) {
        let (low, high) = (p.coeff(0), p.coeff(n));
        let inside = low.cmp_abs(&high) == Ordering::Less;
        chain.push((low.clone(), high.clone()));
        if !inside {
            break;
        }
        let reversed = (0..=n).rev().map(|j| p.coeff(j)).collect();
        let difference = &p.scaled(&high) - &Poly::new(reversed).scaled(&low);
        let reduced = Poly::new(difference.coeffs()[1..].to_vec());
        p = Poly::from_big(&reduced.primitive_integers());
    }
    chain
}

/// Whether all roots lie strictly inside the unit circle, by the Schur–Cohn chain.
pub fn is_schur(p: &Poly) -> bool {
    !p.is_zero()
        && schur_cohn_chain(p)
            .iter()
            .all(|(low, high)| low.cmp_abs(high) == Ordering::Less)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::sturm::count_roots;

    #[test]
    fn trace_and_back() {
        let p = Poly::from_integers(&[1, 3, -5, 3, 1]);
        assert_eq!(from_trace(&trace_polynomial(&p)), p);
        // Φ₅: x² + x − 1 in x = r + 1/r.
        let phi5 = Poly::from_integers(&[1, 1, 1, 1, 1]);
        assert_eq!(trace_polynomial(&phi5), Poly::from_integers(&[-1, 1, 1]));
    }

    #[test]
    fn mixed_roots() {
        // roots 1, −1, ±i, {2, 1/2}, 3, 1/5
        let factors: [&[i64]; 6] = [
            &[-1, 1],
            &[1, 1],
            &[1, 0, 1],
            &[2, -5, 2],
            &[-3, 1],
            &[-1, 5],
        ];
        let p = factors
            .iter()
            .fold(Poly::one(), |p, f| &p * &Poly::from_integers(f));
        let split = CircleSplit::new(&p);
        assert_eq!((split.inside(), split.on(), split.outside()), (2, 4, 2));
        assert_eq!(split.pairs_off(), 1);
        assert_eq!(split.on_other_than_one(), 3);
        assert_eq!(&split.paired() * &split.rest, p.monic());
    }

    #[test]
    fn singular_schur_cohn_is_no_special_case() {
        // |c_0| = |c_n| at the first step although no root is on the circle: roots 4, −1/2, −1/2.
        let p = &Poly::from_integers(&[-4, 1]) * &Poly::from_integers(&[1, 4, 4]);
        assert_eq!(roots_inside(&p), 2);
        // r² + r/7 · … with equal moduli: 2, −1/2 is no reciprocal pair.
        let p = Poly::from_integers(&[-2, -3, 2]);
        assert_eq!(p.gcd(&p.reversed()), Poly::one());
        assert_eq!(roots_inside(&p), 1);
        assert!(!is_schur(&p));
    }

    #[test]
    fn schur_cohn_chain_is_complete_for_stable_polynomials() {
        let p = &Poly::from_integers(&[-1, 2]).pow(3) * &Poly::from_integers(&[1, 0, 3]);
        assert_eq!(schur_cohn_chain(&p).len(), 5);
        assert!(is_schur(&p) && is_schur(&Poly::one()) && !is_schur(&Poly::zero()));
        assert!(!is_schur(&Poly::from_integers(&[-1, 1])));
        assert_eq!(count_roots(&p, None, None), 1);
    }
}
