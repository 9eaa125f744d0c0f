//! Channel-wise affine map: `y[c, i] = s[c] x[c, i] + b[c]`.

use std::sync::Arc;

use ndarray::{Array2, ArrayView2};

use super::{Error, LinearKernel, LinearMap, Param, Shape, Weights, standard};

/// `y[c, i] = s[c] x[c, i] + b[c]`: input normalisation and the two halves of
/// batch normalisation. A shape without a channel axis has one element per channel.
#[derive(Debug)]
pub struct Diagonal {
    scale: Param,
    bias: Param,
    shape: Shape,
    inner: usize,
    uncertainty: f64,
}

impl Diagonal {
    /// The map on tensors of `shape` (channels first); `scale` and `bias` have
    /// one element per channel. `uncertainty` as in [`LinearMap::uncertainty`].
    pub fn new(
        scale: Param,
        bias: Param,
        shape: Shape,
        uncertainty: f64,
    ) -> Result<Diagonal, Error> {
        let channels = shape.dims().first().copied().unwrap_or(1);
        for t in [&scale, &bias] {
            if t.shape().dims() != [channels] {
                return Err(Error::Shape {
                    operator: "diagonal",
                    what: t.name().into(),
                    found: t.shape().clone(),
                    expected: format!("[{channels}]"),
                });
            }
        }
        if !(0.0..1.0).contains(&uncertainty) {
            return Err(Error::Attribute {
                operator: "diagonal",
                attribute: "uncertainty",
                value: uncertainty.to_string(),
                expected: "0 to 1",
            });
        }
        let inner = shape.dims().iter().skip(1).product();
        Ok(Diagonal {
            scale,
            bias,
            shape,
            inner,
            uncertainty,
        })
    }

    /// The map is its own adjoint.
    fn scaled(&self, x: ArrayView2<'_, f64>, weights: Weights) -> Array2<f64> {
        assert_eq!(x.ncols(), self.shape.len(), "elements of a sample");
        let mut y = standard(x);
        let (scale, inner) = (self.scale.data(), self.inner.max(1));
        let y_slice = y.as_slice_mut().expect("standard layout is contiguous");
        for (part, &s) in y_slice.chunks_exact_mut(inner).zip(scale.iter().cycle()) {
            let s = weights.of(s);
            part.iter_mut().for_each(|v| *v *= s);
        }
        y
    }
}

impl LinearMap for Diagonal {
    fn name(&self) -> &'static str {
        "diagonal"
    }
    fn input(&self) -> &Shape {
        &self.shape
    }
    fn output(&self) -> &Shape {
        &self.shape
    }
    fn row(&self, out: usize, visit: &mut dyn FnMut(usize, f32)) {
        visit(out, self.scale.data()[out / self.inner]);
    }
    fn bias(&self, out: usize) -> f32 {
        self.bias.data()[out / self.inner]
    }
    fn uncertainty(&self) -> f64 {
        self.uncertainty
    }
    fn chain(&self) -> usize {
        1
    }
    fn adjoint_chain(&self) -> usize {
        1
    }
    fn apply(&self, x: ArrayView2<'_, f64>, weights: Weights) -> Array2<f64> {
        self.scaled(x, weights)
    }
    fn adjoint(&self, y: ArrayView2<'_, f64>, weights: Weights) -> Array2<f64> {
        self.scaled(y, weights)
    }
    fn kernel(&self) -> LinearKernel<'_> {
        LinearKernel::Diagonal {
            scale: &self.scale,
            bias: &self.bias,
            inner: self.inner,
        }
    }
    fn params(&self) -> Vec<Param> {
        vec![self.scale.clone(), self.bias.clone()]
    }
    fn with_params(&self, params: &[Param]) -> Result<Arc<dyn LinearMap>, Error> {
        Ok(Arc::new(Diagonal::new(
            params[0].clone(),
            params[1].clone(),
            self.shape.clone(),
            self.uncertainty,
        )?))
    }
}
