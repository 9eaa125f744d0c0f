//! `sup_n ‖Cⁿ‖` of the companion matrix, proved from both sides.
//!
//! `C` maps `(y_{n+k−1}, …, y_n)` to `(y_{n+k}, …, y_{n+1})` for `f = 0`. The supremum is finite
//! exactly where no root is outside the circle and those on it are simple. Row `i` of `Cⁿ` is the
//! first row of `C^{n−i}`, so one sequence of rows `v_n` holds all powers.
//!
//! # The upper bound
//!
//! Roots `r` on the circle, and inside ones too close to it to be followed until they vanish, are
//! called slow; they must be simple. With their spectral projectors `P_r` (enclosed),
//! `Cⁿ = U_n + D_n`, `U_n = Σ r^n P_r`.
//!
//! - Since `D_{n+m} = D_n D_m`, once `‖D_m‖ ≤ ½` all later `D_n` are bounded by a window of `m`.
//! - All powers up to the end of that window are bounded one by one.
//! - If the slow roots are roots of unity of common order `L`, then `U_n` repeats, and powers
//!   beyond differ from one of the last `L` enumerated ones by the decaying parts.
//! - If all slow roots have directions `r/|r|` that are roots of unity of common order `L`, `U_n` lies
//!   in `{Σ t_r (r/|r|)^n P_r : 0 < t_r ≤ 1}`, one set for each `n` modulo `L`, and the norm, being
//!   convex, is largest where every `t_r` is 0 or 1.
//! - Otherwise `U_n` lies in `{Σ z_r P_r : |z_r| ≤ 1}` and the norm is largest on the torus, which
//!   lies in a product of regular polygons: their corners are tried.
//!
//! `‖A‖₂ ≤ t` is proved by an interval Cholesky factorisation of `t² − AᵀA`.
//!
//! # The lower bound
//!
//! `‖Cⁿx‖/‖x‖` for the best `n` and `x` found, enclosed; or the limit of a subsequence.
//!
//! # References
//!
//! H.-O. Kreiss, BIT 2, 1962; R. A. Horn, C. R. Johnson, *Matrix Analysis*, 2nd ed. 2013, 5.6.

use rug::Float;
use rug::float::Round;

use super::LinearMultistep;
use super::complex::Box2;
use super::matrix_norm::{self, Matrix, MatrixNorm};
use super::root_condition::RootCondition;
use super::roots::{Location, RootEnclosure};
use crate::exact::sturm::simplest_between;
use crate::exact::{Integer, MpInterval, Poly, Rational};

/// The largest number of steps for which the bound is computed.
pub const MAX_STEPS: usize = 32;
/// Powers followed at most.
const MAX_POWERS: usize = 4000;
/// Decay over [`MAX_POWERS`] steps that counts as vanishing.
const VANISHING: f64 = 1e-6;
/// The decaying part is followed until it is this small.
const QUIET: f64 = 1e-4;
/// Corners of the polygon around the circle for one slow pair: `1/cos(π/64) < 1.0013`.
const CORNERS: usize = 64;
/// Combinations of corners tried at most.
const MAX_COMBINATIONS: usize = 20_000;
/// Orders of directions recognised.
const MAX_DIRECTIONS: usize = 60;
/// Orders of roots of unity recognised.
const MAX_ORDER: usize = 1000;
/// Bits of everything but the recurrence.
const BITS: u32 = 192;
/// Rows times columns times bits of the recurrence at most: bounded work.
const MAX_WORK: f64 = 4e9;

/// The supremum.
#[derive(Debug, Clone, PartialEq)]
pub enum PowerBound {
    /// The powers are not bounded.
    Unbounded,
    /// `lower ≤ sup ≤ upper`, both proved.
    Enclosed {
        /// Lower bound.
        lower: Float,
        /// Upper bound.
        upper: Float,
    },
    /// Bounded, but nothing was proved (a multiple root next to the circle, or too much work).
    Unknown,
}

