//! Scalar functions applied to every element: the trait, the rules of choice
//! and the registry.

use std::fmt;
use std::sync::Arc;

use super::{
    Abs, Clip, Cos, Elu, Erf, Exp, Floor, Gelu, HardSigmoid, HardSwish, LeakyRelu, Log, Power,
    Reciprocal, Relu, Rsqrt, Sigmoid, Sign, Silu, Sin, Softplus, Sqrt, Square, Step, Tanh,
};
use crate::exact::{MpInterval, mp};
use crate::rounding::Interval;

/// The pointwise functions an executor has kernels for, all non-decreasing (an
/// executor's interval pass evaluates them at both ends).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PointwiseKernel {
    /// `max(x, 0)`
    Relu,
    /// `x` for `x >= 0`, `alpha x` below
    LeakyRelu {
        /// slope of the negative side
        alpha: f32,
    },
    /// hyperbolic tangent
    Tanh,
    /// `1 / (1 + exp(-x))`
    Sigmoid,
    /// `log(1 + exp(x))`
    Softplus,
}

/// A scalar function applied to every element.
///
/// Nothing is claimed of a function outside its domain: over an operand that
/// reaches beyond it, every enclosure is the whole line.
pub trait Pointwise: fmt::Debug + Send + Sync {
    /// The operator's name, as in the registry.
    fn name(&self) -> &'static str;
    /// Numbers that, with the name, define the function.
    fn parameters(&self) -> Vec<f32> {
        Vec::new()
    }
    /// `φ(x)`, an estimate (training and attacks).
    fn value(&self, x: f64) -> f64;
    /// `φ'(x)`, an estimate; any sub-derivative at a kink. A function with
    /// jumps has a surrogate that a search can follow.
    fn slope(&self, x: f64) -> f64;
    /// The kernel of this function; `None` if executors have none.
    fn kernel(&self) -> Option<PointwiseKernel>;
    /// Encloses `{φ(t) : t ∈ x}` (proved).
    fn enclose(&self, x: Interval) -> Interval;
    /// Encloses `{φ'(t) : t ∈ x}`, at a kink every sub-derivative (proved); the
    /// whole line where `φ` jumps. So `φ(x) - φ(y) = d (x - y)` with `d` in the
    /// enclosure over any interval that contains `x` and `y`.
    fn slopes(&self, x: Interval) -> Interval;
    /// Encloses `{φ(t) - slope t : t ∈ x}` (proved); the whole line if `slope`
    /// is not finite. Its ends are the intercepts of two lines with this slope
    /// that bound `φ` on `x` from below and above.
    fn residual(&self, slope: f64, x: Interval) -> Interval;
    /// Slopes for the lower and the upper line over `x`, finite; a proposal,
    /// without influence on soundness.
    fn propose(&self, x: Interval, rule: SlopeRule) -> [f64; 2];
    /// Where to split `x` so that both parts relax tightly; a proposal.
    fn split_point(&self, x: Interval) -> f64 {
        x.mid()
    }
    /// Visits estimates of the points where `φ(t) - slope t` can have an
    /// extremum: stationary points, kinks and jumps (of a periodic function the
    /// outermost in `x`). Points outside `x` may be among them.
    fn turns(&self, slope: f64, x: Interval, visit: &mut dyn FnMut(f64));
    /// A point of `x` where `φ(t) - slope t` is nearly least (lower side) or
    /// greatest: the derivative of the intercept in the slope is minus this
    /// point. An estimate, for choosing slopes.
    fn argument(&self, slope: f64, x: Interval, side: Side) -> f64 {
        let mut best = (f64::INFINITY, x.mid());
        let mut consider = |t: f64| {
            let value = side.sign() * (self.value(t) - slope * t);
            if t.is_finite() && x.contains(t) && value < best.0 {
                best = (value, t);
            }
        };
        consider(x.lo());
        consider(x.hi());
        self.turns(slope, x, &mut consider);
        best.1
    }
    /// The intercepts of many lines: `out[i]` is the lower or the upper end of
    /// the [`residual`](Pointwise::residual) of `slopes[i]` over
    /// `[lo[i], hi[i]]`, or beyond it (proved).
    ///
    /// # Panics
    /// If the lengths differ.
    fn lines(&self, lo: &[f64], hi: &[f64], slopes: &[f64], side: Side, out: &mut [f64]) {
        let n = out.len();
        assert!(lo.len() == n && hi.len() == n && slopes.len() == n);
        for i in 0..n {
            let range = self.residual(slopes[i], Interval::or_entire(lo[i], hi[i]));
            out[i] = side.end(range);
        }
    }
    /// An enclosure of `{ φ(t) : t ∈ x }`, outward rounded at the precision of
    /// `x`. This is the definition of `φ` for the exact checker and the tests.
    fn oracle(&self, x: &MpInterval) -> MpInterval;
    /// The points where `φ(t) − slope·t` can have an extremum inside `domain`
    /// (stationary points, kinks, jumps), at the precision of `domain`; points
    /// outside may be among them. Where there are many (of a periodic
    /// function), one enclosure may hold several; none where the difference is
    /// monotone.
    fn turning_points(
        &self,
        slope: f64,
        domain: &MpInterval,
    ) -> Result<Vec<TurningPoint>, mp::Error>;
    /// An enclosure of the range `{ φ(t) − slope·t : lo ≤ t ≤ hi }` at `bits`
    /// bits, tight up to outward rounding: its ends are the intercepts of the
    /// lines of this slope that bound `φ` on `[lo, hi]`.
    ///
    /// Errors when an argument is not finite or `lo > hi`.
    fn oracle_residual(
        &self,
        slope: f64,
        lo: f64,
        hi: f64,
        bits: u32,
    ) -> Result<MpInterval, mp::Error> {
        let domain = MpInterval::from_f64_bounds(bits, lo, hi)?;
        let s = MpInterval::from_f64(bits, slope)?;
        let at = |t: f64| -> Result<MpInterval, mp::Error> {
            let t = MpInterval::from_f64(bits, t)?;
            Ok(self.oracle(&t).sub(&s.mul(&t)))
        };
        let mut range = at(lo)?.hull(&at(hi)?);
        for point in self.turning_points(slope, &domain)? {
            if point.at.overlaps(&domain) {
                range = range.hull(&point.value);
            }
        }
        Ok(range)
    }
}

