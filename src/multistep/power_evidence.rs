//! What a checker needs to re-establish a power bound without search.
//!
//! For methods whose roots on the unit circle are roots of unity: `ρ = g h` with the circle's roots in
//! `g | r^L − 1`. With the projector `D_0 = w(C)`, `w ≡ 0` modulo `g` and `≡ 1` modulo `h`, the part
//! `D_n = C^n D_0` decays and the rest repeats, so finitely many powers bound all of them. Everything here
//! proposes in binary64: how many powers, at which precision, and the vector of the lower bound, which is
//! then evaluated exactly. Rotations that are no roots of unity have no such record.

use rug::Float;

use super::LinearMultistep;
use super::matrix_norm::MatrixNorm;
use super::power_bound::{growth, unity};
use super::root_condition::RootCondition;
use crate::exact::{Integer, Poly, Rational};

/// Powers followed at most.
const MAX_POWERS: usize = 4000;
/// The decaying part counts as gone when its share of the bound is below this.
const QUIET: f64 = 2e-5;
/// Bounds are stated on this grid, in bits.
const GRID: u32 = 24;

/// The record.
#[derive(Debug, Clone, PartialEq)]
pub struct PowerEvidence {
    /// A proved lower bound.
    pub lower: Rational,
    /// An upper bound.
    pub upper: Rational,
    /// `g`, monic.
    pub circle: Poly,
    /// `L`.
    pub period: usize,
    /// How many powers to follow.
    pub last: usize,
    /// Bits of the recurrence.
    pub bits: u32,
    /// The power that attains the lower bound on `vector`.
    pub power: usize,
    /// That vector, newest value first.
    pub vector: Vec<Rational>,
}

/// The record for a method whose powers are at most `upper` in this norm; `None` where the roots on the
/// circle are no roots of unity of small order, where powers are unbounded, or decay takes too long.
pub fn evidence(
    method: &LinearMultistep,
    condition: &RootCondition,
    norm: MatrixNorm,
    upper: &Float,
) -> Option<PowerEvidence> {
    if condition.counts.outside > 0 || condition.max_circle_multiplicity > 1 {
        return None;
    }
    let k = method.steps();
    let period = unity(condition)?;
    let rho = method.rho();
    let on_circle = condition.parts.iter().filter(|p| p.split.on() > 0);
    let circle = on_circle.fold(Poly::one(), |g, p| &g * &p.split.paired());
    let h = rho.exact_div(&circle)?.monic();
    let w = projector(&circle, &h, &rho)?;

    // First rows of C^n from n = 1 − k, and of D_n.
    let alpha: Vec<f64> = method.alpha().iter().map(Rational::to_f64).collect();
    let mut v: Vec<Vec<f64>> = (0..k)
        .map(|i| {
            (0..k)
                .map(|c| f64::from(u8::from(c == k - 1 - i)))
                .collect()
        })
        .collect();
    let mut exact: Vec<Vec<Rational>> = v
        .iter()
        .map(|row| row.iter().map(|&x| Rational::from(x as i64)).collect())
        .collect();
    for _ in 1..k {
        let next = next_exact(&exact, method.alpha());
        exact.push(next);
    }
    let mut d: Vec<Vec<f64>> = (0..k)
        .map(|i| {
            let column = |c: usize| {
                (0..k).fold(Rational::new(), |s, j| {
                    s + Rational::from(&exact[i + j][c] * &w.coeff(j))
                })
            };
            (0..k).map(|c| column(c).to_f64()).collect()
        })
        .collect();
    let decay: Vec<f64> = h.coeffs().iter().map(Rational::to_f64).collect();
    let target = QUIET * upper.to_f64() / k as f64;
    let (mut half, mut quiet, mut last) = (None, 0, None);
    let mut largest_left = 0.0_f64;
    for n in 0..=MAX_POWERS {
        if n > 0 {
            v.push(next(&v, &alpha));
            d.push(next(&d, &decay));
        }
        let size = d[n..n + k]
            .iter()
            .flatten()
            .map(|x| x * x)
            .sum::<f64>()
            .sqrt();
        if half.is_none() && size <= 0.49 {
            half = Some(n);
        }
        if size <= target {
            quiet += 1;
            largest_left = largest_left.max(size);
        } else {
            (quiet, largest_left) = (0, 0.0);
        }
        // A power more than the window, for the slack between binary64 and the checker's enclosures.
        if half.is_some_and(|m| quiet > m.max(period).max(1)) {
            last = Some(n);
            break;
        }
    }
    let last = last?;
    let (power, vector) = best(&v, k, last, norm)?;
    let lower = attained(method.alpha(), power, &vector, norm)?;
    let margin = Rational::from_f64(4.0 * k as f64 * largest_left.max(f64::MIN_POSITIVE))?;
    let slack = Rational::from((8193, 8192));
    let upper = up(&(upper.to_rational()? * slack + margin));
    let bits = (growth(method).log2().max(0.0) * last as f64) as u32 + 512;
    Some(PowerEvidence {
        lower,
        upper,
        circle,
        period,
        last,
        bits,
        power,
        vector,
    })
}

