//! Pointwise functions and their slopes. The elementary functions are the
//! correctly rounded ones, so that a run is the same on every machine.

use super::memory::{Memory, put};
use crate::exec::program::Instruction;
use crate::ops::PointwiseKernel;

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + core_math::expf(-x))
}

fn value(f: PointwiseKernel, x: f32) -> f32 {
    match f {
        PointwiseKernel::Relu => x.max(0.0),
        PointwiseKernel::LeakyRelu { alpha } => {
            if x >= 0.0 {
                x
            } else {
                alpha * x
            }
        }
        PointwiseKernel::Tanh => core_math::tanhf(x),
        PointwiseKernel::Sigmoid => sigmoid(x),
        PointwiseKernel::Softplus => x.max(0.0) + core_math::log1pf(core_math::expf(-x.abs())),
    }
}

fn slope(f: PointwiseKernel, x: f32) -> f32 {
    match f {
        PointwiseKernel::Relu => f32::from(x > 0.0),
        PointwiseKernel::LeakyRelu { alpha } => {
            if x > 0.0 {
                1.0
            } else {
                alpha
            }
        }
        PointwiseKernel::Tanh => {
            let t = core_math::tanhf(x);
            1.0 - t * t
        }
        PointwiseKernel::Sigmoid => {
            let s = sigmoid(x);
            s * (1.0 - s)
        }
        PointwiseKernel::Softplus => sigmoid(x),
    }
}

pub(super) fn run(memory: &mut Memory, instruction: &Instruction) {
    match instruction {
        Instruction::Pointwise { f, x, out } => memory.with(*out, |out, m| {
            for (o, &x) in out.iter_mut().zip(m.f32(*x)) {
                *o = value(*f, x);
            }
        }),
        Instruction::PointwiseGrad {
            f,
            x,
            dy,
            dx,
            accumulate,
        } => memory.with(*dx, |dx, m| {
            for ((dx, &x), dy) in dx.iter_mut().zip(m.f32(*x)).zip(m.f32(*dy)) {
                put(dx, slope(*f, x) * dy, *accumulate);
            }
        }),
        _ => {}
    }
}
