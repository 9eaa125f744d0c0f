//! Right-hand sides as data: one definition from which binary64 values, Jacobians,
//! MPFR enclosures of the flow and Rust source text are all derived.
//!
//! A [`System`] is a list of nodes in topological order, each an expression in
//! time, state and earlier nodes. Constants are binary64 numbers, taken exactly, so
//! that a solver and its certified reference speak of the same equation.

use std::fmt::Write as _;

/// The index of a node in a [`System`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Term(pub(crate) usize);

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    Constant(f64),
    Time,
    State(usize),
    Sum(Vec<(f64, usize)>),
    Product(usize, usize),
    Sin(usize),
    Cos(usize),
    Exp(usize),
    Power(usize, f64),
    /// `before` while `t < at`, `after` from there on.
    Switch {
        at: f64,
        before: usize,
        after: usize,
    },
}

/// The equation `y' = f(t, y)`.
#[derive(Clone, Debug, PartialEq)]
pub struct System {
    pub(crate) dimension: usize,
    pub(crate) nodes: Vec<Node>,
    pub(crate) derivative: Vec<usize>,
}

/// Builds a [`System`] node by node.
///
/// ```
/// use dahlquist::ode::SystemBuilder;
/// // y' = y (1 - y)
/// let mut s = SystemBuilder::new(1);
/// let y = s.state(0);
/// let square = s.product(y, y);
/// let rhs = s.sum(&[(1.0, y), (-1.0, square)]);
/// let logistic = s.finish(&[rhs]);
/// let mut dy = [0.0];
/// logistic.eval(0.0, &[0.5], &mut dy);
/// assert_eq!(dy, [0.25]);
/// ```
#[derive(Clone, Debug)]
pub struct SystemBuilder {
    dimension: usize,
    nodes: Vec<Node>,
}

impl SystemBuilder {
    /// No nodes yet; the state has `dimension` components.
    pub fn new(dimension: usize) -> Self {
        let nodes = Vec::new();
        Self { dimension, nodes }
    }

    fn push(&mut self, node: Node) -> Term {
        self.nodes.push(node);
        Term(self.nodes.len() - 1)
    }

    /// A constant.
    pub fn constant(&mut self, value: f64) -> Term {
        self.push(Node::Constant(value))
    }

    /// The time `t`.
    pub fn time(&mut self) -> Term {
        self.push(Node::Time)
    }

    /// The component `y[i]`; `i` must be below the dimension.
    pub fn state(&mut self, i: usize) -> Term {
        assert!(i < self.dimension, "component {i} of {}", self.dimension);
        self.push(Node::State(i))
    }

    /// The linear combination `Σ c x`.
    pub fn sum(&mut self, terms: &[(f64, Term)]) -> Term {
        self.push(Node::Sum(terms.iter().map(|&(c, x)| (c, x.0)).collect()))
    }

    /// `a b`.
    pub fn product(&mut self, a: Term, b: Term) -> Term {
        self.push(Node::Product(a.0, b.0))
    }

    /// `sin a`.
    pub fn sin(&mut self, a: Term) -> Term {
        self.push(Node::Sin(a.0))
    }

    /// `cos a`.
    pub fn cos(&mut self, a: Term) -> Term {
        self.push(Node::Cos(a.0))
    }

    /// `exp a`.
    pub fn exp(&mut self, a: Term) -> Term {
        self.push(Node::Exp(a.0))
    }

    /// `a^p` for positive `a`.
    pub fn power(&mut self, a: Term, p: f64) -> Term {
        self.push(Node::Power(a.0, p))
    }

    /// `before` while `t < at`, `after` from there on.
    pub fn switch(&mut self, at: f64, before: Term, after: Term) -> Term {
        let (before, after) = (before.0, after.0);
        self.push(Node::Switch { at, before, after })
    }

    /// The system whose derivative of component `i` is `derivative[i]`.
    pub fn finish(self, derivative: &[Term]) -> System {
        assert_eq!(derivative.len(), self.dimension, "one term per component");
        System {
            dimension: self.dimension,
            nodes: self.nodes,
            derivative: derivative.iter().map(|t| t.0).collect(),
        }
    }
}

impl System {
    /// The number of components.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// `f(t, y)` in binary64, rounded as written: an estimate, like any
    /// right-hand side a solver is given.
    pub fn eval(&self, t: f64, y: &[f64], dy: &mut [f64]) {
        let v = self.values(t, y);
        for (d, &i) in dy.iter_mut().zip(&self.derivative) {
            *d = v[i];
        }
    }

