//! The test kit on the crate `differential-equations`: all of its methods for ordinary
//! equations. What it finds is in `docs/solver-findings.md`; `main` fails on anything else.
//!
//! `cargo test --release --features testkit --example testkit_differential_equations`
//! shows the failures, `cargo run` the summary tables and pages.

use std::marker::PhantomData;
use std::process::ExitCode;

use dahlquist::testkit::{
    self, Claims, Control, Direction, Failure, Parts, Solution, Solver, Table, Task,
};
use differential_equations::interpolate::Interpolation;
use differential_equations::linalg::Matrix;
use differential_equations::methods::SymplecticIntegrator;
use differential_equations::ode::{OrdinaryNumericalMethod, solve_ode};
use differential_equations::prelude::*;
use differential_equations::solout::{CrossingDirection, DefaultSolout};
use differential_equations::tableau::ButcherTableau;
use differential_equations::traits::Real;

/// How a constructor takes its control.
macro_rules! make {
    (Adaptive, $new:expr, $r:expr, $a:expr, $h:expr) => {
        $new().rtol($r).atol($a.clone()).max_steps(100_000)
    };
    (Single, $new:expr, $r:expr, $a:expr, $h:expr) => {
        $new().tol($r).max_steps(100_000)
    };
    (Fixed, $new:expr, $r:expr, $a:expr, $h:expr) => {
        $new($h).max_steps(100_000)
    };
}

#[derive(Clone, Copy, PartialEq)]
enum Controlled {
    /// relative and absolute tolerances
    Adaptive,
    /// one tolerance
    Single,
    Fixed,
}

macro_rules! methods {
    ($d:tt $($kind:ident $family:ident $new:ident $control:ident $orders:expr, $table:expr;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq)]
        enum Kind { $($kind),* }

        const ALL: &[Kind] = &[$(Kind::$kind),*];

        impl Kind {
            fn control(self) -> Controlled {
                match self { $(Kind::$kind => Controlled::$control),* }
            }

            /// Of the method and of its dense output.
            fn orders(self) -> Option<(u32, u32)> {
                match self { $(Kind::$kind => $orders),* }
            }

            fn table(self) -> Option<Table> {
                match self { $(Kind::$kind => $table),* }
            }

            fn constructor(self) -> (&'static str, &'static str) {
                match self { $(Kind::$kind => (stringify!($family), stringify!($new))),* }
            }
        }

        /// Calls `$act(make, …)` with the constructor of the method.
        macro_rules! with_method {
            ($d kind:expr, $d task:expr, $d act:ident, $d($d rest:expr),*) => {{
                let (r, a, h) = controls($d task);
                match $d kind {
                    $(Kind::$kind => $d act(|| make!($control, $family::$new, r, a, h), $d($d rest),*),)*
                }
            }};
        }
    };
}

/// The table of a method and the order of its embedded weights.
macro_rules! tab {
    ($new:ident $s:literal $i:literal $embedded:literal) => {
        table(ButcherTableau::<f64, $s, $i>::$new(), $embedded)
    };
}

