//! What every pointwise function promises, tested for each member of the
//! registry against MPFR.

use std::sync::Arc;

use proptest::prelude::*;
use rug::{Float, Rational};

use super::*;
use crate::exact::MpInterval;
use crate::rounding::Interval;

/// Enclosures are outward, so precision decides only how sharp the tests are.
const BITS: u32 = 256;

fn all() -> Vec<Arc<dyn Pointwise>> {
    let mut all = pointwise_registry();
    for alpha in [0.0, 1.0, 0.3] {
        all.push(Arc::new(LeakyRelu::new(alpha).unwrap()));
    }
    for n in [2, 4, 5, 64] {
        all.push(Arc::new(Power::new(n).unwrap()));
    }
    for (lo, hi) in [
        (Some(-3.5), None),
        (None, Some(0.1)),
        (None, None),
        (Some(0.5), Some(0.5)),
        (Some(0.0), Some(6.0)),
    ] {
        all.push(Arc::new(Clip::new(lo, hi).unwrap()));
    }
    for alpha in [0.0, 0.3, 1.7] {
        all.push(Arc::new(Elu::new(alpha).unwrap()));
    }
    all.push(Arc::new(HardSigmoid::new(0.166_666_67, 0.5).unwrap()));
    all.push(Arc::new(HardSigmoid::new(3.0, -40.0).unwrap()));
    all
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -2.0..2.0f64,
        4 => -20.0..20.0f64,
        1 => -400.0..400.0f64,
        1 => -1e6..1e6f64,
        1 => Just(0.0),
        1 => Just(-0.0),
        1 => (0u64..9).prop_map(f64::from_bits),
        1 => (0u64..9).prop_map(|k| -f64::from_bits(k)),
        1 => -1e-8..1e-8f64,
        1 => (-8i32..8).prop_map(f64::from),
        // about the points of inflection, kinks and multiples of π / 2
        1 => (0usize..5, -3i64..4, any::<bool>()).prop_map(|(k, step, left)| {
            let x = [std::f64::consts::SQRT_2, 2.399_357_280_515_467_5, 1.0, 3.0, 2.5][k];
            let x = f64::from_bits(x.to_bits().wrapping_add_signed(step));
            if left { -x } else { x }
        }),
        1 => (-9i32..9, -3i64..4).prop_map(|(k, step)| {
            let x = f64::from(k) * std::f64::consts::FRAC_PI_2;
            f64::from_bits(x.to_bits().saturating_add_signed(step))
        }),
        1 => any::<f64>().prop_filter("finite", |x| x.is_finite()),
    ]
}

fn slope() -> impl Strategy<Value = f64> {
    prop_oneof![
        3 => -0.5..1.5f64,
        1 => 0.0..0.3f64,
        1 => prop::sample::select(vec![0.0, 0.25, 1e-20, 0.5, 1.0, -1.0, 1.0 - 1e-16, 2.0, 1e-300]),
        1 => -1e3..1e3f64,
        1 => (-60_i32..0).prop_map(|e| 2f64.powi(e)),
        1 => (1_i32..50).prop_map(|e| 1.0 - 2f64.powi(-e)),
    ]
}

/// Points of `x`: ends, twelfths, zero, estimated turning points and the
/// doubles beside them.
fn points(f: &dyn Pointwise, x: Interval, s: f64) -> Vec<f64> {
    let mut points: Vec<f64> = (0..=12)
        .map(|k| x.lo() + (x.hi() - x.lo()) * (f64::from(k) / 12.0))
        .collect();
    points.extend([x.lo(), x.hi(), 0.0]);
    for s in [s, 0.0] {
        f.turns(s, x, &mut |t| {
            points.extend([t.next_down(), t, t.next_up()])
        });
    }
    points.retain(|t| t.is_finite() && x.contains(*t));
    points
}

fn exact(x: f64) -> Rational {
    Rational::from_f64(x).unwrap()
}

fn mp(x: f64) -> MpInterval {
    MpInterval::from_f64(BITS, x).unwrap()
}

