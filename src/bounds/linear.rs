//! Backward linear relaxation (CROWN): linear functionals of a node are pulled
//! back to the input, every activation replaced by one of its two lines.
//!
//! Rows of many domains travel together: row `s` belongs to domain `owner[s]`,
//! whose boxes and lines it uses.
//!
//! **Invariant.** For every row `s` and every `x` in the region, with the exact
//! node values, `functional_s >= Σ_pending Λ_s · value + constant_s`. Each rule
//! keeps it: what the floating-point cotangent lacks is a linear functional of
//! an operand whose box is known, so its size is subtracted from the constant
//! at once, rounded up.
//!
//! References: Zhang et al. (2018), Theorem 3.2; Higham (2002), section 3.5 for
//! the matrix product.
//!
//! Machine-checked for affine and ReLU layers: `relu_relaxation`, `crown_sound`
//! and `absorb` in `proofs/Interval.v`.

use ndarray::{Array2, ArrayView1};

use super::interval::is_index_map;
use crate::exact::Rational;
use crate::graph::{Backward, Graph, NodeId};
use crate::ops::{self, LinearMap, Plane, Pointwise, Product, Weights, planes};
use crate::rounding::forms::{
    LeastOver, RowLines, below, contiguous, dot_rn, relax_row, sum_rn, weighted_up,
};
use crate::rounding::{Boxes, Interval, Precision, SumBound, eft, short_up};
use crate::verify::{Norm, Region};

const B: Precision = Precision::BINARY64;
const U: f64 = B.unit_roundoff;
const ETA: f64 = B.eta;

/// What the backward rules need to know of a node, computed once when its
/// boxes are final. All arrays have one row per domain, or a single row that
/// serves every domain.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// the node's boxes
    pub boxes: Boxes,
    /// the largest `|x_i|`
    mag: Array2<f64>,
    /// upper bounds of their sums
    mag_sum: Vec<f64>,
    /// of a linear node: its bias, and per output the error of pulling one
    /// unit of cotangent through it
    linear: Option<(Vec<f64>, Array2<f64>)>,
    /// of a product: the planes of every term, domain by domain
    planes: Vec<[Option<Plane>; 2]>,
}

impl Facts {
    pub(super) fn new(boxes: Boxes) -> Facts {
        let (d, n) = boxes.dim();
        let mut mag = Array2::zeros((d, n));
        ndarray::Zip::from(&mut mag)
            .and(boxes.lo())
            .and(boxes.hi())
            .for_each(|m, l, h| *m = l.abs().max(h.abs()));
        let sum = SumBound::new(n);
        let mag_sum = mag.rows().into_iter().map(|m| sum.up(m.sum())).collect();
        Facts {
            boxes,
            mag,
            mag_sum,
            linear: None,
            planes: Vec::new(),
        }
    }

    /// Replaces the boxes by smaller ones.
    pub(super) fn cut(&mut self, boxes: Boxes) {
        let (linear, planes) = (self.linear.take(), std::mem::take(&mut self.planes));
        *self = Facts {
            linear,
            planes,
            ..Facts::new(boxes)
        };
    }

    /// The facts of `y = A x + b`, `x` known.
    ///
    /// With `m` terms per column and `n` outputs, `|fl(ΛA) - ΛA'| <=
    /// (γ_m + d) |Λ||A| + m η` elementwise, and `|fl(Λ·b) - Λ·b| <=
    /// γ_n |Λ||b| + n η`; so one unit of `|Λ_o|` costs at most
    /// `(γ_m + d) (|A||x|)_o + γ_n |b_o|`.
    pub(super) fn of_linear(boxes: Boxes, map: &dyn LinearMap, x: &Facts) -> Facts {
        let mut facts = Facts::new(boxes);
        if is_index_map(map) && map.adjoint_chain() <= 1 {
            return facts;
        }
        let n = map.output().len();
        let bias: Vec<f64> = (0..n).map(|o| f64::from(map.bias(o))).collect();
        let mut cost = map.apply(x.mag.view(), Weights::Absolute);
        let sum = SumBound::new(map.chain());
        let relative = B.gamma(map.adjoint_chain()) + map.uncertainty();
        let gamma = B.gamma(n);
        for mut row in cost.rows_mut() {
            for (c, b) in row.iter_mut().zip(&bias) {
                *c = short_up(relative * sum.up(*c) + gamma * b.abs());
            }
        }
        facts.linear = Some((bias, contiguous(cost.view())));
        facts
    }

