//! Polynomials in several variables over ℚ, and their quotients.
//!
//! Made for a few variables and low degrees: the coefficients of families of methods in two or
//! three parameters. Greatest common divisors are computed recursively by primitive remainder
//! sequences in the last variable that occurs.
//!
//! # References
//!
//! J. von zur Gathen, J. Gerhard, *Modern Computer Algebra*, 3rd ed. 2013, section 6.12.

use std::collections::BTreeMap;

use super::poly::Poly;
use super::ratfunc::Value;
use super::rational::Rational;

/// The largest total degree of a numerator or denominator accepted from text.
const MAX_DEGREE: u32 = 40;
/// The largest number of terms accepted from text.
const MAX_TERMS: usize = 4000;

/// `Σ c_e x^e`, exponent vectors without trailing zeros.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MPoly {
    terms: BTreeMap<Vec<u8>, Rational>,
}

impl MPoly {
    /// Zero.
    pub fn zero() -> Self {
        Self::default()
    }

    /// A constant.
    pub fn constant(c: Rational) -> Self {
        let mut p = Self::zero();
        p.include(Vec::new(), c);
        p
    }

    /// The variable of this index.
    pub fn variable(index: usize) -> Self {
        let mut exponents = vec![0; index];
        exponents.push(1);
        let mut p = Self::zero();
        p.include(exponents, Rational::from(1));
        p
    }

    /// A polynomial in the first variable.
    pub fn in_first(p: &Poly) -> Self {
        let mut sum = Self::zero();
        for (j, c) in p.coeffs().iter().enumerate() {
            let exponent = u8::try_from(j).expect("families have degrees far below 256");
            sum.include(vec![exponent], c.clone());
        }
        sum
    }

    /// The polynomial in the first variable, other variables at 0.
    pub fn univariate(&self) -> Poly {
        let constant = |c: &Self| c.terms.get(&Vec::new()).cloned().unwrap_or_default();
        Poly::new(self.coefficients_in(0).iter().map(constant).collect())
    }

    fn include(&mut self, mut exponents: Vec<u8>, c: Rational) {
        while exponents.last() == Some(&0) {
            exponents.pop();
        }
        if c == 0 {
            return;
        }
        let entry = self.terms.entry(exponents).or_default();
        *entry += c;
        if *entry == 0 {
            self.terms.retain(|_, c| *c != 0);
        }
    }

    /// The terms: exponent vectors without trailing zeros, and coefficients that are not zero.
    pub fn terms(&self) -> impl Iterator<Item = (&[u8], &Rational)> {
        self.terms.iter().map(|(e, c)| (e.as_slice(), c))
    }

    /// Whether this is zero.
    pub fn is_zero(&self) -> bool {
        self.terms.is_empty()
    }

    /// The value where this is a constant.
    pub fn as_constant(&self) -> Option<Rational> {
        match self.terms.len() {
            0 => Some(Rational::new()),
            1 => self.terms.get(&Vec::new()).cloned(),
            _ => None,
        }
    }

    /// The degree in one variable.
    pub fn degree_in(&self, variable: usize) -> usize {
        let degree = |e: &Vec<u8>| usize::from(e.get(variable).copied().unwrap_or(0));
        self.terms.keys().map(degree).max().unwrap_or(0)
    }

    fn total_degree(&self) -> u32 {
        let degree = |e: &Vec<u8>| e.iter().map(|&x| u32::from(x)).sum();
        self.terms.keys().map(degree).max().unwrap_or(0)
    }

    /// The index after the last variable that occurs.
    pub fn variables(&self) -> usize {
        self.terms.keys().map(Vec::len).max().unwrap_or(0)
    }

    /// Sum.
    #[must_use]
    pub fn add(&self, other: &Self) -> Self {
        let mut sum = self.clone();
        for (e, c) in &other.terms {
            sum.include(e.clone(), c.clone());
        }
        sum
    }

