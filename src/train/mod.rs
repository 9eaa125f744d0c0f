//! Training: a [`Config`] names data, network, objective and schedule; [`train`]
//! runs it on an executor, one submission per step.
//!
//! A run is decided by its configuration: the same seed gives the same weights
//! on the CPU executor, whatever the number of threads, and whether or not the
//! run was interrupted.

mod config;
mod evaluate;
pub mod objective;
mod optimiser;
mod schedule;
mod state;
mod trainer;

pub use config::{Config, Data, Optimiser, Ramp, Schedule};
pub use evaluate::estimate_box_margins;
pub use schedule::Rates;
pub use trainer::{Epoch, Progress, Trained, train};

/// Why a training run failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration is not TOML, or has unknown, missing or mistyped keys.
    #[error("{path}: {message}")]
    Toml {
        /// the file
        path: String,
        /// where and why
        message: String,
    },
    /// A field of the configuration is out of range.
    #[error("{field} = {found}: expected {expected}")]
    Field {
        /// the field
        field: &'static str,
        /// its value
        found: String,
        /// what is allowed
        expected: String,
    },
    /// The network could not be built.
    #[error(transparent)]
    Build(#[from] crate::network::build::Error),
    /// The network could not be lowered.
    #[error(transparent)]
    Network(#[from] crate::network::Error),
    /// The executor failed.
    #[error(transparent)]
    Exec(#[from] crate::exec::Error),
    /// A weight is no longer finite.
    #[error("training diverged in epoch {epoch}: {source}")]
    Diverged {
        /// the epoch
        epoch: usize,
        /// which weight
        source: crate::ops::Error,
    },
    /// The state file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// the file
        path: String,
        /// why
        source: std::io::Error,
    },
    /// The state file is not one, or belongs to another run.
    #[error("{path}: {what} is {found}, expected {expected}; remove the file to start again")]
    State {
        /// the file
        path: String,
        /// which part
        what: String,
        /// what it holds
        found: String,
        /// what this run has
        expected: String,
    },
}
