//! Polynomials in a variable `r` whose coefficients are polynomials in a parameter `l` over ℚ.
//!
//! Greatest common divisors and square-free factors are those over ℚ(l), represented by primitive
//! members of `ℚ[l][r]`: the coefficients have no common factor in `l`, and the leading coefficient
//! (in both variables) is 1.

use super::poly::Poly;
use super::rational::Rational;

/// `Σ c_j(l) r^j`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BiPoly {
    coeffs: Vec<Poly>,
}

impl BiPoly {
    /// The polynomial with these coefficients, low degree in `r` first; zeros at the top are dropped.
    pub fn new(mut coeffs: Vec<Poly>) -> Self {
        while coeffs.last().is_some_and(Poly::is_zero) {
            coeffs.pop();
        }
        Self { coeffs }
    }

    /// A polynomial in `r` alone.
    pub fn in_r(p: &Poly) -> Self {
        Self::new(p.coeffs().iter().cloned().map(Poly::constant).collect())
    }

    /// The coefficients, low degree in `r` first.
    pub fn coeffs(&self) -> &[Poly] {
        &self.coeffs
    }

    /// The degree in `r`; `None` for zero.
    pub fn degree(&self) -> Option<usize> {
        self.coeffs.len().checked_sub(1)
    }

    /// Whether this is identically zero.
    pub fn is_zero(&self) -> bool {
        self.coeffs.is_empty()
    }

    /// The leading coefficient in `r`, a polynomial in `l`; zero for the zero polynomial.
    pub fn leading(&self) -> Poly {
        self.coeffs.last().cloned().unwrap_or_else(Poly::zero)
    }

    /// The largest degree in `l`.
    pub fn degree_in_parameter(&self) -> usize {
        self.coeffs
            .iter()
            .filter_map(Poly::degree)
            .max()
            .unwrap_or(0)
    }

    /// The polynomial in `r` at `l = value`.
    pub fn at(&self, value: &Rational) -> Poly {
        Poly::new(self.coeffs.iter().map(|c| c.eval(value)).collect())
    }

    /// The polynomial in `l` at `r = value`.
    pub fn at_r(&self, value: &Rational) -> Poly {
        let horner = |acc: Poly, c: &Poly| &acc.scaled(value) + c;
        self.coeffs.iter().rev().fold(Poly::zero(), horner)
    }

    /// The derivative by `r`.
    pub fn derivative(&self) -> Self {
        let coeffs = self.coeffs.iter().enumerate().skip(1);
        Self::new(
            coeffs
                .map(|(j, c)| c.scaled(&Rational::from(j as u64)))
                .collect(),
        )
    }

    /// The derivative by `l`.
    pub fn derivative_in_parameter(&self) -> Self {
        Self::new(self.coeffs.iter().map(Poly::derivative).collect())
    }

    /// `r^n p(1/r)`, n the degree in `r`.
    pub fn reversed(&self) -> Self {
        Self::new(self.coeffs.iter().rev().cloned().collect())
    }

    /// `p(c r)`.
    pub fn stretched(&self, c: &Rational) -> Self {
        let mut power = Rational::from(1);
        let mut coeffs = Vec::with_capacity(self.coeffs.len());
        for a in &self.coeffs {
            coeffs.push(a.scaled(&power));
            power *= c;
        }
        Self::new(coeffs)
    }

    /// How often `r` divides the polynomial, and the quotient.
    pub fn strip_zero_roots(&self) -> (usize, Self) {
        let zeros = self.coeffs.iter().take_while(|c| c.is_zero()).count();
        (zeros, Self::new(self.coeffs[zeros..].to_vec()))
    }

    /// Divides by the common factor of the coefficients and makes the leading number 1.
    #[must_use]
    pub fn primitive(&self) -> Self {
        let content = self.coeffs.iter().fold(Poly::zero(), |g, c| g.gcd(c));
        let lead = self.leading();
        let Some(lead) = lead.leading() else {
            return Self::new(Vec::new());
        };
        let inverse = Rational::from(lead.recip_ref());
        let divide = |c: &Poly| {
            c.exact_div(&content)
                .expect("the content divides")
                .scaled(&inverse)
        };
        Self::new(self.coeffs.iter().map(divide).collect())
    }

    /// Product.
    #[must_use]
    pub fn mul(&self, other: &Self) -> Self {
        if self.is_zero() || other.is_zero() {
            return Self::new(Vec::new());
        }
        let mut coeffs = vec![Poly::zero(); self.coeffs.len() + other.coeffs.len() - 1];
        for (i, a) in self.coeffs.iter().enumerate() {
            for (j, b) in other.coeffs.iter().enumerate() {
                coeffs[i + j] = &coeffs[i + j] + &(a * b);
            }
        }
        Self::new(coeffs)
    }

    /// Difference.
    #[must_use]
    pub fn sub(&self, other: &Self) -> Self {
        let n = self.coeffs.len().max(other.coeffs.len());
        let zero = Poly::zero();
        let at = |p: &Self, j: usize| p.coeffs.get(j).unwrap_or(&zero).clone();
        Self::new((0..n).map(|j| &at(self, j) - &at(other, j)).collect())
    }

