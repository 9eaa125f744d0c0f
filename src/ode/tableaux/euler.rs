//! Forward Euler, order 1.

use super::q;
use crate::ode::Tableau;

pub(super) fn table() -> Tableau {
    Tableau::new("euler", vec![vec![]], vec![q(1, 1)], vec![q(0, 1)])
        .expect("consistent by inspection")
}
