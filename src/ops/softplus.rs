//! Softplus `log(1 + exp(x))`.

use super::relaxation::{at_ends, chord, end};
use super::{Pointwise, PointwiseKernel, SlopeRule, TurningPoint};
use crate::exact::{MpInterval, mp};
use crate::rounding::{Interval, elementary};

/// Softplus `log(1 + exp(x))`.
#[derive(Clone, Copy, Debug)]
pub struct Softplus;

impl Pointwise for Softplus {
    fn name(&self) -> &'static str {
        "softplus"
    }
    fn value(&self, x: f64) -> f64 {
        x.max(0.0) + (-x.abs()).exp().ln_1p()
    }
    fn slope(&self, x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }
    fn kernel(&self) -> Option<PointwiseKernel> {
        Some(PointwiseKernel::Softplus)
    }
    fn enclose(&self, x: Interval) -> Interval {
        elementary::softplus(x)
    }
    fn slopes(&self, x: Interval) -> Interval {
        elementary::sigmoid(x)
    }
    fn residual(&self, slope: f64, x: Interval) -> Interval {
        if !slope.is_finite() {
            return Interval::ENTIRE;
        }
        let ends = at_ends(x, |t| elementary::softplus(end(t)) - end(t).scale(slope));
        if slope <= 0.0 || slope >= 1.0 {
            return ends; // monotone, because 0 < φ' < 1
        }
        // φ' = σ(t) = s at T = ln s - ln(1 - s); there φ(T) - s T is the minimum,
        // the binary entropy -s ln s - (1 - s) ln(1 - s).
        let s = end(slope);
        let (ln_s, ln_r) = (elementary::ln(s), elementary::log1p(-s));
        if x.intersect(ln_s - ln_r).is_none() {
            return ends;
        }
        ends.hull(-(s * ln_s) - (Interval::ONE - s) * ln_r)
    }
    fn propose(&self, x: Interval, _rule: SlopeRule) -> [f64; 2] {
        // convex: tangent below, chord above
        [self.slope(x.mid()), chord(self, x)]
    }
    fn turns(&self, slope: f64, _x: Interval, visit: &mut dyn FnMut(f64)) {
        visit(slope.ln() - (-slope).ln_1p());
    }
    fn oracle(&self, x: &MpInterval) -> MpInterval {
        x.softplus()
    }
    /// `σ(t) = s` at `t = ln(s / (1 − s))`; the value there is
    /// `−s ln s − (1 − s) ln(1 − s)`.
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
        let rest = MpInterval::from_f64(bits, 1.0)?.sub(&s);
        let (ln_s, ln_rest) = (s.ln()?, rest.ln()?);
        let at = ln_s.sub(&ln_rest);
        let value = s.mul(&ln_s).add(&rest.mul(&ln_rest)).neg();
        Ok(vec![TurningPoint { at, value }])
    }
}
