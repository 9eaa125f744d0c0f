//! Claims about families of multistep methods, about products of their recurrences and about powers
//! of one: the documents of the kinds `cells`, `region`, `products` and `powers`.

use serde::{Deserialize, Serialize};

use super::{EquationOrder, Ratio};

/// `coefficient · Π x_i^exponents_i`, one exponent per parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// the factor, not zero
    pub coefficient: Ratio,
    /// the exponents, in ascending lexicographic order from term to term
    pub exponents: Vec<u64>,
}

/// A quotient of polynomials in the parameters; no terms are zero.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quotient {
    /// the numerator
    pub num: Vec<Term>,
    /// the denominator
    pub den: Vec<Term>,
}

/// Methods `Σ alpha_j y_{n+j} = h^d Σ beta_j f_{n+j}` whose coefficients are rational functions. A
/// member is defined where no denominator vanishes and `alpha_k ≠ 0`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// names of the parameters
    pub parameters: Vec<String>,
    /// `d`
    pub equation: EquationOrder,
    /// `alpha_0 … alpha_k`
    pub alpha: Vec<Quotient>,
    /// `beta_0 … beta_k`: their poles belong to the family
    pub beta: Vec<Quotient>,
}

/// Zero-stable shares of a box of two or three parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellsClaim {
    /// the family
    pub family: Family,
    /// lower ends of the box
    pub lo: Vec<Ratio>,
    /// upper ends
    pub hi: Vec<Ratio>,
    /// share of the box in cells all of whose members are zero-stable
    pub inner: Ratio,
    /// share in cells none of whose members is
    pub outer: Ratio,
    /// share in the other cells
    pub undecided: Ratio,
}

/// The subdivision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellsEvidence {
    /// depth first: `+` halves a cell along every parameter (lower halves first, the first parameter
    /// slowest), `i`, `o`, `u` are an inner, outer or undecided cell
    pub tree: String,
}

/// What a set of parameters is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Property {
    /// the members satisfy the root condition
    RootCondition,
    /// all roots are in the open unit disc
    OpenDisc,
}

/// The only root of `polynomial` in `(lo, hi)`, or the rational number `lo = hi`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RealNumber {
    /// coefficients, low degree first; empty for a rational number
    pub polynomial: Vec<Ratio>,
    /// lower end
    pub lo: Ratio,
    /// upper end
    pub hi: Ratio,
}

/// Whether an end belongs to its interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Closure {
    /// it does
    Closed,
    /// it does not
    Open,
    /// nothing is claimed
    Undecided,
}

/// An end of an interval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// index into the list of points
    pub point: u64,
    /// whether the point belongs to the interval
    pub closure: Closure,
}

/// A maximal interval; no end means infinity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// lower end
    pub lower: Option<End>,
    /// upper end
    pub upper: Option<End>,
}

/// The exact set of parameters of a family in one parameter with a property.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionClaim {
    /// the family, in one parameter
    pub family: Family,
    /// the property
    pub property: Property,
    /// all points at which the set can change, ascending, with disjoint enclosures
    pub points: Vec<RealNumber>,
    /// the set, ascending
    pub intervals: Vec<Interval>,
    /// indices of points about which nothing is claimed
    pub undecided: Vec<u64>,
}

/// Nothing but the claim is needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionEvidence {}

/// A recurrence that changes from step to step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum System {
    /// one member of a family in one parameter per layer
    Layers(Family),
    /// the variable-step backward differentiation formula, the parameter a ratio of steps
    Bdf(Bdf),
}

/// The order of a backward differentiation formula.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bdf {
    /// its number of steps
    pub steps: u64,
}

/// For every sequence of parameters in `[lo, hi]`, every product of companion matrices has row-sum
/// norm at most `bound`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductsClaim {
    /// the recurrence
    pub system: System,
    /// lower end of the parameter
    pub lo: Ratio,
    /// upper end
    pub hi: Ratio,
    /// the bound
    pub bound: Ratio,
}

/// A common norm `√(xᵀPx)` of the differences, or nothing where all members are convex combinations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductsEvidence {
    /// rows of `P`; none for convex combinations
    pub p: Vec<Vec<Ratio>>,
    /// `q` with `AᵀPA ≺ qP`
    pub rate: Ratio,
    /// sub-boxes that a bisection may need
    pub boxes: u64,
}

/// A norm of matrices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MatrixNorm {
    /// the Euclidean one
    L2,
    /// the largest absolute row sum
    Linf,
}

/// `lower <= sup_n ‖Cⁿ‖ <= upper` for the companion matrix of `alpha`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PowersClaim {
    /// `alpha_0 … alpha_k`, `alpha_k = 1`
    pub alpha: Vec<Ratio>,
    /// the norm
    pub norm: MatrixNorm,
    /// the lower bound
    pub lower: Ratio,
    /// the upper bound
    pub upper: Ratio,
}

/// How far the powers are followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PowersEvidence {
    /// the factor of `ρ` that holds the roots on the circle, low degree first
    pub circle: Vec<Ratio>,
    /// `L`: it divides `r^L − 1`
    pub period: u64,
    /// `N`: the powers up to `C^N` are bounded one by one
    pub last: u64,
    /// precision of the recurrence in bits
    pub bits: u64,
    /// the power that attains the lower bound …
    pub power: u64,
    /// … and the vector by which it does
    pub vector: Vec<Ratio>,
}
