//! Dense layers: one row, or several as a 1 × 1 convolution.

use std::sync::Arc;

use super::{Constant, Error, GraphReader, Node, Variable};
use crate::ops::{Conv2d, Dense, Geometry, Param, Shape, Tensor};

impl<'m> GraphReader<'m, '_> {
    /// `W x + b` along the last axis of `x`.
    pub(super) fn dense(
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

    /// A constant matrix as (out, in); `transposed` when it is stored (in, out).
    pub(super) fn matrix(
        &mut self,
        n: &Node<'m>,
        c: &Constant<'m>,
        transposed: bool,
    ) -> Result<Param, Error> {
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
    pub(super) fn row(
        &mut self,
        n: &Node<'m>,
        c: &Constant<'m>,
        len: usize,
    ) -> Result<Param, Error> {
        let dims = c.dims()?;
        let elements: usize = dims.iter().product();
        if elements == len && dims.last().is_none_or(|&d| d == len) {
            return self.param(n, c, false, &[len]);
        }
        if elements == 1 {
            let value = self.floats(n, c, &*c.literal()?)?[0];
            self.spend(len)?;
            return self.made(n, "/bias", vec![value; len]);
        }
        Err(n.operand(
            &c.name,
            format!("extents {dims:?}"),
            "one element per output",
        ))
    }
}
