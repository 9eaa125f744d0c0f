//! Sums, means and extrema over axes. A sum is a window over the whole extent,
//! a mean has an exact factor behind it.

use super::super::tensor::{Data, Literal};
use super::extremum::Extremum;
use super::index::repeated;
use super::{Error, GraphReader, Node, Value, Variable};
use crate::exact::Rational;
use crate::ops::{Geometry, SumPool};

/// What becomes of the elements along the axes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Reduction {
    Sum,
    Mean,
    /// of constants only
    Product,
    Extremum(Extremum),
}

impl<'m> GraphReader<'m, '_> {
    /// Axes counted from the front, sorted, each once.
    pub(super) fn axes(
        &self,
        n: &Node<'m>,
        axes: &[i64],
        rank: usize,
    ) -> Result<Vec<usize>, Error> {
        let mut list = Vec::with_capacity(axes.len());
        for &axis in axes {
            list.push(self.axis(n, axis, rank)?);
        }
        list.sort_unstable();
        if list.windows(2).any(|w| w[0] == w[1]) {
            return Err(n.bad("axes", format!("{axes:?}"), "each axis once"));
        }
        Ok(list)
    }

    pub(super) fn axis(&self, n: &Node<'m>, axis: i64, rank: usize) -> Result<usize, Error> {
        let k = if axis < 0 {
            axis.checked_add(rank as i64)
        } else {
            Some(axis)
        };
        k.and_then(|k| usize::try_from(k).ok())
            .filter(|&k| k < rank)
            .ok_or_else(|| n.bad("axis", axis, "an axis of the operand"))
    }

    pub(super) fn reduce(&mut self, n: &Node<'m>, what: Reduction) -> Result<Value<'m>, Error> {
        n.only(&["axes", "keepdims", "noop_with_empty_axes"])?;
        let value = self.value(n, 0)?;
        let rank = value.extents()?.len();
        let axes = self.integer_list(n, "axes", 1)?;
        // An empty list means the same as none.
        let axes = match axes.filter(|axes| !axes.is_empty()) {
            Some(axes) => self.axes(n, &axes, rank)?,
            None if n.int("noop_with_empty_axes", 0)? != 0 => return Ok(value),
            None => (0..rank).collect(),
        };
        let keep = n.int("keepdims", 1)? != 0;
        match value {
            Value::Variable(x) => self.reduced(n, &x, &axes, keep, what).map(Value::Variable),
            Value::Constant(c) => {
                let literal = c.literal()?;
                self.fold_reduction(n, &literal, &axes, keep, what)
            }
        }
    }

    pub(super) fn global_pool(
        &mut self,
        n: &Node<'m>,
        what: Reduction,
    ) -> Result<Value<'m>, Error> {
        n.only(&[])?;
        let x = self.variable(n, 0)?;
        if x.full.len() < 3 || !x.batched {
            let found = format!("extents {:?}", x.full);
            return Err(n.operand(0, found, "a batch axis, channels, spatial axes"));
        }
        let axes: Vec<usize> = (2..x.full.len()).collect();
        self.reduced(n, &x, &axes, true, what).map(Value::Variable)
    }

    fn reduced(
        &mut self,
        n: &Node<'m>,
        x: &Variable,
        axes: &[usize],
        keep: bool,
        what: Reduction,
    ) -> Result<Variable, Error> {
        let which = match what {
            Reduction::Extremum(which) => which,
            Reduction::Product => return Err(self.unsupported(n, "; of constants it is")),
            Reduction::Sum | Reduction::Mean => {
                return self.reduce_axes(n, "", x, axes, keep, what == Reduction::Mean);
            }
        };
        self.keep_batch(n, x, !axes.contains(&0))?;
        let y = self.extrema_over(n, which, x, axes)?;
        let full = (0..y.full.len())
            .filter(|k| keep || !axes.contains(k))
            .map(|k| y.full[k])
            .collect();
        self.view_as(n, "/shape", &y, full, x.batched)
    }

    fn fold_reduction(
        &mut self,
        n: &Node<'m>,
        l: &Literal,
        axes: &[usize],
        keep: bool,
        what: Reduction,
    ) -> Result<Value<'m>, Error> {
        let count: usize = axes.iter().map(|&k| l.dims[k]).product();
        if l.len() == 0 {
            return Err(n.operand(0, "no elements", "at least one element"));
        }
        let one: Vec<usize> = (0..l.dims.len())
            .map(|k| if axes.contains(&k) { 1 } else { l.dims[k] })
            .collect();
        let to = repeated(&one, &l.dims);
        let len: usize = one.iter().product();
        let full: Vec<usize> = (0..l.dims.len())
            .filter(|k| keep || !axes.contains(k))
            .map(|k| one[k])
            .collect();
        self.spend(l.len())?;
        if let Data::Ints(v) = &l.data {
            let mut all: Vec<Option<i64>> = vec![None; len];
            for (&o, &v) in to.iter().zip(v) {
                let next = match (all[o], what) {
                    (None, _) => Some(v),
                    (Some(a), Reduction::Sum) => a.checked_add(v),
                    (Some(a), Reduction::Product) => a.checked_mul(v),
                    (Some(a), Reduction::Extremum(Extremum::Max)) => Some(a.max(v)),
                    (Some(a), Reduction::Extremum(Extremum::Min)) => Some(a.min(v)),
                    (Some(_), Reduction::Mean) => None,
                };
                let wrong = || n.operand(0, "a mean or an overflow", "64-bit integers");
                all[o] = Some(next.ok_or_else(wrong)?);
            }
            let data = Data::Ints(all.into_iter().flatten().collect());
            return Ok(self.folded(n, Literal { dims: full, data }));
        }
        if !matches!(what, Reduction::Extremum(_)) {
            self.rewritten(n);
        }
        let mut all: Vec<Option<Rational>> = vec![None; len];
        for (&o, v) in to.iter().zip(self.exact(n, l)?) {
            all[o] = Some(match (all[o].take(), what) {
                (None, _) => v,
                (Some(a), Reduction::Sum | Reduction::Mean) => a + v,
                (Some(a), Reduction::Product) => a * v,
                (Some(a), Reduction::Extremum(Extremum::Max)) => a.max(v),
                (Some(a), Reduction::Extremum(Extremum::Min)) => a.min(v),
            });
        }
        let factor = match what {
            Reduction::Mean => Rational::from((1, count as u64)),
            _ => Rational::from(1),
        };
        let values = all.into_iter().flatten().map(|v| v * &factor).collect();
        self.folded_numbers(n, full, values)
    }

    /// The sum over axes, and with an exact factor the mean.
    pub(super) fn reduce_axes(
        &mut self,
        n: &Node<'m>,
        name: &str,
        x: &Variable,
        axes: &[usize],
        keep: bool,
        mean: bool,
    ) -> Result<Variable, Error> {
        self.keep_batch(n, x, !axes.contains(&0))?;
        let rank = x.full.len();
        let kept: Vec<usize> = (0..rank).filter(|k| !axes.contains(k)).collect();
        let count: usize = axes.iter().map(|&k| x.full[k]).product();
        let lead: usize = kept.iter().map(|&k| x.full[k]).product();
        let full: Vec<usize> = (0..rank)
            .filter(|k| keep || !axes.contains(k))
            .map(|k| if axes.contains(&k) { 1 } else { x.full[k] })
            .collect();
        let (channels, window) = match x.full[..] {
            [1, c, h, w] if x.batched && axes == [2, 3] => (c, [h, w]),
            _ => (lead, [count, 1]),
        };
        // The axes to sum go last.
        let order = [&kept[..], axes].concat();
        let sorted = self.permute(n, &format!("{name}/order"), x, &order)?;
        let image = vec![1, channels, window[0], window[1]];
        let y = self.view(n, &format!("{name}/image"), &sorted, image)?;
        let geometry = Geometry::new(
            "reduce",
            channels,
            window,
            channels,
            window,
            [1, 1],
            [0; 4],
            [1, 1],
            channels,
        )
        .map_err(|e| n.operation(e))?;
        let part = if mean && count != 1 { "/sum" } else { "" };
        let part = format!("{name}{part}");
        let mut node = self.linear(n, &part, y.node, SumPool::new(geometry))?;
        if mean {
            node = self.combine(n, name, vec![Rational::from((1, count as u64))], vec![node]);
        }
        let sum = Variable {
            node,
            full: vec![1, channels, 1, 1],
            batched: true,
        };
        self.view_as(n, &format!("{name}/shape"), &sum, full, x.batched)
    }
}
