//! The set of absolute stability in a window of the plane of `z`, by proved cells.
//!
//! On `y' = μy`, `z = hμ`, a root of `ρ − zσ` is on the unit circle exactly where `z` lies on the boundary
//! locus `z = ρ(e^{iθ})/σ(e^{iθ})`. With `x = 2 cos θ` ([`super::locus`]) pieces of the locus are
//! enclosed in boxes over intervals of `x`, halved until a box is small or proved to miss the window. A
//! grid cell that meets no box is free of the locus; edge-connected free cells have one number of roots
//! inside the circle, so one exact decision at one rational centre holds for all of them. What is left are
//! the cells on the locus.
//!
//! The set is symmetric in the real axis: the upper half is computed.

use super::absolute_stability::MAX_STEPS;
use super::circle::is_schur;
use super::locus::Locus;
use super::{Kind, LinearMultistep};
use crate::exact::{MpInterval, Poly, Rational};

const BITS: u32 = 64;
/// Cells along the width of the window.
pub const COLUMNS: usize = 320;
/// Intervals of `x` at most.
const MAX_PIECES: usize = 400_000;

/// What is proved of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// Every root is inside for every `z` of the cell.
    Stable,
    /// For every `z` of the cell some root is not.
    Unstable,
    /// The cell may meet the boundary locus.
    Undecided,
}

/// The upper half of a window: `left ≤ Re z ≤ right`, `0 ≤ Im z ≤ top`.
#[derive(Debug, Clone)]
pub struct StabilityPlane {
    /// Left end.
    pub left: Rational,
    /// The side of a cell.
    pub step: Rational,
    /// Rows of [`COLUMNS`] cells, from the real axis upwards.
    pub rows: Vec<Vec<Cell>>,
}

impl StabilityPlane {
    /// Decides the window of a first-order method; `None` for second-order equations, above [`MAX_STEPS`],
    /// and where the pieces of the locus are too many.
    pub fn new(method: &LinearMultistep, window: &Window) -> Option<Self> {
        if method.kind() == Kind::Second || method.steps() > MAX_STEPS {
            return None;
        }
        let width = Rational::from(&window.right - &window.left);
        let step = Rational::from(&width / COLUMNS as u64);
        let height = Rational::from(&window.top / &step)
            .ceil()
            .numer()
            .to_usize()?;
        let (rho, sigma) = (method.rho(), method.sigma());
        // Common roots are roots for every z.
        let common = rho.gcd(&sigma);
        let divide = |p: &Poly| p.exact_div(&common);
        let (rho, sigma) = (divide(&rho)?, divide(&sigma)?);
        let mut plane = Self {
            left: window.left.clone(),
            step,
            rows: vec![vec![Cell::Unstable; COLUMNS]; height],
        };
        if !is_schur(&common) {
            return Some(plane);
        }
        let mut met = vec![vec![false; COLUMNS]; height];
        Trace::new(&rho, &sigma)?.mark(&plane, &mut met)?;
        plane.fill(&met, &rho, &sigma);
        Some(plane)
    }

    /// Decides each edge-connected set of cells that do not meet the locus.
    fn fill(&mut self, met: &[Vec<bool>], rho: &Poly, sigma: &Poly) {
        let height = self.rows.len();
        let mut seen = met.to_vec();
        for (row, marks) in self.rows.iter_mut().zip(met) {
            for (cell, &mark) in row.iter_mut().zip(marks) {
                if mark {
                    *cell = Cell::Undecided;
                }
            }
        }
        for row in 0..height {
            for column in 0..COLUMNS {
                if seen[row][column] {
                    continue;
                }
                let half = Rational::from((1, 2));
                let re = &self.step * (Rational::from(column as u64) + &half) + &self.left;
                let im = &self.step * (Rational::from(row as u64) + &half);
                let verdict = if stable_at(rho, sigma, &re, &im) {
                    Cell::Stable
                } else {
                    Cell::Unstable
                };
                let mut stack = vec![(row, column)];
                seen[row][column] = true;
                while let Some((r, c)) = stack.pop() {
                    self.rows[r][c] = verdict;
                    let mut visit = |r: usize, c: usize| {
                        if r < height && c < COLUMNS && !seen[r][c] {
                            seen[r][c] = true;
                            stack.push((r, c));
                        }
                    };
                    visit(r + 1, c);
                    visit(r, c + 1);
                    visit(r.wrapping_sub(1), c);
                    visit(r, c.wrapping_sub(1));
                }
            }
        }
    }
}

