//! What is bounded from below.

use crate::exact::Rational;
use crate::verify::Property;

/// `Σ x_i a_i + Σ y_j b_j + constant`, a functional of input and output, exact
/// and sparse.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Functional {
    /// coefficients of the input
    pub x: Vec<(usize, Rational)>,
    /// coefficients of the output
    pub y: Vec<(usize, Rational)>,
    /// additive constant
    pub constant: Rational,
}

/// Functionals to bound.
#[derive(Clone, Debug, Default)]
pub struct Objective {
    rows: Vec<Functional>,
    zero: Rational,
}

impl Objective {
    /// Of these functionals.
    pub fn new(rows: Vec<Functional>) -> Objective {
        Objective {
            rows,
            zero: Rational::new(),
        }
    }

    /// The rows of a property.
    pub fn of_property(property: &Property) -> Objective {
        let sparse = |c: &[Rational]| {
            let all = c.iter().cloned().enumerate();
            all.filter(|(_, c)| *c != 0).collect()
        };
        let row = |r: &crate::verify::Row| Functional {
            x: Vec::new(),
            y: sparse(&r.coefficients),
            constant: r.constant.clone(),
        };
        Objective::new(property.rows().iter().map(row).collect())
    }

    /// The functionals.
    pub fn functionals(&self) -> &[Functional] {
        &self.rows
    }

    /// Number of functionals.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Some functional reads the input.
    pub fn has_inputs(&self) -> bool {
        self.rows.iter().any(|r| !r.x.is_empty())
    }

    pub(super) fn row(&self, k: usize) -> (&[(usize, Rational)], &Rational) {
        (&self.rows[k].y, &self.rows[k].constant)
    }

    pub(super) fn input_row(&self, k: usize) -> (&[(usize, Rational)], &Rational) {
        (&self.rows[k].x, &self.zero)
    }
}
