//! Rounding down.

use super::relaxation::end;
use super::{Pointwise, PointwiseKernel, SlopeRule, TurningPoint};
use crate::exact::{MpInterval, Rational, mp};
use crate::rounding::{Interval, eft};

/// The greatest integer not above `x`.
#[derive(Clone, Copy, Debug)]
pub struct Floor;

impl Pointwise for Floor {
    fn name(&self) -> &'static str {
        "floor"
    }
    fn value(&self, x: f64) -> f64 {
        x.floor()
    }
    fn slope(&self, _x: f64) -> f64 {
        1.0
    }
    fn kernel(&self) -> Option<PointwiseKernel> {
        None
    }
    fn enclose(&self, x: Interval) -> Interval {
        Interval::or_entire(x.lo().floor(), x.hi().floor())
    }
    fn slopes(&self, x: Interval) -> Interval {
        if x.is_bounded() && x.lo().floor() == x.hi().floor() {
            Interval::ZERO
        } else {
            Interval::ENTIRE
        }
    }
    /// `n - s t` on `[n, n + 1)`: at a jump `n` the values `n - s n` and, from
    /// the left, `n - 1 - s n`, linear in `n`, so the first and the last jump
    /// matter.
    fn residual(&self, slope: f64, x: Interval) -> Interval {
        if !slope.is_finite() {
            return Interval::ENTIRE;
        }
        let g = |t: f64| end(t.floor()) - end(t).scale(slope);
        let mut range = g(x.lo()).hull(g(x.hi()));
        let (first, last) = (eft::add_dn(x.lo().floor(), 1.0), x.hi().floor());
        if first <= last {
            for n in [first, last] {
                let above = end(n) * (Interval::ONE - end(slope));
                range = range.hull(above).hull(above - Interval::ONE);
            }
        }
        range
    }
    /// The sides of the envelopes over the middle. The lower one is flat up to
    /// the first jump, then rises with slope 1 to the last, then to the end.
    fn propose(&self, x: Interval, _rule: SlopeRule) -> [f64; 2] {
        let (l, u, m) = (x.lo(), x.hi(), x.mid());
        if !x.is_bounded() {
            return [1.0, 1.0];
        }
        let (first, last) = (l.floor() + 1.0, u.floor());
        if first > last {
            return [0.0, 0.0];
        }
        let finite = |s: f64| if s.is_finite() { s } else { 1.0 };
        let lower = if m < first {
            0.0
        } else if m < last {
            1.0
        } else {
            finite(1.0 / (u - last))
        };
        let upper = if m < first {
            finite(1.0 / (first - l))
        } else if m < last {
            1.0
        } else {
            0.0
        };
        [lower, upper]
    }
    fn turns(&self, _slope: f64, x: Interval, visit: &mut dyn FnMut(f64)) {
        for n in [x.lo().floor() + 1.0, x.hi().floor()] {
            visit(n.next_down());
            visit(n);
        }
    }
    fn oracle(&self, x: &MpInterval) -> MpInterval {
        x.floor()
    }
    fn turning_points(
        &self,
        slope: f64,
        domain: &MpInterval,
    ) -> Result<Vec<TurningPoint>, mp::Error> {
        let bits = domain.precision();
        let s = MpInterval::from_f64(bits, slope)?;
        let Some((first, last)) = domain.integers() else {
            return Ok(Vec::new());
        };
        let below = MpInterval::from_f64_bounds(bits, -1.0, 0.0)?;
        let mut points = Vec::new();
        for n in [first, last] {
            // There is nothing to the left of the domain.
            let start = *domain.lo() == n;
            let at = MpInterval::from_rational(bits, &Rational::from(n))?;
            let mut value = at.sub(&s.mul(&at));
            if !start {
                value = value.add(&below);
            }
            points.push(TurningPoint { at, value });
        }
        Ok(points)
    }
}
