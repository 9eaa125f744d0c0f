//! Projected gradient descent (Madry et al. 2018) from random starts.

use super::{Ascent, Attack, Io, Options, Planner, random_start};

/// `steps` steps from a random point of the ball.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pgd;

impl Attack for Pgd {
    fn name(&self) -> &'static str {
        "pgd"
    }

    fn plan(&self, planner: &mut Planner<'_>, io: &Io, options: &Options) {
        let (batch, n) = (planner.batch(), planner.n_in());
        let x = planner.program().zeros("x", batch * n);
        random_start(planner, io, options.norm, x);
        Ascent {
            x0: io.x0,
            x,
            labels: io.labels,
            eps: io.eps(),
            step: io.step(),
            norm: options.norm,
            loss: options.loss,
            steps: options.steps,
            record: Some(io.record),
        }
        .plan(planner);
    }
}
