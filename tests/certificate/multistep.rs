//! Certificates of regions, cells, products and powers.

use std::path::Path;

use dahlquist::certificate::schema::multistep::{Closure, End, Property, System};
use dahlquist::certificate::schema::{Certificate, Ratio};
use dahlquist::certificate::{write, write_multistep};
use dahlquist::check::{Rejection, check};
use dahlquist::exact::{Integer, Poly, RatFunc, Rational};
use dahlquist::multistep::cells::cells;
use dahlquist::multistep::layers::{self, ProductBound};
use dahlquist::multistep::matrix_norm::MatrixNorm;
use dahlquist::multistep::plane_family::PlaneFamily;
use dahlquist::multistep::power_bound::{PowerBound, power_bound};
use dahlquist::multistep::power_evidence::evidence;
use dahlquist::multistep::region;
use dahlquist::multistep::roots::enclose;
use dahlquist::multistep::variable_step::prove_sequences;
use dahlquist::multistep::{
    Kind, LinearMultistep, ParametricFamily, RootCondition, by_name, family::parametric_by_name,
};

use crate::evidence::q;

fn accept(certificate: &Certificate) -> String {
    let bytes = certificate.to_bytes().unwrap();
    let read = Certificate::from_bytes(&bytes).unwrap();
    match check(&read, None) {
        Ok(checked) => checked.to_string(),
        Err(e) => panic!("{e}: {}", String::from_utf8(bytes).unwrap()),
    }
}

fn refused(certificate: &Certificate, what: &str) {
    match check(certificate, None) {
        Err(
            Rejection::Multistep { .. } | Rejection::NoRule { .. } | Rejection::TooLarge { .. },
        ) => {}
        other => panic!("{what}: {other:?}"),
    }
}

/// The zero-stable set of a family.
pub fn region_of(name: &str) -> Certificate {
    let family = parametric_by_name(name).unwrap();
    let property = region::Property::RootCondition(family.kind());
    write_multistep::region(&family, property).unwrap().unwrap()
}

/// Where on the real axis all roots of `ρ − zσ` are inside.
fn real_axis(name: &str) -> Certificate {
    let method = by_name(name).unwrap();
    let line = |(a, b): (&Rational, &Rational)| {
        RatFunc::from(Poly::new(vec![a.clone(), Rational::from(-b)]))
    };
    let alpha: Vec<RatFunc> = method.alpha().iter().zip(method.beta()).map(line).collect();
    let none = vec![RatFunc::from(Poly::zero()); alpha.len()];
    let family = ParametricFamily::new(name, "z", Kind::First, alpha, none).unwrap();
    write_multistep::region(&family, region::Property::OpenDisc)
        .unwrap()
        .unwrap()
}

/// The plane of three-step methods at a coarse resolution.
pub fn plane() -> Certificate {
    let family = PlaneFamily::by_name("three-step")
        .unwrap()
        .at_resolution(q(1, 20));
    write_multistep::cells(&family, &cells(&family).unwrap())
}

/// All products of ZeroSNet's recurrences for `λ` in an interval.
pub fn layers_of(lo: (i64, i64), hi: (i64, i64)) -> Certificate {
    let family = ParametricFamily::zerosnet();
    let (lo, hi) = (Rational::from(lo), Rational::from(hi));
    match layers::products(&family, &lo, &hi).unwrap() {
        ProductBound::Convex => {
            write_multistep::layers(&family, (&lo, &hi), Rational::from(1), None)
        }
        ProductBound::Common { upper, norm, .. } => {
            let bound = upper.to_rational().unwrap() + q(1, 1 << 30);
            write_multistep::layers(&family, (&lo, &hi), bound, Some(&norm))
        }
        other => panic!("{other:?}"),
    }
}

/// All sequences of step ratios of a backward differentiation formula.
pub fn sequences(k: usize, lo: (i64, i64), hi: (i64, i64)) -> Certificate {
    let (lo, hi) = (Rational::from(lo), Rational::from(hi));
    let proof = prove_sequences(k, &lo, &hi).unwrap();
    let upper = layers::bound(&proof.norm, k)
        .unwrap()
        .to_rational()
        .unwrap();
    write_multistep::variable_bdf(k, (&lo, &hi), upper + q(1, 1 << 30), &proof.norm)
}

