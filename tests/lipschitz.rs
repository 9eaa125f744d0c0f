//! Lipschitz bounds against exact arithmetic. No comparison has a tolerance
//! on the side of soundness.

use std::sync::Arc;

use dahlquist::exact::Rational;
use dahlquist::exec::random::{hash, uniform};
use dahlquist::graph::{Graph, GraphBuilder, Op};
use dahlquist::lipschitz::{Domain, Error, Method, Report, analyze, operator_norm, quotient};
use dahlquist::network::{Layer, Network, NetworkNode, OdeBlock};
use dahlquist::ode::{self, Field};
use dahlquist::ops::{
    Conv2d, Dense, Diagonal, Gather, Geometry, LinearMap, Param, Pointwise, Relu, Reshape, Shape,
    SumPool, Tensor, activation_registry,
};
use dahlquist::verify::{Norm, Region, Semantics};

type Matrix = Vec<Vec<Rational>>;

fn q(p: i64, d: u64) -> Rational {
    Rational::from((p, d))
}

fn exact(x: f64) -> Rational {
    Rational::from_f64(x).expect("a finite bound")
}

fn param(dims: &[usize], data: Vec<f32>) -> Param {
    Arc::new(Tensor::new("w", Shape::new(dims), data).expect("a valid tensor"))
}

fn dense(rows: usize, columns: usize, w: &[f32]) -> Arc<dyn LinearMap> {
    Arc::new(Dense::new(param(&[rows, columns], w.to_vec()), None).expect("a valid layer"))
}

/// Weights in (-size, size).
fn weights(n: usize, seed: u32, size: f32) -> Vec<f32> {
    let at = |i| (2.0 * uniform(seed, 1, 2, i as u32) - 1.0) * size;
    (0..n).map(at).collect()
}

fn matrix(map: &dyn LinearMap) -> Matrix {
    (0..map.output().len())
        .map(|o| {
            let mut row = vec![Rational::new(); map.input().len()];
            map.row(o, &mut |i, w| row[i] = exact(f64::from(w)));
            row
        })
        .collect()
}

/// Whether a symmetric rational matrix is positive semidefinite, by elimination.
fn positive_semidefinite(mut m: Matrix) -> bool {
    for k in 0..m.len() {
        if m[k][k] < 0 {
            return false;
        }
        if m[k][k] == 0 {
            if m[k][k..].iter().any(|v| *v != 0) {
                return false;
            }
            continue;
        }
        let pivot = m[k].clone();
        for row in &mut m[k + 1..] {
            let f = Rational::from(&row[k] / &pivot[k]);
            for (v, p) in row[k..].iter_mut().zip(&pivot[k..]) {
                *v -= Rational::from(&f * p);
            }
        }
    }
    true
}

/// Whether `s >= ‖A‖₂`, decided exactly: `s² I - AᵀA` is positive semidefinite.
fn covers_spectral_norm(s: f64, a: &Matrix) -> bool {
    let n = a[0].len();
    let square = exact(s).square();
    let entry = |i: usize, j: usize| -> Rational {
        let g: Rational = a.iter().map(|r| Rational::from(&r[i] * &r[j])).sum();
        if i == j { &square - g } else { -g }
    };
    positive_semidefinite(
        (0..n)
            .map(|i| (0..n).map(|j| entry(i, j)).collect())
            .collect(),
    )
}

fn row_sum(a: &Matrix) -> Rational {
    let sum = |r: &Vec<Rational>| r.iter().map(|v| v.clone().abs()).sum::<Rational>();
    a.iter().map(sum).max().expect("a row")
}

fn transposed(a: &Matrix) -> Matrix {
    (0..a[0].len())
        .map(|j| a.iter().map(|r| r[j].clone()).collect())
        .collect()
}

