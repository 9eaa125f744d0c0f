//! Powers of one companion matrix `C`, rows newest value first.
//!
//! `ρ = g h`, all roots of `g` are roots of unity (`g` divides `r^L − 1`) and those of `h` are inside
//! the unit circle. With `s g ≡ 1` modulo `h`, `D_n = C^n (s g)(C)` decays and `U_n = C^n − D_n` repeats
//! with period `L`. Row `i` of each is the first row of the power `n − i`, so one sequence of rows, which
//! obeys the recurrence of `ρ` (of `h`), holds all of them.
//!
//! - Powers up to `C^N` are bounded one by one.
//! - With `‖D_m‖ ≤ ½`, `D_{n+m} = D_n D_m` bounds all later `D_n` by `δ`, the largest Frobenius norm among
//!   the last `max(m, L)` up to `N`.
//! - A later power differs from one of the last `L` up to `N` by two decaying parts: by at most `2δ`.
//! - The lower bound is one power and one vector, exactly.

use super::decide::open_disc;
use super::matrix::{Matrix, positive_definite, product, transposed};
use super::{Rejection, agree, enclose, number, numbers, wrong};
use crate::certificate::schema::Document;
use crate::certificate::schema::multistep::{MatrixNorm, PowersClaim, PowersEvidence};
use crate::check::Checked;
use crate::exact::{MpInterval, Poly, Rational};

const MAX_STEPS: usize = 32;
const MAX_POWER: u64 = 1 << 14;
const MAX_BITS: u64 = 1 << 16;
/// Precision of norms.
const BITS: u32 = 160;

pub(in crate::check) fn check(
    document: &Document<PowersClaim, PowersEvidence>,
) -> Result<Checked, Rejection> {
    let (claim, evidence) = (&document.claim, &document.evidence);
    let k = claim.alpha.len().saturating_sub(1);
    if !(1..=MAX_STEPS).contains(&k) {
        return Err(wrong("steps", k, format!("1 to {MAX_STEPS}")));
    }
    let alpha = numbers("alpha", &claim.alpha, k + 1)?;
    agree("leading coefficient", &alpha[k], &Rational::from(1))?;
    let (lower, upper) = (
        number("lower", &claim.lower)?,
        number("upper", &claim.upper)?,
    );
    let limits = [evidence.last, evidence.period, evidence.power];
    if limits.iter().any(|&n| n > MAX_POWER) || !(64..=MAX_BITS).contains(&evidence.bits) {
        return Err(Rejection::TooLarge {
            place: "powers or bits".into(),
        });
    }
    let [last, period, power] = limits.map(|n| n as usize);
    let vector = numbers("vector", &evidence.vector, k)?;
    let rho = Poly::new(alpha.clone());

    // ρ = g h.
    let length = evidence.circle.len();
    let g = Poly::new(numbers("circle", &evidence.circle, length)?);
    let h = rho
        .exact_div(&g)
        .ok_or_else(|| wrong("circle", "a factor of rho", "not so"))?;
    let m = h.degree().unwrap_or(0);
    if !open_disc(&h, m) {
        return Err(wrong("other roots", "inside the circle", "not proved"));
    }
    let unity = &Poly::x().pow(period) - &Poly::one();
    if period == 0 || unity.exact_div(&g).is_none() {
        return Err(wrong(
            "circle",
            format!("roots of unity of order {period}"),
            "not so",
        ));
    }
    let decaying = decaying_projector(&g, &h, &rho)?;

    let rows = Rows::follow(&alpha, &h, &decaying, last, evidence.bits as u32)?;
    let size = |n: usize| rows.decay(n);
    let half = enclose(BITS, &Rational::from((1, 4)));
    let halving = (0..=last).find(|&n| size(n).hi() <= half.lo());
    let halving =
        halving.ok_or_else(|| wrong("decay", format!("by half within {last} powers"), "not so"))?;
    let window = halving.max(period).max(1);
    if window > last {
        return Err(wrong("powers followed", last, format!("at least {window}")));
    }
    let square = (last + 1 - window..=last)
        .map(size)
        .fold(enclose(BITS, &Rational::new()), |a, b| a.max(&b));
    let delta = square
        .sqrt()
        .map_err(|_| wrong("decay", "a norm", "undefined"))?;
    // ‖·‖_∞ ≤ √k ‖·‖₂ ≤ k ‖·‖_F.
    let factor = if claim.norm == MatrixNorm::Linf {
        2 * k
    } else {
        2
    };
    let margin = delta.mul(&enclose(BITS, &Rational::from(factor as u64)));
    let whole = enclose(BITS, upper);
    let tight = whole.sub(&margin);
    for n in 0..=last {
        let t = if n + period > last { &tight } else { &whole };
        if *t.lo() <= 0 || !at_most(&rows.power(n), t, claim.norm) {
            return Err(wrong(format!("norm of power {n}"), upper, "not proved"));
        }
    }

    attains(&alpha, power, vector, lower, claim.norm)?;
    Ok(Checked::multistep(format!(
        "powers: {} <= sup |C^n| <= {} ({} followed)",
        lower.to_f64(),
        upper.to_f64(),
        last
    )))
}

