//! Sign-change chains: counting and isolating real roots, and the Cauchy index.
//!
//! Points may be infinite, written `None`: as the lower end it means −∞, as the upper end +∞.
//! Chains are signed remainder sequences over ℤ, each member divided by its (positive) content,
//! so signs are those of the classical chain. Degree drops are allowed: they are not a special
//! case of a signed remainder sequence.
//!
//! # References
//!
//! S. Basu, R. Pollack, M.-F. Roy, *Algorithms in Real Algebraic Geometry*, 2nd ed. 2006,
//! theorems 2.50 (Sturm) and 2.58 (Cauchy index).

use rug::ops::NegAssign;

use super::descartes;
use super::modular;
use super::poly::{Poly, pseudo_remainder};
use super::rational::{Integer, Rational};

/// Above this degree roots are counted by Descartes' rule instead of a chain.
const DESCARTES: usize = 16;

/// A signed remainder sequence `s_0, s_1, s_2 = −(s_0 mod s_1), …`.
#[derive(Debug, Clone)]
pub struct Chain {
    members: Vec<Vec<Integer>>,
}

impl Chain {
    /// The chain that starts with `a, b`.
    pub fn new(a: &Poly, b: &Poly) -> Self {
        let mut members = vec![a.primitive_integers(), b.primitive_integers()];
        while let [.., a, b] = members.as_slice() {
            if b.is_empty() {
                break;
            }
            let mut rest = pseudo_remainder(a.clone(), b);
            rest.iter_mut().for_each(NegAssign::neg_assign);
            members.push(rest);
        }
        members.retain(|m| !m.is_empty());
        Self { members }
    }

    /// Sturm's chain `p, p', …`.
    pub fn sturm(p: &Poly) -> Self {
        Self::new(p, &p.derivative())
    }

    /// Sign variations of the chain at `x`, zeros skipped.
    pub fn variations_at(&self, x: &Rational) -> usize {
        variations(self.members.iter().map(|m| sign_at(m, x)))
    }

    /// Sign variations at −∞.
    pub fn variations_at_minus_infinity(&self) -> usize {
        variations(self.members.iter().map(|m| {
            let lead = m.last().map_or(0, integer_sign);
            if m.len() % 2 == 0 { -lead } else { lead }
        }))
    }

    /// Sign variations at +∞.
    pub fn variations_at_plus_infinity(&self) -> usize {
        variations(
            self.members
                .iter()
                .map(|m| m.last().map_or(0, integer_sign)),
        )
    }

    fn at_lower(&self, x: Option<&Rational>) -> usize {
        x.map_or_else(
            || self.variations_at_minus_infinity(),
            |x| self.variations_at(x),
        )
    }

    fn at_upper(&self, x: Option<&Rational>) -> usize {
        x.map_or_else(
            || self.variations_at_plus_infinity(),
            |x| self.variations_at(x),
        )
    }

    /// `V(lower) − V(upper)`. For `Chain::sturm(p)` this is the number of distinct roots in
    /// `(lower, upper]` when `p` is square-free; for `Chain::new(a, b)` on the whole line it is
    /// the Cauchy index of `b/a`.
    pub fn difference(&self, lower: Option<&Rational>, upper: Option<&Rational>) -> isize {
        self.at_lower(lower) as isize - self.at_upper(upper) as isize
    }
}

/// The number of distinct real roots of `p` in `(lower, upper]`; 0 for the zero polynomial.
pub fn count_roots(p: &Poly, lower: Option<&Rational>, upper: Option<&Rational>) -> usize {
    let p = p.square_free_part();
    if p.degree().unwrap_or(0) > DESCARTES {
        // Chains of high degree have coefficients of quadratic size.
        let bound = root_bound(&p);
        let low = lower.map_or_else(|| Rational::from(-&bound), Rational::clone);
        let high = upper.unwrap_or(&bound);
        let end = usize::from(low < *high && p.eval(high) == 0);
        return descartes::count_between(&p, &low, high) + end;
    }
    let chain = Chain::sturm(&p);
    usize::try_from(chain.difference(lower, upper)).unwrap_or(0)
}

