//! ONNX files: round trips, real models against onnxruntime, malformed input.

#![allow(clippy::unwrap_used)] // a failure is a failed test

#[path = "onnx/blocks.rs"]
mod blocks;
#[path = "onnx/coefficients.rs"]
mod coefficients;
#[path = "onnx/competition.rs"]
mod competition;
#[path = "onnx/extrema.rs"]
mod extrema;
#[path = "onnx/folding.rs"]
mod folding;
#[path = "onnx/functions.rs"]
mod functions;
#[path = "onnx/malformed.rs"]
mod malformed;
#[path = "onnx/normalise.rs"]
mod normalise;
#[path = "onnx/operators.rs"]
mod operators;
#[path = "onnx/products.rs"]
mod products;
#[path = "onnx/random.rs"]
mod random;
#[path = "onnx/resample.rs"]
mod resample;
#[path = "onnx/round_trip.rs"]
mod round_trip;
#[path = "onnx/runtime.rs"]
mod runtime;
#[path = "onnx/wire.rs"]
mod wire;
