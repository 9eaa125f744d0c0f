//! Where the number of roots inside the unit circle can change in a family.
//!
//! Denominators are cleared, what all coefficients share and the roots that are 0, 1 or −1 for all
//! parameters are divided out. With `h` the rest, of degree `n`, let
//! `(1 − w)^n h((1 + w)/(1 − w)) = Σ p_i w^i` and `Δ_j` be the leading principal minors of its Hurwitz
//! matrix. The roots `w` of this polynomial, `r` of `h` and the minors are related by Orlando's formula:
//! `Δ_{n−1} = ± p_n^{n−1} Π_{i<j} (w_i + w_j)`. So a root of `h` is on the circle only where
//! `p_0 = h(1)`, `p_n = ± h(−1)` or `Δ_{n−1}` vanishes.

use super::{Members, Rejection, wrong};
use crate::certificate::schema::EquationOrder;
use crate::exact::{MPoly, MRatFunc, Rational};

/// The largest degree of `h`.
const MAX_DEGREE: usize = 12;
/// The largest exponent of a product: below what [`MPoly`] holds.
const MAX_EXPONENT: usize = 250;

/// The conditions of one family.
pub(super) struct Conditions {
    /// The rest of `ρ`, low degree first.
    pub h: Vec<MPoly>,
    /// The least common multiple of all denominators.
    pub poles: MPoly,
    /// `ρ` with denominators cleared, nothing divided out.
    pub rho: Vec<MPoly>,
    /// `p_0 … p_n`.
    pub p: Vec<MPoly>,
    /// Multiplicities of the permanent roots 1 and −1.
    pub permanent: [usize; 2],
}

impl Conditions {
    pub fn of(members: &Members) -> Result<Self, Rejection> {
        let poles = lcm(members.alpha.iter().chain(&members.beta))?;
        let common = lcm(members.alpha.iter())?;
        let cleared = |f: &MRatFunc| {
            let rest = common.exact_div(f.den());
            let rest = rest.ok_or_else(|| wrong("denominators", "cleared", "a remainder"))?;
            product(f.num(), &rest)
        };
        let rho: Vec<MPoly> = members
            .alpha
            .iter()
            .map(cleared)
            .collect::<Result<_, Rejection>>()?;
        let content = rho.iter().fold(MPoly::zero(), |g, c| g.gcd(c));
        let h: Option<Vec<MPoly>> = rho.iter().map(|c| c.exact_div(&content)).collect();
        let mut h = h.ok_or_else(|| wrong("content", "divided out", "a remainder"))?;
        let zeros = h.iter().take_while(|c| c.is_zero()).count();
        h.drain(..zeros);
        let mut permanent = [0, 0];
        for (root, times) in [1, -1].into_iter().zip(&mut permanent) {
            while h.len() > 1 {
                let (quotient, remainder) = horner(&h, root);
                if !remainder.is_zero() {
                    break;
                }
                h = quotient;
                *times += 1;
            }
        }
        if h.len() > MAX_DEGREE + 1 {
            return Err(wrong(
                "degree without permanent roots",
                h.len() - 1,
                format!("at most {MAX_DEGREE}"),
            ));
        }
        Ok(Self {
            p: cayley(&h),
            h,
            poles,
            rho,
            permanent,
        })
    }

    /// The degree of `h`.
    pub fn degree(&self) -> usize {
        self.h.len() - 1
    }

