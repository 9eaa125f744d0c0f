//! Semantics `float32`: the query that is left for exact arithmetic once every
//! constraint is loosened by the error of execution.

use super::point::Places;
use super::{Error, Limits};
use crate::bounds::{Boxed, Objective, execution_errors, weighted_error};
use crate::exact::Rational;
use crate::graph::Graph;
use crate::rounding::eft::add_up;
use crate::rounding::{Boxes, Interval};
use crate::verify::{Case, Conjunction, Constraint, Query};

/// What comes of loosening.
pub(super) enum Loosened {
    /// If no point satisfies this in exact arithmetic, no execution in binary32
    /// satisfies the original.
    Query(Query),
    /// nothing is known of the executions that some conjunction is about
    Unbounded,
    /// time ran out
    Stopped,
}

/// Loosens every constraint of `query`.
///
/// Let a run read the binary32 input `x̃`, one nearest to a point of the box, and
/// let `x` be the point of the box next to `x̃`. Where the run's output satisfies
/// `a x̃ + b ỹ + c <= 0`, the exact output `y` of `x` satisfies
/// `a x + b y + c <= Σ |a_i| overhang_i + Σ |b_j| e_j`, `e` the errors of
/// execution over the case's box.
pub(super) fn loosened(
    graph: &Graph,
    query: &Query,
    places: &[Places],
    limits: &Limits<'_>,
) -> Result<Loosened, Error> {
    let boxed = Boxed::new(graph)?;
    let stop = || limits.expired();
    let mut cases = Vec::with_capacity(query.cases.len());
    for (case, places) in query.cases.iter().zip(places) {
        if limits.expired() {
            return Ok(Loosened::Stopped);
        }
        let boxes = Boxes::from_shape_fn((1, query.inputs), |_, i| {
            Interval::or_entire(places.lo[i], places.hi[i])
        });
        let nothing = Objective::default();
        let known = boxed
            .bound(boxes.clone(), None, &nothing, &[], &stop)?
            .known;
        let overhang = places.overhang(case);
        let errors = execution_errors(graph, &boxes, &overhang, Some(&known))?;
        let errors = &errors[graph.output().index()];
        let mut violation = Vec::with_capacity(case.violation.len());
        for conjunction in &case.violation {
            let constraints = conjunction.constraints.iter();
            let constraints: Vec<Constraint> = constraints
                .filter_map(|c| {
                    let slack = add_up(
                        weighted_error(&c.x, &overhang),
                        weighted_error(&c.y, errors),
                    );
                    // A constraint with an unbounded error says nothing.
                    let slack = Rational::from_f64(slack)?;
                    Some(Constraint {
                        constant: Rational::from(&c.constant - &slack),
                        ..c.clone()
                    })
                })
                .collect();
            if constraints.is_empty() && !conjunction.constraints.is_empty() {
                return Ok(Loosened::Unbounded);
            }
            violation.push(Conjunction { constraints });
        }
        cases.push(Case {
            violation,
            ..case.clone()
        });
    }
    Ok(Loosened::Query(Query {
        cases,
        ..query.clone()
    }))
}
