//! Properties of an output.

use crate::exact::Rational;

/// Why a property is not valid.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PropertyError {
    /// Rows of different lengths, or no row.
    #[error("property row {row} has {found} coefficients, expected {expected}")]
    Length {
        /// the row
        row: usize,
        /// its coefficients
        found: usize,
        /// the coefficients of the first row
        expected: usize,
    },
    /// The label is not a class.
    #[error("label {label} is not one of {classes} classes")]
    Label {
        /// the label
        label: usize,
        /// number of classes
        classes: usize,
    },
    /// A property needs at least one row.
    #[error("a property needs at least one row")]
    Empty,
}

/// The functional `Σ c_i y_i + constant` of the output `y`, exact.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// one coefficient per output
    pub coefficients: Vec<Rational>,
    /// additive constant
    pub constant: Rational,
}

impl Row {
    /// The value at an exact output.
    pub fn value(&self, y: &[Rational]) -> Rational {
        let mut sum = self.constant.clone();
        for (c, y) in self.coefficients.iter().zip(y) {
            sum += Rational::from(c * y);
        }
        sum
    }
}

/// A conjunction of linear constraints on the output: it holds iff the value of
/// **every** row is positive.
#[derive(Clone, Debug, PartialEq)]
pub struct Property {
    rows: Vec<Row>,
}

impl Property {
    /// A property of one or more rows of equal length.
    pub fn new(rows: Vec<Row>) -> Result<Property, PropertyError> {
        let Some(first) = rows.first() else {
            return Err(PropertyError::Empty);
        };
        let expected = first.coefficients.len();
        for (row, r) in rows.iter().enumerate() {
            if r.coefficients.len() != expected {
                return Err(PropertyError::Length {
                    row,
                    found: r.coefficients.len(),
                    expected,
                });
            }
        }
        Ok(Property { rows })
    }

    /// `label` is the strict maximum: one row `y_label - y_j` per other class,
    /// in class order.
    pub fn robust(label: usize, classes: usize) -> Result<Property, PropertyError> {
        if label >= classes {
            return Err(PropertyError::Label { label, classes });
        }
        let rows = (0..classes)
            .filter(|&j| j != label)
            .map(|j| {
                let mut coefficients = vec![Rational::new(); classes];
                coefficients[label] = Rational::from(1);
                coefficients[j] = Rational::from(-1);
                Row {
                    coefficients,
                    constant: Rational::new(),
                }
            })
            .collect();
        Property::new(rows)
    }

    /// The rows.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Number of outputs the property is about.
    pub fn outputs(&self) -> usize {
        self.rows[0].coefficients.len()
    }

    /// Whether it holds at an exact output.
    pub fn holds(&self, y: &[Rational]) -> bool {
        self.rows.iter().all(|r| r.value(y) > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn robustness_is_strict() {
        let p = Property::robust(1, 3).unwrap();
        let y = |v: [i32; 3]| v.map(Rational::from);
        assert!(p.holds(&y([0, 1, 0])));
        assert!(!p.holds(&y([1, 1, 0])) && !p.holds(&y([0, 1, 2])));
        assert_eq!(p.rows()[1].value(&y([0, 1, 2])), -1);
        assert!(matches!(
            Property::robust(3, 3),
            Err(PropertyError::Label { .. })
        ));
        assert!(matches!(Property::robust(0, 1), Err(PropertyError::Empty)));
    }
}
