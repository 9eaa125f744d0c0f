//! Operators whose outputs are input elements or zeros: `Transpose`, `Concat`,
//! `Split`, `Slice`, `Gather`, `Expand`, `Tile`. Each is one list of positions,
//! applied to a constant here or to a computed value by an index map.

use super::super::tensor::{Data, Literal};
use super::{Error, GraphReader, Node, Value, Variable, checked};
use crate::exact::Rational;

/// Distance in a row-major tensor between neighbours along each axis.
pub(super) fn strides(dims: &[usize]) -> Vec<i64> {
    let mut step = 1;
    let mut all: Vec<i64> = dims
        .iter()
        .rev()
        .map(|&d| {
            let own = step;
            step *= d as i64;
            own
        })
        .collect();
    all.reverse();
    all
}

/// `start + Σ i_k strides_k` for every index `i` below `extents`, row-major.
pub(super) fn positions(extents: &[usize], strides: &[i64], start: i64) -> Vec<usize> {
    let mut all = vec![start];
    for (&extent, &stride) in extents.iter().zip(strides) {
        all = all
            .iter()
            .flat_map(|&p| (0..extent as i64).map(move |i| p + i * stride))
            .collect();
    }
    all.into_iter().map(|p| p as usize).collect()
}

/// The elements of a tensor of extents `dims` that have, along `axis`, the
/// coordinates `chosen`.
fn along(dims: &[usize], axis: usize, chosen: &[Option<usize>]) -> Vec<Option<u32>> {
    let (extent, inner) = (dims[axis], dims[axis + 1..].iter().product::<usize>());
    let outer: usize = dims[..axis].iter().product();
    let mut index = Vec::with_capacity(outer * chosen.len() * inner);
    for o in 0..outer {
        for c in chosen {
            let at = |c: usize, i: usize| ((o * extent + c) * inner + i) as u32;
            index.extend((0..inner).map(|i| c.map(|c| at(c, i))));
        }
    }
    index
}

fn whole(index: Vec<usize>) -> Vec<Option<u32>> {
    index.into_iter().map(|i| Some(i as u32)).collect()
}

/// The extents both operands are repeated to.
pub(super) fn broadcast(n: &Node<'_>, a: &[usize], b: &[usize]) -> Result<Vec<usize>, Error> {
    let rank = a.len().max(b.len());
    let at = |d: &[usize], k: usize| (k + d.len()).checked_sub(rank).map_or(1, |k| d[k]);
    (0..rank)
        .map(|k| match (at(a, k), at(b, k)) {
            (x, 1) => Ok(x),
            (1, y) => Ok(y),
            (x, y) if x == y => Ok(x),
            _ => Err(n.operand(
                1,
                format!("extents {b:?} against {a:?}"),
                "extents that broadcast",
            )),
        })
        .collect()
}

/// The position in a tensor of extents `dims` behind each element of extents
/// `full`, to which it is repeated.
pub(super) fn repeated(dims: &[usize], full: &[usize]) -> Vec<usize> {
    let own = strides(dims);
    let steps: Vec<i64> = (0..full.len())
        .map(|k| {
            (k + dims.len())
                .checked_sub(full.len())
                .map_or(0, |k| if dims[k] == 1 { 0 } else { own[k] })
        })
        .collect();
    positions(full, &steps, 0)
}

