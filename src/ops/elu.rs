//! Exponential linear unit.

use super::relaxation::end;
use super::shape::{Bend, Curve, Piece};
use super::{Error, TurningPoint};
use crate::exact::{MpInterval, mp};
use crate::rounding::{Interval, elementary};

/// `x` for `x >= 0`, `α (exp(x) - 1)` below, `α >= 0`.
#[derive(Clone, Copy, Debug)]
pub struct Elu {
    alpha: f32,
}

impl Elu {
    /// The unit of scale `alpha`. Errors when it is negative or not finite.
    pub fn new(alpha: f32) -> Result<Elu, Error> {
        if (0.0..=f32::MAX).contains(&alpha) {
            Ok(Elu { alpha })
        } else {
            Err(Error::Attribute {
                operator: "elu",
                attribute: "alpha",
                value: alpha.to_string(),
                expected: "not negative, finite",
            })
        }
    }

    /// The scale of the negative side.
    pub fn alpha(&self) -> f32 {
        self.alpha
    }
}

impl Curve for Elu {
    fn name(&self) -> &'static str {
        "elu"
    }
    fn parameters(&self) -> Vec<f32> {
        vec![self.alpha]
    }
    fn value(&self, x: f64) -> f64 {
        if x >= 0.0 {
            x
        } else {
            f64::from(self.alpha) * x.exp_m1()
        }
    }
    fn slope(&self, x: f64) -> f64 {
        if x >= 0.0 {
            1.0
        } else {
            f64::from(self.alpha) * x.exp()
        }
    }
    fn pieces(&self) -> &[Piece] {
        const ALL: [Piece; 2] = [
            Piece::new(f64::NEG_INFINITY, 0.0, Bend::Convex),
            Piece::new(0.0, f64::INFINITY, Bend::Convex),
        ];
        &ALL
    }
    fn at(&self, x: Interval) -> Interval {
        if x.lo() >= 0.0 {
            x
        } else {
            elementary::expm1(x).scale(f64::from(self.alpha))
        }
    }
    fn rate(&self, x: Interval, piece: usize) -> Interval {
        if piece == 1 {
            return Interval::ONE;
        }
        let alpha = end(f64::from(self.alpha));
        if x == Interval::ZERO {
            return alpha;
        }
        elementary::exp(x) * alpha
    }
    fn touch(&self, slope: f64, piece: usize) -> f64 {
        if piece == 0 {
            (slope / f64::from(self.alpha)).ln()
        } else {
            f64::NAN
        }
    }
    fn oracle(&self, x: &MpInterval) -> MpInterval {
        let bits = x.precision();
        let image = || {
            let alpha = MpInterval::from_f64(bits, f64::from(self.alpha))?;
            let zero = MpInterval::from_f64(bits, 0.0)?;
            // increasing, and each side of zero by its own formula
            let (mut range, below) = (None, zero.neg().max(&x.neg()).neg());
            if *x.lo() < 0 {
                range = Some(alpha.mul(&below.exp_m1()));
            }
            if *x.hi() >= 0 {
                let above = zero.max(x);
                range = Some(range.map_or(above.clone(), |range: MpInterval| range.hull(&above)));
            }
            Ok::<_, mp::Error>(range.unwrap_or(zero))
        };
        image().unwrap_or_else(|_| x.widened())
    }
    /// The kink; and `α eᵗ = s` at `t = ln(s / α)` if that is negative, the
    /// value there `s − α − s t`.
    fn turning_points(
        &self,
        slope: f64,
        domain: &MpInterval,
    ) -> Result<Vec<TurningPoint>, mp::Error> {
        let bits = domain.precision();
        let mut points = vec![TurningPoint::origin(bits)?];
        if 0.0 < slope && slope < f64::from(self.alpha) {
            let s = MpInterval::from_f64(bits, slope)?;
            let alpha = MpInterval::from_f64(bits, f64::from(self.alpha))?;
            let at = s.div(&alpha)?.ln()?;
            let value = s.sub(&alpha).sub(&s.mul(&at));
            points.push(TurningPoint { at, value });
        }
        Ok(points)
    }
}
