//! Branch and bound by splitting the input box: for inputs of few dimensions.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use super::choice::{Choice, Trial, Way};
use super::descent::{Point, descend};
use super::falsify::Patience;
use super::frontier::{self, End, Order, Step, explore};
use super::mixture::together;
use super::point::Places;
use super::{Counters, Error, Limits};
use crate::bounds::{BoxBounds, Boxed, Functional, Objective, Passes};
use crate::graph::Graph;
use crate::rounding::{Boxes, Interval};
use crate::verify::Query;

/// The least weight of an input in the choice of an axis, relative to the largest.
pub(super) const LEAST_WEIGHT: f64 = 0.3;

/// Elements of the boxes in one batch, over all nodes.
const BATCH_ELEMENTS: usize = 1 << 18;

/// Lower and upper ends of one box.
type Ends = (Vec<f64>, Vec<f64>);

/// A part of a case's box that is still open.
#[derive(Clone, Debug)]
struct Part {
    case: usize,
    lo: Vec<f64>,
    hi: Vec<f64>,
    /// conjunctions of the case that may still hold somewhere
    open: Vec<usize>,
    /// proved lower bound on the part that contains this one: of every open
    /// conjunction, some constraint's left side is at least this
    lower: f64,
    /// how far the best point seen is from violating the case (an estimate)
    distance: f64,
    /// boxes of nodes, inherited: one row each
    known: Option<Arc<Vec<Option<Ends>>>>,
}

impl frontier::Part for Part {
    fn bound(&self) -> f64 {
        self.lower
    }

    fn distance(&self) -> f64 {
        self.distance
    }

    fn bytes(&self) -> usize {
        let known = self.known.iter().flat_map(|k| k.iter().flatten());
        // Two siblings share what they inherit.
        let inherited: usize = known.map(|k| k.0.len()).sum();
        let own = 2 * self.lo.len() + self.open.len();
        size_of::<Part>() + size_of::<f64>() * (own + inherited)
    }

    fn shed(&mut self) {
        self.known = None;
    }
}

/// Rows of the objective by case and conjunction.
pub(super) struct Rows {
    pub objective: Objective,
    /// per case, per conjunction: first row and number of rows
    pub ranges: Vec<Vec<(usize, usize)>>,
    strict: Vec<bool>,
}

impl Rows {
    pub(super) fn new(query: &Query) -> Rows {
        let (mut rows, mut strict, mut ranges) = (Vec::new(), Vec::new(), Vec::new());
        for case in &query.cases {
            let mut of_case = Vec::new();
            for conjunction in &case.violation {
                of_case.push((rows.len(), conjunction.constraints.len()));
                for c in &conjunction.constraints {
                    strict.push(c.strict);
                    rows.push(Functional {
                        x: c.x.clone(),
                        y: c.y.clone(),
                        constant: c.constant.clone(),
                    });
                }
            }
            ranges.push(of_case);
        }
        Rows {
            objective: Objective::new(rows),
            ranges,
            strict,
        }
    }

    /// The constraint of a row cannot hold where its value is at least `lower`.
    pub(super) fn excluded(&self, row: usize, lower: f64, slack: f64) -> bool {
        lower > slack || (self.strict[row] && slack == 0.0 && lower >= 0.0)
    }
}

struct Shared<'a> {
    graph: &'a Graph,
    query: &'a Query,
    places: &'a [Places],
    boxed: Boxed<'a>,
    rows: Rows,
    limits: &'a Limits<'a>,
    inherit: bool,
    choice: Choice,
    patience: Mutex<Patience>,
    counters: Mutex<Counters>,
}

/// Decides the cases listed.
pub(super) fn search(
    graph: &Graph,
    query: &Query,
    places: &[Places],
    cases: &[usize],
    limits: &Limits<'_>,
    counters: &mut Counters,
) -> Result<End, Error> {
    let elements: usize = graph.nodes().iter().map(|n| n.shape.len()).sum();
    let watched = elements.saturating_mul(2);
    let shared = Shared {
        graph,
        query,
        places,
        boxed: Boxed::new(graph)?,
        rows: Rows::new(query),
        limits,
        inherit: watched <= 1 << 16,
        choice: Choice::default(),
        patience: Mutex::default(),
        counters: Mutex::new(Counters::default()),
    };
    let batch = (BATCH_ELEMENTS / elements.max(1)).clamp(1, 64);
    let parts = cases.iter().rev().map(|&c| whole(query, places, c));
    let process = |parts| process(&shared, parts);
    let end = explore(parts.collect(), batch, Order::Alternate, limits, &process);
    counters.add(*shared.counters.lock().unwrap_or_else(|e| e.into_inner()));
    end
}

fn whole(query: &Query, places: &[Places], case: usize) -> Part {
    Part {
        case,
        lo: places[case].lo.clone(),
        hi: places[case].hi.clone(),
        open: (0..query.cases[case].violation.len()).collect(),
        lower: f64::NEG_INFINITY,
        distance: f64::INFINITY,
        known: None,
    }
}