    /// `c p`.
    #[must_use]
    pub fn scaled(&self, c: &Rational) -> Self {
        let mut p = Self::zero();
        for (e, a) in &self.terms {
            p.include(e.clone(), Rational::from(a * c));
        }
        p
    }

    /// Difference.
    #[must_use]
    pub fn sub(&self, other: &Self) -> Self {
        self.add(&other.scaled(&Rational::from(-1)))
    }

    /// Product. Exponents saturate far beyond what [`MRatFunc`] accepts.
    #[must_use]
    pub fn mul(&self, other: &Self) -> Self {
        let mut product = Self::zero();
        for (e, a) in &self.terms {
            for (f, b) in &other.terms {
                let n = e.len().max(f.len());
                let at = |list: &[u8], i: usize| list.get(i).copied().unwrap_or(0);
                let sum = (0..n).map(|i| at(e, i).saturating_add(at(f, i))).collect();
                product.include(sum, Rational::from(a * b));
            }
        }
        product
    }

    /// The value at a point; variables beyond it count as 0.
    pub fn eval(&self, point: &[Rational]) -> Rational {
        let mut sum = Rational::new();
        for (e, c) in &self.terms {
            let mut term = c.clone();
            for (i, &n) in e.iter().enumerate() {
                let x = point.get(i).cloned().unwrap_or_default();
                for _ in 0..n {
                    term *= &x;
                }
            }
            sum += term;
        }
        sum
    }

    /// Coefficients in one variable, low degree first, not empty.
    pub fn coefficients_in(&self, variable: usize) -> Vec<Self> {
        let mut list = vec![Self::zero(); self.degree_in(variable) + 1];
        for (e, c) in &self.terms {
            let mut rest = e.clone();
            let n = rest.get(variable).copied().unwrap_or(0);
            if n > 0 {
                rest[variable] = 0;
            }
            list[usize::from(n)].include(rest, c.clone());
        }
        list
    }

    fn from_coefficients(list: &[Self], variable: usize) -> Self {
        let mut p = Self::zero();
        for (n, c) in list.iter().enumerate() {
            for (e, a) in &c.terms {
                let mut e = e.clone();
                e.resize(e.len().max(variable + 1), 0);
                e[variable] = n as u8;
                p.include(e, a.clone());
            }
        }
        p
    }

    /// The quotient where the division leaves no remainder; `None` else.
    pub fn exact_div(&self, divisor: &Self) -> Option<Self> {
        if divisor.is_zero() {
            return None;
        }
        if let Some(c) = divisor.as_constant() {
            return Some(self.scaled(&c.recip()));
        }
        let v = divisor.variables() - 1;
        let d = divisor.coefficients_in(v);
        let mut rest = self.coefficients_in(v);
        let mut quotient = vec![Self::zero(); rest.len().saturating_sub(d.len() - 1)];
        let lead = d.last()?;
        for s in (0..quotient.len()).rev() {
            let q = rest[s + d.len() - 1].exact_div(lead)?;
            for (j, c) in d.iter().enumerate() {
                rest[s + j] = rest[s + j].sub(&c.mul(&q));
            }
            quotient[s] = q;
        }
        rest.iter()
            .all(Self::is_zero)
            .then(|| Self::from_coefficients(&quotient, v))
    }

    /// Coprime integer coefficients, the one of the last term positive.
    #[must_use]
    pub fn primitive(&self) -> Self {
        let mut lcm = super::Integer::from(1);
        let mut gcd = super::Integer::new();
        for c in self.terms.values() {
            lcm.lcm_mut(c.denom());
            gcd.gcd_mut(c.numer());
        }
        let Some(last) = self.terms.values().next_back() else {
            return Self::zero();
        };
        let mut scale = Rational::from((lcm, gcd));
        if *last < 0 {
            scale = -scale;
        }
        self.scaled(&scale)
    }

