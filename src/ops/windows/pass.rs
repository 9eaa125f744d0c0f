//! One pass of a windowed map over a batch: blocks of target positions, each
//! staged, laid out, multiplied and written back.

use std::ops::Range;

use ndarray::{Array2, ArrayView2};

use super::{Part, Windows, lanes};
use crate::rounding::{Offsets, PANEL, VECTOR, add_panel, add_product};

/// Target positions in a block, about.
const POSITIONS: usize = 128;
/// The inner extent of a block's products, about.
const INNER: usize = 256;

/// Where a sample of the source is not zero.
pub(super) struct Support {
    pub(super) rows: Range<usize>,
    pub(super) columns: Range<usize>,
    /// per channel
    pub(super) channels: Vec<bool>,
}

impl Support {
    fn new(sample: &[f64], [height, width]: [usize; 2]) -> Support {
        let mut support = Support {
            rows: height..0,
            columns: width..0,
            channels: Vec::with_capacity(sample.len() / (height * width)),
        };
        for plane in sample.chunks_exact(height * width) {
            let mut any = false;
            for (y, row) in plane.chunks_exact(width).enumerate() {
                // NaN is not zero.
                let Some(from) = row.iter().position(|&v| v != 0.0) else {
                    continue;
                };
                let to = row.iter().rposition(|&v| v != 0.0).map_or(0, |x| x + 1);
                any = true;
                let (rows, columns) = (&mut support.rows, &mut support.columns);
                *rows = rows.start.min(y)..rows.end.max(y + 1);
                *columns = columns.start.min(from)..columns.end.max(to);
            }
            support.channels.push(any);
        }
        support
    }
}

/// Neighbouring targets of one row of one sample.
struct Piece {
    slot: usize,
    row: usize,
    columns: Range<usize>,
    /// the first one's place in the block
    at: usize,
}

/// A sample's share of a block: the hull of its pieces.
struct Slot {
    sample: usize,
    rows: Range<usize>,
    columns: Range<usize>,
}

/// Target positions that are computed together.
#[derive(Default)]
struct Block {
    pieces: Vec<Piece>,
    slots: Vec<Slot>,
    positions: usize,
}

impl Block {
    fn push(&mut self, sample: usize, row: usize, columns: Range<usize>) {
        match self.slots.last_mut().filter(|s| s.sample == sample) {
            Some(slot) => {
                slot.rows.end = row + 1;
                slot.columns.start = slot.columns.start.min(columns.start);
                slot.columns.end = slot.columns.end.max(columns.end);
            }
            None => self.slots.push(Slot {
                sample,
                rows: row..row + 1,
                columns: columns.clone(),
            }),
        }
        let at = self.positions;
        self.positions += columns.len();
        self.pieces.push(Piece {
            slot: self.slots.len() - 1,
            row,
            columns,
            at,
        });
    }

    fn clear(&mut self) {
        self.pieces.clear();
        self.slots.clear();
        self.positions = 0;
    }
}

/// Strides of the staged sources of one group: (slot, channel, row residue, row,
/// column residue, column), every slot as large as the largest.
struct Layout {
    slot: usize,
    channel: usize,
    row_residue: usize,
    row: usize,
    column: usize,
}

impl Layout {
    fn new(part: &Part, block: &Block, channels: usize) -> Layout {
        let largest = |f: fn(&Slot) -> usize| block.slots.iter().map(f).max().unwrap_or(0);
        let column = largest(|s| s.columns.len()) + part.x.reach;
        let row = part.x.residues.len() * column;
        let row_residue = (largest(|s| s.rows.len()) + part.y.reach) * row;
        let channel = part.y.residues.len() * row_residue;
        Layout {
            slot: channels * channel,
            channel,
            row_residue,
            row,
            column,
        }
    }
}

/// A pass under way, with the working memory of its blocks.
struct Pass<'a> {
    windows: &'a Windows,
    data: &'a [f64],
    support: Vec<Support>,
    result: Vec<f64>,
    staged: Vec<f64>,
    panels: Vec<f64>,
    sums: Vec<f64>,
    /// per tap: its distance from the block's base
    taps: Vec<usize>,
    /// per run of neighbouring targets within one panel: its place in the panel
    /// and its base; and where the panels' runs end
    runs: Vec<(usize, usize)>,
    ends: Vec<usize>,
    /// per (channel, tap) of a product: its distance from the block's base
    offsets: Offsets,
}

