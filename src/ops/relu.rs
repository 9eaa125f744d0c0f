//! Rectifier: `max(x, 0)`.

use super::relaxation::{kinked_residual, kinked_slopes};
use super::{Pointwise, PointwiseKernel, SlopeRule};
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
    fn kernel(&self) -> PointwiseKernel {
        PointwiseKernel::Relu
    }
    fn enclose(&self, x: Interval) -> Interval {
        Interval::or_entire(x.lo().max(0.0), x.hi().max(0.0))
    }
    fn slopes(&self, x: Interval) -> Interval {
        let at = |right: bool| if right { 1.0 } else { 0.0 };
        Interval::or_entire(at(x.lo() > 0.0), at(x.hi() >= 0.0))
    }
    fn residual(&self, slope: f64, x: Interval) -> Interval {
        kinked_residual(0.0, slope, x)
    }
    fn propose(&self, x: Interval, rule: SlopeRule) -> [f64; 2] {
        kinked_slopes(0.0, rule, x)
    }
}
