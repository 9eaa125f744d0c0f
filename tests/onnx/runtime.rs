//! onnxruntime as the referee, through `scripts/check_onnx.py`; and how far
//! binary32 execution may be from the exact value.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dahlquist::bounds::{execution_errors, interval_boxes};
use dahlquist::exact::Rational;
use dahlquist::graph::{Forward, Graph, NodeId, forward};
use dahlquist::ops::{LinearMap, Pointwise, Product, Shape, Weights};
use dahlquist::rounding::{Boxes, Interval, eft};
use ndarray::Array2;
use serde_json::{Value, json};

/// Says why a test does not run; fails where everything must be there.
pub fn skip(why: &str) {
    assert!(
        std::env::var("DAHLQUIST_REQUIRE").as_deref() != Ok("1"),
        "{why}"
    );
    eprintln!("SKIPPED: {why}");
}

/// A Python that can import onnxruntime.
pub fn python() -> Option<PathBuf> {
    let name = std::env::var_os("DAHLQUIST_PYTHON").unwrap_or("python3".into());
    let found = Command::new(&name)
        .args(["-c", "import onnx, onnxruntime, numpy"])
        .stderr(Stdio::null())
        .status();
    if found.is_ok_and(|s| s.success()) {
        return Some(name.into());
    }
    skip(&format!(
        "{} cannot import onnx and onnxruntime (set DAHLQUIST_PYTHON)",
        Path::new(&name).display()
    ));
    None
}

#[derive(Clone)]
pub struct Job {
    pub model: PathBuf,
    pub inputs: Vec<Vec<f64>>,
    pub check: bool,
}

/// The outputs of every job, one flat list per sample.
pub fn run(python: &Path, jobs: &[Job]) -> Vec<Result<Vec<Vec<f64>>, String>> {
    run_with(python, jobs, false)
}

/// As [`run`], with the runtime's optimisations: linear operators merged, others
/// fused.
pub fn run_with(python: &Path, jobs: &[Job], optimise: bool) -> Vec<Result<Vec<Vec<f64>>, String>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/check_onnx.py");
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let answers = std::thread::scope(|scope| {
        scope.spawn(move || {
            for job in jobs {
                let line = json!({
                    "model": job.model,
                    "inputs": job.inputs,
                    "check": job.check,
                    "optimise": optimise,
                });
                writeln!(stdin, "{line}").unwrap();
            }
        });
        BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map(|line| {
                let mut answer: Value = serde_json::from_str(&line.unwrap()).unwrap();
                match answer["outputs"].take() {
                    Value::Null => Err(answer["error"].to_string()),
                    outputs => Ok(serde_json::from_value(outputs).unwrap()),
                }
            })
            .collect::<Vec<_>>()
    });
    assert!(child.wait().unwrap().success());
    assert_eq!(answers.len(), jobs.len());
    answers
}

/// Binary64 values with a bound on what binary32 execution adds: the standard
/// model with u = 2⁻²⁴ for sums of any order, coefficients rounded once, and a
/// runtime's elementary functions within 8 units of last place plus 5e-7.
struct Float32;

const U: f64 = 1.0 / 16_777_216.0;
pub type Pair = (Vec<f64>, Vec<f64>);

fn nearest(c: &Rational) -> f64 {
    rug::Float::with_val(53, c).to_f64()
}

