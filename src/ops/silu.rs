//! Sigmoid-weighted linear unit.

use super::TurningPoint;
use super::shape::{Bend, Curve, Piece};
use super::stationary;
use crate::exact::{MpInterval, mp};
use crate::rounding::{Interval, elementary};

/// `x σ(x)`, also called swish.
#[derive(Clone, Copy, Debug)]
pub struct Silu;

/// The points of inflection `±c` solve `x tanh(x / 2) = 2`;
/// `c = 2.39935728051546766…` is not a double and lies above this one.
const INFLECTION: f64 = 2.399_357_280_515_467_5;

impl Curve for Silu {
    fn name(&self) -> &'static str {
        "silu"
    }
    fn value(&self, x: f64) -> f64 {
        x / (1.0 + (-x).exp())
    }
    fn slope(&self, x: f64) -> f64 {
        let s = 1.0 / (1.0 + (-x).exp());
        s * (1.0 + x * (1.0 - s))
    }
    fn pieces(&self) -> &[Piece] {
        const ALL: [Piece; 3] = [
            Piece::new(f64::NEG_INFINITY, -INFLECTION.next_up(), Bend::Concave),
            Piece::new(-INFLECTION, INFLECTION, Bend::Convex),
            Piece::new(INFLECTION.next_up(), f64::INFINITY, Bend::Concave),
        ];
        &ALL
    }
    fn at(&self, x: Interval) -> Interval {
        if x.hi() == f64::NEG_INFINITY {
            return Interval::or_entire(-f64::from_bits(1), 0.0); // the limit, from below
        }
        x * elementary::sigmoid(x)
    }
    fn rate(&self, x: Interval, _piece: usize) -> Interval {
        let tiny = f64::from_bits(1);
        if x.hi() == f64::NEG_INFINITY {
            return Interval::or_entire(-tiny, 0.0);
        }
        if x.lo() == f64::INFINITY {
            return Interval::or_entire(1.0, 1.0 + f64::EPSILON);
        }
        // σ(x) (1 + x σ(-x))
        elementary::sigmoid(x) * (Interval::ONE + x * elementary::sigmoid(-x))
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
            let one = MpInterval::from_f64(x.precision(), 1.0)?;
            Ok(x.sigmoid().mul(&one.add(&x.mul(&x.neg().sigmoid()))))
        })
    }
}

fn at(x: &MpInterval) -> Result<MpInterval, mp::Error> {
    Ok(x.mul(&x.sigmoid()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `x tanh(x/2) - 2` increases on `x > 0` and changes sign between the two
    /// doubles; `φ'' = σ (1 - σ) (2 - x tanh(x/2))`.
    #[test]
    fn inflection_is_enclosed() {
        let h = |x: f64| {
            let number = |v| MpInterval::from_f64(200, v).unwrap();
            let x = number(x);
            x.mul(&x.mul(&number(0.5)).tanh()).sub(&number(2.0))
        };
        assert!(*h(INFLECTION).hi() < 0 && *h(INFLECTION.next_up()).lo() > 0);
    }
}
