//! Awkward but legal problems, and right-hand sides that go wrong.

use proptest::prelude::*;

use super::accuracy::{quarters, start};
use super::dense::any_direction;
use super::{Check, Effort, Property, Stop, Verdict, adaptive, any, short};
use crate::ode::SystemBuilder;
use crate::testkit::case::{Case, Fault};
use crate::testkit::guard::Outcome;
use crate::testkit::problems;
use crate::testkit::report::Finding;
use crate::testkit::solver::{Claims, Control};

pub(super) const PROPERTIES: &[Property] = &[
    Property {
        name: "exact_end_time",
        about: "the last time is t1, also where the steps do not divide the interval",
        needs: any,
        check: end_time,
    },
    Property {
        name: "steps_monotone",
        about: "times start at t0 and advance strictly",
        needs: steps,
        check: monotone,
    },
    Property {
        name: "zero_field",
        about: "y' = 0 keeps its value exactly and cheaply",
        needs: any,
        check: zero_field,
    },
    Property {
        name: "constant_field",
        about: "y' = c grows linearly",
        needs: any,
        check: constant_field,
    },
    Property {
        name: "zero_length",
        about: "t1 = t0 gives the initial value, or an error",
        needs: any,
        check: zero_length,
    },
    Property {
        name: "tiny_intervals",
        about: "short intervals far from the origin of time",
        needs: any,
        check: tiny,
    },
    Property {
        name: "dimension_zero",
        about: "a system without components is solved, or refused",
        needs: any_dimension,
        check: no_components,
    },
    Property {
        name: "determinism",
        about: "the same call gives the same bits",
        needs: any,
        check: determinism,
    },
    Property {
        name: "reuse",
        about: "a solver object used again gives what a fresh one gives",
        needs: any,
        check: reuse,
    },
    Property {
        name: "nan_reported",
        about: "a right-hand side that turns NaN is reported as an error",
        needs: any,
        check: |c| fault(c, f64::NAN),
    },
    Property {
        name: "infinity_reported",
        about: "a right-hand side that turns infinite is reported as an error",
        needs: any,
        check: |c| fault(c, f64::INFINITY),
    },
    Property {
        name: "blow_up_reported",
        about: "no solution is returned beyond a singularity",
        needs: adaptive,
        check: blow_up,
    },
    Property {
        name: "no_panic_no_hang",
        about: "random small systems end in a well-formed solution or an error",
        needs: any,
        check: wild,
    },
];

fn steps(c: &Claims) -> Result<(), &'static str> {
    any(c)?;
    c.returns_steps
        .then_some(())
        .ok_or("does not claim to return its steps")
}

fn any_dimension(c: &Claims) -> Result<(), &'static str> {
    any(c)?;
    (c.dimension_zero || c.max_dimension == usize::MAX)
        .then_some(())
        .ok_or("has states of a fixed size")
}

fn end_time(check: &Check<'_>) -> Verdict {
    let strategy = (-64i32..=64, 1i32..=96, 1i32..=24, any_direction(check));
    check.forall(48, strategy, |&(t0, length, step, backward)| {
        let (t0, length) = (f64::from(t0) / 8.0, f64::from(length) / 16.0);
        let span = (t0, if backward { t0 - length } else { t0 + length });
        let problem = problems::other("oscillator", problems::oscillator(), span, &[1.0, 0.0]);
        for effort in check.efforts() {
            let mut case = check.with(problem.case(), effort);
            if let Control::Step(h) = &mut case.control {
                *h = (f64::from(step) / 64.0).min(length);
            }
            let (s, _) = check.solve(&case)?;
            check.end_time(&case, &s)?;
        }
        Ok(())
    })
}