impl Forward for Float32 {
    type Value = Pair;
    fn constant(&mut self, _: NodeId, values: &[Rational], _: &Shape) -> Pair {
        let v: Vec<f64> = values.iter().map(nearest).collect();
        let e = v.iter().map(|v| v.abs() * 2.0 * U).collect();
        (v, e)
    }
    fn linear(&mut self, _: NodeId, map: &dyn LinearMap, (x, e): &Pair) -> Pair {
        let row = |v: Vec<f64>| Array2::from_shape_vec((1, v.len()), v).unwrap();
        let gamma = (map.chain() + 3) as f64 * U * 1.01 + map.uncertainty();
        let y = map.apply(row(x.clone()).view(), Weights::Signed);
        let size = x.iter().zip(e).map(|(x, e)| x.abs() + e).collect();
        let size = map.apply(row(size).view(), Weights::Absolute);
        let carried = map.apply(row(e.clone()).view(), Weights::Absolute);
        (0..y.len())
            .map(|o| {
                let b = f64::from(map.bias(o));
                let error = carried[[0, o]] + gamma * (size[[0, o]] + b.abs());
                (y[[0, o]] + b, error)
            })
            .unzip()
    }
    fn pointwise(&mut self, _: NodeId, f: &dyn Pointwise, (x, e): &Pair) -> Pair {
        // The comparisons of a runtime are exact, and so are its copies.
        let smooth = !matches!(
            f.name(),
            "relu" | "leaky_relu" | "abs" | "clip" | "floor" | "sign" | "step"
        );
        x.iter()
            .zip(e)
            .map(|(&x, e)| {
                let y = f.value(x);
                let near = f.enclose(Interval::or_entire(x - e, x + e));
                let own = 8.0 * U * y.abs() + if smooth { 5e-7 } else { 0.0 };
                (y, (near.hi() - y).max(y - near.lo()) + own)
            })
            .unzip()
    }
    fn product(&mut self, _: NodeId, p: &Product, (a, d): &Pair, (b, e): &Pair) -> Pair {
        let gamma = (p.chain() + 3) as f64 * U * 1.01;
        (0..p.output().len())
            .map(|o| {
                let (mut sum, mut error) = (0.0, 0.0);
                p.terms(o, |i, j| {
                    let size = (a[i].abs() + d[i]) * (b[j].abs() + e[j]);
                    sum += a[i] * b[j];
                    error += size - (a[i] * b[j]).abs() + gamma * size;
                });
                (sum, error)
            })
            .unzip()
    }
    fn combine(&mut self, _: NodeId, c: &[Rational], xs: &[&Pair]) -> Pair {
        let gamma = (c.len() + 3) as f64 * U * 1.01;
        let c: Vec<f64> = c.iter().map(nearest).collect();
        (0..xs[0].0.len())
            .map(|i| {
                let (mut sum, mut error) = (0.0, 0.0);
                for (c, (x, e)) in c.iter().zip(xs) {
                    sum += c * x[i];
                    error += c.abs() * (e[i] + gamma * (x[i].abs() + e[i]));
                }
                (sum, error)
            })
            .unzip()
    }
}

/// The graph's value in binary64, and how far binary32 execution may be from it.
pub fn float32(graph: &Graph, input: &[f64]) -> Pair {
    let zero = vec![0.0; input.len()];
    let mut values = forward(graph, &mut Float32, vec![(input.to_vec(), zero)]);
    values.swap_remove(graph.output().index())
}

/// Asserts that a runtime's outputs are within the proved error of execution of
/// the exact value, with no tolerance; returns whether there is a proof.
pub fn within_error(what: &str, graph: &Graph, input: &[f64], found: &[f64]) -> bool {
    if !graph.rewritten().is_empty() {
        return false;
    }
    let point = Boxes::from_shape_fn((1, input.len()), |_, i| Interval::point(input[i]));
    let exact = vec![0.0; input.len()];
    let errors = execution_errors(graph, &point, &exact, None).unwrap();
    let boxes = interval_boxes(graph, vec![point]);
    let output = graph.output().index();
    for (o, (&y, &e)) in found.iter().zip(&errors[output]).enumerate() {
        let near = boxes[output].at(0, o);
        let off = eft::sub_dn(y, near.hi()).max(eft::sub_dn(near.lo(), y));
        assert!(
            off <= e,
            "{what}, output {o}: runtime {y}, exact {near:?}, error {e:e}"
        );
    }
    errors[output].iter().all(|e| e.is_finite())
}

/// Asserts that a runtime's binary32 outputs are within binary32 error of the
/// graph's value, and that this is not vacuous.
pub fn agrees(what: &str, graph: &Graph, input: &[f64], found: &[f64]) -> f64 {
    within_error(what, graph, input, found);
    let (expected, error) = float32(graph, input);
    let own = dahlquist::graph::eval_f64(graph, input);
    assert_eq!(own, expected, "{what}");
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1e-3, |m: f64, v| m.max(v.abs()));
    let mut worst = 0.0f64;
    for (o, (&y, (&x, &e))) in found.iter().zip(expected.iter().zip(&error)).enumerate() {
        let difference = (y - x).abs();
        assert!(
            difference <= e,
            "{what}, output {o}: runtime {y}, here {x}, binary32 error at most {e:.3e}"
        );
        worst = worst.max(difference / scale);
    }
    worst
}
