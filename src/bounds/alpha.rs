//! Optimised slopes (α-CROWN) and multipliers of split constraints (β-CROWN).
//!
//! Every pass is a proof whatever its slopes, so the ascent itself is an
//! estimate: it moves slopes and multipliers along the gradient of the bound
//! and keeps the best bound of each functional. With the minimiser `x*` of the
//! functional at the input and `v` the values of the relaxed network there, a
//! line `s t + c(s)` used with cotangent `λ` has gradient `λ (v - t*)` in its
//! slope, `t*` where the function touches the line (the kink of a rectifier),
//! and a constraint `z <= u` gradient `v - u` in its multiplier.
//!
//! References: Xu et al., *Fast and Complete* (2021); Wang et al., *Beta-CROWN*
//! (2021), section 3.

use std::sync::Arc;

use ndarray::{Array2, ArrayView1, Axis, Zip};

use super::analysis::{PassView, is_affine};
use super::linear::{Cut, LinearRelaxation, Lines, Pulled, Side, pull_back};
use crate::exact::Rational;
use crate::graph::{Forward, NodeId, Op, forward_until};
use crate::ops::{self, LinearMap, Pointwise, Product, Shape, Weights};
use crate::rounding::{Boxes, Interval};

/// How long and how fast slopes climb.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ascent {
    /// passes
    pub iterations: usize,
    /// first step of the slopes, and of the multipliers
    pub step: [f64; 2],
    /// factor of the steps from pass to pass
    pub decay: f64,
}

impl Default for Ascent {
    fn default() -> Ascent {
        Ascent {
            iterations: 8,
            step: [0.5, 0.1],
            decay: 0.98,
        }
    }
}

/// The elements of an activation node whose slope below is free: those over a kink
/// in some domain.
#[derive(Debug)]
pub(super) struct Kinks {
    columns: Vec<usize>,
    /// their boxes, (domains, columns)
    lo: Array2<f64>,
    hi: Array2<f64>,
    /// the slopes that can be best
    least: Array2<f64>,
    greatest: Array2<f64>,
}

impl Kinks {
    fn of(f: &dyn Pointwise, boxes: &Boxes) -> Option<Kinks> {
        let (domains, n) = boxes.dim();
        let bends = |i: &usize| (0..domains).any(|d| !is_affine(f, boxes.at(d, *i)));
        let columns: Vec<usize> = (0..n).filter(bends).collect();
        if columns.is_empty() {
            return None;
        }
        let slopes = |d: usize, c: usize| f.slopes(boxes.at(d, columns[c]));
        let dim = (domains, columns.len());
        Some(Kinks {
            lo: boxes.lo().select(Axis(1), &columns),
            hi: boxes.hi().select(Axis(1), &columns),
            least: Array2::from_shape_fn(dim, |(d, c)| slopes(d, c).lo()),
            greatest: Array2::from_shape_fn(dim, |(d, c)| slopes(d, c).hi()),
            columns,
        })
    }

    /// The elements.
    pub(super) fn columns(&self) -> &[usize] {
        &self.columns
    }

    fn domain(&self, owner: usize) -> usize {
        if self.lo.nrows() == 1 { 0 } else { owner }
    }
}

/// The kinks before `start`, by node.
pub(super) fn kinks(view: &PassView<'_>, start: NodeId) -> Vec<Option<Arc<Kinks>>> {
    let before = view.graph.ancestors(start);
    let of = |(k, node): (usize, &crate::graph::Node)| {
        let Op::Pointwise(f) = &node.op else {
            return None;
        };
        if !before.get(k).copied().unwrap_or(false) || !has_choice(&**f) {
            return None;
        }
        view.lines[k].as_ref()?;
        Kinks::of(&**f, view.boxes(node.inputs[0])).map(Arc::new)
    };
    view.graph.nodes().iter().enumerate().map(of).collect()
}

/// The free slopes of one node, (functionals, columns).
pub(super) struct Free {
    kinks: Arc<Kinks>,
    pub(super) slope: Array2<f64>,
}

