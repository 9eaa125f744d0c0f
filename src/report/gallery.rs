//! The gallery: image, closest attack, their difference, and a ruler from the
//! proved radius to the attack's distance.

use maud::{Markup, PreEscaped, html};

use super::number::{Toward, fixed};
use super::pixels::{difference, image_svg, largest_change};
use super::{Report, Tile};

/// Width of an image in pixels.
const IMAGE: u32 = 74;
/// Width of a ruler.
const RULER: f64 = 238.0;

/// All tiles, those of one network together.
pub(super) fn gallery(report: &Report) -> Markup {
    let gain = gain(&report.gallery);
    let longest = report
        .gallery
        .iter()
        .flat_map(|t| {
            t.certified_radius
                .into_iter()
                .chain(t.attack.as_ref().map(|a| a.distance))
        })
        .filter(|d| d.is_finite())
        .fold(0.0, f64::max);
    let mut names: Vec<&str> = Vec::new();
    for tile in &report.gallery {
        if !names.contains(&tile.network.as_str()) {
            names.push(&tile.network);
        }
    }
    html! {
        p {
            "For each image: the image, the closest attack found, and the attack’s change times "
            (gain) " (mid-grey: unchanged). The ruler below starts at distance 0 and is common to all images, "
            "up to " (fixed(longest, 4, Toward::Up)) " in " (report.norm)
            ". Nearer than the end of the solid bar, no image is classified differently (proved); "
            "at the tick, the attack is (" (report.attack_evidence) "). What lies between is undecided (hatched)."
        }
        @for name in names {
            h3 { (name) }
            ul.gallery {
                @for tile in report.gallery.iter().filter(|t| t.network == name) {
                    (card(report, tile, gain, longest))
                }
            }
        }
    }
}

fn card(report: &Report, tile: &Tile, gain: u32, longest: f64) -> Markup {
    let label = format!(
        "Image {} of class {}, classified as {}",
        tile.index, tile.label, tile.predicted
    );
    html! {
        li {
            div.images {
                (picture(&label, image_svg(&tile.original, IMAGE)))
                @if let Some(attack) = &tile.attack {
                    @let described = format!("Attacked image, classified as {}", attack.predicted);
                    (picture(&described, image_svg(&attack.image, IMAGE)))
                    @let change = difference(&tile.original, &attack.image, gain as f32);
                    (picture("The attack’s change, amplified", image_svg(&change, IMAGE)))
                } @else {
                    p.none { "no attack found" }
                }
            }
            (ruler(tile, longest))
            p.line {
                span.index { "№ " (tile.index) }
                " class " b { (tile.label) }
                @if tile.predicted == tile.label { " recognised" } @else { ", taken for " b { (tile.predicted) } }
                @if let Some(attack) = &tile.attack { "; attacked: " b { (attack.predicted) } }
            }
            p.line {
                @match tile.certified_radius {
                    Some(radius) => span.proved { "radius ≥ " (fixed(radius, 4, Toward::Down)) },
                    None => span.muted { "not certified" },
                }
                @if let Some(attack) = &tile.attack {
                    " · "
                    span.witness {
                        "attack at " @if report.attack_evidence == super::Evidence::Estimate { "about " } @else { "≤ " }
                        (fixed(attack.distance, 4, Toward::Up))
                    }
                }
            }
        }
    }
}

fn picture(label: &str, svg: String) -> Markup {
    html! { span.picture role="img" aria-label=(label) { (PreEscaped(svg)) } }
}

/// From 0 to the longest distance: solid to the proved radius, hatched to the attack.
fn ruler(tile: &Tile, longest: f64) -> Markup {
    let scale = |d: f64| {
        if longest > 0.0 {
            ((RULER - 2.0) * d / longest).clamp(0.0, RULER - 2.0)
        } else {
            0.0
        }
    };
    let solid = scale(tile.certified_radius.unwrap_or(0.0));
    let attack = tile.attack.as_ref().map(|a| scale(a.distance));
    html! {
        svg.ruler width=(RULER) height="12" viewBox={ "0 0 " (RULER) " 12" } aria-hidden="true" {
            line.axis x1="0" y1="9.5" x2=(RULER) y2="9.5" {}
            @if let Some(attack) = attack {
                rect.open x=(tenth(solid)) y="3" width=(tenth((attack - solid).max(0.0))) height="6" fill="url(#hatch)" {}
                line.tick x1=(tenth(attack)) y1="0" x2=(tenth(attack)) y2="12" {}
            }
            rect.solid x="0" y="3" width=(tenth(solid)) height="6" {}
        }
    }
}

fn tenth(value: f64) -> String {
    format!("{value:.1}")
}

/// One amplification for all tiles: the largest of 1, 2, 5, 10, … that leaves no change cut off.
fn gain(tiles: &[Tile]) -> u32 {
    let largest = tiles
        .iter()
        .filter_map(|t| Some(largest_change(&t.original, &t.attack.as_ref()?.image)))
        .fold(0.0, f32::max);
    [1u32, 2, 5, 10, 20, 50, 100]
        .into_iter()
        .rev()
        .find(|g| *g as f32 * largest <= 1.0)
        .unwrap_or(1)
}