/// Both bounds of the powers of a method's companion matrix.
pub fn powers_of(method: &LinearMultistep, norm: MatrixNorm) -> Certificate {
    let condition = RootCondition::of(&method.rho(), method.kind());
    let roots = enclose(&condition, method.name()).unwrap();
    let Some(PowerBound::Enclosed { upper, .. }) = power_bound(method, &condition, &roots, norm)
    else {
        panic!("{}", method.name())
    };
    let found = evidence(method, &condition, norm, &upper).unwrap();
    write_multistep::powers(method, norm, &found)
}

#[test]
fn exact_sets_are_accepted() {
    for name in ["zerosnet", "lm-resnet", "momentum", "theta"] {
        accept(&region_of(name));
    }
    for name in [
        "euler",
        "ab2",
        "ab3",
        "ab4",
        "am2",
        "am3",
        "bdf2",
        "bdf3",
        "bdf4",
        "theta(1/3)",
        "zerosnet(-9/5)",
    ] {
        accept(&real_axis(name));
    }
    for steps in 2..=4 {
        accept(&write_multistep::constant_ratios(steps).unwrap());
    }
    let Certificate::Region(zerosnet) = region_of("zerosnet") else {
        unreachable!()
    };
    let ends: Vec<_> = zerosnet
        .claim
        .intervals
        .iter()
        .flat_map(|i| [&i.lower, &i.upper])
        .map(|end| {
            let at = |e: &End| {
                (
                    zerosnet.claim.points[e.point as usize].lo.0.to_string(),
                    e.closure,
                )
            };
            end.as_ref().map(at)
        })
        .collect();
    let (minus_one, third) = (
        ("-1".to_owned(), Closure::Closed),
        ("1/3".to_owned(), Closure::Open),
    );
    assert_eq!(ends, [None, Some(minus_one), Some(third), None]);
}

/// The end of the interval of constant ratios around 1 is the published number.
#[test]
fn critical_ratios_are_ends_of_accepted_sets() {
    for (steps, published) in [(2, "2.414213562373095"), (3, "1.618033988749894")] {
        let Certificate::Region(d) = write_multistep::constant_ratios(steps).unwrap() else {
            unreachable!()
        };
        let one = Rational::from(1);
        let around = d.claim.intervals.iter().find(|i| {
            let at = |e: &Option<End>| e.as_ref().map(|e| &d.claim.points[e.point as usize]);
            at(&i.lower).is_none_or(|p| p.hi.0 < one) && at(&i.upper).is_none_or(|p| p.lo.0 > one)
        });
        let upper = &d.claim.points[around.unwrap().upper.as_ref().unwrap().point as usize];
        let (lo, hi) = (upper.lo.0.to_f64(), upper.hi.0.to_f64());
        let published: f64 = published.parse().unwrap();
        assert!(
            lo <= published + 1e-15 && hi >= published - 1e-15,
            "{steps}: {lo} {hi}"
        );
    }
}

#[test]
fn irrational_ends() {
    // The other root is −(l² − 1), which reaches −1 at |l| = √2 alone, or l² − 1, which meets 1 there.
    for (alpha, kept) in [
        ("'1-l^2','l^2-2','1'", Closure::Closed),
        ("'l^2-1','-l^2','1'", Closure::Open),
    ] {
        let text = format!("name='t'\nparameter='l'\nalpha=[{alpha}]\nbeta=['0','1','0']\n");
        let family = ParametricFamily::from_toml(&text, Path::new("t.toml")).unwrap();
        let property = region::Property::RootCondition(Kind::First);
        let certificate = write_multistep::region(&family, property).unwrap().unwrap();
        accept(&certificate);
        let Certificate::Region(good) = certificate else {
            unreachable!()
        };
        let last = good.claim.intervals.len() - 1;
        for closure in [Closure::Closed, Closure::Open, Closure::Undecided] {
            let mut d = good.clone();
            d.claim.intervals[last].upper.as_mut().unwrap().closure = closure;
            let found = check(&Certificate::Region(d), None);
            let right = closure == kept || closure == Closure::Undecided;
            assert_eq!(found.is_ok(), right, "{alpha}: {found:?}");
        }
    }
}

