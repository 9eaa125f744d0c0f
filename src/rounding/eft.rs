//! Scalar operations rounded down (`_dn`) or up (`_up`) by error-free
//! transforms: the nearest result, then one step outward if the exact residual
//! says so.
//!
//! Operands are not NaN. An operation with no value (`∞ - ∞`) gives `-∞` down
//! and `+∞` up, so enclosures widen instead of failing; `0 · ∞ = 0`, as in
//! interval arithmetic, where infinite ends stand for unbounded sets of reals.
//! An overflow of finite operands gives `±f64::MAX` on the inner side.
//!
//! References: Dekker (1971), Knuth (TwoSum); Boldo and Daumas (2003) for the
//! exactness of the residuals of product, quotient and root by fused
//! multiply-add.

/// Below this magnitude the residual of a product may underflow, and rounding
/// steps outward without looking: `2^-969 = 2^-1022 · 2^53`.
const SAFE: f64 = f64::from_bits((1023 - 969) << 52);

/// `(s, e)`: `s = fl(a + b)` and `s + e = a + b` exactly, unless `s` overflows.
#[inline]
pub fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let s = a + b;
    let t = s - a;
    (s, (a - (s - t)) + (b - t))
}

/// `(p, e)`: `p = fl(a b)` and `p + e = a b` exactly, if `|p| >= 2^-969` and no overflow.
#[inline]
pub fn two_product(a: f64, b: f64) -> (f64, f64) {
    let p = a * b;
    (p, a.mul_add(b, -p))
}

/// The lower bound for a nearest result `p` that is NaN, infinite or next to
/// the largest double; `exact` says that an operand was infinite.
fn extreme_dn(p: f64, exact: bool) -> f64 {
    if p == f64::INFINITY {
        if exact { p } else { f64::MAX }
    } else {
        f64::NEG_INFINITY
    }
}

/// `a + b` rounded down.
#[inline]
pub fn add_dn(a: f64, b: f64) -> f64 {
    let (s, e) = two_sum(a, b);
    if !s.is_finite() {
        return extreme_dn(s, a.is_infinite() || b.is_infinite());
    }
    // A NaN residual (an intermediate overflow) steps outward too.
    if e >= 0.0 { s } else { s.next_down() }
}

/// `a + b` rounded up.
#[inline]
pub fn add_up(a: f64, b: f64) -> f64 {
    -add_dn(-a, -b)
}

/// `a - b` rounded down.
#[inline]
pub fn sub_dn(a: f64, b: f64) -> f64 {
    add_dn(a, -b)
}

/// `a - b` rounded up.
#[inline]
pub fn sub_up(a: f64, b: f64) -> f64 {
    -add_dn(-a, b)
}

/// `a b` rounded down.
#[inline]
pub fn mul_dn(a: f64, b: f64) -> f64 {
    if a == 0.0 || b == 0.0 {
        return 0.0;
    }
    let (p, e) = two_product(a, b);
    if !p.is_finite() {
        return extreme_dn(p, a.is_infinite() || b.is_infinite());
    }
    if e > 0.0 || (e == 0.0 && p.abs() >= SAFE) {
        return p;
    }
    if p == 0.0 && (a > 0.0) == (b > 0.0) {
        return 0.0;
    }
    p.next_down()
}

/// `a b` rounded up.
#[inline]
pub fn mul_up(a: f64, b: f64) -> f64 {
    -mul_dn(-a, b)
}

/// `a / b` rounded down; `-∞` if `b` is zero.
#[inline]
pub fn div_dn(a: f64, b: f64) -> f64 {
    if b == 0.0 {
        return f64::NEG_INFINITY;
    }
    if a == 0.0 {
        return 0.0;
    }
    if b.is_infinite() {
        // The limit is 0; with an infinite numerator there is none.
        return if a.is_infinite() {
            f64::NEG_INFINITY
        } else if (a > 0.0) == (b > 0.0) {
            0.0
        } else {
            -f64::from_bits(1)
        };
    }
    let q = a / b;
    if !q.is_finite() {
        return extreme_dn(q, a.is_infinite());
    }
    if q == 0.0 && (a > 0.0) == (b > 0.0) {
        return 0.0;
    }
    if a.abs() >= SAFE && q.abs() >= f64::MIN_POSITIVE {
        // a - q b is exact; divided by b it is the part of the quotient that q lacks.
        let r = (-q).mul_add(b, a);
        let lacks = if b > 0.0 { r } else { -r };
        return if lacks >= 0.0 { q } else { q.next_down() };
    }
    q.next_down()
}

/// `a / b` rounded up; `+∞` if `b` is zero.
#[inline]
pub fn div_up(a: f64, b: f64) -> f64 {
    -div_dn(-a, b)
}

