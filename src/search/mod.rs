//! Searches: they choose what to prove. What they return is established by
//! `bounds`.

mod radius;

pub use radius::{Radius, RadiusSearch, certified_radius};
