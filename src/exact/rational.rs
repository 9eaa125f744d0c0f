//! Exact rational numbers: parsing, canonical printing, conversion from IEEE numbers.
//!
//! The number type is [`rug::Rational`], re-exported. Its `Display` is the canonical spelling of
//! the crate: `p/q` in lowest terms with `q > 1`, or `p` for an integer, `-` in front where
//! negative, no leading zeros, no `+`.
//!
//! # Limits
//!
//! Text is untrusted. A literal may have at most [`MAX_LITERAL`] characters and a decimal exponent
//! of at most [`MAX_EXPONENT`] in magnitude, so `1e999999999` is an error and not an allocation.

use std::cmp::Ordering;

pub use rug::{Integer, Rational};

/// The longest literal accepted by [`parse`], in bytes.
pub const MAX_LITERAL: usize = 4096;

/// The largest magnitude of a decimal exponent accepted by [`parse`].
pub const MAX_EXPONENT: u32 = 4096;

/// Why a text is not a rational number.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing to read.
    #[error("empty number")]
    Empty,
    /// More than [`MAX_LITERAL`] bytes.
    #[error("number of {len} bytes is longer than the limit of {MAX_LITERAL}")]
    TooLong {
        /// The length found, in bytes.
        len: usize,
    },
    /// Not of a known form.
    #[error("`{text}` is not an integer, a decimal or a fraction p/q")]
    Syntax {
        /// The text found.
        text: String,
    },
    /// `p/0`.
    #[error("`{text}` divides by zero")]
    ZeroDenominator {
        /// The text found.
        text: String,
    },
    /// Decimal exponent beyond [`MAX_EXPONENT`].
    #[error("the exponent of `{text}` is beyond the limit of {MAX_EXPONENT} in magnitude")]
    Exponent {
        /// The text found.
        text: String,
    },
    /// Read, but not in the canonical spelling.
    #[error("`{text}` is not canonical: expected `{canonical}`")]
    NotCanonical {
        /// The text found.
        text: String,
        /// What the same number should look like.
        canonical: String,
    },
    /// A NaN or an infinity where a number is needed.
    #[error("{value} is not finite")]
    NotFinite {
        /// The value found.
        value: f64,
    },
}

/// Reads an integer, a decimal (with optional exponent) or a fraction `p/q`, exactly.
///
/// # Domain and range
///
/// `[+-]digits`, `[+-]digits.digits[e[+-]digits]` (either side of the point may be empty, not
/// both), `[+-]digits/digits`. The typographic minus sign U+2212 is read as `-`. White space
/// around the number is ignored.
///
/// # Errors
///
/// [`Error`], naming the text; sizes are limited as the module says.
///
/// # Examples
///
/// ```
/// use dahlquist::exact::rational::parse;
/// assert_eq!(parse("-6/4").expect("literal").to_string(), "-3/2");
/// assert_eq!(parse("0.1").expect("literal").to_string(), "1/10");
/// assert_eq!(parse("25e-2").expect("literal").to_string(), "1/4");
/// assert!(parse("1e999999999").is_err());
/// ```
pub fn parse(text: &str) -> Result<Rational, Error> {
    let trimmed = text.trim();
    if trimmed.len() > MAX_LITERAL {
        return Err(Error::TooLong { len: trimmed.len() });
    }
    if trimmed.is_empty() {
        return Err(Error::Empty);
    }
    let (negative, body) = match trimmed.strip_prefix(['-', '\u{2212}']) {
        Some(rest) => (true, rest),
        None => (false, trimmed.strip_prefix('+').unwrap_or(trimmed)),
    };
    let value = match body.split_once('/') {
        Some((p, q)) => {
            let (p, q) = (digits(p, trimmed)?, digits(q, trimmed)?);
            if q == 0 {
                return Err(Error::ZeroDenominator {
                    text: trimmed.to_owned(),
                });
            }
            Rational::from((p, q))
        }
        None => decimal(body, trimmed)?,
    };
    Ok(if negative { -value } else { value })
}

/// Reads a number only in its canonical spelling: the one that `Display` prints.
///
/// # Errors
///
/// As [`parse`], and [`Error::NotCanonical`].
pub fn parse_canonical(text: &str) -> Result<Rational, Error> {
    let value = parse(text)?;
    let canonical = value.to_string();
    if canonical == text {
        Ok(value)
    } else {
        Err(Error::NotCanonical {
            text: text.to_owned(),
            canonical,
        })
    }
}

/// Reads numbers separated by white space or commas.
///
/// # Errors
///
/// The first failure of [`parse`]; an empty list is [`Error::Empty`].
pub fn parse_list(text: &str) -> Result<Vec<Rational>, Error> {
    let list = text
        .split(|c: char| c.is_whitespace() || c == ',')
        .filter(|word| !word.is_empty())
        .map(parse)
        .collect::<Result<Vec<_>, _>>()?;
    if list.is_empty() {
        Err(Error::Empty)
    } else {
        Ok(list)
    }
}

/// The exact value of a finite `f64`.
///
/// # Errors
///
/// [`Error::NotFinite`].
pub fn from_f64(value: f64) -> Result<Rational, Error> {
    Rational::from_f64(value).ok_or(Error::NotFinite { value })
}

/// The exact value of a finite `f32`.
///
/// # Errors
///
/// [`Error::NotFinite`].
pub fn from_f32(value: f32) -> Result<Rational, Error> {
    Rational::from_f32(value).ok_or(Error::NotFinite {
        value: f64::from(value),
    })
}

