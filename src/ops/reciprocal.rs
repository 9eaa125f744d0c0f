//! Reciprocal.

use super::TurningPoint;
use super::shape::{Bend, Curve, Piece};
use crate::exact::{MpInterval, mp};
use crate::rounding::Interval;

/// `1 / x`, on `x < 0` or `x > 0`; over an operand that contains 0 nothing is
/// known.
#[derive(Clone, Copy, Debug)]
pub struct Reciprocal;

impl Curve for Reciprocal {
    fn name(&self) -> &'static str {
        "reciprocal"
    }
    fn value(&self, x: f64) -> f64 {
        1.0 / x
    }
    fn slope(&self, x: f64) -> f64 {
        -1.0 / (x * x)
    }
    fn pieces(&self) -> &[Piece] {
        // On the gap about the pole the rules below give the whole line.
        const LEAST: f64 = f64::from_bits(1);
        const ALL: [Piece; 2] = [
            Piece::new(f64::NEG_INFINITY, -LEAST, Bend::Concave),
            Piece::new(LEAST, f64::INFINITY, Bend::Convex),
        ];
        &ALL
    }
    fn at(&self, x: Interval) -> Interval {
        Interval::ONE.divide(x)
    }
    fn rate(&self, x: Interval, _piece: usize) -> Interval {
        -Interval::ONE.divide(x.square())
    }
    fn touch(&self, slope: f64, piece: usize) -> f64 {
        let size = (-slope).sqrt().recip();
        [-size, size][piece]
    }
    fn oracle(&self, x: &MpInterval) -> MpInterval {
        let one = MpInterval::from_f64(x.precision(), 1.0);
        one.and_then(|one| one.div(x))
            .unwrap_or_else(|_| x.widened())
    }
    /// `−1 / t² = s` at `t = ±1 / √(−s)`; the value there is `±2 √(−s)`. And
    /// the pole.
    fn turning_points(
        &self,
        slope: f64,
        domain: &MpInterval,
    ) -> Result<Vec<TurningPoint>, mp::Error> {
        let bits = domain.precision();
        let mut points = vec![TurningPoint {
            at: MpInterval::from_f64(bits, 0.0)?,
            value: domain.widened(),
        }];
        if slope < 0.0 {
            let root = MpInterval::from_f64(bits, -slope)?.sqrt()?;
            let at = MpInterval::from_f64(bits, 1.0)?.div(&root)?;
            let value = root.add(&root);
            points.push(TurningPoint {
                at: at.neg(),
                value: value.neg(),
            });
            points.push(TurningPoint { at, value });
        }
        Ok(points)
    }
}
