//! `multistep analyze` and `multistep region`: arguments and output.
//!
//! With `json`, one object per result goes to the writer and nothing else does.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use rayon::prelude::*;
use serde::Serialize;

use crate::exact::rational;
use crate::exact::sturm::RealRoot;
use crate::multistep::analyze::Bound;
use crate::multistep::methods_csv::{self, read_limited};
use crate::multistep::optimum::least_parasitic_modulus;
use crate::multistep::plane_family::PlaneFamily;
use crate::multistep::region::{Closure, End};
use crate::multistep::{
    self, Kind, LinearMultistep, ParametricFamily, Region, by_name, family, parametric,
};

/// Methods analysed at a time.
const BLOCK: usize = 256;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input is bad or cannot be analysed.
    #[error(transparent)]
    Multistep(#[from] multistep::Error),
    /// Results cannot be written.
    #[error("writing results: {0}")]
    Write(#[from] io::Error),
    /// A result cannot be encoded.
    #[error("encoding a result: {0}")]
    Json(#[from] serde_json::Error),
    /// The drawing failed.
    #[error("drawing {}: {problem}", path.display())]
    Svg {
        /// The file.
        path: PathBuf,
        /// What the drawing library said.
        problem: String,
    },
    /// Options for several parameters, a family in one.
    #[error("--cells and --resolution are for families in two or three parameters")]
    OneParameter,
    /// Nothing can be said about products of this family on this interval.
    #[error(
        "family `{family}`: a pole in the interval, an empty interval, more than 12 steps, or coefficients that do not add up to 1"
    )]
    Layers {
        /// The family.
        family: String,
    },
    /// A model cannot be read.
    #[error(transparent)]
    Model(#[from] crate::network::file::Error),
    /// A certificate cannot be made or encoded.
    #[error(transparent)]
    Certificate(#[from] crate::certificate::Error),
    /// A certificate cannot be made of a result.
    #[error(transparent)]
    Evidence(#[from] crate::certificate::write::Error),
    /// There is no certificate of this kind of result.
    #[error("no certificate of {what}: {why}")]
    NoCertificate {
        /// of what
        what: String,
        /// why not
        why: &'static str,
    },
    /// The checker does not accept a certificate that was about to be written.
    #[error("{}: not written, the checker says: {source}", path.display())]
    Rejected {
        /// the file
        path: PathBuf,
        /// what the checker says
        source: Box<crate::check::Rejection>,
    },
    /// A file cannot be written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Arguments of `multistep analyze`.
#[derive(Debug, Clone, Args)]
#[command(group(ArgGroup::new("method").required(true).args(["alpha", "name", "file", "model"])))]
pub struct AnalyzeArgs {
    /// Coefficients alpha_0 … alpha_k: integers, decimals or fractions, separated by spaces
    #[arg(
        long,
        value_name = "LIST",
        allow_hyphen_values = true,
        requires = "beta"
    )]
    pub alpha: Option<String>,
    /// Coefficients beta_0 … beta_k
    #[arg(
        long,
        value_name = "LIST",
        allow_hyphen_values = true,
        requires = "alpha"
    )]
    pub beta: Option<String>,
    /// The coefficients are for y'' = f instead of y' = f
    #[arg(long, requires = "alpha")]
    pub second_order: bool,
    /// A named method, for example ab3, bdf6, leapfrog, "zerosnet(-9/5)"
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub name: Option<String>,
    /// A table with the columns name, kind, alpha, beta
    #[arg(long, value_name = "CSV")]
    pub file: Option<PathBuf>,
    /// A model: the recurrence of each ODE block with its coefficients as stored, then the chain
    #[arg(long, value_name = "MODEL")]
    pub model: Option<PathBuf>,
    /// Order, error constants and root condition only: for long tables
    #[arg(long, conflicts_with = "model")]
    pub brief: bool,
    /// Write certificates of each method: root condition, power bounds, stability on the real axis
    #[arg(long, value_name = "DIR", conflicts_with_all = ["model", "brief"])]
    pub certificates: Option<PathBuf>,
    /// Draw the roots and the set of absolute stability of one method
    #[arg(long, value_name = "FILE", conflicts_with_all = ["model", "brief", "file"])]
    pub svg: Option<PathBuf>,
}