/// The Cauchy index of `b/a` on the whole real line: jumps from −∞ to +∞ minus jumps from +∞
/// to −∞.
pub fn cauchy_index(b: &Poly, a: &Poly) -> isize {
    Chain::new(a, b).difference(None, None)
}

/// The exact sign of `p(x)`.
pub fn sign_of(p: &Poly, x: &Rational) -> i32 {
    sign_at(&p.primitive_integers(), x)
}

/// One real root of a square-free polynomial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RealRoot {
    /// A rational root.
    Rational(Rational),
    /// An irrational root, the only root of `poly` in the open interval `(lo, hi)`; `poly` has
    /// opposite signs at the two ends.
    Algebraic {
        /// Square-free, primitive.
        poly: Poly,
        /// Lower end, not a root.
        lo: Rational,
        /// Upper end, not a root.
        hi: Rational,
    },
}

impl RealRoot {
    /// The lower end of the enclosure (the root itself where rational).
    pub fn lo(&self) -> &Rational {
        match self {
            Self::Rational(x) | Self::Algebraic { lo: x, .. } => x,
        }
    }

    /// The upper end of the enclosure (the root itself where rational).
    pub fn hi(&self) -> &Rational {
        match self {
            Self::Rational(x) | Self::Algebraic { hi: x, .. } => x,
        }
    }

    /// Halves the enclosure; nothing to do for a rational root.
    pub fn refine(&mut self) {
        if let Self::Algebraic { poly, lo, hi } = self {
            let middle: Rational = Rational::from(&*lo + &*hi) / 2;
            // The root is irrational, so the middle is not a root.
            if sign_of(poly, &middle) == sign_of(poly, lo) {
                *lo = middle
            } else {
                *hi = middle
            }
        }
    }

    /// Halves until the enclosure is at most `width` wide.
    pub fn refine_to(&mut self, width: &Rational) {
        while Rational::from(self.hi() - self.lo()) > *width {
            self.refine();
        }
    }
}

/// All distinct real roots of `p` in ascending order, rational ones exactly, irrational ones in
/// enclosures that are disjoint and have a gap between each two. Zero and constants give none.
pub fn isolate(p: &Poly) -> Vec<RealRoot> {
    let poly = p.square_free_part().primitive();
    if poly.is_constant() {
        return Vec::new();
    }
    let bound = root_bound(&poly);
    let found = descartes::isolate_between(&poly, &Rational::from(-&bound), &bound);
    let mut roots: Vec<RealRoot> = found
        .into_iter()
        .map(|(lo, hi)| {
            if lo == hi {
                RealRoot::Rational(lo)
            } else {
                off_the_ends(&poly, lo, hi)
            }
        })
        .collect();
    classify(&poly, &mut roots);
    roots.sort_by(|a, b| a.lo().cmp(b.lo()).then_with(|| a.hi().cmp(b.hi())));
    for i in 1..roots.len() {
        let (left, right) = roots.split_at_mut(i);
        let (a, b) = (&mut left[i - 1], &mut right[0]);
        // Distinct numbers: halving both separates them.
        while a.hi() >= b.lo() {
            a.refine();
            b.refine();
        }
    }
    roots
}

/// A power of two above the modulus of every root (Cauchy's bound `1 + max |c_j / c_n|`).
pub fn root_bound(p: &Poly) -> Rational {
    let monic = p.monic();
    let mut bound = Rational::from(2);
    for c in monic.coeffs() {
        let needed = Rational::from(c.abs_ref()) + 1;
        while bound <= needed {
            bound *= 2;
        }
    }
    bound
}

