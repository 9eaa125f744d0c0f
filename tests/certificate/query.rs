//! Queries: what `verify` proves by dividing boxes is accepted, what was changed
//! is not.

use dahlquist::certificate::schema::{
    Branch, Certificate, Document, Hex, QueryClaim, QueryEvidence,
};
use dahlquist::certificate::write::{self, BoxBranch, LayerBounds, ModelFile};
use dahlquist::check::{Rejection, check};
use dahlquist::exact::Rational;
use dahlquist::graph::{Graph, eval_f64};
use dahlquist::search::verify::{self as search, Missing, Options};
use dahlquist::verify::{Case, Conjunction, Constraint, Query};

use crate::evidence::{MODEL, evaluate, q};
use crate::mutate::{moved, numbers, redigest};
use crate::networks::{NAMES, Numbers, by_name};

type Parts = Document<QueryClaim, QueryEvidence>;

/// A point of the box with the coordinates `lo + t (hi - lo)`.
fn at(case: &Case, t: impl Fn(usize) -> Rational) -> Vec<Rational> {
    let ends = case.lo.iter().zip(&case.hi).enumerate();
    ends.map(|(i, (lo, hi))| lo.clone() + t(i) * Rational::from(hi - lo))
        .collect()
}

fn random(case: &Case, r: &mut Numbers) -> Vec<Rational> {
    let corner = r.coin();
    let t: Vec<Rational> = case
        .lo
        .iter()
        .map(|_| match corner {
            true => q(i64::from(r.coin()), 1),
            false => q((r.bits() % 65) as i64, 64),
        })
        .collect();
    at(case, |i| t[i].clone())
}

/// Left and right halves of a box with thirds as ends; below the least `y_0` seen
/// less `margin` of the range, or above the greatest `y_0 - x_0` in both of two ways.
fn query(graph: &Graph, margin: f64) -> Query {
    let n = graph.input_shape(0).len();
    let whole = Case {
        lo: vec![q(1, 3); n],
        hi: vec![q(2, 3); n],
        violation: Vec::new(),
    };
    let mut r = Numbers(11);
    let (mut y, mut d) = (Vec::new(), Vec::new());
    for _ in 0..400 {
        let x: Vec<f64> = random(&whole, &mut r)
            .iter()
            .map(Rational::to_f64)
            .collect();
        let v = eval_f64(graph, &x)[0];
        y.push(v);
        d.push(v - x[0]);
    }
    let end = |v: &[f64]| {
        let least = v.iter().copied().fold(f64::INFINITY, f64::min);
        let most = v.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let room = margin * (most - least) + 1e-6;
        [least - room, most + room].map(|v| Rational::from_f64(v).unwrap())
    };
    let ([low, _], [_, high]) = (end(&y), end(&d));
    let constraint = |x: &[(usize, i64)], y: &[(usize, i64)], constant: Rational, strict| {
        let terms = |v: &[(usize, i64)]| v.iter().map(|&(i, c)| (i, q(c, 1))).collect();
        Constraint {
            x: terms(x),
            y: terms(y),
            constant,
            strict,
        }
    };
    let all = vec![
        // y_0 <= low
        Conjunction {
            constraints: vec![constraint(&[], &[(0, 1)], -low, false)],
        },
        // y_0 - x_0 > high, beside -x_0 <= 0, which always holds
        Conjunction {
            constraints: vec![
                constraint(&[(0, 1)], &[(0, -1)], high, true),
                constraint(&[(0, -1)], &[], Rational::new(), false),
            ],
        },
    ];
    let cases = [(q(1, 3), q(1, 2)), (q(1, 2), q(2, 3))];
    let case = |(lo, hi): &(Rational, Rational)| {
        let mut case = Case {
            violation: all.clone(),
            ..whole.clone()
        };
        (case.lo[0], case.hi[0]) = (lo.clone(), hi.clone());
        case
    };
    Query {
        inputs: n,
        outputs: graph.output_shape().len(),
        cases: cases.iter().map(case).collect(),
    }
}

fn write(graph: &Graph, name: &str, query: &Query) -> Result<Certificate, Missing> {
    let trees = search::trees(graph, query, &Options::default(), &|_| {}).unwrap()?;
    let branch = |b: &'_ search::Branch| -> BoxBranch<'static> {
        // The evidence is leaked: a test.
        match b.clone() {
            search::Branch::Split { input, at } => BoxBranch::Split { input, at },
            search::Branch::Leaf { weights, layers } => BoxBranch::Leaf {
                weights: Vec::leak(weights),
                layers: Vec::leak(layers).iter().map(LayerBounds::from).collect(),
            },
        }
    };
    let trees: Vec<Vec<BoxBranch<'_>>> = trees
        .iter()
        .map(|t| t.iter().map(branch).collect())
        .collect();
    let file = ModelFile {
        path: name,
        bytes: MODEL,
    };
    Ok(write::query(graph, file, query, &trees).unwrap())
}

