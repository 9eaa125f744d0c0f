//! Constant tensors of a file.

use prost::bytes::Bytes;

use super::Error;
use super::messages::{TensorProto, data_type};
use crate::exact::Rational;

/// The elements of a constant.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Data {
    /// binary32 weights
    Floats(Vec<f32>),
    /// numbers of which at least one is not a binary32 number: folded
    /// arithmetic and weights of double precision
    Exact(Vec<Rational>),
    /// shapes, axes, indices and truth values
    Ints(Vec<i64>),
}

/// A decoded constant, row-major; the element count agrees with the extents.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Literal {
    pub(super) dims: Vec<usize>,
    pub(super) data: Data,
}

impl Literal {
    /// The extents of a stored tensor, of countable product. A tensor of
    /// weights is not empty; a list of integers may be.
    pub(super) fn extents(t: &TensorProto) -> Result<Vec<usize>, Error> {
        let dims: Option<Vec<usize>> = t.dims.iter().map(|&d| usize::try_from(d).ok()).collect();
        let countable = |d: &Vec<usize>| {
            d.iter()
                .try_fold(1usize, |n, &d| n.checked_mul(d.max(1)))
                .is_some()
        };
        dims.filter(countable).ok_or_else(|| Error::Tensor {
            tensor: t.name.clone(),
            found: format!("extents {:?}", t.dims),
            expected: "extents that are not negative, of countable product",
        })
    }

    /// Numbers, kept as binary32 where all of them are.
    pub(super) fn numbers(dims: Vec<usize>, values: Vec<Rational>) -> Literal {
        let narrow: Option<Vec<f32>> = values.iter().map(binary32).collect();
        let data = narrow.map_or(Data::Exact(values), Data::Floats);
        Literal { dims, data }
    }

    /// Element `i` as an exact number; `None` for NaN and infinities.
    pub(super) fn at(&self, i: usize) -> Option<Rational> {
        match &self.data {
            Data::Floats(v) => Rational::from_f32(v[i]),
            Data::Exact(v) => Some(v[i].clone()),
            Data::Ints(v) => Some(Rational::from(v[i])),
        }
    }

    /// The elements at `index`, zero where there is none, with extents `dims`.
    pub(super) fn select(&self, dims: Vec<usize>, index: &[Option<u32>]) -> Literal {
        fn pick<T: Clone + Default>(v: &[T], index: &[Option<u32>]) -> Vec<T> {
            let at = |i: &Option<u32>| i.map_or_else(T::default, |i| v[i as usize].clone());
            index.iter().map(at).collect()
        }
        let data = match &self.data {
            Data::Floats(v) => Data::Floats(pick(v, index)),
            Data::Exact(v) => return Literal::numbers(dims, pick(v, index)),
            Data::Ints(v) => Data::Ints(pick(v, index)),
        };
        Literal { dims, data }
    }

