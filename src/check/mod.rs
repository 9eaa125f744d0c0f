//! The checker: re-establishes the claim of a certificate in exact and MPFR
//! arithmetic, without search.
//!
//! It shares with the program that wrote the certificate only the reader of
//! networks, the graph with its two traversals, each operator's defining row or
//! MPFR oracle, and `exact`; a test reads the imports. What it does, step by
//! step, is `docs/certificate.md`.
//!
//! # Rounding
//!
//! All numbers are integers on a fixed grid; each rounding goes towards a stated
//! side and its effect is accounted for where it happens. Nothing in this folder
//! computes in binary64.

mod boxes;
mod grid;
mod linear;
mod multistep;
mod query;
mod region;
mod rejection;
mod robustness;
mod root_condition;

use std::fmt;

use sha2::{Digest, Sha256};

pub use rejection::{End, Rejection};

use crate::certificate::schema::{Certificate, Strength};
use crate::graph::Graph;

/// How the boxes of a robustness claim were established.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// neurons whose box followed from one interval step
    pub by_interval: usize,
    /// neurons whose box needed a backward pass
    pub by_backward: usize,
}

/// What was established. Only [`check`] makes one.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    statement: Statement,
}

#[derive(Clone, Debug, PartialEq)]
enum Statement {
    Robustness { lower: Vec<f64>, counters: Counters },
    Query { leaves: usize, counters: Counters },
    RootCondition { verdict: Strength },
    Multistep { sentence: String },
}

impl Checked {
    fn robustness(lower: Vec<f64>, counters: Counters) -> Checked {
        Checked {
            statement: Statement::Robustness { lower, counters },
        }
    }

    fn query(leaves: usize, counters: Counters) -> Checked {
        Checked {
            statement: Statement::Query { leaves, counters },
        }
    }

    fn root_condition(verdict: Strength) -> Checked {
        Checked {
            statement: Statement::RootCondition { verdict },
        }
    }

    fn multistep(sentence: String) -> Checked {
        Checked {
            statement: Statement::Multistep { sentence },
        }
    }

    /// Robustness: the lower bound that was proved for each row, rounded down;
    /// at least the claimed one.
    pub fn lower(&self) -> Option<&[f64]> {
        match &self.statement {
            Statement::Robustness { lower, .. } => Some(lower),
            _ => None,
        }
    }

    /// Robustness and queries: how the boxes were established.
    pub fn counters(&self) -> Option<Counters> {
        match &self.statement {
            Statement::Robustness { counters, .. } | Statement::Query { counters, .. } => {
                Some(*counters)
            }
            _ => None,
        }
    }

    /// Queries: the number of boxes that were found without counterexample.
    pub fn leaves(&self) -> Option<usize> {
        match &self.statement {
            Statement::Query { leaves, .. } => Some(*leaves),
            _ => None,
        }
    }

    /// Root condition: the verdict.
    pub fn verdict(&self) -> Option<Strength> {
        match &self.statement {
            Statement::RootCondition { verdict } => Some(*verdict),
            _ => None,
        }
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.statement {
            Statement::Robustness { lower, counters } => {
                let least = lower.iter().copied().fold(f64::INFINITY, f64::min);
                write!(
                    f,
                    "{} rows hold, least margin {least:e}; {} neuron boxes by interval steps, {} by backward passes",
                    lower.len(),
                    counters.by_interval,
                    counters.by_backward
                )
            }
            Statement::Query { leaves, counters } => write!(
                f,
                "no counterexample in {leaves} boxes; {} neuron boxes by interval steps, {} by backward passes",
                counters.by_interval, counters.by_backward
            ),
            Statement::RootCondition { verdict } => {
                write!(f, "root condition: {verdict:?}, re-established exactly")
            }
            Statement::Multistep { sentence } => f.write_str(sentence),
        }
    }
}

/// Re-establishes the claim of `certificate`. A claim of robustness or about a
/// query is about
/// `graph`, which must have the content hash that the claim names; a root
/// condition needs no graph.
///
/// # Errors
///
/// [`Rejection`], naming the layer, neuron or row, the claimed and the proved
/// value. A rejection is not a refutation.
pub fn check(certificate: &Certificate, graph: Option<&Graph>) -> Result<Checked, Rejection> {
    match certificate {
        Certificate::Robustness(document) => {
            robustness::check(document, graph.ok_or(Rejection::NoGraph)?)
        }
        Certificate::Query(document) => query::check(document, graph.ok_or(Rejection::NoGraph)?),
        Certificate::RootCondition(document) => root_condition::check(document),
        Certificate::Cells(document) => multistep::cells::check(document),
        Certificate::Region(document) => multistep::region::check(document),
        Certificate::Products(document) => multistep::products::check(document),
        Certificate::Powers(document) => multistep::powers::check(document),
    }
}

/// Whether `bytes` are the model file that the claim is about. A root
/// condition is about no file.
///
/// # Errors
///
/// [`Rejection::File`] with both digests.
pub fn network_file(certificate: &Certificate, bytes: &[u8]) -> Result<(), Rejection> {
    let network = match certificate {
        Certificate::Robustness(document) => &document.claim.network,
        Certificate::Query(document) => &document.claim.network,
        _ => return Ok(()),
    };
    let digest = Sha256::digest(bytes);
    let found: String = digest.iter().map(|b| format!("{b:02x}")).collect();
    let claimed = &network.sha256;
    if *claimed != found {
        return Err(Rejection::File {
            claimed: claimed.clone(),
            found,
        });
    }
    Ok(())
}
