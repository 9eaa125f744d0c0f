//! Consistency, order and error constants, exactly.
//!
//! With `d = 1` or `2` the order of the equation,
//! `C_q = (1/q!) ( Σ j^q alpha_j − q(q−1)…(q−d+1) Σ j^(q−d) beta_j )`
//! are the coefficients of the local error `Σ C_q h^q y^(q)`. The order `p` is the largest with
//! `C_0 = … = C_{p+d−1} = 0`; the error constant is the first non-zero one, `C_{p+d}`. The method
//! is consistent when `p ≥ 1`.
//!
//! # References
//!
//! E. Hairer, S. P. Nørsett, G. Wanner, *Solving Ordinary Differential Equations I*, 2nd ed. 1993,
//! section III.2, equations (2.6) and (2.7), and section III.10 for second order.

use super::LinearMultistep;
use crate::exact::{Integer, Rational};

/// What the order conditions say about a method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The order `p`; `None` where even order 0 fails (`C_0 ≠ 0`, or `C_1 ≠ 0` for second-order
    /// equations).
    pub order: Option<usize>,
    /// The first non-zero `C_q`.
    pub error_constant: Rational,
    /// That constant divided by `σ(1)`; `None` where `σ(1) = 0`.
    pub normalised: Option<Rational>,
}

impl Order {
    /// Whether the method is consistent: `p ≥ 1`.
    pub fn consistent(&self) -> bool {
        self.order.is_some_and(|p| p >= 1)
    }
}

/// The coefficient `C_q` of the local error.
pub fn error_coefficient(method: &LinearMultistep, q: usize) -> Rational {
    let d = method.kind().derivative();
    let moment = |list: &[Rational], power: usize| {
        list.iter()
            .enumerate()
            .fold(Rational::new(), |sum, (j, c)| {
                // 0^0 = 1 is what the formula means.
                sum + Rational::from(c * Integer::from(Integer::u_pow_u(j as u32, power as u32)))
            })
    };
    let mut value = moment(method.alpha(), q);
    if q >= d {
        let falling: u64 = (0..d).map(|i| (q - i) as u64).product();
        value -= moment(method.beta(), q - d) * falling;
    }
    value / Integer::from(Integer::factorial(q as u32))
}

/// Order and error constants of a method.
pub fn order(method: &LinearMultistep) -> Order {
    let d = method.kind().derivative();
    let mut q = 0;
    // Ends: all C_q = 0 would mean ρ(e^h) = h^d σ(e^h), a rational function equal to a power of
    // the logarithm.
    let error_constant = loop {
        let c = error_coefficient(method, q);
        if c != 0 {
            break c;
        }
        q += 1;
    };
    let sigma_one = method.sigma().eval(&Rational::from(1));
    let normalised = (sigma_one != 0).then(|| Rational::from(&error_constant / &sigma_one));
    Order {
        order: q.checked_sub(d),
        error_constant,
        normalised,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::rational::parse_list;
    use crate::multistep::Kind;

    fn method(kind: Kind, alpha: &str, beta: &str) -> LinearMultistep {
        let list = |text| parse_list(text).expect("literal");
        LinearMultistep::new("test", kind, list(alpha), list(beta)).expect("valid")
    }

    #[test]
    fn known_constants() {
        let trapezoidal = order(&method(Kind::First, "-1 1", "1/2 1/2"));
        assert_eq!(
            (trapezoidal.order, trapezoidal.error_constant),
            (Some(2), Rational::from((-1, 12)))
        );
        let numerov = order(&method(Kind::Second, "1 -2 1", "1/12 5/6 1/12"));
        assert_eq!(
            (numerov.order, numerov.error_constant),
            (Some(4), Rational::from((-1, 240)))
        );
    }

    #[test]
    fn inconsistent_methods() {
        let wrong_slope = order(&method(Kind::First, "-1 1", "2 0"));
        assert_eq!(wrong_slope.order, Some(0));
        assert!(!wrong_slope.consistent());
        let wrong_sum = order(&method(Kind::First, "-1 -1 -1 1", "0 0 1 0"));
        assert_eq!(wrong_sum.order, None);
        assert_eq!(wrong_sum.error_constant, -2);
        let no_sigma = order(&method(Kind::First, "-1 1", "-1 1"));
        assert_eq!(no_sigma.normalised, None);
        let second = order(&method(Kind::Second, "-1 1", "0 0"));
        assert_eq!(
            (second.order, second.error_constant),
            (None, Rational::from(1))
        );
    }

    #[test]
    fn scaling_is_to_monic() {
        let bdf2 = method(Kind::First, "1 -4 3", "0 0 2");
        assert_eq!(bdf2, method(Kind::First, "1/3 -4/3 1", "0 0 2/3"));
    }
}
