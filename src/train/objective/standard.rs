//! Mean cross-entropy.

use super::{BufferId, Coefficient, Objective, Planner, StepInputs, clean_loss};
use crate::exec;

/// `mean CE(f(x), y)`
#[derive(Clone, Copy, Debug)]
pub(super) struct Standard;

impl Objective for Standard {
    fn name(&self) -> &'static str {
        "standard"
    }

    fn plan(
        &self,
        planner: &mut Planner<'_>,
        inputs: &StepInputs,
    ) -> Result<Vec<BufferId>, exec::Error> {
        let weight = Coefficient::Fixed(1.0 / planner.batch() as f32);
        Ok(vec![clean_loss(planner, inputs.x, inputs.labels, weight)])
    }
}
