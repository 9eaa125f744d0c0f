//! One walk over the graph for a batch of input sets, with one slope rule.

use std::rc::Rc;

use ndarray::{Array2, Axis, Zip};
use rayon::prelude::*;

use super::affine::{Axes, Form};
use super::alpha::{self, Ascent, Rows};
use super::interval::IntervalDomain;
use super::linear::{Facts, InputSet, LinearRelaxation, Lines, Pulled, pull_back};
use super::{Counters, LayerEvidence, Method, Objective, Passes};
use crate::exact::Rational;
use crate::graph::{Backward, Forward, Graph, NodeId, Op, forward};
use crate::ops::{LinearMap, Pointwise, Product, Shape, SlopeRule};
use crate::rounding::forms::LeastOver;
use crate::rounding::{Boxes, Interval, eft};

/// Elements of one chunk of functionals: what a pass keeps in cache.
const CHUNK: usize = 1 << 16;

/// Elements of the widest node for each row of affine forms, at least.
const WIDE: usize = 16;

/// What a graph asks of every walk over it.
#[derive(Debug)]
pub(super) struct Plan<'g> {
    /// per node: the activations that read it
    readers: Vec<Vec<&'g dyn Pointwise>>,
    /// per node: a product reads it
    factor: Vec<bool>,
    /// per node: over boxes the interval step is already the best linear bound
    boxlike: Vec<bool>,
    /// per node: an affine function of the input
    affine: Vec<bool>,
    /// elements of the widest node
    widest: usize,
}

impl<'g> Plan<'g> {
    pub(super) fn new(graph: &'g Graph) -> Plan<'g> {
        let n = graph.nodes().len();
        let mut plan = Plan {
            readers: vec![Vec::new(); n],
            factor: vec![false; n],
            boxlike: vec![false; n],
            affine: Vec::with_capacity(n),
            widest: graph
                .nodes()
                .iter()
                .map(|n| n.shape.len())
                .max()
                .unwrap_or(0),
        };
        // Values whose elements are functions of one input element each.
        let mut separate = vec![false; n];
        for (k, node) in graph.nodes().iter().enumerate() {
            let operand = node.inputs.first().map(|i| i.index());
            let bends = matches!(node.op, Op::Pointwise(_) | Op::Product(_));
            let affine = !bends && node.inputs.iter().all(|i| plan.affine[i.index()]);
            plan.affine.push(affine);
            match &node.op {
                Op::Pointwise(f) => plan.readers[node.inputs[0].index()].push(&**f),
                Op::Product(_) => node
                    .inputs
                    .iter()
                    .for_each(|i| plan.factor[i.index()] = true),
                Op::Input(_) | Op::Constant(_) => separate[k] = true,
                Op::Linear(map) => {
                    let from = operand.is_some_and(|i| separate[i]);
                    separate[k] = from && map.chain() <= 1 && map.adjoint_chain() <= 1;
                    plan.boxlike[k] = from;
                }
                Op::Combine(_) => {
                    let constant = |i: &NodeId| matches!(graph.node(*i).op, Op::Constant(_));
                    let varying = node.inputs.iter().filter(|i| !constant(i)).count();
                    separate[k] = varying <= 1 && node.inputs.iter().all(|i| separate[i.index()]);
                    plan.boxlike[k] = varying <= 1
                        && node
                            .inputs
                            .iter()
                            .all(|i| constant(i) || plan.boxlike[i.index()] || separate[i.index()]);
                }
            }
            plan.boxlike[k] |= separate[k];
        }
        plan
    }

    /// Affine forms cost little beside a pass from every element of the widest
    /// node, and so are worth a try first.
    pub(super) fn forms_pay(&self, input: &Boxes) -> bool {
        WIDE * (Axes::of(input).len() + 2) <= self.widest
    }

    /// The node's box matters to a relaxation.
    pub(super) fn watched(&self, node: NodeId) -> bool {
        self.factor[node.index()] || !self.readers[node.index()].is_empty()
    }
}

/// How a walk goes.
#[derive(Clone, Copy)]
pub(super) struct Walking<'a> {
    pub method: Method,
    pub rule: SlopeRule,
    /// slopes of intermediate bounds are optimised
    pub ascent: Option<Ascent>,
    /// what cuts the operands' boxes of activations
    pub passes: Passes,
    /// rows are shared among the threads of the current pool
    pub parallel: bool,
    /// once it holds, boxes are no longer tightened: looser, and soon done
    pub stop: &'a (dyn Fn() -> bool + Sync),
}

