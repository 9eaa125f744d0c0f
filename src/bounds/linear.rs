//! Backward linear relaxation (CROWN): linear functionals of a node are pulled
//! back to the input, every activation replaced by one of its two lines.
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

use super::LayerEvidence;
use super::interval::is_index_map;
use crate::exact::Rational;
use crate::graph::{Backward, Graph, NodeId};
use crate::ops::{LinearMap, Pointwise, Product, Weights};
use crate::rounding::forms::{below, contiguous, dot_rn, least_over_box, sum_rn, weighted_up};
use crate::rounding::{Boxes, Interval, Precision, SumBound, eft, short_up};
use crate::verify::{Norm, Region};

const B: Precision = Precision::BINARY64;
const U: f64 = B.unit_roundoff;
const ETA: f64 = B.eta;

/// What the backward rules need to know of a node, computed once when its box
/// is final.
#[derive(Debug)]
pub(super) struct Facts {
    /// the node's box, one sample
    pub boxes: Boxes,
    /// the largest `|x_i|`
    mag: Vec<f64>,
    /// an upper bound of their sum
    mag_sum: f64,
    /// of a linear node: its bias, and per output the error of pulling one
    /// unit of cotangent through it
    linear: Option<(Vec<f64>, Vec<f64>)>,
}

impl Facts {
    pub(super) fn new(boxes: Boxes) -> Facts {
        let mag = boxes.magnitudes(0);
        let mag_sum = SumBound::new(mag.len()).up(mag.iter().sum());
        Facts {
            boxes,
            mag,
            mag_sum,
            linear: None,
        }
    }

    /// Replaces the box by a smaller one.
    pub(super) fn cut(&mut self, boxes: Boxes) {
        let linear = self.linear.take();
        *self = Facts {
            linear,
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
        let mag = ndarray::ArrayView2::from_shape((1, x.mag.len()), &x.mag[..])
            .expect("one magnitude per element");
        let reach = map.apply(mag, Weights::Absolute);
        let sum = SumBound::new(map.chain());
        let relative = B.gamma(map.adjoint_chain()) + map.uncertainty();
        let gamma = B.gamma(n);
        let cost = (0..n)
            .map(|o| short_up(relative * sum.up(reach[[0, o]]) + gamma * bias[o].abs()))
            .collect();
        facts.linear = Some((bias, cost));
        facts
    }
}

/// The lines of one activation node, derived from its evidence.
#[derive(Debug)]
pub(super) struct Lines {
    slope: [Vec<f64>; 2],
    intercept: [Vec<f64>; 2],
}

impl Lines {
    /// Intercepts for the slopes and the box of `evidence`.
    pub(super) fn new(f: &dyn Pointwise, evidence: &LayerEvidence) -> Lines {
        let e = evidence;
        let residual =
            |slope: &[f64], i: usize| f.residual(slope[i], Interval::or_entire(e.lo[i], e.hi[i]));
        let n = e.lo.len();
        Lines {
            intercept: [
                (0..n).map(|i| residual(&e.lower_slope, i).lo()).collect(),
                (0..n).map(|i| residual(&e.upper_slope, i).hi()).collect(),
            ],
            slope: [e.lower_slope.clone(), e.upper_slope.clone()],
        }
    }
}

/// Backward interpreter over matrices of cotangents, shape (functionals, n).
pub(super) struct LinearRelaxation<'a> {
    facts: &'a [Option<Facts>],
    lines: &'a [Option<Lines>],
    constant: Vec<f64>,
}