/// Whether all roots of `ρ − zσ` are inside, exactly: `(ρ − zσ)(ρ − z̄σ)` is real.
fn stable_at(rho: &Poly, sigma: &Poly, re: &Rational, im: &Rational) -> bool {
    let size = Rational::from(re.square_ref()) + Rational::from(im.square_ref());
    let middle = (rho * sigma).scaled(&Rational::from(re * 2));
    let product = &(&(rho * rho) - &middle) + &(sigma * sigma).scaled(&size);
    product.degree() == rho.degree().map(|k| 2 * k) && is_schur(&product)
}

/// A window for a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// Smallest real part.
    pub left: Rational,
    /// Largest real part.
    pub right: Rational,
    /// Largest imaginary part.
    pub top: Rational,
}

impl Window {
    /// A window that shows the locus near the origin: sampled, for the eye.
    pub fn around(method: &LinearMultistep) -> Self {
        /// Points of the locus farther out do not shape the window.
        const FAR: f64 = 12.0;
        let value = |list: &[Rational], t: f64| {
            let (mut re, mut im) = (0.0, 0.0);
            for (j, c) in list.iter().enumerate() {
                let c = c.to_f64();
                re += c * (t * j as f64).cos();
                im += c * (t * j as f64).sin();
            }
            (re, im)
        };
        let (mut left, mut right, mut top) = (-0.5_f64, 0.5_f64, 0.5_f64);
        for i in 0..=720 {
            let t = std::f64::consts::PI * f64::from(i) / 720.0;
            let ((a, b), (c, d)) = (value(method.alpha(), t), value(method.beta(), t));
            let size = c * c + d * d;
            let (x, y) = ((a * c + b * d) / size, (b * c - a * d) / size);
            if x.hypot(y) <= FAR {
                (left, right, top) = (left.min(x), right.max(x), top.max(y.abs()));
            }
        }
        // Not too narrow for its height, more of it on the left, where stability matters.
        let missing = (1.4 * top - (right - left)).max(0.0);
        (left, right) = (left - 0.7 * missing, right + 0.3 * missing);
        let margin = 0.12 * (right - left).max(top);
        let exact = |x: f64| Rational::from(((x * 64.0).ceil() as i64, 64));
        Self {
            left: exact(left - margin),
            right: exact(right + margin),
            top: exact(top + margin),
        }
    }
}

/// The locus as a curve over `x` in `[−2, 2]`.
struct Trace {
    locus: Locus,
    /// `ρ(r) ρ(1/r)` as a polynomial in `x`, doubled: with `D`, `|z|²`.
    size: Poly,
}

impl Trace {
    fn new(rho: &Poly, sigma: &Poly) -> Option<Self> {
        (!sigma.is_zero()).then(|| Self {
            locus: Locus::new(rho, sigma),
            size: Locus::new(rho, rho).d,
        })
    }

    /// Marks every cell that an enclosure of a piece meets.
    fn mark(&self, plane: &StabilityPlane, met: &mut [Vec<bool>]) -> Option<()> {
        let exact = |x: &Rational| MpInterval::from_rational(BITS, x).ok();
        let height = Rational::from(&plane.step * met.len() as u64);
        let width = Rational::from(&plane.step * COLUMNS as u64);
        let right = Rational::from(&plane.left + &width);
        // Beyond this modulus nothing is in the window.
        let reach = Rational::from(height.square_ref())
            + Rational::from(plane.left.square_ref()).max(Rational::from(right.square_ref()));
        let reach = exact(&reach)?;
        let half = Rational::from(&plane.step / 2);
        let mut stack = vec![(Rational::from(-2), Rational::from(2))];
        let mut pieces = 0;
        while let Some((a, b)) = stack.pop() {
            pieces += 1;
            if pieces > MAX_PIECES {
                return None;
            }
            let x = MpInterval::new(BITS, &a, &b).ok()?;
            let value = |p: &Poly| range(p, &x);
            let (d, size) = (value(&self.locus.d)?, value(&self.size)?);
            // |z|² = ρρ̄/σσ̄ > reach: outside.
            if size.lo() > reach.mul(&d).hi() {
                continue;
            }
            if let Some((re, im)) = self.piece(&x, &d) {
                let outside = *re.hi() < plane.left
                    || *re.lo() > right
                    || *im.lo() > height
                    || *im.hi() < Rational::from(-&height);
                if outside {
                    continue;
                }
                let narrow = |t: &MpInterval| rug::Float::with_val(BITS, t.hi() - t.lo()) <= half;
                // Intervals that cannot be halved further are marked as they are.
                if (narrow(&re) && narrow(&im))
                    || Rational::from(&b - &a) < Rational::from((1, 1_u64 << 50))
                {
                    mark_box(plane, &re, &im, met);
                    continue;
                }
            }
            let middle: Rational = Rational::from(&a + &b) / 2;
            if middle == a || Rational::from(&b - &a) < Rational::from((1, 1_u64 << 60)) {
                return None;
            }
            stack.push((a, middle.clone()));
            stack.push((middle, b));
        }
        Some(())
    }

