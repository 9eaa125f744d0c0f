//! The graph every analysis interprets: nodes of the operator kinds in
//! topological order, for one sample (no batch axis).
//!
//! [`forward`] and [`backward`] are the only traversals in the crate. An
//! analysis implements [`Forward`] or [`Backward`].

mod backward;
mod builder;
pub mod composite;
mod eval;
mod fold;
mod forward;
mod gradient;
mod hash;

use std::fmt;
use std::sync::Arc;

use crate::exact::Rational;
use crate::ops::{LinearMap, Param, Pointwise, Product, Shape};

pub use backward::{Backward, backward};
pub use builder::GraphBuilder;
pub use eval::eval_f64;
pub use forward::{Forward, forward, forward_until};
pub use gradient::{Evaluate, Pull};

/// Why a graph could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A node's operand has the wrong shape.
    #[error("node {node}: operand {operand} has shape {found}, expected {expected}")]
    Shape {
        /// the node
        node: String,
        /// which operand
        operand: usize,
        /// its shape
        found: Shape,
        /// the shape the operator takes
        expected: Shape,
    },
    /// A node has the wrong number of operands.
    #[error("node {node}: {found} operands, expected {expected}")]
    Arity {
        /// the node
        node: String,
        /// operands given
        found: usize,
        /// operands taken
        expected: usize,
    },
    /// An operand does not exist yet.
    #[error("node {node}: operand {operand} refers to node {id}, which does not precede it")]
    Order {
        /// the node
        node: String,
        /// which operand
        operand: usize,
        /// the reference
        id: usize,
    },
    /// An operator could not be rebuilt.
    #[error("node {node}: {source}")]
    Operator {
        /// the node
        node: String,
        /// why
        source: crate::ops::Error,
    },
}

/// Index of a node in its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(crate) usize);

impl NodeId {
    /// The position in [`Graph::nodes`].
    pub fn index(self) -> usize {
        self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What a node computes.
#[derive(Clone, Debug)]
pub enum Op {
    /// The graph's input of this position.
    Input(usize),
    /// Exact constants, one per element (the time of an ODE step).
    Constant(Arc<[Rational]>),
    /// `A x + b`
    Linear(Arc<dyn LinearMap>),
    /// `φ(x_i)`
    Pointwise(Arc<dyn Pointwise>),
    /// `Σ c_k x_k`, one exact coefficient per operand
    Combine(Vec<Rational>),
    /// bilinear in two operands
    Product(Product),
}

/// One node.
#[derive(Clone, Debug)]
pub struct Node {
    /// name, for messages
    pub name: String,
    /// what it computes
    pub op: Op,
    /// its operands, all earlier in the graph
    pub inputs: Vec<NodeId>,
    /// shape of its value
    pub shape: Shape,
}

/// An operator of a file whose function the graph computes by another formula.
/// Both have the same value in exact arithmetic; executed in floating point they
/// differ, and what is proved of the graph's execution says nothing of the file's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// the file's node
    pub node: String,
    /// its operator
    pub operator: String,
}

/// A validated graph with one output. Built by [`GraphBuilder`].
#[derive(Clone, Debug)]
pub struct Graph {
    nodes: Vec<Node>,
    rewritten: Vec<Rewritten>,
    inputs: Vec<NodeId>,
    output: NodeId,
}

impl Graph {
    /// The nodes in topological order.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node at `id`.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// The ids in topological order.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        (0..self.nodes.len()).map(NodeId)
    }

    /// The input nodes, by position.
    pub fn inputs(&self) -> &[NodeId] {
        &self.inputs
    }

    /// The output node.
    pub fn output(&self) -> NodeId {
        self.output
    }

    /// Operators of the file that other formulas stand for.
    pub fn rewritten(&self) -> &[Rewritten] {
        &self.rewritten
    }

    /// Shape of input `k`.
    pub fn input_shape(&self, k: usize) -> &Shape {
        &self.node(self.inputs[k]).shape
    }

    /// Shape of the output.
    pub fn output_shape(&self) -> &Shape {
        &self.node(self.output).shape
    }

    /// The distinct weight tensors in order of first use; a tensor used by
    /// several nodes appears once.
    pub fn params(&self) -> Vec<Param> {
        let mut seen: Vec<Param> = Vec::new();
        for node in &self.nodes {
            if let Op::Linear(map) = &node.op {
                for p in map.params() {
                    if !seen.iter().any(|q| Arc::ptr_eq(q, &p)) {
                        seen.push(p);
                    }
                }
            }
        }
        seen
    }

    /// The same graph with each tensor `t` replaced by `replace(t)`.
    pub fn map_params(&self, replace: &dyn Fn(&Param) -> Param) -> Result<Graph, Error> {
        let mut graph = self.clone();
        for node in &mut graph.nodes {
            if let Op::Linear(map) = &mut node.op {
                let new: Vec<Param> = map.params().iter().map(replace).collect();
                *map = map.with_params(&new).map_err(|source| Error::Operator {
                    node: node.name.clone(),
                    source,
                })?;
            }
        }
        Ok(graph)
    }

    /// The nodes that `from` depends on (itself included), as a mask.
    pub fn ancestors(&self, from: NodeId) -> Vec<bool> {
        let mut needed = vec![false; self.nodes.len()];
        needed[from.0] = true;
        for id in (0..=from.0).rev() {
            if needed[id] {
                for i in &self.nodes[id].inputs {
                    needed[i.0] = true;
                }
            }
        }
        needed
    }

    /// SHA-256 of the structure and every weight, as lower-case hexadecimal.
    /// Names do not enter.
    pub fn content_hash(&self) -> String {
        hash::content_hash(self)
    }
}
