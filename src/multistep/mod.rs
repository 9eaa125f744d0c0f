//! Linear multistep methods, decided exactly.
//!
//! # Conventions
//!
//! A method with `k` steps is `Σ_{j=0..k} alpha_j y_{n+j} = h^d Σ_{j=0..k} beta_j f_{n+j}`, low
//! index oldest, with `d = 1` for `y' = f` ([`Kind::First`]) and `d = 2` for `y'' = f`
//! ([`Kind::Second`]). Coefficients are rational and scaled so that `alpha_k = 1`; constants that
//! depend on the scaling (the error constant) refer to that. `ρ(r) = Σ alpha_j r^j` and
//! `σ(r) = Σ beta_j r^j` are the generating polynomials.
//!
//! # What is decided, and how surely
//!
//! | item | evidence |
//! |---|---|
//! | order, error constant, consistency ([`order`]) | exact |
//! | root condition, counts of roots in, on and outside the unit circle ([`root_condition`]) | exact |
//! | enclosures of each root ([`roots`]) | proved: one root per disc, disjoint discs |
//! | real and imaginary intervals of stability, A(α) ([`absolute_stability`], [`imaginary`], [`sector`]) | exact algebraic numbers |
//! | G-norm, SSP coefficient ([`g_stability`], [`ssp`]) | exact |
//! | power bound ([`mod@power_bound`]) | proved from both sides |
//! | regions in two and three parameters ([`mod@cells`]) | proved boxes, exact shares |
//! | critical step ratios ([`variable_step`]) | exact algebraic numbers |
//! | arbitrary sequences of ratios or coefficients ([`variable_step`], [`layers`]) | proved, common norm |
//! | zero-stable parameters of a family ([`mod@region`]) | exact; irrational ends enclosed |
//! | the parameter of least parasitic modulus ([`optimum`]) | exact, where it is rational |
//!
//! A zero-stable method is not a robust one: the root condition speaks of `h → 0` (equivalently of
//! the recurrence alone), absolute stability of a given step. See `docs/multistep.md`.
//!
//! # Examples
//!
//! ```
//! use dahlquist::multistep::{analyze, by_name, Strength};
//! let method = by_name("zerosnet(-9/5)").expect("a known family");
//! let analysis = analyze(&method).expect("within limits");
//! assert_eq!(analysis.order, Some(2));
//! assert_eq!(analysis.strong, Strength::Strong);
//! assert_eq!(analysis.error_constant, "11/27");
//! ```

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

use crate::exact::{Poly, Rational, rational};

pub mod absolute_stability;
mod algebraic_point;
pub mod analyze;
pub mod cells;
pub mod circle;
pub mod common_norm;
mod complex;
pub mod decide;
pub mod evidence;
pub mod family;
pub mod g_stability;
pub mod general_linear;
pub mod imaginary;
pub mod layers;
pub mod locus;
pub mod matrix_norm;
pub mod methods_csv;
pub mod optimum;
pub mod order;
pub mod parametric;
pub mod plane_family;
pub mod power_bound;
pub mod power_evidence;
pub mod predictor_corrector;
mod proposal;
pub mod region;
pub mod root_condition;
pub mod roots;
pub mod sector;
pub mod ssp;
pub mod stability_plane;
pub mod variable_step;

pub use analyze::{Analysis, analyze};
pub use decide::{Decision, decide};
pub use evidence::RootEvidence;
pub use family::{FAMILIES, Family, by_name};
pub use parametric::ParametricFamily;
pub use region::{Region, region};
pub use root_condition::{RootCondition, RootCounts, Strength};

/// The largest number of steps of one method.
pub const MAX_STEPS: usize = 256;

/// The order of the differential equation that a method is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `y' = f`: roots on the unit circle must be simple.
    First,
    /// `y'' = f`: roots on the unit circle may be double.
    Second,
}

impl Kind {
    /// The largest multiplicity that the root condition allows on the unit circle.
    pub fn max_circle_multiplicity(self) -> usize {
        match self {
            Self::First => 1,
            Self::Second => 2,
        }
    }

    /// The power of `h` in front of `σ`.
    pub fn derivative(self) -> usize {
        self.max_circle_multiplicity()
    }
}

