//! Tiling: a lowered instruction as dispatches whose bindings fit the device.
//!
//! An axis is cut at rows where every operand's byte offset is a multiple of
//! the device's offset alignment. A sum over the rows accumulates from the
//! second tile on. What cannot be cut: operands needed whole (weights of a
//! convolution, the second factor of a product, index tables) and single rows.

use std::ops::Range;

use super::lowered::{Axis, Grid, Lowered, Operand, Word};
use crate::exec::Error;
use crate::exec::program::{BufferId, Program};

/// What the device allows.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    /// the device, for messages
    pub(super) device: String,
    /// bytes of one storage binding
    pub(super) binding: u64,
    /// bytes of one buffer
    pub(super) buffer: u64,
    /// offsets of storage bindings are multiples of this power of two
    pub(super) storage_alignment: u64,
    /// offsets of uniform bindings are multiples of this power of two
    pub(super) uniform_alignment: u64,
    /// workgroups per dimension
    pub(super) groups: u32,
}

impl Limits {
    fn too_large(&self, name: &str, needed: u64) -> Error {
        Error::TooLarge {
            name: name.into(),
            device: self.device.clone(),
            needed,
            allowed: self.binding,
        }
    }
}

/// A range of a buffer, or the dummy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Binding {
    pub(super) buffer: Option<BufferId>,
    pub(super) offset: u64,
    pub(super) size: u64,
}

/// One dispatch of a kernel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Dispatch {
    pub(super) flags: Vec<bool>,
    pub(super) bindings: Vec<Binding>,
    /// the uniform block
    pub(super) words: Vec<u32>,
    pub(super) groups: [u32; 2],
}

/// The dispatches of an instruction, in order; none where the result is empty.
pub(super) fn dispatches(
    program: &Program,
    lowered: &Lowered,
    limits: &Limits,
) -> Result<Vec<Dispatch>, Error> {
    let mut all = Vec::new();
    for tile in tiles(program, lowered, limits)? {
        let groups = fold(groups(lowered.grid, tile.len()), limits)?;
        if groups[0] == 0 {
            continue;
        }
        let mut flags = lowered.flags.clone();
        if lowered.axis == Axis::Summed && tile.start > 0 {
            // The sum so far, with its bias, is in the output.
            for (flag, name) in flags.iter_mut().zip(lowered.kernel.flags) {
                *flag = (*flag && *name != "has_bias") || *name == "accumulate";
            }
        }
        all.push(Dispatch {
            flags,
            bindings: lowered
                .operands
                .iter()
                .map(|o| binding(program, o, &tile, limits))
                .collect(),
            words: lowered
                .words
                .iter()
                .map(|w| word(*w, &tile, limits))
                .collect::<Result<_, _>>()?,
            groups,
        });
    }
    Ok(all)
}

/// The ranges of rows; one empty range for a sum over no rows.
fn tiles(
    program: &Program,
    lowered: &Lowered,
    limits: &Limits,
) -> Result<Vec<Range<usize>>, Error> {
    let rows = lowered.rows;
    let words = limits.binding / 4;
    let mut most = rows as u64;
    let mut unit = 1;
    let mut widest = None;
    for operand in &lowered.operands {
        match *operand {
            Operand::Whole(buffer) => {
                let held = &program.buffers()[buffer.0];
                let needed = held.contents.len() as u64;
                if needed > words {
                    return Err(limits.too_large(&held.name, needed.saturating_mul(4)));
                }
            }
            Operand::Rows { buffer, per_row } if per_row > 0 => {
                let per_row = per_row as u64;
                most = most.min(words / per_row);
                // The alignment is a power of two: the largest unit serves all.
                let alignment = limits.storage_alignment / 4;
                let own = alignment >> per_row.trailing_zeros().min(alignment.trailing_zeros());
                unit = own.max(unit);
                if widest.is_none_or(|(w, _)| w < per_row) {
                    widest = Some((per_row, buffer));
                }
            }
            _ => {}
        }
    }
    if most >= rows as u64 {
        let whole = 0..rows;
        let none = rows == 0 && lowered.axis == Axis::Mapped;
        return Ok(if none { Vec::new() } else { vec![whole] });
    }
    let step = most / unit * unit;
    match (step, widest) {
        (0, Some((per_row, buffer))) => {
            let name = &program.buffers()[buffer.0].name;
            Err(limits.too_large(name, per_row.saturating_mul(unit).saturating_mul(4)))
        }
        (0, None) => Ok(Vec::new()),
        // step < rows, a usize
        _ => Ok((0..rows)
            .step_by(step as usize)
            .map(|start| start..rows.min(start + step as usize))
            .collect()),
    }
}

