//! One-parameter families: methods whose coefficients are rational functions of a parameter.
//!
//! # File form
//!
//! ```toml
//! name = "zerosnet"
//! parameter = "l"
//! kind = "first"            # or "second"; first is the default
//! alpha = ["-(l+1)/(4*l)", "1/l", "-(3*l+3)/(4*l)", "1"]
//! beta = ["0", "0", "(3*l-1)/(2*l)", "0"]
//! ```

use serde::Deserialize;
use std::path::Path;

use super::{Error, Kind, LinearMultistep};
use crate::exact::{BiPoly, Poly, RatFunc, Rational, ratfunc};

/// The largest family file read, in bytes.
pub const MAX_FILE: u64 = 1 << 16;
/// The largest number of steps of a family whose region is asked for.
pub const MAX_STEPS: usize = 12;

/// The largest number of steps times degree in the parameter of such a family.
pub const MAX_COMPLEXITY: usize = 48;

/// What is wrong with a family file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Not TOML, or not these keys.
    #[error("{0}")]
    Toml(#[from] Box<toml::de::Error>),
    /// Not UTF-8.
    #[error("not UTF-8 text")]
    Encoding,
    /// The parameter is not a name.
    #[error("`{found}` is not a parameter name: a letter, then letters, digits or `_`")]
    Parameter {
        /// What was found.
        found: String,
    },
    /// alpha and beta do not fit.
    #[error("{0}")]
    Shape(Box<Error>),
    /// The wrong number of something.
    #[error("`{what}`: found {found}, expected {expected}")]
    Count {
        /// The key.
        what: &'static str,
        /// How many were found.
        found: usize,
        /// What is accepted.
        expected: &'static str,
    },
    /// No interval for a parameter, or an empty one.
    #[error("[box] needs `{parameter} = [\"lower\", \"upper\"]` with lower < upper")]
    Box {
        /// The parameter.
        parameter: String,
    },
    /// An eliminated name enters otherwise than linearly.
    #[error("the order conditions are not linear in the names of `eliminate`")]
    NotLinear,
    /// The conditions do not determine an eliminated name.
    #[error("the order conditions do not determine `{name}`")]
    Underdetermined {
        /// The name.
        name: String,
    },
    /// A condition is left over.
    #[error(
        "the order conditions leave {condition} = 0 for the parameters: eliminate one more name"
    )]
    Constraint {
        /// What has to vanish.
        condition: String,
    },
    /// A coefficient is not an expression.
    #[error("{list}[{index}] = `{text}`: {source}")]
    Expression {
        /// `alpha` or `beta`.
        list: &'static str,
        /// Position in the list, from 0.
        index: usize,
        /// The text found.
        text: String,
        /// What is wrong with it.
        source: ratfunc::Error,
    },
}

/// A family of methods in one real parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParametricFamily {
    name: String,
    parameter: String,
    kind: Kind,
    alpha: Vec<RatFunc>,
    beta: Vec<RatFunc>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    parameter: String,
    #[serde(default = "first")]
    kind: Kind,
    alpha: Vec<String>,
    beta: Vec<String>,
}

fn first() -> Kind {
    Kind::First
}

impl ParametricFamily {
    /// Checks lengths and that `alpha_k` is not identically zero.
    ///
    /// # Errors
    ///
    /// [`Error::TooFew`], [`Error::TooManySteps`] (more than [`MAX_STEPS`]), [`Error::Lengths`],
    /// [`Error::LeadingZero`].
    pub fn new(
        name: impl Into<String>,
        parameter: impl Into<String>,
        kind: Kind,
        alpha: Vec<RatFunc>,
        beta: Vec<RatFunc>,
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
        if alpha.last().is_none_or(RatFunc::is_zero) {
            return Err(Error::LeadingZero { name });
        }
        Ok(Self {
            name,
            parameter: parameter.into(),
            kind,
            alpha,
            beta,
        })
    }

    /// ZeroSNet: `x_{n+1} = a_0 x_n + a_1 x_{n−1} + a_2 x_{n−2} + b_0 F(x_n)` with
    /// `a_0 = (3λ+3)/(4λ)`, `a_1 = −1/λ`, `a_2 = (λ+1)/(4λ)`, `b_0 = (3λ−1)/(2λ)`.
    ///
    /// # References
    ///
    /// L. Chen, L. Jin, M. Shang, *Zero Stability Well Predicts Performance of Convolutional Neural
    /// Networks*, arXiv 2206.13100 (coefficients of the released implementation).
    pub fn zerosnet() -> Self {
        Self::literal(
            "zerosnet",
            &[
                "-(lambda+1)/(4*lambda)",
                "1/lambda",
                "-(3*lambda+3)/(4*lambda)",
                "1",
            ],
            &["0", "0", "(3*lambda-1)/(2*lambda)", "0"],
            "lambda",
        )
    }

