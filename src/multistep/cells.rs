//! Zero-stable parameters of a family in two or three parameters: boxes that are proved inside, boxes
//! that are proved outside, and what is left between them.
//!
//! Roots that are 0, 1 or −1 for all parameters are divided out of `ρ` (1 and −1 as often as the
//! kind of equation allows on the circle). With `h` the rest, of degree `n`, the members whose `h` has
//! all roots strictly inside are zero-stable, those with a root outside are not. Put
//! `(1 − w)^n h((1 + w)/(1 − w)) = Σ p_i w^i` and let `Δ_{n−1}` be the Hurwitz determinant of order
//! `n − 1`. A root of `h` reaches the circle only where
//!
//! `p_0 = h(1) = 0`, `p_n = ± h(−1) = 0` or `Δ_{n−1} = 0`
//!
//! (Orlando). These, and the poles, are the **boundary polynomials**. A cell is decided
//!
//! - where none of them vanishes on it, proved by Bernstein coefficients in integers: then the
//!   number of roots inside is the same on the whole cell, and one exact decision at its centre
//!   holds for all of it;
//! - as unstable where two of the `p_i` have proved opposite signs, or a Hurwitz determinant of
//!   order `n − 1, n − 3, …` has a proved sign that contradicts the Liénard–Chipart criterion.
//!
//! All other cells are halved along every parameter until the undecided share of the box is small
//! enough. Members on the boundary (weakly stable ones among them) are of measure zero and stay in
//! the undecided cells.
//!
//! # References
//!
//! L. Orlando, Math. Ann. 71, 1911; A. Liénard, M. Chipart, J. Math. Pures Appl. 10, 1914;
//! F. R. Gantmacher, *The Theory of Matrices* II, chapter XV.

use std::cmp::Ordering;

use rayon::prelude::*;

use super::Error;
use super::circle::is_schur;
use super::plane_family::PlaneFamily;
use crate::exact::bernstein::Bernstein;
use crate::exact::{Integer, MPoly, Poly, Rational};

/// The largest degree of `h`.
pub const MAX_DEGREE: usize = 6;
/// The largest number of undecided cells kept.
pub const MAX_CELLS: usize = 400_000;

/// What is proved of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Every member is zero-stable.
    Inner,
    /// No member is.
    Outer,
    /// Not decided at this size.
    Undecided,
}

/// A box of the subdivision: corner indices in units of `2^-level` of the whole box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The level.
    pub level: u32,
    /// The lower corner.
    pub corner: Vec<u32>,
    /// What is proved of it.
    pub verdict: Verdict,
}

/// The decided and undecided parts of the box.
#[derive(Debug, Clone)]
pub struct CellRegion {
    /// The boundary polynomials, primitive, without repetition.
    pub boundary: Vec<MPoly>,
    /// All cells; disjoint up to their boundaries, covering the box.
    pub cells: Vec<Cell>,
    /// Shares of the box: inner, outer, undecided.
    pub shares: [Rational; 3],
}

/// The conditions on one family.
struct Conditions {
    /// `ρ` cleared of denominators, without the permanent roots.
    h: Vec<MPoly>,
    poles: MPoly,
    /// Boundary polynomials first, then the others.
    polys: Vec<MPoly>,
    boundary: usize,
    /// Index in `polys` of `p_0 … p_n`.
    p: Vec<usize>,
    /// Order and index of Hurwitz determinants.
    delta: Vec<(usize, usize)>,
    /// Whether every member is unstable or every one stable, whatever the parameters.
    fixed: Option<bool>,
}

