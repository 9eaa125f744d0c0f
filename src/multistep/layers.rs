//! Products of companion matrices whose coefficients change from layer to layer.
//!
//! In a network with trained coefficients each layer has its own member of a family,
//! `x_{n+1} = Σ a_i(λ_n) x_{n−i} + …`, and the root condition of every member does not decide whether
//! the products `C(λ_n) … C(λ_1)` stay bounded. For `λ_n` in an interval this module bounds
//! `sup ‖C(λ_n) … C(λ_1)‖_∞` over all lengths and sequences, in the largest modulus over the history.
//!
//! - All `a_i ≥ 0` on the interval (and `Σ a_i = 1`): convex combinations, the supremum is 1.
//! - Else the differences `d_n = x_n − x_{n−1}` obey `d_{n+1} = −Σ_m (Σ_{i>m} a_i) d_{n−m}`. A common
//!   norm ([`super::common_norm`]) with `‖D_n‖_P ≤ g^n ‖D_0‖_P`, `g = √q < 1`, gives
//!   `|x_n| ≤ |x_0| + |e_1|_{P^{-1}} g/(1 − g) ‖D_0‖_P`, and `‖D_0‖_P` is largest where the history
//!   is ±1. Where there is one difference only (two-step networks) this is sharp.
//! - The lower bound is a product with members of the interval, in exact arithmetic.

use rug::Float;
use rug::float::Round;

use super::common_norm::{CommonNorm, MatrixFamily, find};
use super::parametric::ParametricFamily;
use crate::exact::ratfunc::Value;
use crate::exact::sturm::isolate;
use crate::exact::{MPoly, MRatFunc, MpInterval, Poly, RatFunc, Rational};

const BITS: u32 = 128;
/// Layers of the product that gives the lower bound.
const LAYERS: usize = 60;
/// Steps for which the signs of a history are enumerated.
const MAX_STEPS: usize = 12;

/// What was proved of the products.
#[derive(Debug, Clone, PartialEq)]
pub enum ProductBound {
    /// All members are convex combinations: the supremum is exactly 1.
    Convex,
    /// `lower ≤ sup ≤ upper`.
    Common {
        /// Row sum of a product, rounded down.
        lower: Float,
        /// The bound from the common norm, rounded up.
        upper: Float,
        /// The certificate.
        norm: CommonNorm,
    },
    /// Nothing was proved above; `lower` is the row sum of a product.
    Unknown {
        /// Row sum of a product, rounded down.
        lower: Float,
    },
}

/// Bounds all products for parameters in `[lo, hi]`; `None` where a member has a pole there, more than
/// a dozen steps, or coefficients that do not add up to 1 (`ρ(1) ≠ 0`).
///
/// # Examples
///
/// ```
/// use dahlquist::exact::Rational;
/// use dahlquist::multistep::ParametricFamily;
/// use dahlquist::multistep::layers::{ProductBound, products};
/// // Every λ ≤ −1 of ZeroSNet is a convex combination of the history.
/// let (lo, hi) = (Rational::from(-3), Rational::from(-1));
/// assert_eq!(products(&ParametricFamily::zerosnet(), &lo, &hi), Some(ProductBound::Convex));
/// ```
pub fn products(family: &ParametricFamily, lo: &Rational, hi: &Rational) -> Option<ProductBound> {
    let k = family.alpha().len() - 1;
    if lo > hi || k > MAX_STEPS {
        return None;
    }
    let lead = family.alpha()[k].clone();
    // a_i, newest first, for alpha_k = 1.
    let a: Vec<RatFunc> = (0..k)
        .rev()
        .map(|j| family.alpha()[j].neg().div(&lead))
        .collect::<Option<_>>()?;
    let sum = a.iter().fold(RatFunc::from(Poly::zero()), |s, c| s.add(c));
    if sum != RatFunc::from(Poly::one()) || a.iter().any(|c| has_root(c.den(), lo, hi)) {
        return None;
    }
    if a.iter().all(|c| non_negative(c, lo, hi)) {
        return Some(ProductBound::Convex);
    }
    let lower = witness(&a, lo, hi)?;
    let Some(norm) = find(&differences(&a, lo, hi)) else {
        return Some(ProductBound::Unknown { lower });
    };
    let upper = bound(&norm, k)?;
    Some(ProductBound::Common { lower, upper, norm })
}

