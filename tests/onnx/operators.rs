//! Each operator as the ONNX specification has it, against onnxruntime.

use dahlquist::network::onnx::{read_model, write_model};

use crate::random::Random;
use crate::runtime::{self, Job};
use crate::wire::{A, floats, ints, node, simple};

/// A model of a few operators.
pub struct Case {
    pub label: String,
    pub bytes: Vec<u8>,
}

fn weights(seed: u64, dims: &[i64]) -> (Vec<i64>, Vec<f32>) {
    let mut random = Random(seed);
    let n: i64 = dims.iter().product();
    (dims.to_vec(), (0..n).map(|_| random.real()).collect())
}

pub fn w(name: &str, seed: u64, dims: &[i64]) -> Vec<u8> {
    let (dims, data) = weights(seed, dims);
    floats(name, &dims, &data)
}

pub fn is(v: &[i64]) -> A {
    A::Is(v.to_vec())
}

/// One operator of each form, on one or any number of samples.
fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    let mut add = |label: &str, opset, x: &[i64], nodes: &[Vec<u8>], init: &[Vec<u8>]| {
        all.push(Case {
            label: label.into(),
            bytes: simple(opset, x, nodes, init),
        });
    };
    let one =
        |op, inputs: &[&str], attributes: &[(&str, A)]| vec![node(op, inputs, "y", attributes)];
    let xw = ["x", "w"];

    add(
        "gemm, weights (in, out)",
        13,
        &[-1, 4],
        &one("Gemm", &["x", "w", "b"], &[]),
        &[w("w", 1, &[4, 3]), w("b", 2, &[3])],
    );
    add(
        "gemm, one bias for all",
        13,
        &[-1, 4],
        &one("Gemm", &["x", "w", "b"], &[("transB", A::I(1))]),
        &[w("w", 1, &[3, 4]), w("b", 2, &[1])],
    );
    add(
        "gemm, factors",
        13,
        &[1, 4],
        &one(
            "Gemm",
            &["x", "w", "b"],
            &[("alpha", A::F(0.3)), ("beta", A::F(-1.7))],
        ),
        &[w("w", 1, &[4, 3]), w("b", 2, &[1, 3])],
    );
    add(
        "gemm of rows, factors",
        13,
        &[1, 8],
        &[
            node("Reshape", &["x", "s"], "r", &[]),
            node(
                "Gemm",
                &["r", "w", "b"],
                "y",
                &[("alpha", A::F(0.3)), ("beta", A::F(-1.7))],
            ),
        ],
        &[ints("s", &[2, 4]), w("w", 1, &[4, 3]), w("b", 2, &[3])],
    );
    add(
        "gemm, beta zero",
        13,
        &[1, 4],
        &one("Gemm", &["x", "w", "b"], &[("beta", A::F(0.0))]),
        &[w("w", 1, &[4, 3]), w("b", 2, &[3])],
    );
    add(
        "matmul",
        13,
        &[-1, 4],
        &one("MatMul", &xw, &[]),
        &[w("w", 1, &[4, 3])],
    );
    add(
        "matmul with a vector",
        13,
        &[-1, 4],
        &one("MatMul", &xw, &[]),
        &[w("w", 1, &[4])],
    );
    add(
        "matmul of rows",
        13,
        &[-1, 5, 4],
        &one("MatMul", &xw, &[]),
        &[w("w", 1, &[4, 3])],
    );
    add(
        "matmul from the left",
        13,
        &[4],
        &one("MatMul", &["w", "x"], &[]),
        &[w("w", 1, &[3, 4])],
    );
    add(
        "matmul from the right, no batch",
        13,
        &[4],
        &one("MatMul", &xw, &[]),
        &[w("w", 1, &[4, 1])],
    );
    add(
        "matmul and bias",
        13,
        &[-1, 4],
        &[
            node("MatMul", &xw, "m", &[]),
            node("Add", &["b", "m"], "y", &[]),
        ],
        &[w("w", 1, &[4, 3]), w("b", 2, &[1, 3])],
    );
    add(
        "matmul used before and after its bias",
        13,
        &[-1, 3],
        &[
            node("MatMul", &xw, "m", &[]),
            node("Add", &["m", "b"], "a", &[]),
            node("Sub", &["a", "m"], "y", &[]),
        ],
        &[w("w", 1, &[3, 3]), w("b", 2, &[3])],
    );

    let image = [-1, 4, 6, 5];
    add(
        "conv",
        13,
        &image,
        &one("Conv", &["x", "w", "b"], &[]),
        &[w("w", 1, &[2, 4, 3, 2]), w("b", 2, &[2])],
    );
    add(
        "conv, everything",
        13,
        &image,
        &one(
            "Conv",
            &xw,
            &[
                ("group", A::I(2)),
                ("strides", is(&[2, 1])),
                ("pads", is(&[1, 0, 2, 3])),
                ("dilations", is(&[1, 2])),
                ("kernel_shape", is(&[3, 2])),
            ],
        ),
        &[w("w", 1, &[6, 2, 3, 2])],
    );
    for (label, auto) in [
        ("conv, same upper", "SAME_UPPER"),
        ("conv, same lower", "SAME_LOWER"),
        ("conv, valid", "VALID"),
    ] {
        add(
            label,
            13,
            &image,
            &one(
                "Conv",
                &xw,
                &[("auto_pad", A::S(auto)), ("strides", is(&[2, 3]))],
            ),
            &[w("w", 1, &[2, 4, 4, 2])],
        );
    }
    add(
        "average pool",
        13,
        &image,
        &one(
            "AveragePool",
            &["x"],
            &[("kernel_shape", is(&[3, 2])), ("strides", is(&[2, 2]))],
        ),
        &[],
    );
    add(
        "average pool, padding counted",
        13,
        &image,
        &one(
            "AveragePool",
            &["x"],
            &[
                ("kernel_shape", is(&[3, 2])),
                ("pads", is(&[1, 1, 0, 1])),
                ("count_include_pad", A::I(1)),
            ],
        ),
        &[],
    );
    add(
        "global average pool",
        13,
        &image,
        &one("GlobalAveragePool", &["x"], &[]),
        &[],
    );
    add(
        "global average pool, one axis",
        13,
        &[-1, 4, 6],
        &one("GlobalAveragePool", &["x"], &[]),
        &[],
    );
    add(
        "mean over space",
        13,
        &image,
        &one(
            "ReduceMean",
            &["x"],
            &[("axes", is(&[2, 3])), ("keepdims", A::I(0))],
        ),
        &[],
    );
    add(
        "mean over the last axis",
        13,
        &image,
        &one("ReduceMean", &["x"], &[("axes", is(&[-1]))]),
        &[],
    );
    add(
        "mean over channels",
        13,
        &image,
        &one("ReduceMean", &["x"], &[("axes", is(&[1]))]),
        &[],
    );
    add(
        "sum over two axes",
        13,
        &image,
        &one("ReduceSum", &["x", "a"], &[("keepdims", A::I(0))]),
        &[ints("a", &[1, 3])],
    );
    add(
        "sum over all",
        13,
        &[1, 3, 2],
        &one("ReduceSum", &["x"], &[]),
        &[],
    );
    add(
        "mean, axes as operand",
        18,
        &image,
        &one("ReduceMean", &["x", "a"], &[]),
        &[ints("a", &[2, 3])],
    );
    let positive: Vec<f32> = weights(4, &[4]).1.iter().map(|v| v.abs() + 0.1).collect();
    add(
        "batch normalisation",
        15,
        &image,
        &one(
            "BatchNormalization",
            &["x", "g", "b", "m", "v"],
            &[("epsilon", A::F(1e-3))],
        ),
        &[
            w("g", 1, &[4]),
            w("b", 2, &[4]),
            w("m", 3, &[4]),
            floats("v", &[4], &positive),
        ],
    );
    add(
        "batch normalisation of features",
        9,
        &[-1, 4],
        &one(
            "BatchNormalization",
            &["x", "g", "b", "m", "v"],
            &[("momentum", A::F(0.9))],
        ),
        &[
            w("g", 1, &[4]),
            w("b", 2, &[4]),
            w("m", 3, &[4]),
            floats("v", &[4], &positive),
        ],
    );

    for (label, op) in [
        ("relu", "Relu"),
        ("tanh", "Tanh"),
        ("sigmoid", "Sigmoid"),
        ("softplus", "Softplus"),
        ("neg", "Neg"),
        ("identity", "Identity"),
    ] {
        add(label, 13, &[-1, 4], &one(op, &["x"], &[]), &[]);
    }
    add(
        "leaky relu",
        13,
        &[-1, 4],
        &one("LeakyRelu", &["x"], &[("alpha", A::F(0.3))]),
        &[],
    );
    add(
        "leaky relu, default",
        13,
        &[-1, 4],
        &one("LeakyRelu", &["x"], &[]),
        &[],
    );
    add(
        "dropout",
        9,
        &[-1, 4],
        &one("Dropout", &["x"], &[("ratio", A::F(0.7))]),
        &[],
    );

    for (label, op) in [
        ("add", "Add"),
        ("sub", "Sub"),
        ("mul", "Mul"),
        ("div", "Div"),
    ] {
        let away: Vec<f32> = weights(3, &[20]).1.iter().map(|v| v + 2.0).collect();
        for (dims, x) in [
            (&[1i64][..], &[-1i64, 5][..]),
            (&[5], &[-1, 5]),
            (&[4, 1, 1], &[-1, 4, 2, 3]),
            (&[1, 4, 1], &[1, 2, 4, 3]),
            (&[5, 4], &[-1, 5, 4]),
            (&[3, 1], &[1, 1, 5]),
            (&[1, 2, 1], &[1, 5]),
            (&[], &[-1, 2, 2]),
        ] {
            let n: i64 = dims.iter().product();
            let c = floats("w", dims, &away[..n as usize]);
            add(label, 13, x, &one(op, &xw, &[]), std::slice::from_ref(&c));
            if op != "Div" {
                add(label, 13, x, &one(op, &["w", "x"], &[]), &[c]);
            }
        }
    }
    add(
        "sum of three",
        13,
        &[-1, 4],
        &[
            node("Relu", &["x"], "r", &[]),
            node("Sum", &["x", "r", "x"], "y", &[]),
        ],
        &[],
    );
    add(
        "outer sum",
        13,
        &[-1, 4, 1],
        &[
            node("Transpose", &["x"], "t", &[("perm", is(&[0, 2, 1]))]),
            node("Sub", &["x", "t"], "y", &[]),
        ],
        &[],
    );

    add("flatten", 13, &image, &one("Flatten", &["x"], &[]), &[]);
    add(
        "flatten at the batch",
        13,
        &[1, 2, 3],
        &one("Flatten", &["x"], &[("axis", A::I(0))]),
        &[],
    );
    add(
        "flatten further",
        13,
        &[1, 2, 3],
        &one("Flatten", &["x"], &[("axis", A::I(-1))]),
        &[],
    );
    add(
        "flatten everything",
        13,
        &[1, 2, 3],
        &one("Flatten", &["x"], &[("axis", A::I(3))]),
        &[],
    );
    for (label, shape) in [
        ("reshape, batch inferred", &[-1i64, 120][..]),
        ("reshape, batch copied", &[0, 6, -1]),
        ("reshape, copied and inferred", &[0, 0, -1]),
    ] {
        add(
            label,
            13,
            &image,
            &one("Reshape", &["x", "s"], &[]),
            &[ints("s", shape)],
        );
    }
    add(
        "reshape one sample",
        13,
        &[1, 2, 6],
        &one("Reshape", &["x", "s"], &[]),
        &[ints("s", &[3, 4])],
    );
    add(
        "reshape to no batch and back",
        13,
        &[1, 6],
        &[
            node("Reshape", &["x", "s"], "r", &[]),
            node("Unsqueeze", &["r", "a"], "y", &[]),
        ],
        &[ints("s", &[-1]), ints("a", &[0])],
    );
    add(
        "squeeze",
        13,
        &[-1, 1, 3, 1],
        &one("Squeeze", &["x", "a"], &[]),
        &[ints("a", &[1, -1])],
    );
    add(
        "squeeze all",
        9,
        &[1, 1, 3, 1],
        &one("Squeeze", &["x"], &[]),
        &[],
    );
    add(
        "unsqueeze",
        9,
        &[-1, 3],
        &one("Unsqueeze", &["x"], &[("axes", is(&[1, 3]))]),
        &[],
    );
    add(
        "transpose",
        13,
        &image,
        &one("Transpose", &["x"], &[("perm", is(&[0, 3, 1, 2]))]),
        &[],
    );
    add(
        "transpose of one sample",
        13,
        &[1, 2, 3],
        &one("Transpose", &["x"], &[]),
        &[],
    );
    add(
        "concat",
        13,
        &[-1, 2, 3],
        &[
            node("Relu", &["x"], "r", &[]),
            node("Concat", &["x", "r", "x"], "y", &[("axis", A::I(-1))]),
        ],
        &[],
    );
    add(
        "concat with a constant",
        13,
        &[1, 2, 3],
        &one("Concat", &["w", "x"], &[("axis", A::I(1))]),
        &[w("w", 1, &[1, 4, 3])],
    );
    add(
        "slice",
        13,
        &[-1, 5, 6],
        &one("Slice", &["x", "s", "e", "a", "p"], &[]),
        &[
            ints("s", &[4, -5]),
            ints("e", &[i64::MIN, 100]),
            ints("a", &[1, 2]),
            ints("p", &[-2, 2]),
        ],
    );
    add(
        "slice by attributes",
        9,
        &[-1, 5, 6],
        &one(
            "Slice",
            &["x"],
            &[
                ("starts", is(&[1])),
                ("ends", is(&[-1])),
                ("axes", is(&[2])),
            ],
        ),
        &[],
    );
    add(
        "gather",
        13,
        &[-1, 5, 2],
        &one("Gather", &["x", "i"], &[("axis", A::I(1))]),
        &[ints("i", &[3, -1, 3])],
    );
    add(
        "pad",
        13,
        &[-1, 2, 3],
        &one("Pad", &["x", "p"], &[]),
        &[ints("p", &[0, 1, 2, 0, 0, 1])],
    );
    all
}

