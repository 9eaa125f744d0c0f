//! One sample of `certify`: what search proposed, decided by bounds.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::method::Method;
use super::radius::{RadiusSearch, certified_radius, proved};
use super::verify::{self, Outcome, executions, verify};
use super::witness::Witness;
use crate::bounds::{self, LayerEvidence};
use crate::exact::Rational;
use crate::graph::{Graph, eval_f64};
use crate::verify::{
    Case, Conjunction, Constraint, Evidence, Norm, Property, Query, Reason, Region, RegionError,
    Row, Semantics, Verdict,
};

/// Why a sample cannot be certified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bounds cannot be computed.
    #[error("sample {index}: {source}")]
    Bounds {
        /// the sample
        index: usize,
        /// why
        source: bounds::Error,
    },
    /// The sample is no centre of a region.
    #[error("sample {index}: {source}")]
    Region {
        /// the sample
        index: usize,
        /// why
        source: RegionError,
    },
    /// The label is not an output of the network.
    #[error("sample {index}: {source}")]
    Property {
        /// the sample
        index: usize,
        /// why
        source: crate::verify::PropertyError,
    },
    /// Branch and bound decides boxes at one radius.
    #[error("method bab needs norm linf and a radius to decide")]
    Search,
    /// The search failed.
    #[error("sample {index}: {source}")]
    Verify {
        /// the sample
        index: usize,
        /// why
        source: verify::Error,
    },
}

/// What is asked of every sample.
#[derive(Clone, Debug, PartialEq)]
pub enum Goal {
    /// robustness at one radius
    Eps(Rational),
    /// the largest radius that can be proved
    Radius,
}

/// The answer for one sample: a result row. Bounds are `proved` and
/// `radius_upper` is a `witness`; all under `semantics`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// position in the data
    pub index: usize,
    /// true class
    pub label: usize,
    /// the network's class: the label where the verdict is `certified` (proved),
    /// else by binary64 evaluation
    pub predicted: usize,
    /// verdict and, if unknown, the reason
    #[serde(flatten)]
    pub verdict: Verdict,
    /// norm of the region
    pub norm: Norm,
    /// the radius asked for, exact
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eps: Option<String>,
    /// proved lower bound of the least margin at that radius; absent if unbounded below
    #[serde(skip_serializing_if = "Option::is_none")]
    pub margin_lower: Option<f64>,
    /// proved radius
    #[serde(skip_serializing_if = "Option::is_none")]
    pub radius_lower: Option<f64>,
    /// distance of the closest witness, rounded up; the label is lost at this distance
    #[serde(skip_serializing_if = "Option::is_none")]
    pub radius_upper: Option<f64>,
    /// what the bounds are about
    pub semantics: Semantics,
    /// how the lower bounds were obtained
    pub evidence: Evidence,
    /// backward passes, functionals and unstable neurons
    pub counters: bounds::Counters,
}

/// What a certificate needs beside the answer. Made only where boxes and slopes
/// imply the bounds: not for optimised slopes, nor after a search.
#[derive(Clone, Debug)]
pub struct Proof {
    /// the region on which the property was proved
    pub region: Region,
    /// proved lower bound of each row
    pub lower: Vec<f64>,
    /// boxes and slopes
    pub layers: Vec<LayerEvidence>,
}

/// One sample with what an attack found for it.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// position in the data
    pub index: usize,
    /// the input
    pub x: &'a [f32],
    /// its class
    pub label: usize,
    /// adversarial candidates, best first
    pub candidates: &'a [Vec<f32>],
}

