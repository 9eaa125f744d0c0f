//! Batched passes of linear maps, binary64, one thread. Groups: products with a
//! packed constant operand beside ndarray's `dot` (OpenBLAS with the feature
//! `lapack`).

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dahlquist::rounding::{Packed, matmul};
use ndarray::Array2;

fn matrix(rows: usize, columns: usize, seed: usize) -> Array2<f64> {
    Array2::from_shape_fn((rows, columns), |(i, j)| {
        ((i * 31 + j * 17 + seed) % 97) as f64 / 97.0 - 0.5
    })
}

/// Elements of the throughput are multiply-adds.
fn products(c: &mut Criterion) {
    for (k, n) in [(256, 256), (784, 256), (256, 784), (50, 50)] {
        let b = matrix(k, n, 5);
        let packed = Packed::new(b.view());
        for m in [1, 2, 4, 8, 32, 128, 512] {
            let a = matrix(m, k, 3);
            let mut group = c.benchmark_group(format!("product_{m}x{k}x{n}"));
            group.throughput(Throughput::Elements((m * k * n) as u64));
            group.bench_function("packed", |bench| {
                bench.iter(|| packed.left(black_box(a.view())));
            });
            group.bench_function("unpacked", |bench| {
                bench.iter(|| matmul(black_box(a.view()), b.view()));
            });
            group.bench_function("blas", |bench| bench.iter(|| black_box(&a).dot(&b)));
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_millis(400)).warm_up_time(Duration::from_millis(100)).sample_size(10);
    targets = products
}
criterion_main!(benches);
