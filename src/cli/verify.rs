//! `verify NET.onnx SPEC.vnnlib [--method NAME] [--timeout S] [--certificate FILE] [--witness FILE]`

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::certify::relative;
use super::common::{print, seconds, semantics, write_atomically};
use super::{Error, Global, progress};
use crate::certificate::Certificate;
use crate::certificate::write::{self, BoxBranch, LayerBounds, ModelFile};
use crate::exact::{Integer, Rational};
use crate::graph::Graph;
use crate::network::{Network, file};
use crate::search::Method;
use crate::search::verify::{self, Branch, Counterexample, Difference, Options, Outcome};
use crate::verify::{Query, Reason, Semantics, vnnlib};

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The network, ONNX, compressed by gzip or not
    #[arg(value_name = "NET.onnx")]
    network: PathBuf,
    /// What a counterexample satisfies, VNN-LIB 1.0, compressed by gzip or not
    #[arg(value_name = "SPEC.vnnlib")]
    specification: PathBuf,
    /// Give up after so many seconds, reading included
    #[arg(long, value_name = "S", value_parser = seconds)]
    timeout: Option<Duration>,
    /// bab searches; interval, crown and alpha-crown bound the whole input set once
    #[arg(long, default_value = "bab", value_name = "NAME")]
    method: Method,
    /// What the answer is about: discrete (exact arithmetic) or float32
    #[arg(long, value_parser = semantics, default_value = "discrete")]
    semantics: Semantics,
    /// Memory for open sub-problems, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(64..))]
    memory: u32,
    /// Write a certificate here if the answer is verified (semantics discrete, and
    /// what dividing the box of few inputs proves)
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// Write a counterexample here, in the competition's form
    #[arg(long, value_name = "FILE")]
    witness: Option<PathBuf>,
}

