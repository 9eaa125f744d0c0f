//! The matrix product behind every bound: pure Rust whatever features are on,
//! so that a stored number does not depend on the BLAS that was linked.
//!
//! Most products of a bound pass have one constant operand, a layer's weights.
//! [`Packed`] holds such a `B` in the order the kernel reads it; `A` is read
//! where it lies, so a product copies nothing. No product starts threads: a
//! caller that wants them splits the rows of `A`.
//!
//! **Rounding.** Every element is a plain sum of its `k` products (blocks of
//! the inner extent are added to what is there), so the error term is that of
//! [`Precision::gamma`](super::Precision::gamma) with `n = k`.
//!
//! References: Goto and van de Geijn, *Anatomy of high-performance matrix
//! multiplication*, ACM TOMS 34 (2008).

use ndarray::{Array2, ArrayView2, Axis};

use super::simd::sealed::Tile;
use super::simd::{Element, Isa, Offsets, ROWS, VECTORS};

/// Inner extent of a block: a panel of `B` and six rows of `A` share the first
/// level cache.
const INNER: usize = 256;
/// Rows of `A` in a block: with the inner extent a part of the second level
/// cache.
const OUTER: usize = 96;

/// The columns of one full panel.
const fn panel_width<T: Element>() -> usize {
    VECTORS * T::LANES
}

/// The columns of one full panel, and the multiple that the last one is filled
/// to, in binary64.
pub(crate) const PANEL: usize = panel_width::<f64>();
pub(crate) const VECTOR: usize = <f64 as Tile>::LANES;

/// A constant right operand `B` of shape (k, n), stored in panels of columns.
#[derive(Clone, Debug)]
pub struct Packed<T> {
    k: usize,
    n: usize,
    panels: Vec<T>,
    /// no element is NaN or infinite, so that a zero of `A` annihilates it
    finite: bool,
}

/// Rows of `A` from which on it pays to look for columns of zeros.
const MANY: usize = 8;

impl<T: Element> Packed<T> {
    /// Packs `b`, any strides.
    pub fn new(b: ArrayView2<'_, T>) -> Packed<T> {
        let (k, n) = b.dim();
        let mut panels = vec![T::default(); k * padded::<T>(n)];
        let mut rest = &mut panels[..];
        for first in (0..n).step_by(panel_width::<T>()) {
            let columns = panel_width::<T>().min(n - first);
            let width = columns.next_multiple_of(T::LANES);
            let (panel, after) = rest.split_at_mut(k * width);
            rest = after;
            let part = b.slice(ndarray::s![.., first..first + columns]);
            if b.strides()[0].unsigned_abs() < b.strides()[1].unsigned_abs() {
                for (j, column) in part.axis_iter(Axis(1)).enumerate() {
                    for (to, &x) in panel[j..].iter_mut().step_by(width).zip(column) {
                        *to = x;
                    }
                }
            } else {
                for (to, row) in panel.chunks_exact_mut(width).zip(part.rows()) {
                    match row.as_slice() {
                        Some(row) => to[..columns].copy_from_slice(row),
                        None => to.iter_mut().zip(row).for_each(|(to, &x)| *to = x),
                    }
                }
            }
        }
        let finite = b.iter().all(|&x| T::is_finite(x));
        Packed {
            k,
            n,
            panels,
            finite,
        }
    }

    /// (k, n)
    pub fn dim(&self) -> (usize, usize) {
        (self.k, self.n)
    }

    /// `A B` for `A` of shape (m, k), row-major; with `k = 0` it is zero.
    ///
    /// # Panics
    /// If the inner extents differ.
    pub fn left(&self, a: ArrayView2<'_, T>) -> Array2<T> {
        let mut c = vec![T::default(); a.nrows() * self.n];
        self.add_left(a, &mut c);
        Array2::from_shape_vec((a.nrows(), self.n), c).expect("one number per element")
    }