#[test]
fn changed_sets_are_rejected() {
    let Certificate::Region(good) = region_of("zerosnet") else {
        unreachable!()
    };
    type Change = fn(&mut dahlquist::certificate::schema::multistep::RegionClaim);
    let changes: [(&str, Change); 13] = [
        ("closed end opened", |c| {
            c.intervals[0].upper.as_mut().unwrap().closure = Closure::Open
        }),
        ("open end closed", |c| {
            c.intervals[1].lower.as_mut().unwrap().closure = Closure::Closed
        }),
        ("interval dropped", |c| c.intervals.truncate(1)),
        ("interval extended", |c| c.intervals[0].upper = None),
        ("intervals swapped", |c| c.intervals.swap(0, 1)),
        ("everything", |c| {
            c.intervals.truncate(1);
            c.intervals[0].upper = None;
        }),
        ("property", |c| c.property = Property::OpenDisc),
        ("point dropped", |c| {
            c.points.pop();
        }),
        ("point moved", |c| {
            c.points[0].lo.0 -= 1;
            c.points[0].hi.0 -= 1;
        }),
        ("point widened", |c| c.points[0].lo.0 -= 1),
        ("no such point", |c| {
            c.intervals[0].upper.as_mut().unwrap().point = u64::MAX
        }),
        ("no such undecided point", |c| c.undecided.push(u64::MAX)),
        ("coefficient", |c| {
            c.family.alpha[0].num[0].coefficient.0 += q(1, 1000)
        }),
    ];
    for (what, change) in changes {
        let mut d = good.clone();
        change(&mut d.claim);
        refused(&Certificate::Region(d), what);
    }
    // A point about which nothing is claimed is weaker, so it is accepted.
    let mut d = good.clone();
    d.claim.undecided.push(0);
    accept(&Certificate::Region(d));
    // A pole at a term that names no parameter, more parameters, no parameter, a zero denominator.
    let mut d = good.clone();
    d.claim.family.parameters.push("mu".into());
    refused(&Certificate::Region(d), "two parameters");
    let mut d = good.clone();
    d.claim.family.parameters.clear();
    refused(&Certificate::Region(d), "no parameter");
    let mut d = good.clone();
    d.claim.family.alpha[0].num[0].exponents[0] = u64::MAX;
    refused(&Certificate::Region(d), "exponent beyond all limits");
    // Degrees that would leave the range of exponents when denominators are cleared.
    let mut d = good.clone();
    for (j, q) in d.claim.family.alpha.iter_mut().enumerate() {
        q.den[0].exponents[0] = 64 - j as u64;
        let mut constant = q.den[0].clone();
        constant.exponents[0] = 0;
        constant.coefficient.0 = Rational::from(j as u64 + 2);
        q.den.insert(0, constant);
    }
    refused(&Certificate::Region(d), "degrees");
    let mut d = good;
    d.claim.family.alpha[0].den.clear();
    refused(&Certificate::Region(d), "denominator 0");
}

#[test]
fn permanent_pairs_have_no_certificate() {
    let text = "name='t'\nparameter='l'\nalpha=['-l','l','-1-l','1']\nbeta=['0','1','0','0']\n";
    // (r² + 1)(r − l) has the roots ±i for every l.
    let paired = "name='t'\nparameter='l'\nalpha=['-l','1','-l','1']\nbeta=['0','1','0','0']\n";
    let property = region::Property::RootCondition(Kind::First);
    let of = |text: &str| {
        let family = ParametricFamily::from_toml(text, Path::new("t.toml")).unwrap();
        write_multistep::region(&family, property).unwrap()
    };
    assert!(of(paired).is_none());
    accept(&of(text).unwrap());
}

#[test]
fn cells_are_accepted() {
    let sentence = accept(&plane());
    assert!(sentence.contains("cells"), "{sentence}");
    // Three parameters, a second-order equation, and a family whose permanent roots are too many.
    let three = "name='t'\nparameters=['a','b','c']\nalpha=['-a','-b','-c','1']\nbeta=['0','1','0','0']\nresolution='1/4'\n[box]\na=['-1','1']\nb=['-1','1']\nc=['-1','1']\n";
    let second = "name='t'\nparameters=['a','b']\nkind='second'\nalpha=['a','b-2*a','1+a-2*b','b-2','1']\nbeta=['0','0','1','0','0']\nresolution='1/10'\n[box]\na=['-1','1']\nb=['-2','2']\n";
    let never = "name='t'\nparameters=['a','b']\nalpha=['a*b','-2*a*b-1','a*b+2','-1']\nbeta=['0','0','1','0']\n[box]\na=['1','2']\nb=['1','2']\n";
    for text in [three, second, never] {
        let family = PlaneFamily::from_toml(text, Path::new("t.toml")).unwrap();
        let found = cells(&family).unwrap();
        accept(&write_multistep::cells(&family, &found));
    }
}