fn process(shared: &Shared<'_>, mut parts: Vec<Part>) -> Result<Step<Part>, Error> {
    let n = shared.query.inputs;
    let boxes = Boxes::from_shape_fn((parts.len(), n), |d, i| {
        Interval::or_entire(parts[d].lo[i], parts[d].hi[i])
    });
    let mut asked = Vec::new();
    for (d, part) in parts.iter().enumerate() {
        for &k in &part.open {
            let (first, count) = shared.rows.ranges[part.case][k];
            asked.extend((first..first + count).map(|r| (d, r)));
        }
    }
    let known = gather(shared, &parts);
    let way = shared.choice.next(parts.len());
    let stop = || shared.limits.expired();
    let bound = |passes| {
        let (boxes, objective) = (boxes.clone(), &shared.rows.objective);
        let boxed = &shared.boxed;
        boxed.bound(boxes, known.as_deref(), objective, &asked, passes, &stop)
    };
    let (mut bounds, other) = match way {
        Way::One(passes) => (bound(passes)?, None),
        Way::Both => (bound(Passes::Everywhere)?, Some(bound(Passes::Last)?)),
    };
    if let Some(other) = &other {
        let both = bounds.lower.iter_mut().zip(&other.lower);
        both.for_each(|(a, b)| *a = a.max(*b));
    }
    {
        let mut counters = shared.counters.lock().unwrap_or_else(|e| e.into_inner());
        counters.bounds.add(bounds.counters);
        counters.domains += parts.len() as u64;
    }
    let mut open: Vec<Open> = Vec::new();
    let mut closed = 0;
    let mut at = 0;
    for (d, part) in parts.iter_mut().enumerate() {
        let of_part = Open::new(shared, part, &bounds, &boxes, (d, at));
        at += part
            .open
            .iter()
            .map(|&k| shared.rows.ranges[part.case][k].1)
            .sum::<usize>();
        match of_part {
            Some(of_part) => {
                part.lower = part.lower.max(of_part.lower);
                open.push(of_part);
            }
            None => closed += 1,
        }
    }
    let mut distances = vec![f64::INFINITY; parts.len()];
    let points = open.iter().flat_map(|o| o.points(&parts[o.part])).collect();
    let near = |part: usize, distance: f64| distances[part] = distances[part].min(distance);
    let (graph, query, places) = (shared.graph, shared.query, shared.places);
    let found = descend(graph, query, places, points, &shared.patience, near);
    if let Some(other) = &other {
        shared.learn(&parts, &open, &distances, [&bounds, other], asked.len());
    }
    let mut children = Vec::new();
    let mut stuck = false;
    for o in open {
        let part = &mut parts[o.part];
        part.distance = distances[o.part];
        match divide(shared, part, o.left, &o.score, &bounds, o.part) {
            Some(two) => children.extend(two),
            None => stuck = true,
        }
    }
    Ok(Step {
        open: children,
        closed,
        stuck,
        found,
    })
}

impl Shared<'_> {
    /// Compares the two ways on the parts that stay open.
    fn learn(
        &self,
        parts: &[Part],
        open: &[Open],
        distances: &[f64],
        ways: [&BoxBounds; 2],
        asked: usize,
    ) {
        let count = parts.len() as f64;
        let varying = |p: &Part| {
            let case = &self.query.cases[p.case];
            case.lo.iter().zip(&case.hi).filter(|(l, h)| l < h).count()
        };
        let dimensions = parts.iter().map(varying).max().unwrap_or(0);
        let gap = |lower: &[f64]| -> f64 {
            let of = |o: &Open| distances[o.part] - o.least(lower);
            open.iter().map(of).sum::<f64>()
        };
        // In evaluations of the network: boxes, error terms and the questions'
        // pass cost both the same; a functional of a layer in the middle goes
        // part of the way, in a larger product. Fitted to ACAS Xu.
        let same = 10.0 + asked as f64 / count;
        let functionals = ways[0].counters.functionals as f64 - asked as f64;
        let everywhere = Trial {
            work: same + 0.2 * functionals / count,
            gap: gap(&ways[0].lower),
        };
        let forms = Trial {
            work: same + dimensions as f64 + 2.0,
            gap: gap(&ways[1].lower),
        };
        self.choice.learn(everywhere, forms, dimensions);
    }
}

/// What keeps a part open.
struct Open {
    part: usize,
    /// conjunctions that may hold
    left: Vec<usize>,
    /// the questions of each
    questions: Vec<Range<usize>>,
    /// how much each axis matters
    score: Vec<f64>,
    /// proved: of every open conjunction some left side is at least this
    lower: f64,
    /// where the relaxation of the first one is least
    corner: Vec<f64>,
}

