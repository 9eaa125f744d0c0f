//! `demo`: train, attack, certify, check and bound three small networks on
//! bundled data, and write a report.

mod stability;
mod summary;

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::certify::{CertificateWriter, reach};
use super::common::{Model, executor, load_data, print, seed32, write_atomically};
use super::results::{Header, Shard, Sink};
use super::{Error, Global, progress};
use crate::bounds;
use crate::certificate::Certificate;
use crate::check::{check, network_file};
use crate::data::{self, Dataset};
use crate::exact::Rational;
use crate::exec::Executor;
use crate::lipschitz::{self, Domain};
use crate::report;
use crate::search::Method;
use crate::search::attack::{self, Loss, Options};
use crate::search::certify::{Answer, Goal, Proof, Sample, certify};
use crate::search::witness::Witness;
use crate::train::{Config, train};
use crate::verify::{Norm, Property, Region, Semantics};

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where models, results, certificates and report.html go
    #[arg(long, value_name = "DIR", default_value = "demo")]
    out: PathBuf,
    /// Test images to attack and certify
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=359))]
    count: u32,
}

/// The headline radii.
const EPS_LINF: (u32, u32) = (1, 20);
const EPS_L2: (u32, u32) = (3, 10);

/// What was found for one network.
struct Run {
    name: &'static str,
    model: Model,
    losses: Vec<f64>,
    /// by CROWN, with the closest attack
    crown: Vec<Answer>,
    /// by intervals
    interval: Vec<Answer>,
    /// closest ℓ∞ witness per sample
    closest: Vec<Option<Witness>>,
    /// whether PGD found a witness in the ℓ2 ball
    broken_l2: Vec<bool>,
    written: usize,
    accepted: usize,
    lipschitz: lipschitz::Report,
    stability: report::Stability,
}

pub fn run(args: &Args, global: &Global) -> Result<(), Error> {
    let io = |path: &Path| {
        let path = path.to_path_buf();
        move |source| Error::Io { path, source }
    };
    std::fs::create_dir_all(&args.out).map_err(io(&args.out))?;
    let dataset = data::load("digits")?;
    let executor = executor(global)?;
    let trained = train_all(args, global, &dataset, &*executor)?;
    let mut runs = Vec::new();
    for (name, path, losses) in trained {
        runs.push(examine(args, global, &*executor, name, &path, losses)?);
    }
    let report = summary::report(&runs, global, &executor.describe(), &dataset, args.count)?;
    let path = args.out.join("report.html");
    write_atomically(&path, report::render(&report).as_bytes())?;
    if global.json {
        print(&serde_json::to_string(&report).expect("plain data"))?;
    } else {
        print(&report::table(&report))?;
        print(&format!("report: {}", path.display()))?;
    }
    let rejected = runs.iter().map(|r| r.written - r.accepted).sum::<usize>();
    if rejected > 0 {
        return Err(Error::Rejected { rejected });
    }
    Ok(())
}

