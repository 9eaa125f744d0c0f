//! `certify MODEL --data DATA --norm … (--eps E | --radius) --method … --semantics …`

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::ArgGroup;
use rayon::prelude::*;
use serde::Serialize;
use serde_json::{Map, json};

use super::attack::attack_norm;
use super::common::{Model, epsilon, executor, load_data, norm, print, seconds, seed32, semantics};
use super::results::{Header, Shard, Sink};
use super::{Error, Global, progress};
use crate::certificate::write::{self, LayerBounds, ModelFile, robustness};
use crate::certificate::{Certificate, schema};
use crate::exact::Rational;
use crate::report::number::{Toward, fixed};
use crate::search::Method;
use crate::search::attack::{self, Loss, Options};
use crate::search::certify::{Answer, Goal, Proof, Sample, certify};
use crate::verify::{Norm, Semantics, Verdict};

/// Arguments of `certify`.
#[derive(Debug, clap::Args)]
#[command(group(ArgGroup::new("goal").required(true).args(["eps", "radius"])))]
pub struct Args {
    /// The model
    model: PathBuf,
    /// digits, a folder of IDX files, an .npz with x and y, or a .csv with the label first
    #[arg(long)]
    data: String,
    /// Norm of the ball: linf, l2 or l1
    #[arg(long, value_parser = norm)]
    norm: Norm,
    /// Decide robustness at this radius, a decimal or p/q; pixels are in [0, 1]
    #[arg(long, value_parser = epsilon)]
    eps: Option<Rational>,
    /// Find the largest radius that can be proved
    #[arg(long)]
    radius: bool,
    /// interval, crown or alpha-crown (bounds), or bab (bounds, then branch and bound)
    #[arg(long, default_value = "crown", value_name = "NAME")]
    method: Method,
    /// With bab: give up on a sample after so many seconds
    #[arg(long, value_name = "S", value_parser = seconds, default_value = "60")]
    timeout: Duration,
    /// What a verdict is about: discrete (exact arithmetic) or float32
    #[arg(long, value_parser = semantics, default_value = "discrete")]
    semantics: Semantics,
    /// How many samples, from the first
    #[arg(long)]
    count: Option<usize>,
    /// Only part i of n of the samples
    #[arg(long, value_name = "i/n")]
    shard: Option<Shard>,
    /// Result lines go here too; an interrupted run continues from there
    #[arg(long, value_name = "FILE.jsonl")]
    out: Option<PathBuf>,
    /// Write a certificate for every certified sample (semantics discrete)
    #[arg(long, value_name = "DIR")]
    certificates: Option<PathBuf>,
    /// Ascent steps per restart of the attack
    #[arg(long, default_value_t = 40)]
    steps: usize,
    /// Restarts of the attack; 0 for no attack
    #[arg(long, default_value_t = 2)]
    restarts: usize,
}

#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    answer: Answer,
    seconds: f64,
}

/// Samples decided between two writes: what a kill can lose.
const CHUNK: usize = 16;
/// Halvings of the radius when the closest attack is sought.
const HALVINGS: usize = 8;

