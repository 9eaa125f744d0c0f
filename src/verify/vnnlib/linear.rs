//! Linear terms over inputs and outputs.

use std::io::BufRead;

use super::token::{Token, Tokens};
use super::{Error, MAX_DEPTH, Position};
use crate::exact::{Rational, rational};

/// The most bits that the long numbers of a file have together.
const MAX_BITS: u64 = 1 << 31;

/// A declared variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Variable {
    /// input
    X(u32),
    /// output
    Y(u32),
}

/// A term.
#[derive(Debug)]
pub enum Linear {
    /// one variable
    Variable(Variable),
    /// a number
    Constant(Rational),
    /// addends in any order; `None` marks the constant ones
    Sum(Vec<Addend>),
}

type Addend = (Option<Variable>, Rational);

/// The declared variables of one kind: a run from 0 and what lies beyond it.
#[derive(Default)]
struct Declared {
    run: u32,
    beyond: std::collections::BTreeSet<u32>,
}

impl Declared {
    fn contains(&self, index: u32) -> bool {
        index < self.run || self.beyond.contains(&index)
    }

    fn insert(&mut self, index: u32) -> bool {
        if self.contains(index) {
            return false;
        }
        self.beyond.insert(index);
        while self.beyond.first() == Some(&self.run) {
            self.beyond.pop_first();
            self.run += 1;
        }
        true
    }
}

/// The names of a file and the room its numbers take.
#[derive(Default)]
pub struct Scope {
    x: Declared,
    y: Declared,
    bits: u64,
}

impl Scope {
    /// Declares the variable of this name.
    pub fn declare(&mut self, name: &str, at: Position) -> Result<(), Error> {
        let Some(variable) = variable(name) else {
            return Err(Error::Unsupported {
                at,
                what: format!("the variable name `{name}` (inputs are X_i, outputs Y_j)"),
            });
        };
        let fresh = match variable {
            Variable::X(i) => self.x.insert(i),
            Variable::Y(j) => self.y.insert(j),
        };
        if fresh {
            Ok(())
        } else {
            Err(Error::Duplicate {
                at,
                name: name.into(),
            })
        }
    }

    /// The numbers of inputs and outputs; an index that is lacking is an error.
    pub fn dimensions(&self) -> Result<(usize, usize), Error> {
        for (letter, declared) in [('X', &self.x), ('Y', &self.y)] {
            if declared.run == 0 || !declared.beyond.is_empty() {
                return Err(Error::Missing {
                    name: format!("{letter}_{}", declared.run),
                });
            }
        }
        Ok((self.x.run as usize, self.y.run as usize))
    }

    /// Reads a variable or a number.
    fn atom(&mut self, word: &str, at: Position) -> Result<Linear, Error> {
        if let Some(v) = variable(word) {
            let known = match v {
                Variable::X(i) => self.x.contains(i),
                Variable::Y(j) => self.y.contains(j),
            };
            return if known {
                Ok(Linear::Variable(v))
            } else {
                Err(Error::Undeclared {
                    at,
                    name: word.into(),
                })
            };
        }
        let unsigned = word.strip_prefix(['-', '+']).unwrap_or(word);
        if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return Err(Error::Undeclared {
                at,
                name: word.into(),
            });
        }
        if let Some(c) = word
            .chars()
            .find(|c| !matches!(c, '0'..='9' | '.' | 'e' | 'E' | '+' | '-'))
        {
            return Err(Error::Syntax {
                at,
                found: format!("`{c}` in `{word}`"),
                expected: "an integer, a decimal or scientific notation",
            });
        }
        let value = rational::parse(word).map_err(|source| Error::Number { at, source })?;
        self.charge(&value)?;
        Ok(Linear::Constant(value))
    }

    /// Counts the room of a long number.
    fn charge(&mut self, value: &Rational) -> Result<(), Error> {
        let bits = value.numer().significant_bits() + value.denom().significant_bits();
        if bits > 256 {
            self.bits += u64::from(bits);
        }
        if self.bits > MAX_BITS {
            return Err(Error::TooLarge {
                what: "bits of long numbers",
                limit: MAX_BITS,
            });
        }
        Ok(())
    }
}

/// `X_i` or `Y_j`, without leading zeros.
fn variable(name: &str) -> Option<Variable> {
    let (kind, digits) = name.split_once('_')?;
    let canonical =
        digits == "0" || (!digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()));
    let index = digits.parse().ok().filter(|&i| canonical && i < u32::MAX)?;
    match kind {
        "X" => Some(Variable::X(index)),
        "Y" => Some(Variable::Y(index)),
        _ => None,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    Plus,
    Minus,
    Times,
    Over,
}

/// An open operator; finished operands lie on a stack that all of them share.
struct Frame {
    operator: Operator,
    at: Position,
    /// where its operands begin on the stack
    start: usize,
    operands: usize,
    /// where the first operand ends
    first: usize,
    /// a factor that is not constant has been seen
    variable: bool,
    /// of products and quotients: the constant factors
    factor: Rational,
}

