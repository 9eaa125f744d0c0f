//! Two-dimensional convolution (cross-correlation, as ONNX `Conv`).

use std::sync::Arc;

use ndarray::{Array2, ArrayView2};

use super::windows::{Direction, Passes};
use super::{Error, LinearKernel, LinearMap, Param, Shape, Weights};

/// Extents of a windowed operator on a (channels, height, width) tensor.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    /// input channels
    pub channels: usize,
    /// input height and width
    pub input: [usize; 2],
    /// output channels
    pub out_channels: usize,
    /// output height and width
    pub output: [usize; 2],
    /// kernel height and width
    pub kernel: [usize; 2],
    /// stride in height and width
    pub stride: [usize; 2],
    /// zero padding: top, left, bottom, right
    pub padding: [usize; 4],
    /// dilation in height and width
    pub dilation: [usize; 2],
    /// groups: channels are split into this many independent parts
    pub groups: usize,
}

impl Geometry {
    /// The geometry with its output extents computed; errors when an extent is
    /// zero or too large, channels do not divide by groups, or the window does
    /// not fit.
    #[allow(clippy::too_many_arguments)]
    pub fn new(
        operator: &'static str,
        channels: usize,
        input: [usize; 2],
        out_channels: usize,
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 4],
        dilation: [usize; 2],
        groups: usize,
    ) -> Result<Geometry, Error> {
        let bad = |attribute, value: String, expected| Error::Attribute {
            operator,
            attribute,
            value,
            expected,
        };
        const LIMIT: usize = 1 << 24;
        for (attribute, values) in [
            ("input", &input[..]),
            ("kernel_shape", &kernel),
            ("strides", &stride),
            ("dilations", &dilation),
            ("channels", &[channels, out_channels]),
            ("group", &[groups]),
        ] {
            if values.iter().any(|&v| v == 0 || v > LIMIT) {
                return Err(bad(attribute, format!("{values:?}"), "1 to 2^24"));
            }
        }
        // Windows are walked element by element, padding included.
        const AREA: usize = 1 << 20;
        if kernel[0].saturating_mul(kernel[1]) > AREA {
            return Err(bad(
                "kernel_shape",
                format!("{kernel:?}"),
                "an area of at most 2^20",
            ));
        }
        if padding.iter().any(|&p| p > LIMIT) {
            return Err(bad("pads", format!("{padding:?}"), "0 to 2^24"));
        }
        if !channels.is_multiple_of(groups) || !out_channels.is_multiple_of(groups) {
            return Err(bad(
                "group",
                groups.to_string(),
                "a divisor of both channel counts",
            ));
        }
        let mut output = [0; 2];
        for d in 0..2 {
            let window = (kernel[d] - 1) * dilation[d] + 1;
            let padded = input[d] + padding[d] + padding[d + 2];
            if window > padded {
                return Err(bad(
                    "kernel_shape",
                    format!("{kernel:?}"),
                    "no larger than the padded input",
                ));
            }
            output[d] = (padded - window) / stride[d] + 1;
        }
        Ok(Geometry {
            channels,
            input,
            out_channels,
            output,
            kernel,
            stride,
            padding,
            dilation,
            groups,
        })
    }

    /// Visits the window of output element `out` (flat index) as (flat input
    /// index, offset of the coefficient in a weight of shape (out channels,
    /// channels / groups, kernel h, kernel w)). Padding is skipped.
    pub fn window(&self, out: usize, visit: &mut dyn FnMut(usize, usize)) {
        let [oh, ow] = self.output;
        let (oc, y, x) = (out / (oh * ow), out / ow % oh, out % ow);
        let per_group = self.channels / self.groups;
        let group = oc / (self.out_channels / self.groups);
        let [kh, kw] = self.kernel;
        let [ih, iw] = self.input;
        for c in 0..per_group {
            for ky in 0..kh {
                let Some(iy) = (y * self.stride[0] + ky * self.dilation[0])
                    .checked_sub(self.padding[0])
                    .filter(|&v| v < ih)
                else {
                    continue;
                };
                for kx in 0..kw {
                    let Some(ix) = (x * self.stride[1] + kx * self.dilation[1])
                        .checked_sub(self.padding[1])
                        .filter(|&v| v < iw)
                    else {
                        continue;
                    };
                    visit(
                        ((group * per_group + c) * ih + iy) * iw + ix,
                        ((oc * per_group + c) * kh + ky) * kw + kx,
                    );
                }
            }
        }
    }

    /// Visits the windows that input element `inp` (flat index) is in, as (flat
    /// output index, offset of the coefficient): the transpose of
    /// [`window`](Geometry::window).
    pub fn reached(&self, inp: usize, visit: &mut dyn FnMut(usize, usize)) {
        let [ih, iw] = self.input;
        let (ic, y, x) = (inp / (ih * iw), inp / iw % ih, inp % iw);
        let per_group = self.channels / self.groups;
        let outs = self.out_channels / self.groups;
        let (group, c) = (ic / per_group, ic % per_group);
        let [kh, kw] = self.kernel;
        let [oh, ow] = self.output;
        // The window along axis `d` that meets position `at` with its tap `k`.
        let place = |d: usize, at: usize, k: usize| {
            let from = (at + self.padding[d]).checked_sub(k * self.dilation[d])?;
            let o = from / self.stride[d];
            (from % self.stride[d] == 0 && o < self.output[d]).then_some(o)
        };
        for oc in group * outs..(group + 1) * outs {
            for ky in 0..kh {
                let Some(oy) = place(0, y, ky) else { continue };
                for kx in 0..kw {
                    let Some(ox) = place(1, x, kx) else { continue };
                    visit(
                        (oc * oh + oy) * ow + ox,
                        ((oc * per_group + c) * kh + ky) * kw + kx,
                    );
                }
            }
        }
    }

    /// Shape of the input tensor.
    pub fn input_shape(&self) -> Shape {
        Shape::new(&[self.channels, self.input[0], self.input[1]])
    }

    /// Shape of the output tensor.
    pub fn output_shape(&self) -> Shape {
        Shape::new(&[self.out_channels, self.output[0], self.output[1]])
    }

    /// An upper bound on the number of windows one input element is in.
    pub fn overlap(&self) -> usize {
        let per = |d: usize| {
            self.kernel[d].div_ceil(self.stride[d]).max(1)
                * self.dilation[d].min(self.kernel[d]).max(1)
        };
        (per(0).min(self.kernel[0]) * per(1).min(self.kernel[1]))
            * (self.out_channels / self.groups)
    }
}