    /// `C += A B` for `A` of shape (m, k) and a row-major `C` (m, n): a product
    /// without an allocation where `A` is row-major, and the way to split the
    /// rows of `A` over threads.
    ///
    /// # Panics
    /// If the extents differ.
    pub fn add_left(&self, a: ArrayView2<'_, T>, c: &mut [T]) {
        let (m, k) = a.dim();
        assert_eq!(k, self.k, "inner extents of a matrix product");
        assert_eq!(c.len(), m * self.n, "extents of the result of a product");
        let a = a.as_standard_layout();
        let rows = a.as_slice().expect("standard layout is contiguous");
        if m >= MANY && self.finite {
            let live = live_columns(rows, k);
            if 4 * live.len() <= 3 * k {
                let packed: Vec<T> = (0..m)
                    .flat_map(|i| live.iter().map(move |&p| rows[i * k + p]))
                    .collect();
                let isa = Isa::detect();
                let (k, b) = (live.len(), Panels::Rows(&self.panels, k, &live));
                return add_product_with(isa, m, k, &packed, k, b, self.n, c, self.n);
            }
        }
        add_product(m, k, rows, k, &self.panels, self.n, c, self.n);
    }
}

/// The columns of a row-major `a`, `k` wide, that hold anything but zeros.
fn live_columns<T: Element>(a: &[T], k: usize) -> Vec<usize> {
    let mut live = vec![false; k];
    for row in a.chunks_exact(k.max(1)) {
        for (live, &x) in live.iter_mut().zip(row) {
            // NaN is no zero.
            *live |= x != T::default();
        }
    }
    (0..k).filter(|&p| live[p]).collect()
}

/// A right operand in panels: all of its rows, or those listed (of so many).
#[derive(Clone, Copy)]
enum Panels<'a, T> {
    All(&'a [T]),
    Rows(&'a [T], usize, &'a [usize]),
}

/// Columns as stored: the last panel is as narrow as whole vectors allow.
fn padded<T: Element>(n: usize) -> usize {
    n.next_multiple_of(T::LANES)
}

/// `C += A B`: `A` (m, k) with row stride `lda`, `B` (k, n) in panels (full
/// ones of [`panel_width`] columns, the last one filled up to a vector), `C`
/// (m, n) with row stride `ldc`.
#[allow(clippy::too_many_arguments)]
pub(crate) fn add_product<T: Element>(
    m: usize,
    k: usize,
    a: &[T],
    lda: usize,
    panels: &[T],
    n: usize,
    c: &mut [T],
    ldc: usize,
) {
    let isa = Isa::detect();
    add_product_with(isa, m, k, a, lda, Panels::All(panels), n, c, ldc);
}

#[allow(clippy::too_many_arguments)]
fn add_product_with<T: Element>(
    isa: Isa,
    m: usize,
    k: usize,
    a: &[T],
    lda: usize,
    panels: Panels<'_, T>,
    n: usize,
    c: &mut [T],
    ldc: usize,
) {
    let full = panel_width::<T>();
    let mut gathered = Vec::new();
    // Blocks of nearly equal extent.
    let inner = k.div_ceil(k.div_ceil(INNER).max(1)).max(1);
    for p in (0..k).step_by(inner) {
        let depth = inner.min(k - p);
        for top in (0..m).step_by(OUTER) {
            let bottom = m.min(top + OUTER);
            for first in (0..n).step_by(full) {
                let columns = full.min(n - first);
                let width = padded::<T>(columns);
                let panel = match panels {
                    Panels::All(all) => &all[first * k + p * width..][..depth * width],
                    Panels::Rows(all, rows, listed) => {
                        let panel = &all[first * rows..][..rows * width];
                        gathered.clear();
                        for &row in &listed[p..p + depth] {
                            gathered.extend_from_slice(&panel[row * width..][..width]);
                        }
                        &gathered
                    }
                };
                for i in (top..bottom).step_by(ROWS) {
                    let rows = ROWS.min(bottom - i);
                    let (a, vectors) = (&a[i * lda + p..], width / T::LANES);
                    let c = &mut c[i * ldc + first..];
                    if columns == width {
                        T::tile(isa, rows, vectors, depth, a, lda, panel, c, ldc);
                    } else {
                        // A tile that would reach beyond the last column.
                        let mut edge = [T::default(); ROWS * VECTORS * 8];
                        T::tile(isa, rows, vectors, depth, a, lda, panel, &mut edge, width);
                        for (c, edge) in c.chunks_mut(ldc).zip(edge.chunks(width)).take(rows) {
                            T::add(&mut c[..columns], edge);
                        }
                    }
                }
            }
        }
    }
}