    /// The facts of `y_o = Σ a_i b_j`: planes over the operands' boxes.
    pub(super) fn of_product(boxes: Boxes, p: &Product, a: &Facts, b: &Facts) -> Facts {
        let mut facts = Facts::new(boxes);
        for d in 0..facts.boxes.dim().0 {
            for o in 0..p.output().len() {
                p.terms(o, |i, j| {
                    let (a, b) = (a.boxes.at(a.row(d), i), b.boxes.at(b.row(d), j));
                    facts.planes.push(planes(a, b, ops::EVEN_MIX));
                });
            }
        }
        facts
    }

    fn row(&self, owner: usize) -> usize {
        if self.mag_sum.len() == 1 { 0 } else { owner }
    }
}

/// One side's lines of an activation node: a row per set of lines, or a single
/// row for all.
#[derive(Clone, Debug)]
pub(super) struct Side {
    /// slopes
    pub slope: Array2<f64>,
    /// intercepts that make them bounds
    pub intercept: Array2<f64>,
}

impl Side {
    /// Intercepts for any finite slopes; row `s` belongs to box `owner[s]` (or
    /// to the only box).
    pub(super) fn new(
        f: &dyn Pointwise,
        boxes: &Boxes,
        slope: Array2<f64>,
        owner: &[usize],
        side: ops::Side,
    ) -> Side {
        let mut intercept = Array2::zeros(slope.dim());
        let rows = slope.rows().into_iter().zip(intercept.rows_mut());
        for ((slope, mut out), &d) in rows.zip(owner) {
            let d = if boxes.dim().0 == 1 { 0 } else { d };
            let out = out
                .as_slice_mut()
                .expect("standard layout has contiguous rows");
            let (lo, hi) = (boxes.lo().row(d), boxes.hi().row(d));
            f.lines(slice(&lo), slice(&hi), slice(&slope), side, out);
        }
        Side { slope, intercept }
    }

    fn row(&self, set: usize) -> usize {
        if self.slope.nrows() == 1 { 0 } else { set }
    }
}

/// The lines of one activation node.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    /// below
    pub lower: Side,
    /// above
    pub upper: Side,
}

impl Lines {
    /// Intercepts for any finite slopes over the boxes; slopes have one row
    /// per box, or (with a single box) any number of rows.
    pub(super) fn new(
        f: &dyn Pointwise,
        boxes: &Boxes,
        lower: Array2<f64>,
        upper: Array2<f64>,
    ) -> Lines {
        let rows: Vec<usize> = (0..lower.nrows()).collect();
        Lines {
            lower: Side::new(f, boxes, lower, &rows, ops::Side::Lower),
            upper: Side::new(f, boxes, upper, &rows, ops::Side::Upper),
        }
    }
}

/// A side of a split: in the rows that carry it, the operand of `node` at
/// `neuron` lies in `range`, part of its box. `multiplier` weighs the
/// constraint: for every `x` with `z >= range.lo` (or `z <= range.hi` with
/// `below`), `-multiplier (z - end)` (or its negation) is at most zero.
#[derive(Clone, Debug, PartialEq)]
pub struct Cut {
    /// the activation node
    pub node: NodeId,
    /// element of its operand
    pub neuron: usize,
    /// where the element lies
    pub range: Interval,
    /// the new end is the upper one
    pub below: bool,
    /// any non-negative number is sound
    pub multiplier: f64,
    /// slopes of the lines below and above over `range`; any are sound
    pub slopes: [f64; 2],
}

