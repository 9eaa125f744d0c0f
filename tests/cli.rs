//! The program from outside: exit codes, output, files. Models are trained
//! here in a second or two, so nothing depends on a stored binary.
#![allow(clippy::unwrap_used)] // a failing line is all a test has to say
#![cfg(feature = "cli")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;

fn dahlquist(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dahlquist"))
        .args(args)
        .env("XDG_RUNTIME_DIR", std::env::temp_dir())
        .output()
        .unwrap()
}

fn ok(args: &[&str]) -> String {
    let out = dahlquist(args);
    assert!(
        out.status.success(),
        "{args:?}: {}\n{}",
        out.status,
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8(out.stdout).unwrap()
}

/// The message of a command that must fail with exit code 1.
fn refused(args: &[&str]) -> String {
    let out = dahlquist(args);
    assert_eq!(
        out.status.code(),
        Some(1),
        "{args:?}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    assert!(
        out.stdout.is_empty(),
        "{args:?}: {}",
        String::from_utf8_lossy(&out.stdout)
    );
    let message = String::from_utf8(out.stderr).unwrap();
    assert!(!message.contains("panicked"), "{args:?}: {message}");
    message
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

const CONFIG: &str = r#"
seed = 5
[data]
source = "digits"
[model]
kind = "KIND"
width = 12
hidden = 12
[train]
objective = "ibp"
eps = 0.05
epochs = 8
warmup = 1
ramp = 4
"#;

/// A folder with small trained models, shared by the tests of this file.
fn models() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cli-models");
        std::fs::create_dir_all(&folder).unwrap();
        for kind in ["residual", "ode", "zerosnet"] {
            let config = folder.join(format!("{kind}.toml"));
            std::fs::write(&config, CONFIG.replace("KIND", kind)).unwrap();
            let model = folder.join(format!("{kind}.onnx"));
            ok(&[
                "train",
                text(&config),
                "--out",
                text(&model),
                "--device",
                "cpu",
            ]);
            assert!(!folder.join(format!("{kind}.onnx.state")).exists());
        }
        folder
    })
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn model(kind: &str) -> String {
    text(&models().join(format!("{kind}.onnx"))).to_string()
}

/// Rows without their wall-clock times.
fn rows(stdout: &str) -> Vec<Value> {
    let mut rows = lines(stdout);
    for row in &mut rows {
        row.as_object_mut().unwrap().remove("seconds");
    }
    rows
}

#[test]
fn certified_radii_lie_below_every_attack() {
    for kind in ["residual", "ode", "zerosnet"] {
        let model = model(kind);
        let certify = |method: &str| {
            rows(&ok(&[
                "certify",
                &model,
                "--data",
                "digits",
                "--norm",
                "linf",
                "--radius",
                "--method",
                method,
                "--semantics",
                "discrete",
                "--count",
                "24",
                "--json",
                "--device",
                "cpu",
            ]))
        };
        let (interval, crown) = (certify("interval"), certify("crown"));
        assert_eq!(crown.len(), 25, "a header and a line per sample");
        assert_eq!(crown[0]["command"], "certify");
        assert!(crown[0]["network_sha256"].as_str().unwrap().len() == 64);
        let mut certified = 0;
        for (i, row) in crown[1..].iter().enumerate() {
            assert_eq!(row["index"], i);
            assert_eq!(row["semantics"], "discrete");
            assert_eq!(row["evidence"], "proved");
            let upper = row["radius_upper"].as_f64().unwrap_or(f64::INFINITY);
            for row in [row, &interval[i + 1]] {
                if row["verdict"] == "certified" {
                    certified += 1;
                    assert_eq!(row["label"], row["predicted"]);
                    assert!(row["radius_lower"].as_f64().unwrap() < upper, "{row}");
                }
            }
        }
        assert!(certified > 20, "{kind}: only {certified} of 48");
    }
}