/// The bound in a norm; `None` above [`MAX_STEPS`]. `roots` are the enclosures for `condition`.
pub fn power_bound(
    method: &LinearMultistep,
    condition: &RootCondition,
    roots: &[RootEnclosure],
    norm: MatrixNorm,
) -> Option<PowerBound> {
    if method.steps() > MAX_STEPS {
        return None;
    }
    if condition.counts.outside > 0 || condition.max_circle_multiplicity > 1 {
        return Some(PowerBound::Unbounded);
    }
    // New values are no larger than the old ones: no power exceeds the identity.
    let lower = method
        .alpha()
        .split_last()
        .map_or(&[][..], |(_, rest)| rest);
    let sum = lower
        .iter()
        .fold(Rational::new(), |s, a| s + Rational::from(a.abs_ref()));
    if norm == MatrixNorm::Linf && sum <= 1 {
        let one = Float::with_val(BITS, 1);
        return Some(PowerBound::Enclosed {
            lower: one.clone(),
            upper: one,
        });
    }
    let bound = Search::new(method, condition, roots, norm).and_then(|s| s.run());
    Some(bound.unwrap_or(PowerBound::Unknown))
}

/// A slow real root, or the upper one of a conjugate pair.
struct Slow {
    root: Box2,
    /// The first row of its projector.
    row: Vec<Box2>,
    real: bool,
    on_circle: bool,
}

struct Search {
    k: usize,
    norm: MatrixNorm,
    /// Precision of the recurrence.
    bits: u32,
    powers: usize,
    /// `−alpha_{k−1}, …, −alpha_0`
    first: Vec<MpInterval>,
    slow: Vec<Slow>,
    /// The common order of the roots on the circle, where they are roots of unity.
    order: Option<usize>,
    /// The common order of the directions of all slow roots, where those are.
    directions: Option<usize>,
}

/// The rows `v_n`, from `n = 1 − k`, and bounds of the squares of their decaying parts.
struct Rows {
    v: Vec<Vec<MpInterval>>,
    decay: Vec<Float>,
    phases: Vec<Box2>,
}

impl Search {
    fn new(
        method: &LinearMultistep,
        condition: &RootCondition,
        roots: &[RootEnclosure],
        norm: MatrixNorm,
    ) -> Option<Self> {
        let k = method.steps();
        let threshold = 1.0 + VANISHING.ln() / MAX_POWERS as f64;
        let is_slow =
            |r: &&RootEnclosure| r.location == Location::On || r.modulus.hi_f64() > threshold;
        let rho = method.rho();
        let mut slow = Vec::new();
        for root in roots.iter().filter(is_slow) {
            if root.multiplicity > 1 {
                return None;
            }
            if *root.im.hi() >= 0 && (*root.im.lo() > 0 || root.im.hi().is_zero()) {
                slow.push(Slow::new(&rho, root)?);
            }
        }
        let fast = roots.iter().filter(|r| !is_slow(r));
        let modulus = fast.map(|r| r.modulus.hi_f64()).fold(0.0, f64::max);
        let needed = if modulus > 0.0 {
            (1e-12_f64.ln() / modulus.ln()).ceil() as usize
        } else {
            0
        };
        let order = unity(condition);
        let powers = needed.min(MAX_POWERS) + 8 * k + order.unwrap_or(1) + 300;
        // Widths of the recurrence grow like the positive root of r^k = Σ |alpha_j| r^j.
        let growth = growth(method);
        let bits = (growth.log2().max(0.0) * powers as f64).min(1e6) as u32 + 2 * BITS;
        if (powers * k * k) as f64 * f64::from(bits) > MAX_WORK {
            return None;
        }
        let first = (0..k)
            .rev()
            .map(|j| MpInterval::from_rational(bits, &Rational::from(-&method.alpha()[j])).ok())
            .collect::<Option<Vec<_>>>()?;
        let directions = slow.iter().try_fold(1, |all, s| {
            let one = if s.on_circle {
                order
            } else {
                direction(&rho, s)
            };
            let common = lcm(all, one?);
            (common <= MAX_DIRECTIONS).then_some(common)
        });
        Some(Self {
            k,
            norm,
            bits,
            powers,
            first,
            slow,
            order,
            directions,
        })
    }

