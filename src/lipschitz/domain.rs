//! Where a Lipschitz constant is to hold.

use ndarray::Array2;

use super::Error;
use crate::rounding::Boxes;
use crate::verify::Region;

/// A convex set of inputs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Domain {
    /// the whole space
    Everywhere,
    /// `lo <= x <= hi`, elementwise, finite
    Box {
        /// lower ends
        lo: Vec<f64>,
        /// upper ends
        hi: Vec<f64>,
    },
}

impl Domain {
    /// A box. Errors when lengths differ, an end is not finite or `lo > hi`.
    pub fn boxed(lo: Vec<f64>, hi: Vec<f64>) -> Result<Domain, Error> {
        if lo.len() != hi.len() {
            return Err(Error::Length {
                found: hi.len(),
                expected: lo.len(),
            });
        }
        for (index, (&lo, &hi)) in lo.iter().zip(&hi).enumerate() {
            if !(lo <= hi && lo.is_finite() && hi.is_finite()) {
                return Err(Error::Element { index, lo, hi });
            }
        }
        Ok(Domain::Box { lo, hi })
    }

    /// The smallest box around a region: a constant over it holds on the region.
    pub fn around(region: &Region) -> Domain {
        let (lo, hi) = region.outer_box();
        Domain::Box { lo, hi }
    }

    /// The box, shape (1, n), if bounded.
    pub(super) fn boxes(&self) -> Option<Boxes> {
        match self {
            Domain::Everywhere => None,
            Domain::Box { lo, hi } => {
                let row = |v: &Vec<f64>| Array2::from_shape_fn((1, v.len()), |(_, i)| v[i]);
                Some(Boxes::new(row(lo), row(hi)))
            }
        }
    }

    /// The box of sample 0.
    pub(super) fn from_boxes(boxes: Option<&Boxes>) -> Domain {
        match boxes {
            Some(b) => Domain::Box {
                lo: b.lo().row(0).to_vec(),
                hi: b.hi().row(0).to_vec(),
            },
            None => Domain::Everywhere,
        }
    }

    /// The name in results.
    pub fn name(&self) -> &'static str {
        match self {
            Domain::Everywhere => "everywhere",
            Domain::Box { .. } => "box",
        }
    }
}
