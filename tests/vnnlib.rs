//! Specifications of the verification competition: all are read, boxes fit the
//! networks, and recorded counterexamples violate what was read.
#![allow(clippy::unwrap_used)] // a failing line is all a test has to say

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use dahlquist::exact::{Rational, rational};
use dahlquist::graph::{Graph, eval_f64};
use dahlquist::network::Network;
use dahlquist::verify::{Case, Query, vnnlib};
use flate2::read::MultiGzDecoder;

fn root() -> Option<PathBuf> {
    let found = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|a| a.join("shared/data/vnncomp"))
        .find(|p| p.is_dir());
    if found.is_none() {
        let required = std::env::var_os("DAHLQUIST_REQUIRE").is_some_and(|v| v == "1");
        assert!(!required, "no shared/data/vnncomp beside the repository");
        eprintln!("skipped: no shared/data/vnncomp beside the repository");
    }
    found
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The lines of a table as maps from the header's words.
fn table(text: &str) -> Vec<HashMap<String, String>> {
    let mut lines = text.lines().map(|l| l.split(',').map(str::to_string));
    let header: Vec<String> = lines.next().unwrap().collect();
    lines
        .map(|l| header.iter().cloned().zip(l).collect())
        .collect()
}

fn query(path: &Path) -> Query {
    vnnlib::load(path).unwrap_or_else(|e| panic!("{e}")).query
}

#[test]
fn every_file_is_read() {
    let Some(root) = root() else { return };
    let all = files(&root, ".vnnlib.gz");
    assert!(all.len() > 500, "{}", all.len());
    for path in all {
        let spec = vnnlib::load(&path).unwrap_or_else(|e| panic!("{e}"));
        let query = spec.query;
        assert_eq!(spec.dropped, 0, "{}", path.display());
        assert!(!query.cases.is_empty(), "{}", path.display());
        for case in &query.cases {
            assert_eq!((case.lo.len(), case.hi.len()), (query.inputs, query.inputs));
            assert!(case.lo.iter().zip(&case.hi).all(|(lo, hi)| lo <= hi));
            assert!(!case.violation.is_empty(), "{}", path.display());
            assert!(case.contains(&case.lo) && case.contains(&case.hi));
        }
    }
}

/// Reads what the reader reads: networks in memory by path, `None` for refused ones.
#[derive(Default)]
struct Networks(HashMap<PathBuf, Option<Graph>>);

impl Networks {
    fn get(&mut self, path: &Path) -> Option<&Graph> {
        self.0
            .entry(path.into())
            .or_insert_with(|| Network::load(path).ok().map(|n| n.lower().unwrap()))
            .as_ref()
    }
}

#[test]
fn boxes_fit_the_networks() {
    let Some(root) = root() else { return };
    let mut seen = 0;
    for folder in std::fs::read_dir(root).unwrap().map(|e| e.unwrap().path()) {
        let Ok(text) = std::fs::read_to_string(folder.join("instances.csv")) else {
            continue;
        };
        let mut networks = Networks::default();
        for line in text.lines() {
            let mut words = line.split(',');
            let net = folder.join(words.next().unwrap());
            let spec = folder.join(words.next().unwrap());
            let Some(graph) = networks.get(&net) else {
                continue;
            };
            let query = query(&spec);
            let sizes = (graph.input_shape(0).len(), graph.output_shape().len());
            assert_eq!((query.inputs, query.outputs), sizes, "{line}");
            seen += 1;
        }
    }
    eprintln!("{seen} instances whose network is read");
    assert!(seen > 500);
}

/// `X_i` and `Y_j` of a recorded witness.
fn witness(path: &Path) -> (Vec<Rational>, Vec<Rational>) {
    let mut text = String::new();
    let mut file = MultiGzDecoder::new(File::open(path).unwrap());
    file.read_to_string(&mut text).unwrap();
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for row in table(&text) {
        let (kind, index) = row["var"].split_once('_').unwrap();
        let side = if kind == "X" { &mut x } else { &mut y };
        assert_eq!(index.parse::<usize>().unwrap(), side.len());
        side.push(rational::parse(&row["value"]).unwrap());
    }
    (x, y)
}

#[test]
fn recorded_counterexamples_violate_what_is_read() {
    let Some(root) = root() else { return };
    let (mut seen, mut exact, mut evaluated) = (0, 0, 0);
    for folder in std::fs::read_dir(root).unwrap().map(|e| e.unwrap().path()) {
        let Ok(text) = std::fs::read_to_string(folder.join("expected.csv")) else {
            continue;
        };
        let mut networks = Networks::default();
        for row in table(&text) {
            if row["confidence"] != "replayed" || row["ce_file"].is_empty() {
                continue;
            }
            let query = query(&folder.join(&row["vnnlib"]));
            let (x, _) = witness(&folder.join(&row["ce_file"]));
            let what = format!("{} {}", folder.display(), row["ce_file"]);
            exact += u32::from(query.cases.iter().any(|c| c.contains(&x)));
            // The replay rounded bounds and points to binary32.
            let round = |v: &Rational| v.to_f64() as f32;
            let near = |c: &&Case| {
                let mut ends = c.lo.iter().zip(&c.hi).zip(&x);
                ends.all(|((lo, hi), x)| (round(lo)..=round(hi)).contains(&round(x)))
            };
            let cases: Vec<&Case> = query.cases.iter().filter(near).collect();
            assert!(!cases.is_empty(), "{what}: outside");
            seen += 1;
            let Some(graph) = networks.get(&folder.join(&row["onnx"])) else {
                continue;
            };
            let wide: Vec<f64> = x.iter().map(|v| f64::from(round(v))).collect();
            let y: Vec<Rational> = eval_f64(graph, &wide)
                .into_iter()
                .map(|v| Rational::from_f64(v).unwrap())
                .collect();
            let violated = cases.iter().any(|c| c.violated_by(&x, &y));
            assert!(violated, "{what}: not violated at {y:?}");
            evaluated += 1;
        }
    }
    eprintln!("{seen} counterexamples, {exact} of them inside exactly, {evaluated} evaluated");
    assert!(evaluated > 50);
}
