//! Root-condition claims, re-established from the factorisation in the record.
//!
//! Steps as in `docs/certificate.md`. All arithmetic is rational.

use std::cmp::Ordering;

use super::Checked;
use super::rejection::Rejection;
use crate::certificate::schema::{
    Document, EquationOrder, Ratio, RootClaim, RootCounts, RootPart, RootRecord, Strength,
};
use crate::exact::sturm::{cauchy_index, count_roots};
use crate::exact::{Poly, Rational};

/// The largest degree, and the largest number of digits of one coefficient:
/// bounded work.
const MAX_DEGREE: usize = 256;
const MAX_BITS: u32 = 4096;

/// Checks a claim about a linear multistep method.
pub(super) fn check(document: &Document<RootClaim, RootRecord>) -> Result<Checked, Rejection> {
    let (claim, record) = (&document.claim, &document.evidence);
    agree("record version", &record.version, &1)?;
    agree("equation", &claim.equation, &record.kind)?;
    agree("verdict", &claim.verdict, &record.strength)?;
    agree("counts", &claim.counts, &record.counts)?;
    agree("length of beta", &claim.beta.len(), &claim.alpha.len())?;
    let alpha = polynomial("alpha", &claim.alpha)?;
    polynomial("beta", &claim.beta)?;
    let degree = claim.alpha.len().saturating_sub(1);
    if degree == 0 {
        return Err(root("degree of rho", degree, "at least 1"));
    }
    agree(
        "leading coefficient",
        &alpha.coeff(degree),
        &Rational::from(1),
    )?;
    agree("rho", &record.rho, &claim.alpha)?;

    let zero_multiplicity = small("zero_multiplicity", record.zero_multiplicity)?;
    let mut product = Poly::x().pow(zero_multiplicity);
    let mut factors: Vec<Poly> = Vec::new();
    let mut counts = RootCounts {
        inside: record.zero_multiplicity,
        on: 0,
        outside: 0,
    };
    let (mut on_circle, mut on_other_than_one, mut last) = (0, 0, 0);
    for (i, part) in record.parts.iter().enumerate() {
        let step = |what: &str| format!("part {i}, {what}");
        let m = small(&step("multiplicity"), part.multiplicity)?;
        if m <= last {
            return Err(root(step("multiplicity"), m, format!("more than {last}")));
        }
        last = m;
        let (factor, position) = position(part, i)?;
        let n = factor.degree().unwrap_or(0);
        if n == 0 || n * m > MAX_DEGREE {
            return Err(root(step("degree"), n, format!("1 to {MAX_DEGREE} in all")));
        }
        let derivative = factor.gcd(&factor.derivative());
        agree(&step("square-free"), &derivative.degree(), &Some(0))?;
        agree(&step("value at 0 is zero"), &(factor.coeff(0) == 0), &false)?;
        for other in &factors {
            agree(
                &step("coprime to the others"),
                &factor.gcd(other).degree(),
                &Some(0),
            )?;
        }
        product = &product * &factor.pow(m);
        if product.degree().unwrap_or(0) > MAX_DEGREE {
            return Err(root(step("degree"), "too large", MAX_DEGREE));
        }
        factors.push(factor);
        let m = m as u64;
        counts.inside += m * position.inside;
        counts.on += m * position.on;
        counts.outside += m * position.outside;
        if position.on > 0 {
            on_circle = m; // ascending
        }
        on_other_than_one += position.on - u64::from(part.one);
    }
    agree("product of the factors", &product, &alpha)?;
    agree("counts", &claim.counts, &counts)?;
    agree(
        "max_circle_multiplicity",
        &record.max_circle_multiplicity,
        &on_circle,
    )?;
    let allowed = match claim.equation {
        EquationOrder::First => 1,
        EquationOrder::Second => 2,
    };
    let verdict = if counts.outside > 0 || on_circle > allowed {
        Strength::Unstable
    } else if on_other_than_one > 0 {
        Strength::Weak
    } else {
        Strength::Strong
    };
    agree("verdict", &claim.verdict, &verdict)?;
    Ok(Checked::root_condition(verdict))
}

