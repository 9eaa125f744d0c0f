//! The zero-stability region of a family: largest parasitic root against the
//! parameter, the stable set as a line, and the networks' methods on both.

use super::number::typographic;
use super::placement::{Wanted, place};
use super::stage::{self, Area, Drawn, Frame, LEFT, MIDDLE, RIGHT};
use super::{End, Error, Interval, Network, Place, Region};

/// Size in pixels.
const SIZE: (u32, u32) = (1040, 452);
/// Margins of the plot in pixels: left, right, top.
const LEFT_EDGE: f64 = 52.0;
const RIGHT_EDGE: f64 = 1024.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 290.0;
const RECT: (f64, f64, f64, f64) = (LEFT_EDGE, TOP, RIGHT_EDGE, BOTTOM);
/// Heights of the two lines under the plot.
const SET_LINE: f64 = 352.0;
const ONE_STEP_LINE: f64 = 420.0;
/// Largest modulus shown; the branches run to infinity at a pole.
const CEILING: f64 = 4.0;

/// The region as an SVG document, with the methods of `networks` marked.
///
/// **Semantics and evidence.** The ends of the stable set and the optimum are
/// the caller's exact values, printed as given; the curve is a drawing.
///
/// # Errors
/// [`Error::Plot`] when the drawing backend refuses.
pub fn region_svg(region: &Region, networks: &[Network]) -> Result<String, Error> {
    stage::draw("region", SIZE, |area| draw(area, region, networks))
}

/// The stable set in interval notation.
pub(super) fn set_text(stable: &[Interval]) -> String {
    let one = |i: &Interval| {
        let lo = match &i.lo {
            None => "(−∞".to_owned(),
            Some(e) => format!(
                "{}{}",
                if e.closed { '[' } else { '(' },
                typographic(&e.value)
            ),
        };
        let hi = match &i.hi {
            None => "∞)".to_owned(),
            Some(e) => format!(
                "{}{}",
                typographic(&e.value),
                if e.closed { ']' } else { ')' }
            ),
        };
        format!("{lo}, {hi}")
    };
    if stable.is_empty() {
        return "∅".to_owned();
    }
    let all: Vec<String> = stable.iter().map(one).collect();
    all.join(" ∪ ")
}

/// The ranges of the parameter and of log₂ of the modulus.
fn frame(region: &Region) -> Frame {
    let drawable = |v: &&(f64, f64)| v.0.abs() <= 1e6 && v.1 > 1e-6 && v.1 <= 1e6;
    let points = || region.branches.iter().flatten().filter(drawable);
    let lo = points().map(|p| p.0).fold(f64::INFINITY, f64::min);
    let hi = points().map(|p| p.0).fold(f64::NEG_INFINITY, f64::max);
    let least = points().map(|p| p.1).fold(1.0, f64::min);
    Frame {
        rect: RECT,
        x: if hi - lo > 1e-6 {
            (lo, hi)
        } else {
            (-6.0, 6.0)
        },
        y: ((least / 1.7).log2(), CEILING.log2()),
    }
}

fn point(frame: &Frame, at: f64, modulus: f64) -> (f64, f64) {
    frame.place(&(at, modulus.log2()))
}

fn shows(frame: &Frame, at: f64) -> bool {
    (frame.x.0..=frame.x.1).contains(&at)
}

/// Left and right end of an interval in pixels.
fn span(frame: &Frame, interval: &Interval) -> (f64, f64) {
    let x = |end: &End| frame.place(&(end.at, 0.0)).0;
    let lo = interval.lo.as_ref().map_or(LEFT_EDGE, x);
    let hi = interval.hi.as_ref().map_or(RIGHT_EDGE, x);
    (lo, hi)
}

