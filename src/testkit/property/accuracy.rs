//! Errors against certified references.

use proptest::prelude::*;

use super::{Check, Effort, Property, Stop, Verdict, adaptive, boxed, scale_of, short};
use crate::testkit::problems;
use crate::testkit::solver::{Claims, Control};

pub(super) const PROPERTIES: &[Property] = &[
    Property {
        name: "accuracy_gallery",
        about: "the classical problems are solved to tolerance",
        needs: adaptive,
        check: gallery,
    },
    Property {
        name: "accuracy_random_linear",
        about: "random linear systems on random intervals are solved to tolerance",
        needs: adaptive,
        check: random_linear,
    },
    Property {
        name: "tolerance_proportionality",
        about: "a tolerance 10,000 times smaller gives a much smaller error",
        needs: adaptive,
        check: proportionality,
    },
    Property {
        name: "stiff_accuracy",
        about: "stiff problems are solved to tolerance at the price of an implicit method",
        needs: stiff_needs,
        check: stiff,
    },
    Property {
        name: "stiff_long_run",
        about: "a stiff oscillation is followed over twenty periods",
        needs: stiff_needs,
        check: long_run,
    },
    Property {
        name: "discontinuous_rhs",
        about: "jumps of the right-hand side are passed with errors near the tolerance",
        needs: adaptive,
        check: discontinuous,
    },
    Property {
        name: "large_dimension",
        about: "a thousand components (two hundred for implicit solvers, which may factor dense matrices)",
        needs: adaptive,
        check: large_dimension,
    },
];

fn stiff_needs(c: &Claims) -> Result<(), &'static str> {
    match (c.implicit, c.adaptive) {
        (false, _) => Err("does not claim to be implicit"),
        (_, false) => Err("does not claim adaptive steps"),
        _ => Ok(()),
    }
}

fn gallery(check: &Check<'_>) -> Verdict {
    for problem in check.smooth() {
        for digits in [4, 6, 9] {
            let case = check.with(problem.case(), Effort::Digits(digits));
            check.end_is_accurate(&problem, &case)?;
        }
    }
    Ok(())
}

/// Matrices of quarters, so that a failing case reads well.
pub(super) fn quarters(n: usize) -> impl Strategy<Value = Vec<Vec<f64>>> {
    let entry = (-8i32..=8).prop_map(|k| f64::from(k) / 4.0);
    proptest::collection::vec(proptest::collection::vec(entry, n), n)
}

/// A start of small integers.
pub(super) fn start(n: usize) -> impl Strategy<Value = Vec<f64>> {
    proptest::collection::vec((-4i32..=4).prop_map(f64::from), n)
}

fn random_linear(check: &Check<'_>) -> Verdict {
    let top = check.claims.max_dimension.min(4);
    let strategy = (1..=top)
        .prop_flat_map(|n| (quarters(n), start(n), -8i32..=8, 1i32..=12, 4u32..=9))
        .prop_map(|(a, y0, t0, length, digits)| {
            (a, y0, f64::from(t0) / 2.0, f64::from(length) / 4.0, digits)
        });
    check.forall(48, strategy, |(a, y0, t0, length, digits)| {
        let problem = problems::linear(a, (*t0, t0 + length), y0);
        let case = check.with(problem.case(), Effort::Digits(*digits));
        check.end_is_accurate(&problem, &case)
    })
}

fn proportionality(check: &Check<'_>) -> Verdict {
    let (loose, tight) = if check.subject.epsilon() > 1e-10 {
        (2, 4)
    } else {
        (4, 8)
    };
    for problem in check.smooth() {
        let Some(truth) = problem.reference(&[problem.span.1]) else {
            continue;
        };
        let mut errors = Vec::new();
        let mut last = None;
        for digits in [loose, tight] {
            let case = check.with(problem.case(), Effort::Digits(digits));
            let (s, calls) = check.solve(&case)?;
            let scale = scale_of(&[&case.y0, &truth[0].hi, &truth[0].lo]);
            let floor = 1e3
                * check.subject.epsilon()
                * problem.growth()
                * scale
                * s.t.len().max(calls as usize / 8) as f64;
            let tolerance = match &case.control {
                Control::Tolerance { relative, .. } => relative * (1.0 + scale),
                Control::Step(_) => unreachable!("asked with digits"),
            };
            errors.push((
                truth[0].distance(s.y.last().expect("well formed")),
                tolerance.max(floor),
            ));
            last = Some(case);
        }
        let case = last.expect("two runs");
        // Only where the loose error says something: a lucky loose run proves nothing,
        // so the tight error has to be both large for its tolerance and not much smaller.
        let ((coarse, _), (fine, tolerance)) = (errors[0], errors[1]);
        if fine > 0.1 * coarse && fine > 100.0 * tolerance * problem.growth() {
            return Err(check.finding(
                &case,
                format!(
                    "an error far below the {coarse:.2e} of a tolerance 10^{} times larger",
                    tight - loose
                ),
                format!("an error of {fine:.2e}"),
            ));
        }
    }
    Ok(())
}

