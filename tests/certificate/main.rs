//! Certificates: what holds is accepted, what was changed is not.
#![allow(clippy::unwrap_used)] // a failing line is all a test has to say

mod accept;
mod adversarial;
mod corpus;
mod evidence;
mod multistep;
mod mutate;
mod networks;
mod query;
mod root;
mod schema;
