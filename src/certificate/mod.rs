//! Certificates: a claim with the evidence by which someone else re-establishes
//! it without search.
//!
//! A certificate is one self-contained canonical JSON document
//! (`docs/certificate.md`). [`mod@write`] makes one from a claim and the evidence
//! of the bounds or of the root condition, [`Certificate::to_bytes`] and
//! [`Certificate::from_bytes`] are the file format, and [`crate::check`] is the
//! checker. Reading establishes form alone: a certificate that was read is not
//! a certificate that holds.

mod codec;
mod number;
pub mod schema;
pub mod write;
pub mod write_multistep;

pub use codec::{Error, MAX_BYTES};
pub use schema::Certificate;
