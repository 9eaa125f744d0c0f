//! What is claimed: an input set ([`Region`]), a property of the output
//! ([`Property`]), or both as one question ([`Query`], from files by
//! [`vnnlib`]), and how far a number reaches ([`Semantics`], [`Evidence`],
//! [`Proved`], [`Estimate`]).

mod property;
mod query;
mod region;
pub mod vnnlib;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use property::{Property, PropertyError, Row};
pub use query::{Case, Conjunction, Constraint, Query};
pub use region::{Norm, Region, RegionError};

/// What a bound, radius or verdict is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Semantics {
    /// the recurrence as written (fixed steps), weights as stored, in exact
    /// real arithmetic
    Discrete,
    /// the exact solution of the ODE, over the whole input set
    Flow,
    /// every trajectory that the named step-size controller can take
    Adaptive,
    /// the `discrete` recurrence executed in IEEE binary32, round-to-nearest,
    /// any summation order, with or without fused multiply-add, subnormals kept
    /// or flushed
    Float32,
}

/// How a number was obtained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Evidence {
    /// outward-rounded bound
    Proved,
    /// rational arithmetic
    Exact,
    /// a concrete point, re-checked exactly
    Witness,
    /// sampled, iterative or computed on a device; never called a bound
    Estimate,
}

impl fmt::Display for Semantics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Semantics::Discrete => "discrete",
            Semantics::Flow => "flow",
            Semantics::Adaptive => "adaptive",
            Semantics::Float32 => "float32",
        })
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Evidence::Proved => "proved",
            Evidence::Exact => "exact",
            Evidence::Witness => "witness",
            Evidence::Estimate => "estimate",
        })
    }
}

/// A value that holds as a theorem, up to the trusted base. Only `rounding`,
/// `bounds`, `check` and `lipschitz` make one.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Proved<T>(T);

impl<T> Proved<T> {
    /// The caller has established `value` with outward rounding or exactly.
    pub(crate) fn new(value: T) -> Proved<T> {
        Proved(value)
    }

    /// The value.
    pub fn get(&self) -> &T {
        &self.0
    }

    /// The value, no longer marked.
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// A value without proof.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Estimate<T>(pub T);

/// Why a verdict is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// the lower bound is not positive, and no counterexample was found
    Bound,
    /// a bound overflowed or was not a number
    NotFinite,
    /// the work limit was reached
    Limit,
    /// what is left is less than the error of execution in binary32
    Execution,
}

/// The answer for one sample. Serialises as `{"verdict": …}`, for `unknown`
/// with `"reason"`; made to be flattened into a result row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "verdict", content = "reason", rename_all = "lowercase")]
pub enum Verdict {
    /// the property holds on the whole region (proved)
    Certified,
    /// a point of the region violates it (witness)
    Falsified,
    /// neither was shown
    Unknown(Reason),
    /// the centre itself is classified wrongly
    Misclassified,
}

impl Verdict {
    /// The verdict's word, as in results.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Certified => "certified",
            Verdict::Falsified => "falsified",
            Verdict::Unknown(_) => "unknown",
            Verdict::Misclassified => "misclassified",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_results() {
        let json = |v: &Verdict| serde_json::to_string(v).unwrap();
        assert_eq!(json(&Verdict::Certified), r#"{"verdict":"certified"}"#);
        assert_eq!(
            json(&Verdict::Unknown(Reason::NotFinite)),
            r#"{"verdict":"unknown","reason":"not_finite"}"#
        );
        assert_eq!(
            serde_json::to_string(&Semantics::Float32).unwrap(),
            r#""float32""#
        );
        assert_eq!(
            serde_json::to_string(&Evidence::Proved).unwrap(),
            r#""proved""#
        );
        assert_eq!(serde_json::to_string(&Proved::new(0.5)).unwrap(), "0.5");
    }
}
