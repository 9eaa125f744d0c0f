//! The test kit on the crate `diffsol`. What it finds is in `docs/solver-findings.md`;
//! `main` fails on anything else.
//!
//! `cargo test --release --features testkit --example testkit_diffsol` shows the
//! failures, `cargo run` the summary tables and pages.

use std::marker::PhantomData;
use std::process::ExitCode;

use dahlquist::testkit::{
    self, Claims, Control, Direction, Failure, Parts, Solution, Solver, Table, Task,
};
use diffsol::{
    DiffsolError, MatrixCommon, NalgebraLU, NalgebraMat, NalgebraScalar, NalgebraVec, OdeBuilder,
    OdeEquations, OdeSolverMethod, OdeSolverStopReason, Tableau, VectorCommon,
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Method {
    Bdf,
    TrBdf2,
    Esdirk34,
    Tsit45,
}

/// How a user drives the solver.
#[derive(Clone, Copy, PartialEq)]
enum Drive {
    /// `solve` and `solve_dense`; a root ends a call, the next call goes on from there
    Solve,
    /// `step` and `interpolate` in a loop, past the roots
    Step,
}

struct Adapter<T>(Method, Drive, PhantomData<T>);

const fn adapter<T>(method: Method, drive: Drive) -> Adapter<T> {
    Adapter(method, drive, PhantomData)
}

fn refused(e: DiffsolError) -> Failure {
    Failure::Refused(e.to_string())
}

fn columns<T: NalgebraScalar>(y: &NalgebraMat<T>) -> Vec<Vec<T>> {
    let all = 0..y.ncols();
    all.map(|k| y.inner().column(k).iter().copied().collect())
        .collect()
}

/// The steps of `solve`, called again after each root.
fn solve<'a, T, E>(
    mut solver: impl OdeSolverMethod<'a, E>,
    task: &Task<'_, T>,
) -> Result<Solution<T>, Failure>
where
    T: NalgebraScalar,
    E: OdeEquations<T = T, V = NalgebraVec<T>> + 'a,
{
    let mut s = Solution::steps(Vec::new(), Vec::new());
    loop {
        let (y, t, reason) = solver.solve(task.t1).map_err(refused)?;
        s.t.extend(t);
        s.y.extend(columns(&y));
        match reason {
            OdeSolverStopReason::RootFound(t, index) => s.events.push((index, t)),
            _ => return Ok(s),
        }
    }
}

/// The documented loop: `step` until the stop time, outputs interpolated on the way.
fn step<'a, T, E>(
    mut solver: impl OdeSolverMethod<'a, E>,
    task: &Task<'_, T>,
) -> Result<Solution<T>, Failure>
where
    T: NalgebraScalar,
    E: OdeEquations<T = T, V = NalgebraVec<T>> + 'a,
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
        let (t, y) = (solver.state().t, state(solver.state().y));
        let passed = |w: &T| if task.t1 < task.t0 { *w >= t } else { *w <= t };
        while let Some(wanted) = outputs.next_if(passed) {
            let y = solver.interpolate(wanted).map_err(refused)?;
            s.output.push((wanted, state(&y)));
        }
        s.t.push(t);
        s.y.push(y);
        if matches!(reason, OdeSolverStopReason::TstopReached) {
            return Ok(s);
        }
    }
}

fn state<T: NalgebraScalar>(y: &NalgebraVec<T>) -> Vec<T> {
    y.inner().iter().copied().collect()
}

impl<T: NalgebraScalar + testkit::Real> Solver for Adapter<T> {
    type Real = T;

    fn claims(&self) -> Claims {
        let single = if <T as testkit::Real>::EPSILON > 1e-10 {
            " f32"
        } else {
            ""
        };
        let name = match self.0 {
            Method::Bdf => "bdf",
            Method::TrBdf2 => "tr_bdf2",
            Method::Esdirk34 => "esdirk34",
            Method::Tsit45 => "tsit45",
        };
        let drive = if self.1 == Drive::Step { " step" } else { "" };
        // (order, order of the dense output, order of the embedded method)
        let orders = match self.0 {
            Method::Bdf => None,
            Method::TrBdf2 => Some((2, 2, 3)),
            Method::Esdirk34 => Some((3, 3, 4)),
            Method::Tsit45 => Some((5, 4, 4)),
        };
        let tableau = match self.0 {
            Method::Bdf => None,
            Method::TrBdf2 => Some(Tableau::<f64>::tr_bdf2()),
            Method::Esdirk34 => Some(Tableau::<f64>::esdirk34()),
            Method::Tsit45 => Some(Tableau::<f64>::tsit45()),
        };
        Claims {
            implicit: self.0 != Method::Tsit45,
            adaptive: true,
            order: orders.map(|o| o.0),
            dense: true,
            dense_order: orders.map(|o| o.1),
            events: true,
            // with a negative first step, as in the crate's own tests
            backward: true,
            vector_tolerance: true,
            returns_steps: true,
            table: tableau.map(|t| table(&t, orders.map_or(1, |o| o.2))),
            ..Claims::new(&format!("diffsol {name}{drive}{single}"), "0.18.0")
        }
    }

