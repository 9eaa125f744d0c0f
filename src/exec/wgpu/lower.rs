//! Lowering: an instruction as a kernel, its operands and the axis it can be
//! cut along.

use super::kernels;
use super::lowered::{Axis, Grid, Lowered, Operand, Word};
use crate::exec::Error;
use crate::exec::program::{BufferId, Coefficient, Instruction, Norm, Program};
use crate::ops::{Geometry, PointwiseKernel};

/// Collects operands in the order of the bindings.
struct Operands(Vec<Operand>);

impl Operands {
    fn rows(&mut self, buffer: BufferId, per_row: usize) {
        self.0.push(Operand::Rows { buffer, per_row });
    }

    fn whole(&mut self, buffer: BufferId) {
        self.0.push(Operand::Whole(buffer));
    }

    /// Returns whether the operand is there.
    fn whole_if(&mut self, buffer: Option<BufferId>) -> bool {
        self.0.push(buffer.map_or(Operand::Absent, Operand::Whole));
        buffer.is_some()
    }

    /// Returns whether the operand is there.
    fn rows_if(&mut self, buffer: Option<BufferId>, per_row: usize) -> bool {
        let operand = buffer.map(|buffer| Operand::Rows { buffer, per_row });
        self.0.push(operand.unwrap_or(Operand::Absent));
        buffer.is_some()
    }

    /// A coefficient: its binding, and the factor and index for the uniform block.
    fn coefficient(&mut self, coefficient: Coefficient) -> [Word; 2] {
        match coefficient {
            Coefficient::Fixed(value) => {
                self.0.push(Operand::Absent);
                [Word::Real(value), Word::Extent(0)]
            }
            Coefficient::Scalar {
                factor,
                buffer,
                index,
            } => {
                self.0.push(Operand::Element { buffer, index });
                [Word::Real(factor), Word::Index(index)]
            }
        }
    }
}

fn product(extents: &[usize]) -> usize {
    extents.iter().fold(1, |p, &e| p.saturating_mul(e))
}

/// The words of a convolution's uniform block; `rows` is the batch.
fn geometry_words(g: &Geometry) -> Vec<Word> {
    let mut words = vec![Word::Rows];
    words.extend(
        [
            g.channels,
            g.input[0],
            g.input[1],
            g.out_channels,
            g.output[0],
            g.output[1],
            g.kernel[0],
            g.kernel[1],
            g.stride[0],
            g.stride[1],
            g.padding[0],
            g.padding[1],
            g.dilation[0],
            g.dilation[1],
            g.groups,
        ]
        .map(Word::Extent),
    );
    words
}

/// Elements of input, output and weight of a convolution.
fn geometry_lens(g: &Geometry) -> [usize; 3] {
    let per_group = g.channels.checked_div(g.groups).unwrap_or(0);
    [
        product(&[g.channels, g.input[0], g.input[1]]),
        product(&[g.out_channels, g.output[0], g.output[1]]),
        product(&[g.out_channels, per_group, g.kernel[0], g.kernel[1]]),
    ]
}