/// The factor of one part and the places of its roots.
fn position(part: &RootPart, i: usize) -> Result<(Poly, RootCounts), Rejection> {
    let step = |what: &str| format!("part {i}, {what}");
    let trace = polynomial(&step("trace"), &part.trace)?;
    let rest = polynomial(&step("rest"), &part.rest)?;
    let one = Rational::from(1);
    for (what, p) in [("trace is monic", &trace), ("rest is monic", &rest)] {
        agree(&step(what), &p.leading(), &Some(&one))?;
    }
    let d = trace.degree().unwrap_or(0);
    let n = rest.degree().unwrap_or(0);
    agree(&step("coefficients of trace"), &part.trace.len(), &(d + 1))?;
    agree(&step("coefficients of rest"), &part.rest.len(), &(n + 1))?;

    // q: a root in (−2, 2) is a conjugate pair on the circle, any other a
    // reciprocal pair off it.
    let square_free = trace.gcd(&trace.derivative()).degree();
    agree(&step("trace is square-free"), &square_free, &Some(0))?;
    let two = Rational::from(2);
    let minus_two = Rational::from(-2);
    for x in [&two, &minus_two] {
        agree(
            &step("trace vanishes at an end"),
            &(trace.eval(x) == 0),
            &false,
        )?;
    }
    let found = count_roots(&trace, Some(&minus_two), Some(&two)) as u64;
    agree(&step("trace_in"), &part.trace_in, &found)?;

    // h: no root on the circle.
    let common = rest.gcd(&reversed(&rest, n)).degree();
    agree(&step("rest is coprime to its reverse"), &common, &Some(0))?;
    let inside = inside(&rest) as u64;
    agree(&step("rest_inside"), &part.rest_inside, &inside)?;
    let chain = schur_cohn(&rest);
    agree(&step("schur_cohn"), &part.schur_cohn, &chain)?;
    let all_smaller = chain
        .iter()
        .all(|[a, b]| a.0.cmp_abs(&b.0) == Ordering::Less);
    agree(
        &step("Schur–Cohn and Cauchy index agree that all roots are inside"),
        &(all_smaller && chain.len() == n),
        &(inside == n as u64),
    )?;

    let mut factor = &from_trace(&trace, d) * &rest;
    for (is_root, linear) in [(part.one, [-1, 1]), (part.minus_one, [1, 1])] {
        if is_root {
            factor = &factor * &Poly::from_integers(&linear);
        }
    }
    let pairs_off = d as u64 - found;
    Ok((
        factor,
        RootCounts {
            inside: inside + pairs_off,
            on: u64::from(part.one) + u64::from(part.minus_one) + 2 * found,
            outside: n as u64 - inside + pairs_off,
        },
    ))
}

/// `r^d q(r + 1/r) = Σ q_j r^(d−j) (r² + 1)^j`.
fn from_trace(q: &Poly, d: usize) -> Poly {
    let step = Poly::from_integers(&[1, 0, 1]);
    (0..=d).fold(Poly::zero(), |sum, j| {
        let term = &Poly::x().pow(d - j) * &step.pow(j);
        &sum + &term.scaled(&q.coeff(j))
    })
}

/// `r^n h(1/r)`.
fn reversed(h: &Poly, n: usize) -> Poly {
    Poly::new((0..=n).rev().map(|j| h.coeff(j)).collect())
}

/// Roots of `h` in the open disc; `h` has none on the circle.
///
/// With `r = (1 + iω)/(1 − iω)`, `U + iV = (1 − iω)^n h(r)` turns by
/// `2π N − nπ` as `ω` runs through the reals, which is `−π` times the Cauchy
/// index of `V/U` where `deg V <= deg U`, and `π` times that of `U/V` else.
pub(super) fn inside(h: &Poly) -> usize {
    let n = h.degree().unwrap_or(0);
    let (mut u, mut v) = (Poly::zero(), Poly::zero());
    for j in 0..=n {
        let (re, im) = mobius(j, n - j);
        u = &u + &re.scaled(&h.coeff(j));
        v = &v + &im.scaled(&h.coeff(j));
    }
    let half_turns = if v.degree() <= u.degree() {
        -cauchy_index(&v, &u)
    } else {
        cauchy_index(&u, &v)
    };
    usize::try_from((n as isize + half_turns) / 2).unwrap_or(0)
}

