//! The exact set of parameters of a family for which a root property holds.
//!
//! Over ℚ(l), `ρ = r^z ∏ f_m^m` with square-free `f_m = g_m h_m`, where `g_m` holds the roots that
//! come in reciprocal pairs for every `l` and `h_m` the others. Roots move continuously with `l`, and
//! the numbers of roots in, on and outside the unit circle change only at
//!
//! - poles of the family and zeros of a leading coefficient;
//! - zeros of `Res_r(h_m, h_m*)`, where a root of `h_m` reaches the circle;
//! - zeros of `Res_r(g_m, g_m')` and `Res_r(g_m, g_n)`, where roots that are always paired meet.
//!
//! All of these are polynomials in `l`. Their real roots cut the line into open intervals, each
//! decided by one exact sample, and points. A rational point is decided by plugging it in. An
//! irrational end of an interval of the set is a member by continuity unless roots on the circle
//! could have met there: that is excluded where no leading coefficient, discriminant or resultant of
//! two factors vanishes at it, and no factor of too high a multiplicity reaches the circle. What is
//! left is decided over the field of the point (`algebraic_point`); where its defining
//! polynomial is too large for that, it is reported as undecided, with an enclosure. Nothing is
//! hard-coded for any family.

use serde::Serialize;

use super::algebraic_point;
use super::cells::{cayley, hurwitz};
use super::parametric::{MAX_COMPLEXITY, ParametricFamily};
use super::root_condition::RootCondition;
use super::{Error, Kind};
use crate::exact::algebraic::simplify;
use crate::exact::sturm::{RealRoot, count_roots, isolate};
use crate::exact::{BiPoly, MPoly, MpInterval, Poly, Rational};

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
    /// Irrational, and not decided.
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
    /// The irrational ones among them whose membership is not decided. Such a point may end a piece
    /// ([`Closure::Undecided`]) or lie alone, outside of all pieces.
    pub undecided: Vec<RealRoot>,
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
/// [`super::parametric::MAX_COMPLEXITY`].
///
/// # Examples
///
/// ```
/// use dahlquist::multistep::{ParametricFamily, region};
/// let set = region(&ParametricFamily::zerosnet()).expect("within limits");
/// assert_eq!(set.in_words("lambda"), "lambda <= -1 or lambda > 1/3");
/// ```
pub fn region(family: &ParametricFamily) -> Result<Region, Error> {
    let rho = within_limits(family)?;
    Ok(solve(
        &rho,
        &family.poles(),
        Property::RootCondition(family.kind()),
    ))
}

/// `ρ` with denominators cleared, if its size is allowed.
fn within_limits(family: &ParametricFamily) -> Result<BiPoly, Error> {
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
    Ok(rho)
}

/// A set with points at which, and only at which, the number of roots inside the circle can change, for
/// someone who finds these points by Orlando's formula instead of resultants.
#[derive(Debug, Clone)]
pub struct RegionEvents {
    /// The points, simplified, ascending, with disjoint enclosures.
    pub points: Vec<RealRoot>,
    /// The set; its ends and undecided points are among the points.
    pub set: Region,
}

/// The set of parameters with the property, and the real roots of `poles · alpha_k · h(1) · h(−1) ·
/// Δ_{n−1}` with the notation of [`mod@super::cells`]; `None` where one of these vanishes identically.
///
/// # Errors
///
/// [`Error::TooComplex`] as [`region`].
pub fn events_and_set(
    family: &ParametricFamily,
    property: Property,
) -> Result<Option<RegionEvents>, Error> {
    let rho = within_limits(family)?;
    let poles = family.poles();
    let (_, mut h) = rho.strip_zero_roots();
    for root in [1, -1] {
        let factor = BiPoly::in_r(&Poly::from_integers(&[-root, 1]));
        while let Some(quotient) = h.exact_div(&factor).filter(|_| h.degree() > Some(0)) {
            h = quotient;
        }
    }
    let n = h.degree().unwrap_or(0);
    let coefficients: Vec<MPoly> = h.coeffs().iter().map(MPoly::in_first).collect();
    let p = cayley(&coefficients);
    let mut events = vec![poles.clone(), rho.leading()];
    events.extend([&p[0], &p[n]].map(MPoly::univariate));
    if n >= 2 {
        events.push(hurwitz(&p, n - 1).univariate());
    }
    if events.iter().any(Poly::is_zero) {
        return Ok(None);
    }
    let set = solve_with(&rho, &poles, property, &events);
    let points = set.critical.iter().map(simplify).collect();
    Ok(Some(RegionEvents { points, set }))
}

