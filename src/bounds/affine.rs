//! Affine forms of the input, forward: cheap bounds where few inputs vary.
//!
//! Over a box with centre `c` and radii `r`, `x_k = c_k + r_k ε_k` with
//! `|ε_k| <= 1`. Every node's element is kept as `M_0 + Σ M_k ε_k ± R`: the
//! parts that nodes share through the input cancel, as they do not in a box.
//! What an activation bends and what rounding loses goes into `R`, rounded
//! upward.
//!
//! **Invariant.** For every `x` in the box, with the one `ε` that belongs to it,
//! the exact value of every element lies within `R` of `M_0 + Σ M_k ε_k`; where
//! a number overflowed, `R` is infinite or NaN and the form says nothing.
//!
//! References: Stolfi and de Figueiredo, *Self-validated numerical methods and
//! applications* (1997), chapter 3; Singh et al., *Fast and effective robustness
//! certification* (2018), Theorem 3.1 (with one noise symbol per input only).

use std::cmp::Ordering;

use ndarray::{Array2, ArrayView1, Zip};

use super::interval::is_index_map;
use crate::exact::Rational;
use crate::ops::{self, LinearMap, Pointwise, Product, Weights};
use crate::rounding::{Boxes, Interval, Precision, SumBound, short_up};

const U: f64 = Precision::BINARY64.unit_roundoff;
const ETA: f64 = Precision::BINARY64.eta;

/// The varying inputs.
#[derive(Clone, Debug)]
pub(super) struct Axes(Vec<usize>);

