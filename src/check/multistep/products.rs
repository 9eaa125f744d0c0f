//! Products of companion matrices `C(ω_n) … C(ω_1)`, parameters anywhere in an interval.
//!
//! With `x_n = Σ a_i x_{n−1−i}`, `Σ a_i = 1`, the differences `d_n = x_n − x_{n−1}` obey
//! `d_n = −Σ_m (Σ_{i>m} a_i) d_{n−1−m}`. If `AᵀPA ≺ qP` for the companion matrices `A` of this
//! recurrence, `q < 1`, `P ≻ 0`, then `‖D_n‖_P ≤ g^n ‖D_0‖_P` with `g = √q`, so
//!
//! `|x_n| ≤ |x_0| + Σ_{j≥1} |d_j| ≤ |x_0| + √(P⁻¹)_{11} · g/(1 − g) · ‖D_0‖_P`.
//!
//! For histories in the unit cube `‖D_0‖_P`, a convex function, is largest at a corner. Where all
//! `a_i ≥ 0` the products are convex combinations and the bound is 1.

use super::conditions::largest_exponent;
use super::matrix::{Matrix, positive_definite, product, transposed};
use super::{Rejection, agree, enclose, members, number, numbers, wrong};
use crate::certificate::schema::Document;
use crate::certificate::schema::multistep::{ProductsClaim, ProductsEvidence, System};
use crate::check::Checked;
use crate::exact::nested::Nested;
use crate::exact::ratfunc::Value;
use crate::exact::sturm::isolate;
use crate::exact::{MPoly, MRatFunc, MpInterval, Poly, Rational};

const BITS: u32 = 160;
const MAX_STEPS: usize = 12;
/// Degrees of all coefficients together.
const MAX_DEGREES: usize = 100;
const MAX_BOXES: u64 = 2_000_000;

pub(in crate::check) fn check(
    document: &Document<ProductsClaim, ProductsEvidence>,
) -> Result<Checked, Rejection> {
    let (claim, evidence) = (&document.claim, &document.evidence);
    let (lo, hi) = (number("lo", &claim.lo)?, number("hi", &claim.hi)?);
    let bound = number("bound", &claim.bound)?;
    if lo > hi {
        return Err(wrong("interval", lo, format!("at most {hi}")));
    }
    // Coefficients a_0, a_1, … and how many independent parameters they have.
    let (a, parameters) = match &claim.system {
        System::Layers(family) => {
            agree("parameters", &family.parameters.len(), &1)?;
            let members = members(family)?;
            // The operations below add up degrees; exponents have one byte.
            let both = |f: &MRatFunc| largest_exponent(f.num()) + largest_exponent(f.den());
            if members.alpha.iter().map(both).sum::<usize>() > MAX_DEGREES {
                return Err(Rejection::TooLarge {
                    place: "degrees in the parameter".into(),
                });
            }
            let (lead, rest) = members
                .alpha
                .split_last()
                .ok_or_else(|| wrong("alpha", "empty", "not"))?;
            let ratio = |f: &MRatFunc| constant(0).minus(f).over(lead);
            let a: Option<Vec<MRatFunc>> = rest.iter().rev().map(ratio).collect();
            // alpha_k may not vanish, nor may any denominator have a root.
            let all = members.alpha.iter().chain(&members.beta).map(MRatFunc::den);
            for p in all.chain([lead.num()]) {
                if has_root(&p.univariate(), lo, hi) {
                    return Err(wrong("members on the interval", "defined", "a pole"));
                }
            }
            (a.ok_or_else(|| wrong("alpha_k", 0, "not zero"))?, 1)
        }
        System::Bdf(bdf) => {
            let k = usize::try_from(bdf.steps)
                .ok()
                .filter(|k| (2..=6).contains(k));
            let k = k.ok_or_else(|| wrong("steps of the formula", bdf.steps, "2 to 6"))?;
            if *lo <= 0 {
                return Err(wrong("ratios", lo, "positive"));
            }
            (differentiation(k)?, k - 1)
        }
    };
    let k = a.len();
    if !(2..=MAX_STEPS).contains(&k) {
        return Err(wrong("steps", k, format!("2 to {MAX_STEPS}")));
    }
    let sum = a.iter().fold(constant(0), |s, f| s.plus(f));
    if sum != constant(1) {
        return Err(wrong("sum of the coefficients", 1, "another function"));
    }
    let found = if evidence.p.is_empty() {
        if parameters > 1 || !a.iter().all(|f| never_negative(f, lo, hi)) {
            return Err(wrong("coefficients", "never negative", "not proved"));
        }
        Rational::from(1)
    } else {
        let rows: Result<Vec<_>, _> = evidence
            .p
            .iter()
            .map(|row| numbers("row of P", row, k - 1))
            .collect();
        let p = rows?;
        agree("rows of P", &p.len(), &(k - 1))?;
        let rate = number("rate", &evidence.rate)?;
        if *rate <= 0 || *rate >= 1 {
            return Err(wrong("rate", rate, "between 0 and 1"));
        }
        let norm = Norm {
            p,
            rate: rate.clone(),
        };
        norm.contracts_everywhere(&differences(&a), parameters, (lo, hi), evidence.boxes)?;
        norm.bound(k)
            .ok_or_else(|| wrong("bound", bound, "not finite"))?
    };
    if found > *bound {
        return Err(wrong("bound", bound, found.to_f64()));
    }
    Ok(Checked::multistep(format!(
        "all products have row-sum norm at most {bound}, parameters in [{lo}, {hi}]"
    )))
}

