//! Evaluation in binary64, an estimate: neither a bound nor a witness.

use ndarray::ArrayView2;

use super::{Forward, Graph, NodeId, forward};
use crate::exact::Rational;
use crate::ops::{LinearMap, Pointwise, Product, Shape, Weights};

/// The value of a one-input graph at `x` (row-major), computed in binary64 with
/// the stored weights; coefficients are rounded to nearest.
///
/// # Panics
/// If the graph has not exactly one input, or `x` not as many elements as it.
pub fn eval_f64(graph: &Graph, x: &[f64]) -> Vec<f64> {
    assert_eq!(
        x.len(),
        graph.input_shape(0).len(),
        "one number per input element"
    );
    let mut values = forward(graph, &mut Evaluate, vec![x.to_vec()]);
    values.swap_remove(graph.output().index())
}

struct Evaluate;

fn nearest(exact: &Rational) -> f64 {
    rug::Float::with_val(53, exact).to_f64()
}

impl Forward for Evaluate {
    type Value = Vec<f64>;

    fn constant(&mut self, _node: NodeId, values: &[Rational], _shape: &Shape) -> Vec<f64> {
        values.iter().map(nearest).collect()
    }

    fn linear(&mut self, _node: NodeId, map: &dyn LinearMap, x: &Vec<f64>) -> Vec<f64> {
        let x = ArrayView2::from_shape((1, x.len()), x).expect("one row");
        let y = map.apply(x, Weights::Signed);
        y.iter()
            .enumerate()
            .map(|(o, y)| y + f64::from(map.bias(o)))
            .collect()
    }

    fn pointwise(&mut self, _node: NodeId, f: &dyn Pointwise, x: &Vec<f64>) -> Vec<f64> {
        x.iter().map(|&x| f.value(x)).collect()
    }

    fn combine(&mut self, _node: NodeId, c: &[Rational], xs: &[&Vec<f64>]) -> Vec<f64> {
        let mut sum = vec![0.0; xs.first().map_or(0, |x| x.len())];
        for (c, x) in c.iter().map(nearest).zip(xs) {
            sum.iter_mut().zip(*x).for_each(|(s, x)| *s += c * x);
        }
        sum
    }

    fn product(&mut self, _: NodeId, p: &Product, a: &Vec<f64>, b: &Vec<f64>) -> Vec<f64> {
        let at = |o| {
            let mut sum = 0.0;
            p.terms(o, |i, j| sum += a[i] * b[j]);
            sum
        };
        (0..p.output().len()).map(at).collect()
    }
}
