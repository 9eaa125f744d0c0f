//! Reading files whole, with limits.

use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;

use super::Error;

/// The most bytes a file may hold, unpacked.
pub(super) const LIMIT: u64 = 1 << 31;

fn too_large(path: &str, what: &str, found: u64) -> Error {
    Error::Format {
        path: path.into(),
        what: what.into(),
        found: format!("{found} bytes"),
        expected: format!("at most {LIMIT}"),
    }
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let name = path.display().to_string();
    let fail = |source| Error::Read {
        path: name.clone(),
        source,
    };
    let file = std::fs::File::open(path).map_err(fail)?;
    let size = file.metadata().map_err(fail)?.len();
    if size > LIMIT {
        return Err(too_large(&name, "size", size));
    }
    let mut bytes = Vec::new();
    file.take(LIMIT).read_to_end(&mut bytes).map_err(fail)?;
    Ok(bytes)
}

/// Unpacks gzip data whose unpacked length is at most `limit`.
pub(super) fn gunzip(path: &str, packed: &[u8], limit: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    GzDecoder::new(packed)
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|source| Error::Read {
            path: path.into(),
            source,
        })?;
    if bytes.len() as u64 > limit {
        return Err(Error::Format {
            path: path.into(),
            what: "unpacked size".into(),
            found: format!("over {limit} bytes"),
            expected: format!("at most {limit}"),
        });
    }
    Ok(bytes)
}
