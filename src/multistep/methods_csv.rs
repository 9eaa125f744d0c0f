//! Reads tables of methods: comma-separated values with a header line.
//!
//! Required columns are `name`, `kind`, `alpha` and `beta`; `k`, where present, must agree with the
//! number of coefficients; all others are ignored. Fields may be quoted with `"`, a quote inside
//! doubled; a field does not span lines. `kind` is `explicit`, `implicit`, `first…` or `second…`;
//! what begins with `second` is for `y'' = f`. Coefficients are as
//! [`crate::exact::rational::parse_list`] reads them, index 0 first.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::{Error, Kind, LinearMultistep};
use crate::exact::rational;

/// The largest table read, in bytes.
pub const MAX_FILE: u64 = 1 << 24;

/// What is wrong with a row.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// No header line.
    #[error("the table is empty")]
    Empty,
    /// A required column is absent.
    #[error("there is no column `{column}`")]
    NoColumn {
        /// The column.
        column: &'static str,
    },
    /// More or fewer fields than the header has.
    #[error("{found} fields, the header has {expected}")]
    Fields {
        /// Fields found.
        found: usize,
        /// Fields in the header.
        expected: usize,
    },
    /// A quoted field does not end, or goes on after its quote.
    #[error("field {field} has an unbalanced quote")]
    Quote {
        /// The field, counted from 1.
        field: usize,
    },
    /// Not a known kind.
    #[error("kind `{found}` is none of explicit, implicit, first…, second…")]
    Kind {
        /// The value found.
        found: String,
    },
    /// `k` disagrees with the coefficients.
    #[error("k is `{found}`, alpha has {coefficients} coefficients")]
    Steps {
        /// The value found.
        found: String,
        /// The length of alpha.
        coefficients: usize,
    },
    /// A coefficient is no number.
    #[error("column {column}: {source}")]
    Number {
        /// The column.
        column: &'static str,
        /// What is wrong.
        source: rational::Error,
    },
    /// The method is not valid.
    #[error("{0}")]
    Method(Box<Error>),
    /// Not UTF-8.
    #[error("not UTF-8 text")]
    Encoding,
}

/// Reads all methods of a file.
///
/// # Errors
///
/// [`Error::Io`], [`Error::FileSize`], and [`Error::Table`] with file, line and value.
pub fn read(path: &Path) -> Result<Vec<LinearMultistep>, Error> {
    parse(&read_limited(path, MAX_FILE)?, path)
}

/// The contents of a file of at most `limit` bytes.
///
/// # Errors
///
/// [`Error::Io`], [`Error::FileSize`].
pub fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let io = |source| Error::Io {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(io)?;
    let mut bytes = Vec::new();
    // One byte more than allowed tells an oversized file, also where the length is unknown.
    let read = file.take(limit + 1).read_to_end(&mut bytes).map_err(io)?;
    if read as u64 > limit {
        let size = path.metadata().map_or(read as u64, |m| m.len());
        return Err(Error::FileSize {
            path: path.to_owned(),
            size,
            limit,
        });
    }
    Ok(bytes)
}

/// Reads all methods of a table in memory; `path` is for messages.
///
/// # Errors
///
/// [`Error::Table`].
pub fn parse(bytes: &[u8], path: &Path) -> Result<Vec<LinearMultistep>, Error> {
    let at = |line: usize| {
        move |problem: Problem| Error::Table {
            path: path.to_owned(),
            line,
            problem: Box::new(problem),
        }
    };
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let line = 1 + bytes[..e.valid_up_to()]
            .iter()
            .filter(|&&b| b == b'\n')
            .count();
        at(line)(Problem::Encoding)
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    let (first, header) = lines.next().ok_or(Problem::Empty).map_err(at(1))?;
    let columns = Columns::of(&fields(header).map_err(at(first + 1))?).map_err(at(first + 1))?;
    lines
        .map(|(i, line)| columns.method(line).map_err(at(i + 1)))
        .collect()
}

struct Columns {
    count: usize,
    name: usize,
    kind: usize,
    k: Option<usize>,
    alpha: usize,
    beta: usize,
}

impl Columns {
    fn of(header: &[String]) -> Result<Self, Problem> {
        let find = |column: &str| header.iter().position(|h| h.trim() == column);
        let need = |column| find(column).ok_or(Problem::NoColumn { column });
        Ok(Self {
            count: header.len(),
            name: need("name")?,
            kind: need("kind")?,
            k: find("k"),
            alpha: need("alpha")?,
            beta: need("beta")?,
        })
    }