/// Arguments of `multistep region`.
#[derive(Debug, Clone, Args)]
pub struct RegionArgs {
    /// zerosnet, lm-resnet, momentum, theta, three-step, or a TOML file with parameter(s), alpha and beta
    #[arg(value_name = "FAMILY")]
    pub family: PathBuf,
    /// Draw the largest parasitic modulus over the parameter, or the cells of two or three parameters
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Two and three parameters: write every cell with its verdict, one JSON array per line
    #[arg(long, value_name = "FILE")]
    pub cells: Option<PathBuf>,
    /// Two and three parameters: the largest undecided share of the box
    #[arg(long, value_name = "SHARE")]
    pub resolution: Option<String>,
    /// Write a certificate of the region
    #[arg(long, value_name = "FILE")]
    pub certificate: Option<PathBuf>,
}

/// Runs `multistep analyze`.
///
/// # Errors
///
/// [`Error`].
pub fn analyze(args: &AnalyzeArgs, json: bool, out: &mut dyn Write) -> Result<(), Error> {
    if let Some(path) = &args.model {
        return super::multistep_model::analyze(path, json, out);
    }
    if args.brief {
        for block in methods(args)?.chunks(BLOCK) {
            let done: Vec<_> = block.par_iter().map(multistep::decide).collect();
            for found in done {
                if json {
                    serde_json::to_writer(&mut *out, &found)?;
                    writeln!(out)?;
                } else {
                    let order = found
                        .order
                        .map_or_else(|| "none".to_owned(), |p| p.to_string());
                    writeln!(
                        out,
                        "{}: order {order}, {}, roots in/on/out {}",
                        found.name, found.strong, found.roots_in_on_out
                    )?;
                }
            }
        }
        return Ok(());
    }
    let list = methods(args)?;
    if let Some(folder) = &args.certificates {
        let single = list.len() == 1;
        let each = |(i, method): (usize, &LinearMultistep)| {
            let number = if single { 0 } else { i + 1 };
            let written = super::multistep_certificates::of_method(method, number, folder)?;
            for what in written.missing {
                tracing::info!("{}: no certificate of {what}", method.name());
            }
            Ok(written.files.len())
        };
        let counts: Result<Vec<usize>, Error> = list.par_iter().enumerate().map(each).collect();
        let total: usize = counts?.into_iter().sum();
        tracing::info!("{total} certificates in {}", folder.display());
    }
    // In blocks: all threads work, and output starts before a long table is done.
    for block in list.chunks(BLOCK) {
        let done: Vec<_> = block.par_iter().map(multistep::analyze).collect();
        for (method, analysis) in block.iter().zip(done) {
            let analysis = analysis?;
            if let Some(path) = &args.svg {
                let drawing = super::multistep_picture::draw(method, &analysis);
                write_beside(path, drawing.as_bytes())?;
            }
            if json {
                serde_json::to_writer(&mut *out, &analysis)?;
                writeln!(out)?;
            } else {
                write!(out, "{analysis}")?;
            }
        }
    }
    Ok(())
}

fn methods(args: &AnalyzeArgs) -> Result<Vec<LinearMultistep>, multistep::Error> {
    if let Some(path) = &args.file {
        return methods_csv::read(path);
    }
    if let Some(name) = &args.name {
        return Ok(vec![by_name(name)?]);
    }
    let list = |option: &'static str, text: &Option<String>| {
        rational::parse_list(text.as_deref().unwrap_or_default()).map_err(|source| {
            multistep::Error::Number {
                place: format!("--{option}"),
                source,
            }
        })
    };
    let (alpha, beta) = (list("alpha", &args.alpha)?, list("beta", &args.beta)?);
    let kind = if args.second_order {
        Kind::Second
    } else {
        Kind::First
    };
    Ok(vec![LinearMultistep::new("given", kind, alpha, beta)?])
}

#[derive(Serialize)]
struct RegionRecord {
    family: String,
    parameter: String,
    kind: Kind,
    region: String,
    pieces: Vec<PieceRecord>,
    critical_points: Vec<Bound>,
    undecided_points: Vec<Bound>,
    optimum: Option<OptimumRecord>,
}

#[derive(Serialize)]
struct PieceRecord {
    lower: Bound,
    lower_closure: Closure,
    upper: Bound,
    upper_closure: Closure,
}

#[derive(Serialize)]
struct OptimumRecord {
    parameter: String,
    max_parasitic_modulus: String,
}

