//! Constant folding, exact.

use super::{Error, Graph, GraphBuilder, NodeId, Op};
use crate::exact::Rational;

impl Graph {
    /// The same function with every affine or combine node of constants
    /// replaced by its exact value (an ODE field's reading of the time, for
    /// one). Activations of constants stay: their values are not rational.
    ///
    /// # Errors
    /// None for a graph that was built by [`GraphBuilder`].
    pub fn fold_constants(&self) -> Result<Graph, Error> {
        let mut builder = GraphBuilder::new();
        let mut ids: Vec<NodeId> = Vec::with_capacity(self.nodes().len());
        let mut known: Vec<Option<Vec<Rational>>> = Vec::with_capacity(self.nodes().len());
        for node in self.nodes() {
            let of = |k: usize| known[node.inputs[k].index()].as_ref();
            let value: Option<Vec<Rational>> = match &node.op {
                Op::Constant(values) => Some(values.to_vec()),
                Op::Linear(map) if map.uncertainty() == 0.0 => of(0).map(|x| {
                    let row = |o: usize| {
                        let mut y = Rational::from_f32(map.bias(o)).unwrap_or_default();
                        map.row(o, &mut |i, w| {
                            y += Rational::from_f32(w).unwrap_or_default() * &x[i];
                        });
                        y
                    };
                    (0..node.shape.len()).map(row).collect()
                }),
                Op::Combine(c) => (0..c.len()).map(of).collect::<Option<Vec<_>>>().map(|xs| {
                    let sum = |i: usize| {
                        c.iter()
                            .zip(&xs)
                            .map(|(c, x)| Rational::from(c * &x[i]))
                            .sum()
                    };
                    (0..node.shape.len()).map(sum).collect()
                }),
                Op::Product(p) => of(0).zip(of(1)).map(|(a, b)| {
                    let sum = |o: usize| {
                        let mut y = Rational::new();
                        p.terms(o, |i, j| y += Rational::from(&a[i] * &b[j]));
                        y
                    };
                    (0..node.shape.len()).map(sum).collect()
                }),
                Op::Input(_) | Op::Linear(_) | Op::Pointwise(_) => None,
            };
            let name = node.name.clone();
            let at = |k: usize| ids[node.inputs[k].index()];
            let id = match (&value, &node.op) {
                (Some(values), _) => builder.constant(name, node.shape.clone(), values.clone())?,
                (None, Op::Input(_)) => builder.input(name, node.shape.clone()),
                (None, Op::Constant(c)) => {
                    builder.constant(name, node.shape.clone(), c.to_vec())?
                }
                (None, Op::Linear(map)) => builder.linear(name, map.clone(), at(0))?,
                (None, Op::Pointwise(f)) => builder.pointwise(name, f.clone(), at(0))?,
                (None, Op::Combine(c)) => {
                    let terms: Vec<_> = c.iter().cloned().zip((0..c.len()).map(at)).collect();
                    builder.combine(name, &terms)?
                }
                (None, Op::Product(p)) => builder.product(name, p.clone(), at(0), at(1))?,
            };
            ids.push(id);
            known.push(value);
        }
        builder.rewritten(self.rewritten());
        builder.finish(ids[self.output().index()])
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::graph::eval_f64;
    use crate::ops::{Dense, Relu, Shape, Tensor};

    #[test]
    fn what_depends_on_no_input_becomes_a_constant() {
        let dense = |w: Vec<f32>, n: usize| {
            let weight = Tensor::new("w", Shape::new(&[2, n]), w).unwrap();
            Arc::new(Dense::new(Arc::new(weight), None).unwrap())
        };
        let mut b = GraphBuilder::new();
        let x = b.input("x", Shape::new(&[2]));
        let t = b
            .constant("t", Shape::new(&[1]), vec![Rational::from((1, 4))])
            .unwrap();
        let time = b.linear("time", dense(vec![8.0, -4.0], 1), t).unwrap();
        let inner = b
            .linear("inner", dense(vec![1.0, 2.0, 3.0, 4.0], 2), x)
            .unwrap();
        let one = Rational::from(1);
        let sum = b
            .combine("sum", &[(one.clone(), inner), (one, time)])
            .unwrap();
        let out = b.pointwise("out", Arc::new(Relu), sum).unwrap();
        let graph = b.finish(out).unwrap();
        let folded = graph.fold_constants().unwrap();
        assert_eq!(folded.nodes().len(), graph.nodes().len() - 1);
        assert!(folded.nodes().iter().all(|n| n.name != "t"));
        for x in [[0.0, 0.0], [1.0, -2.0], [0.5, 0.25]] {
            assert_eq!(eval_f64(&graph, &x), eval_f64(&folded, &x));
        }
        assert_eq!(eval_f64(&folded, &[0.0, 0.0]), [2.0, 0.0]);
    }
}