/// `w` of degree below `k` with `w ≡ 0` modulo `g` and `w ≡ 1` modulo `h`.
fn decaying_projector(g: &Poly, h: &Poly, rho: &Poly) -> Result<Poly, Rejection> {
    // Extended Euclid: s g ≡ r modulo h.
    let failed = || wrong("circle and other roots", "coprime", "not so");
    let (mut r, mut next) = (h.clone(), g.clone());
    let (mut s, mut s_next) = (Poly::zero(), Poly::one());
    while !next.is_zero() {
        let (quotient, rest) = r.div_rem(&next).ok_or_else(failed)?;
        (r, next) = (next, rest);
        let after = &s - &(&quotient * &s_next);
        (s, s_next) = (s_next, after);
    }
    if !r.is_constant() || r.is_zero() {
        return Err(failed());
    }
    let inverse = Rational::from(r.coeff(0).recip_ref());
    let w = &s.scaled(&inverse) * g;
    Ok(w.div_rem(rho).ok_or_else(failed)?.1)
}

/// First rows of `C^n` and `D_n` for `n` from `1 − k` on.
struct Rows {
    k: usize,
    v: Vec<Vec<MpInterval>>,
    d: Vec<Vec<MpInterval>>,
}

impl Rows {
    fn follow(
        alpha: &[Rational],
        h: &Poly,
        decaying: &Poly,
        last: usize,
        bits: u32,
    ) -> Result<Self, Rejection> {
        let k = alpha.len() - 1;
        // Exact rows from 1 − k to k − 1, for the start of D.
        let mut exact: Vec<Vec<Rational>> = (0..k)
            .map(|i| {
                (0..k)
                    .map(|c| Rational::from(i64::from(c == k - 1 - i)))
                    .collect()
            })
            .collect();
        for _ in 1..k {
            exact.push(next_row(&exact, alpha));
        }
        let start: Vec<Vec<Rational>> = (0..k)
            .map(|i| {
                // D_0's row k − 1 − i: Σ_j w_j v_{j − (k − 1 − i)}, and v_n is entry n + k − 1.
                let mut row = vec![Rational::new(); k];
                for j in 0..k {
                    let w = decaying.coeff(j);
                    for (x, v) in row.iter_mut().zip(&exact[j + i]) {
                        *x += Rational::from(&w * v);
                    }
                }
                row
            })
            .collect();
        let enclosed = |rows: &[Vec<Rational>]| -> Vec<Vec<MpInterval>> {
            rows.iter()
                .map(|row| row.iter().map(|x| enclose(bits, x)).collect())
                .collect()
        };
        let (mut v, mut d) = (enclosed(&exact[..k]), enclosed(&start));
        let rho: Vec<MpInterval> = alpha.iter().map(|c| enclose(bits, c)).collect();
        let m = h.degree().unwrap_or(0);
        let lead = h.coeff(m);
        let monic: Vec<MpInterval> = (0..=m)
            .map(|j| enclose(bits, &(h.coeff(j) / &lead)))
            .collect();
        for _ in 0..last {
            v.push(next_enclosure(&v, &rho, bits));
            d.push(next_enclosure(&d, &monic, bits));
        }
        let unbounded = |row: &Vec<MpInterval>| row.iter().any(|x| !x.is_bounded());
        if v.iter().chain(&d).any(unbounded) {
            return Err(wrong("powers", "bounded enclosures", "not so"));
        }
        Ok(Self { k, v, d })
    }

