//! Planes about a product of two numbers over a box.
//!
//! From `(a - p)(b - q) >= 0` for the corners `(p, q)` where both factors keep
//! one sign: `a b >= q a + p b - p q` at the corners `(la, lb)` and `(ua, ub)`,
//! and `<=` at `(la, ub)` and `(ua, lb)`. All four leave the same volume, and so
//! does every mixture of the two on a side; the even mixture has the smallest
//! greatest distance.
//!
//! Coefficients are rounded to nearest. `a b - α a - β b` is affine in `a` and in
//! `b`, so over a bounded box it is least and greatest at vertices, and the
//! constant is the least (greatest) of four numbers, rounded outward: for
//! every `α`, `β` the plane is a bound, and for those of a corner it is that
//! corner's plane up to rounding.
//!
//! References: McCormick, *Computability of global solutions to factorable
//! nonconvex programs* (1976); Shi et al., *Robustness Verification for
//! Transformers* (2020), section 3.3.

use crate::rounding::Interval;

/// `α a + β b + γ`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plane {
    /// coefficient of `a`
    pub a: f64,
    /// coefficient of `b`
    pub b: f64,
    /// `γ`
    pub constant: f64,
}

/// The mixture used where nothing better is known.
pub const EVEN_MIX: [f64; 2] = [0.5, 0.5];

/// Planes below and above `a b` on the box `a × b` (proved); `None` on a side
/// where the box is unbounded and no plane is known.
///
/// `mix[0]` in `[0, 1]` weighs the plane of the corner `(ua, ub)` against that
/// of `(la, lb)` below, `mix[1]` that of `(ua, lb)` against `(la, ub)` above;
/// other values are clamped, NaN counts as 1/2. If an operand is a point both
/// planes are the product itself.
pub fn planes(a: Interval, b: Interval, mix: [f64; 2]) -> [Option<Plane>; 2] {
    if a.is_point() || b.is_point() {
        let exact = if a.is_point() {
            (0.0, a.lo())
        } else {
            (b.lo(), 0.0)
        };
        let plane = Plane {
            a: exact.0,
            b: exact.1,
            constant: 0.0,
        };
        return [Some(plane); 2];
    }
    let below = [(a.lo(), b.lo()), (a.hi(), b.hi())];
    let above = [(a.lo(), b.hi()), (a.hi(), b.lo())];
    [
        plane(a, b, below, mix[0], |range| range.lo()),
        plane(a, b, above, mix[1], |range| range.hi()),
    ]
}

/// The mixed plane of two corners, or that of the only finite one.
fn plane(
    a: Interval,
    b: Interval,
    corners: [(f64, f64); 2],
    mix: f64,
    end: fn(Interval) -> f64,
) -> Option<Plane> {
    let finite = |(p, q): (f64, f64)| p.is_finite() && q.is_finite();
    let m = if mix.is_nan() {
        0.5
    } else {
        mix.clamp(0.0, 1.0)
    };
    let plane = match (finite(corners[0]), finite(corners[1])) {
        (true, true) => {
            let blend = |x: f64, y: f64| (1.0 - m) * x + m * y;
            let (alpha, beta) = (
                blend(corners[0].1, corners[1].1),
                blend(corners[0].0, corners[1].0),
            );
            let mut range: Option<Interval> = None;
            for x in [a.lo(), a.hi()] {
                for y in [b.lo(), b.hi()] {
                    let (x, y) = (Interval::point(x), Interval::point(y));
                    let rest = x * y - x.scale(alpha) - y.scale(beta);
                    range = Some(range.map_or(rest, |range| range.hull(rest)));
                }
            }
            Plane {
                a: alpha,
                b: beta,
                constant: end(range?),
            }
        }
        // Coefficients as they are: the corner's inequality itself.
        (true, false) => at_corner(corners[0], end),
        (false, true) => at_corner(corners[1], end),
        (false, false) => return None,
    };
    let known = plane.a.is_finite() && plane.b.is_finite() && plane.constant.is_finite();
    known.then_some(plane)
}

