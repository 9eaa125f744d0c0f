//! Zero-stability of variable-step BDF.
//!
//! With steps `h_j = t_j − t_{j−1}` and ratios `ω_j = h_j/h_{j−1}` the variable-coefficient BDF of
//! order `k` differentiates at `t_n` the polynomial through `y_n, …, y_{n−k}`: `Σ α_{n,j} y_{n−j} =
//! h_n f_n`, the `α_{n,j}` rational in `ω_n, …, ω_{n−k+2}`. Since `Σ_j α_{n,j} = 0`, the differences
//! `d_n = y_n − y_{n−1}` obey `γ_0 d_n + … + γ_{k−1} d_{n−k+1} = 0`, `γ_j = Σ_{i ≤ j} α_{n,i}`.
//!
//! - **Constant ratio** ([`critical_ratio`]): a one-parameter family. Its roots reach the circle only at
//!   real zeros of `h(1)`, `h(−1)` and a Hurwitz determinant (as in [`super::cells`]); the interval
//!   around `ω = 1` ends at an algebraic number, exactly.
//! - **Arbitrary sequences** ([`ratio_interval`]): for `k = 2` the recurrence of differences is scalar
//!   and its coefficient `ω²/(1 + 2ω)` is at most 1 exactly up to `1 + √2`. For `k ≥ 3` a common
//!   norm ([`super::common_norm`]) on a box of ratios bounds all products.
//!
//! Adams methods need no condition: their `ρ` has the roots 1 and 0 whatever the steps.
//!
//! # References
//!
//! R. D. Grigorieff, Numer. Math. 42, 1983; M. Calvo, T. Grande, R. D. Grigorieff, Numer. Math. 57,
//! 1990; Hairer, Nørsett, Wanner I, section III.5.

use super::cells::{cayley, hurwitz};
use super::common_norm::{CommonNorm, MatrixFamily, find};
use super::region::{Region, RegionEvents, join, sample};
use super::{Kind, RootCondition};
use crate::exact::algebraic::simplify;
use crate::exact::ratfunc::Value;
use crate::exact::sturm::{RealRoot, isolate};
use crate::exact::{MPoly, MRatFunc, Poly, Rational};

/// Orders for which these are computed.
pub const ORDERS: std::ops::RangeInclusive<usize> = 2..=6;
/// Orders for which a common norm is looked for.
pub const NORM_ORDERS: std::ops::RangeInclusive<usize> = 2..=5;

/// The interval of constant ratios around 1 that keep the root condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RatioInterval {
    /// Its lower end; none where it reaches down to 0.
    pub lower: Option<RealRoot>,
    /// Its upper end; none where it is unbounded.
    pub upper: Option<RealRoot>,
}

/// The `α_{n,0}, …, α_{n,k}` (newest first) with the ratios `ω_n, ω_{n−1}, …` given.
fn coefficients(k: usize, ratios: &[MRatFunc]) -> Vec<MRatFunc> {
    let one = MRatFunc::constant(Rational::from(1));
    // s_j = (t_n − t_{n−j})/h_n: s_1 = 1, then h_{n−j}/h_n = 1/(ω_n … ω_{n−j+1}).
    let mut nodes = vec![MRatFunc::constant(Rational::new()), one.clone()];
    let mut step = one.clone();
    for ratio in ratios.iter().take(k - 1) {
        step = step.over(ratio).expect("a ratio is not identically zero");
        nodes.push(nodes[nodes.len() - 1].plus(&step));
    }
    let mut alpha = vec![MRatFunc::constant(Rational::new()); k + 1];
    for j in 1..=k {
        // −ℓ_j'(0) in the variable s = (t_n − t)/h_n is the derivative by t.
        let mut value = one.over(&nodes[j]).expect("distinct nodes");
        for i in (1..=k).filter(|&i| i != j) {
            let gap = nodes[i].minus(&nodes[j]);
            value = value.times(&nodes[i]).over(&gap).expect("distinct nodes");
        }
        alpha[0] = alpha[0].plus(&one.over(&nodes[j]).expect("distinct nodes"));
        alpha[j] = MRatFunc::constant(Rational::new()).minus(&value);
    }
    alpha
}

/// The method at a constant ratio `ω`, as a family in `ω`.
struct Recurrence {
    /// `α` as rational functions, oldest first.
    alpha: Vec<MRatFunc>,
    /// `ρ` with denominators and common factors cleared.
    rho: Vec<MPoly>,
    /// A polynomial that vanishes where the number of roots inside the circle can change.
    product: Poly,
}

