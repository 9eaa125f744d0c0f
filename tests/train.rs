//! Training and attacks: gradients against finite differences, reproducibility,
//! resuming, and what the objectives achieve.

use std::sync::Arc;

use dahlquist::data;
use dahlquist::exact::Rational;
use dahlquist::exec::cpu::Cpu;
use dahlquist::exec::plan::{Planner, Want};
use dahlquist::exec::program::{Coefficient, Contents, Instruction, Norm};
use dahlquist::exec::{self, Executor};
use dahlquist::graph::{Forward, Graph, GraphBuilder, NodeId, forward};
use dahlquist::network::build::{self, Architecture, Kind};
use dahlquist::network::{Layer, Network};
use dahlquist::ops::{
    Conv2d, Dense, Diagonal, Gather, Geometry, LinearMap, Param, Pointwise, Product, Reshape,
    Shape, SumPool, Tensor, Weights, activation_registry,
};
use dahlquist::search::attack::{self, Options};
use dahlquist::train::{self, Config};
use ndarray::Array2;

/// Interval evaluation in binary64 with round-to-nearest: the referee of the
/// gradients (not a bound). Radius 0 is plain evaluation.
struct Referee {
    batch: usize,
}

type Box64 = (Array2<f64>, Array2<f64>);

impl Forward for Referee {
    type Value = Box64;
    fn constant(&mut self, _: NodeId, values: &[Rational], shape: &Shape) -> Box64 {
        let c = Array2::from_shape_fn((self.batch, shape.len()), |(_, i)| values[i].to_f64());
        (c.clone(), c * 0.0)
    }
    fn linear(&mut self, _: NodeId, map: &dyn LinearMap, x: &Box64) -> Box64 {
        let mut c = map.apply(x.0.view(), Weights::Signed);
        for ((_, o), v) in c.indexed_iter_mut() {
            *v += f64::from(map.bias(o));
        }
        (c, map.apply(x.1.view(), Weights::Absolute))
    }
    fn pointwise(&mut self, _: NodeId, f: &dyn Pointwise, x: &Box64) -> Box64 {
        let lo = (&x.0 - &x.1).mapv(|v| f.value(v));
        let hi = (&x.0 + &x.1).mapv(|v| f.value(v));
        ((&lo + &hi) * 0.5, (hi - lo) * 0.5)
    }
    fn combine(&mut self, _: NodeId, coefficients: &[Rational], xs: &[&Box64]) -> Box64 {
        let mut sum = (&xs[0].0 * 0.0, &xs[0].1 * 0.0);
        for (c, x) in coefficients.iter().zip(xs) {
            sum.0 += &(&x.0 * c.to_f64());
            sum.1 += &(&x.1 * c.to_f64().abs());
        }
        sum
    }
    fn product(&mut self, _: NodeId, _: &Product, _: &Box64, _: &Box64) -> Box64 {
        unreachable!("programs have no products")
    }
}

/// Mean cross-entropy of the worst-case logits over the ball.
fn loss64(graph: &Graph, x: &[f32], labels: &[u32], eps: f64) -> f64 {
    let n = graph.input_shape(0).len();
    let batch = labels.len();
    let ends = |s: usize, i: usize| {
        let v = f64::from(x[s * n + i]);
        match eps {
            0.0 => (v, v),
            _ => ((v - eps).max(0.0), (v + eps).min(1.0)),
        }
    };
    let c = Array2::from_shape_fn((batch, n), |(s, i)| (ends(s, i).0 + ends(s, i).1) / 2.0);
    let r = Array2::from_shape_fn((batch, n), |(s, i)| (ends(s, i).1 - ends(s, i).0) / 2.0);
    let out = forward(graph, &mut Referee { batch }, vec![(c, r)]);
    let (c, r) = &out[graph.output().index()];
    let mut total = 0.0;
    for (s, &y) in labels.iter().enumerate() {
        let worst = |j: usize| {
            c[[s, j]]
                + if j == y as usize {
                    -r[[s, j]]
                } else {
                    r[[s, j]]
                }
        };
        let sum: f64 = (0..c.ncols()).map(|j| worst(j).exp()).sum();
        total += sum.ln() - worst(y as usize);
    }
    total / batch as f64
}

