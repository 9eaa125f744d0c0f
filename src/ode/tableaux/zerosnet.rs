//! The ZeroSNet family (Chen, Jin, Shang 2022): three steps, one activation
//! term, order 2, one parameter λ; the first two steps are Euler's.

use super::{euler, q};
use crate::exact::Rational;
use crate::ode::{Error, Multistep};

/// The member at `lambda`:
/// `a0 = (3λ+3)/(4λ)`, `a1 = -1/λ`, `a2 = (λ+1)/(4λ)`, `b0 = (3λ-1)/(2λ)`.
pub(super) fn member(lambda: &Rational) -> Result<Multistep, Error> {
    if *lambda == 0 {
        return Err(Error::Inconsistent {
            method: "zerosnet".into(),
            what: "λ".into(),
            found: Rational::new(),
            expected: "not zero".into(),
        });
    }
    let three = Rational::from(lambda * 3u32);
    let four = Rational::from(lambda * 4u32);
    let two = Rational::from(lambda * 2u32);
    let a0 = Rational::from(&three + 3u32) / &four;
    let a1 = -(q(1, 1) / lambda);
    let a2 = Rational::from(lambda + 1u32) / &four;
    let b0 = Rational::from(&three - 1u32) / &two;
    Multistep::new(
        format!("zerosnet({lambda})"),
        vec![-a2, -a1, -a0, q(1, 1)],
        vec![q(0, 1), q(0, 1), b0, q(0, 1)],
        euler::table(),
    )
}

/// λ = -9/5, where the largest parasitic root is smallest (1/3, double).
pub(super) fn optimal() -> Multistep {
    member(&q(-9, 5)).expect("λ is not zero")
}
