//! Error function.

use super::TurningPoint;
use super::shape::{Bend, Curve, Piece};
use crate::exact::{MpInterval, mp};
use crate::rounding::{Interval, elementary};

/// The error function, `2/√π ∫₀ˣ exp(-t²) dt`.
#[derive(Clone, Copy, Debug)]
pub struct Erf;

impl Curve for Erf {
    fn name(&self) -> &'static str {
        "erf"
    }
    fn value(&self, x: f64) -> f64 {
        core_math::erf(x)
    }
    fn slope(&self, x: f64) -> f64 {
        std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp()
    }
    fn pieces(&self) -> &[Piece] {
        const ALL: [Piece; 2] = [
            Piece::new(f64::NEG_INFINITY, 0.0, Bend::Convex),
            Piece::new(0.0, f64::INFINITY, Bend::Concave),
        ];
        &ALL
    }
    fn at(&self, x: Interval) -> Interval {
        elementary::erf(x)
    }
    fn rate(&self, x: Interval, _piece: usize) -> Interval {
        elementary::TWO_OVER_SQRT_PI * elementary::exp(-x.square())
    }
    fn touch(&self, slope: f64, piece: usize) -> f64 {
        let size = (std::f64::consts::FRAC_2_SQRT_PI / slope).ln().sqrt();
        [-size, size][piece]
    }
    fn oracle(&self, x: &MpInterval) -> MpInterval {
        x.erf()
    }
    /// `2/√π exp(−t²) = s` at `t = ±√(ln(2/√π / s))`, a maximum at the right
    /// one and its mirror image.
    fn turning_points(
        &self,
        slope: f64,
        domain: &MpInterval,
    ) -> Result<Vec<TurningPoint>, mp::Error> {
        if slope <= 0.0 {
            return Ok(Vec::new());
        }
        let bits = domain.precision().max(64);
        let s = MpInterval::from_f64(bits, slope)?;
        let steepest = MpInterval::from_f64(bits, 2.0)?.div(&MpInterval::pi(bits)?.sqrt()?)?;
        let ratio = steepest.div(&s)?;
        if *ratio.hi() < 1 {
            return Ok(Vec::new());
        }
        let at = ratio.ln()?.sqrt()?;
        let value = at.erf().sub(&s.mul(&at));
        let mirrored = TurningPoint {
            at: at.neg(),
            value: value.neg(),
        };
        Ok(vec![mirrored, TurningPoint { at, value }])
    }
}
