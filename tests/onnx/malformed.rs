//! Malformed files: a typed error or a valid network, never a panic, and memory
//! within a bound.

use std::process::Command;

use dahlquist::network::onnx::{Error, read_model, write_model};
use dahlquist::network::{Network, file};
use proptest::prelude::*;

use crate::random::{self, Random};
use crate::wire::{
    A, bytes, floats, graph, ints, model, node, node_in, number, simple, tensor, value,
};

/// Reads; a network that is accepted must be valid.
fn read(bytes: Vec<u8>) -> Result<Network, Error> {
    let network = read_model(bytes)?;
    // Blocks of many steps are left alone: lowering them takes long.
    if network.ode_blocks().all(|(_, b)| b.steps < 20) {
        network.lower().expect("what is read can be lowered");
    }
    Ok(network)
}

fn error(bytes: Vec<u8>) -> String {
    read(bytes).expect_err("malformed").to_string()
}

fn a_model() -> Vec<u8> {
    let seed = (0..).find(|&s| random::network(s).ode_blocks().count() == 1);
    write_model(&random::network(seed.unwrap())).unwrap()
}

#[test]
fn every_prefix() {
    let whole = a_model();
    for n in 0..whole.len() {
        let _ = read(whole[..n].to_vec());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6000))]

    #[test]
    fn flipped_bytes(seed in 0u64..200, flips in prop::collection::vec(any::<(u32, u8)>(), 1..6)) {
        let mut bytes = write_model(&random::network(seed)).unwrap();
        let n = bytes.len();
        for (at, value) in flips {
            bytes[at as usize % n] ^= value;
        }
        let _ = read(bytes);
    }

    #[test]
    fn cut_and_joined(seed in 0u64..200, other in 0u64..200, cut in any::<(u32, u32)>()) {
        let a = write_model(&random::network(seed)).unwrap();
        let b = write_model(&random::network(other)).unwrap();
        let joined = [&a[..cut.0 as usize % a.len()], &b[cut.1 as usize % b.len()..]].concat();
        let _ = read(joined);
    }

    #[test]
    fn noise(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(bytes);
    }
}

/// One number of a valid file replaced by an extreme one.
#[test]
fn extreme_attributes() {
    let extremes = [0, -1, 1, 2, 1 << 24, 1 << 31, 1 << 40, i64::MAX, i64::MIN];
    let mut random = Random(2);
    let w = floats("w", &[2, 3, 2, 2], &[0.5; 24]);
    for _ in 0..4000 {
        let mut pick = |usual: i64| match random.below(3) {
            0 => extremes[random.below(extremes.len())],
            _ => usual,
        };
        let conv = [
            ("group", A::I(pick(1))),
            ("strides", A::Is(vec![pick(1), pick(2)])),
            ("pads", A::Is(vec![pick(0), pick(1), pick(1), pick(0)])),
            ("dilations", A::Is(vec![pick(1), pick(1)])),
        ];
        let auto = [
            ("auto_pad", A::S("SAME_LOWER")),
            conv[1].clone(),
            conv[3].clone(),
        ];
        let pool = [
            ("kernel_shape", A::Is(vec![pick(2), pick(3)])),
            conv[1].clone(),
            conv[2].clone(),
            ("count_include_pad", A::I(1)),
        ];
        let x = [pick(1), pick(3), pick(6), pick(5)];
        let list = |v: Vec<i64>| ints("i", &v);
        let two = list(vec![pick(1), pick(-2)]);
        let four = list(vec![pick(0), pick(3), pick(-1), pick(2)]);
        let eight = list((0..8).map(|_| pick(0)).collect());
        let axis = [("axis", A::I(pick(1)))];
        let axes = [("axes", A::Is(vec![pick(1), pick(2)]))];
        let inputs = ["x", "i"];
        for (op, inputs, attributes, init) in [
            ("Conv", &["x", "w"][..], &conv[..], &w),
            ("Conv", &["x", "w"], &auto, &w),
            ("AveragePool", &["x"], &pool, &w),
            ("Reshape", &inputs, &[], &four),
            ("Gather", &inputs, &axis, &two),
            ("Pad", &inputs, &[], &eight),
            ("Flatten", &["x"], &axis, &w),
            ("Concat", &["x", "x"], &axis, &w),
            ("Squeeze", &inputs, &[], &two),
            ("Unsqueeze", &inputs, &[], &two),
            ("ReduceSum", &inputs, &[], &two),
            ("ReduceMean", &["x"], &axes, &w),
            ("Slice", &["x", "i", "i", "i", "i"], &[], &two),
            (
                "Transpose",
                &["x"],
                &[("perm", A::Is(vec![0, pick(2), pick(1), 3]))],
                &w,
            ),
        ] {
            let nodes = [node(op, inputs, "y", attributes)];
            let _ = read(simple(13, &x, &nodes, std::slice::from_ref(init)));
        }
    }
}

