//! A-stability and the angle of A(α)-stability, exactly.
//!
//! A method is A(α)-stable when all roots of `ρ − z σ` are strictly inside the circle for every `z`
//! of the open sector `|arg(−z)| < α`; A-stable for `α = 90°`. The number of roots inside changes
//! only across the boundary locus, so the sector is stable exactly when it meets no point of the
//! locus and one of its points, `z = −1`, is stable. With the polynomials of [`super::locus`], a
//! point of the locus in the left half-plane has
//!
//! `tan² arg(−z) = t(x) = (4 − x²) N²/M²` with `M(x) < 0`, `−2 < x < 2`,
//!
//! so `tan² α` is the infimum of `t` over that open set. `t` is continuous there; its infimum is a
//! critical value, a value at a common root of `M` and `N` (cancelled first), or 0. Critical values
//! are roots of `Res_x(K, τ M² − (4 − x²) N²)` with `K` the numerator of the derivative (all in
//! lowest terms). Whether `t`
//! falls below a rational `τ` somewhere is a sign condition at sample points between real roots, so
//! the infimum is found among the candidates without any approximation.
//!
//! # References
//!
//! O. B. Widlund, BIT 7, 1967 (A(α)); G. Dahlquist, BIT 3, 1963 (A-stability, the second barrier);
//! Hairer, Wanner II, section V.2.

use super::absolute_stability::MAX_STEPS;
use super::circle::is_schur;
use super::locus::Locus;
use super::{Kind, LinearMultistep};
use rug::Float;
use rug::float::{Constant, Round};

use crate::exact::algebraic::{enclose, simplify};
use crate::exact::sturm::{RealRoot, isolate};
use crate::exact::{BiPoly, MpInterval, Poly, Rational};

/// The largest sector of stability.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sector {
    /// No sector.
    None,
    /// `tan² α`, with `0 < α < 90°`.
    TanSquared(RealRoot),
    /// The left half-plane.
    HalfPlane,
}

/// The largest sector, or `None` for second-order equations and above [`MAX_STEPS`].
///
/// # Examples
///
/// ```
/// use dahlquist::multistep::{by_name, sector::{sector, Sector}};
/// use dahlquist::exact::{rational::parse, sturm::RealRoot};
/// let bdf3 = by_name("bdf3").expect("known");
/// let exact = RealRoot::Rational(parse("757687/3645").expect("literal"));
/// assert_eq!(sector(&bdf3), Some(Sector::TanSquared(exact)));
/// ```
pub fn sector(method: &LinearMultistep) -> Option<Sector> {
    if method.kind() == Kind::Second || method.steps() > MAX_STEPS {
        return None;
    }
    let (rho, sigma) = (method.rho(), method.sigma());
    let common = rho.gcd(&sigma);
    // z = −1
    let sample = &rho + &sigma;
    if !is_schur(&common) || sample.degree() != rho.degree() || !is_schur(&sample) {
        return Some(Sector::None);
    }
    let divide = |p: &Poly| p.exact_div(&common).expect("a gcd divides");
    Some(infimum(&Locus::new(&divide(&rho), &divide(&sigma))))
}

