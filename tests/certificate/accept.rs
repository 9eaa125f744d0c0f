//! What the bounds prove, the checker accepts; and what it accepts holds.

use std::sync::Arc;

use dahlquist::bounds::Method;
use dahlquist::certificate::schema::Property::Rows;
use dahlquist::certificate::schema::{
    Certificate, Document, FORMAT, Hex, InputBox, Kind, Layer, NetworkId, Ratio, Region,
    RobustnessClaim, RobustnessEvidence, Row, Semantics, VERSION,
};
use dahlquist::check::check;
use dahlquist::exact::Rational;
use dahlquist::graph::GraphBuilder;
use dahlquist::ops::{Dense, Relu, Reshape, Shape};
use dahlquist::verify::{Norm, Property};

use crate::evidence::{
    ball, certify, evaluate, label, neurons, points, q, row_value, shifted, tightened,
};
use crate::networks::{NAMES, Numbers, by_name, image, tensor};

#[test]
fn bounds_of_every_kind_are_accepted_and_hold_at_samples() {
    let mut r = Numbers(5);
    let mut cut = 0;
    for name in NAMES {
        let graph = by_name(name);
        for (norm, eps) in [
            (Norm::Linf, q(1, 100)),
            (Norm::Linf, q(1, 4)),
            (Norm::L2, q(1, 3)),
            (Norm::L1, q(1, 2)),
            (Norm::Linf, q(0, 1)),
        ] {
            let region = ball(&graph, norm, eps);
            let property = shifted(&graph, label(&graph, &region), 1000);
            for method in Method::ALL {
                let certificate = certify(&graph, name, &region, &property, method);
                let bytes = certificate.to_bytes().unwrap();
                let read = Certificate::from_bytes(&bytes).unwrap();
                assert_eq!(read, certificate);
                let checked = check(&read, Some(&graph))
                    .unwrap_or_else(|e| panic!("{name} {norm:?} {method:?}: {e}"));
                cut += tightened(&certificate);
                let counters = checked.counters().unwrap();
                assert_eq!(counters.by_interval + counters.by_backward, neurons(&graph));
                let proved = checked.lower().unwrap();
                let Certificate::Robustness(document) = &certificate else {
                    unreachable!("a robustness certificate")
                };
                for (proved, claimed) in proved.iter().zip(&document.claim.lower) {
                    assert!(*proved >= claimed.get());
                }
                for x in points(&region, 24, &mut r) {
                    let y = evaluate(&graph, &x);
                    for (row, proved) in property.rows().iter().zip(proved) {
                        assert!(row_value(row, &y).hi_f64() >= *proved, "{name} {norm:?}");
                    }
                }
            }
        }
    }
    assert!(cut > 50, "only {cut} boxes needed a backward pass");
}

#[test]
fn uncertain_weights_are_covered() {
    // The claim about scale 1.5 (1 ± 2^-7) holds for both ends of the range.
    let u = 0.0078125;
    let graph = image(1.5, u);
    let region = ball(&graph, Norm::Linf, q(1, 50));
    let property = shifted(&graph, label(&graph, &region), 1000);
    let mut r = Numbers(6);
    for method in Method::ALL {
        let certificate = certify(&graph, "image", &region, &property, method);
        let checked = check(&certificate, Some(&graph)).unwrap();
        for x in points(&region, 40, &mut r) {
            for scale in [1.5 * (1.0 - u), 1.5 * (1.0 + u)] {
                let y = evaluate(&image(scale as f32, 0.0), &x);
                for (row, proved) in property.rows().iter().zip(checked.lower().unwrap()) {
                    assert!(row_value(row, &y).hi_f64() >= *proved);
                }
            }
        }
    }
}

