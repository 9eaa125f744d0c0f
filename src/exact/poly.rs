//! Polynomials in one variable over ℚ.
//!
//! Coefficients are stored low degree first and the last one is never zero, so the zero polynomial
//! is the empty list. Remainder sequences are run over ℤ on primitive parts, which keeps their
//! coefficients from growing exponentially.
//!
//! # References
//!
//! D. Y. Y. Yun, *On square-free decomposition algorithms*, SYMSAC 1976; J. von zur Gathen and
//! J. Gerhard, *Modern Computer Algebra*, 3rd ed. 2013, chapters 6 (resultants, primitive
//! remainder sequences) and 14.6 (Yun).

use std::fmt;
use std::ops::{Add, Mul, Neg, Sub};

use super::modular;
use super::rational::{Integer, Rational};

/// From this many coefficients on, an image modulo a prime is asked first whether a gcd is trivial.
const SMALL: usize = 3;
/// From this many coefficients on, gcds are put together from images modulo primes.
const LARGE: usize = 12;

/// A polynomial `Σ c_j x^j` with rational coefficients.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Poly {
    coeffs: Vec<Rational>,
}

impl Poly {
    /// The polynomial with these coefficients, low degree first; zeros at the top are dropped.
    pub fn new(mut coeffs: Vec<Rational>) -> Self {
        while coeffs.last().is_some_and(|c| *c == 0) {
            coeffs.pop();
        }
        Self { coeffs }
    }

    /// As [`Poly::new`], from machine integers.
    pub fn from_integers(coeffs: &[i64]) -> Self {
        Self::new(coeffs.iter().map(|&c| Rational::from(c)).collect())
    }

    /// As [`Poly::new`], from big integers.
    pub fn from_big(coeffs: &[Integer]) -> Self {
        Self::new(coeffs.iter().map(Rational::from).collect())
    }

    /// The zero polynomial.
    pub fn zero() -> Self {
        Self { coeffs: Vec::new() }
    }

    /// The constant polynomial `c`.
    pub fn constant(c: Rational) -> Self {
        Self::new(vec![c])
    }

    /// The constant polynomial 1.
    pub fn one() -> Self {
        Self::from_integers(&[1])
    }

    /// The variable `x`.
    pub fn x() -> Self {
        Self::from_integers(&[0, 1])
    }

    /// The linear polynomial `x − root`.
    pub fn linear(root: &Rational) -> Self {
        Self::new(vec![Rational::from(-root), Rational::from(1)])
    }

    /// The coefficients, low degree first, the last not zero.
    pub fn coeffs(&self) -> &[Rational] {
        &self.coeffs
    }

    /// The degree; `None` for the zero polynomial.
    pub fn degree(&self) -> Option<usize> {
        self.coeffs.len().checked_sub(1)
    }

    /// Whether this is the zero polynomial.
    pub fn is_zero(&self) -> bool {
        self.coeffs.is_empty()
    }

    /// Whether the degree is 0 or the polynomial is zero.
    pub fn is_constant(&self) -> bool {
        self.coeffs.len() <= 1
    }

    /// The leading coefficient; `None` for the zero polynomial.
    pub fn leading(&self) -> Option<&Rational> {
        self.coeffs.last()
    }

    /// The coefficient of `x^j`, zero beyond the degree.
    pub fn coeff(&self, j: usize) -> Rational {
        self.coeffs.get(j).cloned().unwrap_or_default()
    }

    /// The value at `x` (Horner).
    pub fn eval(&self, x: &Rational) -> Rational {
        let mut value = Rational::new();
        for c in self.coeffs.iter().rev() {
            value *= x;
            value += c;
        }
        value
    }

    /// The derivative.
    pub fn derivative(&self) -> Self {
        let coeffs = self.coeffs.iter().enumerate().skip(1);
        Self::new(coeffs.map(|(j, c)| Rational::from(c * j as u64)).collect())
    }

    /// The reversed polynomial `x^n p(1/x)`, n the degree. Its degree is smaller where `p(0) = 0`.
    pub fn reversed(&self) -> Self {
        Self::new(self.coeffs.iter().rev().cloned().collect())
    }

    /// `c · p`.
    pub fn scaled(&self, c: &Rational) -> Self {
        Self::new(self.coeffs.iter().map(|a| Rational::from(a * c)).collect())
    }

