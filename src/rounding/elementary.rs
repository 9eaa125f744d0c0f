//! Enclosures of elementary functions.
//!
//! CORE-MATH claims correct rounding, so the nearest result stepped once
//! outward encloses the value even if a rare case were rounded the wrong way.
//! The tests compare with MPFR.
//!
//! All functions here are monotone on their domain but sine and cosine at a
//! point, so an enclosure over an interval is the hull of the enclosures at its
//! ends.

use super::Interval;
use super::eft::{add_dn, add_up, div_dn, div_up};

/// π; the double lies below.
pub const PI: Interval = Interval::around(std::f64::consts::PI);

/// `2 / √π`
pub const TWO_OVER_SQRT_PI: Interval = Interval::around(std::f64::consts::FRAC_2_SQRT_PI);

/// `f` stepped down, inside the function's range; NaN becomes its lower end.
#[inline]
fn dn(y: f64, range: (f64, f64)) -> f64 {
    if y.is_nan() {
        range.0
    } else {
        y.next_down().clamp(range.0, range.1)
    }
}

#[inline]
fn up(y: f64, range: (f64, f64)) -> f64 {
    if y.is_nan() {
        range.1
    } else {
        y.next_up().clamp(range.0, range.1)
    }
}

/// The enclosure of an increasing `f` with `f(0) = 0`; the range on each side
/// of zero keeps the sign.
fn odd_range(x: Interval, f: fn(f64) -> f64, lo: f64, hi: f64) -> Interval {
    let side = |x: f64| if x > 0.0 { (0.0, hi) } else { (lo, 0.0) };
    let a = if x.lo() == 0.0 {
        0.0
    } else {
        dn(f(x.lo()), side(x.lo()))
    };
    let b = if x.hi() == 0.0 {
        0.0
    } else {
        up(f(x.hi()), side(x.hi()))
    };
    Interval::or_entire(a, b)
}

/// `exp(x)`
pub fn exp(x: Interval) -> Interval {
    let range = (0.0, f64::INFINITY);
    Interval::or_entire(
        dn(core_math::exp(x.lo()), range),
        up(core_math::exp(x.hi()), range),
    )
}

/// `exp(x) - 1`
pub fn expm1(x: Interval) -> Interval {
    odd_range(x, core_math::expm1, -1.0, f64::INFINITY)
}

/// `ln(1 + x)`, for the part of `x` in `[-1, ∞)`; the whole line if there is none.
pub fn log1p(x: Interval) -> Interval {
    match x.intersect(Interval::or_entire(-1.0, f64::INFINITY)) {
        Some(x) => odd_range(x, core_math::log1p, f64::NEG_INFINITY, f64::INFINITY),
        None => Interval::ENTIRE,
    }
}

/// `ln(x)`, for the part of `x` in `[0, ∞)`; the whole line if there is none.
pub fn ln(x: Interval) -> Interval {
    let range = (f64::NEG_INFINITY, f64::INFINITY);
    let end = |x: f64| {
        if x == 0.0 {
            f64::NEG_INFINITY
        } else {
            core_math::log(x)
        }
    };
    match x.intersect(Interval::or_entire(0.0, f64::INFINITY)) {
        Some(x) => Interval::or_entire(dn(end(x.lo()), range), up(end(x.hi()), range)),
        None => Interval::ENTIRE,
    }
}

/// `tanh(x)`
pub fn tanh(x: Interval) -> Interval {
    odd_range(x, core_math::tanh, -1.0, 1.0)
}

/// `atanh(x)`, for the part of `x` in `[-1, 1]`; the whole line if there is none.
pub fn atanh(x: Interval) -> Interval {
    match x.intersect(Interval::or_entire(-1.0, 1.0)) {
        Some(x) => odd_range(x, core_math::atanh, f64::NEG_INFINITY, f64::INFINITY),
        None => Interval::ENTIRE,
    }
}

/// `erf(x)`
pub fn erf(x: Interval) -> Interval {
    odd_range(x, core_math::erf, -1.0, 1.0)
}

/// `1 - erf(x)`
pub fn erfc(x: Interval) -> Interval {
    let range = (0.0, 2.0);
    Interval::or_entire(
        dn(core_math::erfc(x.hi()), range),
        up(core_math::erfc(x.lo()), range),
    )
}

/// `arcsin(x)`, for the part of `x` in `[-1, 1]`; the whole line if there is none.
pub fn asin(x: Interval) -> Interval {
    match x.intersect(Interval::or_entire(-1.0, 1.0)) {
        Some(x) => odd_range(x, core_math::asin, -2.0, 2.0),
        None => Interval::ENTIRE,
    }
}

/// `arccos(x)`, for the part of `x` in `[-1, 1]`; the whole line if there is none.
pub fn acos(x: Interval) -> Interval {
    match x.intersect(Interval::or_entire(-1.0, 1.0)) {
        Some(x) => Interval::or_entire(
            dn(core_math::acos(x.hi()), (0.0, 4.0)),
            up(core_math::acos(x.lo()), (0.0, 4.0)),
        ),
        None => Interval::ENTIRE,
    }
}

/// `sin(x)` at a point; `[-1, 1]` if it is not finite.
pub fn sin_at(x: f64) -> Interval {
    if x == 0.0 {
        return Interval::ZERO;
    }
    let y = core_math::sin(x);
    Interval::or_entire(dn(y, (-1.0, 1.0)), up(y, (-1.0, 1.0)))
}

/// `cos(x)` at a point; `[-1, 1]` if it is not finite.
pub fn cos_at(x: f64) -> Interval {
    if x == 0.0 {
        return Interval::ONE;
    }
    let y = core_math::cos(x);
    Interval::or_entire(dn(y, (-1.0, 1.0)), up(y, (-1.0, 1.0)))
}

