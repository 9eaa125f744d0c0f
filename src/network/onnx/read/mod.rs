//! Reading a model: the interface of the graph, its values, and one file per
//! family of operators.

mod arithmetic;
mod build;
mod dense;
mod exact;
mod index;
mod interface;
mod ode;
mod reduce;
mod shape;
mod window;

use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use prost::Message;
use prost::bytes::Bytes;

use super::messages::{FunctionProto, GraphProto, ModelProto, TensorProto};
use super::node::Node;
use super::tensor::{Data, Literal};
use super::{DOMAIN, DOMAIN_VERSION, Error, limits};
use crate::graph::Op;
use crate::network::{Network, NetworkNode};
use crate::ops::{LeakyRelu, Param, Pointwise, Relu, Sigmoid, Softplus, Tanh};
use interface::{checked, extents, opset, prune, show};

/// Reads a model file's bytes (not compressed).
///
/// Memory stays within a fixed multiple of the length of `bytes` plus a fixed
/// amount, whatever the bytes are.
///
/// # Errors
/// [`Error`] names the node, attribute, tensor or value that cannot be read.
pub fn read_model(bytes: Vec<u8>) -> Result<Network, Error> {
    limits::check(&bytes)?;
    let model = ModelProto::decode(Bytes::from(bytes))?;
    let Some(graph) = &model.graph else {
        return Err(Error::Model {
            what: "model".into(),
            found: "no graph".into(),
            expected: "a graph",
        });
    };
    let redefined = |f: &&FunctionProto| ["", "ai.onnx", DOMAIN].contains(&f.domain.as_str());
    if let Some(f) = model.functions.iter().find(redefined) {
        return Err(Error::Model {
            what: format!("function {}", f.name),
            found: format!("domain {:?}", f.domain),
            expected: "no function in the domain of an operator that is read",
        });
    }
    let mut shared = Shared {
        opset: opset(&model.opset_import)?,
        batch: Batch::One,
        params: HashMap::new(),
        kernels: HashMap::new(),
        names: HashSet::new(),
        constants: 0,
        made: 0,
    };
    let mut reader = GraphReader::new(&mut shared, None);
    reader.initializers(graph)?;
    let inputs = reader.inputs(graph);
    let [input] = inputs[..] else {
        return Err(Error::Model {
            what: "graph".into(),
            found: format!("{} inputs", inputs.len()),
            expected: "one input",
        });
    };
    reader.model_input(input)?;
    let output = reader.run(graph)?;
    let (nodes, output) = prune(reader.nodes, output.node);
    Ok(Network {
        name: graph.name.clone(),
        nodes,
        output,
    })
}

/// What the file says of the batch axis.
#[derive(Clone, Copy, PartialEq)]
enum Batch {
    /// one sample; the axis may be moved and merged with others
    One,
    /// any number of samples; the axis stays in front
    Any,
}

/// The state common to the graph and the fields of its ODE blocks.
struct Shared {
    opset: i64,
    batch: Batch,
    /// by constant, transposition and extents, so that two uses share a tensor
    params: HashMap<(usize, bool, Vec<usize>), Param>,
    /// by the name of the matrix that is used as a convolution
    kernels: HashMap<String, Param>,
    names: HashSet<String>,
    constants: usize,
    /// elements of index lists and constants made so far
    made: usize,
}

/// A constant of the file; decoded when used.
#[derive(Clone)]
struct Constant<'m> {
    id: usize,
    name: String,
    source: Source<'m>,
}

#[derive(Clone)]
enum Source<'m> {
    Stored(&'m TensorProto),
    Made(Rc<Literal>),
}

impl Constant<'_> {
    fn literal(&self) -> Result<Rc<Literal>, Error> {
        match &self.source {
            Source::Stored(t) => Literal::decode(t).map(Rc::new),
            Source::Made(literal) => Ok(literal.clone()),
        }
    }

    fn dims(&self) -> Result<Vec<usize>, Error> {
        match &self.source {
            Source::Stored(t) => Literal::extents(t),
            Source::Made(literal) => Ok(literal.dims.clone()),
        }
    }
}

