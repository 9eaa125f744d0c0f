//! The test kit on the crate `ode_solvers`. What it finds is in
//! `docs/solver-findings.md`; `main` fails on anything else.
//!
//! `cargo test --release --features testkit --example testkit_ode_solvers` shows the
//! failures, `cargo run` the summary tables and pages.

use std::process::ExitCode;

use dahlquist::testkit::{self, Claims, Control, Failure, Parts, Solution, Solver, Task};
use ode_solvers::continuous_output_model::ContinuousOutputModel;
use ode_solvers::{DVector, Dop853, Dopri5, OutputType, Rk4, System};

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Dopri5,
    Dop853,
    Rk4,
    /// Dopri5 with its equally spaced output instead of the continuous model
    Dopri5Dense,
}

struct Adapter(Kind);

struct Field<'a>(&'a Task<'a, f64>);

impl System<f64, DVector<f64>> for Field<'_> {
    fn system(&self, t: f64, y: &DVector<f64>, dy: &mut DVector<f64>) {
        (self.0.rhs)(t, y.as_slice(), dy.as_mut_slice());
    }
}

fn states(y: &[DVector<f64>]) -> Vec<Vec<f64>> {
    y.iter().map(|v| v.as_slice().to_vec()).collect()
}

fn refused(e: impl ToString) -> Failure {
    Failure::Refused(e.to_string())
}

impl Adapter {
    fn adaptive(
        &self,
        task: &Task<'_, f64>,
        rtol: f64,
        atol: f64,
    ) -> Result<Solution<f64>, Failure> {
        let y0 = DVector::from_column_slice(&task.y0);
        let (t0, t1) = (task.t0, task.t1);
        let mut s = if self.0 == Kind::Dop853 {
            let mut solver = Dop853::new(Field(task), t0, t1, 0.0, y0.clone(), rtol, atol);
            solver.set_output(OutputType::Sparse);
            solver.integrate().map_err(refused)?;
            Solution::steps(solver.x_out().clone(), states(solver.y_out()))
        } else {
            let mut solver = Dopri5::new(Field(task), t0, t1, 0.0, y0.clone(), rtol, atol);
            solver.set_output(OutputType::Sparse);
            solver.integrate().map_err(refused)?;
            Solution::steps(solver.x_out().clone(), states(solver.y_out()))
        };
        if task.output.is_empty() {
            return Ok(s);
        }
        if self.0 != Kind::Dopri5 {
            return self.equally_spaced(task, rtol, atol, s);
        }
        let mut model = ContinuousOutputModel::new();
        let mut solver = Dopri5::new(Field(task), t0, t1, 0.0, y0, rtol, atol);
        solver
            .integrate_with_continuous_output_model(&mut model)
            .map_err(refused)?;
        for &t in &task.output {
            if let Some(y) = model.evaluate(t) {
                s.output.push((t, y.as_slice().to_vec()));
            }
        }
        Ok(s)
    }
}

impl Adapter {
    /// The crate's `OutputType::Dense`: 64 equal parts, of which the kit asked for some.
    fn equally_spaced(
        &self,
        task: &Task<'_, f64>,
        rtol: f64,
        atol: f64,
        mut s: Solution<f64>,
    ) -> Result<Solution<f64>, Failure> {
        let y0 = DVector::from_column_slice(&task.y0);
        let (t0, t1) = (task.t0, task.t1);
        let dx = (t1 - t0) / 64.0;
        let off_grid = |t: &f64| {
            let index = (t - t0) / dx;
            (index - index.round()).abs() > 1e-9
        };
        if task.output.iter().any(off_grid) {
            return Err(Failure::Unsupported("output is on an equally spaced grid"));
        }
        let (times, values) = if self.0 == Kind::Dop853 {
            let mut solver = Dop853::new(Field(task), t0, t1, dx, y0, rtol, atol);
            solver.integrate().map_err(refused)?;
            (solver.x_out().clone(), states(solver.y_out()))
        } else {
            let mut solver = Dopri5::new(Field(task), t0, t1, dx, y0, rtol, atol);
            solver.integrate().map_err(refused)?;
            (solver.x_out().clone(), states(solver.y_out()))
        };
        for &wanted in &task.output {
            let here = times
                .iter()
                .position(|t| (t - wanted).abs() < 1e-9 * dx.abs());
            if let Some(k) = here {
                s.output.push((wanted, values[k].clone()));
            }
        }
        Ok(s)
    }
}

