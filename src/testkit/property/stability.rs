//! Claims of stability and of symplecticity.

use super::{Check, Effort, Property, Verdict, fixed_step, scale_of};
use crate::testkit::problems;
use crate::testkit::solver::Claims;

pub(super) const PROPERTIES: &[Property] = &[
    Property {
        name: "a_stability",
        about: "y' = lambda y with Re lambda < 0 never grows, whatever the step",
        needs: a_stable,
        check: a_stability,
    },
    Property {
        name: "l_stability",
        about: "a very stiff component is gone after a few steps",
        needs: l_stable,
        check: l_stability,
    },
    Property {
        name: "symplecticity",
        about: "the energy error of a long Kepler orbit does not drift",
        needs: symplectic,
        check: energy,
    },
];

fn a_stable(c: &Claims) -> Result<(), &'static str> {
    fixed_step(c)?;
    c.a_stable.then_some(()).ok_or("does not claim A-stability")
}
fn l_stable(c: &Claims) -> Result<(), &'static str> {
    fixed_step(c)?;
    c.l_stable.then_some(()).ok_or("does not claim L-stability")
}
fn symplectic(c: &Claims) -> Result<(), &'static str> {
    fixed_step(c)?;
    c.symplectic
        .then_some(())
        .ok_or("does not claim symplecticity")
}

fn a_stability(check: &Check<'_>) -> Verdict {
    for k in [0, 1, 2, 4, 6, 8] {
        let size = 10f64.powi(k);
        for (re, im) in [(-size, 0.0), (-0.5 * size, size), (-size / 64.0, size)] {
            let system = problems::linear_system(&[vec![re, -im], vec![im, re]]);
            let problem = problems::other("rotation with decay", system, (0.0, 16.0), &[1.0, 0.0]);
            let case = check.with(problem.case(), Effort::Steps(16));
            let (s, _) = check.solve(&case)?;
            let mut before = 1.0;
            for (t, y) in s.t.iter().zip(&s.y) {
                let norm = y[0].hypot(y[1]);
                // The equations of a step are solved to a tolerance of their own.
                if norm > before * (1.0 + 1e-4) + 1e-6 {
                    return Err(check.finding(
                        &case,
                        "a state that never grows in norm",
                        format!("norm {norm:.3e} at t = {t:?} after {before:.3e}"),
                    ));
                }
                before = norm;
            }
        }
    }
    Ok(())
}

fn l_stability(check: &Check<'_>) -> Verdict {
    for k in [6, 8] {
        let system = problems::linear_system(&[vec![-(10f64.powi(k))]]);
        let problem = problems::other("stiff decay", system, (0.0, 16.0), &[1.0]);
        let case = check.with(problem.case(), Effort::Steps(16));
        let (s, _) = check.solve(&case)?;
        let end = s.y.last().expect("well formed")[0].abs();
        if end > 1e-3 {
            return Err(check.finding(
                &case,
                "at most 1e-3 after sixteen steps",
                format!("{end:.3e}"),
            ));
        }
    }
    Ok(())
}

fn energy(check: &Check<'_>) -> Verdict {
    let problem = problems::other(
        "Kepler",
        problems::kepler(),
        (0.0, 200.0),
        &[0.75, 0.0, 0.0, 1.25],
    );
    let case = check.with(problem.case(), Effort::Steps(20_000));
    let (s, _) = check.solve(&case)?;
    let energy = |y: &Vec<f64>| 0.5 * (y[2] * y[2] + y[3] * y[3]) - 1.0 / y[0].hypot(y[1]);
    let start = energy(&case.y0);
    let errors: Vec<f64> = s.y.iter().map(|y| (energy(y) - start).abs()).collect();
    let (early, late) = errors.split_at(errors.len() / 4);
    let (early, late) = (scale_of(&[&early.to_vec()]), scale_of(&[&late.to_vec()]));
    if late > 2.0 * early + 1e3 * check.subject.epsilon() * 200.0 {
        return Err(check.finding(
            &case,
            format!("an energy error that stays near its {early:.2e} of the first quarter"),
            format!("{late:.2e} later"),
        ));
    }
    Ok(())
}
