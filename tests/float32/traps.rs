//! Networks on which exact and binary32 arithmetic differ, after the published
//! constructions: a summand that vanishes beside a large one and then decides
//! (Zombori, Bánhelyi, Csendes, Megyeri, Jelasity, *Fooling a complete neural
//! network verifier*, ICLR 2021), and large biases that wipe out what they are
//! added to (Jia, Rinard, *Exploiting verified neural networks via floating
//! point numerical error*, SAS 2021).

use std::sync::Arc;
use std::time::Duration;

use dahlquist::bounds;
use dahlquist::graph::{Graph, GraphBuilder, NodeId, Rewritten};
use dahlquist::network::onnx::write_unrolled;
use dahlquist::ops::{Dense, Relu, Shape, Tensor};
use dahlquist::search::verify::{Answer, Error, Options, Outcome, verify};
use dahlquist::verify::{Query, Reason, Semantics, vnnlib};

/// Beyond it, neighbours of binary32 numbers are two apart or more.
const OMEGA: f32 = (1u64 << 26) as f32;

struct Net(GraphBuilder, NodeId);

impl Net {
    fn new(inputs: usize) -> Net {
        let mut b = GraphBuilder::new();
        let x = b.input("x", Shape::new(&[inputs]));
        Net(b, x)
    }

    fn dense(mut self, name: &str, weights: &[&[f32]], bias: &[f32]) -> Net {
        let shape = Shape::new(&[weights.len(), weights[0].len()]);
        let weight = Tensor::new(format!("{name}/w"), shape, weights.concat()).unwrap();
        let bias = Tensor::new(
            format!("{name}/b"),
            Shape::new(&[bias.len()]),
            bias.to_vec(),
        );
        let map = Dense::new(Arc::new(weight), Some(Arc::new(bias.unwrap()))).unwrap();
        self.1 = self.0.linear(name, Arc::new(map), self.1).unwrap();
        self
    }

    fn relu(mut self, name: &str) -> Net {
        self.1 = self.0.pointwise(name, Arc::new(Relu), self.1).unwrap();
        self
    }

    fn finish(self) -> Graph {
        self.0.finish(self.1).unwrap()
    }
}

/// Boxes of the inputs and what a counterexample satisfies.
fn query(boxes: &[(&str, &str)], violation: &str) -> Query {
    let mut text = String::new();
    for (i, (lo, hi)) in boxes.iter().enumerate() {
        text += &format!(
            "(declare-const X_{i} Real)\n(assert (>= X_{i} {lo}))\n(assert (<= X_{i} {hi}))\n"
        );
    }
    text += &format!("(declare-const Y_0 Real)\n(assert {violation})\n");
    vnnlib::read(text.as_bytes()).unwrap().query
}

fn ask(graph: &Graph, query: &Query, semantics: Semantics) -> Answer {
    let options = Options {
        timeout: Some(Duration::from_secs(20)),
        semantics,
        threads: 1,
        ..Options::default()
    };
    verify(graph, query, &options, &|_| {}).unwrap()
}

fn both(graph: &Graph, query: &Query) -> [Answer; 2] {
    [Semantics::Discrete, Semantics::Float32].map(|s| ask(graph, query, s))
}

/// `1` in exact arithmetic: `ω + 1 - ω`, each summand through a rectifier.
fn absorbed() -> Graph {
    Net::new(1)
        .dense("ones", &[&[0.0], &[0.0], &[0.0]], &[1.0, 1.0, 1.0])
        .relu("relu")
        .dense("sum", &[&[OMEGA, 1.0, -OMEGA]], &[0.0])
        .finish()
}

/// `x` in exact arithmetic: `relu(relu(x + ω) - ω)`.
fn wiped() -> Graph {
    Net::new(1)
        .dense("up", &[&[1.0]], &[OMEGA])
        .relu("relu")
        .dense("down", &[&[1.0]], &[-OMEGA])
        .relu("output")
        .finish()
}

