//! Forward interpretation.

use super::{Graph, NodeId, Op};
use crate::exact::Rational;
use crate::ops::{LinearMap, Pointwise, Product, Shape};

/// A forward analysis: one rule per operator kind. Evaluation, interval and
/// other domains, jvp.
pub trait Forward {
    /// What is known of a node.
    type Value;
    /// Exact constants.
    fn constant(&mut self, node: NodeId, values: &[Rational], shape: &Shape) -> Self::Value;
    /// `A x + b`
    fn linear(&mut self, node: NodeId, map: &dyn LinearMap, x: &Self::Value) -> Self::Value;
    /// `φ(x_i)`
    fn pointwise(&mut self, node: NodeId, f: &dyn Pointwise, x: &Self::Value) -> Self::Value;
    /// `Σ c_k x_k`
    fn combine(
        &mut self,
        node: NodeId,
        coefficients: &[Rational],
        xs: &[&Self::Value],
    ) -> Self::Value;
    /// `Σ a_i b_j`
    fn product(
        &mut self,
        node: NodeId,
        p: &Product,
        a: &Self::Value,
        b: &Self::Value,
    ) -> Self::Value;
}

/// Interprets `graph` from the values of its inputs; the result has one value
/// per node, in node order.
///
/// # Panics
/// If `inputs` has fewer values than the graph has inputs.
pub fn forward<F: Forward>(graph: &Graph, f: &mut F, inputs: Vec<F::Value>) -> Vec<F::Value> {
    forward_until(graph, f, inputs, graph.nodes().len())
}

/// [`forward`] over the first `count` nodes only.
pub fn forward_until<F: Forward>(
    graph: &Graph,
    f: &mut F,
    inputs: Vec<F::Value>,
    count: usize,
) -> Vec<F::Value> {
    assert_eq!(
        inputs.len(),
        graph.inputs().len(),
        "one value per graph input"
    );
    let mut inputs: Vec<Option<F::Value>> = inputs.into_iter().map(Some).collect();
    let mut values: Vec<F::Value> = Vec::with_capacity(graph.nodes().len());
    for (i, node) in graph.nodes().iter().enumerate().take(count) {
        let id = NodeId(i);
        let value = match &node.op {
            Op::Input(k) => inputs[*k].take().expect("each input position occurs once"),
            Op::Constant(c) => f.constant(id, c, &node.shape),
            Op::Linear(map) => f.linear(id, &**map, &values[node.inputs[0].0]),
            Op::Pointwise(phi) => f.pointwise(id, &**phi, &values[node.inputs[0].0]),
            Op::Combine(c) => {
                let xs: Vec<&F::Value> = node.inputs.iter().map(|j| &values[j.0]).collect();
                f.combine(id, c, &xs)
            }
            Op::Product(p) => {
                let (a, b) = (&values[node.inputs[0].0], &values[node.inputs[1].0]);
                f.product(id, p, a, b)
            }
        };
        values.push(value);
    }
    values
}
