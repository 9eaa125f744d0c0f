//! Lipschitz constants of ODE blocks: of the recurrence that is run
//! (`discrete`), and of the exact flow (`flow`). Neither implies the other: with
//! `μ(J) < 0` the flow contracts while `‖I + h J‖` may exceed 1.

use super::affine::NormCache;
use super::centered::{self, centered, centered_log_norm};
use super::local::{self, jacobian};
use super::lognorm::row_log_norm;
use super::matrix::{ceiling, log_norm_up, norm_up};
use super::product::{magnitude, product};
use super::slopes::Slopes;
use super::{Error, Via};
use crate::exact::Rational;
use crate::graph::{Graph, GraphBuilder, NodeId};
use crate::network::OdeBlock;
use crate::ode::{self, Field, Method, Multistep};
use crate::rounding::eft::{add_up, mul_up};
use crate::rounding::{Boxes, Interval, elementary};
use crate::verify::Norm;

/// Steps up to which a multistep recurrence is solved exactly (its rationals
/// grow by some bits per step).
const EXACT_STEPS: usize = 512;

/// A block with the shape of its state.
pub(super) struct Block<'a> {
    pub(super) name: &'a str,
    pub(super) block: &'a OdeBlock,
}

impl Block<'_> {
    fn wrap(&self, source: ode::Error) -> Error {
        Error::Network(crate::network::Error::Ode {
            node: self.name.into(),
            source,
        })
    }

    fn step(&self) -> Rational {
        Rational::from(&self.block.t1 - &self.block.t0) / (self.block.steps.max(1) as u64)
    }

    /// A graph of the state `z`, made by `body`.
    fn graph_of(
        &self,
        body: impl FnOnce(&mut GraphBuilder, NodeId) -> Result<NodeId, ode::Error>,
    ) -> Result<Graph, Error> {
        let field = &self.block.field.graphs().first();
        let shape = field.and_then(|g| g.inputs().last().map(|&z| g.node(z).shape.clone()));
        let shape = shape.ok_or_else(|| {
            self.wrap(ode::Error::Block {
                what: "number of fields",
                found: 0,
                expected: "at least 1, with an input".into(),
            })
        })?;
        let mut builder = GraphBuilder::new();
        let z = builder.input("z", shape);
        let out = body(&mut builder, z).map_err(|e| self.wrap(e))?;
        builder
            .finish(out)
            .map_err(|e| self.wrap(ode::Error::Graph(e)))
    }

    /// The whole block as a graph of its state.
    pub(super) fn graph(&self) -> Result<Graph, Error> {
        let b = self.block;
        self.graph_of(|g, z| ode::unroll(g, "", &b.method, &b.field, b.steps, &b.t0, &b.t1, z))
    }

    /// Step `n` of a one-step method.
    fn step_graph(&self, n: usize, table: &ode::Tableau) -> Result<Graph, Error> {
        let h = self.step();
        let t0 = &self.block.t0 + Rational::from(&h * n as u64);
        let t1 = Rational::from(&t0 + &h);
        let field = Field::Shared(self.block.field.at(n).clone());
        let method = Method::RungeKutta(table.clone());
        self.graph_of(|g, z| ode::unroll(g, "", &method, &field, 1, &t0, &t1, z))
    }

    /// `a z + b f_n(z)` (at the block's start time: constants do not matter here).
    fn pair_graph(&self, n: usize, a: &Rational, b: &Rational) -> Result<Graph, Error> {
        let field = self.block.field.at(n);
        self.graph_of(|g, z| {
            let inputs = match field.inputs() {
                [t, _] => {
                    let shape = field.node(*t).shape.clone();
                    let value = vec![self.block.t0.clone(); shape.len()];
                    vec![g.constant("t", shape, value)?, z]
                }
                _ => vec![z],
            };
            let f = g.inline("f/", field, &inputs)?;
            Ok(g.combine("sum", &[(a.clone(), z), (b.clone(), f)])?)
        })
    }

    /// The recurrence's bound: see [`Block::one_step`] and [`Recurrence`], and the
    /// centred form and the Jacobian of the whole block. `input` is the box of
    /// the initial state.
    pub(super) fn discrete(
        &self,
        input: Option<&Boxes>,
        via: &[Via],
        cache: &mut NormCache,
    ) -> Result<(f64, &'static str), Error> {
        let whole = self.graph()?;
        let mut best = (f64::INFINITY, via[0].name());
        if via.contains(&Via::Product) || via.contains(&Via::Centered) {
            best = match &self.block.method {
                Method::RungeKutta(table) => self.one_step(table, input, via, cache)?,
                Method::Multistep(m) => self.multistep(m, via, cache)?,
            };
        }
        let slopes = match input {
            None => Slopes::everywhere(&whole),
            Some(x) => Slopes::over(&whole, vec![x.clone()]).0,
        };
        let mut offer = |value: f64, way: Via| {
            if value < best.0 {
                best = (value, way.name());
            }
        };
        if via.contains(&Via::Centered) && centered::affordable(&whole) {
            offer(centered(&whole, 0, &slopes, cache), Via::Centered);
        }
        if via.contains(&Via::Local) && local::affordable(&whole) {
            offer(
                norm_up(&jacobian(&whole, 0, &slopes), cache.norm()),
                Via::Local,
            );
        }
        Ok(best)
    }

    /// The product over steps of the step map's constant. By the triangle
    /// inequality on stages: `Lip(k_i) <= Lip(f) (1 + h Σ_j |a_ij| Lip(k_j))`, step
    /// `1 + h Σ_i |b_i| Lip(k_i)`; and the centred form of the same map. Over a
    /// box, slopes are those of the step's own box.
    fn one_step(
        &self,
        table: &ode::Tableau,
        input: Option<&Boxes>,
        via: &[Via],
        cache: &mut NormCache,
    ) -> Result<(f64, &'static str), Error> {
        let mut total = 1.0;
        let mut name = Via::Product.name();
        let mut state = input.cloned();
        let mut known: Option<f64> = None;
        for n in 0..self.block.steps {
            let shared = matches!(self.block.field, Field::Shared(_)) && state.is_none();
            let lip = match known.filter(|_| shared) {
                Some(l) => l,
                None => {
                    let graph = self.step_graph(n, table)?;
                    let slopes = match state.take() {
                        None => Slopes::everywhere(&graph),
                        Some(x) => {
                            let (slopes, next) = Slopes::over(&graph, vec![x]);
                            state = Some(next);
                            slopes
                        }
                    };
                    let coarse = product(&graph, 0, &slopes, cache)[graph.output().index()];
                    let mut l = coarse;
                    if via.contains(&Via::Centered) && centered::affordable(&graph) {
                        l = centered(&graph, 0, &slopes, cache).min(coarse);
                        if l < coarse {
                            name = Via::Centered.name();
                        }
                    }
                    l
                }
            };
            known = Some(lip);
            total = ceiling(mul_up(total, lip));
        }
        Ok((total, name))
    }

    /// `Lip(a z + b f_n(z))`: the smaller of `|a| + |b| Lip(f_n)` and the centred form.
    fn pair(
        &self,
        n: usize,
        a: &Rational,
        b: &Rational,
        via: &[Via],
        cache: &mut NormCache,
    ) -> Result<f64, Error> {
        if *b == 0 {
            return Ok(magnitude(a));
        }
        let graph = self.pair_graph(n, a, b)?;
        let slopes = Slopes::everywhere(&graph);
        if via.contains(&Via::Centered) && centered::affordable(&graph) {
            return Ok(centered(&graph, 0, &slopes, cache));
        }
        Ok(product(&graph, 0, &slopes, cache)[graph.output().index()])
    }

    fn multistep(
        &self,
        method: &Multistep,
        via: &[Via],
        cache: &mut NormCache,
    ) -> Result<(f64, &'static str), Error> {
        let k = method.k();
        let h = self.step();
        let lead = &method.alpha()[k];
        let a: Vec<Rational> = (0..k)
            .map(|j| Rational::from(-&method.alpha()[j]) / lead)
            .collect();
        let b: Vec<Rational> = (0..k)
            .map(|j| Rational::from(&method.beta()[j] * &h) / lead)
            .collect();
        let shared = matches!(self.block.field, Field::Shared(_));
        let distinct = if shared { 1 } else { self.block.steps };
        let mut pairs = Vec::with_capacity(distinct);
        let mut forces = Vec::with_capacity(distinct);
        for n in 0..distinct {
            let mut row = (Vec::new(), Vec::new());
            for j in 0..k {
                row.0.push(self.pair(n, &a[j], &b[j], via, cache)?);
                row.1
                    .push(self.pair(n, &Rational::new(), &b[j], via, cache)?);
            }
            pairs.push(row.0);
            forces.push(row.1);
        }
        let mut start = vec![1.0];
        for n in 0..k - 1 {
            let graph = self.step_graph(n, method.startup())?;
            let slopes = Slopes::everywhere(&graph);
            let coarse = product(&graph, 0, &slopes, cache)[graph.output().index()];
            let fine = if via.contains(&Via::Centered) && centered::affordable(&graph) {
                centered(&graph, 0, &slopes, cache)
            } else {
                coarse
            };
            start.push(ceiling(mul_up(start[n], fine.min(coarse))));
        }
        let recurrence = Recurrence { a, pairs, forces };
        Ok((
            recurrence.bound(&start, self.block.steps),
            if via.contains(&Via::Centered) {
                Via::Centered.name()
            } else {
                Via::Product.name()
            },
        ))
    }

    /// The flow's bound `exp(Σ_n |h| sup μ(± J_n))` over the whole space (no
    /// tube of the flow is known here, so slopes are global), or
    /// `exp(Σ_n |h| Lip(f_n))` for fields too wide for a matrix.
    ///
    /// `μ` is the smallest of those of the interval Jacobian, of the centred
    /// form, and in `l∞` by rows ([`row_log_norm`]).
    ///
    /// References: Söderlind, BIT 46 (2006); Dahlquist (1958).
    pub(super) fn flow(&self, cache: &mut NormCache) -> Result<(f64, &'static str), Error> {
        let h = self.step();
        let length = Interval::from_rational(&h).abs();
        let fields = self.block.field.graphs();
        let steps = if fields.len() == 1 {
            self.block.steps
        } else {
            1
        };
        let mut exponent = 0.0;
        let mut name = "log_norm";
        for graph in fields {
            if graph.inputs().is_empty() || graph.inputs().len() > 2 {
                return Err(self.wrap(ode::Error::Block {
                    what: "number of field inputs",
                    found: graph.inputs().len(),
                    expected: "1 (z) or 2 (t, z)".into(),
                }));
            }
            let (mu, by_matrix) = log_norm(graph, h < 0, cache);
            if !by_matrix {
                name = "gronwall";
            }
            let one = (length * Interval::or_entire(mu, mu)).hi();
            exponent = ceiling(add_up(exponent, mul_up(one, steps as f64)));
        }
        let value = elementary::exp(Interval::or_entire(exponent, exponent)).hi();
        Ok((ceiling(value), name))
    }
}

