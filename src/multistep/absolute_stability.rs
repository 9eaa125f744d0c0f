//! The interval of absolute stability on the negative real axis, exactly.
//!
//! On `y' = μ y` with `z = h μ` the method is the recurrence of `π(r; z) = ρ(r) − z σ(r)`. The
//! interval is the largest `(z_0, 0)` on which all roots of `π` lie strictly inside the unit circle.
//!
//! First `ρ` and `σ` are divided by their common factor, whose roots are those of `π` for every `z`.
//! Then a root reaches the circle
//!
//! - at `r = ±1` only for `ρ(±1) = z σ(±1)`;
//! - at another `r` only where `z = ρ(r)/σ(r)` is real. With `x = r + 1/r` write
//!   `ρ(r) σ(1/r) − ρ(1/r) σ(r) = (r − 1/r) N(x)`, `ρ(r) σ(1/r) + ρ(1/r) σ(r) = M(x)` and
//!   `2 σ(r) σ(1/r) = D(x)`. So `N(x) = 0` and `z = M(x)/D(x)`: `z` is a root of
//!   `Res_x(N, M − z D)`;
//! - through infinity where the leading coefficient of `π` vanishes.
//!
//! The real roots of these polynomials are isolated and the intervals between them are decided from
//! 0 downwards, by the Schur–Cohn chain at one rational each. At an irrational critical `z` two
//! roots of `π` are reciprocal, so not all are strictly inside: such a point always ends the
//! interval.
//!
//! # References
//!
//! J. D. Lambert, *Numerical Methods for Ordinary Differential Systems*, 1991, section 3.8; Hairer,
//! Wanner, *Solving Ordinary Differential Equations II*, section V.1.

use super::circle::is_schur;
use super::locus::Locus;
use super::{Kind, LinearMultistep};
use crate::exact::sturm::{RealRoot, isolate};
use crate::exact::{BiPoly, Poly, Rational};

/// The largest number of steps for which the sets in the plane of `z` are computed: they rest on
/// resultants of twice that degree.
pub const MAX_STEPS: usize = 24;

/// The interval that ends at 0 on the negative real axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RealInterval {
    /// No `(z_0, 0)` is stable.
    Empty,
    /// `(z_0, 0)`.
    From(RealRoot),
    /// The whole negative axis.
    NegativeAxis,
}

/// The interval of absolute stability, or `None` for second-order equations, for which the notion
/// is another (periodicity), and above [`MAX_STEPS`].
///
/// # Examples
///
/// ```
/// use dahlquist::multistep::{absolute_stability::{real_interval, RealInterval}, by_name};
/// use dahlquist::exact::{rational, sturm::RealRoot};
/// let ab3 = by_name("ab3").expect("known");
/// let end = RealRoot::Rational(rational::parse("-6/11").expect("literal"));
/// assert_eq!(real_interval(&ab3), Some(RealInterval::From(end)));
/// ```
pub fn real_interval(method: &LinearMultistep) -> Option<RealInterval> {
    if method.kind() == Kind::Second || method.steps() > MAX_STEPS {
        return None;
    }
    let (rho, sigma) = (method.rho(), method.sigma());
    let common = rho.gcd(&sigma);
    if !is_schur(&common) {
        return Some(RealInterval::Empty);
    }
    let divide = |p: &Poly| p.exact_div(&common).expect("a gcd divides");
    let (rho, sigma) = (divide(&rho), divide(&sigma));
    Some(walk(&rho, &sigma).unwrap_or(RealInterval::Empty))
}

/// The interval for coprime `rho` and `sigma`; `None` where it is empty.
fn walk(rho: &Poly, sigma: &Poly) -> Option<RealInterval> {
    let k = rho.degree()?;
    let stable = |z: &Rational| {
        let pi = rho - &sigma.scaled(z);
        pi.degree() == Some(k) && is_schur(&pi)
    };
    let mut below: Vec<RealRoot> = isolate(&critical(rho, sigma)?)
        .into_iter()
        .filter(|x| *x.hi() < 0)
        .collect();
    // The enclosures are disjoint from the critical point 0, so 0 bounds the first interval.
    let mut upper = Rational::new();
    while let Some(point) = below.pop() {
        let sample: Rational = Rational::from(point.hi() + &upper) / 2;
        if !stable(&sample) {
            return None;
        }
        match &point {
            RealRoot::Rational(x) if stable(x) => upper.clone_from(x),
            _ => return Some(RealInterval::From(point)),
        }
    }
    stable(&(upper - 1)).then_some(RealInterval::NegativeAxis)
}

/// A polynomial in `z` that vanishes wherever a root can reach the circle, and at 0; `None` where a
/// reciprocal pair of roots exists for every `z`.
fn critical(rho: &Poly, sigma: &Poly) -> Option<Poly> {
    let k = rho.degree()?;
    let in_z = |a: Rational, b: Rational| Poly::new(vec![a, -b]);
    let mut product = Poly::x();
    let mut include = |p: &Poly| {
        if !p.is_zero() {
            let part = p.square_free_part();
            let new = part.exact_div(&part.gcd(&product)).expect("a gcd divides");
            product = &product * &new;
        }
    };
    for r in [1, -1].map(Rational::from) {
        include(&in_z(rho.eval(&r), sigma.eval(&r)));
    }
    include(&in_z(rho.coeff(k), sigma.coeff(k)));
    let locus = Locus::new(rho, sigma);
    if locus.n.is_zero() {
        return None;
    }
    let (n, m, d) = (locus.finite(&locus.n), &locus.m, &locus.d);
    let terms = m.degree().max(d.degree()).unwrap_or(0);
    let line = BiPoly::new((0..=terms).map(|j| in_z(m.coeff(j), d.coeff(j))).collect());
    include(&BiPoly::in_r(&n).resultant(&line));
    Some(product)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::multistep::by_name;

    fn interval(name: &str) -> String {
        match real_interval(&by_name(name).expect(name)).expect("first order") {
            RealInterval::Empty => "empty".into(),
            RealInterval::NegativeAxis => "axis".into(),
            RealInterval::From(x) => super::super::region::number(&x),
        }
    }

    #[test]
    fn known_intervals() {
        for (name, end) in [
            ("euler", "-2"),
            ("ab2", "-1"),
            ("ab3", "-6/11"),
            ("ab4", "-3/10"),
            ("am2", "-6"),
            ("am3", "-3"),
            ("am4", "-90/49"),
            ("am1", "axis"),
            ("bdf1", "axis"),
            ("bdf2", "axis"),
            ("bdf6", "axis"),
            ("bdf7", "empty"),
            ("leapfrog", "empty"),
            ("milne-simpson", "empty"),
        ] {
            assert_eq!(interval(name), end, "{name}");
        }
    }
}