/// Free slopes by node.
pub(super) type Slopes = Vec<Option<Free>>;

/// The functionals of one ascent.
pub(super) struct Rows<'a> {
    /// the node they start from
    pub start: NodeId,
    /// their coefficients there, (rows, n)
    pub seed: Array2<f64>,
    /// their coefficients at the input
    pub at_input: Option<Array2<f64>>,
    /// constants known before, rounded down
    pub constants: Vec<f64>,
    /// their domains
    pub owner: &'a [usize],
}

/// First and second moments of a gradient (Adam).
#[derive(Clone)]
struct Moments {
    first: Array2<f64>,
    second: Array2<f64>,
}

impl Moments {
    fn new(dim: (usize, usize)) -> Moments {
        Moments {
            first: Array2::zeros(dim),
            second: Array2::zeros(dim),
        }
    }

    /// `x += step` along the gradient.
    fn climb(&mut self, x: &mut Array2<f64>, gradient: &Array2<f64>, k: i32, step: f64) {
        let (a, b): (f64, f64) = (0.9, 0.999);
        let (ca, cb) = (1.0 - a.powi(k), 1.0 - b.powi(k));
        Zip::from(x)
            .and(&mut self.first)
            .and(&mut self.second)
            .and(gradient)
            .for_each(|x, m, v, &g| {
                *m = a * *m + (1.0 - a) * g;
                *v = b * *v + (1.0 - b) * g * g;
                if *v > 0.0 {
                    *x += step * (*m / ca) / ((*v / cb).sqrt() + 1e-30);
                }
            });
    }
}

/// The best of several passes, per functional.
pub(super) struct Best {
    /// lower bounds
    pub lower: Vec<f64>,
    /// the last pass
    pub last: Pulled,
    /// minimisers of the last pass at the input, (rows, n)
    pub minimisers: Array2<f64>,
    /// lines of the last pass
    lines: Vec<Option<Lines>>,
}

