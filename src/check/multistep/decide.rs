//! Exact decisions about one polynomial.

use std::cmp::Ordering;

use crate::check::root_condition::inside;
use crate::exact::extension::Extension;
use crate::exact::sturm::count_roots;
use crate::exact::{Poly, Rational};

/// Whether all roots are in the open unit disc, the degree being `n`.
pub(super) fn open_disc(f: &Poly, n: usize) -> bool {
    f.degree() == Some(n) && f.gcd(&f.reversed()).is_constant() && inside(f) == n
}

/// The largest multiplicity of a root on the unit circle, 0 for none; `None` where a root is outside.
///
/// With `s` the square-free part without the root 0, `gcd(s, s*)` holds the roots on the circle and
/// the reciprocal pairs off it. What it leaves of `s` must be inside, and it must be `±1` and pairs
/// with real `r + 1/r` in `(−2, 2)`.
pub(super) fn circle_multiplicity(f: &Poly) -> Option<usize> {
    if f.is_zero() {
        return None;
    }
    let (_, f) = f.strip_zero_roots();
    let s = f.square_free_part();
    let paired = s.gcd(&s.reversed());
    let rest = s.exact_div(&paired)?;
    if inside(&rest) != rest.degree().unwrap_or(0) {
        return None;
    }
    let mut pairs = paired.clone();
    for root in [1, -1] {
        if let Some(quotient) = pairs.exact_div(&Poly::from_integers(&[-root, 1])) {
            pairs = quotient;
        }
    }
    let m = pairs.degree().unwrap_or(0) / 2;
    let trace = trace(&pairs);
    let two = Rational::from(2);
    if count_roots(&trace, Some(&Rational::from(-2)), Some(&two)) != m {
        return None;
    }
    let (mut times, mut f) = (0, f);
    while !f.gcd(&paired).is_constant() {
        f = f.gcd(&f.derivative());
        times += 1;
    }
    Some(times)
}

/// The same over the field of an algebraic number, for a leading coefficient that is not zero there, with
/// Schur's criterion for what is left of the square-free part: a monic polynomial has all roots inside
/// exactly where `|c_0| < 1` and `(p − c_0 p*)/r` has.
pub(super) fn circle_multiplicity_over(field: &Extension, f: Vec<Poly>) -> Option<usize> {
    let mut f = field.polynomial(f);
    let zeros = f.iter().take_while(|c| field.is_zero(c)).count();
    f.drain(..zeros);
    let reversed = |p: &[Poly]| p.iter().rev().cloned().collect::<Vec<_>>();
    let square_free = field.quotient(&f, &field.gcd(&f, &field.derivative(&f)));
    let paired = field.gcd(&square_free, &reversed(&square_free));
    let mut rest = field.quotient(&square_free, &paired);
    while rest.len() > 1 {
        let lead = rest.last().and_then(|lead| field.inverse(lead))?;
        // Monic: all roots inside need |c_0| < 1.
        let low = field.reduced(&(&rest[0] * &lead));
        if field.sign(&(&Poly::one() - &(&low * &low))) != Ordering::Greater {
            return None;
        }
        let monic: Vec<Poly> = rest.iter().map(|c| field.reduced(&(c * &lead))).collect();
        let mirrored = reversed(&monic);
        let next = monic.iter().zip(&mirrored).skip(1);
        rest = field.polynomial(next.map(|(c, r)| c - &(&low * r)).collect());
    }
    // ±1, and pairs with r + 1/r in (−2, 2).
    let mut pairs = paired.clone();
    for root in [1, -1] {
        let factor = [Poly::from_integers(&[-root]), Poly::one()];
        if pairs.len() > 1 && field.remainder(&pairs, &factor).is_empty() {
            pairs = field.quotient(&pairs, &factor);
        }
    }
    let m = pairs.len().checked_sub(1)? / 2;
    // Peel r^{m−j} (r² + 1)^j from the top.
    let mut trace = vec![Poly::zero(); m + 1];
    for j in (0..=m).rev() {
        let top = field.reduced(&pairs[m + j]);
        let power = Poly::from_integers(&[1, 0, 1]).pow(j);
        for (i, c) in power.coeffs().iter().enumerate() {
            pairs[m - j + i] = &pairs[m - j + i] - &top.scaled(c);
        }
        trace[j] = top;
    }
    let trace = field.polynomial(trace);
    if field.count_between(&trace, &Rational::from(-2), &Rational::from(2)) != m {
        return None;
    }
    let mut times = 0;
    while field.gcd(&f, &paired).len() > 1 {
        f = field.gcd(&f, &field.derivative(&f));
        times += 1;
    }
    Some(times)
}

/// `q` with `p(r) = r^m q(r + 1/r)` for a self-reciprocal `p` of degree `2m`.
fn trace(p: &Poly) -> Poly {
    let m = p.degree().unwrap_or(0) / 2;
    // Chebyshev-like: T_0 = 2, T_1 = x, T_{j+1} = x T_j − T_{j−1} is r^j + r^{−j}.
    let mut q = Poly::constant(p.coeff(m));
    let (mut before, mut now) = (Poly::from_integers(&[2]), Poly::x());
    for j in 1..=m {
        q = &q + &now.scaled(&p.coeff(m + j));
        (before, now) = (now.clone(), &(&Poly::x() * &now) - &before);
    }
    q
}

#[cfg(test)]
mod tests {
    use super::*;

    fn multiplicity(factors: &[&[i64]]) -> Option<usize> {
        circle_multiplicity(
            &factors
                .iter()
                .fold(Poly::one(), |p, f| &p * &Poly::from_integers(f)),
        )
    }

    #[test]
    fn multiplicities_on_the_circle() {
        assert_eq!(multiplicity(&[&[0, 1], &[-1, 2]]), Some(0));
        assert_eq!(multiplicity(&[&[-1, 1], &[1, 1], &[1, 0, 1]]), Some(1));
        assert_eq!(multiplicity(&[&[-1, 1], &[1, 1, 1], &[1, 1, 1]]), Some(2));
        assert_eq!(multiplicity(&[&[-1, 1], &[-1, 1], &[-1, 1]]), Some(3));
        assert_eq!(multiplicity(&[&[2, -5, 2]]), None);
        assert_eq!(multiplicity(&[&[-1, 1], &[-3, 1]]), None);
        // Roots on the circle that are no roots of unity, and a double one.
        assert_eq!(multiplicity(&[&[5, -6, 5]]), Some(1));
        assert_eq!(multiplicity(&[&[5, -6, 5], &[5, -6, 5]]), Some(2));
        assert!(
            open_disc(&Poly::from_integers(&[0, -1, 2]), 2)
                && !open_disc(&Poly::from_integers(&[-1, 1]), 1)
        );
    }
}
