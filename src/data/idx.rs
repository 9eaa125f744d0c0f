//! IDX files (LeCun's MNIST format): big-endian extents, then bytes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Dataset, Error, Samples, classes, files, hex_digest, label};
use crate::ops::Shape;

/// Path, unpacked and packed bytes of a file.
type Opened = (String, Vec<u8>, Vec<u8>);

/// `name` or `name.gz` in `folder`.
fn open(folder: &Path, name: &str) -> Result<Option<Opened>, Error> {
    for (file, packed) in [(name.to_string(), false), (format!("{name}.gz"), true)] {
        let path: PathBuf = folder.join(file);
        if !path.is_file() {
            continue;
        }
        let raw = files::read(&path)?;
        let path = path.display().to_string();
        let bytes = if packed {
            files::gunzip(&path, &raw, files::LIMIT)?
        } else {
            raw.clone()
        };
        return Ok(Some((path, bytes, raw)));
    }
    Ok(None)
}

/// The extents and the bytes after them, whose number must be their product.
fn parse<'a>(
    path: &str,
    bytes: &'a [u8],
    dimensions: usize,
) -> Result<(Vec<usize>, &'a [u8]), Error> {
    let bad = |what: &str, found: String, expected: String| Error::Format {
        path: path.into(),
        what: what.into(),
        found,
        expected,
    };
    let header = 4 + 4 * dimensions;
    if bytes.len() < header {
        return Err(bad(
            "size",
            format!("{} bytes", bytes.len()),
            format!("at least {header}"),
        ));
    }
    let magic = [0, 0, 8, dimensions as u8];
    if bytes[..4] != magic {
        return Err(bad(
            "magic number",
            format!("{:?}", &bytes[..4]),
            format!("{magic:?}"),
        ));
    }
    let extents: Vec<usize> = bytes[4..header]
        .chunks_exact(4)
        .map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize)
        .collect();
    let body = &bytes[header..];
    let product = extents.iter().try_fold(1usize, |p, &e| p.checked_mul(e));
    if product != Some(body.len()) {
        return Err(bad(
            "number of bytes after the header",
            body.len().to_string(),
            format!("the product of {extents:?}"),
        ));
    }
    Ok((extents, body))
}

/// One part of a data set: shape, samples, and the packed files.
type Part = (Shape, Samples, [Vec<u8>; 2]);

fn part(folder: &Path, prefix: &str) -> Result<Option<Part>, Error> {
    let images = open(folder, &format!("{prefix}-images-idx3-ubyte"))?;
    let labels = open(folder, &format!("{prefix}-labels-idx1-ubyte"))?;
    let (Some((path, bytes, raw)), Some((labels_path, label_bytes, labels_raw))) = (images, labels)
    else {
        return Ok(None);
    };
    let (extents, pixels) = parse(&path, &bytes, 3)?;
    let (counts, digits) = parse(&labels_path, &label_bytes, 1)?;
    if pixels.is_empty() {
        return Err(Error::Format {
            path,
            what: "shape".into(),
            found: format!("{extents:?}"),
            expected: "no empty extents".into(),
        });
    }
    if counts[0] != extents[0] {
        return Err(Error::Format {
            path: labels_path,
            what: "number of labels".into(),
            found: counts[0].to_string(),
            expected: format!("the number of images, {}", extents[0]),
        });
    }
    let labels = digits
        .iter()
        .enumerate()
        .map(|(i, &d)| label(&labels_path, i, f64::from(d)))
        .collect::<Result<_, _>>()?;
    let x = pixels.iter().map(|&p| f32::from(p) / 255.0).collect();
    let shape = Shape::new(&[1, extents[1], extents[2]]);
    Ok(Some((shape, Samples { x, labels }, [raw, labels_raw])))
}

pub(super) fn load(folder: &Path) -> Result<Dataset, Error> {
    let name = folder.display().to_string();
    let missing = |what: &str, found: String, expected: &str| Error::Format {
        path: name.clone(),
        what: what.into(),
        found,
        expected: expected.into(),
    };
    let Some((shape, test, test_raw)) = part(folder, "t10k")? else {
        return Err(missing(
            "folder",
            "without them".into(),
            "t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, .gz or not",
        ));
    };
    let train = part(folder, "train")?;
    let mut raw: Vec<&[u8]> = test_raw.iter().map(Vec::as_slice).collect();
    let test = Arc::new(test);
    let train = match &train {
        None => test.clone(),
        Some((train_shape, samples, train_raw)) => {
            if *train_shape != shape {
                return Err(missing(
                    "shape of the training images",
                    train_shape.to_string(),
                    "that of the test images",
                ));
            }
            raw.extend(train_raw.iter().map(Vec::as_slice));
            Arc::new(samples.clone())
        }
    };
    Ok(Dataset {
        sha256: hex_digest(&raw),
        classes: classes(&[&train, &test]),
        name,
        shape,
        train,
        test,
    })
}
