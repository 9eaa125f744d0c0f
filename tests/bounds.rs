//! Bounds contain: random graphs, boxes and balls against a reference that
//! evaluates in exact rational intervals (MPFR at the activations) and shares
//! nothing with `bounds` or `rounding`. No tolerance anywhere.

#![allow(clippy::unwrap_used)]

use dahlquist::bounds::{
    Ascent, Boxed, Domain, Functional, Method, Objective, Passes, Root, analyze, interval_boxes,
};
use dahlquist::exact::{MpInterval, Rational};
use dahlquist::graph::{Backward, Forward, Graph, GraphBuilder, NodeId, Op, backward, forward};
use dahlquist::network::random::{Tape, graph};
use dahlquist::ops::{Dense, LinearMap, Pointwise, PointwiseKernel, Product, Shape, Tensor};
use dahlquist::rounding::{Boxes, Interval};
use dahlquist::verify::{Norm, Property, Reason, Region, Row, Verdict};
use proptest::prelude::*;
use rug::Float;
use rug::float::Round;
use std::sync::Arc;

/// An exact interval.
type Range = (Rational, Rational);

fn q(x: f64) -> Rational {
    Rational::from_f64(x).unwrap()
}

/// Interval arithmetic in rationals: the defining rows of linear maps, exact
/// combinations, activations in 200-bit MPFR rounded outward.
struct Reference;

fn scaled(c: &Rational, x: &Range) -> Range {
    let (a, b) = (Rational::from(c * &x.0), Rational::from(c * &x.1));
    if a <= b { (a, b) } else { (b, a) }
}

fn activate(kernel: PointwiseKernel, x: &Rational, round: Round) -> Rational {
    let opposite = if round == Round::Down {
        Round::Up
    } else {
        Round::Down
    };
    let kink = |alpha: f32| {
        if *x >= 0 {
            x.clone()
        } else {
            x.clone() * Rational::from_f32(alpha).unwrap()
        }
    };
    // Far from zero the value is next to an asymptote; this keeps the reference's
    // numbers short. exp(-700) < 2^-1000.
    let tiny = Rational::from(1) >> 1000;
    let beside = |limit: Rational, below: bool| match (below, round) {
        (true, Round::Down) => limit - &tiny,
        (false, Round::Up) => limit + &tiny,
        _ => limit,
    };
    let far = *x > 700 || *x < -700;
    match kernel {
        PointwiseKernel::Tanh if far => {
            return beside(Rational::from(if *x > 0 { 1 } else { -1 }), *x > 0);
        }
        PointwiseKernel::Sigmoid if far => {
            return beside(Rational::from(i32::from(*x > 0)), *x > 0);
        }
        PointwiseKernel::Softplus if far => {
            return beside(if *x > 0 { x.clone() } else { Rational::new() }, false);
        }
        _ => {}
    }
    let mp = |x: &Rational, round| Float::with_val_round(200, x, round).0;
    let mut y = mp(x, round);
    match kernel {
        PointwiseKernel::Relu => return kink(0.0),
        PointwiseKernel::LeakyRelu { alpha } => return kink(alpha),
        PointwiseKernel::Tanh => {
            y.tanh_round(round);
        }
        PointwiseKernel::Sigmoid => {
            y = mp(&Rational::from(-x), opposite);
            y.exp_round(opposite);
            y = Float::with_val_round(200, &y + 1u32, opposite).0;
            y.recip_round(round);
        }
        PointwiseKernel::Softplus => {
            y.exp_round(round);
            y.ln_1p_round(round);
        }
    }
    y.to_rational()
        .expect("activations of moderate numbers are finite")
}

/// The number, or one beside it whose digits are not too many: the tail of an
/// exponential has an exponent of any size.
fn rational(x: &Float, round: Round) -> Rational {
    let tiny = Rational::from(1) >> 1000;
    if x.is_zero() || x.get_exp().is_none_or(|e| e > -1000) {
        return x.to_rational().expect("operands lie in the domain");
    }
    match (x.is_sign_negative(), round) {
        (false, Round::Up) => tiny,
        (true, Round::Down) => -tiny,
        _ => Rational::new(),
    }
}

