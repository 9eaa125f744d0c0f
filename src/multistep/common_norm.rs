//! One quadratic norm in which every matrix of a family is a contraction.
//!
//! For matrices `A(ω)` with rational entries on a box of parameters, a positive definite `P` and
//! `0 < q < 1` with `q P − A(ω)ᵀ P A(ω) ≻ 0` for all `ω` of the box bound every product:
//! `‖A(ω_n) … A(ω_1)‖_P ≤ q^{n/2}`, whatever the sequence. `P` is proposed by minimising the largest
//! norm over sample points in binary64; the inequality is proved by interval Cholesky factorisations
//! on sub-boxes that cover the box. `P`, `q` and the box are the certificate: whoever has them
//! repeats the factorisations without any search.
//!
//! # References
//!
//! G.-C. Rota, W. G. Strang, *A note on the joint spectral radius*, 1960; T. Ando, M.-H. Shih,
//! *Simultaneous contractibility*, SIAM J. Matrix Anal. Appl. 19, 1998.

use nalgebra::DMatrix;

use super::matrix_norm::{Matrix, positive_definite};
use crate::exact::nested::Nested;
use crate::exact::{MRatFunc, MpInterval, Rational};

const BITS: u32 = 128;
/// Sub-boxes tried at most.
const MAX_BOXES: usize = 50_000;
/// The grid on which entries of the proposed factor are rounded, in bits.
const GRID: f64 = 1_048_576.0;

/// A square matrix of rational functions on a box.
#[derive(Debug, Clone)]
pub struct MatrixFamily {
    /// Rows.
    pub entries: Vec<Vec<MRatFunc>>,
    /// Lower ends of the parameters.
    pub lo: Vec<Rational>,
    /// Upper ends.
    pub hi: Vec<Rational>,
}

/// The certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommonNorm {
    /// `P`, symmetric positive definite.
    pub p: Vec<Vec<Rational>>,
    /// `q < 1`.
    pub rate: Rational,
    /// How many sub-boxes the proof took.
    pub boxes: usize,
}

/// Looks for a common norm and proves it; `None` where none was found (which proves nothing).
pub fn find(family: &MatrixFamily) -> Option<CommonNorm> {
    let n = family.entries.len();
    let samples = samples(family)?;
    let worst = |l: &DMatrix<f64>| -> f64 {
        let transposed = l.transpose();
        let Some(inverse) = transposed.clone().try_inverse() else {
            return f64::INFINITY;
        };
        samples
            .iter()
            .map(|a| {
                let b = &transposed * a * &inverse;
                let gram = b.transpose() * &b;
                gram.symmetric_eigenvalues().max()
            })
            .fold(0.0, f64::max)
    };
    let free = n * (n + 1) / 2 - 1;
    let factor = |x: &[f64]| {
        let mut l = DMatrix::identity(n, n);
        let mut next = x.iter();
        for i in 1..n {
            for j in 0..=i {
                let value = next.next().copied().unwrap_or(0.0);
                l[(i, j)] = if i == j { value.exp() } else { value };
            }
        }
        l
    };
    let mut best = (vec![0.0; free], f64::INFINITY);
    for scale in [0.5, 1.5] {
        let found = descend(&|x| worst(&factor(x)), &best.0, scale);
        if found.1 < best.1 {
            best = found;
        }
    }
    // exp() above only shapes a proposal: the factor is rounded and squared exactly here.
    let l = factor(&best.0).map(|x| (x * GRID).round() / GRID);
    let exact = |i: usize, j: usize| Rational::from_f64(l[(i, j)]);
    let mut p = vec![vec![Rational::new(); n]; n];
    for (i, row) in p.iter_mut().enumerate() {
        for (j, entry) in row.iter_mut().enumerate() {
            for m in 0..n {
                *entry += exact(i, m)? * exact(j, m)?;
            }
        }
    }
    let reached = worst(&l);
    for rate in [
        reached * 1.002 + 1e-6,
        reached * 1.02 + 1e-4,
        f64::midpoint(reached, 1.0),
    ] {
        if rate < 1.0 {
            let rate = Rational::from(((rate * GRID).ceil() as i64, GRID as i64));
            if let Some(boxes) = prove(family, &p, &rate) {
                return Some(CommonNorm { p, rate, boxes });
            }
        }
    }
    None
}