fn infimum(locus: &Locus) -> Sector {
    let (m, n) = (&locus.m, &locus.n);
    if m.is_zero() || !meets(m, &Poly::one()) {
        return Sector::HalfPlane;
    }
    let shared = m.gcd(n);
    let divide = |p: &Poly| p.exact_div(&shared).expect("a gcd divides");
    let (m1, n1) = (divide(m), divide(n));
    let strip = Poly::from_integers(&[4, 0, -1]);
    let top = &(&n1 * &n1) * &strip;
    let bottom = &m1 * &m1;
    // In lowest terms (x = ±2 may cancel) no factor of the derivative's numerator is one of every
    // level polynomial τ · bottom − top.
    let cancel = top.gcd(&bottom);
    let (low_top, low_bottom) = (
        top.exact_div(&cancel).expect("a gcd divides"),
        bottom.exact_div(&cancel).expect("a gcd divides"),
    );
    let k = &(&low_top.derivative() * &low_bottom) - &(&low_top * &low_bottom.derivative());
    let terms = low_top.degree().max(low_bottom.degree()).unwrap_or(0);
    let level = BiPoly::new(
        (0..=terms)
            .map(|j| Poly::new(vec![-low_top.coeff(j), low_bottom.coeff(j)]))
            .collect(),
    );
    let mut candidates = Poly::one();
    for p in [&k, &shared] {
        if p.degree().unwrap_or(0) > 0 {
            let values = BiPoly::in_r(&p.square_free_part()).resultant(&level);
            if !values.is_zero() {
                let part = values.square_free_part();
                let new = part.exact_div(&part.gcd(&candidates));
                candidates = &candidates * &new.expect("a gcd divides");
            }
        }
    }
    if k.is_zero() {
        // t is constant.
        let x = Rational::from((1, 7));
        if let Some(value) = ratio(&top, &bottom, &x) {
            candidates = Poly::linear(&value);
        }
    }
    if candidates.coeff(0) != 0 {
        // With 0 among the roots the other enclosures stay clear of it.
        candidates = &candidates * &Poly::x();
    }
    let below = |tau: &Rational| meets(m, &(&bottom.scaled(tau) - &top));
    let mut lower: Option<RealRoot> = None;
    let mut edge = Rational::new();
    for value in isolate(&candidates).into_iter().filter(|x| *x.hi() > 0) {
        let (lo, hi) = (value.lo().clone(), value.hi().clone());
        if below(&(Rational::from(&edge + &lo) / 2)) {
            break;
        }
        edge = hi;
        lower = Some(value);
    }
    lower.map_or(Sector::None, |value| Sector::TanSquared(simplify(&value)))
}

/// An outward-rounded enclosure of the angle in degrees, `digits` significant digits.
pub fn degrees(tan_squared: &RealRoot, digits: usize) -> [String; 2] {
    let bits = 8 + 4 * digits as u32;
    let t = enclose(tan_squared, bits);
    let end = |x: &Float, round: Round| {
        let other = if round == Round::Down {
            Round::Up
        } else {
            Round::Down
        };
        let root = Float::with_val_round(bits, x.sqrt_ref(), round).0;
        let angle = Float::with_val_round(bits, root.atan_ref(), round).0;
        let half_turn = Float::with_val_round(bits, Constant::Pi, other).0;
        let scaled = Float::with_val_round(bits, &angle * 180_u32, round).0;
        Float::with_val_round(bits, &scaled / &half_turn, round).0
    };
    let zero = Float::new(bits);
    let low = if *t.lo() > 0 { t.lo() } else { &zero };
    let point = |x: Float| MpInterval::from_float(&x).expect("a finite angle");
    let angle = point(end(low, Round::Down)).hull(&point(end(t.hi(), Round::Up)));
    angle.to_decimal(digits)
}

fn ratio(a: &Poly, b: &Poly, x: &Rational) -> Option<Rational> {
    let bottom = b.eval(x);
    (bottom != 0).then(|| a.eval(x) / bottom)
}

/// Whether `M < 0` and `F > 0` hold together somewhere in `(−2, 2)`.
fn meets(m: &Poly, f: &Poly) -> bool {
    let mut edges = vec![(Rational::from(-2), Rational::from(-2))];
    let inner = isolate(&(m * f)).into_iter();
    edges.extend(
        inner
            .filter(|x| *x.hi() > -2 && *x.lo() < 2)
            .map(|x| (x.lo().clone(), x.hi().clone())),
    );
    edges.push((Rational::from(2), Rational::from(2)));
    edges.windows(2).any(|pair| {
        let (a, b) = (&pair[0].1, &pair[1].0);
        let x: Rational = Rational::from(a + b) / 2;
        a < b && x > -2 && x < 2 && m.eval(&x) < 0 && f.eval(&x) > 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::multistep::by_name;
    use crate::multistep::region::number;

    #[test]
    fn known_angles() {
        for (name, expected) in [
            ("bdf1", "A"),
            ("bdf2", "A"),
            ("am1", "A"),
            ("bdf4", "1465803/131072"),
            ("bdf6", "2070523009/19990546875"),
            ("bdf7", "none"),
            ("ab2", "none"),
            ("am2", "none"),
            ("leapfrog", "none"),
            ("milne-simpson", "none"),
        ] {
            let found = match sector(&by_name(name).expect(name)).expect("first order") {
                Sector::None => "none".to_owned(),
                Sector::HalfPlane => "A".to_owned(),
                Sector::TanSquared(x) => number(&x),
            };
            assert_eq!(found, expected, "{name}");
        }
    }
}
