//! Binary32 machines that take every liberty the semantics leaves: the order of
//! sums, fused multiply-add, flushed subnormals, the merging of linear operators,
//! and elementary functions that are a few units off.

use dahlquist::exact::Rational;
use dahlquist::graph::{Forward, NodeId};
use dahlquist::ops::{LinearMap, Pointwise, Product, Shape};

/// splitmix64
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn coin(&mut self) -> bool {
        self.next() >> 63 == 1
    }

    /// In `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A product of coefficients and a value, not yet formed.
#[derive(Clone, Debug)]
struct Term {
    coefficients: Vec<f32>,
    value: f32,
}

/// One element: its value, and the terms it is the sum of.
#[derive(Clone, Debug)]
pub struct Element {
    pub value: f32,
    terms: Vec<Term>,
}

fn plain(value: f32) -> Element {
    let coefficients = Vec::new();
    let terms = vec![Term {
        coefficients,
        value,
    }];
    Element { value, terms }
}

pub struct Machine {
    pub random: Random,
    /// subnormal operands are read as zero
    pub operands_flushed: bool,
    /// subnormal results become zero
    pub results_flushed: bool,
    pub fused: bool,
    /// linear operators may be merged with the ones before
    pub merged: bool,
}

impl Machine {
    pub fn any(seed: u64) -> Machine {
        let mut random = Random(seed);
        Machine {
            operands_flushed: random.coin(),
            results_flushed: random.coin(),
            fused: random.coin(),
            merged: random.coin(),
            random,
        }
    }

    pub fn read(x: &[f32]) -> Vec<Element> {
        x.iter().map(|&x| plain(x)).collect()
    }

    fn operand(&self, x: f32) -> f32 {
        if self.operands_flushed && x.is_subnormal() {
            0.0
        } else {
            x
        }
    }

    fn result(&self, x: f32) -> f32 {
        if self.results_flushed && x.is_subnormal() {
            0.0
        } else {
            x
        }
    }

    fn add(&self, a: f32, b: f32) -> f32 {
        self.result(self.operand(a) + self.operand(b))
    }

    fn mul(&self, a: f32, b: f32) -> f32 {
        self.result(self.operand(a) * self.operand(b))
    }

    fn fma(&self, a: f32, b: f32, c: f32) -> f32 {
        let [a, b, c] = [a, b, c].map(|v| self.operand(v));
        self.result(a.mul_add(b, c))
    }

    /// The factors in any order, all multiplied but the last.
    fn factors(&mut self, term: &Term) -> (f32, Option<f32>) {
        let mut left = term.coefficients.clone();
        left.push(term.value);
        let mut product = left.swap_remove(self.random.below(left.len()));
        while left.len() > 1 {
            let next = left.swap_remove(self.random.below(left.len()));
            product = self.mul(product, next);
        }
        (product, left.pop())
    }

    /// The sum of the terms by a random tree, or one after another.
    fn sum(&mut self, terms: &[Term]) -> f32 {
        let tree = self.random.coin();
        let mut left: Vec<(f32, Option<f32>)> = terms.iter().map(|t| self.factors(t)).collect();
        let Some(first) = (!left.is_empty()).then(|| {
            let at = self.random.below(left.len());
            left.swap_remove(at)
        }) else {
            return 0.0;
        };
        let whole = |m: &Machine, (p, q): (f32, Option<f32>)| match q {
            Some(q) => m.mul(p, q),
            None => p,
        };
        let mut sum = whole(self, first);
        while !left.is_empty() {
            let at = self.random.below(left.len());
            let next = left.swap_remove(at);
            sum = match next {
                (p, Some(q)) if self.fused && self.random.coin() => self.fma(p, q, sum),
                next => {
                    let next = whole(self, next);
                    self.add(sum, next)
                }
            };
            if tree && !left.is_empty() && self.random.below(3) == 0 {
                // put the partial sum aside and begin another
                let at = self.random.below(left.len());
                let other = left.swap_remove(at);
                left.push((sum, None));
                sum = whole(self, other);
            }
        }
        sum
    }