#[test]
fn one_radius_agrees_with_the_largest() {
    let model = model("residual");
    let run = |goal: &[&str]| {
        let mut args = vec![
            "certify", &model, "--data", "digits", "--norm", "linf", "--count", "12", "--json",
        ];
        args.extend(goal);
        rows(&ok(&args))
    };
    let radius = run(&["--radius"]);
    let at = run(&["--eps", "1/50"]);
    for (radius, at) in radius[1..].iter().zip(&at[1..]) {
        let r = radius["radius_lower"].as_f64().unwrap_or(-1.0);
        match at["verdict"].as_str().unwrap() {
            "certified" => assert!(at["margin_lower"].as_f64().unwrap() > 0.0),
            "falsified" => assert!(r < 0.02 && at["radius_upper"].as_f64().unwrap() <= 0.02),
            "misclassified" => assert_eq!(radius["verdict"], "misclassified"),
            _ => assert!(r < 0.02),
        }
        assert_eq!(at["eps"], "1/50");
    }
    // Executions in binary32 lose a little of it.
    let executed = run(&["--radius", "--semantics", "float32"]);
    for (exact, executed) in radius[1..].iter().zip(&executed[1..]) {
        assert_eq!(executed["semantics"], "float32");
        assert_eq!(exact["verdict"], executed["verdict"]);
        if let Some(r) = executed["radius_lower"].as_f64() {
            let exact = exact["radius_lower"].as_f64().unwrap();
            assert!(r <= exact && exact - r < 1e-3, "{r} {exact}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let refusal = refused(&[
        "certify",
        &model,
        "--data",
        "digits",
        "--norm",
        "linf",
        "--radius",
        "--semantics",
        "float32",
        "--certificates",
        text(folder.path()),
    ]);
    assert!(refusal.contains("--certificates"), "{refusal}");
}

#[test]
fn stronger_methods_certify_no_less() {
    let model = model("residual");
    let run = |method: &str| {
        let args = [
            "certify",
            &model,
            "--data",
            "digits",
            "--norm",
            "linf",
            "--eps",
            "1/16",
            "--count",
            "10",
            "--method",
            method,
            "--timeout",
            "5",
            "--json",
            "--device",
            "cpu",
        ];
        rows(&ok(&args))
    };
    let answers = ["interval", "crown", "alpha-crown", "bab"].map(run);
    for i in 1..answers[0].len() {
        let words = answers
            .each_ref()
            .map(|a| a[i]["verdict"].as_str().unwrap());
        for (weak, strong) in words.iter().zip(&words[1..]) {
            assert!(
                *weak != "certified" || *strong == "certified",
                "sample {i}: {words:?}"
            );
        }
        assert!(
            !(words.contains(&"certified") && words.contains(&"falsified")),
            "{words:?}"
        );
        for (answer, word) in answers.iter().zip(words) {
            let (margin, reach) = (&answer[i]["margin_lower"], &answer[i]["radius_upper"]);
            match word {
                "certified" => assert!(margin.as_f64().unwrap() >= 0.0),
                "falsified" => assert!(reach.as_f64().unwrap() <= 1.0 / 16.0),
                _ => {}
            }
        }
    }
    let radius = [
        "certify", &model, "--data", "digits", "--norm", "linf", "--radius", "--method", "bab",
    ];
    assert!(refused(&radius).contains("--method"));
}

/// `lower` holds at points of the box, and `verified` is said iff it suffices.
#[test]
fn bounds_of_a_specification() {
    let model = model("residual");
    let folder = tempfile::tempdir().unwrap();
    let spec = folder.path().join("spec.vnnlib");
    let n = 64;
    let mut lines: Vec<String> = (0..n)
        .map(|i| format!("(declare-const X_{i} Real)"))
        .collect();
    lines.extend((0..10).map(|j| format!("(declare-const Y_{j} Real)")));
    lines.extend((0..n).map(|i| format!("(assert (>= X_{i} 0.5))\n(assert (<= X_{i} 0.515625))")));
    lines.push(
        "(assert (or (and (<= Y_0 Y_1)) (and (>= Y_2 (* 2 Y_3))) (and (>= Y_2 1000))))".into(),
    );
    std::fs::write(&spec, lines.join("\n")).unwrap();
    let graph = dahlquist::network::Network::load(&model)
        .unwrap()
        .lower()
        .unwrap();
    for method in ["interval", "crown", "alpha-crown"] {
        let answer = &rows(&ok(&[
            "verify",
            &model,
            text(&spec),
            "--method",
            method,
            "--json",
        ]))[0];
        assert_eq!(answer["method"], method);
        let lower: Vec<f64> = answer["lower"][0]
            .as_array()
            .unwrap()
            .iter()
            .map(|l| l.as_f64().unwrap())
            .collect();
        assert!(lower.len() == 3 && lower[2] > 900.0, "{method}: {lower:?}");
        for x in [0.5, 0.515625, 0.5078125] {
            let y = dahlquist::graph::eval_f64(&graph, &vec![x; n]);
            // The evaluation is off by rounding only, bounds of a box that wide by far more.
            for (lower, value) in lower
                .iter()
                .zip([y[0] - y[1], 2.0 * y[3] - y[2], 1000.0 - y[2]])
            {
                assert!(*lower < value, "{method}: {lower} {value}");
            }
        }
        let proved = lower.iter().all(|l| *l > 0.0);
        assert_eq!(
            answer["result"],
            if proved { "verified" } else { "unknown" }
        );
    }
    let searched = &rows(&ok(&[
        "verify",
        &model,
        text(&spec),
        "--timeout",
        "20",
        "--json",
    ]))[0];
    assert!(searched.get("lower").is_none() && searched["method"] == "bab");
}

#[test]
fn shards_concatenate_and_a_killed_run_continues() {
    let model = model("zerosnet");
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let certify = |out: &Path, extra: &[&str]| {
        let mut args = vec![
            "certify", &model, "--data", "digits", "--norm", "linf", "--radius",
        ];
        args.extend(["--count", "20", "--out", text(out), "--json"]);
        args.extend(extra);
        ok(&args);
        std::fs::read_to_string(out).unwrap()
    };
    let whole = certify(&path("whole.jsonl"), &[]);
    let mut joined = String::new();
    for i in 1..=3 {
        joined += &certify(
            &path(&format!("part{i}.jsonl")),
            &["--shard", &format!("{i}/3")],
        );
    }
    assert_eq!(rows(&whole), rows(&joined));
    // Killed in the middle of line 9: that line and the rest are made again.
    let cut = path("cut.jsonl");
    let at = whole.match_indices('\n').nth(8).unwrap().0 + 20;
    std::fs::write(&cut, &whole[..at]).unwrap();
    assert_eq!(rows(&certify(&cut, &[])), rows(&whole));
    // A file of another run is refused and left alone.
    let before = std::fs::read(&cut).unwrap();
    let message = refused(&[
        "certify",
        &model,
        "--data",
        "digits",
        "--norm",
        "linf",
        "--eps",
        "0.01",
        "--count",
        "20",
        "--out",
        text(&cut),
    ]);
    assert!(message.contains("cut.jsonl"), "{message}");
    assert_eq!(std::fs::read(&cut).unwrap(), before);
}

#[test]
fn certificates_are_accepted_and_changed_ones_are_not() {
    let model = model("ode");
    let folder = tempfile::tempdir().unwrap();
    let certificates = folder.path().join("certificates");
    ok(&[
        "certify",
        &model,
        "--data",
        "digits",
        "--norm",
        "linf",
        "--eps",
        "0.01",
        "--count",
        "6",
        "--certificates",
        text(&certificates),
    ]);
    let files: Vec<PathBuf> = std::fs::read_dir(&certificates)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    assert!(!files.is_empty());
    let checked = lines(&ok(&["check", text(&certificates), "--json"]));
    assert_eq!(checked.len(), files.len());
    assert!(checked.iter().all(|c| c["accepted"] == true));
    // The model elsewhere, named.
    ok(&["check", text(&files[0]), "--network", &model]);
    let reject = |file: &Path, extra: &[&str]| {
        let mut args = vec!["check", text(file)];
        args.extend(extra);
        let out = dahlquist(&args);
        assert_eq!(out.status.code(), Some(1));
        assert!(!String::from_utf8_lossy(&out.stderr).contains("panicked"));
    };
    let bytes = std::fs::read(&files[0]).unwrap();
    let changed = folder.path().join("changed.json");
    for bit in (0..bytes.len() * 8).step_by(bytes.len() * 8 / 40) {
        let mut other = bytes.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&changed, other).unwrap();
        reject(&changed, &["--network", &model]);
    }
    for cut in [0, 1, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&changed, &bytes[..cut]).unwrap();
        reject(&changed, &["--network", &model]);
    }
    // Another network of the same shape.
    let other = models().join("residual.onnx");
    reject(&files[0], &["--network", text(&other)]);
}

