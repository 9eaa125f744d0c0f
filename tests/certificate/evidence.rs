//! Certificates of test networks, and exact evaluation.

use dahlquist::bounds::{Method, analyze};
use dahlquist::certificate::schema::Certificate;
use dahlquist::certificate::write::{self, LayerBounds, ModelFile};
use dahlquist::exact::{MpInterval, Rational};
use dahlquist::graph::{Forward, Graph, NodeId, Op, forward};
use dahlquist::ops::{LinearMap, Pointwise, Product, Shape};
use dahlquist::verify::{Norm, Property, Region, Row};

use crate::networks::Numbers;

pub const MODEL: &[u8] = b"the model file";

pub fn q(p: i64, d: u64) -> Rational {
    Rational::from((p, d))
}

/// A ball around reproducible pixels in [1/8, 7/8].
pub fn ball(graph: &Graph, norm: Norm, eps: Rational) -> Region {
    let mut r = Numbers(99);
    let center = (0..graph.input_shape(0).len()).map(|_| (0.5 + 0.375 * r.unit()) as f32);
    Region::unit(center.collect(), norm, eps).unwrap()
}

/// `y_label − y_j + shift` for every other class.
pub fn shifted(graph: &Graph, label: usize, shift: i64) -> Property {
    let n = graph.output_shape().len();
    if n == 1 {
        let coefficients = vec![Rational::from(1)];
        let constant = Rational::from(shift);
        return Property::new(vec![Row {
            coefficients,
            constant,
        }])
        .unwrap();
    }
    let mut rows = Property::robust(label, n).unwrap().rows().to_vec();
    rows.iter_mut().for_each(|r| r.constant += shift);
    Property::new(rows).unwrap()
}

/// What the bounds prove, as a certificate.
pub fn certify(
    graph: &Graph,
    file: &str,
    region: &Region,
    property: &Property,
    method: Method,
) -> Certificate {
    try_certify(graph, file, region, property, method).unwrap()
}

/// The same, an error where a bound is not finite or not positive.
pub fn try_certify(
    graph: &Graph,
    file: &str,
    region: &Region,
    property: &Property,
    method: Method,
) -> Result<Certificate, write::Error> {
    let outcome = analyze(graph, region, property, method).unwrap();
    let layers: Vec<LayerBounds<'_>> = outcome
        .evidence
        .iter()
        .map(|l| LayerBounds {
            node: l.node.index(),
            lo: &l.lo,
            hi: &l.hi,
            lower_slope: &l.lower_slope,
            upper_slope: &l.upper_slope,
            tightened: &l.tightened,
        })
        .collect();
    let lower: Vec<f64> = outcome.lower.iter().map(|p| *p.get()).collect();
    let file = ModelFile {
        path: file,
        bytes: MODEL,
    };
    write::robustness(graph, file, region.into(), property.into(), &lower, &layers)
}

/// The class with the largest output at the centre.
pub fn label(graph: &Graph, region: &Region) -> usize {
    let x: Vec<Rational> = region
        .center()
        .iter()
        .map(|&v| Rational::from_f32(v).unwrap())
        .collect();
    let y = evaluate(graph, &x);
    (0..y.len())
        .max_by(|&i, &j| y[i].lo_f64().total_cmp(&y[j].lo_f64()))
        .unwrap()
}

struct Oracle;

const BITS: u32 = 256;

