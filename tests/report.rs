//! The report from fabricated data: well formed, self-contained, reproducible,
//! safe against hostile names, and complete.

use dahlquist::report::{
    Attack, Certificates, Count, Curve, Data, End, Error, Evidence, Image, Interval, Lipschitz,
    Network, Optimum, Place, Radius, Region, Report, Root, Score, Semantics, Stability, Tile,
    curves_svg, image_svg, losses_svg, region_svg, render, table,
};

/// Largest parasitic root modulus of the ZeroSNet family, in floating point: for drawing only.
fn modulus(l: f64) -> f64 {
    let (p, q) = (1.0 - (3.0 * l + 3.0) / (4.0 * l), (l + 1.0) / (4.0 * l));
    let d = p * p - 4.0 * q;
    if d < 0.0 {
        return q.sqrt();
    }
    let (a, b) = ((-p + d.sqrt()) / 2.0, (-p - d.sqrt()) / 2.0);
    a.abs().max(b.abs())
}

fn region() -> Region {
    let branch = |lo: f64, hi: f64| -> Vec<(f64, f64)> {
        (0..=400)
            .map(|i| lo + (hi - lo) * f64::from(i) / 400.0)
            .map(|l| (l, modulus(l)))
            .collect()
    };
    let end = |value: &str, at, closed| {
        let value = value.to_owned();
        Some(End { value, at, closed })
    };
    Region {
        family: "ZeroSNet".to_owned(),
        parameter: "λ".to_owned(),
        stable: vec![
            Interval {
                lo: None,
                hi: end("-1", -1.0, true),
            },
            Interval {
                lo: end("1/3", 1.0 / 3.0, false),
                hi: None,
            },
        ],
        branches: vec![branch(-6.0, -0.01), branch(0.01, 4.0)],
        optimum: Some(Optimum {
            parameter: "-9/5".to_owned(),
            at: -1.8,
            modulus: "1/3".to_owned(),
            height: 1.0 / 3.0,
        }),
    }
}

/// A falling curve with 200 steps, as radii of samples give it.
fn falling(label: &str, evidence: Evidence, top: f64, middle: f64, steep: f64) -> Curve {
    let points = (0..=60).map(|i| {
        let eps = 0.2 * f64::from(i) / 60.0;
        let share = top / (1.0 + ((eps - middle) * steep).exp());
        (eps, (share * 200.0).floor() / 200.0)
    });
    Curve {
        label: label.to_owned(),
        evidence,
        points: points.collect(),
    }
}

fn score(by: &str, norm: &str, epsilon: f64, hits: usize) -> Score {
    Score {
        by: by.to_owned(),
        norm: norm.to_owned(),
        epsilon,
        correct: Count { hits, total: 200 },
    }
}

fn network(name: &str, method: &str, place: Place, shift: usize) -> Network {
    let s = shift as f64;
    let root = |value: &str, multiplicity| Root {
        value: value.to_owned(),
        multiplicity,
    };
    let roots = match place {
        Place::Member { .. } => vec![root("1", 1), root("-1/3", 2)],
        _ => vec![root("1", 1)],
    };
    Network {
        name: name.to_owned(),
        method: method.to_owned(),
        parameters: Some(7_498 + 1_024 * shift as u64),
        clean: Count {
            hits: 191 - shift,
            total: 200,
        },
        attacked: vec![
            score("PGD", "L∞", 0.05, 173 - 2 * shift),
            score("PGD", "L2", 0.3, 168 - shift),
        ],
        certified: vec![
            score("interval", "L∞", 0.05, 131 - 7 * shift),
            score("CROWN", "L∞", 0.05, 163 - 5 * shift),
        ],
        radius: Some(Radius {
            by: "CROWN".to_owned(),
            norm: "L∞".to_owned(),
            mean: 0.081_234_567 - 0.002 * s,
            median: 0.084_999_99 - 0.002 * s,
        }),
        certificates: Certificates {
            written: 187 - shift,
            accepted: 187 - shift,
            command: format!(
                "dahlquist check demo/certificates/{shift}/*.json --network demo/{shift}.onnx"
            ),
        },
        lipschitz: Some(Lipschitz {
            norm: "L∞ → L∞".to_owned(),
            upper: 148.213 + 20.0 * s,
            lower: Some(23.8765 + s),
        }),
        stability: Some(Stability {
            zero_stable: true,
            roots,
            place,
        }),
        curves: vec![
            falling(
                "PGD attack",
                Evidence::Witness,
                0.97,
                0.115 - 0.006 * s,
                35.0,
            ),
            falling("CROWN", Evidence::Proved, 0.97, 0.087 - 0.005 * s, 45.0),
            falling("interval", Evidence::Proved, 0.97, 0.06 - 0.004 * s, 48.0),
        ],
        losses: (0..40)
            .map(|i| {
                0.15 + 0.03 * s + 2.1 * (-0.12 * f64::from(i)).exp() + 0.02 * f64::from(i * 7 % 5)
            })
            .collect(),
    }
}

