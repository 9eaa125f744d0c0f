//! Operators. An operator is one file that states *facts* of one kind; an
//! analysis (evaluation, bounds, gradients, exact check) is one interpreter
//! over the kinds and knows no operator by name.
//!
//! | kind | meaning | members |
//! |---|---|---|
//! | [`LinearMap`] | `y = A x + b`, `A` implicit | dense, conv2d, transposed convolution, diagonal, sum pool, gather, reshape |
//! | [`Pointwise`] | `y_i = φ(x_i)` | relu, tanh, exp, reciprocal, square, …: [`pointwise_registry`] |
//! | [`Product`] | `y_o = Σ a_i b_j`, two variable operands | elementwise product, matrix product |
//! | combine | `y = Σ c_k x_k`, `c_k` exact rationals | add, residual, Runge–Kutta and multistep recurrences |
//!
//! Average pooling is a sum pool followed by an exact rational factor, concat a
//! sum of gathers, batch normalisation two diagonals: fewer operators means
//! fewer rounding arguments.

mod abs;
mod bilinear;
mod clip;
#[cfg(test)]
mod contract;
mod conv2d;
mod conv_transpose;
mod cos;
mod dense;
mod diagonal;
mod elu;
mod erf;
mod exp;
mod floor;
mod gather;
mod gelu;
mod hard_sigmoid;
mod hard_swish;
mod leaky_relu;
mod log;
mod pointwise;
mod power;
mod product;
mod reciprocal;
mod relaxation;
mod relu;
mod reshape;
mod rsqrt;
mod shape;
mod sigmoid;
mod sign;
mod silu;
mod sin;
mod softplus;
mod sparse;
mod sqrt;
mod square;
mod stationary;
mod step;
mod sum_pool;
mod tanh;
mod wave;
mod windows;

use std::fmt;
use std::sync::Arc;

use ndarray::{Array2, ArrayView2};

pub use abs::Abs;
pub use bilinear::{EVEN_MIX, Plane, planes};
pub use clip::Clip;

pub use conv_transpose::ConvTranspose;
pub use conv2d::{Conv2d, Geometry};
pub use cos::Cos;
pub use dense::Dense;
pub use diagonal::Diagonal;
pub use elu::Elu;
pub use erf::Erf;
pub use exp::Exp;
pub use floor::Floor;
pub use gather::Gather;
pub use gelu::Gelu;
pub use hard_sigmoid::HardSigmoid;
pub use hard_swish::HardSwish;
pub use leaky_relu::LeakyRelu;
pub use log::Log;
pub use pointwise::{
    Pointwise, PointwiseKernel, Side, SlopeRule, TurningPoint, activation_registry,
    pointwise_registry,
};
pub use power::Power;
pub use product::{Pattern, Product};
pub use reciprocal::Reciprocal;
pub use relu::Relu;
pub use reshape::Reshape;
pub use rsqrt::Rsqrt;
pub use sigmoid::Sigmoid;
pub use sign::Sign;
pub use silu::Silu;
pub use sin::Sin;
pub use softplus::Softplus;
pub use sqrt::Sqrt;
pub use square::Square;
pub use step::Step;
pub use sum_pool::SumPool;
pub use tanh::Tanh;

/// Why an operator could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A tensor has the wrong shape.
    #[error("{operator}: {what} has shape {found}, expected {expected}")]
    Shape {
        /// the operator
        operator: &'static str,
        /// which tensor
        what: String,
        /// its shape
        found: Shape,
        /// the shape it must have, in words
        expected: String,
    },
    /// An attribute is outside its range.
    #[error("{operator}: attribute {attribute} = {value} is not allowed ({expected})")]
    Attribute {
        /// the operator
        operator: &'static str,
        /// the attribute
        attribute: &'static str,
        /// its value
        value: String,
        /// what is allowed
        expected: &'static str,
    },
    /// A weight is NaN or infinite.
    #[error("tensor {tensor}: element {index} is {value}, weights must be finite")]
    NotFinite {
        /// the tensor
        tensor: String,
        /// flat index
        index: usize,
        /// the value
        value: f32,
    },
}

