//! Arithmetic with one real algebraic number: the field ℚ(α), and polynomials over it.
//!
//! `α` is the only root of a square-free `m` in an interval. An element is a polynomial, meant at `α`; it is
//! zero exactly where its gcd with `m` has a root in the interval. `m` need not be irreducible: an inverse
//! is computed modulo the factor of `m` that is coprime to the element, of which `α` is a root if the
//! element is not zero (dynamic evaluation).
//!
//! # References
//!
//! D. Duval, *Algebraic numbers: an example of dynamic evaluation*, J. Symb. Comp. 18, 1994.

use std::cmp::Ordering;

use super::mp::MpInterval;
use super::poly::Poly;
use super::rational::{Integer, Rational};
use super::sturm::{RealRoot, count_roots};

/// Bits of the first enclosure by which a sign is looked for.
const FIRST_BITS: u32 = 128;

/// `ℚ(α)`.
#[derive(Debug, Clone)]
pub struct Extension {
    modulus: Poly,
    root: RealRoot,
}

/// A polynomial over the field, low degree first, the last coefficient not zero at `α`.
pub type Coefficients = Vec<Poly>;

impl Extension {
    /// The field of an irrational number; `None` for a rational one.
    pub fn new(root: &RealRoot) -> Option<Self> {
        let RealRoot::Algebraic { poly, .. } = root else {
            return None;
        };
        Some(Self {
            modulus: poly.monic(),
            root: root.clone(),
        })
    }

    /// The degree of the polynomial that defines `α`.
    pub fn degree(&self) -> usize {
        self.modulus.degree().unwrap_or(0)
    }

    /// The element modulo the polynomial that defines `α`.
    pub fn reduced(&self, a: &Poly) -> Poly {
        let rest = a.div_rem(&self.modulus).map(|(_, rest)| rest);
        rest.unwrap_or_else(|| a.clone())
    }

    /// Whether the element is zero.
    pub fn is_zero(&self, a: &Poly) -> bool {
        let common = a.gcd(&self.modulus);
        a.is_zero() || count_roots(&common, Some(self.root.lo()), Some(self.root.hi())) > 0
    }

    /// The sign.
    pub fn sign(&self, a: &Poly) -> Ordering {
        if self.is_zero(a) {
            return Ordering::Equal;
        }
        let mut x = self.root.clone();
        let mut bits = FIRST_BITS;
        loop {
            x.refine_to(&Rational::from((1, Integer::from(1) << bits)));
            let at = MpInterval::new(2 * bits, x.lo(), x.hi()).expect("ordered ends");
            let zero = MpInterval::from_rational(2 * bits, &Rational::new());
            let mut value = zero.expect("a precision within limits");
            for c in a.coeffs().iter().rev() {
                let c = MpInterval::from_rational(2 * bits, c).expect("a precision within limits");
                value = value.mul(&at).add(&c);
            }
            if *value.lo() > 0 {
                return Ordering::Greater;
            }
            if *value.hi() < 0 {
                return Ordering::Less;
            }
            // Not zero, so some enclosure tells.
            bits *= 2;
        }
    }

    fn product(&self, a: &Poly, b: &Poly) -> Poly {
        self.reduced(&(a * b))
    }

    /// The inverse; `None` for zero.
    pub fn inverse(&self, a: &Poly) -> Option<Poly> {
        if self.is_zero(a) {
            return None;
        }
        let modulus = self.modulus.exact_div(&a.gcd(&self.modulus))?;
        // Extended Euclid: s a ≡ r.
        let (mut r, mut next) = (modulus.clone(), a.div_rem(&modulus)?.1);
        let (mut s, mut s_next) = (Poly::zero(), Poly::one());
        while !next.is_zero() {
            let (quotient, rest) = r.div_rem(&next)?;
            (r, next) = (next, rest);
            let after = &s - &(&quotient * &s_next);
            (s, s_next) = (s_next, after);
        }
        let unit = r.coeff(0);
        (r.is_constant() && unit != 0).then(|| self.reduced(&s.scaled(&unit.recip())))
    }

    /// A polynomial without zeros at the top.
    pub fn polynomial(&self, list: Vec<Poly>) -> Coefficients {
        let mut list: Coefficients = list.iter().map(|c| self.reduced(c)).collect();
        while list.last().is_some_and(|c| self.is_zero(c)) {
            list.pop();
        }
        list
    }

    /// `a` modulo `b`, and the quotient; `b` is not zero.
    fn div_rem(&self, a: &[Poly], b: &[Poly]) -> (Coefficients, Coefficients) {
        let mut rest = a.to_vec();
        let inverse = b.last().and_then(|lead| self.inverse(lead));
        let inverse = inverse.expect("the leading coefficient is not zero");
        let mut quotient = vec![Poly::zero(); (a.len() + 1).saturating_sub(b.len())];
        for s in (0..quotient.len()).rev() {
            let q = self.product(&rest[s + b.len() - 1], &inverse);
            for (j, c) in b.iter().enumerate() {
                rest[s + j] = &rest[s + j] - &self.product(&q, c);
            }
            quotient[s] = q;
        }
        rest.truncate(b.len() - 1);
        (self.polynomial(quotient), self.polynomial(rest))
    }

