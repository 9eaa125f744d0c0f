//! The page.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::columns::{Column, Side, discretisations, guarantees, robustness};
use super::curves::{curves_svg, extent, sample_svg, strokes};
use super::gallery::gallery;
use super::number::{Toward, percent, plain, typographic};
use super::region::{region_svg, set_text};
use super::{Count, Error, Evidence, Network, Report, Semantics, losses_svg};

const STYLE: &str = include_str!("style.css");

/// The report as one self-contained HTML page.
///
/// No script and no reference to another file or host; every text from the
/// report is escaped. A figure that the backend refuses to draw is replaced by
/// the reason.
///
/// **Semantics and evidence.** Named in each column, each plot and in the last
/// sections in prose.
pub fn render(report: &Report) -> String {
    let plots = report.networks.iter().any(|n| !n.curves.is_empty());
    let trained = report.networks.iter().any(|n| !n.losses.is_empty());
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (report.title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (hatch())
                main {
                    (head(report))
                    @if report.networks.is_empty() {
                        p { "This run has no networks." }
                    } @else {
                        (glance(report))
                        (tables(report))
                    }
                    @if plots { (curves(report)) }
                    (stability(report))
                    @if !report.gallery.is_empty() {
                        section { h2 { "Images" } (gallery(report)) }
                    }
                    @if trained { (losses(report)) }
                    (coverage(report))
                    (checking(report))
                }
            }
        }
    }
    .into_string()
}

/// The pattern of everything that is neither proved nor refuted.
fn hatch() -> Markup {
    html! {
        svg.defs width="0" height="0" aria-hidden="true" {
            defs {
                pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
                    line x1="0" y1="0" x2="0" y2="5" class="hatching" {}
                }
            }
        }
    }
}

fn head(report: &Report) -> Markup {
    html! {
        header {
            p.kicker { "dahlquist " (report.version) }
            h1 { (report.title) }
            dl {
                div { dt { "command" } dd { code { (report.command) } } }
                div { dt { "seed" } dd { (report.seed) } }
                div { dt { "device" } dd { (report.device) } }
                div { dt { "semantics" } dd { (report.semantics) } }
                div.wide { dt { "data" } dd { (report.data.name) ", sha256 " code { (report.data.sha256) } } }
            }
        }
    }
}

/// Lower and upper bound of the robust accuracy at the headline radius, of one denominator.
fn sandwich(report: &Report, network: &Network) -> Option<(Count, Option<Count>)> {
    let here = |s: &&super::Score| s.norm == report.norm && s.epsilon == report.epsilon;
    let certified = network.certified.iter().filter(here).map(|s| s.correct);
    let low = certified.max_by_key(|c| c.hits)?;
    let attacked = network.attacked.iter().filter(here).map(|s| s.correct);
    let high = attacked
        .filter(|c| c.total == low.total)
        .min_by_key(|c| c.hits);
    Some((low, high))
}