fn at_corner((p, q): (f64, f64), end: fn(Interval) -> f64) -> Plane {
    Plane {
        a: q,
        b: p,
        constant: end(-(Interval::point(p) * Interval::point(q))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rug::Rational;

    fn exact(x: f64) -> Rational {
        Rational::from_f64(x).unwrap()
    }

    impl Plane {
        fn value(&self, a: &Rational, b: &Rational) -> Rational {
            exact(self.a) * a + exact(self.b) * b + exact(self.constant)
        }
    }

    fn end() -> impl Strategy<Value = f64> {
        prop_oneof![
            4 => -3.0..3.0f64,
            1 => Just(0.0),
            1 => -1e-300..1e-300f64,
            1 => -1e12..1e12f64,
            1 => any::<f64>().prop_filter("finite", |x| x.is_finite()),
        ]
    }

    fn interval() -> impl Strategy<Value = Interval> {
        (end(), end(), 0u8..8).prop_map(|(a, b, point)| {
            let b = if point == 0 { a } else { b };
            Interval::new(a.min(b), a.max(b)).unwrap()
        })
    }

    fn mix() -> impl Strategy<Value = f64> {
        prop_oneof![
            0.0..1.0f64,
            Just(0.0),
            Just(1.0),
            Just(0.5),
            Just(f64::NAN),
            -9.0..9.0f64
        ]
    }

    fn inside(x: Interval, t: u32) -> Rational {
        let (lo, hi) = (exact(x.lo()), exact(x.hi()));
        lo.clone() + (hi - lo) * Rational::from((t, 8))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        /// Exact containment, without tolerance.
        #[test]
        fn planes_bound_the_product(a in interval(), b in interval(), below in mix(), above in mix(), s in 0u32..=8, t in 0u32..=8) {
            let [lower, upper] = planes(a, b, [below, above]);
            let mut points = vec![(inside(a, s), inside(b, t))];
            for x in [a.lo(), a.hi()] {
                for y in [b.lo(), b.hi()] {
                    points.push((exact(x), exact(y)));
                }
            }
            for (x, y) in points {
                let product = Rational::from(&x * &y);
                if let Some(p) = &lower {
                    prop_assert!(p.value(&x, &y) <= product);
                }
                if let Some(p) = &upper {
                    prop_assert!(p.value(&x, &y) >= product);
                }
            }
        }

        /// A plane of a corner touches the product there and in two more
        /// vertices, up to rounding.
        #[test]
        fn planes_are_tight(la in -9.0..9.0f64, wa in 0.0..9.0f64, lb in -9.0..9.0f64, wb in 0.0..9.0f64, m in 0.0..1.0f64) {
            let (a, b) = (Interval::new(la, la + wa).unwrap(), Interval::new(lb, lb + wb).unwrap());
            let [lower, upper] = planes(a, b, [m, m]).map(Option::unwrap);
            let at = |p: Plane, x: f64, y: f64| p.a * x + p.b * y + p.constant;
            // (x - la)(y - lb) and (ua - x)(ub - y) mixed, in the middle
            let (x, y) = (a.mid(), b.mid());
            let gap = 0.25 * (a.hi() - a.lo()) * (b.hi() - b.lo());
            prop_assert!((x * y - at(lower, x, y) - gap).abs() < 1e-12);
            prop_assert!((at(upper, x, y) - x * y - gap).abs() < 1e-12);
            // exact on the edge where both planes of a side meet
            prop_assert!((at(lower, a.lo(), b.hi()) - a.lo() * b.hi()).abs() < 1e-12);
            prop_assert!((at(upper, a.hi(), b.hi()) - a.hi() * b.hi()).abs() < 1e-12);
        }

        /// Half-infinite boxes keep the planes of finite corners.
        #[test]
        fn unbounded_boxes(la in end(), lb in end(), s in 0.0..1e9f64, t in 0.0..1e9f64) {
            let right = |lo| Interval::new(lo, f64::INFINITY).unwrap();
            let [lower, upper] = planes(right(la), right(lb), EVEN_MIX);
            prop_assert!(upper.is_none());
            if let Some(p) = lower {
                let (x, y) = (exact(la) + exact(s), exact(lb) + exact(t));
                prop_assert!(p.value(&x, &y) <= Rational::from(&x * &y));
            }
            prop_assert_eq!(planes(Interval::ENTIRE, right(lb), EVEN_MIX), [None, None]);
            let [lower, upper] = planes(Interval::point(la), Interval::ENTIRE, EVEN_MIX);
            prop_assert_eq!(lower, upper);
            prop_assert_eq!(lower, Some(Plane { a: 0.0, b: la, constant: 0.0 }));
        }
    }
}