impl Windows {
    /// The pass over each row of `x`: (batch, source) → (batch, target), in
    /// standard layout.
    ///
    /// # Panics
    /// If rows of `x` have another length than the source.
    pub(in crate::ops) fn pass(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        let size = |s: [usize; 3]| self.groups * s.iter().product::<usize>();
        let (length, targets) = (size(self.source), size(self.target));
        assert_eq!(x.ncols(), length, "elements of a sample");
        let x = x.as_standard_layout();
        let data = x.as_slice().expect("standard layout is contiguous");
        let [_, height, width] = self.source;
        let support: Vec<Support> = data
            .chunks_exact(length)
            .map(|sample| Support::new(sample, [height, width]))
            .collect();
        let mut result = vec![0.0; x.nrows() * targets];
        let planes = self.source[0] == 1 && self.target[0] == 1;
        let mut together = x.nrows() / PANEL * PANEL;
        if x.nrows() - together >= lanes::FEWEST {
            together = x.nrows();
        }
        if planes || !lanes::pays(self, &support[..together]) {
            together = 0;
        }
        let groups = data[..together * length].chunks(PANEL * length);
        let groups = groups.zip(support[..together].chunks(PANEL));
        for ((data, support), result) in groups.zip(result.chunks_mut(PANEL * targets)) {
            self.side_by_side(data, support, result);
        }
        let mut support = support;
        let rest = result.split_off(together * targets);
        let mut pass = Pass {
            windows: self,
            data: &data[together * length..],
            support: support.split_off(together),
            result: rest,
            staged: Vec::new(),
            panels: Vec::new(),
            sums: Vec::new(),
            taps: Vec::new(),
            runs: Vec::new(),
            ends: Vec::new(),
            offsets: Offsets::default(),
        };
        if planes {
            pass.planes();
        } else {
            for part in &self.parts {
                pass.part(part);
            }
        }
        result.append(&mut pass.result);
        Array2::from_shape_vec((x.nrows(), targets), result).expect("one number per element")
    }
}

