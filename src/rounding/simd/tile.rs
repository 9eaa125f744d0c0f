//! The tile kernel of the matrix product.

use super::{Isa, Kind};

/// The kernels' offsets where the rows of `B` follow each other.
#[cfg(target_arch = "x86_64")]
const NONE: *const usize = std::ptr::null();

/// Rows of `A` in one tile of a product: with two vectors of columns the sums
/// and operands fill fifteen of sixteen registers.
pub(in crate::rounding) const ROWS: usize = 6;
/// The most vectors of columns of `B` in one tile.
pub(in crate::rounding) const VECTORS: usize = 2;

/// A number the matrix product has kernels for.
pub trait Element: Copy + Default + PartialEq + Send + Sync + 'static + sealed::Tile {}

impl Element for f64 {}
impl Element for f32 {}

pub(in crate::rounding) mod sealed {
    use super::Isa;

    /// The tile kernel of one element type.
    pub trait Tile: Sized {
        /// numbers in a vector
        const LANES: usize;
        /// neither NaN nor infinite
        fn is_finite(x: Self) -> bool;
        /// `to += from` elementwise
        fn add(to: &mut [Self], from: &[Self]);
        /// `C += A B` on one tile: `A` (`rows`, `k`) with row stride `lda`, `B`
        /// (`k`, `vectors × LANES`) row-major, `C` with row stride `ldc`.
        ///
        /// # Panics
        /// If `rows` or `vectors` is 0 or above the tile, or a slice too short.
        #[allow(private_interfaces, clippy::too_many_arguments)]
        fn tile(
            isa: Isa,
            rows: usize,
            vectors: usize,
            k: usize,
            a: &[Self],
            lda: usize,
            b: &[Self],
            c: &mut [Self],
            ldc: usize,
        );
        /// [`tile`](Tile::tile) of a full panel whose rows lie apart: row `p` of `B`
        /// is read at `b[offsets[p]..]`.
        ///
        /// # Panics
        /// If `rows` is 0 or above the tile, or a slice too short.
        #[allow(private_interfaces, clippy::too_many_arguments)]
        fn tile_apart(
            isa: Isa,
            rows: usize,
            a: &[Self],
            lda: usize,
            b: &[Self],
            offsets: &super::Offsets,
            c: &mut [Self],
            ldc: usize,
        );
    }
}

/// Where the rows of a panel begin, and the largest of these places.
#[derive(Clone, Debug, Default)]
pub(crate) struct Offsets {
    places: Vec<usize>,
    largest: usize,
}

impl Offsets {
    /// Replaces the places.
    pub(crate) fn set(&mut self, places: impl Iterator<Item = usize>) {
        self.places.clear();
        self.places.extend(places);
        self.largest = self.places.iter().copied().max().unwrap_or(0);
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }
}