/// Above the exact norms, and the 2-norm within the factor `slack`.
fn norm_is_tight(map: &dyn LinearMap, slack: f64) {
    let a = matrix(map);
    let up = |norm| *operator_norm(map, norm).get();
    for (norm, sum) in [
        (Norm::Linf, row_sum(&a)),
        (Norm::L1, row_sum(&transposed(&a))),
    ] {
        let up = exact(up(norm));
        assert!(up >= sum, "{norm:?}");
        assert!(up <= sum * (q(1, 1) + q(1, 1 << 40)), "{norm:?} is loose");
    }
    let s = up(Norm::L2);
    let name = map.name();
    assert!(covers_spectral_norm(s, &a), "{name}: {s} is below the norm");
    assert!(
        s == 0.0 || !covers_spectral_norm(s / slack, &a),
        "{name}: {s} is loose"
    );
}

#[test]
fn operator_norms_against_exact_matrices() {
    let shapes = [(1, 1), (2, 2), (3, 5), (6, 4), (8, 8), (1, 7), (7, 1)];
    for (seed, (m, n)) in shapes.into_iter().enumerate() {
        let seed = seed as u32;
        norm_is_tight(&*dense(m, n, &weights(m * n, seed, 2.0)), 1.0 + 1e-6);
        let integer = |i| (hash(seed, 0, 3, i as u32) % 9) as f32 - 4.0;
        let integers: Vec<f32> = (0..m * n).map(integer).collect();
        norm_is_tight(&*dense(m, n, &integers), 1.0 + 1e-6);
    }
    // Rank one, zero, small, huge.
    let rank_one: Vec<f32> = (0..12)
        .map(|k| ((k / 4) as f32 - 1.5) * ((k % 4) as f32 + 0.25))
        .collect();
    norm_is_tight(&*dense(3, 4, &rank_one), 1.0 + 1e-6);
    norm_is_tight(&*dense(2, 3, &[0.0; 6]), 1.5);
    let subnormal = [1e-42, 2e-42, -3e-42, 4e-42];
    norm_is_tight(&*dense(2, 2, &subnormal), 1.0 + 1e-6);
    norm_is_tight(&*dense(2, 2, &[3e38, -3e38, 1.0, 3e38]), 1.0 + 1e-6);
    // Scaled orthogonal: Hadamard of order 4 has norm 2, the rotation 3-4-5 norm 5.
    let h = [1, 1, 1, 1, 1, -1, 1, -1, 1, 1, -1, -1, 1, -1, -1, 1];
    let h = *operator_norm(&*dense(4, 4, &h.map(|v| v as f32)), Norm::L2).get();
    assert!((2.0..2.0 + 1e-12).contains(&h), "{h}");
    let r = *operator_norm(&*dense(2, 2, &[3.0, -4.0, 4.0, 3.0]), Norm::L2).get();
    assert!((5.0..5.0 + 1e-12).contains(&r), "{r}");
}

#[test]
fn operator_norms_of_every_linear_kind() {
    let geometry = |groups, out| {
        Geometry::new(
            "conv2d",
            2,
            [4, 3],
            out,
            [2, 2],
            [1, 1],
            [1, 0, 0, 1],
            [1, 1],
            groups,
        )
        .expect("a geometry")
    };
    let kernel = param(&[3, 2, 2, 2], weights(24, 9, 1.0));
    let conv = Conv2d::new(kernel, None, geometry(1, 3)).expect("a layer");
    norm_is_tight(&conv, 1.0 + 1e-6);
    let pool = SumPool::new(geometry(2, 2)).expect("a pool");
    norm_is_tight(&pool, 1.0 + 1e-6);
    let shape = Shape::new(&[3, 2]);
    let scale = param(&[3], vec![0.5, -3.25, 2.0]);
    let diagonal = |uncertainty| {
        Diagonal::new(scale.clone(), scale.clone(), shape.clone(), uncertainty).expect("a layer")
    };
    norm_is_tight(&diagonal(0.0), 1.0 + 1e-12);
    let reshape = Reshape::new(shape.clone(), Shape::new(&[6])).expect("a layer");
    norm_is_tight(&reshape, 1.0 + 1e-12);
    let index = vec![Some(1), None, Some(1), Some(5), Some(1)];
    let gather = Gather::new(shape.clone(), Shape::new(&[5]), index).expect("a layer");
    norm_is_tight(&gather, 1.0 + 1e-12);
    // A coefficient known to 1e-3 can be larger by that much.
    for norm in Norm::ALL {
        let up = exact(*operator_norm(&diagonal(1e-3), norm).get());
        assert!(up >= q(13, 4) * (q(1, 1) + exact(1e-3)));
    }
}