/// Backward interpreter over matrices of cotangents, shape (functionals, n).
pub(super) struct LinearRelaxation<'a> {
    facts: &'a [Option<Facts>],
    lines: &'a [Option<Lines>],
    /// per functional: its domain, and its set of lines
    owner: &'a [usize],
    set: &'a [usize],
    /// per functional
    cuts: &'a [&'a [Cut]],
    constant: Vec<f64>,
    /// cotangents of the activation nodes, by node
    record: Option<Vec<Option<Array2<f64>>>>,
}

impl<'a> LinearRelaxation<'a> {
    /// For one row per entry of `owner`; `facts` and `lines` are indexed by
    /// node. Row `s` uses the facts and the lines of `owner[s]`.
    pub(super) fn new(
        facts: &'a [Option<Facts>],
        lines: &'a [Option<Lines>],
        owner: &'a [usize],
    ) -> Self {
        LinearRelaxation {
            facts,
            lines,
            owner,
            set: owner,
            cuts: &[],
            constant: vec![0.0; owner.len()],
            record: None,
        }
    }

    /// Row `s` uses the lines `set[s]`.
    pub(super) fn with_sets(self, set: &'a [usize]) -> Self {
        LinearRelaxation { set, ..self }
    }

    /// Row `s` carries `cuts[s]`.
    pub(super) fn with_cuts(self, cuts: &'a [&'a [Cut]]) -> Self {
        LinearRelaxation { cuts, ..self }
    }

    /// Constants known before.
    pub(super) fn start_from(&mut self, constants: &[f64]) {
        self.constant.copy_from_slice(constants);
    }

    /// Keeps the cotangents of activation nodes.
    pub(super) fn recording(self) -> Self {
        LinearRelaxation {
            record: Some(vec![None; self.facts.len()]),
            ..self
        }
    }

    fn facts(&self, node: NodeId) -> &'a Facts {
        self.facts[node.index()]
            .as_ref()
            .expect("every ancestor was bounded before")
    }

    /// `constant_s += v - e`, rounded down.
    fn add(&mut self, s: usize, v: f64, e: f64) {
        self.constant[s] = eft::add_dn(self.constant[s], below(v, e));
    }

    /// Subtracts `per_unit Σ |Λ_si| |x_i| + per_sum Σ |x_i|` from every
    /// constant, `x` the value of `node`.
    fn absorb(&mut self, node: NodeId, rows: &Array2<f64>, per_unit: f64, per_sum: f64) {
        let facts = self.facts(node);
        for (s, row) in rows.rows().into_iter().enumerate() {
            let d = facts.row(self.owner[s]);
            let mag = facts.mag.row(d);
            let size = weighted_up(slice(&row), slice(&mag));
            let e = short_up(per_unit * size + per_sum * facts.mag_sum[d]);
            self.add(s, 0.0, e);
        }
    }

    /// The constants so far.
    pub(super) fn constants(&self) -> &[f64] {
        &self.constant
    }

    /// Seeds of exact functionals of `node`, one per row: nearest
    /// coefficients, what they lack absorbed. Coefficients are sparse.
    pub(super) fn seed<'r>(
        &mut self,
        node: NodeId,
        rows: impl Iterator<Item = (&'r [(usize, Rational)], &'r Rational)>,
    ) -> Array2<f64> {
        let facts = self.facts(node);
        let mut seed = Array2::zeros((self.owner.len(), facts.boxes.dim().1));
        for (s, (coefficients, constant)) in rows.enumerate() {
            let mag = facts.mag.row(facts.row(self.owner[s]));
            self.add(s, Interval::from_rational(constant).lo(), 0.0);
            for (i, c) in coefficients {
                let c = Interval::from_rational(c);
                seed[[s, *i]] = c.lo();
                if !c.is_point() {
                    let e = eft::mul_up(c.width_up(), mag[*i]);
                    self.add(s, 0.0, e);
                }
            }
        }
        seed
    }

    /// The cuts of row `s` at `node`.
    fn cuts(&self, s: usize, node: NodeId) -> impl Iterator<Item = &'a Cut> + use<'a> {
        let cuts: &'a [Cut] = self.cuts.get(s).copied().unwrap_or(&[]);
        cuts.iter().filter(move |c| c.node == node)
    }

    /// One neuron of row `s` that lies in `cut.range`: the new coefficient of
    /// its operand. The error is absorbed, and so is the constraint's constant.
    fn cut(&mut self, s: usize, f: &dyn Pointwise, mag: f64, cut: &Cut, a: f64) -> f64 {
        let slope = cut.slopes[usize::from(a < 0.0)];
        let residual = f.residual(slope, cut.range);
        if a != 0.0 {
            let t = if a < 0.0 {
                residual.hi()
            } else {
                residual.lo()
            };
            self.add(s, eft::mul_dn(a, t), 0.0);
        }
        let y = a * slope;
        // z >= lo: subtract m (z - lo); z <= hi: add m (z - hi).
        let m = cut.multiplier;
        let (x, end) = if cut.below {
            (y + m, -eft::mul_up(m, cut.range.hi()))
        } else {
            (y - m, eft::mul_dn(m, cut.range.lo()))
        };
        if m != 0.0 {
            self.add(s, end, 0.0);
        }
        // |fl(a s) - a s| <= u |y| + η, |fl(y ± m) - (y ± m)| <= u |x|
        self.add(s, 0.0, short_up((U * y.abs() + U * x.abs() + ETA) * mag));
        x
    }
}

