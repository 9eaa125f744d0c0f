//! `multistep analyze --svg`: the roots of `ρ` and the set of absolute stability of one method.
//!
//! No colour carries meaning. Roots are told apart by shape: a ring inside the unit circle, a square on it,
//! a triangle outside. Grey cells of the plane of `z` are proved stable, white ones proved not to be, black
//! ones may meet the boundary locus. Numbers in the caption are exact or enclosures.

use std::fmt::Write as _;

use super::multistep_svg::escape;
use crate::multistep::analyze::{Analysis, Bound, PowerEnclosure, Root};
use crate::multistep::stability_plane::{COLUMNS, Cell, StabilityPlane, Window};
use crate::multistep::{Kind, LinearMultistep};

const SIDE: f64 = 440.0;
const LEFT: f64 = 56.0;
const TOP: f64 = 46.0;
const GAP: f64 = 90.0;
const LINE: f64 = 17.0;

/// The drawing as SVG text.
pub(super) fn draw(method: &LinearMultistep, analysis: &Analysis) -> String {
    let plane = (method.kind() == Kind::First)
        .then(|| Window::around(method))
        .and_then(|window| Some((StabilityPlane::new(method, &window)?, window)));
    let letters = if plane.is_some() { 150 } else { 72 };
    let notes: Vec<String> = notes(analysis, plane.is_some())
        .iter()
        .flat_map(|note| wrapped(note, letters))
        .collect();
    let right = LEFT + SIDE + GAP;
    let width = if plane.is_some() {
        right + SIDE + 24.0
    } else {
        LEFT + SIDE + 24.0
    };
    let height = TOP + SIDE + 50.0 + LINE * notes.len() as f64;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let _ = writeln!(
        text,
        "<text x=\"{LEFT}\" y=\"26\" font-size=\"16\">{}</text>",
        escape(&analysis.name)
    );
    roots(&mut text, &analysis.roots);
    if let Some((plane, window)) = &plane {
        stability(&mut text, right, plane, window, analysis);
    }
    for (i, note) in notes.iter().enumerate() {
        let y = TOP + SIDE + 50.0 + LINE * i as f64;
        let _ = writeln!(text, "<text x=\"20\" y=\"{y}\">{}</text>", escape(note));
    }
    text.push_str("</svg>\n");
    text
}

fn notes(analysis: &Analysis, plane: bool) -> Vec<String> {
    let mut notes = vec![format!(
        "roots of rho in/on/out of the unit circle: {} ({}); ring: inside, square: on, triangle: outside, each drawn at its enclosure (narrower than the stroke)",
        analysis.roots_in_on_out, analysis.strong
    )];
    if let Some([lo, hi]) = &analysis.max_parasitic_modulus {
        notes.push(format!("largest parasitic modulus in [{lo}, {hi}]"));
    }
    if let Some(powers) = &analysis.power_bound
        && let PowerEnclosure::Enclosed([lo, hi]) = &powers.l2
    {
        notes.push(format!("sup |C^n|, Euclidean, in [{lo}, {hi}]"));
    }
    if !plane {
        return notes;
    }
    notes.push(
        "plane of z: grey is proved stable, white proved not stable, black cells may meet the boundary locus"
            .to_owned(),
    );
    let exact = |x: &crate::multistep::analyze::Number| {
        let polynomial = x
            .polynomial
            .as_ref()
            .filter(|p| x.radicals.is_none() && p.len() <= 8);
        match polynomial {
            Some(p) => format!(
                "{x}, root of the polynomial with coefficients {} (low degree first)",
                p.join(" ")
            ),
            None => x.to_string(),
        }
    };
    notes.push(
        match (
            &analysis.real_stability_limit,
            &analysis.absolute_stability_interval,
        ) {
            (Some(x), _) => format!("real interval of stability: ({}, 0)", exact(x)),
            (None, Some(list)) if list.is_empty() => "real interval of stability: empty".to_owned(),
            _ => "real interval of stability: the negative axis".to_owned(),
        },
    );
    if let Some(found) = &analysis.imaginary_stability {
        let square = found
            .limit_squared
            .as_ref()
            .map_or_else(String::new, |s| format!(", Y^2 = {}", exact(s)));
        let limit = match &found.limit {
            Bound::Exact(zero) if zero == "0" => "none".to_owned(),
            limit => format!("up to Y = {limit}{square}"),
        };
        notes.push(format!("imaginary interval of stability: {limit}"));
    }
    if let Some(found) = &analysis.a_stability {
        notes.push(match (&found.tan_squared, found.a_stable) {
            (_, true) => "A-stable".to_owned(),
            (Some(tan), _) => format!(
                "A(alpha) sector (dashed): alpha in [{}, {}] degrees, tan^2 alpha = {}",
                found.alpha_degrees[0],
                found.alpha_degrees[1],
                exact(tan)
            ),
            (None, false) => "no sector of stability".to_owned(),
        });
    }
    notes
}

