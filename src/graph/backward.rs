//! Backward interpretation.

use super::{Graph, NodeId, Op};
use crate::exact::Rational;
use crate::ops::{LinearMap, Pointwise, Product};

/// A backward analysis: gradients, linear relaxation.
///
/// **Law.** A cotangent is purely linear in the node's value: `merge` is
/// addition and every rule is linear in the cotangent. Additive constants
/// (biases, relaxation offsets, rounding terms) go into one accumulator of the
/// interpreter itself; a constant carried in the cotangent would be lost or
/// doubled at a fan-out.
pub trait Backward {
    /// A linear functional of one node's value.
    type Cotangent;
    /// Consumes a functional of constants.
    fn constant(&mut self, node: NodeId, values: &[Rational], y: Self::Cotangent);
    /// From `y = A x + b` to `x`.
    fn linear(
        &mut self,
        node: NodeId,
        input: NodeId,
        map: &dyn LinearMap,
        y: Self::Cotangent,
    ) -> Self::Cotangent;
    /// From `y = φ(x)` to `x`.
    fn pointwise(
        &mut self,
        node: NodeId,
        input: NodeId,
        f: &dyn Pointwise,
        y: Self::Cotangent,
    ) -> Self::Cotangent;
    /// From `y = Σ c_k x_k` to one operand with coefficient `c`.
    fn combine(
        &mut self,
        node: NodeId,
        input: NodeId,
        c: &Rational,
        y: &Self::Cotangent,
    ) -> Self::Cotangent;
    /// From `y = Σ a_i b_j` to the two operands.
    fn product(
        &mut self,
        node: NodeId,
        inputs: [NodeId; 2],
        p: &Product,
        y: Self::Cotangent,
    ) -> [Self::Cotangent; 2];
    /// The sum of two functionals of the same node.
    fn merge(&mut self, node: NodeId, a: Self::Cotangent, b: Self::Cotangent) -> Self::Cotangent;
}

/// Pulls `seed`, a functional of node `start`, back to the graph's inputs; an
/// input that `start` does not depend on gets `None`.
pub fn backward<B: Backward>(
    graph: &Graph,
    b: &mut B,
    start: NodeId,
    seed: B::Cotangent,
) -> Vec<Option<B::Cotangent>> {
    let mut pending: Vec<Option<B::Cotangent>> = (0..=start.0).map(|_| None).collect();
    let mut inputs: Vec<Option<B::Cotangent>> = graph.inputs().iter().map(|_| None).collect();
    pending[start.0] = Some(seed);
    for i in (0..=start.0).rev() {
        let Some(y) = pending[i].take() else { continue };
        let (id, node) = (NodeId(i), &graph.nodes()[i]);
        let mut send = |b: &mut B, to: NodeId, x: B::Cotangent| {
            let slot = &mut pending[to.0];
            *slot = Some(match slot.take() {
                None => x,
                Some(other) => b.merge(to, other, x),
            });
        };
        match &node.op {
            Op::Input(k) => inputs[*k] = Some(y),
            Op::Constant(c) => b.constant(id, c, y),
            Op::Linear(map) => {
                let to = node.inputs[0];
                let x = b.linear(id, to, &**map, y);
                send(b, to, x);
            }
            Op::Pointwise(f) => {
                let to = node.inputs[0];
                let x = b.pointwise(id, to, &**f, y);
                send(b, to, x);
            }
            Op::Combine(c) => {
                for (c, &to) in c.iter().zip(&node.inputs) {
                    let x = b.combine(id, to, c, &y);
                    send(b, to, x);
                }
            }
            Op::Product(p) => {
                let operands = [node.inputs[0], node.inputs[1]];
                let xs = b.product(id, operands, p, y);
                for (to, x) in operands.into_iter().zip(xs) {
                    send(b, to, x);
                }
            }
        }
    }
    inputs
}
