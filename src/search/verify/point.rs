//! From a candidate to a counterexample that others can replay.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ndarray::Array2;

use crate::bounds::interval_boxes;
use crate::exact::Rational;
use crate::graph::{Forward, Graph, NodeId, forward};
use crate::ops::{LinearMap, Pointwise, Product, Shape};
use crate::rounding::{Boxes, Interval};
use crate::verify::{Case, Conjunction, Constraint};

/// An input that violates the property: inside the box exactly, and violating
/// in exact arithmetic (an interval evaluation at the point proves it) as well
/// as in binary32, summed in several orders.
#[derive(Clone, Debug, PartialEq)]
pub struct Counterexample {
    /// the input; binary32 numbers wherever the box holds one
    pub x: Vec<Rational>,
    /// the input as a binary32 runtime reads it
    pub x32: Vec<f32>,
    /// the output in binary32
    pub y32: Vec<f32>,
    /// the network's outputs in exact arithmetic, enclosed
    pub y: Vec<(f64, f64)>,
}

/// An input at which exact and binary32 arithmetic disagree about the property.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// the input and its outputs
    pub point: Counterexample,
    /// The exact output violates the property (proved), and some execution in
    /// binary32 does not; else the exact output does not (proved), and some
    /// execution does.
    pub exact: bool,
}

/// The points of a case's box that a counterexample may use.
#[derive(Clone, Debug)]
pub(super) struct Places {
    /// outer box in binary64
    pub lo: Vec<f64>,
    /// upper ends
    pub hi: Vec<f64>,
    /// the binary32 numbers inside, or the exact value to use instead
    inside: Vec<Result<(f32, f32), Rational>>,
    /// executions in binary32 must violate the property too
    executed: bool,
    difference: Arc<Mutex<Option<Difference>>>,
    /// counts them over all cases
    differing: Arc<AtomicUsize>,
}

impl Places {
    pub(super) fn new(case: &Case, differing: &Arc<AtomicUsize>) -> Places {
        let ends = case.lo.iter().zip(&case.hi);
        let inside = ends
            .clone()
            .map(|(lo, hi)| {
                let a = binary32(lo, true);
                let b = binary32(hi, false);
                match (a, b) {
                    (Some(a), Some(b)) if a <= b => Ok((a, b)),
                    _ => Err(lo.clone()),
                }
            })
            .collect();
        let (lo, hi) = ends
            .map(|(lo, hi)| {
                (
                    Interval::from_rational(lo).lo(),
                    Interval::from_rational(hi).hi(),
                )
            })
            .unzip();
        Places {
            lo,
            hi,
            inside,
            executed: true,
            difference: Arc::default(),
            differing: differing.clone(),
        }
    }

    /// For counterexamples in exact arithmetic alone.
    pub(super) fn exact(case: &Case) -> Places {
        Places {
            executed: false,
            ..Places::new(case, &Arc::default())
        }
    }

    /// A point at which exact and binary32 arithmetic were seen to differ.
    pub(super) fn difference(&self) -> Option<Difference> {
        let found = self.difference.lock();
        found.unwrap_or_else(|e| e.into_inner()).clone()
    }

    /// How far binary32 numbers nearest to points of the box may lie beyond it,
    /// rounded up.
    pub(super) fn overhang(&self, case: &Case) -> Vec<f64> {
        let off = |end: &Rational| Rational::from_f32(nearest(end)).map(|near| near - end);
        let up = |x: Rational| Interval::from_rational(&x).hi().max(0.0);
        let ends = case.lo.iter().zip(&case.hi);
        ends.map(|(lo, hi)| match (off(lo), off(hi)) {
            (Some(below), Some(above)) => up(-below).max(up(above)),
            _ => f64::INFINITY,
        })
        .collect()
    }

    /// The nearest admissible point.
    fn snap(&self, x: &[f64]) -> (Vec<Rational>, Vec<f32>) {
        self.inside
            .iter()
            .zip(x)
            .map(|(place, &x)| match place {
                Ok((a, b)) => {
                    let v = if x.is_nan() {
                        *a
                    } else {
                        (x as f32).clamp(*a, *b)
                    };
                    (Rational::from_f32(v).unwrap_or_default(), v)
                }
                Err(exact) => (exact.clone(), nearest(exact)),
            })
            .unzip()
    }
}

