//! The explicit Runge–Kutta pair 5(4) of Dormand and Prince.
//!
//! # References
//!
//! J. R. Dormand, P. J. Prince, *A family of embedded Runge–Kutta formulae*, 1980;
//! continuous extension: E. Hairer, S. P. Nørsett, G. Wanner, *Solving Ordinary
//! Differential Equations I*, II.6.

use super::{Attempt, Coefficients, Rhs, Stepper, Trouble, combine, eval};

const A: [[f64; 6]; 7] = [
    [0.0; 6],
    [1.0 / 5.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [3.0 / 40.0, 9.0 / 40.0, 0.0, 0.0, 0.0, 0.0],
    [44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0, 0.0, 0.0, 0.0],
    [
        19372.0 / 6561.0,
        -25360.0 / 2187.0,
        64448.0 / 6561.0,
        -212.0 / 729.0,
        0.0,
        0.0,
    ],
    [
        9017.0 / 3168.0,
        -355.0 / 33.0,
        46732.0 / 5247.0,
        49.0 / 176.0,
        -5103.0 / 18656.0,
        0.0,
    ],
    [
        35.0 / 384.0,
        0.0,
        500.0 / 1113.0,
        125.0 / 192.0,
        -2187.0 / 6784.0,
        11.0 / 84.0,
    ],
];
const C: [f64; 7] = [0.0, 0.2, 0.3, 0.8, 8.0 / 9.0, 1.0, 1.0];
/// The fourth-order weights.
const EMBEDDED: [f64; 7] = [
    5179.0 / 57600.0,
    0.0,
    7571.0 / 16695.0,
    393.0 / 640.0,
    -92097.0 / 339200.0,
    187.0 / 2100.0,
    1.0 / 40.0,
];
/// Coefficients of the quartic term of the continuous extension.
const D: [f64; 7] = [
    -12715105075.0 / 11282082432.0,
    0.0,
    87487479700.0 / 32700410799.0,
    -10690763975.0 / 1880347072.0,
    701980252875.0 / 199316789632.0,
    -1453857185.0 / 822651844.0,
    69997945.0 / 29380423.0,
];

pub(super) fn coefficients() -> Coefficients {
    let mut b = A[6].to_vec();
    b.push(0.0);
    // y(θ) = y0 + θ Δ + θ(1-θ) B + θ²(1-θ) (Δ - h k7 - B) + θ²(1-θ)² h D,
    // with Δ = h Σ b k and B = h k1 - Δ, written in powers of θ.
    let dense = (0..7).map(|i| {
        let first = f64::from(i == 0);
        let last = f64::from(i == 6);
        let bspl = first - b[i];
        let cubic = b[i] - last - bspl;
        vec![b[i] + bspl, -bspl + cubic + D[i], -cubic - 2.0 * D[i], D[i]]
    });
    Coefficients {
        a: A.iter()
            .map(|row| row.iter().copied().chain([0.0]).collect())
            .collect(),
        dense: Some(dense.collect()),
        b,
        c: C.to_vec(),
        embedded: EMBEDDED.to_vec(),
    }
}

pub(super) struct DormandPrince<'a> {
    rhs: &'a Rhs<'a>,
    dense: Vec<Vec<f64>>,
    /// `f` at the last accepted state: the first stage of the next step
    first: Option<Vec<f64>>,
    /// `f` at the end of the last attempt
    last: Vec<f64>,
}

impl<'a> DormandPrince<'a> {
    pub(super) fn new(rhs: &'a Rhs<'a>) -> Self {
        Self {
            rhs,
            dense: coefficients().dense.expect("has a continuous extension"),
            first: None,
            last: Vec::new(),
        }
    }
}

impl Stepper for DormandPrince<'_> {
    fn error_order(&self) -> u32 {
        5
    }

    fn max_growth(&self) -> f64 {
        5.0
    }

    fn attempt(&mut self, t: f64, y: &[f64], h: f64) -> Result<Attempt, Trouble> {
        let first = match self.first.take() {
            Some(f) => f,
            None => eval(self.rhs, t, y)?,
        };
        self.first = Some(first.clone());
        let mut stages = vec![first];
        let mut end = Vec::new();
        for i in 1..7 {
            let terms: Vec<(f64, &[f64])> = stages
                .iter()
                .enumerate()
                .map(|(j, k)| (h * A[i][j], k.as_slice()))
                .collect();
            end = combine(y, &terms);
            stages.push(eval(self.rhs, t + C[i] * h, &end)?);
        }
        let weighted = |w: &dyn Fn(usize) -> f64| {
            let terms: Vec<(f64, &[f64])> = stages
                .iter()
                .enumerate()
                .map(|(i, k)| (h * w(i), k.as_slice()))
                .collect();
            combine(&vec![0.0; y.len()], &terms)
        };
        let error = weighted(&|i| A[6].get(i).copied().unwrap_or(0.0) - EMBEDDED[i]);
        let mut dense = vec![y.to_vec()];
        for power in 0..4 {
            dense.push(weighted(&|i| self.dense[i][power]));
        }
        self.last = stages.pop().expect("seven stages");
        Ok(Attempt {
            y: end,
            error,
            dense,
        })
    }

    fn accept(&mut self, _: f64, _: &[f64]) {
        self.first = Some(std::mem::take(&mut self.last));
    }
}