impl Pass<'_> {
    /// Every plane for itself; planes of zeros give zeros.
    fn planes(&mut self) {
        let windows = self.windows;
        let area = |[_, height, width]: [usize; 3]| height * width;
        let sources = self.data.chunks_exact(area(windows.source));
        let targets = self.result.chunks_exact_mut(area(windows.target));
        let used = self.support.iter().flat_map(|s| &s.channels);
        for (plane, ((source, target), used)) in sources.zip(targets).zip(used).enumerate() {
            for part in windows.parts.iter().filter(|_| *used) {
                let taps = part.y.taps.len() * part.x.taps.len();
                let weights = &part.weights[plane % windows.groups * taps..][..taps];
                windows.plane(part, weights, source, target, &mut self.sums);
            }
        }
    }

    fn part(&mut self, part: &Part) {
        let mut block = Block::default();
        for sample in 0..self.support.len() {
            let support = &self.support[sample];
            let columns = part.x.touched(&support.columns);
            for row in part.y.touched(&support.rows) {
                for from in columns.clone().step_by(POSITIONS) {
                    block.push(sample, row, from..columns.end.min(from + POSITIONS));
                    if block.positions >= POSITIONS {
                        self.block(part, &block);
                        block.clear();
                    }
                }
            }
        }
        if block.positions > 0 {
            self.block(part, &block);
        }
    }

    fn block(&mut self, part: &Part, block: &Block) {
        let [channels, ..] = self.windows.source;
        let outs = self.windows.target[0];
        let layout = Layout::new(part, block, channels);
        self.plan(part, block, &layout);
        let taps = self.taps.len();
        let terms = channels * taps;
        let at_once = (INNER / taps).max(1);
        for group in 0..self.windows.groups {
            let used = |c: usize| {
                let c = group * channels + c;
                block
                    .slots
                    .iter()
                    .any(|s| self.support[s.sample].channels[c])
            };
            let used: Vec<bool> = (0..channels).map(used).collect();
            if !used.contains(&true) {
                continue;
            }
            self.stage(part, block, &layout, group, &used);
            self.sums.clear();
            self.sums.resize(outs * block.positions, 0.0);
            let weights = &part.weights[group * outs * terms..(group + 1) * outs * terms];
            let mut from = 0;
            while from < channels {
                if !used[from] {
                    from += 1;
                    continue;
                }
                let end = channels.min(from + at_once);
                let to = (from..end).find(|&c| !used[c]).unwrap_or(end);
                self.multiply(
                    from..to,
                    &layout,
                    block.positions,
                    &weights[from * taps..],
                    terms,
                );
                from = to;
            }
            self.write(part, block, group);
        }
    }

    /// Where the taps and targets of a block read the staged sources.
    fn plan(&mut self, part: &Part, block: &Block, layout: &Layout) {
        self.taps.clear();
        for &(_, r, s) in &part.y.taps {
            let row = r * layout.row_residue + s * layout.row;
            let columns = part.x.taps.iter().map(|&(_, r, s)| r * layout.column + s);
            self.taps.extend(columns.map(|column| row + column));
        }
        self.runs.clear();
        self.ends.clear();
        for piece in &block.pieces {
            let slot = &block.slots[piece.slot];
            let base = piece.slot * layout.slot
                + (piece.row - slot.rows.start) * layout.row
                + (piece.columns.start - slot.columns.start);
            let mut done = 0;
            while done < piece.columns.len() {
                let lane = (piece.at + done) % PANEL;
                if lane == 0 && piece.at + done > 0 {
                    self.ends.push(self.runs.len());
                }
                self.runs.push((lane, base + done));
                done += (PANEL - lane).min(piece.columns.len() - done);
            }
        }
        self.ends.push(self.runs.len());
    }

    /// Copies the sources of a block with zeros around them, columns of one
    /// residue side by side.
    fn stage(&mut self, part: &Part, block: &Block, layout: &Layout, group: usize, used: &[bool]) {
        let [channels, height, width] = self.windows.source;
        // A run reads a whole panel, also beyond its own columns.
        let size = block.slots.len() * layout.slot + PANEL;
        if self.staged.len() < size {
            self.staged.resize(size, 0.0);
        }
        let (y, x) = (&part.y, &part.x);
        for (i, slot) in block.slots.iter().enumerate() {
            let sample = (slot.sample * self.windows.groups + group) * channels;
            for c in (0..channels).filter(|&c| used[c]) {
                let plane = &self.data[(sample + c) * height * width..][..height * width];
                for (r, residue) in y.residues.iter().enumerate() {
                    for t in 0..slot.rows.len() + y.reach {
                        let at = i * layout.slot + c * layout.channel + r * layout.row_residue;
                        let to = &mut self.staged[at + t * layout.row..][..layout.row];
                        let row = ((slot.rows.start + t) * y.stride + residue) as isize + y.low;
                        if row < 0 || row >= height as isize {
                            to.fill(0.0);
                            continue;
                        }
                        let from = &plane[row as usize * width..][..width];
                        for (to, residue) in to.chunks_exact_mut(layout.column).zip(&x.residues) {
                            let start = (slot.columns.start * x.stride + residue) as isize + x.low;
                            spread(from, start, x.stride, to);
                        }
                    }
                }
            }
        }
    }

    /// Adds the products of some channels to the block's sums, a panel of targets
    /// at a time. The right operand's rows are (channel, tap), its columns the
    /// targets: a panel of neighbours is read where it is staged.
    fn multiply(
        &mut self,
        channels: Range<usize>,
        layout: &Layout,
        positions: usize,
        weights: &[f64],
        terms: usize,
    ) {
        let outs = self.sums.len() / positions;
        let taps = &self.taps;
        let each = |c: usize| taps.iter().map(move |tap| c * layout.channel + tap);
        self.offsets.set(channels.clone().flat_map(each));
        let k = self.offsets.len();
        let mut first = 0;
        for (panel, &end) in self.ends.iter().enumerate() {
            let at = panel * PANEL;
            let columns = PANEL.min(positions - at);
            let (runs, sums) = (&self.runs[first..end], &mut self.sums[at..]);
            first = end;
            if let (&[(0, base)], PANEL) = (runs, columns) {
                let staged = &self.staged[base..];
                add_panel(outs, weights, terms, staged, &self.offsets, sums, positions);
                continue;
            }
            // A run writes a whole panel's width; what lies behind it is written later.
            let width = columns.next_multiple_of(VECTOR);
            if self.panels.len() < k * width + PANEL {
                self.panels.resize(k * width + PANEL, 0.0);
            }
            let mut to = &mut self.panels[..];
            for c in channels.clone() {
                for tap in taps {
                    let offset = c * layout.channel + tap;
                    for &(lane, base) in runs {
                        let from = &self.staged[base + offset..][..PANEL];
                        to[lane..lane + PANEL].copy_from_slice(from);
                    }
                    to = &mut to[width..];
                }
            }
            add_product(
                outs,
                k,
                weights,
                terms,
                &self.panels,
                columns,
                sums,
                positions,
            );
        }
    }

    /// Scatters a block's sums to their targets.
    fn write(&mut self, part: &Part, block: &Block, group: usize) {
        let [outs, height, width] = self.windows.target;
        let (y, x) = (&part.y, &part.x);
        for (o, sums) in self.sums.chunks_exact(block.positions).enumerate() {
            for piece in &block.pieces {
                let sample = block.slots[piece.slot].sample;
                let plane = (sample * self.windows.groups + group) * outs + o;
                let row = plane * height + y.first + y.step * piece.row;
                let to = &mut self.result[row * width..][..width];
                let sums = &sums[piece.at..piece.at + piece.columns.len()];
                let first = x.first + x.step * piece.columns.start;
                if x.step == 1 {
                    to[first..first + sums.len()].copy_from_slice(sums);
                } else {
                    for (to, sum) in to[first..].iter_mut().step_by(x.step).zip(sums) {
                        *to = *sum;
                    }
                }
            }
        }
    }
}

/// `to[t] = from[start + stride t]`, zero outside `from`.
fn spread(from: &[f64], start: isize, stride: usize, to: &mut [f64]) {
    let step = stride as isize;
    let bound = |x: isize| ((x + step - 1).max(0) / step) as usize;
    let begin = bound(-start).min(to.len());
    let end = bound(from.len() as isize - start).clamp(begin, to.len());
    to[..begin].fill(0.0);
    to[end..].fill(0.0);
    if begin < end {
        let first = (start + begin as isize * step) as usize;
        if stride == 1 {
            to[begin..end].copy_from_slice(&from[first..first + end - begin]);
        } else {
            for (to, from) in to[begin..end]
                .iter_mut()
                .zip(from[first..].iter().step_by(stride))
            {
                *to = *from;
            }
        }
    }
}
