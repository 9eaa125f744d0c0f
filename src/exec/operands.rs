//! The operands of every instruction, and the check both executors run before
//! they touch a buffer.

use super::Error;
use super::program::{BufferId, Coefficient, Contents, Instruction, Program};
use crate::ops::Geometry;

/// How an instruction uses a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// read only
    Read,
    /// written, or read and written
    Write,
}

/// Element type of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// binary32
    F32,
    /// 32-bit unsigned integers
    U32,
}

impl Kind {
    fn of(contents: &Contents) -> Kind {
        match contents {
            Contents::Zeros(_) | Contents::F32(_) => Kind::F32,
            Contents::U32(_) => Kind::U32,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Kind::F32 => "f32",
            Kind::U32 => "u32",
        }
    }
}

/// One buffer of an instruction.
#[derive(Clone, Copy, Debug)]
pub struct Operand {
    /// the buffer
    pub buffer: BufferId,
    /// how it is used
    pub access: Access,
    /// its element type
    pub kind: Kind,
    /// elements needed: exactly as many, or for a run-time scalar at least
    pub needed: usize,
    /// the buffer may be longer (run-time scalars)
    pub at_least: bool,
}

/// Collects the operands of one instruction.
struct List(Vec<Operand>);

impl List {
    fn push(&mut self, buffer: BufferId, access: Access, kind: Kind, needed: usize) {
        self.0.push(Operand {
            buffer,
            access,
            kind,
            needed,
            at_least: false,
        });
    }
    fn read(&mut self, buffer: BufferId, needed: usize) -> &mut List {
        self.push(buffer, Access::Read, Kind::F32, needed);
        self
    }
    fn maybe(&mut self, buffer: Option<BufferId>, needed: usize) -> &mut List {
        if let Some(b) = buffer {
            self.read(b, needed);
        }
        self
    }
    fn read_u32(&mut self, buffer: BufferId, needed: usize) -> &mut List {
        self.push(buffer, Access::Read, Kind::U32, needed);
        self
    }
    fn write(&mut self, buffer: BufferId, needed: usize) -> &mut List {
        self.push(buffer, Access::Write, Kind::F32, needed);
        self
    }
    fn scalar(&mut self, c: &Coefficient) -> &mut List {
        if let Coefficient::Scalar { buffer, index, .. } = c {
            self.0.push(Operand {
                buffer: *buffer,
                access: Access::Read,
                kind: Kind::F32,
                needed: index.saturating_add(1),
                at_least: true,
            });
        }
        self
    }
}

/// Product of extents; overflow gives a length no buffer has.
fn product(extents: &[usize]) -> usize {
    extents
        .iter()
        .try_fold(1usize, |p, &e| p.checked_mul(e))
        .unwrap_or(usize::MAX)
}

/// Lengths of the input, weight and output of a convolution.
fn conv(batch: usize, g: &Geometry) -> (usize, usize, usize) {
    let per_group = g.channels.checked_div(g.groups).unwrap_or(usize::MAX);
    (
        product(&[batch, g.channels, g.input[0], g.input[1]]),
        product(&[g.out_channels, per_group, g.kernel[0], g.kernel[1]]),
        product(&[batch, g.out_channels, g.output[0], g.output[1]]),
    )
}

