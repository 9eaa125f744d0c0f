//! What the bounds prove, the checker accepts; and what it accepts holds.

use dahlquist::bounds::Method;
use dahlquist::certificate::schema::{Certificate, Hex};
use dahlquist::check::check;
use dahlquist::verify::{Norm, Property};

use crate::evidence::{
    ball, certify, evaluate, label, neurons, points, q, row_value, shifted, tightened,
};
use crate::networks::{NAMES, Numbers, by_name, image};

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
