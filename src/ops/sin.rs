//! Sine.

use super::relaxation::{at_ends, end};
use super::shape::envelope_slopes;
use super::{Pointwise, PointwiseKernel, SlopeRule, TurningPoint, wave};
use crate::exact::{MpInterval, mp};
use crate::rounding::{Interval, elementary};

/// Sine, of radians.
#[derive(Clone, Copy, Debug)]
pub struct Sin;

/// Encloses `{sin t : t ∈ x}`.
pub(super) fn range(x: Interval) -> Interval {
    let ends = at_ends(x, elementary::sin_at);
    let quarter = elementary::PI.scale(0.5);
    if x.is_point() {
        return ends;
    }
    wave::range(x, ends, quarter, -quarter)
}

impl Pointwise for Sin {
    fn name(&self) -> &'static str {
        "sin"
    }
    fn value(&self, x: f64) -> f64 {
        x.sin()
    }
    fn slope(&self, x: f64) -> f64 {
        x.cos()
    }
    fn kernel(&self) -> Option<PointwiseKernel> {
        None
    }
    fn enclose(&self, x: Interval) -> Interval {
        range(x)
    }
    fn slopes(&self, x: Interval) -> Interval {
        super::cos::range(x)
    }
    fn residual(&self, slope: f64, x: Interval) -> Interval {
        if !slope.is_finite() {
            return Interval::ENTIRE;
        }
        if slope.abs() >= 1.0 {
            return at_ends(x, |t| elementary::sin_at(t) - end(t).scale(slope)); // monotone
        }
        // cos t = s at ±arccos s, the maximum on the right
        let top = elementary::acos(end(slope));
        wave::residual(x, slope, elementary::sin_at, [top, -top])
    }
    fn propose(&self, x: Interval, _rule: SlopeRule) -> [f64; 2] {
        envelope_slopes(self, x)
    }
    fn turns(&self, slope: f64, x: Interval, visit: &mut dyn FnMut(f64)) {
        let top = slope.clamp(-1.0, 1.0).acos();
        wave::visit(x, [top, -top], visit);
    }
    fn oracle(&self, x: &MpInterval) -> MpInterval {
        x.sin()
    }
    /// `cos t = s` at `± arccos s + 2kπ`, `arccos s = π/2 − arcsin s`.
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
        let quarter = MpInterval::pi(bits)?.mul(&MpInterval::from_f64(bits, 0.5)?);
        let top = quarter.sub(&s.asin()?);
        let bottom = top.neg();
        wave::turning_points(domain, &s, &wave::height(&s)?, [top, bottom])
    }
}