impl Instruction {
    /// The buffers this instruction touches, with the lengths its formula
    /// needs. Elementwise instructions take their length from the buffer they
    /// write.
    pub fn operands(&self, program: &Program) -> Vec<Operand> {
        let len = |id: BufferId| program.buffers().get(id.0).map_or(0, |b| b.contents.len());
        let mut list = List(Vec::new());
        let l = &mut list;
        match self {
            Instruction::Fill { out, .. } => {
                l.write(*out, len(*out));
            }
            Instruction::Axpy { x, alpha, out, .. } => {
                let n = len(*out);
                l.read(*x, n).scalar(alpha).write(*out, n);
            }
            Instruction::Gemm {
                a,
                b,
                out,
                m,
                n,
                k,
                bias,
                sign_of,
                ..
            } => {
                l.read(*a, product(&[*m, *k]))
                    .read(*b, product(&[*k, *n]))
                    .maybe(*bias, *n)
                    .maybe(*sign_of, product(&[*m, *n]))
                    .write(*out, product(&[*m, *n]));
            }
            Instruction::Conv2d {
                x,
                w,
                bias,
                out,
                batch,
                geometry,
                ..
            } => {
                let (nx, nw, ny) = conv(*batch, geometry);
                l.read(*x, nx)
                    .read(*w, nw)
                    .maybe(*bias, geometry.out_channels)
                    .write(*out, ny);
            }
            Instruction::Conv2dInputGrad {
                dy,
                w,
                dx,
                batch,
                geometry,
                ..
            } => {
                let (nx, nw, ny) = conv(*batch, geometry);
                l.read(*dy, ny).read(*w, nw).write(*dx, nx);
            }
            Instruction::Conv2dWeightGrad {
                x,
                dy,
                dw,
                batch,
                geometry,
                sign_of,
                ..
            } => {
                let (nx, nw, ny) = conv(*batch, geometry);
                l.read(*x, nx)
                    .read(*dy, ny)
                    .maybe(*sign_of, nw)
                    .write(*dw, nw);
            }
            Instruction::ChannelAffine {
                x,
                scale,
                bias,
                out,
                outer,
                channels,
                inner,
                ..
            } => {
                let n = product(&[*outer, *channels, *inner]);
                l.read(*x, n)
                    .read(*scale, *channels)
                    .maybe(*bias, *channels)
                    .write(*out, n);
            }
            Instruction::ChannelSum {
                x,
                y,
                out,
                outer,
                channels,
                inner,
                sign_of,
                ..
            } => {
                let n = product(&[*outer, *channels, *inner]);
                l.read(*x, n)
                    .maybe(*y, n)
                    .maybe(*sign_of, *channels)
                    .write(*out, *channels);
            }
            Instruction::Gather {
                x,
                index,
                out,
                batch,
                n_in,
                n_out,
            } => {
                l.read(*x, product(&[*batch, *n_in]))
                    .read_u32(*index, *n_out)
                    .write(*out, product(&[*batch, *n_out]));
            }
            Instruction::GatherGrad {
                dy,
                start,
                source,
                dx,
                batch,
                n_in,
                n_out,
                ..
            } => {
                l.read(*dy, product(&[*batch, *n_out]))
                    .read_u32(*start, n_in.saturating_add(1))
                    .read_u32(*source, len(*source))
                    .write(*dx, product(&[*batch, *n_in]));
            }
            Instruction::Pointwise { x, out, .. } => {
                let n = len(*out);
                l.read(*x, n).write(*out, n);
            }
            Instruction::PointwiseGrad { x, dy, dx, .. } => {
                let n = len(*dx);
                l.read(*x, n).read(*dy, n).write(*dx, n);
            }
            Instruction::InputBox {
                x,
                eps,
                center,
                radius,
                ..
            } => {
                let n = len(*center);
                l.read(*x, n)
                    .scalar(eps)
                    .write(*center, n)
                    .write(*radius, n);
            }
            Instruction::WorstLogits {
                center,
                radius,
                labels,
                out,
                batch,
                classes,
            } => {
                let n = product(&[*batch, *classes]);
                l.read(*center, n)
                    .read(*radius, n)
                    .read_u32(*labels, *batch)
                    .write(*out, n);
            }
            Instruction::WorstLogitsGrad {
                dout,
                labels,
                dradius,
                batch,
                classes,
                ..
            } => {
                let n = product(&[*batch, *classes]);
                l.read(*dout, n)
                    .read_u32(*labels, *batch)
                    .write(*dradius, n);
            }
            Instruction::CrossEntropy {
                z,
                labels,
                weight,
                loss,
                dz,
                batch,
                classes,
                ..
            } => {
                let n = product(&[*batch, *classes]);
                l.read(*z, n)
                    .read_u32(*labels, *batch)
                    .scalar(weight)
                    .write(*loss, *batch)
                    .write(*dz, n);
            }
            Instruction::Margin {
                z,
                labels,
                margin,
                dz,
                batch,
                classes,
            } => {
                let n = product(&[*batch, *classes]);
                l.read(*z, n)
                    .read_u32(*labels, *batch)
                    .write(*margin, *batch)
                    .write(*dz, n);
            }
            Instruction::RandomStart {
                x0,
                out,
                seed,
                eps,
                batch,
                n,
                ..
            } => {
                let n = product(&[*batch, *n]);
                l.read(*x0, n).read_u32(*seed, 3).scalar(eps).write(*out, n);
            }
            Instruction::AttackStep {
                x,
                x0,
                gradient,
                eps,
                step,
                batch,
                n,
                ..
            } => {
                let n = product(&[*batch, *n]);
                l.read(*x0, n)
                    .read(*gradient, n)
                    .scalar(eps)
                    .scalar(step)
                    .write(*x, n);
            }
            Instruction::KeepBest {
                x,
                score,
                best,
                best_score,
                batch,
                n,
            } => {
                let n = product(&[*batch, *n]);
                l.read(*x, n)
                    .read(*score, *batch)
                    .write(*best, n)
                    .write(*best_score, *batch);
            }
            Instruction::Adam {
                param,
                gradient,
                m,
                v,
                lr,
                c1,
                c2,
                ..
            } => {
                let n = len(*param);
                l.read(*gradient, n)
                    .scalar(lr)
                    .scalar(c1)
                    .scalar(c2)
                    .write(*m, n)
                    .write(*v, n)
                    .write(*param, n);
            }
            Instruction::Sgd {
                param,
                gradient,
                velocity,
                lr,
                ..
            } => {
                let n = len(*param);
                l.read(*gradient, n)
                    .scalar(lr)
                    .write(*velocity, n)
                    .write(*param, n);
            }
        }
        list.0
    }
}