/// Real and imaginary part of `(1 + iω)^a (1 − iω)^b`, as polynomials in `ω`.
fn mobius(a: usize, b: usize) -> (Poly, Poly) {
    // (1 + ω²)^min times what is left of one factor.
    let modulus = Poly::from_integers(&[1, 0, 1]).pow(a.min(b));
    let sign = if a >= b { 1 } else { -1 };
    let (mut re, mut im) = (Poly::one(), Poly::zero());
    let step = Poly::from_integers(&[0, sign]);
    for _ in 0..a.abs_diff(b) {
        (re, im) = (&re - &(&step * &im), &im + &(&step * &re));
    }
    (&modulus * &re, &modulus * &im)
}

/// `[c_0, c_n]` of `h` and of its reductions `(c_n p − c_0 p*)/r`, each scaled
/// to coprime integers, up to the first with `|c_0| >= |c_n|`.
fn schur_cohn(h: &Poly) -> Vec<[Ratio; 2]> {
    let mut chain = Vec::new();
    let mut p = Poly::from_big(&h.primitive_integers());
    while let Some(n) = p.degree().filter(|&n| n > 0) {
        let (low, high) = (p.coeff(0), p.coeff(n));
        let smaller = low.cmp_abs(&high) == Ordering::Less;
        let next = &p.scaled(&high) - &reversed(&p, n).scaled(&low);
        chain.push([Ratio(low), Ratio(high)]);
        if !smaller {
            break;
        }
        let shifted = Poly::new(next.coeffs()[1..].to_vec());
        p = Poly::from_big(&shifted.primitive_integers());
    }
    chain
}

fn polynomial(place: &str, coefficients: &[Ratio]) -> Result<Poly, Rejection> {
    let too_large = |c: &Ratio| {
        c.0.numer().significant_bits() > MAX_BITS || c.0.denom().significant_bits() > MAX_BITS
    };
    if coefficients.len() > MAX_DEGREE + 1 || coefficients.iter().any(too_large) {
        return Err(Rejection::TooLarge {
            place: place.into(),
        });
    }
    Ok(Poly::new(
        coefficients.iter().map(|c| c.0.clone()).collect(),
    ))
}

fn small(place: &str, value: u64) -> Result<usize, Rejection> {
    usize::try_from(value)
        .ok()
        .filter(|&value| value <= MAX_DEGREE)
        .ok_or_else(|| Rejection::TooLarge {
            place: place.into(),
        })
}

fn root(step: impl Into<String>, claimed: impl ToString, found: impl ToString) -> Rejection {
    Rejection::Root {
        step: step.into(),
        claimed: claimed.to_string(),
        found: found.to_string(),
    }
}

fn agree<T: PartialEq + std::fmt::Debug>(
    step: &str,
    claimed: &T,
    found: &T,
) -> Result<(), Rejection> {
    if claimed == found {
        return Ok(());
    }
    Err(root(step, format!("{claimed:?}"), format!("{found:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(factors: &[&[i64]]) -> Poly {
        factors
            .iter()
            .fold(Poly::one(), |p, f| &p * &Poly::from_integers(f))
    }

    #[test]
    fn winding_number_counts_the_disc() {
        for (factors, expected) in [
            (&[&[-1_i64, 2][..]][..], 1),
            (&[&[-2, 1]], 0),
            (&[&[-2, 1], &[-1, 3]], 1),
            (&[&[0, 1]], 1),
            (&[&[0, 1], &[-3, 1], &[1, 0, 4]], 3),
            (&[&[5, 0, 1], &[1, 4, 4], &[-4, 1]], 2),
            (&[&[7]], 0),
            (&[&[1, 0, 0, 0, 0, 3], &[3, 0, 0, 1]], 5),
        ] {
            assert_eq!(inside(&product(factors)), expected, "{factors:?}");
        }
    }

    #[test]
    fn trace_of_a_reciprocal_pair() {
        // x − 5/2 is the pair 2, 1/2
        let q = Poly::new(vec![Rational::from((-5, 2)), Rational::from(1)]);
        assert_eq!(
            from_trace(&q, 1).scaled(&Rational::from(2)),
            product(&[&[2, -5, 2]])
        );
    }
}
