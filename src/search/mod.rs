//! Search proposes (attacks, slopes, splits); `bounds` and exact evaluation
//! dispose. Nothing in this folder is a claim.

pub mod attack;