impl Program {
    /// Checks every instruction: its buffers exist, have the element type and
    /// length of its formula, and no buffer that it writes occurs twice among
    /// its operands. Indices in the initial contents of gather tables are
    /// checked against their extents. Labels are run-time data: on a label
    /// outside `0..classes` an executor fails or skips the sample, and never
    /// touches memory outside its buffers.
    pub fn validate(&self) -> Result<(), Error> {
        for (index, instruction) in self.instructions().iter().enumerate() {
            let operands = instruction.operands(self);
            for (i, o) in operands.iter().enumerate() {
                let name = instruction.name();
                let Some(buffer) = self.buffers().get(o.buffer.0) else {
                    return Err(Error::Operand {
                        index,
                        instruction: name,
                        name: format!("#{}", o.buffer.0),
                        found: 0,
                        expected: o.needed,
                    });
                };
                let found = buffer.contents.len();
                if found < o.needed || (found != o.needed && !o.at_least) {
                    return Err(Error::Operand {
                        index,
                        instruction: name,
                        name: buffer.name.clone(),
                        found,
                        expected: o.needed,
                    });
                }
                if Kind::of(&buffer.contents) != o.kind {
                    return Err(Error::BufferKind {
                        buffer: o.buffer.0,
                        name: buffer.name.clone(),
                        expected: o.kind.name(),
                    });
                }
                let clash = |other: &Operand| {
                    other.buffer == o.buffer
                        && (o.access == Access::Write || other.access == Access::Write)
                };
                if operands[..i].iter().any(clash) {
                    return Err(Error::Aliased {
                        index,
                        instruction: name,
                        name: buffer.name.clone(),
                    });
                }
            }
            self.check_tables(instruction)?;
        }
        Ok(())
    }

    /// Index tables are fixed at planning: every entry must lie in range.
    fn check_tables(&self, instruction: &Instruction) -> Result<(), Error> {
        let check = |id: BufferId, ok: &dyn Fn(usize, u32) -> bool, below: usize| {
            let buffer = &self.buffers()[id.0];
            let Contents::U32(values) = &buffer.contents else {
                return Ok(());
            };
            match values.iter().enumerate().find(|(e, v)| !ok(*e, **v)) {
                None => Ok(()),
                Some((at, v)) => Err(Error::Index {
                    name: buffer.name.clone(),
                    at,
                    found: *v,
                    below,
                }),
            }
        };
        match instruction {
            Instruction::Gather { index, n_in, .. } => {
                check(*index, &|_, v| v == u32::MAX || (v as usize) < *n_in, *n_in)
            }
            Instruction::GatherGrad {
                start,
                source,
                n_out,
                ..
            } => {
                let Contents::U32(starts) = &self.buffers()[start.0].contents else {
                    return Ok(());
                };
                let entries = self.len_of(*source);
                check(
                    *start,
                    &|e, v| v as usize <= entries && (e == 0 || starts[e - 1] <= v),
                    entries.saturating_add(1),
                )?;
                check(*source, &|_, v| (v as usize) < *n_out, *n_out)
            }
            _ => Ok(()),
        }
    }
}
