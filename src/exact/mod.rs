//! Exact and enclosing arithmetic: rationals, polynomials, MPFR intervals, hexadecimal floats.
//!
//! This is the ground on which every exact statement of the crate stands, so it imports nothing
//! else from the crate. There are two kinds of number here and they are never mixed silently:
//!
//! | type | is | errors |
//! |---|---|---|
//! | [`Rational`], [`Poly`], [`RatFunc`] | exact | none |
//! | [`MpInterval`] | an enclosure, outward rounded at a stated precision | contains the true value |
//!
//! What each file does:
//!
//! - [`rational`]: exact parsing of `p/q`, integers and decimals within stated size limits, one
//!   canonical spelling, exact conversion from IEEE numbers.
//! - [`poly`]: polynomials in one variable over ℚ: ring operations, greatest common divisor,
//!   square-free decomposition (Yun), resultant.
//! - `modular`, `descartes`: gcds through images modulo primes, real-root isolation by Descartes' rule.
//! - [`sturm`]: sign-change chains: real-root counts, root isolation, Cauchy index.
//! - [`algebraic`]: real algebraic numbers with small polynomials, radicals and decimals.
//! - [`extension`]: the field of one algebraic number and polynomials over it.
//! - [`bernstein`]: signs of polynomials on boxes.
//! - [`bipoly`]: polynomials whose coefficients are polynomials in a parameter.
//! - [`mpoly`]: polynomials in several variables and their quotients; [`nested`]: their ranges.
//! - [`ratfunc`]: reduced quotients of polynomials and a small parser for them.
//! - [`mp`]: outward-rounded intervals over MPFR with elementary functions.
//! - [`hexfloat`]: one C99 hexadecimal spelling per finite `f64`.
//!
//! # Examples
//!
//! ```
//! use dahlquist::exact::{Poly, rational};
//!
//! // r³ − r = r (r − 1) (r + 1) has two roots in (−2, 1/2]: −1 and 0.
//! let p = Poly::from_integers(&[0, -1, 0, 1]);
//! let a = rational::parse("-2").expect("literal");
//! let b = rational::parse("0.5").expect("literal");
//! assert_eq!(dahlquist::exact::sturm::count_roots(&p, Some(&a), Some(&b)), 2);
//! ```

pub mod algebraic;
pub mod bernstein;
pub mod bipoly;
mod descartes;
pub mod extension;
pub mod hexfloat;
mod modular;
pub mod mp;
pub mod mpoly;
pub mod nested;
pub mod poly;
pub mod ratfunc;
pub mod rational;
pub mod sturm;

pub use bipoly::BiPoly;
pub use mp::MpInterval;
pub use mpoly::{MPoly, MRatFunc};
pub use poly::Poly;
pub use ratfunc::RatFunc;
pub use rational::{Integer, Rational};
