//! The test kit on the crate `differential-equations`. What it finds is in
//! `docs/solver-findings.md`; `main` fails on anything else.
//!
//! `cargo test --release --features testkit --example testkit_differential_equations`
//! shows the failures, `cargo run` the summary tables and pages.

use std::process::ExitCode;

use dahlquist::testkit::{
    self, Claims, Control, Direction, Failure, Parts, Solution, Solver, Table, Task,
};
use differential_equations::interpolate::Interpolation;
use differential_equations::linalg::Matrix;
use differential_equations::ode::{OrdinaryNumericalMethod, solve_ode};
use differential_equations::prelude::*;
use differential_equations::solout::{CrossingDirection, DefaultSolout};
use differential_equations::tableau::ButcherTableau;

type State = Vec<f64>;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Dopri5,
    Dop853,
    Rkf45,
    Rkv655e,
    Kvaerno745,
    Radau5,
    GaussLegendre6,
    Bdf,
    Apcv4,
    Rk4,
}

struct Adapter(Kind);

struct Field<'a>(&'a Task<'a, f64>);

impl ODE<f64, State> for Field<'_> {
    fn diff(&self, t: f64, y: &State, dydt: &mut State) {
        (self.0.rhs)(t, y, dydt);
    }

    fn jacobian(&self, t: f64, y: &State, j: &mut Matrix<f64>) {
        let n = y.len();
        let (mut unit, mut column) = (vec![0.0; n], vec![0.0; n]);
        for c in 0..n {
            unit[c] = 1.0;
            (self.0.jacobian_times)(t, y, &unit, &mut column);
            unit[c] = 0.0;
            for r in 0..n {
                j[(r, c)] = column[r];
            }
        }
    }
}

struct Crossing<'a>(&'a testkit::Event<'a, f64>);

impl Event<f64, State> for Crossing<'_> {
    fn config(&self) -> EventConfig {
        let direction = match self.0.direction {
            Direction::Rising => CrossingDirection::Positive,
            Direction::Falling => CrossingDirection::Negative,
            Direction::Both => CrossingDirection::Both,
        };
        EventConfig::new(direction, None)
    }

    fn event(&self, t: f64, y: &State) -> f64 {
        (self.0.g)(t, y)
    }
}

fn refused(e: differential_equations::error::Error<f64, State>) -> Failure {
    Failure::Refused(format!("{e:?}"))
}

