//! Networks of the verification competition, and our own exports, against
//! onnxruntime.

use std::path::{Path, PathBuf};

use dahlquist::bounds::interval_boxes;
use dahlquist::graph::Graph;
use dahlquist::network::Network;
use dahlquist::network::onnx::{read_model, write_model};

use dahlquist::rounding::{Boxes, Interval};

use crate::random::{self, Random};
use crate::runtime::{self, Job};

/// The largest unpacked file that is evaluated unless DAHLQUIST_LARGE is set:
/// larger ones take minutes and gigabytes.
const LARGE: u32 = 8 << 20;

/// The unpacked length that a gzip file ends with.
fn unpacked(path: &Path) -> u32 {
    let bytes = std::fs::read(path).unwrap();
    u32::from_le_bytes(*bytes.last_chunk().unwrap())
}

/// The competition's files, sorted.
fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|a| a.join("shared/data/vnncomp"))
        .find(|p| p.is_dir());
    let Some(root) = root else {
        runtime::skip("no shared/data/vnncomp beside the repository");
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(".onnx.gz") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn competition_networks_agree_with_onnxruntime() {
    let mut loaded = Vec::new();
    let mut large = 0;
    for path in files() {
        let shown = path.to_string_lossy().into_owned();
        let size = unpacked(&path);
        if size > LARGE && std::env::var_os("DAHLQUIST_LARGE").is_none() {
            eprintln!("not evaluated ({size} bytes): {shown}");
            large += 1;
            continue;
        }
        let network = Network::load(&path).unwrap_or_else(|e| panic!("{e}"));
        loaded.push((path, network.lower().unwrap(), network));
    }
    if loaded.is_empty() {
        return;
    }
    eprintln!("{} read, {large} too large", loaded.len());
    let Some(python) = runtime::python() else {
        return;
    };
    let mut random = Random(1);
    let jobs: Vec<Job> = loaded
        .iter()
        .map(|(path, graph, _)| Job {
            model: path.clone(),
            inputs: (0..2)
                .map(|_| {
                    let n = graph.input_shape(0).len();
                    (0..n).map(|_| f64::from(random.real())).collect()
                })
                .collect(),
            check: false,
        })
        .collect();
    let mut worst = 0.0f64;
    for (((path, graph, _), job), found) in
        loaded.iter().zip(&jobs).zip(runtime::run(&python, &jobs))
    {
        let what = path.to_string_lossy();
        for (x, y) in job.inputs.iter().zip(found.expect(&what)) {
            let d = runtime::agrees(&what, graph, x, &y);
            assert!(d < 1e-3, "{what}: relative difference {d}");
            worst = worst.max(d);
        }
    }
    // With the runtime's optimisations, within the proved error of execution.
    let mut proved = 0;
    for (((path, graph, _), job), found) in loaded
        .iter()
        .zip(&jobs)
        .zip(runtime::run_with(&python, &jobs, true))
    {
        let what = path.to_string_lossy();
        for (x, y) in job.inputs.iter().zip(found.expect(&what)) {
            proved += usize::from(runtime::within_error(&what, graph, x, &y));
        }
    }
    eprintln!("{proved} executions with a finite error");
    assert!(proved > loaded.len());
    let (boxes, jobs_in_boxes): (Vec<_>, Vec<_>) = loaded
        .iter()
        .zip(&jobs)
        .map(|((path, graph, _), job)| small_box(path, graph, &job.inputs[0]))
        .unzip();
    let answers = runtime::run(&python, &jobs_in_boxes);
    for (((path, graph, _), boxes), (job, found)) in loaded
        .iter()
        .zip(&boxes)
        .zip(jobs_in_boxes.iter().zip(answers))
    {
        let what = path.to_string_lossy();
        contained(&what, graph, boxes, &job.inputs, &found.expect(&what));
    }
    eprintln!("largest difference relative to the largest output: {worst:.2e}");
    // Written back, plain and unrolled, they are the same networks.
    let folder = tempfile::tempdir().unwrap();
    let mut exported = Vec::new();
    for (k, (path, graph, network)) in loaded.iter().enumerate() {
        let shown = path.to_string_lossy();
        if k % 5 != 0 && shown.contains("acasxu") {
            continue;
        }
        let back = read_model(write_model(network).unwrap()).unwrap();
        assert_eq!(
            back.lower().unwrap().content_hash(),
            graph.content_hash(),
            "{shown}"
        );
        let model = folder.path().join(format!("{k}.onnx"));
        network.save_unrolled(&model).unwrap();
        exported.push((
            graph,
            Job {
                model,
                inputs: jobs[k].inputs[..1].to_vec(),
                check: true,
            },
        ));
    }
    compare(&python, exported);
}

/// Interval bounds of the output over a small box around `centre`, and points of
/// the box for a runtime.
fn small_box(model: &Path, graph: &Graph, centre: &[f64]) -> (Boxes, Job) {
    const RADIUS: f64 = 1.0 / 4096.0;
    let start = std::time::Instant::now();
    let input = Boxes::from_shape_fn((1, centre.len()), |_, i| {
        Interval::new(centre[i] - RADIUS, centre[i] + RADIUS).expect("ordered")
    });
    let boxes = interval_boxes(graph, vec![input]).swap_remove(graph.output().index());
    let outputs = 0..graph.output_shape().len();
    let width = outputs
        .map(|i| boxes.at(0, i).width_up())
        .fold(0.0, f64::max);
    let seconds = start.elapsed().as_secs_f64();
    eprintln!(
        "{seconds:8.3} s, widest box {width:.2e}: {}",
        model.display()
    );
    let mut random = Random(11);
    let inputs = (0..3)
        .map(|_| {
            let step = |x: &f64| f64::from((x + RADIUS * f64::from(random.real()) * 0.99) as f32);
            centre.iter().map(step).collect()
        })
        .collect();
    let job = Job {
        model: model.into(),
        inputs,
        check: false,
    };
    (boxes, job)
}

/// Asserts that the bounds contain what a runtime computes, up to its rounding.
fn contained(what: &str, graph: &Graph, boxes: &Boxes, inputs: &[Vec<f64>], found: &[Vec<f64>]) {
    for (x, y) in inputs.iter().zip(found) {
        let (_, error) = runtime::float32(graph, x);
        for (i, (y, e)) in y.iter().zip(error).enumerate() {
            let own = boxes.at(0, i);
            let inside = own.lo() - e <= *y && *y <= own.hi() + e;
            assert!(inside, "{what}, output {i}: {own:?}, {y}");
        }
    }
}

fn compare(python: &Path, exported: Vec<(&Graph, Job)>) {
    let (graphs, jobs): (Vec<_>, Vec<_>) = exported.into_iter().unzip();
    for ((graph, job), found) in graphs.iter().zip(&jobs).zip(runtime::run(python, &jobs)) {
        let what = job.model.to_string_lossy();
        let found = found.unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(found.len(), job.inputs.len());
        for (x, y) in job.inputs.iter().zip(found) {
            runtime::agrees(&what, graph, x, &y);
        }
    }
}

#[test]
fn unrolled_exports_run_in_onnxruntime_and_pass_its_checker() {
    let Some(python) = runtime::python() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random(7);
    let mut kept = Vec::new();
    for seed in 0..150 {
        let network = random::network(seed);
        let graph = network.lower().unwrap();
        if !graph.ancestors(graph.output())[graph.inputs()[0].index()] {
            continue;
        }
        let model = folder.path().join(format!("seed{seed}.onnx"));
        network.save_unrolled(&model).unwrap();
        let n = graph.input_shape(0).len();
        let inputs = (0..3)
            .map(|_| (0..n).map(|_| f64::from(random.real())).collect())
            .collect();
        kept.push((
            graph,
            Job {
                model,
                inputs,
                check: true,
            },
        ));
    }
    assert!(kept.len() > 100);
    compare(&python, kept.iter().map(|(g, j)| (g, j.clone())).collect());
}

#[test]
fn model_files_pass_the_checker() {
    let Some(python) = runtime::python() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let jobs: Vec<Job> = (0..60)
        .map(|seed| {
            let model = folder.path().join(format!("seed{seed}.onnx"));
            random::network(seed).save(&model).unwrap();
            Job {
                model,
                inputs: vec![],
                check: true,
            }
        })
        .collect();
    for (job, answer) in jobs.iter().zip(runtime::run(&python, &jobs)) {
        answer.unwrap_or_else(|e| panic!("{}: {e}", job.model.display()));
    }
}

#[test]
fn the_script_compares_exported_logits() {
    let Some(python) = runtime::python() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model.onnx");
    let network = random::network(3);
    network.save_unrolled(&model).unwrap();
    let graph = network.lower().unwrap();
    let x = vec![0.5; graph.input_shape(0).len()];
    let mut y = dahlquist::graph::eval_f64(&graph, &x);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/check_onnx.py");
    for accepted in [true, false] {
        let logits = folder.path().join("logits.jsonl");
        let line = serde_json::json!({"input": x, "logits": y});
        std::fs::write(&logits, line.to_string()).unwrap();
        let run = std::process::Command::new(&python)
            .args([&script, &model, &logits])
            .output()
            .unwrap();
        assert_eq!(run.status.success(), accepted, "{run:?}");
        y[0] += 1.0;
    }
}