macro_rules! element {
    ($t:ty, $lanes:expr, $portable:ident,
     $avx2:ident, $load:ident, $store:ident, $zero:ident, $splat:ident, $fma:ident, $add:ident, $vector:ident,
     $avx512:ident, $load_512:ident, $store_512:ident, $zero_512:ident, $splat_512:ident, $fma_512:ident,
     $add_512:ident, $vector_512:ident) => {
        impl sealed::Tile for $t {
            const LANES: usize = $lanes;
            fn is_finite(x: $t) -> bool {
                x.is_finite()
            }
            fn add(to: &mut [$t], from: &[$t]) {
                for (to, from) in to.iter_mut().zip(from) {
                    *to += from;
                }
            }
            #[inline]
            #[allow(private_interfaces)]
            fn tile(
                isa: Isa,
                rows: usize,
                vectors: usize,
                k: usize,
                a: &[$t],
                lda: usize,
                b: &[$t],
                c: &mut [$t],
                ldc: usize,
            ) {
                let width = vectors * $lanes;
                assert!((1..=ROWS).contains(&rows) && (1..=VECTORS).contains(&vectors));
                assert!(a.len() >= (rows - 1) * lda + k && b.len() >= k * width);
                assert!(c.len() >= (rows - 1) * ldc + width);
                match isa.0 {
                    #[cfg(target_arch = "x86_64")]
                    Kind::Avx512 if vectors == 2 => {
                        let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
                        // SAFETY: the machine has AVX-512F, or there would be no such
                        // `Isa`; by the assertions all reads of `rows` rows of `k`
                        // elements of `a`, of `k × width` of `b` and all accesses of
                        // `rows` rows of `width` of `c` are in bounds.
                        unsafe {
                            match rows {
                                1 => $avx512::<1, 8, false>(k, a, lda, b, NONE, c, ldc),
                                2 => $avx512::<2, 4, false>(k, a, lda, b, NONE, c, ldc),
                                3 => $avx512::<3, 3, false>(k, a, lda, b, NONE, c, ldc),
                                4 => $avx512::<4, 2, false>(k, a, lda, b, NONE, c, ldc),
                                5 => $avx512::<5, 2, false>(k, a, lda, b, NONE, c, ldc),
                                _ => $avx512::<6, 2, false>(k, a, lda, b, NONE, c, ldc),
                            }
                        }
                    }
                    #[cfg(target_arch = "x86_64")]
                    Kind::Avx2 | Kind::Avx512 => {
                        let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
                        // SAFETY: the machine has AVX2 and FMA, or there would be
                        // no such `Isa`; the accesses are those above.
                        unsafe {
                            match (rows, vectors) {
                                (1, 1) => $avx2::<1, 1, 8, false>(k, a, lda, b, NONE, c, ldc),
                                (1, _) => $avx2::<1, 2, 4, false>(k, a, lda, b, NONE, c, ldc),
                                (2, 1) => $avx2::<2, 1, 4, false>(k, a, lda, b, NONE, c, ldc),
                                (2, _) => $avx2::<2, 2, 3, false>(k, a, lda, b, NONE, c, ldc),
                                (3, 1) => $avx2::<3, 1, 3, false>(k, a, lda, b, NONE, c, ldc),
                                (3, _) => $avx2::<3, 2, 2, false>(k, a, lda, b, NONE, c, ldc),
                                (4, 1) => $avx2::<4, 1, 2, false>(k, a, lda, b, NONE, c, ldc),
                                (4, _) => $avx2::<4, 2, 1, false>(k, a, lda, b, NONE, c, ldc),
                                (5, 1) => $avx2::<5, 1, 2, false>(k, a, lda, b, NONE, c, ldc),
                                (5, _) => $avx2::<5, 2, 1, false>(k, a, lda, b, NONE, c, ldc),
                                (_, 1) => $avx2::<6, 1, 2, false>(k, a, lda, b, NONE, c, ldc),
                                _ => $avx2::<6, 2, 1, false>(k, a, lda, b, NONE, c, ldc),
                            }
                        }
                    }
                    Kind::Portable => {
                        for r in 0..rows {
                            let row = &a[r * lda..r * lda + k];
                            let out = &mut c[r * ldc..r * ldc + width];
                            match vectors {
                                1 => $portable::<$lanes>(row, b.chunks_exact($lanes), out),
                                _ => $portable::<{ 2 * $lanes }>(
                                    row,
                                    b.chunks_exact(2 * $lanes),
                                    out,
                                ),
                            }
                        }
                    }
                }
            }
            #[inline]
            #[allow(private_interfaces)]
            fn tile_apart(
                isa: Isa,
                rows: usize,
                a: &[$t],
                lda: usize,
                b: &[$t],
                offsets: &Offsets,
                c: &mut [$t],
                ldc: usize,
            ) {
                const WIDTH: usize = VECTORS * $lanes;
                let k = offsets.len();
                assert!((1..=ROWS).contains(&rows));
                assert!(a.len() >= (rows - 1) * lda + k && b.len() >= offsets.largest + WIDTH);
                assert!(c.len() >= (rows - 1) * ldc + WIDTH);
                match isa.0 {
                    #[cfg(target_arch = "x86_64")]
                    Kind::Avx512 => {
                        let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
                        let at = offsets.places.as_ptr();
                        // SAFETY: the machine has AVX-512F; accesses as above, those of
                        // `b` within `WIDTH` of one of `k` offsets.
                        unsafe {
                            match rows {
                                1 => $avx512::<1, 8, true>(k, a, lda, b, at, c, ldc),
                                2 => $avx512::<2, 4, true>(k, a, lda, b, at, c, ldc),
                                3 => $avx512::<3, 3, true>(k, a, lda, b, at, c, ldc),
                                4 => $avx512::<4, 2, true>(k, a, lda, b, at, c, ldc),
                                5 => $avx512::<5, 2, true>(k, a, lda, b, at, c, ldc),
                                _ => $avx512::<6, 2, true>(k, a, lda, b, at, c, ldc),
                            }
                        }
                    }
                    #[cfg(target_arch = "x86_64")]
                    Kind::Avx2 => {
                        let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
                        let at = offsets.places.as_ptr();
                        // SAFETY: the machine has AVX2 and FMA; accesses as above, those
                        // of `b` within `WIDTH` of one of `k` offsets.
                        unsafe {
                            match rows {
                                1 => $avx2::<1, 2, 4, true>(k, a, lda, b, at, c, ldc),
                                2 => $avx2::<2, 2, 3, true>(k, a, lda, b, at, c, ldc),
                                3 => $avx2::<3, 2, 2, true>(k, a, lda, b, at, c, ldc),
                                4 => $avx2::<4, 2, 1, true>(k, a, lda, b, at, c, ldc),
                                5 => $avx2::<5, 2, 1, true>(k, a, lda, b, at, c, ldc),
                                _ => $avx2::<6, 2, 1, true>(k, a, lda, b, at, c, ldc),
                            }
                        }
                    }
                    Kind::Portable => {
                        for r in 0..rows {
                            let row = &a[r * lda..r * lda + k];
                            let out = &mut c[r * ldc..r * ldc + WIDTH];
                            let lines = offsets.places.iter().map(|&o| &b[o..o + WIDTH]);
                            $portable::<WIDTH>(row, lines, out);
                        }
                    }
                }
            }
        }

        /// One row of a tile: `c += a B`, `N` columns.
        fn $portable<'b, const N: usize>(
            a: &[$t],
            b: impl Iterator<Item = &'b [$t]>,
            c: &mut [$t],
        ) {
            let mut sum = [0.0; N];
            sum.copy_from_slice(&c[..N]);
            for (&a, b) in a.iter().zip(b) {
                for (s, &b) in sum.iter_mut().zip(b) {
                    *s += a * b;
                }
            }
            c[..N].copy_from_slice(&sum);
        }

        /// `C += A B` with `R` rows and `V` vectors; `U` partial sums per
        /// element, so that enough sums are under way to hide their latency.
        ///
        /// # Safety
        /// The processor has AVX2 and FMA; `a` is readable at `r lda + p`, `b` at
        /// `p V LANES + j` (with
        /// `APART` at `offsets[p] + j`), `c` accessible at `r ldc + j`, for `r < R`, `p < k`,
        /// `j < V LANES`.
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        unsafe fn $avx2<const R: usize, const V: usize, const U: usize, const APART: bool>(
            k: usize,
            a: *const $t,
            lda: usize,
            b: *const $t,
            offsets: *const usize,
            c: *mut $t,
            ldc: usize,
        ) {
            use std::arch::x86_64::*;
            let mut sum: [[[$vector; V]; R]; U] = [[[$zero(); V]; R]; U];
            // Pointers advance by wrapping arithmetic: the loop has no overflow
            // check and needs no register beyond the tile.
            let (mut b, first, mut offsets) = (b, b, offsets);
            let mut rows: [*const $t; R] = [a; R];
            for r in 1..R {
                rows[r] = rows[r - 1].wrapping_add(lda);
            }
            // SAFETY: every access is one of those the caller vouches for.
            unsafe {
                for _ in 0..k / U {
                    for sum in &mut sum {
                        if APART {
                            b = first.wrapping_add(*offsets);
                            offsets = offsets.wrapping_add(1);
                        }
                        let mut line = [$zero(); V];
                        for line in &mut line {
                            *line = $load(b);
                            b = b.wrapping_add($lanes);
                        }
                        for (sum, a) in sum.iter_mut().zip(&mut rows) {
                            let x = $splat(**a);
                            *a = a.wrapping_add(1);
                            for (sum, &b) in sum.iter_mut().zip(&line) {
                                *sum = $fma(x, b, *sum);
                            }
                        }
                    }
                }
                for _ in 0..k % U {
                    if APART {
                        b = first.wrapping_add(*offsets);
                        offsets = offsets.wrapping_add(1);
                    }
                    for (sum, a) in sum[0].iter_mut().zip(&mut rows) {
                        let x = $splat(**a);
                        *a = a.wrapping_add(1);
                        for (v, sum) in sum.iter_mut().enumerate() {
                            *sum = $fma(x, $load(b.wrapping_add(v * $lanes)), *sum);
                        }
                    }
                    b = b.wrapping_add(V * $lanes);
                }
                for r in 0..R {
                    for v in 0..V {
                        let mut total = sum[0][r][v];
                        for part in &sum[1..] {
                            total = $add(total, part[r][v]);
                        }
                        let at = c.add(r * ldc + v * $lanes);
                        $store(at, $add($load(at), total));
                    }
                }
            }
        }

        /// A full panel of columns at once: `C += A B` with `R` rows of one vector of
        /// `2 LANES` columns, `U` partial sums per element.
        ///
        /// # Safety
        /// The processor has AVX-512F; `a` is readable at `r lda + p`, `b` at
        /// `p 2 LANES + j` (with `APART` at
        /// `offsets[p] + j`), `c` accessible at `r ldc + j`, for `r < R`, `p < k`,
        /// `j < 2 LANES`.
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f")]
        unsafe fn $avx512<const R: usize, const U: usize, const APART: bool>(
            k: usize,
            a: *const $t,
            lda: usize,
            b: *const $t,
            offsets: *const usize,
            c: *mut $t,
            ldc: usize,
        ) {
            use std::arch::x86_64::*;
            let mut sum: [[$vector_512; R]; U] = [[$zero_512(); R]; U];
            let (mut b, first, mut offsets) = (b, b, offsets);
            let mut rows: [*const $t; R] = [a; R];
            for r in 1..R {
                rows[r] = rows[r - 1].wrapping_add(lda);
            }
            // SAFETY: every access is one of those the caller vouches for.
            unsafe {
                for _ in 0..k / U {
                    for sum in &mut sum {
                        if APART {
                            b = first.wrapping_add(*offsets);
                            offsets = offsets.wrapping_add(1);
                        }
                        let line = $load_512(b);
                        b = b.wrapping_add(2 * $lanes);
                        for (sum, a) in sum.iter_mut().zip(&mut rows) {
                            *sum = $fma_512($splat_512(**a), line, *sum);
                            *a = a.wrapping_add(1);
                        }
                    }
                }
                for _ in 0..k % U {
                    if APART {
                        b = first.wrapping_add(*offsets);
                        offsets = offsets.wrapping_add(1);
                    }
                    let line = $load_512(b);
                    b = b.wrapping_add(2 * $lanes);
                    for (sum, a) in sum[0].iter_mut().zip(&mut rows) {
                        *sum = $fma_512($splat_512(**a), line, *sum);
                        *a = a.wrapping_add(1);
                    }
                }
                for r in 0..R {
                    let mut total = sum[0][r];
                    for part in &sum[1..] {
                        total = $add_512(total, part[r]);
                    }
                    let at = c.add(r * ldc);
                    $store_512(at, $add_512($load_512(at), total));
                }
            }
        }
    };
}

element!(
    f64,
    4,
    row_f64,
    tile_avx2_f64,
    _mm256_loadu_pd,
    _mm256_storeu_pd,
    _mm256_setzero_pd,
    _mm256_set1_pd,
    _mm256_fmadd_pd,
    _mm256_add_pd,
    __m256d,
    tile_avx512_f64,
    _mm512_loadu_pd,
    _mm512_storeu_pd,
    _mm512_setzero_pd,
    _mm512_set1_pd,
    _mm512_fmadd_pd,
    _mm512_add_pd,
    __m512d
);
element!(
    f32,
    8,
    row_f32,
    tile_avx2_f32,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_setzero_ps,
    _mm256_set1_ps,
    _mm256_fmadd_ps,
    _mm256_add_ps,
    __m256,
    tile_avx512_f32,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_setzero_ps,
    _mm512_set1_ps,
    _mm512_fmadd_ps,
    _mm512_add_ps,
    __m512
);
