//! Everything known about one method, as one serialisable record.
//!
//! In JSON, exact numbers are strings `p/q` or `p`; enclosures are two-element arrays of decimal
//! strings, outward rounded.

use serde::Serialize;
use std::fmt;

use super::absolute_stability::{MAX_STEPS, RealInterval, real_interval};
use super::g_stability::{GStability, of_sector};
use super::imaginary::{ImaginaryInterval, imaginary_interval};
use super::matrix_norm::MatrixNorm;
use super::order::order;
use super::power_bound::{PowerBound, power_bound};
use super::region::decimal;
use super::root_condition::{RootCondition, Strength};
use super::roots::{RootEnclosure, enclose};
use super::sector::{Sector, degrees, sector};
use super::ssp::{Ssp, ssp};
use super::{Error, Kind, LinearMultistep};
use crate::exact::algebraic::{enclose as enclose_number, in_radicals, simplify};
use crate::exact::sturm::RealRoot;
use crate::exact::{MpInterval, Rational};

/// Significant decimal digits of enclosures.
const DIGITS: usize = 20;

/// The result of [`analyze`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Analysis {
    /// The method's name.
    pub name: String,
    /// `first` or `second`: the order of the differential equation.
    pub kind: Kind,
    /// The number of steps.
    pub k: usize,
    /// `alpha_0 … alpha_k`, scaled to `alpha_k = 1`.
    pub alpha: Vec<String>,
    /// `beta_0 … beta_k`, scaled alike.
    pub beta: Vec<String>,
    /// Whether `beta_k = 0`.
    pub explicit: bool,
    /// Whether the order is at least 1.
    pub consistent: bool,
    /// The order; none where even order 0 fails.
    pub order: Option<usize>,
    /// The first non-zero local-error coefficient, for `alpha_k = 1`.
    pub error_constant: String,
    /// That constant divided by `σ(1)`; none where `σ(1) = 0`.
    pub error_constant_normalised: Option<String>,
    /// The root condition.
    pub zero_stable: bool,
    /// Roots with multiplicity, as `in/on/out`.
    pub roots_in_on_out: String,
    /// `strong`: zero-stable with no root but 1 on the circle; `weak`: zero-stable; `unstable`.
    pub strong: Strength,
    /// Each distinct root.
    pub roots: Vec<Root>,
    /// Enclosure of the largest modulus among all roots but one root 1; none where there is no other.
    pub max_parasitic_modulus: Option<[String; 2]>,
    /// The interval of absolute stability on the negative real axis: `[]` where empty, else
    /// `[lower, "0"]` with `lower` exact, an enclosure, or `"-inf"`. None for second-order
    /// equations.
    pub absolute_stability_interval: Option<Vec<Bound>>,
    /// Whether `ρ` and `σ` have no common root.
    pub irreducible: bool,
    /// Their monic greatest common divisor, low degree first, where they have.
    pub common_factor: Option<Vec<String>>,
    /// Dahlquist's barriers; none for second-order equations.
    pub barriers: Option<Barriers>,
    /// `sup ‖Cⁿ‖` of the companion matrix of `ρ`; none above
    /// [`power_bound::MAX_STEPS`](super::power_bound::MAX_STEPS) steps.
    pub power_bound: Option<Powers>,
    /// The SSP coefficient: `p/q` or `inf`; none for second-order equations.
    pub ssp_coefficient: Option<String>,
    /// The lower end of the real interval as an algebraic number; none where it is empty, infinite
    /// or not computed.
    pub real_stability_limit: Option<Number>,
    /// `Y` of the imaginary interval `(−iY, iY)`; none where not computed.
    pub imaginary_stability: Option<Imaginary>,
    /// A(α)-stability; none where not computed.
    pub a_stability: Option<AStability>,
    /// The G-norm of the one-leg twin; none where not computed.
    pub g_stability: Option<GNorm>,
}