/// Lowers the instruction at `index` of a validated program. A gemm with both operands stored along k
/// (`transpose_a` without `transpose_b`: a weight gradient) is a sum over the
/// rows of k when `split_k` asks for it, else rows of `out`.
pub(super) fn lower(program: &Program, index: usize, split_k: bool) -> Result<Lowered, Error> {
    let instruction = &program.instructions()[index];
    let mut o = Operands(Vec::new());
    let mut axis = Axis::Mapped;
    let (kernel, flags, rows, words, grid);
    match instruction {
        Instruction::Fill { out, value } => {
            rows = program.len_of(*out);
            o.rows(*out, 1);
            (kernel, flags) = (&kernels::FILL, vec![]);
            words = vec![Word::Rows, Word::Real(*value)];
            grid = Grid::Elements(1);
        }
        Instruction::Axpy {
            x,
            alpha,
            out,
            accumulate,
        } => {
            rows = program.len_of(*out);
            o.rows(*x, 1);
            let [factor, at] = o.coefficient(*alpha);
            o.rows(*out, 1);
            (kernel, flags) = (&kernels::AXPY, vec![*accumulate]);
            words = vec![Word::Rows, factor, at];
            grid = Grid::Elements(1);
        }
        Instruction::Gemm {
            a,
            b,
            out,
            m,
            n,
            k,
            transpose_a,
            transpose_b,
            abs_b,
            bias,
            sign_of,
            accumulate,
        } => {
            let (m, n, k) = (*m, *n, *k);
            let (has_bias, has_sign);
            if split_k && *transpose_a && !*transpose_b {
                (rows, axis) = (k, Axis::Summed);
                o.rows(*a, m);
                o.rows(*b, n);
                has_bias = o.whole_if(*bias);
                has_sign = o.whole_if(*sign_of);
                o.whole(*out);
                words = vec![Word::Extent(m), Word::Extent(n), Word::Rows];
                grid = Grid::Fixed(m.div_ceil(32).saturating_mul(n.div_ceil(32)));
            } else {
                rows = m;
                if *transpose_a {
                    o.whole(*a);
                } else {
                    o.rows(*a, k);
                }
                o.whole(*b);
                has_bias = o.whole_if(*bias);
                has_sign = o.rows_if(*sign_of, n);
                o.rows(*out, n);
                words = vec![Word::Rows, Word::Extent(n), Word::Extent(k)];
                grid = Grid::Tiles(n);
            }
            kernel = &kernels::GEMM;
            flags = vec![
                *transpose_a,
                *transpose_b,
                *abs_b,
                has_bias,
                has_sign,
                *accumulate,
            ];
        }
        Instruction::Conv2d {
            x,
            w,
            bias,
            out,
            batch,
            geometry,
            abs_w,
        } => {
            let [n_in, n_out, _] = geometry_lens(geometry);
            rows = *batch;
            o.rows(*x, n_in);
            o.whole(*w);
            let has_bias = o.whole_if(*bias);
            o.rows(*out, n_out);
            (kernel, flags) = (&kernels::CONV2D, vec![*abs_w, has_bias]);
            words = geometry_words(geometry);
            grid = Grid::Elements(n_out);
        }
        Instruction::Conv2dInputGrad {
            dy,
            w,
            dx,
            batch,
            geometry,
            abs_w,
            accumulate,
        } => {
            let [n_in, n_out, _] = geometry_lens(geometry);
            rows = *batch;
            o.rows(*dy, n_out);
            o.whole(*w);
            o.rows(*dx, n_in);
            (kernel, flags) = (&kernels::CONV2D_INPUT_GRAD, vec![*abs_w, *accumulate]);
            words = geometry_words(geometry);
            grid = Grid::Elements(n_in);
        }
        Instruction::Conv2dWeightGrad {
            x,
            dy,
            dw,
            batch,
            geometry,
            sign_of,
            accumulate,
        } => {
            let [n_in, n_out, n_w] = geometry_lens(geometry);
            (rows, axis) = (*batch, Axis::Summed);
            o.rows(*x, n_in);
            o.rows(*dy, n_out);
            let has_sign = o.whole_if(*sign_of);
            o.whole(*dw);
            (kernel, flags) = (&kernels::CONV2D_WEIGHT_GRAD, vec![has_sign, *accumulate]);
            words = geometry_words(geometry);
            grid = Grid::Fixed(n_w);
        }
        Instruction::ChannelAffine {
            x,
            scale,
            bias,
            out,
            outer,
            channels,
            inner,
            absolute,
            accumulate,
        } => {
            let per_row = channels.saturating_mul(*inner);
            rows = *outer;
            o.rows(*x, per_row);
            o.whole(*scale);
            let has_bias = o.whole_if(*bias);
            o.rows(*out, per_row);
            kernel = &kernels::CHANNEL_AFFINE;
            flags = vec![*absolute, has_bias, *accumulate];
            words = vec![Word::Rows, Word::Extent(*channels), Word::Extent(*inner)];
            grid = Grid::Elements(per_row);
        }
        Instruction::ChannelSum {
            x,
            y,
            out,
            outer,
            channels,
            inner,
            sign_of,
            accumulate,
        } => {
            let per_row = channels.saturating_mul(*inner);
            (rows, axis) = (*outer, Axis::Summed);
            o.rows(*x, per_row);
            let has_y = o.rows_if(*y, per_row);
            let has_sign = o.whole_if(*sign_of);
            o.whole(*out);
            kernel = &kernels::CHANNEL_SUM;
            flags = vec![has_y, has_sign, *accumulate];
            words = vec![Word::Rows, Word::Extent(*channels), Word::Extent(*inner)];
            grid = Grid::Fixed(*channels);
        }
        Instruction::Gather {
            x,
            index,
            out,
            batch,
            n_in,
            n_out,
        } => {
            rows = *batch;
            o.rows(*x, *n_in);
            o.whole(*index);
            o.rows(*out, *n_out);
            (kernel, flags) = (&kernels::GATHER, vec![]);
            words = vec![Word::Rows, Word::Extent(*n_in), Word::Extent(*n_out)];
            grid = Grid::Elements(*n_out);
        }
        Instruction::GatherGrad {
            dy,
            start,
            source,
            dx,
            batch,
            n_in,
            n_out,
            accumulate,
        } => {
            rows = *batch;
            o.rows(*dy, *n_out);
            o.whole(*start);
            o.whole(*source);
            o.rows(*dx, *n_in);
            (kernel, flags) = (&kernels::GATHER_GRAD, vec![*accumulate]);
            words = vec![Word::Rows, Word::Extent(*n_in), Word::Extent(*n_out)];
            grid = Grid::Elements(*n_in);
        }
        Instruction::Pointwise { f, x, out } => {
            rows = program.len_of(*out);
            o.rows(*x, 1);
            o.rows(*out, 1);
            let alpha;
            (kernel, alpha) = match *f {
                PointwiseKernel::Relu => (&kernels::RELU, 0.0),
                PointwiseKernel::LeakyRelu { alpha } => (&kernels::LEAKY_RELU, alpha),
                PointwiseKernel::Tanh => (&kernels::TANH, 0.0),
                PointwiseKernel::Sigmoid => (&kernels::SIGMOID, 0.0),
                PointwiseKernel::Softplus => (&kernels::SOFTPLUS, 0.0),
            };
            flags = vec![];
            words = vec![Word::Rows, Word::Real(alpha)];
            grid = Grid::Elements(1);
        }
        Instruction::PointwiseGrad {
            f,
            x,
            dy,
            dx,
            accumulate,
        } => {
            rows = program.len_of(*dx);
            o.rows(*x, 1);
            o.rows(*dy, 1);
            o.rows(*dx, 1);
            let alpha;
            (kernel, alpha) = match *f {
                PointwiseKernel::Relu => (&kernels::RELU_GRAD, 0.0),
                PointwiseKernel::LeakyRelu { alpha } => (&kernels::LEAKY_RELU_GRAD, alpha),
                PointwiseKernel::Tanh => (&kernels::TANH_GRAD, 0.0),
                PointwiseKernel::Sigmoid => (&kernels::SIGMOID_GRAD, 0.0),
                PointwiseKernel::Softplus => (&kernels::SOFTPLUS_GRAD, 0.0),
            };
            flags = vec![*accumulate];
            words = vec![Word::Rows, Word::Real(alpha)];
            grid = Grid::Elements(1);
        }
        Instruction::InputBox {
            x,
            eps,
            lo,
            hi,
            center,
            radius,
        } => {
            rows = program.len_of(*x);
            o.rows(*x, 1);
            let [factor, at] = o.coefficient(*eps);
            o.rows(*center, 1);
            o.rows(*radius, 1);
            (kernel, flags) = (&kernels::INPUT_BOX, vec![]);
            words = vec![Word::Rows, factor, at, Word::Real(*lo), Word::Real(*hi)];
            grid = Grid::Elements(1);
        }
        Instruction::WorstLogits {
            center,
            radius,
            labels,
            out,
            batch,
            classes,
        } => {
            rows = *batch;
            o.rows(*center, *classes);
            o.rows(*radius, *classes);
            o.rows(*labels, 1);
            o.rows(*out, *classes);
            (kernel, flags) = (&kernels::WORST_LOGITS, vec![]);
            words = vec![Word::Rows, Word::Extent(*classes)];
            grid = Grid::Elements(*classes);
        }
        Instruction::WorstLogitsGrad {
            dout,
            labels,
            dradius,
            batch,
            classes,
            accumulate,
        } => {
            rows = *batch;
            o.rows(*dout, *classes);
            o.rows(*labels, 1);
            o.rows(*dradius, *classes);
            (kernel, flags) = (&kernels::WORST_LOGITS_GRAD, vec![*accumulate]);
            words = vec![Word::Rows, Word::Extent(*classes)];
            grid = Grid::Elements(*classes);
        }
        Instruction::CrossEntropy {
            z,
            labels,
            weight,
            loss,
            dz,
            batch,
            classes,
            accumulate,
        } => {
            rows = *batch;
            o.rows(*z, *classes);
            o.rows(*labels, 1);
            let [factor, at] = o.coefficient(*weight);
            o.rows(*loss, 1);
            o.rows(*dz, *classes);
            (kernel, flags) = (&kernels::CROSS_ENTROPY, vec![*accumulate]);
            words = vec![Word::Rows, Word::Extent(*classes), factor, at];
            grid = Grid::Elements(1);
        }
        Instruction::Margin {
            z,
            labels,
            margin,
            dz,
            batch,
            classes,
        } => {
            if *classes < 2 {
                return Err(Error::Unsupported {
                    node: format!("instruction {index} (margin)"),
                    what: "a margin needs two classes".into(),
                });
            }
            rows = *batch;
            o.rows(*z, *classes);
            o.rows(*labels, 1);
            o.rows(*margin, 1);
            o.rows(*dz, *classes);
            (kernel, flags) = (&kernels::MARGIN, vec![]);
            words = vec![Word::Rows, Word::Extent(*classes)];
            grid = Grid::Elements(1);
        }
        Instruction::RandomStart {
            x0,
            out,
            seed,
            eps,
            norm,
            lo,
            hi,
            batch,
            n,
        } => {
            rows = *batch;
            o.rows(*x0, *n);
            o.whole(*seed);
            let [factor, at] = o.coefficient(*eps);
            o.rows(*out, *n);
            (kernel, flags) = (&kernels::RANDOM_START, vec![*norm == Norm::L2]);
            words = vec![
                Word::Rows,
                Word::First,
                Word::Extent(*n),
                factor,
                at,
                Word::Real(*lo),
                Word::Real(*hi),
            ];
            grid = Grid::PerRow;
        }
        Instruction::AttackStep {
            x,
            x0,
            gradient,
            eps,
            step,
            norm,
            lo,
            hi,
            batch,
            n,
        } => {
            rows = *batch;
            o.rows(*x0, *n);
            o.rows(*gradient, *n);
            let [eps, eps_at] = o.coefficient(*eps);
            let [step, step_at] = o.coefficient(*step);
            o.rows(*x, *n);
            (kernel, flags) = (&kernels::ATTACK_STEP, vec![*norm == Norm::L2]);
            words = vec![
                Word::Rows,
                Word::Extent(*n),
                eps,
                eps_at,
                step,
                step_at,
                Word::Real(*lo),
                Word::Real(*hi),
            ];
            grid = Grid::PerRow;
        }
        Instruction::KeepBest {
            x,
            score,
            best,
            best_score,
            batch,
            n,
        } => {
            rows = *batch;
            o.rows(*x, *n);
            o.rows(*score, 1);
            o.rows(*best, *n);
            o.rows(*best_score, 1);
            (kernel, flags) = (&kernels::KEEP_BEST, vec![]);
            words = vec![Word::Rows, Word::Extent(*n)];
            grid = Grid::PerRow;
        }
        Instruction::Adam {
            param,
            gradient,
            m,
            v,
            lr,
            c1,
            c2,
            beta1,
            beta2,
            eps,
            decay,
        } => {
            rows = program.len_of(*param);
            o.rows(*gradient, 1);
            let [lr, lr_at] = o.coefficient(*lr);
            let [c1, c1_at] = o.coefficient(*c1);
            let [c2, c2_at] = o.coefficient(*c2);
            o.rows(*param, 1);
            o.rows(*m, 1);
            o.rows(*v, 1);
            (kernel, flags) = (&kernels::ADAM, vec![]);
            words = vec![
                Word::Rows,
                lr,
                lr_at,
                c1,
                c1_at,
                c2,
                c2_at,
                Word::Real(*beta1),
                Word::Real(1.0 - beta1),
                Word::Real(*beta2),
                Word::Real(1.0 - beta2),
                Word::Real(*eps),
                Word::Real(*decay),
            ];
            grid = Grid::Elements(1);
        }
        Instruction::Sgd {
            param,
            gradient,
            velocity,
            lr,
            momentum,
            decay,
        } => {
            rows = program.len_of(*param);
            o.rows(*gradient, 1);
            let [lr, lr_at] = o.coefficient(*lr);
            o.rows(*param, 1);
            o.rows(*velocity, 1);
            (kernel, flags) = (&kernels::SGD, vec![]);
            words = vec![
                Word::Rows,
                lr,
                lr_at,
                Word::Real(*momentum),
                Word::Real(*decay),
            ];
            grid = Grid::Elements(1);
        }
    }
    Ok(Lowered {
        kernel,
        flags,
        operands: o.0,
        rows,
        axis,
        words,
        grid,
    })
}