#[test]
fn named_errors() {
    let relu = || node("Relu", &["x"], "y", &[]);
    let gemm = || node("Gemm", &["x", "w"], "y", &[]);
    let w = |dims: &[i64], v: &[f32]| floats("w", dims, v);
    let mut external = floats("w", &[2, 2], &[]);
    let mut entry = Vec::new();
    bytes(1, b"location", &mut entry);
    bytes(2, b"/etc/passwd", &mut entry);
    bytes(13, &entry, &mut external);
    number(14, 1, &mut external);
    let x2 = [1i64, 2];
    let three = |v: f32| floats("v", &[2], &[v; 2]);
    let batch_norm = || node("BatchNormalization", &["x", "v", "v", "v", "v"], "y", &[]);
    let cases: Vec<(Vec<u8>, &[&str])> = vec![
        (vec![], &["no graph"]),
        (
            simple(13, &x2, &[gemm()], &[]),
            &["\"w\"", "not defined", "node y"],
        ),
        (
            simple(13, &x2, &[node("Add", &["x", "y"], "y", &[])], &[]),
            &["\"y\"", "not defined"],
        ),
        (
            simple(
                13,
                &x2,
                &[
                    node("Relu", &["b"], "y", &[]),
                    node("Relu", &["y"], "b", &[]),
                ],
                &[],
            ),
            &["\"b\""],
        ),
        (simple(13, &x2, &[relu(), relu()], &[]), &["\"y\"", "twice"]),
        (
            simple(13, &x2, &[node("Relu", &["x"], "x", &[])], &[]),
            &["\"x\"", "twice"],
        ),
        (
            simple(13, &x2, &[node("Relu", &["x"], "z", &[])], &[]),
            &["\"y\"", "output"],
        ),
        (
            simple(13, &x2, &[gemm()], &[w(&[3, 2], &[0.0; 6])]),
            &["node y", "[1, 2]", "3 rows"],
        ),
        (
            simple(13, &x2, &[gemm()], &[w(&[2, 2], &[0.0; 3])]),
            &["tensor w", "3 elements"],
        ),
        (
            simple(
                13,
                &x2,
                &[gemm()],
                &[w(&[2, 2], &[0.0, 1.0, f32::NAN, 0.0])],
            ),
            &["tensor w", "element 1", "NaN"],
        ),
        (
            simple(13, &x2, &[gemm()], &[w(&[2, 1], &[0.0, f32::INFINITY])]),
            &["tensor w", "inf"],
        ),
        (
            simple(13, &x2, &[gemm()], &[w(&[1 << 40, 1 << 40], &[])]),
            &["tensor w", "countable"],
        ),
        (
            simple(13, &x2, &[gemm()], &[w(&[1 << 40, 2], &[])]),
            &["tensor w", "0 elements"],
        ),
        (
            simple(13, &x2, &[gemm()], &[w(&[-2, 2], &[])]),
            &["tensor w", "not negative"],
        ),
        (
            simple(13, &x2, &[gemm()], &[tensor("w", &[2, 2], 1, &[0; 15])]),
            &["tensor w", "15 bytes"],
        ),
        (
            simple(13, &x2, &[gemm()], &[tensor("w", &[2, 2], 16, &[0; 8])]),
            &["tensor w", "type 16"],
        ),
        (
            simple(
                13,
                &x2,
                &[gemm()],
                &[tensor("w", &[1, 1], 11, &f64::NAN.to_le_bytes())],
            ),
            &["tensor w", "NaN", "finite"],
        ),
        (
            simple(13, &x2, &[gemm()], &[external]),
            &["tensor w", "another file"],
        ),
        (
            simple(13, &x2, &[batch_norm()], &[three(-1.0)]),
            &["node y", "σ² = -1"],
        ),
        (
            simple(13, &x2, &[batch_norm()], &[three(f32::NAN)]),
            &["node y", "NaN"],
        ),
        (
            simple(
                13,
                &x2,
                &[node("Div", &["x", "v"], "y", &[])],
                &[three(0.0)],
            ),
            &["node y", "zero"],
        ),
        (
            simple(
                13,
                &x2,
                &[node("Mul", &["x", "v"], "y", &[])],
                &[three(f32::NAN)],
            ),
            &["node y", "NaN"],
        ),
        (
            simple(13, &x2, &[node("Mod", &["x", "x"], "y", &[])], &[]),
            &["node y", "Mod", "opset 13"],
        ),
        (
            simple(13, &x2, &[node("Einsum", &["x"], "y", &[])], &[]),
            &["node y", "Einsum", "\"\"", "opset 13"],
        ),
        (
            simple(
                13,
                &x2,
                &[node_in("com.example", "Relu", &["x"], "y", &[])],
                &[],
            ),
            &["com.example"],
        ),
        (
            simple(
                13,
                &x2,
                &[node("Relu", &["x"], "y", &[("beta", A::I(1))])],
                &[],
            ),
            &["node y", "beta"],
        ),
        (
            simple(
                13,
                &x2,
                &[node("LeakyRelu", &["x"], "y", &[("alpha", A::I(1))])],
                &[],
            ),
            &["alpha", "type 2"],
        ),
        (
            simple(
                13,
                &x2,
                &[node("LeakyRelu", &["x"], "y", &[("alpha", A::F(f32::NAN))])],
                &[],
            ),
            &["alpha", "NaN"],
        ),
        (simple(6, &x2, &[relu()], &[]), &["version 6"]),
        (simple(99, &x2, &[relu()], &[]), &["version 99"]),
        (
            simple(13, &[3, 2], &[relu()], &[]),
            &["input x", "[3, 2]", "batch axis"],
        ),
        (
            simple(13, &[-1, -1], &[relu()], &[]),
            &["input x", "[?, ?]"],
        ),
        (
            simple(13, &[1, 1 << 30], &[relu()], &[]),
            &["value x", "2^24"],
        ),
        (
            simple(
                13,
                &[-1, 4],
                &[node("Concat", &["x", "x"], "y", &[("axis", A::I(0))])],
                &[],
            ),
            &["symbolic batch"],
        ),
        (
            simple(
                13,
                &[-1, 4],
                &[node("Reshape", &["x", "s"], "y", &[])],
                &[ints("s", &[-1, 2])],
            ),
            &["symbolic batch"],
        ),
        (
            simple(
                13,
                &x2,
                &[node("Constant", &[], "y", &[("value", A::T(three(1.0)))])],
                &[],
            ),
            &["output y", "constant"],
        ),
        (
            model(
                13,
                &graph(
                    &[relu()],
                    &[],
                    &[value("x", Some(&x2)), value("z", Some(&x2))],
                    "y",
                ),
            ),
            &["2 inputs"],
        ),
    ];
    for (k, (bytes, parts)) in cases.into_iter().enumerate() {
        let message = error(bytes);
        for part in parts {
            assert!(
                message.contains(part),
                "case {k}: {message:?} lacks {part:?}"
            );
        }
    }
}

