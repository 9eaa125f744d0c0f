//! Worst-case logits, cross-entropy, margins.

use dahlquist::exec::program::Instruction;

use crate::model::{BOOL, ETA, U, d, data, gamma, labels, pow2, when};
use crate::rig::Case;

const SHAPES: [(usize, usize); 8] = [
    (0, 10),
    (1, 2),
    (3, 3),
    (63, 10),
    (64, 10),
    (65, 2),
    (5, 100),
    (300, 10),
];

#[test]
fn worst_logits() {
    for (batch, classes) in SHAPES {
        let n = batch * classes;
        let (cv, rv) = (data(1, n, 3.0), data(2, n, 1.0));
        let ys = labels(3, batch, classes);
        let own = |i: usize| i % classes == ys[i / classes] as usize;
        let mut c = Case::new(format!("worst_logits {batch} {classes}"));
        let (center, radius) = (c.f32("center", &cv), c.f32("radius", &rv));
        let (y, out) = (c.u32("labels", &ys), c.program.zeros("out", n));
        c.push(Instruction::WorstLogits {
            center,
            radius,
            labels: y,
            out,
            batch,
            classes,
        });
        c.each(out, |i| {
            let r = if own(i) { -d(rv[i]) } else { d(rv[i]) };
            let bound = U * (d(cv[i]).abs() + r.abs()) + 3.0 * ETA;
            (d(cv[i]) + r, bound)
        });
        c.check();
        for accumulate in BOOL {
            let mut c = Case::new(format!("worst_logits_grad {batch} {classes} {accumulate}"));
            let (dout, dradius) = (c.f32("dout", &cv), c.f32("dradius", &rv));
            let y = c.u32("labels", &ys);
            c.push(Instruction::WorstLogitsGrad {
                dout,
                labels: y,
                dradius,
                batch,
                classes,
                accumulate,
            });
            c.each(dradius, |i| {
                let g = if own(i) { -d(cv[i]) } else { d(cv[i]) };
                let old = when(accumulate, d(rv[i]));
                (g + old, U * (g.abs() + old.abs()) + 3.0 * ETA)
            });
            c.check();
        }
    }
}

/// Loss, gradient and their error bounds of one sample.
fn cross_entropy_of(z: &[f32], y: usize, weight: f64) -> (f64, f64, Vec<(f64, f64)>) {
    let classes = z.len();
    let zd: Vec<f64> = z.iter().map(|v| d(*v)).collect();
    let top = zd.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let low = zd.iter().copied().fold(f64::INFINITY, f64::min);
    let first = zd.iter().position(|v| *v == top).expect("a maximum");
    let rest: f64 = (0..classes)
        .filter(|j| *j != first)
        .map(|j| (zd[j] - top).exp())
        .sum();
    let ce = rest.ln_1p() + (top - zd[y]);
    let spread = (top - low).min(87.0);
    let size = 2.0 * zd.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    let e = (2.0 * spread + 3.0) * U + 2.0 * U * size;
    let w = weight.abs();
    let flushed = (1.0 + w) * classes as f64 * pow2(-124);
    let loss_bound = w * ((e + gamma(classes + 18)) * rest.ln_1p() + 2.0 * U * size)
        + gamma(3) * w * ce
        + flushed;
    let dz = (0..classes)
        .map(|j| {
            let p = (zd[j] - top).exp() / (1.0 + rest);
            let v = match (j == y, j == first) {
                (false, _) => p,
                (true, false) => p - 1.0,
                (true, true) => -rest / (1.0 + rest),
            };
            (weight * v, (2.0 * e + gamma(classes + 9)) * w + flushed)
        })
        .collect();
    (weight * ce, loss_bound, dz)
}

#[test]
fn cross_entropy() {
    for (batch, classes) in SHAPES {
        for accumulate in BOOL {
            for scalar in BOOL {
                for scale in [0.1, 5.0, 300.0] {
                    let mut c = Case::new(format!(
                        "cross_entropy {batch} {classes} {accumulate} {scalar} {scale}"
                    ));
                    let n = batch * classes;
                    let (zs, ys) = (data(1, n, scale), labels(2, batch, classes));
                    let (ls, gs) = (data(3, batch, 1.0), data(4, n, 1.0));
                    let (z, y) = (c.f32("z", &zs), c.u32("labels", &ys));
                    let weight = c.coefficient(0.25, 0.125, scalar);
                    let (loss, dz) = (c.f32("loss", &ls), c.f32("dz", &gs));
                    c.push(Instruction::CrossEntropy {
                        z,
                        labels: y,
                        weight,
                        loss,
                        dz,
                        batch,
                        classes,
                        accumulate,
                    });
                    let rows: Vec<_> = (0..batch)
                        .map(|s| {
                            let row = &zs[s * classes..(s + 1) * classes];
                            cross_entropy_of(row, ys[s] as usize, 1.0 / 32.0)
                        })
                        .collect();
                    c.each(loss, |s| {
                        let old = when(accumulate, d(ls[s]));
                        (rows[s].0 + old, rows[s].1 + gamma(3) * old.abs())
                    });
                    c.each(dz, |i| {
                        let old = when(accumulate, d(gs[i]));
                        let (v, bound) = rows[i / classes].2[i % classes];
                        (v + old, bound + gamma(3) * old.abs())
                    });
                    c.check();
                }
            }
        }
    }
}

#[test]
fn margin() {
    for (batch, classes) in SHAPES {
        // coarse values: ties occur, the first maximiser counts
        let zs: Vec<f32> = data(1, batch * classes, 4.0)
            .iter()
            .map(|v| v.round())
            .collect();
        let ys = labels(2, batch, classes);
        let mut c = Case::new(format!("margin {batch} {classes}"));
        let (z, y) = (c.f32("z", &zs), c.u32("labels", &ys));
        let margin = c.program.zeros("margin", batch);
        let dz = c.f32("dz", &data(3, batch * classes, 1.0));
        c.push(Instruction::Margin {
            z,
            labels: y,
            margin,
            dz,
            batch,
            classes,
        });
        let rival = |s: usize| {
            let mut best: Option<usize> = None;
            for j in (0..classes).filter(|j| *j != ys[s] as usize) {
                if best.is_none_or(|b| zs[s * classes + j] > zs[s * classes + b]) {
                    best = Some(j);
                }
            }
            best.expect("two classes")
        };
        c.each(margin, |s| {
            let own = d(zs[s * classes + ys[s] as usize]);
            let other = d(zs[s * classes + rival(s)]);
            (own - other, U * (own.abs() + other.abs()) + 3.0 * ETA)
        });
        c.each(dz, |i| {
            let (s, j) = (i / classes, i % classes);
            let up = f64::from(u8::from(j == rival(s)));
            (up - f64::from(u8::from(j == ys[s] as usize)), 0.0)
        });
        c.check();
    }
}
