//! Transformed problems have transformed solutions.

use std::sync::Arc;

use proptest::prelude::*;

use super::accuracy::{quarters, start};
use super::{Check, Effort, Property, Stop, Verdict, any, distance, fixed_step, scale_of, short};
use crate::testkit::case::Case;
use crate::testkit::problems::{self, Problem};
use crate::testkit::solver::{Claims, Control};

pub(super) const PROPERTIES: &[Property] = &[
    Property {
        name: "time_translation",
        about: "an autonomous problem has the same solution at any other time, negative ones and across zero included",
        needs: any,
        check: translation,
    },
    Property {
        name: "backward_integration",
        about: "t1 before t0 is integrated to",
        needs: backward,
        check: integrate_backward,
    },
    Property {
        name: "reversal",
        about: "forward and back again is where it began",
        needs: backward_adaptive,
        check: reversal,
    },
    Property {
        name: "scaling",
        about: "a linear problem scaled by a power of two, tolerances too, has the scaled solution",
        needs: any,
        check: scaling,
    },
    Property {
        name: "superposition",
        about: "the sum of two starts of a linear problem has the sum of the solutions",
        needs: fixed_step,
        check: superposition,
    },
    Property {
        name: "affine_equivariance",
        about: "z = s y + c is solved like y",
        needs: any,
        check: affine,
    },
    Property {
        name: "permutation",
        about: "the order of the components does not matter",
        needs: any,
        check: permutation,
    },
    Property {
        name: "linear_invariants",
        about: "a sum of components that the equation conserves is conserved",
        needs: any,
        check: invariants,
    },
];

fn backward(c: &Claims) -> Result<(), &'static str> {
    any(c)?;
    c.backward
        .then_some(())
        .ok_or("does not claim backward integration")
}

fn backward_adaptive(c: &Claims) -> Result<(), &'static str> {
    super::adaptive(c)?;
    backward(c)
}

/// The end of a run against the reference, or against another run for fixed steps.
fn translation(check: &Check<'_>) -> Verdict {
    for effort in check.efforts() {
        let strategy = (-32i32..=32, 1i32..=16, proptest::bool::ANY);
        check.forall(32, strategy, |&(shift, length, nonlinear)| {
            let (shift, length) = (f64::from(shift) / 4.0, f64::from(length) / 4.0);
            let (system, y0): (_, &[f64]) = match nonlinear {
                true => (problems::van_der_pol(1.0), &[1.0, 0.0]),
                false => (problems::oscillator(), &[1.0, 0.0]),
            };
            let name = if nonlinear {
                "van der Pol, mu 1"
            } else {
                "oscillator"
            };
            let moved = problems::other(name, system.clone(), (shift, shift + length), y0);
            let case = check.with(moved.case(), effort);
            if matches!(effort, Effort::Digits(_)) {
                return check.end_is_accurate(&moved, &case);
            }
            let home = check.with(
                problems::other(name, system, (0.0, length), y0).case(),
                effort,
            );
            same_end(check, &home, &case, 1.0, &[0.0; 2], &moved)
        })?;
    }
    Ok(())
}

/// Two fixed-step runs whose ends are `z = scale y + offset` up to rounding.
fn same_end(
    check: &Check<'_>,
    home: &Case,
    case: &Case,
    scale: f64,
    offset: &[f64],
    problem: &Problem,
) -> Verdict {
    let (a, b) = (check.solve(home)?.0, check.solve(case)?.0);
    check.end_time(case, &b)?;
    let end = a.y.last().expect("well formed");
    let expected: Vec<f64> = end.iter().zip(offset).map(|(y, o)| scale * y + o).collect();
    let found = b.y.last().expect("well formed");
    let size = scale_of(&[&expected, &offset.to_vec(), &case.y0, found])
        .max(scale.abs() * scale_of(&[&home.y0]));
    // Rounding of each step, and of the times, whose size differs between the runs.
    let times = case.t0.abs().max(case.t1.abs()).max(1.0);
    let rounding = 64.0 * 64.0 * check.subject.epsilon() * times * size * problem.growth();
    // An implicit step is solved to a tolerance of its own.
    let slack = if check.claims.implicit {
        1e-4 * size
    } else {
        0.0
    };
    let off = distance(found, &expected);
    if off > rounding + slack {
        return Err(check.finding(
            case,
            format!(
                "the end {:?} of the untransformed problem, transformed, within {:.1e}",
                short(&expected),
                rounding + slack
            ),
            format!("{:?}, {off:.2e} away", short(found)),
        ));
    }
    Ok(())
}

