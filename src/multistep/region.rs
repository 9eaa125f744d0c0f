//! The exact set of parameters of a family for which a root property holds.
//!
//! `ρ(r; l)` has roots that move continuously with `l`. Counts in, on and outside the unit circle,
//! with multiplicity, can change only where
//!
//! - the family has a pole, or the leading coefficient vanishes;
//! - two roots of one square-free part over ℚ(l) meet (its resultant with its derivative), or roots
//!   of two parts meet (their resultant);
//! - a root reaches the circle: for a part without permanent reciprocal pairs, the resultant with its
//!   reversed polynomial vanishes; for one of permanent reciprocal pairs, two of its roots meet.
//!
//! All of these are polynomials in `l`. Their real roots cut the line into open intervals, each
//! decided by one exact sample, and points, each decided exactly where rational. An irrational point
//! is reported as undecided, with an enclosure. Nothing is hard-coded for any family.

use serde::Serialize;

use super::parametric::{MAX_COMPLEXITY, ParametricFamily};
use super::root_condition::RootCondition;
use super::{Error, Kind};
use crate::exact::sturm::{RealRoot, isolate};
use crate::exact::{BiPoly, MpInterval, Poly, Rational};

/// What is asked of the roots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Property {
    /// The root condition for this kind of equation.
    RootCondition(Kind),
    /// All roots in the closed unit disc, any multiplicity.
    ClosedDisc,
    /// All roots in the open unit disc.
    OpenDisc,
}

impl Property {
    /// Decides the property for one polynomial, exactly.
    pub fn holds(self, p: &Poly) -> bool {
        let kind = if let Self::RootCondition(kind) = self {
            kind
        } else {
            Kind::First
        };
        let condition = RootCondition::of(p, kind);
        match self {
            Self::RootCondition(_) => condition.zero_stable(),
            Self::ClosedDisc => !p.is_zero() && condition.counts.outside == 0,
            Self::OpenDisc => !p.is_zero() && condition.counts.outside + condition.counts.on == 0,
        }
    }
}

/// Whether an end belongs to its interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Closure {
    /// The end belongs to the set.
    Closed,
    /// It does not.
    Open,
    /// Irrational: not decided.
    Undecided,
}

/// Where an interval ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// At −∞ or +∞.
    Infinite,
    /// At a real number.
    At(RealRoot, Closure),
}

/// A maximal interval of the set; a point where both ends are the same closed rational.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Lower end.
    pub lo: End,
    /// Upper end.
    pub hi: End,
}

/// A subset of the real line: disjoint pieces in ascending order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// The pieces.
    pub pieces: Vec<Piece>,
    /// All points at which the set could have changed.
    pub critical: Vec<RealRoot>,
}

impl Region {
    /// The one point that the region consists of, if it does.
    pub fn single_point(&self) -> Option<&Rational> {
        match self.pieces.as_slice() {
            [
                Piece {
                    lo: End::At(RealRoot::Rational(a), Closure::Closed),
                    hi: End::At(RealRoot::Rational(b), Closure::Closed),
                },
            ] if a == b => Some(a),
            _ => None,
        }
    }

    /// The union in words, for example `l <= -1 or l > 1/3`; irrational ends as decimal enclosures.
    pub fn in_words(&self, parameter: &str) -> String {
        let piece = |p: &Piece| {
            if let (End::At(a, Closure::Closed), End::At(b, Closure::Closed)) = (&p.lo, &p.hi)
                && a == b
            {
                return format!("{parameter} = {}", number(a));
            }
            let side = |end: &End, open: &str, closed: &str| match end {
                End::Infinite => None,
                End::At(x, Closure::Closed) => Some(format!("{parameter} {closed} {}", number(x))),
                End::At(x, Closure::Open) => Some(format!("{parameter} {open} {}", number(x))),
                End::At(x, Closure::Undecided) => Some(format!(
                    "{parameter} {open} {} (the end itself undecided)",
                    number(x)
                )),
            };
            match (side(&p.lo, ">", ">="), side(&p.hi, "<", "<=")) {
                (None, None) => format!("all {parameter}"),
                (Some(a), None) | (None, Some(a)) => a,
                (Some(a), Some(b)) => format!("({a} and {b})"),
            }
        };
        if self.pieces.is_empty() {
            return "empty".to_owned();
        }
        self.pieces
            .iter()
            .map(piece)
            .collect::<Vec<_>>()
            .join(" or ")
    }
}

/// A number exactly, or as the decimal enclosure `[lo, hi]`.
pub fn number(x: &RealRoot) -> String {
    match x {
        RealRoot::Rational(x) => x.to_string(),
        RealRoot::Algebraic { .. } => {
            let [lo, hi] = decimal(x);
            format!("[{lo}, {hi}]")
        }
    }
}

/// An outward-rounded decimal enclosure, at most about 2⁻⁷⁰ wide.
pub fn decimal(x: &RealRoot) -> [String; 2] {
    let mut x = x.clone();
    x.refine_to(&Rational::from((1, 1_u128 << 70)));
    let interval =
        MpInterval::new(192, x.lo(), x.hi()).expect("ordered ends, a precision within limits");
    interval.to_decimal(20)
}

