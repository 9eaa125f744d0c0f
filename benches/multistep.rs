//! Multistep analysis: throughput on random methods, one full analysis, regions.
//!
//! The random methods come from a fixed generator of ten lines, so that another tool can be given
//! the same ones.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use rayon::prelude::*;

use dahlquist::exact::Rational;
use dahlquist::multistep::cells::cells;
use dahlquist::multistep::plane_family::PlaneFamily;
use dahlquist::multistep::{
    Kind, LinearMultistep, ParametricFamily, analyze, by_name, decide, region,
};

/// Degree 8, `ρ(1) = 0`: `alpha_j = a_j/16`, `beta_j = b_j/16` with integers from a 64-bit linear
/// congruential generator; every fourth has coefficients small enough to be zero-stable often.
fn random_methods(count: usize) -> Vec<LinearMultistep> {
    let mut state = 1_u64;
    let mut next = |range: i64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) as i64).rem_euclid(2 * range + 1) - range
    };
    (0..count)
        .map(|i| {
            let size = if i % 4 == 0 { 16 } else { 2 };
            let mut q: Vec<i64> = (0..7).map(|_| next(size)).collect();
            q.push(16);
            // ρ = (r − 1) q
            let mut alpha = vec![0; 9];
            for (j, c) in q.iter().enumerate() {
                alpha[j + 1] += c;
                alpha[j] -= c;
            }
            let beta: Vec<i64> = (0..9).map(|_| next(16)).collect();
            let list = |v: Vec<i64>| v.into_iter().map(|c| Rational::from((c, 16))).collect();
            LinearMultistep::new("random", Kind::First, list(alpha), list(beta)).expect("valid")
        })
        .collect()
}

fn throughput(c: &mut Criterion) {
    let methods = random_methods(10_000);
    let mut group = c.benchmark_group("multistep");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(20));
    group.bench_function("decide, 10,000 of degree 8, one thread", |b| {
        b.iter(|| {
            methods
                .iter()
                .filter(|m| black_box(decide(m)).zero_stable)
                .count()
        })
    });
    group.bench_function("decide, 10,000 of degree 8, all threads", |b| {
        b.iter(|| {
            methods
                .par_iter()
                .filter(|m| black_box(decide(m)).zero_stable)
                .count()
        })
    });
    group.bench_function("everything that analyze reports, bdf6", |b| {
        let method = by_name("bdf6").expect("known");
        b.iter(|| analyze(black_box(&method)))
    });
    group.bench_function("region of zerosnet", |b| {
        b.iter(|| region(black_box(&ParametricFamily::zerosnet())))
    });
    group.bench_function("three-step plane, 0.1 % undecided", |b| {
        let family = PlaneFamily::by_name("three-step").expect("built in");
        b.iter(|| cells(black_box(&family)))
    });
    group.finish();
}

criterion_group!(benches, throughput);
criterion_main!(benches);
