//! Executions against the exact value of every node.

use std::sync::Arc;

use dahlquist::bounds::{Boxed, Objective, execution_errors};
use dahlquist::exact::{MpInterval, Rational};
use dahlquist::graph::{Forward, Graph, GraphBuilder, NodeId, forward};
use dahlquist::network::random::{Tape, graph};
use dahlquist::ops::{
    Dense, LinearMap, Pointwise, Product, Reshape, Shape, Tensor, pointwise_registry,
};
use dahlquist::rounding::{Boxes, Interval};
use proptest::prelude::*;

use crate::machine::{Machine, Random};

const BITS: u32 = 300;

/// The exact value: interval arithmetic in 300 bits, from the defining rows.
struct Exact;

fn exact(x: &Rational) -> MpInterval {
    MpInterval::from_rational(BITS, x).unwrap()
}

fn weight(w: f32) -> MpInterval {
    MpInterval::from_f64(BITS, f64::from(w)).unwrap()
}

impl Forward for Exact {
    type Value = Vec<MpInterval>;
    fn constant(&mut self, _: NodeId, values: &[Rational], _: &Shape) -> Vec<MpInterval> {
        values.iter().map(exact).collect()
    }
    fn linear(&mut self, _: NodeId, map: &dyn LinearMap, x: &Vec<MpInterval>) -> Vec<MpInterval> {
        (0..map.output().len())
            .map(|o| {
                let mut y = weight(map.bias(o));
                map.row(o, &mut |i, w| y = y.add(&weight(w).mul(&x[i])));
                y
            })
            .collect()
    }
    fn pointwise(&mut self, _: NodeId, f: &dyn Pointwise, x: &Vec<MpInterval>) -> Vec<MpInterval> {
        x.iter().map(|x| f.oracle(x)).collect()
    }
    fn combine(&mut self, _: NodeId, c: &[Rational], xs: &[&Vec<MpInterval>]) -> Vec<MpInterval> {
        (0..xs[0].len())
            .map(|i| {
                let zero = weight(0.0);
                let terms = c.iter().zip(xs);
                terms.fold(zero, |y, (c, x)| y.add(&exact(c).mul(&x[i])))
            })
            .collect()
    }
    fn product(
        &mut self,
        _: NodeId,
        p: &Product,
        a: &Vec<MpInterval>,
        b: &Vec<MpInterval>,
    ) -> Vec<MpInterval> {
        (0..p.output().len())
            .map(|o| {
                let mut y = weight(0.0);
                p.terms(o, |i, j| y = y.add(&a[i].mul(&b[j])));
                y
            })
            .collect()
    }
}

/// `|run - exact|` is proved to exceed `error`.
fn exceeds(run: f32, exact: &MpInterval, error: f64) -> bool {
    let Some(run) = Rational::from_f32(run) else {
        return true;
    };
    if !exact.is_bounded() {
        return false;
    }
    let (Some(lo), Some(hi)) = (exact.lo().to_rational(), exact.hi().to_rational()) else {
        return false;
    };
    let error = Rational::from_f64(error).unwrap();
    Rational::from(&run - &hi) > error || lo - run > error
}

/// Every execution at `x` stays within `errors`; counts finite errors and all.
fn check(
    graph: &Graph,
    x: &[f32],
    errors: &[Vec<f64>],
    seed: u64,
    machines: u64,
) -> (usize, usize) {
    let wide = x.iter().map(|&x| weight(x)).collect();
    let exact = forward(graph, &mut Exact, vec![wide]);
    for k in 0..machines {
        let mut machine = Machine::any(seed.wrapping_add(k));
        let runs = forward(graph, &mut machine, vec![Machine::read(x)]);
        for (node, (runs, errors)) in runs.iter().zip(errors).enumerate() {
            for (i, (run, &e)) in runs.iter().zip(errors).enumerate() {
                assert!(
                    e == f64::INFINITY || !exceeds(run.value, &exact[node][i], e),
                    "node {node} ({}) element {i}: run {} exact [{}, {}] error {e:e}",
                    graph.nodes()[node].name,
                    run.value,
                    exact[node][i].lo_f64(),
                    exact[node][i].hi_f64(),
                );
            }
        }
    }
    let finite = errors.iter().flatten().filter(|e| e.is_finite()).count();
    (finite, errors.iter().map(Vec::len).sum())
}

fn tape() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(any::<u32>(), 0..260)
}

fn element() -> impl Strategy<Value = f32> {
    prop_oneof![
        6 => -2f32..2f32,
        1 => Just(0f32),
        1 => Just(1e-40f32),
        1 => Just(-1.2e-38f32),
        1 => -3000f32..3000f32,
    ]
}

