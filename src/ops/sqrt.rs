//! Square root.

use super::TurningPoint;
use super::shape::{Bend, Curve, Piece};
use crate::exact::{MpInterval, mp};
use crate::rounding::Interval;

/// Square root, on `x >= 0`.
#[derive(Clone, Copy, Debug)]
pub struct Sqrt;

impl Curve for Sqrt {
    fn name(&self) -> &'static str {
        "sqrt"
    }
    fn value(&self, x: f64) -> f64 {
        x.sqrt()
    }
    fn slope(&self, x: f64) -> f64 {
        0.5 / x.sqrt()
    }
    fn pieces(&self) -> &[Piece] {
        const ALL: [Piece; 1] = [Piece::new(0.0, f64::INFINITY, Bend::Concave)];
        &ALL
    }
    fn at(&self, x: Interval) -> Interval {
        x.sqrt()
    }
    fn rate(&self, x: Interval, _piece: usize) -> Interval {
        let half = |t: f64| Interval::ONE.divide(Interval::or_entire(t, t).sqrt().scale(2.0));
        // vertical at zero
        let steepest = if x.lo() > 0.0 {
            half(x.lo()).hi()
        } else {
            f64::INFINITY
        };
        let least = if x.hi() > 0.0 {
            half(x.hi()).lo()
        } else {
            f64::MAX
        };
        Interval::or_entire(least, steepest)
    }
    fn touch(&self, slope: f64, _piece: usize) -> f64 {
        let root = 0.5 / slope;
        root * root
    }
    fn oracle(&self, x: &MpInterval) -> MpInterval {
        x.sqrt().unwrap_or_else(|_| x.widened())
    }
    /// `1 / (2 √t) = s` at `t = 1 / (4 s²)`; the value there is `1 / (4 s)`.
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
        let value = MpInterval::from_f64(bits, 0.25)?.div(&s)?;
        let at = value.div(&s)?;
        Ok(vec![TurningPoint { at, value }])
    }
}
