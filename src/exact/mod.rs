//! Exact arithmetic: rationals, polynomials, MPFR intervals.

pub use rug::Rational;
