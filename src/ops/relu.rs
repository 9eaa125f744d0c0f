//! Rectifier: `max(x, 0)`.

use super::relaxation::{kinked_residual, kinked_slopes};
use super::{Pointwise, PointwiseKernel, SlopeRule, TurningPoint};
use crate::exact::{MpInterval, mp};
use crate::rounding::Interval;

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
    fn kernel(&self) -> Option<PointwiseKernel> {
        Some(PointwiseKernel::Relu)
    }
    fn enclose(&self, x: Interval) -> Interval {
        Interval::or_entire(x.lo().max(0.0), x.hi().max(0.0))
    }
    fn slopes(&self, x: Interval) -> Interval {
        let at = |right: bool| if right { 1.0 } else { 0.0 };
        Interval::or_entire(at(x.lo() > 0.0), at(x.hi() >= 0.0))
    }
    fn split_point(&self, x: Interval) -> f64 {
        // The kink; a part of one side is affine.
        0.0_f64.clamp(x.lo(), x.hi())
    }
    fn residual(&self, slope: f64, x: Interval) -> Interval {
        kinked_residual(0.0, slope, x)
    }
    fn propose(&self, x: Interval, rule: SlopeRule) -> [f64; 2] {
        kinked_slopes(0.0, rule, x)
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