/// Dahlquist's barriers for this method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Barriers {
    /// The largest order of a zero-stable method like this one: `k + 2` for even `k`, `k + 1` for
    /// odd `k`, `k` where `beta_k / alpha_k ≤ 0`.
    pub first_bound: usize,
    /// Whether the order exceeds it (then the method is not zero-stable), equals it, or neither.
    pub first: &'static str,
    /// What the second barrier says: an A-stable method is implicit and of order at most 2.
    pub second: &'static str,
}

/// Bounds of `sup ‖Cⁿ‖`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Powers {
    /// In the Euclidean norm.
    pub l2: PowerEnclosure,
    /// In the largest absolute row sum.
    pub linf: PowerEnclosure,
}

/// `[lower, upper]`, both proved, or a word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum PowerEnclosure {
    /// Decimals, outward rounded.
    Enclosed([String; 2]),
    /// `unbounded`, or `unknown` where nothing was proved.
    Word(&'static str),
}

/// An algebraic number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Number {
    /// `p/q`, or a decimal enclosure.
    pub value: Bound,
    /// Where irrational: a square-free integer polynomial with this root alone in the enclosure,
    /// low degree first.
    pub polynomial: Option<Vec<String>>,
    /// Where quadratic: the number in radicals.
    pub radicals: Option<String>,
}

impl Number {
    /// The record of a real root, `digits` significant digits.
    pub fn of(x: &RealRoot, digits: usize) -> Self {
        let x = simplify(x);
        match &x {
            RealRoot::Rational(q) => Self {
                value: Bound::Exact(q.to_string()),
                polynomial: None,
                radicals: None,
            },
            RealRoot::Algebraic { poly, .. } => Self {
                value: Bound::Enclosure(
                    enclose_number(&x, 16 + 4 * digits as u32).to_decimal(digits),
                ),
                polynomial: Some(poly.coeffs().iter().map(ToString::to_string).collect()),
                radicals: in_radicals(&x),
            },
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.radicals {
            Some(radicals) => write!(f, "{radicals} = {}", self.value),
            None => write!(f, "{}", self.value),
        }
    }
}

/// Stability on the imaginary axis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Imaginary {
    /// `Y`: `0` where empty, exact, an enclosure, or `inf`.
    pub limit: Bound,
    /// `Y²` as an algebraic number, where finite and not 0.
    pub limit_squared: Option<Number>,
}

/// The largest sector of stability.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AStability {
    /// Whether the open left half-plane is stable.
    pub a_stable: bool,
    /// Enclosure of `α` in degrees: `0` where there is no sector, `90` where A-stable.
    pub alpha_degrees: [String; 2],
    /// `tan² α` where `0 < α < 90°`.
    pub tan_squared: Option<Number>,
}

/// The G-norm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GNorm {
    /// `yes`, `no` (not A-stable), `reducible`, or `irrational` (A-stable, so a matrix exists, but
    /// it has irrational entries and is not given).
    pub exists: &'static str,
    /// Rows of `G` for `alpha_k = 1`, oldest value first.
    pub matrix: Option<Vec<Vec<String>>>,
}

/// One distinct root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Root {
    /// Enclosure of the real part.
    pub re: [String; 2],
    /// Enclosure of the imaginary part.
    pub im: [String; 2],
    /// Enclosure of the modulus.
    pub modulus: [String; 2],
    /// The multiplicity.
    pub multiplicity: usize,
    /// `in`, `on` or `out`: exact.
    pub location: &'static str,
}

/// An exact number or an enclosure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Bound {
    /// `p/q`, `p` or `-inf`.
    Exact(String),
    /// Outward-rounded decimals.
    Enclosure([String; 2]),
}

impl Bound {
    /// The bound for a real root.
    pub fn of(x: &RealRoot) -> Self {
        match x {
            RealRoot::Rational(x) => Self::Exact(x.to_string()),
            RealRoot::Algebraic { .. } => Self::Enclosure(decimal(x)),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(x) => f.write_str(x),
            Self::Enclosure([lo, hi]) => write!(f, "[{lo}, {hi}]"),
        }
    }
}

impl Root {
    fn new(root: &RootEnclosure) -> Self {
        use super::roots::Location;
        Self {
            re: root.re.to_decimal(DIGITS),
            im: root.im.to_decimal(DIGITS),
            modulus: root.modulus.to_decimal(DIGITS),
            multiplicity: root.multiplicity,
            location: match root.location {
                Location::In => "in",
                Location::On => "on",
                Location::Out => "out",
            },
        }
    }
}

