//! Projected gradient ascent, unrolled into a program.

use super::Loss;
use crate::exec::plan::{Planner, Values, Want};
use crate::exec::program::{BufferId, Coefficient, Instruction, Norm};

/// Where the points of smallest margin are kept.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// the points (batch, elements)
    pub best: BufferId,
    /// their margins (batch)
    pub score: BufferId,
}

/// Steps of ascent from the points in `x`, in place.
#[derive(Clone, Copy, Debug)]
pub struct Ascent {
    /// centres of the balls
    pub x0: BufferId,
    /// the points
    pub x: BufferId,
    /// labels
    pub labels: BufferId,
    /// radius
    pub eps: Coefficient,
    /// step size
    pub step: Coefficient,
    /// norm of the ball and of the step
    pub norm: Norm,
    /// what to increase
    pub loss: Loss,
    /// number of steps
    pub steps: usize,
    /// keeps the best of all points, the start and the end included
    pub record: Option<Record>,
}

impl Ascent {
    /// Appends the steps. They share their buffers, so the program's memory
    /// does not grow with their number.
    pub fn plan(&self, planner: &mut Planner<'_>) {
        if self.steps == 0 {
            return;
        }
        let (batch, n, classes) = (planner.batch(), planner.n_in(), planner.n_out());
        let start = planner.program().instructions().len();
        let (values, _, dz) = evaluate(planner, self.x, self.labels, self.record);
        let program = planner.program();
        let evaluated = program.instructions().len();
        if self.loss == Loss::CrossEntropy {
            let loss = program.zeros("loss", batch);
            program.push(Instruction::CrossEntropy {
                z: values.output(),
                labels: self.labels,
                weight: Coefficient::Fixed(1.0),
                loss,
                dz,
                batch,
                classes,
                accumulate: false,
            });
        }
        if let Some(gradient) = planner.backward(&values, dz, Want::Input) {
            planner.program().push(Instruction::AttackStep {
                x: self.x,
                x0: self.x0,
                gradient,
                eps: self.eps,
                step: self.step,
                norm: self.norm,
                lo: 0.0,
                hi: 1.0,
                batch,
                n,
            });
        }
        let program = planner.program();
        let end = program.instructions().len();
        program.repeat(start..end, self.steps - 1);
        if self.record.is_some() {
            program.repeat(start..evaluated, 1);
        }
    }
}

/// Appends the evaluation at `x` with margins, which go to `record`; returns
/// the values, the margins and the ascent direction in the logits.
pub(super) fn evaluate(
    planner: &mut Planner<'_>,
    x: BufferId,
    labels: BufferId,
    record: Option<Record>,
) -> (Values, BufferId, BufferId) {
    let (batch, n, classes) = (planner.batch(), planner.n_in(), planner.n_out());
    let values = planner.forward(x);
    let program = planner.program();
    let margin = program.zeros("margin", batch);
    let dz = program.zeros("logit gradient", batch * classes);
    program.push(Instruction::Margin {
        z: values.output(),
        labels,
        margin,
        dz,
        batch,
        classes,
    });
    if let Some(record) = record {
        program.push(Instruction::KeepBest {
            x,
            score: margin,
            best: record.best,
            best_score: record.score,
            batch,
            n,
        });
    }
    (values, margin, dz)
}
