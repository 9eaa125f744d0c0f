//! Matrix products, channel-wise affine maps and channel sums.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2, s};
use rayon::prelude::*;

use super::memory::{Memory, put, sgn};
use crate::exec::program::Instruction;

/// Rows per block of a product that is worth splitting, and the least number
/// of multiply-adds for which it is (about 0.2 ms on one core).
const ROWS: usize = 64;
const WORTH_SPLITTING: usize = 1 << 22;

/// A row-major `rows × cols` view, transposed if asked.
pub(super) fn view(
    data: &[f32],
    rows: usize,
    cols: usize,
    transposed: bool,
) -> ArrayView2<'_, f32> {
    let (r, c) = if transposed {
        (cols, rows)
    } else {
        (rows, cols)
    };
    let v = ArrayView2::from_shape((r, c), data).expect("operand lengths were validated");
    if transposed { v.reversed_axes() } else { v }
}

/// `out (+)= A B` for `A` (m, k), `B` (k, n) and row-major `out`.
pub(super) fn product(
    a: ArrayView2<'_, f32>,
    b: ArrayView2<'_, f32>,
    out: &mut [f32],
    accumulate: bool,
) {
    let (m, n, k) = (a.nrows(), b.ncols(), a.ncols());
    let beta = if accumulate { 1.0 } else { 0.0 };
    let block = |a: ArrayView2<'_, f32>, out: &mut [f32]| {
        let mut out =
            ArrayViewMut2::from_shape((a.nrows(), n), out).expect("operand lengths were validated");
        if k == 0 {
            // The library's product of empty sums is not specified for β = 0.
            if !accumulate {
                out.fill(0.0);
            }
        } else {
            general_mat_mul(1.0, &a, &b, beta, &mut out);
        }
    };
    // BLAS has threads of its own.
    let split = !cfg!(feature = "lapack")
        && m > ROWS
        && m.saturating_mul(n).saturating_mul(k) >= WORTH_SPLITTING;
    if split {
        out.par_chunks_mut(ROWS * n)
            .enumerate()
            .for_each(|(i, out)| {
                let rows = i * ROWS..(i * ROWS + ROWS).min(m);
                block(a.slice(s![rows, ..]), out);
            });
    } else {
        block(a, out);
    }
}

pub(super) fn run(memory: &mut Memory, instruction: &Instruction) {
    match instruction {
        Instruction::Gemm {
            a,
            b,
            out,
            m,
            n,
            k,
            transpose_a,
            transpose_b,
            abs_b,
            bias,
            sign_of,
            accumulate,
        } => memory.with(*out, |out, mem| {
            let a = view(mem.f32(*a), *m, *k, *transpose_a);
            let b = mem.f32(*b);
            let absolute: Vec<f32>;
            let b = if *abs_b {
                absolute = b.iter().map(|v| v.abs()).collect();
                &absolute
            } else {
                b
            };
            let b = view(b, *k, *n, *transpose_b);
            match sign_of {
                Some(sign_of) => {
                    let mut plain = vec![0.0; out.len()];
                    product(a, b, &mut plain, false);
                    let signs = mem.f32(*sign_of);
                    for ((o, p), &s) in out.iter_mut().zip(&plain).zip(signs) {
                        put(o, sgn(s) * p, *accumulate);
                    }
                }
                None => product(a, b, out, *accumulate),
            }
            if let Some(bias) = bias
                && *n > 0
            {
                for row in out.chunks_exact_mut(*n) {
                    for (o, b) in row.iter_mut().zip(mem.f32(*bias)) {
                        *o += b;
                    }
                }
            }
        }),
        Instruction::ChannelAffine {
            x,
            scale,
            bias,
            out,
            channels,
            inner,
            absolute,
            accumulate,
            ..
        } => memory.with(*out, |out, m| {
            if out.is_empty() {
                return;
            }
            let bias = bias.map(|b| m.f32(b));
            let scale = m.f32(*scale);
            let lines = out.chunks_exact_mut(*inner);
            for (i, (out, x)) in lines.zip(m.f32(*x).chunks_exact(*inner)).enumerate() {
                let c = i % channels;
                let s = if *absolute { scale[c].abs() } else { scale[c] };
                let b = bias.map_or(0.0, |b| b[c]);
                for (o, x) in out.iter_mut().zip(x) {
                    put(o, s * x + b, *accumulate);
                }
            }
        }),
        Instruction::ChannelSum {
            x,
            y,
            out,
            outer,
            channels,
            inner,
            sign_of,
            accumulate,
        } => memory.with(*out, |out, m| {
            let (x, y) = (m.f32(*x), y.map(|y| m.f32(y)));
            let mut sums = vec![0.0f32; *channels];
            for o in 0..*outer {
                for (c, sum) in sums.iter_mut().enumerate() {
                    let at = (o * channels + c) * inner;
                    let range = at..at + inner;
                    *sum += match y {
                        Some(y) => x[range.clone()]
                            .iter()
                            .zip(&y[range])
                            .map(|(x, y)| x * y)
                            .sum::<f32>(),
                        None => x[range].iter().sum::<f32>(),
                    };
                }
            }
            let signs = sign_of.map(|s| m.f32(s));
            for (c, (o, sum)) in out.iter_mut().zip(sums).enumerate() {
                put(o, signs.map_or(1.0, |s| sgn(s[c])) * sum, *accumulate);
            }
        }),
        _ => {}
    }
}
