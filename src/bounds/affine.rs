//! Affine forms: every node as an affine function of the inputs that vary, with
//! one remainder per element.
//!
//! Element `i` of a node is `Σ_j a_ij e_j + c_i + r`, `|r| <= r_i`, where input
//! `j` of the box is `mid_j + rad_j e_j`, `|e_j| <= 1`. A pass over a layer costs
//! as much as one of `k + 2` functionals, `k` the inputs that vary, whatever the
//! layer's width: with few inputs and wide layers that is far below the price of
//! a backward pass from every element, and most elements need no more.
//!
//! This is affine arithmetic that opens no new symbol for an activation; its
//! error joins the remainder, so that remainders do not cancel.
//!
//! **Rounding.** Whatever an operation loses joins the remainder, rounded up:
//! a sum of `n` products loses at most `γ_n Σ|a_i b_i| + n η`.
//!
//! References: de Figueiredo and Stolfi, *Affine arithmetic: concepts and
//! applications* (2004); Singh et al., *Fast and effective robustness
//! certification* (2018), Theorem 3.1, for the slopes of least remainder.

use ndarray::{Array2, ArrayView1};

use super::interval::is_index_map;
use crate::exact::Rational;
use crate::ops::{LinearMap, Pointwise, Product, SlopeRule, Weights};
use crate::rounding::{Boxes, Interval, Precision, SumBound, eft, short_up};

const B: Precision = Precision::BINARY64;
const U: f64 = B.unit_roundoff;
const ETA: f64 = B.eta;

/// The forms of one node, for several domains.
#[derive(Clone, Debug)]
pub(super) struct AffineForms {
    /// symbols
    k: usize,
    /// coefficients and centres: of domain `d`, rows `d (k + 1) ..`, the last the centres
    rows: Array2<f64>,
    /// remainders, (domains, n)
    rest: Array2<f64>,
}

impl AffineForms {
    /// The inputs themselves, one symbol for each that varies in some domain.
    pub(super) fn of_input(boxes: &Boxes) -> AffineForms {
        let (domains, n) = boxes.dim();
        let varying = varying(boxes);
        let k = varying.len();
        let mut forms = AffineForms::of_boxes(boxes, k);
        for d in 0..domains {
            for (j, &i) in varying.iter().enumerate() {
                forms.rows[[d * (k + 1) + j, i]] = forms.rest[[d, i]];
                forms.rest[[d, i]] = 0.0;
            }
        }
        debug_assert_eq!(forms.rest.ncols(), n);
        forms
    }

    /// Boxes without any symbol.
    fn of_boxes(boxes: &Boxes, k: usize) -> AffineForms {
        let (domains, n) = boxes.dim();
        let mut forms = AffineForms {
            k,
            rows: Array2::zeros((domains * (k + 1), n)),
            rest: Array2::zeros((domains, n)),
        };
        for d in 0..domains {
            for i in 0..n {
                let x = boxes.at(d, i);
                let (c, r) = around(x);
                forms.rows[[d * (k + 1) + k, i]] = c;
                forms.rest[[d, i]] = r;
            }
        }
        forms
    }

    fn domains(&self) -> usize {
        self.rest.nrows()
    }

    fn centre(&self, d: usize) -> usize {
        d * (self.k + 1) + self.k
    }

    /// `Σ_j |a_ij|`, rounded up, (domains, n).
    fn reach(&self) -> Array2<f64> {
        let sum = SumBound::new(self.k);
        let mut reach = Array2::zeros(self.rest.dim());
        for (d, mut reach) in reach.rows_mut().into_iter().enumerate() {
            for j in 0..self.k {
                let row = self.rows.row(d * (self.k + 1) + j);
                reach.zip_mut_with(&row, |s: &mut f64, a| *s += a.abs());
            }
            reach.mapv_inplace(|s| sum.up(s));
        }
        reach
    }

    /// The interval of every element; the whole line where something overflowed.
    pub(super) fn boxes(&self) -> Boxes {
        let reach = self.reach();
        Boxes::from_shape_fn(self.rest.dim(), |d, i| {
            let c = self.rows[[self.centre(d), i]];
            let r = short_up(reach[[d, i]] + self.rest[[d, i]]);
            if c.is_finite() && r.is_finite() {
                Interval::or_entire(eft::sub_dn(c, r), eft::add_up(c, r))
            } else {
                Interval::ENTIRE
            }
        })
    }

