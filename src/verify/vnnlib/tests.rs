//! The reader against a direct evaluation of random formulas, and on texts that
//! it must refuse.

use std::io::Write;

use proptest::prelude::*;

use super::*;
use crate::exact::Rational;

fn text(body: &str) -> String {
    format!(
        "(declare-const X_0 Real)\n(declare-const X_1 Real)\n(declare-const Y_0 Real)\n\
         (declare-const Y_1 Real)\n{body}"
    )
}

const BOX: &str = "(assert (and (<= -1 X_0 1) (<= -1 X_1 1)))";

fn spec(body: &str) -> Specification {
    read(text(body).as_bytes()).unwrap_or_else(|e| panic!("{e}: {body}"))
}

fn message(whole: &str) -> String {
    read(whole.as_bytes()).expect_err(whole).to_string()
}

fn q(text: &str) -> Rational {
    rational::parse(text).unwrap()
}

#[test]
fn bounds_are_found_wherever_they_stand() {
    let s = spec(
        "; a comment with ( and X_9
         (set-logic QF_LRA) (set-info :source \"a string )\")
         (assert (or (and (<= X_0 0.5) (>= (* 2 |X_0|) (- 1)) (< X_1 Y_1))
                     (and (= X_0 0.25) (>= Y_0 1.5e-3))))
         (declare-fun Y_2 () Real)
         (assert (and (>= 2.5 X_1) (not (< X_1 (/ 1 3 2)))))
         (assert (<= Y_2 (- Y_1 Y_0 (+ X_0 0.1 (* 2 Y_2 3)))))
         (check-sat)",
    );
    let cases = &s.query.cases;
    assert_eq!((s.query.inputs, s.query.outputs, cases.len()), (2, 3, 2));
    assert_eq!(cases[0].lo, [q("-1/2"), q("1/6")]);
    assert_eq!(cases[0].hi, [q("1/2"), q("5/2")]);
    assert_eq!(cases[1].lo[0], q("1/4"));
    let shared = &cases[1].violation[0].constraints[0];
    assert_eq!(shared.x, [(0, q("1"))]);
    assert_eq!(shared.y, [(0, q("1")), (1, q("-1")), (2, q("7"))]);
    assert_eq!(shared.constant, q("1/10"));
    let own = &cases[1].violation[0].constraints[1];
    assert_eq!((&own.y, &own.constant), (&vec![(0, q("-1"))], &q("3/2000")));
    assert!(cases[0].violation[0].constraints[1].strict);
}

#[test]
fn one_box_is_one_case() {
    let s = spec(
        &format!(
            "{BOX} (assert (or (and (<= X_0 0.5) (<= Y_0 1)) (and (<= X_0 0) (<= Y_0 2))
                           (and (>= Y_0 7) (<= X_0 5e-1)) (and (<= X_0 1/2.) (<= Y_1 0))))"
        )
        .replace("1/2.", "0.50"),
    );
    assert_eq!(s.query.cases.len(), 2);
    assert_eq!(s.query.cases[0].violation.len(), 3);
}

#[test]
fn empty_boxes_are_dropped_and_counted() {
    let s = spec(&format!(
        "{BOX} (assert (or (<= X_0 -2) (and (< X_0 -1) (> Y_0 0)) (and (> X_0 1) (<= X_0 1))
                           (and (< X_0 1) (<= Y_1 0))))"
    ));
    assert_eq!((s.query.cases.len(), s.dropped), (1, 3));
    assert_eq!(s.query.cases[0].hi[0], 1, "the closed box");
    let constraints = &s.query.cases[0].violation[0].constraints;
    assert_eq!((constraints.len(), constraints[1].strict), (2, true));
    let none = spec(&format!("{BOX} (assert false)"));
    assert_eq!((none.query.cases.len(), none.dropped), (0, 0));
    let all = spec(&format!("{BOX} (assert (or (<= Y_0 0) true))"));
    assert!(all.query.cases[0].violation[0].constraints.is_empty());
    assert_eq!(all.query.cases[0].violation.len(), 1);
}

