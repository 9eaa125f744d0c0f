//! Fill, axpy, channel scales, pointwise functions, input boxes.

use dahlquist::exec::program::Instruction;
use dahlquist::ops::{PointwiseKernel, activation_registry};

use crate::model::{BOOL, ETA, SIZES, U, d, data, gamma, pow2, when};
use crate::rig::Case;

#[test]
fn fill() {
    for n in SIZES {
        let mut c = Case::new(format!("fill {n}"));
        let out = c.f32("out", &data(1, n, 3.0));
        c.push(Instruction::Fill { out, value: 0.1 });
        c.each(out, |_| (d(0.1), 0.0));
        c.check();
    }
}

#[test]
fn axpy() {
    for n in SIZES {
        for accumulate in BOOL {
            for scalar in BOOL {
                let mut c = Case::new(format!("axpy {n} {accumulate} {scalar}"));
                let (xs, os) = (data(1, n, 3.0), data(2, n, 2.0));
                let (x, out) = (c.f32("x", &xs), c.f32("out", &os));
                let alpha = c.coefficient(0.3, -1.5, scalar);
                c.push(Instruction::Axpy {
                    x,
                    alpha,
                    out,
                    accumulate,
                });
                let alpha = if scalar {
                    d(0.3) * -1.5
                } else {
                    d(0.3 * -1.5f32)
                };
                c.each(out, |i| {
                    let (p, o) = (alpha * d(xs[i]), when(accumulate, d(os[i])));
                    (p + o, gamma(3) * (p.abs() + o.abs()) + 6.0 * ETA)
                });
                c.check();
            }
        }
    }
}

#[test]
fn channel_affine() {
    for (outer, channels, inner) in [(0, 3, 2), (1, 1, 1), (5, 3, 13), (64, 65, 1), (7, 2, 700)] {
        for bits in 0..8u32 {
            let [absolute, biased, accumulate] = [0, 1, 2].map(|b| bits >> b & 1 == 1);
            let n = outer * channels * inner;
            let mut c = Case::new(format!(
                "channel_affine {outer} {channels} {inner} {bits:03b}"
            ));
            let (xs, os) = (data(1, n, 3.0), data(2, n, 2.0));
            let (ws, bs) = (data(3, channels, 1.0), data(4, channels, 1.0));
            let (x, out) = (c.f32("x", &xs), c.f32("out", &os));
            let (scale, bias) = (c.f32("scale", &ws), c.f32("bias", &bs));
            c.push(Instruction::ChannelAffine {
                x,
                scale,
                bias: biased.then_some(bias),
                out,
                outer,
                channels,
                inner,
                absolute,
                accumulate,
            });
            c.each(out, |i| {
                let ch = i / inner % channels;
                let w = if absolute { d(ws[ch]).abs() } else { d(ws[ch]) };
                let (p, b) = (w * d(xs[i]), when(biased, d(bs[ch])));
                let o = when(accumulate, d(os[i]));
                let size = p.abs() + b.abs() + o.abs();
                (p + b + o, gamma(3) * size + 6.0 * ETA)
            });
            c.check();
        }
    }
}

/// Value and slope of a function with the error its shader's header states.
fn function(f: PointwiseKernel, x: f32) -> [(f64, f64); 2] {
    let (v, a) = (d(x), d(x).abs());
    let sigmoid = if v >= 0.0 {
        1.0 / (1.0 + (-v).exp())
    } else {
        v.exp() / (1.0 + v.exp())
    };
    let t = (-a).exp();
    match f {
        PointwiseKernel::Relu => [(v.max(0.0), ETA), (when(v > 0.0, 1.0), 0.0)],
        PointwiseKernel::LeakyRelu { alpha } => {
            let alpha = d(alpha);
            let value = if v >= 0.0 { v } else { alpha * v };
            let slope = if v > 0.0 { 1.0 } else { alpha };
            [(value, U * (alpha * v).abs() + 3.0 * ETA), (slope, ETA)]
        }
        PointwiseKernel::Tanh => {
            let t2 = (-2.0 * a).exp();
            let slope = 4.0 * t2 / ((1.0 + t2) * (1.0 + t2));
            [
                (v.tanh(), 16.0 * U * v.tanh().abs() + 2.0 * ETA),
                (slope, (3.0 + 4.0 * a + 8.0) * U * slope + pow2(-122)),
            ]
        }
        PointwiseKernel::Sigmoid => {
            let slope = t / ((1.0 + t) * (1.0 + t));
            [
                (sigmoid, (9.0 + 2.0 * a) * U * sigmoid + pow2(-124)),
                (slope, (11.0 + 2.0 * a) * U * slope + pow2(-124)),
            ]
        }
        PointwiseKernel::Softplus => {
            let log = t.ln_1p();
            let value = v.max(0.0) + log;
            [
                (value, (19.0 + 2.0 * a) * U * log + U * value + pow2(-124)),
                (sigmoid, (9.0 + 2.0 * a) * U * sigmoid + pow2(-124)),
            ]
        }
    }
}

