//! The standard model of floating-point arithmetic and the error of sums.
//!
//! Machine-checked: `dot_error`, `affine_error` and their binary64 and binary32
//! instances in `proofs/Rounding.v`, `finite64_dot_error` in `proofs/Finite.v`.

/// A binary floating-point arithmetic under the standard model
/// `fl(a ∘ b) = (a ∘ b)(1 + e) + h`, `|e| <= u`, `|h| <= η`, where `h = 0` for
/// sums.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Precision {
    /// unit roundoff `u`, a power of two
    pub unit_roundoff: f64,
    /// underflow unit `η`: the absolute error of one product
    pub eta: f64,
}

impl Precision {
    /// IEEE binary64, round to nearest, subnormals kept. `η` is twice the
    /// largest underflow error, which pays for its own propagation.
    pub const BINARY64: Precision = Precision {
        unit_roundoff: f64::EPSILON / 2.0,
        eta: f64::from_bits(1),
    };

    /// IEEE binary32, round to nearest, subnormals kept (`2^-24`, `2^-149`).
    pub const BINARY32: Precision = Precision {
        unit_roundoff: 1.0 / 16_777_216.0,
        eta: f64::from_bits(0x36A0_0000_0000_0000),
    };

    /// IEEE binary32, round to nearest; subnormal operands and results may be
    /// flushed to zero (`2^-24`, `2^-126`): [`eta`](Precision::eta) is then the
    /// error of every flush, of an operand as of a result, sums included.
    pub const BINARY32_FLUSHED: Precision = Precision {
        unit_roundoff: 1.0 / 16_777_216.0,
        eta: f32::MIN_POSITIVE as f64,
    };

    /// binary32 as WGSL promises it: either neighbour, subnormal operands and
    /// results may be flushed (`2^-23`, `2^-126`).
    pub const WGSL_F32: Precision = Precision {
        unit_roundoff: 1.0 / 8_388_608.0,
        eta: f32::MIN_POSITIVE as f64,
    };

    /// An upper bound of `(1 + u)^n - 1`, namely `n u / (1 - n u)` rounded up;
    /// infinite when `n u >= 1`.
    ///
    /// Every product in a sum of `n` products passes through at most `n`
    /// roundings, whatever the order of summation and with or without fused
    /// multiply-add, so the computed sum is within `γ_n Σ|a_i b_i| + n η` of
    /// the exact one unless it overflows.
    ///
    /// References: Higham, *Accuracy and Stability of Numerical Algorithms*,
    /// 2nd ed., Lemma 3.1 and eq. (3.5).
    pub fn gamma(self, n: usize) -> f64 {
        if n == 0 {
            return 0.0;
        }
        // n u and 1 - n u are exact: n u is a multiple of u below 1, u >= 2^-53.
        if n >= 1 << 53 || n as f64 * self.unit_roundoff >= 1.0 {
            return f64::INFINITY;
        }
        let nu = n as f64 * self.unit_roundoff;
        (nu / (1.0 - nu)).next_up()
    }
}

/// Turns a non-negative sum computed in binary64 round-to-nearest into an upper
/// bound of the exact one.
///
/// For `s = fl(Σ a_i b_i)`, `a_i, b_i >= 0`, `n` terms, any order, with or
/// without fused multiply-add: `(1 - γ_n) S <= s + n η`, and
/// `1 / (1 - γ_n) <= 1 + γ_{2n}`. [`up`](SumBound::up) evaluates
/// `(s + (n + 1) η)(1 + γ_{2n+4})` in round-to-nearest: the `4 u` and the one
/// `η` more pay for its three roundings, because
/// `(1 - u)^3 / (1 - (2n + 4) u) >= 1 / (1 - 2 n u)`.
#[derive(Clone, Copy, Debug)]
pub struct SumBound {
    slack: f64,
    factor: f64,
}

impl SumBound {
    /// For sums of at most `n` products of non-negative numbers.
    pub fn new(n: usize) -> SumBound {
        SumBound {
            // Exact below 2^52 terms; more give an infinite factor.
            slack: (n as f64 + 1.0) * Precision::BINARY64.eta,
            factor: 1.0 + Precision::BINARY64.gamma(n.saturating_mul(2).saturating_add(4)),
        }
    }

    /// An upper bound of the exact sum; NaN and infinity stay.
    #[inline]
    pub fn up(self, s: f64) -> f64 {
        (s + self.slack) * self.factor
    }
}

/// Pays for the roundings of a short expression: if `E` is made of non-negative
/// numbers by at most six additions and products, `(fl(E) + 8 η)(1 + 16 u)` in
/// round-to-nearest is at least `E`.
#[inline]
pub(crate) fn short_up(e: f64) -> f64 {
    const B: Precision = Precision::BINARY64;
    (e + 8.0 * B.eta) * (1.0 + 16.0 * B.unit_roundoff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rug::Rational;

    #[test]
    fn gamma_is_above_the_power() {
        for p in [
            Precision::BINARY64,
            Precision::BINARY32,
            Precision::WGSL_F32,
        ] {
            let u = Rational::from_f64(p.unit_roundoff).unwrap();
            for n in [1usize, 2, 3, 7, 64, 257] {
                let mut power = Rational::from(1);
                for _ in 0..n {
                    power *= Rational::from(1) + &u;
                }
                let gamma = Rational::from_f64(p.gamma(n)).unwrap();
                assert!(gamma >= power - 1u32, "{p:?} {n}");
            }
            assert_eq!(p.gamma(0), 0.0);
        }
        assert_eq!(Precision::WGSL_F32.gamma(1 << 23), f64::INFINITY);
        assert_eq!(Precision::BINARY64.gamma(usize::MAX), f64::INFINITY);
        assert_eq!(Precision::BINARY32.eta, 2f64.powi(-149));
    }

    proptest! {
        #[test]
        fn sums_are_bounded(terms in prop::collection::vec(
            (any::<f64>().prop_map(f64::abs), any::<f64>().prop_map(f64::abs), any::<bool>()), 0..30)) {
            let (mut s, mut exact) = (0.0f64, Rational::new());
            for (a, b, fused) in &terms {
                s = if *fused { a.mul_add(*b, s) } else { s + a * b };
                if let (Some(a), Some(b)) = (Rational::from_f64(*a), Rational::from_f64(*b)) {
                    exact += a * b;
                }
            }
            let up = SumBound::new(terms.len()).up(s);
            prop_assert!(up.is_nan() || up == f64::INFINITY || Rational::from_f64(up).unwrap() >= exact);
        }
    }
}
