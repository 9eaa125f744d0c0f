//! A closed interval of reals with binary64 ends, and outward arithmetic on it.

use std::ops::{Add, Mul, Neg, Sub};

use rug::{Float, Rational, float::Round};

use super::eft::{
    add_dn, add_up, div_dn, div_up, mul_dn, mul_up, sqrt_dn, sqrt_up, sub_dn, sub_up,
};

/// A non-empty closed interval `[lo, hi]` of real numbers. The ends may be
/// infinite; neither is NaN and `lo <= hi` (checked by the constructors).
///
/// Every operation encloses: for all reals `a ∈ A`, `b ∈ B`, `a ∘ b ∈ A ∘ B`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    lo: f64,
    hi: f64,
}

impl Interval {
    /// The whole real line: what every failed enclosure widens to.
    pub const ENTIRE: Interval = Interval {
        lo: f64::NEG_INFINITY,
        hi: f64::INFINITY,
    };

    /// `{0}`
    pub const ZERO: Interval = Interval { lo: 0.0, hi: 0.0 };

    /// `{1}`
    pub const ONE: Interval = Interval { lo: 1.0, hi: 1.0 };

    /// `[lo, hi]`, or `None` if an end is NaN or `lo > hi`.
    pub fn new(lo: f64, hi: f64) -> Option<Interval> {
        (lo <= hi).then_some(Interval { lo, hi })
    }

    /// `[lo, hi]`; the whole line if an end is NaN or `lo > hi`.
    #[inline]
    pub fn or_entire(lo: f64, hi: f64) -> Interval {
        if lo <= hi {
            Interval { lo, hi }
        } else {
            Interval::ENTIRE
        }
    }

    /// `{x}`; the whole line if `x` is NaN or infinite.
    #[inline]
    pub fn point(x: f64) -> Interval {
        if x.is_finite() {
            Interval { lo: x, hi: x }
        } else {
            Interval::ENTIRE
        }
    }

    /// An interval around a real number whose nearest double is `nearest`.
    #[inline]
    pub const fn around(nearest: f64) -> Interval {
        Interval {
            lo: nearest.next_down(),
            hi: nearest.next_up(),
        }
    }

    /// The tightest interval around a rational.
    pub fn from_rational(x: &Rational) -> Interval {
        // Rounding down twice (to 53 bits, then to the subnormal grid) is
        // rounding down once, because the grids are nested.
        let lo = Float::with_val_round(53, x, Round::Down).0;
        let hi = Float::with_val_round(53, x, Round::Up).0;
        Interval {
            lo: lo.to_f64_round(Round::Down),
            hi: hi.to_f64_round(Round::Up),
        }
    }

    /// The lower end.
    #[inline]
    pub fn lo(self) -> f64 {
        self.lo
    }

    /// The upper end.
    #[inline]
    pub fn hi(self) -> f64 {
        self.hi
    }

    /// Both ends are the same finite number.
    pub fn is_point(self) -> bool {
        self.lo == self.hi && self.lo.is_finite()
    }

    /// Both ends are finite.
    pub fn is_bounded(self) -> bool {
        self.lo.is_finite() && self.hi.is_finite()
    }

    /// `x ∈ [lo, hi]`
    pub fn contains(self, x: f64) -> bool {
        self.lo <= x && x <= self.hi
    }

    /// `other ⊆ self`
    pub fn encloses(self, other: Interval) -> bool {
        self.lo <= other.lo && other.hi <= self.hi
    }

    /// The exact number lies in the interval.
    pub fn contains_rational(self, x: &Rational) -> bool {
        (self.lo == f64::NEG_INFINITY || Rational::from_f64(self.lo).is_some_and(|lo| lo <= *x))
            && (self.hi == f64::INFINITY || Rational::from_f64(self.hi).is_some_and(|hi| *x <= hi))
    }

    /// An upper bound of `hi - lo`.
    pub fn width_up(self) -> f64 {
        sub_up(self.hi, self.lo)
    }

    /// A double in the interval near its middle; any finite member, or 0, if unbounded.
    pub fn mid(self) -> f64 {
        if self.is_bounded() {
            (0.5 * self.lo + 0.5 * self.hi).clamp(self.lo, self.hi)
        } else {
            0.0f64.clamp(self.lo, self.hi).clamp(-f64::MAX, f64::MAX)
        }
    }

