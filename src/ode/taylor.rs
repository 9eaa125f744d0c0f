//! Certified reference solutions: interval Taylor steps over MPFR.
//!
//! # Semantics and evidence
//!
//! The returned boxes contain the exact solution of `y' = f(t, y)` (semantics
//! `flow`, evidence proved). A step from a box `Y` at `t` has three parts:
//!
//! 1. *A priori box.* A box `B` with `Y + [0, h] f([t, t + h], B) ⊆ B` contains
//!    every solution that starts in `Y` over the whole step (Picard–Lindelöf).
//! 2. *Coefficients.* The recurrences of automatic differentiation give enclosures
//!    of the Taylor coefficients `c_k` at `Y` for `k ≤ N`, and of the coefficient
//!    `N + 1` over `B`, in which the Lagrange remainder lies.
//! 3. *Sum.* `Σ_{k ≤ N} c_k(Y) h^k + c_{N+1}(B) h^{N+1}`.
//!
//! Boxes grow like `exp ∫ ‖J‖`; precision is chosen so that the final width stays
//! below what is asked, and raised until it does. No change of coordinates is made,
//! so long or stiff intervals are refused rather than enclosed badly.
//!
//! # References
//!
//! R. E. Moore, *Interval Analysis*, 1966, chapter 11; R. Lohner, *Enclosing the
//! solutions of ordinary initial and boundary value problems*, 1987.

use super::system::{Node, System};
use crate::exact::MpInterval;
use crate::exact::mp;

/// Why there is no enclosure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An operation left its domain, or a number is not finite.
    #[error("enclosure at t = {t}: {source}")]
    Arithmetic {
        /// the time of the step
        t: f64,
        /// the operation
        source: mp::Error,
    },
    /// No step succeeds: a singularity is near or the problem is too stiff.
    #[error("no enclosure beyond t = {t}: the step fell below {step}")]
    Step {
        /// the time reached
        t: f64,
        /// the smallest step tried
        step: f64,
    },
    /// The width stays above what is asked for up to the largest precision.
    #[error("width {width} at t = {t} with {bits} bits")]
    Width {
        /// the final time
        t: f64,
        /// the largest width of a component
        width: f64,
        /// the precision
        bits: u32,
    },
}

/// A box in binary64: `lo ≤ y ≤ hi` component by component.
#[derive(Clone, Debug, PartialEq)]
pub struct Enclosure {
    /// lower ends
    pub lo: Vec<f64>,
    /// upper ends
    pub hi: Vec<f64>,
}

impl Enclosure {
    /// The distance, largest over the components, from `y` to the nearest point of
    /// the box (0 inside; infinite where `y` is not finite). The subtraction is
    /// rounded to nearest.
    pub fn distance(&self, y: &[f64]) -> f64 {
        let mut worst = 0.0f64;
        for (i, &v) in y.iter().enumerate() {
            let d = (self.lo[i] - v).max(v - self.hi[i]).max(0.0);
            worst = if v.is_finite() {
                worst.max(d)
            } else {
                f64::INFINITY
            };
        }
        worst
    }
}

/// Encloses `y(t)` at each of `times` (monotone, on one side of `t0`) for the
/// solution with `y(t0) = y0`, to within a few units in the last place of the
/// larger of 1 and the component.
///
/// # Errors
///
/// [`Error`]; a solution that leaves every bounded set before the last time is
/// [`Error::Step`].
pub fn enclose(
    system: &System,
    t0: f64,
    y0: &[f64],
    times: &[f64],
) -> Result<Vec<Enclosure>, Error> {
    let mut bits = 128;
    loop {
        match attempt(system, t0, y0, times, bits) {
            Ok(found) => return Ok(found),
            Err(e @ (Error::Width { .. } | Error::Step { .. })) if bits < 1536 => {
                // A step failure may come from wide boxes; a true singularity fails again.
                if matches!(e, Error::Step { .. }) && bits >= 256 {
                    return Err(e);
                }
                bits *= 2;
            }
            Err(e) => return Err(e),
        }
    }
}