methods! { $
    Euler ExplicitRungeKutta euler Fixed Some((1, 3)), tab!(euler 1 1 0);
    Midpoint ExplicitRungeKutta midpoint Fixed Some((2, 3)), tab!(midpoint 2 2 0);
    Heun ExplicitRungeKutta heun Fixed Some((2, 3)), tab!(heun 2 2 0);
    Ralston ExplicitRungeKutta ralston Fixed Some((2, 3)), tab!(ralston 2 2 0);
    SspRk3 ExplicitRungeKutta ssp_rk3 Fixed Some((3, 3)), tab!(ssp_rk3 3 3 0);
    Rk4 ExplicitRungeKutta rk4 Fixed Some((4, 3)), tab!(rk4 4 4 0);
    ThreeEighths ExplicitRungeKutta three_eighths Fixed Some((4, 3)), tab!(three_eighths 4 4 0);
    Rkf45 ExplicitRungeKutta rkf45 Adaptive Some((5, 3)), tab!(rkf45 6 6 4);
    CashKarp ExplicitRungeKutta cash_karp Adaptive Some((5, 3)), tab!(cash_karp 6 6 4);
    Dopri5 ExplicitRungeKutta dopri5 Adaptive Some((5, 4)), None;
    Dop853 ExplicitRungeKutta dop853 Adaptive Some((8, 7)), None;
    Rkv655e ExplicitRungeKutta rkv655e Adaptive Some((6, 5)), tab!(rkv655e 9 10 5);
    Rkv656e ExplicitRungeKutta rkv656e Adaptive Some((6, 6)), tab!(rkv656e 9 12 5);
    Rkv766e ExplicitRungeKutta rkv766e Adaptive Some((7, 6)), tab!(rkv766e 10 13 6);
    Rkv767e ExplicitRungeKutta rkv767e Adaptive Some((7, 7)), tab!(rkv767e 10 16 6);
    Rkv877e ExplicitRungeKutta rkv877e Adaptive Some((8, 7)), tab!(rkv877e 13 17 7);
    Rkv878e ExplicitRungeKutta rkv878e Adaptive Some((8, 8)), tab!(rkv878e 13 21 7);
    Rkv988e ExplicitRungeKutta rkv988e Adaptive Some((9, 8)), tab!(rkv988e 16 21 8);
    Rkv989e ExplicitRungeKutta rkv989e Adaptive Some((9, 9)), tab!(rkv989e 16 26 8);
    Apcf4 AdamsPredictorCorrector f4 Fixed Some((4, 3)), None;
    Apcv4 AdamsPredictorCorrector v4 Single Some((4, 3)), None;
    VelocityVerlet SymplecticIntegrator velocity_verlet Fixed Some((2, 1)), None;
    RuthForest SymplecticIntegrator ruth_forest Fixed Some((4, 1)), None;
    BackwardEuler ImplicitRungeKutta backward_euler Fixed Some((1, 3)), tab!(backward_euler 1 1 0);
    CrankNicolson ImplicitRungeKutta crank_nicolson Fixed Some((2, 3)), tab!(crank_nicolson 2 2 0);
    Trapezoidal ImplicitRungeKutta trapezoidal Fixed Some((2, 3)), tab!(trapezoidal 2 2 0);
    Esdirk33 DiagonallyImplicitRungeKutta esdirk33 Fixed Some((3, 3)), tab!(esdirk33 3 3 0);
    Sdirk21 DiagonallyImplicitRungeKutta sdirk21 Adaptive Some((2, 3)), tab!(sdirk21 2 2 1);
    Esdirk324 DiagonallyImplicitRungeKutta esdirk324l2sa Adaptive Some((3, 3)), tab!(esdirk324l2sa 4 4 2);
    Kvaerno423 DiagonallyImplicitRungeKutta kvaerno423 Adaptive Some((3, 3)), tab!(kvaerno423 4 4 2);
    Kvaerno745 DiagonallyImplicitRungeKutta kvaerno745 Adaptive Some((5, 3)), tab!(kvaerno745 7 7 4);
    GaussLegendre4 ImplicitRungeKutta gauss_legendre_4 Adaptive Some((4, 3)), tab!(gauss_legendre_4 2 2 0);
    GaussLegendre6 ImplicitRungeKutta gauss_legendre_6 Adaptive Some((6, 3)), tab!(gauss_legendre_6 3 3 0);
    LobattoIiic2 ImplicitRungeKutta lobatto_iiic_2 Adaptive Some((2, 3)), tab!(lobatto_iiic_2 2 2 0);
    LobattoIiic4 ImplicitRungeKutta lobatto_iiic_4 Adaptive Some((4, 3)), tab!(lobatto_iiic_4 3 3 0);
    Radau5 ImplicitRungeKutta radau5 Adaptive Some((5, 3)), None;
    Bdf BackwardDifferentiationFormula adaptive Adaptive None, None;
}

