//! `BatchNormalization`, `LayerNormalization`, `Softmax`.

use std::sync::Arc;

use super::super::tensor::{Data, Literal};
use super::fold::Binary;
use super::{Error, GraphReader, Node, Value, Variable};
use crate::exact::Rational;
use crate::ops::{Diagonal, Exp, Log, Reciprocal, Sqrt, Square};

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

    /// `softmax(x)_i = 1 / (1 + Σ exp(x_j - x_i))`, `j ≠ i`: of differences
    /// alone, so it neither overflows nor multiplies. The logarithm likewise.
    pub(super) fn softmax(&mut self, n: &Node<'m>, log: bool) -> Result<Value<'m>, Error> {
        n.only(&["axis"])?;
        let x = self.variable(n, 0)?;
        let rank = x.full.len();
        // Before opset 13 all axes from the given one on were one.
        let old = self.shared.opset < 13;
        let axis = n.int("axis", if old { 1 } else { -1 })?;
        let axis = self.axis(n, axis, rank)?;
        let axes: Vec<usize> = if old {
            (axis..rank).collect()
        } else {
            vec![axis]
        };
        self.keep_batch(n, &x, !axes.contains(&0))?;
        let kept: Vec<usize> = (0..rank).filter(|k| !axes.contains(k)).collect();
        let order = [&kept[..], &axes].concat();
        let sorted = self.permute(n, "/order", &x, &order)?;
        let count: usize = axes.iter().map(|&k| x.full[k]).product();
        let rows: usize = kept.iter().map(|&k| x.full[k]).product();
        let flat = self.view_as(n, "/rows", &sorted, vec![1, rows, count], true)?;
        let others = |i: usize| (0..count).filter(move |&j| j != i);
        let mut terms = Vec::new();
        for (part, own) in [("/other", false), ("/own", true)] {
            let pairs = (0..count).flat_map(|i| others(i).map(move |j| if own { i } else { j }));
            let pairs: Vec<Option<usize>> = pairs.map(Some).collect();
            if pairs.is_empty() {
                // Alone, an element has all the weight.
                let data = Data::Floats(vec![if log { 0.0 } else { 1.0 }; x.full.iter().product()]);
                return Ok(self.folded(n, Literal { dims: x.full, data }));
            }
            let value = Value::Variable(flat.clone());
            let value = self.choose(n, part, &value, 2, &pairs)?;
            terms.push(self.as_variable(n, value)?);
        }
        let coefficients = vec![Rational::from(1), Rational::from(-1)];
        let nodes = terms.iter().map(|t| t.node).collect();
        let node = self.combine(n, "/difference", coefficients, nodes);
        let difference = Variable {
            node,
            ..terms.swap_remove(0)
        };
        let exponential = self.pointwise(n, "/exponential", &difference, Arc::new(Exp));
        let full = vec![1, rows, count, count - 1];
        let terms = self.view_as(n, "/terms", &exponential, full, true)?;
        let sum = self.reduce_axes(n, "/terms", &terms, &[3], false, false)?;
        let one = self.one(n);
        let sum = self.apply(n, "/sum", Binary::Add, Value::Variable(sum), one)?;
        let sum = self.as_variable(n, sum)?;
        let y = if log {
            let y = self.pointwise(n, "/logarithm", &sum, Arc::new(Log));
            let node = self.combine(n, "/value", vec![Rational::from(-1)], vec![y.node]);
            Variable { node, ..y }
        } else {
            self.pointwise(n, "/value", &sum, Arc::new(Reciprocal))
        };
        let y = self.view_as(n, "/shape", &y, sorted.full, x.batched)?;
        let mut back = vec![0; rank];
        order
            .iter()
            .enumerate()
            .for_each(|(k, &axis)| back[axis] = k);
        self.permute(n, "/order", &y, &back).map(Value::Variable)
    }

    fn one(&mut self, n: &Node<'m>) -> Value<'m> {
        let data = Data::Floats(vec![1.0]);
        self.folded(n, Literal { dims: vec![], data })
    }

    /// `(x - mean) / sqrt(mean of squares + ε) γ + β` over the axes from the
    /// given one on.
    pub(super) fn layer_normalization(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["axis", "epsilon", "stash_type"])?;
        let x = self.variable(n, 0)?;
        let rank = x.full.len();
        let axis = self.axis(n, n.int("axis", -1)?, rank)?;
        let axes: Vec<usize> = (axis..rank).collect();
        let epsilon = Data::Floats(vec![n.float("epsilon", 1e-5)?]);
        let mean = Value::Variable(self.reduce_axes(n, "/mean", &x, &axes, true, true)?);
        let x = Value::Variable(x);
        let centred = self.apply(n, "/centred", Binary::Sub, x, mean)?;
        let centred = self.as_variable(n, centred)?;
        let squares = self.pointwise(n, "/squares", &centred, Arc::new(Square));
        let variance = self.reduce_axes(n, "/variance", &squares, &axes, true, true)?;
        let variance = Value::Variable(variance);
        let epsilon = self.folded(
            n,
            Literal {
                dims: vec![],
                data: epsilon,
            },
        );
        let variance = self.apply(n, "/shifted", Binary::Add, variance, epsilon)?;
        let variance = self.as_variable(n, variance)?;
        let deviation = self.pointwise(n, "/deviation", &variance, Arc::new(Sqrt));
        let factor = self.pointwise(n, "/factor", &deviation, Arc::new(Reciprocal));
        let centred = Value::Variable(centred);
        let y = self.apply(n, "/normal", Binary::Mul, centred, Value::Variable(factor))?;
        let gamma = self.value(n, 1)?;
        let y = self.apply(n, "/scaled", Binary::Mul, y, gamma)?;
        match self.optional(n, 2)? {
            Some(beta) => self.apply(n, "", Binary::Add, y, beta),
            None => Ok(y),
        }
    }
}
