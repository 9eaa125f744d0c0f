//! The steps every operator family is made of: operands in, network nodes out.

use std::sync::Arc;

use super::super::{limits, tensor::Literal};
use super::{Batch, Constant, Data, Error, GraphReader, Node, Source, Value, Variable, checked};
use crate::exact::Rational;
use crate::graph::Op;
use crate::network::{Layer, NetworkNode};
use crate::ops::{self, Diagonal, Gather, LinearMap, Param, Reshape, Shape, Tensor};

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

    pub(super) fn variable(&self, n: &Node<'m>, k: usize) -> Result<Variable, Error> {
        match self.value(n, k)? {
            Value::Variable(v) => Ok(v),
            Value::Constant(c) => Err(n.operand(c.name, "a constant", "a computed value")),
        }
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

    /// The binary32 elements of a literal.
    pub(super) fn floats<'a>(
        &self,
        n: &Node<'m>,
        c: &Constant<'m>,
        literal: &'a Literal,
    ) -> Result<&'a [f32], Error> {
        match &literal.data {
            Data::Floats(v) => Ok(v),
            Data::Ints(_) => Err(n.operand(&c.name, "integers", "binary32 numbers")),
        }
    }

    /// Counts `n` more elements of index lists or constants.
    pub(super) fn spend(&mut self, n: usize) -> Result<(), Error> {
        self.shared.made = self.shared.made.saturating_add(n);
        if self.shared.made > limits::MAX_MADE {
            return Err(Error::TooLarge {
                what: "number of elements of expanded constants and index lists",
                found: self.shared.made as u64,
                limit: limits::MAX_MADE as u64,
            });
        }
        Ok(())
    }

    /// A sample shape whose element count is within the limit.
    pub(super) fn shape(&self, name: &str, dims: &[usize]) -> Result<Shape, Error> {
        checked(dims).map_err(|_| Error::Model {
            what: format!("value {name}"),
            found: format!("extents {dims:?}"),
            expected: "at most 2^24 elements",
        })
    }

    /// A tensor name that no other tensor of the network has.
    pub(super) fn unique(&mut self, name: &str) -> String {
        let mut unique = name.to_string();
        let mut k = 1;
        while !self.shared.names.insert(unique.clone()) {
            k += 1;
            unique = format!("{name}#{k}");
        }
        unique
    }

    /// A tensor made while reading.
    pub(super) fn made(
        &mut self,
        n: &Node<'m>,
        part: &str,
        data: Vec<f32>,
    ) -> Result<Param, Error> {
        self.spend(data.len())?;
        let name = self.unique(&format!("{}/{part}", n.name));
        let shape = Shape::new(&[data.len()]);
        Ok(Arc::new(
            Tensor::new(name, shape, data).map_err(|e| n.operation(e))?,
        ))
    }

    /// A constant as a weight tensor of extents `dims` (`transposed` swaps the
    /// two axes of a matrix first). Equal uses share one tensor.
    pub(super) fn param(
        &mut self,
        n: &Node<'m>,
        c: &Constant<'m>,
        transposed: bool,
        dims: &[usize],
    ) -> Result<Param, Error> {
        let key = (c.id, transposed, dims.to_vec());
        if let Some(param) = self.shared.params.get(&key) {
            return Ok(param.clone());
        }
        let literal = c.literal()?;
        let stored = self.floats(n, c, &literal)?;
        let data = match (&literal.dims[..], transposed) {
            (&[rows, columns], true) => (0..columns)
                .flat_map(|j| (0..rows).map(move |i| stored[i * columns + j]))
                .collect(),
            _ => stored.to_vec(),
        };
        let name = self.unique(&c.name);
        let tensor = Tensor::new(name, Shape::new(dims), data).map_err(|e| n.operation(e))?;
        let param = Arc::new(tensor);
        self.shared.params.insert(key, param.clone());
        Ok(param)
    }

    pub(super) fn push(
        &mut self,
        name: String,
        op: Op,
        inputs: Vec<usize>,
        shape: Option<Shape>,
    ) -> usize {
        self.nodes.push(NetworkNode {
            name,
            layer: Layer::Op(op),
            inputs,
            shape,
        });
        self.nodes.len() - 1
    }

    /// Appends a linear map of `x`, which has the map's input shape.
    pub(super) fn linear<L: LinearMap + 'static>(
        &mut self,
        n: &Node<'m>,
        part: &str,
        x: usize,
        map: Result<L, ops::Error>,
    ) -> Result<usize, Error> {
        let map = map.map_err(|e| n.operation(e))?;
        checked(map.output().dims())?;
        Ok(self.push(
            format!("{}{part}", n.name),
            Op::Linear(Arc::new(map)),
            vec![x],
            None,
        ))
    }

    /// Appends `Σ c_k x_k`, or `x` itself for `1 x`.
    pub(super) fn combine(
        &mut self,
        n: &Node<'m>,
        coefficients: Vec<Rational>,
        xs: Vec<usize>,
    ) -> usize {
        match (&coefficients[..], &xs[..]) {
            ([c], &[x]) if *c == 1 => x,
            _ => self.push(n.name.clone(), Op::Combine(coefficients), xs, None),
        }
    }

    /// Errors when an operator moves a batch axis of more than one sample.
    pub(super) fn keep_batch(&self, n: &Node<'m>, x: &Variable, kept: bool) -> Result<(), Error> {
        if x.batched && !kept && self.shared.batch == Batch::Any {
            return Err(n.operand(
                0,
                "an operation on the symbolic batch axis",
                "an operation on one sample",
            ));
        }
        Ok(())
    }

    /// The same elements with other extents; a leading 1 becomes the batch axis
    /// (of a value of rank 1 only if `x` has one).
    pub(super) fn view(
        &mut self,
        n: &Node<'m>,
        part: &str,
        x: &Variable,
        full: Vec<usize>,
    ) -> Result<Variable, Error> {
        self.view_as(n, part, x, full, x.batched)
    }

    /// [`view`](Self::view), told whether a value of rank 1 has a batch axis.
    pub(super) fn view_as(
        &mut self,
        n: &Node<'m>,
        part: &str,
        x: &Variable,
        full: Vec<usize>,
        batched: bool,
    ) -> Result<Variable, Error> {
        let mut y = seen_as(x.node, full, batched);
        if y.sample() != x.sample() {
            let (from, to) = (checked(x.sample())?, checked(y.sample())?);
            y.node = self.linear(n, part, x.node, Reshape::new(from, to))?;
        }
        Ok(y)
    }

    /// An index map from `x` to extents `full`, one entry per element.
    pub(super) fn index_map(
        &mut self,
        n: &Node<'m>,
        part: &str,
        x: &Variable,
        full: Vec<usize>,
        index: Vec<Option<u32>>,
    ) -> Result<Variable, Error> {
        let same = x.full.iter().product::<usize>() == index.len()
            && index.iter().zip(0..).all(|(&i, k)| i == Some(k));
        if same {
            return self.view(n, part, x, full);
        }
        let mut y = seen_as(x.node, full, x.batched);
        let (from, to) = (checked(x.sample())?, checked(y.sample())?);
        y.node = self.linear(n, part, x.node, Gather::new(from, to, index))?;
        Ok(y)
    }

    /// `scale[i] x[i] + bias[i]`, one coefficient per element of `x`: per
    /// channel where the coefficients allow it, else on the flat sample.
    pub(super) fn diagonal(
        &mut self,
        n: &Node<'m>,
        x: &Variable,
        scale: Vec<f32>,
        bias: Vec<f32>,
        uncertainty: f64,
    ) -> Result<Variable, Error> {
        let sample = checked(x.sample())?;
        let channels = sample.dims().first().copied().unwrap_or(1);
        let inner = sample.len() / channels;
        let constant = |v: &[f32]| {
            v.chunks(inner)
                .all(|c| c.iter().all(|w| w.to_bits() == c[0].to_bits()))
        };
        if constant(&scale) && constant(&bias) {
            let every = |v: Vec<f32>| v.into_iter().step_by(inner).collect::<Vec<f32>>();
            let scale = self.made(n, "scale", every(scale))?;
            let bias = self.made(n, "bias", every(bias))?;
            let map = Diagonal::new(scale, bias, sample, uncertainty);
            let node = self.linear(n, "", x.node, map)?;
            return Ok(Variable { node, ..x.clone() });
        }
        let flat = Shape::new(&[sample.len()]);
        let scale = self.made(n, "scale", scale)?;
        let bias = self.made(n, "bias", bias)?;
        let mut node = x.node;
        let reshaped = sample.dims().len() != 1;
        if reshaped {
            node = self.linear(n, "/flat", node, Reshape::new(sample.clone(), flat.clone()))?;
        }
        node = self.linear(
            n,
            "",
            node,
            Diagonal::new(scale, bias, flat.clone(), uncertainty),
        )?;
        if reshaped {
            node = self.linear(n, "/shape", node, Reshape::new(flat, sample))?;
        }
        Ok(Variable { node, ..x.clone() })
    }

    /// A constant as a node of the network, for operators that treat it like a
    /// computed value.
    pub(super) fn constant_variable(
        &mut self,
        n: &Node<'m>,
        c: &Constant<'m>,
    ) -> Result<Variable, Error> {
        let literal = c.literal()?;
        let values = self.floats(n, c, &literal)?;
        // A rational takes about as much memory as sixteen index entries.
        self.spend(values.len().saturating_mul(16))?;
        let exact: Option<Vec<Rational>> = values.iter().map(|&v| Rational::from_f32(v)).collect();
        let exact = exact.ok_or_else(|| n.operand(&c.name, "NaN or infinity", "finite numbers"))?;
        let batched = literal.dims.first() == Some(&1) && literal.dims.len() > 1;
        let shape = checked(&literal.dims[usize::from(batched)..])?;
        let node = self.push(
            c.name.clone(),
            Op::Constant(exact.into()),
            vec![],
            Some(shape),
        );
        Ok(Variable {
            node,
            full: literal.dims.clone(),
            batched,
        })
    }

    /// The same constant with other extents.
    pub(super) fn constant_view(
        &mut self,
        n: &Node<'m>,
        c: &Constant<'m>,
        dims: Vec<usize>,
    ) -> Result<Value<'m>, Error> {
        let literal = c.literal()?;
        let data = literal.data.clone();
        self.spend(literal.len())?;
        let made = Literal { dims, data };
        Ok(self.new_constant(&n.name, Source::Made(made.into())))
    }
}

fn seen_as(node: usize, full: Vec<usize>, batched: bool) -> Variable {
    Variable {
        node,
        batched: full.first() == Some(&1) && (full.len() > 1 || batched),
        full,
    }
}
