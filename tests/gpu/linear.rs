//! Matrix products and channel sums.

use dahlquist::exec::program::Instruction;

use crate::model::{ETA, d, data, gamma, sgn, when};
use crate::rig::{Case, SMALL};

/// `γ_{k+2} size + η (Σ|a| + Σ|b| + 2k + 4)(1 + γ_{k+2})`.
fn product_bound(k: usize, size: f64, factors: f64) -> f64 {
    let g = gamma(k + 2);
    g * size + ETA * (factors + 2.0 * k as f64 + 4.0) * (1.0 + g)
}

fn gemm_case(m: usize, n: usize, k: usize, bits: u32) -> Case {
    let [ta, tb, abs_b, biased, signed, accumulate] =
        [0, 1, 2, 3, 4, 5].map(|b| bits >> b & 1 == 1);
    let mut c = Case::new(format!("gemm {m} {n} {k} {bits:06b}"));
    let (av, bv) = (data(1, m * k, 2.0), data(2, k * n, 1.0));
    let (biasv, sv, ov) = (data(3, n, 1.0), data(4, m * n, 1.0), data(5, m * n, 1.0));
    let (a, b) = (c.f32("a", &av), c.f32("b", &bv));
    let (bias, sign, out) = (c.f32("bias", &biasv), c.f32("sign", &sv), c.f32("out", &ov));
    c.push(Instruction::Gemm {
        a,
        b,
        out,
        m,
        n,
        k,
        transpose_a: ta,
        transpose_b: tb,
        abs_b,
        bias: biased.then_some(bias),
        sign_of: signed.then_some(sign),
        accumulate,
    });
    c.each(out, |o| {
        let (i, j) = (o / n, o % n);
        let (mut sum, mut size, mut factors) = (0.0, 0.0, 0.0);
        for l in 0..k {
            let x = d(av[if ta { l * m + i } else { i * k + l }]);
            let y = d(bv[if tb { j * k + l } else { l * n + j }]);
            let y = if abs_b { y.abs() } else { y };
            sum += x * y;
            size += (x * y).abs();
            factors += x.abs() + y.abs();
        }
        if signed {
            sum *= sgn(sv[o]);
        }
        let (bias, old) = (when(biased, d(biasv[j])), when(accumulate, d(ov[o])));
        let size = size + bias.abs() + old.abs();
        (sum + bias + old, product_bound(k, size, factors))
    });
    c
}

#[test]
fn gemm() {
    for bits in 0..64 {
        if bits & 0b10_1000 == 0b10_1000 {
            continue; // a bias comes only without accumulate
        }
        for (m, n, k) in [
            (0, 3, 2),
            (3, 0, 2),
            (5, 4, 0),
            (1, 1, 1),
            (32, 32, 16),
            (33, 31, 17),
            (17, 15, 33),
            (65, 3, 64),
            (7, 65, 63),
        ] {
            let mut case = gemm_case(m, n, k, bits);
            case.may_not_fit = k * m.max(n) * 4 > SMALL as usize;
            case.check();
        }
    }
}

#[test]
fn gemm_larger_than_a_binding() {
    // first operand, output and signs cut by rows; weight gradients by samples
    for bits in [
        0b00_0000, 0b00_1000, 0b11_0110, 0b00_0001, 0b00_1001, 0b11_0001,
    ] {
        let (m, k) = if bits & 1 == 1 { (8, 900) } else { (300, 40) };
        gemm_case(m, 12, k, bits).check();
    }
}

#[test]
fn channel_sum() {
    for (outer, channels, inner) in [
        (0, 3, 2),
        (4, 3, 0),
        (1, 1, 1),
        (63, 2, 1),
        (64, 5, 1),
        (65, 1, 1),
        (9, 7, 31),
        (700, 5, 1),
    ] {
        for bits in 0..8u32 {
            let [paired, signed, accumulate] = [0, 1, 2].map(|b| bits >> b & 1 == 1);
            let mut c = Case::new(format!("channel_sum {outer} {channels} {inner} {bits:03b}"));
            let n = outer * channels * inner;
            let (xs, ys) = (data(1, n, 2.0), data(2, n, 1.0));
            let (sv, ov) = (data(3, channels, 1.0), data(4, channels, 1.0));
            let (x, y) = (c.f32("x", &xs), c.f32("y", &ys));
            let (sign, out) = (c.f32("sign", &sv), c.f32("out", &ov));
            c.push(Instruction::ChannelSum {
                x,
                y: paired.then_some(y),
                out,
                outer,
                channels,
                inner,
                sign_of: signed.then_some(sign),
                accumulate,
            });
            c.each(out, |ch| {
                let (mut sum, mut size, mut factors) = (0.0, 0.0, 0.0);
                for o in 0..outer {
                    for i in 0..inner {
                        let at = (o * channels + ch) * inner + i;
                        let w = if paired { d(ys[at]) } else { 1.0 };
                        sum += d(xs[at]) * w;
                        size += (d(xs[at]) * w).abs();
                        factors += d(xs[at]).abs() + w.abs();
                    }
                }
                if signed {
                    sum *= sgn(sv[ch]);
                }
                let old = when(accumulate, d(ov[ch]));
                let bound = product_bound(outer * inner, size + old.abs(), factors);
                (sum + old, bound)
            });
            c.check();
        }
    }
}