/// Analyses a method: order conditions, root condition, root enclosures, real stability interval.
///
/// # Errors
///
/// [`Error::Precision`] where root enclosures do not separate within limits.
pub fn analyze(method: &LinearMultistep) -> Result<Analysis, Error> {
    let order = order(method);
    let common = method.rho().gcd(&method.sigma());
    let irreducible = common.is_constant() && !method.sigma().is_zero();
    let condition = RootCondition::of(&method.rho(), method.kind());
    let roots = enclose(&condition, method.name())?;
    // A root outside stays outside near z = 0: nothing that ends there is stable.
    let first = method.kind() == Kind::First && method.steps() <= MAX_STEPS;
    let hopeless = first && condition.counts.outside > 0;
    let (real, imaginary, angle) = if hopeless {
        (
            Some(RealInterval::Empty),
            Some(ImaginaryInterval::Empty),
            Some(Sector::None),
        )
    } else {
        (
            real_interval(method),
            imaginary_interval(method),
            sector(method),
        )
    };
    let strings = |list: &[crate::exact::Rational]| list.iter().map(ToString::to_string).collect();
    Ok(Analysis {
        name: method.name().to_owned(),
        kind: method.kind(),
        k: method.steps(),
        alpha: strings(method.alpha()),
        beta: strings(method.beta()),
        explicit: method.is_explicit(),
        consistent: order.consistent(),
        order: order.order,
        error_constant: order.error_constant.to_string(),
        error_constant_normalised: order.normalised.map(|c| c.to_string()),
        zero_stable: condition.zero_stable(),
        roots_in_on_out: condition.counts.to_string(),
        strong: condition.strength,
        max_parasitic_modulus: max_parasitic(&roots).map(|m| m.to_decimal(DIGITS)),
        roots: roots.iter().map(Root::new).collect(),
        irreducible,
        common_factor: (!irreducible).then(|| strings(common.coeffs())),
        barriers: barriers(method, order.order, angle.as_ref()),
        power_bound: powers(method, &condition, &roots),
        ssp_coefficient: ssp(method).map(|c| match c {
            Ssp::Finite(c) => c.to_string(),
            Ssp::Infinite => "inf".to_owned(),
        }),
        real_stability_limit: match &real {
            Some(RealInterval::From(x)) => Some(Number::of(x, DIGITS)),
            _ => None,
        },
        imaginary_stability: imaginary.as_ref().map(Imaginary::of),
        g_stability: angle.as_ref().map(|a| GNorm::of(&of_sector(method, a))),
        a_stability: angle.as_ref().map(AStability::of),
        absolute_stability_interval: real.map(|interval| match interval {
            RealInterval::Empty => Vec::new(),
            RealInterval::From(x) => vec![Bound::of(&x), Bound::Exact("0".to_owned())],
            RealInterval::NegativeAxis => {
                ["-inf", "0"].map(|t| Bound::Exact(t.to_owned())).to_vec()
            }
        }),
    })
}

fn barriers(
    method: &LinearMultistep,
    order: Option<usize>,
    angle: Option<&Sector>,
) -> Option<Barriers> {
    if method.kind() == Kind::Second {
        return None;
    }
    let k = method.steps();
    let last_positive = method.beta().last().is_some_and(|b| *b > 0);
    let first_bound = match (last_positive, k % 2) {
        (false, _) => k,
        (true, 0) => k + 2,
        (true, _) => k + 1,
    };
    let first = match order.map(|p| p.cmp(&first_bound)) {
        Some(std::cmp::Ordering::Greater) => "exceeded, so not zero-stable",
        Some(std::cmp::Ordering::Equal) => "attained",
        _ => "below",
    };
    let second = match (angle, order) {
        (Some(Sector::HalfPlane), Some(2)) => "A-stable of the largest order, 2",
        (Some(Sector::HalfPlane), _) => "A-stable of order below 2",
        (_, _) if method.is_explicit() => "explicit, so not A-stable",
        (_, Some(3..)) => "order above 2, so not A-stable",
        (Some(_), _) => "not A-stable",
        (None, _) => "not computed",
    };
    Some(Barriers {
        first_bound,
        first,
        second,
    })
}

