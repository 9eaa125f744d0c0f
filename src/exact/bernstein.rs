//! Signs of polynomials on boxes, by Bernstein coefficients in integers.
//!
//! On a box the polynomial is a convex combination of its Bernstein coefficients, so they enclose its
//! range. Halving the box along one variable is de Casteljau's rule: additions only, up to a power of
//! two. All coefficients are exact integers, a common positive factor away from the true ones.
//!
//! # References
//!
//! G. T. Cargo, O. Shisha, J. Res. NBS 70B, 1966; J. Garloff, Interval Computations 2, 1993.

use std::cmp::Ordering;

use super::mpoly::MPoly;
use super::rational::{Integer, Rational};

/// Bernstein coefficients on a box, a positive multiple of the true ones.
#[derive(Debug, Clone)]
pub struct Bernstein {
    /// Degree in each variable.
    degrees: Vec<usize>,
    /// Row-major, the last variable fastest.
    coeffs: Vec<Integer>,
}

impl Bernstein {
    /// On the box `lo_i ≤ x_i ≤ hi_i`.
    pub fn new(p: &MPoly, lo: &[Rational], hi: &[Rational]) -> Self {
        let d = lo.len();
        let degrees: Vec<usize> = (0..d).map(|v| p.degree_in(v)).collect();
        let sizes: Vec<usize> = degrees.iter().map(|n| n + 1).collect();
        let total: usize = sizes.iter().product();
        let mut dense = vec![Rational::new(); total];
        for (e, c) in p.terms() {
            let index = (0..d).fold(0, |i, v| {
                i * sizes[v] + usize::from(e.get(v).copied().unwrap_or(0))
            });
            dense[index] = c.clone();
        }
        // Along each variable: x = lo + w t, then from powers to Bernstein form.
        for v in 0..d {
            let width = Rational::from(&hi[v] - &lo[v]);
            along(
                &sizes,
                v,
                |line, stride, start| {
                    let n = sizes[v] - 1;
                    let mut a: Vec<Rational> =
                        (0..=n).map(|j| line[start + j * stride].clone()).collect();
                    for i in 0..n {
                        for j in (i..n).rev() {
                            let step = Rational::from(&a[j + 1] * &lo[v]);
                            a[j] += step;
                        }
                    }
                    let mut power = Rational::from(1);
                    for c in &mut a {
                        *c *= &power;
                        power *= &width;
                    }
                    // b_i = Σ_{j≤i} C(i,j)/C(n,j) a_j
                    for i in 0..=n {
                        let mut b = Rational::new();
                        for (j, c) in a.iter().enumerate().take(i + 1) {
                            let ratio = Rational::from((
                                Integer::from(Integer::binomial_u(i as u32, j as u32)),
                                Integer::from(Integer::binomial_u(n as u32, j as u32)),
                            ));
                            b += ratio * c;
                        }
                        line[start + i * stride] = b;
                    }
                },
                &mut dense,
            );
        }
        let mut lcm = Integer::from(1);
        for c in &dense {
            lcm.lcm_mut(c.denom());
        }
        let coeffs = dense
            .iter()
            .map(|c| Integer::from(lcm.div_exact_ref(c.denom())) * c.numer())
            .collect();
        Self { degrees, coeffs }
    }

    /// The sign on the whole closed box, where the coefficients show one; zero where identically so.
    pub fn sign(&self) -> Option<Ordering> {
        let mut signs = self.coeffs.iter().map(Integer::cmp0);
        let first = signs.next()?;
        signs.all(|s| s == first).then_some(first)
    }