#[test]
fn connectives_mean_what_they_say() {
    let s = spec(&format!(
        "{BOX} (assert (=> (<= X_0 0) (not (and (<= Y_0 0) (not (<= Y_1 0)))) (>= Y_0 5)))
         (assert (not (= Y_0 1)))"
    ));
    for (x, y, expected) in [
        (["0.5", "0"], ["2", "0"], true),
        (["0.5", "0"], ["1", "0"], false),
        (["0", "0"], ["0", "1"], true),
        (["0", "0"], ["0", "0"], false),
        (["0", "0"], ["5", "0"], true),
        (["2", "0"], ["5", "0"], false),
    ] {
        let (x, y) = (x.map(q), y.map(q));
        assert_eq!(s.query.violated_by(&x, &y), expected, "{x:?} {y:?}");
    }
}

#[test]
fn refused_texts_name_the_place() {
    for (body, expected) in [
        (
            "(assert (<= X_0 Y_7))",
            "line 5, column 17: Y_7 is not declared",
        ),
        ("(assert (<= Z 1))", "line 5, column 13: Z is not declared"),
        (
            "(assert\n (ite true (<= Y_0 1) false))",
            "line 6, column 3: the operator `ite` is not supported",
        ),
        (
            "(assert (<= Y_0 (abs Y_1)))",
            "line 5, column 18: the operator `abs` in a term is not supported",
        ),
        (
            "(assert (<= (* Y_0 Y_1) 1))",
            "line 5, column 14: the term is not linear",
        ),
        ("(assert (<= (/ 1 Y_1) 1))", "the term is not linear"),
        ("(assert (<= (/ Y_1 0.0) 1))", "division by zero"),
        ("(assert (<= (/ Y_1) 1))", "an operator with 1 operands"),
        ("(assert (<= (+) 1))", "an operator with 0 operands"),
        ("(assert (<= Y_0))", "fewer than two terms"),
        ("(assert (<= Y_0 1)", "found the end of the file"),
        ("(assert (and))", "0 operands"),
        (
            "(assert (not true false))",
            "found 2 operands, expected one formula",
        ),
        ("(assert (=> true))", "two formulas or more"),
        ("(assert)", "found `)`, expected a formula"),
        ("(assert Y_0)", "found `Y_0`, expected a formula"),
        (
            "(assert ())",
            "found `)`, expected a connective or a comparison",
        ),
        (
            "(assert true false)",
            "found `false`, expected `)` after a command",
        ),
        (")", "expected `(` before a command"),
        ("assert", "expected `(` before a command"),
        (
            "(define-fun f () Real 1)",
            "the command `define-fun` is not supported",
        ),
        ("(declare-const Y_1 Real)", "Y_1 is declared twice"),
        ("(declare-const Y_01 Real)", "the variable name `Y_01`"),
        ("(declare-const Y_2 Int)", "the sort `Int` is not supported"),
        (
            "(declare-fun Y_2 (Real) Real)",
            "a variable without arguments",
        ),
        (
            "(assert (<= Y_0 1..2))",
            "line 5, column 17: `1..2` is not an integer, a decimal",
        ),
        ("(assert (<= Y_0 1e))", "`1e` is not"),
        ("(assert (<= Y_0 0x10))", "found `x` in `0x10`"),
        ("(assert (<= Y_0 1/2))", "found `/` in `1/2`"),
        (
            "(assert (<= Y_0 1e99999))",
            "the exponent of `1e99999` is beyond",
        ),
        ("(assert (<= Y_0 nan))", "nan is not declared"),
        ("(assert (<= Y_0 \"1\"))", "found a string, expected a term"),
        ("(assert (<= Y_0 \u{2212}1))", "found byte 0xe2"),
        ("(assert (<= Y_0 |1", "expected a closing quotation mark"),
        ("(set-info", "found the end of the file"),
        ("(declare-const Y_3 Real)", "Y_2 is not declared"),
        ("", "X_0 has no lower bound"),
        (
            "(assert (<= 0 X_0)) (assert (>= X_1 0))",
            "X_0 has no upper bound",
        ),
        (
            "(assert (<= 0 X_0 1)) (assert (or (<= 0 X_1 1) (<= X_1 2)))",
            "X_1 has no lower bound in alternative 2 of 2",
        ),
    ] {
        let found = message(&text(body));
        assert!(found.contains(expected), "{body}: {found}");
    }
    assert_eq!(message(""), "X_0 is not declared");
    assert_eq!(message("(declare-const X_0 Real)"), "Y_0 is not declared");
    let long = text(&format!("(assert (<= Y_0 {}))", "1".repeat(5000)));
    assert!(message(&long).contains("characters of a word"));
    let far = "(declare-const X_4294967294 Real)(declare-const X_4294967295 Real)";
    assert!(message(far).contains("X_4294967295"));
}

