//! Leaky rectifier: `x` for `x >= 0`, `alpha x` below.

use super::relaxation::{end, kinked_residual, kinked_slopes};
use super::{Error, Pointwise, PointwiseKernel, SlopeRule, TurningPoint};
use crate::exact::{MpInterval, mp};
use crate::rounding::Interval;

/// `x` for `x >= 0`, `alpha x` below, with `0 <= alpha <= 1`.
#[derive(Clone, Copy, Debug)]
pub struct LeakyRelu {
    alpha: f32,
}

impl LeakyRelu {
    /// A leaky rectifier of negative-side slope `alpha` in `[0, 1]`.
    pub fn new(alpha: f32) -> Result<LeakyRelu, Error> {
        if (0.0..=1.0).contains(&alpha) {
            Ok(LeakyRelu { alpha })
        } else {
            Err(Error::Attribute {
                operator: "leaky_relu",
                attribute: "alpha",
                value: alpha.to_string(),
                expected: "0 to 1",
            })
        }
    }

    /// The slope of the negative side.
    pub fn alpha(&self) -> f32 {
        self.alpha
    }
}

impl Pointwise for LeakyRelu {
    fn name(&self) -> &'static str {
        "leaky_relu"
    }
    fn parameters(&self) -> Vec<f32> {
        vec![self.alpha]
    }
    fn value(&self, x: f64) -> f64 {
        if x >= 0.0 {
            x
        } else {
            f64::from(self.alpha) * x
        }
    }
    fn slope(&self, x: f64) -> f64 {
        if x > 0.0 { 1.0 } else { f64::from(self.alpha) }
    }
    fn kernel(&self) -> Option<PointwiseKernel> {
        Some(PointwiseKernel::LeakyRelu { alpha: self.alpha })
    }
    fn enclose(&self, x: Interval) -> Interval {
        let alpha = f64::from(self.alpha);
        let at = |t: f64| {
            if t >= 0.0 {
                end(t)
            } else {
                end(t).scale(alpha)
            }
        };
        Interval::or_entire(at(x.lo()).lo(), at(x.hi()).hi())
    }
    fn slopes(&self, x: Interval) -> Interval {
        let at = |right: bool| if right { 1.0 } else { f64::from(self.alpha) };
        Interval::or_entire(at(x.lo() > 0.0), at(x.hi() >= 0.0))
    }
    fn split_point(&self, x: Interval) -> f64 {
        // The kink; a part of one side is affine.
        0.0_f64.clamp(x.lo(), x.hi())
    }
    fn residual(&self, slope: f64, x: Interval) -> Interval {
        kinked_residual(f64::from(self.alpha), slope, x)
    }
    fn propose(&self, x: Interval, rule: SlopeRule) -> [f64; 2] {
        kinked_slopes(f64::from(self.alpha), rule, x)
    }
    fn turns(&self, _slope: f64, _x: Interval, visit: &mut dyn FnMut(f64)) {
        visit(0.0);
    }
    fn oracle(&self, x: &MpInterval) -> MpInterval {
        if *x.lo() >= 0 {
            return x.clone();
        }
        // 0 <= alpha <= 1 and x reaches below 0, so x itself encloses the image
        // where an end has no representable product.
        let scaled = |end: &MpInterval| {
            MpInterval::from_f64(x.precision().max(53), f64::from(self.alpha))
                .map(|alpha| end.mul(&alpha))
        };
        if *x.hi() <= 0 {
            return scaled(x).unwrap_or_else(|_| x.clone());
        }
        match (
            MpInterval::from_float(x.lo()).and_then(|lo| scaled(&lo)),
            MpInterval::from_float(x.hi()),
        ) {
            (Ok(lo), Ok(hi)) => lo.hull(&hi),
            _ => x.clone(),
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