    /// The square of the Frobenius norm of `D_n`.
    fn decay(&self, n: usize) -> MpInterval {
        let zero = enclose(BITS, &Rational::new());
        self.d[n..n + self.k]
            .iter()
            .flatten()
            .fold(zero.clone(), |s, x| s.add(&zero.add(x).square()))
    }

    fn power(&self, n: usize) -> Matrix {
        let zero = enclose(BITS, &Rational::new());
        let rows = self.v[n..n + self.k].iter().rev();
        rows.map(|row| row.iter().map(|x| zero.add(x)).collect())
            .collect()
    }
}

/// `v_{n+1} = −Σ_{j<k} alpha_j v_{n+1−k+j}`.
fn next_row(rows: &[Vec<Rational>], alpha: &[Rational]) -> Vec<Rational> {
    let k = alpha.len() - 1;
    let mut next = vec![Rational::new(); rows[0].len()];
    for (row, a) in rows[rows.len() - k..].iter().zip(alpha) {
        for (x, v) in next.iter_mut().zip(row) {
            *x -= Rational::from(a * v);
        }
    }
    next
}

/// The same for intervals; a constant polynomial gives zero.
fn next_enclosure(rows: &[Vec<MpInterval>], monic: &[MpInterval], bits: u32) -> Vec<MpInterval> {
    let m = monic.len() - 1;
    let mut next = vec![enclose(bits, &Rational::new()); rows[0].len()];
    for (row, c) in rows[rows.len() - m..].iter().zip(monic) {
        for (x, v) in next.iter_mut().zip(row) {
            *x = x.sub(&c.mul(v));
        }
    }
    next
}

/// `‖A‖ ≤ t`: by row sums, or by `t² − AᵀA ≻ 0`.
fn at_most(a: &Matrix, t: &MpInterval, norm: MatrixNorm) -> bool {
    let zero = enclose(BITS, &Rational::new());
    match norm {
        MatrixNorm::Linf => a.iter().all(|row| {
            let sum = row.iter().fold(zero.clone(), |s, x| s.add(&x.abs()));
            sum.hi() <= t.lo()
        }),
        MatrixNorm::L2 => {
            let low = MpInterval::from_float(t.lo());
            let Ok(square) = low.map(|t| t.square()) else {
                return false;
            };
            let frobenius = a.iter().flatten().fold(zero, |s, x| s.add(&x.square()));
            if frobenius.hi() <= square.lo() {
                return true;
            }
            let mut rest = product(&transposed(a), a);
            for (i, row) in rest.iter_mut().enumerate() {
                for (j, x) in row.iter_mut().enumerate() {
                    *x = if i == j { square.sub(x) } else { x.neg() };
                }
            }
            positive_definite(rest)
        }
    }
}

/// `‖Cⁿx‖ ≥ lower ‖x‖`, exactly.
fn attains(
    alpha: &[Rational],
    power: usize,
    vector: Vec<Rational>,
    lower: &Rational,
    norm: MatrixNorm,
) -> Result<(), Rejection> {
    let size = |x: &[Rational]| match norm {
        MatrixNorm::L2 => x
            .iter()
            .fold(Rational::new(), |s, x| s + Rational::from(x.square_ref())),
        MatrixNorm::Linf => {
            let largest = x.iter().map(|x| Rational::from(x.abs_ref())).max();
            largest.unwrap_or_default().square()
        }
    };
    let before = size(&vector);
    // Newest first in the vector, oldest first in the history.
    let mut history: Vec<Vec<Rational>> = vector.into_iter().rev().map(|x| vec![x]).collect();
    for _ in 0..power {
        let next = next_row(&history, alpha);
        history.remove(0);
        history.push(next);
    }
    let after: Vec<Rational> = history.into_iter().flatten().collect();
    if before == 0 || *lower < 0 || size(&after) < before * Rational::from(lower.square_ref()) {
        return Err(wrong("lower bound", lower, "not attained"));
    }
    Ok(())
}