/// Proves `q P − AᵀPA ≻ 0` on the whole box, and `P ≻ 0`; the number of sub-boxes it took.
pub fn prove(family: &MatrixFamily, p: &[Vec<Rational>], rate: &Rational) -> Option<usize> {
    let exact = |x: &Rational| MpInterval::from_rational(BITS, x).ok();
    let p: Matrix = p
        .iter()
        .map(|row| row.iter().map(exact).collect::<Option<Vec<_>>>())
        .collect::<Option<_>>()?;
    if !positive_definite(p.clone()) || *rate >= 1 {
        return None;
    }
    let rate = exact(rate)?;
    let prepare = |f: &MRatFunc| (Nested::new(f.num(), BITS), Nested::new(f.den(), BITS));
    let rows = family.entries.iter();
    let entries: Entries = rows.map(|row| row.iter().map(prepare).collect()).collect();
    let mut stack = vec![(family.lo.clone(), family.hi.clone())];
    let mut boxes = 0;
    while let Some((lo, hi)) = stack.pop() {
        boxes += 1;
        if boxes > MAX_BOXES {
            return None;
        }
        if contracts(&entries, &p, &rate, &lo, &hi) {
            continue;
        }
        // Where the inequality fails at a point no subdivision helps.
        let centre: Vec<Rational> = lo
            .iter()
            .zip(&hi)
            .map(|(a, b)| Rational::from(a + b) / 2)
            .collect();
        if !contracts(&entries, &p, &rate, &centre, &centre) {
            return None;
        }
        let v = (0..lo.len()).max_by_key(|&v| Rational::from(&hi[v] - &lo[v]))?;
        let middle: Rational = Rational::from(&lo[v] + &hi[v]) / 2;
        let (mut left, mut right) = (hi.clone(), lo.clone());
        left[v].clone_from(&middle);
        right[v] = middle;
        stack.push((lo, left));
        stack.push((right, hi));
    }
    Some(boxes)
}

/// Numerators and denominators, prepared.
type Entries = Vec<Vec<(Nested, Nested)>>;

/// The inequality on one sub-box.
fn contracts(
    entries: &Entries,
    p: &Matrix,
    rate: &MpInterval,
    lo: &[Rational],
    hi: &[Rational],
) -> bool {
    let n = p.len();
    let point: Option<Vec<MpInterval>> = lo
        .iter()
        .zip(hi)
        .map(|(a, b)| MpInterval::new(BITS, a, b).ok())
        .collect();
    let Some(point) = point else { return false };
    let value = |(num, den): &(Nested, Nested)| num.range(&point)?.div(&den.range(&point)?).ok();
    let a: Option<Matrix> = entries
        .iter()
        .map(|row| row.iter().map(value).collect())
        .collect();
    let Some(a) = a else { return false };
    let dot = |x: &mut dyn Iterator<Item = (MpInterval, MpInterval)>| {
        x.fold(zero(), |s, (u, v)| s.add(&u.mul(&v)))
    };
    // PA, then q P − Aᵀ(PA).
    let pa: Matrix = (0..n)
        .map(|i| {
            (0..n)
                .map(|j| dot(&mut (0..n).map(|m| (p[i][m].clone(), a[m][j].clone()))))
                .collect()
        })
        .collect();
    let rest: Matrix = (0..n)
        .map(|i| {
            (0..n)
                .map(|j| {
                    let image = dot(&mut (0..n).map(|m| (a[m][i].clone(), pa[m][j].clone())));
                    rate.mul(&p[i][j]).sub(&image)
                })
                .collect()
        })
        .collect();
    positive_definite(rest)
}

fn zero() -> MpInterval {
    MpInterval::from_rational(BITS, &Rational::new()).expect("a precision within limits")
}

