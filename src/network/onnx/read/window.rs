//! `Conv`, `AveragePool`, and our `SumPool`.

use super::{Error, GraphReader, Node, Value, Variable, checked};
use crate::exact::Rational;
use crate::ops::{Conv2d, Geometry, SumPool};

impl<'m> GraphReader<'m, '_> {
    /// The operand of a windowed operator: a batch axis, channels, two axes.
    fn image(&self, n: &Node<'m>) -> Result<(Variable, usize, [usize; 2]), Error> {
        let x = self.variable(n, 0)?;
        match x.full[..] {
            [1, channels, h, w] if x.batched => Ok((x, channels, [h, w])),
            _ => Err(n.operand(
                0,
                format!("extents {:?}", x.full),
                "a batch axis, channels, height, width",
            )),
        }
    }

    /// `pads` or `auto_pad`, as top, left, bottom, right.
    fn padding(
        &self,
        n: &Node<'m>,
        input: [usize; 2],
        kernel: [usize; 2],
        stride: [usize; 2],
        dilation: [usize; 2],
    ) -> Result<[usize; 4], Error> {
        let auto = n.string("auto_pad")?.unwrap_or("NOTSET");
        let extra_first = match auto {
            "NOTSET" | "" => return n.extents("pads", [0; 4]),
            "VALID" => return Ok([0; 4]),
            "SAME_UPPER" => false,
            "SAME_LOWER" => true,
            _ => {
                return Err(n.bad(
                    "auto_pad",
                    format!("{auto:?}"),
                    "NOTSET, VALID, SAME_UPPER or SAME_LOWER",
                ));
            }
        };
        let mut pads = [0; 4];
        for d in 0..2 {
            // ONNX: output = ceil(input / stride); the odd element goes to the
            // end (UPPER) or the start (LOWER).
            let overflow = || n.bad("auto_pad", auto, "a window of countable extent");
            let window = kernel[d]
                .checked_sub(1)
                .and_then(|k| k.checked_mul(dilation[d]))
                .and_then(|k| k.checked_add(1))
                .ok_or_else(overflow)?;
            if stride[d] == 0 {
                return Err(n.bad("strides", 0, "positive"));
            }
            let output = input[d].div_ceil(stride[d]);
            let reach = (output - 1)
                .checked_mul(stride[d])
                .and_then(|r| r.checked_add(window))
                .ok_or_else(overflow)?;
            let total = reach.saturating_sub(input[d]);
            let (small, large) = (total / 2, total - total / 2);
            (pads[d], pads[d + 2]) = if extra_first {
                (large, small)
            } else {
                (small, large)
            };
        }
        Ok(pads)
    }

    pub(super) fn conv(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&[
            "auto_pad",
            "dilations",
            "group",
            "kernel_shape",
            "pads",
            "strides",
        ])?;
        let (x, channels, input) = self.image(n)?;
        let w = self.constant(n, 1)?;
        let dims = w.dims()?;
        let &[out_channels, _, kh, kw] = &dims[..] else {
            let found = format!("extents {dims:?}");
            return Err(n.operand(&w.name, found, "four axes (a 2-D convolution)"));
        };
        let kernel = n.extents("kernel_shape", [kh, kw])?;
        if kernel != [kh, kw] {
            let found = format!("{kernel:?} against weights {dims:?}");
            return Err(n.bad("kernel_shape", found, "the extents of the weights"));
        }
        let stride = n.extents("strides", [1, 1])?;
        let dilation = n.extents("dilations", [1, 1])?;
        let padding = self.padding(n, input, kernel, stride, dilation)?;
        let group = n.int("group", 1)?;
        let groups = usize::try_from(group).map_err(|_| n.bad("group", group, "positive"))?;
        let geometry = Geometry::new(
            "Conv",
            channels,
            input,
            out_channels,
            kernel,
            stride,
            padding,
            dilation,
            groups,
        )
        .map_err(|e| n.operation(e))?;
        let output = geometry.output_shape();
        checked(output.dims())?;
        let weight = self.param(n, &w, false, &dims)?;
        let bias = match self.optional(n, 2)? {
            None => None,
            Some(Value::Constant(b)) => {
                let dims = b.dims()?;
                Some(self.param(n, &b, false, &dims)?)
            }
            Some(Value::Variable(_)) => {
                return Err(n.operand(2, "a computed value", "a constant"));
            }
        };
        let node = self.linear(n, "", x.node, Conv2d::new(weight, bias, geometry))?;
        Ok(image_value(node, output.dims()))
    }

    fn pool_geometry(&self, n: &Node<'m>) -> Result<(Variable, Geometry), Error> {
        let (x, channels, input) = self.image(n)?;
        if !n.has("kernel_shape") {
            return Err(n.bad("kernel_shape", "nothing", "two extents"));
        }
        let kernel = n.extents("kernel_shape", [1, 1])?;
        let stride = n.extents("strides", [1, 1])?;
        let dilation = n.extents("dilations", [1, 1])?;
        let padding = self.padding(n, input, kernel, stride, dilation)?;
        let geometry = Geometry::new(
            "pool", channels, input, channels, kernel, stride, padding, dilation, channels,
        )
        .map_err(|e| n.operation(e))?;
        checked(geometry.output_shape().dims())?;
        Ok((x, geometry))
    }

    /// Our window sums, without a factor.
    pub(super) fn sum_pool(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["dilations", "kernel_shape", "pads", "strides"])?;
        let (x, geometry) = self.pool_geometry(n)?;
        let output = geometry.output_shape();
        let node = self.linear(n, "", x.node, SumPool::new(geometry))?;
        Ok(image_value(node, output.dims()))
    }

    pub(super) fn average_pool(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&[
            "auto_pad",
            "ceil_mode",
            "count_include_pad",
            "dilations",
            "kernel_shape",
            "pads",
            "strides",
        ])?;
        if n.int("ceil_mode", 0)? != 0 {
            return Err(n.bad("ceil_mode", 1, "0"));
        }
        let (x, geometry) = self.pool_geometry(n)?;
        if geometry.padding != [0; 4] && n.int("count_include_pad", 0)? == 0 {
            return Err(n.bad(
                "count_include_pad",
                "0 with padding, which divides by a different count at the border",
                "1, or no padding",
            ));
        }
        let count = Rational::from((1, geometry.kernel[0] as u64 * geometry.kernel[1] as u64));
        let output = geometry.output_shape();
        let sum = self.linear(n, "/sum", x.node, SumPool::new(geometry))?;
        let node = self.combine(n, vec![count], vec![sum]);
        Ok(image_value(node, output.dims()))
    }
}

fn image_value<'m>(node: usize, sample: &[usize]) -> Value<'m> {
    Value::Variable(Variable {
        node,
        full: [&[1], sample].concat(),
        batched: true,
    })
}
