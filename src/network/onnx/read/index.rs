//! Operators whose outputs are input elements or zeros: `Transpose`, `Concat`,
//! `Slice`, `Gather`, `Pad`.

use super::{Data, Error, GraphReader, Node, Value, Variable};
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

fn whole(index: Vec<usize>) -> Vec<Option<u32>> {
    index.into_iter().map(|i| Some(i as u32)).collect()
}

impl<'m> GraphReader<'m, '_> {
    /// `x` with its axes in the order `order`.
    pub(super) fn permute(
        &mut self,
        n: &Node<'m>,
        part: &str,
        x: &Variable,
        order: &[usize],
    ) -> Result<Variable, Error> {
        let own = strides(&x.full);
        let full: Vec<usize> = order.iter().map(|&k| x.full[k]).collect();
        let steps: Vec<i64> = order.iter().map(|&k| own[k]).collect();
        let len = self.shape(&n.name, &full)?.len();
        self.spend(len)?;
        let index = whole(positions(&full, &steps, 0));
        self.index_map(n, part, x, full, index)
    }

    pub(super) fn transpose(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["perm"])?;
        let x = self.variable(n, 0)?;
        let rank = x.full.len();
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
        self.keep_batch(n, &x, order.first() == Some(&0))?;
        self.permute(n, "", &x, &order).map(Value::Variable)
    }

    /// Each part placed in an otherwise zero tensor, then their sum.
    pub(super) fn concat(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["axis"])?;
        let mut parts = Vec::new();
        for k in 0..n.proto.input.len() {
            parts.push(match self.value(n, k)? {
                Value::Variable(x) => x,
                Value::Constant(c) => self.constant_variable(n, &c)?,
            });
        }
        let Some(first) = parts.first().cloned() else {
            return Err(n.operand(0, "nothing", "at least one operand"));
        };
        let rank = first.full.len();
        if !n.has("axis") {
            return Err(n.bad("axis", "nothing", "an axis"));
        }
        let axis = self.axis(n, n.int("axis", 0)?, rank)?;
        for (k, p) in parts.iter().enumerate() {
            let fits =
                p.full.len() == rank && (0..rank).all(|a| a == axis || p.full[a] == first.full[a]);
            if !fits {
                let found = format!("extents {:?} beside {:?}", p.full, first.full);
                return Err(n.operand(k, found, "extents equal but for the axis"));
            }
            self.keep_batch(n, p, axis != 0)?;
        }
        if parts.len() == 1 {
            return Ok(Value::Variable(first));
        }
        let mut full = first.full.clone();
        full[axis] = parts
            .iter()
            .try_fold(0usize, |sum, p| sum.checked_add(p.full[axis]))
            .unwrap_or(usize::MAX);
        let len = self.shape(&n.name, &full)?.len();
        let inner: usize = full[axis + 1..].iter().product();
        let mut offset = 0;
        let mut placed: Vec<Variable> = Vec::new();
        for (k, p) in parts.iter().enumerate() {
            self.spend(len)?;
            let own = p.full[axis];
            let row = full[axis] * inner;
            let index = (0..len)
                .map(|o| {
                    let (outer, at) = (o / row, o % row);
                    at.checked_sub(offset * inner)
                        .filter(|&i| i < own * inner)
                        .map(|i| (outer * own * inner + i) as u32)
                })
                .collect();
            placed.push(self.index_map(n, &format!("/part{k}"), p, full.clone(), index)?);
            offset += own;
        }
        let coefficients = vec![Rational::from(1); placed.len()];
        let nodes = placed.iter().map(|p| p.node).collect();
        let node = self.combine(n, coefficients, nodes);
        Ok(Value::Variable(Variable {
            node,
            ..placed[0].clone()
        }))
    }

    pub(super) fn slice(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["axes", "starts", "ends"])?;
        let x = self.variable(n, 0)?;
        let list = |attribute: &str, k: usize| -> Result<Option<Vec<i64>>, Error> {
            match n.ints(attribute)? {
                Some(v) => Ok(Some(v.to_vec())),
                None => self.integers(n, k),
            }
        };
        let need = |v: Option<Vec<i64>>, what: &str| {
            v.ok_or_else(|| n.bad(what, "nothing", "a list of integers"))
        };
        let starts = need(list("starts", 1)?, "starts")?;
        let ends = need(list("ends", 2)?, "ends")?;
        let axes = list("axes", 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = self
            .integers(n, 4)?
            .unwrap_or_else(|| vec![1; starts.len()]);
        if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
            return Err(n.bad("starts", format!("{starts:?}"), "lists of equal length"));
        }
        let mut full = x.full.clone();
        let mut step_of = strides(&x.full);
        let mut origin = 0;
        self.axes(n, &axes, x.full.len())?;
        for k in 0..starts.len() {
            let axis = self.axis(n, axes[k], x.full.len())?;
            let extent = x.full[axis] as i64;
            let (start, count) = slice_range(starts[k], ends[k], steps[k], extent)
                .ok_or_else(|| n.bad("steps", steps[k], "a slice of at least one element"))?;
            if axis == 0 {
                let all = starts[k] == 0 && steps[k] == 1 && ends[k] >= i64::from(i32::MAX);
                self.keep_batch(n, &x, all)?;
            }
            full[axis] = count as usize;
            origin += start * step_of[axis];
            step_of[axis] *= steps[k].clamp(-extent, extent);
        }
        let len = self.shape(&n.name, &full)?.len();
        self.spend(len)?;
        let index = whole(positions(&full, &step_of, origin));
        self.index_map(n, "", &x, full, index).map(Value::Variable)
    }

    pub(super) fn gather(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["axis"])?;
        let x = self.variable(n, 0)?;
        let c = self.constant(n, 1)?;
        let literal = c.literal()?;
        let Data::Ints(indices) = &literal.data else {
            return Err(n.operand(&c.name, "binary32 numbers", "integers"));
        };
        let axis = self.axis(n, n.int("axis", 0)?, x.full.len())?;
        self.keep_batch(n, &x, axis != 0)?;
        let extent = x.full[axis];
        let mut chosen = Vec::with_capacity(indices.len());
        for &i in indices {
            let at = if i < 0 {
                i.saturating_add(extent as i64)
            } else {
                i
            };
            let at = usize::try_from(at).ok().filter(|&k| k < extent);
            chosen.push(at.ok_or_else(|| n.operand(&c.name, i, "an index below the extent"))?);
        }
        let full = [&x.full[..axis], &literal.dims, &x.full[axis + 1..]].concat();
        let len = self.shape(&n.name, &full)?.len();
        self.spend(len)?;
        let inner: usize = x.full[axis + 1..].iter().product();
        let row = chosen.len() * inner;
        let index = (0..len)
            .map(|o| {
                let (outer, at) = (o / row, o % row);
                Some(((outer * extent + chosen[at / inner]) * inner + at % inner) as u32)
            })
            .collect();
        self.index_map(n, "", &x, full, index).map(Value::Variable)
    }

    pub(super) fn pad(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["mode", "pads", "value"])?;
        let x = self.variable(n, 0)?;
        let mode = n.string("mode")?.unwrap_or("constant");
        if mode != "constant" {
            return Err(n.bad("mode", mode, "constant"));
        }
        let pads = match n.ints("pads")? {
            Some(pads) => Some(pads.to_vec()),
            None => self.integers(n, 1)?,
        };
        let pads = pads.ok_or_else(|| n.bad("pads", "nothing", "a list of integers"))?;
        let value = match self.optional(n, 2)? {
            Some(_) => {
                let c = self.constant(n, 2)?;
                let literal = c.literal()?;
                self.floats(n, &c, &literal)?.first().copied()
            }
            None => Some(n.float("value", 0.0)?),
        };
        if value != Some(0.0) {
            return Err(n.bad("value", format!("{value:?}"), "0"));
        }
        if self.optional(n, 3)?.is_some() {
            return Err(n.operand(3, "axes", "pads for all axes"));
        }
        let rank = x.full.len();
        let pads: Option<Vec<usize>> = pads.iter().map(|&p| usize::try_from(p).ok()).collect();
        let pads = pads
            .filter(|p| p.len() == 2 * rank)
            .ok_or_else(|| n.bad("pads", "a list", "two non-negative numbers per axis"))?;
        let (before, after) = pads.split_at(rank);
        self.keep_batch(n, &x, rank == 0 || before[0] == 0 && after[0] == 0)?;
        let full: Vec<usize> = (0..rank)
            .map(|k| x.full[k].saturating_add(before[k]).saturating_add(after[k]))
            .collect();
        let len = self.shape(&n.name, &full)?.len();
        self.spend(len)?;
        let (own, outer) = (strides(&x.full), strides(&full));
        let index = (0..len)
            .map(|o| {
                let mut at = 0;
                for k in 0..rank {
                    let i = (o / outer[k] as usize % full[k])
                        .checked_sub(before[k])
                        .filter(|&i| i < x.full[k])?;
                    at += i * own[k] as usize;
                }
                Some(at as u32)
            })
            .collect();
        self.index_map(n, "", &x, full, index).map(Value::Variable)
    }
}

/// First element and number of elements of a slice, as ONNX clamps them;
/// `None` when it is empty or the step is zero.
fn slice_range(start: i64, end: i64, step: i64, extent: i64) -> Option<(i64, i64)> {
    let from_end = |v: i64| if v < 0 { v.saturating_add(extent) } else { v };
    let (start, end) = (from_end(start), from_end(end));
    let (start, span) = match step {
        0 => return None,
        1.. => {
            let start = start.clamp(0, extent);
            (start, end.clamp(0, extent) - start)
        }
        _ => {
            let start = start.clamp(0, extent - 1);
            (start, start - end.clamp(-1, extent - 1))
        }
    };
    let stride = step.unsigned_abs().min(extent as u64) as i64;
    (span > 0).then(|| (start, (span + stride - 1) / stride))
}
