//! Every instruction against its formula in binary64, within the error term of
//! the formula, at sizes around a workgroup.

use super::Cpu;
use crate::exec::program::{BufferId, Coefficient, Contents, Instruction, Norm, Program};
use crate::exec::random::uniform;
use crate::exec::{Error, Executor, random};
use crate::ops::{Geometry, pointwise_registry};

/// Unit roundoff of binary32 and the smallest normal number.
const U: f64 = 1.0 / 16_777_216.0;
const ETA: f64 = 1.175_494_350_822_287_5e-38;

/// `γ_k = k u / (1 - k u)`, the relative error of `k` roundings.
fn gamma(k: usize) -> f64 {
    let ku = k as f64 * U;
    ku / (1.0 - ku)
}

/// Numbers in `[-1, 1)`.
fn numbers(seed: u32, n: usize) -> Vec<f32> {
    (0..n as u32)
        .map(|i| 2.0 * random::uniform(seed, 0, 0, i) - 1.0)
        .collect()
}

/// Runs a program of one instruction and reads a buffer.
fn run(program: Program, read: &[BufferId]) -> Vec<Vec<f32>> {
    let mut session = Cpu.load(&program).expect("a valid program");
    session.run().expect("runs");
    let read = read
        .iter()
        .map(|&b| session.read(b).expect("an f32 buffer"));
    read.collect()
}

/// Asserts `|found - exact| <= bound`, elementwise.
fn within(found: &[f32], exact: &[f64], bound: &[f64], what: &str) {
    assert_eq!(found.len(), exact.len(), "{what}");
    for (i, ((f, e), b)) in found.iter().zip(exact).zip(bound).enumerate() {
        let error = (f64::from(*f) - e).abs();
        assert!(
            error <= *b,
            "{what}[{i}]: {f} against {e}, error {error}, bound {b}"
        );
    }
}

const SIZES: [usize; 5] = [0, 1, 63, 64, 65];

#[test]
fn gemm_in_every_form() {
    for (case, (m, n, k)) in [
        (0, 3, 5),
        (3, 0, 5),
        (3, 5, 0),
        (1, 1, 1),
        (63, 64, 65),
        (65, 63, 64),
        (200, 160, 150),
    ]
    .into_iter()
    .enumerate()
    {
        for flags in 0..64u32 {
            let flag = |i: u32| flags >> i & 1 == 1;
            let (ta, tb, abs_b, signed, biased, accumulate) =
                (flag(0), flag(1), flag(2), flag(3), flag(4), flag(5));
            if (biased && accumulate) || (case == 6 && flags % 7 != 0) {
                continue;
            }
            let (a, b, old) = (numbers(1, m * k), numbers(2, k * n), numbers(3, m * n));
            let (bias, mut sign) = (numbers(4, n), numbers(5, m * n));
            if let Some(s) = sign.first_mut() {
                *s = 0.0;
            }
            let mut p = Program::new();
            let a_buffer = p.buffer("a", Contents::F32(a.clone()));
            let b_buffer = p.buffer("b", Contents::F32(b.clone()));
            let out = p.buffer("out", Contents::F32(old.clone()));
            let bias_buffer = p.buffer("bias", Contents::F32(bias.clone()));
            let sign_buffer = p.buffer("sign", Contents::F32(sign.clone()));
            p.push(Instruction::Gemm {
                a: a_buffer,
                b: b_buffer,
                out,
                m,
                n,
                k,
                transpose_a: ta,
                transpose_b: tb,
                abs_b,
                bias: biased.then_some(bias_buffer),
                sign_of: signed.then_some(sign_buffer),
                accumulate,
            });
            let found = run(p, &[out]).remove(0);
            let (mut exact, mut bound) = (vec![0.0; m * n], vec![0.0; m * n]);
            for i in 0..m {
                for j in 0..n {
                    let (mut sum, mut size) = (0.0f64, 0.0f64);
                    for l in 0..k {
                        let x = f64::from(if ta { a[l * m + i] } else { a[i * k + l] });
                        let y = f64::from(if tb { b[j * k + l] } else { b[l * n + j] });
                        let y = if abs_b { y.abs() } else { y };
                        sum += x * y;
                        size += (x * y).abs();
                    }
                    let at = i * n + j;
                    if signed {
                        let s = f64::from(sign[at]);
                        sum *= if s == 0.0 { 0.0 } else { s.signum() };
                    }
                    for (used, extra) in [(biased, bias.get(j)), (accumulate, old.get(at))] {
                        if let (true, Some(v)) = (used, extra) {
                            sum += f64::from(*v);
                            size += f64::from(v.abs());
                        }
                    }
                    exact[at] = sum;
                    // k products and sums, two more additions; 1e-15 covers the
                    // reference's own rounding.
                    bound[at] = (gamma(k + 2) + 1e-13) * size + ETA;
                }
            }
            within(
                &found,
                &exact,
                &bound,
                &format!("gemm {m} {n} {k} {flags:06b}"),
            );
        }
    }
}