/// The zero-stable parameters of a family.
///
/// # Errors
///
/// [`Error::TooComplex`] where steps times degree in the parameter exceed
/// [`MAX_COMPLEXITY`](super::parametric::MAX_COMPLEXITY).
///
/// # Examples
///
/// ```
/// use dahlquist::multistep::{ParametricFamily, region};
/// let set = region(&ParametricFamily::zerosnet()).expect("within limits");
/// assert_eq!(set.in_words("lambda"), "lambda <= -1 or lambda > 1/3");
/// ```
pub fn region(family: &ParametricFamily) -> Result<Region, Error> {
    let rho = family.rho();
    let (steps, degree) = (family.alpha().len() - 1, rho.degree_in_parameter());
    if steps * degree > MAX_COMPLEXITY {
        let family = family.name().to_owned();
        return Err(Error::TooComplex {
            family,
            steps,
            degree,
            limit: MAX_COMPLEXITY,
        });
    }
    Ok(solve(
        &rho,
        &family.poles(),
        Property::RootCondition(family.kind()),
    ))
}

/// The set of `l` with `poles(l) ≠ 0`, the leading coefficient not zero, and the property.
pub fn solve(rho: &BiPoly, poles: &Poly, property: Property) -> Region {
    let mut critical = critical_polynomials(rho);
    critical.push(poles.clone());
    let lead = rho.leading();
    solve_with(&critical, |l| {
        poles.eval(l) != 0 && lead.eval(l) != 0 && property.holds(&rho.at(l))
    })
}

/// Cuts the line at the roots of `critical` and decides each piece by `holds`.
pub fn solve_with(critical: &[Poly], holds: impl Fn(&Rational) -> bool) -> Region {
    let product = critical
        .iter()
        .filter(|p| !p.is_zero())
        .fold(Poly::one(), |all, p| {
            let part = p.square_free_part();
            let common = all.gcd(&part);
            &all * &part.exact_div(&common).unwrap_or(part)
        });
    let points = isolate(&product);
    let mut pieces: Vec<Piece> = Vec::new();
    // The piece being collected, by its lower end.
    let mut current: Option<End> = None;
    for i in 0..=points.len() {
        let below = i.checked_sub(1).map(|j| &points[j]);
        let above = points.get(i);
        let inside = holds(&sample(below, above));
        if inside && current.is_none() {
            // A closed end is opened by its own point, below.
            let open = below.map_or(End::Infinite, |x| End::At(x.clone(), closure_of_outside(x)));
            current = Some(open);
        }
        if !inside && let Some(lo) = current.take() {
            let hi = below.map_or(End::Infinite, |x| match &lo {
                End::At(a, Closure::Closed) if a == x => lo.clone(),
                _ => End::At(x.clone(), Closure::Closed),
            });
            pieces.push(Piece { lo, hi });
        }
        let Some(point) = above else { break };
        let member = match point {
            RealRoot::Rational(x) => Some(holds(x)),
            RealRoot::Algebraic { .. } => None,
        };
        match (member, current.take()) {
            // Inside so far and at the point: go on.
            (Some(true), Some(lo)) => current = Some(lo),
            (Some(true), None) => current = Some(End::At(point.clone(), Closure::Closed)),
            (member, Some(lo)) => {
                let closure = if member.is_none() {
                    Closure::Undecided
                } else {
                    Closure::Open
                };
                pieces.push(Piece {
                    lo,
                    hi: End::At(point.clone(), closure),
                });
            }
            (_, None) => {}
        }
    }
    if let Some(lo) = current {
        pieces.push(Piece {
            lo,
            hi: End::Infinite,
        });
    }
    Region {
        pieces,
        critical: points,
    }
}

/// How a lower end is written that is not a member as far as known.
fn closure_of_outside(x: &RealRoot) -> Closure {
    match x {
        RealRoot::Rational(_) => Closure::Open,
        RealRoot::Algebraic { .. } => Closure::Undecided,
    }
}

/// A rational strictly between two neighbouring critical points.
fn sample(below: Option<&RealRoot>, above: Option<&RealRoot>) -> Rational {
    match (below, above) {
        (None, None) => Rational::new(),
        (Some(a), None) => Rational::from(a.hi() + 1),
        (None, Some(b)) => Rational::from(b.lo() - 1),
        (Some(a), Some(b)) => Rational::from(a.hi() + b.lo()) / 2,
    }
}

/// The polynomials in `l` of the module's list.
fn critical_polynomials(rho: &BiPoly) -> Vec<Poly> {
    let mut list = vec![rho.leading()];
    let (_, nonzero) = rho.strip_zero_roots();
    let mut parts: Vec<BiPoly> = Vec::new();
    for (factor, _) in nonzero.square_free() {
        let paired = factor.gcd(&factor.reversed());
        let rest = factor.exact_div(&paired).expect("a gcd divides");
        if rest.degree().unwrap_or(0) > 0 {
            list.push(rest.resultant(&rest.reversed()));
            // A root that passes 0 changes no count, but the reversed polynomial drops its degree.
            list.push(rest.at_r(&Rational::new()));
            list.push(rest.at_r(&Rational::from(1)));
            list.push(rest.at_r(&Rational::from(-1)));
        }
        parts.extend(
            [paired, rest]
                .into_iter()
                .filter(|p| p.degree().unwrap_or(0) > 0),
        );
    }
    for (i, part) in parts.iter().enumerate() {
        list.push(part.leading());
        list.push(part.resultant(&part.derivative()));
        list.extend(parts[..i].iter().map(|other| part.resultant(other)));
    }
    list
}