fn numbers(seed: u32, n: usize) -> Vec<f32> {
    (0..n as u32)
        .map(|i| 2.0 * exec::random::uniform(seed, 0, 0, i) - 1.0)
        .collect()
}

fn tensor(name: &str, dims: &[usize], scale: f32) -> Param {
    let shape = Shape::new(dims);
    let seed = name.bytes().map(u32::from).sum();
    let data = numbers(seed, shape.len())
        .iter()
        .map(|v| v * scale)
        .collect();
    Arc::new(Tensor::new(name, shape, data).expect("finite"))
}

/// Every linear kind, a shared weight, a fan-out, a constant.
fn zoo(f: &Arc<dyn Pointwise>) -> Graph {
    let mut b = GraphBuilder::new();
    let ok = "a consistent graph";
    let x = b.input("x", Shape::new(&[2, 5, 5]));
    let (scale, shift) = (tensor("scale", &[2], 1.0), tensor("shift", &[2], 0.5));
    let d = Diagonal::new(scale, shift, Shape::new(&[2, 5, 5]), 0.0).expect(ok);
    let x = b.linear("norm", Arc::new(d), x).expect(ok);
    let g = Geometry::new("t", 2, [5, 5], 4, [3, 3], [1, 1], [1; 4], [1, 1], 2).expect(ok);
    let kernel = tensor("kernel", &[4, 1, 3, 3], 0.6);
    let conv = Conv2d::new(kernel, Some(tensor("kernel bias", &[4], 0.3)), g).expect(ok);
    let x = b.linear("conv", Arc::new(conv), x).expect(ok);
    let x = b.pointwise("act", f.clone(), x).expect(ok);
    let g = Geometry::new("t", 4, [5, 5], 4, [2, 2], [2, 2], [0, 0, 1, 1], [1, 1], 4).expect(ok);
    let x = b
        .linear("pool", Arc::new(SumPool::new(g).expect(ok)), x)
        .expect(ok);
    let n = b.shape(x).len();
    let flat = Reshape::new(b.shape(x).clone(), Shape::new(&[n])).expect(ok);
    let x = b.linear("flat", Arc::new(flat), x).expect(ok);
    let index = (0..8)
        .map(|o| (o != 3).then_some(o * 5 % n as u32))
        .collect();
    let gather = Gather::new(Shape::new(&[n]), Shape::new(&[8]), index).expect(ok);
    let mut z = b.linear("pick", Arc::new(gather), x).expect(ok);
    let third = vec![Rational::from((1, 3))];
    let t = b.constant("t", Shape::new(&[1]), third).expect(ok);
    let time = Dense::new(tensor("time", &[8, 1], 0.5), None).expect(ok);
    let t = b.linear("time", Arc::new(time), t).expect(ok);
    let (w, bias) = (tensor("shared", &[8, 8], 0.4), tensor("sb", &[8], 0.2));
    let shared: Arc<dyn LinearMap> = Arc::new(Dense::new(w, Some(bias)).expect(ok));
    let q = |a: i64, b: u64| Rational::from((a, b));
    for s in 0..2 {
        let h = b.linear(format!("dense{s}"), shared.clone(), z).expect(ok);
        let terms = [(q(1, 1), h), (q(-1, 2), t)];
        let h = b.combine(format!("time{s}"), &terms).expect(ok);
        let h = b.pointwise(format!("act{s}"), f.clone(), h).expect(ok);
        let terms = [(q(-4, 3), z), (q(1, 2), h)];
        z = b.combine(format!("state{s}"), &terms).expect(ok);
    }
    let head = Dense::new(tensor("head", &[3, 8], 0.7), Some(tensor("hb", &[3], 0.2))).expect(ok);
    let out = b.linear("head", Arc::new(head), z).expect(ok);
    b.finish(out).expect(ok)
}

