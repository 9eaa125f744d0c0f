//! Predictor–corrector pairs `P(EC)^m` and `P(EC)^m E`.
//!
//! An explicit predictor `(ρ*, σ*)` and a corrector `(ρ, σ)` with `b = β_k`, both brought to `k` steps. On
//! `y' = μy`, `z = hμ`, put `A = r^k − ρ`, `B = σ − b r^k` and the same with stars (`B* = σ*`). The pair is
//! the recurrence of
//!
//! - `P(EC)^m E`: `r^k − (zb)^m (A* + zB*) − s_m (A + zB)`, `s_m = 1 + zb + … + (zb)^{m−1}`;
//! - `P(EC)^m`, whose stored slopes belong to the last but one iterate:
//!   `(r^k − zcB* − zs_{m−1}B)(r^k − A) − (cA* + s_{m−1}A)(zb r^k + zB)`, `c = (zb)^{m−1}`.
//!
//! For `z = 0` these are `ρ` and `r^k ρ`: a pair is zero-stable exactly where its corrector satisfies the
//! root condition, whatever the predictor. With orders `p*` and `p` the pair has order `min(p, p* + m)`, and
//! the corrector's error constant where `p* + m > p`.
//!
//! # References
//!
//! J. D. Lambert, *Computational Methods in Ordinary Differential Equations*, 1973, sections 3.9 to 3.11;
//! P. Henrici, *Discrete Variable Methods in Ordinary Differential Equations*, 1962, section 5.3.

use super::order::order;
use super::parametric::MAX_COMPLEXITY;
use super::region::{End, Property, Region, solve};
use super::root_condition::RootCondition;
use super::{Error, Kind, LinearMultistep};
use crate::exact::sturm::RealRoot;
use crate::exact::{BiPoly, Poly, Rational};

/// What happens after the last correction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// `P(EC)^m`: nothing.
    Pec,
    /// `P(EC)^m E`: the slope is evaluated once more.
    Pece,
}

/// A predictor, a corrector and how they are iterated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    predictor: LinearMultistep,
    corrector: LinearMultistep,
    /// The number `m` of corrections.
    pub corrections: usize,
    /// Whether a last evaluation follows.
    pub mode: Mode,
}

impl Pair {
    /// Checks that both are for `y' = f`, the predictor explicit, the corrector implicit, and brings them to
    /// the same number of steps.
    ///
    /// # Errors
    ///
    /// [`Error::Pair`], [`Error::TooManySteps`].
    pub fn new(
        predictor: &LinearMultistep,
        corrector: &LinearMultistep,
        corrections: usize,
        mode: Mode,
    ) -> Result<Self, Error> {
        let refuse = |why| Error::Pair {
            predictor: predictor.name().to_owned(),
            corrector: corrector.name().to_owned(),
            why,
        };
        if predictor.kind() == Kind::Second || corrector.kind() == Kind::Second {
            return Err(refuse("both must be for y' = f"));
        }
        if !predictor.is_explicit() {
            return Err(refuse("the predictor must be explicit"));
        }
        if corrector.is_explicit() {
            return Err(refuse("the corrector must be implicit"));
        }
        if !(1..=8).contains(&corrections) {
            return Err(refuse("the number of corrections must be 1 to 8"));
        }
        let k = predictor.steps().max(corrector.steps());
        Ok(Self {
            predictor: shifted(predictor, k)?,
            corrector: shifted(corrector, k)?,
            corrections,
            mode,
        })
    }

    /// The number of steps.
    pub fn steps(&self) -> usize {
        self.corrector.steps()
    }

    /// The order; none where predictor or corrector has none.
    pub fn order(&self) -> Option<usize> {
        let (first, second) = (order(&self.predictor).order?, order(&self.corrector).order?);
        Some(second.min(first + self.corrections))
    }

    /// The corrector's error constant, where it is the pair's.
    pub fn error_constant(&self) -> Option<Rational> {
        let (first, second) = (order(&self.predictor).order?, order(&self.corrector));
        (first + self.corrections > second.order?).then_some(second.error_constant)
    }

    /// The root condition of the recurrence for `h → 0`.
    pub fn condition(&self) -> RootCondition {
        RootCondition::of(&self.characteristic().at(&Rational::new()), Kind::First)
    }

