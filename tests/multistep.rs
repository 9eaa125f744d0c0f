//! Exact multistep analysis against tables, published values and constructed root lists.
//!
//! The tables lie in `../shared` beside the repository or where `DAHLQUIST_SHARED` says. A test
//! whose table is absent says so on standard error and passes, or fails with `DAHLQUIST_REQUIRE=1`.

use std::path::PathBuf;

use dahlquist::exact::rational::{parse, parse_list};
use dahlquist::exact::sturm::RealRoot;
use dahlquist::exact::{Integer, Poly, Rational};
use dahlquist::multistep::absolute_stability::{RealInterval, real_interval};
use dahlquist::multistep::evidence::RootEvidence;
use dahlquist::multistep::optimum::least_parasitic_modulus;
use dahlquist::multistep::region::{Property, number, solve};
use dahlquist::multistep::roots::{Location, enclose};
use dahlquist::multistep::{
    Kind, LinearMultistep, ParametricFamily, RootCondition, Strength, analyze, by_name,
    methods_csv, region,
};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

fn shared(relative: &str) -> Option<PathBuf> {
    let root = std::env::var_os("DAHLQUIST_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    let path = root.join(relative);
    if path.is_file() {
        return Some(path);
    }
    let message = format!("skipped: {} is absent", path.display());
    assert!(
        std::env::var_os("DAHLQUIST_REQUIRE").is_none_or(|v| v != "1"),
        "{message}"
    );
    eprintln!("{message}");
    None
}

fn q(text: &str) -> Rational {
    parse(text).expect(text)
}

fn product(factors: &[Poly]) -> Poly {
    factors.iter().fold(Poly::one(), |p, f| &p * f)
}

fn counts(p: &Poly) -> (usize, usize, usize) {
    let c = RootCondition::of(p, Kind::First).counts;
    (c.inside, c.on, c.outside)
}

#[test]
fn table_of_known_methods() {
    let Some(path) = shared("data/multistep/known-methods.csv") else {
        return;
    };
    let methods = methods_csv::read(&path).expect("a table");
    let text = std::fs::read_to_string(&path).expect("a table");
    let rows: Vec<_> = text
        .lines()
        .map(|l| methods_csv::fields(l).expect("a row"))
        .collect();
    let column = |name: &str| rows[0].iter().position(|h| h == name).expect(name);
    let (order, error, stable) = (
        column("order"),
        column("error_constant"),
        column("zero_stable"),
    );
    let (normalised, place) = (
        column("error_constant_normalised"),
        column("roots_in_on_out"),
    );
    assert_eq!(methods.len(), rows.len() - 1);
    assert_eq!(methods.len(), 83);
    let start = std::time::Instant::now();
    for (method, row) in methods.iter().zip(&rows[1..]) {
        let a = analyze(method).expect("within limits");
        assert_eq!(a.name, row[0].trim());
        assert_eq!(
            a.order.map(|p| p.to_string()).as_deref(),
            Some(row[order].as_str()),
            "{}",
            a.name
        );
        assert_eq!(a.error_constant, row[error], "{}", a.name);
        assert_eq!(
            a.error_constant_normalised.as_deref(),
            Some(row[normalised].as_str()),
            "{}",
            a.name
        );
        assert_eq!(
            if a.zero_stable { "yes" } else { "no" },
            row[stable],
            "{}",
            a.name
        );
        assert_eq!(a.roots_in_on_out, row[place], "{}", a.name);
        let total: usize = a.roots.iter().map(|r| r.multiplicity).sum();
        assert_eq!(total, a.k, "{}", a.name);
    }
    eprintln!("{} methods in {:?}", methods.len(), start.elapsed());
}

#[test]
fn table_of_real_stability_intervals() {
    let Some(path) = shared("data/multistep/stability-constants.csv") else {
        return;
    };
    let text = std::fs::read_to_string(&path).expect("a table");
    let mut seen = 0;
    for line in text
        .lines()
        .filter(|l| l.starts_with("real stability interval,"))
    {
        let row = methods_csv::fields(line).expect("a row");
        let method = by_name(&row[1]).expect("an Adams method");
        let end = RealRoot::Rational(-q(&row[2]));
        assert_eq!(
            real_interval(&method),
            Some(RealInterval::From(end)),
            "{}",
            row[1]
        );
        seen += 1;
    }
    assert!(seen >= 7);
}

/// The SSP methods of the table are rows of the other table.
fn by_table_name(name: &str) -> LinearMultistep {
    let generated = match name {
        "eSSPMS(3,2)" => "essp2(3)".to_owned(),
        "eSSPMS(4,2)" => "essp2(4)".to_owned(),
        "eSSPMS(5,2)" => "essp2(5)".to_owned(),
        "eSSPMS(4,3)" => "essp3(4)".to_owned(),
        "eSSPMS(5,3)" => "essp3(5)".to_owned(),
        other => other.to_owned(),
    };
    by_name(&generated).expect("a generated family")
}

#[test]
fn table_of_angles_and_ssp_coefficients() {
    let Some(path) = shared("data/multistep/stability-constants.csv") else {
        return;
    };
    let text = std::fs::read_to_string(&path).expect("a table");
    let mut seen = 0;
    for line in text.lines().skip(1) {
        let row = methods_csv::fields(line).expect("a row");
        match row[0].as_str() {
            "A(alpha) angle tan^2" => {
                let a = analyze(&by_table_name(&row[1])).expect("small");
                let found = a.a_stability.expect("few steps");
                let tan = found.tan_squared.expect("a sector");
                assert_eq!(tan.value.to_string(), row[2], "{}", row[1]);
                // The printed decimal is within a unit of its last digit.
                let [lo, hi] = found.alpha_degrees.map(|t| q(&t));
                let (printed, unit) = (q(&row[3]), q("1e-18"));
                assert!(
                    lo < Rational::from(&printed + &unit) && hi > printed - unit,
                    "{}: [{lo}, {hi}]",
                    row[1]
                );
            }
            "SSP coefficient" => {
                let a = analyze(&by_table_name(&row[1])).expect("small");
                assert_eq!(
                    a.ssp_coefficient.as_deref(),
                    Some(row[2].as_str()),
                    "{}",
                    row[1]
                );
            }
            _ => continue,
        }
        seen += 1;
    }
    assert!(seen >= 7);
}

#[test]
fn generated_methods_equal_the_table() {
    let Some(path) = shared("data/multistep/known-methods.csv") else {
        return;
    };
    let methods = methods_csv::read(&path).expect("a table");
    let find = |prefix: &str| {
        methods
            .iter()
            .find(|m| m.name().starts_with(prefix))
            .expect(prefix)
    };
    for (prefix, name) in [
        ("AB1 ", "euler"),
        ("AB5", "ab5"),
        ("AB10", "ab10"),
        ("AM1 ", "am1"),
        ("AM9", "am9"),
        ("BDF3", "bdf3"),
        ("BDF12", "bdf12"),
        ("Nystrom explicit k=2", "leapfrog"),
        ("Nystrom explicit k=8", "nystrom8"),
        ("Milne-Simpson implicit k=2", "milne-simpson"),
        ("Milne-Simpson implicit k=7", "milne-simpson7"),
        ("Stormer explicit k=10", "stormer10"),
        ("Stormer explicit k=2", "verlet"),
        ("Cowell implicit k=2", "numerov"),
        ("Cowell implicit k=10", "cowell10"),
        ("SBDF2", "sbdf2"),
        ("SBDF5", "sbdf5"),
        ("NDF1", "ndf1"),
        ("NDF3", "ndf3"),
        ("eSSPMS(5,2)", "essp2(5)"),
        ("eSSPMS(4,3)", "essp3(4)"),
        ("eSSPMS(5,3)", "essp3(5)"),
        ("theta method theta=1/3", "theta(1/3)"),
    ] {
        let (wanted, made) = (find(prefix), by_name(name).expect(name));
        assert_eq!(
            (wanted.alpha(), wanted.beta(), wanted.kind()),
            (made.alpha(), made.beta(), made.kind()),
            "{name}"
        );
    }
}

#[test]
fn zerosnet_region_and_optimum() {
    let family = ParametricFamily::zerosnet();
    let set = region(&family).expect("within limits");
    assert_eq!(set.in_words("lambda"), "lambda <= -1 or lambda > 1/3");
    let best = least_parasitic_modulus(&family).expect("rational");
    assert_eq!((best.parameter, best.modulus), (q("-9/5"), q("1/3")));
    // The region agrees with the root condition at each sample, near the ends too.
    for l in [
        "-1000000",
        "-1.000000000001",
        "-1",
        "-0.999999999999",
        "-1/3",
        "-1e-9",
        "1e-9",
        "1/4",
        "0.333333333333",
        "0.333333333334",
        "2",
        "1e9",
    ] {
        let l = q(l);
        let inside = l <= -1 || l > Rational::from((1, 3));
        let method = family.at(&l).expect("no pole");
        assert_eq!(
            RootCondition::of(&method.rho(), Kind::First).zero_stable(),
            inside,
            "{l}"
        );
    }
    assert!(
        !RootCondition::of(&family.at(&q("1/3")).expect("no pole").rho(), Kind::First)
            .zero_stable()
    );
}

/// λ, a_0, a_1, a_2, b_0, the largest parasitic modulus (six digits, cut, of the closed form
/// `(|p| + √(p² − 4q))/2` or `√q`; the published table rounds it to four), verdict, and the
/// lower end of the real stability interval.
#[test]
fn zerosnet_table_of_parameters() {
    let rows = [
        (
            "-5",
            ".6",
            ".2",
            ".2",
            "1.6",
            "0.447213",
            Strength::Strong,
            Some("-1"),
        ),
        (
            "-3",
            ".5",
            "1/3",
            "1/6",
            "5/3",
            "0.408248",
            Strength::Strong,
            Some("-4/5"),
        ),
        (
            "-9/5",
            "1/3",
            "5/9",
            "1/9",
            "16/9",
            "0.333333",
            Strength::Strong,
            Some("-1/2"),
        ),
        (
            "-3/2",
            ".25",
            "2/3",
            "1/12",
            "11/6",
            "0.614356",
            Strength::Strong,
            Some("-4/11"),
        ),
        ("-1", "0", "1", "0", "2", "1", Strength::Weak, None),
        (
            "-.9",
            "-1/12",
            "10/9",
            "-1/36",
            "37/18",
            "1.108394",
            Strength::Unstable,
            None,
        ),
        (
            "-1/3",
            "-1.5",
            "3",
            "-.5",
            "3",
            "2.686140",
            Strength::Unstable,
            None,
        ),
        (
            ".4",
            "2.625",
            "-2.5",
            ".875",
            ".25",
            "0.935414",
            Strength::Strong,
            None,
        ),
        (
            ".5",
            "2.25",
            "-2",
            ".75",
            ".5",
            "0.866025",
            Strength::Strong,
            Some("-1/3"),
        ),
        (
            "1",
            "1.5",
            "-1",
            ".5",
            "1",
            "0.707106",
            Strength::Strong,
            Some("-1"),
        ),
        (
            "2",
            "1.125",
            "-.5",
            ".375",
            "1.25",
            "0.612372",
            Strength::Strong,
            Some("-5/3"),
        ),
        (
            "5",
            ".9",
            "-.2",
            ".3",
            "1.4",
            "0.547722",
            Strength::Strong,
            Some("-12/7"),
        ),
    ];
    for (l, a0, a1, a2, b0, modulus, strength, lower) in rows {
        let method = by_name(&format!("zerosnet({l})")).expect(l);
        assert_eq!(method.alpha(), [-q(a2), -q(a1), -q(a0), q("1")], "{l}");
        assert_eq!(method.beta(), [q("0"), q("0"), q(b0), q("0")], "{l}");
        let a = analyze(&method).expect("within limits");
        assert_eq!(a.strong, strength, "{l}");
        assert_eq!(a.order, Some(if l == "-1/3" { 3 } else { 2 }), "{l}");
        let [lo, hi] = a.max_parasitic_modulus.expect("two parasitic roots");
        // The enclosure lies within the six digits.
        let (lo, hi, printed) = (q(&lo), q(&hi), q(modulus));
        assert!(
            printed <= lo && hi < printed + q("1e-6"),
            "{l}: [{lo}, {hi}]"
        );
        if let Some(lower) = lower {
            let end = RealInterval::From(RealRoot::Rational(q(lower)));
            assert_eq!(real_interval(&method), Some(end), "{l}");
        }
    }
    // The published constant of order 2, (3λ + 1)/(6λ), at the optimum.
    assert_eq!(
        analyze(&by_name("zerosnet(-9/5)").expect("known"))
            .expect("small")
            .error_constant,
        "11/27"
    );
    // Leapfrog at λ = −1, and an empty real interval.
    let (at_minus_one, leapfrog) = (
        by_name("zerosnet(-1)").expect("known"),
        by_name("leapfrog").expect("known"),
    );
    assert_eq!(at_minus_one.rho(), &Poly::x() * &leapfrog.rho());
    assert_eq!(real_interval(&at_minus_one), Some(RealInterval::Empty));
}

#[test]
fn compared_schemes() {
    let words = region(&ParametricFamily::lm_resnet())
        .expect("small")
        .in_words("k");
    assert_eq!(words, "(k > -1 and k <= 1)");
    let list = |t: &str| parse_list(t).expect("literal");
    let ones = LinearMultistep::new("1111", Kind::First, list("-1 -1 -1 1"), list("0 0 1 0"))
        .expect("valid");
    let a = analyze(&ones).expect("small");
    assert!(!a.zero_stable && !a.consistent && a.order.is_none());
    let [lo, hi] = a.max_parasitic_modulus.expect("three roots");
    assert!(q("1.839286755214161132") <= q(&hi) && q(&lo) <= q("1.839286755214161133"));
    let verlet = by_name("verlet").expect("known");
    assert!(RootCondition::of(&verlet.rho(), Kind::Second).zero_stable());
    assert!(!RootCondition::of(&verlet.rho(), Kind::First).zero_stable());
}

#[test]
fn irrational_ends_are_enclosed() {
    // ρ = (r − 1)(r − (l² − 1)): stable iff −1 ≤ l² − 1 < 1, so |l| < √2 (l = 0 gives r = −1). At √2 the
    // two roots meet at 1: decided over the field of √2.
    let text = "name='t'\nparameter='l'\nalpha=['l^2-1','-l^2','1']\nbeta=['0','1','0']\n";
    let family = ParametricFamily::from_toml(text, "t.toml".as_ref()).expect("a family");
    let set = region(&family).expect("small");
    assert_eq!(set.pieces.len(), 1);
    let (lo, hi) = ("1.4142135623730950488", "1.4142135623730950489");
    assert_eq!(
        set.in_words("l"),
        format!("(l > [-{hi}, -{lo}] and l < [{lo}, {hi}])")
    );
    assert!(set.undecided.is_empty());
}

/// ρ = (r − 1)² + l² r for y'' = f: the pair is on the circle for l² ≤ 4; with 8 in place of 4 the ends
/// are ±2√2 and the double root −1 is allowed, for y' = f it is not.
#[test]
fn irrational_ends_of_permanent_pairs() {
    for (kind, closed) in [("second", true), ("first", false)] {
        let text = format!(
            "name='t'\nparameter='l'\nkind='{kind}'\nalpha=['1','l^2/2-2','1']\nbeta=['0','1','0']\n"
        );
        let family = ParametricFamily::from_toml(&text, "t.toml".as_ref()).expect("a family");
        let set = region(&family).expect("small");
        assert!(set.undecided.is_empty());
        let (lo, hi) = ("2.8284271247461900976", "2.8284271247461900977");
        let ends = |open: &str, closed_end: &str, is_closed: bool| {
            if is_closed {
                closed_end.to_owned()
            } else {
                open.to_owned()
            }
        };
        let outer = (ends(">", ">=", closed), ends("<", "<=", closed));
        let words = if closed {
            format!(
                "(l {} [-{hi}, -{lo}] and l {} [{lo}, {hi}])",
                outer.0, outer.1
            )
        } else {
            // l = 0 is the double root 1.
            format!(
                "(l {} [-{hi}, -{lo}] and l < 0) or (l > 0 and l {} [{lo}, {hi}])",
                outer.0, outer.1
            )
        };
        assert_eq!(set.in_words("l"), words, "{kind}");
    }
}

/// An irrational point alone: roots ±i for all l, and a root l² − 1 that is on the circle at l = ±√2 and
/// at 0; the set of y' = f has these ends.
#[test]
fn lone_irrational_points() {
    // ρ = (r² + 1)² (r − (l² − 2)): never stable for y' = f, for y'' = f where |l² − 2| ≤ 1.
    let text = "name='t'\nparameter='l'\nkind='second'\nalpha=['2-l^2','1','4-2*l^2','2','2-l^2','1']\nbeta=['0','1','0','0','0','0']\n";
    let family = ParametricFamily::from_toml(text, "t.toml".as_ref()).expect("a family");
    let set = region(&family).expect("small");
    assert!(set.undecided.is_empty());
    let (lo, hi) = ("1.7320508075688772935", "1.7320508075688772936");
    assert_eq!(
        set.in_words("l"),
        format!("(l >= [-{hi}, -{lo}] and l <= -1) or (l >= 1 and l <= [{lo}, {hi}])")
    );
    // ρ = (r − 1)(r² − (l² − 1) r + 1): all l with |l² − 1| < 2, and the ends of the pair meet.
    let text = "name='t'\nparameter='l'\nalpha=['-1','l^2','-l^2','1']\nbeta=['0','1','0','0']\n";
    let family = ParametricFamily::from_toml(text, "t.toml".as_ref()).expect("a family");
    let set = region(&family).expect("small");
    assert_eq!(
        set.in_words("l"),
        format!("(l > [-{hi}, -{lo}] and l < [{lo}, {hi}])")
    );
}

#[test]
fn irrational_ends_without_meeting_roots_are_decided() {
    // ρ = (r − 1)(r + l² − 1): the other root reaches −1 at |l| = √2, where it is simple.
    let text = "name='t'\nparameter='l'\nalpha=['1-l^2','l^2-2','1']\nbeta=['0','1','0']\n";
    let family = ParametricFamily::from_toml(text, "t.toml".as_ref()).expect("a family");
    let set = region(&family).expect("small");
    assert!(set.undecided.is_empty());
    let (lo, hi) = ("1.4142135623730950488", "1.4142135623730950489");
    let expected = format!("(l >= [-{hi}, -{lo}] and l < 0) or (l > 0 and l <= [{lo}, {hi}])");
    assert_eq!(set.in_words("l"), expected);
}

#[test]
fn permanent_circle_roots() {
    // ρ = (r − 1)(r + 1)(r² − l r + 1): a palindromic quadratic, on the circle for |l| ≤ 2 and double
    // at ±2; −1 < l < 1 … nothing changes at ±1.
    let text =
        "name='t'\nparameter='l'\nalpha=['-1','l','0','-l','1']\nbeta=['0','0','0','0','0']\n";
    let family = ParametricFamily::from_toml(text, "t.toml".as_ref()).expect("a family");
    assert_eq!(
        region(&family).expect("small").in_words("l"),
        "(l > -2 and l < 2)"
    );
    let second = text.replace("alpha", "kind='second'\nalpha");
    let family = ParametricFamily::from_toml(&second, "t.toml".as_ref()).expect("a family");
    // At ±2 the roots 1 or −1 become triple.
    assert_eq!(
        region(&family).expect("small").in_words("l"),
        "(l > -2 and l < 2)"
    );
    let closed = solve(&family.rho(), &family.poles(), Property::ClosedDisc);
    assert_eq!(closed.in_words("l"), "(l >= -2 and l <= 2)");
}

#[test]
fn roots_close_to_the_circle() {
    for digits in [6_u32, 12, 40] {
        let eps = Rational::from((
            Integer::from(1),
            Integer::from(Integer::u_pow_u(10, digits)),
        ));
        let inner = Poly::linear(&(Rational::from(-1) + &eps));
        let outer = Poly::linear(&(Rational::from(1) + &eps));
        let one = Poly::linear(&Rational::from(1));
        let p = product(&[inner.clone(), one.clone()]);
        assert_eq!(
            RootCondition::of(&p, Kind::First).strength,
            Strength::Strong
        );
        assert_eq!(
            counts(&product(&[inner.clone(), outer, one.clone()])),
            (1, 1, 1)
        );
        // r² − 2c r + (1 − ε): a complex pair of modulus √(1 − ε).
        let pair = Poly::new(vec![Rational::from(1) - &eps, q("-6/5"), q("1")]);
        let out = Poly::new(vec![Rational::from(1) + &eps, q("-6/5"), q("1")]);
        let on = Poly::from_integers(&[5, -6, 5]);
        let p = product(&[pair, out, on, one]);
        assert_eq!(counts(&p), (2, 3, 2));
        let roots = enclose(&RootCondition::of(&p, Kind::First), "close").expect("separable");
        assert_eq!(
            roots.iter().filter(|r| r.location == Location::On).count(),
            3
        );
        assert_eq!(
            roots.iter().filter(|r| r.location == Location::Out).count(),
            2
        );
    }
}

/// The near-circle methods of `benches/RESULTS.md`.
#[test]
fn pairs_of_modulus_next_to_one() {
    let one = Poly::linear(&Rational::from(1));
    let inner = Poly::new(vec![q("1/4"), q("1/2"), q("1")]);
    for e in 6..=16_u32 {
        let eps = Rational::from((1, 10_u64.pow(e)));
        for (sign, stable) in [(1, false), (-1, true)] {
            for c in ["3/5", "-4/5", "1/3", "0"] {
                let constant = Rational::from(&eps * sign) + 1;
                let pair = Poly::new(vec![constant, q(c) * -2, q("1")]);
                for p in [
                    product(&[one.clone(), pair.clone()]),
                    product(&[one.clone(), pair.clone(), inner.clone()]),
                ] {
                    let found = RootCondition::of(&p, Kind::First).zero_stable();
                    assert_eq!(found, stable, "{e} {sign} {c}");
                }
            }
        }
    }
}

#[test]
fn cyclotomic_products_of_high_degree() {
    // r^60 − 1 and Φ_n-like products with repeated factors.
    let power = |n: usize| {
        let mut c = vec![0; n + 1];
        (c[0], c[n]) = (-1, 1);
        Poly::from_integers(&c)
    };
    let c = RootCondition::of(&power(60), Kind::First);
    assert_eq!(
        (c.counts.on, c.max_circle_multiplicity, c.strength),
        (60, 1, Strength::Weak)
    );
    assert_eq!(enclose(&c, "r^60 - 1").expect("separable").len(), 60);
    let c = RootCondition::of(&product(&[power(30), power(20), power(10)]), Kind::Second);
    assert_eq!(
        (c.counts.on, c.max_circle_multiplicity, c.strength),
        (60, 3, Strength::Unstable)
    );
    let phi = power(31)
        .exact_div(&Poly::from_integers(&[-1, 1]))
        .expect("divides");
    let c = RootCondition::of(&product(&[phi.clone(), phi]), Kind::Second);
    assert_eq!((c.counts.on, c.strength), (60, Strength::Weak));
}

#[test]
fn double_roots_and_roots_at_zero() {
    let one = Poly::from_integers(&[-1, 1]);
    let i = Poly::from_integers(&[1, 0, 1]);
    let p = product(&[Poly::x().pow(5), one.clone(), i.pow(2)]);
    let c = RootCondition::of(&p, Kind::First);
    assert_eq!(
        (c.zero_multiplicity, c.counts.inside, c.counts.on),
        (5, 5, 5)
    );
    assert_eq!(
        (c.max_circle_multiplicity, c.strength),
        (2, Strength::Unstable)
    );
    assert_eq!(RootCondition::of(&p, Kind::Second).strength, Strength::Weak);
    // Reciprocal pairs off the circle, real and complex, also repeated.
    let real = Poly::from_integers(&[2, -5, 2]);
    let complex = Poly::from_integers(&[2, -6, 9, -6, 2]);
    assert_eq!(counts(&product(&[real.clone(), one.clone()])), (1, 1, 1));
    assert_eq!(
        counts(&product(&[real.pow(2), complex.clone(), one])),
        (4, 1, 4)
    );
}

#[test]
fn evidence_multiplies_back_and_survives_json() {
    for name in [
        "ab4",
        "bdf7",
        "leapfrog",
        "zerosnet(-9/5)",
        "lm-resnet(1)",
        "cowell5",
    ] {
        let method = by_name(name).expect(name);
        let condition = RootCondition::of(&method.rho(), method.kind());
        let evidence = RootEvidence::new(&method, &condition);
        let text = serde_json::to_string(&evidence).expect("serialisable");
        assert_eq!(
            serde_json::from_str::<RootEvidence>(&text).expect("readable"),
            evidence
        );
        let poly = |list: &[String]| Poly::new(list.iter().map(|t| q(t)).collect());
        let mut p = Poly::x().pow(evidence.zero_multiplicity);
        for part in &evidence.parts {
            let trace = poly(&part.trace);
            let d = trace.degree().expect("monic");
            let step = Poly::from_integers(&[1, 0, 1]);
            let mut f = Poly::zero();
            for (j, c) in trace.coeffs().iter().enumerate() {
                f = &f + &product(&[step.pow(j), Poly::x().pow(d - j)]).scaled(c);
            }
            if part.one {
                f = &f * &Poly::from_integers(&[-1, 1]);
            }
            if part.minus_one {
                f = &f * &Poly::from_integers(&[1, 1]);
            }
            p = &p * &(&f * &poly(&part.rest)).pow(part.multiplicity);
        }
        assert_eq!(p, poly(&evidence.rho), "{name}");
    }
}

/// A factor with rational coefficients whose roots are known, with its (in, on, out).
fn factor() -> impl Strategy<Value = (Poly, (usize, usize, usize))> {
    let linear = (-40_i64..40, 1_i64..12).prop_map(|(p, d)| {
        let place = match p.abs().cmp(&d) {
            std::cmp::Ordering::Less => (1, 0, 0),
            std::cmp::Ordering::Equal => (0, 1, 0),
            std::cmp::Ordering::Greater => (0, 0, 1),
        };
        (Poly::linear(&Rational::from((p, d))), place)
    });
    // (r − a − b i)(r − a + b i) with a = u/w, b = v/w and a² + b² = (u² + v²)/w².
    let complex = (-12_i64..12, 1_i64..12, 1_i64..15).prop_map(|(u, v, w)| pair(u, v, w));
    let triples = prop::sample::select(vec![
        (3, 4, 5),
        (-3, 4, 5),
        (5, 12, 13),
        (-8, 15, 17),
        (0, 1, 1),
        (20, 21, 29),
    ]);
    let on = triples.prop_map(|(u, v, w)| pair(u, v, w));
    let golden = Just((Poly::from_integers(&[-1, -1, 1]), (1, 0, 1)));
    prop_oneof![3 => linear, 3 => complex, 2 => on, 1 => golden]
}

fn pair(u: i64, v: i64, w: i64) -> (Poly, (usize, usize, usize)) {
    let norm = u * u + v * v;
    let place = match norm.cmp(&(w * w)) {
        std::cmp::Ordering::Less => (2, 0, 0),
        std::cmp::Ordering::Equal => (0, 2, 0),
        std::cmp::Ordering::Greater => (0, 0, 2),
    };
    (
        Poly::new(vec![
            Rational::from((norm, w * w)),
            Rational::from((-2 * u, w)),
            Rational::from(1),
        ]),
        place,
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            "proptest-regressions/multistep.txt",
        ))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn constructed_root_lists(list in prop::collection::vec((factor(), 1_usize..4, any::<bool>()), 1..5),
                              zeros in 0_usize..3) {
        // Each factor with a multiplicity, and possibly its reciprocal beside it.
        let mut p = Poly::x().pow(zeros);
        let mut expected = (zeros, 0, 0);
        for ((f, (inside, on, outside)), m, mirrored) in &list {
            p = &p * &f.pow(*m);
            expected = (expected.0 + inside * m, expected.1 + on * m, expected.2 + outside * m);
            if *mirrored && f.coeff(0) != 0 {
                p = &p * &f.reversed();
                expected = (expected.0 + outside, expected.1 + on, expected.2 + inside);
            }
        }
        prop_assert_eq!(counts(&p), expected);
        let condition = RootCondition::of(&p, Kind::First);
        // The Schur–Cohn chain is a second decision.
        for part in &condition.parts {
            let all_inside = part.split.rest_inside == part.split.rest.degree().unwrap_or(0);
            prop_assert_eq!(dahlquist::multistep::circle::is_schur(&part.split.rest), all_inside);
        }
        let roots = enclose(&condition, "constructed").expect("separable");
        let total = |place| roots.iter().filter(|r| r.location == place).map(|r| r.multiplicity).sum::<usize>();
        prop_assert_eq!((total(Location::In), total(Location::On), total(Location::Out)), expected);
        // Real rational roots lie in exactly one enclosure each, with their multiplicity.
        for (f, m) in p.square_free() {
            for x in dahlquist::exact::sturm::isolate(&f) {
                if let RealRoot::Rational(x) = x {
                    let hits: Vec<_> = roots.iter().filter(|r| r.re.contains(&x) && r.im.contains(&Rational::new())).collect();
                    prop_assert_eq!(hits.len(), 1, "{}", number(&RealRoot::Rational(x)));
                    prop_assert_eq!(hits[0].multiplicity, m);
                }
            }
        }
    }

    #[test]
    fn region_agrees_with_samples(p in -300_i64..300, d in 1_i64..100) {
        let family = ParametricFamily::zerosnet();
        let l = Rational::from((p, d));
        if let Ok(method) = family.at(&l) {
            let stable = RootCondition::of(&method.rho(), Kind::First).zero_stable();
            prop_assert_eq!(stable, l <= -1 || l > Rational::from((1, 3)));
        }
    }
}