fn attempt(
    system: &System,
    t0: f64,
    y0: &[f64],
    times: &[f64],
    bits: u32,
) -> Result<Vec<Enclosure>, Error> {
    let wrap = |t: f64| move |source| Error::Arithmetic { t, source };
    let mut y: Vec<MpInterval> = Vec::new();
    for &v in y0 {
        y.push(MpInterval::from_f64(bits, v).map_err(wrap(t0))?);
    }
    let mut walk = Walk {
        system,
        bits,
        order: bits as usize / 6,
        t: t0,
        h: 0.125,
    };
    let mut found = Vec::new();
    for &target in times {
        if !target.is_finite() {
            return Err(wrap(t0)(mp::Error::NotFinite { value: target }));
        }
        // The steps end at jumps of the right-hand side, so that each is smooth.
        let mut stops: Vec<f64> = system
            .switches()
            .into_iter()
            .filter(|s| (walk.t < *s && *s < target) || (target < *s && *s < walk.t))
            .collect();
        if target < walk.t {
            stops.reverse();
        }
        stops.push(target);
        for stop in stops {
            while walk.t != stop {
                y = walk.step(&y, stop)?;
            }
        }
        let mut width = 0.0f64;
        for v in &y {
            let size = v.lo_f64().abs().max(v.hi_f64().abs()).max(1.0);
            let w = v.sub(v).hi_f64() / size;
            width = width.max(if w.is_finite() { w } else { f64::INFINITY });
        }
        if width > f64::EPSILON / 64.0 {
            return Err(Error::Width {
                t: target,
                width,
                bits,
            });
        }
        found.push(Enclosure {
            lo: y.iter().map(MpInterval::lo_f64).collect(),
            hi: y.iter().map(MpInterval::hi_f64).collect(),
        });
    }
    Ok(found)
}

struct Walk<'a> {
    system: &'a System,
    bits: u32,
    order: usize,
    t: f64,
    /// the size of the next step to try
    h: f64,
}

impl Walk<'_> {
    /// One step towards `stop`, never beyond it.
    fn step(&mut self, y: &[MpInterval], stop: f64) -> Result<Vec<MpInterval>, Error> {
        let (t, back) = (self.t, stop < self.t);
        let wrap = |source| Error::Arithmetic { t, source };
        let coefficients =
            series(self.system, self.bits, t, t, stop, y, self.order).map_err(wrap)?;
        loop {
            let next = if back { t - self.h } else { t + self.h };
            let past = if back { next <= stop } else { next >= stop };
            let next = if past { stop } else { next };
            if next == t || (next - t).abs() < 1e-9 * (stop - t).abs().min(1.0) {
                return Err(Error::Step { t, step: self.h });
            }
            if let Some(result) = self.try_step(y, &coefficients, next, stop) {
                self.t = next;
                self.h *= 1.5;
                return Ok(result);
            }
            self.h = (next - t).abs() * 0.5;
        }
    }

    fn try_step(
        &self,
        y: &[MpInterval],
        coefficients: &[Vec<MpInterval>],
        next: f64,
        stop: f64,
    ) -> Option<Vec<MpInterval>> {
        let (bits, t) = (self.bits, self.t);
        let (end, start) = (
            MpInterval::from_f64(bits, next),
            MpInterval::from_f64(bits, t),
        );
        let h = end.ok()?.sub(&start.ok()?);
        let zero = MpInterval::from_f64(bits, 0.0).ok()?;
        let span = zero.hull(&h);
        // A priori box.
        let first: Vec<MpInterval> = (0..y.len())
            .map(|i| y[i].hull(&y[i].add(&span.mul(&coefficients[i][1]))))
            .collect();
        let mut boxed = inflate(bits, &first)?;
        let mut proved = false;
        for _ in 0..6 {
            let f = series(self.system, bits, t, next, stop, &boxed, 1).ok()?;
            let image: Vec<MpInterval> = (0..y.len())
                .map(|i| y[i].add(&span.mul(&f[i][1])))
                .collect();
            if !image.iter().all(MpInterval::is_bounded) {
                return None;
            }
            if boxed.iter().zip(&image).all(|(b, v)| b.encloses(v)) {
                boxed = image;
                proved = true;
                break;
            }
            // Only what failed is widened: widening all would move the goal.
            let wider = inflate(bits, &image)?;
            for ((b, v), w) in boxed.iter_mut().zip(&image).zip(wider) {
                if !b.encloses(v) {
                    *b = b.hull(&w);
                }
            }
        }
        if !proved {
            return None;
        }
        let last = series(self.system, bits, t, next, stop, &boxed, self.order + 1).ok()?;
        let mut result = Vec::with_capacity(y.len());
        for i in 0..y.len() {
            let remainder = &last[i][self.order + 1];
            let mut sum = remainder.clone();
            for k in (0..=self.order).rev() {
                sum = coefficients[i][k].add(&h.mul(&sum));
            }
            if !sum.is_bounded() {
                return None;
            }
            // The remainder may not dominate the width that the start already has.
            let power = (next - t).abs().powi(self.order as i32 + 1);
            let added = (remainder.sub(remainder)).hi_f64() * power;
            if added > 2f64.powi(-(bits as i32) * 2 / 3) {
                return None;
            }
            result.push(sum);
        }
        Some(result)
    }
}