    /// Quotient and remainder over ℚ(l), each up to a factor in ℚ(l), primitive; `None` where the
    /// divisor is zero.
    pub fn pseudo_div_rem(&self, divisor: &Self) -> Option<(Self, Self)> {
        let n = divisor.degree()?;
        let lead = divisor.leading();
        let mut rest = self.coeffs.clone();
        let mut quotient = vec![Poly::zero(); rest.len().saturating_sub(n)];
        for s in (0..quotient.len()).rev() {
            let top = rest[s + n].clone();
            rest.truncate(s + n);
            for c in rest.iter_mut().chain(quotient.iter_mut()) {
                *c = &*c * &lead;
            }
            for (j, c) in divisor.coeffs[..n].iter().enumerate() {
                rest[s + j] = &rest[s + j] - &(c * &top);
            }
            quotient[s] = top;
        }
        Some((Self::new(quotient).primitive(), Self::new(rest).primitive()))
    }

    /// The primitive quotient where the division over ℚ(l) leaves no remainder.
    pub fn exact_div(&self, divisor: &Self) -> Option<Self> {
        let (quotient, rest) = self.pseudo_div_rem(divisor)?;
        rest.is_zero().then_some(quotient)
    }

    /// The primitive greatest common divisor over ℚ(l).
    #[must_use]
    pub fn gcd(&self, other: &Self) -> Self {
        let (mut a, mut b) = (self.primitive(), other.primitive());
        while let Some((_, rest)) = a.pseudo_div_rem(&b) {
            a = std::mem::replace(&mut b, rest);
        }
        a
    }

    /// The primitive square-free parts of each multiplicity over ℚ(l), by repeated gcds; factors
    /// free of `r` are dropped.
    pub fn square_free(&self) -> Vec<(Self, usize)> {
        let mut factors = Vec::new();
        let mut rest = self.primitive();
        if rest.degree().unwrap_or(0) == 0 {
            return factors;
        }
        // Musser: `common` holds each root once less, `roots` every root of `rest` once.
        let mut common = rest.gcd(&rest.derivative());
        let mut roots = rest.exact_div(&common).expect("a gcd divides");
        let mut multiplicity = 1;
        while roots.degree().unwrap_or(0) > 0 {
            rest = common;
            let repeated = roots.gcd(&rest);
            let simple = roots.exact_div(&repeated).expect("a gcd divides");
            if simple.degree().unwrap_or(0) > 0 {
                factors.push((simple, multiplicity));
            }
            common = rest.exact_div(&repeated).expect("a gcd divides");
            roots = repeated;
            multiplicity += 1;
        }
        factors
    }

    /// The resultant by `r`, a polynomial in `l`, by evaluation and interpolation.
    pub fn resultant(&self, other: &Self) -> Poly {
        let (Some(n), Some(m)) = (self.degree(), other.degree()) else {
            return Poly::zero();
        };
        let bound = m * self.degree_in_parameter() + n * other.degree_in_parameter();
        let (lead_a, lead_b) = (self.leading(), other.leading());
        // Newton's form through points at which no degree drops.
        let mut value = Poly::zero();
        let mut basis = Poly::one();
        let candidates = (0_i64..).flat_map(|j| if j == 0 { vec![0] } else { vec![j, -j] });
        let mut needed = bound + 1;
        for x in candidates.map(Rational::from) {
            if needed == 0 {
                break;
            }
            if lead_a.eval(&x) == 0 || lead_b.eval(&x) == 0 {
                continue;
            }
            let wanted = self.at(&x).resultant(&other.at(&x));
            let slope = (wanted - value.eval(&x)) / basis.eval(&x);
            value = &value + &basis.scaled(&slope);
            basis = &basis * &Poly::linear(&x);
            needed -= 1;
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bi(rows: &[&[i64]]) -> BiPoly {
        BiPoly::new(rows.iter().map(|r| Poly::from_integers(r)).collect())
    }

    #[test]
    fn discriminant_of_a_quadratic() {
        // r² + l r + 1: the resultant with the derivative is 4 − l².
        let p = bi(&[&[1], &[0, 1], &[1]]);
        assert_eq!(
            p.resultant(&p.derivative()),
            Poly::from_integers(&[4, 0, -1])
        );
    }

    #[test]
    fn factors_over_the_function_field() {
        let a = bi(&[&[0, 1], &[1, 1]]); // l + (1 + l) r
        let b = bi(&[&[-1], &[1]]); // r − 1
        let p = a.mul(&a).mul(&b);
        assert_eq!(p.square_free(), vec![(b.clone(), 1), (a.primitive(), 2)]);
        assert_eq!(p.gcd(&b), b);
        assert_eq!(p.exact_div(&b), Some(a.mul(&a).primitive()));
        assert_eq!(p.exact_div(&bi(&[&[1], &[1]])), None);
        assert_eq!(p.resultant(&b), Poly::zero());
    }
}
