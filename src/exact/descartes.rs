//! Real-root isolation by Descartes' rule of signs on a bisection of an interval.
//!
//! For a square-free integer polynomial of degree `n` on `(0, 1)`, the number of sign changes of
//! `(1 + x)^n p(1/(1 + x))` exceeds the number of roots in `(0, 1)` by an even number; 0 and 1 are
//! therefore conclusive, anything else is bisected. Vincent's theorem (one and two circles) ends
//! the recursion. Only additions and shifts of integers are needed, which keeps degrees of some
//! hundred practical where remainder sequences are not.
//!
//! # References
//!
//! G. E. Collins, A. G. Akritas, *Polynomial real root isolation using Descartes' rule of signs*,
//! SYMSAC 1976; S. Basu, R. Pollack, M.-F. Roy, *Algorithms in Real Algebraic Geometry*, 10.2.

use super::poly::{Poly, make_primitive};
use super::rational::{Integer, Rational};

/// Isolating data of one root: the open interval `(lo, hi)`, or the root itself where both agree.
pub(super) type Isolated = (Rational, Rational);

/// Isolates the roots of a square-free `p` in the open interval `(lo, hi)`, ascending.
pub(super) fn isolate_between(p: &Poly, lo: &Rational, hi: &Rational) -> Vec<Isolated> {
    let width = Rational::from(hi - lo);
    if p.is_constant() || width <= 0 {
        return Vec::new();
    }
    let start = on_unit_interval(p, lo, &width);
    let mut found = Vec::new();
    // Sub-intervals (c/2^k, (c+1)/2^k), the leftmost on top of the stack.
    let mut stack = vec![(start, Integer::new(), 0_u32)];
    while let Some((q, c, k)) = stack.pop() {
        let at = |c: &Integer| -> Rational {
            let part = Rational::from((c.clone(), Integer::from(1) << k));
            Rational::from(&part * &width) + lo
        };
        match sign_changes(&q) {
            0 => {}
            1 => found.push((at(&c), at(&Integer::from(&c + 1)))),
            _ => {
                let n = q.len() - 1;
                // 2^n q(x/2), and the same shifted by 1.
                let left: Vec<Integer> = q
                    .into_iter()
                    .enumerate()
                    .map(|(j, a)| a << (n - j) as u32)
                    .collect();
                let mut right = left.clone();
                shift_by_one(&mut right);
                let c_left = c << 1;
                let c_right = Integer::from(&c_left + 1_u32);
                let middle_is_root = right[0] == 0;
                let middle = {
                    let part = Rational::from((c_right.clone(), Integer::from(1) << (k + 1)));
                    Rational::from(&part * &width) + lo
                };
                if middle_is_root {
                    right.remove(0);
                }
                stack.push((reduced(right), c_right, k + 1));
                if middle_is_root {
                    found.push((middle.clone(), middle));
                }
                stack.push((reduced(left), c_left, k + 1));
            }
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
    found
}

/// The number of roots of a square-free `p` in the open interval.
pub(super) fn count_between(p: &Poly, lo: &Rational, hi: &Rational) -> usize {
    isolate_between(p, lo, hi).len()
}

/// Integer coefficients of `c p(lo + width x)`, c > 0.
fn on_unit_interval(p: &Poly, lo: &Rational, width: &Rational) -> Vec<Integer> {
    // Homogeneous shift: with lo = u/v the polynomial v^n p((u + y)/v) in integers, then y = v w x.
    let mut a = p.primitive_integers();
    let n = a.len() - 1;
    let (u, v) = (lo.numer(), lo.denom());
    let mut power = Integer::from(1);
    for c in a.iter_mut().rev() {
        *c *= &power;
        power *= v;
    }
    for i in 0..n {
        for j in (i..n).rev() {
            let step = Integer::from(&a[j + 1] * u);
            a[j] += step;
        }
    }
    // y = v · width · x
    let scale = Rational::from(width * v);
    let (s, t) = (scale.numer(), scale.denom());
    let mut up = Integer::from(1);
    for c in &mut a {
        *c *= &up;
        up *= s;
    }
    let mut down = Integer::from(1);
    for c in a.iter_mut().rev() {
        *c *= &down;
        down *= t;
    }
    reduced(a)
}

fn reduced(mut a: Vec<Integer>) -> Vec<Integer> {
    make_primitive(&mut a);
    a
}

/// `a(x) ← a(x + 1)`.
fn shift_by_one(a: &mut [Integer]) {
    let n = a.len() - 1;
    for i in 0..n {
        for j in (i..n).rev() {
            let (low, high) = a.split_at_mut(j + 1);
            low[j] += &high[0];
        }
    }
}

/// Sign changes of `(1 + x)^n q(1/(1 + x))`, cut off at 2.
fn sign_changes(q: &[Integer]) -> usize {
    let mut a: Vec<Integer> = q.iter().rev().cloned().collect();
    let n = a.len() - 1;
    let (mut changes, mut last) = (0, 0);
    // Coefficient i is final after pass i: count on the way and stop early.
    for i in 0..=n {
        for j in (i..n).rev() {
            let (low, high) = a.split_at_mut(j + 1);
            low[j] += &high[0];
        }
        let sign = a[i].cmp0() as i32;
        if sign != 0 {
            if last != 0 && sign != last {
                changes += 1;
                if changes >= 2 {
                    return changes;
                }
            }
            last = sign;
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::sturm::Chain;
    use proptest::prelude::*;

    fn q(a: i64, b: i64) -> Rational {
        Rational::from((a, b))
    }

    #[test]
    fn chebyshev_of_degree_100() {
        // T_100 has 100 simple roots in (−1, 1).
        let (mut a, mut b) = (Poly::one(), Poly::x());
        for _ in 1..100 {
            let next = &(&b * &Poly::from_integers(&[0, 2])) - &a;
            (a, b) = (b, next);
        }
        assert_eq!(count_between(&b, &q(-1, 1), &q(1, 1)), 100);
        assert_eq!(count_between(&b, &q(0, 1), &q(1, 1)), 50);
    }

    #[test]
    fn ends_and_middles_are_told_apart() {
        let p = &Poly::from_integers(&[0, -1, 0, 1]) * &Poly::from_integers(&[-1, 2]);
        let found = isolate_between(&p, &q(-1, 1), &q(1, 1));
        assert_eq!(found.len(), 2);
        assert!(found[0].0 <= 0 && found[0].1 >= 0);
        assert!(found[1].0 <= q(1, 2) && found[1].1 >= q(1, 2));
    }

    proptest! {
        #[test]
        fn agrees_with_sturm(list in prop::collection::vec(-20_i64..20, 2..9), a in -9_i64..9, w in 1_i64..30) {
            let p = Poly::from_integers(&list).square_free_part();
            let (lo, hi) = (q(a, 3), q(a + w, 3));
            let chain = Chain::sturm(&p);
            let half_open = chain.difference(Some(&lo), Some(&hi)) as usize;
            let open = half_open - usize::from(p.eval(&hi) == 0 && !p.is_constant());
            prop_assert_eq!(count_between(&p, &lo, &hi), open);
        }
    }
}
