//! Exposed Runge–Kutta coefficients: order conditions, and steps that follow them.

use super::{Check, Property, Verdict, any, distance, scale_of, short};
use crate::testkit::report::Finding;
use crate::testkit::solver::{Claims, Table};

use super::Stop;

pub(super) const PROPERTIES: &[Property] = &[
    Property {
        name: "order_conditions",
        about: "the exposed coefficients satisfy the order conditions to machine precision",
        needs: table,
        check: conditions,
    },
    Property {
        name: "steps_follow_tableau",
        about: "every step is the step of the exposed coefficients from a fresh right-hand side (first-same-as-last reuse is right)",
        needs: replay_needs,
        check: replay,
    },
];

fn table(c: &Claims) -> Result<(), &'static str> {
    c.table.as_ref().map(|_| ()).ok_or("exposes no tableau")
}

fn replay_needs(c: &Claims) -> Result<(), &'static str> {
    table(c)?;
    any(c)?;
    let explicit = |t: &Table| {
        t.a.iter()
            .enumerate()
            .all(|(i, row)| row.iter().skip(i).all(|&v| v == 0.0))
    };
    match (&c.table, c.returns_steps) {
        (Some(t), true) if explicit(t) => Ok(()),
        (_, true) => Err("the tableau is implicit"),
        _ => Err("does not claim to return its steps"),
    }
}

/// A rooted tree with its density `γ`; children are indices of smaller trees.
struct Tree {
    order: u32,
    density: f64,
    children: Vec<usize>,
}

/// All rooted trees up to `order`, smaller ones first.
fn trees(order: u32) -> Vec<Tree> {
    let mut found = vec![Tree {
        order: 1,
        density: 1.0,
        children: Vec::new(),
    }];
    for n in 2..=order {
        let mut forests = Vec::new();
        forest(&found, n - 1, found.len(), &mut Vec::new(), &mut forests);
        for children in forests {
            let density =
                f64::from(n) * children.iter().map(|&c| found[c].density).product::<f64>();
            found.push(Tree {
                order: n,
                density,
                children,
            });
        }
    }
    found
}

/// Multisets of trees, non-increasing in index below `bound`, with `left` vertices.
fn forest(
    trees: &[Tree],
    left: u32,
    bound: usize,
    chosen: &mut Vec<usize>,
    out: &mut Vec<Vec<usize>>,
) {
    if left == 0 {
        out.push(chosen.clone());
        return;
    }
    for (i, tree) in trees.iter().enumerate().take(bound) {
        if tree.order <= left {
            chosen.push(i);
            forest(trees, left - tree.order, i + 1, chosen, out);
            chosen.pop();
        }
    }
}

/// For each tree the stage vector `Φ` of its elementary weight, and the same with
/// magnitudes, which bounds the rounding.
fn stage_weights(t: &Table, trees: &[Tree]) -> Vec<(Vec<f64>, Vec<f64>)> {
    let s = t.b.len();
    let mut found: Vec<(Vec<f64>, Vec<f64>)> = Vec::new();
    for tree in trees {
        let mut phi = vec![1.0; s];
        let mut size = vec![1.0; s];
        for &c in &tree.children {
            let (below, below_size) = &found[c];
            for i in 0..s {
                let row = &t.a[i];
                phi[i] *= row.iter().zip(below).map(|(a, p)| a * p).sum::<f64>();
                size[i] *= row
                    .iter()
                    .zip(below_size)
                    .map(|(a, p)| (a * p).abs())
                    .sum::<f64>();
            }
        }
        found.push((phi, size));
    }
    found
}

