//! dahlquist verifies and certifies ODE networks: neural ODEs, and networks
//! read as discretised ODEs (residual, multistep).
//!
//! Data flows one way:
//!
//! ```text
//! model file ─read─▶ Network ─lower─▶ Graph ─▶ Bounds ─▶ Verdict ─▶ Certificate ─▶ check
//! ```
//!
//! ```
//! use dahlquist::bounds::Method;
//! use dahlquist::network::{Network, build};
//! use dahlquist::ops::Shape;
//! use dahlquist::search::{RadiusSearch, certified_radius};
//! use dahlquist::verify::{Norm, Property, Region};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // An untrained residual network; `Network::load("model.onnx")` reads yours.
//! let network: Network = build::build(&build::Architecture::default(), &Shape::new(&[4]), 3, 1)?;
//! let graph = network.lower()?;
//! let ball = Region::unit(vec![0.25, 0.5, 0.75, 1.0], Norm::Linf, 0.into())?;
//! for label in 0..3 {
//!     let robust = Property::robust(label, 3)?;
//!     let found = certified_radius(&graph, &ball, &robust, RadiusSearch::new(Method::Crown))?;
//!     if let Some((radius, _evidence)) = found.proved {
//!         println!("class {label} is proved within {}", radius.get());
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! `examples/certify_model.rs` goes on to the certificate and its check.

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
#[cfg(feature = "testkit")]
pub mod testkit;

pub mod train;
pub mod verify;
