//! Robustness claims: boxes node by node, then the rows.

use rug::Integer;

use super::boxes::{NodeBox, Rows};
use super::grid::{self, Dyadic, GRID, PRECISION};
use super::linear::{self, Functionals, LinearPass, Relaxation};
use super::region::InputSet;
use super::rejection::{End, Rejection};
use super::{Checked, Counters};
use crate::certificate::schema::{
    Document, Layer, NetworkId, Property, RobustnessClaim, RobustnessEvidence, Row,
};
use crate::exact::Rational;
use crate::graph::{self, Backward, Forward, Graph, NodeId, Op};
use crate::ops::{LinearMap, Pointwise, Product, Shape};

/// The steepest line that is accepted: most slopes lie in `[0, 1]`, those of
/// powers and exponentials grow with the operand, and a bound keeps hostile
/// numbers small.
const MAX_SLOPE: f64 = (1_u64 << 40) as f64;

/// Checks a claim about `graph`.
pub(super) fn check(
    document: &Document<RobustnessClaim, RobustnessEvidence>,
    graph: &Graph,
) -> Result<Checked, Rejection> {
    let claim = &document.claim;
    identify(&claim.network, graph)?;
    let rows = rows(&claim.property, graph.output_shape().len())?;
    length("lower", claim.lower.len(), rows.len())?;
    for (row, lower) in claim.lower.iter().enumerate() {
        if lower.get() <= 0.0 {
            return Err(Rejection::NotPositive {
                row,
                claimed: lower.get(),
            });
        }
    }
    let input = InputSet::new(&claim.region, graph.input_shape(0).len())?;
    let checker = Checker::new(graph, &document.evidence.layers, &input)?;
    let proved = checker.rows(&rows)?;
    for (row, (lower, proved)) in claim.lower.iter().zip(&proved).enumerate() {
        if !at_least(proved, lower.get()) {
            return Err(Rejection::Row {
                row,
                claimed: lower.get(),
                proved: grid::to_f64_floor(proved, 2 * GRID),
            });
        }
    }
    let lower = proved.iter().map(|p| grid::to_f64_floor(p, 2 * GRID));
    Ok(Checked::robustness(lower.collect(), checker.counters))
}

/// Whether `x`, in units of `2^-2·GRID`, is at least `bound`.
fn at_least(x: &Integer, bound: f64) -> bool {
    Dyadic::new(bound).is_some_and(|bound| *x >= grid::ceil(bound, 2 * GRID))
}

pub(super) fn length(
    place: impl Into<String>,
    found: usize,
    expected: usize,
) -> Result<(), Rejection> {
    if found == expected {
        return Ok(());
    }
    Err(Rejection::Length {
        place: place.into(),
        found: found as u64,
        expected: expected as u64,
    })
}

pub(super) fn identify(network: &NetworkId, graph: &Graph) -> Result<(), Rejection> {
    length("network inputs", graph.inputs().len(), 1)?;
    let found = graph.content_hash();
    if network.graph != found {
        return Err(Rejection::Network {
            claimed: network.graph.clone(),
            found,
        });
    }
    Ok(())
}

/// The rows of the property.
fn rows(property: &Property, outputs: usize) -> Result<Vec<Functional>, Rejection> {
    match property {
        Property::Rows(rows) => {
            if rows.is_empty() {
                length("property rows", 0, 1)?;
            }
            for (i, row) in rows.iter().enumerate() {
                length(format!("row {i}"), row.coefficients.len(), outputs)?;
            }
            Ok(rows.iter().map(functional).collect())
        }
        Property::Robust(robust) => {
            let label = usize::try_from(robust.label)
                .ok()
                .filter(|&label| label < outputs && outputs > 1)
                .ok_or(Rejection::Label {
                    label: robust.label,
                    classes: outputs,
                })?;
            Ok(margins(label, outputs))
        }
    }
}

fn functional(row: &Row) -> Functional {
    Functional {
        x: Vec::new(),
        y: row.coefficients.iter().map(|c| c.0.clone()).collect(),
        constant: row.constant.0.clone(),
    }
}

/// `y_label − y_j` for every other `j`, ascending.
fn margins(label: usize, outputs: usize) -> Vec<Functional> {
    let margin = |j: usize| {
        let mut y = vec![Rational::new(); outputs];
        y[label] += 1;
        y[j] -= 1;
        Functional {
            x: Vec::new(),
            y,
            constant: Rational::new(),
        }
    };
    (0..outputs).filter(|&j| j != label).map(margin).collect()
}

