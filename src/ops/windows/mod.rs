//! The batched passes of windowed maps (convolution, its adjoint, window sums)
//! as matrix products on blocks that stay in the second level cache.
//!
//! A pass computes a *target* from a *source*. Along one axis, the targets with
//! one residue modulo the stride (an adjoint) or all of them (a forward pass)
//! form a [`Phase`]: target `j` of the phase is a sum over its taps of source
//! `stride · j + offset` times a coefficient. Per block of targets the sources
//! under the taps are laid out as the right operand of a product whose left
//! operand is the constant matrix of coefficients (target channels) × (source
//! channels × taps).
//!
//! Where the samples' supports are alike, samples lie side by side instead
//! (`lanes`): then nothing is laid out again.
//!
//! **Rounding.** Every target is a plain sum of exactly the terms of its row (or
//! column) and of zeros, which are added without rounding: coefficients are
//! finite, so a zero outside the source, or a source that is zero itself, has
//! an exact product. For the same reason whole channels and rows of zeros are
//! left out, which makes the first steps of a backward pass from single neurons
//! cost what their cones cost. NaN and infinities are not zeros and take part.
//!
//! References: Chellapilla, Puri and Simard, *High performance convolutional
//! neural networks for document processing* (2006), for the unrolled form.

mod lanes;
mod pass;
mod plane;

use std::ops::Range;
use std::sync::OnceLock;

use ndarray::{Array2, ArrayView2};

use super::{Geometry, Weights};

/// Which way a windowed map is passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// from the windows to their sums
    Forward,
    /// from the sums to the windows
    Adjoint,
}

/// One residue class of targets along one axis.
#[derive(Clone, Debug)]
struct Phase {
    /// targets `first + step j`, `j < extent`
    first: usize,
    step: usize,
    extent: usize,
    /// sources `stride j + low + residues[r] + stride s` for the taps' `(r, s)`
    stride: usize,
    low: isize,
    residues: Vec<usize>,
    /// per tap: its index in the kernel, `r`, `s`
    taps: Vec<(usize, usize, usize)>,
    /// the largest `s`
    reach: usize,
}

impl Phase {
    /// `None` if no tap ever meets the source.
    fn new(
        (first, step, extent): (usize, usize, usize),
        stride: usize,
        source: usize,
        taps: impl Iterator<Item = (usize, isize)>,
    ) -> Option<Phase> {
        let (stride_i, source_i) = (stride as isize, source as isize);
        let meets = |offset: isize| {
            let j = ((-offset).max(0) + stride_i - 1) / stride_i;
            j < extent as isize && j * stride_i + offset < source_i
        };
        let taps: Vec<(usize, isize)> = taps.filter(|t| meets(t.1)).collect();
        let low = taps.iter().map(|t| t.1).min()?;
        let above = |offset: isize| (offset - low) as usize;
        let mut residues: Vec<usize> = taps.iter().map(|t| above(t.1) % stride).collect();
        residues.sort_unstable();
        residues.dedup();
        let place = |&(k, offset): &(usize, isize)| {
            let residue = above(offset) % stride;
            let r = residues.partition_point(|&q| q < residue);
            (k, r, above(offset) / stride)
        };
        let taps: Vec<_> = taps.iter().map(place).collect();
        let reach = taps.iter().map(|t| t.2).max()?;
        Some(Phase {
            first,
            step,
            extent,
            stride,
            low,
            residues,
            taps,
            reach,
        })
    }

    /// Every phase of axis `d`.
    fn all(geometry: &Geometry, direction: Direction, d: usize) -> Vec<Phase> {
        let g = geometry;
        let (stride, dilation, pad) = (g.stride[d], g.dilation[d], g.padding[d]);
        let (input, output) = (g.input[d], g.output[d]);
        let kernel = 0..g.kernel[d];
        if direction == Direction::Forward {
            let taps = kernel.map(|k| (k, (k * dilation) as isize - pad as isize));
            return Phase::new((0, 1, output), stride, input, taps)
                .into_iter()
                .collect();
        }
        let mut residues: Vec<usize> = kernel.clone().map(|k| k * dilation % stride).collect();
        residues.sort_unstable();
        residues.dedup();
        let phase = |residue: usize| {
            let first = (residue + stride - pad % stride) % stride;
            let extent = input.checked_sub(first)?.div_ceil(stride);
            // Whole strides: the difference is a multiple.
            let taps = kernel
                .clone()
                .filter(|k| k * dilation % stride == residue)
                .map(|k| {
                    (
                        k,
                        ((first + pad) as isize - (k * dilation) as isize) / stride as isize,
                    )
                });
            Phase::new((first, stride, extent), 1, output, taps)
        };
        residues.into_iter().filter_map(phase).collect()
    }

