//! Everything known about one method, as one serialisable record.
//!
//! In JSON, exact numbers are strings `p/q` or `p`; enclosures are two-element arrays of decimal
//! strings, outward rounded.

use serde::Serialize;
use std::fmt;

use super::absolute_stability::{RealInterval, real_interval};
use super::order::order;
use super::region::decimal;
use super::root_condition::{RootCondition, Strength};
use super::roots::{RootEnclosure, enclose};
use super::{Error, Kind, LinearMultistep};
use crate::exact::MpInterval;
use crate::exact::sturm::RealRoot;

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
    let condition = RootCondition::of(&method.rho(), method.kind());
    let roots = enclose(&condition, method.name())?;
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
        absolute_stability_interval: real_interval(method).map(|interval| match interval {
            RealInterval::Empty => Vec::new(),
            RealInterval::From(x) => vec![Bound::of(&x), Bound::Exact("0".to_owned())],
            RealInterval::NegativeAxis => {
                ["-inf", "0"].map(|t| Bound::Exact(t.to_owned())).to_vec()
            }
        }),
    })
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