/// The records by node; there must be one for each pointwise node, in order,
/// with lists of the node's length.
fn layers<'a>(records: &'a [Layer], graph: &Graph) -> Result<Vec<Option<&'a Layer>>, Rejection> {
    let mut by_node = vec![None; graph.nodes().len()];
    let is_pointwise = |id: &NodeId| matches!(graph.node(*id).op, Op::Pointwise(_));
    let expected: Vec<NodeId> = graph.ids().filter(is_pointwise).collect();
    length("evidence layers", records.len(), expected.len())?;
    for (i, (record, id)) in records.iter().zip(expected).enumerate() {
        let node = graph.node(id);
        if record.node != id.index() as u64 || record.name != node.name {
            return Err(Rejection::Node {
                record: i,
                found: format!("{} ({})", record.node, record.name),
                expected: format!("{id} ({})", node.name),
            });
        }
        let n = node.shape.len();
        let place = |list: &str| format!("layer {}, {list}", node.name);
        length(place("lo"), record.lo.len(), n)?;
        length(place("hi"), record.hi.len(), n)?;
        length(place("lower_slope"), record.lower_slope.len(), n)?;
        length(place("upper_slope"), record.upper_slope.len(), n)?;
        length(place("tightened"), record.tightened.len(), n)?;
        by_node[id.index()] = Some(record);
    }
    Ok(by_node)
}

/// A functional of input and output.
#[derive(Clone, Debug)]
pub(super) struct Functional {
    /// coefficients of the input; empty for none
    pub x: Vec<Rational>,
    /// coefficients of the output
    pub y: Vec<Rational>,
    pub constant: Rational,
}

/// The state after the nodes seen so far.
pub(super) struct Checker<'a> {
    graph: &'a Graph,
    /// by pointwise node: its record
    layers: Vec<Option<&'a Layer>>,
    /// by node: the records that claim a box of it
    readers: Vec<Vec<&'a Layer>>,
    input: &'a InputSet,
    boxes: Vec<NodeBox>,
    relaxations: Vec<Vec<Relaxation>>,
    counters: Counters,
    failure: Option<Rejection>,
}