/// Forward interpreter that cuts operand boxes of activations as it goes and
/// keeps what the backward passes need.
pub(super) struct Walk<'a> {
    pub graph: &'a Graph,
    plan: &'a Plan<'a>,
    pub input: &'a InputSet,
    walking: Walking<'a>,
    domain: IntervalDomain,
    /// boxes known before, by node
    known: Option<&'a [Option<Boxes>]>,
    pub facts: Vec<Option<Facts>>,
    pub lines: Vec<Option<Lines>>,
    /// affine forms by node, and the inputs they are of
    forms: Vec<Option<Form>>,
    axes: Option<Axes>,
    tightened: Vec<Rc<[bool]>>,
    pub evidence: Vec<LayerEvidence>,
    pub counters: Counters,
    /// another rule would have chosen other slopes somewhere
    pub had_choice: bool,
}

impl<'a> Walk<'a> {
    /// Walks over the graph with one domain per box of `input`. Boxes that are
    /// `known` of watched nodes, one row per domain, are used.
    pub(super) fn over(
        graph: &'a Graph,
        plan: &'a Plan<'a>,
        input: &'a InputSet,
        known: Option<&'a [Option<Boxes>]>,
        walking: Walking<'a>,
    ) -> Walk<'a> {
        let n = graph.nodes().len();
        let mut walk = Walk {
            graph,
            plan,
            input,
            walking,
            domain: IntervalDomain::new(input.boxes().dim().0),
            known,
            facts: (0..n).map(|_| None).collect(),
            lines: (0..n).map(|_| None).collect(),
            forms: (0..n).map(|_| None).collect(),
            axes: (walking.passes != Passes::Everywhere).then(|| Axes::of(input.boxes())),
            tightened: vec![Rc::from([]); n],
            evidence: Vec::new(),
            counters: Counters::default(),
            had_choice: false,
        };
        let start = graph.inputs()[0];
        if let Some(axes) = &walk.axes {
            walk.forms[start.index()] = Some(Form::input(input.boxes(), axes));
        }
        walk.keep(start, Facts::new(input.boxes().clone()));
        forward(graph, &mut walk, vec![start]);
        walk
    }

    fn facts(&self, node: NodeId) -> &Facts {
        self.facts[node.index()]
            .as_ref()
            .expect("nodes are visited in order")
    }

    fn view(&self) -> PassView<'_> {
        PassView {
            graph: self.graph,
            facts: &self.facts,
            lines: &self.lines,
            input: self.input,
        }
    }

    fn domains(&self) -> usize {
        self.input.boxes().dim().0
    }

    fn keep(&mut self, node: NodeId, facts: Facts) -> NodeId {
        self.tightened[node.index()] = vec![false; facts.boxes.dim().1].into();
        self.facts[node.index()] = Some(facts);
        node
    }

    /// The elements (domain, index) of `node` for which a linear bound is worth a pass.
    fn open(&self, node: NodeId, boxes: &Boxes) -> Vec<(usize, usize)> {
        let (domains, n) = boxes.dim();
        let mut open = Vec::new();
        for d in 0..domains {
            let is_open = |&i: &usize| self.is_open(node, boxes.at(d, i));
            open.extend((0..n).filter(is_open).map(|i| (d, i)));
        }
        open
    }

    fn form(&self, node: NodeId) -> &Form {
        let form = self.forms[node.index()].as_ref();
        form.expect("with axes, every node has a form")
    }

    /// Keeps the form of a new node; the intersection of its boxes with `boxes`.
    fn meet(&mut self, node: NodeId, boxes: Boxes, form: Option<Form>) -> Boxes {
        let Some(mut form) = form else { return boxes };
        let boxes = intersection(&boxes, &form.boxes());
        form.restrict(&boxes);
        self.forms[node.index()] = Some(form);
        boxes
    }

    /// A relaxation that reads an element in `x` of `node` gains from a smaller `x`.
    fn is_open(&self, node: NodeId, x: Interval) -> bool {
        (self.plan.factor[node.index()] && !x.is_point())
            || self.plan.readers[node.index()]
                .iter()
                .any(|f| !is_affine(*f, x))
    }

    /// Keeps a new node and, if activations or products read it, cuts its box.
    fn finish(&mut self, node: NodeId, facts: Facts) -> NodeId {
        if !self.plan.watched(node) {
            return self.keep(node, facts);
        }
        let mut facts = facts;
        if let Some(known) = self.known.and_then(|k| k[node.index()].as_ref()) {
            let both = intersection(&facts.boxes, known);
            facts.cut(both);
        }
        let boxes = facts.boxes.clone();
        self.keep(node, facts);
        if self.walking.method == Method::Interval || self.walking.passes == Passes::Last {
            return node;
        }
        let open = self.open(node, &boxes);
        self.counters.unstable += open.len() as u64;
        // Nothing was relaxed up to here: the interval or the form is as good.
        let exact = (self.plan.boxlike[node.index()] && self.input.is_box())
            || (self.plan.affine[node.index()] && self.axes.is_some());
        if open.is_empty() || exact || (self.walking.stop)() {
            return node;
        }
        let (mut lo, mut hi) = (boxes.lo().clone(), boxes.hi().clone());
        let mut tightened = vec![false; boxes.dim().1];
        let mut cut = |(d, i): (usize, usize), by: Interval| {
            let old = Interval::or_entire(lo[[d, i]], hi[[d, i]]);
            match old.intersect(by) {
                Some(both) if both != old => {
                    (lo[[d, i]], hi[[d, i]]) = (both.lo(), both.hi());
                    tightened[i] = true;
                    both
                }
                _ => old,
            }
        };
        // Upper ends first: where one decides an activation, the lower end is not needed.
        let upper = self.pull_elements(node, &open, -1.0);
        let rest: Vec<(usize, usize)> = open
            .into_iter()
            .zip(upper)
            .filter(|&(at, u)| {
                let x = cut(at, Interval::or_entire(f64::NEG_INFINITY, -u));
                self.is_open(node, x)
            })
            .map(|(at, _)| at)
            .collect();
        let lower = self.pull_elements(node, &rest, 1.0);
        for (at, l) in rest.into_iter().zip(lower) {
            cut(at, Interval::or_entire(l, f64::INFINITY));
        }
        if let Some(facts) = &mut self.facts[node.index()] {
            facts.cut(Boxes::new(lo, hi));
        }
        self.tightened[node.index()] = tightened.into();
        node
    }

    /// Lower bounds of `sign x_i` for every element listed.
    fn pull_elements(&mut self, node: NodeId, open: &[(usize, usize)], sign: f64) -> Vec<f64> {
        let n = self.facts(node).boxes.dim().1;
        let k = open.len();
        if k == 0 {
            return Vec::new();
        }
        self.counters.passes += 1;
        self.counters.functionals += k as u64;
        let widest = self.widest(node);
        let chunk = (CHUNK / widest.max(1)).clamp(16, 512);
        let walk = self.view();
        let (ascent, stop) = (self.walking.ascent, self.walking.stop);
        let run = |rows: std::ops::Range<usize>| -> Vec<f64> {
            if stop() {
                return vec![f64::NEG_INFINITY; rows.len()];
            }
            let owner: Vec<usize> = open[rows.clone()].iter().map(|at| at.0).collect();
            let mut seed = Array2::zeros((rows.len(), n));
            for (s, at) in open[rows].iter().enumerate() {
                seed[[s, at.1]] = sign;
            }
            match ascent {
                Some(ascent) => alpha::intermediate(&walk, node, seed, &owner, ascent, stop),
                None => walk.pull(node, seed, None, &owner).lower,
            }
        };
        let starts: Vec<usize> = (0..k).step_by(chunk).collect();
        let range = |&s: &usize| s..(s + chunk).min(k);
        let parts: Vec<Vec<f64>> = if self.walking.parallel && starts.len() > 1 {
            starts.par_iter().map(|s| run(range(s))).collect()
        } else {
            starts.iter().map(|s| run(range(s))).collect()
        };
        parts.concat()
    }

    /// Elements of the widest node up to `node`.
    fn widest(&self, node: NodeId) -> usize {
        let before = &self.graph.nodes()[..=node.index()];
        before.iter().map(|n| n.shape.len()).max().unwrap_or(1)
    }

    /// Chooses the slopes of activation `node` for the final boxes of `operand`.
    fn activate(&mut self, node: NodeId, operand: NodeId, f: &dyn Pointwise) {
        let boxes = self.facts(operand).boxes.clone();
        let mut slopes = [Array2::zeros(boxes.dim()), Array2::zeros(boxes.dim())];
        for d in 0..boxes.dim().0 {
            for i in 0..boxes.dim().1 {
                let x = boxes.at(d, i);
                let chosen = f.propose(x, self.walking.rule);
                if self.domains() == 1 && !self.had_choice {
                    self.had_choice = f.propose(x, SlopeRule::Flat) != chosen;
                }
                (slopes[0][[d, i]], slopes[1][[d, i]]) = (chosen[0], chosen[1]);
            }
        }
        if self.domains() == 1 {
            self.evidence.push(LayerEvidence {
                node,
                lo: boxes.lo().row(0).to_vec(),
                hi: boxes.hi().row(0).to_vec(),
                lower_slope: slopes[0].row(0).to_vec(),
                upper_slope: slopes[1].row(0).to_vec(),
                tightened: self.tightened[operand.index()].to_vec(),
            });
        }
        if self.walking.method != Method::Interval {
            let [lower, upper] = slopes;
            self.lines[node.index()] = Some(Lines::new(f, &boxes, lower, upper));
        }
    }

    /// Lower bounds of objective rows, `asked` as (domain, row): the best of
    /// the output's box, one linear step, and (CROWN) the whole pass, whose
    /// functionals at the input are returned too. With `ascent` their slopes
    /// climb.
    pub(super) fn rows(
        &mut self,
        objective: &Objective,
        asked: &[(usize, usize)],
        ascent: Option<Ascent>,
    ) -> (Vec<f64>, Option<LinearForms>) {
        let output = self.graph.output();
        let owner: Vec<usize> = asked.iter().map(|a| a.0).collect();
        let rows = || asked.iter().map(|a| objective.row(a.1));
        let mut seeds = LinearRelaxation::new(&self.facts, &self.lines, &owner);
        let seed = seeds.seed(output, rows());
        let at_input = objective.has_inputs().then(|| {
            let rows = asked.iter().map(|a| objective.input_row(a.1));
            seeds.seed(self.graph.inputs()[0], rows)
        });
        let from_input: Vec<f64> = match &at_input {
            Some(x) => {
                let rows = x.rows().into_iter().zip(&owner);
                rows.map(|(row, &d)| self.input.least(&row.to_vec(), d))
                    .collect()
            }
            None => vec![0.0; asked.len()],
        };
        let over = |constants: &[f64], rows: &Array2<f64>, node: NodeId| -> Vec<f64> {
            let least = LeastOver::new(&self.facts(node).boxes);
            let rows = rows.rows().into_iter().zip(&owner);
            rows.zip(constants)
                .zip(&from_input)
                .map(|(((row, &d), &c), &x)| {
                    eft::add_dn(x, eft::add_dn(c, least.least(&row.to_vec(), d)))
                })
                .collect()
        };
        let mut best = over(seeds.constants(), &seed, output);
        let improve = |best: &mut Vec<f64>, other: Vec<f64>| {
            for (best, other) in best.iter_mut().zip(other) {
                *best = best.max(other);
            }
        };
        let node = self.graph.node(output);
        if let Op::Linear(map) = &node.op {
            let mut step = LinearRelaxation::new(&self.facts, &self.lines, &owner);
            let seed = step.seed(output, rows());
            if objective.has_inputs() {
                let rows = asked.iter().map(|a| objective.input_row(a.1));
                step.seed(self.graph.inputs()[0], rows);
            }
            let pulled = step.linear(output, node.inputs[0], &**map, seed);
            improve(&mut best, over(step.constants(), &pulled, node.inputs[0]));
        }
        if self.walking.method == Method::Interval {
            return (best, None);
        }
        self.counters.passes += 1;
        self.counters.functionals += asked.len() as u64;
        if let Some(ascent) = ascent {
            let view = self.view();
            let rows = Rows {
                start: output,
                seed,
                at_input,
                constants: seeds.constants().to_vec(),
                owner: &owner,
            };
            let mut slopes = alpha::initial(&view, output, &owner);
            let climbed = {
                let done = |_, l| l > 0.0 || (self.walking.stop)();
                alpha::ascend(&view, &rows, &mut slopes, &mut [], ascent, &done)
            };
            improve(&mut best, climbed.lower);
            return (best, Some(LinearForms::of(climbed.last)));
        }
        let pulled = pull_back(self.graph, seeds, output, seed, at_input, self.input);
        let forms = LinearForms {
            input: pulled.input,
            constants: pulled.constants,
        };
        improve(&mut best, pulled.lower);
        (best, Some(forms))
    }

    /// The boxes of watched nodes, for walks over parts of the domains.
    pub(super) fn watched_boxes(&self) -> Vec<Option<Boxes>> {
        let ids = self.graph.ids();
        ids.map(|id| {
            let facts = self.facts[id.index()].as_ref();
            facts
                .filter(|_| self.plan.watched(id))
                .map(|f| f.boxes.clone())
        })
        .collect()
    }
}