    /// Of exact constants.
    pub(super) fn constant(values: &[Rational], k: usize, domains: usize) -> AffineForms {
        let row: Vec<Interval> = values.iter().map(Interval::from_rational).collect();
        let boxes = Boxes::from_shape_fn((domains, row.len()), |_, i| row[i]);
        AffineForms::of_boxes(&boxes, k)
    }

    /// `A x + b`. With `n` terms behind an output and coefficients known up to a
    /// relative `d`, the coefficients together lose `(γ_n + d) |A| (Σ|a_j| + |c|)`,
    /// and the remainder becomes `(1 + d) |A| r`.
    pub(super) fn linear(&self, map: &dyn LinearMap) -> AffineForms {
        let mut rows = map.apply(self.rows.view(), Weights::Signed);
        let exact = is_index_map(map);
        let (gamma, d) = (B.gamma(map.chain()), map.uncertainty());
        let spread = if exact {
            self.rest.clone()
        } else {
            let mut spread = self.reach();
            for ((s, i), spread) in spread.indexed_iter_mut() {
                let size = *spread + self.rows[[self.centre(s), i]].abs();
                let rest = self.rest[[s, i]];
                *spread = short_up(rest + d * rest + (gamma + d) * size);
            }
            spread
        };
        let mut rest = map.apply(spread.view(), Weights::Absolute);
        if !exact {
            let sum = SumBound::new(map.chain());
            let underflow = ((self.k + 1) * map.chain()) as f64 * ETA;
            for (s, mut rest) in rest.rows_mut().into_iter().enumerate() {
                let mut centre = rows.row_mut(self.centre(s));
                for (o, (r, c)) in rest.iter_mut().zip(&mut centre).enumerate() {
                    let b = f64::from(map.bias(o));
                    if b != 0.0 {
                        *c += b;
                    }
                    *r = short_up(sum.up(*r) + underflow + U * c.abs());
                }
            }
        }
        AffineForms {
            k: self.k,
            rows,
            rest,
        }
    }

    /// `φ(x)` with `x` in `boxes`: `s x + t` for the slope `s` of least residual.
    pub(super) fn pointwise(&self, f: &dyn Pointwise, boxes: &Boxes) -> AffineForms {
        let (domains, n) = self.rest.dim();
        let mut out = self.clone();
        for d in 0..domains {
            let box_row = if boxes.dim().0 == 1 { 0 } else { d };
            for i in 0..n {
                let x = boxes.at(box_row, i);
                let (s, t) = flattest(f, x);
                let (m, spread) = around(t);
                let mut reach = 0.0;
                for j in 0..self.k {
                    let a = &mut out.rows[[d * (self.k + 1) + j, i]];
                    *a *= s;
                    reach += a.abs();
                }
                let c = &mut out.rows[[self.centre(d), i]];
                let scaled = s * *c;
                *c = scaled + m;
                let lost = SumBound::new(self.k).up(reach) + scaled.abs() + c.abs();
                let rest = s.abs() * self.rest[[d, i]] + spread;
                out.rest[[d, i]] = short_up(rest + 2.0 * U * lost + (2 * self.k + 4) as f64 * ETA);
            }
        }
        out
    }

    /// `Σ c_k x_k`. A coefficient that is not a double is replaced by a neighbour
    /// at relative distance at most `2 u` and absolute distance `η`.
    pub(super) fn combine(coefficients: &[Rational], xs: &[&AffineForms]) -> AffineForms {
        let (first, terms) = (xs[0], coefficients.len());
        let mut rows = Array2::zeros(first.rows.dim());
        let mut rest = Array2::zeros(first.rest.dim());
        let gamma = B.gamma(terms);
        for (coefficient, x) in coefficients.iter().zip(xs) {
            let enclosure = Interval::from_rational(coefficient);
            let a = enclosure.lo();
            let (relative, absolute) = if enclosure.is_point() {
                (0.0, 0.0)
            } else if enclosure.is_bounded() {
                (2.0 * U, ETA)
            } else {
                (f64::INFINITY, 0.0)
            };
            rows.scaled_add(a, &x.rows);
            let reach = x.reach();
            for ((d, i), e) in rest.indexed_iter_mut() {
                let size = reach[[d, i]] + x.rows[[x.centre(d), i]].abs();
                let own = x.rest[[d, i]];
                let spread = short_up(own + (gamma + relative) * size + relative * own);
                *e += a.abs() * spread + absolute * (size + own);
            }
        }
        let sum = SumBound::new(2 * terms);
        let underflow = (terms * (first.k + 1)) as f64 * ETA;
        rest.mapv_inplace(|e| short_up(sum.up(e) + underflow));
        AffineForms {
            k: first.k,
            rows,
            rest,
        }
    }

