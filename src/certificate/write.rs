//! From plain numbers to a certificate.

use super::codec::sha256_hex;
use super::schema::{
    self, Ball, Branch, Certificate, Condition, Document, EquationOrder, FORMAT, Hex, InputSplit,
    Kind, Layer, Leaf, NetworkId, Norm, Property, QueryCase, QueryClaim, QueryEvidence, Ratio,
    Region, Robust, RobustnessClaim, RobustnessEvidence, RootClaim, RootCounts, RootPart,
    RootRecord, Semantics, Strength, Term, VERSION,
};
use crate::bounds::LayerEvidence;
use crate::exact::{Rational, rational};
use crate::graph::Graph;
use crate::multistep::{self, LinearMultistep, RootEvidence};
use crate::verify;

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
    /// A number of the root-condition record is not a rational.
    #[error("root-condition record: {0}")]
    Number(#[from] rational::Error),
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

impl<'a> From<&'a LayerEvidence> for LayerBounds<'a> {
    fn from(layer: &'a LayerEvidence) -> LayerBounds<'a> {
        LayerBounds {
            node: layer.node.index(),
            lo: &layer.lo,
            hi: &layer.hi,
            lower_slope: &layer.lower_slope,
            upper_slope: &layer.upper_slope,
            tightened: &layer.tightened,
        }
    }
}

/// A node of a tree of boxes: a split before the part below, then the part above.
#[derive(Clone, Debug)]
pub enum BoxBranch<'a> {
    /// the parts `x_input <= at` and `x_input >= at`
    Split {
        /// the input element
        input: usize,
        /// where
        at: f64,
    },
    /// a box without counterexample
    Leaf {
        /// per conjunction, per constraint: a mixture that is positive on the box
        weights: &'a [Vec<f64>],
        /// what the bounds say of the pointwise nodes
        layers: Vec<LayerBounds<'a>>,
    },
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
    Ok(Certificate::Robustness(Document {
        format: FORMAT.into(),
        version: VERSION,
        tool: tool(),
        kind: Kind::Robustness,
        claim: RobustnessClaim {
            network: identity(graph, file),
            semantics: Semantics::Discrete,
            region,
            property,
            lower: numbers("lower", lower)?,
        },
        evidence: RobustnessEvidence {
            layers: records(graph, layers)?,
        },
    }))
}

/// A certificate that no input satisfies `query`, under the semantics `discrete`,
/// with one tree of boxes per case.
///
/// # Errors
///
/// [`Error::NotFinite`]. Trees are not checked here: the checker does.
pub fn query(
    graph: &Graph,
    file: ModelFile<'_>,
    query: &verify::Query,
    trees: &[Vec<BoxBranch<'_>>],
) -> Result<Certificate, Error> {
    let ends = |v: &[Rational]| v.iter().cloned().map(Ratio).collect();
    let case = |case: &verify::Case| QueryCase {
        lo: ends(&case.lo),
        hi: ends(&case.hi),
        violation: case
            .violation
            .iter()
            .map(|all| all.constraints.iter().map(condition).collect())
            .collect(),
    };
    let branch = |branch: &BoxBranch<'_>| {
        Ok(match branch {
            BoxBranch::Split { input, at } => Branch::Split(InputSplit {
                input: *input as u64,
                at: numbers("split", &[*at])?.remove(0),
            }),
            BoxBranch::Leaf { weights, layers } => Branch::Leaf(Leaf {
                weights: weights
                    .iter()
                    .map(|w| numbers("weights", w))
                    .collect::<Result<_, Error>>()?,
                layers: records(graph, layers)?,
            }),
        })
    };
    let tree = |tree: &Vec<BoxBranch<'_>>| tree.iter().map(branch).collect();
    Ok(Certificate::Query(Document {
        format: FORMAT.into(),
        version: VERSION,
        tool: tool(),
        kind: Kind::Query,
        claim: QueryClaim {
            network: identity(graph, file),
            semantics: Semantics::Discrete,
            cases: query.cases.iter().map(case).collect(),
        },
        evidence: QueryEvidence {
            trees: trees.iter().map(tree).collect::<Result<_, Error>>()?,
        },
    }))
}

fn condition(c: &verify::Constraint) -> Condition {
    let terms = |terms: &[(usize, Rational)]| {
        let term = |(index, c): &(usize, Rational)| Term {
            index: *index as u64,
            coefficient: Ratio(c.clone()),
        };
        terms.iter().map(term).collect()
    };
    Condition {
        x: terms(&c.x),
        y: terms(&c.y),
        constant: Ratio(c.constant.clone()),
        strict: c.strict,
    }
}