    /// The largest `|x|`.
    pub fn mag(self) -> f64 {
        self.lo.abs().max(self.hi.abs())
    }

    /// `{|x|}`
    pub fn abs(self) -> Interval {
        if self.lo >= 0.0 {
            self
        } else if self.hi <= 0.0 {
            -self
        } else {
            Interval {
                lo: 0.0,
                hi: self.mag(),
            }
        }
    }

    /// `{x²}`
    pub fn square(self) -> Interval {
        let a = self.abs();
        Interval {
            lo: mul_dn(a.lo, a.lo),
            hi: mul_up(a.hi, a.hi),
        }
    }

    /// `{sqrt(x)}` over the non-negative part; `{0}` if there is none.
    pub fn sqrt(self) -> Interval {
        Interval {
            lo: sqrt_dn(self.lo),
            hi: sqrt_up(self.hi),
        }
    }

    /// The smallest interval around both.
    #[inline]
    pub fn hull(self, other: Interval) -> Interval {
        Interval {
            lo: self.lo.min(other.lo),
            hi: self.hi.max(other.hi),
        }
    }

    /// The common part, if there is one.
    pub fn intersect(self, other: Interval) -> Option<Interval> {
        Interval::new(self.lo.max(other.lo), self.hi.min(other.hi))
    }

    /// `{x c}`; the whole line if `c` is not finite.
    #[inline]
    pub fn scale(self, c: f64) -> Interval {
        if !c.is_finite() {
            return Interval::ENTIRE;
        }
        let (a, b) = if c >= 0.0 {
            (self.lo, self.hi)
        } else {
            (self.hi, self.lo)
        };
        Interval {
            lo: mul_dn(a, c),
            hi: mul_up(b, c),
        }
    }

    /// `{a / b}`; the whole line if `0 ∈ B`.
    #[allow(clippy::should_implement_trait)] // `/` would hide that it may widen to the line
    pub fn divide(self, b: Interval) -> Interval {
        if b.contains(0.0) {
            return Interval::ENTIRE;
        }
        let mut r: Option<Interval> = None;
        for x in [self.lo, self.hi] {
            for y in [b.lo, b.hi] {
                let q = Interval {
                    lo: div_dn(x, y),
                    hi: div_up(x, y),
                };
                r = Some(r.map_or(q, |r| r.hull(q)));
            }
        }
        r.unwrap_or(Interval::ENTIRE)
    }
}

impl Neg for Interval {
    type Output = Interval;
    fn neg(self) -> Interval {
        Interval {
            lo: -self.hi,
            hi: -self.lo,
        }
    }
}

impl Add for Interval {
    type Output = Interval;
    #[inline]
    fn add(self, b: Interval) -> Interval {
        Interval {
            lo: add_dn(self.lo, b.lo),
            hi: add_up(self.hi, b.hi),
        }
    }
}

impl Sub for Interval {
    type Output = Interval;
    #[inline]
    fn sub(self, b: Interval) -> Interval {
        Interval {
            lo: sub_dn(self.lo, b.hi),
            hi: sub_up(self.hi, b.lo),
        }
    }
}

