//! What the bounds prove, the checker accepts; and what it accepts holds.

use std::sync::Arc;

use dahlquist::bounds::{Method, analyze};
use dahlquist::certificate::schema::{self, Property::Rows};
use dahlquist::certificate::schema::{
    Certificate, Document, FORMAT, Hex, InputBox, Kind, Layer, NetworkId, Ratio, RobustnessClaim,
    RobustnessEvidence, Row, Semantics, VERSION,
};
use dahlquist::check::{Rejection, check};
use dahlquist::exact::Rational;
use dahlquist::graph::GraphBuilder;
use dahlquist::network::random::{self, Tape};
use dahlquist::ops::{Dense, Diagonal, Relu, Reshape, Shape};
use dahlquist::verify::{self, Norm, Property, Region};

use crate::evidence::{
    ball, certify, evaluate, label, neurons, points, q, row_value, shifted, tightened, try_certify,
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
            for method in [Method::Interval, Method::Crown] {
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
    for method in [Method::Interval, Method::Crown] {
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

/// `y_i = s_i (1 ± u) x_i` alone, whose least row is known exactly.
#[test]
fn the_whole_uncertainty_is_covered() {
    let mut r = Numbers(8);
    for _ in 0..200 {
        let u = 2f64.powi(-3 - (r.bits() % 9) as i32);
        let scales = r.list(2, 2.0);
        let mut b = GraphBuilder::new();
        let shape = Shape::new(&[2]);
        let x = b.input("x", shape.clone());
        let s = tensor("s", &[2], scales.clone());
        let map = Diagonal::new(s, tensor("t", &[2], vec![0.0; 2]), shape, u).unwrap();
        let mut y = b.linear("scale", Arc::new(map), x).unwrap();
        if r.coin() {
            // Not linear at the end: the box alone, or the whole pass.
            y = b.combine("twice", &[(q(2, 1), y)]).unwrap();
        }
        let twice = if y.index() == 2 { 2 } else { 1 };
        let graph = b.finish(y).unwrap();
        let eps = if r.coin() { q(0, 1) } else { q(1, 4) };
        let point = eps == 0;
        let region = Region::new(r.list(2, 1.0), Norm::Linf, eps, None).unwrap();
        let row = [q(1, 1), q(-1, 1)];
        let mut least = Rational::new();
        for i in 0..2 {
            let (lo, hi) = region.range(i);
            let true_scale = |sign: f64| {
                exact(scales[i]) * (Rational::from(1) + Rational::from_f64(sign * u).unwrap())
            };
            let at = |s: Rational, x: &Rational| (&row[i] * s) * x * twice;
            let ends = [(-1.0, &lo), (-1.0, &hi), (1.0, &lo), (1.0, &hi)];
            least += ends
                .map(|(sign, x)| at(true_scale(sign), x))
                .into_iter()
                .min()
                .unwrap();
        }
        let constant = Rational::from(1) - &least;
        let property = Property::new(vec![verify::Row {
            coefficients: row.to_vec(),
            constant,
        }]);
        let certificate = certify(
            &graph,
            "uncertain",
            &region,
            &property.unwrap(),
            Method::Crown,
        );
        let checked = check(&certificate, Some(&graph)).unwrap();
        assert!(checked.lower().unwrap()[0] <= 1.0);
        // At a point the bound is sharp; on a box it takes |x|_max everywhere.
        assert!(!point || checked.lower().unwrap()[0] > 0.999_999);
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
    let region = Region::new(vec![0.5, 0.5], Norm::Linf, q(1, 8), None).unwrap();
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

/// The checker's roundings one by one: where all but one kind of step is exact
/// and no slack of binary64 hides it, what is proved stays below the exact
/// minimum, which is known in rationals.
#[test]
fn every_rounding_is_paid_for() {
    let mut r = Numbers(12);
    let accepted = (0..4000).filter(|_| rounding_case(&mut r)).count();
    assert!(accepted > 2000, "{accepted}");
}

fn ratio(r: &mut Numbers) -> Rational {
    let p = 1 + (r.bits() % 30) as i64;
    q(if r.coin() { p } else { -p }, 1 + r.bits() % 30)
}

fn exact(v: f32) -> Rational {
    Rational::from_f32(v).unwrap()
}

fn hex(x: f64) -> Hex {
    Hex::new(x).unwrap()
}

/// `row · c relu(W (c₀ x) + b) + constant` with a known minimum; whether it was
/// accepted.
fn rounding_case(r: &mut Numbers) -> bool {
    const N: usize = 2;
    const GRID: u32 = 192; // as in src/check/grid.rs
    // An integer, which rounds nothing, or a fraction.
    let factor = |r: &mut Numbers| match r.coin() {
        true => Rational::from(2 + (r.bits() % 3) as i64) * if r.coin() { 1 } else { -1 },
        false => ratio(r),
    };
    // Weights so small that a product with a fraction leaves the grid, or of
    // usual size and on it.
    let tiny = r.coin();
    let (weights, mut bias): (Vec<f32>, Vec<f32>) = if tiny {
        let w = (0..N * N).map(|_| (r.unit() * 2f64.powi(-118)) as f32);
        let w = w.collect();
        let b = (0..N).map(|_| (2f64.powi(-108) * (2.0 + r.unit())) as f32);
        (w, b.collect())
    } else {
        let w = (0..N * N).map(|_| ((r.unit() * 64.0).round() / 64.0) as f32);
        (w.collect(), vec![128.0; N])
    };
    let (first, c) = (factor(r), factor(r));
    let point = r.coin();
    let region: Vec<(Rational, Rational)> = (0..N)
        .map(|_| {
            let lo = q((r.unit() * 64.0).round() as i64, 64);
            (lo.clone(), lo + if point { q(0, 1) } else { q(1, 16) })
        })
        .collect();
    // The line of slope s through a point box is exact on both sides of 0; on
    // other boxes the identity is. Both need the box exact in binary64.
    let boxes_are_exact = !tiny && *first.denom() == 1;
    let any_slope = boxes_are_exact && point;
    if any_slope && r.coin() {
        bias[0] = -128.0;
    }

    let mut b = GraphBuilder::new();
    let x = b.input("x", Shape::new(&[N]));
    let scaled = b.combine("first", &[(first.clone(), x)]).unwrap();
    let weight = tensor("w", &[N, N], weights.clone());
    let dense = Dense::new(weight, Some(tensor("b", &[N], bias.clone()))).unwrap();
    let h = b.linear("fc", Arc::new(dense), scaled).unwrap();
    let h = b.pointwise("act", Arc::new(Relu), h).unwrap();
    let mut y = b.combine("scale", &[(c.clone(), h)]).unwrap();
    if r.coin() {
        // A linear output is another path of the checker.
        let map = Reshape::new(Shape::new(&[N]), Shape::new(&[N, 1])).unwrap();
        y = b.linear("out", Arc::new(map), y).unwrap();
    }
    let graph = b.finish(y).unwrap();
    let node = graph.nodes().iter().position(|n| n.name == "act").unwrap();

    let least = |coefficients: &[Rational]| -> Rational {
        let ends = coefficients.iter().zip(&region);
        ends.map(|(c, (lo, hi))| Rational::from(c * if *c < 0 { hi } else { lo }))
            .sum()
    };
    let row: Vec<Rational> = (0..N).map(|_| factor(r)).collect();
    let mut pulled = vec![Rational::new(); N];
    let mut offset = Rational::new();
    let (mut lo, mut hi) = (Vec::new(), Vec::new());
    for o in 0..N {
        let w: Vec<Rational> = (0..N).map(|i| exact(weights[o * N + i]) * &first).collect();
        let minus: Vec<Rational> = w.iter().map(|w| Rational::from(-w)).collect();
        let (down, up) = (least(&w) + exact(bias[o]), exact(bias[o]) - least(&minus));
        if bias[o] > 0.0 {
            assert!(down > 0, "the rectifier is the identity");
            let l = Rational::from(&row[o] * &c);
            for (pulled, w) in pulled.iter_mut().zip(&w) {
                *pulled += Rational::from(&l * w);
            }
            offset += l * exact(bias[o]);
        }
        if boxes_are_exact {
            assert_eq!(Rational::from_f64(down.to_f64()).unwrap(), down);
            lo.push(hex(down.to_f64()));
            hi.push(hex(up.to_f64()));
        } else {
            lo.push(hex(down.to_f64() * 0.999));
            hi.push(hex(up.to_f64() * 1.001));
        }
    }
    // A minimum near that of the grid, moved so that the row's constant is on it.
    let wanted = q(1 + (r.bits() % 1000) as i64, 1 << 10) >> (GRID - 21 + (r.bits() % 8) as u32);
    let without = offset + least(&pulled);
    let constant = (Rational::from(&wanted - &without) << GRID).ceil() >> GRID;
    let target = Rational::from(&constant + &without);

    let mut slope = |_| hex(if any_slope { 0.5 + 0.5 * r.unit() } else { 1.0 });
    let lower_slope = (0..N).map(&mut slope).collect();
    let upper_slope = (0..N).map(&mut slope).collect();
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
            region: schema::Region::Box(InputBox {
                lo: ratios(&least_x),
                hi: ratios(&most_x),
            }),
            property: Rows(vec![Row {
                coefficients: ratios(&row),
                constant: Ratio(constant),
            }]),
            lower: vec![hex(f64::from_bits(1))],
        },
        evidence: RobustnessEvidence {
            layers: vec![Layer {
                node: node as u64,
                name: "act".into(),
                lo,
                hi,
                lower_slope,
                upper_slope,
                tightened: vec![true; N],
            }],
        },
    };
    let Ok(checked) = check(&Certificate::Robustness(document), Some(&graph)) else {
        return false;
    };
    let proved = Rational::from_f64(checked.lower().unwrap()[0]).unwrap();
    assert!(proved <= target, "{:e} above", (proved - target).to_f64());
    true
}

/// Random graphs of every kind: what the bounds claim, the checker accepts (of
/// graphs without products, which it refuses),
/// wherever it can be stated at all (finite, within the size limits).
#[test]
fn bounds_of_random_graphs_are_accepted() {
    let mut r = Numbers(13);
    let (mut accepted, mut not_stated, mut cut) = (0, 0, 0);
    for round in 0..400 {
        let choices: Vec<u32> = (0..600).map(|_| r.bits() as u32).collect();
        let mut tape = Tape::new(&choices);
        let graph = random::graph(&mut tape);
        let norm = Norm::ALL[round % 3];
        let center = (0..graph.input_shape(0).len()).map(|_| tape.weight());
        let center: Vec<f32> = center.map(|c| c.clamp(-2.0, 2.0)).collect();
        let eps = q(tape.below(40) as i64, 1 + tape.below(90) as u64);
        let region = Region::new(center, norm, eps, None).unwrap();
        for method in [Method::Interval, Method::Crown] {
            let zero = Property::new(vec![verify::Row {
                coefficients: (0..graph.output_shape().len())
                    .map(|_| tape.rational())
                    .collect(),
                constant: Rational::new(),
            }])
            .unwrap();
            // Moved by a power of two, so that the bound is positive.
            let found = analyze(&graph, &region, &zero, method).unwrap();
            let least = *found.lower[0].get();
            if !least.is_finite() {
                not_stated += 1;
                continue;
            }
            let mut rows = zero.rows().to_vec();
            rows[0].constant = Rational::from_f64(least.abs().log2().ceil().max(0.0).exp2() * 2.0)
                .unwrap_or_else(|| Rational::from(1));
            let property = Property::new(rows).unwrap();
            let Ok(certificate) = try_certify(&graph, "random", &region, &property, method) else {
                not_stated += 1;
                continue;
            };
            match check(&certificate, Some(&graph)) {
                Ok(_) => accepted += 1,
                Err(Rejection::TooLarge { .. } | Rejection::Unsupported { .. }) => not_stated += 1,
                Err(e) => panic!("round {round}, {norm:?}, {method:?}: {e}"),
            }
            cut += tightened(&certificate);
        }
    }
    assert!(
        accepted > 400 && cut > 200,
        "{accepted} accepted, {not_stated} not stated, {cut} cut"
    );
}
