//! Square.

use super::TurningPoint;
use super::shape::{Bend, Curve, Piece};
use crate::exact::{MpInterval, mp};
use crate::rounding::Interval;

/// `x²`
#[derive(Clone, Copy, Debug)]
pub struct Square;

impl Curve for Square {
    fn name(&self) -> &'static str {
        "square"
    }
    fn value(&self, x: f64) -> f64 {
        x * x
    }
    fn slope(&self, x: f64) -> f64 {
        2.0 * x
    }
    fn pieces(&self) -> &[Piece] {
        const ALL: [Piece; 1] = [Piece::new(f64::NEG_INFINITY, f64::INFINITY, Bend::Convex)];
        &ALL
    }
    fn at(&self, x: Interval) -> Interval {
        x.square()
    }
    fn rate(&self, x: Interval, _piece: usize) -> Interval {
        x.scale(2.0)
    }
    fn touch(&self, slope: f64, _piece: usize) -> f64 {
        0.5 * slope
    }
    fn oracle(&self, x: &MpInterval) -> MpInterval {
        x.square()
    }
    /// `2 t = s` at `t = s / 2`; the value there is `−s² / 4`.
    fn turning_points(
        &self,
        slope: f64,
        domain: &MpInterval,
    ) -> Result<Vec<TurningPoint>, mp::Error> {
        let bits = domain.precision();
        let at = MpInterval::from_f64(bits, slope)?.mul(&MpInterval::from_f64(bits, 0.5)?);
        let value = at.square().neg();
        Ok(vec![TurningPoint { at, value }])
    }
}
