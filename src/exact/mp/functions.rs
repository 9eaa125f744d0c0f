//! More functions of [`MpInterval`]: the defining images of the pointwise operators that are not
//! made of the four operations, exponentials and logarithms alone.

use rug::float::{Constant, Special};
use rug::ops::NegAssign;
use rug::{Float, Integer};

use super::{Error, MpInterval, check_precision, down, up};

impl MpInterval {
    /// The whole line: nothing is known.
    ///
    /// # Errors
    ///
    /// [`Error::Precision`].
    pub fn entire(bits: u32) -> Result<Self, Error> {
        check_precision(bits)?;
        Ok(Self::unknown(bits))
    }

    fn unknown(bits: u32) -> Self {
        Self {
            lo: Float::with_val(bits, Special::NegInfinity),
            hi: Float::with_val(bits, Special::Infinity),
        }
    }

    /// The whole line at this precision.
    #[must_use]
    pub fn widened(&self) -> Self {
        Self::unknown(self.precision())
    }

    /// An enclosure of π.
    ///
    /// # Errors
    ///
    /// [`Error::Precision`].
    pub fn pi(bits: u32) -> Result<Self, Error> {
        check_precision(bits)?;
        Ok(Self::outward(
            down(bits, Constant::Pi),
            up(bits, Constant::Pi),
        ))
    }

    /// The common part, if there is one, at the precision of `self`.
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        if !self.overlaps(other) {
            return None;
        }
        let bits = self.precision();
        let lo = if self.lo >= other.lo {
            &self.lo
        } else {
            &other.lo
        };
        let hi = if self.hi <= other.hi {
            &self.hi
        } else {
            &other.hi
        };
        Some(Self::outward(down(bits, lo), up(bits, hi)))
    }

    /// `|x|`.
    #[must_use]
    pub fn abs(&self) -> Self {
        if self.lo >= 0 {
            return self.clone();
        }
        let flipped = self.neg();
        if self.hi <= 0 {
            return flipped;
        }
        let hi = if flipped.hi > self.hi {
            flipped.hi
        } else {
            self.hi.clone()
        };
        Self {
            lo: Float::new(self.precision()),
            hi,
        }
    }

    /// `xⁿ`, tight.
    #[must_use]
    pub fn power(&self, n: u32) -> Self {
        let bits = self.precision();
        let x = if n.is_multiple_of(2) {
            self.abs()
        } else {
            self.clone()
        };
        // xⁿ is increasing on what is left
        Self::outward(
            down(bits, rug::ops::Pow::pow(&x.lo, n)),
            up(bits, rug::ops::Pow::pow(&x.hi, n)),
        )
    }

    /// The `n`-th root, `n ≥ 1`.
    ///
    /// # Errors
    ///
    /// [`Error::Domain`] where a member is negative.
    pub fn root(&self, n: u32) -> Result<Self, Error> {
        if self.lo < 0 {
            return Err(self.domain("root"));
        }
        let bits = self.precision();
        Ok(Self::outward(
            down(bits, self.lo.root_ref(n)),
            up(bits, self.hi.root_ref(n)),
        ))
    }

    /// `⌊x⌋`, the hull of its values.
    #[must_use]
    pub fn floor(&self) -> Self {
        let bits = self.precision();
        Self::outward(
            down(bits, self.lo.floor_ref()),
            up(bits, self.hi.floor_ref()),
        )
    }

    /// `eˣ − 1`.
    #[must_use]
    pub fn exp_m1(&self) -> Self {
        let bits = self.precision();
        Self::outward(
            down(bits, self.lo.exp_m1_ref()),
            up(bits, self.hi.exp_m1_ref()),
        )
    }

    /// The error function, increasing.
    #[must_use]
    pub fn erf(&self) -> Self {
        let bits = self.precision();
        Self::outward(down(bits, self.lo.erf_ref()), up(bits, self.hi.erf_ref()))
    }

    /// The complementary error function, decreasing.
    #[must_use]
    pub fn erfc(&self) -> Self {
        let bits = self.precision();
        Self::outward(down(bits, self.hi.erfc_ref()), up(bits, self.lo.erfc_ref()))
    }

    /// The inverse sine.
    ///
    /// # Errors
    ///
    /// [`Error::Domain`] where a member is outside [−1, 1].
    pub fn asin(&self) -> Result<Self, Error> {
        if self.lo < -1 || self.hi > 1 {
            return Err(self.domain("asin"));
        }
        let bits = self.precision();
        Ok(Self::outward(
            down(bits, self.lo.asin_ref()),
            up(bits, self.hi.asin_ref()),
        ))
    }

    /// The integers inside, least and greatest; `None` if there is none or an
    /// end is infinite.
    pub fn integers(&self) -> Option<(Integer, Integer)> {
        let (mut low, mut high) = (self.lo.clone(), self.hi.clone());
        low.ceil_mut();
        high.floor_mut();
        let (first, last) = (low.to_integer()?, high.to_integer()?);
        (first <= last).then_some((first, last))
    }

    /// `sin x`.
    #[must_use]
    pub fn sin(&self) -> Self {
        let bits = self.precision();
        let ends = || {
            let at = |x: &Float| Self::outward(down(bits, x.sin_ref()), up(bits, x.sin_ref()));
            at(&self.lo).hull(&at(&self.hi))
        };
        // sin is ±1 at π/2 + kπ, k even or odd
        self.wave(1, ends)
    }

    /// `cos x`.
    #[must_use]
    pub fn cos(&self) -> Self {
        let bits = self.precision();
        let ends = || {
            let at = |x: &Float| Self::outward(down(bits, x.cos_ref()), up(bits, x.cos_ref()));
            at(&self.lo).hull(&at(&self.hi))
        };
        self.wave(0, ends)
    }

    /// A wave of amplitude 1 with value `(−1)ᵏ` at `(k + quarter / 2) π`, monotone between.
    fn wave(&self, quarter: u32, ends: impl Fn() -> Self) -> Self {
        let bits = self.precision();
        let all = Self {
            lo: Float::with_val(bits, -1),
            hi: Float::with_val(bits, 1),
        };
        let exponents =
            [&self.lo, &self.hi].map(|x| x.get_exp().unwrap_or(0).max(0).unsigned_abs());
        // The integer part of x / π must come out with bits to spare.
        let work = bits + exponents[0].max(exponents[1]) + 8;
        if !self.is_bounded() || check_precision(work).is_err() {
            return all;
        }
        let Ok(pi) = Self::pi(work) else {
            return all;
        };
        let wide = Self {
            lo: Float::with_val(work, &self.lo),
            hi: Float::with_val(work, &self.hi),
        };
        let Ok(turns) = wide.div(&pi) else {
            return all;
        };
        let mut shift = Float::with_val(work, quarter);
        shift >>= 1;
        shift.neg_assign();
        let Ok(turns) = Self::from_float(&shift).map(|shift| turns.add(&shift)) else {
            return all;
        };
        // Every k in [first, last] may be passed; a k that is not, but lies within the rounding
        // of an end, is as near ±1 there.
        let mut range = ends();
        let Some((first, last)) = turns.integers() else {
            return range;
        };
        if Integer::from(&last - &first) >= 1 {
            return all;
        }
        if first == last {
            let peak = Float::with_val(bits, if first.is_even() { 1 } else { -1 });
            range = range.hull(&Self {
                lo: peak.clone(),
                hi: peak,
            });
        }
        range
    }
}
