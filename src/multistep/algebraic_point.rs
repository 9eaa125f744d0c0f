//! The root condition of a member at an irrational algebraic parameter, exactly.
//!
//! The decision is that of [`super::root_condition`], over ℚ(α) ([`crate::exact::extension`]): roots at 0
//! are divided out, `s` is the square-free part, `g = gcd(s, s*)` holds the roots on the circle and the
//! reciprocal pairs off it. What is left, `s/g`, must satisfy the Schur–Cohn test; `g` must be ±1 and pairs
//! with `r + 1/r` real in `(−2, 2)`; a repeated gcd with the derivative gives multiplicities on the circle.

use std::cmp::Ordering;

use super::region::Property;
use crate::exact::extension::{Coefficients, Extension};
use crate::exact::sturm::RealRoot;
use crate::exact::{Poly, Rational};

/// The largest degree of the polynomial that defines the parameter.
const MAX_DEGREE: usize = 24;

/// Whether the polynomial with these coefficients (polynomials in the parameter, low degree first), whose
/// leading coefficient does not vanish at the point, has the property; `None` for a rational point and where
/// the point has no defining polynomial of moderate degree.
pub(super) fn holds(rho: &[Poly], point: &RealRoot, property: Property) -> Option<bool> {
    let field = Extension::new(point).filter(|f| f.degree() <= MAX_DEGREE)?;
    let rho = field.polynomial(rho.to_vec());
    let multiplicity = largest_on_circle(&field, rho);
    Some(match property {
        Property::RootCondition(kind) => {
            multiplicity.is_some_and(|m| m <= kind.max_circle_multiplicity())
        }
        Property::ClosedDisc => multiplicity.is_some(),
        Property::OpenDisc => multiplicity == Some(0),
    })
}

/// The largest multiplicity on the unit circle, 0 for none; `None` where a root is outside.
fn largest_on_circle(field: &Extension, mut f: Coefficients) -> Option<usize> {
    let zeros = f.iter().take_while(|c| field.is_zero(c)).count();
    f.drain(..zeros);
    let repeated = field.gcd(&f, &field.derivative(&f));
    let s = field.quotient(&f, &repeated);
    let paired = field.gcd(&s, &reversed(&s));
    if !is_schur(field, field.quotient(&s, &paired)) || !all_on_circle(field, &paired) {
        return None;
    }
    let mut times = 0;
    while field.gcd(&f, &paired).len() > 1 {
        f = field.gcd(&f, &field.derivative(&f));
        times += 1;
    }
    Some(times)
}

fn reversed(p: &[Poly]) -> Coefficients {
    p.iter().rev().cloned().collect()
}

/// The Schur–Cohn chain `p ↦ (c_n p − c_0 p*)/r`.
fn is_schur(field: &Extension, mut p: Coefficients) -> bool {
    while let [low, .., high] = p.as_slice() {
        let gap = &(high * high) - &(low * low);
        if field.sign(&gap) != Ordering::Greater {
            return false;
        }
        let (low, high) = (low.clone(), high.clone());
        let next = p
            .iter()
            .zip(p.iter().rev())
            .skip(1)
            .map(|(c, r)| &(c * &high) - &(r * &low));
        p = field.polynomial(next.collect());
        // Only the sign of a common factor matters, and the leading coefficient is positive now.
        if let Some(inverse) = p.last().and_then(|lead| field.inverse(lead)) {
            p = p.iter().map(|c| field.reduced(&(c * &inverse))).collect();
        }
    }
    true
}

/// Whether all roots of a square-free self-reciprocal polynomial are on the circle.
fn all_on_circle(field: &Extension, paired: &[Poly]) -> bool {
    let mut pairs = paired.to_vec();
    for root in [1, -1] {
        let value = field.at(&pairs, &Rational::from(root));
        if pairs.len() > 1 && field.is_zero(&value) {
            let factor = [Poly::from_integers(&[-root]), Poly::one()];
            pairs = field.quotient(&pairs, &factor);
        }
    }
    let m = pairs.len().saturating_sub(1) / 2;
    // r^j + r^{−j} as polynomials in x = r + 1/r.
    let (mut before, mut now) = (Poly::from_integers(&[2]), Poly::x());
    let mut trace = vec![Poly::zero(); m + 1];
    trace[0] = pairs.get(m).cloned().unwrap_or_else(Poly::one);
    for j in 1..=m {
        for (t, c) in trace.iter_mut().zip(now.coeffs()) {
            *t = &*t + &pairs[m + j].scaled(c);
        }
        (before, now) = (now.clone(), &(&Poly::x() * &now) - &before);
    }
    let two = Rational::from(2);
    let trace = field.polynomial(trace);
    field.count_between(&trace, &Rational::from(-2), &two) == m
}
