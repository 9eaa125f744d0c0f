//! Proved enclosures of all roots of `ρ`, with multiplicity and exact position.
//!
//! Per square-free factor: Aberth's iteration in MPFR proposes approximations `z_1 … z_n` from
//! starting points on the circles of the Newton polygon. Then, whatever they are, every root lies in
//! a union of discs with centres `z_i` and radii `n |f(z_i)| / |lc ∏_{j≠i}(z_i − z_j)|`, and a
//! connected component of `k` discs holds `k` roots (Smith 1970). Radii are computed in interval
//! arithmetic; disjoint discs hold one root each. Precision is doubled until
//!
//! - the discs are disjoint and at most 2⁻⁶⁰ wide relative to their centre,
//! - as many discs meet the real axis as there are real roots (Sturm), so those roots are real,
//! - as many discs meet the unit circle as there are roots on it (exact), so those are on it.
//!
//! Roots 0, 1 and −1 are exact and conjugate roots get mirrored enclosures.
//!
//! # References
//!
//! B. T. Smith, *Error bounds for zeros of a polynomial based upon Gerschgorin's theorems*, J. ACM
//! 17, 1970; O. Aberth, Math. Comp. 27, 1973; D. A. Bini, Numer. Algorithms 13, 1996 (start).

use rug::Float;
use rug::float::Round;
use std::cmp::Ordering;

use super::Error;
use super::complex::Box2;
use super::proposal::{self, Complex};
use super::root_condition::RootCondition;
use crate::exact::sturm::count_roots;
use crate::exact::{MpInterval, Poly, Rational};

/// The precision at which enclosures give up, in bits.
pub const MAX_BITS: u32 = 1 << 15;
const FIRST_BITS: u32 = 192;
const WIDTH_BITS: i32 = 60;

/// The exact position of a root relative to the unit circle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Location {
    /// `|r| < 1`.
    In,
    /// `|r| = 1`.
    On,
    /// `|r| > 1`.
    Out,
}

/// One distinct root.
#[derive(Debug, Clone, PartialEq)]
pub struct RootEnclosure {
    /// Enclosure of the real part.
    pub re: MpInterval,
    /// Enclosure of the imaginary part; the point 0 for a real root.
    pub im: MpInterval,
    /// Enclosure of the modulus; the point 1 for a root on the circle.
    pub modulus: MpInterval,
    /// The exact multiplicity.
    pub multiplicity: usize,
    /// The exact position.
    pub location: Location,
}

/// Encloses every distinct root, sorted by real part, then imaginary part.
///
/// # Errors
///
/// [`Error::Precision`] where [`MAX_BITS`] do not separate the roots; `name` is for that message.
pub fn enclose(condition: &RootCondition, name: &str) -> Result<Vec<RootEnclosure>, Error> {
    let mut all = Vec::new();
    if condition.zero_multiplicity > 0 {
        all.push(exact(0, Location::In, condition.zero_multiplicity));
    }
    for part in &condition.parts {
        let split = &part.split;
        if split.one {
            all.push(exact(1, Location::On, part.multiplicity));
        }
        if split.minus_one {
            all.push(exact(-1, Location::On, part.multiplicity));
        }
        for (factor, on) in [
            (split.off_axis(), 2 * split.trace_in),
            (split.rest.clone(), 0),
        ] {
            let discs = isolate(&factor, on).map_err(|bits| Error::Precision {
                name: name.to_owned(),
                bits,
            })?;
            all.extend(
                discs
                    .into_iter()
                    .flat_map(|d| d.into_roots(part.multiplicity)),
            );
        }
    }
    let by = |a: &Float, b: &Float| a.partial_cmp(b).unwrap_or(Ordering::Equal);
    all.sort_by(|a, b| by(a.re.lo(), b.re.lo()).then_with(|| by(a.im.lo(), b.im.lo())));
    Ok(all)
}

fn exact(value: i64, location: Location, multiplicity: usize) -> RootEnclosure {
    let point = |v: i64| integer(FIRST_BITS, v);
    RootEnclosure {
        re: point(value),
        im: point(0),
        modulus: point(value.abs()),
        multiplicity,
        location,
    }
}

fn integer(bits: u32, value: i64) -> MpInterval {
    MpInterval::from_rational(bits, &Rational::from(value)).expect("a precision within limits")
}

fn point(z: &Complex) -> Option<Box2> {
    Some(Box2 {
        re: MpInterval::from_float(&z.re).ok()?,
        im: MpInterval::from_float(&z.im).ok()?,
    })
}

/// A disc that holds exactly one root, with what is known about it.
struct Disc {
    centre: Box2,
    radius: MpInterval,
    real: bool,
    location: Location,
}

impl Disc {
    /// The root, and its conjugate where it is not real; nothing for the lower half-plane.
    fn into_roots(self, multiplicity: usize) -> Vec<RootEnclosure> {
        let bits = self.radius.precision();
        let spread = self.radius.neg().hull(&self.radius);
        let re = self.centre.re.add(&spread);
        let modulus = match self.location {
            Location::On => integer(bits, 1),
            _ => self.modulus(),
        };
        let location = self.location;
        let root = |re, im| RootEnclosure {
            re,
            im,
            modulus: modulus.clone(),
            multiplicity,
            location,
        };
        if self.real {
            return vec![root(re, integer(bits, 0))];
        }
        let im = self.centre.im.add(&spread);
        if *im.lo() > 0 {
            vec![root(re.clone(), im.clone()), root(re, im.neg())]
        } else {
            Vec::new()
        }
    }

