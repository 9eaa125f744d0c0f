//! Cells of two or three parameters.
//!
//! The tree is walked from the whole box; signs of `p_i`, `Δ_{n−1}`, `Δ_{n−3}`, … and of the poles on a
//! cell come from Bernstein coefficients in integers. A cell that follows from its parent's signs needs
//! no more.

use std::cmp::Ordering;

use super::conditions::{Conditions, allowed};
use super::decide::open_disc;
use super::{Rejection, agree, members, numbers, wrong};
use crate::certificate::schema::Document;
use crate::certificate::schema::multistep::{CellsClaim, CellsEvidence};
use crate::check::Checked;
use crate::exact::bernstein::Bernstein;
use crate::exact::{Integer, MPoly, Poly, Rational};

const MAX_CELLS: usize = 1 << 23;
const MAX_LEVEL: u32 = 48;
/// Bernstein coefficients of one polynomial.
const MAX_COEFFICIENTS: usize = 20_000;

struct Walk<'a> {
    tree: std::str::Bytes<'a>,
    lo: Vec<Rational>,
    hi: Vec<Rational>,
    conditions: &'a Conditions,
    /// Whether permanent roots alone violate the root condition.
    never: bool,
    /// Which polynomials bound the set: all of these with a sign decide a cell by its centre.
    boundary: usize,
    /// Position of `p_0 … p_n` in the list of polynomials.
    p: Vec<usize>,
    /// Orders and positions of the minors.
    minors: Vec<(usize, usize)>,
    shares: [Rational; 3],
    cells: usize,
}

pub(in crate::check) fn check(
    document: &Document<CellsClaim, CellsEvidence>,
) -> Result<Checked, Rejection> {
    let claim = &document.claim;
    let d = claim.family.parameters.len();
    let (lo, hi) = (numbers("lo", &claim.lo, d)?, numbers("hi", &claim.hi, d)?);
    if let Some(v) = (0..d).find(|&v| lo[v] >= hi[v]) {
        return Err(wrong(
            format!("box, parameter {v}"),
            &lo[v],
            format!("below {}", hi[v]),
        ));
    }
    let conditions = Conditions::of(&members(&claim.family)?)?;
    let n = conditions.degree();
    // Boundary polynomials first.
    let mut polys: Vec<MPoly> = vec![conditions.poles.clone(), conditions.p[0].clone()];
    let mut p = vec![1; n + 1];
    let mut minors = Vec::new();
    if n >= 1 {
        p[n] = polys.len();
        polys.push(conditions.p[n].clone());
    }
    if n >= 2 {
        minors.push((n - 1, polys.len()));
        polys.push(conditions.minor(n - 1)?);
    }
    let boundary = polys.len();
    for (i, place) in p.iter_mut().enumerate().take(n).skip(1) {
        *place = polys.len();
        polys.push(conditions.p[i].clone());
    }
    for order in (2..n.saturating_sub(2))
        .rev()
        .filter(|j| (n - 1 - j) % 2 == 0)
    {
        minors.push((order, polys.len()));
        polys.push(conditions.minor(order)?);
    }
    for q in &polys {
        let size: usize = (0..d).map(|v| q.degree_in(v) + 1).product();
        if size > MAX_COEFFICIENTS {
            return Err(Rejection::TooLarge {
                place: "degree of a boundary polynomial".into(),
            });
        }
    }
    let whole = polys
        .iter()
        .map(|q| Bernstein::new(q, &lo, &hi))
        .enumerate()
        .collect();
    let limit = allowed(claim.family.equation);
    let never = conditions.permanent.iter().any(|&times| times > limit);
    let mut walk = Walk {
        tree: document.evidence.tree.bytes(),
        lo,
        hi,
        conditions: &conditions,
        never,
        boundary,
        p,
        minors,
        shares: Default::default(),
        cells: 0,
    };
    walk.cell(0, &vec![Integer::new(); d], vec![None; polys.len()], whole)?;
    agree("cells after the last", &walk.tree.count(), &0)?;
    for (what, claimed, found) in [
        ("inner", &claim.inner, &walk.shares[0]),
        ("outer", &claim.outer, &walk.shares[1]),
        ("undecided", &claim.undecided, &walk.shares[2]),
    ] {
        if claimed.0 != *found {
            return Err(wrong(format!("{what} share"), &claimed.0, found));
        }
    }
    Ok(Checked::multistep(format!(
        "{} cells: {} of the box zero-stable, {} not, {} undecided",
        walk.cells, walk.shares[0], walk.shares[1], walk.shares[2]
    )))
}

