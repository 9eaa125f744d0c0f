//! Executors: they run whole [`Program`]s (a training step, an attack) in
//! binary32 on the CPU or on a GPU. What they return is an estimate; a claim
//! is re-established by `bounds`.
//!
//! A program is planned once ([`program`]) and run many times: buffers and
//! shapes are fixed, what changes between runs (inputs, labels, learning rate,
//! ε) is written into buffers. One run is one submission.

pub mod cpu;
pub mod device;
pub mod operands;
pub mod plan;
pub mod program;
pub mod random;
#[cfg(feature = "gpu")]
pub mod wgpu;

use program::{BufferId, Program};

/// Why a program could not be planned or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A read or write does not match the buffer.
    #[error("buffer {buffer} ({name}) holds {expected} values, {found} given")]
    BufferLength {
        /// the buffer
        buffer: usize,
        /// its name
        name: String,
        /// values given
        found: usize,
        /// values held
        expected: usize,
    },
    /// A buffer of the other element type was addressed.
    #[error("buffer {buffer} ({name}) holds {expected} values")]
    BufferKind {
        /// the buffer
        buffer: usize,
        /// its name
        name: String,
        /// its element type
        expected: &'static str,
    },
    /// An instruction's operands have the wrong length.
    #[error(
        "instruction {index} ({instruction}): buffer {name} holds {found} values, {expected} needed"
    )]
    Operand {
        /// position in the program
        index: usize,
        /// the instruction
        instruction: &'static str,
        /// the buffer
        name: String,
        /// values held
        found: usize,
        /// values needed
        expected: usize,
    },
    /// A buffer that an instruction writes occurs twice among its operands.
    #[error("instruction {index} ({instruction}): buffer {name} is written and used twice")]
    Aliased {
        /// position in the program
        index: usize,
        /// the instruction
        instruction: &'static str,
        /// the buffer
        name: String,
    },
    /// An index or label is out of range.
    #[error("buffer {name}: element {at} is {found}, must be below {below}")]
    Index {
        /// the buffer
        name: String,
        /// which element
        at: usize,
        /// its value
        found: u32,
        /// the bound
        below: usize,
    },
    /// No adapter matches the request.
    #[error("no GPU adapter matches {wanted:?}; found: {found}")]
    NoAdapter {
        /// the request
        wanted: String,
        /// the adapters present
        found: String,
    },
    /// The device refused a shader, pipeline or command.
    #[error("device {device}: {what}: {message}")]
    Device {
        /// the device
        device: String,
        /// what was being done
        what: String,
        /// the device's message
        message: String,
    },
    /// The device was lost.
    #[error("device {device} was lost: {reason}")]
    Lost {
        /// the device
        device: String,
        /// why
        reason: String,
    },
    /// A buffer is larger than the device can hold.
    #[error("buffer {name} needs {needed} bytes, device {device} allows {allowed}")]
    TooLarge {
        /// the buffer
        name: String,
        /// the device
        device: String,
        /// bytes needed
        needed: u64,
        /// bytes allowed
        allowed: u64,
    },
    /// A graph operator has no program form.
    #[error("node {node}: {what}")]
    Unsupported {
        /// the node
        node: String,
        /// why
        what: String,
    },
}

/// A place where programs run.
pub trait Executor: Send + Sync {
    /// Name and kind of the device, as recorded in results.
    fn describe(&self) -> String;
    /// Checks the program, allocates its buffers with their initial contents
    /// and builds its pipelines.
    fn load(&self, program: &Program) -> Result<Box<dyn Session>, Error>;
}

/// A loaded program with its buffers.
pub trait Session: Send {
    /// Overwrites an f32 buffer.
    fn write(&mut self, buffer: BufferId, values: &[f32]) -> Result<(), Error>;
    /// Overwrites a u32 buffer.
    fn write_u32(&mut self, buffer: BufferId, values: &[u32]) -> Result<(), Error>;
    /// Runs every instruction once, in order.
    fn run(&mut self) -> Result<(), Error>;
    /// Reads an f32 buffer (waits for the runs before it).
    fn read(&mut self, buffer: BufferId) -> Result<Vec<f32>, Error>;
}
