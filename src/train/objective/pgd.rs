//! Adversarial training (Madry et al. 2018): cross-entropy at the end of a
//! projected ascent from a random start in the ℓ∞ ball.

use super::{BufferId, Coefficient, Objective, Planner, Scalar, StepInputs, clean_loss};
use crate::exec;
use crate::exec::program::{Instruction, Norm};
use crate::search::attack::{Ascent, Loss};

/// `mean CE(f(x'), y)`, `x'` from `attack_steps` steps of size `2.5 ε / steps`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pgd;

impl Objective for Pgd {
    fn name(&self) -> &'static str {
        "pgd"
    }

    fn plan(
        &self,
        planner: &mut Planner<'_>,
        inputs: &StepInputs,
    ) -> Result<Vec<BufferId>, exec::Error> {
        let (batch, n) = (planner.batch(), planner.n_in());
        let x = planner.program().zeros("adversarial x", batch * n);
        planner.program().push(Instruction::RandomStart {
            x0: inputs.x,
            out: x,
            seed: inputs.seed,
            eps: inputs.scalar(Scalar::Eps),
            norm: Norm::Linf,
            lo: 0.0,
            hi: 1.0,
            batch,
            n,
        });
        Ascent {
            x0: inputs.x,
            x,
            labels: inputs.labels,
            eps: inputs.scalar(Scalar::Eps),
            step: inputs.scaled(Scalar::Eps, 2.5 / inputs.attack_steps as f32),
            norm: Norm::Linf,
            loss: Loss::CrossEntropy,
            steps: inputs.attack_steps,
            record: None,
        }
        .plan(planner);
        let weight = Coefficient::Fixed(1.0 / batch as f32);
        Ok(vec![clean_loss(planner, x, inputs.labels, weight)])
    }
}
