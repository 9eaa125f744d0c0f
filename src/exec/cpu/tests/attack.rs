//! Random starts, steps and the record of the best.

use crate::exec::program::{Coefficient, Contents, Instruction, Norm, Program};
use crate::exec::random::uniform;

use super::{gamma, numbers, run, within};

#[test]
fn attack_steps_project() {
    for n in [1usize, 63, 64, 65] {
        for norm in [Norm::Linf, Norm::L2] {
            for eps in [0.0f32, 0.1, 3.0] {
                let batch = 4;
                let len = batch * n;
                let x0: Vec<f32> = numbers(1, len).iter().map(|v| 0.5 + 0.5 * v).collect();
                let mut g = numbers(2, len);
                g[..n].fill(0.0); // the first sample has no gradient
                let mut p = Program::new();
                let x0b = p.buffer("x0", Contents::F32(x0.clone()));
                let gb = p.buffer("g", Contents::F32(g.clone()));
                let seed = p.buffer("seed", Contents::U32(vec![7, 2, 40]));
                let (x, start) = (p.zeros("x", len), p.zeros("start", len));
                let best = p.zeros("best", len);
                let best_score = p.buffer("best score", Contents::F32(vec![0.0, 0.0, 5.0, 5.0]));
                let score = p.buffer("score", Contents::F32(vec![0.0, 1.0, 2.0, 5.0]));
                let eps_c = Coefficient::Fixed(eps);
                for out in [x, start] {
                    p.push(Instruction::RandomStart {
                        x0: x0b,
                        out,
                        seed,
                        eps: eps_c,
                        norm,
                        lo: 0.0,
                        hi: 1.0,
                        batch,
                        n,
                    });
                }
                p.push(Instruction::AttackStep {
                    x,
                    x0: x0b,
                    gradient: gb,
                    eps: eps_c,
                    step: Coefficient::Fixed(0.07),
                    norm,
                    lo: 0.0,
                    hi: 1.0,
                    batch,
                    n,
                });
                p.push(Instruction::KeepBest {
                    x: x0b,
                    score,
                    best,
                    best_score,
                    batch,
                    n,
                });
                let found = run(p, &[start, x, best, best_score]);
                assert_eq!(found[3], [0.0, 0.0, 2.0, 5.0]);
                assert_eq!(found[2][2 * n..3 * n], x0[2 * n..3 * n]);
                assert!(
                    found[2][..2 * n]
                        .iter()
                        .chain(&found[2][3 * n..])
                        .all(|&v| v == 0.0)
                );
                let eps = f64::from(eps);
                for s in 0..batch {
                    let row = s * n..(s + 1) * n;
                    let w = |v: &[f32]| -> Vec<f64> {
                        v[row.clone()].iter().map(|&v| f64::from(v)).collect()
                    };
                    let norm2 = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>().sqrt();
                    let (c, g, from) = (w(&x0), w(&g), w(&found[0]));
                    // the start
                    let u = |i: usize| f64::from(uniform(7, 40 + s as u32, 2, i as u32));
                    let v: Vec<f64> = (0..n).map(|i| 2.0 * u(i) - 1.0).collect();
                    let scale = match norm {
                        Norm::Linf => eps,
                        Norm::L2 if norm2(&v) == 0.0 => 0.0,
                        Norm::L2 => eps * u(n) / norm2(&v),
                    };
                    let e: Vec<f64> = (0..n)
                        .map(|i| (c[i] + scale * v[i]).clamp(0.0, 1.0))
                        .collect();
                    let tiny = vec![gamma(n + 16) * (4.0 + eps); n];
                    within(&found[0][row.clone()], &e, &tiny, "random_start");
                    // the step, from the start as computed
                    let sgn = |v: f64| if v == 0.0 { 0.0 } else { v.signum() };
                    let e: Vec<f64> = match norm {
                        Norm::Linf => (0..n)
                            .map(|i| {
                                let to = from[i] + 0.07 * sgn(g[i]);
                                to.clamp(c[i] - eps, c[i] + eps).clamp(0.0, 1.0)
                            })
                            .collect(),
                        Norm::L2 => {
                            let l = norm2(&g);
                            let t = if l > 0.0 { 0.07 / l } else { 0.0 };
                            let to: Vec<f64> = (0..n).map(|i| from[i] + t * g[i] - c[i]).collect();
                            let k = (eps / norm2(&to)).min(1.0);
                            (0..n).map(|i| (c[i] + k * to[i]).clamp(0.0, 1.0)).collect()
                        }
                    };
                    within(&found[1][row.clone()], &e, &tiny, "attack_step");
                }
            }
        }
    }
}
