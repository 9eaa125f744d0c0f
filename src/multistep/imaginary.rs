//! The interval of stability on the imaginary axis, exactly.
//!
//! The interval is the largest `(0, Y)` such that for `0 < y < Y` the polynomial `ρ − i y σ`
//! satisfies the root condition (roots in the closed disc, those on the circle simple: methods such
//! as the leapfrog have all their roots on the circle there). By conjugation it is `(−Y, Y)`.
//!
//! With `w = y²` the roots of `ρ − i y σ` and their conjugates are those of `ρ² + w σ²`, so samples
//! are rational in `w`. Roots reach the circle where `M(x) = 0` and `w D² = (4 − x²) N²` (see
//! [`super::locus`]): `w` is a root of a resultant. Where `M` vanishes identically the roots are
//! symmetric in the circle for every `y`, and the verdict changes only where two of them meet: at
//! common roots of the real and imaginary part of the discriminant.
//!
//! # References
//!
//! E. Hairer, G. Wanner, *Solving Ordinary Differential Equations II*, section V.1.

use super::absolute_stability::MAX_STEPS;
use super::circle::is_schur;
use super::locus::Locus;
use super::{Kind, LinearMultistep, RootCondition};
use crate::exact::sturm::{RealRoot, count_roots, isolate};
use crate::exact::{BiPoly, Poly, Rational};

/// The interval that starts at 0 on the imaginary axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImaginaryInterval {
    /// No `(0, Y)`.
    Empty,
    /// `(−iY, iY)`, given by `Y²`.
    UpToSquare(RealRoot),
    /// The whole axis but 0.
    Axis,
}

/// The interval, or `None` for second-order equations and above [`MAX_STEPS`].
///
/// # Examples
///
/// ```
/// use dahlquist::multistep::{by_name, imaginary::{imaginary_interval, ImaginaryInterval}};
/// use dahlquist::exact::{Rational, sturm::RealRoot};
/// let simpson = by_name("milne-simpson").expect("known");
/// let three = RealRoot::Rational(Rational::from(3)); // (−i√3, i√3)
/// assert_eq!(imaginary_interval(&simpson), Some(ImaginaryInterval::UpToSquare(three)));
/// ```
pub fn imaginary_interval(method: &LinearMultistep) -> Option<ImaginaryInterval> {
    if method.kind() == Kind::Second || method.steps() > MAX_STEPS {
        return None;
    }
    let (rho, sigma) = (method.rho(), method.sigma());
    let common = rho.gcd(&sigma);
    if !is_schur(&common) {
        return Some(ImaginaryInterval::Empty);
    }
    let divide = |p: &Poly| p.exact_div(&common).expect("a gcd divides");
    Some(walk(&divide(&rho), &divide(&sigma)))
}

fn walk(rho: &Poly, sigma: &Poly) -> ImaginaryInterval {
    let locus = Locus::new(rho, sigma);
    let meetings = meetings(rho, sigma);
    let reaches = if locus.m.is_zero() {
        Poly::one()
    } else {
        reaching(&locus)
    };
    let all = if locus.m.is_zero() {
        meetings.square_free_part()
    } else {
        reaches.square_free_part()
    };
    let (rho_square, sigma_square) = (rho * rho, sigma * sigma);
    let stable = |w: &Rational| {
        let p = &rho_square + &sigma_square.scaled(w);
        RootCondition::of(&p, Kind::First).counts.outside == 0
    };
    // With 0 among the roots the other enclosures stay clear of it.
    let (_, all) = all.strip_zero_roots();
    let events: Vec<RealRoot> = isolate(&(&all * &Poly::x()))
        .into_iter()
        .filter(|x| *x.hi() > 0)
        .collect();
    let mut lower = Rational::new();
    let mut last: Option<&RealRoot> = None;
    for event in &events {
        let sample: Rational = Rational::from(&lower + event.lo()) / 2;
        if !stable(&sample) {
            return last.map_or(ImaginaryInterval::Empty, |x| {
                ImaginaryInterval::UpToSquare(x.clone())
            });
        }
        // Two roots that meet on the circle end the interval whatever comes after.
        if locus.m.is_zero() || vanishes(&meetings, event) {
            return ImaginaryInterval::UpToSquare(event.clone());
        }
        lower.clone_from(event.hi());
        last = Some(event);
    }
    if stable(&(lower + 1)) {
        ImaginaryInterval::Axis
    } else {
        last.map_or(ImaginaryInterval::Empty, |x| {
            ImaginaryInterval::UpToSquare(x.clone())
        })
    }
}

fn vanishes(p: &Poly, x: &RealRoot) -> bool {
    match x {
        RealRoot::Rational(x) => p.eval(x) == 0,
        RealRoot::Algebraic { poly, lo, hi } => count_roots(&p.gcd(poly), Some(lo), Some(hi)) > 0,
    }
}

/// `Res_x(M, w D² − (4 − x²) N²)` in `w`.
fn reaching(locus: &Locus) -> Poly {
    let m = locus.finite(&locus.m);
    let square = &locus.d * &locus.d;
    let other = &(&locus.n * &locus.n) * &Poly::from_integers(&[-4, 0, 1]);
    let terms = square.degree().max(other.degree()).unwrap_or(0);
    let line = (0..=terms).map(|j| Poly::new(vec![other.coeff(j), square.coeff(j)]));
    BiPoly::in_r(&m).resultant(&BiPoly::new(line.collect()))
}

/// A polynomial in `w = y²` that vanishes where `ρ − i y σ` has a multiple root.
fn meetings(rho: &Poly, sigma: &Poly) -> Poly {
    let k = rho.degree().unwrap_or(0);
    let in_z = |p: &Poly, q: &Poly| {
        let line = (0..=k).map(|j| Poly::new(vec![p.coeff(j), -q.coeff(j)]));
        BiPoly::new(line.collect())
    };
    let discriminant = in_z(rho, sigma).resultant(&in_z(&rho.derivative(), &sigma.derivative()));
    // z = i y: even powers are real, odd ones imaginary.
    let part = |parity: usize| {
        let coefficients = discriminant.coeffs().iter().skip(parity).step_by(2);
        let signed = coefficients.enumerate().map(|(j, c)| {
            if j % 2 == 0 {
                c.clone()
            } else {
                Rational::from(-c)
            }
        });
        Poly::new(signed.collect())
    };
    part(0).gcd(&part(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::multistep::by_name;
    use crate::multistep::region::number;

    fn end(name: &str) -> String {
        match imaginary_interval(&by_name(name).expect(name)).expect("first order") {
            ImaginaryInterval::Empty => "empty".into(),
            ImaginaryInterval::Axis => "axis".into(),
            ImaginaryInterval::UpToSquare(x) => number(&x),
        }
    }

    #[test]
    fn known_intervals() {
        for (name, square) in [
            ("euler", "empty"),
            ("ab2", "empty"),
            ("leapfrog", "1"),
            ("zerosnet(-1)", "1"),
            ("milne-simpson", "3"),
            ("am1", "axis"),
            ("bdf1", "axis"),
            ("bdf2", "axis"),
            ("bdf3", "empty"),
            ("am2", "empty"),
        ] {
            assert_eq!(end(name), square, "{name}");
        }
        // AB3: 0.7236…² and AB4: 0.43…², as known from plots.
        assert!(
            end("ab3").starts_with("[0.52") || end("ab3").contains('/'),
            "{}",
            end("ab3")
        );
        assert!(
            end("ab4").starts_with("[0.18") || end("ab4").contains('/'),
            "{}",
            end("ab4")
        );
    }
}
