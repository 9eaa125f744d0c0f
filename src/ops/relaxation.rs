//! What the pointwise files share to relax `φ` between two lines.
//!
//! A relaxation over `[l, u]` is `s_l t + r(s_l).lo <= φ(t) <= s_u t + r(s_u).hi`
//! with `r(s)` the [residual](super::Pointwise::residual). Any slope is sound;
//! the slopes proposed here (untrusted, plain binary64) only decide tightness.
//!
//! References: Zhang et al., *Efficient Neural Network Robustness Certification
//! with General Activation Functions* (CROWN, 2018), section 3.2; Singh et al.,
//! *An Abstract Domain for Certifying Neural Networks* (DeepPoly, 2019).

use super::{Pointwise, SlopeRule};
use crate::rounding::Interval;

/// The hull of `g` at both ends of `x`.
pub(super) fn at_ends(x: Interval, g: impl Fn(f64) -> Interval) -> Interval {
    g(x.lo()).hull(g(x.hi()))
}

/// `{t}` for an end of an interval, where `±∞` stands for arbitrarily large reals.
pub(super) fn end(t: f64) -> Interval {
    Interval::new(t, t).unwrap_or(Interval::ENTIRE)
}

/// Encloses `max(t, α t) - s t`, `0 <= α <= 1`: linear on each side of the
/// kink, where it is zero.
pub(super) fn kinked_residual(alpha: f64, slope: f64, x: Interval) -> Interval {
    if !slope.is_finite() {
        return Interval::ENTIRE;
    }
    let side = |a: f64| end(a) - end(slope);
    let ends = at_ends(x, |t| end(t) * side(if t >= 0.0 { 1.0 } else { alpha }));
    if x.contains(0.0) {
        ends.hull(Interval::ZERO)
    } else {
        ends
    }
}

/// Slopes for `max(t, α t)`: the chord above; below, slope 1 or `α`, whichever
/// leaves the smaller area, or always `α`.
pub(super) fn kinked_slopes(alpha: f64, rule: SlopeRule, x: Interval) -> [f64; 2] {
    let (l, u) = (x.lo(), x.hi());
    if l >= 0.0 {
        return [1.0, 1.0];
    }
    if u <= 0.0 {
        return [alpha, alpha];
    }
    let chord = (u - alpha * l) / (u - l);
    let lower = match rule {
        SlopeRule::Adaptive if u > -l => 1.0,
        SlopeRule::Adaptive | SlopeRule::Flat => alpha,
    };
    [lower, if chord.is_finite() { chord } else { alpha }]
}

/// Slope of the chord over `x`, or of the tangent in the middle where the chord
/// is not usable.
pub(super) fn chord(f: &dyn Pointwise, x: Interval) -> f64 {
    let k = (f.value(x.hi()) - f.value(x.lo())) / (x.hi() - x.lo());
    if k.is_finite() && x.hi() - x.lo() > 1e-9 * x.mag() {
        k
    } else {
        f.slope(x.mid())
    }
}

/// Slopes for a function that is odd about its inflection at 0, convex on the
/// left and concave on the right: the tangent in the middle where it supports,
/// else the tangent through the far end (see
/// [`envelope_slopes`](super::shape::envelope_slopes)).
pub(super) fn s_shaped_slopes(f: &dyn Pointwise, x: Interval) -> [f64; 2] {
    let (l, u) = (x.lo(), x.hi());
    let k = chord(f, x);
    if l >= 0.0 {
        return [k, f.slope(x.mid())];
    }
    if u <= 0.0 {
        return [f.slope(x.mid()), k];
    }
    let (m, far) = (x.mid(), if x.mid() < 0.0 { u } else { l });
    let tangent = f.slope(m);
    // Beyond the inflection the far end decides whether the tangent supports.
    let rise = f.value(far) - f.value(m) - tangent * (far - m);
    let supports = m != 0.0 && x.is_bounded() && rise * (far - m) >= 0.0;
    [
        if supports && m < 0.0 {
            tangent
        } else {
            tangent_from(f, -u, -l, k)
        },
        if supports && m > 0.0 {
            tangent
        } else {
            tangent_from(f, l, u, k)
        },
    ]
}

/// The slope of the tangent through `(l, φ(l))` that touches `φ` at some
/// `d ∈ [0, u]`, or the chord's where it stays above `φ`; `l < 0 < u`.
fn tangent_from(f: &dyn Pointwise, l: f64, u: f64, chord: f64) -> f64 {
    if f.slope(u) >= chord || !l.is_finite() {
        return chord;
    }
    let base = f.value(l);
    let (mut lo, mut hi) = (0.0, u.min(64.0));
    for _ in 0..24 {
        let d = 0.5 * (lo + hi);
        if f.slope(d) * (d - l) > f.value(d) - base {
            lo = d;
        } else {
            hi = d;
        }
    }
    f.slope(0.5 * (lo + hi))
}
