//! A network with its ODE blocks.

use super::super::messages::{GraphProto, NodeProto, attribute_type};
use super::super::{DOMAIN, Error};
use super::functions::{OWN, unsupported};
use super::{
    AttributeProto, Writer, attribute, int, ints, node, positive, product, string, strings,
    value_info, window,
};
use crate::exact::Rational;
use crate::graph::{Graph, Op};
use crate::network::{Layer, Network, OdeBlock};
use crate::ode::{Field, Method, Tableau, by_name};
use crate::ops::{LinearKernel, LinearMap, Shape};

/// The network as a model file, ODE blocks as `OdeBlock` nodes. Reading it
/// back gives a network whose lowered graph has the same content hash.
///
/// # Errors
/// The network has not exactly one input, a node refers to a later node, an
/// extent is zero, or the file would exceed the format's 2 GiB.
pub fn write_model(network: &Network) -> Result<Vec<u8>, Error> {
    let mut writer = Writer::default();
    let mut nodes = Vec::new();
    let mut values: Vec<(String, Shape)> = Vec::new();
    let mut input = None;
    for layer in &network.nodes {
        let name = writer.unique(&layer.name);
        let mut operands = Vec::new();
        for &i in &layer.inputs {
            operands.push(values.get(i).cloned().ok_or_else(|| Error::Undefined {
                node: layer.name.clone(),
                value: format!("node {i}"),
            })?);
        }
        let declared = || layer.shape.clone().unwrap_or_else(|| Shape::new(&[]));
        let shape = match &layer.layer {
            Layer::Op(op) => {
                let shape = writer.operation(&mut nodes, op, &name, &operands, &declared())?;
                if matches!(op, Op::Input(_)) && input.replace(values.len()).is_some() {
                    return Err(one_input("two inputs"));
                }
                shape
            }
            Layer::Ode(block) => {
                let (z, shape) = first(&name, &operands)?;
                let proto = writer.ode_block(block, &name, z)?;
                nodes.push(proto);
                shape
            }
        };
        positive(&name, &shape)?;
        values.push((name, shape));
    }
    let at = |i: usize| values.get(i).map(|(name, shape)| value_info(name, shape));
    let input = input.and_then(at).ok_or_else(|| one_input("no input"))?;
    let output = at(network.output).ok_or_else(|| Error::Undefined {
        node: "output".into(),
        value: format!("node {}", network.output),
    })?;
    writer.finish(GraphProto {
        node: nodes,
        name: network.name.clone(),
        input: vec![input],
        output: vec![output],
        ..GraphProto::default()
    })
}

fn one_input(found: &str) -> Error {
    Error::Model {
        what: "network".into(),
        found: found.into(),
        expected: "one input",
    }
}

fn first<'a>(name: &str, operands: &'a [(String, Shape)]) -> Result<(&'a str, Shape), Error> {
    let operand = operands.first().ok_or_else(|| Error::Operand {
        node: name.into(),
        operand: "0".into(),
        found: "nothing".into(),
        expected: "an operand",
    })?;
    Ok((&operand.0, operand.1.clone()))
}

impl Writer {
    /// Appends the node of one operator and returns the shape of its value.
    fn operation(
        &mut self,
        nodes: &mut Vec<NodeProto>,
        op: &Op,
        name: &str,
        operands: &[(String, Shape)],
        declared: &Shape,
    ) -> Result<Shape, Error> {
        match op {
            Op::Input(_) => Ok(declared.clone()),
            Op::Constant(values) => {
                let attributes = vec![strings("values", values), ints("shape", declared.dims())];
                nodes.push(self.own("Constant", name, vec![], attributes));
                Ok(declared.clone())
            }
            Op::Linear(map) => {
                let (x, _) = first(name, operands)?;
                let proto = match self.standard_map(&**map, x, name) {
                    Some(proto) => proto,
                    None => self.own_map(&**map, x, name),
                };
                nodes.push(proto);
                Ok(map.output().clone())
            }
            Op::Pointwise(f) => {
                let (x, shape) = first(name, operands)?;
                let proto = match self.function(&**f, x, name) {
                    Some(proto) => proto,
                    None => {
                        let own = OWN.iter().find(|(own, _)| *own == f.name());
                        let (_, operator) = own.ok_or_else(|| unsupported(&**f, name))?;
                        self.own(operator, name, vec![x.into()], vec![])
                    }
                };
                nodes.push(proto);
                Ok(shape)
            }
            Op::Product(p) => {
                let inputs: Vec<String> = operands.iter().map(|(x, _)| x.clone()).collect();
                nodes.push(node("", product(p), name, inputs, vec![]));
                Ok(p.output().clone())
            }
            Op::Combine(coefficients) => {
                let (_, shape) = first(name, operands)?;
                let inputs: Vec<String> = operands.iter().map(|(x, _)| x.clone()).collect();
                let standard = match &coefficients[..] {
                    [a, b] if *a == 1 && *b == 1 => Some("Add"),
                    [a, b] if *a == 1 && *b == -1 => Some("Sub"),
                    _ => None,
                };
                nodes.push(match standard {
                    Some(operator) => node("", operator, name, inputs, vec![]),
                    None => {
                        let attributes = vec![strings("coefficients", coefficients)];
                        self.own("Combine", name, inputs, attributes)
                    }
                });
                Ok(shape)
            }
        }
    }