/// The first `S` weights apply to the method, all `I` stages to its dense output.
fn table<const S: usize, const I: usize>(
    t: ButcherTableau<f64, S, I>,
    embedded: u32,
) -> Option<Table> {
    let padded = |b: [f64; S]| b.into_iter().chain([0.0; I]).take(I).collect::<Vec<f64>>();
    Some(Table {
        a: t.a.iter().map(|row| row.to_vec()).collect(),
        b: padded(t.b),
        c: t.c.to_vec(),
        embedded: t.bh.filter(|_| embedded > 0).map(|b| (padded(b), embedded)),
        dense: t.bi.map(|bi| bi.iter().map(|row| row.to_vec()).collect()),
    })
}

/// Which of the crate's outputs answers.
#[derive(Clone, Copy, PartialEq)]
enum Output {
    /// `t_eval`, and `event` for events
    Times,
    /// `even`, equally spaced, and `crossing` for events
    Even,
}

struct Adapter<T>(Kind, Output, PhantomData<T>);

const fn adapter<T>(kind: Kind, output: Output) -> Adapter<T> {
    Adapter(kind, output, PhantomData)
}

/// Tolerances and step; the step has the sign of the direction.
fn controls<T: testkit::Real + Real>(task: &Task<'_, T>) -> (T, Vec<T>, T) {
    match &task.control {
        Control::Step(h) if task.t1 < task.t0 => (T::zero(), Vec::new(), -*h),
        Control::Step(h) => (T::zero(), Vec::new(), *h),
        Control::Tolerance { relative, absolute } => (*relative, absolute.clone(), T::zero()),
    }
}

struct Field<'a, T>(&'a Task<'a, T>);

impl<T: testkit::Real + Real> ODE<T, Vec<T>> for Field<'_, T> {
    fn diff(&self, t: T, y: &Vec<T>, dydt: &mut Vec<T>) {
        (self.0.rhs)(t, y, dydt);
    }

    fn jacobian(&self, t: T, y: &Vec<T>, j: &mut Matrix<T>) {
        let n = y.len();
        let (mut unit, mut column) = (vec![T::zero(); n], vec![T::zero(); n]);
        for c in 0..n {
            unit[c] = T::one();
            (self.0.jacobian_times)(t, y, &unit, &mut column);
            unit[c] = T::zero();
            for r in 0..n {
                j[(r, c)] = column[r];
            }
        }
    }
}

struct Zero<'a, T>(&'a testkit::Event<'a, T>);

impl<T: testkit::Real + Real> Event<T, Vec<T>> for Zero<'_, T> {
    fn config(&self) -> EventConfig {
        EventConfig::new(direction(self.0), None)
    }

    fn event(&self, t: T, y: &Vec<T>) -> T {
        (self.0.g)(t, y)
    }
}

fn direction<T>(event: &testkit::Event<'_, T>) -> CrossingDirection {
    match event.direction {
        Direction::Rising => CrossingDirection::Positive,
        Direction::Falling => CrossingDirection::Negative,
        Direction::Both => CrossingDirection::Both,
    }
}

