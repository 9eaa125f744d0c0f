//! The SSP coefficient (radius of absolute monotonicity) of a linear multistep method.
//!
//! Write the method as `y_n = Σ_{i≥1} a_i y_{n−i} + h Σ_{i≥0} b_i f_{n−i}`. It is strong stability
//! preserving under `h ≤ C h_FE` with `C = min a_i/b_i` over `i ≥ 1` with `b_i > 0`, provided all
//! `a_i ≥ 0` and `b_i ≥ 0`; otherwise `C = 0`.
//!
//! # References
//!
//! S. Gottlieb, D. Ketcheson, C.-W. Shu, *Strong Stability Preserving Runge–Kutta and Multistep Time
//! Discretizations*, 2011, chapter 8; H. W. J. Lenferink, Numer. Math. 55, 1989.

use super::{Kind, LinearMultistep};
use crate::exact::Rational;

/// The coefficient `C`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ssp {
    /// `C ≥ 0`; 0 means no step size is covered.
    Finite(Rational),
    /// Every step size: no old slope enters (backward Euler).
    Infinite,
}

/// The coefficient, or `None` for second-order equations.
///
/// # Examples
///
/// ```
/// use dahlquist::multistep::{by_name, ssp::{ssp, Ssp}};
/// use dahlquist::exact::Rational;
/// let method = by_name("zerosnet(-9/5)").expect("known");
/// assert_eq!(ssp(&method), Some(Ssp::Finite(Rational::from((3, 16)))));
/// ```
pub fn ssp(method: &LinearMultistep) -> Option<Ssp> {
    if method.kind() == Kind::Second {
        return None;
    }
    let k = method.steps();
    let (alpha, beta) = (&method.alpha()[..k], method.beta());
    if alpha.iter().any(|a| *a > 0) || beta.iter().any(|b| *b < 0) {
        return Some(Ssp::Finite(Rational::new()));
    }
    let ratios = alpha.iter().zip(beta).filter(|(_, b)| **b != 0);
    let least = ratios.map(|(a, b)| -Rational::from(a / b)).min();
    Some(least.map_or(Ssp::Infinite, Ssp::Finite))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::multistep::by_name;

    #[test]
    fn simple_methods() {
        let value = |name: &str| ssp(&by_name(name).expect(name)).expect("first order");
        assert_eq!(value("euler"), Ssp::Finite(Rational::from(1)));
        assert_eq!(value("ab2"), Ssp::Finite(Rational::new()));
        assert_eq!(value("bdf1"), Ssp::Infinite);
        assert_eq!(value("zerosnet(-3)"), Ssp::Finite(Rational::from((3, 10))));
        assert_eq!(ssp(&by_name("verlet").expect("known")), None);
    }
}
