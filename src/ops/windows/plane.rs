//! The pass of a map that takes one channel to one channel (depthwise
//! convolutions, pools): rows of sums, a tap at a time, without a product.

use super::{Part, Phase, Windows};

impl Phase {
    /// Per tap: target `j` reads source `stride · j + offset`.
    fn offsets(&self) -> impl Iterator<Item = isize> {
        let offset = |&(_, r, s): &(usize, usize, usize)| self.residues[r] + s * self.stride;
        self.taps.iter().map(move |t| offset(t) as isize + self.low)
    }
}

impl Windows {
    /// Writes the targets of `part` of one plane; the map has one channel per
    /// group on either side, and `weights` are the group's.
    pub(super) fn plane(
        &self,
        part: &Part,
        weights: &[f64],
        source: &[f64],
        target: &mut [f64],
        sums: &mut Vec<f64>,
    ) {
        let [_, height, width] = self.source;
        let [_, _, out_width] = self.target;
        let (y, x) = (&part.y, &part.x);
        let step = x.stride as isize;
        for j in 0..y.extent {
            sums.clear();
            sums.resize(x.extent, 0.0);
            for (weights, offset) in weights.chunks_exact(x.taps.len()).zip(y.offsets()) {
                let row = (j * y.stride) as isize + offset;
                if row < 0 || row >= height as isize {
                    continue;
                }
                let row = &source[row as usize * width..][..width];
                for (&w, offset) in weights.iter().zip(x.offsets()) {
                    // Targets whose source `step i + offset` exists.
                    let bound = |v: isize| ((v + step - 1).max(0) / step) as usize;
                    let from = bound(-offset).min(x.extent);
                    let to = bound(width as isize - offset).clamp(from, x.extent);
                    if from == to {
                        continue;
                    }
                    let first = (from as isize * step + offset) as usize;
                    let sums = &mut sums[from..to];
                    if step == 1 {
                        for (sum, v) in sums.iter_mut().zip(&row[first..]) {
                            *sum += w * v;
                        }
                    } else {
                        for (sum, v) in sums.iter_mut().zip(row[first..].iter().step_by(x.stride)) {
                            *sum += w * v;
                        }
                    }
                }
            }
            let to = &mut target[(y.first + y.step * j) * out_width..][..out_width];
            for (to, sum) in to[x.first..].iter_mut().step_by(x.step).zip(&*sums) {
                *to = *sum;
            }
        }
    }
}