pub fn run(args: &Args, global: &Global) -> Result<(), Error> {
    if args.certificates.is_some() && args.semantics != Semantics::Discrete {
        return Err(Error::Option {
            option: "--certificates",
            problem: format!(
                "certificates state semantics discrete, not {}",
                args.semantics
            ),
        });
    }
    let model = Model::load(&args.model)?;
    let data = load_data(&args.data, &model)?;
    let executor = executor(global)?;
    let total = args.count.unwrap_or(usize::MAX).min(data.samples.count());
    let shard = args.shard.unwrap_or(Shard::WHOLE);
    let goal = match &args.eps {
        Some(eps) => Goal::Eps(eps.clone()),
        None => Goal::Radius,
    };
    if args.method == Method::Bab && (goal == Goal::Radius || args.norm != Norm::Linf) {
        return Err(Error::Option {
            option: "--method",
            problem: "bab decides boxes: it needs --norm linf and --eps".into(),
        });
    }
    let timeout = (args.method == Method::Bab).then_some(args.timeout);
    let settings: Map<String, serde_json::Value> = [
        ("model".to_string(), json!(model.path)),
        ("data".to_string(), json!(args.data)),
        ("norm".to_string(), json!(args.norm.name())),
        (
            "eps".to_string(),
            json!(args.eps.as_ref().map(ToString::to_string)),
        ),
        ("method".to_string(), json!(args.method.name())),
        (
            "timeout".to_string(),
            json!(timeout.map(|t| t.as_secs_f64())),
        ),
        ("semantics".to_string(), json!(args.semantics)),
        ("count".to_string(), json!(total)),
        ("steps".to_string(), json!(args.steps)),
        ("restarts".to_string(), json!(args.restarts)),
    ]
    .into_iter()
    .collect();
    let header = Header {
        dahlquist: env!("CARGO_PKG_VERSION").into(),
        command: "certify".into(),
        settings,
        seed: global.seed,
        device: executor.describe(),
        network_sha256: model.sha256.clone(),
        data_sha256: data.sha256.clone(),
    };
    let mut sink = Sink::open(args.out.as_deref(), global.json, &header, shard)?;
    let writer = args
        .certificates
        .as_deref()
        .map(|dir| CertificateWriter::new(dir, &model))
        .transpose()?;
    let range = shard.range(total);
    let bar = progress::bar("certifying", range.len());
    bar.set_position(sink.done() as u64);
    let n = data.shape.len();
    // The attack's random starts depend on the sample's place in its chunk, so
    // chunks begin at multiples of CHUNK whatever the shard.
    let mut tally = Tally::default();
    let mut next = (range.start + sink.done()).min(range.end);
    while next < range.end {
        let first = next / CHUNK * CHUNK;
        let end = (first + CHUNK).min(range.end);
        let x = &data.samples.x[first * n..end * n];
        let labels = &data.samples.labels[first..end];
        let candidates: Vec<Vec<Vec<f32>>> = if args.restarts == 0 || args.norm == Norm::L1 {
            vec![Vec::new(); labels.len()]
        } else {
            let options = Options {
                norm: attack_norm(args.norm)?,
                eps: args.eps.clone().unwrap_or_else(|| reach(args.norm, n)),
                steps: args.steps,
                restarts: args.restarts,
                loss: Loss::Margin,
                seed: seed32(global).wrapping_add(first as u32),
                batch: CHUNK,
                ..Options::default()
            };
            let pgd = attack::by_name("pgd")?;
            let found =
                attack::minimal_eps(pgd, &*executor, &model.graph, x, labels, &options, HALVINGS)?;
            found
                .into_iter()
                .map(|c| c.into_iter().map(|c| c.x).collect())
                .collect()
        };
        let answers: Result<Vec<(Row, Option<Proof>)>, Error> = (next..end)
            .into_par_iter()
            .map(|index| {
                crate::rounding::check_environment()?;
                let start = Instant::now();
                let sample = Sample {
                    index,
                    x: data.samples.sample(index),
                    label: data.samples.labels[index] as usize,
                    candidates: &candidates[index - first],
                };
                let (answer, proof) = certify(
                    &model.graph,
                    &sample,
                    args.norm,
                    &goal,
                    args.method,
                    args.semantics,
                    timeout,
                )?;
                let seconds = start.elapsed().as_secs_f64();
                Ok((Row { answer, seconds }, proof))
            })
            .collect();
        for (row, proof) in answers? {
            if writer.is_some() && proof.is_none() && row.answer.verdict == Verdict::Certified {
                let index = row.answer.index;
                tracing::warn!(
                    "sample {index}: no certificate: boxes and slopes alone do not prove it"
                );
            }
            if let (Some(writer), Some(proof)) = (&writer, &proof) {
                match writer.write(row.answer.index, row.answer.label, proof) {
                    // Proved through a neuron without a finite box: true, but a
                    // certificate can state finite numbers only.
                    Err(Error::Write(e @ write::Error::NotFinite { .. })) => {
                        tracing::warn!("sample {}: no certificate: {e}", row.answer.index);
                    }
                    other => drop(other?),
                }
            }
            tally.count(&row.answer);
            sink.push(&row)?;
            bar.inc(1);
        }
        next = end;
    }
    bar.finish_and_clear();
    if !global.json {
        print(&tally.to_string())?;
    }
    Ok(())
}

