//! The drawing of `multistep region`: the largest parasitic modulus over the parameter, the
//! zero-stable set shaded. The curve is sampled from enclosures; the shaded set is exact up to the
//! drawing's resolution. No colour carries meaning, so it prints in black and white.

use plotters::prelude::*;
use plotters::style::FontTransform;

use super::multistep::approximate;
use crate::exact::{Rational, rational};
use crate::multistep::analyze::max_parasitic;
use crate::multistep::optimum::Optimum;
use crate::multistep::region::End;
use crate::multistep::roots::enclose;
use crate::multistep::{ParametricFamily, Region, RootCondition};

const SIZE: (u32, u32) = (760, 420);
const SAMPLES: i32 = 480;
/// Moduli above this are cut off.
const TOP: f64 = 2.0;

/// The drawing as SVG text; the error is what the drawing library said.
pub(super) fn draw(
    family: &ParametricFamily,
    set: &Region,
    best: Option<&Optimum>,
) -> Result<String, String> {
    let (left, right) = range(set);
    let curves = curves(family, left, right);
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        paint(&area, family, set, best, (left, right), &curves).map_err(|e| e.to_string())?;
    }
    Ok(text)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Failure<'a> = DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>;

fn paint<'a>(
    area: &Area<'a>,
    family: &ParametricFamily,
    set: &Region,
    best: Option<&Optimum>,
    (left, right): (f64, f64),
    curves: &[Vec<(f64, f64)>],
) -> Result<(), Failure<'a>> {
    area.fill(&WHITE)?;
    let title = format!(
        "{}: zero-stable iff {}",
        family.name(),
        set.in_words(family.parameter())
    );
    let mut chart = ChartBuilder::on(area)
        .caption(
            title,
            ("sans-serif", 16)
                .into_font()
                .transform(FontTransform::None),
        )
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(52)
        .build_cartesian_2d(left..right, 0.0..TOP)?;
    let shade = RGBColor(216, 216, 216);
    for piece in &set.pieces {
        let at = |end: &End, infinite: f64| match end {
            End::Infinite => infinite,
            End::At(x, _) => approximate(x).clamp(left, right),
        };
        let corners = [(at(&piece.lo, left), 0.0), (at(&piece.hi, right), TOP)];
        chart.draw_series([Rectangle::new(corners, shade.filled())])?;
    }
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc(family.parameter())
        .y_desc("largest parasitic modulus")
        .draw()?;
    chart.draw_series(DashedLineSeries::new(
        [(left, 1.0), (right, 1.0)],
        6,
        4,
        BLACK.stroke_width(1),
    ))?;
    for curve in curves {
        chart.draw_series(LineSeries::new(
            curve.iter().copied(),
            BLACK.stroke_width(2),
        ))?;
    }
    if let Some(best) = best {
        let (x, y) = (best.parameter.to_f64(), best.modulus.to_f64());
        chart.draw_series([Circle::new((x, y), 4, BLACK.stroke_width(2))])?;
        let text = format!(
            "least: {} at {} = {}",
            best.modulus,
            family.parameter(),
            best.parameter
        );
        let style = ("sans-serif", 13)
            .into_font()
            .transform(FontTransform::None);
        let below = (x, (y - 0.07).max(0.12));
        chart.draw_series([Text::new(text, below, style)])?;
    }
    area.present()
}

/// From left of the first critical point to right of the last, at least ±2 wide.
fn range(set: &Region) -> (f64, f64) {
    let points = set.critical.iter().map(approximate);
    let (lo, hi) = points.fold((-1.0_f64, 1.0_f64), |(a, b), x| (a.min(x), b.max(x)));
    let margin = (hi - lo).clamp(1.0, 1e6);
    (lo - margin, hi + margin)
}

/// Connected runs of sampled points below [`TOP`].
fn curves(family: &ParametricFamily, left: f64, right: f64) -> Vec<Vec<(f64, f64)>> {
    let mut runs = vec![Vec::new()];
    for i in 0..=SAMPLES {
        let x = left + (right - left) * f64::from(i) / f64::from(SAMPLES);
        match rational::from_f64(x).ok().and_then(|l| modulus(family, &l)) {
            Some(y) if y <= TOP => runs.last_mut().expect("never empty").push((x, y)),
            _ => runs.push(Vec::new()),
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

fn modulus(family: &ParametricFamily, l: &Rational) -> Option<f64> {
    let method = family.at(l).ok()?;
    let condition = RootCondition::of(&method.rho(), method.kind());
    let roots = enclose(&condition, method.name()).ok()?;
    // Without other roots the recurrence has modulus 0.
    Some(max_parasitic(&roots).map_or(0.0, |m| m.hi_f64()))
}

/// Text for SVG.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
