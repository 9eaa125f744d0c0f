//! A pass with samples side by side: every number of the source becomes a
//! vector of one number from each of [`PANEL`] samples, so that the right operand
//! of the product is read where it lies, whatever the window's shape or stride.

use std::ops::Range;

use super::pass::Support;
use super::{Part, Phase, Windows};
use crate::rounding::{Offsets, PANEL, add_panel};

/// The inner extent of a product, about: with the target channels a part of the
/// second level cache.
const INNER: usize = 256;

/// Samples from which on an incomplete group is filled with zeros.
pub(super) const FEWEST: usize = PANEL / 2;

/// Targets computed side by side, at most so many for each computed alone.
const WASTE: usize = 2;

/// The sources that some targets of a part read, along one axis.
fn reads(phase: &Phase, targets: &Range<usize>) -> Range<isize> {
    let of = |j: usize| (j * phase.stride) as isize + phase.low;
    let farthest = |t: &(usize, usize, usize)| phase.residues[t.1] + t.2 * phase.stride;
    let reach = phase.taps.iter().map(farthest).max().unwrap_or(0) as isize;
    of(targets.start)..of(targets.end.max(1) - 1) + reach + 1
}

fn hull<T: Ord + Copy>(a: &Range<T>, b: &Range<T>) -> Range<T> {
    match (a.is_empty(), b.is_empty()) {
        (true, _) => b.clone(),
        (_, true) => a.clone(),
        _ => a.start.min(b.start)..a.end.max(b.end),
    }
}

/// Whether samples with these supports are computed faster side by side.
pub(super) fn pays(windows: &Windows, supports: &[Support]) -> bool {
    let area = |rows: &Range<usize>, columns: &Range<usize>| -> usize {
        let of = |p: &Part| p.y.touched(rows).len() * p.x.touched(columns).len();
        windows.parts.iter().map(of).sum()
    };
    let (mut together, mut alone) = (0, 0);
    for group in supports.chunks(PANEL) {
        let (rows, columns) = union(group);
        together += PANEL * area(&rows, &columns);
        alone += group
            .iter()
            .map(|s| area(&s.rows, &s.columns))
            .sum::<usize>();
    }
    together <= WASTE * alone
}

fn union(supports: &[Support]) -> (Range<usize>, Range<usize>) {
    let empty = (0..0, 0..0);
    supports.iter().fold(empty, |(rows, columns), s| {
        (hull(&rows, &s.rows), hull(&columns, &s.columns))
    })
}

/// The sources of a group of samples, with zeros around them.
struct Staged {
    rows: Range<isize>,
    columns: Range<isize>,
    /// (channel, row, column, sample)
    data: Vec<f64>,
}

impl Staged {
    fn place(&self, channel: usize, row: isize, column: isize) -> usize {
        let (height, width) = (self.rows.len(), self.columns.len());
        let row = (row - self.rows.start) as usize;
        ((channel * height + row) * width + (column - self.columns.start) as usize) * PANEL
    }
}

impl Windows {
    /// The pass over at most [`PANEL`] samples `data`, their results into `result`.
    pub(super) fn side_by_side(&self, data: &[f64], supports: &[Support], result: &mut [f64]) {
        let (rows, columns) = union(supports);
        let touched = |p: &Part| (p.y.touched(&rows), p.x.touched(&columns));
        let mut staged = Staged {
            rows: 0..0,
            columns: 0..0,
            data: Vec::new(),
        };
        for part in &self.parts {
            let (ys, xs) = touched(part);
            if !ys.is_empty() && !xs.is_empty() {
                staged.rows = hull(&staged.rows, &reads(&part.y, &ys));
                staged.columns = hull(&staged.columns, &reads(&part.x, &xs));
            }
        }
        let [channels, ..] = self.source;
        let outs = self.target[0];
        let mut sums = Vec::new();
        let mut offsets = Offsets::default();
        for group in 0..self.groups {
            let used: Vec<usize> = (0..channels)
                .filter(|c| {
                    let c = group * channels + c;
                    supports.iter().any(|s| s.channels[c])
                })
                .collect();
            if used.is_empty() {
                continue;
            }
            self.stage(data, supports.len(), group, &used, &mut staged);
            for part in &self.parts {
                let (ys, xs) = touched(part);
                let positions = ys.len() * xs.len();
                if positions == 0 {
                    continue;
                }
                let taps = part.y.taps.len() * part.x.taps.len();
                let terms = channels * taps;
                let weights = &part.weights[group * outs * terms..(group + 1) * outs * terms];
                sums.clear();
                sums.resize(outs * positions * PANEL, 0.0);
                for run in runs(&used, (INNER / taps).max(1)) {
                    let weights = &weights[run.start * taps..];
                    set_offsets(&mut offsets, part, &staged, run);
                    for (p, (y, x)) in pairs(&ys, &xs).enumerate() {
                        let row = (y * part.y.stride) as isize + part.y.low;
                        let column = (x * part.x.stride) as isize + part.x.low;
                        let base = &staged.data[staged.place(0, row, column)..];
                        let sums = &mut sums[p * PANEL..];
                        add_panel(
                            outs,
                            weights,
                            terms,
                            base,
                            &offsets,
                            sums,
                            positions * PANEL,
                        );
                    }
                }
                self.write_lanes(part, group, (&ys, &xs), &sums, supports.len(), result);
            }
        }
    }

