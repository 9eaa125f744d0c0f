//! From a graph to program instructions: evaluation and gradients, interval
//! bounds and their gradients, for a fixed batch.
//!
//! A [`Planner`] owns the program and the parameter buffers; each pass appends
//! its instructions and returns the buffers of its values. Weight tensors that
//! are one `Arc` are one buffer and one gradient. Reshapes cost nothing: they
//! name their operand's buffer.
//!
//! Nothing here rounds outward: what a planned interval pass returns is an
//! estimate that trains a network; `bounds` makes the bound.

mod interval;
mod linear;
mod nominal;

use std::sync::Arc;

use super::Error;
use super::program::{BufferId, Coefficient, Contents, Instruction, Program};
use crate::exact::Rational;
use crate::graph::{Graph, Op};
use crate::ops::{LinearKernel, Param, Pointwise, PointwiseKernel};

pub use interval::Boxes;
pub use nominal::Values;

/// What a backward pass is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// the gradient in the graph's input (an attack)
    Input,
    /// the gradients of the weights (training)
    Params,
}

/// A weight tensor with its buffers.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// the tensor the buffer starts from
    pub tensor: Param,
    /// the values
    pub buffer: BufferId,
    /// the gradient, once a backward pass has produced one
    pub gradient: Option<BufferId>,
}

/// Plans passes over one graph for one batch size.
pub struct Planner<'g> {
    graph: &'g Graph,
    batch: usize,
    program: Program,
    params: Vec<Parameter>,
    /// the node whose buffer a node shares: itself, or behind reshapes
    root: Vec<usize>,
    tables: linear::Tables,
}

impl<'g> Planner<'g> {
    /// A planner for `graph`, which must have exactly one input, with an empty
    /// program that holds the weights.
    pub fn new(graph: &'g Graph, batch: usize) -> Result<Planner<'g>, Error> {
        if graph.inputs().len() != 1 {
            return Err(Error::Unsupported {
                node: "graph".into(),
                what: format!("{} inputs, expected 1", graph.inputs().len()),
            });
        }
        for node in graph.nodes() {
            let what = match &node.op {
                Op::Pointwise(f) if f.kernel().is_none() => f.name(),
                Op::Product(_) => "product",
                _ => continue,
            };
            return Err(Error::Unsupported {
                node: node.name.clone(),
                what: format!("executors have no kernel for {what}"),
            });
        }
        let mut program = Program::new();
        let params = graph
            .params()
            .into_iter()
            .map(|tensor| Parameter {
                buffer: program.buffer(tensor.name(), Contents::F32(tensor.data().to_vec())),
                tensor,
                gradient: None,
            })
            .collect();
        let mut root = Vec::with_capacity(graph.nodes().len());
        for (i, node) in graph.nodes().iter().enumerate() {
            root.push(match &node.op {
                Op::Linear(map) if matches!(map.kernel(), LinearKernel::Reshape) => {
                    root[node.inputs[0].index()]
                }
                _ => i,
            });
        }
        Ok(Planner {
            graph,
            batch,
            program,
            params,
            root,
            tables: linear::Tables::default(),
        })
    }

    /// The batch size.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Elements of one input sample.
    pub fn n_in(&self) -> usize {
        self.graph.input_shape(0).len()
    }

    /// Elements of one output sample (logits).
    pub fn n_out(&self) -> usize {
        self.graph.output_shape().len()
    }

    /// The weight tensors, in the order of [`Graph::params`].
    pub fn params(&self) -> &[Parameter] {
        &self.params
    }

    /// The program, for instructions between the passes.
    pub fn program(&mut self) -> &mut Program {
        &mut self.program
    }

    /// The finished program with its parameters.
    pub fn finish(self) -> (Program, Vec<Parameter>) {
        (self.program, self.params)
    }

    /// A buffer for one value of `node` per sample.
    fn buffer(&mut self, node: usize, what: &str) -> BufferId {
        let n = &self.graph.nodes()[node];
        self.program
            .zeros(format!("{}/{what}", n.name), self.batch * n.shape.len())
    }

    /// The constants of a node, rounded to binary32, once per sample.
    fn constant(&mut self, node: usize, values: &[Rational]) -> BufferId {
        let one: Vec<f32> = values.iter().map(nearest).collect();
        let all = one.repeat(self.batch);
        let name = self.graph.nodes()[node].name.clone();
        self.program.buffer(name, Contents::F32(all))
    }

    fn param_index(&self, p: &Param) -> usize {
        self.params
            .iter()
            .position(|q| Arc::ptr_eq(&q.tensor, p))
            .expect("every tensor of the graph is listed by Graph::params")
    }

    /// The values of a tensor.
    fn param(&self, p: &Param) -> BufferId {
        self.params[self.param_index(p)].buffer
    }

    /// The gradient buffer of a tensor, and whether it holds a sum already.
    fn param_gradient(&mut self, p: &Param) -> (BufferId, bool) {
        let i = self.param_index(p);
        if let Some(g) = self.params[i].gradient {
            return (g, true);
        }
        let name = format!("gradient of {}", p.name());
        let g = self.program.zeros(name, p.data().len());
        self.params[i].gradient = Some(g);
        (g, false)
    }

    /// Which nodes a gradient must reach: those that depend on the input, or
    /// on a weight.
    fn needs_gradient(&self, want: Want) -> Vec<bool> {
        let mut needed: Vec<bool> = Vec::with_capacity(self.root.len());
        for node in self.graph.nodes() {
            let own = match &node.op {
                Op::Input(_) => want == Want::Input,
                Op::Linear(map) => want == Want::Params && !map.params().is_empty(),
                _ => false,
            };
            needed.push(own || node.inputs.iter().any(|i| needed[i.index()]));
        }
        needed
    }

    /// `out (+)= alpha x`
    fn axpy(&mut self, x: BufferId, alpha: f32, out: BufferId, accumulate: bool) {
        self.program.push(Instruction::Axpy {
            x,
            alpha: Coefficient::Fixed(alpha),
            out,
            accumulate,
        });
    }

    /// `out = Σ c x` over the terms (zero without terms).
    fn sum(&mut self, terms: &[(f32, BufferId)], out: BufferId) {
        if terms.is_empty() {
            self.program.push(Instruction::Fill { out, value: 0.0 });
        }
        for (i, (c, x)) in terms.iter().enumerate() {
            self.axpy(*x, *c, out, i > 0);
        }
    }
}

/// Gradients of the nodes of one backward pass, by root node.
struct Gradients(Vec<Option<BufferId>>);

impl Gradients {
    fn new(nodes: usize) -> Gradients {
        Gradients(vec![None; nodes])
    }

    /// The gradient buffer of a root node, and whether it holds a sum already.
    fn slot(&mut self, planner: &mut Planner<'_>, root: usize, what: &str) -> (BufferId, bool) {
        match self.0[root] {
            Some(g) => (g, true),
            None => {
                let g = planner.buffer(root, what);
                self.0[root] = Some(g);
                (g, false)
            }
        }
    }
}

/// The kernel of a pointwise node.
fn kernel(f: &dyn Pointwise) -> PointwiseKernel {
    f.kernel()
        .expect("Planner::new refuses functions without a kernel")
}

/// A coefficient in binary32, for estimates only.
fn nearest(c: &Rational) -> f32 {
    c.to_f64() as f32
}