/// Climbs from `slopes` and the multipliers in `cuts`, which hold the last
/// position afterwards. `done(row, lower)` ends the ascent once it holds for
/// every row.
pub(super) fn ascend(
    view: &PassView<'_>,
    rows: &Rows<'_>,
    slopes: &mut Slopes,
    cuts: &mut [Vec<Cut>],
    ascent: Ascent,
    done: &dyn Fn(usize, f64) -> bool,
) -> Best {
    let n = rows.owner.len();
    let sets: Vec<usize> = (0..n).collect();
    let mut lower = vec![f64::NEG_INFINITY; n];
    let mut moments: Vec<Option<Moments>> = slopes
        .iter()
        .map(|s| s.as_ref().map(|s| Moments::new(s.slope.dim())))
        .collect();
    let width = cuts.iter().map(Vec::len).max().unwrap_or(0);
    let mut of_cuts = Moments::new((n, width));
    let mut lines: Vec<Option<Lines>> = (view.lines.iter().zip(slopes.iter()))
        .map(|(base, free)| {
            let base = base.as_ref()?;
            Some(Lines {
                lower: match free {
                    Some(_) => broadcast(&base.lower, rows.owner),
                    None => spread(&base.lower, rows.owner),
                },
                upper: spread(&base.upper, rows.owner),
            })
        })
        .collect();
    let mut k = 0;
    loop {
        k += 1;
        for (node, free) in slopes.iter().enumerate() {
            if let (Some(free), Some(lines)) = (free, &mut lines[node]) {
                lower_lines(view, node, free, rows.owner, &mut lines.lower);
            }
        }
        let last = k >= ascent.iterations;
        let borrowed: Vec<&[Cut]> = cuts.iter().map(Vec::as_slice).collect();
        let mut relaxation = LinearRelaxation::new(view.facts, &lines, rows.owner)
            .with_sets(&sets)
            .with_cuts(&borrowed)
            .recording();
        relaxation.start_from(&rows.constants);
        let pulled = pull_back(
            view.graph,
            relaxation,
            rows.start,
            rows.seed.clone(),
            rows.at_input.clone(),
            view.input,
        );
        for (best, &new) in lower.iter_mut().zip(&pulled.lower) {
            *best = best.max(new);
        }
        let minimisers = minimisers(view, &pulled.input, rows.owner);
        let finished = lower.iter().enumerate().all(|(s, &l)| done(s, l));
        if last || finished {
            return Best {
                lower,
                last: pulled,
                minimisers,
                lines,
            };
        }
        let values = relaxed_values(view, rows.start, &minimisers, &pulled, &lines, &borrowed);
        let steps = ascent.step.map(|s| s * ascent.decay.powi(k as i32 - 1));
        for (node, free) in slopes.iter_mut().enumerate() {
            let (Some(free), Some(moments)) = (free, &mut moments[node]) else {
                continue;
            };
            let Some(cotangent) = pulled.record.get(node).and_then(Option::as_ref) else {
                continue;
            };
            let operand = &values[view.graph.nodes()[node].inputs[0].index()];
            let columns = &free.kinks.columns;
            let gradient = Array2::from_shape_fn(free.slope.dim(), |(s, c)| {
                operand[[s, columns[c]]] * cotangent[[s, columns[c]]].max(0.0)
            });
            moments.climb(&mut free.slope, &gradient, k as i32, steps[0]);
            for (s, mut slope) in free.slope.rows_mut().into_iter().enumerate() {
                let d = free.kinks.domain(rows.owner[s]);
                Zip::from(&mut slope)
                    .and(free.kinks.least.row(d))
                    .and(free.kinks.greatest.row(d))
                    .for_each(|s, &l, &h| *s = s.max(l).min(h));
            }
        }
        if width > 0 {
            let mut x = Array2::zeros((n, width));
            let mut gradient = Array2::zeros((n, width));
            let mut scale = Array2::ones((n, width));
            for (s, cuts) in cuts.iter().enumerate() {
                for (c, cut) in cuts.iter().enumerate() {
                    let operand = view.graph.node(cut.node).inputs[0];
                    let v = values[operand.index()][[s, cut.neuron]];
                    x[[s, c]] = cut.multiplier;
                    gradient[[s, c]] = if cut.below {
                        v - cut.range.hi()
                    } else {
                        cut.range.lo() - v
                    };
                    // A multiplier is worth about as much as the neuron's cotangent.
                    let of_node = pulled.record[cut.node.index()].as_ref();
                    let a = of_node.map_or(0.0, |r| r[[s, cut.neuron]].abs());
                    scale[[s, c]] = a + 1e-3;
                }
            }
            x /= &scale;
            of_cuts.climb(&mut x, &(gradient * &scale), k as i32, steps[1]);
            x *= &scale;
            for (s, cuts) in cuts.iter_mut().enumerate() {
                for (c, cut) in cuts.iter_mut().enumerate() {
                    cut.multiplier = x[[s, c]].clamp(0.0, f64::MAX);
                }
            }
        }
    }
}

/// Bounds of elements of `node`, each with slopes of its own.
pub(super) fn intermediate(
    view: &PassView<'_>,
    node: NodeId,
    seed: Array2<f64>,
    owner: &[usize],
    kinks: &[Option<Arc<Kinks>>],
    ascent: Ascent,
    stop: &dyn Fn() -> bool,
) -> Vec<f64> {
    let rows = Rows {
        start: node,
        constants: vec![0.0; owner.len()],
        seed,
        at_input: None,
        owner,
    };
    let mut slopes = initial(view, kinks, owner);
    let done = |_, l| l >= 0.0 || stop();
    ascend(view, &rows, &mut slopes, &mut [], ascent, &done).lower
}

