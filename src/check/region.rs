//! The input set on the grid, and the minimum of linear functionals over it.

use rug::Integer;

use super::boxes::NodeBox;
use super::grid::{self, Dyadic};
use super::rejection::Rejection;
use crate::certificate::schema::{self, Norm};
use crate::exact::Rational;

/// An input set: its bounding box, and for ℓ₂ and ℓ₁ balls the ball itself.
pub(super) struct InputSet {
    pub bounds: NodeBox,
    ball: Option<Ball>,
}

struct Ball {
    norm: Norm,
    /// the centre, rounded down and up
    center: (Vec<Integer>, Vec<Integer>),
    /// the radius, rounded up
    eps: Integer,
}

fn region(what: &'static str, coordinate: usize) -> Rejection {
    Rejection::Region { what, coordinate }
}

impl InputSet {
    /// The set with `n` coordinates.
    pub fn new(claim: &schema::Region, n: usize) -> Result<InputSet, Rejection> {
        let length = |what: &str, found: usize| {
            if found == n {
                return Ok(());
            }
            Err(Rejection::Length {
                place: format!("region {what}"),
                found: found as u64,
                expected: n as u64,
            })
        };
        let (mut lo, mut hi) = (Vec::with_capacity(n), Vec::with_capacity(n));
        let mut push = |i: usize, l: &Rational, h: &Rational| {
            if l > h {
                return Err(region("no point is left", i));
            }
            lo.push(grid::floor_rational(l).0);
            hi.push(grid::ceil_rational(h));
            Ok(())
        };
        let mut dual = None;
        match claim {
            schema::Region::Box(b) => {
                length("lo", b.lo.len())?;
                length("hi", b.hi.len())?;
                for (i, (l, h)) in b.lo.iter().zip(&b.hi).enumerate() {
                    push(i, &l.0, &h.0)?;
                }
            }
            schema::Region::Ball(b) => {
                length("center", b.center.len())?;
                let eps = &b.eps.0;
                if *eps < 0 {
                    return Err(region("the radius is negative", 0));
                }
                for (i, c) in b.center.iter().enumerate() {
                    let c = Rational::from_f64(c.get())
                        .ok_or_else(|| region("the centre is not finite", i))?;
                    let (mut l, mut h) = (Rational::from(&c - eps), c + eps);
                    if let Some([least, most]) = &b.clip {
                        l = l.max(least.0.clone());
                        h = h.min(most.0.clone());
                    }
                    push(i, &l, &h)?;
                }
                if b.norm != Norm::Linf {
                    let parts = b.center.iter().map(|c| Dyadic::new(c.get()));
                    let parts: Vec<Dyadic> = parts
                        .collect::<Option<_>>()
                        .ok_or_else(|| region("the centre is not finite", 0))?;
                    dual = Some(Ball {
                        norm: b.norm,
                        center: (
                            parts.iter().map(|&c| grid::floor(c, grid::GRID)).collect(),
                            parts.iter().map(|&c| grid::ceil(c, grid::GRID)).collect(),
                        ),
                        eps: grid::ceil_rational(eps),
                    });
                }
            }
        }
        let bounds = NodeBox::new(lo, hi);
        bounds.check_size("region")?;
        Ok(InputSet { bounds, ball: dual })
    }

    /// A lower bound of `coefficients · x` over the set, in units of
    /// `2^-2·GRID`: the better of the box and the dual norm.
    pub fn minimum(&self, coefficients: &[Integer]) -> Integer {
        let over_box = self.bounds.minimum(coefficients);
        let Some(ball) = &self.ball else {
            return over_box;
        };
        let mut at_center = Integer::new();
        for ((c, l), h) in coefficients.iter().zip(&ball.center.0).zip(&ball.center.1) {
            at_center += c * if c.is_negative() { h } else { l };
        }
        let mut dual = Integer::new();
        for c in coefficients {
            match ball.norm {
                // the square is summed first
                Norm::L2 => dual += c * c,
                Norm::L1 => dual = dual.max(c.clone().abs()),
                Norm::Linf => dual += Integer::from(c.abs_ref()),
            }
        }
        if ball.norm == Norm::L2 {
            let (root, rest) = dual.sqrt_rem(Integer::new());
            dual = if rest.is_zero() { root } else { root + 1 };
        }
        over_box.max(at_center - dual * &ball.eps)
    }
}
