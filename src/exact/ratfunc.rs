//! Reduced quotients of polynomials in one variable, and a parser for them.
//!
//! Coefficients of one-parameter families of methods are such functions, for example
//! `(3*l + 3)/(4*l)`.
//!
//! # Grammar
//!
//! ```text
//! sum     = ["-"] product { ("+" | "-") product }
//! product = power { ("*" | "/") power }
//! power   = atom [ "^" digits ]
//! atom    = number | parameter | "(" sum ")"
//! number  = digits [ "." digits ]
//! ```
//!
//! Text is untrusted: length, nesting, exponents and degrees are limited, see the constants.

use std::fmt;

use super::poly::Poly;
use super::rational::{self, Rational};

/// The longest expression accepted, in bytes.
pub const MAX_TEXT: usize = 4096;
/// The deepest nesting of parentheses and signs accepted.
pub const MAX_DEPTH: usize = 64;
/// The largest degree of a numerator or denominator accepted.
pub const MAX_DEGREE: usize = 64;

/// Why a text is not a rational function.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// More than [`MAX_TEXT`] bytes.
    #[error("expression of {len} bytes is longer than the limit of {MAX_TEXT}")]
    TooLong {
        /// The length found, in bytes.
        len: usize,
    },
    /// Nesting beyond [`MAX_DEPTH`].
    #[error("expression nests deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// A degree or exponent beyond [`MAX_DEGREE`].
    #[error("expression has a degree beyond {MAX_DEGREE}")]
    Degree,
    /// Something else than expected.
    #[error("at byte {at}: expected {expected}")]
    Syntax {
        /// Byte offset in the text.
        at: usize,
        /// What would have been accepted.
        expected: &'static str,
    },
    /// A name that is not the parameter.
    #[error("at byte {at}: unknown name `{name}`, the parameter is `{parameter}`")]
    Name {
        /// Byte offset in the text.
        at: usize,
        /// The name found.
        name: String,
        /// The only name known.
        parameter: String,
    },
    /// A number out of limits.
    #[error(transparent)]
    Number(#[from] rational::Error),
    /// Division by an expression that is identically zero.
    #[error("division by zero")]
    DivisionByZero,
}

/// A quotient `num/den` in lowest terms with monic `den`; zero is `0/1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RatFunc {
    num: Poly,
    den: Poly,
}

impl RatFunc {
    /// The reduced quotient; `None` where `den` is the zero polynomial.
    pub fn new(num: &Poly, den: &Poly) -> Option<Self> {
        let lead = den.leading()?;
        if num.is_zero() {
            return Some(Self::from(Poly::zero()));
        }
        let common = num.gcd(den);
        let inverse = Rational::from(lead.recip_ref());
        Some(Self {
            num: num.exact_div(&common)?.scaled(&inverse),
            den: den.exact_div(&common)?.scaled(&inverse),
        })
    }

    /// The numerator.
    pub fn num(&self) -> &Poly {
        &self.num
    }

    /// The denominator, monic.
    pub fn den(&self) -> &Poly {
        &self.den
    }

    /// Whether this is identically zero.
    pub fn is_zero(&self) -> bool {
        self.num.is_zero()
    }

    /// The value at `x`; `None` at a pole.
    pub fn eval(&self, x: &Rational) -> Option<Rational> {
        let den = self.den.eval(x);
        (den != 0).then(|| self.num.eval(x) / den)
    }

    /// Sum.
    pub fn add(&self, other: &Self) -> Self {
        let num = &(&self.num * &other.den) + &(&other.num * &self.den);
        Self::reduced(&num, &(&self.den * &other.den))
    }

    /// Difference.
    pub fn sub(&self, other: &Self) -> Self {
        self.add(&other.neg())
    }

    /// Negative.
    pub fn neg(&self) -> Self {
        Self {
            num: -&self.num,
            den: self.den.clone(),
        }
    }

    /// Product.
    pub fn mul(&self, other: &Self) -> Self {
        Self::reduced(&(&self.num * &other.num), &(&self.den * &other.den))
    }

    /// Quotient; `None` where `other` is identically zero.
    pub fn div(&self, other: &Self) -> Option<Self> {
        Self::new(&(&self.num * &other.den), &(&self.den * &other.num))
    }