/// Why a method cannot be read or analysed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Fewer than two alpha coefficients.
    #[error("method `{name}`: alpha has {found} coefficient(s), at least 2 are needed")]
    TooFew {
        /// The method.
        name: String,
        /// How many were found.
        found: usize,
    },
    /// More than [`MAX_STEPS`] steps.
    #[error("method `{name}`: {steps} steps exceed the limit of {limit}")]
    TooManySteps {
        /// The method.
        name: String,
        /// Steps found.
        steps: usize,
        /// Steps allowed.
        limit: usize,
    },
    /// alpha and beta differ in length.
    #[error("method `{name}`: alpha has {alpha} coefficients and beta has {beta}")]
    Lengths {
        /// The method.
        name: String,
        /// Length of alpha.
        alpha: usize,
        /// Length of beta.
        beta: usize,
    },
    /// `alpha_k = 0`.
    #[error("method `{name}`: the leading coefficient alpha_k is zero")]
    LeadingZero {
        /// The method.
        name: String,
    },
    /// A coefficient is no rational number.
    #[error("{place}: {source}")]
    Number {
        /// Where it was found.
        place: String,
        /// What is wrong with it.
        source: rational::Error,
    },
    /// The region of a family would take too long.
    #[error(
        "family `{family}`: {steps} steps times degree {degree} in the parameter exceeds the limit of {limit}"
    )]
    TooComplex {
        /// The family.
        family: String,
        /// Its number of steps.
        steps: usize,
        /// The degree in the parameter with denominators cleared.
        degree: usize,
        /// The limit on the product.
        limit: usize,
    },
    /// No such family.
    #[error("no method named `{name}`; known: {known}")]
    UnknownName {
        /// The name asked for.
        name: String,
        /// All known forms.
        known: String,
    },
    /// A family, but not with this argument.
    #[error("`{name}`: the argument of `{family}` is {expected}")]
    Argument {
        /// The name asked for.
        name: String,
        /// The family.
        family: &'static str,
        /// What the argument may be.
        expected: String,
    },
    /// A coefficient of the family has a pole at this parameter.
    #[error("family `{family}` is not defined at {parameter} = {value}")]
    Pole {
        /// The family.
        family: String,
        /// The name of the parameter.
        parameter: String,
        /// Its value.
        value: Rational,
    },
    /// Two methods that are no predictor–corrector pair.
    #[error("predictor `{predictor}`, corrector `{corrector}`: {why}")]
    Pair {
        /// The predictor.
        predictor: String,
        /// The corrector.
        corrector: String,
        /// Why not.
        why: &'static str,
    },
    /// Matrices that are no general linear method.
    #[error("general linear method: {problem}")]
    GeneralLinear {
        /// What is wrong.
        problem: String,
    },
    /// Root enclosures did not separate.
    #[error("method `{name}`: root enclosures did not separate at {bits} bits")]
    Precision {
        /// The method.
        name: String,
        /// The precision reached.
        bits: u32,
    },
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is larger than allowed.
    #[error("{}: {size} bytes exceed the limit of {limit}", path.display())]
    FileSize {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A row of a table of methods is wrong.
    #[error("{}:{line}: {problem}", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        problem: Box<methods_csv::Problem>,
    },
    /// A family file is wrong.
    #[error("{}: {problem}", path.display())]
    FamilyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: Box<parametric::Problem>,
    },
}

/// A linear multistep method with rational coefficients, `alpha_k = 1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinearMultistep {
    name: String,
    kind: Kind,
    alpha: Vec<Rational>,
    beta: Vec<Rational>,
}

impl LinearMultistep {
    /// Checks the coefficients and divides them all by `alpha_k`.
    ///
    /// # Errors
    ///
    /// [`Error::TooFew`], [`Error::TooManySteps`], [`Error::Lengths`], [`Error::LeadingZero`].
    pub fn new(
        name: impl Into<String>,
        kind: Kind,
        alpha: Vec<Rational>,
        beta: Vec<Rational>,
    ) -> Result<Self, Error> {
        let name = name.into();
        if alpha.len() < 2 {
            return Err(Error::TooFew {
                name,
                found: alpha.len(),
            });
        }
        if alpha.len() > MAX_STEPS + 1 {
            return Err(Error::TooManySteps {
                name,
                steps: alpha.len() - 1,
                limit: MAX_STEPS,
            });
        }
        if alpha.len() != beta.len() {
            return Err(Error::Lengths {
                name,
                alpha: alpha.len(),
                beta: beta.len(),
            });
        }
        let lead = alpha.last().cloned().unwrap_or_default();
        if lead == 0 {
            return Err(Error::LeadingZero { name });
        }
        let scale = |list: Vec<Rational>| list.into_iter().map(|c| c / &lead).collect();
        Ok(Self {
            name,
            kind,
            alpha: scale(alpha),
            beta: scale(beta),
        })
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// First- or second-order equations.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The number of steps `k`.
    pub fn steps(&self) -> usize {
        self.alpha.len() - 1
    }

    /// `alpha_0 … alpha_k`, the last equal to 1.
    pub fn alpha(&self) -> &[Rational] {
        &self.alpha
    }

    /// `beta_0 … beta_k`.
    pub fn beta(&self) -> &[Rational] {
        &self.beta
    }

    /// Whether `beta_k = 0`.
    pub fn is_explicit(&self) -> bool {
        self.beta.last().is_none_or(|b| *b == 0)
    }

    /// `ρ(r) = Σ alpha_j r^j`.
    pub fn rho(&self) -> Poly {
        Poly::new(self.alpha.clone())
    }

    /// `σ(r) = Σ beta_j r^j`.
    pub fn sigma(&self) -> Poly {
        Poly::new(self.beta.clone())
    }
}