/// Each single leaf changed, with shares to match.
#[test]
fn changed_cells_are_rejected() {
    let Certificate::Cells(good) = plane() else {
        unreachable!()
    };
    let tree = good.evidence.tree.clone();
    // Levels of the leaves, by a walk.
    let mut levels = Vec::new();
    let mut stack = vec![0_u32];
    for letter in tree.chars() {
        let level = stack.pop().unwrap();
        levels.push(level);
        if letter == '+' {
            stack.extend([level + 1; 4]);
        }
    }
    assert!(stack.is_empty());
    let mut tried = 0;
    for (at, letter) in tree.char_indices().filter(|(_, c)| *c != '+') {
        for other in ['i', 'o'] {
            if other == letter {
                continue;
            }
            let mut d = good.clone();
            d.evidence.tree.replace_range(at..=at, &other.to_string());
            let share = Rational::from((1, Integer::from(1) << (2 * levels[at])));
            for (name, sign) in [(letter, -1), (other, 1)] {
                let total = match name {
                    'i' => &mut d.claim.inner,
                    'o' => &mut d.claim.outer,
                    _ => &mut d.claim.undecided,
                };
                total.0 += Rational::from(&share * sign);
            }
            refused(
                &Certificate::Cells(d),
                &format!("leaf {at}: {letter} to {other}"),
            );
            tried += 1;
        }
    }
    assert!(tried > 100, "{tried}");
    for (what, change) in [
        ("no tree", String::new()),
        ("tree cut", tree[..tree.len() - 1].to_owned()),
        ("tree longer", format!("{tree}u")),
        ("another letter", tree.replace('u', "x")),
        ("deep", "+".repeat(100_000)),
        ("one cell", "i".to_owned()),
    ] {
        let mut d = good.clone();
        d.evidence.tree = change;
        refused(&Certificate::Cells(d), what);
    }
    let mut d = good.clone();
    d.claim.inner.0 += q(1, 1 << 40);
    refused(&Certificate::Cells(d), "share");
    let mut d = good.clone();
    d.claim.hi[0].0 += q(1, 2);
    refused(&Certificate::Cells(d), "box");
    let mut d = good.clone();
    d.claim.lo[0] = d.claim.hi[0].clone();
    refused(&Certificate::Cells(d), "empty box");
    let mut d = good;
    d.claim.family.alpha[1].num[0].coefficient.0 *= -1;
    refused(&Certificate::Cells(d), "family");
}

#[test]
fn products_are_accepted() {
    accept(&layers_of((-3, 1), (-1, 1)));
    accept(&layers_of((2, 1), (3, 1)));
    accept(&sequences(2, (1, 10), (12, 5)));
    accept(&sequences(3, (1, 2), (6, 5)));
}

#[test]
fn changed_products_are_rejected() {
    let Certificate::Products(good) = layers_of((2, 1), (3, 1)) else {
        unreachable!()
    };
    let change = |f: &dyn Fn(&mut dahlquist::certificate::schema::Document<_, _>), what: &str| {
        let mut d = good.clone();
        f(&mut d);
        refused(&Certificate::Products(d), what);
    };
    change(&|d| d.claim.bound.0 -= q(1, 100), "bound");
    change(&|d| d.claim.bound.0 = Rational::from(1), "bound 1");
    change(&|d| d.claim.lo.0 -= q(3, 2), "interval");
    change(&|d| d.claim.lo.0 = Rational::from(4), "empty interval");
    change(&|d| d.evidence.rate.0 = Rational::from(1), "rate 1");
    change(&|d| d.evidence.rate.0 -= q(1, 10), "rate");
    change(&|d| d.evidence.p[0][0].0 *= -1, "indefinite");
    change(&|d| d.evidence.p[0][1].0 += 1, "asymmetric");
    change(&|d| d.evidence.p.clear(), "no norm");
    change(
        &|d| {
            d.evidence.p.pop();
        },
        "a row less",
    );
    change(&|d| d.evidence.boxes = 0, "no boxes");
    change(&|d| d.evidence.boxes = u64::MAX, "too many boxes");
    change(
        &|d| {
            let System::Layers(family) = &mut d.claim.system else {
                unreachable!()
            };
            family.alpha[0].num[0].coefficient.0 += q(1, 50);
        },
        "sum of coefficients",
    );
    // Across the pole at 0.
    let Certificate::Products(mut convex) = layers_of((-3, 1), (-1, 1)) else {
        unreachable!()
    };
    accept(&Certificate::Products(convex.clone()));
    convex.claim.hi.0 = q(-9, 10);
    refused(
        &Certificate::Products(convex.clone()),
        "a coefficient is negative there",
    );
    convex.claim.hi.0 = Rational::from(1);
    refused(&Certificate::Products(convex), "a pole");
    // Beyond the critical ratio of constant steps no norm can do.
    let Certificate::Products(mut bdf) = sequences(2, (1, 10), (12, 5)) else {
        unreachable!()
    };
    bdf.claim.hi.0 = q(5, 2);
    refused(
        &Certificate::Products(bdf.clone()),
        "ratios beyond 1 + sqrt 2",
    );
    bdf.claim.hi.0 = q(12, 5);
    bdf.claim.lo.0 = q(-1, 2);
    refused(&Certificate::Products(bdf), "negative ratios");
}

