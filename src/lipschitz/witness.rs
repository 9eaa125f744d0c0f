//! Lower bounds: a pair of binary32 points whose difference quotient is
//! enclosed from below. The search is untrusted; the pair is its own proof.

use ndarray::{Array1, Array2, ArrayView2};
use serde::Serialize;

use super::Domain;
use super::local::pass_work;
use super::quotient::quotient;
use crate::exec::random::uniform;
use crate::graph::{Evaluate, Graph, Pull, backward, forward};
use crate::rounding::Interval;
use crate::verify::Norm;

/// Multiply-adds spent on the search.
const WORK_LIMIT: f64 = 4e9;

/// Ascent steps at most.
const STEPS: usize = 24;

/// `‖f(x) - f(y)‖ >= value · ‖x - y‖`, re-evaluated with outward rounding at the
/// two points; evidence `witness`, semantics `discrete`. It holds for every
/// matrix that a layer's uncertainty allows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Witness {
    /// the quotient, rounded down
    pub value: f64,
    /// one point
    pub x: Vec<f32>,
    /// the other
    pub y: Vec<f32>,
}

/// The Jacobian at `x` in plain arithmetic, shape (out, in).
fn estimate_jacobian(graph: &Graph, x: &Array1<f64>) -> Array2<f64> {
    let input = x.clone().insert_axis(ndarray::Axis(0));
    let values = forward(graph, &mut Evaluate { batch: 1 }, vec![input]);
    let m = graph.output_shape().len();
    let mut pull = Pull { values: &values };
    let pulled = backward(graph, &mut pull, graph.output(), Array2::eye(m));
    pulled
        .into_iter()
        .next()
        .flatten()
        .unwrap_or_else(|| Array2::zeros((m, x.len())))
}

/// Index of the largest value; NaN never wins.
fn argmax(values: impl Iterator<Item = f64>) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for (i, v) in values.enumerate() {
        if v > best.1 {
            best = (i, v);
        }
    }
    best.0
}

/// Unit directions `(v, u)` with `u · J v` near `‖J‖_p`, and that value.
fn extreme(j: ArrayView2<'_, f64>, norm: Norm) -> (Array1<f64>, Array1<f64>, f64) {
    let (m, n) = j.dim();
    let sign = |v: f64| if v < 0.0 { -1.0 } else { 1.0 };
    let (v, u) = match norm {
        Norm::L1 => {
            let k = argmax(
                j.columns()
                    .into_iter()
                    .map(|c| c.iter().map(|v| v.abs()).sum()),
            );
            let mut v = Array1::zeros(n);
            v[k] = 1.0;
            (v, j.column(k).mapv(sign))
        }
        Norm::Linf => {
            let k = argmax(
                j.rows()
                    .into_iter()
                    .map(|r| r.iter().map(|v| v.abs()).sum()),
            );
            let mut u = Array1::zeros(m);
            u[k] = 1.0;
            (j.row(k).mapv(sign), u)
        }
        Norm::L2 => {
            let mut v = Array1::from_shape_fn(n, |i| f64::from(uniform(3, 0, 0, i as u32)) - 0.4);
            for _ in 0..60 {
                let w = j.t().dot(&j.dot(&v));
                let length = w.dot(&w).sqrt();
                if !(length > 0.0 && length.is_finite()) {
                    break;
                }
                v = w / length;
            }
            let length = v.dot(&v).sqrt();
            let v = v / if length > 0.0 { length } else { 1.0 };
            let u = j.dot(&v);
            let length = u.dot(&u).sqrt();
            (v, u / if length > 0.0 { length } else { 1.0 })
        }
    };
    let value = u.dot(&j.dot(&v));
    (v, u, value)
}

/// The binary32 number next to `v` inside `[lo, hi]`, if there is one.
fn inside(v: f64, lo: f64, hi: f64) -> Option<f32> {
    let mut x = v.clamp(lo, hi) as f32;
    if f64::from(x) < lo {
        x = x.next_up();
    }
    if f64::from(x) > hi {
        x = x.next_down();
    }
    (lo <= f64::from(x) && f64::from(x) <= hi && x.is_finite()).then_some(x)
}

/// A point, the extreme directions `v` and `u` of its Jacobian, and `u · J v`.
type Ascent = (Array1<f64>, Array1<f64>, Array1<f64>, f64);

