//! Training epochs (planning included) and attacks on the CPU executor:
//! width 64, 3 steps, the hidden width in the name.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use dahlquist::data;
use dahlquist::exec::cpu::Cpu;
use dahlquist::network::build;
use dahlquist::search::attack::{self, Options};
use dahlquist::train::{self, Config};

fn config(kind: &str, objective: &str, hidden: usize) -> Config {
    let text = format!(
        "[data]\nsource = \"digits\"\n[model]\nkind = \"{kind}\"\nhidden = {hidden}\n[train]\nobjective = \"{objective}\"\neps = 0.05\nepochs = 1\nwarmup = 0\nramp = 0\n"
    );
    Config::parse("bench", &text).expect("a valid configuration")
}

fn training(c: &mut Criterion) {
    let digits = data::load("digits").expect("bundled");
    let mut group = c.benchmark_group("training epoch of 14 steps, batch 100");
    group.sample_size(10);
    for (kind, hidden) in [("residual", 64), ("ode", 192), ("zerosnet", 64)] {
        for objective in ["standard", "pgd", "ibp"] {
            let config = config(kind, objective, hidden);
            group.bench_function(format!("{kind} {hidden} {objective}"), |b| {
                b.iter(|| {
                    let trained = train::train(&config, &Cpu, &digits, None, &mut |_| {});
                    black_box(trained.expect("trains"))
                });
            });
        }
    }
    group.finish();
}

fn attacks(c: &mut Criterion) {
    let digits = data::load("digits").expect("bundled");
    let config = config("residual", "standard", 64);
    let network = build::build(&config.model, &digits.shape, digits.classes, 0).expect("valid");
    let graph = network.lower().expect("valid");
    let (x, labels) = (&digits.test.x[..100 * 64], &digits.test.labels[..100]);
    let mut group = c.benchmark_group("attack on 100 images");
    for (name, steps) in [("fgsm", 1), ("pgd", 1), ("pgd", 20)] {
        let options = Options {
            steps,
            restarts: 1,
            ..Options::default()
        };
        let attack = attack::by_name(name).expect("registered");
        group.bench_function(format!("{name} {steps} steps"), |b| {
            b.iter(|| attack::run(attack, &Cpu, &graph, black_box(x), labels, &options));
        });
    }
    group.finish();
}

criterion_group!(benches, training, attacks);
criterion_main!(benches);
