//! Logistic function `1 / (1 + exp(-x))`.

use crate::exact::{MpInterval, mp};

use super::{Pointwise, PointwiseKernel, TurningPoint};

/// Logistic function `1 / (1 + exp(-x))`.
#[derive(Clone, Copy, Debug)]
pub struct Sigmoid;

impl Pointwise for Sigmoid {
    fn name(&self) -> &'static str {
        "sigmoid"
    }
    fn value(&self, x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }
    fn slope(&self, x: f64) -> f64 {
        {
            let s = self.value(x);
            s * (1.0 - s)
        }
    }
    fn kernel(&self) -> PointwiseKernel {
        PointwiseKernel::Sigmoid
    }
    fn oracle(&self, x: &MpInterval) -> MpInterval {
        x.sigmoid()
    }
    /// `σ (1 − σ) = s` for `σ = (1 ± r) / 2`, `r = √(1 − 4s)`, that is
    /// `t = ± 2 ln((1 + r) / (2 √s))`.
    fn turning_points(&self, slope: f64, bits: u32) -> Result<Vec<TurningPoint>, mp::Error> {
        if !(slope > 0.0 && slope < 0.25) {
            return Ok(Vec::new());
        }
        let s = MpInterval::from_f64(bits, slope)?;
        let number = |x: f64| MpInterval::from_f64(bits, x);
        let (one, two) = (number(1.0)?, number(2.0)?);
        let r = one.sub(&number(4.0)?.mul(&s)).sqrt()?;
        let one_r = one.add(&r);
        let at = two.mul(&one_r.div(&two.mul(&s.sqrt()?))?.ln()?);
        let value = one_r.div(&two)?.sub(&s.mul(&at));
        // σ(−t) + s t = 1 − (σ(t) − s t)
        let (minus_at, other) = (at.neg(), one.sub(&value));
        Ok(vec![
            TurningPoint { at, value },
            TurningPoint {
                at: minus_at,
                value: other,
            },
        ])
    }
}