fn powers(
    method: &LinearMultistep,
    condition: &RootCondition,
    roots: &[RootEnclosure],
) -> Option<Powers> {
    let in_norm = |norm| {
        Some(match power_bound(method, condition, roots, norm)? {
            PowerBound::Unbounded => PowerEnclosure::Word("unbounded"),
            PowerBound::Unknown => PowerEnclosure::Word("unknown"),
            PowerBound::Enclosed { lower, upper } => {
                let point = |x| MpInterval::from_float(x).expect("finite bounds");
                let both = point(&lower).hull(&point(&upper));
                PowerEnclosure::Enclosed(both.to_decimal(8))
            }
        })
    };
    Some(Powers {
        l2: in_norm(MatrixNorm::L2)?,
        linf: in_norm(MatrixNorm::Linf)?,
    })
}

impl Imaginary {
    fn of(interval: &ImaginaryInterval) -> Self {
        let word = |text: &str| Self {
            limit: Bound::Exact(text.to_owned()),
            limit_squared: None,
        };
        match interval {
            ImaginaryInterval::Empty => word("0"),
            ImaginaryInterval::Axis => word("inf"),
            ImaginaryInterval::UpToSquare(square) => {
                let exact = match square {
                    RealRoot::Rational(q) => exact_root(q),
                    RealRoot::Algebraic { .. } => None,
                };
                let limit = exact.map_or_else(
                    || {
                        let root = enclose_number(square, 160)
                            .sqrt()
                            .expect("a positive number");
                        Bound::Enclosure(root.to_decimal(DIGITS))
                    },
                    |x| Bound::Exact(x.to_string()),
                );
                Self {
                    limit,
                    limit_squared: Some(Number::of(square, DIGITS)),
                }
            }
        }
    }
}

/// The rational square root of a positive number.
fn exact_root(q: &Rational) -> Option<Rational> {
    let (n, d) = (q.numer(), q.denom());
    (n.is_perfect_square() && d.is_perfect_square())
        .then(|| Rational::from((n.clone().sqrt(), d.clone().sqrt())))
}

impl AStability {
    fn of(angle: &Sector) -> Self {
        let word = |a_stable: bool, text: &str| Self {
            a_stable,
            alpha_degrees: [text, text].map(ToOwned::to_owned),
            tan_squared: None,
        };
        match angle {
            Sector::None => word(false, "0"),
            Sector::HalfPlane => word(true, "90"),
            Sector::TanSquared(t) => Self {
                a_stable: false,
                alpha_degrees: degrees(t, DIGITS + 4),
                tan_squared: Some(Number::of(t, DIGITS + 4)),
            },
        }
    }
}

impl GNorm {
    fn of(found: &GStability) -> Self {
        let (exists, matrix) = match found {
            GStability::No => ("no", None),
            GStability::Reducible => ("reducible", None),
            GStability::Irrational => ("irrational", None),
            GStability::Matrix(g) => {
                let row = |row: &Vec<Rational>| row.iter().map(ToString::to_string).collect();
                ("yes", Some(g.iter().map(row).collect()))
            }
        };
        Self { exists, matrix }
    }
}

/// Encloses the largest modulus among all roots but one root 1.
pub fn max_parasitic(roots: &[RootEnclosure]) -> Option<MpInterval> {
    let is_principal = |r: &RootEnclosure| {
        r.multiplicity == 1
            && *r.re.lo() == 1
            && *r.re.hi() == 1
            && r.im.lo().is_zero()
            && r.im.hi().is_zero()
    };
    let moduli = roots
        .iter()
        .filter(|r| !is_principal(r))
        .map(|r| &r.modulus);
    moduli.fold(None, |best: Option<MpInterval>, m| match best {
        None => Some(m.clone()),
        Some(b) => Some(b.max(m)),
    })
}