    /// `p(c x)`: the roots are divided by `c` (where `c ≠ 0`).
    pub fn stretched(&self, c: &Rational) -> Self {
        let mut power = Rational::from(1);
        let mut coeffs = Vec::with_capacity(self.coeffs.len());
        for a in &self.coeffs {
            coeffs.push(Rational::from(a * &power));
            power *= c;
        }
        Self::new(coeffs)
    }

    /// `p / leading`; zero stays zero.
    pub fn monic(&self) -> Self {
        match self.leading() {
            Some(lead) => self.scaled(&Rational::from(lead.recip_ref())),
            None => Self::zero(),
        }
    }

    /// The integer coefficients of `c p` for the one `c > 0` that makes them coprime.
    pub fn primitive_integers(&self) -> Vec<Integer> {
        let mut lcm = Integer::from(1);
        for c in &self.coeffs {
            lcm.lcm_mut(c.denom());
        }
        let scaled = self.coeffs.iter().map(|c| {
            let cofactor = Integer::from(lcm.div_exact_ref(c.denom()));
            cofactor * c.numer()
        });
        let mut integers: Vec<Integer> = scaled.collect();
        make_primitive(&mut integers);
        integers
    }

    /// `c p` with coprime integer coefficients and a positive leading one.
    pub fn primitive(&self) -> Self {
        let p = Self::from_big(&self.primitive_integers());
        match p.leading() {
            Some(lead) if *lead < 0 => -&p,
            _ => p,
        }
    }

    /// `p^n`.
    pub fn pow(&self, n: usize) -> Self {
        (0..n).fold(Self::one(), |power, _| &power * self)
    }

    /// Quotient and remainder; `None` where the divisor is zero.
    pub fn div_rem(&self, divisor: &Self) -> Option<(Self, Self)> {
        let (lead, n) = (divisor.leading()?, divisor.degree()?);
        let mut rest = self.coeffs.clone();
        let mut quotient = vec![Rational::new(); rest.len().saturating_sub(n)];
        for s in (0..quotient.len()).rev() {
            let q = Rational::from(&rest[s + n] / lead);
            for (j, c) in divisor.coeffs.iter().enumerate() {
                rest[s + j] -= Rational::from(c * &q);
            }
            quotient[s] = q;
        }
        Some((Self::new(quotient), Self::new(rest)))
    }

    /// The quotient where the division leaves no remainder, else `None`.
    pub fn exact_div(&self, divisor: &Self) -> Option<Self> {
        let (quotient, rest) = self.div_rem(divisor)?;
        rest.is_zero().then_some(quotient)
    }

    /// The monic greatest common divisor; zero only where both are zero.
    pub fn gcd(&self, other: &Self) -> Self {
        let (mut a, mut b) = (self.primitive_integers(), other.primitive_integers());
        if a.len() < b.len() {
            std::mem::swap(&mut a, &mut b);
        }
        if b.len() == 1 {
            return Self::one();
        }
        if b.len() > SMALL && modular::coprime(&a, &b) {
            return Self::one();
        }
        if b.len() > LARGE {
            return Self::from_big(&modular::gcd(&a, &b)).monic();
        }
        while !b.is_empty() {
            let r = pseudo_remainder(a, &b);
            a = std::mem::replace(&mut b, r);
        }
        Self::from_big(&a).monic()
    }

    /// The product of the distinct irreducible factors, monic; zero and constants give 1.
    pub fn square_free_part(&self) -> Self {
        if self.is_constant() {
            return Self::one();
        }
        let common = self.gcd(&self.derivative());
        self.exact_div(&common).expect("a gcd divides").monic()
    }

    /// Yun's decomposition `p = leading · ∏ f_m^m`: the pairs `(f_m, m)` with `f_m` monic, not
    /// constant, square-free and pairwise coprime, `m` ascending. Zero and constants give no pair.
    pub fn square_free(&self) -> Vec<(Self, usize)> {
        let mut factors = Vec::new();
        if self.is_constant() {
            return factors;
        }
        let derivative = self.derivative();
        let common = self.gcd(&derivative);
        let mut w = self.exact_div(&common).expect("a gcd divides");
        let mut y = derivative.exact_div(&common).expect("a gcd divides");
        let mut multiplicity = 1;
        while !w.is_constant() {
            // z = y − w'; gcd(w, z) collects the roots of exactly this multiplicity.
            let z = &y - &w.derivative();
            let factor = w.gcd(&z);
            w = w.exact_div(&factor).expect("a gcd divides");
            y = z.exact_div(&factor).expect("a gcd divides");
            if !factor.is_constant() {
                factors.push((factor, multiplicity));
            }
            multiplicity += 1;
        }
        factors
    }