    fn modulus(&self) -> MpInterval {
        let centre = self.centre.norm_square().sqrt().expect("a sum of squares");
        centre.add(&self.radius.neg().hull(&self.radius))
    }
}

/// One disc per root of a square-free `f` without roots at 0, of which exactly `on` are on the unit
/// circle. The error is the precision reached.
fn isolate(f: &Poly, on: usize) -> Result<Vec<Disc>, u32> {
    if f.is_constant() {
        return Ok(Vec::new());
    }
    let real = count_roots(f, None, None);
    let mut bits = FIRST_BITS;
    let mut approximations = proposal::propose(f, bits);
    while bits <= MAX_BITS {
        proposal::improve(f, &mut approximations, bits);
        if let Some(discs) = certify(f, &approximations, bits, real, on) {
            return Ok(discs);
        }
        bits *= 2;
    }
    Err(bits / 2)
}

fn certify(f: &Poly, z: &[Complex], bits: u32, real: usize, on: usize) -> Option<Vec<Disc>> {
    let n = z.len();
    let points = z.iter().map(point).collect::<Option<Vec<_>>>()?;
    let coeffs = f
        .coeffs()
        .iter()
        .map(|c| MpInterval::from_rational(bits, c).ok());
    let coeffs = coeffs.collect::<Option<Vec<_>>>()?;
    let count = integer(bits, n as i64);
    let mut radii = Vec::with_capacity(n);
    for (i, point) in points.iter().enumerate() {
        let mut value = Box2 {
            re: integer(bits, 0),
            im: integer(bits, 0),
        };
        for c in coeffs.iter().rev() {
            value = value.mul(point);
            value.re = value.re.add(c);
        }
        let mut product = Box2 {
            re: coeffs[n].clone(),
            im: integer(bits, 0),
        };
        for (j, other) in points.iter().enumerate() {
            if i != j {
                product = product.mul(&point.sub(other));
            }
        }
        let ratio = value.norm_square().div(&product.norm_square()).ok()?;
        let radius = ratio.sqrt().ok()?.mul(&count);
        radii.push(MpInterval::from_float(radius.hi()).ok()?);
    }
    for i in 0..n {
        for j in 0..i {
            let gap = points[i].sub(&points[j]).norm_square();
            if gap.lo() <= radii[i].add(&radii[j]).square().hi() {
                return None;
            }
        }
        let scale =
            Float::with_val_round(bits, points[i].norm_square().sqrt().ok()?.lo(), Round::Down).0;
        if *radii[i].hi() > scale >> WIDTH_BITS {
            return None;
        }
    }
    let mut discs = Vec::with_capacity(n);
    for (centre, radius) in points.into_iter().zip(radii) {
        let meets_axis = *centre.im.square().lo() <= *radius.square().hi();
        let mut disc = Disc {
            centre,
            radius,
            real: meets_axis,
            location: Location::On,
        };
        let modulus = disc.modulus();
        if *modulus.hi() < 1 {
            disc.location = Location::In;
        } else if *modulus.lo() > 1 {
            disc.location = Location::Out;
        }
        discs.push(disc);
    }
    let on_axis = discs.iter().filter(|d| d.real).count();
    let on_circle = discs.iter().filter(|d| d.location == Location::On).count();
    (on_axis == real && on_circle == on).then_some(discs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::multistep::Kind;

    fn roots(p: &Poly) -> Vec<RootEnclosure> {
        enclose(&RootCondition::of(p, Kind::First), "test").expect("separable")
    }

    #[test]
    fn fibonacci_and_its_relatives() {
        // r³ − r² − r − 1: the tribonacci constant 1.8392867552141612… outside.
        let r = roots(&Poly::from_integers(&[-1, -1, -1, 1]));
        assert_eq!(r.len(), 3);
        assert_eq!(r[2].location, Location::Out);
        assert!(
            r[2].re.lo_f64() <= 1.839_286_755_214_161_3
                && r[2].re.hi_f64() >= 1.839_286_755_214_161
        );
        assert!(r[2].re.hi_f64() - r[2].re.lo_f64() < 1e-15);
        assert!(r[2].im.contains_f64(0.0) && r[2].im.lo() == r[2].im.hi());
        assert_eq!(r[0].im, r[1].im.neg());
        assert_eq!(r[0].re, r[1].re);
    }

    #[test]
    fn enclosures_vanish_exactly_where_the_polynomial_does() {
        // Rational roots are known: each lies in exactly one enclosure.
        let list = [
            (1, 3),
            (-2, 1),
            (7, 5),
            (1, 1),
            (-1, 1),
            (0, 1),
            (1000, 1),
            (1, 1000),
        ];
        let list = list.map(Rational::from);
        let p = list.iter().fold(Poly::one(), |p, r| &p * &Poly::linear(r));
        let found = roots(&(&p * &Poly::from_integers(&[5, -6, 5])));
        assert_eq!(found.len(), list.len() + 2);
        for r in &list {
            assert_eq!(
                found
                    .iter()
                    .filter(|e| e.re.contains(r) && e.im.contains(&Rational::new()))
                    .count(),
                1
            );
        }
        // 3/5 ± 4i/5 is on the circle.
        let pair: Vec<_> = found.iter().filter(|e| *e.im.lo() > 0).collect();
        assert_eq!(pair.len(), 1);
        assert_eq!(pair[0].location, Location::On);
        assert!(
            pair[0].re.contains(&Rational::from((3, 5)))
                && pair[0].im.contains(&Rational::from((4, 5)))
        );
    }
}