/// Reads one term that begins with `token`.
pub fn term<R: BufRead>(
    tokens: &mut Tokens<R>,
    scope: &mut Scope,
    token: Token,
) -> Result<Linear, Error> {
    match token {
        Token::Word => scope.atom(tokens.word(), tokens.at()),
        Token::Open => compound(tokens, scope).map(Linear::Sum),
        other => Err(Error::Syntax {
            at: tokens.at(),
            found: tokens.shown(other),
            expected: "a term",
        }),
    }
}

/// A term in parentheses, the first of which has been read.
fn compound<R: BufRead>(tokens: &mut Tokens<R>, scope: &mut Scope) -> Result<Vec<Addend>, Error> {
    let mut stack: Vec<Addend> = Vec::new();
    let mut open = vec![Frame::new(tokens, 0)?];
    loop {
        let mut begin = stack.len();
        match tokens.next()? {
            Token::Open => {
                if open.len() == MAX_DEPTH {
                    return Err(Error::TooLarge {
                        what: "nesting of parentheses",
                        limit: MAX_DEPTH as u64,
                    });
                }
                open.push(Frame::new(tokens, begin)?);
                continue;
            }
            Token::Close => {
                let frame = open.pop().expect("the loop ends with the last one");
                begin = frame.start;
                frame.close(&mut stack, scope)?;
            }
            token => match term(tokens, scope, token)? {
                Linear::Variable(v) => stack.push((Some(v), Rational::from(1))),
                Linear::Constant(c) => stack.push((None, c)),
                Linear::Sum(addends) => stack.extend(addends),
            },
        }
        match open.last_mut() {
            Some(frame) => frame.operand(begin, &mut stack, scope)?,
            None => return Ok(stack),
        }
    }
}

impl Frame {
    /// Reads the operator's name.
    fn new<R: BufRead>(tokens: &mut Tokens<R>, start: usize) -> Result<Frame, Error> {
        let token = tokens.next()?;
        let at = tokens.at();
        let operator = match (token, tokens.word()) {
            (Token::Word, "+") => Operator::Plus,
            (Token::Word, "-") => Operator::Minus,
            (Token::Word, "*") => Operator::Times,
            (Token::Word, "/") => Operator::Over,
            (Token::Word, other) => {
                return Err(Error::Unsupported {
                    at,
                    what: format!("the operator `{other}` in a term"),
                });
            }
            (other, _) => {
                return Err(Error::Syntax {
                    at,
                    found: tokens.shown(other),
                    expected: "an operator: +, -, * or /",
                });
            }
        };
        Ok(Frame {
            operator,
            at,
            start,
            operands: 0,
            first: start,
            variable: false,
            factor: Rational::from(1),
        })
    }

    /// Takes the addends from `begin` as the next operand.
    fn operand(
        &mut self,
        begin: usize,
        stack: &mut Vec<Addend>,
        scope: &mut Scope,
    ) -> Result<(), Error> {
        self.operands += 1;
        let first = self.operands == 1;
        if first {
            self.first = stack.len();
        }
        let dividend = self.operator == Operator::Over && first;
        if matches!(self.operator, Operator::Plus | Operator::Minus) || dividend {
            return Ok(());
        }
        if stack[begin..].iter().any(|(v, _)| v.is_some()) {
            if self.variable || self.operator == Operator::Over {
                return Err(Error::Nonlinear { at: self.at });
            }
            self.variable = true;
            return Ok(());
        }
        let constant: Rational = stack.drain(begin..).map(|(_, c)| c).sum();
        match self.operator {
            Operator::Over if constant == 0 => return Err(Error::ZeroDivision { at: self.at }),
            Operator::Over => self.factor /= constant,
            _ => self.factor *= constant,
        }
        scope.charge(&self.factor)
    }

    /// Leaves the value on the stack, from `start` on.
    fn close(self, stack: &mut Vec<Addend>, scope: &mut Scope) -> Result<(), Error> {
        let needed = if self.operator == Operator::Over {
            2
        } else {
            1
        };
        if self.operands < needed {
            return Err(Error::Syntax {
                at: self.at,
                found: format!("an operator with {} operands", self.operands),
                expected: "more operands",
            });
        }
        match self.operator {
            Operator::Plus => {}
            Operator::Minus => {
                let from = if self.operands == 1 {
                    self.start
                } else {
                    self.first
                };
                for (_, c) in &mut stack[from..] {
                    *c = -std::mem::take(c);
                }
            }
            Operator::Times if !self.variable => stack.push((None, self.factor)),
            Operator::Times | Operator::Over if self.factor == 1 => {}
            Operator::Times | Operator::Over => {
                for (_, c) in &mut stack[self.start..] {
                    *c *= &self.factor;
                    scope.charge(c)?;
                }
            }
        }
        Ok(())
    }
}