fn draw(area: &Area<'_>, region: &Region, networks: &[Network]) -> Drawn {
    let axes = frame(region);
    for interval in &region.stable {
        let (lo, hi) = span(&axes, interval);
        let band = [(lo, TOP), (hi, TOP), (hi, BOTTOM), (lo, BOTTOM)];
        stage::fill(area, &band, stage::BLUE, 0.10)?;
        if hi - lo > 80.0 {
            let style = stage::font(12.0, stage::BLUE, MIDDLE);
            stage::write(area, "zero-stable", ((lo + hi) / 2.0, TOP + 14.0), style)?;
        }
    }
    grid(area, region, &axes)?;
    let mut obstacles = Vec::new();
    for piece in region.branches.iter().flat_map(|b| clip(b)) {
        let path: Vec<_> = piece.iter().map(|p| point(&axes, p.0, p.1)).collect();
        stage::line(area, &path, stage::pen(stage::INK, 2.0))?;
        obstacles.push(path);
    }
    members(area, region, networks, &axes, &obstacles)?;
    set_line(area, region, &axes)?;
    one_step_line(area, networks)
}

fn grid(area: &Area<'_>, region: &Region, axes: &Frame) -> Drawn {
    let label = |exponent: i32| match exponent {
        ..0 => format!("1/{}", 2u32.pow(exponent.unsigned_abs())),
        _ => format!("{}", 2u32.pow(exponent.unsigned_abs())),
    };
    let rows: Vec<(f64, String)> = (-6..=2)
        .filter(|e| f64::from(*e) >= axes.y.0)
        .map(|e| (f64::from(e), label(e)))
        .collect();
    axes.axes(area, &stage::ticks(axes.x.0, axes.x.1, 12), &rows)?;
    let (_, unit) = point(axes, axes.x.0, 1.0);
    let circle = [(LEFT_EDGE, unit), (RIGHT_EDGE, unit)];
    stage::line(area, &circle, stage::pen(stage::INK, 1.0))?;
    let style = stage::font(12.0, stage::INK, LEFT);
    let text = "largest modulus of a parasitic root (logarithmic)";
    stage::write(area, text, (0.0, TOP - 18.0), style)?;
    let style = stage::font(12.0, stage::INK, RIGHT);
    let text = format!("{} →", region.parameter);
    stage::write(area, &text, (RIGHT_EDGE, BOTTOM + 30.0), style)
}

/// The optimum as a dot, family members as diamonds, each with its name beside it.
fn members(
    area: &Area<'_>,
    region: &Region,
    networks: &[Network],
    axes: &Frame,
    obstacles: &[Vec<(f64, f64)>],
) -> Drawn {
    let mut wanted = Vec::new();
    let mut colours = Vec::new();
    if let Some(best) = region.optimum.as_ref().filter(|o| shows(axes, o.at)) {
        let spot = point(axes, best.at, best.height);
        let foot = [spot, (spot.0, BOTTOM)];
        stage::dashed(area, &foot, (2.0, 3.0), stage::pen(stage::MUTED, 1.0))?;
        stage::dot(area, spot, 3.5, stage::INK, false)?;
        let text = format!(
            "optimum {} = {}: modulus {}",
            region.parameter,
            typographic(&best.parameter),
            typographic(&best.modulus),
        );
        let path = vec![spot];
        wanted.push(Wanted {
            text,
            path,
            above: false,
        });
        colours.push(stage::INK);
    }
    for network in networks {
        let Some(Place::Member { at, modulus, .. }) = network.stability.as_ref().map(|s| &s.place)
        else {
            continue;
        };
        if shows(axes, *at) && *modulus > 0.0 {
            let spot = point(axes, *at, *modulus);
            diamond(area, spot)?;
            wanted.push(Wanted {
                text: network.name.clone(),
                path: vec![spot],
                above: true,
            });
            colours.push(stage::RED);
        }
    }
    let places = place(&wanted, obstacles, RECT, 13.0);
    for ((want, placed), colour) in wanted.iter().zip(places).zip(colours) {
        let Some(placed) = placed else { continue };
        if placed.length() > 16.0 {
            let leader = [placed.dot, placed.leader_end()];
            stage::line(area, &leader, stage::pen(colour, 0.75))?;
        }
        let side = if placed.ends { RIGHT } else { LEFT };
        let style = stage::font(12.5, colour, side);
        stage::write(area, &want.text, placed.anchor, style)?;
    }
    Ok(())
}