/// `sqrt(a)` rounded down; 0 for `a <= 0`.
#[inline]
pub fn sqrt_dn(a: f64) -> f64 {
    if a <= 0.0 {
        return 0.0;
    }
    let s = a.sqrt();
    if s.is_infinite() || (a >= SAFE && (-s).mul_add(s, a) >= 0.0) {
        return s;
    }
    s.next_down()
}

/// `sqrt(a)` rounded up; 0 for `a <= 0`.
#[inline]
pub fn sqrt_up(a: f64) -> f64 {
    if a <= 0.0 {
        return 0.0;
    }
    let s = a.sqrt();
    if s.is_infinite() || (a >= SAFE && (-s).mul_add(s, a) <= 0.0) {
        return s;
    }
    s.next_up()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rug::Rational;

    fn exact(x: f64) -> Rational {
        Rational::from_f64(x).unwrap()
    }

    /// `dn <= value <= up`, and no wider than two steps.
    fn enclosed(dn: f64, value: &Rational, up: f64) {
        if dn.is_finite() {
            assert!(exact(dn) <= *value, "{dn} above");
        }
        if up.is_finite() {
            assert!(exact(up) >= *value, "{up} below");
        }
        assert!(dn != f64::INFINITY && up != f64::NEG_INFINITY);
        if dn.is_finite() && up.is_finite() {
            assert!(up <= dn.next_up().next_up(), "{dn} {up} wide");
        }
    }

    fn operand() -> impl Strategy<Value = f64> {
        prop_oneof![
            any::<f64>().prop_filter("finite", |x| x.is_finite()),
            -8.0..8.0f64,
            (-8i32..8).prop_map(f64::from),
            (0u64..40).prop_map(f64::from_bits),
            (0u64..40).prop_map(|k| -f64::from_bits((1 << 52) - k)),
            (0u64..40).prop_map(|k| f64::from_bits(f64::MAX.to_bits() - k)),
            (-1080i32..-960).prop_map(|k| 1.37 * 2f64.powi(k / 2) * 2f64.powi(k - k / 2)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn directed_operations_enclose(a in operand(), b in operand()) {
            enclosed(add_dn(a, b), &(exact(a) + exact(b)), add_up(a, b));
            enclosed(sub_dn(a, b), &(exact(a) - exact(b)), sub_up(a, b));
            enclosed(mul_dn(a, b), &(exact(a) * exact(b)), mul_up(a, b));
            if b != 0.0 {
                enclosed(div_dn(a, b), &(exact(a) / exact(b)), div_up(a, b));
            }
            let a = a.abs();
            let (dn, up) = (sqrt_dn(a), sqrt_up(a));
            prop_assert!(exact(dn).square() <= exact(a) && exact(a) <= exact(up).square());
        }
    }

    #[test]
    fn exact_results_stay() {
        assert_eq!((add_dn(1.0, 2.0), add_up(1.0, 2.0)), (3.0, 3.0));
        assert_eq!((mul_dn(1.5, -2.0), mul_up(1.5, -2.0)), (-3.0, -3.0));
        assert_eq!((div_dn(1.0, 4.0), div_up(1.0, 4.0)), (0.25, 0.25));
        assert_eq!((sqrt_dn(9.0), sqrt_up(9.0)), (3.0, 3.0));
    }

    #[test]
    fn special_values() {
        let inf = f64::INFINITY;
        assert_eq!((add_dn(inf, -inf), add_up(inf, -inf)), (-inf, inf));
        assert_eq!(
            (add_dn(f64::MAX, f64::MAX), add_up(f64::MAX, f64::MAX)),
            (f64::MAX, inf)
        );
        assert_eq!(
            (add_dn(-f64::MAX, -1e300), add_up(-f64::MAX, -1e300)),
            (-inf, -f64::MAX)
        );
        assert_eq!((mul_dn(0.0, inf), mul_up(0.0, -inf)), (0.0, 0.0));
        assert_eq!((mul_dn(-2.0, inf), mul_up(-2.0, inf)), (-inf, -inf));
        assert_eq!((div_dn(1.0, 0.0), div_up(1.0, 0.0)), (-inf, inf));
        assert_eq!(div_dn(1.0, inf), 0.0);
        assert!(div_up(1.0, inf) > 0.0);
        let tiny = f64::from_bits(1);
        assert_eq!((mul_dn(tiny, tiny), mul_up(tiny, tiny)), (0.0, tiny));
        assert_eq!((mul_dn(-tiny, tiny), mul_up(-tiny, tiny)), (-tiny, -0.0));
    }
}
