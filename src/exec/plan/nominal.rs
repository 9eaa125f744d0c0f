//! Evaluation and its adjoint.

use super::{BufferId, Gradients, Instruction, Planner, Want, kernel, nearest};
use crate::graph::Op;
use crate::ops::Weights;

/// The values of every node in one evaluation.
#[derive(Clone, Debug)]
pub struct Values(Vec<BufferId>);

impl Values {
    /// The value of the graph's output, (batch, outputs).
    pub fn output(&self) -> BufferId {
        *self.0.last().expect("a graph has an output")
    }
}

impl Planner<'_> {
    /// Appends the evaluation at `x` (batch, inputs).
    pub fn forward(&mut self, x: BufferId) -> Values {
        let graph = self.graph;
        let mut values: Vec<BufferId> = Vec::with_capacity(self.root.len());
        for (i, node) in graph.nodes().iter().enumerate() {
            if self.root[i] != i {
                values.push(values[self.root[i]]);
                continue;
            }
            let value = match &node.op {
                Op::Input(_) => x,
                Op::Constant(c) => self.constant(i, c),
                Op::Linear(map) => {
                    let y = self.buffer(i, "value");
                    let x = values[node.inputs[0].index()];
                    self.linear_forward(i, &**map, Weights::Signed, x, y);
                    y
                }
                Op::Pointwise(f) => {
                    let y = self.buffer(i, "value");
                    self.program.push(Instruction::Pointwise {
                        f: kernel(&**f),
                        x: values[node.inputs[0].index()],
                        out: y,
                    });
                    y
                }
                Op::Product(_) => unreachable!("Planner::new refuses products"),
                Op::Combine(c) => {
                    let y = self.buffer(i, "value");
                    let terms: Vec<_> = c
                        .iter()
                        .zip(&node.inputs)
                        .map(|(c, j)| (nearest(c), values[j.index()]))
                        .collect();
                    self.sum(&terms, y);
                    y
                }
            };
            values.push(value);
        }
        // The output may stand before inputs it does not use.
        values.push(values[graph.output().index()]);
        Values(values)
    }

    /// Appends the adjoint of an evaluation for the cotangent `dy` of the
    /// output. With [`Want::Params`] the weights' gradients are added to those
    /// of earlier passes; with [`Want::Input`] the result is the input's
    /// gradient, or `None` if the output does not depend on the input.
    pub fn backward(&mut self, values: &Values, dy: BufferId, want: Want) -> Option<BufferId> {
        let graph = self.graph;
        let needed = self.needs_gradient(want);
        let mut gradients = Gradients::new(self.root.len());
        gradients.0[self.root[graph.output().index()]] = Some(dy);
        for (i, node) in graph.nodes().iter().enumerate().rev() {
            let Some(dy) = gradients.0[i].filter(|_| needed[i]) else {
                continue;
            };
            match &node.op {
                Op::Input(_) | Op::Constant(_) | Op::Product(_) => {}
                Op::Linear(map) => {
                    let j = self.root[node.inputs[0].index()];
                    if want == Want::Params {
                        self.linear_param_gradient(&**map, Weights::Signed, values.0[j], dy);
                    }
                    if needed[j] {
                        let (dx, sum) = gradients.slot(self, j, "gradient");
                        self.linear_input_gradient(i, &**map, Weights::Signed, dy, dx, sum);
                    }
                }
                Op::Pointwise(f) => {
                    let j = self.root[node.inputs[0].index()];
                    let (dx, accumulate) = gradients.slot(self, j, "gradient");
                    self.program.push(Instruction::PointwiseGrad {
                        f: kernel(&**f),
                        x: values.0[j],
                        dy,
                        dx,
                        accumulate,
                    });
                }
                Op::Combine(c) => {
                    for (c, to) in c.iter().zip(&node.inputs) {
                        let j = self.root[to.index()];
                        if needed[j] {
                            let (dx, accumulate) = gradients.slot(self, j, "gradient");
                            self.axpy(dy, nearest(c), dx, accumulate);
                        }
                    }
                }
            }
        }
        let input = graph.inputs()[0].index();
        gradients.0[input].filter(|_| want == Want::Input)
    }
}