fn node(layer: Layer, inputs: &[usize]) -> NetworkNode {
    NetworkNode {
        name: format!("node after {inputs:?}"),
        layer,
        inputs: inputs.to_vec(),
        shape: None,
    }
}

fn input(n: usize) -> NetworkNode {
    NetworkNode {
        shape: Some(Shape::new(&[n])),
        ..node(Layer::Op(Op::Input(0)), &[])
    }
}

fn network(nodes: Vec<NetworkNode>) -> Network {
    Network {
        name: "test".into(),
        output: nodes.len() - 1,
        nodes,
        rewritten: Vec::new(),
    }
}

/// `σ(W z + b)`, then `W₂ ·` if given.
fn field(n: usize, sigma: &Arc<dyn Pointwise>, first: &[f32], second: Option<&[f32]>) -> Graph {
    let mut g = GraphBuilder::new();
    let z = g.input("z", Shape::new(&[n]));
    let m = first.len() / n;
    let bias = param(&[m], (0..m).map(|i| 0.1 * i as f32 - 0.15).collect());
    let layer = Dense::new(param(&[m, n], first.to_vec()), Some(bias)).expect("a layer");
    let y = g.linear("first", Arc::new(layer), z).expect("shapes");
    let mut y = g.pointwise("sigma", sigma.clone(), y).expect("shapes");
    if let Some(w) = second {
        y = g.linear("second", dense(n, m, w), y).expect("shapes");
    }
    g.finish(y).expect("a graph")
}

/// `A z`
fn linear_field(n: usize, a: &[f32]) -> Graph {
    let mut g = GraphBuilder::new();
    let z = g.input("z", Shape::new(&[n]));
    let y = g.linear("a", dense(n, n, a), z).expect("shapes");
    g.finish(y).expect("a graph")
}

fn block(field: Field, scheme: &str, steps: usize, t1: Rational) -> Layer {
    Layer::Ode(Box::new(OdeBlock {
        field,
        method: ode::by_name(scheme).expect("a method"),
        steps,
        t0: Rational::new(),
        t1,
    }))
}

/// A network that is one block.
fn lone(n: usize, field: Field, scheme: &str, steps: usize, t1: Rational) -> Network {
    network(vec![input(n), node(block(field, scheme, steps, t1), &[0])])
}

fn upper(r: &Report) -> f64 {
    *r.upper.value.get()
}

fn flow(r: &Report) -> f64 {
    *r.flow.expect("a block").value.get()
}

fn run(network: &Network, norm: Norm, domain: &Domain, method: Method) -> Report {
    analyze(network, norm, domain, method).expect("a report")
}

fn boxed(center: &[f64], half: f64) -> Domain {
    let lo = center.iter().map(|c| c - half).collect();
    let hi = center.iter().map(|c| c + half).collect();
    Domain::boxed(lo, hi).expect("a box")
}