/// The shape of one sample's tensor (no batch axis), row-major.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shape(Vec<usize>);

impl Shape {
    /// A shape from its extents.
    pub fn new(dims: &[usize]) -> Shape {
        Shape(dims.to_vec())
    }

    /// The extents.
    pub fn dims(&self) -> &[usize] {
        &self.0
    }

    /// Number of elements (1 for a scalar shape).
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.0.iter().product()
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// A named weight tensor, binary32, row-major. Tensors are shared: two uses of
/// the same `Arc` (the steps of an unrolled ODE block) are the same parameter.
#[derive(Debug, PartialEq)]
pub struct Tensor {
    name: String,
    shape: Shape,
    data: Vec<f32>,
}

/// A shared weight tensor; identity is the allocation.
pub type Param = Arc<Tensor>;

impl Tensor {
    /// A tensor. Errors when the element count differs from the shape or an
    /// element is not finite.
    pub fn new(name: impl Into<String>, shape: Shape, data: Vec<f32>) -> Result<Tensor, Error> {
        let name = name.into();
        if shape.len() != data.len() {
            return Err(Error::Shape {
                operator: "tensor",
                what: name,
                expected: format!("{} elements", data.len()),
                found: shape,
            });
        }
        if let Some(index) = data.iter().position(|v| !v.is_finite()) {
            let value = data[index];
            return Err(Error::NotFinite {
                tensor: name,
                index,
                value,
            });
        }
        Ok(Tensor { name, shape, data })
    }

    /// The tensor's name (unique within a network).
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its shape.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Its elements, row-major.
    pub fn data(&self) -> &[f32] {
        &self.data
    }
}

/// Which weights a linear pass uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// `A`
    Signed,
    /// `|A|`, elementwise
    Absolute,
}

impl Weights {
    /// The weight as this pass sees it, exactly.
    pub fn of(self, w: f32) -> f64 {
        match self {
            Weights::Signed => f64::from(w),
            Weights::Absolute => f64::from(w.abs()),
        }
    }
}

/// The linear kinds an executor has kernels for.
#[derive(Clone, Debug)]
pub enum LinearKernel<'a> {
    /// `y = W x + b`, `W` of shape (out, in)
    Dense {
        /// (out, in)
        weight: &'a Param,
        /// (out)
        bias: Option<&'a Param>,
    },
    /// two-dimensional convolution (cross-correlation, as in ONNX)
    Conv2d {
        /// (out channels, in channels / groups, kernel h, kernel w)
        weight: &'a Param,
        /// (out channels)
        bias: Option<&'a Param>,
        /// extents, stride, padding, dilation, groups
        geometry: &'a Geometry,
    },
    /// the adjoint of a convolution, plus a bias
    ConvTranspose {
        /// (in channels, out channels / groups, kernel h, kernel w)
        weight: &'a Param,
        /// (out channels)
        bias: Option<&'a Param>,
        /// of the convolution: its input is the output of this map
        geometry: &'a Geometry,
    },
    /// `y[c, i] = s[c] x[c, i] + b[c]`
    Diagonal {
        /// (channels)
        scale: &'a Param,
        /// (channels)
        bias: &'a Param,
        /// elements per channel
        inner: usize,
    },
    /// sums over windows, one channel at a time
    SumPool {
        /// extents, stride, padding (groups = channels)
        geometry: &'a Geometry,
    },
    /// `y[o] = x[index[o]]`, or 0 where there is no index
    Gather {
        /// one entry per output
        index: &'a [Option<u32>],
    },
    /// same elements, another shape
    Reshape,
}

