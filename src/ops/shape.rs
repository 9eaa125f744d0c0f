//! Functions made of convex and concave pieces.
//!
//! A [`Curve`] states values, derivatives and where it bends; the rules of
//! [`Pointwise`] follow. Let `g(t) = φ(t) - s t` on a piece `[l, u]` where `φ`
//! is convex. Then `max g = max(g(l), g(u))`, and `min g` is at `l` if
//! `φ'(l) >= s`, at `u` if `φ'(u) <= s`, and otherwise between any `a <= b`
//! with `φ'(a) <= s <= φ'(b)`, where for every `c`
//!
//! `g(t) >= g(c) + (φ'(c) - s)(t - c)`.
//!
//! With `c` near the stationary point and `[a, b]` small around it, the last
//! term is far below one rounding. Where `c` comes from does not matter.

use super::relaxation::end;
use super::{Pointwise, PointwiseKernel, Side, SlopeRule, TurningPoint};
use crate::exact::{MpInterval, mp};
use crate::rounding::{Interval, eft};

/// How a function bends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bend {
    /// `φ'` does not decrease (or is constant)
    Convex,
    /// `φ'` does not increase
    Concave,
}

/// A stretch of the domain with one bend.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub lo: f64,
    pub hi: f64,
    pub bend: Bend,
}

impl Piece {
    pub const fn new(lo: f64, hi: f64, bend: Bend) -> Piece {
        Piece { lo, hi, bend }
    }

    fn interval(self) -> Interval {
        Interval::or_entire(self.lo, self.hi)
    }
}

/// A function by its pieces. It is continuous on its domain, the hull of the
/// pieces.
pub(super) trait Curve: std::fmt::Debug + Send + Sync {
    /// As in [`Pointwise`].
    fn name(&self) -> &'static str;
    /// As in [`Pointwise`].
    fn parameters(&self) -> Vec<f32> {
        Vec::new()
    }
    /// An estimate of `φ(x)`.
    fn value(&self, x: f64) -> f64;
    /// An estimate of `φ'(x)`.
    fn slope(&self, x: f64) -> f64;
    /// The pieces, ascending. Neighbours share an end or leave a gap of a few
    /// ulps about a point of inflection that has no binary64 number; on a gap
    /// `φ` is monotone.
    fn pieces(&self) -> &[Piece];
    /// Encloses `{φ(t) : t ∈ x}`, `x` within one piece or gap (proved). An
    /// infinite end stands for the limit.
    fn at(&self, x: Interval) -> Interval;
    /// Encloses `{φ'(t) : t ∈ x}`, `x` within piece number `piece` or the gap
    /// after it, one-sided at an end of the piece (proved).
    fn rate(&self, x: Interval, piece: usize) -> Interval;
    /// An estimate of the point of piece number `piece` where `φ' = slope`.
    fn touch(&self, slope: f64, piece: usize) -> f64 {
        bisect(|t| Curve::slope(self, t), slope, self.pieces()[piece])
    }
    /// As in [`Pointwise`].
    fn oracle(&self, x: &MpInterval) -> MpInterval;
    /// As in [`Pointwise`].
    fn turning_points(
        &self,
        slope: f64,
        domain: &MpInterval,
    ) -> Result<Vec<TurningPoint>, mp::Error>;
}

