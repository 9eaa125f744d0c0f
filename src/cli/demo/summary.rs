//! From the demo's runs to the plain data of the report.

use super::{EPS_L2, EPS_LINF, Run, stability};
use crate::cli::{Error, Global};
use crate::data::Dataset;
use crate::report::{
    Attack, Certificates, Count, Curve, Data, Evidence, Image, Lipschitz, Network, Radius, Report,
    Score, Semantics, Tile,
};
use crate::search::certify::{Answer, argmax};
use crate::verify::Verdict;

/// Tiles of the gallery per network.
const TILES: usize = 8;
/// Points of a curve, and its last ε.
const POINTS: usize = 61;
const LAST_EPS: f64 = 0.15;

pub fn report(
    runs: &[Run],
    global: &Global,
    device: &str,
    dataset: &Dataset,
    count: u32,
) -> Result<Report, Error> {
    let networks: Result<Vec<Network>, Error> = runs.iter().map(network).collect();
    let seed = if global.seed == 0 {
        String::new()
    } else {
        format!(" --seed {}", global.seed)
    };
    Ok(Report {
        title: "Three ODE networks on handwritten digits".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        command: format!("dahlquist demo --count {count}{seed}"),
        seed: global.seed,
        device: device.into(),
        data: Data {
            name: dataset.name.clone(),
            sha256: dataset.sha256.clone(),
        },
        semantics: Semantics::Discrete,
        clean_evidence: Evidence::Witness,
        attack_evidence: Evidence::Witness,
        norm: "L∞".into(),
        epsilon: ratio(EPS_LINF),
        networks: networks?,
        region: Some(stability::zerosnet_region().map_err(crate::cli::multistep::Error::from)?),
        gallery: runs.iter().flat_map(|run| gallery(run, dataset)).collect(),
    })
}

fn ratio((p, q): (u32, u32)) -> f64 {
    f64::from(p) / f64::from(q)
}

/// Not shown to be misclassified at the sample itself.
fn correct(answer: &Answer) -> bool {
    answer.verdict != Verdict::Misclassified
}

/// A wrong bound must never be printed: an attack inside a certified radius is
/// a fault of this program.
fn consistent(run: &Run) -> Result<(), Error> {
    for answers in [&run.crown, &run.interval] {
        for (answer, witness) in answers.iter().zip(&run.closest) {
            if let (Some(radius), Some(witness)) = (answer.radius_lower, witness)
                && witness.distance_up() <= radius
            {
                return Err(Error::Contradiction {
                    network: run.name.into(),
                    sample: answer.index,
                    radius,
                    distance: witness.distance_up(),
                });
            }
        }
    }
    Ok(())
}

fn network(run: &Run) -> Result<Network, Error> {
    consistent(run)?;
    let total = run.crown.len();
    let count = |hits: usize| Count { hits, total };
    let certified = |answers: &[Answer], eps: f64| {
        answers
            .iter()
            .filter(|a| a.radius_lower.is_some_and(|r| r >= eps))
            .count()
    };
    // A witness at distance d breaks every ball of radius at least d.
    let withstood = |eps: f64| {
        let broken = |i: &usize| {
            run.closest[*i]
                .as_ref()
                .is_some_and(|w| w.distance_up() <= eps)
        };
        (0..total)
            .filter(|i| correct(&run.crown[*i]) && !broken(i))
            .count()
    };
    let eps = ratio(EPS_LINF);
    let score = |by: &str, norm: &str, epsilon: f64, hits: usize| Score {
        by: by.into(),
        norm: norm.into(),
        epsilon,
        correct: count(hits),
    };
    let curve = |label: &str, evidence, f: &dyn Fn(f64) -> usize| Curve {
        label: label.into(),
        evidence,
        points: (0..POINTS)
            .map(|k| {
                let eps = LAST_EPS * k as f64 / (POINTS - 1) as f64;
                (eps, f(eps) as f64 / total as f64)
            })
            .collect(),
    };
    let mut radii: Vec<f64> = run
        .crown
        .iter()
        .map(|a| a.radius_lower.unwrap_or(0.0))
        .collect();
    radii.sort_by(f64::total_cmp);
    let l2 = (0..total)
        .filter(|&i| correct(&run.crown[i]) && !run.broken_l2[i])
        .count();
    let parameters: usize = run
        .model
        .graph
        .params()
        .iter()
        .map(|p| p.data().len())
        .sum();
    Ok(Network {
        name: run.name.into(),
        method: run
            .model
            .network
            .ode_blocks()
            .next()
            .map_or(String::new(), |b| b.1.method.name().into()),
        parameters: Some(parameters as u64),
        clean: count(run.crown.iter().filter(|a| correct(a)).count()),
        attacked: vec![
            score("PGD", "L∞", eps, withstood(eps)),
            score("PGD", "L2", ratio(EPS_L2), l2),
        ],
        certified: vec![
            score("interval", "L∞", eps, certified(&run.interval, eps)),
            score("CROWN", "L∞", eps, certified(&run.crown, eps)),
        ],
        radius: Some(Radius {
            by: "CROWN".into(),
            norm: "L∞".into(),
            // A mean of lower bounds, lowered by more than its own roundings.
            mean: radii.iter().sum::<f64>() / total as f64 * (1.0 - 1e-12),
            median: radii[(total - 1) / 2],
        }),
        certificates: Certificates {
            written: run.written,
            accepted: run.accepted,
            command: format!("dahlquist check certificates/{}", run.name),
        },
        lipschitz: Some(Lipschitz {
            norm: "L∞ → L∞".into(),
            upper: *run.lipschitz.upper.value.get(),
            lower: run.lipschitz.lower.as_ref().map(|w| w.value),
        }),
        stability: Some(run.stability.clone()),
        curves: vec![
            curve("PGD", Evidence::Witness, &withstood),
            curve("CROWN", Evidence::Proved, &|e| certified(&run.crown, e)),
            curve("interval", Evidence::Proved, &|e| {
                certified(&run.interval, e)
            }),
        ],
        losses: run.losses.clone(),
    })
}

fn gallery(run: &Run, dataset: &Dataset) -> Vec<Tile> {
    // A flat shape is a square image if it can be one.
    let (height, width) = match *dataset.shape.dims() {
        [.., height, width] => (height, width),
        _ => {
            let n = dataset.shape.len();
            let side = n.isqrt();
            if side * side == n {
                (side, side)
            } else {
                (1, n)
            }
        }
    };
    let image = |pixels: &[f32]| Image {
        height,
        width,
        pixels: pixels.to_vec(),
    };
    let stride = (run.crown.len() / TILES).max(1);
    let chosen = (0..run.crown.len()).step_by(stride).take(TILES);
    chosen
        .map(|i| {
            let answer = &run.crown[i];
            let pixels = dataset.test.sample(i);
            Tile {
                network: run.name.into(),
                index: i,
                label: answer.label.to_string(),
                predicted: answer.predicted.to_string(),
                original: image(pixels),
                certified_radius: answer.radius_lower,
                attack: run.closest[i]
                    .as_ref()
                    .filter(|w| w.distance_up() > 0.0)
                    .map(|w| {
                        let wide: Vec<f64> = w.x().iter().map(|&v| f64::from(v)).collect();
                        Attack {
                            image: image(w.x()),
                            predicted: argmax(&crate::graph::eval_f64(&run.model.graph, &wide))
                                .to_string(),
                            distance: w.distance_up(),
                        }
                    }),
            }
        })
        .collect()
}