/// A computed value: `full` are the ONNX extents with a batch of one, in front
/// when `batched`; the network's node has the extents behind it.
#[derive(Clone, Debug)]
struct Variable {
    node: usize,
    full: Vec<usize>,
    batched: bool,
}

impl Variable {
    fn sample(&self) -> &[usize] {
        &self.full[usize::from(self.batched)..]
    }
}

#[derive(Clone)]
enum Value<'m> {
    Constant(Constant<'m>),
    Variable(Variable),
}

struct GraphReader<'m, 'r> {
    shared: &'r mut Shared,
    values: HashMap<&'m str, Value<'m>>,
    /// the values of the enclosing graph, in a field
    outer: Option<&'r HashMap<&'m str, Value<'m>>>,
    nodes: Vec<NetworkNode>,
}

impl<'m, 'r> GraphReader<'m, 'r> {
    fn new(
        shared: &'r mut Shared,
        outer: Option<&'r HashMap<&'m str, Value<'m>>>,
    ) -> GraphReader<'m, 'r> {
        GraphReader {
            shared,
            values: HashMap::new(),
            outer,
            nodes: Vec::new(),
        }
    }

    fn define(&mut self, name: &'m str, value: Value<'m>) -> Result<(), Error> {
        if self.values.insert(name, value).is_some() {
            return Err(Error::Duplicate { value: name.into() });
        }
        Ok(())
    }