fn refused<T: Real>(e: differential_equations::error::Error<T, Vec<T>>) -> Failure {
    Failure::Refused(format!("{e:?}"))
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

/// A call for each thing asked for: the steps, the outputs, the event.
fn once<T, N>(
    make: impl Fn() -> N,
    task: &Task<'_, T>,
    output: Output,
) -> Result<Solution<T>, Failure>
where
    T: testkit::Real + Real,
    N: OrdinaryNumericalMethod<T, Vec<T>> + Interpolation<T, Vec<T>>,
{
    let field = Field(task);
    let problem = || IVP::ode(&field, task.t0, task.t1, task.y0.clone()).method(make());
    let steps = problem().solve().map_err(refused)?;
    let mut s = Solution::steps(steps.t, steps.y);
    if !task.output.is_empty() {
        let wide = |t: &T| testkit::Real::to_f64(*t);
        let wanted: Vec<f64> = task.output.iter().map(wide).collect();
        match output {
            Output::Times => {
                let out = problem().t_eval(&task.output).solve().map_err(refused)?;
                s.output = out.t.into_iter().zip(out.y).collect();
            }
            Output::Even => {
                let n = parts(wide(&task.t0), wide(&task.t1), &wanted)
                    .ok_or(Failure::Unsupported("output is on an equally spaced grid"))?;
                let dt = (wide(&task.t1) - wide(&task.t0)).abs() / n;
                let even = problem().even(<T as testkit::Real>::from_f64(dt));
                let out = even.solve().map_err(refused)?;
                for (t, w) in task.output.iter().zip(wanted) {
                    let near = |u: &T| (wide(u) - w).abs() < 1e-3 * dt;
                    if let Some(k) = out.t.iter().position(near) {
                        s.output.push((*t, out.y[k].clone()));
                    }
                }
            }
        }
    }
    match (&task.events[..], output) {
        ([], _) => {}
        ([event], Output::Times) => {
            let zero = Zero(event);
            let none: [T; 0] = [];
            let found = problem().t_eval(none).event(&zero).solve();
            let times = found.map_err(refused)?.t;
            s.events = times.into_iter().map(|t| (0, t)).collect();
        }
        ([event], Output::Even) => {
            // A component and a threshold, read off the function, which is y[i] - threshold.
            let mut y = vec![T::zero(); task.y0.len()];
            let low = (event.g)(T::zero(), &y);
            let moves = |i: &usize| {
                y[*i] = T::one();
                let moved = (event.g)(T::zero(), &y) != low;
                y[*i] = T::zero();
                moved
            };
            let component = (0..task.y0.len())
                .find(moves)
                .ok_or(Failure::Unsupported("a crossing is one of a component"))?;
            let crossing = problem().crossing(component, -low, direction(event));
            let found = crossing.solve().map_err(refused)?;
            s.events = found.t.into_iter().map(|t| (0, t)).collect();
        }
        _ => return Err(Failure::Unsupported("one event function at a time")),
    }
    Ok(s)
}

fn twice<T, N>(
    make: impl Fn() -> N,
    first: &Task<'_, T>,
    second: &Task<'_, T>,
) -> Result<Solution<T>, Failure>
where
    T: testkit::Real + Real,
    N: OrdinaryNumericalMethod<T, Vec<T>> + Interpolation<T, Vec<T>>,
{
    let mut solver = make();
    let mut solve = |task: &Task<'_, T>| {
        let (y0, mut out) = (&task.y0, DefaultSolout::new());
        solve_ode(&mut solver, &Field(task), task.t0, task.t1, y0, &mut out)
    };
    solve(first).map_err(refused)?;
    let s = solve(second).map_err(refused)?;
    Ok(Solution::steps(s.t, s.y))
}

impl<T: testkit::Real + Real> Solver for Adapter<T> {
    type Real = T;

    fn claims(&self) -> Claims {
        let kind = self.0;
        let (family, _) = kind.constructor();
        let output = if self.1 == Output::Even { " even" } else { "" };
        let single = if <T as testkit::Real>::EPSILON > 1e-10 {
            " f32"
        } else {
            ""
        };
        let symplectic = family == "SymplecticIntegrator";
        Claims {
            implicit: matches!(
                family,
                "ImplicitRungeKutta"
                    | "DiagonallyImplicitRungeKutta"
                    | "BackwardDifferentiationFormula"
            ),
            fixed_step: kind.control() == Controlled::Fixed,
            adaptive: kind.control() != Controlled::Fixed,
            order: kind.orders().map(|o| o.0),
            dense: true,
            dense_order: kind.orders().map(|o| o.1),
            events: true,
            backward: true,
            vector_tolerance: kind.control() == Controlled::Adaptive,
            returns_steps: true,
            symplectic,
            second_order: symplectic,
            a_stable: matches!(
                kind,
                Kind::BackwardEuler | Kind::CrankNicolson | Kind::Trapezoidal
            ),
            l_stable: kind == Kind::BackwardEuler,
            table: kind.table(),
            ..Claims::new(
                &format!("differential-equations {kind:?}{output}{single}"),
                "0.7.0",
            )
        }
    }