#[test]
fn powers_are_accepted_and_tight() {
    for name in [
        "euler",
        "ab4",
        "leapfrog",
        "bdf3",
        "bdf6",
        "zerosnet(-9/5)",
        "zerosnet(-1)",
        "zerosnet(2/5)",
        "milne-simpson5",
    ] {
        let method = by_name(name).unwrap();
        for norm in [MatrixNorm::L2, MatrixNorm::Linf] {
            let certificate = powers_of(&method, norm);
            accept(&certificate);
            let Certificate::Powers(d) = certificate else {
                unreachable!()
            };
            let ratio = Rational::from(&d.claim.upper.0 / &d.claim.lower.0);
            assert!(
                ratio >= 1 && ratio < q(101, 100),
                "{name} {norm:?}: {ratio}"
            );
        }
    }
}

#[test]
fn changed_powers_are_rejected() {
    let method = by_name("zerosnet(-9/5)").unwrap();
    for norm in [MatrixNorm::L2, MatrixNorm::Linf] {
        let Certificate::Powers(good) = powers_of(&method, norm) else {
            unreachable!()
        };
        let change = |f: &dyn Fn(&mut dahlquist::certificate::schema::Document<_, _>),
                      what: &str| {
            let mut d = good.clone();
            f(&mut d);
            refused(&Certificate::Powers(d), what);
        };
        change(&|d| d.claim.upper.0 -= q(1, 50), "upper");
        change(&|d| d.claim.lower.0 += q(1, 50), "lower");
        change(&|d| d.claim.lower.0 = Rational::from(-1), "negative lower");
        change(&|d| d.claim.alpha[0].0 += q(1, 50), "alpha");
        change(&|d| d.claim.alpha.truncate(1), "no steps");
        change(
            &|d| d.evidence.circle = vec![Ratio(Rational::from(1))],
            "no circle factor",
        );
        change(&|d| d.evidence.circle.clear(), "zero factor");
        change(
            &|d| d.evidence.circle[0].0 = Rational::from(1),
            "another factor",
        );
        change(&|d| d.evidence.period = 0, "period 0");
        change(&|d| d.evidence.last = 1, "too few powers");
        change(&|d| d.evidence.last = u64::MAX, "too many powers");
        change(&|d| d.evidence.bits = 0, "no bits");
        change(
            &|d| {
                d.evidence
                    .vector
                    .iter_mut()
                    .for_each(|x| x.0 = Rational::new())
            },
            "zero vector",
        );
        change(
            &|d| {
                d.evidence.vector.pop();
            },
            "short vector",
        );
    }
    // Unbounded powers: Verlet's double root 1.
    let Certificate::Powers(mut d) = powers_of(&by_name("leapfrog").unwrap(), MatrixNorm::L2)
    else {
        unreachable!()
    };
    for (a, c) in d.claim.alpha.iter_mut().zip([1, -2, 1]) {
        a.0 = Rational::from(c);
    }
    d.evidence.circle.clone_from(&d.claim.alpha);
    refused(&Certificate::Powers(d), "a double root on the circle");
}

/// A certificate of another kind does not read as one of these.
#[test]
fn kinds_are_kept_apart() {
    let method = by_name("ab2").unwrap();
    let condition = RootCondition::of(&method.rho(), method.kind());
    let record = dahlquist::multistep::RootEvidence::new(&method, &condition);
    let root = write::root_condition(&method, &record).unwrap();
    let text = String::from_utf8(root.to_bytes().unwrap()).unwrap();
    for kind in ["cells", "region", "products", "powers"] {
        let changed = text.replace(
            "\"kind\":\"root-condition\"",
            &format!("\"kind\":\"{kind}\""),
        );
        assert!(Certificate::from_bytes(&crate::mutate::redigest(&changed)).is_err());
    }
}
