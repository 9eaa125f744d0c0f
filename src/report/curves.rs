//! Accuracy against ε: certified curves below, attack curves above, and the
//! undecided gap between them.

use plotters::style::RGBColor;

use super::number::plain;
use super::placement::{Wanted, place};
use super::stage::{self, Area, Drawn, Frame, LEFT, MIDDLE, RIGHT};
use super::{Curve, Error, Evidence};

/// Size in pixels.
const SIZE: (u32, u32) = (350, 290);
/// Left, top, right, bottom of the plot in it.
const RECT: (f64, f64, f64, f64) = (34.0, 30.0, 336.0, 244.0);
/// Text size in pixels.
const TEXT: f64 = 12.0;

/// How a curve is drawn; told apart without colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stroke {
    /// Solid and heavy: the strongest proved curve.
    Heavy,
    /// Solid and light with open circles: the second proved curve.
    Marked,
    /// Dotted: further proved curves.
    Dotted,
    /// Dashed: witnesses and estimates.
    Dashed,
}

/// The strokes of `curves`: proved ones by the area under them.
pub(super) fn strokes(curves: &[Curve]) -> Vec<Stroke> {
    let area = |c: &Curve| -> f64 {
        let points = finite(c);
        points
            .windows(2)
            .map(|w| (w[1].0 - w[0].0) * (w[0].1 + w[1].1) / 2.0)
            .sum()
    };
    curves
        .iter()
        .map(|curve| {
            if !proved(curve) {
                return Stroke::Dashed;
            }
            let stronger = curves
                .iter()
                .filter(|o| proved(o) && area(o) > area(curve))
                .count();
            match stronger {
                0 => Stroke::Heavy,
                1 => Stroke::Marked,
                _ => Stroke::Dotted,
            }
        })
        .collect()
}

/// One network's curves as an SVG document.
///
/// **Shapes.** Points are (ε, accuracy) with ε in `0..=limit` and accuracy in
/// `[0, 1]`; others are left out. `mark` is an ε to be marked by a line.
///
/// # Errors
/// [`Error::Plot`] when the drawing backend refuses.
pub fn curves_svg(
    curves: &[Curve],
    norm: &str,
    mark: Option<f64>,
    limit: f64,
) -> Result<String, Error> {
    let limit = if (1e-9..=1e9).contains(&limit) {
        limit
    } else {
        1.0
    };
    stage::draw("curves", SIZE, |area| {
        panel(area, curves, norm, mark, limit)
    })
}

fn panel(area: &Area<'_>, curves: &[Curve], norm: &str, mark: Option<f64>, limit: f64) -> Drawn {
    let (left, top, right, bottom) = RECT;
    let frame = Frame {
        rect: RECT,
        x: (0.0, limit),
        y: (0.0, 1.0),
    };
    let percents = [0.0, 0.25, 0.5, 0.75, 1.0].map(|y| (y, format!("{:.0}", 100.0 * y)));
    frame.axes(area, &stage::ticks(0.0, limit, 4), &percents)?;
    let to_pixels = |p: &(f64, f64)| frame.place(p);

    let inside: Vec<Vec<(f64, f64)>> = curves
        .iter()
        .map(|c| {
            let mut points = finite(c);
            points.retain(|p| p.0 <= limit);
            points
        })
        .collect();
    let gap: Vec<(f64, f64)> = gap(curves, &inside).iter().map(to_pixels).collect();
    if gap.len() > 2 {
        stage::fill(area, &gap, stage::MUTED, 0.16)?;
    }
    let mut obstacles = Vec::new();
    if let Some(mark) = mark.filter(|m| *m > 0.0 && *m <= limit) {
        let (x, _) = to_pixels(&(mark, 0.0));
        let path = vec![(x, top), (x, bottom)];
        stage::dashed(area, &path, (2.0, 3.0), stage::pen(stage::MUTED, 1.0))?;
        obstacles.push(path);
        let text = format!("ε = {}", plain(mark));
        let style = stage::font(11.0, stage::MUTED, MIDDLE);
        stage::write(
            area,
            &text,
            (x.clamp(left + 30.0, right - 22.0), top - 8.0),
            style,
        )?;
    }
    let style = stage::font(11.0, stage::MUTED, RIGHT);
    stage::write(area, "%", (left - 8.0, top - 14.0), style)?;
    let style = stage::font(TEXT, stage::INK, MIDDLE);
    let text = format!("radius ε ({norm})");
    stage::write(area, &text, ((left + right) / 2.0, bottom + 34.0), style)?;

    let paths: Vec<Vec<(f64, f64)>> = inside
        .iter()
        .map(|points| points.iter().map(to_pixels).collect())
        .collect();
    for ((curve, path), stroke) in curves.iter().zip(&paths).zip(strokes(curves)) {
        trace(area, path, stroke, colour(curve))?;
    }
    labels(area, curves, &paths, &obstacles)
}

