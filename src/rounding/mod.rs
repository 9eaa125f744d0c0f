//! Directed rounding. Every rounding argument of the crate lives in this
//! folder; all other modules compute in round-to-nearest and ask here for the
//! error term.
//!
//! | file | owns |
//! |---|---|
//! | [`Precision`] | unit roundoff `u`, underflow unit `η`, `γ_n`; the error of sums in any order |
//! | [`eft`] | scalar operations rounded down or up, by error-free transforms |
//! | [`Interval`] | outward interval arithmetic |
//! | [`elementary`] | enclosures of `exp`, `ln`, `tanh`, … |
//! | [`Boxes`] | arrays of intervals; the affine step with plain matrix products |
//! | [`forms`] | linear functionals: dot products with their error, lower bounds over a box |
//! | [`matmul`], [`Packed`] | the matrix product behind every bound |
//! | `simd` | vector kernels, chosen at run time: the unsafe code |
//! | [`check_environment`] | refuses a thread whose floating-point mode is not the default |

pub mod eft;
pub mod elementary;
pub mod forms;
mod fpenv;
mod gemm;
mod interval;
mod midrad;
mod model;
mod simd;

pub use fpenv::{EnvironmentError, check_environment};
pub(crate) use gemm::{PANEL, VECTOR, add_panel, add_product};
pub use gemm::{Packed, matmul};
pub use interval::Interval;
pub use midrad::Boxes;
pub(crate) use model::short_up;
pub use model::{Precision, SumBound};
pub use simd::Element;
pub(crate) use simd::Offsets;