    /// The resultant `Res(p, q)`, zero exactly where the two have a common complex root (or one
    /// of them is zero).
    pub fn resultant(&self, other: &Self) -> Rational {
        let (Some(mut n), Some(mut m)) = (self.degree(), other.degree()) else {
            return Rational::new();
        };
        let (mut a, mut b) = (self.primitive_integers(), other.primitive_integers());
        let content = |p: &Self, primitive: &[Integer], degree: usize| {
            Rational::from(&p.coeffs[degree] / &primitive[degree])
        };
        let mut value = power(&content(self, &a, n), m) * power(&content(other, &b, m), n);
        // Res(a, b) = (−1)^{nm} lc(b)^{n − deg r} Res(b, r) with r = a mod b, and
        // Res(b, s r') = s^m Res(b, r').
        while m > 0 {
            let lead = Rational::from(&b[m]);
            let (r, scale) = scaled_remainder(a, &b);
            let Some(d) = r.len().checked_sub(1) else {
                return Rational::new();
            };
            // deg r ≤ deg a, also in a first step with n < m, where r = a.
            value *= power(&lead, n - d) * power(&scale, m);
            if n % 2 == 1 && m % 2 == 1 {
                value = -value;
            }
            (a, b) = (b, r);
            (n, m) = (m, d);
        }
        value * power(&Rational::from(&b[0]), n)
    }

    /// How often `x` divides the polynomial, and the quotient; zero gives `(0, 0)`.
    pub fn strip_zero_roots(&self) -> (usize, Self) {
        let zeros = self.coeffs.iter().take_while(|c| **c == 0).count();
        (zeros, Self::new(self.coeffs[zeros..].to_vec()))
    }
}

/// Divides by the content, which is returned; signs stay. The content of zero counts as 1.
pub(super) fn make_primitive(p: &mut [Integer]) -> Integer {
    let mut content = Integer::new();
    for c in p.iter() {
        content.gcd_mut(c);
    }
    if content == 0 {
        return Integer::from(1);
    }
    if content > 1 {
        for c in p.iter_mut() {
            c.div_exact_mut(&content);
        }
    }
    content
}

/// A positive multiple of `a mod b` over ℤ, primitive, top zeros dropped. `b` is not zero.
pub(super) fn pseudo_remainder(a: Vec<Integer>, b: &[Integer]) -> Vec<Integer> {
    scaled_remainder(a, b).0
}

/// The primitive `r` and the `s > 0` with `a mod b = s r`. `b` is not zero.
fn scaled_remainder(mut a: Vec<Integer>, b: &[Integer]) -> (Vec<Integer>, Rational) {
    let Some(lead) = b.last() else {
        return (a, Rational::from(1));
    };
    let size = Integer::from(lead.abs_ref());
    let mut multiplier = Integer::from(1);
    while a.len() >= b.len() {
        let top = a.pop().unwrap_or_default();
        if top != 0 {
            // |lead| a − (± top) x^s b: the top term cancels, the multiplier of a is positive.
            let factor = if *lead < 0 { -top } else { top };
            let shift = a.len() + 1 - b.len();
            for c in &mut a {
                *c *= &size;
            }
            multiplier *= &size;
            for (j, c) in b[..b.len() - 1].iter().enumerate() {
                a[shift + j] -= Integer::from(c * &factor);
            }
        }
    }
    while a.last().is_some_and(|c| *c == 0) {
        a.pop();
    }
    let content = make_primitive(&mut a);
    (a, Rational::from((content, multiplier)))
}

fn power(base: &Rational, exponent: usize) -> Rational {
    use rug::ops::Pow;
    Rational::from(base.pow(exponent as u32))
}

impl Add for &Poly {
    type Output = Poly;
    fn add(self, other: &Poly) -> Poly {
        let n = self.coeffs.len().max(other.coeffs.len());
        Poly::new((0..n).map(|j| self.coeff(j) + other.coeff(j)).collect())
    }
}

impl Sub for &Poly {
    type Output = Poly;
    fn sub(self, other: &Poly) -> Poly {
        let n = self.coeffs.len().max(other.coeffs.len());
        Poly::new((0..n).map(|j| self.coeff(j) - other.coeff(j)).collect())
    }
}

