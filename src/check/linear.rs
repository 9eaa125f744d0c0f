//! Lower bounds of linear functionals of a node by one backward pass.
//!
//! A functional of a node's value `y` is `λ · y + C`, with `λ` on the grid and
//! `C` in units of `2^-2·GRID`. Each rule replaces it by a functional of the
//! operands that is nowhere larger on the input set:
//!
//! - linear, combine: the exact coefficients `λ'` are rounded down to the grid;
//!   `0 <= λ'_i − ⌊λ'_i⌋ < 2^-GRID`, so that `C` falls by `|x_i|_max` units for
//!   each coefficient that was not exact.
//! - pointwise: `φ(t) >= s t + r` below, `<= s t + r` above, by the sign of `λ_i`.
//!
//! Many functionals of one node travel together.

use rug::Integer;

use super::boxes::{NodeBox, Rows};
use super::grid::{self, Dyadic, GRID};
use super::rejection::Rejection;
use crate::exact::Rational;
use crate::graph::{Backward, Graph, NodeId, Op};
use crate::ops::{LinearMap, Pointwise, Product};

/// Lines below and above `φ` on the claimed box of one neuron.
#[derive(Clone, Debug)]
pub(super) struct Relaxation {
    pub lower: (Dyadic, Integer),
    pub upper: (Dyadic, Integer),
}

/// Coefficients of several functionals of one node, row-major.
#[derive(Clone)]
pub(super) struct Functionals {
    rows: usize,
    columns: usize,
    data: Vec<Integer>,
}

impl Functionals {
    /// Zero functionals.
    pub fn zero(rows: usize, columns: usize) -> Functionals {
        Functionals {
            rows,
            columns,
            data: vec![Integer::new(); rows * columns],
        }
    }

    /// The coefficients of functional `k`.
    pub fn row(&self, k: usize) -> &[Integer] {
        &self.data[k * self.columns..(k + 1) * self.columns]
    }

    /// Adds others, one by one.
    pub fn add(&mut self, other: &Functionals) {
        self.data
            .iter_mut()
            .zip(&other.data)
            .for_each(|(a, b)| *a += b);
    }

    /// The coefficients of functional `k`.
    pub fn row_mut(&mut self, k: usize) -> &mut [Integer] {
        &mut self.data[k * self.columns..(k + 1) * self.columns]
    }
}

/// What a pass needs of the graph and of what was proved before.
pub(super) struct LinearPass<'a> {
    pub graph: &'a Graph,
    /// proved boxes, by node; those of all nodes before the start are there
    pub boxes: &'a [NodeBox],
    /// by pointwise node, likewise
    pub relaxations: &'a [Vec<Relaxation>],
    /// the accumulator of constants, one per functional, units of `2^-2·GRID`
    pub constant: Vec<Integer>,
    /// the first failure; everything after it is meaningless
    pub failure: Option<Rejection>,
}

impl<'a> LinearPass<'a> {
    fn fail(&mut self, node: NodeId) {
        if self.failure.is_none() {
            let place = format!("functional of node {}", self.graph.node(node).name);
            self.failure = Some(Rejection::TooLarge { place });
        }
    }

    /// `|x|_max` of a node, whose box was proved before.
    fn magnitude(&mut self, node: NodeId, columns: usize) -> &'a [Integer] {
        let boxes = self.boxes;
        let magnitude = &boxes[node.index()].magnitude;
        if magnitude.len() != columns {
            self.fail(node);
        }
        magnitude
    }

    fn bounded(&mut self, node: NodeId, x: Functionals) -> Functionals {
        if x.data.iter().all(grid::fits) {
            return x;
        }
        self.fail(node);
        Functionals::zero(x.rows, x.columns)
    }
}

