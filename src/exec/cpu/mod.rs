//! The CPU executor: one function per instruction, one file per family.
//!
//! Results depend on the program and its inputs alone, not on the number of
//! threads: large products are split into row blocks of fixed size, and no sum
//! is split. With the feature `lapack` the products are BLAS's, whose order of
//! summation is its own; they stay within the error term `γ_k Σ |a| |b|` of
//! every summation order, but are not reproducible from machine to machine.

mod attack;
mod conv;
mod elementwise;
mod index;
mod linear;
mod loss;
mod memory;
mod optimiser;
mod pointwise;

#[cfg(test)]
mod tests;

use super::program::{BufferId, Instruction, Program};
use super::{Error, Executor, Session};
use memory::Memory;

/// Runs programs on the CPU in binary32.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu;

impl Executor for Cpu {
    fn describe(&self) -> String {
        let product = if cfg!(feature = "lapack") {
            "BLAS"
        } else {
            "matrixmultiply"
        };
        format!("cpu ({product})")
    }

    fn load(&self, program: &Program) -> Result<Box<dyn Session>, Error> {
        program.validate()?;
        Ok(Box::new(CpuSession {
            memory: Memory::new(program),
            instructions: program.instructions().to_vec(),
        }))
    }
}

struct CpuSession {
    memory: Memory,
    instructions: Vec<Instruction>,
}

impl Session for CpuSession {
    fn write(&mut self, buffer: BufferId, values: &[f32]) -> Result<(), Error> {
        self.memory.write(buffer, values)
    }

    fn write_u32(&mut self, buffer: BufferId, values: &[u32]) -> Result<(), Error> {
        self.memory.write_u32(buffer, values)
    }

    fn run(&mut self) -> Result<(), Error> {
        self.instructions
            .iter()
            .try_for_each(|i| execute(&mut self.memory, i))
    }

    fn read(&mut self, buffer: BufferId) -> Result<Vec<f32>, Error> {
        self.memory.read(buffer).map(<[f32]>::to_vec)
    }
}

fn execute(memory: &mut Memory, instruction: &Instruction) -> Result<(), Error> {
    match instruction {
        Instruction::Fill { .. } | Instruction::Axpy { .. } | Instruction::InputBox { .. } => {
            elementwise::run(memory, instruction);
        }
        Instruction::Gemm { .. }
        | Instruction::ChannelAffine { .. }
        | Instruction::ChannelSum { .. } => linear::run(memory, instruction),
        Instruction::Conv2d { .. }
        | Instruction::Conv2dInputGrad { .. }
        | Instruction::Conv2dWeightGrad { .. } => conv::run(memory, instruction),
        Instruction::Gather { .. } | Instruction::GatherGrad { .. } => {
            index::run(memory, instruction);
        }
        Instruction::Pointwise { .. } | Instruction::PointwiseGrad { .. } => {
            pointwise::run(memory, instruction);
        }
        Instruction::WorstLogits { .. }
        | Instruction::WorstLogitsGrad { .. }
        | Instruction::CrossEntropy { .. }
        | Instruction::Margin { .. } => loss::run(memory, instruction)?,
        Instruction::RandomStart { .. }
        | Instruction::AttackStep { .. }
        | Instruction::KeepBest { .. } => attack::run(memory, instruction),
        Instruction::Adam { .. } | Instruction::Sgd { .. } => {
            optimiser::run(memory, instruction);
        }
    }
    Ok(())
}
