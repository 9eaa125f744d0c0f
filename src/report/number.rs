//! Numbers as text, rounded in a named direction.
//!
//! A printed lower bound must not exceed the bound, so the digits come from
//! the exact decimal expansion of the binary64 number, never from a nearest
//! rounding.

use super::Count;

/// Digits after the point that hold every binary64 number exactly.
const EXACT: usize = 1074;

/// Direction of rounding to the printed digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Toward {
    /// Towards −∞: lower bounds.
    Down,
    /// Towards +∞: upper bounds.
    Up,
    /// To nearest: estimates and positions.
    Nearest,
}

/// `value` with `decimals` digits after the point.
pub(crate) fn fixed(value: f64, decimals: usize, toward: Toward) -> String {
    if let Some(word) = special(value) {
        return word;
    }
    let away = match toward {
        Toward::Nearest => return typographic(&format!("{value:.decimals$}")),
        Toward::Up => value > 0.0,
        Toward::Down => value < 0.0,
    };
    let exact = format!("{:.EXACT$}", value.abs());
    let digits = cut(&exact, exact.len() - EXACT + decimals, away);
    let zero = digits.bytes().all(|b| matches!(b, b'0' | b'.'));
    let sign = if value < 0.0 && !zero { "−" } else { "" };
    format!("{sign}{digits}")
}

/// `value` with about `digits` significant digits; powers of ten where it is huge or tiny.
pub(super) fn significant(value: f64, digits: usize, toward: Toward) -> String {
    if let Some(word) = special(value) {
        return word;
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let exact = format!("{:.EXACT$e}", value.abs());
    let (mantissa, exponent) = exact.split_once('e').expect("{:e} writes an exponent");
    let exponent: i32 = exponent
        .parse()
        .expect("the exponent of {:e} is an integer");
    let wanted = i32::try_from(digits).unwrap_or(17) - 1;
    if (-4..6).contains(&exponent) {
        let decimals = usize::try_from(wanted - exponent).unwrap_or(0);
        return fixed(value, decimals, toward);
    }
    let away = match toward {
        Toward::Up => value > 0.0,
        Toward::Down => value < 0.0,
        // beyond the printed digits a half decides nothing that matters for an estimate
        Toward::Nearest => false,
    };
    let sign = if value < 0.0 { "−" } else { "" };
    format!("{sign}{}e{exponent}", cut(mantissa, digits + 1, away))
}

/// `100 · hits / total` with one digit after the point, by integers.
pub(crate) fn percent(count: Count, toward: Toward) -> String {
    let (hits, total) = (count.hits as u128, count.total as u128);
    if total == 0 {
        return "–".to_owned();
    }
    let scaled = hits * 1000;
    let tenths = match toward {
        Toward::Down => scaled / total,
        Toward::Up => scaled.div_ceil(total),
        Toward::Nearest => (scaled + total / 2) / total,
    };
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// A number as typed by a person: shortest decimal that reads back as itself.
pub(super) fn plain(value: f64) -> String {
    special(value).unwrap_or_else(|| typographic(&format!("{value}")))
}

/// A true minus in front of negative numbers.
pub(super) fn typographic(text: &str) -> String {
    text.replace('-', "−")
}

fn special(value: f64) -> Option<String> {
    match value {
        v if v.is_nan() => Some("unknown".to_owned()),
        f64::INFINITY => Some("∞".to_owned()),
        f64::NEG_INFINITY => Some("−∞".to_owned()),
        _ => None,
    }
}

/// The first `keep` characters of a decimal; one unit more in the last place
/// if `away` and something other than zeros was cut.
fn cut(decimal: &str, keep: usize, away: bool) -> String {
    let (head, tail) = decimal.split_at(keep.min(decimal.len()));
    let head = head.trim_end_matches('.');
    if !away || tail.bytes().all(|b| matches!(b, b'0' | b'.')) {
        return head.to_owned();
    }
    let mut out: Vec<u8> = head.bytes().collect();
    for digit in out.iter_mut().rev() {
        match *digit {
            b'.' => {}
            b'9' => *digit = b'0',
            _ => {
                *digit += 1;
                return out.into_iter().map(char::from).collect();
            }
        }
    }
    format!("1{}", out.into_iter().map(char::from).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rug::Rational;

    /// The printed decimal as a rational.
    fn read(text: &str) -> Rational {
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let negative = mantissa.starts_with('−');
        let mantissa = mantissa.trim_start_matches('−');
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits: rug::Integer = format!("{whole}{fraction}").parse().unwrap();
        let shift = exponent.parse::<i32>().unwrap() - i32::try_from(fraction.len()).unwrap();
        let ten = Rational::from(rug::Integer::from(10).pow_i(shift.unsigned_abs()));
        let value = if shift < 0 {
            Rational::from(digits) / ten
        } else {
            Rational::from(digits) * ten
        };
        if negative { -value } else { value }
    }

    trait PowI {
        fn pow_i(self, exponent: u32) -> Self;
    }
    impl PowI for rug::Integer {
        fn pow_i(self, exponent: u32) -> Self {
            rug::ops::Pow::pow(self, exponent)
        }
    }

    #[test]
    fn directed_rounding_never_crosses_the_number() {
        let mut values = vec![
            0.1,
            0.05,
            0.3,
            0.999_999,
            9.999_95,
            1.0,
            123.456,
            1e-7,
            5e-324,
            f64::MAX,
            f64::MIN_POSITIVE,
            999_999.5,
            1e6,
            0.000_099_999,
        ];
        values.extend(values.clone().iter().map(|v| -v));
        for v in values {
            let exact = Rational::from_f64(v).unwrap();
            for digits in 0..9 {
                assert!(read(&fixed(v, digits, Toward::Down)) <= exact, "{v}");
                assert!(read(&fixed(v, digits, Toward::Up)) >= exact, "{v}");
            }
            for digits in 1..9 {
                assert!(read(&significant(v, digits, Toward::Down)) <= exact, "{v}");
                assert!(read(&significant(v, digits, Toward::Up)) >= exact, "{v}");
            }
        }
    }

    #[test]
    fn printed_forms() {
        assert_eq!(fixed(0.1, 4, Toward::Down), "0.1000");
        assert_eq!(fixed(0.1, 4, Toward::Up), "0.1001"); // 0.1 lies above one tenth
        assert_eq!(fixed(0.999_99, 3, Toward::Up), "1.000");
        assert_eq!(fixed(-0.000_01, 3, Toward::Up), "0.000");
        assert_eq!(fixed(f64::NAN, 3, Toward::Up), "unknown");
        assert_eq!(significant(1234.5, 4, Toward::Down), "1234");
        assert_eq!(significant(1234.5, 4, Toward::Up), "1235");
        assert_eq!(significant(0.012_345, 3, Toward::Down), "0.0123");
        assert_eq!(significant(2f64.powi(100), 3, Toward::Down), "1.26e30");
        assert_eq!(significant(2f64.powi(100), 3, Toward::Up), "1.27e30");
        assert_eq!(significant(f64::INFINITY, 3, Toward::Up), "∞");
        let third = Count { hits: 1, total: 3 };
        assert_eq!(percent(third, Toward::Down), "33.3 %");
        assert_eq!(percent(third, Toward::Up), "33.4 %");
        assert_eq!(percent(Count { hits: 0, total: 0 }, Toward::Up), "–");
    }
}
