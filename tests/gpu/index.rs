//! Gather and its adjoint.

use dahlquist::exec::program::Instruction;
use dahlquist::exec::random::hash;

use crate::model::{BOOL, ETA, d, data, gamma, when};
use crate::rig::Case;

const ABSENT: u32 = u32::MAX;

/// Rows of an index table: repeats, absences, all of a small range.
fn table(n_in: usize, n_out: usize) -> Vec<u32> {
    (0..n_out as u32)
        .map(|o| match hash(9, 0, 0, o) % (n_in as u32 + 1) {
            i if i == n_in as u32 => ABSENT,
            i => i,
        })
        .collect()
}

const SHAPES: [(usize, usize, usize); 7] = [
    (0, 3, 4),
    (3, 0, 5),
    (4, 5, 0),
    (1, 1, 1),
    (5, 7, 13),
    (65, 64, 63),
    (130, 30, 21),
];

#[test]
fn gather() {
    for (batch, n_in, n_out) in SHAPES {
        let mut c = Case::new(format!("gather {batch} {n_in} {n_out}"));
        let (xs, t) = (data(1, batch * n_in, 2.0), table(n_in, n_out));
        let (x, index) = (c.f32("x", &xs), c.u32("index", &t));
        let out = c.f32("out", &data(2, batch * n_out, 1.0));
        c.push(Instruction::Gather {
            x,
            index,
            out,
            batch,
            n_in,
            n_out,
        });
        c.each(out, |i| match t[i % n_out] {
            ABSENT => (0.0, 0.0),
            from => (d(xs[i / n_out * n_in + from as usize]), 0.0),
        });
        c.check();
    }
}

#[test]
fn gather_grad() {
    for (batch, n_in, n_out) in SHAPES {
        for accumulate in BOOL {
            let mut c = Case::new(format!("gather_grad {batch} {n_in} {n_out} {accumulate}"));
            let t = table(n_in, n_out);
            let (mut starts, mut sources) = (vec![0], Vec::new());
            for i in 0..n_in {
                sources.extend((0..n_out as u32).filter(|&o| t[o as usize] == i as u32));
                starts.push(sources.len() as u32);
            }
            let (gs, old) = (data(1, batch * n_out, 2.0), data(2, batch * n_in, 1.0));
            let (dy, dx) = (c.f32("dy", &gs), c.f32("dx", &old));
            let (start, source) = (c.u32("start", &starts), c.u32("source", &sources));
            c.push(Instruction::GatherGrad {
                dy,
                start,
                source,
                dx,
                batch,
                n_in,
                n_out,
                accumulate,
            });
            c.each(dx, |at| {
                let (s, i) = (at / n_in, at % n_in);
                let terms = &sources[starts[i] as usize..starts[i + 1] as usize];
                let old = when(accumulate, d(old[at]));
                let (mut sum, mut size) = (old, old.abs());
                for &o in terms {
                    sum += d(gs[s * n_out + o as usize]);
                    size += d(gs[s * n_out + o as usize]).abs();
                }
                let g = gamma(terms.len());
                let bound = g * size + ETA * (2.0 * terms.len() as f64 + 2.0) * (1.0 + g);
                (sum, bound)
            });
            c.check();
        }
    }
}
