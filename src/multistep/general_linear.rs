//! General linear methods, as far as the root condition goes.
//!
//! A method with `s` stages and `r` values is
//! `Y = h A F(Y) + U y_n`, `y_{n+1} = h B F(Y) + V y_n`. It is zero-stable where the powers of `V` are
//! bounded, which is where the **minimal** polynomial of `V` satisfies the root condition: a multiple
//! eigenvalue on the circle is allowed if its eigenvectors are complete. It is preconsistent where some `u`
//! has `V u = u`, `U u = 1`, and consistent where also `B 1 + V v = u + v` for some `v`.
//!
//! # References
//!
//! J. C. Butcher, *Numerical Methods for Ordinary Differential Equations*, 3rd ed. 2016, section 51.

use super::root_condition::RootCondition;
use super::{Error, Kind};
use crate::exact::{Poly, Rational};

/// The largest number of values or stages.
pub const MAX_SIZE: usize = 24;

/// Rows of rationals.
pub type Matrix = Vec<Vec<Rational>>;

/// The matrices; without stages there is only `V`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeneralLinear {
    v: Matrix,
    /// `U`, `B` where given.
    stages: Option<(Matrix, Matrix)>,
}

/// What is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stability {
    /// The characteristic polynomial of `V`.
    pub characteristic: Poly,
    /// Its minimal polynomial.
    pub minimal: Poly,
    /// The root condition of the minimal polynomial.
    pub condition: RootCondition,
    /// `u` with `V u = u`, `U u = 1`; none without stages or where there is none.
    pub preconsistency: Option<Vec<Rational>>,
    /// Whether also `B 1 + V v = u + v` has a solution; none without stages.
    pub consistent: Option<bool>,
}

impl GeneralLinear {
    /// Checks the shapes: `V` is `r × r`, `U` is `s × r`, `B` is `r × s`. (`A` plays no part here.)
    ///
    /// # Errors
    ///
    /// [`Error::GeneralLinear`].
    pub fn new(v: Matrix, stages: Option<(Matrix, Matrix)>) -> Result<Self, Error> {
        let r = v.len();
        let shape = |name: &str, m: &Matrix, rows: usize, columns: usize| {
            if m.len() == rows && m.iter().all(|row| row.len() == columns) {
                return Ok(());
            }
            Err(Error::GeneralLinear {
                problem: format!("{name} is not {rows} x {columns}"),
            })
        };
        let s = stages.as_ref().map_or(0, |(u, _)| u.len());
        if r == 0 || r > MAX_SIZE || s > MAX_SIZE {
            return Err(Error::GeneralLinear {
                problem: format!("{r} values and {s} stages; 1 to {MAX_SIZE} are possible"),
            });
        }
        shape("V", &v, r, r)?;
        if let Some((u, b)) = &stages {
            shape("U", u, s, r)?;
            shape("B", b, r, s)?;
        }
        Ok(Self { v, stages })
    }

    /// Decides the root condition, and consistency where stages are given.
    pub fn stability(&self) -> Stability {
        let minimal = minimal(&self.v);
        let condition = RootCondition::of(&minimal, Kind::First);
        let (mut preconsistency, mut consistent) = (None, None);
        if let Some((u, b)) = &self.stages {
            preconsistency = self.preconsistency(u);
            consistent = Some(preconsistency.is_some() && self.consistent(u, b));
        }
        Stability {
            characteristic: characteristic(&self.v),
            minimal,
            condition,
            preconsistency,
            consistent,
        }
    }

    /// Rows of `V − I`.
    fn shifted(&self) -> Matrix {
        let mut rows = self.v.clone();
        for (i, row) in rows.iter_mut().enumerate() {
            row[i] -= 1;
        }
        rows
    }

    fn preconsistency(&self, u: &Matrix) -> Option<Vec<Rational>> {
        let mut rows = self.shifted();
        let mut right = vec![Rational::new(); rows.len()];
        rows.extend(u.iter().cloned());
        right.resize(rows.len(), Rational::from(1));
        solve(rows, right)
    }

    /// `(V − I) u = 0`, `U u = 1`, `(V − I) v − u = −B 1` in the unknowns `u`, `v` together.
    fn consistent(&self, u: &Matrix, b: &Matrix) -> bool {
        let r = self.v.len();
        let shifted = self.shifted();
        let zeros = vec![Rational::new(); r];
        let wide = |left: &[Rational], right: &[Rational]| [left, right].concat();
        let mut rows: Matrix = Vec::new();
        let mut right = Vec::new();
        for row in &shifted {
            rows.push(wide(row, &zeros));
            right.push(Rational::new());
        }
        for row in u {
            rows.push(wide(row, &zeros));
            right.push(Rational::from(1));
        }
        for (i, row) in shifted.iter().enumerate() {
            let mut minus = zeros.clone();
            minus[i] = Rational::from(-1);
            rows.push(wide(&minus, row));
            right.push(-b[i].iter().fold(Rational::new(), |s, x| s + x));
        }
        solve(rows, right).is_some()
    }
}

