//! Sound bounds on the CPU, semantics `discrete`.
//!
//! [`analyze`] bounds every row of a [`Property`] from below over a [`Region`].
//! It walks the graph once. The box of each node comes from those of its
//! operands by one step of the interval domain. **Only** where a node is the
//! operand of an activation, and only with [`Method::Crown`], the box is then
//! cut with a linear bound pulled back from that node; every later node sees
//! the cut box. The slopes of an activation are chosen once, for its final
//! operand box, and used by every backward pass through it.
//!
//! So a checker can redo the analysis from the [`LayerEvidence`] alone, without
//! search: step the interval domain; where a node is an operand of an
//! activation, accept the claimed box if the step implies it, or (for the
//! neurons marked `tightened`) if a backward pass with the claimed slopes does;
//! go on with the claimed box. A row is bounded by the best of three: the box
//! of the output; if the output node is linear, the row composed with that map
//! over the box of its operand; and (CROWN) the row pulled back to the input.
//!
//! [`Method::AlphaCrown`] gives every functional slopes of its own and climbs on
//! them; such bounds are proved all the same, but the evidence does not hold them.

mod affine;
mod alpha;
mod analysis;
mod boxes;
mod float32;
mod interval;
mod linear;
mod objective;
mod split;

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::exact::Rational;
use crate::graph::{Graph, NodeId};
use crate::ops::SlopeRule;
use crate::rounding::{Boxes, EnvironmentError, check_environment};
use crate::verify::{Property, Proved, Reason, Region, Verdict};

pub use alpha::Ascent;
pub use boxes::{BoxBounds, Boxed, Passes};
pub use float32::{execution_errors, weighted_error};
pub use interval::{IntervalDomain, interval_boxes};
pub use linear::Cut;
pub use objective::{Functional, Objective};
pub use split::{Candidate, Domain, DomainBounds, Root};

use analysis::{Plan, Walk, Walking};
use linear::InputSet;

/// Why a question cannot be analysed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The graph has more or fewer inputs than the one region.
    #[error("the graph has {found} inputs, a region covers exactly 1")]
    Inputs {
        /// inputs of the graph
        found: usize,
    },
    /// Region and graph input differ in size.
    #[error("the region has {found} elements, input {input} has {expected}")]
    Region {
        /// name of the input node
        input: String,
        /// elements of the region
        found: usize,
        /// elements of the input
        expected: usize,
    },
    /// Property and graph output differ in size.
    #[error("the property is about {found} outputs, node {output} has {expected}")]
    Property {
        /// name of the output node
        output: String,
        /// outputs of the property
        found: usize,
        /// elements of the output
        expected: usize,
    },
    /// No method of that name.
    #[error("no bound method is named {name:?}; known: interval, crown, alpha-crown")]
    Unknown {
        /// the name
        name: String,
    },
    /// The execution of an operator in binary32 is not bounded.
    #[error(
        "node {node}: no bound of the execution of {operator} in binary32 (semantics float32): \
         the network's nodes compute it by another formula"
    )]
    Execution {
        /// the file's node
        node: String,
        /// its operator
        operator: String,
    },
    /// The thread's floating-point mode breaks the rounding model.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
}

/// How bounds are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// boxes, forward
    Interval,
    /// boxes, and linear functionals pulled back (CROWN), the better of the two
    /// everywhere
    Crown,
    /// the same with slopes optimised for every functional, intermediate ones
    /// included (α-CROWN)
    AlphaCrown,
}

impl Method {
    /// Every method, weakest first.
    pub const ALL: [Method; 3] = [Method::Interval, Method::Crown, Method::AlphaCrown];

    /// The name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Method::Interval => "interval",
            Method::Crown => "crown",
            Method::AlphaCrown => "alpha-crown",
        }
    }
}

impl FromStr for Method {
    type Err = Error;
    fn from_str(name: &str) -> Result<Method, Error> {
        Method::ALL
            .into_iter()
            .find(|m| m.name() == name)
            .ok_or_else(|| Error::Unknown { name: name.into() })
    }
}

