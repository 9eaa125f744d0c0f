//! Rectifier: `max(x, 0)`.

use super::relaxation::{kinked_residual, kinked_slopes};
use super::{Pointwise, PointwiseKernel, Side, SlopeRule, TurningPoint};
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
    fn turns(&self, _slope: f64, _x: Interval, visit: &mut dyn FnMut(f64)) {
        visit(0.0);
    }
    /// In round-to-nearest with one step outward per operation that may round;
    /// zeros stay exact, so that a stable neuron keeps its exact line.
    fn lines(&self, lo: &[f64], hi: &[f64], slopes: &[f64], side: Side, out: &mut [f64]) {
        let n = out.len();
        assert!(lo.len() == n && hi.len() == n && slopes.len() == n);
        // Upper intercepts are `max g`, lower ones `-max(-g)`.
        let sign = -side.sign();
        for i in 0..n {
            let (l, u, s) = (lo[i], hi[i], slopes[i]);
            let rest = 1.0 - s; // exact for 1/2 <= s <= 2 and for 0
            let rest = match (0.5..=2.0).contains(&s) || s == 0.0 {
                true => rest,
                false if sign > 0.0 => rest.next_up(),
                false => rest.next_down(),
            };
            let most = |t: f64| {
                let c = if t >= 0.0 { rest } else { -s };
                let g = sign * t * c;
                if t == 0.0 || c == 0.0 {
                    0.0
                } else {
                    g.next_up()
                }
            };
            let ends = most(l).max(most(u));
            let kink = if l <= 0.0 && u >= 0.0 { 0.0 } else { ends };
            out[i] = sign * ends.max(kink);
            if !(out[i].is_finite() && s.is_finite() && l <= u) {
                out[i] = side.end(self.residual(s, Interval::or_entire(l, u)));
            }
        }
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
    fn turning_points(
        &self,
        _slope: f64,
        domain: &MpInterval,
    ) -> Result<Vec<TurningPoint>, mp::Error> {
        Ok(vec![TurningPoint::origin(domain.precision())?])
    }
}