/// The one root of `poly` in the open interval `(lo, hi)`, whose ends may be roots of their own.
fn off_the_ends(poly: &Poly, mut lo: Rational, mut hi: Rational) -> RealRoot {
    // A simple root at an end: the sign just inside it is that of the slope there.
    let slope = poly.derivative();
    let mut low_sign = match sign_of(poly, &lo) {
        0 => sign_of(&slope, &lo),
        s => s,
    };
    let mut free = (sign_of(poly, &lo) != 0, sign_of(poly, &hi) != 0);
    while free != (true, true) {
        let middle: Rational = Rational::from(&lo + &hi) / 2;
        match sign_of(poly, &middle) {
            0 => return RealRoot::Rational(middle),
            s if s == low_sign => {
                (lo, low_sign) = (middle, s);
                free.0 = true;
            }
            _ => {
                hi = middle;
                free.1 = true;
            }
        }
    }
    RealRoot::Algebraic {
        poly: poly.clone(),
        lo,
        hi,
    }
}

/// Sorts out which of the roots of the primitive `poly` are rational.
fn classify(poly: &Poly, roots: &mut [RealRoot]) {
    let mut rest = poly.clone();
    for root in roots.iter_mut() {
        if let RealRoot::Algebraic { lo, hi, .. } = root {
            // Rational roots met in practice have small denominators: try the simplest numbers in
            // a few narrowing enclosures.
            let (mut lo, mut hi) = (lo.clone(), hi.clone());
            for width in [0, 24, 64] {
                narrow(poly, &mut lo, &mut hi, width);
                let candidate = simplest_between(&lo, &hi);
                if sign_of(poly, &candidate) == 0 {
                    *root = RealRoot::Rational(candidate);
                    break;
                }
            }
        }
        if let RealRoot::Rational(x) = root {
            rest = rest.exact_div(&Poly::linear(x)).unwrap_or(rest);
        }
    }
    if rest.is_constant() || modular::no_rational_root(&rest.primitive_integers()) {
        return;
    }
    // A rational root `u/v` of a primitive polynomial has `v` dividing the leading coefficient, so
    // an enclosure narrower than its reciprocal holds at most one candidate.
    for root in roots.iter_mut() {
        if let RealRoot::Algebraic { lo, hi, .. } = root {
            let (mut lo, mut hi) = (lo.clone(), hi.clone());
            let lead = poly.leading().cloned().unwrap_or_default();
            let bits = lead.numer().significant_bits() + 1;
            narrow(poly, &mut lo, &mut hi, bits);
            let first = Rational::from(&lo * &lead).ceil();
            let candidate = first / &lead;
            if candidate <= hi && sign_of(poly, &candidate) == 0 {
                *root = RealRoot::Rational(candidate);
            }
        }
    }
}

/// Bisects until the enclosure is at most `2^-bits` wide, or its middle is the root (then it becomes
/// a neighbourhood of that middle).
fn narrow(poly: &Poly, lo: &mut Rational, hi: &mut Rational, bits: u32) {
    let width = Rational::from((1, Integer::from(1) << bits));
    let integers = poly.primitive_integers();
    let low_sign = sign_at(&integers, lo);
    while Rational::from(&*hi - &*lo) > width {
        let middle: Rational = Rational::from(&*lo + &*hi) / 2;
        match sign_at(&integers, &middle) {
            0 => {
                let quarter: Rational = Rational::from(&*hi - &*lo) / 4;
                *lo = Rational::from(&middle - &quarter);
                *hi = middle + quarter;
            }
            s if s == low_sign => *lo = middle,
            _ => *hi = middle,
        }
    }
}

/// The fraction of least denominator (and then least modulus) strictly between two numbers.
pub fn simplest_between(lo: &Rational, hi: &Rational) -> Rational {
    // Descend the continued fraction that both share.
    if *lo < 0 && *hi > 0 {
        return Rational::new();
    }
    if *hi <= 0 {
        return -simplest_between(&Rational::from(-hi), &Rational::from(-lo));
    }
    let floor = Rational::from(lo.floor_ref());
    let next = Rational::from(&floor + 1);
    if next < *hi {
        return next;
    }
    // lo and hi lie in [floor, floor + 1]: continue with the reciprocals of the fractional parts.
    let (low, high) = (Rational::from(lo - &floor), Rational::from(hi - &floor));
    let inner_low = Rational::from(high.recip_ref());
    let rest = if low == 0 {
        // (1/high, ∞): the least integer above.
        Rational::from(inner_low.floor_ref()) + 1
    } else {
        simplest_between(&inner_low, &Rational::from(low.recip_ref()))
    };
    floor + rest.recip()
}