impl Forward for Reference {
    type Value = Vec<Range>;
    fn constant(&mut self, _: NodeId, values: &[Rational], _: &Shape) -> Vec<Range> {
        values.iter().map(|v| (v.clone(), v.clone())).collect()
    }
    fn linear(&mut self, _: NodeId, map: &dyn LinearMap, x: &Vec<Range>) -> Vec<Range> {
        (0..map.output().len())
            .map(|o| {
                let b = Rational::from_f32(map.bias(o)).unwrap();
                let (mut lo, mut hi) = (b.clone(), b);
                map.row(o, &mut |i, w| {
                    let (a, b) = scaled(&Rational::from_f32(w).unwrap(), &x[i]);
                    lo += a;
                    hi += b;
                });
                (lo, hi)
            })
            .collect()
    }
    fn pointwise(&mut self, _: NodeId, f: &dyn Pointwise, x: &Vec<Range>) -> Vec<Range> {
        let image = |(lo, hi): &Range| match f.kernel() {
            Some(kernel) => (
                activate(kernel, lo, Round::Down),
                activate(kernel, hi, Round::Up),
            ),
            None => {
                let image = f.oracle(&MpInterval::new(300, lo, hi).unwrap());
                (
                    rational(image.lo(), Round::Down),
                    rational(image.hi(), Round::Up),
                )
            }
        };
        x.iter().map(image).collect()
    }
    fn combine(&mut self, _: NodeId, c: &[Rational], xs: &[&Vec<Range>]) -> Vec<Range> {
        (0..xs[0].len())
            .map(|i| {
                let (mut lo, mut hi) = (Rational::new(), Rational::new());
                for (c, x) in c.iter().zip(xs) {
                    let (a, b) = scaled(c, &x[i]);
                    lo += a;
                    hi += b;
                }
                (lo, hi)
            })
            .collect()
    }
    fn product(&mut self, _: NodeId, p: &Product, a: &Vec<Range>, b: &Vec<Range>) -> Vec<Range> {
        (0..p.output().len())
            .map(|o| {
                let (mut lo, mut hi) = (Rational::new(), Rational::new());
                p.terms(o, |i, j| {
                    let (x, y) = scaled(&b[j].0, &a[i]);
                    let (u, v) = scaled(&b[j].1, &a[i]);
                    lo += x.min(u);
                    hi += y.max(v);
                });
                (lo, hi)
            })
            .collect()
    }
}

fn at_point(graph: &Graph, x: &[Rational]) -> Vec<Vec<Range>> {
    let x = x.iter().map(|x| (x.clone(), x.clone())).collect();
    forward(graph, &mut Reference, vec![x])
}

fn piecewise_linear(graph: &Graph) -> bool {
    graph.nodes().iter().all(|n| match &n.op {
        Op::Pointwise(f) => matches!(
            f.kernel(),
            Some(PointwiseKernel::Relu | PointwiseKernel::LeakyRelu { .. })
        ),
        _ => true,
    })
}

/// The value, known to lie in `[lo, hi]`, is not shown to be outside `box`.
/// (For piecewise-linear graphs `lo = hi`, so this is exact containment; else
/// `hi - lo` is of the order `2^-200`.)
fn compatible(i: Interval, (lo, hi): &Range) -> bool {
    (i.lo() == f64::NEG_INFINITY || q(i.lo()) <= *hi)
        && (i.hi() == f64::INFINITY || *lo <= q(i.hi()))
}

fn element() -> impl Strategy<Value = f32> {
    prop_oneof![
        4 => -2f32..2f32,
        1 => Just(0f32),
        1 => Just(1e-40f32),
        1 => -3000f32..3000f32,
    ]
}

fn radius() -> impl Strategy<Value = Rational> {
    prop_oneof![
        4 => (0u32..1000).prop_map(|k| Rational::from((k, 1900))),
        1 => Just(Rational::new()),
        1 => Just(Rational::from(1) >> 1074),
        1 => (1u32..50).prop_map(Rational::from),
    ]
}

fn norm() -> impl Strategy<Value = Norm> {
    (0usize..3).prop_map(|i| Norm::ALL[i])
}

#[derive(Clone, Debug)]
struct Case {
    graph: Graph,
    region: Region,
    property: Property,
    seed: u64,
}

fn case() -> impl Strategy<Value = Case> {
    (
        prop::collection::vec(any::<u32>(), 0..260),
        prop::collection::vec(element(), 8),
        radius(),
        norm(),
        any::<bool>(),
        any::<u64>(),
    )
        .prop_map(|(choices, center, eps, norm, clip, seed)| {
            let mut tape = Tape::new(&choices);
            let graph = graph(&mut tape);
            let n = graph.input_shape(0).len();
            let clip = clip.then(|| (Rational::from(-3000), Rational::from(3000)));
            let region = Region::new(center[..n].to_vec(), norm, eps, clip).unwrap();
            let rows = (0..1 + tape.below(3))
                .map(|_| Row {
                    coefficients: (0..graph.output_shape().len())
                        .map(|_| tape.rational())
                        .collect(),
                    constant: tape.rational(),
                })
                .collect();
            Case {
                graph,
                region,
                property: Property::new(rows).unwrap(),
                seed,
            }
        })
}

