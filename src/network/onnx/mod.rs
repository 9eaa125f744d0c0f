//! ONNX files: reading into a [`Network`], writing a network back, and
//! writing an unrolled graph that any runtime can run.
//!
//! **Batch axis.** A graph is for one sample. A leading extent that is 1 or
//! symbolic is the batch axis and is dropped; a rank-1 input of fixed extent
//! has none. An operator that would mix samples is an error. `Shape` gives a
//! batch of one.
//!
//! **Read** (default domain, opsets 7 to 25):
//!
//! | family | operators |
//! |---|---|
//! | matrices | `Gemm`, `MatMul`, each operand a constant or computed |
//! | windows | `Conv`, `ConvTranspose`, `AveragePool`, `MaxPool`, along one or two spatial axes; `GlobalAveragePool`, `GlobalMaxPool` |
//! | arithmetic | `Add`, `Sub`, `Mul`, `Div`, `Max`, `Min`, broadcasting; `Sum`, `Neg` |
//! | functions | `Abs`, `Ceil`, `Clip`, `Cos`, `Elu`, `Erf`, `Exp`, `Floor`, `Gelu`, `HardSigmoid`, `HardSwish`, `LeakyRelu`, `Log`, `PRelu`, `Pow` (integer and half powers), `Reciprocal`, `Relu`, `Sigmoid`, `Sign`, `Sin`, `Softplus`, `Sqrt`, `Tanh` |
//! | normalisation | `BatchNormalization`, `LayerNormalization`, `Softmax`, `LogSoftmax` |
//! | reductions | `ReduceMean`, `ReduceSum`, `ReduceMax`, `ReduceMin` |
//! | index maps | `Concat`, `Expand`, `Flatten`, `Gather`, `Pad`, `Reshape`, `Resize` and `Upsample` by the nearest element, `Slice`, `Split`, `Squeeze`, `Tile`, `Transpose`, `Unsqueeze`, `Where` with a constant condition |
//! | of constants | `Constant`, `ConstantOfShape`, `Range`, `Shape`, `Size`, `Cast`, `Equal`, `Less`, `LessOrEqual`, `Greater`, `GreaterOrEqual`, `And`, `Or`, `Not`, `ReduceProd`, and every operator above with rational values |
//! | nothing to do | `Identity`, `Dropout` (inference) |
//!
//! Everything else is refused by name, with the node and the opset.
//!
//! **Lowering.** `max(a, b)` is `a + relu(b - a)`, exactly; a pool is a tree of
//! pairs. A quotient of computed values is a product with a reciprocal, `x x` a
//! square, `x σ(x)` the function `silu`; `softmax(x)_i` is
//! `1 / (1 + Σ exp(x_j - x_i))`, of differences alone.
//!
//! **Exactness.** Weights are the stored numbers. Constants are folded in
//! rational arithmetic; what comes out and is no binary32 number enters as an
//! exact coefficient, or as a sum of binary32 weights. Two coefficients are
//! irrational or too many for that and carry a relative uncertainty
//! ([`LinearMap::uncertainty`]): `γ / sqrt(σ² + ε)` of a batch normalisation
//! (2⁻²³), and the third binary32 part of more than sixteen different
//! reciprocals (2⁻²³ of that part, 2⁻⁷¹ of the whole).
//!
//! # The domain `ai.dahlquist`, version 1
//!
//! `OdeBlock`: `z(t1)` of `z' = f(t, z)`, `z(t0)` the one operand, by a
//! fixed-step explicit method.
//!
//! | attribute | type | meaning |
//! |---|---|---|
//! | `field` | GRAPH | `f`, of `z` or of `(t, z)`; `t` has extents `[N, 1]` or `[1]` |
//! | `fields` | GRAPHS | instead of `field`: one per step |
//! | `method` | STRING | a built-in method's name, `runge_kutta` or `multistep` |
//! | `a`, `b` | STRINGS | `runge_kutta`: the strictly lower triangle row by row, the weights; nodes are the row sums |
//! | `alpha`, `beta` | STRINGS | `multistep`: coefficients, oldest first |
//! | `startup` | STRING | `multistep`: a one-step method's name, or `runge_kutta` with `a` and `b` |
//! | `method_name`, `startup_name` | STRING | optional names of what is given by coefficients |
//! | `steps` | INT | number of steps |
//! | `t0`, `t1` | STRING or FLOAT | the interval |
//!
//! Exact numbers are strings `p` or `p/q`. Sub-graphs may hold initializers
//! and use constants of the enclosing graph. Adaptive blocks (`rtol`, `atol`)
//! are refused.
//!
//! More nodes hold what the default domain cannot hold exactly; they
//! appear in written models only:
//!
//! | node | operands | attributes | value |
//! |---|---|---|---|
//! | `Combine` | `x_1 … x_n` | `coefficients` STRINGS | `Σ c_k x_k` |
//! | `Diagonal` | `x`, scale, bias | `uncertainty` STRING, optional, an exact number | `s[c] x[c, i] + b[c]` |
//! | `SumPool` | `x` | `kernel_shape`, `strides`, `pads`, `dilations` INTS | sums over windows |
//! | `Gather` | `x`, index | `shape` INTS | `x[index[o]]` on flat samples, 0 where the index is -1 |
//! | `Constant` | | `values` STRINGS, `shape` INTS | exact constants of one sample |
//! | `Gelu`, `HardSwish`, `Rsqrt`, `Silu`, `Step` | `x` | | the function of that name |

