//! The analysis of a network: end to end and block by block.

use serde::Serialize;

use super::affine::NormCache;
use super::centered::{self, centered};
use super::domain::Domain;
use super::local::{self, jacobian};
use super::matrix::{ceiling, norm_up};
use super::ode::Block;
use super::product::{magnitude, product};
use super::slopes::Slopes;
use super::witness::{Witness, search};
use super::{Error, Method, Via};
use crate::bounds::interval_boxes;
use crate::graph::{Graph, Op};
use crate::network::{Layer, Network};
use crate::rounding::eft::{add_up, mul_up, sqrt_up};
use crate::rounding::{Boxes, Interval, check_environment};
use crate::verify::{Norm, Proved, Semantics};

/// A proved upper bound with the way it was found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Upper {
    /// the bound; `+∞` (`null` in JSON) if none was found
    pub value: Proved<f64>,
    /// what it is about
    pub semantics: Semantics,
    /// the method that gave the smallest value: `product`, `centered`, `local`;
    /// for the flow `log_norm` or `gronwall`
    pub method: &'static str,
    /// the norm it was computed in: the 2-norm's bound times `sqrt(n)` bounds the
    /// others, and is often smaller where many layers multiply
    pub through: Norm,
}

impl Upper {
    fn new(value: f64, semantics: Semantics, method: &'static str, through: Norm) -> Upper {
        Upper {
            value: Proved::new(ceiling(value)),
            semantics,
            method,
            through,
        }
    }

    /// The smaller of this bound and `factor` times one in another norm.
    fn or(self, factor: f64, other: Upper) -> Upper {
        let value = ceiling(mul_up(factor, *other.value.get()));
        if value < *self.value.get() {
            Upper::new(value, self.semantics, other.method, other.through)
        } else {
            self
        }
    }
}

/// The factor from a 2-norm constant of a map ℝⁿ → ℝᵐ to one in `norm`:
/// `‖·‖_∞ <= ‖·‖₂ <= sqrt(n) ‖·‖_∞` and `‖·‖₁ <= sqrt(m) ‖·‖₂`, `‖·‖₂ <= ‖·‖₁`.
fn from_l2(norm: Norm, n: usize, m: usize) -> f64 {
    match norm {
        Norm::Linf => sqrt_up(n as f64),
        Norm::L2 => 1.0,
        Norm::L1 => sqrt_up(m as f64),
    }
}

/// One ODE block: its final state as a function of its initial state.
#[derive(Clone, Debug, Serialize)]
pub struct BlockReport {
    /// the block's node
    pub name: String,
    /// the ODE method
    pub scheme: String,
    /// number of steps
    pub steps: usize,
    /// of the recurrence that is run, over the block's reachable box (or everywhere)
    pub discrete: Upper,
    /// of the exact flow, everywhere; says nothing of the recurrence
    pub flow: Upper,
    /// a pair of initial states, of the recurrence
    pub lower: Option<Witness>,
}

/// Lipschitz constants of a network in one norm (the same on input and output).
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// the norm
    pub norm: Norm,
    /// `everywhere` or `box`
    pub domain: &'static str,
    /// the method asked for
    pub method: &'static str,
    /// end to end, of the unrolled network
    pub upper: Upper,
    /// end to end with every block replaced by its exact flow; `None` without blocks
    pub flow: Option<Upper>,
    /// a pair of inputs in the domain
    pub lower: Option<Witness>,
    /// the blocks, in order
    pub blocks: Vec<BlockReport>,
}

