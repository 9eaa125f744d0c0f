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

use ndarray::{Array2, Zip};

use super::analysis::PassView;
use super::linear::{Cut, LinearRelaxation, Lines, Pulled, Side, pull_back};
use crate::exact::Rational;
use crate::graph::{Forward, NodeId, Op, forward_until};
use crate::ops::{self, LinearMap, Pointwise, Product, Shape, Weights};
use crate::rounding::Interval;

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
            step: [0.25, 0.1],
            decay: 0.9,
        }
    }
}

/// Slopes below, one row per functional, of the activation nodes that have a
/// choice; by node.
pub(super) type Slopes = Vec<Option<Array2<f64>>>;

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
        .map(|s| s.as_ref().map(|s| Moments::new(s.dim())))
        .collect();
    let width = cuts.iter().map(Vec::len).max().unwrap_or(0);
    let mut of_cuts = Moments::new((n, width));
    let each = |base: &Lines| Lines {
        lower: spread(&base.lower, rows.owner),
        upper: spread(&base.upper, rows.owner),
    };
    let mut lines: Vec<Option<Lines>> = view.lines.iter().map(|l| l.as_ref().map(each)).collect();
    let mut k = 0;
    loop {
        k += 1;
        for (node, slope) in slopes.iter().enumerate() {
            if let (Some(slope), Some(lines)) = (slope, &mut lines[node])
                && let Some(side) = below(view, node, slope, rows.owner)
            {
                lines.lower = side;
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
            };
        }
        let values = relaxed_values(view, rows.start, &minimisers, &pulled, &lines, &borrowed);
        let steps = ascent.step.map(|s| s * ascent.decay.powi(k as i32 - 1));
        for (node, slope) in slopes.iter_mut().enumerate() {
            let (Some(slope), Some(moments)) = (slope, &mut moments[node]) else {
                continue;
            };
            let Some(cotangent) = pulled.record.get(node).and_then(Option::as_ref) else {
                continue;
            };
            let operand = view.graph.nodes()[node].inputs[0];
            let mut gradient = values[operand.index()].clone();
            Zip::from(&mut gradient)
                .and(cotangent)
                .for_each(|g, &a| *g *= a.max(0.0));
            moments.climb(slope, &gradient, k as i32, steps[0]);
            clamp(view, node, slope, rows.owner);
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
    let mut slopes = initial(view, node, owner);
    let done = |_, l| l >= 0.0 || stop();
    ascend(view, &rows, &mut slopes, &mut [], ascent, &done).lower
}

/// The slopes that a walk chose, once per row, for the activations before
/// `start` that have a choice.
pub(super) fn initial(view: &PassView<'_>, start: NodeId, owner: &[usize]) -> Slopes {
    let before = view.graph.ancestors(start);
    let nodes = view.graph.nodes().iter().enumerate();
    nodes
        .map(|(k, node)| {
            let Op::Pointwise(f) = &node.op else {
                return None;
            };
            if !before.get(k).copied().unwrap_or(false) || !has_choice(&**f) {
                return None;
            }
            let lines = view.lines[k].as_ref()?;
            let rows = lines.lower.slope.nrows();
            let sets: Vec<usize> = owner
                .iter()
                .map(|&o| if rows == 1 { 0 } else { o })
                .collect();
            Some(super::analysis::select_rows(&lines.lower.slope, &sets))
        })
        .collect()
}

/// The lower slope over a kink is free.
fn has_choice(f: &dyn Pointwise) -> bool {
    let x = Interval::or_entire(-1.0, 1.0);
    let rules =
        crate::ops::SlopeRule::ALL.map(|rule| f.propose(Interval::or_entire(-1.0, 2.0), rule));
    rules[0] != rules[1] && f.slopes(x).is_bounded()
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

/// The lines below for new slopes.
fn below(view: &PassView<'_>, node: usize, slope: &Array2<f64>, owner: &[usize]) -> Option<Side> {
    let Op::Pointwise(f) = &view.graph.nodes()[node].op else {
        return None;
    };
    let boxes = view.boxes(view.graph.nodes()[node].inputs[0]);
    Some(Side::new(
        &**f,
        boxes,
        slope.clone(),
        owner,
        ops::Side::Lower,
    ))
}

/// Back into the range of slopes that can be best.
fn clamp(view: &PassView<'_>, node: usize, slope: &mut Array2<f64>, owner: &[usize]) {
    let Op::Pointwise(f) = &view.graph.nodes()[node].op else {
        return;
    };
    let boxes = view.boxes(view.graph.nodes()[node].inputs[0]);
    for ((s, i), slope) in slope.indexed_iter_mut() {
        let d = if boxes.dim().0 == 1 { 0 } else { owner[s] };
        let range = f.slopes(boxes.at(d, i));
        *slope = slope.max(range.lo()).min(range.hi());
    }
}

/// The point of each row's box where its functional at the input is least.
fn minimisers(view: &PassView<'_>, input: &Array2<f64>, owner: &[usize]) -> Array2<f64> {
    let boxes = view.input.boxes();
    Array2::from_shape_fn(input.dim(), |(s, i)| {
        let d = owner[s].min(boxes.dim().0 - 1);
        let x = if input[[s, i]] >= 0.0 {
            boxes.lo()[[d, i]]
        } else {
            boxes.hi()[[d, i]]
        };
        x.clamp(-1e30, 1e30)
    })
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
            for (i, y) in y.iter_mut().enumerate() {
                *y = if record[[s, i]] < 0.0 {
                    lines.upper.slope[[u, i]] * *y + lines.upper.intercept[[u, i]]
                } else {
                    lines.lower.slope[[l, i]] * *y + lines.lower.intercept[[l, i]]
                };
            }
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
    rows: &Rows<'_>,
    best: &Best,
    slopes: &Slopes,
    cuts: &[Vec<Cut>],
) -> Vec<Array2<f64>> {
    let lines: Vec<Option<Lines>> = (0..view.lines.len())
        .map(|node| {
            let base = view.lines[node].as_ref()?;
            let own = slopes[node].as_ref();
            let lower = own.and_then(|slope| below(view, node, slope, rows.owner));
            let lower = lower.unwrap_or_else(|| spread(&base.lower, rows.owner));
            Some(Lines {
                lower,
                upper: spread(&base.upper, rows.owner),
            })
        })
        .collect();
    let borrowed: Vec<&[Cut]> = cuts.iter().map(Vec::as_slice).collect();
    let (x, pulled) = (&best.minimisers, &best.last);
    relaxed_values(view, rows.start, x, pulled, &lines, &borrowed)
}
