//! Matrices of intervals.

use crate::exact::MpInterval;

/// Rows.
pub(super) type Matrix = Vec<Vec<MpInterval>>;

/// Whether every symmetric matrix in the enclosure is positive definite: all pivots of Gaussian
/// elimination without pivoting are positive. `false` proves nothing.
pub(super) fn positive_definite(mut g: Matrix) -> bool {
    for i in 0..g.len() {
        if *g[i][i].lo() <= 0 {
            return false;
        }
        let (above, below) = g.split_at_mut(i + 1);
        let top = &above[i];
        for (r, row) in below.iter_mut().enumerate() {
            // By symmetry the entry below the pivot is the one beside it.
            let Ok(factor) = top[i + 1 + r].div(&top[i]) else {
                return false;
            };
            for (x, t) in row.iter_mut().zip(top).skip(i + 1) {
                *x = x.sub(&factor.mul(t));
            }
        }
    }
    true
}

/// Rows times columns.
pub(super) fn product(a: &Matrix, b: &Matrix) -> Matrix {
    let columns = b.first().map_or(0, Vec::len);
    let entry = |row: &Vec<MpInterval>, j: usize| {
        let mut terms = row.iter().zip(b).map(|(x, b)| x.mul(&b[j]));
        let first = terms.next().expect("a matrix has rows");
        terms.fold(first, |s, t| s.add(&t))
    };
    a.iter()
        .map(|row| (0..columns).map(|j| entry(row, j)).collect())
        .collect()
}

/// Columns as rows.
pub(super) fn transposed(a: &Matrix) -> Matrix {
    let columns = a.first().map_or(0, Vec::len);
    (0..columns)
        .map(|j| a.iter().map(|row| row[j].clone()).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::Rational;

    fn matrix(rows: &[&[i64]]) -> Matrix {
        let exact = |&x: &i64| MpInterval::from_rational(64, &Rational::from(x)).unwrap();
        rows.iter().map(|r| r.iter().map(exact).collect()).collect()
    }

    #[test]
    fn definiteness() {
        assert!(positive_definite(matrix(&[&[2, 1], &[1, 1]])));
        assert!(!positive_definite(matrix(&[&[1, 1], &[1, 1]])));
        assert!(!positive_definite(matrix(&[&[1, 2], &[2, 1]])));
        let a = matrix(&[&[1, 2], &[3, 4], &[5, 6]]);
        assert_eq!(
            product(&transposed(&a), &a),
            matrix(&[&[35, 44], &[44, 56]])
        );
    }
}