mod limits;
mod messages;
mod node;
mod read;
mod tensor;
mod write;

#[cfg(doc)]
use super::Network;
#[cfg(doc)]
use crate::ops::LinearMap;

pub(crate) use limits::MAX_BYTES;
pub use read::read_model;
pub use write::{write_model, write_unrolled};

/// The domain of our own nodes.
pub const DOMAIN: &str = "ai.dahlquist";
/// The version of [`DOMAIN`].
pub const DOMAIN_VERSION: i64 = 1;

/// Why a model could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes end inside a field.
    #[error("not an ONNX model: the data ends inside a field")]
    Truncated,
    /// The bytes are not a protocol buffer message.
    #[error("not an ONNX model: {what}")]
    Wire {
        /// what was found
        what: &'static str,
    },
    /// The message has fields of wrong types.
    #[error("not an ONNX model: {0}")]
    Decode(#[from] prost::DecodeError),
    /// A limit is exceeded.
    #[error("{what} is {found}, the limit is {limit}")]
    TooLarge {
        /// which quantity
        what: &'static str,
        /// its value
        found: u64,
        /// the limit
        limit: u64,
    },
    /// The model as a whole is not one that can be read.
    #[error("{what}: {found}, expected {expected}")]
    Model {
        /// which part
        what: String,
        /// what was found
        found: String,
        /// what can be read
        expected: &'static str,
    },
    /// An operator that is not in the subset.
    #[error(
        "node {node}: operator {operator} (domain {domain:?}, opset {opset}) is not supported{hint}"
    )]
    Operator {
        /// the node
        node: String,
        /// its operator
        operator: String,
        /// the operator's domain
        domain: String,
        /// the version of the domain
        opset: i64,
        /// which form is supported, if any; starts with a separator
        hint: &'static str,
    },
    /// An attribute is missing, of the wrong type or outside its range.
    #[error("node {node}: attribute {attribute}: found {found}, expected {expected}")]
    Attribute {
        /// the node
        node: String,
        /// the attribute
        attribute: String,
        /// what was found
        found: String,
        /// what can be read
        expected: &'static str,
    },
    /// An operand has the wrong extents or kind.
    #[error("node {node}: operand {operand}: found {found}, expected {expected}")]
    Operand {
        /// the node
        node: String,
        /// the operand's name or position
        operand: String,
        /// what was found
        found: String,
        /// what can be read
        expected: &'static str,
    },
    /// A value is used that no input, initializer or earlier node defines.
    #[error("node {node}: value {value:?} is not defined by an input, initializer or earlier node")]
    Undefined {
        /// the node that uses it
        node: String,
        /// the value
        value: String,
    },
    /// A value is defined twice.
    #[error("value {value:?} is defined twice")]
    Duplicate {
        /// the value
        value: String,
    },
    /// A stored tensor is inconsistent or of an element type that is not read.
    #[error("tensor {tensor}: {found}, expected {expected}")]
    Tensor {
        /// the tensor
        tensor: String,
        /// what was found
        found: String,
        /// what can be read
        expected: &'static str,
    },
    /// An operator's facts are inconsistent.
    #[error("node {node}: {source}")]
    Operation {
        /// the node
        node: String,
        /// why
        source: crate::ops::Error,
    },
    /// An ODE block's method is inconsistent.
    #[error("node {node}: {source}")]
    Ode {
        /// the node
        node: String,
        /// why
        source: crate::ode::Error,
    },
    /// The sub-graph of an ODE block is inconsistent.
    #[error("node {node}: {source}")]
    Field {
        /// the node
        node: String,
        /// why
        source: Box<super::Error>,
    },
    /// The graph could not be folded.
    #[error(transparent)]
    Fold(#[from] crate::graph::Error),
}
