//! Random starts, ascent steps, the best point so far.

use dahlquist::exec::Executor;
use dahlquist::exec::program::{Instruction, Norm};
use dahlquist::exec::random::uniform;

use crate::model::{BOOL, ETA, U, d, data, gamma, sgn};
use crate::rig::{Bound, Case, rig};

const SHAPES: [(usize, usize); 8] = [
    (0, 5),
    (3, 0),
    (1, 1),
    (2, 63),
    (3, 64),
    (2, 65),
    (5, 130),
    (200, 16),
];

fn norm2(v: impl Iterator<Item = f64>) -> f64 {
    v.map(|x| x * x).sum::<f64>().sqrt()
}

#[test]
fn random_start_draws_the_integers_of_the_cpu() {
    let (seed, restart, first) = (0xdead_beef, 7, u32::MAX - 40);
    let (batch, n) = (100, 70);
    let mut c = Case::new("draws");
    let (x0, out) = (
        c.program.zeros("x0", batch * n),
        c.program.zeros("out", batch * n),
    );
    let seeds = c.u32("seed", &[seed, restart, first]);
    let eps = c.coefficient(1.0, 1.0, false);
    c.push(Instruction::RandomStart {
        x0,
        out,
        seed: seeds,
        eps,
        norm: Norm::Linf,
        lo: -2.0,
        hi: 2.0,
        batch,
        n,
    });
    // 2u - 1 is a multiple of 2^-23 in [-1, 1]: every step is exact, so the
    // integers agree bit for bit.
    c.each(out, |i| {
        let sample = first.wrapping_add((i / n) as u32);
        let u = uniform(seed, sample, restart, (i % n) as u32);
        (2.0 * d(u) - 1.0, 0.0)
    });
    c.check();
    let Some(gpus) = rig() else { return };
    for gpu in gpus {
        let bits: Vec<u32> = c.run(gpu).expect("runs")[0]
            .iter()
            .map(|v| v.to_bits())
            .collect();
        let cpu = c.run(&dahlquist::exec::cpu::Cpu).expect("runs");
        assert!(
            bits.iter().eq(cpu[0]
                .iter()
                .map(|v| v.to_bits())
                .collect::<Vec<_>>()
                .iter()),
            "{}",
            gpu.describe()
        );
    }
}

#[test]
fn random_start() {
    for (batch, n) in SHAPES {
        for norm in [Norm::Linf, Norm::L2] {
            for scalar in BOOL {
                let mut c = Case::new(format!("random_start {batch} {n} {norm:?} {scalar}"));
                let xs = data(1, batch * n, 1.0);
                let (x0, seed) = (c.f32("x0", &xs), c.u32("seed", &[3, 1, 5]));
                let eps = c.coefficient(0.5, 0.25, scalar);
                let out = c.program.zeros("out", batch * n);
                c.push(Instruction::RandomStart {
                    x0,
                    out,
                    seed,
                    eps,
                    norm,
                    lo: -0.5,
                    hi: 0.75,
                    batch,
                    n,
                });
                let u = |s: usize, e: usize| d(uniform(3, 5 + s as u32, 1, e as u32));
                c.each(out, |i| {
                    let (s, x) = (i / n, d(xs[i]));
                    let v = 2.0 * u(s, i % n) - 1.0;
                    let (move_by, bound) = match norm {
                        Norm::Linf => (0.125 * v, gamma(3) * (x.abs() + 0.125) + 6.0 * ETA),
                        Norm::L2 => {
                            let len = norm2((0..n).map(|e| 2.0 * u(s, e) - 1.0));
                            let by = if len > 0.0 {
                                0.125 * u(s, n) * v / len
                            } else {
                                0.0
                            };
                            (by, gamma(n + 16) * by.abs() + U * x.abs() + 8.0 * ETA)
                        }
                    };
                    ((x + move_by).clamp(-0.5, 0.75), bound)
                });
                c.check();
            }
        }
    }
}

