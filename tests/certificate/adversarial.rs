//! Claims that were changed by someone who also recomputed the digest.

use dahlquist::bounds::Method;
use dahlquist::certificate::schema::{
    Certificate, Document, Hex, Norm, Property, Ratio, Region, Robust, RobustnessClaim,
    RobustnessEvidence,
};
use dahlquist::check::{End, Rejection, check, network_file};
use dahlquist::exact::Rational;
use dahlquist::graph::Graph;
use dahlquist::ops::Tensor;
use dahlquist::verify;

use crate::evidence::{MODEL, ball, certify, label, q};
use crate::networks::{NAMES, by_name};

type Robustness = Document<RobustnessClaim, RobustnessEvidence>;

fn claim(name: &str, eps: Rational) -> (Graph, Robustness) {
    let graph = by_name(name);
    let region = ball(&graph, verify::Norm::Linf, eps);
    let outputs = graph.output_shape().len();
    let property = verify::Property::robust(label(&graph, &region), outputs).unwrap();
    let certificate = certify(&graph, name, &region, &property, Method::Crown);
    check(&certificate, Some(&graph)).unwrap();
    match certificate {
        Certificate::Robustness(document) => (graph, document),
        _ => unreachable!("a robustness certificate"),
    }
}

fn verdict(document: &Robustness, graph: &Graph) -> Result<(), Rejection> {
    let bytes = Certificate::Robustness(document.clone())
        .to_bytes()
        .unwrap();
    let read = Certificate::from_bytes(&bytes).expect("well-formed");
    check(&read, Some(graph)).map(|_| ())
}

fn hex(x: f64) -> Hex {
    Hex::new(x).expect("finite")
}

fn ball_of(document: &mut Robustness) -> &mut dahlquist::certificate::schema::Ball {
    match &mut document.claim.region {
        Region::Ball(ball) => ball,
        Region::Box(_) => unreachable!("a ball"),
    }
}

/// Every change of a claim or of evidence after which nothing true is left.
#[test]
fn false_statements_are_rejected() {
    type Change = fn(&mut Robustness);
    let changes: [(&str, Change); 26] = [
        ("radius enlarged", |d| ball_of(d).eps.0 *= 4),
        ("radius slightly enlarged", |d| {
            ball_of(d).eps.0 *= q(1001, 1000)
        }),
        ("radius negative", |d| ball_of(d).eps.0 *= -1),
        ("centre moved", |d| {
            let c = &mut ball_of(d).center[0];
            *c = hex(c.get() + 0.25);
        }),
        ("centre shorter", |d| {
            ball_of(d).center.pop();
        }),
        ("clip empty", |d| {
            ball_of(d).clip = Some([Ratio(Rational::from(2)), Ratio(Rational::from(3))]);
        }),
        ("label changed", |d| {
            let Property::Robust(Robust { label }) = &mut d.claim.property else {
                unreachable!("a label")
            };
            *label = (*label + 1) % 3;
        }),
        ("label too large", |d| {
            d.claim.property = Property::Robust(Robust { label: u64::MAX });
        }),
        ("rows of wrong length", |d| {
            d.claim.property = Property::Rows(Vec::new())
        }),
        ("lower bound raised", |d| {
            d.claim.lower[0] = hex(d.claim.lower[0].get() * 1.001 + 1e-9)
        }),
        ("lower bound huge", |d| d.claim.lower[1] = hex(f64::MAX)),
        ("lower bound zero", |d| d.claim.lower[0] = hex(0.0)),
        ("lower bound negative", |d| d.claim.lower[0] = hex(-1.0)),
        ("lower bound dropped", |d| {
            d.claim.lower.pop();
        }),
        ("graph hash", |d| {
            d.claim.network.graph.replace_range(0..1, "x")
        }),
        ("layer dropped", |d| {
            d.evidence.layers.pop();
        }),
        ("layers reordered", |d| d.evidence.layers.reverse()),
        ("layer doubled", |d| {
            let layer = d.evidence.layers[0].clone();
            d.evidence.layers.push(layer);
        }),
        ("layer renamed", |d| d.evidence.layers[0].name.push('x')),
        ("layer of another node", |d| d.evidence.layers[0].node += 1),
        ("neuron dropped", |d| {
            d.evidence.layers[1].hi.pop();
        }),
        ("box narrowed from below", |d| {
            let l = &mut d.evidence.layers[1];
            l.lo[0] = l.hi[0];
            l.tightened[0] = true;
        }),
        ("box narrowed from above", |d| {
            let l = &mut d.evidence.layers[1];
            l.hi[1] = l.lo[1];
            l.tightened[1] = true;
        }),
        ("box narrowed, interval only", |d| {
            let l = &mut d.evidence.layers[0];
            l.lo[0] = hex(l.lo[0].get() + 1e-6);
        }),
        ("box empty", |d| {
            let l = &mut d.evidence.layers[0];
            (l.lo[0], l.hi[0]) = (hex(l.hi[0].get() + 1.0), l.lo[0]);
        }),
        ("box huge", |d| {
            let l = &mut d.evidence.layers[0];
            (l.lo[0], l.hi[0]) = (hex(f64::MIN), hex(f64::MAX));
        }),
    ];
    for name in [
        "relu", "tanh", "sigmoid", "softplus", "leaky", "residual", "rk4", "zerosnet", "image",
    ] {
        let (graph, good) = claim(name, q(1, 400));
        assert!(good.evidence.layers.len() > 1 || name == "image");
        for (what, change) in changes {
            if name == "image" && (what.contains("narrowed") || what.contains("neuron")) {
                continue; // one layer
            }
            let mut bad = good.clone();
            change(&mut bad);
            if bad == good {
                continue; // one layer reordered
            }
            let result = verdict(&bad, &graph);
            assert!(result.is_err(), "{name}, {what}");
        }
    }
}

