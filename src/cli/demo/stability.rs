//! The multistep side of the demo's report: root conditions of the networks'
//! methods and the region of the ZeroSNet family.

use crate::exact::sturm::RealRoot;
use crate::exact::{Poly, Rational, rational};
use crate::multistep::optimum::least_parasitic_modulus;
use crate::multistep::region::{Closure, End, number, region};
use crate::multistep::{self, Kind, LinearMultistep, ParametricFamily, analyze};
use crate::ode::Method;
use crate::report;

/// Decides the root condition of a block's recurrence.
pub fn stability(method: &Method) -> Result<report::Stability, multistep::Error> {
    let (alpha, beta) = method.recurrence();
    let recurrence = LinearMultistep::new(method.name(), Kind::First, alpha, beta)?;
    let rho = recurrence.rho();
    let analysis = analyze(&recurrence)?;
    let place = match (method, method.name().strip_prefix("zerosnet(")) {
        (Method::RungeKutta(_), _) => report::Place::OneStep,
        (_, Some(rest)) => {
            let parameter = rest.trim_end_matches(')').to_string();
            let at = parameter
                .parse::<Rational>()
                .map_or(f64::NAN, |q| q.to_f64());
            let modulus = analysis
                .max_parasitic_modulus
                .as_ref()
                .map_or(f64::NAN, |m| decimal(&m[1]));
            if at.is_finite() && modulus.is_finite() {
                report::Place::Member {
                    parameter,
                    at,
                    modulus,
                }
            } else {
                report::Place::Other
            }
        }
        _ => report::Place::Other,
    };
    let roots = analysis.roots.iter().map(|r| report::Root {
        value: root(&rho, &r.re, &r.im),
        multiplicity: r.multiplicity as u32,
    });
    Ok(report::Stability {
        zero_stable: analysis.zero_stable,
        roots: roots.collect(),
        place,
    })
}

fn decimal(text: &str) -> f64 {
    text.parse().unwrap_or(f64::NAN)
}

/// The exact value where it is a short fraction (a zero of ρ inside the enclosure),
/// else six digits, marked as such.
fn root(rho: &Poly, re_range: &[String; 2], im_range: &[String; 2]) -> String {
    let middle = |x: &[String; 2]| f64::midpoint(decimal(&x[0]), decimal(&x[1]));
    let (re, im) = (middle(re_range), middle(im_range));
    let fractions = (1..=64u32).map(|q| Rational::from(((re * f64::from(q)).round() as i64, q)));
    let end = |text: &String| rational::parse(text).ok();
    let holds = |range: &[String; 2], x: &Rational| matches!((end(&range[0]), end(&range[1])), (Some(lo), Some(hi)) if lo <= *x && *x <= hi);
    let real = holds(im_range, &Rational::new());
    let exact = |x: &Rational| real && holds(re_range, x) && rho.eval(x) == 0;
    if let Some(x) = fractions.into_iter().find(exact) {
        x.to_string()
    } else if im.abs() < 1e-15 {
        format!("≈ {re:.6}")
    } else {
        format!(
            "≈ {re:.6} {} {:.6}i",
            if im < 0.0 { '−' } else { '+' },
            im.abs()
        )
    }
}

/// The region of the ZeroSNet family for the figure.
pub fn zerosnet_region() -> Result<report::Region, multistep::Error> {
    let family = ParametricFamily::zerosnet();
    let exact = region(&family)?;
    let end = |e: &End| match e {
        End::Infinite => None,
        End::At(x, closure) => Some(report::End {
            value: number(x),
            at: match x {
                RealRoot::Rational(q) => q.to_f64(),
                RealRoot::Algebraic { .. } => x.lo().to_f64(),
            },
            closed: *closure == Closure::Closed,
        }),
    };
    let stable = exact.pieces.iter().map(|p| report::Interval {
        lo: end(&p.lo),
        hi: end(&p.hi),
    });
    let branch = |from: i64, to: i64| -> Vec<(f64, f64)> {
        let points = (from..=to).filter_map(|k| {
            let at = Rational::from((k, 20u64));
            let analysis = analyze(&family.at(&at).ok()?).ok()?;
            let modulus = decimal(&analysis.max_parasitic_modulus?[1]);
            (modulus.is_finite() && modulus > 0.0).then(|| (at.to_f64(), modulus))
        });
        points.collect()
    };
    Ok(report::Region {
        family: "ZeroSNet".into(),
        parameter: "λ".into(),
        stable: stable.collect(),
        branches: vec![branch(-100, -2), branch(2, 60)],
        optimum: least_parasitic_modulus(&family).map(|o| report::Optimum {
            at: o.parameter.to_f64(),
            parameter: o.parameter.to_string(),
            height: o.modulus.to_f64(),
            modulus: o.modulus.to_string(),
        }),
    })
}