    fn solve(&self, task: &Task<'_, T>) -> Result<Solution<T>, Failure> {
        let bits = |v: &T| testkit::Real::to_f64(*v).to_bits();
        if let (Controlled::Single, Control::Tolerance { relative, absolute }) =
            (self.0.control(), &task.control)
            && absolute.iter().any(|a| bits(a) != bits(relative))
        {
            return Err(Failure::Unsupported("takes one tolerance"));
        }
        with_method!(self.0, task, once, task, self.1)
    }

    fn solve_twice(
        &self,
        first: &Task<'_, T>,
        second: &Task<'_, T>,
    ) -> Option<Result<Solution<T>, Failure>> {
        Some(with_method!(self.0, second, twice, first, second))
    }

    fn snippet_twice(&self, first: &Parts, second: &Parts) -> String {
        format!(
            "{}    use differential_equations::{{ode::solve_ode, solout::DefaultSolout}};\n    struct F;\n    \
             impl ODE<R, Vec<R>> for F {{\n        fn diff(&self, t: R, y: &Vec<R>, dy: &mut Vec<R>) {{ rhs(t, y, dy) }}\n    }}\n    \
             let mut solver = {};\n    let first = solve_ode(&mut solver, &F, {}, {}, &{}, &mut DefaultSolout::new());\n    \
             println!(\"{{:?}}\", first.map(|s| s.t.len()));\n    \
             let s = solve_ode(&mut solver, &F, {}, {}, &{}, &mut DefaultSolout::new()).unwrap();\n    \
             let (t, y) = (s.t, s.y);\n",
            self.preamble(),
            self.new_method(second),
            first.t0,
            first.t1,
            first.y0,
            second.t0,
            second.t1,
            second.y0
        )
    }

    fn snippet(&self, p: &Parts) -> String {
        let number = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
        let wanted: Vec<f64> = p
            .output
            .trim_start_matches("vec![")
            .trim_end_matches(']')
            .split(", ")
            .filter_map(|t| t.parse().ok())
            .collect();
        let output = match self.1 {
            _ if p.output == "vec![]" => String::new(),
            Output::Times => format!(".t_eval({})", p.output),
            Output::Even => {
                let (t0, t1) = (number(&p.t0), number(&p.t1));
                let n = parts(t0, t1, &wanted).unwrap_or(64.0);
                format!(".even({:?})", (t1 - t0).abs() / n)
            }
        };
        let (event, wrapped) = match &p.events[..] {
            [(g, direction), ..] => (
                format!(
                    "    struct G;\n    impl Event<R, Vec<R>> for G {{\n        \
                     fn config(&self) -> EventConfig {{ EventConfig::new(CrossingDirection::{}, None) }}\n        \
                     fn event(&self, t: R, y: &Vec<R>) -> R {{ let _ = (t, y); {g} }}\n    }}\n",
                    match direction {
                        Direction::Rising => "Positive",
                        Direction::Falling => "Negative",
                        Direction::Both => "Both",
                    }
                ),
                ".t_eval([]).event(&G)",
            ),
            [] => (String::new(), ""),
        };
        format!(
            "{}{event}    let s = IVP::ode_from_fn(rhs, {}, {}, {})\n        .method({}){output}{wrapped}\n        \
             .solve().unwrap();\n    let (t, y) = (s.t, s.y);\n",
            self.preamble(),
            p.t0,
            p.t1,
            p.y0,
            self.new_method(p)
        )
    }
}

