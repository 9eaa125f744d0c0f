//! Constants, and what exporters compute from extents: `Constant`, `Shape`,
//! `Size`, `ConstantOfShape`, `Range`, `Cast`, comparisons, `Where`.

use super::super::messages::data_type;
use super::super::tensor::{Data, Literal, binary32};
use super::index::{broadcast, repeated};
use super::{Error, GraphReader, Node, Source, Value, limits};
use crate::exact::Rational;

impl<'m> GraphReader<'m, '_> {
    pub(super) fn constant_node(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&[
            "value",
            "value_float",
            "value_floats",
            "value_int",
            "value_ints",
        ])?;
        let source = if let Some(t) = n.tensor("value")? {
            Source::Stored(t)
        } else {
            let (dims, data) = if let Some(v) = n.floats("value_floats")? {
                (vec![v.len()], Data::Floats(v.to_vec()))
            } else if let Some(v) = n.ints("value_ints")? {
                (vec![v.len()], Data::Ints(v.to_vec()))
            } else if n.has("value_float") {
                (vec![], Data::Floats(vec![n.float("value_float", 0.0)?]))
            } else if n.has("value_int") {
                (vec![], Data::Ints(vec![n.int("value_int", 0)?]))
            } else {
                return Err(n.bad("value", "nothing", "a tensor, number or list of numbers"));
            };
            Source::Made(Literal { dims, data }.into())
        };
        Ok(self.new_constant(&n.name, source))
    }

    fn integers_made(&mut self, n: &Node<'m>, dims: Vec<usize>, list: Vec<i64>) -> Value<'m> {
        let data = Data::Ints(list);
        self.folded(n, Literal { dims, data })
    }

    /// The extents, those of a computed value with a batch of one.
    pub(super) fn shape_of(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["start", "end"])?;
        let dims = self.value(n, 0)?.extents()?;
        let rank = dims.len() as i64;
        let bound = |v: i64| if v < 0 { v.saturating_add(rank) } else { v }.clamp(0, rank) as usize;
        let (start, end) = (bound(n.int("start", 0)?), bound(n.int("end", rank)?));
        let kept = dims.get(start..end).unwrap_or_default();
        let list: Vec<i64> = kept.iter().map(|&d| d as i64).collect();
        Ok(self.integers_made(n, vec![list.len()], list))
    }

    pub(super) fn size_of(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&[])?;
        let len: usize = self.value(n, 0)?.extents()?.iter().product();
        Ok(self.integers_made(n, vec![], vec![len as i64]))
    }

    pub(super) fn constant_of_shape(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["value"])?;
        let shape = self.integers(n, 0)?;
        let shape = shape.ok_or_else(|| n.operand(0, "nothing", "a constant shape"))?;
        let dims: Option<Vec<usize>> = shape.iter().map(|&d| usize::try_from(d).ok()).collect();
        let dims = dims.ok_or_else(|| n.operand(0, format!("{shape:?}"), "extents"))?;
        let one = match n.tensor("value")? {
            Some(t) => Literal::decode(t)?,
            None => Literal {
                dims: vec![1],
                data: Data::Floats(vec![0.0]),
            },
        };
        if one.len() != 1 {
            return Err(n.bad("value", format!("{} elements", one.len()), "one"));
        }
        let len = self.spend_on(n, &dims)?;
        Ok(self.folded(n, one.select(dims, &vec![Some(0); len])))
    }

    pub(super) fn range(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&[])?;
        let mut bounds = [0; 3];
        for (k, bound) in bounds.iter_mut().enumerate() {
            match self.integers(n, k)?.as_deref() {
                Some(&[v]) => *bound = v,
                _ => return Err(n.operand(k, "another value", "one constant integer")),
            }
        }
        let [start, limit, step] = bounds.map(i128::from);
        let count = match step {
            0 => return Err(n.operand(2, 0, "a step that is not zero")),
            1.. => (limit - start + step - 1).div_euclid(step),
            _ => (start - limit - step - 1).div_euclid(-step),
        };
        let count = usize::try_from(count.max(0)).unwrap_or(usize::MAX);
        if count > limits::MAX_ELEMENTS {
            return Err(n.operand(1, format!("{count} elements"), "at most 2^24"));
        }
        self.spend(count)?;
        let list = (0..count as i128)
            .map(|k| (start + k * step) as i64)
            .collect();
        Ok(self.integers_made(n, vec![count], list))
    }

    /// A change of the element type: numbers stay exact, integers are cut
    /// toward zero.
    pub(super) fn cast(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["to", "saturate"])?;
        let to = n.int("to", 0)?;
        let float = [data_type::FLOAT, data_type::DOUBLE]
            .map(i64::from)
            .contains(&to);
        let truth = to == i64::from(data_type::BOOL);
        let whole = [data_type::INT32, data_type::INT64]
            .map(i64::from)
            .contains(&to);
        if !float && !truth && !whole {
            return Err(n.bad("to", to, "float, double, int32, int64 or bool"));
        }
        let c = match self.value(n, 0)? {
            x @ Value::Variable(_) if float => {
                if to == i64::from(data_type::DOUBLE) {
                    self.rewritten(n);
                }
                return Ok(x);
            }
            Value::Variable(_) => {
                return Err(self.unsupported(n, " to integers; of constants it is"));
            }
            Value::Constant(c) => c,
        };
        let literal = c.literal()?;
        let dims = literal.dims.clone();
        match &literal.data {
            Data::Ints(v) if float => {
                self.spend(v.len().saturating_mul(16))?;
                let values = v.iter().map(|&v| Rational::from(v)).collect();
                Ok(self.folded(n, Literal::numbers(dims, values)))
            }
            Data::Ints(v) => {
                let each = |&v: &i64| if truth { i64::from(v != 0) } else { v };
                let list = v.iter().map(each).collect();
                Ok(self.integers_made(n, dims, list))
            }
            // Binary32 where a number of double precision is cut to it.
            Data::Exact(v) if to == i64::from(data_type::FLOAT) => {
                if v.iter().any(|v| binary32(v).is_none()) {
                    return Err(n.operand(0, "numbers that are not binary32", "binary32 numbers"));
                }
                Ok(Value::Constant(c))
            }
            _ if float => Ok(Value::Constant(c)),
            _ => {
                let values = self.exact(n, &literal)?;
                let cut = |v: Rational| {
                    if truth {
                        return Some(i64::from(v != 0));
                    }
                    v.trunc().numer().to_i64()
                };
                let list: Option<Vec<i64>> = values.into_iter().map(cut).collect();
                let list = list.ok_or_else(|| n.operand(0, "a large number", "64-bit integers"))?;
                Ok(self.integers_made(n, dims, list))
            }
        }
    }

    pub(super) fn not(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&[])?;
        let c = self.constant(n, 0)?;
        let literal = c.literal()?;
        let Data::Ints(v) = &literal.data else {
            return Err(n.operand(0, "numbers", "truth values"));
        };
        let list = v.iter().map(|&v| i64::from(v == 0)).collect();
        Ok(self.integers_made(n, literal.dims.clone(), list))
    }

    /// A choice between two values by a constant condition: index maps with
    /// zeros elsewhere, added.
    pub(super) fn choice(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&[])?;
        let condition = self.constant(n, 0)?.literal()?;
        let Data::Ints(truth) = &condition.data else {
            return Err(n.operand(0, "numbers", "truth values"));
        };
        let (a, b) = (self.value(n, 1)?, self.value(n, 2)?);
        let (dims_a, dims_b) = (a.extents()?, b.extents()?);
        let full = broadcast(n, &broadcast(n, &condition.dims, &dims_a)?, &dims_b)?;
        self.spend_on(n, &full)?;
        let truth: Vec<bool> = repeated(&condition.dims, &full)
            .into_iter()
            .map(|i| truth[i] != 0)
            .collect();
        if let (Value::Constant(a), Value::Constant(b)) = (&a, &b) {
            let (a, b) = (a.literal()?, b.literal()?);
            let from = repeated(&dims_a, &full)
                .into_iter()
                .zip(repeated(&dims_b, &full));
            if let (Data::Ints(u), Data::Ints(v)) = (&a.data, &b.data) {
                let each = truth.iter().zip(from);
                let list = each
                    .map(|(&t, (i, j))| if t { u[i] } else { v[j] })
                    .collect();
                return Ok(self.integers_made(n, full, list));
            }
            self.spend(truth.len().saturating_mul(16))?;
            let (u, v) = (self.exact(n, &a)?, self.exact(n, &b)?);
            let each = truth.iter().zip(from);
            let list = each.map(|(&t, (i, j))| if t { u[i].clone() } else { v[j].clone() });
            let values = list.collect();
            return self.folded_numbers(n, full, values);
        }
        let mut parts = Vec::new();
        for (name, value, dims, taken) in [("/true", a, dims_a, true), ("/false", b, dims_b, false)]
        {
            let batch = full.len() == dims.len() && full.first() == Some(&1);
            self.keep(n, &value, batch)?;
            self.spend(truth.len())?;
            let index = repeated(&dims, &full)
                .into_iter()
                .zip(&truth)
                .map(|(i, &t)| (t == taken).then_some(i as u32))
                .collect();
            let value = self.select(n, name, &value, full.clone(), index)?;
            let x = self.as_variable(n, value)?;
            parts.push(self.view_as(n, name, &x, full.clone(), true)?);
        }
        let coefficients = vec![Rational::from(1); 2];
        let nodes = parts.iter().map(|p| p.node).collect();
        let node = self.combine(n, "", coefficients, nodes);
        Ok(Value::Variable(super::Variable {
            node,
            ..parts.swap_remove(0)
        }))
    }
}