/// Functionals of the input that bound others from below:
/// `input_s · x + constants_s`.
pub(super) struct LinearForms {
    pub input: Array2<f64>,
    pub constants: Vec<f64>,
}

impl LinearForms {
    fn of(pulled: Pulled) -> LinearForms {
        LinearForms {
            input: pulled.input,
            constants: pulled.constants,
        }
    }
}

/// What a backward pass reads.
#[derive(Clone, Copy)]
pub(super) struct PassView<'a> {
    pub graph: &'a Graph,
    pub facts: &'a [Option<Facts>],
    pub lines: &'a [Option<Lines>],
    pub input: &'a InputSet,
}

impl<'a> PassView<'a> {
    /// The boxes of a node.
    pub(super) fn boxes(&self, node: NodeId) -> &'a Boxes {
        &self.facts[node.index()]
            .as_ref()
            .expect("every ancestor was bounded before")
            .boxes
    }

    fn pull(
        &self,
        node: NodeId,
        seed: Array2<f64>,
        at_input: Option<Array2<f64>>,
        owner: &[usize],
    ) -> Pulled {
        let relaxation = LinearRelaxation::new(self.facts, self.lines, owner);
        pull_back(self.graph, relaxation, node, seed, at_input, self.input)
    }
}

/// Both hold, so their intersection does; an empty one (which no sound pair
/// has) keeps the first.
fn intersection(a: &Boxes, b: &Boxes) -> Boxes {
    let (mut lo, mut hi) = (a.lo().clone(), a.hi().clone());
    let ends = Zip::from(&mut lo).and(&mut hi).and(b.lo()).and(b.hi());
    ends.for_each(|l, h, &bl, &bh| {
        let (most, least) = (l.max(bl), h.min(bh));
        if most <= least {
            (*l, *h) = (most, least);
        }
    });
    Boxes::new(lo, hi)
}