/// What was used at one activation node: enough to redo the bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerEvidence {
    /// the activation node
    pub node: NodeId,
    /// lower ends of its operand's box
    pub lo: Vec<f64>,
    /// upper ends
    pub hi: Vec<f64>,
    /// slopes of the lines below
    pub lower_slope: Vec<f64>,
    /// slopes of the lines above
    pub upper_slope: Vec<f64>,
    /// neurons whose box needed a backward pass
    pub tightened: Vec<bool>,
}

/// Work done, as deterministic counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// backward passes
    pub passes: u64,
    /// functionals pulled back
    pub functionals: u64,
    /// activations that are not affine over their box
    pub unstable: u64,
}

impl Counters {
    /// Adds the work of another analysis.
    pub fn add(&mut self, other: Counters) {
        self.passes += other.passes;
        self.functionals += other.functionals;
        self.unstable += other.unstable;
    }
}

/// The result of [`analyze`].
#[derive(Clone, Debug)]
pub struct Outcome {
    /// one lower bound per property row over the whole region; `-∞` where
    /// nothing is known (an overflow, for one)
    pub lower: Vec<Proved<f64>>,
    /// one entry per activation node, in node order; with `optimised` slopes it
    /// is that of plain CROWN and does not imply the bounds
    pub evidence: Vec<LayerEvidence>,
    /// some bound comes from slopes of its own, which `evidence` does not hold
    pub optimised: bool,
    /// work done
    pub counters: Counters,
    /// radius of the region analysed
    eps: Rational,
}

impl Outcome {
    /// The least lower bound: the proved margin.
    pub fn margin(&self) -> Proved<f64> {
        let least = self.lower.iter().map(|p| *p.get());
        Proved::new(least.fold(f64::INFINITY, f64::min))
    }

    /// Every row is proved positive, so the property holds on the region.
    pub fn certified(&self) -> bool {
        *self.margin().get() > 0.0
    }

    /// The radius of the region analysed, if the property was proved on it.
    pub fn certified_radius(&self) -> Option<Proved<Rational>> {
        self.certified().then(|| Proved::new(self.eps.clone()))
    }

    /// What the bounds alone say: certified, or unknown with the reason.
    pub fn verdict(&self) -> Verdict {
        let margin = *self.margin().get();
        if margin > 0.0 {
            Verdict::Certified
        } else if margin == f64::NEG_INFINITY {
            Verdict::Unknown(Reason::NotFinite)
        } else {
            Verdict::Unknown(Reason::Bound)
        }
    }
}

/// Lower bounds of every row of `property` at the output, over `region`.
///
/// **Semantics and evidence.** `discrete`, proved: for every `x` in the region
/// and weights read as exact reals, the row's exact value is at least the
/// bound.
///
/// With [`Method::Crown`] a rectifier's lower slope is adaptive; if that does
/// not prove every row and another rule would choose differently, the analysis
/// is made with it too and the outcome with the larger margin returned. With
/// [`Method::AlphaCrown`] slopes climb where this was not enough.
///
/// **Errors.** The graph has not one input, sizes differ, or the thread's
/// floating-point environment is not the default. Overflow is not an error: the
/// bound is `-∞`.
pub fn analyze(
    graph: &Graph,
    region: &Region,
    property: &Property,
    method: Method,
) -> Result<Outcome, Error> {
    check_environment()?;
    let &[input] = graph.inputs() else {
        return Err(Error::Inputs {
            found: graph.inputs().len(),
        });
    };
    let node = graph.node(input);
    if node.shape.len() != region.len() {
        return Err(Error::Region {
            input: node.name.clone(),
            found: region.len(),
            expected: node.shape.len(),
        });
    }
    let node = graph.node(graph.output());
    if node.shape.len() != property.outputs() {
        return Err(Error::Property {
            output: node.name.clone(),
            found: property.outputs(),
            expected: node.shape.len(),
        });
    }
    let objective = Objective::of_property(property);
    let question = Question {
        graph,
        plan: Plan::new(graph),
        input: InputSet::new(region),
        objective: &objective,
        parallel: false,
        stop: &|| false,
    };
    let outcome = |run: Run| Outcome {
        lower: run.lower.into_iter().map(Proved::new).collect(),
        evidence: run.evidence,
        optimised: false,
        counters: run.counters,
        eps: region.eps().clone(),
    };
    let run = question.run(method, SlopeRule::Adaptive, None);
    let had_choice = run.had_choice;
    let mut best = outcome(run);
    if method == Method::Interval || !had_choice || best.certified() {
        return Ok(best);
    }
    let mut counters = best.counters;
    let other = outcome(question.run(method, SlopeRule::Flat, None));
    counters.add(other.counters);
    if other.margin() > best.margin() {
        best = other;
    }
    if method == Method::AlphaCrown && !best.certified() {
        let climbed = question.run(method, SlopeRule::Adaptive, Some(Ascent::default()));
        counters.add(climbed.counters);
        for (best_row, new) in best.lower.iter_mut().zip(climbed.lower) {
            if new > *best_row.get() {
                *best_row = Proved::new(new);
                best.optimised = true;
            }
        }
    }
    best.counters = counters;
    Ok(best)
}