impl Neg for &Poly {
    type Output = Poly;
    fn neg(self) -> Poly {
        Poly::new(self.coeffs.iter().map(|c| Rational::from(-c)).collect())
    }
}

impl Mul for &Poly {
    type Output = Poly;
    fn mul(self, other: &Poly) -> Poly {
        if self.is_zero() || other.is_zero() {
            return Poly::zero();
        }
        let mut coeffs = vec![Rational::new(); self.coeffs.len() + other.coeffs.len() - 1];
        for (i, a) in self.coeffs.iter().enumerate() {
            for (j, b) in other.coeffs.iter().enumerate() {
                coeffs[i + j] += Rational::from(a * b);
            }
        }
        Poly::new(coeffs)
    }
}

impl fmt::Display for Poly {
    /// The coefficients, low degree first, separated by spaces; `0` for the zero polynomial.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_zero() {
            return f.write_str("0");
        }
        for (j, c) in self.coeffs.iter().enumerate() {
            let space = if j == 0 { "" } else { " " };
            write!(f, "{space}{c}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn poly() -> impl Strategy<Value = Poly> {
        prop::collection::vec((-20_i64..20, 1_i64..5), 0..7)
            .prop_map(|v| Poly::new(v.into_iter().map(Rational::from).collect()))
    }

    #[test]
    fn yun_separates_multiplicities() {
        let (a, b) = (
            Poly::from_integers(&[-1, 1]),
            Poly::from_integers(&[1, 0, 1]),
        );
        let p = &(&a.pow(3) * &b.pow(2)) * &Poly::from_integers(&[7, 3]);
        let parts = p.square_free();
        let expected = vec![
            (Poly::from_integers(&[7, 3]).monic(), 1),
            (b.clone(), 2),
            (a.clone(), 3),
        ];
        assert_eq!(parts, expected);
        assert_eq!(p.square_free_part().degree(), Some(4));
    }

    #[test]
    fn small_resultants() {
        // Res(x² + 1, x − 2) = (2)² + 1; Res of quadratics with a common root vanishes.
        let p = Poly::from_integers(&[1, 0, 1]);
        assert_eq!(p.resultant(&Poly::from_integers(&[-2, 1])), 5);
        assert_eq!(p.resultant(&(&p * &Poly::x())), 0);
        assert_eq!(Poly::from_integers(&[3]).resultant(&p), 9);
        assert_eq!(
            Poly::from_integers(&[1, 2]).resultant(&Poly::from_integers(&[5, 0, 0, 1])),
            39
        );
    }

    proptest! {
        #[test]
        fn division(a in poly(), b in poly()) {
            match a.div_rem(&b) {
                None => prop_assert!(b.is_zero()),
                Some((q, r)) => {
                    prop_assert_eq!(&(&q * &b) + &r, a);
                    prop_assert!(r.degree() < b.degree());
                }
            }
        }

        #[test]
        fn gcd_contains_the_common_factor(a in poly(), b in poly(), c in poly()) {
            let g = (&a * &c).gcd(&(&b * &c));
            if !(c.is_zero() || a.is_zero() && b.is_zero()) {
                prop_assert!(g.exact_div(&c).is_some());
                prop_assert!((&a * &c).exact_div(&g).is_some());
            }
        }

        #[test]
        fn decomposition_multiplies_back(a in poly(), b in poly()) {
            let p = &(&a * &b) * &b;
            let lead = p.leading().cloned().unwrap_or_default();
            let product = p.square_free().iter().fold(
                Poly::constant(lead), |acc, (f, m)| &acc * &f.pow(*m));
            prop_assert_eq!(product, p);
        }

        #[test]
        fn resultant_is_multiplicative(a in poly(), b in poly(), c in poly()) {
            prop_assume!(!a.is_zero() && !b.is_zero() && !c.is_zero());
            prop_assert_eq!(a.resultant(&(&b * &c)), a.resultant(&b) * a.resultant(&c));
        }

        #[test]
        fn primitive_keeps_signs(a in poly()) {
            let p = Poly::from_big(&a.primitive_integers());
            prop_assert_eq!(p.degree(), a.degree());
            prop_assert_eq!(p.leading().map(crate::exact::rational::sign),
                a.leading().map(crate::exact::rational::sign));
        }
    }
}
