//! Commands and formulas.

use std::io::BufRead;

use super::formula::{Atom, Connective, Formula};
use super::linear::{self, Linear, Scope};
use super::normal::{Assertions, Normal};
use super::token::{Token, Tokens};
use super::{Error, MAX_DEPTH, Position, Specification};

/// Commands without influence on the question.
const SILENT: [&str; 6] = [
    "set-logic",
    "set-info",
    "set-option",
    "check-sat",
    "get-model",
    "exit",
];

/// An open connective.
struct Open {
    connective: Connective,
    at: Position,
    operands: usize,
}

struct Parser<R> {
    tokens: Tokens<R>,
    scope: Scope,
    assertions: Assertions,
}

/// Reads a text.
pub fn read(source: impl BufRead) -> Result<Specification, Error> {
    let mut parser = Parser {
        tokens: Tokens::new(source),
        scope: Scope::default(),
        assertions: Assertions::new(),
    };
    while parser.command()? {}
    let (inputs, outputs) = parser.scope.dimensions()?;
    parser.assertions.finish(inputs, outputs)
}

impl<R: BufRead> Parser<R> {
    /// What was found where something else should be.
    fn unexpected<T>(&self, token: Token, expected: &'static str) -> Result<T, Error> {
        Err(Error::Syntax {
            at: self.tokens.at(),
            found: self.tokens.shown(token),
            expected,
        })
    }

    fn unsupported<T>(&self, what: &str) -> Result<T, Error> {
        Err(Error::Unsupported {
            at: self.tokens.at(),
            what: format!("{what} `{}`", self.tokens.word()),
        })
    }

    fn take(&mut self, wanted: Token, expected: &'static str) -> Result<(), Error> {
        match self.tokens.next()? {
            token if token == wanted => Ok(()),
            token => self.unexpected(token, expected),
        }
    }

    /// One command; false at the end of the file.
    fn command(&mut self) -> Result<bool, Error> {
        match self.tokens.next()? {
            Token::End => return Ok(false),
            Token::Open => {}
            token => return self.unexpected(token, "`(` before a command"),
        }
        self.take(Token::Word, "a command")?;
        match self.tokens.word() {
            "assert" => self.assert()?,
            "declare-const" => self.declare(false)?,
            "declare-fun" => self.declare(true)?,
            name if SILENT.contains(&name) => {
                self.skip()?;
                return Ok(true);
            }
            _ => return self.unsupported("the command"),
        }
        self.take(Token::Close, "`)` after a command")?;
        Ok(true)
    }

    /// Skips to the end of a command.
    fn skip(&mut self) -> Result<(), Error> {
        let mut depth = 1u64;
        while depth > 0 {
            match self.tokens.next()? {
                Token::Open => depth += 1,
                Token::Close => depth -= 1,
                Token::Word | Token::Text => {}
                Token::End => return self.unexpected(Token::End, "`)` after a command"),
            }
        }
        Ok(())
    }

    fn declare(&mut self, function: bool) -> Result<(), Error> {
        self.take(Token::Word, "a variable's name")?;
        self.scope.declare(self.tokens.word(), self.tokens.at())?;
        if function {
            self.take(Token::Open, "`()`: a variable without arguments")?;
            self.take(Token::Close, "`()`: a variable without arguments")?;
        }
        self.take(Token::Word, "the sort Real")?;
        if self.tokens.word() == "Real" {
            Ok(())
        } else {
            self.unsupported("the sort")
        }
    }

    /// The formula of an assertion. Members of an outermost `and` or `or` are
    /// brought into normal form one by one, so that no tree of them is held.
    fn assert(&mut self) -> Result<(), Error> {
        let mut open: Vec<Open> = Vec::new();
        let mut formula = Formula::default();
        let mut sum = Normal::falsity();
        loop {
            match self.tokens.next()? {
                Token::Open => {
                    if open.len() == MAX_DEPTH {
                        return Err(Error::TooLarge {
                            what: "nesting of parentheses",
                            limit: MAX_DEPTH as u64,
                        });
                    }
                    if let Some(connective) = self.operator(&mut formula)? {
                        open.push(Open {
                            connective,
                            at: self.tokens.at(),
                            operands: 0,
                        });
                        continue;
                    }
                }
                Token::Word => match self.tokens.word() {
                    "true" => formula.atom(Atom::Truth(true)),
                    "false" => formula.atom(Atom::Truth(false)),
                    _ => return self.unexpected(Token::Word, "a formula"),
                },
                Token::Close => {
                    let Some(done) = open.pop() else {
                        return self.unexpected(Token::Close, "a formula");
                    };
                    done.check()?;
                    if open.is_empty() {
                        match done.connective {
                            Connective::And => return Ok(()),
                            Connective::Or => return self.assertions.push(sum),
                            Connective::Not | Connective::Implies => {}
                        }
                    }
                    formula.connective(done.connective, done.operands);
                }
                token => return self.unexpected(token, "a formula or `)`"),
            }
            // A member is complete.
            match &mut open[..] {
                [] => return self.assertions.push(formula.normal()?),
                [.., innermost] => innermost.operands += 1,
            }
            match &open[..] {
                [only] if only.connective == Connective::And => {
                    self.assertions.push(formula.normal()?)?;
                }
                [only] if only.connective == Connective::Or => sum.or(formula.normal()?),
                _ => {}
            }
        }
    }

    /// What follows an open parenthesis: a connective is returned, a comparison
    /// is read whole.
    fn operator(&mut self, formula: &mut Formula) -> Result<Option<Connective>, Error> {
        self.take(Token::Word, "a connective or a comparison")?;
        // sense: whether the operands are exchanged, whether the comparison is strict
        let (exchanged, strict, equal) = match self.tokens.word() {
            "and" => return Ok(Some(Connective::And)),
            "or" => return Ok(Some(Connective::Or)),
            "not" => return Ok(Some(Connective::Not)),
            "=>" => return Ok(Some(Connective::Implies)),
            "<=" => (false, false, false),
            "<" => (false, true, false),
            ">=" => (true, false, false),
            ">" => (true, true, false),
            "=" => (false, false, true),
            _ => return self.unsupported("the operator"),
        };
        let at = self.tokens.at();
        let mut left: Option<Linear> = None;
        let mut pairs = 0;
        loop {
            let token = self.tokens.next()?;
            if token == Token::Close {
                break;
            }
            let right = linear::term(&mut self.tokens, &mut self.scope, token)?;
            if let Some(left) = &left {
                let (a, b) = if exchanged {
                    (&right, left)
                } else {
                    (left, &right)
                };
                formula.atom(Atom::compare(a, b, strict));
                if equal {
                    formula.atom(Atom::compare(b, a, strict));
                }
                pairs += 1;
            }
            left = Some(right);
        }
        match pairs {
            0 => Err(Error::Syntax {
                at,
                found: "a comparison with fewer than two terms".into(),
                expected: "two terms",
            }),
            1 if !equal => Ok(None),
            _ => {
                formula.connective(Connective::And, if equal { 2 * pairs } else { pairs });
                Ok(None)
            }
        }
    }
}

impl Open {
    /// Checks the number of operands.
    fn check(&self) -> Result<(), Error> {
        let (fits, expected) = match self.connective {
            Connective::And | Connective::Or => (self.operands >= 1, "one formula or more"),
            Connective::Not => (self.operands == 1, "one formula"),
            Connective::Implies => (self.operands >= 2, "two formulas or more"),
        };
        if fits {
            return Ok(());
        }
        Err(Error::Syntax {
            at: self.at,
            found: format!("{} operands", self.operands),
            expected,
        })
    }
}
