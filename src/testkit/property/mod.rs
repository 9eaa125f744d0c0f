//! The properties and what they share.

mod accuracy;
mod dense;
mod events;
mod order;
mod robustness;
mod stability;
mod symmetry;
mod tableau;
mod validation;

use std::cell::{Cell, RefCell};
use std::fmt::Debug;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use super::case::Case;
use super::guard::{Outcome, Run, Subject};
use super::problems::{self, Problem};
use super::report::Finding;
use super::solver::{Claims, Control, Solution};

/// One property of the suite.
#[derive(Clone, Copy)]
pub struct Property {
    /// its name, also that of its test
    pub name: &'static str,
    /// what it says
    pub about: &'static str,
    /// what the solver must claim, or why the property does not apply
    needs: fn(&Claims) -> Result<(), &'static str>,
    check: fn(&Check<'_>) -> Verdict,
}

/// Why a check stops early.
pub(crate) enum Stop {
    Finding(Box<Finding>),
    /// the adapter cannot ask this
    Skip(&'static str),
}

pub(crate) type Verdict = Result<(), Stop>;

/// All properties, in the order of the report.
pub fn registry() -> Vec<Property> {
    let groups = [
        accuracy::PROPERTIES,
        order::PROPERTIES,
        dense::PROPERTIES,
        symmetry::PROPERTIES,
        stability::PROPERTIES,
        tableau::PROPERTIES,
        events::PROPERTIES,
        robustness::PROPERTIES,
        validation::PROPERTIES,
    ];
    groups.concat()
}

/// Runs one property; the number of cases comes with the verdict.
pub(crate) fn run(property: &Property, subject: &dyn Subject) -> (Verdict, u32) {
    let claims = subject.claims();
    if let Err(reason) = (property.needs)(&claims) {
        return (Err(Stop::Skip(reason)), 0);
    }
    let check = Check {
        subject,
        claims,
        cases: Cell::new(0),
        skipped: RefCell::new(None),
    };
    let verdict = (property.check)(&check);
    let verdict = match (verdict, check.skipped.take()) {
        // Nothing that could be asked was left.
        (Ok(()), Some(reason)) if check.cases.get() == 0 => Err(Stop::Skip(reason)),
        (verdict, _) => verdict,
    };
    (verdict, check.cases.get())
}

/// A running property: the solver, its claims, and counters.
pub(crate) struct Check<'a> {
    pub subject: &'a dyn Subject,
    pub claims: Claims,
    cases: Cell<u32>,
    skipped: RefCell<Option<&'static str>>,
}

/// How one case is controlled: a tolerance `10^-k`, or a number of steps.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Effort {
    Digits(u32),
    Steps(u32),
}