fn slice<'b>(row: &'b ArrayView1<'_, f64>) -> &'b [f64] {
    row.as_slice().expect("standard layout has contiguous rows")
}

impl Backward for LinearRelaxation<'_> {
    type Cotangent = Array2<f64>;

    fn constant(&mut self, _: NodeId, values: &[Rational], y: Array2<f64>) {
        let values: Vec<Interval> = values.iter().map(Interval::from_rational).collect();
        for (s, row) in y.rows().into_iter().enumerate() {
            let sum = row
                .iter()
                .zip(&values)
                .fold(Interval::ZERO, |sum, (&a, v)| sum + v.scale(a));
            self.add(s, sum.lo(), 0.0);
        }
    }

    fn linear(
        &mut self,
        node: NodeId,
        input: NodeId,
        map: &dyn LinearMap,
        y: Array2<f64>,
    ) -> Array2<f64> {
        let x = map.adjoint(y.view(), Weights::Signed);
        let x = if x.is_standard_layout() {
            x
        } else {
            contiguous(x.view())
        };
        let facts = self.facts(node);
        if let Some((bias, cost)) = &facts.linear {
            let operand = self.facts(input);
            let chain = map.adjoint_chain() as f64 * ETA;
            for (s, row) in y.rows().into_iter().enumerate() {
                let row = slice(&row);
                let cost = cost.row(facts.row(self.owner[s]));
                let underflow = chain * operand.mag_sum[operand.row(self.owner[s])];
                let v = sum_rn(row.len(), |o| row[o] * bias[o]);
                let e = weighted_up(row, slice(&cost)) + underflow + row.len() as f64 * ETA;
                self.add(s, v, short_up(e));
            }
        }
        x
    }

    fn pointwise(
        &mut self,
        node: NodeId,
        input: NodeId,
        f: &dyn Pointwise,
        mut y: Array2<f64>,
    ) -> Array2<f64> {
        if let Some(record) = &mut self.record {
            record[node.index()] = Some(y.clone());
        }
        let all = self.lines;
        let lines = all[node.index()]
            .as_ref()
            .expect("every activation below has lines");
        let facts = self.facts(input);
        for (s, mut row) in y.rows_mut().into_iter().enumerate() {
            let row = row.as_slice_mut().expect("cotangents have contiguous rows");
            let d = facts.row(self.owner[s]);
            let mag = facts.mag.row(d);
            let (lower, upper) = (lines.lower.row(self.set[s]), lines.upper.row(self.set[s]));
            let cut: Vec<(&Cut, f64)> = self.cuts(s, node).map(|c| (c, row[c.neuron])).collect();
            for (c, _) in &cut {
                row[c.neuron] = 0.0;
            }
            let (v, e) = relax_row(
                row,
                RowLines {
                    lower: (
                        slice(&lines.lower.slope.row(lower)),
                        slice(&lines.lower.intercept.row(lower)),
                    ),
                    upper: (
                        slice(&lines.upper.slope.row(upper)),
                        slice(&lines.upper.intercept.row(upper)),
                    ),
                },
                slice(&mag),
                facts.mag_sum[d],
            );
            self.add(s, v, e);
            for (c, a) in cut {
                row[c.neuron] = self.cut(s, f, mag[c.neuron], c, a);
            }
        }
        y
    }

    fn combine(&mut self, _: NodeId, input: NodeId, c: &Rational, y: &Array2<f64>) -> Array2<f64> {
        let enclosure = Interval::from_rational(c);
        let a = enclosure.lo();
        let x = y * a;
        if a.abs() == 1.0 && enclosure.is_point() {
            return x;
        }
        if !enclosure.is_bounded() {
            self.constant.fill(f64::NEG_INFINITY);
            return x;
        }
        // a is c or its neighbour, |c - a| <= 2 u |a| + η, so
        // |c Λ - fl(a Λ)| <= 4 u |fl(a Λ)| + η |Λ| + 2 η.
        self.absorb(input, &x, 4.0 * U, 2.0 * ETA);
        if !enclosure.is_point() {
            self.absorb(input, y, ETA, 0.0);
        }
        x
    }

    /// Every term becomes one of its two planes. With `k` terms behind an
    /// element's coefficient, `|fl(Σ λ α) - Σ λ α| <= γ_k Σ |λ α| + k η`.
    fn product(
        &mut self,
        node: NodeId,
        operands: [NodeId; 2],
        p: &Product,
        y: Array2<f64>,
    ) -> [Array2<f64>; 2] {
        let facts = self.facts(node);
        let terms = facts.planes.len() / facts.boxes.dim().0;
        let mut new = p.operands().map(|x| Array2::zeros((y.nrows(), x.len())));
        let mut size = p.operands().map(|x| vec![0.0; x.len()]);
        for s in 0..y.nrows() {
            let d = facts.row(self.owner[s]);
            let mut planes = facts.planes[d * terms..(d + 1) * terms].iter();
            let (mut value, mut spread) = (0.0f64, 0.0f64);
            size.iter_mut().for_each(|s| s.fill(0.0));
            for (o, &c) in y.row(s).iter().enumerate() {
                p.terms(o, |i, j| {
                    let of_term = planes.next();
                    if c == 0.0 {
                        return;
                    }
                    let Some(Some(plane)) = of_term.map(|t| t[usize::from(c < 0.0)]) else {
                        value = f64::NAN;
                        return;
                    };
                    let at = [c * plane.a, c * plane.b, c * plane.constant];
                    new[0][[s, i]] += at[0];
                    new[1][[s, j]] += at[1];
                    size[0][i] += at[0].abs();
                    size[1][j] += at[1].abs();
                    value += at[2];
                    spread += at[2].abs();
                });
            }
            let sum = SumBound::new(terms);
            let mut e = B.gamma(terms) * sum.up(spread) + terms as f64 * ETA;
            for (k, operand) in operands.into_iter().enumerate() {
                let x = self.facts(operand);
                let d = x.row(self.owner[s]);
                let chain = p.adjoint_chain()[k];
                // One more factor pays for the rounding of the sizes themselves.
                let gamma = B.gamma(2 * chain + 2);
                let reach = weighted_up(&size[k], slice(&x.mag.row(d)));
                e += gamma * reach + (2 * chain) as f64 * ETA * x.mag_sum[d];
            }
            self.add(s, value, short_up(e));
        }
        new
    }

    fn merge(&mut self, node: NodeId, a: Array2<f64>, b: Array2<f64>) -> Array2<f64> {
        // |fl(a + b) - (a + b)| <= u |fl(a + b)|, no underflow in a sum
        let sum = a + b;
        self.absorb(node, &sum, U, 0.0);
        sum
    }
}