/// The matrices on a grid with the corners of the box.
fn samples(family: &MatrixFamily) -> Option<Vec<DMatrix<f64>>> {
    let d = family.lo.len();
    let side: u32 = match d {
        0 | 1 => 17,
        2 => 9,
        3 => 5,
        _ => 3,
    };
    let n = family.entries.len();
    let total = side.pow(d as u32);
    let at = |index: u32| {
        let mut rest = index;
        let point: Vec<Rational> = (0..d)
            .map(|v| {
                let step = rest % side;
                rest /= side;
                let part = Rational::from((step, side - 1));
                Rational::from(&family.hi[v] - &family.lo[v]) * part + &family.lo[v]
            })
            .collect();
        let mut matrix = DMatrix::zeros(n, n);
        for (i, row) in family.entries.iter().enumerate() {
            for (j, f) in row.iter().enumerate() {
                matrix[(i, j)] = f.eval(&point)?.to_f64();
            }
        }
        Some(matrix)
    };
    (0..total).map(at).collect()
}

/// Nelder and Mead's simplex method.
fn descend(f: &dyn Fn(&[f64]) -> f64, start: &[f64], scale: f64) -> (Vec<f64>, f64) {
    let n = start.len();
    if n == 0 {
        return (Vec::new(), f(&[]));
    }
    let mut simplex: Vec<(Vec<f64>, f64)> = (0..=n)
        .map(|i| {
            let mut x = start.to_vec();
            if i > 0 {
                x[i - 1] += scale;
            }
            let value = f(&x);
            (x, value)
        })
        .collect();
    for _ in 0..150 * n {
        simplex.sort_by(|a, b| a.1.total_cmp(&b.1));
        if simplex[n].1 - simplex[0].1 < 1e-9 {
            break;
        }
        let mut centre = vec![0.0; n];
        for (x, _) in &simplex[..n] {
            for (c, x) in centre.iter_mut().zip(x) {
                *c += x / n as f64;
            }
        }
        let along = |t: f64| -> (Vec<f64>, f64) {
            let x: Vec<f64> = centre
                .iter()
                .zip(&simplex[n].0)
                .map(|(c, w)| c + t * (c - w))
                .collect();
            let value = f(&x);
            (x, value)
        };
        let reflected = along(1.0);
        let next = if reflected.1 < simplex[0].1 {
            let further = along(2.0);
            if further.1 < reflected.1 {
                further
            } else {
                reflected
            }
        } else if reflected.1 < simplex[n - 1].1 {
            reflected
        } else {
            along(if reflected.1 < simplex[n].1 {
                0.5
            } else {
                -0.5
            })
        };
        if next.1 < simplex[n].1 {
            simplex[n] = next;
        } else {
            let best = simplex[0].0.clone();
            for (x, value) in &mut simplex[1..] {
                for (x, b) in x.iter_mut().zip(&best) {
                    *x = f64::midpoint(*x, *b);
                }
                *value = f(x);
            }
        }
    }
    simplex.sort_by(|a, b| a.1.total_cmp(&b.1));
    simplex.swap_remove(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::MPoly;

    #[test]
    fn a_triangular_pair_needs_a_skewed_norm() {
        // [[t, 4], [0, t/2]] for 0 ≤ t ≤ 9/10: Euclidean norm above 4, joint spectral radius 9/10.
        let constant = |c: i64| MRatFunc::from_poly(MPoly::constant(Rational::from(c)));
        let t = MPoly::variable(0);
        let family = |top: (i64, i64)| MatrixFamily {
            entries: vec![
                vec![MRatFunc::from_poly(t.clone()), constant(4)],
                vec![
                    constant(0),
                    MRatFunc::from_poly(t.scaled(&Rational::from((1, 2)))),
                ],
            ],
            lo: vec![Rational::new()],
            hi: vec![Rational::from(top)],
        };
        let found = find(&family((9, 10))).expect("contractible");
        assert!(found.rate < 1);
        assert!(prove(&family((9, 10)), &found.p, &found.rate).is_some());
        // Not for a box that reaches beyond 1.
        assert!(find(&family((11, 10))).is_none());
        assert!(prove(&family((11, 10)), &found.p, &found.rate).is_none());
    }
}
