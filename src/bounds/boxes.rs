//! Bounds over many input boxes at once: input splitting.

use ndarray::Array2;

use super::analysis::{Plan, Walk, Walking};
use super::linear::InputSet;
use super::{Counters, Error, Method, Objective};
use crate::graph::Graph;
use crate::ops::SlopeRule;
use crate::rounding::{Boxes, check_environment};

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
    /// boxes of the nodes that relaxations read, one row per box: they hold for
    /// every part of it
    pub known: Vec<Option<Boxes>>,
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
    /// result gave them. **Semantics and evidence.** `discrete`, proved.
    ///
    /// # Errors
    /// The thread's floating-point mode is not the default.
    pub fn bound(
        &self,
        boxes: Boxes,
        known: Option<&[Option<Boxes>]>,
        objective: &Objective,
        asked: &[(usize, usize)],
    ) -> Result<BoxBounds, Error> {
        check_environment()?;
        let input = InputSet::boxes_only(boxes);
        let walking = Walking {
            method: Method::Crown,
            rule: SlopeRule::Adaptive,
            ascent: None,
            parallel: false,
        };
        let mut walk = Walk::over(self.graph, &self.plan, &input, known, walking);
        let (lower, functionals) = walk.rows(objective, asked);
        let width = input.boxes().dim().1;
        Ok(BoxBounds {
            lower,
            functionals: functionals.unwrap_or_else(|| Array2::zeros((asked.len(), width))),
            known: walk.watched_boxes(),
            counters: walk.counters,
        })
    }
}