    fn solve(&self, task: &Task<'_, T>) -> Result<Solution<T>, Failure> {
        let Control::Tolerance { relative, absolute } = &task.control else {
            return Err(Failure::Unsupported("fixed steps"));
        };
        let direction = |e: &testkit::Event<'_, T>| e.direction != Direction::Both;
        if task.events.iter().any(direction) {
            return Err(Failure::Unsupported("roots have no direction"));
        }
        let wide = |v: T| testkit::Real::to_f64(v);
        let builder = || {
            let b = OdeBuilder::<NalgebraMat<T>>::new()
                .t0(wide(task.t0))
                .rtol(wide(*relative))
                .atol(absolute.iter().map(|v| wide(*v)))
                .rhs_implicit(
                    |y: &[T], _: &[T], t: T, dy: &mut [T]| (task.rhs)(t, y, dy),
                    |y: &[T], _: &[T], t: T, v: &[T], out: &mut [T]| {
                        (task.jacobian_times)(t, y, v, out);
                    },
                )
                .init(
                    |_: &[T], _: T, y: &mut [T]| y.copy_from_slice(&task.y0),
                    task.y0.len(),
                );
            if task.t1 < task.t0 { b.h0(-1.0) } else { b }
        };
        macro_rules! with_solver {
            ($problem:expr, |$s:ident| $act:expr) => {{
                let problem = $problem.map_err(refused)?;
                match self.0 {
                    Method::Bdf => {
                        let $s = problem.bdf::<NalgebraLU<T>>().map_err(refused)?;
                        $act
                    }
                    Method::TrBdf2 => {
                        let $s = problem.tr_bdf2::<NalgebraLU<T>>().map_err(refused)?;
                        $act
                    }
                    Method::Esdirk34 => {
                        let $s = problem.esdirk34::<NalgebraLU<T>>().map_err(refused)?;
                        $act
                    }
                    Method::Tsit45 => {
                        let $s = problem.tsit45().map_err(refused)?;
                        $act
                    }
                }
            }};
        }
        let roots = |y: &[T], _: &[T], t: T, out: &mut [T]| {
            for (o, e) in out.iter_mut().zip(&task.events) {
                *o = (e.g)(t, y);
            }
        };
        let n = task.events.len();
        if self.1 == Drive::Step {
            return match n {
                0 => with_solver!(builder().build(), |s| step(s, task)),
                _ => with_solver!(builder().root(roots, n).build(), |s| step(s, task)),
            };
        }
        if !task.output.is_empty() && task.t1 < task.t0 {
            return Err(Failure::Unsupported("solve_dense takes increasing times"));
        }
        let mut found = match n {
            0 => with_solver!(builder().build(), |s| solve(s, task))?,
            _ => with_solver!(builder().root(roots, n).build(), |s| solve(s, task))?,
        };
        if !task.output.is_empty() {
            let values = with_solver!(builder().build(), |s| {
                let mut s = s;
                s.solve_dense(&task.output).map_err(refused)?.0
            });
            let pairs = task.output.iter().copied().zip(columns(&values));
            found.output = pairs.collect();
        }
        Ok(found)
    }

