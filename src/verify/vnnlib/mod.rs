//! VNN-LIB 1.0 files: reading into a [`Query`].
//!
//! A file declares inputs `X_0 … X_{n-1}` and outputs `Y_0 … Y_{m-1}` of sort
//! `Real` and asserts what a **counterexample** satisfies. The reader takes the
//! quantifier-free linear subset of SMT-LIB that the standard allows, in any
//! nesting: `and`, `or`, `not`, `=>`, `true`, `false`, the comparisons `<=`,
//! `>=`, `<`, `>`, `=` (chained ones too), and terms of `+`, `-`, `*` and `/` by
//! constants. Anything else is refused by name, with line and column.
//!
//! **Exactness.** Integers, decimals and scientific notation are rationals; no
//! number is rounded.
//!
//! **Normal form.** The assertions are brought into a disjunction of input boxes
//! with a disjunction of conjunctions each; equal boxes are one [`Case`].
//! Bounds on single inputs belong to the box wherever they stand; a strict one
//! is kept as a constraint beside the closed box. Boxes that are empty are
//! dropped and counted. An input without a bound in some case is an error.
//! Multiplying out may take exponential size, so it is limited.
//!
//! **Size.** The text is streamed: it is never held, and time and memory are
//! linear in what it says, products of disjunctions apart.

mod formula;
mod linear;
mod normal;
mod parse;
mod token;

#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

#[cfg(doc)]
use super::Case;
use super::Query;
use crate::exact::rational;

/// The largest file, compressed or not, in bytes.
pub const MAX_BYTES: u64 = 1 << 31;
/// The deepest nesting of parentheses.
pub const MAX_DEPTH: usize = 10_000;
/// The most conjunctions that multiplying disjunctions out may give.
pub const MAX_CONJUNCTIONS: usize = 1 << 18;
/// The most atoms that multiplying disjunctions out may give.
pub const MAX_ATOMS: usize = 1 << 21;
/// The most ends of intervals in all input boxes together.
pub const MAX_ENDS: usize = 1 << 26;

/// A place in a file: both count from 1, columns in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// line
    pub line: u64,
    /// column
    pub column: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Why a text is not a specification that can be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes cannot be read or decompressed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A limit is exceeded.
    #[error("{what}: more than {limit}")]
    TooLarge {
        /// which quantity
        what: &'static str,
        /// the limit
        limit: u64,
    },
    /// The text is not in the language.
    #[error("{at}: found {found}, expected {expected}")]
    Syntax {
        /// where
        at: Position,
        /// what was found
        found: String,
        /// what may stand there
        expected: &'static str,
    },
    /// A construct outside the subset.
    #[error("{at}: {what} is not supported")]
    Unsupported {
        /// where
        at: Position,
        /// its name
        what: String,
    },
    /// A variable that no earlier declaration names.
    #[error("{at}: {name} is not declared")]
    Undeclared {
        /// where
        at: Position,
        /// the variable
        name: String,
    },
    /// A second declaration.
    #[error("{at}: {name} is declared twice")]
    Duplicate {
        /// where
        at: Position,
        /// the variable
        name: String,
    },
    /// A number that cannot be read.
    #[error("{at}: {source}")]
    Number {
        /// where
        at: Position,
        /// why
        source: rational::Error,
    },
    /// A product of variables, or a quotient by one.
    #[error("{at}: the term is not linear")]
    Nonlinear {
        /// where
        at: Position,
    },
    /// A quotient by zero.
    #[error("{at}: division by zero")]
    ZeroDivision {
        /// where
        at: Position,
    },
    /// The declared indices have a gap, or there are none.
    #[error("{name} is not declared")]
    Missing {
        /// the first variable that is lacking
        name: String,
    },
    /// An input has no bound on one side.
    #[error("{name} has no {side} bound{}", if *cases == 1 { String::new() } else { format!(" in alternative {case} of {cases}") })]
    Unbounded {
        /// the input
        name: String,
        /// `lower` or `upper`
        side: &'static str,
        /// the alternative, from 1
        case: usize,
        /// how many alternatives the assertions have
        cases: usize,
    },
}

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct FileError {
    /// the file
    pub path: PathBuf,
    /// why
    pub source: Error,
}

/// A specification in normal form.
#[derive(Clone, Debug, PartialEq)]
pub struct Specification {
    /// the question
    pub query: Query,
    /// alternatives that were dropped: an empty box or a false constraint
    pub dropped: usize,
}

/// Reads a file; one compressed by gzip is recognised by its content.
///
/// # Errors
/// [`FileError`] names the file, and line and column where there are such.
pub fn load(path: impl AsRef<Path>) -> Result<Specification, FileError> {
    let path = path.as_ref();
    File::open(path)
        .map_err(Error::Io)
        .and_then(read)
        .map_err(|source| FileError {
            path: path.into(),
            source,
        })
}

/// Reads a specification from a stream of bytes, compressed by gzip or not.
///
/// # Errors
/// [`Error`] names the place.
///
/// # Examples
///
/// ```
/// let text = "(declare-const X_0 Real) (declare-const Y_0 Real)
///             (assert (and (>= X_0 -1) (<= X_0 0.1)))
///             (assert (or (<= Y_0 X_0) (>= Y_0 1e3)))";
/// let spec = dahlquist::verify::vnnlib::read(text.as_bytes()).expect("a specification");
/// assert_eq!(spec.query.cases[0].hi[0].to_string(), "1/10");
/// assert_eq!(spec.query.cases[0].violation.len(), 2);
/// ```
pub fn read(source: impl Read) -> Result<Specification, Error> {
    const GZIP: [u8; 2] = [0x1f, 0x8b];
    const BUFFER: usize = 1 << 16;
    let mut head = Vec::with_capacity(2);
    let mut source = source;
    source.by_ref().take(2).read_to_end(&mut head)?;
    let packed = head == GZIP;
    let mut whole = BufReader::with_capacity(BUFFER, io::Cursor::new(head).chain(source));
    if packed {
        parse::read(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(whole)))
    } else {
        whole.fill_buf()?;
        parse::read(whole)
    }
}
