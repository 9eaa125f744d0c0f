//! What the names of a file stand for: constants and computed values.

use std::rc::Rc;

use super::super::messages::{TensorProto, data_type};
use super::super::tensor::{Data, Literal};
use super::{Error, GraphReader, Node};

/// A constant of the file; decoded when used.
#[derive(Clone)]
pub(super) struct Constant<'m> {
    pub(super) id: usize,
    pub(super) name: String,
    pub(super) source: Source<'m>,
}

#[derive(Clone)]
pub(super) enum Source<'m> {
    Stored(&'m TensorProto),
    Made(Rc<Literal>),
}

impl Constant<'_> {
    /// Whether an element is not a binary32 number.
    pub(super) fn is_exact(&self) -> Result<bool, Error> {
        Ok(match &self.source {
            Source::Stored(t) if t.data_type != data_type::DOUBLE => false,
            _ => matches!(self.literal()?.data, Data::Exact(_)),
        })
    }

    pub(super) fn literal(&self) -> Result<Rc<Literal>, Error> {
        match &self.source {
            Source::Stored(t) => Literal::decode(t).map(Rc::new),
            Source::Made(literal) => Ok(literal.clone()),
        }
    }

    pub(super) fn dims(&self) -> Result<Vec<usize>, Error> {
        match &self.source {
            Source::Stored(t) => Literal::extents(t),
            Source::Made(literal) => Ok(literal.dims.clone()),
        }
    }
}

/// A computed value: `full` are the ONNX extents with a batch of one, in front
/// when `batched`; the network's node has the extents behind it.
#[derive(Clone, Debug)]
pub(super) struct Variable {
    pub(super) node: usize,
    pub(super) full: Vec<usize>,
    pub(super) batched: bool,
}

impl Variable {
    pub(super) fn sample(&self) -> &[usize] {
        &self.full[usize::from(self.batched)..]
    }
}

#[derive(Clone)]
pub(super) enum Value<'m> {
    Constant(Constant<'m>),
    Variable(Variable),
}

impl Value<'_> {
    /// The ONNX extents, with a batch of one.
    pub(super) fn extents(&self) -> Result<Vec<usize>, Error> {
        Ok(match self {
            Value::Variable(x) => x.full.clone(),
            Value::Constant(c) => c.dims()?,
        })
    }
}

impl<'m> GraphReader<'m, '_> {
    /// Operand `k`, or `None` when it is left out.
    pub(super) fn optional(&self, n: &Node<'m>, k: usize) -> Result<Option<Value<'m>>, Error> {
        let Some(name) = n.proto.input.get(k).filter(|s| !s.is_empty()) else {
            return Ok(None);
        };
        if let Some(value) = self.values.get(name.as_str()) {
            return Ok(Some(value.clone()));
        }
        match self.outer.and_then(|outer| outer.get(name.as_str())) {
            Some(Value::Variable(_)) => Err(n.operand(
                name,
                "a value computed outside the field",
                "a constant, or a value of the field",
            )),
            Some(value) => Ok(Some(value.clone())),
            None => Err(Error::Undefined {
                node: n.name.clone(),
                value: name.clone(),
            }),
        }
    }

    pub(super) fn value(&self, n: &Node<'m>, k: usize) -> Result<Value<'m>, Error> {
        self.optional(n, k)?
            .ok_or_else(|| n.operand(k, "nothing", "an operand"))
    }

    /// Operand `k` as a node of the network, constants included.
    pub(super) fn variable(&mut self, n: &Node<'m>, k: usize) -> Result<Variable, Error> {
        let value = self.value(n, k)?;
        self.as_variable(n, value)
    }

    pub(super) fn constant(&self, n: &Node<'m>, k: usize) -> Result<Constant<'m>, Error> {
        match self.value(n, k)? {
            Value::Constant(c) => Ok(c),
            Value::Variable(_) => {
                Err(n.operand(&n.proto.input[k], "a computed value", "a constant"))
            }
        }
    }

    /// The integers of a constant operand of rank 0 or 1, if it is there.
    pub(super) fn integers(&self, n: &Node<'m>, k: usize) -> Result<Option<Vec<i64>>, Error> {
        let Some(value) = self.optional(n, k)? else {
            return Ok(None);
        };
        if let Value::Constant(c) = value {
            let literal = c.literal()?;
            if let Data::Ints(v) = &literal.data
                && literal.dims.len() < 2
            {
                return Ok(Some(v.clone()));
            }
        }
        Err(n.operand(
            &n.proto.input[k],
            "another value",
            "a constant list of integers",
        ))
    }

    /// A list of integers that is an attribute in older opsets and operand `k`
    /// in newer ones.
    pub(super) fn integer_list(
        &self,
        n: &Node<'m>,
        attribute: &str,
        k: usize,
    ) -> Result<Option<Vec<i64>>, Error> {
        match n.ints(attribute)? {
            Some(list) => Ok(Some(list.to_vec())),
            None => self.integers(n, k),
        }
    }

    /// The binary32 elements of a literal.
    pub(super) fn floats<'a>(
        &self,
        n: &Node<'m>,
        c: &Constant<'m>,
        literal: &'a Literal,
    ) -> Result<&'a [f32], Error> {
        match &literal.data {
            Data::Floats(v) => Ok(v),
            Data::Exact(_) => {
                Err(n.operand(&c.name, "numbers that are not binary32", "binary32 numbers"))
            }
            Data::Ints(_) => Err(n.operand(&c.name, "integers", "binary32 numbers")),
        }
    }

    /// A constant that a node computes.
    pub(super) fn folded(&mut self, n: &Node<'m>, literal: Literal) -> Value<'m> {
        self.new_constant(&n.name, Source::Made(literal.into()))
    }

    /// Errors when an operator moves a batch axis of more than one sample.
    pub(super) fn keep(&self, n: &Node<'m>, value: &Value<'m>, kept: bool) -> Result<(), Error> {
        match value {
            Value::Variable(x) => self.keep_batch(n, x, kept),
            Value::Constant(_) => Ok(()),
        }
    }
}
