//! Adams–Bashforth–Moulton of order 4 on variable steps, as predictor, evaluation,
//! corrector, evaluation.
//!
//! The slope is replaced by the polynomial through its last values at the times they
//! were taken, so no table of coefficients is needed and step changes are exact. The
//! first three steps are Dormand–Prince steps under the same control.

use super::explicit::DormandPrince;
use super::{Attempt, Rhs, Stepper, Trouble, combine, eval, hermite};

const ORDER: usize = 4;

pub(super) struct Adams<'a> {
    rhs: &'a Rhs<'a>,
    starter: DormandPrince<'a>,
    /// times and slopes of the last accepted states, newest first
    history: Vec<(f64, Vec<f64>)>,
}

impl<'a> Adams<'a> {
    pub(super) fn new(rhs: &'a Rhs<'a>) -> Self {
        Self {
            rhs,
            starter: DormandPrince::new(rhs),
            history: Vec::new(),
        }
    }
}

/// The weights `∫_t^{t+h} ℓ_i` of the Lagrange basis on `nodes`, by Gauss quadrature
/// with three points, exact up to degree 5. Times are taken relative to `t` in units of
/// `h`, so that a large `t` costs no digits.
fn weights(nodes: &[f64], t: f64, h: f64) -> Vec<f64> {
    let off = 0.5 * 0.6f64.sqrt();
    let points = [
        (0.5 - off, 5.0 / 18.0),
        (0.5, 8.0 / 18.0),
        (0.5 + off, 5.0 / 18.0),
    ];
    let x: Vec<f64> = nodes.iter().map(|s| (s - t) / h).collect();
    (0..x.len())
        .map(|i| {
            let basis = |s: f64| {
                let others = (0..x.len()).filter(|&j| j != i);
                others.map(|j| (s - x[j]) / (x[i] - x[j])).product::<f64>()
            };
            h * points.iter().map(|&(s, w)| w * basis(s)).sum::<f64>()
        })
        .collect()
}

impl Stepper for Adams<'_> {
    fn error_order(&self) -> u32 {
        4
    }

    fn max_growth(&self) -> f64 {
        2.0
    }

    fn attempt(&mut self, t: f64, y: &[f64], h: f64) -> Result<Attempt, Trouble> {
        if self.history.is_empty() {
            self.history.push((t, eval(self.rhs, t, y)?));
        }
        if self.history.len() < ORDER {
            return self.starter.attempt(t, y, h);
        }
        let sum = |times: &[f64], slopes: &[&[f64]]| {
            let w = weights(times, t, h);
            let terms: Vec<(f64, &[f64])> = w.into_iter().zip(slopes.iter().copied()).collect();
            combine(y, &terms)
        };
        let mut times: Vec<f64> = self.history.iter().map(|(s, _)| *s).collect();
        let mut slopes: Vec<&[f64]> = self.history.iter().map(|(_, f)| f.as_slice()).collect();
        let predicted = sum(&times, &slopes);
        let ahead = eval(self.rhs, t + h, &predicted)?;
        times.pop();
        slopes.pop();
        times.insert(0, t + h);
        slopes.insert(0, &ahead);
        let end = sum(&times, &slopes);
        // The difference overestimates the corrector's error several times.
        let error = end.iter().zip(&predicted).map(|(a, b)| a - b).collect();
        let slope = eval(self.rhs, t + h, &end)?;
        let dense = hermite(y, &end, h, &self.history[0].1, &slope);
        Ok(Attempt {
            y: end,
            error,
            dense,
        })
    }

    fn accept(&mut self, t: f64, y: &[f64]) {
        self.starter.accept(t, y);
        let mut slope = vec![0.0; y.len()];
        (self.rhs)(t, y, &mut slope);
        self.history.insert(0, (t, slope));
        self.history.truncate(ORDER);
    }
}
