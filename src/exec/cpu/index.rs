//! Gather and its adjoint.

use super::memory::{Memory, put};
use crate::exec::program::Instruction;

pub(super) fn run(memory: &mut Memory, instruction: &Instruction) {
    match instruction {
        Instruction::Gather {
            x,
            index,
            out,
            batch,
            n_in,
            n_out,
        } => memory.with(*out, |out, m| {
            let (x, index) = (m.f32(*x), m.u32(*index));
            for s in 0..*batch {
                let x = &x[s * n_in..(s + 1) * n_in];
                for (o, &i) in out[s * n_out..(s + 1) * n_out].iter_mut().zip(index) {
                    // u32::MAX stands for no input; it is never a valid index.
                    *o = x.get(i as usize).copied().unwrap_or(0.0);
                }
            }
        }),
        Instruction::GatherGrad {
            dy,
            start,
            source,
            dx,
            batch,
            n_in,
            n_out,
            accumulate,
        } => memory.with(*dx, |dx, m| {
            let (dy, start, source) = (m.f32(*dy), m.u32(*start), m.u32(*source));
            for s in 0..*batch {
                let dy = &dy[s * n_out..(s + 1) * n_out];
                for (i, dx) in dx[s * n_in..(s + 1) * n_in].iter_mut().enumerate() {
                    let entries = source.get(start[i] as usize..start[i + 1] as usize);
                    let sum = entries
                        .unwrap_or(&[])
                        .iter()
                        .map(|&o| dy.get(o as usize).copied().unwrap_or(0.0))
                        .sum();
                    put(dx, sum, *accumulate);
                }
            }
        }),
        _ => {}
    }
}
