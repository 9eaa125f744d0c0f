//! dahlquist verifies and certifies ODE networks: neural ODEs, and networks
//! read as discretised ODEs (residual, multistep).
//!
//! Data flows one way:
//!
//! ```text
//! model file ─read─▶ Network ─lower─▶ Graph ─▶ Bounds ─▶ Verdict ─▶ Certificate ─▶ check
//! ```

mod atomic;
pub mod bounds;
pub mod certificate;
pub mod check;
#[cfg(feature = "cli")]
pub mod cli;
pub mod data;
pub mod exact;
pub mod exec;
pub mod graph;
pub mod lipschitz;
pub mod multistep;
pub mod network;
pub mod ode;
pub mod ops;
pub mod report;
pub mod rounding;
pub mod search;
#[doc(hidden)]
pub mod testkit;
pub mod train;
pub mod verify;
