//! Batched evaluation and its vector–Jacobian product in binary64: estimates
//! for searches (attacks, witnesses), of every operator kind.

use ndarray::Array2;

use super::{Backward, Forward, NodeId};
use crate::exact::Rational;
use crate::ops::{LinearMap, Pointwise, Product, Shape, Weights};

/// Evaluation of a batch; values have shape (batch, n).
#[derive(Clone, Copy, Debug)]
pub struct Evaluate {
    /// samples
    pub batch: usize,
}

impl Forward for Evaluate {
    type Value = Array2<f64>;

    fn constant(&mut self, _: NodeId, values: &[Rational], _: &Shape) -> Array2<f64> {
        let row: Vec<f64> = values.iter().map(Rational::to_f64).collect();
        Array2::from_shape_fn((self.batch, row.len()), |(_, i)| row[i])
    }

    fn linear(&mut self, _: NodeId, map: &dyn LinearMap, x: &Array2<f64>) -> Array2<f64> {
        let mut y = map.apply(x.view(), Weights::Signed);
        let bias: Vec<f64> = (0..y.ncols()).map(|o| f64::from(map.bias(o))).collect();
        for mut row in y.rows_mut() {
            row.iter_mut().zip(&bias).for_each(|(y, b)| *y += b);
        }
        y
    }

    fn pointwise(&mut self, _: NodeId, f: &dyn Pointwise, x: &Array2<f64>) -> Array2<f64> {
        x.mapv(|v| f.value(v))
    }

    fn combine(&mut self, _: NodeId, c: &[Rational], xs: &[&Array2<f64>]) -> Array2<f64> {
        let mut y = Array2::zeros(xs[0].dim());
        for (c, x) in c.iter().zip(xs) {
            y.scaled_add(c.to_f64(), x);
        }
        y
    }

    fn product(&mut self, _: NodeId, p: &Product, a: &Array2<f64>, b: &Array2<f64>) -> Array2<f64> {
        Array2::from_shape_fn((self.batch, p.output().len()), |(s, o)| {
            let mut sum = 0.0;
            p.terms(o, |i, j| sum += a[[s, i]] * b[[s, j]]);
            sum
        })
    }
}

/// Vector–Jacobian products at the point of `values`: cotangents have shape
/// (rows, n), and row `s` belongs to sample `s` of the values (or to the only
/// sample).
#[derive(Clone, Copy, Debug)]
pub struct Pull<'a> {
    /// what [`Evaluate`] gave, by node
    pub values: &'a [Array2<f64>],
}

impl Pull<'_> {
    fn at(&self, node: NodeId, s: usize, i: usize) -> f64 {
        let values = &self.values[node.index()];
        values[[s.min(values.nrows() - 1), i]]
    }
}

impl Backward for Pull<'_> {
    type Cotangent = Array2<f64>;

    fn constant(&mut self, _: NodeId, _: &[Rational], _: Array2<f64>) {}

    fn linear(&mut self, _: NodeId, _: NodeId, map: &dyn LinearMap, y: Array2<f64>) -> Array2<f64> {
        map.adjoint(y.view(), Weights::Signed)
    }

    fn pointwise(
        &mut self,
        _: NodeId,
        input: NodeId,
        f: &dyn Pointwise,
        mut y: Array2<f64>,
    ) -> Array2<f64> {
        for ((s, i), y) in y.indexed_iter_mut() {
            *y *= f.slope(self.at(input, s, i));
        }
        y
    }

    fn combine(&mut self, _: NodeId, _: NodeId, c: &Rational, y: &Array2<f64>) -> Array2<f64> {
        y * c.to_f64()
    }

    fn product(
        &mut self,
        _: NodeId,
        [a, b]: [NodeId; 2],
        p: &Product,
        y: Array2<f64>,
    ) -> [Array2<f64>; 2] {
        let [mut da, mut db] = p
            .operands()
            .map(|shape| Array2::zeros((y.nrows(), shape.len())));
        for ((s, o), &y) in y.indexed_iter() {
            p.terms(o, |i, j| {
                da[[s, i]] += y * self.at(b, s, j);
                db[[s, j]] += y * self.at(a, s, i);
            });
        }
        [da, db]
    }

    fn merge(&mut self, _: NodeId, a: Array2<f64>, b: Array2<f64>) -> Array2<f64> {
        a + b
    }
}
