//! Output between the steps.

use proptest::prelude::*;

use super::{Check, Effort, Property, Verdict, any, boxed, distance, scale_of, short};
use crate::testkit::case::Case;
use crate::testkit::problems::{self, Problem};
use crate::testkit::solver::{Claims, Control, Solution};

pub(super) const PROPERTIES: &[Property] = &[
    Property {
        name: "output_times",
        about: "every time asked for is answered, at that time, in order, accurately",
        needs: dense,
        check: |c| complete(c, false),
    },
    Property {
        name: "output_times_backward",
        about: "the same when time runs backward",
        needs: dense_backward,
        check: |c| complete(c, true),
    },
    Property {
        name: "output_at_ends",
        about: "output at the ends of the interval alone is the initial value and the solver's own end",
        needs: dense,
        check: at_ends,
    },
    Property {
        name: "dense_agrees_at_nodes",
        about: "dense output at the solver's own nodes is the solution there",
        needs: dense_steps,
        check: agrees,
    },
    Property {
        name: "dense_order",
        about: "the dense output converges with the order claimed for it",
        needs: dense_order,
        check: order,
    },
];

fn dense(c: &Claims) -> Result<(), &'static str> {
    any(c)?;
    c.dense.then_some(()).ok_or("does not claim dense output")
}

fn dense_backward(c: &Claims) -> Result<(), &'static str> {
    dense(c)?;
    c.backward
        .then_some(())
        .ok_or("does not claim backward integration")
}

fn dense_steps(c: &Claims) -> Result<(), &'static str> {
    dense(c)?;
    c.returns_steps
        .then_some(())
        .ok_or("does not claim to return its steps")
}

fn dense_order(c: &Claims) -> Result<(), &'static str> {
    dense_steps(c)?;
    c.dense_order
        .map(|_| ())
        .ok_or("claims no order of dense output")
}

/// The outputs answer exactly the times asked for.
pub(super) fn answers(check: &Check<'_>, case: &Case, s: &Solution<f64>) -> Verdict {
    let times: Vec<f64> = s.output.iter().map(|(t, _)| *t).collect();
    let unit = check.subject.epsilon() * case.t0.abs().max(case.t1.abs());
    let same = times.len() == case.output.len()
        && times
            .iter()
            .zip(&case.output)
            .all(|(a, b)| (a - b).abs() <= 2.0 * unit);
    if !same {
        return Err(check.finding(
            case,
            format!(
                "output at the {} times {:?}",
                case.output.len(),
                case.output
            ),
            format!("output at the {} times {times:?}", times.len()),
        ));
    }
    Ok(())
}

fn complete(check: &Check<'_>, backward: bool) -> Verdict {
    for effort in check.efforts() {
        // Sixty-fourths of the interval, so the end and clusters occur.
        let marks = proptest::collection::btree_set(1u32..=64, 1..8);
        check.forall(
            32,
            (0usize..3, marks, -16i32..=16),
            |(which, marks, shift)| {
                let base = match which {
                    0 => problems::other("decay", problems::decays(1), (0.0, 2.0), &[1.0]),
                    1 => problems::other(
                        "oscillator",
                        problems::oscillator(),
                        (0.0, 4.0),
                        &[1.0, 0.0],
                    ),
                    _ => problems::other(
                        "van der Pol, mu 1",
                        problems::van_der_pol(1.0),
                        (0.0, 2.0),
                        &[1.0, 0.0],
                    ),
                };
                // Thirds, so that sums of times are rounded.
                let shift = f64::from(*shift) / 3.0;
                let (mut a, mut b) = (shift, base.span.1 + shift);
                if backward {
                    std::mem::swap(&mut a, &mut b);
                }
                let problem = Problem {
                    span: (a, b),
                    ..base
                };
                let mut case = check.with(problem.case(), effort);
                let time = |k: u32| a + (b - a) * f64::from(k) / 64.0;
                case.output = marks
                    .iter()
                    .map(|&k| if k < 64 { time(k) } else { b })
                    .collect();
                let (s, calls) = check.solve(&case)?;
                answers(check, &case, &s)?;
                accurate(check, &problem, &case, &s, calls)
            },
        )?;
    }
    Ok(())
}

/// Backward only where it is claimed.
pub(super) fn any_direction(check: &Check<'_>) -> impl Strategy<Value = bool> + use<> {
    let backward = check.claims.backward;
    proptest::bool::ANY.prop_map(move |b| b && backward)
}

/// Each output within the error of the steps and of an interpolation of the order
/// claimed (linear if none is).
fn accurate(
    check: &Check<'_>,
    problem: &Problem,
    case: &Case,
    s: &Solution<f64>,
    calls: u64,
) -> Verdict {
    let Some(truth) = problem.reference(&case.output) else {
        return Ok(());
    };
    let scale = truth
        .iter()
        .map(|e| scale_of(&[&e.lo, &e.hi]))
        .fold(scale_of(&[&case.y0]), f64::max);
    let fixed = matches!(case.control, Control::Step(_));
    // Derivatives of these problems grow at most like 2^k.
    let longest = if check.claims.returns_steps {
        s.t.windows(2)
            .map(|w| (w[1] - w[0]).abs())
            .fold(0.0, f64::max)
    } else {
        (case.t1 - case.t0).abs() / if fixed { 64.0 } else { 4.0 }
    };
    let q = check.claims.dense_order.unwrap_or(1) as i32;
    let factorial: f64 = (1..=q + 1).map(f64::from).product();
    let between = scale * (2.0 * longest).powi(q + 1) / factorial;
    let steps = check.error_bound(case, problem.growth(), scale, s, calls);
    let floor = 1e4 * check.subject.epsilon() * scale;
    for ((t, y), e) in s.output.iter().zip(&truth) {
        let error = e.distance(y);
        if error > steps + between + floor {
            return Err(check.finding(
                case,
                format!(
                    "y({t:?}) within {:.1e} of {}",
                    steps + between + floor,
                    boxed(e)
                ),
                format!("y = {:?}, off by {error:.3e}", short(y)),
            ));
        }
    }
    Ok(())
}

