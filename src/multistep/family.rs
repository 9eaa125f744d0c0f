//! Named methods, generated from their definitions.
//!
//! Coefficients are not typed in: `beta` is solved from the order conditions on its support (Adams,
//! Nyström, Milne–Simpson, Störmer, Cowell), `alpha` of BDF is a sum of backward differences, and
//! parametric families are evaluated.
//!
//! # References
//!
//! Hairer, Nørsett, Wanner I, sections III.1 and III.10.

use super::parametric::ParametricFamily;
use super::{Error, Kind, LinearMultistep};
use crate::exact::{Integer, Poly, Rational, rational};

/// What the argument of a family is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Argument {
    /// None: the name is one method.
    None,
    /// A number of steps in this range, written `name3` or `name(3)`.
    Steps(usize, usize),
    /// Any rational where the family is defined, written `name(p/q)`.
    Rational,
}

/// A named method or family.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// Names, the first being the usual one.
    pub names: &'static [&'static str],
    /// What follows the name.
    pub argument: Argument,
    /// One line about it.
    pub about: &'static str,
    build: Build,
}

#[derive(Debug, Clone, Copy)]
enum Build {
    Fixed(fn() -> Coefficients),
    Steps(fn(usize) -> Coefficients),
    Parametric(fn() -> ParametricFamily),
}

/// Kind, alpha, beta.
struct Coefficients(Kind, Vec<Rational>, Vec<Rational>);

/// All named methods and families.
pub const FAMILIES: &[Family] = &[
    Family {
        names: &["euler", "forward-euler"],
        argument: Argument::None,
        about: "y1 = y0 + h f0; the residual network",
        build: Build::Fixed(|| adams_bashforth(1)),
    },
    Family {
        names: &["backward-euler"],
        argument: Argument::None,
        about: "y1 = y0 + h f1",
        build: Build::Fixed(|| bdf(1)),
    },
    Family {
        names: &["trapezoidal"],
        argument: Argument::None,
        about: "y1 = y0 + h (f0 + f1)/2",
        build: Build::Fixed(|| adams_moulton(1)),
    },
    Family {
        names: &["leapfrog", "midpoint"],
        argument: Argument::None,
        about: "y2 = y0 + 2 h f1, the explicit midpoint rule",
        build: Build::Fixed(|| nystrom(2)),
    },
    Family {
        names: &["verlet"],
        argument: Argument::None,
        about: "y2 = 2 y1 - y0 + h^2 f1 for y'' = f (second-order leapfrog, Stoermer k = 2)",
        build: Build::Fixed(|| stormer(2)),
    },
    Family {
        names: &["numerov"],
        argument: Argument::None,
        about: "Cowell k = 2, order 4 for y'' = f",
        build: Build::Fixed(|| cowell(2)),
    },
    Family {
        names: &["ab", "adams-bashforth"],
        argument: Argument::Steps(1, 20),
        about: "Adams-Bashforth with k steps, explicit, order k",
        build: Build::Steps(adams_bashforth),
    },
    Family {
        names: &["am", "adams-moulton"],
        argument: Argument::Steps(1, 20),
        about: "Adams-Moulton with k steps, implicit, order k + 1",
        build: Build::Steps(adams_moulton),
    },
    Family {
        names: &["bdf"],
        argument: Argument::Steps(1, 20),
        about: "backward differentiation with k steps, order k; zero-stable for k <= 6 only",
        build: Build::Steps(bdf),
    },
    Family {
        names: &["nystrom"],
        argument: Argument::Steps(2, 20),
        about: "Nystroem with k steps, explicit, order k",
        build: Build::Steps(nystrom),
    },
    Family {
        names: &["milne-simpson"],
        argument: Argument::Steps(2, 20),
        about: "Milne-Simpson with k steps (2 when not given: Simpson), implicit",
        build: Build::Steps(milne_simpson),
    },
    Family {
        names: &["stormer"],
        argument: Argument::Steps(2, 20),
        about: "Stoermer with k steps for y'' = f, explicit",
        build: Build::Steps(stormer),
    },
    Family {
        names: &["cowell"],
        argument: Argument::Steps(2, 20),
        about: "Cowell with k steps for y'' = f, implicit",
        build: Build::Steps(cowell),
    },
    Family {
        names: &["sbdf", "extrapolated-bdf"],
        argument: Argument::Steps(1, 20),
        about: "extrapolated BDF with k steps: BDF with the slope extrapolated, explicit, order k",
        build: Build::Steps(extrapolated_bdf),
    },
    Family {
        names: &["ndf"],
        argument: Argument::Steps(1, 5),
        about: "numerical differentiation formula of order k (Shampine, Reichelt 1997), k + 1 steps",
        build: Build::Steps(ndf),
    },
    Family {
        names: &["essp2"],
        argument: Argument::Steps(3, 20),
        about: "explicit SSP method of order 2 with k steps and the largest coefficient",
        build: Build::Steps(ssp_order_2),
    },
    Family {
        names: &["essp3"],
        argument: Argument::Steps(4, 5),
        about: "explicit SSP method of order 3 with k steps (Shu 1988)",
        build: Build::Steps(ssp_order_3),
    },
    Family {
        names: &["theta"],
        argument: Argument::Rational,
        about: "y1 = y0 + h ((1-theta) f0 + theta f1)",
        build: Build::Parametric(ParametricFamily::theta),
    },
    Family {
        names: &["momentum"],
        argument: Argument::Rational,
        about: "momentum ResNet u2 = (1+g) u1 - g u0 + (1-g) F(u1), parameter g",
        build: Build::Parametric(ParametricFamily::momentum),
    },
    Family {
        names: &["zerosnet"],
        argument: Argument::Rational,
        about: "ZeroSNet, three steps with one activation, parameter lambda; -9/5 is ZeroSNet_Opt",
        build: Build::Parametric(ParametricFamily::zerosnet),
    },
    Family {
        names: &["lm-resnet"],
        argument: Argument::Rational,
        about: "LM-ResNet u2 = (1-k) u1 + k u0 + F(u1), as the network is written (consistent with (1+k) u' = F)",
        build: Build::Parametric(ParametricFamily::lm_resnet),
    },
];

