//! Interval bound propagation as centre and radius, and its adjoint (Gowal et
//! al. 2018): affine `(A c + b, |A| r)`; a non-decreasing function on both
//! ends; `Σ c_k x_k` as `(Σ c_k m_k, Σ |c_k| r_k)`.

use super::{BufferId, Gradients, Instruction, Planner, Want, kernel, nearest};
use crate::graph::Op;
use crate::ops::Weights;

/// The box of one node.
#[derive(Clone, Copy, Debug)]
struct NodeBox {
    center: BufferId,
    /// none where the value does not depend on the input
    radius: Option<BufferId>,
    /// for a pointwise node with a radius: the ends of its *operand*
    ends: Option<(BufferId, BufferId)>,
}

/// The boxes of every node in one interval pass.
#[derive(Clone, Debug)]
pub struct Boxes(Vec<NodeBox>);

impl Boxes {
    fn output(&self) -> &NodeBox {
        self.0.last().expect("a graph has an output")
    }

    /// Centre of the output box, (batch, outputs).
    pub fn center(&self) -> BufferId {
        self.output().center
    }

    /// Radius of the output box, (batch, outputs); none if the output does not
    /// depend on the input.
    pub fn radius(&self) -> Option<BufferId> {
        self.output().radius
    }
}

impl Planner<'_> {
    /// Appends the interval pass over the box of `center` and `radius`
    /// (batch, inputs).
    pub fn interval(&mut self, center: BufferId, radius: BufferId) -> Boxes {
        let graph = self.graph;
        let mut boxes: Vec<NodeBox> = Vec::with_capacity(self.root.len());
        for (i, node) in graph.nodes().iter().enumerate() {
            if self.root[i] != i {
                boxes.push(boxes[self.root[i]]);
                continue;
            }
            let exact = |center| NodeBox {
                center,
                radius: None,
                ends: None,
            };
            let value = match &node.op {
                Op::Input(_) => NodeBox {
                    center,
                    radius: Some(radius),
                    ends: None,
                },
                Op::Constant(c) => exact(self.constant(i, c)),
                Op::Linear(map) => {
                    let x = boxes[node.inputs[0].index()];
                    let center = self.buffer(i, "center");
                    self.linear_forward(i, &**map, Weights::Signed, x.center, center);
                    let radius = x.radius.map(|r| {
                        let out = self.buffer(i, "radius");
                        self.linear_forward(i, &**map, Weights::Absolute, r, out);
                        out
                    });
                    NodeBox {
                        center,
                        radius,
                        ends: None,
                    }
                }
                Op::Pointwise(f) => {
                    let x = boxes[node.inputs[0].index()];
                    let center = self.buffer(i, "center");
                    match x.radius {
                        None => {
                            self.program.push(Instruction::Pointwise {
                                f: kernel(&**f),
                                x: x.center,
                                out: center,
                            });
                            exact(center)
                        }
                        Some(r) => {
                            let ends = (self.buffer(i, "lo"), self.buffer(i, "hi"));
                            let images = (self.buffer(i, "lo image"), self.buffer(i, "hi image"));
                            let radius = self.buffer(i, "radius");
                            self.sum(&[(1.0, x.center), (-1.0, r)], ends.0);
                            self.sum(&[(1.0, x.center), (1.0, r)], ends.1);
                            for (x, out) in [(ends.0, images.0), (ends.1, images.1)] {
                                let f = kernel(&**f);
                                self.program.push(Instruction::Pointwise { f, x, out });
                            }
                            self.sum(&[(0.5, images.1), (0.5, images.0)], center);
                            self.sum(&[(0.5, images.1), (-0.5, images.0)], radius);
                            NodeBox {
                                center,
                                radius: Some(radius),
                                ends: Some(ends),
                            }
                        }
                    }
                }
                Op::Product(_) => unreachable!("Planner::new refuses products"),
                Op::Combine(c) => {
                    let center = self.buffer(i, "center");
                    let operands: Vec<_> = c
                        .iter()
                        .zip(&node.inputs)
                        .map(|(c, j)| (nearest(c), boxes[j.index()]))
                        .collect();
                    let centers: Vec<_> = operands.iter().map(|(c, x)| (*c, x.center)).collect();
                    let radii: Vec<_> = operands
                        .iter()
                        .filter_map(|(c, x)| x.radius.map(|r| (c.abs(), r)))
                        .collect();
                    self.sum(&centers, center);
                    let radius = (!radii.is_empty()).then(|| {
                        let out = self.buffer(i, "radius");
                        self.sum(&radii, out);
                        out
                    });
                    NodeBox {
                        center,
                        radius,
                        ends: None,
                    }
                }
            };
            boxes.push(value);
        }
        boxes.push(boxes[graph.output().index()]);
        Boxes(boxes)
    }

    /// Appends the adjoint of an interval pass in the weights, for cotangents
    /// of the output's centre and radius. Weight gradients are added to those
    /// of earlier passes.
    pub fn interval_backward(&mut self, boxes: &Boxes, dcenter: BufferId, dradius: BufferId) {
        let graph = self.graph;
        let needed = self.needs_gradient(Want::Params);
        let mut dc = Gradients::new(self.root.len());
        let mut dr = Gradients::new(self.root.len());
        let output = self.root[graph.output().index()];
        dc.0[output] = Some(dcenter);
        dr.0[output] = boxes.radius().map(|_| dradius);
        for (i, node) in graph.nodes().iter().enumerate().rev() {
            let (gc, gr) = (dc.0[i], dr.0[i]);
            if !needed[i] || (gc.is_none() && gr.is_none()) {
                continue;
            }
            match &node.op {
                Op::Input(_) | Op::Constant(_) | Op::Product(_) => {}
                Op::Linear(map) => {
                    let j = self.root[node.inputs[0].index()];
                    let x = boxes.0[j];
                    let parts = [
                        (
                            gc,
                            Some(x.center),
                            Weights::Signed,
                            &mut dc,
                            "center gradient",
                        ),
                        (gr, x.radius, Weights::Absolute, &mut dr, "radius gradient"),
                    ];
                    for (g, x, weights, gradients, what) in parts {
                        let (Some(g), Some(x)) = (g, x) else { continue };
                        self.linear_param_gradient(&**map, weights, x, g);
                        if needed[j] {
                            let (dx, sum) = gradients.slot(self, j, what);
                            self.linear_input_gradient(i, &**map, weights, g, dx, sum);
                        }
                    }
                }
                Op::Pointwise(f) => {
                    let j = self.root[node.inputs[0].index()];
                    let f = kernel(&**f);
                    match boxes.0[i].ends {
                        None => {
                            let Some(dy) = gc else { continue };
                            let (dx, accumulate) = dc.slot(self, j, "center gradient");
                            self.program.push(Instruction::PointwiseGrad {
                                f,
                                x: boxes.0[j].center,
                                dy,
                                dx,
                                accumulate,
                            });
                        }
                        Some((lo, hi)) => {
                            let slopes = self.end_gradients(i, f, (lo, hi), (gc, gr));
                            let (dlo, dhi) = slopes;
                            let (c, sum) = dc.slot(self, j, "center gradient");
                            self.axpy(dhi, 1.0, c, sum);
                            self.axpy(dlo, 1.0, c, true);
                            let (r, sum) = dr.slot(self, j, "radius gradient");
                            self.axpy(dhi, 1.0, r, sum);
                            self.axpy(dlo, -1.0, r, true);
                        }
                    }
                }
                Op::Combine(c) => {
                    for (c, to) in c.iter().zip(&node.inputs) {
                        let j = self.root[to.index()];
                        if !needed[j] {
                            continue;
                        }
                        let c = nearest(c);
                        if let Some(g) = gc {
                            let (dx, sum) = dc.slot(self, j, "center gradient");
                            self.axpy(g, c, dx, sum);
                        }
                        if let (Some(g), Some(_)) = (gr, boxes.0[j].radius) {
                            let (dx, sum) = dr.slot(self, j, "radius gradient");
                            self.axpy(g, c.abs(), dx, sum);
                        }
                    }
                }
            }
        }
    }

    /// The cotangents of the two ends of a pointwise node's operand.
    fn end_gradients(
        &mut self,
        node: usize,
        f: crate::ops::PointwiseKernel,
        ends: (BufferId, BufferId),
        (gc, gr): (Option<BufferId>, Option<BufferId>),
    ) -> (BufferId, BufferId) {
        // centre = (φ(hi) + φ(lo)) / 2, radius = (φ(hi) - φ(lo)) / 2
        let mut end = |x: BufferId, sign: f32, what: &str| {
            let image = self.buffer(node, &format!("{what} image gradient"));
            let terms: Vec<_> = [gc.map(|g| (0.5, g)), gr.map(|g| (0.5 * sign, g))]
                .into_iter()
                .flatten()
                .collect();
            self.sum(&terms, image);
            let dx = self.buffer(node, &format!("{what} gradient"));
            self.program.push(Instruction::PointwiseGrad {
                f,
                x,
                dy: image,
                dx,
                accumulate: false,
            });
            dx
        };
        (end(ends.0, -1.0, "lo"), end(ends.1, 1.0, "hi"))
    }
}
