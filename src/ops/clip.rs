//! Clipping between two bounds.

use super::shape::{Bend, Curve, Piece};
use super::{Error, TurningPoint};
use crate::exact::{MpInterval, mp};
use crate::rounding::Interval;

/// `min(max(x, lo), hi)`, either bound may be absent. HardTanh is one with
/// bounds −1 and 1, ReLU6 one with 0 and 6.
#[derive(Clone, Copy, Debug)]
pub struct Clip {
    /// infinite where absent
    lo: f32,
    hi: f32,
    pieces: [Piece; 3],
}

impl Clip {
    /// A clip. Errors when a bound is not finite or `lo > hi`.
    pub fn new(lo: Option<f32>, hi: Option<f32>) -> Result<Clip, Error> {
        let bad = |attribute, value: f32, expected| Error::Attribute {
            operator: "clip",
            attribute,
            value: value.to_string(),
            expected,
        };
        for (bound, attribute) in [(lo, "min"), (hi, "max")] {
            if let Some(v) = bound.filter(|v| !v.is_finite()) {
                return Err(bad(attribute, v, "a finite number, or absent"));
            }
        }
        let (lo, hi) = (lo.unwrap_or(f32::NEG_INFINITY), hi.unwrap_or(f32::INFINITY));
        if lo > hi {
            return Err(bad("min", lo, "at most max"));
        }
        let (l, h) = (f64::from(lo), f64::from(hi));
        let pieces = [
            Piece::new(f64::NEG_INFINITY, l, Bend::Convex),
            Piece::new(l, h, Bend::Convex),
            Piece::new(h, f64::INFINITY, Bend::Convex),
        ];
        Ok(Clip { lo, hi, pieces })
    }

    /// The bounds.
    pub fn bounds(&self) -> [Option<f32>; 2] {
        [self.lo, self.hi].map(|v| v.is_finite().then_some(v))
    }

    /// The pieces that are there, by position.
    fn present(&self) -> (usize, usize) {
        let first = usize::from(!self.lo.is_finite());
        let last = 3 - usize::from(!self.hi.is_finite());
        (first, last)
    }
}

impl Curve for Clip {
    fn name(&self) -> &'static str {
        "clip"
    }
    fn parameters(&self) -> Vec<f32> {
        vec![self.lo, self.hi]
    }
    fn value(&self, x: f64) -> f64 {
        x.max(f64::from(self.lo)).min(f64::from(self.hi))
    }
    fn slope(&self, x: f64) -> f64 {
        let inside = f64::from(self.lo) <= x && x <= f64::from(self.hi);
        if inside { 1.0 } else { 0.0 }
    }
    fn pieces(&self) -> &[Piece] {
        let (first, last) = self.present();
        &self.pieces[first..last]
    }
    fn at(&self, x: Interval) -> Interval {
        let clip = |t: f64| t.max(f64::from(self.lo)).min(f64::from(self.hi));
        Interval::or_entire(clip(x.lo()), clip(x.hi()))
    }
    fn rate(&self, _x: Interval, piece: usize) -> Interval {
        if piece + self.present().0 == 1 {
            Interval::ONE
        } else {
            Interval::ZERO
        }
    }
    fn touch(&self, _slope: f64, piece: usize) -> f64 {
        self.pieces()[piece].hi
    }
    fn oracle(&self, x: &MpInterval) -> MpInterval {
        let bits = x.precision();
        let mut y = x.clone();
        if self.lo.is_finite()
            && let Ok(lo) = MpInterval::from_f64(bits.max(24), f64::from(self.lo))
        {
            y = y.max(&lo);
        }
        if self.hi.is_finite()
            && let Ok(hi) = MpInterval::from_f64(bits.max(24), f64::from(self.hi))
        {
            y = y.neg().max(&hi.neg()).neg();
        }
        y
    }
    fn turning_points(
        &self,
        slope: f64,
        domain: &MpInterval,
    ) -> Result<Vec<TurningPoint>, mp::Error> {
        let bits = domain.precision();
        let s = MpInterval::from_f64(bits, slope)?;
        let knot = |v: f32| {
            let at = MpInterval::from_f64(bits, f64::from(v))?;
            let value = at.sub(&s.mul(&at));
            Ok(TurningPoint { at, value })
        };
        self.bounds().into_iter().flatten().map(knot).collect()
    }
}
