//! Stationary points of `φ(t) - s t` in MPFR, for curves whose derivative has no
//! inverse in closed form.

use super::TurningPoint;
use super::shape::{Bend, Curve};
use crate::exact::{MpInterval, mp};

/// The image of `x` under a curve: ends and stationary points.
pub(super) fn image(
    f: &impl Curve,
    x: &MpInterval,
    at: impl Fn(&MpInterval) -> Result<MpInterval, mp::Error>,
) -> Result<MpInterval, mp::Error> {
    let end = |t| at(&MpInterval::from_float(t)?);
    let mut range = end(x.lo())?.hull(&end(x.hi())?);
    for point in f.turning_points(0.0, x)? {
        if point.at.overlaps(x) {
            range = range.hull(&point.value);
        }
    }
    Ok(range)
}

/// The turning points of a curve within `domain`, from the natural extensions
/// of `φ` and `φ'`.
///
/// A stationary point is enclosed as in [`shape`](super::shape): Newton's
/// iteration proposes, the signs of `φ' - s` on both sides prove. The gaps
/// between pieces are turning points, too.
pub(super) fn turning_points(
    f: &impl Curve,
    slope: f64,
    domain: &MpInterval,
    at: impl Fn(&MpInterval) -> Result<MpInterval, mp::Error>,
    rate: impl Fn(&MpInterval) -> Result<MpInterval, mp::Error>,
) -> Result<Vec<TurningPoint>, mp::Error> {
    let bits = domain.precision();
    let s = MpInterval::from_f64(bits, slope)?;
    let g = |t: &MpInterval| Ok::<_, mp::Error>(at(t)?.sub(&s.mul(t)));
    let mut points = Vec::new();
    for (k, piece) in f.pieces().iter().enumerate() {
        if let Some(next) = f.pieces().get(k + 1)
            && let Some(gap) = within(domain, piece.hi, next.lo)?
        {
            // monotone there
            let [lo, hi] = [gap.lo(), gap.hi()].map(|t| at(&MpInterval::from_float(t)?));
            let value = lo?.hull(&hi?).sub(&s.mul(&gap));
            points.push(TurningPoint { at: gap, value });
        }
        let Some(x) = within(domain, piece.lo, piece.hi)? else {
            continue;
        };
        let convex = piece.bend == Bend::Convex;
        let tilt = |t: &MpInterval| {
            let d = rate(t)?.sub(&s);
            Ok::<_, mp::Error>(if convex { d } else { d.neg() })
        };
        let (l, u) = (
            MpInterval::from_float(x.lo())?,
            MpInterval::from_float(x.hi())?,
        );
        // tilt is non-decreasing on the piece
        if *tilt(&l)?.lo() >= 0 || *tilt(&u)?.hi() <= 0 {
            continue;
        }
        let c = newton(f, &x, f.touch(slope, k), &tilt, convex)?;
        let mut step = c.abs().max(&MpInterval::from_f64(bits, 1e-300)?);
        for _ in 0..2 {
            step = step.mul(&MpInterval::from_f64(bits, 2f64.powi(-45))?);
        }
        let grow = MpInterval::from_f64(bits, 1024.0)?;
        loop {
            let (mut a, mut b) = (c.sub(&step), c.add(&step));
            let (mut left, mut right) = (false, false);
            if a.lo() <= l.lo() {
                (a, left) = (l.clone(), true);
            }
            if b.hi() >= u.hi() {
                (b, right) = (u.clone(), true);
            }
            left = left || *tilt(&a)?.hi() <= 0;
            right = right || *tilt(&b)?.lo() >= 0;
            if left && right {
                let around = a.hull(&b);
                let here = g(&c)?;
                let d = rate(&c)?.sub(&s);
                let value = here.add(&d.mul(&around.sub(&c))).hull(&here);
                points.push(TurningPoint { at: around, value });
                break;
            }
            step = step.mul(&grow);
        }
    }
    Ok(points)
}

/// A point near the zero of `tilt`, found by Newton's iteration with a slope
/// from binary64; a proposal.
fn newton(
    f: &impl Curve,
    x: &MpInterval,
    touch: f64,
    tilt: &impl Fn(&MpInterval) -> Result<MpInterval, mp::Error>,
    convex: bool,
) -> Result<MpInterval, mp::Error> {
    let bits = x.precision();
    let touch = touch.clamp(x.lo_f64(), x.hi_f64());
    let h = 1e-5 * touch.abs().max(1.0);
    let bend = (f.slope(touch + h) - f.slope(touch - h)) / (2.0 * h);
    let bend = if convex { bend } else { -bend };
    let start = if touch.is_finite() { touch } else { x.lo_f64() };
    let mut c = clamp(&MpInterval::from_f64(bits, start)?, x)?;
    if bend.is_finite() && bend.abs() > 1e-12 {
        let bend = MpInterval::from_f64(bits, bend)?;
        for _ in 0..24 {
            let next = clamp(&c.sub(&tilt(&c)?.div(&bend)?), x)?;
            if next == c {
                break;
            }
            c = next;
        }
    }
    Ok(c)
}

/// The lower end of `c` as a point, moved into `x`.
fn clamp(c: &MpInterval, x: &MpInterval) -> Result<MpInterval, mp::Error> {
    MpInterval::from_float(if c.lo() < x.lo() {
        x.lo()
    } else if c.lo() > x.hi() {
        x.hi()
    } else {
        c.lo()
    })
}

/// The part of `domain` in `[lo, hi]`; the ends may be infinite.
fn within(domain: &MpInterval, lo: f64, hi: f64) -> Result<Option<MpInterval>, mp::Error> {
    let bits = domain.precision();
    let mut x = domain.clone();
    if lo.is_finite() {
        let lo = MpInterval::from_f64(bits, lo)?;
        if domain.hi() < lo.lo() {
            return Ok(None);
        }
        x = x.max(&lo);
    }
    if hi.is_finite() {
        let hi = MpInterval::from_f64(bits, hi)?;
        if domain.lo() > hi.hi() {
            return Ok(None);
        }
        x = x.neg().max(&hi.neg()).neg();
    }
    Ok(Some(x))
}