/// `φ` is affine on `x`: the lines of the proposal coincide.
pub(super) fn is_affine(f: &dyn Pointwise, x: Interval) -> bool {
    let [lower, upper] = f.propose(x, SlopeRule::Adaptive);
    lower == upper && f.residual(lower, x).is_point()
}

/// Rows of boxes by domain.
pub(super) fn select_rows(x: &Array2<f64>, rows: &[usize]) -> Array2<f64> {
    x.select(Axis(0), rows)
}

/// A node's value is its id: the boxes live in [`Walk::facts`].
impl Forward for Walk<'_> {
    type Value = NodeId;

    fn constant(&mut self, node: NodeId, values: &[Rational], shape: &Shape) -> NodeId {
        let boxes = self.domain.constant(node, values, shape);
        let axes = self.axes.as_ref();
        self.forms[node.index()] = axes.map(|axes| Form::constant(&boxes, axes.len()));
        self.finish(node, Facts::new(boxes))
    }

    fn linear(&mut self, node: NodeId, map: &dyn LinearMap, x: &NodeId) -> NodeId {
        let mut domain = self.domain;
        let boxes = domain.linear(node, map, &self.facts(*x).boxes);
        let form = self.axes.is_some().then(|| self.form(*x).linear(map));
        let boxes = self.meet(node, boxes, form);
        let facts = Facts::of_linear(boxes, map, self.facts(*x));
        self.finish(node, facts)
    }

    fn pointwise(&mut self, node: NodeId, f: &dyn Pointwise, x: &NodeId) -> NodeId {
        self.activate(node, *x, f);
        let operand = &self.facts(*x).boxes;
        let form = match &self.lines[node.index()] {
            Some(lines) if self.axes.is_some() => {
                let proposed = [&lines.lower.slope, &lines.upper.slope];
                Some(self.form(*x).pointwise(f, operand, proposed))
            }
            _ => None,
        };
        let mut domain = self.domain;
        let boxes = domain.pointwise(node, f, operand);
        let boxes = self.meet(node, boxes, form);
        self.finish(node, Facts::new(boxes))
    }

    fn combine(&mut self, node: NodeId, coefficients: &[Rational], xs: &[&NodeId]) -> NodeId {
        let mut domain = self.domain;
        let operands: Vec<&Boxes> = xs.iter().map(|x| &self.facts(**x).boxes).collect();
        let boxes = domain.combine(node, coefficients, &operands);
        let form = self.axes.is_some().then(|| {
            let forms: Vec<&Form> = xs.iter().map(|x| self.form(**x)).collect();
            Form::combine(coefficients, &forms)
        });
        let boxes = self.meet(node, boxes, form);
        self.finish(node, Facts::new(boxes))
    }

    fn product(&mut self, node: NodeId, p: &Product, a: &NodeId, b: &NodeId) -> NodeId {
        let mut domain = self.domain;
        let boxes = domain.product(node, p, &self.facts(*a).boxes, &self.facts(*b).boxes);
        let forms = self.axes.is_some().then(|| (self.form(*a), self.form(*b)));
        let form = forms.map(|(a, b)| Form::product(p, a, b));
        let boxes = self.meet(node, boxes, form);
        let facts = Facts::of_product(boxes, p, self.facts(*a), self.facts(*b));
        self.finish(node, facts)
    }
}
