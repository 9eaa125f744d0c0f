//! Natural logarithm.

use super::TurningPoint;
use super::shape::{Bend, Curve, Piece};
use crate::exact::{MpInterval, mp};
use crate::rounding::{Interval, elementary};

/// Natural logarithm, on `x > 0`.
#[derive(Clone, Copy, Debug)]
pub struct Log;

impl Curve for Log {
    fn name(&self) -> &'static str {
        "log"
    }
    fn value(&self, x: f64) -> f64 {
        x.ln()
    }
    fn slope(&self, x: f64) -> f64 {
        1.0 / x
    }
    fn pieces(&self) -> &[Piece] {
        // from the least positive number
        const ALL: [Piece; 1] = [Piece::new(f64::from_bits(1), f64::INFINITY, Bend::Concave)];
        &ALL
    }
    fn at(&self, x: Interval) -> Interval {
        elementary::ln(x)
    }
    fn rate(&self, x: Interval, _piece: usize) -> Interval {
        Interval::ONE.divide(x)
    }
    fn touch(&self, slope: f64, _piece: usize) -> f64 {
        1.0 / slope
    }
    fn oracle(&self, x: &MpInterval) -> MpInterval {
        x.ln().unwrap_or_else(|_| x.widened())
    }
    /// `1 / t = s` at `t = 1 / s`; the value there is `−ln s − 1`.
    fn turning_points(
        &self,
        slope: f64,
        domain: &MpInterval,
    ) -> Result<Vec<TurningPoint>, mp::Error> {
        if slope <= 0.0 {
            return Ok(Vec::new());
        }
        let bits = domain.precision();
        let s = MpInterval::from_f64(bits, slope)?;
        let one = MpInterval::from_f64(bits, 1.0)?;
        let value = s.ln()?.neg().sub(&one);
        Ok(vec![TurningPoint {
            at: one.div(&s)?,
            value,
        }])
    }
}
