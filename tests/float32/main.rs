//! Semantics `float32`: executions of random graphs in binary32 stay within the
//! proved error of execution, with no tolerance; and networks on which exact and
//! binary32 arithmetic differ are answered rightly under both semantics.

#![allow(clippy::unwrap_used)] // a failure is a failed test

mod contract;
mod machine;
mod traps;