impl Axes {
    /// The elements that some box has a width in, beyond the two neighbours of
    /// a decimal.
    pub(super) fn of(boxes: &Boxes) -> Axes {
        let (domains, n) = boxes.dim();
        let wide = |x: Interval| x.width_up() > 4.0 * U * x.mag();
        let varies = |i: &usize| (0..domains).any(|d| wide(boxes.at(d, *i)));
        Axes((0..n).filter(varies).collect())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// The forms of one node's elements over a batch of boxes.
#[derive(Clone, Debug)]
pub(super) struct Form {
    /// per domain one row per axis, then the centre: (domains (axes + 1), n)
    terms: Array2<f64>,
    /// `R`, (domains, n)
    rest: Array2<f64>,
}

impl Form {
    fn axes(&self) -> usize {
        self.terms.nrows() / self.rest.nrows().max(1) - 1
    }

    fn zeros(domains: usize, axes: usize, n: usize) -> Form {
        Form {
            terms: Array2::zeros((domains * (axes + 1), n)),
            rest: Array2::zeros((domains, n)),
        }
    }

    /// Of the input itself.
    pub(super) fn input(boxes: &Boxes, axes: &Axes) -> Form {
        let mut form = Form::constant(boxes, axes.len());
        for d in 0..boxes.dim().0 {
            for (k, &i) in axes.0.iter().enumerate() {
                let rest = &mut form.rest[[d, i]];
                form.terms[[d * (axes.len() + 1) + k, i]] = std::mem::take(rest);
            }
        }
        form
    }

    /// Of values that only a box is known of.
    pub(super) fn constant(boxes: &Boxes, axes: usize) -> Form {
        let (domains, n) = boxes.dim();
        let mut form = Form::zeros(domains, axes, n);
        for d in 0..domains {
            for i in 0..n {
                (form.terms[[d * (axes + 1) + axes, i]], form.rest[[d, i]]) =
                    middle(boxes.at(d, i));
            }
        }
        form
    }

    /// `Σ_k |M_k|` without the centre, (domains, n), rounded upward.
    fn swing(&self) -> Array2<f64> {
        let axes = self.axes();
        let sum = SumBound::new(axes);
        let mut swing = Array2::zeros(self.rest.dim());
        for (d, mut swing) in swing.rows_mut().into_iter().enumerate() {
            for k in 0..axes {
                let terms = self.terms.row(d * (axes + 1) + k);
                Zip::from(&mut swing)
                    .and(&terms)
                    .for_each(|s, m| *s += m.abs());
            }
            swing.mapv_inplace(|s| sum.up(s));
        }
        swing
    }

    /// `M_0` of domain `d`.
    fn centre(&self, d: usize) -> ArrayView1<'_, f64> {
        let axes = self.axes();
        self.terms.row(d * (axes + 1) + axes)
    }

    /// The boxes that the forms imply.
    pub(super) fn boxes(&self) -> Boxes {
        let axes = self.axes();
        let mut radius = self.swing();
        radius.zip_mut_with(&self.rest, |s, r| *s = short_up(*s + r));
        let rows: Vec<usize> = (0..self.rest.nrows())
            .map(|d| d * (axes + 1) + axes)
            .collect();
        Boxes::around(self.terms.select(ndarray::Axis(0), &rows), radius)
    }

    /// Elements whose box is narrower than `2 R` keep the box alone.
    pub(super) fn restrict(&mut self, boxes: &Boxes) {
        let axes = self.axes();
        for ((d, i), rest) in self.rest.indexed_iter_mut() {
            let (m, h) = middle(boxes.at(d, i));
            // Also where R is NaN.
            if (*rest).partial_cmp(&h) != Some(Ordering::Less) {
                let row = d * (axes + 1);
                (row..row + axes).for_each(|k| self.terms[[k, i]] = 0.0);
                (self.terms[[row + axes, i]], *rest) = (m, h);
            }
        }
    }

    /// `A x + b`. With `k` terms in a row, `|fl(A M) - A M| <= γ_k |A||M| + k η`
    /// for each of the `axes + 1` parts, and the coefficients are known up to a
    /// relative uncertainty `d`: `R' = |A| (R + (γ_k + d) Σ |M| + d R)`.
    pub(super) fn linear(&self, map: &dyn LinearMap) -> Form {
        let mut terms = map.apply(self.terms.view(), Weights::Signed);
        if is_index_map(map) {
            let rest = map.apply(self.rest.view(), Weights::Absolute);
            return Form { terms, rest };
        }
        let axes = self.axes();
        let uncertainty = map.uncertainty();
        let relative = short_up(Precision::BINARY64.gamma(map.chain()) + uncertainty);
        let mut spread = self.swing();
        for (d, spread) in spread.rows_mut().into_iter().enumerate() {
            let of_operand = Zip::from(spread).and(self.centre(d)).and(self.rest.row(d));
            of_operand.for_each(|s, centre, r| {
                *s = short_up(r + relative * (*s + centre.abs()) + uncertainty * r);
            });
        }
        let mut rest = map.apply(spread.view(), Weights::Absolute);
        let sum = SumBound::new(map.chain());
        let underflow = ((axes + 1) * map.chain()) as f64 * ETA;
        let n = map.output().len();
        let bias: Vec<f64> = (0..n).map(|o| f64::from(map.bias(o))).collect();
        for (d, mut rest) in rest.rows_mut().into_iter().enumerate() {
            let mut centre = terms.row_mut(d * (axes + 1) + axes);
            for ((r, m), b) in rest.iter_mut().zip(&mut centre).zip(&bias) {
                *m += b;
                *r = short_up(sum.up(*r) + underflow + U * m.abs());
            }
        }
        Form { terms, rest }
    }

    /// `φ(x)` for operands in `boxes`: `φ(t) = λ t + m ± h` with the better of
    /// the slopes `proposed` (any rows of them), or of none.
    ///
    /// Per part `|fl(λ M) - λ M| <= u |fl(λ M)| + η`, and the sum at the centre
    /// costs another `u |fl(λ M_0 + m)|`.
    pub(super) fn pointwise(
        &self,
        f: &dyn Pointwise,
        boxes: &Boxes,
        proposed: [&Array2<f64>; 2],
    ) -> Form {
        let (domains, n) = self.rest.dim();
        let axes = self.axes();
        let sum = SumBound::new(axes + 1);
        let underflow = (axes + 2) as f64 * ETA;
        let mut form = Form::zeros(domains, axes, n);
        for d in 0..domains {
            let row = d * (axes + 1);
            let (lo, hi) = (boxes.lo().row(d).to_vec(), boxes.hi().row(d).to_vec());
            let mut line = Line::narrowest(f, &lo, &hi, proposed.map(|p| p.row(d).to_vec()));
            let mut size = vec![0.0; n];
            for k in row..=row + axes {
                let (x, mut y) = (self.terms.row(k), form.terms.row_mut(k));
                let of_row = Zip::from(&mut y).and(&x).and(ArrayView1::from(&line.slope));
                // With slope zero the operand does not matter, known or not.
                of_row.for_each(|y, x, s| *y = if *s == 0.0 { 0.0 } else { s * x });
                size.iter_mut()
                    .zip(&y)
                    .for_each(|(size, y)| *size += y.abs());
            }
            let mut centre = form.terms.row_mut(row + axes);
            for (i, m) in centre.iter_mut().enumerate() {
                *m += line.middle[i];
                if line.slope[i] != 0.0 {
                    let lost = U * (sum.up(size[i]) + m.abs());
                    let h = &mut line.half[i];
                    let bent = line.slope[i].abs() * self.rest[[d, i]];
                    *h = short_up(bent + *h + lost + underflow);
                }
            }
            form.rest.row_mut(d).assign(&ArrayView1::from(&line.half));
        }
        form
    }

    /// `Σ c_j x_j` with exact coefficients, `a_j` the nearest below and
    /// `|c_j - a_j| <= w_j`: with `J` operands every part loses at most
    /// `γ_J Σ |a_j M_j| + J η` and `Σ w_j |M_j|`.
    pub(super) fn combine(coefficients: &[Rational], xs: &[&Form]) -> Form {
        let (domains, n) = xs[0].rest.dim();
        let axes = xs[0].axes();
        let count = xs.len();
        let mut form = Form::zeros(domains, axes, n);
        let gamma = Precision::BINARY64.gamma(count);
        for (c, x) in coefficients.iter().zip(xs) {
            let enclosure = Interval::from_rational(c);
            let (a, width) = (enclosure.lo(), enclosure.width_up());
            form.terms.scaled_add(a, &x.terms);
            let swing = x.swing();
            let a = a.abs();
            for (d, rest) in form.rest.rows_mut().into_iter().enumerate() {
                let of_operand = Zip::from(rest).and(swing.row(d)).and(x.centre(d));
                of_operand
                    .and(x.rest.row(d))
                    .for_each(|r, swing, centre, rest| {
                        let lost = short_up((gamma * a + width) * short_up(swing + centre.abs()));
                        *r += short_up((a + width) * rest + lost);
                    });
            }
        }
        let sum = SumBound::new(count);
        let underflow = (count * (axes + 1)) as f64 * ETA;
        form.rest.mapv_inplace(|r| short_up(sum.up(r) + underflow));
        form
    }

    /// `Σ a_i b_j`. A product of two forms is `a_0 b_0 + Σ (a_0 b_k + b_0 a_k) ε_k`
    /// up to `|a_0| R_b + |b_0| R_a + D_a D_b`, `D = Σ |M_k| + R`. Each part is a
    /// sum of at most `2 T` products over `T` terms and loses `γ_2T` of its
    /// size; the sizes are together at most `Σ (|a_0| + D_a)(|b_0| + D_b)`.
    pub(super) fn product(p: &Product, a: &Form, b: &Form) -> Form {
        let domains = a.rest.nrows();
        let axes = a.axes();
        let mut form = Form::zeros(domains, axes, p.output().len());
        let gamma = Precision::BINARY64.gamma(2 * p.chain() + 2);
        let sum = SumBound::new(p.chain());
        let underflow = (2 * p.chain() * (axes + 1)) as f64 * ETA;
        let (of_a, of_b) = (a.swing(), b.swing());
        for d in 0..domains {
            let row = d * (axes + 1);
            for o in 0..p.output().len() {
                let mut rest = 0.0;
                p.terms(o, |i, j| {
                    let (x, y) = (a.terms[[row + axes, i]], b.terms[[row + axes, j]]);
                    form.terms[[row + axes, o]] += x * y;
                    for k in row..row + axes {
                        form.terms[[k, o]] += x * b.terms[[k, j]];
                        form.terms[[k, o]] += y * a.terms[[k, i]];
                    }
                    let (ra, rb) = (a.rest[[d, i]], b.rest[[d, j]]);
                    let (da, db) = (short_up(of_a[[d, i]] + ra), short_up(of_b[[d, j]] + rb));
                    let bent = short_up(x.abs() * rb + y.abs() * ra + da * db);
                    let size = short_up((x.abs() + da) * (y.abs() + db));
                    rest += short_up(bent + gamma * size);
                });
                form.rest[[d, o]] = short_up(sum.up(rest) + underflow);
            }
        }
        form
    }
}

/// Midpoint and an upper bound of the distance from it; of an unbounded
/// interval zero and infinity.
fn middle(x: Interval) -> (f64, f64) {
    if !x.is_bounded() {
        return (0.0, f64::INFINITY);
    }
    if x.is_point() {
        return (x.lo(), 0.0);
    }
    let m = 0.5 * x.lo() + 0.5 * x.hi();
    (m, short_up((x.hi() - m).max(m - x.lo())))
}

/// Per element a slope `λ` with `φ(t) - λ t` within `half` of `middle`.
struct Line {
    slope: Vec<f64>,
    middle: Vec<f64>,
    half: Vec<f64>,
}

impl Line {
    /// The better of two slopes per element.
    fn narrowest(f: &dyn Pointwise, lo: &[f64], hi: &[f64], slopes: [Vec<f64>; 2]) -> Line {
        let [mut line, other] = slopes.map(|slope| {
            let [mut middle, mut half] = ops::Side::ALL.map(|side| {
                let mut out = vec![0.0; lo.len()];
                f.lines(lo, hi, &slope, side, &mut out);
                out
            });
            for (m, h) in middle.iter_mut().zip(&mut half) {
                (*m, *h) = self::middle(Interval::or_entire(*m, *h));
            }
            Line {
                slope,
                middle,
                half,
            }
        });
        for i in 0..lo.len() {
            if other.half[i] <= line.half[i] {
                line.slope[i] = other.slope[i];
                (line.middle[i], line.half[i]) = (other.middle[i], other.half[i]);
            }
        }
        line
    }
}