fn constant(c: i64) -> MRatFunc {
    MRatFunc::from_poly(MPoly::constant(Rational::from(c)))
}

fn has_root(p: &Poly, lo: &Rational, hi: &Rational) -> bool {
    p.is_zero() || isolate(p).iter().any(|x| x.hi() >= lo && x.lo() <= hi)
}

/// `f ≥ 0` on the interval, on which it has no pole: at both ends and between its zeros.
fn never_negative(f: &MRatFunc, lo: &Rational, hi: &Rational) -> bool {
    let zeros = isolate(&f.num().univariate());
    let mut samples = vec![lo.clone(), hi.clone()];
    // Zeros in order, with gaps: one sample in each gap.
    for pair in zeros.windows(2) {
        samples.push(Rational::from(pair[0].hi() + pair[1].lo()) / 2);
    }
    if let (Some(first), Some(last)) = (zeros.first(), zeros.last()) {
        samples.push(Rational::from(first.lo() - 1));
        samples.push(Rational::from(last.hi() + 1));
    }
    // A gap that meets the interval without holding an end of it has its sample inside, as far as
    // enclosures do not straddle the ends: those are refused.
    let straddles = |x: &Rational| zeros.iter().any(|z| z.lo() < x && x < z.hi());
    if straddles(lo) || straddles(hi) {
        return false;
    }
    let inside = samples.iter().filter(|x| *x >= lo && *x <= hi);
    inside
        .into_iter()
        .all(|x| f.eval(std::slice::from_ref(x)).is_some_and(|v| v >= 0))
}

/// The coefficients of the backward differentiation formula of `k` steps, newest first, as functions
/// of the ratios `ω_n, ω_{n−1}, …`: `Σ_{j=1..k} h Π_{i<j} (t_n − t_{n−i}) y[t_n, …, t_{n−j}] = h f_n`
/// by Newton's divided differences, in units of the last step.
fn differentiation(k: usize) -> Result<Vec<MRatFunc>, Rejection> {
    let failed = || wrong("formula", "defined", "a division by zero");
    let mut times = vec![constant(0)];
    let mut step = constant(1);
    for j in 0..k {
        times.push(times[j].minus(&step));
        if j + 1 < k {
            let ratio = MRatFunc::from_poly(MPoly::variable(j));
            step = step.over(&ratio).ok_or_else(failed)?;
        }
    }
    // Row j holds the divided differences of order j as combinations of y_n, y_{n−1}, ….
    let unit = |i: usize| {
        (0..=k)
            .map(|c| constant(i64::from(c == i)))
            .collect::<Vec<_>>()
    };
    let mut row: Vec<Vec<MRatFunc>> = (0..=k).map(unit).collect();
    let mut sum = vec![constant(0); k + 1];
    let mut weight = constant(1);
    for j in 1..=k {
        row = (0..row.len() - 1)
            .map(|i| {
                let gap = times[i].minus(&times[i + j]);
                let pairs = row[i].iter().zip(&row[i + 1]);
                pairs
                    .map(|(x, y)| x.minus(y).over(&gap))
                    .collect::<Option<Vec<_>>>()
            })
            .collect::<Option<Vec<_>>>()
            .ok_or_else(failed)?;
        for (s, x) in sum.iter_mut().zip(&row[0]) {
            *s = s.plus(&weight.times(x));
        }
        weight = weight.times(&times[0].minus(&times[j]));
    }
    let (lead, rest) = sum.split_first().ok_or_else(failed)?;
    let a: Option<Vec<MRatFunc>> = rest
        .iter()
        .map(|x| constant(0).minus(x).over(lead))
        .collect();
    a.ok_or_else(failed)
}

/// The companion matrix of the recurrence of differences.
fn differences(a: &[MRatFunc]) -> Vec<Vec<MRatFunc>> {
    let n = a.len() - 1;
    let mut tail = constant(0);
    let mut first = vec![constant(0); n];
    for m in (0..n).rev() {
        tail = tail.plus(&a[m + 1]);
        first[m] = constant(0).minus(&tail);
    }
    let mut rows = vec![first];
    for i in 1..n {
        rows.push((0..n).map(|j| constant(i64::from(j + 1 == i))).collect());
    }
    rows
}

struct Norm {
    p: Vec<Vec<Rational>>,
    rate: Rational,
}

