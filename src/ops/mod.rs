//! Operators. An operator is one file that states *facts* of one kind; an
//! analysis (evaluation, bounds, gradients, exact check) is one interpreter
//! over the kinds and knows no operator by name.
//!
//! | kind | meaning | members |
//! |---|---|---|
//! | [`LinearMap`] | `y = A x + b`, `A` implicit | dense, conv2d, diagonal, sum pool, gather, reshape |
//! | [`Pointwise`] | `y_i = φ(x_i)` | relu, leaky relu, tanh, sigmoid, softplus |
//! | [`Product`] | `y_o = Σ a_i b_j`, two variable operands | elementwise product, matrix product |
//! | combine | `y = Σ c_k x_k`, `c_k` exact rationals | add, residual, Runge–Kutta and multistep recurrences |
//!
//! Average pooling is a sum pool followed by an exact rational factor, concat a
//! sum of gathers, batch normalisation two diagonals: fewer operators means
//! fewer rounding arguments.

mod conv2d;
mod dense;
mod diagonal;
mod gather;
mod leaky_relu;
mod product;
mod relaxation;
mod relu;
mod reshape;
mod sigmoid;
mod softplus;
mod sum_pool;
mod tanh;

use std::fmt;
use std::sync::Arc;

use ndarray::{Array2, ArrayView2};

use crate::exact::{MpInterval, mp};
use crate::rounding::Interval;

pub use conv2d::{Conv2d, Geometry};
pub use dense::Dense;
pub use diagonal::Diagonal;
pub use gather::Gather;
pub use leaky_relu::LeakyRelu;
pub use product::{Pattern, Product};
pub use relu::Relu;
pub use reshape::Reshape;
pub use sigmoid::Sigmoid;
pub use softplus::Softplus;
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
    /// round-to-nearest and any summation order. Shapes: (batch, in) →
    /// (batch, out).
    fn apply(&self, x: ArrayView2<'_, f64>, weights: Weights) -> Array2<f64> {
        apply_rows(self, x, weights)
    }
    /// `y A` (or `y |A|`) for each row of `y`. Shapes: (batch, out) → (batch, in).
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

/// The pointwise functions an executor has kernels for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PointwiseKernel {
    /// `max(x, 0)`
    Relu,
    /// `x` for `x >= 0`, `alpha x` below
    LeakyRelu {
        /// slope of the negative side
        alpha: f32,
    },
    /// hyperbolic tangent
    Tanh,
    /// `1 / (1 + exp(-x))`
    Sigmoid,
    /// `log(1 + exp(x))`
    Softplus,
}

/// A scalar function applied to every element. All members so far are
/// non-decreasing.
pub trait Pointwise: fmt::Debug + Send + Sync {
    /// The operator's name, as in the registry.
    fn name(&self) -> &'static str;
    /// Numbers that, with the name, define the function.
    fn parameters(&self) -> Vec<f32> {
        Vec::new()
    }
    /// `φ(x)`, an estimate (training and attacks).
    fn value(&self, x: f64) -> f64;
    /// `φ'(x)`, an estimate; any sub-derivative at a kink.
    fn slope(&self, x: f64) -> f64;
    /// The kernel of this function; `None` if executors have none.
    fn kernel(&self) -> Option<PointwiseKernel>;
    /// Encloses `{φ(t) : t ∈ x}` (proved).
    fn enclose(&self, x: Interval) -> Interval;
    /// Encloses `{φ'(t) : t ∈ x}`, at a kink every sub-derivative (proved).
    fn slopes(&self, x: Interval) -> Interval;
    /// Encloses `{φ(t) - slope t : t ∈ x}` (proved); the whole line if `slope`
    /// is not finite. Its ends are the intercepts of two lines with this slope
    /// that bound `φ` on `x` from below and above.
    fn residual(&self, slope: f64, x: Interval) -> Interval;
    /// Slopes for the lower and the upper line over `x`, finite; a proposal,
    /// without influence on soundness.
    fn propose(&self, x: Interval, rule: SlopeRule) -> [f64; 2];
    /// Where to split `x` so that both parts relax tightly; a proposal.
    fn split_point(&self, x: Interval) -> f64 {
        x.mid()
    }
    /// An enclosure of `{ φ(t) : t ∈ x }`, outward rounded at the precision of
    /// `x`. This is the definition of `φ` for the exact checker and the tests.
    fn oracle(&self, x: &MpInterval) -> MpInterval;
    /// The points where `φ(t) − slope·t` can have an extremum inside an
    /// interval (stationary points and kinks), at `bits` bits; none where it
    /// is monotone everywhere.
    fn turning_points(&self, slope: f64, bits: u32) -> Result<Vec<TurningPoint>, mp::Error>;
    /// An enclosure of the range `{ φ(t) − slope·t : lo ≤ t ≤ hi }` at `bits`
    /// bits, tight up to outward rounding: its ends are the intercepts of the
    /// lines of this slope that bound `φ` on `[lo, hi]`.
    ///
    /// Errors when an argument is not finite or `lo > hi`.
    fn oracle_residual(
        &self,
        slope: f64,
        lo: f64,
        hi: f64,
        bits: u32,
    ) -> Result<MpInterval, mp::Error> {
        let domain = MpInterval::from_f64_bounds(bits, lo, hi)?;
        let s = MpInterval::from_f64(bits, slope)?;
        let at = |t: f64| -> Result<MpInterval, mp::Error> {
            let t = MpInterval::from_f64(bits, t)?;
            Ok(self.oracle(&t).sub(&s.mul(&t)))
        };
        let mut range = at(lo)?.hull(&at(hi)?);
        for point in self.turning_points(slope, bits)? {
            if point.at.overlaps(&domain) {
                range = range.hull(&point.value);
            }
        }
        Ok(range)
    }
}

