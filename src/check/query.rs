//! Queries without counterexample: a tree of boxes for each case, and in every
//! leaf a mixture of each conjunction's conditions that is positive.

use rayon::prelude::*;

use super::grid::{self, GRID};
use super::region::InputSet;
use super::rejection::Rejection;
use super::robustness::{Checker, Functional, identify, length};
use super::{Checked, Counters};
use crate::certificate::schema::{
    Branch, Condition, Document, InputBox, Leaf, QueryCase, QueryClaim, QueryEvidence, Ratio,
    Region, Term,
};
use crate::exact::Rational;
use crate::graph::Graph;

/// Boxes that wait, at most: what a hostile tree can take of memory.
const DEEPEST: usize = 1 << 10;
/// Leaves that are checked at the same time.
const TOGETHER: usize = 1 << 8;

/// Checks a claim about `graph`.
pub(super) fn check(
    document: &Document<QueryClaim, QueryEvidence>,
    graph: &Graph,
) -> Result<Checked, Rejection> {
    let claim = &document.claim;
    identify(&claim.network, graph)?;
    let trees = &document.evidence.trees;
    length("trees", trees.len(), claim.cases.len())?;
    let sizes = Sizes {
        inputs: graph.input_shape(0).len(),
        outputs: graph.output_shape().len(),
    };
    let mut done = Done::default();
    for (at, (case, tree)) in claim.cases.iter().zip(trees).enumerate() {
        sizes.check(at, case)?;
        let mut together = Vec::new();
        divide(at, case, tree, &mut |part| {
            together.push(part);
            match together.len() < TOGETHER {
                true => Ok(()),
                false => done.add(graph, case, std::mem::take(&mut together)),
            }
        })?;
        done.add(graph, case, together)?;
    }
    Ok(Checked::query(done.leaves, done.counters))
}

/// Leaves that were checked.
#[derive(Default)]
struct Done {
    leaves: usize,
    counters: Counters,
}

impl Done {
    /// Leaves need each other for nothing; the first that fails is reported.
    fn add(
        &mut self,
        graph: &Graph,
        case: &QueryCase,
        parts: Vec<Part<'_>>,
    ) -> Result<(), Rejection> {
        let outcomes: Vec<Result<Counters, Rejection>> = parts
            .par_iter()
            .map(|part| part.check(graph, case))
            .collect();
        for outcome in outcomes {
            let of_leaf = outcome?;
            self.leaves += 1;
            self.counters.by_interval += of_leaf.by_interval;
            self.counters.by_backward += of_leaf.by_backward;
        }
        Ok(())
    }
}

struct Sizes {
    inputs: usize,
    outputs: usize,
}

impl Sizes {
    /// Ends, and the elements that conditions name.
    fn check(&self, at: usize, case: &QueryCase) -> Result<(), Rejection> {
        length(format!("case {at}, lo"), case.lo.len(), self.inputs)?;
        length(format!("case {at}, hi"), case.hi.len(), self.inputs)?;
        let within = |terms: &[Term], n: usize| terms.iter().all(|t| t.index < n as u64);
        let known = |c: &Condition| within(&c.x, self.inputs) && within(&c.y, self.outputs);
        if case.violation.iter().flatten().all(known) {
            return Ok(());
        }
        Err(Rejection::Tree {
            case: at,
            what: "a condition about an element that the network does not have",
        })
    }
}

/// A leaf and its box.
struct Part<'a> {
    case: usize,
    /// position among the leaves of its case
    leaf: usize,
    lo: Vec<Rational>,
    hi: Vec<Rational>,
    evidence: &'a Leaf,
}

