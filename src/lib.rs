//! Verification of ODE networks.

#[cfg(feature = "cli")]
pub mod cli;
pub mod exact;
pub mod multistep;