/// `y` is not shown to lie outside `x`.
fn compatible(x: Interval, y: &MpInterval) -> bool {
    x.lo() <= *y.hi() && *y.lo() <= x.hi()
}

fn finite(x: &Float) -> Option<f64> {
    x.is_finite().then(|| x.to_f64()).filter(|x| x.is_finite())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Image, residuals of proposed and of free slopes, and batch intercepts
    /// contain the function, whatever the slope.
    #[test]
    fn rules_contain_mpfr(a in number(), b in number(), free in slope()) {
        let x = Interval::new(a.min(b), a.max(b)).unwrap();
        for f in all() {
            let mut slopes = vec![free];
            for rule in SlopeRule::ALL {
                slopes.extend(f.propose(x, rule));
            }
            for s in slopes {
                prop_assert!(s.is_finite(), "{} proposes {s} on {x:?}", f.name());
                let residual = f.residual(s, x);
                for t in points(&*f, x, s) {
                    let y = f.oracle(&mp(t));
                    prop_assert!(compatible(f.enclose(x), &y), "{} enclose {x:?} at {t}: {:?}", f.name(), f.enclose(x));
                    let r = y.sub(&mp(s).mul(&mp(t)));
                    prop_assert!(compatible(residual, &r), "{} residual {s} on {x:?} at {t}: {residual:?} {}", f.name(), r.lo().to_f64());
                }
                for side in Side::ALL {
                    let mut line = [f64::NAN];
                    f.lines(&[x.lo()], &[x.hi()], &[s], side, &mut line);
                    let end = side.end(residual);
                    let (looser, slack) = match side {
                        Side::Lower => (line[0] <= end, end - line[0]),
                        Side::Upper => (line[0] >= end, line[0] - end),
                    };
                    let small = slack <= 4.0 * f64::EPSILON * end.abs().max(1e-300);
                    prop_assert!(line[0] == end || looser && small, "{} {s} on {x:?}: {} {end}", f.name(), line[0]);
                    let t = f.argument(s, x, side);
                    prop_assert!(x.contains(t), "{} argument {t} on {x:?}", f.name());
                }
            }
        }
    }

    /// `φ(y) - φ(x) = d (y - x)` with `d` in the enclosure of slopes.
    #[test]
    fn slopes_contain_difference_quotients(a in number(), b in number(), p in 0.0..1.0f64, q in 0.0..1.0f64) {
        let x = Interval::new(a.min(b), a.max(b)).unwrap();
        for f in all() {
            let slopes = f.slopes(x);
            let at = |p: f64| (x.lo() + (x.hi() - x.lo()) * p).clamp(x.lo(), x.hi());
            let mut points = points(&*f, x, 1.0);
            points.extend([at(p), at(q)].into_iter().filter(|t| t.is_finite()));
            for pair in points.windows(2) {
                let (s, t) = (pair[0], pair[1]);
                if s == t {
                    continue;
                }
                let rise = f.oracle(&mp(t)).sub(&f.oracle(&mp(s)));
                let d = rise.div(&mp(t).sub(&mp(s))).unwrap();
                prop_assert!(compatible(slopes, &d), "{} on {x:?}: {slopes:?} between {s} and {t}: {}", f.name(), d.lo().to_f64());
            }
        }
    }

    /// Not soundness but quality: residuals, images and slopes are hardly wider
    /// than what sampling finds.
    #[test]
    fn rules_are_tight(a in -6.0..6.0f64, b in -6.0..6.0f64, s in -0.2..1.2f64) {
        let x = Interval::new(a.min(b), a.max(b)).unwrap();
        for f in all() {
            if f.enclose(x) == Interval::ENTIRE {
                continue; // not all of x in the domain
            }
            let hull = |values: Vec<f64>| {
                let lo = values.iter().copied().fold(f64::INFINITY, f64::min);
                (lo, values.iter().copied().fold(f64::NEG_INFINITY, f64::max))
            };
            let points = points(&*f, x, s);
            for (range, slope) in [(f.residual(s, x), s), (f.enclose(x), 0.0)] {
                let (lo, hi) = hull(points.iter().map(|&t| f.value(t) - slope * t).collect());
                let slack = 1e-12 * lo.abs().max(hi.abs()).max(1.0);
                prop_assert!(range.lo() > lo - slack && range.hi() < hi + slack,
                    "{} {slope} on {x:?}: {range:?} [{lo}, {hi}]", f.name());
            }
        }
    }

    /// `argument` is where the intercept is attained, and so its derivative.
    #[test]
    fn arguments_attain_the_residual(a in -6.0..6.0f64, b in -6.0..6.0f64, s in -0.2..1.2f64) {
        let x = Interval::new(a.min(b), a.max(b)).unwrap();
        for f in all() {
            if !f.residual(s, x).is_bounded() {
                continue;
            }
            for side in Side::ALL {
                let t = f.argument(s, x, side);
                let value = f.value(t) - s * t;
                let end = side.end(f.residual(s, x));
                prop_assert!((value - end).abs() <= 1e-9 * end.abs().max(1.0),
                    "{} {s} on {x:?}: {value} at {t}, {end}", f.name());
            }
        }
    }

    /// The proposal leaves hardly more area than any slope of a fine grid.
    #[test]
    fn proposals_are_near_the_least_area(a in -6.0..6.0f64, w in 0.01..8.0f64) {
        let x = Interval::new(a, a + w).unwrap();
        for f in all() {
            if !f.enclose(x).is_bounded() || f.name() == "power" && f.parameters() == [64.0] {
                continue;
            }
            for (side, s) in Side::ALL.into_iter().zip(f.propose(x, SlopeRule::Adaptive)) {
                // area of a line: w times its distance from φ in the middle, up to a constant
                let height = |s: f64| side.sign() * (side.end(f.residual(s, x)) + s * x.mid());
                let best = |from: f64, to: f64| {
                    (0..=400).map(|k| from + (to - from) * f64::from(k) / 400.0).map(height).fold(f64::NEG_INFINITY, f64::max)
                };
                let range = f.enclose(x).width_up();
                let steepest = 2.0 * range / w + 4.0;
                let tolerance = 0.003 * range + 1e-9;
                if matches!(f.name(), "relu" | "leaky_relu") {
                    continue; // by rules of their own
                }
                prop_assert!(height(s) >= best(-steepest, steepest) - tolerance,
                    "{} {side:?} on {x:?}: slope {s}", f.name());
            }
        }
    }

    /// The definition: an image contains those of its points, and the range of
    /// `φ - s t` those of sampled points; no looser than the samples by more
    /// than the sampling's modulus of continuity.
    #[test]
    fn oracle_contains_and_is_tight(a in -30.0_f64..30.0, w in 0.0_f64..20.0, slope in slope()) {
        const BITS: u32 = 160;
        let b = a + w;
        for f in all() {
            let range = f.oracle_residual(slope, a, b, BITS).unwrap();
            let x = MpInterval::from_f64_bounds(BITS, a, b).unwrap();
            let image = f.oracle(&x);
            let n = 24;
            let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
            for k in 0..=n {
                let t = (a + w * f64::from(k) / f64::from(n)).clamp(a, b);
                let t = MpInterval::from_rational(2 * BITS, &exact(t)).unwrap();
                let y = f.oracle(&t);
                prop_assert!(image.encloses(&y), "{} [{a}, {b}] {t:?}", f.name());
                let r = y.sub(&MpInterval::from_f64(2 * BITS, slope).unwrap().mul(&t));
                prop_assert!(range.encloses(&r), "{} {slope} [{a}, {b}] {t:?}", f.name());
                least = least.min(r.lo_f64());
                most = most.max(r.hi_f64());
            }
            let steepest = f.slopes(Interval::new(a, b).unwrap()).mag();
            if !steepest.is_finite() {
                continue;
            }
            let step = (steepest + slope.abs()) * w / f64::from(n) + 1e-12 * least.abs().max(most.abs()).max(1.0);
            prop_assert!(range.lo_f64() >= least - step, "{} too low", f.name());
            prop_assert!(range.hi_f64() <= most + step, "{} too high", f.name());
        }
    }

    /// The binary64 rule and the definition agree: each encloses the exact
    /// range, and the ends are near.
    #[test]
    fn rules_agree_with_the_definition(a in -6.0..6.0f64, b in -6.0..6.0f64, s in slope()) {
        let x = Interval::new(a.min(b), a.max(b)).unwrap();
        for f in all() {
            let exact = f.oracle_residual(s, x.lo(), x.hi(), 160).unwrap();
            let range = f.residual(s, x);
            prop_assert_eq!(exact.is_bounded(), range.is_bounded(), "{} {}", f.name(), s);
            let (Some(lo), Some(hi)) = (finite(exact.lo()), finite(exact.hi())) else { continue };
            let size = lo.abs().max(hi.abs()).max(1.0);
            prop_assert!(range.lo() <= lo && range.hi() >= hi || (range.lo() - lo).max(hi - range.hi()) <= 1e-15 * size,
                "{} {s} on {x:?}: {range:?} [{lo}, {hi}]", f.name());
            prop_assert!(lo - range.lo() <= 1e-11 * size && range.hi() - hi <= 1e-11 * size,
                "{} {s} on {x:?}: {range:?} [{lo}, {hi}]", f.name());
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
            Interval::new(0.25, f64::INFINITY).unwrap(),
            Interval::new(-f64::MAX, f64::MAX).unwrap(),
        ] {
            for s in SlopeRule::ALL
                .into_iter()
                .flat_map(|rule| f.propose(x, rule))
            {
                assert!(s.is_finite(), "{} on {x:?}", f.name());
                for t in [0.5, 1.0, 1e10, -0.5, -1e10, 1e300] {
                    if x.contains(t) {
                        let y = f.oracle(&mp(t));
                        let r = y.sub(&mp(s).mul(&mp(t)));
                        assert!(
                            compatible(f.residual(s, x), &r),
                            "{} {s} on {x:?}",
                            f.name()
                        );
                        assert!(compatible(f.enclose(x), &y), "{} on {x:?}", f.name());
                    }
                }
            }
        }
        assert_eq!(f.residual(f64::NAN, Interval::ONE), Interval::ENTIRE);
        assert_eq!(f.residual(f64::INFINITY, Interval::ONE), Interval::ENTIRE);
    }
}