impl<'a> LinearRelaxation<'a> {
    /// For `functionals` rows; `facts` and `lines` are indexed by node.
    pub(super) fn new(
        facts: &'a [Option<Facts>],
        lines: &'a [Option<Lines>],
        functionals: usize,
    ) -> Self {
        LinearRelaxation {
            facts,
            lines,
            constant: vec![0.0; functionals],
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

    /// Subtracts `per_unit Σ |Λ_si| |x_i| + absolute` from every constant,
    /// `x` the value of `node`.
    fn absorb(&mut self, node: NodeId, rows: &Array2<f64>, per_unit: f64, absolute: f64) {
        let mag = &self.facts(node).mag;
        for (s, row) in rows.rows().into_iter().enumerate() {
            let e = short_up(per_unit * weighted_up(slice(&row), mag) + absolute);
            self.add(s, 0.0, e);
        }
    }

    /// The constants so far.
    pub(super) fn constants(&self) -> &[f64] {
        &self.constant
    }

    /// Seeds of exact functionals of `node`: nearest coefficients, what they
    /// lack absorbed.
    pub(super) fn seed(&mut self, node: NodeId, rows: &[(&[Rational], &Rational)]) -> Array2<f64> {
        let n = self.facts(node).mag.len();
        let mut seed = Array2::zeros((rows.len(), n));
        for (s, (coefficients, constant)) in rows.iter().enumerate() {
            self.add(s, Interval::from_rational(constant).lo(), 0.0);
            for (i, c) in coefficients.iter().enumerate() {
                let c = Interval::from_rational(c);
                seed[[s, i]] = c.lo();
                if !c.is_point() {
                    let e = eft::mul_up(c.width_up(), self.facts(node).mag[i]);
                    self.add(s, 0.0, e);
                }
            }
        }
        seed
    }
}

fn slice<'b>(row: &'b ArrayView1<'_, f64>) -> &'b [f64] {
    row.as_slice().expect("cotangents have contiguous rows")
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
        let x = contiguous(map.adjoint(y.view(), Weights::Signed).view());
        if let Some((bias, cost)) = &self.facts(node).linear {
            let underflow = map.adjoint_chain() as f64 * ETA * self.facts(input).mag_sum;
            for (s, row) in y.rows().into_iter().enumerate() {
                let row = slice(&row);
                let v = sum_rn(row.len(), |o| row[o] * bias[o]);
                let e = weighted_up(row, cost) + underflow + row.len() as f64 * ETA;
                self.add(s, v, short_up(e));
            }
        }
        x
    }

    fn pointwise(
        &mut self,
        node: NodeId,
        input: NodeId,
        _: &dyn Pointwise,
        mut y: Array2<f64>,
    ) -> Array2<f64> {
        let lines = self.lines[node.index()]
            .as_ref()
            .expect("every activation below has lines");
        let n = y.ncols();
        let mut chosen = vec![0.0; n];
        for (s, mut row) in y.rows_mut().into_iter().enumerate() {
            let row = row.as_slice_mut().expect("cotangents have contiguous rows");
            // Λ >= 0 takes the lower line, Λ < 0 the upper one; a zero (or NaN)
            // takes no part, so that an unbounded line does not spoil the sum.
            for i in 0..n {
                let side = usize::from(row[i] < 0.0);
                chosen[i] = if row[i] == 0.0 {
                    0.0
                } else {
                    lines.intercept[side][i]
                };
            }
            let (v, e) = dot_rn(row, &chosen);
            self.add(s, v, e);
            for (i, a) in row.iter_mut().enumerate() {
                *a *= lines.slope[usize::from(*a < 0.0)][i];
            }
        }
        // |fl(Λ s) - Λ s| <= u |fl(Λ s)| + η
        let underflow = ETA * self.facts(input).mag_sum;
        self.absorb(input, &y, U, underflow);
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
        let underflow = 2.0 * ETA * self.facts(input).mag_sum;
        self.absorb(input, &x, 4.0 * U, underflow);
        if !enclosure.is_point() {
            self.absorb(input, y, ETA, 0.0);
        }
        x
    }

    /// The product's own box takes its place: nothing reaches the operands.
    fn product(
        &mut self,
        node: NodeId,
        _: [NodeId; 2],
        p: &Product,
        y: Array2<f64>,
    ) -> [Array2<f64>; 2] {
        let least = least_over_box(y.view(), &self.facts(node).boxes, 0);
        for (s, least) in least.into_iter().enumerate() {
            self.add(s, least, 0.0);
        }
        p.operands()
            .map(|shape| Array2::zeros((y.nrows(), shape.len())))
    }

    fn merge(&mut self, node: NodeId, a: Array2<f64>, b: Array2<f64>) -> Array2<f64> {
        // |fl(a + b) - (a + b)| <= u |fl(a + b)|, no underflow in a sum
        let sum = a + b;
        self.absorb(node, &sum, U, 0.0);
        sum
    }
}

/// An input region as the linear bounds see it: its outer box and, for ℓ₂ and
/// ℓ₁ balls, the dual norm.
#[derive(Debug)]
pub(super) struct InputSet {
    boxes: Boxes,
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
            boxes: Boxes::new(array(lo), array(hi)),
            center: region.center().iter().map(|&c| f64::from(c)).collect(),
            norm: region.norm(),
            eps_up: Interval::from_rational(region.eps()).hi(),
        }
    }

    /// The outer box, one sample.
    pub(super) fn boxes(&self) -> &Boxes {
        &self.boxes
    }

    /// For each row a lower bound of `Λ_s · x` over the set: the better of box
    /// and ball, `Λ·c - eps ‖Λ‖_dual` (Hölder).
    pub(super) fn least(&self, rows: &Array2<f64>) -> Vec<f64> {
        let mut least = least_over_box(rows.view(), &self.boxes, 0);
        if self.norm == Norm::Linf {
            return least;
        }
        for (row, least) in rows.rows().into_iter().zip(&mut least) {
            let row = slice(&row);
            let (v, e) = dot_rn(row, &self.center);
            let dual_up = match self.norm {
                Norm::L2 => {
                    let squares = sum_rn(row.len(), |i| row[i] * row[i]);
                    eft::sqrt_up(SumBound::new(row.len()).up(squares))
                }
                // max would drop a NaN; v is NaN then, too
                _ => row.iter().fold(0.0, |m: f64, a| m.max(a.abs())),
            };
            let ball = below(v, short_up(e + self.eps_up * dual_up));
            *least = least.max(ball);
        }
        least
    }
}

/// Lower bounds of functionals of `start` over the region: `seed` pulled back
/// through `graph`. `relaxation` may hold constants already.
pub(super) fn pull_back(
    graph: &Graph,
    mut relaxation: LinearRelaxation<'_>,
    start: NodeId,
    seed: Array2<f64>,
    region: &InputSet,
) -> Vec<f64> {
    let inputs = crate::graph::backward(graph, &mut relaxation, start, seed);
    let mut lower = relaxation.constant;
    for cotangent in inputs.into_iter().flatten() {
        for (total, part) in lower.iter_mut().zip(region.least(&cotangent)) {
            *total = eft::add_dn(*total, part);
        }
    }
    lower
}