impl<C: Curve> Pointwise for C {
    fn name(&self) -> &'static str {
        Curve::name(self)
    }
    fn parameters(&self) -> Vec<f32> {
        Curve::parameters(self)
    }
    fn value(&self, x: f64) -> f64 {
        Curve::value(self, x)
    }
    fn slope(&self, x: f64) -> f64 {
        Curve::slope(self, x)
    }
    fn kernel(&self) -> Option<PointwiseKernel> {
        None
    }
    fn enclose(&self, x: Interval) -> Interval {
        self.residual(0.0, x)
    }
    fn slopes(&self, x: Interval) -> Interval {
        let pieces = self.pieces();
        let mut all: Option<Interval> = None;
        let mut add = |range: Interval| all = Some(all.map_or(range, |all| all.hull(range)));
        let Some(parts) = parts(pieces, x) else {
            return Interval::ENTIRE;
        };
        for part in parts {
            match part {
                // φ' is monotone on a piece
                Part::Piece(k, x) => {
                    add(self.rate(end(x.lo()), k).hull(self.rate(end(x.hi()), k)));
                }
                Part::Gap(k, x) => add(self.rate(x, k)),
            }
        }
        all.unwrap_or(Interval::ENTIRE)
    }
    fn residual(&self, slope: f64, x: Interval) -> Interval {
        let pieces = self.pieces();
        if !slope.is_finite() {
            return Interval::ENTIRE;
        }
        let Some(parts) = parts(pieces, x) else {
            return Interval::ENTIRE;
        };
        let g = |t: f64| self.at(end(t)) - end(t).scale(slope);
        let mut all: Option<Interval> = None;
        for part in parts {
            let range = match part {
                Part::Piece(k, x) => {
                    let ends = g(x.lo()).hull(g(x.hi()));
                    let touch = || self.touch(slope, k);
                    match pieces[k].bend {
                        Bend::Convex => {
                            let rate = |t: f64| self.rate(end(t), k);
                            let least = least(g, rate, slope, x, touch);
                            Interval::or_entire(least, ends.hi())
                        }
                        Bend::Concave => {
                            let rate = |t: f64| -self.rate(end(t), k);
                            let least = least(|t| -g(t), rate, -slope, x, touch);
                            Interval::or_entire(ends.lo(), -least)
                        }
                    }
                }
                // monotone, and so narrow that one slope more does not matter
                Part::Gap(_, x) => self.at(end(x.lo())).hull(self.at(end(x.hi()))) - x.scale(slope),
            };
            all = Some(all.map_or(range, |all| all.hull(range)));
        }
        all.unwrap_or(Interval::ENTIRE)
    }
    fn propose(&self, x: Interval, _rule: SlopeRule) -> [f64; 2] {
        envelope_slopes(self, x)
    }
    fn split_point(&self, x: Interval) -> f64 {
        // Where pieces meet, the nearest to the middle, unless next to an end.
        let m = x.mid();
        let reach = 0.45 * (x.hi() - x.lo());
        let ends = self.pieces().iter().skip(1).map(|piece| piece.lo);
        let near = ends.filter(|t| (t - m).abs() <= reach);
        near.min_by(|s, t| (s - m).abs().total_cmp(&(t - m).abs()))
            .unwrap_or(m)
    }
    fn turns(&self, slope: f64, x: Interval, visit: &mut dyn FnMut(f64)) {
        for (k, piece) in self.pieces().iter().enumerate() {
            if piece.interval().intersect(x).is_some() {
                visit(piece.lo);
                visit(piece.hi);
                let t = self.touch(slope, k);
                if piece.lo <= t && t <= piece.hi {
                    visit(t);
                }
            }
        }
    }
    fn oracle(&self, x: &MpInterval) -> MpInterval {
        Curve::oracle(self, x)
    }
    fn turning_points(
        &self,
        slope: f64,
        domain: &MpInterval,
    ) -> Result<Vec<TurningPoint>, mp::Error> {
        Curve::turning_points(self, slope, domain)
    }
}

/// What an interval meets.
enum Part {
    /// part of this piece
    Piece(usize, Interval),
    /// part of the gap after this piece
    Gap(usize, Interval),
}

/// The parts of `x`; `None` if it reaches beyond the domain.
fn parts(pieces: &[Piece], x: Interval) -> Option<impl Iterator<Item = Part>> {
    let domain = Interval::new(pieces.first()?.lo, pieces.last()?.hi)?;
    domain.encloses(x).then(|| {
        pieces.iter().enumerate().flat_map(move |(k, piece)| {
            let inside = piece.interval().intersect(x).map(|x| Part::Piece(k, x));
            let gap = pieces.get(k + 1).filter(|next| next.lo > piece.hi);
            let gap = gap.and_then(|next| Interval::new(piece.hi, next.lo)?.intersect(x));
            inside.into_iter().chain(gap.map(|x| Part::Gap(k, x)))
        })
    })
}

