//! The interval of absolute stability on the negative real axis, exactly.
//!
//! On `y' = μ y` with `z = h μ` the method is the recurrence of `π(r; z) = ρ(r) − z σ(r)`. The
//! interval is the largest `(z_0, 0)` on which all roots of `π` lie strictly inside the unit circle.
//! A root reaches the circle only where `π` and its reversed polynomial have a common root, or the
//! leading coefficient vanishes: polynomials in `z`, solved as in [`super::region`].
//!
//! # References
//!
//! J. D. Lambert, *Numerical Methods for Ordinary Differential Systems*, 1991, section 3.8; Hairer,
//! Wanner, *Solving Ordinary Differential Equations II*, section V.1.

use super::region::{Closure, End, Property, solve_with};
use super::{Kind, LinearMultistep};
use crate::exact::sturm::RealRoot;
use crate::exact::{BiPoly, Poly, Rational};

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
/// is another (periodicity).
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
    if method.kind() == Kind::Second {
        return None;
    }
    let (rho, sigma) = (method.rho(), method.sigma());
    // Roots at 0 of both are inside for every z.
    let coeffs: Vec<Poly> = (0..=method.steps())
        .map(|j| Poly::new(vec![rho.coeff(j), -sigma.coeff(j)]))
        .collect();
    let (_, pi) = BiPoly::new(coeffs).strip_zero_roots();
    if pi.degree().unwrap_or(0) == 0 {
        return Some(RealInterval::NegativeAxis);
    }
    let crossing = pi.resultant(&pi.reversed());
    if crossing.is_zero() {
        // A common root for every z: a root on the circle or a reciprocal pair, never all inside.
        return Some(RealInterval::Empty);
    }
    // π = c(z) r^n + … : where c vanishes a root goes through infinity.
    let critical = [crossing, pi.leading(), pi.at_r(&Rational::new()), Poly::x()];
    let lead = pi.leading();
    let set = solve_with(&critical, |z| {
        lead.eval(z) != 0 && Property::OpenDisc.holds(&pi.at(z))
    });
    let ends_at_zero = |end: &End| matches!(end, End::At(RealRoot::Rational(x), _) if *x == 0);
    let spans = set.pieces.into_iter().find(|piece| match &piece.lo {
        End::Infinite => reaches_zero(&piece.hi),
        End::At(x, _) => *x.hi() < 0 && reaches_zero(&piece.hi),
    });
    debug_assert!(
        spans
            .as_ref()
            .is_none_or(|p| ends_at_zero(&p.hi) || p.hi == End::Infinite || reaches_zero(&p.hi))
    );
    Some(match spans.map(|piece| piece.lo) {
        None => RealInterval::Empty,
        Some(End::Infinite) => RealInterval::NegativeAxis,
        Some(End::At(x, Closure::Closed | Closure::Open | Closure::Undecided)) => {
            RealInterval::From(x)
        }
    })
}

/// Whether an upper end is at or beyond 0 (0 is a critical point, so it is never strictly between).
fn reaches_zero(end: &End) -> bool {
    match end {
        End::Infinite => true,
        End::At(RealRoot::Rational(x), _) => *x >= 0,
        End::At(x, _) => *x.lo() >= 0,
    }
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
