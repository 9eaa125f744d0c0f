//! Branch and bound by splitting neurons: for inputs of many dimensions.

use std::sync::{Condvar, Mutex};

use ndarray::Array2;

use super::falsify::{Effort, falsify};
use super::point::{Counterexample, Places, establish, outputs, seems_violated};
use super::{Counters, Error, Limits, Outcome};
use crate::bounds::{Ascent, Domain, DomainBounds, Functional, Objective, Root};
use crate::graph::{Graph, Op};
use crate::rounding::{Boxes, Interval};
use crate::verify::{Case, Reason};

/// Elements of the cotangents of one batch, at the widest node.
const BATCH_ELEMENTS: usize = 1 << 15;

/// Climbs of a part that has no neuron left to split.
const MOST_CLIMBS: u32 = 20;

/// Multiply-adds spent on the slopes of intermediate bounds.
const CLIMB_WORK: f64 = 1e11;

/// Multiply-adds of one evaluation.
fn multiply_adds(graph: &Graph) -> f64 {
    let of = |n: &crate::graph::Node| match &n.op {
        Op::Linear(map) => n.shape.len() as f64 * map.chain() as f64,
        _ => n.shape.len() as f64,
    };
    graph.nodes().iter().map(of).sum()
}

/// A part of the box on which one conjunction may still hold: a domain for
/// each of its constraints.
#[derive(Clone, Debug)]
struct Part {
    conjunction: usize,
    domains: Vec<Domain>,
    /// climbs since the last split
    climbs: u32,
}

struct Shared<'a> {
    graph: &'a Graph,
    case: &'a Case,
    places: &'a Places,
    root: Root<'a>,
    /// per conjunction: first functional and their number
    ranges: Vec<(usize, usize)>,
    strict: Vec<bool>,
    limits: &'a Limits<'a>,
    batch: usize,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    stack: Vec<Part>,
    busy: usize,
    closed: usize,
    found: Option<Counterexample>,
    stuck: bool,
    stopped: bool,
    error: Option<Error>,
}