#[test]
fn every_operator_agrees_with_onnxruntime() {
    agree(cases());
}

/// Asserts that every model, and what is written of it, evaluates as
/// onnxruntime runs it, and that a written model reads back the same.
pub fn agree(cases: Vec<Case>) {
    let mut random = Random(3);
    let folder = tempfile::tempdir().unwrap();
    let mut graphs = Vec::new();
    let mut jobs = Vec::new();
    for (k, case) in cases.iter().enumerate() {
        let network =
            read_model(case.bytes.clone()).unwrap_or_else(|e| panic!("{}: {e}", case.label));
        let graph = network
            .lower()
            .unwrap_or_else(|e| panic!("{}: {e}", case.label));
        let back = write_model(&network).unwrap_or_else(|e| panic!("{}: {e}", case.label));
        let back = read_model(back).unwrap_or_else(|e| panic!("{}: {e}", case.label));
        let hash = back.lower().unwrap().content_hash();
        assert_eq!(hash, graph.content_hash(), "{}", case.label);
        let model = folder.path().join(format!("{k}.onnx"));
        std::fs::write(&model, &case.bytes).unwrap();
        let n = graph.input_shape(0).len();
        let inputs: Vec<Vec<f64>> = (0..3)
            .map(|_| (0..n).map(|_| f64::from(random.real() * 3.0)).collect())
            .collect();
        jobs.push(Job {
            model,
            inputs: inputs.clone(),
            check: false,
        });
        // And the same graph written by us.
        let model = folder.path().join(format!("{k}.unrolled.onnx"));
        network.save_unrolled(&model).unwrap();
        jobs.push(Job {
            model,
            inputs,
            check: true,
        });
        graphs.push(graph);
    }
    let Some(python) = runtime::python() else {
        return;
    };
    for (k, answer) in runtime::run_with(&python, &jobs, true)
        .into_iter()
        .enumerate()
    {
        // What the runtime cannot optimise it may refuse.
        let Ok(found) = answer else { continue };
        for (x, y) in jobs[k].inputs.iter().zip(found) {
            let what = jobs[k].model.to_string_lossy();
            runtime::within_error(&what, &graphs[k / 2], x, &y);
        }
    }
    let answers = runtime::run(&python, &jobs);
    for (k, (job, answer)) in jobs.iter().zip(answers).enumerate() {
        let what = format!("{} ({})", cases[k / 2].label, job.model.display());
        let answer = answer.unwrap_or_else(|e| panic!("{what}: {e}"));
        for (x, y) in job.inputs.iter().zip(answer) {
            runtime::agrees(&what, &graphs[k / 2], x, &y);
        }
    }
}