impl Solver for Adapter {
    type Real = f64;

    fn claims(&self) -> Claims {
        let name = match self.0 {
            Kind::Dopri5 => "ode_solvers Dopri5",
            Kind::Dop853 => "ode_solvers Dop853",
            Kind::Rk4 => "ode_solvers Rk4",
            Kind::Dopri5Dense => "ode_solvers Dopri5 equally spaced",
        };
        let fixed_step = self.0 == Kind::Rk4;
        Claims {
            fixed_step,
            adaptive: !fixed_step,
            order: Some(match self.0 {
                Kind::Rk4 => 4,
                Kind::Dop853 => 8,
                _ => 5,
            }),
            dense: !fixed_step,
            dense_order: match self.0 {
                Kind::Rk4 => None,
                Kind::Dop853 => Some(7),
                _ => Some(4),
            },
            // The controller of both adaptive methods follows the sign of x_end - x.
            backward: !fixed_step,
            returns_steps: true,
            ..Claims::new(name, "0.6.2")
        }
    }

    fn solve(&self, task: &Task<'_, f64>) -> Result<Solution<f64>, Failure> {
        match &task.control {
            Control::Step(h) => {
                let y0 = DVector::from_column_slice(&task.y0);
                let mut solver = Rk4::new(Field(task), task.t0, y0, task.t1, *h);
                solver.integrate().map_err(refused)?;
                Ok(Solution::steps(
                    solver.x_out().clone(),
                    states(solver.y_out()),
                ))
            }
            Control::Tolerance { relative, absolute } => {
                let atol = absolute.first().copied().unwrap_or(*relative);
                self.adaptive(task, *relative, atol)
            }
        }
    }

    fn snippet(&self, p: &Parts) -> String {
        let system = "    struct F;\n    impl System<f64, DVector<f64>> for F {\n        \
            fn system(&self, t: f64, y: &DVector<f64>, dy: &mut DVector<f64>) {\n            \
            f(t, y.as_slice(), dy.as_mut_slice());\n        }\n    }\n    use ode_solvers::*;\n";
        let call = match (&p.step, &p.tolerance) {
            (Some(h), _) => format!(
                "Rk4::new(F, {}, DVector::from_vec({}), {}, {h})",
                p.t0, p.y0, p.t1
            ),
            (_, Some((r, a))) => {
                let method = if self.0 == Kind::Dop853 {
                    "Dop853"
                } else {
                    "Dopri5"
                };
                let dx = format!("({} - {}) / 64.0", p.t1, p.t0);
                format!(
                    "{method}::new(F, {}, {}, {dx}, DVector::from_vec({}), {r}, {a})",
                    p.t0, p.t1, p.y0
                )
            }
            _ => String::new(),
        };
        let sparse = match (&p.step, self.0) {
            (None, Kind::Dopri5 | Kind::Dop853) if p.output == "vec![]" => {
                "    solver.set_output(OutputType::Sparse);\n"
            }
            _ => "",
        };
        let model = if p.output != "vec![]" && self.0 == Kind::Dopri5 {
            format!(
                "    let mut model = continuous_output_model::ContinuousOutputModel::new();\n    \
                 println!(\"{{:?}}\", solver.integrate_with_continuous_output_model(&mut model));\n    \
                 for t in {} {{ println!(\"{{t}}: {{:?}}\", model.evaluate(t)); }}\n",
                p.output
            )
        } else {
            format!("{sparse}    println!(\"{{:?}}\", solver.integrate());\n")
        };
        format!(
            "{system}    let mut solver = {call};\n{model}    let (t, y) = (solver.x_out(), solver.y_out());\n"
        )
    }
}

testkit::suite!(dopri5, Adapter(Kind::Dopri5));
testkit::suite!(dop853, Adapter(Kind::Dop853));
testkit::suite!(rk4, Adapter(Kind::Rk4));
testkit::suite!(dopri5_dense, Adapter(Kind::Dopri5Dense));

fn main() -> ExitCode {
    let all = [Kind::Dopri5, Kind::Dop853, Kind::Rk4, Kind::Dopri5Dense].map(Adapter);
    let all: Vec<&dyn testkit::AnySolver> = all.iter().map(|s| s as _).collect();
    let known = include_str!("../docs/solver-findings.md");
    testkit::main(&all, &testkit::listed(known))
}