pub fn run(args: &Args, global: &Global) -> Result<(), Error> {
    let start = Instant::now();
    if args.certificate.is_some() && args.semantics != Semantics::Discrete {
        return Err(Error::Option {
            option: "--certificate",
            problem: format!(
                "certificates state semantics discrete, not {}",
                args.semantics
            ),
        });
    }
    let bytes = file::read_bytes(&args.network)?;
    let network_sha256 = hex(&Sha256::digest(&bytes));
    let kept = args.certificate.is_some().then(|| bytes.clone());
    let graph = Network::from_bytes(&args.network, bytes)?.lower()?;
    let (specification, specification_sha256) = read(&args.specification)?;
    let query = &specification.query;
    let threads = match global.threads {
        Some(n) => usize::from(n),
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let options = Options {
        timeout: args.timeout.map(|t| t.saturating_sub(start.elapsed())),
        method: args.method,
        semantics: args.semantics,
        seed: global.seed,
        threads,
        memory: (args.memory as usize) << 20,
    };
    let line = progress::line("verifying");
    let answer = verify::verify(&graph, query, &options, &|p| {
        let (open, closed, bound) = (p.open, p.closed, p.bound);
        line.set_message(format!(
            "{open} sub-problems open, {closed} closed, least bound {bound:.3e}"
        ));
    });
    line.finish_and_clear();
    let named = |source| Error::Verify {
        path: args.specification.clone(),
        source,
    };
    let answer = answer.map_err(named)?;
    let mut missing = None;
    if let (Outcome::Verified, Some(path), Some(bytes)) =
        (&answer.outcome, &args.certificate, &kept)
    {
        let options = Options {
            timeout: args.timeout.map(|t| t.saturating_sub(start.elapsed())),
            ..options
        };
        let line = progress::line("writing the proof down");
        let trees = verify::trees(&graph, query, &options, &|p| {
            line.set_message(format!("{} boxes open, {} done", p.open, p.closed));
        });
        line.finish_and_clear();
        match trees.map_err(named)? {
            Ok(trees) => certificate(args, &graph, bytes, query, &trees)?.write(path)?,
            Err(why) => {
                tracing::warn!("no certificate: {why}");
                missing = Some(why.to_string());
            }
        }
    }
    if let (Outcome::Falsified(c), Some(path)) = (&answer.outcome, &args.witness) {
        write_atomically(path, competition_form(c).as_bytes())?;
    }
    let seconds = start.elapsed().as_secs_f64();
    if !global.json {
        let why = match &answer.outcome {
            Outcome::Unknown(reason) => format!(" ({})", word(reason)),
            _ => String::new(),
        };
        print(&format!(
            "{}{why}, semantics {}, {seconds:.2} s",
            answer.outcome.word(),
            args.semantics
        ))?;
        return match &answer.differs {
            Some(d) => print(&format!(
                "exact and binary32 arithmetic differ: an input violates the property in {} only (--json shows it)",
                violated_in(d)
            )),
            None => Ok(()),
        };
    }
    let mut row = Map::new();
    let mut put = |key: &str, value: Value| row.insert(key.into(), value);
    put("result", json!(answer.outcome.word()));
    match &answer.outcome {
        Outcome::Verified => put("evidence", json!("proved")),
        Outcome::Falsified(c) => {
            put("evidence", json!("witness"));
            put("counterexample", point(c))
        }
        Outcome::Unknown(reason) => put("reason", json!(word(reason))),
        Outcome::Timeout => None,
    };
    if let Some(why) = missing {
        put("no_certificate", json!(why));
    }
    if args.method != Method::Bab {
        put("lower", json!(answer.lower));
    }
    put("method", json!(args.method.name()));
    if let Some(d) = &answer.differs {
        let mut at = point(&d.point);
        at["violated_in"] = json!(violated_in(d));
        put("differs", at);
    }
    put("semantics", json!(args.semantics));
    put("seconds", json!(seconds));
    put("network", json!(args.network));
    put("network_sha256", json!(network_sha256));
    put("specification", json!(args.specification));
    put("specification_sha256", json!(specification_sha256));
    put("cases", json!(query.cases.len()));
    put("dropped", json!(specification.dropped));
    put("counters", json!(answer.counters));
    put("seed", json!(global.seed));
    put("dahlquist", json!(env!("CARGO_PKG_VERSION")));
    print(&Value::Object(row).to_string())
}

/// The certificate of a verified query, which finds its model by a relative path.
fn certificate(
    args: &Args,
    graph: &Graph,
    bytes: &[u8],
    query: &Query,
    trees: &[Vec<Branch>],
) -> Result<Certificate, Error> {
    let path = args.certificate.as_deref().unwrap_or(Path::new(""));
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let real = |path: &Path| {
        path.canonicalize().map_err(|source| Error::Io {
            path: path.into(),
            source,
        })
    };
    let file = ModelFile {
        path: &relative(&real(folder)?, &real(&args.network)?),
        bytes,
    };
    let trees = trees.iter().map(|tree| tree.iter().map(written).collect());
    let trees: Vec<Vec<BoxBranch<'_>>> = trees.collect();
    Ok(write::query(graph, file, query, &trees)?)
}

fn written(branch: &Branch) -> BoxBranch<'_> {
    match branch {
        Branch::Split { input, at } => BoxBranch::Split {
            input: *input,
            at: *at,
        },
        Branch::Leaf { weights, layers } => BoxBranch::Leaf {
            weights,
            layers: layers.iter().map(LayerBounds::from).collect(),
        },
    }
}

/// Reads a specification, with the SHA-256 of the file.
fn read(path: &Path) -> Result<(vnnlib::Specification, String), Error> {
    /// Passes bytes on and hashes them.
    struct Hashed<R>(R, Sha256);
    impl<R: Read> Read for Hashed<R> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let n = self.0.read(buffer)?;
            self.1.update(&buffer[..n]);
            Ok(n)
        }
    }
    let named = |source| vnnlib::FileError {
        path: path.into(),
        source,
    };
    let file = std::fs::File::open(path).map_err(|e| named(e.into()))?;
    let mut hashed = Hashed(file, Sha256::new());
    let specification = vnnlib::read(&mut hashed).map_err(named)?;
    Ok((specification, hex(&hashed.1.finalize())))
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|b| format!("{b:02x}")).collect()
}

