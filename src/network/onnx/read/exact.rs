//! Our nodes for what the default domain cannot hold exactly.

use super::{Data, Error, GraphReader, Node, Value, Variable};
use crate::exact::Rational;
use crate::graph::Op;
use crate::ops::{Diagonal, Gather};

impl<'m> GraphReader<'m, '_> {
    pub(super) fn combine_exact(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["coefficients"])?;
        let coefficients = n.need_rationals("coefficients")?;
        let operands = n.proto.input.len();
        if coefficients.is_empty() || coefficients.len() != operands {
            let found = format!("{} for {operands} operands", coefficients.len());
            return Err(n.bad("coefficients", found, "one per operand"));
        }
        let first = self.variable(n, 0)?;
        let mut terms = Vec::with_capacity(operands);
        for k in 0..operands {
            let x = self.variable(n, k)?;
            if x.sample() != first.sample() {
                let found = format!("extents {:?} beside {:?}", x.full, first.full);
                return Err(n.operand(k, found, "equal extents"));
            }
            terms.push(x.node);
        }
        let node = self.push(n.name.clone(), Op::Combine(coefficients), terms, None);
        Ok(Value::Variable(Variable { node, ..first }))
    }

    pub(super) fn diagonal_exact(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["uncertainty"])?;
        let x = self.variable(n, 0)?;
        let mut tensors = Vec::new();
        for k in 1..3 {
            let c = self.constant(n, k)?;
            let dims = c.dims()?;
            tensors.push(self.param(n, &c, false, &dims)?);
        }
        let uncertainty = n.rational("uncertainty")?.unwrap_or_default();
        let nearest = uncertainty.to_f64();
        if !nearest.is_finite() || Rational::from_f64(nearest) != Some(uncertainty.clone()) {
            return Err(n.bad("uncertainty", uncertainty, "a binary64 number"));
        }
        let shape = self.shape(&n.name, x.sample())?;
        let (scale, bias) = (tensors[0].clone(), tensors[1].clone());
        let node = self.linear(n, "", x.node, Diagonal::new(scale, bias, shape, nearest))?;
        Ok(Value::Variable(Variable { node, ..x }))
    }

    /// The sample extents in the attribute `shape`, behind a batch axis.
    fn sample_attribute(&self, n: &Node<'m>) -> Result<Vec<usize>, Error> {
        let Some(list) = n.ints("shape")? else {
            return Err(n.bad("shape", "nothing", "a list of extents"));
        };
        let mut full = vec![1];
        for &d in list {
            let extent = usize::try_from(d).ok().filter(|&d| d > 0);
            full.push(extent.ok_or_else(|| n.bad("shape", d, "positive extents"))?);
        }
        Ok(full)
    }

    pub(super) fn gather_exact(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["shape"])?;
        let x = self.variable(n, 0)?;
        let c = self.constant(n, 1)?;
        let literal = c.literal()?;
        let Data::Ints(stored) = &literal.data else {
            return Err(n.operand(&c.name, "binary32 numbers", "integers"));
        };
        self.spend(stored.len())?;
        let mut index = Vec::with_capacity(stored.len());
        for &i in stored {
            index.push(match i {
                -1 => None,
                _ => Some(
                    u32::try_from(i)
                        .map_err(|_| n.operand(&c.name, i, "-1 or a position in the operand"))?,
                ),
            });
        }
        let full = self.sample_attribute(n)?;
        let from = self.shape(&n.name, x.sample())?;
        let to = self.shape(&n.name, &full[1..])?;
        let node = self.linear(n, "", x.node, Gather::new(from, to, index))?;
        Ok(Value::Variable(Variable {
            node,
            full,
            batched: true,
        }))
    }

    pub(super) fn constant_exact(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["values", "shape"])?;
        let values = n.need_rationals("values")?;
        let full = self.sample_attribute(n)?;
        let shape = self.shape(&n.name, &full[1..])?;
        if shape.len() != values.len() {
            let found = format!("{} values for extents {shape}", values.len());
            return Err(n.bad("values", found, "one per element"));
        }
        let node = self.push(
            n.name.clone(),
            Op::Constant(values.into()),
            vec![],
            Some(shape),
        );
        Ok(Value::Variable(Variable {
            node,
            full,
            batched: true,
        }))
    }
}
