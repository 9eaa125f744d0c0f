//! `multistep pair` (predictor–corrector) and `multistep glm` (general linear methods): arguments and
//! output.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::multistep::Error;
use crate::exact::{Poly, Rational, rational};
use crate::multistep::analyze::Number;
use crate::multistep::general_linear::{GeneralLinear, Matrix};
use crate::multistep::methods_csv::read_limited;
use crate::multistep::predictor_corrector::{Mode, Pair};
use crate::multistep::{self, Kind, LinearMultistep, Strength, by_name, parametric};

const DIGITS: usize = 20;

/// Whether a last evaluation follows.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ModeArg {
    /// P(EC)^m
    Pec,
    /// P(EC)^m E
    Pece,
}

/// Arguments of `multistep pair`.
#[derive(Debug, Clone, Args)]
pub struct PairArgs {
    /// The explicit predictor: a name, or "ALPHA; BETA"
    #[arg(value_name = "PREDICTOR", allow_hyphen_values = true)]
    pub predictor: String,
    /// The implicit corrector: a name, or "ALPHA; BETA"
    #[arg(value_name = "CORRECTOR", allow_hyphen_values = true)]
    pub corrector: String,
    /// The number m of corrections
    #[arg(long, value_name = "M", default_value_t = 1)]
    pub corrections: usize,
    /// Whether the slope is evaluated once more after them
    #[arg(long, value_name = "MODE", value_enum, default_value_t = ModeArg::Pece)]
    pub mode: ModeArg,
}

/// Arguments of `multistep glm`.
#[derive(Debug, Clone, Args)]
pub struct GlmArgs {
    /// A TOML file with v, and u and b, as lists of rows, each a text of numbers; or the rows of V in one
    /// text, separated by semicolons
    #[arg(value_name = "FILE|ROWS", allow_hyphen_values = true)]
    pub method: String,
}

