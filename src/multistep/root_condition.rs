//! The root condition, decided exactly.
//!
//! A method is zero-stable when every root of `ρ` lies in the closed unit disc and those on the
//! circle are simple (first-order equations) or at most double (second order). The decision:
//!
//! 1. divide out the roots at 0, which are inside;
//! 2. Yun's decomposition `ρ = r^z ∏ f_m^m` separates roots by multiplicity;
//! 3. each square-free `f_m` is split by [`CircleSplit`] into roots inside, on and outside.
//!
//! No step rounds, no step searches, and no step has a special case that is not listed.
//!
//! # References
//!
//! G. Dahlquist, *Convergence and stability in the numerical integration of ordinary differential
//! equations*, Math. Scand. 4, 1956; Hairer, Nørsett, Wanner I, definition III.3.2 and section
//! III.10.
//!
//! Machine-checked for the ZeroSNet family: `zero_stable_iff` in
//! `proofs/ZeroSNet.v`; a test compares the computed region with it.

use serde::{Deserialize, Serialize};
use std::fmt;

use super::Kind;
use super::circle::CircleSplit;
use crate::exact::Poly;

/// How stable the recurrence alone is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strength {
    /// Zero-stable, and no root on the unit circle except 1.
    Strong,
    /// Zero-stable, with other roots on the unit circle.
    Weak,
    /// Not zero-stable.
    Unstable,
}

impl fmt::Display for Strength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Strong => "strong",
            Self::Weak => "weak",
            Self::Unstable => "unstable",
        })
    }
}

/// Numbers of roots, with multiplicity, by position relative to the unit circle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct RootCounts {
    /// `|r| < 1`.
    #[serde(rename = "in")]
    pub inside: usize,
    /// `|r| = 1`.
    pub on: usize,
    /// `|r| > 1`.
    #[serde(rename = "out")]
    pub outside: usize,
}

impl fmt::Display for RootCounts {
    /// `in/on/out`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.inside, self.on, self.outside)
    }
}

/// The roots of one multiplicity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The multiplicity `m`.
    pub multiplicity: usize,
    /// The monic square-free factor `f_m`, not vanishing at 0.
    pub factor: Poly,
    /// Its roots by position.
    pub split: CircleSplit,
}

/// The decision with everything it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootCondition {
    /// First- or second-order equations.
    pub kind: Kind,
    /// Multiplicity of the root 0.
    pub zero_multiplicity: usize,
    /// The other roots, by ascending multiplicity.
    pub parts: Vec<Part>,
    /// Roots in, on and outside the unit circle, with multiplicity.
    pub counts: RootCounts,
    /// The largest multiplicity on the unit circle; 0 where no root is there.
    pub max_circle_multiplicity: usize,
    /// The verdict.
    pub strength: Strength,
}

impl RootCondition {
    /// Decides the root condition for `rho`. The zero polynomial has no roots to place and counts
    /// as unstable; a constant satisfies the condition emptily.
    pub fn of(rho: &Poly, kind: Kind) -> Self {
        let (zero_multiplicity, nonzero) = rho.strip_zero_roots();
        let parts: Vec<Part> = nonzero
            .square_free()
            .into_iter()
            .map(|(factor, multiplicity)| {
                let split = CircleSplit::new(&factor);
                Part {
                    multiplicity,
                    factor,
                    split,
                }
            })
            .collect();
        let total = |count: fn(&CircleSplit) -> usize| -> usize {
            parts.iter().map(|p| p.multiplicity * count(&p.split)).sum()
        };
        let counts = RootCounts {
            inside: zero_multiplicity + total(CircleSplit::inside),
            on: total(CircleSplit::on),
            outside: total(CircleSplit::outside),
        };
        let on_circle = parts.iter().filter(|p| p.split.on() > 0);
        let max_circle_multiplicity = on_circle.map(|p| p.multiplicity).max().unwrap_or(0);
        let stable = counts.outside == 0
            && max_circle_multiplicity <= kind.max_circle_multiplicity()
            && !rho.is_zero();
        let strength = match (stable, total(CircleSplit::on_other_than_one)) {
            (false, _) => Strength::Unstable,
            (true, 0) => Strength::Strong,
            (true, _) => Strength::Weak,
        };
        Self {
            kind,
            zero_multiplicity,
            parts,
            counts,
            max_circle_multiplicity,
            strength,
        }
    }

    /// Whether the root condition holds.
    pub fn zero_stable(&self) -> bool {
        self.strength != Strength::Unstable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(coeffs: &[i64], kind: Kind) -> (String, Strength) {
        let c = RootCondition::of(&Poly::from_integers(coeffs), kind);
        (c.counts.to_string(), c.strength)
    }

    #[test]
    fn small_cases() {
        use Kind::{First, Second};
        use Strength::{Strong, Unstable, Weak};
        assert_eq!(of(&[-1, 1], First), ("0/1/0".into(), Strong));
        assert_eq!(of(&[-1, 0, 1], First), ("0/2/0".into(), Weak));
        assert_eq!(of(&[1, -2, 1], First), ("0/2/0".into(), Unstable));
        assert_eq!(of(&[1, -2, 1], Second), ("0/2/0".into(), Strong));
        assert_eq!(of(&[-1, 3, -3, 1], Second), ("0/3/0".into(), Unstable));
        assert_eq!(of(&[0, 0, -1, 1], First), ("2/1/0".into(), Strong));
        assert_eq!(of(&[0, 0, 1], First), ("2/0/0".into(), Strong));
        assert_eq!(of(&[-1, -1, -1, 1], First), ("2/0/1".into(), Unstable));
        assert_eq!(of(&[2, -5, 2], First), ("1/0/1".into(), Unstable));
        assert_eq!(of(&[4, -20, 33, -20, 4], First), ("2/0/2".into(), Unstable));
        assert_eq!(of(&[5], First), ("0/0/0".into(), Strong));
        assert_eq!(of(&[], First), ("0/0/0".into(), Unstable));
    }
}