/// A lower bound of a convex `g = φ - s t` on `x`, from enclosures of `g` and
/// of `φ'`; see the module's text.
fn least(
    g: impl Fn(f64) -> Interval,
    rate: impl Fn(f64) -> Interval,
    slope: f64,
    x: Interval,
    touch: impl Fn() -> f64,
) -> f64 {
    let (l, u) = (x.lo(), x.hi());
    if rate(l).lo() >= slope {
        return g(l).lo();
    }
    if rate(u).hi() <= slope {
        return g(u).lo();
    }
    let touch = touch();
    let c = if touch.is_finite() { touch } else { x.mid() }.clamp(l, u);
    let c = if c.is_finite() { c } else { x.mid() };
    let reach = c.abs().max((u - l).min(1.0)).max(f64::MIN_POSITIVE);
    let mut step = reach / 1_073_741_824.0; // 2^30
    loop {
        let (a, b) = ((c - step).max(l), (c + step).min(u));
        if (a == l || rate(a).hi() <= slope) && (b == u || rate(b).lo() >= slope) {
            let tilt = rate(c) - end(slope);
            let span = Interval::or_entire(eft::sub_dn(a, c), eft::sub_up(b, c));
            return (g(c) + tilt * span).lo();
        }
        step *= 64.0;
    }
}

/// An estimate of the point of a piece where the monotone `f` passes `y`; the
/// nearer end where it does not.
pub(super) fn bisect(f: impl Fn(f64) -> f64, y: f64, piece: Piece) -> f64 {
    // Beyond ±64 the derivatives of the functions here are constant in binary64.
    let (mut a, mut b) = (piece.lo.max(-64.0), piece.hi.min(64.0));
    let rising = piece.bend == Bend::Convex;
    let before = |t: f64| {
        let f = f(t);
        if rising { f < y } else { f > y }
    };
    if !before(a) {
        return a;
    }
    if before(b) {
        return b;
    }
    for _ in 0..64 {
        let m = 0.5 * (a + b);
        if m == a || m == b {
            break;
        }
        if before(m) {
            a = m;
        } else {
            b = m;
        }
    }
    0.5 * (a + b)
}

/// Slopes of the lines that leave the smallest area.
///
/// The area between `φ` and the lower line of slope `s` over `x` is convex in
/// `s` with derivative `w (t(s) - m)`, `w` and `m` width and middle of `x` and
/// `t(s)` where `φ - s t` is least. So the best lower line is the one that
/// supports the convex envelope of `φ` at `m`; and for the upper line the
/// concave envelope.
pub(super) fn envelope_slopes(f: &dyn Pointwise, x: Interval) -> [f64; 2] {
    Side::ALL.map(|side| {
        let slope = if x.is_bounded() {
            supporting(f, x, side)
        } else {
            far(f, x, side)
        };
        if slope.is_finite() { slope } else { 0.0 }
    })
}

/// The slope of the envelope at the middle: the tangent there if it supports,
/// else the chord between two points of the envelope about the middle, found
/// from the outside in (each step adds the point farthest beyond the chord).
fn supporting(f: &dyn Pointwise, x: Interval, side: Side) -> f64 {
    let m = x.mid();
    let tangent = f.slope(m);
    let (mut a, mut b) = (x.lo(), x.hi());
    if b - a <= 1e-9 * x.mag() {
        return tangent;
    }
    let beyond = |t: f64, from: f64, slope: f64| {
        let drop = side.sign() * ((f.value(from) - slope * from) - (f.value(t) - slope * t));
        drop > 1e-12 * (f.value(from).abs() + (slope * from).abs())
    };
    if tangent.is_finite() && !beyond(f.argument(tangent, x, side), m, tangent) {
        return tangent;
    }
    let mut chord = tangent;
    for _ in 0..40 {
        chord = (f.value(b) - f.value(a)) / (b - a);
        if !chord.is_finite() {
            return tangent;
        }
        let t = f.argument(chord, x, side);
        if !(a < t && t < b && beyond(t, a, chord)) {
            break;
        }
        if t < m {
            a = t;
        } else if t > m {
            b = t;
        } else {
            break;
        }
    }
    chord
}

/// A slope for an unbounded operand: flat if that bounds `φ`, else an
/// asymptote's, else any.
fn far(f: &dyn Pointwise, x: Interval, side: Side) -> f64 {
    let [low, high] = [-1e3, 1e3].map(|t: f64| f.slope(t.clamp(x.lo(), x.hi())));
    let known = |s: &f64| s.is_finite() && side.end(f.residual(*s, x)).is_finite();
    [0.0, low, high].into_iter().find(known).unwrap_or(0.0)
}
