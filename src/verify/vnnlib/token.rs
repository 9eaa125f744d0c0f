//! Words and parentheses out of a stream of bytes.

use std::io::BufRead;

use super::{Error, MAX_BYTES, Position};

/// The longest word, in bytes; numbers are limited to as much.
const MAX_WORD: usize = crate::exact::rational::MAX_LITERAL;

/// A token; the text of a word is in [`Tokens::word`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// `(`
    Open,
    /// `)`
    Close,
    /// a symbol, keyword or number
    Word,
    /// a string in quotation marks, skipped
    Text,
    /// the end of the file
    End,
}

/// The tokens of a text.
pub struct Tokens<R> {
    source: R,
    word: String,
    at: Position,
    line: u64,
    /// bytes before the current buffer, and those before the current line
    before: u64,
    line_start: u64,
}

impl<R: BufRead> Tokens<R> {
    pub fn new(source: R) -> Self {
        Tokens {
            source,
            word: String::new(),
            at: Position { line: 1, column: 1 },
            line: 1,
            before: 0,
            line_start: 0,
        }
    }

    /// Where the last token began.
    pub fn at(&self) -> Position {
        self.at
    }

    /// The last word.
    pub fn word(&self) -> &str {
        &self.word
    }

    /// The last token, for messages.
    pub fn shown(&self, token: Token) -> String {
        match token {
            Token::Open => "`(`".into(),
            Token::Close => "`)`".into(),
            Token::Text => "a string".into(),
            Token::End => "the end of the file".into(),
            Token::Word => format!("`{}`", self.word),
        }
    }

    /// The next byte, not consumed.
    fn peek(&mut self) -> Result<Option<u8>, Error> {
        Ok(self.source.fill_buf()?.first().copied())
    }

    fn consume(&mut self, n: usize) -> Result<(), Error> {
        self.source.consume(n);
        self.before += n as u64;
        if self.before > MAX_BYTES {
            return Err(Error::TooLarge {
                what: "bytes of text",
                limit: MAX_BYTES,
            });
        }
        Ok(())
    }

    fn mark(&mut self) {
        self.at = Position {
            line: self.line,
            column: self.before - self.line_start + 1,
        };
    }

    /// Skips white space and comments.
    fn skip(&mut self) -> Result<(), Error> {
        let mut comment = false;
        loop {
            let buffer = self.source.fill_buf()?;
            if buffer.is_empty() {
                return Ok(());
            }
            let mut n = 0;
            let mut done = false;
            for &byte in buffer {
                match byte {
                    b'\n' => {
                        self.line += 1;
                        self.line_start = self.before + n as u64 + 1;
                        comment = false;
                    }
                    _ if comment => {}
                    b' ' | b'\t' | b'\r' => {}
                    b';' => comment = true,
                    _ => {
                        done = true;
                        break;
                    }
                }
                n += 1;
            }
            self.consume(n)?;
            if done {
                return Ok(());
            }
        }
    }

    /// The next token.
    pub fn next(&mut self) -> Result<Token, Error> {
        self.skip()?;
        self.mark();
        let Some(first) = self.peek()? else {
            return Ok(Token::End);
        };
        match first {
            b'(' => self.consume(1).map(|()| Token::Open),
            b')' => self.consume(1).map(|()| Token::Close),
            b'|' => self.quoted(b'|').map(|()| Token::Word),
            b'"' => self.quoted(b'"').map(|()| Token::Text),
            _ => self.plain().map(|()| Token::Word),
        }
    }

    /// A word up to white space, a parenthesis or a comment.
    fn plain(&mut self) -> Result<(), Error> {
        self.word.clear();
        loop {
            let buffer = self.source.fill_buf()?;
            let end = |b: &u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n' | b'(' | b')' | b';');
            let n = buffer.iter().position(end);
            let taken = &buffer[..n.unwrap_or(buffer.len())];
            let count = taken.len();
            let ascii = taken.iter().all(u8::is_ascii_graphic);
            match std::str::from_utf8(taken) {
                Ok(text) if ascii && self.word.len() + count <= MAX_WORD => {
                    self.word.push_str(text)
                }
                _ => {
                    for &byte in taken {
                        push(&mut self.word, self.at, byte)?;
                    }
                }
            }
            self.consume(count)?;
            if n.is_some() || count == 0 {
                return Ok(());
            }
        }
    }

    /// A word between two marks.
    fn quoted(&mut self, mark: u8) -> Result<(), Error> {
        self.word.clear();
        self.consume(1)?;
        loop {
            let Some(byte) = self.peek()? else {
                return Err(Error::Syntax {
                    at: self.at,
                    found: "the end of the file".into(),
                    expected: "a closing quotation mark",
                });
            };
            self.consume(1)?;
            if byte == mark {
                return Ok(());
            }
            push(&mut self.word, self.at, byte)?;
        }
    }
}

/// Adds a byte to a word that began at `at`.
fn push(word: &mut String, at: Position, byte: u8) -> Result<(), Error> {
    if !byte.is_ascii_graphic() && byte != b' ' {
        return Err(Error::Syntax {
            at,
            found: format!("byte 0x{byte:02x}"),
            expected: "printable ASCII characters",
        });
    }
    if word.len() == MAX_WORD {
        return Err(Error::TooLarge {
            what: "characters of a word",
            limit: MAX_WORD as u64,
        });
    }
    word.push(char::from(byte));
    Ok(())
}
