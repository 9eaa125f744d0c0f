//! Builds a graph node by node, checking shapes as it goes.

use std::sync::Arc;

use super::{Error, Graph, Node, NodeId, Op, Rewritten};
use crate::exact::Rational;
use crate::ops::{LinearMap, Pointwise, Product, Shape};

/// Builds a [`Graph`]; every method checks its operands.
#[derive(Debug, Default)]
pub struct GraphBuilder {
    nodes: Vec<Node>,
    inputs: Vec<NodeId>,
    rewritten: Vec<Rewritten>,
}

impl GraphBuilder {
    /// An empty graph.
    pub fn new() -> GraphBuilder {
        GraphBuilder::default()
    }

    /// States which operators of a file the nodes compute by another formula.
    pub fn rewritten(&mut self, operators: &[Rewritten]) {
        self.rewritten.extend_from_slice(operators);
    }

    fn add(&mut self, name: String, op: Op, inputs: Vec<NodeId>, shape: Shape) -> NodeId {
        self.nodes.push(Node {
            name,
            op,
            inputs,
            shape,
        });
        NodeId(self.nodes.len() - 1)
    }

    pub(super) fn operand(&self, node: &str, operand: usize, id: NodeId) -> Result<&Shape, Error> {
        match self.nodes.get(id.0) {
            Some(n) => Ok(&n.shape),
            None => Err(Error::Order {
                node: node.into(),
                operand,
                id: id.0,
            }),
        }
    }

    /// Shape of an existing node.
    pub fn shape(&self, id: NodeId) -> &Shape {
        &self.nodes[id.0].shape
    }

    /// Appends an input.
    pub fn input(&mut self, name: impl Into<String>, shape: Shape) -> NodeId {
        let id = self.add(name.into(), Op::Input(self.inputs.len()), vec![], shape);
        self.inputs.push(id);
        id
    }

    /// Appends exact constants.
    pub fn constant(
        &mut self,
        name: impl Into<String>,
        shape: Shape,
        values: Vec<Rational>,
    ) -> Result<NodeId, Error> {
        let name = name.into();
        if values.len() != shape.len() {
            return Err(Error::Arity {
                node: name,
                found: values.len(),
                expected: shape.len(),
            });
        }
        Ok(self.add(name, Op::Constant(values.into()), vec![], shape))
    }

    /// Appends `A x + b`.
    pub fn linear(
        &mut self,
        name: impl Into<String>,
        map: Arc<dyn LinearMap>,
        x: NodeId,
    ) -> Result<NodeId, Error> {
        let name = name.into();
        let found = self.operand(&name, 0, x)?;
        if found != map.input() {
            return Err(Error::Shape {
                node: name,
                operand: 0,
                found: found.clone(),
                expected: map.input().clone(),
            });
        }
        let shape = map.output().clone();
        Ok(self.add(name, Op::Linear(map), vec![x], shape))
    }

    /// Appends `φ(x)`, elementwise.
    pub fn pointwise(
        &mut self,
        name: impl Into<String>,
        f: Arc<dyn Pointwise>,
        x: NodeId,
    ) -> Result<NodeId, Error> {
        let name = name.into();
        let shape = self.operand(&name, 0, x)?.clone();
        Ok(self.add(name, Op::Pointwise(f), vec![x], shape))
    }

    /// Appends `Σ c_k x_k`. Terms with coefficient zero are dropped and equal
    /// operands merged; a single term with coefficient one is the operand itself.
    pub fn combine(
        &mut self,
        name: impl Into<String>,
        terms: &[(Rational, NodeId)],
    ) -> Result<NodeId, Error> {
        let name = name.into();
        let mut merged: Vec<(Rational, NodeId)> = Vec::new();
        let mut expected: Option<Shape> = None;
        for (operand, (c, id)) in terms.iter().enumerate() {
            let found = self.operand(&name, operand, *id)?.clone();
            let expected = expected.get_or_insert_with(|| found.clone());
            if found != *expected {
                return Err(Error::Shape {
                    node: name,
                    operand,
                    found,
                    expected: expected.clone(),
                });
            }
            match merged.iter_mut().find(|(_, other)| other == id) {
                Some((sum, _)) => *sum += c,
                None => merged.push((c.clone(), *id)),
            }
        }
        let Some(shape) = expected else {
            return Err(Error::Arity {
                node: name,
                found: 0,
                expected: 1,
            });
        };
        if merged.iter().any(|(c, _)| *c != 0) {
            merged.retain(|(c, _)| *c != 0);
        } else {
            merged.truncate(1);
        }
        if let [(c, id)] = &merged[..]
            && *c == 1
        {
            return Ok(*id);
        }
        let (coefficients, inputs) = merged.into_iter().unzip();
        Ok(self.add(name, Op::Combine(coefficients), inputs, shape))
    }

