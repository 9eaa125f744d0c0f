//! Intervals over MPFR, outward rounded at an explicit precision.
//!
//! # Semantics and evidence
//!
//! Every operation returns an interval that contains the true result for every choice of points in
//! the operands. Lower ends are rounded down and upper ends up by MPFR itself, whose functions are
//! correctly rounded in each direction, so no error analysis beyond monotonicity is needed. An
//! infinite end means "no bound on this side"; it is never a member.
//!
//! # Invariants
//!
//! `lo <= hi`, neither is NaN, `lo < +∞`, `hi > −∞`, both have the same precision. Upheld by
//! `MpInterval::outward`, through which every constructor goes.
//!
//! # References
//!
//! L. Fousse, G. Hanrot, V. Lefèvre, P. Pélissier, P. Zimmermann, *MPFR*, ACM TOMS 33(2), 2007.

use rug::Float;
use rug::float::{Round, Special};
use rug::ops::{AssignRound, NegAssign};
use std::cmp::Ordering;

use super::rational::{self, Rational};

mod functions;

/// The smallest and the largest precision accepted, in bits.
pub const PRECISION: std::ops::RangeInclusive<u32> = 2..=1 << 20;

/// Why there is no interval.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// `lo > hi`.
    #[error("lower end {lo} is above upper end {hi}")]
    Empty {
        /// Lower end.
        lo: f64,
        /// Upper end.
        hi: f64,
    },
    /// NaN or an infinity where a number is needed.
    #[error("{value} is not finite")]
    NotFinite {
        /// The value found.
        value: f64,
    },
    /// Outside [`PRECISION`].
    #[error("precision of {bits} bits is outside 2..=1048576")]
    Precision {
        /// The precision asked for.
        bits: u32,
    },
    /// The operand is not inside the domain of the function.
    #[error("{function} is not defined on all of [{lo}, {hi}]")]
    Domain {
        /// The function or operation.
        function: &'static str,
        /// Lower end of the operand, rounded down.
        lo: f64,
        /// Upper end of the operand, rounded up.
        hi: f64,
    },
}

/// A closed interval with MPFR ends.
#[derive(Debug, Clone, PartialEq)]
pub struct MpInterval {
    lo: Float,
    hi: Float,
}

impl MpInterval {
    /// The interval `[lo, hi]` of exact rationals, outward rounded to `bits`.
    ///
    /// # Errors
    ///
    /// [`Error::Empty`], [`Error::Precision`].
    pub fn new(bits: u32, lo: &Rational, hi: &Rational) -> Result<Self, Error> {
        check_precision(bits)?;
        if lo > hi {
            return Err(Error::Empty {
                lo: lo.to_f64(),
                hi: hi.to_f64(),
            });
        }
        Ok(Self::outward(down(bits, lo), up(bits, hi)))
    }

    /// An enclosure of one rational; a point where it is representable.
    ///
    /// # Errors
    ///
    /// [`Error::Precision`].
    pub fn from_rational(bits: u32, value: &Rational) -> Result<Self, Error> {
        Self::new(bits, value, value)
    }

    /// An enclosure of one finite double; a point from 53 bits on.
    ///
    /// # Errors
    ///
    /// [`Error::NotFinite`], [`Error::Precision`].
    pub fn from_f64(bits: u32, value: f64) -> Result<Self, Error> {
        Self::from_f64_bounds(bits, value, value)
    }

    /// The interval `[lo, hi]` of finite doubles.
    ///
    /// # Errors
    ///
    /// [`Error::NotFinite`], [`Error::Empty`], [`Error::Precision`].
    pub fn from_f64_bounds(bits: u32, lo: f64, hi: f64) -> Result<Self, Error> {
        let exact = |value| rational::from_f64(value).map_err(|_| Error::NotFinite { value });
        Self::new(bits, &exact(lo)?, &exact(hi)?)
    }

