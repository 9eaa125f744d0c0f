//! How far an execution in binary32 may be from the exact value.
//!
//! **The execution.** Round-to-nearest binary32; sums in any order, with or
//! without fused multiply-add; subnormal operands and results kept or flushed
//! to zero, operation by operation. Values that are sums of products (layers,
//! combinations, products of matrices) may be merged with the combinations and
//! scalings behind them, as runtimes do that fold a batch normalisation or an
//! addition into the layer before: terms are then summed together, and products
//! of coefficients are formed first, each rounded. Coefficients that are no
//! binary32 numbers are rounded to nearest. Elementary functions are within
//! [`own`] of the exact function of their binary32 argument.
//!
//! **The bound.** A value not yet materialised is `Σ t` over *leaves*
//! `t = c_1 … c_p v`, `v` a materialised value or a constant. Let `ṽ` be the
//! executed `v`. Per element the interpreter keeps
//!
//! - `carried ≥ |Σ c ṽ - Σ c v|`, the error of the materialised values;
//! - `sum ≥ Σ |c| |ṽ|` and `sum ≥ Σ |c| |v|`;
//! - `leaves` and `products`, so that no term meets more than
//!   `n = products + leaves - 1` roundings, whatever the tree of summation and
//!   however its products are grouped;
//! - `flushed`, the first-order effect of flushes: an intermediate product or sum
//!   is off by at most `η = 2^-126` per operand and result, times the factors
//!   still to come.
//!
//! The executed value is then within `carried + γ_n sum + 2 flushed` of the exact
//! one (Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed.,
//! Lemma 3.1; `γ_n <= 1`, so later roundings at most double a flush). An
//! evaluation that materialises a value in between meets a subset of these
//! roundings, so the bound covers every mixture. Where a term, an intermediate
//! product or a sum could leave binary32's range, the error is infinite.
//!
//! A pointwise function materialises its operand: exact and executed argument
//! lie in the box widened by the operand's error, so `φ` moves by at most its
//! largest slope there times that error, and never by more than the width of its
//! range; at a jump only the latter is finite.

use ndarray::Array2;

use super::interval::{IntervalDomain, is_index_map};
use super::linear::InputSet;
use super::{Error, Objective, Outcome};
use crate::exact::Rational;
use crate::graph::{Forward, Graph, NodeId, forward};
use crate::ops::{LinearMap, Pointwise, Product, Shape, Weights};
use crate::rounding::eft::{add_up, mul_up, sub_dn};
use crate::rounding::{Boxes, Interval, Precision, SumBound, check_environment};
use crate::verify::{Property, Proved, Region};

const P: Precision = Precision::BINARY32_FLUSHED;
const ETA: f64 = P.eta;
const LARGEST: f64 = f32::MAX as f64;

/// Units of `2^-23` within which a runtime's elementary functions are.
pub(super) const UNITS: f64 = 4.0;

/// Upper bounds of `|executed - exact|` for every element of every node, over
/// the box `input` (one row) and every execution that the module describes.
///
/// The executed input may lie beyond the box by `overhang`, per element (a box
/// whose ends are no binary32 numbers); the exact value is then that of the
/// nearest point of the box. `known` are boxes of nodes that hold over `input`,
/// as [`Boxed::bound`](super::Boxed::bound) gives them: the tighter, the smaller
/// the errors. Infinite where nothing is known.
///
/// **Semantics and evidence.** Relates `float32` to `discrete`; proved.
///
/// # Errors
/// [`Error::Execution`] names an operator of the file that the graph computes by
/// another formula; [`Error::Inputs`].
///
/// # Panics
/// If a length does not match.
pub fn execution_errors(
    graph: &Graph,
    input: &Boxes,
    overhang: &[f64],
    known: Option<&[Option<Boxes>]>,
) -> Result<Vec<Vec<f64>>, Error> {
    check_environment()?;
    if graph.inputs().len() != 1 {
        let found = graph.inputs().len();
        return Err(Error::Inputs { found });
    }
    if let Some(first) = graph.rewritten().first() {
        return Err(Error::Execution {
            node: first.node.clone(),
            operator: first.operator.clone(),
        });
    }
    assert_eq!(input.dim(), (1, overhang.len()), "one box");
    let sum = input.magnitudes(0);
    let sum = sum.iter().zip(overhang);
    let start = Run {
        sum: sum.map(|(&m, &o)| add_up(m, mul_up(2.0, o))).collect(),
        carried: overhang.to_vec(),
        flushed: vec![0.0; overhang.len()],
        leaves: vec![1.0; overhang.len()],
        products: 0.0,
        reach: 1.0,
        boxes: input.clone(),
    };
    let mut execution = Execution {
        domain: IntervalDomain::new(1),
        known,
    };
    let runs = forward(graph, &mut execution, vec![start]);
    Ok(runs.iter().map(Run::errors).collect())
}