/// An affine map `y = A x + b` of one sample, with binary32 coefficients read
/// as exact reals.
///
/// [`row`](LinearMap::row) and [`bias`](LinearMap::bias) are the definition:
/// the exact checker, the property tests and the encoders use nothing else.
/// The batched passes are fast paths, tested against `row`.
pub trait LinearMap: fmt::Debug + Send + Sync {
    /// The operator's name, as in the registry.
    fn name(&self) -> &'static str;
    /// Shape of `x`.
    fn input(&self) -> &Shape;
    /// Shape of `y`.
    fn output(&self) -> &Shape;
    /// Visits the non-zero pattern of row `out` as (input index, coefficient);
    /// each index at most once.
    fn row(&self, out: usize, visit: &mut dyn FnMut(usize, f32));
    /// The additive term of output `out`.
    fn bias(&self, out: usize) -> f32;
    /// The true coefficient lies within `w (1 ± uncertainty)` of the stored
    /// `w`. Zero except where a coefficient is an irrational number computed
    /// at import (batch normalisation's `γ / sqrt(σ² + ε)`).
    fn uncertainty(&self) -> f64 {
        0.0
    }
    /// The most terms in any row, bias not counted; a row of an index map has 1.
    fn chain(&self) -> usize;
    /// The most terms in any column.
    fn adjoint_chain(&self) -> usize;
    /// Every non-zero coefficient is 1, so a pass with one term per output
    /// rounds nothing.
    fn unit_coefficients(&self) -> bool {
        false
    }
    /// `A x` (or `|A| x`) for each row of `x`, **without** the bias, in
    /// round-to-nearest and any summation order, with no rounding but those of
    /// one plain sum per element. Shapes: (batch, in) → (batch, out), the result
    /// in standard layout. A pass uses one thread; a caller that wants more
    /// splits the rows.
    fn apply(&self, x: ArrayView2<'_, f64>, weights: Weights) -> Array2<f64> {
        apply_rows(self, x, weights)
    }
    /// `y A` (or `y |A|`) for each row of `y`, as [`apply`](LinearMap::apply).
    /// Shapes: (batch, out) → (batch, in).
    fn adjoint(&self, y: ArrayView2<'_, f64>, weights: Weights) -> Array2<f64> {
        adjoint_rows(self, y, weights)
    }
    /// The kernel and its tensors.
    fn kernel(&self) -> LinearKernel<'_>;
    /// The map's trainable tensors, in a fixed order.
    fn params(&self) -> Vec<Param> {
        Vec::new()
    }
    /// The same map with other tensors of the same shapes, in the order of
    /// [`params`](LinearMap::params).
    fn with_params(&self, params: &[Param]) -> Result<Arc<dyn LinearMap>, Error>;
}

/// The defining form of [`LinearMap::apply`]: one row at a time.
pub fn apply_rows<L: LinearMap + ?Sized>(
    map: &L,
    x: ArrayView2<'_, f64>,
    weights: Weights,
) -> Array2<f64> {
    let (n, m) = (x.nrows(), map.output().len());
    let mut y = Array2::zeros((n, m));
    for o in 0..m {
        map.row(o, &mut |i, w| {
            let w = weights.of(w);
            for s in 0..n {
                y[[s, o]] += w * x[[s, i]];
            }
        });
    }
    y
}

/// The defining form of [`LinearMap::adjoint`].
pub fn adjoint_rows<L: LinearMap + ?Sized>(
    map: &L,
    y: ArrayView2<'_, f64>,
    weights: Weights,
) -> Array2<f64> {
    let (n, m) = (y.nrows(), map.output().len());
    let mut x = Array2::zeros((n, map.input().len()));
    for o in 0..m {
        map.row(o, &mut |i, w| {
            let w = weights.of(w);
            for s in 0..n {
                x[[s, i]] += w * y[[s, o]];
            }
        });
    }
    x
}

/// The same elements, rows contiguous.
fn standard(x: ArrayView2<'_, f64>) -> Array2<f64> {
    x.as_standard_layout().into_owned()
}