impl<'m> GraphReader<'m, '_> {
    /// The number of elements of `dims`, within the limit and counted.
    pub(super) fn spend_on(&mut self, n: &Node<'m>, dims: &[usize]) -> Result<usize, Error> {
        let len = self.shape(&n.name, dims)?.len();
        self.spend(len)?;
        Ok(len)
    }

    /// The elements with coordinates `chosen` along `axis`, zeros where there
    /// is none.
    pub(super) fn choose(
        &mut self,
        n: &Node<'m>,
        part: &str,
        value: &Value<'m>,
        axis: usize,
        chosen: &[Option<usize>],
    ) -> Result<Value<'m>, Error> {
        let dims = value.extents()?;
        let mut full = dims.clone();
        full[axis] = chosen.len();
        self.spend_on(n, &full)?;
        let index = along(&dims, axis, chosen);
        self.select(n, part, value, full, index)
    }

    /// `x` with its axes in the order `order`.
    pub(super) fn permute(
        &mut self,
        n: &Node<'m>,
        part: &str,
        x: &Variable,
        order: &[usize],
    ) -> Result<Variable, Error> {
        let value = self.permute_value(n, part, &Value::Variable(x.clone()), order)?;
        self.as_variable(n, value)
    }

    pub(super) fn permute_value(
        &mut self,
        n: &Node<'m>,
        part: &str,
        value: &Value<'m>,
        order: &[usize],
    ) -> Result<Value<'m>, Error> {
        let dims = value.extents()?;
        let own = strides(&dims);
        let full: Vec<usize> = order.iter().map(|&k| dims[k]).collect();
        let steps: Vec<i64> = order.iter().map(|&k| own[k]).collect();
        self.spend_on(n, &full)?;
        let index = whole(positions(&full, &steps, 0));
        self.select(n, part, value, full, index)
    }

    /// `x` repeated along the axes where `full` is longer.
    pub(super) fn expand(
        &mut self,
        n: &Node<'m>,
        part: &str,
        x: &Variable,
        full: &[usize],
    ) -> Result<Variable, Error> {
        if x.full == full {
            return Ok(x.clone());
        }
        self.keep_batch(n, x, full.len() == x.full.len() && full[0] == 1)?;
        self.spend_on(n, full)?;
        let index = whole(repeated(&x.full, full));
        self.index_map(n, part, x, full.to_vec(), index)
    }

    pub(super) fn transpose(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["perm"])?;
        let x = self.value(n, 0)?;
        let rank = x.extents()?.len();
        let order = match n.ints("perm")? {
            None => (0..rank).rev().collect(),
            Some(perm) => {
                let list: Option<Vec<usize>> =
                    perm.iter().map(|&k| usize::try_from(k).ok()).collect();
                let valid = list.filter(|p| p.len() == rank && (0..rank).all(|k| p.contains(&k)));
                valid.ok_or_else(|| {
                    n.bad("perm", format!("{perm:?}"), "a permutation of the axes")
                })?
            }
        };
        self.keep(n, &x, order.first() == Some(&0))?;
        self.permute_value(n, "", &x, &order)
    }

    /// Constants are joined; else each part is placed in an otherwise zero
    /// tensor, and they are added.
    pub(super) fn concat(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["axis"])?;
        let mut values = Vec::new();
        let mut extents = Vec::new();
        for k in 0..n.proto.input.len() {
            let value = self.value(n, k)?;
            extents.push(value.extents()?);
            values.push(value);
        }
        let Some(first) = extents.first().cloned() else {
            return Err(n.operand(0, "nothing", "at least one operand"));
        };
        let rank = first.len();
        if !n.has("axis") {
            return Err(n.bad("axis", "nothing", "an axis"));
        }
        let axis = self.axis(n, n.int("axis", 0)?, rank)?;
        for (k, (value, dims)) in values.iter().zip(&extents).enumerate() {
            if dims.len() != rank || (0..rank).any(|a| a != axis && dims[a] != first[a]) {
                let found = format!("extents {dims:?} beside {first:?}");
                return Err(n.operand(k, found, "extents equal but for the axis"));
            }
            self.keep(n, value, axis != 0)?;
        }
        // Empty parts add nothing.
        let (mut values, extents): (Vec<_>, Vec<_>) = values
            .into_iter()
            .zip(extents)
            .filter(|(_, dims)| dims[axis] > 0)
            .unzip();
        if values.len() == 1 {
            return Ok(values.swap_remove(0));
        }
        let mut full = first;
        full[axis] = extents
            .iter()
            .try_fold(0usize, |sum, dims| sum.checked_add(dims[axis]))
            .unwrap_or(usize::MAX);
        self.spend_on(n, &full)?;
        let constants: Option<Vec<_>> = values
            .iter()
            .map(|v| match v {
                Value::Constant(c) => Some(c.clone()),
                Value::Variable(_) => None,
            })
            .collect();
        if let Some(constants) = constants {
            let literals = constants.iter().map(|c| c.literal());
            let literals = literals.collect::<Result<Vec<_>, _>>()?;
            let parts: Vec<&Literal> = literals.iter().map(|l| &**l).collect();
            return self.join(n, &parts, axis, full);
        }
        let mut offset = 0;
        let mut placed: Vec<Variable> = Vec::new();
        for (k, (value, dims)) in values.into_iter().zip(&extents).enumerate() {
            let x = self.as_variable(n, value)?;
            let own = dims[axis];
            let chosen: Vec<Option<usize>> = (0..full[axis])
                .map(|i| i.checked_sub(offset).filter(|&i| i < own))
                .collect();
            let part = self.choose(n, &format!("/part{k}"), &Value::Variable(x), axis, &chosen)?;
            let part = self.as_variable(n, part)?;
            placed.push(self.view_as(n, "", &part, full.clone(), true)?);
            offset += own;
        }
        let coefficients = vec![Rational::from(1); placed.len()];
        let nodes = placed.iter().map(|p| p.node).collect();
        let node = self.combine(n, "", coefficients, nodes);
        Ok(Value::Variable(Variable {
            node,
            ..placed[0].clone()
        }))
    }

    fn join(
        &mut self,
        n: &Node<'m>,
        parts: &[&Literal],
        axis: usize,
        full: Vec<usize>,
    ) -> Result<Value<'m>, Error> {
        fn rows<T: Clone>(parts: &[(&[T], usize)], outer: usize) -> Vec<T> {
            let row = |o: usize| {
                let of = move |&(v, len): &(&[T], usize)| v[o * len..(o + 1) * len].to_vec();
                parts.iter().flat_map(of)
            };
            (0..outer).flat_map(row).collect()
        }
        let outer: usize = full[..axis].iter().product();
        let len = |l: &Literal| l.dims[axis..].iter().product::<usize>();
        let ints = |l: &Literal| matches!(l.data, Data::Ints(_));
        if parts.iter().all(|l| ints(l)) {
            let all: Vec<_> = parts
                .iter()
                .filter_map(|l| match &l.data {
                    Data::Ints(v) => Some((&v[..], len(l))),
                    _ => None,
                })
                .collect();
            let data = Data::Ints(rows(&all, outer));
            return Ok(self.folded(n, Literal { dims: full, data }));
        }
        if parts.iter().any(|l| ints(l)) {
            return Err(n.operand(0, "integers beside numbers", "operands of one type"));
        }
        let floats: Option<Vec<_>> = parts
            .iter()
            .map(|l| match &l.data {
                Data::Floats(v) => Some((&v[..], len(l))),
                _ => None,
            })
            .collect();
        if let Some(all) = floats {
            let data = Data::Floats(rows(&all, outer));
            return Ok(self.folded(n, Literal { dims: full, data }));
        }
        self.spend(full.iter().product::<usize>().saturating_mul(16))?;
        let mut exact = Vec::new();
        for l in parts {
            let values: Option<Vec<Rational>> = (0..l.len()).map(|i| l.at(i)).collect();
            exact.push(values.ok_or_else(|| n.operand(0, "NaN or infinity", "finite numbers"))?);
        }
        let lengths = parts.iter().map(|l| len(l));
        let all: Vec<_> = exact.iter().map(|v| &v[..]).zip(lengths).collect();
        let values = rows(&all, outer);
        Ok(self.folded(n, Literal::numbers(full, values)))
    }

    /// The consecutive parts of the operand along `axis`, one per output.
    pub(super) fn split(&mut self, n: &Node<'m>) -> Result<Vec<Value<'m>>, Error> {
        n.only(&["axis", "num_outputs", "split"])?;
        let x = self.value(n, 0)?;
        let dims = x.extents()?;
        let axis = self.axis(n, n.int("axis", 0)?, dims.len())?;
        self.keep(n, &x, axis != 0)?;
        let outputs = n.proto.output.len();
        let lengths = match self.integer_list(n, "split", 1)? {
            Some(list) => {
                let whole: Option<Vec<usize>> =
                    list.iter().map(|&l| usize::try_from(l).ok()).collect();
                let total = |l: &Vec<usize>| l.iter().try_fold(0usize, |s, &l| s.checked_add(l));
                whole
                    .filter(|l| l.len() == outputs && total(l) == Some(dims[axis]))
                    .ok_or_else(|| {
                        n.bad(
                            "split",
                            format!("{list:?} of {}", dims[axis]),
                            "one length per output, together the extent of the axis",
                        )
                    })?
            }
            None => {
                let parts = n.int("num_outputs", outputs as i64)?;
                if usize::try_from(parts) != Ok(outputs) {
                    return Err(n.bad("num_outputs", parts, "the number of outputs"));
                }
                // The last part is the shorter one.
                let each = dims[axis].div_ceil(outputs);
                (0..outputs)
                    .map(|k| each.min(dims[axis].saturating_sub(k * each)))
                    .collect()
            }
        };
        let mut start = 0;
        let mut parts = Vec::new();
        for (k, len) in lengths.into_iter().enumerate() {
            if len == 0 {
                return Err(n.bad("split", "an empty part", "parts of at least one element"));
            }
            let chosen: Vec<Option<usize>> = (start..start + len).map(Some).collect();
            parts.push(self.choose(n, &format!("/part{k}"), &x, axis, &chosen)?);
            start += len;
        }
        Ok(parts)
    }

    pub(super) fn slice(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["axes", "starts", "ends"])?;
        let x = self.value(n, 0)?;
        let dims = x.extents()?;
        let need = |v: Option<Vec<i64>>, what: &str| {
            v.ok_or_else(|| n.bad(what, "nothing", "a list of integers"))
        };
        let starts = need(self.integer_list(n, "starts", 1)?, "starts")?;
        let ends = need(self.integer_list(n, "ends", 2)?, "ends")?;
        let axes = self.integer_list(n, "axes", 3)?;
        let axes = axes.unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = self.integers(n, 4)?;
        let steps = steps.unwrap_or_else(|| vec![1; starts.len()]);
        if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
            return Err(n.bad("starts", format!("{starts:?}"), "lists of equal length"));
        }
        let mut full = dims.clone();
        let mut step_of = strides(&dims);
        let mut origin = 0;
        self.axes(n, &axes, dims.len())?;
        for k in 0..starts.len() {
            let axis = self.axis(n, axes[k], dims.len())?;
            let extent = dims[axis] as i64;
            let (start, count) = slice_range(starts[k], ends[k], steps[k], extent);
            if steps[k] == 0 || count == 0 && matches!(x, Value::Variable(_)) {
                return Err(n.bad("steps", steps[k], "a slice of at least one element"));
            }
            if axis == 0 {
                let all = starts[k] == 0 && steps[k] == 1 && ends[k] >= i64::from(i32::MAX);
                self.keep(n, &x, all)?;
            }
            full[axis] = count as usize;
            origin += start * step_of[axis];
            step_of[axis] *= steps[k].clamp(-extent, extent);
        }
        self.spend_on(n, &full)?;
        let index = whole(positions(&full, &step_of, origin));
        self.select(n, "", &x, full, index)
    }

    pub(super) fn gather(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["axis"])?;
        let x = self.value(n, 0)?;
        let dims = x.extents()?;
        let c = self.constant(n, 1)?;
        let literal = c.literal()?;
        let Data::Ints(indices) = &literal.data else {
            return Err(n.operand(&c.name, "binary32 numbers", "integers"));
        };
        let axis = self.axis(n, n.int("axis", 0)?, dims.len())?;
        self.keep(n, &x, axis != 0)?;
        let extent = dims[axis];
        let mut chosen = Vec::with_capacity(indices.len());
        for &i in indices {
            let at = if i < 0 {
                i.saturating_add(extent as i64)
            } else {
                i
            };
            let at = usize::try_from(at).ok().filter(|&k| k < extent);
            let at = at.ok_or_else(|| n.operand(&c.name, i, "an index below the extent"))?;
            chosen.push(Some(at));
        }
        let full = [&dims[..axis], &literal.dims, &dims[axis + 1..]].concat();
        self.spend_on(n, &full)?;
        let index = along(&dims, axis, &chosen);
        self.select(n, "", &x, full, index)
    }

    /// `Expand` to a constant shape, broadcasting both ways.
    pub(super) fn expand_to(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&[])?;
        let x = self.value(n, 0)?;
        let dims = x.extents()?;
        let shape = self.integers(n, 1)?;
        let shape = shape.ok_or_else(|| n.operand(1, "nothing", "a constant shape"))?;
        let list: Option<Vec<usize>> = shape.iter().map(|&d| usize::try_from(d).ok()).collect();
        let list = list.ok_or_else(|| n.operand(1, format!("{shape:?}"), "extents"))?;
        let full = broadcast(n, &dims, &list)?;
        if full == dims {
            return Ok(x);
        }
        let batch = full.len() == dims.len() && full[0] == 1;
        self.keep(n, &x, batch)?;
        self.spend_on(n, &full)?;
        let index = whole(repeated(&dims, &full));
        self.select(n, "", &x, full, index)
    }

    pub(super) fn tile(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&[])?;
        let mut x = self.value(n, 0)?;
        let dims = x.extents()?;
        let repeats = self.integers(n, 1)?.unwrap_or_default();
        let list: Option<Vec<usize>> = repeats.iter().map(|&r| usize::try_from(r).ok()).collect();
        let list = list.filter(|r| r.len() == dims.len() && !r.contains(&0));
        let list = list
            .ok_or_else(|| n.operand(1, format!("{repeats:?}"), "one positive number per axis"))?;
        self.keep(n, &x, list.first().is_none_or(|&r| r == 1))?;
        for (axis, &r) in list.iter().enumerate().filter(|(_, r)| **r != 1) {
            let mut full = x.extents()?;
            full[axis] = full[axis].saturating_mul(r);
            checked(&full)?;
            let chosen: Vec<_> = (0..full[axis]).map(|i| Some(i % dims[axis])).collect();
            x = self.choose(n, &format!("/axis{axis}"), &x, axis, &chosen)?;
        }
        Ok(x)
    }
}

/// First element and number of elements of a slice, as ONNX clamps them.
fn slice_range(start: i64, end: i64, step: i64, extent: i64) -> (i64, i64) {
    let from_end = |v: i64| if v < 0 { v.saturating_add(extent) } else { v };
    let (start, end) = (from_end(start), from_end(end));
    if extent == 0 {
        return (0, 0);
    }
    let (start, span) = if step >= 0 {
        let start = start.clamp(0, extent);
        (start, end.clamp(0, extent) - start)
    } else {
        let start = start.clamp(0, extent - 1);
        (start, start - end.clamp(-1, extent - 1))
    };
    let stride = step.unsigned_abs().clamp(1, extent as u64) as i64;
    if span <= 0 {
        return (0, 0);
    }
    (start, (span + stride - 1) / stride)
}
