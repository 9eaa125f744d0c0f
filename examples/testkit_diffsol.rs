//! The test kit on the crate `diffsol`. What it finds is in `docs/solver-findings.md`;
//! `main` fails on anything else.
//!
//! `cargo test --release --features testkit --example testkit_diffsol` shows the
//! failures, `cargo run` the summary tables and pages.

use std::process::ExitCode;

use dahlquist::testkit::{self, Claims, Control, Failure, Parts, Solution, Solver, Task};
use diffsol::{
    DiffsolError, NalgebraLU, NalgebraMat, OdeBuilder, OdeEquations, OdeSolverMethod,
    OdeSolverStopReason, Vector,
};

type M = NalgebraMat<f64>;
type Lu = NalgebraLU<f64>;

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Bdf,
    TrBdf2,
    Esdirk34,
    Tsit45,
}

struct Adapter(Kind);

fn refused(e: DiffsolError) -> Failure {
    Failure::Refused(e.to_string())
}

/// Steps to the end, interpolating the outputs on the way, as the documentation of
/// `OdeSolverMethod::step` shows.
fn drive<'a, E>(
    mut solver: impl OdeSolverMethod<'a, E>,
    task: &Task<'_, f64>,
) -> Result<Solution<f64>, Failure>
where
    E: OdeEquations<T = f64> + 'a,
{
    let mut s = Solution::steps(vec![task.t0], vec![task.y0.clone()]);
    let mut outputs = task.output.iter().copied().peekable();
    while let Some(t) = outputs.next_if(|t| *t == task.t0) {
        s.output.push((t, task.y0.clone()));
    }
    solver.set_stop_time(task.t1).map_err(refused)?;
    loop {
        let reason = solver.step().map_err(refused)?;
        if let OdeSolverStopReason::RootFound(t, index) = reason {
            s.events.push((index, t));
        }
        let (t, y) = (solver.state().t, solver.state().y.clone_as_vec());
        while let Some(wanted) = outputs.next_if(|w| *w <= t) {
            let y = solver.interpolate(wanted).map_err(refused)?;
            s.output.push((wanted, y.clone_as_vec()));
        }
        s.t.push(t);
        s.y.push(y);
        if matches!(reason, OdeSolverStopReason::TstopReached) {
            return Ok(s);
        }
    }
}

impl Solver for Adapter {
    type Real = f64;

    fn claims(&self) -> Claims {
        let name = match self.0 {
            Kind::Bdf => "diffsol bdf",
            Kind::TrBdf2 => "diffsol tr_bdf2",
            Kind::Esdirk34 => "diffsol esdirk34",
            Kind::Tsit45 => "diffsol tsit45",
        };
        Claims {
            implicit: self.0 != Kind::Tsit45,
            adaptive: true,
            dense: true,
            events: true,
            vector_tolerance: true,
            returns_steps: true,
            ..Claims::new(name, "0.18.0")
        }
    }

    fn solve(&self, task: &Task<'_, f64>) -> Result<Solution<f64>, Failure> {
        let Control::Tolerance { relative, absolute } = &task.control else {
            return Err(Failure::Unsupported("fixed steps"));
        };
        let roots = task.events.len();
        let builder = OdeBuilder::<M>::new()
            .t0(task.t0)
            .rtol(*relative)
            .atol(absolute.clone())
            .rhs_implicit(
                |y, _, t, dy| (task.rhs)(t, y, dy),
                |y, _, t, v, out| (task.jacobian_times)(t, y, v, out),
            )
            .init(|_, _, y| y.copy_from_slice(&task.y0), task.y0.len());
        macro_rules! run {
            ($problem:expr) => {{
                let problem = $problem.map_err(refused)?;
                match self.0 {
                    Kind::Bdf => drive(problem.bdf::<Lu>().map_err(refused)?, task),
                    Kind::TrBdf2 => drive(problem.tr_bdf2::<Lu>().map_err(refused)?, task),
                    Kind::Esdirk34 => drive(problem.esdirk34::<Lu>().map_err(refused)?, task),
                    Kind::Tsit45 => drive(problem.tsit45().map_err(refused)?, task),
                }
            }};
        }
        if roots == 0 {
            return run!(builder.build());
        }
        if task
            .events
            .iter()
            .any(|e| e.direction != testkit::Direction::Both)
        {
            return Err(Failure::Unsupported("roots have no direction"));
        }
        if roots > 1 {
            // A found root stops the step; going on past it would skip the others.
            return Err(Failure::Unsupported("one root function at a time"));
        }
        let values = |y: &[f64], _: &[f64], t: f64, out: &mut [f64]| {
            for (o, e) in out.iter_mut().zip(&task.events) {
                *o = (e.g)(t, y);
            }
        };
        run!(builder.root(values, roots).build())
    }

    fn snippet(&self, p: &Parts) -> String {
        let (r, _) = p.tolerance.clone().unwrap_or_default();
        let atol = p.control.split_once(", ").map_or("vec![]", |(_, a)| a);
        let method = match self.0 {
            Kind::Bdf => "bdf::<NalgebraLU<f64>>",
            Kind::TrBdf2 => "tr_bdf2::<NalgebraLU<f64>>",
            Kind::Esdirk34 => "esdirk34::<NalgebraLU<f64>>",
            Kind::Tsit45 => "tsit45",
        };
        let root = match &p.event {
            Some(g) => format!("\n        .root(|y, _, t, out| {{ let _ = t; out[0] = {g}; }}, 1)"),
            None => String::new(),
        };
        format!(
            "    use diffsol::*;\n    let y0 = {};\n    let problem = OdeBuilder::<NalgebraMat<f64>>::new()\n        \
             .t0({}).rtol({r}).atol({atol})\n        .rhs_implicit(|y, _, t, dy| f(t, y, dy), |y, _, t, v, out| \
             {{ /* Jacobian of f times v */ }})\n        .init(|_, _, y| y.copy_from_slice(&y0), {}){root}\n        \
             .build().unwrap();\n    let mut solver = problem.{method}().unwrap();\n    \
             solver.set_stop_time({}).unwrap();\n    loop {{\n        let reason = solver.step();\n        \
             println!(\"{{reason:?}} {{:?}} {{:?}}\", solver.state().t, solver.state().y);\n        \
             if !matches!(reason, Ok(OdeSolverStopReason::InternalTimestep)) {{ break; }}\n    }}\n    \
             let (t, y) = (solver.state().t, solver.state().y);\n",
            p.y0, p.t0, p.dimension, p.t1
        )
    }
}

testkit::suite!(bdf, Adapter(Kind::Bdf));
testkit::suite!(tr_bdf2, Adapter(Kind::TrBdf2));
testkit::suite!(esdirk34, Adapter(Kind::Esdirk34));
testkit::suite!(tsit45, Adapter(Kind::Tsit45));

fn main() -> ExitCode {
    let all = [Kind::Bdf, Kind::TrBdf2, Kind::Esdirk34, Kind::Tsit45].map(Adapter);
    let all: Vec<&dyn testkit::AnySolver> = all.iter().map(|s| s as _).collect();
    let known = include_str!("../docs/solver-findings.md");
    testkit::main(&all, &testkit::listed(known))
}
