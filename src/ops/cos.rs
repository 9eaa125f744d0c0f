//! Cosine.

use super::relaxation::{at_ends, end};
use super::shape::envelope_slopes;
use super::{Pointwise, PointwiseKernel, SlopeRule, TurningPoint, wave};
use crate::exact::{MpInterval, mp};
use crate::rounding::{Interval, elementary};

/// Cosine, of radians.
#[derive(Clone, Copy, Debug)]
pub struct Cos;

/// Encloses `{cos t : t ∈ x}`.
pub(super) fn range(x: Interval) -> Interval {
    let ends = at_ends(x, elementary::cos_at);
    if x.is_point() {
        return ends;
    }
    wave::range(x, ends, Interval::ZERO, elementary::PI)
}

impl Pointwise for Cos {
    fn name(&self) -> &'static str {
        "cos"
    }
    fn value(&self, x: f64) -> f64 {
        x.cos()
    }
    fn slope(&self, x: f64) -> f64 {
        -x.sin()
    }
    fn kernel(&self) -> Option<PointwiseKernel> {
        None
    }
    fn enclose(&self, x: Interval) -> Interval {
        range(x)
    }
    fn slopes(&self, x: Interval) -> Interval {
        -super::sin::range(x)
    }
    fn residual(&self, slope: f64, x: Interval) -> Interval {
        if !slope.is_finite() {
            return Interval::ENTIRE;
        }
        if slope.abs() >= 1.0 {
            return at_ends(x, |t| elementary::cos_at(t) - end(t).scale(slope)); // monotone
        }
        // -sin t = s at -arcsin s, the maximum, and at π + arcsin s
        let angle = elementary::asin(end(slope));
        let places = [-angle, elementary::PI + angle];
        wave::residual(x, slope, elementary::cos_at, places)
    }
    fn propose(&self, x: Interval, _rule: SlopeRule) -> [f64; 2] {
        envelope_slopes(self, x)
    }
    fn turns(&self, slope: f64, x: Interval, visit: &mut dyn FnMut(f64)) {
        let angle = slope.clamp(-1.0, 1.0).asin();
        wave::visit(x, [-angle, std::f64::consts::PI + angle], visit);
    }
    fn oracle(&self, x: &MpInterval) -> MpInterval {
        x.cos()
    }
    /// `−sin t = s` at `−arcsin s + 2kπ` and `π + arcsin s + 2kπ`.
    fn turning_points(
        &self,
        slope: f64,
        domain: &MpInterval,
    ) -> Result<Vec<TurningPoint>, mp::Error> {
        if slope.abs() >= 1.0 {
            return Ok(Vec::new());
        }
        let bits = domain.precision();
        let s = MpInterval::from_f64(bits, slope)?;
        let angle = s.asin()?;
        let places = [angle.neg(), MpInterval::pi(bits)?.add(&angle)];
        wave::turning_points(domain, &s, &wave::height(&s)?, places)
    }
}