/// Gradients of the planned mean loss: of each weight, and of the input
/// (nominal loss only).
fn planned(graph: &Graph, x: &[f32], labels: &[u32], eps: f32) -> (Vec<Vec<f32>>, Vec<f32>) {
    let batch = labels.len();
    let mut p = Planner::new(graph, batch).expect("one input");
    let (n, classes) = (p.n_in(), p.n_out());
    let program = p.program();
    let xb = program.buffer("x", Contents::F32(x.to_vec()));
    let lb = program.buffer("labels", Contents::U32(labels.to_vec()));
    let (loss, dz) = (
        program.zeros("loss", batch),
        program.zeros("dz", batch * classes),
    );
    let entropy = |z| Instruction::CrossEntropy {
        z,
        labels: lb,
        weight: Coefficient::Fixed(1.0 / batch as f32),
        loss,
        dz,
        batch,
        classes,
        accumulate: false,
    };
    let mut input = None;
    if eps == 0.0 {
        let values = p.forward(xb);
        p.program().push(entropy(values.output()));
        p.backward(&values, dz, Want::Params);
        input = p.backward(&values, dz, Want::Input);
    } else {
        let program = p.program();
        let (center, radius) = (program.zeros("c", batch * n), program.zeros("r", batch * n));
        program.push(Instruction::InputBox {
            x: xb,
            eps: Coefficient::Fixed(eps),
            lo: 0.0,
            hi: 1.0,
            center,
            radius,
        });
        let boxes = p.interval(center, radius);
        let program = p.program();
        let worst = program.zeros("worst", batch * classes);
        let dradius = program.zeros("dr", batch * classes);
        program.push(Instruction::WorstLogits {
            center: boxes.center(),
            radius: boxes.radius().expect("depends on the input"),
            labels: lb,
            out: worst,
            batch,
            classes,
        });
        program.push(entropy(worst));
        program.push(Instruction::WorstLogitsGrad {
            dout: dz,
            labels: lb,
            dradius,
            batch,
            classes,
            accumulate: false,
        });
        p.interval_backward(&boxes, dz, dradius);
    }
    let (program, params) = p.finish();
    let mut session = Cpu.load(&program).expect("a valid program");
    session.run().expect("runs");
    let total: f32 = session.read(loss).expect("f32").iter().sum();
    let reference = loss64(graph, x, labels, f64::from(eps));
    assert!(
        (f64::from(total) - reference).abs() < 1e-4,
        "{total} {reference}"
    );
    let mut gradients = Vec::new();
    for p in &params {
        gradients.push(session.read(p.gradient.expect("used")).expect("f32"));
    }
    let input = input.map_or(Vec::new(), |g| session.read(g).expect("f32"));
    (gradients, input)
}

/// Compares gradients with central differences; a kink between the two points
/// shows as a second difference, and such points decide nothing.
#[derive(Default)]
struct Differences {
    checked: usize,
    rough: usize,
}

impl Differences {
    fn compare(&mut self, found: f32, loss: impl Fn(f32) -> (f64, f32), middle: f64, what: &str) {
        // Small, so that kinks are rare; the moved weight is read back exactly.
        let h = 1.0 / 16384.0;
        let ((up, a), (down, b)) = (loss(h), loss(-h));
        let width = f64::from(a) - f64::from(b);
        let bend = (up - 2.0 * middle + down).abs() / width;
        let error = (f64::from(found) - (up - down) / width).abs();
        self.checked += 1;
        if bend > 1e-3 {
            self.rough += 1;
        } else {
            assert!(
                error < 1e-4 * (1.0 + f64::from(found.abs())) + bend,
                "{what}: {found}, error {error}, bend {bend}"
            );
        }
    }
}

