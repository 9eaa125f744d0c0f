//! Softmax and normalisations as graphs: values, containment without
//! tolerance against MPFR, and tightness.

#![allow(clippy::unwrap_used)]

use dahlquist::bounds::{Method, analyze, interval_boxes};
use dahlquist::exact::{MpInterval, Rational};
use dahlquist::graph::composite::{layer_norm, log_softmax, rms_norm, softmax};
use dahlquist::graph::{Error, Graph, GraphBuilder, NodeId};
use dahlquist::ops::Shape;
use dahlquist::rounding::{Boxes, Interval};
use dahlquist::verify::{Norm, Property, Region, Row};
use proptest::prelude::*;

const BITS: u32 = 200;

fn mp(x: f64) -> MpInterval {
    MpInterval::from_f64(BITS, x).unwrap()
}

fn sum(x: &[MpInterval]) -> MpInterval {
    x.iter().fold(mp(0.0), |sum, x| sum.add(x))
}

/// The functions of one line by their defining formulas.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Softmax,
    LogSoftmax,
    LayerNorm,
    RmsNorm,
}

const KINDS: [Kind; 4] = [
    Kind::Softmax,
    Kind::LogSoftmax,
    Kind::LayerNorm,
    Kind::RmsNorm,
];

fn epsilon() -> Rational {
    Rational::from((1, 100_000))
}

impl Kind {
    fn line(self, x: &[f64]) -> Vec<MpInterval> {
        let n = mp(x.len() as f64);
        let x: Vec<MpInterval> = x.iter().map(|&x| mp(x)).collect();
        let normalised = |d: Vec<MpInterval>| -> Vec<MpInterval> {
            let squares: Vec<_> = d.iter().map(MpInterval::square).collect();
            let epsilon = MpInterval::from_rational(BITS, &epsilon()).unwrap();
            let variance = sum(&squares).div(&n).unwrap().add(&epsilon);
            let root = variance.sqrt().unwrap();
            d.iter().map(|d| d.div(&root).unwrap()).collect()
        };
        match self {
            Kind::Softmax | Kind::LogSoftmax => {
                let e: Vec<_> = x.iter().map(MpInterval::exp).collect();
                let total = sum(&e);
                let y = e.iter().map(|e| e.div(&total).unwrap());
                match self {
                    Kind::Softmax => y.collect(),
                    _ => y.map(|y| y.ln().unwrap()).collect(),
                }
            }
            Kind::LayerNorm => {
                let mean = sum(&x).div(&n).unwrap();
                normalised(x.iter().map(|x| x.sub(&mean)).collect())
            }
            Kind::RmsNorm => normalised(x),
        }
    }

    fn append(self, b: &mut GraphBuilder, x: NodeId, axis: usize) -> Result<NodeId, Error> {
        match self {
            Kind::Softmax => softmax(b, "y", x, axis),
            Kind::LogSoftmax => log_softmax(b, "y", x, axis),
            Kind::LayerNorm => layer_norm(b, "y", x, axis, &epsilon()),
            Kind::RmsNorm => rms_norm(b, "y", x, axis, &epsilon()),
        }
    }

    fn graph(self, dims: &[usize], axis: usize) -> Graph {
        let mut b = GraphBuilder::new();
        let x = b.input("x", Shape::new(dims));
        let y = self.append(&mut b, x, axis).unwrap();
        assert_eq!(b.shape(y).dims(), dims);
        b.finish(y).unwrap()
    }
}

fn compatible(x: Interval, y: &MpInterval) -> bool {
    x.lo() <= *y.hi() && *y.lo() <= x.hi()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Boxes and rows contain the defining formulas at members of the box.
    #[test]
    fn bounds_contain_the_formulas(
        center in prop::collection::vec(-4f32..4.0, 2..7),
        eps in 0u32..40,
        picks in prop::collection::vec(prop::collection::vec(0u8..=4, 7), 6),
    ) {
        let n = center.len();
        let eps = Rational::from((eps, 32));
        let region = Region::new(center.clone(), Norm::Linf, eps.clone(), None).unwrap();
        let (lo, hi) = region.outer_box();
        for kind in KINDS {
            let graph = kind.graph(&[n], 0);
            let inputs = Boxes::from_shape_fn((1, n), |_, i| Interval::new(lo[i], hi[i]).unwrap());
            let boxes = interval_boxes(&graph, vec![inputs]);
            let image = &boxes[graph.output().index()];
            // y_0 - y_1 / 2 and its negative
            let rows = [1, -1].map(|sign| Row {
                coefficients: (0..n)
                    .map(|i| Rational::from(match i { 0 => (2 * sign, 2), 1 => (-sign, 2), _ => (0, 1) }))
                    .collect(),
                constant: Rational::new(),
            });
            let property = Property::new(rows.to_vec()).unwrap();
            for method in Method::ALL {
                let outcome = analyze(&graph, &region, &property, method).unwrap();
                for pick in &picks {
                    let x: Vec<f64> = (0..n)
                        .map(|i| lo[i] + (hi[i] - lo[i]) * f64::from(pick[i]) / 4.0)
                        .zip(lo.iter().zip(&hi))
                        .map(|(x, (l, h))| x.clamp(*l, *h))
                        .collect();
                    let y = kind.line(&x);
                    for (i, y) in y.iter().enumerate() {
                        prop_assert!(compatible(image.at(0, i), y), "{kind:?} {i}: {:?} misses {}", image.at(0, i), y.lo());
                    }
                    let value = y[0].sub(&y[1].mul(&mp(0.5)));
                    for (lower, value) in outcome.lower.iter().zip([value.clone(), value.neg()]) {
                        prop_assert!(*lower.get() <= *value.hi(), "{kind:?} {method:?}: {} above {}", lower.get(), value.hi());
                    }
                }
            }
        }
    }

    /// Softmax boxes are the exact ranges: attained where `x_i` is least and
    /// the others greatest.
    #[test]
    fn softmax_boxes_are_attained(ends in prop::collection::vec((-5.0..5.0f64, 0.0..3.0f64), 2..7)) {
        let n = ends.len();
        let graph = Kind::Softmax.graph(&[n], 0);
        let inputs = Boxes::from_shape_fn((1, n), |_, i| Interval::new(ends[i].0, ends[i].0 + ends[i].1).unwrap());
        let boxes = interval_boxes(&graph, vec![inputs.clone()]);
        let image = &boxes[graph.output().index()];
        for i in 0..n {
            let vertex = |own: fn(Interval) -> f64, other: fn(Interval) -> f64| {
                let x: Vec<f64> = (0..n)
                    .map(|j| if j == i { own(inputs.at(0, j)) } else { other(inputs.at(0, j)) })
                    .collect();
                Kind::Softmax.line(&x)[i].lo_f64()
            };
            let (least, most) = (vertex(Interval::lo, Interval::hi), vertex(Interval::hi, Interval::lo));
            let image = image.at(0, i);
            prop_assert!(image.lo() > least - 1e-12 && image.hi() < most + 1e-12, "{image:?} [{least}, {most}]");
        }
    }
}