/// Members of the region: the centre, extreme points of each norm's ball,
/// random ones; all checked exactly.
fn members(region: &Region, seed: u64) -> Vec<Vec<Rational>> {
    let n = region.len();
    let center: Vec<Rational> = region
        .center()
        .iter()
        .map(|&c| Rational::from_f32(c).unwrap())
        .collect();
    let mut state = seed | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let clamp = |i: usize, x: Rational| {
        let (lo, hi) = region.range(i);
        if x < lo {
            lo
        } else if x > hi {
            hi
        } else {
            x
        }
    };
    let mut points = vec![center.clone()];
    for _ in 0..4 {
        let corner = next();
        // a direction of norm 1 in each ball
        let direction: Vec<Rational> = match region.norm() {
            Norm::Linf => (0..n)
                .map(|i| Rational::from(if corner >> i & 1 == 0 { 1 } else { -1 }))
                .collect(),
            Norm::L1 => {
                let k = next() as usize % n;
                (0..n)
                    .map(|i| {
                        Rational::from(if i != k {
                            0
                        } else {
                            1 - 2 * (corner & 1) as i32
                        })
                    })
                    .collect()
            }
            Norm::L2 => {
                let (j, k) = (next() as usize % n, next() as usize % n);
                (0..n)
                    .map(|i| match (i == j, i == k) {
                        (true, true) => Rational::from(1 - 2 * (corner & 1) as i32),
                        (true, false) => Rational::from((if corner & 1 == 0 { 3 } else { -3 }, 5)),
                        (false, true) => Rational::from((if corner & 2 == 0 { 4 } else { -4 }, 5)),
                        (false, false) => Rational::new(),
                    })
                    .collect()
            }
        };
        let t = Rational::from(((next() % 8) as u32, 7u32));
        for scale in [Rational::from(1), t] {
            let point = (0..n)
                .map(|i| {
                    let step = Rational::from(&direction[i] * region.eps()) * &scale;
                    clamp(i, step + &center[i])
                })
                .collect();
            points.push(point);
        }
    }
    for p in &points {
        assert!(region.contains(p), "a test point is not in the region");
    }
    points
}