#[test]
fn every_prefix_is_refused() {
    let whole = text(&format!(
        "{BOX} (assert (or (<= Y_0 1) (>= (+ Y_0 (* 2 Y_1)) 1)))"
    ));
    let mut read_whole = 0;
    for n in 0..=whole.len() {
        read_whole += u32::from(read(&whole.as_bytes()[..n]).is_ok());
    }
    assert_eq!(
        read_whole, 3,
        "after the bounds, with a space, and the whole"
    );
}

#[test]
fn depth_is_no_danger() {
    for open in ["(and ", "(or ", "(not ", "(=> true "] {
        let formula = |n: usize| format!("{BOX}(assert {}true{})", open.repeat(n), ")".repeat(n));
        spec(&formula(MAX_DEPTH - 1));
        let found = message(&text(&formula(MAX_DEPTH + 1)));
        assert!(found.contains("nesting of parentheses"), "{found}");
    }
    let term = |n: usize| {
        let sum = "(+ Y_0 ".repeat(n);
        format!("{BOX}(assert (<= {sum}(- 0){} 1))", ")".repeat(n))
    };
    let s = spec(&term(MAX_DEPTH - 1));
    assert_eq!(
        s.query.cases[0].violation[0].constraints[0].y[0].1,
        MAX_DEPTH - 1
    );
    assert!(message(&text(&term(MAX_DEPTH))).contains("nesting"));
}

#[test]
fn products_are_limited() {
    let pair = "(assert (or (<= Y_0 Y_1) (>= Y_0 1)))";
    assert_eq!(
        spec(&format!("{BOX}{}", pair.repeat(6))).query.cases[0]
            .violation
            .len(),
        64
    );
    let found = message(&text(&format!("{BOX}{}", pair.repeat(40))));
    assert!(found.contains("normal form: more than"), "{found}");
    let boxes = "(assert (or (<= X_0 0) (>= X_0 0.5)))";
    let found = message(&text(&format!("{BOX}{}", boxes.repeat(40))));
    assert!(found.contains("normal form: more than"), "{found}");
    // numbers that grow by multiplication
    let square = format!("(* 1e4096 {})", "1e4096 ".repeat(100_000));
    let found = message(&text(&format!("{BOX}(assert (<= Y_0 {square}))")));
    assert!(found.contains("bits of long numbers"), "{found}");
}

#[test]
fn gzip_of_several_members() {
    let whole = text(BOX);
    let (a, b) = whole.as_bytes().split_at(70);
    let mut packed = Vec::new();
    for part in [a, b] {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(part).unwrap();
        packed.extend(gzip.finish().unwrap());
    }
    assert_eq!(read(&packed[..]).unwrap(), spec(BOX));
    for n in [1, 2, 9, 20, packed.len() - 1] {
        assert!(read(&packed[..n]).is_err(), "cut at {n}");
    }
    let folder = tempfile::tempdir().unwrap();
    let found = load(folder.path().join("none.vnnlib"))
        .unwrap_err()
        .to_string();
    assert!(found.contains("none.vnnlib"), "{found}");
}

/// A formula to be written and to be evaluated.
#[derive(Clone, Debug)]
enum Random {
    Truth(bool),
    /// comparison, coefficients of X_0 X_1 Y_0 Y_1 in halves, constant in halves
    Compare(usize, [i8; 4], i8),
    Connective(usize, Vec<Random>),
}

const COMPARISONS: [&str; 5] = ["<=", "<", ">=", ">", "="];
const CONNECTIVES: [&str; 4] = ["and", "or", "=>", "not"];

