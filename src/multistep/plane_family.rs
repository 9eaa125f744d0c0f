//! Families in two or three parameters, with consistency conditions eliminated.
//!
//! # File form
//!
//! ```toml
//! name = "three-step"
//! parameters = ["a1", "a2"]
//! alpha = ["-a2", "-a1", "-a0", "1"]
//! beta = ["0", "b1", "b0", "0"]
//! order = 2                      # consistency of this order is imposed …
//! eliminate = ["a0", "b0", "b1"] # … by solving for these names
//! resolution = "1/1000"          # the largest undecided share of the box
//! [box]
//! a1 = ["-4", "2"]
//! a2 = ["-2", "2"]
//! [[line]]                       # drawn only
//! name = "ZeroSNet"
//! parameter = "l"
//! range = ["-20", "20"]
//! point = ["-1/l", "(l+1)/(4*l)"]
//! ```
//!
//! The order conditions `C_0 = … = C_p = 0` are linear in the coefficients, so names that enter
//! linearly are eliminated exactly over the field of rational functions of the parameters. Conditions
//! that remain must hold identically: a family that satisfies them on a curve only is refused.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::parametric::{MAX_STEPS, Problem};
use super::{Error, Kind};
use crate::exact::ratfunc::{Value, parse_value};
use crate::exact::{Integer, MPoly, MRatFunc, RatFunc, Rational, ratfunc, rational};

/// The largest number of names in `parameters` and `eliminate` together.
const MAX_NAMES: usize = 8;

/// A curve drawn into the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// The range of its parameter.
    pub range: [Rational; 2],
    /// One coordinate per parameter of the family.
    pub point: Vec<RatFunc>,
}

/// A family of methods in two or three parameters on a box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaneFamily {
    name: String,
    kind: Kind,
    parameters: Vec<String>,
    alpha: Vec<MRatFunc>,
    beta: Vec<MRatFunc>,
    solved: Vec<(String, MRatFunc)>,
    lo: Vec<Rational>,
    hi: Vec<Rational>,
    resolution: Rational,
    lines: Vec<Line>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    parameters: Vec<String>,
    #[serde(default = "first")]
    kind: Kind,
    alpha: Vec<String>,
    beta: Vec<String>,
    order: Option<usize>,
    #[serde(default)]
    eliminate: Vec<String>,
    resolution: Option<String>,
    r#box: BTreeMap<String, [String; 2]>,
    #[serde(default)]
    line: Vec<LineFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LineFile {
    name: String,
    parameter: String,
    range: [String; 2],
    point: Vec<String>,
}

fn first() -> Kind {
    Kind::First
}

/// All explicit three-step methods of order 2 with one activation per step,
/// `x_{n+1} = a_0 x_n + a_1 x_{n−1} + a_2 x_{n−2} + b F(x_n + s (x_n − x_{n−1}))`, written as their
/// multistep twins with `b_0 = b (1 + s)`, `b_1 = −b s` (one-leg methods and their twins share order 2).
/// On the line `a_1 + 4 a_2 = 1` the extrapolation `s` is 0: ZeroSNet.
pub const THREE_STEP: &str = r#"
name = "three-step"
parameters = ["a1", "a2"]
alpha = ["-a2", "-a1", "-a0", "1"]
beta = ["0", "b1", "b0", "0"]
order = 2
eliminate = ["a0", "b0", "b1"]
resolution = "1/1000"
[box]
a1 = ["-4", "2"]
a2 = ["-2", "2"]
[[line]]
name = "ZeroSNet, b1 = 0: a1 + 4 a2 = 1"
parameter = "u"
range = ["-4", "2"]
point = ["u", "(1-u)/4"]
"#;

impl PlaneFamily {
    /// Reads a family from TOML text; `path` is for messages.
    ///
    /// # Errors
    ///
    /// [`Error::FamilyFile`].
    pub fn from_toml(text: &str, path: &Path) -> Result<Self, Error> {
        Self::parse(text).map_err(|problem| Error::FamilyFile {
            path: path.to_owned(),
            problem: Box::new(problem),
        })
    }

