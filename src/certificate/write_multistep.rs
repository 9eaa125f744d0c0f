//! From results of the multistep analysis to certificates.

use super::schema::multistep::{
    Bdf, CellsClaim, CellsEvidence, Closure, End, Family, Interval, MatrixNorm, PowersClaim,
    PowersEvidence, ProductsClaim, ProductsEvidence, Property, Quotient, RealNumber, RegionClaim,
    RegionEvidence, System, Term,
};
use super::schema::{Certificate, Document, EquationOrder, FORMAT, Kind, Ratio, VERSION};
use super::write::tool;
use crate::exact::sturm::RealRoot;
use crate::exact::{MPoly, MRatFunc, RatFunc, Rational};
use crate::multistep::cells::{CellRegion, Verdict};
use crate::multistep::common_norm::CommonNorm;
use crate::multistep::plane_family::PlaneFamily;
use crate::multistep::power_evidence::PowerEvidence;
use crate::multistep::region::{self, RegionEvents};
use crate::multistep::{self, LinearMultistep, ParametricFamily};

fn document<C, E>(kind: Kind, claim: C, evidence: E) -> Document<C, E> {
    Document {
        format: FORMAT.into(),
        version: VERSION,
        tool: tool(),
        kind,
        claim,
        evidence,
    }
}

/// A certificate of the shares of a box and of each of its cells.
pub fn cells(family: &PlaneFamily, found: &CellRegion) -> Certificate {
    let (lo, hi) = family.corners();
    let [inner, outer, undecided] = found.shares.clone().map(Ratio);
    let claim = CellsClaim {
        family: Family {
            parameters: family.parameters().to_vec(),
            equation: equation(family.kind()),
            alpha: quotients(family.alpha(), lo.len()),
            beta: quotients(family.beta(), lo.len()),
        },
        lo: ratios(lo),
        hi: ratios(hi),
        inner,
        outer,
        undecided,
    };
    let evidence = CellsEvidence {
        tree: tree(found, lo.len()),
    };
    Certificate::Cells(document(Kind::Cells, claim, evidence))
}

/// The cells in the order of a walk through the subdivision.
fn tree(found: &CellRegion, d: usize) -> String {
    let letters: std::collections::HashMap<(u32, &[u32]), char> = found
        .cells
        .iter()
        .map(|cell| {
            let letter = match cell.verdict {
                Verdict::Inner => 'i',
                Verdict::Outer => 'o',
                Verdict::Undecided => 'u',
            };
            ((cell.level, cell.corner.as_slice()), letter)
        })
        .collect();
    let mut text = String::new();
    let mut stack = vec![(0, vec![0_u32; d])];
    while let Some((level, corner)) = stack.pop() {
        if let Some(&letter) = letters.get(&(level, corner.as_slice())) {
            text.push(letter);
            continue;
        }
        text.push('+');
        // The last half first onto the stack; the first parameter changes slowest.
        for part in (0..1_usize << d).rev() {
            let upper = |v: usize| (part >> (d - 1 - v) & 1) as u32;
            let half = corner
                .iter()
                .enumerate()
                .map(|(v, c)| 2 * c + upper(v))
                .collect();
            stack.push((level + 1, half));
        }
    }
    text
}

/// A certificate of the exact set of a family in one parameter; none where a pair of reciprocal roots is
/// there for every parameter (then the checker has no rule).
///
/// # Errors
///
/// [`multistep::Error`] of the region itself.
pub fn region(
    family: &ParametricFamily,
    property: region::Property,
) -> Result<Option<Certificate>, multistep::Error> {
    let Some(found) = region::events_and_set(family, property)? else {
        return Ok(None);
    };
    Ok(set_of(one_parameter(family), property, &found))
}

/// A certificate of the set of all constant step ratios that keep the variable-step backward
/// differentiation formula of `steps` steps zero-stable; none for other numbers of steps than 2 to 6.
pub fn constant_ratios(steps: usize) -> Option<Certificate> {
    let (alpha, found) = multistep::variable_step::constant_ratios(steps)?;
    let mut beta = vec![MRatFunc::from_poly(MPoly::zero()); steps];
    beta.push(MRatFunc::from_poly(MPoly::constant(Rational::from(1))));
    let family = Family {
        parameters: vec!["omega".into()],
        equation: EquationOrder::First,
        alpha: quotients(&alpha, 1),
        beta: quotients(&beta, 1),
    };
    let property = region::Property::RootCondition(multistep::Kind::First);
    set_of(family, property, &found)
}

fn set_of(family: Family, property: region::Property, found: &RegionEvents) -> Option<Certificate> {
    let RegionEvents { points, set } = found;
    let index = |x: &RealRoot| points.iter().position(|p| same(p, x)).map(|i| i as u64);
    let end = |end: &region::End| match end {
        region::End::Infinite => Some(None),
        region::End::At(x, closure) => Some(Some(End {
            point: index(x)?,
            closure: match closure {
                region::Closure::Closed => Closure::Closed,
                region::Closure::Open => Closure::Open,
                region::Closure::Undecided => Closure::Undecided,
            },
        })),
    };
    let intervals: Option<Vec<Interval>> = set
        .pieces
        .iter()
        .map(|piece| {
            Some(Interval {
                lower: end(&piece.lo)?,
                upper: end(&piece.hi)?,
            })
        })
        .collect();
    let undecided: Option<Vec<u64>> = set.undecided.iter().map(index).collect();
    let claim = RegionClaim {
        family,
        property: match property {
            region::Property::OpenDisc => Property::OpenDisc,
            _ => Property::RootCondition,
        },
        points: points.iter().map(real_number).collect(),
        intervals: intervals?,
        undecided: undecided?,
    };
    Some(Certificate::Region(document(
        Kind::Region,
        claim,
        RegionEvidence {},
    )))
}