impl Check<'_> {
    /// A finding about a case.
    pub(crate) fn finding(
        &self,
        case: &Case,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Stop {
        Stop::Finding(Box::new(Finding {
            case: case.describe(),
            expected: expected.into(),
            found: found.into(),
            snippet: case.program(&self.subject.snippet(case)),
        }))
    }

    /// Whether the solver claims to solve problems like this.
    pub(crate) fn fits(&self, problem: &Problem) -> bool {
        problem.y0.len() <= self.claims.max_dimension
            && (!self.claims.second_order || problems::separable(&problem.system))
    }

    pub(crate) fn fitting(&self, mut list: Vec<Problem>) -> Vec<Problem> {
        list.retain(|p| self.fits(p));
        list
    }

    /// The smooth problems that the solver claims to solve.
    pub(crate) fn smooth(&self) -> Vec<Problem> {
        let mut list = match self.claims.second_order {
            true => problems::second_order(),
            false => problems::smooth(),
        };
        // With the steps of the suite, a planet of order one falls into its sun.
        if self.claims.fixed_step && self.claims.order == Some(1) {
            list.retain(|p| p.y0.len() != 4);
        }
        self.fitting(list)
    }

    /// Counts a case that is no call of the solver.
    pub(crate) fn count(&self) {
        self.cases.set(self.cases.get() + 1);
    }

    /// Runs a case, whatever comes of it; unsupported questions end the check.
    pub(crate) fn run(&self, case: &Case) -> Result<Run, Stop> {
        if self.claims.second_order && !problems::separable(&case.system) {
            let what = "claims only second-order systems";
            self.skipped.replace(Some(what));
            return Err(Stop::Skip(what));
        }
        let run = self.subject.run(case);
        if let Outcome::Unsupported(what) = run.outcome {
            self.skipped.replace(Some(what));
            return Err(Stop::Skip(what));
        }
        self.cases.set(self.cases.get() + 1);
        Ok(run)
    }

    /// Runs a case that has to be solved.
    pub(crate) fn solve(&self, case: &Case) -> Result<(Solution<f64>, u64), Stop> {
        let run = self.run(case)?;
        let expected = "a solution";
        match run.outcome {
            Outcome::Solved(s) => {
                self.well_formed(case, &s)?;
                Ok((s, run.calls))
            }
            Outcome::Refused(why) => Err(self.finding(case, expected, format!("an error: {why}"))),
            other => Err(self.finding(case, expected, self.describe(&other))),
        }
    }

    pub(crate) fn describe(&self, outcome: &Outcome) -> String {
        match outcome {
            Outcome::Solved(s) => match (s.t.last(), s.y.last()) {
                (Some(t), Some(y)) if y.len() <= 8 => {
                    format!("a solution ending with y({t:?}) = {y:?}")
                }
                (Some(t), _) => format!("a solution ending at {t:?}"),
                _ => "a solution without any state".into(),
            },
            Outcome::Refused(why) => format!("an error: {why}"),
            Outcome::Unsupported(what) => format!("not supported: {what}"),
            Outcome::Panicked(message) => format!("a panic: {message}"),
            Outcome::Endless => format!(
                "no end after {} evaluations of the right-hand side",
                super::guard::BUDGET
            ),
        }
    }

    /// Lists of equal length, finite numbers.
    fn well_formed(&self, case: &Case, s: &Solution<f64>) -> Verdict {
        let n = case.y0.len();
        let whole = !s.t.is_empty() && s.t.len() == s.y.len() && s.y.iter().all(|y| y.len() == n);
        if !whole {
            let found = format!("{} times, {} states", s.t.len(), s.y.len());
            return Err(self.finding(
                case,
                format!("as many states of {n} components as times, at least one"),
                found,
            ));
        }
        if let Some(k) =
            (0..s.t.len()).find(|&k| !s.t[k].is_finite() || s.y[k].iter().any(|v| !v.is_finite()))
        {
            let found = format!("y({:?}) = {:?}", s.t[k], short(&s.y[k]));
            return Err(self.finding(case, "finite numbers, or an error", found));
        }
        Ok(())
    }

    /// Tries `test` on values drawn from `strategy` and reports the smallest failure.
    pub(crate) fn forall<V: Debug + Clone>(
        &self,
        cases: u32,
        strategy: impl Strategy<Value = V>,
        test: impl Fn(&V) -> Verdict,
    ) -> Verdict {
        let config = Config {
            cases,
            max_shrink_iters: 400,
            max_shrink_time: 12_000,
            failure_persistence: None,
            ..Config::default()
        };
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let result = TestRunner::new_with_rng(config, rng).run(&strategy, |v| match test(&v) {
            Err(Stop::Finding(_)) => Err(TestCaseError::fail("finding")),
            _ => Ok(()),
        });
        match result {
            Err(TestError::Fail(_, smallest)) => match test(&smallest) {
                Err(stop) => Err(stop),
                Ok(()) => Err(Stop::Finding(Box::new(Finding {
                    case: format!("{smallest:?}"),
                    expected: "the same result in every run".into(),
                    found: "a failure that did not come again".into(),
                    snippet: String::new(),
                }))),
            },
            _ => Ok(()),
        }
    }

    /// The case under the given effort: a tolerance not below what the number type
    /// can hold, or fixed steps.
    pub(crate) fn with(&self, case: Case, effort: Effort) -> Case {
        match effort {
            Effort::Digits(k) => {
                // A method of order p takes about 10^(k/p) steps.
                let k = k.min(2 * self.claims.order.unwrap_or(4) + 2);
                let tol = 10f64.powi(-(k as i32)).max(1e3 * self.subject.epsilon());
                case.tolerance(tol, tol)
            }
            Effort::Steps(n) => {
                let h = (case.t1 - case.t0).abs() / f64::from(n);
                case.step(h)
            }
        }
    }

    /// The efforts the solver takes, moderate.
    pub(crate) fn efforts(&self) -> Vec<Effort> {
        let mut found = Vec::new();
        if self.claims.adaptive {
            found.push(Effort::Digits(6));
        }
        if self.claims.fixed_step {
            found.push(Effort::Steps(64));
        }
        found
    }

    /// What the error at any node may be: for an adaptive solve in which each of the `N`
    /// steps kept its local error within ten tolerances, every one of which may have grown
    /// by the problem's amplification, and rounding; for fixed steps, that of a method of
    /// the claimed order where derivatives grow like `2^k`.
    pub(crate) fn error_bound(
        &self,
        case: &Case,
        growth: f64,
        scale: f64,
        s: &Solution<f64>,
        calls: u64,
    ) -> f64 {
        let steps = if self.claims.returns_steps {
            s.t.len() as f64
        } else {
            calls as f64
        };
        let steps = steps.max(10.0);
        let (relative, absolute) = match &case.control {
            Control::Tolerance { relative, absolute } => (relative, absolute),
            Control::Step(h) => {
                let p = self.claims.order.unwrap_or(1) as i32;
                let rounding = 64.0 * self.subject.epsilon() * steps;
                return growth * scale * (16.0 * (2.0 * h).powi(p) + rounding);
            }
        };
        let absolute = absolute.iter().copied().fold(0.0, f64::max);
        let norm = (case.y0.len().max(1) as f64).sqrt();
        let local = 10.0 * (absolute + relative * scale) * norm;
        steps * growth * (local + 16.0 * self.subject.epsilon() * scale)
    }

    /// Solves adaptively and holds the end against the reference.
    pub(crate) fn end_is_accurate(&self, problem: &Problem, case: &Case) -> Verdict {
        let Some(reference) = problem.reference(&[case.t1]) else {
            return Ok(()); // the random problem left what can be enclosed
        };
        let (s, calls) = self.solve(case)?;
        self.end_time(case, &s)?;
        let truth = &reference[0];
        let scale = scale_of(&[&case.y0, &truth.lo, &truth.hi])
            .max(scale_of(&s.y.iter().collect::<Vec<_>>()));
        let bound = self.error_bound(case, problem.growth(), scale, &s, calls);
        let end = s.y.last().expect("well formed");
        let error = truth.distance(end);
        if error > bound {
            return Err(self.finding(
                case,
                format!(
                    "y({:?}) within {bound:.1e} of the enclosure {}",
                    case.t1,
                    boxed(truth)
                ),
                format!("y = {:?}, off by {error:.3e}", short(end)),
            ));
        }
        Ok(())
    }

    /// The last time is the end of the interval.
    pub(crate) fn end_time(&self, case: &Case, s: &Solution<f64>) -> Verdict {
        let end = *s.t.last().expect("well formed");
        let unit = self.subject.epsilon() * case.t0.abs().max(case.t1.abs());
        if (end - case.t1).abs() > 2.0 * unit {
            let expected = format!("the last time is t1 = {:?}", case.t1);
            return Err(self.finding(case, expected, format!("it is {end:?}")));
        }
        Ok(())
    }
}