#[derive(Serialize)]
struct PairRecord {
    predictor: String,
    corrector: String,
    mode: String,
    k: usize,
    order: Option<usize>,
    /// The corrector's, where it is the pair's.
    error_constant: Option<String>,
    zero_stable: bool,
    strong: Strength,
    roots_in_on_out: String,
    /// Coefficients in `r`, low degree first, each a list of coefficients in `z`.
    characteristic: Vec<Vec<String>>,
    /// `empty`, `-inf`, or the lower end.
    real_stability_limit: Limit,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Limit {
    Word(&'static str),
    At(Number),
}

/// Runs `multistep pair`.
///
/// # Errors
///
/// [`Error`].
pub fn pair(args: &PairArgs, json: bool, out: &mut dyn Write) -> Result<(), Error> {
    let (predictor, corrector) = (method(&args.predictor)?, method(&args.corrector)?);
    let (mode, word) = match args.mode {
        ModeArg::Pec => (Mode::Pec, ""),
        ModeArg::Pece => (Mode::Pece, "E"),
    };
    let pair = Pair::new(&predictor, &corrector, args.corrections, mode)?;
    let condition = pair.condition();
    let list = |p: &Poly| p.coeffs().iter().map(ToString::to_string).collect();
    let record = PairRecord {
        predictor: predictor.name().to_owned(),
        corrector: corrector.name().to_owned(),
        mode: format!("P(EC)^{}{word}", args.corrections),
        k: pair.steps(),
        order: pair.order(),
        error_constant: pair.error_constant().map(|c| c.to_string()),
        zero_stable: condition.zero_stable(),
        strong: condition.strength,
        roots_in_on_out: condition.counts.to_string(),
        characteristic: pair.characteristic().coeffs().iter().map(list).collect(),
        real_stability_limit: match pair.real_interval()? {
            None => Limit::Word("empty"),
            Some(None) => Limit::Word("-inf"),
            Some(Some(x)) => Limit::At(Number::of(&x, DIGITS)),
        },
    };
    if json {
        serde_json::to_writer(&mut *out, &record)?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(
        out,
        "{} with {}, {}",
        record.predictor, record.corrector, record.mode
    )?;
    let order = record
        .order
        .map_or_else(|| "none".to_owned(), |p| p.to_string());
    let constant = record
        .error_constant
        .as_deref()
        .unwrap_or("depends on the equation");
    writeln!(
        out,
        "  order                {order}, error constant {constant}"
    )?;
    let stable = if record.zero_stable { "yes" } else { "no" };
    writeln!(out, "  zero-stable          {stable} ({})", record.strong)?;
    writeln!(out, "  roots in/on/out      {}", record.roots_in_on_out)?;
    match &record.real_stability_limit {
        Limit::Word("empty") => writeln!(out, "  real stability       empty")?,
        Limit::Word(word) => writeln!(out, "  real stability       ({word}, 0)")?,
        Limit::At(x) => writeln!(out, "  real stability       ({x}, 0)")?,
    }
    Ok(())
}

fn method(text: &str) -> Result<LinearMultistep, multistep::Error> {
    let Some((alpha, beta)) = text.split_once(';') else {
        return by_name(text);
    };
    let list = |text: &str| {
        rational::parse_list(text).map_err(|source| multistep::Error::Number {
            place: "coefficients".to_owned(),
            source,
        })
    };
    LinearMultistep::new("given", Kind::First, list(alpha)?, list(beta)?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GlmFile {
    v: Vec<String>,
    u: Option<Vec<String>>,
    b: Option<Vec<String>>,
}

#[derive(Serialize)]
struct GlmRecord {
    values: usize,
    characteristic: Vec<String>,
    minimal: Vec<String>,
    zero_stable: bool,
    strong: Strength,
    /// Roots of the minimal polynomial, with multiplicity.
    roots_in_on_out: String,
    preconsistency: Option<Vec<String>>,
    consistent: Option<bool>,
}

/// Runs `multistep glm`.
///
/// # Errors
///
/// [`Error`].
pub fn glm(args: &GlmArgs, json: bool, out: &mut dyn Write) -> Result<(), Error> {
    let (v, stages) = matrices(&args.method)?;
    let values = v.len();
    let found = GeneralLinear::new(v, stages)?.stability();
    let strings = |list: &[Rational]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    let record = GlmRecord {
        values,
        characteristic: strings(found.characteristic.coeffs()),
        minimal: strings(found.minimal.coeffs()),
        zero_stable: found.condition.zero_stable(),
        strong: found.condition.strength,
        roots_in_on_out: found.condition.counts.to_string(),
        preconsistency: found.preconsistency.as_deref().map(strings),
        consistent: found.consistent,
    };
    if json {
        serde_json::to_writer(&mut *out, &record)?;
        writeln!(out)?;
        return Ok(());
    }
    let stable = if record.zero_stable { "yes" } else { "no" };
    writeln!(out, "general linear method with {values} value(s)")?;
    writeln!(out, "  zero-stable          {stable} ({})", record.strong)?;
    writeln!(out, "  minimal polynomial   {}", record.minimal.join(" "))?;
    writeln!(out, "  its roots in/on/out  {}", record.roots_in_on_out)?;
    if let Some(consistent) = record.consistent {
        let vector = record
            .preconsistency
            .as_ref()
            .map_or_else(|| "none".to_owned(), |u| u.join(" "));
        writeln!(out, "  preconsistency       {vector}")?;
        writeln!(
            out,
            "  consistent           {}",
            if consistent { "yes" } else { "no" }
        )?;
    }
    Ok(())
}

type Matrices = (Matrix, Option<(Matrix, Matrix)>);

fn matrices(argument: &str) -> Result<Matrices, multistep::Error> {
    let rows = |name: &str, list: &mut dyn Iterator<Item = &str>| {
        let row = |(i, text): (usize, &str)| {
            rational::parse_list(text).map_err(|source| multistep::Error::Number {
                place: format!("{name}, row {}", i + 1),
                source,
            })
        };
        list.enumerate().map(row).collect::<Result<Matrix, _>>()
    };
    let path = PathBuf::from(argument);
    if path.extension().is_none_or(|e| e != "toml") {
        return Ok((rows("V", &mut argument.split(';'))?, None));
    }
    let file = read(&path)?;
    let texts = |name: &str, list: &[String]| rows(name, &mut list.iter().map(String::as_str));
    let v = texts("v", &file.v)?;
    let stages = match (&file.u, &file.b) {
        (Some(u), Some(b)) => Some((texts("u", u)?, texts("b", b)?)),
        (None, None) => None,
        _ => {
            return Err(multistep::Error::GeneralLinear {
                problem: "u and b are needed together".to_owned(),
            });
        }
    };
    Ok((v, stages))
}

fn read(path: &Path) -> Result<GlmFile, multistep::Error> {
    let bytes = read_limited(path, parametric::MAX_FILE)?;
    let failed = |problem| multistep::Error::FamilyFile {
        path: path.to_owned(),
        problem: Box::new(problem),
    };
    let text = String::from_utf8(bytes).map_err(|_| failed(parametric::Problem::Encoding))?;
    toml::from_str(&text).map_err(|e| failed(parametric::Problem::Toml(Box::new(e))))
}