/// Bounds the Lipschitz constant of `network` in `norm` over `domain`, from
/// above (proved) and below (witness), end to end and for every ODE block.
///
/// **Semantics and evidence.** `upper` and `discrete` are of the recurrence as
/// written with weights read as exact reals; `flow` is of the exact solution,
/// with global slopes. Over a box, upper bounds and witness are for the same
/// box, so `lower.value <= upper.value` always.
///
/// # Errors
/// An inconsistent network, a box that does not fit, a thread whose
/// floating-point mode is not the default, or a single method that is too
/// much work ([`Method::Auto`] leaves that method out instead).
pub fn analyze(
    network: &Network,
    norm: Norm,
    domain: &Domain,
    method: Method,
) -> Result<Report, Error> {
    check_environment()?;
    let graph = network.lower()?;
    if graph.inputs().len() != 1 {
        return Err(Error::Inputs {
            network: network.name.clone(),
            found: graph.inputs().len(),
        });
    }
    if let Some(node) = graph
        .nodes()
        .iter()
        .find(|n| matches!(n.op, Op::Product(_)))
    {
        return Err(Error::Product {
            node: node.name.clone(),
        });
    }
    let input = domain.boxes();
    if let Some(x) = &input
        && x.dim().1 != graph.input_shape(0).len()
    {
        return Err(Error::Length {
            found: x.dim().1,
            expected: graph.input_shape(0).len(),
        });
    }
    if (method == Method::Local && !local::affordable(&graph))
        || (method == Method::Centered
            && network.ode_blocks().next().is_none()
            && !centered::affordable(&graph))
    {
        return Err(Error::TooLarge {
            method: method.name(),
            network: network.name.clone(),
        });
    }
    let bounds = |norm: Norm| -> Result<Uppers, Error> {
        let walk = Walk {
            network,
            input: input.as_ref(),
            method,
            norm,
        };
        walk.uppers(&graph)
    };
    let mut best = bounds(norm)?;
    if norm != Norm::L2 {
        best.improve(norm, &graph, bounds(Norm::L2)?);
    }
    let mut blocks = Vec::new();
    for (bounds, (name, block)) in best.blocks.into_iter().zip(network.ode_blocks()) {
        let graph = Block { name, block }.graph()?;
        blocks.push(BlockReport {
            name: name.into(),
            scheme: block.method.name().into(),
            steps: block.steps,
            discrete: bounds.discrete,
            flow: bounds.flow,
            lower: search(&graph, norm, &Domain::from_boxes(bounds.input.as_ref())),
        });
    }
    Ok(Report {
        norm,
        domain: domain.name(),
        method: method.name(),
        upper: best.discrete,
        flow: (!blocks.is_empty()).then_some(best.flow),
        lower: search(&graph, norm, domain),
        blocks,
    })
}

/// Upper bounds in one norm.
struct Uppers {
    discrete: Upper,
    flow: Upper,
    blocks: Vec<BlockUppers>,
}

struct BlockUppers {
    discrete: Upper,
    flow: Upper,
    /// the box of the initial state
    input: Option<Boxes>,
    /// its number of elements
    width: usize,
}

impl Uppers {
    /// Takes the 2-norm's bounds where they are better.
    fn improve(&mut self, norm: Norm, graph: &Graph, other: Uppers) {
        let (n, m) = (graph.input_shape(0).len(), graph.output_shape().len());
        let factor = from_l2(norm, n, m);
        self.discrete = self.discrete.or(factor, other.discrete);
        self.flow = self.flow.or(factor, other.flow);
        for (a, b) in self.blocks.iter_mut().zip(other.blocks) {
            let factor = from_l2(norm, a.width, a.width);
            a.discrete = a.discrete.or(factor, b.discrete);
            a.flow = a.flow.or(factor, b.flow);
        }
    }
}

/// Bounds of a whole graph, for the methods that have one and can be afforded.
fn whole(
    graph: &Graph,
    input: Option<&Boxes>,
    via: &[Via],
    cache: &mut NormCache,
) -> Vec<(f64, &'static str)> {
    let slopes = match input {
        None => Slopes::everywhere(graph),
        Some(x) => Slopes::over(graph, vec![x.clone()]).0,
    };
    let mut found = Vec::new();
    for &way in via {
        let value = match way {
            Via::Product => product(graph, 0, &slopes, cache)[graph.output().index()],
            Via::Centered if centered::affordable(graph) => centered(graph, 0, &slopes, cache),
            Via::Local if local::affordable(graph) => {
                norm_up(&jacobian(graph, 0, &slopes), cache.norm())
            }
            Via::Centered | Via::Local => continue,
        };
        found.push((value, way.name()));
    }
    found
}

/// The layer-by-layer bound, with every ODE block as one layer.
struct Walk<'a> {
    network: &'a Network,
    input: Option<&'a Boxes>,
    method: Method,
    norm: Norm,
}

