//! The exact set of one parameter.
//!
//! `E = poles · alpha_k · p_0 · p_n · Δ_{n−1}`, denominators cleared, vanishes at every parameter where
//! the number of roots inside the unit circle can change. The listed points must be all its real
//! roots. Between two of them one rational sample decides; a rational point is decided by itself.

use super::conditions::{Conditions, allowed};
use super::decide::{circle_multiplicity, circle_multiplicity_over, open_disc};
use super::{Members, Rejection, agree, members, number, wrong};
use crate::certificate::schema::Document;
use crate::certificate::schema::multistep::{
    Closure, End, Property, RealNumber, RegionClaim, RegionEvidence,
};
use crate::check::Checked;
use crate::exact::extension::Extension;
use crate::exact::sturm::{RealRoot, count_roots, sign_of};
use crate::exact::{MPoly, Poly, Rational};

const MAX_POINTS: usize = 1000;
const MAX_DEGREE: usize = 400;
/// The largest degree of an irrational point whose membership is claimed.
const MAX_FIELD: usize = 24;

pub(in crate::check) fn check(
    document: &Document<RegionClaim, RegionEvidence>,
) -> Result<Checked, Rejection> {
    let claim = &document.claim;
    agree("parameters", &claim.family.parameters.len(), &1)?;
    if claim.points.len() > MAX_POINTS {
        return Err(Rejection::TooLarge {
            place: "points".into(),
        });
    }
    let members = members(&claim.family)?;
    let conditions = Conditions::of(&members)?;
    let events = events(&conditions)?;
    let points = points(&claim.points, &events)?;
    let question = Question {
        members: &members,
        conditions: &conditions,
        property: claim.property,
        allowed: allowed(claim.family.equation),
    };
    let (between, at) = claimed_set(claim)?;
    for (i, claimed) in between.iter().enumerate() {
        let sample = match (i.checked_sub(1).map(|j| &points[j]), points.get(i)) {
            (None, None) => Rational::new(),
            (Some(a), None) => Rational::from(&a.hi + 1),
            (None, Some(b)) => Rational::from(&b.lo - 1),
            (Some(a), Some(b)) => Rational::from(&a.hi + &b.lo) / 2,
        };
        agree(
            &format!("member {sample}"),
            claimed,
            &question.holds(&sample),
        )?;
    }
    for (i, (point, claimed)) in points.iter().zip(&at).enumerate() {
        let Some(claimed) = claimed else { continue };
        let found = if point.polynomial.is_zero() {
            Some(question.holds(&point.lo))
        } else {
            question.at_irrational(point)
        };
        let Some(found) = found else {
            return Err(Rejection::NoRule {
                step: format!("point {i}"),
                what: "membership of this irrational point".into(),
            });
        };
        agree(&format!("member at point {i}"), claimed, &found)?;
    }
    Ok(Checked::multistep(format!(
        "{} intervals of {}, {} points, {} of them undecided",
        claim.intervals.len(),
        claim.family.parameters[0],
        points.len(),
        at.iter().filter(|m| m.is_none()).count()
    )))
}

/// `E`.
fn events(conditions: &Conditions) -> Result<Poly, Rejection> {
    let n = conditions.degree();
    let lead = conditions.rho.last().cloned().unwrap_or_default();
    let mut factors = vec![conditions.poles.clone(), lead, conditions.p[0].clone()];
    if n >= 1 {
        factors.push(conditions.p[n].clone());
    }
    if n >= 2 {
        factors.push(conditions.minor(n - 1)?);
    }
    let mut product = Poly::one();
    for factor in &factors {
        let part = factor.univariate().square_free_part();
        if part.is_zero() {
            return Err(Rejection::NoRule {
                step: "boundary polynomials".into(),
                what: "a family with a pair of reciprocal roots for every parameter".into(),
            });
        }
        let new = part.exact_div(&part.gcd(&product)).unwrap_or(part);
        product = &product * &new;
        if product.degree().unwrap_or(0) > MAX_DEGREE {
            return Err(Rejection::TooLarge {
                place: "boundary polynomials".into(),
            });
        }
    }
    Ok(product)
}

/// A point: `polynomial` is zero for a rational one.
struct Point {
    polynomial: Poly,
    lo: Rational,
    hi: Rational,
}