fn boxes_of(region: &Region) -> Boxes {
    let (lo, hi) = region.outer_box();
    Boxes::from_shape_fn((1, lo.len()), |_, i| Interval::new(lo[i], hi[i]).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Every node, every property row, every evidence box, both methods.
    #[test]
    fn values_stay_inside(case in case()) {
        let Case { graph, region, property, seed } = &case;
        let boxes = interval_boxes(graph, vec![boxes_of(region)]);
        let outcomes: Vec<_> = Method::ALL
            .iter()
            .map(|&m| analyze(graph, region, property, m).unwrap())
            .collect();
        for x in members(region, *seed) {
            let values = at_point(graph, &x);
            for (id, node) in graph.ids().zip(graph.nodes()) {
                for (i, v) in values[id.index()].iter().enumerate() {
                    prop_assert!(compatible(boxes[id.index()].at(0, i), v),
                        "node {} element {i}: {:?} misses {v:?}", node.name, boxes[id.index()].at(0, i));
                }
            }
            for (method, outcome) in Method::ALL.iter().zip(&outcomes) {
                for (r, lower) in property.rows().iter().zip(&outcome.lower) {
                    let mut value = r.constant.clone();
                    for (c, y) in r.coefficients.iter().zip(&values[graph.output().index()]) {
                        value += scaled(c, y).1;
                    }
                    let lower = *lower.get();
                    prop_assert!(lower == f64::NEG_INFINITY || q(lower) <= value,
                        "{} claims {lower}, the value is {}", method.name(), value.to_f64());
                }
                for e in &outcome.evidence {
                    let operand = graph.node(e.node).inputs[0].index();
                    for (i, v) in values[operand].iter().enumerate() {
                        prop_assert!(compatible(Interval::new(e.lo[i], e.hi[i]).unwrap(), v),
                            "{} evidence at {}", method.name(), e.node);
                    }
                }
            }
        }
    }

    /// The interval domain contains the exact interval image of the same box and
    /// of every smaller one (monotone under inclusion, against exact arithmetic).
    #[test]
    fn interval_images_are_contained(case in case(), shrink in 0u32..=4) {
        let Case { graph, region, .. } = &case;
        let boxes = interval_boxes(graph, vec![boxes_of(region)]);
        let inner = region.with_eps(region.eps() * Rational::from((shrink, 4))).unwrap();
        let ranges: Vec<Range> = (0..inner.len()).map(|i| inner.range(i)).collect();
        let images = forward(graph, &mut Reference, vec![ranges]);
        let exact = piecewise_linear(graph);
        for id in graph.ids() {
            for (i, v) in images[id.index()].iter().enumerate() {
                let b = boxes[id.index()].at(0, i);
                prop_assert!(compatible(b, v));
                // The image's ends are attained, so they must lie inside, too.
                if exact {
                    prop_assert!(b.contains_rational(&v.0) && b.contains_rational(&v.1));
                }
            }
        }
    }

    /// Batches are the samples one by one.
    #[test]
    fn batches_agree_in_containment(case in case()) {
        let Case { graph, region, .. } = &case;
        let one = boxes_of(region);
        let point = boxes_of(&region.with_eps(Rational::new()).unwrap());
        let batch = Boxes::from_shape_fn((2, region.len()), |s, i| if s == 0 { point.at(0, i) } else { one.at(0, i) });
        let boxes = interval_boxes(graph, vec![batch]);
        let center: Vec<Rational> = region.center().iter().map(|&c| Rational::from_f32(c).unwrap()).collect();
        for (id, value) in graph.ids().zip(at_point(graph, &center)) {
            for (i, v) in value.iter().enumerate() {
                prop_assert!(compatible(boxes[id.index()].at(0, i), v) && compatible(boxes[id.index()].at(1, i), v));
            }
        }
    }

    /// The law of `Backward`, exactly: at a point a piecewise-linear graph is
    /// affine, so pulling a functional back along its pieces gives a functional
    /// and a constant whose sum is the value; and pulling back is linear.
    #[test]
    fn backward_is_linear(case in case()) {
        let Case { graph, region, property, .. } = &case;
        prop_assume!(piecewise_linear(graph));
        let x: Vec<Rational> = region.center().iter().map(|&c| Rational::from_f32(c).unwrap()).collect();
        let values: Vec<Vec<Rational>> = at_point(graph, &x)
            .into_iter()
            .map(|v| v.into_iter().map(|(lo, _)| lo).collect())
            .collect();
        let pull = |seed: Vec<Rational>| {
            let mut pieces = Pieces { values: &values, constant: Rational::new() };
            let inputs = backward(graph, &mut pieces, graph.output(), seed);
            let slopes = inputs[0].clone().unwrap_or_else(|| vec![Rational::new(); x.len()]);
            (slopes, pieces.constant)
        };
        let a = property.rows()[0].coefficients.clone();
        let b: Vec<Rational> = (0..a.len()).map(|i| Rational::from((i as u32 + 1, 3u32))).collect();
        let sum: Vec<Rational> = a.iter().zip(&b).map(|(a, b)| Rational::from(a + b)).collect();
        let (pa, ca) = pull(a.clone());
        let (pb, cb) = pull(b);
        let (ps, cs) = pull(sum);
        prop_assert_eq!(&cs, &Rational::from(&ca + &cb));
        for i in 0..x.len() {
            prop_assert_eq!(&ps[i], &Rational::from(&pa[i] + &pb[i]));
        }
        let through: Rational = pa.iter().zip(&x).map(|(p, x)| Rational::from(p * x)).sum();
        let direct: Rational = a.iter().zip(&values[graph.output().index()]).map(|(a, y)| Rational::from(a * y)).sum();
        prop_assert_eq!(through + ca, direct);
    }
}

/// The value of a functional at a point, as a range.
fn value_of(f: &Functional, x: &[Rational], y: &[Range]) -> Range {
    let (mut lo, mut hi) = (f.constant.clone(), f.constant.clone());
    for (i, a) in &f.x {
        lo += Rational::from(a * &x[*i]);
        hi += Rational::from(a * &x[*i]);
    }
    for (j, b) in &f.y {
        let (l, h) = scaled(b, &y[*j]);
        lo += l;
        hi += h;
    }
    (lo, hi)
}

/// A lower bound says nothing that a value contradicts.
fn not_above(lower: f64, (_, hi): &Range) -> bool {
    lower == f64::NEG_INFINITY || (lower.is_finite() && q(lower) <= *hi)
}

/// The property's rows, the first with a term in the input.
fn objective_of(case: &Case) -> Objective {
    let mut rows = Objective::of_property(&case.property)
        .functionals()
        .to_vec();
    rows[0].x.push((0, Rational::from((2, 3))));
    Objective::new(rows)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Neuron splitting: on the part that random splits cut out, no value lies
    /// below the bound, whatever the slopes and multipliers.
    #[test]
    fn parts_are_bounded(
        case in case(),
        picks in prop::collection::vec(any::<u32>(), 1..6),
        multipliers in prop::collection::vec(prop_oneof![Just(0.0), 0.0..50.0f64], 6),
        slopes in prop::collection::vec(-0.5..1.5f64, 12),
        own_slopes in any::<bool>(),
        iterations in 1usize..5,
        climb in any::<bool>(),
    ) {
        let objective = objective_of(&case);
        let ascent = Ascent { iterations, step: [0.3, 0.7], decay: 0.9 };
        let boxes = boxes_of(&case.region);
        let root = Root::new(&case.graph, boxes, objective.clone(), climb.then_some(ascent), &|| false).unwrap();
        let activations: Vec<NodeId> = case.graph.ids()
            .filter(|id| matches!(case.graph.node(*id).op, Op::Pointwise(_)))
            .collect();
        let mut domain = Domain::whole(0, f64::NEG_INFINITY);
        for (k, pick) in picks.iter().enumerate() {
            let Some(&node) = activations.get(*pick as usize % activations.len().max(1)) else { break };
            let neuron = (*pick >> 8) as usize % case.graph.node(node).shape.len();
            let Some(parts) = root.split(&domain, node, neuron) else { continue };
            let [below, above] = parts;
            domain = if pick >> 31 == 0 { below } else { above };
            if let Some(cut) = domain.cuts.last_mut() {
                cut.multiplier = multipliers[k];
                if own_slopes {
                    cut.slopes = [slopes[2 * k], slopes[2 * k + 1]];
                }
            }
        }
        let cuts = domain.cuts.clone();
        let mut domains = [domain];
        let found = root.bound(&mut domains, ascent, &|_| f64::INFINITY, 3).unwrap();
        for x in members(&case.region, case.seed) {
            let values = at_point(&case.graph, &x);
            let y = &values[case.graph.output().index()];
            for (f, &lower) in objective.functionals().iter().zip(&root.lower) {
                prop_assert!(not_above(lower, &value_of(f, &x, y)), "root {lower}");
            }
            let inside = cuts.iter().all(|cut| {
                let operand = case.graph.node(cut.node).inputs[0];
                let (lo, hi) = &values[operand.index()][cut.neuron];
                let end = |e: f64| if e.is_finite() { Some(q(e)) } else { None };
                end(cut.range.lo()).is_none_or(|e| e <= *lo) && end(cut.range.hi()).is_none_or(|e| *hi <= e)
            });
            if inside {
                let value = value_of(&objective.functionals()[0], &x, y);
                prop_assert!(not_above(found[0].lower, &value), "{} {:?}", found[0].lower, cuts);
            }
        }
    }

    /// Input splitting: bounds of both halves with inherited boxes, and of
    /// mixtures of rows.
    #[test]
    fn halves_are_bounded(
        case in case(),
        axis in any::<u32>(),
        weights in prop::collection::vec(0.0..3.0f64, 3),
        passes in prop::sample::select(vec![Passes::Everywhere, Passes::Both, Passes::Last]),
    ) {
        let objective = objective_of(&case);
        let whole = boxes_of(&case.region);
        let boxed = Boxed::new(&case.graph).unwrap();
        let rows = objective.len();
        let asked = |domains: usize| -> Vec<(usize, usize)> {
            (0..domains).flat_map(|d| (0..rows).map(move |r| (d, r))).collect()
        };
        let first = boxed.bound(whole.clone(), None, &objective, &asked(1), passes, &|| false).unwrap();
        let n = case.region.len();
        let axis = axis as usize % n;
        let mid = whole.at(0, axis).mid();
        let halves = Boxes::from_shape_fn((2, n), |d, i| match (i == axis, whole.at(0, i)) {
            (true, x) if d == 0 => Interval::new(x.lo(), mid).unwrap(),
            (true, x) => Interval::new(mid, x.hi()).unwrap(),
            (false, x) => x,
        });
        let twice = |b: &Boxes| Boxes::from_shape_fn((2, b.dim().1), |_, i| b.at(0, i));
        let known: Vec<Option<Boxes>> = first.known.iter().map(|b| b.as_ref().map(twice)).collect();
        let second = boxed.bound(halves.clone(), Some(&known), &objective, &asked(2), passes, &|| false).unwrap();
        for x in members(&case.region, case.seed) {
            let values = at_point(&case.graph, &x);
            let y = &values[case.graph.output().index()];
            let of: Vec<Range> = objective.functionals().iter().map(|f| value_of(f, &x, y)).collect();
            for (r, value) in of.iter().enumerate() {
                prop_assert!(not_above(first.lower[r], value));
            }
            for (boxes, values) in first.known.iter().zip(&values) {
                for (i, value) in boxes.iter().flat_map(|_| values.iter().enumerate()) {
                    let x = boxes.as_ref().unwrap().at(0, i);
                    prop_assert!(not_above(x.lo(), value), "{i} {x:?}");
                    let mirrored = (-value.1.clone(), -value.0.clone());
                    prop_assert!(not_above(-x.hi(), &mirrored), "{i} {x:?}");
                }
            }
            let mixture = of.iter().zip(&weights).map(|(v, w)| &v.1 * q(*w)).sum::<Rational>();
            let combined = first.combined(&whole, 0, 0..rows, &weights);
            prop_assert!(not_above(combined, &(mixture.clone(), mixture)), "combined {combined}");
            for d in 0..2 {
                let (lo, hi) = (q(halves.at(d, axis).lo()), q(halves.at(d, axis).hi()));
                if lo <= x[axis] && x[axis] <= hi {
                    for (r, value) in of.iter().enumerate() {
                        prop_assert!(not_above(second.lower[d * rows + r], value));
                    }
                }
            }
        }
    }
}

/// Exact backward interpreter along the pieces active at one point.
struct Pieces<'a> {
    values: &'a [Vec<Rational>],
    constant: Rational,
}

