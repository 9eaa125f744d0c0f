//! The L-stable singly diagonally implicit pair 4(3) with five stages.
//!
//! # References
//!
//! E. Hairer, G. Wanner, *Solving Ordinary Differential Equations II*, IV.6, table 6.5.

use super::newton::Newton;
use super::{Attempt, Coefficients, Problem, Stepper, Trouble, combine, eval, hermite};

const GAMMA: f64 = 0.25;
const A: [[f64; 5]; 5] = [
    [0.25, 0.0, 0.0, 0.0, 0.0],
    [0.5, 0.25, 0.0, 0.0, 0.0],
    [17.0 / 50.0, -1.0 / 25.0, 0.25, 0.0, 0.0],
    [371.0 / 1360.0, -137.0 / 2720.0, 15.0 / 544.0, 0.25, 0.0],
    [25.0 / 24.0, -49.0 / 48.0, 125.0 / 16.0, -85.0 / 12.0, 0.25],
];
const C: [f64; 5] = [0.25, 0.75, 0.55, 0.5, 1.0];
/// Weights of order 3 over the slope at the start and the first four stages. The
/// slope at the start lets the estimate see a right-hand side that jumps before the
/// first stage; with the other weights it follows from the order conditions.
const EMBEDDED: [f64; 6] = [
    1.0 / 20.0,
    131.0 / 120.0,
    -59.0 / 240.0,
    115.0 / 16.0,
    -85.0 / 12.0,
    0.0,
];

/// With the slope at the start as a first, explicit stage of weight 0.
pub(super) fn coefficients() -> Coefficients {
    let before = |row: &[f64]| [0.0].iter().chain(row).copied().collect::<Vec<f64>>();
    Coefficients {
        a: [vec![0.0; 6]]
            .into_iter()
            .chain(A.iter().map(|r| before(r)))
            .collect(),
        b: before(&A[4]),
        c: before(&C),
        embedded: EMBEDDED.to_vec(),
        dense: None,
    }
}

pub(super) struct Sdirk<'a> {
    newton: Newton<'a>,
}

impl<'a> Sdirk<'a> {
    pub(super) fn new(problem: &Problem<'a>) -> Self {
        Self {
            newton: Newton::new(problem),
        }
    }
}

impl Stepper for Sdirk<'_> {
    fn error_order(&self) -> u32 {
        4
    }

    fn max_growth(&self) -> f64 {
        4.0
    }

    fn attempt(&mut self, t: f64, y: &[f64], h: f64) -> Result<Attempt, Trouble> {
        self.newton.prepare(t, y, h * GAMMA)?;
        let mut stages: Vec<Vec<f64>> = Vec::with_capacity(5);
        let mut end = y.to_vec();
        for i in 0..5 {
            let terms: Vec<(f64, &[f64])> = stages
                .iter()
                .enumerate()
                .map(|(j, k)| (h * A[i][j], k.as_slice()))
                .collect();
            let base = combine(y, &terms);
            let x = self
                .newton
                .solve(t + C[i] * h, &base, h * GAMMA, end.clone())?;
            // The slope from the stage equation, which is stable where f is stiff.
            stages.push(
                x.iter()
                    .zip(&base)
                    .map(|(x, b)| (x - b) / (h * GAMMA))
                    .collect(),
            );
            end = x;
        }
        let start = eval(self.newton.rhs, t, y)?;
        let mut terms = vec![(-h * EMBEDDED[0], start.as_slice())];
        for (i, k) in stages.iter().enumerate() {
            terms.push((h * (A[4][i] - EMBEDDED[i + 1]), k));
        }
        let raw = combine(&vec![0.0; y.len()], &terms);
        // Stiff components of the raw difference are not errors of the step.
        let error = self.newton.filter(&raw)?;
        let dense = hermite(y, &end, h, &start, &stages[4]);
        Ok(Attempt {
            y: end,
            error,
            dense,
        })
    }

    fn accept(&mut self, _: f64, _: &[f64]) {
        self.newton.forget();
    }
}
