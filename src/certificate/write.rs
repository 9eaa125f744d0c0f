//! From plain numbers to a certificate.

use super::codec::sha256_hex;
use super::schema::{
    Certificate, Document, FORMAT, Hex, Kind, Layer, NetworkId, Property, Region, RobustnessClaim,
    RobustnessEvidence, RootClaim, RootRecord, Semantics, VERSION,
};
use crate::graph::Graph;

/// Why a certificate cannot be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A bound or slope is NaN or infinite.
    #[error("{place}: {value} cannot be stated in a certificate")]
    NotFinite {
        /// which list and element
        place: String,
        /// the value
        value: f64,
    },
    /// A row whose lower bound is not positive claims nothing.
    #[error("row {row}: lower bound {value} is not positive")]
    NotPositive {
        /// the row
        row: usize,
        /// its bound
        value: f64,
    },
}

/// What the bounds say of one pointwise node `φ(x)`; lists have one entry per
/// element of `x`.
#[derive(Clone, Copy, Debug)]
pub struct LayerBounds<'a> {
    /// index of the node in the graph
    pub node: usize,
    /// lower ends of the operand
    pub lo: &'a [f64],
    /// upper ends of the operand
    pub hi: &'a [f64],
    /// slope of the line below `φ`
    pub lower_slope: &'a [f64],
    /// slope of the line above `φ`
    pub upper_slope: &'a [f64],
    /// whether the element's box came from a backward pass rather than from
    /// one interval step
    pub tightened: &'a [bool],
}

/// The model file that a claim is about.
#[derive(Clone, Copy, Debug)]
pub struct ModelFile<'a> {
    /// its path relative to the certificate, with `/` between components
    pub path: &'a str,
    /// its bytes
    pub bytes: &'a [u8],
}

/// A certificate that every row of `property` is at least its `lower` bound on
/// `region`, under the semantics `discrete`. Records of `layers` are put in the
/// order of the graph.
///
/// # Errors
///
/// [`Error::NotFinite`], [`Error::NotPositive`]. Lengths are not checked here:
/// the checker does.
pub fn robustness(
    graph: &Graph,
    file: ModelFile<'_>,
    region: Region,
    property: Property,
    lower: &[f64],
    layers: &[LayerBounds<'_>],
) -> Result<Certificate, Error> {
    if let Some((row, &value)) = lower.iter().enumerate().find(|(_, v)| **v <= 0.0) {
        return Err(Error::NotPositive { row, value });
    }
    let mut sorted: Vec<&LayerBounds<'_>> = layers.iter().collect();
    sorted.sort_by_key(|l| l.node);
    let layers = sorted.into_iter().map(|l| {
        let name = match graph.nodes().get(l.node) {
            Some(node) => node.name.clone(),
            None => String::new(),
        };
        let list = |what: &str, values| numbers(&format!("layer {name}, {what}"), values);
        Ok(Layer {
            node: l.node as u64,
            lo: list("lo", l.lo)?,
            hi: list("hi", l.hi)?,
            lower_slope: list("lower_slope", l.lower_slope)?,
            upper_slope: list("upper_slope", l.upper_slope)?,
            tightened: l.tightened.to_vec(),
            name,
        })
    });
    Ok(Certificate::Robustness(Document {
        format: FORMAT.into(),
        version: VERSION,
        tool: tool(),
        kind: Kind::Robustness,
        claim: RobustnessClaim {
            network: NetworkId {
                file: file.path.into(),
                sha256: sha256_hex(file.bytes),
                graph: graph.content_hash(),
            },
            semantics: Semantics::Discrete,
            region,
            property,
            lower: numbers("lower", lower)?,
        },
        evidence: RobustnessEvidence {
            layers: layers.collect::<Result<_, Error>>()?,
        },
    }))
}

/// A certificate of a verdict on the root condition.
pub fn root_condition(claim: RootClaim, record: RootRecord) -> Certificate {
    Certificate::RootCondition(Document {
        format: FORMAT.into(),
        version: VERSION,
        tool: tool(),
        kind: Kind::RootCondition,
        claim,
        evidence: record,
    })
}

fn tool() -> String {
    format!("dahlquist {}", env!("CARGO_PKG_VERSION"))
}

fn numbers(place: &str, values: &[f64]) -> Result<Vec<Hex>, Error> {
    let number = |(i, &value): (usize, &f64)| {
        Hex::new(value).ok_or_else(|| Error::NotFinite {
            place: format!("{place}, element {i}"),
            value,
        })
    };
    values.iter().enumerate().map(number).collect()
}