/// The sign of `Σ c_j (u/v)^j`, computed as `Σ c_j u^j v^(n−j)` over ℤ.
fn sign_at(p: &[Integer], x: &Rational) -> i32 {
    let (u, v) = (x.numer(), x.denom());
    let mut value = Integer::new();
    let mut power = Integer::from(1);
    for c in p.iter().rev() {
        value *= u;
        value += Integer::from(c * &power);
        power *= v;
    }
    integer_sign(&value)
}

fn integer_sign(x: &Integer) -> i32 {
    x.cmp0() as i32
}

fn variations(signs: impl Iterator<Item = i32>) -> usize {
    let mut last = 0;
    let mut count = 0;
    for sign in signs.filter(|&s| s != 0) {
        if last != 0 && sign != last {
            count += 1;
        }
        last = sign;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn q(p: i64, q: i64) -> Rational {
        Rational::from((p, q))
    }

    fn product(roots: &[Rational]) -> Poly {
        roots.iter().fold(Poly::one(), |p, r| &p * &Poly::linear(r))
    }

    #[test]
    fn half_open_intervals() {
        let p = product(&[q(-1, 1), q(0, 1), q(1, 2)]);
        assert_eq!(count_roots(&p, None, None), 3);
        assert_eq!(count_roots(&p, Some(&q(-1, 1)), Some(&q(1, 2))), 2);
        assert_eq!(count_roots(&p, Some(&q(-2, 1)), Some(&q(-1, 1))), 1);
        assert_eq!(count_roots(&Poly::from_integers(&[1, 0, 1]), None, None), 0);
    }

    #[test]
    fn irrational_roots_are_told_from_rational_ones() {
        // (x² − 2)(3x − 4)(x + 7)
        let p = &(&Poly::from_integers(&[-2, 0, 1]) * &Poly::from_integers(&[-4, 3]))
            * &Poly::from_integers(&[7, 1]);
        let roots = isolate(&p);
        assert_eq!(roots.len(), 4);
        assert_eq!(roots[0], RealRoot::Rational(q(-7, 1)));
        assert!(matches!(roots[1], RealRoot::Algebraic { .. }));
        assert_eq!(roots[2], RealRoot::Rational(q(4, 3)));
        let RealRoot::Algebraic { lo, hi, .. } = &roots[3] else {
            panic!("√2 is irrational")
        };
        assert!(lo.clone().square() < 2 && hi.clone().square() > 2);
    }

    #[test]
    fn close_roots_are_separated() {
        let close = Rational::from((Integer::from(1), Integer::from(Integer::u_pow_u(10, 40))));
        let p = product(&[q(1, 3), q(1, 3) + close.clone(), q(1, 3) - close]);
        let roots = isolate(&p);
        assert!(roots.iter().all(|r| matches!(r, RealRoot::Rational(_))));
        assert_eq!(roots.len(), 3);
    }

    #[test]
    fn cauchy_index_of_simple_poles() {
        // 1/x jumps from −∞ to +∞ at 0; 1/x² does not jump; −1/x jumps the other way.
        assert_eq!(cauchy_index(&Poly::one(), &Poly::x()), 1);
        assert_eq!(cauchy_index(&Poly::one(), &Poly::x().pow(2)), 0);
        assert_eq!(cauchy_index(&Poly::from_integers(&[-1]), &Poly::x()), -1);
    }

    proptest! {
        #[test]
        fn constructed_roots_are_found(list in prop::collection::vec((-30_i64..30, 1_i64..9), 0..7),
                                       pairs in 0..3_usize) {
            let mut roots: Vec<Rational> = list.into_iter().map(Rational::from).collect();
            let p = &product(&roots) * &Poly::from_integers(&[2, 1, 1]).pow(pairs);
            roots.sort();
            roots.dedup();
            let found = isolate(&p);
            let exact: Vec<RealRoot> = roots.into_iter().map(RealRoot::Rational).collect();
            prop_assert_eq!(found, exact);
        }
    }
}
