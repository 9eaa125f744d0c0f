//! Decides a query about a network: attacks for counterexamples, bounds with
//! branch and bound for proofs.
//!
//! `docs/verify.md` describes the method. `verified` comes from [`bounds`] alone; `falsified` from an
//! input that violates the property in exact and in binary32 arithmetic.

mod falsify;
mod inputs;
mod neurons;
mod once;
mod point;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::bounds;
use crate::graph::Graph;
use crate::search::Method;
use crate::verify::{Query, Reason, Semantics};

pub use point::Counterexample;

use falsify::Effort;
use point::Places;

/// Inputs that vary, at most, for a search by input splitting.
const FEW_INPUTS: usize = 12;

/// A worker without work looks at the clock this often.
const PAUSE: Duration = Duration::from_millis(50);

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
    #[error("verify has no bounds for semantics {0}")]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// domains to do
    pub open: usize,
    /// domains done
    pub closed: usize,
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

/// The answer to a query.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// what was found
    pub outcome: Outcome,
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
    threads: usize,
    progress: &'a (dyn Fn(Progress) + Sync),
    seed: u64,
}

impl Limits<'_> {
    fn expired(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.deadline.is_some_and(|d| Instant::now() >= d)
    }

    fn progress(&self, open: usize, closed: usize) {
        (self.progress)(Progress { open, closed });
    }

    /// What a lower bound of a row must exceed.
    fn slack(&self, _row: usize) -> f64 {
        0.0
    }
}

/// Decides whether some input violates the property of `query`.
///
/// **Semantics and evidence.** `verified`: proved, `discrete`. `falsified`: a
/// witness, exact and in binary32.
///
/// # Errors
/// [`Error`]; running out of time or memory is an outcome.
pub fn verify(
    graph: &Graph,
    query: &Query,
    options: &Options,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Answer, Error> {
    if options.semantics != Semantics::Discrete {
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
        threads: options.threads.max(1),
        progress,
        seed: options.seed,
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(limits.threads)
        .build()
        .map_err(|e| Error::Internal(e.to_string()))?;
    let mut counters = Counters::default();
    let places: Vec<Places> = query.cases.iter().map(Places::new).collect();
    let (outcome, lower) = pool.install(|| match options.method {
        Method::Once(method) => once::bound(graph, query, &places, method, &limits, &mut counters),
        Method::Bab => decide(graph, query, &places, &limits, &mut counters)
            .map(|outcome| (outcome, Vec::new())),
    })?;
    Ok(Answer {
        outcome,
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
    if cases.len() <= 8 {
        let effort = Effort {
            restarts: 16,
            steps: 20,
            seed: limits.seed,
        };
        for &c in &cases {
            let (case, places) = (&query.cases[c], &places[c]);
            let stop = || limits.expired();
            if let Some(found) = falsify::falsify(graph, case, places, &[], effort, &stop) {
                return Ok(Outcome::Falsified(Box::new(found)));
            }
        }
    }
    let varying = |c: &usize| {
        let places = &places[*c];
        let ends = places.lo.iter().zip(&places.hi);
        ends.filter(|(l, h)| l < h).count()
    };
    let few = cases.iter().map(varying).max().unwrap_or(0) <= FEW_INPUTS;
    if few {
        let found = inputs::search(graph, query, places, &cases, limits, counters)?;
        return Ok(match found {
            inputs::Found::Verified => Outcome::Verified,
            inputs::Found::Falsified(c) => Outcome::Falsified(Box::new(c)),
            inputs::Found::Stuck => Outcome::Unknown(Reason::Bound),
            inputs::Found::Stopped => Outcome::Timeout,
        });
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