/// Small networks with every activation and every method.
fn zoo() -> Vec<Network> {
    let mut all = Vec::new();
    for (k, scheme) in ode::registry().iter().enumerate() {
        for (s, sigma) in activation_registry().iter().enumerate() {
            let seed = (7 * k + s) as u32;
            let (w1, w2) = (weights(12, seed, 1.0), weights(12, seed + 100, 0.8));
            let f = Field::Shared(field(3, sigma, &w1, Some(&w2)));
            let stem = dense(3, 4, &weights(12, seed + 200, 1.0));
            let head = dense(2, 3, &weights(6, seed + 300, 1.0));
            all.push(network(vec![
                input(4),
                node(Layer::Op(Op::Linear(stem)), &[0]),
                node(block(f, scheme.name(), 4, q(1, 1)), &[1]),
                node(Layer::Op(Op::Pointwise(sigma.clone())), &[2]),
                node(Layer::Op(Op::Combine(vec![q(1, 3), q(-2, 1)])), &[2, 3]),
                node(Layer::Op(Op::Linear(head)), &[4]),
            ]));
        }
    }
    all
}

/// Every upper bound is above its own witness, end to end and per block, and
/// above the difference quotient of sampled pairs.
#[test]
fn quotients_never_exceed_the_bound() {
    for (k, net) in zoo().iter().enumerate() {
        let graph = net.lower().expect("a graph");
        let center: Vec<f64> = (0..4)
            .map(|i| f64::from(uniform(1, k as u32, 0, i)) - 0.5)
            .collect();
        for half in [None, Some(0.3), Some(0.0625)] {
            let domain = half.map_or(Domain::Everywhere, |h| boxed(&center, h));
            for norm in Norm::ALL {
                let reports = Method::ALL.map(|m| run(net, norm, &domain, m));
                let best = upper(&reports[3]);
                for r in &reports {
                    let what = format!("{k} {norm:?} {half:?} {}", r.method);
                    assert!(upper(r) >= best, "{what}: auto is the smallest");
                    assert_eq!(r.upper.semantics, Semantics::Discrete);
                    let lower = r.lower.as_ref().expect("a witness");
                    assert!(lower.value <= upper(r), "{what}: {}", lower.value);
                    let again = quotient(&graph, norm, &lower.x, &lower.y);
                    assert_eq!(again, lower.value);
                    for b in &r.blocks {
                        let lower = b.lower.as_ref().expect("a witness").value;
                        assert!(lower <= *b.discrete.value.get(), "{what}");
                    }
                    if let Domain::Box { lo, hi } = &domain {
                        for p in [&lower.x, &lower.y] {
                            let inside = |i: usize| (lo[i]..=hi[i]).contains(&f64::from(p[i]));
                            assert!((0..4).all(inside), "{what}");
                        }
                    }
                }
                let lower = reports[3].lower.as_ref().expect("a witness").value;
                assert!(
                    best <= 40.0 * lower,
                    "{k} {norm:?} {half:?}: {lower} {best}"
                );
                let half = half.unwrap_or(3.0) * 0.99;
                for s in 0..12u32 {
                    let point = |r: u32| -> Vec<f32> {
                        let at = |i: u32| f64::from(2.0 * uniform(2, s, r, i) - 1.0) * half;
                        (0..4)
                            .map(|i| (center[i as usize] + at(i)) as f32)
                            .collect()
                    };
                    assert!(quotient(&graph, norm, &point(0), &point(1)) <= best);
                }
            }
        }
    }
}

/// A rectifier network in rationals.
fn evaluate(graph: &Graph, x: &[Rational]) -> Vec<Rational> {
    let mut values: Vec<Vec<Rational>> = Vec::new();
    for n in graph.nodes() {
        let at = |k: usize| &values[n.inputs[k].index()];
        let v: Vec<Rational> = match &n.op {
            Op::Input(_) => x.to_vec(),
            Op::Constant(c) => c.to_vec(),
            Op::Linear(map) => (0..map.output().len())
                .map(|o| {
                    let mut y = exact(f64::from(map.bias(o)));
                    map.row(o, &mut |i, w| y += exact(f64::from(w)) * &at(0)[i]);
                    y
                })
                .collect(),
            Op::Pointwise(_) => at(0).iter().map(|v| v.clone().max(q(0, 1))).collect(),
            Op::Product(_) => unreachable!("rectifier networks have no products"),
            Op::Combine(c) => (0..n.shape.len())
                .map(|i| {
                    let term = |(k, c): (usize, &Rational)| Rational::from(c * &at(k)[i]);
                    c.iter().enumerate().map(term).sum()
                })
                .collect(),
        };
        values.push(v);
    }
    values.swap_remove(graph.output().index())
}