    fn start(&self) -> Option<Rows> {
        let k = self.k;
        let unit = |i: usize, c: usize| number(self.bits, i64::from(c == k - 1 - i));
        let mut rows = Rows {
            v: Vec::new(),
            decay: Vec::new(),
            phases: Vec::new(),
        };
        for s in &self.slow {
            let back = s.root.recip()?;
            let phase = (1..k).fold(s.one(), |p, _| p.mul(&back));
            rows.phases.push(phase);
        }
        for i in 0..k {
            let row = (0..k).map(|c| unit(i, c)).collect();
            self.record(row, &mut rows);
        }
        Some(rows)
    }

    /// Appends `v_{n+1}`.
    fn step(&self, rows: &mut Rows) {
        let next = (0..self.k).map(|c| {
            let terms = self.first.iter().zip(rows.v.iter().rev());
            terms.fold(number(self.bits, 0), |s, (a, row)| s.add(&a.mul(&row[c])))
        });
        let next = next.collect();
        self.record(next, rows);
    }

    fn record(&self, row: Vec<MpInterval>, rows: &mut Rows) {
        let mut rest: Vec<MpInterval> = row.iter().map(rounded).collect();
        for (s, phase) in self.slow.iter().zip(&mut rows.phases) {
            for (x, part) in rest.iter_mut().zip(s.at(phase)) {
                *x = x.sub(&part);
            }
            *phase = phase.mul(&s.root);
        }
        let sum = rest.iter().fold(number(BITS, 0), |s, x| s.add(&x.square()));
        rows.decay.push(sum.hi().clone());
        rows.v.push(row);
    }

    fn run(self) -> Option<PowerBound> {
        let mut rows = self.start()?;
        let period = self.order.filter(|_| self.slow.iter().all(|s| s.on_circle));
        // The first power with ‖D_m‖ ≤ ½, and the length of the quiet run so far.
        let (mut half, mut run, mut tail) = (None, 0, 0.0);
        let mut last = 0;
        for n in 1..=self.powers {
            self.step(&mut rows);
            let size = frobenius(&rows.decay[n..n + self.k]);
            if half.is_none() && size <= 0.5 {
                half = Some(n);
            }
            (run, tail) = if size <= QUIET {
                (run + 1, f64::max(tail, size))
            } else {
                (0, 0.0)
            };
            if half.is_some_and(|m| run >= m.max(period.unwrap_or(1))) {
                last = n;
                break;
            }
        }
        if last == 0 {
            return None;
        }
        // Even without decay a while is followed, so that the rotation shows its largest values.
        let wanted = if period.is_some() { last } else { last + 200 };
        for _ in last..wanted {
            self.step(&mut rows);
        }
        let last = wanted;
        let power = |n: usize| -> Matrix {
            let window = rows.v[n..n + self.k].iter().rev();
            window
                .map(|row| row.iter().map(rounded).collect())
                .collect()
        };
        let mut best = matrix_norm::Bounds::new(self.norm);
        for n in 0..=last {
            best.include(&power(n))?;
        }
        // Limits of subsequences: lower bounds only.
        if let Some(order) = self.order {
            let mut phases: Vec<Option<Box2>> = self
                .slow
                .iter()
                .map(|s| s.on_circle.then(|| s.one()))
                .collect();
            for _ in 0..order.min(64) {
                let present: Vec<_> = self.slow.iter().zip(&phases).collect();
                best.include_limit(&self.combined(&present)?)?;
                for (s, phase) in self.slow.iter().zip(&mut phases) {
                    *phase = phase.take().map(|p| p.mul(&s.root));
                }
            }
        }
        let (lower, mut upper) = best.finish()?;
        // The tail is a Frobenius norm, which bounds ‖·‖₂; ‖·‖_∞ ≤ √k ‖·‖₂ ≤ k ‖·‖₂.
        let factor = if self.norm == MatrixNorm::Linf {
            self.k
        } else {
            1
        };
        let tail =
            Float::with_val_round(64, Float::with_val(64, tail) * factor as u32, Round::Up).0;
        if period.is_some() {
            upper = add_up(&upper, &Float::with_val_round(64, &tail * 2, Round::Up).0);
        } else {
            let slow = match self.directions.and_then(|order| self.classes(order)) {
                Some(bound) => bound,
                None => self.torus()?,
            };
            let beyond = add_up(&slow, &tail);
            if beyond > upper {
                upper = beyond;
            }
        }
        Some(PowerBound::Enclosed { lower, upper })
    }

