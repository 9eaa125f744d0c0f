//! A verified query once more, as trees of boxes that a checker can follow.
//!
//! Each box stands for itself, without what the search inherits and shares: its
//! evidence is that of one linear analysis of this box alone.

use std::time::Instant;

use super::inputs::{LEAST_WEIGHT, Rows};
use super::mixture::together;
use super::point::Places;
use super::{Error, FEW_INPUTS, Options, Progress};
use crate::bounds::{BoxBounds, Boxed, LayerEvidence, Passes};
use crate::exact::Rational;
use crate::graph::{Graph, Op};
use crate::rounding::{Boxes, Interval};
use crate::verify::Query;

/// Numbers of all leaves' evidence together, at most: a certificate's size.
const MOST_NUMBERS: usize = 1 << 23;

/// A node of a tree: a split comes before the part below it, then the part above.
#[derive(Clone, Debug, PartialEq)]
pub enum Branch {
    /// the parts `x_input <= at` and `x_input >= at`
    Split {
        /// the input element
        input: usize,
        /// where
        at: f64,
    },
    /// a box without counterexample
    Leaf {
        /// per conjunction, per constraint: a mixture that is positive on the box
        weights: Vec<Vec<f64>>,
        /// boxes and slopes
        layers: Vec<LayerEvidence>,
    },
}

/// Why there are no trees.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// A node that a checker cannot follow.
    #[error("node {0} is a product of two computed values, which certificates do not cover")]
    Product(String),
    /// Time ran out.
    #[error("time ran out before the proof was written down")]
    Timeout,
    /// There would be too much to write.
    #[error("the proof is too large to be written down")]
    TooLarge,
    /// Boxes alone do not prove it.
    #[error("dividing the box of the inputs does not prove it")]
    Stuck,
}

/// One tree per case of `query`, by bounds and by dividing the boxes of inputs.
///
/// # Errors
/// As [`verify`](super::verify); that there are no trees is no error.
pub fn trees(
    graph: &Graph,
    query: &Query,
    options: &Options,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Result<Vec<Vec<Branch>>, Missing>, Error> {
    let product = |n: &&crate::graph::Node| matches!(n.op, Op::Product(_));
    if let Some(node) = graph.nodes().iter().find(product) {
        return Ok(Err(Missing::Product(node.name.clone())));
    }
    let mut builder = Builder {
        query,
        boxed: Boxed::new(graph)?,
        rows: Rows::new(query),
        deadline: options.timeout.map(|t| Instant::now() + t),
        progress,
        numbers: 0,
    };
    let mut all = Vec::with_capacity(query.cases.len());
    for case in 0..query.cases.len() {
        match builder.tree(case)? {
            Ok(tree) => all.push(tree),
            Err(missing) => return Ok(Err(missing)),
        }
    }
    Ok(Ok(all))
}

struct Builder<'a> {
    query: &'a Query,
    boxed: Boxed<'a>,
    rows: Rows,
    deadline: Option<Instant>,
    progress: &'a (dyn Fn(Progress) + Sync),
    numbers: usize,
}