/// Half-lines with a bound on one side keep it.
#[test]
fn half_lines_are_bounded_where_the_function_is() {
    let right = Interval::new(1.0, f64::INFINITY).unwrap();
    let left = Interval::new(f64::NEG_INFINITY, -1.0).unwrap();
    let bounded: [(&dyn Pointwise, Interval); 7] = [
        (&Exp, left),
        (&Reciprocal, right),
        (&Reciprocal, left),
        (&Silu, left),
        (&Gelu, left),
        (&Erf, Interval::ENTIRE),
        (&Sin, Interval::ENTIRE),
    ];
    for (f, x) in bounded {
        assert!(
            f.enclose(x).is_bounded(),
            "{}: {:?}",
            f.name(),
            f.enclose(x)
        );
        for (side, s) in Side::ALL.into_iter().zip(f.propose(x, SlopeRule::Adaptive)) {
            let end = side.end(f.residual(s, x));
            assert!(end.is_finite(), "{} {side:?} {s}", f.name());
        }
    }
    assert_eq!(Square.enclose(Interval::ENTIRE).lo(), 0.0);
    assert_eq!(Square.slopes(right).lo(), 2.0);
    assert!(Log.slopes(right).lo() >= 0.0 && Log.slopes(right).hi() <= 1.0);
}