#[test]
fn planned_gradients_agree_with_finite_differences() {
    let labels = [2u32, 0, 1];
    for f in activation_registry() {
        let mut graphs = vec![zoo(&f)];
        for kind in [Kind::Residual, Kind::Ode, Kind::Zerosnet] {
            let a = Architecture {
                kind,
                width: 5,
                hidden: 6,
                activation: f.name().into(),
                ..Architecture::default()
            };
            let n = build::build(&a, &Shape::new(&[7]), 3, 3).expect("valid");
            graphs.push(n.lower().expect("valid"));
        }
        for (which, graph) in graphs.iter().enumerate() {
            let n = graph.input_shape(0).len();
            let x: Vec<f32> = numbers(5, 3 * n).iter().map(|v| 0.5 + 0.5 * v).collect();
            for eps in [0.0f32, 0.0625] {
                let (gradients, dx) = planned(graph, &x, &labels, eps);
                let loss = |g: &Graph, x: &[f32]| loss64(g, x, &labels, f64::from(eps));
                let what = format!("{} graph {which} eps {eps}", f.name());
                let middle = loss(graph, &x);
                let mut differences = Differences::default();
                for (p, gradient) in graph.params().iter().zip(&gradients) {
                    for i in (0..p.data().len()).step_by(1 + p.data().len() / 12) {
                        let moved = |d: f32| {
                            let mut data = p.data().to_vec();
                            data[i] += d;
                            let t = Tensor::new(p.name(), p.shape().clone(), data);
                            let t = Arc::new(t.expect("finite"));
                            let replace = |q: &Param| match Arc::ptr_eq(p, q) {
                                true => t.clone(),
                                false => q.clone(),
                            };
                            let graph = graph.map_params(&replace).expect("valid");
                            (loss(&graph, &x), t.data()[i])
                        };
                        let what = format!("{what}, {} {i}", p.name());
                        differences.compare(gradient[i], moved, middle, &what);
                    }
                }
                for i in (0..dx.len()).step_by(3) {
                    let moved = |d: f32| {
                        let mut x = x.clone();
                        x[i] += d;
                        (loss(graph, &x), x[i])
                    };
                    differences.compare(dx[i], moved, middle, &what);
                }
                let Differences { checked, rough } = differences;
                assert!(
                    checked > 40 && rough * 5 < checked,
                    "{what}: {rough} of {checked}"
                );
            }
        }
    }
}

fn config(kind: &str, train: &str) -> Config {
    let text = format!(
        "seed = 3\n[data]\nsource = \"digits\"\n[model]\nkind = \"{kind}\"\nwidth = 24\nhidden = 16\n[train]\n{train}"
    );
    Config::parse("test", &text).expect("a valid configuration")
}

fn weights(network: &Network) -> Vec<u32> {
    let graph = network.lower().expect("valid");
    let params = graph.params();
    let data = params.iter().flat_map(|p| p.data());
    data.map(|v| v.to_bits()).collect()
}

/// Reproducibility is promised for the pure-Rust products; BLAS has threads
/// and an order of its own.
#[test]
fn same_seed_same_weights_whatever_the_threads() {
    if cfg!(feature = "lapack") {
        eprintln!("SKIPPED: with BLAS the order of summation is not ours");
        return;
    }
    let digits = data::load("digits").expect("bundled");
    for (kind, train) in [
        (
            "residual",
            "objective = \"ibp\"\neps = 0.05\nepochs = 3\nwarmup = 0\nramp = 2\nbatch = 1000",
        ),
        (
            "ode",
            "objective = \"pgd\"\neps = 0.05\nepochs = 2\nwarmup = 0\nramp = 0\nattack_steps = 2",
        ),
        (
            "zerosnet",
            "optimiser = \"sgd\"\nlr = 0.05\nepochs = 2\nwarmup = 0\nramp = 0",
        ),
    ] {
        let mut config = config(kind, train);
        // Wide enough that products are split over threads.
        config.model.width = 96;
        config.model.hidden = 96;
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let trained = pool
                .expect("a thread pool")
                .install(|| train::train(&config, &Cpu, &digits, None, &mut |_| {}));
            trained.expect("trains")
        };
        let (one, two) = (run(1), run(3));
        assert_eq!(weights(&one.network), weights(&two.network), "{kind}");
        assert_eq!(one.history, two.history);
        let mut other = config.clone();
        other.seed = 4;
        let other = train::train(&other, &Cpu, &digits, None, &mut |_| {}).expect("trains");
        assert_ne!(weights(&one.network), weights(&other.network));
    }
}