#[test]
fn a_rejection_names_layer_neuron_and_values() {
    let (graph, mut d) = claim("relu", q(1, 400));
    let layer = &mut d.evidence.layers[0];
    layer.lo[2] = hex(layer.lo[2].get() + 1e-3);
    let claimed = layer.lo[2].get();
    match verdict(&d, &graph) {
        Err(Rejection::Box {
            layer,
            neuron: 2,
            end: End::Lower,
            claimed: c,
            proved,
        }) => {
            assert_eq!((layer.as_str(), c), ("act0", claimed));
            assert!(proved < claimed && proved > claimed - 1.1e-3);
        }
        other => panic!("{other:?}"),
    }
}

/// Slopes far from the function leave lines that bound it, but nothing else.
#[test]
fn a_bad_slope_loses_the_claim() {
    for name in ["relu", "tanh", "sigmoid", "softplus", "leaky", "residual"] {
        let (graph, good) = claim(name, q(1, 20));
        for slope in [-1000.0, 1000.0, 1e300, f64::MAX] {
            let mut bad = good.clone();
            for layer in &mut bad.evidence.layers {
                layer.lower_slope.fill(hex(slope));
                layer.upper_slope.fill(hex(slope));
            }
            assert!(verdict(&bad, &graph).is_err(), "{name}, slope {slope}");
        }
    }
}

#[test]
fn flags_that_hide_a_backward_pass_are_rejected() {
    for name in ["residual", "tanh", "rk4"] {
        let (graph, mut bad) = claim(name, q(1, 20));
        let flags = bad
            .evidence
            .layers
            .iter_mut()
            .flat_map(|l| &mut l.tightened);
        let cut = flags.map(std::mem::take).filter(|t| *t).count();
        assert!(cut > 0, "{name}");
        assert!(
            matches!(verdict(&bad, &graph), Err(Rejection::Box { .. })),
            "{name}"
        );
    }
}

/// The least float above the proved bound is not proved.
#[test]
fn nothing_above_the_proved_bound_is_accepted() {
    for name in NAMES.iter().filter(|n| **n != "cancellation") {
        let (graph, good) = claim(name, q(1, 400));
        let certificate = Certificate::Robustness(good.clone());
        let proved = check(&certificate, Some(&graph)).unwrap();
        let proved = proved.lower().unwrap();
        let mut best = good.clone();
        best.claim.lower = proved.iter().map(|&x| hex(x)).collect();
        assert_eq!(verdict(&best, &graph), Ok(()), "{name}");
        for (row, &bound) in proved.iter().enumerate() {
            let mut bad = best.clone();
            bad.claim.lower[row] = hex(bound.next_up());
            match verdict(&bad, &graph) {
                Err(Rejection::Row {
                    row: r, proved: p, ..
                }) => {
                    assert_eq!((r, p), (row, bound));
                }
                other => panic!("{name}: {other:?}"),
            }
        }
    }
}

