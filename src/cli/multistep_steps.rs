//! `multistep variable` (variable-step BDF) and `multistep layers` (coefficients that change from
//! layer to layer): arguments and output.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::multistep::{Error, Found, find_family};
use super::multistep_certificates::{raised, store};
use crate::certificate::write_multistep;
use crate::exact::{MpInterval, Rational, rational};
use crate::multistep::analyze::Number;
use crate::multistep::common_norm::CommonNorm;
use crate::multistep::layers::{ProductBound, bound, products};
use crate::multistep::variable_step::{
    ORDERS, SequenceProof, critical_ratio, prove_sequences, ratio_interval,
};
use crate::multistep::{self, LinearMultistep, by_name};

/// Digits of critical ratios.
const DIGITS: usize = 32;

/// Arguments of `multistep variable`.
#[derive(Debug, Clone, Args)]
pub struct VariableArgs {
    /// bdf2 … bdf6, or an Adams method
    #[arg(value_name = "METHOD")]
    pub method: String,
    /// Prove all sequences of step ratios in LO..HI, or LO.. for the largest HI found (orders 2 to 5)
    #[arg(long, value_name = "LO..HI")]
    pub sequences: Option<String>,
    /// Write certificates: METHOD-constant.json, and METHOD-sequences.json where they are proved
    #[arg(long, value_name = "DIR")]
    pub certificates: Option<PathBuf>,
}

/// Arguments of `multistep layers`.
#[derive(Debug, Clone, Args)]
pub struct LayersArgs {
    /// A family in one parameter: zerosnet, lm-resnet, momentum, or a TOML file
    #[arg(value_name = "FAMILY")]
    pub family: PathBuf,
    /// The interval of the parameter, LO..HI
    #[arg(value_name = "LO..HI", allow_hyphen_values = true)]
    pub interval: String,
    /// Write a certificate of the bound
    #[arg(long, value_name = "FILE")]
    pub certificate: Option<PathBuf>,
}

#[derive(Serialize)]
struct VariableRecord {
    method: String,
    critical_ratio: Option<Number>,
    lower_ratio: Option<Number>,
    sequences: Option<Sequences>,
}

#[derive(Serialize)]
struct Sequences {
    lower: String,
    upper: Option<String>,
    proved: bool,
    /// A bound of all products of companion matrices in the row-sum norm.
    sup_linf: Option<String>,
    norm: Option<Norm>,
    #[serde(skip)]
    proof: Option<SequenceProof>,
}

#[derive(Serialize)]
struct Norm {
    p: Vec<Vec<String>>,
    rate: String,
    boxes: usize,
}

impl Norm {
    fn of(norm: &CommonNorm) -> Self {
        let row = |row: &Vec<Rational>| row.iter().map(ToString::to_string).collect();
        Self {
            p: norm.p.iter().map(row).collect(),
            rate: norm.rate.to_string(),
            boxes: norm.boxes,
        }
    }
}

/// Runs `multistep variable`.
///
/// # Errors
///
/// [`Error`].
pub fn variable(args: &VariableArgs, json: bool, out: &mut dyn Write) -> Result<(), Error> {
    let name = args.method.trim().to_ascii_lowercase();
    let order = name
        .strip_prefix("bdf")
        .and_then(|k| k.parse::<usize>().ok());
    if let Some(method) = adams(&name) {
        return adams_record(&method, args, json, out);
    }
    let interval = order.and_then(|k| Some((k, critical_ratio(k)?)));
    let Some((k, interval)) = interval else {
        return Err(multistep::Error::Argument {
            name: args.method.clone(),
            family: "bdf",
            expected: format!(
                "a number of steps from {} to {}",
                ORDERS.start(),
                ORDERS.end()
            ),
        }
        .into());
    };
    let sequences = match &args.sequences {
        None => None,
        Some(text) => Some(sequences(k, text)?),
    };
    if let Some(folder) = &args.certificates {
        certificates(k, sequences.as_ref(), folder)?;
    }
    let record = VariableRecord {
        method: format!("bdf{k}"),
        critical_ratio: interval.upper.as_ref().map(|x| Number::of(x, DIGITS)),
        lower_ratio: interval.lower.as_ref().map(|x| Number::of(x, DIGITS)),
        sequences,
    };
    if json {
        serde_json::to_writer(&mut *out, &record)?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(out, "{} with variable steps", record.method)?;
    let end = |x: &Option<Number>, none: &str| {
        x.as_ref()
            .map_or_else(|| none.to_owned(), ToString::to_string)
    };
    writeln!(
        out,
        "  constant ratios      from {} to {}",
        end(&record.lower_ratio, "0"),
        end(&record.critical_ratio, "infinity")
    )?;
    if let Some(s) = &record.sequences {
        let upper = s.upper.as_deref().unwrap_or("?");
        let verdict = if s.proved { "proved" } else { "not proved" };
        writeln!(out, "  any sequence in [{}, {upper}]: {verdict}", s.lower)?;
        if let Some(bound) = &s.sup_linf {
            writeln!(out, "    sup |C_n ... C_1|_inf <= {bound}")?;
        }
        if let Some(norm) = &s.norm {
            let rows: Vec<String> = norm.p.iter().map(|r| r.join(" ")).collect();
            writeln!(
                out,
                "    P = [{}], A'PA < {} P on {} boxes",
                rows.join("; "),
                norm.rate,
                norm.boxes
            )?;
        }
    }
    Ok(())
}

/// The Adams method of this name, if it is one.
fn adams(name: &str) -> Option<LinearMultistep> {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || "()".contains(c));
    let is_adams = ["ab", "am", "adams-bashforth", "adams-moulton"].contains(&stem);
    is_adams.then(|| by_name(name).ok()).flatten()
}

