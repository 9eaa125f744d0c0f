//! Boxes of node values on the grid, and one interval step of each kind.

use rug::Integer;
use rug::ops::DivRounding;

use super::grid::{self, Dyadic, GRID};
use super::rejection::Rejection;
use crate::exact::Rational;
use crate::ops::{LinearMap, Pointwise};

/// A box that contains a node's value for every input of the set.
#[derive(Clone, Debug)]
pub(super) struct NodeBox {
    pub lo: Vec<Integer>,
    pub hi: Vec<Integer>,
    /// `max(|lo|, |hi|)`
    pub magnitude: Vec<Integer>,
}

impl NodeBox {
    pub fn new(lo: Vec<Integer>, hi: Vec<Integer>) -> NodeBox {
        let magnitude = lo
            .iter()
            .zip(&hi)
            .map(|(l, h)| Integer::from(l.abs_ref()).max(Integer::from(h.abs_ref())))
            .collect();
        NodeBox { lo, hi, magnitude }
    }

    /// Refuses boxes beyond the size limit.
    pub fn check_size(&self, place: &str) -> Result<(), Rejection> {
        match self.magnitude.iter().position(|m| !grid::fits(m)) {
            None => Ok(()),
            Some(i) => Err(Rejection::TooLarge {
                place: format!("{place}, element {i}"),
            }),
        }
    }

    /// The minimum of `coefficients · x` over the box, in units of `2^-2·GRID`.
    pub fn minimum(&self, coefficients: &[Integer]) -> Integer {
        let mut sum = Integer::new();
        for ((c, l), h) in coefficients.iter().zip(&self.lo).zip(&self.hi) {
            sum += c * if c.is_negative() { h } else { l };
        }
        sum
    }

    /// Exact constants, rounded outward.
    pub fn constant(values: &[Rational]) -> NodeBox {
        NodeBox::new(
            values.iter().map(|v| grid::floor_rational(v).0).collect(),
            values.iter().map(grid::ceil_rational).collect(),
        )
    }

    /// `A x + b`.
    pub fn linear(&self, map: &Rows<'_>) -> NodeBox {
        let n = map.outputs();
        let (mut lo, mut hi) = (Vec::with_capacity(n), Vec::with_capacity(n));
        let mut row = Vec::new();
        for o in 0..n {
            map.row(o, &mut row);
            let (mut l, mut h) = (Integer::new(), Integer::new());
            for (i, w) in &row {
                let (below, above) = match w.is_negative() {
                    true => (&self.hi[*i], &self.lo[*i]),
                    false => (&self.lo[*i], &self.hi[*i]),
                };
                w.add_product(&mut l, below);
                w.add_product(&mut h, above);
            }
            let (mut l, mut h) = (
                grid::shift_floor(l, map.exponent).0,
                grid::shift_ceil(h, map.exponent),
            );
            if let Some(u) = map.uncertainty {
                let mut sum = Integer::new();
                for (i, w) in &row {
                    w.add_absolute_product(&mut sum, &self.magnitude[*i]);
                }
                let spread = grid::shift_ceil(sum * u.m, map.exponent + u.e);
                l -= &spread;
                h += spread;
            }
            let bias = map.bias(o);
            lo.push(l + &bias);
            hi.push(h + bias);
        }
        NodeBox::new(lo, hi)
    }

    /// `φ(x_i)`; `None` where an image is not bounded.
    pub fn pointwise(&self, f: &dyn Pointwise) -> Option<NodeBox> {
        let image = |(l, h)| grid::from_mp(&f.oracle(&grid::to_mp(l, h)?));
        let ends: Option<Vec<_>> = self.lo.iter().zip(&self.hi).map(image).collect();
        let (lo, hi) = ends?.into_iter().unzip();
        Some(NodeBox::new(lo, hi))
    }