    /// `z` over an interval of `x`, the imaginary part up to its sign; `None` where it may be infinite.
    fn piece(&self, x: &MpInterval, d: &MpInterval) -> Option<(MpInterval, MpInterval)> {
        let re = range(&self.locus.m, x)?.div(d).ok()?;
        let four = MpInterval::from_rational(BITS, &Rational::from(4)).ok()?;
        let zero = MpInterval::from_rational(BITS, &Rational::new()).ok()?;
        // x² ≤ 4 exactly; its enclosure may exceed it.
        let sine = four.sub(&x.square()).max(&zero).sqrt().ok()?;
        let im = sine.mul(&range(&self.locus.n, x)?).div(d).ok()?;
        Some((re, im.abs()))
    }
}

/// Horner's rule around the middle of the interval, which is tighter than at 0.
fn range(p: &Poly, x: &MpInterval) -> Option<MpInterval> {
    let middle = rug::Float::with_val(BITS, x.lo() + x.hi()) / 2_u32;
    let middle = MpInterval::from_float(&middle).ok()?;
    let offset = x.sub(&middle);
    // Taylor coefficients at the middle by repeated synthetic division.
    let mut c: Vec<MpInterval> = p
        .coeffs()
        .iter()
        .map(|c| MpInterval::from_rational(2 * BITS, c).ok())
        .collect::<Option<_>>()?;
    let n = c.len();
    for i in 0..n.saturating_sub(1) {
        for j in (i..n - 1).rev() {
            c[j] = c[j].add(&c[j + 1].mul(&middle));
        }
    }
    let zero = MpInterval::from_rational(2 * BITS, &Rational::new()).ok()?;
    Some(c.iter().rev().fold(zero, |s, c| s.mul(&offset).add(c)))
}

/// Marks the cells that a box meets, boundaries included.
fn mark_box(plane: &StabilityPlane, re: &MpInterval, im: &MpInterval, met: &mut [Vec<bool>]) {
    let index = |x: &rug::Float, from: &Rational| -> Option<i64> {
        let exact = x.to_rational()? - from;
        (exact / &plane.step).floor().numer().to_i64()
    };
    let zero = Rational::new();
    let ends = (
        index(re.lo(), &plane.left),
        index(re.hi(), &plane.left),
        index(im.lo(), &zero),
        index(im.hi(), &zero),
    );
    let (Some(a), Some(b), Some(c), Some(d)) = ends else {
        return;
    };
    // A point on an edge belongs to both cells.
    for row in (c - 1).max(0)..=d.min(met.len() as i64 - 1) {
        for column in (a - 1).max(0)..=b.min(COLUMNS as i64 - 1) {
            met[row as usize][column as usize] = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::multistep::by_name;

    /// Every decided cell agrees with exact decisions at points of it, its corners included.
    #[test]
    fn cells_agree_with_points() {
        for name in [
            "euler",
            "ab3",
            "bdf3",
            "am3",
            "trapezoidal",
            "zerosnet(-9/5)",
            "leapfrog",
        ] {
            let method = by_name(name).expect("known");
            let window = Window::around(&method);
            let plane = StabilityPlane::new(&method, &window).expect("first order");
            let (rho, sigma) = (method.rho(), method.sigma());
            let mut decided = [0, 0];
            for (r, row) in plane.rows.iter().enumerate().step_by(7) {
                for (c, cell) in row.iter().enumerate().step_by(7) {
                    if *cell == Cell::Undecided {
                        continue;
                    }
                    decided[usize::from(*cell == Cell::Stable)] += 1;
                    for (dx, dy) in [(0, 0), (1, 1), (1, 3), (2, 2)] {
                        let at = |i: usize, part: u32| {
                            Rational::from(i as u64) + Rational::from((part, 2_u32.max(part)))
                        };
                        let re = &plane.step * at(c, dx) + &plane.left;
                        let im = &plane.step * at(r, dy);
                        let stable = stable_at(&rho, &sigma, &re, &im);
                        assert_eq!(stable, *cell == Cell::Stable, "{name}: {re} + {im}i");
                    }
                }
            }
            assert!(decided[0] > 50, "{name}: {decided:?}");
            assert_eq!(decided[1] > 0, name != "leapfrog", "{name}: {decided:?}");
        }
    }
}
