//! Parameter updates.

use super::memory::Memory;
use crate::exec::program::Instruction;

pub(super) fn run(memory: &mut Memory, instruction: &Instruction) {
    match instruction {
        Instruction::Adam {
            param,
            gradient,
            m,
            v,
            lr,
            c1,
            c2,
            beta1,
            beta2,
            eps,
            decay,
        } => memory.with(*param, |param, mem| {
            mem.with(*m, |m, mem| {
                mem.with(*v, |v, mem| {
                    let (lr, c1, c2) = (
                        mem.coefficient(*lr),
                        mem.coefficient(*c1),
                        mem.coefficient(*c2),
                    );
                    let gradient = mem.f32(*gradient);
                    for (((p, g), m), v) in param.iter_mut().zip(gradient).zip(m).zip(v) {
                        *m = beta1 * *m + (1.0 - beta1) * g;
                        *v = beta2 * *v + (1.0 - beta2) * (g * g);
                        *p -= lr * (*m * c1 / ((*v * c2).sqrt() + eps) + decay * *p);
                    }
                });
            });
        }),
        Instruction::Sgd {
            param,
            gradient,
            velocity,
            lr,
            momentum,
            decay,
        } => memory.with(*param, |param, mem| {
            mem.with(*velocity, |velocity, mem| {
                let lr = mem.coefficient(*lr);
                let gradient = mem.f32(*gradient);
                for ((p, g), v) in param.iter_mut().zip(gradient).zip(velocity) {
                    *v = momentum * *v + g + decay * *p;
                    *p -= lr * *v;
                }
            });
        }),
        _ => {}
    }
}
