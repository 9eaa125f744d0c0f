//! Unit step, and what functions with one jump share.

use super::relaxation::end;
use super::{Pointwise, PointwiseKernel, SlopeRule, TurningPoint};
use crate::exact::{MpInterval, mp};
use crate::rounding::Interval;

/// 1 for `x >= 0`, 0 below: a comparison with zero.
#[derive(Clone, Copy, Debug)]
pub struct Step;

const JUMP: Jump = Jump {
    left: 0.0,
    at: 1.0,
    right: 1.0,
};

/// A function with one jump, at zero: `left <= at <= right`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Jump {
    pub left: f64,
    pub at: f64,
    pub right: f64,
}

impl Jump {
    pub fn value(self, x: f64) -> f64 {
        if x < 0.0 {
            self.left
        } else if x > 0.0 {
            self.right
        } else {
            self.at
        }
    }

    /// In place of the derivative, which is zero wherever there is one: small
    /// far from the jump, nowhere zero. A search follows it, no bound reads it.
    ///
    /// References: Zenke and Ganguli, *SuperSpike* (2018), equation 4.
    pub fn surrogate(x: f64) -> f64 {
        (1.0 + x.abs()).powi(-2)
    }

    pub fn enclose(self, x: Interval) -> Interval {
        Interval::or_entire(self.value(x.lo()), self.value(x.hi()))
    }

    pub fn slopes(self, x: Interval) -> Interval {
        if self.value(x.lo()) == self.value(x.hi()) {
            Interval::ZERO
        } else {
            Interval::ENTIRE
        }
    }

    /// The closure of `{φ(t) - s t}`: constant plus linear on each side.
    pub fn residual(self, slope: f64, x: Interval) -> Interval {
        if !slope.is_finite() {
            return Interval::ENTIRE;
        }
        let g = |value: f64, t: f64| end(value) - end(t).scale(slope);
        let mut range = g(self.value(x.lo()), x.lo()).hull(g(self.value(x.hi()), x.hi()));
        if x.contains(0.0) {
            let (lo, hi) = (self.value(x.lo()), self.value(x.hi()));
            range = range.hull(Interval::or_entire(lo, hi));
        }
        range
    }

    /// The sides of the envelopes over the middle: flat, or from an end to the
    /// jump.
    pub fn propose(self, x: Interval) -> [f64; 2] {
        let (l, u) = (x.lo(), x.hi());
        let rise = self.value(u) - self.value(l);
        if rise == 0.0 || !x.is_bounded() {
            return [0.0, 0.0];
        }
        let steep = |width: f64| Some(rise / width).filter(|s| s.is_finite()).unwrap_or(0.0);
        if x.mid() >= 0.0 {
            [steep(u), 0.0]
        } else {
            [0.0, steep(-l)]
        }
    }

    pub fn visit(visit: &mut dyn FnMut(f64)) {
        visit(-f64::MIN_POSITIVE);
        visit(0.0);
        visit(f64::MIN_POSITIVE);
    }

    pub fn oracle(self, x: &MpInterval) -> MpInterval {
        let value = |t: &rug::Float| {
            let level = if *t < 0 {
                self.left
            } else if *t > 0 {
                self.right
            } else {
                self.at
            };
            MpInterval::from_f64(x.precision(), level)
        };
        match (value(x.lo()), value(x.hi())) {
            (Ok(lo), Ok(hi)) => lo.hull(&hi),
            _ => x.widened(),
        }
    }

    /// The jump: `{φ - s t}` comes near every value between.
    pub fn turning_points(self, domain: &MpInterval) -> Result<Vec<TurningPoint>, mp::Error> {
        let at = MpInterval::from_f64(domain.precision(), 0.0)?;
        if !at.overlaps(domain) {
            return Ok(Vec::new());
        }
        let value = self.oracle(domain);
        Ok(vec![TurningPoint { at, value }])
    }
}

impl Pointwise for Step {
    fn name(&self) -> &'static str {
        "step"
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