    /// Decodes a stored tensor. The product of the extents is compared with
    /// the stored length before anything is allocated.
    pub(super) fn decode(t: &TensorProto) -> Result<Literal, Error> {
        let wrong = |found: String, expected| Error::Tensor {
            tensor: t.name.clone(),
            found,
            expected,
        };
        if t.data_location != 0 || !t.external_data.is_empty() {
            return Err(wrong(
                "data in another file".into(),
                "data inside the model file (external data is not read)",
            ));
        }
        let dims = Literal::extents(t)?;
        let len: usize = dims.iter().product();
        let count = |found: usize| {
            if found == len {
                return Ok(());
            }
            Err(Error::Tensor {
                tensor: t.name.clone(),
                found: format!("{found} elements for extents {dims:?}"),
                expected: "as many elements as the extents say",
            })
        };
        let raw = |width: usize| -> Result<Option<&Bytes>, Error> {
            let Some(raw) = &t.raw_data else {
                return Ok(None);
            };
            if !raw.len().is_multiple_of(width) {
                return Err(wrong(
                    format!("{} bytes of raw data", raw.len()),
                    "a whole number of elements",
                ));
            }
            count(raw.len() / width)?;
            Ok(Some(raw))
        };
        let data = match t.data_type {
            data_type::FLOAT => Data::Floats(match raw(4)? {
                Some(raw) => words(raw).map(f32::from_le_bytes).collect(),
                None => {
                    count(t.float_data.len())?;
                    t.float_data.clone()
                }
            }),
            data_type::DOUBLE => {
                let wide: Vec<f64> = match raw(8)? {
                    Some(raw) => words(raw).map(f64::from_le_bytes).collect(),
                    None => {
                        count(t.double_data.len())?;
                        t.double_data.clone()
                    }
                };
                let narrow = |&v: &f64| Some(v as f32).filter(|&w| f64::from(w) == v);
                match wide.iter().map(narrow).collect() {
                    Some(narrow) => Data::Floats(narrow),
                    None => {
                        let exact = |&v: &f64| {
                            Rational::from_f64(v)
                                .ok_or_else(|| wrong(v.to_string(), "finite numbers"))
                        };
                        if len > MAX_WIDE {
                            return Err(wrong(
                                format!("{len} elements of double precision"),
                                "at most 2^21 of them, or binary32 numbers",
                            ));
                        }
                        Data::Exact(wide.iter().map(exact).collect::<Result<_, _>>()?)
                    }
                }
            }
            data_type::FLOAT16 => Data::Floats(match raw(2)? {
                Some(raw) => words(raw).map(|w| half(u16::from_le_bytes(w))).collect(),
                None => {
                    count(t.int32_data.len())?;
                    t.int32_data.iter().map(|&v| half(v as u16)).collect()
                }
            }),
            data_type::INT64 => Data::Ints(match raw(8)? {
                Some(raw) => words(raw).map(i64::from_le_bytes).collect(),
                None => {
                    count(t.int64_data.len())?;
                    t.int64_data.clone()
                }
            }),
            data_type::INT32 => Data::Ints(match raw(4)? {
                Some(raw) => words(raw)
                    .map(|w| i64::from(i32::from_le_bytes(w)))
                    .collect(),
                None => {
                    count(t.int32_data.len())?;
                    t.int32_data.iter().map(|&v| i64::from(v)).collect()
                }
            }),
            data_type::BOOL => Data::Ints(match raw(1)? {
                Some(raw) => raw.iter().map(|&v| i64::from(v != 0)).collect(),
                None => {
                    count(t.int32_data.len())?;
                    t.int32_data.iter().map(|&v| i64::from(v != 0)).collect()
                }
            }),
            other => {
                return Err(wrong(
                    format!("element type {other}"),
                    "float (1), float16 (10), double (11), int32 (6), int64 (7) or bool (9)",
                ));
            }
        };
        Ok(Literal { dims, data })
    }

    /// Number of elements.
    pub(super) fn len(&self) -> usize {
        match &self.data {
            Data::Floats(v) => v.len(),
            Data::Exact(v) => v.len(),
            Data::Ints(v) => v.len(),
        }
    }
}

/// The most numbers of double precision in one tensor; an exact number takes
/// about as much memory as sixteen binary32 ones.
const MAX_WIDE: usize = 1 << 21;

/// The number as binary32 if it is one. Zero has no sign.
pub(super) fn binary32(exact: &Rational) -> Option<f32> {
    let nearest = nearest32(exact);
    (Rational::from_f32(nearest)? == *exact).then_some(nearest)
}

/// The nearest binary32 number, an infinity beyond their range.
pub(super) fn nearest32(exact: &Rational) -> f32 {
    rug::Float::with_val(24, exact).to_f32()
}

/// The value of a binary16 number.
fn half(bits: u16) -> f32 {
    let magnitude = f32::from(bits & 0x7fff);
    let value = match (bits >> 10) & 0x1f {
        0 => magnitude * 2f32.powi(-24),
        0x1f if bits & 0x3ff == 0 => f32::INFINITY,
        0x1f => f32::NAN,
        e => f32::from((bits & 0x3ff) | 0x400) * 2f32.powi(i32::from(e) - 25),
    };
    if bits & 0x8000 == 0 { value } else { -value }
}

fn words<const N: usize>(raw: &[u8]) -> impl Iterator<Item = [u8; N]> {
    raw.as_chunks::<N>().0.iter().copied()
}

/// A stored binary32 tensor.
pub(super) fn floats(name: &str, dims: &[usize], data: &[f32]) -> TensorProto {
    stored(name, dims, data_type::FLOAT, data, f32::to_le_bytes)
}

/// A stored 64-bit integer tensor.
pub(super) fn ints(name: &str, dims: &[usize], data: &[i64]) -> TensorProto {
    stored(name, dims, data_type::INT64, data, i64::to_le_bytes)
}

fn stored<T: Copy, const N: usize>(
    name: &str,
    dims: &[usize],
    data_type: i32,
    data: &[T],
    bytes: fn(T) -> [u8; N],
) -> TensorProto {
    let raw: Vec<u8> = data.iter().flat_map(|&v| bytes(v)).collect();
    TensorProto {
        name: name.into(),
        dims: dims.iter().map(|&d| d as i64).collect(),
        data_type,
        raw_data: Some(raw.into()),
        ..TensorProto::default()
    }
}
