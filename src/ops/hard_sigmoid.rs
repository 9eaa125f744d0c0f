//! Hard sigmoid.

use super::relaxation::end;
use super::shape::{Bend, Curve, Piece};
use super::{Error, TurningPoint};
use crate::exact::{MpInterval, mp};
use crate::rounding::Interval;

/// `min(max(α x + β, 0), 1)`, `α > 0`.
#[derive(Clone, Copy, Debug)]
pub struct HardSigmoid {
    alpha: f32,
    beta: f32,
    /// the kinks lie in the gaps between
    pieces: [Piece; 3],
}

impl HardSigmoid {
    /// A hard sigmoid. Errors when `alpha` is not positive and finite or `beta`
    /// not finite.
    pub fn new(alpha: f32, beta: f32) -> Result<HardSigmoid, Error> {
        let bad = |attribute, value: f32, expected| Error::Attribute {
            operator: "hard_sigmoid",
            attribute,
            value: value.to_string(),
            expected,
        };
        if !(alpha > 0.0 && alpha.is_finite()) {
            return Err(bad("alpha", alpha, "positive and finite"));
        }
        if !beta.is_finite() {
            return Err(bad("beta", beta, "finite"));
        }
        let knot = |level: f64| (end(level) - end(f64::from(beta))).divide(end(f64::from(alpha)));
        let (zero, one) = (knot(0.0), knot(1.0));
        let pieces = [
            Piece::new(f64::NEG_INFINITY, zero.lo(), Bend::Convex),
            Piece::new(zero.hi(), one.lo().max(zero.hi()), Bend::Convex),
            Piece::new(one.hi(), f64::INFINITY, Bend::Convex),
        ];
        Ok(HardSigmoid {
            alpha,
            beta,
            pieces,
        })
    }

    /// `[α, β]`
    pub fn coefficients(&self) -> [f32; 2] {
        [self.alpha, self.beta]
    }
}

impl Curve for HardSigmoid {
    fn name(&self) -> &'static str {
        "hard_sigmoid"
    }
    fn parameters(&self) -> Vec<f32> {
        vec![self.alpha, self.beta]
    }
    fn value(&self, x: f64) -> f64 {
        (f64::from(self.alpha) * x + f64::from(self.beta)).clamp(0.0, 1.0)
    }
    fn slope(&self, x: f64) -> f64 {
        let y = f64::from(self.alpha) * x + f64::from(self.beta);
        if (0.0..=1.0).contains(&y) {
            f64::from(self.alpha)
        } else {
            0.0
        }
    }
    fn pieces(&self) -> &[Piece] {
        &self.pieces
    }
    fn at(&self, x: Interval) -> Interval {
        let y = x.scale(f64::from(self.alpha)) + end(f64::from(self.beta));
        Interval::or_entire(y.lo().clamp(0.0, 1.0), y.hi().clamp(0.0, 1.0))
    }
    fn rate(&self, _x: Interval, piece: usize) -> Interval {
        [Interval::ZERO, end(f64::from(self.alpha)), Interval::ZERO][piece]
    }
    fn touch(&self, _slope: f64, piece: usize) -> f64 {
        self.pieces[piece].hi
    }
    fn oracle(&self, x: &MpInterval) -> MpInterval {
        let bits = x.precision();
        let number = |v: f64| MpInterval::from_f64(bits, v);
        let image = || {
            let y = number(f64::from(self.alpha))?.mul(x);
            let y = y.add(&number(f64::from(self.beta))?).max(&number(0.0)?);
            Ok::<_, mp::Error>(y.neg().max(&number(-1.0)?).neg())
        };
        image().unwrap_or_else(|_| x.widened())
    }
    fn turning_points(
        &self,
        slope: f64,
        domain: &MpInterval,
    ) -> Result<Vec<TurningPoint>, mp::Error> {
        let number = |v: f64| MpInterval::from_f64(domain.precision(), v);
        let knot = |level: f64| {
            let level = number(level)?;
            let at = level
                .sub(&number(f64::from(self.beta))?)
                .div(&number(f64::from(self.alpha))?)?;
            let value = level.sub(&number(slope)?.mul(&at));
            Ok(TurningPoint { at, value })
        };
        [0.0, 1.0].into_iter().map(knot).collect()
    }
}