    fn reduced(num: &Poly, den: &Poly) -> Self {
        Self::new(num, den).expect("a product of non-zero denominators is not zero")
    }

    /// Reads an expression in `parameter`, exactly.
    ///
    /// # Errors
    ///
    /// [`Error`], with the byte offset where there is one.
    ///
    /// # Examples
    ///
    /// ```
    /// use dahlquist::exact::{RatFunc, rational};
    /// let f = RatFunc::parse("(3*l+3)/(4*l)", "l").expect("an expression");
    /// let x = rational::parse("-9/5").expect("literal");
    /// assert_eq!(f.eval(&x).expect("no pole").to_string(), "1/3");
    /// ```
    pub fn parse(text: &str, parameter: &str) -> Result<Self, Error> {
        let variable = |name: &str| (name == parameter).then(|| Self::from(Poly::x()));
        parse_value(text, parameter, &variable)
    }
}

/// What expressions evaluate to: a field with an element for each name.
pub trait Value: Sized + Clone {
    /// A number.
    fn constant(c: Rational) -> Self;
    /// Sum.
    fn plus(&self, other: &Self) -> Self;
    /// Difference.
    fn minus(&self, other: &Self) -> Self;
    /// Product.
    fn times(&self, other: &Self) -> Self;
    /// Quotient; `None` where `other` is identically zero.
    fn over(&self, other: &Self) -> Option<Self>;
    /// Whether degree and size are still acceptable.
    fn within_limits(&self) -> bool;
}

/// Reads an expression of the module's grammar; `known` lists the names for messages.
///
/// # Errors
///
/// [`Error`], with the byte offset where there is one.
pub fn parse_value<T: Value>(
    text: &str,
    known: &str,
    variable: &dyn Fn(&str) -> Option<T>,
) -> Result<T, Error> {
    if text.len() > MAX_TEXT {
        return Err(Error::TooLong { len: text.len() });
    }
    let mut parser = Parser {
        text,
        at: 0,
        depth: 0,
        known,
        variable,
    };
    let value = parser.sum()?;
    match parser.peek() {
        None => Ok(value),
        Some(_) => Err(parser.expected("an operator or the end")),
    }
}

impl Value for RatFunc {
    fn constant(c: Rational) -> Self {
        Self::from(Poly::constant(c))
    }
    fn plus(&self, other: &Self) -> Self {
        self.add(other)
    }
    fn minus(&self, other: &Self) -> Self {
        self.sub(other)
    }
    fn times(&self, other: &Self) -> Self {
        self.mul(other)
    }
    fn over(&self, other: &Self) -> Option<Self> {
        self.div(other)
    }
    fn within_limits(&self) -> bool {
        let degree = self.num.degree().max(self.den.degree()).unwrap_or(0);
        let all = self.num.coeffs().iter().chain(self.den.coeffs());
        let bits: u64 = all
            .map(|c| {
                u64::from(c.numer().significant_bits()) + u64::from(c.denom().significant_bits())
            })
            .sum();
        degree <= MAX_DEGREE && bits <= 1 << 20
    }
}

impl From<Poly> for RatFunc {
    fn from(num: Poly) -> Self {
        Self {
            num,
            den: Poly::one(),
        }
    }
}

impl fmt::Display for RatFunc {
    /// `(numerator)/(denominator)` as coefficient lists, low degree first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({})/({})", self.num, self.den)
    }
}

struct Parser<'a, T> {
    text: &'a str,
    at: usize,
    depth: usize,
    known: &'a str,
    variable: &'a dyn Fn(&str) -> Option<T>,
}

