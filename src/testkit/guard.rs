//! Calling a solver so that panics and endless loops become results.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

use super::case::{Case, Fault};
use super::solver::{Claims, Control, Event, Failure, Real, Solution, Solver, Task};

/// How many right-hand sides one solve may evaluate before it counts as endless.
pub(crate) const BUDGET: u64 = 3_000_000;

/// What became of one call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    Solved(Solution<f64>),
    Refused(String),
    Unsupported(&'static str),
    Panicked(String),
    /// more right-hand sides than [`BUDGET`]
    Endless,
}

/// The outcome and the number of right-hand sides evaluated.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub outcome: Outcome,
    pub calls: u64,
}

/// A solver with its number type erased.
pub(crate) trait Subject {
    fn claims(&self) -> Claims;
    fn epsilon(&self) -> f64;
    fn run(&self, case: &Case) -> Run;
    /// Both cases with one solver object; none where the adapter has no such thing.
    fn run_twice(&self, first: &Case, second: &Case) -> Option<Run>;
    fn snippet(&self, case: &Case) -> String;
    fn snippet_twice(&self, first: &Case, second: &Case) -> String;
}

struct OverBudget;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Advances whenever a solver shows a sign of life; the watchdog reads it.
pub(crate) static PULSE: AtomicU64 = AtomicU64::new(0);
/// Odd while a solver is running.
pub(crate) static INSIDE: AtomicU64 = AtomicU64::new(0);

/// Panics inside a guarded call are recorded with their place, not printed.
fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if QUIET.with(Cell::get) {
                LAST_PANIC.with(|p| *p.borrow_mut() = info.to_string());
            } else {
                before(info);
            }
        }));
    });
}

fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Option<String>> {
    hush();
    QUIET.with(|q| q.set(true));
    INSIDE.fetch_add(1, Ordering::SeqCst);
    let result = catch_unwind(AssertUnwindSafe(work));
    INSIDE.fetch_add(1, Ordering::SeqCst);
    PULSE.fetch_add(1, Ordering::Relaxed);
    QUIET.with(|q| q.set(false));
    result.map_err(|payload| {
        let endless = payload.downcast_ref::<OverBudget>().is_some();
        (!endless).then(|| LAST_PANIC.with(|p| p.borrow().replace('\n', " ")))
    })
}

/// The closures of one case in the solver's number type.
fn with_task<T: Real, R>(case: &Case, calls: &Cell<u64>, act: impl FnOnce(&Task<'_, T>) -> R) -> R {
    let wide = |y: &[T]| y.iter().map(|v| v.to_f64()).collect::<Vec<f64>>();
    let tick = || {
        calls.set(calls.get() + 1);
        PULSE.fetch_add(1, Ordering::Relaxed);
        if calls.get() > BUDGET {
            panic_any(OverBudget);
        }
    };
    let backward = case.t1 < case.t0;
    let rhs = |t: T, y: &[T], dy: &mut [T]| {
        tick();
        let t = t.to_f64();
        if let Fault::Value { from, value } = case.fault
            && (if backward { t <= from } else { t >= from })
        {
            dy.fill(T::from_f64(value));
            return;
        }
        let mut out = vec![0.0; dy.len()];
        case.system.eval(t, &wide(y), &mut out);
        for (d, o) in dy.iter_mut().zip(out) {
            *d = T::from_f64(o);
        }
    };
    let jacobian_times = |t: T, y: &[T], x: &[T], product: &mut [T]| {
        tick();
        let mut out = vec![0.0; product.len()];
        case.system
            .jacobian_times(t.to_f64(), &wide(y), &wide(x), &mut out);
        for (d, o) in product.iter_mut().zip(out) {
            *d = T::from_f64(o);
        }
    };
    let functions: Vec<_> = case
        .events
        .iter()
        .map(|e| move |t: T, y: &[T]| T::from_f64(e.g(t.to_f64(), &wide(y))))
        .collect();
    let events = functions
        .iter()
        .zip(&case.events)
        .map(|(g, e)| Event {
            g: g as &dyn Fn(T, &[T]) -> T,
            direction: e.direction,
        })
        .collect();
    let convert = |v: &[f64]| v.iter().map(|&x| T::from_f64(x)).collect::<Vec<T>>();
    act(&Task {
        rhs: &rhs,
        jacobian_times: &jacobian_times,
        t0: T::from_f64(case.t0),
        t1: T::from_f64(case.t1),
        y0: convert(&case.y0),
        control: match &case.control {
            Control::Step(h) => Control::Step(T::from_f64(*h)),
            Control::Tolerance { relative, absolute } => Control::Tolerance {
                relative: T::from_f64(*relative),
                absolute: convert(absolute),
            },
        },
        output: convert(&case.output),
        events,
    })
}

fn outcome<T: Real>(
    result: Result<Result<Solution<T>, Failure>, Option<String>>,
    calls: u64,
) -> Run {
    let wide = |y: &Vec<T>| y.iter().map(|v| v.to_f64()).collect::<Vec<f64>>();
    let outcome = match result {
        Err(None) => Outcome::Endless,
        Err(Some(message)) => Outcome::Panicked(message),
        Ok(Err(Failure::Refused(message))) => Outcome::Refused(message),
        Ok(Err(Failure::Unsupported(what))) => Outcome::Unsupported(what),
        Ok(Ok(s)) => Outcome::Solved(Solution {
            t: s.t.iter().map(|t| t.to_f64()).collect(),
            y: s.y.iter().map(wide).collect(),
            output: s
                .output
                .iter()
                .map(|(t, y)| (t.to_f64(), wide(y)))
                .collect(),
            events: s.events.iter().map(|&(i, t)| (i, t.to_f64())).collect(),
        }),
    };
    Run { outcome, calls }
}

impl<S: Solver> Subject for S {
    fn claims(&self) -> Claims {
        Solver::claims(self)
    }

    fn epsilon(&self) -> f64 {
        S::Real::EPSILON
    }

    fn run(&self, case: &Case) -> Run {
        super::watch::entering(case, &Subject::snippet(self, case));
        let calls = Cell::new(0);
        let result = guarded(|| with_task(case, &calls, |task| self.solve(task)));
        outcome(result, calls.get())
    }

    fn run_twice(&self, first: &Case, second: &Case) -> Option<Run> {
        super::watch::entering(second, &Subject::snippet_twice(self, first, second));
        let (before, calls) = (Cell::new(0), Cell::new(0));
        let result = guarded(|| {
            with_task(first, &before, |a| {
                with_task(second, &calls, |b| self.solve_twice(a, b))
            })
        });
        match result {
            Ok(None) => None,
            Ok(Some(r)) => Some(outcome(Ok(r), calls.get())),
            Err(e) => Some(outcome::<S::Real>(Err(e), calls.get())),
        }
    }

    fn snippet(&self, case: &Case) -> String {
        Solver::snippet(self, &case.parts())
    }

    fn snippet_twice(&self, first: &Case, second: &Case) -> String {
        Solver::snippet_twice(self, &first.parts(), &second.parts())
    }
}