impl Random {
    fn text(&self) -> String {
        match self {
            Random::Truth(b) => b.to_string(),
            Random::Compare(k, c, d) => {
                let names = ["X_0", "X_1", "Y_0", "Y_1"];
                let mut terms = vec!["0.0".to_string()];
                for (c, name) in c.iter().zip(names).filter(|(c, _)| **c != 0) {
                    terms.push(match c {
                        2 => name.into(),
                        -2 => format!("(- {name})"),
                        1 => format!("(/ {name} 2)"),
                        c => format!("(* {} 5e-1 {name})", c),
                    });
                }
                format!(
                    "({} (+ {}) {:.1})",
                    COMPARISONS[*k],
                    terms.join(" "),
                    f64::from(*d) / 2.0
                )
            }
            Random::Connective(k, parts) => {
                let parts: Vec<String> = parts.iter().map(Random::text).collect();
                format!("({} {})", CONNECTIVES[*k], parts.join(" "))
            }
        }
    }

    fn holds(&self, point: &[Rational; 4]) -> bool {
        match self {
            Random::Truth(b) => *b,
            Random::Compare(k, c, d) => {
                let mut left = Rational::new();
                for (c, v) in c.iter().zip(point) {
                    left += Rational::from(v * i32::from(*c)) / 2;
                }
                let right = Rational::from((i32::from(*d), 2));
                [
                    left <= right,
                    left < right,
                    left >= right,
                    left > right,
                    left == right,
                ][*k]
            }
            Random::Connective(k, parts) => {
                let mut parts = parts.iter().map(|p| p.holds(point));
                match k {
                    0 => parts.all(|p| p),
                    1 => parts.any(|p| p),
                    3 => !parts.next().unwrap(),
                    _ => {
                        let all: Vec<bool> = parts.collect();
                        let (last, premises) = all.split_last().unwrap();
                        *last || premises.iter().any(|p| !p)
                    }
                }
            }
        }
    }
}

fn random() -> impl Strategy<Value = Random> {
    let coefficient = || prop_oneof![4 => Just(0i8), 2 => Just(2i8), 1 => -3..4i8];
    let compare = (
        0..5usize,
        [coefficient(), coefficient(), coefficient(), coefficient()],
        -3..4i8,
    )
        .prop_map(|(k, c, d)| Random::Compare(k, c, d));
    let leaf = prop_oneof![1 => any::<bool>().prop_map(Random::Truth), 12 => compare];
    leaf.prop_recursive(4, 12, 3, |inner| {
        (0..4usize, prop::collection::vec(inner, 2..4)).prop_map(|(k, mut parts)| {
            if k == 3 {
                parts.truncate(1);
            }
            Random::Connective(k, parts)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// The query and the formulas say the same of every point of a grid that
    /// holds the ends of all bounds.
    #[test]
    fn the_normal_form_means_the_text(formulas in prop::collection::vec(random(), 1..4), points in prop::collection::vec([-3..4i32, -3..4i32, -3..4i32, -3..4i32], 60)) {
        let asserts: String = formulas.iter().map(|f| format!("(assert {})\n", f.text())).collect();
        let s = match read(text(&format!("{BOX}{asserts}")).as_bytes()) {
            Ok(s) => s,
            Err(Error::TooLarge { .. }) => return Ok(()),
            Err(e) => panic!("{e}"),
        };
        for case in &s.query.cases {
            prop_assert!(case.lo.iter().zip(&case.hi).all(|(a, b)| a <= b));
        }
        for point in points {
            let p = point.map(|v| Rational::from((v, 2)));
            let inside = p[..2].iter().all(|v| *v >= -1 && *v <= 1);
            let expected = inside && formulas.iter().all(|f| f.holds(&p));
            prop_assert_eq!(s.query.violated_by(&p[..2], &p[2..]), expected, "{:?}", p);
        }
    }

    #[test]
    fn noise(bytes in prop::collection::vec(prop_oneof![Just(b'('), Just(b')'), Just(b' '), any::<u8>()], 0..200)) {
        let _ = read(&bytes[..]);
    }
}