impl<T: testkit::Real> Adapter<T> {
    /// The imports of a snippet, and the right-hand side in the crate's types.
    fn preamble(&self) -> String {
        let real = if T::EPSILON > 1e-10 { "f32" } else { "f64" };
        format!(
            "    use differential_equations::{{methods::*, prelude::*}};\n    type R = {real};\n    \
             fn rhs(t: R, y: &Vec<R>, dy: &mut Vec<R>) {{\n        let y: Vec<f64> = y.iter().map(|v| *v as f64).collect();\n        \
             let mut d = vec![0.0; y.len()];\n        f(t as f64, &y, &mut d);\n        \
             dy.iter_mut().zip(d).for_each(|(o, d)| *o = d as R);\n    }}\n"
        )
    }

    /// The text that makes the method.
    fn new_method(&self, p: &Parts) -> String {
        let number = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
        let (family, new) = self.0.constructor();
        let absolute = p.control.split_once(", ").map_or("", |c| c.1);
        let control = match (self.0.control(), &p.tolerance, &p.step) {
            (Controlled::Fixed, _, Some(h)) => {
                let sign = if number(&p.t1) < number(&p.t0) {
                    "-"
                } else {
                    ""
                };
                format!("({sign}{h})")
            }
            (Controlled::Single, Some((r, _)), _) => format!("().tol({r})"),
            (_, Some((r, _)), _) => format!("().rtol({r}).atol({absolute})"),
            _ => String::new(),
        };
        format!("{family}::{new}{control}.max_steps(100_000)")
    }
}

macro_rules! suites {
    ($($module:ident $kind:ident)*) => {
        $(testkit::suite!($module, adapter::<f64>(Kind::$kind, Output::Times));)*
    };
}

suites! {
    euler Euler midpoint Midpoint heun Heun ralston Ralston ssp_rk3 SspRk3 rk4 Rk4
    three_eighths ThreeEighths rkf45 Rkf45 cash_karp CashKarp dopri5 Dopri5 dop853 Dop853
    rkv655e Rkv655e rkv656e Rkv656e rkv766e Rkv766e rkv767e Rkv767e rkv877e Rkv877e
    rkv878e Rkv878e rkv988e Rkv988e rkv989e Rkv989e apcf4 Apcf4 apcv4 Apcv4
    velocity_verlet VelocityVerlet ruth_forest RuthForest backward_euler BackwardEuler
    crank_nicolson CrankNicolson trapezoidal Trapezoidal esdirk33 Esdirk33 sdirk21 Sdirk21
    esdirk324 Esdirk324 kvaerno423 Kvaerno423 kvaerno745 Kvaerno745
    gauss_legendre_4 GaussLegendre4 gauss_legendre_6 GaussLegendre6
    lobatto_iiic_2 LobattoIiic2 lobatto_iiic_4 LobattoIiic4 radau5 Radau5 bdf Bdf
}
testkit::suite!(dopri5_even, adapter::<f64>(Kind::Dopri5, Output::Even));
testkit::suite!(rk4_even, adapter::<f64>(Kind::Rk4, Output::Even));
testkit::suite!(dopri5_f32, adapter::<f32>(Kind::Dopri5, Output::Times));
testkit::suite!(radau5_f32, adapter::<f32>(Kind::Radau5, Output::Times));
testkit::suite!(rk4_f32, adapter::<f32>(Kind::Rk4, Output::Times));

fn main() -> ExitCode {
    let even = [Kind::Dopri5, Kind::Rk4].map(|k| adapter::<f64>(k, Output::Even));
    let double: Vec<Adapter<f64>> = ALL
        .iter()
        .map(|k| adapter(*k, Output::Times))
        .chain(even)
        .collect();
    let single = [Kind::Dopri5, Kind::Radau5, Kind::Rk4].map(|k| adapter::<f32>(k, Output::Times));
    let all: Vec<&dyn testkit::AnySolver> = double
        .iter()
        .map(|s| s as _)
        .chain(single.iter().map(|s| s as _))
        .collect();
    let known = include_str!("../docs/solver-findings.md");
    testkit::main(&all, &testkit::listed(known))
}
