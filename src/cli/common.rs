//! What several commands do alike: start, read a model, write a file.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{Error, Global};
use crate::data::{self, Samples};
use crate::exact::Rational;
use crate::exec::Executor;
use crate::exec::device::{self, Request};
use crate::graph::Graph;
use crate::network::{Network, file};
use crate::ops::Shape;
use crate::rounding::check_environment;
use crate::verify::{Norm, Semantics};

/// Checks the floating-point environment, starts the worker threads and the log.
pub fn start(global: &Global) -> Result<(), Error> {
    check_environment()?;
    let threads = global.threads.map_or(0, usize::from);
    // Fails only if a pool exists already, which then serves as well.
    let _ = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global();
    let filter = tracing_subscriber::EnvFilter::try_from_env("DAHLQUIST_LOG")
        .unwrap_or_else(|_| "warn".into());
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init();
    Ok(())
}

/// A model file, read and lowered.
pub struct Model {
    /// where it is
    pub path: PathBuf,
    /// the file as it is
    pub bytes: Vec<u8>,
    /// SHA-256 of the file
    pub sha256: String,
    /// as written
    pub network: Network,
    /// unrolled
    pub graph: Graph,
}

impl Model {
    /// Reads and lowers a model; it must have one input and one output.
    pub fn load(path: &Path) -> Result<Model, Error> {
        let bytes = file::read_bytes(path)?;
        let sha256 = Sha256::digest(&bytes)
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        let network = Network::from_bytes(path, bytes.clone())?;
        let graph = network.lower()?;
        Ok(Model {
            path: path.into(),
            bytes,
            sha256,
            network,
            graph,
        })
    }

    /// The number of outputs.
    pub fn classes(&self) -> usize {
        self.graph.output_shape().len()
    }
}

/// The samples that a command works on: the test part of a data set.
pub struct TestData {
    /// pixels and labels
    pub samples: Arc<Samples>,
    /// shape of one sample
    pub shape: Shape,
    /// SHA-256 of what was read
    pub sha256: String,
}

/// Reads data and checks that it fits the model.
pub fn load_data(spec: &str, model: &Model) -> Result<TestData, Error> {
    let data = data::load(spec)?;
    let (found, expected) = (data.shape.len(), model.graph.input_shape(0).len());
    if found != expected {
        return Err(Error::Option {
            option: "--data",
            problem: format!(
                "{spec} has {found} values per sample, {} takes {expected}",
                model.path.display()
            ),
        });
    }
    let labels = &data.test.labels;
    if let Some(i) = labels.iter().position(|&l| l as usize >= model.classes()) {
        return Err(Error::Option {
            option: "--data",
            problem: format!(
                "sample {i} of {spec} has label {}, {} has {} outputs",
                labels[i],
                model.path.display(),
                model.classes()
            ),
        });
    }
    Ok(TestData {
        samples: data.test,
        shape: data.shape,
        sha256: data.sha256,
    })
}

/// Where training and attacks run.
pub fn executor(global: &Global) -> Result<Box<dyn Executor>, Error> {
    let Ok(request) = global.device.parse::<Request>();
    Ok(device::open(&request)?)
}

/// The seed of attacks, which count in 32 bits: both halves enter.
pub fn seed32(global: &Global) -> u32 {
    (global.seed ^ (global.seed >> 32)) as u32
}

/// A non-negative decimal or fraction, exactly.
pub fn epsilon(text: &str) -> Result<Rational, String> {
    let value = crate::exact::rational::parse(text).map_err(|e| e.to_string())?;
    if value < 0 {
        return Err(format!("{text} is negative"));
    }
    Ok(value)
}

/// A positive number of seconds.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let value: f64 = text.parse().map_err(|_| format!("{text:?} is no number"))?;
    match Duration::try_from_secs_f64(value) {
        Ok(d) if !d.is_zero() => Ok(d),
        _ => Err(format!("{text} is not a positive number of seconds")),
    }
}

/// The name of a norm.
pub fn norm(text: &str) -> Result<Norm, String> {
    Norm::ALL
        .into_iter()
        .find(|n| n.name() == text)
        .ok_or_else(|| format!("{text:?} is not linf, l2 or l1"))
}

/// The semantics that an answer can have.
pub fn semantics(text: &str) -> Result<Semantics, String> {
    [Semantics::Discrete, Semantics::Float32]
        .into_iter()
        .find(|s| s.to_string() == text)
        .ok_or_else(|| format!("{text:?} is not discrete or float32"))
}

/// Writes a file whole or not at all.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    crate::atomic::write(path, bytes).map_err(|source| Error::Io {
        path: path.into(),
        source,
    })
}

/// Prints one line of standard output; a closed pipe ends the command quietly.
pub fn print(line: &str) -> Result<(), Error> {
    writeln!(std::io::stdout().lock(), "{line}").map_err(|source| match source.kind() {
        std::io::ErrorKind::BrokenPipe => Error::Closed,
        _ => Error::Io {
            path: "standard output".into(),
            source,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_positive() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for text in ["0", "-1", "nan", "inf", "", "1e400"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
