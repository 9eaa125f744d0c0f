//! Root-condition certificates.

use dahlquist::certificate::schema::{
    Certificate, Document, EquationOrder, Ratio, RootClaim, RootRecord, Strength,
};
use dahlquist::certificate::write;
use dahlquist::check::{Rejection, check};
use dahlquist::exact::{Poly, Rational};
use dahlquist::multistep::{self, Kind, LinearMultistep, RootCondition, RootEvidence};

use crate::networks::Numbers;

/// The certificate of a named method.
pub fn certificate(name: &str) -> Certificate {
    of(&multistep::by_name(name).unwrap())
}

fn of(method: &LinearMultistep) -> Certificate {
    let condition = RootCondition::of(&method.rho(), method.kind());
    write::root_condition(method, &RootEvidence::new(method, &condition)).unwrap()
}

#[test]
fn named_methods_are_accepted() {
    for name in [
        "ab2",
        "ab5",
        "bdf3",
        "bdf6",
        "bdf7",
        "zerosnet(-9/5)",
        "zerosnet(1/3)",
        "zerosnet(1/4)",
    ] {
        let certificate = certificate(name);
        let bytes = certificate.to_bytes().unwrap();
        let checked = check(&Certificate::from_bytes(&bytes).unwrap(), None)
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        let expected = match name {
            "bdf7" | "zerosnet(1/3)" | "zerosnet(1/4)" => Strength::Unstable,
            _ => Strength::Strong,
        };
        assert_eq!(checked.verdict(), Some(expected), "{name}");
    }
}

/// Random products of factors with roots in all places and multiplicities.
#[test]
fn random_polynomials_agree_with_the_other_implementation() {
    let factors: [&[i64]; 9] = [
        &[0, 1],
        &[-1, 1],
        &[1, 1],
        &[1, 0, 1],
        &[1, 1, 1],
        &[-1, 2],
        &[-3, 1],
        &[2, -5, 2],
        &[1, -3, 5],
    ];
    let mut r = Numbers(11);
    for _ in 0..150 {
        let mut rho = Poly::one();
        while rho.degree().unwrap_or(0) < 1 + (r.bits() % 8) as usize {
            let f = factors[r.bits() as usize % factors.len()];
            rho = &rho * &Poly::from_integers(f);
        }
        let alpha = rho.coeffs().to_vec();
        let beta = vec![Rational::from(1); alpha.len()];
        for kind in [Kind::First, Kind::Second] {
            let method = LinearMultistep::new("random", kind, alpha.clone(), beta.clone()).unwrap();
            let certificate = of(&method);
            check(&certificate, None).unwrap_or_else(|e| panic!("{alpha:?} {kind:?}: {e}"));
        }
    }
}

#[test]
fn tampered_records_are_rejected() {
    type Change = fn(&mut Document<RootClaim, RootRecord>);
    let changes: [(&str, Change); 16] = [
        ("verdict in the claim", |d| d.claim.verdict = Strength::Weak),
        ("verdict everywhere", |d| {
            d.claim.verdict = Strength::Unstable;
            d.evidence.strength = Strength::Unstable;
        }),
        ("equation", |d| d.claim.equation = EquationOrder::Second),
        ("counts", |d| {
            d.claim.counts.inside += 1;
            d.evidence.counts.inside += 1;
        }),
        ("alpha", |d| d.claim.alpha[0].0 += 1),
        ("alpha and rho", |d| {
            d.claim.alpha[0].0 += 1;
            d.evidence.rho[0].0 += 1;
        }),
        ("leading coefficient", |d| {
            for c in d.claim.alpha.iter_mut().chain(&mut d.evidence.rho) {
                c.0 *= 2;
            }
        }),
        ("beta longer", |d| d.claim.beta.push(Ratio(Rational::new()))),
        ("no alpha", |d| {
            d.claim.alpha.clear();
            d.claim.beta.clear();
            d.evidence.rho.clear();
        }),
        ("part dropped", |d| d.evidence.parts.clear()),
        ("part doubled", |d| {
            let part = d.evidence.parts[0].clone();
            d.evidence.parts.push(part);
        }),
        ("huge multiplicity", |d| {
            d.evidence.parts[0].multiplicity = u64::MAX
        }),
        ("root at one", |d| d.evidence.parts[0].one = false),
        ("rest", |d| d.evidence.parts[0].rest[0].0 += 1),
        ("zero multiplicity", |d| {
            d.evidence.zero_multiplicity = u64::MAX
        }),
        ("chain", |d| {
            d.evidence.parts[0].schur_cohn.pop();
        }),
    ];
    for (what, change) in changes {
        let Certificate::RootCondition(mut document) = certificate("bdf3") else {
            unreachable!("a root condition")
        };
        change(&mut document);
        let rejected = check(&Certificate::RootCondition(document), None);
        assert!(
            matches!(
                rejected,
                Err(Rejection::Root { .. } | Rejection::TooLarge { .. })
            ),
            "{what}: {rejected:?}"
        );
    }
}
