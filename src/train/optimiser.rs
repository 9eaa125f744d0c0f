//! Parameter updates as instructions, with their state.

use super::config::{Optimiser, Schedule};
use super::objective::{Scalar, StepInputs};
use crate::exec::plan::Parameter;
use crate::exec::program::{BufferId, Instruction, Program};

/// Decay rates of Adam's two moments (Kingma, Ba 2015).
const BETA: [f64; 2] = [0.9, 0.999];

/// A buffer that must survive an interruption.
#[derive(Clone, Debug)]
pub(super) struct Stateful {
    /// unique name
    pub(super) name: String,
    pub(super) buffer: BufferId,
    pub(super) len: usize,
}

/// Appends the update of every weight that has a gradient; returns its state,
/// the weights included.
pub(super) fn plan(
    program: &mut Program,
    params: &[Parameter],
    schedule: &Schedule,
    inputs: &StepInputs,
) -> Vec<Stateful> {
    let mut state = Vec::new();
    for (i, p) in params.iter().enumerate() {
        let len = p.tensor.data().len();
        let mut keep = |what: &str, buffer| {
            state.push(Stateful {
                name: format!("{i}/{what}"),
                buffer,
                len,
            });
        };
        keep("value", p.buffer);
        let Some(gradient) = p.gradient else { continue };
        let lr = inputs.scalar(Scalar::Rate);
        let decay = schedule.decay as f32;
        let name = p.tensor.name();
        match schedule.optimiser {
            Optimiser::Adam => {
                let m = program.zeros(format!("first moment of {name}"), len);
                let v = program.zeros(format!("second moment of {name}"), len);
                keep("m", m);
                keep("v", v);
                program.push(Instruction::Adam {
                    param: p.buffer,
                    gradient,
                    m,
                    v,
                    lr,
                    c1: inputs.scalar(Scalar::FirstCorrection),
                    c2: inputs.scalar(Scalar::SecondCorrection),
                    beta1: BETA[0] as f32,
                    beta2: BETA[1] as f32,
                    eps: 1e-8,
                    decay,
                });
            }
            Optimiser::Sgd => {
                let velocity = program.zeros(format!("velocity of {name}"), len);
                keep("velocity", velocity);
                program.push(Instruction::Sgd {
                    param: p.buffer,
                    gradient,
                    velocity,
                    lr,
                    momentum: schedule.momentum as f32,
                    decay,
                });
            }
        }
    }
    state
}

/// Adam's `1/(1-β^t)` for both moments, `t` counted from 1.
pub(super) fn corrections(t: usize) -> [f64; 2] {
    BETA.map(|b| {
        // Repeated squaring: powi's result may differ between platforms.
        let (mut power, mut base, mut t) = (1.0, b, t);
        while t > 0 {
            if t & 1 == 1 {
                power *= base;
            }
            base *= base;
            t >>= 1;
        }
        1.0 / (1.0 - power)
    })
}