impl Mul for Interval {
    type Output = Interval;
    #[inline]
    fn mul(self, b: Interval) -> Interval {
        let dn = |x, y| mul_dn(x, y);
        let up = |x, y| mul_up(x, y);
        let (a0, a1, b0, b1) = (self.lo, self.hi, b.lo, b.hi);
        Interval {
            lo: dn(a0, b0).min(dn(a0, b1)).min(dn(a1, b0).min(dn(a1, b1))),
            hi: up(a0, b0).max(up(a0, b1)).max(up(a1, b0).max(up(a1, b1))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn end() -> impl Strategy<Value = f64> {
        prop_oneof![
            -4.0..4.0f64,
            Just(0.0),
            Just(-0.0),
            any::<f64>().prop_filter("finite", |x| x.is_finite()),
            (0u64..9).prop_map(f64::from_bits),
        ]
    }

    /// An interval and a member.
    fn member() -> impl Strategy<Value = (Interval, Rational)> {
        (end(), end(), 0u32..=8).prop_map(|(a, b, t)| {
            let (lo, hi) = (a.min(b), a.max(b));
            let (l, h) = (
                Rational::from_f64(lo).unwrap(),
                Rational::from_f64(hi).unwrap(),
            );
            let x = l.clone() + (h - l) * Rational::from((t, 8));
            (Interval::new(lo, hi).unwrap(), x)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn operations_enclose((a, x) in member(), (b, y) in member()) {
            prop_assert!((a + b).contains_rational(&Rational::from(&x + &y)));
            prop_assert!((a - b).contains_rational(&Rational::from(&x - &y)));
            prop_assert!((a * b).contains_rational(&Rational::from(&x * &y)));
            prop_assert!((-a).contains_rational(&Rational::from(-&x)));
            prop_assert!(a.abs().contains_rational(&x.clone().abs()));
            prop_assert!(a.square().contains_rational(&x.clone().square()));
            prop_assert!(a.hull(b).encloses(a) && a.hull(b).encloses(b));
            prop_assert!(a.contains(a.mid()));
            if y != 0 {
                prop_assert!(a.divide(b).contains_rational(&Rational::from(&x / &y)));
            }
            if let Some(c) = Rational::from_f64(b.lo()) {
                prop_assert!(a.scale(b.lo()).contains_rational(&Rational::from(&x * &c)));
            }
            let from_lo = &x - Rational::from_f64(a.lo()).unwrap();
            prop_assert!(Rational::from_f64(a.width_up()).is_none_or(|w| w >= from_lo));
        }

        #[test]
        fn rationals_are_enclosed_tightly(p in any::<i64>(), q in 1u64.., k in -1100i32..1000) {
            let x = Rational::from((p, q)) << k;
            let i = Interval::from_rational(&x);
            prop_assert!(i.contains_rational(&x));
            prop_assert!(i.lo() == i.hi() || i.lo().next_up() == i.hi());
        }
    }

    // The cases of the IEEE 1788 test suites (ITF1788, libieeep1788_elem) that
    // trip implementations: signed zeros, unbounded operands, underflow.
    #[test]
    fn special_cases() {
        let i = |a, b| Interval::new(a, b).unwrap();
        let inf = f64::INFINITY;
        let tiny = f64::from_bits(1);
        assert_eq!(i(-0.0, 0.0) * Interval::ENTIRE, Interval::ZERO);
        assert_eq!(Interval::ZERO * i(1.0, inf), Interval::ZERO);
        assert_eq!(i(1.0, inf) * i(-5.0, inf), Interval::ENTIRE);
        assert_eq!(i(1.0, inf) * i(-5.0, -1.0), i(-inf, -1.0));
        assert_eq!(i(1.0, inf) * i(-5.0, 0.0), i(-inf, 0.0));
        assert_eq!(i(-inf, 3.0) + i(1.0, inf), Interval::ENTIRE);
        assert_eq!(i(1.0, inf) - i(1.0, inf), Interval::ENTIRE);
        assert_eq!(i(tiny, tiny) * i(tiny, tiny), i(0.0, tiny));
        assert_eq!(i(1.0, 2.0).divide(i(-0.0, 1.0)), Interval::ENTIRE);
        assert_eq!(i(1.0, 2.0).divide(i(4.0, 8.0)), i(0.125, 0.5));
        assert_eq!(i(-4.0, 9.0).sqrt(), i(0.0, 3.0));
        assert_eq!(i(1.0, 2.0).intersect(i(2.0, 3.0)), Some(i(2.0, 2.0)));
        assert_eq!(i(1.0, 2.0).intersect(i(2.5, 3.0)), None);
        assert_eq!(Interval::new(f64::NAN, 1.0), None);
        assert_eq!(Interval::new(2.0, 1.0), None);
        assert_eq!(Interval::point(inf), Interval::ENTIRE);
        assert!(i(-f64::MAX, f64::MAX).mid().is_finite());
        assert_eq!(i(-inf, -3.0).mid(), -3.0);
        assert_eq!(
            i(f64::MAX, f64::MAX) + i(f64::MAX, f64::MAX),
            i(f64::MAX, inf)
        );
    }
}