#[test]
fn attacks_write_their_examples() {
    let model = model("residual");
    let folder = tempfile::tempdir().unwrap();
    let npz = folder.path().join("adversarial.npz");
    for (norm, eps) in [("linf", "0.2"), ("l2", "1.5")] {
        let out = rows(&ok(&[
            "attack",
            &model,
            "--data",
            "digits",
            "--attack",
            "pgd",
            "--norm",
            norm,
            "--eps",
            eps,
            "--count",
            "20",
            "--json",
            "--npz",
            text(&npz),
        ]));
        assert_eq!(out.len(), 21);
        let broken: Vec<&Value> = out[1..]
            .iter()
            .filter(|r| r["outcome"] == "broken")
            .collect();
        assert!(!broken.is_empty());
        let limit: f64 = eps.parse().unwrap();
        assert!(
            broken
                .iter()
                .all(|r| r["distance"].as_f64().unwrap() <= limit * (1.0 + 1e-12))
        );
        let mut archive = ndarray_npy::NpzReader::new(std::fs::File::open(&npz).unwrap()).unwrap();
        let x: ndarray::Array2<f32> = archive.by_name("adversarial").unwrap();
        assert_eq!(x.dim(), (broken.len(), 64));
        assert!(x.iter().all(|v| (0.0..=1.0).contains(v)));
    }
}