impl Open {
    /// `None` if the part, number and first question given, is closed.
    fn new(
        shared: &Shared<'_>,
        part: &Part,
        bounds: &BoxBounds,
        boxes: &Boxes,
        (d, mut at): (usize, usize),
    ) -> Option<Open> {
        let n = part.lo.len();
        let mut open = Open {
            part: d,
            left: Vec::new(),
            questions: Vec::new(),
            score: vec![0.0; n],
            lower: f64::INFINITY,
            corner: Vec::new(),
        };
        for &k in &part.open {
            let (first, count) = shared.rows.ranges[part.case][k];
            let rows = at..at + count;
            at += count;
            let slack = |r: usize| shared.limits.slack(first + r);
            let excluded = rows
                .clone()
                .zip(0..)
                .any(|(a, r)| shared.rows.excluded(first + r, bounds.lower[a], slack(r)));
            if excluded {
                continue;
            }
            let slack_of_all = (0..count).map(slack).fold(0.0, f64::max);
            let mixture = together(bounds, boxes, d, rows.clone(), slack_of_all);
            if mixture.excludes {
                continue;
            }
            let mut weights = vec![0.0; n];
            let mut slopes = vec![0.0; n];
            for (row, w) in rows.clone().zip(&mixture.weights) {
                for (i, a) in bounds.functionals.row(row).iter().enumerate() {
                    weights[i] += w * a.abs();
                    slopes[i] += w * a;
                }
            }
            // An input without a coefficient still widens the relaxations.
            let least = LEAST_WEIGHT * weights.iter().fold(0.0f64, |m, a| m.max(*a));
            for (i, w) in weights.iter().enumerate() {
                open.score[i] += w.max(least) * (part.hi[i] - part.lo[i]);
            }
            if open.left.is_empty() {
                let end = |i: usize| {
                    if slopes[i] >= 0.0 {
                        part.lo[i]
                    } else {
                        part.hi[i]
                    }
                };
                open.corner = (0..n).map(end).collect();
            }
            open.left.push(k);
            open.questions.push(rows);
        }
        open.lower = open.least(&bounds.lower);
        (!open.left.is_empty()).then_some(open)
    }

    /// The least over conjunctions of the best of their constraints' bounds.
    fn least(&self, lower: &[f64]) -> f64 {
        let best = |rows: &Range<usize>| {
            let all = rows.clone().map(|r| lower[r]);
            all.fold(f64::NEG_INFINITY, f64::max)
        };
        self.questions
            .iter()
            .map(best)
            .fold(f64::INFINITY, f64::min)
    }

    /// The centre of the part and the corner.
    fn points<'p>(&self, part: &'p Part) -> [Point<'p>; 2] {
        let centre = part.lo.iter().zip(&part.hi).map(|(l, h)| 0.5 * l + 0.5 * h);
        [centre.collect(), self.corner.clone()].map(|x| Point {
            part: self.part,
            case: part.case,
            conjunction: self.left[0],
            lo: &part.lo,
            hi: &part.hi,
            x,
        })
    }
}

/// The inherited boxes of a batch, if every part has them.
fn gather(shared: &Shared<'_>, parts: &[Part]) -> Option<Vec<Option<Boxes>>> {
    if !shared.inherit || parts.iter().any(|p| p.known.is_none()) {
        return None;
    }
    let nodes = parts[0].known.as_ref()?.len();
    let of = |node: usize| -> Option<Boxes> {
        let rows: Option<Vec<&Ends>> = parts
            .iter()
            .map(|p| p.known.as_ref().and_then(|k| k[node].as_ref()))
            .collect();
        let rows = rows?;
        Some(Boxes::from_shape_fn(
            (rows.len(), rows[0].0.len()),
            |d, i| Interval::or_entire(rows[d].0[i], rows[d].1[i]),
        ))
    };
    Some((0..nodes).map(of).collect())
}

/// The two halves along the axis that matters most.
fn divide(
    shared: &Shared<'_>,
    part: &Part,
    open: Vec<usize>,
    score: &[f64],
    bounds: &BoxBounds,
    row: usize,
) -> Option<[Part; 2]> {
    let splits = |i: usize| {
        let mid = 0.5 * part.lo[i] + 0.5 * part.hi[i];
        part.lo[i] < mid && mid < part.hi[i]
    };
    let widest = |a: &usize, b: &usize| {
        let width = |i: usize| part.hi[i] - part.lo[i];
        let key = |i: usize| {
            if score[i].is_finite() {
                score[i]
            } else {
                width(i)
            }
        };
        key(*a)
            .total_cmp(&key(*b))
            .then(width(*a).total_cmp(&width(*b)))
    };
    let axis = (0..part.lo.len()).filter(|&i| splits(i)).max_by(widest)?;
    let mid = 0.5 * part.lo[axis] + 0.5 * part.hi[axis];
    let known = shared.inherit.then(|| {
        let of = |b: &Boxes| (b.lo().row(row).to_vec(), b.hi().row(row).to_vec());
        let all = bounds.known.iter().map(|b| b.as_ref().map(of)).collect();
        Arc::new(all)
    });
    let half = |upper: bool| {
        let mut half = Part {
            open: open.clone(),
            known: known.clone(),
            ..part.clone()
        };
        if upper {
            half.lo[axis] = mid;
        } else {
            half.hi[axis] = mid;
        }
        half
    };
    Some([half(false), half(true)])
}
