//! The kernels: shader text, bindings and flags of each instruction.

/// How a kernel uses a storage buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// only reads
    Read,
    /// writes, and may read
    Write,
}

use Access::{Read, Write};

/// A shader module: its text in parts (functions first, entry point last), the
/// access of its storage bindings 1, 2, … and its override constants. Binding 0
/// is the uniform block of parameters.
#[derive(Debug)]
pub(super) struct Kernel {
    /// unique; for a template expansion `template:function`
    pub(super) name: &'static str,
    /// texts, concatenated
    pub(super) parts: &'static [&'static str],
    /// of bindings 1, 2, …
    pub(super) access: &'static [Access],
    /// names of the boolean override constants
    pub(super) flags: &'static [&'static str],
}

impl Kernel {
    /// The module's text.
    pub(super) fn source(&self) -> String {
        self.parts.concat()
    }
}

macro_rules! text {
    ($name:literal) => {
        include_str!(concat!("../../../shaders/", $name, ".wgsl"))
    };
}

macro_rules! kernels {
    ($($id:ident = $name:literal [$($part:literal),+] ($($access:ident),+) {$($flag:literal),*};)+) => {
        $(pub(super) static $id: Kernel = Kernel {
            name: $name,
            parts: &[$(text!($part)),+],
            access: &[$($access),+],
            flags: &[$($flag),*],
        };)+
        /// Every kernel.
        pub(super) static ALL: &[&Kernel] = &[$(&$id),+];
    };
}

kernels! {
    FILL = "fill" ["fill"] (Write) {};
    AXPY = "axpy" ["axpy"] (Read, Read, Write) {"accumulate"};
    GEMM = "gemm" ["gemm"] (Read, Read, Read, Read, Write)
        {"transpose_a", "transpose_b", "abs_b", "has_bias", "has_sign", "accumulate"};
    CONV2D = "conv2d" ["conv2d"] (Read, Read, Read, Write) {"abs_w", "has_bias"};
    CONV2D_INPUT_GRAD = "conv2d_input_grad" ["conv2d_input_grad"] (Read, Read, Write)
        {"abs_w", "accumulate"};
    CONV2D_WEIGHT_GRAD = "conv2d_weight_grad" ["conv2d_weight_grad"] (Read, Read, Read, Write)
        {"has_sign", "accumulate"};
    CHANNEL_AFFINE = "channel_affine" ["channel_affine"] (Read, Read, Read, Write)
        {"absolute", "has_bias", "accumulate"};
    CHANNEL_SUM = "channel_sum" ["channel_sum"] (Read, Read, Read, Write)
        {"has_y", "has_sign", "accumulate"};
    GATHER = "gather" ["gather"] (Read, Read, Write) {};
    GATHER_GRAD = "gather_grad" ["gather_grad"] (Read, Read, Read, Write) {"accumulate"};
    RELU = "pointwise:relu" ["pointwise_relu", "pointwise"] (Read, Write) {};
    LEAKY_RELU = "pointwise:leaky_relu" ["pointwise_leaky_relu", "pointwise"] (Read, Write) {};
    TANH = "pointwise:tanh" ["pointwise_tanh", "pointwise"] (Read, Write) {};
    SIGMOID = "pointwise:sigmoid" ["pointwise_sigmoid", "pointwise"] (Read, Write) {};
    SOFTPLUS = "pointwise:softplus" ["log1p", "pointwise_softplus", "pointwise"] (Read, Write) {};
    RELU_GRAD = "pointwise_grad:relu" ["pointwise_relu", "pointwise_grad"]
        (Read, Read, Write) {"accumulate"};
    LEAKY_RELU_GRAD = "pointwise_grad:leaky_relu" ["pointwise_leaky_relu", "pointwise_grad"]
        (Read, Read, Write) {"accumulate"};
    TANH_GRAD = "pointwise_grad:tanh" ["pointwise_tanh", "pointwise_grad"]
        (Read, Read, Write) {"accumulate"};
    SIGMOID_GRAD = "pointwise_grad:sigmoid" ["pointwise_sigmoid", "pointwise_grad"]
        (Read, Read, Write) {"accumulate"};
    SOFTPLUS_GRAD = "pointwise_grad:softplus" ["log1p", "pointwise_softplus", "pointwise_grad"]
        (Read, Read, Write) {"accumulate"};
    INPUT_BOX = "input_box" ["input_box"] (Read, Read, Write, Write) {};
    WORST_LOGITS = "worst_logits" ["worst_logits"] (Read, Read, Read, Write) {};
    WORST_LOGITS_GRAD = "worst_logits_grad" ["worst_logits_grad"] (Read, Read, Write)
        {"accumulate"};
    CROSS_ENTROPY = "cross_entropy" ["log1p", "cross_entropy"] (Read, Read, Read, Write, Write)
        {"accumulate"};
    MARGIN = "margin" ["margin"] (Read, Read, Write, Write) {};
    RANDOM_START = "random_start" ["random_start"] (Read, Read, Read, Write) {"l2"};
    ATTACK_STEP = "attack_step" ["attack_step"] (Read, Read, Read, Read, Write) {"l2"};
    KEEP_BEST = "keep_best" ["keep_best"] (Read, Read, Write, Write) {};
    ADAM = "adam" ["adam"] (Read, Read, Read, Read, Write, Write, Write) {};
    SGD = "sgd" ["sgd"] (Read, Read, Write, Write) {};
}
