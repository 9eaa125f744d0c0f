//! Questions about a network: for which inputs is which behaviour wrong.

use crate::exact::Rational;

/// What is asked of a network `y = N(x)`: a counterexample exists iff some case
/// holds for some `x`.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// number of inputs
    pub inputs: usize,
    /// number of outputs
    pub outputs: usize,
    /// alternatives; none is satisfiable by its form alone that is not listed
    pub cases: Vec<Case>,
}

/// A closed, non-empty input box and what would be wrong inside: one of the
/// conjunctions holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// lower ends, one per input
    pub lo: Vec<Rational>,
    /// upper ends, one per input, none below its lower end
    pub hi: Vec<Rational>,
    /// a disjunction; without members no point is a counterexample
    pub violation: Vec<Conjunction>,
}

/// Constraints that all hold; without members it is true.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conjunction {
    /// the members
    pub constraints: Vec<Constraint>,
}

/// `Σ a_i x_i + Σ b_j y_j + constant <= 0`, or `< 0`. Sparse and exact: indices
/// ascend, coefficients are not zero.
#[derive(Clone, Debug, PartialEq)]
pub struct Constraint {
    /// input terms `(i, a_i)`
    pub x: Vec<(usize, Rational)>,
    /// output terms `(j, b_j)`
    pub y: Vec<(usize, Rational)>,
    /// additive constant
    pub constant: Rational,
    /// `<` instead of `<=`
    pub strict: bool,
}

impl Query {
    /// Whether the exact point `x` with the output `y` is a counterexample.
    /// Points of another dimension are not.
    pub fn violated_by(&self, x: &[Rational], y: &[Rational]) -> bool {
        x.len() == self.inputs
            && y.len() == self.outputs
            && self
                .cases
                .iter()
                .any(|case| case.contains(x) && case.violated_by(x, y))
    }
}

impl Case {
    /// Whether the exact point lies in the box.
    pub fn contains(&self, x: &[Rational]) -> bool {
        x.len() == self.lo.len()
            && x.iter()
                .zip(&self.lo)
                .zip(&self.hi)
                .all(|((x, lo), hi)| lo <= x && x <= hi)
    }

    /// Whether some conjunction holds; the box is not looked at.
    ///
    /// # Panics
    /// If a constraint has a term beyond `x` or `y`.
    pub fn violated_by(&self, x: &[Rational], y: &[Rational]) -> bool {
        self.violation.iter().any(|c| c.holds(x, y))
    }
}

impl Conjunction {
    /// Whether every constraint holds.
    ///
    /// # Panics
    /// If a constraint has a term beyond `x` or `y`.
    pub fn holds(&self, x: &[Rational], y: &[Rational]) -> bool {
        self.constraints.iter().all(|c| c.holds(x, y))
    }
}

impl Constraint {
    /// The left side at an exact point.
    ///
    /// # Panics
    /// If a term lies beyond `x` or `y`.
    pub fn value(&self, x: &[Rational], y: &[Rational]) -> Rational {
        let mut sum = self.constant.clone();
        for (i, a) in &self.x {
            sum += Rational::from(a * &x[*i]);
        }
        for (j, b) in &self.y {
            sum += Rational::from(b * &y[*j]);
        }
        sum
    }

    /// Whether it holds at an exact point.
    ///
    /// # Panics
    /// If a term lies beyond `x` or `y`.
    pub fn holds(&self, x: &[Rational], y: &[Rational]) -> bool {
        let value = self.value(x, y);
        if self.strict { value < 0 } else { value <= 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strictness_and_membership_are_exact() {
        let q = |p: i64, d: u64| Rational::from((p, d));
        let constraint = |strict| Constraint {
            x: vec![(0, q(1, 1))],
            y: vec![(1, q(-1, 1))],
            constant: q(1, 3),
            strict,
        };
        let query = |strict| Query {
            inputs: 1,
            outputs: 2,
            cases: vec![Case {
                lo: vec![q(0, 1)],
                hi: vec![q(1, 3)],
                violation: vec![Conjunction {
                    constraints: vec![constraint(strict)],
                }],
            }],
        };
        // x + 1/3 <= y_1, with equality at (1/3, 2/3)
        let y = [q(0, 1), q(2, 3)];
        assert!(query(false).violated_by(&[q(1, 3)], &y));
        assert!(!query(true).violated_by(&[q(1, 3)], &y));
        assert!(query(true).violated_by(&[q(0, 1)], &y));
        assert!(!query(false).violated_by(&[q(-1, 9)], &y), "outside");
        assert!(!query(false).violated_by(&[], &y), "dimension");
        assert_eq!(constraint(true).value(&[q(1, 3)], &y), 0);
    }
}