/// Decides one sample: bounds first, then the candidates, with [`Method::Bab`] a
/// search of at most `timeout` where both leave it open. Under `float32` a
/// witness must fail in binary32 too.
///
/// # Errors
/// [`Error`]; overflow is no error but the verdict `unknown`.
pub fn certify(
    graph: &Graph,
    sample: &Sample<'_>,
    norm: Norm,
    goal: &Goal,
    method: Method,
    semantics: Semantics,
    timeout: Option<Duration>,
) -> Result<(Answer, Option<Proof>), Error> {
    let index = sample.index;
    let once = match method {
        Method::Once(method) => method,
        Method::Bab if norm == Norm::Linf && matches!(goal, Goal::Eps(_)) => bounds::Method::Crown,
        Method::Bab => return Err(Error::Search),
    };
    let bounds = |source| Error::Bounds { index, source };
    let region = |source| Error::Region { index, source };
    let classes = graph.output_shape().len();
    let property = Property::robust(sample.label, classes)
        .map_err(|source| Error::Property { index, source })?;
    let wide: Vec<f64> = sample.x.iter().map(|&v| f64::from(v)).collect();
    let predicted = argmax(&eval_f64(graph, &wide));
    let mut answer = Answer {
        index,
        label: sample.label,
        predicted,
        verdict: Verdict::Unknown(Reason::Bound),
        norm,
        eps: None,
        margin_lower: None,
        radius_lower: None,
        radius_upper: None,
        semantics,
        evidence: Evidence::Proved,
        counters: bounds::Counters::default(),
    };
    // In radius mode no ball bounds what an attack may find.
    let reach = match goal {
        Goal::Eps(eps) => {
            answer.eps = Some(eps.to_string());
            eps.clone()
        }
        Goal::Radius => Rational::from(sample.x.len() + 1),
    };
    let ball = Region::unit(sample.x.to_vec(), norm, reach).map_err(region)?;
    // The sample itself is the closest candidate there is.
    let mut closest: Option<Witness> = None;
    for candidate in std::iter::once(sample.x).chain(sample.candidates.iter().map(Vec::as_slice)) {
        if let Some(w) = Witness::establish(graph, &ball, &property, candidate).map_err(bounds)?
            && (semantics != Semantics::Float32 || fails_executed(graph, &property, candidate))
            && closest
                .as_ref()
                .is_none_or(|c| w.distance_up() < c.distance_up())
        {
            closest = Some(w);
        }
    }
    answer.radius_upper = closest.as_ref().map(Witness::distance_up);
    if closest.as_ref().is_some_and(|w| w.distance_up() == 0.0) {
        answer.verdict = Verdict::Misclassified;
        return Ok((answer, None));
    }
    let unknown = |lower: &[f64]| {
        Verdict::Unknown(if lower.iter().all(|l| l.is_finite()) {
            Reason::Bound
        } else {
            Reason::NotFinite
        })
    };
    let proof = match goal {
        Goal::Eps(_) => {
            let outcome = proved(graph, &ball, &property, once, semantics).map_err(bounds)?;
            let lower: Vec<f64> = outcome.lower.iter().map(|p| *p.get()).collect();
            answer.counters = outcome.counters;
            answer.margin_lower = Some(*outcome.margin().get()).filter(|m| m.is_finite());
            answer.verdict = match (outcome.certified(), &closest) {
                (true, _) => Verdict::Certified,
                (false, Some(_)) => Verdict::Falsified,
                (false, None) => unknown(&lower),
            };
            if method == Method::Bab && matches!(answer.verdict, Verdict::Unknown(_)) {
                let found = search(graph, &ball, &property, semantics, timeout)
                    .map_err(|source| Error::Verify { index, source })?;
                match found {
                    Outcome::Verified => {
                        answer.verdict = Verdict::Certified;
                        answer.margin_lower = answer.margin_lower.map(|m| m.max(0.0));
                    }
                    Outcome::Falsified(c) => {
                        if let Some(w) =
                            Witness::establish(graph, &ball, &property, &c.x32).map_err(bounds)?
                        {
                            answer.radius_upper = Some(w.distance_up());
                            answer.verdict = Verdict::Falsified;
                        }
                    }
                    Outcome::Unknown(reason) => answer.verdict = Verdict::Unknown(reason),
                    Outcome::Timeout => answer.verdict = Verdict::Unknown(Reason::Limit),
                }
            }
            (outcome.certified() && !outcome.optimised).then_some(Proof {
                region: ball,
                lower,
                layers: outcome.evidence,
            })
        }
        Goal::Radius => {
            let mut search = RadiusSearch {
                semantics,
                ..RadiusSearch::new(once)
            };
            if let Some(w) = &closest {
                // Nothing at or beyond a witness can be proved.
                let steps = (w.distance_up() * f64::from(1u32 << search.bits)).ceil();
                search.cap = search.cap.min(steps as u32);
            }
            let found = certified_radius(graph, &ball, &property, search).map_err(bounds)?;
            answer.counters = found.counters;
            match found.proved {
                Some((radius, outcome)) => {
                    let radius = radius.into_inner();
                    answer.verdict = Verdict::Certified;
                    answer.radius_lower = Some(radius.to_f64());
                    let region = ball.with_eps(radius).map_err(region)?;
                    (!outcome.optimised).then(|| Proof {
                        region,
                        lower: outcome.lower.iter().map(|p| *p.get()).collect(),
                        layers: outcome.evidence,
                    })
                }
                None => None,
            }
        }
    };
    if answer.verdict == Verdict::Certified {
        // Proved at the centre as well, whatever a plain evaluation says of a near tie.
        answer.predicted = answer.label;
    }
    Ok((answer, proof))
}

/// Branch and bound for a point of the box where some row is not positive.
fn search(
    graph: &Graph,
    ball: &Region,
    property: &Property,
    semantics: Semantics,
    timeout: Option<Duration>,
) -> Result<Outcome, verify::Error> {
    let (lo, hi) = (0..ball.len()).map(|i| ball.range(i)).unzip();
    let row = |row: &Row| {
        let terms = row.coefficients.iter().cloned().enumerate();
        Conjunction {
            constraints: vec![Constraint {
                x: Vec::new(),
                y: terms.filter(|(_, c)| *c != 0).collect(),
                constant: row.constant.clone(),
                strict: false,
            }],
        }
    };
    let query = Query {
        inputs: ball.len(),
        outputs: property.outputs(),
        cases: vec![Case {
            lo,
            hi,
            violation: property.rows().iter().map(row).collect(),
        }],
    };
    // Samples run side by side.
    let options = verify::Options {
        timeout,
        semantics,
        threads: 1,
        ..verify::Options::default()
    };
    Ok(verify(graph, &query, &options, &|_| {})?.outcome)
}

/// Some row is not positive in each of a few executions in binary32.
fn fails_executed(graph: &Graph, property: &Property, x: &[f32]) -> bool {
    let value = |row: &Row, y: &[f32]| {
        let mut terms = row.coefficients.iter().zip(y);
        terms.try_fold(row.constant.clone(), |sum, (c, &y)| {
            Some(sum + c * Rational::from_f32(y)?)
        })
    };
    let fails = |y: &Vec<f32>| {
        let rows = property.rows().iter();
        rows.filter_map(|row| value(row, y)).any(|v| v <= 0)
    };
    executions(graph, x).iter().all(fails)
}

/// The first largest element.
pub fn argmax(values: &[f64]) -> usize {
    let mut best = 0;
    for (i, v) in values.iter().enumerate() {
        if *v > values[best] {
            best = i;
        }
    }
    best
}
