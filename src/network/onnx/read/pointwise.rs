//! Functions of single elements. Of constants those with rational values are
//! computed here; the others become nodes.

use std::sync::Arc;

use super::super::tensor::Data;
use super::extremum::Extremum;
use super::{Error, GraphReader, Node, Value, Variable};
use crate::exact::Rational;
use crate::graph::Op;
use crate::ops::{LeakyRelu, Pointwise, Product, Relu};

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

    pub(super) fn square(
        &mut self,
        n: &Node<'m>,
        part: &str,
        x: &Variable,
    ) -> Result<Variable, Error> {
        let shape = self.shape(&n.name, x.sample())?;
        let op = Op::Product(Product::elementwise(shape));
        let node = self.push(format!("{}{part}", n.name), op, vec![x.node; 2], None);
        Ok(Variable { node, ..x.clone() })
    }

    pub(super) fn reciprocal(
        &mut self,
        n: &Node<'m>,
        _: &str,
        _: &Variable,
    ) -> Result<Variable, Error> {
        Err(self.unsupported(n, " by a computed value"))
    }

    /// Limits as attributes (opset 6) or operands; none where a limit is the
    /// end of the binary32 range, which older exporters write for it.
    pub(super) fn clip(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["min", "max"])?;
        let mut y = self.value(n, 0)?;
        let ends = [
            ("min", 1, f32::MIN, Extremum::Max),
            ("max", 2, f32::MAX, Extremum::Min),
        ];
        let last = ends.len() - 1;
        for (k, (name, position, none, which)) in ends.into_iter().enumerate() {
            let limit = match self.optional(n, position)? {
                Some(Value::Constant(c)) => c,
                Some(Value::Variable(_)) => {
                    return Err(n.operand(position, "a computed value", "a constant limit"));
                }
                None => {
                    let v = n.float(name, none)?;
                    let data = Data::Floats(vec![v]);
                    let dims = vec![];
                    match self.folded(n, super::Literal { dims, data }) {
                        Value::Constant(c) => c,
                        Value::Variable(_) => continue,
                    }
                }
            };
            let literal = limit.literal()?;
            if let Data::Floats(v) = &literal.data
                && (v[..] == [none] || v[..] == [none * 2.0])
            {
                continue;
            }
            let part = if k == last { "" } else { "/lower" };
            y = self.pair(n, part, which, y, Value::Constant(limit))?;
        }
        Ok(y)
    }

    pub(super) fn floor(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&[])?;
        let c = self.constant(n, 0)?;
        let literal = c.literal()?;
        self.fold_each(n, &literal, Rational::floor)
    }
}
