//! The table of the terminal.

use std::fmt::Write;

use super::columns::{Column, Side, discretisations, guarantees, robustness};
use super::{Report, number};

/// Widest line.
const WIDTH: usize = 100;
/// Widest cell; longer text is cut and ends in `…`.
const CELL: usize = 30;
/// Between columns.
const GAP: &str = "  ";

/// The report's tables as aligned plain text, at most 100 columns wide.
///
/// The numbers are those of [`render`](super::render). Control characters in
/// names are replaced, so a hostile name cannot steer the terminal.
///
/// **Semantics and evidence.** Named in the third line of each heading.
pub fn table(report: &Report) -> String {
    let mut out = format!(
        "{}: {} semantics; ε = {} in {}\n",
        clean(&report.data.name),
        report.semantics,
        number::plain(report.epsilon),
        clean(&report.norm),
    );
    if report.networks.is_empty() {
        out.push_str("no networks\n");
        return out;
    }
    let groups = [
        ("Robust accuracy", robustness(report)),
        ("Guarantees", guarantees(report)),
        ("Discretisations", discretisations(report)),
    ];
    for (title, columns) in &groups {
        let _ = write!(out, "\n{title}\n");
        blocks(report, columns, &mut out);
    }
    out
}

/// Writes as many columns side by side as fit, then the next block.
fn blocks(report: &Report, columns: &[Column], out: &mut String) {
    let mut names = vec![String::new(), String::new(), "network".to_owned()];
    names.extend(report.networks.iter().map(|n| clean(&n.name)));
    let texts: Vec<Vec<String>> = columns.iter().map(lines).collect();
    let first = width(&names);
    let mut start = 0;
    while start < texts.len() {
        let mut used = first;
        let mut end = start;
        while end < texts.len() {
            let more = GAP.len() + width(&texts[end]);
            // at least one column per block, so that this ends
            if end > start && used + more > WIDTH {
                break;
            }
            used += more;
            end += 1;
        }
        for (row, name) in names.iter().enumerate() {
            let mut line = pad(name, first, false);
            for (column, text) in columns[start..end].iter().zip(&texts[start..end]) {
                line.push_str(GAP);
                line.push_str(&pad(&text[row], width(text), !column.words));
            }
            out.push_str(line.trim_end());
            out.push('\n');
            if row == 2 {
                out.push_str(&"─".repeat(used));
                out.push('\n');
            }
        }
        start = end;
        if start < texts.len() {
            out.push('\n');
        }
    }
}

/// Heading and cells of a column.
fn lines(column: &Column) -> Vec<String> {
    let bound = match column.side {
        Side::AtLeast => " ≥",
        Side::AtMost => " ≤",
        Side::Value => "",
    };
    let evidence = column.evidence.map_or_else(String::new, |e| e.to_string());
    let mut out = vec![
        clean(&column.head),
        clean(&column.sub),
        format!("{evidence}{bound}"),
    ];
    out.extend(column.cells.iter().map(|c| clean(&c.text)));
    out
}

fn width(texts: &[String]) -> usize {
    texts.iter().map(|t| t.chars().count()).max().unwrap_or(0)
}

fn pad(text: &str, width: usize, right: bool) -> String {
    if right {
        format!("{text:>width$}")
    } else {
        format!("{text:<width$}")
    }
}

/// Without control characters and no longer than a cell.
fn clean(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if text.chars().count() <= CELL {
        return text;
    }
    text.chars().take(CELL - 1).chain(['…']).collect()
}