/// A certificate with splits, about "relu".
pub fn certificate() -> Certificate {
    let graph = by_name("relu");
    write(&graph, "relu", &query(&graph, 0.05)).unwrap()
}

fn parts(certificate: Certificate) -> Parts {
    match certificate {
        Certificate::Query(d) => d,
        _ => unreachable!("a query"),
    }
}

/// No point of a few is a counterexample to what the document claims.
fn seems_true(graph: &Graph, d: &Parts, r: &mut Numbers) -> bool {
    d.claim.cases.iter().all(|case| {
        let plain = Case {
            lo: case.lo.iter().map(|v| v.0.clone()).collect(),
            hi: case.hi.iter().map(|v| v.0.clone()).collect(),
            violation: Vec::new(),
        };
        (0..40).all(|_| {
            let x = random(&plain, r);
            let y = evaluate(graph, &x);
            case.violation.iter().all(|all| {
                !all.iter().all(|c| {
                    let mut sum = c.constant.0.clone();
                    for t in &c.x {
                        sum += Rational::from(&t.coefficient.0 * &x[t.index as usize]);
                    }
                    for t in &c.y {
                        // the upper end: a violation must be sure
                        let y = y[t.index as usize].hi().to_rational().unwrap();
                        let low = Rational::from(&t.coefficient.0 * &y);
                        sum += low;
                    }
                    // The enclosures are of the order 2^-200 wide.
                    let tiny: Rational = Rational::from(1) >> 100;
                    sum < -tiny
                })
            })
        })
    })
}

#[test]
fn trees_of_every_network_are_accepted_and_hold_at_samples() {
    let mut r = Numbers(12);
    let mut splits = 0;
    for name in NAMES {
        let graph = by_name(name);
        // An image has too many inputs to be divided.
        let margin = if name == "image" { 20.0 } else { 0.03 };
        let certificate =
            write(&graph, name, &query(&graph, margin)).unwrap_or_else(|e| panic!("{name}: {e}"));
        let bytes = certificate.to_bytes().unwrap();
        let read = Certificate::from_bytes(&bytes).unwrap();
        assert_eq!(read, certificate);
        let checked = check(&read, Some(&graph)).unwrap_or_else(|e| panic!("{name}: {e}"));
        let d = parts(read);
        let leaf = |b: &&Branch| matches!(b, Branch::Leaf(_));
        let leaves = d.evidence.trees.iter().flatten().filter(leaf).count();
        assert_eq!(checked.leaves(), Some(leaves));
        splits += leaves - 2;
        assert!(seems_true(&graph, &d, &mut r), "{name}");
    }
    assert!(splits > 10, "only {splits} splits");
}

#[test]
fn every_number_moved_by_one_unit_is_judged_anew() {
    let graph = by_name("relu");
    let certificate = write(&graph, "relu", &query(&graph, 0.5)).unwrap();
    let text = String::from_utf8(certificate.to_bytes().unwrap()).unwrap();
    let mut r = Numbers(13);
    let (mut accepted, mut rejected) = (0, 0);
    for span in numbers(&text) {
        for new in moved(&text[span.clone()]) {
            let changed = format!("{}{new}{}", &text[..span.start], &text[span.end..]);
            assert!(Certificate::from_bytes(changed.as_bytes()).is_err());
            let Ok(read) = Certificate::from_bytes(&redigest(&changed)) else {
                continue;
            };
            match check(&read, Some(&graph)) {
                Ok(_) => {
                    accepted += 1;
                    assert!(seems_true(&graph, &parts(read), &mut r), "{new}");
                }
                Err(_) => rejected += 1,
            }
        }
    }
    assert!(accepted > 10 && rejected > 10, "{accepted} {rejected}");
}

#[test]
fn false_claims_are_rejected_with_any_evidence() {
    let graph = by_name("relu");
    let mut r = Numbers(14);
    let good = parts(certificate());
    let reject = |change: &dyn Fn(&mut Parts)| {
        let mut d = good.clone();
        change(&mut d);
        let certificate = Certificate::Query(d);
        let bytes = certificate.to_bytes().unwrap();
        let read = Certificate::from_bytes(&bytes).unwrap();
        check(&read, Some(&graph)).expect_err("a changed certificate")
    };
    check(&Certificate::Query(good.clone()), Some(&graph)).unwrap();
    // A threshold inside the range: the claim is false.
    let mut d = good.clone();
    d.claim.cases[0].violation[0][0].constant.0 -= q(100, 1);
    assert!(!seems_true(&graph, &d, &mut r));
    let rejection = reject(&|d| d.claim.cases[0].violation[0][0].constant.0 -= q(100, 1));
    assert!(
        matches!(
            rejection,
            Rejection::Mixture {
                case: 0,
                conjunction: 0,
                ..
            }
        ),
        "{rejection}"
    );
    // A larger box than the tree's evidence covers.
    let rejection = reject(&|d| d.claim.cases[1].hi[2].0 = q(7, 8));
    assert!(
        matches!(rejection, Rejection::Leaf { case: 1, .. }),
        "{rejection}"
    );
    // A condition that always holds, alone.
    let rejection = reject(&|d| {
        d.claim.cases[0].violation[1].remove(0);
        for b in &mut d.evidence.trees[0] {
            if let Branch::Leaf(leaf) = b {
                leaf.weights[1].remove(0);
            }
        }
    });
    assert!(
        matches!(rejection, Rejection::Mixture { conjunction: 1, .. }),
        "{rejection}"
    );
    // A conjunction without conditions holds everywhere.
    let rejection = reject(&|d| {
        d.claim.cases[0].violation[0].clear();
        for b in &mut d.evidence.trees[0] {
            if let Branch::Leaf(leaf) = b {
                leaf.weights[0].clear();
            }
        }
    });
    assert!(
        matches!(rejection, Rejection::Mixture { conjunction: 0, .. }),
        "{rejection}"
    );
}