fn monotone(check: &Check<'_>) -> Verdict {
    let strategy = (-16i32..=16, 1i32..=24, any_direction(check));
    check.forall(16, strategy, |&(t0, length, backward)| {
        let (t0, length) = (f64::from(t0) / 4.0, f64::from(length) / 8.0);
        let span = (t0, if backward { t0 - length } else { t0 + length });
        let problem = problems::other(
            "van der Pol, mu 1",
            problems::van_der_pol(1.0),
            span,
            &[0.5, 0.0],
        );
        for effort in check.efforts() {
            let case = check.with(problem.case(), effort);
            let (s, _) = check.solve(&case)?;
            let forward =
                s.t.windows(2)
                    .all(|w| if backward { w[1] < w[0] } else { w[1] > w[0] });
            if s.t[0] != t0 || !forward {
                return Err(check.finding(
                    &case,
                    format!("strictly advancing times from {t0}"),
                    format!("{:?} …", short(&s.t)),
                ));
            }
            if s.y[0] != case.y0 {
                return Err(check.finding(
                    &case,
                    "the initial value first",
                    format!("{:?}", short(&s.y[0])),
                ));
            }
        }
        Ok(())
    })
}

fn zero_field(check: &Check<'_>) -> Verdict {
    for effort in check.efforts() {
        for y0 in [1.0, 0.0, -1e10] {
            for span in [(0.0, 1.0), (-3.0, 7.0), (100.0, 100.5)] {
                let problem = problems::other("zero field", problems::constant(0.0), span, &[y0]);
                let case = check.with(problem.case(), effort);
                let (s, calls) = check.solve(&case)?;
                check.end_time(&case, &s)?;
                if let Some(y) = s.y.iter().find(|y| y[0] != y0) {
                    return Err(check.finding(
                        &case,
                        format!("{y0:?} throughout"),
                        format!("{y:?}"),
                    ));
                }
                if calls > 20_000 {
                    return Err(check.finding(&case, "few evaluations", format!("{calls}")));
                }
            }
        }
    }
    Ok(())
}

fn constant_field(check: &Check<'_>) -> Verdict {
    for effort in check.efforts() {
        for (slope, span) in [(1.0, (0.0, 1.0)), (-2.5, (-3.0, 7.0)), (1e6, (0.0, 2.0))] {
            let problem =
                problems::other("constant field", problems::constant(slope), span, &[0.0]);
            let case = check.with(problem.case(), effort);
            let (s, calls) = check.solve(&case)?;
            check.end_time(&case, &s)?;
            let truth = slope * (span.1 - span.0);
            let found = s.y.last().expect("well formed")[0];
            let weights = check.claims.table.iter().flat_map(|t| &t.b);
            let large = weights.map(|b| b.abs()).sum::<f64>().max(1.0);
            let work = (calls.max(s.t.len() as u64) as f64).max(16.0) * large;
            let slack = if check.claims.implicit { 1e-4 } else { 0.0 };
            if (found - truth).abs() > (8.0 * work * check.subject.epsilon() + slack) * truth.abs()
            {
                return Err(check.finding(&case, format!("y = {truth:?}"), format!("{found:?}")));
            }
        }
    }
    Ok(())
}

fn zero_length(check: &Check<'_>) -> Verdict {
    for effort in check.efforts() {
        for t in [0.0, 1.0, -2.5, 1e9] {
            let problem = problems::other("decay", problems::decays(1), (t, t), &[1.5]);
            let case = check.with(problem.case(), Effort::Digits(6));
            let case = match effort {
                Effort::Digits(_) => case,
                Effort::Steps(_) => case.step(0.125),
            };
            let run = check.run(&case)?;
            let right = match &run.outcome {
                Outcome::Refused(_) => true,
                Outcome::Solved(s) => s.y.last() == Some(&case.y0) && s.t.last() == Some(&t),
                _ => false,
            };
            if !right {
                return Err(check.finding(
                    &case,
                    "the initial value, or an error",
                    check.describe(&run.outcome),
                ));
            }
        }
    }
    Ok(())
}

