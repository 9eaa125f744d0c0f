//! Hyperbolic tangent.

use super::relaxation::{at_ends, end, s_shaped_slopes};
use super::{Pointwise, PointwiseKernel, SlopeRule, TurningPoint};
use crate::exact::{MpInterval, mp};
use crate::rounding::{Interval, elementary};

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
        let t = x.tanh();
        1.0 - t * t
    }
    fn kernel(&self) -> Option<PointwiseKernel> {
        Some(PointwiseKernel::Tanh)
    }
    fn enclose(&self, x: Interval) -> Interval {
        elementary::tanh(x)
    }
    fn slopes(&self, x: Interval) -> Interval {
        // 1 - tanh² t = 4 e / (1 + e)², e = exp(-2|t|), even and decreasing in |t|.
        let at = |t: f64| {
            let e = elementary::exp(end(-t).scale(2.0));
            e.scale(4.0).divide((Interval::ONE + e).square())
        };
        let a = x.abs();
        Interval::or_entire(at(a.hi()).lo().max(0.0), at(a.lo()).hi().min(1.0))
    }
    fn residual(&self, slope: f64, x: Interval) -> Interval {
        if !slope.is_finite() {
            return Interval::ENTIRE;
        }
        let ends = at_ends(x, |t| elementary::tanh(end(t)) - end(t).scale(slope));
        if slope <= 0.0 || slope >= 1.0 {
            return ends; // monotone, because 0 < φ' <= 1
        }
        // φ'(t) = 1 - tanh² t = s at t = ±T, tanh T = q = sqrt(1 - s): a
        // maximum q - s T at T and its mirror image at -T.
        let q = (Interval::ONE - end(slope)).sqrt();
        let turn = elementary::atanh(q);
        if !turn.is_bounded() {
            return self.enclose(x) - x.scale(slope);
        }
        let peak = q - turn.scale(slope);
        let mut r = ends;
        if x.intersect(turn).is_some() {
            r = r.hull(peak);
        }
        if x.intersect(-turn).is_some() {
            r = r.hull(-peak);
        }
        r
    }
    fn propose(&self, x: Interval, _rule: SlopeRule) -> [f64; 2] {
        s_shaped_slopes(self, x)
    }
    fn turns(&self, slope: f64, _x: Interval, visit: &mut dyn FnMut(f64)) {
        let turn = (1.0 - slope).sqrt().atanh();
        visit(-turn);
        visit(turn);
    }
    fn oracle(&self, x: &MpInterval) -> MpInterval {
        x.tanh()
    }
    /// `1 − tanh² t = s` for `tanh t = ±r`, `r = √(1 − s)`, that is
    /// `t = ± ln((1 + r) / √s)`; the form avoids the cancellation of `1 − r`.
    fn turning_points(
        &self,
        slope: f64,
        domain: &MpInterval,
    ) -> Result<Vec<TurningPoint>, mp::Error> {
        let bits = domain.precision();
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