impl<'a> Checker<'a> {
    /// Establishes the boxes that `records` claim over `input`.
    pub fn new(
        graph: &'a Graph,
        records: &'a [Layer],
        input: &'a InputSet,
    ) -> Result<Checker<'a>, Rejection> {
        let layers = layers(records, graph)?;
        let mut readers = vec![Vec::new(); graph.nodes().len()];
        for (node, layer) in graph.nodes().iter().zip(&layers) {
            if let Some(layer) = layer {
                readers[node.inputs[0].index()].push(*layer);
            }
        }
        let mut checker = Checker {
            graph,
            layers,
            readers,
            input,
            boxes: vec![NodeBox::new(Vec::new(), Vec::new()); graph.nodes().len()],
            relaxations: vec![Vec::new(); graph.nodes().len()],
            counters: Counters::default(),
            failure: None,
        };
        checker.step(graph.inputs()[0], |_| Ok(input.bounds.clone()));
        graph::forward(graph, &mut checker, vec![()]);
        match checker.failure {
            Some(rejection) => Err(rejection),
            None => Ok(checker),
        }
    }

    /// How the boxes were established.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn operand(&self, node: NodeId, k: usize) -> NodeId {
        self.graph.node(node).inputs[k]
    }

    /// Keeps the box of a new node, cut with what is claimed of it.
    fn step(&mut self, node: NodeId, rule: impl FnOnce(&mut Self) -> Result<NodeBox, Rejection>) {
        if self.failure.is_some() {
            return;
        }
        let kept = rule(self).and_then(|value| {
            value.check_size(&self.graph.node(node).name)?;
            self.boxes[node.index()] = value;
            for layer in self.readers[node.index()].clone() {
                self.establish(node, layer)?;
            }
            Ok(())
        });
        self.failure = kept.err();
    }

    /// Lower bounds of functionals of node `start` and, where `direct` is given,
    /// of the input, units of `2^-2·GRID`.
    fn lower(
        &self,
        start: NodeId,
        seed: Functionals,
        direct: Option<&Functionals>,
        k: usize,
    ) -> Result<Vec<Integer>, Rejection> {
        let mut pass = self.pass(k);
        let inputs = graph::backward(self.graph, &mut pass, start, seed);
        if let Some(rejection) = pass.failure {
            return Err(rejection);
        }
        let mut bounds = pass.constant;
        let pulled = inputs.into_iter().flatten().next();
        let at_input = match (pulled, direct) {
            (Some(mut x), Some(direct)) => {
                x.add(direct);
                Some(x)
            }
            (Some(x), None) => Some(x),
            (None, direct) => direct.cloned(),
        };
        if let Some(x) = at_input {
            for (k, bound) in bounds.iter_mut().enumerate() {
                *bound += self.input.minimum(x.row(k));
            }
        }
        Ok(bounds)
    }

    fn pass(&self, k: usize) -> LinearPass<'_> {
        LinearPass {
            graph: self.graph,
            boxes: &self.boxes,
            relaxations: &self.relaxations,
            constant: vec![Integer::new(); k],
            failure: None,
        }
    }

    /// Functionals of the output through its linear map, over the box of the
    /// map's operand; `None` for an output of another kind.
    fn one_step(&self, seed: &Functionals, k: usize) -> Result<Option<Vec<Integer>>, Rejection> {
        let output = self.graph.output();
        let Op::Linear(map) = &self.graph.node(output).op else {
            return Ok(None);
        };
        let operand = self.operand(output, 0);
        let mut pass = self.pass(k);
        let x = pass.linear(output, operand, &**map, seed.clone());
        if let Some(rejection) = pass.failure {
            return Err(rejection);
        }
        let mut bounds = pass.constant;
        for (k, bound) in bounds.iter_mut().enumerate() {
            *bound += self.boxes[operand.index()].minimum(x.row(k));
        }
        Ok(Some(bounds))
    }

    /// Establishes the box that `layer` claims of its operand.
    fn establish(&mut self, operand: NodeId, layer: &Layer) -> Result<(), Rejection> {
        let forward = &self.boxes[operand.index()];
        let too_large = |neuron: usize| Rejection::TooLarge {
            place: format!("layer {}, neuron {neuron}", layer.name),
        };
        // Ends that the interval step does not give: (neuron, end, claim, in units of 2^-2·GRID).
        let mut open: Vec<(usize, End, f64, Integer)> = Vec::new();
        let (mut lo, mut hi) = (forward.lo.clone(), forward.hi.clone());
        for i in 0..lo.len() {
            let (l, h) = (layer.lo[i].get(), layer.hi[i].get());
            if l > h {
                return Err(Rejection::EmptyBox {
                    layer: layer.name.clone(),
                    neuron: i,
                    lo: l,
                    hi: h,
                });
            }
            let (dl, dh) = Dyadic::new(l)
                .zip(Dyadic::new(h))
                .ok_or_else(|| too_large(i))?;
            let before = open.len();
            if lo[i] < grid::ceil(dl, GRID) {
                open.push((i, End::Lower, l, grid::ceil(dl, 2 * GRID)));
            }
            if hi[i] > grid::floor(dh, GRID) {
                open.push((i, End::Upper, h, grid::floor(dh, 2 * GRID)));
            }
            if open.len() == before {
                self.counters.by_interval += 1;
            } else if !layer.tightened[i] {
                let (_, end, claimed, _) = open[before];
                let proved = match end {
                    End::Lower => grid::to_f64_floor(&lo[i], GRID),
                    End::Upper => -grid::to_f64_floor(&Integer::from(-&hi[i]), GRID),
                };
                return Err(self.not_proved(layer, i, end, claimed, proved));
            } else {
                self.counters.by_backward += 1;
            }
            lo[i] = std::mem::take(&mut lo[i]).max(grid::floor(dl, GRID));
            hi[i] = std::mem::take(&mut hi[i]).min(grid::ceil(dh, GRID));
        }
        let columns = lo.len();
        for chunk in open.chunks(linear::batch(linear::width(self.graph, operand))) {
            let mut seed = Functionals::zero(chunk.len(), columns);
            for (k, (i, end, ..)) in chunk.iter().enumerate() {
                seed.row_mut(k)[*i] = match end {
                    End::Lower => linear::one(),
                    End::Upper => -linear::one(),
                };
            }
            let proved = self.lower(operand, seed, None, chunk.len())?;
            for ((i, end, claimed, bound), proved) in chunk.iter().zip(proved) {
                let (holds, proved) = match end {
                    End::Lower => (proved >= *bound, grid::to_f64_floor(&proved, 2 * GRID)),
                    End::Upper => (
                        -Integer::from(&proved) <= *bound,
                        -grid::to_f64_floor(&proved, 2 * GRID),
                    ),
                };
                if !holds {
                    return Err(self.not_proved(layer, *i, *end, *claimed, proved));
                }
            }
        }
        self.boxes[operand.index()] = NodeBox::new(lo, hi);
        Ok(())
    }

    fn not_proved(&self, layer: &Layer, i: usize, end: End, claimed: f64, p: f64) -> Rejection {
        Rejection::Box {
            layer: layer.name.clone(),
            neuron: i,
            end,
            claimed,
            proved: p,
        }
    }

    /// The lines of the claimed slopes that bound `f` on the claimed boxes.
    fn relax(&mut self, f: &dyn Pointwise, layer: &Layer) -> Result<Vec<Relaxation>, Rejection> {
        let line = |i: usize, slope: f64, end: End| {
            let slope_parts = Dyadic::new(slope).filter(|_| slope.abs() <= MAX_SLOPE)?;
            let (lo, hi) = (layer.lo[i].get(), layer.hi[i].get());
            let range = f.oracle_residual(slope, lo, hi, PRECISION).ok()?;
            let (below, above) = grid::from_mp(&range)?;
            let intercept = match end {
                End::Lower => below,
                End::Upper => above,
            };
            Some((slope_parts, intercept))
        };
        (0..layer.lo.len())
            .map(|i| {
                let lower = line(i, layer.lower_slope[i].get(), End::Lower);
                let upper = line(i, layer.upper_slope[i].get(), End::Upper);
                let (lower, upper) = lower.zip(upper).ok_or_else(|| Rejection::TooLarge {
                    place: format!("layer {}, slopes of neuron {i}", layer.name),
                })?;
                Ok(Relaxation { lower, upper })
            })
            .collect()
    }

    /// Lower bounds of the rows, units of `2^-2·GRID`: the best of the output's
    /// box, one linear step and its operand's box, and the whole backward pass.
    pub fn rows(&self, rows: &[Functional]) -> Result<Vec<Integer>, Rejection> {
        let output = self.graph.output();
        let y = &self.boxes[output.index()];
        let x = &self.input.bounds;
        let mut bounds = Vec::with_capacity(rows.len());
        for chunk in rows.chunks(linear::batch(linear::width(self.graph, output))) {
            let mut seed = Functionals::zero(chunk.len(), y.lo.len());
            let mut direct = Functionals::zero(chunk.len(), x.lo.len());
            let mut at_input = Vec::with_capacity(chunk.len());
            let mut constants = Vec::with_capacity(chunk.len());
            let mut by_box = Vec::with_capacity(chunk.len());
            for (k, row) in chunk.iter().enumerate() {
                let (coefficients, mut loss) = linear::seed(&row.y, y);
                let (inputs, input_loss) = linear::seed(&row.x, x);
                loss += input_loss;
                if !coefficients.iter().chain(&inputs).all(grid::fits) {
                    return Err(Rejection::TooLarge {
                        place: format!("property row {k}"),
                    });
                }
                let constant = (grid::floor_rational(&row.constant).0 << GRID) - loss;
                for (to, c) in direct.row_mut(k).iter_mut().zip(inputs) {
                    *to = c;
                }
                at_input.push(self.input.minimum(direct.row(k)));
                by_box.push(y.minimum(&coefficients) + &constant + &at_input[k]);
                constants.push(constant);
                for (to, c) in seed.row_mut(k).iter_mut().zip(coefficients) {
                    *to = c;
                }
            }
            let by_step = self.one_step(&seed, chunk.len())?;
            let by_pass = self.lower(output, seed, Some(&direct), chunk.len())?;
            for (k, (constant, by_box)) in constants.iter().zip(by_box).enumerate() {
                let by_pass = Integer::from(&by_pass[k] + constant);
                let best = by_box.max(by_pass);
                bounds.push(match &by_step {
                    None => best,
                    Some(by_step) => best.max(Integer::from(&by_step[k] + constant) + &at_input[k]),
                });
            }
        }
        Ok(bounds)
    }
}

