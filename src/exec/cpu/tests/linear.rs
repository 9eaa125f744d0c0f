//! Products, convolutions, channel maps, gathers.

use crate::exec::program::{Contents, Instruction, Program};
use crate::exec::random;
use crate::ops::Geometry;

use super::{ETA, SIZES, gamma, numbers, run, within};

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
