//! Bounds over many input boxes at once: input splitting.

use std::ops::Range;

use ndarray::Array2;

use super::analysis::{Plan, Walk, Walking};
use super::linear::InputSet;
use super::{Counters, Error, LayerEvidence, Method, Objective};
use crate::graph::Graph;
use crate::ops::SlopeRule;
use crate::rounding::{Boxes, Interval, check_environment};

/// What cuts the boxes that relaxations read, beside the interval step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passes {
    /// a backward pass at every such node
    Everywhere,
    /// the same, after affine forms of the input
    Both,
    /// affine forms of the input alone: one backward pass, of the objective
    Last,
}

/// Bounds functionals of one graph over batches of input boxes.
#[derive(Debug)]
pub struct Boxed<'g> {
    graph: &'g Graph,
    plan: Plan<'g>,
}

/// The result of [`Boxed::bound`].
#[derive(Clone, Debug)]
pub struct BoxBounds {
    /// proved lower bounds, one per question
    pub lower: Vec<f64>,
    /// functionals at the input that gave them, (questions, inputs)
    pub functionals: Array2<f64>,
    /// their constants: a question's value is at least `functional · x + constant`
    pub constants: Vec<f64>,
    /// boxes of the nodes that relaxations read, one row per box: they hold for
    /// every part of it
    pub known: Vec<Option<Boxes>>,
    /// of a single box: one entry per activation node, enough to redo the bounds
    /// if no boxes were `known` before
    pub evidence: Vec<LayerEvidence>,
    /// work done
    pub counters: Counters,
}

impl<'g> Boxed<'g> {
    /// For a graph with one input.
    pub fn new(graph: &'g Graph) -> Result<Boxed<'g>, Error> {
        if graph.inputs().len() != 1 {
            return Err(Error::Inputs {
                found: graph.inputs().len(),
            });
        }
        Ok(Boxed {
            graph,
            plan: Plan::new(graph),
        })
    }

    /// Lower bounds of `objective` over `boxes` (shape (domains, inputs)) for
    /// the questions `asked`, as (domain, functional).
    ///
    /// `known` are boxes of nodes that hold over each domain, as an earlier
    /// result gave them. Once `stop` holds the bounds get looser and are soon
    /// done. **Semantics and evidence.** `discrete`, proved.
    ///
    /// # Errors
    /// The thread's floating-point mode is not the default.
    pub fn bound(
        &self,
        boxes: Boxes,
        known: Option<&[Option<Boxes>]>,
        objective: &Objective,
        asked: &[(usize, usize)],
        passes: Passes,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<BoxBounds, Error> {
        check_environment()?;
        let input = InputSet::boxes_only(boxes);
        let walking = Walking {
            method: Method::Crown,
            rule: SlopeRule::Adaptive,
            ascent: None,
            passes,
            parallel: false,
            stop,
        };
        let mut walk = Walk::over(self.graph, &self.plan, &input, known, walking);
        let (lower, forms) = walk.rows(objective, asked, None);
        let width = input.boxes().dim().1;
        let (functionals, constants) = match forms {
            Some(forms) => (forms.input, forms.constants),
            None => (Array2::zeros((asked.len(), width)), lower.clone()),
        };
        Ok(BoxBounds {
            lower,
            functionals,
            constants,
            known: walk.watched_boxes(),
            evidence: walk.evidence,
            counters: walk.counters,
        })
    }
}

impl BoxBounds {
    /// A proved lower bound of `Σ w_k g_k` over the box of domain `d`, `g_k`
    /// the values of the questions `rows` and `w >= 0`. If it is positive the
    /// questions are nowhere all at most zero.
    ///
    /// The functionals' sum is formed in interval arithmetic.
    pub fn combined(&self, boxes: &Boxes, d: usize, rows: Range<usize>, weights: &[f64]) -> f64 {
        let mut sum = Interval::ZERO;
        for (r, &w) in rows.clone().zip(weights) {
            let constant = Interval::new(self.constants[r], self.constants[r]);
            sum = sum + constant.unwrap_or(Interval::ENTIRE).scale(w.max(0.0));
        }
        for i in 0..self.functionals.ncols() {
            let mut a = Interval::ZERO;
            for (r, &w) in rows.clone().zip(weights) {
                let c = self.functionals[[r, i]];
                a = a + Interval::or_entire(c, c).scale(w.max(0.0));
            }
            sum = sum + a * boxes.at(d, i);
        }
        sum.lo()
    }
}
