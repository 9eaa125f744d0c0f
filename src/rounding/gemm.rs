//! The matrix product behind every bound: pure Rust whatever features are on,
//! so that a stored number does not depend on the BLAS that was linked.

use ndarray::{Array2, ArrayView2};

/// `a b` in round-to-nearest, some summation order, no threads. Shapes (m, k)
/// and (k, n), any strides; with `k = 0` the product is zero.
///
/// # Panics
/// If the inner extents differ.
#[allow(unsafe_code)]
pub fn matmul(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Array2<f64> {
    let ((m, k), (inner, n)) = (a.dim(), b.dim());
    assert_eq!(k, inner, "inner extents of a matrix product");
    let mut c = Array2::zeros((m, n));
    if m == 0 || n == 0 || k == 0 {
        return c;
    }
    let (sa, sb) = (a.strides(), b.strides());
    // SAFETY: `a` and `b` are valid for reads of (m, k) and (k, n) elements at
    // their own strides, `c` is freshly allocated (m, n) row-major and aliases
    // neither; with beta = 0 it is written without being read.
    unsafe {
        matrixmultiply::dgemm(
            m,
            k,
            n,
            1.0,
            a.as_ptr(),
            sa[0],
            sa[1],
            b.as_ptr(),
            sb[0],
            sb[1],
            0.0,
            c.as_mut_ptr(),
            n as isize,
            1,
        );
    }
    c
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_small_integers_are_exact() {
        for (m, k, n) in [(0, 3, 2), (1, 0, 2), (3, 5, 7), (65, 33, 17)] {
            let a = Array2::from_shape_fn((m, k), |(i, j)| (i * 3 + j * 7) as f64 % 11.0 - 5.0);
            let b = Array2::from_shape_fn((n, k), |(i, j)| (i * 5 + j) as f64 % 13.0 - 6.0);
            let c = matmul(a.view(), b.t());
            assert_eq!(c.dim(), (m, n));
            for ((i, j), &v) in c.indexed_iter() {
                let exact: f64 = (0..k).map(|l| a[[i, l]] * b[[j, l]]).sum();
                assert_eq!(v, exact);
            }
        }
    }
}
