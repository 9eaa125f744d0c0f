//! Rectifier: `max(x, 0)`.

use crate::exact::{MpInterval, mp};

use super::{Pointwise, PointwiseKernel, TurningPoint};

/// Rectifier: `max(x, 0)`.
#[derive(Clone, Copy, Debug)]
pub struct Relu;

impl Pointwise for Relu {
    fn name(&self) -> &'static str {
        "relu"
    }
    fn value(&self, x: f64) -> f64 {
        x.max(0.0)
    }
    fn slope(&self, x: f64) -> f64 {
        if x > 0.0 { 1.0 } else { 0.0 }
    }
    fn kernel(&self) -> PointwiseKernel {
        PointwiseKernel::Relu
    }
    fn oracle(&self, x: &MpInterval) -> MpInterval {
        if *x.lo() >= 0 {
            return x.clone();
        }
        let Ok(zero) = MpInterval::from_f64(x.precision(), 0.0) else {
            return x.clone(); // max(t, 0) lies in x as x reaches below 0
        };
        if *x.hi() <= 0 {
            return zero;
        }
        match MpInterval::from_float(x.hi()) {
            Ok(hi) => zero.hull(&hi),
            Err(_) => x.clone(),
        }
    }
    fn turning_points(&self, _slope: f64, bits: u32) -> Result<Vec<TurningPoint>, mp::Error> {
        Ok(vec![TurningPoint::origin(bits)?])
    }
}
