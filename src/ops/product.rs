//! Products of two operands.

use super::{Error, Shape};

/// A bilinear map with unit coefficients: `y_o = Σ_k a_i b_j` over the pairs
/// `(i, j)` of output `o`.
///
/// [`terms`](Product::terms) is the definition. Transposition and broadcasting
/// of an operand are gathers before it; division is a product with a
/// reciprocal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    pattern: Pattern,
    a: Shape,
    b: Shape,
    out: Shape,
}

/// Which elements meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// `y_i = a_i b_i`
    Elementwise,
    /// `batch` matrix products, (rows, inner) × (inner, cols)
    MatMul {
        /// independent products
        batch: usize,
        /// rows of `a`
        rows: usize,
        /// columns of `a`, rows of `b`
        inner: usize,
        /// columns of `b`
        cols: usize,
    },
}

impl Product {
    /// `y_i = a_i b_i`, all of one shape.
    pub fn elementwise(shape: Shape) -> Product {
        Product {
            pattern: Pattern::Elementwise,
            a: shape.clone(),
            b: shape.clone(),
            out: shape,
        }
    }

    /// Matrix products over equal leading axes: (…, m, k) × (…, k, n) → (…, m, n).
    /// Errors when an operand has fewer than two axes or the extents disagree.
    pub fn matmul(a: Shape, b: Shape) -> Result<Product, Error> {
        let bad = |found: &Shape, expected: String| Error::Shape {
            operator: "matmul",
            what: "an operand".into(),
            found: found.clone(),
            expected,
        };
        let [lead_a @ .., rows, inner] = a.dims() else {
            return Err(bad(&a, "at least two axes".into()));
        };
        let [lead_b @ .., inner_b, cols] = b.dims() else {
            return Err(bad(&b, "at least two axes".into()));
        };
        if lead_a != lead_b || inner != inner_b {
            return Err(bad(
                &b,
                format!("{lead_a:?} leading axes, then {inner} rows"),
            ));
        }
        let out = Shape::new(&[lead_a, &[*rows, *cols]].concat());
        let pattern = Pattern::MatMul {
            batch: lead_a.iter().product(),
            rows: *rows,
            inner: *inner,
            cols: *cols,
        };
        Ok(Product { pattern, a, b, out })
    }

    /// Which elements meet.
    pub fn pattern(&self) -> Pattern {
        self.pattern
    }

    /// Shapes of the two operands.
    pub fn operands(&self) -> [&Shape; 2] {
        [&self.a, &self.b]
    }

    /// Shape of the result.
    pub fn output(&self) -> &Shape {
        &self.out
    }

    /// The most products behind one output.
    pub fn chain(&self) -> usize {
        match self.pattern {
            Pattern::Elementwise => 1,
            Pattern::MatMul { inner, .. } => inner,
        }
    }

    /// The most products in which one element of operand `a` (or `b`) takes part.
    pub fn adjoint_chain(&self) -> [usize; 2] {
        match self.pattern {
            Pattern::Elementwise => [1, 1],
            Pattern::MatMul { rows, cols, .. } => [cols, rows],
        }
    }

    /// Visits the pairs `(i, j)` of output `out`.
    #[inline]
    pub fn terms(&self, out: usize, mut visit: impl FnMut(usize, usize)) {
        match self.pattern {
            Pattern::Elementwise => visit(out, out),
            Pattern::MatMul {
                rows, inner, cols, ..
            } => {
                let (batch, rest) = (out / (rows * cols), out % (rows * cols));
                let (r, c) = (rest / cols, rest % cols);
                for k in 0..inner {
                    visit(
                        (batch * rows + r) * inner + k,
                        (batch * inner + k) * cols + c,
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matmul_multiplies_matrices() {
        let p = Product::matmul(Shape::new(&[2, 2, 3]), Shape::new(&[2, 3, 1])).unwrap();
        assert_eq!(p.output().dims(), [2, 2, 1]);
        let mut pairs = Vec::new();
        p.terms(3, |i, j| pairs.push((i, j)));
        assert_eq!(pairs, [(9, 3), (10, 4), (11, 5)]);
        assert_eq!((p.chain(), p.adjoint_chain()), (3, [1, 2]));
        assert!(Product::matmul(Shape::new(&[2, 3]), Shape::new(&[2, 3])).is_err());
        assert!(Product::matmul(Shape::new(&[3]), Shape::new(&[3, 1])).is_err());
    }
}
