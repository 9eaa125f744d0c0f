//! dahlquist verifies and certifies ODE networks: neural ODEs, and networks
//! read as discretised ODEs (residual, multistep).
//!
//! Data flows one way:
//!
//! ```text
//! model file ─read─▶ Network ─lower─▶ Graph ─▶ Bounds ─▶ Verdict ─▶ Certificate ─▶ check
//! ```

pub mod bounds;
pub mod certificate;
pub mod check;
pub mod exact;
pub mod exec;
pub mod graph;
pub mod multistep;
pub mod network;
pub mod ode;
pub mod ops;
pub mod rounding;
pub mod search;
#[doc(hidden)]
pub mod testkit;
pub mod verify;