    fn values(&self, t: f64, y: &[f64]) -> Vec<f64> {
        let mut v: Vec<f64> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            v.push(match node {
                Node::Constant(c) => *c,
                Node::Time => t,
                Node::State(i) => y[*i],
                Node::Sum(terms) => terms.iter().map(|&(c, i)| c * v[i]).sum(),
                Node::Product(a, b) => v[*a] * v[*b],
                Node::Sin(a) => v[*a].sin(),
                Node::Cos(a) => v[*a].cos(),
                Node::Exp(a) => v[*a].exp(),
                Node::Power(a, p) => v[*a].powf(*p),
                Node::Switch { at, before, after } => v[if t < *at { *before } else { *after }],
            });
        }
        v
    }

    /// The Jacobian `∂f_i/∂y_j` at `(t, y)` in binary64, row-major into `jac` of
    /// length `n²`.
    pub fn jacobian(&self, t: f64, y: &[f64], jac: &mut [f64]) {
        let n = self.dimension;
        let mut column = vec![0.0; n];
        let mut unit = vec![0.0; n];
        for j in 0..n {
            unit[j] = 1.0;
            self.jacobian_times(t, y, &unit, &mut column);
            unit[j] = 0.0;
            for i in 0..n {
                jac[i * n + j] = column[i];
            }
        }
    }

    /// The product of the Jacobian with the vector `x`.
    pub fn jacobian_times(&self, t: f64, y: &[f64], x: &[f64], out: &mut [f64]) {
        let v = self.values(t, y);
        let mut d: Vec<f64> = Vec::with_capacity(v.len());
        for node in &self.nodes {
            d.push(match node {
                Node::Constant(_) | Node::Time => 0.0,
                Node::State(i) => x[*i],
                Node::Sum(terms) => terms.iter().map(|&(c, i)| c * d[i]).sum(),
                Node::Product(a, b) => d[*a] * v[*b] + v[*a] * d[*b],
                Node::Sin(a) => v[*a].cos() * d[*a],
                Node::Cos(a) => -v[*a].sin() * d[*a],
                Node::Exp(a) => v[*a].exp() * d[*a],
                Node::Power(a, p) => p * v[*a].powf(p - 1.0) * d[*a],
                Node::Switch { at, before, after } => d[if t < *at { *before } else { *after }],
            });
        }
        for (o, &i) in out.iter_mut().zip(&self.derivative) {
            *o = d[i];
        }
    }

    /// The times at which the right-hand side jumps, ascending.
    pub fn switches(&self) -> Vec<f64> {
        let mut found: Vec<f64> = self
            .nodes
            .iter()
            .filter_map(|n| match n {
                Node::Switch { at, .. } => Some(*at),
                _ => None,
            })
            .collect();
        found.sort_by(f64::total_cmp);
        found.dedup();
        found
    }

    /// The system whose component `i` is component `order[i]` of this one.
    pub fn permuted(&self, order: &[usize]) -> System {
        let mut place = vec![0; self.dimension];
        for (new, &old) in order.iter().enumerate() {
            place[old] = new;
        }
        let mut out = self.clone();
        for node in &mut out.nodes {
            if let Node::State(i) = node {
                *i = place[*i];
            }
        }
        out.derivative = order.iter().map(|&old| self.derivative[old]).collect();
        out
    }

    /// The system of `z(t) = y(t + shift)`: time runs from `-shift`.
    pub fn shifted(&self, shift: f64) -> System {
        let mut b = SystemBuilder::new(self.dimension);
        let map = self.copy_into(&mut b, |b| {
            let (t, s) = (b.time(), b.constant(shift));
            b.sum(&[(1.0, t), (1.0, s)])
        });
        for node in &mut b.nodes {
            if let Node::Switch { at, .. } = node {
                *at -= shift;
            }
        }
        let out: Vec<Term> = self.derivative.iter().map(|&i| map[i]).collect();
        b.finish(&out)
    }

    /// The system of `z(t) = scale y(t) + offset`, component by component; exact
    /// where `scale` is a power of two and the sums are.
    pub fn affine(&self, scale: f64, offset: &[f64]) -> System {
        let mut b = SystemBuilder::new(self.dimension);
        let states: Vec<Term> = (0..self.dimension)
            .map(|i| {
                let z = b.state(i);
                let o = b.constant(offset[i]);
                b.sum(&[(1.0 / scale, z), (-1.0 / scale, o)])
            })
            .collect();
        let mut map: Vec<Term> = Vec::new();
        for node in &self.nodes {
            let term = match node {
                Node::State(i) => states[*i],
                other => b.push(remap(other, &map)),
            };
            map.push(term);
        }
        let out: Vec<Term> = self
            .derivative
            .iter()
            .map(|&i| b.sum(&[(scale, map[i])]))
            .collect();
        b.finish(&out)
    }

    fn copy_into(
        &self,
        b: &mut SystemBuilder,
        time: impl Fn(&mut SystemBuilder) -> Term,
    ) -> Vec<Term> {
        let mut map: Vec<Term> = Vec::new();
        for node in &self.nodes {
            let term = match node {
                Node::Time => time(b),
                other => b.push(remap(other, &map)),
            };
            map.push(term);
        }
        map
    }

    /// The body of a Rust function `fn f(t: f64, y: &[f64], dy: &mut [f64])`.
    pub fn to_rust(&self) -> String {
        let mut text = String::new();
        if let Some(rule) = self.uniform_rule() {
            let _ = writeln!(
                text,
                "    for i in 0..{} {{\n        dy[i] = {rule};\n    }}",
                self.dimension
            );
            return text;
        }
        for (i, &d) in self.derivative.iter().enumerate() {
            let _ = writeln!(text, "    dy[{i}] = {};", strip(&self.expression(d)));
        }
        text
    }

    /// `y[i]' = c y[i]` for all of many components, as one line.
    fn uniform_rule(&self) -> Option<String> {
        if self.dimension < 9 {
            return None;
        }
        let text = |i: usize| {
            strip(&self.expression(self.derivative[i])).replace(&format!("y[{i}]"), "y[i]")
        };
        let first = text(0);
        (1..self.dimension)
            .all(|i| text(i) == first)
            .then_some(first)
    }

    fn expression(&self, i: usize) -> String {
        match &self.nodes[i] {
            Node::Constant(c) => format!("{c:?}"),
            Node::Time => "t".into(),
            Node::State(i) => format!("y[{i}]"),
            Node::Sum(terms) if terms.is_empty() => "0.0".into(),
            Node::Sum(terms) => {
                let mut text = String::new();
                for (k, &(c, x)) in terms.iter().enumerate() {
                    let sign = match (k, c < 0.0) {
                        (0, false) => "",
                        (0, true) => "-",
                        (_, false) => " + ",
                        (_, true) => " - ",
                    };
                    text += sign;
                    if c.abs() != 1.0 {
                        let _ = write!(text, "{:?} * ", c.abs());
                    }
                    text += &self.expression(x);
                }
                format!("({text})")
            }
            Node::Product(a, b) => format!("{} * {}", self.expression(*a), self.expression(*b)),
            Node::Sin(a) => format!("f64::sin({})", strip(&self.expression(*a))),
            Node::Cos(a) => format!("f64::cos({})", strip(&self.expression(*a))),
            Node::Exp(a) => format!("f64::exp({})", strip(&self.expression(*a))),
            Node::Power(a, p) => format!("f64::powf({}, {p:?})", strip(&self.expression(*a))),
            Node::Switch { at, before, after } => format!(
                "(if t < {at:?} {{ {} }} else {{ {} }})",
                strip(&self.expression(*before)),
                strip(&self.expression(*after))
            ),
        }
    }
}