fn distances(a: &[Rational], b: &[Rational]) -> Vec<Rational> {
    let d = |(a, b): (&Rational, &Rational)| Rational::from(a - b).abs();
    a.iter().zip(b).map(d).collect()
}

#[test]
fn rectifier_networks_in_rationals() {
    let relu: Arc<dyn Pointwise> = Arc::new(Relu);
    for seed in 0..6u32 {
        let fields: Vec<Graph> = (0..3)
            .map(|k| {
                let second = weights(6, 9 * seed + k + 50, 1.5);
                field(2, &relu, &weights(6, 9 * seed + k, 1.5), Some(&second))
            })
            .collect();
        let net = lone(2, Field::PerStep(fields), "euler", 3, q(2, 1));
        let graph = net.lower().expect("a graph");
        for domain in [Domain::Everywhere, boxed(&[0.0, 0.25], 0.5)] {
            let bounds = Norm::ALL.map(|n| exact(upper(&run(&net, n, &domain, Method::Auto))));
            for s in 0..60u32 {
                let point = |r: u32| -> Vec<Rational> {
                    let at = |i: u32| i64::from(hash(seed, s, r, i) % 1025) - 512;
                    (0..2)
                        .map(|i| q(at(i), 1024) + q(i64::from(i), 4))
                        .collect()
                };
                let (x, mut y) = (point(0), point(1));
                if s % 2 == 0 {
                    // A close pair sees slopes, not averages.
                    for (y, x) in y.iter_mut().zip(&x) {
                        *y = (Rational::from(x * 1023u32) + &*y) / 1024u32;
                    }
                }
                let top = distances(&evaluate(&graph, &x), &evaluate(&graph, &y));
                let bottom = distances(&x, &y);
                for (norm, bound) in Norm::ALL.iter().zip(&bounds) {
                    let size = |v: &[Rational]| -> Rational {
                        match norm {
                            Norm::Linf => v.iter().max().cloned().unwrap_or_default(),
                            Norm::L1 => v.iter().sum(),
                            Norm::L2 => v.iter().map(|v| v.clone().square()).sum(),
                        }
                    };
                    let factor = match norm {
                        Norm::L2 => bound.clone().square(),
                        _ => bound.clone(),
                    };
                    assert!(size(&top) <= factor * size(&bottom), "{seed} {norm:?}");
                }
            }
        }
    }
}

#[test]
fn the_flow_of_decay_and_what_it_does_not_say() {
    let net = |steps, t1| {
        let f = Field::Shared(linear_field(2, &[-1.0, 0.0, 0.0, -1.0]));
        lone(2, f, "euler", steps, q(t1, 1))
    };
    let e = rug::Float::with_val(200, -1).exp();
    for norm in Norm::ALL {
        let r = run(&net(10, 1), norm, &Domain::Everywhere, Method::Auto);
        assert_eq!(r.flow.expect("a block").semantics, Semantics::Flow);
        assert!(flow(&r) >= e && flow(&r) < 0.3678794412);
        assert_eq!(r.flow, Some(r.blocks[0].flow));
        // (1 - 1/10)^10, exactly
        let power = (0..10).fold(q(1, 1), |p, _| p * q(9, 10));
        assert!(exact(upper(&r)) >= power && upper(&r) < 0.3486784402);
        // One step of length 3 multiplies by -2 while the flow contracts.
        let r = run(&net(1, 3), norm, &Domain::Everywhere, Method::Auto);
        assert!(flow(&r) < 0.05);
        assert!((2.0..2.0 + 1e-12).contains(&upper(&r)));
        assert!(r.lower.expect("a witness").value > 1.999);
        // Backwards in time the flow expands.
        let r = run(&net(4, -1), norm, &Domain::Everywhere, Method::Auto);
        assert!(flow(&r) >= e.clone().recip() && exact(flow(&r)) < q(271828183, 100_000_000));
    }
}

