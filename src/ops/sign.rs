//! Sign.

use super::step::Jump;
use super::{Pointwise, PointwiseKernel, SlopeRule, TurningPoint};
use crate::exact::{MpInterval, mp};
use crate::rounding::Interval;

/// −1, 0 or 1 as `x` is negative, zero or positive.
#[derive(Clone, Copy, Debug)]
pub struct Sign;

const JUMP: Jump = Jump {
    left: -1.0,
    at: 0.0,
    right: 1.0,
};

impl Pointwise for Sign {
    fn name(&self) -> &'static str {
        "sign"
    }
    fn value(&self, x: f64) -> f64 {
        JUMP.value(x)
    }
    fn slope(&self, x: f64) -> f64 {
        Jump::surrogate(x)
    }
    fn kernel(&self) -> Option<PointwiseKernel> {
        None
    }
    fn enclose(&self, x: Interval) -> Interval {
        JUMP.enclose(x)
    }
    fn slopes(&self, x: Interval) -> Interval {
        JUMP.slopes(x)
    }
    fn residual(&self, slope: f64, x: Interval) -> Interval {
        JUMP.residual(slope, x)
    }
    fn propose(&self, x: Interval, _rule: SlopeRule) -> [f64; 2] {
        JUMP.propose(x)
    }
    fn split_point(&self, x: Interval) -> f64 {
        0.0_f64.clamp(x.lo(), x.hi())
    }
    fn turns(&self, _slope: f64, _x: Interval, visit: &mut dyn FnMut(f64)) {
        Jump::visit(visit);
    }
    fn oracle(&self, x: &MpInterval) -> MpInterval {
        JUMP.oracle(x)
    }
    fn turning_points(
        &self,
        _slope: f64,
        domain: &MpInterval,
    ) -> Result<Vec<TurningPoint>, mp::Error> {
        JUMP.turning_points(domain)
    }
}