/// Lower bounds of every functional of `objective` over one box, shape
/// (1, inputs), by the methods of [`analyze`], the best for each.
///
/// The threads of the current pool share the work. Once `stop` holds the bounds
/// get looser and are soon done. **Semantics and evidence.** `discrete`, proved.
///
/// # Errors
/// The graph has not exactly one input, or the thread's floating-point mode is
/// not the default.
pub fn bound_box(
    graph: &Graph,
    boxes: Boxes,
    objective: &Objective,
    method: Method,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<(Vec<Proved<f64>>, Counters), Error> {
    check_environment()?;
    if graph.inputs().len() != 1 {
        return Err(Error::Inputs {
            found: graph.inputs().len(),
        });
    }
    let question = Question {
        graph,
        plan: Plan::new(graph),
        input: InputSet::boxes_only(boxes),
        objective,
        parallel: true,
        stop,
    };
    let mut best = question.run(method, SlopeRule::Adaptive, None);
    let proved = |best: &Run| best.lower.iter().all(|l| *l > 0.0);
    let take = |best: &mut Run, other: Run| {
        best.counters.add(other.counters);
        for (best, new) in best.lower.iter_mut().zip(other.lower) {
            *best = best.max(new);
        }
    };
    if method != Method::Interval && best.had_choice && !proved(&best) {
        take(&mut best, question.run(method, SlopeRule::Flat, None));
        if method == Method::AlphaCrown && !proved(&best) {
            let ascent = Some(Ascent::default());
            take(&mut best, question.run(method, SlopeRule::Adaptive, ascent));
        }
    }
    let lower = best.lower.into_iter().map(Proved::new).collect();
    Ok((lower, best.counters))
}

/// What is bounded, and over what.
struct Question<'a> {
    graph: &'a Graph,
    plan: Plan<'a>,
    input: InputSet,
    objective: &'a Objective,
    parallel: bool,
    stop: &'a (dyn Fn() -> bool + Sync),
}

/// One walk's answer.
struct Run {
    lower: Vec<f64>,
    evidence: Vec<LayerEvidence>,
    counters: Counters,
    had_choice: bool,
}

impl Question<'_> {
    fn run(&self, method: Method, rule: SlopeRule, ascent: Option<Ascent>) -> Run {
        let walking = Walking {
            method,
            rule,
            ascent,
            passes: Passes::Everywhere,
            parallel: self.parallel,
            stop: self.stop,
        };
        let asked: Vec<(usize, usize)> = (0..self.objective.len()).map(|r| (0, r)).collect();
        let mut walk = Walk::over(self.graph, &self.plan, &self.input, None, walking);
        let (lower, _) = walk.rows(self.objective, &asked, None);
        Run {
            lower,
            evidence: walk.evidence,
            counters: walk.counters,
            had_choice: walk.had_choice,
        }
    }
}
