//! Certified training by interval bounds (Gowal et al. 2018): `κ CE(f(x), y) +
//! (1 - κ) CE(worst-case logits over the ball, y)`.

use super::{BufferId, Objective, Planner, Scalar, StepInputs, clean_loss, cross_entropy};
use crate::exec;
use crate::exec::program::Instruction;

/// The mixed clean and worst-case loss; ε and κ follow the schedule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ibp;

impl Objective for Ibp {
    fn name(&self) -> &'static str {
        "ibp"
    }

    fn plan(
        &self,
        planner: &mut Planner<'_>,
        inputs: &StepInputs,
    ) -> Result<Vec<BufferId>, exec::Error> {
        let (batch, n, classes) = (planner.batch(), planner.n_in(), planner.n_out());
        let labels = inputs.labels;
        let clean = inputs.scalar(Scalar::CleanWeight);
        let clean = clean_loss(planner, inputs.x, labels, clean);

        let program = planner.program();
        let center = program.zeros("box center", batch * n);
        let radius = program.zeros("box radius", batch * n);
        program.push(Instruction::InputBox {
            x: inputs.x,
            eps: inputs.scalar(Scalar::Eps),
            lo: 0.0,
            hi: 1.0,
            center,
            radius,
        });
        let boxes = planner.interval(center, radius);
        let Some(spread) = boxes.radius() else {
            return Err(exec::Error::Unsupported {
                node: "output".into(),
                what: "does not depend on the input".into(),
            });
        };
        let worst = planner.program().zeros("worst logits", batch * classes);
        planner.program().push(Instruction::WorstLogits {
            center: boxes.center(),
            radius: spread,
            labels,
            out: worst,
            batch,
            classes,
        });
        let weight = inputs.scalar(Scalar::RobustWeight);
        let (robust, dout) = cross_entropy(planner, worst, labels, weight, "robust");
        let dradius = planner
            .program()
            .zeros("worst logit radius gradient", batch * classes);
        planner.program().push(Instruction::WorstLogitsGrad {
            dout,
            labels,
            dradius,
            batch,
            classes,
            accumulate: false,
        });
        planner.interval_backward(&boxes, dout, dradius);
        Ok(vec![clean, robust])
    }
}