    fn method(&self, line: &str) -> Result<LinearMultistep, Problem> {
        let row = fields(line)?;
        if row.len() != self.count {
            return Err(Problem::Fields {
                found: row.len(),
                expected: self.count,
            });
        }
        let kind = match row[self.kind].trim() {
            text if text.starts_with("second") => Kind::Second,
            text if text.starts_with("first") => Kind::First,
            "explicit" | "implicit" => Kind::First,
            other => {
                return Err(Problem::Kind {
                    found: other.chars().take(64).collect(),
                });
            }
        };
        let list = |column, text: &str| {
            rational::parse_list(text).map_err(|source| Problem::Number { column, source })
        };
        let alpha = list("alpha", &row[self.alpha])?;
        let beta = list("beta", &row[self.beta])?;
        if let Some(k) = self.k {
            let found = row[k].trim();
            if found.parse::<usize>().ok() != Some(alpha.len() - 1) {
                return Err(Problem::Steps {
                    found: found.to_owned(),
                    coefficients: alpha.len(),
                });
            }
        }
        LinearMultistep::new(row[self.name].trim(), kind, alpha, beta)
            .map_err(|e| Problem::Method(Box::new(e)))
    }
}

/// Splits one line into fields. Public for tests that read other columns of the same tables.
///
/// # Errors
///
/// [`Problem::Quote`].
pub fn fields(line: &str) -> Result<Vec<String>, Problem> {
    let mut list = Vec::new();
    let mut rest = line;
    loop {
        let wrong = Problem::Quote {
            field: list.len() + 1,
        };
        if let Some(mut quoted) = rest.strip_prefix('"') {
            let mut field = String::new();
            rest = loop {
                let Some((part, after)) = quoted.split_once('"') else {
                    return Err(wrong);
                };
                field.push_str(part);
                match after.strip_prefix('"') {
                    Some(more) => {
                        field.push('"');
                        quoted = more;
                    }
                    None => break after,
                }
            };
            list.push(field);
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None if rest.is_empty() => return Ok(list),
                None => return Err(wrong),
            }
        } else if let Some((field, more)) = rest.split_once(',') {
            if field.contains('"') {
                return Err(wrong);
            }
            list.push(field.to_owned());
            rest = more;
        } else {
            if rest.contains('"') {
                return Err(wrong);
            }
            list.push(rest.to_owned());
            return Ok(list);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        parse(text.as_bytes(), Path::new("t.csv"))
            .expect_err(text)
            .to_string()
    }

    #[test]
    fn quoted_fields() {
        assert_eq!(
            fields(r#"a,"b,c","d ""e""",,"#).expect("balanced"),
            ["a", "b,c", "d \"e\"", "", ""]
        );
        for line in ["\"a", "\"a\"b,c", "a\"b", "x,\"", "\"\"\""] {
            assert!(fields(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_table_is_read() {
        let text = "kind,name,beta,alpha\r\nexplicit,\"AB1, Euler\",1 0,-1 1\r\n\r\nsecond-order explicit,V,0 1 0,1 -2 1\r\n";
        let list = parse(text.as_bytes(), Path::new("t.csv")).expect("a table");
        assert_eq!(list.len(), 2);
        assert_eq!(list[0].name(), "AB1, Euler");
        assert_eq!(list[1].kind(), Kind::Second);
    }

    #[test]
    fn errors_name_file_line_and_value() {
        let head = "name,kind,k,alpha,beta\n";
        assert_eq!(error(""), "t.csv:1: the table is empty");
        assert_eq!(error("name,kind\n"), "t.csv:1: there is no column `alpha`");
        assert_eq!(
            error(&format!("{head}a,explicit,1,-1 1\n")),
            "t.csv:2: 4 fields, the header has 5"
        );
        assert_eq!(
            error(&format!("{head}\na,odd,1,-1 1,1 0\n")),
            "t.csv:3: kind `odd` is none of explicit, implicit, first…, second…"
        );
        assert_eq!(
            error(&format!("{head}a,explicit,2,-1 1,1 0\n")),
            "t.csv:2: k is `2`, alpha has 2 coefficients"
        );
        assert!(error(&format!("{head}a,explicit,1,-1 z,1 0\n")).contains("column alpha: `z`"));
        assert!(error(&format!("{head}a,explicit,1,-1 0,1 0\n")).contains("leading coefficient"));
        assert!(error(&format!("{head}a,explicit,1,-1 1,1\n")).contains("beta has 1"));
        assert!(
            parse(b"name,kind\n\xff", Path::new("t.csv"))
                .expect_err("bytes")
                .to_string()
                .contains(":2: not UTF-8")
        );
    }
}
