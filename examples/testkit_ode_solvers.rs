//! The test kit on the crate `ode_solvers`. What it finds is in
//! `docs/solver-findings.md`; `main` fails on anything else.
//!
//! `cargo test --release --features testkit --example testkit_ode_solvers` shows the
//! failures, `cargo run` the summary tables and pages.

use std::marker::PhantomData;
use std::ops::Mul;
use std::process::ExitCode;

use dahlquist::testkit::{self, Claims, Control, Failure, Parts, Solution, Solver, Task};
use ode_solvers::continuous_output_model::ContinuousOutputModel;
use ode_solvers::dop_shared::FloatNumber;
use ode_solvers::{DVector, Dop853, Dopri5, OutputType, Rk4, System};

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// output from the continuous model
    Dopri5,
    /// output of `OutputType::Dense`, equally spaced
    Dopri5Dense,
    Dop853,
    Rk4,
}

struct Adapter<T>(Kind, PhantomData<T>);

const fn adapter<T>(kind: Kind) -> Adapter<T> {
    Adapter(kind, PhantomData)
}

struct Field<'a, T>(&'a Task<'a, T>);

impl<T: FloatNumber> System<T, DVector<T>> for Field<'_, T> {
    fn system(&self, t: T, y: &DVector<T>, dy: &mut DVector<T>) {
        (self.0.rhs)(t, y.as_slice(), dy.as_mut_slice());
    }
}

fn states<T: FloatNumber>(y: &[DVector<T>]) -> Vec<Vec<T>> {
    y.iter().map(|v| v.as_slice().to_vec()).collect()
}

fn refused(e: impl ToString) -> Failure {
    Failure::Refused(e.to_string())
}

/// The smallest number of equal parts of the interval whose ends answer all times.
fn parts(t0: f64, t1: f64, output: &[f64]) -> Option<f64> {
    let divides = |n: &f64| {
        let on_grid = |t: &f64| {
            let index = (t - t0) / (t1 - t0) * n;
            (index - index.round()).abs() < 1e-6
        };
        output.iter().all(on_grid)
    };
    [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 160.0]
        .into_iter()
        .find(divides)
}

