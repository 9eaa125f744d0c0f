//! Branch and bound by splitting the input box: for inputs of few dimensions.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use ndarray::Array2;

use super::point::{Counterexample, Places, establish, estimate};
use super::{Counters, Error, Limits};
use crate::bounds::{BoxBounds, Boxed, Functional, Objective};
use crate::graph::{Evaluate, Graph, Pull, backward, forward};
use crate::rounding::{Boxes, Interval};
use crate::verify::{Case, Constraint, Query};

/// The least weight of an input in the choice of an axis, relative to the largest.
pub(super) const LEAST_WEIGHT: f64 = 0.3;

/// Mixtures of constraints tried.
const MIXTURES: usize = 24;

/// Steps of descent inside every open part.
const DESCENT: usize = 3;

/// Elements of the boxes in one batch, over all nodes.
const BATCH_ELEMENTS: usize = 1 << 16;

/// Lower and upper ends of one box.
type Ends = (Vec<f64>, Vec<f64>);

/// A part of a case's box that is still open.
#[derive(Clone, Debug)]
struct Part {
    case: usize,
    lo: Vec<f64>,
    hi: Vec<f64>,
    /// conjunctions of the case that may still hold somewhere
    open: Vec<usize>,
    /// how far the best point seen is from violating the case (an estimate)
    value: f64,
    /// boxes of nodes, inherited: one row each
    known: Option<Arc<Vec<Option<Ends>>>>,
}

/// What a search by input splitting ends with.
pub(super) enum Found {
    Verified,
    Falsified(Counterexample),
    /// parts that cannot be split any further remain
    Stuck,
    Stopped,
}

/// Rows of the objective by case and conjunction.
pub(super) struct Rows {
    pub objective: Objective,
    /// per case, per conjunction: first row and number of rows
    pub ranges: Vec<Vec<(usize, usize)>>,
    strict: Vec<bool>,
}

impl Rows {
    pub(super) fn new(query: &Query) -> Rows {
        let (mut rows, mut strict, mut ranges) = (Vec::new(), Vec::new(), Vec::new());
        for case in &query.cases {
            let mut of_case = Vec::new();
            for conjunction in &case.violation {
                of_case.push((rows.len(), conjunction.constraints.len()));
                for c in &conjunction.constraints {
                    strict.push(c.strict);
                    rows.push(Functional {
                        x: c.x.clone(),
                        y: c.y.clone(),
                        constant: c.constant.clone(),
                    });
                }
            }
            ranges.push(of_case);
        }
        Rows {
            objective: Objective::new(rows),
            ranges,
            strict,
        }
    }

    /// The constraint of a row cannot hold where its value is at least `lower`.
    pub(super) fn excluded(&self, row: usize, lower: f64, slack: f64) -> bool {
        lower > slack || (self.strict[row] && slack == 0.0 && lower >= 0.0)
    }
}

struct Shared<'a> {
    graph: &'a Graph,
    query: &'a Query,
    places: &'a [Places],
    boxed: Boxed<'a>,
    rows: Rows,
    limits: &'a Limits<'a>,
    batch: usize,
    inherit: bool,
    state: Mutex<State>,
    wake: Condvar,
    closed: AtomicUsize,
    counters: Mutex<Counters>,
}

struct State {
    stack: Vec<Part>,
    turn: usize,
    busy: usize,
    found: Option<Counterexample>,
    stuck: bool,
    stopped: bool,
    error: Option<Error>,
}

/// Decides the cases listed.
pub(super) fn search(
    graph: &Graph,
    query: &Query,
    places: &[Places],
    cases: &[usize],
    limits: &Limits<'_>,
    counters: &mut Counters,
) -> Result<Found, Error> {
    let elements: usize = graph.nodes().iter().map(|n| n.shape.len()).sum();
    let watched = elements.saturating_mul(2);
    let shared = Shared {
        graph,
        query,
        places,
        boxed: Boxed::new(graph)?,
        rows: Rows::new(query),
        limits,
        batch: (BATCH_ELEMENTS / elements.max(1)).clamp(1, 64),
        inherit: watched <= 1 << 16,
        state: Mutex::new(State {
            stack: cases
                .iter()
                .rev()
                .map(|&c| whole(query, places, c))
                .collect(),
            turn: 0,
            busy: 0,
            found: None,
            stuck: false,
            stopped: false,
            error: None,
        }),
        wake: Condvar::new(),
        closed: AtomicUsize::new(0),
        counters: Mutex::new(Counters::default()),
    };
    std::thread::scope(|scope| {
        for _ in 1..limits.threads {
            scope.spawn(|| work(&shared));
        }
        work(&shared);
    });
    counters.add(lock(&shared.counters));
    let state = shared.state.into_inner().unwrap_or_else(|e| e.into_inner());
    if let Some(error) = state.error {
        return Err(error);
    }
    Ok(match state {
        State { found: Some(c), .. } => Found::Falsified(c),
        State { stopped: true, .. } => Found::Stopped,
        State { stuck: true, .. } => Found::Stuck,
        _ => Found::Verified,
    })
}

