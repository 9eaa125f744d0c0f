//! `attack MODEL --data DATA --attack NAME --norm … --eps E`

use std::path::PathBuf;

use ndarray::{Array1, Array2};
use ndarray_npy::NpzWriter;
use serde::Serialize;
use serde_json::{Map, json};

use super::common::{Model, epsilon, executor, load_data, norm, print, seed32, write_atomically};
use super::results::{Header, Shard, Sink};
use super::{Error, Global, progress};
use crate::exact::Rational;
use crate::report::Count;
use crate::report::number::{Toward, percent};
use crate::search::attack::{self, Loss, Options, by_name, registry};
use crate::search::certify::{self, argmax};
use crate::search::witness::Witness;
use crate::verify::{Evidence, Norm, Property, Region, Semantics};

/// Arguments of `attack`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The model
    model: PathBuf,
    /// digits, a folder of IDX files, an .npz with x and y, or a .csv with the label first
    #[arg(long)]
    data: String,
    /// The attack
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(registry().iter().map(|a| a.name())))]
    attack: String,
    /// Norm of the ball: linf or l2
    #[arg(long, value_parser = norm)]
    norm: Norm,
    /// Radius of the ball, a decimal or p/q; pixels are in [0, 1]
    #[arg(long, value_parser = epsilon)]
    eps: Rational,
    /// How many samples, from the first
    #[arg(long)]
    count: Option<usize>,
    /// Ascent steps per restart
    #[arg(long, default_value_t = 40)]
    steps: usize,
    /// Independent starts
    #[arg(long, default_value_t = 5)]
    restarts: usize,
    /// Only part i of n of the samples
    #[arg(long, value_name = "i/n")]
    shard: Option<Shard>,
    /// Result lines go here too
    #[arg(long, value_name = "FILE.jsonl")]
    out: Option<PathBuf>,
    /// Where the adversarial examples go: x, y, index, adversarial
    #[arg(long, value_name = "FILE.npz")]
    npz: Option<PathBuf>,
}

#[derive(Serialize)]
struct Row {
    index: usize,
    label: usize,
    predicted: usize,
    /// `robust` (no witness found), `broken` or `misclassified`
    outcome: &'static str,
    /// distance of the witness, rounded up
    #[serde(skip_serializing_if = "Option::is_none")]
    distance: Option<f64>,
    /// margin at the worst point found, binary32: an estimate
    margin_estimate: f32,
    semantics: Semantics,
    evidence: Evidence,
}

pub fn run(args: &Args, global: &Global) -> Result<(), Error> {
    let model = Model::load(&args.model)?;
    let data = load_data(&args.data, &model)?;
    let executor = executor(global)?;
    let total = args.count.unwrap_or(usize::MAX).min(data.samples.count());
    let shard = args.shard.unwrap_or(Shard::WHOLE);
    let settings: Map<String, serde_json::Value> = [
        ("model".to_string(), json!(model.path)),
        ("data".to_string(), json!(args.data)),
        ("attack".to_string(), json!(args.attack)),
        ("norm".to_string(), json!(args.norm.name())),
        ("eps".to_string(), json!(args.eps.to_string())),
        ("steps".to_string(), json!(args.steps)),
        ("restarts".to_string(), json!(args.restarts)),
        ("count".to_string(), json!(total)),
    ]
    .into_iter()
    .collect();
    let header = Header {
        dahlquist: env!("CARGO_PKG_VERSION").into(),
        command: "attack".into(),
        settings,
        seed: global.seed,
        device: executor.describe(),
        network_sha256: model.sha256.clone(),
        data_sha256: data.sha256.clone(),
    };
    let mut sink = Sink::open(args.out.as_deref(), global.json, &header, shard)?;
    let range = shard.range(total);
    let options = Options {
        norm: attack_norm(args.norm)?,
        eps: args.eps.clone(),
        steps: args.steps,
        restarts: args.restarts,
        loss: Loss::Margin,
        seed: seed32(global),
        ..Options::default()
    };
    let labels = &data.samples.labels[range.clone()];
    let n = data.shape.len();
    let x = &data.samples.x[range.start * n..range.end * n];
    let bar = progress::bar("attacking", labels.len());
    let found = attack::run(
        by_name(&args.attack)?,
        &*executor,
        &model.graph,
        x,
        labels,
        &options,
    )?;
    let (mut correct, mut robust) = (0usize, 0usize);
    let mut adversarial: Vec<(usize, Vec<f32>)> = Vec::new();
    for (i, candidate) in found.iter().enumerate() {
        let index = range.start + i;
        let x0 = data.samples.sample(index);
        let label = labels[i] as usize;
        let outer = |source| certify::Error::Bounds { index, source };
        let property = Property::robust(label, model.classes())
            .map_err(|source| certify::Error::Property { index, source })?;
        let region = |eps| {
            Region::unit(x0.to_vec(), args.norm, eps)
                .map_err(|source| certify::Error::Region { index, source })
        };
        let establish = |eps, at: &[f32]| {
            Witness::establish(&model.graph, &region(eps)?, &property, at).map_err(outer)
        };
        let (outcome, witness) = if establish(Rational::new(), x0)?.is_some() {
            ("misclassified", None)
        } else {
            match establish(args.eps.clone(), &candidate.x)? {
                Some(w) => ("broken", Some(w)),
                None => ("robust", None),
            }
        };
        correct += usize::from(outcome != "misclassified");
        robust += usize::from(outcome == "robust");
        if let Some(w) = &witness {
            adversarial.push((index, w.x().to_vec()));
        }
        bar.inc(1);
        if i < sink.done() {
            continue;
        }
        let wide: Vec<f64> = x0.iter().map(|&v| f64::from(v)).collect();
        sink.push(&Row {
            index,
            label,
            predicted: argmax(&crate::graph::eval_f64(&model.graph, &wide)),
            outcome,
            distance: witness.as_ref().map(Witness::distance_up),
            margin_estimate: candidate.margin_estimate,
            semantics: Semantics::Discrete,
            evidence: if outcome == "robust" {
                Evidence::Estimate
            } else {
                Evidence::Witness
            },
        })?;
    }
    bar.finish_and_clear();
    if let Some(path) = &args.npz {
        write_atomically(path, &npz(&adversarial, x, range.start, labels, n, path)?)?;
    }
    if !global.json {
        let robust = Count {
            hits: robust,
            total: labels.len(),
        };
        print(&summary(correct, robust, args))?;
    }
    Ok(())
}

