//! Training objectives: what a step's loss is. One file each.

mod ibp;
mod pgd;
mod standard;

use super::Error;
use crate::exec;
use crate::exec::plan::Planner;
use crate::exec::program::{BufferId, Coefficient, Instruction};

/// The buffers that the trainer fills before each step.
#[derive(Clone, Copy, Debug)]
pub struct StepInputs {
    /// samples (batch, elements)
    pub x: BufferId,
    /// labels (batch), u32
    pub labels: BufferId,
    /// seed, restart, first sample: u32
    pub seed: BufferId,
    /// the scalars indexed by [`Scalar`]
    pub scalars: BufferId,
    /// ascent steps of an inner attack
    pub attack_steps: usize,
}

/// Positions in the scalar buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// learning rate
    Rate,
    /// Adam's `1/(1-β1^t)`
    FirstCorrection,
    /// Adam's `1/(1-β2^t)`
    SecondCorrection,
    /// radius ε
    Eps,
    /// κ / batch
    CleanWeight,
    /// (1 - κ) / batch
    RobustWeight,
}

impl Scalar {
    /// Length of the buffer.
    pub const COUNT: usize = 6;
}

impl StepInputs {
    /// `factor ·` a scalar of this step.
    pub fn scaled(&self, scalar: Scalar, factor: f32) -> Coefficient {
        Coefficient::Scalar {
            factor,
            buffer: self.scalars,
            index: scalar as usize,
        }
    }

    /// A scalar of this step.
    pub fn scalar(&self, scalar: Scalar) -> Coefficient {
        self.scaled(scalar, 1.0)
    }
}

/// An objective appends the passes of one step to the program.
pub trait Objective: Sync {
    /// The name, as in the registry and in configurations.
    fn name(&self) -> &'static str;
    /// Appends loss and gradients: afterwards the planner's weights have
    /// gradient buffers. Returns per-sample losses whose sum is the step's loss.
    ///
    /// # Errors
    /// If the graph has no program form.
    fn plan(
        &self,
        planner: &mut Planner<'_>,
        inputs: &StepInputs,
    ) -> Result<Vec<BufferId>, exec::Error>;
}

/// Every objective.
pub fn registry() -> &'static [&'static dyn Objective] {
    &[&standard::Standard, &pgd::Pgd, &ibp::Ibp]
}

/// The objective called `name`.
///
/// # Errors
/// Lists the known names.
pub fn by_name(name: &str) -> Result<&'static dyn Objective, Error> {
    let known = || registry().iter().map(|o| o.name()).collect::<Vec<_>>();
    let found = registry().iter().find(|o| o.name() == name);
    found.copied().ok_or_else(|| Error::Field {
        field: "train.objective",
        found: name.into(),
        expected: format!("one of {}", known().join(", ")),
    })
}

/// Appends the cross-entropy of logits; returns its losses and the cotangent.
fn cross_entropy(
    planner: &mut Planner<'_>,
    z: BufferId,
    labels: BufferId,
    weight: Coefficient,
    what: &str,
) -> (BufferId, BufferId) {
    let (batch, classes) = (planner.batch(), planner.n_out());
    let program = planner.program();
    let loss = program.zeros(format!("{what} loss"), batch);
    let dz = program.zeros(format!("{what} logit gradient"), batch * classes);
    program.push(Instruction::CrossEntropy {
        z,
        labels,
        weight,
        loss,
        dz,
        batch,
        classes,
        accumulate: false,
    });
    (loss, dz)
}

/// Appends `Σ_s weight · CE` at `x` and its gradients in the weights.
fn clean_loss(
    planner: &mut Planner<'_>,
    x: BufferId,
    labels: BufferId,
    weight: Coefficient,
) -> BufferId {
    let values = planner.forward(x);
    let (loss, dz) = cross_entropy(planner, values.output(), labels, weight, "clean");
    planner.backward(&values, dz, crate::exec::plan::Want::Params);
    loss
}
