//! Convolution and its adjoints, as matrix products on unfolded windows
//! (im2col), one sample and group at a time.

use rayon::prelude::*;

use super::linear::{product, view};
use super::memory::{Memory, put, sgn};
use crate::exec::program::Instruction;
use crate::ops::Geometry;

/// `index[k, p]`: the input element under coefficient `k` of the window at
/// output position `p` of one group, none where the window overhangs. Taken
/// from [`Geometry::window`], the definition.
struct Windows {
    index: Vec<Option<u32>>,
    k: usize,
    positions: usize,
}

impl Windows {
    fn new(g: &Geometry, group: usize) -> Windows {
        let k = g.channels / g.groups * g.kernel[0] * g.kernel[1];
        let positions = g.output[0] * g.output[1];
        let oc = group * (g.out_channels / g.groups);
        let mut index = vec![None; k * positions];
        for p in 0..positions {
            g.window(oc * positions + p, &mut |i, w| {
                index[(w - oc * k) * positions + p] = Some(i as u32);
            });
        }
        Windows {
            index,
            k,
            positions,
        }
    }

    fn unfold(&self, x: &[f32]) -> Vec<f32> {
        self.index
            .iter()
            .map(|i| i.map_or(0.0, |i| x[i as usize]))
            .collect()
    }

    fn fold(&self, columns: &[f32], x: &mut [f32]) {
        for (i, v) in self.index.iter().zip(columns) {
            if let Some(i) = i {
                x[*i as usize] += v;
            }
        }
    }
}

/// The parts of a convolution's tensors: elements per sample, and per group.
struct Extents {
    n_in: usize,
    n_out: usize,
    group_out: usize,
    group_w: usize,
    oc: usize,
}

impl Extents {
    fn new(g: &Geometry) -> Extents {
        let oc = g.out_channels / g.groups;
        let group_out = oc * g.output[0] * g.output[1];
        Extents {
            n_in: g.channels * g.input[0] * g.input[1],
            n_out: group_out * g.groups,
            group_out,
            group_w: oc * (g.channels / g.groups) * g.kernel[0] * g.kernel[1],
            oc,
        }
    }
}

fn weights(w: &[f32], absolute: bool) -> Vec<f32> {
    if absolute {
        w.iter().map(|v| v.abs()).collect()
    } else {
        w.to_vec()
    }
}

pub(super) fn run(memory: &mut Memory, instruction: &Instruction) {
    match instruction {
        Instruction::Conv2d {
            x,
            w,
            bias,
            out,
            geometry: g,
            abs_w,
            ..
        } => memory.with(*out, |out, m| {
            let e = Extents::new(g);
            let groups: Vec<Windows> = (0..g.groups).map(|i| Windows::new(g, i)).collect();
            let (x, w) = (m.f32(*x), weights(m.f32(*w), *abs_w));
            let bias = bias.map(|b| m.f32(b));
            out.par_chunks_mut(e.n_out)
                .zip(x.par_chunks(e.n_in))
                .for_each(|(out, x)| {
                    for (i, windows) in groups.iter().enumerate() {
                        let columns = windows.unfold(x);
                        product(
                            view(
                                &w[i * e.group_w..(i + 1) * e.group_w],
                                e.oc,
                                windows.k,
                                false,
                            ),
                            view(&columns, windows.k, windows.positions, false),
                            &mut out[i * e.group_out..(i + 1) * e.group_out],
                            false,
                        );
                    }
                    if let Some(bias) = bias {
                        let area = e.group_out / e.oc;
                        for (line, b) in out.chunks_exact_mut(area).zip(bias) {
                            line.iter_mut().for_each(|o| *o += b);
                        }
                    }
                });
        }),
        Instruction::Conv2dInputGrad {
            dy,
            w,
            dx,
            geometry: g,
            abs_w,
            accumulate,
            ..
        } => memory.with(*dx, |dx, m| {
            let e = Extents::new(g);
            let groups: Vec<Windows> = (0..g.groups).map(|i| Windows::new(g, i)).collect();
            let (dy, w) = (m.f32(*dy), weights(m.f32(*w), *abs_w));
            dx.par_chunks_mut(e.n_in)
                .zip(dy.par_chunks(e.n_out))
                .for_each(|(dx, dy)| {
                    if !accumulate {
                        dx.fill(0.0);
                    }
                    for (i, windows) in groups.iter().enumerate() {
                        let mut columns = vec![0.0; windows.k * windows.positions];
                        let dy = &dy[i * e.group_out..(i + 1) * e.group_out];
                        product(
                            view(
                                &w[i * e.group_w..(i + 1) * e.group_w],
                                windows.k,
                                e.oc,
                                true,
                            ),
                            view(dy, e.oc, windows.positions, false),
                            &mut columns,
                            false,
                        );
                        windows.fold(&columns, dx);
                    }
                });
        }),
        Instruction::Conv2dWeightGrad {
            x,
            dy,
            dw,
            batch,
            geometry: g,
            sign_of,
            accumulate,
        } => memory.with(*dw, |dw, m| {
            let e = Extents::new(g);
            let (x, dy) = (m.f32(*x), m.f32(*dy));
            let mut sums = vec![0.0; dw.len()];
            sums.par_chunks_mut(e.group_w)
                .enumerate()
                .for_each(|(i, sum)| {
                    let windows = Windows::new(g, i);
                    for s in 0..*batch {
                        let columns = windows.unfold(&x[s * e.n_in..(s + 1) * e.n_in]);
                        let at = s * e.n_out + i * e.group_out;
                        product(
                            view(&dy[at..at + e.group_out], e.oc, windows.positions, false),
                            view(&columns, windows.positions, windows.k, true),
                            sum,
                            true,
                        );
                    }
                });
            let signs = sign_of.map(|s| m.f32(s));
            for (i, (o, sum)) in dw.iter_mut().zip(sums).enumerate() {
                put(o, signs.map_or(1.0, |s| sgn(s[i])) * sum, *accumulate);
            }
        }),
        _ => {}
    }
}