/// Visits the leaves of a tree. Every point of the case's box lies in one: at a
/// split it has the coordinate on one side.
fn divide<'a>(
    at: usize,
    case: &QueryCase,
    tree: &'a [Branch],
    visit: &mut dyn FnMut(Part<'a>) -> Result<(), Rejection>,
) -> Result<(), Rejection> {
    let wrong = |what| Rejection::Tree { case: at, what };
    let ends = |v: &[Ratio]| v.iter().map(|r| r.0.clone()).collect::<Vec<_>>();
    let mut open = vec![(ends(&case.lo), ends(&case.hi))];
    let mut count = 0;
    for branch in tree {
        let (lo, hi) = open.pop().ok_or_else(|| wrong("more nodes than a tree"))?;
        match branch {
            Branch::Split(split) => {
                let i = usize::try_from(split.input).unwrap_or(usize::MAX);
                let middle = Rational::from_f64(split.at.get());
                let inside = |m: &Rational| i < lo.len() && lo[i] < *m && *m < hi[i];
                let middle = middle
                    .filter(inside)
                    .ok_or_else(|| wrong("a split outside its box"))?;
                let (mut above, mut below) = (lo.clone(), hi.clone());
                above[i] = middle.clone();
                below[i] = middle;
                open.push((above, hi));
                open.push((lo, below));
                if open.len() > DEEPEST {
                    return Err(wrong("a tree that is too deep"));
                }
            }
            Branch::Leaf(evidence) => {
                visit(Part {
                    case: at,
                    leaf: count,
                    lo,
                    hi,
                    evidence,
                })?;
                count += 1;
            }
        }
    }
    match open.is_empty() {
        true => Ok(()),
        false => Err(wrong("fewer nodes than a tree")),
    }
}

impl Part<'_> {
    fn check(&self, graph: &Graph, case: &QueryCase) -> Result<Counters, Rejection> {
        let inside = |source| Rejection::Leaf {
            case: self.case,
            leaf: self.leaf,
            source: Box::new(source),
        };
        let mut mixtures = Vec::with_capacity(case.violation.len());
        let weights = &self.evidence.weights;
        length("weights", weights.len(), case.violation.len()).map_err(inside)?;
        for (conjunction, weights) in case.violation.iter().zip(weights) {
            length("weights", weights.len(), conjunction.len()).map_err(inside)?;
            let weights: Option<Vec<Rational>> = weights
                .iter()
                .map(|w| Rational::from_f64(w.get()).filter(|w| *w >= 0))
                .collect();
            let weights = weights.ok_or(Rejection::Tree {
                case: self.case,
                what: "a negative weight",
            })?;
            mixtures.push(mixture(conjunction, &weights, graph));
        }
        let ends = |v: &[Rational]| v.iter().cloned().map(Ratio).collect();
        let region = Region::Box(InputBox {
            lo: ends(&self.lo),
            hi: ends(&self.hi),
        });
        let input = InputSet::new(&region, self.lo.len()).map_err(inside)?;
        let checker = Checker::new(graph, &self.evidence.layers, &input).map_err(inside)?;
        let (functionals, strict): (Vec<Functional>, Vec<bool>) = mixtures.into_iter().unzip();
        let proved = checker.rows(&functionals).map_err(inside)?;
        for (conjunction, (proved, strict)) in proved.iter().zip(strict).enumerate() {
            // Where all conditions hold the mixture is at most zero, and less
            // where a strict one has a share.
            let refuted = *proved > 0 || (strict && *proved == 0);
            if !refuted {
                return Err(Rejection::Mixture {
                    case: self.case,
                    leaf: self.leaf,
                    conjunction,
                    proved: grid::to_f64_floor(proved, 2 * GRID),
                });
            }
        }
        Ok(checker.counters())
    }
}

/// `Σ w_k c_k`, and whether a strict condition has a share.
fn mixture(conjunction: &[Condition], weights: &[Rational], graph: &Graph) -> (Functional, bool) {
    let mut sum = Functional {
        x: vec![Rational::new(); graph.input_shape(0).len()],
        y: vec![Rational::new(); graph.output_shape().len()],
        constant: Rational::new(),
    };
    let mut strict = false;
    for (condition, w) in conjunction.iter().zip(weights) {
        let add = |to: &mut [Rational], terms: &[Term]| {
            for t in terms {
                to[t.index as usize] += Rational::from(w * &t.coefficient.0);
            }
        };
        add(&mut sum.x, &condition.x);
        add(&mut sum.y, &condition.y);
        sum.constant += Rational::from(w * &condition.constant.0);
        strict |= condition.strict && *w > 0;
    }
    (sum, strict)
}