impl Family {
    /// The forms that [`by_name`] accepts, for messages.
    pub fn form(&self) -> String {
        let name = self.names[0];
        match self.argument {
            Argument::None => name.to_owned(),
            Argument::Steps(lo, hi) if name.ends_with(|c: char| c.is_ascii_digit()) => {
                format!("{name}({lo})..{name}({hi})")
            }
            Argument::Steps(lo, hi) => format!("{name}{lo}..{name}{hi}"),
            Argument::Rational => format!("{name}(p/q)"),
        }
    }

    /// The parametric family behind the name, if it is one.
    pub fn parametric(&self) -> Option<ParametricFamily> {
        if let Build::Parametric(make) = self.build {
            Some(make())
        } else {
            None
        }
    }

    fn instance(&self, name: &str, argument: Option<&str>) -> Result<LinearMultistep, Error> {
        let wrong = |expected: String| Error::Argument {
            name: name.to_owned(),
            family: self.names[0],
            expected,
        };
        let steps_range = |lo: usize, hi: usize| format!("a number of steps from {lo} to {hi}");
        let finish =
            |Coefficients(kind, alpha, beta)| LinearMultistep::new(name, kind, alpha, beta);
        match (self.build, self.argument, argument) {
            (Build::Fixed(make), _, None) => finish(make()),
            (Build::Fixed(_), _, Some(_)) => Err(wrong("not expected".to_owned())),
            (Build::Steps(make), Argument::Steps(lo, hi), argument) => {
                // Milne–Simpson without a number is Simpson's rule.
                let default = (self.names[0] == "milne-simpson").then_some("2");
                let k = argument.or(default).and_then(|a| a.parse::<usize>().ok());
                match k {
                    Some(k) if (lo..=hi).contains(&k) => finish(make(k)),
                    _ => Err(wrong(steps_range(lo, hi))),
                }
            }
            (Build::Parametric(make), _, Some(argument)) => {
                let value = rational::parse(argument).map_err(|source| Error::Number {
                    place: format!("`{name}`"),
                    source,
                })?;
                make().at(&value)
            }
            (Build::Parametric(_) | Build::Steps(_), ..) => {
                Err(wrong("a rational number".to_owned()))
            }
        }
    }
}

/// The method of this name: `euler`, `ab3` or `ab(3)`, `zerosnet(-9/5)`, …
///
/// # Errors
///
/// [`Error::UnknownName`], [`Error::Argument`], [`Error::Number`], [`Error::Pole`].
pub fn by_name(name: &str) -> Result<LinearMultistep, Error> {
    let text = name.trim();
    let (head, argument) = match text.strip_suffix(')').and_then(|t| t.split_once('(')) {
        Some((head, argument)) => (head.trim(), Some(argument.trim())),
        None => (text, None),
    };
    let known = |head: &str| {
        FAMILIES
            .iter()
            .find(|f| f.names.iter().any(|n| n.eq_ignore_ascii_case(head)))
    };
    if let Some(family) = known(head) {
        return family.instance(text, argument);
    }
    let stem = head.trim_end_matches(|c: char| c.is_ascii_digit());
    if let (None, Some(family)) = (argument, known(stem))
        && matches!(family.argument, Argument::Steps(..))
    {
        return family.instance(text, Some(&head[stem.len()..]));
    }
    let known = FAMILIES
        .iter()
        .map(Family::form)
        .collect::<Vec<_>>()
        .join(", ");
    Err(Error::UnknownName {
        name: text.chars().take(64).collect(),
        known,
    })
}

