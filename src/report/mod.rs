//! The report of a run: one self-contained HTML page and one terminal table
//! from the same plain data.
//!
//! Nothing is computed here that could be a claim: the caller passes counts,
//! radii, bounds, exact roots and curves, and this module lays them out.
//!
//! - [`render`] gives the page: no script, no request to any other file, plots
//!   and images as inline SVG, legible in black and white and on paper;
//! - [`table`] gives the table of the terminal, at most 100 columns wide;
//! - [`curves_svg`], [`region_svg`], [`losses_svg`] and [`image_svg`] give the
//!   figures alone.
//!
//! **Semantics and evidence.** Every column names what its numbers cover
//! ([`Semantics`]) and what stands behind them ([`Evidence`]); a column holds
//! one evidence only. Numbers are rounded to the printed digits in the safe
//! direction: a lower bound down, an upper bound up.
//!
//! The same input gives the same bytes: no date, no timing, no random name.

mod columns;
mod curves;
mod gallery;
mod losses;
pub(crate) mod number;
mod page;
mod pixels;
mod placement;
mod region;
mod stage;
mod table;

use serde::{Deserialize, Serialize};

pub use curves::curves_svg;
pub use losses::losses_svg;
pub use page::render;
pub use pixels::image_svg;
pub use region::region_svg;
pub use table::table;

pub use crate::verify::{Evidence, Semantics};

/// Why a figure could not be drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The drawing backend refused.
    #[error("figure `{figure}`: {message}")]
    Plot {
        /// The figure.
        figure: &'static str,
        /// What the backend said.
        message: String,
    },
}

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Title of the page.
    pub title: String,
    /// Version of the program.
    pub version: String,
    /// The command line that gives this report again.
    pub command: String,
    /// Seed of training and attacks.
    pub seed: u64,
    /// Device of training and attacks.
    pub device: String,
    /// The data that the numbers are about.
    pub data: Data,
    /// Semantics of every bound, radius and verdict.
    pub semantics: Semantics,
    /// Evidence of the clean accuracies.
    pub clean_evidence: Evidence,
    /// Evidence of the attacks' accuracies and distances.
    pub attack_evidence: Evidence,
    /// Norm of the headline radius, of the curves and of the gallery, as printed ("L∞").
    pub norm: String,
    /// The headline radius ε in that norm, in the unit of the inputs.
    pub epsilon: f64,
    /// The networks, in the order of the tables.
    pub networks: Vec<Network>,
    /// The zero-stability region of a family of methods.
    pub region: Option<Region>,
    /// Images with their certified radius and closest attack.
    pub gallery: Vec<Tile>,
}

/// A data set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Data {
    /// Its name ("digits").
    pub name: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

/// `hits` of `total` samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Samples that hold.
    pub hits: usize,
    /// Samples looked at.
    pub total: usize,
}

/// Samples still classified correctly under perturbations of norm at most
/// `epsilon`, by one attack (so at most that many are robust) or one bound
/// method (at least that many).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The attack or the bound method ("PGD", "CROWN").
    pub by: String,
    /// The norm, as printed.
    pub norm: String,
    /// The radius ε.
    pub epsilon: f64,
    /// Samples that withstood the attack, or are certified.
    pub correct: Count,
}

/// One network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// The discretisation: name of the ODE method.
    pub method: String,
    /// Number of parameters, if known.
    pub parameters: Option<u64>,
    /// Correct samples without perturbation.
    pub clean: Count,
    /// Attacks, as upper bounds of the robust accuracy.
    pub attacked: Vec<Score>,
    /// Bound methods, as lower bounds of the robust accuracy.
    pub certified: Vec<Score>,
    /// Certified radii over all samples.
    pub radius: Option<Radius>,
    /// Certificates.
    pub certificates: Certificates,
    /// Lipschitz constant end to end.
    pub lipschitz: Option<Lipschitz>,
    /// Root condition of the discretisation.
    pub stability: Option<Stability>,
    /// Accuracy-against-ε curves in the norm of the report.
    pub curves: Vec<Curve>,
    /// Training loss after each epoch; may be empty.
    pub losses: Vec<f64>,
}

