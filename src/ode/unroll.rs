//! From an ODE block to the recurrence it runs.

use super::{Error, Method, Multistep, Tableau};
use crate::exact::Rational;
use crate::graph::{Graph, GraphBuilder, NodeId};
use crate::ops::Shape;

/// The right-hand side `f`: a graph of `z`, or of `(t, z)` with `t` of shape
/// `[1]`; one for all steps, or one per step (a residual network is Euler's
/// method with a field per step).
#[derive(Clone, Debug)]
pub enum Field {
    /// the same field at every step
    Shared(Graph),
    /// one field per step
    PerStep(Vec<Graph>),
}

impl Field {
    /// The distinct graphs.
    pub fn graphs(&self) -> &[Graph] {
        match self {
            Field::Shared(g) => std::slice::from_ref(g),
            Field::PerStep(g) => g,
        }
    }

    /// The field of step `n`.
    pub fn at(&self, n: usize) -> &Graph {
        match self {
            Field::Shared(g) => g,
            Field::PerStep(g) => &g[n],
        }
    }
}

struct Unroller<'a> {
    builder: &'a mut GraphBuilder,
    prefix: &'a str,
    field: &'a Field,
    t0: &'a Rational,
    h: &'a Rational,
}

impl Unroller<'_> {
    /// `f_n(t0 + (n + c) h, z)`
    fn field(&mut self, n: usize, c: &Rational, z: NodeId, tag: &str) -> Result<NodeId, Error> {
        let graph = self.field.at(n);
        let prefix = format!("{}step{n}/{tag}", self.prefix);
        let inputs = if graph.inputs().len() == 2 {
            let t = self.t0 + self.h * Rational::from(c + n as u64);
            let t = self
                .builder
                .constant(format!("{prefix}t"), Shape::new(&[1]), vec![t])?;
            vec![t, z]
        } else {
            vec![z]
        };
        Ok(self.builder.inline(&prefix, graph, &inputs)?)
    }

    fn runge_kutta(&mut self, method: &Tableau, n: usize, z: NodeId) -> Result<NodeId, Error> {
        let one = Rational::from(1);
        let mut stages: Vec<NodeId> = Vec::new();
        for (i, row) in method.a().iter().enumerate() {
            let mut terms = vec![(one.clone(), z)];
            terms.extend(
                row.iter()
                    .zip(&stages)
                    .map(|(a, &k)| (Rational::from(a * self.h), k)),
            );
            let at = self
                .builder
                .combine(format!("{}step{n}/stage{i}/state", self.prefix), &terms)?;
            stages.push(self.field(n, &method.c()[i], at, &format!("stage{i}/"))?);
        }
        let mut terms = vec![(one, z)];
        terms.extend(
            method
                .b()
                .iter()
                .zip(&stages)
                .map(|(b, &k)| (Rational::from(b * self.h), k)),
        );
        Ok(self
            .builder
            .combine(format!("{}step{n}/state", self.prefix), &terms)?)
    }

    fn multistep(&mut self, method: &Multistep, steps: usize, z: NodeId) -> Result<NodeId, Error> {
        let k = method.k();
        let mut states = vec![z];
        for n in 0..k - 1 {
            let next = self.runge_kutta(method.startup(), n, states[n])?;
            states.push(next);
        }
        let mut fields: Vec<Option<NodeId>> = vec![None; steps];
        for n in 0..=steps - k {
            let mut terms = Vec::new();
            for j in 0..k {
                let a = Rational::from(-&method.alpha()[j]) / &method.alpha()[k];
                terms.push((a, states[n + j]));
                if method.beta()[j] == 0 {
                    continue;
                }
                let f = match fields[n + j] {
                    Some(f) => f,
                    None => {
                        let f = self.field(n + j, &Rational::new(), states[n + j], "")?;
                        fields[n + j] = Some(f);
                        f
                    }
                };
                terms.push((
                    Rational::from(&method.beta()[j] * self.h) / &method.alpha()[k],
                    f,
                ));
            }
            let step = n + k - 1;
            states.push(
                self.builder
                    .combine(format!("{}step{step}/state", self.prefix), &terms)?,
            );
        }
        Ok(states[steps])
    }
}

/// Appends `steps` steps of `method` for `z' = f(t, z)` on `[t0, t1]` from node
/// `z`; returns the final state. The step is `h = (t1 - t0) / steps`, exact.
#[allow(clippy::too_many_arguments)]
pub fn unroll(
    builder: &mut GraphBuilder,
    prefix: &str,
    method: &Method,
    field: &Field,
    steps: usize,
    t0: &Rational,
    t1: &Rational,
    z: NodeId,
) -> Result<NodeId, Error> {
    let least = match method {
        Method::RungeKutta(_) => 1,
        Method::Multistep(m) => m.k(),
    };
    if steps < least || steps > 100_000 {
        return Err(Error::Block {
            what: "steps",
            found: steps,
            expected: format!("{least} to 100000"),
        });
    }
    if let Field::PerStep(fields) = field
        && fields.len() != steps
    {
        return Err(Error::Block {
            what: "number of fields",
            found: fields.len(),
            expected: format!("one per step, {steps}"),
        });
    }
    for graph in field.graphs() {
        if !(1..=2).contains(&graph.inputs().len()) {
            return Err(Error::Block {
                what: "number of field inputs",
                found: graph.inputs().len(),
                expected: "1 (z) or 2 (t, z)".into(),
            });
        }
    }
    let h = Rational::from(t1 - t0) / steps as u64;
    let mut unroller = Unroller {
        builder,
        prefix,
        field,
        t0,
        h: &h,
    };
    match method {
        Method::RungeKutta(table) => {
            let mut state = z;
            for n in 0..steps {
                state = unroller.runge_kutta(table, n, state)?;
            }
            Ok(state)
        }
        Method::Multistep(m) => unroller.multistep(m, steps, z),
    }
}
