//! Bounds over parts of one input set that are cut out by constraints on the
//! operands of activations: neuron splitting.
//!
//! The boxes and lines of the whole set hold for every part. A part adds its
//! [`Cut`]s: tighter lines at the neurons that were split, and multipliers for
//! the constraints themselves.

use std::sync::Arc;

use ndarray::Array2;

use super::alpha::{self, Ascent, Rows, Slopes};
use super::analysis::{PassView, Plan, Walk, Walking, is_affine};
use super::linear::{Cut, Facts, InputSet, LinearRelaxation, Lines};
use super::{Counters, Error, Method, Objective, Passes};
use crate::graph::{Graph, NodeId, Op};
use crate::ops::SlopeRule;
use crate::rounding::{Boxes, Interval, check_environment};

/// What is known of the whole input set, and the functionals to bound.
#[derive(Debug)]
pub struct Root<'g> {
    graph: &'g Graph,
    input: InputSet,
    facts: Vec<Option<Facts>>,
    lines: Vec<Option<Lines>>,
    objective: Objective,
    /// proved lower bounds of the functionals over the whole set
    pub lower: Vec<f64>,
    /// work done
    pub counters: Counters,
}

/// A part of the input set with the functional to bound there.
#[derive(Clone, Debug)]
pub struct Domain {
    /// which functional
    pub functional: usize,
    /// what cuts the part out
    pub cuts: Vec<Cut>,
    /// slopes below, by node, where there is a choice; `None` for those of the root
    slopes: Option<Arc<Vec<Option<Vec<f32>>>>>,
    /// proved lower bound of the functional on the part that contains this one
    pub lower: f64,
}

impl Domain {
    /// The whole set.
    pub fn whole(functional: usize, lower: f64) -> Domain {
        Domain {
            functional,
            cuts: Vec::new(),
            slopes: None,
            lower,
        }
    }

    /// Memory it holds, in bytes; what several share counts in each.
    pub fn bytes(&self) -> usize {
        let slopes = self.slopes.iter().flat_map(|s| s.iter().flatten());
        let slopes: usize = slopes.map(|s| size_of_val(s.as_slice())).sum();
        size_of::<Domain>() + size_of_val(self.cuts.as_slice()) + slopes
    }

    /// Gives up its slopes: a climb begins at those of the root again.
    pub fn shed(&mut self) {
        self.slopes = None;
    }
}

/// A neuron to split, with the loss of the relaxation there (an estimate), at the
/// minimiser or at worst.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// the activation node
    pub node: NodeId,
    /// element of its operand
    pub neuron: usize,
    /// cotangent times a gap between line and function
    pub score: f64,
}

/// The result of [`Root::bound`] for one domain.
#[derive(Clone, Debug)]
pub struct DomainBounds {
    /// proved lower bound of its functional
    pub lower: f64,
    /// where the relaxation is least, at the input
    pub minimiser: Vec<f64>,
    /// neurons worth splitting
    pub candidates: Vec<Candidate>,
}

impl<'g> Root<'g> {
    /// Bounds `objective` over one box, with optimised slopes if asked for.
    /// Rows are shared among the threads of the current pool. Once `stop` holds
    /// the bounds get looser and are soon done.
    ///
    /// # Errors
    /// The graph has not exactly one input, or the thread's floating-point mode
    /// is not the default.
    pub fn new(
        graph: &'g Graph,
        boxes: Boxes,
        objective: Objective,
        ascent: Option<Ascent>,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Root<'g>, Error> {
        check_environment()?;
        if graph.inputs().len() != 1 {
            return Err(Error::Inputs {
                found: graph.inputs().len(),
            });
        }
        let plan = Plan::new(graph);
        let input = InputSet::boxes_only(boxes);
        let walking = Walking {
            method: Method::Crown,
            rule: SlopeRule::Adaptive,
            ascent,
            passes: match plan.forms_pay(input.boxes()) {
                true => Passes::Both,
                false => Passes::Everywhere,
            },
            parallel: true,
            stop,
        };
        let asked: Vec<(usize, usize)> = (0..objective.len()).map(|r| (0, r)).collect();
        let mut walk = Walk::over(graph, &plan, &input, None, walking);
        let (lower, _) = walk.rows(&objective, &asked, ascent);
        let (facts, lines, counters) = (walk.facts, walk.lines, walk.counters);
        Ok(Root {
            graph,
            facts,
            lines,
            objective,
            lower,
            counters,
            input,
        })
    }

