//! ONNX files: round trips, real models against onnxruntime, malformed input.

#[path = "onnx/competition.rs"]
mod competition;
#[path = "onnx/malformed.rs"]
mod malformed;
#[path = "onnx/random.rs"]
mod random;
#[path = "onnx/round_trip.rs"]
mod round_trip;
#[path = "onnx/runtime.rs"]
mod runtime;
#[path = "onnx/semantics.rs"]
mod semantics;
#[path = "onnx/wire.rs"]
mod wire;
