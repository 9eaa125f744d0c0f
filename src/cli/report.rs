//! `report RESULTS… --out FILE.html`

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::Error;
use super::common::write_atomically;
use super::results::Header;
use crate::report::{
    self, Certificates, Count, Curve, Data, Evidence, Network, Radius, Report, Score, Semantics,
};
use crate::search::certify::Answer;
use crate::verify::{Norm, Verdict};

/// Arguments of `report`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Result files of `certify` or `demo`, one network each
    #[arg(required = true, value_name = "RESULTS.jsonl")]
    results: Vec<PathBuf>,
    /// Where the page goes
    #[arg(long, value_name = "FILE.html")]
    out: PathBuf,
}

struct Results {
    path: PathBuf,
    header: Header,
    answers: Vec<Answer>,
}

pub fn run(args: &Args) -> Result<(), Error> {
    let results: Result<Vec<Results>, Error> = args.results.iter().map(|p| read(p)).collect();
    let report = summary(&results?)?;
    write_atomically(&args.out, report::render(&report).as_bytes())?;
    super::common::print(&report::table(&report))
}

fn read(path: &Path) -> Result<Results, Error> {
    let io = |source| Error::Io {
        path: path.into(),
        source,
    };
    let file = std::fs::File::open(path).map_err(io)?;
    let bad = |line: usize, problem: String| Error::Option {
        option: "RESULTS",
        problem: format!("{}, line {}: {problem}", path.display(), line + 1),
    };
    let mut header = None;
    let mut answers: Vec<Answer> = Vec::new();
    for (i, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(io)?;
        if i == 0 {
            header = Some(
                serde_json::from_str(&line).map_err(|e| bad(i, format!("not a header: {e}")))?,
            );
        } else {
            answers.push(serde_json::from_str(&line).map_err(|e| bad(i, e.to_string()))?);
        }
    }
    Ok(Results {
        path: path.into(),
        header: header.ok_or_else(|| bad(0, "the file is empty".into()))?,
        answers,
    })
}

fn summary(results: &[Results]) -> Result<Report, Error> {
    let Some(first) = results.first() else {
        return Err(Error::Option {
            option: "RESULTS",
            problem: "no file given".into(),
        });
    };
    let norm = first.answers.first().map_or(Norm::Linf, |a| a.norm);
    for r in results {
        if let Some(other) = r.answers.iter().find(|a| a.norm != norm) {
            return Err(Error::Option {
                option: "RESULTS",
                problem: format!(
                    "{} is about {}, {} about {}: one norm per page",
                    first.path.display(),
                    norm.name(),
                    r.path.display(),
                    other.norm.name()
                ),
            });
        }
    }
    let shown = match norm {
        Norm::Linf => "L∞",
        Norm::L2 => "L2",
        Norm::L1 => "L1",
    };
    let asked = |a: &Answer| {
        let eps = a.eps.as_ref()?;
        crate::exact::rational::parse(eps).ok().map(|q| q.to_f64())
    };
    let radii = results
        .iter()
        .flat_map(|r| &r.answers)
        .filter_map(|a| a.radius_lower);
    let largest = radii.fold(0.0, f64::max);
    let epsilon = first
        .answers
        .iter()
        .find_map(asked)
        .unwrap_or(largest / 2.0);
    let networks = results
        .iter()
        .map(|r| network(r, shown, epsilon, largest, &asked));
    Ok(Report {
        title: "Certification results".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        command: format!("dahlquist {}", first.header.command),
        seed: first.header.seed,
        device: first.header.device.clone(),
        data: Data {
            name: text(&first.header, "data"),
            sha256: first.header.data_sha256.clone(),
        },
        semantics: Semantics::Discrete,
        clean_evidence: Evidence::Witness,
        attack_evidence: Evidence::Witness,
        norm: shown.into(),
        epsilon,
        networks: networks.collect(),
        region: None,
        gallery: Vec::new(),
    })
}

fn text(header: &Header, key: &str) -> String {
    header
        .settings
        .get(key)
        .and_then(|v| v.as_str())
        .unwrap_or_default()
        .into()
}

fn network(
    results: &Results,
    norm: &str,
    epsilon: f64,
    largest: f64,
    asked: &dyn Fn(&Answer) -> Option<f64>,
) -> Network {
    let answers = &results.answers;
    let total = answers.len();
    let correct = |a: &Answer| a.verdict != Verdict::Misclassified;
    let certified = |eps: f64| {
        let holds = |a: &&Answer| match (a.radius_lower, asked(a)) {
            (Some(radius), _) => radius >= eps,
            (None, Some(at)) => a.verdict == Verdict::Certified && at >= eps,
            (None, None) => false,
        };
        answers.iter().filter(holds).count()
    };
    let withstood = |eps: f64| {
        let broken = |a: &Answer| a.radius_upper.is_some_and(|r| r <= eps);
        answers.iter().filter(|a| correct(a) && !broken(a)).count()
    };
    let by = text(&results.header, "method");
    let score = |by: &str, hits: usize| Score {
        by: by.into(),
        norm: norm.into(),
        epsilon,
        correct: Count { hits, total },
    };
    let curve = |label: &str, evidence, f: &dyn Fn(f64) -> usize| Curve {
        label: label.into(),
        evidence,
        points: (0..=60)
            .map(|k| 1.25 * largest * f64::from(k) / 60.0)
            .map(|eps| (eps, f(eps) as f64 / total.max(1) as f64))
            .collect(),
    };
    let mut radii: Vec<f64> = answers
        .iter()
        .map(|a| a.radius_lower.unwrap_or(0.0))
        .collect();
    radii.sort_by(f64::total_cmp);
    Network {
        name: text(&results.header, "model"),
        method: String::new(),
        parameters: None,
        clean: Count {
            hits: answers.iter().filter(|a| correct(a)).count(),
            total,
        },
        attacked: vec![score("PGD", withstood(epsilon))],
        certified: vec![score(&by, certified(epsilon))],
        radius: (largest > 0.0 && total > 0).then(|| Radius {
            by: by.clone(),
            norm: norm.into(),
            mean: radii.iter().sum::<f64>() / total as f64 * (1.0 - 1e-12),
            median: radii[(total - 1) / 2],
        }),
        certificates: Certificates::default(),
        lipschitz: None,
        stability: None,
        curves: if largest > 0.0 {
            vec![
                curve("PGD", Evidence::Witness, &withstood),
                curve(&by, Evidence::Proved, &certified),
            ]
        } else {
            Vec::new()
        },
        losses: Vec::new(),
    }
}
