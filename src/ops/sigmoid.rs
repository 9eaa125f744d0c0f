//! Logistic function `1 / (1 + exp(-x))`.

use super::{Pointwise, PointwiseKernel};

/// Logistic function `1 / (1 + exp(-x))`.
#[derive(Clone, Copy, Debug)]
pub struct Sigmoid;

impl Pointwise for Sigmoid {
    fn name(&self) -> &'static str {
        "sigmoid"
    }
    fn value(&self, x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }
    fn slope(&self, x: f64) -> f64 {
        {
            let s = self.value(x);
            s * (1.0 - s)
        }
    }
    fn kernel(&self) -> PointwiseKernel {
        PointwiseKernel::Sigmoid
    }
}
