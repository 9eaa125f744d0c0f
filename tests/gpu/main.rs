//! The GPU executor against a naive f64 reference, within the error that each
//! shader's header states (the WGSL model: either neighbour, any order, fused or
//! not, subnormals flushed or not). Each case also runs with the bindings cut
//! small, and on the CPU executor, whose arithmetic the same bounds cover.
#![cfg(feature = "gpu")]

mod attack;
mod conv;
mod elementwise;
mod index;
mod limits;
mod linear;
mod loss;
mod model;
mod optimiser;
mod rig;
mod shaders;
