//! Kernels on the default adapter (`DAHLQUIST_DEVICE` names another) beside the
//! CPU executor: matrix products, convolution, pointwise functions. One run is
//! a submission and a one-element read, which waits for it.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use dahlquist::exec::Executor;
use dahlquist::exec::device::{Request, open};
use dahlquist::exec::program::{BufferId, Contents, Instruction, Program};
use dahlquist::exec::random::uniform;
use dahlquist::ops::{Geometry, activation_registry};

fn values(p: &mut Program, name: &str, len: usize) -> BufferId {
    let v = (0..len as u32).map(|i| uniform(1, 0, 0, i) - 0.5).collect();
    p.buffer(name, Contents::F32(v))
}

fn executors() -> Vec<(String, Box<dyn Executor>)> {
    let wanted = std::env::var("DAHLQUIST_DEVICE").unwrap_or_else(|_| "gpu".into());
    let Ok(request) = wanted.parse::<Request>();
    let mut all = Vec::new();
    for request in [Request::Cpu, request] {
        match open(&request) {
            Ok(executor) => {
                eprintln!("{request}: {}", executor.describe());
                all.push((request.to_string(), executor));
            }
            Err(e) => eprintln!("SKIPPED: {e}"),
        }
    }
    all
}

/// Times a program of one instruction; `work` counts its basic operations.
fn bench(c: &mut Criterion, group: &str, program: &Program, work: u64) {
    let mut group = c.benchmark_group(group);
    group.throughput(Throughput::Elements(work)).sample_size(10);
    // Reading any buffer waits for the run; this one is short.
    let mut program = program.clone();
    let done = program.zeros("done", 1);
    for (name, executor) in executors() {
        let mut session = executor.load(&program).expect("loads");
        group.bench_function(name, |b| {
            b.iter(|| {
                session.run().expect("runs");
                black_box(session.read(done).expect("reads"))
            });
        });
    }
    group.finish();
}

fn gemm(c: &mut Criterion) {
    for n in [256, 512] {
        let mut p = Program::new();
        let (a, b) = (values(&mut p, "a", n * n), values(&mut p, "b", n * n));
        let out = p.zeros("out", n * n);
        p.push(Instruction::Gemm {
            a,
            b,
            out,
            m: n,
            n,
            k: n,
            transpose_a: false,
            transpose_b: true,
            abs_b: false,
            bias: None,
            sign_of: None,
            accumulate: false,
        });
        bench(c, &format!("gemm_{n}"), &p, 2 * (n * n * n) as u64);
    }
}

fn conv2d(c: &mut Criterion) {
    let batch = 16;
    let g = Geometry::new(
        "conv2d",
        16,
        [16, 16],
        16,
        [3, 3],
        [1, 1],
        [1; 4],
        [1, 1],
        1,
    )
    .expect("a valid geometry");
    let (n_in, n_out) = (g.input_shape().len(), g.output_shape().len());
    let mut p = Program::new();
    let x = values(&mut p, "x", batch * n_in);
    let w = values(&mut p, "w", 16 * 16 * 9);
    let out = p.zeros("out", batch * n_out);
    p.push(Instruction::Conv2d {
        x,
        w,
        bias: None,
        out,
        batch,
        geometry: g,
        abs_w: false,
    });
    let work = 2 * (batch * n_out * 16 * 9) as u64;
    bench(c, "conv2d_16x16x16x16_3x3", &p, work);
}

fn pointwise(c: &mut Criterion) {
    let n = 1 << 20;
    for f in activation_registry() {
        let Some(kernel) = f.kernel() else { continue };
        let mut p = Program::new();
        let x = values(&mut p, "x", n);
        let out = p.zeros("out", n);
        p.push(Instruction::Pointwise { f: kernel, x, out });
        bench(c, &format!("{}_2^20", f.name()), &p, n as u64);
    }
}

criterion_group!(kernels, gemm, conv2d, pointwise);
criterion_main!(kernels);