impl Recurrence {
    fn at_constant_ratio(k: usize) -> Self {
        let omega = MRatFunc::from_poly(MPoly::variable(0));
        let mut alpha = coefficients(k, &vec![omega; k - 1]);
        alpha.reverse();
        let common = alpha
            .iter()
            .fold(MPoly::constant(Rational::from(1)), |p, f| {
                let product = p.mul(f.den());
                product.exact_div(&p.gcd(f.den())).unwrap_or(product)
            });
        let rho: Vec<MPoly> = alpha
            .iter()
            .map(|f| {
                f.num()
                    .mul(&common.exact_div(f.den()).expect("a common multiple"))
            })
            .collect();
        let content = rho.iter().fold(MPoly::zero(), |g, c| g.gcd(c));
        let rho: Vec<MPoly> = rho
            .iter()
            .map(|c| c.exact_div(&content).expect("a content divides"))
            .collect();
        let p = cayley(&quotient_by_one(&rho));
        let n = p.len() - 1;
        let mut events = vec![p[0].clone(), p[n].clone()];
        if n >= 2 {
            events.push(hurwitz(&p, n - 1));
        }
        events.extend([common, content, rho[k].clone()]);
        let mut product = Poly::one();
        for event in events
            .iter()
            .map(MPoly::univariate)
            .filter(|p| !p.is_zero())
        {
            let part = event.square_free_part();
            let new = part.exact_div(&part.gcd(&product)).expect("a gcd divides");
            product = &product * &new;
        }
        Self {
            alpha,
            rho,
            product,
        }
    }

    fn stable(&self, x: &Rational) -> bool {
        let at = |c: &MPoly| c.eval(std::slice::from_ref(x));
        let values = self.rho.iter().map(at).collect();
        RootCondition::of(&Poly::new(values), Kind::First).zero_stable()
    }
}

/// The exact interval of constant ratios for BDF of order `k`; `None` outside [`ORDERS`].
///
/// # Examples
///
/// ```
/// use dahlquist::exact::algebraic::in_radicals;
/// use dahlquist::multistep::variable_step::critical_ratio;
/// let upper = critical_ratio(3).and_then(|i| i.upper).expect("bounded");
/// assert_eq!(in_radicals(&upper).as_deref(), Some("(1+sqrt(5))/2"));
/// ```
pub fn critical_ratio(k: usize) -> Option<RatioInterval> {
    if !ORDERS.contains(&k) {
        return None;
    }
    let recurrence = Recurrence::at_constant_ratio(k);
    let one = Rational::from(1);
    let mut upper = None;
    let mut lower = None;
    // With 0, so that enclosures do not straddle it.
    let points: Vec<RealRoot> = isolate(&(&recurrence.product * &Poly::x()))
        .into_iter()
        .filter(|x| *x.hi() > 0)
        .map(|mut x| {
            // Apart from 1, which is a stable ratio.
            while *x.lo() <= 1 && *x.hi() >= 1 && x.lo() != x.hi() {
                x.refine();
            }
            x
        })
        .collect();
    let above: Vec<&RealRoot> = points.iter().filter(|x| *x.lo() > one).collect();
    for (i, point) in above.iter().enumerate() {
        let beyond = match above.get(i + 1) {
            Some(next) => Rational::from(point.hi() + next.lo()) / 2,
            None => Rational::from(point.hi() + 1),
        };
        if !recurrence.stable(&beyond) {
            upper = Some(simplify(point));
            break;
        }
    }
    let below: Vec<&RealRoot> = points.iter().filter(|x| *x.hi() < one).collect();
    for (i, point) in below.iter().enumerate().rev() {
        let beyond = match i.checked_sub(1).map(|j| below[j]) {
            Some(next) => Rational::from(point.lo() + next.hi()) / 2,
            None => Rational::from(point.lo() / 2),
        };
        if !recurrence.stable(&beyond) {
            lower = Some(simplify(point));
            break;
        }
    }
    Some(RatioInterval { lower, upper })
}

/// The set of all real constant ratios at which the coefficients are defined and satisfy the root
/// condition, with the family in `ω`; irrational ends are left undecided. `None` outside [`ORDERS`].
pub fn constant_ratios(k: usize) -> Option<(Vec<MRatFunc>, RegionEvents)> {
    if !ORDERS.contains(&k) {
        return None;
    }
    let recurrence = Recurrence::at_constant_ratio(k);
    let points = isolate(&recurrence.product);
    let defined = |x: &Rational| {
        let at = std::slice::from_ref(x);
        recurrence.alpha.iter().all(|f| f.den().eval(at) != 0)
            && recurrence.alpha[k].num().eval(at) != 0
    };
    let holds = |x: &Rational| defined(x) && recurrence.stable(x);
    let between: Vec<bool> = (0..=points.len())
        .map(|i| holds(&sample(i.checked_sub(1).map(|j| &points[j]), points.get(i))))
        .collect();
    let members: Vec<Option<bool>> = points
        .iter()
        .map(|point| match point {
            RealRoot::Rational(x) => Some(holds(x)),
            RealRoot::Algebraic { .. } => None,
        })
        .collect();
    let undecided = points.iter().zip(&members).filter(|(_, m)| m.is_none());
    let set = Region {
        pieces: join(&points, &between, &members),
        undecided: undecided.map(|(p, _)| p.clone()).collect(),
        critical: points.clone(),
    };
    let points = points.iter().map(simplify).collect();
    Some((recurrence.alpha, RegionEvents { points, set }))
}

