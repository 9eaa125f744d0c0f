//! Arithmetic on constants: exact for numbers, checked for integers.

use super::super::tensor::{Data, Literal};
use super::index::{broadcast, repeated};
use super::{Error, GraphReader, Node, Value};
use crate::exact::Rational;

/// The longest numerator or denominator that folding may make, in bits.
const MAX_BITS: u32 = 1 << 12;
/// The most multiplications in one product of constant matrices.
const MAX_TERMS: usize = 1 << 22;

/// An operation on two constants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Max,
    Min,
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
}

impl Binary {
    pub(super) fn of(operator: &str) -> Option<Binary> {
        Some(match operator {
            "Add" => Binary::Add,
            "Sub" => Binary::Sub,
            "Mul" => Binary::Mul,
            "Div" => Binary::Div,
            "Max" => Binary::Max,
            "Min" => Binary::Min,
            "Equal" => Binary::Equal,
            "Less" => Binary::Less,
            "LessOrEqual" => Binary::LessOrEqual,
            "Greater" => Binary::Greater,
            "GreaterOrEqual" => Binary::GreaterOrEqual,
            "And" => Binary::And,
            "Or" => Binary::Or,
            _ => return None,
        })
    }

    fn integers(self, a: i64, b: i64) -> Option<i64> {
        match self {
            Binary::Add => a.checked_add(b),
            Binary::Sub => a.checked_sub(b),
            Binary::Mul => a.checked_mul(b),
            Binary::Div => a.checked_div(b),
            Binary::Max => Some(a.max(b)),
            Binary::Min => Some(a.min(b)),
            Binary::And => Some(a & b & 1),
            Binary::Or => Some((a | b) & 1),
            _ => self.compare(&a, &b),
        }
    }

    fn numbers(self, a: &Rational, b: &Rational) -> Option<Rational> {
        Some(match self {
            Binary::Add => Rational::from(a + b),
            Binary::Sub => Rational::from(a - b),
            Binary::Mul => Rational::from(a * b),
            Binary::Div if *b == 0 => return None,
            Binary::Div => Rational::from(a / b),
            Binary::Max => a.max(b).clone(),
            Binary::Min => a.min(b).clone(),
            _ => return None,
        })
    }

    fn compare<T: Ord>(self, a: &T, b: &T) -> Option<i64> {
        Some(i64::from(match self {
            Binary::Equal => a == b,
            Binary::Less => a < b,
            Binary::LessOrEqual => a <= b,
            Binary::Greater => a > b,
            Binary::GreaterOrEqual => a >= b,
            _ => return None,
        }))
    }

    fn compares(self) -> bool {
        matches!(
            self,
            Binary::Equal
                | Binary::Less
                | Binary::LessOrEqual
                | Binary::Greater
                | Binary::GreaterOrEqual
        )
    }
}

