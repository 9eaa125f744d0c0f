//! Addition, subtraction, multiplication and division with broadcasting.

use super::super::tensor::{Data, Literal};
use super::fold::Binary;
use super::index::{broadcast, repeated};
use super::normalise::ROUNDED;
use super::{Constant, Error, GraphReader, Node, Value, Variable};
use crate::exact::Rational;
use crate::graph::Op;
use crate::network::Layer;
use crate::ops::{Dense, LinearKernel, Product};

/// The most distinct factors that are applied one masked copy each.
const MAX_FACTORS: usize = 16;

impl<'m> GraphReader<'m, '_> {
    pub(super) fn binary(&mut self, n: &Node<'m>, operation: Binary) -> Result<Value<'m>, Error> {
        n.only(&[])?;
        let (a, b) = (self.value(n, 0)?, self.value(n, 1)?);
        self.apply(n, "", operation, a, b)
    }

    /// `a ∘ b`, folded where both are constants.
    pub(super) fn apply(
        &mut self,
        n: &Node<'m>,
        part: &str,
        operation: Binary,
        a: Value<'m>,
        b: Value<'m>,
    ) -> Result<Value<'m>, Error> {
        use Binary::{Add, Div, Mul, Sub};
        let one = || Rational::from(1);
        let y = match (operation, a, b) {
            (_, Value::Constant(a), Value::Constant(b)) => {
                let (a, b) = (a.literal()?, b.literal()?);
                return self.fold_binary(n, operation, &a, &b);
            }
            (Add, Value::Variable(x), Value::Constant(c))
            | (Add, Value::Constant(c), Value::Variable(x)) => {
                self.shifted(n, part, &x, &c, [one(), one()])?
            }
            (Sub, Value::Variable(x), Value::Constant(c)) => {
                self.shifted(n, part, &x, &c, [one(), -one()])?
            }
            (Sub, Value::Constant(c), Value::Variable(x)) => {
                self.shifted(n, part, &x, &c, [-one(), one()])?
            }
            (Mul, Value::Variable(x), Value::Constant(c))
            | (Mul, Value::Constant(c), Value::Variable(x)) => {
                let literal = c.literal()?;
                self.scaled(n, part, &x, &literal)?
            }
            (Div, Value::Variable(x), Value::Constant(c)) => {
                let literal = c.literal()?;
                let values = self.exact(n, &literal)?;
                if values.iter().any(|v| *v == 0) {
                    return Err(n.operand(&c.name, 0, "no zero in a divisor"));
                }
                let inverse = values.into_iter().map(Rational::recip).collect();
                let factors = Literal::numbers(literal.dims.clone(), inverse);
                self.scaled(n, part, &x, &factors)?
            }
            (Div, a, Value::Variable(b)) => {
                let name = format!("{part}/reciprocal");
                let inverse = self.inverse(n, &name, &b);
                if let Value::Constant(c) = &a
                    && let Data::Floats(v) = &c.literal()?.data
                    && v[..] == [1.0]
                {
                    return Ok(Value::Variable(inverse));
                }
                return self.apply(n, part, Mul, a, Value::Variable(inverse));
            }
            (Add | Sub, Value::Variable(a), Value::Variable(b)) => {
                let [a, b] = self.aligned(n, &a, &b)?;
                let sign = if operation == Add { one() } else { -one() };
                let node = self.combine(n, part, vec![one(), sign], vec![a.node, b.node]);
                Variable { node, ..a }
            }
            (Mul, Value::Variable(a), Value::Variable(b)) => {
                if let Some(y) = self.as_function(n, part, &a, &b) {
                    y
                } else {
                    let [a, b] = self.aligned(n, &a, &b)?;
                    let shape = self.shape(&n.name, a.sample())?;
                    let op = Op::Product(Product::elementwise(shape));
                    let name = format!("{}{part}", n.name);
                    let node = self.push(name, op, vec![a.node, b.node], None);
                    Variable { node, ..a }
                }
            }
            _ => return Err(self.unsupported(n, "; of constants it is")),
        };
        Ok(Value::Variable(y))
    }

    pub(super) fn sum(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&[])?;
        let first = self.value(n, 0)?;
        let mut variables = Vec::new();
        for k in 0..n.proto.input.len() {
            match self.value(n, k)? {
                Value::Variable(x) => variables.push(x),
                Value::Constant(_) => break,
            }
        }
        let equal = |x: &Variable| x.full == variables[0].full && x.batched == variables[0].batched;
        if variables.len() == n.proto.input.len() && variables.iter().all(equal) {
            let coefficients = vec![Rational::from(1); variables.len()];
            let terms = variables.iter().map(|x| x.node).collect();
            let node = self.combine(n, "", coefficients, terms);
            return Ok(Value::Variable(Variable {
                node,
                ..variables.swap_remove(0)
            }));
        }
        let mut sum = first;
        for k in 1..n.proto.input.len() {
            let term = self.value(n, k)?;
            sum = self.apply(n, &format!("/term{k}"), Binary::Add, sum, term)?;
        }
        Ok(sum)
    }

    pub(super) fn negate(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&[])?;
        match self.value(n, 0)? {
            Value::Variable(x) => {
                let node = self.combine(n, "", vec![Rational::from(-1)], vec![x.node]);
                Ok(Value::Variable(Variable { node, ..x }))
            }
            Value::Constant(c) => {
                let literal = c.literal()?;
                let zero = match literal.data {
                    Data::Ints(_) => Data::Ints(vec![0]),
                    _ => Data::Floats(vec![0.0]),
                };
                let dims = vec![];
                self.fold_binary(n, Binary::Sub, &Literal { dims, data: zero }, &literal)
            }
        }
    }

    /// `s x + t c` for signs `s` and `t`, one of them 1.
    pub(super) fn shifted(
        &mut self,
        n: &Node<'m>,
        part: &str,
        x: &Variable,
        c: &Constant<'m>,
        [s, t]: [Rational; 2],
    ) -> Result<Variable, Error> {
        let literal = c.literal()?;
        let full = broadcast(n, &x.full, &literal.dims)?;
        let Data::Floats(stored) = &literal.data else {
            let c = self.as_variable(n, Value::Constant(c.clone()))?;
            let [x, c] = self.aligned(n, x, &c)?;
            let node = self.combine(n, part, vec![s, t], vec![x.node, c.node]);
            return Ok(Variable { node, ..x });
        };
        if let Some(v) = stored.iter().find(|v| !v.is_finite()) {
            return Err(n.operand(&c.name, v, "finite numbers"));
        }
        if s == 1
            && t == 1
            && literal.len() == *full.last().unwrap_or(&1)
            && literal.dims.last().is_none_or(|&d| d == literal.len())
            && full == x.full
            && let Some(y) = self.add_bias(n, x, c, literal.len())?
        {
            return Ok(y);
        }
        let x = self.expand(n, &format!("{part}/operand"), x, &full)?;
        let len = self.spend_on(n, &full)?;
        let sign = if t == 1 { 1.0 } else { -1.0 };
        let bias = repeated(&literal.dims, &full).into_iter();
        let bias = bias.map(|i| sign * stored[i]).collect();
        let scale = vec![if s == 1 { 1.0 } else { -1.0 }; len];
        self.diagonal(n, part, &x, scale, bias, 0.0)
    }

    /// `c x`, exact: a rational factor where all are equal, a diagonal of
    /// binary32 numbers where they are such; else the copies of `x` with equal
    /// factors, masked and combined, or diagonals that add up.
    pub(super) fn scaled(
        &mut self,
        n: &Node<'m>,
        part: &str,
        x: &Variable,
        c: &Literal,
    ) -> Result<Variable, Error> {
        let full = broadcast(n, &x.full, &c.dims)?;
        let values = self.exact(n, c)?;
        let Some(first) = values.first() else {
            return Err(n.operand("constant", "no elements", "at least one element"));
        };
        let x = self.expand(n, &format!("{part}/operand"), x, &full)?;
        if values.iter().all(|v| v == first) {
            let node = self.combine(n, part, vec![first.clone()], vec![x.node]);
            return Ok(Variable { node, ..x });
        }
        let len = self.spend_on(n, &full)?;
        let at = repeated(&c.dims, &full);
        if let Data::Floats(stored) = &c.data {
            let scale = at.into_iter().map(|i| stored[i]).collect();
            return self.diagonal(n, part, &x, scale, vec![0.0; len], 0.0);
        }
        let mut distinct: Vec<&Rational> = values.iter().collect();
        distinct.sort_unstable();
        distinct.dedup();
        if distinct.len() > MAX_FACTORS {
            return self.scaled_in_parts(n, part, &x, values, &at);
        }
        let mut masked = Vec::new();
        for (k, &factor) in distinct.iter().enumerate() {
            self.spend(len)?;
            let keep = |(o, &i): (usize, &usize)| (values[i] == *factor).then_some(o as u32);
            let index = at.iter().enumerate().map(keep).collect();
            let name = format!("{part}/factor{k}");
            masked.push(self.index_map(n, &name, &x, full.clone(), index)?.node);
        }
        let coefficients = distinct.into_iter().cloned().collect();
        let node = self.combine(n, part, coefficients, masked);
        Ok(Variable { node, ..x })
    }

    /// `c x` as a sum of diagonals of binary32 numbers. Two suffice but for
    /// factors that are not sums of a few such numbers (reciprocals); the last
    /// diagonal then has the uncertainty of a rounding, 2⁻⁴⁶ of the whole.
    fn scaled_in_parts(
        &mut self,
        n: &Node<'m>,
        part: &str,
        x: &Variable,
        mut rest: Vec<Rational>,
        at: &[usize],
    ) -> Result<Variable, Error> {
        const PARTS: usize = 3;
        let mut terms = Vec::new();
        for k in 0..PARTS {
            let head = leading(&rest);
            let head = head.ok_or_else(|| {
                n.operand(
                    "constant",
                    "a factor beyond binary32",
                    "factors in its range",
                )
            })?;
            for (r, h) in rest.iter_mut().zip(&head) {
                *r -= Rational::from_f32(*h).expect("leading parts are finite");
            }
            let done = rest.iter().all(|r| *r == 0);
            // An uncertainty is relative: it says nothing of an underflow.
            let normal = |(r, h): (&Rational, &f32)| *r == 0 || h.is_normal();
            let last = k + 1 == PARTS;
            if last && !done && !rest.iter().zip(&head).all(normal) {
                return Err(n.operand("constant", "a factor with an underflow", "normal numbers"));
            }
            let uncertainty = if last && !done { ROUNDED } else { 0.0 };
            self.spend(at.len().saturating_mul(2))?;
            let scale = at.iter().map(|&i| head[i]).collect();
            let zero = vec![0.0; at.len()];
            let name = format!("{part}/part{k}");
            terms.push(self.diagonal(n, &name, x, scale, zero, uncertainty)?.node);
            if done {
                break;
            }
        }
        let node = self.combine(n, part, vec![Rational::from(1); terms.len()], terms);
        Ok(Variable { node, ..x.clone() })
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
        if let Some((rows, weight)) = self.rows.get(&x.node).cloned()
            && x.full.last() == Some(&len)
            && weight.shape().dims()[0] == len
        {
            let bias = self.param(n, c, false, &[len])?;
            let y = self.dense_rows(n, "", &rows, weight, Some(bias))?;
            let y = self.view_as(n, "/shape", &y, x.full.clone(), x.batched)?;
            return Ok(Some(y));
        }
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

/// The nearest binary32 numbers, if all are finite.
pub(super) fn leading(values: &[Rational]) -> Option<Vec<f32>> {
    let nearest = |v: &Rational| Some(super::super::tensor::nearest32(v)).filter(|h| h.is_finite());
    values.iter().map(nearest).collect()
}
