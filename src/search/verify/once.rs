//! Bounds of every constraint over the whole of each case's box; no search.

use super::point::Places;
use super::{Counters, Error, Limits, Outcome};
use crate::bounds::{self, Functional, Objective, bound_box};
use crate::graph::Graph;
use crate::rounding::{Boxes, Interval};
use crate::verify::{Query, Reason};

/// Decides by bounds alone; also gives the lower bounds, one list per case:
/// those of its constraints, conjunction after conjunction.
pub(super) fn bound(
    graph: &Graph,
    query: &Query,
    places: &[Places],
    method: bounds::Method,
    limits: &Limits<'_>,
    counters: &mut Counters,
) -> Result<(Outcome, Vec<Vec<f64>>), Error> {
    let stop = || limits.expired();
    let (mut all, mut open) = (Vec::new(), false);
    for (case, places) in query.cases.iter().zip(places) {
        let constraints = || case.violation.iter().flat_map(|c| &c.constraints);
        let rows = constraints().map(|c| Functional {
            x: c.x.clone(),
            y: c.y.clone(),
            constant: c.constant.clone(),
        });
        let boxes = Boxes::from_shape_fn((1, places.lo.len()), |_, i| {
            Interval::or_entire(places.lo[i], places.hi[i])
        });
        let objective = Objective::new(rows.collect());
        let (lower, work) = bound_box(graph, boxes, &objective, method, &stop)?;
        counters.bounds.add(work);
        let lower: Vec<f64> = lower.into_iter().map(|l| l.into_inner()).collect();
        let mut bounds = lower.iter();
        // A conjunction is excluded with any one of its members.
        for conjunction in &case.violation {
            let members = conjunction.constraints.iter().zip(bounds.by_ref());
            let excluded = members
                .filter(|(c, l)| **l > 0.0 || (c.strict && **l >= 0.0))
                .count();
            open |= excluded == 0;
        }
        all.push(lower);
    }
    let outcome = match (open, limits.expired()) {
        (false, _) => Outcome::Verified,
        (true, true) => Outcome::Timeout,
        (true, false) => Outcome::Unknown(Reason::Bound),
    };
    Ok((outcome, all))
}