/// Runs `multistep region`.
///
/// # Errors
///
/// [`Error`].
pub fn region(args: &RegionArgs, json: bool, out: &mut dyn Write) -> Result<(), Error> {
    let family = match find_family(&args.family)? {
        Found::Line(family) => family,
        Found::Plane(family) => return super::multistep_cells::region(family, args, json, out),
    };
    if args.cells.is_some() || args.resolution.is_some() {
        return Err(Error::OneParameter);
    }
    let set = multistep::region(&family)?;
    let best = least_parasitic_modulus(&family);
    if let Some(path) = &args.certificate {
        super::multistep_certificates::of_line(&family, path)?;
    }
    if let Some(path) = &args.svg {
        write_beside(
            path,
            super::multistep_svg::draw(&family, &set, best.as_ref())
                .map_err(|problem| Error::Svg {
                    path: path.clone(),
                    problem,
                })?
                .as_bytes(),
        )?;
    }
    let record = RegionRecord {
        family: family.name().to_owned(),
        parameter: family.parameter().to_owned(),
        kind: family.kind(),
        region: set.in_words(family.parameter()),
        pieces: pieces(&set),
        critical_points: set.critical.iter().map(Bound::of).collect(),
        undecided_points: set.undecided.iter().map(Bound::of).collect(),
        optimum: best.map(|o| OptimumRecord {
            parameter: o.parameter.to_string(),
            max_parasitic_modulus: o.modulus.to_string(),
        }),
    };
    if json {
        serde_json::to_writer(&mut *out, &record)?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(out, "{}: zero-stable iff {}", record.family, record.region)?;
    let list = |points: &[Bound]| {
        points
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    };
    if !record.critical_points.is_empty() {
        writeln!(
            out,
            "  can change only at {}",
            list(&record.critical_points)
        )?;
    }
    if !record.undecided_points.is_empty() {
        writeln!(out, "  not decided at {}", list(&record.undecided_points))?;
    }
    if let Some(o) = &record.optimum {
        writeln!(
            out,
            "  largest parasitic modulus is least at {} = {}: {}",
            record.parameter, o.parameter, o.max_parasitic_modulus
        )?;
    }
    Ok(())
}

pub(super) enum Found {
    Line(ParametricFamily),
    Plane(PlaneFamily),
}

pub(super) fn find_family(argument: &Path) -> Result<Found, multistep::Error> {
    if let Some(name) = argument.to_str() {
        if let Some(family) = family::parametric_by_name(name) {
            return Ok(Found::Line(family));
        }
        if let Some(family) = PlaneFamily::by_name(name) {
            return Ok(Found::Plane(family));
        }
    }
    let bytes = read_limited(argument, parametric::MAX_FILE)?;
    let text = String::from_utf8(bytes).map_err(|_| multistep::Error::FamilyFile {
        path: argument.to_owned(),
        problem: Box::new(parametric::Problem::Encoding),
    })?;
    // A file with the key `parameters` is one of several parameters.
    let several = toml::from_str::<toml::Table>(&text).is_ok_and(|t| t.contains_key("parameters"));
    if several {
        PlaneFamily::from_toml(&text, argument).map(Found::Plane)
    } else {
        ParametricFamily::from_toml(&text, argument).map(Found::Line)
    }
}

fn pieces(set: &Region) -> Vec<PieceRecord> {
    let side = |end: &End, infinite: &str| match end {
        End::Infinite => (Bound::Exact(infinite.to_owned()), Closure::Open),
        End::At(x, closure) => (Bound::of(x), *closure),
    };
    let record = |piece: &multistep::region::Piece| {
        let (lower, lower_closure) = side(&piece.lo, "-inf");
        let (upper, upper_closure) = side(&piece.hi, "inf");
        PieceRecord {
            lower,
            lower_closure,
            upper,
            upper_closure,
        }
    };
    set.pieces.iter().map(record).collect()
}

/// Writes a file beside its target and renames it, so that the target is whole or absent.
pub(super) fn write_beside(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let failed = |source| Error::File {
        path: path.to_owned(),
        source,
    };
    crate::atomic::write(path, bytes).map_err(failed)
}

/// The position of a critical point for drawing.
pub(super) fn approximate(x: &RealRoot) -> f64 {
    let mut x = x.clone();
    x.refine_to(&rational::Rational::from((1, 1_u64 << 40)));
    x.lo().to_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none() -> AnalyzeArgs {
        AnalyzeArgs {
            alpha: None,
            beta: None,
            second_order: false,
            name: None,
            file: None,
            model: None,
            brief: false,
            certificates: None,
            svg: None,
        }
    }

    fn json(args: &AnalyzeArgs) -> serde_json::Value {
        let mut out = Vec::new();
        analyze(args, true, &mut out).expect("analysed");
        serde_json::from_slice(&out).expect("one object")
    }

    #[test]
    fn coefficients_and_names_agree() {
        let given = AnalyzeArgs {
            alpha: Some("\u{2212}1 0 1".into()),
            beta: Some("0, 2, 0".into()),
            ..none()
        };
        let named = AnalyzeArgs {
            name: Some("leapfrog".into()),
            ..none()
        };
        let (a, b) = (json(&given), json(&named));
        assert_eq!(a["name"], "given");
        for key in [
            "order",
            "error_constant",
            "zero_stable",
            "strong",
            "roots",
            "roots_in_on_out",
            "alpha",
        ] {
            assert_eq!(a[key], b[key], "{key}");
        }
        assert_eq!(a["strong"], "weak");
        assert_eq!(a["roots"][0]["re"], serde_json::json!(["-1", "-1"]));
        assert_eq!(a["absolute_stability_interval"], serde_json::json!([]));
    }

    #[test]
    fn region_record_and_drawing() {
        let folder = tempfile::tempdir().expect("a folder");
        let svg = folder.path().join("z.svg");
        let args = RegionArgs {
            family: "zerosnet".into(),
            svg: Some(svg.clone()),
            cells: None,
            resolution: None,
            certificate: None,
        };
        let mut out = Vec::new();
        region(&args, true, &mut out).expect("decided");
        let record: serde_json::Value = serde_json::from_slice(&out).expect("one object");
        assert_eq!(record["region"], "lambda <= -1 or lambda > 1/3");
        assert_eq!(record["pieces"][0]["upper"], "-1");
        assert_eq!(record["pieces"][0]["upper_closure"], "closed");
        assert_eq!(record["pieces"][1]["lower_closure"], "open");
        assert_eq!(record["optimum"]["parameter"], "-9/5");
        let drawing = std::fs::read_to_string(&svg).expect("written");
        assert!(drawing.starts_with("<svg") && drawing.contains("lambda"));
    }

    #[test]
    fn plane_record_cells_and_drawing() {
        let folder = tempfile::tempdir().expect("a folder");
        let (svg, list) = (folder.path().join("p.svg"), folder.path().join("p.jsonl"));
        let args = RegionArgs {
            family: "three-step".into(),
            svg: Some(svg.clone()),
            cells: Some(list.clone()),
            resolution: Some("1/50".into()),
            certificate: None,
        };
        let mut out = Vec::new();
        region(&args, true, &mut out).expect("decided");
        let record: serde_json::Value = serde_json::from_slice(&out).expect("one object");
        assert_eq!(record["eliminated"]["b0"], "1/2*a1 + 3/2");
        let share = |key: &str| rational::parse(record[key].as_str().expect(key)).expect(key);
        let inner = share("inner_share");
        // The stable triangle is a sixth of the box.
        let sixth = rational::Rational::from((1, 6));
        let sum = share("undecided_share") + &inner;
        assert!(inner < sixth && sum > sixth);
        let drawing = std::fs::read_to_string(&svg).expect("written");
        assert!(drawing.starts_with("<svg") && drawing.contains("ZeroSNet"));
        let lines = std::fs::read_to_string(&list).expect("written");
        let total = record["cells"]["inner"].as_u64().expect("a count")
            + record["cells"]["outer"].as_u64().expect("a count")
            + record["cells"]["undecided"].as_u64().expect("a count");
        assert_eq!(lines.lines().count() as u64, total);
    }

    #[test]
    fn bad_input_is_an_error_with_a_place() {
        let bad = AnalyzeArgs {
            alpha: Some("-1 x".into()),
            beta: Some("1 0".into()),
            ..none()
        };
        let message = analyze(&bad, true, &mut Vec::new())
            .expect_err("bad")
            .to_string();
        assert_eq!(
            message,
            "--alpha: `x` is not an integer, a decimal or a fraction p/q"
        );
        let missing = RegionArgs {
            family: "/nonexistent.toml".into(),
            svg: None,
            cells: None,
            resolution: None,
            certificate: None,
        };
        assert!(region(&missing, true, &mut Vec::new()).is_err());
    }
}