fn at_ends(check: &Check<'_>) -> Verdict {
    for effort in check.efforts() {
        for problem in check.smooth() {
            let mut case = check.with(problem.case(), effort);
            let (s, _) = check.solve(&case)?;
            let scale = s.y.iter().map(|y| scale_of(&[y])).fold(0.0, f64::max);
            let end = (case.t1, s.y.last().expect("well formed").clone());
            let start = (case.t0, case.y0.clone());
            for wanted in [vec![start, end.clone()], vec![end]] {
                case.output = wanted.iter().map(|(t, _)| *t).collect();
                let (s, _) = check.solve(&case)?;
                answers(check, &case, &s)?;
                for ((t, found), (_, own)) in s.output.iter().zip(&wanted) {
                    let off = distance(found, own);
                    // Output may move the last steps of a fixed size by rounding.
                    if off > 4096.0 * check.subject.epsilon() * scale {
                        return Err(check.finding(
                            &case,
                            format!("y({t:?}) = {:?}, as without output", short(own)),
                            format!("{:?}, {off:.2e} away", short(found)),
                        ));
                    }
                }
            }
        }
    }
    Ok(())
}

fn agrees(check: &Check<'_>) -> Verdict {
    for effort in check.efforts() {
        for problem in check.smooth() {
            let mut case = check.with(problem.case(), effort);
            let (sparse, _) = check.solve(&case)?;
            case.output = sparse.t.clone();
            let (s, _) = check.solve(&case)?;
            answers(check, &case, &s)?;
            let scale = s.y.iter().map(|y| scale_of(&[y])).fold(0.0, f64::max);
            for (t, y) in &s.output {
                // Only nodes of the same run: outputs may move steps.
                let Some(at) = s.t.iter().position(|u| u == t) else {
                    continue;
                };
                let off = distance(y, &s.y[at]);
                if off > 4096.0 * check.subject.epsilon() * scale {
                    case.output = vec![*t];
                    return Err(check.finding(
                        &case,
                        format!(
                            "y({t:?}) = {:?}, the solver's own value at this node",
                            short(&s.y[at])
                        ),
                        format!("{:?} from the dense output, {off:.2e} away", short(y)),
                    ));
                }
            }
        }
    }
    Ok(())
}

fn order(check: &Check<'_>) -> Verdict {
    let claimed = f64::from(check.claims.dense_order.unwrap_or(1));
    let steps = check.claims.order.map_or(claimed, f64::from);
    let expected = (claimed + 1.0).min(steps);
    let mut slopes = Vec::new();
    let mut last = None;
    let efforts: Vec<Effort> = if check.claims.fixed_step {
        [8, 16, 32, 64].map(Effort::Steps).to_vec()
    } else {
        [3, 5, 7, 9].map(Effort::Digits).to_vec()
    };
    for problem in [
        problems::other(
            "oscillator",
            problems::oscillator(),
            (0.0, 3.0),
            &[1.0, 0.0],
        ),
        problems::other(
            "van der Pol, mu 1",
            problems::van_der_pol(1.0),
            (0.0, 2.0),
            &[1.0, 0.0],
        ),
        problems::other("decay", problems::decays(1), (0.0, 2.0), &[1.0]),
    ] {
        let times: Vec<f64> = (1..160)
            .map(|k| problem.span.1 * f64::from(k) / 160.0)
            .collect();
        let Some(truth) = problem.reference(&times) else {
            continue;
        };
        let mut points: Vec<(f64, f64)> = Vec::new();
        for &effort in &efforts {
            let mut case = check.with(problem.case(), effort);
            case.output = times.clone();
            let (s, _) = check.solve(&case)?;
            answers(check, &case, &s)?;
            let outputs = s.output.iter().zip(&truth);
            let error = outputs.map(|((_, y), e)| e.distance(y)).fold(0.0, f64::max);
            let gaps = s.t.windows(2).map(|w| (w[1] - w[0]).abs());
            let mean = gaps.sum::<f64>() / (s.t.len().max(2) - 1) as f64;
            let floor = 1e3 * check.subject.epsilon();
            if error > floor && s.t.len() > 4 {
                points.push((mean, error));
            }
            case.output.truncate(8);
            last = Some(case);
        }
        if let (Some(a), Some(b)) = (points.first(), points.last())
            && a.0 > 2.5 * b.0
        {
            slopes.push((a.1 / b.1).ln() / (a.0 / b.0).ln());
        }
    }
    slopes.sort_by(f64::total_cmp);
    let Some(&median) = slopes.get(slopes.len() / 2) else {
        return Ok(());
    };
    if median < expected - 0.75
        && let Some(case) = last
    {
        return Err(check.finding(
            &case,
            format!("errors between the nodes of order {expected} in the step"),
            format!("order {median:.2} (median of {slopes:.2?})"),
        ));
    }
    Ok(())
}
