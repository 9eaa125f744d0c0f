//! The centred bound: every activation is its middle slope plus a remainder.
//!
//! With slopes in `[c - r, c + r]`, `φ(y) = c y + r ρ(y)` with `ρ` 1-Lipschitz,
//! element by element. So every node is `M x + Σ_k N_k ρ_k(y_k)`, and
//! `Lip <= ‖M‖ + Σ_k ‖N_k‖ Lip(y_k)`. For an Euler step `z + h W₂ σ(W₁ z + b)`
//! with slopes in [0, 1] this is `‖I + (h/2) W₂ W₁‖ + (h/2) ‖W₂‖ ‖W₁‖`, which
//! sees cancellation that the product `1 + h ‖W₂‖ ‖W₁‖` cannot; for a linear
//! field it is the norm of the step's matrix itself.

use std::collections::BTreeMap;

use ndarray::Array2;

use super::affine::NormCache;
use super::matrix::{ceiling, dual, log_norm_up, norm_up};
use super::product::product;
use super::slopes::Slopes;
use crate::exact::Rational;
use crate::graph::{Forward, Graph, NodeId, Op, forward};
use crate::ops::{LinearMap, Pointwise, Product, Shape, Weights};
use crate::rounding::eft::{add_up, mul_up, sub_up};
use crate::rounding::{Boxes, Interval};
use crate::verify::Norm;

/// Largest width of a node, and multiply-adds, for the centred form.
const WIDTH_LIMIT: usize = 1024;
const WORK_LIMIT: f64 = 2e10;

/// `M` and the `N_k` of a node, transposed: shapes (source, node).
#[derive(Clone)]
struct Affine {
    /// `None` is zero
    center: Option<Boxes>,
    /// by the pointwise node that made the remainder
    remainders: BTreeMap<usize, Boxes>,
}

impl Affine {
    fn map(&self, f: impl Fn(&Boxes) -> Boxes) -> Affine {
        Affine {
            center: self.center.as_ref().map(&f),
            remainders: self.remainders.iter().map(|(&k, n)| (k, f(n))).collect(),
        }
    }
}

struct Centered<'a> {
    slopes: &'a Slopes,
    /// product bounds of every node: never worse than those
    ceilings: Vec<f64>,
    norm: Norm,
    /// `Lip(y_k)` of every remainder made so far
    lips: BTreeMap<usize, f64>,
    inputs: Vec<NodeId>,
}

impl Centered<'_> {
    fn remainder_lip(&self, x: &Affine) -> f64 {
        x.remainders.iter().fold(0.0, |sum, (k, n)| {
            let factor = mul_up(norm_up(n, dual(self.norm)), self.lips[k]);
            ceiling(add_up(sum, factor))
        })
    }

    fn lip(&self, node: NodeId, x: &Affine) -> f64 {
        let center = x
            .center
            .as_ref()
            .map_or(0.0, |m| norm_up(m, dual(self.norm)));
        ceiling(add_up(center, self.remainder_lip(x))).min(self.ceilings[node.index()])
    }
}

fn diagonal(n: usize, value: impl Fn(usize) -> Interval) -> Boxes {
    Boxes::from_shape_fn(
        (n, n),
        |i, j| if i == j { value(i) } else { Interval::ZERO },
    )
}

