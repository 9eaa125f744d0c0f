//! Content hash of a graph.

use sha2::{Digest, Sha256};

use super::{Graph, Op};

fn number(h: &mut Sha256, v: usize) {
    h.update((v as u64).to_le_bytes());
}

fn text(h: &mut Sha256, s: &str) {
    number(h, s.len());
    h.update(s.as_bytes());
}

pub(super) fn content_hash(graph: &Graph) -> String {
    let mut h = Sha256::new();
    text(&mut h, "dahlquist graph 1");
    number(&mut h, graph.nodes().len());
    for node in graph.nodes() {
        for list in [
            node.shape.dims(),
            &node.inputs.iter().map(|i| i.index()).collect::<Vec<_>>(),
        ] {
            number(&mut h, list.len());
            list.iter().for_each(|&v| number(&mut h, v));
        }
        match &node.op {
            Op::Input(k) => {
                text(&mut h, "input");
                number(&mut h, *k);
            }
            Op::Constant(values) => {
                text(&mut h, "constant");
                values.iter().for_each(|v| text(&mut h, &v.to_string()));
            }
            Op::Linear(map) => {
                // The defining rows, so that the hash covers meaning, not representation.
                text(&mut h, "linear");
                h.update(map.uncertainty().to_bits().to_le_bytes());
                for o in 0..map.output().len() {
                    h.update(map.bias(o).to_bits().to_le_bytes());
                    map.row(o, &mut |i, w| {
                        number(&mut h, i);
                        h.update(w.to_bits().to_le_bytes());
                    });
                    number(&mut h, usize::MAX);
                }
            }
            Op::Pointwise(f) => {
                text(&mut h, f.name());
                for p in f.parameters() {
                    h.update(p.to_bits().to_le_bytes());
                }
            }
            Op::Combine(c) => {
                text(&mut h, "combine");
                c.iter().for_each(|v| text(&mut h, &v.to_string()));
            }
            Op::Product(p) => {
                text(&mut h, "product");
                for o in 0..p.output().len() {
                    p.terms(o, |i, j| {
                        number(&mut h, i);
                        number(&mut h, j);
                    });
                    number(&mut h, usize::MAX);
                }
            }
        }
    }
    number(&mut h, graph.output().index());
    h.finalize().iter().map(|b| format!("{b:02x}")).collect()
}
