//! CSV files: a label, then the pixels, on each line.

use std::path::Path;
use std::sync::Arc;

use super::{Dataset, Error, Samples, check_pixels, classes, files, hex_digest, label};
use crate::ops::Shape;

pub(super) fn load(file: &Path) -> Result<Dataset, Error> {
    let bytes = files::read(file)?;
    let path = file.display().to_string();
    let bad = |what: String, found: &str, expected: String| Error::Format {
        path: path.clone(),
        what,
        found: found.chars().take(40).collect(),
        expected,
    };
    let text = std::str::from_utf8(&bytes)
        .map_err(|e| bad("text".into(), &e.to_string(), "UTF-8".into()))?;
    let mut samples = Samples {
        x: Vec::new(),
        labels: Vec::new(),
    };
    let mut columns = None;
    for (n, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let sample = samples.count();
        let mut fields = line.split(',').map(str::trim);
        let number = |field: &str| -> Result<f64, Error> {
            field.parse::<f64>().map_err(|_| {
                bad(
                    format!("line {}: field", n + 1),
                    field,
                    "a number".to_string(),
                )
            })
        };
        let first = number(fields.next().unwrap_or(""))?;
        samples.labels.push(label(&path, sample, first)?);
        let before = samples.x.len();
        for field in fields {
            samples.x.push(number(field)? as f32);
        }
        let found = samples.x.len() - before;
        let expected = *columns.get_or_insert(found);
        if found != expected || found == 0 {
            return Err(bad(
                format!("line {}: number of pixels", n + 1),
                &found.to_string(),
                if expected == 0 {
                    "at least 1".into()
                } else {
                    expected.to_string()
                },
            ));
        }
    }
    let Some(columns) = columns else {
        return Err(bad("file".into(), "empty", "at least one line".into()));
    };
    check_pixels(&path, &samples.x, columns)?;
    let samples = Arc::new(samples);
    Ok(Dataset {
        sha256: hex_digest(&[&bytes]),
        shape: Shape::new(&[columns]),
        classes: classes(&[&samples]),
        train: samples.clone(),
        test: samples,
        name: path,
    })
}
