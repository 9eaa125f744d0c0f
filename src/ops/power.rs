//! Integer powers.

use super::shape::{Bend, Curve, Piece};
use super::{Error, TurningPoint};
use crate::exact::{MpInterval, mp};
use crate::rounding::Interval;

/// `xⁿ` for an integer `n` from 2 to 64. Negative powers are a
/// [`Reciprocal`](super::Reciprocal) of one, `x²` is better a
/// [`Square`](super::Square).
#[derive(Clone, Copy, Debug)]
pub struct Power {
    n: u32,
}

impl Power {
    /// The power of exponent `n`. Errors when `n` is not in 2 to 64.
    pub fn new(n: u32) -> Result<Power, Error> {
        if (2..=64).contains(&n) {
            Ok(Power { n })
        } else {
            Err(Error::Attribute {
                operator: "power",
                attribute: "n",
                value: n.to_string(),
                expected: "2 to 64",
            })
        }
    }

    /// The exponent.
    pub fn exponent(&self) -> u32 {
        self.n
    }

    fn even(self) -> bool {
        self.n.is_multiple_of(2)
    }
}

/// Encloses `{tⁿ : t ∈ x}`, exactly where no product rounds.
fn power(x: Interval, n: u32) -> Interval {
    // Products of intervals of one sign; an even power folds the line first.
    let mut base = if n.is_multiple_of(2) { x.abs() } else { x };
    let mut rest = n;
    let mut result = Interval::ONE;
    while rest > 0 {
        if rest % 2 == 1 {
            result = result * base;
        }
        rest /= 2;
        if rest > 0 {
            base = base.square();
        }
    }
    result
}

impl Curve for Power {
    fn name(&self) -> &'static str {
        "power"
    }
    fn parameters(&self) -> Vec<f32> {
        vec![self.n as f32]
    }
    fn value(&self, x: f64) -> f64 {
        x.powi(self.n as i32)
    }
    fn slope(&self, x: f64) -> f64 {
        f64::from(self.n) * x.powi(self.n as i32 - 1)
    }
    fn pieces(&self) -> &[Piece] {
        const EVEN: [Piece; 1] = [Piece::new(f64::NEG_INFINITY, f64::INFINITY, Bend::Convex)];
        const ODD: [Piece; 2] = [
            Piece::new(f64::NEG_INFINITY, 0.0, Bend::Concave),
            Piece::new(0.0, f64::INFINITY, Bend::Convex),
        ];
        if self.even() { &EVEN } else { &ODD }
    }
    fn at(&self, x: Interval) -> Interval {
        power(x, self.n)
    }
    fn rate(&self, x: Interval, _piece: usize) -> Interval {
        power(x, self.n - 1).scale(f64::from(self.n))
    }
    fn touch(&self, slope: f64, piece: usize) -> f64 {
        let size = (slope.abs() / f64::from(self.n)).powf(1.0 / f64::from(self.n - 1));
        match (self.even(), slope >= 0.0) {
            (true, true) => size,
            (true, false) => -size,
            (false, true) => [-size, size][piece],
            (false, false) => f64::NAN,
        }
    }
    fn oracle(&self, x: &MpInterval) -> MpInterval {
        x.power(self.n)
    }
    /// `n tⁿ⁻¹ = s` where `|t| = (|s| / n)^(1/(n−1))`; the value there is
    /// `t s (1/n − 1)`.
    fn turning_points(
        &self,
        slope: f64,
        domain: &MpInterval,
    ) -> Result<Vec<TurningPoint>, mp::Error> {
        let bits = domain.precision();
        let number = |x: f64| MpInterval::from_f64(bits, x);
        let (s, n) = (number(slope)?, number(f64::from(self.n))?);
        let size = s.abs().div(&n)?.root(self.n - 1)?;
        let signs: &[bool] = match (self.even(), slope >= 0.0) {
            (true, positive) => &[positive],
            (false, true) => &[false, true],
            (false, false) => &[],
        };
        let share = number(1.0)?.div(&n)?.sub(&number(1.0)?);
        let point = |&positive: &bool| {
            let at = if positive { size.clone() } else { size.neg() };
            let value = at.mul(&s).mul(&share);
            TurningPoint { at, value }
        };
        Ok(signs.iter().map(point).collect())
    }
}
