//! Random points: the attack that every other one must beat.

use super::ascent::evaluate;
use super::{Attack, Io, Options, Planner, random_start};

/// One random point of the ball per restart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noise;

impl Attack for Noise {
    fn name(&self) -> &'static str {
        "noise"
    }

    fn plan(&self, planner: &mut Planner<'_>, io: &Io, options: &Options) {
        let (batch, n) = (planner.batch(), planner.n_in());
        let x = planner.program().zeros("x", batch * n);
        random_start(planner, io, options.norm, x);
        evaluate(planner, x, io.labels, Some(io.record));
    }
}