/// Whatever the evidence says: if it is accepted, the proved bounds hold.
#[test]
fn arbitrary_evidence_never_proves_too_much() {
    let mut r = Numbers(7);
    let (mut accepted, mut rejected) = (0, 0);
    for round in 0..300 {
        let name = NAMES[round % NAMES.len()];
        let graph = by_name(name);
        let norm = Norm::ALL[round / NAMES.len() % 3];
        let region = ball(&graph, norm, q(1 + (round % 7) as i64, 16));
        let property = shifted(&graph, label(&graph, &region), 1_000_000);
        let mut certificate = certify(&graph, name, &region, &property, Method::Crown);
        let Certificate::Robustness(document) = &mut certificate else {
            unreachable!("a robustness certificate")
        };
        for lower in &mut document.claim.lower {
            *lower = Hex::new(1.0).unwrap();
        }
        for layer in &mut document.evidence.layers {
            for i in 0..layer.lo.len() {
                let mut noise = |size: f64| Hex::new(size * r.unit()).unwrap().get();
                let new = |x: f64| Hex::new(x).unwrap();
                let widen = noise(0.5).max(0.0);
                layer.lo[i] = new(layer.lo[i].get() - widen + noise(1e-4).max(0.0) * widen);
                layer.hi[i] = new(layer.hi[i].get() + widen);
                layer.lower_slope[i] = new(layer.lower_slope[i].get() + noise(0.7));
                layer.upper_slope[i] = new(layer.upper_slope[i].get() + noise(0.7));
                layer.tightened[i] = true;
            }
        }
        let Ok(checked) = check(&certificate, Some(&graph)) else {
            rejected += 1;
            continue;
        };
        accepted += 1;
        for x in points(&region, 16, &mut r) {
            let y = evaluate(&graph, &x);
            for (row, proved) in property.rows().iter().zip(checked.lower().unwrap()) {
                assert!(row_value(row, &y).hi_f64() >= *proved, "{name} {norm:?}");
            }
        }
    }
    assert!(accepted > 50, "{accepted} accepted, {rejected} rejected");
}

#[test]
fn a_row_is_at_best_its_exact_minimum() {
    // relu(2 x₁ − 1) over x₁ ∈ [3/8, 5/8]: least value 0, at a corner; with the
    // constant 1 the bound is exactly 1 and nothing above it is proved.
    let graph = by_name("cancellation");
    let region = dahlquist::verify::Region::new(vec![0.5, 0.5], Norm::Linf, q(1, 8), None).unwrap();
    let property = shifted(&graph, 0, 1);
    let certificate = certify(&graph, "cancellation", &region, &property, Method::Crown);
    assert_eq!(tightened(&certificate), 1);
    let checked = check(&certificate, Some(&graph)).unwrap();
    assert!(checked.lower().unwrap()[0] <= 1.0);
    let Certificate::Robustness(document) = certificate else {
        unreachable!("a robustness certificate")
    };
    let layer = &document.evidence.layers[1];
    assert!((layer.lo[0].get() + 0.25).abs() < 1e-12 && (layer.hi[0].get() - 0.25).abs() < 1e-12);
}

#[test]
fn a_label_is_written_as_such() {
    let graph = by_name("relu");
    let region = ball(&graph, Norm::Linf, q(1, 1000));
    let property = Property::robust(label(&graph, &region), 3).unwrap();
    let certificate = certify(&graph, "relu", &region, &property, Method::Crown);
    let text = String::from_utf8(certificate.to_bytes().unwrap()).unwrap();
    assert!(
        text.contains("\"property\":{\"robust\":{\"label\":"),
        "{text}"
    );
    check(&certificate, Some(&graph)).unwrap();
}

