//! Why a certificate is not accepted.

/// Which end of a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// the lower end
    Lower,
    /// the upper end
    Upper,
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            End::Lower => "lower",
            End::Upper => "upper",
        })
    }
}

/// Why a certificate is not accepted. A rejection says that the claim was not
/// established, not that it is false.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// A claim about a network needs the network.
    #[error("the claim is about a network, and none was given")]
    NoGraph,
    /// The model file is another one.
    #[error("network file has SHA-256 {found}, the claim is about {claimed}")]
    File {
        /// digest in the claim
        claimed: String,
        /// digest of the file
        found: String,
    },
    /// The network is another one.
    #[error("network has content hash {found}, the claim is about {claimed}")]
    Network {
        /// hash in the claim
        claimed: String,
        /// hash of the graph
        found: String,
    },
    /// A list has the wrong length.
    #[error("{place}: {found} entries, expected {expected}")]
    Length {
        /// which list
        place: String,
        /// its length
        found: u64,
        /// the length that the network gives it
        expected: u64,
    },
    /// The checker has no rule for a node.
    #[error("node {node}: {what} cannot be checked yet")]
    Unsupported {
        /// the node
        node: String,
        /// its operator
        what: &'static str,
    },
    /// A record belongs to another node.
    #[error("layer record {record} is for node {found}, expected {expected}")]
    Node {
        /// position in the list
        record: usize,
        /// the node it names
        found: String,
        /// the node at that place
        expected: String,
    },
    /// The input set is not valid or is empty.
    #[error("region: {what} at coordinate {coordinate}")]
    Region {
        /// what is wrong
        what: &'static str,
        /// where, 0 for the set as a whole
        coordinate: usize,
    },
    /// The label is no output of the network.
    #[error("label {label}: the network has {classes} outputs")]
    Label {
        /// the label
        label: u64,
        /// number of outputs
        classes: usize,
    },
    /// The lower end of a claimed box is above the upper one.
    #[error("layer {layer}, neuron {neuron}: claimed box [{lo}, {hi}] is empty")]
    EmptyBox {
        /// name of the node
        layer: String,
        /// flat index
        neuron: usize,
        /// lower end
        lo: f64,
        /// upper end
        hi: f64,
    },
    /// A number is beyond what the checker computes with.
    #[error("{place}: magnitude is beyond the limit")]
    TooLarge {
        /// where
        place: String,
    },
    /// A claimed box does not follow.
    #[error("layer {layer}, neuron {neuron}: {end} end {claimed} does not follow, proved {proved}")]
    Box {
        /// name of the node
        layer: String,
        /// flat index
        neuron: usize,
        /// which end
        end: End,
        /// the claimed end
        claimed: f64,
        /// the end that was proved
        proved: f64,
    },
    /// A claimed lower bound is not positive.
    #[error("row {row}: lower bound {claimed} is not positive, so nothing is claimed")]
    NotPositive {
        /// the row
        row: usize,
        /// the claimed bound
        claimed: f64,
    },
    /// A claimed lower bound does not follow.
    #[error("row {row}: lower bound {claimed} does not follow, proved {proved}")]
    Row {
        /// the row
        row: usize,
        /// the claimed bound
        claimed: f64,
        /// the bound that was proved
        proved: f64,
    },
    /// A query or its tree of boxes is not well-formed.
    #[error("case {case}: {what}")]
    Tree {
        /// the case
        case: usize,
        /// what is wrong
        what: &'static str,
    },
    /// A box may hold a counterexample.
    #[error(
        "case {case}, leaf {leaf}, conjunction {conjunction}: the mixture is not shown positive, proved {proved}"
    )]
    Mixture {
        /// the case
        case: usize,
        /// the leaf of its tree, from 0
        leaf: usize,
        /// the conjunction
        conjunction: usize,
        /// the bound that was proved
        proved: f64,
    },
    /// The evidence of a leaf is rejected.
    #[error("case {case}, leaf {leaf}: {source}")]
    Leaf {
        /// the case
        case: usize,
        /// the leaf of its tree, from 0
        leaf: usize,
        /// why
        source: Box<Rejection>,
    },
    /// A statement about the characteristic polynomial does not hold.
    #[error("root condition, {step}: claimed {claimed}, found {found}")]
    Root {
        /// the step of the check
        step: String,
        /// what the certificate says
        claimed: String,
        /// what was found
        found: String,
    },
    /// A statement about a family, about products or about powers does not hold.
    #[error("{step}: claimed {claimed}, found {found}")]
    Multistep {
        /// the step of the check
        step: String,
        /// what the certificate says
        claimed: String,
        /// what was found
        found: String,
    },
    /// The checker has no rule for such a claim.
    #[error("{step}: {what} cannot be checked")]
    NoRule {
        /// the step of the check
        step: String,
        /// what it has no rule for
        what: String,
    },
}