    /// LM-ResNet: `u_{n+1} = (1 − k) u_n + k u_{n−1} + F(u_n)`, as the network is written. It is
    /// consistent with `u' = F` at `k = 0` only; otherwise with `(1 + k) u' = F`.
    ///
    /// # References
    ///
    /// Y. Lu, A. Zhong, Q. Li, B. Dong, *Beyond Finite Layer Neural Networks*, ICML 2018.
    pub fn lm_resnet() -> Self {
        Self::literal("lm-resnet", &["-k", "k-1", "1"], &["0", "1", "0"], "k")
    }

    /// The momentum residual network with memory `g`: velocity `v ← g v + (1 − g) F(u)`, `u ← u + v`.
    ///
    /// # References
    ///
    /// M. E. Sander, P. Ablin, M. Blondel, G. Peyré, *Momentum Residual Neural Networks*, ICML 2021.
    pub fn momentum() -> Self {
        Self::literal("momentum", &["g", "-1-g", "1"], &["0", "1-g", "0"], "g")
    }

    /// The θ-methods; 0, 1/2 and 1 are the forward, trapezoidal and backward rule.
    pub fn theta() -> Self {
        Self::literal("theta", &["-1", "1"], &["1-theta", "theta"], "theta")
    }

    fn literal(name: &str, alpha: &[&str], beta: &[&str], parameter: &str) -> Self {
        let list = |texts: &[&str]| {
            let parse = |t: &&str| RatFunc::parse(t, parameter).expect("a tested literal");
            texts.iter().map(parse).collect()
        };
        Self::new(name, parameter, Kind::First, list(alpha), list(beta)).expect("a tested literal")
    }

    /// Reads a family from TOML text; `path` is for messages.
    ///
    /// # Errors
    ///
    /// [`Error::FamilyFile`].
    pub fn from_toml(text: &str, path: &Path) -> Result<Self, Error> {
        Self::parse(text).map_err(|problem| Error::FamilyFile {
            path: path.to_owned(),
            problem: Box::new(problem),
        })
    }

    fn parse(text: &str) -> Result<Self, Problem> {
        let file: File = toml::from_str(text).map_err(Box::new)?;
        check_name(&file.parameter)?;
        let list = |list: &'static str, texts: Vec<String>| {
            let parse = |(index, text): (usize, String)| {
                RatFunc::parse(&text, &file.parameter).map_err(|source| Problem::Expression {
                    list,
                    index,
                    text,
                    source,
                })
            };
            texts
                .into_iter()
                .enumerate()
                .take(MAX_STEPS + 2)
                .map(parse)
                .collect::<Result<Vec<_>, _>>()
        };
        let (alpha, beta) = (list("alpha", file.alpha)?, list("beta", file.beta)?);
        Self::new(file.name, file.parameter, file.kind, alpha, beta)
            .map_err(|e| Problem::Shape(Box::new(e)))
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of the parameter.
    pub fn parameter(&self) -> &str {
        &self.parameter
    }

    /// First- or second-order equations.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// `alpha_0 … alpha_k`.
    pub fn alpha(&self) -> &[RatFunc] {
        &self.alpha
    }

    /// `beta_0 … beta_k`.
    pub fn beta(&self) -> &[RatFunc] {
        &self.beta
    }

    /// The member at a parameter value.
    ///
    /// # Errors
    ///
    /// [`Error::Pole`], [`Error::LeadingZero`].
    pub fn at(&self, value: &Rational) -> Result<LinearMultistep, Error> {
        let list = |functions: &[RatFunc]| {
            functions
                .iter()
                .map(|f| f.eval(value))
                .collect::<Option<Vec<_>>>()
                .ok_or_else(|| Error::Pole {
                    family: self.name.clone(),
                    parameter: self.parameter.clone(),
                    value: value.clone(),
                })
        };
        let name = format!("{}({value})", self.name);
        LinearMultistep::new(name, self.kind, list(&self.alpha)?, list(&self.beta)?)
    }

    /// All denominators multiplied together (the family is undefined at its roots).
    pub fn poles(&self) -> Poly {
        let all = self.alpha.iter().chain(&self.beta);
        all.fold(Poly::one(), |p, f| lcm(&p, f.den()))
    }

    /// `ρ` with denominators cleared: the same roots wherever the family is defined.
    pub fn rho(&self) -> BiPoly {
        let common = self.alpha.iter().fold(Poly::one(), |p, f| lcm(&p, f.den()));
        let clear = |f: &RatFunc| f.num() * &common.exact_div(f.den()).expect("a common multiple");
        BiPoly::new(self.alpha.iter().map(clear).collect())
    }
}

/// Whether a text is a parameter name.
pub(super) fn check_name(name: &str) -> Result<(), Problem> {
    let mut letters = name.chars();
    let name_like = letters
        .next()
        .is_some_and(|c| c.is_alphabetic() || c == '_')
        && letters.all(|c| c.is_alphanumeric() || c == '_');
    if name_like {
        Ok(())
    } else {
        Err(Problem::Parameter {
            found: name.to_owned(),
        })
    }
}

fn lcm(a: &Poly, b: &Poly) -> Poly {
    let product = a * b;
    product.exact_div(&a.gcd(b)).unwrap_or(product)
}
