//! `verify NET.onnx SPEC.vnnlib [--timeout S] [--witness FILE]`

use std::fmt::Write;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::common::{print, write_atomically};
use super::{Error, Global, progress};
use crate::graph::Graph;
use crate::network::{Network, file};
use crate::search::verify::{self, Counterexample, Options, Outcome};
use crate::verify::{Semantics, vnnlib};

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
    /// What the answer is about: discrete (exact arithmetic) or float32
    #[arg(long, value_parser = semantics, default_value = "discrete")]
    semantics: Semantics,
    /// Memory for open sub-problems, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(64..))]
    memory: u32,
    /// Write a counterexample here, in the competition's form
    #[arg(long, value_name = "FILE")]
    witness: Option<PathBuf>,
}

/// What is printed.
struct Report {
    word: &'static str,
    /// why there is no answer
    reason: Option<String>,
    counterexample: Option<Counterexample>,
}

pub fn run(args: &Args, global: &Global) -> Result<(), Error> {
    let start = Instant::now();
    let bytes = file::read_bytes(&args.network)?;
    let network_sha256 = hex(&Sha256::digest(&bytes));
    let graph = Network::from_bytes(&args.network, bytes)?.lower()?;
    let (specification, specification_sha256) = read(&args.specification)?;
    let query = &specification.query;
    fits(args, &graph, (query.inputs, query.outputs))?;
    let threads = match global.threads {
        Some(n) => usize::from(n),
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let options = Options {
        timeout: args.timeout.map(|t| t.saturating_sub(start.elapsed())),
        semantics: args.semantics,
        seed: global.seed,
        threads,
        memory: (args.memory as usize) << 20,
    };
    let line = progress::line("verifying");
    let answer = verify::verify(&graph, query, &options, &|p| {
        line.set_message(format!(
            "{} open, {} closed, least bound {:.6}",
            p.open, p.closed, p.bound
        ));
    })?;
    line.finish_and_clear();
    let report = Report::new(answer.outcome);
    if report.word == "falsified"
        && let (Some(path), Some(c)) = (&args.witness, &report.counterexample)
    {
        write_atomically(path, competition_form(c).as_bytes())?;
    }
    let seconds = start.elapsed().as_secs_f64();
    if !global.json {
        return print(&report.sentence(args.semantics, seconds));
    }
    let mut row = report.row();
    let mut put = |key: &str, value: Value| row.insert(key.into(), value);
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

/// Whether the specification is about a network of this shape.
fn fits(args: &Args, graph: &Graph, found: (usize, usize)) -> Result<(), Error> {
    let inputs = graph.inputs().iter().map(|&i| graph.node(i).shape.len());
    let expected = (inputs.sum(), graph.output_shape().len());
    if found == expected && graph.inputs().len() == 1 {
        return Ok(());
    }
    Err(Error::Option {
        option: "SPEC.vnnlib",
        problem: format!(
            "{} has {} inputs and {} outputs, {} has {} and {}",
            args.specification.display(),
            found.0,
            found.1,
            args.network.display(),
            expected.0,
            expected.1
        ),
    })
}

impl Report {
    /// Falsified only if exact arithmetic and binary32 agree.
    fn new(outcome: Outcome) -> Report {
        let (word, reason, counterexample) = match outcome {
            Outcome::Verified => ("verified", None, None),
            Outcome::Timeout => ("timeout", None, None),
            Outcome::Unknown(reason) => {
                let reason = match json!(reason) {
                    Value::String(s) => s,
                    other => other.to_string(),
                };
                ("unknown", Some(reason), None)
            }
            Outcome::Falsified(c) => {
                let (word, reason) = match (c.exact, c.float32) {
                    (true, true) => ("falsified", None),
                    (true, false) => ("unknown", Some("exact_only")),
                    (false, true) => ("unknown", Some("float32_only")),
                    (false, false) => ("unknown", Some("not_confirmed")),
                };
                (word, reason.map(str::to_string), Some(c))
            }
        };
        Report {
            word,
            reason,
            counterexample,
        }
    }

    fn evidence(&self) -> Option<&'static str> {
        match self.word {
            "verified" => Some("proved"),
            "falsified" => Some("witness"),
            _ => None,
        }
    }

    fn row(&self) -> Map<String, Value> {
        let mut row = Map::new();
        row.insert("result".into(), json!(self.word));
        if let Some(reason) = &self.reason {
            row.insert("reason".into(), json!(reason));
        }
        if let Some(evidence) = self.evidence() {
            row.insert("evidence".into(), json!(evidence));
        }
        if let Some(c) = &self.counterexample {
            let number = |v: &[f32]| v.iter().map(|&v| decimal(v)).collect::<Vec<_>>();
            row.insert(
                "counterexample".into(),
                json!({"exact": c.exact, "float32": c.float32, "x": number(&c.x), "y": number(&c.y)}),
            );
        }
        row
    }

    fn sentence(&self, semantics: Semantics, seconds: f64) -> String {
        let why = match self.reason.as_deref() {
            None => String::new(),
            Some("exact_only") => {
                " (a point violates in exact arithmetic but not when run in float32)".into()
            }
            Some("float32_only") => {
                " (a point violates when run in float32 but not in exact arithmetic)".into()
            }
            Some(reason) => format!(" ({reason})"),
        };
        format!("{}{why}, semantics {semantics}, {seconds:.2} s", self.word)
    }
}

/// The point and the output in the competition's form.
fn competition_form(c: &Counterexample) -> String {
    let mut text = String::new();
    for (letter, values) in [('X', &c.x), ('Y', &c.y)] {
        for (i, &value) in values.iter().enumerate() {
            let open = if text.is_empty() { "(" } else { "\n " };
            let value = decimal(value);
            write!(text, "{open}({letter}_{i} {value})").expect("a string takes all");
        }
    }
    text.push_str(")\n");
    text
}

/// The binary32 number in full: as a decimal, as binary64 and as binary32 it
/// reads as the same number, so that it is in a box iff the number is.
fn decimal(value: f32) -> String {
    const PLACES: usize = 149; // the least positive number is 2^-149
    let text = format!("{value:.PLACES$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text, // not finite
    }
}

/// A positive number of seconds.
fn seconds(text: &str) -> Result<Duration, String> {
    let value: f64 = text.parse().map_err(|_| format!("{text:?} is no number"))?;
    match Duration::try_from_secs_f64(value) {
        Ok(d) if !d.is_zero() => Ok(d),
        _ => Err(format!("{text} is not a positive number of seconds")),
    }
}

/// The semantics that an answer can have.
fn semantics(text: &str) -> Result<Semantics, String> {
    [Semantics::Discrete, Semantics::Float32]
        .into_iter()
        .find(|s| s.to_string() == text)
        .ok_or_else(|| format!("{text:?} is not discrete or float32"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::{Rational, rational};
    use proptest::prelude::*;

    #[test]
    fn the_form_of_a_witness() {
        let c = Counterexample {
            x: vec![0.1, -2.0],
            y: vec![1e-3],
            exact: true,
            float32: true,
        };
        assert_eq!(
            competition_form(&c),
            "((X_0 0.100000001490116119384765625)\n (X_1 -2)\n (Y_0 0.001000000047497451305389404296875))\n"
        );
    }

    #[test]
    fn a_point_that_arithmetics_disagree_on_is_no_answer() {
        let word = |exact, float32| {
            Report::new(Outcome::Falsified(Counterexample {
                x: vec![],
                y: vec![],
                exact,
                float32,
            }))
            .word
        };
        assert_eq!(word(true, true), "falsified");
        for (exact, float32) in [(true, false), (false, true), (false, false)] {
            assert_eq!(word(exact, float32), "unknown");
        }
    }

    #[test]
    fn seconds_are_positive() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for text in ["0", "-1", "nan", "inf", "", "1e400"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn numbers_read_back_exactly(bits in any::<u32>()) {
            let value = f32::from_bits(bits);
            prop_assume!(value.is_finite());
            let text = decimal(value);
            prop_assert_eq!(rational::parse(&text).ok(), Rational::from_f32(value));
            prop_assert_eq!(text.parse::<f64>().unwrap(), f64::from(value));
            prop_assert_eq!(text.parse::<f32>().unwrap(), value);
        }
    }
}
