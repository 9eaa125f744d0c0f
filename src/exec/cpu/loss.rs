//! Cross-entropy, margins, worst-case logits.

use super::memory::{Memory, put};
use crate::exec::Error;
use crate::exec::program::Instruction;

pub(super) fn run(memory: &mut Memory, instruction: &Instruction) -> Result<(), Error> {
    match instruction {
        Instruction::WorstLogits {
            center,
            radius,
            labels,
            out,
            classes,
            ..
        } => memory.with(*out, |out, m| {
            let labels = m.labels(*labels, *classes)?;
            let (center, radius) = (m.f32(*center), m.f32(*radius));
            for (s, &label) in labels.iter().enumerate() {
                for j in 0..*classes {
                    let i = s * classes + j;
                    out[i] = if j == label as usize {
                        center[i] - radius[i]
                    } else {
                        center[i] + radius[i]
                    };
                }
            }
            Ok(())
        }),
        Instruction::WorstLogitsGrad {
            dout,
            labels,
            dradius,
            classes,
            accumulate,
            ..
        } => memory.with(*dradius, |dradius, m| {
            let labels = m.labels(*labels, *classes)?;
            let dout = m.f32(*dout);
            for (s, &label) in labels.iter().enumerate() {
                for j in 0..*classes {
                    let i = s * classes + j;
                    let sign = if j == label as usize { -1.0 } else { 1.0 };
                    put(&mut dradius[i], sign * dout[i], *accumulate);
                }
            }
            Ok(())
        }),
        Instruction::CrossEntropy {
            z,
            labels,
            weight,
            loss,
            dz,
            classes,
            accumulate,
            ..
        } => memory.with(*loss, |loss, m| {
            m.with(*dz, |dz, m| {
                let labels = m.labels(*labels, *classes)?;
                let (z, weight) = (m.f32(*z), m.coefficient(*weight));
                for (s, &label) in labels.iter().enumerate() {
                    let row = s * classes..(s + 1) * classes;
                    let (z, dz) = (&z[row.clone()], &mut dz[row]);
                    let y = label as usize;
                    let top = z.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                    let sum: f32 = z.iter().map(|v| core_math::expf(v - top)).sum();
                    let ce = core_math::logf(sum) - (z[y] - top);
                    put(&mut loss[s], weight * ce, *accumulate);
                    for (j, (d, v)) in dz.iter_mut().zip(z).enumerate() {
                        let p = core_math::expf(v - top) / sum;
                        put(d, weight * (p - f32::from(j == y)), *accumulate);
                    }
                }
                Ok(())
            })
        }),
        Instruction::Margin {
            z,
            labels,
            margin,
            dz,
            classes,
            ..
        } => memory.with(*margin, |margin, m| {
            m.with(*dz, |dz, m| {
                let labels = m.labels(*labels, *classes)?;
                let z = m.f32(*z);
                for (s, &label) in labels.iter().enumerate() {
                    let row = s * classes..(s + 1) * classes;
                    let (z, dz) = (&z[row.clone()], &mut dz[row]);
                    let y = label as usize;
                    let mut rival: Option<usize> = None;
                    for (j, v) in z.iter().enumerate() {
                        if j != y && rival.is_none_or(|r| *v > z[r]) {
                            rival = Some(j);
                        }
                    }
                    dz.fill(0.0);
                    // With a single class nothing can be mistaken for it.
                    margin[s] = rival.map_or(f32::INFINITY, |r| z[y] - z[r]);
                    if let Some(r) = rival {
                        dz[y] = -1.0;
                        dz[r] = 1.0;
                    }
                }
                Ok(())
            })
        }),
        _ => Ok(()),
    }
}