    /// The targets that read any source of `support` (a hull).
    fn touched(&self, support: &Range<usize>) -> Range<usize> {
        if support.is_empty() {
            return 0..0;
        }
        let largest = self
            .taps
            .iter()
            .map(|t| self.residues[t.1] + t.2 * self.stride);
        let high = self.low + largest.max().unwrap_or(0) as isize;
        let stride = self.stride as isize;
        let from = (((support.start as isize - high).max(0) + stride - 1) / stride) as usize;
        let last = support.end as isize - 1 - self.low;
        if last < 0 {
            return 0..0;
        }
        let to = self.extent.min((last / stride) as usize + 1);
        from.min(to)..to
    }
}

/// The coefficients of one pair of phases: per group (target channels, source
/// channels × taps), row-major.
#[derive(Debug)]
struct Part {
    y: Phase,
    x: Phase,
    weights: Vec<f64>,
}

/// A windowed map in one direction, with its coefficients.
#[derive(Debug)]
pub(super) struct Windows {
    groups: usize,
    /// channels per group, height and width
    source: [usize; 3],
    target: [usize; 3],
    parts: Vec<Part>,
}

impl Windows {
    /// The pass of `geometry`; `weight` gives the coefficient at an offset of a
    /// tensor (out channels, channels / groups, kernel h, kernel w), finite.
    pub(super) fn new(
        geometry: &Geometry,
        direction: Direction,
        weight: impl Fn(usize) -> f64,
    ) -> Windows {
        let g = geometry;
        let inner = [g.channels / g.groups, g.input[0], g.input[1]];
        let outer = [g.out_channels / g.groups, g.output[0], g.output[1]];
        let (source, target) = match direction {
            Direction::Forward => (inner, outer),
            Direction::Adjoint => (outer, inner),
        };
        let [ys, xs] = [0, 1].map(|d| Phase::all(geometry, direction, d));
        let mut parts = Vec::new();
        for y in &ys {
            for x in &xs {
                let taps = y.taps.len() * x.taps.len();
                let mut weights = Vec::with_capacity(g.groups * target[0] * source[0] * taps);
                for group in 0..g.groups {
                    for t in 0..target[0] {
                        for s in 0..source[0] {
                            let (o, c) = match direction {
                                Direction::Forward => (t, s),
                                Direction::Adjoint => (s, t),
                            };
                            let plane = (group * outer[0] + o) * inner[0] + c;
                            for &(ky, ..) in &y.taps {
                                let line = (plane * g.kernel[0] + ky) * g.kernel[1];
                                weights.extend(x.taps.iter().map(|&(kx, ..)| weight(line + kx)));
                            }
                        }
                    }
                }
                let (y, x) = (y.clone(), x.clone());
                parts.push(Part { y, x, weights });
            }
        }
        Windows {
            groups: g.groups,
            source,
            target,
            parts,
        }
    }
}

/// The passes of one convolution, each made on first use.
#[derive(Debug, Default)]
pub(super) struct Passes([OnceLock<Windows>; 4]);

impl Passes {
    /// The pass in one direction with the coefficients of `tensor` (out
    /// channels, channels / groups, kernel h, kernel w) over the rows of `x`.
    pub(super) fn run(
        &self,
        geometry: &Geometry,
        tensor: &[f32],
        direction: Direction,
        weights: Weights,
        x: ArrayView2<'_, f64>,
    ) -> Array2<f64> {
        let slot = 2 * usize::from(weights == Weights::Absolute)
            + usize::from(direction == Direction::Adjoint);
        let windows = self.0[slot]
            .get_or_init(|| Windows::new(geometry, direction, |k| weights.of(tensor[k])));
        windows.pass(x)
    }
}