    /// The point interval of a finite MPFR number, at its own precision.
    ///
    /// # Errors
    ///
    /// [`Error::NotFinite`].
    pub fn from_float(value: &Float) -> Result<Self, Error> {
        if value.is_finite() {
            Ok(Self {
                lo: value.clone(),
                hi: value.clone(),
            })
        } else {
            Err(Error::NotFinite {
                value: value.to_f64(),
            })
        }
    }

    /// Takes ends that are already rounded outward; a NaN becomes "no bound".
    fn outward(mut lo: Float, mut hi: Float) -> Self {
        if lo.is_nan() {
            lo.assign_round(Special::NegInfinity, Round::Down);
        }
        if hi.is_nan() {
            hi.assign_round(Special::Infinity, Round::Up);
        }
        debug_assert!(lo <= hi, "[{lo}, {hi}]");
        Self { lo, hi }
    }

    /// The precision in bits.
    pub fn precision(&self) -> u32 {
        self.lo.prec()
    }

    /// Lower end.
    pub fn lo(&self) -> &Float {
        &self.lo
    }

    /// Upper end.
    pub fn hi(&self) -> &Float {
        &self.hi
    }

    /// Lower end as a double, rounded down (−∞ where below all doubles or without bound).
    pub fn lo_f64(&self) -> f64 {
        self.lo.to_f64_round(Round::Down)
    }

    /// Upper end as a double, rounded up.
    pub fn hi_f64(&self) -> f64 {
        self.hi.to_f64_round(Round::Up)
    }

    /// Whether `value` lies inside.
    pub fn contains(&self, value: &Rational) -> bool {
        self.lo.partial_cmp(value) != Some(Ordering::Greater)
            && self.hi.partial_cmp(value) != Some(Ordering::Less)
    }

    /// Whether a finite double lies inside; NaN and infinities never do.
    pub fn contains_f64(&self, value: f64) -> bool {
        value.is_finite() && self.lo <= value && self.hi >= value
    }

    /// Whether `other` is a subset.
    pub fn encloses(&self, other: &Self) -> bool {
        self.lo <= other.lo && self.hi >= other.hi
    }