/// The logistic function `1 / (1 + exp(-x))`.
pub fn sigmoid(x: Interval) -> Interval {
    let at = |x: f64| -> (f64, f64) {
        // exp of a non-positive number on both sides, so that nothing overflows.
        let e = exp(Interval::or_entire(-x.abs(), -x.abs()));
        let (d_lo, d_hi) = (add_dn(1.0, e.lo()), add_up(1.0, e.hi()));
        if x >= 0.0 {
            (div_dn(1.0, d_hi), div_up(1.0, d_lo).min(1.0))
        } else {
            // t / (1 + t) is increasing in t
            (
                div_dn(e.lo(), add_up(1.0, e.lo())).max(0.0),
                div_up(e.hi(), add_dn(1.0, e.hi())).min(1.0),
            )
        }
    };
    Interval::or_entire(at(x.lo()).0, at(x.hi()).1)
}

/// `ln(1 + exp(x)) = max(x, 0) + ln(1 + exp(-|x|))`.
pub fn softplus(x: Interval) -> Interval {
    let at = |x: f64| -> (f64, f64) {
        let e = exp(Interval::or_entire(-x.abs(), -x.abs()));
        let tail = log1p(e);
        let base = x.max(0.0);
        (add_dn(base, tail.lo()), add_up(base, tail.hi()))
    };
    Interval::or_entire(at(x.lo()).0, at(x.hi()).1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rug::Float;
    use rug::float::Round;

    type Rule = fn(Interval) -> Interval;
    type Oracle = fn(Float) -> Float;

    fn functions() -> Vec<(&'static str, Rule, Oracle)> {
        vec![
            ("exp", exp, |x| x.exp()),
            ("expm1", expm1, |x| x.exp_m1()),
            ("log1p", log1p, |x| x.ln_1p()),
            ("ln", ln, |x| x.ln()),
            ("tanh", tanh, |x| x.tanh()),
            ("atanh", atanh, |x| x.atanh()),
            ("erf", erf, |x| x.erf()),
            ("erfc", erfc, |x| x.erfc()),
            ("asin", asin, |x| x.asin()),
            ("acos", acos, |x| x.acos()),
            ("sigmoid", sigmoid, |x| ((-x).exp() + 1u32).recip()),
            ("softplus", softplus, |x| x.exp().ln_1p()),
        ]
    }

    fn argument() -> impl Strategy<Value = f64> {
        prop_oneof![
            -1.0..1.0f64,
            -30.0..30.0f64,
            -800.0..800.0f64,
            any::<f64>().prop_filter("finite", |x| x.is_finite()),
            (0u64..9).prop_map(f64::from_bits),
            (0u64..9).prop_map(|k| -f64::from_bits(k)),
            (0u64..9).prop_map(|k| f64::from_bits(1f64.to_bits() - k)),
            Just(-0.0),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]
        #[test]
        fn enclosures_contain_mpfr(a in argument(), b in argument()) {
            let x = Interval::new(a.min(b), a.max(b)).unwrap();
            for (name, f, oracle) in functions() {
                for t in [a, b, x.mid()] {
                    // 1100 bits hold 1 + exp(-x) for every argument that matters.
                    let y = oracle(Float::with_val(1100, t));
                    let point = f(Interval::point(t));
                    if y.is_nan() || y.is_infinite() {
                        continue; // outside the domain, or beyond MPFR's exponents
                    }
                    prop_assert!(point.lo() <= y && y <= point.hi(), "{name}({t}): {point:?} {y}");
                    let all = f(x);
                    prop_assert!(all.lo() <= y && y <= all.hi(), "{name} on {x:?}");
                    let nearest = y.to_f64_round(Round::Nearest);
                    if nearest.is_normal() && nearest.abs() < 1e300 {
                        let width = point.width_up() / nearest.abs();
                        prop_assert!(width < 1e-15 * 2.0, "{name}({t}) is {width} wide");
                    }
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]
        #[test]
        fn waves_at_a_point(a in argument()) {
            let x = Float::with_val(1200, a);
            for (range, y) in [(sin_at(a), x.clone().sin()), (cos_at(a), x.cos())] {
                prop_assert!(range.lo() <= y && y <= range.hi() && range.width_up() < 1e-15);
            }
        }
    }

    #[test]
    fn constants_are_enclosed() {
        let pi = Float::with_val(200, rug::float::Constant::Pi);
        let root = Float::with_val(200, 2) / pi.clone().sqrt();
        for (range, y) in [(PI, pi), (TWO_OVER_SQRT_PI, root)] {
            assert!(range.lo() < y && y < range.hi());
        }
        assert!(sin_at(f64::INFINITY) == Interval::or_entire(-1.0, 1.0));
    }

    #[test]
    fn ends_of_the_domains() {
        let inf = f64::INFINITY;
        let i = |a, b| Interval::new(a, b).unwrap();
        assert_eq!(tanh(Interval::ENTIRE), i(-1.0, 1.0));
        assert_eq!(sigmoid(Interval::ENTIRE), i(0.0, 1.0));
        assert_eq!(softplus(Interval::ENTIRE), i(0.0, inf));
        assert_eq!(exp(Interval::ENTIRE), i(0.0, inf));
        assert_eq!(atanh(i(-1.0, 1.0)), Interval::ENTIRE);
        assert_eq!(ln(i(0.0, inf)), Interval::ENTIRE);
        assert_eq!(tanh(Interval::ZERO), Interval::ZERO);
        assert_eq!(exp(i(720.0, 720.0)), i(f64::MAX, inf));
        assert_eq!(log1p(i(-1.0, 0.0)), i(-inf, 0.0));
    }
}
