//! The steps every operator family is made of: operands in, network nodes out.

use std::rc::Rc;
use std::sync::Arc;

use super::super::limits;
use super::super::tensor::{Data, Literal};
use super::index::broadcast;
use super::{Batch, Constant, Error, GraphReader, Node, Value, Variable, checked};
use crate::exact::Rational;
use crate::graph::{Op, Rewritten};
use crate::network::{Layer, NetworkNode};
use crate::ops::{
    self, Diagonal, Gather, LinearKernel, LinearMap, Param, Pointwise, Reshape, Shape, Tensor,
};

/// Which element of the operand each output is, or zero.
type Choice = Arc<[Option<u32>]>;

impl<'m> GraphReader<'m, '_> {
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

    /// States that the nodes for `n` compute its function by another formula, or
    /// exactly what a runtime computes by several roundings.
    pub(super) fn rewritten(&mut self, n: &Node<'m>) {
        let mark = Rewritten {
            node: n.name.clone(),
            operator: n.proto.op_type.clone(),
        };
        if self.shared.rewritten.last() != Some(&mark) {
            self.shared.rewritten.push(mark);
        }
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
        let name = self.unique(&format!("{}{part}", n.name));
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
        self.floats(n, c, &literal)?;
        let data = match (Rc::unwrap_or_clone(literal), transposed) {
            (
                Literal {
                    dims,
                    data: Data::Floats(stored),
                },
                true,
            ) if dims.len() == 2 => {
                let (rows, columns) = (dims[0], dims[1]);
                (0..columns)
                    .flat_map(|j| (0..rows).map(move |i| (i, j)))
                    .map(|(i, j)| stored[i * columns + j])
                    .collect()
            }
            (
                Literal {
                    data: Data::Floats(stored),
                    ..
                },
                _,
            ) => stored,
            _ => Vec::new(), // refused above
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
        part: &str,
        coefficients: Vec<Rational>,
        xs: Vec<usize>,
    ) -> usize {
        match (&coefficients[..], &xs[..]) {
            ([c], &[x]) if *c == 1 => x,
            _ => {
                let name = format!("{}{part}", n.name);
                self.push(name, Op::Combine(coefficients), xs, None)
            }
        }
    }

    /// Appends `φ(x)`.
    pub(super) fn pointwise(
        &mut self,
        n: &Node<'m>,
        part: &str,
        x: &Variable,
        f: Arc<dyn Pointwise>,
    ) -> Variable {
        let name = format!("{}{part}", n.name);
        let node = self.push(name, Op::Pointwise(f), vec![x.node], None);
        Variable { node, ..x.clone() }
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
        if y.sample() == x.sample() {
            return Ok(y);
        }
        let to = checked(y.sample())?;
        let (node, from, index) = self.behind(x)?;
        if let Some(index) = index {
            self.spend(index.len())?;
            y.node = self.linear(n, part, node, Gather::new(from, to, index.to_vec()))?;
        } else if from == to {
            y.node = node;
            return Ok(y);
        } else {
            y.node = self.linear(n, part, node, Reshape::new(from, to))?;
        }
        // What the file calls a reshape stays one, so that a written network
        // reads back node for node.
        if n.proto.op_type != "Reshape" {
            self.merging.insert(y.node);
        }
        Ok(y)
    }

    /// The node whose elements the index maps and views that end in `x`
    /// rearrange, its shape, and which they choose (`None`: all, in order).
    fn behind(&self, x: &Variable) -> Result<(usize, Shape, Option<Choice>), Error> {
        let here = (x.node, checked(x.sample())?, None);
        if !self.merging.contains(&x.node) {
            return Ok(here);
        }
        let NetworkNode { layer, inputs, .. } = &self.nodes[x.node];
        let Layer::Op(Op::Linear(map)) = layer else {
            return Ok(here);
        };
        Ok(match map.kernel() {
            LinearKernel::Gather { index } => (inputs[0], map.input().clone(), Some(index.into())),
            LinearKernel::Reshape => (inputs[0], map.input().clone(), None),
            _ => here,
        })
    }

    /// An index map from `x` to extents `full`, one entry per element. With a
    /// map or view before it, it becomes one.
    pub(super) fn index_map(
        &mut self,
        n: &Node<'m>,
        part: &str,
        x: &Variable,
        full: Vec<usize>,
        mut index: Vec<Option<u32>>,
    ) -> Result<Variable, Error> {
        let in_order = |index: &[Option<u32>], len: usize| {
            index.len() == len && index.iter().zip(0..).all(|(&i, k)| i == Some(k))
        };
        if in_order(&index, x.full.iter().product()) {
            return self.view(n, part, x, full);
        }
        let mut y = seen_as(x.node, full, x.batched);
        let to = checked(y.sample())?;
        let (node, from, before) = self.behind(x)?;
        if let Some(before) = before {
            let through = |i: &mut Option<u32>| *i = i.and_then(|i| before[i as usize]);
            index.iter_mut().for_each(through);
        }
        y.node = if !in_order(&index, from.len()) {
            self.linear(n, part, node, Gather::new(from, to, index))?
        } else if from == to {
            return Ok(Variable { node, ..y });
        } else {
            self.linear(n, part, node, Reshape::new(from, to))?
        };
        self.merging.insert(y.node);
        Ok(y)
    }

    /// `scale[i] x[i] + bias[i]`, one coefficient per element of `x`: per
    /// channel where the coefficients allow it, else on the flat sample.
    pub(super) fn diagonal(
        &mut self,
        n: &Node<'m>,
        part: &str,
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
            let scale = self.made(n, &format!("{part}/scale"), every(scale))?;
            let bias = self.made(n, &format!("{part}/bias"), every(bias))?;
            let map = Diagonal::new(scale, bias, sample, uncertainty);
            let node = self.linear(n, part, x.node, map)?;
            return Ok(Variable { node, ..x.clone() });
        }
        let scale = self.made(n, &format!("{part}/scale"), scale)?;
        let bias = self.made(n, &format!("{part}/bias"), bias)?;
        let row = vec![1, sample.len()];
        let flat = self.view_as(n, &format!("{part}/flat"), x, row, true)?;
        let shape = checked(flat.sample())?;
        let map = Diagonal::new(scale, bias, shape, uncertainty);
        let node = self.linear(n, part, flat.node, map)?;
        let flat = Variable { node, ..flat };
        let full = x.full.clone();
        self.view_as(n, &format!("{part}/shape"), &flat, full, x.batched)
    }

    /// A value as a node of the network, for operators that treat constants
    /// like computed values.
    pub(super) fn as_variable(
        &mut self,
        n: &Node<'m>,
        value: Value<'m>,
    ) -> Result<Variable, Error> {
        let c = match value {
            Value::Variable(x) => return Ok(x),
            Value::Constant(c) => c,
        };
        let literal = c.literal()?;
        if let Data::Ints(_) = literal.data {
            return Err(n.operand(&c.name, "integers", "numbers or a computed value"));
        }
        if literal.len() == 0 {
            return Err(n.operand(&c.name, "no elements", "at least one element"));
        }
        // A rational takes about as much memory as sixteen index entries.
        self.spend(literal.len().saturating_mul(16))?;
        let exact: Option<Vec<Rational>> = (0..literal.len()).map(|i| literal.at(i)).collect();
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

    /// The same elements with other extents.
    pub(super) fn with_extents(
        &mut self,
        n: &Node<'m>,
        part: &str,
        value: Value<'m>,
        full: Vec<usize>,
    ) -> Result<Value<'m>, Error> {
        let c = match value {
            Value::Variable(x) => return self.view(n, part, &x, full).map(Value::Variable),
            Value::Constant(c) => c,
        };
        let literal = c.literal()?;
        self.spend(literal.len())?;
        let Literal { data, .. } = Rc::unwrap_or_clone(literal);
        Ok(self.folded(n, Literal { dims: full, data }))
    }

    /// The elements of a value at `index`, zero where there is none, with
    /// extents `full`.
    pub(super) fn select(
        &mut self,
        n: &Node<'m>,
        part: &str,
        value: &Value<'m>,
        full: Vec<usize>,
        index: Vec<Option<u32>>,
    ) -> Result<Value<'m>, Error> {
        match value {
            Value::Variable(x) => self.index_map(n, part, x, full, index).map(Value::Variable),
            Value::Constant(c) => {
                let literal = c.literal()?;
                if let Data::Exact(_) = literal.data {
                    self.spend(index.len().saturating_mul(16))?;
                }
                Ok(self.folded(n, literal.select(full, &index)))
            }
        }
    }

    /// Both operands with one set of extents and one view of the batch axis.
    pub(super) fn aligned(
        &mut self,
        n: &Node<'m>,
        a: &Variable,
        b: &Variable,
    ) -> Result<[Variable; 2], Error> {
        let full = broadcast(n, &a.full, &b.full)?;
        let a = self.expand(n, "/left", a, &full)?;
        let b = self.expand(n, "/right", b, &full)?;
        let batched = a.batched || b.batched;
        Ok([
            self.view_as(n, "/left", &a, full.clone(), batched)?,
            self.view_as(n, "/right", &b, full, batched)?,
        ])
    }
}

fn seen_as(node: usize, full: Vec<usize>, batched: bool) -> Variable {
    Variable {
        node,
        batched: full.first() == Some(&1) && (full.len() > 1 || batched),
        full,
    }
}