/// `ρ/(r − 1)`.
fn quotient_by_one(rho: &[MPoly]) -> Vec<MPoly> {
    let mut quotient = vec![MPoly::zero(); rho.len() - 1];
    let mut carry = MPoly::zero();
    for j in (0..rho.len() - 1).rev() {
        carry = carry.add(&rho[j + 1]);
        quotient[j] = carry.clone();
    }
    quotient
}

/// The companion family of the differences for ratios in `[lo, hi]`.
pub fn difference_family(k: usize, lo: &Rational, hi: &Rational) -> MatrixFamily {
    let ratios: Vec<MRatFunc> = (0..k - 1)
        .map(|v| MRatFunc::from_poly(MPoly::variable(v)))
        .collect();
    let alpha = coefficients(k, &ratios);
    let zero = MRatFunc::constant(Rational::new());
    let mut gamma = Vec::with_capacity(k);
    let mut sum = zero.clone();
    for a in &alpha[..k] {
        sum = sum.plus(a);
        gamma.push(sum.clone());
    }
    let n = k - 1;
    let mut entries = vec![vec![zero.clone(); n]; n];
    for j in 0..n {
        let ratio = gamma[j + 1].over(&gamma[0]).expect("γ_0 > 0");
        entries[0][j] = zero.minus(&ratio);
    }
    for (i, row) in entries.iter_mut().enumerate().skip(1) {
        row[i - 1] = MRatFunc::constant(Rational::from(1));
    }
    MatrixFamily {
        entries,
        lo: vec![lo.clone(); n],
        hi: vec![hi.clone(); n],
    }
}

/// A proof that every sequence of ratios in an interval keeps BDF of order `k` zero-stable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequenceProof {
    /// Lower end of the ratios.
    pub lo: Rational,
    /// Upper end.
    pub hi: Rational,
    /// The common norm of the differences.
    pub norm: CommonNorm,
}

/// Looks for a common norm on the ratios `[lo, hi]`.
pub fn prove_sequences(k: usize, lo: &Rational, hi: &Rational) -> Option<SequenceProof> {
    if !NORM_ORDERS.contains(&k) || *lo <= 0 || lo > hi {
        return None;
    }
    let norm = find(&difference_family(k, lo, hi))?;
    Some(SequenceProof {
        lo: lo.clone(),
        hi: hi.clone(),
        norm,
    })
}

/// The largest upper end on the grid of hundredths for which [`prove_sequences`] succeeds, ratios from
/// `lo` on, by bisection.
pub fn ratio_interval(k: usize, lo: &Rational) -> Option<SequenceProof> {
    let limit = critical_ratio(k)?.upper?;
    let top = (limit.lo().to_f64() * 100.0).floor() as i64;
    let mut best = None;
    let (mut good, mut bad) = ((lo.to_f64() * 100.0).ceil() as i64, top + 1);
    while bad - good > 1 {
        let middle = i64::midpoint(good, bad);
        match prove_sequences(k, lo, &Rational::from((middle, 100))) {
            Some(proof) => {
                good = middle;
                best = Some(proof);
            }
            None => bad = middle,
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::algebraic::{enclose, in_radicals};
    use crate::multistep::by_name;

    #[test]
    fn ratio_one_is_the_ordinary_method() {
        for k in 2..=6 {
            let one = vec![MRatFunc::constant(Rational::from(1)); k - 1];
            let alpha: Vec<Rational> = coefficients(k, &one)
                .iter()
                .rev()
                .map(|f| f.num().as_constant().expect("a number"))
                .collect();
            let bdf = by_name(&format!("bdf{k}")).expect("known");
            let lead = alpha[k].clone();
            let monic: Vec<Rational> = alpha.into_iter().map(|a| a / &lead).collect();
            assert_eq!(monic, bdf.alpha());
        }
    }

    #[test]
    fn critical_ratios() {
        let upper = |k: usize| critical_ratio(k).and_then(|i| i.upper).expect("bounded");
        assert_eq!(in_radicals(&upper(2)).as_deref(), Some("1+sqrt(2)"));
        assert_eq!(in_radicals(&upper(3)).as_deref(), Some("(1+sqrt(5))/2"));
        let [lo, hi] = enclose(&upper(5), 128).to_decimal(30);
        let published = "1.127091105031326087";
        assert!(
            lo.starts_with(published) && hi.starts_with(published),
            "{lo} {hi}"
        );
    }

    #[test]
    fn arbitrary_sequences_of_bdf3() {
        let (lo, hi) = (Rational::from((1, 2)), Rational::from((6, 5)));
        let proof = prove_sequences(3, &lo, &hi).expect("a common norm");
        assert!(proof.norm.rate < 1);
    }
}
