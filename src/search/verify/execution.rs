//! Semantics `float32`: the query that is left for exact arithmetic once every
//! constraint is loosened by the error of execution.
//!
//! The error is that of a case's whole box. Where a loosened case has a solution
//! that is none of the original, the box is halved: its parts have smaller errors.

use super::point::{Places, compare};
use super::{Counterexample, Counters, Error, FEW_INPUTS, Limits, Outcome};
use crate::bounds::{Boxed, Objective, Passes, execution_errors, weighted_error};
use crate::exact::Rational;
use crate::graph::Graph;
use crate::rounding::eft::add_up;
use crate::rounding::{Boxes, Interval};
use crate::verify::{Case, Conjunction, Constraint, Query, Reason};

/// Parts of the boxes that are tried, at most.
const MOST_PARTS: usize = 1 << 12;

/// What comes of loosening.
enum Loosened {
    /// If no point satisfies this in exact arithmetic, no execution in binary32
    /// satisfies the original.
    Query(Query),
    /// nothing is known of the executions that some conjunction is about
    Unbounded,
    /// time ran out
    Stopped,
}

/// As [`decide`](super::decide), about executions in binary32.
pub(super) fn decide(
    graph: &Graph,
    query: &Query,
    places: &[Places],
    limits: &Limits<'_>,
    counters: &mut Counters,
) -> Result<Outcome, Error> {
    let reason = match prove(graph, query, places, limits, counters)? {
        Outcome::Unknown(reason) => reason,
        other => return Ok(other),
    };
    // Nothing is left to prove; there may be a counterexample.
    Ok(
        match super::decide(graph, query, places, limits, counters)? {
            Outcome::Verified | Outcome::Unknown(_) => Outcome::Unknown(reason),
            other => other,
        },
    )
}

/// Verified, timeout, or unknown.
fn prove(
    graph: &Graph,
    query: &Query,
    places: &[Places],
    limits: &Limits<'_>,
    counters: &mut Counters,
) -> Result<Outcome, Error> {
    // All cases at once, then one after another in parts.
    let mut open = vec![query.clone()];
    let mut parts = 0;
    while let Some(part) = open.pop() {
        parts += 1;
        let loose = match loosened(graph, &part, limits)? {
            Loosened::Stopped => return Ok(Outcome::Timeout),
            Loosened::Unbounded => None,
            Loosened::Query(loose) => Some(loose),
        };
        let reason = match &loose {
            Some(loose) => {
                let exact: Vec<Places> = loose.cases.iter().map(Places::exact).collect();
                match super::decide(graph, loose, &exact, limits, counters)? {
                    Outcome::Verified => continue,
                    Outcome::Falsified(near) => {
                        for (case, places) in query.cases.iter().zip(places) {
                            if compare(graph, case, places, &near.x, &near.x32).is_some() {
                                return Ok(Outcome::Falsified(near));
                            }
                        }
                        if stays(graph, &part, &near, limits)? {
                            return Ok(Outcome::Unknown(Reason::Execution));
                        }
                        Reason::Execution
                    }
                    other => return Ok(other),
                }
            }
            None => Reason::NotFinite,
        };
        let only = |case: &Case| Query {
            cases: vec![case.clone()],
            ..query.clone()
        };
        match &part.cases[..] {
            [case] => match halves(case).filter(|_| parts < MOST_PARTS) {
                Some(two) => open.extend(two.iter().map(only)),
                None => return Ok(Outcome::Unknown(reason)),
            },
            cases => open.extend(cases.iter().map(only)),
        }
    }
    Ok(Outcome::Verified)
}

/// Whether `near` is a solution however small its part of the box: the error of
/// execution at the point itself allows it.
fn stays(
    graph: &Graph,
    query: &Query,
    near: &Counterexample,
    limits: &Limits<'_>,
) -> Result<bool, Error> {
    for case in query.cases.iter().filter(|c| c.contains(&near.x)) {
        let point = Case {
            lo: near.x.clone(),
            hi: near.x.clone(),
            violation: case.violation.clone(),
        };
        let point = Query {
            cases: vec![point],
            ..query.clone()
        };
        let Loosened::Query(loose) = loosened(graph, &point, limits)? else {
            return Ok(true);
        };
        let case = &loose.cases[0];
        if compare(graph, case, &Places::exact(case), &near.x, &near.x32).is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The parts of a case on both sides of a binary32 number in the middle of the
/// longest edge; `None` if there is none, or too many edges.
fn halves(case: &Case) -> Option<[Case; 2]> {
    let widths: Vec<Rational> = case
        .hi
        .iter()
        .zip(&case.lo)
        .map(|(h, l)| Rational::from(h - l))
        .collect();
    if widths.iter().filter(|w| **w > 0).count() > FEW_INPUTS {
        return None;
    }
    let axis = (0..widths.len()).max_by(|&a, &b| widths[a].cmp(&widths[b]))?;
    let middle = Rational::from(&case.lo[axis] + &case.hi[axis]) / 2;
    let middle = Rational::from_f32(rug::Float::with_val(24, &middle).to_f32())?;
    if middle <= case.lo[axis] || case.hi[axis] <= middle {
        return None;
    }
    let mut two = [case.clone(), case.clone()];
    two[0].hi[axis] = middle.clone();
    two[1].lo[axis] = middle;
    Some(two)
}

/// Loosens every constraint of `query`.
///
/// Let a run read the binary32 input `x̃`, one nearest to a point of the box, and
/// let `x` be the point of the box next to `x̃`. Where the run's output satisfies
/// `a x̃ + b ỹ + c <= 0`, the exact output `y` of `x` satisfies
/// `a x + b y + c <= Σ |a_i| overhang_i + Σ |b_j| e_j`, `e` the errors of
/// execution over the case's box.
fn loosened(graph: &Graph, query: &Query, limits: &Limits<'_>) -> Result<Loosened, Error> {
    let boxed = Boxed::new(graph)?;
    let stop = || limits.expired();
    let mut cases = Vec::with_capacity(query.cases.len());
    for case in &query.cases {
        if limits.expired() {
            return Ok(Loosened::Stopped);
        }
        let places = Places::exact(case);
        let boxes = Boxes::from_shape_fn((1, query.inputs), |_, i| {
            Interval::or_entire(places.lo[i], places.hi[i])
        });
        let nothing = Objective::default();
        let known = boxed
            .bound(
                boxes.clone(),
                None,
                &nothing,
                &[],
                Passes::Everywhere,
                &stop,
            )?
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
