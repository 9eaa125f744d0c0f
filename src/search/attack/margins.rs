//! Margins in binary32.

use super::{Contents, Error, Executor, Graph, Planner, ascent, count};

/// `z_y - max_{j≠y} z_j` at each sample: an estimate. `x` is (count, elements).
///
/// # Errors
/// Lengths that do not fit the graph, executor failures.
pub fn estimate_margins(
    executor: &dyn Executor,
    graph: &Graph,
    x: &[f32],
    labels: &[u32],
    batch: usize,
) -> Result<Vec<f32>, Error> {
    let count = count(graph, x, labels)?;
    if count == 0 {
        return Ok(Vec::new());
    }
    let batch = batch.clamp(1, count);
    let mut planner = Planner::new(graph, batch)?;
    let n = planner.n_in();
    let x_buffer = planner.program().zeros("samples", batch * n);
    let labels_buffer = planner
        .program()
        .buffer("labels", Contents::U32(vec![0; batch]));
    let (_, margin, _) = ascent::evaluate(&mut planner, x_buffer, labels_buffer, None);
    let (program, _) = planner.finish();
    let mut session = executor.load(&program)?;
    let mut margins = Vec::with_capacity(count);
    for (x, y) in x.chunks(batch * n).zip(labels.chunks(batch)) {
        let (mut x, mut y) = (x.to_vec(), y.to_vec());
        let real = y.len();
        x.resize(batch * n, 0.0);
        y.resize(batch, 0);
        session.write(x_buffer, &x)?;
        session.write_u32(labels_buffer, &y)?;
        session.run()?;
        margins.extend_from_slice(&session.read(margin)?[..real]);
    }
    Ok(margins)
}
