//! NumPy archives with arrays `x` (count, ...) and `y` (count).
//!
//! A zip archive is read through its central directory, so that every length
//! is known, and checked against the file, before anything is unpacked.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use flate2::read::DeflateDecoder;

use super::{Dataset, Error, Samples, check_pixels, classes, files, hex_digest, label};
use crate::ops::Shape;

/// Deflate cannot expand by more than this factor.
const MAX_EXPANSION: usize = 1032;

struct Reader<'a> {
    path: &'a str,
    bytes: &'a [u8],
}

impl Reader<'_> {
    fn bad(&self, what: &str, found: impl ToString, expected: &str) -> Error {
        Error::Format {
            path: self.path.into(),
            what: what.into(),
            found: found.to_string(),
            expected: expected.into(),
        }
    }

    fn slice(&self, at: usize, len: usize) -> Result<&[u8], Error> {
        at.checked_add(len)
            .and_then(|end| self.bytes.get(at..end))
            .ok_or_else(|| {
                self.bad(
                    "archive",
                    format!("truncated before byte {at} + {len}"),
                    "a complete file",
                )
            })
    }

    fn u16(&self, at: usize) -> Result<usize, Error> {
        let b = self.slice(at, 2)?;
        Ok(usize::from(u16::from_le_bytes([b[0], b[1]])))
    }

    fn u32(&self, at: usize) -> Result<usize, Error> {
        let b = self.slice(at, 4)?;
        Ok(u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize)
    }

    /// The unpacked member called `name`.
    fn member(&self, name: &str) -> Result<Vec<u8>, Error> {
        // End of central directory: 22 bytes and a comment of up to 64 KiB.
        let n = self.bytes.len();
        let first = n.saturating_sub(22 + 65_535);
        let end = (first..n.saturating_sub(21))
            .rev()
            .find(|&i| self.bytes[i..].starts_with(b"PK\x05\x06"))
            .ok_or_else(|| self.bad("file", "no zip directory", "a NumPy archive"))?;
        let (count, mut at) = (self.u16(end + 10)?, self.u32(end + 16)?);
        for _ in 0..count {
            if self.slice(at, 4)? != b"PK\x01\x02" {
                return Err(self.bad("directory entry", format!("byte {at}"), "PK 01 02"));
            }
            let (packed, unpacked) = (self.u32(at + 20)?, self.u32(at + 24)?);
            let lengths = (self.u16(at + 28)?, self.u16(at + 30)?, self.u16(at + 32)?);
            let (method, local) = (self.u16(at + 10)?, self.u32(at + 42)?);
            let found = self.slice(at + 46, lengths.0)?;
            if found == name.as_bytes() {
                return self.unpack(name, method, local, packed, unpacked);
            }
            at += 46 + lengths.0 + lengths.1 + lengths.2;
        }
        Err(self.bad("archive", format!("no {name}"), "arrays x and y"))
    }

    fn unpack(
        &self,
        name: &str,
        method: usize,
        local: usize,
        packed: usize,
        unpacked: usize,
    ) -> Result<Vec<u8>, Error> {
        let start = local
            .saturating_add(30)
            .saturating_add(self.u16(local.saturating_add(26))?)
            .saturating_add(self.u16(local.saturating_add(28))?);
        let data = self.slice(start, packed)?;
        if unpacked as u64 > files::LIMIT || unpacked > packed.saturating_mul(MAX_EXPANSION) {
            return Err(self.bad(
                &format!("unpacked size of {name}"),
                unpacked,
                "a size that its packed bytes can have",
            ));
        }
        let bytes = match method {
            0 => data.to_vec(),
            8 => {
                let mut out = Vec::new();
                DeflateDecoder::new(data)
                    .take(unpacked as u64 + 1)
                    .read_to_end(&mut out)
                    .map_err(|source| Error::Read {
                        path: format!("{}: {name}", self.path),
                        source,
                    })?;
                out
            }
            m => {
                let what = format!("compression of {name}");
                return Err(self.bad(&what, m, "0 (none) or 8 (deflate)"));
            }
        };
        if bytes.len() != unpacked {
            let what = format!("unpacked size of {name}");
            return Err(self.bad(&what, bytes.len(), &unpacked.to_string()));
        }
        Ok(bytes)
    }

    /// Extents and values of the array `name`, as binary64.
    fn array(&self, name: &str) -> Result<(Vec<usize>, Vec<f64>), Error> {
        let bytes = self.member(&format!("{name}.npy"))?;
        let bad = |what: &str, found: &dyn ToString, expected: &str| {
            self.bad(&format!("{what} of {name}"), found.to_string(), expected)
        };
        let (start, len): (usize, usize) = match bytes.get(..12) {
            Some(h) if h.starts_with(b"\x93NUMPY\x01") => {
                (10, usize::from(u16::from_le_bytes([h[8], h[9]])))
            }
            Some(h) if h.starts_with(b"\x93NUMPY\x02") || h.starts_with(b"\x93NUMPY\x03") => {
                (12, u32::from_le_bytes([h[8], h[9], h[10], h[11]]) as usize)
            }
            _ => return Err(bad("format", &"another", "npy version 1 to 3")),
        };
        let header = bytes
            .get(start..start.saturating_add(len))
            .map(String::from_utf8_lossy)
            .ok_or_else(|| bad("header", &"truncated", "complete"))?;
        let body = &bytes[start + len..];
        let dtype = value_of(&header, "descr")
            .and_then(|v| v.split(['\'', '"']).nth(1).map(str::to_string))
            .ok_or_else(|| bad("header", &header, "a simple dtype"))?;
        if !value_of(&header, "fortran_order").is_some_and(|v| v.starts_with("False")) {
            return Err(bad("element order", &"Fortran", "C"));
        }
        let extents: Option<Vec<usize>> = value_of(&header, "shape")
            .and_then(|v| v.strip_prefix('('))
            .and_then(|v| v.split(')').next())
            .map(|v| v.split(',').map(str::trim).filter(|v| !v.is_empty()))
            .and_then(|v| v.map(|e| e.parse().ok()).collect());
        let extents = extents.ok_or_else(|| bad("header", &header, "a shape"))?;
        let (size, read): (usize, fn(&[u8]) -> f64) = match dtype.as_str() {
            "|u1" => (1, |b| f64::from(b[0])),
            "|i1" => (1, |b| f64::from(b[0] as i8)),
            "<i2" => (2, |b| f64::from(i16::from_le_bytes([b[0], b[1]]))),
            "<u2" => (2, |b| f64::from(u16::from_le_bytes([b[0], b[1]]))),
            "<i4" => (4, |b| f64::from(i32::from_le_bytes(four(b)))),
            "<u4" => (4, |b| f64::from(u32::from_le_bytes(four(b)))),
            "<f4" => (4, |b| f64::from(f32::from_le_bytes(four(b)))),
            "<i8" => (8, |b| i64::from_le_bytes(eight(b)) as f64),
            "<u8" => (8, |b| u64::from_le_bytes(eight(b)) as f64),
            "<f8" => (8, |b| f64::from_le_bytes(eight(b))),
            _ => {
                return Err(bad(
                    "dtype",
                    &dtype,
                    "little-endian integers, float32 or float64",
                ));
            }
        };
        let product = extents.iter().try_fold(size, |p, &e| p.checked_mul(e));
        if product != Some(body.len()) {
            let found = format!("{} bytes for shape {extents:?}", body.len());
            return Err(bad("data", &found, "one element per index"));
        }
        Ok((extents, body.chunks_exact(size).map(read).collect()))
    }
}