impl Norm {
    /// `P ≻ 0` and `qP − AᵀPA ≻ 0` on boxes that cover `[lo, hi]^parameters`, by bisection.
    fn contracts_everywhere(
        &self,
        a: &[Vec<MRatFunc>],
        parameters: usize,
        (lo, hi): (&Rational, &Rational),
        budget: u64,
    ) -> Result<(), Rejection> {
        for (i, row) in self.p.iter().enumerate() {
            for (j, x) in row.iter().enumerate() {
                agree("P is symmetric", x, &self.p[j][i])?;
            }
        }
        let p: Matrix = self
            .p
            .iter()
            .map(|row| row.iter().map(|x| enclose(BITS, x)).collect())
            .collect();
        if !positive_definite(p.clone()) {
            return Err(wrong("P", "positive definite", "not proved"));
        }
        if budget > MAX_BOXES {
            return Err(Rejection::TooLarge {
                place: "boxes".into(),
            });
        }
        let prepare = |f: &MRatFunc| (Nested::new(f.num(), BITS), Nested::new(f.den(), BITS));
        let a: Vec<Vec<_>> = a
            .iter()
            .map(|row| row.iter().map(prepare).collect())
            .collect();
        let mut stack = vec![vec![(lo.clone(), hi.clone()); parameters]];
        let mut left = budget;
        while let Some(cell) = stack.pop() {
            let Some(rest) = left.checked_sub(1) else {
                return Err(wrong("boxes of the proof", budget, "more"));
            };
            left = rest;
            if self.contracts(&a, &p, &cell) {
                continue;
            }
            let widest = (0..parameters).max_by_key(|&v| Rational::from(&cell[v].1 - &cell[v].0));
            let v = widest.unwrap_or(0);
            let middle = Rational::from(&cell[v].0 + &cell[v].1) / 2;
            let (mut left, mut right) = (cell.clone(), cell);
            left[v].1.clone_from(&middle);
            right[v].0 = middle;
            stack.push(left);
            stack.push(right);
        }
        Ok(())
    }

    fn contracts(
        &self,
        a: &[Vec<(Nested, Nested)>],
        p: &Matrix,
        cell: &[(Rational, Rational)],
    ) -> bool {
        let point: Option<Vec<MpInterval>> = cell
            .iter()
            .map(|(l, h)| MpInterval::new(BITS, l, h).ok())
            .collect();
        let Some(point) = point else { return false };
        let value =
            |(num, den): &(Nested, Nested)| num.range(&point)?.div(&den.range(&point)?).ok();
        let rows: Option<Matrix> = a
            .iter()
            .map(|row| row.iter().map(value).collect())
            .collect();
        let Some(a) = rows else { return false };
        let image = product(&transposed(&a), &product(p, &a));
        let rate = enclose(BITS, &self.rate);
        let rest = p.iter().zip(&image).map(|(p, image)| {
            p.iter()
                .zip(image)
                .map(|(p, x)| rate.mul(p).sub(x))
                .collect()
        });
        positive_definite(rest.collect())
    }

    /// `1 + √((P⁻¹)_{11} max ‖D_0‖²) g/(1 − g)`, rounded up.
    fn bound(&self, k: usize) -> Option<Rational> {
        let corners = (0..1_u32 << k).map(|signs| {
            let x = |i: usize| if signs >> i & 1 == 1 { -1_i64 } else { 1 };
            let d: Vec<Rational> = (0..k - 1)
                .map(|i| Rational::from(x(i) - x(i + 1)))
                .collect();
            let mut square = Rational::new();
            for (row, u) in self.p.iter().zip(&d) {
                for (p, v) in row.iter().zip(&d) {
                    square += Rational::from(p * u) * v;
                }
            }
            square
        });
        let largest = corners.max()?;
        let reach = enclose(BITS, &(largest * self.corner_of_inverse()?))
            .sqrt()
            .ok()?;
        let g = enclose(BITS, &self.rate).sqrt().ok()?;
        let one = enclose(BITS, &Rational::from(1));
        let bound = one.add(&reach.mul(&g).div(&one.sub(&g)).ok()?);
        bound.hi().to_rational()
    }

    /// `(P⁻¹)_{11} = 1/(p_11 − bᵀB⁻¹b)` by elimination from the last row up.
    fn corner_of_inverse(&self) -> Option<Rational> {
        let mut p = self.p.clone();
        for i in (1..p.len()).rev() {
            let pivot = p[i][i].clone();
            if pivot <= 0 {
                return None;
            }
            let last = p[i].clone();
            for row in p.iter_mut().take(i) {
                let factor = Rational::from(&row[i] / &pivot);
                for (x, l) in row.iter_mut().zip(&last).take(i) {
                    *x -= Rational::from(&factor * l);
                }
            }
        }
        (p[0][0] > 0).then(|| Rational::from(p[0][0].recip_ref()))
    }
}
