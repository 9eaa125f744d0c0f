//! `BatchNormalization`, `LayerNormalization`, `Softmax`.

use super::{Error, GraphReader, Node, Value, Variable};
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
}
