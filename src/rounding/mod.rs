//! Directed rounding. Every rounding argument of the crate lives in this
//! folder; all other modules compute in round-to-nearest and ask here for the
//! error term.

mod interval;

pub use interval::Interval;
