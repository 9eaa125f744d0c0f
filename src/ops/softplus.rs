//! Softplus `log(1 + exp(x))`.

use super::{Pointwise, PointwiseKernel};

/// Softplus `log(1 + exp(x))`.
#[derive(Clone, Copy, Debug)]
pub struct Softplus;

impl Pointwise for Softplus {
    fn name(&self) -> &'static str {
        "softplus"
    }
    fn value(&self, x: f64) -> f64 {
        x.max(0.0) + (-x.abs()).exp().ln_1p()
    }
    fn slope(&self, x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }
    fn kernel(&self) -> PointwiseKernel {
        PointwiseKernel::Softplus
    }
}
