//! Order of convergence under fixed steps.
//!
//! The error of a run is its largest distance from the reference over the nodes
//! common to all runs, over all components: a zero of one component's error cannot
//! fake an order. A pair of runs counts only if both errors stand well above
//! rounding. The order is read where the steps are smallest, and only the median
//! over several problems is held against the claim, so one problem whose leading
//! error term happens to vanish or whose asymptotic range starts late cannot fail
//! a right method.

use super::{Check, Property, Stop, Verdict, fixed_step};
use crate::testkit::problems::Problem;
use crate::testkit::solver::{Claims, Solution};

pub(super) const PROPERTIES: &[Property] = &[
    Property {
        name: "order_of_convergence",
        about: "halving the step divides the error by 2^order",
        needs: order_needs,
        check: order,
    },
    Property {
        name: "zero_stability_refinement",
        about: "refining the step never makes the error grow",
        needs: fixed_step,
        check: refinement,
    },
    Property {
        name: "zero_stability_perturbed_start",
        about: "a perturbed start moves the solution by no more than the problem allows, however small the step",
        needs: fixed_step,
        check: perturbed_start,
    },
];

fn order_needs(c: &Claims) -> Result<(), &'static str> {
    fixed_step(c)?;
    c.order.map(|_| ()).ok_or("claims no order")
}

/// Errors of runs with `first · 2^k` steps and the rounding floor of each.
fn errors(
    check: &Check<'_>,
    problem: &Problem,
    first: u32,
    runs: u32,
) -> Result<Vec<(f64, f64)>, Stop> {
    const NODES: usize = 8;
    let (a, b) = problem.span;
    let times: Vec<f64> = (1..=NODES)
        .map(|k| a + (b - a) * k as f64 / NODES as f64)
        .collect();
    let Some(truth) = problem.reference(&times) else {
        return Ok(Vec::new());
    };
    let growth = problem.growth();
    let mut found = Vec::new();
    for k in 0..runs {
        let n = first << k;
        let case = check.with(problem.case(), super::Effort::Steps(n));
        let (s, _) = check.solve(&case)?;
        let scale = truth
            .iter()
            .map(|e| super::scale_of(&[&e.lo, &e.hi]))
            .fold(1e-300, f64::max);
        let floor = 32.0 * check.subject.epsilon() * growth * scale * f64::from(n).sqrt();
        let h = (b - a) / f64::from(n);
        let mut error = 0.0f64;
        for (t, e) in times.iter().zip(&truth) {
            match node(&s, *t, h) {
                Some(y) => error = error.max(e.distance(y)),
                None if *t == b => error = error.max(e.distance(s.y.last().expect("well formed"))),
                None => {}
            }
        }
        found.push((error, floor));
    }
    Ok(found)
}

/// The state at the node nearest to `t`, if it is there up to rounding.
fn node(s: &Solution<f64>, t: f64, h: f64) -> Option<&Vec<f64>> {
    let at = s.t.iter().position(|u| (u - t).abs() <= 1e-9 * h.abs())?;
    s.y.get(at)
}

/// An observed order, the problem, and its errors by step size.
type Observed = (f64, &'static str, Vec<(f64, f64)>);

fn order(check: &Check<'_>) -> Verdict {
    let claimed = f64::from(check.claims.order.unwrap_or(1));
    let mut observed: Vec<Observed> = Vec::new();
    for problem in check.smooth() {
        // High orders reach rounding soon: start coarse.
        let first = if claimed >= 5.0 { 16 } else { 32 };
        let e = errors(check, &problem, first, 6)?;
        let usable: Vec<f64> = e
            .windows(2)
            .filter(|w| w[0].0 > 30.0 * w[0].1 && w[1].0 > 30.0 * w[1].1)
            .map(|w| (w[0].0 / w[1].0).log2())
            .collect();
        // The two finest usable pairs; the better of them excuses a sign change.
        if let [.., p, q] = usable[..] {
            observed.push((p.max(q), problem.name, e));
        }
    }
    if observed.len() < 3 {
        return Err(Stop::Skip("errors reach rounding before an order shows"));
    }
    observed.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (median, name, e) = &observed[observed.len() / 2];
    if *median < claimed - 0.35 {
        let problem = check
            .smooth()
            .into_iter()
            .find(|p| p.name == *name)
            .expect("listed");
        let case = check.with(problem.case(), super::Effort::Steps(64));
        let list: Vec<String> = e.iter().map(|(e, _)| format!("{e:.2e}")).collect();
        return Err(check.finding(
            &case,
            format!(
                "order {claimed}: the median over {} problems",
                observed.len()
            ),
            format!(
                "order {median:.2}; here the errors under halved steps are {}",
                list.join(", ")
            ),
        ));
    }
    Ok(())
}

fn refinement(check: &Check<'_>) -> Verdict {
    for problem in check.smooth().into_iter().take(4) {
        let e = errors(check, &problem, 32, 8)?;
        let Some((coarse, _)) = e.first().copied() else {
            continue;
        };
        for (k, &(error, floor)) in e.iter().enumerate() {
            if error > 1.5 * coarse + 100.0 * floor {
                let case = check.with(problem.case(), super::Effort::Steps(32 << k));
                return Err(check.finding(
                    &case,
                    format!("an error no larger than the {coarse:.2e} of 32 steps"),
                    format!("an error of {error:.2e}"),
                ));
            }
        }
    }
    Ok(())
}

fn perturbed_start(check: &Check<'_>) -> Verdict {
    let delta = (1e3 * check.subject.epsilon()).max(2f64.powi(-20));
    for problem in check.smooth().into_iter().take(4) {
        let growth = problem.growth();
        for n in [64, 512, 4096] {
            let case = check.with(problem.case(), super::Effort::Steps(n));
            let mut moved = case.clone();
            moved.y0[0] += delta;
            let (s, r) = (check.solve(&case)?.0, check.solve(&moved)?.0);
            let (a, b) = (
                s.y.last().expect("well formed"),
                r.y.last().expect("well formed"),
            );
            let off = super::distance(a, b);
            let rounding = 100.0
                * check.subject.epsilon()
                * f64::from(n)
                * growth
                * super::scale_of(&[a]).max(1.0);
            if off > 4.0 * growth * delta + rounding {
                return Err(check.finding(
                    &moved,
                    format!(
                        "at most {:.1e} away from the solution that starts {delta:.1e} beside",
                        4.0 * growth * delta
                    ),
                    format!("{off:.2e}"),
                ));
            }
        }
    }
    Ok(())
}