fn whole(query: &Query, places: &[Places], case: usize) -> Part {
    Part {
        case,
        lo: places[case].lo.clone(),
        hi: places[case].hi.clone(),
        open: (0..query.cases[case].violation.len()).collect(),
        value: f64::INFINITY,
        known: None,
    }
}

fn lock<T: Clone>(mutex: &Mutex<T>) -> T {
    mutex.lock().unwrap_or_else(|e| e.into_inner()).clone()
}

fn work(shared: &Shared<'_>) {
    loop {
        let Some(parts) = take(shared) else { return };
        let outcome = process(shared, parts);
        let mut state = shared.state.lock().unwrap_or_else(|e| e.into_inner());
        state.busy -= 1;
        match outcome {
            Ok(Step::Found(c)) => state.found = Some(c),
            Ok(Step::Open(parts, stuck)) => {
                state.stack.extend(parts);
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
        if state.found.is_some() || state.error.is_some() || state.stopped {
            return None;
        }
        if shared.limits.expired() {
            state.stopped = true;
            shared.wake.notify_all();
            return None;
        }
        if !state.stack.is_empty() {
            // Leave some for the others while there is little.
            let fair = state.stack.len().div_ceil(shared.limits.threads);
            let count = shared.batch.min(fair);
            // Alternately the newest parts, which keeps the stack short, and
            // those nearest to a counterexample.
            state.turn += 1;
            if state.turn.is_multiple_of(2) && count < state.stack.len() {
                let nearest = state.stack.len() - count;
                let order = |a: &Part, b: &Part| b.value.total_cmp(&a.value);
                state.stack.select_nth_unstable_by(nearest, order);
            }
            let from = state.stack.len() - count;
            let parts = state.stack.split_off(from);
            state.busy += 1;
            let closed = shared.closed.load(Ordering::Relaxed);
            shared.limits.progress(state.stack.len() + count, closed);
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
    Open(Vec<Part>, bool),
}

fn process(shared: &Shared<'_>, parts: Vec<Part>) -> Result<Step, Error> {
    let n = shared.query.inputs;
    let boxes = Boxes::from_shape_fn((parts.len(), n), |d, i| {
        Interval::or_entire(parts[d].lo[i], parts[d].hi[i])
    });
    let mut asked = Vec::new();
    for (d, part) in parts.iter().enumerate() {
        for &k in &part.open {
            let (first, count) = shared.rows.ranges[part.case][k];
            asked.extend((first..first + count).map(|r| (d, r)));
        }
    }
    let stop = || shared.limits.expired();
    let known = gather(shared, &parts);
    let bounds = shared.boxed.bound(
        boxes.clone(),
        known.as_deref(),
        &shared.rows.objective,
        &asked,
        &stop,
    )?;
    {
        let mut counters = shared.counters.lock().unwrap_or_else(|e| e.into_inner());
        counters.bounds.add(bounds.counters);
        counters.domains += parts.len() as u64;
    }
    let mut open = Vec::new();
    let mut points: Vec<Point> = Vec::new();
    let mut at = 0;
    for (d, part) in parts.iter().enumerate() {
        let mut left = Vec::new();
        let mut score = vec![0.0f64; n];
        let mut point: Option<Vec<f64>> = None;
        for &k in &part.open {
            let (first, count) = shared.rows.ranges[part.case][k];
            let rows = at..at + count;
            at += count;
            let slack = |r: usize| shared.limits.slack(first + r);
            let excluded = rows
                .clone()
                .zip(0..)
                .any(|(a, r)| shared.rows.excluded(first + r, bounds.lower[a], slack(r)));
            let slack_of_all = (0..count).map(slack).fold(0.0, f64::max);
            if excluded || together(&bounds, &boxes, d, rows.clone(), slack_of_all).is_some() {
                continue;
            }
            left.push(k);
            let best = rows.max_by(|&a, &b| bounds.lower[a].total_cmp(&bounds.lower[b]));
            if let Some(best) = best {
                let row = bounds.functionals.row(best);
                // An input without a coefficient still widens the relaxations.
                let least = LEAST_WEIGHT * row.iter().fold(0.0f64, |m, a| m.max(a.abs()));
                for (i, a) in row.iter().enumerate() {
                    score[i] += a.abs().max(least) * (part.hi[i] - part.lo[i]);
                }
                point.get_or_insert_with(|| {
                    let corner =
                        |(i, &a): (usize, &f64)| if a >= 0.0 { part.lo[i] } else { part.hi[i] };
                    row.iter().enumerate().map(corner).collect()
                });
            }
        }
        if left.is_empty() {
            shared.closed.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        if let Some(x) = point {
            let centre = part.lo.iter().zip(&part.hi).map(|(l, h)| 0.5 * l + 0.5 * h);
            let (part, conjunction) = (d, left[0]);
            points.push(Point {
                part,
                conjunction,
                x: centre.collect(),
            });
            points.push(Point {
                part,
                conjunction,
                x,
            });
        }
        open.push((d, left, score));
    }
    let mut parts = parts;
    if let Some(found) = descend(shared, &mut parts, points) {
        return Ok(Step::Found(found));
    }
    let mut children = Vec::new();
    let mut stuck = false;
    for (d, left, score) in open {
        match divide(shared, &parts[d], left, &score, &bounds, d) {
            Some(two) => children.extend(two),
            None => stuck = true,
        }
    }
    Ok(Step::Open(children, stuck))
}

/// Weights of a mixture of several constraints that cannot be met, if some are
/// found: they climb by multiplicative updates along the minimiser of their mixture.
pub(super) fn together(
    bounds: &BoxBounds,
    boxes: &Boxes,
    d: usize,
    rows: Range<usize>,
    slack: f64,
) -> Option<Vec<f64>> {
    let (count, n) = (rows.len(), boxes.dim().1);
    if count < 2 || rows.clone().any(|r| !bounds.constants[r].is_finite()) {
        return None;
    }
    let mut weights = vec![1.0 / count as f64; count];
    let mut best = (f64::NEG_INFINITY, weights.clone());
    for step in 0..MIXTURES {
        let mut value = vec![0.0; count];
        for (v, r) in value.iter_mut().zip(rows.clone()) {
            *v = bounds.constants[r];
        }
        for i in 0..n {
            let at = |r: usize| bounds.functionals[[r, i]];
            let slope: f64 = rows.clone().zip(&weights).map(|(r, w)| w * at(r)).sum();
            let x = if slope >= 0.0 {
                boxes.lo()[[d, i]]
            } else {
                boxes.hi()[[d, i]]
            };
            for (v, r) in value.iter_mut().zip(rows.clone()) {
                *v += at(r) * x;
            }
        }
        let mixture: f64 = weights.iter().zip(&value).map(|(w, v)| w * v).sum();
        if mixture > best.0 {
            best = (mixture, weights.clone());
        }
        if mixture > slack {
            break;
        }
        // At one point every constraint is met: no weights help.
        if value.iter().all(|&v| v <= 0.0) {
            return None;
        }
        let scale = value.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        let length = 2.0 / (1.0 + step as f64).sqrt();
        for (w, v) in weights.iter_mut().zip(&value) {
            *w *= (length * v / scale.max(f64::MIN_POSITIVE)).exp();
        }
        let total: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|w| *w /= total);
    }
    let (value, weights) = best;
    let shown = value > slack && bounds.combined(boxes, d, rows, &weights) > slack;
    shown.then_some(weights)
}

/// The inherited boxes of a batch, if every part has them.
fn gather(shared: &Shared<'_>, parts: &[Part]) -> Option<Vec<Option<Boxes>>> {
    if !shared.inherit || parts.iter().any(|p| p.known.is_none()) {
        return None;
    }
    let nodes = parts[0].known.as_ref()?.len();
    let of = |node: usize| -> Option<Boxes> {
        let rows: Option<Vec<&Ends>> = parts
            .iter()
            .map(|p| p.known.as_ref().and_then(|k| k[node].as_ref()))
            .collect();
        let rows = rows?;
        Some(Boxes::from_shape_fn(
            (rows.len(), rows[0].0.len()),
            |d, i| Interval::or_entire(rows[d].0[i], rows[d].1[i]),
        ))
    };
    Some((0..nodes).map(of).collect())
}

/// A point of an open part, and the conjunction it should satisfy.
struct Point {
    part: usize,
    conjunction: usize,
    x: Vec<f64>,
}

/// Looks for a counterexample from the points by a few steps of descent inside
/// their parts, which learn how near they came.
fn descend(
    shared: &Shared<'_>,
    parts: &mut [Part],
    mut points: Vec<Point>,
) -> Option<Counterexample> {
    if points.is_empty() {
        return None;
    }
    for part in parts.iter_mut() {
        part.value = f64::INFINITY;
    }
    let (n, m) = (shared.query.inputs, shared.query.outputs);
    let graph = shared.graph;
    let batch = points.len();
    for step in 0..=DESCENT {
        let x = Array2::from_shape_fn((batch, n), |(s, i)| points[s].x[i]);
        let values = forward(graph, &mut Evaluate { batch }, vec![x]);
        let y = &values[graph.output().index()];
        let mut seed = Array2::zeros((batch, m));
        let mut direct = Array2::zeros((batch, n));
        for (s, point) in points.iter().enumerate() {
            let part = &mut parts[point.part];
            let case: &Case = &shared.query.cases[part.case];
            let y = y.row(s).to_vec();
            let constraints = &case.violation[point.conjunction].constraints;
            let of = |c: &Constraint| estimate(c, &point.x, &y);
            let Some(worst) = constraints.iter().max_by(|a, b| of(a).total_cmp(&of(b))) else {
                continue;
            };
            let value = of(worst);
            part.value = part.value.min(value);
            if value <= 0.0
                && let Some(found) = establish(graph, case, &shared.places[part.case], &point.x)
            {
                return Some(found);
            }
            worst.y.iter().for_each(|(j, b)| seed[[s, *j]] = b.to_f64());
            worst
                .x
                .iter()
                .for_each(|(i, a)| direct[[s, *i]] = a.to_f64());
        }
        if step == DESCENT {
            return None;
        }
        let pulled = backward(graph, &mut Pull { values: &values }, graph.output(), seed);
        let gradient = match pulled.into_iter().next().flatten() {
            Some(g) => g + direct,
            None => direct,
        };
        let length = 0.5f64.powi(step as i32 + 1);
        for (s, point) in points.iter_mut().enumerate() {
            let part = &parts[point.part];
            for (i, x) in point.x.iter_mut().enumerate() {
                let (lo, hi) = (part.lo[i], part.hi[i]);
                let g = gradient[[s, i]];
                if g != 0.0 && hi > lo {
                    *x = (*x - length * g.signum() * (hi - lo)).clamp(lo, hi);
                }
            }
        }
    }
    None
}

/// The two halves along the axis that matters most.
fn divide(
    shared: &Shared<'_>,
    part: &Part,
    open: Vec<usize>,
    score: &[f64],
    bounds: &BoxBounds,
    row: usize,
) -> Option<[Part; 2]> {
    let splits = |i: usize| {
        let mid = 0.5 * part.lo[i] + 0.5 * part.hi[i];
        part.lo[i] < mid && mid < part.hi[i]
    };
    let widest = |a: &usize, b: &usize| {
        let width = |i: usize| part.hi[i] - part.lo[i];
        let key = |i: usize| {
            if score[i].is_finite() {
                score[i]
            } else {
                width(i)
            }
        };
        key(*a)
            .total_cmp(&key(*b))
            .then(width(*a).total_cmp(&width(*b)))
    };
    let axis = (0..part.lo.len()).filter(|&i| splits(i)).max_by(widest)?;
    let mid = 0.5 * part.lo[axis] + 0.5 * part.hi[axis];
    let known = shared.inherit.then(|| {
        let of = |b: &Boxes| (b.lo().row(row).to_vec(), b.hi().row(row).to_vec());
        let all = bounds.known.iter().map(|b| b.as_ref().map(of)).collect();
        Arc::new(all)
    });
    let half = |upper: bool| {
        let mut half = Part {
            open: open.clone(),
            known: known.clone(),
            ..part.clone()
        };
        if upper {
            half.lo[axis] = mid;
        } else {
            half.hi[axis] = mid;
        }
        half
    };
    Some([half(false), half(true)])
}
