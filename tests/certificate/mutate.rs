//! One unit, one bit: every change of the file is rejected.

use dahlquist::bounds::Method;
use dahlquist::certificate::{Certificate, Error, MAX_BYTES};
use dahlquist::check::check;
use dahlquist::exact::{Rational, hexfloat, rational};
use dahlquist::graph::Graph;
use dahlquist::multistep::by_name as by_method_name;
use dahlquist::multistep::matrix_norm::MatrixNorm;
use dahlquist::verify::Norm;

use crate::evidence::{ball, certify, q, shifted};
use crate::multistep;
use crate::networks::by_name;
use crate::root;

fn small() -> (Graph, Certificate) {
    let graph = by_name("cancellation");
    let region = ball(&graph, Norm::L2, q(1, 10));
    let property = shifted(&graph, 0, 1);
    let certificate = certify(&graph, "cancellation", &region, &property, Method::Crown);
    check(&certificate, Some(&graph)).unwrap();
    (graph, certificate)
}

/// The text with another digest member, so that only content can be wrong.
pub fn redigest(text: &str) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let at = text.rfind(",\"digest\":\"").unwrap();
    let body = format!("{}}}", &text[..at]);
    let digest: String = Sha256::digest(body.as_bytes())
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    format!("{},\"digest\":\"{digest}\"}}\n", &text[..at]).into_bytes()
}

/// Spans of the numbers of a canonical text: bare integers, and strings that
/// are hexadecimal floats or rationals.
pub fn numbers(text: &str) -> Vec<std::ops::Range<usize>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut i = 0;
    while i < bytes.len() {
        if bytes[i] == b'"' {
            let end = i + 1 + text[i + 1..].find('"').unwrap();
            let inner = &text[i + 1..end];
            if hexfloat::parse(inner).is_ok() || rational::parse_canonical(inner).is_ok() {
                found.push(i + 1..end);
            }
            i = end + 1;
        } else if bytes[i].is_ascii_digit() {
            let end = i + text[i..].find(|c: char| !c.is_ascii_digit()).unwrap();
            found.push(i..end);
            i = end;
        } else {
            i += 1;
        }
    }
    found
}

/// The number one unit up and down: the last bit of a float, one in an
/// integer or in a numerator.
pub fn moved(number: &str) -> Vec<String> {
    if let Ok(x) = hexfloat::parse(number) {
        return [x.next_up(), x.next_down()]
            .iter()
            .map(|&x| hexfloat::print(x + 0.0).unwrap())
            .collect();
    }
    let x = rational::parse_canonical(number).unwrap();
    [1, -1]
        .iter()
        .map(|step| Rational::from((x.numer().clone() + step, x.denom().clone())).to_string())
        .collect()
}

#[test]
fn every_number_moved_by_one_unit_is_rejected() {
    let (graph, certificate) = small();
    for certificate in [
        certificate,
        root::certificate("ab2"),
        root::certificate("bdf3"),
        multistep::region_of("zerosnet"),
        multistep::layers_of((2, 1), (3, 1)),
        multistep::powers_of(&by_method_name("ab2").unwrap(), MatrixNorm::L2),
    ] {
        let text = String::from_utf8(certificate.to_bytes().unwrap()).unwrap();
        let spans = numbers(&text);
        assert!(spans.len() > 10, "{} numbers", spans.len());
        let mut still_true = 0;
        for span in spans {
            for new in moved(&text[span.clone()]) {
                let changed = format!("{}{new}{}", &text[..span.start], &text[span.end..]);
                let read = Certificate::from_bytes(changed.as_bytes());
                assert!(matches!(read, Err(Error::Digest { .. })), "{new}: {read:?}");
                // With a digest to match, the claim is another one and is judged
                // as such: true or rejected, without a panic.
                if let Ok(read) = Certificate::from_bytes(&redigest(&changed)) {
                    still_true += usize::from(check(&read, Some(&graph)).is_ok());
                }
            }
        }
        assert!(still_true < 40, "{still_true}");
    }
}

#[test]
fn every_flipped_bit_is_rejected() {
    let (_, certificate) = small();
    for certificate in [certificate, root::certificate("ab2")] {
        let bytes = certificate.to_bytes().unwrap();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                assert!(
                    Certificate::from_bytes(&flipped).is_err(),
                    "byte {at}, bit {bit}"
                );
            }
        }
    }
}

#[test]
fn every_truncation_and_extension_is_rejected() {
    let (_, certificate) = small();
    let bytes = certificate.to_bytes().unwrap();
    for n in 0..bytes.len() {
        let read = Certificate::from_bytes(&bytes[..n]);
        assert!(
            matches!(read, Err(Error::NoDigest { .. } | Error::Digest { .. })),
            "{n}"
        );
    }
    for extra in [&b"\n"[..], b" ", b"\0", b"{}"] {
        let read = Certificate::from_bytes(&[&bytes[..], extra].concat());
        assert!(matches!(read, Err(Error::NoDigest { .. })));
    }
}