/// Adams methods integrate an interpolant from the newest value on: `x_n = x_{n−1} + …` whatever the steps,
/// so products of companion matrices have row-sum norm 1 for every sequence of ratios.
fn adams_record(
    method: &LinearMultistep,
    args: &VariableArgs,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let record = VariableRecord {
        method: method.name().to_owned(),
        critical_ratio: None,
        lower_ratio: None,
        sequences: Some(Sequences {
            lower: "0".to_owned(),
            upper: None,
            proved: true,
            sup_linf: Some("1".to_owned()),
            norm: None,
            proof: None,
        }),
    };
    if args.certificates.is_some() {
        return Err(Error::NoCertificate {
            what: record.method,
            why: "its recurrence x_n = x_(n-1) does not depend on the steps",
        });
    }
    if json {
        serde_json::to_writer(&mut *out, &record)?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(out, "{} with variable steps", record.method)?;
    writeln!(out, "  constant ratios      from 0 to infinity")?;
    writeln!(
        out,
        "  any sequence of positive ratios: proved, sup |C_n ... C_1|_inf = 1 (rho = r^k - r^(k-1) whatever the steps)"
    )?;
    Ok(())
}

fn sequences(k: usize, text: &str) -> Result<Sequences, Error> {
    let (lo, hi) = interval("--sequences", text)?;
    if lo <= 0 || hi.as_ref().is_some_and(|hi| *hi < lo) {
        return Err(multistep::Error::Argument {
            name: text.to_owned(),
            family: "--sequences",
            expected: "LO..HI or LO.. with 0 < LO <= HI".to_owned(),
        }
        .into());
    }
    let proof = match &hi {
        Some(hi) => prove_sequences(k, &lo, hi),
        None => ratio_interval(k, &lo),
    };
    let upper = proof.as_ref().map(|p| p.hi.clone()).or(hi);
    let bounded = proof.as_ref().and_then(|p| bound(&p.norm, k));
    // d_n = ω²/(1 + 2ω) d_{n−1}, increasing in ω: at most 1 exactly where ω² ≤ 1 + 2ω.
    let scalar = k == 2
        && upper
            .as_ref()
            .is_some_and(|w| Rational::from(w.square_ref()) <= Rational::from(w * 2) + 1);
    Ok(Sequences {
        lower: lo.to_string(),
        upper: upper.map(|x| x.to_string()),
        proved: scalar || proof.is_some(),
        sup_linf: bounded.as_ref().and_then(decimal_up),
        norm: proof.as_ref().map(|p| Norm::of(&p.norm)),
        proof,
    })
}

/// Rounded up.
fn decimal_up(x: &rug::Float) -> Option<String> {
    let [_, hi] = MpInterval::from_float(x).ok()?.to_decimal(8);
    Some(hi)
}

/// Certificates of the constant ratios and, where proved, of all sequences.
fn certificates(k: usize, sequences: Option<&Sequences>, folder: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(|source| Error::File {
        path: folder.to_owned(),
        source,
    })?;
    if let Some(certificate) = write_multistep::constant_ratios(k) {
        store(&certificate, &folder.join(format!("bdf{k}-constant.json")))?;
    }
    if let Some(proof) = sequences.and_then(|s| s.proof.as_ref())
        && let Some(upper) = bound(&proof.norm, k)
    {
        let ends = (&proof.lo, &proof.hi);
        let certificate = write_multistep::variable_bdf(k, ends, raised(&upper), &proof.norm);
        store(&certificate, &folder.join(format!("bdf{k}-sequences.json")))?;
    }
    Ok(())
}

/// `LO..HI` or `LO..`.
fn interval(place: &str, text: &str) -> Result<(Rational, Option<Rational>), Error> {
    let (lo, hi) = text.split_once("..").unwrap_or((text, text));
    let parse = |part: &str| {
        rational::parse(part).map_err(|source| multistep::Error::Number {
            place: place.to_owned(),
            source,
        })
    };
    let lo = parse(lo)?;
    let hi = if hi.trim().is_empty() {
        None
    } else {
        Some(parse(hi)?)
    };
    Ok((lo, hi))
}

fn number(place: &str, text: &str) -> multistep::Error {
    multistep::Error::Number {
        place: place.to_owned(),
        source: rational::Error::Syntax {
            text: text.chars().take(64).collect(),
        },
    }
}

#[derive(Serialize)]
struct LayersRecord {
    family: String,
    parameter: String,
    interval: [String; 2],
    /// `convex`, `common-norm` or `unknown`
    method: &'static str,
    /// Bounds of the supremum of the row-sum norm of all products.
    sup_linf: [Option<String>; 2],
    norm: Option<Norm>,
}

/// Runs `multistep layers`.
///
/// # Errors
///
/// [`Error`].
pub fn layers(args: &LayersArgs, json: bool, out: &mut dyn Write) -> Result<(), Error> {
    let Found::Line(family) = find_family(&args.family)? else {
        return Err(Error::OneParameter);
    };
    let (lo, hi) = interval("LO..HI", &args.interval)?;
    let hi = hi.ok_or_else(|| number("LO..HI", &args.interval))?;
    let Some(found) = products(&family, &lo, &hi) else {
        return Err(Error::Layers {
            family: family.name().to_owned(),
        });
    };
    if let Some(path) = &args.certificate {
        let (bound, norm) = match &found {
            ProductBound::Convex => (Rational::from(1), None),
            ProductBound::Common { upper, norm, .. } => (raised(upper), Some(norm)),
            ProductBound::Unknown { .. } => {
                return Err(Error::NoCertificate {
                    what: family.name().to_owned(),
                    why: "nothing was proved on this interval",
                });
            }
        };
        store(
            &write_multistep::layers(&family, (&lo, &hi), bound, norm),
            path,
        )?;
    }
    let decimals = |x: &rug::Float| MpInterval::from_float(x).map(|x| x.to_decimal(8)).ok();
    let one = || Some("1".to_owned());
    let (method, sup_linf, norm) = match &found {
        ProductBound::Convex => ("convex", [one(), one()], None),
        ProductBound::Common { lower, upper, norm } => (
            "common-norm",
            [
                decimals(lower).map(|[lo, _]| lo),
                decimals(upper).map(|[_, hi]| hi),
            ],
            Some(Norm::of(norm)),
        ),
        ProductBound::Unknown { lower } => {
            ("unknown", [decimals(lower).map(|[lo, _]| lo), None], None)
        }
    };
    let record = LayersRecord {
        family: family.name().to_owned(),
        parameter: family.parameter().to_owned(),
        interval: [lo.to_string(), hi.to_string()],
        method,
        sup_linf,
        norm,
    };
    if json {
        serde_json::to_writer(&mut *out, &record)?;
        writeln!(out)?;
        return Ok(());
    }
    let [lo, hi] = &record.interval;
    writeln!(
        out,
        "{}, {} in [{lo}, {hi}] per layer ({method})",
        record.family, record.parameter
    )?;
    let show = |x: &Option<String>| x.clone().unwrap_or_else(|| "not proved".to_owned());
    writeln!(
        out,
        "  sup |C_n ... C_1|_inf in [{}, {}]",
        show(&record.sup_linf[0]),
        show(&record.sup_linf[1])
    )?;
    Ok(())
}
