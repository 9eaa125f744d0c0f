//! Hyperbolic tangent.

use crate::exact::{MpInterval, mp};

use super::{Pointwise, PointwiseKernel, TurningPoint};

/// Hyperbolic tangent.
#[derive(Clone, Copy, Debug)]
pub struct Tanh;

impl Pointwise for Tanh {
    fn name(&self) -> &'static str {
        "tanh"
    }
    fn value(&self, x: f64) -> f64 {
        x.tanh()
    }
    fn slope(&self, x: f64) -> f64 {
        {
            let t = x.tanh();
            1.0 - t * t
        }
    }
    fn kernel(&self) -> PointwiseKernel {
        PointwiseKernel::Tanh
    }
    fn oracle(&self, x: &MpInterval) -> MpInterval {
        x.tanh()
    }
    /// `1 − tanh² t = s` for `tanh t = ±r`, `r = √(1 − s)`, that is
    /// `t = ± ln((1 + r) / √s)`; the form avoids the cancellation of `1 − r`.
    fn turning_points(&self, slope: f64, bits: u32) -> Result<Vec<TurningPoint>, mp::Error> {
        if !(slope > 0.0 && slope < 1.0) {
            return Ok(Vec::new());
        }
        let s = MpInterval::from_f64(bits, slope)?;
        let one = MpInterval::from_f64(bits, 1.0)?;
        let r = one.sub(&s).sqrt()?;
        let at = one.add(&r).div(&s.sqrt()?)?.ln()?;
        let value = r.sub(&s.mul(&at));
        let (minus_at, minus_value) = (at.neg(), value.neg());
        Ok(vec![
            TurningPoint { at, value },
            TurningPoint {
                at: minus_at,
                value: minus_value,
            },
        ])
    }
}