impl<T: Value> Parser<'_, T> {
    /// The next character that is not white space.
    fn peek(&mut self) -> Option<char> {
        let rest = &self.text[self.at..];
        let trimmed = rest.trim_start();
        self.at += rest.len() - trimmed.len();
        trimmed.chars().next()
    }

    fn take(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.at += c.len_utf8();
        }
        found
    }

    fn expected(&self, expected: &'static str) -> Error {
        Error::Syntax {
            at: self.at,
            expected,
        }
    }

    fn sum(&mut self) -> Result<T, Error> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Error::TooDeep);
        }
        let negative = self.take('-') || self.take('\u{2212}');
        let mut value = self.product()?;
        if negative {
            value = T::constant(Rational::new()).minus(&value);
        }
        loop {
            if self.take('+') {
                value = limited(value.plus(&self.product()?))?;
            } else if self.take('-') || self.take('\u{2212}') {
                value = limited(value.minus(&self.product()?))?;
            } else {
                self.depth -= 1;
                return Ok(value);
            }
        }
    }

    fn product(&mut self) -> Result<T, Error> {
        let mut value = self.power()?;
        loop {
            if self.take('*') {
                value = limited(value.times(&self.power()?))?;
            } else if self.take('/') {
                value = value.over(&self.power()?).ok_or(Error::DivisionByZero)?;
                value = limited(value)?;
            } else {
                return Ok(value);
            }
        }
    }

    fn power(&mut self) -> Result<T, Error> {
        let base = self.atom()?;
        if !self.take('^') {
            return Ok(base);
        }
        self.peek();
        let digits = self.word(|c| c.is_ascii_digit());
        if digits.is_empty() {
            return Err(self.expected("digits of an exponent"));
        }
        let exponent: usize = digits.parse().map_err(|_| Error::Degree)?;
        if exponent > MAX_DEGREE {
            return Err(Error::Degree);
        }
        let mut value = T::constant(Rational::from(1));
        for _ in 0..exponent {
            value = limited(value.times(&base))?;
        }
        Ok(value)
    }

    fn atom(&mut self) -> Result<T, Error> {
        match self.peek() {
            Some('(') => {
                self.at += 1;
                let value = self.sum()?;
                if self.take(')') {
                    Ok(value)
                } else {
                    Err(self.expected("`)`"))
                }
            }
            Some(c) if c.is_ascii_digit() || c == '.' => {
                let word = self.word(|c| c.is_ascii_digit() || c == '.');
                Ok(T::constant(rational::parse(word)?))
            }
            Some(c) if c.is_alphabetic() || c == '_' => {
                let at = self.at;
                let name = self.word(|c| c.is_alphanumeric() || c == '_').to_owned();
                (self.variable)(&name).ok_or_else(|| Error::Name {
                    at,
                    name,
                    parameter: self.known.to_owned(),
                })
            }
            _ => Err(self.expected("a number, the parameter or `(`")),
        }
    }

    fn word(&mut self, belongs: impl Fn(char) -> bool) -> &str {
        let rest = &self.text[self.at..];
        let end = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }
}

/// Refuses growth: degree beyond [`MAX_DEGREE`], or coefficients of too many bits in all.
fn limited<T: Value>(value: T) -> Result<T, Error> {
    if value.within_limits() {
        Ok(value)
    } else {
        Err(Error::Degree)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str, x: i64) -> String {
        let f = RatFunc::parse(text, "l").expect(text);
        f.eval(&Rational::from(x))
            .map_or_else(|| "pole".to_owned(), |v| v.to_string())
    }

    #[test]
    fn values() {
        assert_eq!(at("(3*l+3)/(4*l)", 2), "9/8");
        assert_eq!(at("-l^2 + 1", 3), "-8");
        assert_eq!(at("1 - 2 - 3", 0), "-4");
        assert_eq!(at("8/2/2", 0), "2");
        assert_eq!(at("0.25*l", 2), "1/2");
        assert_eq!(at("1/(l-1)", 1), "pole");
        assert_eq!(at("(l^2-1)/(l-1)", 1), "2");
        assert_eq!(at("2^0", 1), "1");
    }

    #[test]
    fn refused() {
        let deep = "(".repeat(100) + "l" + &")".repeat(100);
        let long = "l+".repeat(4000) + "1";
        for text in [
            "",
            "(",
            ")",
            "l l",
            "2l",
            "l^",
            "l^-1",
            "l^99999999999999999999",
            "l^65",
            "k",
            "1/0",
            "1/(l-l)",
            "1..2",
            "l**2",
            "sin(l)",
            "(l",
            "l)",
            "é",
            deep.as_str(),
            long.as_str(),
            "((((((9^64)^64)^64)^64)^64)^64)",
        ] {
            assert!(RatFunc::parse(text, "l").is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[-l0-9+*/^(). é]{0,40}") {
            let _ = RatFunc::parse(&text, "l");
        }
    }
}
