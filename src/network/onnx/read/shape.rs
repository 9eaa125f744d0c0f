//! Operators that keep the elements and change the extents.

use super::{Batch, Error, GraphReader, Node, Value, Variable};
use crate::ops::Reshape;

impl<'m> GraphReader<'m, '_> {
    pub(super) fn flatten(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["axis"])?;
        let value = self.value(n, 0)?;
        let full = value.extents()?;
        let axis = n.int("axis", 1)?;
        // Unlike elsewhere the axis may equal the rank.
        let axis = if axis == full.len() as i64 {
            full.len()
        } else {
            self.axis(n, axis, full.len())?
        };
        if let Value::Variable(x) = &value {
            let moved = full.iter().take(axis).skip(1).any(|&d| d != 1);
            self.keep_batch(n, x, axis > 0 && !moved)?;
        }
        let (rows, columns) = full.split_at(axis);
        let full = vec![rows.iter().product(), columns.iter().product()];
        self.with_extents(n, "", value, full)
    }

    pub(super) fn reshape(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["allowzero"])?;
        let value = self.value(n, 0)?;
        let old = value.extents()?;
        let Some(target) = self.integers(n, 1)? else {
            return Err(n.operand(1, "nothing", "a constant shape"));
        };
        let wrong =
            |expected| Err(n.operand(1, format!("{target:?} for extents {old:?}"), expected));
        let len: usize = old.iter().product();
        let copy = n.int("allowzero", 0)? == 0;
        let (mut known, mut free) = (1usize, None);
        let mut full = Vec::with_capacity(target.len());
        for (k, &d) in target.iter().enumerate() {
            let extent = match d {
                -1 if free.is_none() => {
                    free = Some(k);
                    1
                }
                0 if copy && k < old.len() => old[k],
                d if d > 0 => d as usize,
                _ => return wrong("extents with at most one -1"),
            };
            known = match known.checked_mul(extent) {
                Some(known) => known,
                None => return wrong("as many elements as the operand"),
            };
            full.push(extent);
        }
        if let Some(k) = free
            && known > 0
        {
            full[k] = len / known;
            known *= full[k];
        }
        if known != len {
            return wrong("as many elements as the operand");
        }
        if let Value::Variable(x) = &value
            && self.shared.batch == Batch::Any
        {
            // 1 fixes the batch that the file is for to one sample.
            self.keep_batch(n, x, full.first() == Some(&1))?;
        }
        match value {
            // A node even when nothing changes, so that a written network
            // reads back node for node.
            Value::Variable(x) if full == x.full => {
                let shape = self.shape(&n.name, x.sample())?;
                let node = self.linear(n, "", x.node, Reshape::new(shape.clone(), shape))?;
                Ok(Value::Variable(Variable { node, ..x }))
            }
            value => self.with_extents(n, "", value, full),
        }
    }

    pub(super) fn squeeze(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["axes"])?;
        let value = self.value(n, 0)?;
        let full = value.extents()?;
        let axes = self.integer_list(n, "axes", 1)?;
        let axes = match axes {
            Some(axes) if axes.is_empty() => {
                return Err(n.bad("axes", "an empty list", "axes, or none for all of extent 1"));
            }
            Some(axes) => self.axes(n, &axes, full.len())?,
            None => (0..full.len()).filter(|&k| full[k] == 1).collect(),
        };
        if let Some(&k) = axes.iter().find(|&&k| full[k] != 1) {
            return Err(n.bad("axes", k, "axes of extent 1"));
        }
        self.keep(n, &value, !axes.contains(&0))?;
        let full = (0..full.len())
            .filter(|k| !axes.contains(k))
            .map(|k| full[k])
            .collect();
        self.with_extents(n, "", value, full)
    }

    pub(super) fn unsqueeze(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["axes"])?;
        let value = self.value(n, 0)?;
        let full = value.extents()?;
        let axes = self.integer_list(n, "axes", 1)?;
        let axes = axes.ok_or_else(|| n.bad("axes", "nothing", "a list of axes"))?;
        if axes.len() > 64 {
            return Err(n.bad("axes", format!("{} axes", axes.len()), "at most 64"));
        }
        let rank = full.len() + axes.len();
        let axes = self.axes(n, &axes, rank)?;
        self.keep(n, &value, !axes.contains(&0))?;
        let mut rest = full.into_iter();
        let full = (0..rank)
            .map(|k| {
                if axes.contains(&k) {
                    1
                } else {
                    rest.next().expect("rank counts both")
                }
            })
            .collect();
        self.with_extents(n, "", value, full)
    }
}