fn stiff(check: &Check<'_>) -> Verdict {
    for problem in check.fitting(problems::stiff()) {
        for digits in [4, 6] {
            let case = check.with(problem.case(), Effort::Digits(digits));
            let case = match problem.name {
                // Its second component lives at 1e-5.
                "Robertson" => case.tolerance(1e-5, 1e-10),
                _ => case,
            };
            check.end_is_accurate(&problem, &case)?;
            let calls = check.run(&case)?.calls;
            // Explicit methods need about a million for the second problem.
            if calls > 200_000 {
                return Err(check.finding(
                    &case,
                    "at most 200000 evaluations for a stiff problem",
                    format!("{calls} evaluations"),
                ));
            }
        }
    }
    Ok(())
}

/// Van der Pol with `μ = 10` has the period 19.078…: forty-one or forty-two changes of sign
/// in 400, and its amplitude stays near 2. Neither depends on how accurate a run is.
fn long_run(check: &Check<'_>) -> Verdict {
    let system = problems::van_der_pol(10.0);
    let problem = problems::other("van der Pol, mu 10", system, (0.0, 400.0), &[2.0, 0.0]);
    if !check.fits(&problem) {
        return Err(Stop::Skip("claims a smaller largest dimension"));
    }
    let case = check.with(problem.case(), Effort::Digits(4));
    let (s, _) = check.solve(&case)?;
    check.end_time(&case, &s)?;
    let largest = s.y.iter().map(|y| y[0].abs()).fold(0.0, f64::max);
    let turns = s.y.windows(2).filter(|w| w[0][0] * w[1][0] < 0.0).count();
    if largest > 2.1 || (check.claims.returns_steps && !(40..=43).contains(&turns)) {
        return Err(check.finding(
            &case,
            "41 or 42 changes of sign, no component 0 beyond 2.1",
            format!("{turns} changes of sign, component 0 up to {largest}"),
        ));
    }
    Ok(())
}

/// A jump between two stages can hide from the error estimate of any method, so only
/// errors at most positions of the jump are a failure.
fn discontinuous(check: &Check<'_>) -> Verdict {
    let mut wrong = Vec::new();
    for k in 0..16 {
        let at = f64::from(k) / 8.0 + 1.0 / 64.0;
        let problem = problems::other("jump", problems::jump(at), (0.0, 2.0), &[0.5]);
        let case = check.with(problem.case(), Effort::Digits(6));
        let Some(truth) = problem.reference(&[2.0]) else {
            continue;
        };
        let (s, calls) = check.solve(&case)?;
        // The estimate of the one step across the jump is of low order: slack for it.
        let bound = 10.0 * check.error_bound(&case, 1.0, 1.0, &s, calls);
        let end = s.y.last().expect("well formed");
        let error = truth[0].distance(end);
        if error > bound {
            wrong.push(check.finding(
                &case,
                format!("y(2) within {bound:.1e} of {}", boxed(&truth[0])),
                format!("y = {:?}, off by {error:.3e}", short(end)),
            ));
        }
    }
    match wrong.len() {
        0..=8 => Ok(()),
        _ => Err(wrong.swap_remove(0)),
    }
}

fn large_dimension(check: &Check<'_>) -> Verdict {
    if check.claims.max_dimension < 1000 {
        return Err(Stop::Skip("claims a smaller largest dimension"));
    }
    let n = if check.claims.implicit { 200 } else { 1000 };
    let mut problem = problems::other("decays", problems::decays(n), (0.0, 1.0), &vec![1.0; n]);
    problem.amplification = Some(1.0);
    let case = check.with(problem.case(), Effort::Digits(5));
    check.end_is_accurate(&one_component(problem), &case)
}

/// Equal components: the reference of one, repeated.
fn one_component(mut problem: problems::Problem) -> problems::Problem {
    problem.twin = Some((problem.system.clone(), problem.y0.clone()));
    problem
}