fn binding(program: &Program, operand: &Operand, tile: &Range<usize>, limits: &Limits) -> Binding {
    let (buffer, offset, size) = match *operand {
        Operand::Absent => (None, 0, 4),
        Operand::Whole(b) => (Some(b), 0, program.len_of(b) as u64 * 4),
        Operand::Rows { buffer, per_row } => {
            let row = per_row as u64 * 4;
            (
                Some(buffer),
                tile.start as u64 * row,
                tile.len() as u64 * row,
            )
        }
        Operand::Element { buffer, index } => {
            let end = program.len_of(buffer) as u64 * 4;
            let at = index as u64 * 4;
            let offset = at - at % limits.storage_alignment;
            let size = (end - offset).min(limits.storage_alignment);
            (Some(buffer), offset, size)
        }
    };
    Binding {
        buffer,
        offset,
        // An empty binding is not allowed; buffers are at least this long.
        size: size.max(4),
    }
}

fn word(word: Word, tile: &Range<usize>, limits: &Limits) -> Result<u32, Error> {
    let extent = match word {
        Word::Rows => tile.len(),
        Word::First => tile.start,
        Word::Extent(e) => e,
        Word::Real(v) => return Ok(v.to_bits()),
        Word::Index(i) => i % (limits.storage_alignment as usize / 4),
    };
    u32::try_from(extent).map_err(|_| Error::Unsupported {
        node: limits.device.clone(),
        what: format!("extent {extent} needs more than 32 bits"),
    })
}

fn groups(grid: Grid, rows: usize) -> usize {
    match grid {
        Grid::Elements(per_row) => rows.saturating_mul(per_row).div_ceil(64),
        Grid::PerRow => rows,
        Grid::Fixed(count) => count,
        Grid::Tiles(columns) => rows.div_ceil(32).saturating_mul(columns.div_ceil(32)),
    }
}

/// Workgroups in two dimensions; the kernels ignore the surplus.
fn fold(groups: usize, limits: &Limits) -> Result<[u32; 2], Error> {
    if groups == 0 {
        return Ok([0, 0]);
    }
    let y = groups.div_ceil(limits.groups as usize);
    let x = groups.div_ceil(y);
    match (u32::try_from(x), u32::try_from(y)) {
        (Ok(x), Ok(y)) if y <= limits.groups => Ok([x, y]),
        _ => Err(Error::Unsupported {
            node: limits.device.clone(),
            what: format!("{groups} workgroups in one dispatch"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(binding: u64) -> Limits {
        Limits {
            device: "test".into(),
            binding,
            buffer: 1 << 30,
            storage_alignment: 256,
            uniform_alignment: 256,
            groups: 65_535,
        }
    }

    #[test]
    fn workgroups_fold_into_two_dimensions_that_cover_them() {
        let l = limits(1024);
        for n in [0, 1, 65_535, 65_536, 65_537, 1 << 24] {
            let [x, y] = fold(n, &l).expect("within two dimensions");
            assert!(x <= 65_535 && y <= 65_535);
            assert!(x as usize * y as usize >= n);
            assert!(n == 0 || (x as usize - 1) * (y as usize) < n);
        }
        assert!(fold(65_535 * 65_535 + 1, &l).is_err());
    }

    #[test]
    fn tiles_cover_the_rows_at_aligned_offsets() {
        let mut p = Program::new();
        let (x, y) = (p.zeros("x", 12 * 1000), p.zeros("y", 1000));
        let lowered = Lowered {
            kernel: &super::super::kernels::AXPY,
            flags: vec![false],
            operands: vec![
                Operand::Rows {
                    buffer: x,
                    per_row: 12,
                },
                Operand::Rows {
                    buffer: y,
                    per_row: 1,
                },
            ],
            rows: 1000,
            axis: Axis::Mapped,
            words: vec![Word::Rows, Word::First],
            grid: Grid::Elements(1),
        };
        // 64 rows of 12 elements are 3072 bytes: less cannot be aligned for y.
        assert!(matches!(
            dispatches(&p, &lowered, &limits(3071)),
            Err(Error::TooLarge { needed: 3072, .. })
        ));
        let parts = dispatches(&p, &lowered, &limits(3072 * 3 + 8)).expect("fits");
        let mut next = 0;
        for d in &parts {
            assert_eq!(d.words[1], next);
            next += d.words[0];
            assert!(d.bindings.iter().all(|b| b.offset % 256 == 0));
            assert_eq!(d.bindings[0].offset, u64::from(d.words[1]) * 48);
            assert_eq!(d.bindings[0].size, u64::from(d.words[0]) * 48);
        }
        assert_eq!((next, parts.len()), (1000, 6));
    }
}