/// Boxes of nodes by a linear pass, as `verify` uses them.
fn known(graph: &Graph, boxes: &Boxes) -> Vec<Option<Boxes>> {
    let boxed = Boxed::new(graph).unwrap();
    let nothing = Objective::default();
    boxed
        .bound(boxes.clone(), None, &nothing, &[], &|| false)
        .unwrap()
        .known
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn random_graphs_are_executed_within_the_error(
        choices in tape(),
        center in prop::collection::vec(element(), 8),
        radius in prop_oneof![Just(0f32), Just(1e-3f32), 0f32..1.5f32],
        seed in any::<u64>(),
    ) {
        let graph = graph(&mut Tape::new(&choices));
        let n = graph.input_shape(0).len();
        let ends: Vec<(f32, f32)> = center[..n].iter().map(|&c| (c - radius, c + radius)).collect();
        let boxes = Boxes::from_shape_fn((1, n), |_, i| {
            Interval::new(f64::from(ends[i].0), f64::from(ends[i].1)).unwrap()
        });
        let exact = vec![0.0; n];
        let plain = execution_errors(&graph, &boxes, &exact, None).unwrap();
        let known = known(&graph, &boxes);
        let sharp = execution_errors(&graph, &boxes, &exact, Some(&known)).unwrap();
        // Both hold, so the smaller does.
        let smaller = |(a, b): (&Vec<f64>, &Vec<f64>)| -> Vec<f64> {
            a.iter().zip(b).map(|(a, b)| a.min(*b)).collect()
        };
        let errors: Vec<Vec<f64>> = plain.iter().zip(&sharp).map(smaller).collect();
        let mut random = Random(seed);
        for k in 0..2 {
            let x: Vec<f32> = ends
                .iter()
                .map(|&(lo, hi)| match k {
                    0 if random.coin() => lo,
                    0 => hi,
                    _ => (f64::from(lo) + random.unit() * f64::from(hi - lo)) as f32,
                })
                .collect();
            let x: Vec<f32> = x.iter().zip(&ends).map(|(x, e)| x.clamp(e.0, e.1)).collect();
            check(&graph, &x, &errors, seed ^ k, 6);
        }
    }

    /// Every function on its own, densely over moderate arguments.
    #[test]
    fn every_function_is_executed_within_the_error(
        which in 0usize..25,
        at in element(),
        radius in prop_oneof![Just(0f32), Just(1e-6f32), 0f32..1f32],
        seed in any::<u64>(),
    ) {
        let registry = pointwise_registry();
        let f = registry[which % registry.len()].clone();
        let mut b = GraphBuilder::new();
        let x = b.input("x", Shape::new(&[1]));
        let third = b.combine("third", &[(Rational::from((1, 3)), x)]).unwrap();
        let y = b.pointwise("f", f, third).unwrap();
        let graph = b.finish(y).unwrap();
        let (lo, hi) = (at - radius, at + radius);
        let boxes = Boxes::from_shape_fn((1, 1), |_, _| {
            Interval::new(f64::from(lo), f64::from(hi)).unwrap()
        });
        let errors = execution_errors(&graph, &boxes, &[0.0], None).unwrap();
        for x in [lo, hi, at] {
            check(&graph, &[x], &errors, seed, 20);
        }
    }
}

fn dense(weights: Vec<f32>, shape: [usize; 2], bias: Option<Vec<f32>>) -> Arc<dyn LinearMap> {
    let weight = Tensor::new("w", Shape::new(&shape), weights).unwrap();
    let bias = bias.map(|b| Arc::new(Tensor::new("b", Shape::new(&[shape[0]]), b).unwrap()));
    Arc::new(Dense::new(Arc::new(weight), bias).unwrap())
}

fn layer(n: usize, scale: f32, seed: u64) -> (GraphBuilder, NodeId) {
    let mut random = Random(seed);
    let mut b = GraphBuilder::new();
    let mut x = b.input("x", Shape::new(&[n]));
    for k in 0..3 {
        let weights = (0..n * n).map(|_| scale * (random.unit() as f32 - 0.5));
        let map = dense(weights.collect(), [n, n], Some(vec![0.01; n]));
        let y = b.linear(format!("layer{k}"), map, x).unwrap();
        let y = b
            .pointwise(format!("relu{k}"), pointwise_registry()[0].clone(), y)
            .unwrap();
        let one = || Rational::from(1);
        x = b
            .combine(format!("sum{k}"), &[(one(), x), (one(), y)])
            .unwrap();
    }
    (b, x)
}

