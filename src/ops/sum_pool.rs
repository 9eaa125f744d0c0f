//! Sums over windows; an average pool is this followed by an exact `1/n`.

use std::sync::{Arc, OnceLock};

use ndarray::{Array2, ArrayView2};

use super::windows::{Direction, Windows};
use super::{Error, Geometry, LinearKernel, LinearMap, Param, Shape, Weights};

/// Window sums, channel by channel (padding contributes zero). ONNX
/// `AveragePool` and `GlobalAveragePool` up to the exact factor.
#[derive(Debug)]
pub struct SumPool {
    geometry: Geometry,
    input: Shape,
    output: Shape,
    forward: OnceLock<Windows>,
    backward: OnceLock<Windows>,
}

impl SumPool {
    /// A pool; the geometry must have `groups == channels == out_channels`.
    pub fn new(geometry: Geometry) -> Result<SumPool, Error> {
        if geometry.groups != geometry.channels || geometry.out_channels != geometry.channels {
            return Err(Error::Attribute {
                operator: "sum_pool",
                attribute: "group",
                value: geometry.groups.to_string(),
                expected: "the number of channels",
            });
        }
        Ok(SumPool {
            input: geometry.input_shape(),
            output: geometry.output_shape(),
            geometry,
            forward: OnceLock::new(),
            backward: OnceLock::new(),
        })
    }
}

impl LinearMap for SumPool {
    fn name(&self) -> &'static str {
        "sum_pool"
    }
    fn input(&self) -> &Shape {
        &self.input
    }
    fn output(&self) -> &Shape {
        &self.output
    }
    fn row(&self, out: usize, visit: &mut dyn FnMut(usize, f32)) {
        self.geometry.window(out, &mut |i, _| visit(i, 1.0));
    }
    fn bias(&self, _out: usize) -> f32 {
        0.0
    }
    fn chain(&self) -> usize {
        self.geometry.kernel[0] * self.geometry.kernel[1]
    }
    fn adjoint_chain(&self) -> usize {
        self.geometry.overlap()
    }
    fn unit_coefficients(&self) -> bool {
        true
    }
    fn apply(&self, x: ArrayView2<'_, f64>, _weights: Weights) -> Array2<f64> {
        let windows = || Windows::new(&self.geometry, Direction::Forward, |_| 1.0);
        self.forward.get_or_init(windows).pass(x)
    }
    fn adjoint(&self, y: ArrayView2<'_, f64>, _weights: Weights) -> Array2<f64> {
        let windows = || Windows::new(&self.geometry, Direction::Adjoint, |_| 1.0);
        self.backward.get_or_init(windows).pass(y)
    }
    fn kernel(&self) -> LinearKernel<'_> {
        LinearKernel::SumPool {
            geometry: &self.geometry,
        }
    }
    fn with_params(&self, _params: &[Param]) -> Result<Arc<dyn LinearMap>, Error> {
        Ok(Arc::new(SumPool::new(self.geometry.clone())?))
    }
}
