//! Branch and bound by splitting neurons: for inputs of many dimensions.

use std::sync::atomic::{AtomicU64, Ordering};

use ndarray::Array2;

use super::falsify::{Effort, falsify};
use super::frontier::{self, Order, Step, explore};
use super::point::{Counterexample, Places, establish, outputs, seems_violated};
use super::{Counters, Error, Limits, Outcome};
use crate::bounds::{Ascent, Candidate, Domain, DomainBounds, Functional, Objective, Root};
use crate::graph::Graph;
use crate::rounding::{Boxes, Interval};
use crate::verify::Case;

/// Elements of the cotangents of one batch, at the widest node.
const BATCH_ELEMENTS: usize = 1 << 15;

/// Neurons tried before one is split.
const BRANCHES: usize = 4;

/// Climbs of a part that has no neuron left to split.
const MOST_CLIMBS: u32 = 20;

/// Multiply-adds spent on the slopes of intermediate bounds.
const CLIMB_WORK: f64 = 1e11;

/// A part of the box on which one conjunction may still hold: a domain for
/// each of its constraints.
#[derive(Clone, Debug)]
struct Part {
    conjunction: usize,
    domains: Vec<Domain>,
    /// climbs since the last split
    climbs: u32,
}

impl frontier::Part for Part {
    fn bound(&self) -> f64 {
        // The constraints hold together or not at all.
        let lower = self.domains.iter().map(|d| d.lower);
        lower.fold(f64::NEG_INFINITY, f64::max)
    }

    fn distance(&self) -> f64 {
        self.bound()
    }

    fn bytes(&self) -> usize {
        self.domains.iter().map(Domain::bytes).sum()
    }

    fn shed(&mut self) {
        self.domains.iter_mut().for_each(Domain::shed);
    }
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
    let once = plain.counters.functionals as f64 * super::multiply_adds(graph);
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
    };
    let batch = (BATCH_ELEMENTS / widest.max(1)).clamp(1, 64);
    let domains = AtomicU64::new(0);
    let process = |parts: Vec<Part>| {
        domains.fetch_add(parts.len() as u64, Ordering::Relaxed);
        process(&shared, parts)
    };
    let end = explore(stack, batch, Order::Newest, limits, &process)?;
    counters.domains += domains.into_inner();
    Ok(end.into())
}

fn process(shared: &Shared<'_>, mut parts: Vec<Part>) -> Result<Step<Part>, Error> {
    let mut flat: Vec<Domain> = parts
        .iter_mut()
        .flat_map(|p| std::mem::take(&mut p.domains))
        .collect();
    let ascent = Ascent {
        iterations: 6,
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
    let bounds = shared.root.bound(&mut flat, ascent, &target, BRANCHES)?;
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
    let found = check_points(shared, &open);
    let mut children = Vec::new();
    let mut stuck = false;
    let chosen = choose(shared, &open)?;
    for ((part, _), chosen) in open.into_iter().zip(chosen) {
        match chosen.and_then(|c| divide(shared, &part, c)) {
            Some(two) => children.extend(two),
            // Nothing left to split: the multipliers have not settled yet.
            None if part.climbs < MOST_CLIMBS => children.push(Part {
                climbs: part.climbs + 1,
                ..part
            }),
            None => stuck = true,
        }
    }
    Ok(Step {
        open: children,
        closed,
        stuck,
        found,
    })
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

/// For every part the neuron to split: of the candidates of its best constraint
/// the one whose worse half is bounded best, in one pass without a climb.
///
/// References: De Palma et al., *Improved branch and bound for neural network
/// verification via Lagrangian decomposition* (2021), section 5 (filtered smart
/// branching).
fn choose(
    shared: &Shared<'_>,
    open: &[(Part, Vec<DomainBounds>)],
) -> Result<Vec<Option<Candidate>>, Error> {
    let mut trials: Vec<Domain> = Vec::new();
    let candidates: Vec<&[Candidate]> = open
        .iter()
        .map(|(part, bounds)| {
            let lower = |k: &usize| bounds[*k].lower;
            let mut by_bound: Vec<usize> = (0..bounds.len()).collect();
            by_bound.sort_by(|a, b| lower(b).total_cmp(&lower(a)));
            let best = by_bound
                .into_iter()
                .find(|&k| !bounds[k].candidates.is_empty());
            let Some(best) = best else {
                return &[][..];
            };
            let candidates = &bounds[best].candidates[..];
            if candidates.len() > 1 {
                let split =
                    |c: &Candidate| shared.root.split(&part.domains[best], c.node, c.neuron);
                trials.extend(candidates.iter().filter_map(split).flatten());
            }
            candidates
        })
        .collect();
    let once = Ascent {
        iterations: 1,
        step: [0.0, 0.0],
        decay: 1.0,
    };
    let bounds = shared
        .root
        .bound(&mut trials, once, &|_| f64::INFINITY, 0)?;
    let mut bounds = bounds.chunks_exact(2);
    let mut chosen = Vec::new();
    for ((part, _), candidates) in open.iter().zip(candidates) {
        if candidates.len() < 2 {
            chosen.push(candidates.first().copied());
            continue;
        }
        let mut best: Option<(f64, f64, Candidate)> = None;
        for &c in candidates {
            let splits = part
                .domains
                .first()
                .and_then(|d| shared.root.split(d, c.node, c.neuron));
            let Some(halves) = splits.and_then(|_| bounds.next()) else {
                continue;
            };
            let (a, b) = (halves[0].lower.min(0.0), halves[1].lower.min(0.0));
            let key = (a.min(b), a.max(b));
            if best.is_none_or(|(x, y, _)| key > (x, y)) {
                best = Some((key.0, key.1, c));
            }
        }
        chosen.push(best.map(|b| b.2));
    }
    Ok(chosen)
}

/// The two parts left and right of the split of a neuron.
fn divide(shared: &Shared<'_>, part: &Part, at: Candidate) -> Option<[Part; 2]> {
    let mut halves = [Vec::new(), Vec::new()];
    for domain in &part.domains {
        let two = shared.root.split(domain, at.node, at.neuron)?;
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