#[test]
fn lipschitz_export_report_and_devices() {
    let model = model("zerosnet");
    for norm in ["l1", "l2", "linf"] {
        let report = lines(&ok(&["lipschitz", &model, "--norm", norm, "--json"]));
        let (upper, lower) = (&report[0]["upper"]["value"], &report[0]["lower"]["value"]);
        assert!(
            lower.as_f64().unwrap() <= upper.as_f64().unwrap(),
            "{}",
            report[0]
        );
        assert_eq!(report[0]["blocks"].as_array().unwrap().len(), 1);
    }
    ok(&[
        "lipschitz",
        &model,
        "--norm",
        "linf",
        "--around",
        "digits",
        "--eps",
        "0.01",
        "--count",
        "2",
    ]);
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain.onnx");
    ok(&["export", &model, "--unrolled", text(&plain)]);
    // The plain file is read back as a network of its own.
    ok(&[
        "certify",
        text(&plain),
        "--data",
        "digits",
        "--norm",
        "linf",
        "--eps",
        "0.01",
        "--count",
        "2",
    ]);
    let results = folder.path().join("r.jsonl");
    ok(&[
        "certify",
        &model,
        "--data",
        "digits",
        "--norm",
        "linf",
        "--radius",
        "--count",
        "5",
        "--out",
        text(&results),
    ]);
    let page = folder.path().join("r.html");
    ok(&["report", text(&results), "--out", text(&page)]);
    assert!(
        std::fs::read_to_string(&page)
            .unwrap()
            .starts_with("<!DOCTYPE html>")
    );
    assert!(
        lines(&ok(&["devices", "--json"]))
            .iter()
            .any(|d| d["name"] == "cpu")
    );
}

#[test]
fn multistep_commands() {
    let rows = lines(&ok(&[
        "multistep",
        "analyze",
        "--alpha",
        "-1 1",
        "--beta",
        "1 0",
        "--json",
    ]));
    assert_eq!(rows[0]["zero_stable"], true);
    assert_eq!(rows[0]["order"], 1);
    assert_eq!(rows[0]["error_constant"], "1/2");
    let rows = lines(&ok(&["multistep", "region", "zerosnet", "--json"]));
    assert_eq!(rows[0]["region"], "lambda <= -1 or lambda > 1/3");
    let folder = tempfile::tempdir().unwrap();
    let svg = folder.path().join("region.svg");
    ok(&["multistep", "region", "zerosnet", "--svg", text(&svg)]);
    assert!(std::fs::read_to_string(&svg).unwrap().contains("<svg"));
}

#[test]
fn bad_input_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        text(&path).to_string()
    };
    let good = model("residual");
    let bytes = std::fs::read(&good).unwrap();
    let truncated = file("truncated.onnx", &bytes[..bytes.len() / 2]);
    let empty = file("empty.onnx", b"");
    let noise = file("noise.onnx", &[0xff; 300]);
    let bomb = file("bomb.gz", &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
    for bad in [
        &truncated,
        &empty,
        &noise,
        &bomb,
        &"absent.onnx".to_string(),
    ] {
        let message = refused(&[
            "certify", bad, "--data", "digits", "--norm", "linf", "--radius",
        ]);
        assert!(message.contains(bad.as_str()), "{message}");
        refused(&["lipschitz", bad, "--norm", "l2"]);
        refused(&[
            "attack", bad, "--data", "digits", "--attack", "pgd", "--norm", "linf", "--eps", "0.1",
        ]);
        let out = folder.path().join("out.onnx");
        refused(&["export", bad, "--unrolled", text(&out)]);
        assert!(!out.exists());
    }
    for (name, content) in [
        ("nan.csv", "1,nan\n"),
        ("range.csv", "1,2.5\n"),
        ("label.csv", "-1,0.5\n"),
        ("short.csv", "1,0.5\n2\n"),
        ("empty.csv", ""),
        ("bad.npz", "PK"),
    ] {
        let data = file(name, content.as_bytes());
        let message = refused(&[
            "certify", &good, "--data", &data, "--norm", "linf", "--radius",
        ]);
        assert!(message.contains(name), "{message}");
    }
    for (name, content) in [
        ("syntax.toml", "seed = ["),
        ("unknown.toml", "surprise = 1"),
        (
            "width.toml",
            &CONFIG
                .replace("KIND", "ode")
                .replace("width = 12", "width = 0"),
        ),
        (
            "huge.toml",
            &CONFIG
                .replace("KIND", "ode")
                .replace("width = 12", "width = 99999999999"),
        ),
        ("kind.toml", CONFIG),
    ] {
        let config = file(name, content.as_bytes());
        let out = folder.path().join("never.onnx");
        refused(&["train", &config, "--out", text(&out)]);
        assert!(!out.exists());
    }
    let out = dahlquist(&[
        "certify", &good, "--data", "digits", "--norm", "l3", "--radius",
    ]);
    assert_eq!(
        out.status.code(),
        Some(2),
        "a wrong option is a usage error"
    );
    let out = dahlquist(&["certify", &good, "--data", "digits", "--norm", "linf"]);
    assert_eq!(out.status.code(), Some(2), "neither --eps nor --radius");
    refused(&[
        "certify",
        &good,
        "--data",
        "digits",
        "--norm",
        "linf",
        "--radius",
        "--device",
        "no such adapter",
    ]);
}