    /// Both halves along one variable.
    #[must_use]
    pub fn halves(&self, v: usize) -> (Self, Self) {
        let n = self.degrees[v];
        let sizes: Vec<usize> = self.degrees.iter().map(|n| n + 1).collect();
        let mut left = self.coeffs.clone();
        let mut right = self.coeffs.clone();
        if n > 0 {
            let stride: usize = sizes[v + 1..].iter().product();
            let outer: usize = sizes[..v].iter().product();
            for o in 0..outer {
                for s in 0..stride {
                    let at = |j: usize| o * sizes[v] * stride + j * stride + s;
                    // Level i holds sums of 2^i neighbours; entry i is scaled up to 2^n.
                    let mut level: Vec<Integer> =
                        (0..=n).map(|j| self.coeffs[at(j)].clone()).collect();
                    for i in 0..=n {
                        left[at(i)] = Integer::from(&level[0] << (n - i) as u32);
                        right[at(n - i)] = Integer::from(&level[n - i] << (n - i) as u32);
                        for j in 0..n - i {
                            let (low, high) = level.split_at_mut(j + 1);
                            low[j] += &high[0];
                        }
                    }
                }
            }
        }
        let make = |mut coeffs: Vec<Integer>| {
            // Common factors of two are the only growth.
            let zeros = coeffs
                .iter()
                .filter_map(|c| c.find_one(0))
                .min()
                .unwrap_or(0);
            if zeros > 0 {
                for c in &mut coeffs {
                    *c >>= zeros;
                }
            }
            Self {
                degrees: self.degrees.clone(),
                coeffs,
            }
        };
        (make(left), make(right))
    }
}

/// Calls `f` for each line along a variable with its stride and start.
fn along(
    sizes: &[usize],
    v: usize,
    f: impl Fn(&mut [Rational], usize, usize),
    dense: &mut [Rational],
) {
    let stride: usize = sizes[v + 1..].iter().product();
    let outer: usize = sizes[..v].iter().product();
    for o in 0..outer {
        for s in 0..stride {
            f(dense, stride, o * sizes[v] * stride + s);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::mpoly::MRatFunc;
    use crate::exact::ratfunc::parse_value;
    use proptest::prelude::*;

    fn parse(text: &str) -> MPoly {
        let variable = |name: &str| {
            let index = ["x", "y"].iter().position(|n| *n == name)?;
            Some(MRatFunc::from_poly(MPoly::variable(index)))
        };
        parse_value(text, "x, y", &variable)
            .expect(text)
            .num()
            .clone()
    }

    fn boxed(p: &MPoly, lo: [i64; 2], hi: [i64; 2]) -> Bernstein {
        Bernstein::new(p, &lo.map(Rational::from), &hi.map(Rational::from))
    }

    #[test]
    fn signs() {
        let p = parse("x^2+y^2-1");
        assert_eq!(boxed(&p, [2, 2], [3, 3]).sign(), Some(Ordering::Greater));
        assert_eq!(boxed(&p, [0, 0], [1, 1]).sign(), None);
        let (left, right) = boxed(&p, [0, 0], [8, 8]).halves(0);
        assert_eq!(right.sign(), Some(Ordering::Greater));
        assert_eq!(left.sign(), None);
    }

    proptest! {
        #[test]
        fn halves_are_those_of_the_box(c in prop::collection::vec(-9_i64..9, 9), a in -5_i64..5, b in -5_i64..5, v in 0_usize..2) {
            let mut p = MPoly::zero();
            for (i, &c) in c.iter().enumerate() {
                let mut term = MPoly::constant(Rational::from(c));
                for _ in 0..i / 3 { term = term.mul(&MPoly::variable(0)); }
                for _ in 0..i % 3 { term = term.mul(&MPoly::variable(1)); }
                p = p.add(&term);
            }
            let (lo, hi) = ([a, b].map(Rational::from), [a + 4, b + 4].map(Rational::from));
            let whole = Bernstein::new(&p, &lo, &hi);
            let (left, right) = whole.halves(v);
            let mut middle = hi.clone();
            middle[v] -= 2;
            let direct = Bernstein::new(&p, &lo, &middle);
            // Equal up to one positive factor.
            for (i, x) in left.coeffs.iter().enumerate() {
                for (j, y) in left.coeffs.iter().enumerate() {
                    prop_assert_eq!(Integer::from(x * &direct.coeffs[j]), Integer::from(y * &direct.coeffs[i]));
                }
            }
            prop_assert_eq!(left.sign(), direct.sign());
            let mut low = lo.clone();
            low[v] += 2;
            prop_assert_eq!(right.sign(), Bernstein::new(&p, &low, &hi).sign());
        }
    }
}
