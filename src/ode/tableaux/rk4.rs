//! The classical method (Kutta 1901), order 4.

use super::q;
use crate::ode::Tableau;

pub(super) fn table() -> Tableau {
    Tableau::new(
        "rk4",
        vec![
            vec![],
            vec![q(1, 2)],
            vec![q(0, 1), q(1, 2)],
            vec![q(0, 1), q(0, 1), q(1, 1)],
        ],
        vec![q(1, 6), q(1, 3), q(1, 3), q(1, 6)],
        vec![q(0, 1), q(1, 2), q(1, 2), q(1, 1)],
    )
    .expect("consistent by inspection")
}