impl Walk<'_> {
    /// The box of node `i` of the network.
    fn reached(&self, i: usize) -> Result<Option<Boxes>, Error> {
        let Some(x) = self.input else { return Ok(None) };
        let prefix = Network {
            name: self.network.name.clone(),
            nodes: self.network.nodes[..=i].to_vec(),
            output: i,
            rewritten: Vec::new(),
        };
        let graph = prefix.lower()?;
        let boxes = interval_boxes(&graph, vec![x.clone()]);
        Ok(Some(boxes[graph.output().index()].clone()))
    }

    /// The layer-by-layer bounds, and those of the whole graph.
    fn uppers(&self, graph: &Graph) -> Result<Uppers, Error> {
        let mut cache = NormCache::new(self.norm);
        let mut found = self.layers(&mut cache)?;
        if self.method == Method::Local {
            let none = f64::INFINITY;
            found.discrete = Upper::new(none, Semantics::Discrete, Via::Local.name(), self.norm);
        }
        for (value, name) in whole(graph, self.input, self.method.via(), &mut cache) {
            if value < *found.discrete.value.get() {
                found.discrete = Upper::new(value, Semantics::Discrete, name, self.norm);
            }
        }
        Ok(found)
    }

    fn layers(&self, cache: &mut NormCache) -> Result<Uppers, Error> {
        // (discrete, flow) constants of every node in the input
        let mut lips: Vec<(f64, f64)> = Vec::new();
        let mut blocks = Vec::new();
        let mut method = Via::Product.name();
        let mut flow_method = "log_norm";
        for node in &self.network.nodes {
            let at = |k: usize| node.inputs.get(k).map_or((0.0, 0.0), |&i| lips[i]);
            let times = |f: f64, (d, w): (f64, f64)| (mul_up(f, d), mul_up(f, w));
            let lip = match &node.layer {
                Layer::Op(Op::Input(_)) => (1.0, 1.0),
                Layer::Op(Op::Constant(_)) => (0.0, 0.0),
                Layer::Op(Op::Linear(map)) => times(cache.of(map), at(0)),
                Layer::Op(Op::Pointwise(f)) => {
                    // Flow states leave the recurrence's boxes, so theirs are global slopes.
                    let global = f.slopes(Interval::ENTIRE).mag();
                    let local = match self.reached(node.inputs[0])? {
                        None => global,
                        Some(x) => {
                            (0..x.dim().1).fold(0.0, |a: f64, i| a.max(f.slopes(x.at(0, i)).mag()))
                        }
                    };
                    (mul_up(local, at(0).0), mul_up(global, at(0).1))
                }
                Layer::Op(Op::Product(_)) => (f64::INFINITY, f64::INFINITY),
                Layer::Op(Op::Combine(c)) => {
                    let sum = |pick: fn((f64, f64)) -> f64| {
                        c.iter().enumerate().fold(0.0, |s, (k, c)| {
                            add_up(s, mul_up(magnitude(c), pick(at(k))))
                        })
                    };
                    (sum(|l| l.0), sum(|l| l.1))
                }
                Layer::Ode(block) => {
                    let input = self.reached(node.inputs[0])?;
                    let block = Block {
                        name: &node.name,
                        block,
                    };
                    let report = self.block(&block, input, cache)?;
                    if report.discrete.method != method {
                        method = report.discrete.method;
                    }
                    if report.flow.method != flow_method {
                        flow_method = report.flow.method;
                    }
                    let (d, w) = at(0);
                    let lip = (
                        mul_up(*report.discrete.value.get(), d),
                        mul_up(*report.flow.value.get(), w),
                    );
                    blocks.push(report);
                    lip
                }
            };
            lips.push((ceiling(lip.0), ceiling(lip.1)));
        }
        let (discrete, flow) = lips[self.network.output];
        Ok(Uppers {
            discrete: Upper::new(discrete, Semantics::Discrete, method, self.norm),
            flow: Upper::new(flow, Semantics::Flow, flow_method, self.norm),
            blocks,
        })
    }

    fn block(
        &self,
        block: &Block<'_>,
        input: Option<Boxes>,
        cache: &mut NormCache,
    ) -> Result<BlockUppers, Error> {
        let (value, method) = block.discrete(input.as_ref(), self.method.via(), cache)?;
        let (flow, flow_method) = block.flow(cache)?;
        Ok(BlockUppers {
            discrete: Upper::new(value, Semantics::Discrete, method, self.norm),
            flow: Upper::new(flow, Semantics::Flow, flow_method, self.norm),
            input,
            width: block.graph()?.output_shape().len(),
        })
    }
}