    /// `Δ_j`, for `j < n`: fraction-free elimination (Bareiss).
    pub fn minor(&self, order: usize) -> Result<MPoly, Rejection> {
        let n = self.degree();
        // Elimination multiplies two minors.
        let exponent = self.p.iter().map(largest_exponent).max().unwrap_or(0);
        if 2 * order * exponent > MAX_EXPONENT {
            return Err(Rejection::TooLarge {
                place: "degree in a parameter".into(),
            });
        }
        let zero = MPoly::zero;
        let mut rows: Vec<Vec<MPoly>> = (0..order)
            .map(|i| {
                // Row i, column j (from 1): p_{n − (2j − i)}.
                (0..order)
                    .map(|j| {
                        (2 * j + 1)
                            .checked_sub(i)
                            .filter(|&m| m <= n)
                            .map_or_else(zero, |m| self.p[n - m].clone())
                    })
                    .collect()
            })
            .collect();
        let (mut last, mut negative) = (MPoly::constant(Rational::from(1)), false);
        for i in 0..order {
            let Some(pivot) = (i..order).find(|&r| !rows[r][i].is_zero()) else {
                return Ok(zero());
            };
            if pivot != i {
                rows.swap(pivot, i);
                negative = !negative;
            }
            let (above, below) = rows.split_at_mut(i + 1);
            let top = &above[i];
            for row in below {
                let lead = row[i].clone();
                for (x, t) in row.iter_mut().zip(top).skip(i) {
                    let value = top[i].mul(x).sub(&lead.mul(t));
                    *x = value
                        .exact_div(&last)
                        .ok_or_else(|| wrong("elimination", "exact", "a remainder"))?;
                }
            }
            last = top[i].clone();
        }
        Ok(if negative {
            last.scaled(&Rational::from(-1))
        } else {
            last
        })
    }
}

/// The multiplicity that the root condition allows on the circle.
pub(super) fn allowed(equation: EquationOrder) -> usize {
    match equation {
        EquationOrder::First => 1,
        EquationOrder::Second => 2,
    }
}

fn lcm<'a>(list: impl Iterator<Item = &'a MRatFunc>) -> Result<MPoly, Rejection> {
    let mut common = MPoly::constant(Rational::from(1));
    for f in list {
        let both = product(&common, f.den())?;
        common = both.exact_div(&common.gcd(f.den())).unwrap_or(both);
    }
    Ok(common)
}

/// A product whose exponents are far from the limit of their type.
fn product(a: &MPoly, b: &MPoly) -> Result<MPoly, Rejection> {
    if largest_exponent(a) + largest_exponent(b) > MAX_EXPONENT {
        return Err(Rejection::TooLarge {
            place: "degree in a parameter".into(),
        });
    }
    Ok(a.mul(b))
}

/// The largest degree in one variable.
pub(super) fn largest_exponent(p: &MPoly) -> usize {
    (0..p.variables())
        .map(|v| p.degree_in(v))
        .max()
        .unwrap_or(0)
}

/// Quotient and remainder by `r − root`, `root = ±1`.
fn horner(h: &[MPoly], root: i64) -> (Vec<MPoly>, MPoly) {
    let root = Rational::from(root);
    let mut values: Vec<MPoly> = Vec::with_capacity(h.len());
    let mut value = MPoly::zero();
    for c in h.iter().rev() {
        value = value.scaled(&root).add(c);
        values.push(value.clone());
    }
    let remainder = values.pop().unwrap_or_default();
    values.reverse();
    (values, remainder)
}

/// Coefficients of `(1 − w)^n h((1 + w)/(1 − w))`, by Horner's rule on the pair of numerator and power.
fn cayley(h: &[MPoly]) -> Vec<MPoly> {
    let times = |p: &[MPoly], sign: i64| {
        // p · (1 + sign w)
        let mut product = p.to_vec();
        product.push(MPoly::zero());
        for (j, c) in p.iter().enumerate() {
            product[j + 1] = product[j + 1].add(&c.scaled(&Rational::from(sign)));
        }
        product
    };
    let mut power = vec![MPoly::constant(Rational::from(1))];
    let mut value: Vec<MPoly> = Vec::new();
    for c in h.iter().rev() {
        if value.is_empty() {
            value = vec![c.clone()];
            continue;
        }
        value = times(&value, 1);
        power = times(&power, -1);
        for (v, q) in value.iter_mut().zip(&power) {
            *v = v.add(&c.mul(q));
        }
    }
    value
}
