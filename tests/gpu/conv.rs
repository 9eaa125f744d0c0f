//! Convolution and its two adjoints, against the definition by windows.

use dahlquist::exec::program::Instruction;
use dahlquist::ops::Geometry;

use crate::model::{BOOL, ETA, d, data, gamma, sgn, when};
use crate::rig::Case;

fn geometries() -> Vec<Geometry> {
    let g = |c, i, o, k, s, p, dil, groups| {
        Geometry::new("test", c, i, o, k, s, p, dil, groups).expect("a valid geometry")
    };
    vec![
        g(1, [1, 1], 1, [1, 1], [1, 1], [0; 4], [1, 1], 1),
        g(2, [5, 4], 3, [3, 3], [1, 1], [1, 1, 1, 1], [1, 1], 1),
        g(4, [7, 6], 6, [3, 2], [2, 3], [1, 0, 2, 1], [2, 1], 2),
        g(3, [4, 9], 3, [2, 4], [3, 2], [3, 2, 0, 5], [1, 2], 3),
        g(2, [3, 3], 2, [1, 1], [2, 2], [2, 2, 2, 2], [1, 1], 1),
        // rows of a whole number of alignments: always cut at batch 40
        g(4, [4, 4], 4, [3, 3], [1, 1], [1; 4], [1, 1], 2),
    ]
}

/// Sums of products with what their error bound needs.
#[derive(Clone, Copy, Default)]
struct Sum {
    value: f64,
    size: f64,
    factors: f64,
    terms: usize,
}

impl Sum {
    fn add(&mut self, a: f64, b: f64) {
        self.value += a * b;
        self.size += (a * b).abs();
        self.factors += a.abs() + b.abs();
        self.terms += 1;
    }
    /// With a sign and a summand; the error of the headers, K = terms.
    fn finish(self, sign: f64, plus: f64) -> (f64, f64) {
        let g = gamma(self.terms + 2);
        let bound = g * (self.size + plus.abs())
            + ETA * (self.factors + 2.0 * self.terms as f64 + 2.0) * (1.0 + g);
        (sign * self.value + plus, bound)
    }
}

struct Data {
    g: Geometry,
    may_not_fit: bool,
    batch: usize,
    x: Vec<f32>,
    w: Vec<f32>,
    dy: Vec<f32>,
}

impl Data {
    fn all() -> Vec<Data> {
        let mut all = Vec::new();
        for g in geometries() {
            for batch in [0, 1, 5, 40] {
                let w = g.out_channels * g.channels / g.groups * g.kernel[0] * g.kernel[1];
                all.push(Data {
                    x: data(1, batch * g.input_shape().len(), 2.0),
                    w: data(2, w, 1.0),
                    dy: data(3, batch * g.output_shape().len(), 1.5),
                    batch,
                    may_not_fit: !g.input_shape().len().is_multiple_of(64),
                    g: g.clone(),
                });
            }
        }
        all
    }

    /// Visits (sample and output element, sample and input element, weight).
    fn visit(&self, mut f: impl FnMut(usize, usize, usize)) {
        let (n_in, n_out) = (self.g.input_shape().len(), self.g.output_shape().len());
        for s in 0..self.batch {
            for o in 0..n_out {
                self.g
                    .window(o, &mut |i, k| f(s * n_out + o, s * n_in + i, k));
            }
        }
    }
}

#[test]
fn forward() {
    for t in Data::all() {
        for abs_w in BOOL {
            for biased in BOOL {
                let mut c = Case::new(format!("conv2d {:?} {} {abs_w} {biased}", t.g, t.batch));
                c.may_not_fit = t.may_not_fit;
                let bv = data(4, t.g.out_channels, 1.0);
                let (x, w, bias) = (c.f32("x", &t.x), c.f32("w", &t.w), c.f32("bias", &bv));
                let out = c.f32("out", &t.dy);
                c.push(Instruction::Conv2d {
                    x,
                    w,
                    bias: biased.then_some(bias),
                    out,
                    batch: t.batch,
                    geometry: t.g.clone(),
                    abs_w,
                });
                let mut sums = vec![Sum::default(); t.dy.len()];
                t.visit(|o, i, k| {
                    let w = if abs_w { d(t.w[k]).abs() } else { d(t.w[k]) };
                    sums[o].add(w, d(t.x[i]));
                });
                let pixels = t.g.output[0] * t.g.output[1];
                c.each(out, |o| {
                    let channel = o / pixels % t.g.out_channels;
                    sums[o].finish(1.0, when(biased, d(bv[channel])))
                });
                c.check();
            }
        }
    }
}

#[test]
fn input_grad() {
    for t in Data::all() {
        for abs_w in BOOL {
            for accumulate in BOOL {
                let mut c = Case::new(format!(
                    "conv2d_input_grad {:?} {} {abs_w} {accumulate}",
                    t.g, t.batch
                ));
                c.may_not_fit = t.may_not_fit;
                let (dy, w, dx) = (c.f32("dy", &t.dy), c.f32("w", &t.w), c.f32("dx", &t.x));
                c.push(Instruction::Conv2dInputGrad {
                    dy,
                    w,
                    dx,
                    batch: t.batch,
                    geometry: t.g.clone(),
                    abs_w,
                    accumulate,
                });
                let mut sums = vec![Sum::default(); t.x.len()];
                t.visit(|o, i, k| {
                    let w = if abs_w { d(t.w[k]).abs() } else { d(t.w[k]) };
                    sums[i].add(w, d(t.dy[o]));
                });
                c.each(dx, |i| sums[i].finish(1.0, when(accumulate, d(t.x[i]))));
                c.check();
            }
        }
    }
}

#[test]
fn weight_grad() {
    for t in Data::all() {
        for signed in BOOL {
            for accumulate in BOOL {
                let mut c = Case::new(format!(
                    "conv2d_weight_grad {:?} {} {signed} {accumulate}",
                    t.g, t.batch
                ));
                c.may_not_fit = t.may_not_fit;
                let old = data(5, t.w.len(), 1.0);
                let (x, dy) = (c.f32("x", &t.x), c.f32("dy", &t.dy));
                let (sign, dw) = (c.f32("sign", &t.w), c.f32("dw", &old));
                c.push(Instruction::Conv2dWeightGrad {
                    x,
                    dy,
                    dw,
                    batch: t.batch,
                    geometry: t.g.clone(),
                    sign_of: signed.then_some(sign),
                    accumulate,
                });
                let mut sums = vec![Sum::default(); t.w.len()];
                t.visit(|o, i, k| sums[k].add(d(t.x[i]), d(t.dy[o])));
                c.each(dw, |k| {
                    let sign = if signed { sgn(t.w[k]) } else { 1.0 };
                    sums[k].finish(sign, when(accumulate, d(old[k])))
                });
                c.check();
            }
        }
    }
}