/// The slopes that a walk chose at the kinks, once per row.
pub(super) fn initial(
    view: &PassView<'_>,
    kinks: &[Option<Arc<Kinks>>],
    owner: &[usize],
) -> Slopes {
    let of = |(kinks, lines): (&Option<Arc<Kinks>>, &Option<Lines>)| {
        let (kinks, lines) = (kinks.as_ref()?, lines.as_ref()?);
        let chosen = &lines.lower.slope;
        let slope = Array2::from_shape_fn((owner.len(), kinks.columns.len()), |(s, c)| {
            let row = if chosen.nrows() == 1 { 0 } else { owner[s] };
            chosen[[row, kinks.columns[c]]]
        });
        Some(Free {
            kinks: kinks.clone(),
            slope,
        })
    };
    kinks.iter().zip(view.lines).map(of).collect()
}

/// The lower slope over a kink is free.
fn has_choice(f: &dyn Pointwise) -> bool {
    let x = Interval::or_entire(-1.0, 1.0);
    let rules =
        crate::ops::SlopeRule::ALL.map(|rule| f.propose(Interval::or_entire(-1.0, 2.0), rule));
    rules[0] != rules[1] && f.slopes(x).is_bounded()
}

fn slice<'b>(row: &'b ArrayView1<'_, f64>) -> &'b [f64] {
    row.as_slice().expect("standard layout has contiguous rows")
}

/// One row per functional.
fn spread(side: &Side, owner: &[usize]) -> Side {
    if side.slope.nrows() == 1 {
        return side.clone();
    }
    Side {
        slope: super::analysis::select_rows(&side.slope, owner),
        intercept: super::analysis::select_rows(&side.intercept, owner),
    }
}

/// One row per functional, also where one serves all.
fn broadcast(side: &Side, owner: &[usize]) -> Side {
    if side.slope.nrows() > 1 {
        return spread(side, owner);
    }
    let rows = vec![0; owner.len()];
    Side {
        slope: super::analysis::select_rows(&side.slope, &rows),
        intercept: super::analysis::select_rows(&side.intercept, &rows),
    }
}

/// Writes the free slopes and their intercepts into the lines below.
fn lower_lines(view: &PassView<'_>, node: usize, free: &Free, owner: &[usize], side: &mut Side) {
    let Op::Pointwise(f) = &view.graph.nodes()[node].op else {
        return;
    };
    let kinks = &free.kinks;
    let mut intercepts = vec![0.0; kinks.columns.len()];
    for (s, slope) in free.slope.rows().into_iter().enumerate() {
        let d = kinks.domain(owner[s]);
        let (lo, hi) = (kinks.lo.row(d), kinks.hi.row(d));
        let slope = slice(&slope);
        f.lines(
            slice(&lo),
            slice(&hi),
            slope,
            ops::Side::Lower,
            &mut intercepts,
        );
        let (mut slopes, mut constants) = (side.slope.row_mut(s), side.intercept.row_mut(s));
        for ((&i, &a), &t) in kinks.columns.iter().zip(slope).zip(&intercepts) {
            slopes[i] = a;
            constants[i] = t;
        }
    }
}

/// The point of each row's box where its functional at the input is least.
fn minimisers(view: &PassView<'_>, input: &Array2<f64>, owner: &[usize]) -> Array2<f64> {
    let boxes = view.input.boxes();
    let mut x = input.clone();
    for (s, mut x) in x.rows_mut().into_iter().enumerate() {
        let d = owner[s].min(boxes.dim().0 - 1);
        Zip::from(&mut x)
            .and(boxes.lo().row(d))
            .and(boxes.hi().row(d))
            .for_each(|x, &lo, &hi| *x = (if *x >= 0.0 { lo } else { hi }).clamp(-1e30, 1e30));
    }
    x
}

/// Values of the relaxed network at `x`, one row per functional: an estimate.
fn relaxed_values(
    view: &PassView<'_>,
    start: NodeId,
    x: &Array2<f64>,
    pulled: &Pulled,
    lines: &[Option<Lines>],
    cuts: &[&[Cut]],
) -> Vec<Array2<f64>> {
    let mut relaxed = Relaxed {
        view,
        record: &pulled.record,
        lines,
        cuts,
        rows: x.nrows(),
    };
    forward_until(view.graph, &mut relaxed, vec![x.clone()], start.index())
}

