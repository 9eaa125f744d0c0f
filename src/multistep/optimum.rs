//! The parameter at which the largest parasitic root is smallest.
//!
//! For a family with `ρ(1; l) = 0` the parasitic roots are those of `ρ/(r − 1)`. Candidates are
//! proposed: rational `l` at which two parasitic roots meet or a root is stationary in `l`, with a
//! rational root as the largest one, of modulus `m`. One is accepted only by proof: the set of `l`
//! for which all roots of `ρ(m r; l)/(m r − 1)` lie in the closed unit disc, computed exactly as in
//! [`mod@super::region`], is the single point. So the minimum is global and attained nowhere else.

use super::parametric::ParametricFamily;
use super::region::{Property, solve};
use crate::exact::sturm::{RealRoot, isolate};
use crate::exact::{BiPoly, Poly, Rational};

/// A proved global optimum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Optimum {
    /// The parameter.
    pub parameter: Rational,
    /// The largest modulus of a parasitic root there; larger everywhere else.
    pub modulus: Rational,
}

/// The optimum, where it is rational with a rational modulus and could be proved; `None` otherwise
/// (which does not mean that there is none).
///
/// # Examples
///
/// ```
/// use dahlquist::multistep::{ParametricFamily, optimum::least_parasitic_modulus};
/// let best = least_parasitic_modulus(&ParametricFamily::zerosnet()).expect("rational");
/// assert_eq!((best.parameter.to_string(), best.modulus.to_string()), ("-9/5".into(), "1/3".into()));
/// ```
pub fn least_parasitic_modulus(family: &ParametricFamily) -> Option<Optimum> {
    let parasitic = parasitic(family)?;
    let poles = family.poles();
    let mut best: Option<Optimum> = None;
    for l in candidates(&parasitic) {
        if poles.eval(&l) == 0 || parasitic.leading().eval(&l) == 0 {
            continue;
        }
        let p = parasitic.at(&l);
        for modulus in rational_moduli(&p) {
            let better = best.as_ref().is_none_or(|b| modulus < b.modulus);
            if better && Property::ClosedDisc.holds(&p.stretched(&modulus)) {
                best = Some(Optimum {
                    parameter: l.clone(),
                    modulus,
                });
            }
        }
    }
    let best = best?;
    let set = solve(
        &parasitic.stretched(&best.modulus),
        &poles,
        Property::ClosedDisc,
    );
    // An undecided point could be another optimum: no claim then.
    (set.single_point() == Some(&best.parameter) && set.undecided.is_empty()).then_some(best)
}

/// `ρ/(r − 1)` over ℚ(l); `None` where 1 is not a root for every `l`.
pub fn parasitic(family: &ParametricFamily) -> Option<BiPoly> {
    family
        .rho()
        .exact_div(&BiPoly::in_r(&Poly::from_integers(&[-1, 1])))
}

fn candidates(p: &BiPoly) -> Vec<Rational> {
    let double = p.resultant(&p.derivative());
    let stationary = p.resultant(&p.derivative_in_parameter());
    let roots = isolate(&double).into_iter().chain(isolate(&stationary));
    roots
        .filter_map(|x| {
            if let RealRoot::Rational(x) = x {
                Some(x)
            } else {
                None
            }
        })
        .collect()
}

/// Moduli of the non-zero rational roots.
fn rational_moduli(p: &Poly) -> Vec<Rational> {
    let rational = |x| {
        if let RealRoot::Rational(x) = x {
            Some(x.abs())
        } else {
            None
        }
    };
    isolate(p)
        .into_iter()
        .filter_map(rational)
        .filter(|m| *m != 0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lm_resnet_has_no_positive_optimum() {
        // The parasitic root is −k: modulus 0 at k = 0, which no rational modulus m > 0 proves.
        assert_eq!(
            least_parasitic_modulus(&ParametricFamily::lm_resnet()),
            None
        );
    }
}