/// A possible extremum of `φ(t) − slope·t`.
#[derive(Clone, Debug)]
pub struct TurningPoint {
    /// an enclosure of its place
    pub at: MpInterval,
    /// an enclosure of `φ(t) − slope·t` there
    pub value: MpInterval,
}

impl TurningPoint {
    /// The kink at the origin of a function with `φ(0) = 0`.
    fn origin(bits: u32) -> Result<TurningPoint, mp::Error> {
        let zero = MpInterval::from_f64(bits, 0.0)?;
        Ok(TurningPoint {
            at: zero.clone(),
            value: zero,
        })
    }
}

/// How slopes are proposed where there is a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlopeRule {
    /// smallest area between the lines
    Adaptive,
    /// below a rectifier the smaller of its two slopes
    Flat,
}

impl SlopeRule {
    /// Every rule.
    pub const ALL: [SlopeRule; 2] = [SlopeRule::Adaptive, SlopeRule::Flat];
}

/// One of every pointwise function: what suites, docs and benches iterate over.
pub fn pointwise_registry() -> Vec<Arc<dyn Pointwise>> {
    vec![
        Arc::new(Relu),
        Arc::new(LeakyRelu::new(0.01).expect("a valid slope")),
        Arc::new(Tanh),
        Arc::new(Sigmoid),
        Arc::new(Softplus),
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::exact::Rational;

    const BITS: u32 = 160;

    fn width(x: &MpInterval) -> f64 {
        x.hi_f64() - x.lo_f64()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        /// The residual contains `φ(t) − s t` at sampled points, evaluated
        /// more finely, and touches its own ends: no looser than the samples
        /// by more than a modulus of continuity of the sampling.
        #[test]
        fn residual_contains_and_is_tight(
            a in -30.0_f64..30.0, w in 0.0_f64..20.0, slope in prop_oneof![
                -0.5_f64..1.5, (-60_i32..0).prop_map(|e| 2f64.powi(e)), Just(0.25), Just(1.0),
                (1_i32..50).prop_map(|e| 1.0 - 2f64.powi(-e)),
            ]) {
            let b = a + w;
            for f in pointwise_registry() {
                let range = f.oracle_residual(slope, a, b, BITS).expect("finite");
                let n = 60;
                let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
                for k in 0..=n {
                    let t = (a + w * f64::from(k) / f64::from(n)).clamp(a, b);
                    let exact_t = Rational::from_f64(t).expect("finite");
                    let t = MpInterval::from_rational(2 * BITS, &exact_t).expect("in range");
                    let s = MpInterval::from_f64(2 * BITS, slope).expect("finite");
                    let y = f.oracle(&t).sub(&s.mul(&t));
                    prop_assert!(range.encloses(&y), "{} {slope} [{a}, {b}] {t:?}", f.name());
                    least = least.min(y.lo_f64());
                    most = most.max(y.hi_f64());
                }
                let step = 2.0 * w / f64::from(n) + 1e-12;
                prop_assert!(range.lo_f64() >= least - 2.5 * step, "{} too low", f.name());
                prop_assert!(range.hi_f64() <= most + 2.5 * step, "{} too high", f.name());
            }
        }

        #[test]
        fn oracle_is_monotone_and_contains_points(a in -700.0_f64..700.0, w in 0.0_f64..100.0, u in 0.0_f64..1.0) {
            for f in pointwise_registry() {
                let x = MpInterval::from_f64_bounds(BITS, a, a + w).expect("ordered");
                let t = MpInterval::from_f64(2 * BITS, (a + u * w).clamp(a, a + w)).expect("finite");
                prop_assert!(f.oracle(&x).encloses(&f.oracle(&t)), "{}", f.name());
            }
        }
    }

    #[test]
    fn residual_of_a_rectifier_is_exact() {
        let r = Relu.oracle_residual(0.5, -1.0, 2.0, BITS).expect("finite");
        assert_eq!((r.lo_f64(), r.hi_f64()), (0.0, 1.0));
        let l = LeakyRelu::new(0.25).expect("slope");
        let r = l.oracle_residual(0.25, -4.0, 2.0, BITS).expect("finite");
        assert_eq!((r.lo_f64(), r.hi_f64()), (0.0, 1.5));
        assert!(Relu.oracle_residual(f64::NAN, 0.0, 1.0, BITS).is_err());
        assert!(Relu.oracle_residual(0.0, 1.0, 0.0, BITS).is_err());
        assert!(Relu.oracle_residual(0.0, 0.0, f64::INFINITY, BITS).is_err());
    }

    #[test]
    fn residual_survives_extreme_slopes() {
        for f in pointwise_registry() {
            for slope in [
                f64::from_bits(1),
                1e-300,
                1.0 - f64::EPSILON / 2.0,
                0.25,
                0.25 - 1e-17,
            ] {
                let r = f.oracle_residual(slope, -1e4, 1e4, BITS).expect("finite");
                assert!(r.is_bounded(), "{} {slope}", f.name());
            }
        }
        // tanh t − s t at a tiny slope stays below 1 and close to it.
        let r = Tanh
            .oracle_residual(1e-30, -100.0, 100.0, BITS)
            .expect("finite");
        assert!(r.hi_f64() <= 1.0 && r.hi_f64() > 0.999 && width(&r) <= 2.0);
    }
}