/// The listed points, which are exactly the real roots of `events`, in order.
fn points(list: &[RealNumber], events: &Poly) -> Result<Vec<Point>, Rejection> {
    let mut found: Vec<Point> = Vec::new();
    for (i, x) in list.iter().enumerate() {
        let place = format!("point {i}");
        let (lo, hi) = (
            number(&place, &x.lo)?.clone(),
            number(&place, &x.hi)?.clone(),
        );
        if let Some(before) = found.last()
            && before.hi >= lo
        {
            return Err(wrong(place, "above the point before", lo));
        }
        let numbers: Result<Vec<Rational>, Rejection> = x
            .polynomial
            .iter()
            .map(|c| number(&place, c).cloned())
            .collect();
        let polynomial = Poly::new(numbers?);
        if polynomial.degree().unwrap_or(0) > MAX_DEGREE {
            return Err(Rejection::TooLarge { place });
        }
        let is_root = if polynomial.is_zero() {
            agree(&format!("{place}, ends of a rational number"), &lo, &hi)?;
            events.eval(&lo) == 0
        } else {
            let square_free = polynomial.gcd(&polynomial.derivative()).is_constant();
            let alone = lo < hi
                && sign_of(&polynomial, &lo) * sign_of(&polynomial, &hi) < 0
                && count_roots(&polynomial, Some(&lo), Some(&hi)) == 1;
            if !square_free || !alone {
                return Err(wrong(
                    place,
                    "one root of a square-free polynomial",
                    "not so",
                ));
            }
            count_roots(&polynomial.gcd(events), Some(&lo), Some(&hi)) == 1
                && count_roots(events, Some(&lo), Some(&hi)) == 1
        };
        if !is_root {
            return Err(wrong(
                place,
                "the one root of the boundary polynomials",
                "not so",
            ));
        }
        found.push(Point { polynomial, lo, hi });
    }
    agree(
        "number of points",
        &found.len(),
        &count_roots(events, None, None),
    )?;
    Ok(found)
}

type Membership = (Vec<bool>, Vec<Option<bool>>);

/// What is claimed of each interval between points, and of each point.
fn claimed_set(claim: &RegionClaim) -> Result<Membership, Rejection> {
    let n = claim.points.len();
    let (mut between, mut at) = (vec![false; n + 1], vec![Some(false); n]);
    let index = |end: &End| {
        let i = usize::try_from(end.point).ok().filter(|&i| i < n);
        i.ok_or_else(|| {
            wrong(
                "end of an interval",
                end.point,
                format!("a point below {n}"),
            )
        })
    };
    let mut next = 0;
    for interval in &claim.intervals {
        let lower = interval.lower.as_ref().map(index).transpose()?;
        let upper = interval.upper.as_ref().map(index).transpose()?;
        // The intervals between points that it covers, and the points inside.
        let (first, last) = (lower.map_or(0, |i| i + 1), upper.unwrap_or(n));
        let start = lower.unwrap_or(0);
        let single = lower.is_some() && lower == upper;
        if first < next || (!single && first > last) {
            return Err(wrong("intervals", "ascending and disjoint", "not so"));
        }
        if !single {
            between[first..=last].fill(true);
            at[first..last].fill(Some(true));
        }
        for end in [&interval.lower, &interval.upper].into_iter().flatten() {
            let i = index(end)?;
            at[i] = match end.closure {
                Closure::Closed => Some(true),
                Closure::Open => Some(false),
                Closure::Undecided => None,
            };
        }
        if single && at[start] != Some(true) {
            return Err(wrong("a single point", "not a member", "a member"));
        }
        next = last + 1;
    }
    for &i in &claim.undecided {
        let place = usize::try_from(i).ok().and_then(|i| at.get_mut(i));
        *place.ok_or_else(|| wrong("undecided point", i, format!("below {n}")))? = None;
    }
    Ok((between, at))
}

struct Question<'a> {
    members: &'a Members,
    conditions: &'a Conditions,
    property: Property,
    allowed: usize,
}

impl Question<'_> {
    /// The exact decision for one member.
    fn holds(&self, x: &Rational) -> bool {
        let at = std::slice::from_ref(x);
        let all = self.members.alpha.iter().chain(&self.members.beta);
        if all.map(|f| f.den().eval(at)).any(|d| d == 0) {
            return false;
        }
        let alpha: Option<Vec<Rational>> = self.members.alpha.iter().map(|f| f.eval(at)).collect();
        let Some(alpha) = alpha else { return false };
        let n = alpha.len() - 1;
        let rho = Poly::new(alpha);
        if rho.degree() != Some(n) {
            return false;
        }
        match self.property {
            Property::OpenDisc => open_disc(&rho, n),
            Property::RootCondition => circle_multiplicity(&rho).is_some_and(|m| m <= self.allowed),
        }
    }

    /// At an irrational point: no member where a pole or the leading coefficient vanishes, else decided
    /// over its field. `None`: the field is too large.
    fn at_irrational(&self, point: &Point) -> Option<bool> {
        let root = RealRoot::Algebraic {
            poly: point.polynomial.clone(),
            lo: point.lo.clone(),
            hi: point.hi.clone(),
        };
        let field = Extension::new(&root).filter(|f| f.degree() <= MAX_FIELD)?;
        let rho: Vec<Poly> = self.conditions.rho.iter().map(MPoly::univariate).collect();
        let vanishes = |p: &Poly| field.is_zero(p);
        if vanishes(&self.conditions.poles.univariate()) || vanishes(rho.last()?) {
            return Some(false);
        }
        let multiplicity = circle_multiplicity_over(&field, rho);
        Some(match self.property {
            Property::OpenDisc => multiplicity == Some(0),
            Property::RootCondition => multiplicity.is_some_and(|m| m <= self.allowed),
        })
    }
}
