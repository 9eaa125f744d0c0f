//! The record by which someone else re-establishes the root condition without search.
//!
//! Numbers are canonical strings `p/q` or `p`; polynomials are lists of them, low degree first. For
//! a method with `ρ = Σ alpha_j r^j` the record claims
//!
//! `ρ(r) = c · r^z · ∏_i F_i(r)^{m_i}`,
//! `F_i(r) = (r − 1)^{one_i} (r + 1)^{minus_one_i} · r^{d_i} q_i(r + 1/r) · h_i(r)`,
//!
//! with `z = zero_multiplicity`, `q_i = trace` of degree `d_i`, `h_i = rest`, all monic, and `c` the
//! leading coefficient of `ρ`. The claim is checked in these steps, all exact:
//!
//! 1. **Product.** Multiply the factors and compare with `ρ` coefficient by coefficient.
//! 2. **Multiplicities.** The `m_i` are positive and strictly ascending; each `F_i` is square-free
//!    and they are pairwise coprime (gcds are 1). `F_i(0) ≠ 0`.
//! 3. **Circle.** `q_i` is square-free, `q_i(±2) ≠ 0`, and by Sturm exactly `trace_in` of its roots
//!    lie in `(−2, 2)`. Each of those is a conjugate pair of roots on the unit circle; each of the
//!    remaining `d_i − trace_in` roots of `q_i` is a reciprocal pair, one root in and one out.
//! 4. **Rest.** `gcd(h_i, h_i*) = 1`, so `h_i` has no root on the circle. `schur_cohn` is its
//!    Schur–Cohn chain: with `p = h_i` scaled to coprime integers (leading sign kept), one entry
//!    `[c_0, c_n]` per step, then `p ← (c_n p − c_0 p*)/r` scaled to coprime integers by a positive
//!    factor; the chain ends at the first entry with `|c_0| ≥ |c_n|` or at degree 0. If it has
//!    `deg h_i` entries, all with `|c_0| < |c_n|`, all roots are inside: `rest_inside = deg h_i`. If
//!    it ends early, some root is outside: `rest_inside < deg h_i`.
//! 5. **Counts.** `counts` follows from steps 2 to 4; the exact value of a `rest_inside` smaller
//!    than `deg h_i` needs a Cauchy index (see [`circle::roots_inside`](super::circle::roots_inside)),
//!    the verdict does not.
//! 6. **Verdict.** `max_circle_multiplicity` is the largest `m_i` with `one_i`, `minus_one_i` or
//!    `trace_in > 0`. `strength` is `unstable` where a root is outside or that multiplicity exceeds
//!    1 (`kind` first) or 2 (second); else `strong` where only `r = 1` is on the circle; else `weak`.
//!
//! For the verdict *stable* steps 1, 3, 4 and the inequality of step 6 suffice; coprimality between
//! different `F_i` matters only for the multiplicity on the circle.

use serde::{Deserialize, Serialize};

use super::circle::schur_cohn_chain;
use super::root_condition::{Part, RootCondition, RootCounts, Strength};
use super::{Kind, LinearMultistep};
use crate::exact::Poly;

/// The version of the record that this code writes.
pub const VERSION: u32 = 1;

/// Everything needed to check a root-condition verdict. The module says how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootEvidence {
    /// [`VERSION`].
    pub version: u32,
    /// First- or second-order equations.
    pub kind: Kind,
    /// The coefficients `alpha_0 … alpha_k`.
    pub rho: Vec<String>,
    /// Multiplicity of the root 0.
    pub zero_multiplicity: usize,
    /// The other roots by ascending multiplicity.
    pub parts: Vec<PartEvidence>,
    /// Claimed counts with multiplicity.
    pub counts: RootCounts,
    /// Claimed largest multiplicity on the circle, 0 where no root is there.
    pub max_circle_multiplicity: usize,
    /// Claimed verdict.
    pub strength: Strength,
}

/// The roots of one multiplicity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartEvidence {
    /// The multiplicity `m_i`.
    pub multiplicity: usize,
    /// Whether 1 is a root.
    pub one: bool,
    /// Whether −1 is a root.
    pub minus_one: bool,
    /// `q_i`, monic.
    pub trace: Vec<String>,
    /// Roots of `q_i` in `(−2, 2)`.
    pub trace_in: usize,
    /// `h_i`, monic.
    pub rest: Vec<String>,
    /// Roots of `h_i` inside the circle.
    pub rest_inside: usize,
    /// The Schur–Cohn chain of `h_i`.
    pub schur_cohn: Vec<[String; 2]>,
}

impl RootEvidence {
    /// The record for a method, with its decision.
    pub fn new(method: &LinearMultistep, condition: &RootCondition) -> Self {
        Self {
            version: VERSION,
            kind: condition.kind,
            rho: method.alpha().iter().map(ToString::to_string).collect(),
            zero_multiplicity: condition.zero_multiplicity,
            parts: condition.parts.iter().map(PartEvidence::new).collect(),
            counts: condition.counts,
            max_circle_multiplicity: condition.max_circle_multiplicity,
            strength: condition.strength,
        }
    }
}

impl PartEvidence {
    fn new(part: &Part) -> Self {
        let split = &part.split;
        let chain = schur_cohn_chain(&split.rest);
        Self {
            multiplicity: part.multiplicity,
            one: split.one,
            minus_one: split.minus_one,
            trace: strings(&split.trace),
            trace_in: split.trace_in,
            rest: strings(&split.rest),
            rest_inside: split.rest_inside,
            schur_cohn: chain
                .iter()
                .map(|(a, b)| [a.to_string(), b.to_string()])
                .collect(),
        }
    }
}

fn strings(p: &Poly) -> Vec<String> {
    p.coeffs().iter().map(ToString::to_string).collect()
}