#[test]
fn other_spellings_of_the_same_document_are_rejected() {
    let (_, certificate) = small();
    let text = String::from_utf8(certificate.to_bytes().unwrap()).unwrap();
    let version = "\"version\":1,";
    for (from, to) in [
        (version, "\"version\": 1,"),
        (version, "\"version\":1,\"version\":1,"),
        (version, "\"version\":1,\"note\":null,"),
        (version, "\"version\":1.0,"),
        (version, "\"version\":01,"),
        (version, "\"version\":18446744073709551616,"),
        (version, "\"version\":1e400,"),
        (version, ""),
        (version, "\"version\":2,"),
        ("dahlquist-certificate", "dahlquist-certificat\\u0065"),
        ("dahlquist-certificate", "other"),
        ("\"kind\":\"robustness\"", "\"kind\":\"root-condition\""),
        ("\"kind\":\"robustness\"", "\"kind\":\"robust\""),
        ("\"semantics\":\"discrete\"", "\"semantics\":\"float32\""),
        ("\"eps\":\"1/10\"", "\"eps\":\"2/20\""),
        ("\"eps\":\"1/10\"", "\"eps\":\"0.1\""),
        ("\"eps\":\"1/10\"", "\"eps\":\"1/0\""),
        ("\"eps\":\"1/10\"", "\"eps\":0.1"),
        ("\"constant\":\"1\"", "\"constant\":\"+1\""),
        ("\"tightened\":[false", "\"tightened\":[0"),
        ("\"tightened\":[false", "\"tightened\":[null"),
        ("\"name\":\"act0\"", "\"name\":null"),
        ("p-", "P-"),
        ("0x", "0X"),
        ("0x1.", "0x01."),
    ] {
        assert!(text.contains(from), "{from}");
        let changed = redigest(&text.replacen(from, to, 1));
        let error = Certificate::from_bytes(&changed).unwrap_err();
        assert!(
            !matches!(error, Error::Digest { .. }),
            "{from} → {to}: {error}"
        );
    }
    let huge = format!("\"eps\":\"1/1{}\"", "0".repeat(100_000));
    let changed = redigest(&text.replacen("\"eps\":\"1/10\"", &huge, 1));
    assert!(matches!(
        Certificate::from_bytes(&changed),
        Err(Error::Json(_))
    ));
}

#[test]
fn documents_that_are_no_certificates_give_typed_errors() {
    assert!(matches!(
        Certificate::from_bytes(b""),
        Err(Error::NoDigest { bytes: 0 })
    ));
    assert!(matches!(
        Certificate::from_bytes(b"{}\n"),
        Err(Error::NoDigest { .. })
    ));
    for body in [
        "{\"format\":\"dahlquist-certificate\"",
        "null",
        "[1",
        "{\"a\":1e999999",
        "\u{feff}{\"a\":1",
    ] {
        let bytes = redigest(&format!("{body},\"digest\":\"\"}}\n"));
        assert!(
            matches!(Certificate::from_bytes(&bytes), Err(Error::Json(_))),
            "{body}"
        );
    }
    // Nesting beyond any stack, in a known and in an unknown place.
    for key in ["claim", "deep", "format"] {
        for open in ["[", "{\"a\":"] {
            let body = format!("{{\"{key}\":{}", open.repeat(2_000_000));
            let bytes = redigest(&format!("{body},\"digest\":\"\"}}\n"));
            assert!(matches!(
                Certificate::from_bytes(&bytes),
                Err(Error::Json(_))
            ));
        }
    }
    let mut bytes = redigest("{\"format\":\"xy\",\"digest\":\"\"}\n");
    bytes[12] = 0xff;
    assert!(Certificate::from_bytes(&bytes).is_err());
}

#[test]
fn files_are_limited_and_written_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.json");
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(MAX_BYTES + 1).unwrap(); // sparse
    assert!(matches!(
        Certificate::read(&path),
        Err(Error::TooLarge { .. })
    ));
    let missing = folder.path().join("no/such.json");
    assert!(matches!(Certificate::read(&missing), Err(Error::Io { .. })));
    let (_, certificate) = small();
    assert!(matches!(certificate.write(&missing), Err(Error::Io { .. })));
    let path = folder.path().join("good.json");
    certificate.write(&path).unwrap();
    certificate.write(&path).unwrap();
    assert_eq!(Certificate::read(&path).unwrap(), certificate);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}