impl Backward for Pieces<'_> {
    type Cotangent = Vec<Rational>;
    fn constant(&mut self, _: NodeId, values: &[Rational], y: Vec<Rational>) {
        for (v, y) in values.iter().zip(y) {
            self.constant += y * v;
        }
    }
    fn linear(
        &mut self,
        _: NodeId,
        _: NodeId,
        map: &dyn LinearMap,
        y: Vec<Rational>,
    ) -> Vec<Rational> {
        let mut x = vec![Rational::new(); map.input().len()];
        for (o, y) in y.iter().enumerate() {
            self.constant += Rational::from_f32(map.bias(o)).unwrap() * y;
            map.row(o, &mut |i, w| x[i] += Rational::from_f32(w).unwrap() * y);
        }
        x
    }
    fn pointwise(
        &mut self,
        _: NodeId,
        input: NodeId,
        f: &dyn Pointwise,
        y: Vec<Rational>,
    ) -> Vec<Rational> {
        let slope = |x: &Rational| match f.kernel() {
            _ if *x >= 0 => Rational::from(1),
            Some(PointwiseKernel::LeakyRelu { alpha }) => Rational::from_f32(alpha).unwrap(),
            _ => Rational::new(),
        };
        y.into_iter()
            .zip(&self.values[input.index()])
            .map(|(y, x)| y * slope(x))
            .collect()
    }
    fn combine(&mut self, _: NodeId, _: NodeId, c: &Rational, y: &Vec<Rational>) -> Vec<Rational> {
        y.iter().map(|y| Rational::from(y * c)).collect()
    }
    /// Linearised at the point: `a b = a₀ b + a b₀ - a₀ b₀` there.
    fn product(
        &mut self,
        _: NodeId,
        [a, b]: [NodeId; 2],
        p: &Product,
        y: Vec<Rational>,
    ) -> [Vec<Rational>; 2] {
        let (a, b) = (&self.values[a.index()], &self.values[b.index()]);
        let (mut da, mut db) = (
            vec![Rational::new(); a.len()],
            vec![Rational::new(); b.len()],
        );
        for (o, y) in y.iter().enumerate() {
            p.terms(o, |i, j| {
                da[i] += Rational::from(y * &b[j]);
                db[j] += Rational::from(y * &a[i]);
                self.constant -= Rational::from(y * &a[i]) * &b[j];
            });
        }
        [da, db]
    }
    fn merge(&mut self, _: NodeId, a: Vec<Rational>, b: Vec<Rational>) -> Vec<Rational> {
        a.into_iter().zip(b).map(|(a, b)| a + b).collect()
    }
}