/// An upper bound of `Σ |b_j| e_j` over sparse coefficients.
pub fn weighted_error(coefficients: &[(usize, Rational)], errors: &[f64]) -> f64 {
    let terms = coefficients.iter().filter(|(_, b)| *b != 0);
    terms.fold(0.0, |sum, (j, b)| {
        add_up(sum, mul_up(Interval::from_rational(b).mag(), errors[*j]))
    })
}

impl Outcome {
    /// The same bounds for executions in binary32 of every binary32 input of the
    /// region: each less the error of execution of its row.
    ///
    /// **Semantics and evidence.** `float32`, proved.
    ///
    /// # Errors
    /// As [`execution_errors`].
    pub fn in_binary32(
        mut self,
        graph: &Graph,
        region: &Region,
        property: &Property,
    ) -> Result<Outcome, Error> {
        let mut known: Vec<Option<Boxes>> = vec![None; graph.nodes().len()];
        for layer in &self.evidence {
            let operand = graph.node(layer.node).inputs[0];
            let at = |_, i: usize| Interval::or_entire(layer.lo[i], layer.hi[i]);
            known[operand.index()] = Some(Boxes::from_shape_fn((1, layer.lo.len()), at));
        }
        let input = InputSet::new(region);
        let exact = vec![0.0; region.len()];
        let errors = execution_errors(graph, input.boxes(), &exact, Some(&known))?;
        let errors = &errors[graph.output().index()];
        let objective = Objective::of_property(property);
        for (lower, row) in self.lower.iter_mut().zip(objective.functionals()) {
            let slack = weighted_error(&row.y, errors);
            *lower = Proved::new(sub_dn(*lower.get(), slack));
        }
        Ok(self)
    }
}

/// What is known of one node; see the module.
struct Run {
    /// every exact value
    boxes: Boxes,
    carried: Vec<f64>,
    sum: Vec<f64>,
    flushed: Vec<f64>,
    leaves: Vec<f64>,
    products: f64,
    /// no coefficient, partial product of coefficients and values, or value of a
    /// term is larger
    reach: f64,
}

impl Run {
    fn len(&self) -> usize {
        self.sum.len()
    }

    /// Of element `i`, once it is materialised.
    fn error(&self, i: usize) -> f64 {
        let n = self.products + self.leaves[i] - 1.0;
        // Counts beyond usize saturate; gamma is infinite there.
        let gamma = P.gamma(n as usize);
        let error = add_up(
            add_up(self.carried[i], mul_up(gamma, self.sum[i])),
            mul_up(2.0, self.flushed[i]),
        );
        // Partial sums stay below twice the sum.
        let inside = gamma <= 1.0
            && add_up(mul_up(2.0, self.sum[i]), error) < LARGEST
            && mul_up(2.0, self.reach) < LARGEST;
        if inside { error } else { f64::INFINITY }
    }

    fn errors(&self) -> Vec<f64> {
        (0..self.len()).map(|i| self.error(i)).collect()
    }

    /// Errors, and bounds of exact and executed magnitudes.
    fn materialised(&self) -> (Vec<f64>, Vec<f64>) {
        let errors = self.errors();
        let sizes = self.boxes.magnitudes(0);
        let sizes = sizes.iter().zip(&errors);
        let sizes = sizes
            .map(|(&m, &e)| finite_or_infinite(add_up(m, mul_up(2.0, e))))
            .collect();
        (errors, sizes)
    }

    /// Of a value that is materialised with these errors.
    fn of_errors(boxes: Boxes, errors: Vec<f64>) -> Run {
        let sizes = boxes.magnitudes(0);
        let sizes = sizes.iter().zip(&errors);
        let sum: Vec<f64> = sizes
            .map(|(&m, &e)| finite_or_infinite(add_up(m, mul_up(2.0, e))))
            .collect();
        Run {
            flushed: vec![0.0; sum.len()],
            leaves: vec![1.0; sum.len()],
            products: 0.0,
            reach: largest(&sum).max(1.0),
            carried: errors,
            sum,
            boxes,
        }
    }
}

/// NaN (an infinity times nothing) says nothing.
fn finite_or_infinite(x: f64) -> f64 {
    if x.is_nan() { f64::INFINITY } else { x }
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |m, &v| m.max(v))
}

/// `|A| v`, rounded up.
fn absolute(map: &dyn LinearMap, v: &[f64]) -> Vec<f64> {
    let row = Array2::from_shape_fn((1, v.len()), |(_, i)| v[i]);
    let bound = SumBound::new(map.chain());
    let y = map.apply(row.view(), Weights::Absolute);
    y.iter().map(|&y| finite_or_infinite(bound.up(y))).collect()
}

