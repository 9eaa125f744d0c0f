//! The buffers of a loaded program.

use crate::exec::Error;
use crate::exec::program::{BufferId, Coefficient, Contents, Program};

enum Data {
    F32(Vec<f32>),
    U32(Vec<u32>),
}

/// Buffers by id. The program was validated: lengths and element types fit the
/// instructions, and a written buffer has no other role in its instruction.
pub(super) struct Memory {
    data: Vec<Data>,
    names: Vec<String>,
}

impl Memory {
    pub(super) fn new(program: &Program) -> Memory {
        let data = program
            .buffers()
            .iter()
            .map(|b| match &b.contents {
                Contents::Zeros(n) => Data::F32(vec![0.0; *n]),
                Contents::F32(v) => Data::F32(v.clone()),
                Contents::U32(v) => Data::U32(v.clone()),
            })
            .collect();
        let names = program.buffers().iter().map(|b| b.name.clone()).collect();
        Memory { data, names }
    }

    fn kind_error(&self, id: BufferId, expected: &'static str) -> Error {
        Error::BufferKind {
            buffer: id.0,
            name: self.names.get(id.0).cloned().unwrap_or_default(),
            expected,
        }
    }

    fn length_error(&self, id: BufferId, found: usize, expected: usize) -> Error {
        Error::BufferLength {
            buffer: id.0,
            name: self.names.get(id.0).cloned().unwrap_or_default(),
            found,
            expected,
        }
    }

    pub(super) fn write(&mut self, id: BufferId, values: &[f32]) -> Result<(), Error> {
        match self.data.get_mut(id.0) {
            Some(Data::F32(v)) if v.len() == values.len() => v.copy_from_slice(values),
            Some(Data::F32(v)) => {
                let expected = v.len();
                return Err(self.length_error(id, values.len(), expected));
            }
            Some(Data::U32(_)) => return Err(self.kind_error(id, "u32")),
            None => return Err(self.length_error(id, values.len(), 0)),
        }
        Ok(())
    }

    pub(super) fn write_u32(&mut self, id: BufferId, values: &[u32]) -> Result<(), Error> {
        match self.data.get_mut(id.0) {
            Some(Data::U32(v)) if v.len() == values.len() => v.copy_from_slice(values),
            Some(Data::U32(v)) => {
                let expected = v.len();
                return Err(self.length_error(id, values.len(), expected));
            }
            Some(Data::F32(_)) => return Err(self.kind_error(id, "f32")),
            None => return Err(self.length_error(id, values.len(), 0)),
        }
        Ok(())
    }

    pub(super) fn read(&self, id: BufferId) -> Result<&[f32], Error> {
        match self.data.get(id.0) {
            Some(Data::F32(v)) => Ok(v),
            Some(Data::U32(_)) => Err(self.kind_error(id, "u32")),
            None => Err(self.length_error(id, 0, 0)),
        }
    }

    /// An f32 operand.
    pub(super) fn f32(&self, id: BufferId) -> &[f32] {
        match &self.data[id.0] {
            Data::F32(v) => v,
            Data::U32(_) => &[],
        }
    }

    /// A u32 operand.
    pub(super) fn u32(&self, id: BufferId) -> &[u32] {
        match &self.data[id.0] {
            Data::U32(v) => v,
            Data::F32(_) => &[],
        }
    }

    /// Labels of `classes` classes.
    pub(super) fn labels(&self, id: BufferId, classes: usize) -> Result<&[u32], Error> {
        let labels = self.u32(id);
        match labels.iter().position(|&l| l as usize >= classes) {
            None => Ok(labels),
            Some(at) => Err(Error::Index {
                name: self.names[id.0].clone(),
                at,
                found: labels[at],
                below: classes,
            }),
        }
    }

    /// The value of a coefficient.
    pub(super) fn coefficient(&self, c: Coefficient) -> f32 {
        match c {
            Coefficient::Fixed(v) => v,
            Coefficient::Scalar {
                factor,
                buffer,
                index,
            } => factor * self.f32(buffer)[index],
        }
    }

    /// Calls `body` with a written buffer and the others; the written one
    /// reads as empty meanwhile.
    pub(super) fn with<R>(
        &mut self,
        id: BufferId,
        body: impl FnOnce(&mut [f32], &mut Memory) -> R,
    ) -> R {
        let mut out = match &mut self.data[id.0] {
            Data::F32(v) => std::mem::take(v),
            Data::U32(_) => Vec::new(),
        };
        let result = body(&mut out, self);
        if let Data::F32(v) = &mut self.data[id.0] {
            *v = out;
        }
        result
    }
}

/// `out = v`, or `out += v`.
pub(super) fn put(out: &mut f32, v: f32, accumulate: bool) {
    if accumulate {
        *out += v;
    } else {
        *out = v;
    }
}

/// `sgn(v)` with `sgn(0) = 0`.
pub(super) fn sgn(v: f32) -> f32 {
    if v > 0.0 {
        1.0
    } else if v < 0.0 {
        -1.0
    } else {
        0.0
    }
}