/// A solution of a linear system, free unknowns 0; `None` where there is none.
fn solve(mut rows: Matrix, right: Vec<Rational>) -> Option<Vec<Rational>> {
    let columns = rows.first()?.len();
    for (row, b) in rows.iter_mut().zip(right) {
        row.push(b);
    }
    let mut pivots = Vec::new();
    for column in 0..columns {
        let used = pivots.len();
        let Some(found) = (used..rows.len()).find(|&r| rows[r][column] != 0) else {
            continue;
        };
        rows.swap(used, found);
        let lead = Rational::from(rows[used][column].recip_ref());
        for x in &mut rows[used] {
            *x *= &lead;
        }
        let pivot = rows[used].clone();
        for (r, row) in rows.iter_mut().enumerate() {
            if r != used && row[column] != 0 {
                let factor = row[column].clone();
                for (x, p) in row.iter_mut().zip(&pivot) {
                    *x -= Rational::from(&factor * p);
                }
            }
        }
        pivots.push(column);
    }
    if rows[pivots.len()..].iter().any(|row| row[columns] != 0) {
        return None;
    }
    let mut solution = vec![Rational::new(); columns];
    for (row, &column) in rows.iter().zip(&pivots) {
        solution[column].clone_from(&row[columns]);
    }
    Some(solution)
}

fn product(a: &Matrix, b: &Matrix) -> Matrix {
    let columns = b.first().map_or(0, Vec::len);
    let entry = |row: &Vec<Rational>, j: usize| {
        row.iter()
            .zip(b)
            .fold(Rational::new(), |s, (x, b)| s + Rational::from(x * &b[j]))
    };
    a.iter()
        .map(|row| (0..columns).map(|j| entry(row, j)).collect())
        .collect()
}

/// The monic polynomial of least degree that annihilates the matrix: the first power that is a combination
/// of the powers before it.
fn minimal(v: &Matrix) -> Poly {
    let n = v.len();
    let unit = |i: usize, j: usize| Rational::from(i64::from(i == j));
    let mut power: Matrix = (0..n)
        .map(|i| (0..n).map(|j| unit(i, j)).collect())
        .collect();
    let mut powers: Vec<Vec<Rational>> = Vec::new();
    loop {
        let flat: Vec<Rational> = power.iter().flatten().cloned().collect();
        // Σ c_j V^j = V^m, one equation per entry.
        if !powers.is_empty() {
            let rows = (0..n * n)
                .map(|e| powers.iter().map(|p| p[e].clone()).collect())
                .collect();
            if let Some(c) = solve(rows, flat.clone()) {
                let mut coefficients: Vec<Rational> = c.into_iter().map(|c| -c).collect();
                coefficients.push(Rational::from(1));
                return Poly::new(coefficients);
            }
        }
        powers.push(flat);
        power = product(&power, v);
    }
}

/// `det(r I − V)` by Faddeev and LeVerrier.
fn characteristic(v: &Matrix) -> Poly {
    let n = v.len();
    let mut coefficients = vec![Rational::from(1)];
    let mut m: Matrix = vec![vec![Rational::new(); n]; n];
    for k in 1..=n {
        m = product(v, &m);
        let last = coefficients[k - 1].clone();
        for (i, row) in m.iter_mut().enumerate() {
            row[i] += &last;
        }
        let image = product(v, &m);
        let trace = (0..n).fold(Rational::new(), |s, i| s + &image[i][i]);
        coefficients.push(-trace / k as u64);
    }
    coefficients.reverse();
    Poly::new(coefficients)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(rows: &[&[i64]]) -> Matrix {
        rows.iter()
            .map(|r| r.iter().map(|&x| Rational::from(x)).collect())
            .collect()
    }

    #[test]
    fn multiple_eigenvalues_on_the_circle() {
        let stable = |v| GeneralLinear::new(v, None).expect("square").stability();
        // Two independent values, and a Jordan block.
        let both = stable(matrix(&[&[1, 0], &[0, 1]]));
        assert!(both.condition.zero_stable());
        assert_eq!(both.minimal, Poly::from_integers(&[-1, 1]));
        assert_eq!(both.characteristic, Poly::from_integers(&[1, -2, 1]));
        let block = stable(matrix(&[&[1, 1], &[0, 1]]));
        assert!(!block.condition.zero_stable() && block.minimal == block.characteristic);
        let rotation = stable(matrix(&[&[0, 0, -1], &[1, 0, 0], &[0, 1, 0]]));
        assert_eq!(rotation.minimal, Poly::from_integers(&[1, 0, 0, 1]));
        assert!(rotation.condition.zero_stable());
    }

    /// AB2 as a general linear method: values `y_n`, `h f_{n−1}`; one stage.
    #[test]
    fn adams_bashforth() {
        let v = vec![
            vec![Rational::from(1), Rational::from((-1, 2))],
            vec![Rational::new(), Rational::new()],
        ];
        let u = matrix(&[&[1, 0]]);
        let b = vec![vec![Rational::from((3, 2))], vec![Rational::from(1)]];
        let found = GeneralLinear::new(v.clone(), Some((u.clone(), b)))
            .expect("shapes")
            .stability();
        assert!(found.condition.zero_stable());
        assert_eq!(found.preconsistency, Some(matrix(&[&[1, 0]]).remove(0)));
        assert_eq!(found.consistent, Some(true));
        let wrong = vec![vec![Rational::from(2)], vec![Rational::from(1)]];
        assert_eq!(
            GeneralLinear::new(v, Some((u, wrong)))
                .expect("shapes")
                .stability()
                .consistent,
            Some(false)
        );
    }

    #[test]
    fn shapes() {
        assert!(GeneralLinear::new(matrix(&[&[1, 2]]), None).is_err());
        assert!(GeneralLinear::new(Vec::new(), None).is_err());
        let square = matrix(&[&[1]]);
        assert!(
            GeneralLinear::new(square.clone(), Some((square.clone(), matrix(&[&[1, 1]])))).is_err()
        );
    }
}