/// A node with its operands renumbered.
fn remap(node: &Node, map: &[Term]) -> Node {
    let to = |i: &usize| map[*i].0;
    match node {
        Node::Constant(_) | Node::Time | Node::State(_) => node.clone(),
        Node::Sum(terms) => Node::Sum(terms.iter().map(|(c, i)| (*c, to(i))).collect()),
        Node::Product(a, b) => Node::Product(to(a), to(b)),
        Node::Sin(a) => Node::Sin(to(a)),
        Node::Cos(a) => Node::Cos(to(a)),
        Node::Exp(a) => Node::Exp(to(a)),
        Node::Power(a, p) => Node::Power(to(a), *p),
        Node::Switch { at, before, after } => Node::Switch {
            at: *at,
            before: to(before),
            after: to(after),
        },
    }
}

/// Without one pair of outer parentheses.
fn strip(text: &str) -> String {
    let inner = text.strip_prefix('(').and_then(|s| s.strip_suffix(')'));
    let balanced = |s: &str| {
        let mut depth = 0i32;
        s.chars().all(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            depth >= 0
        })
    };
    match inner {
        Some(s) if balanced(s) => s.into(),
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn van_der_pol() -> System {
        let mut s = SystemBuilder::new(2);
        let (x, v) = (s.state(0), s.state(1));
        let xx = s.product(x, x);
        let xxv = s.product(xx, v);
        let dv = s.sum(&[(2.0, v), (-2.0, xxv), (-1.0, x)]);
        s.finish(&[v, dv])
    }

    #[test]
    fn text_is_rust() {
        assert_eq!(
            van_der_pol().to_rust(),
            "    dy[0] = y[1];\n    dy[1] = 2.0 * y[1] - 2.0 * y[0] * y[0] * y[1] - y[0];\n"
        );
    }

    #[test]
    fn jacobian_by_differences() {
        let s = van_der_pol();
        let (y, h) = ([0.5, -1.25], 2f64.powi(-20));
        let mut j = [0.0; 4];
        s.jacobian(0.0, &y, &mut j);
        for c in 0..2 {
            let (mut up, mut down) = ([0.0; 2], [0.0; 2]);
            let (mut a, mut b) = (y, y);
            a[c] += h;
            b[c] -= h;
            s.eval(0.0, &a, &mut up);
            s.eval(0.0, &b, &mut down);
            for r in 0..2 {
                assert!(((up[r] - down[r]) / (2.0 * h) - j[2 * r + c]).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn permutation_and_affine() {
        let s = van_der_pol();
        let (mut d, mut e) = ([0.0; 2], [0.0; 2]);
        s.eval(0.0, &[0.5, -1.25], &mut d);
        s.permuted(&[1, 0]).eval(0.0, &[-1.25, 0.5], &mut e);
        assert_eq!([e[1], e[0]], d);
        s.affine(4.0, &[1.0, 2.0])
            .eval(0.0, &[4.0 * 0.5 + 1.0, -5.0 + 2.0], &mut e);
        assert_eq!(e, [4.0 * d[0], 4.0 * d[1]]);
    }
}
