//! Adam and SGD.

use dahlquist::exec::program::Instruction;

use crate::model::{BOOL, ETA, SIZES, d, data, gamma, pow2};
use crate::rig::Case;

#[test]
fn adam() {
    for n in SIZES {
        for scalar in BOOL {
            let mut c = Case::new(format!("adam {n} {scalar}"));
            let (ps, gs, ms) = (data(1, n, 1.0), data(2, n, 0.5), data(3, n, 0.1));
            let vs: Vec<f32> = data(4, n, 0.01).iter().map(|v| v.abs()).collect();
            let (param, gradient) = (c.f32("param", &ps), c.f32("gradient", &gs));
            let (m, v) = (c.f32("m", &ms), c.f32("v", &vs));
            // products with these factors are exact
            let lr = c.coefficient(0.5, 0.25, scalar);
            let c1 = c.coefficient(1.5, 2.0, scalar);
            let c2 = c.coefficient(5.0, 4.0, scalar);
            let (beta1, beta2, eps, decay) = (0.9f32, 0.999f32, 1e-8f32, 0.01f32);
            c.push(Instruction::Adam {
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
            });
            let (lr, c1, c2) = (0.125, 3.0, 20.0f64);
            let (b1, b2) = (d(beta1), d(beta2));
            let m_of = |i: usize| {
                let (old, new) = (b1 * d(ms[i]), (1.0 - b1) * d(gs[i]));
                (old + new, old.abs() + new.abs())
            };
            let v_of = |i: usize| b2 * d(vs[i]) + (1.0 - b2) * d(gs[i]) * d(gs[i]);
            c.each(m, |i| (m_of(i).0, gamma(3) * m_of(i).1 + 6.0 * ETA));
            c.each(v, |i| (v_of(i), gamma(4) * v_of(i) + 8.0 * ETA));
            c.each(param, |i| {
                let (p, (m, size)) = (d(ps[i]), m_of(i));
                let den = (v_of(i) * c2).sqrt() + d(eps);
                let shrink = d(decay) * p;
                let q = c1 * size / den;
                let r = pow2(-60) * c2.max(1.0).sqrt();
                let bound = gamma(32) * (p.abs() + lr * (q + shrink.abs()))
                    + 2.0 * lr * q * r / den
                    + 16.0 * (1.0 + lr * (1.0 + c1 / den)) * ETA;
                (p - lr * (m * c1 / den + shrink), bound)
            });
            c.check();
        }
    }
}

#[test]
fn sgd() {
    for n in SIZES {
        for scalar in BOOL {
            let mut c = Case::new(format!("sgd {n} {scalar}"));
            let (ps, gs, vs) = (data(1, n, 1.0), data(2, n, 0.5), data(3, n, 0.1));
            let (param, gradient) = (c.f32("param", &ps), c.f32("gradient", &gs));
            let velocity = c.f32("velocity", &vs);
            let lr = c.coefficient(0.5, 0.25, scalar);
            let (momentum, decay) = (0.9f32, 0.01f32);
            c.push(Instruction::Sgd {
                param,
                gradient,
                velocity,
                lr,
                momentum,
                decay,
            });
            let step = |i: usize| {
                let terms = [d(momentum) * d(vs[i]), d(gs[i]), d(decay) * d(ps[i])];
                (
                    terms.iter().sum::<f64>(),
                    terms.iter().map(|t| t.abs()).sum::<f64>(),
                )
            };
            c.each(velocity, |i| (step(i).0, gamma(3) * step(i).1 + 8.0 * ETA));
            c.each(param, |i| {
                let (p, (v, size)) = (d(ps[i]), step(i));
                let bound = gamma(6) * (p.abs() + 0.125 * size) + 8.0 * 1.125 * ETA;
                (p - 0.125 * v, bound)
            });
            c.check();
        }
    }
}