fn diamond(area: &Area<'_>, (x, y): (f64, f64)) -> Drawn {
    let r = 6.0;
    let outline = [(x, y - r), (x + r, y), (x, y + r), (x - r, y)];
    stage::fill(area, &outline, stage::RED, 1.0)
}

/// The stable set on its own axis, with closed (filled) and open ends.
fn set_line(area: &Area<'_>, region: &Region, axes: &Frame) -> Drawn {
    let y = SET_LINE;
    stage::line(
        area,
        &[(LEFT_EDGE, y), (RIGHT_EDGE, y)],
        stage::pen(stage::RULE, 1.0),
    )?;
    let text = format!(
        "stable set: {} ∈ {}",
        region.parameter,
        set_text(&region.stable)
    );
    let style = stage::font(12.0, stage::INK, LEFT);
    stage::write(area, &text, (0.0, y - 20.0), style)?;
    for interval in &region.stable {
        let (lo, hi) = span(axes, interval);
        stage::line(area, &[(lo, y), (hi, y)], stage::pen(stage::BLUE, 4.0))?;
        let ends = [(&interval.lo, lo, -1.0), (&interval.hi, hi, 1.0)];
        for (end, x, direction) in ends {
            let Some(end) = end else {
                let tip = x + 8.0 * direction;
                let head = [(x, y - 6.0), (tip, y), (x, y + 6.0)];
                stage::fill(area, &head, stage::BLUE, 1.0)?;
                continue;
            };
            stage::dot(area, (x, y), 5.0, stage::BLUE, !end.closed)?;
            let style = stage::font(12.0, stage::INK, MIDDLE);
            stage::write(area, &typographic(&end.value), (x, y + 18.0), style)?;
        }
    }
    Ok(())
}

/// One-step methods, which belong to no member of the family.
fn one_step_line(area: &Area<'_>, networks: &[Network]) -> Drawn {
    let y = ONE_STEP_LINE;
    let style = stage::font(12.0, stage::INK, LEFT);
    stage::write(area, "one-step methods: only root 1", (0.0, y), style)?;
    let mut x = 210.0;
    let one_step = |n: &&Network| {
        n.stability
            .as_ref()
            .is_some_and(|s| s.place == Place::OneStep)
    };
    for network in networks.iter().filter(one_step) {
        let side = [
            (x - 5.0, y - 5.0),
            (x + 5.0, y - 5.0),
            (x + 5.0, y + 5.0),
            (x - 5.0, y + 5.0),
        ];
        stage::fill(area, &side, stage::RED, 1.0)?;
        let text = format!("{} ({})", network.name, network.method);
        let style = stage::font(12.5, stage::RED, LEFT);
        stage::write(area, &text, (x + 11.0, y), style)?;
        x += 46.0 + 6.4 * text.chars().count() as f64;
    }
    Ok(())
}

/// The pieces of a branch under the ceiling, cut where they meet it.
fn clip(branch: &[(f64, f64)]) -> Vec<Vec<(f64, f64)>> {
    let inside = |p: &(f64, f64)| p.1 > 0.0 && p.1 <= CEILING;
    let drawable = |p: &(f64, f64)| p.0.abs() <= 1e6 && p.1 > 0.0 && p.1 <= 1e12;
    let mut pieces = vec![Vec::new()];
    let mut before: Option<(f64, f64)> = None;
    for &point in branch {
        if !drawable(&point) {
            pieces.push(Vec::new());
            before = None;
            continue;
        }
        if let Some(last) = before
            && inside(&last) != inside(&point)
        {
            let span = point.1.ln() - last.1.ln();
            let t = (CEILING.ln() - last.1.ln()) / span;
            let cut = (last.0 + t * (point.0 - last.0), CEILING);
            if let Some(piece) = pieces.last_mut() {
                piece.push(cut);
            }
            if inside(&last) {
                pieces.push(Vec::new());
            }
        }
        if inside(&point)
            && let Some(piece) = pieces.last_mut()
        {
            piece.push(point);
        }
        before = Some(point);
    }
    pieces.retain(|p| p.len() > 1);
    pieces
}
