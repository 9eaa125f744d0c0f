//! `multistep region` for two and three parameters: record, list of cells, drawing.
//!
//! The drawing needs no colour: zero-stable cells are grey, undecided ones black, all others white.
//! Every grey point is proved zero-stable and every white one proved not to be; of three parameters
//! the slice through the middle of the third interval is drawn.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write;

use serde::Serialize;

use super::multistep::{Error, RegionArgs, write_beside};
use super::multistep_svg::escape;
use crate::exact::{Rational, rational};
use crate::multistep::cells::{Cell, CellRegion, Verdict, cells};
use crate::multistep::plane_family::PlaneFamily;
use crate::multistep::{self, Kind};

#[derive(Serialize)]
struct Record {
    family: String,
    parameters: Vec<String>,
    kind: Kind,
    r#box: Vec<[String; 2]>,
    eliminated: BTreeMap<String, String>,
    boundary: Vec<String>,
    inner_share: String,
    outer_share: String,
    undecided_share: String,
    inner_volume: String,
    undecided_volume: String,
    resolution: String,
    resolution_reached: bool,
    cells: Counts,
}

#[derive(Serialize)]
struct Counts {
    inner: usize,
    outer: usize,
    undecided: usize,
}

/// Decides, writes and draws a family in two or three parameters.
pub(super) fn region(
    mut family: PlaneFamily,
    args: &RegionArgs,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Error> {
    if let Some(text) = &args.resolution {
        let number = |source| multistep::Error::Number {
            place: "--resolution".to_owned(),
            source,
        };
        let share = rational::parse(text).map_err(number)?;
        if share <= 0 {
            return Err(number(rational::Error::Syntax { text: text.clone() }).into());
        }
        family = family.at_resolution(share);
    }
    let found = cells(&family)?;
    if let Some(path) = &args.certificate {
        let certificate = crate::certificate::write_multistep::cells(&family, &found);
        super::multistep_certificates::store(&certificate, path)?;
    }
    if let Some(path) = &args.cells {
        let mut text = String::new();
        for cell in &found.cells {
            let corner: Vec<String> = cell.corner.iter().map(ToString::to_string).collect();
            let corner = corner.join(",");
            let _ = writeln!(text, "[\"{}\",{},{corner}]", word(cell.verdict), cell.level);
        }
        write_beside(path, text.as_bytes())?;
    }
    if let Some(path) = &args.svg {
        write_beside(path, draw(&family, &found).as_bytes())?;
    }
    let record = record(&family, &found);
    if json {
        serde_json::to_writer(&mut *out, &record)?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(
        out,
        "{}: {} parameters",
        record.family,
        record.parameters.len()
    )?;
    for (name, [lo, hi]) in record.parameters.iter().zip(&record.r#box) {
        writeln!(out, "  {lo} <= {name} <= {hi}")?;
    }
    for (name, value) in &record.eliminated {
        writeln!(out, "  {name} = {value}")?;
    }
    for p in &record.boundary {
        writeln!(out, "  boundary: {p} = 0")?;
    }
    let percent = |share: &Rational| 100.0 * share.to_f64();
    let [inner, outer, undecided] = &found.shares;
    writeln!(
        out,
        "  proved zero-stable {:.4} %, proved not {:.4} %, undecided {:.4} % of the box",
        percent(inner),
        percent(outer),
        percent(undecided)
    )?;
    Ok(())
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Inner => "inner",
        Verdict::Outer => "outer",
        Verdict::Undecided => "undecided",
    }
}

fn record(family: &PlaneFamily, found: &CellRegion) -> Record {
    let (lo, hi) = family.corners();
    let volume = lo
        .iter()
        .zip(hi)
        .fold(Rational::from(1), |v, (a, b)| v * Rational::from(b - a));
    let count = |verdict| found.cells.iter().filter(|c| c.verdict == verdict).count();
    let names = family.parameters();
    let quotient = |value: &crate::exact::MRatFunc| {
        let num = value.num().in_words(names);
        match value.den().as_constant() {
            Some(one) if one == 1 => num,
            _ => format!("({num})/({})", value.den().in_words(names)),
        }
    };
    let boundary = found.boundary.iter().filter(|p| p.as_constant().is_none());
    Record {
        family: family.name().to_owned(),
        parameters: names.to_vec(),
        kind: family.kind(),
        r#box: lo
            .iter()
            .zip(hi)
            .map(|(a, b)| [a.to_string(), b.to_string()])
            .collect(),
        eliminated: family
            .solved()
            .iter()
            .map(|(name, value)| (name.clone(), quotient(value)))
            .collect(),
        boundary: boundary.map(|p| p.primitive().in_words(names)).collect(),
        inner_share: found.shares[0].to_string(),
        outer_share: found.shares[1].to_string(),
        undecided_share: found.shares[2].to_string(),
        inner_volume: Rational::from(&found.shares[0] * &volume).to_string(),
        undecided_volume: Rational::from(&found.shares[2] * &volume).to_string(),
        resolution: family.resolution().to_string(),
        resolution_reached: found.shares[2] <= *family.resolution(),
        cells: Counts {
            inner: count(Verdict::Inner),
            outer: count(Verdict::Outer),
            undecided: count(Verdict::Undecided),
        },
    }
}

const SIDE: f64 = 560.0;
const LEFT: f64 = 70.0;
const TOP: f64 = 40.0;
/// Cells finer than `2^-10` of the side are drawn at that size.
const FINEST: u32 = 10;

/// The drawing as SVG text.
fn draw(family: &PlaneFamily, found: &CellRegion) -> String {
    let names = family.parameters();
    let record = record(family, found);
    let mut notes: Vec<String> = record
        .boundary
        .iter()
        .map(|p| format!("boundary: {p} = 0"))
        .collect();
    notes.push(format!(
        "proved zero-stable: {} of the box (grey); undecided: {} (black)",
        record.inner_share, record.undecided_share
    ));
    for (name, value) in &record.eliminated {
        notes.push(format!("{name} = {value}"));
    }
    for (i, line) in family.lines().iter().enumerate() {
        notes.push(format!(
            "{}: {}",
            if i == 0 { "dashed line" } else { "line" },
            line.name
        ));
    }
    let third = names.get(2).map(|name| {
        let (lo, hi) = family.corners();
        format!(", slice {name} = {}", Rational::from(&lo[2] + &hi[2]) / 2)
    });
    let height = TOP + SIDE + 70.0 + 18.0 * notes.len() as f64;
    let width = LEFT + SIDE + 30.0;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let title = format!(
        "{}: zero-stable parameters{}",
        family.name(),
        third.unwrap_or_default()
    );
    let _ = writeln!(
        text,
        "<text x=\"{LEFT}\" y=\"24\" font-size=\"16\">{}</text>",
        escape(&title)
    );
    // The undecided cells go over the others, merged to the finest size drawn.
    for (verdict, fill) in [(Verdict::Inner, "#c8c8c8"), (Verdict::Undecided, "black")] {
        let shown: BTreeSet<(u32, u32, u32)> = found
            .cells
            .iter()
            .filter(|c| c.verdict == verdict && in_slice(c))
            .map(|c| {
                let shift = c.level.saturating_sub(FINEST);
                (c.level - shift, c.corner[1] >> shift, c.corner[0] >> shift)
            })
            .collect();
        let _ = write!(
            text,
            "<path fill=\"{fill}\" shape-rendering=\"crispEdges\" d=\""
        );
        let mut run: Option<(u32, u32, u32, u32)> = None;
        let mut flush = |run: Option<(u32, u32, u32, u32)>| {
            if let Some((level, y, from, to)) = run {
                let unit = SIDE / f64::from(1_u32 << level);
                let (x0, y0) = (
                    LEFT + unit * f64::from(from),
                    TOP + SIDE - unit * f64::from(y + 1),
                );
                let w = unit * f64::from(to - from);
                let _ = write!(text, "M{x0:.2} {y0:.2}h{w:.2}v{unit:.2}h-{w:.2}z");
            }
        };
        for (level, y, x) in shown {
            run = match run {
                Some((l, r, from, to)) if (l, r, to) == (level, y, x) => Some((l, r, from, x + 1)),
                other => {
                    flush(other);
                    Some((level, y, x, x + 1))
                }
            };
        }
        flush(run);
        text.push_str("\"/>\n");
    }
    lines(family, &mut text);
    axes(family, &mut text);
    for (i, note) in notes.iter().enumerate() {
        let y = TOP + SIDE + 62.0 + 18.0 * i as f64;
        let _ = writeln!(
            text,
            "<text x=\"20\" y=\"{y}\" font-size=\"12\">{}</text>",
            escape(note)
        );
    }
    text.push_str("</svg>\n");
    text
}

/// Whether a cell meets the middle of the third interval from above.
fn in_slice(cell: &Cell) -> bool {
    cell.corner.get(2).is_none_or(|&z| {
        if cell.level == 0 {
            true
        } else {
            z == 1 << (cell.level - 1)
        }
    })
}

fn place(family: &PlaneFamily, x: f64, y: f64) -> (f64, f64) {
    let (lo, hi) = family.corners();
    let part = |v: f64, i: usize| (v - lo[i].to_f64()) / (hi[i].to_f64() - lo[i].to_f64());
    (LEFT + SIDE * part(x, 0), TOP + SIDE * (1.0 - part(y, 1)))
}

/// The family's curves, sampled.
fn lines(family: &PlaneFamily, text: &mut String) {
    const SAMPLES: u32 = 400;
    let (lo, hi) = family.corners();
    for line in family.lines() {
        let mut path = String::new();
        let mut pen = false;
        for i in 0..=SAMPLES {
            let part = Rational::from((i, SAMPLES));
            let t = Rational::from(&line.range[1] - &line.range[0]) * part + &line.range[0];
            let point: Option<Vec<Rational>> = line.point.iter().map(|f| f.eval(&t)).collect();
            let inside = point.filter(|p| {
                p.iter()
                    .zip(lo.iter().zip(hi))
                    .all(|(x, (a, b))| x >= a && x <= b)
            });
            if let Some(p) = inside {
                let (x, y) = place(family, p[0].to_f64(), p[1].to_f64());
                let _ = write!(path, "{}{x:.2} {y:.2}", if pen { "L" } else { "M" });
                pen = true;
            } else {
                pen = false;
            }
        }
        let _ = writeln!(
            text,
            "<path fill=\"none\" stroke=\"black\" stroke-width=\"1.5\" stroke-dasharray=\"7 4\" d=\"{path}\"/>"
        );
    }
}

fn axes(family: &PlaneFamily, text: &mut String) {
    let (lo, hi) = family.corners();
    let names = family.parameters();
    let _ = writeln!(
        text,
        "<rect x=\"{LEFT}\" y=\"{TOP}\" width=\"{SIDE}\" height=\"{SIDE}\" fill=\"none\" stroke=\"black\"/>"
    );
    for i in 0..=4_u32 {
        let part = Rational::from((i, 4_u32));
        let at = |v: usize| Rational::from(&hi[v] - &lo[v]) * &part + &lo[v];
        let step = SIDE * f64::from(i) / 4.0;
        let (x, y) = (LEFT + step, TOP + SIDE - step);
        let below = TOP + SIDE;
        let _ = writeln!(
            text,
            "<path stroke=\"black\" d=\"M{x} {below}v5M{LEFT} {y}h-5\"/><text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{}</text><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            below + 19.0,
            at(0),
            LEFT - 8.0,
            y + 4.0,
            at(1)
        );
    }
    let _ = writeln!(
        text,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\" font-style=\"italic\">{}</text><text x=\"18\" y=\"{}\" font-style=\"italic\">{}</text>",
        LEFT + SIDE / 2.0,
        TOP + SIDE + 38.0,
        escape(&names[0]),
        TOP + SIDE / 2.0,
        escape(&names[1])
    );
}