/// Decides one case.
pub(super) fn search(
    graph: &Graph,
    case: &Case,
    places: &Places,
    limits: &Limits<'_>,
    counters: &mut Counters,
) -> Result<Outcome, Error> {
    let (mut rows, mut strict, mut ranges) = (Vec::new(), Vec::new(), Vec::new());
    for conjunction in &case.violation {
        ranges.push((rows.len(), conjunction.constraints.len()));
        for c in &conjunction.constraints {
            strict.push(c.strict);
            rows.push(Functional {
                x: c.x.clone(),
                y: c.y.clone(),
                constant: c.constant.clone(),
            });
        }
    }
    let boxes = || {
        Boxes::from_shape_fn((1, places.lo.len()), |_, i| {
            Interval::or_entire(places.lo[i], places.hi[i])
        })
    };
    let excluded = |row: usize, lower: f64| {
        let slack = limits.slack(row);
        lower > slack || (strict[row] && slack == 0.0 && lower >= 0.0)
    };
    let open_of = |lower: &[f64]| -> Vec<usize> {
        (0..ranges.len())
            .filter(|&k| {
                let (first, count) = ranges[k];
                !(first..first + count).any(|r| excluded(r, lower[r]))
            })
            .collect()
    };
    let objective = Objective::new(rows);
    let stop = || limits.expired();
    let plain = Root::new(graph, boxes(), objective.clone(), None, &stop)?;
    counters.bounds.add(plain.counters);
    let open = open_of(&plain.lower);
    tracing::debug!(lower = ?plain.lower, open = open.len(), "plain bounds");
    if open.is_empty() {
        return Ok(Outcome::Verified);
    }
    if limits.expired() {
        return Ok(Outcome::Timeout);
    }
    let ascent = Ascent::default();
    // Climbing on every intermediate bound costs about as many passes again
    // per iteration and a half.
    let once = plain.counters.functionals as f64 * multiply_adds(graph);
    let affordable = (CLIMB_WORK / (2.5 * once.max(1.0))) as usize;
    let root = if affordable >= 2 {
        let ascent = Ascent {
            iterations: ascent.iterations.min(affordable),
            ..ascent
        };
        let root = Root::new(graph, boxes(), objective, Some(ascent), &stop)?;
        counters.bounds.add(root.counters);
        root
    } else {
        plain
    };
    let open = open_of(&root.lower);
    tracing::debug!(lower = ?root.lower, open = open.len(), "bounds with slopes");
    if open.is_empty() {
        return Ok(Outcome::Verified);
    }
    let effort = Effort {
        restarts: 64,
        steps: 60,
        seed: limits.seed.wrapping_add(1),
    };
    if let Some(found) = falsify(graph, case, places, &[], effort, &stop) {
        return Ok(Outcome::Falsified(Box::new(found)));
    }
    let widest = graph
        .nodes()
        .iter()
        .map(|n| n.shape.len())
        .max()
        .unwrap_or(1);
    let part = |k: usize| {
        let (first, count) = ranges[k];
        Part {
            conjunction: k,
            domains: (first..first + count)
                .map(|r| Domain::whole(r, root.lower[r]))
                .collect(),
            climbs: 0,
        }
    };
    let stack: Vec<Part> = open.iter().map(|&k| part(k)).collect();
    let shared = Shared {
        graph,
        case,
        places,
        root,
        ranges,
        strict,
        limits,
        batch: (BATCH_ELEMENTS / widest.max(1)).clamp(1, 64),
        state: Mutex::new(State {
            stack,
            ..State::default()
        }),
        wake: Condvar::new(),
    };
    let done = Mutex::new(Counters::default());
    std::thread::scope(|scope| {
        for _ in 1..limits.threads {
            scope.spawn(|| work(&shared, &done));
        }
        work(&shared, &done);
    });
    counters.add(*done.lock().unwrap_or_else(|e| e.into_inner()));
    let state = shared.state.into_inner().unwrap_or_else(|e| e.into_inner());
    match state {
        State { error: Some(e), .. } => Err(e),
        State { found: Some(c), .. } => Ok(Outcome::Falsified(Box::new(c))),
        State { stopped: true, .. } => Ok(Outcome::Timeout),
        State { stuck: true, .. } => Ok(Outcome::Unknown(Reason::Bound)),
        _ => Ok(Outcome::Verified),
    }
}

fn work(shared: &Shared<'_>, counters: &Mutex<Counters>) {
    while let Some(parts) = take(shared) {
        let count = parts.len();
        let outcome = process(shared, parts);
        counters.lock().unwrap_or_else(|e| e.into_inner()).domains += count as u64;
        let mut state = shared.state.lock().unwrap_or_else(|e| e.into_inner());
        state.busy -= 1;
        match outcome {
            Ok(Step::Found(c)) => state.found = Some(c),
            Ok(Step::Open(parts, closed, stuck)) => {
                state.stack.extend(parts);
                state.closed += closed;
                state.stuck |= stuck;
            }
            Err(error) => state.error = Some(error),
        }
        shared.wake.notify_all();
    }
}

/// The next batch, or `None` when all is done.
fn take(shared: &Shared<'_>) -> Option<Vec<Part>> {
    let mut state = shared.state.lock().unwrap_or_else(|e| e.into_inner());
    loop {
        if state.found.is_some() || state.error.is_some() || state.stopped || state.stuck {
            return None;
        }
        if shared.limits.expired() {
            state.stopped = true;
            shared.wake.notify_all();
            return None;
        }
        if !state.stack.is_empty() {
            let fair = state.stack.len().div_ceil(shared.limits.threads);
            let from = state.stack.len() - shared.batch.min(fair);
            let parts = state.stack.split_off(from);
            state.busy += 1;
            shared
                .limits
                .progress(state.stack.len() + parts.len(), state.closed);
            return Some(parts);
        }
        if state.busy == 0 {
            return None;
        }
        let waited = shared.wake.wait_timeout(state, super::PAUSE);
        state = waited.unwrap_or_else(|e| e.into_inner()).0;
    }
}