/// `C += A B` for one full panel of [`PANEL`] columns whose rows lie apart in `b`,
/// at `offsets`: `A` (m, offsets) with row stride `lda`, `C` with row stride `ldc`.
pub(crate) fn add_panel(
    m: usize,
    a: &[f64],
    lda: usize,
    b: &[f64],
    offsets: &Offsets,
    c: &mut [f64],
    ldc: usize,
) {
    let isa = Isa::detect();
    for i in (0..m).step_by(ROWS) {
        let rows = ROWS.min(m - i);
        f64::tile_apart(
            isa,
            rows,
            &a[i * lda..],
            lda,
            b,
            offsets,
            &mut c[i * ldc..],
            ldc,
        );
    }
}

/// `a b` in round-to-nearest, some summation order, no threads. Shapes (m, k)
/// and (k, n), any strides; with `k = 0` the product is zero.
///
/// # Panics
/// If the inner extents differ.
pub fn matmul<T: Element>(a: ArrayView2<'_, T>, b: ArrayView2<'_, T>) -> Array2<T> {
    assert_eq!(a.ncols(), b.nrows(), "inner extents of a matrix product");
    Packed::new(b).left(a)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rug::Rational;

    use crate::rounding::Precision;

    /// Shapes around the tile and block extents.
    const SHAPES: [(usize, usize, usize); 10] = [
        (0, 3, 2),
        (1, 0, 2),
        (2, 3, 0),
        (1, 1, 1),
        (3, 5, 7),
        (5, 257, 12),
        (65, 33, 17),
        (97, 300, 25),
        (2, 600, 31),
        (101, 7, 50),
    ];

    #[test]
    fn products_of_small_integers_are_exact() {
        for (m, k, n) in SHAPES {
            let a = Array2::from_shape_fn((m, k), |(i, j)| (i * 3 + j * 7) as f64 % 11.0 - 5.0);
            let b = Array2::from_shape_fn((n, k), |(i, j)| (i * 5 + j) as f64 % 13.0 - 6.0);
            let exact = Array2::from_shape_fn((m, n), |(i, j)| {
                (0..k).map(|l| a[[i, l]] * b[[j, l]]).sum::<f64>()
            });
            assert_eq!(matmul(a.view(), b.t()), exact);
            let rows = b.t().as_standard_layout().into_owned();
            assert_eq!(matmul(a.view(), rows.view()), exact);
            let columns = a.t().as_standard_layout().into_owned();
            assert_eq!(matmul(columns.t(), rows.view()), exact);
            let narrow = matmul(a.mapv(|x| x as f32).view(), b.mapv(|x| x as f32).t());
            assert_eq!(narrow.mapv(f64::from), exact);
            for isa in Isa::all() {
                let packed = Packed::new(rows.view());
                let mut c = vec![1.0; m * n];
                let a = a.as_slice().unwrap();
                add_product_with(isa, m, k, a, k, Panels::All(&packed.panels), n, &mut c, n);
                let c = Array2::from_shape_vec((m, n), c).unwrap();
                assert_eq!(c, &exact + 1.0, "{isa:?}");
            }
        }
    }

    #[test]
    fn infinities_and_nan_arrive() {
        for (m, k, n) in SHAPES.into_iter().filter(|s| s.0 * s.1 * s.2 > 0) {
            for bad in [f64::NAN, f64::INFINITY] {
                let mut a = Array2::<f64>::zeros((m, k));
                a[[m - 1, k - 1]] = bad;
                let c = matmul(a.view(), Array2::ones((k, n)).view());
                assert!(c.row(m - 1).iter().all(|v| !v.is_finite()));
                let zero = matmul(a.view(), Array2::zeros((k, n)).view());
                assert!(zero.row(m - 1).iter().all(|v| v.is_nan()));
                let mut b = Array2::<f64>::zeros((k, n));
                b[[k - 1, n - 1]] = bad;
                let c = matmul(Array2::zeros((m, k)).view(), b.view());
                assert!(c.column(n - 1).iter().all(|v| v.is_nan()));
            }
        }
    }

    #[test]
    fn rows_of_a_panel_may_lie_apart() {
        for (m, k) in [(1, 1), (5, 9), (6, 30), (13, 7), (8, 0)] {
            let a = Array2::from_shape_fn((m, k), |(i, j)| (i * 3 + j * 7) as f64 % 11.0 - 5.0);
            let b: Vec<f64> = (0..5 * k + PANEL)
                .map(|i| (i * 5) as f64 % 13.0 - 6.0)
                .collect();
            let place = |p: usize| (p * 3) % (4 * k.max(1));
            let mut offsets = Offsets::default();
            offsets.set((0..k).map(place));
            let exact = Array2::from_shape_fn((m, PANEL), |(i, j)| {
                1.0 + (0..k).map(|p| a[[i, p]] * b[place(p) + j]).sum::<f64>()
            });
            for isa in Isa::all() {
                let mut c = vec![1.0; m * PANEL];
                for i in (0..m).step_by(ROWS) {
                    let (rows, rest) = (ROWS.min(m - i), &a.as_slice().unwrap()[i * k..]);
                    f64::tile_apart(isa, rows, rest, k, &b, &offsets, &mut c[i * PANEL..], PANEL);
                }
                assert_eq!(
                    Array2::from_shape_vec((m, PANEL), c).unwrap(),
                    exact,
                    "{isa:?}"
                );
            }
        }
    }

    #[test]
    fn columns_of_zeros_are_left_out() {
        for (m, k, n) in [(8, 300, 31), (9, 7, 5), (40, 257, 16), (12, 4, 3)] {
            let mut a = Array2::from_shape_fn((m, k), |(i, j)| (i * 3 + j * 7) as f64 % 11.0 - 5.0);
            let b = Array2::from_shape_fn((k, n), |(i, j)| (i * 5 + j) as f64 % 13.0 - 6.0);
            for (j, mut column) in a.columns_mut().into_iter().enumerate() {
                if j % 3 != 1 {
                    column.fill(if j % 2 == 0 { 0.0 } else { -0.0 });
                }
            }
            assert_eq!(Packed::new(b.view()).left(a.view()), a.dot(&b));
            a[[m - 1, 0]] = f64::NAN;
            let c = Packed::new(b.view()).left(a.view());
            assert!(c.row(m - 1).iter().all(|x| x.is_nan()));
            a.fill(0.0);
            assert_eq!(
                Packed::new(b.view()).left(a.view()),
                Array2::<f64>::zeros((m, n))
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn errors_stay_below_gamma(
            (m, n) in (1usize..7, 1usize..30), k in prop_oneof![1usize..20, 250usize..270],
            seed in any::<u64>(), magnitude in prop_oneof![Just(0), Just(-520), Just(400)],
        ) {
            let mut state = seed;
            let mut next = || {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                let unit = (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5;
                unit * 2f64.powi((state >> 8 & 31) as i32 - 16 + magnitude)
            };
            let a = Array2::from_shape_fn((m, k), |_| next());
            let b = Array2::from_shape_fn((k, n), |_| next());
            let exact = |x: f64| Rational::from_f64(x).unwrap();
            for isa in Isa::all() {
                let mut c = vec![0.0; m * n];
                let packed = Packed::new(b.view());
                add_product_with(isa, m, k, a.as_slice().unwrap(), k, Panels::All(&packed.panels), n, &mut c, n);
                let gamma = exact(Precision::BINARY64.gamma(k));
                let eta = exact(Precision::BINARY64.eta) * k as u64;
                for i in 0..m {
                    let j = (seed as usize + i) % n;
                    let terms = || (0..k).map(|l| exact(a[[i, l]]) * exact(b[[l, j]]));
                    let sum: Rational = terms().sum();
                    let size: Rational = terms().map(|t| t.abs()).sum();
                    let error = (exact(c[i * n + j]) - sum).abs();
                    prop_assert!(error <= gamma.clone() * size + &eta);
                }
            }
        }
    }
}