fn geometries() -> Vec<Geometry> {
    let g = |c, i, o, k, s, p, d, groups| {
        Geometry::new("test", c, i, o, k, s, p, d, groups).expect("valid")
    };
    vec![
        g(1, [1, 1], 1, [1, 1], [1, 1], [0; 4], [1, 1], 1),
        g(3, [8, 7], 4, [3, 2], [1, 1], [1, 0, 1, 1], [1, 1], 1),
        g(4, [9, 9], 6, [3, 3], [2, 2], [1; 4], [2, 1], 2),
        g(4, [6, 6], 4, [2, 2], [2, 2], [0; 4], [1, 1], 4),
        g(2, [4, 4], 2, [1, 1], [3, 3], [0; 4], [1, 1], 1),
    ]
}

#[test]
fn convolution_and_its_adjoints() {
    for (case, g) in geometries().into_iter().enumerate() {
        for batch in [0, 1, 3] {
            for flags in 0..8u32 {
                let (absolute, extra, accumulate) =
                    (flags & 1 == 1, flags & 2 == 2, flags & 4 == 4);
                let n_in = g.input_shape().len();
                let n_out = g.output_shape().len();
                let nw = g.out_channels * g.channels / g.groups * g.kernel[0] * g.kernel[1];
                let (x, w, dy) = (
                    numbers(1, batch * n_in),
                    numbers(2, nw),
                    numbers(3, batch * n_out),
                );
                let (bias, mut sign) = (numbers(4, g.out_channels), numbers(5, nw));
                sign[0] = 0.0;
                let old = [
                    numbers(6, batch * n_out),
                    numbers(7, batch * n_in),
                    numbers(8, nw),
                ];
                let mut p = Program::new();
                let mut f = |name: &str, v: &[f32]| p.buffer(name, Contents::F32(v.to_vec()));
                let (xb, wb, dyb) = (f("x", &x), f("w", &w), f("dy", &dy));
                let (bb, sb) = (f("bias", &bias), f("sign", &sign));
                let (out, dx, dw) = (f("out", &old[0]), f("dx", &old[1]), f("dw", &old[2]));
                p.push(Instruction::Conv2d {
                    x: xb,
                    w: wb,
                    bias: extra.then_some(bb),
                    out,
                    batch,
                    geometry: g.clone(),
                    abs_w: absolute,
                });
                p.push(Instruction::Conv2dInputGrad {
                    dy: dyb,
                    w: wb,
                    dx,
                    batch,
                    geometry: g.clone(),
                    abs_w: absolute,
                    accumulate,
                });
                p.push(Instruction::Conv2dWeightGrad {
                    x: xb,
                    dy: dyb,
                    dw,
                    batch,
                    geometry: g.clone(),
                    sign_of: extra.then_some(sb),
                    accumulate,
                });
                let found = run(p, &[out, dx, dw]);
                let mut exact = [
                    vec![0.0; batch * n_out],
                    vec![0.0; batch * n_in],
                    vec![0.0; nw],
                ];
                let mut size = exact.clone();
                let mut terms = [
                    vec![1usize; batch * n_out],
                    vec![1; batch * n_in],
                    vec![1; nw],
                ];
                let mut add = |which: usize, at: usize, v: f64| {
                    exact[which][at] += v;
                    size[which][at] += v.abs();
                    terms[which][at] += 1;
                };
                for s in 0..batch {
                    for o in 0..n_out {
                        g.window(o, &mut |i, k| {
                            let wk = f64::from(w[k]);
                            let wk = if absolute { wk.abs() } else { wk };
                            let (xi, dyo) =
                                (f64::from(x[s * n_in + i]), f64::from(dy[s * n_out + o]));
                            let sign = match f64::from(sign[k]) {
                                _ if !extra => 1.0,
                                0.0 => 0.0,
                                v => v.signum(),
                            };
                            add(0, s * n_out + o, wk * xi);
                            add(1, s * n_in + i, wk * dyo);
                            add(2, k, sign * xi * dyo);
                        });
                        if extra {
                            let c = o / (g.output[0] * g.output[1]);
                            add(0, s * n_out + o, f64::from(bias[c]));
                        }
                    }
                }
                if accumulate {
                    for which in [1, 2] {
                        for (i, v) in old[which].iter().enumerate() {
                            add(which, i, f64::from(*v));
                        }
                    }
                }
                for which in 0..3 {
                    // Zeros of the padding and of a fold add no rounding, but
                    // may add as many additions as there are coefficients.
                    let bound: Vec<f64> = size[which]
                        .iter()
                        .zip(&terms[which])
                        .map(|(s, t)| (gamma(2 * t + 2) + 1e-13) * s + ETA)
                        .collect();
                    let what = format!("conv {case}, batch {batch}, {flags:03b}, output {which}");
                    within(&found[which], &exact[which], &bound, &what);
                }
            }
        }
    }
}

