//! The numbers of a certificate: each value has one spelling, and only that
//! spelling is read.

use std::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::exact::{Rational, hexfloat, rational};

/// A finite binary64 number, spelled as a C99 hexadecimal float (`"0x1.8p+1"`).
/// Zero has no sign.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hex(f64);

impl Hex {
    /// The number, `None` for NaN and infinities; `-0` becomes `0`.
    pub fn new(value: f64) -> Option<Hex> {
        value.is_finite().then_some(Hex(value + 0.0))
    }

    /// The value.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = hexfloat::print(self.0).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Hex, D::Error> {
        deserializer.deserialize_str(Text("a hexadecimal float", |text: &str| {
            let value = hexfloat::parse(text).map_err(|e| e.to_string())?;
            if value == 0.0 && value.is_sign_negative() {
                return Err("`-0x0p+0` is not canonical: zero has no sign".into());
            }
            Ok(Hex(value))
        }))
    }
}

/// An exact rational number, spelled `"p/q"` in lowest terms or `"p"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ratio(pub Rational);

impl Serialize for Ratio {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Ratio {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Ratio, D::Error> {
        deserializer.deserialize_str(Text("a number p/q", |text: &str| {
            rational::parse_canonical(text)
                .map(Ratio)
                .map_err(|e| e.to_string())
        }))
    }
}

/// A visitor of strings: what is expected, and how to read it.
struct Text<F>(&'static str, F);

impl<T, F: Fn(&str) -> Result<T, String>> Visitor<'_> for Text<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.1)(text).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling() {
        assert_eq!(
            serde_json::to_string(&Hex::new(-0.0)).unwrap(),
            "\"0x0p+0\""
        );
        assert!(Hex::new(f64::NAN).is_none() && Hex::new(f64::INFINITY).is_none());
        for bad in ["\"-0x0p+0\"", "\"0x1.0p+0\"", "1.5", "\"inf\"", "null"] {
            assert!(serde_json::from_str::<Hex>(bad).is_err(), "{bad}");
        }
        for bad in ["\"2/4\"", "\"0.5\"", "\"1/0\"", "3", "\"+1\""] {
            assert!(serde_json::from_str::<Ratio>(bad).is_err(), "{bad}");
        }
        let half: Ratio = serde_json::from_str("\"1/2\"").unwrap();
        assert_eq!(serde_json::to_string(&half).unwrap(), "\"1/2\"");
    }
}
