//! One walk over the graph with one slope rule.

use std::rc::Rc;

use ndarray::Array2;

use super::interval::IntervalDomain;
use super::linear::{Facts, InputSet, LinearRelaxation, Lines, pull_back};
use super::{Counters, LayerEvidence, Method, Outcome};
use crate::exact::Rational;
use crate::graph::{Backward, Forward, Graph, NodeId, Op, forward};
use crate::ops::{LinearMap, Pointwise, Product, Shape, SlopeRule};
use crate::rounding::forms::least_over_box;
use crate::rounding::{Boxes, Interval, eft};
use crate::verify::{Property, Proved, Region};

/// Forward interpreter that cuts operand boxes of activations as it goes and
/// keeps what the backward passes need.
struct Walk<'a> {
    graph: &'a Graph,
    region: &'a InputSet,
    method: Method,
    rule: SlopeRule,
    domain: IntervalDomain,
    /// per node: the activations that read it
    readers: Vec<Vec<&'a dyn Pointwise>>,
    facts: Vec<Option<Facts>>,
    lines: Vec<Option<Lines>>,
    tightened: Vec<Rc<[bool]>>,
    evidence: Vec<LayerEvidence>,
    counters: Counters,
    /// another rule would have chosen other slopes somewhere
    had_choice: bool,
}

/// Runs the analysis; the flag says whether [`SlopeRule::Flat`] could differ.
pub(super) fn run(
    graph: &Graph,
    region: &Region,
    property: &Property,
    method: Method,
    rule: SlopeRule,
) -> (Outcome, bool) {
    let eps = region.eps().clone();
    let region = InputSet::new(region);
    let n = graph.nodes().len();
    let mut readers: Vec<Vec<&dyn Pointwise>> = vec![Vec::new(); n];
    for node in graph.nodes() {
        if let Op::Pointwise(f) = &node.op {
            readers[node.inputs[0].index()].push(&**f);
        }
    }
    let mut walk = Walk {
        graph,
        region: &region,
        method,
        rule,
        domain: IntervalDomain::new(1),
        readers,
        facts: (0..n).map(|_| None).collect(),
        lines: (0..n).map(|_| None).collect(),
        tightened: vec![Rc::from([]); n],
        evidence: Vec::new(),
        counters: Counters::default(),
        had_choice: false,
    };
    let input = graph.inputs()[0];
    walk.keep(input, Facts::new(region.boxes().clone()));
    forward(graph, &mut walk, vec![input]);
    let lower = walk.rows(property);
    let outcome = Outcome {
        lower: lower.into_iter().map(Proved::new).collect(),
        evidence: walk.evidence,
        counters: walk.counters,
        eps,
    };
    (outcome, walk.had_choice)
}