enum Step {
    Found(Counterexample),
    Open(Vec<Part>, usize, bool),
}

fn process(shared: &Shared<'_>, mut parts: Vec<Part>) -> Result<Step, Error> {
    let mut flat: Vec<Domain> = parts
        .iter_mut()
        .flat_map(|p| std::mem::take(&mut p.domains))
        .collect();
    let ascent = Ascent {
        iterations: 8,
        step: [0.1, 0.2],
        decay: 0.9,
    };
    let target = |functional: usize| {
        if shared.limits.expired() {
            f64::NEG_INFINITY
        } else {
            shared.limits.slack(functional)
        }
    };
    let bounds = shared.root.bound(&mut flat, ascent, &target, 1)?;
    let mut flat = flat.into_iter().zip(bounds);
    let mut open: Vec<(Part, Vec<DomainBounds>)> = Vec::new();
    let mut closed = 0;
    for part in parts {
        let count = shared.ranges[part.conjunction].1;
        let (domains, bounds): (Vec<Domain>, Vec<DomainBounds>) = flat.by_ref().take(count).unzip();
        let excluded = domains.iter().zip(&bounds).any(|(d, b)| {
            let slack = shared.limits.slack(d.functional);
            b.lower > slack || (shared.strict[d.functional] && slack == 0.0 && b.lower >= 0.0)
        });
        if excluded {
            closed += 1;
        } else {
            open.push((Part { domains, ..part }, bounds));
        }
    }
    if let Some(found) = check_points(shared, &open) {
        return Ok(Step::Found(found));
    }
    let mut children = Vec::new();
    let mut stuck = false;
    for (part, bounds) in open {
        match divide(shared, &part, &bounds) {
            Some(two) => children.extend(two),
            // Nothing left to split: the multipliers have not settled yet.
            None if part.climbs < MOST_CLIMBS => children.push(Part {
                climbs: part.climbs + 1,
                ..part
            }),
            None => stuck = true,
        }
    }
    Ok(Step::Open(children, closed, stuck))
}

/// Looks for a counterexample among the minimisers of open parts.
fn check_points(shared: &Shared<'_>, open: &[(Part, Vec<DomainBounds>)]) -> Option<Counterexample> {
    let points: Vec<&Vec<f64>> = open
        .iter()
        .flat_map(|(_, bounds)| bounds.iter().map(|b| &b.minimiser))
        .collect();
    if points.is_empty() {
        return None;
    }
    let n = shared.places.lo.len();
    let x = Array2::from_shape_fn((points.len(), n), |(s, i)| points[s][i]);
    let y = outputs(shared.graph, x);
    points.iter().enumerate().find_map(|(s, x)| {
        seems_violated(shared.case, x, &y.row(s).to_vec())
            .then(|| establish(shared.graph, shared.case, shared.places, x))
            .flatten()
    })
}

/// The two parts left and right of the split of the best candidate.
fn divide(shared: &Shared<'_>, part: &Part, bounds: &[DomainBounds]) -> Option<[Part; 2]> {
    let best = bounds.iter().max_by(|a, b| a.lower.total_cmp(&b.lower))?;
    let candidate = best
        .candidates
        .first()
        .or_else(|| bounds.iter().find_map(|b| b.candidates.first()))?;
    let mut halves = [Vec::new(), Vec::new()];
    for domain in &part.domains {
        let two = shared
            .root
            .split(domain, candidate.node, candidate.neuron)?;
        for (half, domain) in halves.iter_mut().zip(two) {
            half.push(domain);
        }
    }
    Some(halves.map(|domains| Part {
        conjunction: part.conjunction,
        domains,
        climbs: 0,
    }))
}
