//! `OdeBlock` nodes written by hand.

use dahlquist::exact::Rational;
use dahlquist::graph::eval_f64;
use dahlquist::network::onnx::{Error, read_model};
use dahlquist::ode::{Field, Method};

use crate::wire::{A, floats, graph, node, node_in, simple, value};

fn decay(name: &str) -> Vec<u8> {
    // f(z) = z W, W captured from the outer graph
    graph(
        &[node("MatMul", &["z", "w"], name, &[])],
        &[],
        &[value("z", Some(&[-1, 1]))],
        name,
    )
}

fn block(attributes: &[(&str, A)]) -> Result<dahlquist::network::Network, Error> {
    read_model(simple(
        13,
        &[-1, 1],
        &[node_in("ai.dahlquist", "OdeBlock", &["x"], "y", attributes)],
        &[floats("w", &[1, 1], &[-1.0])],
    ))
}

fn text(v: &[&str]) -> A {
    A::Ss(v.iter().map(|s| s.to_string()).collect())
}

#[test]
fn ode_blocks_by_hand() {
    let interval = [("t0", A::S("0")), ("t1", A::S("1/2")), ("steps", A::I(2))];
    let with = |more: &[(&'static str, A)]| {
        let all: Vec<_> = interval
            .iter()
            .chain(more)
            .map(|(n, a)| (*n, a.clone()))
            .collect();
        block(&all)
    };
    // z' = -z by Euler: (1 - 1/4)²
    let euler = with(&[("field", A::G(decay("f"))), ("method", A::S("euler"))]).unwrap();
    assert_eq!(eval_f64(&euler.lower().unwrap(), &[1.0]), [0.5625]);
    // Heun's method given by its coefficients: (1 - h + h²/2)²
    let heun = with(&[
        ("field", A::G(decay("f"))),
        ("method", A::S("runge_kutta")),
        ("a", text(&["1"])),
        ("b", text(&["1/2", "1/2"])),
    ])
    .unwrap();
    assert_eq!(
        eval_f64(&heun.lower().unwrap(), &[1.0]),
        [0.78125f64.powi(2)]
    );
    // Adams-Bashforth started by Euler: z1 = 3/4, z2 = z1 - h (3/2 z1 - 1/2)
    let ab = with(&[
        ("fields", A::Gs(vec![decay("f"), decay("g")])),
        ("method", A::S("multistep")),
        ("alpha", text(&["0", "-1", "1"])),
        ("beta", text(&["-1/2", "3/2", "0"])),
        ("startup", A::S("euler")),
    ])
    .unwrap();
    assert_eq!(
        eval_f64(&ab.lower().unwrap(), &[1.0]),
        [0.75 - 0.25 * (1.125 - 0.5)]
    );
    let blocks: Vec<_> = ab.ode_blocks().collect();
    assert!(matches!(blocks[0].1.field, Field::PerStep(ref f) if f.len() == 2));
    assert!(matches!(blocks[0].1.method, Method::Multistep(_)));
    // The weight captured by both fields is one tensor.
    assert_eq!(ab.lower().unwrap().params().len(), 1);
    // FLOAT times are taken as they are.
    let float = block(&[
        ("field", A::G(decay("f"))),
        ("method", A::S("euler")),
        ("steps", A::I(1)),
        ("t0", A::F(0.0)),
        ("t1", A::F(0.1)),
    ])
    .unwrap();
    assert_eq!(
        float.ode_blocks().next().unwrap().1.t1,
        Rational::from_f32(0.1).unwrap()
    );

    let refused = |more: &[(&'static str, A)], why: &str| {
        let error = with(more).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    };
    let field = ("field", A::G(decay("f")));
    let euler = ("method", A::S("euler"));
    refused(
        &[field.clone(), euler.clone(), ("rtol", A::F(1e-3))],
        "rtol",
    );
    refused(std::slice::from_ref(&field), "method");
    refused(std::slice::from_ref(&euler), "field");
    refused(&[field.clone(), ("method", A::S("leapfrog"))], "leapfrog");
    refused(
        &[("fields", A::Gs(vec![decay("f")])), euler.clone()],
        "1 graphs for 2 steps",
    );
    refused(
        &[
            field.clone(),
            ("method", A::S("runge_kutta")),
            ("b", text(&["1/0"])),
        ],
        "1/0",
    );
    refused(
        &[
            field.clone(),
            ("method", A::S("runge_kutta")),
            ("b", text(&["1/2", "1/2"])),
        ],
        "0 coefficients for 2 stages",
    );
    refused(
        &[
            field.clone(),
            ("method", A::S("multistep")),
            ("alpha", text(&["-1", "1"])),
            ("beta", text(&["0", "1"])),
            ("startup", A::S("euler")),
        ],
        "explicit",
    );
    let captured = graph(
        &[node("Add", &["z", "x"], "f", &[])],
        &[],
        &[value("z", None)],
        "f",
    );
    refused(
        &[("field", A::G(captured)), euler.clone()],
        "outside the field",
    );
    let wide = graph(
        &[node("Concat", &["z", "z"], "f", &[("axis", A::I(1))])],
        &[],
        &[value("z", None)],
        "f",
    );
    refused(&[("field", A::G(wide)), euler], "extents");
}

/// `f(t, z) = t z` with `t` of extents [1] (broadcast) and [N, 1] (concatenated).
#[test]
fn time_enters_a_field() {
    for t in [&[1i64][..], &[-1, 1]] {
        let field = graph(
            &[node("Add", &["z", "t"], "f", &[])],
            &[],
            &[value("t", Some(t)), value("z", Some(&[-1, 1]))],
            "f",
        );
        let network = block(&[
            ("field", A::G(field)),
            ("method", A::S("euler")),
            ("steps", A::I(2)),
            ("t0", A::S("1")),
            ("t1", A::S("2")),
        ])
        .unwrap();
        // z1 = z + (z + 1)/2, z2 = z1 + (z1 + 3/2)/2
        let z1 = 1.0 + 0.5 * 2.0;
        assert_eq!(
            eval_f64(&network.lower().unwrap(), &[1.0]),
            [z1 + 0.5 * (z1 + 1.5)]
        );
    }
}