/// Searches `domain` for a pair with a large difference quotient: ascent on the
/// Jacobian's norm by the gradient of `u · J(x) v` (central differences of the
/// vector–Jacobian product) and random steps, then pairs along the extreme
/// direction at several distances. `None` if the domain holds no two binary32
/// points.
pub(super) fn search(graph: &Graph, norm: Norm, domain: &Domain) -> Option<Witness> {
    let n = graph.input_shape(0).len();
    let (lo, hi) = match domain {
        // Differences far out would be lost to rounding; any pair is a witness.
        Domain::Everywhere => (vec![-4.0; n], vec![4.0; n]),
        Domain::Box { lo, hi } => (lo.clone(), hi.clone()),
    };
    let (lo, hi) = (Array1::from(lo), Array1::from(hi));
    let clamp = |x: Array1<f64>| {
        let mut x = x;
        for i in 0..n {
            x[i] = x[i].clamp(lo[i], hi[i]);
        }
        x
    };
    let wide = |x: f64| x.clamp(-1e6, 1e6);
    let draw = |restart: u32, i: usize| {
        let t = f64::from(uniform(11, 0, restart, i as u32));
        wide(lo[i]) + t * (wide(hi[i]) - wide(lo[i]))
    };
    let center = Array1::from_shape_fn(n, |i| Interval::or_entire(lo[i], hi[i]).mid());
    let half = Array1::from_shape_fn(n, |i| 0.5 * (wide(hi[i]) - wide(lo[i])).max(0.0));
    let reach = half.iter().fold(0.0f64, |a, &h| a.max(h));

    let cost = graph.output_shape().len() as f64 * pass_work(graph);
    let jacobians = (WORK_LIMIT / cost.max(1.0)) as usize;
    let mut starts: Vec<(Array1<f64>, Array1<f64>)> = Vec::new();
    if jacobians == 0 {
        // Too wide for a Jacobian: random signs around the centre.
        for r in 0..4 {
            let v = Array1::from_shape_fn(n, |i| {
                if uniform(13, 0, r, i as u32) < 0.5 {
                    -1.0
                } else {
                    1.0
                }
            });
            starts.push((center.clone(), v));
        }
    } else {
        let mut best: Option<Ascent> = None;
        let mut spent = 0;
        let consider = |x: Array1<f64>, best: &mut Option<Ascent>| {
            let (v, u, value) = extreme(estimate_jacobian(graph, &x).view(), norm);
            if best.as_ref().is_none_or(|b| value > b.3) {
                *best = Some((x, v, u, value));
            }
        };
        consider(center.clone(), &mut best);
        for r in 0..4.min(jacobians) {
            let x = Array1::from_shape_fn(n, |i| draw(r as u32, i));
            consider(x, &mut best);
        }
        let mut length = 0.25;
        while let Some((x, v, u, value)) = best.clone()
            && spent + 3 <= jacobians.min(3 * STEPS)
        {
            spent += 3;
            let probe = 1e-3 * reach.max(1e-6);
            let at = |s: f64| u.dot(&estimate_jacobian(graph, &(&x + &(&v * (s * probe)))));
            let gradient = at(1.0) - at(-1.0);
            let steep = gradient.iter().fold(0.0f64, |a, g| a.max(g.abs()));
            let step = if steep > 0.0 && spent % 2 == 0 {
                Array1::from_shape_fn(n, |i| length * half[i] * gradient[i] / steep)
            } else {
                Array1::from_shape_fn(n, |i| {
                    let t = f64::from(uniform(17, spent as u32, 1, i as u32));
                    length * half[i] * (2.0 * t - 1.0)
                })
            };
            consider(clamp(&x + &step), &mut best);
            if best.as_ref().is_some_and(|b| b.3 <= value) {
                length *= 0.8;
            }
        }
        if let Some((x, v, _, _)) = best {
            starts.push((x, v));
        }
        let (v, _, _) = extreme(estimate_jacobian(graph, &center).view(), norm);
        starts.push((center.clone(), v));
    }

    let mut found: Option<(f64, Vec<f32>, Vec<f32>)> = None;
    for (x, v) in &starts {
        let largest = v.iter().fold(0.0f64, |a, v| a.max(v.abs())).max(1e-300);
        for k in [0, 1, 3, 6, 10] {
            let t = reach / largest * 0.5f64.powi(k);
            let end = |s: f64| -> Option<Vec<f32>> {
                (0..n)
                    .map(|i| inside(x[i] + s * t * v[i], lo[i], hi[i]))
                    .collect()
            };
            let (a, b) = (end(-1.0)?, end(1.0)?);
            if a == b {
                continue;
            }
            let value = estimate_quotient(graph, norm, &a, &b);
            if found.as_ref().is_none_or(|f| value > f.0 || f.0.is_nan()) {
                found = Some((value, a, b));
            }
        }
    }
    found.map(|(_, x, y)| Witness {
        value: quotient(graph, norm, &x, &y),
        x,
        y,
    })
}

/// The difference quotient in plain arithmetic.
fn estimate_quotient(graph: &Graph, norm: Norm, x: &[f32], y: &[f32]) -> f64 {
    let points = Array2::from_shape_fn((2, x.len()), |(s, i)| {
        f64::from(if s == 0 { x[i] } else { y[i] })
    });
    let values = forward(graph, &mut Evaluate { batch: 2 }, vec![points.clone()]);
    let size = |v: &Array2<f64>| {
        let d = &v.row(0) - &v.row(1);
        match norm {
            Norm::Linf => d.iter().fold(0.0f64, |a, v| a.max(v.abs())),
            Norm::L1 => d.iter().map(|v| v.abs()).sum(),
            Norm::L2 => d.dot(&d).sqrt(),
        }
    };
    size(&values[graph.output().index()]) / size(&points)
}
