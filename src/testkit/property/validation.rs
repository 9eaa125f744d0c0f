//! Arguments that make no sense must be refused: NaN anywhere, negative tolerances. Where
//! a sense can be found (a step longer than the interval, a tolerance of zero), a right
//! answer will do as well. A panic or an endless loop is no refusal.

use super::{Check, Effort, Property, Verdict, adaptive, any, fixed_step};
use crate::testkit::case::Case;
use crate::testkit::guard::Outcome;
use crate::testkit::problems;
use crate::testkit::solver::{Claims, Control};

pub(super) const PROPERTIES: &[Property] = &[
    Property {
        name: "tolerances_validated",
        about: "NaN and negative tolerances are refused, infinite and zero ones do no harm",
        needs: adaptive,
        check: tolerances,
    },
    Property {
        name: "tolerance_length_validated",
        about: "a list of absolute tolerances of the wrong length",
        needs: vector,
        check: wrong_length,
    },
    Property {
        name: "steps_validated",
        about: "NaN and zero steps are refused, infinite and negative ones do no harm",
        needs: fixed_step,
        check: steps,
    },
    Property {
        name: "initial_value_validated",
        about: "NaN and infinite initial values",
        needs: any,
        check: initial_value,
    },
    Property {
        name: "output_times_validated",
        about: "output times outside the interval, in the wrong order, NaN",
        needs: dense,
        check: output_times,
    },
    Property {
        name: "times_validated",
        about: "NaN and infinite ends of the interval",
        needs: any,
        check: times,
    },
];

fn vector(c: &Claims) -> Result<(), &'static str> {
    adaptive(c)?;
    c.vector_tolerance
        .then_some(())
        .ok_or("does not claim absolute tolerances per component")
}

fn dense(c: &Claims) -> Result<(), &'static str> {
    any(c)?;
    c.dense.then_some(()).ok_or("does not claim dense output")
}

fn decay() -> problems::Problem {
    problems::other("decay", problems::decays(2), (0.0, 1.0), &[1.0, 2.0])
}

/// Refused, or solved within one per cent.
fn refused_or_right(check: &Check<'_>, case: &Case) -> Verdict {
    let run = check.run(case)?;
    let right = match &run.outcome {
        Outcome::Refused(_) => true,
        Outcome::Solved(s) => match (s.t.last(), s.y.last()) {
            (Some(t), Some(y)) => {
                let truth = (-1.0f64).exp();
                (t - 1.0).abs() < 1e-6
                    && (y[0] - truth).abs() < 0.01
                    && (y[1] - 2.0 * truth).abs() < 0.02
            }
            _ => false,
        },
        _ => false,
    };
    if !right {
        let expected = "an error, or y(1) = [0.36787944…, 0.73575888…] within one per cent";
        return Err(check.finding(case, expected, check.describe(&run.outcome)));
    }
    Ok(())
}

/// Refused.
fn refused(check: &Check<'_>, case: &Case) -> Verdict {
    let run = check.run(case)?;
    if !matches!(run.outcome, Outcome::Refused(_)) {
        return Err(check.finding(case, "an error", check.describe(&run.outcome)));
    }
    Ok(())
}

fn tolerances(check: &Check<'_>) -> Verdict {
    let pairs = |v: f64| [(v, v), (v, 1e-6), (1e-6, v)];
    for value in [f64::NAN, -1e-6, -1.0, f64::NEG_INFINITY] {
        for (relative, absolute) in pairs(value) {
            refused(check, &decay().case().tolerance(relative, absolute))?;
        }
    }
    for (relative, absolute) in pairs(f64::INFINITY) {
        // Any finite answer is within an infinite tolerance.
        let case = decay().case().tolerance(relative, absolute);
        let run = check.run(&case)?;
        let harmless = match &run.outcome {
            Outcome::Refused(_) => true,
            Outcome::Solved(s) => s.y.iter().flatten().all(|v| v.is_finite()),
            _ => false,
        };
        if !harmless {
            let expected = "an error, or finite numbers";
            return Err(check.finding(&case, expected, check.describe(&run.outcome)));
        }
    }
    for (relative, absolute) in [(0.0, 0.0), (0.0, 1e-6), (1e-6, 0.0)] {
        refused_or_right(check, &decay().case().tolerance(relative, absolute))?;
    }
    Ok(())
}

fn wrong_length(check: &Check<'_>) -> Verdict {
    for n in [0, 1, 3] {
        let mut case = decay().case();
        case.control = Control::Tolerance {
            relative: 1e-6,
            absolute: vec![1e-6; n],
        };
        // One tolerance for all components is a common reading of a list of one.
        match n {
            1 => refused_or_right(check, &case)?,
            _ => refused(check, &case)?,
        }
    }
    Ok(())
}

fn steps(check: &Check<'_>) -> Verdict {
    for h in [0.0, -0.125, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        // An infinite step may be taken for the whole interval.
        let case = decay().case().step(h);
        if h == f64::INFINITY {
            let run = check.run(&case)?;
            let finite = |s: &crate::testkit::Solution<f64>| {
                s.t.last() == Some(&1.0) && s.y.iter().flatten().all(|v| v.is_finite())
            };
            let right = match &run.outcome {
                Outcome::Refused(_) => true,
                Outcome::Solved(s) => finite(s),
                _ => false,
            };
            if !right {
                return Err(check.finding(
                    &case,
                    "an error, or one step",
                    check.describe(&run.outcome),
                ));
            }
            continue;
        }
        refused_or_right(check, &case)?;
    }
    Ok(())
}

fn initial_value(check: &Check<'_>) -> Verdict {
    for effort in check.efforts() {
        for value in [f64::NAN, f64::INFINITY] {
            let mut case = check.with(decay().case(), effort);
            case.y0[0] = value;
            refused(check, &case)?;
        }
    }
    Ok(())
}

fn output_times(check: &Check<'_>) -> Verdict {
    for effort in check.efforts() {
        for output in [
            vec![0.5, 2.0],
            vec![-1.0, 0.5],
            vec![0.75, 0.25],
            vec![0.5, f64::NAN],
        ] {
            let mut case = check.with(decay().case(), effort);
            case.output = output;
            let run = check.run(&case)?;
            // Whatever is answered must be right. Outside the interval too: some solvers
            // take the last output for its end.
            let right = match &run.outcome {
                Outcome::Refused(_) => true,
                Outcome::Solved(s) => {
                    let near = |(t, y): &(f64, Vec<f64>)| (y[0] - (-t).exp()).abs() < 0.01;
                    s.output.iter().all(near)
                }
                _ => false,
            };
            if !right {
                let found = match &run.outcome {
                    Outcome::Solved(s) => format!("output {:?}", s.output),
                    other => check.describe(other),
                };
                return Err(check.finding(&case, "an error, or right values", found));
            }
        }
    }
    Ok(())
}

fn times(check: &Check<'_>) -> Verdict {
    let forward = [(0.0, f64::NAN), (f64::NAN, 1.0), (0.0, f64::INFINITY)];
    for effort in check.efforts() {
        for span in forward {
            let case = Case::new("decay", decay().system, span, &[1.0, 2.0]);
            let case = match effort {
                Effort::Digits(_) => case.tolerance(1e-6, 1e-6),
                Effort::Steps(_) => case.step(0.125),
            };
            refused(check, &case)?;
        }
    }
    Ok(())
}
