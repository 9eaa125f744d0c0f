//! Fill, axpy, and the input box.

use super::memory::{Memory, put};
use crate::exec::program::Instruction;

pub(super) fn run(memory: &mut Memory, instruction: &Instruction) {
    match instruction {
        Instruction::Fill { out, value } => memory.with(*out, |out, _| out.fill(*value)),
        Instruction::Axpy {
            x,
            alpha,
            out,
            accumulate,
        } => memory.with(*out, |out, m| {
            let alpha = m.coefficient(*alpha);
            for (o, &x) in out.iter_mut().zip(m.f32(*x)) {
                put(o, alpha * x, *accumulate);
            }
        }),
        Instruction::InputBox {
            x,
            eps,
            lo,
            hi,
            center,
            radius,
        } => memory.with(*center, |center, m| {
            m.with(*radius, |radius, m| {
                let eps = m.coefficient(*eps);
                for ((&x, c), r) in m.f32(*x).iter().zip(center).zip(radius) {
                    let (l, h) = ((x - eps).max(*lo), (x + eps).min(*hi));
                    *c = 0.5 * (l + h);
                    *r = 0.5 * (h - l);
                }
            });
        }),
        _ => {}
    }
}