#[test]
fn rk4_on_a_linear_field_is_its_stability_polynomial() {
    // A = -I + a skew part; R(hA) by exact matrix powers.
    let a = [-1.0f32, 2.0, -2.0, -1.0];
    let build = |f: &dyn Fn(usize, usize) -> Rational| -> Matrix {
        (0..2).map(|i| (0..2).map(|j| f(i, j)).collect()).collect()
    };
    let times = |x: &Matrix, y: &Matrix| {
        build(&|i, j| (0..2).map(|k| Rational::from(&x[i][k] * &y[k][j])).sum())
    };
    let eye = build(&|i, j| q(i64::from(i == j), 1));
    let ha = build(&|i, j| exact(f64::from(a[2 * i + j])) / 5u32);
    let (mut step, mut term) = (eye.clone(), eye.clone());
    for k in 1..=4u32 {
        let next = times(&term, &ha);
        term = build(&|i, j| Rational::from(&next[i][j] / k));
        step = build(&|i, j| Rational::from(&step[i][j] + &term[i][j]));
    }
    let all = (0..5).fold(eye, |p, _| times(&p, &step));
    let net = lone(2, Field::Shared(linear_field(2, &a)), "rk4", 5, q(1, 1));
    let bound = |norm, method| upper(&run(&net, norm, &Domain::Everywhere, method));
    for method in [Method::Centered, Method::Local, Method::Auto] {
        let s = bound(Norm::L2, method);
        assert!(covers_spectral_norm(s, &all), "{method:?} {s}");
        assert!(
            !covers_spectral_norm(s * (1.0 - 1e-9), &all),
            "{method:?} {s}"
        );
        assert!(exact(bound(Norm::Linf, method)) >= row_sum(&all));
    }
    let nearly = q(1, 1) + q(1, 1 << 40);
    assert!(exact(bound(Norm::Linf, Method::Local)) <= row_sum(&all) * &nearly);
    // On stages, in one dimension: (1 + hL + … + (hL)^4 / 24)^5 with L = 3.
    let (stages, _) = (1..=4u32).fold((q(1, 1), q(1, 1)), |(sum, t), k| {
        let t = t * q(3, 5) / k;
        (sum + &t, t)
    });
    let power = (0..5).fold(q(1, 1), |p, _| p * &stages);
    let net = lone(
        1,
        Field::Shared(linear_field(1, &[-3.0])),
        "rk4",
        5,
        q(1, 1),
    );
    for norm in Norm::ALL {
        let s = exact(upper(&run(
            &net,
            norm,
            &Domain::Everywhere,
            Method::Product,
        )));
        assert!(s >= power && s <= Rational::from(&power * &nearly));
    }
}