    /// Whether there is a common point.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.lo <= other.hi && other.lo <= self.hi
    }

    /// Whether both ends are finite.
    pub fn is_bounded(&self) -> bool {
        self.lo.is_finite() && self.hi.is_finite()
    }

    /// The smallest interval that contains both, at the precision of `self`.
    #[must_use]
    pub fn hull(&self, other: &Self) -> Self {
        let bits = self.precision();
        let lo = if self.lo <= other.lo {
            &self.lo
        } else {
            &other.lo
        };
        let hi = if self.hi >= other.hi {
            &self.hi
        } else {
            &other.hi
        };
        Self::outward(down(bits, lo), up(bits, hi))
    }

    /// An enclosure of `max(x, y)`, at the precision of `self`.
    #[must_use]
    pub fn max(&self, other: &Self) -> Self {
        let bits = self.precision();
        let lo = if self.lo >= other.lo {
            &self.lo
        } else {
            &other.lo
        };
        let hi = if self.hi >= other.hi {
            &self.hi
        } else {
            &other.hi
        };
        Self::outward(down(bits, lo), up(bits, hi))
    }

    /// `−x`.
    #[must_use]
    pub fn neg(&self) -> Self {
        let (mut lo, mut hi) = (self.hi.clone(), self.lo.clone());
        lo.neg_assign();
        hi.neg_assign();
        Self { lo, hi }
    }

    /// `x + y`, at the precision of `self`.
    #[must_use]
    pub fn add(&self, other: &Self) -> Self {
        let bits = self.precision();
        Self::outward(
            down(bits, &self.lo + &other.lo),
            up(bits, &self.hi + &other.hi),
        )
    }

    /// `x − y`, at the precision of `self`.
    #[must_use]
    pub fn sub(&self, other: &Self) -> Self {
        let bits = self.precision();
        Self::outward(
            down(bits, &self.lo - &other.hi),
            up(bits, &self.hi - &other.lo),
        )
    }

    /// `x y`, at the precision of `self`.
    #[must_use]
    pub fn mul(&self, other: &Self) -> Self {
        let bits = self.precision();
        let mut lo = Float::with_val(bits, Special::Infinity);
        let mut hi = Float::with_val(bits, Special::NegInfinity);
        for a in [&self.lo, &self.hi] {
            for b in [&other.lo, &other.hi] {
                // 0 · "no bound" is 0: every member on that side is finite.
                let zero = a.is_zero() || b.is_zero();
                let product = |round| {
                    let factor = Float::with_val_round(bits, a * b, round).0;
                    if zero { Float::new(bits) } else { factor }
                };
                let (below, above) = (product(Round::Down), product(Round::Up));
                if below < lo {
                    lo = below;
                }
                if above > hi {
                    hi = above;
                }
            }
        }
        Self::outward(lo, hi)
    }

    /// `x²`, at the precision of `self`.
    #[must_use]
    pub fn square(&self) -> Self {
        let bits = self.precision();
        let (a, b) = (&self.lo, &self.hi);
        let top = if a.cmp_abs(b) == Some(Ordering::Greater) {
            a
        } else {
            b
        };
        let hi = up(bits, top.square_ref());
        let lo = if a.is_sign_negative() && !b.is_sign_negative() || a.is_zero() || b.is_zero() {
            Float::new(bits)
        } else if b.is_sign_negative() {
            down(bits, b.square_ref())
        } else {
            down(bits, a.square_ref())
        };
        Self::outward(lo, hi)
    }

    /// `x / y`, at the precision of `self`.
    ///
    /// # Errors
    ///
    /// [`Error::Domain`] where `y` contains zero.
    pub fn div(&self, other: &Self) -> Result<Self, Error> {
        if other.lo <= 0 && other.hi >= 0 {
            return Err(other.domain("division by"));
        }
        let bits = other.precision().max(self.precision());
        let inverse = Self::outward(
            down(bits, other.hi.recip_ref()),
            up(bits, other.lo.recip_ref()),
        );
        if !(self.is_bounded() && other.is_bounded()) {
            return Ok(self.mul(&inverse));
        }
        // Finite ends: round the four quotients directly, which is tighter.
        let bits = self.precision();
        let mut ends: Option<(Float, Float)> = None;
        for a in [&self.lo, &self.hi] {
            for b in [&other.lo, &other.hi] {
                let (below, above) = (down(bits, a / b), up(bits, a / b));
                ends = Some(match ends.take() {
                    None => (below, above),
                    Some((lo, hi)) => (
                        if below < lo { below } else { lo },
                        if above > hi { above } else { hi },
                    ),
                });
            }
        }
        let (lo, hi) = ends.expect("four quotients");
        Ok(Self::outward(lo, hi))
    }

    /// `√x`.
    ///
    /// # Errors
    ///
    /// [`Error::Domain`] where a member is negative.
    pub fn sqrt(&self) -> Result<Self, Error> {
        if self.lo < 0 {
            return Err(self.domain("sqrt"));
        }
        let bits = self.precision();
        Ok(Self::outward(
            down(bits, self.lo.sqrt_ref()),
            up(bits, self.hi.sqrt_ref()),
        ))
    }

    /// `eˣ`.
    #[must_use]
    pub fn exp(&self) -> Self {
        let bits = self.precision();
        Self::outward(down(bits, self.lo.exp_ref()), up(bits, self.hi.exp_ref()))
    }

    /// The natural logarithm.
    ///
    /// # Errors
    ///
    /// [`Error::Domain`] where a member is not positive.
    pub fn ln(&self) -> Result<Self, Error> {
        if self.lo <= 0 {
            return Err(self.domain("ln"));
        }
        let bits = self.precision();
        Ok(Self::outward(
            down(bits, self.lo.ln_ref()),
            up(bits, self.hi.ln_ref()),
        ))
    }

    /// The hyperbolic tangent.
    #[must_use]
    pub fn tanh(&self) -> Self {
        let bits = self.precision();
        Self::outward(down(bits, self.lo.tanh_ref()), up(bits, self.hi.tanh_ref()))
    }

    /// The inverse hyperbolic tangent.
    ///
    /// # Errors
    ///
    /// [`Error::Domain`] where a member is outside (−1, 1).
    pub fn atanh(&self) -> Result<Self, Error> {
        if self.lo <= -1 || self.hi >= 1 {
            return Err(self.domain("atanh"));
        }
        let bits = self.precision();
        Ok(Self::outward(
            down(bits, self.lo.atanh_ref()),
            up(bits, self.hi.atanh_ref()),
        ))
    }

    /// The logistic function `1 / (1 + e^{−x})`, increasing.
    #[must_use]
    pub fn sigmoid(&self) -> Self {
        let bits = self.precision();
        let end = |x: &Float, round| {
            // Decreasing in the exponential: round that and the sum the other way.
            let other = opposite(round);
            let minus = Float::with_val(x.prec(), -x);
            let e = Float::with_val_round(bits, minus.exp_ref(), other).0;
            let sum = Float::with_val_round(bits, &e + 1, other).0;
            Float::with_val_round(bits, sum.recip_ref(), round).0
        };
        Self::outward(end(&self.lo, Round::Down), end(&self.hi, Round::Up))
    }

    /// `ln(1 + eˣ)`, increasing.
    #[must_use]
    pub fn softplus(&self) -> Self {
        let bits = self.precision();
        let end = |x: &Float, round| {
            let e = Float::with_val_round(bits, x.exp_ref(), round).0;
            Float::with_val_round(bits, e.ln_1p_ref(), round).0
        };
        Self::outward(end(&self.lo, Round::Down), end(&self.hi, Round::Up))
    }

    /// Both ends as decimal strings of `digits` significant digits, outward rounded; `-inf` and
    /// `inf` where there is no bound.
    pub fn to_decimal(&self, digits: usize) -> [String; 2] {
        [
            decimal(&self.lo, digits, Round::Down),
            decimal(&self.hi, digits, Round::Up),
        ]
    }

    fn domain(&self, function: &'static str) -> Error {
        Error::Domain {
            function,
            lo: self.lo_f64(),
            hi: self.hi_f64(),
        }
    }
}