/// The set of `l` with `poles(l) ≠ 0`, the leading coefficient not zero, and the property.
pub fn solve(rho: &BiPoly, poles: &Poly, property: Property) -> Region {
    solve_with(rho, poles, property, &[])
}

/// The same with more critical points: the real roots of `more`.
fn solve_with(rho: &BiPoly, poles: &Poly, property: Property, more: &[Poly]) -> Region {
    let events = Events::of(rho, poles);
    let lead = rho.leading();
    let holds =
        |l: &Rational| poles.eval(l) != 0 && lead.eval(l) != 0 && property.holds(&rho.at(l));
    let product = events.all().chain(more).fold(Poly::one(), |all, p| {
        let part = p.square_free_part();
        let new = part.exact_div(&part.gcd(&all)).expect("a gcd divides");
        &all * &new
    });
    let points = isolate(&product);
    let intervals: Vec<bool> = (0..=points.len())
        .map(|i| holds(&sample(i.checked_sub(1).map(|j| &points[j]), points.get(i))))
        .collect();
    let members: Vec<Option<bool>> = points
        .iter()
        .enumerate()
        .map(|(i, point)| match point {
            RealRoot::Rational(x) => Some(holds(x)),
            _ => {
                let beside = intervals[i] || intervals[i + 1];
                let quick = events.irrational(point, beside, property);
                quick.or_else(|| algebraic_point::holds(rho.coeffs(), &simplify(point), property))
            }
        })
        .collect();
    let undecided = points.iter().zip(&members).filter(|(_, m)| m.is_none());
    Region {
        pieces: join(&points, &intervals, &members),
        undecided: undecided.map(|(p, _)| p.clone()).collect(),
        critical: points,
    }
}

/// Joins decided intervals and points into maximal pieces.
pub(super) fn join(
    points: &[RealRoot],
    intervals: &[bool],
    members: &[Option<bool>],
) -> Vec<Piece> {
    let mut pieces = Vec::new();
    // The piece being collected, by its lower end.
    let mut current: Option<End> = None;
    for (i, &inside) in intervals.iter().enumerate() {
        let below = i.checked_sub(1);
        match (inside, current.take()) {
            (true, Some(lo)) => current = Some(lo),
            (true, None) => {
                let end = |j: usize| End::At(points[j].clone(), closure(members[j]));
                current = Some(below.map_or(End::Infinite, end));
            }
            // The point below was a member and went into the piece.
            (false, Some(lo)) => {
                let end = |j: usize| End::At(points[j].clone(), Closure::Closed);
                pieces.push(Piece {
                    lo,
                    hi: below.map_or(End::Infinite, end),
                });
            }
            (false, None) => {}
        }
        let Some(point) = points.get(i) else { break };
        match (members[i], current.take()) {
            (Some(true), Some(lo)) => current = Some(lo),
            (Some(true), None) => current = Some(End::At(point.clone(), Closure::Closed)),
            (member, Some(lo)) => {
                pieces.push(Piece {
                    lo,
                    hi: End::At(point.clone(), closure(member)),
                });
            }
            (_, None) => {}
        }
    }
    pieces.extend(current.map(|lo| Piece {
        lo,
        hi: End::Infinite,
    }));
    pieces
}

fn closure(member: Option<bool>) -> Closure {
    match member {
        Some(true) => Closure::Closed,
        Some(false) => Closure::Open,
        None => Closure::Undecided,
    }
}