    fn new_constant(&mut self, name: &str, source: Source<'m>) -> Value<'m> {
        self.shared.constants += 1;
        Value::Constant(Constant {
            id: self.shared.constants,
            name: name.into(),
            source,
        })
    }

    fn initializers(&mut self, graph: &'m GraphProto) -> Result<(), Error> {
        for t in &graph.initializer {
            let value = self.new_constant(&t.name, Source::Stored(t));
            self.define(&t.name, value)?;
        }
        Ok(())
    }

    /// Reads every node and returns the graph's one output.
    fn run(&mut self, graph: &'m GraphProto) -> Result<Variable, Error> {
        for (position, proto) in graph.node.iter().enumerate() {
            let node = Node::new(proto, position);
            let outputs = proto.output.iter().filter(|o| !o.is_empty()).count();
            let Some(name) = proto.output.first().filter(|o| !o.is_empty()) else {
                return Err(node.operand("output 0", "no name", "a first output"));
            };
            let value = self.read(&node)?;
            if outputs > 1 && proto.op_type != "Dropout" {
                return Err(node.operand("outputs", outputs, "one output"));
            }
            self.define(name, value)?;
        }
        let [output] = &graph.output[..] else {
            return Err(Error::Model {
                what: format!("graph {}", graph.name),
                found: format!("{} outputs", graph.output.len()),
                expected: "one output",
            });
        };
        match self.values.get(output.name.as_str()) {
            Some(Value::Variable(v)) => Ok(v.clone()),
            Some(Value::Constant(_)) => Err(Error::Model {
                what: format!("output {}", output.name),
                found: "a constant".into(),
                expected: "a computed value",
            }),
            None => Err(Error::Undefined {
                node: "output".into(),
                value: output.name.clone(),
            }),
        }
    }

    fn read(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        let domain = match n.proto.domain.as_str() {
            "ai.onnx" => "",
            other => other,
        };
        let operator = n.proto.op_type.as_str();
        if domain == DOMAIN {
            return match operator {
                "OdeBlock" => self.ode_block(n),
                "Combine" => self.combine_exact(n),
                "Diagonal" => self.diagonal_exact(n),
                "SumPool" => self.sum_pool(n),
                "Gather" => self.gather_exact(n),
                "Constant" => self.constant_exact(n),
                _ => Err(self.unsupported(n, "")),
            };
        }
        if !domain.is_empty() {
            return Err(self.unsupported(n, ""));
        }
        match operator {
            "Gemm" => self.gemm(n),
            "MatMul" => self.mat_mul(n),
            "Conv" => self.conv(n),
            "BatchNormalization" => self.batch_normalization(n),
            "AveragePool" => self.average_pool(n),
            "GlobalAveragePool" => self.global_average_pool(n),
            "ReduceMean" | "ReduceSum" => self.reduce(n),
            "Add" | "Sub" | "Mul" | "Div" => self.binary(n),
            "Sum" => self.sum(n),
            "Neg" => self.negate(n),
            "Relu" => self.pointwise(n, &[], Arc::new(Relu)),
            "Tanh" => self.pointwise(n, &[], Arc::new(Tanh)),
            "Sigmoid" => self.pointwise(n, &[], Arc::new(Sigmoid)),
            "Softplus" => self.pointwise(n, &[], Arc::new(Softplus)),
            "LeakyRelu" => {
                let alpha = n.float("alpha", 0.01)?;
                let f = LeakyRelu::new(alpha).map_err(|e| n.operation(e))?;
                self.pointwise(n, &["alpha"], Arc::new(f))
            }
            "Flatten" => self.flatten(n),
            "Reshape" => self.reshape(n),
            "Squeeze" => self.squeeze(n),
            "Unsqueeze" => self.unsqueeze(n),
            "Transpose" => self.transpose(n),
            "Concat" => self.concat(n),
            "Slice" => self.slice(n),
            "Gather" => self.gather(n),
            "Pad" => self.pad(n),
            "Identity" => {
                n.only(&[])?;
                self.value(n, 0)
            }
            "Dropout" => self.dropout(n),
            "Constant" => self.constant_node(n),
            "MaxPool" => Err(self.unsupported(n, "; average pools are")),
            _ => Err(self.unsupported(n, "")),
        }
    }

    fn unsupported(&self, n: &Node<'m>, hint: &'static str) -> Error {
        let own = n.proto.domain == DOMAIN;
        Error::Operator {
            node: n.name.clone(),
            operator: n.proto.op_type.clone(),
            domain: n.proto.domain.clone(),
            opset: if own {
                DOMAIN_VERSION
            } else {
                self.shared.opset
            },
            hint,
        }
    }

    fn pointwise(
        &mut self,
        n: &Node<'m>,
        attributes: &[&str],
        f: Arc<dyn Pointwise>,
    ) -> Result<Value<'m>, Error> {
        n.only(attributes)?;
        let x = self.variable(n, 0)?;
        let node = self.push(n.name.clone(), Op::Pointwise(f), vec![x.node], None);
        Ok(Value::Variable(Variable { node, ..x }))
    }

    fn dropout(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&["ratio", "seed"])?;
        if let Some(training) = self.integers(n, 2)?
            && training.iter().any(|&v| v != 0)
        {
            return Err(n.operand("training_mode", "true", "inference"));
        }
        self.value(n, 0)
    }

    fn constant_node(&mut self, n: &Node<'m>) -> Result<Value<'m>, Error> {
        n.only(&[
            "value",
            "value_float",
            "value_floats",
            "value_int",
            "value_ints",
        ])?;
        let source = if let Some(t) = n.tensor("value")? {
            Source::Stored(t)
        } else {
            let (dims, data) = if let Some(v) = n.floats("value_floats")? {
                (vec![v.len()], Data::Floats(v.to_vec()))
            } else if let Some(v) = n.ints("value_ints")? {
                (vec![v.len()], Data::Ints(v.to_vec()))
            } else if n.has("value_float") {
                (vec![], Data::Floats(vec![n.float("value_float", 0.0)?]))
            } else if n.has("value_int") {
                (vec![], Data::Ints(vec![n.int("value_int", 0)?]))
            } else {
                return Err(n.bad("value", "nothing", "a tensor, number or list of numbers"));
            };
            if dims.contains(&0) {
                return Err(n.bad("value", "an empty list", "at least one element"));
            }
            Source::Made(Rc::new(Literal { dims, data }))
        };
        Ok(self.new_constant(&n.name, source))
    }
}