/// Input sets as the linear bounds see them: boxes, and for an ℓ₂ or ℓ₁ ball
/// (one domain) the dual norm.
#[derive(Clone, Debug)]
pub(super) struct InputSet {
    boxes: Boxes,
    least: LeastOver,
    ball: Option<Ball>,
}

#[derive(Clone, Debug)]
struct Ball {
    center: Vec<f64>,
    norm: Norm,
    eps_up: f64,
}

impl InputSet {
    pub(super) fn new(region: &Region) -> InputSet {
        let (lo, hi) = region.outer_box();
        let shape = (1, region.len());
        let array = |v| Array2::from_shape_vec(shape, v).expect("one number per element");
        InputSet {
            ball: (region.norm() != Norm::Linf).then(|| Ball {
                center: region.center().iter().map(|&c| f64::from(c)).collect(),
                norm: region.norm(),
                eps_up: Interval::from_rational(region.eps()).hi(),
            }),
            ..InputSet::boxes_only(Boxes::new(array(lo), array(hi)))
        }
    }

    /// One domain per box.
    pub(super) fn boxes_only(boxes: Boxes) -> InputSet {
        InputSet {
            least: LeastOver::new(&boxes),
            boxes,
            ball: None,
        }
    }

    /// The outer boxes, one per domain.
    pub(super) fn boxes(&self) -> &Boxes {
        &self.boxes
    }

