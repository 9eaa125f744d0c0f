//! Lowering: an instruction as a kernel, its operands and the axis it can be
//! cut along.

use super::kernels::{self, Kernel};
use crate::exec::Error;
use crate::exec::program::{BufferId, Coefficient, Instruction, Norm, Program};
use crate::ops::{Geometry, PointwiseKernel};

/// What a binding holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operand {
    /// `per_row` elements for each row of the axis that is cut
    Rows {
        /// the buffer
        buffer: BufferId,
        /// elements per row
        per_row: usize,
    },
    /// needed whole by every tile
    Whole(BufferId),
    /// one element, the coefficient's
    Element {
        /// the buffer
        buffer: BufferId,
        /// which element
        index: usize,
    },
    /// nothing: a dummy that holds 1
    Absent,
}

/// A word of the uniform block.
#[derive(Clone, Copy, Debug)]
pub(super) enum Word {
    /// rows in this tile
    Rows,
    /// index of the tile's first row
    First,
    /// an extent
    Extent(usize),
    /// a number
    Real(f32),
    /// position of a coefficient within its binding (see [`Operand::Element`])
    Index(usize),
}

/// How many workgroups a tile of `rows` rows needs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Grid {
    /// one invocation for each of so many elements per row, 64 per workgroup
    Elements(usize),
    /// one workgroup per row
    PerRow,
    /// so many workgroups, whatever the rows
    Fixed(usize),
    /// 16 × 16 tiles of (rows, this many columns)
    Tiles(usize),
}

/// What the rows are to the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    /// each row of the result comes from its row of the operands
    Mapped,
    /// the result is a sum over the rows: tiles after the first accumulate
    Summed,
}

/// A lowered instruction.
#[derive(Debug)]
pub(super) struct Lowered {
    pub(super) kernel: &'static Kernel,
    /// values of the kernel's flags, in its order
    pub(super) flags: Vec<bool>,
    /// of bindings 1, 2, …
    pub(super) operands: Vec<Operand>,
    pub(super) rows: usize,
    pub(super) axis: Axis,
    pub(super) words: Vec<Word>,
    pub(super) grid: Grid,
}

/// Checks lengths and types while operands are collected.
struct Operands<'a> {
    program: &'a Program,
    index: usize,
    instruction: &'static str,
    list: Vec<Operand>,
}

const F32: bool = false;
const U32: bool = true;

impl Operands<'_> {
    fn check(&self, buffer: BufferId, expected: usize, kind: bool) -> Result<(), Error> {
        let held = self
            .program
            .buffers()
            .get(buffer.0)
            .ok_or_else(|| self.unsupported(format!("there is no buffer {}", buffer.0)))?;
        let is_u32 = matches!(held.contents, crate::exec::program::Contents::U32(_));
        if is_u32 != kind {
            return Err(Error::BufferKind {
                buffer: buffer.0,
                name: held.name.clone(),
                expected: if is_u32 { "u32" } else { "f32" },
            });
        }
        if held.contents.len() != expected {
            return Err(Error::Operand {
                index: self.index,
                instruction: self.instruction,
                name: held.name.clone(),
                found: held.contents.len(),
                expected,
            });
        }
        Ok(())
    }

    fn unsupported(&self, what: String) -> Error {
        Error::Unsupported {
            node: format!("instruction {} ({})", self.index, self.instruction),
            what,
        }
    }

    fn rows(&mut self, buffer: BufferId, rows: usize, per_row: usize) -> Result<(), Error> {
        self.check(buffer, rows.saturating_mul(per_row), F32)?;
        self.list.push(Operand::Rows { buffer, per_row });
        Ok(())
    }

    fn labels(&mut self, buffer: BufferId, rows: usize) -> Result<(), Error> {
        self.check(buffer, rows, U32)?;
        self.list.push(Operand::Rows { buffer, per_row: 1 });
        Ok(())
    }

    fn whole(&mut self, buffer: BufferId, len: usize, kind: bool) -> Result<(), Error> {
        self.check(buffer, len, kind)?;
        self.list.push(Operand::Whole(buffer));
        Ok(())
    }

    /// An optional operand; returns whether it is there.
    fn optional(&mut self, operand: Option<(BufferId, Operand, usize)>) -> Result<bool, Error> {
        match operand {
            Some((buffer, operand, len)) => {
                self.check(buffer, len, F32)?;
                self.list.push(operand);
                Ok(true)
            }
            None => {
                self.list.push(Operand::Absent);
                Ok(false)
            }
        }
    }

    /// A coefficient: its binding, and the factor and index for the uniform block.
    fn coefficient(&mut self, coefficient: Coefficient) -> Result<[Word; 2], Error> {
        match coefficient {
            Coefficient::Fixed(value) => {
                self.list.push(Operand::Absent);
                Ok([Word::Real(value), Word::Extent(0)])
            }
            Coefficient::Scalar {
                factor,
                buffer,
                index,
            } => {
                let len = self.len(buffer)?;
                if index >= len {
                    return Err(Error::Operand {
                        index: self.index,
                        instruction: self.instruction,
                        name: self.program.buffers()[buffer.0].name.clone(),
                        found: len,
                        expected: index.saturating_add(1),
                    });
                }
                self.check(buffer, len, F32)?;
                self.list.push(Operand::Element { buffer, index });
                Ok([Word::Real(factor), Word::Index(index)])
            }
        }
    }

    /// Elements of a buffer, if there is such a buffer.
    fn len(&self, buffer: BufferId) -> Result<usize, Error> {
        match self.program.buffers().get(buffer.0) {
            Some(held) => Ok(held.contents.len()),
            None => Err(self.unsupported(format!("there is no buffer {}", buffer.0))),
        }
    }
}