/// The parametric family of this name, if there is one.
pub fn parametric_by_name(name: &str) -> Option<ParametricFamily> {
    FAMILIES
        .iter()
        .find(|f| f.names.contains(&name))
        .and_then(Family::parametric)
}

fn integers(list: &[i64]) -> Vec<Rational> {
    list.iter().map(|&c| Rational::from(c)).collect()
}

/// `r^(k−j) p(r)` for `p` of degree `j`, as `k + 1` coefficients.
fn padded(p: &[i64], k: usize) -> Vec<Rational> {
    let mut coeffs = vec![Rational::new(); k + 1 - p.len()];
    coeffs.extend(integers(p));
    coeffs
}

fn adams_bashforth(k: usize) -> Coefficients {
    first(padded(&[-1, 1], k), k)
}

fn adams_moulton(k: usize) -> Coefficients {
    first(padded(&[-1, 1], k), k + 1)
}

fn nystrom(k: usize) -> Coefficients {
    first(padded(&[-1, 0, 1], k), k)
}

fn milne_simpson(k: usize) -> Coefficients {
    first(padded(&[-1, 0, 1], k), k + 1)
}

fn stormer(k: usize) -> Coefficients {
    second(padded(&[1, -2, 1], k), k)
}

fn cowell(k: usize) -> Coefficients {
    second(padded(&[1, -2, 1], k), k + 1)
}

fn first(alpha: Vec<Rational>, support: usize) -> Coefficients {
    let beta = solve_beta(Kind::First, &alpha, support);
    Coefficients(Kind::First, alpha, beta)
}

fn second(alpha: Vec<Rational>, support: usize) -> Coefficients {
    let beta = solve_beta(Kind::Second, &alpha, support);
    Coefficients(Kind::Second, alpha, beta)
}

/// `Σ_{j=1..k} (1/j) ∇^j y = h f`: `ρ(r) = Σ r^(k−j) (r − 1)^j / j`, `σ(r) = r^k`.
fn bdf(k: usize) -> Coefficients {
    let difference = Poly::from_integers(&[-1, 1]);
    let rho = (1..=k).fold(Poly::zero(), |sum, j| {
        let term = &difference.pow(j) * &Poly::x().pow(k - j);
        &sum + &term.scaled(&Rational::from((1, j as u64)))
    });
    let mut sigma = vec![Rational::new(); k];
    sigma.push(Rational::from(1));
    Coefficients(Kind::First, rho.coeffs().to_vec(), sigma)
}

/// The BDF left side with `h f` extrapolated from the past: `σ(r) = r^k − (r − 1)^k`.
fn extrapolated_bdf(k: usize) -> Coefficients {
    let Coefficients(kind, alpha, _) = bdf(k);
    let sigma = &Poly::x().pow(k) - &Poly::from_integers(&[-1, 1]).pow(k);
    let beta = (0..=k).map(|j| sigma.coeff(j)).collect();
    Coefficients(kind, alpha, beta)
}

/// BDF of order k less `κ γ_k ∇^{k+1} y` with `γ_k = Σ_{j≤k} 1/j`.
fn ndf(k: usize) -> Coefficients {
    // L. F. Shampine, M. W. Reichelt, The MATLAB ODE suite, 1997, table 1.
    let kappa = [(-37, 200), (-1, 9), (-823, 10_000), (-83, 2000), (0, 1)];
    let Coefficients(kind, alpha, beta) = bdf(k);
    let gamma = (1..=k).fold(Rational::new(), |s, j| s + Rational::from((1, j as u64)));
    let factor = Rational::from(kappa[k - 1]) * gamma;
    let difference = Poly::from_integers(&[-1, 1]).pow(k + 1).scaled(&factor);
    let rho = &(&Poly::new(alpha) * &Poly::x()) - &difference;
    let mut sigma = vec![Rational::new()];
    sigma.extend(beta);
    Coefficients(kind, rho.coeffs().to_vec(), sigma)
}

/// `y_n = (1 − q) y_{n−1} + q y_{n−k} + h k/(k−1) f_{n−1}` with `q = 1/(k − 1)²`.
fn ssp_order_2(k: usize) -> Coefficients {
    let s = k as i64;
    let q = Rational::from((1, (s - 1) * (s - 1)));
    let mut alpha = vec![Rational::new(); k + 1];
    let mut beta = alpha.clone();
    alpha[k] = Rational::from(1);
    alpha[k - 1] = Rational::from(&q - 1);
    alpha[0] -= q;
    beta[k - 1] = Rational::from((s, s - 1));
    Coefficients(Kind::First, alpha, beta)
}

