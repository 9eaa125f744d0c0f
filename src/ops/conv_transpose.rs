//! Transposed convolution: the adjoint of a convolution, plus a bias.

use std::sync::Arc;

use ndarray::{Array2, ArrayView2};

use super::windows::{Direction, Passes};
use super::{Error, Geometry, LinearKernel, LinearMap, Param, Shape, Weights};

/// `y = Cᵀ x + b` for a convolution `C`. ONNX: `ConvTranspose`, whose weight
/// (in channels, out channels / groups, kernel h, kernel w) is that of `C`.
#[derive(Debug)]
pub struct ConvTranspose {
    weight: Param,
    bias: Option<Param>,
    /// of the convolution: its input is this map's output
    geometry: Geometry,
    input: Shape,
    output: Shape,
    passes: Passes,
}

impl Geometry {
    /// The geometry of the convolution whose adjoint is a transposed
    /// convolution of a (`channels`, `input`) tensor: output extents are
    /// `stride (input - 1) + (kernel - 1) dilation + 1 + output_padding - padding`,
    /// as in ONNX. In the result, `input` and `channels` are those of the
    /// transposed convolution's output.
    ///
    /// Errors as [`Geometry::new`], or when the output would be empty or a
    /// stride short of the input.
    #[allow(clippy::too_many_arguments)]
    pub fn transposed(
        channels: usize,
        input: [usize; 2],
        out_channels: usize,
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 4],
        dilation: [usize; 2],
        groups: usize,
        output_padding: [usize; 2],
    ) -> Result<Geometry, Error> {
        let operator = "conv_transpose";
        let bad = |attribute, value: [usize; 2], expected| Error::Attribute {
            operator,
            attribute,
            value: format!("{value:?}"),
            expected,
        };
        let mut output = [0; 2];
        for d in 0..2 {
            if output_padding[d] >= stride[d].max(dilation[d]) {
                let expected = "less than the stride or the dilation";
                return Err(bad("output_padding", output_padding, expected));
            }
            let extent = || {
                let steps = input[d].checked_sub(1)?.checked_mul(stride[d])?;
                let window = kernel[d].checked_sub(1)?.checked_mul(dilation[d])?;
                let size = steps.checked_add(window)?.checked_add(1)?;
                let size = size.checked_add(output_padding[d])?;
                size.checked_sub(padding[d].checked_add(padding[d + 2])?)
            };
            output[d] = extent()
                .ok_or_else(|| bad("pads", [padding[d], padding[d + 2]], "less than the output"))?;
        }
        let mut geometry = Geometry::new(
            operator,
            out_channels,
            output,
            channels,
            kernel,
            stride,
            padding,
            dilation,
            groups,
        )?;
        // Output padding beyond the stride makes room for windows that no
        // input feeds.
        geometry.output = input;
        Ok(geometry)
    }

    /// The output padding of the transposed convolution with this geometry.
    pub(crate) fn output_padding(&self) -> [usize; 2] {
        [0, 1].map(|d| {
            let window = (self.kernel[d] - 1) * self.dilation[d] + 1;
            let covered = (self.output[d] - 1) * self.stride[d] + window;
            (self.input[d] + self.padding[d] + self.padding[d + 2]).saturating_sub(covered)
        })
    }
}

impl ConvTranspose {
    /// The adjoint of the convolution with `weight` (in channels, out channels /
    /// groups, kernel h, kernel w) and [`Geometry::transposed`], plus `bias`
    /// (out channels).
    pub fn new(
        weight: Param,
        bias: Option<Param>,
        geometry: Geometry,
    ) -> Result<ConvTranspose, Error> {
        let g = &geometry;
        let expected = [
            g.out_channels,
            g.channels / g.groups,
            g.kernel[0],
            g.kernel[1],
        ];
        let wrong = |t: &Param, expected: &[usize]| Error::Shape {
            operator: "conv_transpose",
            what: t.name().into(),
            found: t.shape().clone(),
            expected: format!("{expected:?}"),
        };
        if weight.shape().dims() != expected {
            return Err(wrong(&weight, &expected));
        }
        if let Some(b) = &bias
            && b.shape().dims() != [g.channels]
        {
            return Err(wrong(b, &[g.channels]));
        }
        Ok(ConvTranspose {
            input: geometry.output_shape(),
            output: geometry.input_shape(),
            weight,
            bias,
            geometry,
            passes: Passes::default(),
        })
    }
}

impl LinearMap for ConvTranspose {
    fn name(&self) -> &'static str {
        "conv_transpose"
    }
    fn input(&self) -> &Shape {
        &self.input
    }
    fn output(&self) -> &Shape {
        &self.output
    }
    fn row(&self, out: usize, visit: &mut dyn FnMut(usize, f32)) {
        let w = self.weight.data();
        self.geometry.reached(out, &mut |i, k| visit(i, w[k]));
    }
    fn bias(&self, out: usize) -> f32 {
        let [h, w] = self.geometry.input;
        self.bias.as_ref().map_or(0.0, |b| b.data()[out / (h * w)])
    }
    fn chain(&self) -> usize {
        self.geometry.overlap()
    }
    fn adjoint_chain(&self) -> usize {
        let g = &self.geometry;
        g.channels / g.groups * g.kernel[0] * g.kernel[1]
    }
    fn apply(&self, x: ArrayView2<'_, f64>, weights: Weights) -> Array2<f64> {
        let (g, w) = (&self.geometry, self.weight.data());
        self.passes.run(g, w, Direction::Adjoint, weights, x)
    }
    fn adjoint(&self, y: ArrayView2<'_, f64>, weights: Weights) -> Array2<f64> {
        let (g, w) = (&self.geometry, self.weight.data());
        self.passes.run(g, w, Direction::Forward, weights, y)
    }
    fn kernel(&self) -> LinearKernel<'_> {
        LinearKernel::ConvTranspose {
            weight: &self.weight,
            bias: self.bias.as_ref(),
            geometry: &self.geometry,
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
        Ok(Arc::new(ConvTranspose::new(
            params[0].clone(),
            self.bias.as_ref().map(|_| params[1].clone()),
            self.geometry.clone(),
        )?))
    }
}