    /// The polynomial of the module in `r`, coefficients polynomials in `z`, leading coefficient 1.
    pub fn characteristic(&self) -> BiPoly {
        let k = self.steps();
        let top = Poly::x().pow(k);
        let b = self.corrector.beta()[k].clone();
        let in_r = |p: &Poly| BiPoly::in_r(p);
        let z = BiPoly::new(vec![Poly::x()]);
        // (zb)^j and 1 + … + (zb)^{j−1}
        let power =
            |j: usize| BiPoly::new(vec![Poly::new(vec![Rational::new(), b.clone()]).pow(j)]);
        let zero = BiPoly::new(Vec::new());
        let sum = |j: usize| (0..j).fold(zero.clone(), |s, i| plus(&s, &power(i)));
        let a = in_r(&(&top - &self.corrector.rho()));
        let a_star = in_r(&(&top - &self.predictor.rho()));
        let rest = in_r(&(&self.corrector.sigma() - &top.scaled(&b)));
        let rest_star = in_r(&self.predictor.sigma());
        let r_k = in_r(&top);
        let m = self.corrections;
        match self.mode {
            Mode::Pece => {
                let predicted = power(m).mul(&plus(&a_star, &z.mul(&rest_star)));
                let corrected = sum(m).mul(&plus(&a, &z.mul(&rest)));
                r_k.sub(&predicted).sub(&corrected)
            }
            Mode::Pec => {
                let (c, s) = (power(m - 1), sum(m - 1));
                let slopes = z.mul(&plus(&c.mul(&rest_star), &s.mul(&rest)));
                let values = plus(&c.mul(&a_star), &s.mul(&a));
                let last = z.mul(&plus(&in_r(&top.scaled(&b)), &rest));
                r_k.sub(&slopes).mul(&r_k.sub(&a)).sub(&values.mul(&last))
            }
        }
    }

    /// The lower end of the largest `(z_0, 0)` on which all roots are inside: `None` where empty, infinite
    /// (`Some(None)`) for the whole negative axis.
    ///
    /// # Errors
    ///
    /// [`Error::TooComplex`] where degree times degree in `z` exceed
    /// [`super::parametric::MAX_COMPLEXITY`].
    pub fn real_interval(&self) -> Result<Option<Option<RealRoot>>, Error> {
        let pi = self.characteristic();
        let (steps, degree) = (pi.degree().unwrap_or(0), pi.degree_in_parameter());
        if steps * degree > MAX_COMPLEXITY {
            return Err(Error::TooComplex {
                family: format!("{} with {}", self.predictor.name(), self.corrector.name()),
                steps,
                degree,
                limit: MAX_COMPLEXITY,
            });
        }
        let set: Region = solve(&pi, &Poly::one(), Property::OpenDisc);
        let zero = |end: &End| matches!(end, End::At(RealRoot::Rational(x), _) if *x == 0);
        let piece = set.pieces.iter().find(|p| zero(&p.hi));
        Ok(piece.map(|p| match &p.lo {
            End::Infinite => None,
            End::At(x, _) => Some(x.clone()),
        }))
    }
}

fn plus(a: &BiPoly, b: &BiPoly) -> BiPoly {
    a.sub(&BiPoly::new(Vec::new()).sub(b))
}