/// Three calls: the steps, the outputs, the event.
fn once<N>(make: impl Fn() -> N, task: &Task<'_, f64>) -> Result<Solution<f64>, Failure>
where
    N: OrdinaryNumericalMethod<f64, State> + Interpolation<f64, State>,
{
    let field = Field(task);
    let problem = || IVP::ode(&field, task.t0, task.t1, task.y0.clone()).method(make());
    let steps = problem().solve().map_err(refused)?;
    let mut s = Solution::steps(steps.t, steps.y);
    if !task.output.is_empty() {
        let out = problem().t_eval(&task.output).solve().map_err(refused)?;
        s.output = out.t.into_iter().zip(out.y).collect();
    }
    match &task.events[..] {
        [] => {}
        [event] => {
            let crossing = Crossing(event);
            let found = problem()
                .t_eval([])
                .event(&crossing)
                .solve()
                .map_err(refused)?;
            s.events = found.t.into_iter().map(|t| (0, t)).collect();
        }
        _ => return Err(Failure::Unsupported("one event function at a time")),
    }
    Ok(s)
}

fn twice<N>(
    make: impl Fn() -> N,
    first: &Task<'_, f64>,
    second: &Task<'_, f64>,
) -> Result<Solution<f64>, Failure>
where
    N: OrdinaryNumericalMethod<f64, State> + Interpolation<f64, State>,
{
    let mut solver = make();
    for task in [first, second] {
        let mut out = DefaultSolout::new();
        let s = solve_ode(
            &mut solver,
            &Field(task),
            task.t0,
            task.t1,
            &task.y0,
            &mut out,
        )
        .map_err(refused)?;
        if std::ptr::eq(task, second) {
            return Ok(Solution::steps(s.t, s.y));
        }
    }
    Err(Failure::Unsupported("not reached"))
}

/// Calls `$act(make, $rest…)` with the constructor of the method.
macro_rules! with_method {
    ($kind:expr, $task:expr, $act:ident, $($rest:expr),*) => {{
        let (r, a, h) = match &$task.control {
            Control::Step(h) if $task.t1 < $task.t0 => (0.0, Vec::new(), -*h),
            Control::Step(h) => (0.0, Vec::new(), *h),
            Control::Tolerance { relative, absolute } => (*relative, absolute.clone(), 0.0),
        };
        let a = || a.clone();
        match $kind {
            Kind::Dopri5 => $act(|| ExplicitRungeKutta::dopri5().rtol(r).atol(a()), $($rest),*),
            Kind::Dop853 => $act(|| ExplicitRungeKutta::dop853().rtol(r).atol(a()), $($rest),*),
            Kind::Rkf45 => $act(|| ExplicitRungeKutta::rkf45().rtol(r).atol(a()), $($rest),*),
            Kind::Rkv655e => $act(|| ExplicitRungeKutta::rkv655e().rtol(r).atol(a()), $($rest),*),
            Kind::Kvaerno745 => $act(|| DiagonallyImplicitRungeKutta::kvaerno745().rtol(r).atol(a()), $($rest),*),
            Kind::Radau5 => $act(|| ImplicitRungeKutta::radau5().rtol(r).atol(a()), $($rest),*),
            Kind::GaussLegendre6 => $act(|| ImplicitRungeKutta::gauss_legendre_6().rtol(r).atol(a()), $($rest),*),
            Kind::Bdf => $act(|| BackwardDifferentiationFormula::adaptive().rtol(r).atol(a()), $($rest),*),
            Kind::Apcv4 => $act(|| AdamsPredictorCorrector::v4().tol(r), $($rest),*),
            Kind::Rk4 => $act(|| ExplicitRungeKutta::rk4(h), $($rest),*),
        }
    }};
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

impl Solver for Adapter {
    type Real = f64;

    fn claims(&self) -> Claims {
        let kind = self.0;
        let fixed_step = kind == Kind::Rk4;
        let (order, dense_order) = match kind {
            Kind::Dopri5 => (5, 4),
            Kind::Dop853 => (8, 7),
            Kind::Rkv655e => (6, 5),
            Kind::GaussLegendre6 => (6, 3),
            Kind::Rk4 | Kind::Apcv4 => (4, 3),
            _ => (5, 3),
        };
        Claims {
            implicit: matches!(
                kind,
                Kind::Kvaerno745 | Kind::Radau5 | Kind::GaussLegendre6 | Kind::Bdf
            ),
            fixed_step,
            adaptive: !fixed_step,
            order: (kind != Kind::Bdf).then_some(order),
            dense: true,
            dense_order: (kind != Kind::Bdf).then_some(dense_order),
            events: true,
            backward: true,
            vector_tolerance: kind != Kind::Apcv4,
            returns_steps: true,
            table: match kind {
                Kind::Rkf45 => table(ButcherTableau::<f64, 6>::rkf45(), 4),
                Kind::Rkv655e => table(ButcherTableau::<f64, 9, 10>::rkv655e(), 5),
                Kind::Kvaerno745 => table(ButcherTableau::<f64, 7>::kvaerno745(), 4),
                Kind::GaussLegendre6 => table(ButcherTableau::<f64, 3>::gauss_legendre_6(), 0),
                Kind::Rk4 => table(ButcherTableau::<f64, 4>::rk4(), 0),
                _ => None,
            },
            ..Claims::new(&format!("differential-equations {kind:?}"), "0.7.0")
        }
    }

    fn solve(&self, task: &Task<'_, f64>) -> Result<Solution<f64>, Failure> {
        with_method!(self.0, task, once, task)
    }

    fn solve_twice(
        &self,
        first: &Task<'_, f64>,
        second: &Task<'_, f64>,
    ) -> Option<Result<Solution<f64>, Failure>> {
        Some(with_method!(self.0, second, twice, first, second))
    }

    fn snippet(&self, p: &Parts) -> String {
        let tolerances = match &p.tolerance {
            Some((r, _)) => format!(
                ".rtol({r}).atol({})",
                p.control.split_once(", ").map_or("", |c| c.1)
            ),
            None => String::new(),
        };
        let method = match self.0 {
            Kind::Dopri5 => format!("ExplicitRungeKutta::dopri5(){tolerances}"),
            Kind::Dop853 => format!("ExplicitRungeKutta::dop853(){tolerances}"),
            Kind::Rkf45 => format!("ExplicitRungeKutta::rkf45(){tolerances}"),
            Kind::Rkv655e => format!("ExplicitRungeKutta::rkv655e(){tolerances}"),
            Kind::Kvaerno745 => format!("DiagonallyImplicitRungeKutta::kvaerno745(){tolerances}"),
            Kind::Radau5 => format!("ImplicitRungeKutta::radau5(){tolerances}"),
            Kind::GaussLegendre6 => format!("ImplicitRungeKutta::gauss_legendre_6(){tolerances}"),
            Kind::Bdf => format!("BackwardDifferentiationFormula::adaptive(){tolerances}"),
            Kind::Apcv4 => format!(
                "AdamsPredictorCorrector::v4().tol({})",
                p.tolerance.as_ref().map_or("", |t| t.0.as_str())
            ),
            Kind::Rk4 => format!(
                "ExplicitRungeKutta::rk4({})",
                p.step.as_deref().unwrap_or("")
            ),
        };
        let output = if p.output == "vec![]" {
            String::new()
        } else {
            format!(".t_eval({})", p.output)
        };
        let (event, wrapped) = match &p.event {
            Some(g) => (
                format!(
                    "    struct G;\n    impl Event<f64, Vec<f64>> for G {{\n        \
                     fn event(&self, t: f64, y: &Vec<f64>) -> f64 {{ let _ = (t, y); {g} }}\n    }}\n"
                ),
                ".t_eval([]).event(&G)",
            ),
            None => (String::new(), ""),
        };
        format!(
            "    use differential_equations::prelude::*;\n{event}    let s = IVP::ode_from_fn(|t, y: &Vec<f64>, dy: &mut \
             Vec<f64>| f(t, y, dy), {}, {}, {})\n        .method({method}){output}{wrapped}\n        .solve().unwrap();\n    \
             let (t, y) = (s.t, s.y);\n",
            p.t0, p.t1, p.y0
        )
    }
}

/// Coefficients alone: the methods that have no adapter above.
struct Tables(&'static str, u32, fn() -> Option<Table>);

impl Solver for Tables {
    type Real = f64;

    fn claims(&self) -> Claims {
        Claims {
            order: Some(self.1),
            table: (self.2)(),
            ..Claims::new(&format!("differential-equations table {}", self.0), "0.7.0")
        }
    }

    fn solve(&self, _: &Task<'_, f64>) -> Result<Solution<f64>, Failure> {
        Err(Failure::Unsupported("coefficients only"))
    }
}

const TABLES: [Tables; 16] = [
    Tables("cash_karp", 5, || {
        table(ButcherTableau::<f64, 6>::cash_karp(), 4)
    }),
    Tables("rkv656e", 6, || {
        table(ButcherTableau::<f64, 9, 12>::rkv656e(), 5)
    }),
    Tables("rkv766e", 7, || {
        table(ButcherTableau::<f64, 10, 13>::rkv766e(), 6)
    }),
    Tables("rkv767e", 7, || {
        table(ButcherTableau::<f64, 10, 16>::rkv767e(), 6)
    }),
    Tables("rkv877e", 8, || {
        table(ButcherTableau::<f64, 13, 17>::rkv877e(), 7)
    }),
    Tables("rkv878e", 8, || {
        table(ButcherTableau::<f64, 13, 21>::rkv878e(), 7)
    }),
    Tables("rkv988e", 8, || {
        table(ButcherTableau::<f64, 16, 21>::rkv988e(), 8)
    }),
    Tables("rkv989e", 8, || {
        table(ButcherTableau::<f64, 16, 26>::rkv989e(), 8)
    }),
    Tables("kvaerno423", 3, || {
        table(ButcherTableau::<f64, 4>::kvaerno423(), 2)
    }),
    Tables("sdirk21", 2, || {
        table(ButcherTableau::<f64, 2>::sdirk21(), 1)
    }),
    Tables("esdirk33", 3, || {
        table(ButcherTableau::<f64, 3>::esdirk33(), 0)
    }),
    Tables("esdirk324l2sa", 3, || {
        table(ButcherTableau::<f64, 4>::esdirk324l2sa(), 2)
    }),
    Tables("gauss_legendre_4", 4, || {
        table(ButcherTableau::<f64, 2>::gauss_legendre_4(), 0)
    }),
    Tables("lobatto_iiic_2", 2, || {
        table(ButcherTableau::<f64, 2>::lobatto_iiic_2(), 0)
    }),
    Tables("lobatto_iiic_4", 4, || {
        table(ButcherTableau::<f64, 3>::lobatto_iiic_4(), 0)
    }),
    Tables("ralston", 2, || {
        table(ButcherTableau::<f64, 2>::ralston(), 0)
    }),
];

testkit::suite!(dopri5, Adapter(Kind::Dopri5));
testkit::suite!(dop853, Adapter(Kind::Dop853));
testkit::suite!(rkf45, Adapter(Kind::Rkf45));
testkit::suite!(rkv655e, Adapter(Kind::Rkv655e));
testkit::suite!(kvaerno745, Adapter(Kind::Kvaerno745));
testkit::suite!(radau5, Adapter(Kind::Radau5));
testkit::suite!(gauss_legendre_6, Adapter(Kind::GaussLegendre6));
testkit::suite!(bdf, Adapter(Kind::Bdf));
testkit::suite!(apcv4, Adapter(Kind::Apcv4));
testkit::suite!(rk4, Adapter(Kind::Rk4));

fn main() -> ExitCode {
    let kinds = [
        Kind::Dopri5,
        Kind::Dop853,
        Kind::Rkf45,
        Kind::Rkv655e,
        Kind::Kvaerno745,
        Kind::Radau5,
        Kind::GaussLegendre6,
        Kind::Bdf,
        Kind::Apcv4,
        Kind::Rk4,
    ];
    let adapters = kinds.map(Adapter);
    let adapters = adapters.iter().map(|s| s as &dyn testkit::AnySolver);
    let tables = TABLES.iter().map(|s| s as &dyn testkit::AnySolver);
    let all: Vec<_> = adapters.chain(tables).collect();
    let known = include_str!("../docs/solver-findings.md");
    testkit::main(&all, &testkit::listed(known))
}