/// The text after `'key':` in a Python dictionary literal.
fn value_of<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = header.split_once(&format!("'{key}':"))?;
    Some(rest.trim_start())
}

fn four(b: &[u8]) -> [u8; 4] {
    [b[0], b[1], b[2], b[3]]
}

fn eight(b: &[u8]) -> [u8; 8] {
    [b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]
}

pub(super) fn load(file: &Path) -> Result<Dataset, Error> {
    let bytes = files::read(file)?;
    let path = file.display().to_string();
    let reader = Reader {
        path: &path,
        bytes: &bytes,
    };
    let (extents, pixels) = reader.array("x")?;
    let (counts, labels) = reader.array("y")?;
    let per_sample = pixels.len() / extents.first().map_or(1, |&n| n.max(1));
    if extents.is_empty() || per_sample == 0 {
        let found = format!("{extents:?}");
        return Err(reader.bad("shape of x", found, "(count, ...) without empty extents"));
    }
    if counts != [extents[0]] {
        let expected = format!("[{}]", extents[0]);
        return Err(reader.bad("shape of y", format!("{counts:?}"), &expected));
    }
    let x: Vec<f32> = pixels.iter().map(|&v| v as f32).collect();
    check_pixels(&path, &x, per_sample)?;
    let labels = labels
        .iter()
        .enumerate()
        .map(|(i, &v)| label(&path, i, v))
        .collect::<Result<_, _>>()?;
    let samples = Arc::new(Samples { x, labels });
    Ok(Dataset {
        sha256: hex_digest(&[&bytes]),
        shape: Shape::new(&extents[1..]),
        classes: classes(&[&samples]),
        train: samples.clone(),
        test: samples,
        name: path,
    })
}