/// The largest magnitude.
pub(crate) fn scale_of(vectors: &[&Vec<f64>]) -> f64 {
    let all = vectors.iter().flat_map(|v| v.iter());
    all.fold(0.0f64, |m, v| m.max(v.abs()))
}

/// The largest distance between two vectors.
pub(crate) fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(x, y)| (x - y).abs())
        .fold(0.0, f64::max)
}

/// At most four components.
pub(crate) fn short(y: &[f64]) -> Vec<f64> {
    y.iter().copied().take(4).collect()
}

/// A box as text, at most four components.
pub(crate) fn boxed(e: &crate::ode::taylor::Enclosure) -> String {
    let ends = e.lo.iter().zip(&e.hi).take(4);
    let text: Vec<String> = ends.map(|(l, h)| format!("[{l:?}, {h:?}]")).collect();
    text.join(" × ")
}

/// Claims as conditions.
fn adaptive(c: &Claims) -> Result<(), &'static str> {
    c.adaptive
        .then_some(())
        .ok_or("does not claim adaptive steps")
}
fn fixed_step(c: &Claims) -> Result<(), &'static str> {
    c.fixed_step
        .then_some(())
        .ok_or("does not claim fixed steps")
}
fn any(c: &Claims) -> Result<(), &'static str> {
    (c.adaptive || c.fixed_step)
        .then_some(())
        .ok_or("claims neither adaptive nor fixed steps")
}