    /// `factor · x` as terms, merged or not.
    fn scaled(&mut self, factor: f32, x: &Element) -> Vec<Term> {
        let mut terms = if self.merged && self.random.coin() {
            x.terms.clone()
        } else {
            plain(x.value).terms
        };
        match factor {
            1.0 => {}
            -1.0 => terms.iter_mut().for_each(|t| t.value = -t.value),
            _ => terms.iter_mut().for_each(|t| t.coefficients.push(factor)),
        }
        terms
    }

    fn element(&mut self, terms: Vec<Term>) -> Element {
        let value = self.sum(&terms);
        Element { value, terms }
    }
}

/// What an elementary function is stated to be relative to, beside its value.
fn scale(f: &dyn Pointwise, x: f64) -> Option<f64> {
    Some(match f.name() {
        "relu" | "abs" | "clip" | "floor" | "sign" | "step" => return None,
        "sigmoid" | "tanh" | "erf" | "sin" | "cos" | "log" | "softplus" | "elu" => 1.0,
        "silu" | "gelu" | "hard_swish" => 1.0 + x.abs(),
        "hard_sigmoid" => 1.0,
        _ => 0.0,
    })
}

impl Forward for Machine {
    type Value = Vec<Element>;

    fn constant(&mut self, _: NodeId, values: &[Rational], _: &Shape) -> Vec<Element> {
        let near = values.iter().map(|v| rug::Float::with_val(24, v).to_f32());
        near.map(plain).collect()
    }

    fn linear(&mut self, _: NodeId, map: &dyn LinearMap, x: &Vec<Element>) -> Vec<Element> {
        let index = map.unit_coefficients() && map.chain() <= 1;
        (0..map.output().len())
            .map(|o| {
                let mut row = Vec::new();
                map.row(o, &mut |i, w| row.push((i, w)));
                if index && map.bias(o) == 0.0 {
                    return row
                        .first()
                        .map_or_else(|| plain(0.0), |(i, _)| x[*i].clone());
                }
                let mut terms = Vec::new();
                for (i, w) in row {
                    if map.chain() <= 1 {
                        terms.extend(self.scaled(w, &x[i]));
                    } else {
                        let coefficients = vec![w];
                        let value = x[i].value;
                        terms.push(Term {
                            coefficients,
                            value,
                        });
                    }
                }
                if map.bias(o) != 0.0 {
                    terms.extend(plain(map.bias(o)).terms);
                }
                self.element(terms)
            })
            .collect()
    }

    fn pointwise(&mut self, _: NodeId, f: &dyn Pointwise, x: &Vec<Element>) -> Vec<Element> {
        x.iter()
            .map(|x| {
                let x = f64::from(self.operand(x.value));
                let mut y = f.value(x);
                if let Some(scale) = scale(f, x) {
                    let off = 2.0 * self.random.unit() - 1.0;
                    // up to 3.4 units; the final rounding is half of one
                    y += off * 3.4 * 2f64.powi(-23) * y.abs().max(scale);
                }
                plain(self.result(y as f32))
            })
            .collect()
    }

    fn combine(&mut self, _: NodeId, c: &[Rational], xs: &[&Vec<Element>]) -> Vec<Element> {
        let c: Vec<f32> = c
            .iter()
            .map(|c| rug::Float::with_val(24, c).to_f32())
            .collect();
        (0..xs[0].len())
            .map(|i| {
                let mut terms = Vec::new();
                for (&c, x) in c.iter().zip(xs) {
                    terms.extend(self.scaled(c, &x[i]));
                }
                self.element(terms)
            })
            .collect()
    }

    fn product(
        &mut self,
        _: NodeId,
        p: &Product,
        a: &Vec<Element>,
        b: &Vec<Element>,
    ) -> Vec<Element> {
        (0..p.output().len())
            .map(|o| {
                let mut terms = Vec::new();
                p.terms(o, |i, j| {
                    terms.push(Term {
                        coefficients: vec![a[i].value],
                        value: b[j].value,
                    });
                });
                self.element(terms)
            })
            .collect()
    }
}
