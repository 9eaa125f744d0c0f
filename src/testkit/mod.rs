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
