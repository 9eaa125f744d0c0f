//! Claims about families of multistep methods, products and powers, re-established in exact rational
//! arithmetic and outward-rounded intervals. Steps as in `docs/certificate.md`.

pub(super) mod cells;
mod conditions;
mod decide;
mod matrix;
pub(super) mod powers;
pub(super) mod products;
pub(super) mod region;

use crate::certificate::schema::Ratio;
use crate::certificate::schema::multistep::{Family, Quotient, Term};
use crate::check::rejection::Rejection;
use crate::exact::{MPoly, MRatFunc, MpInterval, Rational};

/// Bounded work: steps, parameters, terms of one polynomial, one exponent, digits of one number.
const MAX_STEPS: usize = 32;
const MAX_PARAMETERS: usize = 3;
const MAX_TERMS: usize = 1000;
const MAX_EXPONENT: u64 = 64;
const MAX_BITS: u32 = 1 << 14;

/// A family as rational functions.
struct Members {
    alpha: Vec<MRatFunc>,
    beta: Vec<MRatFunc>,
}

fn members(family: &Family) -> Result<Members, Rejection> {
    let d = family.parameters.len();
    if !(1..=MAX_PARAMETERS).contains(&d) {
        return Err(wrong("parameters", d, format!("1 to {MAX_PARAMETERS}")));
    }
    let k = family.alpha.len();
    if !(2..=MAX_STEPS + 1).contains(&k) {
        return Err(wrong(
            "coefficients of alpha",
            k,
            format!("2 to {}", MAX_STEPS + 1),
        ));
    }
    agree("coefficients of beta", &family.beta.len(), &k)?;
    let list = |name: &str, list: &[Quotient]| {
        let function = |(j, q): (usize, &Quotient)| {
            let place = format!("{name}_{j}");
            let (num, den) = (
                polynomial(&place, &q.num, d)?,
                polynomial(&place, &q.den, d)?,
            );
            MRatFunc::new(&num, &den).ok_or_else(|| wrong(place, "denominator 0", "not zero"))
        };
        list.iter()
            .enumerate()
            .map(function)
            .collect::<Result<Vec<_>, _>>()
    };
    let alpha = list("alpha", &family.alpha)?;
    if alpha[k - 1].is_zero() {
        return Err(wrong("leading coefficient", 0, "not zero"));
    }
    Ok(Members {
        beta: list("beta", &family.beta)?,
        alpha,
    })
}

fn polynomial(place: &str, terms: &[Term], d: usize) -> Result<MPoly, Rejection> {
    if terms.len() > MAX_TERMS {
        return Err(Rejection::TooLarge {
            place: place.into(),
        });
    }
    let ascending = terms
        .windows(2)
        .all(|pair| pair[0].exponents < pair[1].exponents);
    if !ascending || terms.iter().any(|t| t.coefficient.0 == 0) {
        return Err(wrong(place, "terms ascending, none zero", "not so"));
    }
    let mut sum = MPoly::zero();
    for term in terms {
        agree(
            &format!("{place}, exponents of a term"),
            &term.exponents.len(),
            &d,
        )?;
        if term.exponents.iter().any(|&e| e > MAX_EXPONENT) {
            return Err(Rejection::TooLarge {
                place: place.into(),
            });
        }
        let mut product = MPoly::constant(number(place, &term.coefficient)?.clone());
        for (v, &e) in term.exponents.iter().enumerate() {
            for _ in 0..e {
                product = product.mul(&MPoly::variable(v));
            }
        }
        sum = sum.add(&product);
    }
    Ok(sum)
}

fn number<'a>(place: &str, x: &'a Ratio) -> Result<&'a Rational, Rejection> {
    if x.0.numer().significant_bits() > MAX_BITS || x.0.denom().significant_bits() > MAX_BITS {
        return Err(Rejection::TooLarge {
            place: place.into(),
        });
    }
    Ok(&x.0)
}

fn numbers(place: &str, list: &[Ratio], length: usize) -> Result<Vec<Rational>, Rejection> {
    agree(&format!("length of {place}"), &list.len(), &length)?;
    list.iter().map(|x| number(place, x).cloned()).collect()
}

/// An enclosure of an exact number.
fn enclose(bits: u32, x: &Rational) -> MpInterval {
    MpInterval::from_rational(bits, x).expect("a precision within limits")
}

fn wrong(step: impl Into<String>, claimed: impl ToString, found: impl ToString) -> Rejection {
    Rejection::Multistep {
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
    Err(wrong(step, format!("{claimed:?}"), format!("{found:?}")))
}
