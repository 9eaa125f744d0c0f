//! Losses and parameter updates.

use crate::exec::program::{Coefficient, Contents, Instruction, Program};
use crate::exec::random;

use super::{SIZES, U, gamma, numbers, run, within};

#[test]
fn losses_and_margins() {
    for batch in SIZES {
        for classes in [1usize, 2, 10, 65] {
            let n = batch * classes;
            let z: Vec<f32> = numbers(1, n).iter().map(|v| v * 20.0).collect();
            let r: Vec<f32> = numbers(2, n).iter().map(|v| v.abs()).collect();
            let labels: Vec<u32> = (0..batch as u32)
                .map(|s| random::hash(3, s, 0, 0) % classes as u32)
                .collect();
            let mut p = Program::new();
            let zb = p.buffer("z", Contents::F32(z.clone()));
            let rb = p.buffer("r", Contents::F32(r.clone()));
            let lb = p.buffer("labels", Contents::U32(labels.clone()));
            let (loss, dz) = (p.zeros("loss", batch), p.zeros("dz", n));
            let (margin, dm) = (p.zeros("margin", batch), p.zeros("dm", n));
            let (worst, dr) = (p.zeros("worst", n), p.zeros("dr", n));
            p.push(Instruction::CrossEntropy {
                z: zb,
                labels: lb,
                weight: Coefficient::Fixed(0.5),
                loss,
                dz,
                batch,
                classes,
                accumulate: false,
            });
            p.push(Instruction::Margin {
                z: zb,
                labels: lb,
                margin,
                dz: dm,
                batch,
                classes,
            });
            p.push(Instruction::WorstLogits {
                center: zb,
                radius: rb,
                labels: lb,
                out: worst,
                batch,
                classes,
            });
            p.push(Instruction::WorstLogitsGrad {
                dout: zb,
                labels: lb,
                dradius: dr,
                batch,
                classes,
                accumulate: false,
            });
            let found = run(p, &[loss, dz, margin, dm, worst, dr]);
            for s in 0..batch {
                let row = &z[s * classes..(s + 1) * classes];
                let y = labels[s] as usize;
                let top = row.iter().copied().fold(f32::MIN, f32::max);
                let e: Vec<f64> = row.iter().map(|v| f64::from(v - top).exp()).collect();
                let sum: f64 = e.iter().sum();
                let ce = 0.5 * (sum.ln() - f64::from(row[y]) + f64::from(top));
                // The exponents are off by u times their size, at most 40.
                let rel = 4.0 * gamma(classes + 48);
                within(&found[0][s..=s], &[ce], &[rel * (1.0 + ce.abs())], "loss");
                for (j, e) in e.iter().enumerate() {
                    let at = s * classes + j;
                    let own = f64::from(u8::from(j == y));
                    let d = 0.5 * (e / sum - own);
                    within(&found[1][at..=at], &[d], &[rel], "loss gradient");
                    let sign = if j == y { -1.0 } else { 1.0 };
                    assert_eq!(found[5][at], sign * z[at]);
                    let w = f64::from(z[at]) + f64::from(sign * r[at]);
                    within(&found[4][at..=at], &[w], &[U * w.abs()], "worst logits");
                }
                let rival = (0..classes)
                    .filter(|&j| j != y)
                    .reduce(|a, b| if row[b] > row[a] { b } else { a });
                match rival {
                    None => assert_eq!(found[2][s], f32::INFINITY),
                    Some(j) => {
                        assert_eq!(found[2][s], row[y] - row[j]);
                        let mut d = vec![0.0; classes];
                        (d[y], d[j]) = (-1.0, 1.0);
                        assert_eq!(found[3][s * classes..(s + 1) * classes], d);
                    }
                }
            }
        }
    }
}

#[test]
fn optimisers() {
    for n in SIZES {
        let (param, g, m) = (numbers(1, n), numbers(2, n), numbers(3, n));
        let v: Vec<f32> = numbers(4, n).iter().map(|v| v.abs()).collect();
        let mut p = Program::new();
        let mut f = |v: &[f32]| p.buffer("b", Contents::F32(v.to_vec()));
        let (pb, gb, mb, vb) = (f(&param), f(&g), f(&m), f(&v));
        let (qb, hb) = (f(&param), f(&m));
        let fixed = Coefficient::Fixed;
        p.push(Instruction::Adam {
            param: pb,
            gradient: gb,
            m: mb,
            v: vb,
            lr: fixed(0.1),
            c1: fixed(2.0),
            c2: fixed(3.0),
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-3,
            decay: 0.01,
        });
        p.push(Instruction::Sgd {
            param: qb,
            gradient: gb,
            velocity: hb,
            lr: fixed(0.1),
            momentum: 0.9,
            decay: 0.01,
        });
        let found = run(p, &[pb, mb, vb, qb, hb]);
        let wide = |v: &[f32]| -> Vec<f64> { v.iter().map(|&v| f64::from(v)).collect() };
        let (param, g, m, v) = (wide(&param), wide(&g), wide(&m), wide(&v));
        let f32s = |x: f32| f64::from(x);
        let (b1, b2) = (f32s(0.9), f32s(0.999));
        let (c1, c2) = (f32s(1.0 - 0.9), f32s(1.0 - 0.999));
        let m1: Vec<f64> = (0..n).map(|i| b1 * m[i] + c1 * g[i]).collect();
        let v1: Vec<f64> = (0..n).map(|i| b2 * v[i] + c2 * g[i] * g[i]).collect();
        within(&found[1], &m1, &vec![2.0 * gamma(4); n], "first moment");
        within(&found[2], &v1, &vec![2.0 * gamma(5); n], "second moment");
        // The divisor is at least eps = 1e-3 plus a root, so errors of the
        // moments grow by at most lr c1 / 1e-3 = 200, those of the root by
        // less; the update is at most 200 · 2 in size.
        let p1: Vec<f64> = (0..n)
            .map(|i| {
                let step = m1[i] * 2.0 / ((v1[i] * 3.0).sqrt() + f32s(1e-3));
                param[i] - f32s(0.1) * (step + f32s(0.01) * param[i])
            })
            .collect();
        let bound: Vec<f64> = (0..n)
            .map(|i| {
                let divisor = (v1[i] * 3.0).sqrt() + f32s(1e-3);
                gamma(16) * (2.0 + (m[i].abs() + g[i].abs()) / divisor)
            })
            .collect();
        within(&found[0], &p1, &bound, "adam");
        let h1: Vec<f64> = (0..n)
            .map(|i| b1 * m[i] + g[i] + f32s(0.01) * param[i])
            .collect();
        let q1: Vec<f64> = (0..n).map(|i| param[i] - f32s(0.1) * h1[i]).collect();
        within(&found[4], &h1, &vec![4.0 * gamma(6); n], "velocity");
        within(&found[3], &q1, &vec![4.0 * gamma(8); n], "sgd");
    }
}