#[test]
fn channel_affine_and_sum() {
    for (outer, channels, inner) in [(0, 3, 2), (1, 1, 1), (5, 3, 63), (64, 65, 1), (3, 64, 2)] {
        for flags in 0..8u32 {
            let (absolute, extra, accumulate) = (flags & 1 == 1, flags & 2 == 2, flags & 4 == 4);
            let n = outer * channels * inner;
            let (x, y, scale, bias) = (
                numbers(1, n),
                numbers(2, n),
                numbers(3, channels),
                numbers(4, channels),
            );
            let (old, old_sum) = (numbers(5, n), numbers(6, channels));
            let mut p = Program::new();
            let mut f = |v: &[f32]| p.buffer("b", Contents::F32(v.to_vec()));
            let (xb, yb, sb, bb) = (f(&x), f(&y), f(&scale), f(&bias));
            let (out, sum) = (f(&old), f(&old_sum));
            p.push(Instruction::ChannelAffine {
                x: xb,
                scale: sb,
                bias: extra.then_some(bb),
                out,
                outer,
                channels,
                inner,
                absolute,
                accumulate,
            });
            p.push(Instruction::ChannelSum {
                x: xb,
                y: extra.then_some(yb),
                out: sum,
                outer,
                channels,
                inner,
                sign_of: absolute.then_some(sb),
                accumulate,
            });
            let found = run(p, &[out, sum]);
            let (mut e, mut b) = (vec![0.0; n], vec![0.0; n]);
            let (mut es, mut size) = (vec![0.0f64; channels], vec![0.0f64; channels]);
            for i in 0..n {
                let c = i / inner % channels;
                let s = f64::from(scale[c]);
                let mut terms = vec![if absolute { s.abs() } else { s } * f64::from(x[i])];
                if extra {
                    terms.push(f64::from(bias[c]));
                }
                if accumulate {
                    terms.push(f64::from(old[i]));
                }
                e[i] = terms.iter().sum();
                b[i] = (gamma(3) + 1e-15) * terms.iter().map(|t| t.abs()).sum::<f64>() + ETA;
                let factor = if extra { f64::from(y[i]) } else { 1.0 };
                let sign = if absolute { s.signum() } else { 1.0 };
                es[c] += sign * f64::from(x[i]) * factor;
                size[c] += (f64::from(x[i]) * factor).abs();
            }
            if accumulate {
                for c in 0..channels {
                    es[c] += f64::from(old_sum[c]);
                    size[c] += f64::from(old_sum[c].abs());
                }
            }
            let bs: Vec<f64> = size
                .iter()
                .map(|s| (gamma(outer * inner + 3) + 1e-13) * s + ETA)
                .collect();
            within(&found[0], &e, &b, "channel_affine");
            within(&found[1], &es, &bs, "channel_sum");
        }
    }
}

