//! Instructions of the linear kinds: forward, and the adjoints in the input
//! and in the weights, with `A` or `|A|`.

use std::collections::HashMap;

use super::{BufferId, Contents, Instruction, Planner};
use crate::ops::{LinearKernel, LinearMap, Weights};

/// Buffers that belong to nodes rather than to passes.
#[derive(Default)]
pub(super) struct Tables {
    gather: HashMap<usize, BufferId>,
    scatter: HashMap<usize, (BufferId, BufferId)>,
    ones: HashMap<usize, BufferId>,
}

/// The inverse of an index map in compressed rows: the outputs that read each
/// input.
fn inverse(index: &[Option<u32>], n_in: usize) -> (Vec<u32>, Vec<u32>) {
    let mut readers: Vec<Vec<u32>> = vec![Vec::new(); n_in];
    for (o, i) in index.iter().enumerate() {
        if let Some(i) = i {
            readers[*i as usize].push(o as u32);
        }
    }
    let mut start = vec![0u32];
    let mut source = Vec::new();
    for r in readers {
        source.extend(r);
        start.push(source.len() as u32);
    }
    (start, source)
}

impl Planner<'_> {
    fn gather_table(&mut self, node: usize, index: &[Option<u32>]) -> BufferId {
        if let Some(&b) = self.tables.gather.get(&node) {
            return b;
        }
        let flat = index.iter().map(|i| i.unwrap_or(u32::MAX)).collect();
        let b = self.program.buffer("gather index", Contents::U32(flat));
        self.tables.gather.insert(node, b);
        b
    }

    fn scatter_table(
        &mut self,
        node: usize,
        index: &[Option<u32>],
        n_in: usize,
    ) -> (BufferId, BufferId) {
        if let Some(&b) = self.tables.scatter.get(&node) {
            return b;
        }
        let (start, source) = inverse(index, n_in);
        let b = (
            self.program.buffer("gather start", Contents::U32(start)),
            self.program.buffer("gather source", Contents::U32(source)),
        );
        self.tables.scatter.insert(node, b);
        b
    }

    /// The weight of a sum pool, the scale under a bias: ones.
    fn ones(&mut self, node: usize, len: usize) -> BufferId {
        if let Some(&b) = self.tables.ones.get(&node) {
            return b;
        }
        let ones = Contents::F32(vec![1.0; len]);
        let b = self.program.buffer("ones", ones);
        self.tables.ones.insert(node, b);
        b
    }

    /// `y = A x + b`, or `y = |A| x`.
    pub(super) fn linear_forward(
        &mut self,
        node: usize,
        map: &dyn LinearMap,
        weights: Weights,
        x: BufferId,
        y: BufferId,
    ) {
        let absolute = weights == Weights::Absolute;
        let batch = self.batch;
        let instruction = match map.kernel() {
            LinearKernel::Dense { weight, bias } => Instruction::Gemm {
                a: x,
                b: self.param(weight),
                out: y,
                m: batch,
                n: map.output().len(),
                k: map.input().len(),
                transpose_a: false,
                transpose_b: true,
                abs_b: absolute,
                bias: bias.filter(|_| !absolute).map(|b| self.param(b)),
                sign_of: None,
                accumulate: false,
            },
            LinearKernel::Conv2d {
                weight,
                bias,
                geometry,
            } => Instruction::Conv2d {
                x,
                w: self.param(weight),
                bias: bias.filter(|_| !absolute).map(|b| self.param(b)),
                out: y,
                batch,
                geometry: geometry.clone(),
                abs_w: absolute,
            },
            LinearKernel::ConvTranspose {
                weight,
                bias,
                geometry,
            } => {
                let bias = bias.filter(|_| !absolute);
                let dx = bias.map_or(y, |_| self.buffer(node, "before its bias"));
                self.program.push(Instruction::Conv2dInputGrad {
                    dy: x,
                    w: self.param(weight),
                    dx,
                    batch,
                    geometry: geometry.clone(),
                    abs_w: absolute,
                    accumulate: false,
                });
                let Some(bias) = bias else { return };
                Instruction::ChannelAffine {
                    x: dx,
                    scale: self.ones(node, geometry.channels),
                    bias: Some(self.param(bias)),
                    out: y,
                    outer: batch,
                    channels: geometry.channels,
                    inner: geometry.input[0] * geometry.input[1],
                    absolute: false,
                    accumulate: false,
                }
            }
            LinearKernel::SumPool { geometry } => Instruction::Conv2d {
                x,
                w: self.ones(
                    node,
                    geometry.channels * geometry.kernel[0] * geometry.kernel[1],
                ),
                bias: None,
                out: y,
                batch,
                geometry: geometry.clone(),
                abs_w: false,
            },
            LinearKernel::Diagonal { scale, bias, inner } => Instruction::ChannelAffine {
                x,
                scale: self.param(scale),
                bias: (!absolute).then(|| self.param(bias)),
                out: y,
                outer: batch,
                channels: scale.data().len(),
                inner,
                absolute,
                accumulate: false,
            },
            LinearKernel::Gather { index } => Instruction::Gather {
                x,
                index: self.gather_table(node, index),
                out: y,
                batch,
                n_in: map.input().len(),
                n_out: map.output().len(),
            },
            LinearKernel::Reshape => return self.axpy(x, 1.0, y, false),
        };
        self.program.push(instruction);
    }

    /// `dx (+)= dy A`, or `dy |A|`.
    pub(super) fn linear_input_gradient(
        &mut self,
        node: usize,
        map: &dyn LinearMap,
        weights: Weights,
        dy: BufferId,
        dx: BufferId,
        accumulate: bool,
    ) {
        let absolute = weights == Weights::Absolute;
        let batch = self.batch;
        let instruction = match map.kernel() {
            LinearKernel::Dense { weight, .. } => Instruction::Gemm {
                a: dy,
                b: self.param(weight),
                out: dx,
                m: batch,
                n: map.input().len(),
                k: map.output().len(),
                transpose_a: false,
                transpose_b: false,
                abs_b: absolute,
                bias: None,
                sign_of: None,
                accumulate,
            },
            LinearKernel::Conv2d {
                weight, geometry, ..
            } => Instruction::Conv2dInputGrad {
                dy,
                w: self.param(weight),
                dx,
                batch,
                geometry: geometry.clone(),
                abs_w: absolute,
                accumulate,
            },
            LinearKernel::ConvTranspose {
                weight, geometry, ..
            } => {
                let out = if accumulate {
                    let name = "part of a gradient";
                    self.program.zeros(name, batch * map.input().len())
                } else {
                    dx
                };
                self.program.push(Instruction::Conv2d {
                    x: dy,
                    w: self.param(weight),
                    bias: None,
                    out,
                    batch,
                    geometry: geometry.clone(),
                    abs_w: absolute,
                });
                if accumulate {
                    self.axpy(out, 1.0, dx, true);
                }
                return;
            }
            LinearKernel::SumPool { geometry } => Instruction::Conv2dInputGrad {
                dy,
                w: self.ones(
                    node,
                    geometry.channels * geometry.kernel[0] * geometry.kernel[1],
                ),
                dx,
                batch,
                geometry: geometry.clone(),
                abs_w: false,
                accumulate,
            },
            LinearKernel::Diagonal { scale, inner, .. } => Instruction::ChannelAffine {
                x: dy,
                scale: self.param(scale),
                bias: None,
                out: dx,
                outer: batch,
                channels: scale.data().len(),
                inner,
                absolute,
                accumulate,
            },
            LinearKernel::Gather { index } => {
                let (start, source) = self.scatter_table(node, index, map.input().len());
                Instruction::GatherGrad {
                    dy,
                    start,
                    source,
                    dx,
                    batch,
                    n_in: map.input().len(),
                    n_out: map.output().len(),
                    accumulate,
                }
            }
            LinearKernel::Reshape => return self.axpy(dy, 1.0, dx, accumulate),
        };
        self.program.push(instruction);
    }

    /// Adds the gradients of the weights: of `A` and `b` through `y = A x + b`,
    /// or of `A` through `y = |A| x`.
    pub(super) fn linear_param_gradient(
        &mut self,
        map: &dyn LinearMap,
        weights: Weights,
        x: BufferId,
        dy: BufferId,
    ) {
        let absolute = weights == Weights::Absolute;
        let batch = self.batch;
        // The bias with its channels and the elements of each.
        let mut bias_sum = None;
        match map.kernel() {
            LinearKernel::Dense { weight, bias } => {
                let (out, accumulate) = self.param_gradient(weight);
                let sign_of = absolute.then(|| self.param(weight));
                self.program.push(Instruction::Gemm {
                    a: dy,
                    b: x,
                    out,
                    m: map.output().len(),
                    n: map.input().len(),
                    k: batch,
                    transpose_a: true,
                    transpose_b: false,
                    abs_b: false,
                    bias: None,
                    sign_of,
                    accumulate,
                });
                bias_sum = bias.map(|b| (b, 1));
            }
            LinearKernel::Conv2d {
                weight,
                bias,
                geometry,
            } => {
                let (dw, accumulate) = self.param_gradient(weight);
                let sign_of = absolute.then(|| self.param(weight));
                self.program.push(Instruction::Conv2dWeightGrad {
                    x,
                    dy,
                    dw,
                    batch,
                    geometry: geometry.clone(),
                    sign_of,
                    accumulate,
                });
                bias_sum = bias.map(|b| (b, geometry.output[0] * geometry.output[1]));
            }
            LinearKernel::ConvTranspose {
                weight,
                bias,
                geometry,
            } => {
                let (dw, accumulate) = self.param_gradient(weight);
                let sign_of = absolute.then(|| self.param(weight));
                // The convolution runs from this map's output to its input.
                self.program.push(Instruction::Conv2dWeightGrad {
                    x: dy,
                    dy: x,
                    dw,
                    batch,
                    geometry: geometry.clone(),
                    sign_of,
                    accumulate,
                });
                bias_sum = bias.map(|b| (b, geometry.input[0] * geometry.input[1]));
            }
            LinearKernel::Diagonal { scale, bias, inner } => {
                let (out, accumulate) = self.param_gradient(scale);
                let sign_of = absolute.then(|| self.param(scale));
                self.program.push(Instruction::ChannelSum {
                    x,
                    y: Some(dy),
                    out,
                    outer: batch,
                    channels: scale.data().len(),
                    inner,
                    sign_of,
                    accumulate,
                });
                bias_sum = Some((bias, inner));
            }
            LinearKernel::SumPool { .. } | LinearKernel::Gather { .. } | LinearKernel::Reshape => {}
        }
        if let Some((bias, inner)) = bias_sum
            && !absolute
        {
            let (out, accumulate) = self.param_gradient(bias);
            self.program.push(Instruction::ChannelSum {
                x: dy,
                y: None,
                out,
                outer: batch,
                channels: bias.data().len(),
                inner,
                sign_of: None,
                accumulate,
            });
        }
    }
}
