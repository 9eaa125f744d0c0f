//! `Gemm` and `MatMul`, of constants and computed values.

use super::super::tensor::{Data, Literal};
use super::arithmetic::leading;
use super::fold::Binary;
use super::index::broadcast;
use super::{Constant, Error, GraphReader, Node, Value, Variable};
use crate::exact::Rational;
use crate::graph::Op;
use crate::ops::Product;

/// The most binary32 matrices whose sum is one exact matrix.
const MAX_PARTS: usize = 8;

impl<'m> GraphReader<'m, '_> {
    pub(super) fn gemm(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["alpha", "beta", "transA", "transB"])?;
        let (mut a, mut b) = (self.value(n, 0)?, self.value(n, 1)?);
        for (k, value) in [&a, &b].into_iter().enumerate() {
            let dims = value.extents()?;
            if dims.len() != 2 {
                return Err(n.operand(k, format!("extents {dims:?}"), "two axes"));
            }
        }
        let (alpha, beta) = (n.float("alpha", 1.0)?, n.float("beta", 1.0)?);
        let c = self.optional(n, 2)?.filter(|_| beta != 0.0);
        if n.int("transA", 0)? != 0 {
            self.keep(n, &a, false)?;
            a = self.permute_value(n, "/left", &a, &[1, 0])?;
        }
        let transposed = n.int("transB", 0)? != 0;
        let simple = |c: &Option<Value<'m>>| !matches!(c, Some(Value::Variable(_)));
        if let (Value::Variable(x), Value::Constant(w)) = (&a, &b)
            && alpha == 1.0
            && beta == 1.0
            && simple(&c)
            && let Some(y) = self.gemm_dense(n, x, w, !transposed, c.as_ref())?
        {
            return Ok(Value::Variable(y));
        }
        if transposed {
            self.keep(n, &b, false)?;
            b = self.permute_value(n, "/right", &b, &[1, 0])?;
        }
        let factor = |n: &Node<'m>, v: f32, name: &str| {
            Rational::from_f32(v).ok_or_else(|| n.bad(name, v, "a finite number"))
        };
        let (alpha, beta) = (factor(n, alpha, "alpha")?, factor(n, beta, "beta")?);
        let part = if alpha == 1 && c.is_none() {
            ""
        } else {
            "/product"
        };
        let mut y = self.product_of(n, part, a, b)?;
        y = self.multiplied(n, "/alpha", y, &alpha)?;
        if let Some(c) = c {
            let c = self.multiplied(n, "/beta", c, &beta)?;
            let full = y.extents()?;
            if broadcast(n, &full, &c.extents()?)? != full {
                return Err(n.operand(
                    2,
                    "larger extents",
                    "extents that broadcast to the product",
                ));
            }
            y = self.apply(n, "", Binary::Add, y, c)?;
        }
        Ok(y)
    }

    /// `x W + c` as one layer; `None` where the operands do not allow it.
    fn gemm_dense(
        &mut self,
        n: &Node<'m>,
        x: &Variable,
        w: &Constant<'m>,
        transposed: bool,
        c: Option<&Value<'m>>,
    ) -> Result<Option<Variable>, Error> {
        if w.is_exact()? {
            return Ok(None);
        }
        let weight = self.matrix(n, w, transposed)?;
        let out = weight.shape().dims()[0];
        let bias = match c {
            Some(Value::Constant(c)) => {
                let dims = c.dims()?;
                let elements: usize = dims.iter().product();
                let row = elements == 1 || elements == out && dims.last() == Some(&out);
                if !row || c.is_exact()? {
                    return Ok(None);
                }
                Some(self.row(n, c, out)?)
            }
            _ => None,
        };
        self.dense(n, "", x, weight, bias).map(Some)
    }

    /// `factor · value`, exact.
    pub(super) fn multiplied(
        &mut self,
        n: &Node<'m>,
        part: &str,
        value: Value<'m>,
        factor: &Rational,
    ) -> Result<Value<'m>, Error> {
        match value {
            value if *factor == 1 => Ok(value),
            Value::Variable(x) => {
                let node = self.combine(n, part, vec![factor.clone()], vec![x.node]);
                Ok(Value::Variable(Variable { node, ..x }))
            }
            Value::Constant(c) => {
                let literal = c.literal()?;
                self.fold_each(n, &literal, |v| v * factor)
            }
        }
    }

    pub(super) fn mat_mul(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&[])?;
        let (a, b) = (self.value(n, 0)?, self.value(n, 1)?);
        self.product_of(n, "", a, b)
    }

    /// The matrix product as `MatMul` has it.
    fn product_of(
        &mut self,
        n: &Node<'m>,
        part: &str,
        a: Value<'m>,
        b: Value<'m>,
    ) -> Result<Value<'m>, Error> {
        for (k, value) in [&a, &b].into_iter().enumerate() {
            let dims = value.extents()?;
            if dims.is_empty() || dims.contains(&0) {
                let found = format!("extents {dims:?}");
                return Err(n.operand(k, found, "at least one axis, no empty ones"));
            }
        }
        match (a, b) {
            (Value::Constant(a), Value::Constant(b)) => {
                let (a, b) = (a.literal()?, b.literal()?);
                self.fold_product(n, &a, &b)
            }
            (Value::Variable(x), Value::Constant(w)) => {
                let dims = w.dims()?;
                match dims[..] {
                    [len] => {
                        let w = self.with_extents(n, part, Value::Constant(w), vec![len, 1])?;
                        let y = self.product_of(n, part, Value::Variable(x), w)?;
                        let dims = y.extents()?;
                        let full = dims[..dims.len() - 1].to_vec();
                        self.with_extents(n, &format!("{part}/scalar"), y, full)
                    }
                    [_, _] => self.weighted(n, part, &x, &w).map(Value::Variable),
                    _ => {
                        let w = self.as_variable(n, Value::Constant(w))?;
                        self.of_variables(n, part, &x, &w).map(Value::Variable)
                    }
                }
            }
            (Value::Constant(w), Value::Variable(x)) => {
                // W X = (Xᵀ Wᵀ)ᵀ along the last two axes.
                let rank = x.full.len();
                let dims = w.dims()?;
                if dims.len() > 2 {
                    let w = self.as_variable(n, Value::Constant(w))?;
                    return self.of_variables(n, part, &w, &x).map(Value::Variable);
                }
                if rank == 1 {
                    self.keep_batch(n, &x, false)?;
                    let w = match dims.len() {
                        1 => Value::Constant(w),
                        _ => self.permute_value(n, part, &Value::Constant(w), &[1, 0])?,
                    };
                    return self.product_of(n, part, Value::Variable(x), w);
                }
                self.keep_batch(n, &x, rank > 2)?;
                let mut order: Vec<usize> = (0..rank).collect();
                order.swap(rank - 2, rank - 1);
                let x = self.permute(n, &format!("{part}/columns"), &x, &order)?;
                let w = match dims.len() {
                    1 => Value::Constant(w),
                    _ => self.permute_value(n, part, &Value::Constant(w), &[1, 0])?,
                };
                let y = self.product_of(n, part, Value::Variable(x), w)?;
                if dims.len() == 1 {
                    return Ok(y);
                }
                self.permute_value(n, &format!("{part}/rows"), &y, &order)
            }
            (Value::Variable(a), Value::Variable(b)) => {
                self.of_variables(n, part, &a, &b).map(Value::Variable)
            }
        }
    }

    /// `X W` with a constant matrix; one that is not of binary32 numbers is a
    /// sum of such matrices.
    fn weighted(
        &mut self,
        n: &Node<'m>,
        part: &str,
        x: &Variable,
        w: &Constant<'m>,
    ) -> Result<Variable, Error> {
        if !w.is_exact()? {
            let weight = self.matrix(n, w, true)?;
            return self.dense(n, part, x, weight, None);
        }
        let literal = w.literal()?;
        let mut rest = self.exact(n, &literal)?;
        let mut heads = Vec::new();
        while heads.len() < MAX_PARTS && rest.iter().any(|r| *r != 0) {
            let Some(head) = leading(&rest) else { break };
            for (r, h) in rest.iter_mut().zip(&head) {
                *r -= Rational::from_f32(*h).unwrap_or_default();
            }
            heads.push(head);
        }
        if rest.iter().any(|r| *r != 0) {
            let w = self.as_variable(n, Value::Constant(w.clone()))?;
            return self.of_variables(n, part, x, &w);
        }
        let mut terms: Vec<Variable> = Vec::new();
        for (k, head) in heads.into_iter().enumerate() {
            self.spend(head.len())?;
            let dims = literal.dims.clone();
            let data = Data::Floats(head);
            let Value::Constant(c) = self.folded(n, Literal { dims, data }) else {
                continue;
            };
            let weight = self.matrix(n, &c, true)?;
            terms.push(self.dense(n, &format!("{part}/part{k}"), x, weight, None)?);
        }
        let nodes = terms.iter().map(|t| t.node).collect();
        let node = self.combine(n, part, vec![Rational::from(1); terms.len()], nodes);
        Ok(Variable {
            node,
            ..terms.swap_remove(0)
        })
    }

    /// The product of two computed values, their leading axes broadcast.
    fn of_variables(
        &mut self,
        n: &Node<'m>,
        part: &str,
        a: &Variable,
        b: &Variable,
    ) -> Result<Variable, Error> {
        let row = |x: &Variable| match x.full[..] {
            [inner] => vec![1, inner],
            _ => x.full.clone(),
        };
        let column = |x: &Variable| match x.full[..] {
            [inner] => vec![inner, 1],
            _ => x.full.clone(),
        };
        let (left, right) = (row(a), column(b));
        let (lead_a, core_a) = left.split_at(left.len() - 2);
        let (lead_b, core_b) = right.split_at(right.len() - 2);
        if core_a[1] != core_b[0] {
            let found = format!("extents {:?} against {:?}", b.full, a.full);
            return Err(n.operand(1, found, "as many rows as the left operand has columns"));
        }
        // Without leading axes the first axis is that of the samples.
        self.keep_batch(n, a, a.full.len() != 1)?;
        self.keep_batch(n, b, b.full.len() > 2)?;
        let lead = broadcast(n, lead_a, lead_b)?;
        let batch = if lead.first() == Some(&1) {
            &lead[1..]
        } else {
            &lead[..]
        };
        let mut operands = Vec::new();
        for (name, x, own, core) in [("left", a, &left, core_a), ("right", b, &right, core_b)] {
            let name = format!("{part}/{name}");
            let x = self.view_as(n, &name, x, own.clone(), true)?;
            let full = [&lead[..], core].concat();
            let x = self.expand(n, &name, &x, &full)?;
            operands.push(self.view_as(n, &name, &x, [&[1], batch, core].concat(), true)?);
        }
        let product = Product::matmul(
            self.shape(&n.name, operands[0].sample())?,
            self.shape(&n.name, operands[1].sample())?,
        )
        .map_err(|e| n.operation(e))?;
        self.shape(&n.name, product.output().dims())?;
        let inputs = operands.iter().map(|x| x.node).collect();
        let node = self.push(
            format!("{}{part}", n.name),
            Op::Product(product),
            inputs,
            None,
        );
        let y = Variable {
            node,
            full: [&[1], batch, &[core_a[0], core_b[1]]].concat(),
            batched: true,
        };
        let mut full = lead;
        full.extend((a.full.len() > 1).then_some(core_a[0]));
        full.extend((b.full.len() > 1).then_some(core_b[1]));
        self.view_as(
            n,
            &format!("{part}/shape"),
            &y,
            full,
            a.batched || b.batched,
        )
    }
}
