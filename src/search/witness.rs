//! From an attack's candidate to a witness.

use crate::bounds::{self, Method, analyze};
use crate::exact::Rational;
use crate::graph::Graph;
use crate::rounding::{Interval, eft};
use crate::verify::{Norm, Property, Region, Row};

/// A point of the region at which the property fails. Evidence `witness`:
/// membership was decided in rational arithmetic, the violated row proved not
/// positive by an interval evaluation at the point (semantics `discrete`).
#[derive(Clone, Debug, PartialEq)]
pub struct Witness {
    x: Vec<f32>,
    row: usize,
    value_up: f64,
    distance_up: f64,
}

impl Witness {
    /// The witness at `candidate`, or `None` if it lies outside the region or
    /// no row is proved to fail there.
    ///
    /// # Errors
    /// As [`analyze`].
    pub fn establish(
        graph: &Graph,
        region: &Region,
        property: &Property,
        candidate: &[f32],
    ) -> Result<Option<Witness>, bounds::Error> {
        if candidate.len() != region.len() || !region.contains_f32(candidate) {
            return Ok(None);
        }
        // A finite point is a region of its own.
        let Ok(point) = Region::new(candidate.to_vec(), Norm::Linf, Rational::new(), None) else {
            return Ok(None);
        };
        let negated = property.rows().iter().map(|row| Row {
            coefficients: row
                .coefficients
                .iter()
                .map(|c| Rational::from(-c))
                .collect(),
            constant: Rational::from(-&row.constant),
        });
        let Ok(negated) = Property::new(negated.collect()) else {
            return Ok(None);
        };
        let outcome = analyze(graph, &point, &negated, Method::Interval)?;
        let worst = outcome
            .lower
            .iter()
            .map(|p| -*p.get())
            .enumerate()
            .min_by(|a, b| a.1.total_cmp(&b.1));
        Ok(worst.filter(|w| w.1 <= 0.0).map(|(row, value_up)| Witness {
            x: candidate.to_vec(),
            row,
            value_up,
            distance_up: distance_up(region.norm(), candidate, region.center()),
        }))
    }

    /// The point.
    pub fn x(&self) -> &[f32] {
        &self.x
    }

    /// The row that fails worst.
    pub fn row(&self) -> usize {
        self.row
    }

    /// An upper bound of that row's value at the point, not positive.
    pub fn value_up(&self) -> f64 {
        self.value_up
    }

    /// An upper bound of the distance from the region's centre.
    pub fn distance_up(&self) -> f64 {
        self.distance_up
    }
}

/// `‖a - b‖`, rounded up.
pub fn distance_up(norm: Norm, a: &[f32], b: &[f32]) -> f64 {
    let gaps = a.iter().zip(b).map(|(&a, &b)| {
        let (a, b) = (f64::from(a), f64::from(b));
        Interval::or_entire(eft::sub_dn(a, b), eft::sub_up(a, b)).mag()
    });
    match norm {
        Norm::Linf => gaps.fold(0.0, f64::max),
        Norm::L1 => gaps.fold(0.0, eft::add_up),
        Norm::L2 => eft::sqrt_up(gaps.fold(0.0, |s, g| eft::add_up(s, eft::mul_up(g, g)))),
    }
}