/// `v` chosen by an index map; zero where it has no element.
fn chosen(map: &dyn LinearMap, v: &[f64]) -> Vec<f64> {
    let row = Array2::from_shape_fn((1, v.len()), |(_, i)| v[i]);
    map.apply(row.view(), Weights::Signed)
        .iter()
        .copied()
        .collect()
}

/// The error of an elementary function on an executed argument in `x`, with
/// values in `y`; nothing for functions that select, compare and copy.
fn own(f: &dyn Pointwise, x: Interval, y: Interval) -> f64 {
    let parameter = |k: usize| {
        f.parameters()
            .get(k)
            .map_or(f64::INFINITY, |&v| f64::from(v))
    };
    let (units, scale) = match f.name() {
        "relu" | "abs" | "clip" | "floor" | "sign" | "step" => return 0.0,
        "leaky_relu" | "exp" | "sqrt" | "square" | "reciprocal" | "rsqrt" => (UNITS, 0.0),
        // one more product for every power
        "power" => (UNITS + parameter(0), 0.0),
        // relative to the largest value of the function, or of its parts
        "sigmoid" | "tanh" | "erf" | "sin" | "cos" | "log" | "softplus" => (UNITS, 1.0),
        "elu" => (UNITS, parameter(0).abs().max(1.0)),
        "hard_sigmoid" => {
            let line = add_up(mul_up(parameter(0), x.mag()), parameter(1).abs());
            (UNITS, add_up(line, 1.0))
        }
        // an argument times a function of it
        "silu" | "gelu" | "hard_swish" => (UNITS + 2.0, add_up(x.mag(), 1.0)),
        _ => return f64::INFINITY,
    };
    mul_up(units * 2.0 * P.unit_roundoff, y.mag().max(scale))
}

struct Execution<'a> {
    domain: IntervalDomain,
    known: Option<&'a [Option<Boxes>]>,
}

impl Execution<'_> {
    /// The smaller of two boxes that both hold.
    fn boxes(&self, node: NodeId, own: Boxes) -> Boxes {
        match self.known.and_then(|k| k[node.index()].as_ref()) {
            Some(known) => Boxes::from_shape_fn(own.dim(), |s, i| {
                let (a, b) = (own.at(s, i), known.at(s, i));
                a.intersect(b).unwrap_or(a)
            }),
            None => own,
        }
    }
}