/// The companion family of the differences.
fn differences(a: &[RatFunc], lo: &Rational, hi: &Rational) -> MatrixFamily {
    let n = a.len() - 1;
    let zero = MRatFunc::constant(Rational::new());
    let mut entries = vec![vec![zero; n]; n];
    for m in 0..n {
        let tail = a[m + 1..]
            .iter()
            .fold(RatFunc::from(Poly::zero()), |s, c| s.add(c));
        entries[0][m] = multivariate(&tail.neg());
    }
    for (i, row) in entries.iter_mut().enumerate().skip(1) {
        row[i - 1] = MRatFunc::constant(Rational::from(1));
    }
    MatrixFamily {
        entries,
        lo: vec![lo.clone()],
        hi: vec![hi.clone()],
    }
}

fn multivariate(f: &RatFunc) -> MRatFunc {
    MRatFunc::new(&MPoly::in_first(f.num()), &MPoly::in_first(f.den()))
        .expect("a denominator is not zero")
}

fn has_root(p: &Poly, lo: &Rational, hi: &Rational) -> bool {
    p.eval(lo) == 0 || isolate(p).iter().any(|x| x.hi() >= lo && x.lo() <= hi)
}

/// Whether `f ≥ 0` on the interval, where it has no pole.
fn non_negative(f: &RatFunc, lo: &Rational, hi: &Rational) -> bool {
    let at = |x: &Rational| f.eval(x).is_some_and(|v| v >= 0);
    let mut edges = vec![(lo.clone(), lo.clone())];
    let roots = isolate(f.num()).into_iter();
    edges.extend(
        roots
            .filter(|x| x.hi() >= lo && x.lo() <= hi)
            .map(|x| (x.lo().clone(), x.hi().clone())),
    );
    edges.push((hi.clone(), hi.clone()));
    at(lo)
        && at(hi)
        && edges.windows(2).all(|pair| {
            let (a, b) = (&pair[0].1, &pair[1].0);
            a >= b || at(&(Rational::from(a + b) / 2))
        })
}

/// The bound of all products of a recurrence of `k` steps whose differences contract in this norm:
/// `1 + |e_1|_{P^{-1}} g/(1 − g) max ‖D_0‖_P`.
pub fn bound(norm: &CommonNorm, k: usize) -> Option<Float> {
    let n = k - 1;
    let dual = inverse_corner(&norm.p)?;
    let mut largest = Rational::new();
    // The sign of the newest value does not matter.
    for signs in 0..1_u32 << n {
        let value = |i: usize| {
            let negative = i > 0 && signs >> (i - 1) & 1 == 1;
            if negative { -1_i64 } else { 1 }
        };
        let d: Vec<Rational> = (0..n)
            .map(|i| Rational::from(value(i) - value(i + 1)))
            .collect();
        let mut square = Rational::new();
        for (i, row) in norm.p.iter().enumerate() {
            for (j, p) in row.iter().enumerate() {
                square += Rational::from(&d[i] * &d[j]) * p;
            }
        }
        largest = largest.max(square);
    }
    let exact = |x: &Rational| MpInterval::from_rational(BITS, x).ok();
    let one = exact(&Rational::from(1))?;
    let g = exact(&norm.rate)?.sqrt().ok()?;
    let reach = exact(&(dual * largest))?.sqrt().ok()?;
    let factor = g.div(&one.sub(&g)).ok()?;
    Some(one.add(&reach.mul(&factor)).hi().clone())
}

