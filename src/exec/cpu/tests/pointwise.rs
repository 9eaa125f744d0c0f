//! Elementwise instructions.

use crate::exec::program::{Coefficient, Contents, Instruction, Program};
use crate::ops::activation_registry;

use super::{ETA, SIZES, U, gamma, numbers, run, within};

/// The stated accuracy: a value is within 4 ulp (each elementary function is
/// correctly rounded, at most three operations follow), a slope within 8 u
/// absolutely (all slopes are at most 1).
#[test]
fn pointwise_functions_and_slopes() {
    for f in activation_registry() {
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
            let Some(kernel) = f.kernel() else { continue };
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
