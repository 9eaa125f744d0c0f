//! Backward differentiation of order 3 on variable steps.
//!
//! The derivative at the new time of the cubic through the new and the last three
//! states equals the slope there. Steps grow by at most 1.5, below the ratio
//! `(1 + √5)/2` up to which the method is zero-stable. The first two steps are SDIRK
//! steps under the same control.

use super::newton::Newton;
use super::sdirk::Sdirk;
use super::{Attempt, Problem, Stepper, Trouble, eval, hermite};

const ORDER: usize = 3;

pub(super) struct Bdf<'a> {
    newton: Newton<'a>,
    starter: Sdirk<'a>,
    /// times and states, newest first; one more than the method needs, for the predictor
    history: Vec<(f64, Vec<f64>)>,
}

impl<'a> Bdf<'a> {
    pub(super) fn new(problem: &Problem<'a>) -> Self {
        Self {
            newton: Newton::new(problem),
            starter: Sdirk::new(problem),
            history: Vec::new(),
        }
    }
}

/// Values at 0 of the Lagrange basis on `x`.
fn values(x: &[f64]) -> Vec<f64> {
    (0..x.len())
        .map(|i| {
            let others = (0..x.len()).filter(|&j| j != i);
            others.map(|j| -x[j] / (x[i] - x[j])).product()
        })
        .collect()
}

/// Derivatives at 0 of the Lagrange basis on `0, x`: first for the node 0.
fn derivatives(x: &[f64]) -> Vec<f64> {
    let mut found = vec![-x.iter().map(|v| 1.0 / v).sum::<f64>()];
    for i in 0..x.len() {
        let others = (0..x.len()).filter(|&j| j != i);
        found.push(others.map(|j| -x[j] / (x[i] - x[j])).product::<f64>() / x[i]);
    }
    found
}

impl Stepper for Bdf<'_> {
    fn error_order(&self) -> u32 {
        4
    }

    fn max_growth(&self) -> f64 {
        1.5
    }

    fn attempt(&mut self, t: f64, y: &[f64], h: f64) -> Result<Attempt, Trouble> {
        if self.history.is_empty() {
            self.history.push((t, y.to_vec()));
        }
        if self.history.len() <= ORDER {
            return self.starter.attempt(t, y, h);
        }
        // Times relative to the new one, in units of the step.
        let x: Vec<f64> = self
            .history
            .iter()
            .map(|(s, _)| (s - t) / h - 1.0)
            .collect();
        // The weights sum to 1; written around the last state, constants stay exact.
        let mix = |weights: &[f64]| {
            let mut out = y.to_vec();
            for (w, (_, state)) in weights.iter().zip(&self.history) {
                for (o, (s, last)) in out.iter_mut().zip(state.iter().zip(y)) {
                    *o += w * (s - last);
                }
            }
            out
        };
        let predicted = mix(&values(&x));
        // δ_0 y + Σ δ_i y_i = h f  ⇒  y = -Σ (δ_i/δ_0) y_i + (h/δ_0) f.
        let d = derivatives(&x[..ORDER]);
        let base = mix(&d[1..].iter().map(|v| -v / d[0]).collect::<Vec<_>>());
        let gamma = h / d[0];
        self.newton.prepare(t, y, gamma)?;
        let end = self.newton.solve(t + h, &base, gamma, predicted.clone())?;
        // The predictor is a cubic too; the difference of both leading terms gives the
        // error of the corrector, here with the constant of equal steps.
        let error = end
            .iter()
            .zip(&predicted)
            .map(|(a, b)| (a - b) / 4.0)
            .collect();
        let slope: Vec<f64> = end
            .iter()
            .zip(&base)
            .map(|(e, b)| (e - b) / gamma)
            .collect();
        let start = eval(self.newton.rhs, t, y)?;
        let dense = hermite(y, &end, h, &start, &slope);
        Ok(Attempt {
            y: end,
            error,
            dense,
        })
    }

    fn accept(&mut self, t: f64, y: &[f64]) {
        self.newton.forget();
        self.starter.accept(t, y);
        self.history.insert(0, (t, y.to_vec()));
        self.history.truncate(ORDER + 1);
    }
}
