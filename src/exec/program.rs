//! Programs: straight-line lists of instructions on flat buffers.
//!
//! Every tensor is batch-major: `x[s, i]` of `n` elements per sample lies at
//! `s n + i`. Each instruction is defined by the formula in its comment, up to
//! the order of summation; `shaders/` holds one kernel and `cpu` one function
//! per instruction. Where `accumulate` is true the result is added to `out`,
//! else it replaces it.

use crate::ops::{Geometry, PointwiseKernel};

/// Index of a buffer in its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BufferId(pub(crate) usize);

/// What a buffer holds when the program is loaded.
#[derive(Clone, Debug)]
pub enum Contents {
    /// zeros, f32
    Zeros(usize),
    /// these values
    F32(Vec<f32>),
    /// these values
    U32(Vec<u32>),
}

impl Contents {
    /// Number of elements.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        match self {
            Contents::Zeros(n) => *n,
            Contents::F32(v) => v.len(),
            Contents::U32(v) => v.len(),
        }
    }
}

/// A buffer: a name for messages and its initial contents.
#[derive(Clone, Debug)]
pub struct Buffer {
    /// for messages
    pub name: String,
    /// initial contents; fixes length and element type
    pub contents: Contents,
}

/// A coefficient: fixed, or `factor · buffer[index]` read at run time
/// (learning rate, ε, mixing weights).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Coefficient {
    /// fixed at planning
    Fixed(f32),
    /// read when the program runs
    Scalar {
        /// multiplies the value read
        factor: f32,
        /// an f32 buffer
        buffer: BufferId,
        /// which element
        index: usize,
    },
}

/// The norm of a perturbation ball.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Norm {
    /// maximum norm
    Linf,
    /// Euclidean norm
    L2,
}