fn glance(report: &Report) -> Markup {
    let rows: Vec<_> = report
        .networks
        .iter()
        .filter_map(|n| Some((n, sandwich(report, n)?)))
        .collect();
    if rows.is_empty() {
        return html! {};
    }
    let totals: Vec<usize> = rows.iter().map(|(_, (low, _))| low.total).collect();
    let bounds = report.attack_evidence != Evidence::Estimate;
    let same = totals.windows(2).all(|w| w[0] == w[1]);
    html! {
        section.glance {
            h2 { "Robust accuracy at ε = " (plain(report.epsilon)) " in " (report.norm) }
            p.lede {
                "The share of images whose class no perturbation of that size can change"
                @if same { ", of " (totals[0]) " test images" }
                ". It is at least the certified share"
                @if bounds { " and at most what the attack leaves; between them it is undecided (hatched)." }
                @else { "; what the attack leaves is an estimate from above." }
            }
            table.bars {
                caption.hidden { "Robust accuracy between its proved lower bound and the attack’s upper bound" }
                thead {
                    tr {
                        th scope="col" { "network" }
                        th scope="col" { "certified " (tag(Evidence::Proved)) }
                        th.scale scope="col" aria-hidden="true" { div { span { "0" } span { "50" } span { "100 %" } } }
                        th scope="col" { "attacked " (tag(report.attack_evidence)) }
                    }
                }
                tbody {
                    @for (network, (low, high)) in &rows {
                        tr {
                            th scope="row" { (network.name) }
                            td.big { "≥ " (percent(*low, Toward::Down)) }
                            td.bar { (bar(*low, *high)) }
                            td.big {
                                @match high {
                                    Some(high) => { @if bounds { "≤ " } @else { "≈ " } (percent(*high, Toward::Up)) },
                                    None => "–",
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Solid to the certified share, hatched to the attacked share, on a line to 100 %.
fn bar(low: Count, high: Option<Count>) -> Markup {
    let share = |c: Count| 1000.0 * c.hits.min(c.total) as f64 / c.total.max(1) as f64;
    let solid = share(low);
    let open = high.map_or(solid, share).max(solid);
    html! {
        svg viewBox="0 0 1000 26" preserveAspectRatio="none" aria-hidden="true" {
            rect.axis x="0" y="1" width="1000" height="24" {}
            rect.solid x="0" y="1" width=(format!("{solid:.1}")) height="24" {}
            rect.open x=(format!("{solid:.1}")) y="1" width=(format!("{:.1}", open - solid)) height="24" fill="url(#hatch)" {}
        }
    }
}

fn tag(evidence: Evidence) -> Markup {
    html! { span class={ "tag " (evidence) } { (evidence) } }
}

fn tables(report: &Report) -> Markup {
    html! {
        section {
            h2 { "The numbers" }
            (columns(
                report,
                "Robust accuracy",
                "Share of correctly classified images. Certificates bound the robust accuracy from below, \
                 witnesses of an attack from above; printed digits of bounds are rounded in the safe direction.",
                &robustness(report),
            ))
            (columns(
                report,
                "Guarantees",
                "Certified radii over all images (0 where nothing is certified), certificates \
                 accepted by the independent checker, and the Lipschitz constant of the logits.",
                &guarantees(report),
            ))
            (columns(
                report,
                "Discretisations",
                "The root condition is decided over the rationals: zero-stable if all roots of ρ lie in \
                 the closed unit disc and those on the circle are simple.",
                &discretisations(report),
            ))
        }
    }
}

fn columns(report: &Report, title: &str, caption: &str, columns: &[Column]) -> Markup {
    html! {
        div.scroll {
            table {
                caption { b { (title) ". " } (caption) }
                thead {
                    tr {
                        th scope="col" { "network" }
                        @for c in columns {
                            th scope="col" class=(alignment(c)) {
                                (c.head)
                                @if !c.sub.is_empty() { span.sub { (c.sub) } }
                                @if let Some(evidence) = c.evidence {
                                    span.covers {
                                        (tag(evidence)) " "
                                        @match c.side {
                                            Side::AtLeast => "at least",
                                            Side::AtMost => "at most",
                                            Side::Value => "",
                                        }
                                    }
                                    span.semantics { (report.semantics) }
                                }
                            }
                        }
                    }
                }
                tbody {
                    @for (row, network) in report.networks.iter().enumerate() {
                        tr {
                            th scope="row" { (network.name) }
                            @for c in columns {
                                td class=(alignment(c)) {
                                    (c.cells[row].text)
                                    @if !c.cells[row].note.is_empty() { span.sub { (c.cells[row].note) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn alignment(column: &Column) -> &'static str {
    if column.words { "words" } else { "digits" }
}

/// An SVG document inside the page, or why there is none.
fn plot(drawn: Result<String, Error>, label: &str) -> Markup {
    match drawn {
        Ok(svg) => html! { div.plot role="img" aria-label=(label) { (PreEscaped(svg)) } },
        Err(error) => html! { p.none { (error) } },
    }
}

fn curves(report: &Report) -> Markup {
    let limit = extent(report.networks.iter().flat_map(|n| &n.curves));
    let mut legend: Vec<(String, Evidence, super::curves::Stroke)> = Vec::new();
    for network in &report.networks {
        for (curve, stroke) in network.curves.iter().zip(strokes(&network.curves)) {
            if !legend.iter().any(|l| l.0 == curve.label && l.2 == stroke) {
                legend.push((curve.label.clone(), curve.evidence, stroke));
            }
        }
    }
    html! {
        section {
            h2 { "Accuracy against the size of the perturbation" }
            figure {
                ul.legend {
                    @for (label, evidence, stroke) in &legend {
                        li { (sample_svg(*stroke)) (label) " " (tag(*evidence)) }
                    }
                    li { span.swatch {} "undecided" }
                }
                div.panels {
                    @for network in report.networks.iter().filter(|n| !n.curves.is_empty()) {
                        div {
                            h3 { (network.name) }
                            @let label = describe(report, network);
                            (plot(curves_svg(&network.curves, &report.norm, Some(report.epsilon), limit), &label))
                        }
                    }
                }
                figcaption {
                    b { "Figure 1. " }
                    "Solid lines are proved: at least that share of the images keeps its class under every perturbation "
                    "of size ε. "
                    @if report.attack_evidence == Evidence::Estimate {
                        "Dashed lines are what attacks left, an estimate."
                    } @else {
                        "Dashed lines are attacks: at most that share does. The truth runs through the shaded part, "
                        "which better bounds or better attacks make thinner."
                    }
                    @for network in report.networks.iter().filter(|n| !n.curves.is_empty()) {
                        " " (describe(report, network))
                    }
                }
            }
        }
    }
}

/// The numbers of a panel at the headline radius, in words.
fn describe(report: &Report, network: &Network) -> String {
    match sandwich(report, network) {
        None => format!("{}: {} curves.", network.name, network.curves.len()),
        Some((low, high)) => {
            let most = match report.attack_evidence {
                Evidence::Estimate => "by estimate",
                _ => "at most",
            };
            let above = high.map_or_else(String::new, |h| {
                format!(" and {most}\u{a0}{}", percent(h, Toward::Up))
            });
            format!(
                "{}: at least\u{a0}{}{above} at ε\u{a0}=\u{a0}{}.",
                network.name,
                percent(low, Toward::Down),
                plain(report.epsilon),
            )
        }
    }
}

fn stability(report: &Report) -> Markup {
    let Some(region) = &report.region else {
        return html! {};
    };
    let set = set_text(&region.stable);
    let label = format!(
        "Zero-stability region of the {} family: {} in {set}",
        region.family, region.parameter
    );
    html! {
        section {
            h2 { "Zero-stability of the " (region.family) " family" }
            figure {
                (plot(region_svg(region, &report.networks), &label))
                figcaption {
                    b { "Figure 2. " }
                    "A member of the family is zero-stable " (tag(Evidence::Exact)) " exactly for "
                    (region.parameter) " ∈ " (set)
                    "; a filled end belongs to the set, an open one does not. The curve is the largest modulus among the "
                    "roots of ρ other than the principal root 1; small is better, because such roots carry errors from step to step."
                    @if let Some(best) = &region.optimum {
                        " It is smallest at " (region.parameter) " = " (typographic(&best.parameter))
                        ", where it is " (typographic(&best.modulus)) "."
                    }
                    " Diamonds are networks of the family; squares are networks with a one-step method, for which ρ has the root 1 only."
                }
            }
        }
    }
}

fn losses(report: &Report) -> Markup {
    html! {
        section {
            h2 { "Training" }
            figure {
                (plot(losses_svg(&report.networks), "Training loss against epoch"))
                figcaption {
                    b { @if report.region.is_some() { "Figure 3. " } @else { "Figure 2. " } }
                    "Training loss " (tag(Evidence::Estimate)) " after each epoch."
                    @for network in &report.networks {
                        @if let Some(last) = network.losses.last() {
                            " " (network.name) " ends at " (super::number::significant(*last, 4, Toward::Nearest)) "."
                        }
                    }
                }
            }
        }
    }
}

fn coverage(report: &Report) -> Markup {
    let meaning = |semantics: Semantics| match semantics {
        Semantics::Discrete => {
            "the recurrence as written: fixed steps, weights as stored, computed in exact real arithmetic. \
             Not covered: the rounding of a particular machine that runs the network, and the exact flow of the underlying ODE"
        }
        Semantics::Flow => {
            "the exact solution of the ODE over the whole input set. Not covered: any discretisation of it"
        }
        Semantics::Adaptive => "every trajectory that the named step-size controller can take",
        Semantics::Float32 => {
            "the recurrence executed in IEEE binary32, round to nearest, any summation order, with or without fused \
             multiply-add. Not covered: Winograd or FFT convolution, TF32, reduced-precision accumulation"
        }
    };
    let meant = [
        (
            Evidence::Proved,
            "a bound computed with rigorous rounding. It holds for every point of the set, not only for those tried.",
        ),
        (
            Evidence::Exact,
            "decided in rational arithmetic, without rounding.",
        ),
        (
            Evidence::Witness,
            "a concrete point, evaluated again with rigorous arithmetic. It refutes or bounds from the other side; \
             that no closer one was found proves nothing.",
        ),
        (
            Evidence::Estimate,
            "sampled, iterative, or computed on a device. Never a bound, and never in one column with bounds.",
        ),
    ];
    html! {
        section.prose {
            h2 { "What these numbers cover" }
            p {
                b { "Semantics. " } "Bounds, radii and verdicts here are about the "
                b { (report.semantics) } " network: " (meaning(report.semantics)) "."
            }
            p {
                b { "Input. " } "A radius is measured in " (report.norm) " unless the column names another norm, in the unit of the inputs "
                "of the data named above. A certificate speaks of the images it names; "
                "accuracies speak of the images counted and not of others."
            }
            p { b { "Evidence. " } "Every column names what stands behind its numbers:" }
            dl {
                @for (evidence, text) in meant {
                    div { dt { (tag(evidence)) } dd { (text) } }
                }
            }
        }
    }
}

fn checking(report: &Report) -> Markup {
    let commands: Vec<&Network> = report
        .networks
        .iter()
        .filter(|n| !n.certificates.command.is_empty())
        .collect();
    html! {
        section.prose {
            h2 { "Check it yourself" }
            p {
                "Each certificate is one self-contained text file: the claim, the network it is about, and the evidence. "
                "The checker shares no code with the part that computes bounds and works in exact or directed arithmetic; "
                "it ends with exit code 0 only if every claim holds."
            }
            @for network in commands {
                p.command { (network.name) ": " (network.certificates.accepted) " of " (network.certificates.written) " accepted" }
                pre { code { (network.certificates.command) } }
            }
            p { "The whole report again:" }
            pre { code { (report.command) } }
        }
    }
}