/// Beyond the domain nothing is claimed.
#[test]
fn domains() {
    let x = |lo, hi| Interval::new(lo, hi).unwrap();
    for (f, x) in [
        (&Log as &dyn Pointwise, x(0.0, 1.0)),
        (&Rsqrt, x(0.0, 1.0)),
        (&Log, x(-1.0, 1.0)),
        (&Sqrt, x(-1e-300, 1.0)),
        (&Reciprocal, x(-1.0, 1.0)),
        (&Reciprocal, x(0.0, 1.0)),
        (&Reciprocal, x(-1.0, 0.0)),
        (&Reciprocal, x(0.0, 0.0)),
    ] {
        assert_eq!(f.enclose(x), Interval::ENTIRE, "{}", f.name());
        assert_eq!(f.residual(0.5, x), Interval::ENTIRE);
        assert_eq!(f.slopes(x), Interval::ENTIRE);
        let range = f.oracle_residual(0.5, x.lo(), x.hi(), 160).unwrap();
        assert!(
            range.lo().is_infinite() && range.hi().is_infinite(),
            "{}",
            f.name()
        );
    }
    assert_eq!(Sqrt.enclose(x(0.0, 4.0)), x(0.0, 2.0));
    assert!(Sqrt.slopes(x(0.0, 4.0)).lo() <= 0.25 && Sqrt.slopes(x(0.0, 4.0)).lo() > 0.2499);
}

