//! Addition, subtraction, multiplication and division with broadcasting.

use super::dense::ROUNDED;
use super::index::{positions, strides};
use super::{Constant, Error, GraphReader, Node, Value, Variable, checked};
use crate::exact::Rational;
use crate::graph::Op;
use crate::network::Layer;
use crate::ops::{Dense, LinearKernel};

/// Which operand is the constant.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Left,
    Right,
}

impl<'m> GraphReader<'m, '_> {
    pub(super) fn binary(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&[])?;
        let (a, b) = (self.value(n, 0)?, self.value(n, 1)?);
        let y = match (a, b) {
            (Value::Variable(x), Value::Constant(c)) => self.with_constant(n, &x, &c, Side::Right),
            (Value::Constant(c), Value::Variable(x)) => self.with_constant(n, &x, &c, Side::Left),
            (Value::Variable(a), Value::Variable(b)) => {
                let sign = match n.proto.op_type.as_str() {
                    "Add" => 1,
                    "Sub" => -1,
                    _ => return Err(self.unsupported(n, "; with a constant operand it is")),
                };
                let full = broadcast(n, &a.full, &b.full)?;
                let a = self.expand(n, "/left", &a, &full)?;
                let b = self.expand(n, "/right", &b, &full)?;
                let coefficients = vec![Rational::from(1), Rational::from(sign)];
                let node = self.combine(n, coefficients, vec![a.node, b.node]);
                Ok(Variable { node, ..a })
            }
            (Value::Constant(_), Value::Constant(_)) => {
                return Err(self.unsupported(n, " on two constants"));
            }
        };
        y.map(Value::Variable)
    }

    pub(super) fn sum(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&[])?;
        let first = self.variable(n, 0)?;
        let mut terms = vec![first.node];
        for k in 1..n.proto.input.len() {
            let x = self.variable(n, k)?;
            if x.full != first.full {
                let found = format!("extents {:?}", x.full);
                return Err(n.operand(k, found, "the extents of the first operand"));
            }
            terms.push(x.node);
        }
        let coefficients = vec![Rational::from(1); terms.len()];
        let node = self.combine(n, coefficients, terms);
        Ok(Value::Variable(Variable { node, ..first }))
    }

    pub(super) fn negate(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&[])?;
        let x = self.variable(n, 0)?;
        let node = self.combine(n, vec![Rational::from(-1)], vec![x.node]);
        Ok(Value::Variable(Variable { node, ..x }))
    }

    /// `x` repeated along the axes where `full` is longer.
    fn expand(
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
        let len = self.shape(&n.name, full)?.len();
        self.spend(len)?;
        let index = positions(full, &repeated(&x.full, full), 0);
        let index = index.into_iter().map(|i| Some(i as u32)).collect();
        self.index_map(n, part, x, full.to_vec(), index)
    }

    fn with_constant(
        &mut self,
        n: &Node<'m>,
        x: &Variable,
        c: &Constant<'m>,
        side: Side,
    ) -> Result<Variable, Error> {
        let literal = c.literal()?;
        let stored = self.floats(n, c, &literal)?;
        if let Some(v) = stored.iter().find(|v| !v.is_finite()) {
            return Err(n.operand(&c.name, v, "finite numbers"));
        }
        let full = broadcast(n, &x.full, &literal.dims)?;
        let operator = n.proto.op_type.as_str();
        if operator == "Div" && side == Side::Left {
            return Err(self.unsupported(n, "; with a constant divisor it is"));
        }
        if operator == "Div" && stored.contains(&0.0) {
            return Err(n.operand(&c.name, 0, "no zero in a divisor"));
        }
        if operator == "Add"
            && literal.len() == *full.last().unwrap_or(&1)
            && literal.dims.last().is_none_or(|&d| d == literal.len())
            && full == x.full
            && let Some(y) = self.add_bias(n, x, c, literal.len())?
        {
            return Ok(y);
        }
        let x = self.expand(n, "/operand", x, &full)?;
        let first = stored[0];
        let scalar = stored.iter().all(|v| v.to_bits() == first.to_bits());
        if scalar && matches!(operator, "Mul" | "Div") {
            let factor = Rational::from_f32(first).expect("checked finite");
            let factor = match operator {
                "Div" => factor.recip(),
                _ => factor,
            };
            let node = self.combine(n, vec![factor], vec![x.node]);
            return Ok(Variable { node, ..x });
        }
        let len = checked(&full)?.len();
        self.spend(len)?;
        let each: Vec<f32> = positions(&full, &repeated(&literal.dims, &full), 0)
            .into_iter()
            .map(|i| stored[i])
            .collect();
        let (scale, bias, uncertainty) = match (operator, side) {
            ("Add", _) => (vec![1.0; len], each, 0.0),
            ("Sub", Side::Right) => (vec![1.0; len], each.iter().map(|v| -v).collect(), 0.0),
            ("Sub", Side::Left) => (vec![-1.0; len], each, 0.0),
            ("Mul", _) => (each, vec![0.0; len], 0.0),
            _ => {
                let (scale, uncertainty) = reciprocals(n, c, &each)?;
                (scale, vec![0.0; len], uncertainty)
            }
        };
        self.diagonal(n, &x, scale, bias, uncertainty)
    }

    /// `W x` followed by the addition of one constant per output is a dense
    /// layer with bias.
    fn add_bias(
        &mut self,
        n: &Node<'m>,
        x: &Variable,
        c: &Constant<'m>,
        len: usize,
    ) -> Result<Option<Variable>, Error> {
        let before = &self.nodes[x.node];
        let Layer::Op(Op::Linear(map)) = &before.layer else {
            return Ok(None);
        };
        let LinearKernel::Dense { weight, bias: None } = map.kernel() else {
            return Ok(None);
        };
        if weight.shape().dims()[0] != len || x.sample() != [len] {
            return Ok(None);
        }
        let (weight, input) = (weight.clone(), before.inputs[0]);
        let bias = self.param(n, c, false, &[len])?;
        let node = self.linear(n, "", input, Dense::new(weight, Some(bias)))?;
        Ok(Some(Variable { node, ..x.clone() }))
    }
}

/// The extents both operands are repeated to.
fn broadcast(n: &Node<'_>, a: &[usize], b: &[usize]) -> Result<Vec<usize>, Error> {
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

/// Strides of a tensor of extents `dims` read with extents `full`: 0 along
/// repeated axes.
fn repeated(dims: &[usize], full: &[usize]) -> Vec<i64> {
    let own = strides(dims);
    (0..full.len())
        .map(|k| {
            (k + dims.len())
                .checked_sub(full.len())
                .map_or(0, |k| if dims[k] == 1 { 0 } else { own[k] })
        })
        .collect()
}

/// `1 / c` in binary32 with the relative uncertainty of the rounding.
fn reciprocals(n: &Node<'_>, c: &Constant<'_>, values: &[f32]) -> Result<(Vec<f32>, f64), Error> {
    let mut uncertainty = 0.0;
    let mut scale = Vec::with_capacity(values.len());
    for &v in values {
        let r = (1.0 / f64::from(v)) as f32;
        if !r.is_normal() {
            return Err(n.operand(
                &c.name,
                v,
                "divisors with reciprocals in the range of binary32",
            ));
        }
        // The product of two binary32 numbers is exact in binary64.
        if f64::from(r) * f64::from(v) != 1.0 {
            uncertainty = ROUNDED;
        }
        scale.push(r);
    }
    Ok((scale, uncertainty))
}