/// Numbers so small that a rounding to the checker's grid shows in the result:
/// what is proved stays below the exact minimum, known in rationals.
#[test]
fn every_rounding_is_paid_for() {
    let mut r = Numbers(12);
    let mut accepted = 0;
    for _ in 0..2000 {
        let (n, m) = (2, 2);
        let ratio = |r: &mut Numbers| {
            let p = 1 + (r.bits() % 30) as i64;
            q(
                if r.bits().is_multiple_of(2) { p } else { -p },
                1 + r.bits() % 30,
            )
        };
        // Weights, biases and lower slopes: either below the grid, with the
        // identity as relaxation; or of usual size with boxes that binary64
        // holds exactly, and any slope. In both no slack hides a rounding.
        let tiny = r.bits().is_multiple_of(2);
        let dyadic = |r: &mut Numbers, unit: i32| (r.unit() * 64.0).round() * 2f64.powi(-unit);
        let (weights, bias): (Vec<f32>, Vec<f32>) = if tiny {
            let w = (0..n * m).map(|_| (r.unit() * 2f64.powi(-114)) as f32);
            let w = w.collect();
            let b = (0..m).map(|_| (2f64.powi(-108) * (2.0 + r.unit())) as f32);
            (w, b.collect())
        } else {
            let w = (0..n * m).map(|_| dyadic(&mut r, 6) as f32).collect();
            (w, vec![8.0; m])
        };
        // y = c relu(W x + b), and the rectifier is the identity there.
        let c = ratio(&mut r);
        let mut b = GraphBuilder::new();
        let x = b.input("x", Shape::new(&[n]));
        let dense = Dense::new(
            tensor("w", &[m, n], weights.clone()),
            Some(tensor("b", &[m], bias.clone())),
        );
        let h = b.linear("fc", Arc::new(dense.unwrap()), x).unwrap();
        let h = b.pointwise("act", Arc::new(Relu), h).unwrap();
        let mut y = b.combine("scale", &[(c.clone(), h)]).unwrap();
        // Sometimes the output is linear, which is another path of the checker.
        if r.bits().is_multiple_of(2) {
            let map = Reshape::new(Shape::new(&[m]), Shape::new(&[m, 1])).unwrap();
            y = b.linear("out", Arc::new(map), y).unwrap();
        }
        let graph = b.finish(y).unwrap();

        let exact = |v: f32| Rational::from_f32(v).unwrap();
        let region: Vec<(Rational, Rational)> = (0..n)
            .map(|_| {
                if tiny {
                    let lo: Rational = ratio(&mut r) / 40;
                    return (lo.clone(), lo + q(1, 1 + r.bits() % 50));
                }
                let lo = Rational::from_f64(dyadic(&mut r, 6)).unwrap();
                (lo.clone(), lo + q(1, 16))
            })
            .collect();
        let row: Vec<Rational> = (0..m).map(|_| ratio(&mut r)).collect();
        let least = |coefficients: &[Rational]| -> Rational {
            let ends = coefficients.iter().zip(&region);
            ends.map(|(c, (lo, hi))| Rational::from(c * if *c < 0 { hi } else { lo }))
                .sum()
        };
        let column = |o: usize, i: usize| exact(weights[o * n + i]);
        let mut pulled = vec![Rational::new(); n];
        let mut offset = Rational::new();
        for o in 0..m {
            let l = Rational::from(&row[o] * &c);
            for (i, pulled) in pulled.iter_mut().enumerate() {
                *pulled += &l * column(o, i);
            }
            offset += l * exact(bias[o]);
        }
        let target = q(1 + (r.bits() % 1000) as i64, 1 << 10) >> (108 + (r.bits() % 10) as u32);
        let constant = target.clone() - offset - least(&pulled);

        let number = |x: f64| Hex::new(x).unwrap();
        let (mut lo, mut hi) = (Vec::new(), Vec::new());
        for (o, &bias) in bias.iter().enumerate() {
            let w: Vec<Rational> = (0..n).map(|i| column(o, i)).collect();
            let minus: Vec<Rational> = w.iter().map(|w| Rational::from(-w)).collect();
            let down = least(&w) + exact(bias);
            assert!(down > 0, "the rectifier is the identity");
            let up = exact(bias) - least(&minus);
            if tiny {
                lo.push(number(down.to_f64().next_down() * 0.999));
                hi.push(number(up.to_f64().next_up() * 1.001));
            } else {
                assert!(Rational::from_f64(down.to_f64()).unwrap() == down);
                lo.push(number(down.to_f64()));
                hi.push(number(up.to_f64()));
            }
        }
        let mut slope = || {
            (0..m)
                .map(|_| number(0.5 + 0.5 * r.unit()))
                .collect::<Vec<_>>()
        };
        let ratios = |v: &[Rational]| v.iter().cloned().map(Ratio).collect::<Vec<_>>();
        let (least_x, most_x): (Vec<_>, Vec<_>) = region.iter().cloned().unzip();
        let document = Document {
            format: FORMAT.into(),
            version: VERSION,
            tool: "test".into(),
            kind: Kind::Robustness,
            claim: RobustnessClaim {
                network: NetworkId {
                    file: String::new(),
                    sha256: String::new(),
                    graph: graph.content_hash(),
                },
                semantics: Semantics::Discrete,
                region: Region::Box(InputBox {
                    lo: ratios(&least_x),
                    hi: ratios(&most_x),
                }),
                property: Rows(vec![Row {
                    coefficients: ratios(&row),
                    constant: Ratio(constant),
                }]),
                lower: vec![number(f64::from_bits(1))],
            },
            evidence: RobustnessEvidence {
                layers: vec![Layer {
                    node: 2,
                    name: "act".into(),
                    lo,
                    hi,
                    lower_slope: slope(),
                    upper_slope: slope(),
                    tightened: vec![true; m],
                }],
            },
        };
        if let Ok(checked) = check(&Certificate::Robustness(document), Some(&graph)) {
            accepted += 1;
            let proved = Rational::from_f64(checked.lower().unwrap()[0]).unwrap();
            assert!(proved <= target, "{proved} above {target}");
        }
    }
    assert!(accepted > 300, "{accepted}");
}
