//! Canonical bytes, digest, files.
//!
//! The bytes of a certificate are its members in the order of the schema,
//! without white space, `digest` last, then one line feed. `digest` is the
//! SHA-256 of the same text without the digest member and without the line
//! feed.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::schema::{Certificate, Document, FORMAT, Kind, VERSION};

/// The largest certificate that is read, in bytes.
pub const MAX_BYTES: u64 = 1 << 28;

const DIGEST_KEY: &str = ",\"digest\":\"";
const DIGEST_END: &str = "\"}\n";
const DIGEST_HEX: usize = 64;
const TAIL: usize = DIGEST_KEY.len() + DIGEST_HEX + DIGEST_END.len();

/// Why bytes are not a certificate, or a certificate could not be stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Larger than [`MAX_BYTES`].
    #[error("certificate of {found} bytes is larger than the limit of {limit}")]
    TooLarge {
        /// its size
        found: u64,
        /// the limit
        limit: u64,
    },
    /// The text does not end in a digest member and a line feed: truncated,
    /// or not a certificate.
    #[error("certificate of {bytes} bytes does not end in its digest")]
    NoDigest {
        /// its size
        bytes: usize,
    },
    /// The digest is not that of the text.
    #[error("digest {claimed} does not match the content, which has {found}")]
    Digest {
        /// the digest in the document
        claimed: String,
        /// the digest of the document
        found: String,
    },
    /// Not a document of this format.
    #[error("format is {found:?}, expected \"dahlquist-certificate\"")]
    Format {
        /// the value of `format`
        found: String,
    },
    /// A later version of the format.
    #[error("certificate version {found} is not supported (this program reads version 1)")]
    Version {
        /// the value of `version`
        found: u64,
    },
    /// Not JSON, a missing or unknown member, or a value of the wrong kind.
    #[error("certificate: {0}")]
    Json(#[from] serde_json::Error),
    /// Valid, but not the one spelling of its content.
    #[error("certificate is not canonical: byte {at} differs from its canonical form")]
    NotCanonical {
        /// first differing byte
        at: usize,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// the file
        path: PathBuf,
        /// why
        source: std::io::Error,
    },
}

/// SHA-256 as lower-case hexadecimal.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

/// What decides how to read the rest.
#[derive(Deserialize)]
struct Head {
    format: String,
    version: u64,
    kind: Kind,
}

fn strict<C, E>(body: &[u8]) -> Result<Document<C, E>, Error>
where
    Document<C, E>: Serialize + DeserializeOwned,
{
    let document: Document<C, E> = serde_json::from_slice(body)?;
    let canonical = serde_json::to_vec(&document)?;
    if canonical == body {
        return Ok(document);
    }
    let same = canonical.iter().zip(body).take_while(|(a, b)| a == b);
    Err(Error::NotCanonical { at: same.count() })
}

impl Certificate {
    /// The canonical bytes, digest included. A function of the content alone.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] where a reader would refuse the result.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = match self {
            Certificate::Robustness(d) => serde_json::to_vec(d)?,
            Certificate::Query(d) => serde_json::to_vec(d)?,
            Certificate::RootCondition(d) => serde_json::to_vec(d)?,
            Certificate::Cells(d) => serde_json::to_vec(d)?,
            Certificate::Region(d) => serde_json::to_vec(d)?,
            Certificate::Products(d) => serde_json::to_vec(d)?,
            Certificate::Powers(d) => serde_json::to_vec(d)?,
        };
        let digest = sha256_hex(&bytes);
        bytes.pop();
        bytes.extend_from_slice(DIGEST_KEY.as_bytes());
        bytes.extend_from_slice(digest.as_bytes());
        bytes.extend_from_slice(DIGEST_END.as_bytes());
        limit(bytes.len() as u64)?;
        Ok(bytes)
    }

    /// Reads canonical bytes. Size and digest are looked at first, so nothing
    /// is parsed of a file that was damaged.
    ///
    /// # Errors
    ///
    /// [`Error`]; every change of a single bit of a certificate gives one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Certificate, Error> {
        limit(bytes.len() as u64)?;
        let no_digest = || Error::NoDigest { bytes: bytes.len() };
        let at = bytes.len().checked_sub(TAIL).ok_or_else(no_digest)?;
        let (body, tail) = bytes.split_at(at);
        let claimed = tail
            .strip_prefix(DIGEST_KEY.as_bytes())
            .and_then(|t| t.strip_suffix(DIGEST_END.as_bytes()))
            .and_then(|t| std::str::from_utf8(t).ok())
            .ok_or_else(no_digest)?;
        let mut body = body.to_vec();
        body.push(b'}');
        let found = sha256_hex(&body);
        if claimed != found {
            return Err(Error::Digest {
                claimed: claimed.into(),
                found,
            });
        }
        let head: Head = serde_json::from_slice(&body)?;
        if head.format != FORMAT {
            return Err(Error::Format { found: head.format });
        }
        if head.version != u64::from(VERSION) {
            return Err(Error::Version {
                found: head.version,
            });
        }
        Ok(match head.kind {
            Kind::Robustness => Certificate::Robustness(strict(&body)?),
            Kind::Query => Certificate::Query(strict(&body)?),
            Kind::RootCondition => Certificate::RootCondition(strict(&body)?),
            Kind::Cells => Certificate::Cells(strict(&body)?),
            Kind::Region => Certificate::Region(strict(&body)?),
            Kind::Products => Certificate::Products(strict(&body)?),
            Kind::Powers => Certificate::Powers(strict(&body)?),
        })
    }

    /// Reads a file; its size is checked before anything is read.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] with the path, else as [`from_bytes`](Certificate::from_bytes).
    pub fn read(path: &Path) -> Result<Certificate, Error> {
        let io = |source| Error::Io {
            path: path.into(),
            source,
        };
        let file = File::open(path).map_err(io)?;
        limit(file.metadata().map_err(io)?.len())?;
        let mut bytes = Vec::new();
        // A pipe has no length: stop one byte past the limit.
        file.take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(io)?;
        Certificate::from_bytes(&bytes)
    }

    /// Writes a file, whole or not at all.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] with the path, [`Error::TooLarge`].
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let bytes = self.to_bytes()?;
        let io = |source| Error::Io {
            path: path.into(),
            source,
        };
        crate::atomic::write(path, &bytes).map_err(io)?;
        Ok(())
    }
}

fn limit(found: u64) -> Result<(), Error> {
    if found > MAX_BYTES {
        return Err(Error::TooLarge {
            found,
            limit: MAX_BYTES,
        });
    }
    Ok(())
}
