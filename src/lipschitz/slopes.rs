//! Slope enclosures of the pointwise nodes of a graph.
//!
//! For `x, y` in an interval `X` with `φ'(X) ⊆ D` (every sub-derivative at a kink),
//! `φ(x) - φ(y) = d (x - y)` with `d ∈ D`. On a convex set a graph's difference
//! is therefore a product of its matrices and diagonal matrices from the
//! enclosures, differentiable or not.

use crate::bounds::interval_boxes;
use crate::graph::{Graph, NodeId, Op};
use crate::rounding::{Boxes, Interval};

/// One enclosure per pointwise node (one for all elements, or one per element).
#[derive(Clone, Debug)]
pub(super) struct Slopes(Vec<Vec<Interval>>);

impl Slopes {
    /// Valid for every pair of points.
    pub(super) fn everywhere(graph: &Graph) -> Slopes {
        Slopes(
            graph
                .nodes()
                .iter()
                .map(|node| match &node.op {
                    Op::Pointwise(f) => vec![f.slopes(Interval::ENTIRE)],
                    _ => Vec::new(),
                })
                .collect(),
        )
    }

    /// Valid for pairs of points of the box; returns the box of the output too.
    pub(super) fn over(graph: &Graph, inputs: Vec<Boxes>) -> (Slopes, Boxes) {
        let boxes = interval_boxes(graph, inputs);
        let slopes = graph
            .nodes()
            .iter()
            .map(|node| match &node.op {
                Op::Pointwise(f) => {
                    let x = &boxes[node.inputs[0].index()];
                    (0..x.dim().1).map(|i| f.slopes(x.at(0, i))).collect()
                }
                _ => Vec::new(),
            })
            .collect();
        (Slopes(slopes), boxes[graph.output().index()].clone())
    }

    /// The enclosure of element `i` of a pointwise node.
    pub(super) fn at(&self, node: NodeId, i: usize) -> Interval {
        let all = &self.0[node.index()];
        all[i.min(all.len() - 1)]
    }

    /// The largest magnitude over the elements of a pointwise node.
    pub(super) fn sup(&self, node: NodeId) -> f64 {
        self.0[node.index()].iter().fold(0.0, |a, s| a.max(s.mag()))
    }
}
