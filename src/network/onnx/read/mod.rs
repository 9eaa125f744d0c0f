//! Reading a model: the interface of the graph, its values, and one file per
//! family of operators.

mod arithmetic;
mod build;
mod dense;
mod exact;
mod index;
mod ode;
mod reduce;
mod shape;
mod window;

use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use prost::Message;
use prost::bytes::Bytes;

use super::messages::{
    GraphProto, ModelProto, OperatorSetIdProto, TensorProto, ValueInfoProto, data_type,
};
use super::node::Node;
use super::tensor::{Data, Literal};
use super::{DOMAIN, DOMAIN_VERSION, Error, limits};
use crate::graph::Op;
use crate::network::{Layer, Network, NetworkNode};
use crate::ops::{LeakyRelu, Param, Pointwise, Relu, Shape, Sigmoid, Softplus, Tanh};

/// The opsets whose operators read as documented.
const OPSETS: std::ops::RangeInclusive<i64> = 7..=25;

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

fn opset(imports: &[OperatorSetIdProto]) -> Result<i64, Error> {
    let mut opset = None;
    for import in imports {
        let wrong = |expected| {
            Err(Error::Model {
                what: format!("operator set {:?}", import.domain),
                found: format!("version {}", import.version),
                expected,
            })
        };
        match import.domain.as_str() {
            "" | "ai.onnx" if !OPSETS.contains(&import.version) => {
                return wrong("version 7 to 25");
            }
            "" | "ai.onnx" => opset = opset.max(Some(import.version)),
            DOMAIN if import.version != DOMAIN_VERSION => return wrong("version 1"),
            _ => {}
        }
    }
    opset.ok_or_else(|| Error::Model {
        what: "model".into(),
        found: "no version of the default operator set".into(),
        expected: "version 7 to 25",
    })
}

/// Nodes that the output does not depend on are dropped; inputs stay.
fn prune(nodes: Vec<NetworkNode>, output: usize) -> (Vec<NetworkNode>, usize) {
    let mut keep: Vec<bool> = nodes
        .iter()
        .map(|n| matches!(n.layer, Layer::Op(Op::Input(_))))
        .collect();
    keep[output] = true;
    for (i, node) in nodes.iter().enumerate().rev() {
        if keep[i] {
            node.inputs.iter().for_each(|&j| keep[j] = true);
        }
    }
    let mut new = vec![0; nodes.len()];
    let mut kept = Vec::new();
    for (i, mut node) in nodes.into_iter().enumerate() {
        if keep[i] {
            new[i] = kept.len();
            node.inputs.iter_mut().for_each(|j| *j = new[*j]);
            kept.push(node);
        }
    }
    (kept, new[output])
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

    /// The graph's inputs without those that only declare an initializer.
    fn inputs(&self, graph: &'m GraphProto) -> Vec<&'m ValueInfoProto> {
        graph
            .input
            .iter()
            .filter(|i| !self.values.contains_key(i.name.as_str()))
            .collect()
    }

    fn model_input(&mut self, info: &'m ValueInfoProto) -> Result<(), Error> {
        const EXPECTED: &str = "fixed extents behind a batch axis that is 1 or symbolic";
        let wrong = |found: String| Error::Model {
            what: format!("input {}", info.name),
            found,
            expected: EXPECTED,
        };
        let declared = extents(info)?.ok_or_else(|| wrong("no extents".into()))?;
        let (batched, rest) = match &declared[..] {
            [None, rest @ ..] => {
                self.shared.batch = Batch::Any;
                (true, rest)
            }
            [Some(1), rest @ ..] if !rest.is_empty() => (true, rest),
            whole if whole.len() < 2 => (false, whole),
            _ => return Err(wrong(format!("extents {}", show(&declared)))),
        };
        let sample: Option<Vec<usize>> = rest.iter().copied().collect();
        let sample = sample.ok_or_else(|| wrong(format!("extents {}", show(&declared))))?;
        self.input(info, 0, sample, batched)
    }

    fn input(
        &mut self,
        info: &'m ValueInfoProto,
        position: usize,
        sample: Vec<usize>,
        batched: bool,
    ) -> Result<(), Error> {
        let shape = self.shape(&info.name, &sample)?;
        let node = self.push(info.name.clone(), Op::Input(position), vec![], Some(shape));
        let mut full = sample;
        if batched {
            full.insert(0, 1);
        }
        let value = Value::Variable(Variable {
            node,
            full,
            batched,
        });
        self.define(&info.name, value)
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

/// The extents a value is declared with; `None` for a symbolic one, or when no
/// shape is declared.
fn extents(info: &ValueInfoProto) -> Result<Option<Vec<Option<usize>>>, Error> {
    let wrong = |found: String, expected| Error::Model {
        what: format!("input {}", info.name),
        found,
        expected,
    };
    let Some(tensor) = info.r#type.as_ref().and_then(|t| t.tensor_type.as_ref()) else {
        return Ok(None);
    };
    if tensor.elem_type != data_type::FLOAT {
        return Err(wrong(
            format!("element type {}", tensor.elem_type),
            "float (1)",
        ));
    }
    let Some(shape) = &tensor.shape else {
        return Ok(None);
    };
    let mut dims = Vec::new();
    for (k, d) in shape.dim.iter().enumerate() {
        dims.push(match d.dim_value {
            // Some exporters store an unknown batch as 0 or -1.
            Some(v) if k == 0 && v <= 0 => None,
            Some(v) => Some(
                usize::try_from(v)
                    .ok()
                    .filter(|&v| v > 0)
                    .ok_or_else(|| wrong(format!("extent {v}"), "positive extents"))?,
            ),
            None => None,
        });
    }
    Ok(Some(dims))
}

fn show(dims: &[Option<usize>]) -> String {
    let list: Vec<String> = dims
        .iter()
        .map(|d| d.map_or("?".into(), |d| d.to_string()))
        .collect();
    format!("[{}]", list.join(", "))
}

/// The flat sample shape, with its element count checked.
fn checked(dims: &[usize]) -> Result<Shape, Error> {
    let len = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
    match len {
        Some(n) if n <= limits::MAX_ELEMENTS => Ok(Shape::new(dims)),
        _ => Err(Error::TooLarge {
            what: "number of elements of a value",
            found: len.map_or(u64::MAX, |n| n as u64),
            limit: limits::MAX_ELEMENTS as u64,
        }),
    }
}