/// `w` of degree below `k`, `≡ 0` modulo `g`, `≡ 1` modulo `h`, by a linear system: `w = s g`.
fn projector(g: &Poly, h: &Poly, rho: &Poly) -> Option<Poly> {
    if h.is_constant() {
        return Some(Poly::zero());
    }
    // Bezout by the extended Euclidean scheme on (g mod h, h).
    let (mut a, mut b) = (g.div_rem(h)?.1, h.clone());
    let (mut x, mut y) = (Poly::one(), Poly::zero());
    while !a.is_zero() {
        let (q, rest) = b.div_rem(&a)?;
        let z = &y - &(&q * &x);
        (b, a) = (a, rest);
        (y, x) = (x, z);
    }
    let unit = b.is_constant().then(|| b.coeff(0)).filter(|c| *c != 0)?;
    Some((&y.scaled(&unit.recip()) * g).div_rem(rho)?.1)
}

fn next(rows: &[Vec<f64>], monic: &[f64]) -> Vec<f64> {
    let m = monic.len() - 1;
    let history = &rows[rows.len() - m..];
    (0..rows[0].len())
        .map(|c| {
            -history
                .iter()
                .zip(monic)
                .map(|(row, a)| row[c] * a)
                .sum::<f64>()
        })
        .collect()
}

fn next_exact(rows: &[Vec<Rational>], alpha: &[Rational]) -> Vec<Rational> {
    let k = alpha.len() - 1;
    let history = &rows[rows.len() - k..];
    (0..rows[0].len())
        .map(|c| {
            let sum = history.iter().zip(alpha);
            sum.fold(Rational::new(), |s, (row, a)| {
                s - Rational::from(a * &row[c])
            })
        })
        .collect()
}

/// The power of largest norm, roughly, and a vector that shows it.
fn best(v: &[Vec<f64>], k: usize, last: usize, norm: MatrixNorm) -> Option<(usize, Vec<Rational>)> {
    let mut found: Option<(f64, usize, Vec<f64>)> = None;
    for n in 0..=last {
        let rows: Vec<&Vec<f64>> = v[n..n + k].iter().rev().collect();
        let (size, x) = match norm {
            MatrixNorm::Linf => {
                let sum = |row: &&&Vec<f64>| row.iter().map(|x| x.abs()).sum::<f64>();
                let row = rows.iter().max_by(|a, b| sum(a).total_cmp(&sum(b)))?;
                let signs = row.iter().map(|&x| if x < 0.0 { -1.0 } else { 1.0 });
                (sum(&row), signs.collect())
            }
            MatrixNorm::L2 => largest_singular(&rows),
        };
        if size.is_finite() && found.as_ref().is_none_or(|(s, ..)| size > *s) {
            found = Some((size, n, x));
        }
    }
    let (_, n, x) = found?;
    let scale = f64::from(1 << 20);
    let exact = |x: f64| Rational::from(((x * scale).round() as i64, 1 << 20));
    Some((n, x.into_iter().map(exact).collect()))
}

/// The Euclidean norm and its right singular vector by power iteration.
fn largest_singular(rows: &[&Vec<f64>]) -> (f64, Vec<f64>) {
    let k = rows.len();
    let mut x: Vec<f64> = (0..k).map(|i| 1.0 + 0.37 * i as f64).collect();
    let mut size = 0.0;
    for _ in 0..100 {
        let y: Vec<f64> = rows
            .iter()
            .map(|r| r.iter().zip(&x).map(|(a, b)| a * b).sum())
            .collect();
        let z: Vec<f64> = (0..k)
            .map(|c| rows.iter().zip(&y).map(|(r, y)| r[c] * y).sum())
            .collect();
        let length = z.iter().map(|z| z * z).sum::<f64>().sqrt();
        if length == 0.0 || !length.is_finite() {
            break;
        }
        let next = length.sqrt();
        x = z.into_iter().map(|z| z / length).collect();
        let settled = (next - size).abs() <= 1e-12 * next;
        size = next;
        if settled {
            break;
        }
    }
    (size, x)
}

/// `‖Cⁿx‖/‖x‖`, exactly, rounded down to the grid.
fn attained(alpha: &[Rational], n: usize, x: &[Rational], norm: MatrixNorm) -> Option<Rational> {
    let square = |x: &mut dyn Iterator<Item = &Rational>| match norm {
        MatrixNorm::L2 => x.fold(Rational::new(), |s, x| s + Rational::from(x.square_ref())),
        MatrixNorm::Linf => x
            .map(|x| Rational::from(x.square_ref()))
            .max()
            .unwrap_or_default(),
    };
    let mut history: Vec<Vec<Rational>> = x.iter().rev().map(|x| vec![x.clone()]).collect();
    for _ in 0..n {
        let next = next_exact(&history, alpha);
        history.remove(0);
        history.push(next);
    }
    let before = square(&mut x.iter());
    if before == 0 {
        return None;
    }
    let ratio = square(&mut history.iter().flatten()) / before;
    // ⌊√(ratio 4^GRID)⌋/2^GRID
    let scaled = (ratio * (Integer::from(1) << (2 * GRID))).floor();
    let root = scaled.numer().clone().sqrt();
    Some(Rational::from((root, Integer::from(1) << GRID)))
}

/// Rounded up to the grid.
fn up(x: &Rational) -> Rational {
    let scaled = Rational::from(x * (Integer::from(1) << GRID)).ceil();
    Rational::from((scaled.numer().clone(), Integer::from(1) << GRID))
}