/// A specification over the digits models: all inputs in [0, 1] and `assertion`.
fn specification(folder: &Path, name: &str, outputs: usize, assertion: &str) -> PathBuf {
    use std::fmt::Write;
    let mut spec = String::new();
    for i in 0..64 {
        writeln!(spec, "(declare-const X_{i} Real) (assert (<= 0 X_{i} 1e0))").unwrap();
    }
    for j in 0..outputs {
        writeln!(spec, "(declare-const Y_{j} Real)").unwrap();
    }
    writeln!(spec, "(assert {assertion})").unwrap();
    let path = folder.join(name);
    std::fs::write(&path, spec).unwrap();
    path
}

#[test]
fn questions_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let model = model("residual");
    let witness = folder.path().join("witness");
    let ask = |assertion: &str, more: &[&str]| {
        let spec = specification(folder.path(), "spec.vnnlib", 10, assertion);
        let all = [&["verify", &model, text(&spec), "--timeout", "60"], more].concat();
        ok(&all)
    };
    let falsified = &lines(&ask(
        "(<= Y_0 1e6)",
        &["--json", "--witness", text(&witness)],
    ))[0];
    assert_eq!(falsified["result"], "falsified");
    assert_eq!(falsified["evidence"], "witness");
    assert_eq!(falsified["cases"], 1);
    let counterexample = &falsified["counterexample"];
    assert_eq!(counterexample["x"].as_array().unwrap().len(), 64);
    assert!(counterexample["y"][0][1].as_f64().unwrap() <= 1e6);
    let point = std::fs::read_to_string(&witness).unwrap();
    assert!(point.starts_with("((X_0 ") && point.ends_with("))\n"));
    assert_eq!(
        (point.matches("(X_").count(), point.matches("(Y_").count()),
        (64, 10)
    );
    for line in point.lines().take(64) {
        let value: f64 = line
            .trim_matches(['(', ')', ' '])
            .split_once(' ')
            .unwrap()
            .1
            .parse()
            .unwrap();
        assert!((0.0..=1.0).contains(&value) && f64::from(value as f32) == value);
    }
    let verified = ask("(>= Y_0 1e6)", &[]);
    assert!(
        verified.starts_with("verified, semantics discrete"),
        "{verified}"
    );
    let certificate = folder.path().join("certificate.json");
    ask("(>= Y_0 1e6)", &["--certificate", text(&certificate)]);
    let checked = ok(&["check", text(&certificate)]);
    assert!(
        checked.contains("accepted: no counterexample in 1 boxes"),
        "{checked}"
    );
    let executed = ask("(>= Y_0 1e6)", &["--semantics", "float32"]);
    assert!(
        executed.starts_with("verified, semantics float32"),
        "{executed}"
    );
}

#[test]
fn questions_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let model = model("residual");
    let refuse = |spec: &Path| refused(&["verify", &model, text(spec)]);
    let other = specification(folder.path(), "other.vnnlib", 9, "(<= Y_0 0)");
    assert!(
        refuse(&other).contains("other.vnnlib: the specification has 9 outputs, the network 10")
    );
    let unread = specification(folder.path(), "unread.vnnlib", 10, "(<= (* Y_0 Y_1) 0)");
    let message = refuse(&unread);
    assert!(
        message.contains("unread.vnnlib: line 75, column 14"),
        "{message}"
    );
    assert!(refuse(&folder.path().join("none.vnnlib")).contains("none.vnnlib"));
    let usage = dahlquist(&["verify", &model, text(&other), "--timeout", "0"]);
    assert_eq!(usage.status.code(), Some(2));
}