#[test]
fn gather_is_exact_and_its_adjoint_is_the_transpose() {
    for n_in in [1usize, 63, 64, 65] {
        for n_out in SIZES {
            let batch = 3;
            let index: Vec<u32> = (0..n_out as u32)
                .map(|o| match random::hash(9, o, 0, 0) {
                    h if h % 4 == 0 => u32::MAX,
                    h => h % n_in as u32,
                })
                .collect();
            let mut start = vec![0u32];
            let mut source = Vec::new();
            for i in 0..n_in as u32 {
                source.extend((0..n_out as u32).filter(|&o| index[o as usize] == i));
                start.push(source.len() as u32);
            }
            let (x, dy) = (numbers(1, batch * n_in), numbers(2, batch * n_out));
            let old = numbers(3, batch * n_in);
            let mut p = Program::new();
            let xb = p.buffer("x", Contents::F32(x.clone()));
            let dyb = p.buffer("dy", Contents::F32(dy.clone()));
            let ib = p.buffer("index", Contents::U32(index.clone()));
            let sb = p.buffer("start", Contents::U32(start));
            let eb = p.buffer("source", Contents::U32(source));
            let out = p.zeros("out", batch * n_out);
            let dx = p.buffer("dx", Contents::F32(old.clone()));
            p.push(Instruction::Gather {
                x: xb,
                index: ib,
                out,
                batch,
                n_in,
                n_out,
            });
            p.push(Instruction::GatherGrad {
                dy: dyb,
                start: sb,
                source: eb,
                dx,
                batch,
                n_in,
                n_out,
                accumulate: true,
            });
            let found = run(p, &[out, dx]);
            let mut e: Vec<f64> = old.iter().map(|&v| f64::from(v)).collect();
            let mut size: Vec<f64> = e.iter().map(|v| v.abs()).collect();
            for s in 0..batch {
                for (o, &i) in index.iter().enumerate() {
                    let y = found[0][s * n_out + o];
                    if i == u32::MAX {
                        assert_eq!(y, 0.0);
                        continue;
                    }
                    let i = s * n_in + i as usize;
                    assert_eq!(y, x[i]);
                    let d = f64::from(dy[s * n_out + o]);
                    e[i] += d;
                    size[i] += d.abs();
                }
            }
            let bound: Vec<f64> = size
                .iter()
                .map(|s| (gamma(n_out + 1) + 1e-13) * s)
                .collect();
            within(&found[1], &e, &bound, "gather_grad");
        }
    }
}

/// The stated accuracy: a value is within 4 ulp (each elementary function is
/// correctly rounded, at most three operations follow), a slope within 8 u
/// absolutely (all slopes are at most 1).
#[test]
fn pointwise_functions_and_slopes() {
    for f in pointwise_registry() {
        for n in SIZES {
            let mut x: Vec<f32> = numbers(1, n).iter().map(|v| v * 12.0).collect();
            for (slot, v) in x.iter_mut().zip([0.0, -0.0, 1e-30, -1e-30, 88.0, -88.0]) {
                *slot = v;
            }
            let (dy, old) = (numbers(2, n), numbers(3, n));
            let mut p = Program::new();
            let xb = p.buffer("x", Contents::F32(x.clone()));
            let dyb = p.buffer("dy", Contents::F32(dy.clone()));
            let out = p.zeros("out", n);
            let dx = p.buffer("dx", Contents::F32(old.clone()));
            let kernel = f.kernel();
            p.push(Instruction::Pointwise {
                f: kernel,
                x: xb,
                out,
            });
            p.push(Instruction::PointwiseGrad {
                f: kernel,
                x: xb,
                dy: dyb,
                dx,
                accumulate: true,
            });
            let found = run(p, &[out, dx]);
            let wide = |v: &f32| f64::from(*v);
            let value: Vec<f64> = x.iter().map(|v| f.value(wide(v))).collect();
            let bound: Vec<f64> = value.iter().map(|v| 8.0 * U * v.abs() + ETA).collect();
            within(&found[0], &value, &bound, f.name());
            let slope: Vec<f64> = (0..n)
                .map(|i| wide(&old[i]) + f.slope(wide(&x[i])) * wide(&dy[i]))
                .collect();
            let bound: Vec<f64> = (0..n)
                .map(|i| 8.0 * U * wide(&dy[i]).abs() + 2.0 * U * (1.0 + wide(&old[i]).abs()))
                .collect();
            within(&found[1], &slope, &bound, &format!("slope of {}", f.name()));
        }
    }
}