/// A rational strictly between two neighbouring critical points.
pub(super) fn sample(below: Option<&RealRoot>, above: Option<&RealRoot>) -> Rational {
    match (below, above) {
        (None, None) => Rational::new(),
        (Some(a), None) => Rational::from(a.hi() + 1),
        (None, Some(b)) => Rational::from(b.lo() - 1),
        (Some(a), Some(b)) => Rational::from(a.hi() + b.lo()) / 2,
    }
}

/// The polynomials in `l` of the module's list.
struct Events {
    /// The family or its degree ends: poles, leading coefficients of `ρ`.
    ends: Vec<Poly>,
    /// Leading coefficients of the factors, and paired roots that meet.
    paired: Vec<Poly>,
    /// `Res_r(h_m, h_m*)` with `m`.
    crossings: Vec<(Poly, usize)>,
    /// Any two roots meet: discriminants of all factors, resultants of each two.
    meetings: Vec<Poly>,
}

impl Events {
    fn of(rho: &BiPoly, poles: &Poly) -> Self {
        let (_, nonzero) = rho.strip_zero_roots();
        let mut events = Self {
            ends: vec![poles.clone(), rho.leading()],
            paired: Vec::new(),
            crossings: Vec::new(),
            meetings: Vec::new(),
        };
        let (mut pairs, mut all): (Vec<BiPoly>, Vec<BiPoly>) = (Vec::new(), Vec::new());
        for (factor, multiplicity) in nonzero.square_free() {
            let paired = factor.gcd(&factor.reversed());
            let rest = factor.exact_div(&paired).expect("a gcd divides");
            if paired.degree().unwrap_or(0) > 0 {
                events.paired.push(paired.leading());
                events.paired.push(paired.resultant(&paired.derivative()));
                events
                    .paired
                    .extend(pairs.iter().map(|other| paired.resultant(other)));
                pairs.push(paired.clone());
            }
            if rest.degree().unwrap_or(0) > 0 {
                events.paired.push(rest.leading());
                events
                    .crossings
                    .push((rest.resultant(&rest.reversed()), multiplicity));
            }
            for part in [paired, rest] {
                if part.degree().unwrap_or(0) > 0 {
                    events.meetings.push(part.resultant(&part.derivative()));
                    events
                        .meetings
                        .extend(all.iter().map(|other| part.resultant(other)));
                    all.push(part);
                }
            }
        }
        events
    }

    /// All that can change the counts.
    fn all(&self) -> impl Iterator<Item = &Poly> {
        let crossings = self.crossings.iter().map(|(p, _)| p);
        self.ends
            .iter()
            .chain(&self.paired)
            .chain(crossings)
            .filter(|p| !p.is_zero())
    }

    /// Membership of an irrational critical point, `None` where not decided. `beside` says whether
    /// an adjacent interval belongs to the set.
    fn irrational(&self, point: &RealRoot, beside: bool, property: Property) -> Option<bool> {
        let here = |p: &Poly| vanishes(p, point);
        if self.ends.iter().any(here) {
            return Some(false);
        }
        if !beside {
            return None;
        }
        match property {
            // By continuity, the degree being full.
            Property::ClosedDisc => Some(true),
            // A crossing next to all-inside roots is a root on the circle.
            Property::OpenDisc => self.crossings.iter().any(|(p, _)| here(p)).then_some(false),
            Property::RootCondition(kind) => {
                let allowed = kind.max_circle_multiplicity();
                let mut meetings = self.meetings.iter().chain(&self.paired);
                let simple = !meetings.any(here);
                let mut crossings = self.crossings.iter();
                let fits = crossings.all(|(p, m)| *m <= allowed || !here(p));
                // Without meetings multiplicities are those of the factors: a repeated factor that
                // reaches the circle is decided too.
                simple.then_some(fits)
            }
        }
    }
}

/// Whether `p` vanishes at an irrational point, exactly.
fn vanishes(p: &Poly, point: &RealRoot) -> bool {
    match point {
        RealRoot::Rational(x) => p.eval(x) == 0,
        RealRoot::Algebraic { poly, lo, hi } => {
            !p.is_zero() && count_roots(&p.gcd(poly), Some(lo), Some(hi)) > 0
        }
    }
}
