//! Sine and cosine: what they share.
//!
//! On `φ' = s`, `|s| < 1`, a wave has `φ = ±√(1 - s²)`: the maxima of `φ - s t`
//! lie at `p + 2kπ`, the minima at `q + 2kπ`. Their values change with `k` by
//! `-2π s`, so of those inside an interval only the first and the last matter.

use super::TurningPoint;
use super::relaxation::{at_ends, end};
use crate::exact::{MpInterval, Rational, mp};
use crate::rounding::{Interval, elementary};

/// The range of the wave with maxima at `top + 2kπ` and minima at
/// `bottom + 2kπ`, given its values at the ends.
pub(super) fn range(x: Interval, ends: Interval, top: Interval, bottom: Interval) -> Interval {
    let mut range = ends;
    for (place, value) in [(top, 1.0), (bottom, -1.0)] {
        if turns(x, place).is_some() {
            range = range.hull(end(value));
        }
    }
    range
}

/// The least and the greatest `k` for which `place + 2kπ` may lie in `x`.
fn turns(x: Interval, place: Interval) -> Option<[f64; 2]> {
    let k = (x - place).divide(elementary::PI.scale(2.0));
    let (first, last) = (k.lo().ceil(), k.hi().floor());
    (first <= last).then_some([first, last])
}

/// Encloses `φ(t) - s t` over `x` for a wave with values `at`, `|s| < 1`: `top`
/// and `bottom` enclose one maximum and one minimum of it.
pub(super) fn residual(
    x: Interval,
    slope: f64,
    at: fn(f64) -> Interval,
    [top, bottom]: [Interval; 2],
) -> Interval {
    let s = end(slope);
    let mut range = at_ends(x, |t| at(t) - end(t) * s);
    // 1 - s² = (1 - s)(1 + s) without cancellation
    let height = ((Interval::ONE - s) * (Interval::ONE + s)).sqrt();
    for (place, height) in [(top, height), (bottom, -height)] {
        let Some(k) = turns(x, place) else { continue };
        let [first, last] = k.map(|k| place + elementary::PI.scale(2.0) * end(k));
        // All turns inside x lie between these two, up to their rounding.
        if let Some(t) = first.hull(last).intersect(x) {
            range = range.hull(height - t * s);
        }
    }
    range
}

/// Estimates of the outermost turns of `φ - s t` in `x`, given one of each kind.
pub(super) fn visit(x: Interval, places: [f64; 2], visit: &mut dyn FnMut(f64)) {
    const TURN: f64 = 2.0 * std::f64::consts::PI;
    for place in places {
        visit(place + TURN * ((x.lo() - place) / TURN).ceil());
        visit(place + TURN * ((x.hi() - place) / TURN).floor());
    }
}

/// The turning points in `domain`, those of a kind in one enclosure, given one maximum and one minimum
/// of `φ - s t` and `√(1 - s²)`.
pub(super) fn turning_points(
    domain: &MpInterval,
    s: &MpInterval,
    height: &MpInterval,
    places: [MpInterval; 2],
) -> Result<Vec<TurningPoint>, mp::Error> {
    let bits = domain.precision();
    let turn = MpInterval::pi(bits)?.mul(&MpInterval::from_f64(bits, 2.0)?);
    let mut points = Vec::new();
    for (place, height) in places.into_iter().zip([height.clone(), height.neg()]) {
        let Some((first, last)) = domain.sub(&place).div(&turn)?.integers() else {
            continue;
        };
        let at = |k| {
            let k = MpInterval::from_rational(bits, &Rational::from(k))?;
            Ok::<_, mp::Error>(place.add(&turn.mul(&k)))
        };
        // All turns inside the domain lie between these two, up to their rounding.
        if let Some(at) = domain.intersect(&at(first)?.hull(&at(last)?)) {
            let value = height.sub(&s.mul(&at));
            points.push(TurningPoint { at, value });
        }
    }
    Ok(points)
}

/// `√(1 - s²)`
pub(super) fn height(s: &MpInterval) -> Result<MpInterval, mp::Error> {
    let one = MpInterval::from_f64(s.precision(), 1.0)?;
    one.sub(s).mul(&one.add(s)).sqrt()
}
