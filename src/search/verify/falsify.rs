//! Search for counterexamples: projected gradient descent on the constraints.

use ndarray::{Array2, s};
use rayon::prelude::*;

use super::point::{Counterexample, Places, establish, estimate};
use crate::exec::random::uniform;
use crate::graph::{Evaluate, Graph, Pull, backward, forward};
use crate::verify::{Case, Conjunction, Constraint};

/// Multiply-adds of one step of one descent, at most: the clock is read between.
const STEP_WORK: f64 = 5e8;

/// How much to try.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    pub restarts: usize,
    pub steps: usize,
    pub seed: u64,
}

/// A counterexample to one case, from random starts and `starts`. The descents
/// are shared among the threads of the current pool; the first that succeeds in
/// their order is returned, whatever the number of threads.
pub(super) fn falsify(
    graph: &Graph,
    case: &Case,
    places: &Places,
    starts: &[Vec<f64>],
    effort: Effort,
    stop: &(dyn Fn() -> bool + Sync),
) -> Option<Counterexample> {
    if case.violation.is_empty() {
        return None;
    }
    let x = begin(places, starts, effort);
    // Forward and backward.
    let work = 2.0 * super::multiply_adds(graph);
    let rows = ((STEP_WORK / work.max(1.0)) as usize).clamp(1, 8);
    let first: Vec<usize> = (0..x.nrows()).step_by(rows).collect();
    first.into_par_iter().find_map_first(|first| {
        let end = (first + rows).min(x.nrows());
        let x = x.slice(s![first..end, ..]).to_owned();
        descend(graph, case, places, x, first, effort.steps, stop)
    })
}

/// The first points, (restarts, inputs): the centre, given ones, random ones.
fn begin(places: &Places, starts: &[Vec<f64>], effort: Effort) -> Array2<f64> {
    let n = places.lo.len();
    let count = effort.restarts.max(1 + starts.len());
    Array2::from_shape_fn((count, n), |(s, i)| {
        let (lo, hi) = (places.lo[i], places.hi[i]);
        if s == 0 {
            0.5 * lo + 0.5 * hi
        } else if let Some(start) = starts.get(s - 1) {
            start[i].clamp(lo, hi)
        } else {
            let t = f64::from(uniform(effort.seed as u32, 0, s as u32, i as u32));
            // Half of the starts are corners, where piecewise linear functions
            // have their extrema.
            let t = if s % 2 == 0 { t.round() } else { t };
            lo + t * (hi - lo)
        }
    })
}

/// Which candidates deserve an exact check, which costs many evaluations: after
/// a failure only those that violate by twice as much, and a few others.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Patience {
    failed: Option<f64>,
    passed_over: usize,
}

impl Patience {
    /// Whether to check a candidate this far from a violation (so not positive).
    pub(super) fn check(&mut self, distance: f64) -> bool {
        const A_FEW: usize = 32;
        if distance > 0.0 {
            return false;
        }
        let worth = self.failed.is_none_or(|f| distance < 2.0 * f);
        if worth || self.passed_over == A_FEW {
            *self = Patience {
                failed: Some(self.failed.map_or(distance, |f| f.min(distance))),
                passed_over: 0,
            };
            return true;
        }
        self.passed_over += 1;
        false
    }
}

/// How far a conjunction is from being satisfied, and by which constraint.
fn farthest<'c>(
    conjunction: &'c Conjunction,
    x: &[f64],
    y: &[f64],
) -> Option<(f64, &'c Constraint)> {
    let of = |c: &'c Constraint| (estimate(c, x, y), c);
    let all = conjunction.constraints.iter().map(of);
    all.max_by(|a, b| a.0.total_cmp(&b.0))
}

/// Descends from the rows of `x`, restarts `first` and on. Every other restart
/// goes for the conjunction that is nearest at each step, the rest for one
/// each, the nearest at the start first.
fn descend(
    graph: &Graph,
    case: &Case,
    places: &Places,
    mut x: Array2<f64>,
    first: usize,
    steps: usize,
    stop: &dyn Fn() -> bool,
) -> Option<Counterexample> {
    let (batch, n) = x.dim();
    let m = graph.output_shape().len();
    let output = graph.output();
    let mut goals: Vec<Option<usize>> = Vec::new();
    let mut patience = Patience::default();
    for step in 0..=steps {
        if stop() {
            return None;
        }
        let values = forward(graph, &mut Evaluate { batch }, vec![x.clone()]);
        let y = &values[output.index()];
        let mut seed = Array2::zeros((batch, m));
        let mut direct = Array2::zeros((batch, n));
        let mut met: Vec<(f64, usize)> = Vec::new();
        for s in 0..batch {
            let (xs, ys) = (x.row(s).to_vec(), y.row(s).to_vec());
            let of = |k: usize| (k, farthest(&case.violation[k], &xs, &ys));
            let mut ranked: Vec<_> = (0..case.violation.len()).map(of).collect();
            ranked.sort_by(|a, b| {
                let distance = |t: &Option<(f64, _)>| t.map_or(f64::NEG_INFINITY, |t| t.0);
                distance(&a.1).total_cmp(&distance(&b.1))
            });
            if goals.len() == s {
                let own = (first + s) / 2 % ranked.len();
                goals.push((!(first + s).is_multiple_of(2)).then(|| ranked[own].0));
            }
            let nearest = ranked[0].1.map_or(0.0, |t| t.0);
            if nearest <= 0.0 {
                met.push((nearest, s));
            }
            let goal = ranked.iter().find(|r| goals[s].is_none_or(|k| k == r.0));
            if let Some((_, Some((_, c)))) = goal {
                c.y.iter().for_each(|(j, b)| seed[[s, *j]] = b.to_f64());
                c.x.iter().for_each(|(i, a)| direct[[s, *i]] = a.to_f64());
            }
        }
        met.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (distance, s) in met {
            if patience.check(distance)
                && let Some(found) = establish(graph, case, places, &x.row(s).to_vec())
            {
                return Some(found);
            }
        }
        if step == steps {
            return None;
        }
        let pulled = backward(graph, &mut Pull { values: &values }, output, seed);
        let gradient = match pulled.into_iter().next().flatten() {
            Some(g) => g + direct,
            None => direct,
        };
        // Steps shrink from half of the box to a hundredth.
        let t = step as f64 / steps.max(1) as f64;
        let length = 0.5 * (0.02f64).powf(t);
        for ((s, i), x) in x.indexed_iter_mut() {
            let (lo, hi) = (places.lo[i], places.hi[i]);
            let g = gradient[[s, i]];
            if g != 0.0 && hi > lo {
                *x = (*x - length * g.signum() * (hi - lo)).clamp(lo, hi);
            }
        }
    }
    None
}
