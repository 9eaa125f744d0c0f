//! Constant tensors of a file.

use prost::bytes::Bytes;

use super::Error;
use super::messages::{TensorProto, data_type};

/// The elements of a constant.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Data {
    /// binary32 weights
    Floats(Vec<f32>),
    /// shapes, axes and indices
    Ints(Vec<i64>),
}

/// A decoded constant, row-major; the element count agrees with the extents.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Literal {
    pub(super) dims: Vec<usize>,
    pub(super) data: Data,
}

impl Literal {
    /// The extents of a stored tensor, positive and of countable product.
    pub(super) fn extents(t: &TensorProto) -> Result<Vec<usize>, Error> {
        let positive = t.dims.iter().map(|&d| usize::try_from(d).ok());
        let dims: Option<Vec<usize>> = positive.map(|d| d.filter(|&d| d > 0)).collect();
        let countable = |d: &Vec<usize>| {
            d.iter()
                .try_fold(1usize, |n, &d| n.checked_mul(d))
                .is_some()
        };
        dims.filter(countable).ok_or_else(|| Error::Tensor {
            tensor: t.name.clone(),
            found: format!("extents {:?}", t.dims),
            expected: "positive extents of countable product",
        })
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
                let narrow = wide.iter().map(|&v| {
                    Some(v as f32)
                        .filter(|&w| f64::from(w) == v)
                        .ok_or_else(|| {
                            wrong(
                                v.to_string(),
                                "values of double precision that are exact in binary32",
                            )
                        })
                });
                Data::Floats(narrow.collect::<Result<_, _>>()?)
            }
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
                    "float (1), double (11), int32 (6), int64 (7) or bool (9)",
                ));
            }
        };
        Ok(Literal { dims, data })
    }

    /// Number of elements.
    pub(super) fn len(&self) -> usize {
        match &self.data {
            Data::Floats(v) => v.len(),
            Data::Ints(v) => v.len(),
        }
    }
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