#[test]
fn true_in_exact_arithmetic_and_violated_in_binary32() {
    for (graph, boxes) in [(absorbed(), ("0", "1")), (wiped(), ("0.625", "1"))] {
        let q = query(&[boxes], "(<= Y_0 0.5)");
        let [discrete, float32] = both(&graph, &q);
        assert_eq!(discrete.outcome, Outcome::Verified);
        assert_eq!(discrete.differs, None);
        assert_eq!(float32.outcome, Outcome::Unknown(Reason::Execution));
        let d = float32.differs.expect("an execution that violates it");
        assert!(!d.exact);
        assert!(d.point.y32[0] <= 0.5 && d.point.y[0].0 > 0.5);
    }
}

#[test]
fn violated_in_exact_arithmetic_and_true_in_binary32() {
    let graph = wiped();
    let q = query(&[("0.625", "1")], "(>= Y_0 0.5)");
    for answer in both(&graph, &q) {
        assert_eq!(answer.outcome, Outcome::Unknown(Reason::Execution));
        let d = answer.differs.expect("a point where they differ");
        assert!(d.exact);
        assert!(d.point.y32[0] < 0.5 && d.point.y[0].1 >= 0.5);
    }
}

/// A back door: where the second input is positive, and only in exact arithmetic
/// a number apart from zero, the sign of the output turns.
#[test]
fn back_doors_are_not_overlooked() {
    // s = relu(1 - relu(ω + t) + ω), 0 for t >= 1 exactly; in binary32 always 1
    let net = Net::new(2)
        .dense("up", &[&[1.0, 0.0], &[0.0, 1.0]], &[0.0, OMEGA])
        .relu("relu")
        .dense("switch", &[&[1.0, 0.0], &[0.0, -1.0]], &[0.0, OMEGA])
        .dense("door", &[&[1.0, 0.0], &[0.0, 1.0]], &[0.0, 1.0])
        .relu("open")
        .dense("output", &[&[1.0, -2.0]], &[0.0]);
    let graph = net.finish();
    // exactly: x - 2 relu(1 - t) = x >= 1/2 for t = 1; executed: x - 2
    let q = query(&[("0.5", "1"), ("1", "1")], "(<= Y_0 0.25)");
    let [discrete, float32] = both(&graph, &q);
    assert_eq!(discrete.outcome, Outcome::Verified);
    assert!(
        matches!(float32.outcome, Outcome::Unknown(_)),
        "{float32:?}"
    );
    assert!(!float32.differs.expect("the back door").exact);
}

#[test]
fn margins_decide() {
    // the mean of 64 rectifiers of x, minus a threshold just below
    let n = 64;
    let rows: Vec<Vec<f32>> = vec![vec![1.0]; n];
    let rows: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
    let mean = vec![1.0 / n as f32; n];
    let graph = Net::new(1)
        .dense("fan", &rows, &vec![0.0; n])
        .relu("relu")
        .dense("mean", &[&mean], &[0.0])
        .finish();
    // at least 1/2: a margin of a millionth is less than 64 roundings can lose
    for (threshold, expected) in [
        ("0.499999", Outcome::Unknown(Reason::Execution)),
        ("0.4999", Outcome::Verified),
        ("0.25", Outcome::Verified),
    ] {
        let q = query(&[("0.5", "1")], &format!("(<= Y_0 {threshold})"));
        let [discrete, float32] = both(&graph, &q);
        assert_eq!(discrete.outcome, Outcome::Verified);
        assert_eq!(float32.outcome, expected, "{threshold}");
    }
    let q = query(&[("0.5", "1")], "(<= Y_0 0.75)");
    for answer in both(&graph, &q) {
        assert!(matches!(answer.outcome, Outcome::Falsified(_)));
    }
}

/// Exact arithmetic has no largest number.
#[test]
fn overflow_is_unknown() {
    let graph = Net::new(1)
        .dense("large", &[&[1e30], &[1e30]], &[0.0, 0.0])
        .relu("relu")
        .dense("larger", &[&[1e30, -1e30]], &[1.0])
        .finish();
    let q = query(&[("0.5", "0.5")], "(<= Y_0 0.5)");
    let [discrete, float32] = both(&graph, &q);
    // exactly 1, but no bound in binary64 sees that
    assert_eq!(discrete.outcome, Outcome::Unknown(Reason::Bound));
    assert_eq!(float32.outcome, Outcome::Unknown(Reason::NotFinite));
}

