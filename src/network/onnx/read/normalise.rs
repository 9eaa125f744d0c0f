//! `BatchNormalization`, `LayerNormalization`, `Softmax`.

use super::fold::Binary;
use super::{Error, GraphReader, Node, Value, Variable};
use crate::exact::Rational;
use crate::graph::{self, GraphBuilder, NodeId, Op, composite};
use crate::ops::Diagonal;

/// Above the relative error of a quotient, square root and sum computed in
/// binary64 (three roundings of 2⁻⁵³) and rounded to a normal binary32 number
/// (one of 2⁻²⁴), taken relative to the rounded number.
pub(super) const ROUNDED: f64 = 1.0 / 8_388_608.0; // 2^-23

impl<'m> GraphReader<'m, '_> {
    /// `(x - μ) γ / sqrt(σ² + ε) + β` as two diagonals: `x - μ` is exact, the
    /// factor carries an uncertainty.
    pub(super) fn batch_normalization(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["epsilon", "momentum", "training_mode", "spatial"])?;
        if n.int("training_mode", 0)? != 0 {
            return Err(n.bad("training_mode", 1, "0"));
        }
        if n.int("spatial", 1)? != 1 {
            return Err(n.bad("spatial", 0, "1"));
        }
        let x = self.variable(n, 0)?;
        let epsilon = f64::from(n.float("epsilon", 1e-5)?);
        if !x.batched || x.full.len() < 2 {
            let found = format!("extents {:?}", x.full);
            return Err(n.operand(0, found, "a batch axis, then channels"));
        }
        let channels = x.full[1];
        let mut tensors: Vec<Vec<f32>> = Vec::new();
        let mut beta = None;
        for k in 1..5 {
            let c = self.constant(n, k)?;
            let literal = c.literal()?;
            if literal.dims != [channels] {
                let found = format!("extents {:?}", literal.dims);
                return Err(n.operand(&c.name, found, "one element per channel"));
            }
            if k == 2 {
                beta = Some(self.param(n, &c, false, &[channels])?);
            }
            tensors.push(self.floats(n, &c, &literal)?.to_vec());
        }
        let mut scale = Vec::with_capacity(channels);
        for (&gamma, &variance) in tensors[0].iter().zip(&tensors[3]) {
            let s = (f64::from(gamma) / (f64::from(variance) + epsilon).sqrt()) as f32;
            // `uncertainty` is relative: it says nothing of an underflow.
            if !(s.is_normal() || gamma == 0.0 && s == 0.0) {
                return Err(n.operand(
                    3,
                    format!("γ = {gamma}, σ² = {variance}, ε = {epsilon}"),
                    "γ / sqrt(σ² + ε) in the range of binary32",
                ));
            }
            // A sum that is subnormal may be flushed.
            if f64::from(variance) + epsilon < 2.0 * f64::from(f32::MIN_POSITIVE) {
                self.rewritten(n);
            }
            scale.push(s);
        }
        let shift = tensors[2].iter().map(|&mean| -mean).collect();
        let shape = self.shape(&n.name, x.sample())?;
        let ones = self.made(n, "/ones", vec![1.0; channels])?;
        let shift = self.made(n, "/mean", shift)?;
        let scale = self.made(n, "/scale", scale)?;
        let beta = beta.expect("operand 2 was read");
        let centred = Diagonal::new(ones, shift, shape.clone(), 0.0);
        let node = self.linear(n, "/centred", x.node, centred)?;
        let scaled = Diagonal::new(scale, beta, shape, ROUNDED);
        let node = self.linear(n, "", node, scaled)?;
        Ok(Value::Variable(Variable { node, ..x }))
    }

    pub(super) fn softmax(&mut self, n: &Node<'m>, log: bool) -> Result<Value<'m>, Error> {
        n.only(&["axis"])?;
        let x = self.variable(n, 0)?;
        let rank = x.full.len();
        // Before opset 13 all axes from the given one on were one.
        let old = self.shared.opset < 13;
        let axis = n.int("axis", if old { 1 } else { -1 })?;
        let axis = self.axis(n, axis, rank)?;
        self.keep_batch(n, &x, axis != 0)?;
        let last = if old { rank } else { axis + 1 };
        let [rows, count, inner] =
            [0..axis, axis..last, last..rank].map(|axes| x.full[axes].iter().product::<usize>());
        let terms = [rows, count, count, inner];
        self.spend_on(n, &terms)?;
        self.rewritten(n);
        let lines = self.view_as(n, "/lines", &x, vec![1, rows, count, inner], true)?;
        let y = self.composite(n, &lines, |b, name, x| match log {
            true => composite::log_softmax(b, name, x, 1),
            false => composite::softmax(b, name, x, 1),
        })?;
        let y = self.view_as(n, "/shape", &y, x.full, x.batched)?;
        Ok(Value::Variable(y))
    }

    /// `(x - mean) / sqrt(mean of squares + ε) γ + β` over the axes from the
    /// given one on.
    pub(super) fn layer_normalization(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["axis", "epsilon", "stash_type"])?;
        let x = self.variable(n, 0)?;
        let axis = self.axis(n, n.int("axis", -1)?, x.full.len())?;
        self.keep_batch(n, &x, axis != 0)?;
        let epsilon = Rational::from_f32(n.float("epsilon", 1e-5)?).unwrap_or_default();
        if epsilon < 0 {
            return Err(n.bad("epsilon", epsilon, "a number that is not negative"));
        }
        let lines = [0..axis, axis..x.full.len()].map(|axes| x.full[axes].iter().product());
        self.rewritten(n);
        let lines = self.view_as(n, "/lines", &x, [&[1], &lines[..]].concat(), true)?;
        let y = self.composite(n, &lines, |b, name, x| {
            composite::layer_norm(b, name, x, 1, &epsilon)
        })?;
        let y = self.view_as(n, "/shape", &y, x.full, x.batched)?;
        let gamma = self.value(n, 1)?;
        let y = self.apply(n, "/scaled", Binary::Mul, Value::Variable(y), gamma)?;
        match self.optional(n, 2)? {
            Some(beta) => self.apply(n, "", Binary::Add, y, beta),
            None => Ok(y),
        }
    }

    /// The nodes of a function of `x` with a value of the same shape.
    fn composite(
        &mut self,
        n: &Node<'m>,
        x: &Variable,
        write: impl FnOnce(&mut GraphBuilder, &str, NodeId) -> Result<NodeId, graph::Error>,
    ) -> Result<Variable, Error> {
        let mut builder = GraphBuilder::new();
        let input = builder.input("", self.shape(&n.name, x.sample())?);
        let output = write(&mut builder, &n.name, input)?;
        let graph = builder.finish(output)?;
        let mut new = Vec::with_capacity(graph.nodes().len());
        for node in graph.nodes() {
            let inputs = node.inputs.iter().map(|i| new[i.index()]).collect();
            new.push(match &node.op {
                Op::Input(_) => x.node,
                Op::Constant(_) => {
                    let shape = Some(node.shape.clone());
                    self.push(node.name.clone(), node.op.clone(), inputs, shape)
                }
                op => self.push(node.name.clone(), op.clone(), inputs, None),
            });
        }
        let node = new[graph.output().index()];
        Ok(Variable { node, ..x.clone() })
    }
}
