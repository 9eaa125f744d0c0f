//! The batched passes of every linear map against its rows: exactly on small
//! integers, within the proved error on random numbers, NaN and infinities
//! never lost.
#![allow(clippy::unwrap_used)] // a failing line is all a test has to say

use std::sync::Arc;

use dahlquist::exact::Rational;
use dahlquist::ops::{
    Conv2d, ConvTranspose, Dense, Diagonal, Gather, Geometry, LinearMap, Param, Reshape, Shape,
    SumPool, Tensor, Weights, adjoint_rows, apply_rows,
};
use dahlquist::rounding::Precision;
use ndarray::{Array2, ArrayView2};
use proptest::prelude::*;

/// Numbers from a seed.
struct Source(u64);

impl Source {
    fn bits(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        self.0 >> 11
    }

    fn integer(&mut self) -> f64 {
        (self.bits() % 15) as f64 - 7.0
    }

    /// Mostly moderate, over 30 binades, sometimes zero.
    fn real(&mut self) -> f64 {
        let unit = self.bits() as f64 / (1u64 << 53) as f64 - 0.5;
        match self.bits() % 8 {
            0 => 0.0,
            e => unit * 2f64.powi(5 * e as i32 - 20),
        }
    }

    fn tensor(&mut self, dims: &[usize], integers: bool) -> Param {
        let shape = Shape::new(dims);
        let draw = |_| {
            if integers {
                self.integer() as f32
            } else {
                self.real() as f32
            }
        };
        let data = (0..shape.len()).map(draw).collect();
        Arc::new(Tensor::new("w", shape, data).unwrap())
    }

    fn rows(&mut self, n: usize, len: usize, integers: bool) -> Array2<f64> {
        Array2::from_shape_fn((n, len), |_| {
            if integers {
                self.integer()
            } else {
                self.real()
            }
        })
    }
}

/// A pass and its definition.
struct Side<'a> {
    map: &'a dyn LinearMap,
    adjoint: bool,
}

impl Side<'_> {
    fn both(map: &dyn LinearMap) -> [Side<'_>; 2] {
        [false, true].map(|adjoint| Side { map, adjoint })
    }

    fn length(&self) -> usize {
        let (i, o) = (self.map.input().len(), self.map.output().len());
        if self.adjoint { o } else { i }
    }

    fn fast(&self, x: ArrayView2<'_, f64>, w: Weights) -> Array2<f64> {
        if self.adjoint {
            self.map.adjoint(x, w)
        } else {
            self.map.apply(x, w)
        }
    }

    fn defined(&self, x: ArrayView2<'_, f64>, w: Weights) -> Array2<f64> {
        if self.adjoint {
            adjoint_rows(self.map, x, w)
        } else {
            apply_rows(self.map, x, w)
        }
    }
}

const BOTH: [Weights; 2] = [Weights::Signed, Weights::Absolute];

/// Small integers and few terms: every partial sum is exact, in any order.
fn agrees_exactly(map: &dyn LinearMap, source: &mut Source) {
    for side in Side::both(map) {
        for n in [0, 1, 3, 40] {
            let x = source.rows(n, side.length(), true);
            for w in BOTH {
                let y = side.fast(x.view(), w);
                assert!(y.is_standard_layout());
                assert_eq!(y, side.defined(x.view(), w), "{} {w:?} {n}", map.name());
            }
        }
        // Any strides, and cotangents of single elements.
        let n = side.length();
        let x = source.rows(n, 3, true);
        assert_eq!(side.fast(x.t(), BOTH[0]), side.defined(x.t(), BOTH[0]));
        let one = Array2::from_shape_fn((n.min(60), n), |(i, j)| f64::from(i == j));
        assert_eq!(
            side.fast(one.view(), BOTH[0]),
            side.defined(one.view(), BOTH[0])
        );
    }
}

/// Every element is within `γ_k Σ|terms| + k η` of the exact sum.
fn agrees_within_gamma(map: &dyn LinearMap, source: &mut Source) {
    let exact = |x: f64| Rational::from_f64(x).unwrap();
    for side in Side::both(map) {
        let chain = if side.adjoint {
            map.adjoint_chain()
        } else {
            map.chain()
        };
        let gamma = exact(Precision::BINARY64.gamma(chain));
        let eta = exact(Precision::BINARY64.eta) * chain as u64;
        let x = source.rows(2, side.length(), false);
        for w in BOTH {
            let y = side.fast(x.view(), w);
            let zero = || vec![Rational::new(); y.ncols()];
            let (mut sum, mut size) = (zero(), zero());
            for o in 0..map.output().len() {
                map.row(o, &mut |i, c| {
                    let (from, to) = if side.adjoint { (o, i) } else { (i, o) };
                    let term = exact(w.of(c)) * exact(x[[1, from]]);
                    size[to] += term.clone().abs();
                    sum[to] += term;
                });
            }
            for (o, (sum, size)) in sum.into_iter().zip(size).enumerate() {
                let error = (exact(y[[1, o]]) - sum).abs();
                assert!(
                    error <= gamma.clone() * size + &eta,
                    "{} {w:?} {o}",
                    map.name()
                );
            }
        }
    }
}