/// Every axis, and trailing axes, of a tensor of rank 3.
#[test]
fn lines_run_along_the_axis() {
    let dims = [2, 3, 2];
    let x: Vec<f64> = (0..12).map(|i| f64::from(i * i % 7) / 3.0 - 1.0).collect();
    let inputs = Boxes::from_shape_fn((1, 12), |_, i| Interval::point(x[i]));
    for kind in KINDS {
        for axis in 0..3 {
            let graph = kind.graph(&dims, axis);
            let boxes = interval_boxes(&graph, vec![inputs.clone()]);
            let y = &boxes[graph.output().index()];
            let stride: usize = dims[axis + 1..].iter().product();
            let trailing = matches!(kind, Kind::LayerNorm | Kind::RmsNorm);
            for e in 0..12 {
                let (line, at): (Vec<usize>, usize) = if trailing {
                    let n = dims[axis] * stride;
                    ((0..n).map(|i| e / n * n + i).collect(), e % n)
                } else {
                    let i = e / stride % dims[axis];
                    let first = e - i * stride;
                    ((0..dims[axis]).map(|j| first + j * stride).collect(), i)
                };
                let line: Vec<f64> = line.into_iter().map(|k| x[k]).collect();
                let expected = &kind.line(&line)[at];
                let found = y.at(0, e);
                assert!(compatible(found, expected), "{kind:?} {axis} {e}");
                assert!(found.width_up() < 1e-12, "{kind:?} {axis} {e}: {found:?}");
            }
        }
    }
}

/// Where linear bounds see what operands share, the intervals of a softmax of
/// equal logits are beaten.
#[test]
fn differences_cancel_common_terms() {
    let mut b = GraphBuilder::new();
    let x = b.input("x", Shape::new(&[1]));
    // the same element twice, so that the softmax is (1/2, 1/2)
    let twice =
        dahlquist::ops::Gather::new(Shape::new(&[1]), Shape::new(&[2]), vec![Some(0), Some(0)]);
    let xs = b
        .linear("twice", std::sync::Arc::new(twice.unwrap()), x)
        .unwrap();
    let y = softmax(&mut b, "y", xs, 0).unwrap();
    let graph = b.finish(y).unwrap();
    let region = Region::new(vec![0.0], Norm::Linf, Rational::from(3), None).unwrap();
    let row = Row {
        coefficients: vec![Rational::from(1), Rational::new()],
        constant: Rational::new(),
    };
    let property = Property::new(vec![row]).unwrap();
    let lower = |m| {
        *analyze(&graph, &region, &property, m)
            .unwrap()
            .margin()
            .get()
    };
    assert!(lower(Method::Interval) < 0.01);
    assert!(lower(Method::Crown) > 0.5 - 1e-9 && lower(Method::Crown) <= 0.5);
}

#[test]
fn axes_are_checked() {
    for kind in KINDS {
        let mut b = GraphBuilder::new();
        let x = b.input("x", Shape::new(&[2, 3]));
        let error = kind.append(&mut b, x, 2).unwrap_err();
        assert!(matches!(error, Error::Operator { .. }), "{error}");
    }
    // a line of one element
    let graph = Kind::Softmax.graph(&[2, 1], 1);
    let inputs = Boxes::from_shape_fn((1, 2), |_, _| Interval::ENTIRE);
    let boxes = interval_boxes(&graph, vec![inputs]);
    assert_eq!(boxes[graph.output().index()].at(0, 1), Interval::ONE);
}
