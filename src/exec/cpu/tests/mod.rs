//! Every instruction against its formula in binary64, within the error term of
//! the formula, at sizes around a workgroup.

mod attack;
mod linear;
mod load;
mod pointwise;
mod steps;

use super::Cpu;
use crate::exec::Executor;
use crate::exec::program::{BufferId, Program};
use crate::exec::random;

/// Unit roundoff of binary32 and the smallest normal number.
const U: f64 = 1.0 / 16_777_216.0;
const ETA: f64 = 1.175_494_350_822_287_5e-38;

/// `γ_k = k u / (1 - k u)`, the relative error of `k` roundings.
fn gamma(k: usize) -> f64 {
    let ku = k as f64 * U;
    ku / (1.0 - ku)
}

/// Numbers in `[-1, 1)`.
fn numbers(seed: u32, n: usize) -> Vec<f32> {
    (0..n as u32)
        .map(|i| 2.0 * random::uniform(seed, 0, 0, i) - 1.0)
        .collect()
}

/// Runs a program of one instruction and reads a buffer.
fn run(program: Program, read: &[BufferId]) -> Vec<Vec<f32>> {
    let mut session = Cpu.load(&program).expect("a valid program");
    session.run().expect("runs");
    let read = read
        .iter()
        .map(|&b| session.read(b).expect("an f32 buffer"));
    read.collect()
}

/// Asserts `|found - exact| <= bound`, elementwise.
fn within(found: &[f32], exact: &[f64], bound: &[f64], what: &str) {
    assert_eq!(found.len(), exact.len(), "{what}");
    for (i, ((f, e), b)) in found.iter().zip(exact).zip(bound).enumerate() {
        let error = (f64::from(*f) - e).abs();
        assert!(
            error <= *b,
            "{what}[{i}]: {f} against {e}, error {error}, bound {b}"
        );
    }
}

const SIZES: [usize; 5] = [0, 1, 63, 64, 65];
