//! Dense (fully connected) layer: `y = W x + b`.

use std::sync::{Arc, OnceLock};

use ndarray::{Array2, ArrayView2};

use crate::rounding::matmul;

use super::{Error, LinearKernel, LinearMap, Param, Shape, Weights};

/// `y = W x + b` with `W` of shape (out, in). ONNX: `Gemm`, `MatMul`.
#[derive(Debug)]
pub struct Dense {
    weight: Param,
    bias: Option<Param>,
    input: Shape,
    output: Shape,
    /// `W` and `|W|` in binary64 (exact), made on first use.
    wide: [OnceLock<Array2<f64>>; 2],
}

impl Dense {
    /// A dense layer from `weight` (out, in) and `bias` (out).
    pub fn new(weight: Param, bias: Option<Param>) -> Result<Dense, Error> {
        let &[out, inp] = weight.shape().dims() else {
            return Err(Error::Shape {
                operator: "dense",
                what: weight.name().into(),
                found: weight.shape().clone(),
                expected: "(out, in)".into(),
            });
        };
        if let Some(b) = &bias
            && b.shape().dims() != [out]
        {
            return Err(Error::Shape {
                operator: "dense",
                what: b.name().into(),
                found: b.shape().clone(),
                expected: format!("[{out}]"),
            });
        }
        Ok(Dense {
            input: Shape::new(&[inp]),
            output: Shape::new(&[out]),
            weight,
            bias,
            wide: Default::default(),
        })
    }

    fn wide(&self, weights: Weights) -> &Array2<f64> {
        self.wide[usize::from(weights == Weights::Absolute)].get_or_init(|| {
            let (o, i) = (self.output.len(), self.input.len());
            Array2::from_shape_fn((o, i), |(o, k)| weights.of(self.weight.data()[o * i + k]))
        })
    }
}

impl LinearMap for Dense {
    fn name(&self) -> &'static str {
        "dense"
    }
    fn input(&self) -> &Shape {
        &self.input
    }
    fn output(&self) -> &Shape {
        &self.output
    }
    fn row(&self, out: usize, visit: &mut dyn FnMut(usize, f32)) {
        let n = self.input.len();
        for (i, &w) in self.weight.data()[out * n..(out + 1) * n]
            .iter()
            .enumerate()
        {
            visit(i, w);
        }
    }
    fn bias(&self, out: usize) -> f32 {
        self.bias.as_ref().map_or(0.0, |b| b.data()[out])
    }
    fn chain(&self) -> usize {
        self.input.len()
    }
    fn adjoint_chain(&self) -> usize {
        self.output.len()
    }
    fn apply(&self, x: ArrayView2<'_, f64>, weights: Weights) -> Array2<f64> {
        matmul(x, self.wide(weights).t())
    }
    fn adjoint(&self, y: ArrayView2<'_, f64>, weights: Weights) -> Array2<f64> {
        matmul(y, self.wide(weights).view())
    }
    fn kernel(&self) -> LinearKernel<'_> {
        LinearKernel::Dense {
            weight: &self.weight,
            bias: self.bias.as_ref(),
        }
    }
    fn params(&self) -> Vec<Param> {
        [&self.weight]
            .into_iter()
            .chain(&self.bias)
            .cloned()
            .collect()
    }
    fn with_params(&self, params: &[Param]) -> Result<Arc<dyn LinearMap>, Error> {
        Ok(Arc::new(Dense::new(
            params[0].clone(),
            self.bias.as_ref().map(|_| params[1].clone()),
        )?))
    }
}
