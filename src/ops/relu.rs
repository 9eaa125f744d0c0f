//! Rectifier: `max(x, 0)`.

use super::{Pointwise, PointwiseKernel};

/// Rectifier: `max(x, 0)`.
#[derive(Clone, Copy, Debug)]
pub struct Relu;

impl Pointwise for Relu {
    fn name(&self) -> &'static str {
        "relu"
    }
    fn value(&self, x: f64) -> f64 {
        x.max(0.0)
    }
    fn slope(&self, x: f64) -> f64 {
        if x > 0.0 { 1.0 } else { 0.0 }
    }
    fn kernel(&self) -> PointwiseKernel {
        PointwiseKernel::Relu
    }
}