/// A reason's word, as in results.
fn word(reason: &Reason) -> String {
    match json!(reason) {
        Value::String(s) => s,
        other => other.to_string(),
    }
}

/// A counterexample: the point as decimals, the output as executed in binary32
/// and, enclosed, in exact arithmetic.
fn point(c: &Counterexample) -> Value {
    let x: Vec<String> = c.x.iter().map(decimal).collect();
    let y: Vec<String> = c.y32.iter().map(|&y| single(y)).collect();
    json!({"x": x, "y_float32": y, "y": c.y})
}

/// The arithmetic in which the property is violated at a point where they differ.
fn violated_in(d: &Difference) -> &'static str {
    if d.exact { "exact" } else { "float32" }
}

/// The point and its output in binary32 in the competition's form.
fn competition_form(c: &Counterexample) -> String {
    let x = c.x.iter().map(decimal).enumerate();
    let y = c.y32.iter().map(|&y| single(y)).enumerate();
    let lines: Vec<String> = x
        .map(|(i, v)| format!("(X_{i} {v})"))
        .chain(y.map(|(j, v)| format!("(Y_{j} {v})")))
        .collect();
    format!("({})\n", lines.join("\n "))
}

/// The number in full, so that as a decimal it lies in a box iff the number
/// does; a binary32 number reads back as itself. What has no finite decimal,
/// an interval's end such as 1/3, is cut after a hundred places.
fn decimal(value: &Rational) -> String {
    const PLACES: u32 = 100;
    let two = value.denom().find_one(0).unwrap_or(0);
    let (rest, five) = Integer::from(value.denom() >> two).remove_factor(&Integer::from(5));
    let places = if rest == 1 { two.max(five) } else { PLACES };
    let scaled = Integer::from(Integer::u_pow_u(10, places)) * value.numer() / value.denom();
    let digits = Integer::from(scaled.abs_ref()).to_string();
    let digits = format!("{digits:0>width$}", width = places as usize + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places as usize);
    let sign = if scaled < 0 { "-" } else { "" };
    let point = if places > 0 { "." } else { "" };
    format!("{sign}{whole}{point}{fraction}")
}

fn single(value: f32) -> String {
    Rational::from_f32(value).map_or_else(|| value.to_string(), |v| decimal(&v))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::rational;
    use proptest::prelude::*;

    #[test]
    fn the_form_of_a_witness() {
        let c = Counterexample {
            x: vec![Rational::from_f32(0.1).unwrap(), Rational::from(-2)],
            x32: vec![0.1, -2.0],
            y32: vec![1e-3],
            y: vec![(0.0009, 0.0011)],
        };
        assert_eq!(
            competition_form(&c),
            "((X_0 0.100000001490116119384765625)\n (X_1 -2)\n (Y_0 0.001000000047497451305389404296875))\n"
        );
        assert_eq!(decimal(&Rational::from((-1, 40))), "-0.025");
        assert_eq!(decimal(&Rational::from((1000, 1))), "1000");
        assert!(decimal(&Rational::from((-1, 3))).starts_with("-0.333333"));
    }

    proptest! {
        #[test]
        fn decimals_are_exact(p in any::<i64>(), k in 0..200u32) {
            let value = Rational::from((p, Integer::from(Integer::u_pow_u(10, k))));
            prop_assert_eq!(rational::parse(&decimal(&value)).unwrap(), value);
        }

        #[test]
        fn numbers_read_back_exactly(bits in any::<u32>()) {
            let value = f32::from_bits(bits);
            prop_assume!(value.is_finite());
            let text = single(value);
            prop_assert_eq!(rational::parse(&text).ok(), Rational::from_f32(value));
            prop_assert_eq!(text.parse::<f64>().unwrap(), f64::from(value));
            prop_assert_eq!(text.parse::<f32>().unwrap(), value);
        }
    }
}
