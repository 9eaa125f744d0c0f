//! The difference quotient of two points, enclosed.

use super::local::pass_work;
use super::matrix::ceiling;
use crate::bounds::interval_boxes;
use crate::exact::{MpInterval, Rational};
use crate::graph::{Forward, Graph, NodeId, forward};
use crate::ops::{LinearMap, Pointwise, Product, Shape};
use crate::rounding::eft::{add_dn, add_up, div_dn, div_up, mul_dn, mul_up, sqrt_dn, sqrt_up};
use crate::rounding::{Boxes, Interval};
use crate::verify::Norm;

/// Precisions tried, in turn, when binary64 enclosures are too wide.
const BITS: [u32; 2] = [192, 1024];

/// Multiply-adds above which only binary64 is used.
const MP_WORK_LIMIT: f64 = 4e6;

/// Interval evaluation at a point in MPFR, from each operator's defining rows
/// and oracle; `None` where a number cannot be represented.
struct HighPrecision {
    bits: u32,
}

type Values = Option<Vec<MpInterval>>;

impl Forward for HighPrecision {
    type Value = Values;

    fn constant(&mut self, _: NodeId, values: &[Rational], _: &Shape) -> Values {
        let at = |v| MpInterval::from_rational(self.bits, v).ok();
        values.iter().map(at).collect()
    }

    fn linear(&mut self, _: NodeId, map: &dyn LinearMap, x: &Values) -> Values {
        let x = x.as_ref()?;
        let d = map.uncertainty();
        let relative = Interval::ONE + Interval::or_entire(-d, d);
        let relative = MpInterval::from_f64_bounds(self.bits, relative.lo(), relative.hi()).ok()?;
        (0..map.output().len())
            .map(|o| {
                let mut y = MpInterval::from_f64(self.bits, f64::from(map.bias(o))).ok();
                map.row(o, &mut |i, w| {
                    y = y.as_ref().and_then(|y| {
                        let mut w = MpInterval::from_f64(self.bits, f64::from(w)).ok()?;
                        if d != 0.0 {
                            w = w.mul(&relative);
                        }
                        Some(y.add(&w.mul(&x[i])))
                    });
                });
                y
            })
            .collect()
    }

    fn pointwise(&mut self, _: NodeId, f: &dyn Pointwise, x: &Values) -> Values {
        Some(x.as_ref()?.iter().map(|x| f.oracle(x)).collect())
    }

    fn combine(&mut self, _: NodeId, c: &[Rational], xs: &[&Values]) -> Values {
        let mut sum: Option<Vec<MpInterval>> = None;
        for (c, x) in c.iter().zip(xs) {
            let c = MpInterval::from_rational(self.bits, c).ok()?;
            let term = x.as_ref()?.iter().map(|x| c.mul(x));
            sum = Some(match sum {
                None => term.collect(),
                Some(s) => s.iter().zip(term).map(|(s, t)| s.add(&t)).collect(),
            });
        }
        sum
    }

    fn product(&mut self, _: NodeId, p: &Product, a: &Values, b: &Values) -> Values {
        let (a, b) = (a.as_ref()?, b.as_ref()?);
        (0..p.output().len())
            .map(|o| {
                let mut sum = MpInterval::from_f64(self.bits, 0.0).ok()?;
                p.terms(o, |i, j| sum = sum.add(&a[i].mul(&b[j])));
                Some(sum)
            })
            .collect()
    }
}

/// Encloses `‖d‖_p` for a vector of intervals.
fn size(d: impl Iterator<Item = Interval>, norm: Norm) -> Interval {
    let (mut lo, mut hi) = (0.0f64, 0.0f64);
    for d in d {
        let d = d.abs();
        (lo, hi) = match norm {
            Norm::Linf => (lo.max(d.lo()), hi.max(d.hi())),
            Norm::L1 => (add_dn(lo, d.lo()), add_up(hi, d.hi())),
            Norm::L2 => (
                add_dn(lo, mul_dn(d.lo(), d.lo())),
                add_up(hi, mul_up(d.hi(), d.hi())),
            ),
        };
    }
    if norm == Norm::L2 {
        (lo, hi) = (sqrt_dn(lo), sqrt_up(hi));
    }
    Interval::or_entire(lo, hi)
}

/// `f(x) - f(y)`, binary64.
fn difference(graph: &Graph, x: &[f32], y: &[f32]) -> Vec<Interval> {
    let points = Boxes::from_shape_fn((2, x.len()), |s, i| {
        Interval::point(f64::from(if s == 0 { x[i] } else { y[i] }))
    });
    let boxes = interval_boxes(graph, vec![points]);
    let out = &boxes[graph.output().index()];
    (0..out.dim().1)
        .map(|i| out.at(0, i) - out.at(1, i))
        .collect()
}

/// `f(x) - f(y)`, MPFR; the subtraction is exact enough before it is rounded out.
fn precise_difference(graph: &Graph, x: &[f32], y: &[f32], bits: u32) -> Option<Vec<Interval>> {
    let at = |x: &[f32]| -> Values {
        let x = x
            .iter()
            .map(|&v| MpInterval::from_f64(bits, f64::from(v)).ok());
        let mut values = forward(graph, &mut HighPrecision { bits }, vec![x.collect()]);
        values.swap_remove(graph.output().index())
    };
    let (fx, fy) = (at(x)?, at(y)?);
    let d = fx.iter().zip(&fy).map(|(a, b)| a.sub(b));
    Some(
        d.map(|d| Interval::or_entire(d.lo_f64(), d.hi_f64()))
            .collect(),
    )
}

/// A lower bound (rounded down) of `‖f(x) - f(y)‖_p / ‖x - y‖_p`, by interval
/// evaluation of the graph at the two exact points: in binary64, and where
/// that is more than a tenth wide (deep networks amplify roundings), in MPFR
/// if the network is small enough. 0 if the points are equal or no enclosure
/// is finite.
///
/// **Semantics and evidence.** `discrete`, proved.
///
/// # Panics
/// If a point does not have the shape of the graph's input.
pub fn quotient(graph: &Graph, norm: Norm, x: &[f32], y: &[f32]) -> f64 {
    let point = |v: f32| Interval::point(f64::from(v));
    let bottom = size(x.iter().zip(y).map(|(&x, &y)| point(x) - point(y)), norm);
    let bottom = ceiling(bottom.hi());
    let mut top = size(difference(graph, x, y).into_iter(), norm);
    for bits in BITS {
        if top.lo() >= 0.9 * top.hi() || 2.0 * pass_work(graph) > MP_WORK_LIMIT {
            break;
        }
        let Some(d) = precise_difference(graph, x, y, bits) else {
            break;
        };
        top = size(d.into_iter(), norm);
    }
    let value = div_dn(top.lo(), bottom);
    if value.is_finite() && value > 0.0 && div_up(1.0, bottom).is_finite() {
        value
    } else {
        0.0
    }
}