/// An 8×8 digit, sixteen levels.
fn glyph(index: usize) -> Image {
    const ROWS: [[u8; 8]; 4] = [
        [0x18, 0x24, 0x42, 0x42, 0x42, 0x42, 0x24, 0x18],
        [0x08, 0x18, 0x28, 0x08, 0x08, 0x08, 0x08, 0x1c],
        [0x3c, 0x42, 0x02, 0x04, 0x18, 0x20, 0x40, 0x7e],
        [0x3c, 0x02, 0x02, 0x1c, 0x02, 0x02, 0x42, 0x3c],
    ];
    let rows = ROWS[index % 4];
    let pixels = (0..64).map(|i| {
        let (y, x) = (i / 8, i % 8);
        let on = rows[y] >> (7 - x) & 1;
        let shade = ((i * 7 + index * 3) % 6) as f32 / 16.0;
        if on == 1 { 1.0 - shade } else { shade / 3.0 }
    });
    Image {
        height: 8,
        width: 8,
        pixels: pixels.collect(),
    }
}

fn tile(network: &str, index: usize) -> Tile {
    let original = glyph(index);
    let distance = 0.06 + 0.011 * (index % 9) as f64;
    let change = |i: usize| if (i * 5 + index) % 7 < 3 { 1.0 } else { -1.0 };
    let pixels = original.pixels.iter().enumerate();
    let pixels = pixels.map(|(i, v)| (v + change(i) * distance as f32).clamp(0.0, 1.0));
    let attacked = Image {
        pixels: pixels.collect(),
        ..original
    };
    Tile {
        network: network.to_owned(),
        index,
        label: (index % 4).to_string(),
        predicted: if index == 6 { 9 } else { index % 4 }.to_string(),
        original,
        certified_radius: (index != 6).then_some(0.62 * distance + 0.003 * (index % 3) as f64),
        attack: (index != 11).then(|| Attack {
            image: attacked,
            predicted: ((index + 5) % 10).to_string(),
            distance,
        }),
    }
}

fn example() -> Report {
    let member = Place::Member {
        parameter: "-9/5".to_owned(),
        at: -1.8,
        modulus: 1.0 / 3.0,
    };
    let networks = vec![
        network("residual network", "euler", Place::OneStep, 2),
        network("ODE network", "rk4", Place::OneStep, 1),
        network("ZeroSNet", "zerosnet(-9/5)", member, 0),
    ];
    let tiles = networks.iter().enumerate();
    let gallery = tiles.flat_map(|(k, n)| (0..8).map(move |i| tile(&n.name, 8 * k + i)));
    Report {
        title: "Three ODE networks on handwritten digits".to_owned(),
        version: "0.1.0".to_owned(),
        command: "dahlquist demo --out demo --seed 17".to_owned(),
        seed: 17,
        device: "cpu, 2 threads".to_owned(),
        data: Data {
            name: "digits".to_owned(),
            sha256: "6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8".to_owned(),
        },
        semantics: Semantics::Discrete,
        clean_evidence: Evidence::Estimate,
        attack_evidence: Evidence::Witness,
        norm: "L∞".to_owned(),
        epsilon: 0.05,
        gallery: gallery.collect(),
        networks,
        region: Some(region()),
    }
}

fn empty() -> Report {
    Report {
        networks: Vec::new(),
        region: None,
        gallery: Vec::new(),
        ..example()
    }
}

/// Panics unless every element is closed by its own end tag.
fn assert_balanced(html: &str) {
    const VOID: [&str; 3] = ["meta", "br", "hr"];
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        assert!(!tag.contains('<'), "unescaped `<` in {tag}");
        rest = &rest[end + 1..];
        if tag.starts_with('!') || tag.ends_with('/') {
            continue;
        }
        let name = tag.trim_start_matches('/').split_whitespace().next();
        let name = name.expect("a tag has a name");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "end tag without its start");
        } else if !VOID.contains(&name) {
            open.push(name);
        }
        if name == "style" && !tag.starts_with('/') {
            rest = &rest[rest.find("</style>").expect("style ends")..];
        }
    }
    assert!(open.is_empty(), "never closed: {open:?}");
}