#[test]
fn an_interrupted_run_continues_identically() {
    let digits = data::load("digits").expect("bundled");
    let schedule = "objective = \"ibp\"\neps = 0.05\nepochs = 14\nwarmup = 1\nramp = 4";
    let config = config("ode", schedule);
    let whole = train::train(&config, &Cpu, &digits, None, &mut |_| {}).expect("trains");
    let folder = tempfile::tempdir().expect("a folder");
    let (path, copy) = (folder.path().join("a.state"), folder.path().join("b.state"));
    train::train(&config, &Cpu, &digits, Some(&path), &mut |p| {
        if p.epoch.epoch == 10 {
            std::fs::copy(&path, &copy).expect("saved before it is reported");
        }
    })
    .expect("trains");
    let interrupted = std::fs::read(&copy).expect("a file");
    let mut epochs = Vec::new();
    let resumed = train::train(&config, &Cpu, &digits, Some(&copy), &mut |p| {
        epochs.push(p.epoch.epoch);
    })
    .expect("resumes");
    assert_eq!(epochs, [11, 12, 13, 14]);
    assert_eq!(resumed.history.len(), whole.history.len());
    if !cfg!(feature = "lapack") {
        assert_eq!(weights(&resumed.network), weights(&whole.network));
        assert_eq!(resumed.history, whole.history);
    }
    let refused = |config: &Config| {
        let result = train::train(config, &Cpu, &digits, Some(&copy), &mut |_| {});
        assert!(matches!(result, Err(train::Error::State { .. })));
    };
    let mut other = config.clone();
    other.seed += 1;
    refused(&other);
    for cut in [0, 4, 100, interrupted.len() / 2, interrupted.len() - 1] {
        std::fs::write(&copy, &interrupted[..cut]).expect("written");
        refused(&config);
    }
}