/// The binary32 number next to `x`, not below it (`up`) or not above it.
fn binary32(x: &Rational, up: bool) -> Option<f32> {
    let v = nearest(x);
    let exact = Rational::from_f32(v)?;
    let v = match (up, exact.cmp(x)) {
        (true, std::cmp::Ordering::Less) => v.next_up(),
        (false, std::cmp::Ordering::Greater) => v.next_down(),
        _ => v,
    };
    v.is_finite().then_some(v)
}

fn nearest(x: &Rational) -> f32 {
    rug::Float::with_val(24, x).to_f32()
}

/// The counterexample next to `candidate`, if there is one.
pub(super) fn establish(
    graph: &Graph,
    case: &Case,
    places: &Places,
    candidate: &[f64],
) -> Option<Counterexample> {
    let (x, x32) = places.snap(candidate);
    compare(graph, case, places, &x, &x32)
}

/// The counterexample at `x`, read as `x32` in binary32, if it is one; if exact
/// and binary32 arithmetic differ there, `places` learn it.
pub(super) fn compare(
    graph: &Graph,
    case: &Case,
    places: &Places,
    x: &[Rational],
    x32: &[f32],
) -> Option<Counterexample> {
    if !case.contains(x) {
        return None;
    }
    let y = enclose(graph, x);
    let sides = |c: &Constraint| value(c, x, |j| y[j]);
    let proved = |c: &Constraint| {
        let hi = sides(c).hi();
        hi < 0.0 || (hi == 0.0 && !c.strict)
    };
    let refuted = |c: &Constraint| {
        let lo = sides(c).lo();
        lo > 0.0 || (lo == 0.0 && c.strict)
    };
    let wide: Vec<Rational> = x32
        .iter()
        .map(|&v| Rational::from_f32(v))
        .collect::<Option<_>>()?;
    let runs = executions(graph, x32);
    let violates = |c: &Constraint, y: &[f32]| {
        let exact: Option<Vec<Rational>> = y.iter().map(|&v| Rational::from_f32(v)).collect();
        exact.is_some_and(|y| c.holds(&wide, &y))
    };
    let point = |y32: &[f32]| Counterexample {
        x: x.to_vec(),
        x32: x32.to_vec(),
        y32: y32.to_vec(),
        y: y.iter().map(|y| (y.lo(), y.hi())).collect(),
    };
    let holds = |all: &Conjunction, y: &[f32]| all.constraints.iter().all(|c| violates(c, y));
    let exact = |all: &Conjunction| all.constraints.iter().all(proved);
    let both = case
        .violation
        .iter()
        .any(|all| exact(all) && (!places.executed || runs.iter().all(|y| holds(all, y))));
    if both {
        return Some(point(&runs[0]));
    }
    if places.executed {
        let executed = |y: &&Vec<f32>| case.violation.iter().any(|all| holds(all, y));
        let never = |all: &Conjunction| all.constraints.iter().any(refuted);
        let violated = case.violation.iter().any(exact);
        let other = if violated {
            runs.iter().find(|y| !executed(y))
        } else if case.violation.iter().all(never) {
            runs.iter().find(executed)
        } else {
            None
        };
        if let Some(y32) = other {
            places.differing.fetch_add(1, Ordering::Relaxed);
            let mut known = places.difference.lock().unwrap_or_else(|e| e.into_inner());
            known.get_or_insert_with(|| Difference {
                point: point(y32),
                exact: violated,
            });
        }
    }
    None
}

/// Encloses the left side of a constraint.
fn value(c: &Constraint, x: &[Rational], y: impl Fn(usize) -> Interval) -> Interval {
    let mut exact = c.constant.clone();
    for (i, a) in &c.x {
        exact += Rational::from(a * &x[*i]);
    }
    c.y.iter()
        .fold(Interval::from_rational(&exact), |sum, (j, b)| {
            sum + Interval::from_rational(b) * y(*j)
        })
}