fn dense(rows: &[&[f32]], bias: &[f32]) -> Arc<dyn LinearMap> {
    let shape = Shape::new(&[rows.len(), rows[0].len()]);
    let weight = Arc::new(Tensor::new("w", shape, rows.concat()).unwrap());
    let bias = Arc::new(Tensor::new("b", Shape::new(&[bias.len()]), bias.to_vec()).unwrap());
    Arc::new(Dense::new(weight, Some(bias)).unwrap())
}

fn positive(outputs: usize) -> Property {
    let row = Row {
        coefficients: vec![Rational::from(1); outputs],
        constant: Rational::new(),
    };
    Property::new(vec![row]).unwrap()
}

/// A graph of piecewise-linear operators: exact evaluation gives the exact value.
fn exact_case() -> impl Strategy<Value = Case> {
    case().prop_filter("smooth", |c| piecewise_linear(&c.graph))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 10_000,
        max_local_rejects: 10_000_000,
        ..ProptestConfig::default()
    })]

    /// At a single point no lower bound exceeds the exact value of its row, by
    /// any amount, whatever the method.
    #[test]
    fn point_boxes_never_exceed(case in exact_case()) {
        let Case { graph, region, property, .. } = &case;
        let point = region.with_eps(Rational::new()).unwrap();
        let x: Vec<Rational> = region.center().iter().map(|&c| Rational::from_f32(c).unwrap()).collect();
        let values = at_point(graph, &x);
        let y = &values[graph.output().index()];
        prop_assert!(y.iter().all(|(lo, hi)| lo == hi));
        for method in Method::ALL {
            let outcome = analyze(graph, &point, property, method).unwrap();
            for (r, lower) in property.rows().iter().zip(&outcome.lower) {
                let mut value = r.constant.clone();
                for (c, y) in r.coefficients.iter().zip(y) {
                    value += Rational::from(c * &y.0);
                }
                let lower = *lower.get();
                prop_assert!(lower == f64::NEG_INFINITY || q(lower) <= value,
                    "{} claims {lower}, the value is {}", method.name(), value.to_f64());
            }
        }
    }
}