impl Forward for Centered<'_> {
    type Value = Affine;

    fn constant(&mut self, _: NodeId, _: &[Rational], _: &Shape) -> Affine {
        Affine {
            center: None,
            remainders: BTreeMap::new(),
        }
    }

    fn linear(&mut self, _: NodeId, map: &dyn LinearMap, x: &Affine) -> Affine {
        x.map(|m| {
            m.affine(
                |v| map.apply(v, Weights::Signed),
                |v| map.apply(v, Weights::Absolute),
                |_| 0.0,
                map.chain(),
                map.uncertainty(),
            )
        })
    }

    fn pointwise(&mut self, node: NodeId, _: &dyn Pointwise, x: &Affine) -> Affine {
        let lip = self.lip(self.inputs[node.index()], x);
        let Some(n) = x.center.iter().chain(x.remainders.values()).next() else {
            return x.clone();
        };
        let n = n.dim().1;
        let split = |i: usize| {
            let s = self.slopes.at(node, i);
            let c = s.mid();
            (c, ceiling(sub_up(s.hi(), c).max(sub_up(c, s.lo()))))
        };
        let (centers, radii): (Vec<f64>, Vec<f64>) = (0..n).map(split).unzip();
        let scale = |m: &Boxes| Boxes::from_shape_fn(m.dim(), |s, i| m.at(s, i).scale(centers[i]));
        let mut y = x.map(scale);
        if radii.iter().any(|&r| r > 0.0) {
            self.lips.insert(node.index(), lip);
            let n = diagonal(n, |i| Interval::or_entire(radii[i], radii[i]));
            y.remainders.insert(node.index(), n);
        }
        y
    }

    fn combine(&mut self, _: NodeId, c: &[Rational], xs: &[&Affine]) -> Affine {
        let sum = |part: &dyn Fn(&Affine) -> Option<Boxes>| {
            let (mut coefficients, mut terms) = (Vec::new(), Vec::new());
            for (c, x) in c.iter().zip(xs) {
                if let Some(m) = part(x) {
                    coefficients.push(c.clone());
                    terms.push(m);
                }
            }
            let terms: Vec<&Boxes> = terms.iter().collect();
            (!terms.is_empty()).then(|| Boxes::combine(&coefficients, &terms))
        };
        let mut keys: Vec<usize> = xs
            .iter()
            .flat_map(|x| x.remainders.keys().copied())
            .collect();
        keys.sort_unstable();
        keys.dedup();
        Affine {
            center: sum(&|x| x.center.clone()),
            remainders: keys
                .into_iter()
                .filter_map(|k| Some((k, sum(&|x| x.remainders.get(&k).cloned())?)))
                .collect(),
        }
    }

    /// Refused by `analyze`; unbounded all the same.
    fn product(&mut self, _: NodeId, p: &Product, a: &Affine, b: &Affine) -> Affine {
        let source = [a, b].into_iter().find_map(|x| x.center.as_ref());
        let rows = source.map_or(0, |m| m.dim().0);
        Affine {
            center: Some(Boxes::from_shape_fn((rows, p.output().len()), |_, _| {
                Interval::ENTIRE
            })),
            remainders: BTreeMap::new(),
        }
    }
}

/// Multiply-adds of the centred form, in order of magnitude.
fn work(graph: &Graph) -> f64 {
    let mut sources = 1.0;
    let mut total = 0.0;
    for node in graph.nodes() {
        let n = node.shape.len() as f64;
        match &node.op {
            Op::Linear(map) => {
                total += sources * n * (map.chain() * map.output().len()) as f64;
            }
            Op::Pointwise(_) => {
                total += 8.0 * sources * n.powi(3);
                sources += 1.0;
            }
            Op::Combine(c) => total += sources * n * n * c.len() as f64 * 8.0,
            Op::Product(_) => total = f64::INFINITY,
            Op::Input(_) | Op::Constant(_) => {}
        }
    }
    total
}

/// The centred form is affordable for this graph.
pub(super) fn affordable(graph: &Graph) -> bool {
    graph.nodes().iter().all(|n| n.shape.len() <= WIDTH_LIMIT) && work(graph) <= WORK_LIMIT
}

/// The output's `M` (transposed) and the Lipschitz constant of its remainder.
fn interpret(
    graph: &Graph,
    input: usize,
    slopes: &Slopes,
    cache: &mut NormCache,
) -> (Option<Boxes>, f64, f64) {
    let mut f = Centered {
        slopes,
        ceilings: product(graph, input, slopes, cache),
        norm: cache.norm(),
        lips: BTreeMap::new(),
        inputs: graph
            .nodes()
            .iter()
            .zip(graph.ids())
            .map(|(n, id)| n.inputs.first().copied().unwrap_or(id))
            .collect(),
    };
    let seeds = (0..graph.inputs().len())
        .map(|k| Affine {
            center: (k == input).then(|| {
                let eye = Array2::eye(graph.input_shape(k).len());
                Boxes::new(eye.clone(), eye)
            }),
            remainders: BTreeMap::new(),
        })
        .collect();
    let mut values = forward(graph, &mut f, seeds);
    let output = values.swap_remove(graph.output().index());
    let (remainder, lip) = (f.remainder_lip(&output), f.lip(graph.output(), &output));
    (output.center, remainder, lip)
}

/// A Lipschitz constant (proved upper bound) of the graph's output with respect to
/// one input; at most the product bound.
pub(super) fn centered(graph: &Graph, input: usize, slopes: &Slopes, cache: &mut NormCache) -> f64 {
    interpret(graph, input, slopes, cache).2
}

/// An upper bound (proved) of `sup μ(s J)`, `s = 1` or `-1`, for a graph whose output has
/// the input's shape: `μ(s M) + Lip(remainder)`.
pub(super) fn centered_log_norm(
    graph: &Graph,
    input: usize,
    slopes: &Slopes,
    reverse: bool,
    cache: &mut NormCache,
) -> f64 {
    let (center, remainder, _) = interpret(graph, input, slopes, cache);
    let mu = match &center {
        None => 0.0,
        // Transposed, so the dual norm's.
        Some(m) => log_norm_up(
            &if reverse { m.map(|x| -x) } else { m.clone() },
            dual(cache.norm()),
        ),
    };
    ceiling(add_up(mu, remainder))
}