impl Builder<'_> {
    fn tree(&mut self, case: usize) -> Result<Result<Vec<Branch>, Missing>, Error> {
        let places = Places::exact(&self.query.cases[case]);
        let mut tree = Vec::new();
        let mut open = vec![(places.lo.clone(), places.hi.clone())];
        while let Some((lo, hi)) = open.pop() {
            let deadline = self.deadline;
            let expired = move || deadline.is_some_and(|d| Instant::now() >= d);
            if expired() {
                return Ok(Err(Missing::Timeout));
            }
            (self.progress)(Progress {
                open: open.len() + 1,
                closed: tree.len(),
                bound: f64::NEG_INFINITY,
            });
            let boxes =
                Boxes::from_shape_fn((1, lo.len()), |_, i| Interval::or_entire(lo[i], hi[i]));
            let ranges = &self.rows.ranges[case];
            let asked: Vec<(usize, usize)> = ranges
                .iter()
                .flat_map(|&(first, count)| (first..first + count).map(|r| (0, r)))
                .collect();
            let objective = &self.rows.objective;
            let bounds = self.boxed.bound(
                boxes.clone(),
                None,
                objective,
                &asked,
                Passes::Everywhere,
                &expired,
            )?;
            let weights = self.weights(case, &bounds, &boxes);
            if let Some(weights) = weights.iter().cloned().collect::<Option<Vec<_>>>() {
                let of = |l: &LayerEvidence| 4 * l.lo.len();
                self.numbers += bounds.evidence.iter().map(of).sum::<usize>();
                if self.numbers > MOST_NUMBERS {
                    return Ok(Err(Missing::TooLarge));
                }
                let layers = bounds.evidence;
                tree.push(Branch::Leaf { weights, layers });
                continue;
            }
            let Some((input, at)) = self.split(case, &bounds, &weights, &lo, &hi) else {
                return Ok(Err(Missing::Stuck));
            };
            // A tree of so many splits would not be written either.
            if tree.len() > MOST_NUMBERS {
                return Ok(Err(Missing::TooLarge));
            }
            tree.push(Branch::Split { input, at });
            let (mut above, mut below) = (lo.clone(), hi.clone());
            above[input] = at;
            below[input] = at;
            open.push((above, hi));
            open.push((lo, below));
        }
        Ok(Ok(tree))
    }

    /// Per conjunction, the weights of a mixture that cannot be met, if known.
    fn weights(&self, case: usize, bounds: &BoxBounds, boxes: &Boxes) -> Vec<Option<Vec<f64>>> {
        let mut at = 0;
        let mut weights = Vec::new();
        for &(first, count) in &self.rows.ranges[case] {
            let rows = at..at + count;
            at += count;
            let alone = (0..count).find(|&r| {
                self.rows
                    .excluded(first + r, bounds.lower[rows.start + r], 0.0)
            });
            weights.push(match alone {
                Some(one) => {
                    let mut weights = vec![0.0; count];
                    weights[one] = 1.0;
                    Some(weights)
                }
                None => {
                    let mixture = together(bounds, boxes, 0, rows, 0.0);
                    mixture.excludes.then_some(mixture.weights)
                }
            });
        }
        weights
    }

    /// The middle of the axis that matters most to what is open.
    fn split(
        &self,
        case: usize,
        bounds: &BoxBounds,
        weights: &[Option<Vec<f64>>],
        lo: &[f64],
        hi: &[f64],
    ) -> Option<(usize, f64)> {
        let mut score = vec![0.0f64; lo.len()];
        let mut at = 0;
        for (&(_, count), weights) in self.rows.ranges[case].iter().zip(weights) {
            let rows = at..at + count;
            at += count;
            let best = rows.max_by(|&a, &b| bounds.lower[a].total_cmp(&bounds.lower[b]));
            let (None, Some(best)) = (weights, best) else {
                continue;
            };
            let row = bounds.functionals.row(best);
            let least = LEAST_WEIGHT * row.iter().fold(0.0f64, |m, a| m.max(a.abs()));
            for (i, a) in row.iter().enumerate() {
                score[i] += a.abs().max(least) * (hi[i] - lo[i]);
            }
        }
        let middle = |i: usize| 0.5 * lo[i] + 0.5 * hi[i];
        // The ends of the whole box need not be doubles.
        let whole = &self.query.cases[case];
        let inside = |i: usize| {
            Rational::from_f64(middle(i)).is_some_and(|m| whole.lo[i] < m && m < whole.hi[i])
        };
        let divides = |&i: &usize| lo[i] < middle(i) && middle(i) < hi[i] && inside(i);
        let varying = lo.iter().zip(hi).filter(|(l, h)| l < h).count();
        if varying > FEW_INPUTS {
            return None;
        }
        let key = |i: usize| {
            if score[i].is_finite() {
                score[i]
            } else {
                hi[i] - lo[i]
            }
        };
        let axis = (0..lo.len())
            .filter(divides)
            .max_by(|&a, &b| key(a).total_cmp(&key(b)))?;
        Some((axis, middle(axis)))
    }
}
