//! `Conv`, `AveragePool`, `MaxPool`, and our `SumPool`, along one spatial axis
//! or two.

use super::super::tensor::Literal;
use super::extremum::Extremum;
use super::{Constant, Error, GraphReader, Node, Value, Variable, checked};
use crate::exact::Rational;
use crate::ops::{self, Conv2d, ConvTranspose, Gather, Geometry, Param, Shape, SumPool};

/// What a windowed operator slides over: one spatial axis is an image of
/// width 1.
pub(super) struct Image {
    pub(super) x: Variable,
    pub(super) channels: usize,
    pub(super) extents: [usize; 2],
    /// the number of spatial axes
    pub(super) axes: usize,
}

/// A convolution whose large windows neither overlap nor leave the image (the
/// patches of a vision transformer) as a choice of elements, with one channel
/// per place in a window, and a convolution of single pixels: two plain
/// products, while strides that long make every place a case of its own.
fn separate(g: &Geometry) -> Option<(Result<Gather, ops::Error>, Geometry)> {
    const LARGE: usize = 16;
    let [kh, kw] = g.kernel;
    let apart = g.stride[0] >= kh && g.stride[1] >= kw && g.padding == [0; 4];
    if !apart || g.dilation != [1, 1] || g.groups != 1 || kh * kw < LARGE {
        return None;
    }
    let [h, w] = g.input;
    u32::try_from(g.channels.checked_mul(h)?.checked_mul(w)?).ok()?;
    let channels = g.channels.checked_mul(kh * kw)?;
    let flat = Geometry::new(
        "Conv",
        channels,
        g.output,
        g.out_channels,
        [1, 1],
        [1, 1],
        [0; 4],
        [1, 1],
        1,
    );
    let flat = flat.ok()?;
    let mut index = Vec::with_capacity(channels * g.output[0] * g.output[1]);
    for c in 0..g.channels {
        for (ky, kx) in (0..kh).flat_map(|y| (0..kw).map(move |x| (y, x))) {
            for oy in 0..g.output[0] {
                let row = (c * h + oy * g.stride[0] + ky) * w;
                let at = |ox: usize| Some((row + ox * g.stride[1] + kx) as u32);
                index.extend((0..g.output[1]).map(at));
            }
        }
    }
    let patches = Gather::new(
        Shape::new(&[g.channels, h, w]),
        Shape::new(&[channels, g.output[0], g.output[1]]),
        index,
    );
    Some((patches, flat))
}

/// Windows of a pool.
struct Windows {
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    /// zeros in front, along each axis
    before: [usize; 2],
    /// zeros behind
    after: [usize; 2],
    output: [usize; 2],
}

impl Windows {
    /// The coordinates of window `o` along axis `d`, counted from the first
    /// zero in front.
    fn places(&self, d: usize, o: usize) -> impl Iterator<Item = usize> {
        let (start, step) = (o * self.stride[d], self.dilation[d]);
        (0..self.kernel[d]).map(move |k| start + k * step)
    }

    /// The coordinates of the input in window `o` along axis `d`.
    fn inside(&self, d: usize, o: usize, extent: usize) -> Vec<usize> {
        let places = self.places(d, o);
        let coordinates = places.filter_map(|p| p.checked_sub(self.before[d]));
        coordinates.filter(|&i| i < extent).collect()
    }
}