type TrainedModel = (&'static str, PathBuf, Vec<f64>);

fn train_all(
    args: &Args,
    global: &Global,
    dataset: &Dataset,
    executor: &dyn Executor,
) -> Result<Vec<TrainedModel>, Error> {
    let mut configs = Config::demo()?;
    for config in &mut configs {
        config.seed = config.seed.wrapping_add(global.seed);
    }
    let epochs = configs.iter().map(|c| c.train.epochs).sum();
    let bar = progress::bar("training three networks", epochs);
    let trained: Result<Vec<TrainedModel>, Error> = configs
        .into_par_iter()
        .map(|config| {
            let name = config.model.kind.name();
            let trained = train(&config, executor, dataset, None, &mut |_| bar.inc(1))?;
            let path = args.out.join(format!("{name}.onnx"));
            trained.network.save(&path)?;
            Ok((name, path, trained.history.iter().map(|e| e.loss).collect()))
        })
        .collect();
    bar.finish_and_clear();
    trained
}

fn examine(
    args: &Args,
    global: &Global,
    executor: &dyn Executor,
    name: &'static str,
    path: &Path,
    losses: Vec<f64>,
) -> Result<Run, Error> {
    let model = Model::load(path)?;
    let data = load_data("digits", &model)?;
    let count = args.count as usize;
    let n = data.shape.len();
    let x = &data.samples.x[..count * n];
    let labels = &data.samples.labels[..count];

    let bar = progress::bar(&format!("{name}: attacking"), 2);
    let pgd = attack::by_name("pgd")?;
    let options = Options {
        norm: crate::exec::program::Norm::Linf,
        eps: reach(Norm::Linf, n),
        steps: 20,
        restarts: 3,
        loss: Loss::Margin,
        seed: seed32(global),
        batch: count,
        ..Options::default()
    };
    let linf = attack::minimal_eps(pgd, executor, &model.graph, x, labels, &options, 8)?;
    bar.inc(1);
    let options = Options {
        norm: crate::exec::program::Norm::L2,
        eps: Rational::from(EPS_L2),
        steps: 40,
        ..options
    };
    let l2 = attack::run(pgd, executor, &model.graph, x, labels, &options)?;
    bar.finish_and_clear();

    let witness =
        |norm, eps: Rational, index: usize, at: &[f32]| -> Result<Option<Witness>, Error> {
            let outer = |source| crate::search::certify::Error::Bounds { index, source };
            let property = Property::robust(labels[index] as usize, model.classes())
                .map_err(|source| crate::search::certify::Error::Property { index, source })?;
            let region = Region::unit(data.samples.sample(index).to_vec(), norm, eps)
                .map_err(|source| crate::search::certify::Error::Region { index, source })?;
            Ok(Witness::establish(&model.graph, &region, &property, at).map_err(outer)?)
        };
    let mut closest = Vec::new();
    let mut broken_l2 = Vec::new();
    for index in 0..count {
        closest.push(match &linf[index] {
            Some(c) => witness(Norm::Linf, Rational::from(1), index, &c.x)?,
            None => None,
        });
        broken_l2.push(witness(Norm::L2, Rational::from(EPS_L2), index, &l2[index].x)?.is_some());
    }

    let decide = |method: Method, title: &str| -> Result<Vec<(Answer, Option<Proof>)>, Error> {
        let bar = progress::bar(&format!("{name}: {title}"), count);
        let answers = (0..count)
            .into_par_iter()
            .map(|index| {
                crate::rounding::check_environment()?;
                let candidates: Vec<Vec<f32>> =
                    closest[index].iter().map(|w| w.x().to_vec()).collect();
                let sample = Sample {
                    index,
                    x: data.samples.sample(index),
                    label: labels[index] as usize,
                    candidates: &candidates,
                };
                let answer = certify(
                    &model.graph,
                    &sample,
                    Norm::Linf,
                    &Goal::Radius,
                    method,
                    Semantics::Discrete,
                    None,
                )?;
                bar.inc(1);
                Ok(answer)
            })
            .collect();
        bar.finish_and_clear();
        answers
    };
    let interval = decide(bounds::Method::Interval.into(), "interval radii")?;
    let crown = decide(bounds::Method::Crown.into(), "CROWN radii")?;
    write_results(args, global, executor, &model, &data.sha256, name, &crown)?;

    let folder = args.out.join("certificates").join(name);
    if folder.exists() {
        // Certificates of an earlier run are about another model file.
        std::fs::remove_dir_all(&folder).map_err(|source| Error::Io {
            path: folder.clone(),
            source,
        })?;
    }
    let writer = CertificateWriter::new(&folder, &model)?;
    let mut files = Vec::new();
    for (answer, proof) in &crown {
        if let Some(proof) = proof {
            files.push(writer.write(answer.index, answer.label, proof)?);
        }
    }
    let bar = progress::bar(&format!("{name}: checking certificates"), files.len());
    let accepted = files
        .par_iter()
        .map(|file| {
            let certificate = Certificate::read(file)?;
            let verdict = network_file(&certificate, &model.bytes)
                .and_then(|()| check(&certificate, Some(&model.graph)));
            if let Err(rejection) = &verdict {
                eprintln!("{}: {rejection}", file.display());
            }
            bar.inc(1);
            Ok(usize::from(verdict.is_ok()))
        })
        .collect::<Result<Vec<usize>, Error>>()?
        .into_iter()
        .sum();
    bar.finish_and_clear();

    let cube = Domain::boxed(vec![0.0; n], vec![1.0; n])?;
    let lipschitz = lipschitz::analyze(&model.network, Norm::Linf, &cube, lipschitz::Method::Auto)?;
    let stability = match model.network.ode_blocks().next() {
        Some((_, block)) => {
            stability::stability(&block.method).map_err(super::multistep::Error::from)?
        }
        None => unreachable_block(path)?,
    };
    Ok(Run {
        name,
        losses,
        crown: crown.into_iter().map(|c| c.0).collect(),
        interval: interval.into_iter().map(|c| c.0).collect(),
        closest,
        broken_l2,
        written: files.len(),
        accepted,
        lipschitz,
        stability,
        model,
    })
}

/// A demo model without an ODE block is not the one that was written.
fn unreachable_block(path: &Path) -> Result<report::Stability, Error> {
    Err(Error::Option {
        option: "--out",
        problem: format!(
            "{}: no ODE block; was the file replaced during the run?",
            path.display()
        ),
    })
}

fn write_results(
    args: &Args,
    global: &Global,
    executor: &dyn Executor,
    model: &Model,
    data_sha256: &str,
    name: &str,
    answers: &[(Answer, Option<Proof>)],
) -> Result<(), Error> {
    let path = args.out.join(format!("{name}.jsonl"));
    match std::fs::remove_file(&path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::Io { path, source: e });
        }
        _ => {}
    }
    let settings = [
        ("model", format!("{name}.onnx")),
        ("data", "digits".into()),
        ("norm", "linf".into()),
        ("method", "crown".into()),
        ("semantics", "discrete".into()),
    ];
    let header = Header {
        dahlquist: env!("CARGO_PKG_VERSION").into(),
        command: "demo".into(),
        settings: settings
            .into_iter()
            .map(|(k, v)| (k.to_string(), v.into()))
            .collect(),
        seed: global.seed,
        device: executor.describe(),
        network_sha256: model.sha256.clone(),
        data_sha256: data_sha256.into(),
    };
    let mut sink = Sink::open(Some(&path), false, &header, Shard::WHOLE)?;
    for (answer, _) in answers {
        sink.push(answer)?;
    }
    Ok(())
}
