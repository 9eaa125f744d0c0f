//! One hexadecimal spelling per finite `f64`, in the form of C99's `%a`.
//!
//! | value | spelling |
//! |---|---|
//! | zero | `0x0p+0`, `-0x0p+0` |
//! | normal | `[-]0x1[.hex]p(+\|-)dec`, no trailing zero in the fraction |
//! | subnormal | `[-]0x0.hexp-1022`, no trailing zero in the fraction |
//!
//! Digits are lower case and exponents have no leading zero. This is what the GNU C library
//! prints; other languages read it exactly. The reader accepts these spellings and no other, so a
//! document written with them is canonical.
//!
//! # References
//!
//! ISO/IEC 9899:1999, 7.19.6.1 (conversion specifier `a`).

/// Why a text is not a canonical hexadecimal float.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// NaN and infinities have no spelling.
    #[error("{value} is not finite")]
    NotFinite {
        /// The value found.
        value: f64,
    },
    /// Not of the form above.
    #[error("`{text}` is not a hexadecimal float")]
    Syntax {
        /// The text found, cut to 64 characters.
        text: String,
    },
    /// A hexadecimal float, but not the one spelling.
    #[error("`{text}` is not canonical: expected `{canonical}`")]
    NotCanonical {
        /// The text found.
        text: String,
        /// The one spelling of that value.
        canonical: String,
    },
}

const FRACTION_BITS: u32 = 52;
const BIAS: i32 = 1023;

/// The canonical spelling of a finite value.
///
/// # Errors
///
/// [`Error::NotFinite`].
///
/// # Examples
///
/// ```
/// use dahlquist::exact::hexfloat::{parse, print};
/// assert_eq!(print(0.1).expect("finite"), "0x1.999999999999ap-4");
/// assert_eq!(parse("-0x1p-1074").is_err(), true); // canonical: -0x0.0000000000001p-1022
/// ```
pub fn print(value: f64) -> Result<String, Error> {
    if !value.is_finite() {
        return Err(Error::NotFinite { value });
    }
    let bits = value.to_bits();
    let sign = if bits >> 63 == 1 { "-" } else { "" };
    let biased = ((bits >> FRACTION_BITS) & 0x7ff) as i32;
    let fraction = bits & ((1 << FRACTION_BITS) - 1);
    if biased == 0 && fraction == 0 {
        return Ok(format!("{sign}0x0p+0"));
    }
    let (lead, exponent) = if biased == 0 {
        (0, 1 - BIAS)
    } else {
        (1, biased - BIAS)
    };
    let hex = format!("{fraction:013x}");
    let hex = hex.trim_end_matches('0');
    let point = if hex.is_empty() { "" } else { "." };
    Ok(format!("{sign}0x{lead}{point}{hex}p{exponent:+}"))
}

/// Reads a canonical spelling.
///
/// # Errors
///
/// [`Error::Syntax`], or [`Error::NotCanonical`] where the text denotes a double in another way.
pub fn parse(text: &str) -> Result<f64, Error> {
    let value = decode(text).ok_or_else(|| Error::Syntax {
        text: text.chars().take(64).collect(),
    })?;
    let canonical = print(value)?;
    if canonical == text {
        Ok(value)
    } else {
        Err(Error::NotCanonical {
            text: text.to_owned(),
            canonical,
        })
    }
}

/// Decodes the shapes of the table, canonical or nearly so; `None` for anything else.
fn decode(text: &str) -> Option<f64> {
    if text.len() > 64 {
        return None;
    }
    let (negative, body) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = body.strip_prefix("0x")?.split_once('p')?;
    let (lead, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if !fraction.bytes().all(|b| b.is_ascii_hexdigit()) || fraction.len() > 13 {
        return None;
    }
    let padded = format!("{fraction:0<13}");
    let fraction = u64::from_str_radix(&padded, 16).ok()?;
    let (sign, magnitude) = match exponent.as_bytes().first()? {
        b'+' => (1, &exponent[1..]),
        b'-' => (-1, &exponent[1..]),
        _ => return None,
    };
    if !magnitude.bytes().all(|b| b.is_ascii_digit()) || magnitude.len() > 4 {
        return None;
    }
    let exponent = sign * magnitude.parse::<i32>().ok()?;
    let biased = match lead {
        "1" if (1 - BIAS..=BIAS).contains(&exponent) => exponent + BIAS,
        "0" if fraction == 0 || exponent == 1 - BIAS => 0,
        _ => return None,
    };
    let bits = (u64::from(negative) << 63) | ((biased as u64) << FRACTION_BITS) | fraction;
    Some(f64::from_bits(bits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spellings() {
        for (value, text) in [
            (0.0, "0x0p+0"),
            (-0.0, "-0x0p+0"),
            (1.0, "0x1p+0"),
            (-1.5, "-0x1.8p+0"),
            (0.1, "0x1.999999999999ap-4"),
            (f64::MAX, "0x1.fffffffffffffp+1023"),
            (f64::MIN_POSITIVE, "0x1p-1022"),
            (f64::from_bits(1), "0x0.0000000000001p-1022"),
        ] {
            assert_eq!(print(value).expect("finite"), text);
            assert_eq!(parse(text).expect("canonical").to_bits(), value.to_bits());
        }
    }

    #[test]
    fn refused() {
        for text in [
            "",
            "-",
            "0x",
            "1",
            "1.0",
            "nan",
            "inf",
            "-inf",
            "0x1",
            "0x1p0",
            "0x1p+00",
            "0x1p-0",
            "0x1.0p+0",
            "0x1.80p+0",
            "0x1.8P+0",
            "0X1.8p+0",
            "0x1.Ap+0",
            "+0x1p+0",
            "0x2p+0",
            "0x0p+1",
            "0x0p-0",
            "0x0.0p+0",
            "0x1p+1024",
            "0x1p-1023",
            "0x0.8p-1021",
            " 0x1p+0",
            "0x1p+0 ",
            "0x1.p+0",
            "0x1.00000000000001p+0",
            "0x1p+\u{0663}",
            "0xé.p+0",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(print(f64::NAN).is_err() && print(f64::NEG_INFINITY).is_err());
    }

    proptest! {
        #[test]
        fn bits_round_trip(bits in any::<u64>()) {
            let x = f64::from_bits(bits);
            if x.is_finite() {
                prop_assert_eq!(parse(&print(x).expect("finite")).expect("canonical").to_bits(), bits);
            } else {
                prop_assert!(print(x).is_err());
            }
        }

        #[test]
        fn any_text_is_read_without_panic(text in "\\PC{0,40}") {
            let _ = parse(&text);
        }
    }
}