    /// `Σ z_r P_r` over the present roots (both of a pair).
    fn combined(&self, present: &[(&Slow, &Option<Box2>)]) -> Option<Matrix> {
        let mut matrix = vec![vec![number(BITS, 0); self.k]; self.k];
        for (s, phase) in present {
            let Some(phase) = phase else { continue };
            let back = s.root.recip()?;
            let mut z = phase.clone();
            for row in &mut matrix {
                for (x, part) in row.iter_mut().zip(s.at(&z)) {
                    *x = x.add(&part);
                }
                z = z.mul(&back);
            }
        }
        Some(matrix)
    }

    /// An upper bound of `‖Σ t_r (r/|r|)^j P_r‖` over `0 ≤ t_r ≤ 1` and `j` modulo the order.
    fn classes(&self, order: usize) -> Option<Float> {
        let moving: Vec<usize> = (0..self.slow.len())
            .filter(|&i| !self.slow[i].on_circle)
            .collect();
        if order << moving.len().min(32) > MAX_COMBINATIONS {
            return None;
        }
        let steps: Option<Vec<Box2>> = self.slow.iter().map(Slow::direction).collect();
        let steps = steps?;
        let mut best = matrix_norm::Bounds::new(self.norm);
        let mut phases: Vec<Box2> = self.slow.iter().map(Slow::one).collect();
        for _ in 0..order {
            for subset in 0..1_usize << moving.len() {
                let gone = |i: usize| {
                    let place = moving.iter().position(|&m| m == i);
                    place.is_some_and(|p| subset >> p & 1 == 1)
                };
                let kept: Vec<Option<Box2>> = phases
                    .iter()
                    .enumerate()
                    .map(|(i, phase)| (!gone(i)).then(|| phase.clone()))
                    .collect();
                let present: Vec<_> = self.slow.iter().zip(&kept).collect();
                best.include(&self.combined(&present)?)?;
            }
            for (phase, step) in phases.iter_mut().zip(&steps) {
                *phase = phase.mul(step);
            }
        }
        Some(best.finish()?.1)
    }

    /// An upper bound of `‖Σ z_r P_r‖` over `|z_r| ≤ 1`.
    fn torus(&self) -> Option<Float> {
        let pairs = self.slow.iter().filter(|s| !s.real).count();
        let real = self.slow.len() - pairs;
        let mut corners = CORNERS;
        let count = |corners: usize| {
            let total = (corners as f64).powi(pairs as i32) * 2_f64.powi(real as i32);
            total <= MAX_COMBINATIONS as f64
        };
        while corners > 4 && !count(corners) {
            corners /= 2;
        }
        if !count(corners) {
            return None;
        }
        // Corners of the polygon around the unit circle, modulus 1/cos(π/corners).
        let around = polygon(corners)?;
        let sign = [number(BITS, 1), number(BITS, -1)];
        let mut best = matrix_norm::Bounds::new(self.norm);
        let mut digits = vec![0_usize; self.slow.len()];
        loop {
            let phases: Vec<Option<Box2>> = self
                .slow
                .iter()
                .zip(&digits)
                .map(|(s, &d)| {
                    Some(if s.real {
                        Box2 {
                            re: sign[d].clone(),
                            im: number(BITS, 0),
                        }
                    } else {
                        around[d].clone()
                    })
                })
                .collect();
            let present: Vec<_> = self.slow.iter().zip(&phases).collect();
            best.include(&self.combined(&present)?)?;
            let mut at = 0;
            loop {
                let Some(digit) = digits.get_mut(at) else {
                    return Some(best.finish()?.1);
                };
                *digit += 1;
                if *digit < if self.slow[at].real { 2 } else { corners } {
                    break;
                }
                *digit = 0;
                at += 1;
            }
        }
    }
}