/// Panics if the page would ask for anything outside itself.
fn assert_self_contained(html: &str) {
    let bare = html.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    for word in [
        "http:", "https:", "src=", "href=", "@import", "<script", "url(//",
    ] {
        assert!(!bare.contains(word), "the page contains `{word}`");
    }
    assert_eq!(
        bare.matches("url(").count(),
        bare.matches("url(#hatch)").count()
    );
}

#[test]
fn page_is_well_formed_and_self_contained() {
    let html = render(&example());
    // kept for a look with a browser
    let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/report.html");
    std::fs::write(path, &html).unwrap();
    assert_balanced(&html);
    assert_self_contained(&html);
    assert!(!html.contains("NaN"));
}

#[test]
fn same_input_same_bytes() {
    assert_eq!(render(&example()), render(&example()));
    assert_eq!(table(&example()), table(&example()));
}

#[test]
fn every_number_is_printed_in_both() {
    let (html, text) = (render(&example()), table(&example()));
    for (network, certified, attacked, interval) in [
        ("residual network", "76.5 %", "84.5 %", "58.5 %"),
        ("ODE network", "79.0 %", "85.5 %", "62.0 %"),
        ("ZeroSNet", "81.5 %", "86.5 %", "65.5 %"),
    ] {
        for wanted in [network, certified, attacked, interval] {
            assert!(html.contains(wanted), "page without {wanted}");
            assert!(text.contains(wanted), "table without {wanted}");
        }
    }
    // clean, PGD in L2, radii rounded down, Lipschitz outward, counts, λ, roots
    for wanted in [
        "95.5 %",
        "83.5 %",
        "0.0812",
        "0.0849",
        "148.3",
        "23.87",
        "187",
        "7498",
        "−9/5",
        "−1/3",
        "L2 ≤ 0.3",
        "L∞ ≤ 0.05",
        "discrete",
        "proved",
        "witness",
        "exact",
        "estimate",
    ] {
        assert!(html.contains(wanted), "page without {wanted}");
        assert!(text.contains(wanted), "table without {wanted}");
    }
    for wanted in [
        "163/200",
        "6ebb3d2f",
        "(−∞, −1] ∪ (1/3, ∞)",
        "dahlquist check",
        "17",
    ] {
        assert!(html.contains(wanted), "page without {wanted}");
    }
}

#[test]
fn proved_radius_is_never_printed_larger() {
    let mut report = example();
    if let Some(radius) = &mut report.networks[0].radius {
        radius.mean = 0.099_999_9;
    }
    assert!(table(&report).contains("0.0999"));
    report.gallery.truncate(1);
    report.gallery[0].certified_radius = Some(0.077_79);
    assert!(render(&report).contains("radius ≥ 0.0777"));
}

#[test]
fn table_fits_the_terminal() {
    let mut report = example();
    for network in &mut report.networks {
        network.name = "an exceedingly long name of a network".to_owned();
        network
            .certified
            .push(score("alpha-crown", "L∞", 0.05, 170));
        network
            .certified
            .push(score("branch and bound", "L∞", 0.05, 171));
    }
    for report in [&example(), &report, &empty()] {
        let text = table(report);
        for line in text.lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
        eprintln!("{text}");
    }
}

#[test]
fn evidence_of_different_kinds_never_shares_a_column() {
    let text = table(&example());
    let heads: Vec<&str> = text.lines().filter(|l| l.starts_with("network")).collect();
    assert!(heads[0].contains("estimate") && heads[0].contains("witness ≤"));
    assert!(heads[0].contains("proved ≥"));
    let mut sampled = example();
    sampled.attack_evidence = Evidence::Estimate;
    // an attack that was not evaluated again bounds nothing
    assert!(!table(&sampled).contains("estimate ≤"));
}

#[test]
fn hostile_names_are_escaped() {
    let evil = "<script>alert(1)</script>\"'&\u{1b}[2J]]>--><svg onload=x>";
    let mut report = example();
    report.title = evil.to_owned();
    report.command = evil.to_owned();
    report.device = evil.to_owned();
    report.norm = evil.to_owned();
    report.data.name = evil.to_owned();
    report.data.sha256 = evil.to_owned();
    for network in &mut report.networks {
        network.name = evil.to_owned();
        network.method = evil.to_owned();
        network.certificates.command = evil.to_owned();
        network.curves[0].label = evil.to_owned();
        network.stability.as_mut().expect("stability is set").roots[0].value = evil.to_owned();
        network.certified[0].by = evil.to_owned();
    }
    for tile in &mut report.gallery {
        tile.network = evil.to_owned();
        tile.label = evil.to_owned();
        tile.predicted = evil.to_owned();
    }
    if let Some(region) = &mut report.region {
        region.family = evil.to_owned();
        region.parameter = evil.to_owned();
    }
    let html = render(&report);
    assert_balanced(&html);
    assert_self_contained(&html);
    assert!(!html.contains("<svg onload"));
    assert!(!table(&report).contains('\u{1b}'));
}