    /// `Σ x_i z_j`, operands in boxes: about the midpoints `p`, `q` of the boxes,
    /// `x z = p z + q x - p q + (x - p)(z - q)`.
    pub(super) fn product(
        p: &Product,
        [x, z]: [&AffineForms; 2],
        boxes: [&Boxes; 2],
    ) -> AffineForms {
        let (domains, n, k) = (x.domains(), p.output().len(), x.k);
        let mut rows = Array2::zeros((domains * (k + 1), n));
        let mut rest = Array2::zeros((domains, n));
        let terms = p.chain();
        let (gamma, sum) = (B.gamma(4 * terms + 4), SumBound::new(8 * terms));
        let reach = [x.reach(), z.reach()];
        for d in 0..domains {
            let around_of = |side: usize, i: usize| {
                let boxes = boxes[side];
                around(boxes.at(if boxes.dim().0 == 1 { 0 } else { d }, i))
            };
            for o in 0..n {
                let (mut centre, mut lost) = (0.0, 0.0);
                p.terms(o, |i, j| {
                    let ((at_x, r_x), (at_z, r_z)) = (around_of(0, i), around_of(1, j));
                    for symbol in 0..k {
                        let row = d * (k + 1) + symbol;
                        rows[[row, o]] += at_x * z.rows[[row, j]] + at_z * x.rows[[row, i]];
                    }
                    let (c_x, c_z) = (x.rows[[x.centre(d), i]], z.rows[[z.centre(d), j]]);
                    centre += at_x * c_z + at_z * c_x - at_x * at_z;
                    let size_x = reach[0][[d, i]] + c_x.abs();
                    let size_z = reach[1][[d, j]] + c_z.abs();
                    let size = at_x.abs() * size_z + at_z.abs() * size_x + (at_x * at_z).abs();
                    let own = at_x.abs() * z.rest[[d, j]] + at_z.abs() * x.rest[[d, i]];
                    lost += short_up(own + r_x * r_z) + short_up(gamma * size);
                });
                rows[[d * (k + 1) + k, o]] = centre;
                let underflow = (4 * terms * (k + 2)) as f64 * ETA;
                rest[[d, o]] = short_up(sum.up(lost) + underflow);
            }
        }
        AffineForms { k, rows, rest }
    }

    /// Where `boxes` are known and the form has lost its bound, the box takes
    /// its place.
    pub(super) fn repair(&mut self, boxes: &Boxes) {
        for d in 0..self.domains() {
            for i in 0..self.rest.ncols() {
                let centre = self.centre(d);
                let c = self.rows[[centre, i]];
                if c.is_finite() && self.rest[[d, i]].is_finite() {
                    continue;
                }
                for j in 0..self.k {
                    self.rows[[d * (self.k + 1) + j, i]] = 0.0;
                }
                let (c, r) = around(boxes.at(d, i));
                self.rows[[centre, i]] = c;
                self.rest[[d, i]] = r;
            }
        }
    }
}

/// The inputs that vary in some domain.
pub(super) fn varying(boxes: &Boxes) -> Vec<usize> {
    let differ = |(lo, hi): (ArrayView1<'_, f64>, ArrayView1<'_, f64>)| {
        lo.iter().zip(hi).any(|(l, h)| l != h)
    };
    let columns = boxes.lo().columns().into_iter().zip(boxes.hi().columns());
    let found = columns.enumerate().filter(|(_, c)| differ(*c));
    found.map(|(i, _)| i).collect()
}

/// A point and how far the interval reaches from it.
fn around(x: Interval) -> (f64, f64) {
    let c = x.mid();
    if x.is_point() {
        return (c, 0.0);
    }
    (c, eft::sub_up(x.hi(), c).max(eft::sub_up(c, x.lo())))
}

/// A slope with a small residual over `x`, and the residual.
fn flattest(f: &dyn Pointwise, x: Interval) -> (f64, Interval) {
    let [lower, upper] = f.propose(x, SlopeRule::Adaptive);
    let of = |s: f64| (s, f.residual(s, x));
    let first = of(upper);
    if first.1.is_point() {
        return first;
    }
    let slopes = f.slopes(x);
    let candidates = [lower, slopes.lo(), slopes.hi(), 0.0];
    let rest = candidates.into_iter().filter(|s| s.is_finite()).map(of);
    rest.fold(first, |best, new| {
        if new.1.width_up() < best.1.width_up() {
            new
        } else {
            best
        }
    })
}