    /// The quotient by a divisor.
    pub fn quotient(&self, a: &[Poly], b: &[Poly]) -> Coefficients {
        self.div_rem(a, b).0
    }

    /// The remainder.
    pub fn remainder(&self, a: &[Poly], b: &[Poly]) -> Coefficients {
        self.div_rem(a, b).1
    }

    /// The greatest common divisor, leading coefficient 1.
    pub fn gcd(&self, a: &[Poly], b: &[Poly]) -> Coefficients {
        let (mut a, mut b) = (a.to_vec(), b.to_vec());
        while !b.is_empty() {
            let rest = self.remainder(&a, &b);
            (a, b) = (b, rest);
        }
        match a.last().and_then(|lead| self.inverse(lead)) {
            Some(inverse) => a.iter().map(|c| self.product(c, &inverse)).collect(),
            None => a,
        }
    }

    /// The derivative.
    pub fn derivative(&self, a: &[Poly]) -> Coefficients {
        let list = a.iter().enumerate().skip(1);
        list.map(|(j, c)| c.scaled(&Rational::from(j as u64)))
            .collect()
    }

    /// The value at a rational point.
    pub fn at(&self, a: &[Poly], x: &Rational) -> Poly {
        a.iter()
            .rev()
            .fold(Poly::zero(), |value, c| &value.scaled(x) + c)
    }

    /// The number of distinct real roots in `(lo, hi)` of a square-free polynomial that vanishes at neither
    /// end, by Sturm's chain.
    pub fn count_between(&self, a: &[Poly], lo: &Rational, hi: &Rational) -> usize {
        let mut chain = vec![a.to_vec(), self.derivative(a)];
        while let [.., x, y] = chain.as_slice() {
            if y.is_empty() {
                break;
            }
            let rest = self.remainder(x, y);
            chain.push(rest.iter().map(|c| c.scaled(&Rational::from(-1))).collect());
        }
        let variations = |x: &Rational| {
            let signs = chain.iter().map(|p| self.sign(&self.at(p, x)));
            let mut last = Ordering::Equal;
            let mut count = 0_usize;
            for sign in signs.filter(|s| *s != Ordering::Equal) {
                count += usize::from(last != Ordering::Equal && last != sign);
                last = sign;
            }
            count
        };
        variations(lo).saturating_sub(variations(hi))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::sturm::isolate;

    /// √2 with the reducible modulus `(x² − 2)(x² − 3)`.
    fn root_of_two() -> Extension {
        let poly = &Poly::from_integers(&[-2, 0, 1]) * &Poly::from_integers(&[-3, 0, 1]);
        Extension::new(&isolate(&poly)[2]).expect("irrational")
    }

    #[test]
    fn zeros_signs_and_inverses() {
        let field = root_of_two();
        assert!(field.is_zero(&Poly::from_integers(&[-2, 0, 1])));
        assert!(!field.is_zero(&Poly::from_integers(&[-3, 0, 1])));
        assert_eq!(
            field.sign(&Poly::from_integers(&[-3, 0, 1])),
            Ordering::Less
        );
        // 1/(√2 − 1) = √2 + 1, also through a zero divisor: x² − 3 is −1 at √2.
        let inverse = field
            .inverse(&Poly::from_integers(&[-1, 1]))
            .expect("not zero");
        assert!(field.is_zero(&(&inverse - &Poly::from_integers(&[1, 1]))));
        let minus_one = field
            .inverse(&Poly::from_integers(&[-3, 0, 1]))
            .expect("not zero");
        assert!(field.is_zero(&(&minus_one + &Poly::one())));
        assert!(field.inverse(&Poly::from_integers(&[-2, 0, 1])).is_none());
        // A sign that needs many digits: √2 minus a convergent of its continued fraction.
        let close = Rational::from((Integer::from(1_855_077_841), Integer::from(1_311_738_121)));
        let a = Poly::new(vec![-close, Rational::from(1)]);
        assert_eq!(field.sign(&a), Ordering::Greater);
    }

    #[test]
    fn polynomials_over_the_field() {
        let field = root_of_two();
        let alpha = Poly::x();
        let minus = |p: &Poly| p.scaled(&Rational::from(-1));
        // (r − √2)² and (r − √2)(r + √2)
        let square = field.polynomial(vec![
            &alpha * &alpha,
            minus(&alpha).scaled(&Rational::from(2)),
            Poly::one(),
        ]);
        let both = field.polynomial(vec![Poly::from_integers(&[-2]), Poly::zero(), Poly::one()]);
        let common = field.gcd(&square, &both);
        assert_eq!(common.len(), 2);
        assert!(field.is_zero(&(&common[0] + &alpha)));
        assert_eq!(field.quotient(&square, &common).len(), 2);
        assert_eq!(
            field.count_between(&both, &Rational::from(-2), &Rational::from(2)),
            2
        );
        assert_eq!(
            field.count_between(&both, &Rational::from(0), &Rational::from(2)),
            1
        );
    }
}