#[test]
fn empty_and_absurd_inputs_still_render() -> Result<(), Error> {
    let mut bare = example();
    for network in &mut bare.networks {
        network.attacked.clear();
        network.certified.clear();
        network.radius = None;
        network.lipschitz = None;
        network.curves.clear();
        network.losses.clear();
        network
            .stability
            .as_mut()
            .expect("stability is set")
            .roots
            .clear();
        network.clean = Count { hits: 0, total: 0 };
    }
    bare.region = Some(Region {
        stable: Vec::new(),
        branches: Vec::new(),
        optimum: None,
        ..region()
    });
    let mut absurd = example();
    absurd.epsilon = f64::NAN;
    for network in &mut absurd.networks {
        let wild = [f64::NAN, f64::INFINITY, -1.0, f64::MAX, 0.0, 5e-324];
        network.losses = wild.to_vec();
        network.curves[0].points = wild.iter().map(|v| (*v, *v)).collect();
        network.curves[1].points = vec![(0.0, 1.0)];
        network.lipschitz = Some(Lipschitz {
            norm: String::new(),
            upper: f64::INFINITY,
            lower: Some(f64::MAX),
        });
        network.stability.as_mut().expect("stability is set").place = Place::Member {
            parameter: String::new(),
            at: f64::NAN,
            modulus: f64::NAN,
        };
        network.clean = Count {
            hits: usize::MAX,
            total: 1,
        };
    }
    if let Some(region) = &mut absurd.region {
        region.branches[0] = vec![
            (f64::NAN, 1.0),
            (0.0, f64::INFINITY),
            (1.0, 0.0),
            (2.0, -1.0),
        ];
        region.stable[0].hi.as_mut().unwrap().at = f64::NAN;
    }
    for tile in &mut absurd.gallery {
        tile.original.pixels.truncate(10);
        tile.original.height = usize::MAX;
        tile.certified_radius = Some(f64::INFINITY);
    }
    absurd.gallery[1].original.pixels = vec![f32::NAN; 64];
    for report in [&empty(), &bare, &absurd] {
        let html = render(report);
        assert_balanced(&html);
        assert_self_contained(&html);
        assert!(!html.contains("NaN"));
        assert!(!table(report).is_empty());
    }
    assert!(render(&empty()).contains("no networks"));
    assert!(curves_svg(&[], "L∞", None, 0.0)?.contains("</svg>"));
    assert!(losses_svg(&[])?.contains("</svg>"));
    Ok(())
}

#[test]
fn figures_stand_alone() -> Result<(), Error> {
    let report = example();
    let figures = [
        curves_svg(&report.networks[0].curves, "L∞", Some(0.05), 0.2)?,
        region_svg(&region(), &report.networks)?,
        losses_svg(&report.networks)?,
        image_svg(&glyph(3), 64),
    ];
    for svg in figures {
        assert!(svg.starts_with("<svg") && svg.contains("xmlns=\"http://www.w3.org/2000/svg\""));
        assert_balanced(&svg);
    }
    let region = region_svg(&region(), &report.networks)?;
    for wanted in [
        "(−∞, −1] ∪ (1/3, ∞)",
        "ZeroSNet",
        "ODE network",
        "only root 1",
        "modulus 1/3",
    ] {
        assert!(region.contains(wanted), "region without {wanted}");
    }
    Ok(())
}

#[test]
fn image_paints_each_pixel_once() {
    let image = Image {
        height: 2,
        width: 3,
        pixels: vec![0.0, 0.0, 1.0, 0.5, 1.0, 1.0],
    };
    let svg = image_svg(&image, 30);
    assert!(svg.contains("width=\"30\" height=\"20\" viewBox=\"0 0 3 2\""));
    assert!(svg.contains("<path fill=\"#000000\" d=\"M0 0h2v1h-2z\"/>"));
    assert!(svg.contains("<path fill=\"#808080\" d=\"M0 1h1v1h-1z\"/>"));
    assert!(svg.contains("<path fill=\"#ffffff\" d=\"M2 0h1v1h-1zM1 1h2v1h-2z\"/>"));
}

#[test]
fn report_survives_json() {
    let report = example();
    let text = serde_json::to_string(&report).unwrap();
    let back: Report = serde_json::from_str(&text).unwrap();
    assert_eq!(report, back);
}
