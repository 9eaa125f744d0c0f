//! Ranges of polynomials in several variables over boxes, by Horner's rule variable by variable.

use super::mp::MpInterval;
use super::mpoly::MPoly;

/// A polynomial prepared for many evaluations at one precision.
#[derive(Debug, Clone)]
pub enum Nested {
    /// A constant.
    Constant(MpInterval),
    /// Coefficients in the variable of this index, low degree first.
    In(usize, Vec<Nested>),
}

impl Nested {
    /// Prepares a polynomial; `bits` must be a precision that intervals take.
    pub fn new(p: &MPoly, bits: u32) -> Self {
        let variables = p.variables();
        if variables == 0 {
            let c = p.as_constant().unwrap_or_default();
            let c = MpInterval::from_rational(bits, &c).expect("a precision within limits");
            return Self::Constant(c);
        }
        let list = p.coefficients_in(variables - 1);
        Self::In(
            variables - 1,
            list.iter().map(|c| Self::new(c, bits)).collect(),
        )
    }

    /// An enclosure of the range over a box; `None` where the box has too few variables.
    pub fn range(&self, x: &[MpInterval]) -> Option<MpInterval> {
        match self {
            Self::Constant(c) => Some(c.clone()),
            Self::In(v, list) => {
                let x_v = x.get(*v)?;
                let (last, rest) = list.split_last()?;
                rest.iter().rev().try_fold(last.range(x)?, |value, c| {
                    Some(value.mul(x_v).add(&c.range(x)?))
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::Rational;

    #[test]
    fn ranges_hold_values() {
        // x² y − 3 x + 2 on [1, 2] × [−1, 0].
        let (x, y) = (MPoly::variable(0), MPoly::variable(1));
        let p = x.mul(&x).mul(&y).sub(&x.scaled(&Rational::from(3)));
        let p = p.add(&MPoly::constant(Rational::from(2)));
        let nested = Nested::new(&p, 64);
        let interval =
            |a: i64, b: i64| MpInterval::new(64, &Rational::from(a), &Rational::from(b)).unwrap();
        let range = nested.range(&[interval(1, 2), interval(-1, 0)]).unwrap();
        for (a, b) in [(1, -1), (2, -1), (1, 0), (2, 0)] {
            assert!(range.contains(&p.eval(&[Rational::from(a), Rational::from(b)])));
        }
        assert!(nested.range(&[interval(1, 2)]).is_none());
    }
}