#[test]
fn attack_step() {
    for (batch, n) in SHAPES {
        for norm in [Norm::Linf, Norm::L2] {
            // gradients whose squares vanish or overflow have a direction too
            for (g_scale, step, scalar) in [
                (1.0, 0.05, false),
                (1.0, 0.3, true),
                (1e-30, 0.3, false),
                (1e30, 0.05, true),
            ] {
                let mut c = Case::new(format!(
                    "attack_step {batch} {n} {norm:?} {g_scale:e} {step} {scalar}"
                ));
                let size = batch * n;
                let starts = data(1, size, 1.0);
                let xs: Vec<f32> = starts
                    .iter()
                    .zip(data(2, size, 0.1))
                    .map(|(a, b)| a + b)
                    .collect();
                let mut gs = data(3, size, 1.0);
                gs.iter_mut().for_each(|g| *g *= g_scale);
                // the last sample has no gradient
                let last = size - n.min(size);
                gs[last..].fill(0.0);
                let (x, x0) = (c.f32("x", &xs), c.f32("x0", &starts));
                let gradient = c.f32("gradient", &gs);
                let eps = c.coefficient(0.2, 1.0, scalar);
                let step_by = c.coefficient(step, 1.0, scalar);
                c.push(Instruction::AttackStep {
                    x,
                    x0,
                    gradient,
                    eps,
                    step: step_by,
                    norm,
                    lo: -0.9,
                    hi: 0.8,
                    batch,
                    n,
                });
                let (eps, step) = (d(0.2), d(step));
                let (lo, hi) = (d(-0.9), d(0.8));
                if norm == Norm::Linf {
                    c.each(x, |i| {
                        let x0 = d(starts[i]);
                        let y = d(xs[i]) + step * sgn(gs[i]);
                        let y = y.clamp(x0 - eps, x0 + eps).clamp(lo, hi);
                        let size = d(xs[i]).abs() + step + x0.abs() + eps;
                        (y, gamma(3) * size + 8.0 * ETA)
                    });
                } else {
                    let (mut want, mut bounds) = (Vec::new(), Vec::new());
                    for s in 0..batch {
                        let row = |v: &[f32]| -> Vec<f64> {
                            v[s * n..(s + 1) * n].iter().map(|v| d(*v)).collect()
                        };
                        let (x, x0, g) = (row(&xs), row(&starts), row(&gs));
                        let g_norm = norm2(g.iter().copied());
                        let y: Vec<f64> = x
                            .iter()
                            .zip(&g)
                            .map(|(x, g)| {
                                if g_norm > 0.0 {
                                    x + step * g / g_norm
                                } else {
                                    *x
                                }
                            })
                            .collect();
                        let dist = norm2(y.iter().zip(&x0).map(|(y, x)| y - x));
                        let scale = if dist > eps { eps / dist } else { 1.0 };
                        want.extend(
                            y.iter()
                                .zip(&x0)
                                .map(|(y, x)| (x + (y - x) * scale).clamp(lo, hi)),
                        );
                        let size =
                            norm2(x.iter().copied()) + step + 2.0 * norm2(x0.iter().copied()) + eps;
                        bounds.push(gamma(2 * n + 40) * size + 16.0 * (n as f64).sqrt() * ETA);
                    }
                    c.expect.push((x, want, Bound::Rows(n, bounds)));
                }
                if g_scale == 1.0 || norm == Norm::Linf {
                    c.check();
                } else {
                    c.check_device();
                }
            }
        }
    }
}

#[test]
fn keep_best() {
    for (batch, n) in SHAPES {
        let mut c = Case::new(format!("keep_best {batch} {n}"));
        let (xs, bs) = (data(1, batch * n, 1.0), data(2, batch * n, 1.0));
        // coarse scores: ties occur, and keep the old point
        let coarse =
            |seed| -> Vec<f32> { data(seed, batch, 2.0).iter().map(|v| v.round()).collect() };
        let (ss, os) = (coarse(3), coarse(4));
        let (x, score) = (c.f32("x", &xs), c.f32("score", &ss));
        let (best, best_score) = (c.f32("best", &bs), c.f32("best_score", &os));
        c.push(Instruction::KeepBest {
            x,
            score,
            best,
            best_score,
            batch,
            n,
        });
        c.each(best, |i| {
            let better = ss[i / n] < os[i / n];
            (d(if better { xs[i] } else { bs[i] }), 0.0)
        });
        c.each(best_score, |s| (d(ss[s].min(os[s])), 0.0));
        c.check();
    }
}
