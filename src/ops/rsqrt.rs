//! Reciprocal square root.

use super::TurningPoint;
use super::shape::{Bend, Curve, Piece};
use crate::exact::{MpInterval, mp};
use crate::rounding::Interval;

/// `1 / √x`, on `x > 0`: tighter than a [`Reciprocal`](super::Reciprocal) of a
/// [`Sqrt`](super::Sqrt), whose lines compose.
#[derive(Clone, Copy, Debug)]
pub struct Rsqrt;

impl Curve for Rsqrt {
    fn name(&self) -> &'static str {
        "rsqrt"
    }
    fn value(&self, x: f64) -> f64 {
        x.sqrt().recip()
    }
    fn slope(&self, x: f64) -> f64 {
        -0.5 / (x * x.sqrt())
    }
    fn pieces(&self) -> &[Piece] {
        const ALL: [Piece; 1] = [Piece::new(f64::from_bits(1), f64::INFINITY, Bend::Convex)];
        &ALL
    }
    fn at(&self, x: Interval) -> Interval {
        Interval::ONE.divide(x.sqrt())
    }
    fn rate(&self, x: Interval, _piece: usize) -> Interval {
        -Interval::ONE.divide((x * x.sqrt()).scale(2.0))
    }
    fn touch(&self, slope: f64, _piece: usize) -> f64 {
        let root = (-2.0 * slope).cbrt();
        1.0 / (root * root)
    }
    fn oracle(&self, x: &MpInterval) -> MpInterval {
        let one = MpInterval::from_f64(x.precision(), 1.0);
        one.and_then(|one| one.div(&x.sqrt()?))
            .unwrap_or_else(|_| x.widened())
    }
    /// `−t^(−3/2) / 2 = s` at `t = 1 / r²`, `r = (−2 s)^(1/3)`; the value there
    /// is `3 r / 2`.
    fn turning_points(
        &self,
        slope: f64,
        domain: &MpInterval,
    ) -> Result<Vec<TurningPoint>, mp::Error> {
        if slope >= 0.0 {
            return Ok(Vec::new());
        }
        let number = |x: f64| MpInterval::from_f64(domain.precision(), x);
        let root = number(-slope)?.mul(&number(2.0)?).root(3)?;
        Ok(vec![TurningPoint {
            at: number(1.0)?.div(&root.square())?,
            value: root.mul(&number(1.5)?),
        }])
    }
}
