//! Hard swish.

use super::TurningPoint;
use super::relaxation::end;
use super::shape::{Bend, Curve, Piece};
use crate::exact::{MpInterval, mp};
use crate::rounding::Interval;

/// `x min(max(x / 6 + 1/2, 0), 1)`: zero up to −3, `x` from 3 on, a parabola
/// between.
#[derive(Clone, Copy, Debug)]
pub struct HardSwish;

impl Curve for HardSwish {
    fn name(&self) -> &'static str {
        "hard_swish"
    }
    fn value(&self, x: f64) -> f64 {
        x * (x / 6.0 + 0.5).clamp(0.0, 1.0)
    }
    fn slope(&self, x: f64) -> f64 {
        if x <= -3.0 {
            0.0
        } else if x >= 3.0 {
            1.0
        } else {
            x / 3.0 + 0.5
        }
    }
    fn pieces(&self) -> &[Piece] {
        const ALL: [Piece; 3] = [
            Piece::new(f64::NEG_INFINITY, -3.0, Bend::Convex),
            Piece::new(-3.0, 3.0, Bend::Convex),
            Piece::new(3.0, f64::INFINITY, Bend::Convex),
        ];
        &ALL
    }
    fn at(&self, x: Interval) -> Interval {
        if x.hi() <= -3.0 {
            Interval::ZERO
        } else if x.lo() >= 3.0 {
            x
        } else {
            (x * (x + end(3.0))).divide(end(6.0))
        }
    }
    fn rate(&self, x: Interval, piece: usize) -> Interval {
        match piece {
            0 => Interval::ZERO,
            1 => x.divide(end(3.0)) + end(0.5),
            _ => Interval::ONE,
        }
    }
    fn touch(&self, slope: f64, piece: usize) -> f64 {
        if piece == 1 {
            3.0 * slope - 1.5
        } else {
            f64::NAN
        }
    }
    fn oracle(&self, x: &MpInterval) -> MpInterval {
        let number = |v: f64| MpInterval::from_f64(x.precision(), v);
        let at = |t: &MpInterval| {
            if *t.lo() >= 3 {
                Ok(t.clone())
            } else if *t.hi() <= -3 {
                number(0.0)
            } else {
                t.mul(&t.add(&number(3.0)?)).div(&number(6.0)?)
            }
        };
        let image = || {
            let end = |t| at(&MpInterval::from_float(t)?);
            let mut range = end(x.lo())?.hull(&end(x.hi())?);
            for point in Curve::turning_points(self, 0.0, x)? {
                if point.at.overlaps(x) {
                    range = range.hull(&point.value);
                }
            }
            Ok::<_, mp::Error>(range)
        };
        image().unwrap_or_else(|_| x.widened())
    }
    /// The kinks; and `t / 3 + 1/2 = s` at `t = 3 s − 3/2`, the value there
    /// `−t² / 6`.
    fn turning_points(
        &self,
        slope: f64,
        domain: &MpInterval,
    ) -> Result<Vec<TurningPoint>, mp::Error> {
        let number = |v: f64| MpInterval::from_f64(domain.precision(), v);
        let (s, three) = (number(slope)?, number(3.0)?);
        let mut points = vec![
            TurningPoint {
                at: three.neg(),
                value: three.mul(&s),
            },
            TurningPoint {
                at: three.clone(),
                value: three.sub(&three.mul(&s)),
            },
        ];
        if (-0.5..=1.5).contains(&slope) {
            let at = three.mul(&s).sub(&number(1.5)?);
            let value = at.square().div(&number(6.0)?)?.neg();
            points.push(TurningPoint { at, value });
        }
        Ok(points)
    }
}