/// Decides the box of a family.
///
/// # Errors
///
/// [`Error::TooComplex`] where `h` has degree above [`MAX_DEGREE`].
///
/// # Examples
///
/// ```
/// use dahlquist::multistep::{cells::cells, plane_family::PlaneFamily};
/// let family = PlaneFamily::by_name("three-step").expect("built in");
/// let found = cells(&family).expect("few steps");
/// // The stable triangle (1,-1), (1,1), (-3,1) is a sixth of the box; it is known to 0.1 %.
/// let sixth = dahlquist::exact::Rational::from((1, 6));
/// assert!(found.shares[0] < sixth && found.shares[2] < dahlquist::exact::Rational::from((1, 1000)));
/// ```
pub fn cells(family: &PlaneFamily) -> Result<CellRegion, Error> {
    let conditions = Conditions::of(family)?;
    let (lo, hi) = family.corners();
    let d = lo.len();
    let whole: Vec<(usize, Bernstein)> = conditions
        .polys
        .iter()
        .map(|p| Bernstein::new(p, lo, hi))
        .enumerate()
        .collect();
    let mut signs = vec![None; conditions.polys.len()];
    let open = settle(whole, &mut signs);
    let mut frontier = vec![Open {
        corner: vec![0; d],
        signs,
        open,
    }];
    let mut decided: Vec<Cell> = Vec::new();
    let mut shares = [Rational::new(), Rational::new(), Rational::new()];
    let mut level = 0_u32;
    loop {
        let share = Rational::from((Integer::from(1), Integer::from(1) << (level * d as u32)));
        let verdicts: Vec<Verdict> = frontier
            .par_iter()
            .map(|cell| conditions.judge(cell, level, family))
            .collect();
        let mut rest = Vec::new();
        for (cell, verdict) in frontier.into_iter().zip(verdicts) {
            match verdict {
                Verdict::Undecided => rest.push(cell),
                _ => {
                    shares[usize::from(verdict == Verdict::Outer)] += &share;
                    decided.push(Cell {
                        level,
                        corner: cell.corner,
                        verdict,
                    });
                }
            }
        }
        let undecided = Rational::from(&share * rest.len() as u64);
        let full = rest.len() << d > MAX_CELLS || level >= 24;
        if undecided <= *family.resolution() || full {
            shares[2] = undecided;
            decided.extend(rest.into_iter().map(|cell| Cell {
                level,
                corner: cell.corner,
                verdict: Verdict::Undecided,
            }));
            break;
        }
        frontier = rest
            .into_par_iter()
            .flat_map_iter(|c| split(c, d))
            .collect();
        level += 1;
    }
    Ok(CellRegion {
        boundary: conditions.polys[..conditions.boundary].to_vec(),
        cells: decided,
        shares,
    })
}

/// A cell that is not decided, with the polynomials whose sign on it is open.
struct Open {
    corner: Vec<u32>,
    signs: Vec<Option<Ordering>>,
    open: Vec<(usize, Bernstein)>,
}

/// Moves polynomials of known sign from the list to the signs.
fn settle(
    list: Vec<(usize, Bernstein)>,
    signs: &mut [Option<Ordering>],
) -> Vec<(usize, Bernstein)> {
    list.into_iter()
        .filter(|(i, b)| {
            signs[*i] = b.sign();
            signs[*i].is_none()
        })
        .collect()
}

/// The `2^d` halves.
fn split(cell: Open, d: usize) -> Vec<Open> {
    let corner: Vec<u32> = cell.corner.iter().map(|c| 2 * c).collect();
    let mut parts = vec![(corner, cell.open)];
    for v in 0..d {
        parts = parts
            .into_iter()
            .flat_map(|(corner, open)| {
                let (mut left, mut right) = (Vec::new(), Vec::new());
                for (i, b) in open {
                    let (a, c) = b.halves(v);
                    left.push((i, a));
                    right.push((i, c));
                }
                let mut next = corner.clone();
                next[v] += 1;
                [(corner, left), (next, right)]
            })
            .collect();
    }
    parts
        .into_iter()
        .map(|(corner, open)| {
            let mut signs = cell.signs.clone();
            let open = settle(open, &mut signs);
            Open {
                corner,
                signs,
                open,
            }
        })
        .collect()
}