    fn own(
        &mut self,
        operator: &str,
        name: &str,
        inputs: Vec<String>,
        attributes: Vec<AttributeProto>,
    ) -> NodeProto {
        self.own_domain = true;
        node(DOMAIN, operator, name, inputs, attributes)
    }

    /// The maps that the default domain cannot hold one to one.
    fn own_map(&mut self, map: &dyn LinearMap, x: &str, name: &str) -> NodeProto {
        match map.kernel() {
            LinearKernel::Diagonal { scale, bias, .. } => {
                let inputs = vec![
                    x.into(),
                    self.param(scale, scale.shape().dims()),
                    self.param(bias, bias.shape().dims()),
                ];
                let uncertainty = Rational::from_f64(map.uncertainty()).filter(|u| *u != 0);
                let attributes = uncertainty.map(|u| string("uncertainty", u));
                self.own("Diagonal", name, inputs, attributes.into_iter().collect())
            }
            LinearKernel::SumPool { geometry } => {
                self.own("SumPool", name, vec![x.into()], window(geometry))
            }
            LinearKernel::Gather { index } => {
                let index = index.iter().map(|i| i.map_or(-1, i64::from)).collect();
                let index = self.list(&format!("{name}/index"), index);
                let attributes = vec![ints("shape", map.output().dims())];
                self.own("Gather", name, vec![x.into(), index], attributes)
            }
            LinearKernel::Dense { .. }
            | LinearKernel::Conv2d { .. }
            | LinearKernel::ConvTranspose { .. }
            | LinearKernel::Reshape => self
                .standard_map(map, x, name)
                .expect("written by the default domain"),
        }
    }

    fn ode_block(&mut self, block: &OdeBlock, name: &str, z: &str) -> Result<NodeProto, Error> {
        let mut attributes = Vec::new();
        match &block.field {
            Field::Shared(graph) => attributes.push(AttributeProto {
                g: Some(self.field(graph, &format!("{name}/field"))?),
                ..attribute("field", attribute_type::GRAPH)
            }),
            Field::PerStep(graphs) => {
                let each = graphs.iter().enumerate();
                let each = each.map(|(k, graph)| self.field(graph, &format!("{name}/field{k}")));
                attributes.push(AttributeProto {
                    graphs: each.collect::<Result<_, _>>()?,
                    ..attribute("fields", attribute_type::GRAPHS)
                });
            }
        }
        method(&block.method, &mut attributes);
        attributes.push(int("steps", block.steps as i64));
        attributes.push(string("t0", &block.t0));
        attributes.push(string("t1", &block.t1));
        Ok(self.own("OdeBlock", name, vec![z.into()], attributes))
    }

    /// A field as a sub-graph; its weights are initializers of the model, so
    /// that fields can share them.
    fn field(&mut self, graph: &Graph, prefix: &str) -> Result<GraphProto, Error> {
        let mut nodes = Vec::new();
        let mut values: Vec<(String, Shape)> = Vec::new();
        for n in graph.nodes() {
            let name = self.unique(&format!("{prefix}/{}", n.name));
            positive(&name, &n.shape)?;
            let operands: Vec<_> = n.inputs.iter().map(|i| values[i.index()].clone()).collect();
            self.operation(&mut nodes, &n.op, &name, &operands, &n.shape)?;
            values.push((name, n.shape.clone()));
        }
        let info = |i: usize| value_info(&values[i].0, &values[i].1);
        Ok(GraphProto {
            node: nodes,
            name: prefix.into(),
            input: graph.inputs().iter().map(|i| info(i.index())).collect(),
            output: vec![info(graph.output().index())],
            ..GraphProto::default()
        })
    }
}

/// The attributes of a method: its name if it is a built-in one, else its
/// coefficients.
fn method(method: &Method, attributes: &mut Vec<AttributeProto>) {
    let built_in = |m: &Method| by_name(m.name()).is_ok_and(|known| known == *m);
    let table = |t: &Tableau| {
        let a: Vec<&Rational> = t.a().iter().flatten().collect();
        [strings("a", &a), strings("b", t.b())]
    };
    if built_in(method) {
        attributes.push(string("method", method.name()));
        return;
    }
    match method {
        Method::RungeKutta(t) => {
            attributes.push(string("method", "runge_kutta"));
            attributes.extend(table(t));
        }
        Method::Multistep(m) => {
            attributes.push(string("method", "multistep"));
            attributes.push(strings("alpha", m.alpha()));
            attributes.push(strings("beta", m.beta()));
            if built_in(&Method::RungeKutta(m.startup().clone())) {
                attributes.push(string("startup", m.startup().name()));
            } else {
                attributes.push(string("startup", "runge_kutta"));
                attributes.push(string("startup_name", m.startup().name()));
                attributes.extend(table(m.startup()));
            }
        }
    }
    attributes.push(string("method_name", method.name()));
}