/// A box without binary32 numbers is about the numbers nearest to it.
#[test]
fn inputs_are_rounded() {
    // y = 2^30 (x - 0.1), with 0.1 as binary32 above a tenth
    let shift = -(0.1f32) * 2f32.powi(30);
    let graph = Net::new(1)
        .dense("y", &[&[2f32.powi(30)]], &[shift])
        .finish();
    // exactly, y = 2^30 (1/10 - 0.1f) < -1.5
    let q = query(&[("0.1", "0.1")], "(>= Y_0 -1)");
    let [discrete, float32] = both(&graph, &q);
    assert_eq!(discrete.outcome, Outcome::Verified);
    assert!(
        matches!(float32.outcome, Outcome::Unknown(_)),
        "{float32:?}"
    );
    assert!(!float32.differs.expect("0").exact);
}

#[test]
fn operators_without_a_bound_are_named() {
    let mut b = GraphBuilder::new();
    let x = b.input("x", Shape::new(&[1]));
    let y = b.pointwise("y", Arc::new(Relu), x).unwrap();
    b.rewritten(&[Rewritten {
        node: "attention".into(),
        operator: "Softmax".into(),
    }]);
    let graph = b.finish(y).unwrap();
    let q = query(&[("0", "1")], "(<= Y_0 -1)");
    let options = Options {
        semantics: Semantics::Float32,
        ..Options::default()
    };
    let error = verify(&graph, &q, &options, &|_| {}).unwrap_err();
    assert!(matches!(
        error,
        Error::Bounds(bounds::Error::Execution { .. })
    ));
    let message = error.to_string();
    assert!(
        message.contains("attention") && message.contains("Softmax"),
        "{message}"
    );
    assert_eq!(
        ask(&graph, &q, Semantics::Discrete).outcome,
        Outcome::Verified
    );
}

/// A runtime does what the traps count on.
#[test]
fn onnxruntime_falls_into_the_traps() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    for (name, graph, x, expected) in [
        ("wiped", wiped(), 0.75f64, 0.0f64),
        ("absorbed", absorbed(), 0.5, 0.0),
    ] {
        let path = folder.path().join(format!("{name}.onnx"));
        std::fs::write(&path, write_unrolled(&graph).unwrap()).unwrap();
        let y = run(&python, &path, x);
        let exact = dahlquist::graph::eval_f64(&graph, &[x])[0];
        assert!(exact >= 0.75, "{name}");
        // the sum has an order in which nothing is lost
        assert!(
            y == expected || name == "absorbed" && y == 1.0,
            "{name}: {y}"
        );
    }
}

fn python() -> Option<std::path::PathBuf> {
    let name = std::env::var_os("DAHLQUIST_PYTHON").unwrap_or("python3".into());
    let found = std::process::Command::new(&name)
        .args(["-c", "import onnx, onnxruntime, numpy"])
        .stderr(std::process::Stdio::null())
        .status();
    if found.is_ok_and(|s| s.success()) {
        return Some(name.into());
    }
    assert!(
        std::env::var("DAHLQUIST_REQUIRE").as_deref() != Ok("1"),
        "no python with onnx and onnxruntime"
    );
    eprintln!("SKIPPED: no python with onnx and onnxruntime (set DAHLQUIST_PYTHON)");
    None
}

fn run(python: &std::path::Path, model: &std::path::Path, x: f64) -> f64 {
    use std::io::Write;
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/check_onnx.py");
    let mut child = std::process::Command::new(python)
        .arg(script)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let job = serde_json::json!({"model": model, "inputs": [[x]], "check": true});
    writeln!(child.stdin.take().unwrap(), "{job}").unwrap();
    let output = child.wait_with_output().unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    answer["outputs"][0][0]
        .as_f64()
        .unwrap_or_else(|| panic!("{answer}"))
}
