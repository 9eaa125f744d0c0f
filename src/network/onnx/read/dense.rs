//! `Gemm`, `MatMul`, and `BatchNormalization`.

use std::sync::Arc;

use super::{Constant, Error, GraphReader, Node, Value, Variable};
use crate::exact::Rational;
use crate::graph::Op;
use crate::ops::{Conv2d, Dense, Diagonal, Geometry, Param, Shape, Tensor};

/// Above the relative error of a quotient, square root and sum computed in
/// binary64 (three roundings of 2⁻⁵³) and rounded to a normal binary32 number
/// (one of 2⁻²⁴), taken relative to the rounded number.
pub(super) const ROUNDED: f64 = 1.0 / 8_388_608.0; // 2^-23

impl<'m> GraphReader<'m, '_> {
    /// `W x + b` along the last axis of `x`.
    fn dense(
        &mut self,
        n: &Node<'m>,
        part: &str,
        x: &Variable,
        weight: Param,
        bias: Option<Param>,
    ) -> Result<Variable, Error> {
        let (out, inner) = (weight.shape().dims()[0], weight.shape().dims()[1]);
        let (last, lead) = x
            .full
            .split_last()
            .ok_or_else(|| n.operand(0, "a scalar", "at least one axis"))?;
        if *last != inner {
            return Err(n.operand(
                0,
                format!("extents {:?} against {inner} rows of weights", x.full),
                "a last extent equal to the rows of the weights",
            ));
        }
        if lead.iter().any(|&d| d != 1) {
            return self.dense_rows(n, part, x, weight, bias);
        }
        let flat = self.view(n, "/row", x, vec![1, inner])?;
        let node = self.linear(n, part, flat.node, Dense::new(weight, bias))?;
        let y = Variable {
            node,
            full: vec![1, out],
            batched: true,
        };
        let full = [lead, &[out]].concat();
        self.view_as(n, "/shape", &y, full, x.batched)
    }

    /// The same map of several rows: a convolution with a 1 × 1 kernel that has
    /// the last axis as channels.
    fn dense_rows(
        &mut self,
        n: &Node<'m>,
        part: &str,
        x: &Variable,
        weight: Param,
        bias: Option<Param>,
    ) -> Result<Variable, Error> {
        let (out, inner) = (weight.shape().dims()[0], weight.shape().dims()[1]);
        let lead = &x.full[..x.full.len() - 1];
        let rows: usize = lead.iter().product();
        let image = self.view(n, "/rows", x, vec![1, rows, inner])?;
        let image = self.permute(n, "/channels", &image, &[0, 2, 1])?;
        let image = self.view(n, "/image", &image, vec![1, inner, rows, 1])?;
        let geometry = Geometry::new(
            "MatMul",
            inner,
            [rows, 1],
            out,
            [1, 1],
            [1, 1],
            [0; 4],
            [1, 1],
            1,
        )
        .map_err(|e| n.operation(e))?;
        self.shape(&n.name, geometry.output_shape().dims())?;
        let kernel = self.kernel(n, &weight)?;
        let map = Conv2d::new(kernel, bias, geometry);
        let node = self.linear(n, part, image.node, map)?;
        let y = Variable {
            node,
            full: vec![1, out, rows, 1],
            batched: true,
        };
        let y = self.view(n, "/columns", &y, vec![1, out, rows])?;
        let y = self.permute(n, "/last", &y, &[0, 2, 1])?;
        self.view_as(n, "/shape", &y, [lead, &[out]].concat(), x.batched)
    }

    /// A matrix as the weights of a 1 × 1 convolution; one tensor for each.
    fn kernel(&mut self, n: &Node<'m>, weight: &Param) -> Result<Param, Error> {
        if let Some(kernel) = self.shared.kernels.get(weight.name()) {
            return Ok(kernel.clone());
        }
        self.spend(weight.data().len())?;
        let dims = [weight.shape().dims(), &[1, 1]].concat();
        let name = self.unique(weight.name());
        let kernel = Tensor::new(name, Shape::new(&dims), weight.data().to_vec());
        let kernel = Arc::new(kernel.map_err(|e| n.operation(e))?);
        let key = weight.name().to_string();
        self.shared.kernels.insert(key, kernel.clone());
        Ok(kernel)
    }

    pub(super) fn gemm(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["alpha", "beta", "transA", "transB"])?;
        let x = self.variable(n, 0)?;
        if n.int("transA", 0)? != 0 {
            return Err(n.bad("transA", 1, "0"));
        }
        if x.full.len() != 2 {
            return Err(n.operand(0, format!("extents {:?}", x.full), "two axes"));
        }
        let w = self.constant(n, 1)?;
        let transposed = n.int("transB", 0)? == 0;
        let weight = self.matrix(n, &w, transposed)?;
        let out = weight.shape().dims()[0];
        let (alpha, beta) = (n.float("alpha", 1.0)?, n.float("beta", 1.0)?);
        let c = match self.optional(n, 2)? {
            Some(Value::Constant(c)) if beta != 0.0 => Some(c),
            Some(Value::Variable(_)) => {
                return Err(n.operand(2, "a computed value", "a constant"));
            }
            _ => None,
        };
        let bias = match &c {
            Some(c) => Some(self.row(n, c, out)?),
            None => None,
        };
        if alpha == 1.0 && (beta == 1.0 || bias.is_none()) {
            return self.dense(n, "", &x, weight, bias).map(Value::Variable);
        }
        // alpha (W x) + beta c, with both factors exact.
        let exact = |v: f32| Rational::from_f32(v).expect("attributes are finite");
        let product = self.dense(n, "/product", &x, weight, None)?;
        let mut coefficients = vec![exact(alpha)];
        let mut terms = vec![product.node];
        if let Some(bias) = bias {
            let shape = self.shape(&n.name, product.sample())?;
            self.spend(shape.len().saturating_mul(16))?;
            // The same bias for every row.
            let each = bias.data().iter().cycle().take(shape.len());
            let values = each.map(|&v| exact(v)).collect();
            terms.push(self.push(
                format!("{}/bias", n.name),
                Op::Constant(values),
                vec![],
                Some(shape),
            ));
            coefficients.push(exact(beta));
        }
        let node = self.combine(n, coefficients, terms);
        Ok(Value::Variable(Variable { node, ..product }))
    }

    /// A constant matrix as (out, in); `transposed` when it is stored (in, out).
    fn matrix(&mut self, n: &Node<'m>, c: &Constant<'m>, transposed: bool) -> Result<Param, Error> {
        let dims = c.dims()?;
        let &[rows, columns] = &dims[..] else {
            return Err(n.operand(&c.name, format!("extents {dims:?}"), "a matrix"));
        };
        let dims = if transposed {
            [columns, rows]
        } else {
            [rows, columns]
        };
        self.param(n, c, transposed, &dims)
    }

    /// A constant of `len` elements on its last axis as a vector; a constant of
    /// one element is repeated.
    fn row(&mut self, n: &Node<'m>, c: &Constant<'m>, len: usize) -> Result<Param, Error> {
        let dims = c.dims()?;
        let elements: usize = dims.iter().product();
        if elements == len && dims.last().is_none_or(|&d| d == len) {
            return self.param(n, c, false, &[len]);
        }
        if elements == 1 {
            let value = self.floats(n, c, &*c.literal()?)?[0];
            self.spend(len)?;
            return self.made(n, "bias", vec![value; len]);
        }
        Err(n.operand(
            &c.name,
            format!("extents {dims:?}"),
            "one element per output",
        ))
    }

    pub(super) fn mat_mul(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&[])?;
        let (a, b) = (self.value(n, 0)?, self.value(n, 1)?);
        let y = match (a, b) {
            (Value::Variable(x), Value::Constant(w)) => {
                let dims = w.dims()?;
                if let [len] = dims[..] {
                    let weight = self.param(n, &w, false, &[1, len])?;
                    let y = self.dense(n, "", &x, weight, None)?;
                    let full = y.full[..y.full.len() - 1].to_vec();
                    self.view(n, "/scalar", &y, full)?
                } else {
                    let weight = self.matrix(n, &w, true)?;
                    self.dense(n, "", &x, weight, None)?
                }
            }
            (Value::Constant(w), Value::Variable(x)) => {
                // W x, for a column or a vector without batch axis.
                let column = match x.full[..] {
                    [_] if !x.batched => false,
                    [_, 1] if !x.batched => true,
                    _ => {
                        return Err(n.operand(
                            1,
                            format!("extents {:?}", x.full),
                            "a vector without batch axis (the left operand is constant)",
                        ));
                    }
                };
                let weight = self.matrix(n, &w, false)?;
                let out = weight.shape().dims()[0];
                let len = x.full[0];
                let x = self.view(n, "/vector", &x, vec![len])?;
                let y = self.dense(n, "", &x, weight, None)?;
                let full = if column { vec![out, 1] } else { vec![out] };
                self.view(n, "/column", &y, full)?
            }
            (Value::Variable(_), Value::Variable(_)) => {
                return Err(self.unsupported(n, "; the product with a constant is"));
            }
            (Value::Constant(_), Value::Constant(_)) => {
                return Err(self.unsupported(n, " on two constants"));
            }
        };
        Ok(Value::Variable(y))
    }

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
        let ones = self.made(n, "ones", vec![1.0; channels])?;
        let shift = self.made(n, "mean", shift)?;
        let scale = self.made(n, "scale", scale)?;
        let beta = beta.expect("operand 2 was read");
        let centred = Diagonal::new(ones, shift, shape.clone(), 0.0);
        let node = self.linear(n, "/centred", x.node, centred)?;
        let scaled = Diagonal::new(scale, beta, shape, ROUNDED);
        let node = self.linear(n, "", node, scaled)?;
        Ok(Value::Variable(Variable { node, ..x }))
    }
}