/// `y_n = (1 − a) y_{n−1} + a y_{n−k} + h (b f_{n−1} + c f_{n−k})` with the conditions of order 3.
fn ssp_order_3(k: usize) -> Coefficients {
    // Cubic Hermite interpolation on the nodes −1 and −k, extrapolated to 0; u = 1/(k − 1).
    let s = Rational::from(k as u64);
    let w = Rational::from(&s - 1);
    let u = Rational::from(w.recip_ref());
    let u2 = Rational::from(u.square_ref());
    let u3 = Rational::from(&u2 * &u);
    let a = Rational::from(&u3 * 2) + Rational::from(&u2 * 3);
    let b = (Rational::from(1) + &u).square();
    let c = (Rational::from(&u2) + &u3) * &w;
    let mut alpha = vec![Rational::new(); k + 1];
    let mut beta = alpha.clone();
    alpha[k] = Rational::from(1);
    alpha[k - 1] = Rational::from(-1) + &a;
    alpha[0] = -a;
    beta[k - 1] = b;
    beta[0] = c;
    Coefficients(Kind::First, alpha, beta)
}

/// The `beta` with `beta_j = 0` for `j ≥ support` that satisfies the first `support` conditions:
/// `Σ_j j^i beta_j = (Σ_j j^(i+d) alpha_j) / ((i+1)…(i+d))`, i = 0..support−1, solved by Lagrange:
/// the weights of a functional that is exact on polynomials of degree below `support`.
fn solve_beta(kind: Kind, alpha: &[Rational], support: usize) -> Vec<Rational> {
    let d = kind.derivative();
    let moment = |i: usize| {
        let power = |j: usize| Integer::from(Integer::u_pow_u(j as u32, (i + d) as u32));
        let sum = alpha
            .iter()
            .enumerate()
            .fold(Rational::new(), |sum, (j, a)| {
                sum + Rational::from(a * power(j))
            });
        sum / (1..=d).map(|s| (i + s) as u64).product::<u64>()
    };
    let moments: Vec<Rational> = (0..support).map(moment).collect();
    let mut beta = Vec::with_capacity(alpha.len());
    for j in 0..alpha.len() {
        if j >= support {
            beta.push(Rational::new());
            continue;
        }
        // The Lagrange polynomial of node j, applied to the moments.
        let others = (0..support).filter(|&i| i != j);
        let basis = others.fold(Poly::one(), |p, i| {
            let scale = Rational::from((1, j as i64 - i as i64));
            (&p * &Poly::from_integers(&[-(i as i64), 1])).scaled(&scale)
        });
        let value = basis
            .coeffs()
            .iter()
            .zip(&moments)
            .fold(Rational::new(), |s, (c, m)| s + Rational::from(c * m));
        beta.push(value);
    }
    beta
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::multistep::order::order;

    #[test]
    fn orders_are_those_promised() {
        for k in 1..=12 {
            assert_eq!(
                order(&by_name(&format!("ab{k}")).expect("known")).order,
                Some(k)
            );
            assert_eq!(
                order(&by_name(&format!("am({k})")).expect("known")).order,
                Some(k + 1)
            );
            assert_eq!(
                order(&by_name(&format!("BDF{k}")).expect("known")).order,
                Some(k)
            );
        }
        assert_eq!(order(&by_name("nystrom5").expect("known")).order, Some(5));
        assert_eq!(order(&by_name("stormer10").expect("known")).order, Some(10));
        assert_eq!(order(&by_name("numerov").expect("known")).order, Some(4));
    }

    #[test]
    fn every_family_has_an_instance_and_says_its_form() {
        for family in FAMILIES {
            let name = family.names[0];
            let text = match family.argument {
                Argument::None => name.to_owned(),
                Argument::Steps(lo, _) => format!("{name}({lo})"),
                Argument::Rational => format!("{name}(1/2)"),
            };
            assert!(by_name(&text).is_ok(), "{text}");
            assert!(family.form().starts_with(name) && !family.about.is_empty());
        }
    }

    #[test]
    fn refused_names() {
        for name in [
            "",
            "ab",
            "ab0",
            "ab21",
            "ab(x)",
            "euler(1)",
            "euler2",
            "zerosnet",
            "zerosnet(0)",
            "zerosnet(1/0)",
            "nothing",
            "ab99999999999999999999999",
            "(",
            ")",
            "é3",
        ] {
            assert!(by_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn published_zerosnet_opt() {
        let m = by_name("zerosnet(-9/5)").expect("known");
        let text: Vec<String> = m
            .alpha()
            .iter()
            .chain(m.beta())
            .map(ToString::to_string)
            .collect();
        assert_eq!(text, ["-1/9", "-5/9", "-1/3", "1", "0", "0", "16/9", "0"]);
    }
}
