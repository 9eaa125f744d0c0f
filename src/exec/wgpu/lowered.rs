//! The form in which an instruction reaches the device: a kernel, its operands,
//! and the axis it can be cut along.

use super::kernels::Kernel;
use crate::exec::program::BufferId;

/// What a binding holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operand {
    /// `per_row` elements for each row of the axis that is cut
    Rows {
        /// the buffer
        buffer: BufferId,
        /// elements per row
        per_row: usize,
    },
    /// needed whole by every tile
    Whole(BufferId),
    /// one element, the coefficient's
    Element {
        /// the buffer
        buffer: BufferId,
        /// which element
        index: usize,
    },
    /// nothing: a dummy that holds 1
    Absent,
}

/// A word of the uniform block.
#[derive(Clone, Copy, Debug)]
pub(super) enum Word {
    /// rows in this tile
    Rows,
    /// index of the tile's first row
    First,
    /// an extent
    Extent(usize),
    /// a number
    Real(f32),
    /// position of a coefficient within its binding (see [`Operand::Element`])
    Index(usize),
}

/// How many workgroups a tile of `rows` rows needs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Grid {
    /// one invocation for each of so many elements per row, 64 per workgroup
    Elements(usize),
    /// one workgroup per row
    PerRow,
    /// so many workgroups, whatever the rows
    Fixed(usize),
    /// 32 × 32 tiles of (rows, this many columns)
    Tiles(usize),
}

/// What the rows are to the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    /// each row of the result comes from its row of the operands
    Mapped,
    /// the result is a sum over the rows: tiles after the first accumulate
    Summed,
}

/// A lowered instruction.
#[derive(Debug)]
pub(super) struct Lowered {
    pub(super) kernel: &'static Kernel,
    /// values of the kernel's flags, in its order
    pub(super) flags: Vec<bool>,
    /// of bindings 1, 2, …
    pub(super) operands: Vec<Operand>,
    pub(super) rows: usize,
    pub(super) axis: Axis,
    pub(super) words: Vec<Word>,
    pub(super) grid: Grid,
}
