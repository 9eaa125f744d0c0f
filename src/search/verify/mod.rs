//! Decides a query about a network: attacks for counterexamples, bounds with
//! branch and bound for proofs.
//!
//! `docs/verify.md` describes the method. `verified` comes from [`bounds`] alone; `falsified` from an
//! input that violates the property in exact and in binary32 arithmetic. Where
//! the two differ at a point that was looked at, the answer has the point.

mod choice;
mod descent;
mod execution;
mod falsify;
mod frontier;
mod inputs;
mod mixture;
mod neurons;
mod once;
mod point;
mod tree;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::bounds;
use crate::graph::{Graph, Node, Op};
use crate::rounding::Interval;
use crate::search::Method;
use crate::verify::{Query, Reason, Semantics};

pub(super) use point::executions;
pub use point::{Counterexample, Difference};
pub use tree::{Branch, Missing, trees};

use falsify::Effort;
use frontier::End;
use point::Places;

/// Inputs that vary, at most, for a search by input splitting.
const FEW_INPUTS: usize = 12;

/// Cases, at most, that are attacked one by one before any bound.
const FEW_CASES: usize = 8;

/// Multiply-adds of an attack before any bound, about.
const ATTACK_WORK: f64 = 1e8;

/// Points that violate the property in exact arithmetic only, at most, before a
/// search gives up looking for one that does in both.
const PATIENCE: usize = 1000;

/// Why a query cannot be decided at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bounds cannot be computed.
    #[error(transparent)]
    Bounds(#[from] bounds::Error),
    /// Network and specification do not fit.
    #[error("the specification has {found} {what}, the network {expected}")]
    Size {
        /// inputs or outputs
        what: &'static str,
        /// of the specification
        found: usize,
        /// of the network
        expected: usize,
    },
    /// The semantics asked for has no bounds yet.
    #[error("this method has no bounds for semantics {0}")]
    Semantics(Semantics),
    /// The search ended abnormally.
    #[error("the search ended without an answer: {0}")]
    Internal(String),
}

/// Limits and choices of a search.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// wall-clock time; none is unlimited
    pub timeout: Option<Duration>,
    /// branch and bound with attacks, or bounds alone
    pub method: Method,
    /// what a proof is about
    pub semantics: Semantics,
    /// of the attacks' random starts
    pub seed: u64,
    /// threads, at least one
    pub threads: usize,
    /// bytes that open domains may take
    pub memory: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            timeout: None,
            method: Method::Bab,
            semantics: Semantics::Discrete,
            seed: 0,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            memory: 4 << 30,
        }
    }
}

/// Work done, as counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// domains bounded by branch and bound
    pub domains: u64,
    /// backward passes, functionals, unstable neurons
    pub bounds: bounds::Counters,
}

impl Counters {
    fn add(&mut self, other: Counters) {
        self.domains += other.domains;
        self.bounds.add(other.bounds);
    }
}

/// Where a search stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// domains to do
    pub open: usize,
    /// domains done
    pub closed: usize,
    /// least proved bound of the open ones: the property is shown once it is
    /// positive
    pub bound: f64,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// no input violates the property (proved)
    Verified,
    /// an input that does
    Falsified(Box<Counterexample>),
    /// neither was shown
    Unknown(Reason),
    /// time ran out
    Timeout,
}

impl Outcome {
    /// The word in results.
    pub fn word(&self) -> &'static str {
        match self {
            Outcome::Verified => "verified",
            Outcome::Falsified(_) => "falsified",
            Outcome::Unknown(_) => "unknown",
            Outcome::Timeout => "timeout",
        }
    }
}

impl From<End> for Outcome {
    fn from(end: End) -> Outcome {
        match end {
            End::Exhausted => Outcome::Verified,
            End::Found(c) => Outcome::Falsified(c),
            End::Stuck => Outcome::Unknown(Reason::Bound),
            End::Stopped => Outcome::Timeout,
            End::Full => Outcome::Unknown(Reason::Limit),
        }
    }
}

/// The answer to a query.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// what was found
    pub outcome: Outcome,
    /// unless the answer is `falsified`: an input that violates the property in
    /// exact or in binary32 arithmetic, but not in both
    pub differs: Option<Box<Difference>>,
    /// work done
    pub counters: Counters,
    /// with bounds alone: one list per case, the proved lower bounds of its
    /// constraints, conjunction after conjunction; empty after a search
    pub lower: Vec<Vec<f64>>,
}

/// What the searches below share.
pub(crate) struct Limits<'a> {
    deadline: Option<Instant>,
    stop: &'a AtomicBool,
    /// points at which exact and binary32 arithmetic were seen to differ
    differing: Arc<AtomicUsize>,
    threads: usize,
    progress: &'a (dyn Fn(Progress) + Sync),
    seed: u64,
    memory: usize,
}

impl Limits<'_> {
    fn expired(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
            || self.deadline.is_some_and(|d| Instant::now() >= d)
            || self.impatient()
    }

    fn impatient(&self) -> bool {
        self.differing.load(Ordering::Relaxed) >= PATIENCE
    }

    /// What a lower bound of a row must exceed.
    fn slack(&self, _row: usize) -> f64 {
        0.0
    }
}

