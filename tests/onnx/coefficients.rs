//! Coefficients that are exact, and the uncertainty of those that are not.

use dahlquist::exact::Rational;
use dahlquist::graph::Op;
use dahlquist::network::Layer;
use dahlquist::network::onnx::read_model;

use crate::random::Random;
use crate::wire::{A, floats, node, simple};

#[test]
fn scalar_factors_are_exact() {
    let third = 1.0f32 / 3.0;
    let network = read_model(simple(
        13,
        &[1, 2],
        &[
            node("Mul", &["x", "c"], "m", &[]),
            node("Div", &["m", "d"], "y", &[]),
        ],
        &[floats("c", &[], &[third]), floats("d", &[1], &[3.0])],
    ))
    .unwrap();
    let coefficients: Vec<Rational> = network
        .nodes
        .iter()
        .filter_map(|n| match &n.layer {
            Layer::Op(Op::Combine(c)) => Some(c[0].clone()),
            _ => None,
        })
        .collect();
    assert_eq!(
        coefficients,
        [Rational::from_f32(third).unwrap(), Rational::from((1, 3))]
    );
}

/// Many reciprocals are sums of binary32 numbers; the uncertainty of the last
/// covers what is left.
#[test]
fn inexact_coefficients_carry_their_uncertainty() {
    let c: Vec<f32> = (0..20).map(|k| 2.0 * k as f32 + 3.0).collect();
    let network = read_model(simple(
        13,
        &[1, 20],
        &[node("Div", &["x", "c"], "y", &[])],
        &[floats("c", &[20], &c)],
    ))
    .unwrap();
    let mut parts = Vec::new();
    for node in &network.nodes {
        if let Layer::Op(Op::Linear(map)) = &node.layer {
            parts.push(map);
        }
    }
    assert_eq!(parts.len(), 3);
    assert!(parts[..2].iter().all(|map| map.uncertainty() == 0.0));
    for (o, &c) in c.iter().enumerate() {
        let mut error = Rational::from_f32(c).unwrap().recip();
        let mut last = Rational::new();
        for map in &parts {
            map.row(o, &mut |_, s| {
                last = Rational::from_f32(s).unwrap();
                error -= &last;
            });
        }
        let allowed = last.abs() * Rational::from_f64(parts[2].uncertainty()).unwrap();
        assert!(error.abs() <= allowed);
    }
    let exact = read_model(simple(
        13,
        &[1, 2],
        &[node("Div", &["x", "c"], "y", &[])],
        &[floats("c", &[2], &[4.0, -0.5])],
    ))
    .unwrap();
    let Layer::Op(Op::Linear(map)) = &exact.nodes[1].layer else {
        panic!("not linear")
    };
    assert_eq!(map.uncertainty(), 0.0);
}

/// γ / sqrt(σ² + ε) against 200-bit arithmetic.
#[test]
fn batch_normalisation_is_within_its_uncertainty() {
    let mut random = Random(5);
    let gamma: Vec<f32> = (0..64).map(|_| random.real() * 4.0).collect();
    let variance: Vec<f32> = (0..64)
        .map(|k| random.real().abs() * 10f32.powi(k % 9 - 6))
        .collect();
    let zeros = floats("z", &[64], &[0.0; 64]);
    let network = read_model(simple(
        13,
        &[1, 64],
        &[node(
            "BatchNormalization",
            &["x", "g", "z", "z", "v"],
            "y",
            &[("epsilon", A::F(1e-5))],
        )],
        &[
            floats("g", &[64], &gamma),
            zeros,
            floats("v", &[64], &variance),
        ],
    ))
    .unwrap();
    let Layer::Op(Op::Linear(map)) = &network.nodes[2].layer else {
        panic!("not linear")
    };
    for k in 0..64 {
        let inner = rug::Float::with_val(200, variance[k]) + rug::Float::with_val(200, 1e-5f32);
        let truth = rug::Float::with_val(200, gamma[k]) / inner.sqrt();
        map.row(k, &mut |_, s| {
            let error = rug::Float::with_val(200, &truth - s).abs();
            assert!(error <= rug::Float::with_val(200, s).abs() * map.uncertainty());
        });
    }
}
