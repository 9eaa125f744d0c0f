//! Event location.
//!
//! Crossings are spaced widely compared with any sensible step, away from the ends
//! of the interval and never tangential, so that a solver that looks for a change of
//! sign across each step has to find every one.

use super::{Check, Effort, Property, Verdict, any, scale_of};
use crate::testkit::case::{Case, EventSpec};
use crate::testkit::problems;
use crate::testkit::solver::{Claims, Direction};

pub(super) const PROPERTIES: &[Property] = &[
    Property {
        name: "events_found",
        about: "every crossing of a level is found once, in order, located to tolerance",
        needs,
        check: |c| crossings(c, Direction::Both),
    },
    Property {
        name: "events_rising",
        about: "only rising crossings, all of them",
        needs,
        check: |c| crossings(c, Direction::Rising),
    },
    Property {
        name: "events_falling",
        about: "only falling crossings, all of them",
        needs,
        check: |c| crossings(c, Direction::Falling),
    },
    Property {
        name: "events_in_time",
        about: "an event in time alone is found where it is",
        needs,
        check: in_time,
    },
    Property {
        name: "events_backward",
        about: "crossings are found when time runs backward",
        needs: backward,
        check: run_backward,
    },
    Property {
        name: "events_several",
        about: "two event functions that cross within the same step are both found",
        needs,
        check: several,
    },
];

fn needs(c: &Claims) -> Result<(), &'static str> {
    any(c)?;
    c.events.then_some(()).ok_or("does not claim events")
}

fn backward(c: &Claims) -> Result<(), &'static str> {
    needs(c)?;
    c.backward
        .then_some(())
        .ok_or("does not claim backward integration")
}

/// A tolerance of so many digits, or so many steps that no crossing moves beyond the end.
fn efforts(check: &Check<'_>, digits: u32) -> Vec<Effort> {
    let steps = match check.claims.order {
        Some(2..) => 512,
        _ => 4096,
    };
    let fixed = |e| match e {
        Effort::Digits(_) => Effort::Digits(digits),
        Effort::Steps(_) => Effort::Steps(steps),
    };
    check.efforts().into_iter().map(fixed).collect()
}

/// The events found must be those expected: same functions, times within the
/// tolerance of the solution divided by the speed of the crossing.
fn compare(check: &Check<'_>, case: &Case, expected: &[(usize, f64)], speed: f64) -> Verdict {
    let (s, calls) = check.solve(case)?;
    let scale = scale_of(&[&case.y0]).max(1.0);
    let q = check.claims.dense_order.unwrap_or(3) as i32;
    let longest = if check.claims.returns_steps {
        s.t.windows(2)
            .map(|w| (w[1] - w[0]).abs())
            .fold(0.0, f64::max)
    } else {
        0.5
    };
    // The event is sought on the dense output.
    let between = longest.powi(q + 1) / 8.0;
    let bound = (check.error_bound(case, 2.0, scale, &s, calls) + between) / speed
        + 1e-6 * (case.t1 - case.t0).abs();
    let list = |e: &[(usize, f64)]| {
        let items: Vec<String> = e.iter().map(|(i, t)| format!("{i}: {t:.9}")).collect();
        format!("[{}]", items.join(", "))
    };
    let same = s.events.len() == expected.len()
        && s.events
            .iter()
            .zip(expected)
            .all(|(a, b)| a.0 == b.0 && (a.1 - b.1).abs() <= bound);
    if !same {
        return Err(check.finding(
            case,
            format!(
                "the events (function: time) {} within {bound:.1e}",
                list(expected)
            ),
            list(&s.events),
        ));
    }
    Ok(())
}

/// Crossings of `cos t` with a level, strictly inside `(a, b)`, with their sense
/// along increasing time.
fn cosine_crossings(level: f64, a: f64, b: f64) -> Vec<(f64, Direction)> {
    let first = level.acos();
    let mut found = Vec::new();
    for k in -8..=8 {
        let turn = 2.0 * std::f64::consts::PI * f64::from(k);
        found.push((turn + first, Direction::Falling));
        found.push((turn - first, Direction::Rising));
    }
    found.retain(|(t, _)| a < *t && *t < b);
    found.sort_by(|x, y| x.0.total_cmp(&y.0));
    found
}

fn crossings(check: &Check<'_>, direction: Direction) -> Verdict {
    check.forall(16, (-4i32..=4, 1i32..=10), |&(level, length)| {
        let (level, length) = (f64::from(level) / 8.0, f64::from(length) * 1.25);
        let all = cosine_crossings(level, 0.0, length);
        if all.iter().any(|(t, _)| (t - length).abs() < 0.05) {
            return Ok(()); // too near the end to be asked for
        }
        let problem = problems::other(
            "oscillator",
            problems::oscillator(),
            (0.0, length),
            &[1.0, 0.0],
        );
        let wanted = all
            .iter()
            .filter(|(_, d)| direction == Direction::Both || *d == direction);
        let wanted: Vec<(usize, f64)> = wanted.map(|&(t, _)| (0, t)).collect();
        for effort in efforts(check, 8) {
            let mut case = check.with(problem.case(), effort);
            case.events = vec![EventSpec {
                component: Some(0),
                level,
                direction,
            }];
            compare(check, &case, &wanted, 0.8)?;
        }
        Ok(())
    })
}

fn in_time(check: &Check<'_>) -> Verdict {
    check.forall(16, (-8i32..=8, 1i32..=15), |&(start, at)| {
        let start = f64::from(start) / 2.0;
        let level = start + f64::from(at) / 8.0 + 1.0 / 64.0;
        let problem = problems::other("decay", problems::decays(1), (start, start + 2.0), &[1.0]);
        for effort in efforts(check, 6) {
            let mut case = check.with(problem.case(), effort);
            case.events = vec![EventSpec {
                component: None,
                level,
                direction: Direction::Both,
            }];
            compare(check, &case, &[(0, level)], 1.0)?;
        }
        Ok(())
    })
}

fn run_backward(check: &Check<'_>) -> Verdict {
    for level in [-0.25, 0.0, 0.375] {
        let problem = problems::other(
            "oscillator",
            problems::oscillator(),
            (0.0, -6.0),
            &[1.0, 0.0],
        );
        let mut wanted: Vec<(usize, f64)> = cosine_crossings(level, -6.0, 0.0)
            .iter()
            .map(|&(t, _)| (0, t))
            .collect();
        wanted.reverse();
        for effort in efforts(check, 8) {
            let mut case = check.with(problem.case(), effort);
            case.events = vec![EventSpec {
                component: Some(0),
                level,
                direction: Direction::Both,
            }];
            compare(check, &case, &wanted, 0.8)?;
        }
    }
    Ok(())
}

fn several(check: &Check<'_>) -> Verdict {
    check.forall(
        16,
        (2i32..=14, 1i32..=8, proptest::bool::ANY),
        |&(at, gap, swapped)| {
            let first = f64::from(at) / 8.0 + 1.0 / 64.0;
            let second = first + f64::from(gap) / 1024.0;
            let problem = problems::other("decay", problems::decays(1), (0.0, 2.0), &[1.0]);
            let event = |level| EventSpec {
                component: None,
                level,
                direction: Direction::Both,
            };
            let (events, wanted) = match swapped {
                false => (vec![event(first), event(second)], [(0, first), (1, second)]),
                true => (vec![event(second), event(first)], [(1, first), (0, second)]),
            };
            for effort in efforts(check, 5) {
                let mut case = check.with(problem.case(), effort);
                case.events = events.clone();
                compare(check, &case, &wanted, 1.0)?;
            }
            Ok(())
        },
    )
}