impl<T> Adapter<T>
where
    T: testkit::Real + FloatNumber,
    f64: From<T>,
    DVector<T>: Mul<T, Output = DVector<T>>,
{
    fn adaptive(&self, task: &Task<'_, T>, rtol: T, atol: T) -> Result<Solution<T>, Failure> {
        let y0 = DVector::from_column_slice(&task.y0);
        let (t0, t1, zero) = (task.t0, task.t1, <T as testkit::Real>::from_f64(0.0));
        let (t, y) = if self.0 == Kind::Dop853 {
            let mut solver = Dop853::new(Field(task), t0, t1, zero, y0.clone(), rtol, atol);
            solver.set_output(OutputType::Sparse);
            solver.integrate().map_err(refused)?;
            (solver.x_out().clone(), states(solver.y_out()))
        } else {
            let mut solver = Dopri5::new(Field(task), t0, t1, zero, y0.clone(), rtol, atol);
            solver.set_output(OutputType::Sparse);
            solver.integrate().map_err(refused)?;
            (solver.x_out().clone(), states(solver.y_out()))
        };
        let mut s = Solution::steps(t, y);
        if task.output.is_empty() {
            return Ok(s);
        }
        if self.0 != Kind::Dopri5 {
            s.output = self.equally_spaced(task, rtol, atol)?;
            return Ok(s);
        }
        let mut model = ContinuousOutputModel::new();
        let mut solver = Dopri5::new(Field(task), t0, t1, zero, y0, rtol, atol);
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

    /// The crate's `OutputType::Dense`: equal parts, of which the kit asked for some.
    fn equally_spaced(
        &self,
        task: &Task<'_, T>,
        rtol: T,
        atol: T,
    ) -> Result<Vec<(T, Vec<T>)>, Failure> {
        let y0 = DVector::from_column_slice(&task.y0);
        let (t0, t1) = (task.t0, task.t1);
        let wanted: Vec<f64> = task.output.iter().map(|t| f64::from(*t)).collect();
        let n = parts(f64::from(t0), f64::from(t1), &wanted)
            .ok_or(Failure::Unsupported("output is on an equally spaced grid"))?;
        let dx = (t1 - t0) / <T as testkit::Real>::from_f64(n);
        let (times, values) = if self.0 == Kind::Dop853 {
            let mut solver = Dop853::new(Field(task), t0, t1, dx, y0, rtol, atol);
            solver.integrate().map_err(refused)?;
            (solver.x_out().clone(), states(solver.y_out()))
        } else {
            let mut solver = Dopri5::new(Field(task), t0, t1, dx, y0, rtol, atol);
            solver.integrate().map_err(refused)?;
            (solver.x_out().clone(), states(solver.y_out()))
        };
        let near = |wanted: f64| {
            let gap = |t: &T| (f64::from(*t) - wanted).abs();
            times
                .iter()
                .position(|t| gap(t) < 1e-3 * f64::from(dx).abs())
        };
        let pairs = task.output.iter().zip(&wanted);
        Ok(pairs
            .filter_map(|(t, w)| near(*w).map(|k| (*t, values[k].clone())))
            .collect())
    }
}

impl<T> Solver for Adapter<T>
where
    T: testkit::Real + FloatNumber,
    f64: From<T>,
    DVector<T>: Mul<T, Output = DVector<T>>,
{
    type Real = T;

    fn claims(&self) -> Claims {
        let method = match self.0 {
            Kind::Dopri5 => "Dopri5",
            Kind::Dopri5Dense => "Dopri5 equally spaced",
            Kind::Dop853 => "Dop853",
            Kind::Rk4 => "Rk4",
        };
        let single = if T::EPSILON > 1e-10 { " f32" } else { "" };
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
            // The controllers follow the sign of x_end - x; Rk4 takes a negative step.
            backward: true,
            returns_steps: true,
            ..Claims::new(&format!("ode_solvers {method}{single}"), "0.6.2")
        }
    }

    fn solve(&self, task: &Task<'_, T>) -> Result<Solution<T>, Failure> {
        match &task.control {
            Control::Step(h) => {
                let y0 = DVector::from_column_slice(&task.y0);
                let h = if task.t1 < task.t0 { -*h } else { *h };
                let mut solver = Rk4::new(Field(task), task.t0, y0, task.t1, h);
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
        let (real, cast) = if T::EPSILON > 1e-10 {
            (
                "f32",
                "let y: Vec<f64> = y.iter().map(|v| f64::from(*v)).collect();\n            \
                 let mut d = vec![0.0; y.len()];\n            f(f64::from(t), &y, &mut d);\n            \
                 dy.iter_mut().zip(d).for_each(|(o, d)| *o = d as f32);",
            )
        } else {
            ("f64", "f(t, y.as_slice(), dy.as_mut_slice());")
        };
        let system = format!(
            "    use ode_solvers::*;\n    struct F;\n    impl System<{real}, DVector<{real}>> for F {{\n        \
             fn system(&self, t: {real}, y: &DVector<{real}>, dy: &mut DVector<{real}>) {{\n            \
             {cast}\n        }}\n    }}\n"
        );
        let (t0, t1, y0) = (&p.t0, &p.t1, format!("DVector::from_vec({})", p.y0));
        let method = if self.0 == Kind::Dop853 {
            "Dop853"
        } else {
            "Dopri5"
        };
        let number = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
        let wanted: Vec<f64> = p
            .output
            .trim_start_matches("vec![")
            .trim_end_matches(']')
            .split(", ")
            .filter_map(|t| t.parse().ok())
            .collect();
        let n = parts(number(t0), number(t1), &wanted).unwrap_or(64.0);
        let (new, then) = match (&p.step, &p.tolerance) {
            (Some(h), _) => {
                let sign = if number(t1) < number(t0) { "-" } else { "" };
                (format!("Rk4::new(F, {t0}, {y0}, {t1}, {sign}{h})"), "")
            }
            (_, Some((r, a))) if p.output == "vec![]" => (
                format!("{method}::new(F, {t0}, {t1}, 0.0, {y0}, {r}, {a})"),
                "    solver.set_output(OutputType::Sparse);\n",
            ),
            (_, Some((r, a))) => (
                format!("{method}::new(F, {t0}, {t1}, ({t1} - {t0}) / {n:?}, {y0}, {r}, {a})"),
                "",
            ),
            _ => (String::new(), ""),
        };
        let run = if p.output != "vec![]" && self.0 == Kind::Dopri5 {
            format!(
                "    let mut model = continuous_output_model::ContinuousOutputModel::new();\n    \
                 println!(\"{{:?}}\", solver.integrate_with_continuous_output_model(&mut model));\n    \
                 for t in {} {{ println!(\"{{t}}: {{:?}}\", model.evaluate(t)); }}\n",
                p.output
            )
        } else {
            "    println!(\"{:?}\", solver.integrate());\n".into()
        };
        format!(
            "{system}    let mut solver = {new};\n{then}{run}    let (t, y) = (solver.x_out(), solver.y_out());\n"
        )
    }
}

testkit::suite!(dopri5, adapter::<f64>(Kind::Dopri5));
testkit::suite!(dopri5_dense, adapter::<f64>(Kind::Dopri5Dense));
testkit::suite!(dop853, adapter::<f64>(Kind::Dop853));
testkit::suite!(rk4, adapter::<f64>(Kind::Rk4));
testkit::suite!(dopri5_f32, adapter::<f32>(Kind::Dopri5));
testkit::suite!(dop853_f32, adapter::<f32>(Kind::Dop853));
testkit::suite!(rk4_f32, adapter::<f32>(Kind::Rk4));

fn main() -> ExitCode {
    let double = [Kind::Dopri5, Kind::Dopri5Dense, Kind::Dop853, Kind::Rk4].map(adapter::<f64>);
    let single = [Kind::Dopri5, Kind::Dop853, Kind::Rk4].map(adapter::<f32>);
    let all: Vec<&dyn testkit::AnySolver> = double
        .iter()
        .map(|s| s as _)
        .chain(single.iter().map(|s| s as _))
        .collect();
    let known = include_str!("../docs/solver-findings.md");
    testkit::main(&all, &testkit::listed(known))
}
