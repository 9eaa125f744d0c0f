//! Functions of several elements, written as nodes of the known kinds.
//!
//! | function | nodes |
//! |---|---|
//! | softmax | `y_i = 1 / (1 + Σ_{j≠i} exp(x_j - x_i))` |
//! | log-softmax | `y_i = -log(1 + Σ_{j≠i} exp(x_j - x_i))` |
//! | layer normalisation | `y_i = d_i r`, `d = x - mean x`, `r = 1 / √(mean d² + ε)` |
//! | root-mean-square normalisation | the same with `d = x` |
//!
//! The forms decide the bounds: boxes of a softmax's operands give the exact
//! range of each output, because every operand occurs with one sign; and a
//! linear bound of `x_j - x_i` sees what the two have in common.

use std::sync::Arc;

use super::{Error, GraphBuilder, NodeId};
use crate::exact::Rational;
use crate::ops::{
    self, Exp, Gather, Geometry, Log, Pointwise, Product, Reciprocal, Rsqrt, Shape, Square, SumPool,
};

/// Elements of a tensor by line along one axis (or along the trailing ones).
struct Lines {
    shape: Shape,
    /// elements per line
    n: usize,
    /// elements between neighbours of a line
    stride: usize,
}

impl Lines {
    fn along(shape: &Shape, axis: usize) -> Lines {
        Lines {
            n: shape.dims()[axis],
            stride: shape.dims()[axis + 1..].iter().product(),
            shape: shape.clone(),
        }
    }

    fn trailing(shape: &Shape, axis: usize) -> Lines {
        Lines {
            n: shape.dims()[axis..].iter().product(),
            stride: 1,
            shape: shape.clone(),
        }
    }

    fn count(&self) -> usize {
        self.shape.len() / self.n.max(1)
    }

    /// The flat index of element `i` of line `line`.
    fn element(&self, line: usize, i: usize) -> usize {
        let (outer, inner) = (line / self.stride, line % self.stride);
        (outer * self.n + i) * self.stride + inner
    }

    /// The line of a flat index.
    fn line_of(&self, element: usize) -> usize {
        let (rest, inner) = (element / self.stride, element % self.stride);
        rest / self.n * self.stride + inner
    }
}

/// Softmax over axis `axis` of `x`, appended to `b`; nodes are named after
/// `name`. The nodes between have `n - 1` times the elements of `x`, `n` the
/// length of the axis.
///
/// Errors when the axis does not exist.
pub fn softmax(b: &mut GraphBuilder, name: &str, x: NodeId, axis: usize) -> Result<NodeId, Error> {
    let (total, lines) = exponentials(b, "softmax", name, x, axis)?;
    let y = b.pointwise(format!("{name}/reciprocal"), Arc::new(Reciprocal), total)?;
    back(b, name, y, &lines)
}

/// Logarithm of the softmax over axis `axis` of `x`, as [`softmax`].
pub fn log_softmax(
    b: &mut GraphBuilder,
    name: &str,
    x: NodeId,
    axis: usize,
) -> Result<NodeId, Error> {
    let (total, lines) = exponentials(b, "log_softmax", name, x, axis)?;
    let y = b.pointwise(format!("{name}/log"), Arc::new(Log), total)?;
    let y = b.combine(format!("{name}/minus"), &[(Rational::from(-1), y)])?;
    back(b, name, y, &lines)
}

/// `(x - mean x) / √(mean (x - mean x)² + ε)` over the axes of `x` from `axis`
/// on, appended to `b`. Scale and bias are a linear map after it.
///
/// Errors when the axis does not exist.
pub fn layer_norm(
    b: &mut GraphBuilder,
    name: &str,
    x: NodeId,
    axis: usize,
    epsilon: &Rational,
) -> Result<NodeId, Error> {
    let lines = Lines::trailing(checked(b, "layer_norm", name, x, axis)?, axis);
    let mean = mean(b, &format!("{name}/mean"), x, &lines)?;
    let mean = spread(b, &format!("{name}/mean/spread"), mean, &lines)?;
    let one = Rational::from(1);
    let d = b.combine(format!("{name}/centred"), &[(one.clone(), x), (-one, mean)])?;
    scaled(b, name, d, &lines, epsilon)
}

/// `x / √(mean x² + ε)` over the axes of `x` from `axis` on, as [`layer_norm`].
pub fn rms_norm(
    b: &mut GraphBuilder,
    name: &str,
    x: NodeId,
    axis: usize,
    epsilon: &Rational,
) -> Result<NodeId, Error> {
    let lines = Lines::trailing(checked(b, "rms_norm", name, x, axis)?, axis);
    scaled(b, name, x, &lines, epsilon)
}

fn checked<'b>(
    b: &'b GraphBuilder,
    operator: &'static str,
    name: &str,
    x: NodeId,
    axis: usize,
) -> Result<&'b Shape, Error> {
    let shape = b.operand(name, 0, x)?;
    if axis < shape.dims().len() && !shape.dims().contains(&0) {
        return Ok(shape);
    }
    Err(Error::Operator {
        node: name.into(),
        source: ops::Error::Attribute {
            operator,
            attribute: "axis",
            value: axis.to_string(),
            expected: "an axis of the operand, which is not empty",
        },
    })
}

