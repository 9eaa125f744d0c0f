//! Batched passes of linear maps, binary64, one thread. Groups: products with a
//! packed constant operand beside ndarray's `dot` (OpenBLAS with the feature
//! `lapack`); convolutions and their adjoints beside a product of as many
//! multiply-adds and beside their defining rows; kernels on rows of cotangents.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dahlquist::ops::{
    Conv2d, Geometry, LinearMap, Shape, SumPool, Tensor, Weights, adjoint_rows, apply_rows,
};
use dahlquist::rounding::forms::{RowLines, relax_row, weigh};
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

/// (name, channels, side, out channels, kernel, stride, padding, groups)
#[allow(clippy::type_complexity)] // a table
const CONVOLUTIONS: [(&str, usize, usize, usize, usize, usize, usize, usize); 7] = [
    ("3-16_3x3_32x32", 3, 32, 16, 3, 1, 1, 1),
    ("16-16_3x3_32x32", 16, 32, 16, 3, 1, 1, 1),
    ("16-32_3x3_s2_32x32", 16, 32, 32, 3, 2, 1, 1),
    ("64-64_3x3_8x8", 64, 8, 64, 3, 1, 1, 1),
    ("16-32_4x4_s2_14x14", 16, 14, 32, 4, 2, 1, 1),
    ("64-64_1x1_16x16", 64, 16, 64, 1, 1, 0, 1),
    ("depthwise-32_3x3_32x32", 32, 32, 32, 3, 1, 1, 32),
];

fn convolutions(c: &mut Criterion) {
    const ROWS: usize = 16;
    for (name, channels, side, outs, kernel, stride, pad, groups) in CONVOLUTIONS {
        let geometry = Geometry::new(
            "conv2d",
            channels,
            [side; 2],
            outs,
            [kernel; 2],
            [stride; 2],
            [pad; 4],
            [1; 2],
            groups,
        )
        .expect("valid");
        let dims = [outs, channels / groups, kernel, kernel];
        let weight = (0..dims.iter().product::<usize>()).map(|k| (k * 37 % 101) as f32 / 101.0);
        let weight = Tensor::new("w", Shape::new(&dims), weight.collect()).expect("finite");
        let map = Conv2d::new(Arc::new(weight), None, geometry.clone()).expect("shapes agree");
        let x = matrix(ROWS, map.input().len(), 1).mapv(|v| v + 2.0);
        let y = matrix(ROWS, map.output().len(), 1).mapv(|v| v + 2.0);
        let single = Array2::from_shape_fn(y.dim(), |(i, j)| f64::from(j == y.ncols() / 2 + i));
        // A product as large: (positions of the batch, terms, out channels).
        let (terms, positions) = (map.chain(), ROWS * map.output().len() / outs);
        let (left, right) = (matrix(positions, terms, 1), matrix(terms, outs, 1));
        let mut group = c.benchmark_group(format!("conv_{name}"));
        group.throughput(Throughput::Elements((positions * terms * outs) as u64));
        let signed = Weights::Signed;
        group.bench_function("apply", |b| b.iter(|| map.apply(x.view(), signed)));
        group.bench_function("adjoint", |b| b.iter(|| map.adjoint(y.view(), signed)));
        group.bench_function("adjoint_single", |b| {
            b.iter(|| map.adjoint(single.view(), signed))
        });
        group.bench_function("blas", |b| b.iter(|| black_box(&left).dot(&right)));
        group.bench_function("apply_rows", |b| {
            b.iter(|| apply_rows(&map, x.view(), signed))
        });
        group.bench_function("adjoint_rows", |b| {
            b.iter(|| adjoint_rows(&map, y.view(), signed))
        });
    }
    let geometry = Geometry::new(
        "sum_pool", 32, [32; 2], 32, [2; 2], [2; 2], [0; 4], [1; 2], 32,
    )
    .expect("valid");
    let pool = SumPool::new(geometry).expect("one group per channel");
    let (x, y) = (
        matrix(16, pool.input().len(), 1),
        matrix(16, pool.output().len(), 1),
    );
    let mut group = c.benchmark_group("sum_pool_32_2x2_32x32");
    group.throughput(Throughput::Elements(x.len() as u64));
    group.bench_function("apply", |b| {
        b.iter(|| pool.apply(x.view(), Weights::Signed))
    });
    group.bench_function("adjoint", |b| {
        b.iter(|| pool.adjoint(y.view(), Weights::Signed))
    });
    group.bench_function("apply_rows", |b| {
        b.iter(|| apply_rows(&pool, x.view(), Weights::Signed))
    });
}

fn rows(c: &mut Criterion) {
    for n in [256, 16_384] {
        let column = |seed| matrix(1, n, seed).into_raw_vec_and_offset().0;
        let [a, ls, lt, us, ut] = [1, 2, 3, 4, 5].map(column);
        let x: Vec<f64> = column(6).iter().map(|v| v.abs()).collect();
        let lines = RowLines {
            lower: (&ls, &lt),
            upper: (&us, &ut),
        };
        let mut row = a.clone();
        let mut group = c.benchmark_group(format!("row_{n}"));
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function("relax", |b| {
            b.iter(|| {
                row.copy_from_slice(&a);
                relax_row(black_box(&mut row), lines, &x, 1.0)
            });
        });
        group.bench_function("weigh", |b| b.iter(|| weigh(black_box(&a), &ls, &x)));
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_millis(400)).warm_up_time(Duration::from_millis(100)).sample_size(10);
    targets = products, convolutions, rows
}
criterion_main!(benches);
