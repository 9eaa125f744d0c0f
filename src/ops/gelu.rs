//! Gaussian error linear unit.

use super::TurningPoint;
use super::shape::{Bend, Curve, Piece};
use super::stationary;
use crate::exact::{MpInterval, mp};
use crate::rounding::{Interval, elementary};

/// `x Φ(x)`, `Φ` the distribution function of the standard normal law (the
/// exact form, not the approximation by tanh).
#[derive(Clone, Copy, Debug)]
pub struct Gelu;

/// The points of inflection are `±√2`, as `φ'' = (2 - x²) exp(-x²/2) / √(2π)`;
/// this double lies above `√2`, its neighbour below.
const SQRT_2: f64 = std::f64::consts::SQRT_2;

/// Encloses `Φ(x) = erfc(-x / √2) / 2`.
fn normal(x: Interval) -> Interval {
    let root = Interval::or_entire(SQRT_2.next_down(), SQRT_2);
    elementary::erfc(-x.divide(root)).scale(0.5)
}

/// Encloses `exp(-x²/2) / √(2π)`.
fn density(x: Interval) -> Interval {
    // 1 / √(2π) = 2/√π / (2 √2)
    let root = Interval::or_entire(SQRT_2.next_down(), SQRT_2);
    let peak = elementary::TWO_OVER_SQRT_PI.divide(root.scale(2.0));
    elementary::exp(-x.square().scale(0.5)) * peak
}

impl Curve for Gelu {
    fn name(&self) -> &'static str {
        "gelu"
    }
    fn value(&self, x: f64) -> f64 {
        x * 0.5 * core_math::erfc(-x / SQRT_2)
    }
    fn slope(&self, x: f64) -> f64 {
        let density = (-0.5 * x * x).exp() * std::f64::consts::FRAC_2_SQRT_PI / (2.0 * SQRT_2);
        0.5 * core_math::erfc(-x / SQRT_2) + x * density
    }
    fn pieces(&self) -> &[Piece] {
        const ALL: [Piece; 3] = [
            Piece::new(f64::NEG_INFINITY, -SQRT_2, Bend::Concave),
            Piece::new(-SQRT_2.next_down(), SQRT_2.next_down(), Bend::Convex),
            Piece::new(SQRT_2, f64::INFINITY, Bend::Concave),
        ];
        &ALL
    }
    fn at(&self, x: Interval) -> Interval {
        if x.hi() == f64::NEG_INFINITY {
            return Interval::or_entire(-f64::from_bits(1), 0.0); // the limit, from below
        }
        x * normal(x)
    }
    fn rate(&self, x: Interval, _piece: usize) -> Interval {
        if x.hi() == f64::NEG_INFINITY {
            return Interval::or_entire(-f64::from_bits(1), 0.0);
        }
        if x.lo() == f64::INFINITY {
            return Interval::or_entire(1.0, 1.0 + f64::EPSILON);
        }
        normal(x) + x * density(x)
    }
    fn oracle(&self, x: &MpInterval) -> MpInterval {
        stationary::image(self, x, at).unwrap_or_else(|_| x.widened())
    }
    fn turning_points(
        &self,
        slope: f64,
        domain: &MpInterval,
    ) -> Result<Vec<TurningPoint>, mp::Error> {
        stationary::turning_points(self, slope, domain, at, |x| {
            let bits = x.precision();
            let number = |v| MpInterval::from_f64(bits, v);
            let half = number(0.5)?;
            let peak = MpInterval::pi(bits)?.mul(&number(2.0)?).sqrt()?;
            let density = half.mul(&x.square()).neg().exp().div(&peak)?;
            Ok(half.mul(&argument(x)?.erfc()).add(&x.mul(&density)))
        })
    }
}

/// `-x / √2`
fn argument(x: &MpInterval) -> Result<MpInterval, mp::Error> {
    let two = MpInterval::from_f64(x.precision(), 2.0)?;
    Ok(x.div(&two.sqrt()?)?.neg())
}

fn at(x: &MpInterval) -> Result<MpInterval, mp::Error> {
    let half = MpInterval::from_f64(x.precision(), 0.5)?;
    Ok(x.mul(&half.mul(&argument(x)?.erfc())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inflection_is_enclosed() {
        let exact = |x: f64| crate::exact::Rational::from_f64(x).unwrap();
        assert!(exact(SQRT_2).square() > 2 && exact(SQRT_2.next_down()).square() < 2);
    }
}
