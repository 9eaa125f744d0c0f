//! Short descents towards a counterexample inside the parts of a box.

use std::sync::Mutex;

use ndarray::{Array2, Axis};

use super::falsify::Patience;
use super::point::{Counterexample, Places, establish, estimate};
use crate::graph::{Evaluate, Graph, Pull, backward, forward};
use crate::verify::{Constraint, Query};

/// Steps of a descent.
const STEPS: usize = 3;

/// One point in so many descends: those nearest to a counterexample.
const ONE_IN: usize = 8;

/// A point of a part, and the conjunction it should satisfy.
#[derive(Clone, Debug)]
pub(super) struct Point<'p> {
    pub part: usize,
    pub case: usize,
    pub conjunction: usize,
    pub lo: &'p [f64],
    pub hi: &'p [f64],
    pub x: Vec<f64>,
}

/// Evaluates the points, and from the nearest ones takes a few steps of
/// descent inside their parts; `near(part, distance)` hears how far they were.
pub(super) fn descend(
    graph: &Graph,
    query: &Query,
    places: &[Places],
    mut points: Vec<Point<'_>>,
    patience: &Mutex<Patience>,
    mut near: impl FnMut(usize, f64),
) -> Option<Counterexample> {
    for step in 0..=STEPS {
        let batch = points.len();
        if batch == 0 {
            return None;
        }
        let (n, m) = (query.inputs, query.outputs);
        let x = Array2::from_shape_fn((batch, n), |(s, i)| points[s].x[i]);
        let mut values = forward(graph, &mut Evaluate { batch }, vec![x]);
        let y = &values[graph.output().index()];
        let mut worst: Vec<(f64, Option<&Constraint>)> = Vec::with_capacity(batch);
        for (point, y) in points.iter().zip(y.rows()) {
            let case = &query.cases[point.case];
            let y = y.to_vec();
            let of = |c| (estimate(c, &point.x, &y), Some(c));
            let all = case.violation[point.conjunction].constraints.iter().map(of);
            let of_point = all.max_by(|a, b| a.0.total_cmp(&b.0));
            let (distance, constraint) = of_point.unwrap_or((f64::NEG_INFINITY, None));
            near(point.part, distance);
            if distance <= 0.0
                && patience
                    .lock()
                    .unwrap_or_else(|e| e.into_inner())
                    .check(distance)
                && let Some(found) = establish(graph, case, &places[point.case], &point.x)
            {
                return Some(found);
            }
            worst.push((distance, constraint));
        }
        if step == STEPS {
            return None;
        }
        if step == 0 {
            let mut order: Vec<usize> = (0..batch).collect();
            order.sort_by(|&a, &b| worst[a].0.total_cmp(&worst[b].0));
            order.truncate(batch.div_ceil(ONE_IN));
            points = order.iter().map(|&s| points[s].clone()).collect();
            worst = order.iter().map(|&s| worst[s]).collect();
            values = values.iter().map(|v| v.select(Axis(0), &order)).collect();
        }
        let batch = points.len();
        let mut seed = Array2::zeros((batch, m));
        let mut direct = Array2::zeros((batch, n));
        for (s, (_, constraint)) in worst.iter().enumerate() {
            let Some(c) = constraint else { continue };
            c.y.iter().for_each(|(j, b)| seed[[s, *j]] = b.to_f64());
            c.x.iter().for_each(|(i, a)| direct[[s, *i]] = a.to_f64());
        }
        let pulled = backward(graph, &mut Pull { values: &values }, graph.output(), seed);
        let gradient = match pulled.into_iter().next().flatten() {
            Some(g) => g + direct,
            None => direct,
        };
        let length = 0.5f64.powi(step as i32 + 1);
        for (s, point) in points.iter_mut().enumerate() {
            for (i, x) in point.x.iter_mut().enumerate() {
                let (lo, hi) = (point.lo[i], point.hi[i]);
                let g = gradient[[s, i]];
                if g != 0.0 && hi > lo {
                    *x = (*x - length * g.signum() * (hi - lo)).clamp(lo, hi);
                }
            }
        }
    }
    None
}
