//! The smallest radius at which an attack succeeds, sample by sample.

use super::{
    Attack, Candidate, Error, Executor, Graph, Loaded, Options, Rational, count, estimate_margins,
    finish,
};

/// For each sample the closest point found at which the network seems to err,
/// or `None` if the attack fails at `options.eps`: bisection of the radius
/// (`halvings` times), then of the segment from the sample to the point found.
/// A sample that is misclassified itself comes back at distance 0.
///
/// Samples whose bisections stand at the same radius share a submission.
///
/// # Errors
/// Those of [`run`](super::run).
pub fn minimal_eps(
    attack: &dyn Attack,
    executor: &dyn Executor,
    graph: &Graph,
    x: &[f32],
    labels: &[u32],
    options: &Options,
    halvings: usize,
) -> Result<Vec<Option<Candidate>>, Error> {
    options.validate()?;
    let count = count(graph, x, labels)?;
    let n = graph.input_shape(0).len();
    let mut found: Vec<Option<Candidate>> = vec![None; count];
    let clean = estimate_margins(executor, graph, x, labels, options.batch)?;
    for (s, margin) in clean.iter().enumerate().filter(|(_, m)| **m <= 0.0) {
        found[s] = Some(Candidate {
            sample: s,
            x: x[s * n..(s + 1) * n].to_vec(),
            margin_estimate: *margin,
            distance: 0.0,
        });
    }
    let mut groups: Vec<(Rational, Vec<usize>)> = vec![(
        options.eps.clone(),
        (0..count).filter(|&s| clean[s] > 0.0).collect(),
    )];
    let mut loaded = Loaded::new(attack, executor, graph, options.batch, options)?;
    let mut half = options.eps.clone();
    for round in 0..=halvings {
        half /= 2;
        let mut next: Vec<(Rational, Vec<usize>)> = Vec::new();
        for (eps, which) in groups.into_iter().filter(|g| !g.1.is_empty()) {
            let points = loaded.attack(x, labels, &which, &eps, options)?;
            let candidates = finish(
                executor,
                graph,
                x,
                labels,
                &which,
                points,
                |_| &eps,
                options,
            )?;
            let (mut wrong, mut right) = (Vec::new(), Vec::new());
            for candidate in candidates {
                let s = candidate.sample;
                if candidate.seems_wrong() {
                    wrong.push(s);
                    found[s] = Some(candidate);
                } else {
                    right.push(s);
                }
            }
            next.push((Rational::from(&eps - &half), wrong));
            // Nothing is known beyond the largest radius.
            if round > 0 {
                next.push((Rational::from(&eps + &half), right));
            }
        }
        groups = next;
    }
    shorten(executor, graph, x, labels, &mut found, options)?;
    Ok(found)
}

/// Bisects the segment from each sample to its point for the smallest fraction
/// at which the network still seems to err.
fn shorten(
    executor: &dyn Executor,
    graph: &Graph,
    x: &[f32],
    labels: &[u32],
    found: &mut [Option<Candidate>],
    options: &Options,
) -> Result<(), Error> {
    const HALVINGS: usize = 8;
    let n = graph.input_shape(0).len();
    let which: Vec<usize> = found
        .iter()
        .flatten()
        .filter(|c| c.distance > 0.0)
        .map(|c| c.sample)
        .collect();
    let ends: Vec<Vec<f32>> = which
        .iter()
        .filter_map(|&s| found[s].as_ref().map(|c| c.x.clone()))
        .collect();
    let mut range = vec![(0.0f64, 1.0f64); which.len()];
    for _ in 0..HALVINGS {
        let middle: Vec<f64> = range.iter().map(|(a, b)| 0.5 * (a + b)).collect();
        let points = which.iter().zip(&ends).zip(&middle).map(|((&s, end), t)| {
            let x0 = &x[s * n..(s + 1) * n];
            let line = x0.iter().zip(end).map(|(a, b)| {
                let (a, b) = (f64::from(*a), f64::from(*b));
                (a + t * (b - a)) as f32
            });
            line.collect()
        });
        let candidates = finish(
            executor,
            graph,
            x,
            labels,
            &which,
            points.collect(),
            |_| &options.eps,
            options,
        )?;
        for ((candidate, range), t) in candidates.into_iter().zip(&mut range).zip(middle) {
            let slot = &mut found[candidate.sample];
            if !candidate.seems_wrong() {
                range.0 = t;
                continue;
            }
            range.1 = t;
            if slot
                .as_ref()
                .is_none_or(|c| candidate.distance < c.distance)
            {
                *slot = Some(candidate);
            }
        }
    }
    Ok(())
}
