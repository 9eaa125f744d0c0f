//! What the pointwise files share to relax `φ` between two lines.
//!
//! A relaxation over `[l, u]` is `s_l t + r(s_l).lo <= φ(t) <= s_u t + r(s_u).hi`
//! with `r(s)` the [residual](super::Pointwise::residual). Any slope is sound;
//! the slopes proposed here (untrusted, plain binary64) only decide tightness.
//!
//! References: Zhang et al., *Efficient Neural Network Robustness Certification
//! with General Activation Functions* (CROWN, 2018), section 3.2; Singh et al.,
//! *An Abstract Domain for Certifying Neural Networks* (DeepPoly, 2019).

use super::{Pointwise, SlopeRule};
use crate::rounding::Interval;

/// The hull of `g` at both ends of `x`.
pub(super) fn at_ends(x: Interval, g: impl Fn(f64) -> Interval) -> Interval {
    g(x.lo()).hull(g(x.hi()))
}

/// `{t}` for an end of an interval, where `±∞` stands for arbitrarily large reals.
pub(super) fn end(t: f64) -> Interval {
    Interval::new(t, t).unwrap_or(Interval::ENTIRE)
}

/// Encloses `max(t, α t) - s t`, `0 <= α <= 1`: linear on each side of the
/// kink, where it is zero.
pub(super) fn kinked_residual(alpha: f64, slope: f64, x: Interval) -> Interval {
    if !slope.is_finite() {
        return Interval::ENTIRE;
    }
    let side = |a: f64| end(a) - end(slope);
    let ends = at_ends(x, |t| end(t) * side(if t >= 0.0 { 1.0 } else { alpha }));
    if x.contains(0.0) {
        ends.hull(Interval::ZERO)
    } else {
        ends
    }
}

/// Slopes for `max(t, α t)`: the chord above; below, slope 1 or `α`, whichever
/// leaves the smaller area, or always `α`.
pub(super) fn kinked_slopes(alpha: f64, rule: SlopeRule, x: Interval) -> [f64; 2] {
    let (l, u) = (x.lo(), x.hi());
    if l >= 0.0 {
        return [1.0, 1.0];
    }
    if u <= 0.0 {
        return [alpha, alpha];
    }
    let chord = (u - alpha * l) / (u - l);
    let lower = match rule {
        SlopeRule::Adaptive if u > -l => 1.0,
        SlopeRule::Adaptive | SlopeRule::Flat => alpha,
    };
    [lower, if chord.is_finite() { chord } else { alpha }]
}

/// Slope of the chord over `x`, or of the tangent in the middle where the chord
/// is not usable.
pub(super) fn chord(f: &dyn Pointwise, x: Interval) -> f64 {
    let k = (f.value(x.hi()) - f.value(x.lo())) / (x.hi() - x.lo());
    if k.is_finite() && x.hi() - x.lo() > 1e-9 * x.mag() {
        k
    } else {
        f.slope(x.mid())
    }
}

/// Slopes for a function that is odd about its inflection at 0, convex on the
/// left and concave on the right.
pub(super) fn s_shaped_slopes(f: &dyn Pointwise, x: Interval) -> [f64; 2] {
    let (l, u) = (x.lo(), x.hi());
    let k = chord(f, x);
    if l >= 0.0 {
        return [k, f.slope(x.mid())];
    }
    if u <= 0.0 {
        return [f.slope(x.mid()), k];
    }
    [tangent_from(f, -u, -l, k), tangent_from(f, l, u, k)]
}