impl Slow {
    /// With `q = ρ/(x − r)` the projector is `(r^{k−1}, …, 1)ᵀ (q_{k−1}, …, q_0)/ρ'(r)`.
    fn new(rho: &Poly, root: &RootEnclosure) -> Option<Self> {
        let r = Box2 {
            re: rounded(&root.re),
            im: rounded(&root.im),
        };
        let zero = number(BITS, 0);
        let mut quotient: Vec<Box2> = Vec::new();
        let mut slope = Box2 {
            re: zero.clone(),
            im: zero.clone(),
        };
        let mut value = slope.clone();
        for c in rho.coeffs().iter().rev() {
            slope = slope.mul(&r).add(&value);
            value = value.mul(&r);
            value.re = value.re.add(&MpInterval::from_rational(BITS, c).ok()?);
            quotient.push(value.clone());
        }
        quotient.pop();
        let k = quotient.len();
        let mut factor = slope.recip()?;
        for _ in 1..k {
            factor = factor.mul(&r);
        }
        Some(Self {
            row: quotient.iter().map(|q| q.mul(&factor)).collect(),
            real: root.im.lo().is_zero() && root.im.hi().is_zero(),
            on_circle: root.location == Location::On,
            root: r,
        })
    }

    fn one(&self) -> Box2 {
        Box2 {
            re: number(BITS, 1),
            im: number(BITS, 0),
        }
    }

    /// `r/|r|`.
    fn direction(&self) -> Option<Box2> {
        if self.on_circle {
            return Some(self.root.clone());
        }
        let modulus = self.root.norm_square().sqrt().ok()?;
        Some(Box2 {
            re: self.root.re.div(&modulus).ok()?,
            im: self.root.im.div(&modulus).ok()?,
        })
    }

    /// The real row `z P + conj`.
    fn at<'a>(&'a self, z: &'a Box2) -> impl Iterator<Item = MpInterval> + 'a {
        let twice = number(BITS, if self.real { 1 } else { 2 });
        self.row.iter().map(move |p| z.mul(p).re.mul(&twice))
    }
}

fn number(bits: u32, value: i64) -> MpInterval {
    MpInterval::from_rational(bits, &Rational::from(value)).expect("a precision within limits")
}

/// The interval at [`BITS`] bits, outward.
fn rounded(x: &MpInterval) -> MpInterval {
    number(BITS, 0).add(x)
}

fn add_up(a: &Float, b: &Float) -> Float {
    Float::with_val_round(a.prec(), a + b, Round::Up).0
}

/// An upper bound of the root of a sum.
fn frobenius(squares: &[Float]) -> f64 {
    let sum = squares.iter().fold(Float::new(BITS), |s, x| add_up(&s, x));
    let root = Float::with_val_round(BITS, sum.sqrt_ref(), Round::Up).0;
    root.to_f64_round(Round::Up)
}

