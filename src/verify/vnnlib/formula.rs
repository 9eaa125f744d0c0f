//! Formulas: atoms, and the tree of connectives in postfix order.
//!
//! A tree of any depth is evaluated without recursion: one pass from the end
//! pushes negations down to the atoms, one pass from the start combines normal
//! forms.

use super::Error;
use super::linear::{Linear, Variable};
use super::normal::{Branch, Normal};
use crate::exact::Rational;
use crate::verify::Constraint;

/// One end of an input's interval.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    pub input: u32,
    /// an upper end
    pub upper: bool,
    /// the value itself is excluded
    pub strict: bool,
    pub value: Rational,
}

/// A formula without connectives.
#[derive(Clone, Debug)]
pub enum Atom {
    Truth(bool),
    Bound(Bound),
    Constraint(Constraint),
}

impl Atom {
    /// `left <= right`, or `<` if `strict`.
    pub fn compare(left: &Linear, right: &Linear, strict: bool) -> Atom {
        let bound = |v: &Variable, c: &Rational, upper| match *v {
            Variable::X(input) => Atom::Bound(Bound {
                input,
                upper,
                strict,
                value: c.clone(),
            }),
            Variable::Y(j) => {
                let (factor, constant) = if upper {
                    (1, -c.clone())
                } else {
                    (-1, c.clone())
                };
                Atom::Constraint(Constraint {
                    x: Vec::new(),
                    y: vec![(j as usize, Rational::from(factor))],
                    constant,
                    strict,
                })
            }
        };
        match (left, right) {
            (Linear::Variable(v), Linear::Constant(c)) => bound(v, c, true),
            (Linear::Constant(c), Linear::Variable(v)) => bound(v, c, false),
            _ => Atom::general(left, right, strict),
        }
    }

    fn general(left: &Linear, right: &Linear, strict: bool) -> Atom {
        let mut constant = Rational::new();
        let mut terms: Vec<(Variable, Rational)> = Vec::new();
        for (side, negative) in [(left, false), (right, true)] {
            let signed = |c: &Rational| if negative { -c.clone() } else { c.clone() };
            match side {
                Linear::Variable(v) => terms.push((*v, signed(&Rational::from(1)))),
                Linear::Constant(c) => constant += signed(c),
                Linear::Sum(addends) => {
                    for (v, c) in addends {
                        match v {
                            Some(v) => terms.push((*v, signed(c))),
                            None => constant += signed(c),
                        }
                    }
                }
            }
        }
        terms.sort_by_key(|t| t.0);
        terms.dedup_by(|b, a| {
            let same = a.0 == b.0;
            if same {
                a.1 += &b.1;
            }
            same
        });
        terms.retain(|t| t.1 != 0);
        match &terms[..] {
            [] => Atom::Truth(if strict { constant < 0 } else { constant <= 0 }),
            [(Variable::X(input), a)] => Atom::Bound(Bound {
                input: *input,
                upper: *a > 0,
                strict,
                value: -constant / a,
            }),
            _ => {
                let (mut x, mut y) = (Vec::new(), Vec::new());
                for (v, c) in terms {
                    match v {
                        Variable::X(i) => x.push((i as usize, c)),
                        Variable::Y(j) => y.push((j as usize, c)),
                    }
                }
                Atom::Constraint(Constraint {
                    x,
                    y,
                    constant,
                    strict,
                })
            }
        }
    }

    /// The complement.
    fn negated(self) -> Atom {
        match self {
            Atom::Truth(b) => Atom::Truth(!b),
            Atom::Bound(b) => Atom::Bound(Bound {
                upper: !b.upper,
                strict: !b.strict,
                ..b
            }),
            Atom::Constraint(mut c) => {
                for (_, a) in c.x.iter_mut().chain(&mut c.y) {
                    *a = -std::mem::take(a);
                }
                c.constant = -c.constant;
                c.strict = !c.strict;
                Atom::Constraint(c)
            }
        }
    }
}

/// A connective.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connective {
    And,
    Or,
    Not,
    Implies,
}

enum Node {
    Atom(Atom),
    /// a connective of so many operands, which precede it
    Connective(Connective, usize),
}

/// A formula in postfix order.
#[derive(Default)]
pub struct Formula {
    nodes: Vec<Node>,
}

/// A part of a formula, evaluated.
enum Value {
    Atom(Atom),
    Normal(Normal),
}

impl Formula {
    pub fn atom(&mut self, atom: Atom) {
        self.nodes.push(Node::Atom(atom));
    }

    /// Joins the last `operands` formulas.
    pub fn connective(&mut self, connective: Connective, operands: usize) {
        self.nodes.push(Node::Connective(connective, operands));
    }

    /// Which nodes stand under an odd number of negations.
    fn negated(&self) -> Vec<bool> {
        let mut negated = vec![false; self.nodes.len()];
        // connective, operands to come, under negation
        let mut open: Vec<(Connective, usize, usize, bool)> = Vec::new();
        for (k, node) in self.nodes.iter().enumerate().rev() {
            if let Some((connective, total, left, outer)) = open.last_mut() {
                let flips = match connective {
                    Connective::And | Connective::Or => false,
                    Connective::Not => true,
                    // the last operand, met first, is the conclusion
                    Connective::Implies => left != total,
                };
                negated[k] = *outer != flips;
                *left -= 1;
            }
            while open.last().is_some_and(|f| f.2 == 0) {
                open.pop();
            }
            if let Node::Connective(connective, operands) = node {
                open.push((*connective, *operands, *operands, negated[k]));
            }
        }
        negated
    }

    /// The disjunctive normal form; the formula is left empty.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if it has too many members.
    pub fn normal(&mut self) -> Result<Normal, Error> {
        let negated = self.negated();
        let mut values: Vec<Value> = Vec::new();
        for (node, negated) in self.nodes.drain(..).zip(negated) {
            let (connective, operands) = match node {
                Node::Atom(a) => {
                    values.push(Value::Atom(if negated { a.negated() } else { a }));
                    continue;
                }
                Node::Connective(Connective::Not, _) => continue,
                Node::Connective(connective, operands) => (connective, operands),
            };
            let parts = values.drain(values.len() - operands..);
            let combined = if (connective == Connective::And) != negated {
                all(parts)?
            } else {
                any(parts)
            };
            values.push(Value::Normal(combined));
        }
        match values.pop() {
            Some(Value::Normal(n)) => Ok(n),
            Some(Value::Atom(a)) => Ok(Normal::atom(a)),
            None => Ok(Normal::truth()),
        }
    }
}

fn all(parts: impl Iterator<Item = Value>) -> Result<Normal, Error> {
    let mut single = Branch::truth();
    let mut many = Vec::new();
    let mut possible = true;
    for part in parts {
        match part {
            Value::Atom(Atom::Truth(b)) => possible &= b,
            Value::Atom(Atom::Bound(b)) => single.bound(b),
            Value::Atom(Atom::Constraint(c)) => single.constrain(c),
            Value::Normal(n) => many.push(n),
        }
    }
    if !possible {
        return Ok(Normal::falsity());
    }
    let mut product = Normal::from(single);
    for n in many {
        product = product.and(n)?;
    }
    Ok(product)
}

fn any(parts: impl Iterator<Item = Value>) -> Normal {
    let mut sum = Normal::falsity();
    for part in parts {
        sum.or(match part {
            Value::Atom(a) => Normal::atom(a),
            Value::Normal(n) => n,
        });
    }
    sum
}