#[test]
fn overflow_ends_unknown() {
    let mut b = GraphBuilder::new();
    let mut x = b.input("x", Shape::new(&[2]));
    for k in 0..12 {
        let w = 1e38;
        x = b
            .linear(format!("l{k}"), dense(&[&[w, w], &[w, -w]], &[1.0, 1.0]), x)
            .unwrap();
        x = b
            .pointwise(format!("r{k}"), Arc::new(dahlquist::ops::Relu), x)
            .unwrap();
    }
    let graph = b.finish(x).unwrap();
    let region = Region::unit(vec![0.5, 0.25], Norm::L2, Rational::from((1, 100))).unwrap();
    for method in Method::ALL {
        let outcome = analyze(&graph, &region, &positive(2), method).unwrap();
        assert!(!outcome.certified());
        assert!(matches!(
            outcome.verdict(),
            Verdict::Unknown(Reason::NotFinite | Reason::Bound)
        ));
        assert!(outcome.certified_radius().is_none());
    }
}

/// `|x| = relu(x) + relu(-x)` against a hand calculation: intervals know
/// `[0, 1] + [0, 1]`, and so nothing of the sum below 0.
#[test]
fn known_bounds() {
    let mut b = GraphBuilder::new();
    let x = b.input("x", Shape::new(&[1]));
    let y = b
        .linear("pm", dense(&[&[1.0], &[-1.0]], &[0.0, 0.0]), x)
        .unwrap();
    let y = b
        .pointwise("relu", Arc::new(dahlquist::ops::Relu), y)
        .unwrap();
    let y = b.linear("sum", dense(&[&[-1.0, -1.0]], &[3.0]), y).unwrap();
    let graph = b.finish(y).unwrap();
    let region = Region::new(vec![0.0], Norm::Linf, Rational::from(1), None).unwrap();
    let lower = |m| {
        *analyze(&graph, &region, &positive(1), m)
            .unwrap()
            .margin()
            .get()
    };
    // 3 - |x| >= 2; intervals reach 3 - 1 - 1, the two chords 3 - (x+1)/2 - (1-x)/2
    assert!(lower(Method::Interval) <= 1.0 && lower(Method::Interval) > 1.0 - 1e-12);
    assert!(lower(Method::Crown) <= 2.0 && lower(Method::Crown) > 2.0 - 1e-12);
    let crown = analyze(&graph, &region, &positive(1), Method::Crown).unwrap();
    assert_eq!(crown.evidence.len(), 1);
    let (lo, hi) = (crown.evidence[0].lo[0], crown.evidence[0].hi[1]);
    assert!(lo <= -1.0 && lo > -1.0 - 1e-13 && (1.0..1.0 + 1e-13).contains(&hi));
    // A linear map of the box needs no pass: its interval step is the best bound.
    assert_eq!((crown.counters.unstable, crown.counters.passes), (2, 1));
}

