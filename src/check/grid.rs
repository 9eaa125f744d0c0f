//! Exact numbers on a fixed grid: integers that count multiples of `2^-GRID`
//! (or of `2^-2·GRID` for products of two), with explicit rounding.
//!
//! Weights and slopes are dyadic, so everything but the roundings named here is
//! exact integer arithmetic. Each rounding goes towards a stated side.

use rug::{Float, Integer};

use crate::exact::{MpInterval, Rational};

/// Grid points per unit are `2^GRID`. Every binary32 number is on the grid, and
/// one rounding moves a coefficient by less than `2^-192`: far below the bounds
/// that are checked, even those of networks with subnormal weights. (128 to 192
/// bits make no difference in time that could be measured, 256 take a third more.)
pub(super) const GRID: u32 = 192;
/// Precision of MPFR evaluations, in bits.
pub(super) const PRECISION: u32 = 160;
/// Numbers of `2^256` and more are refused, so that a hostile certificate or
/// network cannot make integers grow without bound.
pub(super) const MAX_BITS: u32 = GRID + 256;

/// `m · 2^e` of a finite binary64 number, exact.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dyadic {
    pub m: i64,
    pub e: i32,
}

impl Dyadic {
    /// The parts of `x`, with `m` odd or zero; `None` for NaN and infinities.
    pub fn new(x: f64) -> Option<Dyadic> {
        if !x.is_finite() {
            return None;
        }
        let bits = x.to_bits();
        let fraction = (bits & ((1 << 52) - 1)) as i64;
        let biased = ((bits >> 52) & 0x7ff) as i32;
        let (m, e) = match biased {
            0 => (fraction, -1074),
            _ => (fraction | 1 << 52, biased - 1075),
        };
        if m == 0 {
            return Some(Dyadic { m: 0, e: 0 });
        }
        let zeros = m.trailing_zeros();
        let m = (m >> zeros) * if bits >> 63 == 1 { -1 } else { 1 };
        Some(Dyadic {
            m,
            e: e + zeros as i32,
        })
    }
}

/// `x · 2^e` rounded down; and whether that was exact.
pub(super) fn shift_floor(mut x: Integer, e: i32) -> (Integer, bool) {
    let by = e.unsigned_abs();
    if e >= 0 {
        (x << by, true)
    } else {
        let exact = x.is_divisible_2pow(by);
        x >>= by; // towards −∞, also for negative numbers
        (x, exact)
    }
}

/// `x · 2^e` rounded up.
pub(super) fn shift_ceil(x: Integer, e: i32) -> Integer {
    -shift_floor(-x, e).0
}

/// `x` in units of `2^-bits`, rounded down.
pub(super) fn floor(x: Dyadic, bits: u32) -> Integer {
    shift_floor(Integer::from(x.m), x.e + bits as i32).0
}

/// `x` in units of `2^-bits`, rounded up.
pub(super) fn ceil(x: Dyadic, bits: u32) -> Integer {
    shift_ceil(Integer::from(x.m), x.e + bits as i32)
}

/// `x` on the grid, rounded down; and whether that was exact.
pub(super) fn floor_rational(x: &Rational) -> (Integer, bool) {
    let (quotient, rest) = (Integer::from(x.numer() << GRID)).div_rem_floor(x.denom().clone());
    (quotient, rest.is_zero())
}

/// `x` on the grid, rounded up.
pub(super) fn ceil_rational(x: &Rational) -> Integer {
    -floor_rational(&Rational::from(-x)).0
}

/// An MPFR number on the grid, rounded down or up; `None` where not finite or
/// beyond the size limit.
fn float(x: &Float, round: fn(Integer, i32) -> Integer) -> Option<Integer> {
    let (m, e) = x.to_integer_exp()?;
    let e = e.checked_add(GRID as i32)?;
    // Checked before shifting, which would allocate 2^|e| bits.
    if i64::from(e) + i64::from(m.significant_bits()) > i64::from(MAX_BITS) {
        return None;
    }
    Some(round(m, e.max(-(1 << 20))))
}

/// The interval on the grid, rounded outward.
pub(super) fn from_mp(x: &MpInterval) -> Option<(Integer, Integer)> {
    Some((
        float(x.lo(), |m, e| shift_floor(m, e).0)?,
        float(x.hi(), shift_ceil)?,
    ))
}

/// An MPFR enclosure of `[lo, hi]`, both on the grid; `None` where `lo > hi`.
pub(super) fn to_mp(lo: &Integer, hi: &Integer) -> Option<MpInterval> {
    let unit = Integer::from(1) << GRID;
    let at = |x: &Integer| Rational::from((x.clone(), unit.clone()));
    MpInterval::new(PRECISION, &at(lo), &at(hi)).ok()
}

/// A number in units of `2^-bits` as a double, rounded down: for messages and
/// reported bounds.
pub(super) fn to_f64_floor(x: &Integer, bits: u32) -> f64 {
    let exact = Float::with_val(x.significant_bits().max(2), x) >> bits;
    exact.to_f64_round(rug::float::Round::Down)
}

/// Whether the magnitude of a grid number is within the limit.
pub(super) fn fits(x: &Integer) -> bool {
    x.significant_bits() <= MAX_BITS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rounding_is_outward(bits in any::<u64>(), p in 0_u32..300) {
            let x = f64::from_bits(bits);
            let Some(d) = Dyadic::new(x) else { return Ok(()) };
            let exact = Rational::from_f64(x).unwrap();
            prop_assert_eq!(&(Rational::from(d.m) << d.e), &exact);
            let scaled: Rational = exact << p;
            prop_assert_eq!(floor(d, p), scaled.clone().floor().into_numer_denom().0);
            prop_assert_eq!(ceil(d, p), scaled.ceil().into_numer_denom().0);
        }

        #[test]
        fn rationals_round_outward(n in any::<i64>(), d in 1..i64::MAX) {
            let x = Rational::from((n, d));
            let (lo, exact) = floor_rational(&x);
            let hi = ceil_rational(&x);
            let unit = Rational::from(Integer::from(1) << GRID);
            prop_assert!(Rational::from(&lo) / &unit <= x && x <= Rational::from(&hi) / &unit);
            prop_assert_eq!(exact, lo == hi);
        }

        #[test]
        fn mpfr_and_back_encloses(a in any::<i64>(), w in 0_i64..1000, s in 0_u32..200) {
            let (lo, hi) = (Integer::from(a) << s, (Integer::from(a) + w) << s);
            let (l, h) = from_mp(&to_mp(&lo, &hi).unwrap()).unwrap();
            prop_assert!(l <= lo && hi <= h);
        }
    }

    #[test]
    fn tiny_and_huge_mpfr_numbers() {
        let tiny = Float::with_val(PRECISION, 1) >> 2_000_000_u32;
        assert_eq!(
            float(&tiny, |m, e| shift_floor(m, e).0),
            Some(Integer::new())
        );
        assert_eq!(float(&tiny, shift_ceil), Some(Integer::from(1)));
        let huge = Float::with_val(PRECISION, 1) << 2_000_000_u32;
        assert_eq!(float(&huge, shift_ceil), None);
        assert_eq!(to_f64_floor(&(Integer::from(3) << 127), 128), 1.5);
    }
}