    /// Bounds every domain, climbing from the slopes and multipliers it holds;
    /// afterwards it holds those reached and the better lower bound. The climb
    /// ends early when every lower bound exceeds its domain's `target`.
    ///
    /// # Errors
    /// The thread's floating-point mode is not the default.
    pub fn bound(
        &self,
        domains: &mut [Domain],
        ascent: Ascent,
        target: &dyn Fn(usize) -> f64,
        candidates: usize,
    ) -> Result<Vec<DomainBounds>, Error> {
        check_environment()?;
        let owner = vec![0; domains.len()];
        let view = PassView {
            graph: self.graph,
            facts: &self.facts,
            lines: &self.lines,
            input: &self.input,
        };
        let output = self.graph.output();
        let mut seeds = LinearRelaxation::new(&self.facts, &self.lines, &owner);
        let rows = domains.iter().map(|d| self.objective.row(d.functional));
        let seed = seeds.seed(output, rows);
        let at_input = self.objective.has_inputs().then(|| {
            let rows = domains
                .iter()
                .map(|d| self.objective.input_row(d.functional));
            seeds.seed(self.graph.inputs()[0], rows)
        });
        let rows = Rows {
            start: output,
            seed,
            at_input,
            constants: seeds.constants().to_vec(),
            owner: &owner,
        };
        let mut slopes = self.slopes(&view, domains);
        let mut cuts: Vec<Vec<Cut>> = domains.iter().map(|d| d.cuts.clone()).collect();
        let functional: Vec<usize> = domains.iter().map(|d| d.functional).collect();
        let done = |s: usize, lower: f64| lower > target(functional[s]);
        let best = alpha::ascend(&view, &rows, &mut slopes, &mut cuts, ascent, &done);
        let values = match candidates {
            0 => Vec::new(),
            _ => alpha::values_of(&view, &rows, &best, &slopes, &cuts),
        };
        let found = (0..domains.len())
            .map(|s| DomainBounds {
                lower: best.lower[s].max(domains[s].lower),
                minimiser: best.minimisers.row(s).to_vec(),
                candidates: self.candidates(&cuts[s], s, &best, &values, candidates),
            })
            .collect();
        for (s, domain) in domains.iter_mut().enumerate() {
            domain.lower = domain.lower.max(best.lower[s]);
            domain.cuts = std::mem::take(&mut cuts[s]);
            let own = |a: &Array2<f64>| a.row(s).iter().map(|&v| v as f32).collect();
            let own = slopes.iter().map(|a| a.as_ref().map(own)).collect();
            domain.slopes = Some(Arc::new(own));
        }
        Ok(found)
    }

    /// The slopes of the domains, one row each.
    fn slopes(&self, view: &PassView<'_>, domains: &[Domain]) -> Slopes {
        let owner = vec![0; domains.len()];
        let mut slopes = alpha::initial(view, self.graph.output(), &owner);
        for (node, slopes) in slopes.iter_mut().enumerate() {
            let Some(slopes) = slopes else { continue };
            for (s, domain) in domains.iter().enumerate() {
                let own = domain.slopes.as_ref().and_then(|all| all[node].as_ref());
                if let Some(own) = own {
                    slopes
                        .row_mut(s)
                        .iter_mut()
                        .zip(own)
                        .for_each(|(a, &b)| *a = f64::from(b));
                }
            }
        }
        slopes
    }