fn trace(area: &Area<'_>, path: &[(f64, f64)], stroke: Stroke, colour: RGBColor) -> Drawn {
    if path.is_empty() {
        return Ok(());
    }
    match stroke {
        Stroke::Heavy => stage::line(area, path, stage::pen(colour, 2.25)),
        Stroke::Dashed => stage::dashed(area, path, (6.0, 3.5), stage::pen(colour, 1.75)),
        Stroke::Dotted => stage::dashed(area, path, (1.5, 3.0), stage::pen(colour, 1.5)),
        Stroke::Marked => {
            stage::line(area, path, stage::pen(colour, 1.25))?;
            let mut last = f64::NEG_INFINITY;
            for &point in path {
                if point.0 - last >= 26.0 {
                    stage::dot(area, point, 3.2, colour, true)?;
                    last = point.0;
                }
            }
            Ok(())
        }
    }
}

fn labels(
    area: &Area<'_>,
    curves: &[Curve],
    paths: &[Vec<(f64, f64)>],
    obstacles: &[Vec<(f64, f64)>],
) -> Drawn {
    let wanted: Vec<Wanted> = curves
        .iter()
        .zip(paths)
        .map(|(curve, path)| Wanted {
            text: curve.label.clone(),
            path: path.clone(),
            above: !proved(curve),
        })
        .collect();
    for (curve, placed) in curves.iter().zip(place(&wanted, obstacles, RECT, TEXT)) {
        let Some(placed) = placed else { continue };
        let colour = colour(curve);
        if placed.length() > 16.0 {
            let end = placed.leader_end();
            stage::line(area, &[placed.dot, end], stage::pen(colour, 0.75))?;
            stage::dot(area, placed.dot, 2.0, colour, false)?;
        }
        let side = if placed.ends { RIGHT } else { LEFT };
        let style = stage::font(TEXT, colour, side);
        stage::write(area, &curve.label, placed.anchor, style)?;
    }
    Ok(())
}

fn colour(curve: &Curve) -> RGBColor {
    match curve.evidence {
        Evidence::Proved | Evidence::Exact => stage::BLUE,
        Evidence::Witness => stage::RED,
        Evidence::Estimate => stage::INK,
    }
}

pub(super) fn proved(curve: &Curve) -> bool {
    matches!(curve.evidence, Evidence::Proved | Evidence::Exact)
}

/// The drawable points, ε ascending.
fn finite(curve: &Curve) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = curve
        .points
        .iter()
        .copied()
        .filter(|(x, y)| (0.0..=1e9).contains(x) && (0.0..=1.0).contains(y))
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}

/// The largest ε of any point, to share one axis among panels.
pub(super) fn extent<'a>(curves: impl Iterator<Item = &'a Curve>) -> f64 {
    curves.flat_map(finite).map(|p| p.0).fold(0.0, f64::max)
}

/// Outline between the lowest curve from above and the highest from below.
fn gap(curves: &[Curve], points: &[Vec<(f64, f64)>]) -> Vec<(f64, f64)> {
    let mut positions: Vec<f64> = points.iter().flatten().map(|p| p.0).collect();
    positions.sort_by(f64::total_cmp);
    positions.dedup();
    let mut upper = Vec::new();
    let mut lower = Vec::new();
    for x in positions {
        let values = |below: bool| {
            curves
                .iter()
                .zip(points)
                .filter(move |(c, _)| proved(c) == below)
                .filter_map(move |(_, p)| interpolate(p, x))
        };
        let above = values(false).reduce(f64::min);
        let below = values(true).reduce(f64::max);
        if let (Some(above), Some(below)) = (above, below) {
            upper.push((x, above.max(below)));
            lower.push((x, below));
        }
    }
    upper.extend(lower.into_iter().rev());
    upper
}

fn interpolate(points: &[(f64, f64)], x: f64) -> Option<f64> {
    if let [only] = points {
        return (only.0 == x).then_some(only.1);
    }
    points.windows(2).find_map(|w| {
        let ((x0, y0), (x1, y1)) = (w[0], w[1]);
        if !(x0..=x1).contains(&x) {
            return None;
        }
        let t = if x1 > x0 { (x - x0) / (x1 - x0) } else { 1.0 };
        Some(y0 + t * (y1 - y0))
    })
}

/// A piece of line in the manner of `stroke`, for legends.
pub(super) fn sample_svg(stroke: Stroke) -> maud::Markup {
    let (class, dash, width) = match stroke {
        Stroke::Heavy => ("proved", "none", "2.25"),
        Stroke::Marked => ("proved", "none", "1.25"),
        Stroke::Dotted => ("proved", "1.5 3", "1.5"),
        Stroke::Dashed => ("witness", "6 3.5", "1.75"),
    };
    maud::html! {
        svg class={ "sample " (class) } width="34" height="12" viewBox="0 0 34 12" aria-hidden="true" {
            line x1="0" y1="6" x2="34" y2="6" stroke-width=(width) stroke-dasharray=(dash) {}
            @if stroke == Stroke::Marked { circle cx="17" cy="6" r="2.6" stroke-width="1.25" {} }
        }
    }
}