/// The first diagonal entry of the inverse of a positive definite matrix.
fn inverse_corner(p: &[Vec<Rational>]) -> Option<Rational> {
    // Solve P x = e_1 by elimination without pivoting, exact.
    let n = p.len();
    let mut rows: Vec<Vec<Rational>> = p.to_vec();
    for (i, row) in rows.iter_mut().enumerate() {
        row.push(Rational::from(i64::from(i == 0)));
    }
    for i in 0..n {
        if rows[i][i] == 0 {
            return None;
        }
        for r in 0..n {
            if r != i {
                let factor = Rational::from(&rows[r][i] / &rows[i][i]);
                let pivot = rows[i].clone();
                for (x, y) in rows[r].iter_mut().zip(&pivot).skip(i) {
                    *x -= Rational::from(&factor * y);
                }
            }
        }
    }
    Some(Rational::from(&rows[0][n] / &rows[0][0]))
}

/// The largest row sum of a product found greedily among both ends and the middle.
fn witness(a: &[RatFunc], lo: &Rational, hi: &Rational) -> Option<Float> {
    let k = a.len();
    let middle: Rational = Rational::from(lo + hi) / 2;
    let members: Vec<Vec<Rational>> = [lo, hi, &middle]
        .into_iter()
        .map(|x| a.iter().map(|f| f.eval(x)).collect::<Option<Vec<_>>>())
        .collect::<Option<_>>()?;
    let size = |row: &[Rational]| {
        row.iter()
            .fold(Rational::new(), |s, x| s + Rational::from(x.abs_ref()))
    };
    let mut best = Rational::from(1);
    // One constant sequence for each member, and one that is greedy.
    for fixed in 0..=members.len() {
        let unit = |i: usize| (0..k).map(|c| Rational::from(i64::from(c == i))).collect();
        let mut rows: Vec<Vec<Rational>> = (0..k).map(unit).collect();
        for _ in 0..LAYERS {
            let next = |member: &Vec<Rational>| -> Vec<Rational> {
                (0..k)
                    .map(|c| {
                        member
                            .iter()
                            .zip(&rows)
                            .fold(Rational::new(), |s, (a, row)| {
                                s + Rational::from(a * &row[c])
                            })
                    })
                    .collect()
            };
            let candidates: Vec<Vec<Rational>> = match members.get(fixed) {
                Some(member) => vec![next(member)],
                None => members.iter().map(next).collect(),
            };
            let chosen = candidates.into_iter().max_by_key(|row| size(row))?;
            best = best.max(size(&chosen));
            rows.pop();
            rows.insert(0, chosen);
        }
    }
    Some(Float::with_val_round(BITS, &best, Round::Down).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_step_networks_are_sharp() {
        // LM-ResNet with |k| ≤ 1/2: d_{n+1} = −k d_n, so the supremum is 1 + 2 · (1/2)/(1/2) = 3.
        let family = ParametricFamily::lm_resnet();
        let half = Rational::from((1, 2));
        let found = products(&family, &Rational::from(-&half), &half).expect("two steps");
        let ProductBound::Common { lower, upper, .. } = found else {
            panic!("{found:?}")
        };
        assert!(
            lower > 2.999 && lower <= 3 && upper >= 3 && upper < 3.02,
            "{lower} {upper}"
        );
    }

    #[test]
    fn zerosnet_right_of_one_third() {
        let family = ParametricFamily::zerosnet();
        let found = products(&family, &Rational::from(2), &Rational::from(3)).expect("no pole");
        let ProductBound::Common { lower, upper, .. } = found else {
            panic!("{found:?}")
        };
        assert!(lower >= 1 && lower <= upper);
        // Across the pole at 0, and where single members are unstable.
        assert_eq!(
            products(&family, &Rational::from(-1), &Rational::from(1)),
            None
        );
        let bad = products(&family, &Rational::from((1, 4)), &Rational::from((1, 2)));
        assert!(matches!(bad, Some(ProductBound::Unknown { .. })));
    }
}
