//! Several constraints that exclude each other although none is excluded.

use std::ops::Range;

use crate::bounds::BoxBounds;
use crate::rounding::Boxes;

/// Mixtures tried.
const MIXTURES: usize = 24;

/// What weights of several constraints achieve.
pub(super) struct Mixture {
    /// of the best mixture found, summing to one
    pub weights: Vec<f64>,
    /// the constraints cannot be met together (proved)
    pub excludes: bool,
}

/// Looks for a mixture that cannot be met: the weights climb by
/// multiplicative updates along the minimiser of their mixture.
pub(super) fn together(
    bounds: &BoxBounds,
    boxes: &Boxes,
    d: usize,
    rows: Range<usize>,
    slack: f64,
) -> Mixture {
    let (count, n) = (rows.len(), boxes.dim().1);
    let mut weights = vec![1.0 / count as f64; count];
    if count < 2 || rows.clone().any(|r| !bounds.constants[r].is_finite()) {
        return Mixture {
            weights,
            excludes: false,
        };
    }
    let mut best = (f64::NEG_INFINITY, weights.clone());
    for step in 0..MIXTURES {
        let mut value = vec![0.0; count];
        for (v, r) in value.iter_mut().zip(rows.clone()) {
            *v = bounds.constants[r];
        }
        for i in 0..n {
            let at = |r: usize| bounds.functionals[[r, i]];
            let slope: f64 = rows.clone().zip(&weights).map(|(r, w)| w * at(r)).sum();
            let x = if slope >= 0.0 {
                boxes.lo()[[d, i]]
            } else {
                boxes.hi()[[d, i]]
            };
            for (v, r) in value.iter_mut().zip(rows.clone()) {
                *v += at(r) * x;
            }
        }
        let mixture: f64 = weights.iter().zip(&value).map(|(w, v)| w * v).sum();
        if mixture > best.0 {
            best = (mixture, weights.clone());
        }
        if mixture > slack {
            break;
        }
        // At one point every constraint is met: no weights help.
        if value.iter().all(|&v| v <= 0.0) {
            break;
        }
        let scale = value.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        let length = 2.0 / (1.0 + step as f64).sqrt();
        for (w, v) in weights.iter_mut().zip(&value) {
            *w *= (length * v / scale.max(f64::MIN_POSITIVE)).exp();
        }
        let total: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|w| *w /= total);
    }
    let (value, weights) = best;
    let excludes = value > slack && bounds.combined(boxes, d, rows, &weights) > slack;
    Mixture { weights, excludes }
}