    /// Appends `Σ a_i b_j`.
    pub fn product(
        &mut self,
        name: impl Into<String>,
        p: Product,
        a: NodeId,
        b: NodeId,
    ) -> Result<NodeId, Error> {
        let name = name.into();
        for (operand, (id, expected)) in [a, b].into_iter().zip(p.operands()).enumerate() {
            let found = self.operand(&name, operand, id)?;
            if found != expected {
                return Err(Error::Shape {
                    node: name,
                    operand,
                    found: found.clone(),
                    expected: expected.clone(),
                });
            }
        }
        let shape = p.output().clone();
        Ok(self.add(name, Op::Product(p), vec![a, b], shape))
    }

    /// Copies `graph` into this one with `inputs` in place of its inputs;
    /// node names get the prefix. Returns the copy of its output. Weights stay shared.
    pub fn inline(
        &mut self,
        prefix: &str,
        graph: &Graph,
        inputs: &[NodeId],
    ) -> Result<NodeId, Error> {
        if inputs.len() != graph.inputs().len() {
            return Err(Error::Arity {
                node: prefix.into(),
                found: inputs.len(),
                expected: graph.inputs().len(),
            });
        }
        let mut new: Vec<NodeId> = Vec::with_capacity(graph.nodes().len());
        for node in graph.nodes() {
            let name = format!("{prefix}{}", node.name);
            let at = |k: usize| new[node.inputs[k].index()];
            let id = match &node.op {
                Op::Input(k) => {
                    let found = self.operand(&name, *k, inputs[*k])?;
                    if *found != node.shape {
                        return Err(Error::Shape {
                            node: name,
                            operand: *k,
                            found: found.clone(),
                            expected: node.shape.clone(),
                        });
                    }
                    inputs[*k]
                }
                Op::Constant(values) => self.constant(name, node.shape.clone(), values.to_vec())?,
                Op::Linear(map) => self.linear(name, map.clone(), at(0))?,
                Op::Pointwise(f) => self.pointwise(name, f.clone(), at(0))?,
                Op::Combine(c) => {
                    let terms: Vec<_> = c.iter().cloned().zip((0..c.len()).map(at)).collect();
                    self.combine(name, &terms)?
                }
                Op::Product(p) => self.product(name, p.clone(), at(0), at(1))?,
            };
            new.push(id);
        }
        Ok(new[graph.output().index()])
    }

    /// The graph with `output`; nodes it does not depend on are dropped
    /// (inputs are kept).
    pub fn finish(self, output: NodeId) -> Result<Graph, Error> {
        self.operand("output", 0, output)?;
        let whole = Graph {
            nodes: self.nodes,
            rewritten: self.rewritten,
            inputs: self.inputs,
            output,
        };
        let mut keep = whole.ancestors(output);
        for i in &whole.inputs {
            keep[i.0] = true;
        }
        let mut new = vec![NodeId(usize::MAX); keep.len()];
        let mut nodes = Vec::new();
        for (i, node) in whole
            .nodes
            .into_iter()
            .enumerate()
            .filter(|(i, _)| keep[*i])
        {
            new[i] = NodeId(nodes.len());
            nodes.push(Node {
                inputs: node.inputs.iter().map(|j| new[j.0]).collect(),
                ..node
            });
        }
        Ok(Graph {
            nodes,
            rewritten: whole.rewritten,
            inputs: whole.inputs.iter().map(|i| new[i.0]).collect(),
            output: new[output.0],
        })
    }
}