/// Each component widened by an eighth of its width and a tiny amount.
fn inflate(bits: u32, boxed: &[MpInterval]) -> Option<Vec<MpInterval>> {
    let tiny = MpInterval::from_f64_bounds(bits, -2f64.powi(-200), 2f64.powi(-200)).ok()?;
    let unit = MpInterval::from_f64_bounds(bits, -0.125, 0.125).ok()?;
    let out = boxed.iter().map(|b| {
        let width = b.sub(b);
        b.add(&width.mul(&unit)).add(&tiny)
    });
    Some(out.collect())
}

/// Enclosures of the Taylor coefficients `0 ..= order` of each component, for
/// solutions through `y` at any time in `[from, to]`. `stop` decides the branch of
/// switches: no switch lies strictly between `from` and `stop`.
fn series(
    system: &System,
    bits: u32,
    from: f64,
    to: f64,
    stop: f64,
    y: &[MpInterval],
    order: usize,
) -> Result<Vec<Vec<MpInterval>>, mp::Error> {
    let number = |v: f64| MpInterval::from_f64(bits, v);
    let zero = number(0.0)?;
    let now = MpInterval::from_f64_bounds(bits, from.min(to), from.max(to))?;
    let mut state: Vec<Vec<MpInterval>> = y.iter().map(|v| vec![v.clone()]).collect();
    let count = system.nodes.len();
    let mut v: Vec<Vec<MpInterval>> = vec![Vec::with_capacity(order + 1); count];
    // The cosine beside each sine and the sine beside each cosine.
    let mut other: Vec<Vec<MpInterval>> = vec![Vec::new(); count];
    for k in 0..order {
        let over = |n: usize| number(n as f64);
        for i in 0..count {
            let dot = |a: &[MpInterval], b: &[MpInterval]| {
                let terms = (0..=k).map(|j| a[j].mul(&b[k - j]));
                terms.fold(zero.clone(), |sum, term| sum.add(&term))
            };
            let weighted = |a: &[MpInterval], b: &[MpInterval]| -> Result<MpInterval, mp::Error> {
                // (1/k) Σ_{j=1..k} j a_j b_{k-j}
                let mut sum = zero.clone();
                for j in 1..=k {
                    sum = sum.add(&over(j)?.mul(&a[j].mul(&b[k - j])));
                }
                sum.div(&over(k)?)
            };
            let value = match &system.nodes[i] {
                Node::Constant(c) => {
                    if k == 0 {
                        number(*c)?
                    } else {
                        zero.clone()
                    }
                }
                Node::Time => match k {
                    0 => now.clone(),
                    1 => number(1.0)?,
                    _ => zero.clone(),
                },
                Node::State(j) => state[*j][k].clone(),
                Node::Sum(terms) => {
                    let mut sum = zero.clone();
                    for &(c, j) in terms {
                        sum = sum.add(&number(c)?.mul(&v[j][k]));
                    }
                    sum
                }
                Node::Product(a, b) if a == b && k == 0 => v[*a][0].square(),
                Node::Product(a, b) => dot(&v[*a], &v[*b]),
                Node::Sin(a) | Node::Cos(a) => {
                    let is_sine = matches!(system.nodes[i], Node::Sin(_));
                    let (sine, cosine) = if k == 0 {
                        sin_cos(&v[*a][0])?
                    } else if is_sine {
                        (weighted(&v[*a], &other[i])?, weighted(&v[*a], &v[i])?.neg())
                    } else {
                        (weighted(&v[*a], &v[i])?, weighted(&v[*a], &other[i])?.neg())
                    };
                    let (own, beside) = if is_sine {
                        (sine, cosine)
                    } else {
                        (cosine, sine)
                    };
                    other[i].push(beside);
                    own
                }
                Node::Exp(a) => {
                    if k == 0 {
                        v[*a][0].exp()
                    } else {
                        weighted(&v[*a], &v[i])?
                    }
                }
                Node::Power(a, p) => {
                    if k == 0 {
                        v[*a][0].ln()?.mul(&number(*p)?).exp()
                    } else {
                        // k a_0 u_k = Σ_{j=1..k} (p j - (k - j)) a_j u_{k-j}
                        let mut sum = zero.clone();
                        for j in 1..=k {
                            let weight = number(*p)?.mul(&over(j)?).sub(&over(k - j)?);
                            sum = sum.add(&weight.mul(&v[*a][j].mul(&v[i][k - j])));
                        }
                        sum.div(&over(k)?.mul(&v[*a][0]))?
                    }
                }
                Node::Switch { at, before, after } => {
                    let early = from.max(stop) <= *at;
                    v[if early { *before } else { *after }][k].clone()
                }
            };
            v[i].push(value);
        }
        for (c, &d) in system.derivative.iter().enumerate() {
            let next = v[d][k].div(&over(k + 1)?)?;
            state[c].push(next);
        }
    }
    Ok(state)
}

