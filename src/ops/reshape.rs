//! The same elements in another shape.

use std::sync::Arc;

use ndarray::{Array2, ArrayView2};

use super::{Error, LinearKernel, LinearMap, Param, Shape, Weights, standard};

/// The identity on row-major elements. ONNX: `Flatten`, `Reshape`, `Squeeze`.
#[derive(Clone, Debug)]
pub struct Reshape {
    input: Shape,
    output: Shape,
}

impl Reshape {
    /// A reshape between shapes of equal element count.
    pub fn new(input: Shape, output: Shape) -> Result<Reshape, Error> {
        if input.len() != output.len() {
            return Err(Error::Shape {
                operator: "reshape",
                what: "output".into(),
                found: output,
                expected: format!("{} elements", input.len()),
            });
        }
        Ok(Reshape { input, output })
    }
}

impl LinearMap for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }
    fn input(&self) -> &Shape {
        &self.input
    }
    fn output(&self) -> &Shape {
        &self.output
    }
    fn row(&self, out: usize, visit: &mut dyn FnMut(usize, f32)) {
        visit(out, 1.0);
    }
    fn bias(&self, _out: usize) -> f32 {
        0.0
    }
    fn chain(&self) -> usize {
        1
    }
    fn adjoint_chain(&self) -> usize {
        1
    }
    fn unit_coefficients(&self) -> bool {
        true
    }
    fn apply(&self, x: ArrayView2<'_, f64>, _weights: Weights) -> Array2<f64> {
        standard(x)
    }
    fn adjoint(&self, y: ArrayView2<'_, f64>, _weights: Weights) -> Array2<f64> {
        standard(y)
    }
    fn kernel(&self) -> LinearKernel<'_> {
        LinearKernel::Reshape
    }
    fn with_params(&self, _params: &[Param]) -> Result<Arc<dyn LinearMap>, Error> {
        Ok(Arc::new(self.clone()))
    }
}