impl Walk<'_> {
    /// One cell, its lower corner in units of `2^-level` of the box; `open` are the polynomials whose
    /// sign on the parent is not known.
    fn cell(
        &mut self,
        level: u32,
        corner: &[Integer],
        mut signs: Vec<Option<Ordering>>,
        open: Vec<(usize, Bernstein)>,
    ) -> Result<(), Rejection> {
        let place = || format!("cell {corner:?} of level {level}");
        self.cells += 1;
        if self.cells > MAX_CELLS || level > MAX_LEVEL {
            return Err(Rejection::TooLarge { place: place() });
        }
        let open: Vec<(usize, Bernstein)> = open
            .into_iter()
            .filter(|(i, b)| {
                // Nowhere zero: a sign that is not zero.
                signs[*i] = b.sign().filter(|s| *s != Ordering::Equal);
                signs[*i].is_none()
            })
            .collect();
        let letter = self
            .tree
            .next()
            .ok_or_else(|| wrong("tree", "ends", place()))?;
        let d = corner.len();
        let share = || Rational::from((1, Integer::from(1) << (level * d as u32)));
        match letter {
            b'+' => {
                for part in 0..1_usize << d {
                    let mut cut = open.clone();
                    let mut half = corner.to_vec();
                    for (v, c) in half.iter_mut().enumerate() {
                        *c *= 2;
                        let upper = part >> (d - 1 - v) & 1 == 1;
                        *c += i32::from(upper);
                        for (_, b) in &mut cut {
                            let (low, high) = b.halves(v);
                            *b = if upper { high } else { low };
                        }
                    }
                    self.cell(level + 1, &half, signs.clone(), cut)?;
                }
                Ok(())
            }
            b'i' => {
                if self.never || self.centre(level, corner, &signs) != Some(true) {
                    return Err(wrong(place(), "zero-stable", "not proved"));
                }
                self.shares[0] += share();
                Ok(())
            }
            b'o' => {
                if !self.never
                    && !self.contradicted(&signs)
                    && self.centre(level, corner, &signs) != Some(false)
                {
                    return Err(wrong(place(), "not zero-stable", "not proved"));
                }
                self.shares[1] += share();
                Ok(())
            }
            b'u' => {
                self.shares[2] += share();
                Ok(())
            }
            other => Err(wrong("tree", char::from(other), "one of + i o u")),
        }
    }

    /// Whether all members are zero-stable (or none is), where no boundary polynomial vanishes: the
    /// exact decision at the centre. `None` where one may vanish.
    fn centre(&self, level: u32, corner: &[Integer], signs: &[Option<Ordering>]) -> Option<bool> {
        if signs[..self.boundary].contains(&None) {
            return None;
        }
        let at: Vec<Rational> = corner
            .iter()
            .enumerate()
            .map(|(v, c)| {
                let part =
                    Rational::from((Integer::from(c * 2) + 1, Integer::from(1) << (level + 1)));
                Rational::from(&self.hi[v] - &self.lo[v]) * part + &self.lo[v]
            })
            .collect();
        let h = Poly::new(self.conditions.h.iter().map(|c| c.eval(&at)).collect());
        Some(open_disc(&h, self.conditions.degree()))
    }

    /// A polynomial with all roots in the closed left half-plane has coefficients and minors that are
    /// nowhere of opposite (for odd minors of `−p`: equal) signs.
    fn contradicted(&self, signs: &[Option<Ordering>]) -> bool {
        let mut known = self.p.iter().filter_map(|&i| signs[i]);
        let Some(first) = known.next() else {
            return false;
        };
        let minus = |order: usize| first == Ordering::Less && order % 2 == 1;
        known.any(|s| s != first)
            || self.minors.iter().any(|&(order, i)| {
                let wanted = if minus(order) {
                    Ordering::Less
                } else {
                    Ordering::Greater
                };
                signs[i].is_some_and(|s| s != wanted)
            })
    }
}
