//! Simplified Newton iteration for the equations of an implicit step.

use nalgebra::{DMatrix, DVector, Dyn, LU};

use super::{JacobianTimes, Problem, Rhs, Trouble, eval};

/// Solves `x = base + γ f(t, x)` for `x`; the matrix `I - γ J` is kept while `γ` and
/// the point of linearisation stay.
pub(super) struct Newton<'a> {
    pub(super) rhs: &'a Rhs<'a>,
    jacobian_times: Option<&'a JacobianTimes<'a>>,
    matrix: Option<(f64, LU<f64, Dyn, Dyn>)>,
    jacobian: Option<DMatrix<f64>>,
}

impl<'a> Newton<'a> {
    pub(super) fn new(problem: &Problem<'a>) -> Self {
        Self {
            rhs: problem.rhs,
            jacobian_times: problem.jacobian_times,
            matrix: None,
            jacobian: None,
        }
    }

    /// Linearise anew at the next [`Newton::prepare`].
    pub(super) fn forget(&mut self) {
        self.jacobian = None;
        self.matrix = None;
    }

    /// Factorises `I - γ J(t, y)`.
    pub(super) fn prepare(&mut self, t: f64, y: &[f64], gamma: f64) -> Result<(), Trouble> {
        if self.jacobian.is_none() {
            self.jacobian = Some(self.differentiate(t, y)?);
            self.matrix = None;
        }
        if self.matrix.as_ref().is_none_or(|(g, _)| *g != gamma) {
            let n = y.len();
            let jacobian = self.jacobian.as_ref().expect("just made");
            let lu = (DMatrix::identity(n, n) - jacobian * gamma).lu();
            self.matrix = Some((gamma, lu));
        }
        Ok(())
    }

    fn differentiate(&self, t: f64, y: &[f64]) -> Result<DMatrix<f64>, Trouble> {
        let n = y.len();
        let mut jacobian = DMatrix::zeros(n, n);
        let (mut unit, mut column) = (vec![0.0; n], vec![0.0; n]);
        let f0 = if self.jacobian_times.is_none() {
            eval(self.rhs, t, y)?
        } else {
            Vec::new()
        };
        for j in 0..n {
            match self.jacobian_times {
                Some(product) => {
                    unit[j] = 1.0;
                    product(t, y, &unit, &mut column);
                    unit[j] = 0.0;
                }
                None => {
                    let mut moved = y.to_vec();
                    moved[j] += f64::EPSILON.sqrt() * y[j].abs().max(1e-5);
                    let step = moved[j] - y[j];
                    let f = eval(self.rhs, t, &moved)?;
                    for i in 0..n {
                        column[i] = (f[i] - f0[i]) / step;
                    }
                }
            }
            jacobian.column_mut(j).copy_from_slice(&column);
        }
        match jacobian.iter().all(|v| v.is_finite()) {
            true => Ok(jacobian),
            false => Err(Trouble::NotFinite),
        }
    }

    /// `(I - γ J)⁻¹ v`.
    pub(super) fn filter(&self, v: &[f64]) -> Result<Vec<f64>, Trouble> {
        if v.is_empty() {
            return Ok(Vec::new());
        }
        let (_, lu) = self.matrix.as_ref().ok_or(Trouble::Newton)?;
        let solved = lu
            .solve(&DVector::from_column_slice(v))
            .ok_or(Trouble::Newton)?;
        Ok(solved.as_slice().to_vec())
    }

    /// Iterates from `guess` until the correction is at the level of rounding or no
    /// longer shrinks near it.
    pub(super) fn solve(
        &self,
        t: f64,
        base: &[f64],
        gamma: f64,
        guess: Vec<f64>,
    ) -> Result<Vec<f64>, Trouble> {
        let mut x = guess;
        let mut before = f64::INFINITY;
        for _ in 0..16 {
            let f = eval(self.rhs, t, &x)?;
            let residual: Vec<f64> = (0..x.len())
                .map(|i| base[i] + gamma * f[i] - x[i])
                .collect();
            let correction = self.filter(&residual)?;
            let mut size = 0.0f64;
            for (x, c) in x.iter_mut().zip(&correction) {
                *x += c;
                size = size.max(c.abs() / (x.abs() + 1e-6));
            }
            if !size.is_finite() {
                return Err(Trouble::NotFinite);
            }
            // 1e-12 is far below any tolerance that can be asked for, and above the
            // rounding of the residual in stiff problems, where it stalls instead.
            if size <= 1e-13 || (size <= 1e-9 && size > 0.25 * before) {
                return Ok(x);
            }
            if size > 2.0 * before {
                return Err(Trouble::Newton);
            }
            before = size;
        }
        Err(Trouble::Newton)
    }
}
