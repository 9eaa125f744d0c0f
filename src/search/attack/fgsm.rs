//! Fast gradient sign method (Goodfellow et al. 2015): one full step from the
//! sample; in ℓ2 along the normalised gradient.

use super::{Ascent, Attack, Coefficient, Instruction, Io, Options, Planner};

/// One step of size ε.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fgsm;

impl Attack for Fgsm {
    fn name(&self) -> &'static str {
        "fgsm"
    }

    fn restarts(&self, _options: &Options) -> usize {
        1
    }

    fn plan(&self, planner: &mut Planner<'_>, io: &Io, options: &Options) {
        let (batch, n) = (planner.batch(), planner.n_in());
        let x = planner.program().zeros("x", batch * n);
        planner.program().push(Instruction::Axpy {
            x: io.x0,
            alpha: Coefficient::Fixed(1.0),
            out: x,
            accumulate: false,
        });
        Ascent {
            x0: io.x0,
            x,
            labels: io.labels,
            eps: io.eps(),
            step: io.eps(),
            norm: options.norm,
            loss: options.loss,
            steps: 1,
            record: Some(io.record),
        }
        .plan(planner);
    }
}