/// A radius at which an attack on `n` pixels in [0, 1] should succeed.
pub fn reach(norm: Norm, n: usize) -> Rational {
    match norm {
        Norm::Linf => Rational::from((1, 2)),
        Norm::L2 | Norm::L1 => Rational::from(n as u64 + 1).max(Rational::from(4)) / 8,
    }
}

#[derive(Default)]
struct Tally {
    total: usize,
    words: [(&'static str, usize); 4],
    radii: Vec<f64>,
}

impl Tally {
    fn count(&mut self, answer: &Answer) {
        self.total += 1;
        let word = answer.verdict.word();
        if let Some(slot) = self
            .words
            .iter_mut()
            .find(|w| w.0 == word || w.0.is_empty())
        {
            *slot = (word, slot.1 + 1);
        }
        if answer.verdict == Verdict::Certified {
            self.radii.extend(answer.radius_lower);
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} samples", self.total)?;
        for (word, n) in self.words.iter().filter(|w| w.1 > 0) {
            write!(f, ", {n} {word}")?;
        }
        if !self.radii.is_empty() {
            let mut sorted = self.radii.clone();
            sorted.sort_by(f64::total_cmp);
            write!(
                f,
                "; median certified radius {}",
                fixed(sorted[(sorted.len() - 1) / 2], 5, Toward::Down)
            )?;
        }
        Ok(())
    }
}

/// Writes certificates that find their model by a relative path.
pub struct CertificateWriter<'a> {
    folder: PathBuf,
    hint: String,
    model: &'a Model,
}

impl<'a> CertificateWriter<'a> {
    /// Makes the folder.
    pub fn new(folder: &Path, model: &'a Model) -> Result<CertificateWriter<'a>, Error> {
        let io = |path: &Path| {
            let path = path.to_path_buf();
            move |source| Error::Io { path, source }
        };
        std::fs::create_dir_all(folder).map_err(io(folder))?;
        let from = folder.canonicalize().map_err(io(folder))?;
        let to = model.path.canonicalize().map_err(io(&model.path))?;
        Ok(CertificateWriter {
            hint: relative(&from, &to),
            folder: folder.into(),
            model,
        })
    }

    /// Writes the certificate of sample `index`; returns its path.
    pub fn write(&self, index: usize, label: usize, proof: &Proof) -> Result<PathBuf, Error> {
        let layers: Vec<LayerBounds<'_>> = proof.layers.iter().map(LayerBounds::from).collect();
        let file = ModelFile {
            path: &self.hint,
            bytes: &self.model.bytes,
        };
        let certificate: Certificate = robustness(
            &self.model.graph,
            file,
            schema::Region::from(&proof.region),
            schema::Property::Robust(schema::Robust {
                label: label as u64,
            }),
            &proof.lower,
            &layers,
        )?;
        let path = self.folder.join(format!("sample-{index:06}.json"));
        certificate.write(&path)?;
        Ok(path)
    }
}

/// `to` as seen from folder `from`, both absolute, with `/` between components.
pub(super) fn relative(from: &Path, to: &Path) -> String {
    let (from, to): (Vec<_>, Vec<_>) = (from.components().collect(), to.components().collect());
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..".to_string(), from.len() - common);
    let down = to[common..]
        .iter()
        .map(|c| c.as_os_str().to_string_lossy().into_owned());
    up.chain(down).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_printed_radius_is_not_above_the_median() {
        // 1/256 = 0.00390625
        let tally = Tally {
            total: 2,
            words: [("certified", 2), ("", 0), ("", 0), ("", 0)],
            radii: vec![0.5, 1.0 / 256.0],
        };
        let text = tally.to_string();
        assert!(text.ends_with("median certified radius 0.00390"), "{text}");
    }

    #[test]
    fn relative_paths() {
        for (from, to, expected) in [
            ("/a/b", "/a/m.onnx", "../m.onnx"),
            ("/a", "/a/m.onnx", "m.onnx"),
            ("/a/b/c", "/x/m.onnx", "../../../x/m.onnx"),
        ] {
            assert_eq!(relative(Path::new(from), Path::new(to)), expected);
        }
    }
}
