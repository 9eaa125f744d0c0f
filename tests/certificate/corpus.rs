//! Stored certificates: `tests/certificates/good` is accepted, every file of
//! `tests/certificates/tampered` is rejected for the reason in its list.
//!
//! `DAHLQUIST_REGENERATE=1 cargo test --release --test certificate corpus`
//! writes both folders; review the difference.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use dahlquist::bounds::Method;
use dahlquist::certificate::Certificate;
use dahlquist::check::check;
use dahlquist::multistep::matrix_norm::MatrixNorm;
use dahlquist::verify::{Norm, Property};

use crate::evidence::{ball, certify, label, q, shifted};
use crate::multistep;
use crate::mutate::redigest;
use crate::networks::by_name;
use crate::root;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/certificates")
        .join(name)
}

/// Why the bytes are not accepted, `None` if they are.
fn rejection(bytes: &[u8]) -> Option<String> {
    let certificate = match Certificate::from_bytes(bytes) {
        Ok(certificate) => certificate,
        Err(e) => return Some(format!("not read: {e}")),
    };
    let graph = match &certificate {
        Certificate::Robustness(d) => Some(by_name(&d.claim.network.file)),
        Certificate::Query(d) => Some(by_name(&d.claim.network.file)),
        _ => None,
    };
    check(&certificate, graph.as_ref())
        .err()
        .map(|e| format!("not accepted: {e}"))
}

fn files(name: &str) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(folder(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn good() -> Vec<(String, Certificate)> {
    let mut list = Vec::new();
    for (name, norm) in [
        ("relu", Norm::Linf),
        ("tanh", Norm::L2),
        ("softplus", Norm::L1),
        ("residual", Norm::Linf),
        ("rk4", Norm::Linf),
        ("image", Norm::L2),
    ] {
        let graph = by_name(name);
        let region = ball(&graph, norm, q(1, 100));
        let property = Property::robust(label(&graph, &region), 3).unwrap();
        let certificate = certify(&graph, name, &region, &property, Method::Crown);
        list.push((format!("{name}-{}", norm.name()), certificate));
    }
    let graph = by_name("cancellation");
    let region = ball(&graph, Norm::Linf, q(1, 10));
    let certificate = certify(
        &graph,
        "cancellation",
        &region,
        &shifted(&graph, 0, 1),
        Method::Crown,
    );
    list.push(("cancellation-rows".into(), certificate));
    for name in ["ab2", "bdf3", "bdf7"] {
        list.push((format!("root-{name}"), root::certificate(name)));
    }
    list.push(("region-zerosnet".into(), multistep::region_of("zerosnet")));
    list.push(("cells-three-step".into(), multistep::plane()));
    let layers = multistep::layers_of((2, 1), (3, 1));
    list.push(("products-zerosnet".into(), layers));
    let ab2 = dahlquist::multistep::by_name("ab2").unwrap();
    let powers = multistep::powers_of(&ab2, MatrixNorm::L2);
    list.push(("powers-ab2".into(), powers));
    list
}

/// Text replacements, `true` where the digest is made to match again.
const TAMPERED: [(&str, &str, &str, &str, bool); 18] = [
    (
        "relu-linf",
        "radius",
        "\"eps\":\"1/100\"",
        "\"eps\":\"1/99\"",
        false,
    ),
    (
        "relu-linf",
        "radius-redigested",
        "\"eps\":\"1/100\"",
        "\"eps\":\"1/10\"",
        true,
    ),
    (
        "relu-linf",
        "clip",
        "\"clip\":[\"0\",\"1\"]",
        "\"clip\":[\"1\",\"0\"]",
        true,
    ),
    (
        "relu-linf",
        "version",
        "\"version\":1",
        "\"version\":2",
        true,
    ),
    ("relu-linf", "label", "{\"label\":", "{\"label\":1", true),
    (
        "relu-linf",
        "unknown-member",
        "\"layers\":[",
        "\"note\":1,\"layers\":[",
        true,
    ),
    ("relu-linf", "whitespace", "\"kind\":", "\"kind\": ", true),
    (
        "tanh-l2",
        "norm",
        "\"norm\":\"l2\"",
        "\"norm\":\"linf\"",
        true,
    ),
    ("tanh-l2", "semantics", "discrete", "flow", true),
    ("residual-linf", "untightened", "true", "false", true),
    ("rk4-linf", "layer-name", "stage0", "stage1", true),
    ("root-bdf3", "verdict", "strong", "unstable", true),
    ("root-bdf7", "verdict", "\"unstable\"", "\"strong\"", true),
    ("root-ab2", "counts", "\"in\":1", "\"in\":2", true),
    ("region-zerosnet", "closure", "closed", "open", true),
    (
        "cells-three-step",
        "box",
        "\"hi\":[\"2\",\"2\"]",
        "\"hi\":[\"3\",\"2\"]",
        true,
    ),
    (
        "products-zerosnet",
        "rate",
        "\"rate\":\"",
        "\"rate\":\"1",
        true,
    ),
    (
        "powers-ab2",
        "norm",
        "\"norm\":\"l2\"",
        "\"norm\":\"linf\"",
        true,
    ),
];

fn regenerate() {
    for (name, certificate) in good() {
        certificate
            .write(&folder("good").join(format!("{name}.json")))
            .unwrap();
    }
    let mut reasons = String::new();
    for (name, what, from, to, fix) in TAMPERED {
        let text = std::fs::read_to_string(folder("good").join(format!("{name}.json"))).unwrap();
        assert!(text.contains(from), "{name}: {from}");
        let changed = text.replace(from, to);
        let bytes = if fix {
            redigest(&changed)
        } else {
            changed.into_bytes()
        };
        let name = format!("{name}-{what}");
        let reason = rejection(&bytes).unwrap_or_else(|| panic!("{name} is accepted"));
        writeln!(reasons, "{name}: {reason}").unwrap();
        std::fs::write(folder("tampered").join(format!("{name}.json")), bytes).unwrap();
    }
    std::fs::write(folder("tampered").join("reasons.txt"), reasons).unwrap();
}

#[test]
fn corpus_is_judged_as_stored() {
    if std::env::var_os("DAHLQUIST_REGENERATE").is_some() {
        regenerate();
    }
    let good = files("good");
    assert!(good.len() >= 10);
    for (name, bytes) in good {
        assert_eq!(rejection(&bytes), None, "{name}");
    }
    let reasons = std::fs::read_to_string(folder("tampered").join("reasons.txt")).unwrap();
    let expected: Vec<&str> = reasons.lines().collect();
    let mut found: Vec<String> = Vec::new();
    for (name, bytes) in files("tampered") {
        let reason = rejection(&bytes).unwrap_or_else(|| panic!("{name} is accepted"));
        found.push(format!("{name}: {reason}"));
    }
    let mut sorted = expected.clone();
    sorted.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, sorted);
}