impl Forward for Checker<'_> {
    /// Boxes live in the checker, where a claim may replace them.
    type Value = ();

    fn constant(&mut self, node: NodeId, values: &[Rational], _shape: &Shape) {
        self.step(node, |_| Ok(NodeBox::constant(values)));
    }

    fn linear(&mut self, node: NodeId, map: &dyn LinearMap, (): &()) {
        self.step(node, |checker| {
            let rows = Rows::new(map, &checker.graph.node(node).name)?;
            let operand = checker.operand(node, 0);
            Ok(checker.boxes[operand.index()].linear(&rows))
        });
    }

    fn pointwise(&mut self, node: NodeId, f: &dyn Pointwise, (): &()) {
        self.step(node, |checker| {
            let name = &checker.graph.node(node).name;
            let missing = || Rejection::Node {
                record: 0,
                found: "none".into(),
                expected: name.clone(),
            };
            let layer = checker.layers[node.index()].ok_or_else(missing)?;
            checker.relaxations[node.index()] = checker.relax(f, layer)?;
            let operand = checker.operand(node, 0);
            let image = checker.boxes[operand.index()].pointwise(f);
            image.ok_or_else(|| Rejection::TooLarge {
                place: name.clone(),
            })
        });
    }

    fn combine(&mut self, node: NodeId, coefficients: &[Rational], _xs: &[&()]) {
        self.step(node, |checker| {
            let at = |i: &NodeId| &checker.boxes[i.index()];
            let xs: Vec<&NodeBox> = checker.graph.node(node).inputs.iter().map(at).collect();
            Ok(NodeBox::combine(coefficients, &xs))
        });
    }

    fn product(&mut self, node: NodeId, _: &Product, (): &(), (): &()) {
        self.step(node, |checker| {
            Err(Rejection::Unsupported {
                node: checker.graph.node(node).name.clone(),
                what: "a product of two operands",
            })
        });
    }
}
