//! Labelled samples: the bundled digits, IDX folders (MNIST's layout), NumPy
//! archives, CSV files.
//!
//! Every loader checks extents against the size of its file before it
//! allocates, and rejects a pixel that is not a number in `[0, 1]`.

mod csv;
mod digits;
mod files;
mod idx;
mod npz;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::ops::Shape;

/// Why data could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or unpacked.
    #[error("{path}: {source}")]
    Read {
        /// the file
        path: String,
        /// why
        source: std::io::Error,
    },
    /// The name is neither a built-in data set nor a file of a known kind.
    #[error(
        "{spec:?} is not a data set: expected digits, a folder of IDX files, an .npz or a .csv file"
    )]
    Unknown {
        /// what was asked for
        spec: String,
    },
    /// A file does not follow its format.
    #[error("{path}: {what} is {found}, expected {expected}")]
    Format {
        /// the file
        path: String,
        /// which part
        what: String,
        /// what stands there
        found: String,
        /// what should
        expected: String,
    },
    /// A pixel or label is out of range.
    #[error("{path}: sample {sample}: {what} is {found}, expected {expected}")]
    Value {
        /// the file
        path: String,
        /// index of the sample
        sample: usize,
        /// pixel (with its index) or label
        what: String,
        /// the value
        found: String,
        /// the range
        expected: &'static str,
    },
}

/// Labelled samples of one shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    /// pixels in `[0, 1]`, (count, elements per sample), row-major
    pub x: Vec<f32>,
    /// classes `0..classes`
    pub labels: Vec<u32>,
}

impl Samples {
    /// Number of samples.
    pub fn count(&self) -> usize {
        self.labels.len()
    }

    /// The pixels of sample `i`.
    ///
    /// # Panics
    /// If there is no sample `i`.
    pub fn sample(&self, i: usize) -> &[f32] {
        let n = self.x.len() / self.labels.len();
        &self.x[i * n..(i + 1) * n]
    }
}

/// A data set with its split.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// what it was loaded from
    pub name: String,
    /// SHA-256 of the files read, in order, as lower-case hexadecimal
    pub sha256: String,
    /// shape of one sample
    pub shape: Shape,
    /// number of classes
    pub classes: usize,
    /// samples to train on
    pub train: Arc<Samples>,
    /// samples to evaluate on; a source without a split has the same samples
    /// in both parts
    pub test: Arc<Samples>,
}

/// Loads `digits` (bundled; sample `i` is a test image if `i mod 5 = 4`), a
/// folder of IDX files (MNIST's names, each .gz or not; the training part may
/// be absent), an `.npz` with arrays `x` and `y`, or a `.csv` whose lines are a
/// label and then the pixels.
///
/// # Errors
/// Names the file, the sample and the value that was rejected.
pub fn load(spec: &str) -> Result<Dataset, Error> {
    if spec == "digits" {
        return digits::load();
    }
    let path = Path::new(spec);
    if path.is_dir() {
        return idx::load(path);
    }
    let extension = path.extension().map(|e| e.to_ascii_lowercase());
    match extension.as_ref().and_then(|e| e.to_str()) {
        Some("npz") => npz::load(path),
        Some("csv") => csv::load(path),
        _ => Err(Error::Unknown { spec: spec.into() }),
    }
}

/// The most classes a data set may have: labels index logits.
const MAX_CLASSES: u32 = 1000;

/// A label as read from a file.
fn label(path: &str, sample: usize, value: f64) -> Result<u32, Error> {
    if value >= 0.0 && value < f64::from(MAX_CLASSES) && value.fract() == 0.0 {
        return Ok(value as u32);
    }
    Err(Error::Value {
        path: path.into(),
        sample,
        what: "label".into(),
        found: value.to_string(),
        expected: "an integer 0 to 999",
    })
}

/// Checks pixels that a file gives as real numbers.
fn check_pixels(path: &str, x: &[f32], per_sample: usize) -> Result<(), Error> {
    match x.iter().position(|v| !(0.0..=1.0).contains(v)) {
        None => Ok(()),
        Some(i) => Err(Error::Value {
            path: path.into(),
            sample: i / per_sample,
            what: format!("pixel {}", i % per_sample),
            found: x[i].to_string(),
            expected: "0 to 1",
        }),
    }
}

/// Largest label plus one.
fn classes(parts: &[&Samples]) -> usize {
    let labels = parts.iter().flat_map(|s| &s.labels);
    labels.max().map_or(0, |&l| l as usize + 1)
}

fn hex_digest(parts: &[&[u8]]) -> String {
    let mut h = Sha256::new();
    parts.iter().for_each(|p| h.update(p));
    h.finalize().iter().map(|b| format!("{b:02x}")).collect()
}