/// Certified radii over all samples; a sample that is misclassified or not
/// certified counts with radius 0. Both numbers are proved lower bounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Radius {
    /// The bound method.
    pub by: String,
    /// The norm, as printed.
    pub norm: String,
    /// Mean.
    pub mean: f64,
    /// Median.
    pub median: f64,
}

/// Certificates of one network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificates {
    /// Files written.
    pub written: usize,
    /// Files that the checker accepted.
    pub accepted: usize,
    /// The command line that checks them again; empty if there is none.
    pub command: String,
}

/// Enclosure of a Lipschitz constant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lipschitz {
    /// Norms of input and output, as printed ("L∞ → L∞").
    pub norm: String,
    /// Proved upper bound.
    pub upper: f64,
    /// Lower bound by a pair of inputs, evaluated again with enclosures.
    pub lower: Option<f64>,
}

/// The root condition of a discretisation, decided over the rationals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stability {
    /// Whether it is zero-stable.
    pub zero_stable: bool,
    /// Roots of the first characteristic polynomial ρ, with multiplicity.
    pub roots: Vec<Root>,
    /// Where the method stands in the figure of the family.
    pub place: Place,
}

/// A root of ρ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// The exact value or an enclosure ("-1/3", "0.25 ± 0.43i").
    pub value: String,
    /// Multiplicity.
    pub multiplicity: u32,
}

/// Relation of a method to the family in [`Region`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Place {
    /// A member of the family.
    Member {
        /// The parameter, exactly ("-9/5").
        parameter: String,
        /// The parameter as a position on the axis.
        at: f64,
        /// Largest modulus of a parasitic root.
        modulus: f64,
    },
    /// A one-step method: ρ has the root 1 only.
    OneStep,
    /// Neither.
    Other,
}

/// The zero-stability region of a one-parameter family of methods.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Region {
    /// Name of the family ("ZeroSNet").
    pub family: String,
    /// Name of the parameter ("λ").
    pub parameter: String,
    /// The stable set: disjoint intervals in ascending order (exact).
    pub stable: Vec<Interval>,
    /// (parameter, largest modulus of a parasitic root), one polyline per
    /// continuous branch, parameters ascending; moduli are positive (estimates, for drawing).
    pub branches: Vec<Vec<(f64, f64)>>,
    /// The member with the smallest largest modulus.
    pub optimum: Option<Optimum>,
}

/// An interval of parameters; an absent end is infinite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Left end.
    pub lo: Option<End>,
    /// Right end.
    pub hi: Option<End>,
}

/// An end of an interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// The value, exactly ("1/3").
    pub value: String,
    /// The value as a position on the axis.
    pub at: f64,
    /// Whether the end belongs to the interval.
    pub closed: bool,
}

/// The best member of a family.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Optimum {
    /// The parameter, exactly.
    pub parameter: String,
    /// The parameter as a position on the axis.
    pub at: f64,
    /// The modulus, exactly.
    pub modulus: String,
    /// The modulus as a position on the axis.
    pub height: f64,
}

/// Accuracy against ε.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// The method or the attack.
    pub label: String,
    /// What stands behind it; proved curves lie below the truth, the others above.
    pub evidence: Evidence,
    /// (ε, accuracy in [0, 1]), ε ascending.
    pub points: Vec<(f64, f64)>,
}

/// A greyscale image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Image {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// `height × width` values in [0, 1], row by row; 0 is black.
    pub pixels: Vec<f32>,
}

/// An image of the gallery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tile {
    /// The network; tiles of one network are shown together.
    pub network: String,
    /// Index in the data.
    pub index: usize,
    /// The true label.
    pub label: String,
    /// The network's answer.
    pub predicted: String,
    /// The image.
    pub original: Image,
    /// Proved radius in the norm of the report within which the answer cannot change.
    pub certified_radius: Option<f64>,
    /// The closest attack found.
    pub attack: Option<Attack>,
}

/// An adversarial image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attack {
    /// The image.
    pub image: Image,
    /// The network's answer.
    pub predicted: String,
    /// Distance to the original in the norm of the report.
    pub distance: f64,
}