    fn stage(
        &self,
        data: &[f64],
        samples: usize,
        group: usize,
        used: &[usize],
        staged: &mut Staged,
    ) {
        let [channels, height, width] = self.source;
        let length = self.groups * channels * height * width;
        let size = channels * staged.rows.len() * staged.columns.len() * PANEL;
        staged.data.clear();
        staged.data.resize(size, 0.0);
        let inside = |r: &Range<isize>, end: usize| {
            (r.start.max(0)) as usize..(r.end.min(end as isize)).max(0) as usize
        };
        let (ys, xs) = (inside(&staged.rows, height), inside(&staged.columns, width));
        for &c in used {
            for y in ys.clone() {
                let at = staged.place(c, y as isize, xs.start as isize);
                let to = &mut staged.data[at..at + xs.len() * PANEL];
                let row = ((group * channels + c) * height + y) * width;
                for s in 0..samples {
                    let from = &data[s * length + row..][xs.clone()];
                    for (to, from) in to[s..].iter_mut().step_by(PANEL).zip(from) {
                        *to = *from;
                    }
                }
            }
        }
    }

    /// Scatters the sums of a part, (target channel, position, sample).
    fn write_lanes(
        &self,
        part: &Part,
        group: usize,
        (ys, xs): (&Range<usize>, &Range<usize>),
        sums: &[f64],
        samples: usize,
        result: &mut [f64],
    ) {
        let [outs, height, width] = self.target;
        let length = self.groups * outs * height * width;
        let positions = ys.len() * xs.len();
        for (o, sums) in sums.chunks_exact(positions * PANEL).enumerate() {
            for (y, sums) in ys.clone().zip(sums.chunks_exact(xs.len() * PANEL)) {
                let row = (group * outs + o) * height + part.y.first + part.y.step * y;
                let first = part.x.first + part.x.step * xs.start;
                for s in 0..samples {
                    let to = &mut result[s * length + row * width..][..width][first..];
                    let from = sums[s..].iter().step_by(PANEL);
                    for (to, from) in to.iter_mut().step_by(part.x.step).zip(from) {
                        *to = *from;
                    }
                }
            }
        }
    }
}

/// Neighbouring channels among those used, at most so many together.
fn runs(used: &[usize], most: usize) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for &c in used {
        match runs.last_mut() {
            Some(run) if run.end == c && run.len() < most => run.end = c + 1,
            _ => runs.push(c..c + 1),
        }
    }
    runs
}

fn pairs<'a>(
    ys: &'a Range<usize>,
    xs: &'a Range<usize>,
) -> impl Iterator<Item = (usize, usize)> + 'a {
    ys.clone()
        .flat_map(move |y| xs.clone().map(move |x| (y, x)))
}

/// Per (channel, tap) its distance from the place of channel 0 under the first tap.
fn set_offsets(offsets: &mut Offsets, part: &Part, staged: &Staged, channels: Range<usize>) {
    let (width, plane) = (
        staged.columns.len(),
        staged.rows.len() * staged.columns.len(),
    );
    let along = |phase: &Phase| -> Vec<usize> {
        let of = |t: &(usize, usize, usize)| phase.residues[t.1] + t.2 * phase.stride;
        phase.taps.iter().map(of).collect()
    };
    let (ys, xs) = (along(&part.y), along(&part.x));
    let mut places = Vec::with_capacity(channels.len() * ys.len() * xs.len());
    for c in channels {
        for y in &ys {
            places.extend(xs.iter().map(|x| (c * plane + y * width + x) * PANEL));
        }
    }
    offsets.set(places.into_iter());
}