/// `sup μ(s J)` of a field with global slopes, and whether a matrix was used.
fn log_norm(graph: &Graph, reverse: bool, cache: &mut NormCache) -> (f64, bool) {
    let input = graph.inputs().len() - 1;
    let slopes = Slopes::everywhere(graph);
    let square = graph.input_shape(input).len() == graph.output_shape().len();
    let mut best = product(graph, input, &slopes, cache)[graph.output().index()];
    let mut by_matrix = false;
    if square && local::affordable(graph) && graph.output_shape().len() <= 2048 {
        let j = jacobian(graph, input, &slopes);
        let j = if reverse { j.map(|x| -x) } else { j };
        best = best.min(log_norm_up(&j, cache.norm()));
        if cache.norm() == Norm::Linf {
            best = best.min(row_log_norm(graph, input, &slopes, reverse));
        }
        by_matrix = true;
    }
    if square && centered::affordable(graph) {
        best = best.min(centered_log_norm(graph, input, &slopes, reverse, cache));
        by_matrix = true;
    }
    (best, by_matrix)
}

/// The scalar majorant of a multistep method
/// `y_{n+k} = Σ_j a_j y_{n+j} + Σ_j b_j f_{n+j}(y_{n+j})` (`b_j` with the step).
///
/// With `ℓ_n` a Lipschitz constant of `y_n` in the initial state:
/// 1. directly, `ℓ_{n+k} <= Σ_j Lip(a_j z + b_j f_{n+j}(z)) ℓ_{n+j}`. If all
///    `a_j >= 0` sum to 1 this is the history max-norm with `M = 1`, and it
///    contracts wherever `a_j z + b_j f` does (the strong-stability route);
/// 2. by variation of constants,
///    `ℓ_m <= Σ_{i<k} |c_m^i| ℓ_i + Σ_n |g_{m-k-n}| Σ_j Lip(b_j f_{n+j}) ℓ_{n+j}`, where
///    `g` is the impulse response of `a` and `c^i` its solution from the `i`-th unit
///    start, both exact: bounded for every zero-stable method, whatever the
///    signs of `a`.
///
/// The smaller is taken at each step.
struct Recurrence {
    a: Vec<Rational>,
    /// `Lip(a_j z + b_j f_n(z))`, by field and `j`
    pairs: Vec<Vec<f64>>,
    /// `Lip(b_j f_n(z))`, by field and `j`
    forces: Vec<Vec<f64>>,
}