impl Conditions {
    fn of(family: &PlaneFamily) -> Result<Self, Error> {
        let one = MPoly::constant(Rational::from(1));
        let lcm = |a: &MPoly, b: &MPoly| {
            let product = a.mul(b);
            product.exact_div(&a.gcd(b)).unwrap_or(product)
        };
        let all = family.alpha().iter().chain(family.beta());
        let poles = all.fold(one.clone(), |p, f| lcm(&p, f.den()));
        let common = family
            .alpha()
            .iter()
            .fold(one.clone(), |p, f| lcm(&p, f.den()));
        let clear = |f: &crate::exact::MRatFunc| {
            let rest = common.exact_div(f.den()).expect("a common multiple");
            f.num().mul(&rest)
        };
        let rho: Vec<MPoly> = family.alpha().iter().map(clear).collect();
        let content = rho.iter().fold(MPoly::zero(), |g, c| g.gcd(c));
        let mut h: Vec<MPoly> = rho
            .iter()
            .map(|c| c.exact_div(&content).expect("a content divides"))
            .collect();
        while h.len() > 1 && h[0].is_zero() {
            h.remove(0);
        }
        let allowed = family.kind().max_circle_multiplicity();
        let mut fixed = None;
        for root in [1, -1] {
            let mut times = 0;
            while h.len() > 1 && at(&h, root).is_zero() {
                h = divide(&h, root);
                times += 1;
            }
            if times > allowed {
                fixed = Some(false);
            }
        }
        let n = h.len() - 1;
        if n > MAX_DEGREE {
            return Err(Error::TooComplex {
                family: family.name().to_owned(),
                steps: n,
                degree: family.parameters().len(),
                limit: MAX_DEGREE,
            });
        }
        if n == 0 && fixed.is_none() {
            fixed = Some(true);
        }
        let coefficients = cayley(&h);
        let mut polys: Vec<MPoly> = Vec::new();
        let index = |p: &MPoly, polys: &mut Vec<MPoly>| {
            polys.push(p.clone());
            polys.len() - 1
        };
        index(&poles, &mut polys);
        let mut p = vec![0; n + 1];
        for i in [0, n] {
            p[i] = index(&coefficients[i], &mut polys);
        }
        let mut delta = Vec::new();
        if n >= 2 {
            let last = hurwitz(&coefficients, n - 1);
            delta.push((n - 1, index(&last, &mut polys)));
        }
        let boundary = polys.len();
        for i in 1..n {
            p[i] = index(&coefficients[i], &mut polys);
        }
        let mut order = n.saturating_sub(3);
        while order >= 2 {
            delta.push((order, index(&hurwitz(&coefficients, order), &mut polys)));
            order -= 2;
        }
        Ok(Self {
            h,
            poles,
            polys,
            boundary,
            p,
            delta,
            fixed,
        })
    }

    fn judge(&self, cell: &Open, level: u32, family: &PlaneFamily) -> Verdict {
        if self.fixed == Some(false) {
            return Verdict::Outer;
        }
        let known = |i: usize| cell.signs[i].filter(|s| *s != Ordering::Equal);
        if (0..self.boundary).all(|i| known(i).is_some()) {
            let (lo, hi) = family.corners();
            let centre: Vec<Rational> = (0..lo.len())
                .map(|v| {
                    let part =
                        Rational::from((2 * u64::from(cell.corner[v]) + 1, 1_u64 << (level + 1)));
                    Rational::from(&hi[v] - &lo[v]) * part + &lo[v]
                })
                .collect();
            return self.at_point(&centre);
        }
        // Opposite signs among the p_i, or a determinant that contradicts stability.
        let mut signs = self.p.iter().filter_map(|&i| known(i));
        if let Some(first) = signs.next() {
            if signs.any(|s| s != first) {
                return Verdict::Outer;
            }
            // For −p the determinant of order j changes by (−1)^j.
            let contradicts = self.delta.iter().any(|&(j, i)| {
                let wanted = if first == Ordering::Less && j % 2 == 1 {
                    Ordering::Less
                } else {
                    Ordering::Greater
                };
                known(i).is_some_and(|s| s != wanted)
            });
            if contradicts {
                return Verdict::Outer;
            }
        }
        Verdict::Undecided
    }