impl Forward for Oracle {
    type Value = Vec<MpInterval>;
    fn constant(&mut self, _: NodeId, values: &[Rational], _: &Shape) -> Vec<MpInterval> {
        values.iter().map(point).collect()
    }
    fn linear(&mut self, _: NodeId, map: &dyn LinearMap, x: &Vec<MpInterval>) -> Vec<MpInterval> {
        (0..map.output().len())
            .map(|o| {
                let mut sum = MpInterval::from_f64(BITS, f64::from(map.bias(o))).unwrap();
                map.row(o, &mut |i, w| {
                    let w = MpInterval::from_f64(BITS, f64::from(w)).unwrap();
                    sum = sum.add(&w.mul(&x[i]));
                });
                sum
            })
            .collect()
    }
    fn pointwise(&mut self, _: NodeId, f: &dyn Pointwise, x: &Vec<MpInterval>) -> Vec<MpInterval> {
        x.iter().map(|x| f.oracle(x)).collect()
    }
    fn product(
        &mut self,
        _: NodeId,
        p: &Product,
        a: &Vec<MpInterval>,
        b: &Vec<MpInterval>,
    ) -> Vec<MpInterval> {
        (0..p.output().len())
            .map(|o| {
                let mut sum = point(&Rational::new());
                p.terms(o, |i, j| sum = sum.add(&a[i].mul(&b[j])));
                sum
            })
            .collect()
    }
    fn combine(&mut self, _: NodeId, c: &[Rational], xs: &[&Vec<MpInterval>]) -> Vec<MpInterval> {
        let mut sum = vec![point(&Rational::new()); xs[0].len()];
        for (c, x) in c.iter().zip(xs) {
            for (sum, x) in sum.iter_mut().zip(*x) {
                *sum = sum.add(&point(c).mul(x));
            }
        }
        sum
    }
}

fn point(x: &Rational) -> MpInterval {
    MpInterval::from_rational(BITS, x).unwrap()
}

/// Enclosures of the output at an exact point (uncertainty of weights aside).
pub fn evaluate(graph: &Graph, x: &[Rational]) -> Vec<MpInterval> {
    let input = x.iter().map(point).collect();
    let mut values = forward(graph, &mut Oracle, vec![input]);
    values.swap_remove(graph.output().index())
}

/// The value of a row at an output.
pub fn row_value(row: &Row, y: &[MpInterval]) -> MpInterval {
    let terms = row.coefficients.iter().zip(y);
    terms.fold(point(&row.constant), |sum, (c, y)| {
        sum.add(&point(c).mul(y))
    })
}

/// Points of a region: corners, and inner points.
pub fn points(region: &Region, count: usize, r: &mut Numbers) -> Vec<Vec<Rational>> {
    let n = region.len() as u64;
    let mut found = Vec::new();
    while found.len() < count {
        let corner = found.len() % 2 == 0;
        let one = r.bits() as usize % region.len();
        let x: Vec<Rational> = (0..region.len())
            .map(|i| {
                let (lo, hi) = region.range(i);
                let c = Rational::from_f32(region.center()[i]).unwrap();
                let u = if corner { r.unit().signum() } else { r.unit() };
                let u = Rational::from_f64(u).unwrap();
                let step = match region.norm() {
                    Norm::Linf => u * region.eps(),
                    Norm::L1 if corner && i != one => Rational::new(),
                    Norm::L1 if corner => u * region.eps(),
                    Norm::L1 => u * region.eps() / n,
                    // 2^-2 ⌈…⌉ of 1/√n, rounded down
                    Norm::L2 => u * region.eps() / q((n as f64).sqrt().ceil() as i64, 1),
                };
                (c + step).max(lo).min(hi)
            })
            .collect();
        if region.contains(&x) {
            found.push(x);
        }
    }
    found
}

/// Whether the network has pointwise nodes whose boxes a backward pass cut.
pub fn tightened(certificate: &Certificate) -> usize {
    let Certificate::Robustness(d) = certificate else {
        return 0;
    };
    let flags = d.evidence.layers.iter().flat_map(|l| &l.tightened);
    flags.filter(|t| **t).count()
}

/// Number of pointwise neurons.
pub fn neurons(graph: &Graph) -> usize {
    let nodes = graph.nodes().iter();
    nodes
        .filter(|n| matches!(n.op, Op::Pointwise(_)))
        .map(|n| n.shape.len())
        .sum()
}