/// The slope of the tangent through `(l, φ(l))` that touches `φ` at some
/// `d ∈ [0, u]`, or the chord's where it stays above `φ`; `l < 0 < u`.
fn tangent_from(f: &dyn Pointwise, l: f64, u: f64, chord: f64) -> f64 {
    if f.slope(u) >= chord || !l.is_finite() {
        return chord;
    }
    let base = f.value(l);
    let (mut lo, mut hi) = (0.0, u.min(64.0));
    for _ in 0..24 {
        let d = 0.5 * (lo + hi);
        if f.slope(d) * (d - l) > f.value(d) - base {
            lo = d;
        } else {
            hi = d;
        }
    }
    f.slope(0.5 * (lo + hi))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rug::{Float, Rational};

    use super::*;
    use crate::ops::{LeakyRelu, PointwiseKernel, pointwise_registry};

    const BITS: u32 = 1400;

    /// `(φ(t), φ'(t))` in MPFR; near enough to exact for every double `t` that
    /// the strategies produce.
    fn oracle(kernel: PointwiseKernel, t: &Float) -> (Float, Float) {
        let one = || Float::with_val(BITS, 1);
        let kink = |alpha: f32| {
            let s = Float::with_val(BITS, if *t > 0 { 1.0 } else { alpha });
            (t.clone() * &s, s)
        };
        let logistic = || one() / (one() + Float::with_val(BITS, -t).exp());
        match kernel {
            PointwiseKernel::Relu => kink(0.0),
            PointwiseKernel::LeakyRelu { alpha } => kink(alpha),
            PointwiseKernel::Tanh => {
                let y = t.clone().tanh();
                let d = one() - y.clone().square();
                (y, d)
            }
            PointwiseKernel::Sigmoid => {
                let y = logistic();
                let d = y.clone() * (one() - &y);
                (y, d)
            }
            PointwiseKernel::Softplus => (t.clone().exp().ln_1p(), logistic()),
        }
    }

    fn number() -> impl Strategy<Value = f64> {
        prop_oneof![
            -2.0..2.0f64,
            -20.0..20.0f64,
            -400.0..400.0f64,
            Just(0.0),
            (0u64..9).prop_map(f64::from_bits),
            (0u64..9).prop_map(|k| -f64::from_bits(k)),
            -1e-8..1e-8f64,
        ]
    }

    fn all() -> Vec<std::sync::Arc<dyn Pointwise>> {
        let mut all = pointwise_registry();
        for alpha in [0.0, 1.0, 0.3] {
            all.push(std::sync::Arc::new(LeakyRelu::new(alpha).unwrap()));
        }
        all
    }

    /// Points of `x`: ends, thirds, zero, and where `φ' = s` by estimate.
    fn points(f: &dyn Pointwise, x: Interval, s: f64) -> Vec<f64> {
        let mut points: Vec<f64> = (0..=12)
            .map(|k| x.lo() + (x.hi() - x.lo()) * f64::from(k) / 12.0)
            .collect();
        points.extend([x.lo(), x.hi(), 0.0]);
        for side in [-1.0, 1.0] {
            // φ' is monotone on each side of zero.
            let (mut a, mut b) = (0.0, 40.0);
            for _ in 0..80 {
                let m: f64 = 0.5 * (a + b);
                if (f.slope(side * m) - s) * (f.slope(side * a) - s) > 0.0 {
                    a = m;
                } else {
                    b = m;
                }
            }
            points.push(side * a);
        }
        points.retain(|t| x.contains(*t));
        points
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]
        #[test]
        fn rules_contain_mpfr(a in number(), b in number(), free in prop_oneof![
            -0.5..1.5f64, 0.0..0.3f64, Just(0.25), Just(1e-20), Just(0.5), Just(1.0), Just(1.0 - 1e-16), -1e3..1e3f64]) {
            let x = Interval::new(a.min(b), a.max(b)).unwrap();
            for f in all() {
                let mut slopes = vec![free];
                for rule in SlopeRule::ALL {
                    slopes.extend(f.propose(x, rule));
                }
                for s in slopes {
                    let residual = f.residual(s, x);
                    for t in points(&*f, x, s) {
                        let (y, d) = oracle(f.kernel().unwrap(), &Float::with_val(BITS, t));
                        let inside = |i: Interval, y: &Float| i.lo() <= *y && *y <= i.hi();
                        prop_assert!(inside(f.enclose(x), &y), "{} enclose {x:?} at {t}", f.name());
                        prop_assert!(inside(f.slopes(x), &d), "{} slopes {x:?} at {t}", f.name());
                        let r = y.to_rational().unwrap()
                            - Rational::from_f64(s).unwrap() * Rational::from_f64(t).unwrap();
                        let r = Float::with_val(BITS, r);
                        prop_assert!(inside(residual, &r), "{} residual {s} on {x:?} at {t}: {residual:?}", f.name());
                    }
                }
            }
        }

        /// Not soundness but quality: the residual is hardly wider than what
        /// sampling finds.
        #[test]
        fn residuals_are_tight(a in -6.0..6.0f64, b in -6.0..6.0f64, s in -0.2..1.2f64) {
            let x = Interval::new(a.min(b), a.max(b)).unwrap();
            for f in all() {
                let r = f.residual(s, x);
                let values: Vec<f64> = points(&*f, x, s).iter().map(|&t| f.value(t) - s * t).collect();
                let lo = values.iter().copied().fold(f64::INFINITY, f64::min);
                let hi = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                prop_assert!(r.lo() > lo - 1e-6 && r.hi() < hi + 1e-6, "{} {s} on {x:?}: {r:?} [{lo}, {hi}]", f.name());
            }
        }
    }

    #[test]
    fn unbounded_operands_keep_what_is_known() {
        for f in all() {
            for x in [
                Interval::ENTIRE,
                Interval::new(f64::NEG_INFINITY, 1.0).unwrap(),
                Interval::new(-1.0, f64::INFINITY).unwrap(),
            ] {
                for rule in SlopeRule::ALL {
                    for s in f.propose(x, rule) {
                        assert!(s.is_finite(), "{} on {x:?}", f.name());
                        let r = f.residual(s, x);
                        let (y, _) = oracle(f.kernel().unwrap(), &Float::with_val(BITS, 0.5));
                        assert!(r.lo() <= y.clone() - s * 0.5 && y - s * 0.5 <= r.hi());
                    }
                }
            }
            assert_eq!(f.residual(f64::NAN, Interval::ONE), Interval::ENTIRE);
            assert_eq!(f.residual(f64::INFINITY, Interval::ONE), Interval::ENTIRE);
        }
    }
}