impl Backward for LinearPass<'_> {
    type Cotangent = Functionals;

    fn constant(&mut self, _node: NodeId, values: &[Rational], y: Functionals) {
        let value = NodeBox::constant(values);
        for k in 0..y.rows {
            self.constant[k] += value.minimum(y.row(k));
        }
    }

    fn linear(
        &mut self,
        node: NodeId,
        input: NodeId,
        map: &dyn LinearMap,
        y: Functionals,
    ) -> Functionals {
        let map = match Rows::new(map, &self.graph.node(node).name) {
            Ok(map) => map,
            Err(rejection) => {
                self.failure.get_or_insert(rejection);
                return Functionals::zero(y.rows, map.input().len());
            }
        };
        let magnitude = self.magnitude(input, map.inputs());
        let mut x = Functionals::zero(y.rows, map.inputs());
        let mut absolute = map
            .uncertainty
            .map(|_| Functionals::zero(y.rows, map.inputs()));
        let mut row = Vec::new();
        for o in 0..map.outputs() {
            map.row(o, &mut row);
            let bias = map.bias(o);
            for k in 0..y.rows {
                let c = &y.row(k)[o];
                if c.is_zero() {
                    continue;
                }
                let to = x.row_mut(k);
                for (i, w) in &row {
                    w.add_product(&mut to[*i], c);
                }
                self.constant[k] += c * &bias;
                if let Some(absolute) = &mut absolute {
                    let (c, to) = (Integer::from(c.abs_ref()), absolute.row_mut(k));
                    for (i, w) in &row {
                        w.add_absolute_product(&mut to[*i], &c);
                    }
                }
            }
        }
        for k in 0..y.rows {
            for (c, m) in x.row_mut(k).iter_mut().zip(magnitude) {
                let (floor, exact) = grid::shift_floor(std::mem::take(c), map.exponent);
                *c = floor;
                if !exact {
                    self.constant[k] -= m;
                }
            }
        }
        if let (Some(absolute), Some(u)) = (&mut absolute, map.uncertainty) {
            // |λ' − λ'_true| <= u Σ |λ_o w_oi|
            for k in 0..y.rows {
                for (c, m) in absolute.row_mut(k).iter_mut().zip(magnitude) {
                    let spread = grid::shift_ceil(std::mem::take(c) * u.m, map.exponent + u.e);
                    self.constant[k] -= spread * m;
                }
            }
        }
        self.bounded(node, x)
    }

    fn pointwise(
        &mut self,
        node: NodeId,
        input: NodeId,
        _f: &dyn Pointwise,
        mut y: Functionals,
    ) -> Functionals {
        let magnitude = self.magnitude(input, y.columns);
        let relaxations = &self.relaxations[node.index()];
        if relaxations.len() != y.columns {
            self.fail(node);
        }
        for k in 0..y.rows {
            let constant = &mut self.constant[k];
            for ((c, relaxation), m) in y.row_mut(k).iter_mut().zip(relaxations).zip(magnitude) {
                if c.is_zero() {
                    continue;
                }
                let (slope, intercept) = match c.is_negative() {
                    true => &relaxation.upper,
                    false => &relaxation.lower,
                };
                *constant += &*c * intercept;
                let (floor, exact) = grid::shift_floor(std::mem::take(c) * slope.m, slope.e);
                *c = floor;
                if !exact {
                    *constant -= m;
                }
            }
        }
        self.bounded(node, y)
    }

    fn combine(
        &mut self,
        node: NodeId,
        input: NodeId,
        c: &Rational,
        y: &Functionals,
    ) -> Functionals {
        let magnitude = self.magnitude(input, y.columns);
        let (p, q) = (c.numer(), c.denom());
        let mut x = Functionals::zero(y.rows, y.columns);
        for k in 0..y.rows {
            for ((to, from), m) in x.row_mut(k).iter_mut().zip(y.row(k)).zip(magnitude) {
                if from.is_zero() {
                    continue;
                }
                *to = Integer::from(from * p);
                if *q != 1 {
                    let (floor, rest) = std::mem::take(to).div_rem_floor(q.clone());
                    *to = floor;
                    if !rest.is_zero() {
                        self.constant[k] -= m;
                    }
                }
            }
        }
        self.bounded(node, x)
    }

    /// No certificate reaches this: the forward step refuses products.
    fn product(
        &mut self,
        node: NodeId,
        _: [NodeId; 2],
        p: &Product,
        y: Functionals,
    ) -> [Functionals; 2] {
        self.fail(node);
        p.operands().map(|x| Functionals::zero(y.rows, x.len()))
    }

    fn merge(&mut self, _node: NodeId, mut a: Functionals, b: Functionals) -> Functionals {
        for (a, b) in a.data.iter_mut().zip(b.data) {
            *a += b;
        }
        a
    }
}

/// The widest node among those that `start` depends on, in elements: what one
/// functional costs in memory.
pub(super) fn width(graph: &Graph, start: NodeId) -> usize {
    let nodes = graph.ancestors(start);
    graph
        .nodes()
        .iter()
        .zip(nodes)
        .filter(|(node, needed)| *needed && !matches!(node.op, Op::Constant(_)))
        .map(|(node, _)| node.shape.len())
        .max()
        .unwrap_or(1)
        .max(1)
}

/// The number of functionals that travel together: bounded memory.
pub(super) fn batch(width: usize) -> usize {
    ((1 << 20) / width).clamp(1, 512)
}

/// A row of rational coefficients on the grid, rounded down, and the loss
/// `Σ |y_i|_max` over the inexact ones, to subtract in units of `2^-2·GRID`.
pub(super) fn seed(coefficients: &[Rational], y: &NodeBox) -> (Vec<Integer>, Integer) {
    let mut loss = Integer::new();
    let mut row = Vec::with_capacity(coefficients.len());
    for (c, m) in coefficients.iter().zip(&y.magnitude) {
        let (floor, exact) = grid::floor_rational(c);
        if !exact {
            loss += m;
        }
        row.push(floor);
    }
    (row, loss)
}

/// One on the grid.
pub(super) fn one() -> Integer {
    Integer::from(1) << GRID
}