/// `sup_D μ(D W)` and `sup_D μ(W₂ D W₁)`, `D` diagonal in [0, 1]: convex in `D`, so
/// the vertices decide.
#[test]
fn log_norms_of_rectified_fields_against_vertices() {
    let relu: Arc<dyn Pointwise> = Arc::new(Relu);
    let n = 3;
    for seed in 0..8u32 {
        let (w1, w2) = (weights(n * n, seed, 1.5), weights(n * n, seed + 40, 1.5));
        for second in [None, Some(&w2[..])] {
            let f = Field::Shared(field(n, &relu, &w1, second));
            // Short enough that the detour through the 2-norm never pays.
            let net = lone(n, f, "euler", 2, q(1, 8));
            for norm in [Norm::Linf, Norm::L1] {
                let at = |w: &[f32], i: usize, j: usize| exact(f64::from(w[i * n + j]));
                let entry = |vertex: usize, i: usize, j: usize| -> Rational {
                    let on = |k: usize| vertex >> k & 1 == 1;
                    match second {
                        None if on(i) => at(&w1, i, j),
                        None => Rational::new(),
                        Some(w2) => (0..n)
                            .filter(|&k| on(k))
                            .map(|k| at(w2, i, k) * at(&w1, k, j))
                            .sum(),
                    }
                };
                let mu = |vertex: usize, i: usize| -> Rational {
                    let pick = |j| match norm {
                        Norm::L1 => entry(vertex, j, i),
                        _ => entry(vertex, i, j),
                    };
                    let off: Rational = (0..n).filter(|&j| j != i).map(|j| pick(j).abs()).sum();
                    pick(i) + off
                };
                let worst = (0..1usize << n)
                    .flat_map(|v| (0..n).map(move |i| (v, i)))
                    .map(|(v, i)| mu(v, i))
                    .max()
                    .expect("a vertex");
                let down = rug::float::Round::Down;
                let exact = rug::Float::with_val_round(200, worst / 8u32, down).0.exp();
                let r = run(&net, norm, &Domain::Everywhere, Method::Auto);
                assert!(flow(&r) >= exact, "{seed} {norm:?}");
                assert_eq!(r.flow.expect("a block").through, norm);
                if second.is_none() && norm == Norm::Linf {
                    // The row formula is exact.
                    assert!(flow(&r) <= exact * (1.0 + 1e-12), "{seed}");
                }
            }
        }
    }
}

#[test]
fn time_as_a_channel_does_not_enter() {
    let mut g = GraphBuilder::new();
    let t = g.input("t", Shape::new(&[1]));
    let z = g.input("z", Shape::new(&[2]));
    let place = |n, at| Gather::place(Shape::new(&[n]), Shape::new(&[3]), at).expect("a map");
    let a = g.linear("t", Arc::new(place(1, 0)), t).expect("shapes");
    let b = g.linear("z", Arc::new(place(2, 1)), z).expect("shapes");
    let both = [(q(1, 1), a), (q(1, 1), b)];
    let both = g.combine("concat", &both).expect("shapes");
    let w = dense(2, 3, &[9.0, -1.0, 0.0, -9.0, 0.0, -1.0]);
    let y = g.linear("w", w, both).expect("shapes");
    let f = Field::Shared(g.finish(y).expect("a graph"));
    for scheme in ode::registry() {
        let net = lone(2, f.clone(), scheme.name(), 6, q(1, 1));
        for norm in Norm::ALL {
            let r = run(&net, norm, &Domain::Everywhere, Method::Auto);
            let what = format!("{} {norm:?} {}", scheme.name(), upper(&r));
            assert!(flow(&r) < 0.3678794412, "{what}");
            assert!(upper(&r) < 0.6, "{what}");
            assert!(r.lower.expect("a witness").value <= *r.upper.value.get());
        }
    }
}

#[test]
fn local_bounds_shrink_with_the_box() {
    let tanh = activation_registry()
        .into_iter()
        .find(|f| f.name() == "tanh")
        .expect("registered");
    let second = weights(12, 6, 1.5);
    let f = Field::Shared(field(3, &tanh, &weights(12, 5, 1.5), Some(&second)));
    let net = lone(3, f, "rk4", 5, q(1, 1));
    for norm in Norm::ALL {
        let at = |d: &Domain| run(&net, norm, d, Method::Auto);
        let wide = upper(&at(&boxed(&[0.5; 3], 0.1)));
        let all = upper(&at(&Domain::Everywhere));
        let r = at(&boxed(&[0.5; 3], 0.001));
        let small = upper(&r);
        assert!(
            small < wide && wide <= all,
            "{norm:?}: {small} {wide} {all}"
        );
        let lower = r.lower.expect("a witness").value;
        assert!(small <= 1.2 * lower, "{norm:?}: {small} against {lower}");
    }
}

