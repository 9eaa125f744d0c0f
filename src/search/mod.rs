//! Search proposes (attacks, radii, slopes, splits); `bounds` and exact
//! evaluation dispose. Nothing in this folder is a claim of its own: what it
//! returns as proved was established by `bounds`.

pub mod attack;
pub mod certify;
mod method;
mod radius;
pub mod verify;
pub mod witness;

pub use method::{Method, UnknownMethod};
pub use radius::{Radius, RadiusSearch, certified_radius};