/// The proved end of a box is accepted, the next float inside it is not.
#[test]
fn nothing_inside_a_proved_box_is_accepted() {
    for name in ["relu", "tanh", "residual", "rk4", "zerosnet"] {
        let (graph, good) = claim(name, q(1, 20));
        let last = good.evidence.layers.len() - 1;
        let mut bad = good.clone();
        let layer = &mut bad.evidence.layers[last];
        layer.lo[1] = layer.hi[1];
        layer.tightened[1] = true;
        let Err(Rejection::Box {
            neuron: 1,
            end: End::Lower,
            proved,
            ..
        }) = verdict(&bad, &graph)
        else {
            panic!("{name}: a point is no box")
        };
        let mut at = |end: f64| {
            bad.evidence.layers[last].lo[1] = hex(end);
            bad.claim.lower.fill(hex(f64::MIN_POSITIVE));
            verdict(&bad, &graph)
        };
        assert_eq!(at(proved), Ok(()), "{name}");
        assert!(
            matches!(at(proved.next_up()), Err(Rejection::Box { .. })),
            "{name}"
        );
    }
}

/// A network with one weight changed is another network, under its own hash
/// and under the old one.
#[test]
fn another_network_is_rejected() {
    let (graph, good) = claim("relu", q(1, 400));
    let changed = graph
        .map_params(&|t| {
            let mut data = t.data().to_vec();
            if t.name() == "fc1" {
                data[3] = data[3].next_up();
            }
            Tensor::new(t.name(), t.shape().clone(), data)
                .unwrap()
                .into()
        })
        .unwrap();
    assert!(matches!(
        verdict(&good, &changed),
        Err(Rejection::Network { .. })
    ));
    let far = graph
        .map_params(&|t| {
            let data = t.data().iter().map(|w| w * 1.125).collect();
            Tensor::new(t.name(), t.shape().clone(), data)
                .unwrap()
                .into()
        })
        .unwrap();
    let mut rehashed = good.clone();
    rehashed.claim.network.graph = far.content_hash();
    assert!(matches!(
        verdict(&rehashed, &far),
        Err(Rejection::Box { .. })
    ));
    let certificate = Certificate::Robustness(good);
    assert_eq!(check(&certificate, None), Err(Rejection::NoGraph));
    assert_eq!(network_file(&certificate, MODEL), Ok(()));
    assert!(matches!(
        network_file(&certificate, b"other bytes"),
        Err(Rejection::File { .. })
    ));
}

/// Norms order the balls: a claim about the larger set does not follow.
#[test]
fn a_wider_norm_is_rejected() {
    let graph = by_name("relu");
    let region = ball(&graph, verify::Norm::L1, q(1, 4));
    let property = verify::Property::robust(label(&graph, &region), 3).unwrap();
    let Certificate::Robustness(mut d) = certify(&graph, "relu", &region, &property, Method::Crown)
    else {
        unreachable!("a robustness certificate")
    };
    assert_eq!(verdict(&d, &graph), Ok(()));
    ball_of(&mut d).norm = Norm::Linf;
    assert!(verdict(&d, &graph).is_err());
}

/// Numbers beyond the limits end in a rejection, not in a panic or in memory.
#[test]
fn huge_networks_numbers_are_rejected() {
    let (graph, good) = claim("residual", q(1, 400));
    let huge = graph
        .map_params(&|t| {
            let data = t.data().iter().map(|_| f32::MAX).collect();
            Tensor::new(t.name(), t.shape().clone(), data)
                .unwrap()
                .into()
        })
        .unwrap();
    let mut d = good.clone();
    d.claim.network.graph = huge.content_hash();
    for layer in &mut d.evidence.layers {
        layer.lo.fill(hex(f64::MIN));
        layer.hi.fill(hex(f64::MAX));
        layer.tightened.fill(true);
    }
    assert!(matches!(
        verdict(&d, &huge),
        Err(Rejection::TooLarge { .. })
    ));
    let mut d = good;
    ball_of(&mut d).center.fill(hex(f64::MAX));
    ball_of(&mut d).clip = None;
    assert!(matches!(
        verdict(&d, &graph),
        Err(Rejection::TooLarge { .. })
    ));
}