#[test]
fn questions_that_do_not_fit_are_refused() {
    use dahlquist::bounds::Error;
    let mut b = GraphBuilder::new();
    let x = b.input("pixels", Shape::new(&[2]));
    let y = b.linear("out", dense(&[&[1.0, 1.0]], &[0.0]), x).unwrap();
    let graph = b.finish(y).unwrap();
    let region = |n: usize| Region::unit(vec![0.5; n], Norm::Linf, Rational::new()).unwrap();
    let error = analyze(&graph, &region(3), &positive(1), Method::Crown).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the region has 3 elements, input pixels has 2"
    );
    let error = analyze(&graph, &region(2), &positive(4), Method::Crown).unwrap_err();
    assert!(matches!(
        error,
        Error::Property {
            found: 4,
            expected: 1,
            ..
        }
    ));
    assert!("crwon".parse::<Method>().is_err());
    for m in Method::ALL {
        assert_eq!(m.name().parse::<Method>().unwrap(), m);
    }
}

/// A radius is proved by its own analysis, next to one that is not.
#[test]
fn radius_search_ends_in_a_proof() {
    use dahlquist::search::{RadiusSearch, certified_radius};
    // 1 - |x| > 0 around 1/4: true exactly for radii below 3/4
    let mut b = GraphBuilder::new();
    let x = b.input("x", Shape::new(&[1]));
    let y = b
        .linear("pm", dense(&[&[1.0], &[-1.0]], &[0.0, 0.0]), x)
        .unwrap();
    let y = b
        .pointwise("relu", Arc::new(dahlquist::ops::Relu), y)
        .unwrap();
    let y = b.linear("sum", dense(&[&[-1.0, -1.0]], &[1.0]), y).unwrap();
    let graph = b.finish(y).unwrap();
    let region = Region::new(vec![0.25], Norm::Linf, Rational::new(), None).unwrap();
    for method in Method::ALL {
        let search = RadiusSearch::new(method);
        let found = certified_radius(&graph, &region, &positive(1), search).unwrap();
        let (radius, outcome) = found.proved.unwrap();
        assert!(outcome.certified() && *radius.get() < Rational::from((3, 4)));
        let again = region.with_eps(radius.get().clone()).unwrap();
        let outcome = analyze(&graph, &again, &positive(1), method).unwrap();
        assert!(outcome.certified());
        let failed = found.failed.unwrap();
        assert_eq!(failed - radius.get(), search.radius(1));
        // |x| is bounded by its chord, which is exact at the far end
        if method == Method::Crown {
            assert_eq!(*radius.get(), search.radius((3 << 18) - 1));
        }
    }
    let outside = Region::new(vec![2.0], Norm::L2, Rational::new(), None).unwrap();
    let search = RadiusSearch::new(Method::Crown);
    let found = certified_radius(&graph, &outside, &positive(1), search).unwrap();
    assert!(found.proved.is_none() && found.failed == Some(Rational::new()) && found.trials == 1);
    let small = RadiusSearch { cap: 100, ..search };
    let found = certified_radius(&graph, &region, &positive(1), small).unwrap();
    assert_eq!(found.proved.unwrap().0.into_inner(), small.radius(100));
    assert!(found.failed.is_none());
}

proptest! {
    /// Long recurrences without any linear map: only the rounding terms of
    /// activations, combinations and merges stand between the bound and the
    /// exact value.
    #[test]
    fn recurrences_at_a_point(center in -1f32..1f32, p in 1u32..30, alpha in 0.5f32..1.0) {
        let mut b = GraphBuilder::new();
        let leaky = Arc::new(dahlquist::ops::LeakyRelu::new(alpha).unwrap());
        let mut states = vec![b.input("x", Shape::new(&[1]))];
        for k in 0..40 {
            let last = states[states.len() - 1];
            let y = b.pointwise(format!("f{k}"), leaky.clone(), last).unwrap();
            let terms = [
                (Rational::from((p, 31)), last),
                (Rational::from((31 - p, 31)), states[states.len().saturating_sub(2)]),
                (Rational::from((1, 7)), y),
            ];
            states.push(b.combine(format!("z{k}"), &terms).unwrap());
        }
        let graph = b.finish(states[40]).unwrap();
        let region = Region::new(vec![center], Norm::Linf, Rational::new(), None).unwrap();
        let x = Rational::from_f32(center).unwrap();
        let exact = at_point(&graph, &[x])[graph.output().index()][0].0.clone();
        for sign in [1, -1] {
            let row = Row { coefficients: vec![Rational::from(sign)], constant: Rational::new() };
            let property = Property::new(vec![row]).unwrap();
            for method in Method::ALL {
                let lower = *analyze(&graph, &region, &property, method).unwrap().margin().get();
                prop_assert!(q(lower) <= exact.clone() * sign);
            }
        }
    }
}