    fn snippet(&self, p: &Parts) -> String {
        let method = match self.0 {
            Method::Bdf => "bdf::<NalgebraLU<R>>",
            Method::TrBdf2 => "tr_bdf2::<NalgebraLU<R>>",
            Method::Esdirk34 => "esdirk34::<NalgebraLU<R>>",
            Method::Tsit45 => "tsit45",
        };
        let real = if <T as testkit::Real>::EPSILON > 1e-10 {
            "f32"
        } else {
            "f64"
        };
        let (r, _) = p.tolerance.clone().unwrap_or_default();
        let atol = p.control.split_once(", ").map_or("vec![]", |(_, a)| a);
        let backward = p.t1.parse::<f64>().unwrap_or(0.0) < p.t0.parse::<f64>().unwrap_or(0.0);
        let h0 = if backward { ".h0(-1.0)" } else { "" };
        let values: Vec<&str> = p.events.iter().map(|(g, _)| g.as_str()).collect();
        let root = match values.len() {
            0 => String::new(),
            n => format!(
                "\n        .root(|y: &[R], _: &[R], t: R, out: &mut [R]| {{\n            let _ = (y, t);\n            \
                 out.copy_from_slice(&[{}]);\n        }}, {n})",
                values.join(", ")
            ),
        };
        let run = if p.output != "vec![]" && self.1 == Drive::Solve {
            format!(
                "    let times: Vec<R> = {};\n    println!(\"{{:?}}\", solver.solve_dense(&times));\n    \
                 let (t, y) = (solver.state().t, solver.state().y);\n",
                p.output
            )
        } else if self.1 == Drive::Solve {
            format!(
                "    let (y, t, reason) = solver.solve({}).unwrap();\n    println!(\"{{reason:?}}\");\n",
                p.t1
            )
        } else {
            let times = format!("    let mut times: Vec<R> = {};\n", p.output);
            format!(
                "{times}    solver.set_stop_time({}).unwrap();\n    loop {{\n        let reason = solver.step();\n        \
                 let t = solver.state().t;\n        println!(\"{{reason:?}} {{t:?}} {{:?}}\", solver.state().y);\n        \
                 times.retain(|&w| {{ let later = if {backward} {{ w < t }} else {{ w > t }};\n            \
                 if !later {{ println!(\"{{w:?}}: {{:?}}\", solver.interpolate(w)); }} later }});\n        \
                 if matches!(reason, Err(_) | Ok(OdeSolverStopReason::TstopReached)) {{ break; }}\n    }}\n    \
                 let (t, y) = (solver.state().t, solver.state().y);\n",
                p.t1
            )
        };
        format!(
            "    use diffsol::*;\n    type R = {real};\n    let wide = |y: &[R]| y.iter().map(|v| *v as f64).collect::<Vec<f64>>();\n    \
             let rhs = |y: &[R], _: &[R], t: R, dy: &mut [R]| {{\n        let mut d = vec![0.0; y.len()];\n        \
             f(t as f64, &wide(y), &mut d);\n        dy.iter_mut().zip(d).for_each(|(o, d)| *o = d as R);\n    }};\n    \
             let jac = |y: &[R], p: &[R], t: R, v: &[R], out: &mut [R]| {{\n        \
             // the Jacobian times v; a difference quotient where the kit used the exact product\n        \
             let e = 1e-7; let moved: Vec<R> = y.iter().zip(v).map(|(a, b)| a + e * b).collect();\n        \
             let mut low = out.to_vec(); rhs(y, p, t, &mut low); rhs(&moved, p, t, out);\n        \
             out.iter_mut().zip(low).for_each(|(o, l)| *o = (*o - l) / e);\n    }};\n    \
             let y0: Vec<R> = {};\n    let problem = OdeBuilder::<NalgebraMat<R>>::new()\n        \
             .t0({}).rtol({r}).atol({atol}){h0}\n        .rhs_implicit(rhs, jac)\n        \
             .init(|_: &[R], _: R, y: &mut [R]| y.copy_from_slice(&y0), {}){root}\n        \
             .build().unwrap();\n    let mut solver = problem.{method}().unwrap();\n{run}",
            p.y0, p.t0, p.dimension
        )
    }
}

fn table(t: &Tableau<f64>, embedded: u32) -> Table {
    let s = t.s();
    let b: Vec<f64> = t.b().as_slice().to_vec();
    // d is the difference of the two methods
    let lower = b.iter().zip(t.d().as_slice()).map(|(b, d)| b - d).collect();
    Table {
        a: (0..s)
            .map(|i| (0..s).map(|j| t.a(i, j)).collect())
            .collect(),
        b,
        c: t.c().as_slice().to_vec(),
        embedded: Some((lower, embedded)),
        dense: t
            .beta_t()
            .map(|m| (0..s).map(|i| m.as_col_slice(i).to_vec()).collect()),
    }
}

testkit::suite!(bdf, adapter::<f64>(Method::Bdf, Drive::Solve));
testkit::suite!(tr_bdf2, adapter::<f64>(Method::TrBdf2, Drive::Solve));
testkit::suite!(esdirk34, adapter::<f64>(Method::Esdirk34, Drive::Solve));
testkit::suite!(tsit45, adapter::<f64>(Method::Tsit45, Drive::Solve));
testkit::suite!(bdf_step, adapter::<f64>(Method::Bdf, Drive::Step));
testkit::suite!(tsit45_step, adapter::<f64>(Method::Tsit45, Drive::Step));
testkit::suite!(bdf_f32, adapter::<f32>(Method::Bdf, Drive::Solve));
testkit::suite!(tsit45_f32, adapter::<f32>(Method::Tsit45, Drive::Solve));

fn main() -> ExitCode {
    let double = [
        (Method::Bdf, Drive::Solve),
        (Method::TrBdf2, Drive::Solve),
        (Method::Esdirk34, Drive::Solve),
        (Method::Tsit45, Drive::Solve),
        (Method::Bdf, Drive::Step),
        (Method::Tsit45, Drive::Step),
    ]
    .map(|(m, d)| adapter::<f64>(m, d));
    let single = [Method::Bdf, Method::Tsit45].map(|m| adapter::<f32>(m, Drive::Solve));
    let all: Vec<&dyn testkit::AnySolver> = double
        .iter()
        .map(|s| s as _)
        .chain(single.iter().map(|s| s as _))
        .collect();
    let known = include_str!("../docs/solver-findings.md");
    testkit::main(&all, &testkit::listed(known))
}