    /// The set is its box.
    pub(super) fn is_box(&self) -> bool {
        self.ball.is_none()
    }

    /// A lower bound of `Λ · x` over the set of domain `d`: the better of box
    /// and ball, `Λ·c - eps ‖Λ‖_dual` (Hölder).
    pub(super) fn least(&self, row: &[f64], d: usize) -> f64 {
        let least = self.least.least(row, d.min(self.boxes.dim().0 - 1));
        let Some(ball) = &self.ball else {
            return least;
        };
        let (v, e) = dot_rn(row, &ball.center);
        let dual_up = match ball.norm {
            Norm::L2 => {
                let squares = sum_rn(row.len(), |i| row[i] * row[i]);
                eft::sqrt_up(SumBound::new(row.len()).up(squares))
            }
            // max would drop a NaN; v is NaN then, too
            _ => row.iter().fold(0.0, |m: f64, a| m.max(a.abs())),
        };
        least.max(below(v, short_up(e + ball.eps_up * dual_up)))
    }
}

/// What [`pull_back`] found.
pub(super) struct Pulled {
    /// lower bounds, one per functional
    pub lower: Vec<f64>,
    /// the functionals at the input, (functionals, n)
    pub input: Array2<f64>,
    /// cotangents of activation nodes, if recorded
    pub record: Vec<Option<Array2<f64>>>,
}

/// Lower bounds of functionals of `start` over the input sets: `seed` pulled
/// back through `graph`. `relaxation` may hold constants already;
/// `at_input` is added to the functionals at the input.
pub(super) fn pull_back(
    graph: &Graph,
    mut relaxation: LinearRelaxation<'_>,
    start: NodeId,
    seed: Array2<f64>,
    at_input: Option<Array2<f64>>,
    region: &InputSet,
) -> Pulled {
    let rows = seed.nrows();
    let inputs = crate::graph::backward(graph, &mut relaxation, start, seed);
    let cotangent = inputs.into_iter().flatten().next();
    let input = match (cotangent, at_input) {
        (Some(a), Some(b)) => relaxation.merge(graph.inputs()[0], a, b),
        (Some(a), None) | (None, Some(a)) => a,
        (None, None) => Array2::zeros((rows, region.boxes.dim().1)),
    };
    let mut lower = relaxation.constant;
    for (s, (total, row)) in lower.iter_mut().zip(input.rows()).enumerate() {
        let part = region.least(slice(&row), relaxation.owner[s]);
        *total = eft::add_dn(*total, part);
    }
    Pulled {
        lower,
        input,
        record: relaxation.record.unwrap_or_default(),
    }
}