/// `1 + Σ_{j≠i} exp(x_j - x_i)`, line by line: element `line · n + i`.
fn exponentials(
    b: &mut GraphBuilder,
    operator: &'static str,
    name: &str,
    x: NodeId,
    axis: usize,
) -> Result<(NodeId, Lines), Error> {
    let lines = Lines::along(checked(b, operator, name, x, axis)?, axis);
    let (n, rows) = (lines.n, lines.shape.len());
    let one = || Rational::from(1);
    let ones = b.constant(
        format!("{name}/one"),
        Shape::new(&[rows]),
        vec![one(); rows],
    )?;
    if n == 1 {
        return Ok((ones, lines));
    }
    // row (line, i), column j without i
    let shape = Shape::new(&[1, rows, n - 1]);
    let (mut others, mut own) = (Vec::new(), Vec::new());
    for line in 0..lines.count() {
        for i in 0..n {
            for j in (0..n).filter(|&j| j != i) {
                others.push(lines.element(line, j));
                own.push(lines.element(line, i));
            }
        }
    }
    let others = gather(b, &format!("{name}/others"), x, shape.clone(), others)?;
    let own = gather(b, &format!("{name}/own"), x, shape, own)?;
    let d = b.combine(
        format!("{name}/difference"),
        &[(one(), others), (Rational::from(-1), own)],
    )?;
    let e = b.pointwise(format!("{name}/exp"), Arc::new(Exp), d)?;
    let sum = row_sums(b, &format!("{name}/sum"), e, rows, n - 1)?;
    let total = b.combine(format!("{name}/total"), &[(one(), sum), (one(), ones)])?;
    Ok((total, lines))
}

/// From order (line, i) to the operand's shape.
fn back(b: &mut GraphBuilder, name: &str, y: NodeId, lines: &Lines) -> Result<NodeId, Error> {
    let place = |e: usize| lines.line_of(e) * lines.n + e / lines.stride % lines.n;
    let index = (0..lines.shape.len()).map(place).collect();
    gather(b, name, y, lines.shape.clone(), index)
}

/// `d r`, `r = 1 / √(mean d² + ε)`.
fn scaled(
    b: &mut GraphBuilder,
    name: &str,
    d: NodeId,
    lines: &Lines,
    epsilon: &Rational,
) -> Result<NodeId, Error> {
    let square: Arc<dyn Pointwise> = Arc::new(Square);
    let squares = b.pointwise(format!("{name}/square"), square, d)?;
    let variance = mean(b, &format!("{name}/variance"), squares, lines)?;
    let count = b.shape(variance).len();
    let epsilons = b.constant(
        format!("{name}/epsilon"),
        Shape::new(&[count]),
        vec![epsilon.clone(); count],
    )?;
    let one = || Rational::from(1);
    let sum = b.combine(
        format!("{name}/variance+epsilon"),
        &[(one(), variance), (one(), epsilons)],
    )?;
    let r = b.pointwise(format!("{name}/rsqrt"), Arc::new(Rsqrt), sum)?;
    let r = spread(b, &format!("{name}/rsqrt/spread"), r, lines)?;
    b.product(name, Product::elementwise(lines.shape.clone()), d, r)
}

/// Means of the lines, shape (lines).
fn mean(b: &mut GraphBuilder, name: &str, x: NodeId, lines: &Lines) -> Result<NodeId, Error> {
    let (count, n) = (lines.count(), lines.n);
    let elements = (0..count).flat_map(|line| (0..n).map(move |i| (line, i)));
    let index = elements.map(|(line, i)| lines.element(line, i)).collect();
    let shape = Shape::new(&[1, count, n]);
    let rows = gather(b, &format!("{name}/rows"), x, shape, index)?;
    let sum = row_sums(b, &format!("{name}/sum"), rows, count, n)?;
    b.combine(name, &[(Rational::from((1, n as u64)), sum)])
}

/// One value per line to all its elements.
fn spread(b: &mut GraphBuilder, name: &str, x: NodeId, lines: &Lines) -> Result<NodeId, Error> {
    let index = (0..lines.shape.len()).map(|e| lines.line_of(e)).collect();
    gather(b, name, x, lines.shape.clone(), index)
}

/// Sums of the rows of a (1, rows, n) node, shape (rows).
fn row_sums(
    b: &mut GraphBuilder,
    name: &str,
    x: NodeId,
    rows: usize,
    n: usize,
) -> Result<NodeId, Error> {
    let operator = |source| Error::Operator {
        node: name.into(),
        source,
    };
    let geometry = Geometry::new(
        "sum_pool",
        1,
        [rows, n],
        1,
        [1, n],
        [1, n],
        [0; 4],
        [1, 1],
        1,
    )
    .map_err(operator)?;
    let pool = SumPool::new(geometry).map_err(operator)?;
    let sums = b.linear(format!("{name}/window"), Arc::new(pool), x)?;
    gather(b, name, sums, Shape::new(&[rows]), (0..rows).collect())
}

fn gather(
    b: &mut GraphBuilder,
    name: &str,
    x: NodeId,
    shape: Shape,
    index: Vec<usize>,
) -> Result<NodeId, Error> {
    let index = index.into_iter().map(|i| Some(i as u32)).collect();
    let map = Gather::new(b.shape(x).clone(), shape, index).map_err(|source| Error::Operator {
        node: name.into(),
        source,
    })?;
    b.linear(name, Arc::new(map), x)
}
