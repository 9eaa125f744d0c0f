//! The bundled UCI digits; origin and licence in `data/README.md`.

use std::sync::Arc;

use super::{Dataset, Error, Samples, files, hex_digest, label};
use crate::ops::Shape;

static PACKED: &[u8] = include_bytes!("../../data/digits.csv.gz");
const NAME: &str = "digits";
const PIXELS: usize = 64;

pub(super) fn load() -> Result<Dataset, Error> {
    let bytes = files::gunzip(NAME, PACKED, 1 << 20)?;
    let text = String::from_utf8_lossy(&bytes);
    let mut parts = [(); 2].map(|()| Samples {
        x: Vec::new(),
        labels: Vec::new(),
    });
    for (i, line) in text.lines().enumerate() {
        let values: Vec<u8> = line.split(',').filter_map(|v| v.parse().ok()).collect();
        let [digit, pixels @ ..] = &values[..] else {
            continue;
        };
        if pixels.len() != PIXELS || pixels.iter().any(|&p| p > 16) {
            return Err(Error::Format {
                path: NAME.into(),
                what: format!("line {}", i + 1),
                found: line.into(),
                expected: "a label and 64 integers 0 to 16".into(),
            });
        }
        let part = &mut parts[usize::from(i % 5 == 4)];
        part.labels.push(label(NAME, i, f64::from(*digit))?);
        part.x.extend(pixels.iter().map(|&p| f32::from(p) / 16.0));
    }
    let [train, test] = parts.map(Arc::new);
    Ok(Dataset {
        name: NAME.into(),
        sha256: hex_digest(&[PACKED]),
        shape: Shape::new(&[PIXELS]),
        classes: 10,
        train,
        test,
    })
}
