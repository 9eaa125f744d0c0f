//! Functions of single elements. Of constants those with rational values are
//! computed here; the others become nodes.

use std::rc::Rc;
use std::sync::Arc;

use rug::ops::Pow;

use super::super::tensor::{Data, Literal};
use super::extremum::Extremum;
use super::fold::Binary;
use super::index::broadcast;
use super::{Error, GraphReader, Node, Value, Variable};
use crate::exact::Rational;
use crate::graph::Op;
use crate::network::Layer;
use crate::ops::{
    Clip, Elu, Floor, Gelu, HardSigmoid, LeakyRelu, Pointwise, Power, Reciprocal, Relu, Rsqrt,
    Silu, Sqrt, Square,
};

/// The exponents that are read.
const EXPONENTS: &str = "one exponent, an integer from -64 to 64 or a half, not zero";

impl<'m> GraphReader<'m, '_> {
    /// `φ` of operand 0, `exact` where it is a constant and `φ` has rational
    /// values.
    pub(super) fn function(
        &mut self,
        n: &Node<'m>,
        attributes: &[&str],
        f: Arc<dyn Pointwise>,
        exact: Option<&dyn Fn(Rational) -> Rational>,
    ) -> Result<Value<'m>, Error> {
        n.only(attributes)?;
        match (self.value(n, 0)?, exact) {
            (Value::Constant(c), Some(exact)) => {
                let literal = c.literal()?;
                self.fold_each(n, &literal, exact)
            }
            (value, _) => {
                let x = self.as_variable(n, value)?;
                Ok(Value::Variable(self.pointwise(n, "", &x, f)))
            }
        }
    }

    pub(super) fn relu(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        let exact = |v: Rational| v.max(Rational::new());
        self.function(n, &[], Arc::new(Relu), Some(&exact))
    }

    pub(super) fn leaky_relu(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        let alpha = n.float("alpha", 0.01)?;
        let f = LeakyRelu::new(alpha).map_err(|e| n.operation(e))?;
        let slope = Rational::from_f32(alpha).unwrap_or_default();
        let exact = |v: Rational| if v < 0 { v * &slope } else { v };
        self.function(n, &["alpha"], Arc::new(f), Some(&exact))
    }

    /// `-⌊-x⌋`
    pub(super) fn ceil(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&[])?;
        let x = match self.value(n, 0)? {
            Value::Variable(x) => x,
            Value::Constant(c) => {
                let literal = c.literal()?;
                return self.fold_each(n, &literal, Rational::ceil);
            }
        };
        let minus = || vec![Rational::from(-1)];
        let node = self.combine(n, "/minus", minus(), vec![x.node]);
        let y = self.pointwise(n, "/floor", &Variable { node, ..x }, Arc::new(Floor));
        let node = self.combine(n, "", minus(), vec![y.node]);
        Ok(Value::Variable(Variable { node, ..y }))
    }

    /// `relu(x) - a relu(-x)` with constant slopes.
    pub(super) fn prelu(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&[])?;
        let x = self.variable(n, 0)?;
        let slope = Value::Constant(self.constant(n, 1)?);
        let above = self.pointwise(n, "/above", &x, Arc::new(Relu));
        let node = self.combine(n, "/minus", vec![Rational::from(-1)], vec![x.node]);
        let minus = Variable { node, ..x };
        let below = self.pointwise(n, "/below", &minus, Arc::new(Relu));
        let below = self.apply(n, "/scaled", Binary::Mul, Value::Variable(below), slope)?;
        self.apply(n, "", Binary::Sub, Value::Variable(above), below)
    }

    pub(super) fn elu(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        let f = Elu::new(n.float("alpha", 1.0)?).map_err(|e| n.operation(e))?;
        self.function(n, &["alpha"], Arc::new(f), None)
    }

    pub(super) fn hard_sigmoid(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        let (alpha, beta) = (n.float("alpha", 0.2)?, n.float("beta", 0.5)?);
        let f = HardSigmoid::new(alpha, beta).map_err(|e| n.operation(e))?;
        self.function(n, &["alpha", "beta"], Arc::new(f), None)
    }

    pub(super) fn gelu(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        let approximate = n.string("approximate")?.unwrap_or("none");
        if approximate != "none" {
            return Err(n.bad("approximate", approximate, "none"));
        }
        self.function(n, &["approximate"], Arc::new(Gelu), None)
    }

    /// `x` to a constant power: an integer or a half.
    pub(super) fn power(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&[])?;
        let x = self.value(n, 0)?;
        let c = self.constant(n, 1)?;
        let literal = c.literal()?;
        let first = if literal.len() == 0 {
            None
        } else {
            literal.at(0)
        };
        let uniform =
            first.filter(|e| (1..literal.len()).all(|i| literal.at(i).as_ref() == Some(e)));
        let wrong = |found: String| n.operand(&c.name, found, EXPONENTS);
        let exponent = uniform.ok_or_else(|| wrong("different exponents".into()))?;
        let dims = x.extents()?;
        if broadcast(n, &dims, &literal.dims)? != dims {
            return Err(wrong(format!("extents {:?}", literal.dims)));
        }
        let doubled = Rational::from(&exponent * 2u32);
        let twice = doubled
            .is_integer()
            .then(|| doubled.numer().to_i32())
            .flatten();
        let twice = twice.filter(|t| t.unsigned_abs() <= 128 && *t != 0);
        let twice = twice.ok_or_else(|| wrong(exponent.to_string()))?;
        if let Value::Constant(x) = &x
            && twice % 2 == 0
        {
            let x = x.literal()?;
            let (size, negative) = (twice.unsigned_abs() / 2, twice < 0);
            if negative && (0..x.len()).any(|i| x.at(i).is_some_and(|v| v == 0)) {
                return Err(n.operand(0, 0, "no zero under a negative power"));
            }
            self.rewritten(n);
            return self.fold_each(n, &x, |v| {
                let power = v.pow(size);
                if negative { power.recip() } else { power }
            });
        }
        let x = self.as_variable(n, x)?;
        let positive = match (twice, twice.unsigned_abs()) {
            (2, _) => return Ok(Value::Variable(x)),
            (-1, _) => return Ok(Value::Variable(self.pointwise(n, "", &x, Arc::new(Rsqrt)))),
            (_, 1) => Arc::new(Sqrt) as Arc<dyn Pointwise>,
            (_, 2) => {
                return Ok(Value::Variable(self.pointwise(
                    n,
                    "",
                    &x,
                    Arc::new(Reciprocal),
                )));
            }
            (_, 4) => Arc::new(Square),
            (_, t) if t % 2 == 0 => Arc::new(Power::new(t / 2).map_err(|e| n.operation(e))?),
            _ => return Err(wrong(exponent.to_string())),
        };
        let part = if twice < 0 { "/power" } else { "" };
        let y = self.pointwise(n, part, &x, positive);
        Ok(Value::Variable(match part {
            "" => y,
            _ => self.pointwise(n, "", &y, Arc::new(Reciprocal)),
        }))
    }

    /// `1 / x`, of a square root as one function of its operand.
    pub(super) fn inverse(&mut self, n: &Node<'m>, part: &str, x: &Variable) -> Variable {
        let before = &self.nodes[x.node];
        if matches!(&before.layer, Layer::Op(Op::Pointwise(f)) if f.name() == "sqrt") {
            let node = before.inputs[0];
            let operand = Variable { node, ..x.clone() };
            return self.pointwise(n, part, &operand, Arc::new(Rsqrt));
        }
        self.pointwise(n, part, x, Arc::new(Reciprocal))
    }

    /// `a b` of two computed values as one function of one value where it is
    /// such: a square, or `x σ(x)`.
    pub(super) fn as_function(
        &mut self,
        n: &Node<'m>,
        part: &str,
        a: &Variable,
        b: &Variable,
    ) -> Option<Variable> {
        if a.full != b.full {
            return None;
        }
        if a.node == b.node {
            return Some(self.pointwise(n, part, a, Arc::new(Square)));
        }
        let is_sigmoid_of = |y: &Variable, x: &Variable| {
            let node = &self.nodes[y.node];
            let sigmoid =
                matches!(&node.layer, Layer::Op(Op::Pointwise(f)) if f.name() == "sigmoid");
            sigmoid && node.inputs[..] == [x.node]
        };
        let x = match (is_sigmoid_of(b, a), is_sigmoid_of(a, b)) {
            (true, _) => a.clone(),
            (_, true) => b.clone(),
            _ => return None,
        };
        Some(self.pointwise(n, part, &x, Arc::new(Silu)))
    }

    /// Limits as attributes (opset 6) or operands; none where a limit is the
    /// end of the binary32 range, which older exporters write for it. Limits
    /// that are single numbers make one function, others pairs of extrema.
    pub(super) fn clip(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["min", "max"])?;
        let x = self.value(n, 0)?;
        let mut limits = Vec::new();
        for (name, position, none) in [("min", 1, f32::MIN), ("max", 2, f32::MAX)] {
            let literal = match self.optional(n, position)? {
                Some(Value::Constant(c)) => c.literal()?,
                Some(Value::Variable(_)) => {
                    return Err(n.operand(position, "a computed value", "a constant limit"));
                }
                None => Literal {
                    dims: vec![],
                    data: Data::Floats(vec![n.float(name, none)?]),
                }
                .into(),
            };
            let absent = |v: &[f32]| v.iter().all(|&v| v == none || v == none * 2.0);
            let absent = matches!(&literal.data, Data::Floats(v) if absent(v));
            limits.push((!absent).then_some(literal));
        }
        let single = |l: &Option<Rc<Literal>>| match l.as_deref() {
            None => Some(None),
            Some(Literal {
                data: Data::Floats(v),
                ..
            }) if v.len() == 1 => Some(Some(v[0])),
            Some(_) => None,
        };
        if let (Value::Variable(x), Some(lo), Some(hi)) =
            (&x, single(&limits[0]), single(&limits[1]))
        {
            if lo.is_none() && hi.is_none() {
                return Ok(Value::Variable(x.clone()));
            }
            if (lo, hi) == (Some(0.0), None) {
                return Ok(Value::Variable(self.pointwise(n, "", x, Arc::new(Relu))));
            }
            let f = Clip::new(lo, hi).map_err(|e| n.operation(e))?;
            return Ok(Value::Variable(self.pointwise(n, "", x, Arc::new(f))));
        }
        let mut y = x;
        let ends = [(Extremum::Max, "/lower"), (Extremum::Min, "")];
        for (limit, (which, part)) in limits.into_iter().zip(ends) {
            if let Some(literal) = limit {
                let limit = self.folded(n, Rc::unwrap_or_clone(literal));
                y = self.pair(n, part, which, y, limit)?;
            }
        }
        Ok(y)
    }
}