/// One instruction. `sgn(0) = 0` throughout.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // the fields are the variables of the formulas
pub enum Instruction {
    /// `out[i] = value`
    Fill { out: BufferId, value: f32 },
    /// `out[i] (+)= alpha x[i]`
    Axpy {
        x: BufferId,
        alpha: Coefficient,
        out: BufferId,
        accumulate: bool,
    },
    /// `out[i,j] (+)= s[i,j] Σ_l A[i,l] B[l,j] + bias[j]`, out (m, n), where `A`
    /// is `a` (m, k) or, with `transpose_a`, the transpose of `a` (k, m); `B`
    /// likewise (k, n) or stored (n, k); `abs_b` uses `|B|`; `s = sgn(sign_of)`
    /// (shape of out), or 1. A bias comes only without `accumulate`.
    Gemm {
        a: BufferId,
        b: BufferId,
        out: BufferId,
        m: usize,
        n: usize,
        k: usize,
        transpose_a: bool,
        transpose_b: bool,
        abs_b: bool,
        bias: Option<BufferId>,
        sign_of: Option<BufferId>,
        accumulate: bool,
    },
    /// `out[s, o] = Σ w[..] x[s, ..] + bias[channel]` over the window of `o`
    /// ([`Geometry::window`]); `abs_w` uses `|w|`.
    Conv2d {
        x: BufferId,
        w: BufferId,
        bias: Option<BufferId>,
        out: BufferId,
        batch: usize,
        geometry: Geometry,
        abs_w: bool,
    },
    /// The adjoint in `x`: `dx[s, i] (+)= Σ over windows holding i of w dy[s, o]`.
    Conv2dInputGrad {
        dy: BufferId,
        w: BufferId,
        dx: BufferId,
        batch: usize,
        geometry: Geometry,
        abs_w: bool,
        accumulate: bool,
    },
    /// The adjoint in `w`: `dw[k] (+)= sgn(sign_of[k]) Σ_s Σ_o x[s, ..] dy[s, o]`.
    Conv2dWeightGrad {
        x: BufferId,
        dy: BufferId,
        dw: BufferId,
        batch: usize,
        geometry: Geometry,
        sign_of: Option<BufferId>,
        accumulate: bool,
    },
    /// `out[o, c, i] (+)= scale[c] x[o, c, i] + bias[c]`; `absolute` uses `|scale|`.
    ChannelAffine {
        x: BufferId,
        scale: BufferId,
        bias: Option<BufferId>,
        out: BufferId,
        outer: usize,
        channels: usize,
        inner: usize,
        absolute: bool,
        accumulate: bool,
    },
    /// `out[c] (+)= sgn(sign_of[c]) Σ_{o,i} x[o, c, i] y[o, c, i]`, or without
    /// `y` the sum of `x`: gradients of biases and channel scales.
    ChannelSum {
        x: BufferId,
        y: Option<BufferId>,
        out: BufferId,
        outer: usize,
        channels: usize,
        inner: usize,
        sign_of: Option<BufferId>,
        accumulate: bool,
    },
    /// `out[s, o] = x[s, index[o]]`, 0 where `index[o] = 2^32 - 1`.
    Gather {
        x: BufferId,
        index: BufferId,
        out: BufferId,
        batch: usize,
        n_in: usize,
        n_out: usize,
    },
    /// The adjoint of `Gather`: `dx[s, i] (+)= Σ_{e = start[i]}^{start[i+1]-1}
    /// dy[s, source[e]]` (u32 buffers `start` of n_in + 1 and `source`).
    GatherGrad {
        dy: BufferId,
        start: BufferId,
        source: BufferId,
        dx: BufferId,
        batch: usize,
        n_in: usize,
        n_out: usize,
        accumulate: bool,
    },
    /// `out[i] = φ(x[i])`
    Pointwise {
        f: PointwiseKernel,
        x: BufferId,
        out: BufferId,
    },
    /// `dx[i] (+)= φ'(x[i]) dy[i]` (at a relu kink the slope is that of the left side)
    PointwiseGrad {
        f: PointwiseKernel,
        x: BufferId,
        dy: BufferId,
        dx: BufferId,
        accumulate: bool,
    },
    /// The ℓ∞ ball cut with `[lo, hi]`, as centre and radius:
    /// `l = max(x - eps, lo)`, `h = min(x + eps, hi)`, `center = (l + h)/2`, `radius = (h - l)/2`.
    InputBox {
        x: BufferId,
        eps: Coefficient,
        lo: f32,
        hi: f32,
        center: BufferId,
        radius: BufferId,
    },
    /// Worst-case logits: `out[s, j] = center - radius` at `j = label[s]`, `center + radius` elsewhere.
    WorstLogits {
        center: BufferId,
        radius: BufferId,
        labels: BufferId,
        out: BufferId,
        batch: usize,
        classes: usize,
    },
    /// Adjoint of `WorstLogits` in `radius`: `dradius[s, j] (+)= ∓ dout[s, j]` (− at the label).
    WorstLogitsGrad {
        dout: BufferId,
        labels: BufferId,
        dradius: BufferId,
        batch: usize,
        classes: usize,
        accumulate: bool,
    },
    /// Per sample `loss[s] (+)= weight · CE(z[s], label[s])` and
    /// `dz[s, j] (+)= weight · (softmax(z[s])_j - [j = label])` (computed with the
    /// maximum subtracted).
    CrossEntropy {
        z: BufferId,
        labels: BufferId,
        weight: Coefficient,
        loss: BufferId,
        dz: BufferId,
        batch: usize,
        classes: usize,
        accumulate: bool,
    },
    /// `margin[s] = z_y - max_{j≠y} z_j` (first maximiser `j*`) and
    /// `dz = -e_y + e_{j*}`: the ascent direction of an attack.
    Margin {
        z: BufferId,
        labels: BufferId,
        margin: BufferId,
        dz: BufferId,
        batch: usize,
        classes: usize,
    },
    /// Uniform start in the ball: `Linf`: `x0 + eps (2u - 1)`; `L2`: a direction
    /// `v` of uniform coordinates `2u - 1` scaled to length `eps · u_n` (no
    /// displacement where `v = 0`); then clamped to `[lo, hi]`. `u` for (seed,
    /// sample, restart, element) comes from the integer hash of `exec::random`;
    /// coordinate `i` is element `i`, the length `u_n` element `n`. `seed[0]` is the seed, `seed[1]` the
    /// restart, `seed[2]` the index of the batch's first sample.
    RandomStart {
        x0: BufferId,
        out: BufferId,
        seed: BufferId,
        eps: Coefficient,
        norm: Norm,
        lo: f32,
        hi: f32,
        batch: usize,
        n: usize,
    },
    /// One ascent step and projection onto the ball around `x0` cut with `[lo, hi]`.
    /// `Linf`: `x + step sgn(g)`, clamped to `x0 ± eps` then `[lo, hi]`; `L2`:
    /// `x + step g/‖g‖` (no step where `g = 0`), then `x0 + (x - x0) min(1, eps/‖x - x0‖)`,
    /// then clamped.
    AttackStep {
        x: BufferId,
        x0: BufferId,
        gradient: BufferId,
        eps: Coefficient,
        step: Coefficient,
        norm: Norm,
        lo: f32,
        hi: f32,
        batch: usize,
        n: usize,
    },
    /// Where `score[s] < best_score[s]`: `best_score[s] = score[s]`, `best[s, ·] = x[s, ·]`.
    KeepBest {
        x: BufferId,
        score: BufferId,
        best: BufferId,
        best_score: BufferId,
        batch: usize,
        n: usize,
    },
    /// Adam (Kingma, Ba 2015) with decoupled weight decay (Loshchilov, Hutter 2019):
    /// `m = β1 m + (1-β1) g`, `v = β2 v + (1-β2) g²`,
    /// `p -= lr (m c1 / (sqrt(v c2) + eps) + decay p)`; `c1 = 1/(1-β1^t)` and
    /// `c2 = 1/(1-β2^t)` are scalars written by the caller.
    Adam {
        param: BufferId,
        gradient: BufferId,
        m: BufferId,
        v: BufferId,
        lr: Coefficient,
        c1: Coefficient,
        c2: Coefficient,
        beta1: f32,
        beta2: f32,
        eps: f32,
        decay: f32,
    },
    /// `v = momentum v + g + decay p`, `p -= lr v`
    Sgd {
        param: BufferId,
        gradient: BufferId,
        velocity: BufferId,
        lr: Coefficient,
        momentum: f32,
        decay: f32,
    },
}

