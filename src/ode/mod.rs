//! ODE methods as exact data, and their unrolling into graphs.

mod method;
pub mod solve;
mod system;
mod tableaux;
pub mod taylor;
mod unroll;

pub use method::{Error, Method, Multistep, Tableau};
pub use system::{System, SystemBuilder, Term};
pub use tableaux::{by_name, registry};
pub use unroll::{Field, unroll};