impl Recurrence {
    /// The solution of the homogeneous recurrence from `start`, up to index `steps`.
    fn solution(&self, mut y: Vec<Rational>, steps: usize) -> Vec<f64> {
        while y.len() <= steps {
            let n = y.len() - self.a.len();
            let next: Rational = self
                .a
                .iter()
                .zip(&y[n..])
                .map(|(a, y)| Rational::from(a * y))
                .sum();
            y.push(next);
        }
        y.iter().map(magnitude).collect()
    }

    fn bound(&self, start: &[f64], steps: usize) -> f64 {
        let k = self.a.len();
        let unit = |i: usize| -> Vec<Rational> {
            (0..k).map(|j| Rational::from(u8::from(i == j))).collect()
        };
        let exact = (steps <= EXACT_STEPS)
            .then(|| -> Vec<Vec<f64>> { (0..k).map(|i| self.solution(unit(i), steps)).collect() });
        let row = |rows: &[Vec<f64>], n: usize, j: usize| rows[n.min(rows.len() - 1)][j];
        let mut lip = start.to_vec();
        let mut force: Vec<f64> = Vec::new();
        for m in k..=steps {
            let n = m - k;
            let (mut direct, mut f) = (0.0, 0.0);
            for j in 0..k {
                direct = add_up(direct, mul_up(row(&self.pairs, n + j, j), lip[n + j]));
                f = add_up(f, mul_up(row(&self.forces, n + j, j), lip[n + j]));
            }
            force.push(ceiling(f));
            let mut best = ceiling(direct);
            if let Some(c) = &exact {
                let mut sum = 0.0;
                for i in 0..k {
                    sum = add_up(sum, mul_up(c[i][m], lip[i]));
                }
                for (i, f) in force.iter().enumerate() {
                    // g_r is the last unit solution, shifted: g_0 sits at index k - 1.
                    sum = add_up(sum, mul_up(c[k - 1][m - k - i + k - 1], *f));
                }
                best = best.min(ceiling(sum));
            }
            lip.push(best);
        }
        lip[steps]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn q(p: i64, d: u64) -> Rational {
        Rational::from((p, d))
    }

    #[test]
    fn a_zero_stable_recurrence_with_mixed_signs_stays_bounded() {
        // y_{n+2} = 3/2 y_{n+1} - 1/2 y_n: roots 1 and 1/2. The direct bound doubles every step.
        let r = Recurrence {
            a: vec![q(-1, 2), q(3, 2)],
            pairs: vec![vec![0.5, 1.5]],
            forces: vec![vec![0.0, 0.0]],
        };
        // |c^0_m| -> 1, |c^1_m| -> 2
        let bound = r.bound(&[1.0, 1.0], 100);
        assert!((2.9..=3.0 + 1e-9).contains(&bound), "{bound}");
    }

    #[test]
    fn history_max_norm_has_constant_one() {
        let r = Recurrence {
            a: vec![q(1, 9), q(5, 9), q(1, 3)],
            pairs: vec![vec![0.1111, 0.5555, 0.3333]],
            forces: vec![vec![0.0, 0.0, 9.0]],
        };
        assert!(r.bound(&[1.0, 1.0, 1.0], 60) <= 1.0);
    }
}