impl Walk<'_> {
    fn facts(&self, node: NodeId) -> &Facts {
        self.facts[node.index()]
            .as_ref()
            .expect("nodes are visited in order")
    }

    fn keep(&mut self, node: NodeId, facts: Facts) -> NodeId {
        self.tightened[node.index()] = vec![false; facts.boxes.dim().1].into();
        self.facts[node.index()] = Some(facts);
        node
    }

    /// Keeps a new node and, if activations read it, cuts its box.
    fn finish(&mut self, node: NodeId, facts: Facts) -> NodeId {
        let boxes = facts.boxes.clone();
        self.keep(node, facts);
        if self.readers[node.index()].is_empty() || self.method == Method::Interval {
            return node;
        }
        let unstable: Vec<usize> = (0..boxes.dim().1)
            .filter(|&i| {
                let readers = &self.readers[node.index()];
                readers.iter().any(|f| !is_affine(*f, boxes.at(0, i)))
            })
            .collect();
        self.counters.unstable += unstable.len() as u64;
        if unstable.is_empty() {
            return node;
        }
        let k = unstable.len();
        let mut seed = Array2::zeros((2 * k, boxes.dim().1));
        for (row, &i) in unstable.iter().enumerate() {
            seed[[row, i]] = 1.0;
            seed[[k + row, i]] = -1.0;
        }
        let lower = self.pull_back(node, seed);
        let (mut lo, mut hi) = (boxes.lo().clone(), boxes.hi().clone());
        let mut tightened = vec![false; boxes.dim().1];
        for (row, &i) in unstable.iter().enumerate() {
            let forward = boxes.at(0, i);
            let cut = Interval::or_entire(lower[row], -lower[k + row]);
            if let Some(both) = forward.intersect(cut)
                && both != forward
            {
                (lo[[0, i]], hi[[0, i]]) = (both.lo(), both.hi());
                tightened[i] = true;
            }
        }
        if let Some(facts) = &mut self.facts[node.index()] {
            facts.cut(Boxes::new(lo, hi));
        }
        self.tightened[node.index()] = tightened.into();
        node
    }

    fn pull_back(&mut self, node: NodeId, seed: Array2<f64>) -> Vec<f64> {
        self.counters.passes += 1;
        self.counters.functionals += seed.nrows() as u64;
        let relaxation = LinearRelaxation::new(&self.facts, &self.lines, seed.nrows());
        pull_back(self.graph, relaxation, node, seed, self.region)
    }

    /// Chooses the slopes of activation `node` for the final box of `operand`.
    fn activate(&mut self, node: NodeId, operand: NodeId, f: &dyn Pointwise) {
        let boxes = &self.facts(operand).boxes;
        let n = boxes.dim().1;
        let intervals: Vec<Interval> = (0..n).map(|i| boxes.at(0, i)).collect();
        let slopes: Vec<[f64; 2]> = intervals.iter().map(|&x| f.propose(x, self.rule)).collect();
        let had_choice = intervals
            .iter()
            .zip(&slopes)
            .any(|(&x, s)| f.propose(x, SlopeRule::Flat) != *s);
        let evidence = LayerEvidence {
            node,
            lo: boxes.lo().row(0).to_vec(),
            hi: boxes.hi().row(0).to_vec(),
            lower_slope: slopes.iter().map(|s| s[0]).collect(),
            upper_slope: slopes.iter().map(|s| s[1]).collect(),
            tightened: self.tightened[operand.index()].to_vec(),
        };
        self.had_choice |= had_choice;
        if self.method == Method::Crown {
            self.lines[node.index()] = Some(Lines::new(f, &evidence));
        }
        self.evidence.push(evidence);
    }

    /// Lower bounds of the property's rows, the best of three.
    fn rows(&mut self, property: &Property) -> Vec<f64> {
        let output = self.graph.output();
        let rows: Vec<(&[Rational], &Rational)> = property
            .rows()
            .iter()
            .map(|r| (&r.coefficients[..], &r.constant))
            .collect();
        let mut seeds = LinearRelaxation::new(&self.facts, &self.lines, rows.len());
        let seed = seeds.seed(output, &rows);
        let over = |constants: &[f64], rows: &Array2<f64>, node: NodeId| -> Vec<f64> {
            let least = least_over_box(rows.view(), &self.facts(node).boxes, 0);
            let sums = constants.iter().zip(least);
            sums.map(|(&c, l)| eft::add_dn(c, l)).collect()
        };
        let mut best = over(seeds.constants(), &seed, output);
        let mut improve = |other: Vec<f64>| {
            for (best, other) in best.iter_mut().zip(other) {
                *best = best.max(other);
            }
        };
        let node = self.graph.node(output);
        if let Op::Linear(map) = &node.op {
            let mut step = LinearRelaxation::new(&self.facts, &self.lines, rows.len());
            let seed = step.seed(output, &rows);
            let pulled = step.linear(output, node.inputs[0], &**map, seed);
            improve(over(step.constants(), &pulled, node.inputs[0]));
        }
        if self.method == Method::Crown {
            self.counters.passes += 1;
            self.counters.functionals += rows.len() as u64;
            improve(pull_back(self.graph, seeds, output, seed, self.region));
        }
        best
    }
}

/// `φ` is affine on `x`: the lines of the proposal coincide.
fn is_affine(f: &dyn Pointwise, x: Interval) -> bool {
    let [lower, upper] = f.propose(x, SlopeRule::Adaptive);
    lower == upper && f.residual(lower, x).is_point()
}

/// A node's value is its id: the boxes live in [`Walk::facts`].
impl Forward for Walk<'_> {
    type Value = NodeId;

    fn constant(&mut self, node: NodeId, values: &[Rational], shape: &Shape) -> NodeId {
        let boxes = self.domain.constant(node, values, shape);
        self.finish(node, Facts::new(boxes))
    }

    fn linear(&mut self, node: NodeId, map: &dyn LinearMap, x: &NodeId) -> NodeId {
        let mut domain = self.domain;
        let x = self.facts(*x);
        let boxes = domain.linear(node, map, &x.boxes);
        let facts = Facts::of_linear(boxes, map, x);
        self.finish(node, facts)
    }

    fn pointwise(&mut self, node: NodeId, f: &dyn Pointwise, x: &NodeId) -> NodeId {
        self.activate(node, *x, f);
        let mut domain = self.domain;
        let boxes = domain.pointwise(node, f, &self.facts(*x).boxes);
        self.finish(node, Facts::new(boxes))
    }

    fn combine(&mut self, node: NodeId, coefficients: &[Rational], xs: &[&NodeId]) -> NodeId {
        let mut domain = self.domain;
        let xs: Vec<&Boxes> = xs.iter().map(|x| &self.facts(**x).boxes).collect();
        let boxes = domain.combine(node, coefficients, &xs);
        self.finish(node, Facts::new(boxes))
    }

    fn product(&mut self, node: NodeId, p: &Product, a: &NodeId, b: &NodeId) -> NodeId {
        let mut domain = self.domain;
        let boxes = domain.product(node, p, &self.facts(*a).boxes, &self.facts(*b).boxes);
        self.finish(node, Facts::new(boxes))
    }
}