/// The errors are of use: small for a residual network, and a bad order comes
/// within a factor of four of that of a sum.
#[test]
fn errors_are_not_vacuous() {
    let (b, y) = layer(32, 0.2, 1);
    let graph = b.finish(y).unwrap();
    let boxes = Boxes::from_shape_fn((1, 32), |_, _| Interval::new(0.0, 1.0).unwrap());
    let errors = execution_errors(&graph, &boxes, &[0.0; 32], None).unwrap();
    let worst = errors.iter().flatten().fold(0.0f64, |m, &e| m.max(e));
    assert!(worst < 2e-3, "{worst}");
    let (finite, all) = check(&graph, &[0.75; 32], &errors, 5, 50);
    assert_eq!(finite, all);

    // 1 and then 1000 times a number that vanishes beside it
    let n = 1000;
    let mut b = GraphBuilder::new();
    let x = b.input("x", Shape::new(&[1]));
    let tiny = 2f32.powi(-25);
    let fan = dense(vec![1.0; n], [n, 1], None);
    let many = b.linear("fan", fan, x).unwrap();
    let total = b
        .linear("sum", dense(vec![tiny; n], [1, n], Some(vec![1.0])), many)
        .unwrap();
    let graph = b.finish(total).unwrap();
    let point = Boxes::from_shape_fn((1, 1), |_, _| Interval::ONE);
    let error = execution_errors(&graph, &point, &[0.0], None).unwrap()[total.index()][0];
    let run = (0..n).fold(1.0f32, |s, _| s + tiny);
    let off = 1.0 + n as f64 * f64::from(tiny) - f64::from(run);
    assert!(off <= error && error <= 4.0 * off, "{off:e} {error:e}");
}

/// Rounded inputs count, overflow and jumps are unknown, copies cost nothing.
#[test]
fn special_cases() {
    let mut b = GraphBuilder::new();
    let x = b.input("x", Shape::new(&[2]));
    let reshaped = Reshape::new(Shape::new(&[2]), Shape::new(&[2, 1])).unwrap();
    let copy = b.linear("copy", Arc::new(reshaped), x).unwrap();
    let large = b
        .combine("large", &[(Rational::from(1u64 << 40), x)])
        .unwrap();
    let square = |b: &mut GraphBuilder, name: &str, x| {
        let f = pointwise_registry();
        let f = f.iter().find(|f| f.name() == "square").unwrap().clone();
        b.pointwise(name, f, x).unwrap()
    };
    let huge = square(&mut b, "huge", large);
    let over = square(&mut b, "over", huge);
    let step = pointwise_registry()
        .iter()
        .find(|f| f.name() == "step")
        .unwrap()
        .clone();
    let tenth = Rational::from((-1, 10));
    let tenths = b
        .constant("tenths", Shape::new(&[2]), vec![tenth.clone(), tenth])
        .unwrap();
    let one = || Rational::from(1);
    let moved = b.combine("moved", &[(one(), x), (one(), tenths)]).unwrap();
    let jump = b.pointwise("jump", step, moved).unwrap();
    let reshaped = Reshape::new(Shape::new(&[2, 1]), Shape::new(&[2])).unwrap();
    let back = b.linear("back", Arc::new(reshaped), copy).unwrap();
    let all = b
        .combine("all", &[(one(), back), (one(), over), (one(), jump)])
        .unwrap();
    let graph = b.finish(all).unwrap();
    let boxes = Boxes::from_shape_fn((1, 2), |_, i| match i {
        0 => Interval::new(0.1, 0.1).unwrap(),
        _ => Interval::new(0.2, 0.3).unwrap(),
    });
    let errors = execution_errors(&graph, &boxes, &[0.0, 0.0], None).unwrap();
    let of = |name: &str| {
        let at = graph.nodes().iter().position(|n| n.name == name).unwrap();
        errors[at].clone()
    };
    assert_eq!(of("copy"), [0.0, 0.0]);
    assert!(of("huge").iter().all(|e| e.is_finite()));
    assert_eq!(of("over"), [f64::INFINITY; 2]);
    assert_eq!(of("all"), [f64::INFINITY; 2]);
    // 0.1 against a tenth: either side of the jump
    let jump = of("jump");
    assert!(jump[0] >= 1.0 && jump[1] < 1e-37, "{jump:?}");
    let errors = execution_errors(&graph, &boxes, &[1e-9, 0.0], None).unwrap();
    let at = graph.nodes().iter().position(|n| n.name == "copy").unwrap();
    assert_eq!(errors[at], [1e-9, 0.0]);
}