/// Whether two isolated roots, each the only one of the same polynomial in its enclosure, are one.
fn same(a: &RealRoot, b: &RealRoot) -> bool {
    a.lo() <= b.hi() && b.lo() <= a.hi()
}

/// A certificate that all products of a family's recurrences, one member per layer, are bounded; `norm`
/// is none for convex combinations.
pub fn layers(
    family: &ParametricFamily,
    (lo, hi): (&Rational, &Rational),
    bound: Rational,
    norm: Option<&CommonNorm>,
) -> Certificate {
    products(System::Layers(one_parameter(family)), (lo, hi), bound, norm)
}

/// A certificate that the variable-step backward differentiation formula of `steps` steps is stable for
/// every sequence of ratios in `[lo, hi]`.
pub fn variable_bdf(
    steps: usize,
    (lo, hi): (&Rational, &Rational),
    bound: Rational,
    norm: &CommonNorm,
) -> Certificate {
    let system = System::Bdf(Bdf {
        steps: steps as u64,
    });
    products(system, (lo, hi), bound, Some(norm))
}

fn products(
    system: System,
    (lo, hi): (&Rational, &Rational),
    bound: Rational,
    norm: Option<&CommonNorm>,
) -> Certificate {
    let claim = ProductsClaim {
        system,
        lo: Ratio(lo.clone()),
        hi: Ratio(hi.clone()),
        bound: Ratio(bound),
    };
    let evidence = ProductsEvidence {
        p: norm.map_or_else(Vec::new, |n| n.p.iter().map(|row| ratios(row)).collect()),
        rate: Ratio(norm.map_or_else(Rational::new, |n| n.rate.clone())),
        // The checker encloses in another way and may need a few more.
        boxes: norm.map_or(0, |n| 16 * n.boxes as u64 + 64),
    };
    Certificate::Products(document(Kind::Products, claim, evidence))
}

/// A certificate of both bounds of the powers of a method's companion matrix.
pub fn powers(
    method: &LinearMultistep,
    norm: multistep::matrix_norm::MatrixNorm,
    found: &PowerEvidence,
) -> Certificate {
    let claim = PowersClaim {
        alpha: ratios(method.alpha()),
        norm: match norm {
            multistep::matrix_norm::MatrixNorm::L2 => MatrixNorm::L2,
            multistep::matrix_norm::MatrixNorm::Linf => MatrixNorm::Linf,
        },
        lower: Ratio(found.lower.clone()),
        upper: Ratio(found.upper.clone()),
    };
    let evidence = PowersEvidence {
        circle: ratios(found.circle.coeffs()),
        period: found.period as u64,
        last: found.last as u64,
        bits: u64::from(found.bits),
        power: found.power as u64,
        vector: ratios(&found.vector),
    };
    Certificate::Powers(document(Kind::Powers, claim, evidence))
}

fn one_parameter(family: &ParametricFamily) -> Family {
    let quotients = |list: &[RatFunc]| {
        let one = |f: &RatFunc| Quotient {
            num: powers_of(f.num().coeffs()),
            den: powers_of(f.den().coeffs()),
        };
        list.iter().map(one).collect()
    };
    Family {
        parameters: vec![family.parameter().to_owned()],
        equation: equation(family.kind()),
        alpha: quotients(family.alpha()),
        beta: quotients(family.beta()),
    }
}

fn quotients(list: &[MRatFunc], d: usize) -> Vec<Quotient> {
    let one = |f: &MRatFunc| Quotient {
        num: terms(f.num(), d),
        den: terms(f.den(), d),
    };
    list.iter().map(one).collect()
}

fn powers_of(coefficients: &[Rational]) -> Vec<Term> {
    let nonzero = coefficients.iter().enumerate().filter(|(_, c)| **c != 0);
    nonzero
        .map(|(j, c)| Term {
            coefficient: Ratio(c.clone()),
            exponents: vec![j as u64],
        })
        .collect()
}

fn terms(p: &MPoly, d: usize) -> Vec<Term> {
    let mut list: Vec<Term> = p
        .terms()
        .map(|(e, c)| Term {
            coefficient: Ratio(c.clone()),
            exponents: (0..d)
                .map(|v| u64::from(e.get(v).copied().unwrap_or(0)))
                .collect(),
        })
        .collect();
    list.sort_by(|a, b| a.exponents.cmp(&b.exponents));
    list
}

fn equation(kind: multistep::Kind) -> EquationOrder {
    match kind {
        multistep::Kind::First => EquationOrder::First,
        multistep::Kind::Second => EquationOrder::Second,
    }
}

fn real_number(x: &RealRoot) -> RealNumber {
    match x {
        RealRoot::Rational(q) => RealNumber {
            polynomial: Vec::new(),
            lo: Ratio(q.clone()),
            hi: Ratio(q.clone()),
        },
        RealRoot::Algebraic { poly, lo, hi } => RealNumber {
            polynomial: ratios(poly.coeffs()),
            lo: Ratio(lo.clone()),
            hi: Ratio(hi.clone()),
        },
    }
}

fn ratios(list: &[Rational]) -> Vec<Ratio> {
    list.iter().cloned().map(Ratio).collect()
}