/// The corners of the regular polygon around the unit circle with one corner on the positive axis.
fn polygon(corners: usize) -> Option<Vec<Box2>> {
    let pi = Float::with_val(BITS, rug::float::Constant::Pi);
    let points = (0..corners).map(|i| {
        let angle = Float::with_val(BITS, &pi * (2 * i as u32)) / corners as u32;
        // Any points whose hull holds the disc will do: take exact ones a little outside.
        let scale = Float::with_val(BITS, &pi / corners as u32).cos().recip() * 1.000_001_f64;
        let (sin, cos) = angle.sin_cos(Float::new(BITS));
        let point = |x: Float| MpInterval::from_float(&Float::with_val(BITS, x * &scale)).ok();
        Some(Box2 {
            re: point(cos)?,
            im: point(sin)?,
        })
    });
    points.collect()
}

/// The positive root of `r^k = Σ |alpha_j| r^j`, roughly, at least 1.
pub(super) fn growth(method: &LinearMultistep) -> f64 {
    let k = method.steps();
    let sizes: Vec<f64> = method.alpha()[..k]
        .iter()
        .map(|a| a.to_f64().abs())
        .collect();
    let excess = |r: f64| {
        let sum: f64 = sizes
            .iter()
            .enumerate()
            .map(|(j, a)| a * r.powi(j as i32 - k as i32))
            .sum();
        sum > 1.0
    };
    let (mut lo, mut hi) = (1.0, 1.0 + sizes.iter().sum::<f64>());
    for _ in 0..60 {
        let middle = f64::midpoint(lo, hi);
        if excess(middle) {
            lo = middle
        } else {
            hi = middle
        }
    }
    hi
}

fn lcm(a: usize, b: usize) -> usize {
    let (mut x, mut y) = (a, b);
    while y > 0 {
        (x, y) = (y, x % y);
    }
    a / x * b
}

/// The least `L` for which `r^L` is real and positive, exactly: for real roots, and for pairs with a
/// rational quadratic factor `r² − a r + b` of `ρ`.
fn direction(rho: &Poly, slow: &Slow) -> Option<usize> {
    let root = &slow.root;
    if slow.real {
        return Some(if *root.re.lo() > 0 { 1 } else { 2 });
    }
    let within = |x: &MpInterval| -> Option<Rational> {
        let (lo, hi) = (x.lo().to_rational()?, x.hi().to_rational()?);
        Some(if lo == hi {
            lo
        } else {
            simplest_between(&lo, &hi)
        })
    };
    let a = within(&root.re.add(&root.re))?;
    let b = within(&root.norm_square())?;
    let factor = Poly::new(vec![b.clone(), Rational::from(-&a), Rational::from(1)]);
    // The root of the factor is the one in the enclosure: it divides ρ and has this imaginary part.
    let height: Rational = &b - Rational::from(a.square_ref()) / 4_u32;
    if rho.exact_div(&factor).is_none() || height <= 0 || !root.im.square().contains(&height) {
        return None;
    }
    // r^L = w_L r − b w_{L−1}
    let (mut before, mut now) = (Rational::new(), Rational::from(1));
    for order in 2..=MAX_DIRECTIONS {
        let next = Rational::from(&a * &now) - Rational::from(&b * &before);
        (before, now) = (now, next);
        if now == 0 {
            return Some(if before < 0 { order } else { 2 * order });
        }
    }
    None
}