    /// The neurons where the relaxation of row `s` loses most: half of them at its
    /// minimiser, half in the worst case over their ranges.
    fn candidates(
        &self,
        cuts: &[Cut],
        s: usize,
        best: &alpha::Best,
        values: &[Array2<f64>],
        count: usize,
    ) -> Vec<Candidate> {
        let mut found: Vec<Candidate> = Vec::new();
        let mut widest: Vec<Candidate> = Vec::new();
        if count == 0 {
            return found;
        }
        for (k, record) in best.last.record.iter().enumerate() {
            let (Some(record), Op::Pointwise(f)) = (record, &self.graph.nodes()[k].op) else {
                continue;
            };
            let operand = self.graph.nodes()[k].inputs[0];
            let (Some(facts), Some(relaxed)) = (&self.facts[operand.index()], values.get(k)) else {
                continue;
            };
            for (i, &a) in record.row(s).iter().enumerate() {
                if a == 0.0 {
                    continue;
                }
                let own = cuts.iter().find(|c| c.node.index() == k && c.neuron == i);
                let range = own.map_or_else(|| facts.boxes.at(0, i), |c| c.range);
                let v = values[operand.index()][[s, i]];
                let gap = (relaxed[[s, i]] - f.value(v.clamp(range.lo(), range.hi()))).abs();
                let score = a.abs() * gap;
                if !is_affine(&**f, range) {
                    let of = |score| Candidate {
                        node: NodeId(k),
                        neuron: i,
                        score,
                    };
                    if score > 1e-12 {
                        found.push(of(score));
                    }
                    let slope = match (own, &self.lines[k]) {
                        (Some(c), _) => c.slopes[usize::from(a < 0.0)],
                        (None, Some(l)) if a < 0.0 => l.upper.slope[[0, i]],
                        (None, Some(l)) => l.lower.slope[[0, i]],
                        (None, None) => 0.0,
                    };
                    widest.push(of(a.abs() * f.residual(slope, range).width_up()));
                }
            }
        }
        let by_score = |a: &Candidate, b: &Candidate| b.score.total_cmp(&a.score);
        found.sort_by(by_score);
        widest.sort_by(by_score);
        found.truncate(count.div_ceil(2));
        let missing = count - found.len();
        let is_new = |w: &Candidate| {
            !found
                .iter()
                .any(|c| (c.node, c.neuron) == (w.node, w.neuron))
        };
        let rest: Vec<Candidate> = widest.into_iter().filter(is_new).take(missing).collect();
        found.extend(rest);
        found
    }

    /// The two parts of `domain` left and right of the split point of a neuron.
    pub fn split(&self, domain: &Domain, node: NodeId, neuron: usize) -> Option<[Domain; 2]> {
        let Op::Pointwise(f) = &self.graph.node(node).op else {
            return None;
        };
        let operand = self.graph.node(node).inputs[0];
        let own = domain
            .cuts
            .iter()
            .position(|c| c.node == node && c.neuron == neuron);
        let range = match own {
            Some(c) => domain.cuts[c].range,
            None => self.facts[operand.index()].as_ref()?.boxes.at(0, neuron),
        };
        let at = f.split_point(range);
        if !(range.lo() < at && at < range.hi()) {
            return None;
        }
        let part = |range: Interval, below: bool| {
            let mut part = domain.clone();
            // A neuron split before keeps one cut: the newer constraint is the
            // nearer one, and the range holds both.
            if let Some(c) = own {
                part.cuts.remove(c);
            }
            part.cuts.push(Cut {
                node,
                neuron,
                range,
                below,
                multiplier: 0.0,
                slopes: f.propose(range, SlopeRule::Adaptive),
            });
            part
        };
        Some([
            part(Interval::new(range.lo(), at)?, true),
            part(Interval::new(at, range.hi())?, false),
        ])
    }
}