/// A possible extremum of `φ(t) − slope·t`.
#[derive(Clone, Debug)]
pub struct TurningPoint {
    /// an enclosure of its place
    pub at: MpInterval,
    /// an enclosure of `φ(t) − slope·t` there
    pub value: MpInterval,
}

impl TurningPoint {
    /// The kink at the origin of a function with `φ(0) = 0`.
    pub(super) fn origin(bits: u32) -> Result<TurningPoint, mp::Error> {
        let zero = MpInterval::from_f64(bits, 0.0)?;
        Ok(TurningPoint {
            at: zero.clone(),
            value: zero,
        })
    }
}

/// Which of the two lines about a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// the line below
    Lower,
    /// the line above
    Upper,
}

impl Side {
    /// Both, lower first.
    pub const ALL: [Side; 2] = [Side::Lower, Side::Upper];

    /// The end of a residual that is this line's intercept.
    pub fn end(self, range: Interval) -> f64 {
        match self {
            Side::Lower => range.lo(),
            Side::Upper => range.hi(),
        }
    }

    /// 1 below, -1 above: the line's intercept is this sign times a least value.
    pub fn sign(self) -> f64 {
        match self {
            Side::Lower => 1.0,
            Side::Upper => -1.0,
        }
    }
}

/// How slopes are proposed where there is a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlopeRule {
    /// smallest area between the lines
    Adaptive,
    /// below a rectifier the smaller of its two slopes
    Flat,
}

impl SlopeRule {
    /// Every rule.
    pub const ALL: [SlopeRule; 2] = [SlopeRule::Adaptive, SlopeRule::Flat];
}

/// One of every pointwise function: what suites, docs and benches iterate over.
pub fn pointwise_registry() -> Vec<Arc<dyn Pointwise>> {
    vec![
        Arc::new(Relu),
        Arc::new(LeakyRelu::new(0.01).expect("a valid slope")),
        Arc::new(Tanh),
        Arc::new(Sigmoid),
        Arc::new(Softplus),
        Arc::new(Exp),
        Arc::new(Log),
        Arc::new(Sqrt),
        Arc::new(Square),
        Arc::new(Power::new(3).expect("an exponent in range")),
        Arc::new(Reciprocal),
        Arc::new(Rsqrt),
        Arc::new(Sin),
        Arc::new(Cos),
        Arc::new(Abs),
        Arc::new(Clip::new(Some(-1.0), Some(1.0)).expect("ordered bounds")),
        Arc::new(HardSigmoid::new(0.2, 0.5).expect("a positive slope")),
        Arc::new(HardSwish),
        Arc::new(Elu::new(1.0).expect("a valid scale")),
        Arc::new(Silu),
        Arc::new(Gelu),
        Arc::new(Erf),
        Arc::new(Sign),
        Arc::new(Step),
        Arc::new(Floor),
    ]
}

/// The members of the registry that executors have kernels for: what networks
/// are trained with.
pub fn activation_registry() -> Vec<Arc<dyn Pointwise>> {
    let mut all = pointwise_registry();
    all.retain(|f| f.kernel().is_some());
    all
}
