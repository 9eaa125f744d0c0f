//! The `OdeBlock` node.

use super::super::messages::GraphProto;
use super::{Error, GraphReader, Node, Value, Variable, extents, show};
use crate::exact::Rational;
use crate::graph::Graph;
use crate::network::{Layer, Network, NetworkNode, OdeBlock};
use crate::ode::{Field, Method, Multistep, Tableau, by_name};

/// The most steps of a block, as `ode::unroll` takes them.
const MAX_STEPS: usize = 100_000;

impl<'m> GraphReader<'m, '_> {
    pub(super) fn ode_block(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        for adaptive in ["rtol", "atol"] {
            if n.has(adaptive) {
                return Err(n.bad(
                    adaptive,
                    "a tolerance",
                    "a fixed number of steps (adaptive step sizes are not supported)",
                ));
            }
        }
        n.only(&[
            "field",
            "fields",
            "method",
            "method_name",
            "a",
            "b",
            "alpha",
            "beta",
            "startup",
            "startup_name",
            "steps",
            "t0",
            "t1",
        ])?;
        if self.outer.is_some() {
            return Err(self.unsupported(n, " inside the field of another block"));
        }
        if n.proto.input.len() != 1 {
            return Err(n.operand(1, format!("{} operands", n.proto.input.len()), "one"));
        }
        let z = self.variable(n, 0)?;
        let method = method(n)?;
        let least = match &method {
            Method::RungeKutta(_) => 1,
            Method::Multistep(m) => m.k(),
        };
        let steps = n.int("steps", 0)?;
        let steps = usize::try_from(steps)
            .ok()
            .filter(|s| (least..=MAX_STEPS).contains(s))
            .ok_or_else(|| {
                n.bad(
                    "steps",
                    steps,
                    "at least those of the method, at most 100000",
                )
            })?;
        let time = |name: &str| {
            n.rational(name)?
                .ok_or_else(|| n.bad(name, "nothing", "an exact number \"p\" or \"p/q\""))
        };
        let (t0, t1) = (time("t0")?, time("t1")?);
        let field = match (n.graph("field")?, n.graphs("fields")?) {
            (Some(graph), None) => Field::Shared(self.field(n, graph, &z)?),
            (None, Some(graphs)) if graphs.len() == steps => {
                let each = graphs.iter().map(|graph| self.field(n, graph, &z));
                Field::PerStep(each.collect::<Result<_, _>>()?)
            }
            (None, Some(graphs)) => {
                let found = format!("{} graphs for {steps} steps", graphs.len());
                return Err(n.bad("fields", found, "one graph per step"));
            }
            _ => return Err(n.bad("field", "none or both", "either field or fields")),
        };
        let block = OdeBlock {
            field,
            method,
            steps,
            t0,
            t1,
        };
        self.nodes.push(NetworkNode {
            name: n.name.clone(),
            layer: Layer::Ode(Box::new(block)),
            inputs: vec![z.node],
            shape: None,
        });
        let node = self.nodes.len() - 1;
        Ok(Value::Variable(Variable { node, ..z }))
    }

    /// Reads `f` of `z` or of `(t, z)`.
    fn field(&mut self, n: &Node<'m>, graph: &'m GraphProto, z: &Variable) -> Result<Graph, Error> {
        let mut reader = GraphReader::new(&mut *self.shared, Some(&self.values));
        reader.initializers(graph)?;
        let inputs = reader.inputs(graph);
        let (t, state) = match inputs[..] {
            [state] => (None, state),
            [t, state] => (Some(t), state),
            _ => {
                let found = format!("{} inputs", inputs.len());
                return Err(n.bad("field", found, "inputs z or t, z"));
            }
        };
        if let Some(t) = t {
            let declared = extents(t)?;
            let batched = match declared.as_deref() {
                None | Some([None | Some(1), Some(1)]) => true,
                Some([Some(1)]) => false,
                Some(other) => {
                    return Err(n.bad(
                        "field",
                        format!("t with extents {}", show(other)),
                        "[N, 1] or [1]",
                    ));
                }
            };
            reader.input(t, 0, vec![1], batched)?;
        }
        if let Some(declared) = extents(state)? {
            let fits = declared.len() == z.full.len()
                && declared
                    .iter()
                    .zip(&z.full)
                    .enumerate()
                    .all(|(k, (d, &e))| d.map_or(k == 0 && z.batched, |d| d == e));
            if !fits {
                let found = format!("z with extents {}", show(&declared));
                return Err(n.bad("field", found, "the extents of the operand"));
            }
        }
        let position = usize::from(t.is_some());
        reader.input(state, position, z.sample().to_vec(), z.batched)?;
        let output = reader.run(graph)?;
        if output.sample() != z.sample() {
            let found = format!("an output with extents {:?}", output.full);
            return Err(n.bad("field", found, "the extents of the operand"));
        }
        let network = Network {
            name: graph.name.clone(),
            nodes: reader.nodes,
            output: output.node,
            // the enclosing network has them all
            rewritten: Vec::new(),
        };
        network.lower().map_err(|source| Error::Field {
            node: n.name.clone(),
            source: Box::new(source),
        })
    }
}

fn method(n: &Node<'_>) -> Result<Method, Error> {
    let ode = |source| Error::Ode {
        node: n.name.clone(),
        source,
    };
    let kind = n
        .string("method")?
        .ok_or_else(|| n.bad("method", "nothing", "the name of a method"))?;
    let name = n.string("method_name")?.unwrap_or(kind);
    match kind {
        "runge_kutta" => Ok(Method::RungeKutta(tableau(n, name)?)),
        "multistep" => {
            let startup = match n.string("startup")?.unwrap_or_default() {
                "runge_kutta" => tableau(n, n.string("startup_name")?.unwrap_or("startup"))?,
                other => match by_name(other).map_err(ode)? {
                    Method::RungeKutta(table) => table,
                    Method::Multistep(_) => {
                        return Err(n.bad("startup", other, "a one-step method"));
                    }
                },
            };
            let alpha = n.need_rationals("alpha")?;
            let beta = n.need_rationals("beta")?;
            let method = Multistep::new(name, alpha, beta, startup).map_err(ode)?;
            Ok(Method::Multistep(method))
        }
        _ => {
            // A name fixes every coefficient; others beside it would be ignored.
            for attribute in ["a", "b", "alpha", "beta"] {
                if n.rationals(attribute)?.is_some() {
                    return Err(n.bad(attribute, "coefficients", "none beside a named method"));
                }
            }
            by_name(kind).map_err(ode)
        }
    }
}

/// The table given by `a` (strictly lower triangle, row by row) and `b`.
fn tableau(n: &Node<'_>, name: &str) -> Result<Tableau, Error> {
    let b = n.need_rationals("b")?;
    let mut flat = n.rationals("a")?.unwrap_or_default().into_iter();
    let stages = b.len();
    if flat.len() != stages * stages.saturating_sub(1) / 2 {
        let found = format!("{} coefficients for {stages} stages", flat.len());
        return Err(n.bad("a", found, "s (s - 1) / 2 coefficients"));
    }
    let a: Vec<Vec<Rational>> = (0..stages)
        .map(|i| flat.by_ref().take(i).collect())
        .collect();
    let c = a.iter().map(|row| row.iter().sum()).collect();
    Tableau::new(name, a, b, c).map_err(|source| Error::Ode {
        node: n.name.clone(),
        source,
    })
}
