//! Adams–Bashforth (1883), started by the midpoint rule.

use super::{midpoint, q};
use crate::ode::Multistep;

/// Two steps, order 2.
pub(super) fn ab2() -> Multistep {
    Multistep::new(
        "ab2",
        vec![q(0, 1), q(-1, 1), q(1, 1)],
        vec![q(-1, 2), q(3, 2), q(0, 1)],
        midpoint::table(),
    )
    .expect("consistent by inspection")
}