/// Arguments of every size: dense around 0, to where exp underflows and beyond.
fn arguments(n: usize) -> Vec<f32> {
    let scales = [1.0, 0.01, 12.0, 60.0, 200.0, 1e6];
    let mut v = data(5, n, 1.0);
    for (i, v) in v.iter_mut().enumerate() {
        *v *= scales[i % scales.len()];
    }
    let special = [
        0.0, 0.625, -0.625, 1.0, 10.0, -43.5, 87.0, -87.5, 88.7, -104.0,
    ];
    for (v, s) in v.iter_mut().skip(20).zip(special) {
        *v = s;
    }
    v
}

#[test]
fn pointwise() {
    for f in activation_registry() {
        let Some(kernel) = f.kernel() else { continue };
        for n in SIZES {
            let mut c = Case::new(format!("{} {n}", f.name()));
            let xs = arguments(n);
            let (x, out) = (c.f32("x", &xs), c.program.zeros("out", n));
            c.push(Instruction::Pointwise { f: kernel, x, out });
            c.each(out, |i| function(kernel, xs[i])[0]);
            c.check();
            for accumulate in BOOL {
                grad(f.name(), kernel, &xs, accumulate, 0.0).check_device();
                // The CPU's slopes cancel: 1 - tanh², s(1 - s).
                grad(f.name(), kernel, &xs, accumulate, 4.0 * U).check_cpu();
            }
        }
    }
}

/// `slope_error` is allowed in the slope on top of the shader's.
fn grad(name: &str, f: PointwiseKernel, xs: &[f32], accumulate: bool, slope_error: f64) -> Case {
    let n = xs.len();
    let mut c = Case::new(format!("{name} grad {n} {accumulate}"));
    let (gs, os) = (data(6, n, 2.0), data(7, n, 3.0));
    let (x, dy, dx) = (c.f32("x", xs), c.f32("dy", &gs), c.f32("dx", &os));
    c.push(Instruction::PointwiseGrad {
        f,
        x,
        dy,
        dx,
        accumulate,
    });
    c.each(dx, |i| {
        let [_, (slope, e)] = function(f, xs[i]);
        let (e, g, o) = (e + slope_error, d(gs[i]), when(accumulate, d(os[i])));
        let size = (slope.abs() + e) * g.abs() + o.abs();
        (slope * g + o, e * g.abs() + gamma(2) * size + 6.0 * ETA)
    });
    c
}

#[test]
fn input_box() {
    for n in SIZES {
        for scalar in BOOL {
            let mut c = Case::new(format!("input_box {n} {scalar}"));
            let xs: Vec<f32> = data(1, n, 0.6).iter().map(|v| v + 0.5).collect();
            let x = c.f32("x", &xs);
            let eps = c.coefficient(0.5, 0.25, scalar);
            let (center, radius) = (c.program.zeros("center", n), c.program.zeros("radius", n));
            c.push(Instruction::InputBox {
                x,
                eps,
                lo: 0.0,
                hi: 1.0,
                center,
                radius,
            });
            let box_of = |i: usize| {
                let x = d(xs[i]);
                let bound = gamma(4) * (x.abs() + 0.125).max(1.0) + 8.0 * ETA;
                ((x - 0.125).max(0.0), (x + 0.125).min(1.0), bound)
            };
            c.each(center, |i| {
                let (l, h, bound) = box_of(i);
                (0.5 * (l + h), bound)
            });
            c.each(radius, |i| {
                let (l, h, bound) = box_of(i);
                (0.5 * (h - l), bound)
            });
            c.check();
        }
    }
}
