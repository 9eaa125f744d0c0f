//! One node of a file with typed access to its attributes.

use std::str::FromStr;

use super::Error;
use super::messages::{AttributeProto, GraphProto, NodeProto, TensorProto, attribute_type};
use crate::exact::Rational;

/// The longest exact number in a file, in characters.
const MAX_NUMBER: usize = 4096;

/// A node and the name messages call it by.
pub(super) struct Node<'m> {
    pub(super) proto: &'m NodeProto,
    pub(super) name: String,
}

impl<'m> Node<'m> {
    pub(super) fn new(proto: &'m NodeProto, position: usize) -> Node<'m> {
        let name = [Some(&proto.name), proto.output.first()]
            .into_iter()
            .flatten()
            .find(|n| !n.is_empty())
            .cloned()
            .unwrap_or_else(|| format!("{} #{position}", proto.op_type));
        Node { proto, name }
    }

    pub(super) fn bad(
        &self,
        attribute: &str,
        found: impl ToString,
        expected: &'static str,
    ) -> Error {
        Error::Attribute {
            node: self.name.clone(),
            attribute: attribute.into(),
            found: found.to_string(),
            expected,
        }
    }

    pub(super) fn operand(
        &self,
        operand: impl ToString,
        found: impl ToString,
        expected: &'static str,
    ) -> Error {
        Error::Operand {
            node: self.name.clone(),
            operand: operand.to_string(),
            found: found.to_string(),
            expected,
        }
    }

    pub(super) fn operation(&self, source: crate::ops::Error) -> Error {
        Error::Operation {
            node: self.name.clone(),
            source,
        }
    }

    /// Errors when the node has an attribute that is not in `known`: an
    /// attribute that is not understood could change what the node means.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Error> {
        let mut seen: Vec<&str> = Vec::new();
        for a in &self.proto.attribute {
            if !known.contains(&a.name.as_str()) {
                return Err(self.bad(&a.name, "the attribute", "no such attribute"));
            }
            if seen.contains(&a.name.as_str()) {
                return Err(self.bad(&a.name, "the attribute twice", "one"));
            }
            if !a.ref_attr_name.is_empty() {
                return Err(self.bad(&a.name, "a reference to a function's attribute", "a value"));
            }
            seen.push(&a.name);
        }
        Ok(())
    }

    /// The attribute, if there; its type must be `kind` (0, from very old
    /// files, is taken as the type asked for).
    fn get(&self, name: &str, kind: i32) -> Result<Option<&'m AttributeProto>, Error> {
        match self.proto.attribute.iter().find(|a| a.name == name) {
            Some(a) if a.r#type == kind || a.r#type == 0 => Ok(Some(a)),
            Some(a) => Err(self.bad(name, format!("type {}", a.r#type), "another type")),
            None => Ok(None),
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.proto.attribute.iter().any(|a| a.name == name)
    }

    pub(super) fn int(&self, name: &str, default: i64) -> Result<i64, Error> {
        let found = self.get(name, attribute_type::INT)?;
        Ok(found.map_or(default, |a| a.i.unwrap_or(0)))
    }

    pub(super) fn float(&self, name: &str, default: f32) -> Result<f32, Error> {
        let found = self.get(name, attribute_type::FLOAT)?;
        let value = found.map_or(default, |a| a.f.unwrap_or(0.0));
        if !value.is_finite() {
            return Err(self.bad(name, value, "a finite number"));
        }
        Ok(value)
    }

    pub(super) fn ints(&self, name: &str) -> Result<Option<&'m [i64]>, Error> {
        Ok(self.get(name, attribute_type::INTS)?.map(|a| &a.ints[..]))
    }

    pub(super) fn floats(&self, name: &str) -> Result<Option<&'m [f32]>, Error> {
        Ok(self
            .get(name, attribute_type::FLOATS)?
            .map(|a| &a.floats[..]))
    }

    pub(super) fn tensor(&self, name: &str) -> Result<Option<&'m TensorProto>, Error> {
        Ok(self
            .get(name, attribute_type::TENSOR)?
            .and_then(|a| a.t.as_ref()))
    }

    pub(super) fn graph(&self, name: &str) -> Result<Option<&'m GraphProto>, Error> {
        Ok(self
            .get(name, attribute_type::GRAPH)?
            .and_then(|a| a.g.as_ref()))
    }

    pub(super) fn graphs(&self, name: &str) -> Result<Option<&'m [GraphProto]>, Error> {
        Ok(self
            .get(name, attribute_type::GRAPHS)?
            .map(|a| &a.graphs[..]))
    }

    pub(super) fn string(&self, name: &str) -> Result<Option<&'m str>, Error> {
        let Some(a) = self.get(name, attribute_type::STRING)? else {
            return Ok(None);
        };
        self.utf8(name, a.s.as_deref().unwrap_or_default())
            .map(Some)
    }

    fn utf8(&self, name: &str, bytes: &'m [u8]) -> Result<&'m str, Error> {
        std::str::from_utf8(bytes).map_err(|e| self.bad(name, e, "UTF-8 text"))
    }

    fn exact(&self, name: &str, text: &str) -> Result<Rational, Error> {
        const EXPECTED: &str = "an exact number \"p\" or \"p/q\"";
        if text.len() > MAX_NUMBER {
            return Err(self.bad(name, format!("{} characters", text.len()), EXPECTED));
        }
        Rational::from_str(text).map_err(|_| self.bad(name, format!("{text:?}"), EXPECTED))
    }

    /// An exact number, stored as text (or as binary32, taken as it is).
    pub(super) fn rational(&self, name: &str) -> Result<Option<Rational>, Error> {
        let Some(a) = self.proto.attribute.iter().find(|a| a.name == name) else {
            return Ok(None);
        };
        if a.r#type == attribute_type::FLOAT {
            let value = self.float(name, 0.0)?;
            return Ok(Rational::from_f32(value));
        }
        let text = self.string(name)?.unwrap_or_default();
        self.exact(name, text).map(Some)
    }

    pub(super) fn rationals(&self, name: &str) -> Result<Option<Vec<Rational>>, Error> {
        let Some(a) = self.get(name, attribute_type::STRINGS)? else {
            return Ok(None);
        };
        let parse = |s: &'m prost::bytes::Bytes| self.exact(name, self.utf8(name, s)?);
        a.strings
            .iter()
            .map(parse)
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// Like [`rationals`](Node::rationals), required.
    pub(super) fn need_rationals(&self, name: &str) -> Result<Vec<Rational>, Error> {
        self.rationals(name)?
            .ok_or_else(|| self.bad(name, "nothing", "a list of exact numbers"))
    }

    /// `N` non-negative integers, or `default`.
    pub(super) fn extents<const N: usize>(
        &self,
        name: &str,
        default: [usize; N],
    ) -> Result<[usize; N], Error> {
        let Some(values) = self.ints(name)? else {
            return Ok(default);
        };
        let list: Option<Vec<usize>> = values.iter().map(|&v| usize::try_from(v).ok()).collect();
        list.and_then(|v| <[usize; N]>::try_from(v).ok())
            .ok_or_else(|| {
                self.bad(
                    name,
                    format!("{values:?}"),
                    "non-negative numbers, two spatial axes",
                )
            })
    }
}