/// The last line. Withstanding one attack bounds robustness from above.
fn summary(correct: usize, robust: Count, args: &Args) -> String {
    format!(
        "{} samples: {correct} correct, {} withstood {} ({} {}): robust accuracy at most {}",
        robust.total,
        robust.hits,
        args.attack,
        args.norm.name(),
        args.eps,
        percent(robust, Toward::Up)
    )
}

/// The program's name of a norm that attacks know.
pub fn attack_norm(norm: Norm) -> Result<crate::exec::program::Norm, Error> {
    match norm {
        Norm::Linf => Ok(crate::exec::program::Norm::Linf),
        Norm::L2 => Ok(crate::exec::program::Norm::L2),
        Norm::L1 => Err(Error::Option {
            option: "--norm",
            problem: "attacks know linf and l2".into(),
        }),
    }
}

/// Arrays `index`, `y`, `x` (originals) and `adversarial`, one row per witness.
fn npz(
    adversarial: &[(usize, Vec<f32>)],
    x: &[f32],
    first: usize,
    labels: &[u32],
    n: usize,
    path: &std::path::Path,
) -> Result<Vec<u8>, Error> {
    let m = adversarial.len();
    let at = |i: usize| adversarial[i].0 - first;
    let index = Array1::from_shape_fn(m, |i| adversarial[i].0 as u64);
    let y = Array1::from_shape_fn(m, |i| labels[at(i)]);
    let original = Array2::from_shape_fn((m, n), |(i, k)| x[at(i) * n + k]);
    let changed = Array2::from_shape_fn((m, n), |(i, k)| adversarial[i].1[k]);
    let mut bytes = std::io::Cursor::new(Vec::new());
    let fail = |e: ndarray_npy::WriteNpzError| Error::Io {
        path: path.into(),
        source: std::io::Error::other(e.to_string()),
    };
    let mut writer = NpzWriter::new_compressed(&mut bytes);
    writer.add_array("index", &index).map_err(fail)?;
    writer.add_array("y", &y).map_err(fail)?;
    writer.add_array("x", &original).map_err(fail)?;
    writer.add_array("adversarial", &changed).map_err(fail)?;
    writer.finish().map_err(fail)?;
    Ok(bytes.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_bounds_robust_accuracy_from_above() {
        let args = Args {
            model: PathBuf::new(),
            data: String::new(),
            attack: "pgd".into(),
            norm: Norm::Linf,
            eps: Rational::from((1, 20)),
            steps: 1,
            restarts: 1,
            count: None,
            shard: None,
            out: None,
            npz: None,
        };
        let text = summary(3, Count { hits: 1, total: 3 }, &args);
        assert_eq!(
            text,
            "3 samples: 3 correct, 1 withstood pgd (linf 1/20): robust accuracy at most 33.4 %"
        );
    }
}