impl fmt::Display for Analysis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let none = || "none".to_owned();
        let equation = if self.kind == Kind::First {
            "y' = f"
        } else {
            "y'' = f"
        };
        let form = if self.explicit {
            "explicit"
        } else {
            "implicit"
        };
        writeln!(f, "{}", self.name)?;
        writeln!(f, "  {form}, {} step(s), for {equation}", self.k)?;
        writeln!(f, "  alpha                {}", self.alpha.join(" "))?;
        writeln!(f, "  beta                 {}", self.beta.join(" "))?;
        writeln!(
            f,
            "  consistent           {}",
            if self.consistent { "yes" } else { "no" }
        )?;
        writeln!(
            f,
            "  order                {}",
            self.order.map_or_else(none, |p| p.to_string())
        )?;
        let normalised = self.error_constant_normalised.clone().unwrap_or_else(none);
        writeln!(
            f,
            "  error constant       {} (over sigma(1): {normalised})",
            self.error_constant
        )?;
        let stable = if self.zero_stable { "yes" } else { "no" };
        writeln!(f, "  zero-stable          {stable} ({})", self.strong)?;
        writeln!(f, "  roots in/on/out      {}", self.roots_in_on_out)?;
        if let Some(list) = &self.absolute_stability_interval {
            match list.as_slice() {
                [lo, hi] => writeln!(f, "  real stability       ({lo}, {hi})")?,
                _ => writeln!(f, "  real stability       empty")?,
            }
        }
        if let Some(a) = &self.imaginary_stability {
            writeln!(f, "  imaginary stability  up to i*{}", a.limit)?;
        }
        if let Some(a) = &self.a_stability {
            let [lo, hi] = &a.alpha_degrees;
            let exact = a.tan_squared.as_ref();
            match (a.a_stable, exact) {
                (true, _) => writeln!(f, "  A-stable             yes")?,
                (false, Some(t)) => writeln!(
                    f,
                    "  A(alpha)             [{lo}, {hi}] degrees, tan^2 = {t}"
                )?,
                (false, None) => writeln!(f, "  A(alpha)             none")?,
            }
        }
        if let Some(GNorm {
            matrix: Some(g), ..
        }) = &self.g_stability
        {
            let rows: Vec<String> = g.iter().map(|r| r.join(" ")).collect();
            writeln!(f, "  G-norm (one-leg)     [{}]", rows.join("; "))?;
        }
        if let Some(c) = &self.ssp_coefficient {
            writeln!(f, "  SSP coefficient      {c}")?;
        }
        if let Some(b) = &self.barriers {
            writeln!(
                f,
                "  first barrier        order at most {}: {}",
                b.first_bound, b.first
            )?;
            writeln!(f, "  second barrier       {}", b.second)?;
        }
        let reducible = self.common_factor.as_ref().map_or_else(
            || "yes".to_owned(),
            |g| format!("no, common factor {}", g.join(" ")),
        );
        writeln!(f, "  irreducible          {reducible}")?;
        if let Some([lo, hi]) = &self.max_parasitic_modulus {
            writeln!(f, "  parasitic modulus    [{lo}, {hi}]")?;
        }
        if let Some(p) = &self.power_bound {
            for (name, bound) in [("2", &p.l2), ("inf", &p.linf)] {
                let text = match bound {
                    PowerEnclosure::Enclosed([lo, hi]) => format!("[{lo}, {hi}]"),
                    PowerEnclosure::Word(word) => (*word).to_owned(),
                };
                writeln!(f, "  sup |C^n|_{name:<10} {text}")?;
            }
        }
        for r in &self.roots {
            let times = if r.multiplicity > 1 {
                format!(" x{}", r.multiplicity)
            } else {
                String::new()
            };
            let side = |[lo, hi]: &[String; 2]| {
                if lo == hi {
                    lo.clone()
                } else {
                    format!("[{lo}, {hi}]")
                }
            };
            writeln!(
                f,
                "  root {:>3}{times}  re {}  im {}  modulus {}",
                r.location,
                side(&r.re),
                side(&r.im),
                side(&r.modulus)
            )?;
        }
        Ok(())
    }
}