fn check_precision(bits: u32) -> Result<(), Error> {
    if PRECISION.contains(&bits) {
        Ok(())
    } else {
        Err(Error::Precision { bits })
    }
}

fn down<T>(bits: u32, value: T) -> Float
where
    Float: AssignRound<T, Round = Round, Ordering = Ordering>,
{
    Float::with_val_round(bits, value, Round::Down).0
}

fn up<T>(bits: u32, value: T) -> Float
where
    Float: AssignRound<T, Round = Round, Ordering = Ordering>,
{
    Float::with_val_round(bits, value, Round::Up).0
}

fn opposite(round: Round) -> Round {
    if round == Round::Up {
        Round::Down
    } else {
        Round::Up
    }
}

/// `[-]d.ddd[e±x]` without trailing zeros; exact values stay exact (`0`, `1`, `-0.5`).
fn decimal(value: &Float, digits: usize, round: Round) -> String {
    if value.is_infinite() {
        return if value.is_sign_negative() {
            "-inf"
        } else {
            "inf"
        }
        .to_owned();
    }
    if value.is_zero() {
        return "0".to_owned();
    }
    let (negative, text, exponent) = value.to_sign_string_exp_round(10, Some(digits.max(2)), round);
    let text = text.trim_end_matches('0');
    // The value is 0.text · 10^exponent.
    let exponent = exponent.unwrap_or(0);
    let sign = if negative { "-" } else { "" };
    match exponent {
        -5..=0 => format!(
            "{sign}0.{}{text}",
            "0".repeat(exponent.unsigned_abs() as usize)
        ),
        1..=15 => {
            let point = exponent as usize;
            if text.len() <= point {
                format!("{sign}{text:0<point$}")
            } else {
                format!("{sign}{}.{}", &text[..point], &text[point..])
            }
        }
        _ => {
            let (first, rest) = text.split_at(1);
            let dot = if rest.is_empty() { "" } else { "." };
            format!("{sign}{first}{dot}{rest}e{}", exponent - 1)
        }
    }
}

#[cfg(test)]
mod tests;