/// The exact output, enclosed.
fn enclose(graph: &Graph, x: &[Rational]) -> Vec<Interval> {
    let point = Boxes::from_shape_fn((1, x.len()), |_, i| Interval::from_rational(&x[i]));
    let boxes = interval_boxes(graph, vec![point]);
    let y = &boxes[graph.output().index()];
    (0..y.dim().1).map(|j| y.at(0, j)).collect()
}

/// An order of summation.
#[derive(Clone, Copy, Debug)]
enum Order {
    Forward,
    Backward,
    Lanes,
}

impl Order {
    const ALL: [Order; 3] = [Order::Forward, Order::Backward, Order::Lanes];

    fn sum(self, terms: &[f32]) -> f32 {
        match self {
            Order::Forward => terms.iter().sum(),
            Order::Backward => terms.iter().rev().sum(),
            Order::Lanes => {
                let mut lanes = [0.0f32; 8];
                for (k, t) in terms.iter().enumerate() {
                    lanes[k % 8] += t;
                }
                lanes.iter().sum()
            }
        }
    }
}

/// The network's outputs in binary32, summed in several orders.
pub(in crate::search) fn executions(graph: &Graph, x: &[f32]) -> Vec<Vec<f32>> {
    Order::ALL.iter().map(|&o| run(graph, x, o)).collect()
}

/// The network in binary32.
fn run(graph: &Graph, x: &[f32], order: Order) -> Vec<f32> {
    let mut values = forward(graph, &mut Binary32(order), vec![x.to_vec()]);
    values.swap_remove(graph.output().index())
}

struct Binary32(Order);

impl Forward for Binary32 {
    type Value = Vec<f32>;

    fn constant(&mut self, _: NodeId, values: &[Rational], _: &Shape) -> Vec<f32> {
        values.iter().map(nearest).collect()
    }

    fn linear(&mut self, _: NodeId, map: &dyn LinearMap, x: &Vec<f32>) -> Vec<f32> {
        let mut terms = Vec::new();
        (0..map.output().len())
            .map(|o| {
                terms.clear();
                map.row(o, &mut |i, w| terms.push(w * x[i]));
                self.0.sum(&terms) + map.bias(o)
            })
            .collect()
    }

    fn pointwise(&mut self, _: NodeId, f: &dyn Pointwise, x: &Vec<f32>) -> Vec<f32> {
        x.iter().map(|&x| f.value(f64::from(x)) as f32).collect()
    }

    fn combine(&mut self, _: NodeId, c: &[Rational], xs: &[&Vec<f32>]) -> Vec<f32> {
        let c: Vec<f32> = c.iter().map(nearest).collect();
        (0..xs[0].len())
            .map(|i| {
                let terms: Vec<f32> = c.iter().zip(xs).map(|(c, x)| c * x[i]).collect();
                self.0.sum(&terms)
            })
            .collect()
    }

    fn product(&mut self, _: NodeId, p: &Product, a: &Vec<f32>, b: &Vec<f32>) -> Vec<f32> {
        let mut terms = Vec::new();
        (0..p.output().len())
            .map(|o| {
                terms.clear();
                p.terms(o, |i, j| terms.push(a[i] * b[j]));
                self.0.sum(&terms)
            })
            .collect()
    }
}

/// Whether binary64 values violate the case: an estimate.
pub(super) fn seems_violated(case: &Case, x: &[f64], y: &[f64]) -> bool {
    case.violation.iter().any(|conjunction| {
        conjunction
            .constraints
            .iter()
            .all(|c| estimate(c, x, y) <= 0.0)
    })
}

/// The left side of a constraint in binary64.
pub(super) fn estimate(c: &Constraint, x: &[f64], y: &[f64]) -> f64 {
    let mut sum = c.constant.to_f64();
    for (i, a) in &c.x {
        sum += a.to_f64() * x[*i];
    }
    for (j, b) in &c.y {
        sum += b.to_f64() * y[*j];
    }
    sum
}

/// The network's outputs at a batch of points, (points, outputs): an estimate.
pub(super) fn outputs(graph: &Graph, x: Array2<f64>) -> Array2<f64> {
    let batch = x.nrows();
    let mut values = forward(graph, &mut crate::graph::Evaluate { batch }, vec![x]);
    values.swap_remove(graph.output().index())
}