/// What is not finite in the definition is not finite in the pass, and nothing else.
fn keeps_what_is_not_finite(map: &dyn LinearMap, source: &mut Source) {
    for side in Side::both(map) {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut x = source.rows(5, side.length(), true);
            let at = source.bits() as usize % side.length();
            x[[3, at]] = bad;
            for w in BOTH {
                let (y, d) = (side.fast(x.view(), w), side.defined(x.view(), w));
                for ((s, o), y) in y.indexed_iter() {
                    let d = d[[s, o]];
                    assert!(d.is_finite() || !y.is_finite(), "{} {o}", map.name());
                    assert!(s == 3 || *y == d, "{} {s} {o}", map.name());
                }
            }
        }
    }
}

fn check(make: impl Fn(&mut Source, bool) -> Arc<dyn LinearMap>, seed: u64) {
    let mut source = Source(seed);
    let map = make(&mut source, true);
    agrees_exactly(&*map, &mut source);
    keeps_what_is_not_finite(&*map, &mut source);
    let map = make(&mut source, false);
    agrees_within_gamma(&*map, &mut source);
}

/// Every index at most once, and the longest row and column within the chains.
fn rows_are_well_formed(map: &dyn LinearMap) {
    let mut column = vec![0usize; map.input().len()];
    for o in 0..map.output().len() {
        let mut seen = vec![false; map.input().len()];
        let mut n = 0;
        map.row(o, &mut |i, _| {
            assert!(!std::mem::replace(&mut seen[i], true));
            column[i] += 1;
            n += 1;
        });
        assert!(n <= map.chain());
    }
    assert!(column.iter().all(|&n| n <= map.adjoint_chain()));
}

#[derive(Clone, Debug)]
struct Window {
    groups: usize,
    per_in: usize,
    per_out: usize,
    input: [usize; 2],
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    padding: [usize; 4],
    output_padding: [usize; 2],
}

fn window() -> impl Strategy<Value = Window> {
    let pair = |n| prop::array::uniform2(1usize..n);
    (
        (1usize..4, 1usize..5, 1usize..8),
        pair(15),
        pair(5),
        pair(4),
        pair(4),
        prop::array::uniform4(0usize..5),
        prop::array::uniform2(0usize..4),
    )
        .prop_map(
            |(
                (groups, per_in, per_out),
                input,
                kernel,
                stride,
                dilation,
                padding,
                output_padding,
            )| Window {
                groups,
                per_in,
                per_out,
                input,
                kernel,
                stride,
                dilation,
                padding,
                output_padding,
            },
        )
}

