//! Greyscale images as SVG: one path of unit squares per grey level.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::Image;

/// An image as an SVG document of `size` pixels width.
///
/// **Domain and range.** Values are clamped to [0, 1] and shown in 256 levels;
/// missing values and NaN stay unpainted.
pub fn image_svg(image: &Image, size: u32) -> String {
    let (width, height) = (image.width.max(1), image.height.max(1));
    let mut levels: BTreeMap<u8, String> = BTreeMap::new();
    let wanted = width.saturating_mul(height);
    let pixels = &image.pixels[..image.pixels.len().min(wanted)];
    for (y, row) in pixels.chunks(width).enumerate() {
        let mut x = 0;
        while x < row.len() {
            let level = level(row[x]);
            let run = row[x..]
                .iter()
                .take_while(|v| self::level(**v) == level)
                .count();
            if let Some(level) = level {
                let path = levels.entry(level).or_default();
                let _ = write!(path, "M{x} {y}h{run}v1h-{run}z");
            }
            x += run;
        }
    }
    let tall = f64::from(size) * height as f64 / width as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{size}\" height=\"{tall:.0}\" \
         viewBox=\"0 0 {width} {height}\" preserveAspectRatio=\"none\" shape-rendering=\"crispEdges\">"
    );
    for (level, path) in levels {
        let _ = write!(
            svg,
            "<path fill=\"#{level:02x}{level:02x}{level:02x}\" d=\"{path}\"/>"
        );
    }
    svg.push_str("</svg>");
    svg
}

fn level(value: f32) -> Option<u8> {
    (!value.is_nan()).then(|| (value.clamp(0.0, 1.0) * 255.0).round() as u8)
}

/// The change from `from` to `to`, times `gain`, around mid-grey.
pub(super) fn difference(from: &Image, to: &Image, gain: f32) -> Image {
    Image {
        height: from.height,
        width: from.width,
        pixels: from
            .pixels
            .iter()
            .zip(&to.pixels)
            .map(|(a, b)| 0.5 + 0.5 * gain * (b - a))
            .collect(),
    }
}

/// Largest absolute change of a pixel.
pub(super) fn largest_change(from: &Image, to: &Image) -> f32 {
    from.pixels
        .iter()
        .zip(&to.pixels)
        .map(|(a, b)| (b - a).abs())
        .filter(|d| d.is_finite())
        .fold(0.0, f32::max)
}