/// Lines of at most so many letters, broken at spaces; later ones are indented.
fn wrapped(note: &str, letters: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in note.split(' ') {
        let line = lines.last_mut().expect("never empty");
        if !line.is_empty() && line.len() + word.len() >= letters {
            lines.push(format!("\u{a0}\u{a0}\u{a0}{word}"));
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// The middle of a decimal enclosure.
fn middle(ends: &[String; 2]) -> f64 {
    let number = |text: &String| text.parse().unwrap_or(0.0);
    f64::midpoint(number(&ends[0]), number(&ends[1]))
}

fn roots(text: &mut String, list: &[Root]) {
    let reach = list
        .iter()
        .map(|r| middle(&r.re).abs().max(middle(&r.im).abs()))
        .fold(1.0, f64::max);
    // Roots far away would leave the circle a dot: they are named at the edge instead.
    let reach = (reach * 1.15).clamp(1.25, 4.0);
    let unit = SIDE / (2.0 * reach);
    let place = |x: f64, y: f64| (LEFT + SIDE / 2.0 + unit * x, TOP + SIDE / 2.0 - unit * y);
    let (x0, y0) = place(0.0, 0.0);
    let _ = writeln!(
        text,
        "<rect x=\"{LEFT}\" y=\"{TOP}\" width=\"{SIDE}\" height=\"{SIDE}\" fill=\"none\" stroke=\"black\"/>\n<path stroke=\"#888\" stroke-width=\"0.7\" d=\"M{LEFT} {y0}h{SIDE}M{x0} {TOP}v{SIDE}\"/>\n<circle cx=\"{x0}\" cy=\"{y0}\" r=\"{unit:.3}\" fill=\"none\" stroke=\"black\" stroke-width=\"1.2\"/>"
    );
    for (x, y, label, dx, dy) in [
        (1.0, 0.0, "1", 5.0, 15.0),
        (-1.0, 0.0, "-1", -19.0, 15.0),
        (0.0, 1.0, "i", 5.0, -5.0),
    ] {
        let (x, y) = place(x, y);
        let _ = writeln!(
            text,
            "<text x=\"{:.1}\" y=\"{:.1}\">{label}</text>",
            x + dx,
            y + dy
        );
    }
    let mut far = Vec::new();
    for root in list {
        let (re, im) = (middle(&root.re), middle(&root.im));
        if re.abs() > reach || im.abs() > reach {
            far.push(format!("{re:.4}{im:+.4}i"));
            continue;
        }
        let (x, y) = place(re, im);
        let shape = match root.location {
            "in" => format!(
                "<circle cx=\"{x:.3}\" cy=\"{y:.3}\" r=\"4.5\" fill=\"none\" stroke=\"black\" stroke-width=\"1.6\"/>"
            ),
            "on" => format!(
                "<rect x=\"{:.3}\" y=\"{:.3}\" width=\"8\" height=\"8\"/>",
                x - 4.0,
                y - 4.0
            ),
            _ => format!("<path d=\"M{:.3} {:.3}l6 10h-12z\"/>", x, y - 6.0),
        };
        text.push_str(&shape);
        if root.multiplicity > 1 {
            let _ = write!(
                text,
                "<text x=\"{:.1}\" y=\"{:.1}\">&#215;{}</text>",
                x + 8.0,
                y - 6.0,
                root.multiplicity
            );
        }
        text.push('\n');
    }
    if !far.is_empty() {
        let _ = writeln!(
            text,
            "<text x=\"{}\" y=\"{}\">outside the frame: {}</text>",
            LEFT + 6.0,
            TOP + 16.0,
            far.join(", ")
        );
    }
    let _ = writeln!(
        text,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">roots of rho and the unit circle</text>",
        LEFT + SIDE / 2.0,
        TOP + SIDE + 24.0
    );
}

/// The plane of `z`, both halves.
fn stability(
    text: &mut String,
    left: f64,
    plane: &StabilityPlane,
    window: &Window,
    analysis: &Analysis,
) {
    let unit = SIDE / COLUMNS as f64;
    let rows = plane.rows.len() as f64;
    // Both halves fit into the square, at one scale for both axes.
    let scale = (SIDE / (2.0 * rows * unit)).min(1.0);
    let (unit, x0) = (unit * scale, left + SIDE * (1.0 - scale) / 2.0);
    let middle = TOP + SIDE / 2.0;
    let (wide, high) = (unit * COLUMNS as f64, unit * rows);
    for (kind, fill) in [(Cell::Stable, "#c8c8c8"), (Cell::Undecided, "black")] {
        let _ = write!(
            text,
            "<path fill=\"{fill}\" shape-rendering=\"crispEdges\" d=\""
        );
        for (r, row) in plane.rows.iter().enumerate() {
            let mut start = None;
            for c in 0..=COLUMNS {
                let inside = row.get(c) == Some(&kind);
                match (inside, start) {
                    (true, None) => start = Some(c),
                    (false, Some(from)) => {
                        let (x, w) = (x0 + unit * from as f64, unit * (c - from) as f64);
                        for y in [middle - unit * (r + 1) as f64, middle + unit * r as f64] {
                            let _ = write!(text, "M{x:.2} {y:.2}h{w:.2}v{unit:.3}h-{w:.2}z");
                        }
                        start = None;
                    }
                    _ => {}
                }
            }
        }
        text.push_str("\"/>\n");
    }
    let step = plane.step.to_f64();
    let place = |re: f64, im: f64| {
        (
            x0 + unit * (re - window.left.to_f64()) / step,
            middle - unit * im / step,
        )
    };
    let (ox, oy) = place(0.0, 0.0);
    let (top, bottom) = (middle - high, middle + high);
    let _ = writeln!(
        text,
        "<path stroke=\"#888\" stroke-width=\"0.7\" d=\"M{x0:.2} {oy:.2}h{wide:.2}M{ox:.2} {top:.2}v{:.2}\"/>\n<rect x=\"{x0:.2}\" y=\"{top:.2}\" width=\"{wide:.2}\" height=\"{:.2}\" fill=\"none\" stroke=\"black\"/>",
        2.0 * high,
        2.0 * high
    );
    if let Some(found) = &analysis.a_stability
        && found.tan_squared.is_some()
    {
        let tangent = self::middle(&found.alpha_degrees).to_radians().tan();
        // From the origin to the frame.
        let (reach, height) = (-window.left.to_f64(), rows * step);
        let reach = reach.min(height / tangent);
        for sign in [1.0, -1.0] {
            let (x, y) = place(-reach, sign * reach * tangent);
            let _ = writeln!(
                text,
                "<path fill=\"none\" stroke=\"black\" stroke-width=\"1.4\" stroke-dasharray=\"7 4\" d=\"M{ox:.2} {oy:.2}L{x:.2} {y:.2}\"/>"
            );
        }
    }
    // Ticks at round numbers.
    let width = step * COLUMNS as f64;
    let tick = nice(width.max(2.0 * rows * step) / 6.0);
    let ends = |lo: f64, hi: f64| ((lo / tick).ceil() as i64, (hi / tick).floor() as i64);
    let (first, last) = ends(window.left.to_f64(), window.left.to_f64() + width);
    for i in first..=last {
        let (x, _) = place(tick * i as f64, 0.0);
        let _ = writeln!(
            text,
            "<path stroke=\"black\" d=\"M{x:.2} {bottom:.2}v4\"/><text x=\"{x:.2}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            bottom + 15.0,
            label(tick * i as f64)
        );
    }
    let (first, last) = ends(-rows * step, rows * step);
    for i in first..=last {
        let (_, y) = place(0.0, tick * i as f64);
        let _ = writeln!(
            text,
            "<path stroke=\"black\" d=\"M{x0:.2} {y:.2}h-4\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            x0 - 6.0,
            y + 4.0,
            label(tick * i as f64)
        );
    }
    let _ = writeln!(
        text,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">absolute stability, plane of z = h mu</text>",
        x0 + wide / 2.0,
        bottom + 32.0
    );
}

/// 1, 2 or 5 times a power of ten, at least `x`.
fn nice(x: f64) -> f64 {
    let power = 10_f64.powf(x.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0];
    let found = steps.iter().find(|s| *s * power >= x * 0.999);
    found.unwrap_or(&10.0) * power
}

/// Up to three decimals, without trailing zeros.
fn label(x: f64) -> String {
    let text = format!("{x:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}
