//! Matrices with an entrywise error, and their norms and logarithmic norms.

use ndarray::{Array2, Zip};

use super::spectral::{enclosure_norm_up, lambda_max_up};
use crate::rounding::eft::{add_up, sub_up};
use crate::rounding::{Boxes, Interval, SumBound};
use crate::verify::Norm;

/// A bound that failed to be a number is no bound: NaN becomes `+∞`.
#[inline]
pub(super) fn ceiling(x: f64) -> f64 {
    if x.is_nan() { f64::INFINITY } else { x }
}

/// The norm of the dual space: `‖Aᵀ‖_p = ‖A‖_q`, `1/p + 1/q = 1`.
pub(super) fn dual(norm: Norm) -> Norm {
    match norm {
        Norm::Linf => Norm::L1,
        Norm::L2 => Norm::L2,
        Norm::L1 => Norm::Linf,
    }
}

/// All matrices within `rad` of `mid`, entry by entry.
#[derive(Clone, Debug)]
pub(super) struct MidRad {
    pub(super) mid: Array2<f64>,
    pub(super) rad: Array2<f64>,
}

impl MidRad {
    /// The matrices with entries in `boxes` (rows are the batch axis).
    pub(super) fn of(boxes: &Boxes) -> MidRad {
        let mid = Zip::from(boxes.lo())
            .and(boxes.hi())
            .map_collect(|&l, &h| Interval::or_entire(l, h).mid());
        let rad = Zip::from(boxes.lo())
            .and(boxes.hi())
            .and(&mid)
            .map_collect(|&l, &h, &m| ceiling(sub_up(h, m).max(sub_up(m, l))));
        MidRad { mid, rad }
    }

    /// The largest magnitude of every entry.
    pub(super) fn magnitudes(&self) -> Array2<f64> {
        Zip::from(&self.mid)
            .and(&self.rad)
            .map_collect(|&m, &r| ceiling(add_up(m.abs(), r)))
    }
}

/// The largest sum of magnitudes along rows, rounded up.
fn row_sum_up(magnitudes: &Array2<f64>) -> f64 {
    let sum = SumBound::new(magnitudes.ncols());
    magnitudes
        .rows()
        .into_iter()
        .map(|r| {
            let total: f64 = r.iter().sum();
            if total == 0.0 {
                0.0
            } else {
                ceiling(sum.up(total))
            }
        })
        .fold(0.0, f64::max)
}

/// An upper bound (proved) of `‖M‖_p` over all matrices `M` with entries in
/// `boxes`.
pub(super) fn norm_up(boxes: &Boxes, norm: Norm) -> f64 {
    let m = MidRad::of(boxes);
    match norm {
        Norm::Linf => row_sum_up(&m.magnitudes()),
        Norm::L1 => row_sum_up(
            &m.magnitudes()
                .reversed_axes()
                .as_standard_layout()
                .to_owned(),
        ),
        Norm::L2 => enclosure_norm_up(&m),
    }
}

/// An upper bound (proved) of the logarithmic norm `μ_p(M)` over all square
/// matrices `M` with entries in `boxes`:
/// `μ_∞ = max_i (m_ii + Σ_{j≠i} |m_ij|)`, `μ_1(M) = μ_∞(Mᵀ)`,
/// `μ_2 = λ_max((M + Mᵀ)/2)`. May be negative.
///
/// References: Söderlind, *The logarithmic norm*, BIT 46 (2006).
pub(super) fn log_norm_up(boxes: &Boxes, norm: Norm) -> f64 {
    let n = boxes.dim().0;
    let entry = |i: usize, j: usize| match norm {
        Norm::L1 => boxes.at(j, i),
        Norm::Linf | Norm::L2 => boxes.at(i, j),
    };
    if norm == Norm::L2 {
        let symmetric = Boxes::from_shape_fn((n, n), |i, j| {
            let (i, j) = (i.max(j), i.min(j));
            (entry(i, j) + entry(j, i)).scale(0.5)
        });
        let m = MidRad::of(&symmetric);
        return ceiling(add_up(lambda_max_up(&m.mid), row_sum_up(&m.rad)));
    }
    (0..n)
        .map(|i| {
            let off = (0..n)
                .filter(|&j| j != i)
                .fold(0.0, |s, j| add_up(s, entry(i, j).mag()));
            ceiling(add_up(entry(i, i).hi(), off))
        })
        .fold(f64::NEG_INFINITY, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn log_norms_of_known_matrices() {
        let point = |a: Array2<f64>| Boxes::new(a.clone(), a);
        let a = point(array![[-3.0, 1.0], [2.0, -4.0]]);
        assert_eq!(log_norm_up(&a, Norm::Linf), -2.0);
        assert_eq!(log_norm_up(&a, Norm::L1), -1.0);
        // skew plus -1: the symmetric part is -I
        let a = point(array![[-1.0, 5.0], [-5.0, -1.0]]);
        let mu = log_norm_up(&a, Norm::L2);
        assert!((-1.0..-1.0 + 1e-12).contains(&mu), "{mu}");
        assert_eq!(log_norm_up(&a, Norm::Linf), 4.0);
    }

    #[test]
    fn norms_of_known_matrices() {
        let a = array![[3.0, -4.0], [0.0, 1.0]];
        let b = Boxes::new(a.clone(), a);
        assert!(norm_up(&b, Norm::Linf) >= 7.0 && norm_up(&b, Norm::Linf) < 7.0 + 1e-12);
        assert!(norm_up(&b, Norm::L1) >= 5.0 && norm_up(&b, Norm::L1) < 5.0 + 1e-12);
        let wide = Boxes::new(array![[f64::NEG_INFINITY]], array![[1.0]]);
        for norm in Norm::ALL {
            assert_eq!(norm_up(&wide, norm), f64::INFINITY);
        }
    }
}