    /// The built-in family of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        (name == "three-step").then(|| Self::parse(THREE_STEP).expect("a tested literal"))
    }

    fn parse(text: &str) -> Result<Self, Problem> {
        let file: File = toml::from_str(text).map_err(Box::new)?;
        let d = file.parameters.len();
        let names: Vec<String> = file
            .parameters
            .iter()
            .chain(&file.eliminate)
            .cloned()
            .collect();
        if !(2..=3).contains(&d) || names.len() > MAX_NAMES {
            return Err(Problem::Count {
                what: "parameters",
                found: d,
                expected: "2 or 3, with `eliminate` 8 names at most",
            });
        }
        for (i, name) in names.iter().enumerate() {
            super::parametric::check_name(name)?;
            if names[..i].contains(name) {
                return Err(Problem::Parameter {
                    found: name.clone(),
                });
            }
        }
        let known = names.join(", ");
        let variable = |name: &str| {
            let index = names.iter().position(|n| n == name)?;
            Some(MRatFunc::from_poly(MPoly::variable(index)))
        };
        let list = |list: &'static str, texts: &[String]| {
            let parse = |(index, text): (usize, &String)| {
                parse_value(text, &known, &variable)
                    .map_err(|source| expression(list, index, text, source))
            };
            let all = texts.iter().enumerate().take(MAX_STEPS + 2);
            all.map(parse).collect::<Result<Vec<_>, _>>()
        };
        let (alpha, beta) = (list("alpha", &file.alpha)?, list("beta", &file.beta)?);
        let shape = |e: Error| Problem::Shape(Box::new(e));
        if !(2..=MAX_STEPS + 1).contains(&alpha.len()) || alpha.len() != beta.len() {
            return Err(shape(Error::Lengths {
                name: file.name,
                alpha: alpha.len(),
                beta: beta.len(),
            }));
        }
        let mut family = Self {
            name: file.name,
            kind: file.kind,
            parameters: file.parameters,
            alpha,
            beta,
            solved: Vec::new(),
            lo: Vec::new(),
            hi: Vec::new(),
            resolution: Rational::from((1, 1000)),
            lines: Vec::new(),
        };
        if file.order.is_none() && !file.eliminate.is_empty() {
            return Err(Problem::Count {
                what: "eliminate",
                found: file.eliminate.len(),
                expected: "no names without `order`",
            });
        }
        if let Some(order) = file.order {
            family.eliminate(order, &file.eliminate)?;
        }
        if family.alpha.last().is_none_or(MRatFunc::is_zero) {
            return Err(shape(Error::LeadingZero {
                name: family.name.clone(),
            }));
        }
        let number = |place: &str, text: &str| {
            rational::parse(text).map_err(|source| {
                Problem::Shape(Box::new(Error::Number {
                    place: place.to_owned(),
                    source,
                }))
            })
        };
        for name in &family.parameters {
            let [lo, hi] = file.r#box.get(name).ok_or_else(|| Problem::Box {
                parameter: name.clone(),
            })?;
            let (lo, hi) = (number(name, lo)?, number(name, hi)?);
            if lo >= hi {
                return Err(Problem::Box {
                    parameter: name.clone(),
                });
            }
            family.lo.push(lo);
            family.hi.push(hi);
        }
        if file.r#box.len() != d {
            return Err(Problem::Count {
                what: "box",
                found: file.r#box.len(),
                expected: "one entry per parameter",
            });
        }
        if let Some(text) = &file.resolution {
            family.resolution = number("resolution", text)?;
            if family.resolution <= 0 {
                return Err(Problem::Count {
                    what: "resolution",
                    found: 0,
                    expected: "a positive share",
                });
            }
        }
        for line in &file.line {
            let parse = |(index, text): (usize, &String)| {
                RatFunc::parse(text, &line.parameter)
                    .map_err(|source| expression("point", index, text, source))
            };
            let point = line.point.iter().enumerate().map(parse);
            let point = point.collect::<Result<Vec<_>, _>>()?;
            if point.len() != d {
                return Err(Problem::Count {
                    what: "point",
                    found: point.len(),
                    expected: "one coordinate per parameter",
                });
            }
            family.lines.push(Line {
                name: line.name.clone(),
                range: [
                    number("range", &line.range[0])?,
                    number("range", &line.range[1])?,
                ],
                point,
            });
        }
        Ok(family)
    }

    /// Solves `C_0 = … = C_{order+d−1} = 0` for the names after the parameters.
    fn eliminate(&mut self, order: usize, names: &[String]) -> Result<(), Problem> {
        let d = self.parameters.len();
        let unknowns = names.len();
        let count = order + self.kind.derivative();
        if order > 2 * self.alpha.len() {
            return Err(Problem::Count {
                what: "order",
                found: order,
                expected: "at most twice the number of steps",
            });
        }
        // Rows [coefficients of the unknowns | right side] over ℚ(parameters).
        let mut rows: Vec<Vec<MRatFunc>> = Vec::new();
        for q in 0..count {
            let condition = self.condition(q);
            if condition.den().variables() > d {
                return Err(Problem::NotLinear);
            }
            let mut rest = condition.num().clone();
            let mut row = Vec::new();
            for u in 0..unknowns {
                let list = rest.coefficients_in(d + u);
                if list.len() > 2 {
                    return Err(Problem::NotLinear);
                }
                let slope = list.get(1).cloned().unwrap_or_default();
                if slope.variables() > d {
                    return Err(Problem::NotLinear);
                }
                row.push(MRatFunc::from_poly(slope));
                rest = list[0].clone();
            }
            row.push(MRatFunc::from_poly(rest.scaled(&Rational::from(-1))));
            rows.push(row);
        }
        // Gauss–Jordan.
        let mut used = 0;
        for u in 0..unknowns {
            let Some(pivot) = (used..rows.len()).find(|&r| !rows[r][u].is_zero()) else {
                return Err(Problem::Underdetermined {
                    name: names[u].clone(),
                });
            };
            rows.swap(used, pivot);
            let lead = rows[used][u].clone();
            let scaled: Option<Vec<_>> = rows[used].iter().map(|x| x.over(&lead)).collect();
            rows[used] = scaled.expect("the pivot is not zero");
            for r in 0..rows.len() {
                if r != used && !rows[r][u].is_zero() {
                    let factor = rows[r][u].clone();
                    rows[r] = rows[r]
                        .iter()
                        .zip(&rows[used])
                        .map(|(a, b)| a.minus(&factor.times(b)))
                        .collect();
                }
            }
            used += 1;
        }
        if let Some(left) = rows[used..].iter().find(|row| !row[unknowns].is_zero()) {
            return Err(Problem::Constraint {
                condition: left[unknowns].num().in_words(&self.parameters),
            });
        }
        let values: Vec<MRatFunc> = rows[..used]
            .iter()
            .map(|row| row[unknowns].clone())
            .collect();
        let put = |f: &MRatFunc| substitute(f, d, &values);
        self.alpha = self.alpha.iter().map(put).collect::<Result<_, _>>()?;
        self.beta = self.beta.iter().map(put).collect::<Result<_, _>>()?;
        self.solved = names.iter().cloned().zip(values).collect();
        Ok(())
    }

    /// `q! C_q`.
    fn condition(&self, q: usize) -> MRatFunc {
        let d = self.kind.derivative();
        let moment = |list: &[MRatFunc], power: usize| {
            let zero = MRatFunc::constant(Rational::new());
            list.iter().enumerate().fold(zero, |sum, (j, c)| {
                let weight = Integer::from(Integer::u_pow_u(j as u32, power as u32));
                sum.plus(&c.times(&MRatFunc::constant(Rational::from(weight))))
            })
        };
        let value = moment(&self.alpha, q);
        if q < d {
            return value;
        }
        let falling: u64 = (0..d).map(|i| (q - i) as u64).product();
        let slopes = moment(&self.beta, q - d);
        value.minus(&slopes.times(&MRatFunc::constant(Rational::from(falling))))
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// First- or second-order equations.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Names of the parameters.
    pub fn parameters(&self) -> &[String] {
        &self.parameters
    }

    /// `alpha_0 … alpha_k` as functions of the parameters.
    pub fn alpha(&self) -> &[MRatFunc] {
        &self.alpha
    }

    /// `beta_0 … beta_k`.
    pub fn beta(&self) -> &[MRatFunc] {
        &self.beta
    }

    /// The eliminated names with what they are.
    pub fn solved(&self) -> &[(String, MRatFunc)] {
        &self.solved
    }

    /// Lower and upper corner of the box.
    pub fn corners(&self) -> (&[Rational], &[Rational]) {
        (&self.lo, &self.hi)
    }

    /// The largest undecided share of the box asked for.
    pub fn resolution(&self) -> &Rational {
        &self.resolution
    }

    /// The same family at another resolution.
    #[must_use]
    pub fn at_resolution(mut self, share: Rational) -> Self {
        self.resolution = share;
        self
    }

    /// Curves for the picture.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }
}