    /// The greatest common divisor, [`MPoly::primitive`]; zero only where both are.
    #[must_use]
    pub fn gcd(&self, other: &Self) -> Self {
        if self.is_zero() || other.is_zero() {
            return self.add(other).primitive();
        }
        let n = self.variables().max(other.variables());
        if n == 0 {
            return Self::constant(Rational::from(1));
        }
        let v = n - 1;
        let content = |list: &[Self]| list.iter().fold(Self::zero(), |g, c| g.gcd(c));
        let (a, b) = (self.coefficients_in(v), other.coefficients_in(v));
        let (content_a, content_b) = (content(&a), content(&b));
        let divide = |list: Vec<Self>, by: &Self| -> Vec<Self> {
            let quotient = |c: &Self| c.exact_div(by).expect("a content divides");
            list.iter().map(quotient).collect()
        };
        let (mut a, mut b) = (divide(a, &content_a), divide(b, &content_b));
        if a.len() < b.len() {
            std::mem::swap(&mut a, &mut b);
        }
        while b.len() > 1 {
            let mut rest = pseudo_remainder(a, &b);
            let c = content(&rest);
            if !c.is_zero() {
                // Without the numbers' common factor coefficients would grow exponentially.
                let quotient = Self::from_coefficients(&divide(rest, &c), v);
                rest = quotient.primitive().coefficients_in(v);
            }
            (a, b) = (b, rest);
        }
        let shared = content_a.gcd(&content_b);
        if b.is_empty() {
            shared.mul(&Self::from_coefficients(&a, v)).primitive()
        } else {
            shared
        }
    }

    /// The polynomial with the variables' names, for example `4*a^2*b - a + 1/2`.
    pub fn in_words(&self, names: &[String]) -> String {
        let mut text = String::new();
        let mut ordered: Vec<_> = self.terms.iter().collect();
        let weight = |e: &Vec<u8>| e.iter().map(|&x| u32::from(x)).sum::<u32>();
        ordered.sort_by_key(|(e, _)| std::cmp::Reverse(weight(e)));
        for (e, c) in ordered {
            let mut factors: Vec<String> = Vec::new();
            let size = Rational::from(c.abs_ref());
            if size != 1 || e.is_empty() {
                factors.push(size.to_string());
            }
            for (i, &n) in e.iter().enumerate().filter(|(_, n)| **n > 0) {
                let name = names.get(i).map_or("?", String::as_str);
                factors.push(if n == 1 {
                    name.to_owned()
                } else {
                    format!("{name}^{n}")
                });
            }
            let sign = match (*c < 0, text.is_empty()) {
                (true, true) => "-",
                (true, false) => " - ",
                (false, true) => "",
                (false, false) => " + ",
            };
            text.push_str(sign);
            text.push_str(&factors.join("*"));
        }
        if text.is_empty() {
            text.push('0');
        }
        text
    }
}

/// A multiple of the remainder by a factor free of the main variable; top zeros dropped.
fn pseudo_remainder(mut a: Vec<MPoly>, b: &[MPoly]) -> Vec<MPoly> {
    let lead = b.last().cloned().unwrap_or_default();
    while a.len() >= b.len() {
        let top = a.pop().unwrap_or_default();
        if !top.is_zero() {
            let shift = a.len() + 1 - b.len();
            for c in &mut a {
                *c = c.mul(&lead);
            }
            for (j, c) in b[..b.len() - 1].iter().enumerate() {
                a[shift + j] = a[shift + j].sub(&c.mul(&top));
            }
        }
    }
    while a.last().is_some_and(MPoly::is_zero) {
        a.pop();
    }
    a
}

/// A reduced quotient of polynomials in several variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MRatFunc {
    num: MPoly,
    den: MPoly,
}

