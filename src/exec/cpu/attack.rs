//! Random starts, ascent steps with projection, and the record of the best.

use super::memory::{Memory, sgn};
use crate::exec::program::{Instruction, Norm};
use crate::exec::random::uniform;

fn length(v: &[f32]) -> f32 {
    v.iter().map(|v| v * v).sum::<f32>().sqrt()
}

pub(super) fn run(memory: &mut Memory, instruction: &Instruction) {
    match instruction {
        Instruction::RandomStart {
            x0,
            out,
            seed,
            eps,
            norm,
            lo,
            hi,
            batch,
            n,
        } => memory.with(*out, |out, m| {
            let (x0, eps) = (m.f32(*x0), m.coefficient(*eps));
            let &[seed, restart, first] = m.u32(*seed) else {
                return;
            };
            for s in 0..*batch {
                let sample = first.wrapping_add(s as u32);
                let u = |element: usize| uniform(seed, sample, restart, element as u32);
                let (x0, out) = (&x0[s * n..(s + 1) * n], &mut out[s * n..(s + 1) * n]);
                for (i, o) in out.iter_mut().enumerate() {
                    *o = 2.0 * u(i) - 1.0;
                }
                let scale = match norm {
                    Norm::Linf => eps,
                    Norm::L2 => match length(out) {
                        0.0 => 0.0,
                        l => eps * u(*n) / l,
                    },
                };
                for (o, x) in out.iter_mut().zip(x0) {
                    *o = (x + scale * *o).max(*lo).min(*hi);
                }
            }
        }),
        Instruction::AttackStep {
            x,
            x0,
            gradient,
            eps,
            step,
            norm,
            lo,
            hi,
            batch,
            n,
        } => memory.with(*x, |x, m| {
            let (eps, step) = (m.coefficient(*eps), m.coefficient(*step));
            let (x0, gradient) = (m.f32(*x0), m.f32(*gradient));
            for s in 0..*batch {
                let row = s * n..(s + 1) * n;
                let (x, x0, g) = (&mut x[row.clone()], &x0[row.clone()], &gradient[row]);
                match norm {
                    Norm::Linf => {
                        for ((x, x0), g) in x.iter_mut().zip(x0).zip(g) {
                            let to = *x + step * sgn(*g);
                            *x = to.max(x0 - eps).min(x0 + eps).max(*lo).min(*hi);
                        }
                    }
                    Norm::L2 => {
                        let l = length(g);
                        if l > 0.0 {
                            for (x, g) in x.iter_mut().zip(g) {
                                *x += step * (g / l);
                            }
                        }
                        let squares = x.iter().zip(x0).map(|(x, x0)| (x - x0) * (x - x0));
                        let distance = squares.sum::<f32>().sqrt();
                        let shrink = if distance > eps { eps / distance } else { 1.0 };
                        for (x, x0) in x.iter_mut().zip(x0) {
                            *x = (x0 + (*x - x0) * shrink).max(*lo).min(*hi);
                        }
                    }
                }
            }
        }),
        Instruction::KeepBest {
            x,
            score,
            best,
            best_score,
            n,
            ..
        } => memory.with(*best, |best, m| {
            m.with(*best_score, |best_score, m| {
                let (x, score) = (m.f32(*x), m.f32(*score));
                for (s, (b, v)) in best_score.iter_mut().zip(score).enumerate() {
                    if v < b {
                        *b = *v;
                        best[s * n..(s + 1) * n].copy_from_slice(&x[s * n..(s + 1) * n]);
                    }
                }
            });
        }),
        _ => {}
    }
}
