//! Explicit one-step and multistep methods with exact rational coefficients.

use crate::exact::Rational;

/// Why a method is not valid.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Coefficient lists of different lengths, or empty.
    #[error("method {method}: {what} has {found} coefficients, expected {expected}")]
    Length {
        /// the method
        method: String,
        /// which list
        what: &'static str,
        /// its length
        found: usize,
        /// the length it must have
        expected: usize,
    },
    /// The method is implicit.
    #[error("method {method}: {what} must be zero in an explicit method, found {value}")]
    Implicit {
        /// the method
        method: String,
        /// which coefficient
        what: String,
        /// its value
        value: Rational,
    },
    /// Row sums of a Butcher table differ from its nodes, or the leading
    /// coefficient of a multistep method is zero.
    #[error("method {method}: {what} is {found}, expected {expected}")]
    Inconsistent {
        /// the method
        method: String,
        /// which quantity
        what: String,
        /// its value
        found: Rational,
        /// what it must be
        expected: String,
    },
    /// No method of that name.
    #[error("no method is named {name:?}; known: {known}")]
    Unknown {
        /// the name
        name: String,
        /// the known names
        known: String,
    },
    /// The unrolled graph could not be built.
    #[error("ODE block: {0}")]
    Graph(#[from] crate::graph::Error),
    /// A block has no steps, too few for its method, or fields that do not match them.
    #[error("ODE block: {what} is {found}, expected {expected}")]
    Block {
        /// which quantity
        what: &'static str,
        /// its value
        found: usize,
        /// what it must be
        expected: String,
    },
}

/// An explicit Runge–Kutta method: `k_i = f(t + c_i h, z + h Σ_{j<i} a_ij k_j)`,
/// `z' = z + h Σ b_i k_i`.
#[derive(Clone, Debug, PartialEq)]
pub struct Tableau {
    name: String,
    a: Vec<Vec<Rational>>,
    b: Vec<Rational>,
    c: Vec<Rational>,
}

impl Tableau {
    /// A table with `s` stages; row `i` of `a` has `i` entries (strictly lower
    /// triangle). Errors when lengths disagree or a row sum differs from its node.
    pub fn new(
        name: impl Into<String>,
        a: Vec<Vec<Rational>>,
        b: Vec<Rational>,
        c: Vec<Rational>,
    ) -> Result<Tableau, Error> {
        let name = name.into();
        let s = b.len();
        let length = |what, found, expected| Error::Length {
            method: name.clone(),
            what,
            found,
            expected,
        };
        if s == 0 {
            return Err(length("b", 0, 1));
        }
        if a.len() != s {
            return Err(length("a", a.len(), s));
        }
        if c.len() != s {
            return Err(length("c", c.len(), s));
        }
        for (i, row) in a.iter().enumerate() {
            if row.len() != i {
                return Err(length("a row", row.len(), i));
            }
            let sum: Rational = row.iter().sum();
            if sum != c[i] {
                return Err(Error::Inconsistent {
                    method: name.clone(),
                    what: format!("row sum {i} of a"),
                    found: sum,
                    expected: format!("c_{i} = {}", c[i]),
                });
            }
        }
        Ok(Tableau { name, a, b, c })
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// The strictly lower triangular matrix; row `i` has `i` entries.
    pub fn a(&self) -> &[Vec<Rational>] {
        &self.a
    }
    /// The weights.
    pub fn b(&self) -> &[Rational] {
        &self.b
    }
    /// The nodes.
    pub fn c(&self) -> &[Rational] {
        &self.c
    }
}

/// An explicit linear multistep method
/// `Σ_{j=0..k} α_j y_{n+j} = h Σ_{j=0..k} β_j f_{n+j}`, `β_k = 0`, whose first
/// `k - 1` steps are made by a one-step method.
#[derive(Clone, Debug, PartialEq)]
pub struct Multistep {
    name: String,
    alpha: Vec<Rational>,
    beta: Vec<Rational>,
    startup: Tableau,
}

impl Multistep {
    /// A method with coefficients in ascending order, oldest first.
    pub fn new(
        name: impl Into<String>,
        alpha: Vec<Rational>,
        beta: Vec<Rational>,
        startup: Tableau,
    ) -> Result<Multistep, Error> {
        let name = name.into();
        if alpha.len() < 2 {
            return Err(Error::Length {
                method: name,
                what: "alpha",
                found: alpha.len(),
                expected: 2,
            });
        }
        if beta.len() != alpha.len() {
            return Err(Error::Length {
                method: name,
                what: "beta",
                found: beta.len(),
                expected: alpha.len(),
            });
        }
        let k = alpha.len() - 1;
        if beta[k] != 0 {
            return Err(Error::Implicit {
                method: name,
                what: format!("beta_{k}"),
                value: beta[k].clone(),
            });
        }
        if alpha[k] == 0 {
            return Err(Error::Inconsistent {
                method: name,
                what: format!("alpha_{k}"),
                found: Rational::new(),
                expected: "not zero".into(),
            });
        }
        Ok(Multistep {
            name,
            alpha,
            beta,
            startup,
        })
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// `α_0 … α_k`.
    pub fn alpha(&self) -> &[Rational] {
        &self.alpha
    }
    /// `β_0 … β_k`.
    pub fn beta(&self) -> &[Rational] {
        &self.beta
    }
    /// The method of the first `k - 1` steps.
    pub fn startup(&self) -> &Tableau {
        &self.startup
    }
    /// The number of steps `k`.
    pub fn k(&self) -> usize {
        self.alpha.len() - 1
    }
}

/// A fixed-step explicit method.
#[derive(Clone, Debug, PartialEq)]
pub enum Method {
    /// one-step
    RungeKutta(Tableau),
    /// linear multistep
    Multistep(Multistep),
}

impl Method {
    /// The name.
    pub fn name(&self) -> &str {
        match self {
            Method::RungeKutta(t) => t.name(),
            Method::Multistep(m) => m.name(),
        }
    }

    /// `(α, β)` of the linear recurrence in the state: the method itself, or
    /// Euler's `(-1, 1), (1, 0)` for a one-step method, whose zero-stability is
    /// that of `y_{n+1} - y_n`.
    pub fn recurrence(&self) -> (Vec<Rational>, Vec<Rational>) {
        match self {
            Method::RungeKutta(_) => (
                vec![Rational::from(-1), Rational::from(1)],
                vec![Rational::from(1), Rational::new()],
            ),
            Method::Multistep(m) => (m.alpha.clone(), m.beta.clone()),
        }
    }
}
