//! Training loss against epoch, one curve per network.

use super::placement::{Wanted, place};
use super::stage::{self, Frame, LEFT, MIDDLE, RIGHT};
use super::{Error, Network};

/// Size in pixels.
const SIZE: (u32, u32) = (720, 260);
/// Left, top, right, bottom of the plot in it.
const RECT: (f64, f64, f64, f64) = (48.0, 28.0, 704.0, 214.0);

/// Dash and gap by network, so that curves differ without colour.
const DASHES: [Option<(f64, f64)>; 4] =
    [None, Some((7.0, 3.0)), Some((2.0, 2.5)), Some((12.0, 4.0))];

/// Training losses on a logarithmic axis, as an SVG document.
///
/// Losses that are not positive and finite are left out.
///
/// **Semantics and evidence.** Estimates: they say how training went and nothing else.
///
/// # Errors
/// [`Error::Plot`] when the drawing backend refuses.
pub fn losses_svg(networks: &[Network]) -> Result<String, Error> {
    let curves: Vec<(&str, Vec<(f64, f64)>)> = networks
        .iter()
        .map(|n| {
            let points = n.losses.iter().enumerate();
            let points = points
                .filter(|(_, l)| (1e-12..=1e12).contains(*l))
                .map(|(i, l)| ((i + 1) as f64, l.log10()))
                .collect();
            (n.name.as_str(), points)
        })
        .collect();
    let all = || curves.iter().flat_map(|(_, c)| c.iter().copied());
    let epochs = all().map(|p| p.0).fold(2.0, f64::max).min(1e9);
    let lo = all().map(|p| p.1).fold(f64::INFINITY, f64::min);
    let hi = all().map(|p| p.1).fold(f64::NEG_INFINITY, f64::max);
    let (lo, hi) = if lo <= hi {
        (lo - 0.08, hi + 0.08)
    } else {
        (-1.0, 1.0)
    };
    stage::draw("losses", SIZE, |area| {
        let (left, top, right, bottom) = RECT;
        let frame = Frame {
            rect: RECT,
            x: (1.0, epochs),
            y: (lo, hi),
        };
        let to_pixels = |p: &(f64, f64)| frame.place(p);
        frame.axes(area, &stage::ticks(1.0, epochs, 8), &round_logs(lo, hi))?;
        let middle = ((left + right) / 2.0, bottom + 34.0);
        stage::write(area, "epoch", middle, stage::font(12.0, stage::INK, MIDDLE))?;
        let style = stage::font(11.0, stage::MUTED, LEFT);
        stage::write(area, "training loss", (left - 46.0, top - 14.0), style)?;
        let wanted: Vec<Wanted> = curves
            .iter()
            .map(|(name, points)| Wanted {
                text: (*name).to_owned(),
                path: points.iter().map(to_pixels).collect(),
                above: true,
            })
            .collect();
        let places = place(&wanted, &[], RECT, 12.0);
        for (index, (want, placed)) in wanted.iter().zip(places).enumerate() {
            let Some(placed) = placed else { continue };
            let pen = stage::pen(stage::INK, 1.5);
            match DASHES[index % DASHES.len()] {
                None => stage::line(area, &want.path, pen)?,
                Some(dash) => stage::dashed(area, &want.path, dash, pen)?,
            }
            let end = placed.leader_end();
            stage::line(area, &[placed.dot, end], stage::pen(stage::MUTED, 0.75))?;
            stage::dot(area, placed.dot, 2.0, stage::INK, false)?;
            let side = if placed.ends { RIGHT } else { LEFT };
            let style = stage::font(12.0, stage::INK, side);
            stage::write(area, &want.text, placed.anchor, style)?;
        }
        Ok(())
    })
}

/// Logarithms of 1, 2, 5 times powers of ten inside the range, labelled by
/// their numbers; powers only if the range is wide.
fn round_logs(lo: f64, hi: f64) -> Vec<(f64, String)> {
    let digits: &[u32] = if hi - lo > 2.5 { &[1] } else { &[1, 2, 5] };
    (-12..=12)
        .flat_map(|e| digits.iter().map(move |d| (e, *d)))
        .map(|(e, d)| (f64::from(d).log10() + f64::from(e), power_text(d, e)))
        .filter(|(y, _)| (lo..=hi).contains(y))
        .collect()
}

/// `digit · 10^exponent` as a decimal, or with an exponent where that is long.
fn power_text(digit: u32, exponent: i32) -> String {
    let size = usize::try_from(exponent.unsigned_abs()).unwrap_or(usize::MAX);
    match exponent {
        0..5 => format!("{digit}{}", "0".repeat(size)),
        -4..0 => format!("0.{}{digit}", "0".repeat(size - 1)),
        _ => format!("{digit}e{exponent}"),
    }
}