#[test]
fn fill_axpy_and_box() {
    for n in SIZES {
        let (x, old) = (numbers(1, n), numbers(2, n));
        let mut p = Program::new();
        let xb = p.buffer("x", Contents::F32(x.clone()));
        let scalar = p.buffer("scalar", Contents::F32(vec![9.0, 0.25]));
        let out = p.buffer("out", Contents::F32(old.clone()));
        let filled = p.zeros("filled", n);
        let (center, radius) = (p.zeros("center", n), p.zeros("radius", n));
        let alpha = Coefficient::Scalar {
            factor: 3.0,
            buffer: scalar,
            index: 1,
        };
        p.push(Instruction::Fill {
            out: filled,
            value: -2.5,
        });
        p.push(Instruction::Axpy {
            x: xb,
            alpha,
            out,
            accumulate: true,
        });
        p.push(Instruction::InputBox {
            x: xb,
            eps: alpha,
            lo: 0.0,
            hi: 1.0,
            center,
            radius,
        });
        let found = run(p, &[filled, out, center, radius]);
        assert!(found[0].iter().all(|&v| v == -2.5));
        let wide = |v: &f32| f64::from(*v);
        let e: Vec<f64> = (0..n).map(|i| wide(&old[i]) + 0.75 * wide(&x[i])).collect();
        within(&found[1], &e, &vec![2.0 * gamma(2); n], "axpy");
        let lo = |i: usize| (wide(&x[i]) - 0.75).max(0.0);
        let hi = |i: usize| (wide(&x[i]) + 0.75).min(1.0);
        let c: Vec<f64> = (0..n).map(|i| 0.5 * (lo(i) + hi(i))).collect();
        let r: Vec<f64> = (0..n).map(|i| 0.5 * (hi(i) - lo(i))).collect();
        within(&found[2], &c, &vec![2.0 * gamma(2); n], "box centre");
        within(&found[3], &r, &vec![2.0 * gamma(2); n], "box radius");
    }
}

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
                for j in 0..classes {
                    let at = s * classes + j;
                    let own = f64::from(u8::from(j == y));
                    let d = 0.5 * (e[j] / sum - own);
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

#[test]
fn wrong_operands_are_typed_errors() {
    let mut p = Program::new();
    let (a, b) = (p.zeros("a", 3), p.zeros("b", 4));
    let labels = p.buffer("labels", Contents::U32(vec![9]));
    let load = |p: &Program| Cpu.load(p).map(|_| ());
    let axpy = |x, out| Instruction::Axpy {
        x,
        alpha: Coefficient::Fixed(1.0),
        out,
        accumulate: false,
    };
    let with = |i: Instruction| {
        let mut q = p.clone();
        q.push(i);
        load(&q)
    };
    assert!(matches!(
        with(axpy(a, b)),
        Err(Error::Operand {
            found: 3,
            expected: 4,
            ..
        })
    ));
    assert!(matches!(with(axpy(a, a)), Err(Error::Aliased { .. })));
    assert!(matches!(
        with(axpy(BufferId(99), a)),
        Err(Error::Operand { .. })
    ));
    let mut q = p.clone();
    let one = q.zeros("one", 1);
    q.push(axpy(labels, one));
    assert!(matches!(load(&q), Err(Error::BufferKind { .. })));
    // An index beyond the input.
    let mut q = p.clone();
    let index = q.buffer("index", Contents::U32(vec![0, 3, u32::MAX]));
    let out = q.zeros("out", 3);
    q.push(Instruction::Gather {
        x: a,
        index,
        out,
        batch: 1,
        n_in: 3,
        n_out: 3,
    });
    assert!(matches!(
        load(&q),
        Err(Error::Index {
            at: 1,
            found: 3,
            below: 3,
            ..
        })
    ));
    // A label beyond the classes shows when it runs.
    let mut q = p.clone();
    let (loss, dz) = (q.zeros("loss", 1), q.zeros("dz", 3));
    q.push(Instruction::Margin {
        z: a,
        labels,
        margin: loss,
        dz,
        batch: 1,
        classes: 3,
    });
    let mut session = Cpu.load(&q).expect("valid");
    assert!(matches!(
        session.run(),
        Err(Error::Index {
            found: 9,
            below: 3,
            ..
        })
    ));
    assert!(matches!(
        session.write(a, &[1.0]),
        Err(Error::BufferLength {
            found: 1,
            expected: 3,
            ..
        })
    ));
    assert!(matches!(
        session.read(labels),
        Err(Error::BufferKind { .. })
    ));
}
