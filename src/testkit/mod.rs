//! A property suite for ODE solvers, for their authors.
//!
//! Write an adapter ([`Solver`]), say what the solver claims ([`Claims`]), and let
//! [`suite!`] make one test per property. What is not claimed
//! is skipped, and the skip reported. `docs/testkit.md` walks through a first use.
//!
//! References are certified: every problem is data ([`crate::ode::System`]) whose
//! solution is enclosed by MPFR Taylor steps ([`crate::ode::taylor`]), so a failure
//! says between which numbers the truth lies.

mod case;
mod guard;
mod problems;
mod property;
mod report;
mod run;
mod solver;
mod store;
mod watch;

pub use crate::testkit_suite as suite;

pub use property::{Property, registry};
pub use report::{Finding, Row, Status, Summary};
pub use run::{AnySolver, check, listed, main, test};
pub use solver::{
    Claims, Control, Direction, Event, Failure, JacobianTimes, Parts, Real, Rhs, Solution, Solver,
    Table, Task,
};

/// The programs of `docs/solver-findings.md` are tests: each shows its finding.
#[cfg(doctest)]
#[doc = include_str!("../../docs/solver-findings.md")]
struct Findings;

#[cfg(test)]
mod tests {
    #[test]
    fn the_first_use_is_the_example() {
        let page = include_str!("../../docs/testkit.md");
        let example = include_str!("../../examples/testkit_first_use.rs");
        assert!(page.contains(example));
        assert!(example.lines().count() < 40);
    }
}