fn tiny(check: &Check<'_>) -> Verdict {
    let unit = check.subject.epsilon();
    for t0 in [0.0f64, 1.0, -1.0, 1024.0, -1024.0, 1048576.0] {
        for bits in [4, 8, 16, 24] {
            let spacing = (t0.abs() * unit).max(f64::MIN_POSITIVE);
            // At least `2^(bits - 2)` units in the last place of t0.
            let length = if t0 == 0.0 {
                2f64.powi(-10 * bits)
            } else {
                spacing * 2f64.powi(bits)
            };
            // In binary32 some are no short intervals, and some are none at all.
            if length > 2f64.powi(-7) || (unit > 1e-10 && length < 1e-37) {
                continue;
            }
            let problem = problems::other("decay", problems::decays(1), (t0, t0 + length), &[1.0]);
            for effort in check.efforts() {
                let case = check.with(
                    problem.case(),
                    match effort {
                        Effort::Steps(_) => Effort::Steps(2),
                        e => e,
                    },
                );
                let run = check.run(&case)?;
                // A step of fewer than a few thousand units may be refused.
                let may_refuse = if t0 == 0.0 {
                    bits > 4 || unit > 1e-10
                } else {
                    bits <= 8
                };
                let right = match &run.outcome {
                    Outcome::Refused(_) => may_refuse,
                    Outcome::Solved(s) => match (s.t.last(), s.y.last()) {
                        (Some(t), Some(y)) => {
                            (t - case.t1).abs() <= 2.0 * unit * case.t1.abs()
                                && (y[0] - 1.0 + length).abs()
                                    <= length * length + 1e-4 * length + 64.0 * unit
                        }
                        _ => false,
                    },
                    _ => false,
                };
                if !right {
                    return Err(check.finding(
                        &case,
                        format!("y({:?}) = {:?}", case.t1, 1.0 - length),
                        check.describe(&run.outcome),
                    ));
                }
            }
        }
    }
    Ok(())
}

fn no_components(check: &Check<'_>) -> Verdict {
    for effort in check.efforts() {
        let problem = problems::other(
            "nothing",
            SystemBuilder::new(0).finish(&[]),
            (0.0, 1.0),
            &[],
        );
        let mut case = check.with(problem.case(), effort);
        if let Control::Tolerance { relative, absolute } = &mut case.control
            && !check.claims.vector_tolerance
        {
            absolute.push(*relative); // an adapter may take the first
        }
        // Where the claims are silent, an error will do.
        match check.run(&case)?.outcome {
            Outcome::Refused(_) if !check.claims.dimension_zero => continue,
            Outcome::Solved(_) => {
                let (s, _) = check.solve(&case)?;
                check.end_time(&case, &s)?;
            }
            other => {
                let expected = "a solution without components, or an error";
                return Err(check.finding(&case, expected, check.describe(&other)));
            }
        }
    }
    Ok(())
}

fn determinism(check: &Check<'_>) -> Verdict {
    for effort in check.efforts() {
        for problem in check.smooth() {
            let case = check.with(problem.case(), effort);
            let (a, b) = (check.solve(&case)?.0, check.solve(&case)?.0);
            if a != b {
                return Err(check.finding(
                    &case,
                    format!("{:?} again", a.y.last()),
                    format!("{:?}", b.y.last()),
                ));
            }
        }
    }
    Ok(())
}

/// The same equation over other intervals and from other starts, so that a report can
/// show both calls; then other equations of the same dimension.
fn reuse(check: &Check<'_>) -> Verdict {
    let decay = |span, y0| problems::other("decay", problems::decays(1), span, &[y0]);
    let swing = |span, y0| problems::other("oscillator", problems::oscillator(), span, &[y0, 0.0]);
    let list = check.smooth();
    let named = |name| list.iter().find(|p| p.name == name).cloned();
    let mut pairs = vec![
        (decay((0.0, 4.0), 1.0), decay((0.0, 4.0), 1.0)),
        (decay((0.0, 4.0), 1.0), decay((3.0, 3.015625), 2.0)),
        (swing((0.0, 6.0), 1.0), swing((0.0, 6.0), 2.0)),
        (swing((0.0, 6.0), 1.0), swing((10.0, 10.03125), 2.0)),
    ];
    // A step has a sign: an object that holds one is for one direction.
    if check.claims.backward && check.claims.adaptive {
        pairs.push((swing((0.0, 6.0), 1.0), swing((6.0, 0.0), 1.0)));
    }
    if let (Some(a), Some(b)) = (named("oscillator"), named("Lotka-Volterra")) {
        pairs.push((a, b));
    }
    for effort in check.efforts() {
        for (first, second) in pairs.iter().filter(|(a, _)| check.fits(a)) {
            let short = |case: Case| match effort {
                Effort::Steps(_) => case.step(0.0078125),
                digits => check.with(case, digits),
            };
            let (a, b) = (short(first.case()), short(second.case()));
            let Some(run) = check.subject.run_twice(&a, &b) else {
                return Err(Stop::Skip("the adapter has no solver object to use again"));
            };
            if let Outcome::Unsupported(what) = run.outcome {
                return Err(Stop::Skip(what));
            }
            let fresh = check.solve(&b)?.0;
            let same = matches!(&run.outcome, Outcome::Solved(s) if s.y.last() == fresh.y.last() && s.t.last() == fresh.t.last());
            if !same {
                return Err(Stop::Finding(Box::new(Finding {
                    case: format!(
                        "{}; then, with the same object, {}",
                        a.describe(),
                        b.describe()
                    ),
                    expected: format!("y = {:?}, as from a fresh object", fresh.y.last()),
                    found: check.describe(&run.outcome),
                    snippet: b.program(&check.subject.snippet_twice(&a, &b)),
                })));
            }
        }
    }
    Ok(())
}