/// Forty steps amplify the roundings of binary64 enclosures beyond use; the
/// pair is then enclosed in higher precision.
#[test]
fn witnesses_of_deep_networks_survive() {
    let sigma = activation_registry();
    for sigma in &sigma {
        let n = 6;
        let f = Field::Shared(field(
            n,
            sigma,
            &weights(n * n, 3, 8.0),
            Some(&weights(n * n, 4, 8.0)),
        ));
        let net = lone(n, f, "euler", 40, q(1, 2));
        for norm in Norm::ALL {
            let r = run(&net, norm, &boxed(&vec![0.25; n], 0.01), Method::Product);
            let lower = r.lower.as_ref().expect("a witness").value;
            assert!(
                lower > 1e-6 && lower <= upper(&r),
                "{} {norm:?} {lower}",
                sigma.name()
            );
        }
    }
}

#[test]
fn bad_questions_get_typed_errors() {
    let row = dense(1, 2, &[1.0, 2.0]);
    let net = network(vec![input(2), node(Layer::Op(Op::Linear(row)), &[0])]);
    let everywhere = Domain::Everywhere;
    assert!(matches!(
        analyze(&net, Norm::L2, &boxed(&[0.0; 3], 1.0), Method::Auto),
        Err(Error::Length {
            found: 3,
            expected: 2
        })
    ));
    assert!(matches!(
        Domain::boxed(vec![0.0], vec![f64::NAN]),
        Err(Error::Element { index: 0, .. })
    ));
    assert!(matches!(
        Domain::boxed(vec![0.0, 1.0], vec![1.0, 0.0]),
        Err(Error::Element { index: 1, .. })
    ));
    assert!(matches!(
        Domain::boxed(vec![0.0], vec![]),
        Err(Error::Length { .. })
    ));
    assert!(matches!(
        "simplex".parse::<Method>(),
        Err(Error::Method { .. })
    ));
    for m in Method::ALL {
        assert_eq!(m.name().parse::<Method>().expect("a name"), m);
    }
    let sum = Layer::Op(Op::Combine(vec![q(1, 1), q(1, 1)]));
    let two = network(vec![input(2), input(2), node(sum, &[0, 1])]);
    assert!(matches!(
        analyze(&two, Norm::L2, &everywhere, Method::Auto),
        Err(Error::Inputs { found: 2, .. })
    ));
    for (scheme, steps) in [("euler", 0), ("ab2", 1)] {
        let f = Field::Shared(linear_field(2, &[1.0, 0.0, 0.0, 1.0]));
        assert!(matches!(
            analyze(
                &lone(2, f, scheme, steps, q(1, 1)),
                Norm::L2,
                &everywhere,
                Method::Auto
            ),
            Err(Error::Network(_))
        ));
    }
    // A point box has no pair; an overflow is no bound.
    let r = run(&net, Norm::L2, &boxed(&[0.1, 0.2], 0.0), Method::Auto);
    assert!(r.lower.is_none() && upper(&r).is_finite());
    let huge = |from| node(Layer::Op(Op::Combine(vec![q(1, 1) << 900])), &[from]);
    let net = network(vec![input(2), huge(0), huge(1)]);
    let r = run(&net, Norm::L2, &everywhere, Method::Auto);
    assert_eq!(upper(&r), f64::INFINITY);
    let json = serde_json::to_string(&r).expect("plain data");
    assert!(json.contains("\"value\":null"));
}

#[test]
fn a_region_is_read_as_its_box() {
    let region = Region::unit(vec![0.5, 1.0], Norm::L2, q(1, 4)).expect("a region");
    let same = Domain::boxed(vec![0.25, 0.75], vec![0.75, 1.0]).expect("a box");
    assert_eq!(Domain::around(&region), same);
}
