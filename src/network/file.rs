//! Networks in files: ONNX, or ONNX compressed by gzip.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::{Network, onnx};

/// Why a file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// the file
        path: PathBuf,
        /// why
        source: std::io::Error,
    },
    /// The file, or what it decompresses to, is too large.
    #[error("{}: more than {limit} bytes", path.display())]
    TooLarge {
        /// the file
        path: PathBuf,
        /// the limit
        limit: u64,
    },
    /// The model could not be read or written.
    #[error("{}: {source}", path.display())]
    Onnx {
        /// the file
        path: PathBuf,
        /// why
        source: onnx::Error,
    },
    /// The network is not valid.
    #[error("{}: {source}", path.display())]
    Network {
        /// the file
        path: PathBuf,
        /// why
        source: super::Error,
    },
}

const GZIP: [u8; 2] = [0x1f, 0x8b];

impl Network {
    /// Reads an ONNX file; one compressed by gzip is recognised by its content.
    ///
    /// # Errors
    /// [`Error`] names the file, and the node, tensor or value.
    pub fn load(path: impl AsRef<Path>) -> Result<Network, Error> {
        let path = path.as_ref();
        Network::from_bytes(path, read_bytes(path)?)
    }

    /// As [`load`](Network::load), from the bytes of the file (compressed or
    /// not); `path` is for messages.
    ///
    /// # Errors
    /// [`Error`] names the file, and the node, tensor or value.
    pub fn from_bytes(path: impl AsRef<Path>, bytes: Vec<u8>) -> Result<Network, Error> {
        let path = path.as_ref();
        let bytes = unpacked(path, bytes)?;
        onnx::read_model(bytes).map_err(|source| Error::Onnx {
            path: path.into(),
            source,
        })
    }

    /// Writes an ONNX file with `OdeBlock` nodes; gzip when the name ends in
    /// `.gz`. The file appears whole or not at all.
    ///
    /// # Errors
    /// [`Error`] names the file and what could not be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let bytes = onnx::write_model(self).map_err(|source| Error::Onnx {
            path: path.into(),
            source,
        })?;
        write_atomically(path, bytes)
    }

    /// Writes the unrolled graph as plain ONNX ([`onnx::write_unrolled`]);
    /// gzip when the name ends in `.gz`. The file appears whole or not at all.
    ///
    /// # Errors
    /// [`Error`] names the file and what could not be written.
    pub fn save_unrolled(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let graph = self.lower().map_err(|source| Error::Network {
            path: path.into(),
            source,
        })?;
        let bytes = onnx::write_unrolled(&graph).map_err(|source| Error::Onnx {
            path: path.into(),
            source,
        })?;
        write_atomically(path, bytes)
    }
}

/// The bytes of a model file as they are; 2 GiB at most.
///
/// # Errors
/// [`Error::Io`], [`Error::TooLarge`].
pub fn read_bytes(path: &Path) -> Result<Vec<u8>, Error> {
    let io = |source| Error::Io {
        path: path.into(),
        source,
    };
    within(path, File::open(path).map_err(io)?)
}

/// Everything in `source`, at most `onnx::MAX_BYTES` bytes.
fn within(path: &Path, source: impl Read) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let mut source = source.take(onnx::MAX_BYTES + 1);
    source.read_to_end(&mut bytes).map_err(|source| Error::Io {
        path: path.into(),
        source,
    })?;
    if bytes.len() as u64 > onnx::MAX_BYTES {
        return Err(Error::TooLarge {
            path: path.into(),
            limit: onnx::MAX_BYTES,
        });
    }
    Ok(bytes)
}

/// Decompressed if it is gzip.
fn unpacked(path: &Path, bytes: Vec<u8>) -> Result<Vec<u8>, Error> {
    if bytes.starts_with(&GZIP) {
        within(path, MultiGzDecoder::new(&bytes[..]))
    } else {
        Ok(bytes)
    }
}

/// Compressed when the name ends in `.gz`; whole or not at all.
fn write_atomically(path: &Path, bytes: Vec<u8>) -> Result<(), Error> {
    let io = |source| Error::Io {
        path: path.into(),
        source,
    };
    let bytes = if path.extension().is_some_and(|e| e == "gz") {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&bytes).map_err(io)?;
        gzip.finish().map_err(io)?
    } else {
        bytes
    };
    crate::atomic::write(path, &bytes).map_err(io)?;
    Ok(())
}
