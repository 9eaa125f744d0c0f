//! The document, version 1. `docs/certificate.md` is its prose,
//! `docs/certificate.schema.json` its JSON Schema.
//!
//! Members are written in the order of the fields here. This file and
//! `number.rs` depend on `exact` alone, so that the checker may read them.

use serde::{Deserialize, Serialize};

pub use super::number::{Hex, Ratio};

pub mod multistep;

use multistep::{
    CellsClaim, CellsEvidence, PowersClaim, PowersEvidence, ProductsClaim, ProductsEvidence,
    RegionClaim, RegionEvidence,
};

/// The value of `format`.
pub const FORMAT: &str = "dahlquist-certificate";
/// The value of `version`.
pub const VERSION: u32 = 1;

/// A certificate of any kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Certificate {
    /// lower bounds of linear functionals of a network's output on an input set
    Robustness(Document<RobustnessClaim, RobustnessEvidence>),
    /// a question about a network has no counterexample
    Query(Document<QueryClaim, QueryEvidence>),
    /// the root condition of a linear multistep method
    RootCondition(Document<RootClaim, RootRecord>),
    /// zero-stable shares of a box of parameters
    Cells(Document<CellsClaim, CellsEvidence>),
    /// the exact set of one parameter
    Region(Document<RegionClaim, RegionEvidence>),
    /// products of companion matrices that change from step to step
    Products(Document<ProductsClaim, ProductsEvidence>),
    /// powers of one companion matrix
    Powers(Document<PowersClaim, PowersEvidence>),
}

/// What every certificate holds, but for the digest, which is a function of
/// the rest and is made by the writer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document<C, E> {
    /// [`FORMAT`]
    pub format: String,
    /// [`VERSION`]
    pub version: u32,
    /// name and version of the program that wrote it
    pub tool: String,
    /// which claim this is
    pub kind: Kind,
    /// the statement
    pub claim: C,
    /// what a checker needs so that it does not have to search
    pub evidence: E,
}

/// The kinds of certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// [`Certificate::Robustness`]
    Robustness,
    /// [`Certificate::Query`]
    Query,
    /// [`Certificate::RootCondition`]
    RootCondition,
    /// [`Certificate::Cells`]
    Cells,
    /// [`Certificate::Region`]
    Region,
    /// [`Certificate::Products`]
    Products,
    /// [`Certificate::Powers`]
    Powers,
}

/// For every input `x` of the region and every row `i`,
/// `coefficients_i · network(x) + constant_i >= lower_i > 0`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RobustnessClaim {
    /// the network
    pub network: NetworkId,
    /// what a network's output is
    pub semantics: Semantics,
    /// the input set
    pub region: Region,
    /// the functionals
    pub property: Property,
    /// the claimed lower bound of each row
    pub lower: Vec<Hex>,
}

/// Which network a claim is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkId {
    /// where the model file was, relative to the certificate: a hint
    pub file: String,
    /// SHA-256 of the model file
    pub sha256: String,
    /// content hash of the lowered graph
    pub graph: String,
}

/// The meaning of a network's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Semantics {
    /// the recurrence as written, weights as stored, in exact real arithmetic
    Discrete,
}

/// A norm on inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Norm {
    /// largest modulus
    Linf,
    /// Euclidean
    L2,
    /// sum of moduli
    L1,
}

/// An input set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Region {
    /// a ball, intersected with `[clip_0, clip_1]` in every coordinate
    Ball(Ball),
    /// a box
    Box(InputBox),
}

/// `{ x : ‖x − center‖ <= eps, clip_0 <= x_i <= clip_1 }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ball {
    /// the norm
    pub norm: Norm,
    /// the radius, not negative
    pub eps: Ratio,
    /// the range of every coordinate, or none
    pub clip: Option<[Ratio; 2]>,
    /// the centre, one number per input element
    pub center: Vec<Hex>,
}

/// `{ x : lo_i <= x_i <= hi_i }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputBox {
    /// lower ends
    pub lo: Vec<Ratio>,
    /// upper ends
    pub hi: Vec<Ratio>,
}

/// The functionals whose positivity is claimed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Property {
    /// one row `y_label − y_j` per class `j != label`, in ascending `j`
    Robust(Robust),
    /// rows as given
    Rows(Vec<Row>),
}

/// The class that stays the largest output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Robust {
    /// its index
    pub label: u64,
}

/// `coefficients · y + constant`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// one per output element
    pub coefficients: Vec<Ratio>,
    /// the additive term
    pub constant: Ratio,
}

/// One record per pointwise node of the graph, in its order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RobustnessEvidence {
    /// the records
    pub layers: Vec<Layer>,
}