#[test]
fn bad_configurations_name_the_field() {
    let good = "[data]\nsource = \"digits\"\n[model]\nkind = \"ode\"\n[train]\nepochs = 1\nwarmup = 0\nramp = 0\n";
    Config::parse("c.toml", good).expect("valid");
    let (epochs, ode) = ("epochs = 1", "kind = \"ode\"");
    for (from, to, name) in [
        (epochs, "epochs = 0", "train.epochs"),
        (epochs, "epochs = 1\nlr = nan", "train.lr"),
        (epochs, "epochs = 1\neps = -1.0", "train.eps"),
        (epochs, "epochs = 1\nobjective = \"x\"", "train.objective"),
        (epochs, "epochs = 1\nspeed = 3", "speed"),
        (ode, "kind = \"rnn\"", "rnn"),
        (ode, "kind = \"ode\"\nmethod = \"ab2\"", "model.method"),
        (ode, "kind = \"zerosnet\"\nsteps = 2", "model.steps"),
        (ode, "kind = \"ode\"\nwidth = 0", "model.width"),
        (
            ode,
            "kind = \"ode\"\nactivation = \"sin\"",
            "model.activation",
        ),
        ("[data]", "[date]", "date"),
    ] {
        let error = Config::parse("c.toml", &good.replace(from, to)).expect_err(name);
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn kinds_build_the_blocks_they_name() {
    for (kind, method, fields) in [
        (Kind::Residual, "euler", 3),
        (Kind::Ode, "midpoint", 1),
        (Kind::Zerosnet, "zerosnet(-9/5)", 3),
    ] {
        let a = Architecture {
            kind,
            ..Architecture::default()
        };
        let n = build::build(&a, &Shape::new(&[1, 8, 8]), 10, 0).expect("valid");
        let blocks: Vec<_> = n.ode_blocks().collect();
        assert_eq!(blocks.len(), 1);
        assert_eq!(blocks[0].1.method.name(), method);
        assert_eq!(blocks[0].1.field.graphs().len(), fields);
        assert!(matches!(&n.nodes[1].layer, Layer::Op(_)) && n.nodes[1].name == "flatten");
        assert_eq!(n.lower().expect("valid").output_shape().dims(), [10]);
    }
}

fn share(margins: &[f32]) -> f64 {
    margins.iter().filter(|v| **v > 0.0).count() as f64 / margins.len() as f64
}

/// Certified training reaches what the demo needs, and attacks respect the
/// bracket: certified at ε implies not attacked at ε.
#[test]
fn certified_training_and_attacks_bracket() {
    let digits = data::load("digits").expect("bundled");
    let test = &digits.test;
    let mut best = 0.0f64;
    for config in Config::demo().expect("bundled") {
        let start = std::time::Instant::now();
        let trained = train::train(&config, &Cpu, &digits, None, &mut |_| {}).expect("trains");
        let seconds = start.elapsed().as_secs_f32();
        let kind = &trained.network.name;
        let graph = trained.network.lower().expect("valid");
        let boxes = train::estimate_box_margins(&Cpu, &graph, &test.x, &test.labels, 0.05);
        let boxes = boxes.expect("margins");
        let clean = attack::estimate_margins(&Cpu, &graph, &test.x, &test.labels, 100);
        let clean = clean.expect("margins");
        eprintln!(
            "{kind}: clean {:.3}, boxes {:.3}, {seconds:.1} s",
            share(&clean),
            share(&boxes)
        );
        assert!(share(&clean) >= 0.9, "{kind}: clean {}", share(&clean));
        assert!(share(&boxes) >= 0.65, "{kind}: boxes {}", share(&boxes));
        best = best.max(share(&boxes));
        for attack in attack::registry() {
            let options = Options {
                steps: 10,
                ..Options::default()
            };
            let found = attack::run(*attack, &Cpu, &graph, &test.x, &test.labels, &options);
            for c in found.expect("runs") {
                // Both sides are rounded: an exact comparison needs `bounds`.
                let slack = 1e-4;
                assert!(
                    c.margin_estimate >= boxes[c.sample] - slack,
                    "{}",
                    attack.name()
                );
                assert!(c.distance <= 0.05 + 1e-9);
            }
        }
    }
    assert!(best >= 0.8, "best of the three: {best}");
}

/// Adversarial training makes a network harder to attack.
#[test]
fn adversarial_training_helps() {
    let digits = data::load("digits").expect("bundled");
    let test = &digits.test;
    let robust = |train: &str| {
        let trained = train::train(&config("residual", train), &Cpu, &digits, None, &mut |_| {});
        let graph = trained.expect("trains").network.lower().expect("valid");
        let pgd = attack::by_name("pgd").expect("registered");
        let options = Options {
            eps: Rational::from((1, 10)),
            ..Options::default()
        };
        let found = attack::run(pgd, &Cpu, &graph, &test.x, &test.labels, &options);
        let found = found.expect("runs");
        share(&found.iter().map(|c| c.margin_estimate).collect::<Vec<_>>())
    };
    let plain = robust("epochs = 12\nwarmup = 0\nramp = 0");
    let pgd = robust("objective = \"pgd\"\neps = 0.1\nepochs = 12\nwarmup = 0\nramp = 6");
    eprintln!("robust at 0.1: standard {plain:.3}, pgd {pgd:.3}");
    assert!(pgd > plain + 0.1, "{pgd} against {plain}");
}

#[test]
fn attacks_stay_in_their_balls_and_repeat() {
    let digits = data::load("digits").expect("bundled");
    let config = config("residual", "epochs = 6\nwarmup = 0\nramp = 0");
    let trained = train::train(&config, &Cpu, &digits, None, &mut |_| {}).expect("trains");
    let graph = trained.network.lower().expect("valid");
    let (x, labels) = (&digits.test.x[..64 * 50], &digits.test.labels[..50]);
    for attack in attack::registry() {
        for norm in [Norm::Linf, Norm::L2] {
            for loss in [attack::Loss::CrossEntropy, attack::Loss::Margin] {
                let eps = match norm {
                    Norm::Linf => Rational::from((1, 10)),
                    Norm::L2 => Rational::from((1, 2)),
                };
                let run = |restarts, batch| {
                    let options = Options {
                        norm,
                        eps: eps.clone(),
                        steps: 5,
                        restarts,
                        loss,
                        batch,
                        ..Options::default()
                    };
                    attack::run(*attack, &Cpu, &graph, x, labels, &options).expect("runs")
                };
                let (few, more, other) = (run(1, 50), run(4, 50), run(1, 7));
                assert_eq!(few, run(1, 50), "{}", attack.name());
                for ((a, b), c) in few.iter().zip(&more).zip(&other) {
                    // Each restart adds to the best; snapping moves by an ulp.
                    assert!(b.margin_estimate <= a.margin_estimate + 1e-4);
                    // Random numbers belong to the sample, not to its batch,
                    // but a different product may flip the sign of a tiny
                    // gradient.
                    let gap = (a.margin_estimate - c.margin_estimate).abs();
                    assert!(gap < 0.5, "{}: {gap}", attack.name());
                }
                for c in &more {
                    let exact = |v: f32| Rational::from_f32(v).expect("finite");
                    let x0 = &x[c.sample * 64..(c.sample + 1) * 64];
                    let pairs = c.x.iter().zip(x0);
                    let d: Vec<Rational> = pairs.map(|(a, b)| exact(*a) - exact(*b)).collect();
                    let squares = d.iter().map(|d| Rational::from(d.square_ref()));
                    assert!(c.x.iter().all(|v| (0.0..=1.0).contains(v)));
                    let within = match norm {
                        Norm::Linf => d.iter().all(|d| d.clone().abs() <= eps),
                        Norm::L2 => squares.sum::<Rational>() <= Rational::from(eps.square_ref()),
                    };
                    assert!(within, "{} leaves its ball", attack.name());
                }
            }
        }
    }
    // PGD beats FGSM beats noise on an undefended network.
    let options = Options::default();
    let margins = |name| -> f32 {
        let a = attack::by_name(name).expect("registered");
        let found = attack::run(a, &Cpu, &graph, x, labels, &options).expect("runs");
        found.iter().map(|c| c.margin_estimate).sum()
    };
    assert!(margins("pgd") < margins("fgsm") && margins("fgsm") < margins("noise"));
}

/// The smallest radius: a point at which the network errs, no farther than the
/// largest radius, and repeated exactly.
#[test]
fn minimal_radii() {
    let digits = data::load("digits").expect("bundled");
    let config = config("residual", "epochs = 6\nwarmup = 0\nramp = 0");
    let trained = train::train(&config, &Cpu, &digits, None, &mut |_| {}).expect("trains");
    let graph = trained.network.lower().expect("valid");
    let (x, labels) = (&digits.test.x[..64 * 50], &digits.test.labels[..50]);
    let options = Options {
        eps: Rational::from((1, 4)),
        steps: 10,
        batch: 16,
        ..Options::default()
    };
    let pgd = attack::by_name("pgd").expect("registered");
    let minimal = || attack::minimal_eps(pgd, &Cpu, &graph, x, labels, &options, 5).expect("runs");
    let found = minimal();
    assert_eq!(found, minimal());
    let found: Vec<_> = found.iter().flatten().collect();
    assert!(found.len() > 40, "{} of 50 broken at 1/4", found.len());
    for c in &found {
        assert!(c.seems_wrong() && c.distance <= 0.25 + 1e-9);
    }
    let mean = found.iter().map(|c| c.distance).sum::<f64>() / found.len() as f64;
    eprintln!("mean radius {mean:.4}");
    assert!(mean < 0.2, "mean distance {mean}");
}