    /// The exact decision at a point where no boundary polynomial vanishes. The roots divided out are
    /// on the circle at most as often as allowed, and `h` adds none there.
    fn at_point(&self, x: &[Rational]) -> Verdict {
        let h = Poly::new(self.h.iter().map(|c| c.eval(x)).collect());
        debug_assert!(self.poles.eval(x) != 0);
        if h.degree() == Some(self.h.len() - 1) && is_schur(&h) {
            Verdict::Inner
        } else {
            Verdict::Outer
        }
    }
}

/// `h(±1)`.
fn at(h: &[MPoly], root: i64) -> MPoly {
    h.iter().rev().fold(MPoly::zero(), |value, c| {
        value.scaled(&Rational::from(root)).add(c)
    })
}

/// `h/(r − root)` for a root.
fn divide(h: &[MPoly], root: i64) -> Vec<MPoly> {
    let mut quotient = vec![MPoly::zero(); h.len() - 1];
    let mut carry = MPoly::zero();
    for j in (0..h.len() - 1).rev() {
        carry = carry.scaled(&Rational::from(root)).add(&h[j + 1]);
        quotient[j] = carry.clone();
    }
    quotient
}

/// Coefficients of `(1 − w)^n h((1 + w)/(1 − w))`.
pub(super) fn cayley(h: &[MPoly]) -> Vec<MPoly> {
    let n = h.len() - 1;
    let (plus, minus) = (Poly::from_integers(&[1, 1]), Poly::from_integers(&[1, -1]));
    let mut list = vec![MPoly::zero(); n + 1];
    for (j, c) in h.iter().enumerate() {
        let basis = &plus.pow(j) * &minus.pow(n - j);
        for (i, entry) in list.iter_mut().enumerate() {
            *entry = entry.add(&c.scaled(&basis.coeff(i)));
        }
    }
    list
}

/// The leading principal minor of the Hurwitz matrix with rows `p_{n−1}, p_{n−3}, …`;
/// `p_n, p_{n−2}, …`, each pair shifted by one.
pub(super) fn hurwitz(p: &[MPoly], order: usize) -> MPoly {
    let n = p.len() - 1;
    let entry = |i: usize, j: usize| {
        // Row i, column j (from 0): a_{2j − i + 1} with a_m = p_{n−m}.
        let m = 2 * j as isize - i as isize + 1;
        usize::try_from(m)
            .ok()
            .filter(|&m| m <= n)
            .map_or_else(MPoly::zero, |m| p[n - m].clone())
    };
    let rows: Vec<Vec<MPoly>> = (0..order)
        .map(|i| (0..order).map(|j| entry(i, j)).collect())
        .collect();
    determinant(&rows)
}

/// By expansion along the first row: orders are small.
fn determinant(rows: &[Vec<MPoly>]) -> MPoly {
    let Some((first, rest)) = rows.split_first() else {
        return MPoly::constant(Rational::from(1));
    };
    let mut sum = MPoly::zero();
    for (j, c) in first.iter().enumerate().filter(|(_, c)| !c.is_zero()) {
        let minor: Vec<Vec<MPoly>> = rest
            .iter()
            .map(|row| {
                let mut row = row.clone();
                row.remove(j);
                row
            })
            .collect();
        let term = c.mul(&determinant(&minor));
        sum = if j % 2 == 0 {
            sum.add(&term)
        } else {
            sum.sub(&term)
        };
    }
    sum
}