impl<'m> GraphReader<'m, '_> {
    /// The operand of a windowed operator: a batch axis, channels, one or two
    /// spatial axes.
    pub(super) fn image(&mut self, n: &Node<'m>) -> Result<Image, Error> {
        let x = self.variable(n, 0)?;
        let (channels, extents, axes) = match x.full[..] {
            [1, channels, h, w] if x.batched => (channels, [h, w], 2),
            [1, channels, length] if x.batched => (channels, [length, 1], 1),
            _ => {
                let found = format!("extents {:?}", x.full);
                let expected = "a batch axis, channels, and one or two spatial axes";
                return Err(n.operand(0, found, expected));
            }
        };
        let x = self.view(n, "/image", &x, vec![1, channels, extents[0], extents[1]])?;
        Ok(Image {
            x,
            channels,
            extents,
            axes,
        })
    }

    /// An attribute with one number for each spatial axis.
    pub(super) fn spatial(
        &self,
        n: &Node<'m>,
        name: &str,
        axes: usize,
        default: usize,
    ) -> Result<[usize; 2], Error> {
        match axes {
            1 => Ok([n.extents(name, [default])?[0], 1]),
            _ => n.extents(name, [default; 2]),
        }
    }

    /// `pads`, as top, left, bottom, right.
    pub(super) fn pads(&self, n: &Node<'m>, axes: usize) -> Result<[usize; 4], Error> {
        match axes {
            1 => {
                let [before, after] = n.extents("pads", [0; 2])?;
                Ok([before, 0, after, 0])
            }
            _ => n.extents("pads", [0; 4]),
        }
    }

    /// `pads` or `auto_pad`, as top, left, bottom, right.
    fn padding(
        &self,
        n: &Node<'m>,
        axes: usize,
        input: [usize; 2],
        kernel: [usize; 2],
        stride: [usize; 2],
        dilation: [usize; 2],
    ) -> Result<[usize; 4], Error> {
        let auto = n.string("auto_pad")?.unwrap_or("NOTSET");
        let extra_first = match auto {
            "NOTSET" | "" => return self.pads(n, axes),
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
            let window = window(kernel[d], dilation[d]).ok_or_else(overflow)?;
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
        let image = self.image(n)?;
        let axes = image.axes;
        let w = self.constant(n, 1)?;
        let (weight_dims, kernel) = self.kernel_dims(n, &w, axes)?;
        let stride = self.spatial(n, "strides", axes, 1)?;
        let dilation = self.spatial(n, "dilations", axes, 1)?;
        let padding = self.padding(n, axes, image.extents, kernel, stride, dilation)?;
        let geometry = Geometry::new(
            "Conv",
            image.channels,
            image.extents,
            weight_dims[0],
            kernel,
            stride,
            padding,
            dilation,
            self.groups(n)?,
        )
        .map_err(|e| n.operation(e))?;
        let output = geometry.output_shape();
        checked(output.dims())?;
        let (x, geometry) = match separate(&geometry) {
            Some((patches, flat)) => (self.linear(n, "/patches", image.x.node, patches)?, flat),
            None => (image.x.node, geometry),
        };
        let [kh, kw] = geometry.kernel;
        let dims = [weight_dims[0], geometry.channels / geometry.groups, kh, kw];
        let weight = self.param(n, &w, false, &dims)?;
        let bias = self.channel_bias(n)?;
        let node = self.linear(n, "", x, Conv2d::new(weight, bias, geometry))?;
        self.image_value(n, node, output.dims(), axes)
    }

    /// The adjoint of a convolution with these windows, plus a bias.
    pub(super) fn conv_transpose(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&[
            "auto_pad",
            "dilations",
            "group",
            "kernel_shape",
            "output_padding",
            "output_shape",
            "pads",
            "strides",
        ])?;
        let image = self.image(n)?;
        let axes = image.axes;
        let w = self.constant(n, 1)?;
        let (weight_dims, kernel) = self.kernel_dims(n, &w, axes)?;
        let stride = self.spatial(n, "strides", axes, 1)?;
        let dilation = self.spatial(n, "dilations", axes, 1)?;
        let extra = match axes {
            1 => [n.extents("output_padding", [0])?[0], 0],
            _ => n.extents("output_padding", [0; 2])?,
        };
        let auto = n.string("auto_pad")?.unwrap_or("NOTSET");
        // The output extents fix the padding where they are given.
        let wanted = match (n.has("output_shape"), auto) {
            (true, _) => Some(self.spatial(n, "output_shape", axes, 1)?),
            (false, "SAME_UPPER" | "SAME_LOWER") => {
                Some([0, 1].map(|d| image.extents[d].saturating_mul(stride[d])))
            }
            _ => None,
        };
        let padding = match (wanted, auto) {
            (None, "NOTSET" | "") => self.pads(n, axes)?,
            (None, "VALID") => [0; 4],
            (Some(wanted), "NOTSET" | "" | "VALID" | "SAME_UPPER" | "SAME_LOWER") => {
                let mut pads = [0; 4];
                for d in 0..2 {
                    let full = (image.extents[d] - 1)
                        .checked_mul(stride[d])
                        .zip(window(kernel[d], dilation[d]))
                        .and_then(|(s, w)| s.checked_add(w)?.checked_add(extra[d]));
                    let total = full.and_then(|f| f.checked_sub(wanted[d])).ok_or_else(|| {
                        let found = format!("{wanted:?} without a negative padding");
                        n.bad("output_shape", found, "at most what the windows reach")
                    })?;
                    let half = total / 2;
                    (pads[d], pads[d + 2]) = match auto {
                        "SAME_UPPER" => (half, total - half),
                        _ => (total - half, half),
                    };
                }
                pads
            }
            _ => return Err(n.bad("auto_pad", auto, "NOTSET, VALID, SAME_UPPER or SAME_LOWER")),
        };
        let groups = self.groups(n)?;
        let geometry = Geometry::transposed(
            image.channels,
            image.extents,
            weight_dims[1].saturating_mul(groups),
            kernel,
            stride,
            padding,
            dilation,
            groups,
            extra,
        )
        .map_err(|e| n.operation(e))?;
        let output = geometry.input_shape();
        checked(output.dims())?;
        let weight = self.param(n, &w, false, &weight_dims)?;
        let bias = self.channel_bias(n)?;
        let map = ConvTranspose::new(weight, bias, geometry);
        let node = self.linear(n, "", image.x.node, map)?;
        self.image_value(n, node, output.dims(), axes)
    }

    /// The extents of convolution weights with two spatial axes, and the last
    /// two of them, which `kernel_shape` repeats.
    fn kernel_dims(
        &self,
        n: &Node<'m>,
        w: &Constant<'m>,
        axes: usize,
    ) -> Result<([usize; 4], [usize; 2]), Error> {
        let dims = w.dims()?;
        let four = match dims[..] {
            [o, i, h, w] if axes == 2 => [o, i, h, w],
            [o, i, length] if axes == 1 => [o, i, length, 1],
            _ => {
                let found = format!("extents {dims:?}");
                let expected = "two axes more than the operand has spatial ones";
                return Err(n.operand(&w.name, found, expected));
            }
        };
        let kernel = [four[2], four[3]];
        if n.has("kernel_shape") && self.spatial(n, "kernel_shape", axes, 1)? != kernel {
            let found = format!("other extents than the weights' {dims:?}");
            return Err(n.bad("kernel_shape", found, "the extents of the weights"));
        }
        Ok((four, kernel))
    }

    fn groups(&self, n: &Node<'m>) -> Result<usize, Error> {
        let group = n.int("group", 1)?;
        usize::try_from(group).map_err(|_| n.bad("group", group, "positive"))
    }

    /// Operand 2, one element per channel.
    fn channel_bias(&mut self, n: &Node<'m>) -> Result<Option<Param>, Error> {
        match self.optional(n, 2)? {
            None => Ok(None),
            Some(Value::Constant(b)) => {
                let dims = b.dims()?;
                self.param(n, &b, false, &dims).map(Some)
            }
            Some(Value::Variable(_)) => Err(n.operand(2, "a computed value", "a constant")),
        }
    }

    /// What a windowed operator returns, with as many spatial axes as it took.
    pub(super) fn image_value(
        &mut self,
        n: &Node<'m>,
        node: usize,
        sample: &[usize],
        axes: usize,
    ) -> Result<Value<'m>, Error> {
        let y = Variable {
            node,
            full: [&[1], sample].concat(),
            batched: true,
        };
        let full = y.full[..2 + axes].to_vec();
        self.view(n, "/shape", &y, full).map(Value::Variable)
    }

    /// Our window sums, without a factor.
    pub(super) fn sum_pool(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["dilations", "kernel_shape", "pads", "strides"])?;
        let image = self.image(n)?;
        let windows = self.windows(n, &image)?;
        self.window_sums(n, "", &image, &windows).map(|y| {
            let full = y.full.clone();
            Value::Variable(Variable { full, ..y })
        })
    }

    fn windows(&self, n: &Node<'m>, image: &Image) -> Result<Windows, Error> {
        let axes = image.axes;
        if !n.has("kernel_shape") {
            return Err(n.bad("kernel_shape", "nothing", "one extent per spatial axis"));
        }
        let kernel = self.spatial(n, "kernel_shape", axes, 1)?;
        let stride = self.spatial(n, "strides", axes, 1)?;
        let dilation = self.spatial(n, "dilations", axes, 1)?;
        let padding = self.padding(n, axes, image.extents, kernel, stride, dilation)?;
        // Checks every number against its range.
        Geometry::new(
            "pool",
            image.channels,
            image.extents,
            image.channels,
            kernel,
            stride,
            padding,
            dilation,
            image.channels,
        )
        .map_err(|e| n.operation(e))?;
        let (before, mut after) = ([padding[0], padding[1]], [padding[2], padding[3]]);
        let ceil = n.int("ceil_mode", 0)? != 0;
        let mut output = [0; 2];
        for d in 0..2 {
            let reach = window(kernel[d], dilation[d]).unwrap_or(usize::MAX);
            let padded = image.extents[d] + before[d] + after[d];
            let span = padded.saturating_sub(reach);
            output[d] = if ceil {
                // A window that starts behind the input is left out.
                let count = span.div_ceil(stride[d]) + 1;
                let starts = (count - 1) * stride[d] < image.extents[d] + before[d];
                let count = if starts { count } else { count - 1 };
                after[d] += ((count - 1) * stride[d] + reach).saturating_sub(padded);
                count
            } else {
                span / stride[d] + 1
            };
        }
        checked(&[image.channels, output[0], output[1]])?;
        Ok(Windows {
            kernel,
            stride,
            dilation,
            before,
            after,
            output,
        })
    }

    fn window_sums(
        &mut self,
        n: &Node<'m>,
        part: &str,
        image: &Image,
        windows: &Windows,
    ) -> Result<Variable, Error> {
        let [top, left] = windows.before;
        let [bottom, right] = windows.after;
        let geometry = Geometry::new(
            "pool",
            image.channels,
            image.extents,
            image.channels,
            windows.kernel,
            windows.stride,
            [top, left, bottom, right],
            windows.dilation,
            image.channels,
        )
        .map_err(|e| n.operation(e))?;
        let output = geometry.output_shape();
        let node = self.linear(n, part, image.x.node, SumPool::new(geometry))?;
        Ok(Variable {
            node,
            full: [&[1], output.dims()].concat(),
            batched: true,
        })
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
        let image = self.image(n)?;
        let windows = self.windows(n, &image)?;
        let padded = n.int("count_include_pad", 0)? != 0;
        let sums = self.window_sums(n, "/sum", &image, &windows)?;
        // The number of elements of each window: those of the input, or those
        // of the input with its padding.
        let declared = self.padding(
            n,
            image.axes,
            image.extents,
            windows.kernel,
            windows.stride,
            windows.dilation,
        )?;
        let count = |d: usize, o: usize| {
            if padded {
                let end = image.extents[d] + windows.before[d] + declared[d + 2];
                windows.places(d, o).filter(|&p| p < end).count()
            } else {
                windows.inside(d, o, image.extents[d]).len()
            }
        };
        let mut factors = Vec::new();
        for y in 0..windows.output[0] {
            let rows = count(0, y);
            for x in 0..windows.output[1] {
                factors.push(Rational::from((1, (rows * count(1, x)).max(1) as u64)));
            }
        }
        self.spend(factors.len().saturating_mul(16))?;
        let dims = vec![windows.output[0], windows.output[1]];
        let factors = Literal::numbers(dims, factors);
        let y = self.scaled(n, "", &sums, &factors)?;
        let sample = y.sample().to_vec();
        self.image_value(n, y.node, &sample, image.axes)
    }

    /// Maxima over windows, along the width and then along the height. A
    /// window that leaves the input takes only the elements there are.
    pub(super) fn max_pool(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&[
            "auto_pad",
            "ceil_mode",
            "dilations",
            "kernel_shape",
            "pads",
            "storage_order",
            "strides",
        ])?;
        let image = self.image(n)?;
        let windows = self.windows(n, &image)?;
        let mut y = image.x.clone();
        for d in [1, 0] {
            let extent = image.extents[d];
            let own: Vec<Vec<usize>> = (0..windows.output[d])
                .map(|o| windows.inside(d, o, extent))
                .collect();
            if own.iter().any(Vec::is_empty) {
                return Err(n.bad("pads", windows.before[d], "an element in every window"));
            }
            let alone = own.iter().enumerate().all(|(o, w)| w[..] == [o]);
            if !(alone && own.len() == extent) {
                let part = if d == 1 { "/width" } else { "" };
                y = self.extrema(n, part, Extremum::Max, &y, d + 2, &own)?;
            }
        }
        let sample = y.sample().to_vec();
        self.image_value(n, y.node, &sample, image.axes)
    }
}

/// The reach of a window.
fn window(kernel: usize, dilation: usize) -> Option<usize> {
    kernel
        .checked_sub(1)
        .and_then(|k| k.checked_mul(dilation))
        .and_then(|k| k.checked_add(1))
}
