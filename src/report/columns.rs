//! The columns of the page's and the terminal's tables: decided once, so that
//! both print the same numbers.

use super::number::{Toward, fixed, percent, plain, significant, typographic};
use super::{Evidence, Network, Place, Report, Score};

/// How a column's numbers relate to the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The truth is at least this.
    AtLeast,
    /// The truth is at most this.
    AtMost,
    /// The number itself.
    Value,
}

/// One column: one quantity, one evidence.
#[derive(Debug)]
pub(super) struct Column {
    pub head: String,
    pub sub: String,
    pub side: Side,
    /// Absent for names and plain counts.
    pub evidence: Option<Evidence>,
    /// Words are set left, digits right.
    pub words: bool,
    /// One per network.
    pub cells: Vec<Cell>,
}

/// A printed number and the count behind it, if it is a percentage.
#[derive(Debug, Default)]
pub(super) struct Cell {
    pub text: String,
    pub note: String,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        let note = String::new();
        Self { text, note }
    }
}

fn absent() -> Cell {
    Cell::from("–".to_owned())
}

fn column<C: Into<Cell>>(
    report: &Report,
    (head, sub): (&str, &str),
    side: Side,
    evidence: Option<Evidence>,
    cell: impl Fn(&Network) -> Option<C>,
) -> Column {
    Column {
        head: head.to_owned(),
        sub: sub.to_owned(),
        side,
        evidence,
        words: false,
        cells: report
            .networks
            .iter()
            .map(|n| cell(n).map_or_else(absent, Into::into))
            .collect(),
    }
}

fn share(count: super::Count, toward: Toward) -> Cell {
    Cell {
        text: percent(count, toward),
        note: format!("{}/{}", count.hits, count.total),
    }
}

/// One column for each (method, norm, ε) that any network has, in order of appearance.
fn scores(
    report: &Report,
    of: impl Fn(&Network) -> &[Score],
    side: Side,
    evidence: Evidence,
) -> Vec<Column> {
    let same = |a: &Score, b: &Score| a.by == b.by && a.norm == b.norm && a.epsilon == b.epsilon;
    let mut kinds: Vec<&Score> = Vec::new();
    for score in report.networks.iter().flat_map(&of) {
        if !kinds.iter().any(|k| same(k, score)) {
            kinds.push(score);
        }
    }
    let toward = match side {
        Side::AtLeast => Toward::Down,
        Side::AtMost => Toward::Up,
        Side::Value => Toward::Nearest,
    };
    kinds
        .into_iter()
        .map(|kind| {
            let sub = format!("{} ≤ {}", kind.norm, plain(kind.epsilon));
            column(report, (&kind.by, &sub), side, Some(evidence), |n| {
                let score = of(n).iter().find(|s| same(s, kind))?;
                Some(share(score.correct, toward))
            })
        })
        .collect()
}

/// Accuracies: clean, under attack, certified.
pub(super) fn robustness(report: &Report) -> Vec<Column> {
    let mut out = vec![column(
        report,
        ("clean", "no attack"),
        Side::Value,
        Some(report.clean_evidence),
        |n| Some(share(n.clean, Toward::Nearest)),
    )];
    let attack = match report.attack_evidence {
        Evidence::Estimate => Side::Value,
        _ => Side::AtMost,
    };
    out.extend(scores(
        report,
        |n| &n.attacked,
        attack,
        report.attack_evidence,
    ));
    out.extend(scores(
        report,
        |n| &n.certified,
        Side::AtLeast,
        Evidence::Proved,
    ));
    out
}

/// Radii, certificates, Lipschitz constants.
pub(super) fn guarantees(report: &Report) -> Vec<Column> {
    let proved = Some(Evidence::Proved);
    // One norm and method for all networks as a rule; a second one is named in its cell.
    let radius = report.networks.iter().find_map(|n| n.radius.as_ref());
    let kind = radius.map_or_else(String::new, |r| format!("{}, {}", r.norm, r.by));
    let lipschitz = report.networks.iter().find_map(|n| n.lipschitz.as_ref());
    let norms = lipschitz.map_or_else(String::new, |l| l.norm.clone());
    let of_radius = |pick: fn(&super::Radius) -> f64| {
        let kind = kind.clone();
        move |n: &Network| {
            let r = n.radius.as_ref()?;
            let own = format!("{}, {}", r.norm, r.by);
            Some(Cell {
                text: fixed(pick(r), 4, Toward::Down),
                note: if own == kind { String::new() } else { own },
            })
        }
    };
    let of_lipschitz = |text: fn(&super::Lipschitz) -> Option<String>| {
        let norms = norms.clone();
        move |n: &Network| {
            let l = n.lipschitz.as_ref()?;
            Some(Cell {
                text: text(l)?,
                note: if l.norm == norms {
                    String::new()
                } else {
                    l.norm.clone()
                },
            })
        }
    };
    vec![
        column(
            report,
            ("mean radius", &kind),
            Side::AtLeast,
            proved,
            of_radius(|r| r.mean),
        ),
        column(
            report,
            ("median radius", &kind),
            Side::AtLeast,
            proved,
            of_radius(|r| r.median),
        ),
        column(
            report,
            ("certificates", "written"),
            Side::Value,
            None,
            |n| Some(n.certificates.written.to_string()),
        ),
        column(
            report,
            ("certificates", "accepted"),
            Side::Value,
            Some(Evidence::Exact),
            |n| Some(n.certificates.accepted.to_string()),
        ),
        column(
            report,
            ("Lipschitz", &norms),
            Side::AtLeast,
            Some(Evidence::Witness),
            of_lipschitz(|l| l.lower.map(|v| significant(v, 4, Toward::Down))),
        ),
        column(
            report,
            ("Lipschitz", &norms),
            Side::AtMost,
            proved,
            of_lipschitz(|l| Some(significant(l.upper, 4, Toward::Up))),
        ),
    ]
}

/// The discretisations and their root condition.
pub(super) fn discretisations(report: &Report) -> Vec<Column> {
    let exact = Some(Evidence::Exact);
    let (family, parameter) = report.region.as_ref().map_or(("", "parameter"), |r| {
        (r.family.as_str(), r.parameter.as_str())
    });
    let mut out = vec![
        column(report, ("method", ""), Side::Value, None, |n| {
            Some(n.method.clone())
        }),
        column(report, ("parameters", ""), Side::Value, None, |n| {
            n.parameters.map(|p| p.to_string())
        }),
        column(report, (parameter, family), Side::Value, exact, |n| {
            n.stability.as_ref().map(|s| match &s.place {
                Place::Member { parameter, .. } => typographic(parameter),
                Place::OneStep => "one-step".to_owned(),
                Place::Other => "–".to_owned(),
            })
        }),
        column(report, ("zero-stable", ""), Side::Value, exact, |n| {
            let verdict = |s: &super::Stability| if s.zero_stable { "yes" } else { "no" };
            n.stability.as_ref().map(|s| verdict(s).to_owned())
        }),
        column(report, ("roots of ρ", ""), Side::Value, exact, |n| {
            n.stability.as_ref().map(roots)
        }),
    ];
    for column in &mut out {
        column.words = column.head != "parameters";
    }
    out
}

fn roots(stability: &super::Stability) -> String {
    let one = |root: &super::Root| match root.multiplicity {
        1 => typographic(&root.value),
        m => format!("{} (×{m})", typographic(&root.value)),
    };
    let all: Vec<String> = stability.roots.iter().map(one).collect();
    all.join(", ")
}