fn integrate_backward(check: &Check<'_>) -> Verdict {
    for effort in check.efforts() {
        let strategy = (-16i32..=16, 1i32..=16, 0usize..3);
        check.forall(32, strategy, |&(t0, length, which)| {
            let (t0, length) = (f64::from(t0) / 4.0, f64::from(length) / 4.0);
            let span = (t0, t0 - length);
            let problem = match which {
                0 => problems::other("decay", problems::decays(1), span, &[1.0]),
                1 => problems::other("oscillator", problems::oscillator(), span, &[1.0, 0.0]),
                _ => problems::other("kinetic chain", problems::chain(), span, &[1.0, 0.5, 0.25]),
            };
            let case = check.with(problem.case(), effort);
            if matches!(effort, Effort::Digits(_)) {
                return check.end_is_accurate(&problem, &case);
            }
            // Fixed steps: to the accuracy any method of order one has.
            let Some(truth) = problem.reference(&[case.t1]) else {
                return Ok(());
            };
            let (s, _) = check.solve(&case)?;
            check.end_time(&case, &s)?;
            let size = scale_of(&[&truth[0].lo, &truth[0].hi, &case.y0]);
            let bound = problem.growth() * size * 4.0 * length * length / 64.0 + 0.1 * size;
            let end = s.y.last().expect("well formed");
            if truth[0].distance(end) > bound {
                return Err(check.finding(
                    &case,
                    format!("y({:?}) near {}", case.t1, super::boxed(&truth[0])),
                    format!("y = {:?}", short(end)),
                ));
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn reversal(check: &Check<'_>) -> Verdict {
    let strategy = (1i32..=12, -8i32..=8, 5u32..=9);
    check.forall(16, strategy, |&(length, t0, digits)| {
        let (t0, length) = (f64::from(t0) / 4.0, f64::from(length) / 4.0);
        let there = problems::other(
            "oscillator",
            problems::oscillator(),
            (t0, t0 + length),
            &[1.0, 0.0],
        );
        let case = check.with(there.case(), Effort::Digits(digits));
        let (s, calls) = check.solve(&case)?;
        let mut back = case.clone();
        (back.t0, back.t1) = (case.t1, case.t0);
        back.y0 = s.y.last().expect("well formed").clone();
        let (r, more) = check.solve(&back)?;
        let bound = check.error_bound(&case, 2.0, 1.0, &s, calls)
            + check.error_bound(&back, 2.0, 1.0, &r, more);
        let end = r.y.last().expect("well formed");
        if distance(end, &case.y0) > bound {
            return Err(check.finding(
                &back,
                format!("back at {:?} within {bound:.1e}", case.y0),
                format!("{end:?}"),
            ));
        }
        Ok(())
    })
}

fn scaling(check: &Check<'_>) -> Verdict {
    let top = check.claims.max_dimension.min(3);
    let strategy = (1..=top).prop_flat_map(|n| (quarters(n), start(n), -20i32..=20));
    check.forall(24, strategy, |(a, y0, k)| {
        let scale = 2f64.powi(*k);
        let problem = problems::linear(a, (0.0, 1.0), y0);
        let scaled: Vec<f64> = y0.iter().map(|v| v * scale).collect();
        for effort in check.efforts() {
            let home = check.with(problem.case(), effort);
            let mut case = home.clone();
            case.y0.clone_from(&scaled);
            if let Control::Tolerance { absolute, .. } = &mut case.control {
                absolute.iter_mut().for_each(|v| *v *= scale);
                let problem = problems::linear(a, (0.0, 1.0), &scaled);
                check.end_is_accurate(&problem, &case)?;
                continue;
            }
            same_end(check, &home, &case, scale, &vec![0.0; y0.len()], &problem)?;
        }
        Ok(())
    })
}

fn superposition(check: &Check<'_>) -> Verdict {
    let top = check.claims.max_dimension.min(3);
    let strategy = (1..=top).prop_flat_map(|n| (quarters(n), start(n), start(n)));
    check.forall(24, strategy, |(a, u, v)| {
        let ends = |y0: &[f64]| -> Result<(Case, Vec<f64>), Stop> {
            let problem = problems::linear(a, (0.0, 1.0), y0);
            let case = check.with(problem.case(), Effort::Steps(64));
            let (s, _) = check.solve(&case)?;
            Ok((case, s.y.last().expect("well formed").clone()))
        };
        let both: Vec<f64> = u.iter().zip(v).map(|(a, b)| a + b).collect();
        let ((_, one), (_, other), (case, found)) = (ends(u)?, ends(v)?, ends(&both)?);
        let expected: Vec<f64> = one.iter().zip(&other).map(|(a, b)| a + b).collect();
        let growth = problems::linear(a, (0.0, 1.0), u).growth();
        let size = scale_of(&[u, v, &one, &other]);
        let slack = if check.claims.implicit { 1e-4 } else { 0.0 };
        let bound = size * (64.0 * 64.0 * check.subject.epsilon() * growth + slack);
        if distance(&found, &expected) > bound {
            return Err(check.finding(
                &case,
                format!(
                    "{:?}, the sum of the ends from {u:?} and {v:?}",
                    short(&expected)
                ),
                format!(
                    "{:?}, {:.2e} away",
                    short(&found),
                    distance(&found, &expected)
                ),
            ));
        }
        Ok(())
    })
}

fn affine(check: &Check<'_>) -> Verdict {
    let strategy = (-3i32..=3, proptest::collection::vec(-4i32..=4, 2));
    check.forall(16, strategy, |(k, offset)| {
        let scale = 2f64.powi(*k);
        let offset: Vec<f64> = offset.iter().map(|&o| f64::from(o)).collect();
        let problem = problems::other(
            "van der Pol, mu 1",
            problems::van_der_pol(1.0),
            (0.0, 2.0),
            &[1.0, 0.0],
        );
        let moved = problems::other(
            "van der Pol, mu 1, moved",
            problem.system.affine(scale, &offset),
            problem.span,
            &[scale + offset[0], offset[1]],
        );
        for effort in check.efforts() {
            // Sharp, since the estimates of high orders mean little over a few long steps.
            let effort = match effort {
                Effort::Digits(_) => Effort::Digits(8),
                steps => steps,
            };
            let home = check.with(problem.case(), effort);
            let mut case = check.with(moved.case(), effort);
            case.name = format!("van der Pol, mu 1, z = {scale} y + {offset:?}");
            match effort {
                Effort::Digits(_) => check.end_is_accurate(&moved, &case)?,
                Effort::Steps(_) => same_end(check, &home, &case, scale, &offset, &problem)?,
            }
        }
        Ok(())
    })
}

fn permutation(check: &Check<'_>) -> Verdict {
    let orders: &[&[usize]] = &[&[1, 0, 2], &[2, 0, 1], &[2, 1, 0], &[0, 2, 1]];
    for effort in check.efforts() {
        for order in orders {
            let problem = problems::other(
                "kinetic chain",
                problems::chain(),
                (0.0, 2.0),
                &[1.0, 0.5, 0.25],
            );
            if check.claims.max_dimension < 3 {
                return Ok(());
            }
            let mut moved = problem.clone();
            moved.system = Arc::new(problem.system.permuted(order));
            moved.y0 = order.iter().map(|&i| problem.y0[i]).collect();
            let case = check.with(moved.case(), effort);
            if matches!(effort, Effort::Digits(_)) {
                check.end_is_accurate(&moved, &case)?;
                continue;
            }
            let home = check.with(problem.case(), effort);
            let (a, b) = (check.solve(&home)?.0, check.solve(&case)?.0);
            let end = a.y.last().expect("well formed");
            let expected: Vec<f64> = order.iter().map(|&i| end[i]).collect();
            let found = b.y.last().expect("well formed");
            let slack = if check.claims.implicit {
                1e-4
            } else {
                4096.0 * check.subject.epsilon()
            };
            if distance(&expected, found) > slack {
                return Err(check.finding(&case, format!("{expected:?}"), format!("{found:?}")));
            }
        }
    }
    Ok(())
}

fn invariants(check: &Check<'_>) -> Verdict {
    if check.claims.max_dimension < 3 {
        return Ok(());
    }
    for effort in check.efforts() {
        let problem = problems::other(
            "kinetic chain",
            problems::chain(),
            (0.0, 4.0),
            &[1.0, 0.5, 0.25],
        );
        let case = check.with(problem.case(), effort);
        let (s, calls) = check.solve(&case)?;
        let rounding = 64.0 * check.subject.epsilon() * s.t.len().max(calls as usize) as f64;
        // The equations of an implicit step are solved to a tolerance.
        let slack = match (check.claims.implicit, effort) {
            (true, Effort::Digits(_)) => check.error_bound(&case, 1.0, 1.0, &s, calls),
            (true, Effort::Steps(_)) => 1e-4,
            _ => 0.0,
        };
        for (t, y) in s.t.iter().zip(&s.y) {
            let sum: f64 = y.iter().sum();
            if (sum - 1.75).abs() > rounding + slack {
                return Err(check.finding(
                    &case,
                    format!(
                        "the components sum to 1.75 within {:.1e} at every step",
                        rounding + slack
                    ),
                    format!("{sum:?} at t = {t:?}"),
                ));
            }
        }
    }
    Ok(())
}
