//! Search for counterexamples: projected gradient descent on the constraints.

use ndarray::Array2;

use super::point::{Counterexample, Places, establish, estimate, seems_violated};
use crate::exec::random::uniform;
use crate::graph::{Evaluate, Graph, Pull, backward, forward};
use crate::verify::{Case, Conjunction};

/// How much to try.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    pub restarts: usize,
    pub steps: usize,
    pub seed: u64,
}

/// A counterexample to one case, from random starts and `starts`.
pub(super) fn falsify(
    graph: &Graph,
    case: &Case,
    places: &Places,
    starts: &[Vec<f64>],
    effort: Effort,
    stop: &dyn Fn() -> bool,
) -> Option<Counterexample> {
    for (k, conjunction) in case.violation.iter().enumerate() {
        let x = begin(places, starts, effort, k);
        if let Some(found) = descend(graph, case, places, conjunction, x, effort, stop) {
            return Some(found);
        }
        if stop() {
            return None;
        }
    }
    None
}

/// The first points, (restarts, inputs): the centre, given ones, random ones.
fn begin(places: &Places, starts: &[Vec<f64>], effort: Effort, stream: usize) -> Array2<f64> {
    let n = places.lo.len();
    let count = effort.restarts.max(1 + starts.len());
    Array2::from_shape_fn((count, n), |(s, i)| {
        let (lo, hi) = (places.lo[i], places.hi[i]);
        if s == 0 {
            0.5 * lo + 0.5 * hi
        } else if let Some(start) = starts.get(s - 1) {
            start[i].clamp(lo, hi)
        } else {
            let (a, b) = (effort.seed as u32, stream as u32);
            let t = f64::from(uniform(a, b, s as u32, i as u32));
            // Half of the starts are corners, where piecewise linear functions
            // have their extrema.
            let t = if s % 2 == 0 { t.round() } else { t };
            lo + t * (hi - lo)
        }
    })
}

fn descend(
    graph: &Graph,
    case: &Case,
    places: &Places,
    conjunction: &Conjunction,
    mut x: Array2<f64>,
    effort: Effort,
    stop: &dyn Fn() -> bool,
) -> Option<Counterexample> {
    let (batch, n) = x.dim();
    let m = graph.output_shape().len();
    let output = graph.output();
    for step in 0..=effort.steps {
        let values = forward(graph, &mut Evaluate { batch }, vec![x.clone()]);
        let y = &values[output.index()];
        let mut seed = Array2::zeros((batch, m));
        let mut direct = Array2::zeros((batch, n));
        for s in 0..batch {
            let (xs, ys) = (x.row(s).to_vec(), y.row(s).to_vec());
            if seems_violated(case, &xs, &ys)
                && let Some(found) = establish(graph, case, places, &xs)
            {
                return Some(found);
            }
            // The constraint that is violated least decides.
            let worst = conjunction
                .constraints
                .iter()
                .max_by(|a, b| estimate(a, &xs, &ys).total_cmp(&estimate(b, &xs, &ys)));
            if let Some(c) = worst {
                c.y.iter().for_each(|(j, b)| seed[[s, *j]] = b.to_f64());
                c.x.iter().for_each(|(i, a)| direct[[s, *i]] = a.to_f64());
            }
        }
        if step == effort.steps || stop() {
            return None;
        }
        let pulled = backward(graph, &mut Pull { values: &values }, output, seed);
        let gradient = match pulled.into_iter().next().flatten() {
            Some(g) => g + direct,
            None => direct,
        };
        // Steps shrink from half of the box to a hundredth.
        let t = step as f64 / effort.steps.max(1) as f64;
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