    /// `Σ c_k x_k`.
    pub fn combine(coefficients: &[Rational], xs: &[&NodeBox]) -> NodeBox {
        let n = xs.first().map_or(0, |x| x.lo.len());
        let (mut lo, mut hi) = (vec![Integer::new(); n], vec![Integer::new(); n]);
        for (c, x) in coefficients.iter().zip(xs) {
            let (p, q) = (c.numer(), c.denom());
            let (below, above) = match *c < 0 {
                true => (&x.hi, &x.lo),
                false => (&x.lo, &x.hi),
            };
            for i in 0..n {
                lo[i] += Integer::from(&below[i] * p).div_floor(q);
                hi[i] += Integer::from(&above[i] * p).div_ceil(q);
            }
        }
        NodeBox::new(lo, hi)
    }
}

/// The rows of a linear map as integers times one power of two.
pub(super) struct Rows<'a> {
    map: &'a dyn LinearMap,
    /// every coefficient is a multiple of `2^exponent`
    pub exponent: i32,
    /// `None` for zero
    pub uncertainty: Option<Dyadic>,
}

/// An integer coefficient; nearly all fit a machine word.
pub(super) enum Weight {
    Small(i64),
    Large(Integer),
}

impl Weight {
    fn is_negative(&self) -> bool {
        match self {
            Weight::Small(w) => *w < 0,
            Weight::Large(w) => w.is_negative(),
        }
    }

    /// `sum += w x`
    pub fn add_product(&self, sum: &mut Integer, x: &Integer) {
        match self {
            Weight::Small(w) => *sum += x * *w,
            Weight::Large(w) => *sum += x * w,
        }
    }

    /// `sum += |w| x`
    pub fn add_absolute_product(&self, sum: &mut Integer, x: &Integer) {
        match self {
            Weight::Small(w) => *sum += x * w.unsigned_abs(),
            Weight::Large(w) => *sum += x * Integer::from(w.abs_ref()),
        }
    }
}

impl<'a> Rows<'a> {
    /// Reads the whole map once for its least exponent. Errors when a
    /// coefficient, a bias or the uncertainty is not finite.
    pub fn new(map: &'a dyn LinearMap, place: &str) -> Result<Rows<'a>, Rejection> {
        let mut least = i32::MAX;
        let mut finite = true;
        for o in 0..map.output().len() {
            finite &= map.bias(o).is_finite();
            map.row(o, &mut |_, w| match Dyadic::new(f64::from(w)) {
                Some(Dyadic { m: 0, .. }) => {}
                Some(Dyadic { e, .. }) => least = least.min(e),
                None => finite = false,
            });
        }
        let uncertainty = map.uncertainty();
        match Dyadic::new(uncertainty) {
            Some(u) if finite && u.m >= 0 => Ok(Rows {
                map,
                exponent: if least == i32::MAX { 0 } else { least },
                uncertainty: (u.m > 0).then_some(u),
            }),
            _ => Err(Rejection::TooLarge {
                place: format!("{place}, weights"),
            }),
        }
    }

    /// Number of rows.
    pub fn outputs(&self) -> usize {
        self.map.output().len()
    }

    /// Number of columns.
    pub fn inputs(&self) -> usize {
        self.map.input().len()
    }

    /// The non-zero coefficients of row `o`, in units of `2^exponent`.
    pub fn row(&self, o: usize, row: &mut Vec<(usize, Weight)>) {
        row.clear();
        self.map.row(o, &mut |i, w| {
            let Some(d) = Dyadic::new(f64::from(w)) else {
                return; // `new` refused maps with such a coefficient
            };
            if d.m == 0 {
                return;
            }
            let shift = (d.e - self.exponent).unsigned_abs();
            // |m| < 2^24
            let weight = if shift < 39 {
                Weight::Small(d.m << shift)
            } else {
                Weight::Large(Integer::from(d.m) << shift)
            };
            row.push((i, weight));
        });
    }

    /// The additive term of row `o` on the grid, exactly: a binary32 number is
    /// a multiple of `2^-149`.
    pub fn bias(&self, o: usize) -> Integer {
        let bias = Dyadic::new(f64::from(self.map.bias(o))).unwrap_or(Dyadic { m: 0, e: 0 });
        grid::floor(bias, GRID)
    }
}
