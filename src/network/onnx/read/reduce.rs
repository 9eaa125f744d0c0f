//! Sums and means over axes: a window sum over the whole extent, then an
//! exact factor.

use super::{Error, GraphReader, Node, Value, Variable};
use crate::exact::Rational;
use crate::ops::{Geometry, SumPool};

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

    pub(super) fn reduce(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["axes", "keepdims", "noop_with_empty_axes"])?;
        let x = self.variable(n, 0)?;
        let axes = match n.ints("axes")? {
            Some(axes) => Some(axes.to_vec()),
            None => self.integers(n, 1)?,
        };
        // An empty list means the same as none.
        let axes = match axes.filter(|axes| !axes.is_empty()) {
            Some(axes) => self.axes(n, &axes, x.full.len())?,
            None if n.int("noop_with_empty_axes", 0)? != 0 => return Ok(Value::Variable(x)),
            None => (0..x.full.len()).collect(),
        };
        let keep = n.int("keepdims", 1)? != 0;
        self.reduce_axes(n, &x, &axes, keep).map(Value::Variable)
    }

    pub(super) fn global_average_pool(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&[])?;
        let x = self.variable(n, 0)?;
        if x.full.len() < 3 || !x.batched {
            let found = format!("extents {:?}", x.full);
            return Err(n.operand(0, found, "a batch axis, channels, spatial axes"));
        }
        let axes: Vec<usize> = (2..x.full.len()).collect();
        self.reduce_axes(n, &x, &axes, true).map(Value::Variable)
    }

    fn reduce_axes(
        &mut self,
        n: &Node<'m>,
        x: &Variable,
        axes: &[usize],
        keep: bool,
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
        let sorted = self.permute(n, "/order", x, &order)?;
        let image = vec![1, channels, window[0], window[1]];
        let y = self.view(n, "/image", &sorted, image)?;
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
        let mean = n.proto.op_type != "ReduceSum";
        let part = if mean && count != 1 { "/sum" } else { "" };
        let mut node = self.linear(n, part, y.node, SumPool::new(geometry))?;
        if mean {
            node = self.combine(n, vec![Rational::from((1, count as u64))], vec![node]);
        }
        let sum = Variable {
            node,
            full: vec![1, channels, 1, 1],
            batched: true,
        };
        self.view_as(n, "/shape", &sum, full, x.batched)
    }
}
