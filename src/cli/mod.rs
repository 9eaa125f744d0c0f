//! The command line: one file per command. A command parses its arguments,
//! calls the library and prints; it computes nothing itself.
//!
//! `--json` prints one JSON object per line on standard output and nothing else
//! there; progress and logs go to standard error. Exit codes: 0 done (whatever
//! the verdict), 1 the input is bad or unusable, 2 usage.

mod attack;
mod certify;
mod check;
mod common;
mod demo;
mod devices;
mod export;
mod lipschitz;
pub mod multistep;
mod multistep_cells;
mod multistep_certificates;
mod multistep_model;
mod multistep_pair;
mod multistep_picture;
mod multistep_steps;
mod multistep_svg;
mod progress;
mod report;
pub mod results;
mod train;
mod verify;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// the file
        path: PathBuf,
        /// why
        source: io::Error,
    },
    /// Standard output was closed by its reader.
    #[error("standard output was closed")]
    Closed,
    /// A result file belongs to another run.
    #[error("{}: not a result file of this run, line: {found}", path.display())]
    Resume {
        /// the file
        path: PathBuf,
        /// the line found
        found: String,
    },
    /// An option's value does not fit the model or data.
    #[error("{option}: {problem}")]
    Option {
        /// the option
        option: &'static str,
        /// what is wrong
        problem: String,
    },
    /// The model cannot be read.
    #[error(transparent)]
    Network(#[from] crate::network::Error),
    /// The model or weights file cannot be read or written.
    #[error(transparent)]
    Model(#[from] crate::network::file::Error),
    /// The data cannot be read.
    #[error(transparent)]
    Data(#[from] crate::data::Error),
    /// The executor failed.
    #[error(transparent)]
    Exec(#[from] crate::exec::Error),
    /// Training failed.
    #[error(transparent)]
    Train(#[from] crate::train::Error),
    /// An attack failed.
    #[error(transparent)]
    Attack(#[from] crate::search::attack::Error),
    /// A sample cannot be certified.
    #[error(transparent)]
    Certify(#[from] crate::search::certify::Error),
    /// A certificate cannot be made.
    #[error(transparent)]
    Write(#[from] crate::certificate::write::Error),
    /// A certificate cannot be read or written.
    #[error(transparent)]
    Certificate(#[from] crate::certificate::Error),
    /// A Lipschitz bound cannot be computed.
    #[error(transparent)]
    Lipschitz(#[from] crate::lipschitz::Error),
    /// A specification cannot be read.
    #[error(transparent)]
    Specification(#[from] crate::verify::vnnlib::FileError),
    /// A question cannot be worked on.
    #[error("{}: {source}", path.display())]
    Verify {
        /// the specification
        path: PathBuf,
        /// why
        source: crate::search::verify::Error,
    },
    /// The checker refused certificates that were just written.
    #[error("{rejected} certificates were rejected by the checker")]
    Rejected {
        /// how many
        rejected: usize,
    },
    /// An attack lies inside a certified radius: a fault of this program.
    #[error(
        "{network}, sample {sample}: a witness at distance {distance} lies inside the certified radius {radius}; please report this"
    )]
    Contradiction {
        /// the network
        network: String,
        /// the sample
        sample: usize,
        /// the certified radius
        radius: f64,
        /// the witness's distance
        distance: f64,
    },
    /// A multistep method cannot be analysed.
    #[error(transparent)]
    Multistep(#[from] multistep::Error),
    /// The floating-point environment is not the one the proofs assume.
    #[error(transparent)]
    Environment(#[from] crate::rounding::EnvironmentError),
}

/// Verification and certification of ODE networks.
#[derive(Debug, Parser)]
#[command(name = "dahlquist", version, about, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options that every command takes.
#[derive(Clone, Debug, clap::Args)]
pub struct Global {
    /// One JSON object per line on standard output, and nothing else there
    #[arg(long, global = true)]
    pub json: bool,
    /// Worker threads [default: one per core]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Where training and attacks run: auto, cpu, gpu, or part of an adapter's name
    #[arg(long, global = true, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
    /// Random seed
    #[arg(long, global = true, value_name = "S", default_value_t = 0)]
    pub seed: u64,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train, attack, certify and check three small networks on bundled data; write a report
    Demo(demo::Args),
    /// Train a network from a TOML file
    Train(train::Args),
    /// Attack a model; per-sample outcome and adversarial examples
    Attack(attack::Args),
    /// Certify a model on data, at one ε or by the largest proved radius
    Certify(certify::Args),
    /// Answer a question about a network: ONNX and VNN-LIB
    Verify(verify::Args),
    /// Re-establish certificates in exact arithmetic; exit 0 only if all hold
    Check(check::Args),
    /// Lipschitz constants: proved upper bounds, witnessed lower bounds
    Lipschitz(lipschitz::Args),
    /// Exact analysis of linear multistep methods
    #[command(subcommand)]
    Multistep(Multistep),
    /// Write a model as plain ONNX that any runtime can run
    Export(export::Args),
    /// Make an HTML report from result files
    Report(report::Args),
    /// List adapters, their limits, and which one `auto` picks
    Devices,
}

#[derive(Debug, Subcommand)]
enum Multistep {
    /// Consistency, order, error constant, root condition of one method or a file of methods
    Analyze(multistep::AnalyzeArgs),
    /// The zero-stability region of a family: exact in one parameter, proved boxes in two or three
    Region(multistep::RegionArgs),
    /// Variable-step BDF: exact critical ratios, proved intervals for arbitrary sequences
    Variable(multistep_steps::VariableArgs),
    /// Coefficients that change from layer to layer: bounds of all products of companion matrices
    Layers(multistep_steps::LayersArgs),
    /// Predictor-corrector pairs: order, zero-stability, the exact real interval of stability
    Pair(multistep_pair::PairArgs),
    /// General linear methods: the root condition of V, consistency
    Glm(multistep_pair::GlmArgs),
}

/// Runs the parsed command.
///
/// # Errors
/// [`Error`]; the caller prints it and exits with 1.
pub fn run(cli: &Cli) -> Result<ExitCode, Error> {
    common::start(&cli.global)?;
    let global = &cli.global;
    match &cli.command {
        Command::Demo(args) => demo::run(args, global)?,
        Command::Lipschitz(args) => lipschitz::run(args, global)?,
        Command::Train(args) => train::run(args, global)?,
        Command::Attack(args) => attack::run(args, global)?,
        Command::Certify(args) => certify::run(args, global)?,
        Command::Verify(args) => verify::run(args, global)?,
        Command::Check(args) => return check::run(args, global),
        Command::Multistep(Multistep::Analyze(args)) => {
            multistep::analyze(args, global.json, &mut io::stdout().lock())?
        }
        Command::Multistep(Multistep::Region(args)) => {
            multistep::region(args, global.json, &mut io::stdout().lock())?
        }
        Command::Multistep(Multistep::Variable(args)) => {
            multistep_steps::variable(args, global.json, &mut io::stdout().lock())?
        }
        Command::Multistep(Multistep::Layers(args)) => {
            multistep_steps::layers(args, global.json, &mut io::stdout().lock())?
        }
        Command::Multistep(Multistep::Pair(args)) => {
            multistep_pair::pair(args, global.json, &mut io::stdout().lock())?
        }
        Command::Multistep(Multistep::Glm(args)) => {
            multistep_pair::glm(args, global.json, &mut io::stdout().lock())?
        }
        Command::Export(args) => export::run(args)?,
        Command::Report(args) => report::run(args)?,
        Command::Devices => devices::run(global)?,
    }
    Ok(ExitCode::SUCCESS)
}
