//! The exact decisions about one method without enclosures of roots: for long tables.

use serde::Serialize;

use super::order::order;
use super::root_condition::{RootCondition, Strength};
use super::{Kind, LinearMultistep};

/// What [`decide`] finds; the fields mean the same as in [`super::Analysis`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The method's name.
    pub name: String,
    /// First- or second-order equations.
    pub kind: Kind,
    /// The number of steps.
    pub k: usize,
    /// Whether the order is at least 1.
    pub consistent: bool,
    /// The order; none where even order 0 fails.
    pub order: Option<usize>,
    /// The first non-zero local-error coefficient, for `alpha_k = 1`.
    pub error_constant: String,
    /// That constant divided by `σ(1)`; none where `σ(1) = 0`.
    pub error_constant_normalised: Option<String>,
    /// The root condition.
    pub zero_stable: bool,
    /// Roots with multiplicity, as `in/on/out`.
    pub roots_in_on_out: String,
    /// Strong, weak or unstable.
    pub strong: Strength,
    /// Whether `ρ` and `σ` have no common root.
    pub irreducible: bool,
}

/// Order, error constants, root condition and irreducibility, exactly.
///
/// # Examples
///
/// ```
/// use dahlquist::multistep::{by_name, decide};
/// let found = decide(&by_name("bdf7").expect("known"));
/// assert_eq!((found.order, found.zero_stable), (Some(7), false));
/// ```
pub fn decide(method: &LinearMultistep) -> Decision {
    let order = order(method);
    let rho = method.rho();
    let condition = RootCondition::of(&rho, method.kind());
    let sigma = method.sigma();
    Decision {
        name: method.name().to_owned(),
        kind: method.kind(),
        k: method.steps(),
        consistent: order.consistent(),
        order: order.order,
        error_constant: order.error_constant.to_string(),
        error_constant_normalised: order.normalised.map(|c| c.to_string()),
        zero_stable: condition.zero_stable(),
        roots_in_on_out: condition.counts.to_string(),
        strong: condition.strength,
        irreducible: !sigma.is_zero() && rho.gcd(&sigma).is_constant(),
    }
}
