//! Tiling, typed errors, repeated and changed runs.

use dahlquist::exec::device::{Request, open};
use dahlquist::exec::program::{Coefficient, Contents, Instruction, Program};
use dahlquist::exec::wgpu::Gpu;
use dahlquist::exec::{Error, Executor};
use dahlquist::ops::PointwiseKernel;

use crate::model::data;
use crate::rig::{SMALL, adapter, rig};

fn axpy(x: usize, out: usize) -> Program {
    let mut p = Program::new();
    let (x, out) = (p.zeros("x", x), p.zeros("out", out));
    p.push(Instruction::Axpy {
        x,
        alpha: Coefficient::Fixed(1.0),
        out,
        accumulate: true,
    });
    p
}

/// Rows of the result are computed by the same kernel whatever the tile.
#[test]
fn tiled_results_are_the_same_bits() {
    let Some([whole, cut]) = rig() else { return };
    let (m, k, n) = (500, 36, 20);
    let mut p = Program::new();
    let x = p.buffer("x", Contents::F32(data(1, m * k, 2.0)));
    let w = p.buffer("w", Contents::F32(data(2, k * n, 1.0)));
    let (h, y) = (p.zeros("h", m * n), p.zeros("y", m * n));
    let (best, score) = (
        p.zeros("best", m * n),
        p.buffer("score", Contents::F32(data(3, m, 1.0))),
    );
    let best_score = p.zeros("best score", m);
    p.push(Instruction::Gemm {
        a: x,
        b: w,
        out: h,
        m,
        n,
        k,
        transpose_a: false,
        transpose_b: false,
        abs_b: false,
        bias: None,
        sign_of: None,
        accumulate: false,
    });
    p.push(Instruction::Pointwise {
        f: PointwiseKernel::Tanh,
        x: h,
        out: y,
    });
    p.push(Instruction::KeepBest {
        x: y,
        score,
        best,
        best_score,
        batch: m,
        n,
    });
    assert!(m * k * 4 > SMALL as usize && m * n * 4 > SMALL as usize);
    let run = |gpu: &Gpu| -> Vec<u32> {
        let mut s = gpu.load(&p).expect("loads");
        s.run().expect("runs");
        let mut all = Vec::new();
        for b in [h, y, best, best_score] {
            all.extend(s.read(b).expect("reads").iter().map(|v| v.to_bits()));
        }
        all
    };
    assert_eq!(run(whole), run(cut));
}