fn fault(check: &Check<'_>, value: f64) -> Verdict {
    for effort in check.efforts() {
        for from in [0.0, 0.5, 0.875] {
            let problem = problems::other("decay", problems::decays(2), (0.0, 1.0), &[1.0, 2.0]);
            let mut case = check.with(problem.case(), effort);
            case.fault = Fault::Value { from, value };
            reported(check, &case)?;
        }
    }
    Ok(())
}

/// The run must end in an error.
fn reported(check: &Check<'_>, case: &Case) -> Verdict {
    let run = check.run(case)?;
    if !matches!(run.outcome, Outcome::Refused(_)) {
        return Err(check.finding(case, "an error", check.describe(&run.outcome)));
    }
    Ok(())
}

fn blow_up(check: &Check<'_>) -> Verdict {
    for (y0, end) in [(1.0, 1.5), (1.0, 2.0), (4.0, 1.0)] {
        for digits in [4, 6] {
            let problem = problems::other("y' = y^2", problems::square(), (0.0, end), &[y0]);
            let case = check.with(problem.case(), Effort::Digits(digits));
            reported(check, &case)?;
        }
    }
    Ok(())
}

fn wild(check: &Check<'_>) -> Verdict {
    let top = check.claims.max_dimension.min(3);
    let strategy = (1..=top).prop_flat_map(|n| {
        (
            quarters(n),
            start(n),
            proptest::collection::vec((0..n, 0..n, -2i32..=2), 0..3),
            -8i32..=8,
            1i32..=8,
            2u32..=8,
        )
    });
    let backward = any_direction(check);
    check.forall(
        64,
        (strategy, backward),
        |((a, y0, products, t0, length, digits), backward)| {
            let n = a.len();
            let mut s = SystemBuilder::new(n);
            let y: Vec<_> = (0..n).map(|i| s.state(i)).collect();
            let mut rows: Vec<Vec<_>> = a
                .iter()
                .map(|r| r.iter().copied().zip(y.iter().copied()).collect())
                .collect();
            for (k, &(i, j, c)) in products.iter().enumerate() {
                let p = s.product(y[i], y[j]);
                rows[k % n].push((f64::from(c) / 4.0, p));
            }
            let rows: Vec<_> = rows
                .iter()
                .map(|r| {
                    s.sum(
                        &r.iter()
                            .copied()
                            .filter(|(c, _)| *c != 0.0)
                            .collect::<Vec<_>>(),
                    )
                })
                .collect();
            let (t0, length) = (f64::from(*t0) / 2.0, f64::from(*length) / 8.0);
            let span = (t0, if *backward { t0 - length } else { t0 + length });
            let problem = problems::other("random quadratic system", s.finish(&rows), span, y0);
            for effort in check.efforts() {
                let case = check.with(
                    problem.case(),
                    match effort {
                        Effort::Digits(_) => Effort::Digits(*digits),
                        steps => steps,
                    },
                );
                let run = check.run(&case)?;
                let right = match &run.outcome {
                    Outcome::Refused(_) => true,
                    Outcome::Solved(_) => {
                        // With fixed steps a solution may overflow without a singularity.
                        let (s, _) = check.solve(&case)?;
                        check.end_time(&case, &s)?;
                        true
                    }
                    _ => false,
                };
                if !right {
                    return Err(check.finding(
                        &case,
                        "a solution or an error",
                        check.describe(&run.outcome),
                    ));
                }
            }
            Ok(())
        },
    )
}