impl Instruction {
    /// The instruction's name: that of its shader.
    pub fn name(&self) -> &'static str {
        match self {
            Instruction::Fill { .. } => "fill",
            Instruction::Axpy { .. } => "axpy",
            Instruction::Gemm { .. } => "gemm",
            Instruction::Conv2d { .. } => "conv2d",
            Instruction::Conv2dInputGrad { .. } => "conv2d_input_grad",
            Instruction::Conv2dWeightGrad { .. } => "conv2d_weight_grad",
            Instruction::ChannelAffine { .. } => "channel_affine",
            Instruction::ChannelSum { .. } => "channel_sum",
            Instruction::Gather { .. } => "gather",
            Instruction::GatherGrad { .. } => "gather_grad",
            Instruction::Pointwise { .. } => "pointwise",
            Instruction::PointwiseGrad { .. } => "pointwise_grad",
            Instruction::InputBox { .. } => "input_box",
            Instruction::WorstLogits { .. } => "worst_logits",
            Instruction::WorstLogitsGrad { .. } => "worst_logits_grad",
            Instruction::CrossEntropy { .. } => "cross_entropy",
            Instruction::Margin { .. } => "margin",
            Instruction::RandomStart { .. } => "random_start",
            Instruction::AttackStep { .. } => "attack_step",
            Instruction::KeepBest { .. } => "keep_best",
            Instruction::Adam { .. } => "adam",
            Instruction::Sgd { .. } => "sgd",
        }
    }
}

/// Buffers and the instructions on them.
#[derive(Clone, Debug, Default)]
pub struct Program {
    buffers: Vec<Buffer>,
    instructions: Vec<Instruction>,
}

impl Program {
    /// An empty program.
    pub fn new() -> Program {
        Program::default()
    }

    /// Adds a buffer.
    pub fn buffer(&mut self, name: impl Into<String>, contents: Contents) -> BufferId {
        self.buffers.push(Buffer {
            name: name.into(),
            contents,
        });
        BufferId(self.buffers.len() - 1)
    }

    /// Adds an f32 buffer of zeros.
    pub fn zeros(&mut self, name: impl Into<String>, len: usize) -> BufferId {
        self.buffer(name, Contents::Zeros(len))
    }

    /// Appends an instruction.
    pub fn push(&mut self, instruction: Instruction) {
        self.instructions.push(instruction);
    }

    /// Appends the instructions at the positions of `range` again, `times`
    /// times: the later steps of an attack run on the buffers of the first.
    pub fn repeat(&mut self, range: std::ops::Range<usize>, times: usize) {
        let block = self.instructions.get(range).unwrap_or(&[]).to_vec();
        for _ in 0..times {
            self.instructions.extend_from_slice(&block);
        }
    }

    /// The buffers, by id.
    pub fn buffers(&self) -> &[Buffer] {
        &self.buffers
    }

    /// The instructions in order.
    pub fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }

    /// Elements of a buffer.
    pub fn len_of(&self, id: BufferId) -> usize {
        self.buffers[id.0].contents.len()
    }
}