impl<'m> GraphReader<'m, '_> {
    /// The elements as exact numbers; integers are refused.
    pub(super) fn exact(&mut self, n: &Node<'m>, l: &Literal) -> Result<Vec<Rational>, Error> {
        if let Data::Ints(_) = l.data {
            return Err(n.operand("of constants", "integers", "numbers"));
        }
        self.spend(l.len().saturating_mul(16))?;
        let values: Option<Vec<Rational>> = (0..l.len()).map(|i| l.at(i)).collect();
        values.ok_or_else(|| n.operand("of constants", "NaN or infinity", "finite numbers"))
    }

    /// A constant that folding computed; numbers longer than the limit are
    /// refused, so that repeated squaring cannot fill the memory.
    pub(super) fn folded_numbers(
        &mut self,
        n: &Node<'m>,
        dims: Vec<usize>,
        values: Vec<Rational>,
    ) -> Result<Value<'m>, Error> {
        let bits = |v: &Rational| {
            v.numer()
                .significant_bits()
                .max(v.denom().significant_bits())
        };
        let longest = values.iter().map(bits).max().unwrap_or(0);
        if longest > MAX_BITS {
            return Err(Error::TooLarge {
                what: "number of bits of a folded constant",
                found: u64::from(longest),
                limit: u64::from(MAX_BITS),
            });
        }
        Ok(self.folded(n, Literal::numbers(dims, values)))
    }

    /// `a ∘ b`, broadcasting.
    pub(super) fn fold_binary(
        &mut self,
        n: &Node<'m>,
        operation: Binary,
        a: &Literal,
        b: &Literal,
    ) -> Result<Value<'m>, Error> {
        let dims = broadcast(n, &a.dims, &b.dims)?;
        self.spend_on(n, &dims)?;
        let pairs = repeated(&a.dims, &dims)
            .into_iter()
            .zip(repeated(&b.dims, &dims));
        if let (Data::Ints(u), Data::Ints(v)) = (&a.data, &b.data) {
            let all: Option<Vec<i64>> =
                pairs.map(|(i, j)| operation.integers(u[i], v[j])).collect();
            let all = all.ok_or_else(|| {
                n.operand(
                    "of constants",
                    "a zero divisor or an overflow",
                    "64-bit integers",
                )
            })?;
            let data = Data::Ints(all);
            return Ok(self.folded(n, Literal { dims, data }));
        }
        // A runtime rounds each result. One rounding is accounted for where the
        // number is used; more, or a comparison of rounded numbers, are not.
        let rounded = |l: &Literal| matches!(l.data, Data::Exact(_));
        if (rounded(a) || rounded(b)) && !matches!(operation, Binary::Max | Binary::Min) {
            self.rewritten(n);
        }
        let (u, v) = (self.exact(n, a)?, self.exact(n, b)?);
        if operation.compares() {
            let all = pairs.filter_map(|(i, j)| operation.compare(&u[i], &v[j]));
            let data = Data::Ints(all.collect());
            return Ok(self.folded(n, Literal { dims, data }));
        }
        self.spend(dims.iter().product::<usize>().saturating_mul(16))?;
        let all: Option<Vec<Rational>> = pairs
            .map(|(i, j)| operation.numbers(&u[i], &v[j]))
            .collect();
        let all = all.ok_or_else(|| n.operand("of constants", "a zero divisor", "no zero"))?;
        self.folded_numbers(n, dims, all)
    }

    /// Each element by an exact function, of which a runtime rounds no more than
    /// the result.
    pub(super) fn fold_each(
        &mut self,
        n: &Node<'m>,
        l: &Literal,
        f: impl Fn(Rational) -> Rational,
    ) -> Result<Value<'m>, Error> {
        if let Data::Exact(_) = l.data {
            self.rewritten(n);
        }
        let values = self.exact(n, l)?.into_iter().map(f).collect();
        self.folded_numbers(n, l.dims.clone(), values)
    }

    /// The product of two constant matrices.
    pub(super) fn fold_product(
        &mut self,
        n: &Node<'m>,
        a: &Literal,
        b: &Literal,
    ) -> Result<Value<'m>, Error> {
        let (rows, inner) = match a.dims[..] {
            [inner] => (1, inner),
            [rows, inner] => (rows, inner),
            _ => return Err(n.operand(0, format!("extents {:?}", a.dims), "a matrix")),
        };
        let (other, cols) = match b.dims[..] {
            [inner] => (inner, 1),
            [inner, cols] => (inner, cols),
            _ => return Err(n.operand(1, format!("extents {:?}", b.dims), "a matrix")),
        };
        if inner != other {
            let found = format!("extents {:?} against {:?}", b.dims, a.dims);
            return Err(n.operand(1, found, "as many rows as the left operand has columns"));
        }
        let terms = rows.checked_mul(inner).and_then(|m| m.checked_mul(cols));
        if terms.is_none_or(|t| t > MAX_TERMS) {
            return Err(Error::TooLarge {
                what: "number of multiplications of a product of constants",
                found: terms.map_or(u64::MAX, |t| t as u64),
                limit: MAX_TERMS as u64,
            });
        }
        self.spend(rows.saturating_mul(cols).saturating_mul(16))?;
        self.rewritten(n);
        let (u, v) = (self.exact(n, a)?, self.exact(n, b)?);
        let mut values = Vec::with_capacity(rows * cols);
        for r in 0..rows {
            for c in 0..cols {
                let mut sum = Rational::new();
                (0..inner)
                    .for_each(|k| sum += Rational::from(&u[r * inner + k] * &v[k * cols + c]));
                values.push(sum);
            }
        }
        let lead = if a.dims.len() == 2 {
            vec![rows]
        } else {
            vec![]
        };
        let last = if b.dims.len() == 2 {
            vec![cols]
        } else {
            vec![]
        };
        self.folded_numbers(n, [lead, last].concat(), values)
    }
}