#[test]
fn what_cannot_be_cut_is_too_large() {
    let Some([whole, cut]) = rig() else { return };
    let gemm = |m: usize, n: usize, k: usize, transpose: bool| {
        let mut p = Program::new();
        let (a, b, out) = (
            p.zeros("a", m * k),
            p.zeros("b", k * n),
            p.zeros("out", m * n),
        );
        p.push(Instruction::Gemm {
            a,
            b,
            out,
            m,
            n,
            k,
            transpose_a: transpose,
            transpose_b: transpose,
            abs_b: false,
            bias: None,
            sign_of: None,
            accumulate: false,
        });
        p
    };
    for program in [gemm(4, 100, 100, false), gemm(100, 4, 100, true)] {
        assert!(whole.load(&program).is_ok());
        match cut.load(&program).map(|_| ()) {
            Err(Error::TooLarge {
                needed, allowed, ..
            }) => {
                assert_eq!((needed, allowed), (40_000, SMALL));
            }
            other => panic!("{other:?}"),
        }
    }
    // more than any device has
    let mut p = Program::new();
    let out = p.zeros("out", 1 << 60);
    p.push(Instruction::Fill { out, value: 1.0 });
    match whole.load(&p).map(|_| ()) {
        Err(Error::TooLarge { name, .. }) => assert_eq!(name, "out"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn invalid_programs_and_data_are_typed_errors() {
    let Some([gpu, _]) = rig() else { return };
    assert!(matches!(
        gpu.load(&axpy(3, 4)).map(|_| ()),
        Err(Error::Operand {
            found: 3,
            expected: 4,
            ..
        })
    ));

    let mut p = Program::new();
    let z = p.zeros("z", 6);
    let labels = p.buffer("labels", Contents::U32(vec![0, 2]));
    let (margin, dz) = (p.zeros("margin", 2), p.zeros("dz", 6));
    p.push(Instruction::Margin {
        z,
        labels,
        margin,
        dz,
        batch: 2,
        classes: 3,
    });
    let mut s = gpu.load(&p).expect("loads");
    assert!(matches!(
        s.write_u32(labels, &[1, 3]),
        Err(Error::Index {
            at: 1,
            found: 3,
            below: 3,
            ..
        })
    ));
    assert!(matches!(
        s.write(labels, &[0.0; 2]),
        Err(Error::BufferKind { .. })
    ));
    assert!(matches!(
        s.write_u32(z, &[0; 6]),
        Err(Error::BufferKind { .. })
    ));
    assert!(matches!(
        s.write(z, &[0.0; 5]),
        Err(Error::BufferLength {
            found: 5,
            expected: 6,
            ..
        })
    ));
    assert!(matches!(s.read(labels), Err(Error::BufferKind { .. })));
    // the session survives its errors
    s.write(z, &[1.0, 5.0, 2.0, 0.0, 1.0, 4.0]).expect("writes");
    s.run().expect("runs");
    assert_eq!(s.read(margin).expect("reads"), [-4.0, 3.0]);

    let mut p = Program::new();
    let (z, margin, dz) = (p.zeros("z", 2), p.zeros("margin", 2), p.zeros("dz", 2));
    let labels = p.buffer("labels", Contents::U32(vec![0, 0]));
    p.push(Instruction::Margin {
        z,
        labels,
        margin,
        dz,
        batch: 2,
        classes: 1,
    });
    assert!(matches!(
        gpu.load(&p).map(|_| ()),
        Err(Error::Unsupported { .. })
    ));
}

#[test]
fn a_lost_device_is_a_typed_error() {
    let Some(adapter) = adapter() else { return };
    let gpu = Gpu::new(&adapter).expect("opens");
    let program = axpy(100, 100);
    let mut s = gpu.load(&program).expect("loads");
    s.run().expect("runs");
    gpu.release();
    let out = {
        // the second buffer
        let mut p = Program::new();
        p.zeros("x", 1);
        p.zeros("out", 1)
    };
    assert!(matches!(s.run(), Err(Error::Lost { .. })));
    assert!(matches!(s.read(out), Err(Error::Lost { .. })));
    assert!(matches!(s.write(out, &[0.0; 100]), Err(Error::Lost { .. })));
    assert!(matches!(
        gpu.load(&program).map(|_| ()),
        Err(Error::Lost { .. })
    ));
}

#[test]
fn a_program_runs_many_times_with_changing_scalars() {
    let Some([gpu, _]) = rig() else { return };
    let mut p = Program::new();
    let x = p.buffer("x", Contents::F32(vec![1.0; 70]));
    let scalars = p.zeros("scalars", 2);
    let out = p.zeros("out", 70);
    p.push(Instruction::Axpy {
        x,
        alpha: Coefficient::Scalar {
            factor: 2.0,
            buffer: scalars,
            index: 1,
        },
        out,
        accumulate: true,
    });
    p.repeat(0..1, 2);
    let mut s = gpu.load(&p).expect("loads");
    let mut sum = 0.0;
    for step in 1..5u8 {
        s.write(scalars, &[f32::MAX, f32::from(step)])
            .expect("writes");
        s.run().expect("runs");
        sum += 6.0 * f32::from(step);
        assert_eq!(s.read(out).expect("reads"), vec![sum; 70]);
    }
}

#[test]
fn an_adapter_opens_by_a_part_of_its_name() {
    let Some(adapter) = adapter() else { return };
    let name = adapter.device().name.to_uppercase();
    let part = name.split_whitespace().next().expect("a name");
    let executor = open(&Request::Named(part.into())).expect("opens");
    assert!(executor.describe().to_uppercase().contains(part));
    assert!(open(&Request::Gpu).is_ok());
    assert!(open(&Request::Auto).is_ok());
}
