//! Hyperbolic tangent.

use super::{Pointwise, PointwiseKernel};

/// Hyperbolic tangent.
#[derive(Clone, Copy, Debug)]
pub struct Tanh;

impl Pointwise for Tanh {
    fn name(&self) -> &'static str {
        "tanh"
    }
    fn value(&self, x: f64) -> f64 {
        x.tanh()
    }
    fn slope(&self, x: f64) -> f64 {
        {
            let t = x.tanh();
            1.0 - t * t
        }
    }
    fn kernel(&self) -> PointwiseKernel {
        PointwiseKernel::Tanh
    }
}