/// The least `L` for which every root on the circle is an `L`-th root of unity, if small.
pub(super) fn unity(condition: &RootCondition) -> Option<usize> {
    let circle = condition
        .parts
        .iter()
        .filter(|p| p.split.on() > 0)
        .fold(Poly::one(), |g, p| &g * &p.split.paired());
    let n = circle.degree().unwrap_or(0);
    if n == 0 {
        return Some(1);
    }
    if circle.coeffs().iter().any(|c| *c.denom() != 1) {
        return None;
    }
    let g: Vec<Integer> = circle.coeffs().iter().map(|c| c.numer().clone()).collect();
    // r^L mod g over ℤ; the entries of true roots of unity stay small.
    let mut power = vec![Integer::new(); n];
    power[0] = Integer::from(1);
    for order in 1..=MAX_ORDER {
        let top = power.pop().unwrap_or_default();
        power.insert(0, Integer::new());
        for (p, c) in power.iter_mut().zip(&g) {
            *p -= Integer::from(c * &top);
        }
        if power[0] == 1 && power[1..].iter().all(|c| *c == 0) {
            return Some(order);
        }
        if power.iter().any(|c| c.significant_bits() > 4096) {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::multistep::by_name;
    use crate::multistep::roots::enclose;

    fn bound(method: &LinearMultistep, norm: MatrixNorm) -> PowerBound {
        let condition = RootCondition::of(&method.rho(), method.kind());
        let roots = enclose(&condition, "test").expect("separable");
        power_bound(method, &condition, &roots, norm).expect("few steps")
    }

    #[test]
    fn published_bounds_of_zerosnet() {
        // Four digits of the published table, cut or rounded.
        for (l, value) in [
            ("-9/5", 1.294),
            ("-3", 1.301),
            ("-1", 1.414),
            ("1", 2.81),
            ("1/2", 9.44),
            ("2/5", 24.2),
        ] {
            let method = by_name(&format!("zerosnet({l})")).expect(l);
            let PowerBound::Enclosed { lower, upper } = bound(&method, MatrixNorm::L2) else {
                panic!("{l}: not enclosed")
            };
            let (lo, hi) = (lower.to_f64(), upper.to_f64());
            assert!(hi <= 1.01 * lo && lo <= hi, "{l}: {lo} {hi}");
            assert!(lo < value * 1.005 && hi > value * 0.995, "{l}: {lo} {hi}");
        }
    }

    #[test]
    fn rotations_without_period() {
        let quade = LinearMultistep::new(
            "quade",
            crate::multistep::Kind::First,
            [(-1, 1), (8, 19), (0, 1), (-8, 19), (1, 1)]
                .map(Rational::from)
                .to_vec(),
            vec![Rational::new(); 5],
        );
        let quade = quade.expect("valid");
        for norm in [MatrixNorm::L2, MatrixNorm::Linf] {
            let PowerBound::Enclosed { lower, upper } = bound(&quade, norm) else {
                panic!("{norm:?}")
            };
            assert!(upper.to_f64() <= 1.012 * lower.to_f64(), "{lower} {upper}");
        }
    }

    /// Parasitic roots within 1e-12 of the circle, in directions that are roots of unity and not.
    #[test]
    fn roots_next_to_the_circle() {
        let near = Rational::from((999_999_999_999_u64, 1_000_000_000_000_u64));
        let pairs = [(0, 1), (3, 5), (-1, 1), (8, 5)].map(Rational::from);
        let mut factors: Vec<Poly> = pairs
            .iter()
            .map(|a| Poly::new(vec![near.clone(), Rational::from(-a), Rational::from(1)]))
            .collect();
        factors.push(Poly::linear(&near));
        factors.push(Poly::linear(&Rational::from(-&near)));
        for factor in factors {
            let rho = &Poly::from_integers(&[-1, 1]) * &factor;
            let k = rho.degree().expect("not zero");
            let beta = vec![Rational::from(1); k + 1];
            let kind = crate::multistep::Kind::First;
            let method = LinearMultistep::new("near", kind, rho.coeffs().to_vec(), beta);
            let method = method.expect("valid");
            for norm in [MatrixNorm::L2, MatrixNorm::Linf] {
                let PowerBound::Enclosed { lower, upper } = bound(&method, norm) else {
                    panic!("{rho:?}")
                };
                let (lower, upper) = (lower.to_f64(), upper.to_f64());
                assert!(upper <= 1.01 * lower, "{rho:?} {norm:?}: {lower} {upper}");
            }
        }
    }

    #[test]
    fn unbounded_powers() {
        for name in ["verlet", "bdf7"] {
            let method = by_name(name).expect(name);
            assert_eq!(
                bound(&method, MatrixNorm::L2),
                PowerBound::Unbounded,
                "{name}"
            );
        }
    }
}
