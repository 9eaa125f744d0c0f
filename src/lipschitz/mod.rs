//! Lipschitz constants in `l1`, `l2` and `l∞`: proved upper bounds, and lower
//! bounds by a witness pair.
//!
//! | file | gives |
//! |---|---|
//! | [`operator_norm`] | `‖A‖_p` of an affine layer |
//! | `spectral.rs`, `symbol.rs` | verified eigenvalues; the symbol of a convolution |
//! | `product.rs` | the product of layer norms |
//! | `centered.rs` | activations as middle slope plus remainder |
//! | `local.rs` | the interval Jacobian, over a box or everywhere |
//! | `lognorm.rs` | `μ_∞` of a field by rows |
//! | `ode.rs` | ODE blocks: the recurrence that is run, and the flow |
//! | `witness.rs`, [`quotient`] | a pair of points, and its difference quotient enclosed from below |
//!
//! [`analyze`] takes the smallest of the methods asked for. Every number says
//! which [`Semantics`](crate::verify::Semantics) it has; a `flow` number never certifies the recurrence.

mod affine;
mod centered;
mod domain;
mod local;
mod lognorm;
mod matrix;
mod ode;
mod product;
mod quotient;
mod report;
mod slopes;
mod spectral;
mod symbol;
mod witness;

use crate::network;
use crate::rounding::EnvironmentError;

pub use affine::operator_norm;
pub use domain::Domain;
pub use quotient::quotient;
pub use report::{BlockReport, Report, Upper, analyze};
pub use witness::Witness;

/// Why an analysis could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The network is inconsistent.
    #[error(transparent)]
    Network(#[from] network::Error),
    /// The thread's floating-point mode is not the default.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// No method of that name.
    #[error("no Lipschitz method is named {name:?}; known: {known}")]
    Method {
        /// the name
        name: String,
        /// the known names
        known: String,
    },
    /// The network does not have exactly one input.
    #[error("network {network} has {found} inputs, a Lipschitz constant needs 1")]
    Inputs {
        /// the network
        network: String,
        /// its inputs
        found: usize,
    },
    /// The box does not fit the network's input.
    #[error("box has {found} elements, the network's input {expected}")]
    Length {
        /// elements of the box
        found: usize,
        /// elements of the input
        expected: usize,
    },
    /// The box is empty or not finite in one element.
    #[error("box: element {index} is [{lo}, {hi}], which is empty or not finite")]
    Element {
        /// flat index
        index: usize,
        /// lower end
        lo: f64,
        /// upper end
        hi: f64,
    },
    /// A product of two values has no global Lipschitz constant.
    #[error("node {node}: Lipschitz bounds do not cover products of two variable operands")]
    Product {
        /// the node
        node: String,
    },
    /// The method asked for is too much work for this network.
    #[error("method {method} needs too many operations for network {network}; use product or auto")]
    TooLarge {
        /// the method
        method: &'static str,
        /// the network
        network: String,
    },
}

/// One way to an upper bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    Product,
    Centered,
    Local,
}

impl Via {
    fn name(self) -> &'static str {
        match self {
            Via::Product => "product",
            Via::Centered => "centered",
            Via::Local => "local",
        }
    }
}

/// How upper bounds are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Method {
    /// norms multiplied layer by layer; cheap, any size
    Product,
    /// middle slope plus remainder, step by step and end to end
    Centered,
    /// the norm of the interval Jacobian over the domain
    Local,
    /// the smallest of those that are affordable
    #[default]
    Auto,
}

impl Method {
    /// Every method, in the order of the command line.
    pub const ALL: [Method; 4] = [
        Method::Product,
        Method::Centered,
        Method::Local,
        Method::Auto,
    ];

    /// The name on the command line and in results.
    pub fn name(self) -> &'static str {
        match self {
            Method::Product => Via::Product.name(),
            Method::Centered => Via::Centered.name(),
            Method::Local => Via::Local.name(),
            Method::Auto => "auto",
        }
    }

    fn via(self) -> &'static [Via] {
        match self {
            Method::Product => &[Via::Product],
            Method::Centered => &[Via::Centered],
            Method::Local => &[Via::Local],
            Method::Auto => &[Via::Product, Via::Centered, Via::Local],
        }
    }
}

impl std::str::FromStr for Method {
    type Err = Error;
    fn from_str(s: &str) -> Result<Method, Error> {
        let known = || Method::ALL.map(Method::name).join(", ");
        Method::ALL
            .into_iter()
            .find(|m| m.name() == s)
            .ok_or_else(|| Error::Method {
                name: s.into(),
                known: known(),
            })
    }
}