/// Sine and cosine of an interval: at the lower end, correctly rounded, widened by
/// the width (both functions have Lipschitz constant 1).
fn sin_cos(x: &MpInterval) -> Result<(MpInterval, MpInterval), mp::Error> {
    use rug::Float;
    use rug::float::Round;
    let bits = x.precision();
    let both = |down: Float, up: Float| -> Result<MpInterval, mp::Error> {
        Ok(MpInterval::from_float(&down)?.hull(&MpInterval::from_float(&up)?))
    };
    let round = |f: &dyn Fn(Round) -> Float| both(f(Round::Down), f(Round::Up));
    let sine = round(&|r| Float::with_val_round(bits, x.lo().sin_ref(), r).0)?;
    let cosine = round(&|r| Float::with_val_round(bits, x.lo().cos_ref(), r).0)?;
    let unit = MpInterval::from_f64_bounds(bits, -1.0, 1.0)?;
    let slack = x.sub(x).mul(&unit);
    Ok((sine.add(&slack), cosine.add(&slack)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ode::SystemBuilder;

    #[test]
    fn exponential_and_sine_contain_the_truth() {
        let mut s = SystemBuilder::new(3);
        let (y, t) = (s.state(0), s.time());
        let sine = s.sin(t);
        let (x, v) = (s.state(1), s.state(2));
        let minus = s.sum(&[(-1.0, x)]);
        let dy = s.sum(&[(-1.0, y), (1.0, sine)]);
        let system = s.finish(&[dy, v, minus]);
        let found = enclose(&system, 0.0, &[1.0, 0.0, 1.0], &[0.5, 6.0]).expect("smooth");
        for (e, t) in found.iter().zip([0.5f64, 6.0]) {
            // y = (sin t - cos t)/2 + 3/2 e^{-t}; x = sin t, in MPFR to 200 bits.
            let big = |v: f64| rug::Float::with_val(200, v);
            let y = (big(t).sin() - big(t).cos()) / 2 + big(-t).exp() * 3 / 2;
            assert!(e.lo[0] <= y && e.hi[0] >= y);
            assert!(e.lo[1] <= big(t).sin() && e.hi[1] >= big(t).sin());
            assert!(e.hi[0] - e.lo[0] <= 4.0 * f64::EPSILON);
        }
    }

    #[test]
    fn kepler_returns_after_a_period_and_backward() {
        let mut s = SystemBuilder::new(4);
        let q = [s.state(0), s.state(1)];
        let v = [s.state(2), s.state(3)];
        let (xx, yy) = (s.product(q[0], q[0]), s.product(q[1], q[1]));
        let rr = s.sum(&[(1.0, xx), (1.0, yy)]);
        let w = s.power(rr, -1.5);
        let (ax, ay) = (s.product(q[0], w), s.product(q[1], w));
        let (ax, ay) = (s.sum(&[(-1.0, ax)]), s.sum(&[(-1.0, ay)]));
        let kepler = s.finish(&[v[0], v[1], ax, ay]);
        // Circular orbit: (cos t, sin t).
        for t in [1.0f64, -2.0] {
            let e = &enclose(&kepler, 0.0, &[1.0, 0.0, 0.0, 1.0], &[t]).expect("smooth")[0];
            let (s, c) = (
                rug::Float::with_val(200, t).sin(),
                rug::Float::with_val(200, t).cos(),
            );
            assert!(e.lo[0] <= c && e.hi[0] >= c && e.lo[1] <= s && e.hi[1] >= s);
        }
    }

    #[test]
    fn jumps_and_blow_up() {
        let mut s = SystemBuilder::new(1);
        let (a, b) = (s.constant(1.0), s.constant(-2.0));
        let f = s.switch(1.0, a, b);
        let jump = s.finish(&[f]);
        let e = enclose(&jump, 0.0, &[0.0], &[0.5, 3.0]).expect("piecewise constant");
        assert_eq!((e[0].lo[0], e[1].hi[0]), (0.5, -3.0));
        let e = enclose(&jump, 3.0, &[-3.0], &[0.0]).expect("backward");
        assert!(e[0].lo[0] <= 0.0 && e[0].hi[0] >= 0.0);
        let mut s = SystemBuilder::new(1);
        let y = s.state(0);
        let yy = s.product(y, y);
        let square = s.finish(&[yy]);
        assert!(enclose(&square, 0.0, &[1.0], &[0.5]).is_ok());
        assert!(matches!(
            enclose(&square, 0.0, &[1.0], &[1.5]),
            Err(Error::Step { .. })
        ));
    }
}
