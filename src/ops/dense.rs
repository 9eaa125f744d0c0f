//! Dense (fully connected) layer: `y = W x + b`.

use std::sync::{Arc, OnceLock};

use ndarray::{Array2, ArrayView2};

use crate::rounding::Packed;

use super::sparse::Sparse;
use super::{Error, LinearKernel, LinearMap, Param, Shape, Weights};

/// With at most one non-zero weight in so many, passes go through those alone.
const SCARCITY: usize = 8;

/// `y = W x + b` with `W` of shape (out, in). ONNX: `Gemm`, `MatMul`.
///
/// A weight that is mostly zero (a lattice of selections) has a sparse twin,
/// and its zeros are no terms of a row.
#[derive(Debug)]
pub struct Dense {
    weight: Param,
    bias: Option<Param>,
    input: Shape,
    output: Shape,
    /// `Wᵀ`, `W`, `|W|ᵀ` and `|W|` in binary64 (exact) as right operands,
    /// each made on first use.
    packed: [OnceLock<Packed<f64>>; 4],
    /// `W` and `Wᵀ`, if few weights are not zero
    sparse: Option<[Sparse; 2]>,
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
        let sparse = Sparse::new(weight.data(), inp, SCARCITY);
        Ok(Dense {
            sparse: sparse.map(|s| {
                let transposed = s.transposed();
                [s, transposed]
            }),
            input: Shape::new(&[inp]),
            output: Shape::new(&[out]),
            weight,
            bias,
            packed: Default::default(),
        })
    }

    fn packed(&self, weights: Weights, adjoint: bool) -> &Packed<f64> {
        let slot = 2 * usize::from(weights == Weights::Absolute) + usize::from(adjoint);
        self.packed[slot].get_or_init(|| {
            let shape = (self.output.len(), self.input.len());
            let wide: Vec<f64> = self.weight.data().iter().map(|&w| weights.of(w)).collect();
            let wide = ArrayView2::from_shape(shape, &wide).expect("one weight per element");
            Packed::new(if adjoint { wide } else { wide.reversed_axes() })
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
        if let Some([by_output, _]) = &self.sparse {
            let row = by_output.row(out);
            return row.iter().for_each(|&(i, w)| visit(i as usize, w));
        }
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
        let sparse = self.sparse.as_ref();
        sparse.map_or(self.input.len(), |[by_output, _]| by_output.longest())
    }
    fn adjoint_chain(&self) -> usize {
        let sparse = self.sparse.as_ref();
        sparse.map_or(self.output.len(), |[_, by_input]| by_input.longest())
    }
    fn apply(&self, x: ArrayView2<'_, f64>, weights: Weights) -> Array2<f64> {
        match &self.sparse {
            Some([by_output, _]) => by_output.product(x, weights),
            None => self.packed(weights, false).left(x),
        }
    }
    fn adjoint(&self, y: ArrayView2<'_, f64>, weights: Weights) -> Array2<f64> {
        match &self.sparse {
            Some([_, by_input]) => by_input.product(y, weights),
            None => self.packed(weights, true).left(y),
        }
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
