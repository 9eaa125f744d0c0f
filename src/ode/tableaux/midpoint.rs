//! Explicit midpoint rule (Runge 1895), order 2.

use super::q;
use crate::ode::Tableau;

pub(super) fn table() -> Tableau {
    Tableau::new(
        "midpoint",
        vec![vec![], vec![q(1, 2)]],
        vec![q(0, 1), q(1, 1)],
        vec![q(0, 1), q(1, 2)],
    )
    .expect("consistent by inspection")
}
