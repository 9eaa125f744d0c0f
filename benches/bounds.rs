//! Bound propagation. Groups: interval bounds of a dense network beside two
//! plain matrix products per layer of the same shapes; CROWN on a residual
//! network, one sample.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use dahlquist::bounds::{Method, analyze, interval_boxes};
use dahlquist::exact::Rational;
use dahlquist::graph::{Graph, GraphBuilder};
use dahlquist::ops::{Dense, LinearMap, Relu, Shape, Tensor};
use dahlquist::rounding::{Boxes, Interval};
use dahlquist::verify::{Norm, Property, Region};
use ndarray::Array2;

/// Weights of the size a trained layer has, from a fixed generator.
fn dense(state: &mut u64, inputs: usize, outputs: usize) -> Arc<dyn LinearMap> {
    let mut next = || {
        *state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        ((*state >> 40) as f32 / (1u32 << 24) as f32 - 0.5) / (inputs as f32).sqrt()
    };
    let weight = (0..inputs * outputs).map(|_| next()).collect();
    let bias = (0..outputs).map(|_| next()).collect();
    let tensor = |name, dims: &[usize], data| {
        Arc::new(Tensor::new(name, Shape::new(dims), data).expect("finite weights"))
    };
    let map = Dense::new(
        tensor("w", &[outputs, inputs], weight),
        Some(tensor("b", &[outputs], bias)),
    );
    Arc::new(map.expect("shapes agree"))
}

fn mlp(width: usize, layers: usize) -> Graph {
    let mut b = GraphBuilder::new();
    let mut state = 1;
    let mut x = b.input("x", Shape::new(&[width]));
    for k in 0..layers {
        x = b
            .linear(format!("l{k}"), dense(&mut state, width, width), x)
            .expect("valid");
        x = b
            .pointwise(format!("r{k}"), Arc::new(Relu), x)
            .expect("valid");
    }
    b.finish(x).expect("valid")
}

fn residual(inputs: usize, width: usize, blocks: usize, classes: usize) -> Graph {
    let mut b = GraphBuilder::new();
    let mut state = 1;
    let x = b.input("x", Shape::new(&[inputs]));
    let mut z = b
        .linear("in", dense(&mut state, inputs, width), x)
        .expect("valid");
    for k in 0..blocks {
        let y = b
            .linear(format!("a{k}"), dense(&mut state, width, width), z)
            .expect("valid");
        let y = b
            .pointwise(format!("r{k}"), Arc::new(Relu), y)
            .expect("valid");
        let y = b
            .linear(format!("b{k}"), dense(&mut state, width, width), y)
            .expect("valid");
        let one = Rational::from(1);
        z = b
            .combine(format!("z{k}"), &[(one.clone(), z), (one, y)])
            .expect("valid");
    }
    let out = b
        .linear("out", dense(&mut state, width, classes), z)
        .expect("valid");
    b.finish(out).expect("valid")
}

fn bounds(c: &mut Criterion) {
    let (width, layers, images) = (256, 3, 1000);
    let graph = mlp(width, layers);
    let input = Boxes::from_shape_fn((images, width), |s, i| {
        let c = ((s * 31 + i * 17) % 97) as f64 / 97.0;
        Interval::or_entire(c - 0.01, c + 0.01)
    });
    c.bench_function("interval_3x256_1000", |b| {
        b.iter(|| interval_boxes(&graph, vec![black_box(input.clone())]));
    });
    let weights: Vec<Array2<f64>> = (0..2 * layers)
        .map(|k| {
            Array2::from_shape_fn((width, width), |(i, j)| {
                ((i * 7 + j * 13 + k) % 11) as f64 / 11.0
            })
        })
        .collect();
    c.bench_function("plain_gemm_x2_3x256_1000", |b| {
        b.iter(|| {
            for w in &weights {
                black_box(black_box(input.lo()).dot(&w.t()));
            }
        });
    });

    let graph = residual(64, 40, 3, 10);
    let center: Vec<f32> = (0..64).map(|i| (i * 37 % 64) as f32 / 64.0).collect();
    let property = Property::robust(0, 10).expect("a class");
    for (name, eps) in [("eps_0.02", (1, 50)), ("eps_0.1", (1, 10))] {
        let region = Region::unit(center.clone(), Norm::Linf, Rational::from(eps)).expect("valid");
        c.bench_function(&format!("crown_64-40-3x(40-40)-10_{name}"), |b| {
            b.iter(|| analyze(&graph, black_box(&region), &property, Method::Crown));
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(4)).warm_up_time(Duration::from_secs(1)).sample_size(20);
    targets = bounds
}
criterion_main!(benches);