/// Decides whether some input violates the property of `query`.
///
/// **Semantics and evidence.** `verified`: proved, under the semantics of
/// `options`, `discrete` or `float32`; the latter for binary32 inputs next to
/// points of the boxes. `falsified`: a witness, exact and in binary32.
///
/// # Errors
/// [`Error`]; running out of time or memory is an outcome. Under `float32` an
/// operator of the file that the graph computes by another formula.
pub fn verify(
    graph: &Graph,
    query: &Query,
    options: &Options,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Answer, Error> {
    let known = match options.method {
        Method::Once(_) => options.semantics == Semantics::Discrete,
        Method::Bab => matches!(options.semantics, Semantics::Discrete | Semantics::Float32),
    };
    if !known {
        return Err(Error::Semantics(options.semantics));
    }
    let &[input] = graph.inputs() else {
        return Err(bounds::Error::Inputs {
            found: graph.inputs().len(),
        }
        .into());
    };
    let sizes = [
        ("inputs", query.inputs, graph.node(input).shape.len()),
        ("outputs", query.outputs, graph.output_shape().len()),
    ];
    for (what, found, expected) in sizes {
        if found != expected {
            return Err(Error::Size {
                what,
                found,
                expected,
            });
        }
    }
    let stop = AtomicBool::new(false);
    let limits = Limits {
        deadline: options.timeout.map(|t| Instant::now() + t),
        stop: &stop,
        differing: Arc::default(),
        threads: options.threads.max(1),
        progress,
        seed: options.seed,
        memory: options.memory,
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(limits.threads)
        .build()
        .map_err(|e| Error::Internal(e.to_string()))?;
    let mut counters = Counters::default();
    let cases = query.cases.iter();
    let places: Vec<Places> = cases.map(|c| Places::new(c, &limits.differing)).collect();
    let mut lower = Vec::new();
    let outcome = pool.install(|| match (options.method, options.semantics) {
        (Method::Once(method), _) => {
            let found = once::bound(graph, query, &places, method, &limits, &mut counters)?;
            lower = found.1;
            Ok(found.0)
        }
        (Method::Bab, Semantics::Float32) => {
            execution::decide(graph, query, &places, &limits, &mut counters)
        }
        (Method::Bab, _) => decide(graph, query, &places, &limits, &mut counters),
    })?;
    let outcome = match outcome {
        Outcome::Timeout if limits.impatient() => Outcome::Unknown(Reason::Execution),
        other => other,
    };
    let differs = match outcome {
        Outcome::Falsified(_) => None,
        _ => places.iter().find_map(Places::difference).map(Box::new),
    };
    Ok(Answer {
        outcome,
        differs,
        counters,
        lower,
    })
}

fn decide(
    graph: &Graph,
    query: &Query,
    places: &[Places],
    limits: &Limits<'_>,
    counters: &mut Counters,
) -> Result<Outcome, Error> {
    let cases: Vec<usize> = (0..query.cases.len()).collect();
    if cases.len() <= FEW_CASES {
        // Bounds lose almost everything where a function jumps.
        let rounds = if jumps(graph) { 12 } else { 1 };
        // A small network affords more restarts in the same time.
        let affordable = ATTACK_WORK / (40.0 * multiply_adds(graph)).max(1.0);
        for round in 0..rounds {
            let effort = Effort {
                restarts: (affordable as usize).clamp(16, 256),
                steps: 20 + 10 * round as usize,
                seed: limits.seed.wrapping_add(1000 * round),
            };
            for &c in &cases {
                let (case, places) = (&query.cases[c], &places[c]);
                let stop = || limits.expired();
                if let Some(found) = falsify::falsify(graph, case, places, &[], effort, &stop) {
                    return Ok(Outcome::Falsified(Box::new(found)));
                }
            }
        }
    }
    // A fixed decimal is no varying input, though its enclosure has a width.
    let varying = |c: &usize| {
        let case = &query.cases[*c];
        let ends = case.lo.iter().zip(&case.hi);
        ends.filter(|(l, h)| l < h).count()
    };
    let few = cases.iter().map(varying).max().unwrap_or(0) <= FEW_INPUTS;
    if few {
        return Ok(inputs::search(graph, query, places, &cases, limits, counters)?.into());
    }
    let mut unknown = None;
    for &c in &cases {
        match neurons::search(graph, &query.cases[c], &places[c], limits, counters)? {
            Outcome::Verified => {}
            Outcome::Unknown(reason) => unknown = Some(reason),
            decided => return Ok(decided),
        }
    }
    Ok(unknown.map_or(Outcome::Verified, Outcome::Unknown))
}

/// Multiply-adds of one evaluation.
fn multiply_adds(graph: &Graph) -> f64 {
    let of = |n: &Node| match &n.op {
        Op::Linear(map) => n.shape.len() as f64 * map.chain() as f64,
        _ => n.shape.len() as f64,
    };
    graph.nodes().iter().map(of).sum()
}

/// Some function of the graph has a jump.
fn jumps(graph: &Graph) -> bool {
    let about_zero = Interval::or_entire(-1.0, 1.0);
    graph.nodes().iter().any(|n| match &n.op {
        Op::Pointwise(f) => {
            f.enclose(about_zero).is_bounded() && !f.slopes(about_zero).is_bounded()
        }
        _ => false,
    })
}