/// Rational functions are exact where nothing rounds.
#[test]
fn rational_functions_are_exact() {
    let x = |lo, hi| Interval::new(lo, hi).unwrap();
    assert_eq!(Square.residual(2.0, x(-1.0, 3.0)), x(-1.0, 3.0));
    assert_eq!(Power::new(3).unwrap().enclose(x(-2.0, 3.0)), x(-8.0, 27.0));
    assert_eq!(Abs.residual(0.5, x(-1.0, 2.0)), x(0.0, 1.5));
    let clip = Clip::new(Some(-1.0), Some(1.0)).unwrap();
    assert_eq!(clip.residual(0.5, x(-3.0, 2.0)), x(-0.5, 0.5));
    assert_eq!(Floor.residual(1.0, x(0.5, 7.25)), x(-1.0, 0.0));
    assert_eq!(Sign.residual(0.0, x(-1.0, 2.0)), x(-1.0, 1.0));
    assert_eq!(Step.residual(1.0, x(-1.0, 2.0)), x(-1.0, 1.0));
    assert_eq!(Reciprocal.enclose(x(0.5, 4.0)), x(0.25, 2.0));
    assert_eq!(HardSwish.enclose(x(-5.0, 4.0)).hi(), 4.0);
    let r = Relu.oracle_residual(0.5, -1.0, 2.0, 160).unwrap();
    assert_eq!((r.lo_f64(), r.hi_f64()), (0.0, 1.0));
    let l = LeakyRelu::new(0.25).unwrap();
    let r = l.oracle_residual(0.25, -4.0, 2.0, 160).unwrap();
    assert_eq!((r.lo_f64(), r.hi_f64()), (0.0, 1.5));
    assert!(Relu.oracle_residual(f64::NAN, 0.0, 1.0, 160).is_err());
    assert!(Relu.oracle_residual(0.0, 1.0, 0.0, 160).is_err());
    assert!(Relu.oracle_residual(0.0, 0.0, f64::INFINITY, 160).is_err());
}

#[test]
fn definitions_survive_extreme_slopes() {
    for f in all() {
        for slope in [
            f64::from_bits(1),
            1e-300,
            1.0 - f64::EPSILON / 2.0,
            0.25,
            0.25 - 1e-17,
        ] {
            let r = f.oracle_residual(slope, 1e-3, 700.0, 160).unwrap();
            assert!(r.is_bounded(), "{} {slope}", f.name());
        }
    }
    // tanh t − s t at a tiny slope stays below 1 and close to it.
    let r = Tanh.oracle_residual(1e-30, -100.0, 100.0, 160).unwrap();
    assert!(r.hi_f64() <= 1.0 && r.hi_f64() > 0.999 && r.lo_f64() >= -1.0);
}

#[test]
fn attributes_are_checked() {
    assert!(Power::new(1).is_err() && Power::new(65).is_err());
    assert!(Clip::new(Some(1.0), Some(0.0)).is_err());
    assert!(Clip::new(Some(f32::NAN), None).is_err());
    assert!(Elu::new(-1.0).is_err() && Elu::new(f32::INFINITY).is_err());
    assert!(HardSigmoid::new(0.0, 0.5).is_err() && HardSigmoid::new(1.0, f32::NAN).is_err());
    let mut names: Vec<_> = pointwise_registry().iter().map(|f| f.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), pointwise_registry().len());
}