/// The same method with `k` steps, zeros for the oldest values.
fn shifted(method: &LinearMultistep, k: usize) -> Result<LinearMultistep, Error> {
    let pad = |list: &[Rational]| {
        let mut padded = vec![Rational::new(); k - method.steps()];
        padded.extend_from_slice(list);
        padded
    };
    LinearMultistep::new(
        method.name(),
        method.kind(),
        pad(method.alpha()),
        pad(method.beta()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::multistep::by_name;
    use crate::multistep::circle::is_schur;

    fn pair(predictor: &str, corrector: &str, m: usize, mode: Mode) -> Pair {
        let method = |name| by_name(name).expect("known");
        Pair::new(&method(predictor), &method(corrector), m, mode).expect("a pair")
    }

    fn end(pair: &Pair) -> String {
        match pair.real_interval().expect("small") {
            Some(Some(x)) => super::super::region::number(&x),
            Some(None) => "axis".into(),
            None => "empty".into(),
        }
    }

    /// Euler with the trapezoidal rule is Heun's method: `r = 1 + z + z²/2`.
    #[test]
    fn heun() {
        let heun = pair("euler", "trapezoidal", 1, Mode::Pece);
        let expected = BiPoly::new(vec![
            Poly::new(vec![
                Rational::from(-1),
                Rational::from(-1),
                Rational::from((-1, 2)),
            ]),
            Poly::one(),
        ]);
        assert_eq!(heun.characteristic(), expected);
        assert_eq!(heun.order(), Some(2));
        assert_eq!(end(&heun), "-2");
        assert!(heun.condition().zero_stable());
    }

    /// One step of the pair by its definition, on a random rational state, for both modes.
    #[test]
    fn characteristic_is_that_of_the_iteration() {
        for (p, c) in [
            ("ab4", "am3"),
            ("ab2", "bdf2"),
            ("euler", "am2"),
            ("nystrom3", "milne-simpson2"),
        ] {
            for m in 1..=3 {
                for mode in [Mode::Pec, Mode::Pece] {
                    let pair = pair(p, c, m, mode);
                    let z = Rational::from((-3, 7));
                    let pi = pair.characteristic().at(&z);
                    let n = pi.degree().expect("not zero");
                    // The sequence of y satisfies the recurrence of π from any start.
                    let k = pair.steps();
                    let mut y: Vec<Rational> = (0..k)
                        .map(|j| Rational::from((3 * j as i64 - 1, 5)))
                        .collect();
                    let mut f: Vec<Rational> = y.iter().map(|y| Rational::from(&z * y)).collect();
                    let history = |list: &[Rational], c: &[Rational]| {
                        list[list.len() - k..]
                            .iter()
                            .zip(c)
                            .fold(Rational::new(), |s, (y, c)| s + Rational::from(y * c))
                    };
                    for _ in 0..n + 6 {
                        let predicted = history(&f, pair.predictor.beta())
                            - history(&y, pair.predictor.alpha());
                        let rest = history(&f, pair.corrector.beta())
                            - history(&y, pair.corrector.alpha());
                        let b = &pair.corrector.beta()[k];
                        let (mut value, mut slope) = (predicted, Rational::new());
                        for _ in 0..m {
                            slope = Rational::from(&z * &value);
                            value = Rational::from(&slope * b) + &rest;
                        }
                        if mode == Mode::Pece {
                            slope = Rational::from(&z * &value);
                        }
                        y.push(value);
                        f.push(slope);
                    }
                    for window in y[k..].windows(n + 1).skip(n) {
                        let sum = window
                            .iter()
                            .zip(pi.coeffs())
                            .fold(Rational::new(), |s, (y, c)| s + Rational::from(y * c));
                        assert_eq!(sum, 0, "{p} {c} {m} {mode:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn orders_and_intervals() {
        let abm = pair("ab4", "am3", 1, Mode::Pece);
        assert_eq!(abm.order(), Some(4));
        assert_eq!(
            abm.error_constant(),
            order(&by_name("am3").expect("known")).error_constant.into()
        );
        let Some(Some(mut lower)) = abm.real_interval().expect("small") else {
            panic!("an interval")
        };
        lower.refine_to(&Rational::from((1, 100)));
        assert!(*lower.lo() > Rational::from((-13, 10)) && *lower.hi() < Rational::from((-12, 10)));
        let inside = abm.characteristic().at(&Rational::from((-12, 10)));
        assert!(is_schur(&inside));
        assert_eq!(pair("euler", "am3", 1, Mode::Pece).order(), Some(2));
        assert_eq!(pair("euler", "am3", 1, Mode::Pece).error_constant(), None);
    }

    #[test]
    fn refused_pairs() {
        let method = |name| by_name(name).expect("known");
        for (p, c, m) in [
            ("am2", "am2", 1),
            ("ab2", "ab2", 1),
            ("ab2", "numerov", 1),
            ("ab2", "am2", 0),
        ] {
            assert!(
                Pair::new(&method(p), &method(c), m, Mode::Pece).is_err(),
                "{p} {c}"
            );
        }
    }
}