fn conditions(check: &Check<'_>) -> Verdict {
    let t = check.claims.table.as_ref().expect("needed");
    check.count();
    let fail = |expected: String, found: String| {
        Err(Stop::Finding(Box::new(Finding {
            case: format!("the tableau with {} stages", t.b.len()),
            expected,
            found,
            snippet: format!("// A = {:?}\n// b = {:?}\n// c = {:?}\n", t.a, t.b, t.c),
        })))
    };
    let eps = check.subject.epsilon().min(f64::EPSILON);
    for (i, (row, c)) in t.a.iter().zip(&t.c).enumerate() {
        let sum: f64 = row.iter().sum();
        let size: f64 = row.iter().map(|v| v.abs()).sum::<f64>() + c.abs();
        if (sum - c).abs() > 64.0 * eps * size {
            return fail(
                format!("row {i} of A sums to c = {c:?}"),
                format!("{sum:?}"),
            );
        }
    }
    let top = check.claims.order.unwrap_or(1).min(8);
    let list = trees(top);
    let phi = stage_weights(t, &list);
    // Each weight with the sum of the magnitudes it is made of, which bounds its rounding.
    let plain = |b: &[f64]| b.iter().map(|v| (*v, v.abs())).collect::<Vec<_>>();
    let mut weights = vec![("b", plain(&t.b), top, 1.0f64)];
    if let Some((b, order)) = &t.embedded {
        weights.push(("the embedded weights", plain(b), *order, 1.0));
    }
    if let (Some(bi), Some(q)) = (&t.dense, check.claims.dense_order) {
        for theta in [0.25f64, 0.5, 0.75, 1.0] {
            let at = |row: &Vec<f64>| {
                row.iter().rev().fold((0.0, 0.0), |(s, m), c| {
                    ((s + c) * theta, (m + c.abs()) * theta)
                })
            };
            weights.push(("the dense weights", bi.iter().map(at).collect(), q, theta));
        }
    }
    for (name, b, order, theta) in weights {
        for (tree, (p, size)) in list
            .iter()
            .zip(&phi)
            .filter(|(tree, _)| tree.order <= order)
        {
            let sum: f64 = b.iter().zip(p).map(|((b, _), p)| b * p).sum();
            let bound: f64 = b.iter().zip(size).map(|((_, m), p)| m * p).sum();
            let truth = theta.powi(tree.order as i32) / tree.density;
            if (sum - truth).abs() > 256.0 * eps * (bound + truth) {
                return fail(
                    format!(
                        "{name} at theta = {theta} satisfy the condition of order {} with value {truth:?}",
                        tree.order
                    ),
                    format!("{sum:?}, off by {:.2e}", (sum - truth).abs()),
                );
            }
        }
    }
    Ok(())
}

fn replay(check: &Check<'_>) -> Verdict {
    let t = check.claims.table.as_ref().expect("needed");
    // How much the coefficients enlarge a rounding: those of the stages that matter.
    let sum = |row: &[f64]| row.iter().map(|v| v.abs()).sum::<f64>();
    let used = |i: &usize| t.b[*i..].iter().any(|v| *v != 0.0);
    let rows = (0..t.b.len()).filter(used).map(|i| sum(&t.a[i]));
    let large = 16.0 * sum(&t.b).max(1.0) * rows.fold(1.0, f64::max);
    for effort in check.efforts() {
        for problem in check.smooth() {
            let case = check.with(problem.case(), effort);
            let (s, _) = check.solve(&case)?;
            for k in 0..s.t.len() - 1 {
                let (time, h) = (s.t[k], s.t[k + 1] - s.t[k]);
                let mut stages: Vec<Vec<f64>> = Vec::new();
                let mut slope = 0.0f64;
                for (i, row) in t.a.iter().enumerate() {
                    let mut y = s.y[k].clone();
                    for (a, stage) in row.iter().zip(&stages) {
                        y.iter_mut().zip(stage).for_each(|(y, f)| *y += h * a * f);
                    }
                    let mut f = vec![0.0; y.len()];
                    problem.system.eval(time + t.c[i] * h, &y, &mut f);
                    slope = slope.max(scale_of(&[&f]));
                    stages.push(f);
                }
                let mut next = s.y[k].clone();
                for (b, stage) in t.b.iter().zip(&stages) {
                    next.iter_mut()
                        .zip(stage)
                        .for_each(|(y, f)| *y += h * b * f);
                }
                // Rounding of the stages, and of the times around which they are taken.
                let size = scale_of(&[&s.y[k], &next]) + large * h.abs() * slope;
                let bound = 4096.0 * check.subject.epsilon() * size * (1.0 + time.abs());
                if distance(&next, &s.y[k + 1]) > bound {
                    return Err(check.finding(
                        &case,
                        format!(
                            "the step from t = {time:?} to {:?} ends at {:?}",
                            s.t[k + 1],
                            short(&next)
                        ),
                        format!(
                            "{:?}, {:.2e} away",
                            short(&s.y[k + 1]),
                            distance(&next, &s.y[k + 1])
                        ),
                    ));
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_are_counted() {
        let list = trees(8);
        let count = |n| list.iter().filter(|t| t.order == n).count();
        assert_eq!(
            [1, 2, 3, 4, 5, 6, 7, 8].map(count),
            [1, 1, 2, 4, 9, 20, 48, 115]
        );
    }
}
