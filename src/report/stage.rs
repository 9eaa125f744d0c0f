//! What the plots share: colours, text, ticks and the way from a drawing to a string.
//!
//! The SVG backend knows whole pixels only, so a plot is drawn [`K`] times
//! larger and its size attributes are set back; a quarter pixel is fine enough
//! for a curve. Colours are plain attributes, so that a figure stands alone;
//! the page's style sheet overrides them by attribute in dark mode and must
//! name the same values.

use plotters::coord::Shift;
use plotters::drawing::DrawingAreaErrorKind;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::Error;
use super::number::{Toward, fixed};

/// Drawing units per pixel.
const K: i32 = 4;

pub(super) const INK: RGBColor = RGBColor(0x1b, 0x1f, 0x24);
pub(super) const MUTED: RGBColor = RGBColor(0x5b, 0x64, 0x70);
pub(super) const RULE: RGBColor = RGBColor(0xd5, 0xda, 0xe0);
pub(super) const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xff);
/// Proved and exact.
pub(super) const BLUE: RGBColor = RGBColor(0x0b, 0x5a, 0x94);
/// Witnesses.
pub(super) const RED: RGBColor = RGBColor(0xb4, 0x43, 0x1f);

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// Horizontal and vertical anchors of a text.
pub(super) const LEFT: Pos = Pos {
    h_pos: HPos::Left,
    v_pos: VPos::Center,
};
pub(super) const MIDDLE: Pos = Pos {
    h_pos: HPos::Center,
    v_pos: VPos::Center,
};
pub(super) const RIGHT: Pos = Pos {
    h_pos: HPos::Right,
    v_pos: VPos::Center,
};

/// Runs `body` on an empty drawing of `size` pixels and gives the SVG document.
pub(super) fn draw(
    figure: &'static str,
    (width, height): (u32, u32),
    body: impl FnOnce(&Area<'_>) -> Drawn,
) -> Result<String, Error> {
    let scale = K.unsigned_abs();
    let (wide, high) = (width * scale, height * scale);
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (wide, high)).into_drawing_area();
        body(&area)
            .and_then(|()| area.present())
            .map_err(|e| Error::Plot {
                figure,
                message: e.to_string(),
            })?;
    }
    Ok(svg.replacen(
        &format!("width=\"{wide}\" height=\"{high}\""),
        &format!("width=\"{width}\" height=\"{height}\""),
        1,
    ))
}

/// Pixels as drawing units.
pub(super) fn units(pixels: f64) -> i32 {
    // saturating: a position far outside is cut off at the edge of the backend's range
    (pixels * f64::from(K)).round().clamp(-1e6, 1e6) as i32
}

/// Pixels as a drawing position.
fn at((x, y): (f64, f64)) -> (i32, i32) {
    (units(x), units(y))
}

/// A text style of `size` pixels.
pub(super) fn font(size: f64, colour: RGBColor, pos: Pos) -> TextStyle<'static> {
    // the backend divides by 1.24
    ("sans-serif", size * f64::from(K) * 1.24)
        .into_font()
        .color(&colour)
        .pos(pos)
}

/// A line style of `width` pixels.
pub(super) fn pen(colour: RGBColor, width: f64) -> ShapeStyle {
    colour.stroke_width(units(width).unsigned_abs())
}

/// Writes `text` at a position in pixels.
pub(super) fn write(
    area: &Area<'_>,
    text: &str,
    position: (f64, f64),
    style: TextStyle<'static>,
) -> Drawn {
    area.draw(&Text::new(text.to_owned(), at(position), style))
}

/// A polyline in pixels.
pub(super) fn line(area: &Area<'_>, path: &[(f64, f64)], style: ShapeStyle) -> Drawn {
    let path: Vec<(i32, i32)> = path.iter().map(|&p| at(p)).collect();
    area.draw(&PathElement::new(path, style))
}

/// A dashed polyline in pixels.
pub(super) fn dashed(
    area: &Area<'_>,
    path: &[(f64, f64)],
    (dash, gap): (f64, f64),
    style: ShapeStyle,
) -> Drawn {
    let path: Vec<(i32, i32)> = path.iter().map(|&p| at(p)).collect();
    area.draw(&DashedPathElement::new(
        path,
        units(dash),
        units(gap),
        style,
    ))
}

/// A disc in pixels, filled with paper if `open`.
pub(super) fn dot(
    area: &Area<'_>,
    centre: (f64, f64),
    radius: f64,
    colour: RGBColor,
    open: bool,
) -> Drawn {
    let radius = units(radius);
    area.draw(&Circle::new(at(centre), radius, colour.filled()))?;
    if open {
        let inner = radius - units(1.4);
        area.draw(&Circle::new(at(centre), inner, PAPER.filled()))?;
    }
    Ok(())
}

/// A filled polygon in pixels.
pub(super) fn fill(area: &Area<'_>, path: &[(f64, f64)], colour: RGBColor, opacity: f64) -> Drawn {
    let path: Vec<(i32, i32)> = path.iter().map(|&p| at(p)).collect();
    area.draw(&Polygon::new(path, colour.mix(opacity).filled()))
}

/// A plot's rectangle in pixels and the ranges it shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    /// Left, top, right, bottom in pixels.
    pub rect: (f64, f64, f64, f64),
    /// Range from left to right.
    pub x: (f64, f64),
    /// Range from bottom to top.
    pub y: (f64, f64),
}

impl Frame {
    /// The pixel position of a value; values outside land on the edge.
    pub(super) fn place(&self, &(x, y): &(f64, f64)) -> (f64, f64) {
        let (left, top, right, bottom) = self.rect;
        let part = |v: f64, (lo, hi): (f64, f64)| ((v - lo) / (hi - lo)).clamp(0.0, 1.0);
        (
            left + part(x, self.x) * (right - left),
            bottom - part(y, self.y) * (bottom - top),
        )
    }

    /// Horizontal rules with their labels, the base line, and ticks below it.
    pub(super) fn axes(
        &self,
        area: &Area<'_>,
        columns: &[(f64, String)],
        rows: &[(f64, String)],
    ) -> Drawn {
        let (left, _, right, bottom) = self.rect;
        for (value, text) in rows {
            let (_, y) = self.place(&(self.x.0, *value));
            line(area, &[(left, y), (right, y)], pen(RULE, 0.75))?;
            write(area, text, (left - 8.0, y), font(11.0, MUTED, RIGHT))?;
        }
        line(area, &[(left, bottom), (right, bottom)], pen(MUTED, 1.0))?;
        for (value, text) in columns {
            let (x, _) = self.place(&(*value, self.y.0));
            line(area, &[(x, bottom), (x, bottom + 4.0)], pen(MUTED, 1.0))?;
            write(area, text, (x, bottom + 14.0), font(11.0, MUTED, MIDDLE))?;
        }
        Ok(())
    }
}

/// At most about `count` round positions in `lo..=hi` with their labels.
pub(super) fn ticks(lo: f64, hi: f64, count: u32) -> Vec<(f64, String)> {
    let raw = (hi - lo) / f64::from(count.max(1));
    let power = raw.log10().floor();
    let unit = 10f64.powf(power);
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|m| m * unit)
        .find(|s| *s >= raw * 0.999)
        .unwrap_or(10.0 * unit);
    let decimals = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
    let (first, last) = ((lo / step).ceil(), (hi / step + 1e-9).floor());
    let count = (last - first).clamp(0.0, 64.0) as u32;
    (0..=count)
        .map(|i| (first + f64::from(i)) * step)
        .map(|v| (v, fixed(v, decimals, Toward::Nearest)))
        .collect()
}