/// The sign of `value`: −1, 0 or 1.
pub fn sign(value: &Rational) -> i32 {
    match value.cmp0() {
        Ordering::Less => -1,
        Ordering::Equal => 0,
        Ordering::Greater => 1,
    }
}

fn syntax(whole: &str) -> Error {
    Error::Syntax {
        text: whole.to_owned(),
    }
}

fn digits(text: &str, whole: &str) -> Result<Integer, Error> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(syntax(whole));
    }
    Integer::from_str_radix(text, 10).map_err(|_| syntax(whole))
}

/// A decimal without exponent whose digits fit a machine word: nearly every
/// number in a file, several times faster than the general way.
fn short_decimal(body: &str) -> Option<Rational> {
    const DIGITS: usize = 18; // 10^18 fits 64 bits
    if body.len() > DIGITS + 1 {
        return None;
    }
    let (mut value, mut digits, mut scale) = (0u64, 0, None);
    for byte in body.bytes() {
        match byte {
            b'0'..=b'9' => {
                value = 10 * value + u64::from(byte - b'0');
                digits += 1;
                scale = scale.map(|s: u32| s + 1);
            }
            b'.' if scale.is_none() => scale = Some(0),
            _ => return None,
        }
    }
    if digits == 0 || digits > DIGITS {
        return None;
    }
    let mut scale = scale.unwrap_or(0);
    while scale > 0 && value % 10 == 0 {
        value /= 10;
        scale -= 1;
    }
    Some(if scale == 0 {
        Rational::from(value)
    } else {
        Rational::from((value, 10u64.pow(scale)))
    })
}

fn decimal(body: &str, whole: &str) -> Result<Rational, Error> {
    if let Some(value) = short_decimal(body) {
        return Ok(value);
    }
    let (mantissa, exponent) = match body.split_once(['e', 'E']) {
        Some((m, e)) => (m, signed_exponent(e, whole)?),
        None => (body, 0),
    };
    let (int, frac) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if int.is_empty() && frac.is_empty() {
        return Err(syntax(whole));
    }
    let value = digits(&format!("{int}{frac}"), whole)?;
    // value · 10^(exponent − |frac|); both are bounded by the limits above.
    let shift = exponent - frac.len() as i64;
    let power = Integer::from(Integer::u_pow_u(10, shift.unsigned_abs() as u32));
    Ok(if shift >= 0 {
        Rational::from(value * power)
    } else {
        Rational::from((value, power))
    })
}

fn signed_exponent(text: &str, whole: &str) -> Result<i64, Error> {
    let (negative, body) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let value = digits(body, whole)?;
    match value.to_u32() {
        Some(e) if e <= MAX_EXPONENT => Ok(if negative {
            -i64::from(e)
        } else {
            i64::from(e)
        }),
        _ => Err(Error::Exponent {
            text: whole.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms() {
        for (text, canonical) in [
            ("0", "0"),
            ("-0", "0"),
            ("+7", "7"),
            ("007", "7"),
            ("-6/4", "-3/2"),
            ("\u{2212}1", "-1"),
            ("4/2", "2"),
            (".5", "1/2"),
            ("5.", "5"),
            ("-1.25e1", "-25/2"),
            ("1E-3", "1/1000"),
            (" 3 ", "3"),
        ] {
            assert_eq!(parse(text).expect(text).to_string(), canonical, "{text}");
        }
    }

    #[test]
    fn refused() {
        for text in [
            "", " ", "-", ".", "1/", "/2", "1/-2", "1//2", "--1", "1e", "e1", "1e1.5", "0x10",
            "1_000", "nan", "inf", "1 2", "1/2e3", "1.5/2", "٣",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(matches!(parse("1/0"), Err(Error::ZeroDenominator { .. })));
        assert!(matches!(parse("1e999999999"), Err(Error::Exponent { .. })));
        assert!(matches!(parse("1e-4097"), Err(Error::Exponent { .. })));
        assert!(matches!(
            parse(&"1".repeat(5000)),
            Err(Error::TooLong { len: 5000 })
        ));
    }

    #[test]
    fn canonical_only() {
        assert!(parse_canonical("-3/2").is_ok());
        for text in ["-6/4", "+1", "1.5", "01", " 1", "-0", "1/1"] {
            assert!(
                matches!(parse_canonical(text), Err(Error::NotCanonical { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn ieee() {
        assert_eq!(
            from_f64(0.1).expect("finite"),
            parse("3602879701896397/36028797018963968").expect("literal")
        );
        assert_eq!(from_f32(0.5).expect("finite").to_string(), "1/2");
        assert_eq!(
            from_f64(f64::from_bits(1))
                .expect("finite")
                .denom()
                .significant_bits(),
            1075
        );
        assert!(from_f64(f64::NAN).is_err() && from_f32(f32::INFINITY).is_err());
    }

    proptest! {
        #[test]
        fn printing_round_trips(p in any::<i64>(), q in 1..u64::MAX) {
            let value = Rational::from((p, q));
            prop_assert_eq!(parse_canonical(&value.to_string()).expect("canonical"), value);
        }

        /// The short way and the general one agree.
        #[test]
        fn decimals_agree(text in "[0-9]{0,12}\\.?[0-9]{0,9}") {
            let digits = text.bytes().any(|b| b.is_ascii_digit());
            prop_assert_eq!(parse(&text).ok(), parse(&format!("{text}e0")).ok());
            prop_assert_eq!(parse(&text).is_ok(), digits);
        }

        #[test]
        fn doubles_are_exact(bits in any::<u64>()) {
            let x = f64::from_bits(bits);
            if x.is_finite() {
                prop_assert_eq!(from_f64(x).expect("finite").to_f64(), x);
            }
        }
    }
}
