//! The interval domain: one box per node, batched over samples.
//!
//! Machine-checked for affine and ReLU layers: `propagates_sound` in
//! `proofs/Interval.v`.

use crate::exact::Rational;
use crate::graph::{Forward, Graph, NodeId, forward};
use crate::ops::{LinearMap, Pointwise, Product, Shape, Weights};
use crate::rounding::{Boxes, Interval};

/// Forward interpreter over [`Boxes`] of `batch` samples.
#[derive(Clone, Copy, Debug)]
pub struct IntervalDomain {
    batch: usize,
}

impl IntervalDomain {
    /// For boxes of `batch` samples.
    pub fn new(batch: usize) -> IntervalDomain {
        IntervalDomain { batch }
    }
}

impl Forward for IntervalDomain {
    type Value = Boxes;

    fn constant(&mut self, _: NodeId, values: &[Rational], _: &Shape) -> Boxes {
        let row: Vec<Interval> = values.iter().map(Interval::from_rational).collect();
        Boxes::from_shape_fn((self.batch, row.len()), |_, i| row[i])
    }

    fn linear(&mut self, _: NodeId, map: &dyn LinearMap, x: &Boxes) -> Boxes {
        if is_index_map(map) {
            return x.select(|v| map.apply(v, Weights::Signed));
        }
        x.affine(
            |v| map.apply(v, Weights::Signed),
            |v| map.apply(v, Weights::Absolute),
            |o| f64::from(map.bias(o)),
            map.chain(),
            map.uncertainty(),
        )
    }

    fn pointwise(&mut self, _: NodeId, f: &dyn Pointwise, x: &Boxes) -> Boxes {
        x.map(|t| f.enclose(t))
    }

    fn combine(&mut self, _: NodeId, c: &[Rational], xs: &[&Boxes]) -> Boxes {
        Boxes::combine(c, xs)
    }

    fn product(&mut self, _: NodeId, p: &Product, a: &Boxes, b: &Boxes) -> Boxes {
        Boxes::from_shape_fn((self.batch, p.output().len()), |s, o| {
            let mut sum = Interval::ZERO;
            p.terms(o, |i, j| sum = sum + a.at(s, i) * b.at(s, j));
            sum
        })
    }
}

/// Every output is one input element or zero, and nothing is added.
pub(super) fn is_index_map(map: &dyn LinearMap) -> bool {
    map.unit_coefficients()
        && map.chain() <= 1
        && map.uncertainty() == 0.0
        && (0..map.output().len()).all(|o| map.bias(o) == 0.0)
}

/// Boxes of every node, in node order, from the boxes of the graph's inputs
/// (all of the same batch).
///
/// **Semantics and evidence.** `discrete`, proved: for every point of a
/// sample's input box, each node's exact value lies in the sample's box.
///
/// # Panics
/// If there are fewer boxes than inputs, or a shape does not match.
pub fn interval_boxes(graph: &Graph, inputs: Vec<Boxes>) -> Vec<Boxes> {
    let batch = inputs.first().map_or(1, |b| b.dim().0);
    forward(graph, &mut IntervalDomain::new(batch), inputs)
}