fn whole_if(buffer: Option<BufferId>, len: usize) -> Option<(BufferId, Operand, usize)> {
    buffer.map(|b| (b, Operand::Whole(b), len))
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

/// Lowers the instruction at `index`. A gemm with both operands stored along k
/// (`transpose_a` without `transpose_b`: a weight gradient) is a sum over the
/// rows of k when `split_k` asks for it, else rows of `out`.
pub(super) fn lower(program: &Program, index: usize, split_k: bool) -> Result<Lowered, Error> {
    let instruction = &program.instructions()[index];
    let mut o = Operands {
        program,
        index,
        instruction: instruction.name(),
        list: Vec::new(),
    };
    let mut axis = Axis::Mapped;
    let (kernel, flags, rows, words, grid);
    match instruction {
        Instruction::Fill { out, value } => {
            rows = o.len(*out)?;
            o.rows(*out, rows, 1)?;
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
            rows = o.len(*out)?;
            o.rows(*x, rows, 1)?;
            let [factor, at] = o.coefficient(*alpha)?;
            o.rows(*out, rows, 1)?;
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
            if bias.is_some() && *accumulate {
                return Err(o.unsupported("a bias with accumulate".into()));
            }
            let (has_bias, has_sign);
            if split_k && *transpose_a && !*transpose_b {
                (rows, axis) = (k, Axis::Summed);
                o.rows(*a, k, m)?;
                o.rows(*b, k, n)?;
                has_bias = o.optional(whole_if(*bias, n))?;
                has_sign = o.optional(whole_if(*sign_of, m.saturating_mul(n)))?;
                o.whole(*out, m.saturating_mul(n), F32)?;
                words = vec![Word::Extent(m), Word::Extent(n), Word::Rows];
                grid = Grid::Fixed(m.div_ceil(16).saturating_mul(n.div_ceil(16)));
            } else {
                rows = m;
                if *transpose_a {
                    o.whole(*a, k.saturating_mul(m), F32)?;
                } else {
                    o.rows(*a, m, k)?;
                }
                o.whole(*b, k.saturating_mul(n), F32)?;
                has_bias = o.optional(whole_if(*bias, n))?;
                has_sign = o.optional(sign_of.map(|buffer| {
                    let operand = Operand::Rows { buffer, per_row: n };
                    (buffer, operand, m.saturating_mul(n))
                }))?;
                o.rows(*out, m, n)?;
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
            let [n_in, n_out, n_w] = geometry_lens(geometry);
            rows = *batch;
            o.rows(*x, rows, n_in)?;
            o.whole(*w, n_w, F32)?;
            let has_bias = o.optional(whole_if(*bias, geometry.out_channels))?;
            o.rows(*out, rows, n_out)?;
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
            let [n_in, n_out, n_w] = geometry_lens(geometry);
            rows = *batch;
            o.rows(*dy, rows, n_out)?;
            o.whole(*w, n_w, F32)?;
            o.rows(*dx, rows, n_in)?;
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
            o.rows(*x, rows, n_in)?;
            o.rows(*dy, rows, n_out)?;
            let has_sign = o.optional(whole_if(*sign_of, n_w))?;
            o.whole(*dw, n_w, F32)?;
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
            o.rows(*x, rows, per_row)?;
            o.whole(*scale, *channels, F32)?;
            let has_bias = o.optional(whole_if(*bias, *channels))?;
            o.rows(*out, rows, per_row)?;
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
            o.rows(*x, rows, per_row)?;
            let has_y = o.optional(y.map(|buffer| {
                let operand = Operand::Rows { buffer, per_row };
                (buffer, operand, rows.saturating_mul(per_row))
            }))?;
            let has_sign = o.optional(whole_if(*sign_of, *channels))?;
            o.whole(*out, *channels, F32)?;
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
            o.rows(*x, rows, *n_in)?;
            o.whole(*index, *n_out, U32)?;
            o.rows(*out, rows, *n_out)?;
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
            o.rows(*dy, rows, *n_out)?;
            o.whole(*start, n_in.saturating_add(1), U32)?;
            let sources = o.len(*source)?;
            o.whole(*source, sources, U32)?;
            o.rows(*dx, rows, *n_in)?;
            (kernel, flags) = (&kernels::GATHER_GRAD, vec![*accumulate]);
            words = vec![Word::Rows, Word::Extent(*n_in), Word::Extent(*n_out)];
            grid = Grid::Elements(*n_in);
        }
        Instruction::Pointwise { f, x, out } => {
            rows = o.len(*out)?;
            o.rows(*x, rows, 1)?;
            o.rows(*out, rows, 1)?;
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
            rows = o.len(*dx)?;
            o.rows(*x, rows, 1)?;
            o.rows(*dy, rows, 1)?;
            o.rows(*dx, rows, 1)?;
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
            rows = o.len(*x)?;
            o.rows(*x, rows, 1)?;
            let [factor, at] = o.coefficient(*eps)?;
            o.rows(*center, rows, 1)?;
            o.rows(*radius, rows, 1)?;
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
            o.rows(*center, rows, *classes)?;
            o.rows(*radius, rows, *classes)?;
            o.labels(*labels, rows)?;
            o.rows(*out, rows, *classes)?;
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
            o.rows(*dout, rows, *classes)?;
            o.labels(*labels, rows)?;
            o.rows(*dradius, rows, *classes)?;
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
            if *classes == 0 {
                return Err(o.unsupported("no classes".into()));
            }
            rows = *batch;
            o.rows(*z, rows, *classes)?;
            o.labels(*labels, rows)?;
            let [factor, at] = o.coefficient(*weight)?;
            o.rows(*loss, rows, 1)?;
            o.rows(*dz, rows, *classes)?;
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
                return Err(o.unsupported("a margin needs two classes".into()));
            }
            rows = *batch;
            o.rows(*z, rows, *classes)?;
            o.labels(*labels, rows)?;
            o.rows(*margin, rows, 1)?;
            o.rows(*dz, rows, *classes)?;
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
            o.rows(*x0, rows, *n)?;
            o.whole(*seed, 3, U32)?;
            let [factor, at] = o.coefficient(*eps)?;
            o.rows(*out, rows, *n)?;
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
            o.rows(*x0, rows, *n)?;
            o.rows(*gradient, rows, *n)?;
            let [eps, eps_at] = o.coefficient(*eps)?;
            let [step, step_at] = o.coefficient(*step)?;
            o.rows(*x, rows, *n)?;
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
            o.rows(*x, rows, *n)?;
            o.rows(*score, rows, 1)?;
            o.rows(*best, rows, *n)?;
            o.rows(*best_score, rows, 1)?;
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
            rows = o.len(*param)?;
            o.rows(*gradient, rows, 1)?;
            let [lr, lr_at] = o.coefficient(*lr)?;
            let [c1, c1_at] = o.coefficient(*c1)?;
            let [c2, c2_at] = o.coefficient(*c2)?;
            o.rows(*param, rows, 1)?;
            o.rows(*m, rows, 1)?;
            o.rows(*v, rows, 1)?;
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
            rows = o.len(*param)?;
            o.rows(*gradient, rows, 1)?;
            let [lr, lr_at] = o.coefficient(*lr)?;
            o.rows(*param, rows, 1)?;
            o.rows(*velocity, rows, 1)?;
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
        operands: o.list,
        rows,
        axis,
        words,
        grid,
    })
}