/// Convolution with stride, zero padding, dilation and groups.
#[derive(Debug)]
pub struct Conv2d {
    weight: Param,
    bias: Option<Param>,
    geometry: Geometry,
    input: Shape,
    output: Shape,
    passes: Passes,
}

impl Conv2d {
    /// A convolution from `weight` (out channels, channels / groups, kh, kw),
    /// `bias` (out channels) and a geometry that agrees with them.
    pub fn new(weight: Param, bias: Option<Param>, geometry: Geometry) -> Result<Conv2d, Error> {
        let g = &geometry;
        let expected = [
            g.out_channels,
            g.channels / g.groups,
            g.kernel[0],
            g.kernel[1],
        ];
        let wrong = |t: &Param, expected: &[usize]| Error::Shape {
            operator: "conv2d",
            what: t.name().into(),
            found: t.shape().clone(),
            expected: format!("{expected:?}"),
        };
        if weight.shape().dims() != expected {
            return Err(wrong(&weight, &expected));
        }
        if let Some(b) = &bias
            && b.shape().dims() != [g.out_channels]
        {
            return Err(wrong(b, &[g.out_channels]));
        }
        Ok(Conv2d {
            input: geometry.input_shape(),
            output: geometry.output_shape(),
            weight,
            bias,
            geometry,
            passes: Passes::default(),
        })
    }
}

impl LinearMap for Conv2d {
    fn name(&self) -> &'static str {
        "conv2d"
    }
    fn input(&self) -> &Shape {
        &self.input
    }
    fn output(&self) -> &Shape {
        &self.output
    }
    fn row(&self, out: usize, visit: &mut dyn FnMut(usize, f32)) {
        let w = self.weight.data();
        self.geometry.window(out, &mut |i, k| visit(i, w[k]));
    }
    fn bias(&self, out: usize) -> f32 {
        let [h, w] = self.geometry.output;
        self.bias.as_ref().map_or(0.0, |b| b.data()[out / (h * w)])
    }
    fn chain(&self) -> usize {
        let g = &self.geometry;
        g.channels / g.groups * g.kernel[0] * g.kernel[1]
    }
    fn adjoint_chain(&self) -> usize {
        self.geometry.overlap()
    }
    fn apply(&self, x: ArrayView2<'_, f64>, weights: Weights) -> Array2<f64> {
        let (g, w) = (&self.geometry, self.weight.data());
        self.passes.run(g, w, Direction::Forward, weights, x)
    }
    fn adjoint(&self, y: ArrayView2<'_, f64>, weights: Weights) -> Array2<f64> {
        let (g, w) = (&self.geometry, self.weight.data());
        self.passes.run(g, w, Direction::Adjoint, weights, y)
    }
    fn kernel(&self) -> LinearKernel<'_> {
        LinearKernel::Conv2d {
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
        Ok(Arc::new(Conv2d::new(
            params[0].clone(),
            self.bias.as_ref().map(|_| params[1].clone()),
            self.geometry.clone(),
        )?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]
        #[test]
        fn no_column_is_longer_than_the_overlap(
            input in prop::array::uniform2(1usize..14),
            kernel in prop::array::uniform2(1usize..6),
            stride in prop::array::uniform2(1usize..6),
            dilation in prop::array::uniform2(1usize..8),
            padding in prop::array::uniform4(0usize..9),
            (groups, per_in, per_out) in (1usize..3, 1usize..3, 1usize..3),
        ) {
            let (channels, outs) = (groups * per_in, groups * per_out);
            let Ok(g) = Geometry::new(
                "conv2d", channels, input, outs, kernel, stride, padding, dilation, groups,
            ) else {
                return Ok(());
            };
            let mut column = vec![0usize; g.input_shape().len()];
            let mut longest = 0;
            for o in 0..g.output_shape().len() {
                let mut row = 0;
                g.window(o, &mut |i, _| {
                    column[i] += 1;
                    row += 1;
                });
                longest = longest.max(row);
            }
            prop_assert!(column.iter().all(|&n| n <= g.overlap()), "{g:?}");
            prop_assert!(longest <= per_in * kernel[0] * kernel[1]);
        }
    }
}
