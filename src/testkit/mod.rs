//! What the test suites and benches share: random graphs. No part of the
//! public interface.

mod graphs;

pub use graphs::{Tape, graph};