#[test]
fn trees_that_are_none_are_rejected() {
    let graph = by_name("relu");
    let good = parts(certificate());
    let first = |d: &Parts| {
        let split = |b: &Branch| matches!(b, Branch::Split(_));
        d.evidence
            .trees
            .iter()
            .position(|t| t.iter().any(split))
            .unwrap()
    };
    let tree = first(&good);
    type Change<'a> = (&'a str, &'a dyn Fn(&mut Vec<Branch>));
    let cases: [Change<'_>; 9] = [
        ("fewer", &|t| drop(t.pop())),
        ("fewer", &|t| t.clear()),
        ("more", &|t| t.push(t[t.len() - 1].clone())),
        ("outside", &|t| {
            if let Branch::Split(s) = &mut t[0] {
                s.at = Hex::new(2.0).unwrap();
            }
        }),
        ("outside", &|t| {
            if let Branch::Split(s) = &mut t[0] {
                s.input = u64::MAX;
            }
        }),
        // another point of the box: the parts' evidence is about other boxes
        ("leaf", &|t| {
            if let Branch::Split(s) = &mut t[0] {
                s.at = Hex::new(s.at.get() * 1.0625).unwrap();
            }
        }),
        ("negative", &|t| {
            for b in t {
                if let Branch::Leaf(leaf) = b {
                    leaf.weights[0][0] = Hex::new(-1.0).unwrap();
                }
            }
        }),
        ("weights", &|t| {
            for b in t {
                if let Branch::Leaf(leaf) = b {
                    leaf.weights.pop();
                }
            }
        }),
        ("conjunction", &|t| {
            for b in t {
                if let Branch::Leaf(leaf) = b {
                    leaf.weights[0][0] = Hex::new(0.0).unwrap();
                }
            }
        }),
    ];
    for (word, change) in cases {
        let mut d = good.clone();
        change(&mut d.evidence.trees[tree]);
        let rejection = check(&Certificate::Query(d), Some(&graph))
            .unwrap_err()
            .to_string();
        assert!(rejection.contains(word), "{word}: {rejection}");
    }
    let mut d = good.clone();
    d.evidence.trees.pop();
    assert!(check(&Certificate::Query(d), Some(&graph)).is_err());
    let mut d = good.clone();
    d.claim.cases[0].violation[0][0].y[0].index = 99;
    assert!(check(&Certificate::Query(d), Some(&graph)).is_err());
    assert!(matches!(
        check(&Certificate::Query(good.clone()), Some(&by_name("tanh"))),
        Err(Rejection::Network { .. })
    ));
    assert!(matches!(
        check(&Certificate::Query(good), None),
        Err(Rejection::NoGraph)
    ));
}

/// A tree as deep as its boxes are narrow does not fill the memory.
#[test]
fn endless_trees_are_refused() {
    let graph = by_name("relu");
    let mut d = parts(certificate());
    let lo = d.claim.cases[0].lo[1].0.to_f64();
    let split = |at: f64| {
        Branch::Split(dahlquist::certificate::schema::InputSplit {
            input: 1,
            at: Hex::new(at).unwrap(),
        })
    };
    // each is below the last, so that the part above waits
    let mut at = 0.5;
    d.evidence.trees[0] = Vec::new();
    for _ in 0..1100 {
        d.evidence.trees[0].push(split(at));
        at = at.next_down();
    }
    assert!(at > lo);
    let rejection = check(&Certificate::Query(d), Some(&graph))
        .unwrap_err()
        .to_string();
    assert!(rejection.contains("too deep"), "{rejection}");
}

#[test]
fn what_cannot_be_written_is_said() {
    let graph = by_name("image");
    let tight = query(&graph, 0.01);
    assert_eq!(write(&graph, "image", &tight), Err(Missing::Stuck));
    let graph = by_name("relu");
    let options = Options {
        timeout: Some(std::time::Duration::ZERO),
        ..Options::default()
    };
    let trees = search::trees(&graph, &query(&graph, 0.1), &options, &|_| {}).unwrap();
    assert_eq!(trees, Err(Missing::Timeout));
}