/// Evaluation with every activation replaced by the line in use.
struct Relaxed<'a> {
    view: &'a PassView<'a>,
    record: &'a [Option<Array2<f64>>],
    lines: &'a [Option<Lines>],
    cuts: &'a [&'a [Cut]],
    rows: usize,
}

impl Forward for Relaxed<'_> {
    type Value = Array2<f64>;

    fn constant(&mut self, _: NodeId, values: &[Rational], _: &Shape) -> Array2<f64> {
        let row: Vec<f64> = values.iter().map(Rational::to_f64).collect();
        Array2::from_shape_fn((self.rows, row.len()), |(_, i)| row[i])
    }

    fn linear(&mut self, _: NodeId, map: &dyn LinearMap, x: &Array2<f64>) -> Array2<f64> {
        let mut y = map.apply(x.view(), Weights::Signed);
        let bias: Vec<f64> = (0..y.ncols()).map(|o| f64::from(map.bias(o))).collect();
        for mut row in y.rows_mut() {
            row.iter_mut().zip(&bias).for_each(|(y, b)| *y += b);
        }
        y
    }

    fn pointwise(&mut self, node: NodeId, f: &dyn Pointwise, x: &Array2<f64>) -> Array2<f64> {
        let mut y = x.clone();
        let (Some(lines), Some(record)) = (
            self.lines[node.index()].as_ref(),
            self.record[node.index()].as_ref(),
        ) else {
            y.mapv_inplace(|v| f.value(v));
            return y;
        };
        let row = |side: &Side, s: usize| if side.slope.nrows() == 1 { 0 } else { s };
        for (s, mut y) in y.rows_mut().into_iter().enumerate() {
            let (l, u) = (row(&lines.lower, s), row(&lines.upper, s));
            let (below, above) = (&lines.lower, &lines.upper);
            Zip::from(&mut y)
                .and(record.row(s))
                .and(below.slope.row(l))
                .and(below.intercept.row(l))
                .for_each(|y, &a, &slope, &t| {
                    if a >= 0.0 {
                        *y = slope * *y + t;
                    }
                });
            Zip::from(&mut y)
                .and(record.row(s))
                .and(above.slope.row(u))
                .and(above.intercept.row(u))
                .for_each(|y, &a, &slope, &t| {
                    if a < 0.0 {
                        *y = slope * *y + t;
                    }
                });
            let cuts = self.cuts.get(s).copied().unwrap_or(&[]);
            for cut in cuts.iter().filter(|c| c.node == node) {
                let slope = cut.slopes[usize::from(record[[s, cut.neuron]] < 0.0)];
                let residual = f.residual(slope, cut.range);
                let t = if record[[s, cut.neuron]] < 0.0 {
                    residual.hi()
                } else {
                    residual.lo()
                };
                y[cut.neuron] = slope * x[[s, cut.neuron]] + t;
            }
        }
        y
    }

    fn combine(&mut self, _: NodeId, c: &[Rational], xs: &[&Array2<f64>]) -> Array2<f64> {
        let mut y = Array2::zeros(xs[0].dim());
        for (c, x) in c.iter().zip(xs) {
            y.scaled_add(c.to_f64(), x);
        }
        y
    }

    fn product(
        &mut self,
        node: NodeId,
        _: &Product,
        _: &Array2<f64>,
        _: &Array2<f64>,
    ) -> Array2<f64> {
        // Its box takes its place in a pass; the middle stands for it here.
        let boxes = self.view.boxes(node);
        Array2::from_shape_fn((self.rows, boxes.dim().1), |(_, i)| boxes.at(0, i).mid())
    }
}

/// Values of the relaxed network at the minimisers of the last pass: an estimate.
pub(super) fn values_of(
    view: &PassView<'_>,
    start: NodeId,
    best: &Best,
    cuts: &[Vec<Cut>],
) -> Vec<Array2<f64>> {
    let borrowed: Vec<&[Cut]> = cuts.iter().map(Vec::as_slice).collect();
    relaxed_values(
        view,
        start,
        &best.minimisers,
        &best.last,
        &best.lines,
        &borrowed,
    )
}
