//! Absolute value.

use super::TurningPoint;
use super::shape::{Bend, Curve, Piece};
use crate::exact::{MpInterval, mp};
use crate::rounding::Interval;

/// `|x|`
#[derive(Clone, Copy, Debug)]
pub struct Abs;

impl Curve for Abs {
    fn name(&self) -> &'static str {
        "abs"
    }
    fn value(&self, x: f64) -> f64 {
        x.abs()
    }
    fn slope(&self, x: f64) -> f64 {
        if x >= 0.0 { 1.0 } else { -1.0 }
    }
    fn pieces(&self) -> &[Piece] {
        const ALL: [Piece; 2] = [
            Piece::new(f64::NEG_INFINITY, 0.0, Bend::Convex),
            Piece::new(0.0, f64::INFINITY, Bend::Convex),
        ];
        &ALL
    }
    fn at(&self, x: Interval) -> Interval {
        x.abs()
    }
    fn rate(&self, _x: Interval, piece: usize) -> Interval {
        [-Interval::ONE, Interval::ONE][piece]
    }
    fn touch(&self, _slope: f64, _piece: usize) -> f64 {
        0.0
    }
    fn oracle(&self, x: &MpInterval) -> MpInterval {
        x.abs()
    }
    fn turning_points(
        &self,
        _slope: f64,
        domain: &MpInterval,
    ) -> Result<Vec<TurningPoint>, mp::Error> {
        Ok(vec![TurningPoint::origin(domain.precision())?])
    }
}