/// What is claimed of the operand `x` of one pointwise node `φ(x)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// index of the node in the graph
    pub node: u64,
    /// its name
    pub name: String,
    /// lower ends of `x`
    pub lo: Vec<Hex>,
    /// upper ends of `x`
    pub hi: Vec<Hex>,
    /// slope of the line below `φ` on `[lo_i, hi_i]`
    pub lower_slope: Vec<Hex>,
    /// slope of the line above
    pub upper_slope: Vec<Hex>,
    /// whether the box of this element needs a backward pass
    pub tightened: Vec<bool>,
}

/// No input of any case satisfies all conditions of one of its conjunctions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryClaim {
    /// the network
    pub network: NetworkId,
    /// what a network's output is
    pub semantics: Semantics,
    /// the alternatives
    pub cases: Vec<QueryCase>,
}

/// A box of inputs, and what a counterexample in it would satisfy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryCase {
    /// lower ends
    pub lo: Vec<Ratio>,
    /// upper ends
    pub hi: Vec<Ratio>,
    /// a disjunction of conjunctions
    pub violation: Vec<Vec<Condition>>,
}

/// `Σ a_i x_i + Σ b_j y_j + constant <= 0`, `< 0` if strict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// input terms
    pub x: Vec<Term>,
    /// output terms
    pub y: Vec<Term>,
    /// the additive term
    pub constant: Ratio,
    /// equality is no counterexample
    pub strict: bool,
}

/// One element and its coefficient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// which element
    pub index: u64,
    /// its coefficient
    pub coefficient: Ratio,
}

/// How the boxes are divided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryEvidence {
    /// one tree per case: a split before the part below it, then the part above
    pub trees: Vec<Vec<Branch>>,
}

/// A node of a tree of boxes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Branch {
    /// two boxes
    Split(InputSplit),
    /// a box without counterexample
    Leaf(Leaf),
}

/// The parts `x_input <= at` and `x_input >= at`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputSplit {
    /// the input element
    pub input: u64,
    /// strictly inside the box
    pub at: Hex,
}

/// Why a box has no counterexample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaf {
    /// per conjunction, per condition: the mixture that is positive on the box
    pub weights: Vec<Vec<Hex>>,
    /// one record per pointwise node of the graph, in its order
    pub layers: Vec<Layer>,
}

/// The order of the differential equation `y' = f` or `y'' = f`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EquationOrder {
    /// roots on the circle must be simple
    First,
    /// roots on the circle are at most double
    Second,
}

/// Verdict on the root condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strength {
    /// zero-stable, 1 the only root on the circle
    Strong,
    /// zero-stable, other roots on the circle
    Weak,
    /// not zero-stable
    Unstable,
}

/// Roots by position relative to the unit circle, with multiplicity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootCounts {
    /// `|r| < 1`
    #[serde(rename = "in")]
    pub inside: u64,
    /// `|r| = 1`
    pub on: u64,
    /// `|r| > 1`
    #[serde(rename = "out")]
    pub outside: u64,
}

/// `Σ alpha_j y_{n+j} = h^d Σ beta_j f_{n+j}` satisfies the root condition as
/// stated, or does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootClaim {
    /// `alpha_0 … alpha_k`, `alpha_k = 1`
    pub alpha: Vec<Ratio>,
    /// `beta_0 … beta_k`: names the method; the root condition is about `alpha`
    pub beta: Vec<Ratio>,
    /// `d`
    pub equation: EquationOrder,
    /// the verdict
    pub verdict: Strength,
    /// the roots of `Σ alpha_j r^j`
    pub counts: RootCounts,
}

/// `ρ(r) = c r^z Π F_i(r)^{m_i}`; see `docs/certificate.md`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootRecord {
    /// version of the record, 1
    pub version: u32,
    /// as in the claim
    pub kind: EquationOrder,
    /// the coefficients of `ρ`, low degree first
    pub rho: Vec<Ratio>,
    /// `z`
    pub zero_multiplicity: u64,
    /// the other roots by ascending multiplicity
    pub parts: Vec<RootPart>,
    /// as in the claim
    pub counts: RootCounts,
    /// largest multiplicity on the circle, 0 for none
    pub max_circle_multiplicity: u64,
    /// as in the claim
    pub strength: Strength,
}

/// The roots of one multiplicity:
/// `F = (r − 1)^one (r + 1)^minus_one · r^d q(r + 1/r) · h(r)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootPart {
    /// `m`
    pub multiplicity: u64,
    /// whether 1 is a root
    pub one: bool,
    /// whether −1 is a root
    pub minus_one: bool,
    /// `q`, monic of degree `d`
    pub trace: Vec<Ratio>,
    /// roots of `q` in `(−2, 2)`
    pub trace_in: u64,
    /// `h`, monic
    pub rest: Vec<Ratio>,
    /// roots of `h` inside the circle
    pub rest_inside: u64,
    /// the Schur–Cohn chain of `h`
    pub schur_cohn: Vec<[Ratio; 2]>,
}