fn expression(list: &'static str, index: usize, text: &str, source: ratfunc::Error) -> Problem {
    Problem::Expression {
        list,
        index,
        text: text.to_owned(),
        source,
    }
}

/// `f` with the variables from `d` on replaced.
fn substitute(f: &MRatFunc, d: usize, values: &[MRatFunc]) -> Result<MRatFunc, Problem> {
    let part = |p: &MPoly| {
        let zero = MRatFunc::constant(Rational::new());
        p.terms().fold(zero, |sum, (e, c)| {
            let mut term = MRatFunc::constant(c.clone());
            for (i, &n) in e.iter().enumerate() {
                let x = if i < d {
                    MRatFunc::from_poly(MPoly::variable(i))
                } else {
                    values[i - d].clone()
                };
                for _ in 0..n {
                    term = term.times(&x);
                }
            }
            sum.plus(&term)
        })
    };
    part(f.num()).over(&part(f.den())).ok_or(Problem::NotLinear)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elimination_is_exact() {
        let family = PlaneFamily::by_name("three-step").expect("built in");
        let words: Vec<String> = family
            .solved()
            .iter()
            .map(|(n, v)| format!("{n} = {}", v.num().in_words(family.parameters())))
            .collect();
        assert_eq!(
            words,
            [
                "a0 = -a2 - a1 + 1",
                "b0 = 1/2*a1 + 3/2",
                "b1 = 2*a2 + 1/2*a1 - 1/2"
            ]
        );
        // Order 3 leaves a condition on the parameters: refused with that condition.
        let text = THREE_STEP.replace("order = 2", "order = 3");
        let message = PlaneFamily::from_toml(&text, "t.toml".as_ref())
            .expect_err("a curve")
            .to_string();
        assert!(
            message.contains("a2") && message.contains("a1"),
            "{message}"
        );
    }

    #[test]
    fn bad_files() {
        let change = |from: &str, to: &str| {
            let text = THREE_STEP.replace(from, to);
            PlaneFamily::from_toml(&text, "t.toml".as_ref())
        };
        assert!(change("\"-a1\"", "\"-b0*a0\"").is_err());
        assert!(change("a2 = [\"-2\", \"2\"]", "a2 = [\"2\", \"-2\"]").is_err());
        assert!(change("[\"a1\", \"a2\"]", "[\"a1\", \"a1\"]").is_err());
        assert!(change("\"b0\", \"b1\"]", "\"b0\", \"b1\", \"c\"]").is_err());
        assert!(change("\"b0\", \"0\"]", "\"b0\"]").is_err());
    }
}
