//! ODE methods as exact data, and their unrolling into graphs.

mod method;
mod tableaux;
mod unroll;

pub use method::{Error, Method, Multistep, Tableau};
pub use tableaux::{by_name, registry};
pub use unroll::{Field, unroll};
