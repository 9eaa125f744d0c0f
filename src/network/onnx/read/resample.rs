//! `Pad`, and `Resize` and `Upsample` by the nearest element: index maps.

use super::super::tensor::{Data, Literal};
use super::fold::Binary;
use super::{Error, GraphReader, Node, Value};
use crate::exact::{Integer, Rational};

impl<'m> GraphReader<'m, '_> {
    /// Elements put around the operand, or cut off where the number is
    /// negative: a constant, the mirrored operand or its border.
    pub(super) fn pad(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["mode", "pads", "value"])?;
        let mut x = self.value(n, 0)?;
        let dims = x.extents()?;
        let rank = dims.len();
        let mode = n.string("mode")?.unwrap_or("constant");
        let pads = self.integer_list(n, "pads", 1)?;
        let pads = pads.ok_or_else(|| n.bad("pads", "nothing", "a list of integers"))?;
        let axes: Vec<usize> = match self.integers(n, 3)? {
            Some(axes) => {
                self.axes(n, &axes, rank)?;
                let each = axes.iter().map(|&a| self.axis(n, a, rank));
                each.collect::<Result<_, _>>()?
            }
            None => (0..rank).collect(),
        };
        if pads.len() != 2 * axes.len() {
            return Err(n.bad("pads", "a list", "two numbers per axis"));
        }
        let filling = match self.optional(n, 2)? {
            Some(Value::Constant(c)) => {
                let literal = c.literal()?;
                let one = (literal.len() == 1).then(|| literal.at(0)).flatten();
                one.ok_or_else(|| n.operand(&c.name, "another value", "one finite number"))?
            }
            Some(Value::Variable(_)) => {
                return Err(n.operand(2, "a computed value", "a constant"));
            }
            None => Rational::from_f32(n.float("value", 0.0)?).unwrap_or_default(),
        };
        // Ones inside, where the filling is to be left out.
        let mut inside = None;
        if mode == "constant" && filling != 0 {
            let len = self.spend_on(n, &dims)?;
            let data = Data::Floats(vec![1.0; len]);
            let dims = dims.clone();
            inside = Some(self.folded(n, Literal { dims, data }));
        }
        for (k, &axis) in axes.iter().enumerate() {
            let (before, after) = (pads[k], pads[k + axes.len()]);
            if before == 0 && after == 0 {
                continue;
            }
            let extent = dims[axis] as i64;
            if [before, after].iter().any(|p| p.unsigned_abs() > 1 << 24) {
                let found = format!("{before} and {after}");
                return Err(n.bad("pads", found, "at most 2^24"));
            }
            let full = before
                .checked_add(extent)
                .and_then(|s| s.checked_add(after));
            let full = full.filter(|&f| f > 0 && f <= 1 << 24);
            let full = full.ok_or_else(|| {
                n.bad(
                    "pads",
                    format!("{before} and {after}"),
                    "a result of 1 to 2^24",
                )
            })?;
            if axis == 0 {
                self.keep(n, &x, false)?;
            }
            let place = |o: i64| -> Option<i64> {
                let i = o - before;
                match mode {
                    _ if (0..extent).contains(&i) => Some(i),
                    "edge" => Some(i.clamp(0, extent - 1)),
                    "wrap" => Some(i.rem_euclid(extent)),
                    "reflect" if extent == 1 => Some(0),
                    "reflect" => {
                        let i = i.rem_euclid(2 * extent - 2);
                        Some(i.min(2 * extent - 2 - i))
                    }
                    _ => None,
                }
            };
            if !["constant", "edge", "reflect", "wrap"].contains(&mode) {
                return Err(n.bad("mode", mode, "constant, edge, reflect or wrap"));
            }
            let chosen: Vec<_> = (0..full).map(|o| place(o).map(|i| i as usize)).collect();
            x = self.choose(n, &format!("/axis{axis}"), &x, axis, &chosen)?;
            if let Some(ones) = &inside {
                inside = Some(self.choose(n, "", ones, axis, &chosen)?);
            }
        }
        let Some(Value::Constant(ones)) = inside else {
            return Ok(x);
        };
        let ones = ones.literal()?;
        let border = self.fold_each(n, &ones, |v| (Rational::from(1) - v) * &filling)?;
        self.apply(n, "", Binary::Add, x, border)
    }

    /// `Upsample` (opset 9 and older): every element `scale` times, rounded
    /// down.
    pub(super) fn upsample(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["mode", "scales"])?;
        let x = self.value(n, 0)?;
        let scales = match n.floats("scales")? {
            Some(scales) => scales.to_vec(),
            None => self.scales(n, 1)?.unwrap_or_default(),
        };
        self.resampled(n, x, Some(scales), None)
    }

    pub(super) fn resize(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&[
            "antialias",
            "axes",
            "coordinate_transformation_mode",
            "cubic_coeff_a",
            "exclude_outside",
            "extrapolation_value",
            "keep_aspect_ratio_policy",
            "mode",
            "nearest_mode",
        ])?;
        if n.has("axes") {
            return Err(n.bad("axes", "the attribute", "sizes or scales of every axis"));
        }
        if n.int("antialias", 0)? != 0 {
            return Err(n.bad("antialias", 1, "0"));
        }
        let policy = n.string("keep_aspect_ratio_policy")?.unwrap_or("stretch");
        if policy != "stretch" {
            return Err(n.bad("keep_aspect_ratio_policy", policy, "stretch"));
        }
        let x = self.value(n, 0)?;
        // Opset 10 has scales as the second operand, later ones a region
        // before them.
        let position = if self.shared.opset < 11 { 1 } else { 2 };
        let scales = self.scales(n, position)?;
        let sizes = match position {
            1 => None,
            _ => self.integers(n, 3)?,
        };
        let sizes = sizes.filter(|s| !s.is_empty());
        let scales = scales.filter(|_| sizes.is_none());
        self.resampled(n, x, scales, sizes)
    }

    /// The factors of a constant operand; none if it is empty.
    fn scales(&self, n: &Node<'m>, k: usize) -> Result<Option<Vec<f32>>, Error> {
        let Some(value) = self.optional(n, k)? else {
            return Ok(None);
        };
        let Value::Constant(c) = value else {
            return Err(n.operand(k, "a computed value", "constant factors"));
        };
        let literal = c.literal()?;
        Ok(match &literal.data {
            _ if literal.len() == 0 => None,
            Data::Floats(v) => Some(v.clone()),
            _ => return Err(n.operand(k, "integers", "binary32 factors")),
        })
    }

    fn resampled(
        &mut self,
        n: &Node<'m>,
        mut x: Value<'m>,
        scales: Option<Vec<f32>>,
        sizes: Option<Vec<i64>>,
    ) -> Result<Value<'m>, Error> {
        let mode = n.string("mode")?.unwrap_or("nearest");
        if mode != "nearest" {
            return Err(n.bad("mode", mode, "nearest"));
        }
        let dims = x.extents()?;
        let ranks = [scales.as_ref().map(Vec::len), sizes.as_ref().map(Vec::len)];
        if !ranks.contains(&Some(dims.len())) {
            return Err(n.operand(0, format!("extents {dims:?}"), "one scale or size per axis"));
        }
        for (axis, &extent) in dims.iter().enumerate() {
            let input = Rational::from(extent as u64);
            let (scale, output) = match (&scales, &sizes) {
                (_, Some(sizes)) => {
                    let size = Rational::from(sizes[axis]);
                    (Rational::from(&size / &input), size)
                }
                (Some(scales), None) => {
                    let wrong = || n.bad("scales", scales[axis], "positive numbers");
                    let scale = Rational::from_f32(scales[axis]).filter(|s| *s > 0);
                    let scale = scale.ok_or_else(wrong)?;
                    let size = Rational::from(&scale * &input).floor();
                    (scale, size)
                }
                (None, None) => (Rational::from(1), input.clone()),
            };
            let length = output
                .numer()
                .to_usize()
                .filter(|&o| (1..=1 << 24).contains(&o));
            let length = length.ok_or_else(|| n.bad("sizes", &output, "1 to 2^24"))?;
            if scale == 1 && length == extent {
                continue;
            }
            if axis == 0 {
                self.keep(n, &x, false)?;
            }
            // A runtime rounds the coordinates.
            if !scale.is_integer() {
                self.rewritten(n);
            }
            self.spend(length)?;
            let mut chosen = Vec::with_capacity(length);
            for o in 0..length {
                let at = self.coordinate(n, o, &scale, &input, &output)?;
                let i = at.clamp(0, extent as i64 - 1) as usize;
                chosen.push(Some(i));
            }
            x = self.choose(n, &format!("/axis{axis}"), &x, axis, &chosen)?;
        }
        Ok(x)
    }

    /// The input coordinate behind output coordinate `o`.
    fn coordinate(
        &self,
        n: &Node<'m>,
        o: usize,
        scale: &Rational,
        input: &Rational,
        output: &Rational,
    ) -> Result<i64, Error> {
        let half = || Rational::from((1, 2));
        let o = Rational::from(o as u64);
        let centred = || ((&o + half()) / scale) - half();
        let old = self.shared.opset < 11;
        let default = if old { "asymmetric" } else { "half_pixel" };
        let transformation = n
            .string("coordinate_transformation_mode")?
            .unwrap_or(default);
        let x = match transformation {
            "asymmetric" => Rational::from(&o / scale),
            "half_pixel" => centred(),
            "pytorch_half_pixel" if *output > 1 => centred(),
            "pytorch_half_pixel" => Rational::new(),
            "align_corners" if *output > 1 => {
                let (to, from) = (Rational::from(input - 1u32), Rational::from(output - 1u32));
                o * to / from
            }
            "align_corners" => Rational::new(),
            other => {
                return Err(n.bad(
                    "coordinate_transformation_mode",
                    other,
                    "asymmetric, half_pixel, pytorch_half_pixel or align_corners",
                ));
            }
        };
        let default = if old { "floor" } else { "round_prefer_floor" };
        let rounded: Rational = match n.string("nearest_mode")?.unwrap_or(default) {
            "floor" => x.floor(),
            "ceil" => x.ceil(),
            "round_prefer_floor" => (x - half()).ceil(),
            "round_prefer_ceil" => (x + half()).floor(),
            other => return Err(n.bad("nearest_mode", other, "floor, ceil or a rounding")),
        };
        let (whole, _): (Integer, Integer) = rounded.into_numer_denom();
        Ok(whole.to_i64().unwrap_or(i64::MAX))
    }
}