impl MRatFunc {
    /// The reduced quotient; `None` where `den` is zero.
    pub fn new(num: &MPoly, den: &MPoly) -> Option<Self> {
        if den.is_zero() {
            return None;
        }
        if num.is_zero() {
            return Some(Self {
                num: MPoly::zero(),
                den: MPoly::constant(Rational::from(1)),
            });
        }
        let common = num.gcd(den);
        let (num, den) = (num.exact_div(&common)?, den.exact_div(&common)?);
        let unit = den.primitive();
        let factor = unit.exact_div(&den)?;
        Some(Self {
            num: num.mul(&factor),
            den: unit,
        })
    }

    /// The numerator.
    pub fn num(&self) -> &MPoly {
        &self.num
    }

    /// The denominator, primitive.
    pub fn den(&self) -> &MPoly {
        &self.den
    }

    /// Whether this is zero.
    pub fn is_zero(&self) -> bool {
        self.num.is_zero()
    }

    /// The value at a point; `None` at a pole.
    pub fn eval(&self, point: &[Rational]) -> Option<Rational> {
        let den = self.den.eval(point);
        (den != 0).then(|| self.num.eval(point) / den)
    }

    /// A polynomial.
    pub fn from_poly(num: MPoly) -> Self {
        Self {
            num,
            den: MPoly::constant(Rational::from(1)),
        }
    }
}

impl Value for MRatFunc {
    fn constant(c: Rational) -> Self {
        Self::from_poly(MPoly::constant(c))
    }
    fn plus(&self, other: &Self) -> Self {
        let num = self.num.mul(&other.den).add(&other.num.mul(&self.den));
        Self::new(&num, &self.den.mul(&other.den)).expect("denominators are not zero")
    }
    fn minus(&self, other: &Self) -> Self {
        let num = self.num.mul(&other.den).sub(&other.num.mul(&self.den));
        Self::new(&num, &self.den.mul(&other.den)).expect("denominators are not zero")
    }
    fn times(&self, other: &Self) -> Self {
        Self::new(&self.num.mul(&other.num), &self.den.mul(&other.den))
            .expect("denominators are not zero")
    }
    fn over(&self, other: &Self) -> Option<Self> {
        Self::new(&self.num.mul(&other.den), &self.den.mul(&other.num))
    }
    fn within_limits(&self) -> bool {
        let small = |p: &MPoly| {
            let bits: u64 = p
                .terms
                .values()
                .map(|c| u64::from(c.numer().significant_bits() + c.denom().significant_bits()))
                .sum();
            p.total_degree() <= MAX_DEGREE && p.terms.len() <= MAX_TERMS && bits <= 1 << 20
        };
        small(&self.num) && small(&self.den)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::ratfunc::parse_value;

    fn parse(text: &str) -> MRatFunc {
        let names = ["a", "b", "c"];
        let variable = |name: &str| {
            let index = names.iter().position(|n| *n == name)?;
            Some(MRatFunc::from_poly(MPoly::variable(index)))
        };
        parse_value(text, "a, b, c", &variable).expect(text)
    }

    #[test]
    fn quotients_are_reduced() {
        assert_eq!(parse("(a^2-b^2)/(a-b)"), parse("a+b"));
        assert_eq!(parse("(a*b*c + c^2)/(2*c)"), parse("(a*b+c)/2"));
        assert_eq!(parse("1/(a-b) + 1/(b-a)"), parse("0"));
        let g = parse("(a+b)^2*(a-c)*(b*c+1)")
            .num()
            .gcd(parse("(a+b)*(b*c+1)^2*(a+c)").num());
        assert_eq!(g, parse("(a+b)*(b*c+1)").num().primitive());
    }

    #[test]
    fn words() {
        let names = ["a", "b", "c"].map(String::from);
        assert_eq!(
            parse("1/2-a+4*a^2*b").num().in_words(&names),
            "4*a^2*b - a + 1/2"
        );
        assert_eq!(MPoly::zero().in_words(&names), "0");
    }
}