impl Forward for Execution<'_> {
    type Value = Run;

    fn constant(&mut self, node: NodeId, values: &[Rational], shape: &Shape) -> Run {
        let boxes = self.domain.constant(node, values, shape);
        let errors = values.iter().zip(boxes.magnitudes(0));
        let errors = errors.map(|(v, size)| match Rational::from_f32(v.to_f32()) {
            Some(near) if near == *v => 0.0,
            _ => add_up(mul_up(P.unit_roundoff, size), ETA),
        });
        Run::of_errors(boxes, errors.collect())
    }

    fn linear(&mut self, node: NodeId, map: &dyn LinearMap, x: &Run) -> Run {
        let boxes = self.domain.linear(node, map, &x.boxes);
        let boxes = self.boxes(node, boxes);
        if is_index_map(map) {
            let leaves = chosen(map, &x.leaves);
            return Run {
                boxes,
                carried: chosen(map, &x.carried),
                sum: chosen(map, &x.sum),
                flushed: chosen(map, &x.flushed),
                leaves: leaves.iter().map(|l| l.max(1.0)).collect(),
                products: x.products,
                reach: x.reach,
            };
        }
        // At most one term: the value stays what it is, scaled and shifted.
        let scaling = map.chain() <= 1;
        let materialised;
        let (carried, sum, before) = if scaling {
            (&x.carried, &x.sum, largest(&x.flushed))
        } else {
            materialised = x.materialised();
            (&materialised.0, &materialised.1, 0.0)
        };
        let d = map.uncertainty();
        let terms = map.chain() as f64;
        let weights = absolute(map, &vec![1.0; x.len()]);
        let flushes = if scaling {
            absolute(map, &x.flushed)
        } else {
            vec![0.0; boxes.dim().1]
        };
        let size = largest(sum);
        let mut run = Run {
            carried: absolute(map, carried),
            sum: absolute(map, sum),
            flushed: flushes,
            leaves: match scaling {
                true => vec![largest(&x.leaves) + 1.0; boxes.dim().1],
                false => vec![terms + 1.0; boxes.dim().1],
            },
            // A scaling rounds its factor and one product; one whose factor is
            // known with an uncertainty is computed by a few operations.
            products: match (scaling, d > 0.0) {
                (true, false) => x.products + 3.0,
                (true, true) => x.products + 8.0,
                (false, _) => 2.0,
            },
            reach: size.max(largest(&weights)).max(1.0),
            boxes,
        };
        if scaling {
            let factor = largest(&weights).max(1.0);
            run.reach = run.reach.max(mul_up(x.reach, factor));
        }
        for (o, &weight) in weights.iter().enumerate() {
            let bias = f64::from(map.bias(o)).abs();
            run.carried[o] = add_up(run.carried[o], mul_up(d, run.sum[o]));
            run.sum[o] = add_up(mul_up(run.sum[o], add_up(1.0, d)), bias);
            let counts = add_up(mul_up(terms, add_up(size, 4.0)), 4.0);
            let first = mul_up(ETA, add_up(weight, counts));
            run.flushed[o] = add_up(add_up(run.flushed[o], before), first);
        }
        run.reach = run.reach.max(largest(&run.sum));
        run
    }

    fn pointwise(&mut self, node: NodeId, f: &dyn Pointwise, x: &Run) -> Run {
        let boxes = self.domain.pointwise(node, f, &x.boxes);
        let boxes = self.boxes(node, boxes);
        let errors = (0..x.len()).map(|i| {
            // A subnormal argument may be flushed.
            let e = add_up(x.error(i), ETA);
            let near = x.boxes.at(0, i);
            let wide = near + Interval::or_entire(-e, e);
            let range = f.enclose(wide);
            if !e.is_finite() || !range.is_bounded() {
                return f64::INFINITY;
            }
            let by_slope = mul_up(f.slopes(wide).mag(), e);
            let moved = by_slope.min(range.width_up());
            let error = add_up(add_up(moved, own(f, wide, range)), ETA);
            if add_up(range.mag(), error) < LARGEST {
                error
            } else {
                f64::INFINITY
            }
        });
        let errors = errors.map(finite_or_infinite).collect();
        Run::of_errors(boxes, errors)
    }

    fn combine(&mut self, node: NodeId, coefficients: &[Rational], xs: &[&Run]) -> Run {
        let own: Vec<&Boxes> = xs.iter().map(|x| &x.boxes).collect();
        let boxes = self.domain.combine(node, coefficients, &own);
        let boxes = self.boxes(node, boxes);
        let n = boxes.dim().1;
        let zero = || vec![0.0; n];
        let mut run = Run {
            boxes,
            carried: zero(),
            sum: zero(),
            flushed: zero(),
            leaves: zero(),
            products: 0.0,
            reach: 1.0,
        };
        for (c, x) in coefficients.iter().zip(xs) {
            let size = Interval::from_rational(c).mag();
            let unit = *c == 1 || *c == -1;
            // The factor, its product with a weight, and that with a value.
            let rounded = if unit { 0.0 } else { 3.0 };
            run.products = run.products.max(x.products + rounded);
            run.reach = run.reach.max(mul_up(x.reach, size.max(1.0)));
            for i in 0..n {
                // What is zero for certain adds nothing and rounds nothing.
                if x.sum[i] == 0.0 && x.carried[i] == 0.0 && x.flushed[i] == 0.0 {
                    continue;
                }
                let scaled = |v: f64| finite_or_infinite(mul_up(size, v));
                run.carried[i] = add_up(run.carried[i], scaled(x.carried[i]));
                run.sum[i] = add_up(run.sum[i], scaled(x.sum[i]));
                run.leaves[i] += x.leaves[i];
                let first = add_up(add_up(size, x.sum[i]), 4.0);
                let again = mul_up(add_up(size, 1.0), x.flushed[i]);
                run.flushed[i] = add_up(run.flushed[i], add_up(again, mul_up(ETA, first)));
            }
        }
        run.leaves.iter_mut().for_each(|l| *l = l.max(1.0));
        run.reach = run.reach.max(largest(&run.sum));
        run
    }

    fn product(&mut self, node: NodeId, p: &Product, a: &Run, b: &Run) -> Run {
        let boxes = self.domain.product(node, p, &a.boxes, &b.boxes);
        let boxes = self.boxes(node, boxes);
        let n = boxes.dim().1;
        let ((e, u), (f, v)) = (a.materialised(), b.materialised());
        let zero = || vec![0.0; n];
        let mut run = Run {
            boxes,
            carried: zero(),
            sum: zero(),
            flushed: zero(),
            leaves: vec![p.chain() as f64; n],
            products: 1.0,
            reach: largest(&u).max(largest(&v)).max(1.0),
        };
        for o in 0..n {
            p.terms(o, |i, j| {
                let moved = add_up(mul_up(u[i], f[j]), mul_up(e[i], v[j]));
                run.carried[o] = add_up(run.carried[o], moved);
                run.sum[o] = add_up(run.sum[o], mul_up(u[i], v[j]));
                let first = add_up(add_up(u[i], v[j]), 4.0);
                run.flushed[o] = add_up(run.flushed[o], mul_up(ETA, first));
            });
        }
        run.reach = run.reach.max(largest(&run.sum));
        run
    }
}
