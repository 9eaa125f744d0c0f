//! The largest radius that the bounds can prove, by bisection.

use crate::bounds::{self, Counters, Method, Outcome, analyze};
use crate::exact::Rational;
use crate::graph::Graph;
use crate::verify::{Property, Proved, Region, Semantics};

/// How a radius is searched for: on the grid `{k 2^-bits : 0 <= k 2^-bits <= cap}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RadiusSearch {
    /// the bound method
    pub method: Method,
    /// what is proved: [`Semantics::Float32`] or, whatever else, `discrete`
    pub semantics: Semantics,
    /// the grid's spacing is `2^-bits`
    pub bits: u32,
    /// largest radius tried, in grid steps
    pub cap: u32,
}

impl RadiusSearch {
    /// Multiples of `2^-20` up to 1, semantics `discrete`.
    pub fn new(method: Method) -> RadiusSearch {
        RadiusSearch {
            method,
            semantics: Semantics::Discrete,
            bits: 20,
            cap: 1 << 20,
        }
    }

    /// The radius of `k` grid steps.
    pub fn radius(&self, k: u32) -> Rational {
        Rational::from(k) >> self.bits
    }
}

/// [`analyze`] under either semantics.
pub(super) fn proved(
    graph: &Graph,
    region: &Region,
    property: &Property,
    method: Method,
    semantics: Semantics,
) -> Result<Outcome, bounds::Error> {
    let outcome = analyze(graph, region, property, method)?;
    match semantics {
        Semantics::Float32 => outcome.in_binary32(graph, region, property),
        _ => Ok(outcome),
    }
}

/// The result of [`certified_radius`].
#[derive(Clone, Debug)]
pub struct Radius {
    /// the proved radius, with the analysis that proves it; `None` if not even
    /// the centre alone is proved
    pub proved: Option<(Proved<Rational>, Outcome)>,
    /// the smallest radius tried that was not proved; `None` if the cap was
    pub failed: Option<Rational>,
    /// work over all radii tried
    pub counters: Counters,
    /// radii tried
    pub trials: u64,
}

/// Bisects for the largest radius whose ball around `region`'s centre (same
/// norm and clip) is proved to satisfy `property`.
///
/// Bisection is only a search order: the returned radius was itself analysed
/// and every row proved positive. Proofs need not be monotone in the radius, so
/// a larger provable one may exist above `failed`.
///
/// **Semantics and evidence.** That of `search`, proved.
pub fn certified_radius(
    graph: &Graph,
    region: &Region,
    property: &Property,
    search: RadiusSearch,
) -> Result<Radius, bounds::Error> {
    let mut result = Radius {
        proved: None,
        failed: None,
        counters: Counters::default(),
        trials: 0,
    };
    let attempt = |k: u32, result: &mut Radius| -> Result<bool, bounds::Error> {
        let ball = region
            .with_eps(search.radius(k))
            .expect("a grid radius is not negative");
        let outcome = proved(graph, &ball, property, search.method, search.semantics)?;
        result.counters.add(outcome.counters);
        result.trials += 1;
        match outcome.certified_radius() {
            Some(radius) => {
                result.proved = Some((radius, outcome));
                Ok(true)
            }
            None => {
                result.failed = Some(ball.eps().clone());
                Ok(false)
            }
        }
    };
    if !attempt(0, &mut result)? {
        return Ok(result);
    }
    // Grow from below: most radii are far under the cap, and small balls are cheap.
    let (mut good, mut bad) = (0u32, None);
    let mut step = (search.cap >> 8).max(1);
    while bad.is_none() && good < search.cap {
        let k = step.min(search.cap);
        if attempt(k, &mut result)? {
            good = k;
            step = step.saturating_mul(2);
        } else {
            bad = Some(k);
        }
    }
    if let Some(mut bad) = bad {
        while bad - good > 1 {
            let k = good + (bad - good) / 2;
            if attempt(k, &mut result)? {
                good = k;
            } else {
                bad = k;
            }
        }
    }
    Ok(result)
}