fn identity(graph: &Graph, file: ModelFile<'_>) -> NetworkId {
    NetworkId {
        file: file.path.into(),
        sha256: sha256_hex(file.bytes),
        graph: graph.content_hash(),
    }
}

/// Records in the order of the graph.
fn records(graph: &Graph, layers: &[LayerBounds<'_>]) -> Result<Vec<Layer>, Error> {
    let mut sorted: Vec<&LayerBounds<'_>> = layers.iter().collect();
    sorted.sort_by_key(|l| l.node);
    let records = sorted.into_iter().map(|l| {
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
    records.collect()
}

/// A certificate of the verdict of `record` on the root condition of `method`.
///
/// # Errors
///
/// [`Error::Number`] where the record holds something else than rationals.
pub fn root_condition(
    method: &LinearMultistep,
    record: &RootEvidence,
) -> Result<Certificate, Error> {
    let equation = match record.kind {
        multistep::Kind::First => EquationOrder::First,
        multistep::Kind::Second => EquationOrder::Second,
    };
    let verdict = match record.strength {
        multistep::Strength::Strong => Strength::Strong,
        multistep::Strength::Weak => Strength::Weak,
        multistep::Strength::Unstable => Strength::Unstable,
    };
    let counts = RootCounts {
        inside: record.counts.inside as u64,
        on: record.counts.on as u64,
        outside: record.counts.outside as u64,
    };
    let exact = |values: &[Rational]| values.iter().cloned().map(Ratio).collect();
    let parts = record.parts.iter().map(|part| {
        let pair = |[a, b]: &[String; 2]| Ok([ratio(a)?, ratio(b)?]);
        Ok(RootPart {
            multiplicity: part.multiplicity as u64,
            one: part.one,
            minus_one: part.minus_one,
            trace: ratios(&part.trace)?,
            trace_in: part.trace_in as u64,
            rest: ratios(&part.rest)?,
            rest_inside: part.rest_inside as u64,
            schur_cohn: part
                .schur_cohn
                .iter()
                .map(pair)
                .collect::<Result<_, Error>>()?,
        })
    });
    Ok(Certificate::RootCondition(Document {
        format: FORMAT.into(),
        version: VERSION,
        tool: tool(),
        kind: Kind::RootCondition,
        claim: RootClaim {
            alpha: exact(method.alpha()),
            beta: exact(method.beta()),
            equation,
            verdict,
            counts,
        },
        evidence: RootRecord {
            version: record.version,
            kind: equation,
            rho: ratios(&record.rho)?,
            zero_multiplicity: record.zero_multiplicity as u64,
            parts: parts.collect::<Result<_, Error>>()?,
            counts,
            max_circle_multiplicity: record.max_circle_multiplicity as u64,
            strength: verdict,
        },
    }))
}

impl From<&verify::Region> for Region {
    fn from(region: &verify::Region) -> Region {
        let norm = match region.norm() {
            verify::Norm::Linf => Norm::Linf,
            verify::Norm::L2 => Norm::L2,
            verify::Norm::L1 => Norm::L1,
        };
        let number = |&c: &f32| Hex::new(f64::from(c)).expect("a region's centre is finite");
        Region::Ball(Ball {
            norm,
            eps: Ratio(region.eps().clone()),
            clip: region
                .clip()
                .map(|(lo, hi)| [Ratio(lo.clone()), Ratio(hi.clone())]),
            center: region.center().iter().map(number).collect(),
        })
    }
}

impl From<&verify::Property> for Property {
    /// The label where the property is that of one, else its rows.
    fn from(property: &verify::Property) -> Property {
        let positive = |c: &Rational| *c == 1;
        let label = property.rows()[0].coefficients.iter().position(positive);
        if let Some(label) = label
            && verify::Property::robust(label, property.outputs()).is_ok_and(|p| p == *property)
        {
            return Property::Robust(Robust {
                label: label as u64,
            });
        }
        let row = |row: &verify::Row| schema::Row {
            coefficients: row.coefficients.iter().cloned().map(Ratio).collect(),
            constant: Ratio(row.constant.clone()),
        };
        Property::Rows(property.rows().iter().map(row).collect())
    }
}

fn ratio(text: &str) -> Result<Ratio, Error> {
    Ok(Ratio(rational::parse_canonical(text)?))
}

fn ratios(texts: &[String]) -> Result<Vec<Ratio>, Error> {
    texts.iter().map(|text| ratio(text)).collect()
}

pub(super) fn tool() -> String {
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
