//! The `l∞` logarithmic norm of a field by rows.
//!
//! Row `i` of `D G`, `D = diag(d)`, is `d_i` times row `i` of `G`, and
//! `d g_ii + |d| Σ_{j≠i} |g_ij|` is convex in `d`: its supremum over a slope
//! enclosure sits at an end. So for `f = σ(W z + b)` with `σ' ∈ [0, 1]` the bound is
//! `max_i max(0, w_ii + Σ_{j≠i} |w_ij|)`, the exact supremum, where the interval Jacobian
//! would forget that one slope scales the whole row. Row sums are subadditive
//! over combinations, and a multiple of `z` itself enters exactly, so
//! `-z + σ(W z + b)` is exact too.

use super::local::jacobian_of;
use super::matrix::ceiling;
use super::slopes::Slopes;
use crate::graph::{Graph, NodeId, Op};
use crate::rounding::Interval;
use crate::rounding::eft::add_up;

/// `sup (d g_ii + |d| off)` over `d ∈ scale`, `g_ii ∈ diagonal`.
fn scaled(scale: Interval, diagonal: Interval, off: f64) -> f64 {
    let end = |d: f64| {
        let d = Interval::or_entire(d, d);
        (d * diagonal + d.abs() * Interval::or_entire(off, off)).hi()
    };
    ceiling(end(scale.lo()).max(end(scale.hi())))
}

/// Upper bounds of `s (J_ii + …)` for every row of node `at`, `s ∈ scale`.
fn rows(graph: &Graph, at: NodeId, input: usize, slopes: &Slopes, scale: Interval) -> Vec<f64> {
    let node = graph.node(at);
    let n = node.shape.len();
    let outer = |inner: NodeId, slope: &dyn Fn(usize) -> Interval| -> Vec<f64> {
        let g = jacobian_of(graph, inner, input, slopes);
        (0..n)
            .map(|i| {
                let off = (0..n)
                    .filter(|&j| j != i)
                    .fold(0.0, |s, j| add_up(s, g.at(i, j).mag()));
                scaled(scale * slope(i), g.at(i, i), ceiling(off))
            })
            .collect()
    };
    match &node.op {
        Op::Input(k) if *k == input => vec![scale.hi(); n],
        Op::Input(_) | Op::Constant(_) => vec![0.0; n],
        Op::Combine(c) => {
            let mut sum = vec![0.0; n];
            for (c, &x) in c.iter().zip(&node.inputs) {
                let scale = scale * Interval::from_rational(c);
                for (s, r) in sum.iter_mut().zip(rows(graph, x, input, slopes, scale)) {
                    *s = ceiling(add_up(*s, r));
                }
            }
            sum
        }
        Op::Pointwise(_) => outer(node.inputs[0], &|i| slopes.at(at, i)),
        Op::Linear(_) => outer(at, &|_| Interval::ONE),
        Op::Product(_) => vec![f64::INFINITY; n],
    }
}

/// An upper bound (proved) of `sup μ_∞(s J)`, `s = -1` if `reverse`, else 1, for a graph whose
/// output has as many elements as its input `input`.
pub(super) fn row_log_norm(graph: &Graph, input: usize, slopes: &Slopes, reverse: bool) -> f64 {
    let scale = if reverse {
        -Interval::ONE
    } else {
        Interval::ONE
    };
    rows(graph, graph.output(), input, slopes, scale)
        .into_iter()
        .fold(f64::NEG_INFINITY, f64::max)
}
