//! `docs/certificate.schema.json` and the writer agree, member by member.
//!
//! The walker knows the keywords that the schema uses, but for `pattern` and
//! `maxLength`, whose strings the reader itself judges.

use std::collections::BTreeSet;
use std::path::Path;

use dahlquist::bounds::Method;
use dahlquist::certificate::Certificate;
use dahlquist::certificate::schema::{InputBox, Ratio, Region};
use dahlquist::check::check;
use dahlquist::exact::Rational;
use dahlquist::multistep::by_name as by_method_name;
use dahlquist::multistep::matrix_norm::MatrixNorm;
use dahlquist::verify::{self, Norm};
use serde_json::Value;

use crate::evidence::{ball, certify, label, q, shifted};
use crate::multistep;
use crate::networks::by_name;
use crate::{query, root};

fn schema() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/certificate.schema.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn keys(object: &Value) -> BTreeSet<&str> {
    object
        .as_object()
        .into_iter()
        .flatten()
        .map(|(k, _)| k.as_str())
        .collect()
}

/// Whether `value` fits `rule`; definitions that it met are noted in `seen`.
fn fits(
    root: &Value,
    rule: &Value,
    value: &Value,
    seen: &mut BTreeSet<String>,
) -> Result<(), String> {
    if let Some(name) = rule["$ref"].as_str() {
        let name = name.strip_prefix("#/$defs/").unwrap();
        let rule = &root["$defs"][name];
        assert!(rule.is_object(), "no definition {name}");
        fits(root, rule, value, seen).map_err(|e| format!("{name}: {e}"))?;
        seen.insert(name.into());
        return Ok(());
    }
    if let Some(choices) = rule["oneOf"].as_array() {
        let fitting = choices
            .iter()
            .filter(|c| fits(root, c, value, seen).is_ok())
            .count();
        return (fitting == 1)
            .then_some(())
            .ok_or(format!("{fitting} choices fit {value}"));
    }
    let wrong = || Err(format!("{value} does not fit {rule}"));
    if let Some(expected) = rule.get("const") {
        return if value == expected { Ok(()) } else { wrong() };
    }
    if let Some(expected) = rule["enum"].as_array() {
        return if expected.contains(value) {
            Ok(())
        } else {
            wrong()
        };
    }
    match (rule["type"].as_str().unwrap(), value) {
        ("string", Value::String(_)) | ("boolean", Value::Bool(_)) | ("null", Value::Null) => {
            Ok(())
        }
        ("integer", Value::Number(n)) if n.is_u64() => Ok(()),
        ("array", Value::Array(items)) => {
            let at_least = rule["minItems"].as_u64().unwrap_or(0);
            let at_most = rule["maxItems"].as_u64().unwrap_or(u64::MAX);
            if !(at_least..=at_most).contains(&(items.len() as u64)) {
                return wrong();
            }
            items
                .iter()
                .try_for_each(|item| fits(root, &rule["items"], item, seen))
        }
        ("object", Value::Object(members)) => {
            let required: BTreeSet<&str> = rule["required"]
                .as_array()
                .unwrap()
                .iter()
                .map(|r| r.as_str().unwrap())
                .collect();
            // Every member is required and written, none is unknown.
            assert_eq!(keys(&rule["properties"]), required);
            assert_eq!(rule["additionalProperties"], Value::Bool(false));
            if keys(value) != required {
                return wrong();
            }
            members
                .iter()
                .try_for_each(|(k, v)| fits(root, &rule["properties"][k], v, seen))
        }
        _ => wrong(),
    }
}

#[test]
fn the_schema_matches_what_is_written() {
    let root_rule = schema();
    let mut seen = BTreeSet::new();
    let graph = by_name("residual");
    let region = ball(&graph, Norm::L2, q(1, 100));
    let robust = verify::Property::robust(label(&graph, &region), 3).unwrap();
    let unclipped =
        verify::Region::new(region.center().to_vec(), Norm::L1, q(1, 100), None).unwrap();
    let mut boxed = certify(
        &graph,
        "residual",
        &region,
        &shifted(&graph, 0, 100),
        Method::Interval,
    );
    let Certificate::Robustness(document) = &mut boxed else {
        unreachable!("a robustness certificate")
    };
    // The bounding box of the ball, as a box: interval evidence holds for it.
    let ends: Vec<(Rational, Rational)> = (0..region.len()).map(|i| region.range(i)).collect();
    let (lo, hi) = ends.into_iter().map(|(l, h)| (Ratio(l), Ratio(h))).unzip();
    document.claim.region = Region::Box(InputBox { lo, hi });
    check(&boxed, Some(&graph)).unwrap();
    for certificate in [
        certify(&graph, "residual", &region, &robust, Method::Crown),
        certify(&graph, "residual", &unclipped, &robust, Method::Crown),
        boxed,
        root::certificate("bdf7"),
        query::certificate(),
        multistep::region_of("zerosnet"),
        multistep::plane(),
        multistep::layers_of((2, 1), (3, 1)),
        multistep::sequences(2, (1, 2), (2, 1)),
        multistep::powers_of(&by_method_name("ab2").unwrap(), MatrixNorm::Linf),
    ] {
        let bytes = certificate.to_bytes().unwrap();
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        fits(&root_rule, &root_rule, &value, &mut seen).unwrap();
    }
    let defined: BTreeSet<String> = keys(&root_rule["$defs"])
        .into_iter()
        .map(Into::into)
        .collect();
    assert_eq!(
        seen, defined,
        "definitions that no written certificate used"
    );
}

#[test]
fn the_schema_is_not_vacuous() {
    let rule = schema();
    let bytes = root::certificate("ab2").to_bytes().unwrap();
    let good: Value = serde_json::from_slice(&bytes).unwrap();
    for change in [
        |v: &mut Value| v["version"] = 2.into(),
        |v: &mut Value| v["note"] = 1.into(),
        |v: &mut Value| v["claim"]["verdict"] = "good".into(),
        |v: &mut Value| v["claim"]["counts"]["in"] = "1".into(),
        |v: &mut Value| v["kind"] = "robustness".into(),
        |v: &mut Value| {
            v["evidence"].as_object_mut().unwrap().remove("rho");
        },
    ] {
        let mut bad = good.clone();
        change(&mut bad);
        assert!(
            fits(&rule, &rule, &bad, &mut BTreeSet::new()).is_err(),
            "{bad}"
        );
    }
}
