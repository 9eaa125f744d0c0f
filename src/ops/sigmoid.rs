//! Logistic function `1 / (1 + exp(-x))`.

use super::relaxation::{at_ends, end, s_shaped_slopes};
use super::{Pointwise, PointwiseKernel, SlopeRule, TurningPoint};
use crate::exact::{MpInterval, mp};
use crate::rounding::{Interval, elementary};

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
        let s = self.value(x);
        s * (1.0 - s)
    }
    fn kernel(&self) -> Option<PointwiseKernel> {
        Some(PointwiseKernel::Sigmoid)
    }
    fn enclose(&self, x: Interval) -> Interval {
        elementary::sigmoid(x)
    }
    fn slopes(&self, x: Interval) -> Interval {
        // σ' = e / (1 + e)², e = exp(-|t|), even and decreasing in |t|.
        let at = |t: f64| {
            let e = elementary::exp(end(-t));
            e.divide((Interval::ONE + e).square())
        };
        let a = x.abs();
        Interval::or_entire(at(a.hi()).lo().max(0.0), at(a.lo()).hi().min(0.25))
    }
    fn residual(&self, slope: f64, x: Interval) -> Interval {
        if !slope.is_finite() {
            return Interval::ENTIRE;
        }
        let ends = at_ends(x, |t| elementary::sigmoid(end(t)) - end(t).scale(slope));
        if slope <= 0.0 || slope >= 0.25 {
            return ends; // monotone, because 0 < φ' <= 1/4
        }
        // σ(1 - σ) = s at σ = (1 ± q)/2, q = sqrt(1 - 4 s), that is at t = ±T,
        // T = 2 atanh q: a maximum (1 + q)/2 - s T at T, its mirror image about
        // (0, 1/2) at -T.
        let q = (Interval::ONE - end(slope).scale(4.0)).sqrt();
        let turn = elementary::atanh(q).scale(2.0);
        if !turn.is_bounded() {
            return self.enclose(x) - x.scale(slope);
        }
        let peak = (Interval::ONE + q).scale(0.5) - turn.scale(slope);
        let mut r = ends;
        if x.intersect(turn).is_some() {
            r = r.hull(peak);
        }
        if x.intersect(-turn).is_some() {
            r = r.hull(Interval::ONE - peak);
        }
        r
    }
    fn propose(&self, x: Interval, _rule: SlopeRule) -> [f64; 2] {
        s_shaped_slopes(self, x)
    }
    fn turns(&self, slope: f64, _x: Interval, visit: &mut dyn FnMut(f64)) {
        let turn = 2.0 * (1.0 - 4.0 * slope).sqrt().atanh();
        visit(-turn);
        visit(turn);
    }
    fn oracle(&self, x: &MpInterval) -> MpInterval {
        x.sigmoid()
    }
    /// `σ (1 − σ) = s` for `σ = (1 ± r) / 2`, `r = √(1 − 4s)`, that is
    /// `t = ± 2 ln((1 + r) / (2 √s))`.
    fn turning_points(
        &self,
        slope: f64,
        domain: &MpInterval,
    ) -> Result<Vec<TurningPoint>, mp::Error> {
        let bits = domain.precision();
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
