//! Interval margins in binary32, to watch a training run.

use super::Error;
use crate::exec::Executor;
use crate::exec::plan::Planner;
use crate::exec::program::{Coefficient, Contents, Instruction};
use crate::graph::Graph;

/// Per sample the margin of the worst-case logits over the ℓ∞ ball of radius
/// `eps` cut with `[0, 1]`, by interval bounds without outward rounding: an
/// estimate, not a bound.
///
/// **Shapes.** `x` (count, elements), `labels` (count).
///
/// # Errors
/// If the graph has no program form, or lengths do not fit it.
pub fn estimate_box_margins(
    executor: &dyn Executor,
    graph: &Graph,
    x: &[f32],
    labels: &[u32],
    eps: f32,
) -> Result<Vec<f32>, Error> {
    let batch = labels.len();
    if batch == 0 {
        return Ok(Vec::new());
    }
    let mut planner = Planner::new(graph, batch)?;
    let (n, classes) = (planner.n_in(), planner.n_out());
    let program = planner.program();
    let x_buffer = program.zeros("samples", batch * n);
    let labels_buffer = program.buffer("labels", Contents::U32(labels.to_vec()));
    let center = program.zeros("box center", batch * n);
    let radius = program.zeros("box radius", batch * n);
    let worst = program.zeros("worst logits", batch * classes);
    let margin = program.zeros("margin", batch);
    let dz = program.zeros("logit gradient", batch * classes);
    program.push(Instruction::InputBox {
        x: x_buffer,
        eps: Coefficient::Fixed(eps),
        lo: 0.0,
        hi: 1.0,
        center,
        radius,
    });
    let boxes = planner.interval(center, radius);
    let program = planner.program();
    let z = match boxes.radius() {
        None => boxes.center(),
        Some(radius) => {
            program.push(Instruction::WorstLogits {
                center: boxes.center(),
                radius,
                labels: labels_buffer,
                out: worst,
                batch,
                classes,
            });
            worst
        }
    };
    program.push(Instruction::Margin {
        z,
        labels: labels_buffer,
        margin,
        dz,
        batch,
        classes,
    });
    let (program, _) = planner.finish();
    let mut session = executor.load(&program)?;
    session.write(x_buffer, x)?;
    session.run()?;
    Ok(session.read(margin)?)
}
