//! A network as its author wrote it: primitive operators and ODE blocks.
//! [`Network::lower`] unrolls the blocks into a [`Graph`].

pub mod build;
pub mod file;
pub mod onnx;
#[doc(hidden)]
pub mod random;
pub mod safetensors;

use crate::exact::Rational;
use crate::graph::{self, Graph, GraphBuilder, NodeId, Op, Rewritten};
use crate::ode::{self, Field, Method};
use crate::ops::{Param, Shape};

/// Why a network is not valid.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The graph is inconsistent.
    #[error(transparent)]
    Graph(#[from] graph::Error),
    /// An ODE block is inconsistent.
    #[error("node {node}: {source}")]
    Ode {
        /// the node
        node: String,
        /// why
        source: ode::Error,
    },
}

/// `z(t1)` of `z' = f(t, z)`, `z(t0)` given, by a fixed-step method.
#[derive(Clone, Debug)]
pub struct OdeBlock {
    /// right-hand side
    pub field: Field,
    /// the method
    pub method: Method,
    /// number of steps
    pub steps: usize,
    /// start time
    pub t0: Rational,
    /// end time
    pub t1: Rational,
}

/// What a network node is.
#[derive(Clone, Debug)]
pub enum Layer {
    /// a primitive operator
    Op(Op),
    /// an ODE block (one operand, same shape out)
    Ode(Box<OdeBlock>),
}

/// One node of a network.
#[derive(Clone, Debug)]
pub struct NetworkNode {
    /// name, for messages and files
    pub name: String,
    /// what it computes
    pub layer: Layer,
    /// operands: positions of earlier nodes
    pub inputs: Vec<usize>,
    /// shape, for `Op::Input` and `Op::Constant`; other nodes derive theirs
    pub shape: Option<Shape>,
}

/// A network with one input and one output, nodes in topological order.
#[derive(Clone, Debug)]
pub struct Network {
    /// name, written to files
    pub name: String,
    /// the nodes
    pub nodes: Vec<NetworkNode>,
    /// position of the output node
    pub output: usize,
    /// operators of the file that are here by another formula
    pub rewritten: Vec<Rewritten>,
}

impl Network {
    /// The graph of primitive operators: ODE blocks unrolled, weights shared.
    pub fn lower(&self) -> Result<Graph, Error> {
        let mut builder = GraphBuilder::new();
        let mut ids: Vec<NodeId> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let name = node.name.clone();
            let at = |k: usize| -> Result<NodeId, Error> {
                node.inputs
                    .get(k)
                    .and_then(|&i| ids.get(i))
                    .copied()
                    .ok_or_else(|| {
                        Error::Graph(graph::Error::Order {
                            node: node.name.clone(),
                            operand: k,
                            id: node.inputs.get(k).copied().unwrap_or(usize::MAX),
                        })
                    })
            };
            let shape = || node.shape.clone().unwrap_or_else(|| Shape::new(&[]));
            let id = match &node.layer {
                Layer::Op(Op::Input(_)) => builder.input(name, shape()),
                Layer::Op(Op::Constant(c)) => builder.constant(name, shape(), c.to_vec())?,
                Layer::Op(Op::Linear(map)) => builder.linear(name, map.clone(), at(0)?)?,
                Layer::Op(Op::Pointwise(f)) => builder.pointwise(name, f.clone(), at(0)?)?,
                Layer::Op(Op::Combine(c)) => {
                    let mut terms = Vec::new();
                    for (k, c) in c.iter().enumerate() {
                        terms.push((c.clone(), at(k)?));
                    }
                    builder.combine(name, &terms)?
                }
                Layer::Op(Op::Product(p)) => builder.product(name, p.clone(), at(0)?, at(1)?)?,
                Layer::Ode(block) => ode::unroll(
                    &mut builder,
                    &format!("{name}/"),
                    &block.method,
                    &block.field,
                    block.steps,
                    &block.t0,
                    &block.t1,
                    at(0)?,
                )
                .map_err(|source| Error::Ode { node: name, source })?,
            };
            ids.push(id);
        }
        let output = ids.get(self.output).copied().ok_or(graph::Error::Order {
            node: "output".into(),
            operand: 0,
            id: self.output,
        })?;
        builder.rewritten(&self.rewritten);
        Ok(builder.finish(output)?)
    }

    /// The ODE blocks with the names of their nodes, in order.
    pub fn ode_blocks(&self) -> impl Iterator<Item = (&str, &OdeBlock)> {
        self.nodes.iter().filter_map(|n| match &n.layer {
            Layer::Ode(block) => Some((n.name.as_str(), &**block)),
            Layer::Op(_) => None,
        })
    }

    /// The same network with each tensor `t` replaced by `replace(t)`.
    pub fn map_params(&self, replace: &dyn Fn(&Param) -> Param) -> Result<Network, Error> {
        let mut network = self.clone();
        for node in &mut network.nodes {
            match &mut node.layer {
                Layer::Op(Op::Linear(map)) => {
                    let new: Vec<Param> = map.params().iter().map(replace).collect();
                    *map = map
                        .with_params(&new)
                        .map_err(|source| graph::Error::Operator {
                            node: node.name.clone(),
                            source,
                        })?;
                }
                Layer::Op(_) => {}
                Layer::Ode(block) => match &mut block.field {
                    Field::Shared(g) => *g = g.map_params(replace)?,
                    Field::PerStep(gs) => {
                        for g in gs {
                            *g = g.map_params(replace)?;
                        }
                    }
                },
            }
        }
        Ok(network)
    }
}