impl Window {
    fn geometry(&self, per_in: usize, per_out: usize) -> Option<Geometry> {
        let (channels, outs) = (self.groups * per_in, self.groups * per_out);
        Geometry::new(
            "conv2d",
            channels,
            self.input,
            outs,
            self.kernel,
            self.stride,
            self.padding,
            self.dilation,
            self.groups,
        )
        .ok()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn convolutions(w in window(), seed in any::<u64>()) {
        let Some(g) = w.geometry(w.per_in, w.per_out) else { return Ok(()) };
        check(|source, integers| {
            let weight = source.tensor(&[g.out_channels, w.per_in, w.kernel[0], w.kernel[1]], integers);
            Arc::new(Conv2d::new(weight, None, g.clone()).unwrap())
        }, seed);
    }

    #[test]
    fn transposed_convolutions(w in window(), seed in any::<u64>()) {
        let (channels, outs) = (w.groups * w.per_in, w.groups * w.per_out);
        let Ok(g) = Geometry::transposed(
            channels, w.input, outs, w.kernel, w.stride, w.padding, w.dilation, w.groups, w.output_padding,
        ) else { return Ok(()) };
        check(|source, integers| {
            let weight = source.tensor(&[channels, w.per_out, w.kernel[0], w.kernel[1]], integers);
            let bias = source.tensor(&[outs], integers);
            let map = ConvTranspose::new(weight, Some(bias), g.clone()).unwrap();
            assert_eq!(map.input().dims(), [channels, w.input[0], w.input[1]]);
            for d in 0..2 {
                let extent = w.stride[d] * (w.input[d] - 1) + (w.kernel[d] - 1) * w.dilation[d] + 1
                    + w.output_padding[d] - w.padding[d] - w.padding[d + 2];
                assert_eq!(map.output().dims()[1 + d], extent);
            }
            rows_are_well_formed(&map);
            // The rows are the columns of the convolution.
            let conv = Conv2d::new(map.params()[0].clone(), None, g.clone()).unwrap();
            let mut transposed = vec![Vec::new(); map.output().len()];
            for o in 0..conv.output().len() {
                conv.row(o, &mut |i, c| transposed[i].push((o, c)));
            }
            for (o, expected) in transposed.iter().enumerate() {
                let mut row = Vec::new();
                map.row(o, &mut |i, c| row.push((i, c)));
                row.sort_by_key(|t| t.0);
                assert_eq!(&row, expected);
            }
            Arc::new(map)
        }, seed);
    }

    #[test]
    fn window_sums(w in window(), seed in any::<u64>()) {
        let Some(mut g) = w.geometry(w.per_in, w.per_in) else { return Ok(()) };
        g.groups = g.channels;
        check(|_, _| Arc::new(SumPool::new(g.clone()).unwrap()), seed);
    }

    #[test]
    fn dense_maps(inputs in 1usize..40, outputs in 1usize..40, seed in any::<u64>()) {
        check(|source, integers| {
            let weight = source.tensor(&[outputs, inputs], integers);
            Arc::new(Dense::new(weight, None).unwrap())
        }, seed);
    }

    /// Few weights that are not zero: another path.
    #[test]
    fn sparse_maps(inputs in 1usize..60, outputs in 1usize..60, scarcity in 8u64..60, seed in any::<u64>()) {
        check(|source, integers| {
            let full = source.tensor(&[outputs, inputs], integers);
            let mut keep = |&w: &f32| if source.bits().is_multiple_of(scarcity) { w } else { 0.0 };
            let data: Vec<f32> = full.data().iter().map(&mut keep).collect();
            let weight = Tensor::new("w", full.shape().clone(), data.clone()).unwrap();
            let map = Dense::new(Arc::new(weight), None).unwrap();
            rows_are_well_formed(&map);
            let mut dense = vec![0.0; data.len()];
            for o in 0..outputs {
                map.row(o, &mut |i, w| dense[o * inputs + i] = w);
            }
            assert_eq!(dense, data);
            Arc::new(map)
        }, seed);
    }

    #[test]
    fn index_maps_and_diagonals(channels in 1usize..6, inner in 1usize..9, outputs in 1usize..20, seed in any::<u64>()) {
        let shape = Shape::new(&[channels, inner]);
        let flat = Shape::new(&[channels * inner]);
        check(|source, integers| {
            let [scale, bias] = [0, 1].map(|_| source.tensor(&[channels], integers));
            Arc::new(Diagonal::new(scale, bias, shape.clone(), 0.0).unwrap())
        }, seed);
        check(|source, _| {
            let index = (0..outputs).map(|_| {
                Some((source.bits() as usize % (flat.len() + 1)) as u32).filter(|&i| (i as usize) < flat.len())
            });
            Arc::new(Gather::new(shape.clone(), Shape::new(&[outputs]), index.collect()).unwrap())
        }, seed);
        check(|_, _| Arc::new(Reshape::new(shape.clone(), flat.clone()).unwrap()), seed);
    }
}

/// Extents beyond one block of the passes: wide rows, many channels, large kernels.
#[test]
fn large_convolutions() {
    for (seed, (channels, input, outs, kernel, stride, padding, dilation, groups)) in [
        (3, [5, 300], 4, [3, 3], [1, 1], [1; 4], [1, 1], 1),
        (40, [13, 11], 20, [3, 3], [2, 2], [1; 4], [1, 1], 1),
        (300, [2, 2], 130, [1, 1], [1, 1], [0; 4], [1, 1], 1),
        (2, [40, 40], 2, [20, 17], [7, 5], [3; 4], [1, 1], 2),
        (12, [20, 20], 12, [3, 3], [1, 1], [2; 4], [2, 2], 12),
        (1, [1, 500], 3, [1, 9], [1, 4], [0, 400, 0, 7], [1, 30], 1),
        (2, [4, 4], 1, [2, 2], [1000, 1000], [0; 4], [1, 1], 1),
    ]
    .into_iter()
    .enumerate()
    {
        let g = Geometry::new(
            "conv2d", channels, input, outs, kernel, stride, padding, dilation, groups,
        )
        .unwrap();
        check(
            |source, integers| {
                let dims = [outs, channels / groups, kernel[0], kernel[1]];
                Arc::new(Conv2d::new(source.tensor(&dims, integers), None, g.clone()).unwrap())
            },
            seed as u64,
        );
    }
}