/// A function of the model's own may stand for the operator of the same name.
#[test]
fn redefined_operators() {
    let with = |domain: &str| {
        let mut function = Vec::new();
        bytes(1, b"Relu", &mut function);
        bytes(10, domain.as_bytes(), &mut function);
        let mut file = simple(17, &[1, 2], &[node("Relu", &["x"], "y", &[])], &[]);
        bytes(25, &function, &mut file);
        file
    };
    for domain in ["", "ai.onnx", "ai.dahlquist"] {
        let message = error(with(domain));
        assert!(message.contains("function Relu"), "{domain:?}: {message}");
    }
    // Nodes of another domain are refused where they stand.
    read(with("local")).unwrap();
}

#[test]
fn files_that_are_not_models() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.onnx");
    for contents in [
        &b"hello"[..],
        &[0x1f, 0x8b],
        &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0, 1, 2],
    ] {
        std::fs::write(&path, contents).unwrap();
        let e = Network::load(&path).unwrap_err();
        assert!(e.to_string().contains("bad.onnx"), "{e}");
    }
    assert!(matches!(
        Network::load(folder.path()),
        Err(file::Error::Io { .. })
    ));
}

/// Files of a few MiB that ask for as much memory as they can.
fn hostile() -> Vec<Vec<u8>> {
    let repeated = |field: u64, inner: &[u8], n: usize| {
        let mut out = Vec::new();
        (0..n).for_each(|_| bytes(field, inner, &mut out));
        out
    };
    let in_graph = |inner: &[u8]| {
        let mut out = Vec::new();
        bytes(7, inner, &mut out);
        out
    };
    let n = 4 << 20;
    let mut all = vec![
        in_graph(&repeated(1, &[], n)),
        in_graph(&repeated(5, &[], n)),
        in_graph(&repeated(11, &[], n)),
        in_graph(&repeated(1, &repeated(1, &[], n), 1)),
        in_graph(&repeated(1, &repeated(5, &repeated(9, &[], n), 1), 1)),
        in_graph(&repeated(1, &repeated(5, &repeated(11, &[], n), 1), 1)),
        repeated(8, &[], n),
    ];
    let mut dims = Vec::new();
    (0..n).for_each(|_| number(1, 1, &mut dims));
    all.push(in_graph(&repeated(5, &dims, 1)));
    let mut nested = Vec::new();
    for _ in 0..40 {
        let mut attribute = Vec::new();
        bytes(6, &nested, &mut attribute);
        nested = repeated(1, &repeated(5, &attribute, 1), 1);
    }
    all.push(in_graph(&nested));
    // Tensors that grow: doubling, transposed, repeated, padded.
    let names: Vec<String> = (0..200).map(|k| format!("v{k}")).collect();
    let chain =
        |operator: &str, two: bool, attributes: &[(&str, A)], x: &[i64], init: &[Vec<u8>]| {
            let mut nodes = Vec::new();
            for k in 0..names.len() {
                let x = if k == 0 { "x" } else { &names[k - 1] };
                let inputs: Vec<&str> = match (two, init.is_empty()) {
                    (true, _) => vec![x, x],
                    (false, true) => vec![x],
                    (false, false) => vec![x, "c"],
                };
                nodes.push(node(operator, &inputs, &names[k], attributes));
            }
            simple(13, x, &nodes, init)
        };
    let large = [1, 4096, 4096];
    all.push(chain("Concat", true, &[("axis", A::I(1))], &[1, 2], &[]));
    all.push(chain(
        "Transpose",
        false,
        &[("perm", A::Is(vec![0, 2, 1]))],
        &large,
        &[],
    ));
    all.push(chain("ReduceSum", false, &[], &[1, 2, 1 << 23], &[]));
    all.push(chain(
        "Pad",
        false,
        &[],
        &[1, 2],
        &[ints("c", &[0, 0, 0, 1 << 23])],
    ));
    all.push(chain(
        "Add",
        false,
        &[],
        &large,
        &[floats("c", &[2], &[1.0, 2.0])],
    ));
    all.push(chain(
        "Add",
        false,
        &[],
        &large,
        &[floats("c", &[4096, 1, 1], &[1.5; 4096])],
    ));
    all.push(chain(
        "Mul",
        false,
        &[],
        &[1, 1, 4096, 4096],
        &[floats("c", &[2, 1, 1], &[1.0, 2.0])],
    ));
    all.push(chain(
        "MatMul",
        false,
        &[],
        &[1, 1 << 20, 16],
        &[floats("c", &[16, 16], &[1.5; 256])],
    ));
    // Wide numbers in every coefficient.
    let wide = format!("1/{}", "7".repeat(4000));
    let many = A::Ss(vec![wide; 2000]);
    let field = graph(
        &[node("Relu", &["z"], "f", &[])],
        &[],
        &[value("z", None)],
        "f",
    );
    let block = |b: A| {
        let attributes = [
            ("field", A::G(field.clone())),
            ("method", A::S("runge_kutta")),
            ("b", b),
            ("steps", A::I(100_000)),
            ("t0", A::S("0")),
            ("t1", A::S("1")),
        ];
        simple(
            13,
            &[1, 2],
            &[node_in(
                "ai.dahlquist",
                "OdeBlock",
                &["x"],
                "y",
                &attributes,
            )],
            &[],
        )
    };
    all.push(block(many));
    all.push(block(A::Ss(vec!["1".into()])));
    all
}

/// Runs itself with 2 GiB of address space: an allocation beyond aborts.
#[cfg(unix)]
#[test]
fn hostile_files_take_bounded_memory() {
    const INSIDE: &str = "DAHLQUIST_TEST_LIMITED";
    if std::env::var_os(INSIDE).is_some() {
        for (k, bytes) in hostile().into_iter().enumerate() {
            let length = bytes.len();
            let start = std::time::Instant::now();
            let found = match read_model(bytes) {
                Ok(_) => "read".to_string(),
                Err(e) => e.to_string(),
            };
            println!("#{k}: {length} bytes: {found:.120} {:?}", start.elapsed());
        }
        return;
    }
    let output = Command::new("sh")
        .args(["-c", "ulimit -v 2097152 && exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "malformed::hostile_files_take_bounded_memory",
            "--nocapture",
        ])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    println!("{text}");
}
