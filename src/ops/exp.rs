//! Exponential function.

use super::TurningPoint;
use super::shape::{Bend, Curve, Piece};
use crate::exact::{MpInterval, mp};
use crate::rounding::{Interval, elementary};

/// Exponential function.
#[derive(Clone, Copy, Debug)]
pub struct Exp;

impl Curve for Exp {
    fn name(&self) -> &'static str {
        "exp"
    }
    fn value(&self, x: f64) -> f64 {
        x.exp()
    }
    fn slope(&self, x: f64) -> f64 {
        x.exp()
    }
    fn pieces(&self) -> &[Piece] {
        const ALL: [Piece; 1] = [Piece::new(f64::NEG_INFINITY, f64::INFINITY, Bend::Convex)];
        &ALL
    }
    fn at(&self, x: Interval) -> Interval {
        elementary::exp(x)
    }
    fn rate(&self, x: Interval, _piece: usize) -> Interval {
        elementary::exp(x)
    }
    fn touch(&self, slope: f64, _piece: usize) -> f64 {
        slope.ln()
    }
    fn oracle(&self, x: &MpInterval) -> MpInterval {
        x.exp()
    }
    /// `eᵗ = s` at `t = ln s`; the value there is `s − s t`.
    fn turning_points(
        &self,
        slope: f64,
        domain: &MpInterval,
    ) -> Result<Vec<TurningPoint>, mp::Error> {
        if slope <= 0.0 {
            return Ok(Vec::new());
        }
        let s = MpInterval::from_f64(domain.precision(), slope)?;
        let at = s.ln()?;
        let value = s.sub(&s.mul(&at));
        Ok(vec![TurningPoint { at, value }])
    }
}
